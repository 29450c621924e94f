package Tined::Client;

use v5.36;

use Carp       qw(croak);
use Errno      qw(EAGAIN ECONNRESET EINTR EPIPE);
use IO::Select ();
use IO::Socket::IP   ();
use IO::Socket::UNIX ();
use Socket qw(IPPROTO_TCP SOCK_STREAM SOL_SOCKET SO_RCVBUF TCP_NODELAY);
use Time::HiRes    qw(time);
use Tined::Helpers qw(PATIENCE deadline);
use Tined::Response qw($FIELD_LINE);

sub connect ($self, %option) {
	my $sock;

	if (defined $option{unix}) {
		$sock = IO::Socket::UNIX->new(Peer => $option{unix})
		    // croak "cannot connect to $option{unix}: $!";
	} else {
		my $host = $option{host} // $self->{host} // '127.0.0.1';
		my $size = $option{rcvbuf};
		$sock = IO::Socket::IP->new(
			PeerHost => $host,
			PeerPort => $option{port} // $self->{port},
			Type     => SOCK_STREAM,
			LocalHost => $option{from},
			$size ? (Sockopts =>
			    [[SOL_SOCKET, SO_RCVBUF, pack 'i', $size]]) : (),
		) // croak "cannot connect to $host: $@";
		setsockopt $sock, IPPROTO_TCP, TCP_NODELAY, 1;
	}
	$sock->blocking(0);
	${*$sock}{tined_buffer} = q{};
	return $sock;
}

