# The laboratory's client: one connection, blocking, that keeps time.

package Lab::Client;

use v5.36;

use Socket qw(AF_INET IPPROTO_TCP MSG_NOSIGNAL SOCK_STREAM TCP_NODELAY
	inet_aton pack_sockaddr_in SOL_SOCKET SO_RCVBUF SO_RCVTIMEO SO_SNDTIMEO);
use Time::HiRes qw(sleep time);

use constant {
	TCP_INFO     => 11,
	TCP_QUICKACK => 12,
	MSG_FASTOPEN => 0x2000_0000,
	PATIENCE     => 10,
	PIECE        => 1 << 18,
	# Of struct tcp_info, tcp(7) and linux/tcp.h.
	OFFSETS => {
		options => [ 5,  'C' ], unacked => [ 24, 'L' ],
		rtt => [ 68, 'L' ], snd_cwnd => [ 80, 'L' ],
		segs_out => [ 136, 'L' ], segs_in => [ 140, 'L' ],
		data_segs_in => [ 152, 'L' ], data_segs_out => [ 156, 'L' ],
	},
	SYN_DATA => 32,    # tcpi_options: the SYN's data was acknowledged
};

# host, port, path; close: the server is to close after a response; quickack:
# acknowledgements at once (1), delayed from the first byte (0), or as the kernel
# likes (undef); rcvbuf: its room; late: seconds before it begins to receive.
sub new ($class, %option) {
	my $self = bless { path => '/', %option, bytes => '' }, $class;
	my $more = $option{close} ? "Connection: close\r\n" : '';

	$self->{request} = "GET $self->{path} HTTP/1.1\r\n"
		. "Host: $self->{host}\r\n$more\r\n";
	return $self;
}

sub _socket ($self) {
	socket(my $sock, AF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
	setsockopt $sock, IPPROTO_TCP, TCP_NODELAY, 1;
	my $time = pack 'l!l!', PATIENCE, 0;
	setsockopt $sock, SOL_SOCKET, $_, $time for SO_RCVTIMEO, SO_SNDTIMEO;
	setsockopt $sock, SOL_SOCKET, SO_RCVBUF, $self->{rcvbuf}
		if $self->{rcvbuf};
	@$self{qw(sock bytes)} = ($sock, '');
	return pack_sockaddr_in($self->{port}, inet_aton($self->{host}));
}

# Seconds that the handshake takes, or undef with $!.
sub open ($self) {
	my $address = $self->_socket;
	my $began   = time;

	connect $self->{sock}, $address or return;
	$self->_acknowledge;
	return time - $began;
}

sub is_open ($self) { return defined $self->{sock} }

# With the request in the SYN, if there is a cookie: seconds until the response is
# there.
sub fast_open ($self) {
	my $address = $self->_socket;
	my $began   = time;

	send $self->{sock}, $self->{request}, MSG_FASTOPEN | MSG_NOSIGNAL,
		$address
		or die "cannot connect: $!\n";
	$self->_receive(1);
	return time - $began;
}

# Whether the request has arrived with the SYN.
sub was_fast ($self) { return ($self->info->{options} & SYN_DATA) != 0 }

sub _acknowledge ($self) {
	setsockopt $self->{sock}, IPPROTO_TCP, TCP_QUICKACK, $self->{quickack}
		if defined $self->{quickack};
	return;
}

sub _fill ($self) {
	my $n = sysread $self->{sock}, $self->{bytes}, PIECE,
		length $self->{bytes};
	die 'no response: ' . (defined $n ? 'the end' : $!) . "\n" if !$n;
	$self->{first} //= time;
	$self->_acknowledge;
	return;
}

# Takes responses, which all have a length.
sub _receive ($self, $count) {
	for (1 .. $count) {
		my $end;
		until (($end = index $self->{bytes}, "\r\n\r\n") >= 0) {
			$self->_fill;
		}
		my $head = substr $self->{bytes}, 0, $end;
		die "a response other than 200: $head\n"
			if $head !~ m{^HTTP/1\.1 200 };
		my ($length) = $head =~ /^Content-Length: *(\d+)/mi;
		die "a response without a length: $head\n" if !defined $length;
		my $whole = $end + 4 + $length;
		$self->_fill while length $self->{bytes} < $whole;
		substr $self->{bytes}, 0, $whole, '';
		$self->{length} = $length;
	}
	return;
}

# Sends a batch of requests in one send.  Seconds until the last response is there.
sub ask ($self, $depth = 1) {
	my $began = time;

	$self->{first} = undef;
	defined syswrite $self->{sock}, $self->{request} x $depth
		or die "cannot send: $!\n";
	sleep $self->{late} if $self->{late};
	$self->_receive($depth);
	return time - $began;
}

# Of the last batch: seconds since the clock began until the first byte was there.
sub first ($self) { return $self->{first} }

sub content_length ($self) { return $self->{length} }

# For streams: sends the request, and returns the socket.
sub begin ($self) {
	defined syswrite $self->{sock}, $self->{request}
		or die "cannot send: $!\n";
	return $self->{sock};
}

sub info ($self) {
	my $info = getsockopt $self->{sock}, IPPROTO_TCP, TCP_INFO;
	return { map { ($_ => unpack OFFSETS->{$_}[1],
			substr $info, OFFSETS->{$_}[0], 4) }
			keys OFFSETS->%* };
}

sub close ($self) {
	CORE::close(delete $self->{sock}) if $self->{sock};
	return;
}

1;
