# Clients that a worker keeps: what the tests of that share.  Each server has a
# file a.txt.

package Kept;

use v5.36;

use Exporter    qw(import);
use Lot         qw(find_lot is_all_read keeper stop_process);
use Time::HiRes qw(sleep);
use Tined       qw(slow wait_for);

our @EXPORT_OK = qw($GET $LAST ask keep kept_at_once line_of lines stop_keeper);

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

# Where only files are served, no answer can have a token of its request's; but each
# line of such a file is another, and a request can ask for one.
sub lines ($count) { return join q{}, map { sprintf "%07d\n", $_ } 1 .. $count }

# A request for any of them, and its answer.
sub line_of ($path, $count) {
	my $line = 1 + int rand $count;
	my $last = 8 * $line - 1;

	return ("GET $path HTTP/1.1\r\nHost: a\r\nRange: bytes="
		. ($last - 7) . "-$last\r\n\r\n", sprintf "%07d\n", $line);
}

# How many clients workers keep at this moment, beside one that each may serve.
# Others may change that meanwhile.
sub kept_at_once ($tined) {
	my $lot = find_lot($tined) // return 0;
	my %of_lot = map { $_ => 1 } _sockets($lot);
	my (%holders, %kept);

	for my $pid ($tined->worker_pids) {
		push $holders{$_}->@*, $pid for grep { $of_lot{$_} } _sockets($pid);
	}
	# What all workers have is no client's.
	$kept{$_->[0]}++ for grep { @$_ == 1 } values %holders;
	my $sum = 0;
	$sum += $_ - 1 for values %kept;
	return $sum;
}

sub _sockets ($pid) {
	return grep { /\Asocket:/ } map { readlink // q{} } glob "/proc/$pid/fd/*";
}

1;
