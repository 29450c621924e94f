# System calls that find nothing: a client that pauses goes from the lot to a
# worker and back with each request, and neither of them asks in vain.  And a lot
# that has sent workers as many as it may waits for them, and does not ask.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Lot qw(ask few_may_be_on_their_way is_on_its_way is_parked keep_busy
	lend_and_stop lot_pid park reflect release stop_process);
use Test::More;
use Trace qw(trace);
use Tined qw(need_tools wait_for);

Lot::import_or_skip();
need_tools('strace');

# Clients, and requests of each; what may happen besides, such as a wait that
# ends for another reason.
use constant { CLIENTS => 5, ROUNDS => 20, BESIDE => 10 };
use constant REQUESTS => CLIENTS * ROUNDS;
# Of LIMIT descriptors BOUND may be on their way to workers.
use constant { LIMIT => 256, BOUND => 32, CROWD => 60, EVENTS => 20 };
# What a worker may give back before the lot reads it, and how often it looks
# whether the lot does: LOAN_RECORDS of loan.h, MAILBOX_TRIES of serve.c.
use constant { RECORDS => 64, MORE => 10, LOOKS => 200 };

# In words that the lot does not look for: it lends the connection.
my $LAST = "GET /reflect HTTP/1.1\r\nHost: a\r\nConnection:close\r\n\r\n";

sub count ($calls, $pattern) { return scalar grep { /$pattern/ } @$calls }

sub is_seldom ($calls, $pattern, $name) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return cmp_ok(count($calls, $pattern), '<=', BESIDE, $name);
}

# Their pause is longer than --linger.
my $tined = Tined->start(args => ['-w', 2, '--linger', '1ms',
	'-m', '/reflect=echo:body']);
my @socks = map { $tined->connect } 1 .. CLIENTS;
my $round = sub {
	for my $sock (@socks) {
		ask($tined, $sock) or die;
		wait_for(sub { is_parked($tined, $sock) }) or die;
	}
};

$round->() for 1 .. 2;
my ($lot, @workers) = (lot_pid($tined), $tined->worker_pids);
my $trace = trace('all', sub { $round->() for 1 .. ROUNDS }, $lot, @workers);
plan skip_all => 'nothing can be traced' unless defined $trace;
my @calls      = split /\n/, $trace;
my @of_lot     = grep { /\A$lot\b/ } @calls;
my @of_workers = grep { !/\A$lot\b/ } @calls;

