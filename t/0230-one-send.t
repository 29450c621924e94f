# Whatever is ready leaves in one send: counted with strace, and on the wire.

use v5.36;

use Errno qw(EAGAIN);
use FindBin;
use lib "$FindBin::Bin/lib";
use Lot    qw(median);
use Socket qw(SOCK_RAW SOL_SOCKET);
use Test::More;
use Time::HiRes qw(sleep time);
use Tined qw(deadline is_as_quick need_tools);
use Trace ();

use constant {
	AF_PACKET        => 17,
	ETH_P_IP         => 0x0800,
	SO_ATTACH_FILTER => 26,
	# A stall would be of 40 ms, a hundred times what a reply takes.
	STALL            => 10,
};

need_tools('strace');

my $tined = Tined->start(
	args => ['-w', 1, '-k', '30s', '-m', '/bench=echo:10000',
		'-m', '/small=echo:200'],
	files => { 'a.txt' => "a\n", 'ten' => 'x' x 10_000,
		'200' => 'y' x 200 },
);
my ($worker) = $tined->all_workers(1);

# Calls that send bytes to the client.  A log is no TCP socket.
my $SENDS = qr{^(?:\d+\s+)?(sendto|sendmsg|sendmmsg|write|writev|pwritev2|
	sendfile|splice|vmsplice)\((?:\d+<TCP|[^)]*,\ \d+<TCP)}mx;

sub trace ($code) {
	return Trace::trace('network,write,writev,pwritev2,sendfile,splice,'
		. 'vmsplice', $code, $worker);
}

sub asking ($path, $method = 'GET', @fields) {
	return join "\r\n", "$method $path HTTP/1.1", 'Host: a', @fields,
	    q{}, q{};
}

sub sends_are ($raw, $count, $expected, $name, %option) {
	subtest $name => sub {
		my $sock = $tined->connect;
		my @responses;
		my $trace = trace(sub {
			@responses = $tined->request($raw, sock => $sock,
				count => $count, %option);
		});
		close $sock;
		plan skip_all => 'no strace here' unless defined $trace;
		is(scalar @responses, $count, "$count answered");
		my @sends = $trace =~ /$SENDS/g;
		is(scalar @sends, $expected, "sent by: @sends")
		    or diag($trace);
	};
	return;
}

my $etag = $tined->get('/ten')->field('etag');

sends_are(asking('/200'), 1, 1, 'a file of 200 bytes');
sends_are(asking('/small'), 1, 1, 'an echo of 200 bytes');
sends_are(asking('/ten'), 1, 1, 'a file of 10,000 bytes');
sends_are(asking('/bench'), 1, 1, 'an echo of 10,000 bytes');
sends_are(asking('/none'), 1, 1, 'an error');
sends_are(asking('/ten', 'HEAD'), 1, 1, 'a HEAD', method => 'HEAD');
sends_are(asking('/ten', 'GET', "If-None-Match: $etag"), 1, 1, 'a 304');
sends_are(asking('/ten', 'GET', 'Range: bytes=100-199'), 1, 1, 'a range');
sends_are(asking('/a.txt') x 16, 16, 1, 'sixteen pipelined files');
sends_are(asking('/small') x 16, 16, 1, 'sixteen pipelined echoes');
sends_are(asking('/none') x 16, 16, 1, 'sixteen pipelined errors');
sends_are(asking('/a.txt', 'GET', 'Connection: close'), 1, 1,
	'the last response');

