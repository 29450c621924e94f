# What the server tells of stalls, beside what the capture shows.

package Lab::Experiment::Detector;

use v5.36;

use Lab qw(experiment ms share);

use constant {
	RTT    => 0.010,
	FAR    => 0.050,
	SMALL  => 1000,
	WAITED => 0.020,    # seconds: what is over that has to be told
	ATONCE => 0.004,    # what is below must not be
	FORMAT => '%{stall}x %{stall:ms}T',
};

# Asks several times over a new connection: no line of the log tells of the last
# response.
sub thrice ($lab, $server, $count, %option) {
	for (1 .. $count) {
		my $client = $lab->client($server, %option);
		$client->open;
		$client->ask for 1 .. 3;
		$client->close;
	}
	return;
}

# cause: what has to be told, or none; args: tined's; ask: what the client does.
my @CASE = (
	{   name  => 'as tined is',
		cause => 'none',
		ask   => sub ($lab, $server) {
			$lab->ask($server, path => $lab->file(SMALL),
				count => $lab->unless_quick(100, 30),
				wait => 0.012);
		},
	},
	{   name  => 'split, TCP_NODELAY',
		cause => 'none',
		args  => [qw(--write-mode split)],
		ask   => sub ($lab, $server) {
			$lab->ask($server, path => $lab->file(SMALL),
				count => $lab->unless_quick(100, 30));
		},
	},
	{   name  => 'split, Nagle',
		cause => 'nagle',
		args  => [qw(--write-mode split --nagle on)],
		ask   => sub ($lab, $server) {
			$lab->ask($server, path => $lab->file(SMALL),
				count => $lab->unless_quick(100, 30));
		},
	},
	{   name  => 'initial window 1',
		cause => 'delayed_ack',
		# The window waits for an acknowledgement, which waits for the
		# client: told is the delay, which takes longer.
		route => [ initcwnd => 1 ],
		ask   => sub ($lab, $server) {
			thrice($lab, $server, $lab->unless_quick(30, 8),
				path => $lab->file(4 * SMALL), quickack => 0);
		},
	},
	{   name  => 'initial window 1, quick acknowledgements',
		cause => 'congestion_window',
		route => [ initcwnd => 1 ],
		rtt   => FAR,
		ask   => sub ($lab, $server) {
			thrice($lab, $server, $lab->unless_quick(24, 8),
				path => $lab->file(4 * SMALL), quickack => 1);
		},
	},
	{   name  => '30 KB, new connections',
		cause => 'congestion_window',
		rtt   => FAR,
		ask   => sub ($lab, $server) {
			thrice($lab, $server, $lab->unless_quick(24, 12),
				path => $lab->file(30 * SMALL));
		},
	},
	{   name  => 'a client that reads late',
		cause => 'client_window',
		ask   => sub ($lab, $server) {
			thrice($lab, $server, $lab->unless_quick(10, 4),
				path => $lab->file(60 * SMALL), rcvbuf => 4096,
				late => 0.1);
		},
	},
	{   name  => 'a lost segment',
		cause => 'loss',
		ask   => sub ($lab, $server) {
			my $client = $lab->client($server,
				path => $lab->file(SMALL));
			$client->open;
			$client->ask;
			for (1 .. $lab->unless_quick(20, 8)) {
				$lab->wire->command('drop', 1);
				$client->ask for 1 .. 3;
			}
			$client->close;
		},
	},
);

# Sequence numbers have 32 bits: RFC 9293, section 3.4.
sub before ($one, $other) {
	return (($one - $other) & 0xffff_ffff) >= 0x8000_0000;
}

# Of each response in a capture that another request follows: how long after its
# first segment its last one left.  A request that the client sends again, as its
# acknowledgement is lost with the response, is no other one.
sub waits (@connections) {
	my @waits;

	for my $connection (@connections) {
		my ($first, $last, $end);
		for my $s (grep { $_->{length} > 0 } @$connection) {
			if ($s->{by} eq 'far') {
				$first //= $s->{time};
				$last = $s->{time};
				next;
			}
			next if defined $end && before($s->{seq}, $end);
			$end = $s->{seq} + $s->{length};
			push @waits, $last - $first if defined $first;
			$first = undef;
		}
	}
	return @waits;
}

