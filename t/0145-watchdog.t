# A service manager that asks for it hears that the master's loop turns.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tined qw(wait_for);

# What the manager has heard since the last look.
sub heard ($tined) {
	$tined->notified('WATCHDOG');
	return delete $tined->{state}{WATCHDOG};
}

subtest 'it is asked for' => sub {
	my $tined = Tined->start(args => ['-w', 2], files => {},
		env => { WATCHDOG_USEC => 100_000 });

	ok(wait_for(sub { heard($tined) }), 'a sign of life') for 1 .. 4;
	kill 'STOP', $tined->pid;
	ok(wait_for(sub { Tined::process_state($tined->pid) eq 'T' }),
		'the master stands still');
	heard($tined);
	ok(!wait_for(sub { heard($tined) }, 0.3), 'no sign of life');
	kill 'CONT', $tined->pid;
	ok(wait_for(sub { heard($tined) }), 'it goes on, and says so');
	kill 'STOP', $tined->worker_pids;
	heard($tined);
	ok(wait_for(sub { heard($tined) }),
		'workers are not what it vouches for') for 1 .. 2;
	kill 'CONT', $tined->worker_pids;
	$tined->ends_clean;
};

subtest 'it is asked of another process' => sub {
	my $tined = Tined->start(args => ['-w', 1], files => {},
		env => { WATCHDOG_USEC => 100_000, WATCHDOG_PID => $$ });

	ok(!wait_for(sub { heard($tined) }, 0.3), 'nothing is said');
	$tined->ends_clean;
};

done_testing;