subtest 'a connection of one request' => sub {
	my $trace = trace(sub {
		$tined->request(asking('/200', 'GET', 'Connection: close'));
	});
	plan skip_all => 'no strace here' unless defined $trace;
	like($trace, qr/\bsendmsg\(/, 'is answered by the worker');
	unlike($trace, qr/\bsetsockopt\(/,
		'without options: the worker waits for nothing');
};

# A socket that sees what leaves the port over IPv4, and nothing else: with
# all the traffic of a busy loopback it would overflow, even in the moment
# before it has its filter, so it gets none before it is bound.
sub open_wire ($port) {
	my @filter = (
		[0x28, 0, 0, 34],       # ldh [34]: TCP's source port
		[0x15, 0, 1, $port],    # jeq: or skip one
		[0x06, 0, 0, 1 << 18],  # ret: all of it
		[0x06, 0, 0, 0],        # ret: nothing
	);
	my $program = join q{}, map { pack 'S C C L', @$_ } @filter;

	socket(my $wire, AF_PACKET, SOCK_RAW, 0) or return;
	setsockopt $wire, SOL_SOCKET, SO_ATTACH_FILTER,
	    pack 'S x![P] P', scalar @filter, $program
	    or return;
	# struct sockaddr_ll of packet(7): any interface.
	bind $wire, pack 'S n x16', AF_PACKET, ETH_P_IP or return;
	$wire->blocking(0);
	return $wire;
}

# The segments that the server sends, with the bytes they carry.
sub segments ($raw, $count) {
	my $wire = open_wire($tined->port) or return;
	my $sock = $tined->connect;
	my $port = $sock->sockport;
	$tined->request($raw, sock => $sock, count => $count);
	shutdown $sock, 1;
	$tined->is_closed($sock);

	my @sizes;
	my $finished;
	my $deadline = deadline();
	while (!$finished && time < $deadline) {
		my $frame;
		if (!defined recv $wire, $frame, 1 << 17, 0) {
			die "recv: $!" if $! != EAGAIN;
			sleep 0.001;
			next;
		}
		my $ip = substr $frame, 14;
		my ($version, $length, $protocol) = unpack 'C x n x5 C', $ip;
		next if $version >> 4 != 4 || $protocol != 6;
		my $tcp = substr $ip, 4 * ($version & 15);
		my ($from, $to, $offset, $flags) = unpack 'n n x8 C C', $tcp;
		next if $from != $tined->port || $to != $port;
		my $size = $length - 4 * ($version & 15) - 4 * ($offset >> 4);
		push @sizes, $size if $size > 0;
		$finished = 1 if $flags & 1;
	}
	return \@sizes;
}

subtest 'on the wire' => sub {
	my $sizes = segments(asking('/200'), 1);
	if (!$sizes) {
		diag("NOT TESTED: cannot capture packets here: $!");
		plan skip_all => 'needs the right to capture packets';
	}
	is(scalar @$sizes, 1, "a file of 200 bytes: one segment of @$sizes");
	$sizes = segments(asking('/small'), 1);
	is(scalar @$sizes, 1, "an echo of 200 bytes: one segment of @$sizes");
	$sizes = segments(asking('/a.txt') x 16, 16);
	is(scalar @$sizes, 1, "sixteen pipelined: one segment of @$sizes");
	$sizes = segments(asking('/ten'), 1);
	is(scalar @$sizes, 1, "10,000 bytes: one segment of @$sizes, as the "
		. 'loopback has room for 64 KiB in each');
};

# Where a server with two sends stalls: each reply would take 40 ms, but the
# first of a connection.
subtest 'no reply waits for an acknowledgement' => sub {
	my $took = sub ($count, $sock = $tined->connect) {
		my $start = time;
		$tined->request(asking('/bench') x $count, sock => $sock,
			count => $count);
		return time - $start;
	};
	my $new = sub () { return median(map { $took->(1) } 1 .. 50) };
	# Closed before new ones are made: with --no-lot it holds the worker.
	my $kept = sub ($count, $times) {
		my $sock = $tined->connect;
		my $median = median(map { $took->($count, $sock) } 1 .. $times);
		close $sock;
		return $median / $count;
	};

	is_as_quick(STALL, 'half of them', sub { $kept->(1, 50) }, $new);
	is_as_quick(STALL, 'nor do sixteen at once', sub { $kept->(16, 5) },
		$new);
};

$tined->ends_clean;

done_testing;
