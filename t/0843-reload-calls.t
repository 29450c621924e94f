# A reload opens its files in another process, which a file system may hold up.  The
# master opens none: of all file systems it asks only those that are in memory.

use v5.36;

use Cgi qw(programs);
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Trace qw(trace);
use Tined qw(need_tools slurp);

need_tools('strace');

my $programs = programs(hello => "head; say 'hello';");
my @user = $> == 0 && ($ENV{TINED_ARGS} // q{}) !~ /--user/
    ? ('--user', 'nobody', '--chroot', q{/}) : ();
my $tined = Tined->start(
	files => { 'index.html' => "index\n", '404.html' => "none\n" },
	args => ['-w', 2, @user, '--fallback', 'index.html',
		'-m', "/c=cgi:$programs,exec=/usr/bin/env,network=yes",
		'-m', "/p=cgi:$programs/hello,read=/etc,write=$programs",
		'-m', "/f=fcgi:unix:/nonexistent/socket,root=$programs",
		'-m', '/x=proxy:http://localhost:1',
		'-m', '/s=status:', '-m', '/e=echo:10']);
my $master = $tined->pid;
my $root = $tined->{root};

$tined->all_workers(2);

my $calls = trace('%file', sub {
	$tined->reload_works;
}, $master) // do {
	$tined->ends_clean;
	done_testing;
	exit;
};
my (@own, @of_others);

for my $line (split /\n/, $calls) {
	my ($pid, $path) = $line =~ /\A(\d+) .*?"([^"]*)"/ or next;

	push @{ $pid == $master ? \@own : \@of_others }, $path;
}
is_deeply([grep { !m{\A(?:/dev/null\z|/proc/|/sys/fs/cgroup/)} } @own], [],
	'the master opens no file');
for my $path ($root, "$programs", '/etc/mime.types') {
	ok(scalar(grep { $_ eq $path } @of_others), "another process opens $path");
}

is($tined->get('/c/hello')->body, "hello\n", 'programs run after that');
is($tined->get('/p')->body, "hello\n", 'and the one program');
is($tined->get('/none')->body, "index\n", 'and the fallback is served');
is($tined->get('/index.html')->field('Content-Type'),
	'text/html; charset=utf-8', 'with its media type');
if (@user) {
	my ($worker) = $tined->worker_pids;
	my ($uid, $gid) = (getpwnam 'nobody')[2, 3];
	my $status = slurp("/proc/$worker/status");

	like($status, qr/^Uid:\t$uid\t$uid\t/m, 'workers have their user');
	like($status, qr/^Gid:\t$gid\t$gid\t/m, 'and group');
}

$tined->ends_clean(qr/cannot reload: .* has not (?:responded|begun) /);
done_testing;
