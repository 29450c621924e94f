# WSGI (PEP 3333): what applications see of a request, and what becomes of what
# they return.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tined qw(wait_for);
use Wsgi  qw(need_python start_wsgi wsgi_env wsgi_mount);

need_python();

my $RAISED = qr/error: .*the application has raised an exception: /;
my $TRACE  = qr/error: {3,}\S/;

sub environ_of ($response) {
	return map { /\A([^=]+)=(.*)\z/ ? ($1 => $2) : () }
	    split /\n/, $response->body;
}

subtest 'the program of the bug report' => sub {
	for my $app (qw(echo_app validated_stars)) {
		my $tined = start_wsgi("apps:$app");
		my $sock  = $tined->connect;

		for (1 .. 3) {
			my $response = $tined->get('/', sock => $sock, keep => 1);

			is($response->status, 200, "$app: 200");
			is($response->field('Content-Length'), 10_000, 'once');
			is($response->body, '*' x 10_000, 'the stars');
		}
		my @all = $tined->request("GET / HTTP/1.1\r\nHost: a\r\n\r\n" x 9,
			count => 9);
		is((grep { $_->body eq '*' x 10_000 } @all), 9, 'pipelined');
		$tined->ends_clean;
	}
};

subtest 'wsgiref.validate finds nothing' => sub {
	my $tined = start_wsgi('apps:validated');

	for my $method (qw(POST PUT GET DELETE)) {
		my $response = $tined->get('/a/b?c=d', method => $method,
			body => "abcd\nsecond\nthird\nfourth",
			fields => ['Content-Type' => 'text/plain', 'X-A' => 1]);

		is($response->body, '24 bytes; and more', $method);
		is($response->{framing}, 'chunked', 'without a length');
		is($response->{chunks}, 3, 'a flush for each part');
	}
	is($tined->get('/', method => 'HEAD')->status, 200, 'HEAD');
	ok((grep { /notice: .*a word, a line\z/ } $tined->error_log),
		'wsgi.errors is the error log');
	$tined->ends_clean;
};

