# What a new connection costs a small request, by the distance.

package Lab::Experiment::Handshake;

use v5.36;

use Bench qw(median);
use FindBin qw($Bin);
use IO::Handle ();
use List::Util qw(sum0);
use Time::HiRes qw(sleep time);
use Lab qw(experiment ms share);
use Lab::Wire qw(FAR);

use constant {
	REPLY  => 500,
	DEFER  => 10,       # seconds of TCP_DEFER_ACCEPT
	LATER  => 0.050,    # seconds between a connection and its request
	ACTIVE => 0.010,    # round-trip time for clients that ask
};

my @RTT = (0, 0.010, 0.050, 0.200);

# Medians of: the handshake of a new connection, the whole, and the same of a
# connection that is open.
sub new_and_kept ($lab, $server, $count) {
	my $path = $lab->file(REPLY);
	my (@opening, @whole);

	for (1 .. $count) {
		my $client = $lab->client($server, path => $path, close => 1);
		my $opening = $client->open // die "cannot connect: $!\n";
		push @opening, $opening;
		push @whole, $opening + $client->ask;
		$client->close;
	}
	my $kept = $lab->ask($server, path => $path, count => $count + 1);
	return { opening => median(@opening), new => median(@whole),
		kept => $kept->{median} };
}

# With a request in the SYN: the first has to ask for a cookie, and is without.
sub fast ($lab, $server, $count) {
	$lab->wire->output('near', qw(ip tcp_metrics flush));
	my @all = map {
		my $client = $lab->client($server, path => $lab->file(REPLY),
			close => 1);
		my $took = $client->fast_open;
		my $is   = [ $took, $client->was_fast ];
		$client->close;
		$is
	} 0 .. $count;
	my $first = shift @all;
	return { first => $first->[0], later => median(map { $_->[0] } @all),
		fast => scalar(grep { $_->[1] } @all), of => scalar @all,
		first_fast => $first->[1] };
}

# Connections that say nothing: how many the processes of a server hold.
sub silent ($lab, $kind) {
	my $server = $lab->server($kind) or return;
	my @silent = map {
		my $client = $lab->client($server);
		$client->open // die "cannot connect: $!\n";
		$client
	} 1 .. 20;
	my $port = $server->port;
	my $held = sub ($state) {
		my $list = $lab->wire->output('far', qw(ss -Htnp state), $state,
			"sport = :$port");
		return scalar(() = $list =~ /^.*users:/mg);
	};
	select undef, undef, undef, 0.2;
	my @is = ($held->('established'));
	$_->close for @silent;
	$lab->stop_servers;
	return [ $kind, 20, @is ];
}

