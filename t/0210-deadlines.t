# Every wait for a client has its deadline, and then its worker is free.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Lot qw(is_held);
use Socket ();
use Test::More;
use Time::HiRes qw(sleep time);
use Tined qw(SOONER deadline slow wait_for);

my $big = 'x' x (32 << 20);
my %files = ('a.txt' => "a\n", 'big' => $big);

# One worker: whoever keeps it keeps out all others.
my $tined = Tined->start(
	args => ['-w', 1, '-k', '1h', '--head-timeout', '500ms',
		'--body-timeout', '500ms', '--send-timeout', '700ms',
		'-m', '/reflect=echo:body'],
	files => \%files,
);
# A busy machine may need longer than that between two requests.
my $brief = Tined->start(args => ['-w', 1, '-k', '300ms'],
	files => { 'a.txt' => "a\n" });

sub free_again ($server = $tined) {
	my $response = eval { $server->get('/a.txt') };
	return ok($response && $response->body eq "a\n",
		'its worker is free again') || diag($@);
}

# And not for one of the other deadlines, or by default.
sub took_about ($start, $expected, $name) {
	my $took = time - $start;

	cmp_ok($took, '>=', $expected * 0.8, "$name: not too soon");
	cmp_ok($took, '<', SOONER, "$name: not too late");
	return;
}

subtest 'a head that stalls' => sub {
	for my $first (0, 1) {
		my $sock = $tined->connect;
		$tined->get('/a.txt', sock => $sock, keep => 1) if $first;
		my $start = time;
		$tined->send($sock, "GET /a.txt HTTP/1.1\r\nHo");
		my $response = $tined->read_response($sock);
		took_about($start, 0.5, 'the answer');
		is($response->status, 408, 'is a 408');
		is($response->field('connection'), 'close', 'says close');
		ok($tined->is_closed($sock), 'is closed');
		close $sock;
		free_again();
	}
};

# Until its client is gone too, or for a bounded time.
subtest 'a refused client that does not go' => sub {
	my $sock = $tined->connect;

	$tined->send($sock, "BAD\r\n\r\n");
	is($tined->read_response($sock)->status, 400, 'is refused');
	free_again();
};

subtest 'a head that trickles' => sub {
	my $sock = $tined->connect;
	my $start = time;
	my $response;

	for my $byte (split //, "GET /a.txt HTTP/1.1\r\nX: " . 'x' x 200) {
		$tined->send($sock, $byte);
		sleep 0.06;
		last if ($response = eval {
			$tined->read_response($sock, timeout => 0) });
	}
	took_about($start, 0.5, 'the answer');
	is($response && $response->status, 408, 'one deadline for the whole');
	close $sock;
	free_again();
};

subtest 'empty lines are no head' => sub {
	my $sock = $brief->connect;
	my $start = time;

	$brief->send($sock, "\r\n");
	ok($brief->is_closed($sock), 'they end in silence');
	took_about($start, 0.3, 'the end');
	free_again($brief);
};

subtest 'nothing between requests' => sub {
	my $sock = $brief->connect;

	my $start = time;
	$brief->get('/a.txt', sock => $sock, keep => 1);
	ok($brief->is_closed($sock), 'is closed in silence');
	took_about($start, 0.3, 'the end');
	free_again($brief);
	$brief->ends_clean;
};

# For clients who must come within a time: one that a busy machine does not take
# by itself.
sub start_patient ($option, $time) {
	return Tined->start(args => ['-w', 1, $option, "${time}s"],
		files => \%files);
}

subtest 'requests within the time keep it open' => sub {
	my $time = slow();
	my $patient = start_patient('-k', $time);
	my $sock = $patient->connect;

	for (1 .. 12) {
		is($patient->get('/a.txt', sock => $sock, keep => 1)->status,
			200, 'answered');
		sleep $time / 10;
	}
	close $sock;
	$patient->ends_clean;
};

