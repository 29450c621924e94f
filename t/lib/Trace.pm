# What processes ask of the kernel, as strace tells it: counts and orders of
# system calls are the same on a machine that is busy.

package Trace;

use v5.36;

use Exporter   qw(import);
use File::Temp ();
use POSIX      ();
use Test::More ();
use Tined      qw(slurp wait_for);

our @EXPORT_OK = qw(replaced_at_once trace);

# Seconds: a few times CHILD_THROTTLE_FIRST_MS of src/child.h, as the master may
# be woken for something else, and wait again.
use constant PAUSE => 0.1;

# The calls of these kinds (strace -e trace=, or a list of what -e takes) that the
# processes make while the code runs, as lines; undef where nothing can be traced,
# which is told.
sub trace ($kinds, $code, @pids) {
	my @kinds = map { ('-e', $_) } ref $kinds ? @$kinds : "trace=$kinds";
	my $dir = File::Temp->newdir;
	my $pid = fork // die "fork: $!\n";

	if ($pid == 0) {
		open STDERR, '>', "$dir/err" or POSIX::_exit(127);
		no warnings 'exec';
		exec 'strace', '-f', '-yy', '-o', "$dir/trace", @kinds,
		    map({ ('-p', $_) } @pids)
		    or POSIX::_exit(127);
	}
	my $gone;
	wait_for(sub {
		$gone = waitpid($pid, POSIX::WNOHANG()) == $pid;
		$gone || @pids == (() = slurp("$dir/err") =~ / attached/g);
	});
	if ($gone) {
		Test::More::diag('NOT TESTED: nothing can be traced here: '
			. slurp("$dir/err"));
		return;
	}
	$code->();
	kill 'INT', $pid;
	waitpid $pid, 0;
	return slurp("$dir/trace");
}

# The seconds that calls of ppoll ask to wait at most.
sub waits ($calls) {
	my $sum = 0;

	while ($calls =~ /\bppoll\(.*?(?:\{tv_sec=(\d+),\ tv_nsec=(\d+)\}
		|NULL),\ \[/gx) {
		$sum += defined $1 ? $1 + $2 / 1e9 : 'inf';
	}
	return $sum;
}

# Kills a child of the server, and tests that the master, once it has reaped it,
# asks for no longer wait than the first of those that have not served yet
# costs, before it starts another.  is_there: whether there is one.
sub replaced_at_once ($tined, $pid, $is_there) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $calls = trace('wait4,waitid,clone,clone3,fork,vfork,ppoll', sub {
		kill 'KILL', $pid;
		wait_for($is_there);
	}, $tined->pid) // return;
	my ($between) = $calls =~ /\bwait(?:4|id)\([^\n]*\b$pid\b[^\n]*\n
		(.*?)\b(?:clone3?|v?fork)\(/sx;

	return Test::More::ok(defined $between && waits($between) <= PAUSE,
		'as soon as its end is known') || Test::More::diag($calls);
}

1;
