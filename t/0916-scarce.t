# The kernel has no file, no memory, no process more for anybody: service goes
# on, nothing spins, the log says it once, and all recovers by itself.  strace
# makes system calls fail, as a whole machine is not ours to fill up.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use File::Temp ();
use POSIX qw(SIGSTOP);
use Lot qw(ask find_lot is_parked keep_busy lot_pid park release);
use Test::More;
use Time::HiRes qw(sleep time);
use Tined qw(free_port need_tools slurp wait_for);

need_tools('strace');

use constant CLASSIC => ($ENV{TINED_ARGS} // q{}) =~ /--no-lot/;
# How often it is tried again, and what a slow machine may add to that.
use constant {
	TRIES_A_SECOND => 10,
	MORE_TRIES     => 10,
	PARK_SECONDS   => 5,
};

my $dir = File::Temp->newdir;
my %tracers;

sub tracer ($pid) {
	return slurp("/proc/$pid/status") =~ /^TracerPid:\s*([1-9]\d*)/m
	    ? $1 : 0;
}

# The calls of these processes fail, until end_failing.
sub begin_failing ($calls, $error, @pids) {
	state $number = 0;
	my $file = "$dir/" . ++$number;
	my $strace = fork // die "fork: $!\n";

	if ($strace == 0) {
		open STDERR, '>', "$file.err" or exit 127;
		exec 'strace', '-q', '-o', $file, '-e', "trace=$calls", '-e',
		    'signal=none', '-e', "inject=$calls:error=$error",
		    map({ ('-p', $_) } @pids) or exit 127;
	}
	$tracers{$strace} = { file => $file, pids => \@pids, since => time };
	my $gone;
	wait_for(sub {
		$gone = waitpid($strace, 1) == $strace;
		$gone || @pids == grep { tracer($_) == $strace } @pids;
	});
	return $strace unless $gone;
	delete $tracers{$strace};
	die slurp("$file.err");
}

# A process receives it when its system call, if it is in one, has ended.
sub has_received ($pid, $signal) {
	my ($pending) = slurp("/proc/$pid/status") =~ /^ShdPnd:\s*(\w+)/m;

	return !defined $pending || !(hex($pending) & 1 << $signal - 1);
}

# How many have failed, and in how many seconds.  strace replaces a call that is
# to fail by one that does not exist, and must not end in between.
sub end_failing ($strace) {
	my $trace = delete $tracers{$strace};
	my $seconds = time - $trace->{since};
	my @pids = $trace->{pids}->@*;

	kill 'STOP', @pids;
	wait_for(sub { @pids == grep { has_received($_, SIGSTOP) } @pids });
	kill 'TERM', $strace;
	waitpid $strace, 0;
	kill 'CONT', @pids;
	my $failed = () = slurp($trace->{file}) =~ /\(INJECTED\)/g;
	return ($failed, $seconds);
}

sub has_failed ($strace) {
	return slurp($tracers{$strace}{file}) =~ /\(INJECTED\)/;
}

END { kill 'TERM', keys %tracers if %tracers }

# No more often than it is tried again.
sub spins_not ($strace, $processes) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($failed, $seconds) = end_failing($strace);

	note(sprintf '%d calls in %.1f s', $failed, $seconds);
	return cmp_ok($failed, '<=', $processes
		* ($seconds * TRIES_A_SECOND + MORE_TRIES), 'nothing spins');
}

sub said ($tined, $words) { return () = $tined->error_log =~ /$words/mg }

sub start ($workers, @args) {
	my $tined = Tined->start(files => { 'a.txt' => "hello\n" },
		args => ['-m', '/reflect=echo:body', '-w', $workers, @args]);

	wait_for(sub { $tined->worker_pids == $workers })
	    or die "no $workers workers\n";
	return $tined;
}

sub asks ($tined, $sock = $tined->connect) {
	$tined->send($sock, "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
	return $sock;
}

sub is_answered ($tined, $sock, $name) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(eval { $tined->read_response($sock)->body } // $@, "hello\n",
		$name);
}

