# The measurements of crowds can be run: their short forms, which judge nothing
# that depends on the machine.

use v5.36;

use FindBin;
use Test::More;
use lib "$FindBin::Bin/lib";
use Bench qw(run_bench);
use Lot ();

Lot::import_or_skip();

sub runs ($name, $args, @patterns) {
	my ($text, $status) = run_bench($name, '--short', @$args);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	subtest "$name @$args" => sub {
		# 1: something was slower than is wanted.
		cmp_ok($status, '<=', 1, 'it runs to its end');
		like($text, $_, $_) for @patterns;
		unlike($text, qr/ at \S+ line \d+/, 'it does not break');
	} or diag $text;
	return;
}

my $ratios = qr/ratio of p50 +[\d.]+, at most 1.50.*ratio of p99 +[\d.]+,/s;

runs(crowd => ['idle'], $ratios, qr/private memory for each .* met$/m,
	qr/CPU of all processes, .* met$/m, qr/of the crowd, 0 were closed/);
runs(crowd => ['slow'], $ratios,
	qr/at first, in the lot: \d+ idle, 200 head,/,
	qr/^  readers who rest with no one .* met$/m,
	qr/[1-9][\d.]* sent, .* [1-9][\d.]* copied, .* [1-9][\d.]* still/,
	qr/^  workers that serve: [012] of 8$/m,
	qr/at the end 264 are in the lot/);

for my $form (qw(lent kept)) {
	runs(churn => [$form],
		qr/^  20000 answered, each with its own token; 0 failed;/m);
}

my ($text, $status) = run_bench('crowd', 'no-such-bench');
is($status, 64, 'an unknown bench is refused');
like($text, qr/no bench is named no-such-bench/, 'by its name');

done_testing;