subtest 'the environment' => sub {
	my $tined = start_wsgi('apps:environ_app',
		args => ['-m', wsgi_mount('/below/it', 'apps:environ_app')]);
	$tined->get('/'); # another client, with another port
	my $sock = $tined->connect;
	my $response = $tined->get('/a%20b/%C3%A4/../c?d=%20&e', keep => 1,
		sock => $sock,
		fields => [Host => 'example.org:81', 'X-Two' => 'a',
			'X-two' => 'b', Cookie => 'c=1', Cookie => 'd=2',
			'X-Two_Three' => 'no', 'X_A' => 'no', Proxy => 'no',
			'X-Latin' => "\xe4", 'Content-Type' => 'text/x'],
		body => 'abc');
	my %env = environ_of($response);

	is($env{REQUEST_METHOD}, "'GET'", 'the method');
	is($env{SCRIPT_NAME}, "''", 'the prefix');
	is($env{PATH_INFO}, "'/a b/c'", 'the path, decoded');
	is($env{QUERY_STRING}, "'d=%20&e'", 'the query, not decoded');
	is($env{REQUEST_URI}, "'/a%20b/%C3%A4/../c?d=%20&e'", 'the target');
	is($env{SERVER_PROTOCOL}, "'HTTP/1.1'", 'the protocol');
	is($env{SERVER_NAME}, "'example.org'", 'the name');
	is($env{SERVER_PORT}, "'" . $tined->port . "'", 'the port');
	is($env{REMOTE_ADDR}, "'127.0.0.1'", 'the client');
	is($env{REMOTE_PORT}, "'" . $sock->sockport . "'", 'its port');
	is($env{HTTP_HOST}, "'example.org:81'", 'Host');
	is($env{HTTP_X_TWO}, "'a, b'", 'two fields of a name');
	is($env{HTTP_COOKIE}, "'c=1; d=2'", 'two cookies');
	is($env{HTTP_X_LATIN}, "'\xc3\xa4'", 'latin-1'); # printed as UTF-8
	is($env{CONTENT_LENGTH}, "'3'", 'the length');
	is($env{CONTENT_TYPE}, "'text/x'", 'the type');
	ok(!exists $env{$_}, "no $_") for qw(HTTP_X_TWO_THREE HTTP_X_A HTTP_PROXY
		HTTP_CONTENT_LENGTH HTTP_CONTENT_TYPE);
	is($env{'wsgi.url_scheme'}, "'http'", 'the scheme');
	is($env{'wsgi.version'}, '(1, 0)', 'the version');
	is($env{'wsgi.multiprocess'}, 'True', 'processes');
	is($env{'wsgi.multithread'}, 'False', 'no threads');
	is($env{'wsgi.run_once'}, 'False', 'more than once');

	%env = environ_of($tined->get('/%E4%FF', version => 'HTTP/1.0',
			fields => { Host => q{} }));
	is($env{PATH_INFO}, "'/\xc3\xa4\xc3\xbf'", 'a path of latin-1');
	is($env{QUERY_STRING}, "''", 'no query');
	is($env{SERVER_PROTOCOL}, "'HTTP/1.0'", 'HTTP/1.0');
	is($env{SERVER_NAME}, "'127.0.0.1'", 'a name in any case');
	ok(!exists $env{$_}, "no $_") for qw(CONTENT_LENGTH HTTP_X_TWO);
	%env = environ_of($tined->get('/below/it/now'));
	is($env{SCRIPT_NAME}, "'/below/it'", 'below a prefix');
	is($env{PATH_INFO}, "'/now'", 'what is behind it');
	is({ environ_of($tined->get('/below/it')) }->{PATH_INFO}, "''", 'nothing');
	%env = environ_of($tined->request("GET http://own.example:81/a HTTP/1.1"
			. "\r\nHost: other.example\r\n\r\n"));
	is($env{HTTP_HOST}, "'own.example:81'", 'the host of the target');
	is($env{SERVER_NAME}, "'own.example'", 'is the name');
	my $many = join q{}, map { "X-F$_: $_\r\n" } 1 .. 90;
	%env = environ_of($tined->request(
			"GET / HTTP/1.1\r\nHost: a\r\n$many\r\n"));
	is((grep { $env{"HTTP_X_F$_"} eq "'$_'" } 1 .. 90), 90, '90 fields');
	my $long = 'X-' . 'a' x 100;
	%env = environ_of($tined->get('/', fields => [$long => 'y' x 2000]));
	is($env{ 'HTTP_' . uc($long) =~ tr/-/_/r }, q{'} . 'y' x 2000 . q{'},
		'a long name, a long value');
	$tined->ends_clean;
};

subtest 'a Unix socket' => sub {
	my $dir   = File::Temp->newdir;
	my $tined = start_wsgi('apps:environ_app', listen => 'none',
		args => ['-w', 1, '-l', "unix:$dir/socket"]);
	my $sock = $tined->connect(unix => "$dir/socket");
	my %env  = environ_of($tined->request("GET / HTTP/1.0\r\n\r\n",
			sock => $sock));

	is($env{REMOTE_ADDR}, "'unix'", 'the client');
	is($env{SERVER_NAME}, "'localhost'", 'a name, which must not be empty');
	is($env{SERVER_PORT}, "'80'", 'nor must the port');
	ok(!exists $env{REMOTE_PORT}, 'the client has none');
	$tined->ends_clean;
};