{
	my $tined = start(1);
	my $strace = eval { begin_failing('chroot', 'ENOMEM',
		$tined->worker_pids) };
	if (!$strace) {
		diag "NOT TESTED: no process can be traced here: $@";
		plan skip_all => 'ptrace is forbidden';
	}
	end_failing($strace);
	$tined->ends_clean;
}

for my $error (qw(ENFILE ENOMEM)) {
	my $words = { ENFILE => 'Too many open files in system',
		ENOMEM => 'Cannot allocate memory' }->{$error};

	subtest "workers cannot accept: $error" => sub {
		my $tined = start(2);
		my @workers = $tined->worker_pids;
		my $kept = asks($tined);
		is_answered($tined, $kept, 'it serves');
		my @all = grep { defined } @workers, find_lot($tined);
		my $strace = begin_failing('accept4', $error, @all);

		my @socks = map { asks($tined) } 1 .. 3;
		ok(wait_for(sub { said($tined, "cannot accept .*: $words;") }),
			'the log says so');
		is_answered($tined, asks($tined, $kept),
			'who is there already is served') unless CLASSIC;
		ok($tined->is_open($_, 0.2), 'others wait') for @socks;
		spins_not($strace, scalar @all);
		is_answered($tined, $_, 'they are served when it is over')
		    for @socks;
		ok(wait_for(sub {
			said($tined, 'cannot accept ')
			    == said($tined, 'notice: connections are accepted');
		}), 'which the log tells');
		is_answered($tined, asks($tined), 'all goes on');
		cmp_ok(said($tined, 'cannot accept '), '<=', @all,
			'each process has said so once');
		is_deeply([$tined->worker_pids], \@workers, 'nobody has ended');
		$tined->ends_clean(qr/cannot accept connections: $words; try/);
	};
}

subtest 'the master cannot fork' => sub {
	my $tined = start(2);
	my $strace = begin_failing('clone,clone3', 'ENOMEM', $tined->pid);
	my ($first) = $tined->worker_pids;

	kill 'KILL', $first;
	ok(wait_for(sub { said($tined,
		'cannot start a worker: Cannot allocate memory; trying again') }),
		'the log says so');
	is_answered($tined, asks($tined), 'the other worker serves');
	sleep 1;
	spins_not($strace, 1);
	ok(wait_for(sub { $tined->worker_pids == 2 }),
		'there are two again when it is over');
	is(said($tined, 'cannot start '), 1, 'the log has said so once');
	ok(wait_for(sub {
		said($tined, 'notice: processes can be started again') == 1
	}), 'and that it is over');
	is_answered($tined, asks($tined), 'it serves');
	$tined->ends_clean(qr/cannot start a worker: /,
		qr/worker .* was killed by signal 9/);
};

# The end of the lot concerns workers, but not each attempt to start another.
subtest 'the master cannot fork the lot' => sub {
	plan skip_all => 'no lot' if CLASSIC;
	my $tined = start(2);
	my $strace = begin_failing('clone,clone3', 'ENOMEM', $tined->pid);
	my ($worker) = $tined->worker_pids;
	my $sleeps = sub {
		slurp("/proc/$worker/status") =~ /^voluntary_ctxt\w+:\s+(\d+)/m;
		return $1;
	};
	my $failed = sub ($count) {
		return wait_for(sub {
			$count <= (() = slurp($tracers{$strace}{file})
				=~ /\(INJECTED\)/g);
		});
	};

	kill 'KILL', lot_pid($tined);
	ok($failed->(2), 'it tries again');
	my $before = $sleeps->();
	ok($failed->(7), 'and again');
	cmp_ok($sleeps->() - $before, '<=', 2, 'a worker is left in peace');
	end_failing($strace);
	ok(wait_for(sub { find_lot($tined) }), 'there is one when it is over');
	$tined->ends_clean(qr/cannot start a lot: /,
		qr/the lot.* was killed by signal 9/);
};