subtest 'a body that stalls' => sub {
	my $sock = $tined->connect;
	my $start = time;

	$tined->send($sock, "POST /reflect HTTP/1.1\r\nHost: a\r\n"
		. "Content-Length: 10\r\n\r\nabc");
	my $response = eval { $tined->read_response($sock) };
	took_about($start, 0.5, 'the end');
	ok(!$response || $response->status == 408,
		'408, or the end of an answer that had begun');
	is($response->field('connection'), 'close', 'says close') if $response;
	ok($tined->is_closed($sock) || $tined->was_reset($sock), 'is closed');
	close $sock;
	free_again();
};

subtest 'a body that nobody reads, and that stalls' => sub {
	my $sock = $tined->connect;

	$tined->send($sock, "POST /a.txt HTTP/1.1\r\nHost: a\r\n"
		. "Content-Length: 10\r\n\r\nabc");
	is($tined->read_response($sock)->status, 405, 'is answered');
	close $sock;
	free_again();
};

subtest 'a client that does not read' => sub {
	my $sock = $tined->connect(rcvbuf => 4096);
	my $start = time;

	$tined->send($sock, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
	ok(wait_for(sub { is_held($tined, $sock) }), 'it is served');
	ok(wait_for(sub { !is_held($tined, $sock) }), 'and given up');
	free_again();
	took_about($start, 0.7, 'that');
	ok(!eval { $tined->read_response($sock); 1 },
		'the response is not taken for a whole one');
};

subtest 'a client that reads slowly, and on' => sub {
	my $time = slow();
	my $patient = start_patient('--send-timeout', $time);
	my $sock = $patient->connect(rcvbuf => 1 << 16);
	my $start = time;

	$patient->send($sock, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
	while (time - $start < 2 * $time) {
		$patient->fill($sock);
		sleep 0.02 * $time;
	}
	ok($patient->read_response($sock)->body eq $big, 'gets it all');
	close $sock;
	$patient->ends_clean;
};

# After a refusal what the client still sends is drained, but not for ever.
subtest 'a client that sends on after a refusal' => sub {
	my $sock = $tined->connect;

	$tined->send($sock, "BAD\r\n\r\n");
	is($tined->read_response($sock)->status, 400, 'is refused');
	my $open = 1;
	my $end = deadline();
	while ($open && time < $end) {
		$open = $tined->send($sock, 'x');
		sleep 0.02;
	}
	ok(!$open, 'is closed in the end');
	free_again();
};

# No deadline comes to help.
subtest 'a client that goes in the middle' => sub {
	my $late = Tined->start(args => ['-w', 1, '-k', '1h', '--head-timeout',
		'1h', '--body-timeout', '1h', '--send-timeout', '1h'],
		files => \%files);

	for my $raw ('GET /a', "GET /big HTTP/1.1\r\nHost: a\r\n\r\n") {
		for my $reset (0, 1) {
			my $sock = $late->connect;
			$late->send($sock, $raw);
			$sock->setsockopt(Socket::SOL_SOCKET,
				Socket::SO_LINGER, pack 'ii', 1, 0) if $reset;
			close $sock;
			is(eval { $late->get('/a.txt')->body } // $@, "a\n",
				'its worker is free again');
		}
	}
	$late->ends_clean;
};

$tined->ends_clean;

# TCP_DEFER_ACCEPT keeps a silent TCP connection from the workers for a
# while; over a Unix socket they see it.
subtest 'a connection that never says anything' => sub {
	my $dir = File::Temp->newdir;
	my $unix = Tined->start(listen => 'none', files => \%files,
		args => ['-w', 1, '-k', '300ms', '--head-timeout', '500ms',
			'-l', "unix:$dir/sock"]);

	my $sock = $unix->connect(unix => "$dir/sock");
	my $start = time;
	ok($unix->is_closed($sock), 'is closed in silence');
	took_about($start, 0.3, 'within its deadline');
	is($unix->get('/a.txt', unix => "$dir/sock")->body, "a\n",
		'its worker is free again');
	$unix->ends_clean;
};

done_testing;
