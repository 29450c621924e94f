# scripts/check-layers finds each #include that must not be, and
# scripts/check-names each name that two static functions have.

use v5.36;

use Cwd        qw(abs_path);
use File::Path qw(make_path);
use File::Basename qw(dirname);
use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tined qw(spew);

my $SCRIPTS = abs_path("$FindBin::Bin/../scripts");

# What it says about a source of these files.
sub check_layers (%files) { return check('check-layers', %files) }

sub check ($script, %files) {
	my $dir = File::Temp->newdir;
	my %all = (
		'layers.txt' => "high\nmodules\nmodules/big\ntined.h\nlow\n",
		'tined.h'    => q{},
		'low/low.h'  => q{},
		'high/high.h' => q{},
		'modules/hello.h' => q{},
		'modules/big/big.h' => q{},
		%files,
	);

	for my $name (sort keys %all) {
		make_path(dirname("$dir/src/$name"));
		spew("$dir/src/$name", $all{$name});
	}
	my $said = qx{cd '$dir' && '$SCRIPTS/$script' 2>&1};
	return ($? >> 8, $said);
}

sub is_refused ($file, $text, $words, $name) {
	my ($status, $said) = check_layers($file => $text);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($status, 1, "$name is refused");
	return like($said, $words, 'with its place and the reason');
}

my ($status, $said) = check_layers(
	'high/high.c' => qq{#include "high/high.h"\n#include "low/low.h"\n},
	'modules/hello.c' => "#include <stdio.h>\n#include <tined.h>\n",
	'modules/big/big.c' => qq{#include "modules/big/big.h"\n},
);
is($status, 0, 'what may be is accepted') or diag($said);

is_refused('low/low.c', qq{#include "high/high.h"\n},
	qr{^src/low/low\.c:1: a file of low may not include high/high\.h}m,
	'a file above');
is_refused('modules/hello.c', qq{\n#include "low/low.h"\n},
	qr{^src/modules/hello\.c:2: a file of modules may include tined\.h}m,
	'a file of the server in a module');
is_refused('modules/big/big.c', "#include <low/low.h>\n",
	qr{^src/modules/big/big\.c:1: .* not low/low\.h$}m,
	'the same in a folder of modules, in angle brackets');

my $one = "static int\nfind(int n)\n{\n\treturn n;\n}\n";
($status, $said) = check('check-names', 'low/a.c' => $one,
	'low/b.c' => $one =~ s/find/b_find/r, 'high/c.c' => "int find(int n);\n",
	'modules/d.c' => $one);
is($status, 0, 'names that are unique are accepted') or diag($said);
($status, $said) = check('check-names', 'low/a.c' => $one, 'high/b.c' => $one);
is($status, 1, 'a name that two have is refused');
like($said, qr{^find is a static function of each of src/high/b\.c src/low/a\.c: }m,
	'with its places');

done_testing;
