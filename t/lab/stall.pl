# The bug report that tined comes from: a kept-alive connection slower than new
# ones, by a hundred times.

package Lab::Experiment::Stall;

use v5.36;

use List::Util qw(first);
use Bench qw(find said);
use Lab   qw(experiment ms plural share);

use constant {
	REPLY  => 10_000,    # bytes, as in the report
	# An MTU with which such a reply is one segment, as over loopback.
	JUMBO  => 16_384,
	WAITED => 0.035,     # seconds: the least delay of an ACK is 40 ms
	PIPE   => 16,
	# Requests a second that the report has: over new connections, kept alive.
	THEN   => [ 1320, 11.2 ],
};

# label; kind of server; its arguments; and whether --quick has it, too.
my @SERVER = (
	[ 'tined', 'tined', [], 1 ],
	[ 'tined split, Nagle', 'tined',
		[qw(--write-mode split --nagle on)], 1 ],
	[ 'tined split', 'tined', [qw(--write-mode split)], 1 ],
	[ 'tined cork', 'tined', [qw(--write-mode cork)] ],
	[ 'tined cork, Nagle', 'tined', [qw(--write-mode cork --nagle on)], 1 ],
	[ 'tined, Nagle', 'tined', [qw(--nagle on)] ],
	[ 'paste', 'paste', [], 1 ],
	[ 'nginx', 'nginx', [] ],
	[ 'Apache', 'apache-event', [] ],
	[ 'lighttpd', 'lighttpd', [] ],
);

sub start ($lab, $row) {
	my (undef, $kind, $args) = @$row;
	return $lab->server($kind, args => $args);
}

sub rate ($is, $depth = 1) {
	my ($n, $sum) = (0, 0);
	$n++, $sum += $_ for $is->{took}->@*;
	return $depth * $n / $sum;
}

sub round_up ($n) { return sprintf $n < 100 ? '%.1f' : '%.0f', $n }

# New connections, a kept-alive one, and batches in one.
sub measure ($lab, $row) {
	my $server  = start($lab, $row) or return;
	my $seconds = $lab->unless_quick(0.7, 0.2);
	my $least   = 25;
	my %option  = (path => $lab->file(REPLY));
	my %is      = (label => $row->[0]);

	$is{new}  = $lab->ask($server, %option, new => 1, seconds => $seconds);
	# So many at least, as a stalled one makes few in that time.
	$is{kept} = $lab->ask($server, %option, count => $least);
	$is{first} = [ $is{kept}{took}->@* ];
	if (rate($is{kept}) * $seconds > $least) {
		my $more = $lab->ask($server, %option, seconds => $seconds);
		$is{kept} = $more;
	}
	$is{pipe} = $lab->ask($server, %option, depth => PIPE,
		seconds => $seconds);
	$is{waited} = grep { $_ > WAITED } $is{kept}{took}->@*;
	$is{begins} = first { $is{first}[ $_ - 1 ] > WAITED } 1 .. $least;
	$lab->stop_servers;
	return \%is;
}

sub row_of ($is) {
	return [ $is->{label}, round_up(rate($is->{new})),
		round_up(rate($is->{kept})), ms($is->{kept}{median}),
		share($is->{waited}, scalar $is->{kept}{took}->@*),
		$is->{begins} && $is->{waited} > 1 ? $is->{begins} : '-',
		round_up(rate($is->{pipe}, PIPE)),
		sprintf('%.1f', $is->{kept}{segments}) ];
}

# Which replies stall over Ethernet: those that are smaller than a segment.
sub by_size ($lab) {
	$lab->wire->mtu(1500);
	my (@points, %median);
	my @sizes = $lab->is_quick ? (200, 1400, 1600, 10_000)
		: (100, 200, 500, 1000, 1300, 1400, 1448, 1500, 2000, 2896, 3000,
			5000, 10_000, 20_000, 50_000);
	for my $mode (['on', 'Nagle'], ['off', 'TCP_NODELAY']) {
		my $server = $lab->server('tined',
			args => [ qw(--write-mode split --nagle), $mode->[0] ]);
		my @of = map {
			my $is = $lab->ask($server, path => $lab->file($_),
				count => 15);
			$median{ $mode->[0] }{$_} = $is->{median};
			[ $_, 1000 * $is->{median} ]
		} @sizes;
		push @points, [ "split, $mode->[1]", \@of ];
		$lab->stop_servers;
	}
	$lab->plot(
		name    => 'size',
		caption => 'Time of a request by the size of its reply, with an MTU '
			. 'of 1500 bytes',
		xlabel  => 'bytes of content',
		ylabel  => 'median of 15 requests, ms',
		log     => 'xy',
		series  => \@points,
	);
	return \%median;
}

# What the programs say that people measure with.
sub real_clients ($lab) {
	my @rows;
	$lab->wire->mtu(JUMBO);
	for my $row (@SERVER[ 0, 1 ]) {
		my $server = start($lab, $row);
		my $path   = $lab->file(REPLY);
		my $port   = $server->port;
		my $url    = "http://10.79.0.2:$port$path";
		my %command = (
			'ab' => [ qw(ab -q -n 40 -c 1), $url ],
			'ab -k' => [ qw(ab -q -k -n 40 -c 1), $url ],
			'httperf, new' => [ qw(httperf --hog --num-conns 40
				--num-calls 1 --server 10.79.0.2 --port),
				$port, '--uri', $path ],
			'httperf, kept alive' => [ qw(httperf --hog --num-conns 1
				--num-calls 40 --server 10.79.0.2 --port),
				$port, '--uri', $path ],
			'wrk, kept alive' => [ qw(wrk -t 1 -c 1 -d 1s), $url ],
			'curl, kept alive' => [ qw(curl -s -w), '%{time_total}\n',
				('-o', '/dev/null', $url) x 40 ],
		);
		for my $name (sort keys %command) {
			next if !find($command{$name}[0]);
			my $said = said($command{$name}->@*);
			my ($rate) = $said
				=~ m{(?:Requests\ per\ second:|Request\ rate:
					|Requests/sec:)\s*([\d.]+)}x;
			if (!defined $rate && $name =~ /^curl/) {
				my @took = $said =~ /^([\d.]+)$/mg;
				my $sum = 0;
				$sum += $_ for @took;
				$rate = @took / $sum if $sum;
			}
			push @rows, [ $row->[0], $name,
				defined $rate ? round_up($rate) : 'no answer' ];
		}
		$lab->stop_servers;
	}
	$lab->table('The same, as those programs see it that people measure with',
		[ 'server', 'client', 'requests/s' ], @rows);
	return;
}

