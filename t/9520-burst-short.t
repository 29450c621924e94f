# The measurement of a burst can be run, and nothing is wrong by far.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Bench qw(run_bench);
use Test::More;

use constant {
	SERVED => 5000,    # ms that 200 clients may wait at most, anywhere
	PSS    => 250,     # kB of an idle worker
};

my ($text, $status) = run_bench('burst', '--short', '--patience', 4,
	'--servers', 'tined');

# 1: a worker that has served has more memory than is wanted.
cmp_ok($status, '<=', 1, 'it runs to its end') or diag $text;
my ($served, $workers, $left)
	= $text =~ /^tined +(\d+) +\d+-\d+ +(\d+)  (\d+) workers after/m;
cmp_ok($served // 'inf', '<', SERVED, '200 clients are served soon')
	or diag $text;
cmp_ok($workers // 0, '>=', 200, 'by as many workers');
cmp_ok($left // 'inf', '<', $workers // 0, 'which become fewer afterwards');

my @pss = $text =~ /^tined +(\d+), \d+ +(\d+), \d+ +(\d+), \d+ /m;
is(@pss, 3, 'there is a table of memory') or diag $text;
cmp_ok($_, '<', PSS, 'a fresh worker is small') for @pss[1, 2];

($text, $status) = run_bench('burst', '--servers', 'no-such-server');
is($status, 64, 'an unknown server is refused');
like($text, qr/no such server/, 'in words');

done_testing;
