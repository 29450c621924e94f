# Serving files: types, index, methods, fields, error pages, mounts.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX ();
use Test::More;
use Tined qw(slurp);

my %files = (
	'index.html'        => "<h1>front</h1>\n",
	'sub/index.html'    => "<h1>sub</h1>\n",
	'bare/only.txt'     => "only\n",
	'hello.txt'         => "hello\n",
	'empty.txt'         => q{},
	'a b.txt'           => "blank\n",
	"\xc3\xa4.txt"      => "umlaut\n",
	'percent%41.txt'    => "percent\n",
	'plus+.txt'         => "plus\n",
	'semi;colon.txt'    => "semicolon\n",
	'.hidden'           => "hidden\n",
	'.git/config'       => "hidden\n",
	'.well-known/a.txt' => "known\n",
	'big.bin'           => join(q{}, map { pack 'N', $_ } 1 .. 1_000_000),
	map { ("type.$_" => 'x') } qw(html htm css js mjs json txt png jpg
	jpeg gif svg webp ico pdf xml woff2 wasm mp4 webm mp3 zip gz nonesuch
	HTML svgz ts yaml toml m3u8),
);
my $tined = Tined->start(files => \%files, args => ['-w', 2,
	'-m', '/star=echo:5', '-m', '/none=echo:0', '-m', '/a=echo:1',
	'-m', '/a/b=echo:2']);

subtest 'a file' => sub {
	my $response = $tined->get('/hello.txt');

	is($response->status, 200, 'status 200');
	is($response->{reason}, 'OK', 'OK');
	is($response->body, "hello\n", 'its bytes');
	is($response->field('content-length'), 6, 'Content-Length');
	like($response->field('content-type'), qr{\Atext/plain\b},
		'Content-Type');
	is($response->field('x-content-type-options'), 'nosniff', 'nosniff');
	# Another write within the clock's grain would not show in the ETag.
	like($response->field('etag'), qr/\A(?:W\/)?"[^"]+"\z/, 'an ETag');
	my $old = time - 1000;
	utime $old, $old, $tined->root . '/sub/index.html';
	is($tined->get('/sub/')->field('etag'),
		sprintf('"%x-%x"', -s $tined->root . '/sub/index.html',
			$old * 1_000_000_000),
		'a strong one, of size and time, when the file is not new');
	my @mtime = gmtime((stat $tined->root . '/hello.txt')[9]);
	is($response->field('last-modified'),
		POSIX::strftime('%a, %d %b %Y %H:%M:%S GMT', @mtime),
		'Last-Modified');
	is($response->field('accept-ranges'), 'bytes', 'Accept-Ranges');
	is($tined->get('/empty.txt')->body, q{}, 'an empty file');
	ok($tined->get('/big.bin')->body eq $files{'big.bin'}, 'a large one');
	is($tined->get('/hello.txt?a=b&c')->body, "hello\n",
		'with a query');
};

subtest 'a file that changes' => sub {
	$tined->add_files('new.txt' => 'one');
	my $first = $tined->get('/new.txt');
	is($first->body, 'one', 'is served as it is');
	$tined->add_files('new.txt' => 'other');
	my $second = $tined->get('/new.txt');
	is($second->body, 'other', 'and as it is then');
	isnt($second->field('etag'), $first->field('etag'),
		'under another ETag');
	unlink $tined->root . '/new.txt';
	is($tined->get('/new.txt')->status, 404, 'and no more when removed');
};

subtest 'names' => sub {
	my %path = (
		'/a%20b.txt'       => "blank\n",
		'/%c3%a4.txt'      => "umlaut\n",
		'/%C3%A4.txt'      => "umlaut\n",
		'/percent%2541.txt' => "percent\n",
		'/plus+.txt'       => "plus\n",
		'/plus%2b.txt'     => "plus\n",
		'/semi;colon.txt'  => "semicolon\n",
		'/%68ello.txt'     => "hello\n",
		'/./hello.txt'     => "hello\n",
		'/sub/../hello.txt' => "hello\n",
		'http://localhost/hello.txt' => "hello\n",
	);
	for my $path (sort keys %path) {
		my $response = $tined->get($path);
		is($response->body, $path{$path}, $path);
	}
};

