# A server with an application of t/wsgi, by the module wsgi.

package Wsgi;

use v5.36;

use Cwd            qw(abs_path);
use Exporter       qw(import);
use File::Basename qw(dirname);
use Test::More     ();
use Tined;

our @EXPORT_OK = qw(make_home need_python start_wsgi wsgi_env wsgi_mount);

my $build  = $ENV{BUILD} // dirname(__FILE__) . '/../../build';
my $apps   = dirname(__FILE__) . '/../wsgi';
my $module = "$build/modules/wsgi.so";

# Skips the whole test, loudly, where the module or what it is to run is not.
sub need_python (@packages) {
	my @missing = -e $module ? () : ("$module (python3-dev)");

	for my $package (@packages) {
		push @missing, "the Python package $package"
		    if system("/usr/bin/python3 -c 'import $package' 2>&1"
			    . ' >/dev/null') != 0;
	}
	return unless @missing;
	Test::More::diag("NOT TESTED: no @missing here");
	Test::More::plan(skip_all => "no @missing");
	return;
}

# A virtual environment with these modules in it; pip would need the network.
sub make_home ($path, @more) {
	my @options = grep { /\A--/ } @more;
	my %module = grep { !/\A--/ } @more;

	system('/usr/bin/python3', '-m', 'venv', '--without-pip', @options,
		$path) == 0 or die "cannot make $path\n";
	my ($packages) = glob "$path/lib/python3*/site-packages";
	Tined::spew("$packages/$_", $module{$_}) for keys %module;
	return;
}

# The value of -m.
sub wsgi_mount ($prefix, $app, %option) {
	my $path = $option{path} // abs_path($apps);
	my @more = map { ",$_=$option{more}{$_}" }
	    sort keys %{ $option{more} // {} };

	return "$prefix=module:" . abs_path($module)
	    . join q{}, ",app=$app,path=$path", @more;
}

# The environment of a server: Python writes nothing beside the sources, and a
# sanitizer does not report what Python leaves behind.
sub wsgi_env (%more) {
	return { PYTHONDONTWRITEBYTECODE => 1,
		ASAN_OPTIONS => join(q{:}, grep { defined }
			$ENV{ASAN_OPTIONS}, 'detect_leaks=0'),
		%more };
}

sub start_wsgi ($app, %option) {
	my @mount = delete @option{qw(path more)};
	my @args  = @{ delete $option{args} // [] };
	my %env   = %{ delete $option{env} // {} };

	return Tined->start(%option,
		args => ['-m', wsgi_mount('/', $app, path => $mount[0],
			more => $mount[1]), @args],
		env => wsgi_env(%env));
}

1;
