# The two halves of the stall: which side waits for what, from a capture.

package Lab::Experiment::DelayedAck;

use v5.36;

use Bench qw(median);
use Lab   qw(experiment ms);

use constant {
	REPLY  => 1000,     # less than a segment: it stalls over any network
	COUNT  => 25,
	RTT    => 0.010,
	WAITED => 0.035,
};

# Each kind of client: its label, and what it says to TCP_QUICKACK.
my @CLIENT = (
	[ 'as the kernel likes', undef ],
	[ 'TCP_QUICKACK on',  1 ],
	[ 'TCP_QUICKACK off', 0 ],
);

# Of each response of a connection in the far host's capture: how long the head
# was out until its acknowledgement came, and how long after that the content
# went out.  Sequence numbers do not wrap in so short a connection unless they
# begin at the end; those responses are left out.
sub waits ($connection) {
	my (@acknowledged, @sent, $head);

	for my $s (@$connection) {
		if ($s->{by} eq 'far' && $s->{length} > 0) {
			if ($head) {
				push @sent, $s->{time} - ($head->{at} // $s->{time});
				push @acknowledged, defined $head->{at}
					? $head->{at} - $head->{time} : undef;
				$head = undef;
			} else {
				$head = { time => $s->{time},
					end => $s->{seq} + $s->{length} };
			}
		} elsif ($s->{by} eq 'near' && $head && $s->{ack} >= $head->{end}) {
			$head->{at} //= $s->{time};
		}
	}
	return (\@acknowledged, \@sent);
}

sub measure ($lab, $server, $client, $name) {
	my $is;
	my ($connection) = $lab->capture('far', $name, sub {
		$is = $lab->ask($server, path => $lab->file(REPLY), count => COUNT,
			quickack => $client->[1]);
	});
	my ($acknowledged, $sent) = waits($connection);
	my @before = grep {defined} @$acknowledged;
	return {
		label  => $client->[0],
		took   => $is->{took},
		median => $is->{median},
		waited => scalar(grep { $_ > WAITED } $is->{took}->@*),
		ack    => @before ? median(@before) : undef,
		after  => @before ? median(@$sent[ grep {
			defined $acknowledged->[$_] } 0 .. $#$sent ]) : undef,
		unacknowledged => @$acknowledged - @before,
	};
}

experiment(
	name  => 'delayed-ack',
	title => 'Who waits for whom',
	asks  => 'The stall needs two: a server that holds a small segment back '
		. "until the one before is acknowledged (Nagle's algorithm), and a "
		. 'client that delays its acknowledgement.  The capture tells which '
		. 'of them waits when.',
	run => sub ($lab) {
		my (@rows, @all);
		$lab->wire->rtt(RTT);
		for my $nagle (qw(on off)) {
			my $server = $lab->server('tined',
				args => [ qw(--write-mode split --nagle), $nagle ]);
			for my $client (@CLIENT) {
				my $name = ($nagle eq 'on' ? 'nagle' : 'nodelay')
					. (!defined $client->[1] ? ''
						: $client->[1] ? '-quick' : '-slow');
				my $is = measure($lab, $server, $client, $name);
				$is->{nagle} = $nagle;
				push @all, $is;
				push @rows, [ ($nagle eq 'on' ? 'Nagle' : 'TCP_NODELAY')
					. ", $is->{label}", ms($is->{median}),
					"$is->{waited} of " . COUNT,
					defined $is->{ack} ? ms($is->{ack}) : '-',
					defined $is->{after} ? ms($is->{after}) : '-',
					$is->{unacknowledged} ];
			}
			$lab->stop_servers;
		}
		$lab->table('Head and ' . REPLY . ' bytes of content in two sends, '
			. 'round trip ' . ms(RTT) . ' ms; medians; the last three '
			. 'columns are from the capture at the server',
			[ 'server, client', 'request ms', 'over 35 ms',
				'head to its ACK ms', 'ACK to content ms',
				'content without ACK' ], @rows);
		my $named = sub ($nagle, $label) {
			my ($is) = grep { $_->{nagle} eq $nagle
				&& $_->{label} eq $label } @all;
			return $is;
		};
		my ($usual, $quick, $slow) = map { $named->('on', $_->[0]) } @CLIENT;
		my $patched = $named->('off', $CLIENT[0][0]);
		$lab->plot(
			name    => 'requests',
			caption => 'Time of each request of a connection; the server has '
				. 'Nagle on and sends twice',
			xlabel  => 'request of the connection',
			ylabel  => 'ms',
			series  => [ map {
				my $took = $_->{took};
				[ $_->{label}, [ map { [ $_ + 1, 1000 * $took->[$_] ] }
					0 .. $#$took ] ]
			} $usual, $quick, $slow ],
		);
		$lab->text('The server sends the head and waits. The acknowledgement '
			. 'comes after ' . ms($usual->{ack}) . ' ms, of which '
			. ms(RTT) . ' are the way there and back: the rest is the '
			. 'client, which hopes for something to send it with. '
			. ms($usual->{after}) . ' ms after it arrives the content '
			. 'goes out. So the client delays, and the server waits for '
			. 'it. A client that acknowledges at once (TCP_QUICKACK) needs '
			. ms($quick->{median}) . ' ms in place of '
			. ms($usual->{median}) . ': the server still waits, but for one '
			. 'more round trip only. Without Nagle the content does not wait '
			. 'for an acknowledgement at all ('
			. "$patched->{unacknowledged} of " . COUNT . ' times it went out '
			. 'before one), and the client may delay as long as it likes: '
			. ms($patched->{median}) . ' ms.');
		$lab->shows($usual->{median} > WAITED,
			'Nagle and a usual client: requests wait');
		$lab->shows(($usual->{ack} // 0) - RTT > 0.03,
			'the acknowledgement of the head takes 30 ms more than its way');
		$lab->shows(($usual->{after} // 1) < 0.01,
			'the content follows that acknowledgement at once');
		$lab->shows($quick->{median} < WAITED,
			'a client that acknowledges at once ends the wait');
		$lab->shows($patched->{median} < WAITED
			&& $patched->{unacknowledged} > COUNT / 2,
			'TCP_NODELAY ends it whatever the client does');
	},
);
