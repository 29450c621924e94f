# What processes that serve may still do: --user, --group, --chroot, and what
# the kernel keeps them from.

use v5.36;

use File::Temp ();
use FindBin;
use IO::Socket::IP ();
use lib "$FindBin::Bin/lib";
use Test::More;
use Tined qw(slurp spew wait_for);

plan skip_all => 'the user is chosen already'
    if ($ENV{TINED_ARGS} // q{}) =~ /--user/;

my $root  = $> == 0;
my $dir   = File::Temp->newdir;
my %files = ('a.txt' => "a\n", 'private.txt' => "secret\n");

chmod oct '0755', "$dir";

my $has_landlock = Tined->run(args => ['-t'])->{out} =~ /^Landlock \(version/m;
my $has_seccomp  = Tined->run(args => ['-t'])->{out} =~ /^seccomp keeps/m;

# A field of /proc/PID/status, blanks made single.
sub status ($pid, $name) {
	my ($value) = slurp("/proc/$pid/status") =~ /^$name:\s*(.*?)\s*$/m;
	return ($value // q{}) =~ s/\s+/ /gr;
}

sub one_line ($run, $status, $pattern, $name) {
	is($run->{status}, $status, "$name: status $status");
	like($run->{err}, qr/\A[^\n]*$pattern[^\n]*\n\z/, "$name: one line");
	return;
}

# Those who meet clients, workers and the lot, when all of them have given up
# what they do not need; a server is ready before that.
sub serving ($tined, $workers) {
	my $count = $workers + (($ENV{TINED_ARGS} // q{}) =~ /--no-lot/ ? 0 : 1);
	my @pids;

	ok(wait_for(sub {
		@pids = $tined->child_pids;
		return @pids == $count && !grep { !is_bound($_) } @pids;
	}), "$count processes serve");
	return @pids;
}

sub is_bound ($pid) {
	return status($pid, 'NoNewPrivs') eq '1'
	    && (!$has_seccomp || status($pid, 'Seccomp') eq '2');
}

sub without_capabilities ($pid) {
	my $who = Tined::title($pid);

	is(status($pid, $_), '0' x 16, "$who: $_ is empty")
	    for qw(CapPrm CapEff CapInh CapBnd CapAmb);
	is(status($pid, 'NoNewPrivs'), 1, "$who: and there are no new ones");
	return;
}

sub said ($tined, $pattern) {
	return scalar grep { /$pattern/ } $tined->error_log;
}

diag('NOT TESTED: Landlock, which this kernel or program has not')
    unless $has_landlock;
diag('NOT TESTED: seccomp, which this kernel or program has not')
    unless $has_seccomp;

subtest 'mistakes' => sub {
	one_line(Tined->run(args => ['-t', '-g', 'nogroup']), 64,
		qr/--group nogroup: .*--user/, '--group alone');
	one_line(Tined->run(args => ['-t', '--chroot', "$dir"]), 64,
		qr/--chroot \Q$dir\E: .*--user/, '--chroot alone');
	one_line(Tined->run(args => ['-t', '-u', q{}]), 64,
		qr/--user : expected/, 'no name');
	one_line(Tined->run(args => ['-t', '-u', 'nonesuch']), 1,
		qr/--user nonesuch: /, 'no such user');
	one_line(Tined->run(args => ['-t', '-u', '54321']), 1,
		qr/--user 54321: .*--group/, 'a number that nobody has');
	one_line(Tined->run(args => ['-t', '-u', 'nobody', '-g', 'nonesuch']),
		1, qr/--group nonesuch: /, 'no such group');

	return unless $root;
	mkdir "$dir/closed", oct '0700';
	one_line(Tined->run(root => "$dir/closed", args => ['-u', 'nobody']),
		1, qr{--user nobody: .* served at /: Permission denied},
		'a folder that is closed to the user');
	rmdir "$dir/closed";
};

subtest 'without being root' => sub {
	plan skip_all => 'needs root, to begin with' unless $root;
	my $nobody = getpwnam 'nobody';
	my @drop = ('setpriv', "--reuid=$nobody", '--clear-groups',
		'--bounding-set=-all', '--regid=' . getgrnam('nogroup'));
	my $as_nobody = sub (@args) {
		my $said = qx{@drop @{[Tined->binary]} -t @args / 2>&1};
		return { status => $? >> 8, err => $said };
	};

	plan skip_all => 'nobody may not run it here'
	    if $as_nobody->()->{status} != 0;
	one_line($as_nobody->('-u', 'www-data'), 1,
		qr/--user: needs root/, 'another user');
	one_line($as_nobody->('-u', 'nobody', '--chroot', '/tmp'), 1,
		qr/--chroot: needs root/, 'another root folder');
	is($as_nobody->('-u', 'nobody')->{status}, 0,
		'oneself is nobody else');
};

subtest '-t says it all' => sub {
	my @user = $root ? ('-u', 'nobody') : ();
	my $out  = Tined->run(args => ['-t', @user])->{out};

	like($out, qr/^workers run as nobody \(\d+\), group nogroup \(\d+\)/m,
		'the user') if $root;
	like($out, qr/^Landlock|^no sandbox: this program has a sanitizer/m,
		'Landlock');
	like($out, qr/^seccomp|^no sandbox: this program has a sanitizer/m,
		'seccomp');
	like(Tined->run(args => ['-t', '--no-sandbox'])->{out},
		qr/^no sandbox: /m, '--no-sandbox');
};

subtest 'the log says it' => sub {
	my $tined = Tined->start(args => ['-v', '-w', 1], files => \%files);

	ok(wait_for(sub { said($tined, qr/info: workers run as /) }),
		'once, at info');
	ok(wait_for(sub { said($tined, qr/notice: workers run as root/) }),
		'and louder that root serves') if $root;
	$tined->ends_clean;

	$tined = Tined->start(args => ['--no-sandbox'], files => \%files);
	if (wait_for(sub { said($tined, qr/warning: --no-sandbox: /) }, 1)) {
		pass('--no-sandbox is said loudly');
	} else {
		ok(!$has_seccomp, 'a sanitizer has no sandbox to leave out');
	}
	$tined->ends_clean(qr/--no-sandbox/);
};

subtest '--user' => sub {
	plan skip_all => 'needs root' unless $root;
	my $tined = Tined->start(args => ['-u', 'nobody', '-w', 2],
		files => \%files);
	my ($uid, $gid) = (getpwnam 'nobody')[2, 3];

	for my $pid (serving($tined, 2)) {
		is(status($pid, 'Uid'), "$uid $uid $uid $uid", 'the user');
		is(status($pid, 'Gid'), "$gid $gid $gid $gid", 'its group');
		is(status($pid, 'Groups'), $gid, 'no other group');
		without_capabilities($pid);
		is(status($pid, 'Seccomp'), 2, 'seccomp') if $has_seccomp;
	}
	is(status($tined->pid, 'Uid'), '0 0 0 0', 'the master stays root');
	ok(!said($tined, qr/run as root/), 'nobody warns of it');

	is($tined->get('/a.txt')->body, "a\n", 'it serves');
	chmod oct '0600', $tined->root . '/private.txt';
	is($tined->get('/private.txt')->status, 403,
		'a file of root is root\'s');
	$tined->ends_clean;
};

# Workers and the lot get the new ones, which they could not open.
subtest '--user, and logs are reopened' => sub {
	plan skip_all => 'needs root' unless $root;
	my @logs = map { "$dir/$_.log" } qw(reopened-access reopened-error);
	my $tined = Tined->start(files => \%files, args => ['-u', 'nobody',
		'-w', 2, '-a', $logs[0], '-e', $logs[1]]);
	my @serving = serving($tined, 2);

	rename $_, "$_.1" or die $! for @logs;
	$tined->signal('USR1');
	for my $pid (@serving) {
		my $title = Tined::title($pid);
		ok(wait_for(sub {
			my %open = map { (readlink($_) // q{} => 1) }
			    glob "/proc/$pid/fd/*";
			$open{$logs[0]} && $open{$logs[1]}
			    && !$open{"$logs[0].1"} && !$open{"$logs[1].1"};
		}), "$title has the new ones, and only those");
	}
	$tined->get('/a.txt');
	ok(wait_for(sub { slurp($logs[0]) =~ m{GET /a\.txt} }),
		'requests are logged there');
	$tined->ends_clean;
	unlike(slurp($_), qr/ (?:error|warning): /, 'a clean log')
	    for $logs[1], "$logs[1].1";
};

subtest '--group, and all groups of the user' => sub {
	plan skip_all => 'needs root' unless $root;
	my $tined = Tined->start(files => \%files,
		args => ['-u', 'daemon', '-g', 'nogroup', '-w', 1]);
	my $group = getgrnam 'nogroup';

	for my $pid (serving($tined, 1)) {
		is(status($pid, 'Gid'), "$group $group $group $group",
			'the group that was asked for');
	}
	$tined->ends_clean;

	# As initgroups(3) has them, here by id(1).
	my ($user) = grep { split(q{ }, qx(id -G $_)) > 1 }
	    map { (split /:/)[0] } split /\n/, slurp('/etc/passwd');
	plan skip_all => 'no user here has two groups' unless $user;
	$tined = Tined->start(args => ['-u', $user, '-w', 1], files => \%files);
	my @wanted = sort { $a <=> $b } split q{ }, qx(id -G $user);
	for my $pid (serving($tined, 1)) {
		is(status($pid, 'Groups'), "@wanted", "all groups of $user");
	}
	$tined->ends_clean;
};

subtest 'numbers that no table has' => sub {
	plan skip_all => 'needs root' unless $root;
	my $tined = Tined->start(args => ['-u', 54321, '-g', 54322, '-w', 1],
		files => \%files);

	for my $pid (serving($tined, 1)) {
		is(status($pid, 'Uid'), '54321 54321 54321 54321', 'user');
		is(status($pid, 'Gid'), '54322 54322 54322 54322', 'group');
		is(status($pid, 'Groups'), 54322, 'groups');
	}
	is($tined->get('/a.txt')->body, "a\n", 'it serves');
	$tined->ends_clean;
};

subtest 'root that stays root' => sub {
	plan skip_all => 'needs root' unless $root;
	plan skip_all => 'no sandbox' unless $has_seccomp;
	my $tined = Tined->start(args => ['-w', 1, '-u', 'root'],
		files => \%files);
	my $reads = sprintf '%016x', 1 << 2;    # CAP_DAC_READ_SEARCH

	for my $pid (serving($tined, 1)) {
		is(status($pid, 'CapEff'), $reads, 'may read files');
		is(status($pid, 'CapBnd'), $reads, 'and never more');
	}
	chown 1, 1, $tined->root . '/private.txt';
	chmod oct '0600', $tined->root . '/private.txt';
	is($tined->get('/private.txt')->body, "secret\n",
		'a file that is another\'s');
	ok(!said($tined, qr/run as root/), 'nobody warns of what was meant');
	$tined->ends_clean;
};

subtest 'a low port, and a log, of root' => sub {
	plan skip_all => 'needs root' unless $root;
	my ($port) = grep {
		IO::Socket::IP->new(LocalHost => '127.0.0.1',
			LocalPort => $_, Listen => 1)
	} 600 .. 1023;
	my $log = "$dir/access.log";

	plan skip_all => 'no low port is free' unless $port;
	my $tined = Tined->start(listen => 'none', port => $port,
		args => ['-u', 'nobody', '-l', "127.0.0.1:$port", '-a', $log,
			'-p', "$dir/pid"], files => \%files);

	is($tined->get('/a.txt')->body, "a\n", "it serves at port $port");
	ok(wait_for(sub { slurp($log) =~ m{GET /a\.txt} }),
		'it logs where nobody might');
	is((stat $log)[4], 0, 'the log is of root');
	is(slurp("$dir/pid") + 0, $tined->pid, 'the pid file too');
	$tined->ends_clean;
	ok(!-e "$dir/pid", 'which is removed');
};

# The kernel forgets PR_SET_PDEATHSIG when a process changes its user.
subtest 'the master is killed' => sub {
	my @user = $root ? ('-u', 'nobody') : ();
	my $tined = Tined->start(args => [@user, '-w', 3], files => \%files);
	my @pids  = serving($tined, 3);

	$tined->signal('KILL');
	ok(wait_for(sub { !$tined->living_pids }),
		'all who serve go with it') or diag("@pids");
	$tined->wait_exit;
	$tined->leaves_nothing;
	$tined->log_is_clean;
};

subtest '--chroot' => sub {
	plan skip_all => 'needs root' unless $root;
	my $jail = "$dir/jail";

	mkdir $_ for $jail, "$jail/www", "$jail/www/sub", "$dir/www";
	spew("$jail/www/a.txt", "in jail\n");
	spew("$dir/outside.txt", "outside\n");
	symlink '../../outside.txt', "$jail/www/up";
	symlink '/www/a.txt', "$jail/www/absolute";
	# LeakSanitizer would look for /proc there.
	my $tined = Tined->start(root => "$jail/www", args => ['-u', 'nobody',
		'--chroot', $jail, '-w', 1, '--follow-symlinks'],
		env => { ASAN_OPTIONS => 'detect_leaks=0' });

	for my $pid (serving($tined, 1)) {
		is(readlink "/proc/$pid/root", $jail, 'the root folder');
		is(readlink "/proc/$pid/cwd", $jail, 'and the current one');
	}
	is($tined->get('/a.txt')->body, "in jail\n", 'it serves');
	is($tined->get('/absolute')->body, "in jail\n", 'links start there');
	is($tined->get('/up')->status, 404, 'none leads out');
	$tined->ends_clean;

	one_line(Tined->run(root => "$dir/www", args => ['-t', '-u', 'nobody',
		'--chroot', $jail]), 1, qr/--chroot \Q$jail\E: .*outside/,
		'a folder outside');
	one_line(Tined->run(root => $jail, args => ['-t', '-u', 'nobody',
		'--chroot', "$jail/www"]), 1, qr/--chroot .*outside/,
		'a folder above');
	is(Tined->run(root => $jail, args => ['-t', '-u', 'nobody', '--chroot',
		$jail])->{status}, 0, 'the folder itself is inside');
	one_line(Tined->run(args => ['-t', '-u', 'nobody', '--chroot',
		"$dir/none"]), 1, qr/--chroot \Q$dir\E\/none: No such/,
		'no such folder');
};

done_testing;
