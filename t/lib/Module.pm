package Module;

# Modules that tests build from t/module/*.c.

use v5.36;

use Exporter qw(import);
use FindBin ();
use Test::More;
use Tined;

our @EXPORT_OK = qw(build_module has_cxx need_compiler);

my $CC  = $ENV{CC}  // 'cc';
my $CXX = $ENV{CXX} // 'c++';

# Of more than one file.
my %parts = (probe => ['faults']);

sub need_compiler () {
	return if system("$CC --version >/dev/null 2>&1") == 0;
	plan skip_all => "no compiler ($CC)";
}

sub has_cxx () {
	return system("$CXX --version >/dev/null 2>&1") == 0;
}

sub source ($name) {
	my ($file) = grep { -e } map { "$FindBin::Bin/module/$name.$_" }
	    qw(c cc);
	return $file;
}

# Builds the module $name as $file; options are for the compiler.  The file takes
# the place of one that is there, which may be in use.
sub build_module ($name, $file, @options) {
	my $include = ($ENV{BUILD} // "$FindBin::Bin/../build") . '/include';

	my @sources = map { source($_) } $name, @{ $parts{$name} // [] };
	my @compiler = $sources[0] =~ /[.]cc\z/ ? ($CXX, '-std=c++20') : $CC;
	system(@compiler, '-shared', '-fPIC', '-pthread', '-D_GNU_SOURCE', '-g',
		"-I$include", @options, '-o', "$file.new", @sources) == 0
		or die "cannot build $name\n";
	rename "$file.new", $file or die "$file: $!\n";
	return $file;
}

1;
