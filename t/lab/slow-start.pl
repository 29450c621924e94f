# Slow start: a connection has to learn how much it may send.

package Lab::Experiment::SlowStart;

use v5.36;

use Bench qw(median);
use Time::HiRes qw(sleep);
use Lab qw(experiment ms);

use constant {
	KB   => 1000,
	RTT  => 0.050,
	IDLE => 1.2,    # seconds: more than the retransmission timeout
	RATE => 20_000_000,    # bits a second, and bytes in its queue
	QUEUE => 100_000,
	SEGMENT => 1500,       # bytes on the wire
};

# The first response of a connection, and the fifth; medians of three.
sub cold_and_warm ($lab, $server, $bytes) {
	my (@cold, @warm);
	for (1 .. 3) {
		my $client = $lab->client($server, path => $lab->file($bytes));
		$client->open;
		my @took = map { $client->ask } 1 .. 5;
		$client->close;
		push @cold, $took[0];
		push @warm, $took[-1];
	}
	return { cold => median(@cold), warm => median(@warm) };
}

sub by_distance ($lab) {
	my $server = $lab->server('tined');
	my (@rows, %is);
	my @rtts = $lab->is_quick ? (RTT) : (0, 0.010, RTT, 0.200);

	for my $rtt (@rtts) {
		$lab->wire->rtt($rtt);
		for my $kb (10, 100, 1000) {
			my $is = cold_and_warm($lab, $server, KB * $kb);
			$is{$rtt}{$kb} = $is;
			push @rows, [ ms($rtt), $kb, ms($is->{cold}),
				ms($is->{warm}), $rtt ? sprintf('%.1f',
					$is->{cold} / $rtt) : '-',
				$rtt ? sprintf('%.1f', $is->{warm} / $rtt) : '-' ];
		}
	}
	$lab->wire->rtt(0);
	$lab->stop_servers;
	$lab->table('Time of a response over a new connection, handshake not '
		. 'counted, and of the fifth over the same one',
		[ 'round trip ms', 'KB', 'cold ms', 'warm ms', 'cold, round trips',
			'warm, round trips' ], @rows);
	return \%is;
}

# What has arrived by when, with that initial window.
sub arrivals ($lab, $window) {
	$lab->wire->route('far', initcwnd => $window);
	my $server = $lab->server('tined');
	my $client = $lab->client($server, path => $lab->file(300 * KB));
	$client->open;
	my ($connection) = $lab->capture('near', "window-$window", sub {
		$client->ask;
	});
	$client->close;
	$lab->stop_servers;
	my ($sum, $start, @points, @flights, $last) = (0);
	for my $s (grep { $_->{length} > 0 } @$connection) {
		$start //= $s->{time} if $s->{by} eq 'near';
		next if $s->{by} ne 'far';
		push @flights, 0 if !defined $last || $s->{time} - $last > RTT / 3;
		$flights[-1]++;
		$last = $s->{time};
		$sum += $s->{length};
		push @points, [ sprintf('%.2f', 1000 * ($s->{time} - $start)),
			sprintf '%.1f', $sum / KB ];
	}
	return { points => \@points, flights => \@flights,
		took => $points[-1][0] / 1000 };
}

sub initial_windows ($lab) {
	$lab->wire->rtt(RTT);
	my %is = map { $_ => arrivals($lab, $_) } 1, 4, 10;
	$lab->wire->route('far');
	$lab->plot(
		name    => 'arrivals',
		caption => 'What of 300 KB has arrived by when, over a new connection, '
			. 'by the initial window in segments; round trip ' . ms(RTT)
			. ' ms',
		xlabel  => 'ms since the request',
		ylabel  => 'KB',
		style   => 'steps',
		series  => [ map { [ "initial window $_", $is{$_}{points} ] } 1, 4, 10 ],
	);
	return \%is;
}