# Clients could come for as long as a worker is busy.
subtest 'a stop cannot refuse new clients' => sub {
	my $port = free_port;
	my $tined = Tined->start(listen => 'none', port => $port,
		files => { 'a.txt' => "hello\n" },
		args => ['-m', '/reflect=echo:body', '-w', 1,
			'--stop-timeout', '1h', '-l', "127.0.0.1:$port"]);
	my $busy = keep_busy($tined);
	my $strace = begin_failing('setsockopt', 'EPERM', $tined->pid);

	$tined->signal('TERM');
	ok(wait_for(sub {
		said($tined, 'the kernel cannot refuse new clients')
	}), 'the log says that more may come');
	end_failing($strace);
	my @late;
	ok(wait_for(sub {
		my $sock = eval { asks($tined) };
		push @late, $sock if $sock;
		return !$sock;
	}), 'nobody listens any more, although clients come');
	ok(release($tined, $busy), 'the request under way is answered');
	is($tined->wait_exit, 0, 'exit status 0');
	$tined->leaves_nothing;
	$tined->log_is_clean(qr/cannot refuse new clients during the stop/);
};

subtest 'the status process cannot accept' => sub {
	my $tined = start(1, '--status-socket', "$dir/status");
	my $status = wait_for(sub {
		(grep { Tined::title($_) =~ /\Atined: status\b/ }
			$tined->child_pids)[0];
	});
	my $strace = begin_failing('accept4', 'EMFILE', $status);
	my $sock = $tined->connect(unix => "$dir/status");

	$tined->send($sock, "GET /text HTTP/1.1\r\nHost: a\r\n\r\n");
	ok(wait_for(sub { has_failed($strace) }), 'it tries');
	ok($tined->is_open($sock, 0.3), 'its client waits');
	spins_not($strace, 1);
	is($tined->read_response($sock)->status, 200,
		'and is answered when it is over');
	$tined->ends_clean;
};

if (CLASSIC) {
	done_testing;
	exit;
}

my $MEMORY = qr/cannot accept connections: Cannot allocate memory; try/;

# All workers are busy, so that it is the lot's to accept.
subtest 'the lot cannot accept' => sub {
	my $tined = start(1);
	my $busy = keep_busy($tined);
	my $strace = begin_failing('accept4', 'ENFILE', lot_pid($tined));

	my @socks = map { asks($tined) } 1 .. 3;
	ok(wait_for(sub { said($tined, 'cannot accept .* in system;') }),
		'the log says so');
	sleep 1;
	spins_not($strace, 1);
	ok(wait_for(sub { said($tined, 'notice: connections are accepted') }),
		'which the log tells, when it is over');
	ok(release($tined, $busy), 'a worker has time');
	is_answered($tined, $_, 'and serves those that waited') for @socks;
	is(said($tined, 'cannot accept'), 1, 'the log has said so once');
	$tined->ends_clean(qr/cannot accept connections: Too many/);
};

# What workers park waits in the channel meanwhile.
subtest 'the lot cannot receive' => sub {
	my $tined = start(1);
	my $strace = begin_failing('recvmsg', 'ENOMEM', lot_pid($tined));
	my @socks = map { asks($tined) } 1 .. 3;

	is_answered($tined, $_, 'a worker serves') for @socks;
	ok(wait_for(sub { said($tined, $MEMORY) }), 'the log says so');
	is_answered($tined, asks($tined), 'it serves on');
	sleep 1;
	spins_not($strace, 1);
	is_answered($tined, asks($tined, $_), 'nobody is lost') for @socks;
	ok(wait_for(sub { 3 == grep { is_parked($tined, $_) } @socks }),
		'they are in the lot');
	is(said($tined, $MEMORY), 1, 'the log has said so once');
	is(said($tined, 'notice: connections are accepted again'), 1,
		'and that it is over');
	$tined->ends_clean($MEMORY);
};

