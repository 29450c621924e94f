# Responses that wait in the kernel: the server tells how long and why, of those
# alone, and asks the kernel only after a pause.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Faulty     qw(start_faulty);
use JSON::PP   ();
use Lot        qw();
use Socket     qw(IPPROTO_TCP);
use Test::More;
use Time::HiRes qw(sleep);
use Tined       qw(need_tools wait_for);
use Trace       qw(trace);

use constant {
	TCP_QUICKACK => 12,
	ROUNDS       => 10,
	# Of these, the kernel may acknowledge some at once after all.
	MOST => 8,
	# The events of /f/pieces.
	PIECES => 5,
	# Connections with a request each.
	LASTS => 24,
	# Seconds, on average: a Linux client delays by 40 ms, less than that where
	# the machine delays the second send.
	DELAY => 0.02,
	QUICK => 3000,
	ASKED => 200,
	PAUSES => 16,
	# A client that reads late, and its room.
	LATE   => 0.3,
	RCVBUF => 4096,
	# Fits into the server's socket, but not into the client's.
	LARGE => 40_000,
};

my @CAUSES = qw(nagle delayed_ack client_window congestion_window loss);

sub start (@args) {
	return start_faulty(args => ['-w', 2, '-m', '/status=status:',
		'-m', "/large=echo:${\LARGE}", '-m', '/small=echo:200',
		'--log-format', '%U %{stall}x %{stall:ms}T', @args]);
}

sub status ($tined) {
	return JSON::PP::decode_json($tined->get('/status/json')->body);
}

# One that acknowledges as late as it may.
sub lazy ($tined, %option) {
	my $sock = $tined->connect(%option);
	setsockopt $sock, IPPROTO_TCP, TCP_QUICKACK, 0;
	return $sock;
}

sub get ($tined, $sock, $path) {
	return $tined->request("GET $path HTTP/1.1\r\nHost: a\r\n\r\n",
		sock => $sock)->status;
}

# That there are stalls of this cause alone, and how many.
sub only ($tined, $cause, $name) {
	my $stalls = status($tined)->{stalls};
	my @others = grep { $_ ne $cause && $stalls->{$_} > 0 } @CAUSES;

	is("@others", q{}, "$name: no other cause")
	    or diag(explain($stalls));
	return $stalls->{$cause} // 0;
}

