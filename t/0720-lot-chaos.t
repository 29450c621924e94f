# Processes that die, one by one: the lot, workers.  Clients lose no more than
# they must.  At random they die in t/0728-chaos.t.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Lot qw(answered_at ask find_lot half_of is_on_its_way keep_busy lot_pid park
	reflect release token);
use Slow qw(busy_workers);
use Test::More;
use Time::HiRes qw(sleep);
use Tined qw(background need_tools slurp wait_for);
use Trace qw(replaced_at_once);

Lot::import_or_skip();
need_tools('prlimit', 'strace');

my @reflect = ('-m', '/reflect=echo:body');
my $LOT_DIED = qr/ error: the lot\[\d+\] was killed by signal 9 /;
my $WORKER_DIED = qr/ error: worker \d+\[\d+\] was killed by signal 9 /;

# Until there is another.
sub kill_lot ($tined) {
	my $old = lot_pid($tined);

	$tined->signal('KILL', $old);
	wait_for(sub { (find_lot($tined) // $old) != $old })
	    or die 'there is no other lot';
	return;
}

# Until there is another, at once.
sub is_replaced ($tined) {
	my $old = lot_pid($tined);

	replaced_at_once($tined, $old,
		sub { (find_lot($tined) // $old) != $old });
	kill_lot($tined) if (find_lot($tined) // 0) == $old;
	return;
}

# A worker that serves before there is a lot keeps its client.  Here the workers
# start while the master is still about to start the lot, which takes its time.
subtest 'there is one when the server is ready' => sub {
	plan skip_all => 'no leak is looked for in a process that is traced'
	    if Tined->is_sanitized;
	my $dir = File::Temp->newdir;
	my $tined = Tined->start(args => ['-w', 2], under => ['strace', '-D',
		'-f', '-q', '-o', "$dir/trace", '-e',
		'trace=/^clone3?$,epoll_ctl,prctl,/^send', '-e',
		'inject=/^clone3?$:delay_enter=500000:when=2', '-e',
		'inject=prctl:delay_enter=5000'],
		# LeakSanitizer cannot work beside strace.
		env => { ASAN_OPTIONS => ($ENV{ASAN_OPTIONS} // q{})
			. ':detect_leaks=0' });
	my $lot = lot_pid($tined);
	my $calls = slurp("$dir/trace");

	ok($calls =~ /^$lot\ +epoll_ctl\(.*READY=1/ms, 'so it is')
	    or diag($calls =~ s/^.* prctl\(.*\n//gmr);
	$tined->ends_clean;
};

subtest 'the lot is killed' => sub {
	my $tined = Tined->start(args => ['-w', 2, @reflect]);
	my $busy = keep_busy($tined);
	my @lost;

	for my $round (1 .. 3) {
		my $idle = $tined->connect;
		my $half = $tined->connect;
		ask($tined, $idle) or die;
		park($tined, $idle);
		park($tined, $half, 'POST /ref');
		$round == 1 ? is_replaced($tined) : kill_lot($tined);
		ok($tined->is_closed($_), 'what it held is closed')
		    for $idle, $half;
		push @lost, grep { !eval { answered_at($tined) } } 1 .. 5;
	}
	is(@lost, 0, 'service goes on');
	ok(release($tined, $busy), 'a request under way is not touched');
	park($tined, $busy);
	ok(ask($tined, $busy), 'its connection is parked in the next one');
	is(() = grep({ /$LOT_DIED.*lost/ } $tined->error_log), 3,
		'the log says so, and what was lost');
	$tined->ends_clean($LOT_DIED);
};

# The channels outlive the lot: what is in them is not lost.
subtest 'what is on its way while there is no lot' => sub {
	my $tined = Tined->start(args => ['-w', 2, '--start-timeout', '1h',
		@reflect]);
	my $lot = lot_pid($tined);
	my @socks = map { $tined->connect } 1 .. 20;

	# Until one was the lot's, it may be woken before an idle worker is.
	my @first = map { $tined->connect } 1 .. 4;
	ask($tined, $_) or die for @first;
	$tined->signal('STOP', $lot);
	ok(ask($tined, $_), 'is served') for @socks;
	ok(wait_for(sub { !grep { !is_on_its_way($tined, $_) } @socks }),
		'all are parked, and nobody takes them');
	kill_lot($tined);
	my @lost = grep { !ask($tined, $_) } @socks;
	is(@lost, 0, 'the next lot takes them');
	$tined->ends_clean($LOT_DIED);
};

# From now on no lot can start: it finds no number for a descriptor.
sub forbid_lots ($tined) {
	limit_descriptors($tined, 5);
	return;
}

# The soft limit of the master, which its next children inherit.
sub limit_descriptors ($tined, $limit) {
	system('prlimit', '--pid', $tined->pid, "--nofile=$limit:") == 0
	    or die "prlimit: $?";
	return;
}

sub descriptors_limit ($tined) {
	return slurp('/proc/' . $tined->pid . '/limits')
	    =~ /^Max open files\s+(\d+)/m ? $1 : die 'no limit';
}

# Longer than --linger, after which a worker hands over an idle client.
use constant PAUSE => 0.1;

my $NO_LOT = qr/ error: (?:cannot|the lot\[\d+\] ended with status 1)/;

subtest 'no lot can start' => sub {
	plan skip_all => 'sanitizers need descriptors when a process ends'
	    if Tined->is_sanitized;
	my $tined = Tined->start(args => ['-w', 2, @reflect]);
	my $sock = $tined->connect;
	my ($first, $rest) = half_of(reflect('halves'));

	ask($tined, $sock) or die;
	park($tined, $sock);
	forbid_lots($tined);
	$tined->signal('KILL', lot_pid($tined));
	ok(wait_for(sub { $tined->error_log =~ $NO_LOT }), 'no other starts');
	ok($tined->is_closed($sock), 'what it held is closed');
	$sock = $tined->connect;
	for (1 .. 3) {
		ok(ask($tined, $sock), 'a kept-alive client is served');
		sleep PAUSE;
	}
	$tined->send($sock, $first);
	sleep PAUSE;
	is($tined->request($rest, sock => $sock)->body, 'halves',
		'a head that comes slowly is waited for');
	$tined->ends_clean($LOT_DIED, $NO_LOT);
};

# With a deadline that never comes, a client that its worker keeps stays there.
subtest 'who came while there was no lot' => sub {
	plan skip_all => 'sanitizers need descriptors when a process ends'
	    if Tined->is_sanitized;
	my $tined = Tined->start(args => ['-w', 2, @reflect,
		'--body-timeout', '1h']);
	my $limit = descriptors_limit($tined);
	my %begun = map { $_ => $tined->connect } qw(length chunks);

	forbid_lots($tined);
	$tined->signal('KILL', lot_pid($tined));
	ok(wait_for(sub { $tined->error_log =~ $NO_LOT }), 'no other starts');
	$tined->send($begun{length}, reflect('abcdef') =~ s/def\z//r);
	$tined->send($begun{chunks}, "POST /reflect HTTP/1.1\r\nHost: a\r\n"
		. "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
	ok(wait_for(sub { busy_workers($tined) == 2 }), 'workers wait');
	limit_descriptors($tined, $limit);
	ok(wait_for(sub { busy_workers($tined) == 0 }),
		'until a lot does it again');
	is($tined->request('def', sock => $begun{length})->body, 'abcdef',
		'content of a length');
	is($tined->request("3\r\ndef\r\n0\r\n\r\n", sock => $begun{chunks})
		->body, 'abcdef', 'content in chunks');
	$tined->ends_clean($LOT_DIED, $NO_LOT);
};

subtest 'what lies in the channel while no lot can start' => sub {
	plan skip_all => 'sanitizers need descriptors when a process ends'
	    if Tined->is_sanitized;
	my $tined = Tined->start(args => ['-w', 2, '--start-timeout', '1h',
		@reflect]);
	my $lot = lot_pid($tined);
	my @socks = map { $tined->connect } 1 .. 3;
	my $limit = descriptors_limit($tined);

	# Until one was the lot's, it may be woken before an idle worker is.
	ask($tined, $tined->connect) or die for 1 .. 4;
	$tined->signal('STOP', $lot);
	ok(ask($tined, $_), 'is served') for @socks;
	ok(wait_for(sub {
		@socks == grep { is_on_its_way($tined, $_) } @socks
	}), 'all are parked, and nobody takes them');
	$tined->send($_, reflect('waits')) for @socks;
	forbid_lots($tined);
	$tined->signal('KILL', $lot);
	is($tined->read_response($_)->body, 'waits', 'a worker takes it')
	    for @socks;
	limit_descriptors($tined, $limit);
	ok(lot_pid($tined), 'a lot can start');
	my $sock = $tined->connect;
	ok(ask($tined, $sock), 'a client is served');
	park($tined, $sock);
	ok(ask($tined, $sock), 'and parked again');
	$tined->ends_clean($LOT_DIED, $NO_LOT);
};

subtest 'a worker is killed while others are parked' => sub {
	my $tined = Tined->start(args => ['-w', 2, @reflect]);
	my @idle = map { $tined->connect } 1 .. 20;
	my @half = map { [$tined->connect, half_of(reflect(token()))] } 1 .. 5;
	my $lot = lot_pid($tined);

	ask($tined, $_) or die for @idle;
	park($tined, $_) for @idle;
	park($tined, $_->@[0, 1]) for @half;
	my @busy = map { keep_busy($tined) } 1, 2;
	my @workers = $tined->worker_pids;
	$tined->signal('KILL', $_) for @workers;
	for my $sock (@busy) {
		ok(!$tined->read_response($sock),
			'whom it was serving has no answer');
	}
	for my $one (@half) {
		my ($sock, undef, $rest) = @$one;
		is($tined->request($rest, sock => $sock)->body,
			$rest =~ s/.*\r\n//sr, 'half a head is completed');
	}
	my @lost = grep { !ask($tined, $_) } @idle;
	is(@lost, 0, 'idle ones are unharmed');
	is(lot_pid($tined), $lot, 'the lot is the same');
	$tined->ends_clean($WORKER_DIED);
};

done_testing;
