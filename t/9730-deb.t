# The same files make the same Debian packages, in whatever folder, with
# whatever umask and at whatever time they are built.

use v5.36;

use Cwd            qw(abs_path);
use File::Basename qw(dirname);
use File::Temp     ();
use POSIX          ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tined qw(background need_tools slurp spew wait_for);

need_tools(qw(dpkg-deb dpkg-shlibdeps make));

use constant EPOCH => 1_700_000_000;

my $top = abs_path("$FindBin::Bin/..");
my $dir = File::Temp->newdir(TMPDIR => 1);

# Without optimization it is quick, and a folder's name has more ways in.
sub build ($folder, $umask) {
	my @files = qw(COPYING Makefile NEWS README configure.ac man scripts src);

	mkdir $folder or die "$folder: $!\n";
	system('cp', '-R', (map { "$top/$_" } @files), $folder) == 0
	    or return 'cannot copy the files';
	delete @ENV{qw(MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL BUILD TINED)};
	$ENV{SOURCE_DATE_EPOCH} = EPOCH;
	umask $umask;
	open my $make, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', 'make', '-s',
	    '-C', $folder, 'CFLAGS=-O0 -g', 'deb' or return "make: $!";
	my @said = <$make>;
	close $make or return 'make deb failed', @said;
	return 'built';
}

sub package_in ($folder, $name) {
	my ($deb) = glob "\"$folder\"/build/${name}_*.deb";
	return $deb // "$folder/no-package";
}

my @folders = ("$dir/one", "$dir/a longer name, with blanks");
my @wait = (background(sub { build($folders[0], oct '022') }),
	background(sub { build($folders[1], oct '077') }));

for my $i (0, 1) {
	my @said = $wait[$i]->();
	is($said[-1], 'built', "it is built in $folders[$i]") or diag("@said");
}

# What is in it that is not the same.
sub differences ($name) {
	for my $i (0, 1) {
		system 'dpkg-deb', '--raw-extract', package_in($folders[$i], $name),
		    "$dir/$i";
	}
	return `cd "$dir" && diff -r 0 1 2>&1; ls -lRn 0 >0.list;
		ls -lRn 1 >1.list; sed -i 's/^[01]//' [01].list; diff 0.list 1.list;
		rm -rf 0 1`;
}

sub check_package ($name) {
	my @packages = map { slurp(package_in($_, $name)) } @folders;

	ok(length $packages[0], 'there is a package');
	ok($packages[0] eq $packages[1], 'both are the same, byte for byte')
	    or diag(differences($name));
	my @list = split /\n/,
	    `dpkg-deb --contents "@{[package_in($folders[0], $name)]}"`;
	is_deeply([grep { !m{\A\S+ root/root } } @list], [],
		'all of it is root\'s');
	is_deeply([grep { !/ 2023-11-14 / } @list], [],
		'and of the time that was asked for');
	is_deeply([grep { /\A(?:d(?!rwxr-xr-x)|-(?!rw[x-]r-[x-]r-[x-]))/ } @list],
		[], 'whoever may read it');
	return map { (split)[5] } grep { /\A[^d]/ } @list;
}

subtest 'tined' => sub {
	my @files = check_package('tined');

	ok(!(grep { /wsgi/ } @files), 'has nothing of Python') or diag("@files");
};

subtest 'tined-wsgi' => sub {
	if (!-e "$folders[0]/build/modules/wsgi.so") {
		diag('NOT TESTED: no python3-dev here');
		plan(skip_all => 'no python3-dev here');
	}
	my @files = check_package('tined-wsgi');
	my $deb = package_in($folders[0], 'tined-wsgi');

	is_deeply([sort @files], [qw(./usr/lib/systemd/system/tined-wsgi@.service
		./usr/lib/tined/wsgi.so ./usr/share/doc/tined-wsgi
		./usr/share/man/man7/tined-wsgi.7.gz)], 'its files');
	my ($version) = `dpkg-deb -f "$deb" Version` =~ /(\S+)/;
	my $depends = `dpkg-deb -f "$deb" Depends`;
	like($depends, qr/\btined \(= \Q$version\E\)/, 'the same server');
	like($depends, qr/\blibpython3\.\d+ /, 'and its Python');
};

# In that folder all is built.
subtest 'quickstart --wsgi' => sub {
	my $log = "$dir/quickstart.log";
	my $port = Tined::free_port;

	plan(skip_all => 'no python3-dev here')
	    if !-e "$folders[0]/build/modules/wsgi.so";
	mkdir "$dir/co,de" or die $!;
	spew("$dir/co,de/hello.py", "def app(environ, start_response):\n"
		    . "    start_response('200 OK', [])\n    return [b'hello']\n"
		    . "def make():\n    return app\n");
	my $pid = fork // die "fork: $!";
	if ($pid == 0) {
		open STDOUT, '>', $log and open STDERR, '>&', \*STDOUT
		    and chdir "$dir/co,de" or POSIX::_exit(1);
		delete @ENV{qw(MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL BUILD)};
		$ENV{CFLAGS} = '-O0 -g';
		exec "$folders[0]/scripts/quickstart", '--wsgi',
		    'hello:make,factory=yes', '--', '-l', "127.0.0.1:$port",
		    '-w', 1 or POSIX::_exit(1);
	}
	my $client = bless { host => '127.0.0.1', port => $port }, 'Tined';
	my $body;
	ok(wait_for(sub {
		$body = eval { $client->get('/')->body };
		defined $body || waitpid($pid, POSIX::WNOHANG()) != 0;
	}), 'it serves');
	is($body, 'hello', 'the application that is made in the current folder')
	    or diag(slurp($log));
	kill 'TERM', $pid;
	waitpid $pid, 0;
	my $said = `"$folders[0]/scripts/quickstart" --nonsense 2>&1`;
	is($? >> 8, 64, 'what is no option');
	like($said, qr/\Ausage: /, 'and how it is used');
};

done_testing;
