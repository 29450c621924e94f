# A lost segment: where in a response it is decides how long it takes.

package Lab::Experiment::Loss;

use v5.36;

use Bench qw(median);
use Lab   qw(experiment ms);

use constant {
	RTT => 0.050,
};

# How many packets a response is.
sub packets ($lab, $server, $bytes) {
	my $client = $lab->client($server, path => $lab->file($bytes));
	$client->open;
	$client->ask;
	my $count = $client->info->{data_segs_in};
	$client->close;
	return $count;
}

# Of a warm connection: seconds that a response takes of which the Nth data packet
# is lost; 0: none.
sub lose ($lab, $server, $bytes, $nth) {
	my $client = $lab->client($server, path => $lab->file($bytes));
	my @took;

	$client->open;
	$client->ask for 1 .. $lab->unless_quick(4, 3);
	for (1 .. $lab->unless_quick(3, 1)) {
		$lab->wire->command('drop', $nth);
		push @took, $client->ask;
		$lab->wire->command('drop', 0);
		# The window has shrunk.
		$client->ask for 1 .. $lab->unless_quick(3, 0);
	}
	$client->close;
	return median(@took);
}

experiment(
	name  => 'loss',
	title => 'A lost segment',
	asks  => 'One packet of a response is lost, the first, one in the middle, '
		. 'or the last.  How long does the response take, and what has '
		. 'TCP_NODELAY to do with that?',
	run => sub ($lab) {
		my (@rows, %extra, $whole_one);
		my @kinds = (
			[ 'one segment', 500 ],
			$lab->is_quick ? () : [ '10 KB', 10_000 ],
			[ '100 KB',      100_000 ],
		);
		my @labels;
		$lab->wire->rtt(RTT);
		for my $nagle (qw(off on)) {
			my $server = $lab->server('tined',
				args => [ '--nagle', $nagle ]);
			for my $kind (@kinds) {
				my ($name, $bytes) = @$kind;
				my $count = packets($lab, $server, $bytes);
				my @drops = $count == 1 ? 1
					: (1, int $count / 2, $count);
				my $whole = lose($lab, $server, $bytes, 0);
				$whole_one //= $whole;
				for my $i (0 .. $#drops) {
					my $where = @drops == 1 ? 'it'
						: qw(first middle last)[$i];
					my $took = lose($lab, $server, $bytes,
						$drops[$i]);
					my $label = @drops == 1 ? $name
						: "$name, $where";
					push @labels, $label if $nagle eq 'off';
					$extra{$nagle}{$label} = $took - $whole;
					push @rows, [ $label, $nagle eq 'on'
						? 'Nagle' : 'TCP_NODELAY', ms($whole),
						ms($took), ms($took - $whole),
						sprintf '%.1f', ($took - $whole) / RTT ];
				}
			}
			$lab->stop_servers;
		}
		$lab->table('Responses over a warm connection, round trip ' . ms(RTT)
			. ' ms',
			[ 'lost', 'server', 'without loss ms', 'with ms', 'more ms',
				'in round trips' ], @rows);
		$lab->plot(
			name    => 'extra',
			caption => 'How much longer a response takes of which one segment '
				. 'is lost',
			xlabel  => '',
			ylabel  => 'ms',
			labels  => [ map { s/, /\\n/r } @labels ],
			series  => [ map {
				my $nagle = $_;
				[ $nagle eq 'on' ? 'Nagle' : 'TCP_NODELAY',
					[ map { sprintf '%.1f',
						1000 * $extra{$nagle}{$_} } @labels ] ]
			} qw(off on) ],
		);
		my $off = $extra{off};
		my ($one, $middle, $last) = @$off{ 'one segment', '100 KB, middle',
			'100 KB, last' };
		$lab->text('In the middle of 100 KB a lost segment costs '
			. ms($middle) . ' ms, about one round trip: those that follow '
			. 'it tell the server at once. At the end nothing follows. The '
			. 'last segment costs ' . ms($last) . ' ms, as the server sends '
			. 'it again only when a timer has run out, of two round trips '
			. 'and 200 ms for an acknowledgement that the client may delay '
			. '(a tail loss probe, RFC 8985). A response of a single segment '
			. 'has an end only: ' . ms($one) . ' ms, where it takes '
			. ms($whole_one) . ' otherwise. So small responses pay most. With Nagle on it is the same, ' . ms($extra{on}{
				'one segment'}) . ' and ' . ms($extra{on}{
				'100 KB, last'}) . ' ms: TCP_NODELAY decides when a segment '
			. 'is sent for the first time, and not what happens when it is '
			. 'lost.');
		$lab->shows($middle < 2.5 * RTT,
			'in the middle: two and a half round trips at most');
		$lab->shows($one > 1.5 * $middle && $one > 2.5 * RTT,
			'a response of one segment waits for a timer');
		$lab->shows($last > $middle, 'the last segment costs more than one '
			. 'in the middle');
		$lab->shows(abs($extra{on}{'one segment'} - $one) < 0.5 * $one,
			'Nagle or not: the same');
	},
);
