# Stopping loses no request, keeps to its time, and leaves nothing behind.

use v5.36;

use Errno qw(ECONNREFUSED);
use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Load ();
use Socket qw(AF_INET INADDR_LOOPBACK SOCK_STREAM pack_sockaddr_in);
use Slow qw(hurry);
use Test::More;
use Time::HiRes qw(sleep time);
use Tined qw(SOONER background deadline free_port spew wait_for);

# More than a socket has room for.
my $big = 'x' x (8 << 20);
my %small = ('a.txt' => "a\n");
my %files = (%small, 'big' => $big);

# Whoever has the connection just then.
my $KILLED =
    qr/ warning: killing (?:worker \d+\[\d+\] while|the lot\[\d+\] with) /;

# What ends soon has not waited for one of these.
my @LONG = ('-k', '1h', '--send-timeout', '1h', '--stop-timeout', '1h');

# A connection whose response has begun and does not end while nobody reads.
sub stuck ($tined) {
	my $sock = $tined->connect(rcvbuf => 4096);

	$tined->send($sock, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
	$tined->fill($sock);
	return $sock;
}

for my $signal (qw(TERM INT)) {
	subtest "$signal: requests under way are finished" => sub {
		my $tined = Tined->start(args => ['-w', 4, @LONG],
			files => \%files);
		my $idle = $tined->connect;
		$tined->get('/a.txt', sock => $idle, keep => 1);
		my $half = $tined->connect;
		$tined->get('/a.txt', sock => $half, keep => 1);
		$tined->send($half, "GET /a.txt HTTP/1.1\r\nHo");
		my $busy = stuck($tined);

		$tined->signal($signal);
		ok($tined->is_closed($idle), 'an idle connection is closed');
		ok(!$tined->was_reset($idle), 'not reset');
		ok(wait_for(sub { $tined->notified('STOPPING') }),
			'the service manager is told');
		$tined->send($half, "st: a\r\n\r\n");
		my $response = $tined->read_response($half);
		is($response->{body}, "a\n",
			'a request that had begun is answered');
		is($response->field('connection'), 'close', 'as the last one');
		ok($tined->is_closed($half), 'its connection closes');
		ok(!$tined->_reaped, 'it waits for the other');
		hurry($busy);
		$response = $tined->read_response($busy);
		ok($response->{body} eq $big, 'a response is sent to its end');
		is($tined->wait_exit, 0, 'exit status 0, as soon as it can');
		$tined->ends_clean;
	};
}

subtest 'INT to the whole group, as from a terminal' => sub {
	my $tined = Tined->start(args => ['-w', 2, @LONG], files => \%files);
	my $busy = stuck($tined);

	kill 'INT', $tined->pid, $tined->worker_pids;
	hurry($busy);
	ok($tined->read_response($busy)->{body} eq $big,
		'a response is sent to its end');
	is($tined->wait_exit, 0, 'exit status 0');
	$tined->ends_clean;
};

subtest 'no request is lost while one takes over from another' => sub {
	my $tined = Tined->start(args => ['-w', 2, @LONG], files => \%small,
		keep_sockets => 1);
	my $dir = File::Temp->newdir;
	my $over = "$dir/over";
	my @clients = Load::ask_until($over, $tined, 3);

	for my $round (1 .. 4) {
		ok(wait_for(sub { -s $tined->dir . '/access.log' }),
			"round $round: one serves");
		my $next = Tined->start(args => ['-w', 2, @LONG],
			listen => 'none', files => \%small, sockets => $tined->{socks},
			keep_sockets => 1, port => $tined->port);
		$next->{host} = '127.0.0.1';
		$tined->ends_clean;
		$tined = $next;
	}
	spew($over, q{});
	for my $client (@clients) {
		my ($served, @failed) = $client->();
		cmp_ok($served, '>', 0, "$served requests were answered");
		is_deeply(\@failed, [], 'none was lost');
	}
	$tined->ends_clean;
};

# One request on a connection of its own: 'answered', 'refused' because nobody
# listens, or how it was lost.
sub ask ($port) {
	my $request = "GET /a.txt HTTP/1.1\r\nHost: a\r\n"
	    . "Connection: close\r\n\r\n";
	my $response = q{};

	socket my $sock, AF_INET, SOCK_STREAM, 0 or die "socket: $!";
	connect $sock, pack_sockaddr_in($port, INADDR_LOOPBACK)
	    or return $! == ECONNREFUSED ? 'refused' : "connect: $!";
	syswrite $sock, $request or return "write: $!";
	while (1) {
		my $n = sysread $sock, $response, 4096, length $response;
		return "read: $!" if !defined $n;
		last if $n == 0;
	}
	return $response =~ /\r\n\r\na\n\z/ ? 'answered' : 'cut off';
}

# Asks until nobody listens any more: how many were answered, and who was lost.
sub ask_on ($port) {
	my $deadline = deadline(60);
	my $answered = 0;
	my @lost;

	local $SIG{PIPE} = 'IGNORE';
	while (time < $deadline) {
		my $end = ask($port);
		return ($answered, @lost) if $end eq 'refused';
		$end eq 'answered' ? $answered++ : push @lost, $end;
	}
	return ($answered, @lost, 'it listens on and on');
}

# Only root may choose who it is.
my %users = (
	'who runs the test' => [],
	$> == 0 ? ('an ordinary user' =>
	    [qw(setpriv --reuid=64123 --regid=64123 --clear-groups)]) : (),
);

for my $user (sort keys %users) {
	subtest "no client is lost by a stop: $user" => sub {
		my $port = free_port;
		my $all = 0;
		my @lost;

		local $SIG{PIPE} = 'IGNORE';
		for (1 .. 8) {
			my $tined = Tined->start(listen => 'none',
				port => $port, files => \%small,
				under => $users{$user},
				args => ['-w', 2, @LONG,
					'-l', "127.0.0.1:$port"]);
			my @clients = map { background(sub { ask_on($port) })
			} 1 .. 6;
			wait_for(sub { 100 < (() = $tined->access_log) });
			$tined->ends_clean;
			for my $client (@clients) {
				my ($answered, @more) = $client->();
				$all += $answered;
				push @lost, @more;
			}
		}
		cmp_ok($all, '>', 800, "$all requests were answered");
		is_deeply(\@lost, [], 'none was lost');
	};
}

# Connects as soon as somebody listens, with no pause in which a server that has
# just begun to listen could go on.
sub connect_at_once ($tined) {
	my $until = deadline(60);

	while (time < $until) {
		socket my $sock, AF_INET, SOCK_STREAM, 0 or die "socket: $!";
		connect $sock, pack_sockaddr_in($tined->port, INADDR_LOOPBACK)
		    or next;
		${*$sock}{tined_buffer} = q{};
		return $sock;
	}
	die "nobody listens\n";
}

# The kernel lets the client in before there is a process that could serve it.
subtest 'a stop while the server starts loses no client' => sub {
	for my $round (1 .. 20) {
		my $port = free_port;
		my $tined = Tined->start(listen => 'none', port => $port,
			ready => 0, files => \%small,
			args => ['-w', 1, @LONG, '-l', "127.0.0.1:$port"]);
		my $sock = connect_at_once($tined);

		$tined->send($sock, "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
		$tined->signal('TERM');
		is(eval { $tined->read_response($sock)->body } // $@, "a\n",
			"round $round: it is served");
		is($tined->wait_exit, 0, 'exit status 0');
		$tined->leaves_nothing;
		$tined->log_is_clean;
	}
};

# They are in the kernel's queue: without a lot, nobody else accepts them.
subtest 'the last worker dies in a stop while clients wait' => sub {
	my $port = free_port;
	my $tined = Tined->start(listen => 'none', port => $port,
		files => \%files, args => ['-w', 1, '--no-lot', @LONG,
			'-l', "127.0.0.1:$port"]);
	my $busy = stuck($tined);
	my ($worker) = $tined->worker_pids;
	my @socks = map { $tined->connect } 1 .. 3;

	$tined->send($_, "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n") for @socks;
	$tined->signal('TERM');
	ok(wait_for(sub { $tined->notified('STOPPING') }), 'it stops');
	kill 'KILL', $worker;
	is(eval { $tined->read_response($_)->body } // $@, "a\n",
		'one that waits is served') for @socks;
	is($tined->wait_exit, 0, 'exit status 0');
	$tined->leaves_nothing;
	$tined->log_is_clean(qr/worker .* was killed by signal 9/);
};

subtest 'it ends within --stop-timeout' => sub {
	my $tined = Tined->start(args => [@LONG, '--stop-timeout', '400ms'],
		files => \%files);
	my $busy = stuck($tined);
	my $start = time;

	my $status = $tined->stop;
	my $took = time - $start;
	is($status, 0, 'exit status 0');
	cmp_ok($took, '>', 0.35, 'it gave its clients their time');
	cmp_ok($took, '<', SOONER, 'and no more');
	$tined->leaves_nothing;
	# On a busy machine, others may just be stopping.
	my @killed = grep { / warning: / && !/while stopping/ } $tined->error_log;
	is(@killed, 1, 'a warning says what was cut off')
	    or diag($tined->error_log);
	$tined->log_is_clean($KILLED);
};

# A terminal and a program that passes it on send one each.
subtest 'two INTs at once are one' => sub {
	my $rounds = 0;

	for my $pause ((0, 0.002, 0.01) x 3) {
		my $tined = Tined->start(args => ['-w', 1, @LONG],
			files => \%files);
		my $busy = stuck($tined);
		my $start = time;

		$tined->signal('INT');
		sleep $pause;
		$tined->signal('INT');
		my $took = time - $start;
		hurry($busy);
		my $body = eval { $tined->read_response($busy)->body } // q{};
		if ($took > 0.3) { # this test was not scheduled in between
			$tined->stop;
			$tined->complaints;
			next;
		}
		$rounds++;
		ok($body eq $big, "$pause s: a response is sent to its end");
		$tined->ends_clean;
	}
	ok($rounds > 0, 'some were at once');
};

# As an impatient user does it.
subtest 'at once: INT again and again' => sub {
	my $tined = Tined->start(args => \@LONG, files => \%files);
	my $busy = stuck($tined);
	my $start = time;

	ok(wait_for(sub { $tined->_reaped || !$tined->signal('INT') }),
		'it ends');
	cmp_ok(time - $start, '>', 0.5, 'not by the first ones');
	is($tined->wait_exit, 0, 'exit status 0');
	$tined->leaves_nothing;
	$tined->log_is_clean($KILLED);
};

subtest 'at once: QUIT' => sub {
	for my $signals (['QUIT'], ['TERM', 'QUIT']) {
		my $tined = Tined->start(args => \@LONG, files => \%files);
		my $busy = stuck($tined);
		my ($last, @first) = reverse @$signals;

		for my $signal (@first) {
			$tined->signal($signal);
			ok(wait_for(sub { $tined->notified('STOPPING') }),
				"$signal is seen");
			ok(!$tined->_reaped, 'it waits');
		}
		is($tined->stop($last), 0, "@$signals: exit status 0, at once");
		$tined->leaves_nothing;
		$tined->log_is_clean($KILLED);
	}
};

subtest 'a second TERM changes nothing' => sub {
	my $tined = Tined->start(args => \@LONG, files => \%files);
	my $busy = stuck($tined);

	$tined->signal('TERM');
	wait_for(sub { $tined->notified('STOPPING') });
	$tined->signal('TERM');
	hurry($busy);
	ok($tined->read_response($busy)->{body} eq $big,
		'a response is sent to its end');
	is($tined->wait_exit, 0, 'exit status 0');
	$tined->ends_clean;
};

subtest 'signals that stop nothing' => sub {
	my $tined = Tined->start(args => ['-w', 1], files => \%small);
	my @workers = $tined->all_workers(1);

	for my $signal (qw(WINCH PIPE USR1 CHLD)) {
		$tined->signal($signal);
		is($tined->get('/a.txt')->{body}, "a\n", "$signal to it");
	}
	for my $signal (qw(WINCH PIPE)) {
		kill $signal, @workers;
		is($tined->get('/a.txt')->{body}, "a\n",
			"$signal to its worker");
	}
	is_deeply([$tined->worker_pids], \@workers, 'the worker is the same');
	$tined->ends_clean;
};

subtest 'what the service manager is told' => sub {
	my $tined = Tined->start(args => ['-w', 2], files => \%small);

	is($tined->notified('READY'), 1, 'READY=1');
	like($tined->notified('STATUS'), qr/\w/, 'STATUS');
	$tined->ends_clean;
	is($tined->notified('STOPPING'), 1, 'STOPPING=1');
};

done_testing;
