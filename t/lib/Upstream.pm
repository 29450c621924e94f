# A server behind a gateway under test, which does what a test tells it: also what
# no server should.

package Upstream;

use v5.36;

use Carp               qw(croak);
use Errno              qw(EINTR);
use Exporter           qw(import);
use File::Temp         ();
use IO::Select         ();
use IO::Socket::IP     ();
use IO::Socket::UNIX   ();
use POSIX              ();
use Socket             qw(SOCK_STREAM SOL_SOCKET SO_LINGER SO_RCVBUF);
use Tined::Helpers     qw(slurp wait_for);

our @EXPORT_OK = qw(read_head read_request reset_close respond);

use constant PIECE => 1 << 16;

# Listens, and calls the code for each connection in a process of its own, with
# its socket, how many came before, and the object.  What it tells by ->note is in
# ->notes.
sub start ($class, $code, %option) {
	my $dir = File::Temp->newdir('upstream-XXXXXX', TMPDIR => 1);
	my $self = bless { dir => $dir, owner => $$, code => $code,
		path => "$dir/socket" }, $class;

	chmod oct '0755', $dir;
	$self->{sock} = $option{unix}
	    ? IO::Socket::UNIX->new(Local => $self->{path}, Listen => 64)
	    : IO::Socket::IP->new(LocalHost => $option{host} // '127.0.0.1',
		LocalPort => $option{port} // 0, Type => SOCK_STREAM,
		Listen => $option{backlog} // 64, ReuseAddr => 1,
		$option{rcvbuf} ? (Sockopts =>
			[[SOL_SOCKET, SO_RCVBUF, pack 'i', $option{rcvbuf}]]) : ());
	$self->{sock} // croak "cannot listen: $! $@";
	chmod oct '0777', $self->{path} if $option{unix};
	$self->{port} = $self->{sock}->sockport unless $option{unix};
	open $self->{out}, '>>', "$dir/notes" or croak "notes: $!";
	$self->{out}->autoflush(1);
	pipe $self->{end}, my $alive or croak "pipe: $!";
	$self->{pid} = fork // croak "fork: $!";
	if ($self->{pid} == 0) {
		close $alive;
		$self->_serve;
	}
	$self->{alive} = $alive;
	close $self->{sock};
	return $self;
}

sub _serve ($self) {
	local $SIG{CHLD} = 'IGNORE';
	local $SIG{PIPE} = 'IGNORE';

	POSIX::setpgid(0, 0);
	my $both = IO::Select->new(@$self{qw(sock end)});
	for (my $count = 0; ; $count++) {
		kill 'KILL', -$$ if grep { $_ == $self->{end} } $both->can_read;
		my $conn = $self->{sock}->accept // next;
		my $pid = fork // POSIX::_exit(1);
		if ($pid == 0) {
			close $self->{sock};
			eval { $self->{code}->($conn, $count, $self); 1 }
			    or $self->note("died: $@");
			close $conn;
			POSIX::_exit(0);
		}
		close $conn;
	}
	return;
}

sub port ($self) { return $self->{port} }

# What --mount wants, behind KIND:
sub address ($self) {
	return $self->{port} ? "127.0.0.1:$self->{port}" : "unix:$self->{path}";
}

sub url ($self) {
	return $self->{port} ? "http://127.0.0.1:$self->{port}"
	    : "unix:$self->{path}";
}

# A line, from any process.
sub note ($self, $text) {
	syswrite $self->{out}, $text =~ s/\n/\\n/gr . "\n";
	return;
}

sub notes ($self) { return split /\n/, slurp("$self->{dir}/notes") }

# Waits for a note.
sub noted ($self, $pattern) {
	return wait_for(sub { grep { /$pattern/ } $self->notes });
}

sub forget ($self) {
	truncate $self->{out}, 0;
	return;
}

# The processes of all connections end with it; and so does it with the test.
sub stop ($self) {
	my $pid = delete $self->{pid} // return;

	kill 'KILL', -$pid or kill 'KILL', $pid;
	waitpid $pid, 0;
	return;
}

sub DESTROY ($self) {
	return if $self->{owner} != $$;
	local ($?, $@, $!);
	$self->stop;
	return;
}

# Reads a head; undef at the end of the connection.  What is behind it stays in
# the socket's buffer.
sub read_head ($conn) {
	my $buffer = \(${*$conn}{upstream_buffer} //= q{});

	while ($$buffer !~ /\r\n\r\n/) {
		my $n = sysread $conn, $$buffer, PIECE, length $$buffer;
		next if !defined $n && $! == EINTR;
		return unless $n;
	}
	$$buffer =~ s/\A(.*?\r\n\r\n)//s;
	return $1;
}

# Reads a head and the content that it has; in list context both.
sub read_request ($conn) {
	my $head = read_head($conn) // return;
	my $buffer = \${*$conn}{upstream_buffer};
	my $body = q{};

	if ($head =~ /^Content-Length: (\d+)\r$/mi) {
		$body = _take($conn, $1);
	} elsif ($head =~ /^Transfer-Encoding: chunked\r$/mi) {
		while (1) {
			$$buffer .= _more($conn) while $$buffer !~ /\r\n/;
			$$buffer =~ s/\A([0-9a-fA-F]+)\r\n// or die "no chunk\n";
			my $size = hex $1;
			$body .= _take($conn, $size);
			_take($conn, 2) eq "\r\n" or die "no end of a chunk\n";
			last if $size == 0;
		}
	}
	return wantarray ? ($head, $body) : $head;
}

sub _more ($conn) {
	sysread $conn, my $bytes, PIECE or die "the request breaks off\n";
	return $bytes;
}

sub _take ($conn, $size) {
	my $buffer = \${*$conn}{upstream_buffer};

	$$buffer .= _more($conn) while length $$buffer < $size;
	return substr $$buffer, 0, $size, q{};
}

# Sends a whole response with these fields, and content with its length.
sub respond ($conn, $body, @fields) {
	my $head = "HTTP/1.1 200 OK\r\n";

	while (my ($name, $value) = splice @fields, 0, 2) {
		$head .= "$name: $value\r\n";
	}
	print {$conn} $head, 'Content-Length: ', length $body, "\r\n\r\n", $body;
	$conn->flush;
	return;
}

# Closes by a reset.
sub reset_close ($conn) {
	setsockopt $conn, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
	close $conn;
	return;
}

1;
