# A stop waits for clients who are far away, and whose handshake is under way.

use v5.36;

use Errno qw(EINPROGRESS);
use FindBin;
use lib "$FindBin::Bin/lib";
use Far    qw(far_network FAR_HERE FAR_THERE);
use Socket qw(AF_INET SOCK_NONBLOCK SOCK_STREAM inet_aton pack_sockaddr_in);
use Test::More;
use Time::HiRes qw(time);
use Tined qw(free_port need_tools slurp wait_for);

need_tools(qw(ip unshare));

# More than the 100 ms for which it is quiet; there and back.
use constant ONE_WAY => 0.15;
use constant CLIENTS => 20;
# The server waits for a second, within which a request must have arrived.  On a
# machine that is busy this test may be late itself, and tries again.
use constant {
	IN_TIME => 1 - 2 * ONE_WAY,
	TRIES   => 10,
};

my $far = far_network(ONE_WAY)
    or plan skip_all => 'needs root, and /dev/net/tun';

END { kill 'KILL', $far if $far }

sub set_out ($port) {
	socket my $sock, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0
	    or die "socket: $!";
	connect $sock, pack_sockaddr_in($port, inet_aton(FAR_THERE))
	    or $! == EINPROGRESS or die "connect: $!";
	${*$sock}{tined_buffer} = q{};
	return $sock;
}

# The handshakes for this port that are under way.
sub handshakes ($port) {
	my $local = sprintf ':%04X', $port;

	return scalar(() = slurp('/proc/net/tcp')
		=~ /^\ *\d+:\ [0-9A-F]+$local\ \S+\ 03\ /mg);
}

# How many are answered, and how long it took to send their requests.
sub stop_amid_handshakes () {
	my $port = free_port;
	my $tined = Tined->start(listen => 'none', port => $port,
		args => ['-l', FAR_HERE . ":$port"],
		files => { 'a.txt' => "a\n" });
	my @clients = map { set_out($port) } 1 .. CLIENTS;

	ok(wait_for(sub { handshakes($port) == CLIENTS }),
		'all are on their way');
	my $start = time;
	$tined->signal('TERM');
	ok(wait_for(sub { $tined->notified('STOPPING') }), 'it stops');
	note handshakes($port) . ' have not arrived yet';
	eval { $tined->send($_, "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n")
	    } for @clients;
	my $took = time - $start;
	my $answered = grep {
		my $response = eval { $tined->read_response($_) };
		$response && $response->body eq "a\n";
	} @clients;
	is($tined->wait_exit, 0, 'exit status 0');
	$tined->ends_clean;
	return ($answered, $took);
}

my ($answered, $took);
for (1 .. TRIES) {
	($answered, $took) = stop_amid_handshakes();
	last if $answered == CLIENTS || $took < IN_TIME;
	diag sprintf '%d were answered, after %.2f s: once more', $answered,
	    $took;
}
is($answered, CLIENTS, 'all clients are answered');

done_testing;
