# WSGI: applications in virtual environments (home=).

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tined qw(free_port spew);
use Wsgi  qw(make_home need_python start_wsgi wsgi_env wsgi_mount);

need_python('venv');

my $dir = File::Temp->newdir;
chmod 0755, $dir;
make_home("$dir/venv", 'wares.py' => "NAME = 'a ware'\n");
make_home("$dir/other", 'wares.py' => "NAME = 'another'\n");
make_home("$dir/system", '--system-site-packages',
	'wares.py' => "NAME = 'of its own'\n");
spew("$dir/shop.py", <<'END');
import importlib.util
import sys
import wares

def application(environ, start_response):
    start_response("200 OK", [])
    said = [wares.NAME, sys.prefix, sys.base_prefix, sys.executable,
            str("/usr/lib/python3/dist-packages" in sys.path)]
    return ["\n".join(said).encode()]
END

my %name = (venv => 'a ware', system => 'of its own');
for my $home (sort keys %name) {
	for my $preload (qw(no yes)) {
		my $tined = start_wsgi('shop', path => "$dir",
			more => { home => $home, preload => $preload },
			cwd => "$dir", args => ['-w', 1]);
		my @said = split /\n/, $tined->get('/')->body;

		is_deeply(\@said, [$name{$home}, "$dir/$home", '/usr',
			"$dir/$home/bin/python3",
			$home eq 'system' ? 'True' : 'False'],
			"home=$home, preload=$preload")
		    or diag("@said\n", $tined->error_log . q{});
		$tined->ends_clean;
	}
}

my $without = Tined->run(args => ['-w', 1, '-l', '127.0.0.1:' . free_port,
		'-m', wsgi_mount('/', 'shop', path => "$dir")],
	env => wsgi_env());
isnt($without->{status}, 0, 'without it: refused');
like($without->{err}, qr/ModuleNotFoundError: No module named 'wares'/,
	'as the package is not there');

for my $preload (qw(no yes)) {
	my $mount = sub ($prefix, $home) {
		return ('-m', wsgi_mount($prefix, 'shop', path => "$dir",
			more => { home => "$dir/$home", preload => $preload }));
	};
	my $two = Tined->run(args => ['-w', 1, '-l', '127.0.0.1:' . free_port,
			$mount->('/', 'venv'), $mount->('/b', 'other')],
		env => wsgi_env());

	isnt($two->{status}, 0, "two mounts, two homes, preload=$preload: refused");
	like($two->{err}, qr/another mount has another home=/, 'and why');
}

done_testing;
