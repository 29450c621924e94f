# In the background, with a pid file: the ways of an init script.

use v5.36;

use File::Temp ();
use FindBin;
use IO::Socket::IP ();
use lib "$FindBin::Bin/lib";
use Test::More;
use Tined qw(free_port slurp spew wait_for);

my $dir = File::Temp->newdir;
my $pidfile = "$dir/pid";
my %started;

mkdir "$dir/www" or die $!;
spew("$dir/www/a.txt", "a\n");

END {
	kill 'KILL', keys %started if %started;
}

# A zombie is not: whoever inherits a daemon takes its time to reap it.
sub alive ($pid) { return slurp("/proc/$pid/stat") =~ /\) [^ZX] / }

sub daemon ($port, @more) {
	my $run = Tined->run(args => ['-d', '-p', $pidfile, '-w', 2,
		'-e', "$dir/error.log", '-l', "127.0.0.1:$port", @more],
		cwd => "$dir", daemon => 1);
	my $pid = slurp($pidfile) =~ s/\s+\z//r;

	$started{$pid} = 1 if $run->{status} == 0 && $pid;
	return ($run, $pid);
}

# What of it can be asked without having forked it.
sub client ($port) {
	return bless { host => '127.0.0.1', port => $port }, 'Tined';
}

sub stop ($pid) {
	kill 'TERM', $pid;
	delete $started{$pid};
	return wait_for(sub { !alive($pid) });
}

subtest 'a daemon' => sub {
	my $port = free_port;
	my ($run, $pid) = daemon($port, '-a', "$dir/access.log", 'www');

	is($run->{status}, 0, 'the command returns with 0');
	is($run->{out} . $run->{err}, q{}, 'and says nothing');
	like($pid, qr/\A\d+\z/, 'the pid file has a number');
	is(client($port)->get('/a.txt')->{body}, "a\n",
		'it serves when the command returns');
	is(Tined::title($pid), 'tined: master [2 workers]',
		'the pid is the master\'s');
	my ($ppid, $pgrp, $session) =
	    slurp("/proc/$pid/stat") =~ /\) \S (\d+) (\d+) (\d+)/;
	isnt($ppid, $$, 'it is nobody\'s child here');
	isnt($session, getpgrp, 'it has left the session');
	# Who started it must not wait for a pipe that only they still hold.
	for my $each ($pid, client($port)->child_pids($pid)) {
		my $title = Tined::title($each);
		ok(wait_for(sub { (readlink("/proc/$each/cwd") // q{}) eq q{/} }),
			"$title holds no folder");
		is_deeply([map { readlink "/proc/$each/fd/$_" } 0 .. 2],
			[('/dev/null') x 3], 'nor what it was started with');
	}
	like(slurp("$dir/error.log"), qr/notice: serving /,
		'its error log is a file');
	ok(wait_for(sub {
		slurp("$dir/access.log") =~ m{"GET /a\.txt HTTP/1\.1" 200 2 };
	}), 'so is its access log');

	my $log = slurp("$dir/error.log");
	my ($second) = daemon(free_port, 'www');
	is($second->{status}, 1, 'a second one is refused');
	like($second->{err}, qr{\A[^\n]*\Q$pidfile\E[^\n]*\b$pid\b[^\n]*\n\z
		|\A[^\n]*\b$pid\b[^\n]*\Q$pidfile\E[^\n]*\n\z}x,
		'in one line, with the pid file and the pid');
	is(slurp($pidfile) =~ s/\s+\z//r, $pid, 'the pid file is as it was');
	is(client($port)->get('/a.txt')->{body}, "a\n", 'the first goes on');

	ok(stop($pid), 'TERM stops it');
	ok(!-e $pidfile, 'the pid file is removed');
	ok(!IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $port),
		'nobody listens any more');
	unlike(slurp("$dir/error.log"), qr/ (?:error|warning): /,
		'its error log is clean');
};

subtest 'a stale pid file is replaced' => sub {
	my $port = free_port;
	my ($run, $pid) = daemon($port, 'www');

	my @workers = client($port)->child_pids($pid);
	kill 'KILL', $pid;
	ok(wait_for(sub { !grep { alive($_) } $pid, @workers }),
		'the daemon is killed');
	delete $started{$pid};
	ok(-e $pidfile, 'its pid file is left');
	($run, my $next) = daemon($port, 'www');
	is($run->{status}, 0, 'another starts');
	isnt($next, $pid, 'with its own pid');
	is(client($port)->get('/a.txt')->{body}, "a\n", 'it serves');
	ok(stop($next), 'it stops');

	spew($pidfile, "$$\n");
	($run, $next) = daemon($port, 'www');
	is($run->{status}, 0,
		'a pid that is another program\'s does not keep it out');
	ok(stop($next), 'it stops');
};

subtest 'no log at all' => sub {
	my $port = free_port;
	my ($run, $pid) = daemon($port, 'www');

	is(client($port)->get('/a.txt')->{body}, "a\n", 'it serves');
	ok(stop($pid), 'it stops');
};

subtest 'a daemon that cannot start' => sub {
	my $other = IO::Socket::IP->new(LocalHost => '127.0.0.1',
		Listen => 1);
	my ($run) = daemon($other->sockport, 'www');

	is($run->{status}, 1, 'a port in use: status 1');
	like($run->{err}, qr/\A[^\n]*in use[^\n]*\n\z/i,
		'said to who started it');
	ok(!-e $pidfile, 'no pid file is left');

	($run) = daemon(free_port, 'nonesuch');
	is($run->{status}, 1, 'no folder: status 1');
	like($run->{err}, qr/\A[^\n]*nonesuch[^\n]*\n\z/,
		'said to who started it');
	ok(!-e $pidfile, 'no pid file is left');

	($run) = daemon(free_port, '-w', 'x', 'www');
	is($run->{status}, 64, 'a mistake: status 64');
};

# Started by systemd with Type=notify, which waits for this very process.
subtest 'systemd waits for the process' => sub {
	my $tined = Tined->start(files => { 'a.txt' => "a\n" },
		under => ['/bin/sh', '-c', 'SYSTEMD_EXEC_PID=$$ exec "$@"', 'sh'],
		args  => ['-d', '-w', 2]);

	is(Tined::title($tined->pid), 'tined: master [2 workers]',
		'it stays in the foreground');
	is($tined->get('/a.txt')->{body}, "a\n", 'it serves');
	like(($tined->error_log)[0], qr/--daemon is ignored: .*Type=notify/,
		'it says that it does');
	ok(wait_for(sub { $tined->access_log =~ /GET/ }),
		'and logs as in the foreground');
	$tined->ends_clean(qr/--daemon is ignored/);
};

subtest 'a pid file in the foreground' => sub {
	my $tined = Tined->start(args => ['-p', $pidfile, "$dir/www"]);

	is(slurp($pidfile) =~ s/\s+\z//r, $tined->pid, 'it has the pid');
	is((stat $pidfile)[2] & oct('022'), 0, 'only the owner may write it');
	is(Tined->run(args => ['-p', $pidfile, '-l', '127.0.0.1:' . free_port])
		->{status}, 1, 'a second instance is refused');
	$tined->ends_clean;
	ok(!-e $pidfile, 'it is removed');
};

done_testing;
