# A stop waits for clients who are far away, and whose handshake is under way.

use v5.36;

use Errno qw(EINPROGRESS);
use FindBin;
use lib "$FindBin::Bin/lib";
use Far    qw(far_network FAR_HERE FAR_THERE);
use Socket qw(AF_INET SOCK_NONBLOCK SOCK_STREAM inet_aton pack_sockaddr_in);
use Test::More;
use Tined qw(free_port need_tools slurp wait_for);

need_tools(qw(ip unshare));

# More than the 100 ms for which it is quiet; there and back.
use constant ONE_WAY => 0.15;
use constant CLIENTS => 20;

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

my $port = free_port;
my $tined = Tined->start(listen => 'none', port => $port,
	args => ['-l', FAR_HERE . ":$port"], files => { 'a.txt' => "a\n" });
my @clients = map { set_out($port) } 1 .. CLIENTS;

ok(wait_for(sub { handshakes($port) == CLIENTS }), 'all are on their way');
$tined->signal('TERM');
ok(wait_for(sub { $tined->notified('STOPPING') }), 'it stops');
note handshakes($port) . ' have not arrived yet';
$tined->send($_, "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n") for @clients;
for my $sock (@clients) {
	my $response = eval { $tined->read_response($sock) };
	is($response && $response->body, "a\n", 'a client is answered');
}
is($tined->wait_exit, 0, 'exit status 0');
$tined->ends_clean;

done_testing;