# What the lines of the log tell of the responses before them.  The first line of
# each connection tells of none.
sub told ($server) {
	open my $log, '<', $server->{log} or return ();
	my @told = grep { $_ ne '-' } map { (split)[0] } <$log>;
	close $log;
	return @told;
}

sub measure ($lab, $case) {
	$lab->wire->rtt($case->{rtt} // RTT);
	$lab->wire->route('far', $case->{route} ? $case->{route}->@* : ());
	my $server = $lab->server('tined', log => 1,
		args => [ '--log-format', FORMAT, ($case->{args} // [])->@* ]);
	my @connections = $lab->capture('far', $case->{name} =~ s/\W+/-/gr,
		sub { $case->{ask}->($lab, $server) });
	$lab->stop_servers;
	$lab->wire->route('far');
	my @waits = waits(grep { $_->[0]{syn} } @connections);
	my @told  = told($server);
	my $right = grep { $_ eq $case->{cause} } @told;
	my %others;
	$others{$_}++ for grep { $_ ne $case->{cause} } @told;
	return {
		%$case,
		responses => scalar @waits,
		waited    => scalar(grep { $_ > WAITED } @waits),
		may       => scalar(grep { $_ > ATONCE } @waits),
		told      => scalar @told,
		right     => $right,
		others    => \%others,
	};
}

sub at_least ($n) { return $n > 0 ? $n : 0 }

experiment(
	name  => 'detector',
	title => 'What the server tells of it',
	asks  => 'tined tells in its status and its logs which responses waited in '
		. 'the kernel, and why.  Is that what the capture shows?',
	run => sub ($lab) {
		my @all = map { measure($lab, $_) } @CASE;
		$lab->table('Responses, those that waited for more than '
			. ms(WAITED) . ' ms by the capture, and what the access log '
			. 'tells: %{stall}x',
			[ 'case', 'cause', 'responses', 'waited', 'told',
				'by that cause', 'missed', 'false' ],
			map { [
				@$_{qw(name cause responses waited told right)},
				at_least($_->{waited} - $_->{told}),
				at_least($_->{told} - $_->{may}) ] } @all);
		my ($good, $bad) = (
			[ grep { $_->{cause} eq 'none' } @all ],
			[ grep { $_->{cause} ne 'none' } @all ]);
		my %sum;
		for my $is (@$bad) {
			$sum{$_} += $is->{$_} for qw(waited told right);
		}
		my %quiet;
		for my $is (@$good) {
			$quiet{$_} += $is->{$_} for qw(responses waited told);
		}
		$lab->text("$sum{waited} responses waited, and tined told of "
			. "$sum{told}, of $sum{right} (" . share($sum{right}, $sum{told})
			. ') by their cause. Where nothing was to wait, '
			. "$quiet{waited} of $quiet{responses} did, and it told of "
			. "$quiet{told}. Until a stall is seen, it looks at a request "
			. 'that took longer than earlier ones on its connection, and at '
			. 'one in four of the others, so that it may miss the first '
			. 'ones of a kind.');
		# Under --quick, what is missed until the first one is seen counts
		# for more.
		$lab->shows($sum{right} >= 0.95 * $sum{waited},
			'of all that waited, 95 % by their cause') if !$lab->is_quick;
		for my $is (@$good) {
			$lab->shows($is->{told} == $is->{may} || !$is->{told},
				"$is->{name}: nothing is told");
		}
		for my $is (@$bad) {
			$lab->shows($is->{waited} > 0, "$is->{name}: responses wait");
			$lab->shows($is->{right} > 0 && $is->{right}
				>= 0.9 * $is->{told},
				"$is->{name}: tined tells $is->{cause}"
				. join('', map { ", and $is->{others}{$_} $_" }
					sort keys $is->{others}->%*));
			$lab->shows($is->{told} >= 0.5 * $is->{waited},
				"$is->{name}: of half at least");
		}
	},
);
