# No path leads out of the folder, and nothing but a regular file is opened.

use v5.36;

use File::Path qw(make_path);
use FindBin;
use IO::Socket::UNIX ();
use lib "$FindBin::Bin/lib";
use POSIX qw(mkfifo);
use Test::More;
use Time::HiRes qw(time);
use Tined qw(spew wait_for);

my %files = ('a.txt' => "a\n", 'sub/b.txt' => "b\n", 'sub/deep/c.txt' => "c\n");
my $tined = Tined->start(files => \%files, args => ['-w', 2, '--listing']);
my $root = $tined->root;
my $above = $tined->dir;

spew("$above/secret", "SECRET\n");
make_path("$above/www-other");
spew("$above/www-other/secret", "SECRET\n");

subtest 'up and out' => sub {
	my @up = ('..', '%2e%2e', '%2E.', '.%2e', '..%2f..', '%2e%2e%2f',
		'%252e%252e', '..%5c', '..;', '..%00', '%c0%ae%c0%ae',
		'%e0%80%ae%e0%80%ae', '..%c0%af', '...', '. .', '..%20',
		'%uff0e%uff0e', '..%ff');
	my @paths = map { my $up = $_; map { "$_$up/secret" }
		q{/}, '/sub/', '//', '/./', '/sub/deep/../' } @up;

	push @paths, map { "/$_$above/secret" } q{}, '/', '/sub/..', '%2f';
	push @paths, '/..', '/../', '/sub/../..', '/sub/../../www-other/secret',
	    '/../www-other/secret', '/../www/../secret', '/sub/%2e%2e/%2e%2e/',
	    '/..\\secret', '/sub\\..\\..\\secret', '/..%5csecret',
	    'http://localhost/../secret', '/../' x 50 . 'secret',
	    '/../../../../../../../../etc/passwd', '/%2e%2e' x 8
	    . '/etc/passwd', '/sub/b.txt/../../../secret',
	    '/none/../../secret', '/a.txt/../../secret', '../secret',
	    'secret', q{};
	my @leaks = grep {
		$tined->request("GET $_ HTTP/1.1\r\nHost: a\r\n"
			. "Connection: close\r\n\r\n", all => 1)->body
		    =~ /SECRET|root:|notify|error\.log/;
	} @paths;
	is_deeply(\@leaks, [], scalar(@paths) . ' paths, none leads out');
};

subtest 'paths that are nothing' => sub {
	my %status = (
		'/a%00.txt'        => 400,
		'/%00'             => 400,
		'/a.txt%00.html'   => 400,
		'/%zz'             => 400,
		'/%'               => 400,
		'/%4'              => 400,
		'/a.txt%2f'        => qr/40[04]/,
		'/sub%2fb.txt'     => qr/40[04]/,
		'/sub%5cb.txt'     => qr/40[04]/,
		'/' . 'x' x 300    => 404,
		'/' . 'x/' x 3000  => qr/4(?:04|14)/,
		'/' . 'x' x 9000   => 414,
		'/sub/b.txt/'      => 404,
		'/sub/b.txt/.'     => 404,
		'/sub/b.txt/..'    => qr/404|200|30\d/,
		'/sub//b.txt'      => qr/200|30\d|404/,
	);
	for my $path (sort keys %status) {
		my $got = $tined->get($path)->status;
		my $name = sprintf '%.40s: %d', $path, $got;
		like($got, qr/\A(?:$status{$path})\z/, $name);
	}
};

# A Location that begins with two slashes names another host.
subtest 'a redirect stays on its host' => sub {
	for my $path ('//sub', '///sub', '/.//sub', '//evil.example/../sub',
		'/%2f/sub', '/\\evil.example', '/%5cevil.example',
		'//evil.example', '//evil.example/%2e%2e/sub',
		'/evil.example/..//sub') {
		my $response = $tined->get($path);
		my $location = $response->field('location') // '/';
		like($location, qr{\A/(?![/\\])}, "$path: $location");
	}
	my $response = $tined->get('/sub?%0d%0aX-Bad:%201');
	is($response->field('x-bad'), undef, 'nor splits the response');
	$response = $tined->get('/sub%0d%0aX-Bad:%201/');
	is($response->field('x-bad'), undef, 'nor does a path');
};

