# Many clients of clock at once: each event leaves in a segment of its own, and
# who goes is noticed by the wait, not by a write.  tcpdump tells on the wire.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use List::Util qw(min);
use IO::Select ();
use POSIX      ();
use Test::More;
use Tined qw(need_tools slow slurp wait_for);

use constant {
	# Sanitized workers take long to end, which is not what is tried here.
	CLIENTS => int(200 / slow()),
	EVENTS  => 3,
	SPARE   => 4,
	# "1c", the event, and their ends of lines.
	SEGMENT => 34,
	# The last chunk, when the client has gone, or the server stops.
	LAST => 5,
};

my $EVENT = qr/1c\r\ndata: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n\n\r\n/;

need_tools('tcpdump');

my $dir  = File::Temp->newdir;
my $file = "$dir/capture";

# Where a user may not, the segments are not counted, which is told.
sub capture ($port) {
	my $pid = fork // die "fork: $!\n";

	if ($pid == 0) {
		open STDERR, '>', "$dir/said" or POSIX::_exit(127);
		exec 'tcpdump', '-i', 'lo', '-n', '-U', '--immediate-mode', '-B', 16384, '-s', 96,
		    '-Z', 'root', '-w', $file, "tcp and src port $port"
		    or POSIX::_exit(127);
	}
	my $gone;
	wait_for(sub {
		$gone = waitpid($pid, POSIX::WNOHANG()) == $pid;
		$gone || slurp("$dir/said") =~ /listening on/;
	});
	return $pid unless $gone;
	diag('NOT TESTED: nothing can be captured here: ' . slurp("$dir/said"));
	return;
}

# The sizes of the segments with content, by the client's port, in their order.
sub segments () {
	my %sizes;

	open my $packets, '-|', "tcpdump -n -q -r '$file' 2>/dev/null"
	    or die "tcpdump: $!\n";
	while (<$packets>) {
		/ > [\d.]+\.(\d+): tcp ([1-9]\d*)/ and push $sizes{$1}->@*, $2;
	}
	close $packets;
	return \%sizes;
}

my $tined = Tined->start(args => ['-m', '/c=clock:', '-w', CLIENTS + SPARE,
	'-m', '/status=status:']);
$tined->all_workers(CLIENTS + SPARE);
my $tcpdump = capture($tined->port);
my @socks = map { $tined->connect } 1 .. CLIENTS;
$tined->send($_, "GET /c HTTP/1.1\r\nHost: a\r\n\r\n") for @socks;

# How many whole events a client has at least.
sub events () {
	my $select = IO::Select->new(@socks);

	$tined->fill($_) for $select->can_read(0);
	return min(map {
		my $n = () = (${*$_}{tined_buffer} // q{}) =~ /$EVENT/g;
		$n;
	} @socks);
}

ok(wait_for(sub { events() >= EVENTS }), EVENTS . ' events for each of '
	. CLIENTS . ' clients');
my %ports = map { $_->sockport => 1 } @socks;
close $_ for @socks;
ok(wait_for(sub { CLIENTS == grep { m{"GET /c HTTP/1\.1" 200 } }
	$tined->access_log }), 'their workers notice that they have gone');

SKIP: {
	skip 'no capture', 3 if !$tcpdump;
	my $sizes;
	ok(wait_for(sub {
		$sizes = segments();
		CLIENTS == grep { ($sizes->{$_} // [])->@* >= EVENTS }
		    keys %ports;
	}), 'all were captured');
	kill 'INT', $tcpdump;
	waitpid $tcpdump, 0;
	my @wrong = grep {
		my @later = ($sizes->{$_} // [])->@*;
		shift @later; # the head, with the first event
		pop @later if @later && $later[-1] == LAST;
		grep { $_ != SEGMENT } @later;
	} sort keys %ports;
	is(@wrong, 0, 'each event is a segment of its own')
	    or diag(map { "$_: " . join(q{ }, ($sizes->{$_} // [])->@*) . "\n" }
		@wrong);
	like(slurp("$dir/said"), qr/^0 packets dropped/m, 'none was missed');
}
$tined->ends_clean;
done_testing;
