# A stop with a lot, where the master's orders meet what makes them hard to obey.

use v5.36;

use Lot qw(ask few_may_be_on_their_way find_lot is_on_its_way keep_busy
	lend_and_stop lot_pid park reflect token);
use Test::More;
use Tined qw(need_tools slurp wait_for);

Lot::import_or_skip();

my @ECHO = ('-m', '/reflect=echo:body');
# What waits for this fails.
my @LONG = ('-k', '1h', '--stop-timeout', '1h');

# A request that waits, as another client has the only worker: the connections of
# both, and the token of the answer.
sub request_that_waits ($tined) {
	my ($sock, $token) = ($tined->connect, token());

	ok(ask($tined, $sock), 'a client is served');
	park($tined, $sock);
	my $busy = keep_busy($tined);
	$tined->send($sock, reflect($token));
	# Until the kernel has delivered it, the client is idle.
	ok(wait_for(sub { is_on_its_way($tined, $sock) }),
		'its next request waits for a worker');
	return ($sock, $busy, $token);
}

# Another worker does, and then the server stops.
sub is_answered_still ($tined, $sock, $token) {
	my $response = $tined->read_response($sock);

	is($response && $response->body, $token, 'another worker answers it');
	is($tined->wait_exit, 0, 'and the server stops');
	$tined->ends_clean(qr/was killed by signal 9/);
	return;
}

# The master sees its end and the order to stop in one turn.
subtest 'the last worker has just ended' => sub {
	my $tined = Tined->start(args => ['-w', 1, @ECHO, @LONG]);
	my ($sock, $busy, $token) = request_that_waits($tined);
	my ($worker) = $tined->all_workers(1);

	$tined->signal('STOP');
	kill 'KILL', $worker;
	ok(wait_for(sub { Tined::process_state($worker) eq 'Z' }),
		'the worker ends');
	$tined->signal('TERM');
	$tined->signal('CONT');
	is_answered_still($tined, $sock, $token);
};

# The lot has handed over all of its requests and ended, so the master has told
# the workers to stop before it sees that there is none.
subtest 'the last worker ends when it has been told to' => sub {
	my $tined = Tined->start(args => ['-w', 1, @ECHO, @LONG]);
	my ($worker) = $tined->all_workers(1);
	my ($sock, $busy, $token) = request_that_waits($tined);

	$tined->signal('TERM');
	ok(wait_for(sub { !find_lot($tined) }), 'the lot ends');
	kill 'KILL', $worker;
	is_answered_still($tined, $sock, $token);
};

# More than LOAN_RECORDS of loan.h: the last come in messages.  All have sent their
# next request when the lot hears of the stop, and it has not read it.
subtest 'a worker has given back more than the lot has read' => sub {
	my $tined = Tined->start(args => ['-w', 1, '--linger', '1ms',
		'--start-timeout', '1h', @ECHO, @LONG]);
	my ($worker) = $tined->worker_pids;
	my $turn  = few_may_be_on_their_way();
	my @socks = lend_and_stop($tined, 70, reflect('first'));

	kill 'CONT', $worker;
	is(scalar(grep { $tined->read_response($_)->body eq 'first' } @socks),
		@socks, 'all are served');
	$tined->send($_, reflect('next')) for @socks;
	$tined->signal('TERM');
	ok(wait_for(sub { $tined->error_log =~ / stopping/ }),
		'the server is to stop');
	kill 'CONT', lot_pid($tined);
	my @answers = map { $tined->read_response($_) // () } @socks;
	is(scalar(grep { $_->body eq 'next' } @answers), @socks,
		'and serves their next requests');
	is($tined->wait_exit, 0, 'before it does');
	$tined->ends_clean;
};

# The kernel does not say then who has sent a signal.
subtest 'no more signals can be queued' => sub {
	need_tools('prlimit');
	my $tined = Tined->start(args => ['-w', 2, @ECHO, @LONG],
		under => ['prlimit', '--sigpending=0']);
	my $sock = $tined->connect;

	like(slurp('/proc/' . lot_pid($tined) . '/status'),
		qr{^SigQ:\s*\d+/0$}m, 'so it is');
	ok(ask($tined, $sock), 'a client is served');
	park($tined, $sock);
	$tined->signal('USR1');
	ok(wait_for(sub { $tined->error_log =~ /logs are reopened/ }),
		'all take over new logs');
	$tined->signal('TERM');
	is($tined->wait_exit, 0, 'all stop');
	$tined->ends_clean;
};

done_testing;
