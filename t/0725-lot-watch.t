# A lot that stands still is replaced: clients are served again, those whose
# workers have them and those on their way to it stay.

use v5.36;

use Faulty qw(start_faulty);
use File::Temp ();
use Lot    qw(ask closed_or_usable find_lot is_held is_on_its_way is_parked keep_busy
	lot_pid park reflect release sleeps stop_process token);
use Test::More;
use Time::HiRes qw(sleep time);
use Tined       qw(slow spew wait_for);
use Upgrade     ();

Lot::import_or_skip();

# No process that is well is to stand still for so long, on a busy machine either.
my $limit = slow();
my $STOOD = qr/ error: the lot\[\d+\] has stood still for $limit s /;
my $DIED  = qr/ error: the lot\[\d+\] was killed by signal 9 /;

sub start () {
	return start_faulty(args => ['-w', 2, '--start-timeout', "${limit}s",
		'-m', '/reflect=echo:body'], env => { FAULT_SIGNAL_HANGS => 1 });
}

# Nobody says that it is stopped when a handler of its own holds it up.
for my $case (['stopped' => 'STOP'], ['held up' => 'URG']) {
	my ($what, $signal) = @$case;

	subtest "a lot that is $what" => sub {
		my $tined = start();
		my $lot   = lot_pid($tined);
		my $idle  = $tined->connect;

		ok(ask($tined, $idle), 'a client is served');
		park($tined, $idle);
		my $other = keep_busy($tined);
		kill $signal, $lot;
		ok(release($tined, $other), 'workers serve those whom they have');
		ok(wait_for(sub { is_on_its_way($tined, $other) }),
			'a client is on its way to it');
		# It asks now: without a lot, an idle one may have to go.
		my $token = token();
		$tined->send($other, reflect($token));
		ok(wait_for(sub { (find_lot($tined) // $lot) != $lot }),
			'another takes its place');
		is(eval { $tined->read_response($other)->body } // $@, $token,
			'who was on the way is served on')
		    or diag(scalar $tined->error_log);
		ok(closed_or_usable($tined, $idle),
			'who was in it is not left hanging');
		ok(ask($tined, $tined->connect), 'new clients are served');
		like($tined->error_log, $STOOD, 'the log says why');
		$tined->ends_clean($STOOD, $DIED);
	};
}

sub start_patient () {
	return start_faulty(args => ['-w', 1, '--linger', '1ms',
		'-m', '/reflect=echo:body']);
}

# The client has been in the lot between two requests: the lot lends it, and has
# a descriptor of it.  It sleeps for less than the time since then, and a second
# later it is late.
subtest 'a client whose worker gives it back meanwhile' => sub {
	my $tined = start_patient();
	my $lot   = lot_pid($tined);
	my $sock  = $tined->connect;

	ok(ask($tined, $sock), 'it is served');
	park($tined, $sock);
	my $since = time;
	keep_busy($tined, $sock);
	stop_process($lot);
	sleep 2 + 2 * (time - $since);
	ok(release($tined, $sock), 'its worker serves it on');
	ok(wait_for(sub { is_on_its_way($tined, $sock) }), 'and gives it back');
	kill 'KILL', $lot;
	ok(wait_for(sub { (find_lot($tined) // $lot) != $lot }),
		'another lot takes its place');
	ok(eval { ask($tined, $sock) }, 'it is served again');
	$tined->ends_clean($DIED);
};

# The kept-alive time without a lot, which counts from its last answer, is longer.
my ($LINGER, $LONGER) = (1, 2);

# It is in the lot when this test did not get the machine in time.
sub ask_and_kill_lot ($tined) {
	my $lot  = lot_pid($tined);
	my $sock = $tined->connect;

	ask($tined, $sock) or return;
	kill 'KILL', $lot;
	return $sock if is_held($tined, $sock) && !is_on_its_way($tined, $sock);
	return;
}

# The other lot comes later than the end of the wait.
subtest 'a client whose worker waits for it when the lot ends' => sub {
	my $dir   = File::Temp->newdir;
	my $tined = start_faulty(args => ['-w', 2, '--linger', "${LINGER}s",
		'-m', '/reflect=echo:body'],
		env => { FAULT_START_HANGS => "$dir/hang" });
	my $sock;

	ok(wait_for(sub {
		unlink "$dir/hang";
		lot_pid($tined);
		spew("$dir/hang", q{});
		$sock = ask_and_kill_lot($tined);
	}), 'a lot is killed');
	ok($tined->is_open($sock, $LONGER), 'its worker waits on');
	ok(eval { ask($tined, $sock) }, 'and serves it');
	unlink "$dir/hang";
	park($tined, $sock);
	ok(eval { ask($tined, $sock) }, 'and so do others');
	$tined->ends_clean($DIED);
};

my $CLOSE = "HTTP/1.1\r\nHost: a\r\nConnection: close";

# The lot keeps no descriptor of a connection that is to end: else the client would
# learn that no sooner than the lot does.
sub last_is_closed ($tined, $sock, $busy, $end = $CLOSE) {
	my $lot = lot_pid($tined);

	$tined->send($sock, "GET /f/well $end\r\n\r\n");
	ok(wait_for(sub {
		is_held($tined, $sock) && !is_parked($tined, $sock)
	}), 'it is on its way to a worker');
	stop_process($lot);
	ok(release($tined, $busy), 'which has time');
	is($tined->read_response($sock)->status, 200, 'it is answered');
	ok($tined->is_closed($sock), 'and closed, whatever the lot does');
	kill 'CONT', $lot;
	return;
}

# The lot has accepted it, as the worker was busy.
subtest 'a client whose first request is its last' => sub {
	my $tined = start_patient();
	my $busy  = keep_busy($tined);

	last_is_closed($tined, $tined->connect, $busy);
	$tined->ends_clean;
};

subtest 'a client whose next request is its last' => sub {
	my $tined = start_patient();
	my $sock  = $tined->connect;

	ok(ask($tined, $sock), 'it is served');
	park($tined, $sock);
	last_is_closed($tined, $sock, keep_busy($tined));
	$tined->ends_clean;
};

subtest 'a client of HTTP/1.0 whose next request is its last' => sub {
	my $tined = start_patient();
	my $sock  = $tined->connect;

	$tined->send($sock, "GET /f/well HTTP/1.0\r\n"
		. "Connection: keep-alive\r\n\r\n");
	is($tined->read_response($sock)->status, 200, 'it is served');
	park($tined, $sock);
	last_is_closed($tined, $sock, keep_busy($tined), 'HTTP/1.0');
	$tined->ends_clean;
};

subtest 'a lot that goes on in time' => sub {
	my $tined = start_faulty(args => ['-w', 2, '-m', '/reflect=echo:body']);
	my $lot   = lot_pid($tined);
	my $idle  = $tined->connect;

	ok(ask($tined, $idle), 'a client is served');
	park($tined, $idle);
	stop_process($lot);
	$tined->send($idle, "GET /f/well HTTP/1.1\r\nHost: a\r\n\r\n");
	kill 'CONT', $lot;
	is($tined->read_response($idle)->status, 200, 'is left alone');
	is(lot_pid($tined), $lot, 'and serves');
	$tined->ends_clean;
};

subtest 'nobody is connected' => sub {
	my $tined = start();

	ok(ask($tined, $tined->connect), 'a request');
	ok(wait_for(sub { sleeps($tined->pid) }), 'the master sleeps');
	ok(sleeps(lot_pid($tined)), 'and so does the lot');
	$tined->ends_clean;
};

# It is asked to end as soon as the last worker has, and cannot hear that.
subtest 'an upgrade while it stands still' => sub {
	my $tined = Upgrade::start('--start-timeout', "${limit}s");
	my $old = $tined->pid;

	kill 'STOP', lot_pid($tined);
	$tined->signal('USR2');
	my $new = Upgrade::successor($tined) // return fail 'no successor';
	ok(wait_for(sub {
		waitpid($old, POSIX::WNOHANG());
		!Upgrade::alive($old);
	}), 'the old server ends');
	like($tined->error_log, $STOOD, 'the log says why');
	$tined->{pid} = $new;
	is($tined->get('/a.txt')->body, "a\n", 'clients are served');
	Upgrade::ends_clean($tined, $STOOD, $DIED);
};

done_testing;
