# TIME_WAIT: who closes first keeps the connection for a minute, and a client has
# only so many ports.

package Lab::Experiment::TimeWait;

use v5.36;

use Time::HiRes qw(sleep time);
use Lab         qw(experiment);
use Lab::Client ();

use constant {
	FIRST  => 20_000,
	LINUX  => 60,      # seconds of TIME_WAIT: TCP_TIMEWAIT_LEN
	SECOND => '10.79.0.3',
	PATIENCE => 120,    # seconds until there is a port again, at most
};

sub in_time_wait ($lab, $host, $port) {
	my $list = $lab->wire->output($host, qw(ss -Htan state time-wait),
		$host eq 'far' ? "sport = :$port" : "dport = :$port");
	return scalar(() = $list =~ /\n/g);
}

# Seconds after that time at which a client can connect again.
sub free_again ($client, $began) {
	until (defined $client->open) {
		return if !$!{EADDRNOTAVAIL} || time - $began > PATIENCE;
		sleep 0.05;
	}
	$client->close;
	return time - $began;
}

# Requests over new connections, until there is no port left or so many are made.
# hosts: the server's addresses, in turn; wait: seconds after each; patient: it
# goes on trying until a port is free again.
sub exhaust ($lab, $label, $count, %option) {
	my $server = $lab->server('tined', args =>
		[ '-l', join(':', SECOND, 8080) ]);
	my $hosts = delete $option{hosts} // 1;
	my ($wait, $patient) = delete @option{qw(wait patient)};
	my @clients = map {
		$_ ? Lab::Client->new(host => SECOND, port => 8080, %option,
			path => $lab->file(100))
			: $lab->client($server, %option, path => $lab->file(100))
	} 0 .. $hosts - 1;
	my ($made, $error, $began) = (0, '-', time);

	while ($made < $count) {
		my $client = $clients[ $made % $hosts ];
		if (!defined $client->open) {
			$error = $!{EADDRNOTAVAIL} ? 'EADDRNOTAVAIL' : "$!";
			last;
		}
		$client->ask;
		# A server that closes first is waited for.
		sysread $client->{sock}, my ($end), 1 if $option{close};
		$client->close;
		$made++;
		sleep $wait if $wait;
	}
	my $seconds = time - $began;
	my $is = {
		label   => $label,
		made    => $made,
		error   => $error,
		rate    => $made / $seconds,
		seconds => $seconds,
		map { ($_ => in_time_wait($lab, $_, $server->port)
				+ ($hosts > 1 ? in_time_wait($lab, $_, 8080) : 0)) }
			qw(near far),
	};
	$is->{again} = free_again($clients[0], $began)
		if $patient && $error eq 'EADDRNOTAVAIL';
	$lab->stop_servers;
	return $is;
}

sub kept_alive ($lab, $count) {
	my $server = $lab->server('tined');
	my $is     = $lab->ask($server, path => $lab->file(100), count => $count);
	my $sum    = 0;
	$sum += $_ for $is->{took}->@*;
	my %in = map { ($_ => in_time_wait($lab, $_, $server->port)) }
		qw(near far);
	$lab->stop_servers;
	return { label => 'kept alive', made => $count, error => '-',
		rate => $count / $sum, seconds => $sum, %in };
}

experiment(
	name  => 'time-wait',
	title => 'TIME_WAIT, and ports that run out',
	asks  => 'Whoever closes a connection first has to remember it for a '
		. 'minute.  Who is that, and what is the most that a client with a '
		. 'thousand ports can do?',
	run => sub ($lab) {
		my $wire  = $lab->wire;
		my $range = $wire->sysctl('near', 'ip_local_port_range');
		my $ports = $lab->unless_quick(1000, 300);
		my $more  = $ports * 1.3;
		my @all;
		system($wire->far, qw(ip addr add), SECOND . '/24', qw(dev wire));
		$wire->sysctl('near', 'ip_local_port_range',
			join ' ', FIRST, FIRST + $ports - 1);
		$wire->sysctl('near', 'tcp_tw_reuse', 0);
		push @all, exhaust($lab, 'the client closes first', $more,
			patient => !$lab->is_quick);
		push @all, exhaust($lab, 'tined closes first', $more, close => 1);
		push @all, exhaust($lab, 'two addresses of the server', 2 * $more,
			hosts => 2);
		$wire->sysctl('near', 'tcp_tw_reuse', 1);
		# A port is free again after a second: so many are used in two.
		push @all, exhaust($lab, 'tcp_tw_reuse=1', $more,
			wait => 2 / $ports)
			if !$lab->is_quick;
		push @all, kept_alive($lab, $more);
		$wire->sysctl('near', 'ip_local_port_range', $range);
		$wire->sysctl('near', 'tcp_tw_reuse', 2);
		$lab->table('A request each, one after the other, from ' . $ports
			. ' ports', [ 'case', 'requests', 'then', 'requests/s',
				'TIME_WAIT at the client', 'at the server' ],
			map { [ $_->{label}, $_->{made}, $_->{error},
				sprintf('%.0f', $_->{rate}), $_->{near}, $_->{far} ] }
				@all);
		$lab->plot(
			name    => 'made',
			caption => 'Requests until there was no port, or as many as were '
				. 'wanted',
			xlabel  => '',
			ylabel  => 'requests',
			labels  => [ map { $_->{label} =~ s/ (?=closes|addresses)/\\n/r
				=~ s/ of the server//r } @all ],
			series  => [
				[ 'requests', [ map { $_->{made} } @all ] ],
				[ 'TIME_WAIT at the client', [ map { $_->{near} } @all ] ],
				[ 'TIME_WAIT at the server', [ map { $_->{far} } @all ] ],
			],
		);
		my ($client, $server, $two) = @all;
		my $kept = $all[-1];
		$lab->text('A client that closes first keeps each port for '
			. LINUX . " s: after $client->{made} connections, in "
			. sprintf('%.1f', $client->{seconds}) . " s, connect says "
			. "$client->{error}. " . ($client->{again}
				? 'The first port was free again '
					. sprintf('%.1f', $client->{again})
					. ' s after its connection had begun. ' : '')
			. 'With ' . $ports . ' ports that is '
			. sprintf('%.1f', $ports / ($client->{again} // LINUX))
			. ' requests a second for good, '
			. 'and with the usual 28,232 it is ' . int(28_232 / LINUX)
			. ", to one address of one server. If tined closes first "
			. '(Connection: close), the server has '
			. "$server->{far} entries and the client $server->{near}, so it made "
			. "$server->{made} requests from the same ports: Linux takes "
			. 'every second port of a range as long as one of them is free, '
			. 'and a port that is used again has one entry. A second '
			. "address of the server gave $two->{made}. Kept alive, "
			. "$kept->{made} requests needed one port, and left "
			. ($kept->{near} + $kept->{far}) . ' in TIME_WAIT.');
		# The first connection, which asks whether the server is ready, may
		# have a port, too.
		$lab->shows($client->{made} >= $ports - 2
			&& $client->{error} eq 'EADDRNOTAVAIL',
			'the client runs out after ' . $ports . ' connections');
		$lab->shows($client->{near} >= $ports - 2 && $client->{far} == 0,
			'all are in TIME_WAIT at the client');
		$lab->shows(($client->{again} // 0) >= 0.9 * LINUX,
			'it has a port again after about a minute')
			if !$lab->is_quick;
		$lab->shows($two->{made} > 1.8 * $ports,
			'with two addresses it has twice as many');
		$lab->shows($kept->{made} == $more && $kept->{near} <= 3,
			'kept alive, it needs one');
	},
);
