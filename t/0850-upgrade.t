# USR2: another program takes the place of the running one, and no client
# notices; one that cannot changes nothing.

use v5.36;

use File::Copy qw(copy);
use FindBin;
use lib "$FindBin::Bin/lib";
use Load;
use Lot qw(cpu_ticks lot_pid park);
use Slow qw(hurry);
use Test::More;
use Time::HiRes qw(sleep time);
use Tined qw(SOONER free_port slow slurp spew wait_for);
use Upgrade qw($big $classic $dir $pidfile alive ends_clean start successor);

my $slow = $ENV{TINED_SLOW};
my $original = Tined->binary;
my $program = $ENV{TINED} = "$dir/tined";

sub install ($source) {
	copy($source, "$program.new") or die "copy: $!";
	chmod oct('755'), "$program.new";
	rename "$program.new", $program or die $!;
	return;
}

sub install_script ($text) {
	return install(spew("$dir/script", "#!/bin/sh\n$text\n"));
}

install($original);

# Until the old one has ended; the server is the new one from then on.
sub upgrade ($tined) {
	my $old = $tined->pid;

	$tined->child_pids;
	$tined->notified('READY');
	$tined->signal('USR2');
	my $new = successor($tined) // return;
	wait_for(sub { waitpid($old, POSIX::WNOHANG()); !alive($old) })
	    or return;
	$tined->{pid} = $new;
	$tined->child_pids;
	return $new;
}

