# Clients that a worker keeps: what the tests of that share.  Each server has a
# file a.txt.

package Kept;

use v5.36;

use Exporter    qw(import);
use Lot         qw(is_all_read keeper stop_process);
use Time::HiRes qw(sleep);
use Tined       qw(slow wait_for);

our @EXPORT_OK = qw($GET $LAST ask keep stop_keeper);

our $GET = "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n";
our $LAST = $GET =~ s/(?=\r\n\z)/Connection: close\r\n/r;

sub ask ($tined, $sock, $request = $GET) {
	my $response = $tined->request($request, sock => $sock) // return;

	return $response->status == 200 && $response->body eq "a\n";
}

# Its first request may be the only one.  A copy that the lot has recalled is
# there for another second at most.
sub keep ($tined, $sock = $tined->connect) {
	wait_for(sub {
		ask($tined, $sock) or die 'no answer';
		sleep 0.005;
		return keeper($tined, $sock);
	}) or die 'nobody keeps it';
	return $sock;
}

# The worker that keeps it, which stands still when another has answered.  One that
# was stopped a moment too early has the client in hand.
sub stop_keeper ($tined, $sock) {
	for (1 .. 10) {
		my $keeper = keeper($tined, keep($tined, $sock)) // next;

		stop_process($keeper);
		$tined->send($sock, $GET);
		my $read = wait_for(sub { is_all_read($sock) }, slow());
		kill CONT => $keeper unless $read;
		$tined->read_response($sock) or die 'no answer';
		return $keeper if $read;
	}
	die 'the lot does not recall it';
}

1;
