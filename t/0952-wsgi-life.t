# What becomes of a worker by its application, in Python: it crashes, hangs,
# grows, forks, has threads; and code that has changed.

use v5.36;

use Cwd        qw(abs_path);
use File::Copy qw(copy);
use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tined qw(slow slurp spew wait_for);
use Wsgi  qw(need_python start_wsgi wsgi_env);

need_python();

# No request that is well is to take so long, on a busy machine either.
my $limit = slow();
my $HUNG  = qr{error: worker \d+\[\d+\] has hung \(--(?:request|stream)-timeout\)};
my @ENDED = ($HUNG, qr{error: has hung, in:}, qr{error:   }, qr{broken by SIG},
	qr{error: worker \d+\[\d+\] (?:was killed by|crashed|ended)},
	qr{error: worker \d+\[\d+\] });

subtest 'it crashes' => sub {
	my $tined = start_wsgi('life:app', args => ['-w', 2], env => {
		ASAN_OPTIONS => join q{:}, grep { defined } $ENV{ASAN_OPTIONS},
		    'detect_leaks=0:handle_segv=0' });

	is($tined->get('/crash')->status, 500, 'a real segmentation fault');
	ok(wait_for(sub { $tined->error_log =~ /while running "GET \/crash / }),
		'the log has the request');
	like($tined->error_log, qr/error: .*broken by SIGSEGV, in:/, 'the signal');
	like($tined->error_log, qr/error: .*life\.py", line \d+ in crash/,
		'and the line in Python');
	is($tined->get('/well')->status, 200, 'others serve on');
	$tined->ends_clean(@ENDED);
};

subtest 'it hangs' => sub {
	my $tined = start_wsgi('life:app',
		args => ['-w', 2, '--request-timeout', "${limit}s"]);

	for my $way (qw(spin sleep hang-thread signals)) {
		my $function = { spin => 'spin', sleep => 'hang_in_sleep',
			'hang-thread' => 'hang_in_thread',
			signals => 'hang_with_signals' }->{$way};

		is($tined->get("/$way", keep => 1)->status, 504, "$way: 504");
		ok(wait_for(sub {
			$tined->error_log =~ m{while running "GET /$way }
		}), 'the log has the request');
		like($tined->error_log,
			qr{has hung \(--request-timeout\).* "GET /$way },
			'and the limit');
		like($tined->error_log,
			qr/error: .*life\.py", line \d+ in $function\n/,
			'and the line in Python');
	}
	like($tined->error_log, qr/notice: .*signal \d+\n/,
		'signals are the application\'s own');
	is($tined->get('/well')->status, 200, 'others serve on');
	$tined->ends_clean(@ENDED);
};

subtest 'it hangs behind its first part' => sub {
	my $tined = start_wsgi('life:stalling',
		args => ['-w', 2, '--request-timeout', "${limit}s"]);
	my $sock = $tined->connect;

	$tined->send($sock, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	ok(wait_for(sub {
		eval { $tined->fill($sock, Tined::deadline(0.1)) };
		${*$sock}{tined_buffer} =~ /begun/;
	}), 'the part comes at once');
	ok(!eval { $tined->read_response($sock); 1 }, 'and then an end');
	ok(wait_for(sub { $tined->error_log =~ /in stalling\n/ }),
		'the log has where');
	$tined->ends_clean(@ENDED);
};

# A part comes each 0.1 s.
subtest 'a stream that goes on' => sub {
	my $limit = 2 * slow();
	my $tined = start_wsgi('life:events',
		args => ['-w', 2, '--request-timeout', "${limit}s"]);
	my $longer = $limit + 1;
	my @socks = map { $tined->connect } 1, 2;

	$tined->send($socks[0], "GET /parts?$longer HTTP/1.1\r\nHost: a\r\n\r\n");
	$tined->send($socks[1], "GET /empty?$longer HTTP/1.1\r\nHost: a\r\n\r\n");
	like($tined->read_response($socks[0])->body, qr/\Abegun\.+ended\z/,
		'of parts');
	is($tined->read_response($socks[1])->body, 'begunended',
		'of parts that are empty');
	$tined->ends_clean;
};

subtest 'it grows' => sub {
	my $tined = start_wsgi('life:app',
		args => ['-w', 1, '--max-worker-memory', '100M']);
	my %count;

	wait_for(sub {
		$count{ $tined->get('/hoard')->body }++;
		($count{1} // 0) > 1;
	});
	cmp_ok($count{1}, '>', 1, 'a new worker takes its place');
	$tined->ends_clean;
};

subtest 'children, signals, threads, output' => sub {
	my $tined = start_wsgi('life:app', args => ['-w', 1]);
	my ($count) = (0);

	is($tined->get('/children')->body, 'a child 7', 'subprocess and os.fork');
	is($tined->get('/signal')->body, 'True', 'a signal of its own');
	is($tined->get('/stdout?' . 'x' x 7000)->body, 'said', 'output');
	$tined->get('/long');
	like($tined->error_log, qr/notice: .*begin x{12000} end\n/,
		'a long line is one');
	like($tined->error_log, qr/notice: .*to $_\n/, "$_ is logged")
	    for qw(stdout stderr);
	is($tined->get('/timer')->body, '0 0', 'a thread of the C library');
	ok(wait_for(sub { $tined->error_log =~ /notice: by a thread of the C/ }),
		'calls Python while the worker is idle');
	my ($loaded_by, $pid) = split q{ }, $tined->get('/well')->body;
	is($loaded_by, $pid, 'a worker loads it');
	$tined->get('/thread');
	ok(wait_for(sub { $tined->get('/thread')->body > 50 }),
		'a thread runs between requests');
	$tined->stop;
	like($tined->error_log, qr/notice: .*atexit in $pid\n/, 'atexit');
	$tined->ends_clean;
};

subtest 'what comes back from a fork is no worker' => sub {
	my $tined = start_wsgi('apps:ways', args => ['-w', 1]);
	my $sock  = $tined->connect;

	for (1 .. 3) {
		is($tined->get('/forked', sock => $sock, keep => 1)->body,
			'the parent answers', 'one answer');
	}
	is($tined->get('/thread', sock => $sock, keep => 1)->body, 'refused',
		'start_response is for its thread');
	ok((grep { /notice: from a thread\z/ } $tined->error_log),
		'which may write, without the request');
	is($tined->get('/kept', sock => $sock, keep => 1)->body,
		'AttributeError AttributeError', 'nothing kept');
	is($tined->get('/kept', sock => $sock, keep => 1)->body,
		'RuntimeError RuntimeError', 'what was kept is refused');
	$tined->ends_clean;
};

subtest 'changed code' => sub {
	my $dir = File::Temp->newdir;
	chmod 0755, $dir;
	my $write = sub ($code) {
		spew("$dir/site.new", $code);
		rename "$dir/site.new", "$dir/changing.py" or die $!;
	};
	my $serve = sub ($word) {
		return "def app(environ, start_response):\n"
		    . "    start_response('200 OK', [])\n"
		    . "    return [b'$word']\n";
	};

	$write->($serve->('first'));
	my $tined = start_wsgi('changing:app', path => "$dir",
		args => ['-w', 2]);
	is($tined->get('/')->body, 'first', 'before');
	$write->($serve->('second'));
	ok($tined->reload_works, 'reloaded');
	ok(wait_for(sub { $tined->get('/')->body eq 'second' }), 'done');
	$write->("this is no Python\n");
	ok($tined->reload_fails(qr/error: .*SyntaxError/), 'code that is wrong');
	is($tined->get('/')->body, 'second', 'the old one serves on') for 1 .. 9;
	$write->($serve->('third'));
	ok(wait_for(sub { $tined->get('/')->body eq 'third' }), 'mended')
	    or diag($tined->error_log . q{});
	$tined->ends_clean(qr/error|warning/);
};

subtest 'preload' => sub {
	my $tined = start_wsgi('life:app', more => { preload => 'yes' },
		args => ['-w', 2]);
	my ($loaded_by, $pid) = split q{ }, $tined->get('/well')->body;

	is($loaded_by, $tined->pid, 'the master has loaded it');
	like($tined->get('/forks')->body, qr/\A(?:before parent )*before child\z/,
		'Python knows of the fork');
	isnt($pid, $tined->pid, 'a worker serves');
	$tined->get('/thread');
	ok(wait_for(sub { $tined->get('/thread')->body > 0 }), 'threads run');
	is($tined->get('/children')->body, 'a child 7', 'children');
	$tined->ends_clean;
};

# Python is in the master, with what the old module has given it.
subtest 'the module is replaced, and Python was preloaded' => sub {
	my $dir = File::Temp->newdir;
	my $apps = abs_path("$FindBin::Bin/wsgi");
	my $module = "$dir/wsgi.so";
	my $replace = sub () {
		copy(($ENV{BUILD} // "$FindBin::Bin/../build")
			. '/modules/wsgi.so', "$module.new") or die $!;
		rename "$module.new", $module or die $!;
	};

	chmod 0755, $dir;
	$replace->();
	my $tined = Tined->start(args => ['-w', 2, '-m',
		"/=module:$module,app=life:app,path=$apps,preload=yes"],
		env => wsgi_env());

	is($tined->get('/well')->status, 200, 'an answer');
	$replace->();
	ok($tined->reload_fails(qr/cannot reload: .*SIGUSR2/),
		'a reload is refused');
	is($tined->get('/well')->status, 200, 'and the old one serves on');
	$tined->ends_clean(qr/cannot reload: /);
};

subtest 'allow=' => sub {
	my $dir  = File::Temp->newdir;
	my %said = (
		'read+write+run+connect' => 'written',
		read => qr/\A(?:Permission denied|Operation not permitted)\z/,
	);

	chmod 0777, $dir;
	delete $said{read}
	    if Tined->run(args => ['-t'])->{out} !~ /^Landlock \(version/m;
	for my $allow (sort keys %said) {
		my $tined = start_wsgi('life:app', args => ['-w', 1],
			more => { allow => $allow },
			env => { TINED_TEST_FILE => "$dir/file" });
		my $body = $tined->get('/write')->body;

		if (ref $said{$allow}) {
			like($body, $said{$allow}, "$allow: refused");
		} else {
			is($body, $said{$allow}, "$allow: allowed");
		}
		$tined->ends_clean;
	}
};

done_testing;
