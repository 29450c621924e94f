# A service manager that asks for it hears that the master's loop turns.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX ();
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
	my @workers = $tined->all_workers(2);
	kill 'STOP', @workers;
	heard($tined);
	ok(wait_for(sub { heard($tined) }),
		'workers are not what it vouches for') for 1 .. 2;
	kill 'CONT', @workers;
	$tined->ends_clean;
};

subtest 'it is asked of another process' => sub {
	my $tined = Tined->start(args => ['-w', 1], files => {},
		env => { WATCHDOG_USEC => 100_000, WATCHDOG_PID => $$ });

	ok(!wait_for(sub { heard($tined) }, 0.3), 'nothing is said');
	$tined->ends_clean;
};

# A sign from a master that is not announced yet is not heard; and the next one
# after that might come too late.
subtest 'the server is upgraded' => sub {
	my $tined = Tined->start(args => ['-w', 2], files => {},
		env => { WATCHDOG_USEC => 1_000_000_000 });
	my $old = $tined->pid;
	my @heard;

	$tined->child_pids;
	heard($tined);
	$tined->signal('USR2');
	ok(wait_for(sub {
		while (defined $tined->{notify}->recv(my $said, 4096)) {
			push @heard, split /\n/, $said;
		}
		grep { /\AREADY=1\z/ } @heard;
	}), 'another master is ready') or diag(scalar $tined->error_log);
	my ($new) = map { /\AMAINPID=(\d+)\z/ } @heard;
	ok(wait_for(sub {
		while (defined $tined->{notify}->recv(my $said, 4096)) {
			push @heard, split /\n/, $said;
		}
		join(q{ }, @heard) =~ /MAINPID=$new .*WATCHDOG=1/;
	}), 'it gives a sign of life when it is announced');
	is(scalar(grep { $_ eq 'WATCHDOG=1' } @heard), 1, 'and none before');
	wait_for(sub { waitpid($old, POSIX::WNOHANG()) > 0 });
	$tined->child_pids($new);
	kill 'TERM', $new;
	$tined->{status} = 0;
	$tined->leaves_nothing;
	$tined->log_is_clean;
};

done_testing;
