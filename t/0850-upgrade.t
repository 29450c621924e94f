# USR2: another program takes the place of the running one, and no client
# notices; one that cannot changes nothing.

use v5.36;

use File::Copy qw(copy);
use File::Temp ();
use FindBin;
use IO::Socket::UNIX ();
use lib "$FindBin::Bin/lib";
use Load;
use Lot qw(cpu_ticks keep_busy lot_pid park release);
use Test::More;
use Time::HiRes qw(sleep time);
use Tined qw(free_port slurp spew wait_for);

my $slow = $ENV{TINED_SLOW};
my $classic = ($ENV{TINED_ARGS} // q{}) =~ /no-lot/;
my $big = 'x' x (32 << 20);
my %files = ('a.txt' => "a\n", 'big' => $big);

my $dir = File::Temp->newdir;
my $original = Tined->binary;
my $program = $ENV{TINED} = "$dir/tined";
my $pidfile = "$dir/pid";

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

# A zombie is not: whoever inherits a daemon takes its time to reap it.
sub alive ($pid) { return slurp("/proc/$pid/stat") =~ /\) [^ZX] / }

sub start (@args) {
	return Tined->start(files => \%files,
		args => ['-p', $pidfile, '-w', 4, @args]);
}

# The process that has the pid file, which is another one than before.
sub successor ($tined) {
	my $pid;

	wait_for(sub {
		$pid = slurp($pidfile) + 0;
		$pid != $tined->pid && $tined->error_log
		    =~ /master\[$pid\] notice: serving/;
	}) or return;
	return $pid;
}