# Clients that ask, so long after they have connected: what they do to a server
# that has TCP_DEFER_ACCEPT, or not (t/lab/listener).
sub active ($lab, $defer, $pause) {
	my $count = $lab->unless_quick(40, 10);
	open my $out, '-|', $lab->wire->far, $^X, "$Bin/listener", FAR, $defer,
		$count
		or die "listener: $!\n";
	chomp(my $port = readline($out) // die "the listener does not start\n");
	for (1 .. $count) {
		my $client = Lab::Client->new(host => FAR, port => $port);
		$client->open // die "cannot connect: $!\n";
		sleep $pause if $pause;
		$client->ask;
		$client->close;
	}
	my @all = map { [split] } readline $out;
	close $out or die "the listener fails\n";
	return {
		client => $pause ? 'asks after ' . ms($pause) . ' ms'
			: 'asks at once',
		defer => $defer,
		of    => scalar @all,
		there => scalar(grep { $_->[0] == 1 } @all),
		woken => sum0(map { $_->[0] } @all) / @all,
		first => median(map { $_->[1] } @all) / 1000,
	};
}

# The same of a server with and without it.
sub all_active ($lab) {
	$lab->wire->rtt(ACTIVE);
	my @all = map {
		my $pause = $_;
		map { active($lab, $_, $pause) } 0, DEFER
	} 0, LATER;
	$lab->wire->rtt(0);
	$lab->table('New connections whose clients ask, to a server of one process, '
		. 'round trip ' . ms(ACTIVE) . ' ms: how often the request was there '
		. 'when accept(2) returned, how often a connection woke the process, '
		. 'and the median from accept(2) to the first byte',
		[ 'client', 'TCP_DEFER_ACCEPT', 'connections', 'request there',
			'woken', 'to the first byte, ms' ],
		map { [ $_->{client}, $_->{defer} ? 'on' : 'off',
			@$_{qw(of there)}, sprintf('%.2f', $_->{woken}),
			ms($_->{first}) ] } @all);
	my ($plain, $deferred, $late, $late_deferred) = @all;
	$lab->text('Of clients that ask, a server without TCP_DEFER_ACCEPT hears '
		. 'too early: accept(2) returns with the last packet of the handshake, '
		. 'and the process has to wait again, for the request. It was woken '
		. sprintf('%.2f', $plain->{woken}) . ' times for each client that asks '
		. 'at once, and ' . sprintf('%.2f', $late->{woken}) . ' times for one '
		. 'that asks ' . ms(LATER) . ' ms later, whom it holds for '
		. ms($late->{first}) . ' ms. With it the kernel keeps the connection '
		. "until the request is there: in $deferred->{there} of "
		. "$deferred->{of} and $late_deferred->{there} of "
		. "$late_deferred->{of} cases it was, and the process was woken "
		. sprintf('%.2f', $late_deferred->{woken}) . ' times. That is what '
		. 'tined does, whose workers serve one client at a time.');
	$lab->shows($_->{there} == $_->{of},
		"$_->{client}, TCP_DEFER_ACCEPT: the request is always there")
		for $deferred, $late_deferred;
	$lab->shows($late->{there} <= 0.5 * $late->{of},
		"$late->{client}, without it: the server waits");
	return;
}

experiment(
	name  => 'handshake',
	title => 'The handshake',
	asks  => 'Before a request can be sent, TCP sends a SYN there and back. '
		. 'What share of the time of a small request is that, what do '
		. 'keep-alive and TCP Fast Open save, and what does '
		. 'TCP_DEFER_ACCEPT?',
	run => sub ($lab) {
		my $wire = $lab->wire;
		# Fast Open for all listeners, with cookies: tcp_fastopen in
		# Documentation/networking/ip-sysctl.rst.
		$wire->sysctl('near', 'tcp_fastopen', 0x1);
		$wire->sysctl('far',  'tcp_fastopen', 0x402);
		$wire->sysctl('near', 'tcp_no_metrics_save', 0);
		my $server = $lab->server('tined', args => [qw(-k 10s)]);
		my (@rows, @all);
		for my $rtt ($lab->is_quick ? @RTT[ 1, 2 ] : @RTT) {
			my $count = $lab->unless_quick($rtt > 0.1 ? 5 : 11, 3);
			$wire->rtt($rtt);
			my $is = new_and_kept($lab, $server, $count);
			my $fast = fast($lab, $server, $count);
			push @all, { rtt => $rtt, %$is, fast => $fast };
			push @rows, [ ms($rtt), ms($is->{opening}), ms($is->{new}),
				share($is->{opening}, $is->{new}), ms($is->{kept}),
				ms($fast->{first}), ms($fast->{later}),
				"$fast->{fast} of $fast->{of}" ];
		}
		$wire->rtt(0);
		$lab->table('A reply of ' . REPLY . ' bytes; medians, ms, but TFO '
			. 'first is one request; the last column: requests that arrived '
			. 'in a SYN',
			[ 'round trip', 'handshake', 'new', 'share', 'kept alive',
				'TFO first', 'TFO later', 'in SYN' ], @rows);
		my $ms = sub ($of) { [ map { sprintf '%.3f', 1000 * $of->($_) } @all ] };
		$lab->plot(
			name    => 'times',
			caption => 'Time of a small request by the round-trip time',
			xlabel  => 'round-trip time, ms',
			ylabel  => 'ms',
			labels  => [ map { ms($_->{rtt}) } @all ],
			series  => [
				[ 'new connection', $ms->(sub ($a) { $a->{new} }) ],
				[ 'Fast Open, first', $ms->(sub ($a) {
					$a->{fast}{first} }) ],
				[ 'Fast Open, with cookie', $ms->(sub ($a) {
					$a->{fast}{later} }) ],
				[ 'kept alive', $ms->(sub ($a) { $a->{kept} }) ],
			],
		);
		$lab->stop_servers;
		my @silent = grep {defined} map { silent($lab, $_) }
			qw(tined lighttpd paste);
		$lab->table('20 connections that send nothing: what the processes of '
			. 'the server hold of them',
			[ 'server', 'connected', 'held' ], @silent);
		my ($far) = grep { $_->{rtt} == 0.050 } @all;
		$lab->text('At 50 ms a small request takes ' . ms($far->{new})
			. ' ms over a new connection, and ' . ms($far->{opening})
			. ' of them, ' . share($far->{opening}, $far->{new})
			. ', are the handshake. Over a connection that is open it takes '
			. ms($far->{kept}) . '. With Fast Open the first one takes '
			. ms($far->{fast}{first}) . ' and gets a cookie; the next ones '
			. 'send the request with the SYN and take '
			. ms($far->{fast}{later}) . '. TCP_DEFER_ACCEPT changes none '
			. "of these times: it leaves clients that say nothing to the "
			. "kernel. Of 20 such connections tined's processes held "
			. "$silent[0][2]"
			. ($silent[-1][0] eq 'paste'
				? ", and those of paste $silent[-1][2]." : '.'));
		for my $is (grep { $_->{rtt} >= 0.010 } @all) {
			my $rtt = ms($is->{rtt});
			my $share = $is->{opening} / $is->{new};
			$lab->shows($share > 0.35 && $share < 0.6,
				"$rtt ms: the handshake is about half of the time");
			$lab->shows($is->{kept} < 0.7 * $is->{new},
				"$rtt ms: kept alive, it is saved");
			$lab->shows($is->{fast}{later} < 0.7 * $is->{fast}{first},
				"$rtt ms: Fast Open saves it, with a cookie");
		}
		$lab->shows($silent[0][2] == 0, 'tined is not woken by silent clients');
		all_active($lab);
		$wire->sysctl('near', 'tcp_no_metrics_save', 1);
	},
);
