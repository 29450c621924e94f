package Tined::Helpers;

use v5.36;

use Carp           qw(croak);
use Exporter       qw(import);
use IO::Handle     ();
use IO::Socket::IP ();
use List::Util qw(any);
use POSIX      ();
use Socket     qw(SOCK_STREAM);
use Test::More  ();
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(PATIENCE background free_port need_tools slurp spew
	wait_for);

# How long to wait for what ought to happen at once.  Only a failing test
# ever waits that long; under valgrind, TINED_SLOW=10 makes it longer.
use constant PATIENCE => 10;

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

1;

__END__

=head1 NAME

Tined::Helpers - what tests need, and no server

=head1 DESCRIPTION

L<Tined> exports them all.

=over

=item wait_for(CODE, SECONDS)

Calls the code until it is true, and returns that; or false once the time,
times C<$TINED_SLOW>, is up.

=item background(CODE)

Runs it in a process, and returns a function that waits for the lines that it
returned.

=item free_port, slurp(PATH), spew(PATH, TEXT)

A port that nobody holds; reads and writes whole files.

=item need_tools(NAME, ...)

Skips the test, loudly, where one is missing.

=back

=cut
