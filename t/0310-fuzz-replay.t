# What the fuzz targets have learnt is given to them again: t/fuzz.

use v5.36;

use Cwd        qw(abs_path);
use FindBin;
use Test::More;

my $top   = abs_path("$FindBin::Bin/..");
my $build = abs_path($ENV{BUILD} // "$top/build");

chdir $top or die "$top: $!\n";
my @targets = map {m{fuzz_(\w+)\.c\z}} glob 't/fuzz/fuzz_*.c';
ok(@targets >= 6, 'there are targets') or BAIL_OUT('no targets');

my $made = qx{make -s -f t/fuzz/Makefile BUILD='$build' replay 2>&1};
is($?, 0, 'they compile') or BAIL_OUT($made);

for my $target (@targets) {
	my @inputs = glob "t/fuzz/corpus/$target/*";
	ok(@inputs > 0, "$target has a corpus");
	my $said = qx{'$build/fuzz/replay/$target' t/fuzz/corpus/$target 2>&1};
	my $status = $?;
	is($status, 0, "$target agrees");
	like($said, qr/^@{[ scalar @inputs ]} inputs$/m, 'on every input');
	diag(tail($said)) if $status;
}
done_testing;

# The names of the inputs are printed one by one: the last is the finding.
sub tail ($text) {
	my @lines = split /\n/, $text;
	my $from  = 0;
	for my $i (reverse 0 .. $#lines) {
		$from = $i, last if $lines[$i] =~ m{^t/fuzz/corpus/};
	}
	return join "\n", @lines[ $from .. $#lines ];
}
