# What the tests of the lot share: who holds a connection, a worker that is
# kept busy, and requests whose answers nobody can mistake for another's.

package Lot;

use v5.36;

use Carp        qw(croak);
use Errno       qw(ENOENT);
use Exporter    qw(import);
use Fcntl       qw(LOCK_EX LOCK_SH);
use POSIX       ();
use Socket      qw(AF_INET IPPROTO_TCP SOCK_DGRAM);
use Test::More  ();
use Time::HiRes qw(time);
use Tined       qw(slurp wait_for);

our @EXPORT_OK = qw(answered_at ask closed_or_usable cpu_ticks descriptors
	descriptors_at_rest few_may_be_on_their_way find_lot half_of held_at_rest
	held_by_lot is_all_read is_held is_on_its_way is_parked keep_busy keeper
	lend_and_stop lot_pid many_on_their_way median need_descriptors park
	percentile reflect release sleeps stop_process token);

# From linux/netlink.h and linux/sock_diag.h.
use constant {
	AF_NETLINK          => 16,
	NETLINK_SOCK_DIAG   => 4,
	NLM_F_REQUEST       => 1,
	NLMSG_ERROR         => 2,
	SOCK_DIAG_BY_FAMILY => 20,
};

# Ticks of proc(5) a second; and how long sleeps() looks.
use constant { TICKS => POSIX::sysconf(POSIX::_SC_CLK_TCK), SPIN => 0.2 };

# No content that a server might collect before a worker sees the request.
use constant BUSY_LENGTH => 200_000;

