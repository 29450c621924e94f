# CGI/1.1 (RFC 3875): which programs are run, what they see, and what becomes of
# what they write.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Cgi qw(has_sandbox programs start_cgi);
use Test::More;
use Tined qw(need_tools wait_for);
use Tined::Process qw(may_limit set_limit);
use Upgrade ();

my $FAILED = qr/ error: .*; it is answered 500\z/;

sub environ_of ($response) {
	return map { /\A([^=]+)=(.*)\z/s ? ($1 => $2) : () }
	    split /\n/, $response->body;
}

subtest 'the environment' => sub {
	my $dir = programs(
		'env' => 'head(); say "$_=$ENV{$_}" for sort keys %ENV;'
		    . 'use Cwd; say "cwd=", getcwd();'
		    . 'say "argv=@ARGV"; say "in=", do { local $/; <STDIN> } // q{};',
	);
	my $tined = start_cgi($dir, more => ',env=A=b\,c,env=PASSED,env=E=',
		env => { PASSED => 'on', SECRET => 'kept' });
	my %env = environ_of($tined->get('/c/env/a%20b/%C3%A4/../c?d=%20&e',
		fields => [Host => 'example.org:81', 'X-Two' => 'a',
			'X-two' => 'b', Cookie => 'c=1', Cookie => 'd=2',
			'X-Two_Three' => 'no', 'X_A' => 'no', Proxy => 'no',
			'Content-Type' => 'text/x', Authorization => 'yes'],
		method => 'PUT', body => 'abc'));
	my %wanted = (
		GATEWAY_INTERFACE => 'CGI/1.1',
		REQUEST_METHOD => 'PUT',
		SCRIPT_NAME => '/c/env',
		SCRIPT_FILENAME => "$dir/env",
		PATH_INFO => '/a b/c',
		QUERY_STRING => 'd=%20&e',
		REQUEST_URI => '/c/env/a%20b/%C3%A4/../c?d=%20&e',
		REQUEST_SCHEME => 'http',
		SERVER_PROTOCOL => 'HTTP/1.1',
		SERVER_SOFTWARE => 'tined',
		SERVER_NAME => 'example.org',
		SERVER_PORT => $tined->port,
		SERVER_ADDR => '127.0.0.1',
		REMOTE_ADDR => '127.0.0.1',
		CONTENT_LENGTH => 3,
		CONTENT_TYPE => 'text/x',
		REDIRECT_STATUS => 200,
		HTTP_HOST => 'example.org:81',
		HTTP_X_TWO => 'a, b',
		HTTP_COOKIE => 'c=1; d=2',
		HTTP_AUTHORIZATION => 'yes',
		HTTP_CONNECTION => undef,
		HTTP_PROXY => undef,
		HTTP_X_A => undef,
		HTTP_X_TWO_THREE => undef,
		HTTP_CONTENT_LENGTH => undef,
		HTTP_CONTENT_TYPE => undef,
		A => 'b,c',
		PASSED => 'on',
		E => q{},
		SECRET => undef,
		NOTIFY_SOCKET => undef,
		LISTEN_FDS => undef,
		PATH => $ENV{PATH},
		cwd => "$dir",
		argv => q{},
		in => 'abc',
	);

	is($env{$_}, $wanted{$_}, $_) for sort keys %wanted;
	like($env{REMOTE_PORT}, qr/\A\d+\z/, 'REMOTE_PORT');
	%env = environ_of($tined->get('/c/env?a+b', version => 'HTTP/1.0'));
	is($env{SERVER_PROTOCOL}, 'HTTP/1.0', 'the version of an old client');
	is($env{argv}, q{}, 'a query without "=" is no argument');
	ok(!exists $env{PATH_INFO}, 'no PATH_INFO');
	ok(!exists $env{CONTENT_LENGTH}, 'no CONTENT_LENGTH');
	is($env{in}, q{}, 'no input');
	my ($response) = $tined->request("PUT /c/env HTTP/1.1\r\nHost: a\r\n"
		. "Transfer-Encoding: chunked\r\n\r\n"
		. "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
	%env = environ_of($response);
	is($env{CONTENT_LENGTH}, 5, 'a length that only the end tells');
	is($env{in}, 'abcde', 'its input ends with the content');
	($response) = $tined->request("PUT /c/env HTTP/1.1\r\nHost: a\r\n"
		. "Transfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\n\r\n");
	is({ environ_of($response) }->{in}, 'xyz', 'and a shorter one');
	$tined->ends_clean;
};

subtest 'variables of the mount stand above those of the request' => sub {
	my $dir = programs(env => 'head(); say "$_=$ENV{$_}" for keys %ENV;');
	my $tined = start_cgi($dir,
		more => ',env=PATH=/bin,env=REMOTE_USER=me,env=SERVER_NAME=x');
	my $body = $tined->get('/c/env')->body;

	for my $line ('PATH=/bin', 'REMOTE_USER=me', 'SERVER_NAME=x') {
		my ($name) = $line =~ /\A(\w+)/;
		my @all = $body =~ /^($name=.*)$/mg;
		is("@all", $line, $name);
	}
	$tined->ends_clean;
};

subtest 'shell and Perl' => sub {
	my $dir = programs(
		'shell.sh' => "#!/bin/sh\necho Content-Type: text/plain\necho\n"
		    . "while read line; do echo \"<\$line>\"; done\n",
		'by-env' => "#!/usr/bin/env perl\n"
		    . "print qq{Content-Type: text/plain\\n\\nby env\\n};\n",
	);
	my $tined = start_cgi($dir);
	my $sock = $tined->connect;

	for (1 .. 3) {
		is($tined->get('/c/shell.sh', method => 'POST', sock => $sock,
			keep => 1, body => "a\nb\n")->body, "<a>\n<b>\n",
			'a shell script, over one connection');
	}
	is($tined->get('/c/by-env')->body, "by env\n", 'Perl, found by env(1)');
	$tined->ends_clean;
};

subtest 'the response' => sub {
	my $dir = programs(
		status => 'head("Status: 299 As You Like It", "X-A: 1",'
		    . '"Set-Cookie: a", "Set-Cookie: b", "Server: mine",'
		    . '"Connection: close", "Date: never"); print "yes";',
		crlf => 'print "Content-Type: a/b\r\nX-B: c\r\n\r\ncontent";',
		none => 'say "Status: 204\n";',
		reset => 'print "Status: 205\nContent-Length: 5\n\n12345";',
		'reset-stream' => '$| = 1; print "Status: 205\n\n12345";'
		    . 'print "12345" x 100_000;',
		length => 'head("Content-Length: 5"); print "12345";',
		long => 'head("Content-Length: 5"); print "12345" x 100_000;',
		short => 'head("Content-Length: 5"); print "123";',
		big => 'head(); print "x" x 1_000_000;',
		head => "#!/bin/sh\necho Content-Type: text/plain\necho\n",
		bare => 'say "Status: 404\n";',
		limit => 'say "Status: 429\n";',
	);
	my $tined = start_cgi($dir);
	my $response = $tined->get('/c/status', keep => 1, sock => $tined->connect);

	is($response->status, 299, 'the status');
	is($response->{reason}, 'As You Like It', 'the reason phrase');
	is($response->field('X-A'), 1, 'a field');
	is_deeply($response->{fields}{'set-cookie'}, ['a', 'b'],
		'fields of one name');
	is($response->field('Connection'), undef, 'the connection is not its');
	is($response->field('Server'), 'tined', 'nor who the server is');
	unlike($response->field('Date'), qr/never/, 'nor what time it is');
	is($response->body, 'yes', 'the content');
	is($tined->get('/c/crlf')->field('X-B'), 'c', 'lines that end in CRLF');
	is($tined->get('/c/none')->status, 204, 'no content');
	for my $path (qw(/c/reset /c/reset-stream)) {
		my @got = $tined->request(join(q{}, map {
			"GET $_ HTTP/1.1\r\nHost: a\r\n\r\n" } $path, '/c/crlf'),
			count => 2);
		is($got[0]->status, 205, "$path: 205");
		is($got[0]->field('Content-Length'), 0, 'a length of 0');
		is($got[0]->field('Transfer-Encoding'), undef, 'no chunks');
		is($got[1]->body, 'content', 'nothing but the next follows');
	}
	is($tined->get('/c/reset', version => 'HTTP/1.0')->{framing}, 'length',
		'for an old client, too');
	$response = $tined->get('/c/length');
	is($response->{framing}, 'length', 'a length');
	is($response->body, '12345', 'and as much');
	is($tined->get('/c/long')->body, '12345', 'more is cut');
	$response = eval { $tined->get('/c/short') };
	ok(!$response || $response->status == 500,
		'less is an error, or cut off');
	is(length $tined->get('/c/big')->body, 1_000_000, 'much content');
	is($tined->get('/c/big', version => 'HTTP/1.0')->{framing}, 'close',
		'for an old client');
	is($tined->get('/c/bare')->status, 404, 'a status alone');
	is($tined->get('/c/limit')->{reason}, 'Too Many Requests',
		'its reason phrase');
	$response = $tined->get('/c/length', method => 'HEAD');
	is($response->field('Content-Length'), 5, 'HEAD: the same fields');
	is($tined->get('/c/big', method => 'HEAD')->status, 200,
		'HEAD: content that is dropped');
	is($tined->get('/c/head', method => 'HEAD')->field('Content-Length'),
		undef, 'HEAD: no content is not a length of 0');
	is($tined->get('/c/head')->field('Content-Length'), 0,
		'GET: but here it is');
	is($tined->get('/c/status', method => $_)->body, 'yes', $_)
	    for qw(POST DELETE PROPFIND OPTIONS);
	is($tined->get('/c/status', method => 'TRACE')->status, 405, 'no TRACE');
	$tined->ends_clean(qr/shorter than the length/);
};

subtest 'which programs are run' => sub {
	my $dir = programs(
		'a' => 'head(); print $ENV{SCRIPT_NAME}, " ", $ENV{PATH_INFO} // "-";',
		'sub/b' => 'head(); print $ENV{SCRIPT_NAME}, " ", $ENV{PATH_INFO} // "-";',
		'.hidden' => 'head();', '.dir/c' => 'head();',
		'not-executable' => 'head();',
	);
	my $outside = programs(out => 'head(); print "outside"');

	chmod oct '0644', "$dir/not-executable";
	symlink 'a', "$dir/inner" or die $!;
	symlink "$outside/out", "$dir/outer" or die $!;
	symlink "$outside", "$dir/outer-dir" or die $!;
	symlink 'loop', "$dir/loop" or die $!;
	my $tined = start_cgi($dir);

	is($tined->get('/c/a')->body, '/c/a -', 'a program');
	is($tined->get('/c/a/')->body, '/c/a /', 'a slash behind it');
	is($tined->get('/c/a/b/c')->body, '/c/a /b/c', 'PATH_INFO');
	is($tined->get('/c/sub/b/x')->body, '/c/sub/b /x', 'in a directory');
	is($tined->get('/c/inner/x')->body, '/c/inner /x', 'a symbolic link');
	is($tined->get($_)->status, 404, "$_: 404")
	    for qw(/c /c/ /c/sub /c/sub/ /c/none /c/none/a /c/.hidden
		/c/.dir/c /c/loop /c/a%2fb /c/../etc/passwd),
		'/c/' . 'x' x 300;
	is($tined->get($_)->status, 403, "$_: 403")
	    for qw(/c/not-executable /c/outer /c/outer-dir/out);
	$tined->ends_clean;
};

subtest 'one program' => sub {
	my $dir = programs(one => 'head(); print $ENV{SCRIPT_NAME}, " ",'
		. '$ENV{PATH_INFO} // "-";');
	my $tined = Tined->start(args => ['-w', 1, '-m', "/git=cgi:$dir/one",
		'-m', "/=cgi:$dir/one"]);

	is($tined->get('/git')->body, '/git -', 'at its prefix');
	is($tined->get('/git/a/b?c')->body, '/git /a/b', 'PATH_INFO');
	is($tined->get('/x')->body, ' /x', 'at the root');
	$tined->ends_clean;
};

subtest 'redirects' => sub {
	my $dir = programs(
		client => 'say "Location: http://example.org/a?b\n";',
		own => 'say "Status: 303\nLocation: /c/show\n";',
		other => 'say "Location: //example.org/\n";',
		local => 'say "Location: /c/show/x%20y?q=r\n"; print "no";',
		file => 'say "Location: /a.txt\n";',
		missing => 'say "Location: /none\n";',
		echo => 'say "Location: /echo\n";',
		again => 'say "Location: /c/again\n";',
		twice => 'say "Location: /c/local\n";',
		raw => 'say "Location: /c/sh^ow\n";',
		bad => 'say "Location: /c/%zz\n";',
		show => 'head(); say "$_=$ENV{$_}" for sort keys %ENV;'
		    . 'print <STDIN>',
	);
	my $tined = start_cgi($dir, files => { 'a.txt' => "a file\n" },
		args => ['-m', '/echo=echo:body']);
	my $response = $tined->get('/c/client');

	is("$response->{status} $response->{reason}", '302 Found',
		'by the client');
	is($response->field('Location'), 'http://example.org/a?b', 'elsewhere');
	$response = $tined->get('/c/own');
	is($response->status, 303, 'by the client, with a status');
	is($response->field('Location'), '/c/show', 'here');
	is($tined->get('/c/other')->status, 302, 'another host is not local');
	for my $path ('/c/local', '/c/twice') {
		my $sock = $tined->connect;
		my %env;

		$response = $tined->get($path, method => 'POST',
			body => 'content', sock => $sock, keep => 1,
			fields => ['Content-Type' => 'a/b']);
		%env = environ_of($response);
		is($response->status, 200, "$path: within the server");
		is($env{REQUEST_METHOD}, 'GET', 'by GET');
		is($env{SCRIPT_NAME}, '/c/show', 'another program');
		is($env{PATH_INFO}, '/x y', 'its PATH_INFO');
		is($env{QUERY_STRING}, 'q=r', 'its query');
		is($env{CONTENT_LENGTH}, undef, 'no content');
		is($env{CONTENT_TYPE}, undef, 'and none of its type');
		unlike($response->body, qr/content|no\z/, 'nor its bytes');
		is($tined->get('/a.txt', sock => $sock, keep => 1)->body,
			"a file\n", 'the connection goes on');
	}
	is($tined->get('/c/local', method => 'HEAD')->status, 200, 'HEAD');
	is($tined->get('/c/file')->body, "a file\n", 'to a file');
	is($tined->get('/c/file', method => 'POST', body => 'a')->body,
		"a file\n", 'to a file, after a POST');
	is($tined->get('/c/echo', method => 'POST', body => 'a')->body, q{},
		'the content is not for the second');
	is($tined->get('/c/missing')->status, 404, 'to what is not there');
	is($tined->get('/c/raw')->status, 301, 'to what is not encoded');
	is($tined->get('/c/again')->status, 500, 'round and round: 500');
	is($tined->get('/c/bad')->status, 500, 'to what is no path: 500');
	like((grep { / error: / } $tined->error_log)[0],
		qr/too many local redirects/, 'the log says why');
	$tined->ends_clean(qr/error: .*local redirect/);
};

subtest 'programs that fail' => sub {
	my $dir = programs(
		nph => 'print "HTTP/1.1 200 OK\r\n\r\nhi";',
		nothing => '', 'no-end' => 'print "Content-Type: a/b\n";',
		'no-field' => 'say "hello\n";',
		endless => 'print "X: ", "y" x 100, "\n" while 1;',
		exits => 'exit 3;',
		segv => 'kill SEGV => $$;',
		'segv-late' => 'head(); print "x" x 200_000; kill SEGV => $$;',
		'segv-soon' => 'head(); print "some"; kill KILL => $$;',
		'segv-whole' => 'head("Content-Length: 4"); print "some"; kill KILL => $$;',
		hop => 'head("Transfer-Encoding: chunked"); print "0\r\n\r\n";',
		(map { ("status-$_" => "head('Status: $_ Interim');") }
			100, 101, 103),
		status => 'head(); print "all"; exit 7;',
		'no-interpreter' => "#!/no/such/thing\n",
	);
	my $tined = start_cgi($dir);

	for my $case ([nph => qr/NPH programs are not supported/],
		[nothing => qr/ended with status 0 and has written nothing/],
		['no-end' => qr/no.* empty line behind its head/],
		['no-field' => qr/no header field/],
		[endless => qr/without an empty line/],
		[exits => qr/ended with status 3 and has written nothing/],
		[segv => qr/killed by signal 11 \(Segmentation fault\)/],
		[hop => qr/wrong response/],
		(map { ["status-$_" => qr/a Status that is not 200 to 599/] }
			100, 101, 103),
		['no-interpreter' => qr/cannot run .*No such file/]) {
		my ($name, $words) = @$case;

		is($tined->get("/c/$name")->status, 500, "$name: 500");
		ok(wait_for(sub { grep { / error: / && /$name/ && $_ =~ $words }
			$tined->error_log }), 'the log says why')
			or diag(join "\n", $tined->error_log);
	}
	ok(!eval { $tined->get('/c/segv-late') }, 'a crash cuts its content off');
	ok(wait_for(sub { grep { /segv-late has been killed by signal/ }
		$tined->error_log }), 'the log says why');
	my $response = eval { $tined->get('/c/segv-soon') };
	ok(!$response || $response->status == 500,
		'it does not look complete if it is short');
	is($tined->get('/c/segv-whole')->body, 'some', 'unless it is complete');
	is($tined->get('/c/status')->body, 'all', 'the exit status is its own');
	is((grep { /segv/ && /wrong response/ } $tined->error_log), 0,
		'a response that a crash ends is not called wrong');
	$tined->ends_clean(qr/ error: /, qr/warning: cgi: \S+ cannot be run/);
};

# With --no-lot, the worker has the client all the time.
subtest 'a shortage' => sub {
	need_tools(qw(prlimit setpriv));
	my $dir = programs(a => "#!/bin/sh\necho Content-Type: a/b\necho\necho a\n");
	# Root has no limit on processes; this user has no others.
	my @as_user = $> != 0 ? () : (under => ['setpriv', '--reuid=64124',
		'--regid=64124', '--clear-groups']);
	my $tined = start_cgi($dir, @as_user,
		args => ['-w', 1, '--no-lot', '-k', '1h']);
	my ($worker) = $tined->all_workers(1);
	plan skip_all => 'no right to prlimit' unless may_limit($worker);
	my $sock = $tined->connect;
	my $get = sub { $tined->get('/c/a', sock => $sock, keep => 1)->status };
	my $files = sub { scalar(() = glob "/proc/$worker/fd/*") };

	is($get->(), 200, 'a program');
	my %is_open = map { m{/(\d+)\z} => 1 } glob "/proc/$worker/fd/*";
	my @free = grep { !$is_open{$_} } 0 .. 1023;
	my $before = $files->();
	my $count = 0;

	while (set_limit($worker, nofile => $free[$count])) {
		my $status = $get->();

		last if $status == 200;
		is($status, 503, "$count descriptors");
		is($files->(), $before, 'none is lost');
		last if ++$count > 20;
	}
	cmp_ok($count, '>', 2, 'it needs some');
	set_limit($worker, nofile => undef);
	set_limit($worker, nproc => 1);
	is($get->(), 503, 'no process');
	set_limit($worker, nproc => undef);
	is($get->(), 200, 'then there are some');
	$tined->ends_clean(qr/cannot run .*(?:Too many open files|temporarily)/,
		qr/: Too many open files/);
};

subtest 'standard error' => sub {
	my $dir = programs(err => 'print STDERR "one\ntwo\r\n\n"; head();'
		. 'print STDERR "\e[1m<", "x" x 1000, ">"; print "ok";'
		. 'print STDERR "x" x 4000, "\n";'
		. 'close STDOUT; print STDERR "behind the end\n";');
	my $tined = start_cgi($dir);
	my $line = qr{ warning: "GET /c/err HTTP/1\.1" from 127\.0\.0\.1: err: };
	my @lines;

	is($tined->get('/c/err')->body, 'ok', 'is not the response');
	ok(wait_for(sub { grep { /behind the end/ } $tined->error_log }),
		'is in the log');
	@lines = map { s/.*$line//r } grep { $_ =~ $line } $tined->error_log;
	is($lines[0], 'one', 'line by line');
	is($lines[1], 'two', 'with the name of the program');
	like($lines[2], qr/\A\\x1[bB]\[1m<x+>?x*\z/, 'control characters escaped');
	is(length join(q{}, @lines[2 .. $#lines]) =~ s/[^x]//gr, 5001,    # one of them in \\x1b
		'all of a long line') or diag(join "\n", @lines);
	$tined->ends_clean(qr/: err: /);
};

subtest 'open files, signals, limits' => sub {
	my $dir = programs(state => <<'END');
use POSIX ();
head();
say 'open=', join q{ }, grep { defined POSIX::dup2($_, $_) } 0 .. 500;
my ($mask, @ignored, @blocked) = POSIX::SigSet->new;
POSIX::sigprocmask(POSIX::SIG_BLOCK(), POSIX::SigSet->new, $mask);
for my $n (grep { $_ != 32 && $_ != 33 } 1 .. 64) {
	my $old = POSIX::SigAction->new;
	push @blocked, $n if $mask->ismember($n);
	POSIX::sigaction($n, undef, $old) or next;
	# Perl itself ignores this one.
	push @ignored, $n if $old->handler ne 'DEFAULT' && $n != POSIX::SIGFPE();
}
say "ignored=@ignored";
say "blocked=@blocked";
say 'leads=', getpgrp == $$ ? 1 : 0;
END
	my $tined = start_cgi($dir);
	my %state = environ_of($tined->get('/c/state'));

	is($state{open}, '0 1 2', 'its standard streams are open');
	is($state{ignored}, q{}, 'no signal is ignored');
	is($state{blocked}, q{}, 'none is blocked');
	is($state{leads}, 1, 'it leads its process group');
	$tined->ends_clean;
};

subtest 'the limit on open files' => sub {
	my $dir = programs(limit => "#!/bin/sh\n"
		. "echo Content-Type: text/plain\necho\nulimit -Sn\n");
	my $tined = start_cgi($dir, rlimits => { Sn => 700 },
		args => ['-p', $Upgrade::pidfile]);

	is($tined->get('/c/limit')->body, "700\n", 'is that of the server before');
	$tined->signal('USR2');
	my $new = Upgrade::successor($tined) // die 'no successor';
	ok(wait_for(sub { $tined->wait_exit; 1 }), 'after an upgrade');
	is($tined->get('/c/limit')->body, "700\n", 'it is the same');
	$tined->{pid} = $new;
	Upgrade::ends_clean($tined);
};

subtest 'a reload' => sub {
	my $dir = programs(a => 'head(); print "one";');
	my $tined = start_cgi($dir);
	my $reloads = sub {
		scalar grep { /notice: reloading/ } $tined->error_log
	};

	is($tined->get('/c/a')->body, 'one', 'a program');
	Cgi::add_programs($dir, a => 'head(); print "two";');
	is($tined->get('/c/a')->body, 'two', 'its new version needs none');
	Cgi::add_programs($dir, limit => "#!/bin/sh\n"
		. "echo Content-Type: text/plain\necho\necho shell\n");
	if (has_sandbox()) {
		is($tined->get('/c/limit')->status, 500, 'a new interpreter does');
		like(($tined->error_log)[-1], qr/Permission denied \(if its interp/,
			'as the log says');
	}
	ok($tined->reload_works, 'it is reloaded');
	is($tined->get('/c/limit')->body, "shell\n", 'now it is run');
	Cgi::add_programs($dir, bad => "#!/no/interpreter\n");
	my $before = $reloads->();
	ok($tined->reload_works, 'it is reloaded');
	my $named = grep { m{warning: cgi: \S+/bad cannot be run: it needs /no/int} }
	    $tined->error_log;
	cmp_ok($named, '>=', 1, 'the log names a program without one');
	cmp_ok($named, '<=', $reloads->() - $before, 'once');
	$tined->ends_clean(qr/cannot run .*Permission denied/,
		qr{/bad cannot be run});
};

subtest 'a directory that is removed, and comes again' => sub {
	my $dir = programs('d/a' => 'head(); print "one";');
	my $tined = start_cgi("$dir/d");

	is($tined->get('/c/a')->body, 'one', 'it is there');
	unlink "$dir/d/a" or die $!;
	is($tined->get('/c/a')->status, 404, 'a program is removed');
	rmdir "$dir/d" or die $!;
	is($tined->get('/c/a')->status, 503, 'and the directory');
	is($tined->get('/c/b')->status, 503, 'with all that could be there');
	# All at once: a reload that found it without the program would not allow
	# the interpreter.
	Cgi::add_programs("$dir/new", a => 'head(); print "two";');
	rename "$dir/new", "$dir/d" or die $!;
	ok(wait_for(sub { $tined->get('/c/a')->status == 200 }),
		'another one is opened');
	$tined->ends_clean(qr/was removed: requests for it get 503/,
		qr/cannot reload: .* No such file/);
};

done_testing;
