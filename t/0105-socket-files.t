# The paths of Unix sockets have the right mode and owner from the beginning: no
# name is followed to change them, as by then it may be another file's.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tined qw(need_tools slurp);

need_tools(qw(strace));
plan skip_all => 'LeakSanitizer is a tracer, too' if Tined->is_sanitized;

use constant USER => 64_123;

# No umask has a say.
my @shell = ('sh', '-c', 'umask 077; exec "$@"', 'sh');
my @user  = $> == 0 ? ('--user', USER, '--group', USER) : ();

sub mode ($path) { return sprintf '%04o', (stat $path)[2] & oct '7777' }

my $dir = File::Temp->newdir;
my $trace = "$dir/trace";
chmod oct '0755', $dir;

my $tined = Tined->start(files => { 'a.txt' => "a\n" }, listen => 'none',
	under => [@shell, 'strace', '-D', '-f', '-o', $trace,
		'-e', 'trace=chmod,fchmodat,chown,lchown,fchownat'],
	args => ['-w', 1, '-l', "unix:$dir/socket",
		'--status-socket', "$dir/status", @user]);

is(mode("$dir/socket"), '0666', 'all may connect');
is(mode("$dir/status"), '0660', 'its users may ask for the status');
is((stat "$dir/status")[4], @user ? USER : $>, 'whose it is');
is($tined->get('/a.txt', unix => "$dir/socket")->body, "a\n", 'it serves');
my @changes = grep { /\b\w*ch(?:own|mod)\w*\(/ && !/AT_EMPTY_PATH/ }
    split /\n/, slurp($trace);
is_deeply(\@changes, [], 'nothing is changed by its name');
$tined->ends_clean;

done_testing;
