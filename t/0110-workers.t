# The pool: how many, what they are called, and what happens when one dies,
# when all die at once, and when the master does.

use v5.36;

use FindBin;
use IO::Socket::IP ();
use lib "$FindBin::Bin/lib";
use Load ();
use Slow qw(hurry);
use Test::More;
use Time::HiRes qw(time);
use Tined qw(free_port spew wait_for);
use Trace qw(replaced_at_once trace);

# More than the buffers of both ends hold.
# More than a socket has room for.
my $big = 'x' x (8 << 20);
# Without a buffer for bodies each holds a worker until its end comes.
my @reflect = ('-m', '/reflect=echo:body', '--body-buffer', 0);
my %files = ('a.txt' => "a\n", 'big' => $big);

my $KILLED = qr{error: (?:worker \d+|the lot)\[\d+\] was killed by signal 9 \(Killed\)};

sub titles ($tined) {
	return sort map { Tined::title($_) } $tined->worker_pids;
}

# A connection whose worker is in the middle of a request, and its worker: the
# one that holds the other end, as others may be busy with other clients.
sub busy_worker ($tined) {
	my $sock = $tined->connect;

	$tined->send($sock, "POST /reflect HTTP/1.1\r\nHost: a\r\n"
		. "Transfer-Encoding: chunked\r\n\r\n5\r\nhel");
	my $pid = wait_for(sub {
		my $inode = accepted_inode($sock) or return;
		(grep { holds($_, $inode) } $tined->worker_pids)[0];
	});
	wait_for(sub { Tined::title($pid) =~ /serving/ });
	return ($sock, $pid);
}

# Of the other end of a connection: proc(5), /proc/net/tcp.
sub accepted_inode ($sock) {
	my ($local, $remote) =
	    map { sprintf ':%04X', $_ } $sock->peerport, $sock->sockport;

	open my $table, '<', '/proc/net/tcp' or die "/proc/net/tcp: $!";
	while (my $line = <$table>) {
		my @field = split ' ', $line;
		return $field[9]
		    if $field[1] =~ /\Q$local\E\z/
		    && $field[2] =~ /\Q$remote\E\z/ && $field[9];
	}
	return;
}

