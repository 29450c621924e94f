# Clients that were recalled from a worker that stands still, which has a descriptor
# of their connections as well: in a stop and in an upgrade they are served, not
# cut off; and thousands of them wait for no more than a moment.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Lot qw(find_lot is_all_read keeper lot_pid many_on_their_way need_descriptors
	stop_process);
use Test::More;
use Time::HiRes qw(sleep time);
use Tined qw(slow wait_for);
use Upgrade qw(ends_clean start successor);

Lot::import_or_skip();
# A worker then keeps as many as it may.
need_descriptors(5000);

use constant { KEPT_MAX => 512, WORKERS => 2, TURNS => 5 };

my $GET = "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n";
my $STANDS_STILL = qr/stands still|stood still/;

sub ask_all ($tined, @socks) {
	$tined->send($_, $GET) for @socks;
	return grep { ($tined->read_response($_) // next)->body eq "a\n" }
	    @socks;
}

# The only worker keeps a client, and stands still; its request is on its way to
# that worker, from the lot, which has recalled it.  A worker that was stopped a
# moment too early has the client in hand.
sub start_with_request () {
	my $tined = start('-w', 1, '--linger', '1ms');
	my ($worker) = $tined->worker_pids;
	my $sock = $tined->connect;

	for (1 .. 10) {
		wait_for(sub { ask_all($tined, $sock); keeper($tined, $sock) })
		    or die 'nobody keeps it';
		stop_process($worker);
		$tined->send($sock, $GET);
		return ($tined, $worker, $sock)
		    if wait_for(sub { is_all_read($sock) }, slow());
		kill CONT => $worker;
		$tined->read_response($sock) or die 'no answer';
	}
	die 'the lot does not recall it';
}

subtest 'a stop' => sub {
	my ($tined, $worker, $sock) = start_with_request();

	$tined->signal('TERM');
	ok(wait_for(sub { !defined find_lot($tined) }), 'the lot ends first');
	kill CONT => $worker;
	my $response = $tined->read_response($sock);
	is($response && $response->body, "a\n", 'its worker still serves it');
	is($tined->wait_exit, 0, 'then all have ended');
};

subtest 'an upgrade' => sub {
	my ($tined, $worker, $sock) = start_with_request();

	$tined->child_pids;
	$tined->signal('USR2');
	my $new = successor($tined);
	ok($new, 'another process serves') or return;
	$tined->{pid} = $new;
	my $response = $tined->read_response($sock);
	is($response && $response->body, "a\n", 'it serves that client, too');
	kill CONT => $worker;
	ends_clean($tined, $STANDS_STILL);
};

# More than the lot sees in one look.  All have sent a request when it looks first.
subtest 'a crowd' => sub {
	my $turn = many_on_their_way();
	my $tined = start('-w', WORKERS, '--linger', '1ms');
	my @socks = map { $tined->connect } 1 .. 3 * KEPT_MAX;
	my @workers = $tined->worker_pids;
	my $lot = lot_pid($tined);

	ask_all($tined, @socks) for 1 .. TURNS;
	stop_process($_) for @workers, $lot;
	$tined->send($_, $GET) for @socks;
	my $began = time;
	kill CONT => $lot;
	ok(wait_for(sub { is_all_read(@socks) }), 'the lot recalls all');
	cmp_ok(time - $began, '<', 4 * slow(), 'at once');
	kill CONT => @workers;
	is(scalar(grep { defined $tined->read_response($_) } @socks),
		scalar @socks, 'workers serve them');
	ends_clean($tined, $STANDS_STILL);
};

done_testing;
