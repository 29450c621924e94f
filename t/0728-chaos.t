# Clients, workers and the lot die at random: no answer reaches the wrong client, no
# client waits for ever, and nothing is left open.  t/bench/chaos makes it long.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Kept qw(kept_at_once line_of lines);
use Lot qw(descriptors find_lot held_at_rest held_by_lot keep_busy reflect release
	token);
use Socket qw(SOL_SOCKET SO_LINGER);
use Test::More;
use Time::HiRes qw(sleep time);
use Tined qw(background wait_for);

my $SECONDS = $ENV{TINED_CHAOS} // 4;
my $classic = Lot::is_off();

use constant {
	PROGRAMS => 3,
	CLIENTS  => 15,         # of each of them
	LINES    => 1 << 16,    # of the file that they ask for
};

# Without a lot, a worker has one client, which may say nothing.
my $WORKERS = $classic ? PROGRAMS * CLIENTS + 3 : 3;

# Where the machine is busy, some are killed while they start.
my @DEATHS = (qr/ error: the lot\[\d+\] was killed by signal 9 /,
	qr/ error: worker \d+\[\d+\] was killed by signal 9 /,
	qr/ error: \d+ workers in a row have failed to start$/);

# Requests, and their answers.
sub ask_echo () {
	my $token = token();

	return (reflect($token), $token);
}

sub ask_lines () { return line_of('/lines', LINES) }

# One client: many connections, in every state.  What it says in the end is
# how many answers it had, and each that was not its own.
sub chaotic_client ($tined, $request, $seed, $until) {
	my (%open, @wrong);
	my $answers = 0;
	my $close = sub ($sock, $reset) {
		setsockopt $sock, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0
		    if $reset;
		delete $open{$sock};
		close $sock;
	};
	my $read = sub ($sock, @tokens) {
		for my $token (@tokens) {
			my $response = eval { $tined->read_response($sock) };
			if (!$response) {
				push @wrong, "$token: $@" if $@ =~ /timed out/;
				return 0;
			}
			# Whoever was in the midst of it may be dead.
			$answers++;
			push @wrong, "$token: " . $response->body
			    if $response->status !~ /\A20[06]\z/
			    || $response->body ne $token;
		}
		return 1;
	};
	srand $seed;
	while (time < $until) {
		while (keys %open < CLIENTS) {
			my $sock = $tined->connect;
			$open{$sock} = { sock => $sock };
		}
		my $one = (values %open)[rand keys %open];
		my $sock = $one->{sock};
		my $what = rand;
		if ($one->{rest}) {    # half a head was sent before
			$tined->send($sock, delete $one->{rest});
			$read->($sock, delete $one->{token})
			    or $close->($sock, 0);
		} elsif ($what < 0.4) {
			my ($raw, $token) = $request->();
			$tined->send($sock, $raw);
			$read->($sock, $token) or $close->($sock, 0);
		} elsif ($what < 0.6) {
			my (@raws, @tokens);
			for my $i (0 .. rand 5) {
				($raws[$i], $tokens[$i]) = $request->();
			}
			$tined->send($sock, join q{}, @raws);
			$read->($sock, @tokens) or $close->($sock, 0);
		} elsif ($what < 0.9) {
			my ($raw, $token) = $request->();
			my $head = index($raw, "\r\n\r\n") + 3;
			my $cut = 1 + int rand $head - 1;
			$tined->send($sock, substr $raw, 0, $cut);
			$one->{rest} = substr $raw, $cut;
			$one->{token} = $token;
		} else {
			$tined->send($sock, ($request->())[0])
			    if $what < 0.95;
			$close->($sock, rand 2 < 1);
		}
	}
	for my $one (values %open) {
		if ($one->{rest}) {
			$tined->send($one->{sock}, $one->{rest});
			$read->($one->{sock}, $one->{token}) or next;
		}
		my ($raw, $token) = $request->();
		my $response =
		    eval { $tined->request($raw, sock => $one->{sock}) };
		push @wrong, 'a connection is neither closed nor usable'
		    if $response ? $response->body ne $token
		    : $@ =~ /timed out/;
	}
	return ($answers, @wrong);
}

