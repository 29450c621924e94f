# The last response to a client that was recalled from a worker that stands still:
# that worker has a descriptor of the connection as well, and would keep it open,
# so only a shutdown by the lot tells the client that it is over, whoever had the
# connection since.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Kept qw($GET $LAST ask stop_keeper);
use Lot  qw(few_may_be_on_their_way is_all_read lot_pid stop_process);
use Slow qw(wait_until waiting);
use Test::More;
use Tined qw(wait_for);
use Tined::Process qw(set_limit);
use Upgrade qw($big ends_clean start successor);

Lot::import_or_skip();

# RECORDS: LOAN_RECORDS of src/shared/loan.h.
use constant { DESCRIPTORS => 160, RECORDS => 64 };

my $STANDS_STILL = qr/stands still|stood still/;

# The client learns it while that worker stands still.
sub ends_with ($tined, $sock, $keeper, $request = $LAST) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	ok(ask($tined, $sock, $request), 'it is served to its last request');
	ok($tined->is_closed($sock), 'and sees the end');
	is(Tined::process_state($keeper), 'T',
		'although a worker has a copy of its connection');
	kill CONT => $keeper;
	return;
}

# In place of the first, which dies.  That limit is also on what all tests have on
# their way, so it is there for a moment only.
sub small_lot ($tined) {
	my $lot = lot_pid($tined);
	my ($most) = qx{sh -c 'ulimit -Hn'} =~ /(\d+)/;

	set_limit($tined->pid, nofile => DESCRIPTORS);
	kill KILL => $lot;
	wait_for(sub { waiting($tined, 'room') < DESCRIPTORS })
	    or die 'there is no other lot';
	set_limit($_, nofile => $most // 65_536) for $tined->pid, lot_pid($tined);
	return;
}

# The only worker that runs has closed another connection, and so has none of those
# before in hand.
sub let_go ($tined) {
	my $sock = $tined->connect;

	ask($tined, $sock, $LAST) && $tined->is_closed($sock)
	    or die 'a connection is not closed';
	return;
}

# The other worker gets a request of that client when the lot, which stands still,
# has more to read from that worker than there is room for.
sub ask_when_full ($tined, $sock, $keeper, $request) {
	my $turn = few_may_be_on_their_way();
	my ($other) = grep { $_ != $keeper } $tined->worker_pids;
	my $lot = lot_pid($tined);
	my @others = map { $tined->connect } 1 .. RECORDS;

	ask($tined, $_) or die 'no answer' for @others;
	let_go($tined);
	stop_process($other);
	for my $socks (\@others, [$sock]) {
		$tined->send($_, @others == @$socks ? $GET : $request)
		    for @$socks;
		wait_for(sub {
			is_all_read(@$socks) && Tined::process_state($lot) eq 'S'
		}) or die 'the requests are not handed over';
	}
	stop_process($lot);
	kill CONT => $other;
	is(scalar(grep { defined $tined->read_response($_) } @others, $sock),
		RECORDS + 1, 'all are served');
	let_go($tined);
	kill CONT => $lot;
	return;
}

# The lot waits for the rest of the second.
subtest 'half of a request goes to the lot' => sub {
	my $tined  = start('--linger', '1ms');
	my $sock   = $tined->connect;
	my $keeper = stop_keeper($tined, $sock);
	my ($half, $rest) = unpack 'a20 a*', $LAST;

	ok(ask($tined, $sock, $GET . $half), 'a request and a half');
	ends_with($tined, $sock, $keeper, $rest);
	ends_clean($tined, $STANDS_STILL);
};

# The lot sends what its socket has no room for.
subtest 'so does the rest of a response' => sub {
	my $tined  = start('--linger', '1ms', '-m', '/status=status:');
	my $sock   = $tined->connect(rcvbuf => 4096);
	my $keeper = stop_keeper($tined, $sock);

	$tined->send($sock, $GET =~ s/a\.txt/big/r);
	ok(wait_until($tined, 'send', 1), 'the lot sends it');
	is(length $tined->read_response($sock)->body, length $big, 'all comes');
	ends_with($tined, $sock, $keeper);
	ends_clean($tined, $STANDS_STILL);
};

# The worker that serves the last request has the only other descriptor.
subtest 'a lot without room gives it away' => sub {
	my $tined = Tined->start(args => ['-w', 2, '--linger', '1ms',
			'--stop-timeout', '1h', '-m', '/status=status:'],
		files => { 'a.txt' => "a\n" });

	small_lot($tined);
	my $sock   = $tined->connect;
	my $keeper = stop_keeper($tined, $sock);
	my $many   = waiting($tined, 'room') * 9 / 10;
	my @others;

	while (waiting($tined, 'all') < $many && @others < DESCRIPTORS) {
		push @others, $tined->connect;
		ask($tined, $others[-1]) or die 'no answer';
	}
	ends_with($tined, $sock, $keeper);
	$tined->ends_clean($STANDS_STILL, qr/lot.*(?:killed|KILL)/);
};

# The lot finds out that nobody has what it has lent: it is over, or has moved.
subtest 'a worker cannot say that it has closed it' => sub {
	my $tined = Tined->start(args => ['-w', 2, '--linger', '1ms'],
		files => { 'a.txt' => "a\n" });
	my $sock   = $tined->connect;
	my $keeper = stop_keeper($tined, $sock);

	ask_when_full($tined, $sock, $keeper, $LAST);
	ok($tined->is_closed($sock), 'it sees the end');
	is(Tined::process_state($keeper), 'T', 'although a worker has a copy');
	kill CONT => $keeper;
	$tined->ends_clean($STANDS_STILL);
};

subtest 'nor that it has sent it to the lot' => sub {
	my $tined = Tined->start(args => ['-w', 2, '--linger', '1ms', '-m',
			'/status=status:'], files => { 'a.txt' => "a\n" });
	my $sock   = $tined->connect;
	my $keeper = stop_keeper($tined, $sock);
	my ($half, $rest) = unpack 'a20 a*', $LAST;

	ask_when_full($tined, $sock, $keeper, $GET . $half);
	ok(wait_until($tined, 'lent', 0), 'the lot has it, and no loan of it');
	ends_with($tined, $sock, $keeper, $rest);
	$tined->ends_clean($STANDS_STILL);
};

subtest 'an upgrade moves it' => sub {
	my $tined  = start('--linger', '1ms');
	my $sock   = $tined->connect;
	my $keeper = stop_keeper($tined, $sock);

	$tined->child_pids;
	$tined->signal('USR2');
	my $new = successor($tined);
	ok($new, 'another process serves') or return;
	$tined->{pid} = $new;
	ends_with($tined, $sock, $keeper);
	ends_clean($tined, $STANDS_STILL);
};

done_testing;