subtest 'what is returned' => sub {
	my $tined = start_wsgi('apps:ways', args => ['-w', 1]);
	my %expected = (
		'/list'   => ['ab', 'length'],
		'/many'   => ['ab' x 1000, 'length'],
		'/none'   => [q{}, 'length'],
		'/parts'  => ['ab', 'chunked'],
		'/length' => ['ab', 'length'],
		'/large'  => ['*' x 1_000_000, 'length'],
		'/unread' => ['not read', 'length'],
	);

	for my $path (sort keys %expected) {
		my $response = $tined->get($path);

		is($response->body, $expected{$path}[0], $path);
		is($response->{framing}, $expected{$path}[1], 'its framing');
	}
	ok((grep { /notice: .*closed parts\z/ } $tined->error_log),
		'close() was called');
	my $sock = $tined->connect;
	my @heads = map { $tined->get($_, method => 'HEAD', sock => $sock,
			keep => 1) } qw(/list /length /parts /none /status/204 /head);
	is($heads[0]->field('Content-Length'), 2, 'HEAD: the length of a list');
	is($heads[1]->field('Content-Length'), 2, 'HEAD: a declared one');
	is($heads[3]->field('Content-Length'), undef, 'HEAD: none known');
	is($heads[5]->field('Content-Length'), 1000, 'HEAD: without content');
	my $old = $tined->get('/parts', version => 'HTTP/1.0');
	is($old->body, 'ab', 'HTTP/1.0');
	is($old->{framing}, 'close', 'ends by its end');
	$tined->ends_clean;
};

subtest 'status and headers' => sub {
	my $tined = start_wsgi('apps:ways', args => ['-w', 1]);
	my $teapot = $tined->get('/status/418');

	is($tined->get('/status/204')->status, 204, 'no content');
	is($tined->get('/status/304')->field('ETag'), '"a"', 'not modified');
	is($tined->get('/status/length/304')->status, 304, '304, with a length');
	is($teapot->status, 418, 'any status');
	is($teapot->{reason}, "I'm a teapot, short", 'and reason');
	is($tined->get('/status/latin')->field('X-Latin'), "\xe4", 'latin-1');
	is($tined->get('/status/418', method => 'TRACE')->status, 405,
		'but not for TRACE');
	my $own = $tined->get('/status/own');
	is($own->body, 'content', 'Server and Date are left to the server');
	is($own->field('Server'), 'tined', 'its own');
	for my $bad (qw(bad 999 100 101 103 split hop wide)) {
		my $response = $tined->get("/status/$bad");

		is($response->status, 500, "$bad: 500");
		is($response->field('X-More'), undef, 'no field more');
	}
	$tined->ends_clean($RAISED, $TRACE, qr/made a wrong response/);
};

subtest 'exceptions' => sub {
	my $tined = start_wsgi('apps:ways', args => ['-w', 1]);
	my %said = (
		'/raise'  => 'ZeroDivisionError: division by zero',
		'/exit'   => 'SystemExit: 3',
		'/text'   => 'TypeError: .* of type str',
		'/object' => q{TypeError: 'int' object is not iterable},
		'/silent' => 'RuntimeError: .*has not called start_response',
		'/short'  => 'shorter than',
		'/long'   => 'longer|more',
	);

	for my $path (sort keys %said) {
		my $response = $tined->get($path);

		is($response->status, 500, "$path: 500");
		like($response->body, qr/Internal Server Error/, 'a page')
		    if $path ne '/short';
		ok((grep { /$said{$path}/ } $tined->error_log), 'the log has it')
		    or diag($tined->error_log . q{});
	}
	ok((grep { /error: +File "\S+apps.py", line \d+/ } $tined->error_log),
		'and where');
	for my $path (qw(/fail /fail-length /short-parts)) {
		ok(!eval { $tined->get($path); 1 }, "$path: cut off");
	}
	ok((grep { /notice: .*closed fail\z/ } $tined->error_log),
		'close() was called');
	my $twice = $tined->get('/twice');
	is($twice->status, 503, 'another start_response');
	is($twice->field('X-First'), undef, 'the first is forgotten');
	is($twice->field('X-Second'), 2, 'the second counts');
	ok(!eval { $tined->get('/twice-begun'); 1 }, 'too late: cut off');
	ok((grep { /KeyError: 'once'/ } $tined->error_log), 'it is raised again');
	is($tined->get('/list')->body, 'ab', 'the worker serves on');
	$tined->ends_clean($RAISED, $TRACE, qr/made a wrong response/,
		qr/cut off/, qr/shorter/);
};

