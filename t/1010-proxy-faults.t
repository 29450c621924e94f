# proxy: servers that are slow, broken off, gone, or hostile; and clients that are.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Select;
use Test::More;
use Time::HiRes qw(sleep time);
use Tined    qw(PATIENCE free_port need_tools slurp wait_for);
use Tined::Process qw(may_limit set_limit);
use Upstream qw(read_head read_request reset_close respond);

my $FAILED = qr/ error: "[^"]*" from \S+: upstream \S+: /;

sub start ($ups, $more = q{}, @args) {
	my ($first, @others) = ref $ups eq 'ARRAY' ? @$ups : $ups;

	return Tined->start(args => ['-w', 1, '-m', '/=proxy:' . $first->url
		. join(q{}, map { ',upstream=' . $_->address } @others)
		. $more, @args]);
}

sub send_all ($conn, @text) {
	print {$conn} @text;
	$conn->flush;
	return 1;
}

# Answers each request with its own text.
sub saying ($text, %option) {
	return Upstream->start(sub ($conn, $, $up) {
		while (my ($head) = read_request($conn)) {
			$up->note($head =~ s/ HTTP.*//sr);
			send_all($conn, $text);
			return if $option{once};
		}
	}, %option);
}

my $LARGE = join q{}, map { "X-$_: " . 'y' x 1000 . "\r\n" } 1 .. 70;
my %BAD = (
	"SSH-2.0-x\r\n\r\n"        => qr/does not begin with HTTP/,
	"HTTP/2.0 200 OK\r\n\r\n"  => qr/does not begin with HTTP/,
	"HTTP/1.1 700 OK\r\n\r\n"  => qr/none of 100 to 599/,
	"HTTP/1.1 200 OK\nA: b\n\n" => qr/does not end in CRLF/,
	"HTTP/1.1 200 OK\r\nA: b\rSet-Cookie: c\r\n\r\n" => qr/no field/,
	"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n" => qr/no field/,
	"HTTP/1.1 200 OK\r\nA : b\r\n\r\n"      => qr/no field/,
	"HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n"     => qr/no field/,
	"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"
		=> qr/two Content-Length/,
	"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n"
		. "\r\n0\r\n\r\n" => qr/both/,
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"
		=> qr/another than chunked/,
	"HTTP/1.1 200 OK\r\n$LARGE\r\n"      => qr/its head is too large/,
	"HTTP/1.1 200 OK\r\n" . "A: b\r\n" x 300 . "\r\n" => qr/too many fields/,
	"HTTP/1.1 101 Switching Protocols\r\n\r\n"  => qr/switches protocols/,
	"HTTP/1.1 102 Processing\r\n\r\n" x 100     => qr/too many interim/,
	"HTTP/1.1 103 Early Hints\r\n\r\n"        => qr/broke off its response/,
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"
		=> qr/chunks are malformed/,
	q{}                        => qr/closed the connection, and sent nothing/,
	'HTTP/1.1 2'               => qr/broke off its response/,
);

subtest 'responses that are wrong are 502' => sub {
	my @texts = sort keys %BAD;
	my $up = Upstream->start(sub ($conn, @) {
		my ($head) = read_request($conn);
		my ($i) = $head =~ m{ /(\d+) };
		send_all($conn, $texts[$i]);
	});
	my $tined = start($up);

	for my $i (0 .. $#texts) {
		my $name = substr($texts[$i] =~ s/[^ -~]/./gr, 0, 60);
		my $response = $tined->get("/$i");

		is($response->status, 502, $name);
		like($response->body, qr/502 Bad Gateway/, 'with a page');
		ok((grep { m{/$i HTTP.*$BAD{$texts[$i]}} } $tined->error_log),
			'the log says why');
	}
	$tined->ends_clean($FAILED);
};

subtest 'what breaks off later is cut off' => sub {
	my $rest = 'x' x 100_000;
	my %texts = (
		'/short'  => "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n$rest",
		'/chunks' => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
			. "30000\r\n$rest",
		'/bad'    => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
			. "186a0\r\n${rest}x",
	);
	my $up = Upstream->start(sub ($conn, @) {
		my ($head) = read_request($conn);
		my ($path) = $head =~ m{ (/\S+) };
		send_all($conn, $texts{$path});
	});
	my $tined = start($up);

	for my $path (sort keys %texts) {
		ok(!eval { $tined->get($path); 1 }, "$path: not whole")
		    or diag($tined->access_log);
	}
	ok(!(grep { /wrong response/ } $tined->error_log), 'no fault of ours');
	$tined->ends_clean($FAILED);
};

subtest 'more than was declared is not another response' => sub {
	my $up = Upstream->start(sub ($conn, $nth, $up) {
		while (my ($head) = read_request($conn)) {
			$up->note("$nth");
			send_all($conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
				. "\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n"
				. "\r\npoison");
		}
	});
	my $tined = start($up);
	my $sock  = $tined->connect;

	for (1 .. 3) {
		is($tined->get('/', sock => $sock, keep => 1)->body, 'ok',
			'the response');
	}
	is(join(q{ }, $up->notes), '0 1 2', 'each by a connection of its own');
	$tined->ends_clean;
};

subtest 'limits' => sub {
	my $up = Upstream->start(sub ($conn, @) {
		my ($head) = read_request($conn);
		send_all($conn, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")
		    if $head =~ m{ /stops };
		sysread $conn, my $end, 1;
	});
	my $tined = start($up, ',idle-timeout=200ms', '-m',
		'/silent=proxy:' . $up->url . ',first-byte-timeout=100ms');

	is($tined->get('/silent')->status, 504, 'no response');
	ok(!eval { $tined->get('/stops'); 1 }, 'it stops: cut off');
	ok((grep { /does not respond in time/ } $tined->error_log), 'why');
	ok((grep { /does not finish its resp/ } $tined->error_log), 'and why');
	$tined->ends_clean($FAILED);
};

subtest 'a server that cannot be reached' => sub {
	my $port  = free_port();
	my $dir   = File::Temp->newdir;
	my $full  = IO::Socket::IP->new(LocalHost => '127.0.0.1', Listen => 0,
		Type => Socket::SOCK_STREAM);
	my $tined = Tined->start(args => ['-w', 1,
			'-m', "/none=proxy:http://127.0.0.1:$port",
			'-m', "/path=proxy:unix:$dir/none",
			'-m', '/full=proxy:http://127.0.0.1:' . $full->sockport
			. ',connect-timeout=200ms']);

	is($tined->get('/none')->status, 503, 'nobody listens');
	is($tined->get('/path')->status, 503, 'no socket');
	listen $full, 0 or die $!;	# IO::Socket takes 0 for 5
	# A queue of 0 has room for one; it is in it when the listener can accept.
	my $fill = IO::Socket::IP->new(PeerHost => '127.0.0.1',
		PeerPort => $full->sockport, Type => Socket::SOCK_STREAM);
	IO::Select->new($full)->can_read(PATIENCE) or die 'not connected';
	my $status = $tined->get('/full')->status;
	is($status, 504, 'it accepts nobody');
	$tined->ends_clean($FAILED);
};

subtest 'several servers' => sub {
	my @ups = map { saying("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n$_") }
	    0 .. 2;
	my $tined = start(\@ups);
	my $sock  = $tined->connect;
	my $get = sub { $tined->get('/', sock => $sock, keep => 1)->body };

	is(join(q{}, map { $get->() } 1 .. 6), '012012', 'take turns');
	$ups[1]->stop;
	my $said = join q{}, map { $get->() } 1 .. 12;
	like($said, qr/\A[02]{12}\z/, 'one that has gone is left out');
	is((grep { /leaves it out for 1 s/ } $tined->error_log), 1, 'once');
	$ups[1] = saying("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1",
		port => $ups[1]->port);
	ok(wait_for(sub { $get->() eq 1 }), 'and taken again when it is back');
	$tined->ends_clean(qr/leaves it out/);
};

# With --no-lot, the worker has the client all the time, and nothing else to open.
subtest 'a shortage of descriptors is no fault of a server' => sub {
	need_tools('prlimit');
	my @ups = map { saying("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n$_") }
	    0 .. 1;
	my $tined = start(\@ups, ',keepalive=0', '--no-lot', '-k', '1h');
	my ($worker) = $tined->all_workers(1);
	plan skip_all => 'no right to prlimit' unless may_limit($worker);
	my $sock  = $tined->connect;
	my $get = sub { $tined->get('/', sock => $sock, keep => 1) };

	is($get->()->body, 0, 'the first server');
	set_limit($worker, nofile => 3);
	is($get->()->status, 503, "no descriptor for a connection, $_")
	    for 1 .. 3;
	set_limit($worker, nofile => undef);
	like(join(q{}, map { $get->()->body } 1 .. 4), qr/\A(?:0101|1010)\z/,
		'then all servers have their turns');
	is((grep { /cannot connect: Too many open files/ } $tined->error_log),
		3, 'the log says why');
	$tined->ends_clean($FAILED);
};

# One whose queue is full: it accepts nobody.
sub full_queue ($dir) {
	my $listener = IO::Socket::UNIX->new(Local => "$dir/full", Listen => 1,
		Type => Socket::SOCK_STREAM) // die "listen: $!";
	my @waiting;

	chmod oct '0777', "$dir/full";
	while (1) {
		my $client = IO::Socket::UNIX->new(Type => Socket::SOCK_STREAM,
			Blocking => 0) // die "socket: $!";
		connect $client, Socket::pack_sockaddr_un("$dir/full") or last;
		push @waiting, $client;
	}
	return ($listener, @waiting);
}

subtest 'a full queue of a Unix socket' => sub {
	my $dir = File::Temp->newdir('full-XXXXXX', TMPDIR => 1);
	my $up = saying("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
	my ($listener, @waiting) = full_queue($dir);
	my $tined;

	chmod oct '0755', "$dir";
	$tined = Tined->start(args => ['-w', 2,
		'-m', "/a=proxy:unix:$dir/full,upstream=" . $up->address
		    . ',connect-timeout=1h',
		'-m', "/b=proxy:unix:$dir/full,connect-timeout=1h",
		'-m', "/c=proxy:unix:$dir/full,connect-timeout=200ms"]);
	is($tined->get('/a')->body, 1, "another server has the request, $_")
	    for 1 .. 4;
	is($tined->get('/c')->status, 503, 'or nobody');
	my $sock = $tined->connect;

	$tined->send($sock, "GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
	ok($tined->is_open($sock, 0.1), 'a single server is waited for');
	$listener->accept for @waiting;
	@waiting = ();
	my $conn = $listener->accept;

	read_head($conn);
	send_all($conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate");
	is($tined->read_response($sock)->body, 'late', 'until it has room');
	$tined->ends_clean($FAILED);
};

subtest 'kept connections that were closed meanwhile' => sub {
	my $up = Upstream->start(sub ($conn, $nth, $up) {
		for my $i (0 .. 1) {
			my ($head, $body) = read_request($conn) or return;
			$up->note("$nth " . $head =~ s/ HTTP.*//sr);
			# The second request of a connection is its end.
			return reset_close($conn) if $i && $head =~ m{ /reset };
			return if $i;
			respond($conn, "$nth$body");
		}
	});
	my $tined = start($up, ',keepalive=1m');
	my $sock  = $tined->connect;
	my $get = sub ($path, %more) {
		$tined->get($path, sock => $sock, keep => 1, %more) };

	is($get->('/')->body, 0, 'a first request');
	is($get->('/')->body, 1, 'the second is sent again');
	is(join(q{|}, $up->notes), '0 GET /|0 GET /|1 GET /', 'by another one');
	is($get->('/reset')->body, 2, 'after a reset, too');
	is($get->('/', method => 'PUT', body => 'abc')->body, '3abc',
		'with its content');
	is($get->('/', method => 'POST', body => 'abc')->status, 502,
		'but no POST');
	ok((grep { /POST.*closed the connection, and sent/ } $tined->error_log),
		'the log says why');
	is($get->('/', method => 'POST', body => 'x')->body, '4x', 'POST');
	my $large = 'y' x 1_000_000;
	is($get->('/', method => 'PUT', body => $large)->status, 502,
		'nor when the content is gone');
	$tined->ends_clean($FAILED);
};

subtest 'idle workers keep no connection' => sub {
	my $up = Upstream->start(sub ($conn, $, $up) {
		while (my ($head) = read_request($conn)) {
			respond($conn, 'a');
		}
		$up->note('closed');
	});
	my $tined = start($up, ',keepalive=200ms');

	is($tined->get('/')->body, 'a', 'a request');
	ok($up->noted(qr/closed/), 'its connection is closed after a while');
	$up->forget;
	is($tined->get('/', sock => $tined->connect, keep => 1)->body, 'a',
		'another');
	$tined->ends_clean;
	my $never = start($up, ',keepalive=0');
	$up->forget;
	is($never->get('/')->body, 'a', 'keepalive=0');
	ok($up->noted(qr/closed/), 'closed at once');
	$never->ends_clean;
};

subtest 'a server that answers before it has read' => sub {
	my $up = Upstream->start(sub ($conn, $, $up) {
		my $head = read_head($conn);
		respond($conn, 'early', Connection => 'close');
		$up->note('answered');
		1 while $head =~ m{ /reads } && sysread $conn, my $bytes, 1 << 16;
	});
	my $tined = start($up);

	for my $path (qw(/reads /closes)) {
		my $sock = $tined->connect;
		my $response = $tined->request("POST $path HTTP/1.1\r\nHost: a\r\n"
			. "Content-Length: 100000000\r\n\r\n" . 'x' x 1_000_000,
			sock => $sock);
		is($response->status, 200, "$path: its answer arrives");
		is($response->body, 'early', 'whole');
	}
	$tined->ends_clean($FAILED);
};

subtest 'a server that never reads' => sub {
	my $up = Upstream->start(sub ($conn, $, $up) {
		read_head($conn);
		$up->noted('end');
	}, rcvbuf => 4096);
	my $tined = start($up, ',idle-timeout=300ms');
	my $sock  = $tined->connect;

	$tined->send($sock, "POST / HTTP/1.1\r\nHost: a\r\n"
		. "Content-Length: 1000000000\r\n\r\n");
	my $sent = 0;
	while (!${*$sock}{tined_buffer}) {
		my $n = syswrite $sock, 'x' x 65536;
		last if !defined $n && $!{EPIPE} || $!{ECONNRESET};
		$sent += $n // 0;
		sysread $sock, ${*$sock}{tined_buffer}, 65536;
		sleep 0.01 if !$n;
	}
	my $response = $tined->read_response($sock);
	is($response->status, 504, 'late with reading');
	cmp_ok($sent, '<', 50_000_000, 'not all was read from the client');
	ok((grep { /does not read the request/ } $tined->error_log), 'why');
	$up->note('end');
	$tined->ends_clean($FAILED);
};

subtest 'clients that go' => sub {
	my $up = Upstream->start(sub ($conn, $, $up) {
		my $head = read_head($conn);
		$up->note('asked');
		sleep 0.2 if $head =~ m{ /soon };
		return respond($conn, 'soon') if $head =~ m{ /soon };
		send_all($conn, "HTTP/1.1 200 OK\r\n\r\n",
			'x' x 10_000_000) if $head =~ m{ /much };
		sysread $conn, my $end, 1;
		$up->note('closed');
	});
	my $tined = start($up, q{}, '--body-buffer', 0);

	is($tined->request("GET /soon HTTP/1.1\r\nHost: a\r\n\r\n",
			half_close => 1)->body, 'soon',
		'one that has closed its half gets a response that comes soon');
	for my $path (qw(/never /much)) {
		my $sock = $tined->connect;
		$up->forget;
		$tined->send($sock, "GET $path HTTP/1.1\r\nHost: a\r\n\r\n");
		ok($up->noted(qr/asked/), "$path: it asks");
		my $from = time;
		close $sock;
		ok($up->noted(qr/closed/), 'and the server learns that it has gone');
	}
	my $sock = $tined->connect;
	$up->forget;
	$tined->send($sock, "POST /never HTTP/1.1\r\nHost: a\r\n"
		. "Content-Length: 9\r\nExpect: 100-continue\r\n\r\n");
	ok($up->noted(qr/asked/), 'content that never comes');
	close $sock;
	ok($up->noted(qr/closed/), 'and the server learns it');
	$tined->ends_clean;
};

subtest 'events arrive when they are sent' => sub {
	my $up = Upstream->start(sub ($conn, @) {
		read_head($conn);
		send_all($conn, "HTTP/1.1 200 OK\r\nContent-Type: text/x\r\n\r\n");
		while (sysread $conn, my $more, 1) {
			send_all($conn, "event\n");
		}
	});
	my $tined = start($up);
	my $sock  = $tined->connect;
	my $buffer = \${*$sock}{tined_buffer};

	$tined->send($sock, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	ok(wait_for(sub { $tined->fill($sock); $$buffer =~ /\r\n\r\n/ }),
		'a head without content');
	close $sock;
	$tined->ends_clean;
};

subtest 'the memory of a worker' => sub {
	my $up = Upstream->start(sub ($conn, $, $up) {
		my $head = read_head($conn);
		my ($left) = $head =~ /^Content-Length: (\d+)/m;
		$left -= length ${*$conn}{upstream_buffer};
		while ($left > 0) {
			$left -= sysread($conn, my $bytes, 1 << 20) || last;
		}
		send_all($conn, "HTTP/1.1 200 OK\r\n\r\n");
		for (1 .. 200) {
			send_all($conn, 'x' x (1 << 20));
		}
	});
	my $tined = start($up, q{}, '--max-body', '1G');
	my ($worker) = grep { Tined::title($_) =~ /worker/ } $tined->living_pids;
	my $memory = sub {
		slurp("/proc/$worker/status") =~ /^VmHWM:\s+(\d+)/m; $1 };
	my $sock = $tined->connect;
	my $before = $memory->();
	my $size = 200 << 20;

	$tined->send($sock, "POST / HTTP/1.1\r\nHost: a\r\n"
		. "Content-Length: $size\r\n\r\n");
	for (1 .. 200) {
		$tined->send($sock, 'y' x (1 << 20));
	}
	my $got = 0;
	$got += length ${*$sock}{tined_buffer}, ${*$sock}{tined_buffer} = q{}
	    while $got < $size && $tined->fill($sock);
	cmp_ok($got, '>=', $size, '200 MB both ways');
	cmp_ok($memory->() - $before, '<', 2048, 'in constant memory')
	    if !Tined->is_sanitized;
	close $sock;
	$tined->ends_clean;
};

done_testing;