sub holds ($pid, $inode) {
	return grep { (readlink($_) // q{}) eq "socket:[$inode]" }
	    glob "/proc/$pid/fd/*";
}

sub serving ($tined) {
	return grep { Tined::title($_) =~ /serving/ } $tined->worker_pids;
}

subtest 'their number and their names' => sub {
	my $tined = Tined->start(args => ['-w', 3, @reflect], files => \%files);

	is(Tined::title($tined->pid), 'tined: master [3 workers]',
		'the master');
	ok(wait_for(sub {
		join("\n", titles($tined)) eq join "\n",
		    map { "tined: worker $_ (idle)" } 1 .. 3;
	}), 'the workers') or diag(titles($tined));

	my ($sock, $pid) = busy_worker($tined);
	like(Tined::title($pid),
		qr/\Atined: worker [123] \(serving 127\.0\.0\.1\)\z/,
		'a busy worker');
	close $sock;
	ok(wait_for(sub { !serving($tined) }), 'it is idle again');
	$tined->ends_clean;

	$tined = Tined->start(args => ['-w', 1], files => \%files);
	like(Tined::title($tined->pid), qr/\Atined: master \[1 workers?\]\z/,
		'a master of one');
	is(scalar $tined->all_workers(1), 1, 'a single worker');
	$tined->ends_clean;
};

subtest 'a worker is killed under load' => sub {
	my $tined = Tined->start(args => ['-w', 6, @reflect], files => \%files);
	my $over = $tined->dir . '/over';
	my @clients = Load::ask_until($over, $tined, 2);

	for my $round (1 .. 5) {
		my ($sock, $pid) = busy_worker($tined);
		my %before = map { ($_ => 1) } $tined->all_workers(6);
		my $other = sub {
			return grep { !$before{$_} } $tined->worker_pids;
		};
		if ($round == 1) {
			replaced_at_once($tined, $pid, $other);
		} else {
			kill 'KILL', $pid;
		}
		ok(wait_for($other), "worker $pid is replaced");
		ok(wait_for(sub {
			my @line = grep { /\Q[$pid] was killed\E/ }
			    $tined->error_log;
			@line == 1 && $line[0] =~ qr{$KILLED\ while\ \w+
				\ "POST\ /reflect\ HTTP/1\.1"\ for\ 127\.0\.0\.1,
				\ \d+\ ms\ into\ it;
				\ a\ new\ worker\ takes\ its\ place\z}x;
		}), 'the log says what it was serving')
		    or diag($tined->error_log);
	}
	is(scalar $tined->all_workers(6), 6, 'as many as before');
	spew($over, q{});
	for my $client (@clients) {
		my ($served, @failed) = $client->();
		cmp_ok($served, '>', 0, "the others answered: $served times");
		is_deeply(\@failed, [], 'no request of theirs was lost');
	}
	$tined->ends_clean($KILLED);
};

subtest 'an idle worker is killed' => sub {
	my $tined = Tined->start(args => ['-w', 2], files => \%files);

	$tined->get('/a.txt') for 1 .. 4;
	my ($pid) = $tined->all_workers(2);
	wait_for(sub { Tined::title($pid) =~ /[(]idle[)]/ });
	kill 'KILL', $pid;
	ok(wait_for(sub {
		$tined->error_log =~ qr{$KILLED while idle; a new worker}
		    && $tined->worker_pids == 2;
	}), 'it is replaced, and the log says that it was idle')
	    or diag($tined->error_log);
	is($tined->get('/a.txt')->{body}, "a\n", 'it answers');
	$tined->ends_clean($KILLED);
};

subtest 'a worker is killed by another signal' => sub {
	my $tined = Tined->start(args => ['-w', 1], files => \%files,
		env => { ASAN_OPTIONS => 'handle_segv=0' });

	kill 'SEGV', $tined->all_workers(1);
	ok(wait_for(sub {
		$tined->error_log =~ /was killed by signal 11 \(Segm/
	}), 'the log names it') or diag($tined->error_log);
	is($tined->get('/a.txt')->{body}, "a\n", 'it answers');
	$tined->ends_clean(qr{signal 11|broken by SIGSEGV|error:   #\d});
};

# A worker that dies before it has served is a failed start: its successors
# come more and more slowly, and the master stays awake.
subtest 'workers that die at once' => sub {
	my $tined = Tined->start(args => ['-w', 2], files => \%files);
	my $until = time + 1.5;
	my %killed;

	while (time < $until || keys %killed < 3) {
		for my $pid ($tined->child_pids) {
			$killed{$pid} = 1;
			kill 'KILL', $pid;
		}
		Time::HiRes::sleep(0.001);
	}
	cmp_ok(scalar keys %killed, '<', 60,
		'no fork storm: ' . keys(%killed) . ' in 1.5 s');
	is(eval { $tined->get('/a.txt')->{body} }, "a\n",
		'service comes back') or diag($@);
	ok(wait_for(sub { $tined->worker_pids == 2 }),
		'so does each worker');
	$tined->ends_clean($KILLED, qr/workers in a row/);

	$tined = Tined->start(args => ['-w', 2], files => \%files);
	# All its sleep is in ppoll, which ends with a signal.
	# LeakSanitizer is a tracer, too.
	my $slept = Tined->is_sanitized ? undef : trace('ppoll,poll,select,pselect6,epoll_wait,epoll_pwait,'
		. 'pause,nanosleep,clock_nanosleep,rt_sigtimedwait', sub {
		for (1 .. 200) {
			kill 'KILL', $tined->child_pids;
			Time::HiRes::sleep(0.002);
		}
		is($tined->stop, 0, 'it can be stopped while it waits');
	}, $tined->pid);
	if (defined $slept) {
		# A look at a descriptor that waits for 0 ms is no sleep.
		my %calls = map { $_ => 1 } $slept =~
		    /^${\$tined->pid} +(\w+)\((?!.*, \d+, 0\))/mg;
		is_deeply([sort keys %calls], ['ppoll'], 'at once');
	} else {
		is($tined->stop, 0, 'it can be stopped');
	}
	$tined->ends_clean($KILLED, qr/workers in a row/);
};

subtest 'the master is killed' => sub {
	my $port = free_port;
	my $tined = Tined->start(listen => 'none', port => $port,
		args => ['-w', 4, '-l', "127.0.0.1:$port"], files => \%files);
	my $idle = $tined->connect;
	my $response = $tined->get('/a.txt', sock => $idle, keep => 1);
	my $sock = $tined->connect(rcvbuf => 4096);
	$tined->send($sock, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
	$tined->fill($sock);

	$tined->signal('KILL');
	is($tined->wait_exit, 128 + 9, 'it is dead');
	ok(wait_for(sub { $tined->living_pids == 1 }),
		'its idle workers go at once')
	    or diag(map { "$_ " . Tined::title($_) . "\n" }
		$tined->living_pids);
	ok($tined->is_closed($idle), 'an idle connection is closed');
	ok(!IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $port),
		'nobody listens any more');
	hurry($sock);
	$response = $tined->read_response($sock);
	ok($response->{body} eq $big, 'the request under way is finished');
	is(lc($response->field('connection') // q{}) eq 'close'
		|| $tined->is_closed($sock), 1, 'then its connection closes');
	$tined->leaves_nothing;
	ok(IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => $port,
		Listen => 1, ReuseAddr => 1), 'the port is free');
	$tined->log_is_clean;
};

done_testing;
