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
	return Tined->start(
		args => ['-m', "/p=module:$probe$arguments", @args],
		env  => { $ENV{ASAN_OPTIONS} ? (ASAN_OPTIONS =>
			"$ENV{ASAN_OPTIONS}:allow_user_segv_handler=1") : () });
}

sub has_logged ($tined, $line) {
	return wait_for(sub { grep { $_ =~ $line } $tined->error_log });
}

subtest 'it crashes' => sub {
	my $tined = start(q{}, '-w', 1);

	is($tined->get('/p/crash')->status, 500, 'the client gets 500');
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

subtest 'wrong responses' => sub {
	my $tined = start(q{}, '-w', 1);
	my %wrong = (
		'too-long'   => qr/it is longer than the length that it declared/,
		'mixed'      => qr/its content is both pieces and a stream/,
		'bad-reason' => qr/its reason phrase has control bytes/,
	);

	for my $way (sort keys %wrong) {
		is($tined->get("/p/$way")->status, 500, "$way: 500");
		ok(has_logged($tined, qr{"GET /p/$way HTTP/1\.1" made a wrong }
			. qr{response: $wrong{$way}; it is answered 500}),
			'the log says why');
	}
	for my $way (qw(late-too-long short-file)) {
		ok(!eval { $tined->get("/p/$way") }, "$way: it is cut off");
	}
	ok(has_logged($tined, qr{GET /p/late-too-long .* it is cut off}),
		'the log says so');
	is($tined->get('/p/version')->status, 200, 'others are served');
	$tined->ends_clean(qr/made a wrong response/);
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

subtest 'it forks, and starts threads' => sub {
	my $tined = start(q{}, '-w', 1);
	
	like($tined->get('/p/thread')->body, qr/thread=joined/, 'a thread');
  SKIP: {
		skip 'a sanitizer: no sandbox', 1 if Tined->is_sanitized;
		like($tined->get('/p/fork')->body, qr/fork=E(?:PERM|ACCES|NOSYS)/,
			'a fork is refused');
	}
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
	$tined->signal('HUP');
	ok(has_logged($tined, qr/has ended/), 'by a crash: the log says so');
	is($tined->get('/p/version')->status, 200, 'and the server goes on');
	$tined->ends_clean(qr/ error: /);
};

done_testing;
