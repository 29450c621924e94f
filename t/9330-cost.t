# What a request costs can be counted, and does not grow.

use v5.36;

use FindBin qw($Bin);
use lib "$Bin/lib";
use Bench qw(run_bench);
use Test::More;
use Tined qw(need_tools);

use constant {
	# Instructions of a request with a browser's 13 fields, without its
	# handler and its log: some 5,600, and a few more with another compiler
	# or processor.
	MOST => 6_000,
	# And of its line in the access log: some 1,600.
	MOST_LINE => 1_800,
	# Readings of the clock: the end of the wait, three changes of the
	# state, the end of the response, and one for a log that may block.
	MOST_READINGS => 6,
	# All of a request to a module, beside one to echo:.
	MODULE => 1.03,
};

need_tools('valgrind', 'callgrind_annotate');

if (Tined->is_sanitized) {
	diag('NOT TESTED: a program with a sanitizer does not run in valgrind');
	plan skip_all => 'a sanitizer is built in';
}

my ($text, $status) = run_bench('cost', '--requests', 200, '--most', MOST);
is($status, 0, 'a request costs no more than ' . MOST . ' instructions');
like($text, qr/ of \d+ bytes and 13 fields$/m, 'the request has 13 fields');

my %cost = $text =~ /^(\S.*?) +([\d,]+) +-?[\d.]+ %$/mg;
tr/,//d for values %cost;
for my $part ('guard', 'http-parser', 'its callbacks', 'routing', 'handler',
	'response', 'access log', 'rest') {
	cmp_ok($cost{$part} // 0, '>', 0, "there is a figure for $part");
}
cmp_ok($cost{'access log'}, '<=', MOST_LINE,
	'a line of the access log costs no more than ' . MOST_LINE);
cmp_ok(($text =~ /^readings of the clock: ([\d.]+)$/m)[0] // 99, '<',
	MOST_READINGS + 0.5, 'and no more than ' . MOST_READINGS
	. ' readings of the clock');
my $whole = delete $cost{whole} // 0;
my $sum   = 0;
$sum += $_ for values %cost;
cmp_ok(abs($sum - $whole), '<=', keys %cost, 'and they are the whole');
diag($text) if !Test::More->builder->is_passing;

($text, $status) = run_bench('cost', '--requests', 200, '--hello');
my ($hello) = $text =~ /^whole +([\d,]+) /m;
$hello =~ tr/,//d;
cmp_ok($hello, '<=', MODULE * $whole,
	"a module costs little more: $hello instead of $whole instructions");

($text, $status) = run_bench('cost', '--requests', 50, '--most', 100);
is($status, 1, 'with fewer it is told');
like($text, qr/^That is more than 100\.$/m, 'that they are too many');

($text, $status) = run_bench('cost', '--requests', 'many');
is($status, 64, 'a mistake on the command line is refused');
like($text, qr/^Usage:/m, 'with what would be right');

done_testing;
