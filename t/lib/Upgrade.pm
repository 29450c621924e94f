# A server that is upgraded: what the tests of that share.

package Upgrade;

use v5.36;

use Exporter   qw(import);
use File::Temp ();
use Lot        qw(keep_busy);
use POSIX      ();
use Test::More;
use Tined      qw(slurp wait_for);

our @EXPORT_OK = qw($big $classic $dir $pidfile all_is_over alive both_end
	ends_clean says start start_divided successor);

our $classic = ($ENV{TINED_ARGS} // q{}) =~ /no-lot/;
# More than a socket has room for.
our $big = 'x' x (8 << 20);
my %files = ('a.txt' => "a\n", 'big' => $big);

our $dir = File::Temp->newdir;
our $pidfile = "$dir/pid";

# A zombie is not: whoever inherits a daemon takes its time to reap it.
sub alive ($pid) { return slurp("/proc/$pid/stat") =~ /\) [^ZX] / }

# No limit of the server's own ends what a test holds up.
sub start (@args) {
	return Tined->start(files => \%files,
		args => ['-p', $pidfile, '-w', 4, '--start-timeout', '1h',
			'--stop-timeout', '1h', @args]);
}

# The process that has the pid file, which is another one than before.
sub successor ($tined) {
	my $pid;

	wait_for(sub {
		$pid = (slurp($pidfile) || 0) + 0;
		$pid != $tined->pid && $tined->error_log
		    =~ /master\[$pid\] notice: serving/;
	}) or return;
	return $pid;
}

# It may be no child of ours.
sub ends_clean ($tined, @allowed) {
	my $pid = $tined->pid;

	$tined->child_pids;
	kill 'TERM', $pid;
	ok(wait_for(sub { waitpid($pid, POSIX::WNOHANG()); !alive($pid) }),
		'it stops') or kill 'KILL', $pid;
	$tined->{status} = 0;
	ok(!-e $pidfile, 'the pid file is removed');
	$tined->leaves_nothing;
	return $tined->log_is_clean(@allowed);
}

# The old one, with a request that it has not finished and the worker that has
# it, and the new one.
sub start_divided (@args) {
	my $tined = start('-m', '/reflect=echo:body', '--body-timeout', '1h',
		@args);
	my $old = $tined->pid;
	my $busy = keep_busy($tined);

	$tined->child_pids;
	$tined->signal('USR2');
	my $new = successor($tined) // die 'no successor';
	$tined->child_pids($new);
	$tined->notified('READY');
	$tined->all_workers(1);
	return ($tined, $busy, $old, $new);
}

# Children of ours, or of one who is.
sub both_end ($seconds, $old, $new) {
	return wait_for(sub {
		waitpid($old, POSIX::WNOHANG());
		!alive($old) && !alive($new);
	}, $seconds);
}

sub says ($tined, $pid, $words) {
	return wait_for(sub {
		$tined->error_log =~ /master\[$pid\] \w+: $words/;
	});
}

sub all_is_over ($tined, @allowed) {
	$tined->{status} = 0;
	$tined->leaves_nothing;
	return $tined->log_is_clean(@allowed);
}

1;
