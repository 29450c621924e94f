# One byte a write, against one send: what Nagle's algorithm was made for.

package Lab::Experiment::SillyWindow;

use v5.36;

use List::Util  qw(sum0);
use Time::HiRes qw(time);
use Lab qw(experiment ms);

use constant {
	BYTES => 500,
	PAUSE => 200,    # microseconds from a write to the next
	RTT   => 0.010,
};

sub measure ($lab, $label, $args, $path) {
	my $server = $lab->server('tined', args =>
		[ @$args, '-m', "/events=module:$ENV{BUILD}/lab/events.so" ]);
	my $client = $lab->client($server, path => "/events$path", close => 1);

	$client->open;
	my $before = $lab->wire->counts;
	my $began  = time;
	my $sock   = $client->begin;
	my $seconds;
	while (sysread $sock, my ($bytes), 65_536) {
		$seconds = time - $began;
	}
	my $after = $lab->wire->counts;
	$client->close;
	$lab->stop_servers;
	return {
		label   => $label,
		seconds => $seconds,
		packets => $after->{far}{packets} - $before->{far}{packets},
		bytes   => sum0(map { $after->{$_}{bytes} - $before->{$_}{bytes} }
			qw(near far)),
	};
}

experiment(
	name  => 'silly-window',
	title => 'A byte a write',
	asks  => 'A program writes its response byte by byte.  What does each byte '
		. 'cost on the wire, and what do Nagle, TCP_CORK and one send make '
		. 'of it?',
	run => sub ($lab) {
		$lab->wire->rtt(RTT);
		my $each = '/' . join '/', BYTES, PAUSE, 1;
		my $once = '/' . join '/', 1, 0, BYTES;
		my @all = (
			measure($lab, 'a byte a write, TCP_NODELAY', [], $each),
			measure($lab, 'a byte a write, Nagle', [qw(--nagle on)], $each),
			measure($lab, 'a byte a write, TCP_CORK',
				[qw(--write-mode cork)], $each),
			measure($lab, 'one send', [], $once),
		);
		my ($small, $nagle, $cork, $one) = @all;
		my $per = sub ($is) { $is->{bytes} / BYTES };
		$lab->table(BYTES . ' bytes of content, a byte every '
			. PAUSE / 1000 . ' ms, or all at once; round trip ' . ms(RTT)
			. ' ms',
			[ 'written', 'packets of the server', 'bytes on the wire',
				'for each byte', 'ms' ],
			map { [ $_->{label}, $_->{packets}, $_->{bytes},
				sprintf('%.1f', $per->($_)), ms($_->{seconds}) ] } @all);
		$lab->plot(
			name    => 'bytes',
			caption => 'Bytes on the wire, both ways, for each byte of content',
			xlabel  => '',
			ylabel  => 'bytes',
			labels  => [ 'TCP_NODELAY', 'Nagle', 'TCP_CORK', 'one send' ],
			series  => [ [ 'bytes on the wire for a byte',
				[ map { sprintf '%.2f', $per->($_) } @all ] ] ],
		);
		$lab->text('With TCP_NODELAY nothing stands between such a program and '
			. "the wire: $small->{packets} packets, "
			. sprintf('%.0f', $per->($small)) . ' bytes on the wire for each '
			. "byte. Nagle makes $nagle->{packets} packets of it, as it lets "
			. 'one small segment out in a round trip; this is what it was '
			. "made for (RFC 896). One send is $one->{packets} packets with "
			. 'all that belongs to a connection, and '
			. sprintf('%.1f', $per->($one)) . ' bytes for each. So '
			. 'TCP_NODELAY is for those who collect what they write, as tined '
			. 'does.');
		$lab->shows($small->{packets} > BYTES / 4,
			'TCP_NODELAY: packets for single bytes');
		$lab->shows($nagle->{packets} < $small->{packets} / 2,
			'Nagle: less than half of them');
		$lab->shows($one->{packets} < 12, 'one send: a few packets');
		$lab->shows($per->($small) > 5 * $per->($one),
			'and five times the bytes on the wire otherwise');
	},
);
