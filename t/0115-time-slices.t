# Workers ask for short slices of their core, and nobody else of ours does.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Cgi qw(programs start_cgi);
use Test::More;
use Tined qw(slurp);

# sched_setattr(2): since Linux 6.12.
my ($major, $minor) = slurp('/proc/sys/kernel/osrelease') =~ /\A(\d+)\.(\d+)/;
plan skip_all => 'processes cannot ask this kernel for a slice'
    if $major < 6 || ($major == 6 && $minor < 12);

sub slice ($text) {
	my ($slice) = $text =~ /^se\.slice\s*:\s*(\d+)/m;
	return $slice;
}

my $usual = slice(slurp("/proc/$$/sched"));
plan skip_all => 'this kernel does not tell' if !defined $usual;

my $dir = programs(slow => 'head(); print "$$\n"; sleep 3600');

sub slice_of ($pid) {
	return slice(slurp("/proc/$pid/sched"));
}

sub nice_of ($pid) {
	my ($after) = slurp("/proc/$pid/stat") =~ /.*\) (.*)/s;
	return (split ' ', $after)[16];
}

# A program that runs, and the client that it runs for.
sub run_program ($tined) {
	my $sock = $tined->connect;
	my ($got, $pid) = q{};

	$tined->send($sock, "GET /c/slow HTTP/1.0\r\n\r\n");
	$sock->blocking(1);
	while (!defined $pid) {
		sysread $sock, $got, 1000, length $got or die "the end of it\n";
		($pid) = $got =~ /\r\n\r\n(\d+)\n/;
	}
	return ($pid, $sock);
}

subtest 'as usual' => sub {
	my $tined = start_cgi($dir);

	is(slice_of($tined->pid), $usual, 'not the master\'s');
	is_deeply([map { slice_of($_) } $tined->all_workers(2)],
		[250_000, 250_000], 'the workers\'');
	my ($pid, $sock) = run_program($tined);
	is(slice_of($pid), $usual, 'not those of a program that they run');
	close $sock;
	$tined->ends_clean;
};

# An administrator's choice stays: the program would lose a higher priority.
subtest 'with another priority' => sub {
	for my $nice ($> == 0 ? -5 : (), 5) {
		setpriority 0, 0, $nice or die "setpriority: $!\n";
		my $tined = start_cgi($dir);
		my ($worker) = $tined->all_workers(2);
		my ($pid, $sock) = run_program($tined);

		is(nice_of($worker), $nice, "nice $nice stays");
		is(nice_of($pid), $nice, 'for the program, too');
		is(slice_of($worker), $nice < 0 ? $usual : 250_000,
			'the slice is ' . ($nice < 0 ? 'as usual' : 'short'));
		close $sock;
		$tined->ends_clean;
	}
};

done_testing;
