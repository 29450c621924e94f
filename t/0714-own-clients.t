# As many clients as workers, on one core, and requests of which some go through
# the lot: a worker that is free takes those, so that the others go on with their
# own clients, and do not give them away in turn.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Bench qw(compile cores on_core pick_cores said);
use Lot   qw(stop_process);
use POSIX qw(WNOHANG);
use Test::More;
use Tined qw(wait_for);

use constant {
	WORKERS => 8,
	# Of the requests: with all of them free and idle 0.02, and a half of them if
	# each gives way to another.
	MOST => 0.15,
};

Lot::import_or_skip();
pick_cores();
plan skip_all => 'the load needs a core of its own' if !cores();

my $dir = File::Temp->newdir;
compile($dir, 'client');

# A module may block, so that no worker keeps several clients.
sub start ($workers, @args) {
	my $tined = Tined->start(
		under => [on_core(0)],
		args  => ['-w', $workers, '-m', '/h=hello:',
			'-m', '/status=status:', @args]
	);
	$tined->all_workers($workers);
	return $tined;
}

sub load ($tined, $clients, $seconds) {
	return on_core(1, "$dir/client", '-c', $clients, $tined->port, $seconds,
		"GET /h HTTP/1.1\r\nHost: a\r\n\r\n");
}

sub handed_over ($tined) {
	return ($tined->get('/status')->body =~ /handed over (\d+)/)[0];
}

# The part of the requests for which a client changed its worker.
sub part ($tined) {
	my $before = handed_over($tined);
	my ($n) = said(load($tined, WORKERS, 0.5)) =~ /^requests=(\d+)/;

	return $n ? (handed_over($tined) - $before) / $n : 1;
}

subtest 'a client stays with its worker' => sub {
	my $tined = start(WORKERS);
	my @parts;

	ok(wait_for(sub { push @parts, part($tined); $parts[-1] <= MOST }),
		'almost always') or diag("handed over: @parts");
	$tined->ends_clean;
};

# It seems to be free, but does not take the client that waits.
subtest 'but not while others wait for long' => sub {
	my $tined = start(2, '--linger', '60s');
	my @free;
	my $pid = open my $load, '-|', load($tined, 1, 60) or die "load: $!\n";
	wait_for(sub {
		@free = grep { Tined::Process::title($_) !~ /serving/ }
		    $tined->worker_pids;
		return @free == 1;
	});
	stop_process($free[0]);
	is($tined->get('/h')->body, "hello\n",
		'a client is served while another asks all the time');
	is(waitpid($pid, WNOHANG), 0, 'which it still does');
	kill 'TERM', $pid;
	close $load;
	kill 'CONT', @free;
	$tined->ends_clean;
};

done_testing;
