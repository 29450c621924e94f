# Clients whose connections go to a worker and back to the lot: an end reaches
# them at once, and nothing that they send is missed, whatever dies meanwhile.

use v5.36;

use Faulty      qw(start_faulty);
use IO::Socket  qw(SHUT_WR);
use List::Util  qw(min);
use Lot         qw(ask few_may_be_on_their_way find_lot held_at_rest is_on_its_way
	is_parked keep_busy lot_pid park reflect release sleeps stop_process);
use Test::More;
use Time::HiRes qw(sleep time);
use Tined       qw(background spew wait_for);

Lot::import_or_skip();

# Seconds, in the quickest of some tries: the lot would learn it by itself later.
use constant { TRIES => 8, AT_ONCE => 0.9 };

my $DIED = qr/ worker \d+\[\d+\] /;

sub start (@args) {
	return start_faulty(args => ['--linger', '1ms', '-m', '/v=vandal:',
		'-m', '/reflect=echo:body', '--body-timeout', '5m', @args]);
}

# A client that was served, and is in the lot.
sub connect_parked ($tined) {
	my $sock = $tined->connect;

	ask($tined, $sock) or die 'no answer';
	park($tined, $sock);
	return $sock;
}

sub busy_worker ($tined) {
	return (grep { Tined::title($_) !~ /idle|starting/ }
		$tined->worker_pids)[0];
}

sub quickest ($code) { return min map { $code->() } 1 .. TRIES }

sub time_to_end ($tined, $sock) {
	my $start = time;

	return $tined->is_closed($sock) ? time - $start : 'inf';
}

subtest 'a connection that ends' => sub {
	my $tined = start('-w', 3);
	my $busy  = keep_busy($tined, connect_parked($tined));

	ok(wait_for(sub { sleeps(lot_pid($tined)) }), 'the lot sleeps');
	my $before = held_at_rest($tined);
	cmp_ok(quickest(sub {
		my $sock = connect_parked($tined);

		$tined->send($sock, "GET /reflect HTTP/1.0\r\n\r\n");
		$tined->read_response($sock);
		return time_to_end($tined, $sock);
	}), '<', AT_ONCE, 'the client learns it at once');
	is(held_at_rest($tined), $before, 'the lot keeps nothing of it');
	ok(release($tined, $busy), 'one whose worker waits is served');
	$tined->ends_clean;
};

subtest 'a client that sends its last request, and that it is the last' => sub {
	my $tined = start('-w', 2);

	for (1 .. 20) {
		my $sock = connect_parked($tined);

		$tined->send($sock, reflect('last'));
		shutdown $sock, SHUT_WR;
		is($tined->read_response($sock)->body, 'last', 'is answered');
		ok($tined->is_closed($sock), 'and closed') or last;
	}
	$tined->ends_clean;
};

subtest 'a client that sends its next request with the content of one' => sub {
	my $tined = start('-w', 2);
	my $sock  = connect_parked($tined);

	for (1 .. 50) {
		keep_busy($tined, $sock);
		$tined->send($sock, 'x' x 200_000 . reflect('next'));
		is(length $tined->read_response($sock)->body, 200_000,
			'an answer');
		is($tined->read_response($sock)->body, 'next', 'and the next')
		    or last;
	}
	$tined->ends_clean;
};

# The lot learns of both at once, while a worker has the connection, and never
# again.  A client that has paused for longer than --linger is not waited for.
subtest 'a client that sends something, and its end, before its answer' => sub {
	my $tined = start('-w', 1, '-k', '1h', '--head-timeout', '1h');
	my $lot = lot_pid($tined);
	my ($worker) = $tined->worker_pids;
	my $begin = sub ($bytes) {
		my $sock = connect_parked($tined);

		sleep 0.02;
		stop_process($worker);
		$tined->send($sock, reflect('last'));
		ok(wait_for(sub { is_on_its_way($tined, $sock) }),
			'a worker is to answer');
		stop_process($lot);
		$tined->send($sock, $bytes);
		shutdown $sock, SHUT_WR;
		kill 'CONT', $lot;
		ok(wait_for(sub { sleeps($lot) }), 'the lot has heard the end');
		kill 'CONT', $worker;
		is($tined->read_response($sock)->body, 'last', 'an answer');
		return $sock;
	};

	my $sock = $begin->('GET /reflect HT');
	is(eval { $tined->read_response($sock)->status } // $@, 400,
		'half a head: 400');
	ok($tined->is_closed($sock), 'and closed');
	ok($tined->is_closed($begin->("\r\n")), 'an empty line: closed');
	$tined->ends_clean;
};

