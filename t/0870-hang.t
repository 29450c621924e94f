# A handler hangs: --request-timeout ends it, its client gets a 504, the log
# tells where it hangs.  A slow client is no handler that hangs.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use List::Util qw(min);
use Test::More;
use Time::HiRes qw(sleep time);
use Faulty qw(crowd lines_about start_faulty storm_line);
use Lot    qw(cpu_ticks stop_process);
use Tined  qw(SOONER slow slurp spew wait_for);

my $HUNG = qr{error: worker \d+\[\d+\] has hung \(--request-timeout\)};
my $STOPPED = $HUNG =~ s/request/stream/r; # after a part of its response
my @ALLOWED = ($HUNG, qr/$STOPPED/, qr{error: has hung, in:}, qr{error:   #\d+ });

# No request that is well is to take so long, on a busy machine either.
my $limit = min(slow(), 4);

sub start (@args) {
	return start_faulty(args => ['--request-timeout', "${limit}s", @args]);
}

# The lines about it.
sub lines ($tined, $path, $ended = $HUNG) {
	return lines_about($tined, $ended, $path);
}

subtest 'it hangs' => sub {
	my $tined = start('-w', 2);

	for my $way (qw(hang spin)) {
		my $start = time;
		my $response = $tined->get("/f/$way?a", keep => 1);
		my $took = time - $start;
		my @lines = lines($tined, "/f/$way?a");

		is($response->status, 504, "$way: 504");
		is($response->field('Connection'), 'close', 'the last');
		like($response->body, qr/Gateway Timeout/, 'a page');
		cmp_ok($took, '>=', $limit, 'not before the time');
		cmp_ok($took, '<', $limit + SOONER, 'and soon after it');
		is((grep { /has hung, in:\z/ } @lines), 1, 'where')
		    or diag(join "\n", @lines);
		is((grep { /#\d+ fault_$way\+0x/ } @lines), 1, 'the function')
		    or diag(join "\n", @lines);
		like($lines[-1], qr{$HUNG while running "GET /f/$way\?a HTTP},
			'what');
		like($lines[-1], qr{"\ for\ 127\.0\.0\.1,\ \d{4,6}\ ms\ into
			\ it;\ its\ client\ got\ 504;\ a\ new\ worker
			\ takes\ its\ place\z}x, 'whom, how long');
		is((grep { m{"GET /f/$way\?a HTTP/1\.1" 504 \d+ } }
			$tined->access_log), 1, 'the access log');
	}
	is($tined->get('/f/well')->status, 200, 'it serves on');
	$tined->ends_clean(@ALLOWED);
};

subtest 'it hears no signal' => sub {
	my $tined = start('-w', 1);
	my $sock = $tined->connect;

	$tined->send($sock, "GET /f/deaf HTTP/1.1\r\nHost: a\r\n\r\n");
	ok(!$tined->read_response($sock), 'no answer, but an end');
	like((lines($tined, '/f/deaf'))[-1],
		qr/$HUNG and was killed while .*; its client got no response; a/,
		'the log');
	is($tined->get('/f/well')->status, 200, 'it serves on');
	$tined->ends_clean(@ALLOWED);
};

sub has_pending_signal ($pid) {
	return slurp("/proc/$pid/status") =~ /^S\w+Pnd:\s*0*[1-9a-f]/m;
}

# A worker that hangs and is told so while it has no core, for a time that is well
# within the 4 seconds that it is left: what its client got.  Undef if this test
# had no core either.
sub told_without_core ($tined) {
	my ($worker) = $tined->all_workers(1);
	my $sock = $tined->connect;

	my $before = cpu_ticks($worker);
	$tined->send($sock, "GET /f/spin HTTP/1.1\r\nHost: a\r\n\r\n");
	wait_for(sub { cpu_ticks($worker) - $before > 2 });
	stop_process($worker);
	wait_for(sub { has_pending_signal($worker) });
	my $start = time;
	sleep 1.5;
	kill 'CONT', $worker;
	return if time - $start > 2;
	my $response = $tined->read_response($sock);
	return $response ? $response->status : 'nothing';
}

subtest 'it has no core when its time is over' => sub {
	my $tined = start('-w', 1);
	my $got;

	wait_for(sub { $got = told_without_core($tined) });
	is($got, 504, 'its client gets a 504');
	ok(wait_for(sub { $tined->error_log =~ /#\d+ fault_spin\+0x/ }),
		'and the log has where');
	$tined->ends_clean(@ALLOWED);
};

subtest 'it has sent a part, and hangs' => sub {
	my $tined = start('-w', 1);
	my $sock = $tined->connect;

	$tined->send($sock, "GET /f/stall HTTP/1.1\r\nHost: a\r\n\r\n");
	ok(!eval { $tined->read_response($sock); 1 }, 'no whole answer');
	like($@, qr/closed/, 'but an end');
	my @lines = lines($tined, '/f/stall', $STOPPED);
	is((grep { /#\d+ fault_stall\+0x/ } @lines), 1, 'the log has where')
	    or diag(join "\n", @lines);
	like($lines[-1], qr{$STOPPED\ while\ running\ "GET\ /f/stall\ .*;\ its
		\ client\ got\ a\ part\ of\ the\ response;}x, 'and what its client got');
	is($tined->get('/f/well')->status, 200, 'it serves on');
	$tined->ends_clean(@ALLOWED);
};

# Longer than a handler may take, and shorter than a linger.
subtest 'the client is waited for' => sub {
	my $tined = start_faulty(args => ['-w', 1, '--request-timeout',
		300 * $limit . 'ms', '--linger', 10 * $limit . 's'],
		files => { 'a.txt' => "a\n" });
	my $send_slowly = sub ($path) {
		my $sock = $tined->connect;
		$tined->send($sock, "POST $path HTTP/1.1\r\nHost: a\r\n"
			. "Content-Length: 8\r\n\r\nhalf");
		sleep $limit;
		$tined->send($sock, 'half');
		return eval { $tined->read_response($sock)->status } // $@;
	};

	is($send_slowly->('/f/read'), 200, 'to send content that is read');
	is($send_slowly->('/a.txt'), 405, 'to send content that is not');
	is((grep { /has hung/ } $tined->error_log), 0, 'nothing hung');
	$tined->ends_clean;
};

subtest 'pipelined' => sub {
	my $tined = start('-w', 1);
	my $ask = sub ($path) { "GET /f/$path HTTP/1.1\r\nHost: a\r\n\r\n" };

	my @got = $tined->request(join(q{}, map { $ask->($_) }
		qw(well?1 well?2 hang well?3)), all => 1);
	is(join(q{ }, map { $_->status } @got), '200 200 504',
		'those before it are answered');
	$tined->ends_clean(@ALLOWED);
};

subtest 'the client is slow' => sub {
	my $tined = start('-w', 3, '--linger', '10ms', '--body-timeout', '1h');
	my $post = sub ($path) {
		my $sock = $tined->connect;
		$tined->send($sock, "POST /f/$path HTTP/1.1\r\nHost: a\r\n"
			. "Content-Length: 500000\r\n\r\n");
		return $sock;
	};
	my $slow = $post->('read');
	my $drip = $tined->connect;
	$tined->send($drip, "GET /f/drip HTTP/1.1\r\nHost: a\r\n\r\n");

	for (1 .. 10) {    # longer than the time, once and all in all
		sleep $limit * ($_ == 5 ? 1.5 : 0.1);
		$tined->send($slow, 'x' x 50_000);
	}
	is($tined->read_response($slow)->body, "read\n", 'to send its content');
	is($tined->read_response($drip)->body, '.' x 15,
		'an answer takes long, and has begun');
	is((grep { /has hung/ } $tined->error_log), 0, 'nothing hung');

	$slow = $post->('reader');
	$tined->send($slow, 'x' x 250_000);
	sleep 1.2 * $limit;
	$tined->send($slow, 'x' x 250_000);
	is($tined->read_response($slow)->status, 504, 'it reads and then hangs');
	lines($tined, '/f/reader');
	$tined->ends_clean(@ALLOWED);
};

my $LATE = qr{(?x) error:\ worker\ \d+\[\d+\]\ has\ hung\ \(--start-timeout\)
	(?:\ and\ was\ killed)?\ while\ starting,\ \d+\ ms\ into\ it;
	\ a\ new\ worker\ takes\ its\ place};

my $LATE_LOT = qr/error: the lot\[\d+\] has not started within 0.7 s /;
my $classic = ($ENV{TINED_ARGS} // q{}) =~ /--no-lot/;

sub late_ones ($tined) { return scalar grep { $_ =~ $LATE } $tined->error_log }

# The lot starts as workers do, and hangs too.
subtest 'it hangs while it starts' => sub {
	my $dir = File::Temp->newdir;
	my $hang = spew("$dir/hang", q{});
	my $tined = start_faulty(args => ['-w', 2, '--start-timeout', '700ms'],
		env => { FAULT_START_HANGS => $hang }, ready => 0);

	ok(wait_for(sub { late_ones($tined) }), 'the first worker is ended');
	ok(wait_for(sub { $tined->error_log =~ $LATE_LOT }),
		'and the lot, and the log says so') if !$classic;
	unlink $hang;
	$tined->wait_ready;
	is($tined->get('/f/well')->status, 200, 'another serves');

	$tined->all_workers(2);
	my $before = late_ones($tined);
	spew($hang, q{});
	$tined->signal('KILL', ($tined->worker_pids)[0]);
	ok(wait_for(sub { late_ones($tined) > $before }),
		'one that is to take a place is ended');
	is($tined->get('/f/well')->status, 200, 'the others serve');
	unlink $hang;
	ok(wait_for(sub { $tined->worker_pids == 2 }), 'there are two again');
	$tined->ends_clean($LATE, $LATE_LOT, @ALLOWED,
		qr/workers in a row have failed/, qr/was killed by signal 9/);
};

# Each is still starting when the time of the one before it is over.
subtest 'workers that fail after a while, over and over' => sub {
	my $dir = File::Temp->newdir;
	my $hang = spew("$dir/hang", q{});
	my $tined = start_faulty(ready => 0,
		args => ['-w', 1, '--no-lot', '--start-timeout', '4s'],
		env => { FAULT_START_HANGS => $hang });
	my %since;

	wait_for(sub {
		for my $worker ($tined->child_pids) {
			$since{$worker} //= time;
			kill 'KILL', $worker if time - $since{$worker} > 3;
		}
		keys %since > 6 || $tined->error_log =~ /giving up/;
	}, 60);
	like($tined->error_log, qr/no worker could be started: giving up/,
		'the server gives up');
	cmp_ok(keys %since, '<=', 6, 'after some of them');
	unlink $hang;
	is($tined->wait_exit, 1, 'and ends');
	$tined->log_is_clean($LATE, @ALLOWED, qr/was killed by signal 9/,
		qr/no worker could be started/, qr/in a row have failed/);
};

# Whoever they were to succeed is gone, and the pool has replaced it: nothing is
# left to wait for, and there is nothing to go back to.
subtest 'the successors of a reload hang' => sub {
	my $dir = File::Temp->newdir;
	my $hang = "$dir/hang";
	my $tined = start_faulty(args => ['-w', 2],
		env => { FAULT_START_HANGS => $hang });
	my @old = $tined->all_workers(2);
	my %known = map { $_ => 1 } $tined->child_pids;
	my @new;
	my $hangs = sub ($count) {
		wait_for(sub {
			@new = grep { !$known{$_} } $tined->child_pids;
			@new == $count;
		});
	};

	spew($hang, q{});
	$tined->signal('HUP');
	ok($hangs->(1), 'who opens the folders hangs');
	kill 'STOP', $tined->pid;
	unlink $hang;
	ok(wait_for(sub { Tined::process_state($new[0]) eq 'Z' }),
		'and comes to its end');
	spew($hang, q{});
	kill 'CONT', $tined->pid;
	ok($hangs->(2), 'so do the successors');
	kill 'STOP', @new;
	unlink $hang;
	for my $count (1, 2) {
		$tined->signal('KILL', $old[$count - 1]);
		ok(wait_for(sub {
			$count == grep { !$known{$_} } $tined->worker_pids;
		}), 'an old one is replaced');
	}
	ok(wait_for(sub { $tined->error_log =~ /reloaded|reload abandoned/ }),
		'the reload ends');
	unlike($tined->error_log, qr/reload abandoned/, 'well');
	is($tined->get('/f/well')->status, 200, 'the others serve');
	kill 'CONT', @new;
	ok(wait_for(sub { !grep { Tined::process_state($_) } @new }),
		'they are not needed');
	$tined->all_workers(2);
	$tined->ends_clean(@ALLOWED, qr/was killed by signal 9/);
};

# A worker waits a second for room in the channel to it, for many slow uploads.
subtest 'a lot that stands still is no handler that hangs' => sub {
	plan skip_all => 'there is no lot'
	    if ($ENV{TINED_ARGS} // q{}) =~ /no-lot/;
	my $tined = start_faulty(args => ['-w', 1, '--request-timeout',
		500 * $limit . 'ms', '--linger', '1ms', '--start-timeout', '10m',
		'--body-timeout', '1h']);
	my ($lot) = grep { Tined::title($_) =~ /lot/ } $tined->child_pids;
	my @crowd;

	$tined->signal('STOP', $lot);
	for (1 .. 150) {
		push @crowd, $tined->connect;
		$tined->send($crowd[-1], "PUT /f/read HTTP/1.1\r\nHost: a\r\n"
			. "Content-Length: 30001\r\n\r\n" . 'x' x 30_000);
	}
	sleep 2 * $limit;
	$tined->signal('CONT', $lot);
	$tined->send($_, 'y') for @crowd;
	my %got;
	$got{ eval { $tined->read_response($_)->status } // $@ }++ for @crowd;
	is_deeply(\%got, { 200 => scalar @crowd }, 'all are served');
	$tined->ends_clean(qr/warning: none of 1 worker is free/);
};

# It may take as long as --start-timeout says.
subtest 'a new worker starts slowly' => sub {
	my $dir = File::Temp->newdir;
	my $hang = "$dir/hang";
	my $tined = start_faulty(args => ['-w', 1, '--start-timeout', '10m'],
		env => { FAULT_START_HANGS => $hang });
	$tined->all_workers(1);
	my %known = map { $_ => 1 } $tined->child_pids;
	my @new;
	my $waits = sub () {
		wait_for(sub {
			@new = grep { !$known{$_} } $tined->child_pids;
		});
	};

	spew($hang, q{});
	$tined->signal('HUP');
	ok($waits->(), 'who opens the folders hangs');
	kill 'STOP', $tined->pid;
	unlink $hang;
	my ($opener) = @new;
	ok(wait_for(sub { Tined::process_state($opener) eq 'Z' }),
		'and comes to its end');
	spew($hang, q{});
	$known{$opener} = 1;
	kill 'CONT', $tined->pid;
	ok($waits->(), 'so does the successor');
	ok(!wait_for(sub { $tined->error_log =~ /reload abandoned/ },
		6 / slow()), 'and is waited for');
	is($tined->get('/f/well')->status, 200, 'the old one serves');
	unlink $hang;
	ok(wait_for(sub { $tined->error_log =~ /reloaded: 1 worker/ }),
		'the reload ends well') or diag(scalar $tined->error_log);
	$tined->ends_clean;
};

subtest 'none, and the default' => sub {
	my $tined = start_faulty(args => ['-w', 1, '--request-timeout', 'off']);
	my $sock = $tined->connect;

	$tined->send($sock, "GET /f/hang HTTP/1.1\r\nHost: a\r\n\r\n");
	ok($tined->is_open($sock, 0.7), 'off: it may hang for ever');
	$tined->signal('QUIT');
	is($tined->wait_exit, 0, 'it can be stopped');
	$tined->ends_clean(qr{warning: killing worker 1\[\d+\] while running});

	# With nothing to do the master does nothing.
	$tined = start_faulty(args => ['-w', 4]);
	my $switches = sub {
		slurp('/proc/' . $tined->pid . '/status')
		    =~ /^voluntary_ctxt_switches:\s*(\d+)/m ? $1 : -1;
	};
	$tined->get('/f/well') for 1 .. 5;
	my $before;
	ok(wait_for(sub {
		my $now = $switches->();
		my $same = defined $before && $now == $before;
		$before = $now;
		sleep 0.3;
		return $same;
	}), 'at rest the master sleeps');
	$tined->ends_clean;
};

subtest 'under load' => sub {
	my $tined = start('-w', 6);
	my ($count, $wrong) = crowd($tined, 8, 60, sub ($i) {
		rand 100 < 3 ? ('/f/hang', 504) : ("/f/well?$$.$i", 200)
	}, 0.02);
	my $hung = $count->{504} // 0;

	is_deeply($wrong, [], 'each has its own answer')
	    or diag($tined->error_log);
	note("$hung hung, $count->{200} others");
	cmp_ok($hung, '>', 5, 'some hung');
	cmp_ok($count->{200}, '>', 50, 'others are served');
	my @log;
	ok(wait_for(sub {
		@log = $tined->error_log;
		$hung == grep { $_ =~ $HUNG } @log;
	}), 'a line of the master for each');
	is((grep { /#\d+ fault_hang\+/ } @log), $hung, 'a backtrace');
	is((grep { m{/f/hang HTTP/1\.1" 504 } } $tined->access_log), $hung,
		'a line of the access log');
	ok(wait_for(sub { $tined->worker_pids == 6 }), 'all are there again');
	$tined->ends_clean(@ALLOWED, storm_line);
};

done_testing;
