package Tined;

use v5.36;

use Cwd            qw(abs_path);
use Carp           qw(croak);
use Exporter       qw(import);
use File::Basename qw(dirname);
use File::Path     qw(make_path);
use File::Temp     ();
use List::Util     qw(any);
use Test::More     ();
use Tined::Helpers qw(PATIENCE SOONER background deadline free_port is_as_quick need_tools
	slow slurp spew wait_for);
use Tined::Process qw(process_state title);

use parent qw(Tined::Client Tined::Process);

our @EXPORT_OK = @Tined::Helpers::EXPORT_OK;

# A line of the error log.
my $LOG_LINE = qr{\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z[ ]
	(?<role>\w+(?:\ \d+)?)\[(?<pid>\d+)\][ ]
	(?<level>error|warning|notice|info|debug):[ ](?<words>.+)\z}x;

# A test may hold a client for as long as a busy machine takes, unless it says
# what ends that.
my @PATIENT = map { ("--$_-timeout", '1h') } qw(head body send);

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
	$self->_fork({ %option, args => [
		$option{ready} // 1 ? @PATIENT : (), @{ $option{args} // [] }] });
	$self->_remember;
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

# What is known of it

# Then it is slower, and has memory of its own.
sub is_sanitized ($class) {
	return slurp($class->binary) =~ /__asan_init/;
}

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

# Ending

# A test may keep all workers busy: that alone is no complaint.
my $SHORTAGE = qr/ warning: none of \d+ workers? is free, and clients wait /;

# Nor is a reload that failed by its time, of which reload_works and reload_fails
# know.
my $LATE = qr{ error: [ ] cannot [ ] reload: [ ] .*?
	(?:has [ ] not [ ] (?:responded|begun) |
	for [ ] the [ ] last [ ] reload [ ] still [ ] waits )[ ]}x;

# Complaints of the log: levels above notice, lines that are no log lines
# (a sanitizer's, the C library's), sanitizers' files.
sub complaints ($self, @allowed) {
	my @bad;

	$self->{checked} = 1;
	for my $line ($self->error_log) {
		next if any { $line =~ $_ } $SHORTAGE, @allowed;
		next if $self->{reloads_again} && $line =~ $LATE;
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

# Reloads, until that has worked, or has failed with an error like that: on a
# machine that is very busy, the first may fail by its time.
sub reload_works ($self) {
	return $self->_reload_until(qr/notice: reloaded: /);
}

sub reload_fails ($self, $error) { return $self->_reload_until($error) }

sub _reload_until ($self, $wanted) {
	my $count = sub ($words) { scalar(() = $self->error_log =~ /$words/g) };
	my $failed = qr/error: (?:cannot reload|reload abandoned): /;
	my ($before, $failures) = map { $count->($_) } $wanted, $failed;

	$self->signal('HUP');
	return wait_for(sub {
		return 1 if $count->($wanted) > $before;
		return 0 if $count->($failed) == $failures;
		$failures = $count->($failed);
		$self->{reloads_again} = 1;
		$self->signal('HUP');
		return 0;
	});
}

sub leaves_nothing ($self, $seconds = PATIENCE) {
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
	if (!wait_for(sub { !$self->living_pids })) {
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
	for my $server (Tined->servers) {
		$server->DESTROY;
		$server->{owner} = 0;
	}
	if (defined $trouble) {
		print {*STDERR} "# $_\n" for split /\n/, $trouble;
		$? ||= 1;
	}
}

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
the error log, if it ends before, or is not ready in C<PATIENCE> seconds.

=over

=item args => [...]

Its arguments.  The limits of a head, a body and a response are an hour unless
they have others, as a test may hold its clients on a busy machine.

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

Return at once; and all limits have their defaults.

=back

=item Tined->run(%option)

Runs it to its end: C<< { status, out, err } >>.  With C<< daemon => 1 >> it
may leave processes behind, which are then the test's to end.

=back

=head2 Asking about it

C<pid>, C<port>, C<url(PATH)>, C<dir> (its temporary folder), C<root>;
C<error_log> and C<access_log>, as a text or as a list of lines.  Its processes
are in L<Tined::Process>.  C<< Tined->is_sanitized >> tells of the program.

=head2 Talking to it

C<get>, C<request> and the like are in L<Tined::Client>.

=head2 Ending it

=over

=item ends_clean(PATTERN, ...)

Tests that it stops with status 0, leaves no process, and that the error log
has nothing above a notice but what matches the patterns.

=item leaves_nothing, log_is_clean(PATTERN, ...), complaints(PATTERN, ...)

The parts of that.

=item reload_works, reload_fails(ERROR)

Reload, again where one has failed by its time, and tell whether that has
worked, or has failed with an error that matches; a failure by its time is no
complaint then.

=back

=head2 Functions

All of L<Tined::Helpers>.

=cut