# A Location is a URI (RFC 9110, 10.2.2), which a target need not be.
subtest 'a redirect repeats the query, made valid' => sub {
	my %location = (
		'?'             => '?',
		'?a=b%5B%25&/?' => '?a=b%5B%25&/?',
		'?a[]=b|c'      => '?a%5B%5D=b%7Cc',
		'?\\^`{}'       => '?%5C%5E%60%7B%7D',
		'?q=100%&%zz'   => '?q=100%25&%25zz',
		"?\"<>\xc3\xa9"  => '?%22%3C%3E%C3%A9',
	);

	for my $query (sort keys %location) {
		my $response = $tined->get("/sub$query");
		is($response->status, 301, "/sub$query redirects");
		is($response->field('location'), "/sub/$location{$query}",
			'to the same query');
	}
	mkdir "$root/[a|b]" or die "mkdir: $!";
	is($tined->get('/[a|b]')->field('location'), '/%5Ba%7Cb%5D/',
		'a path is made valid too');
};

# What clients send as they were given it, and could not mean otherwise.
subtest 'a path is made valid by a redirect' => sub {
	$tined->add_files("caf\xc3\xa9^.txt" => 'coffee');
	my $response = $tined->get("/caf\xc3\xa9^.txt?a=b^%&c");
	is($response->status, 301, 'it redirects');
	is($response->field('location'), '/caf%C3%A9%5E.txt?a=b%5E%25&c',
		'to the same path and query');
	$response = $tined->get($response->field('location'));
	is($response->status, 200, 'and no further');
	is($response->body, 'coffee', 'to the file');
	for my $path ('/a^', '//evil.example/^', '///evil.example/^',
		"/\\evil.example", "//\\evil.example/<>", '/"//evil.example',
		'/.//evil.example/`', "/{}\xff/../..//evil.example",
		'http://localhost//evil.example/^', 'http://localhost/^') {
		my $location = $tined->get($path)->field('location') // q{};
		like($location, qr{\A/(?![/\\])[!\$-;=?-Z_a-z~]*\z},
			"$path: $location is on this host");
		isnt($tined->get($location)->status, 301, 'no loop');
	}
	is($tined->get('/^', method => 'HEAD')->field('location'), '/%5E',
		'HEAD can follow too');
	for my $method (qw(POST PUT PATCH DELETE OPTIONS)) {
		is($tined->get('/^', method => $method)->status, 400,
			"$method cannot");
	}
};

subtest 'symbolic links' => sub {
	symlink 'a.txt',              "$root/inside";
	symlink 'sub',                "$root/folder";
	symlink "$above/secret",      "$root/outside";
	symlink '../secret',          "$root/relative";
	symlink $above,               "$root/up";
	symlink '/proc/self/environ', "$root/magic";
	symlink '/proc/self/root',    "$root/magic-root";
	symlink 'loop',               "$root/loop";
	symlink 'none',               "$root/dangling";

	is($tined->get('/inside')->body, "a\n", 'one within is followed');
	is($tined->get('/folder/b.txt')->body, "b\n", 'to a folder too');
	for my $path (qw(/outside /relative /up/secret /up/ /up /magic
		/magic-root/etc/passwd /loop /dangling)) {
		my $response = $tined->get($path);
		like($response->status, qr/\A40[34]\z/,
			"$path: $response->{status}");
		unlike($response->body, qr/SECRET|root:/, 'nothing leaks');
	}
	my $follow = Tined->start(root => $root,
		args => ['--follow-symlinks']);
	is($follow->get('/outside')->body, "SECRET\n",
		'--follow-symlinks: one that leads out');
	is($follow->get('/up/secret')->body, "SECRET\n", 'through a folder');
	is($follow->get('/inside')->body, "a\n", 'one within');
	like($follow->get('/../secret')->body, qr/\A(?!.*SECRET)/s,
		'dots still lead nowhere');
	like($follow->get('/loop')->status, qr/\A40[34]\z/, 'a loop');
	$follow->ends_clean;
};

