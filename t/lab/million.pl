# A million requests in the good mode: does tined tell of stalls that are none?

package Lab::Experiment::Million;

use v5.36;

use HTTP::Tiny ();
use JSON::PP   ();
use List::Util qw(max sum0);
use Socket     qw(sockaddr_in);
use Time::HiRes qw(sleep time);
use Lab        qw(experiment ms);

use constant {
	MILLION  => 1_000_000,
	LOOPBACK => '127.0.0.1',
	SMALL    => 1000,
	LARGE    => 100_000,
	# Of a batch that fits into an initial window (RFC 6928).
	TINY     => 400,
	DEPTH    => 16,
	PAUSE    => 12,       # ms: what comes after a longer gap is a suspect
	FORMAT   => '%{remote}p %k %{stall}x %{stall:ms}T',
	LEAST    => 0.010,    # seconds: the shortest that tined calls a stall
	# What the two clocks may differ by: tined's has ticks of 1 to 10 ms, and
	# its time is too short rather than too long.
	SLACK    => 0.003,
	PATIENCE => 20,
	LATER    => 8,    # requests until a loss is told, at most
	SEED     => 7,
};

# The name, which also tells what is pipelined and how much is lost; the round-trip
# time, undef for loopback; the size of a response; how many requests, in full and
# under --quick, where 0 leaves it out; arguments of t/lab/load.c.
my @CASE = (
	[ 'kept alive', undef, SMALL, [ 250_000, 8000 ], '-c', 8 ],
	[ 'kept alive, pauses', undef, SMALL, [ 180_000, 8000 ],
		'-c', 200, '-p', PAUSE ],
	[ 'pipelined', undef, SMALL, [ 220_000, 20_000 ], '-c', 8 ],
	[ 'pipelined, pauses', undef, SMALL, [ 160_000, 0 ],
		'-c', 60, '-p', PAUSE ],
	[ 'new', undef, SMALL, [ 20_000, 2000 ], '-n', '-c', 8 ],
	[ 'new, pauses', undef, SMALL, [ 30_000, 0 ],
		'-n', '-c', 100, '-p', PAUSE ],
	[ 'large, pauses', undef, LARGE, [ 20_000, 0 ],
		'-c', 50, '-p', PAUSE ],
	[ 'kept alive', 0.010, SMALL, [ 60_000, 4000 ], '-c', 100 ],
	[ 'pipelined', 0.010, TINY, [ 60_000, 0 ], '-c', 20 ],
	[ 'new', 0.010, SMALL, [ 10_000, 1000 ], '-n', '-c', 50 ],
	[ 'kept alive, 1 % lost', 0.010, SMALL, [ 20_000, 2000 ], '-c', 50 ],
	[ 'pipelined, 1 % lost', 0.050, TINY, [ 16_000, 0 ], '-c', 20 ],
	[ 'large', 0.010, LARGE, [ 3000, 0 ], '-c', 20 ],
	[ 'kept alive', 0.050, SMALL, [ 30_000, 0 ], '-c', 200 ],
	[ 'large', 0.050, LARGE, [ 1500, 0 ], '-c', 20 ],
	[ 'kept alive', 0.200, SMALL, [ 10_000, 0 ], '-c', 200 ],
	[ 'pipelined', 0.200, TINY, [ 16_000, 0 ], '-c', 50 ],
	[ 'new', 0.200, SMALL, [ 2000, 0 ], '-n', '-c', 100 ],
);

# The words of the status that matter: stalls by cause, and connections in the
# lot.
sub status ($server) {
	my $url = "http://$server->{host}:" . $server->port . '/status/json';
	my $got = HTTP::Tiny->new(keep_alive => 0)->get($url);
	die "no status: $got->{status} $got->{reason}\n" if !$got->{success};
	return JSON::PP::decode_json($got->{content});
}

# How many stalls are told of, all causes, when no client is there any more: the
# last response of a connection is judged when that ends.
sub told_in_status ($server) {
	my $end = time + PATIENCE;
	my $is  = status($server);
	while ($is->{lot}{all} > 0 && time < $end) {
		sleep 0.05;
		$is = status($server);
	}
	return sum0(values $is->{stalls}->%*);
}

# A client that reads late: from its stall on, for a minute, tined looks at each
# response that may have waited.  Returns the client's port.
sub alert ($lab, $server) {
	my $client = $lab->client($server, host => $server->{host},
		path => $lab->file(LARGE), rcvbuf => 4096, late => 0.1);
	$client->open // die "cannot connect: $!\n";
	my ($port) = sockaddr_in(getsockname $client->{sock});
	$client->ask for 1 .. 2;
	$client->close;
	return $port;
}

