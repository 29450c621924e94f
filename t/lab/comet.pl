# Small events of a stream, flushed one by one, in each way of writing.

package Lab::Experiment::Comet;

use v5.36;

use Bench       qw(median);
use List::Util  qw(max sum0);
use Time::HiRes qw(time);
use Lab qw(experiment ms);

use constant {
	RTT   => 0.030,
	PAUSE => 0.020,    # seconds from an event to the next
	BYTES => 60,       # of an event
	LATE  => 0.025,    # seconds after which an event was held back
};

my @MODE = (
	[ 'together', [] ],
	[ 'together, Nagle', [qw(--nagle on)] ],
	[ 'split', [qw(--write-mode split)] ],
	[ 'split, Nagle', [qw(--write-mode split --nagle on)] ],
	[ 'cork', [qw(--write-mode cork)] ],
);

# Seconds from the flush of each event to its arrival here.
sub delays ($client, $count) {
	my $sock = $client->begin;
	my ($bytes, @delay) = ('');

	while (@delay < $count) {
		my $n = sysread $sock, $bytes, 65_536, length $bytes;
		die "the stream ends early\n" if !$n;
		my $now = time;
		while ($bytes =~ s/^.*?(\d{10}\.\d{6}) \**\n//s) {
			push @delay, $now - $1;
		}
	}
	return @delay;
}

sub measure ($lab, $mode, $count) {
	my ($label, $args) = @$mode;
	my $server = $lab->server('tined', args =>
		[ @$args, '-m', "/events=module:$ENV{BUILD}/lab/events.so" ]);
	my $client = $lab->client($server, path => join('/', '/events', $count,
		1e6 * PAUSE, BYTES));

	$client->open;
	my $before = $lab->wire->counts;
	my @delay  = delays($client, $count);
	my $after  = $lab->wire->counts;
	$client->close;
	$lab->stop_servers;
	my $wire = sub ($what) { sum0 map { $after->{$_}{$what}
			- $before->{$_}{$what} } qw(near far) };
	return {
		label    => $label,
		delay    => \@delay,
		median   => median(@delay),
		max      => max(@delay),
		late     => scalar(grep { $_ > LATE } @delay),
		segments => ($after->{far}{packets} - $before->{far}{packets})
			/ $count,
		overhead => $wire->('bytes') / ($count * BYTES),
	};
}

experiment(
	name  => 'comet',
	title => 'Comet: small events of a stream',
	asks  => 'An application flushes an event of 60 bytes every 20 ms.  When '
		. 'does it arrive, and what does it cost on the wire, in each way of '
		. 'writing?',
	run => sub ($lab) {
		my $count = $lab->unless_quick(100, 40);
		$lab->wire->rtt(RTT);
		my @all = map { measure($lab, $_, $count) } @MODE;
		my %is  = map { $_->{label} => $_ } @all;
		$lab->table("$count events of " . BYTES . ' bytes, chunked, one every '
			. ms(PAUSE) . ' ms; one way is ' . ms(RTT / 2) . ' ms',
			[ 'mode', 'median ms', 'longest ms', 'over 25 ms',
				'packets/event', 'bytes on the wire/byte' ],
			map { [ $_->{label}, ms($_->{median}), ms($_->{max}),
				$_->{late}, sprintf('%.2f', $_->{segments}),
				sprintf('%.1f', $_->{overhead}) ] } @all);
		$lab->plot(
			name    => 'delays',
			caption => 'From the flush of an event to its arrival',
			xlabel  => 'event',
			ylabel  => 'ms',
			log     => 'y',
			style   => 'linespoints',
			series  => [ map {
				my $delay = $_->{delay};
				[ $_->{label}, [ map { [ $_ + 1, sprintf '%.3f',
					1000 * $delay->[$_] ] } 0 .. $#$delay ] ]
			} @all ],
		);
		my ($good, $nagle, $split, $bad, $cork) = @all;
		$lab->text('As tined writes, an event is one packet and arrives '
			. ms($good->{median}) . ' ms after its flush, the longest '
			. ms($good->{max}) . '. With the size of the chunk in a send of '
			. 'its own and without Nagle it is as quick, in '
			. sprintf('%.1f', $split->{segments}) . ' packets; with Nagle the '
			. 'event waits for the acknowledgement of its size: '
			. ms($bad->{median}) . ' ms, up to ' . ms($bad->{max}) . '. '
			. 'And Nagle alone holds an event back while the one before is '
			. 'not acknowledged: ' . ms($nagle->{median}) . ' ms, up to '
			. ms($nagle->{max}) . '. '
			. 'TCP_CORK around the whole response, which serves files so '
			. 'well, keeps events until 200 ms have passed: '
			. ms($cork->{median}) . ' ms, but with '
			. sprintf('%.1f', $cork->{overhead}) . ' bytes on the wire for '
			. 'each byte, not ' . sprintf('%.1f', $good->{overhead})
			. '. Whoever wants events at once pays for headers.');
		$lab->shows($good->{median} < LATE, 'together: events arrive at once');
		$lab->shows($split->{segments} > 1.6 * $good->{segments},
			'split: twice the packets');
		$lab->shows($bad->{max} > LATE && $bad->{late} > $count / 4,
			'split and Nagle: events are held back');
		$lab->shows($cork->{max} > 0.1, 'cork: for more than 100 ms');
		$lab->shows($cork->{overhead} < 0.6 * $good->{overhead},
			'cork: fewer bytes on the wire');
	},
);