# Of those three, the ones that this kernel has, also as modules.
sub controls ($lab) {
	for my $name (qw(cubic reno bbr)) {
		system "modprobe -q tcp_$name 2>/dev/null";
	}
	my %has = map { $_ => 1 } split ' ',
		$lab->wire->sysctl('far', 'tcp_available_congestion_control');
	my @missing = grep { !$has{$_} } qw(cubic reno bbr);
	if (@missing) {
		my $what = "NOT MEASURED: this kernel does not have @missing";
		print "  $what\n";
		$lab->text("$what.");
	}
	return grep { $has{$_} } qw(cubic reno bbr);
}

# The congestion window by time, while a file goes over a narrow wire.
sub window ($lab, $control) {
	$lab->wire->route('far', congctl => $control);
	my $server = $lab->server('tined');
	my $client = $lab->client($server, path => $lab->file(6000 * KB));
	$client->open;
	my $path = "$lab->{tmp}/cwnd";
	my $pid  = fork // die "fork: $!\n";
	if (!$pid) {
		open STDOUT, '>', $path;
		exec $lab->wire->far, 'sh', '-c', 'while :; do date '
			. '+%s.%N; ss -tinH state established sport = :'
			. $server->port . '; sleep 0.03; done';
	}
	my $took = $client->ask;
	kill 'TERM', $pid;
	waitpid $pid, 0;
	$client->close;
	$lab->stop_servers;
	return { name => $control, took => $took, _windows($path) };
}

sub windows ($lab) {
	my @all;
	$lab->wire->rtt(RTT);
	$lab->wire->command('rate', RATE);
	$lab->wire->command('queue', QUEUE);
	@all = map { window($lab, $_) } controls($lab);
	$lab->wire->reset;
	$lab->plot(
		name    => 'windows',
		caption => 'The congestion window while 6 MB go over '
			. RATE / 1e6 . ' Mbit/s with room for ' . QUEUE / KB
			. ' KB in the queue; round trip ' . ms(RTT) . ' ms',
		xlabel  => 'seconds since the request',
		ylabel  => 'congestion window, segments',
		style   => 'lines',
		series  => [ map { [ $_->{name}, $_->{points} ] } @all ],
	);
	$lab->table('The same in figures; what is above its room of '
		. _room() . ' segments is lost',
		[ 'congestion control', 's', 'largest window', 'smallest after that',
			'segments sent again' ],
		map { [ $_->{name}, sprintf('%.1f', $_->{took}),
			@$_{qw(largest smallest again)} ] } @all);
	_explain($lab, @all);
	return;
}

# Segments that are on the wire and in its queue.
sub _room () {
	return int((RATE / 8 * RTT + QUEUE) / SEGMENT);
}

sub _explain ($lab, @all) {
	my ($bbr)   = grep { $_->{name} eq 'bbr' } @all;
	$lab->text('That wire holds ' . _room() . ' segments, those in its queue '
		. 'included. ' . join(' ', map {
			"$_->{name} grows to $_->{largest}, loses segments "
				. "($_->{again} are sent again), and goes down to "
				. "$_->{smallest}."
		} grep { $_->{name} ne 'bbr' } @all)
		. ($bbr ? ' bbr does not wait for a loss: it measures the rate and '
			. "the round trip, and has its window at $bbr->{last} when it "
			. 'ends, about twice what is on its way in a round trip. While it '
			. "searches for the rate it loses segments, too: $bbr->{again}."
			: ''));
	for my $is (@all) {
		$lab->shows($is->{largest} > 40,
			"$is->{name}: the window grows from ten segments");
		$lab->shows($is->{again} > 0 && $is->{smallest}
			< 0.85 * $is->{largest},
			"$is->{name}: and is smaller after a loss")
			if $is->{name} ne 'bbr';
	}
	return;
}