# What the client saw: requests, seconds, and microseconds of slow batches, by
# the port and the responses until then of their connection.
sub load ($server, $path, $slow, @args) {
	my %seen = (slow => {});
	my $requests = pop @args;

	open my $out, '-|', "$ENV{BUILD}/lab/load", '-s',
		int(1e6 * $slow), @args, $server->{host}, $server->port, $path,
		$requests
		or die "load: $!\n";
	while (<$out>) {
		if (/^slow (\d+ \d+) (\d+)$/) {
			$seen{slow}{$1} = max($2, $seen{slow}{$1} // 0);
		} elsif (/^requests=(\d+) seconds=([\d.]+)$/) {
			@seen{qw(requests seconds)} = ($1, $2);
		}
	}
	close $out or die "the load fails\n";
	return \%seen;
}

# What the log tells: of which connection, after how many responses, why, and
# seconds.
sub told_in_log ($server) {
	open my $log, '<', $server->{log} or die "$server->{log}: $!\n";
	my @told;
	while (<$log>) {
		my ($port, $k, $cause, $time) = split;
		push @told, { port => $port, k => $k, cause => $cause,
			time => $time / 1000 } if $cause ne '-';
	}
	close $log;
	return @told;
}

# Whether the client saw a response wait as long as that: of a batch, it knows
# when the last one arrived.  A loss is told some requests later.
sub is_true ($told, $seen, $rtt, $depth) {
	my $first = $told->{k} - ($told->{cause} eq 'loss' ? LATER * $depth : 0);
	for my $k ($first .. $told->{k} + $depth - 1) {
		my $took = $seen->{slow}{"$told->{port} $k"} // next;
		return 1 if $took / 1e6 - $rtt >= $told->{time} - SLACK;
	}
	return 0;
}

sub measure ($lab, $case) {
	my ($name, $rtt, $size, $requests, @args) = @$case;
	my $depth = $name =~ /^pipelined/ ? DEPTH : 1;
	my ($lost) = $name =~ /(\d+) % lost/;

	$lab->wire->rtt($rtt // 0);
	my $server = $lab->server('tined', log => 1,
		args => [ '-m', '/status=status:all', '--log-format', FORMAT ],
		defined $rtt ? () : (host => LOOPBACK, under => []));
	my $late   = alert($lab, $server);
	my $before = told_in_status($server);
	$lab->wire->command('loss', 10_000 * $lost, SEED) if $lost;
	my $seen   = load($server, $lab->file($size),
		($rtt // 0) + LEAST - SLACK, '-d', $depth, @args,
		$lab->unless_quick(@$requests));
	$lab->wire->command('loss', 0, 0);
	my $all = told_in_status($server) - $before;
	$lab->stop_servers;

	my @log     = told_in_log($server);
	my @told    = grep { $_->{port} != $late } @log;
	my @false   = grep { !is_true($_, $seen, $rtt // 0, $depth) } @told;
	my $at_end  = max(0, $all - @told);
	my $slow    = keys $seen->{slow}->%*;
	# Which connections they end is not told: no more than were slow.
	my $unknown = max(0, $at_end - $slow);
	return {
		name  => $name,
		place => defined $rtt ? ms($rtt) . ' ms' : 'loopback',
		size  => $size,
		lost  => $lost,
		%$seen,
		slow  => $slow,
		told  => @told + $at_end,
		false => @false + $unknown,
		which => join(', ', map {"$_->{cause} " . ms($_->{time}) . ' ms'}
				@false[ 0 .. ($#false < 4 ? $#false : 4) ]),
		alert => scalar(grep { $_->{port} == $late } @log),
	};
}

sub thousands ($n) {
	1 while $n =~ s/^(\d+)(\d{3})/$1,$2/;
	return $n;
}

sub sum ($name, @rows) { return sum0 map { $_->{$name} } @rows }

experiment(
	name  => 'million',
	title => 'A million requests without a stall',
	asks  => 'Does tined tell of stalls where there are none?  It is asked as '
		. 'it is meant to run, in all the ways that clients ask, near and '
		. 'far.',
	run => sub ($lab) {
		my @all = map { measure($lab, $_) }
			grep { $lab->unless_quick($_->[3]->@*) } @CASE;
		my @good  = grep { !$_->{lost} } @all;
		my @lossy = grep { $_->{lost} } @all;
		my @names = qw(requests slow told false);
		my $count = sum('requests', @good);
		$lab->table('Requests, those whose response arrived '
			. ms(LEAST - SLACK) . ' ms or more after its way there and back, '
			. 'as the client\'s kernel tells it, and the stalls that tined '
			. 'tells of: false if the client saw none as long',
			[ 'requests', 'round trip', 'bytes', 'number', 'slow', 'told',
				'false' ],
			(map { [ @$_{qw(name place size requests slow told false)} ] }
				@all),
			[ 'all where none are lost', '', '',
				map { sum($_, @good) } @names ]);
		$lab->text('Of ' . thousands($count) . ' requests over networks that '
			. 'lose nothing, tined told of ' . sum('told', @good)
			. ' that stalled, and of ' . sum('false', @good)
			. ' of them falsely. '
			. 'Before each row a client that read late had put it on alert: '
			. 'for a minute it looks at each response after which its '
			. 'connection was silent for ' . ms(LEAST) . ' ms or longer. '
			. 'A response that arrives late on a busy machine is slow, '
			. 'but not therefore a stall; where one is told, it has to '
			. 'have arrived as late as that. Where one packet of a hundred '
			. 'is lost, so are some in which a client says that it has '
			. 'something already: it told of ' . sum('told', @lossy)
			. ' losses there, ' . sum('false', @lossy) . ' of them falsely.');
		$lab->shows($count >= $lab->unless_quick(MILLION, 1),
			thousands($count) . ' requests are answered');
		for my $is (@all) {
			# What is told of a loss rests on packets that may be lost.
			my $most = $is->{lost} ? 3 + 0.05 * $is->{told} : 0;
			my $name = "$is->{name}, $is->{place}, $is->{size} bytes";
			$lab->shows($is->{alert} > 0, "$name: tined is on alert");
			$lab->shows($is->{false} <= $most, "$name: "
				. ($is->{lost} ? "most of what is told is true"
					: 'nothing false is told')
				. ($is->{which} ? " ($is->{which})" : ''));
		}
	},
);