# Writes it all, or dies at the deadline; false if the server has hung up.
sub send ($self, $sock, $bytes, %option) {
	my $deadline = deadline($option{timeout} // PATIENCE);

	local $SIG{PIPE} = 'IGNORE';
	while (length $bytes) {
		my $n = syswrite $sock, $bytes;
		if (defined $n) {
			substr $bytes, 0, $n, q{};
		} elsif ($! == EPIPE || $! == ECONNRESET) {
			return 0;
		} elsif ($! != EAGAIN && $! != EINTR) {
			croak "write: $!";
		} elsif (!IO::Select->new($sock)
			->can_write(_left($deadline))) {
			croak 'the server does not read';
		}
	}
	return 1;
}

sub _left ($deadline) {
	my $left = $deadline - time;
	return $left > 0 ? $left : 0;
}

# Adds what has come to the socket's buffer; false at end of file.  A reset
# counts as one, and is remembered.
sub fill ($self, $sock, $deadline = deadline()) {
	while (1) {
		my $buffer = \${*$sock}{tined_buffer};
		my $n = sysread $sock, $$buffer, 1 << 18, length $$buffer;
		return $n if defined $n;
		if ($! == ECONNRESET) {
			${*$sock}{tined_reset} = 1;
			return 0;
		}
		croak "read: $!" if $! != EAGAIN && $! != EINTR;
		IO::Select->new($sock)->can_read(_left($deadline))
		    or croak sprintf 'timed out; the %d bytes so far: %s',
		    length $$buffer, substr $$buffer, 0, 200;
	}
}

sub was_reset ($self, $sock) { return ${*$sock}{tined_reset} ? 1 : 0 }

# True if the server closes within the time, having sent nothing more.
sub is_closed ($self, $sock, $seconds = PATIENCE) {
	my $open = eval { $self->fill($sock, deadline($seconds)) } // -1;
	return $open == 0 && ${*$sock}{tined_buffer} eq q{};
}

sub is_open ($self, $sock, $seconds = 0.05) {
	my $open = eval { $self->fill($sock, time + $seconds) } // -1;
	return $open == -1;
}

sub request ($self, $raw, %option) {
	my $sock     = $option{sock} // $self->connect(%option);
	my $deadline = deadline($option{timeout} // PATIENCE);
	my @methods  = @{ $option{methods} // [] };

	if (my $size = $option{pieces}) {
		for my $piece (unpack "(a$size)*", $raw) {
			$self->send($sock, $piece) or last;
		}
	} else {
		$self->send($sock, $raw);
	}
	shutdown $sock, 1 if $option{half_close};

	my @responses;
	while ($option{all} || @responses < ($option{count} // 1)) {
		my $response = $self->read_response($sock,
			method   => shift(@methods) // $option{method},
			deadline => $deadline) // last;
		push @responses, $response;
	}
	return wantarray ? @responses : $responses[0];
}

sub get ($self, $path, %option) {
	my $method = $option{method} // 'GET';
	my @fields = ref $option{fields} eq 'ARRAY' ? $option{fields}->@*
	    : map { ($_ => $option{fields}{$_}) }
	    sort keys %{ $option{fields} // {} };
	my $body = $option{body};

	my %given = map { (lc $_ => 1) } @fields[grep { !($_ % 2) } 0 .. $#fields];
	unshift @fields, Host => 'localhost' unless $given{host};
	push @fields, Connection => 'close'
	    unless $option{keep} || $given{connection};
	push @fields, 'Content-Length' => length $body if defined $body;

	my $raw = "$method $path " . ($option{version} // 'HTTP/1.1') . "\r\n";
	while (my ($name, $value) = splice @fields, 0, 2) {
		$raw .= "$name: $value\r\n";
	}
	$raw .= "\r\n" . ($body // q{});

	my ($response, @more) = $self->request($raw, %option, method => $method,
		$option{keep} ? () : (all => 1));
	croak "no answer to $method $path" unless $response;
	croak "more than one answer to $method $path" if @more;
	return $response;
}

# Reads one final response; undef if the connection ends before it begins.
sub read_response ($self, $sock, %option) {
	my $deadline = $option{deadline} // deadline($option{timeout} // PATIENCE);
	my $buffer = \${*$sock}{tined_buffer};
	my @interim;

	while (1) {
		my $end;
		while (($end = index $$buffer, "\r\n\r\n") < 0) {
			next if $self->fill($sock, $deadline);
			return if $$buffer eq q{};
			croak "closed within a response's head: $$buffer";
		}
		my $head = substr $$buffer, 0, $end + 4, q{};
		my $response = Tined::Response->parse($head);
		$response->{interim} = \@interim;
		if ($response->{status} >= 200) {
			$self->_read_body($sock, $response,
				$option{method} // 'GET', $deadline);
			return $response;
		}
		push @interim, $response;
	}
}

# RFC 9112, section 6.3
sub _read_body ($self, $sock, $response, $method, $deadline) {
	my $length = $response->{fields}{'content-length'};
	my $coding = $response->{fields}{'transfer-encoding'};
	my $status = $response->{status};

	croak "both Content-Length and Transfer-Encoding:\n$response->{head}"
	    if $length && $coding;
	croak "Content-Length is not one number:\n$response->{head}"
	    if $length && (@$length != 1 || $length->[0] !~ /\A\d{1,18}\z/);
	if ($method eq 'HEAD' || $status == 204 || $status == 304) {
		croak "framing on $status:\n$response->{head}"
		    if $status == 204 && ($length || $coding);
		$response->{framing} = 'none';
	} elsif ($coding) {
		croak "coding is not chunked:\n$response->{head}"
		    if "@$coding" ne 'chunked';
		$response->{framing} = 'chunked';
		$self->_read_chunks($sock, $response, $deadline);
	} elsif ($length) {
		$response->{framing} = 'length';
		$response->{body} = $self->_take($sock, $length->[0],
			$deadline);
	} else {
		$response->{framing} = 'close';
		1 while $self->fill($sock, $deadline);
		$response->{body} = ${*$sock}{tined_buffer};
		${*$sock}{tined_buffer} = q{};
	}
	return;
}

sub _take ($self, $sock, $size, $deadline) {
	my $buffer = \${*$sock}{tined_buffer};

	while (length $$buffer < $size) {
		$self->fill($sock, $deadline)
		    or croak sprintf 'closed %d bytes short of %d',
		    $size - length $$buffer, $size;
	}
	return substr $$buffer, 0, $size, q{};
}

sub _take_line ($self, $sock, $deadline) {
	my $buffer = \${*$sock}{tined_buffer};
	my $end;

	while (($end = index $$buffer, "\r\n") < 0) {
		$self->fill($sock, $deadline)
		    or croak "closed within a line: $$buffer";
	}
	return substr($$buffer, 0, $end + 2, q{}) =~ s/\r\n\z//r;
}

sub _read_chunks ($self, $sock, $response, $deadline) {
	while (1) {
		my $line = $self->_take_line($sock, $deadline);
		$line =~ /\A[0-9A-Fa-f]{1,15}\z/
		    or croak "not a chunk's size: $line";
		my $size = hex $line or last;
		$response->{chunks}++;
		$response->{body} .= $self->_take($sock, $size, $deadline);
		$self->_take($sock, 2, $deadline) eq "\r\n"
		    or croak 'no CRLF behind a chunk';
	}
	while ((my $line = $self->_take_line($sock, $deadline)) ne q{}) {
		$line =~ $FIELD_LINE or croak "not a trailer: $line";
		push $response->{trailers}{ lc $1 }->@*, $2;
	}
	return;
}

1;

__END__

=head1 NAME

Tined::Client - talk to a server under test, and forgive it nothing

=head1 DESCRIPTION

These are methods of L<Tined>.

=over

=item connect(unix => PATH | host => , port => , from => , rcvbuf => BYTES)

A non-blocking socket; C<from> is the address at this end.

=item send($sock, $bytes)

Writes it all; false if the server has hung up.

=item request($bytes, %option)

Writes and reads one response, or C<count> of them, or C<< all => 1 >> until
the server closes.  C<sock> is a connection to use, C<pieces> the size of each
write, C<half_close> ends the sending, C<methods> or C<method> tell which
responses have no body, C<timeout> is for all.

=item get($path, %option)

One request, C<method> GET, C<fields> a hash or a list, C<body>, C<version>.
It asks to close and reads on until the server does, unless C<keep> is true.

=item read_response($sock, method => , timeout => )

The next one, a L<Tined::Response>; undef at end of file.  Dies at whatever RFC
9112 forbids, and at the deadline.

=item is_closed($sock, SECONDS), is_open($sock, SECONDS), was_reset($sock)

Whether the server hangs up within the time, with nothing more to say; whether
it does neither; whether it did so by a reset.

=back

=cut