sub told ($tined, $cause) {
	return grep { /notice: the end of a response to .* \($cause; / }
	    $tined->error_log;
}

# While the client is in the lot, where there is one, or in the worker; by an
# application, and by the server.
for (
	['/f/nagle/split', '--linger', '1ms'],
	['/f/nagle/split', '--linger', '2s'],
	['/small', '--nagle', 'on', '--write-mode', 'split'],
) {
	my ($path, @args) = @$_;
	subtest "Nagle's algorithm: $path @args" => sub {
		my $tined = start(@args);
		my $sock = lazy($tined);

		get($tined, $sock, $path) for 1 .. ROUNDS;
		get($tined, $sock, '/end'); # and what was before it is known
		my $count = only($tined, 'nagle', 'split');
		cmp_ok($count, '>=', MOST, "$count of ${\ROUNDS} responses");
		cmp_ok($count, '<=', ROUNDS, 'and none twice');
		my $sum = status($tined)->{stall_seconds}{nagle};
		is($sum->{count}, $count, 'all are in the histogram');
		cmp_ok($sum->{sum} / $count, '>=', DELAY, 'with their time');
		like($tined->get('/status/text')->body,
			qr/^Stalls +nagle $count, ack 0, /m, 'as text');
		like($tined->get('/status/metrics')->body,
			qr/^tined_stalls_total\{cause="nagle"\} $count$/m,
			'in the metrics');
		like($tined->get('/status/metrics')->body,
			qr/^tined_stall_duration_seconds_count\{cause="nagle"\}\ $count$/mx,
			'with a histogram');
		like($tined->get('/status/html')->body, qr/Stalls: Nagle/,
			'on the page');
		is(scalar told($tined, 'nagle'), 1, 'the first is logged');
		like((told($tined, 'nagle'))[0], qr/look for what turns it off/,
			'with an advice');
		my @lines; # two workers may write the last two in any order
		ok(wait_for(sub {
			@lines = grep { m{\A(?:\Q$path\E|/end) } }
			    $tined->access_log;
			@lines > ROUNDS;
		}), 'the access log');
		is($lines[0], "$path - -", 'knows nothing of the first');
		is(scalar(grep { / nagle \d+\z/ } @lines),
			$count, 'and tells of each in the line that follows');
		$tined->ends_clean;
	};
}

# The client closes the connection, or the server does when it has been idle, in
# the lot or in the worker.  Of the first that wait the server looks at one in
# four, and the kernel may acknowledge two or three of these at once.
for (
	[ 'the client closes', 0, '--linger', '1ms' ],
	[ 'the client closes', 0, '--linger', '2s' ],
	[ 'the client closes', 0, '--no-lot' ],
	[ 'idle for too long', 1, '--linger', '1ms', '--keepalive', '200ms' ],
	[ 'idle for too long', 1, '--no-lot', '--keepalive', '200ms' ],
) {
	my ($how, $is_patient, @args) = @$_;
	subtest "the last response: $how, @args" => sub {
		my $tined = start(@args);

		for (1 .. LASTS) {
			my $sock = lazy($tined);
			get($tined, $sock, '/f/nagle/split');
			ok($tined->is_closed($sock), 'is closed')
			    if $is_patient;
			close $sock;
		}
		my $count;
		wait_for(sub {
			my $before = $count // 0;
			$count = status($tined)->{stalls}{nagle};
			$count >= LASTS / 2 && $count == $before;
		});
		cmp_ok($count, '>=', LASTS / 2, "$count of ${\LASTS}");
		cmp_ok($count, '<=', LASTS, 'and none twice');
		only($tined, 'nagle', 'last');
		is(scalar told($tined, 'nagle'), 1, 'the first is logged');
		is(scalar(grep { !/ - -\z/ } $tined->access_log), 0,
			'no other request is blamed');
		$tined->ends_clean;
	};
}

subtest 'a stream of small pieces' => sub {
	my $tined = start();
	my $sock = lazy($tined);

	$tined->send($sock, "GET /f/nagle/pieces HTTP/1.1\r\nHost: a\r\n\r\n");
	wait_for(sub {
		# The kernel goes over to quick acknowledgements by itself.
		setsockopt $sock, IPPROTO_TCP, TCP_QUICKACK, 0;
		$tined->fill($sock);
		${*$sock}{tined_buffer} =~ /\r\n0\r\n\r\n\z/;
	});
	my $count = only($tined, 'nagle', 'pieces');
	cmp_ok($count, '>=', PIECES - 2, "$count of ${\PIECES} events");
	cmp_ok($count, '<=', PIECES, 'and none twice');
	close $sock;
	$tined->ends_clean;
};

subtest 'the client has no room' => sub {
	my $tined = start();
	my $sock = $tined->connect(rcvbuf => RCVBUF);

	for (1 .. 2) {
		$tined->send($sock, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
		sleep LATE;
		$tined->read_response($sock);
	}
	get($tined, $sock, '/small');
	my $count = only($tined, 'client_window', 'late');
	is($count, 2, 'both responses');
	cmp_ok(status($tined)->{stall_seconds}{client_window}{sum}, '>=',
		LATE, 'with their time');
	is(scalar told($tined, 'client_window'), 1, 'the first is logged');
	$tined->ends_clean;
};

# What has come after the last request makes the server linger.  It looks at one in
# four of such connections.
subtest 'the client has no room before a lingering close' => sub {
	my $tined = start();
	my $sent = 0;
	my $told = wait_for(sub {
		my $sock = $tined->connect(rcvbuf => RCVBUF);
		$tined->send($sock, "GET /large HTTP/1.1\r\nHost: a\r\n"
			    . "Connection: close\r\n\r\nGET / HTTP/1.1\r\n");
		$sent++;
		sleep LATE;
		$tined->read_response($sock);
		close $sock;
		status($tined)->{stalls}{client_window} > 0;
	});
	ok($told, "it is told, of $sent");
	cmp_ok(only($tined, 'client_window', 'late'), '<=', $sent,
		'none twice');
	$tined->ends_clean;
};

subtest 'nothing waits' => sub {
	my $tined = start();
	my $sock = lazy($tined);

	get($tined, $sock, $_ % 10 ? '/small' : '/large') for 1 .. QUICK;
	for my $path (qw(/small /large /f/split /f/pieces)) {
		for (1 .. ROUNDS) {
			get($tined, $sock, $path);
			sleep 0.06; # it acknowledges by itself
			last if $path eq '/f/pieces';
		}
	}
	for my $path (qw(/small /large /f/split)) {
		for (1 .. ROUNDS) {
			my $sock = lazy($tined);
			get($tined, $sock, $path);
			sleep 0.06;
			close $sock;
		}
	}
	is(only($tined, 'nagle', 'none'), 0, 'and no stall is told');
	is(scalar(grep { !/ - -\z/ } $tined->access_log), 0, 'nor logged');
	is(scalar told($tined, '\w+'), 0, 'in neither log');
	$tined->ends_clean;
};

# How often the only worker asks the kernel: for quick requests, for those of a
# client that always pauses, and of one that need not; nothing where it cannot be
# traced.
sub asks ($tined) {
	my ($worker) = $tined->all_workers(1);
	my $sock = lazy($tined);
	my $pause = sub {
		for (1 .. PAUSES) {
			sleep 0.05;
			get($tined, $sock, '/small');
		}
	};
	my $count = sub ($code) {
		my $trace = trace('getsockopt', $code, $worker) // return;
		return scalar(() = $trace =~ /\bgetsockopt\(/g);
	};

	get($tined, $sock, '/small'); # the first is slow
	my $quick = $count->(sub { get($tined, $sock, '/small') for 1 .. ASKED })
	    // return;
	close $sock;
	$sock = lazy($tined);
	my $some = $count->($pause) // return;
	get($tined, $sock, '/small') for 1 .. 10; # without a pause
	return ($quick, $some, $count->($pause) // return);
}

subtest 'quick requests' => sub {
	need_tools('strace');
	my ($tined, $quick, $some, $all);
	# A busy machine makes some slow, and after one that stalls all are
	# looked at for a minute: then there is another server.
	wait_for(sub {
		$tined = start('-w', 1, '--linger', '2s');
		($quick, $some, $all) = asks($tined)
		    or plan skip_all => 'nothing can be traced';
		$quick <= ASKED / 10 && $some >= PAUSES / 4 && $some < PAUSES
		    && $all >= PAUSES;
	});
	cmp_ok($quick, '<=', ASKED / 10, 'ask the kernel for nothing');
	cmp_ok($some, '>=', PAUSES / 4, 'some of those that always pause do');
	cmp_ok($some, '<', PAUSES, 'but not all');
	cmp_ok($all, '>=', PAUSES, 'all of those that need not pause');
	$tined->ends_clean;
};

done_testing;