# They are wholly the folder's own, wherever they go on their way.
subtest 'symbolic links that come back' => sub {
	my ($name) = $root =~ m{([^/]+)\z};
	mkdir "$root/links" or die $!;
	symlink "$root/a.txt",        "$root/links/absolute";
	symlink "$root/sub",          "$root/links/folder";
	symlink "../../$name/a.txt",  "$root/links/back";
	symlink $root,                "$root/links/root";
	symlink "$root/links/out",    "$root/links/chain";
	symlink "$above/secret",      "$root/links/out";
	symlink "$root/../secret",    "$root/links/beside";
	symlink "$root.txt",          "$root/links/longer";
	spew("$root.txt", 'SECRET');

	my $links = Tined->start(root => $root, args => ['--listing', '-v']);
	is($links->get('/links/absolute')->body, "a\n", 'an absolute one');
	is($links->get('/links/back')->body, "a\n", 'one up and down');
	is($links->get('/links/folder/b.txt')->body, "b\n", 'to a folder');
	is($links->get('/links/folder')->field('location'), '/links/folder/',
		'with its slash');
	is($links->get('/links/root/a.txt')->body, "a\n", 'to the root');
	is($links->get('/links/root/links/root/')->status, 200, 'and on');
	for my $path (qw(out chain beside longer)) {
		is($links->get("/links/$path")->status, 403, "$path is out");
		like($links->error_log, qr{links/$path\ gets\ 403:
			\ a\ symbolic\ link\ leads\ out}x, 'and why');
	}
	# Or else it would tell what exists there.
	symlink $above, "$root/links/up" or die $!;
	is($links->get("/links/$_")->status, 403, "$_ is out")
	    for qw(up/secret up/nonesuch up/none/such);
	is($links->get("/links/$_")->status, 404, "$_ is not there")
	    for qw(root/nonesuch root/none/such folder/nonesuch);
	unlink "$root/links/up";
	my $html = $links->get('/links/')->body;
	my @links = $html =~ /href="(\w+)/g;
	is_deeply([sort @links], [qw(absolute back folder root)],
		'those that lead to something are listed');
	like($links->error_log, qr{links//?out is not listed: }, 'and why not');
	$links->ends_clean;
};

subtest 'a backslash in a name' => sub {
	$tined->add_files('by\\x2dlabel' => 'device');
	is($tined->get('/by%5Cx2dlabel')->body, 'device', 'is served');
	is($tined->get('/by\\x2dlabel')->field('location'), '/by%5Cx2dlabel',
		'when it is encoded');
	like($tined->get('/..%5c..%5csecret')->status, qr/\A40[034]\z/,
		'and means nothing');
};

subtest 'what is no regular file' => sub {
	mkfifo("$root/fifo", oct '0600') or die "mkfifo: $!";
	my $sock = IO::Socket::UNIX->new(Local => "$root/sock", Listen => 1);
	my @paths = qw(/fifo /sock);
	if ($> == 0 && system("mknod '$root/zero' c 1 5 2>/dev/null") == 0) {
		push @paths, '/zero';
	}
	for my $path (@paths) {
		like($tined->get($path)->status, qr/\A40[34]\z/,
			"$path is not served, and blocks nobody");
	}
	SKIP: {
		skip 'root can read every file', 1 if $> == 0;
		chmod 0, "$root/sub/b.txt";
		like($tined->get('/sub/b.txt')->status, qr/\A40[34]\z/,
			'a file that cannot be read');
	}
};

# The client must be able to tell that it did not get the whole.
subtest 'a file that shrinks while it is sent' => sub {
	my $size = 64 << 20;
	spew("$root/shrinks", q{});
	truncate "$root/shrinks", $size;
	my $sock = $tined->connect(rcvbuf => 4096);
	$tined->send($sock, "GET /shrinks HTTP/1.1\r\nHost: a\r\n\r\n");
	$tined->fill($sock);
	truncate "$root/shrinks", 10;
	ok(!eval { $tined->read_response($sock); 1 },
		'the connection ends early') ;
	like($@, qr/short|reset/, 'plainly');
	my $line = qr{error: [^\n]* is cut off: its file became shorter while};
	ok(wait_for(sub { $tined->error_log =~ $line }),
		'and the log says why, without -v') or diag($tined->error_log);
	unlike($tined->error_log, qr{Input/output error}, 'not of a disk');
	is($tined->get('/a.txt')->body, "a\n", 'the worker lives');
};

# The worker sends all of it, and says what has happened.
subtest 'the log says that a file has shrunk' => sub {
	my $classic = Tined->start(files => { large => q{} },
		args => ['-w', 1, '--no-lot']);
	my $path = $classic->root . '/large';
	truncate $path, 64 << 20;
	my $sock = $classic->connect(rcvbuf => 4096);
	$classic->send($sock, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
	$classic->fill($sock);
	truncate $path, 10;
	ok(!eval { $classic->read_response($sock); 1 }, 'it is cut off');
	my $line = qr{error: the response to "GET /large HTTP/1\.1" is cut off: }
	    . qr{its file became shorter while it was sent};
	ok(wait_for(sub { grep { $_ =~ $line } $classic->error_log }),
		'in plain words') or diag(scalar $classic->error_log);
	$classic->ends_clean($line);
};

subtest 'a folder that goes' => sub {
	my $gone = Tined->start(files => \%files);
	rename $gone->root, $gone->root . '.old' or die $!;
	like($gone->get('/a.txt')->status, qr/\A(?:200|40[34])\z/,
		'is no reason to die');
	rename $gone->root . '.old', $gone->root or die $!;
	$gone->ends_clean;
};

# What was built anew is not what is open.
subtest 'a folder that is made again' => sub {
	my $gone = Tined->start(files => { 'index.html' => 'old' });
	my $dir = $gone->root;
	unlink "$dir/index.html" or die $!;
	rmdir $dir or die $!;
	mkdir $dir or die $!;
	$gone->add_files('index.html' => 'new');
	my $first = $gone->get('/');
	is($first->status, 503, 'at first its requests are 503');
	ok(wait_for(sub { $gone->get('/')->body eq 'new' }),
		'then the new one is opened, by itself');
	# Until the last of the old workers has gone.
	ok(wait_for(sub { $gone->get('/nonesuch')->status == 404 }),
		'what it has not is 404');
	like($gone->error_log,
		qr/the directory \Q$dir\E was removed: .* a reload opens it/,
		'and which, and why');
	unlike($gone->error_log, qr/has no index/, 'not another reason');
	$gone->ends_clean(qr/was removed/);
};

# As a build does that takes a while.
subtest 'a folder that is missing for a while' => sub {
	my $gone = Tined->start(files => { 'index.html' => 'old' });
	my $dir = $gone->root;
	unlink "$dir/index.html" or die $!;
	rmdir $dir or die $!;
	is($gone->get('/')->status, 503, 'its requests are 503');
	ok(wait_for(sub { $gone->error_log =~ /cannot reload: / }),
		'the log says what is missing');
	is($gone->get('/')->status, 503, 'they still are');
	mkdir $dir or die $!;
	$gone->add_files('index.html' => 'new');
	ok(wait_for(sub { $gone->get('/')->body eq 'new' }),
		'until it is there again');
	$gone->ends_clean(qr/was removed/, qr/cannot reload/);
};

$tined->ends_clean(qr{ is cut off: its file became shorter});

done_testing;
