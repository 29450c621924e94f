# Two hosts, and the wire between them that t/lab/wire.c is: the near one is the
# network namespace of this program, the far one another.

package Lab::Wire;

use v5.36;

use Bench      qw(median);
use Exporter   qw(import);
use IPC::Open2 qw(open2);
use Net::Ping  ();

our @EXPORT_OK = qw(NEAR FAR enter_own_network);

use constant {
	NEAR   => '10.79.0.1',
	FAR    => '10.79.0.2',
	NETWORK => '10.79.0.0/24',
	DEVICE => 'wire',
	# Packets that wait until the wire takes them: where the machine is busy, it
	# is late, but loses none.
	QUEUE    => 20_000,
	PATIENCE => 5,    # seconds for a ping
	ENTERED => 'TINED_LAB',    # the environment's word that we are inside
};

# Starts the program again in a network of its own.  Returns in there, or with
# the reason why there is none.
sub enter_own_network () {
	return if $ENV{ +ENTERED };
	return 'needs root' if $> != 0;
	return 'no /dev/net/tun here' if !-e '/dev/net/tun';
	for (qw(unshare nsenter ip)) {
		return "$_ is missing" if system("command -v $_ >/dev/null") != 0;
	}
	return 'no network namespaces here'
		if system('unshare --net ip tuntap add dev t mode tun '
			. '>/dev/null 2>&1') != 0;
	return 'no right to write to /proc/sys'
		if system('unshare --net sh -c "echo 1 '
			. '>/proc/sys/net/ipv4/tcp_no_metrics_save" 2>/dev/null') != 0;
	$ENV{ +ENTERED } = 1;
	exec qw(unshare --net), $^X, $0, @ARGV or die "exec: $!\n";
}

sub new ($class) {
	my $self = bless {}, $class;
	my $program = ($ENV{BUILD} // 'build') . '/lab/wire';

	# Keeps the far namespace, until its input ends.
	$self->{keeper} = open2($self->{keeper_out}, $self->{keeper_in},
		qw(unshare --net sh -c), 'echo ready; exec cat');
	$self->_hear('keeper_out', 'the far network');
	$self->{pid} = open2($self->{out}, $self->{in}, $program,
		$self->{keeper});
	$self->_hear('out', $program);
	for ([], [ $self->far ]) {
		my @at = @$_;
		my $address = @at ? FAR : NEAR;
		_run(@at, qw(ip link set lo up));
		_run(@at, qw(ip link set), DEVICE, 'txqueuelen', QUEUE, 'up');
		_run(@at, qw(ip addr add), "$address/24", 'dev', DEVICE);
	}
	# What one experiment has learned is not for the next.
	$self->sysctl($_, 'tcp_no_metrics_save', 1) for qw(near far);
	$self->reset;
	return $self;
}

sub _hear ($self, $handle, $who) {
	my $line = readline $self->{$handle};
	die "$who does not start\n" if ($line // '') ne "ready\n";
	return;
}

sub _run (@command) {
	system(@command) == 0 or die "@command does not work\n";
	return;
}

# What stands before a command to have it run on the far host.
sub far ($self) {
	return ('nsenter', "--net=/proc/$self->{keeper}/ns/net", '--');
}

sub command ($self, @words) {
	print { $self->{in} } "@words\n" or die "the wire is gone\n";
	my $answer = readline($self->{out}) // die "the wire is gone\n";
	die "the wire does not know: @words\n" if $answer eq "what?\n";
	return $answer;
}

# The round-trip time in seconds, the rate in bits a second.
sub rtt ($self, $seconds) {
	$self->command('rtt', int(1e6 * $seconds + 0.5));
	return;
}

# Nothing is lost, or held up, and both hosts are as at the beginning.
sub reset ($self) {
	$self->command($_) for 'rtt 0', 'rate 0', 'loss 0 0', 'drop 0',
		'capture off -', 'queue 1000000';
	$self->mtu(1500);
	$self->route($_) for qw(near far);
	return;
}

# What a host's connections have, as ip-route(8) says it: congctl, initcwnd.  The
# congestion control is cubic unless it is said: others pace what they send, and
# know no slow start after idle times.  (A namespace's sysctl takes fewer.)
sub route ($self, $host, %words) {
	my $address = $host eq 'far' ? FAR : NEAR;

	%words = (congctl => 'cubic', %words);
	_run($host eq 'far' ? $self->far : (), qw(ip route replace), NETWORK,
		'dev', DEVICE, 'src', $address, %words);
	return;
}

sub mtu ($self, $bytes) {
	_run(@$_, qw(ip link set), DEVICE, 'mtu', $bytes)
		for [], [ $self->far ];
	return;
}

# Packets, bytes and losses: of near, and of far.
sub counts ($self) {
	my (undef, @n) = split ' ', $self->command('counts');
	my @names = qw(packets bytes lost);
	my %of;
	@{ $of{near} }{@names} = @n[ 0 .. 2 ];
	@{ $of{far} }{@names}  = @n[ 3 .. 5 ];
	return \%of;
}

# Of net.ipv4, of one host: sets it, or returns it.
sub sysctl ($self, $host, $name, $value = undef) {
	my $path = "/proc/sys/net/ipv4/$name";
	my @at   = $host eq 'far' ? $self->far : ();

	if (defined $value) {
		_run(@at, 'sh', '-c', "echo '$value' >$path");
		return $value;
	}
	open my $in, '-|', @at, 'cat', $path or die "cat: $!\n";
	chomp($value = readline($in) // '');
	close $in;
	return $value;
}

# What a command on a host prints.
sub output ($self, $host, @command) {
	my @at = $host eq 'far' ? $self->far : ();
	open my $in, '-|', @at, @command or die "$command[0]: $!\n";
	local $/ = undef;
	my $text = <$in> // '';
	close $in;
	return $text;
}

# Median round-trip time of so many pings, seconds; undef if any is lost.
sub ping ($self, $count = 9) {
	my $ping = Net::Ping->new('icmp', PATIENCE);
	my @took;

	$ping->hires;
	for (1 .. $count) {
		my ($well, $seconds) = $ping->ping(FAR);
		return if !$well;
		push @took, $seconds;
	}
	$ping->close;
	return median(@took);
}

sub end ($self) {
	for (qw(in keeper_in)) {
		close delete $self->{$_} if $self->{$_};
	}
	waitpid delete $self->{$_}, 0 for grep { $self->{$_} } qw(pid keeper);
	return;
}

sub DESTROY ($self) {
	local ($?, $!);
	$self->end;
	return;
}

1;
