# The same files make the same Debian package, in whatever folder, with
# whatever umask and at whatever time it is built.

use v5.36;

use Cwd            qw(abs_path);
use File::Basename qw(dirname);
use File::Temp     ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tined qw(background need_tools slurp);

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

sub package_in ($folder) {
	my ($deb) = glob "\"$folder\"/build/tined_*.deb";
	return $deb // "$folder/no-package";
}

my @folders = ("$dir/one", "$dir/a longer name, with blanks");
my @wait = (background(sub { build($folders[0], oct '022') }),
	background(sub { build($folders[1], oct '077') }));

for my $i (0, 1) {
	my @said = $wait[$i]->();
	is($said[-1], 'built', "it is built in $folders[$i]") or diag("@said");
}
my @packages = map { slurp(package_in($_)) } @folders;
ok(length $packages[0], 'there is a package');
my $same = $packages[0] eq $packages[1];
ok($same, 'both are the same, byte for byte');

# What is in it that is not the same.
if (!$same) {
	for my $i (0, 1) {
		system 'dpkg-deb', '--raw-extract', package_in($folders[$i]),
		    "$dir/$i";
	}
	my $said = `cd "$dir" && diff -r 0 1 2>&1; ls -lRn 0 >0.list;
		ls -lRn 1 >1.list; sed -i 's/^[01]//' [01].list; diff 0.list 1.list`;
	diag($said);
}

my $list = `dpkg-deb --contents "@{[package_in($folders[0])]}"`;
is_deeply([grep { !m{\A\S+ root/root } } split /\n/, $list], [],
	'all of it is root\'s');
is_deeply([grep { !/ 2023-11-14 / } split /\n/, $list], [],
	'and of the time that was asked for');
is_deeply([grep { /\A(?:d(?!rwxr-xr-x)|-(?!rw[x-]r-[x-]r-[x-]))/ }
	split /\n/, $list], [], 'whoever may read it');

done_testing;
