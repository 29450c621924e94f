# Modules: how they are loaded, what they are told of a request, and what they can
# make of a response.

use v5.36;

use File::Temp ();
use JSON::PP ();
use FindBin;
use IO::Socket::UNIX;
use lib "$FindBin::Bin/lib";
use Module qw(build_module has_cxx need_compiler);
use Test::More;
use Tined qw(free_port slow slurp spew wait_for);

need_compiler;

my $dir = File::Temp->newdir;
chmod oct '0755', $dir; # for --user
my $probe = build_module('probe', "$dir/probe.so");

sub start (%option) {
	my $arguments = delete $option{module} // q{};
	my @args = @{ delete $option{args} // [] };

	return Tined->start(%option,
		args => ['-m', "/p=module:$probe$arguments", @args]);
}

# What a module has said, as a hash of lists.
sub said ($response) {
	my $body = $response->body;
	my %said;

	push $said{$1}->@*, $2 while $body =~ /^(.*?)=(.*)$/mg;
	return \%said;
}

# Why a mount is refused: the one line that the server says.
sub refused ($argument) {
	my $run = Tined->run(args => ['-t', '-m', "/p=module:$argument"]);

	isnt($run->{status}, 0, "$argument is refused");
	is(($run->{err} =~ tr/\n//), 1, 'in one line') or diag($run->{err});
	return $run->{err};
}

subtest 'what cannot be mounted' => sub {
	spew("$dir/text.so", "a text\n");
	spew("$dir/empty.so", q{});
	build_module('probe', "$dir/abi.so", '-DABI=99');
	build_module('probe', "$dir/nameless.so", '-DNAMELESS');
	build_module('probe', "$dir/other.so", '-Dtined_module=other');
	build_module('probe', "$dir/later.so", '-Dtined_log=tined_later');

	like(refused(q{}), qr/module: needs a file, as in module:/, 'nothing');
	like(refused("$dir/none.so"), qr{\Q$dir\E/none\.so: No such file},
		'a file that is not there');
	like(refused("$dir/text.so"), qr{cannot load \Q$dir\E/text\.so: \w},
		'a text');
	like(refused("$dir/empty.so"), qr{empty\.so: \w}, 'an empty file');
	like(refused($dir), qr{cannot load \Q$dir\E: \w}, 'a directory');
	like(refused("$dir/abi.so"),
		qr/built for version 99\.\d+ of tined\.h, and this is version 1\./,
		'one of another version');
	like(refused("$dir/nameless.so"), qr/has no name/, 'one without a name');
	like(refused("$dir/other.so"), qr/is no module: it does not define/,
		'another library');
	like(refused("$dir/later.so"), qr/undefined symbol: tined_later/,
		'one that calls what there is not');
	like(refused("$probe,colour=red"),
		qr/unknown argument colour=: probe takes methods, fail, start, stop, need/,
		'an argument that it does not ask for');
	like(refused("$probe,methods"), qr/"methods" .*expected KEY=VALUE/,
		'one without a value');
	like(refused("$probe,=x"), qr/expected KEY=VALUE/, 'one without a key');
	like(refused("$probe,methods=GET\\, BREW"),
		qr/wants the method BREW, which tined does not know/,
		'a method that there is not');
	like(refused("$probe,fail=no\\, never"), qr{--mount /p: probe: no, never$},
		'the module says why it fails, with a comma');
};

sub listener ($path) {
	return IO::Socket::UNIX->new(Local => $path, Listen => 5) // die $!;
}

subtest 'a path is relative to where the server was started' => sub {
	my $here = "$dir/a, b";
	mkdir $here or die $!;
	build_module('probe', "$here/probe.so");
	my $run = Tined->run(args =>
		['-t', '-m', '/p=module:probe.so,fail=found'], cwd => $here);
	like($run->{err}, qr/probe: found/, 'it is found') or diag($run->{err});
};

subtest 'also for a daemon, which has left that directory' => sub {
	my $here = "$dir/c, d";
	mkdir $here or die $!;
	build_module('probe', "$here/probe.so");
	mkdir "$here/programs" or die $!;
	spew("$here/programs/hello", "#!/bin/sh\necho Content-Type: text/plain\necho\necho hello\n");
	chmod 0755, "$here/programs/hello" or die $!;
	my $silent = listener("$here/silent.sock");
	my ($port, $pidfile) = (free_port, "$here/pid");
	my $run = Tined->run(daemon => 1, cwd => $here, args => ['-d', '-p',
		'pid', '-l', "127.0.0.1:$port", '-w', 2, '-e', 'error.log',
		'-m', '/p=module:probe.so', '-m', '/c=cgi:programs',
		'-m', '/s=proxy:unix:silent.sock,first-byte-timeout=100ms']);
	is($run->{status}, 0, 'it starts') or diag($run->{err});
	my $tined = bless { host => '127.0.0.1', port => $port }, 'Tined';
	is(said($tined->get('/p/version'))->{version}[0], 1, 'it serves');
	build_module('probe', "$here/probe.so", '-DVERSION="2"');
	kill 'HUP', slurp($pidfile);
	ok(wait_for(sub { said($tined->get('/p/version'))->{version}[0] == 2 }),
		'it loads the module again');
	is($tined->get('/c/hello')->body, "hello\n", 'it finds programs');
	is($tined->get('/s')->status, 504, 'and sockets');
	kill 'TERM', slurp($pidfile);
	ok(wait_for(sub { !-e $pidfile }), 'it stops');
	unlike(slurp("$here/error.log") =~ s/ error: .*respond in time$//mr,
		qr/ (?:error|warning): /, 'its log is clean');
};

subtest 'the request' => sub {
	my $tined = start(module => ',methods=*');
	my $response = $tined->get('/p/about/%61/../b?c=%20',
		fields => ['X-One' => ' 1 ', 'x-one' => 2, Host => 'h:1']);
	my $said = said($response);

	is($said->{method}[0], 'GET', 'its method');
	is($said->{'is GET'}[0], 1, 'compared');
	is($said->{target}[0], '/p/about/%61/../b?c=%20', 'its target');
	is($said->{path}[0], '/p/about/b', 'its path');
	is($said->{prefix}[0], '/p', 'the prefix');
	is($said->{below}[0], '/about/b', 'the rest');
	is($said->{query}[0], 'c=%20', 'its query');
	is($said->{minor}[0], 1, 'its version');
	is($said->{scheme}[0], 'http', 'its scheme');
	is($said->{host}[0], 'h:1', 'its host');
	is($said->{peer}[0], '127.0.0.1', 'its client');
	is($said->{'local port'}[0], $tined->port, 'the port of the server');
	cmp_ok($said->{'peer port'}[0], '>', 0, 'the port of the client');
	is($said->{'x-one'}[0], 1, 'the first field of a name');
	is_deeply($said->{field}, [qw(X-One x-one Host Connection)],
		'all fields in order');
	is(said($tined->get('/p/about%2f'))->{ambiguous}[0], 1,
		'an ambiguous path');
	is(said($tined->get('/p/about', version => 'HTTP/1.0'))->{minor}[0], 0,
		'an older version');
	is(said($tined->get('/p/about', method => $_))->{method}[0], $_, $_)
	    for qw(BREW PROPFIND OPTIONS get);
	is($tined->get('/p/about', method => 'HEAD')->body, q{}, 'HEAD');
	is($tined->get('/p/about', method => 'CONNECT')->status, 501, 'CONNECT');
	is($tined->get('/', method => 'BREW')->status, 501,
		'another mount does not take any method');
	is($tined->get('/p/nothing')->status, 404, 'an error of the module');
	$tined->ends_clean;
};

subtest 'methods' => sub {
	my $tined = start(module => ',methods=POST\\, GET');

	is($tined->get('/p/about', method => $_)->status, 200, $_)
	    for qw(GET HEAD POST);
	my $refused = $tined->get('/p/about', method => 'PUT');
	is($refused->status, 405, 'PUT');
	is($refused->field('Allow'), 'GET, HEAD, OPTIONS, POST', 'what is allowed');
	is($tined->get('/p/about', method => 'BREW')->status, 501, 'BREW');
	is($tined->get('/p/about', method => 'OPTIONS')->status, 204, 'OPTIONS');
	is($tined->get('/p/about', method => 'TRACE')->status, 405, 'TRACE');
	$tined->ends_clean;
};

subtest 'TRACE is for a module that names it' => sub {
	my $tined = start(module => ',methods=*',
		args => ['-m', "/t=module:$probe,methods=*\\, TRACE"]);
	my $refused = $tined->get('/p/about', method => 'TRACE');

	is($refused->status, 405, 'not for one that takes any');
	is($refused->field('Allow'),
		'GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE', 'as Allow says');
	is(said($tined->get('/t/about', method => 'TRACE'))->{method}[0],
		'TRACE', 'but for one that names it');
	like($tined->get('/t/about', method => 'CONNECT')->status, qr/501/,
		'CONNECT is for none');
	$tined->ends_clean;
};

# A request with content, in chunks.
sub chunked ($path, @pieces) {
	return "POST $path HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked"
	    . "\r\n\r\n"
	    . join(q{}, map { sprintf "%x\r\n%s\r\n", length, $_ } @pieces)
	    . "0\r\n\r\n";
}

subtest 'content' => sub {
	my $tined = start(module => ',methods=*', args => ['-w', 2]);
	my $body = join q{}, map { "line $_\n" } 1 .. 30_000;
	my @pieces = unpack '(a9999)*', $body;

	for my $way (qw(echo whole mapped now)) {
		my $response = $tined->get("/p/$way", method => 'POST', body => $body);
		ok($response->body eq $body, "$way: with a length");
		$response = $tined->request(chunked("/p/$way", @pieces));
		ok($response->body eq $body, "$way: in chunks");
		is($response->field('X-Length'), length $body, 'its length is known')
		    if $way eq 'whole';
		$response = $tined->request(chunked("/p/$way"));
		is($response->body, q{}, "$way: empty");
	}

	# In small pieces, the framing too, and only when it is invited.
	my $sock = $tined->connect;
	my $head = "POST /p/now HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
	    . "Transfer-Encoding: chunked\r\n\r\n";
	$tined->send($sock, $head);
	ok(wait_for(sub { $tined->fill($sock); ${*$sock}{tined_buffer} =~
		/\AHTTP\/1\.1 100 / }), 'it is invited to send');
	$tined->send($sock, $_)
	    for split //, "5\r\nhello\r\n3;a=b\r\n, w\r\n0\r\nX: y\r\n\r\n";
	is($tined->read_response($sock)->body, 'hello, w', 'byte by byte');

	# A client that stops: 400, and not 200.
	$sock = $tined->connect;
	$tined->send($sock, "POST /p/now HTTP/1.1\r\nHost: a\r\n"
		. "Content-Length: 5\r\n\r\n");
	shutdown $sock, 1;
	is($tined->read_response($sock)->status, 400, 'cut off by its client');
	$tined->ends_clean;
};

subtest 'more content than --max-body' => sub {
	my $tined = start(module => ',methods=*',
		args => ['-w', 2, '--max-body', '100k']);

	for my $way (qw(whole mapped)) {
		my $body = 'x' x 102_400;
		ok($tined->request(chunked("/p/$way", $body))->body eq $body,
			"$way: as much as it may be");
		is($tined->request(chunked("/p/$way", $body, 'x'))->status, 413,
			'and a byte more');
	}
	$tined->ends_clean;
};

subtest 'a client that is too slow for a wait' => sub {
	my $tined = start(module => ',methods=*',
		args => ['-w', 1, '--body-timeout', '300ms', '--body-buffer', 0]);
	my $sock = $tined->connect;

	$tined->send($sock, "POST /p/now HTTP/1.1\r\nHost: a\r\n"
		. "Content-Length: 50000\r\n\r\n");
	is($tined->read_response($sock)->status, 408, 'its time is limited');
	$tined->ends_clean;
};

subtest 'the response' => sub {
	my $tined = start(module => ',methods=*', args => ['-w', 2]);
	my $response = $tined->get('/p/reason');

	is($response->status, 299, 'its status');
	is($response->{reason}, 'As You Like It', 'its reason phrase');
	is($response->field('X-A'), '3', 'a field that was set');
	is($tined->get('/p/declared')->body, '12345', 'a length and content');
	$response = $tined->get('/p/declared', method => 'HEAD');
	is($response->field('Content-Length'), 5,
		'a length without content for HEAD');
	$response = $tined->get('/p/splice');
	is(length $response->body, 300_000, 'the content of a pipe');
	is($tined->get('/p/splice', version => 'HTTP/1.0')->body,
		$response->body, 'the same for HTTP/1.0');
	is($tined->get('/p/first')->status, 418,
		'nothing is sent by a wait before the response begins');
	$tined->ends_clean;
};

# The letter of each response, if each is one letter many times.
sub letters ($tined, $sock, $count) {
	return join ' ', map {
		my ($letter, $more) = $tined->read_response($sock)->body
			=~ /\A(.)\1{1999}(.*)\z/s;
		defined $letter && $more eq q{} ? $letter : 'a mixture';
	} 1 .. $count;
}

subtest 'bytes that change with the next request' => sub {
	my $tined = start(args => ['-w', 1]);
	my $get   = "GET /p/same-place HTTP/1.1\r\nHost: a\r\n\r\n";
	my $sock  = $tined->connect;

	$tined->send($sock, $get);
	is(letters($tined, $sock, 1), 'a', 'one request');
	$tined->send($sock, $get x 3);
	is(letters($tined, $sock, 3), 'b c d', 'three at once');
	$tined->send($sock, $get =~ s/\r\n\r\n/\r\nContent-Length: 5\r\n\r\n/r);
	$tined->send($sock, "12345$get$get");
	is(letters($tined, $sock, 3), 'e f g',
		'one with content that comes with the next');
	$tined->ends_clean;
};

subtest 'waiting' => sub {
	my $tined = start(args => ['-w', 2, '-m', '/status=status:']);
	my $ended = sub ($how) {
		my $line = qr{"GET /p/wait HTTP/1\.1" from 127\.0\.0\.1: }
		    . qr{the wait ended: 0, $how\z};
		return wait_for(sub { grep { $_ =~ $line } $tined->error_log });
	};
	my $sock = $tined->connect;

	$tined->send($sock, "GET /p/wait HTTP/1.1\r\nHost: a\r\n\r\n");
	ok(wait_for(sub { $tined->fill($sock);
		${*$sock}{tined_buffer} =~ /waiting/ }), 'it sends before it waits');
	ok(wait_for(sub { grep { Tined::title($_) =~
		/ [(]serving 127\.0\.0\.1, waiting[)]/ } $tined->worker_pids }),
		'the title of the process says so');
	my $status = JSON::PP::decode_json($tined->get('/status/json')->body);
	is($status->{workers}{waiting}, 1, 'and the status');
	is((grep { ($_->{request} // q{}) =~ m{/p/wait } && $_->{state} eq 'waiting' }
		$status->{pool}->@*), 1, 'of which worker');
	close $sock;
	ok($ended->('gone'), 'it is told that the client has gone');
	ok(wait_for(sub { !grep { Tined::title($_) =~ /waiting/ }
		$tined->worker_pids }), 'the title is as before');
	$sock = $tined->connect;
	$tined->send($sock, "GET /p/wait HTTP/1.1\r\nHost: a\r\n\r\n");
	shutdown $sock, 1;
	ok(wait_for(sub { 2 == grep { /ended: 0, gone$/ } $tined->error_log }),
		'or has closed its half');
	is($tined->read_response($sock)->body, "waiting\n",
		'to which the rest is sent');
	$sock = $tined->connect;
	$tined->send($sock, "GET /p/wait HTTP/1.1\r\nHost: a\r\n\r\n");
	ok(wait_for(sub { $tined->fill($sock);
		${*$sock}{tined_buffer} =~ /waiting/ }), 'another one');
	$tined->signal('TERM');
	ok($ended->('stopping'), 'it is told that the server stops');
	is($tined->read_response($sock)->body, "waiting\n", 'and ends in order');
	$tined->ends_clean(qr/the wait ended/);
};

subtest 'signs of life' => sub {
	my $limit = 2 * slow();
	my $tined = start(args => ['-w', 2, '--request-timeout', "${limit}s"]);
	my $longer = $limit + 1;

	is($tined->get("/p/busy?$longer")->body, "alive\n",
		'of one that is busy');
	is($tined->get("/p/idle?$longer")->body, "alive\n",
		'of one that waits');
	$tined->ends_clean;
};

# Asks for them at the same time; returns what each gets: an error without its page.
sub outcomes ($tined, @paths) {
	my @socks = map { $tined->connect } @paths;

	$tined->send($socks[$_], "GET $paths[$_] HTTP/1.1\r\nHost: a\r\n\r\n")
	    for 0 .. $#paths;
	return map {
		my $response = eval { $tined->read_response($_) };
		!$response ? 'cut off'
		    : $response->status == 200 ? $response->body
		    : $response->status;
	} @socks;
}

subtest 'signs of life of a stream' => sub {
	my $limit = 2 * slow();
	my $longer = 2 * $limit;
	my $tined = start(args => ['-w', 2, '--request-timeout', "${limit}s"]);

	is_deeply([outcomes($tined, "/p/stream-events?$longer",
		"/p/stream-busy?$longer")],
		['.' x (10 * $longer) . "alive\n", ".alive\n"],
		'one that flushes goes on, and one that says that it works');
	$tined->ends_clean;
};

subtest 'a stream that falls silent' => sub {
	my $limit = 2 * slow();
	my $longer = 2 * $limit;
	my $quiet = ["/p/quiet?$longer", "/p/stream-quiet?$longer"];
	# Which option ends which of them, and what they get.
	my %case = (
		"--request-timeout ${limit}s --stream-timeout off" =>
		    ['request', 'quiet', 504, ".alive\n"],
		"--request-timeout off --stream-timeout ${limit}s" =>
		    ['stream', 'stream-quiet', "alive\n", 'cut off'],
		"--request-timeout ${limit}s" =>
		    ['stream', 'stream-quiet', 504, 'cut off'],
	);

	for my $args (sort keys %case) {
		my ($option, $path, @outcomes) = $case{$args}->@*;
		my $tined = start(args => ['-w', 2, split / /, $args]);
		my $line = qr{error:\ worker\ \d+\[\d+\]\ has\ hung
			\ \(--$option-timeout\).*\ "GET\ /p/$path\?}x;

		is_deeply([outcomes($tined, @$quiet)], \@outcomes, $args)
		    or diag(scalar $tined->error_log);
		ok(wait_for(sub { grep { $_ =~ $line } $tined->error_log }),
			'the log says so') or diag(scalar $tined->error_log);
		$tined->ends_clean(qr/error: worker .* has hung /,
			qr/error: has hung, in:/, qr/error:   #\d+ /);
	}
};

subtest 'the log' => sub {
	my $tined = start(args => ['-w', 1]);

	$tined->get('/p/log');
	ok(wait_for(sub { 2 <= grep { /error|warning/ } $tined->error_log }),
		'it is written');
	my @log = $tined->error_log;
	my $line = qr{worker 1\[\d+\] error: "GET /p/log HTTP/1\.1" }
	    . qr{from 127\.0\.0\.1: an error};
	ok((grep { $_ =~ $line } @log), 'with its request')
	    or diag(join "\n", @log);
	ok((grep { /warning: a warning$/ } @log), 'without one');
	ok(!(grep { /debugging/ } @log), 'but not what is not wanted');
	$tined->ends_clean(qr/an error|a warning/);
};

subtest 'a worker calls it when it starts and when it ends' => sub {
	my $tined = start(args => ['-w', 1]);

	$tined->get('/p/about') for 1 .. 3;
	$tined->stop;
	like(join("\n", $tined->error_log), qr/notice: probe: 3 served/, 'stop');
	$tined->ends_clean;
};

subtest 'a module in C++' => sub {
	plan skip_all => 'no compiler of C++' if !has_cxx();
	my $plus = build_module('plus', "$dir/plus.so");
	my $tined = Tined->start(
		args => ['-w', 1, '-m', "/p=module:$plus,greeting=hi\\, "],
		env  => { $ENV{ASAN_OPTIONS} ? (ASAN_OPTIONS =>
			"$ENV{ASAN_OPTIONS}:handle_abort=0") : () });

	is($tined->get('/p')->body, "hi,  $_\n", "request $_") for 1, 2;
	my $response = $tined->get('/p/a', fields => ['X-Name' => 'b']);
	is($response->body, "hi, /ab 1\n", 'its own path');
	is($response->field('X-Count'), 2, 'its own field');
	is($tined->get('/p/throw')->status, 500, 'an exception that it catches');
	is($tined->get('/p/escape')->status, 500, 'one that it does not');
	is($tined->get('/p')->body, "hi,  1\n", 'another worker goes on');
	like($tined->error_log, qr/"GET \/p\/throw .*: thrown$/m, 'what it was');
	$tined->ends_clean(qr/thrown$/, qr/ error: /, qr/terminate called/);
};

subtest 'a reload loads a file that has changed' => sub {
	my $tined = start(args => ['-w', 2]);
	my $version = sub { said($tined->get('/p/version'))->{version}[0] };

	is($version->(), 1, 'the first');
	for my $new (2 .. 5) {
		build_module('probe', $probe, "-DVERSION=\"$new\"");
		ok($tined->reload_works, 'it is reloaded');
		is($version->(), $new, "version $new");
	}
	ok($tined->reload_works, 'it is reloaded, and has not changed');
	is($version->(), 5, 'the same');
	build_module('probe', $probe, '-DABI=7');
	ok($tined->reload_fails(qr/built for version 7/),
		'one that is bad is refused');
	is($version->(), 5, 'and the server goes on');
	build_module('probe', $probe);
	$tined->ends_clean(qr/built for version 7/);
};

subtest 'one that is installed has a kind of its own' => sub {
	my $tined = Tined->start(args =>
		['-m', '/h=hello:,greeting=hi', '-m', '/g=hello:']);

	is($tined->get('/h')->body, "hi\n", 'with an argument');
	is($tined->get('/g/x')->body, "hello\n", 'without');
	$tined->ends_clean;
};

# An event of the clock: a chunk of its own.
my $EVENT = qr/1c\r\ndata: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n\n\r\n/;

subtest 'the clock' => sub {
	my $tined = Tined->start(args => ['-m', '/c=clock:', '-w', 2]);
	my $listen = sub ($events) {
		my $sock = $tined->connect;
		$tined->send($sock, "GET /c HTTP/1.1\r\nHost: a\r\n\r\n");
		ok(wait_for(sub {
			$tined->fill($sock);
			${*$sock}{tined_buffer} =~ /\r\n\r\n(?:$EVENT){$events}/;
		}), 'events come, each in a chunk of its own');
		return $sock;
	};

	close $listen->(2);
	ok(wait_for(sub { grep { m{"GET /c HTTP/1\.1" 200 } }
		$tined->access_log }), 'it ends when its client goes');
	my $sock = $listen->(1);
	$tined->signal('TERM');
	like($tined->read_response($sock)->body, qr/\Adata: .*\n\n\z/s,
		'and in order when the server stops');
	$tined->ends_clean;
};

done_testing;
