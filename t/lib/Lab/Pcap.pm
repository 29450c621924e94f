# The segments of a capture that t/lab/wire.c has made.

package Lab::Pcap;

use v5.36;

use Exporter qw(import);
use Socket   qw(inet_aton);

use Lab::Wire qw(NEAR);

our @EXPORT_OK = qw(segments connections);

use constant {
	FIN => 0x01, SYN => 0x02, RST => 0x04, ACK => 0x10,
	TCP => 6,
};

sub _segment ($packet) {
	my ($version, $length, $protocol, $source)
		= unpack 'C x n x5 C x2 a4', $packet;
	return if $version != 0x45 || $protocol != TCP;
	my ($from, $to, $seq, $ack, $offset, $flags)
		= unpack 'n n N N C C', substr $packet, 20;
	return {
		by      => $source eq inet_aton(NEAR) ? 'near' : 'far',
		port    => $source eq inet_aton(NEAR) ? $from : $to,
		seq     => $seq,
		ack     => $ack,
		syn     => $flags & SYN ? 1 : 0,
		fin     => $flags & FIN ? 1 : 0,
		rst     => $flags & RST ? 1 : 0,
		packet  => $length,
		length  => $length - 20 - ($offset >> 4) * 4,
	};
}

# Each TCP segment: its time in seconds since the first packet; by: near or far;
# port: the near host's, which tells connections apart; seq, ack, syn, fin, rst;
# length of its data, and of the packet.
sub segments ($path) {
	open my $in, '<:raw', $path or die "$path: $!\n";
	read $in, my ($head), 24;
	my (@all, $start);
	while (16 == (read $in, my ($record), 16)) {
		my ($s, $ns, $length) = unpack 'LLL', $record;
		read $in, my ($packet), $length;
		my $time = $s + $ns / 1e9;
		$start //= [ $s, $ns ];
		my $segment = _segment($packet) or next;
		$segment->{time} = ($s - $start->[0]) + ($ns - $start->[1]) / 1e9;
		push @all, $segment;
	}
	close $in;
	return @all;
}

# The same by connection: a list of lists.
sub connections ($path) {
	my (%of, @order);
	for my $segment (segments($path)) {
		my $port = $segment->{port};
		push @order, $port if !$of{$port};
		push $of{$port}->@*, $segment;
	}
	return map { $of{$_} } @order;
}

1;