cmp_ok(count(\@of_workers, qr/\bsendmsg\(.*HTTP/), '>=', REQUESTS - BESIDE,
	'workers answer');
cmp_ok(count(\@of_lot, qr/\bsendmsg\(/), '>=', REQUESTS - BESIDE,
	'what the lot has handed over');
for ([lot => \@of_lot], [workers => \@of_workers]) {
	my ($who, $all) = @$_;

	is_seldom($all, qr/\bioctl\(/, "$who: no ioctl");
	is_seldom($all, qr/\bepoll_ctl\(.* = -1 /, "$who: no epoll_ctl fails");
	is_seldom($all, qr/\brecvfrom\(.* = -1 /, "$who: no recv finds nothing");
}
# The lot lends its connections: it keeps its own descriptors, watched for good.
is_seldom(\@of_workers, qr/\bsendmsg\((?!.*HTTP)/,
	'workers give back without a message');
is_seldom(\@of_lot, qr/\b(?:recvmsg|epoll_ctl|close)\(/,
	'and the lot without taking it in anew');
is_seldom(\@of_workers, qr/\baccept4\(/, 'workers do not try to accept');
is(count(\@of_lot, qr/\bgetsockopt\(/), 0,
	'the lot asks for no stall before the end of a connection');
is_seldom(\@of_workers, qr/\bsetsockopt\(.*SO_RCVTIMEO/,
	'and set no timeout for a wait that they do not begin');
is_seldom(\@of_workers, qr/\bsched_yield\(/,
	'and give way to nobody, as nobody waits');

# What a request takes, and one wake-up of each.
for ([lot => \@of_lot, qw(recvfrom sendmsg)],
	[workers => \@of_workers, qw(recvmsg sendmsg close write)]) {
	my ($who, $all, @needed) = @$_;
	my $copies = count($all, qr/\bfcntl\(.*F_DUPFD/); # closed at once

	for my $call (@needed) {
		my $most = REQUESTS + BESIDE + ($call eq 'close' ? $copies : 0);

		cmp_ok(count($all, qr/\A\d+\s+$call\(/), '<=', $most,
			"$who: one $call for a request");
	}
	cmp_ok(count($all, qr/\bepoll_p?wait\b.* = [1-9]\d*\z/), '<=',
		REQUESTS + BESIDE, "$who: one wake-up for a request");
}
$tined->ends_clean;

sub answered ($tined, @socks) {
	return scalar grep { $tined->read_response($_)->body eq 'x' } @socks;
}

# Waits of a few milliseconds, which end with nothing but the time.  The kernel
# bounds what all programs of a user have on their way together (unix(7)), so other
# tests can make the lot try again.
my $SHORT_WAIT = qr/\bepoll_p?wait\(.*, [1-9](?:, NULL, \d+)?\) /;
my $OF_OTHERS = qr/\bsendmsg\(.* = -1 ETOOMANYREFS /;

sub waits_seldom ($calls, $name) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return $calls =~ $OF_OTHERS
	    || is_seldom([split /\n/, $calls], $SHORT_WAIT, $name);
}

subtest 'more requests than may be on their way' => sub {
	my $turn  = few_may_be_on_their_way();
	my $tined = Tined->start(args => ['-w', 1, '--linger', '1ms',
		'--start-timeout', '1h', '-m', '/reflect=echo:body'],
		rlimits => { n => LIMIT });
	my $lot  = lot_pid($tined);
	my @slow = map { $tined->connect } 1 .. EVENTS;

	for my $sock (@slow) {
		ask($tined, $sock) or die;
		park($tined, $sock);
	}
	my $busy  = keep_busy($tined);
	my @crowd = map { $tined->connect } 1 .. CROWD;
	$tined->send($_, reflect('x', 'Connection: close')) for @crowd;
	ok(wait_for(sub { is_on_its_way($tined, $crowd[BOUND]) }),
		'so many are on their way, and the next is in the lot');

	my $calls = trace('epoll_wait,epoll_pwait,sendmsg', sub {
		for my $sock (@slow) {
			$tined->send($sock, 'POST /refl');
			wait_for(sub { is_on_its_way($tined, $sock) }) or die;
		}
	}, $lot);
	cmp_ok(count([split /\n/, $calls], qr/\bepoll_/), '>=', EVENTS / 2,
		'what comes from clients wakes the lot');
	waits_seldom($calls, 'it looks at nothing again and again');

	# Otherwise the lot may send more, for another reason, before it is told.
	stop_process($lot);
	ok(release($tined, $busy), 'the worker goes on');
	my @first = splice @crowd, 0, BOUND;
	is(answered($tined, @first), @first, 'and serves those');
	$calls = trace('epoll_wait,epoll_pwait,recvfrom,sendmsg', sub {
		kill 'CONT', $lot;
		is(answered($tined, @crowd), @crowd, 'and the others');
		wait_for(sub { Tined::process_state($lot) eq 'S' });
	}, $lot);
	cmp_ok(count([split /\n/, $calls],
		qr/\brecvfrom\(.*, "\\0", 1, .* = 1\z/), '>=', 1,
		'it tells the lot that there is room again');
	waits_seldom($calls, 'which does not look for it');
	close $_ for @slow;
	$tined->ends_clean;
};

# The clients of more than RECORDS connections that their worker has closed.
subtest 'a lot that does not read what a worker gives back' => sub {
	my $tined = Tined->start(args => ['-w', 1, '--linger', '1ms',
		'--start-timeout', '1h', '-m', '/reflect=echo:body']);
	my ($worker) = $tined->worker_pids;

	for my $round (1, 2) {
		my @last  = lend_and_stop($tined, RECORDS + MORE,
			$LAST);
		my $calls = trace('nanosleep,clock_nanosleep', sub {
			kill 'CONT', $worker;
			is(scalar(grep { $tined->read_response($_) } @last),
				@last, 'all are served');
		}, $worker);
		my $looks = count([split /\n/, $calls], qr/nanosleep\(/);

		cmp_ok($looks, '>', 0, 'the worker waits for the lot');
		cmp_ok($looks, '<=', LOOKS + BESIDE, 'once');
		kill 'CONT', lot_pid($tined);
		is(scalar(grep { $tined->is_closed($_) } @last), @last,
			'their clients learn it when the lot goes on');
	}
	$tined->ends_clean;
};

done_testing;
