# A crowd in the lot: it costs others nothing, and itself little.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Cgroup ();
use Lot qw(answered_at ask cpu_ticks held_at_rest held_by_lot is_held keep_busy
	lot_pid many_on_their_way median need_descriptors percentile reflect release
	token);
use POSIX qw(WNOHANG);
use Slow qw(in_pieces);
use Test::More;
use Time::HiRes qw(sleep time);
use Tined qw(deadline slurp wait_for);
use Tined::Process qw(private_memory);

Lot::import_or_skip();
need_descriptors(6000);
my $turn = many_on_their_way();

my @reflect = ('-m', '/reflect=echo:body');

# Each has had one answer, and is idle since; none is with a worker.
sub crowd ($tined, $size) {
	my $before = held_at_rest($tined);
	my @crowd = map { $tined->connect } 1 .. $size;

	while (my @some = splice @crowd, 0, 50) {
		$tined->send($_, reflect('first')) for @some;
		for my $sock (@some) {
			$tined->read_response($sock)->body eq 'first' or die;
		}
		push @{ $tined->{crowd} }, @some;
	}
	wait_for(sub { held_by_lot($tined) >= $before + $size })
	    or die 'they are not parked';
	return delete($tined->{crowd})->@*;
}

# Both servers in turn, request by request, so that noise meets both.
subtest '500 idle clients, and a new one' => sub {
	my @servers = map { Tined->start(args => ['-w', 2, @reflect]) } 1, 2;
	my @crowd = crowd($servers[1], 500);
	my (@alone, @amid);

	# Again, if the machine was busy with something else.
	for my $round (1 .. 5) {
		(@alone, @amid) = ();
		answered_at($_) for @servers;
		for (1 .. 300) {
			push @alone, answered_at($servers[0]);
			push @amid, answered_at($servers[1]);
		}
		last if median(@amid) <= 1.5 * median(@alone)
		    && percentile(0.99, @amid)
			<= 3 * percentile(0.99, @alone);
	}
	diag sprintf 'ms, alone and amid 500: median %.2f %.2f, p99 %.2f %.2f',
	    map { 1e3 * $_ } median(@alone), median(@amid),
	    percentile(0.99, @alone), percentile(0.99, @amid);
	cmp_ok(median(@amid), '<=', 1.5 * median(@alone),
		'is answered as soon as if they were not there: median');
	cmp_ok(percentile(0.99, @amid), '<=',
		3 * percentile(0.99, @alone), 'p99');
	is(held_by_lot($servers[1]) - held_by_lot($servers[0]), 500,
		'they are still there');

	my %token = map { fileno($_) => token() } @crowd;
	$servers[1]->send($_, reflect($token{ fileno $_ })) for @crowd;
	my @wrong = grep {
		my $response = $servers[1]->read_response($_);
		!$response || $response->body ne $token{ fileno $_ };
	} @crowd;
	is(@wrong, 0, 'each of them has the answer to its own request');
	$_->ends_clean for @servers;
};

subtest 'the memory of 2000' => sub {
	my $tined = Tined->start(args => ['-w', 2, @reflect]);
	my @first = crowd($tined, 200);
	my $before = private_memory(lot_pid($tined));
	my @crowd = crowd($tined, 2000);
	my $each = 1024 * (private_memory(lot_pid($tined)) - $before) / 2000;

	cmp_ok($each, '<', 1024, "each has $each bytes of the lot");
	my $ticks = cpu_ticks(lot_pid($tined));
	answered_at($tined) for 1 .. 20;
	cmp_ok(cpu_ticks(lot_pid($tined)) - $ticks, '<', 20,
		'and they cost no time');
	close $_ for @first, @crowd;
	ok(wait_for(sub { held_by_lot($tined) < 200 }), 'all are let go');
	$tined->ends_clean;
};

# Traces these calls of a process; a function that ends that, with the lines.
sub trace ($pid, $calls) {
	my $file = File::Temp->new;
	my $strace = fork // die "fork: $!\n";

	if ($strace == 0) {
		open STDERR, '>', '/dev/null' or exit 127;
		exec 'strace', '-q', '-o', "$file", '-e', "trace=$calls", '-e',
		    'signal=none', '-p', $pid or exit 127;
	}
	my $gone;
	wait_for(sub {
		$gone = waitpid($strace, WNOHANG) == $strace;
		$gone || slurp("/proc/$pid/status") =~ /^TracerPid:\t[1-9]/m;
	});
	return if $gone;
	return sub () {
		kill 'TERM', $strace;
		waitpid $strace, 0;
		return split /\n/, slurp("$file");
	};
}

