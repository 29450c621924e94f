# A worker that is taken over writes what it likes over the memory that it
# shares, sends nonsense to whoever listens, and takes what is for others: the
# master, the lot and other workers go on, and their clients' answers are right.
# The program of this test has a mount that does so (t/fault/handler_vandal.c).

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Faulty qw(changes snapshot);
use Lot    qw(held_at_rest held_by_lot is_held is_parked lot_pid);
use Tined  qw(slurp spew wait_for);

plan skip_all => 'it is about the lot, too'
    if ($ENV{TINED_ARGS} // q{}) =~ /--no-lot/;

my @mounts = ('-m', '/v=vandal:', '-m', '/echo=echo:body', '-m', '/f=fault:',
	'-m', '/status=status:');
# What the test does to workers, and what they then look like.
my $DIED = qr/ worker \d+\[\d+\] /;
my $IGNORED  = qr/ignoring workers that request a reload/;
my $PATTERNS = 8;    # and noise beyond
my $turn = 0;

my (%tried, %done);

sub vandalize ($tined, $what, $n, %option) {
	my $done = eval { $tined->get("/v/$what/$n", %option)->body + 0 };

	$tried{$what}++;
	$done{$what} += $done // 0;
	return $done;
}

# Answers for other clients, new ones and one that is kept, and the status.
sub is_well ($tined, $kept, $when) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @wrong;

	for (1 .. 3) {
		my $text = 'x' x (10 + $turn++);
		my %ask = (method => 'POST', body => $text);
		push @wrong, 'new'
		    if (eval { $tined->get('/echo', %ask)->body } // $@) ne $text;
		push @wrong, 'kept'
		    if (eval { $tined->get('/echo', %ask, sock => $kept,
			keep => 1)->body } // $@) ne $text;
	}
	for my $form (qw(html text json metrics)) {
		my $response = eval { $tined->get("/status/$form") };
		push @wrong, "status/$form: " . ($@ || $response->status)
		    unless $response && $response->status == 200;
	}
	return is_deeply(\@wrong, [], "$when: all others are served");
}

# By default with the lot, and options that have memory of their own.
sub start (@args) {
	my $tined = Tined->start(args => ['-w', 3, '--quarantine', '100,1s',
		'--max-requests', 1000, @mounts,
		(grep { $_ eq '--no-lot' } @args) ? () : ('--per-client', 100),
		@args],
		env => { $ENV{ASAN_OPTIONS} ? (ASAN_OPTIONS =>
			"$ENV{ASAN_OPTIONS}:allow_user_segv_handler=1") : () });

	$tined->{before} = snapshot($tined->dir);
	return $tined;
}

sub ends_well ($tined, @complaints) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is_deeply([changes($tined->{before}, $tined->dir)], [],
		'no file is changed');
	return $tined->ends_clean(@complaints);
}

subtest 'memory' => sub {
	my $tined = start();
	my $lot   = lot_pid($tined);
	my $kept  = $tined->connect;
	my $pages = vandalize($tined, 'memory', 0);

	cmp_ok($pages, '>', 0, 'a worker can write a part of it');
	# Most of it is the table of what it keeps for clients: loan.h.
	cmp_ok($pages, '<', 16, 'a small one: its own, and hints');
	for my $pattern (0 .. $PATTERNS + 20) {
		vandalize($tined, 'memory', $pattern) for 1 .. 3;
		is_well($tined, $kept, "pattern $pattern") or last;
	}
	# What they have written of themselves is read once more at their ends.
	for my $pattern (0 .. $PATTERNS + 3) {
		vandalize($tined, 'memory', $pattern) for 1 .. 3;
		my @pids = $tined->worker_pids;
		$tined->signal('KILL', $pids[0]);
		ok(wait_for(sub {
			my %pids = map { $_ => 1 } $tined->worker_pids;
			keys %pids == 3 && !$pids{ $pids[0] };
		}), 'a worker that is killed is replaced');
	}
	is_well($tined, $tined->connect, 'at last');
	is(lot_pid($tined), $lot, 'the lot is the same');
	ends_well($tined, $DIED, qr/quarantine/, $IGNORED);
};

# Memory is shared, and processes wake each other, without a lot as well.
subtest 'without a lot' => sub {
	my $tined = start('--no-lot');

	for my $pattern (0 .. $PATTERNS + 5) {
		vandalize($tined, 'memory', $pattern);
		is_well($tined, $tined->connect, "pattern $pattern") or last;
	}
	for (1 .. 5) {
		cmp_ok(vandalize($tined, 'messages', 1000), '>', 0,
			'it can wake others, with nonsense');
		is_well($tined, $tined->connect, 'after some thousand') or last;
	}
	ends_well($tined, $DIED, qr/quarantine/, $IGNORED);
};

subtest 'messages' => sub {
	my $tined = start();
	my $lot   = lot_pid($tined);
	my $kept  = $tined->connect;

	cmp_ok(vandalize($tined, 'messages', 1000), '>', 0,
		'it can send to others');
	for (1 .. 10) {
		vandalize($tined, 'messages', 1000);
		is_well($tined, $kept, 'after some thousand') or last;
	}
	is(lot_pid($tined), $lot, 'the lot is the same');
	my ($fds) = map { scalar @$_ } [glob "/proc/$lot/fd/*"];
	cmp_ok($fds, '<', 40, 'nothing that was passed is left open there');
	ends_well($tined, $DIED);
};

# What the lot was given back although it had not lent it.
sub strays ($tined) {
	return $tined->get('/status/metrics')->body
	    =~ /^tined_lot_strays_total (\d+)$/m ? $1 : -1;
}

# The clients whose connections other workers have are kept: it could name these.
subtest 'loans of others' => sub {
	my $tined = start('-w', 4, '--linger', '1ms', '--body-buffer', 0);
	my $lot   = lot_pid($tined);
	my @kept  = map { $tined->connect } 1 .. 2;
	my $text  = 'x' x 1000;
	my $vandal = $tined->connect;

	for my $sock (@kept, $vandal) {
		$tined->get('/echo', sock => $sock, keep => 1);
		ok(wait_for(sub { is_parked($tined, $sock) }),
			'a client is in the lot');
	}
	for my $round (1 .. 3) {
		# Their workers wait for the rest of the content.
		for my $sock (@kept) {
			$tined->send($sock, "POST /echo HTTP/1.1\r\nHost: a\r\n"
				. "Expect: 100-continue\r\n"
				. "Content-Length: 1000\r\n\r\n");
			until (${*$sock}{tined_buffer} =~
			    s/\AHTTP\/1.1 100 .*?\r\n\r\n//s) {
				$tined->fill($sock) or die 'closed, no 100';
			}
		}
		my $before = strays($tined);
		my $forged = vandalize($tined, 'loans', 50, sock => $vandal,
			keep => 1);
		cmp_ok($forged, '>=', 40, 'it forges loans of others');
		# All but those of three kinds of seven, which may be late ones.
		ok(wait_for(sub { strays($tined) >= $before + $forged / 2 }),
			'the lot ignores them, and counts them');
		is_well($tined, $tined->connect, 'beside them') or last;
		for my $sock (@kept) {
			$tined->send($sock, $text);
			is($tined->read_response($sock)->body, $text,
				'a client that another worker serves is kept');
		}
		for my $sock (@kept, $vandal) {
			ok(wait_for(sub { is_parked($tined, $sock) }),
				'and in the lot again');
		}
	}
	is(lot_pid($tined), $lot, 'the lot is the same');
	ends_well($tined, $DIED);
};

# There is one worker, so that nobody but the vandal is there to receive what the
# lot sends.
subtest 'what is for others' => sub {
	my $tined = start('-w', 1);
	my $lot   = lot_pid($tined);
	my @kept  = map { $tined->connect } 1 .. 10;

	for my $round (1 .. 3) {
		$tined->get('/echo', sock => $_, keep => 1) for @kept;
		ok(wait_for(sub {
			@kept == grep { is_parked($tined, $_) } @kept
		}), 'clients are in the lot');
		my $sock = $tined->connect;
		$tined->send($sock, 'GET /v/take/' . @kept
			. " HTTP/1.1\r\nHost: a\r\n\r\n");
		ok(wait_for(sub { is_held($tined, $sock) }),
			'the worker is taken over');
		$tined->send($_, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n")
		    for @kept;
		my $count = $tined->read_response($sock)->body + 0;
		$tried{take}++;
		$done{take} += $count;
		is($count, @kept, 'it takes all that they ask');
		is((grep { $tined->is_closed($_) } @kept), @kept,
			'who get no answer, and no other');
		@kept = map { $tined->connect } @kept;
		is_well($tined, $tined->connect, 'after that') or last;
	}
	is(lot_pid($tined), $lot, 'the lot is the same');
	ends_well($tined, $DIED);
};

# The largest number of connections in the lot so far.
sub peak ($tined) {
	return $tined->get('/status/metrics')->body
	    =~ /^tined_lot_connections_peak (\d+)$/m ? $1 : -1;
}

# Of some copies the lot expects a request, of others the end.  The vandal gets no
# answer, as it is the client of all of them.
subtest 'a flood of connections' => sub {
	my $tined  = start('-w', 2);
	my $lot    = lot_pid($tined);
	my $before = held_at_rest($tined);

	for my $round (1 .. 3) {
		my $sock = $tined->connect;

		vandalize($tined, 'flood', 2000, sock => $sock);
		ok(wait_for(sub { peak($tined) > 50 }),
			'the lot takes them for clients');
		is_well($tined, $tined->connect, 'beside them') or last;
		close $sock;
		ok(wait_for(sub { held_by_lot($tined) == $before }),
			'it has none left when the client has gone');
	}
	$done{flood} = peak($tined);
	is(lot_pid($tined), $lot, 'the lot is the same');
	ends_well($tined, $DIED);
};

subtest 'memory of others' => sub {
	plan skip_all => 'no seccomp'
	    if Tined->run(args => ['-t'])->{out} !~ /^seccomp keeps/m;
	my $tined = start();

	is(vandalize($tined, 'grow', 0), 0,
		'a worker cannot map more than its own');
	is_well($tined, $tined->connect, 'after that');
	ends_well($tined, $DIED);
};

subtest 'signals' => sub {
	plan skip_all => 'no seccomp'
	    if Tined->run(args => ['-t'])->{out} !~ /^seccomp keeps/m;
	my $tined = start();
	my $kept  = $tined->connect;
	my %known = map { $_ => 1 } my @workers = $tined->all_workers(3);
	my $lot   = lot_pid($tined);

	for my $pid ($tined->pid, $lot, @workers) {
		for (1 .. 3) {
			is(vandalize($tined, 'signal', $pid), 0,
				'none is permitted');
		}
	}
	is_well($tined, $kept, 'after all signals');
	is_deeply([grep { !$known{$_} } $tined->worker_pids], [],
		'the workers are the same');
	is(lot_pid($tined), $lot, 'the lot is the same');
	$tined->ends_clean;
};

# The others have not seen it yet.
subtest 'the notice of new logs' => sub {
	my $dir = File::Temp->newdir;
	my ($access, $error) = ("$dir/access", "$dir/error");

	chmod oct '0755', "$dir";
	my $tined  = start('-a', $access, '-e', $error);
	my @others = ((($tined->all_workers(3))[0, 1]), lot_pid($tined));
	kill 'STOP', @others;
	ok(wait_for(sub {
		3 == grep { Tined::process_state($_) eq 'T' } @others;
	}), 'all but one worker stand still');
	rename $_, "$_.1" or die $! for $access, $error;
	$tined->signal('USR1');
	ok(wait_for(sub { $tined->get('/v/notice')->body > 0 }),
		'that one takes it away');
	kill 'CONT', @others;
	ok(wait_for(sub { slurp($error) =~ /logs are reopened/ }),
		'the master posts it again, and all switch');
	$tined->ends_clean;
};

# The master looks for the reason itself.
subtest 'requests for reloads' => sub {
	my $parent  = File::Temp->newdir;
	my $dir     = "$parent/www";

	chmod oct '0755', "$parent";
	mkdir $dir or die "$dir: $!";
	my $tined   = start('-m', "/=file:$dir");
	my @workers = $tined->all_workers(3);

	ok(wait_for(sub {
		$tined->get('/v/reload');
		$tined->error_log =~ /$IGNORED/;
	}), 'there is no reason: it is ignored');
	unlike($tined->error_log, qr/reload(?:ing|ed)/, 'and nothing reloaded');
	is_deeply([sort $tined->worker_pids], [sort @workers],
		'no worker is replaced');

	# The workers are then others: the pauses, and the warning, begin anew.
	ok($tined->reload_works,
		'a reload that an operator wants goes on');
	ok(wait_for(sub {
		$tined->get('/v/reload');
		2 == (() = $tined->error_log =~ /$IGNORED/g);
	}), 'after it, others are ignored');

	rmdir $dir or die "$dir: $!";
	mkdir $dir or die "$dir: $!";
	spew("$dir/a.txt", 'new');
	ok(wait_for(sub { $tined->get('/a.txt')->status == 200 }),
		'with a reason it reloads');
	$tined->ends_clean($IGNORED, qr/was removed/);
};

my %meaning = (
	memory   => 'pages of shared memory that were overwritten',
	grow     => 'pages of shared memory that were mapped with more',
	messages => 'messages that were sent',
	flood    => 'copies of a connection in the lot at one time',
	loans    => 'records of loans that were forged',
	take     => 'messages for others that were taken',
	signal   => 'signals that were permitted',
);
note('what was tried, how often, and what came of it:');
note(sprintf '%-10s %5d times: %8d %s', $_, $tried{$_}, $done{$_},
	$meaning{$_}) for sort keys %tried;

done_testing;