sub explain ($lab, $is) {
	my ($good, $bad, $patched) = @$is{ 'tined', 'tined split, Nagle',
		'tined split' };
	my $paste = $is->{paste};

	$lab->text('The report measured ' . THEN->[0] . ' requests a second over '
		. 'new connections and ' . THEN->[1] . ' over one that was kept '
		. 'alive. '
		. ($paste ? 'Its program, paste, today makes '
			. round_up(rate($paste->{new})) . ' and '
			. round_up(rate($paste->{kept})) . ' here. ' : '')
		. 'tined made as bad as that (split, Nagle) makes '
		. round_up(rate($bad->{new})) . ' and ' . round_up(rate($bad->{kept}))
		. '; as it is, ' . round_up(rate($good->{new})) . ' and '
		. round_up(rate($good->{kept})) . '.');
	$lab->text('The head leaves at once. The content is a second, small send: '
		. "Nagle's algorithm keeps it until the head is acknowledged, and "
		. 'the client delays that acknowledgement, as it has nothing to send '
		. 'with it: ' . ms($bad->{kept}{median}) . ' ms for each request. '
		. "It begins with request $bad->{begins} of a connection, as the "
		. 'kernel acknowledges at once while one is young. New connections are always young, so they '
		. 'never stall. TCP_NODELAY alone, the patch of the report, ends the '
		. 'wait (' . round_up(rate($patched->{kept})) . ' requests/s), but '
		. 'each response is ' . sprintf('%.1f', $patched->{kept}{segments})
		. ' segments then; in one send it is '
		. sprintf('%.1f', $good->{kept}{segments}) . '.');
	return;
}

sub judge ($lab, $is) {
	my ($good, $bad, $patched) = @$is{ 'tined', 'tined split, Nagle',
		'tined split' };

	$lab->shows($bad->{kept}{median} > WAITED, 'split and Nagle: half of the '
		. 'requests wait for more than 35 ms');
	$lab->shows(defined $bad->{begins} && $bad->{begins} > 1,
		'not from the first request on');
	$lab->shows(rate($bad->{new}) > 3 * rate($bad->{kept}),
		'new connections make more than three times as many requests');
	$lab->shows($_->{kept}{median} < WAITED,
		"$_->{label}: no stall") for grep {defined} $good, $patched,
		@$is{ 'tined cork', 'tined cork, Nagle', 'tined, Nagle' };
	$lab->shows($patched->{kept}{segments}
		> 1.8 * $good->{kept}{segments},
		'TCP_NODELAY alone: twice the segments');
	return;
}

experiment(
	name  => 'stall',
	title => 'The stall that started it',
	asks  => 'A server sends the head and the content of a response in two '
		. 'sends.  Over new connections it is quick; over one that is kept '
		. 'alive it makes a hundredth of that.  Why, and what mends it?',
	run => sub ($lab) {
		my %is;
		$lab->wire->mtu(JUMBO);
		for my $row (grep { $_->[3] || !$lab->is_quick } @SERVER) {
			$is{ $row->[0] } = measure($lab, $row)
				// delete $is{ $row->[0] } // next;
		}
		my @order = grep {defined} map { $is{ $_->[0] } } @SERVER;
		$lab->table('A reply of ' . REPLY . ' bytes, which is one segment '
			. 'with an MTU of ' . JUMBO . ', as over loopback; one '
			. 'connection at a time; ' . PIPE . ' requests in a batch where '
			. 'they are pipelined',
			[ 'server', 'new/s', 'kept/s', 'kept ms', 'over 35 ms',
				'from', 'pipelined/s', 'segments' ],
			map { row_of($_) } @order);
		$lab->plot(
			name    => 'requests',
			caption => 'Time of each request of a connection that is kept '
				. 'alive',
			xlabel  => 'request of the connection',
			ylabel  => 'ms',
			log     => 'y',
			series  => [ map {
				my $took = $_->{first};
				[ $_->{label}, [ map { [ $_ + 1,
					1000 * $took->[$_] ] } 0 .. $#$took ] ]
			} grep { $_->{label} =~ /^(?:tined(?: split.*)?|paste)$/ }
				@order ],
		);
		explain($lab, \%is);
		judge($lab, \%is);
		my $by = by_size($lab);
		my ($small, $large) = @{ $by->{on} }{ 1400, 10_000 };
		$lab->text('Over Ethernet only replies below a segment (1448 bytes) '
			. 'stall: of 1400 bytes ' . ms($small) . ' ms, of 10,000 '
			. ms($large) . '. A larger one begins with a full segment, '
			. 'which is sent at once, and with the second segment that '
			. 'arrives the client acknowledges both. So the same server '
			. 'is quick for one page and stalls for another.');
		$lab->shows($small > WAITED, '1400 bytes stall over Ethernet');
		$lab->shows($large < WAITED, '10,000 bytes do not');
		real_clients($lab) if !$lab->is_quick;
	},
);
