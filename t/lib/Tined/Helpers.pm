package Tined::Helpers;

use v5.36;

use Carp           qw(croak);
use Exporter       qw(import);
use IO::Handle     ();
use IO::Socket::IP ();
use List::Util qw(any max);
use POSIX      qw(ceil);
use Socket     qw(SOCK_STREAM);
use Test::More  ();
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(PATIENCE SOONER background deadline free_port is_as_quick need_tools
	slow slurp spew wait_for);

use constant {
	# How long to wait for what ought to happen at once.  Only a failing
	# test ever waits that long: it is no bound of what may be slow.
	PATIENCE => 30,
	# Between two looks at what is waited for: others want the machine.
	PAUSE_MIN    => 0.002,
	PAUSE_MAX    => 0.01,
	PAUSE_GROWTH => 1.1,
	TRIES    => 5,
	# Seconds for which the machine is taken to be as slow as it was.
	MOMENT   => 0.1,
	# Processes that want each core, as many as tests may cause themselves.
	CROWD    => 2,
};

# How many times slower than usual it may be here now: under valgrind,
# TINED_SLOW=10 tells; that others have the machine, too, its load does, of the
# last minute or of this moment.
sub slow () {
	state $cores = () = slurp('/proc/cpuinfo') =~ /^processor\b/mg;
	state $times = 1;
	state $until = 0;
	my $time = time;

	# Whoever sends or receives asks for it.
	return $times if $time < $until && $time > $until - MOMENT;
	my ($load, $now) = slurp('/proc/loadavg')
	    =~ m{\A([\d.]+) [\d.]+ [\d.]+ (\d+)/};
	$until = $time + MOMENT;
	return $times = ceil(($ENV{TINED_SLOW} // 1)
		* max(1, max($load // 0, $now // 0)
			/ (CROWD * ($cores || 1))));
}

# Less than this took what did not wait for a default of 20 seconds or more.  On
# a machine that is busy beyond measure nothing can be told from that.
sub SOONER () { return 15 * slow() }

# Calls it until it is true; its value, or false once the time is up.
sub wait_for ($code, $seconds = PATIENCE, @rest) {
	($code, $seconds) = ($seconds, $rest[0] // PATIENCE)
	    if ref $code ne 'CODE';
	my $deadline = deadline($seconds);

	for (my $pause = PAUSE_MIN; ; $pause *= PAUSE_GROWTH) {
		my $value = $code->();
		return $value if $value;
		return $value if time > $deadline;
		$pause = PAUSE_MAX if $pause > PAUSE_MAX;
		sleep $pause;
	}
}

sub deadline ($seconds = PATIENCE) { return time + $seconds * slow() }

# Tests that something takes no more than so many times as long as something
# else, here and now.  A machine that is busy slows down the one or the other, by
# chance; a server that waits for what it should not is slow each time.
sub is_as_quick ($times, $name, $code, $other) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($took, $may);

	for (1 .. TRIES) {
		$may = $times * $other->();
		$took = $code->();
		last if $took <= $may;
	}
	return Test::More::ok($took <= $may,
		sprintf '%s: %.4f s, of %.4f', $name, $took, $may);
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

1;

__END__

=head1 NAME

Tined::Helpers - what tests need, and no server

=head1 DESCRIPTION

L<Tined> exports them all.

=over

=item slow, PATIENCE, SOONER

How many times slower than usual it may be here: C<$TINED_SLOW>, and more when
the machine has a lot to do; the seconds for what ought to happen at once; and
those that tell a short time that was asked for from a default of 20 seconds.

No test bounds what may be slow by seconds alone.  "At once" means: without
waiting for something else, which is given an hour then.

=item wait_for(CODE, SECONDS)

Calls the code until it is true, and returns that; or false once the time,
times C<slow>, is up.

=item deadline(SECONDS)

The time when so many seconds have passed, times C<slow>.

=item is_as_quick(TIMES, NAME, CODE, OTHER)

Each does something, and returns how long that took: tests that the first took
no more than so many times as long as the other, in one of five tries.

=item background(CODE)

Runs it in a process, and returns a function that waits for the lines that it
returned.

=item free_port, slurp(PATH), spew(PATH, TEXT)

A port that nobody holds; reads and writes whole files.

=item need_tools(NAME, ...)

Skips the test, loudly, where one is missing.

=back

=cut
