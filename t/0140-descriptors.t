# Descriptors that the shell which starts the server has left open stay open in
# none of its processes.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tined qw(slurp spew wait_for);

my $dir = File::Temp->newdir;
my $left = spew("$dir/left-open", "a secret\n");
my $log = spew("$dir/access.log", q{});

# An open file and a folder, below the log that is passed on by a descriptor's
# name, and beyond it; the sockets that are passed in are 3 and so on.
my @shell = ('sh', '-c', 'exec 5<"$0" 6<"${0%/*}" 7>>"$1" 8>>"$0" 9<>"$0"; '
	. 'shift; exec "$@"', $left, $log);

# What each descriptor of a process is.
sub descriptors ($pid) {
	return map { readlink // () } glob "/proc/$pid/fd/*";
}

sub is_clean ($tined, $name) {
	for my $pid ($tined->pid, $tined->child_pids) {
		my @all = descriptors($pid);

		# The standard streams, and sockets.
		cmp_ok(scalar @all, '>', 4, "$name: descriptors of "
			. Tined::title($pid));
		is_deeply([grep { /left-open|\A\Q$dir\E\z/ } @all], [],
			'what was left open is closed');
	}
	return;
}

my $tined = Tined->start(files => { 'a.txt' => "a\n" }, under => \@shell,
	args => ['-w', 2, '-a', '/dev/fd/7', '--status-socket', "$dir/status"]);

$tined->all_workers(2);
is_clean($tined, 'at the start');
is($tined->get('/a.txt')->body, "a\n", 'a passed socket is served');
ok(wait_for(sub { slurp($log) =~ m{GET /a[.]txt } }),
	'a log is opened by the name of a descriptor');
my @killed = $tined->child_pids;
kill 'KILL', @killed;
ok(wait_for(sub {
	$tined->worker_pids == 2 && !grep { Tined::process_state($_) } @killed;
}), 'others take their places');
is_clean($tined, 'later');
$tined->ends_clean(qr/ was killed /);

done_testing;
