# The load of a measurement, t/bench/client.c, started beside others.

package Bench::Client;

use v5.36;

use Bench      qw(on_core slurp);
use IO::Select ();
use IPC::Open3 qw(open3);

# Has opened its connections, and waits: programs is the folder of the program,
# errors a file; the rest is as the options of the program have it.
sub start ($class, %option) {
	my $self = bless { errors => $option{errors} }, $class;
	my @args = ('-w', '-c', $option{clients});

	push @args, '-d', $option{depth}    if $option{depth};
	push @args, '-i', $option{interval} if $option{interval};
	push @args, '-o'                    if $option{once};
	open my $errors, '>', $option{errors} or die "$option{errors}: $!\n";
	$self->{pid} = open3($self->{in}, $self->{out},
		'>&' . fileno $errors,
		on_core(1, "$option{programs}/client", @args, '-l',
			$option{size}, $option{port}, $option{seconds},
			$option{request}));
	$self->{in}->autoflush(1);
	return $self;
}

# Whether it could open them, within so many seconds, if they are limited.
sub is_ready ($self, $seconds = undef) {
	IO::Select->new($self->{out})->can_read($seconds) or return 0;
	return (readline($self->{out}) // '') eq "ready\n";
}

sub go ($self) { return print { $self->{in} } "\n" }

# By name.
sub figures ($self) {
	my %got = (readline($self->{out}) // '') =~ /(\w+)=([\d.]+)/g;
	return \%got;
}

# What has gone wrong first.
sub complaint ($self) { return slurp($self->{errors}) =~ /^client: (.*)/m }

# Its connections end, also those that still wait for an answer.
sub stop ($self) {
	kill 'TERM', $self->{pid};
	close $self->{in};
	close $self->{out};
	waitpid $self->{pid}, 0;
	return;
}

1;
