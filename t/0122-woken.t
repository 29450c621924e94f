# The kernel wakes one worker for a client, and no other.  A worker that is told
# to go at that moment still takes its client.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Module qw(build_module need_compiler);
use Test::More;
use Tined qw(slurp wait_for);

need_compiler();
plan skip_all => 'sanitizers must be loaded first' if Tined->is_sanitized;

my $dir   = File::Temp->newdir;
my $held  = build_module('held_wake', "$dir/held_wake.so");
my %small = ('a.txt' => "a\n");
my @args  = ('-w', 1, '--stop-timeout', '1h');

# Its workers are held, when they are woken, until so many signals have come.
sub start ($signals) {
	return Tined->start(args => \@args, files => \%small,
		keep_sockets => 1,
		env => { LD_PRELOAD => $held, HELD_WAKE => $signals });
}

# Another one that listens on the same sockets.
sub start_beside ($tined) {
	my $next = Tined->start(args => \@args, files => \%small,
		listen => 'none', sockets => $tined->{socks},
		keep_sockets => 1, port => $tined->port);

	$next->{host} = '127.0.0.1';
	return $next;
}

sub held_worker (@pids) {
	my ($pid) = grep { slurp("/proc/$_/comm") eq "held\n" } @pids;
	return $pid;
}

# A client, and the worker that was woken for it and has not taken it.  The lot
# may be woken for the first ones.
sub client_of_held ($tined) {
	my @workers = $tined->all_workers(1);

	for (1 .. 4) {
		my $sock = $tined->connect;
		$tined->send($sock, "GET /a.txt HTTP/1.1\r\nHost: a\r\n"
			. "Connection: close\r\n\r\n");
		my $pid;
		wait_for(sub {
			$pid = held_worker(@workers);
			return $pid || !$tined->is_open($sock);
		});
		return ($sock, $pid) if $pid;
	}
	return;
}

sub is_served ($tined, $sock) {
	return is(eval { $tined->read_response($sock)->body } // $@, "a\n",
		'its client is served');
}

subtest 'a worker of a server that gives way to another' => sub {
	my $tined = start(2); # to stop, and to let go of the sockets
	my $next = start_beside($tined);
	my ($sock, $pid) = client_of_held($tined);

	ok($pid, 'a worker is woken');
	$tined->ends_clean;
	is_served($next, $sock);
	$next->ends_clean;
};

subtest 'a worker whose master was killed' => sub {
	my $tined = start(1);
	my $next = start_beside($tined);
	my ($sock, $pid) = client_of_held($tined);

	ok($pid, 'a worker is woken');
	is($tined->stop('KILL'), 137, 'the master is killed');
	is_served($next, $sock);
	$tined->leaves_nothing;
	$tined->log_is_clean(qr/master has (?:died|ended)/);
	$next->ends_clean;
};

subtest 'a worker that is replaced' => sub {
	my $tined = start(1);
	my ($sock, $pid) = client_of_held($tined);

	ok($pid, 'a worker is woken');
	kill 'TERM', $pid;
	is_served($tined, $sock);
	$tined->ends_clean;
};

done_testing;
