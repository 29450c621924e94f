# Modules that go wrong: what becomes of their clients, their worker, and others.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Module qw(build_module need_compiler);
use Test::More;
use Tined qw(slow wait_for);

need_compiler;

# No request that is well is to take so long, on a busy machine either.
my $limit = slow() . 's';

# A worker that is told to end says where it hangs; the master kills it a second
# later, by which time a busy machine may not have let it.
my $HUNG = qr/has hung(?:, in:| \(--\w+-timeout\) and was killed)/;

my $dir = File::Temp->newdir;
chmod oct '0755', $dir; # for --user
my $probe = build_module('probe', "$dir/probe.so");

# It crashes on purpose: no report of a sanitizer.
sub start ($arguments, @args) {
	my %option = ref $args[0] ? (shift @args)->%* : ();

	return Tined->start(%option,
		args => ['-m', "/p=module:$probe$arguments", @args],
		env  => { $ENV{ASAN_OPTIONS} ? (ASAN_OPTIONS =>
			"$ENV{ASAN_OPTIONS}:allow_user_segv_handler=1") : () });
}

sub has_logged ($tined, $line) {
	return wait_for(sub { grep { $_ =~ $line } $tined->error_log });
}

subtest 'it crashes' => sub {
	my $tined = start(q{}, '-w', 1);

	is($tined->get('/p/abort')->status, 500, 'the client gets 500');
	ok(has_logged($tined, qr/was killed by signal 6 .*its client got 500/),
		'the log says so');
	ok(has_logged($tined, qr{#\d+ .*\(\Q$probe\E\+0x}),
		'and that it was in the module');
	is($tined->get('/p/version')->status, 200, 'others are served');
	$tined->ends_clean(qr/ error: /);
};

subtest 'it hangs' => sub {
	my $tined = start(q{}, '-w', 1, '--request-timeout', $limit);

	is($tined->get('/p/hang')->status, 504, 'the client gets 504');
	ok(has_logged($tined, qr/its client got 504/), 'the log says so');
	is($tined->get('/p/version')->status, 200, 'others are served');
	$tined->ends_clean(qr/ error: /);
};

subtest 'it crashes, or hangs, when the client has a part' => sub {
	my $tined = start(q{}, '-w', 1, '--request-timeout', $limit);
	my %line = (
		part  => qr/was killed by signal 11 .*its client got a part/,
		stall => qr/has hung .*its client got a part/,
	);

	for my $way (sort keys %line) {
		ok(!eval { $tined->get("/p/$way") }, "$way: it is cut off");
		ok(has_logged($tined, $line{$way}), 'the log says so')
		    or diag(scalar $tined->error_log);
		is($tined->get('/p/version')->status, 200, 'others are served');
	}
	$tined->ends_clean(qr/ error: /);
};

subtest 'it hangs when the client has all that HEAD asks for' => sub {
	my $tined = start(q{}, '-w', 1, '--request-timeout', $limit);
	my $response = $tined->request("HEAD /p/stall HTTP/1.1\r\nHost: a\r\n\r\n",
		methods => ['HEAD']);

	is($response->status, 200, 'it has the head');
	ok(has_logged($tined, qr/has hung .*; its client got 200;/),
		'and the log says so') or diag(scalar $tined->error_log);
	ok(wait_for(sub { grep { m{"HEAD /p/stall HTTP/1\.1" 200 } }
		$tined->access_log }), 'the access log, too');
	$tined->ends_clean(qr/ error: /);
};

# As 0810-recycling.t has it of handlers.
subtest 'it leaks memory' => sub {
	plan skip_all => 'a sanitizer has its own memory'
	    if Tined->is_sanitized;
	for my $cure ([qw(--max-worker-memory 12M)], [qw(--max-requests 10)]) {
		my $tined = start(q{}, '-w', 2, @$cure);
		my %pids = map { $_ => 1 } $tined->all_workers(2);

		is((grep { eval { $tined->get('/p/leak')->status } == 200 }
			1 .. 60), 60, "@$cure: all are served");
		ok(wait_for(sub { !grep { $pids{$_} } $tined->worker_pids }),
			'by others than at first');
		$tined->ends_clean;
	}
};

subtest 'it leaks descriptors' => sub {
	my $tined = start(q{}, { rlimits => { n => 256 } }, '-w', 1);
	my ($pid) = $tined->all_workers(1);

	is((grep { (eval { $tined->get('/p/lose')->status } // 0) == 200 }
		1 .. 400), 400, 'all are served');
	isnt(($tined->worker_pids)[0], $pid, 'by another worker than at first');
	$tined->ends_clean(qr/ warning: has used up its file descriptors/);
};

subtest 'it closes descriptors of the server' => sub {
	my $tined = start(q{}, '-w', 2);
	my $closed = eval { $tined->get('/p/close-all') };

	ok(!$closed, 'its client has no response');
	ok(wait_for(sub { eval { $tined->get('/p/version')->status == 200 } }),
		'others are served');
	ok(wait_for(sub { $tined->worker_pids == 2 }), 'by as many workers');
	eval { $tined->stop };
	ok(1, 'and it stops');
	$tined->leaves_nothing;
	$tined->complaints;
};

subtest 'it forks' => sub {
	my $tined = start(q{}, '-w', 1);

  SKIP: {
		skip 'a sanitizer: no sandbox', 1 if Tined->is_sanitized;
		like($tined->get('/p/fork')->body, qr/\AE(?:PERM|ACCES|NOSYS)$/m,
			'that is refused');
	}
	$tined->ends_clean;
};

# With what it needs, but without execve.
subtest 'it forks a child that is none of the server' => sub {
	my $tined = start(',need=exec', '-w', 2);

	is($tined->get('/p/fork-and-return')->body, "the worker\n",
		'its client gets one response') for 1 .. 3;
	ok(wait_for(sub { 3 == grep {
		/ error: the module probe at \/p\/ has returned in a child/
	} $tined->error_log }), 'the log says what the child has done');
	ok(wait_for(sub { $tined->worker_pids == 2 }),
		'the workers are as many as before');

	# The client sees the end of its response by its length.
	my $sock = $tined->connect;
	my $pid = 0 + $tined->get('/p/fork-and-stay', sock => $sock,
		keep => 1)->body;
	ok(kill(0, $pid), 'a child that stays is there');
	is($tined->get('/p/version')->status, 200, 'others are served');
	$tined->stop;
	ok(kill(0, $pid), 'the server does not wait for it');
	kill 'KILL', $pid;
	$tined->ends_clean(qr/has returned in a child/);
};

subtest 'it starts threads' => sub {
	my $tined = start(q{}, '-w', 2);

	is($tined->get('/p/thread')->body, "joined\n", 'one that ends');
	is($tined->get('/p/thread-stays')->body, "left\n", 'one that stays')
	    for 1 .. 5;
	is($tined->get('/p/version')->status, 200, 'it goes on');
	$tined->ends_clean;
};

subtest 'it cannot start' => sub {
	my $tined = Tined->start(ready => 0,
		args => ['-m', "/p=module:$probe,start=fail", '-w', 1]);

	ok(has_logged($tined, qr/ error: probe: start=fail$/), 'it says why');
	ok(has_logged($tined,
		qr{the module probe at /p/ cannot start in this worker}),
		'the log says which');
	eval { $tined->stop };
	$tined->leaves_nothing;
	$tined->complaints;
};

subtest 'it hangs when it starts' => sub {
	my $tined = Tined->start(ready => 0, args =>
		['-m', "/p=module:$probe,start=hang", '-w', 1,
		'--start-timeout', '300ms']);

	ok(has_logged($tined, $HUNG), 'its time is limited');
	eval { $tined->stop };
	$tined->leaves_nothing;
	$tined->complaints;
};

subtest 'it hangs when its worker ends' => sub {
	my $tined = start(',stop=hang', '-w', 1, '--request-timeout', $limit);

	is($tined->get('/p/version')->status, 200, 'it serves');
	$tined->signal('TERM');
	ok(has_logged($tined, $HUNG), 'its time is limited')
	    or diag(scalar $tined->error_log);
	$tined->leaves_nothing;
	$tined->complaints;
};

subtest 'its mount fails at a reload' => sub {
	my $tined = start(q{}, '-w', 1);

	build_module('probe', $probe, '-DMOUNT_CRASHES');
	ok($tined->reload_fails(qr/has ended/), 'by a crash: the log says so');
	is($tined->get('/p/version')->status, 200, 'and the server goes on');
	$tined->ends_clean(qr/ error: /);
};

done_testing;
