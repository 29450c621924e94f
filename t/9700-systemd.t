# The Debian package under a real systemd: installed, started, watched,
# activated by its sockets, taken away again.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Machine qw(client deb enter fetch journal load loses_nothing options
	output_of processes property serve_page succeeds);
use Test::More;
use Tined qw(need_tools slurp spew wait_for);

need_tools(qw(dpkg-deb dpkg-shlibdeps logrotate systemd-analyze));
enter(['systemd-machine'], \&Machine::build_deb);

use constant {
	PORT => 8080,
	BIG  => 64 << 20,
};

sub main_pid () { return property('MainPID') || die "no master runs\n" }

sub is_replaced ($old, @patience) {
	return wait_for(sub { property('MainPID') !~ /\A(?:0|$old)\z/ },
		@patience);
}

serve_page("hello\n");
my @before = Machine::files_of_tined;

subtest 'the package is installed' => sub {
	my $said = succeeds('dpkg -i', 'dpkg', '-i', deb);
	unlike($said, qr/warning|error/i, 'without complaints') or diag($said);
	is(property('ActiveState'), 'active', 'the service runs');
	is(property('UnitFileState'), 'enabled', 'and will after a boot');
	is(property('UnitFileState', 'tined.socket'), 'disabled',
		'its sockets wait until they are asked for');
	like(fetch(PORT), qr/README/, 'it shows its own documentation');
	like(fetch(PORT, '/README'), qr/preforking/, 'which can be read');
	is(succeeds('dpkg --verify', 'dpkg', '--verify', 'tined'), q{},
		'has nothing to say');
};