# By time; the largest, the smallest after that, and the last; and how many
# segments were sent again.
sub _windows ($path) {
	my ($start, $now, @points);
	my %is = (largest => 0, smallest => 0, again => 0);
	open my $in, '<', $path or die "$path: $!\n";
	while (<$in>) {
		$now = $1 if /^(\d{10}\.\d+)$/;
		$is{again} = $1 if m{\bretrans:\d+/(\d+)};
		next if !/\bcwnd:(\d+)/;
		$start //= $now;
		push @points, [ sprintf('%.3f', $now - $start), $1 ];
		if ($1 > $is{largest}) {
			@is{qw(largest smallest)} = ($1, $1);
		} elsif ($1 < $is{smallest}) {
			$is{smallest} = $1;
		}
		$is{last} = $1;
	}
	close $in;
	return (points => \@points, %is);
}

# Whether an idle connection has to begin again.
sub idle ($lab) {
	$lab->wire->rtt(RTT);
	my %is = map {
		$lab->wire->sysctl('far', 'tcp_slow_start_after_idle', $_);
		my $server = $lab->server('tined');
		my $client = $lab->client($server, path => $lab->file(100 * KB));
		$client->open;
		$client->ask for 1 .. 5;
		my $before = $client->ask;
		sleep IDLE;
		my $after = $client->ask;
		$client->close;
		$lab->stop_servers;
		($_ => [ $before, $after ])
	} 1, 0;
	$lab->wire->sysctl('far', 'tcp_slow_start_after_idle', 1);
	$lab->table('100 KB over a warm connection, before and after '
		. IDLE . ' s in which it was idle',
		[ 'tcp_slow_start_after_idle', 'before ms', 'after ms' ],
		map { [ $_, ms($is{$_}[0]), ms($is{$_}[1]) ] } 1, 0);
	return \%is;
}

experiment(
	name  => 'slow-start',
	title => 'Slow start',
	asks  => 'A new connection may send ten segments, and twice as many with '
		. 'each round trip.  What does that cost a response, what does a warm '
		. 'connection save, and what is left of it after a pause?',
	run => sub ($lab) {
		my $by     = by_distance($lab);
		my $window = initial_windows($lab);
		my $idle   = idle($lab);
		windows($lab) if !$lab->is_quick;
		my $is = $by->{ +RTT };
		my $flights = sub ($n) {
			join ', ', $window->{$n}{flights}->@*;
		};
		$lab->text('At ' . ms(RTT) . ' ms, 100 KB take '
			. ms($is->{100}{cold}) . ' ms over a new connection and '
			. ms($is->{100}{warm}) . ' over a warm one; 10 KB fit into the '
			. 'first ten segments and take ' . ms($is->{10}{cold}) . ' and '
			. ms($is->{10}{warm}) . '. With an initial window of 10 the '
			. 'segments of 300 KB arrive in flights of ' . $flights->(10)
			. '; with a window of 1, as TCP had it at first, of '
			. $flights->(1) . ', and it takes ' . ms($window->{1}{took})
			. ' ms in place of ' . ms($window->{10}{took}) . '. (What the client has room for at first '
			. 'bounds the last ones.) A warm '
			. 'connection that was idle for ' . IDLE . ' s begins again: '
			. '100 KB take ' . ms($idle->{1}[1]) . ' ms, not '
			. ms($idle->{1}[0]) . '; with tcp_slow_start_after_idle=0 they '
			. 'take ' . ms($idle->{0}[1]) . '. tined --doctor asks for that '
			. 'setting.');
		$lab->shows($is->{100}{cold} > 1.5 * $is->{100}{warm},
			'100 KB take half as long again over a new connection');
		$lab->shows($is->{10}{cold} < 1.6 * RTT,
			'10 KB take one round trip over it');
		$lab->shows($window->{1}{took} > $window->{4}{took}
			&& $window->{4}{took} > $window->{10}{took},
			'the smaller the initial window, the longer it takes');
		$lab->shows($window->{10}{flights}[0] == 10,
			'the first flight is of ten segments');
		$lab->shows($idle->{1}[1] > 1.3 * $idle->{1}[0],
			'after a pause the window has to grow again');
		$lab->shows($idle->{0}[1] < 1.3 * $idle->{0}[0],
			'but not with tcp_slow_start_after_idle=0');
	},
);