# Stopped, it takes nothing in, and the channel to it fills up: some thousand idle
# clients later a worker has to go on without it.
subtest 'a lot that stands still' => sub {
	my $tined = Tined->start(args => ['-w', 1, '--start-timeout', '10m',
		@reflect]); # or it is killed
	my $lot = lot_pid($tined);
	my $closed = sub ($sock) { $tined->is_closed($sock, 0) };
	my @crowd;

	# Until one was the lot's, it may be woken before an idle worker is.
	ask($tined, $tined->connect) or die for 1 .. 4;
	$tined->signal('STOP', $lot);
	until (@crowd > 20 && grep { $closed->($_) } @crowd[-20 .. -1]) {
		push @crowd, $tined->connect;
		ask($tined, $crowd[-1]) or die;
		@crowd < 5000 or die 'the channel is not full';
	}
	note(scalar @crowd, ' clients fill the channel');

	my $end = trace($tined->worker_pids, 'poll,ppoll')
	    or diag 'NOT TESTED: no process can be traced here';
	my @new = map { $tined->connect } 1 .. 20;
	is(grep({ !ask($tined, $_) } @new), 0, 'new clients are served');
	is(grep({ !$tined->is_closed($_) } @new), 0, 'and closed when idle');
	cmp_ok(scalar grep({ /events=POLLOUT\}\], 1, (?!0\))/ } $end->()), '<=', 1,
		'the worker does not wait for the channel for each of them')
	    if $end;

	my ($content, $head, @piece) = in_pieces(token(), 30_000, 3);
	my $slow = $tined->connect;
	$tined->send($slow, $head . shift @piece);
	for my $piece (@piece) {
		sleep 0.1; # longer than --linger
		$tined->send($slow, $piece);
	}
	ok((eval { $tined->read_response($slow)->body } // q{}) eq $content,
		'a body that comes slowly is waited for by a worker');
	$slow = $tined->connect;
	$tined->send($slow, 'POST /refl');
	sleep 0.1;
	is(eval { $tined->request("ect HTTP/1.1\r\nHost: a\r\n"
		. "Content-Length: 4\r\n\r\nhead", sock => $slow)->body } // $@,
		'head', 'and so is a head');

	$tined->signal('CONT', $lot);
	my @lost = grep { !ask($tined, $_) } @crowd[0 .. 20];
	is(@lost, 0, 'those in the channel are not lost');
	$tined->ends_clean;
};

# The lot keeps 64 of its descriptors for itself.
my $LIMIT = 200;
my $ROOM  = $LIMIT - 64; # or a few more
my $FULL  = qr/ warning: the lot is full with \d+ connections/;

