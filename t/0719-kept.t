# Clients that a worker keeps between their requests: nobody hands these over.  The
# lot has them again when the worker stands still, dies or ends, and when they have
# been idle for a second.

use v5.36;

use FindBin;
use JSON::PP ();
use lib "$FindBin::Bin/lib";
use Kept qw($LAST ask keep stop_keeper);
use Lot  qw(descriptors find_lot is_parked keeper lot_pid);
use Test::More;
use Time::HiRes qw(sleep);
use Trace qw(trace);
use Tined qw(wait_for);

Lot::import_or_skip();

# Of clients that are served again and again, and what may go another way when the
# machine is busy.
use constant { REQUESTS => 40, BESIDE => 10 };

sub start (@args) {
	return Tined->start(args => ['-w', 3, '--linger', '1ms', @args],
		files => { 'a.txt' => "a\n" });
}

# Of a worker without clients.
sub fewest_descriptors ($tined) {
	return (sort { $a <=> $b } map { descriptors($_) } $tined->worker_pids)[0];
}

subtest 'the lot has nothing to do for them' => sub {
	my $tined = start();
	my $sock  = keep($tined);
	my $lot   = lot_pid($tined);
	my $bad   = 0;
	my $rest  = fewest_descriptors($tined);
	my $trace = trace('%network', sub {
		for (1 .. REQUESTS) {
			ask($tined, $sock) or $bad++;
			sleep 0.005;
		}
	}, $lot);

	is($bad, 0, 'each request is answered');
	if (defined $trace) {
		my $calls = () = $trace =~ /(?:send|recv)\w*\(/g;
		cmp_ok($calls, '<=', BESIDE, 'and not by way of the lot');
	}
	keep($tined, $sock);
	close $sock;
	ok(wait_for(sub {
		!grep { descriptors($_) > $rest } $tined->worker_pids;
	}), 'nobody has its descriptor when it has gone');
	$tined->ends_clean;
};

# It is the client that asks for the status.
subtest 'the status counts them as lent while they are served' => sub {
	my $tined = start('-m', '/status=status:');
	my $sock  = keep($tined);
	my %sum   = (idle => 0, lent => 0);

	for (1 .. REQUESTS) {
		my $json = $tined->get('/status/json', sock => $sock, keep => 1);
		my $lot  = JSON::PP::decode_json($json->body)->{lot};

		$sum{$_} += $lot->{$_} for keys %sum;
		sleep 0.015; # the lot looks at them meanwhile
	}
	cmp_ok($sum{idle}, '<=', BESIDE, 'not as idle');
	cmp_ok($sum{lent}, '>=', REQUESTS - BESIDE, 'but as lent');
	$tined->ends_clean;
};

subtest 'a worker that stands still' => sub {
	my $tined  = start();
	my $sock   = keep($tined);
	my $keeper = stop_keeper($tined, $sock);

	ok(ask($tined, $sock), 'others serve its clients');
	ok(ask($tined, $sock, $LAST), 'to their last requests');
	ok($tined->is_closed($sock), 'whose end it does not delay');
	kill CONT => $keeper;
	ok(wait_for(sub { descriptors($keeper) == fewest_descriptors($tined) }),
		'it closes its own descriptors');
	$tined->ends_clean(qr/stands still|stood still/);
};

subtest 'a worker that dies' => sub {
	my $tined = start();

	for (1 .. 5) {
		my @socks = map { keep($tined) } 1 .. 4;
		my $keeper = keeper($tined, $socks[0]) // next;

		kill KILL => $keeper;
		is(scalar(grep { !ask($tined, $_) } @socks), 0,
			'its clients do not notice it');
	}
	$tined->ends_clean(qr/killed|KILL/);
};

# The lot may have recalled a client a moment before, if its worker was slow: that
# one goes with it.
subtest 'a lot that dies' => sub {
	my $tined = start();
	my $sock;

	for (1 .. 10) {
		$sock = keep($tined);
		my $lot = lot_pid($tined);
		kill KILL => $lot;
		my $answers = grep { ask($tined, $sock) } 1 .. 3;
		wait_for(sub { (find_lot($tined) // $lot) != $lot }) or last;
		last if $answers == 3;
	}
	ok(ask($tined, $sock), 'its clients are served on') for 1 .. 3;
	keep($tined, $sock);
	ok(ask($tined, $sock), 'and are kept again');
	$tined->ends_clean(qr/lot.*(?:killed|KILL)/);
};

subtest 'one that is idle' => sub {
	my $tined = start('-k', '3s');
	my $sock  = keep($tined);

	ok(wait_for(sub { is_parked($tined, $sock) }), 'goes to the lot');
	ok(ask($tined, $sock), 'and is served on');
	keep($tined, $sock);
	ok($tined->is_closed($sock), 'its connection is closed in the end');
	ok(!$tined->was_reset($sock), 'in order');
	$tined->ends_clean;
};

subtest 'a reload, and a stop' => sub {
	my $tined = start();
	my @socks = map { keep($tined) } 1 .. 4;

	ok($tined->reload_works, 'HUP');
	is(scalar(grep { !ask($tined, $_) } @socks), 0, 'none is lost');
	keep($tined, $_) for @socks;
	$tined->signal('TERM');
	for my $sock (@socks) {
		ok($tined->is_closed($sock), 'closed');
		ok(!$tined->was_reset($sock), 'and not reset');
	}
	is($tined->wait_exit, 0, 'it ends');
};

# The clients of a program wait for nobody, and it has no other's descriptor.
subtest 'not beside applications, nor with a limit' => sub {
	for my $args (['-m', '/echo=echo:body'], ['--per-client', 2]) {
		my $tined = start(@$args);
		my $sock  = $tined->connect;

		for (1 .. 5) {
			ask($tined, $sock) or die 'no answer';
			ok(wait_for(sub { is_parked($tined, $sock) }, 0.9),
				'the lot has it at once');
		}
		$tined->ends_clean;
	}
};

done_testing;
