# Before a result is believed: the wire does what it says.

package Lab::Experiment::Wire;

use v5.36;

use List::Util qw(max min);
use Lab qw(experiment ms);

use constant {
	RATE  => 10_000_000,    # bits a second
	BYTES => 1_000_000,
	LOSS  => 0.02,
	SEED  => 7,
};

# By ping, and as the kernel measures it in a TCP connection.
sub round_trips ($lab, $server) {
	my (@rows, @points, $worst);

	for my $rtt (0, 0.010, 0.050, 0.200) {
		$lab->wire->rtt($rtt);
		my $ping   = $lab->wire->ping($lab->unless_quick(9, 3)) // 9;
		my $client = $lab->client($server, path => $lab->file(200));
		$client->open;
		$client->ask for 1 .. $lab->unless_quick(8, 4);
		my $tcp = $client->info->{rtt} / 1e6;
		$client->close;
		push @rows, [ ms($rtt), ms($ping), ms($tcp) ];
		# TCP's counts what the server takes, too.
		$worst = max($worst // 0, abs($ping - $rtt), $tcp - $rtt,
			$rtt - $tcp);
	}
	$lab->wire->rtt(0);
	$lab->table('Round-trip time, milliseconds',
		[qw(claimed ping tcpi_rtt)], @rows);
	return $worst;
}

sub transfer ($lab, $server) {
	my $client = $lab->client($server, path => $lab->file(BYTES));
	my $before = $lab->wire->counts;
	$client->open;
	my $took  = $client->ask;
	my $after = $lab->wire->counts;
	$client->close;
	return { took => $took,
		map { ($_ => $after->{far}{$_} - $before->{far}{$_}) }
			qw(packets bytes lost) };
}

experiment(
	name  => 'wire',
	title => 'The wire keeps what it claims',
	asks  => 'All that follows is measured between two hosts that are network '
		. 'namespaces of this machine, joined by a program that delays, '
		. 'limits and loses packets.  Is it as long, as wide and as bad as '
		. 'it says?',
	run => sub ($lab) {
		my $server = $lab->server('tined');
		my $worst  = round_trips($lab, $server);

		$lab->wire->command('rate', RATE);
		my $limited = transfer($lab, $server);
		my $rate    = 8 * $limited->{bytes} / $limited->{took};
		$lab->wire->command('rate', 0);

		$lab->wire->command('loss', 1e6 * LOSS, SEED);
		my $lossy = transfer($lab, $server);
		$lab->wire->command('loss', 0, 0);
		my $lost = $lossy->{lost} / $lossy->{packets};

		$lab->table('One response of ' . BYTES . ' bytes',
			[qw(wire claimed measured)],
			[ 'rate, Mbit/s', RATE / 1e6, sprintf '%.2f', $rate / 1e6 ],
			[ 'loss, %', 100 * LOSS, sprintf '%.1f', 100 * $lost ]);
		$lab->text('The round-trip time is at most ' . ms($worst)
			. ' ms from what is claimed, the time of the processes '
			. 'included.  A wire of ' . RATE / 1e6 . ' Mbit/s carried '
			. sprintf('%.2f', $rate / 1e6) . ", and one that loses "
			. 100 * LOSS . " % of the packets lost $lossy->{lost} of "
			. "$lossy->{packets}.");
		$lab->shows($worst < 0.010, 'round-trip times are within 10 ms');
		$lab->shows($rate > 0.85 * RATE && $rate < 1.02 * RATE,
			'the rate is within 15 %');
		$lab->shows($lossy->{lost} > 0 && $lost > LOSS / 4
			&& $lost < LOSS * 3, 'packets are lost as often as claimed');
	},
);