# Until the old one has ended; the server is the new one from then on.
sub upgrade ($tined) {
	my $old = $tined->pid;

	$tined->child_pids;
	$tined->notified('READY');
	$tined->signal('USR2');
	my $new = successor($tined) // return;
	wait_for(sub { waitpid($old, POSIX::WNOHANG()); !alive($old) }, 20)
	    or return;
	$tined->{pid} = $new;
	$tined->child_pids;
	return $new;
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

	for (1 .. ($slow ? 20 : 3)) {
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
	my $tined = start('--no-lot', '-k', '1s');
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
	cmp_ok($took, '<', 4 * ($slow || 1),
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
	$tined->fill($sock, time + 5);
	$tined->signal('USR2');
	my $new = successor($tined);
	ok($new, 'the new one does not wait for it');
	if ($classic) { # else it has ended already
		$tined->signal('USR2');
		ok(wait_for(sub {
			$tined->error_log =~ /another process serves/;
		}), 'the old one starts no other');
	}
	is($tined->get('/a.txt')->body, "a\n", 'it serves');
	ok($tined->read_response($sock)->body eq $big, 'it is served to its end');
	if (!$classic) {
		is($tined->get('/a.txt', sock => $sock, keep => 1)->body, "a\n",
			'and the connection goes on');
	}
	close $sock;
	ok(wait_for(sub { waitpid($old, POSIX::WNOHANG()); !alive($old) }),
		'the old one ends');
	$tined->{pid} = $new;
	ends_clean($tined, qr/another process serves already/);
};

subtest 'one that cannot' => sub {
	my $page = spew("$dir/404.html", q{});
	my $tined = start('--error-page', "404=$page");
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
			qr/the new one ended with status 3$/m],
		['dies', sub { install_script('kill -SEGV $$') },
			qr/was killed by signal 11 \(Segmentation fault\)$/m],
		['cannot serve', sub {
			install($original);
			unlink $page or die $!;
		}, qr/status 1: --error-page .* No such file or directory$/m],
		$slow ? ['hangs', sub { install_script('exec sleep 60') },
			qr/did not answer in time$/m] : (),
	);
	$tined->get('/a.txt', sock => $idle, keep => 1);
	for my $broken (@broken) {
		my ($what, $break, $words) = @$broken;
		$break->();
		$tined->signal('USR2');
		ok(wait_for(sub { failures($tined) > $failures }, 15),
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
	$tined->signal('HUP');
	ok(wait_for(sub {
		$tined->error_log =~ /master\[$second\] notice: reloaded/;
	}), 'a signal to the old one is for the new one');
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

# The old one, with a request that it has not finished, and the new one.
sub start_divided (@args) {
	my $tined = start('-m', '/reflect=echo:body', @args);
	my $old = $tined->pid;
	my $busy = keep_busy($tined);

	$tined->child_pids;
	$tined->signal('USR2');
	my $new = successor($tined) // die 'no successor';
	$tined->child_pids($new);
	$tined->notified('READY');
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

subtest 'a stop while the old one finishes' => sub {
	my ($tined, $busy, $old, $new) = start_divided();
	my $idle = $tined->connect;
	$tined->get('/reflect', sock => $idle, keep => 1);

	kill 'TERM', $new;
	ok(says($tined, $_, 'stopping'), "$_ stops") for $new, $old;
	ok($tined->is_closed($idle), 'an idle client is sent away');
	ok(!both_end(0.3, $old, $new) && alive($new), 'it waits');
	ok(release($tined, $busy), 'the request is answered');
	ok($tined->is_closed($busy), 'as the last one');
	ok(!$tined->was_reset($busy), 'in peace');
	ok(both_end(10, $old, $new), 'then both end');
	ok(!-e $pidfile, 'the pid file is removed');
	all_is_over($tined);
};

# Of a response that is too large for the socket's buffer the old lot sends the
# rest; and when it is stopped, its successor has to.
subtest 'what is on its way to one that stops' => sub {
	plan skip_all => 'nothing is without a lot' if $classic;
	my $tined = start('-m', '/reflect=echo:body');
	my $old = $tined->pid;
	my $lot = lot_pid($tined);
	my $half = $tined->connect;
	$tined->get('/a.txt', sock => $half, keep => 1);
	park($tined, $half, "GET /a.txt HTTP/1.1\r\nHo");
	my $sock = $tined->connect(rcvbuf => 4096);
	$tined->send($sock, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
	$tined->fill($sock, time + 5);
	ok(wait_for(sub { Lot::is_parked($tined, $sock) }), 'the lot sends it');
	kill 'STOP', $lot;
	$tined->signal('USR2');
	my $new = successor($tined) // return fail 'no successor';
	$tined->child_pids($new);
	kill 'TERM', $new;
	ok(says($tined, $old, 'stopping'), 'both stop');
	kill 'CONT', $lot;
	ok($tined->read_response($sock)->body eq $big, 'a response is whole');
	close $sock;
	ok(wait_for(sub { waitpid($old, POSIX::WNOHANG()); !alive($old) }),
		'the old one ends');
	$tined->send($half, "st: a\r\n\r\n");
	is($tined->read_response($half)->body, "a\n", 'so is half a request');
	ok(both_end(10, $old, $new), 'then the new one ends');
	all_is_over($tined);
};

subtest 'a stop that takes too long' => sub {
	my ($tined, $busy, $old, $new) =
	    start_divided('--stop-timeout', '400ms');
	my $start = time;

	kill 'TERM', $new;
	ok(both_end(10, $old, $new), 'both end');
	my $took = time - $start;
	cmp_ok($took, '>', 0.35, 'the request had its time');
	cmp_ok($took, '<', 2 * ($slow || 1), 'and no more');
	ok(wait_for(sub { !$tined->living_pids }), 'nobody is left');
	like($tined->error_log, qr/master\[$old\] warning: worker .* is killed while/,
		'the log says what was cut off');
	all_is_over($tined, qr/ is killed while /);
};

subtest 'QUIT while the old one finishes' => sub {
	my ($tined, $busy, $old, $new) = start_divided();

	kill 'QUIT', $new;
	ok(both_end(5, $old, $new), 'both end at once');
	ok(wait_for(sub { !$tined->living_pids }), 'nobody is left');
	all_is_over($tined, qr/ is killed while /);
};

subtest 'a stop of the old one alone' => sub {
	my ($tined, $busy, $old, $new) = start_divided();

	sleep 1.1; # before that it is for the new one too
	kill 'TERM', $old;
	ok(says($tined, $old, 'stopping'), 'it stops');
	ok(release($tined, $busy), 'the request is answered');
	ok(wait_for(sub { waitpid($old, POSIX::WNOHANG()); !alive($old) }),
		'it ends');
	$tined->{pid} = $new;
	unlike($tined->error_log, qr/master\[$new\] notice: stopping/,
		'the new one goes on');
	is($tined->get('/reflect')->status, 200, 'and serves');
	ends_clean($tined);
};

subtest 'the new one is killed' => sub {
	my ($tined, $busy, $old, $new) = start_divided();

	kill 'KILL', $new;
	ok(says($tined, $old, "process $new, .* signal 9"), 'the old one sees it');
	ok(says($tined, $old, 'stopping'), 'and stops');
	ok(release($tined, $busy), 'the request is answered');
	ok(both_end(10, $old, $new), 'it ends');
	all_is_over($tined, qr/ was killed by signal 9/);
	unlink $pidfile;
};

# What the old lot had sent, and nobody has taken, comes back to it.
subtest 'the new one is killed, and its lot with it' => sub {
	plan skip_all => 'nothing is on its way without a lot' if $classic;
	my $tined = start('-m', '/reflect=echo:body');
	my $old = $tined->pid;
	my $lot = lot_pid($tined);
	my $sock = $tined->connect(rcvbuf => 4096);
	my $busy = keep_busy($tined);
	$tined->send($sock, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
	$tined->fill($sock, time + 5);
	ok(wait_for(sub { Lot::is_parked($tined, $sock) }), 'the lot sends it');
	kill 'STOP', $lot;
	$tined->signal('USR2');
	my $new = successor($tined) // return fail 'no successor';
	my @new = $tined->child_pids($new);
	my ($next) = grep { Tined::title($_) =~ /\Atined: lot\b/ } @new;
	kill 'STOP', $next;
	kill 'CONT', $lot;
	ok(wait_for(sub { Lot::is_on_its_way($tined, $sock) }), 'it is sent on');
	kill 'KILL', $next, $new;
	ok(says($tined, $old, 'stopping'), 'the old one stops');
	ok($tined->read_response($sock)->body eq $big, 'the response is whole');
	close $sock;
	ok(release($tined, $busy), 'a request under way is answered');
	ok(both_end(10, $old, $new), 'it ends');
	all_is_over($tined, qr/ was killed by signal 9/);
	unlink $pidfile;
};

# Its workers have no other way to give their clients to the new one.
subtest 'the lot of the old one is killed' => sub {
	plan skip_all => 'there is none' if $classic;
	my $tined = start('-m', '/reflect=echo:body');
	my $old = $tined->pid;
	my $lot = lot_pid($tined);
	my ($one, $other) = map { keep_busy($tined) } 1 .. 2;
	$tined->child_pids;
	$tined->signal('USR2');
	my $new = successor($tined) // return fail 'no successor';
	kill 'KILL', $lot;
	ok(says($tined, $old, 'the lot.* was killed'), 'it is seen');
	ok(release($tined, $one), 'a request is answered');
	is($tined->get('/a.txt', sock => $one, keep => 1)->body, "a\n",
		'its client goes on');
	ok(alive($old), 'while the old one has another');
	ok(release($tined, $other), 'which is answered too');
	ok(wait_for(sub { waitpid($old, POSIX::WNOHANG()); !alive($old) }),
		'the old one ends');
	is($tined->get('/a.txt', sock => $other, keep => 1)->body, "a\n",
		'this client goes on as well');
	$tined->{pid} = $new;
	ends_clean($tined, qr/the lot.* was killed by signal 9/);
};

subtest 'the old one is killed' => sub {
	my ($tined, $busy, $old, $new) = start_divided();

	kill 'KILL', $old;
	ok(wait_for(sub { waitpid($old, POSIX::WNOHANG()); !alive($old) }),
		'it is gone');
	is($tined->get('/reflect')->status, 200, 'the new one serves');
	kill 'TERM', $new;
	ok(wait_for(sub { !alive($new) }), 'it need not wait');
	ok(release($tined, $busy), 'a request of the old one is answered');
	ok(wait_for(sub { !$tined->living_pids }), 'then nobody is left');
	all_is_over($tined);
};

subtest 'a third one while the first finishes' => sub {
	my ($tined, $busy, $first, $second) = start_divided();

	$tined->{pid} = $second;
	kill 'USR2', $second;
	my $third = successor($tined) // return fail 'no third one';
	$tined->child_pids($third);
	$tined->{pid} = $third;
	is($tined->get('/reflect')->status, 200, 'it serves');
	kill 'TERM', $third;
	ok(says($tined, $_, 'stopping'), "$_ stops")
	    for $third, $second, $first;
	ok(release($tined, $busy), 'the request is answered');
	ok(wait_for(sub {
		waitpid($first, POSIX::WNOHANG());
		!grep { alive($_) } $first, $second, $third;
	}), 'all end');
	all_is_over($tined);
};

# Who stops the server may have read the pid file just before it changed.
subtest 'a stop that meets the old one' => sub {
	my $tined = start();
	my $old = $tined->pid;
	my $lot = $classic ? undef : lot_pid($tined);
	my $sock = $tined->connect(rcvbuf => 4096);
	$tined->send($sock, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
	$tined->fill($sock, time + 5);
	kill 'STOP', $lot if $lot;
	$tined->signal('USR2');
	my $new = successor($tined) // return fail 'no successor';
	kill 'TERM', $old;
	ok(says($tined, $new, 'stopping'), 'stops the new one too');
	kill 'CONT', $lot if $lot;
	close $sock;
	ok(both_end(10, $old, $new), 'both end');
	ok(!-e $pidfile, 'the pid file is removed');
	all_is_over($tined);
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