subtest 'what systemd says' => sub {
	my $said = succeeds('status', 'systemctl', 'status', '--no-pager',
		'tined');
	like($said, qr/^\s*Status: "[^"]*\b\d+ workers?\b/m,
		'has a line of tined\'s own');
	like($said, qr/\d "?tined: master/, 'and the title of the master');

	my (undef, $score) = output_of('systemd-analyze', 'security',
		'--no-pager', 'tined.service');
	my ($exposure) = $score =~ /exposure level for \S+: (\d+\.\d+)/;
	ok(defined $exposure, 'systemd-analyze security has a number')
		or diag($score);
	cmp_ok($exposure // 10, '<', 2.0, 'which is below 2');
	is(succeeds('systemd-analyze verify', 'systemd-analyze', 'verify',
		'--man=no', 'tined.service', 'tined.socket'), q{}, 'has nothing to say');
};

subtest 'what it may do' => sub {
	my $status = slurp('/proc/' . main_pid . '/status');

	options('-l :80 -w 2 -a /var/log/tined/access.log -l unix:/run/tined/s '
		. '--status-socket /run/tined/status /srv/www');
	succeeds('restart', 'systemctl', 'restart', 'tined');
	is(fetch(80), "hello\n", 'it serves on port 80');
	my $pid = main_pid;
	$status = slurp("/proc/$pid/status");
	is(getpwuid((stat "/proc/$pid")[4]), 'www-data', 'as www-data');
	like($status, qr/^CapBnd:\s+0*400$/m, 'with that capability only');
	like($status, qr/^NoNewPrivs:\s+1$/m, 'and no way to others');
	like($status, qr/^Seccomp:\s+2$/m, 'with a filter of system calls');
	my @more = grep { slurp("/proc/$_/status") !~ /^CapPrm:\s+0+$/m }
	    grep { $_ != $pid } processes;
	is_deeply(\@more, [], 'its workers and the lot have none left');
	ok(wait_for(sub {
		slurp('/var/log/tined/access.log') =~ m{"GET / HTTP/1\.1" 200 }
	}), 'it logs to /var/log/tined');
	is((stat '/var/log/tined/access.log')[2] & oct('7777'), oct('640'),
		'for its group only');
	succeeds('logrotate', 'logrotate', '-f', '/etc/logrotate.d/tined');
	ok(-s '/var/log/tined/access.log.1', 'which is rotated');
	ok(wait_for(sub { fetch(80); -s '/var/log/tined/access.log' }),
		'and goes on');
	is(eval { client(0)->request("GET / HTTP/1.0\r\n\r\n",
		sock => client(0)->connect(unix => '/run/tined/s'))->body },
		"hello\n", 'it serves on a socket in /run/tined');

	like(succeeds('tined --status', 'tined', '--status',
		'/run/tined/status'), qr/\bworker/i, 'tells how it goes');
	is(property('OOMPolicy'), 'continue',
		'one worker that is too large ends nothing else');

	# The folder's link and the way up: openat2 works under the filters.
	symlink '/etc/passwd', '/srv/www/out';
	is(eval { client(80)->get('/out')->status }, 403,
		'a link that leads out is refused');
};

subtest 'the journal' => sub {
	options('-l localhost:' . PORT . ' -w 2 /srv/www');
	succeeds('restart', 'systemctl', 'restart', 'tined');
	like(journal, qr{notice: serving /srv/www at }, 'has the error log');
	unlike(journal, qr/ (?:error|warning): /, 'and no complaint');

	succeeds('it is restarted', 'systemctl', 'restart', 'systemd-journald');
	succeeds('reload', 'systemctl', 'reload', 'tined');
	ok(wait_for(sub { journal =~ /notice: reloaded: / }),
		'and the lines go on');
};

subtest 'reload' => sub {
	my $old = main_pid;
	my %worker = map { $_ => 1 } processes;
	my $before = () = journal() =~ /notice: reloaded: /g;
	my $end = load(PORT, '/', "hello\n");

	for my $count (1 .. 3) {
		succeeds('reload', 'systemctl', 'reload', 'tined');
		ok(wait_for(sub {
			$before + $count
			    == (() = journal() =~ /notice: reloaded: /g)
		}), 'is done');
	}
	is(property('ActiveState'), 'active', 'systemd knows that it is over');
	is(main_pid, $old, 'the master is the same');
	is(scalar(grep { $worker{$_} && $_ != $old } processes), 1,
		'no worker is, but the lot');
	loses_nothing($end);
};

subtest 'a worker crashes' => sub {
	my ($worker) = grep { Tined::title($_) =~ /\Atined: worker/ }
	    processes;
	my $said;

	kill 'SEGV', $worker;
	# The master's line comes after all of the worker's.
	ok(wait_for(sub {
		$said = journal;
		$said =~ /\[$worker\] was killed by signal 11/;
	}), 'the journal says so');
	my @frames = $said =~ m{#\d+ ([^(\n]*)\(/usr/sbin/tined\+}g;
	cmp_ok(@frames, '>', 3, 'and where');
	ok((grep { /\Amain\+0x/ } @frames), 'by the names of functions')
	    or diag($said);
};

# A client that takes the second half of what it asked for when the service is
# no longer what it was; the function that this returns: the bytes it got.
sub download () {
	pipe my $ready, my $half or die "pipe: $!\n";
	my $wait = Tined::background(sub {
		my $sock = client(PORT)->connect;
		$sock->blocking(1);
		my $got = 0;
		my $take = sub ($until) {
			while ($got < $until) {
				my $n = sysread $sock, my $bytes, 1 << 16;
				return if !$n;
				$got += $n;
			}
			return;
		};
		syswrite $sock, "GET /big HTTP/1.0\r\n\r\n";
		$take->(BIG / 2);
		close $half;
		wait_for(sub { property('ActiveState') ne 'active' });
		$take->(2 * BIG);
		return $got;
	});
	close $half;
	sysread $ready, my $end, 1;
	return sub { return ($wait->())[0] };
}

# Under load, by a command: the master is another, systemd follows it, and no
# client has noticed.
sub upgrades ($name, @command) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $old = main_pid;
	my $end = load(PORT, '/', "hello\n");

	succeeds($name, @command);
	ok(is_replaced($old), 'systemd knows the new master');
	ok(wait_for(sub { !-e "/proc/$old" }), 'the old one is gone');
	is(property('ActiveState'), 'active', 'the service runs');
	is(property('NRestarts'), 0, 'and was not restarted');
	loses_nothing($end);
	my ($parent) = slurp('/proc/' . main_pid . '/stat') =~ /\) \S (\d+) /;
	is($parent, 1, 'the new one is systemd\'s own child');
	ok(journal !~ /not our child/, 'which has no doubt of that');
	return;
}

subtest 'upgrade' => sub {
	upgrades('the package is installed again', 'dpkg', '-i', deb);
	upgrades('USR2', qw(systemctl kill --kill-who=main --signal=USR2 tined));

	my $old = main_pid;
	rename '/usr/sbin/tined', '/usr/sbin/tined.good';
	symlink '/bin/false', '/usr/sbin/tined';
	succeeds('USR2', qw(systemctl kill --kill-who=main --signal=USR2 tined));
	ok(wait_for(sub { journal =~ / error: .*upgrade/ }),
		'a program that does not serve is refused');
	rename '/usr/sbin/tined.good', '/usr/sbin/tined';
	is(main_pid, $old, 'and the old one stays');
	is(fetch(PORT), "hello\n", 'and serves');
};

# What is under way ends in peace, after an upgrade of either kind.
subtest 'a stop after an upgrade' => sub {
	spew('/srv/www/big', q{});
	truncate '/srv/www/big', BIG;
	for my $upgrade (
		['dpkg', '-i', deb],
		[qw(systemctl kill --kill-who=main --signal=USR2 tined)],
	) {
		upgrades($upgrade->[0], @$upgrade);
		my $rest = download();
		succeeds('stop', 'systemctl', 'stop', 'tined');
		cmp_ok($rest->(), '>', BIG, 'a download is whole');
		is(property('Result'), 'success', 'the unit ends well');
		is(property('ExecMainStatus'), 0, 'with the status of its master');
		is_deeply([processes], [], 'no process is left');
		succeeds('start', 'systemctl', 'start', 'tined');
	}
};