sub is_off () { return ($ENV{TINED_ARGS} // q{}) =~ /--no-lot/ }

# Whoever counts on the lot is not for the model without it.
sub import_or_skip () {
	Test::More::plan(skip_all => 'no lot') if is_off();
	return;
}

# Raising it takes another program; the shell's ulimit does it.
sub need_descriptors ($wanted) {
	my $has = qx{sh -c 'ulimit -n'} + 0;
	my $can = qx{sh -c 'ulimit -Hn'} =~ /(\d+)/ ? $1 : $wanted;

	return if $has >= $wanted;
	Test::More::plan(skip_all => "no $wanted descriptors")
	    if $can < $wanted || $ENV{TINED_RAISED};
	$ENV{TINED_RAISED} = 1;
	no warnings 'exec';
	exec '/bin/sh', '-c', "ulimit -n $wanted && exec \"\$@\"", 'sh', $^X,
	    (map { "-I$_" } @INC), $0, @ARGV;
	croak "exec: $!";
}

# Descriptors that are on their way between processes count for their user, in all
# tests together, against the limit of each process that sends one (unix(7),
# ETOOMANYREFS).  A subtest with so many of them, and one whose server has so low a
# limit that it would lose clients by others' descriptors, take turns: as long as
# they keep what these return.
sub many_on_their_way () { return _take_turn(LOCK_EX) }
sub few_may_be_on_their_way () { return _take_turn(LOCK_SH) }

sub _take_turn ($how) {
	open my $file, '<', __FILE__ or croak "${\__FILE__}: $!";
	flock $file, $how or croak "flock: $!";
	return $file;
}

sub find_lot ($tined) {
	return (grep { Tined::title($_) =~ /\Atined: lot\b/ }
		$tined->child_pids)[0];
}

# Of the present one, or of the next one if there is none.
sub lot_pid ($tined) {
	return wait_for(sub { find_lot($tined) }) || croak 'there is no lot';
}

# Sockets and all else that a process has open.
sub descriptors ($pid) {
	opendir my $dir, "/proc/$pid/fd" or return -1;
	return scalar grep { /\A\d/ } readdir $dir;
}

sub held_by_lot ($tined) { return descriptors(lot_pid($tined)) }

# Those of a process that has closed what it needs for its start, and the
# connections of clients that have gone: when it sleeps, and has as many as a while
# ago.
sub descriptors_at_rest ($pid) {
	my ($before, $times) = (-1, 0);

	wait_for(sub {
		my $now    = descriptors($pid);
		my $sleeps = slurp("/proc/$pid/stat") =~ /\) S /;

		$times = $sleeps && $now == $before ? $times + 1 : 0;
		$before = $now;
		return $times == 5;
	}) or croak "process $pid does not rest";
	return $before;
}

sub held_at_rest ($tined) { return descriptors_at_rest(lot_pid($tined)) }

# The other end of a connection.  The kernel is asked for it alone, as its table
# (proc(5), /proc/net/tcp) is long when others make many connections.
sub _inode ($sock) {
	my @ports = ($sock->peerport, $sock->sockport);
	my @addresses = ($sock->peeraddr, $sock->sockaddr);
	return if grep { !defined } @ports; # it is gone
	return _inode_by_table(@ports)
	    if grep { length != 4 } @addresses;

	# sock_diag(7): struct nlmsghdr, struct inet_diag_req_v2.
	socket my $diag, AF_NETLINK, SOCK_DGRAM, NETLINK_SOCK_DIAG
	    or return _inode_by_table(@ports);
	send $diag, pack('L S S L L C C C x L n n a16 a16 L L L',
		72, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 1, 0,
		AF_INET, IPPROTO_TCP, 0, 0xffffffff, @ports, @addresses,
		0, 0xffffffff, 0xffffffff), 0
	    or return _inode_by_table(@ports);
	recv $diag, my $answer, 4096, 0;
	my ($type, $error) = unpack 'x4 S x10 l', $answer;
	return if $type == NLMSG_ERROR && $error == -ENOENT;
	return _inode_by_table(@ports) if $type != SOCK_DIAG_BY_FAMILY;
	return unpack('x84 L', $answer) || undef; # 0: not accepted yet
}

sub _inode_by_table (@ports) {
	my ($local, $remote) = map { sprintf ':%04X', $_ } @ports;

	open my $table, '<', '/proc/net/tcp' or croak "/proc/net/tcp: $!";
	while (my $line = <$table>) {
		my @field = split q{ }, $line;
		return $field[9]
		    if $field[1] =~ /\Q$local\E\z/
		    && $field[2] =~ /\Q$remote\E\z/ && $field[9];
	}
	return;
}

# Which processes of the server have it; undef before it is accepted.
sub _holders ($tined, $sock) {
	my $inode = _inode($sock) // return;
	my @pids = grep {
		my $pid = $_;
		grep { (readlink($_) // q{}) eq "socket:[$inode]" }
		    glob "/proc/$pid/fd/*";
	} $tined->child_pids;

	return "@pids";
}

# By whichever of its processes, or on its way between them.
sub is_held ($tined, $sock) { return defined _holders($tined, $sock) }

sub is_parked ($tined, $sock) {
	return (_holders($tined, $sock) // q{}) eq
	    (find_lot($tined) // 'nobody');
}

# The worker that has it, beside the lot; or undef.
sub keeper ($tined, $sock) {
	my $lot = find_lot($tined) // return;
	my @pids = split q{ }, _holders($tined, $sock) // return;

	return (grep { $_ != $lot } @pids)[0]
	    if @pids == 2 && grep { $_ == $lot } @pids;
	return;
}

# Between a worker and the lot: nobody has it; or the lot, which has read all that
# the client has sent, has its own descriptor of it.
sub is_on_its_way ($tined, $sock) {
	my $holders = _holders($tined, $sock) // 'nobody yet';

	return $holders eq q{} || ($holders eq (find_lot($tined) // 'nobody')
		&& is_all_read($sock));
}

# True if what they have sent has been read.  /proc/net/tcp: tx_queue of the clients
# and rx_queue of the server.
sub is_all_read (@socks) {
	my (%sent, %read);

	for (split /\n/, slurp('/proc/net/tcp')) {
		my (undef, $local, $remote, undef, $queues) = split q{ }, $_, 6;
		my $ports = join q{ }, map { s/.*://r } $local, $remote;

		$sent{$ports} = $queues =~ /\A0+:/;
		$read{$ports} = $queues =~ /:0+\z/;
	}
	return !grep {
		my ($client, $server) = map { sprintf '%04X', $_ }
		    $_->sockport, $_->peerport;
		!$sent{"$client $server"} || !$read{"$server $client"};
	} @socks;
}

# Sends bytes, and waits until the lot, and no worker, has the connection.
sub park ($tined, $sock, $bytes = q{}) {
	$tined->send($sock, $bytes);
	return wait_for(sub { is_parked($tined, $sock) })
	    || croak 'a connection is not parked';
}

my $tokens = 0;

sub token () { return sprintf 'token-%d-%d', $$, ++$tokens }

# A request that is answered with its own token, at /reflect=echo:body.
sub reflect ($token, @fields) {
	return join "\r\n", 'POST /reflect HTTP/1.1', 'Host: a', @fields,
	    'Content-Length: ' . length $token, q{}, $token;
}

sub half_of ($raw) { return unpack 'a20 a*', $raw }

sub ask ($tined, $sock, $token = token(), %option) {
	my $response = $tined->request(reflect($token), sock => $sock,
		%option) // return;
	return $response->status == 200 && $response->body eq $token;
}

# After all the deaths that a test has caused: it may be gone; else it works.
sub closed_or_usable ($tined, $sock) {
	my $token = token();
	my $response = eval { $tined->request(reflect($token), sock => $sock) };

	return $@ !~ /timed out/ if !$response;
	return $response->body eq $token;
}

# How many seconds until a new connection's request is answered.
sub answered_at ($tined) {
	my $token = token();
	my $start = time;
	my $sock  = $tined->connect;

	ask($tined, $sock, $token) or croak 'no answer, or not its own';
	my $took = time - $start;
	close $sock;
	return $took;
}

# A connection whose worker waits for the rest of its content: release sends it.
sub keep_busy ($tined, $sock = $tined->connect) {
	$tined->send($sock, "POST /reflect HTTP/1.1\r\nHost: a\r\n"
		. "Expect: 100-continue\r\nContent-Length: ${\BUSY_LENGTH}\r\n\r\n");
	until (${*$sock}{tined_buffer} =~ s/\AHTTP\/1.1 100 .*?\r\n\r\n//s) {
		$tined->fill($sock) or croak 'closed, no 100';
	}
	return $sock;
}

# The sockets have room for it in both directions.
sub release ($tined, $sock) {
	my $content = 'x' x BUSY_LENGTH;

	$tined->send($sock, $content);
	return $tined->read_response($sock)->body eq $content;
}

sub percentile ($part, @numbers) {
	my @sorted = sort { $a <=> $b } @numbers;

	return $sorted[int $part * $#sorted];
}

sub median (@numbers) { return percentile(0.5, @numbers) }

sub stop_process ($pid) {
	kill 'STOP', $pid;
	return wait_for(sub { Tined::process_state($pid) eq 'T' })
	    || croak "process $pid does not stop";
}

# Clients that were served, so that the lot lends their next request to the only
# worker, when both stand still: the connections.  The worker then fills its
# mailbox (loan.h) as fast as it can, and the lot does not read it.
sub lend_and_stop ($tined, $count, $request) {
	my ($lot, $worker) = (lot_pid($tined), $tined->worker_pids);
	my @socks = map { $tined->connect } 1 .. $count;

	for my $sock (@socks) {
		ask($tined, $sock) or croak 'no answer';
		park($tined, $sock);
	}
	stop_process($worker);
	$tined->send($_, $request) for @socks;
	wait_for(sub {
		is_all_read(@socks) && Tined::process_state($lot) eq 'S'
	}) or croak 'the requests are not handed over';
	stop_process($lot);
	return @socks;
}

# Of all CPUs, so far: proc(5), utime and stime.
sub cpu_ticks ($pid) {
	my ($rest) = slurp("/proc/$pid/stat") =~ /\) (.*)/s or return 0;
	my @field = split q{ }, $rest;

	return $field[11] + $field[12];
}

# Whether it has nothing to do.  This process works meanwhile, so that one that
# spins gets as much time as this one does, however busy the machine is.
sub sleeps ($pid) {
	my $before = cpu_ticks($pid);
	my $until  = (times)[0] + SPIN;

	1 while (times)[0] < $until;
	return cpu_ticks($pid) - $before < SPIN * TICKS / 4;
}

1;
