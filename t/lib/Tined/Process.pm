package Tined::Process;

use v5.36;

use Carp     qw(croak);
use Exporter qw(import);
use Fcntl    qw(F_DUPFD O_APPEND O_CREAT O_RDONLY O_WRONLY);
use IO::Handle       ();
use IO::Socket::IP   ();
use IO::Socket::UNIX ();
use List::Util     qw(any sum0);
use POSIX          ();
use Scalar::Util   qw(weaken);
use Socket         qw(SOCK_DGRAM SOCK_STREAM SOMAXCONN);
use Tined::Helpers qw(PATIENCE slurp wait_for);

our @EXPORT_OK = qw(may_limit private_memory process_state set_limit title);

my @servers;    # weak references to every server that was started

# Starting

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

	my @command = (@{ $option->{under} // [] }, $self->binary, @args);
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

# Who is there

sub servers ($class) { return grep {defined} @servers }

sub _remember ($self) {
	push @servers, $self;
	weaken($servers[-1]);
	return;
}

sub child_pids ($self, $parent = $self->{pid}) {
	my @pids = _children_of($parent);

	@{ $self->{seen} }{@pids} = (1) x @pids;
	return sort { $a <=> $b } @pids;
}

# A server is ready when its first worker is.
sub all_workers ($self, $count) {
	my @pids;

	wait_for(sub { (@pids = $self->worker_pids) == $count })
	    or croak "there are not $count workers but " . @pids;
	return @pids;
}

sub worker_pids ($self) {
	return grep { title($_) =~ /\Atined: worker/ } $self->child_pids;
}

# libbsd adds a space to a title that is just as long as the command line, and has
# an empty title for the moment in which it writes another.  So has a zombie.
sub title ($pid) {
	my $title;

	wait_for(sub {
		$title = slurp("/proc/$pid/cmdline") =~ s/[ ]?(?:\0.*)?\z//sr;
		$title ne q{} || (process_state($pid) // 'Z') =~ /[ZX]/;
	}, 1);
	return $title;
}

sub process_state ($pid) { return _stat($pid)->{state} }

# kB of its memory that no other process has.
sub private_memory ($pid) {
	return sum0 slurp("/proc/$pid/smaps_rollup")
	    =~ /^Private_\w+: +(\d+) kB$/mg;
}

# The command prlimit(1) for a process.  Not every root may set the limits of another
# user's process, but each user may set those of its own.
sub _prlimit ($pid) {
	my ($uid, $gid) = (stat "/proc/$pid")[4, 5];
	my @as = $> == 0 && $uid != 0
	    ? ('setpriv', "--reuid=$uid", "--regid=$gid", '--clear-groups') : ();

	return (@as, 'prlimit', "--pid=$pid");
}

# Sets a soft limit of a process, with a name of prlimit(1); without a number: as it
# was before.
sub set_limit ($pid, $name, $count = undef) {
	my @prlimit = _prlimit($pid);
	state %before;

	$before{$pid}{$name} //= qx(@prlimit --$name -o SOFT --noheadings);
	$count //= $before{$pid}{$name} =~ s/\s+//gr;
	return system(@prlimit, "--$name=$count:") == 0
	    || croak 'prlimit does not work';
}

sub may_limit ($pid) {
	return system("@{[_prlimit($pid)]} --nofile >/dev/null 2>&1") == 0;
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
	my $exe = $self->binary;
	$exe = qr/\A\Q$exe\E(?: \(deleted\))?\z/;
	my $dir = $self->dir;
	my %socket = map { ("socket:[$_]" => 1) } $self->{inodes}->@*;

	return grep {
		my $pid = $_;
		# Few run it: that is asked first.
		(readlink("/proc/$pid/exe") // q{}) =~ $exe
		    && $pid != $$ && !exists $others{$pid}
		    && (_stat($pid)->{state} // 'Z') ne 'Z'
		    && ($self->{seen}{$pid}
			|| any { $socket{$_} || /\A\Q$dir\E\// } _files($pid));
	} _all_pids();
}

sub _files ($pid) {
	return grep { defined } map { readlink }
	    "/proc/$pid/cwd", glob "/proc/$pid/fd/*";
}

# A test asks for them again and again, and a machine has many processes.  proc(5)
# may leave out one while another ends, and not twice in a row.
sub _children_of ($parent) {
	state $is_listed = -e "/proc/$$/task/$$/children";
	my $list = "/proc/$parent/task/$parent/children";

	return grep { (_stat($_)->{ppid} // 0) == $parent } _all_pids()
	    if !$is_listed;
	my %pids = map { $_ => 1 } map { split q{ }, slurp($list) } 1, 2;
	return keys %pids;
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

1;

__END__

=head1 NAME

Tined::Process - the processes of a server under test

=head1 DESCRIPTION

These are methods of L<Tined>, unless it says otherwise.

=over

=item wait_ready, notified(NAME)

Wait for C<READY=1>; the last value that the server notified under a name.

=item child_pids(PARENT), worker_pids

The children of the master, or of another process; its workers.

=item all_workers(COUNT)

Waits until there are so many; their pids.

=item living_pids

Every process of this server that lives, whosever child it is.

=item Tined::title(PID), Tined::process_state(PID)

Functions: the title that a process gave itself, and the letter that proc(5)
has for its state, or undef.

=item private_memory(PID)

A function: how many kB of its memory no other process has.

=item signal(NAME, PID)

Sends it to the master, or to another process.

=item stop(SIGNAL)

Sends the signal (TERM) and waits; the exit status as a shell has it.

=item wait_exit(SECONDS)

Waits for it to end by itself; it is killed if it does not.

=item Tined->servers

All that were started and not forgotten.

=back

=cut
