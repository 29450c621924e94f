# Workers that retire while the server goes on: their clients lose nothing.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Faulty qw(start_faulty);
use Lot qw(ask few_may_be_on_their_way half_of is_parked keep_busy park reflect
	release token);
use Test::More;
use Time::HiRes qw(sleep time);
use Tined qw(background slurp spew wait_for);

my @reflect = ('-m', '/reflect=echo:body');
my $classic = ($ENV{TINED_ARGS} // q{}) =~ /--no-lot/;

sub is_replaced ($tined, $pid, $count) {
	return wait_for(sub {
		my @pids = $tined->worker_pids;
		return @pids == $count && !grep { $_ == $pid } @pids;
	});
}

sub idle ($tined) {
	return scalar grep { Tined::title($_) =~ /[(]idle[)]/ }
	    $tined->worker_pids;
}

# Each round is a few requests in one go; one client in three sends them in
# two pieces.  Returns how many were answered, and what went wrong.
sub be_busy ($tined, $number, $over) {
	my $sock = $tined->connect;
	my $served = 0;

	until (-e $over) {
		my @tokens = map { token() } 0 .. ($classic ? 0 : $number % 4);
		my $raw = join q{}, map { reflect($_) } @tokens;
		my $close = 0;
		if ($number % 3 == 0) {
			my ($first, $rest) = half_of($raw);
			$tined->send($sock, $first);
			sleep 0.001;
			$raw = $rest;
		}
		$tined->send($sock, $raw) or return $served, 'closed';
		for my $token (@tokens) {
			my $response = eval { $tined->read_response($sock) };
			return $served, 'reset' if $tined->was_reset($sock);
			return $served, "no answer: $@" if !$response;
			return $served, 'the answer to another'
			    if $response->body ne $token;
			$close = $response->field('connection');
			return $served, 'told to close' if $close && !$classic;
			$served++;
		}
		$sock = $tined->connect if $close;
	}
	return $served, 'fine';
}

# So many at the same time, while something happens to the server: for two
# seconds, and until that is enough.
sub crowd_is_served ($tined, $clients, $happens, $is_enough) {
	my $over = $tined->dir . '/over';
	my $start = time;
	my @clients = map {
		my $number = $_;
		background(sub { be_busy($tined, $number, $over) });
	} 1 .. $clients;
	my $all = 0;
	my @bad;

	wait_for(sub {
		$happens->();
		return time - $start > 2 && $is_enough->();
	});
	spew($over, q{});
	for my $client (@clients) {
		my ($served, $end) = $client->();
		$all += $served;
		push @bad, $end if $end ne 'fine';
	}
	is_deeply(\@bad, [], "no request of $all failed");
	return $all;
}

sub recycled ($tined) {
	return map { /\binfo: has served (\d+) requests/ ? $1 : () }
	    $tined->error_log;
}

subtest 'a request under way' => sub {
	my $tined = Tined->start(args => ['-w', 1, @reflect]);
	my ($pid) = $tined->all_workers(1);
	my $busy = keep_busy($tined);

	$tined->signal('TERM', $pid);
	$tined->send($busy, 'x' x Lot::BUSY_LENGTH);
	my $response = $tined->read_response($busy);
	is($response->status, 200, 'is answered');
	is($response->field('connection'), $classic ? 'close' : undef,
		$classic ? 'as the last one' : 'as if nothing were');
	ok(is_replaced($tined, $pid, 1), 'another worker is there');
	ok($tined->is_closed($busy), 'the connection closes') if $classic;
	ok(ask($tined, $busy), 'the connection goes on') if !$classic;
	ok(!$tined->was_reset($busy), 'no reset');
	$tined->ends_clean;
};

subtest 'a connection that waits in a worker' => sub {
	my $tined = Tined->start(args => ['-w', 2, '--linger', '1h', '-k', '1h',
		@reflect]);

	# A worker waits only where another is idle.
	wait_for(sub { idle($tined) == 2 });
	for my $sent (q{}, 'POST /re') {
		my $sock = $tined->connect;
		my $token = token();
		my $raw = reflect($token);

		# On a busy machine the other is not idle at each moment.
		my ($pid) = wait_for(sub {
			ask($tined, $sock) or die;
			return wait_for(sub {
				(grep { Tined::title($_) =~ /serving/ }
					$tined->worker_pids)[0];
			}, 1);
		});
		$tined->send($sock, $sent);
		$tined->signal('TERM', $pid);
		if ($classic && $sent eq q{}) {
			my $response = $tined->request($raw, sock => $sock);
			is($response->field('connection'), 'close',
				'is told with its next response');
		} else {
			ok(wait_for(sub { is_parked($tined, $sock) }),
				'is parked') if !$classic;
			$tined->send($sock, substr $raw, length $sent);
			is($tined->read_response($sock)->body, $token,
				"answered, having sent '$sent'");
		}
		ok(!$tined->was_reset($sock), 'no reset');
		ok(is_replaced($tined, $pid, 2),
			'another worker is there, and was not waited for');
		close $sock;
		wait_for(sub { idle($tined) == 2 });
	}
	$tined->ends_clean;
};

subtest 'workers retire under load' => sub {
	my $tined = Tined->start(args => ['-w', 4, '-a', 'off', @reflect]);
	my %retired;

	crowd_is_served($tined, 12, sub {
		my @pids = grep { !$retired{$_} } $tined->worker_pids;
		my $pid = $pids[rand @pids] // return;
		return if $classic && keys %retired > 20;
		$tined->signal('TERM', $pid);
		$retired{$pid} = 1;
		sleep 0.01;
	}, sub { $classic || keys %retired > 20 });
	cmp_ok(scalar keys %retired, '>', 20,
		keys(%retired) . ' workers retired') if !$classic;
	ok(wait_for(sub { $tined->worker_pids == 4 }), 'as many as before');
	$tined->ends_clean;
};

subtest '--max-requests' => sub {
	my $tined = Tined->start(args => ['-w', 4, '-a', 'off', '-vv',
		'--max-requests', '100,50', @reflect]);
	my $enough = $classic ? 3 : 20;
	my $served = crowd_is_served($tined, 50, sub { sleep 0.1 },
		sub { recycled($tined) > $enough });
	my @each = recycled($tined);
	cmp_ok(scalar @each, '>', $enough,
		scalar(@each) . " workers were recycled, $served requests");
	is(scalar(grep { $_ < 100 } @each), 0, 'none too soon');
	my %different = map { ($_ => 1) } @each;
	cmp_ok(scalar keys %different, '>', 2, 'not all at the same number');
	my $order = join q{}, map {
		/has served/ ? 'l' : /worker \d+\[\d+\] is started/ ? 's' : ()
	} $tined->error_log;
	unlike($order, qr/ll/, 'none before the one before has a successor');
	ok(wait_for(sub { $tined->worker_pids == 4 }), 'as many as before');
	$tined->ends_clean;
};

# Whoever is on its way out may die there, and others still get their turn.
subtest 'workers are killed while they are recycled' => sub {
	my $tined = Tined->start(args => ['-w', 4, '-a', 'off', '-v',
		'-r', '10,0', @reflect]);
	my $sock = $tined->connect;
	my $killed = 0;

	for my $round (1 .. 30) {
		my $until = time + 0.03;
		my @clients = map { $tined->connect } 1 .. 4;
		while (time < $until) {
			for my $client (@clients) {
				# Some are lost with their worker.
				eval { ask($tined, $client, token(),
					timeout => 2) }
				    or $client = $tined->connect;
			}
		}
		my @pids = $tined->worker_pids or next;
		$killed += $tined->signal('KILL', $pids[rand @pids]);
	}
	cmp_ok($killed, '>', 20, "$killed were killed");
	ok(wait_for(sub { $tined->worker_pids == 4 }), 'all are replaced');
	my $before = recycled($tined);
	ok(wait_for(sub {
		eval { ask($tined, $sock) } or $sock = $tined->connect;
		recycled($tined) > $before + 4;
	}), 'and recycled as before') or diag scalar recycled($tined);
	$tined->ends_clean(qr/was killed by signal 9/, qr/many workers die/);
};

subtest 'a stop while workers are recycled' => sub {
	my $tined = Tined->start(args => ['-w', 4, '-a', 'off', '-v',
		'-r', '5,0', '--stop-timeout', '1h', @reflect]);
	my $stop = $tined->dir . '/stop';
	my @served = map { $tined->dir . "/served-$_" } 1 .. 8;
	my @clients = map {
		my $mine = $_;
		background(sub {
			my $served = 0;
			until (-e $stop) {
				my $sock = eval { $tined->connect } // last;
				eval { ask($tined, $sock) } or last;
				spew($mine, q{}) if ++$served == 6;
			}
			return $served;
		});
	} @served;

	ok(wait_for(sub { !grep { !-e } @served }), 'all are served');
	is(eval { $tined->stop } // $@, 0, 'it stops soon')
	    or diag(join "\n", ($tined->error_log)[-20 .. -1]);
	spew($stop, q{});
	for my $client (@clients) {
		my ($served) = $client->();
		cmp_ok($served, '>', 5, 'a client was served');
	}
	$tined->ends_clean;
};

subtest '--max-worker-memory' => sub {
	plan skip_all => 'a sanitizer has its own memory'
	    if Tined->is_sanitized;
	my $tined = start_faulty(args => ['-w', 2, '-a', 'off', '-v',
		'--max-worker-memory', '12M']);
	my $sock = $tined->connect;
	my $served = 0;

	for my $round (1 .. 100) {
		my $response = $tined->get('/f/leak', sock => $sock, keep => 1);
		$served++ if $response->body eq "leaked\n";
		$sock = $tined->connect if $response->field('connection');
	}
	is($served, 100, 'all are served, as a worker loses a megabyte each');
	ok(!$tined->was_reset($sock), 'on one connection') if !$classic;
	my @each = recycled($tined);
	cmp_ok(scalar @each, '>=', 3, 'workers that grew were replaced');
	like($tined->error_log, qr/grown beyond --max-worker-memory/,
		'the log says why');
	# One may have to stay, and grow, until the other has been replaced.
	ok(wait_for(sub {
		$tined->get('/f/well');
		!grep { $_ > 12 + RECYCLE_SLACK() } map { private_mb($_) }
		    $tined->worker_pids;
	}), 'none is large');
	$tined->ends_clean;
};

subtest 'descriptors that a handler does not close' => sub {
	my $turn = few_may_be_on_their_way();
	# With one, as another might have none left while this one goes.
	my $tined = start_faulty(args => ['-w', 1, '-a', 'off'],
		rlimits => { n => 256 });
	my $sock = $tined->connect;
	my $gone = 0;
	my %seen;

	for my $round (1 .. 1000) {
		my $response = eval {
			$tined->get('/f/lose', sock => $sock, keep => 1);
		};
		# All that a user's processes send to each other counts, those of
		# other tests, too (unix(7)): an idle client may have to go.
		if (!$response && ++$gone < 100) {
			$sock = $tined->connect;
			redo;
		}
		$seen{ $response ? $response->status : $@ }++;
		last if !$response;
		$sock = $tined->connect if $response->field('connection');
	}
	is_deeply(\%seen, { 200 => 1000 }, 'all are served');
	ok(!$tined->was_reset($sock), 'on one connection') if !$classic;
	my @said = grep { /has used up its file descriptors/ } $tined->error_log;
	cmp_ok(scalar @said, '>=', 3, 'workers without descriptors are replaced');
	cmp_ok(scalar @said, '<=', 9, 'and not before');
	like($said[0] // q{}, qr/ warning: .* is 256[)] after \d+ requests/,
		'which the log tells');
	$tined->ends_clean(qr/ warning: has used up its file descriptors/);
};

# It is looked at after 16 requests at the latest.
sub RECYCLE_SLACK () { return 17 }

sub private_mb ($pid) {
	my ($kb) = Tined::slurp("/proc/$pid/status") =~ /^RssAnon:\s*(\d+)/m;
	return ($kb // 0) / 1024;
}

done_testing;
