package Tined;

use v5.36;

use Carp           qw(croak);
use Cwd            qw(abs_path);
use Errno          qw(EAGAIN ECONNRESET EINTR EPIPE);
use Exporter       qw(import);
use Fcntl          qw(F_DUPFD O_APPEND O_CREAT O_RDONLY O_WRONLY);
use File::Basename qw(dirname);
use File::Path     qw(make_path);
use File::Temp     ();
use IO::Handle     ();
use IO::Select     ();
use IO::Socket::IP ();
use IO::Socket::UNIX ();
use List::Util   qw(any);
use POSIX        ();
use Scalar::Util qw(weaken);
use Socket qw(IPPROTO_TCP SOCK_DGRAM SOCK_STREAM SOL_SOCKET SOMAXCONN SO_RCVBUF
	TCP_NODELAY);
use Test::More  ();
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(background free_port need_tools slurp spew wait_for);

# How long to wait for what ought to happen at once.  Only a failing test
# ever waits that long; under valgrind, TINED_SLOW=10 makes it longer.
use constant PATIENCE => 10;

# A status line and a field line, exactly as RFC 9112 has them: the client of
# these tests forgives nothing.
my $STATUS_LINE = qr{\A(HTTP/1\.1) ([1-5]\d\d) ([\t \x21-\x7e\x80-\xff]*)\z};
my $TOKEN       = qr{[!#\$%&'*+.^_`|~0-9A-Za-z-]+};
my $FIELD_LINE  = qr{\A($TOKEN):[\t ]*(.*?)[\t ]*\z};

# A line of the error log.
my $LOG_LINE = qr{\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z[ ]
	(?<role>\w+(?:\ \d+)?)\[(?<pid>\d+)\][ ]
	(?<level>error|warning|notice|info|debug):[ ](?<words>.+)\z}x;

my @servers;    # weak references to every server that was started
my $trouble;    # what went wrong where no test could report it

# Starting

sub start ($class, %option) {
	my $self = bless {
		dir    => File::Temp->newdir('tined-XXXXXX', TMPDIR => 1),
		owner  => $$,
		port   => $option{port},
		listen => $option{listen} // 'inet',
		socks  => [],
	}, $class;

	# Workers may be another user's: --user.
	chmod oct '0755', $self->dir;
	$self->{root} = $option{root} // $self->dir . '/www';
	make_path($self->{root}) unless defined $option{root};
	$self->add_files($option{files}->%*) if $option{files};
	$self->_listen(@{ $option{sockets} // [] });
	$self->_fork(\%option);
	push @servers, $self;
	weaken($servers[-1]);
	$self->wait_ready if $option{ready} // 1;
	return $self;
}

sub run ($class, %option) {
	my $self = $class->start(listen => 'none', %option, ready => 0);
	my $status = $self->wait_exit($option{timeout});
	$self->{checked} = 1;
	$self->{owner} = 0 if $option{daemon};
	return {
		status => $status,
		out    => slurp($self->dir . '/access.log'),
		err    => slurp($self->dir . '/error.log'),
	};
}

sub binary ($class) {
	my $binary = $ENV{TINED} // dirname(__FILE__) . '/../../build/tined';
	return abs_path($binary) // croak "no program at $binary";
}

# The test binds the sockets, so that two tests can never want one port.
sub _listen ($self, @more) {
	my %host = (inet => '127.0.0.1', inet6 => '::1');

	if (my $host = $host{ $self->{listen} }) {
		my $sock = IO::Socket::IP->new(
			LocalHost => $host,
			LocalPort => 0,
			Type      => SOCK_STREAM,
			Listen    => SOMAXCONN,
		) // croak "cannot listen on $host: $@";
		$self->{host} = $host;
		$self->{port} = $sock->sockport;
		push $self->{socks}->@*, $sock;
	} elsif ($self->{listen} ne 'none') {
		croak "listen => $self->{listen}: say inet, inet6 or none";
	}
	push $self->{socks}->@*, @more;
	$self->{inodes} = [map { (stat $_)[1] } $self->{socks}->@*];
	return;
}

sub _fork ($self, $option) {
	my $notify = $self->dir . '/notify';
	$self->{notify} = IO::Socket::UNIX->new(Local => $notify,
		Type => SOCK_DGRAM) // croak "cannot bind $notify: $!";
	chmod oct '0777', $notify;
	$self->{notify}->blocking(0);
	$self->{state} = {};

	my @args = (split(q{ }, $ENV{TINED_ARGS} // q{}),
		@{ $option->{args} // [] });
	push @args, $self->{root} if $option->{root} || $option->{files};

	my @command = (@{ $option->{under} // [] }, Tined->binary, @args);
	if (my $rlimits = $option->{rlimits}) {
		my $set = join q{ && },
		    map { "ulimit -$_ $rlimits->{$_}" } sort keys %$rlimits;
		unshift @command, '/bin/sh', '-c', "$set && exec \"\$@\"", 'sh';
	}
	my %env = (
		NOTIFY_SOCKET => $notify,
		$option->{daemon} ? () : $self->_sanitizer_env,
		%{ $option->{env} // {} },
	);

	STDOUT->flush;
	STDERR->flush;
	$self->{pid} = fork // croak "cannot fork: $!";
	if ($self->{pid} == 0) {
		eval { $self->_exec($option, \%env, \@command); 1 }
		    or print {*STDERR} $@;
		POSIX::_exit(127);
	}
	$self->{seen}{ $self->{pid} } = 1;
	$self->{socks} = [] unless $option->{keep_sockets};
	return;
}

# In the child: stdin from nowhere, both logs to files, the sockets from 3 on.
sub _exec ($self, $option, $env, $command) {
	delete @ENV{qw(LISTEN_FDS LISTEN_PID LISTEN_FDNAMES NOTIFY_SOCKET)};
	@ENV{ keys %$env } = values %$env;

	my @fds = map {
		fcntl($_, F_DUPFD, 100) // die "fcntl: $!\n"
	} $self->{socks}->@*;
	if (@fds) {
		$ENV{LISTEN_FDS} = @fds;
		$ENV{LISTEN_PID} = $$;
	}
	chdir($option->{cwd} // $self->{root}) or die "chdir: $!\n";
	my @standard = ($option->{stdin} // '/dev/null',
		$option->{stdout} // $self->dir . '/access.log',
		$option->{stderr} // $self->dir . '/error.log');
	_redirect($_, $standard[$_]) for 0 .. 2;
	for my $fd (grep { $standard[$_] eq 'closed' } 0 .. 2) {
		POSIX::close($fd);
	}
	for my $i (0 .. $#fds) {
		POSIX::dup2($fds[$i], 3 + $i) // die "dup2: $!\n";
	}
	for my $fd (3 + @fds .. 255) {
		POSIX::close($fd);
	}
	no warnings 'exec';
	exec {$command->[0]} @$command
	    or die "cannot run $command->[0]: $!\n";
}

# A target is a path, a handle (the end of a pipe), or the word "closed".
sub _redirect ($fd, $target) {
	return if $target eq 'closed';
	my $flags = $fd == 0 ? O_RDONLY : O_WRONLY | O_APPEND | O_CREAT;
	my $from = ref $target ? fileno $target
	    : POSIX::open($target, $flags, oct '0644');

	defined $from or die "$target: $!\n";
	POSIX::dup2($from, $fd) // die "dup2: $!\n";
	POSIX::close($from) unless ref $target || $from == $fd;
	return;
}

# The reports of sanitizers go to files, as standard error may lead anywhere.
# A daemon outlives our folder: its reports go where the caller wants them.
sub _sanitizer_env ($self) {
	my $path = 'log_path=' . $self->dir . '/sanitizer';

	return map { $_ => join q{:}, grep { defined } $ENV{$_}, $path }
	    qw(ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS);
}

sub wait_ready ($self, $seconds = PATIENCE) {
	my $ready = wait_for(sub {
		$self->_reaped and croak "tined ended before it was ready ("
		    . $self->{status} . "):\n" . $self->error_log;
		$self->notified('READY');
	}, $seconds);
	$ready or croak "tined is not ready after $seconds s:\n"
	    . $self->error_log;
	return 1;
}

sub notified ($self, $name) {
	while (defined $self->{notify}->recv(my $message, 4096)) {
		for my $line (split /\n/, $message) {
			my ($key, $value) = split /=/, $line, 2;
			$self->{state}{$key} = $value;
		}
	}
	return $self->{state}{$name};
}

# What is known of it

sub dir ($self)  { return $self->{dir}->dirname }
sub root ($self) { return $self->{root} }
sub pid ($self)  { return $self->{pid} }
sub port ($self) { return $self->{port} }

sub url ($self, $path = q{/}) {
	my $host = $self->{host} // '127.0.0.1';

	$host = "[$host]" if $host =~ /:/;
	return "http://$host:$self->{port}$path";
}

sub add_files ($self, %files) {
	for my $name (sort keys %files) {
		my $path = "$self->{root}/$name";
		make_path(dirname($path));
		spew($path, $files{$name});
	}
	return;
}

sub error_log ($self) {
	my $text = slurp($self->dir . '/error.log');
	return wantarray ? split(/\n/, $text) : $text;
}

sub access_log ($self) {
	my $text = slurp($self->dir . '/access.log');
	return wantarray ? split(/\n/, $text) : $text;
}

sub child_pids ($self, $parent = $self->{pid}) {
	my @pids = grep { (_stat($_)->{ppid} // 0) == $parent } _all_pids();

	@{ $self->{seen} }{@pids} = (1) x @pids;
	return sort { $a <=> $b } @pids;
}

sub worker_pids ($self) {
	return grep { title($_) =~ /\Atined: worker/ } $self->child_pids;
}

# libbsd adds a space to a title that is just as long as the command line.
sub title ($pid) {
	return slurp("/proc/$pid/cmdline") =~ s/[ ]?(?:\0.*)?\z//sr;
}

# Every process of this server that lives: the ones seen before, and whoever
# runs its program and holds its sockets or its files; but not another server
# of this test that has the same sockets.
sub living_pids ($self) {
	my %others;

	for my $server (grep { defined && $_->{pid} } @servers) {
		$server->child_pids;
		next if $server == $self;
		@others{ keys $server->{seen}->%* } = ();
	}
	my $exe = Tined->binary;
	$exe = qr/\A\Q$exe\E(?: \(deleted\))?\z/;
	my $dir = $self->dir;
	my %socket = map { ("socket:[$_]" => 1) } $self->{inodes}->@*;

	return grep {
		my $pid = $_;
		my $stat = _stat($pid);
		$stat->{state} && $stat->{state} ne 'Z' && $pid != $$
		    && !exists $others{$pid}
		    && (readlink("/proc/$pid/exe") // q{}) =~ $exe
		    && ($self->{seen}{$pid}
			|| any { $socket{$_} || /\A\Q$dir\E\// } _files($pid));
	} _all_pids();
}

sub _files ($pid) {
	return grep { defined } map { readlink }
	    "/proc/$pid/cwd", glob "/proc/$pid/fd/*";
}

sub _all_pids () {
	opendir my $proc, '/proc' or croak "/proc: $!";
	return grep { /\A\d+\z/ } readdir $proc;
}

sub _stat ($pid) {
	my ($state, $ppid) =
	    slurp("/proc/$pid/stat") =~ /\A\d+ \(.*\) (\S) (\d+)/s
	    or return {};
	return { state => $state, ppid => $ppid };
}

# Talking to it

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
	my $deadline = time + ($option{timeout} // PATIENCE);

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
sub fill ($self, $sock, $deadline) {
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
	my $open = eval { $self->fill($sock, time + $seconds) } // -1;
	return $open == 0 && ${*$sock}{tined_buffer} eq q{};
}

sub is_open ($self, $sock, $seconds = 0.05) {
	my $open = eval { $self->fill($sock, time + $seconds) } // -1;
	return $open == -1;
}

sub request ($self, $raw, %option) {
	my $sock     = $option{sock} // $self->connect(%option);
	my $deadline = time + ($option{timeout} // PATIENCE);
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
	my $deadline = $option{deadline}
	    // time + ($option{timeout} // PATIENCE);
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
		my $response = _parse_head($head);
		$response->{interim} = \@interim;
		if ($response->{status} >= 200) {
			$self->_read_body($sock, $response,
				$option{method} // 'GET', $deadline);
			return $response;
		}
		push @interim, $response;
	}
}

sub _parse_head ($head) {
	my ($status_line, @lines) = split /\r\n/, $head;
	my %response = (head => $head, names => [], fields => {}, body => q{});

	@response{qw(version status reason)} = $status_line =~ $STATUS_LINE
	    or croak "not a status line: $status_line";
	for my $line (@lines) {
		my ($name, $value) = $line =~ $FIELD_LINE
		    or croak "not a field line: $line";
		croak "control bytes in a field: $line"
		    if $value =~ /[^\t\x20-\x7e\x80-\xff]/;
		push $response{names}->@*, $name;
		push $response{fields}{ lc $name }->@*, $value;
	}
	return bless \%response, 'Tined::Response';
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

# Ending

sub signal ($self, $signal, $pid = $self->{pid}) {
	return kill $signal, $pid;
}

sub stop ($self, $signal = 'TERM', $seconds = undef) {
	$self->child_pids;
	$self->signal($signal) unless $self->_reaped;
	return $self->wait_exit($seconds);
}

# The exit status as a shell shows it: 128 and the signal if killed.
sub wait_exit ($self, $seconds = undef) {
	$seconds //= PATIENCE;
	if (!wait_for(sub { $self->_reaped }, $seconds)) {
		my $log = $self->error_log;
		$self->_kill_all;
		$self->_reaped(0);
		croak "tined did not end within $seconds s:\n$log";
	}
	return $self->{status};
}

sub _reaped ($self, $flags = POSIX::WNOHANG) {
	return 1 if defined $self->{status};
	return 0 unless waitpid($self->{pid}, $flags) == $self->{pid};
	$self->{status} = $? & 127 ? 128 + ($? & 127) : $? >> 8;
	return 1;
}

sub _kill_all ($self) {
	for my $pid ($self->living_pids) {
		kill 'KILL', $pid;
	}
	return;
}

# A test may keep all workers busy: that alone is no complaint.
my $SHORTAGE = qr/ warning: none of \d+ workers? is free, and clients wait /;

# Complaints of the log: levels above notice, lines that are no log lines
# (a sanitizer's, the C library's), sanitizers' files.
sub complaints ($self, @allowed) {
	my @bad;

	$self->{checked} = 1;
	for my $line ($self->error_log) {
		next if any { $line =~ $_ } $SHORTAGE, @allowed;
		next if $line =~ $LOG_LINE && $+{level} !~ /error|warning/;
		push @bad, $line;
	}
	# LeakSanitizer says so of a process that is killed while it looks.
	push @bad, grep { length }
	    map { slurp($_) =~ s/^==\d+==Unable to get registers .*\n+//gmr }
	    glob $self->dir . '/sanitizer*';
	return @bad;
}

sub log_is_clean ($self, @allowed) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @bad = $self->complaints(@allowed);
	my $ok = Test::More::ok(!@bad, 'the error log is clean');

	Test::More::diag(join "\n", @bad) if @bad;
	return $ok;
}

sub ends_clean ($self, @allowed) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $running = !defined $self->{status};
	my $status = eval { $self->stop } // $@;
	my $ok = 1;

	$ok = Test::More::is($status, 0, 'the server stops with status 0')
	    if $running;
	$ok &= $self->leaves_nothing;
	$ok &= $self->log_is_clean(@allowed);
	return $ok;
}

sub leaves_nothing ($self, $seconds = 2) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $gone = wait_for(sub { !$self->living_pids }, $seconds);

	my $ok = Test::More::ok($gone, 'no process is left');
	if (!$gone) {
		Test::More::diag("$_: ", title($_)) for $self->living_pids;
		$self->_kill_all;
	}
	return $ok;
}

sub DESTROY ($self) {
	return if ($self->{owner} // 0) != $$;
	local ($?, $@, $!);

	eval {
		$self->stop unless $self->_reaped;
		1;
	} or $trouble .= $@;
	if (!wait_for(sub { !$self->living_pids }, 2)) {
		$trouble .= join "\n", 'processes left behind:',
		    map { "$_: " . title($_) } $self->living_pids;
		$self->_kill_all;
	}
	if (!$self->{checked}) {
		my @bad = $self->complaints;
		unshift @bad, "exit status $self->{status}" if $self->{status};
		$trouble .= join "\n", 'an error log that is not clean:', @bad,
		    q{} if @bad;
	}
	return;
}

END {
	for my $server (grep { defined } @servers) {
		$server->DESTROY;
		$server->{owner} = 0;
	}
	if (defined $trouble) {
		print {*STDERR} "# $_\n" for split /\n/, $trouble;
		$? ||= 1;
	}
}

# Helpers that need no server

# Calls it until it is true; its value, or false once the time is up.
sub wait_for ($code, $seconds = PATIENCE, @rest) {
	($code, $seconds) = ($seconds, $rest[0] // PATIENCE)
	    if ref $code ne 'CODE';
	my $deadline = time + $seconds * ($ENV{TINED_SLOW} // 1);

	while (1) {
		my $value = $code->();
		return $value if $value;
		return $value if time > $deadline;
		sleep 0.002;
	}
}

# Runs the code in a process of its own.  The lines that it returns come
# back from the function that this returns.
sub background ($code) {
	pipe my $in, my $out or croak "pipe: $!";
	STDOUT->flush;
	my $pid = fork // croak "fork: $!";
	if ($pid == 0) {
		close $in;
		my @lines = eval { $code->() };
		@lines = ("died: $@") if $@;
		print {$out} map { "$_\n" } @lines;
		close $out;
		POSIX::_exit(0);
	}
	close $out;
	return sub ($signal = undef) {
		kill $signal, $pid if $signal;
		my @lines = <$in>;
		waitpid $pid, 0;
		chomp @lines;
		return @lines;
	};
}

# A port that nobody holds now; for servers that must bind by themselves.
sub free_port ($host = '127.0.0.1') {
	my $sock = IO::Socket::IP->new(LocalHost => $host, LocalPort => 0,
		Type => SOCK_STREAM, Listen => 1) // croak "no port: $@";
	return $sock->sockport;
}

sub slurp ($path) {
	open my $file, '<:raw', $path or return q{};
	local $/ = undef;
	return scalar(<$file>) // q{};
}

sub spew ($path, $text) {
	open my $file, '>:raw', $path or croak "$path: $!";
	print {$file} $text           or croak "$path: $!";
	close $file                   or croak "$path: $!";
	return $path;
}

# Skips the whole test, loudly, where a tool is missing; scripts/check
# installs them all.
sub need_tools (@tools) {
	my @missing = grep {
		my $tool = $_;
		!any { -x "$_/$tool" } split(/:/, $ENV{PATH}), '/usr/sbin';
	} @tools;

	return unless @missing;
	Test::More::diag("NOT TESTED: no @missing here");
	Test::More::plan(skip_all => "no @missing");
	return;
}

package Tined::Response;    ## no critic (ProhibitMultiplePackages)

# A field's value, its values joined if it came more than once; or undef.
sub field ($self, $name) {
	my $values = $self->{fields}{ lc $name } // return;
	return join ', ', @$values;
}

sub status ($self) { return $self->{status} }
sub body ($self)   { return $self->{body} }

1;

__END__

=head1 NAME

Tined - start a server under test, talk to it, and prove that it ended well

=head1 SYNOPSIS

	use v5.36;
	use FindBin;
	use lib "$FindBin::Bin/lib";
	use Test::More;
	use Tined;

	my $tined = Tined->start(args => ['-w', 2],
		files => { 'hello.txt' => "hello\n" });
	is($tined->get('/hello.txt')->{body}, "hello\n");
	$tined->ends_clean;
	done_testing;

=head1 DESCRIPTION

The program is C<$TINED>, or F<build/tined>.  C<$TINED_ARGS> are arguments for
every run, before the test's own.  C<$TINED_SLOW> multiplies the patience of
C<wait_for>.

A server that a test forgets is stopped, by its process id, when its object
goes.  If it does not end, leaves a process behind, or has complaints in an
error log that nobody looked at, the test fails.

=head2 Starting

=over

=item Tined->start(%option)

Forks and runs the program, and returns when it said C<READY=1>.  Dies, with
the error log, if it ends before, or is not ready in ten seconds.

=over

=item args => [...]

Its arguments.

=item files => { name => content }, root => DIR

Serve a temporary folder with these files, or this folder.  With neither,
the current folder of the server is an empty one.

=item listen => 'inet' | 'inet6' | 'none'

The socket that is bound to a free port of C<127.0.0.1> (the default) or
C<::1> here and passed by C<LISTEN_FDS>, or none, for tests of C<-l>; say
C<< port => N >> then.

=item sockets => [...]

More listening sockets to pass.

=item env => {...}, rlimits => { n => 20 }, cwd => DIR

Its environment, its limits by the letters of the shell's C<ulimit>, its folder.

=item under => ['setpriv', ...]

The command that runs it in its own place.

=item stdin, stdout, stderr => PATH, HANDLE or 'closed'

Where they lead, in place of F</dev/null>, the access log and the error log.

=item keep_sockets => 1

Keep C<< $server->{socks} >> open here, as a service manager does.

=item ready => 0

Return at once.

=back

=item Tined->run(%option)

Runs it to its end: C<< { status, out, err } >>.  With C<< daemon => 1 >> it
may leave processes behind, which are then the test's to end.

=item wait_ready, notified(NAME)

Wait for C<READY=1>; the last value that the server notified under a name.

=back

=head2 Asking about it

C<pid>, C<port>, C<url(PATH)>, C<dir> (its temporary folder), C<root>,
C<worker_pids>, C<child_pids>, C<living_pids>; C<error_log> and C<access_log>,
as a text or as a list of lines; C<Tined::title(PID)>.

=head2 Talking to it

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

The next response: C<version>, C<status>, C<reason>, C<fields> (lower-case name
to values), C<names>, C<head>, C<body>, C<framing> (length, chunked, close or
none), C<interim>; C<< ->field(NAME) >> is a field's value.  Undef at end of
file.  Dies at whatever RFC 9112 forbids, and at the deadline.

=item is_closed($sock, SECONDS), is_open($sock, SECONDS), was_reset($sock)

Whether the server hangs up within the time, with nothing more to say; whether
it does neither; whether it did so by a reset.

=back

=head2 Ending it

=over

=item stop(SIGNAL)

Sends the signal (TERM) and waits; the exit status as a shell has it.

=item ends_clean(PATTERN, ...)

Tests that it stops with status 0, leaves no process, and that the error log
has nothing above a notice but what matches the patterns.

=item leaves_nothing, log_is_clean(PATTERN, ...), complaints(PATTERN, ...)

The parts of that.

=back

=head2 Functions

C<wait_for(CODE, SECONDS)> calls the code until it is true. C<background(CODE)>
runs it in a process, and returns a function that waits for the lines that it
returned. C<free_port>, C<slurp(PATH)>, C<spew(PATH, TEXT)>.
C<need_tools(NAME, ...)> skips the test, loudly, where one is missing.

=cut