subtest 'a mistake in the options' => sub {
	options('--no-such-option');
	isnt((output_of('systemctl', 'restart', 'tined'))[0], 0,
		'restart fails');
	is(property('ActiveState'), 'failed', 'and is not tried again');
	is(property('ExecMainStatus'), 64, 'with the status for mistakes');
	like(journal, qr/no-such-option/, 'the journal tells which');
	options('-l localhost:' . PORT . ' -w 2 /srv/www');
	succeeds('start', 'systemctl', 'start', 'tined');
	is(fetch(PORT), "hello\n", 'it serves again');
};

subtest 'the master is killed' => sub {
	my $old = main_pid;
	my @all = processes;

	kill 'KILL', $old;
	ok(is_replaced($old), 'there is another');
	ok(wait_for(sub { (fetch(PORT) // q{}) eq "hello\n" }),
		'which serves');
	my %now = map { $_ => 1 } processes;
	is_deeply([grep { $now{$_} } @all], [], 'nothing is left of the old');
	is(property('NRestarts'), 1, 'systemd counts it');
};

subtest 'the master stands still' => sub {
	is(property('WatchdogUSec'), '30s', 'the unit has a watchdog');
	mkdir '/run/systemd/system/tined.service.d';
	spew('/run/systemd/system/tined.service.d/test.conf',
		"[Service]\nWatchdogSec=3s\nTimeoutAbortSec=2s\n");
	succeeds('daemon-reload', 'systemctl', 'daemon-reload');
	succeeds('restart', 'systemctl', 'restart', 'tined');
	my $old = main_pid;

	ok(!is_replaced($old, 4),
		'a master that is well is left alone');
	kill 'STOP', $old;
	ok(is_replaced($old), 'one that stands still is replaced');
	ok(wait_for(sub { (fetch(PORT) // q{}) eq "hello\n" }),
		'by one that serves');
	like(journal, qr/Watchdog timeout/, 'the journal says why');
	unlink '/run/systemd/system/tined.service.d/test.conf';
	rmdir '/run/systemd/system/tined.service.d';
	succeeds('daemon-reload', 'systemctl', 'daemon-reload');
};

subtest 'stop' => sub {
	succeeds('stop', 'systemctl', 'stop', 'tined');
	is(property('Result'), 'success', 'all went well');
	is_deeply([processes], [], 'no process is left');
	is(fetch(PORT), undef, 'nobody listens');
};

subtest 'socket activation' => sub {
	succeeds('the sockets', 'systemctl', 'enable', '--now', 'tined.socket');
	is(property('ActiveState'), 'inactive', 'the service waits');
	is(fetch(PORT), "hello\n", 'the first client is served');
	is(property('ActiveState'), 'active', 'by the service');

	my $end = load(PORT, '/', "hello\n");
	my $old = main_pid;
	succeeds('restart', 'systemctl', 'restart', 'tined');
	isnt(main_pid, $old, 'begins a new one');
	loses_nothing($end);

	upgrades('an upgrade with them',
		qw(systemctl kill --kill-who=main --signal=USR2 tined));
	$end = load(PORT, '/', "hello\n");
	my $rest = download();
	succeeds('restart', 'systemctl', 'restart', 'tined');
	loses_nothing($end);
	cmp_ok($rest->(), '>', BIG, 'nor is a download cut off');
	is(property('Result'), 'success', 'all went well');
	succeeds('stop', 'systemctl', 'stop', 'tined.service');
	is(fetch(PORT), "hello\n", 'after a stop the next client starts it');
	succeeds('stop', 'systemctl', 'disable', '--now', 'tined.socket');
	succeeds('restart', 'systemctl', 'restart', 'tined');
	is(fetch(PORT), "hello\n", 'without them it listens by itself');
};

subtest 'the package is removed' => sub {
	my $said = succeeds('dpkg -r', 'dpkg', '-r', 'tined');
	unlike($said, qr/warning|error/i, 'without complaints') or diag($said);
	is_deeply([processes], [], 'nothing runs');
	ok(-e '/etc/default/tined', 'the administrator\'s options stay');
	ok(-e '/var/log/tined/access.log', 'and the logs');
	succeeds('dpkg -P', 'dpkg', '-P', 'tined');
	is_deeply([Machine::files_of_tined], \@before, 'after a purge nothing is left');
	is((output_of('systemctl', 'cat', 'tined'))[0], 1,
		'systemd knows it no more');
};

done_testing;
