# The measurement of a burst can be run, and nothing is wrong by far.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Bench qw(run_bench);
use Test::More;
use Time::HiRes qw(time);
use Tined ();

use constant {
	# How much longer 200 clients may wait for a pool that grows than for
	# one that is started whole.  A step a second would take so long.
	RATIO => 20,
	PSS   => 200,      # kB of each of 32 idle workers
	# Another program may have the machine for some seconds.
	TRIES => 3,
};

# Milliseconds until as many workers are there, on this machine, just now.
sub start_all () {
	my $start = time;
	my $tined = Tined->start(args => ['-w', 200]);

	$tined->all_workers(200);
	my $took = 1000 * (time - $start);
	$tined->ends_clean;
	return $took;
}

my ($text, $status, $served, $workers, $left, $whole);
for (1 .. TRIES) {
	($text, $status) = run_bench('burst', '--short', '--patience', 4,
		'--servers', 'tined');
	($served, $workers, $left)
	    = $text =~ /^tined +(\d+) +\d+-\d+ +(\d+)  (\d+) workers after/m;
	$whole = start_all();
	last if ($served // 'inf') < RATIO * $whole;
}
# 1: a worker that has served has more memory than is wanted.
cmp_ok($status, '<=', 1, 'it runs to its end') or diag $text;
cmp_ok($served // 'inf', '<', RATIO * $whole,
	sprintf '200 clients are served soon: %.0f ms is a whole pool', $whole)
	or diag $text;
cmp_ok($workers // 0, '>=', 200, 'by as many workers');
cmp_ok($left // 'inf', '<', $workers // 0, 'which become fewer afterwards');

# The median of an even number may be a half.
my $pss = qr/ +([\d.]+), [\d.]+/;
my @pss = $text =~ /^tined$pss$pss$pss /m;
is(@pss, 3, 'there is a table of memory') or diag $text;
cmp_ok($pss[2] // 'inf', '<', PSS, 'a fresh worker is small');

($text, $status) = run_bench('burst', '--servers', 'no-such-server');
is($status, 64, 'an unknown server is refused');
like($text, qr/no such server/, 'in words');

done_testing;
