# Slow clients, and the end of the server, of its master or of the lot: what is
# under way comes to its end where that is possible.

use v5.36;

use FindBin;
use IO::Socket::IP ();
use lib "$FindBin::Bin/lib";
use Lot qw(ask find_lot lot_pid park token);
use Slow qw($big $stars answers_others busy_workers get hurry in_pieces is_whole
	start unread wait_until);
use Socket qw(SOCK_STREAM SOMAXCONN);
use Test::More;
use Time::HiRes qw(time);
use Tined qw(free_port wait_for);

Lot::import_or_skip();

my $LOT_DIED = qr/ error: the lot\[\d+\] was killed by signal 9 /;

# It binds its port itself, as a successor would.
sub start_bound () {
	my $port = free_port();

	return start({ listen => 'none', port => $port },
		'-l', "127.0.0.1:$port");
}

sub binds ($tined) {
	return wait_for(sub {
		IO::Socket::IP->new(LocalHost => '127.0.0.1',
			LocalPort => $tined->port, Type => SOCK_STREAM,
			Listen => SOMAXCONN, ReuseAddr => 1);
	});
}

subtest 'a graceful stop' => sub {
	my $tined = start_bound();
	my @readers = map { unread($tined, $_) }
	    get('/big'), get('/stars'), get('/big') . get('/small');
	my ($content, @pieces) = in_pieces(token(), 5000, 2);
	my $sender = $tined->connect;
	my $last = pop @pieces;

	my $chunks = $tined->connect;

	$tined->send($sender, join q{}, @pieces);
	$tined->send($chunks, "POST /reflect HTTP/1.1\r\nHost: a\r\n"
		. "Transfer-Encoding: chunked\r\n\r\n3\r\nab");
	wait_until($tined, 'send', 3);
	wait_until($tined, 'body', 2);
	$tined->signal('TERM');
	is($tined->request($last, sock => $sender)->body, $content,
		'content that was awaited is answered');
	is($tined->request("c\r\n0\r\n\r\n", sock => $chunks)->body, 'abc',
		'in chunks, too');

	# Its port is free while the lot still sends.
	ok(binds($tined), 'a successor can have the port');
	$tined->send($_, get('/small')) for @readers;
	hurry(@readers[0, 1]);
	is_whole($tined->read_response($readers[$_]),
		($big, $stars, $big)[$_], 'a response under way')
	    for 0 .. $#readers;
	my @open = grep { !$tined->is_closed($_) } @readers;
	is(@open, 0, 'then they are closed');
	my @reset = grep { $tined->was_reset($_) } @readers;
	is(@reset, 0, 'none by a reset');
	close $_ for @readers;
	is($tined->wait_exit, 0, 'the server stops with status 0');
	$tined->leaves_nothing;
	$tined->log_is_clean;
};

subtest 'a stop that does not wait longer' => sub {
	my $tined = start('--stop-timeout', '1s');
	my $reader = unread($tined);

	wait_until($tined, 'send', 1);
	my $start = time;
	is($tined->stop, 0, 'it ends');
	cmp_ok(time - $start, '>', 0.8, 'not before its time');
	my $response = eval { $tined->read_response($reader) };
	ok(!$response, 'what was cut off does not look whole');
	$tined->leaves_nothing;
	$tined->log_is_clean(
		qr/ warning: killing the lot\[\d+\] with .* 1 responses in flight/);
};

subtest 'the master is killed' => sub {
	my $tined = start_bound();
	my $idle = $tined->connect;
	ask($tined, $idle) && park($tined, $idle) or die;
	my @readers = map { unread($tined, $_) } get('/big'), get('/stars');

	wait_until($tined, 'send', 2);
	$tined->child_pids;
	$tined->signal('KILL');
	is($tined->wait_exit, 137, 'by signal 9');
	ok($tined->is_closed($idle), 'who waits for nothing is let go');
	ok(binds($tined), 'the port is free');
	hurry(@readers);
	is_whole($tined->read_response($readers[$_]),
		($big, $stars)[$_], 'a response under way') for 0, 1;
	ok($tined->is_closed($_), 'and closed') for @readers;
	close $_ for @readers;
	$tined->leaves_nothing;
	$tined->log_is_clean;
};

subtest 'the lot is killed' => sub {
	my $tined = start();
	my @readers = map { unread($tined, $_) }
	    get('/big'), get('/stars'), get('/big', 'Connection: close');
	my $old = lot_pid($tined);

	wait_until($tined, 'send', 3);
	$tined->signal('KILL', $old);
	for my $sock (@readers) {
		my $response = eval { $tined->read_response($sock) };
		like($@, qr/closed \d+ bytes short/, 'cut, and seen to be');
	}
	ok(wait_for(sub { (find_lot($tined) // $old) != $old }),
		'there is another');
	my $again = unread($tined);
	wait_until($tined, 'send', 1);
	hurry($again);
	is_whole($tined->read_response($again), $big, 'which does as well');
	$tined->ends_clean($LOT_DIED);
};

subtest 'without a lot' => sub {
	my $tined = start('--no-lot', '-w', 4);
	my $reader = unread($tined, get('/big') . get('/small'));
	my $sender = $tined->connect;
	my ($content, @pieces) = in_pieces(token(), 5000, 2);

	$tined->send($sender, shift @pieces) while @pieces > 1;
	ok(wait_for(sub { busy_workers($tined) == 2 }), 'they have workers');
	answers_others($tined);
	is_whole($tined->read_response($reader), $big, 'a slow reader');
	is($tined->read_response($reader)->body, 'small', 'and on');
	is($tined->request(@pieces, sock => $sender)->body, $content,
		'a slow body');
	$tined->ends_clean;
};

done_testing;