subtest 'the lot cannot hand over' => sub {
	my $tined = start(1);
	my @socks = map { asks($tined) } 1 .. 3;

	is_answered($tined, $_, 'it serves') for @socks;
	ok(wait_for(sub { 3 == grep { is_parked($tined, $_) } @socks }),
		'all are in the lot');
	my $strace = begin_failing('sendmsg', 'ENOBUFS', lot_pid($tined));
	asks($tined, $_) for @socks;
	ok(wait_for(sub { has_failed($strace) }), 'it tries');
	my @others = map { asks($tined) } 1 .. 50;
	is_answered($tined, $_, 'others are served') for @others;
	sleep 1;
	my ($failed, $seconds) = end_failing($strace);
	cmp_ok($failed, '<', 250 * $seconds + MORE_TRIES,
		"nothing spins: $failed calls");
	is_answered($tined, $_, 'they are served when it is over') for @socks;
	$tined->ends_clean;
};

subtest 'the lot cannot watch' => sub {
	my $tined = start(1);
	my $busy = keep_busy($tined);
	my $strace = begin_failing('epoll_ctl', 'ENOMEM', lot_pid($tined));

	my $lost = asks($tined);
	ok(wait_for(sub { said($tined, $MEMORY) }), 'the log says so');
	like(scalar $tined->error_log, qr/cannot watch a connection: .* closing/,
		'and what is lost');
	my @socks = map { asks($tined) } 1 .. 3;
	ok($tined->is_open($_, 0.2), 'others wait') for @socks;
	sleep 1;
	end_failing($strace);
	ok(wait_for(sub { said($tined, 'notice: connections are accepted') }),
		'it tells when it is over');
	ok(release($tined, $busy), 'a worker has time');
	is_answered($tined, $_, 'they are served') for @socks;
	my $kept = asks($tined);
	is_answered($tined, $kept, 'as are others');
	park($tined, $kept);
	is_answered($tined, asks($tined, $kept), 'again and again');
	is(said($tined, 'cannot watch'), 1, 'no other is lost');
	is(said($tined, $MEMORY), 1, 'the log has said so once');
	$tined->ends_clean($MEMORY, qr/cannot watch a connection/);
};

# It is in the queue of the listener: not just when it is traced or wakes up.
sub is_asleep ($pid) {
	return 5 == grep {
		sleep 0.01;
		Tined::process_state($pid) eq 'S' && Tined::title($pid) =~ /idle/;
	} 1 .. 5;
}

# A worker gives back without a call what the lot has lent to it; it parks only
# what it has accepted.  Once the lot has accepted one connection, all others are
# the worker's if it is idle.
sub start_accepting ($calls, $error) {
	my $tined = start(1);
	my ($worker) = $tined->worker_pids;

	is_answered($tined, asks($tined), 'it serves') for 1 .. 2;
	my $strace = begin_failing($calls, $error, $worker);
	wait_for(sub { is_asleep($worker) }) or die "the worker is not idle\n";
	return ($tined, $worker, $strace);
}

# Sending the response is the first call.
subtest 'a worker cannot park' => sub {
	my ($tined, $worker, $strace) = start_accepting('sendmsg',
		'ETOOMANYREFS:when=2..8');
	my $sock = asks($tined);

	is_answered($tined, $sock, 'it serves');
	ok(wait_for(sub { is_parked($tined, $sock) }), 'and tries again');
	is((end_failing($strace))[0], 7, 'until it can');
	is_answered($tined, asks($tined, $sock), 'and it is served');
	$tined->ends_clean;
};

# After a second in which it cannot park an idle client, a worker closes it.  Here
# the kernel refuses that after a longer time, in which a request comes.
subtest 'a request comes while a worker cannot park its client' => sub {
	my ($tined, $worker, $strace) = start_accepting('sendmsg',
		'ETOOMANYREFS:delay_exit=' . PARK_SECONDS * 1_000_000
		. ':when=2');
	my $sock = asks($tined);
	my $times = 0;

	is_answered($tined, $sock, 'it serves');
	ok(wait_for(sub {
		$times = Tined::process_state($worker) eq 't' ? $times + 1 : 0;
		return $times == 3;
	}), 'it tries to park the client');
	is_answered($tined, asks($tined, $sock), 'whose request is answered');
	end_failing($strace);
	$tined->ends_clean;
};

done_testing;