# The slot has another worker at once, which serves others.
subtest 'a worker that is killed' => sub {
	my $tined = start('-w', 2);

	cmp_ok(quickest(sub {
		my $sock = keep_busy($tined, connect_parked($tined));
		my $busy = wait_for(sub { busy_worker($tined) })
		    or die 'no worker is busy';
		kill 'KILL', $busy;
		my $took = time_to_end($tined, $sock);
		ask($tined, $tined->connect) or die 'no answer';
		return $took;
	}), '<', AT_ONCE, 'its client learns it at once');
	$tined->ends_clean($DIED);
};

# They were taken over, and say nothing to anybody.
subtest 'workers that take requests of others, beside one that serves' => sub {
	my $tined = start('-w', 3);
	my @kept  = map { connect_parked($tined) } 1 .. 4;
	my $ended = $tined->dir . '/ended';
	my $wait  = background(sub {
		my ($count, $taken, $sock) = (0, 0, $tined->connect);

		until (-e $ended) {
			if (eval { ask($tined, $sock) }) {
				$count++;
			} else {
				$taken++;
				$sock = $tined->connect;
			}
		}
		return ("$count", "$taken");
	});
	my @vandals = map { $tined->connect } 1 .. 2;

	$tined->send($_, "GET /v/take/4 HTTP/1.1\r\nHost: a\r\n\r\n")
	    for @vandals;
	for my $sock (@kept) {
		$tined->send($sock, reflect('x'));
		my $response = eval { $tined->read_response($sock) };
		ok($@ !~ /timed out/ && (!$response || $response->body eq 'x'),
			'a client gets its answer, or its connection ends');
	}
	spew($ended, q{});
	my ($count, $taken) = $wait->();
	cmp_ok($count, '>', 0, 'others are served beside them');
	note("$count answers, $taken taken");
	$tined->ends_clean($DIED);
};

subtest 'lots that die while workers have clients' => sub {
	my $tined = start('-w', 3);
	my @kept  = map { connect_parked($tined) } 1 .. 2;

	for (1 .. 3) {
		my $lot = lot_pid($tined);

		keep_busy($tined, $_) for @kept;
		kill 'KILL', $lot;
		ok(wait_for(sub { (find_lot($tined) // $lot) != $lot }),
			'another takes its place');
		for my $sock (@kept) {
			ok(release($tined, $sock), 'a client is served');
			ok(ask($tined, $sock), 'and once more');
			ok(wait_for(sub { is_parked($tined, $sock) }),
				'the next lot has it');
		}
	}
	$tined->ends_clean(qr/ error: the lot\[\d+\] was killed by signal 9 /);
};

subtest 'a reload meanwhile' => sub {
	my $tined = start('-w', 2);
	my $sock  = keep_busy($tined, connect_parked($tined));

	ok($tined->reload_works, 'it reloads');
	ok(release($tined, $sock), 'a client of an old worker is served');
	ok(ask($tined, $sock), 'and of a new one');
	$tined->ends_clean;
};

subtest 'few descriptors' => sub {
	my $turn = few_may_be_on_their_way();
	my $tined = start_faulty(args => ['-w', 4, '--linger', '1ms',
		'-m', '/reflect=echo:body'], rlimits => { n => 96 });
	my @kept = map { connect_parked($tined) } 1 .. 4;

	for (1 .. 20) {
		is((grep { ask($tined, $_) } @kept), @kept,
			'all clients are served') or last;
	}
	$tined->ends_clean;
};

done_testing;