# Kills lots and workers at random: how many of each, and how many clients workers
# kept at once, at most.
sub kill_at_random ($tined, $until) {
	my $next_lot = time + 0.3;
	my %killed = (lot => 0, worker => 0);
	my $most = 0;

	while (time < $until) {
		my @workers = $tined->worker_pids;
		my $lot = find_lot($tined);
		my $kept = kept_at_once($tined);
		$most = $kept if $kept > $most;
		if (time > $next_lot && $lot) {
			$tined->signal('KILL', $lot);
			$killed{lot}++;
			# For long, so that none counts as a failed start.
			$next_lot = time + ($SECONDS > 10 ? 1.1 : 0.2)
			    + rand 0.7;
		} elsif (@workers) {
			$tined->signal('KILL', $workers[rand @workers]);
			$killed{worker}++;
		}
		sleep 0.02 + rand 0.1;
	}
	return (%killed, kept => $most);
}

# A server that serves no more than files, or also echoes.
sub try_chaos ($request, @args) {
	my $tined = Tined->start(args => ['-w', $WORKERS, @args],
		files => { lines => lines(LINES) });
	my $answered = sub {
		my ($raw, $token) = $request->();
		$tined->request($raw, sock => $tined->connect)->body eq $token
		    or die 'no answer, or not its own';
	};
	$answered->() for 1 .. 10;
	my @base = sort { $a <=> $b } map { descriptors($_) }
	    $tined->worker_pids;
	my $base_lot = $classic ? 0 : held_at_rest($tined);
	my $until = time + $SECONDS;
	my $seed = $ENV{TINED_SEED} // $$;
	my @clients = map {
		my $seed = $seed + $_;
		background(sub {
			chaotic_client($tined, $request, $seed, $until);
		});
	} 1 .. PROGRAMS;

	srand $seed;
	my %killed = kill_at_random($tined, $until - 0.5);
	my $all = 0;
	for my $client (@clients) {
		my ($answers, @wrong) = $client->();
		is_deeply(\@wrong, [], 'each answer was its own')
		    or diag "TINED_SEED=$seed";
		$all += $answers;
	}
	diag "$all answers, while $killed{lot} lots and $killed{worker} "
	    . "workers died, and workers kept $killed{kept} clients at once";
	cmp_ok($all, '>', 0, 'there were some');
	ok(wait_for(sub { $tined->worker_pids == $WORKERS
		&& ($classic || find_lot($tined)) }),
		'all are there again');
	$answered->() for 1 .. 20;
	ok($classic || wait_for(sub { held_by_lot($tined) == $base_lot }),
		'no descriptor is left in the lot')
	    or diag held_by_lot($tined) . ", not $base_lot";
	ok(wait_for(sub {
		$base[-1] >= (sort { $b <=> $a } map { descriptors($_) }
			$tined->worker_pids)[0];
	}), 'none in a worker');
	return ($tined, $killed{kept});
}

subtest 'clients that the lot lends' => sub {
	my ($tined) = try_chaos(\&ask_echo, '-m', '/reflect=echo:body');

	# Every worker can be had, and the others wait in the lot meanwhile.
	my @busy = map { keep_busy($tined) } 1 .. $WORKERS;
	my $waits = $tined->connect;
	$tined->send($waits, reflect('waits'));
	ok(release($tined, $_), 'all workers serve') for @busy;
	is($tined->read_response($waits)->body, 'waits', 'and who waited');
	$tined->ends_clean(@DEATHS);
};

subtest 'clients that workers keep' => sub {
	my ($tined, $kept) = try_chaos(\&ask_lines, '--linger', '1ms');

	# Those that are handed over meanwhile may count, too: one for each worker.
	# In a few seconds on a busy machine no worker may live for long enough.
	cmp_ok($kept, '>', $WORKERS, 'workers kept some')
	    if !$classic && $SECONDS > 10;
	$tined->ends_clean(@DEATHS);
};

done_testing;