subtest 'types' => sub {
	my %type = (
		html => qr{\Atext/html\b}, htm => qr{\Atext/html\b},
		css => qr{\Atext/css\b}, txt => qr{\Atext/plain\b},
		js => qr{\A(?:text|application)/javascript\b},
		mjs => qr{\A(?:text|application)/javascript\b},
		json => qr{\Aapplication/json\b}, png => qr{\Aimage/png\z},
		jpg => qr{\Aimage/jpeg\z}, jpeg => qr{\Aimage/jpeg\z},
		gif => qr{\Aimage/gif\z}, svg => qr{\Aimage/svg\+xml\b},
		webp => qr{\Aimage/webp\z}, pdf => qr{\Aapplication/pdf\z},
		ico => qr{\Aimage/(?:vnd\.microsoft\.icon|x-icon)\z},
		xml => qr{\A(?:text|application)/xml\b},
		woff2 => qr{\A(?:font/woff2|application/font-woff2)\z},
		wasm => qr{\Aapplication/wasm\z}, mp4 => qr{\Avideo/mp4\z},
		webm => qr{\Avideo/webm\z}, mp3 => qr{\Aaudio/mpeg\z},
		zip => qr{\Aapplication/zip\z},
		gz => qr{\Aapplication/(?:x-)?gzip\z},
		nonesuch => qr{\Aapplication/octet-stream\z},
		HTML => qr{\Atext/html\b}, svgz => qr{\Aimage/svg\+xml\z},
		ts => qr{\Avideo/mp2t\z}, yaml => qr{\Aapplication/yaml\z},
		toml => qr{\Aapplication/toml\z},
		m3u8 => qr{\Aapplication/vnd\.apple\.mpegurl\z},
	);
	for my $suffix (sort keys %type) {
		like($tined->get("/type.$suffix")->field('content-type'),
			$type{$suffix}, $suffix);
	}
	like($tined->get('/')->field('content-type'), qr{\Atext/html\b},
		'the index');
	is($tined->get('/type.svgz')->field('content-encoding'), 'gzip',
		'what is in an .svgz is compressed');
	is($tined->get("/type.$_")->field('content-encoding'), undef,
		"a .$_ is what it is") for qw(svg gz);
};

subtest 'folders' => sub {
	is($tined->get('/')->body, "<h1>front</h1>\n", 'index.html of the root');
	is($tined->get('/sub/')->body, "<h1>sub</h1>\n", 'and of a folder');
	like($tined->get('/bare/')->status, qr/\A40[34]\z/,
		'no listing where nobody asked for it');
	unlike($tined->get('/bare/')->body, qr/only/, 'nor its names');
	like($tined->get('/bare/')->body, qr/no index page/,
		'but what it is that is missing');

	for my $case (['/sub', '/sub/'], ['/sub?q=1&r=/x', '/sub/?q=1&r=/x'],
		['/bare', '/bare/']) {
		my ($path, $location) = @$case;
		my $response = $tined->get($path);
		like($response->status, qr/\A30[1278]\z/, "$path redirects");
		is($response->field('location'), $location, 'to the slash');
	}
	is($tined->get('/hello.txt/')->status, 404, 'a slash after a file');
	is($tined->get('/hello.txt/x')->status, 404, 'a path below a file');
};

subtest 'HEAD is GET without its body' => sub {
	# A file that is a few seconds old has another tag than a fresh one.
	utime 1e9, 1e9, map { $tined->root . "/$_" }
	    qw(hello.txt big.bin index.html empty.txt);
	for my $path ('/hello.txt', '/big.bin', '/', '/sub', '/nonesuch',
		'/star', '/bare/', '/empty.txt') {
		my $get  = $tined->get($path);
		my $head = $tined->get($path, method => 'HEAD');
		is($head->status, $get->status, "$path: the status");
		delete $_->{fields}{date} for $get, $head;
		is_deeply($head->{fields}, $get->{fields}, 'the fields');
	}
};

subtest 'OPTIONS' => sub {
	for my $path ('/hello.txt', '/', q{*}) {
		my $response = $tined->get($path, method => 'OPTIONS');
		like($response->status, qr/\A20[04]\z/, $path);
		like($response->field('allow'),
			qr/(?=.*\bGET\b)(?=.*\bHEAD\b)(?=.*\bOPTIONS\b)/,
			'Allow');
		is($response->body, q{}, 'no body');
	}
	is($tined->get(q{*})->status, 400, '* is only for OPTIONS');
};

