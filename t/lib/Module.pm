package Module;

# Modules that tests build from t/module/*.c.

use v5.36;

use Exporter qw(import);
use FindBin ();
use Test::More;
use Tined;

our @EXPORT_OK = qw(build_module need_compiler);

my $CC = $ENV{CC} // 'cc';

sub need_compiler () {
	return if system("$CC --version >/dev/null 2>&1") == 0;
	plan skip_all => "no compiler ($CC)";
}

# Builds the module $name as $file; options are for the compiler.  The file takes
# the place of one that is there, which may be in use.
sub build_module ($name, $file, @options) {
	my $include = ($ENV{BUILD} // "$FindBin::Bin/../build") . '/include';

	system($CC, '-shared', '-fPIC', '-pthread', '-D_GNU_SOURCE', '-g',
		"-I$include", @options, '-o', "$file.new",
		"$FindBin::Bin/module/$name.c") == 0
		or die "cannot build $name\n";
	rename "$file.new", $file or die "$file: $!\n";
	return $file;
}

1;