subtest 'more idle clients than descriptors' => sub {
	my $tined = Tined->start(args => ['-w', 1, @reflect],
		rlimits => { n => $LIMIT });
	my @crowd = map { $tined->connect } 1 .. $ROOM + 40;

	# One after the other, so that their age is known.
	for my $sock (@crowd) {
		ask($tined, $sock) or die;
	}
	ok($tined->is_closed($_), 'one of the oldest is closed')
	    for @crowd[0 .. 30];
	my @reset = grep { $tined->was_reset($_) } @crowd;
	is(@reset, 0, 'none by a reset');
	my @lost = grep { !ask($tined, $_) } @crowd[50 .. $#crowd];
	is(@lost, 0, 'the younger ones go on');
	my @new = map { $tined->connect } 1 .. 20;
	@lost = grep { !ask($tined, $_) } @new;
	is(@lost, 0, 'new ones are served');
	is(grep({ /$FULL/ } $tined->error_log), 1, 'it is said, once');
	$tined->ends_clean($FULL);
};

# Each of them takes a descriptor for its connection and one for the file.  The
# others have workers, of which some are left.
subtest 'more slow readers than descriptors' => sub {
	my $big = 'x' x (6 << 20);
	my $limit = 128;
	my $room = $limit - 64;
	my $tined = Tined->start(args => ['-w', 90], files => { big => $big },
		rlimits => { n => $limit });
	my @crowd = map { $tined->connect(rcvbuf => 1 << 16) } 1 .. 80;
	my ($held, $since) = (0, 0);

	$tined->send($_, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n") for @crowd;
	ok(wait_for(sub {
		my $now = held_by_lot($tined);
		($held, $since) = ($now, time) if $now != $held;
		$held >= $room && time - $since > 0.3;
	}), 'the lot has as many as it can hold');
	cmp_ok($held, '<', $limit, 'which is less than there are');
	my @cut = grep {
		my $response = eval { $tined->read_response($_) };
		!$response || length $response->body != length $big;
	} @crowd;
	is(@cut, 0, 'each has all of its response');
	$tined->ends_clean($FULL);
};

subtest 'more requests that wait than descriptors' => sub {
	my $tined = Tined->start(args => ['-w', 1, @reflect],
		rlimits => { n => $LIMIT });
	my $busy = keep_busy($tined);
	# The channel holds some thousands too.
	my @crowd = map { $tined->connect } 1 .. 4000;
	my %token = map { fileno($_) => token() } @crowd;

	$tined->send($_, reflect($token{ fileno $_ })) for @crowd;
	wait_for(sub { held_by_lot($tined) >= $LIMIT / 2 }, 0.5);
	# This long, and no shorter: it is the time that is measured.
	my $lot = lot_pid($tined);
	my $ticks = cpu_ticks($lot);
	sleep 0.5;
	cmp_ok(cpu_ticks($lot) - $ticks, '<', 20, 'the lot does not spin');
	ok(release($tined, $busy), 'the busy one is served');
	my $deadline = deadline();
	my @lost = grep {
		my $response = eval {
			$tined->read_response($_, deadline => $deadline) };
		!$response || $response->body ne $token{ fileno $_ };
	} @crowd;
	is(@lost, 0, 'and each that waited, soon');
	is(lot_pid($tined), $lot, 'by the same lot');
	$tined->ends_clean($FULL);
};

# So much together, of what they send, is kept.
my $MEMORY = 256 << 20;

# All are there before most of it comes: none needs to be let in for it to grow.
subtest 'more content than memory' => sub {
	my $tined = Tined->start(args => ['-w', 4, '--linger', '1ms',
		'--body-timeout', '60s', @reflect]);
	my $lot = lot_pid($tined);
	my $before = held_at_rest($tined);
	my $size = 62_000;
	my (@crowd, %token);

	for (1 .. 5500) {
		my $sock = $tined->connect;
		push @crowd, $sock;
		$token{ fileno $sock } = sprintf '%6d', fileno $sock;
		$tined->send($sock, "POST /reflect HTTP/1.1\r\nHost: a\r\n"
			. "Content-Length: $size\r\n\r\n$token{ fileno $sock }");
	}
	ok(wait_for(sub { held_by_lot($tined) >= $before + @crowd }),
		'all are in the lot');
	my @busy = map { keep_busy($tined) } 1 .. 4;
	for my $sock (@crowd) {
		eval { $tined->send($sock, 'x' x ($size - 6)) };
	}
	my ($least, $since) = (held_by_lot($tined), time);
	ok(wait_for(sub {
		my $now = held_by_lot($tined);
		($least, $since) = ($now, time) if $now < $least;
		time - $since > 0.5 && $tined->error_log =~ $FULL;
	}), 'some are let go');
	note('the lot has ', private_memory($lot), ' kB');
	my $new = 'new' x 10_000;
	my @new = map { $tined->connect } 1 .. 20;
	$tined->send($_, "POST /reflect HTTP/1.1\r\nHost: a\r\nContent-Length: "
		. length($new) . "\r\n\r\n$new") for @new;
	sleep 0.2; # or more would be of no use
	cmp_ok(grep({ is_held($tined, $_) } @new), '<', 10,
		'new ones wait outside, unless there is a little left');

	ok(release($tined, $_), 'a busy one is served') for @busy;
	my @served = grep {
		my $response = eval { $tined->read_response($_) };
		$response && $response->body eq
		    $token{ fileno $_ } . 'x' x ($size - 6);
	} @crowd;
	cmp_ok(@served * $size, '>', 0.9 * $MEMORY,
		scalar @served . ' have their answers');
	cmp_ok(@served * $size, '<=', $MEMORY, 'and no more were kept');
	is(grep({ $tined->read_response($_)->body ne $new } @new), 0,
		'and the new ones, after that');
	is(lot_pid($tined), $lot, 'by the same lot');
	close $_ for @crowd;
	$tined->ends_clean($FULL);
};

# The kernel kills a process of a control group that takes too much.
subtest 'more content than the control group has memory' => sub {
	plan skip_all => 'a sanitizer takes more' if Tined->is_sanitized;
	my $group = Cgroup->make(memory => 128 << 20);
	my $tined = Tined->start(args => ['-w', 4, '--body-timeout', '60s',
		@reflect], under => [$group->enter]);
	my $lot = lot_pid($tined);
	my $size = 64_000;
	my @crowd;

	for (1 .. 2500) {
		my $sock = $tined->connect;
		push @crowd, $sock;
		eval { $tined->send($sock, "POST /reflect HTTP/1.1\r\n"
			. "Host: a\r\nContent-Length: ${\($size + 1)}\r\n\r\n"
			. 'x' x $size) };
	}
	ok(wait_for(sub { $tined->error_log =~ $FULL }), 'some are let go');
	my $token = token();
	ok(ask($tined, $tined->connect, $token), 'a new one is served');
	is(lot_pid($tined), $lot, 'by the same lot');
	is_deeply([grep { $tined->is_open($_, 0) } @crowd[0 .. 9]], [],
		'the oldest are gone');
	my @open = grep { $tined->is_open($_, 0) } @crowd;
	my $last = $open[-1];
	$tined->send($last, 'y');
	is($tined->read_response($last)->body, 'x' x $size . 'y',
		'one of the youngest has its answer');
	close $_ for @crowd;
	$tined->ends_clean($FULL);
	ok($group->end, 'the group is gone');
};

done_testing;