subtest 'other methods' => sub {
	for my $method (qw(POST PUT DELETE PATCH TRACE)) {
		my $response = $tined->get('/hello.txt', method => $method);
		is($response->status, 405, "$method is 405");
		is_deeply([sort split /, */, $response->field('allow') // q{}],
			[qw(GET HEAD OPTIONS)], 'with Allow');
	}
	for my $method (qw(BREW CONNECT get)) {
		my $target = $method eq 'CONNECT' ? 'localhost:80' : '/';
		is($tined->get($target, method => $method)->status, 501,
			"$method is 501");
	}
	is(slurp($tined->root . '/hello.txt'), "hello\n", 'nothing changed');
};

subtest 'error pages' => sub {
	my $response = $tined->get('/<script>alert(1)</script>'
		=~ s/([<>])/sprintf '%%%02x', ord $1/ger);

	is($response->status, 404, 'status 404');
	is($response->{reason}, 'Not Found', 'Not Found');
	like($response->field('content-type'), qr{\Atext/html\b}, 'HTML');
	like($response->body, qr/\A<!doctype html>/i, 'from its first byte');
	like($response->body, qr{<title>404 Not Found</title>}, 'a title');
	unlike($response->body, qr/<script/, 'nothing of the request in it');
	is($response->field('x-content-type-options'), 'nosniff', 'nosniff');
	cmp_ok(length $response->body, '<', 2000, 'small');
};

subtest 'dotfiles' => sub {
	for my $path ('/.hidden', '/.git/config', '/.git/', '/.git',
		'/%2ehidden', '/sub/../.hidden') {
		is($tined->get($path)->status, 404, "$path is not found");
	}
	is($tined->get('/.well-known/a.txt')->body, "known\n",
		'.well-known is served');
};

subtest 'mounts' => sub {
	my $star = $tined->get('/star');
	is($star->body, q{*****}, 'echo:5 are five stars');
	like($star->field('content-type'), qr{\Atext/plain\b}, 'as text');
	is($tined->get('/none')->body, q{}, 'echo:0');
	is($tined->get('/a')->body, q{*}, '/a');
	is($tined->get('/a/')->body, q{*}, '/a/');
	is($tined->get('/a/x')->body, q{*}, '/a/x');
	is($tined->get('/a/b')->body, q{**}, '/a/b: the longest prefix wins');
	is($tined->get('/a/b/c')->body, q{**}, '/a/b/c');
	is($tined->get('/a/bc')->body, q{*}, '/a/bc: at the ends of segments');
	is($tined->get('/ab')->status, 404, '/ab is not below /a');
	is($tined->get('/starry')->status, 404, '/starry is not below /star');
	is($tined->get('/x/../star')->body, q{*****}, 'after dot segments');
	is($tined->get('/star?x')->body, q{*****}, 'with a query');
};
$tined->ends_clean;

subtest 'mounts of folders' => sub {
	my $other = Tined->start(files => \%files);
	my $root = $other->root;
	my $more = Tined->start(args => ['-m', "/m=file:$root/sub",
		'-m', "/m/n=file:$root/bare"]);

	is($more->get('/m/')->body, "<h1>sub</h1>\n", 'its index');
	is($more->get('/m')->field('location'), '/m/', 'its slash');
	is($more->get('/m/n/only.txt')->body, "only\n", 'one within another');
	is($more->get('/m/only.txt')->status, 404, 'each has its own files');
	is($more->get('/')->status, 404, 'nothing is mounted at the root');
	is($more->get('/m/../hello.txt')->status, 404, 'nor above it');
	$more->ends_clean;
	$other->ends_clean;
};

subtest '--dotfiles' => sub {
	my $open = Tined->start(files => \%files, args => ['--dotfiles']);

	is($open->get('/.hidden')->body, "hidden\n", 'are served');
	is($open->get('/.git/config')->body, "hidden\n", 'and folders');
	like($open->get('/..')->status, qr/\A(?:200|400|404|30\d)\z/,
		'but not the parent');
	is($open->get('/../../../../../etc/passwd')->body =~ /root:/, q{},
		'nor what lies there');
	$open->ends_clean;
};

subtest 'the current folder' => sub {
	my $current = Tined->start(args => []);
	$current->add_files('x.txt' => 'x');
	is($current->get('/x.txt')->body, 'x', 'without arguments');
	$current->ends_clean;
};

done_testing;