subtest 'the content of requests' => sub {
	my $tined = start_wsgi('apps:ways', args => ['-w', 1]);
	my $text = "first\nsecond\nthird\nfourth\nfifth\nsixth";
	my $chunked = join q{}, map { sprintf "%x\r\n%s\r\n", length, $_ }
	    unpack('(a5)*', $text), q{};
	my $lines = q{[b'first\n', b'sec', b'ond\n', b'third\n', [b'fourth\n'],}
	    . q{ b'fi', b'fth\nsixth', b'', b'']};
	my $sock = $tined->connect;

	is($tined->get('/lines', method => 'POST', body => $text,
			sock => $sock, keep => 1)->body, $lines, 'its lines');
	is($tined->request("POST /lines HTTP/1.1\r\nHost: a\r\n"
			. "Transfer-Encoding: chunked\r\n\r\n$chunked",
			sock => $sock)->body, $lines, 'chunked');
	is($tined->get('/upload', method => 'POST', body => 'x' x 3_000_000,
			sock => $sock, keep => 1)->body, 3_000_000, 'much');
	is($tined->get('/upload', method => 'POST', sock => $sock, keep => 1)
		->body, 0, 'none');
	is($tined->get('/unread', method => 'POST', body => 'x' x 100_000)
		->body, 'not read', 'it need not be read');
	my $broken = $tined->request("POST /upload HTTP/1.1\r\nHost: a\r\n"
		. "Content-Length: 100000\r\n\r\nabc", half_close => 1);
	is($broken->status, 400, 'a client that breaks off');
	ok(!(grep { /exception/ } $tined->error_log), 'is no exception');
	$tined->ends_clean;
};

subtest 'wsgi.file_wrapper' => sub {
	my $tined = start_wsgi('apps:ways');
	my (undef, $rest) = split /\n/,
	    Tined::slurp("$FindBin::Bin/wsgi/apps.py"), 2;
	my $file = $tined->get('/file');

	is($file->body, $rest, 'a file, from where it was read to');
	is($file->{framing}, 'length', 'with its length');
	is($tined->get('/memory')->body, $rest, 'what is none');
	$tined->ends_clean;
};

subtest 'two mounts' => sub {
	my $tined = start_wsgi('apps:make_app', more => { factory => 'yes' },
		args => ['-m', wsgi_mount('/method', 'apps:thing.method'),
			'-m', wsgi_mount('/echo', 'apps:echo_app')]);

	is($tined->get('/')->body, 'a method', 'a factory');
	is($tined->get('/method')->body, 'a method', 'a method');
	is(length $tined->get('/echo')->body, 10_000, 'another one');
	$tined->ends_clean;
};

subtest 'what cannot be mounted' => sub {
	my %words = (
		'apps:missing' => qr/AttributeError: .*'missing'/,
		'nothing:app'  => qr/ModuleNotFoundError: No module named 'nothing'/,
		'apps:STARS'   => qr/TypeError: STARS is no callable/,
		'apps:thing.method,path=/nowhere' => qr{path=/nowhere: No such file},
		'apps:echo_app,home=/usr/share' => qr/virtual environment/,
		'apps:echo_app,allow=fly' => qr/allow=fly: expected some of/,
		'apps:echo_app,colour=red' => qr/colour/,
		'apps:echo_app,home=nowhere' => qr/home=nowhere: No such file/,
		q{:x} => qr/expected MODULE:CALLABLE/,
	);

	for my $app (sort keys %words) {
		my $end = Tined->run(args => ['-w', 1, '--start-timeout', '20s',
			'-l', '127.0.0.1:' . Tined::free_port(), '-m',
			wsgi_mount('/', $app)], env => wsgi_env());

		isnt($end->{status}, 0, "$app: refused");
		like($end->{err}, $words{$app}, 'and why');
	}
};

done_testing;
