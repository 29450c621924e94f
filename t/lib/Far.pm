package Far;

use v5.36;

use Carp        qw(croak);
use Exporter    qw(import);
use IO::Select  ();
use Time::HiRes qw(time);

our @EXPORT_OK = qw(far_network FAR_HERE FAR_THERE);

use constant {
	FAR_HERE  => '10.77.0.1',
	FAR_THERE => '10.77.0.2',
	TUNSETIFF => 0x400454ca,
	IFF_TUN   => 0x0001,
	IFF_NO_PI => 0x1000,
	PACKET    => 65_536,
	HURRY     => -20,
};

# The program goes on in a network of its own: false if there is none.
sub enter_own_network () {
	return 1 if $ENV{TINED_FAR};
	return 0 if system(qw(unshare --net true)) != 0;
	$ENV{TINED_FAR} = 1;
	exec qw(unshare --net), $^X, $0 or croak "exec: $!";
}

# What is sent to FAR_THERE comes back from there, to FAR_HERE, after a time.
# Checksums are sums, which do not change when the addresses change places.
sub reflect ($tun, $delay) {
	my $readable = IO::Select->new($tun);
	my @packets;

	while (1) {
		my $left = @packets ? $packets[0][0] - time : undef;
		$left = 0 if defined $left && $left < 0;
		if ($readable->can_read($left)) {
			sysread $tun, my $packet, PACKET or return;
			my ($start, $from, $to, $rest) =
			    unpack 'a12 a4 a4 a*', $packet;
			next if (ord($start) >> 4) != 4;
			push @packets, [time + $delay, "$start$to$from$rest"];
		}
		while (@packets && $packets[0][0] <= time) {
			syswrite $tun, (shift @packets)->[1];
		}
	}
}

# A network of its own, with a host FAR_THERE from which packets take so many
# seconds.  False if that cannot be had.
sub far_network ($delay) {
	enter_own_network() or return 0;
	open my $tun, '+<', '/dev/net/tun' or return 0;
	my $request = pack 'Z16 s x22', 'far0', IFF_TUN | IFF_NO_PI;
	ioctl $tun, TUNSETIFF, $request or return 0;
	for my $command ('link set lo up', 'link set far0 up',
		'addr add ' . FAR_HERE . '/24 dev far0') {
		system('ip', split q{ }, $command) == 0
		    or croak "ip $command does not work";
	}
	my $pid = fork // croak "fork: $!";
	if ($pid == 0) {
		setpriority 0, 0, HURRY; # a busy machine is no distance
		reflect($tun, $delay);
		require POSIX;
		POSIX::_exit(0);
	}
	return $pid;
}

1;

__END__

=head1 NAME

Far - a host that is far away

=head1 DESCRIPTION

C<far_network(SECONDS)> starts the test again in a network of its own, where it
gets an address C<FAR_HERE>; a connection from there to C<FAR_THERE> is one from
C<FAR_THERE> to C<FAR_HERE>, and each packet takes that time.  It returns the
process that does this, which is the test's to end; or false, where the user may
not.

=cut
