# What a request costs can be counted, and the guard around http-parser costs
# no more than http-parser.

use v5.36;

use FindBin qw($Bin);
use lib "$Bin/lib";
use Bench qw(run_bench);
use Test::More;
use Tined qw(need_tools);

need_tools('valgrind', 'callgrind_annotate');

if (Tined->is_sanitized) {
	diag('NOT TESTED: a program with a sanitizer does not run in valgrind');
	plan skip_all => 'a sanitizer is built in';
}

my ($text, $status) = run_bench('cost', '--requests', 200);
is($status, 0, 'the guard costs no more than http-parser');
like($text, qr/ of \d+ bytes and 13 fields$/m, 'the request has 13 fields');

my %cost = $text =~ /^(\S.*?) +([\d,]+) +-?[\d.]+ %$/mg;
tr/,//d for values %cost;
for my $part ('guard', 'http-parser', 'its callbacks', 'routing', 'handler',
	'response', 'access log', 'rest') {
	cmp_ok($cost{$part} // 0, '>', 0, "there is a figure for $part");
}
my $whole = delete $cost{whole} // 0;
my $sum   = 0;
$sum += $_ for values %cost;
cmp_ok(abs($sum - $whole), '<=', keys %cost, 'and they are the whole');
diag($text) if !Test::More->builder->is_passing;

($text, $status) = run_bench('cost', '--requests', 'many');
is($status, 64, 'a mistake on the command line is refused');
like($text, qr/^Usage:/m, 'with what would be right');

done_testing;