sub sockets ($pid) {
	return scalar grep { (readlink // q{}) =~ /\Asocket:/ }
	    glob "/proc/$pid/fd/*";
}

sub failures ($tined) {
	return () = $tined->error_log =~ /error: the upgrade has failed/g;
}

# Between the first lines of masters that begin so, even at midnight.
sub seconds_between ($tined, @words) {
	my @at = map {
		my ($h, $m, $s) = $tined->error_log =~
		    /T(\d+):(\d+):(\S+)Z master\[\d+\] notice: $_/;
		($h * 60 + $m) * 60 + $s;
	} @words;
	return $at[1] - $at[0] + ($at[1] < $at[0] ? 86_400 : 0);
}

subtest 'an upgrade' => sub {
	my $tined = start();
	my $old = $tined->pid;
	my @workers = $tined->child_pids;
	my $idle = $tined->connect;
	$tined->get('/a.txt', sock => $idle, keep => 1);
	my $half = $tined->connect;
	$tined->get('/a.txt', sock => $half, keep => 1);
	$tined->send($half, "GET /a.txt HTTP/1.1\r\nHo");

	install($original);
	$tined->signal('USR2');
	my $new = successor($tined);
	ok($new, 'another process serves') or return;
	$tined->{pid} = $new;
	is($tined->notified('MAINPID'), $new, 'the service manager is told');
	is($tined->get('/a.txt')->body, "a\n", 'it answers');
	is(Tined::title($new), 'tined: master [4 workers]', 'it has its title');
	$tined->send($half, "st: a\r\n\r\n");
	is($tined->read_response($half)->body, "a\n", 'half a request goes on');
	is($tined->get('/a.txt', sock => $idle, keep => 1)->body, "a\n",
		'so does an idle connection');
	ok(!$tined->was_reset($_), 'no reset') for $idle, $half;
	ok(wait_for(sub {
		waitpid($old, POSIX::WNOHANG());
		!grep { alive($_) } $old, @workers;
	}), 'nobody is left of the old one');
	cmp_ok(seconds_between($tined, 'upgraded', 'finished'), '>', 0.9,
		'who had just read its number could still signal it');
	is(Tined->run(args => ['-p', $pidfile, '-l',
		'127.0.0.1:' . free_port])->{status}, 1,
		'the pid file is locked');
	ends_clean($tined);
};

subtest 'under load' => sub {
	my $count = $slow ? 200 : 8;
	my $workers = $classic ? $count + 32 : 16;
	my $tined = start('-w', $workers, '-a', 'off', '-k', '60s');
	my $load = Load->start($tined, slow => $count, wrk => $slow && 16);
	my $bad = 0;

	for (1 .. ($slow ? 10 : 3)) {
		sleep 0.1;
		upgrade($tined) or $bad++;
	}
	sleep 0.1;
	my ($served, @failed) = $load->stop;
	is($bad, 0, 'each upgrade came to its end');
	cmp_ok($served, '>', 50, 'requests were answered');
	note "$served requests";
	is_deeply(\@failed, [], 'none was lost or reset');
	ends_clean($tined);
};

# It may be asking just now, and so is not sent away at once.
subtest 'idle clients, --no-lot' => sub {
	# In which the new one must be there, and the client must ask.
	my $keepalive = 2 * slow();
	my $tined = start('--no-lot', '-k', "${keepalive}s");
	my $old = $tined->pid;
	my ($again, $idle) = map { $tined->connect } 1 .. 2;
	$tined->get('/a.txt', sock => $_, keep => 1) for $idle, $again;

	$tined->child_pids;
	$tined->notified('READY');
	$tined->signal('USR2');
	my $new = successor($tined) // return fail 'no successor';
	my $start = time;
	my $response = $tined->get('/a.txt', sock => $again, keep => 1);
	is($response->body, "a\n", 'one that asks again is served');
	is($response->field('connection'), 'close', 'the last time');
	ok(wait_for(sub { waitpid($old, POSIX::WNOHANG()); !alive($old) }),
		'the old one ends');
	my $took = time - $start;
	cmp_ok($took, '<', $keepalive + SOONER,
		sprintf 'after --keepalive: %.2f s', $took);
	ok($tined->is_closed($idle), 'one that does not is closed');
	ok(!$tined->was_reset($idle), 'not reset');
	$tined->{pid} = $new;
	ends_clean($tined);
};

subtest 'a request under way' => sub {
	my $tined = start();
	my $old = $tined->pid;
	my $sock = $tined->connect(rcvbuf => 4096);
	$tined->send($sock, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
	$tined->fill($sock);
	$tined->signal('USR2');
	my $new = successor($tined);
	ok($new, 'the new one does not wait for it');
	if ($classic) { # else it has ended already
		$tined->signal('USR2');
		ok(wait_for(sub {
			$tined->error_log =~ /another process already serves/;
		}), 'the old one starts no other');
	}
	is($tined->get('/a.txt')->body, "a\n", 'it serves');
	hurry($sock);
	ok($tined->read_response($sock)->body eq $big, 'it is served to its end');
	if (!$classic) {
		is($tined->get('/a.txt', sock => $sock, keep => 1)->body, "a\n",
			'and the connection goes on');
	}
	close $sock;
	ok(wait_for(sub { waitpid($old, POSIX::WNOHANG()); !alive($old) }),
		'the old one ends');
	$tined->{pid} = $new;
	ends_clean($tined, qr/another process already serves/);
};

subtest 'one that cannot' => sub {
	my $page = spew("$dir/404.html", q{});
	my $tined = start('--error-page', "404=$page", '--start-timeout', '5s');
	wait_for(sub { $tined->worker_pids == 4 });
	my @workers = $tined->worker_pids;
	my $idle = $tined->connect;
	my $failures = 0;
	my @broken = (
		['is no program', sub { install(spew("$dir/x", 'garbage')) },
			qr/status 1: cannot run .* Exec format error$/m],
		['is not there', sub { unlink $program },
			qr/status 1: cannot run .* No such file or directory$/m],
		['ends at once', sub { install_script('exit 3') },
			qr/the new process ended with status 3$/m],
		['dies', sub { install_script('kill -SEGV $$') },
			qr/was killed by signal 11 \(Segmentation fault\)$/m],
		['cannot serve', sub {
			install($original);
			unlink $page or die $!;
		}, qr/status 1: --error-page .* No such file or directory$/m],
		$slow ? ['hangs', sub { install_script('exec sleep 60') },
			qr/did not respond in time$/m] : (),
	);
	$tined->get('/a.txt', sock => $idle, keep => 1);
	for my $broken (@broken) {
		my ($what, $break, $words) = @$broken;
		$break->();
		$tined->signal('USR2');
		ok(wait_for(sub { failures($tined) > $failures }),
			"one that $what");
		$failures++;
		like($tined->error_log, $words, 'and why');
		spew($page, q{});
		is($tined->get('/a.txt')->body, "a\n", 'the old one goes on');
	}
	is_deeply([$tined->worker_pids], \@workers, 'with the same workers');
	is(slurp($pidfile) + 0, $tined->pid, 'and the same pid file');
	is($tined->get('/a.txt', sock => $idle, keep => 1)->body, "a\n",
		'and the same clients') unless $classic;
	install($original);
	ok(upgrade($tined), 'a good one still can');
	ends_clean($tined, qr/the upgrade has failed/);
};

# Its first attempts to ask its own workers fail.
subtest 'one that is short of memory for a while' => sub {
	my ($strace) = grep { -x } map { "$_/strace" } split /:/, $ENV{PATH};
	plan skip_all => 'no strace' unless $strace;
	plan skip_all => 'LeakSanitizer is a tracer, too' if Tined->is_sanitized;
	my $tined = start();
	install_script("exec $strace -D -qq -o $dir/trace -e trace=sendmsg "
		. "-e inject=sendmsg:error=ENOBUFS:when=1..20 $original \"\$@\"");
	my $new = upgrade($tined);
	ok($new, 'takes its place later') or diag(scalar $tined->error_log);
	is(scalar(() = slurp("$dir/trace") =~ /INJECTED/g), 20,
		'when it has tried often enough');
	is(scalar(() = $tined->error_log =~ /cannot send the test request: No buffer/g),
		1, 'which it told once');
	my $sockets = sockets($new);
	ends_clean($tined, qr/cannot send the test request/);

	install($original);
	my $another = start();
	is($sockets, sockets(upgrade($another)),
		'and holds no more sockets than another');
	ends_clean($another);
};

subtest 'a pid file that somebody has removed' => sub {
	my $tined = start();
	my $old = $tined->pid;
	unlink $pidfile or die "$pidfile: $!";
	$tined->child_pids;
	$tined->signal('USR2');
	ok(wait_for(sub { slurp($pidfile) =~ /\d/ }), 'is made again');
	my $new = successor($tined);
	ok($new, 'with the number of the one that serves');
	ok(wait_for(sub { waitpid($old, POSIX::WNOHANG()); !alive($old) }),
		'the old one ends');
	$tined->{pid} = $new;
	is(Tined->run(args => ['-p', $pidfile, '-l',
		'127.0.0.1:' . free_port])->{status}, 1, 'it is locked');
	ends_clean($tined);
};

subtest 'a socket whose name has two lines' => sub {
	my $path = "$dir/two\nlines";
	my $tined = Tined->start(listen => 'none', files => { 'a.txt' => "a\n" },
		args => ['-p', $pidfile, '-w', 2, '-l', "unix:$path"]);
	ok(upgrade($tined), 'upgraded') or diag(scalar $tined->error_log);
	is($tined->get('/a.txt', unix => $path)->body, "a\n", 'it serves there');
	ends_clean($tined);
	ok(!-e $path, 'it is removed in the end');
};

subtest 'while one is under way' => sub {
	my $tined = start();
	install_script('exec sleep 60');
	$tined->signal('USR2');
	ok(wait_for(sub { $tined->error_log =~ /upgrading to/ }), 'one begins');
	$tined->signal('USR2');
	ok(wait_for(sub { $tined->error_log =~ /another is under way/ }),
		'a second one is refused');
	my ($heir) = $tined->error_log =~ /upgrading to .* process (\d+)/;
	is($tined->get('/a.txt')->body, "a\n", 'it serves');
	kill 'KILL', $heir;
	ok(wait_for(sub { failures($tined) == 1 }), 'its death is seen');
	$tined->signal('USR2');
	ok(wait_for(sub { 2 == (() = $tined->error_log =~ /upgrading to/g) }),
		'another begins');
	($heir) = $tined->error_log =~ /upgrading to .* process (\d+)\n\z/;
	ends_clean($tined, qr/another is under way/, qr/has failed.*signal 9/);
	ok(wait_for(sub { !alive($heir) }), 'the stop ends it, too');
	install($original);
};

# The first lot stands still, so that all of it is on its way through the second.
subtest 'one upon another' => sub {
	plan skip_all => 'nothing is on its way without a lot' if $classic;
	my $tined = start('-w', '1-8', '--spare', '2-8');
	my $old = $tined->pid;
	my $lot = lot_pid($tined);
	my @idle = map { $tined->connect } 1 .. 50;
	$tined->get('/a.txt', sock => $_, keep => 1) for @idle;
	ok(park($tined, $idle[-1]), 'clients are parked');
	kill 'STOP', $lot;
	$tined->signal('USR2');
	my $second = successor($tined) // return fail 'no successor';
	my $ticks = cpu_ticks($old);
	sleep 0.3;
	cmp_ok(cpu_ticks($old) - $ticks, '<', 10, 'who leaves sleeps');
	ok($tined->reload_works, 'a signal to the old one');
	like($tined->error_log, qr/master\[$second\] notice: reloaded/,
		'is for the new one');
	kill 'USR2', $second;
	ok(wait_for(sub {
		$tined->error_log =~ /master\[$second\] notice: upgraded/;
	}), 'which is upgraded too');
	ok(!wait_for(sub { !alive($second) }, 0.3), 'who waits for the first');
	kill 'CONT', $lot;
	$tined->{pid} = slurp($pidfile) + 0;
	is($tined->get('/a.txt', sock => $_, keep => 1)->body, "a\n",
		'a client goes on') or last for @idle;
	ok(wait_for(sub {
		waitpid($old, POSIX::WNOHANG());
		!alive($old) && !alive($second);
	}), 'both end');
	ends_clean($tined);
};

subtest 'a daemon, and a socket in a folder' => sub {
	my $port = free_port;
	mkdir "$dir/www";
	spew("$dir/www/a.txt", "a\n");
	my $run = Tined->run(daemon => 1, cwd => "$dir", args => ['-d', '-p',
		'pid', '-l', "127.0.0.1:$port", '-l', 'unix:sock', '-w', 2,
		'-e', 'error.log', 'www']);
	is($run->{status}, 0, 'it starts') or diag($run->{err});
	my $pid = slurp($pidfile) + 0;
	my $tined = bless { host => '127.0.0.1', port => $port }, 'Tined';

	for (1 .. 2) {
		my $old = $pid;
		kill 'USR2', $old;
		ok(wait_for(sub {
			$pid = slurp($pidfile) + 0;
			$pid && $pid != $old && !alive($old);
		}), 'upgraded');
		is($tined->get('/a.txt')->body, "a\n", 'it serves');
		is($tined->get('/a.txt', unix => "$dir/sock")->body, "a\n",
			'at both');
		is(readlink "/proc/$pid/cwd", q{/}, 'it holds no folder');
	}
	kill 'TERM', $pid;
	ok(wait_for(sub { !-e $pidfile && !alive($pid) }), 'it stops');
	ok(!-e "$dir/sock", 'the socket is removed');
	unlike(slurp("$dir/error.log"), qr/ (?:error|warning): /,
		'its log is clean');
};

subtest 'the status socket' => sub {
	my $path = "$dir/status";
	my $tined = start('--status-socket', $path);

	ok(upgrade($tined), 'upgraded');
	ok(wait_for(sub {
		my $status = eval { $tined->get('/', unix => $path)->body };
		($status // q{}) =~ /\bmaster ${\$tined->pid},/;
	}), 'it is that of the new one');
	ends_clean($tined);
	ok(!-e $path, 'it is removed in the end');
};

subtest 'logs that are moved during one' => sub {
	my ($access, $error) = ("$dir/a.log", "$dir/e.log");
	my $tined = start('-a', $access);
	ok(upgrade($tined), 'upgraded');
	$tined->get('/a.txt?1');
	rename $access, "$access.1" or die $!;
	$tined->signal('USR1');
	ok(wait_for(sub { $tined->error_log =~ /logs are reopened/ }),
		'the new one reopens them');
	$tined->get('/a.txt?2');
	ok(wait_for(sub { slurp($access) =~ /\?2/ }), 'and writes to them');
	ends_clean($tined);
};

done_testing;
