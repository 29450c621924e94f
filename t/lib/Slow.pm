# Clients that take their time: what their tests share.

package Slow;

use v5.36;

use Carp        qw(croak);
use Exporter    qw(import);
use JSON::PP    ();
use List::Util  qw(max);
use Lot         qw(answered_at descriptors lot_pid);
use Socket      qw(SOL_SOCKET SO_RCVBUF);
use Test::More;
use Tined       qw(SOONER wait_for);

our @EXPORT_OK = qw($big $stars answers_others busy_workers get hurry in_pieces
	is_whole leaks_nothing numbered resting start unread wait_until waiting);

use constant {
	STARS => 3_000_000,
	# A client's room for what it does not read.
	RCVBUF => 4096,
	NUMBERED_AT_ONCE => 8192,
};

# 8 bytes of each are their own offset: none can be missing or twice.  A list of all
# of them at once would be memory that each child of a test has, too.
sub numbered ($size) {
	my $bytes = q{};

	for (my $at = 0; $at < $size; $at += NUMBERED_AT_ONCE) {
		$bytes .= pack 'Q>*',
		    map { $at + 8 * $_ } 0 .. NUMBERED_AT_ONCE / 8 - 1;
	}
	return substr $bytes, 0, $size;
}

our $big = numbered(4 << 20);
our $stars = '*' x STARS;

sub start (@args) {
	my %option = ref $args[0] ? (shift @args)->%* : ();

	return Tined->start(args => ['-w', 2, '-m', '/reflect=echo:body',
		'-m', "/stars=echo:${\STARS}", '-m', '/status=status:', @args],
		files => { big => $big, small => 'small' }, %option);
}

# How many connections in the lot wait for what.
sub waiting ($tined, $what) {
	my $json = $tined->get('/status/json')->body;
	my $lot = JSON::PP::decode_json($json)->{lot};

	return $lot ? $lot->{$what} : 0; # there may be none just now
}

sub wait_until ($tined, $what, $count) {
	return wait_for(sub { waiting($tined, $what) == $count })
	    || croak waiting($tined, $what) . " wait for $what, not $count";
}

sub get ($path, @fields) {
	return join("\r\n", "GET $path HTTP/1.1", 'Host: a', @fields)
	    . "\r\n\r\n";
}

# Asks, and reads nothing.
sub unread ($tined, $raw = get('/big')) {
	my $sock = $tined->connect(rcvbuf => RCVBUF);

	$tined->send($sock, $raw);
	return $sock;
}

# It has room from now on.
sub hurry (@socks) {
	setsockopt $_, SOL_SOCKET, SO_RCVBUF, pack 'i', 1 << 20 for @socks;
	return;
}

sub answers_others ($tined, $name = 'others are answered at once') {
	my @times = map { answered_at($tined) } 1 .. 5;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return cmp_ok(max(@times), '<', SOONER, $name);
}

sub is_whole ($response, $body, $name) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($response && $response->body eq $body, "$name: every byte")
	    || diag $response ? length($response->body) . ' bytes' : 'nothing';
}

sub settles ($pid, $base) {
	return wait_for(sub { descriptors($pid) <= $base })
	    || diag Tined::title($pid), ': ', descriptors($pid),
	    " descriptors, not $base";
}

sub resting ($tined) {
	answered_at($tined) for 1 .. 10;
	return map { $_ => descriptors($_) } $tined->worker_pids,
	    lot_pid($tined);
}

sub leaks_nothing ($tined, %base) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @leaky = grep { !settles($_, $base{$_} + 1) } sort keys %base;
	return is(@leaky, 0, 'no descriptor is left in any process');
}

# A request whose content comes in pieces.
sub in_pieces ($token, $size, $count, @fields) {
	my $content = $token . 'x' x ($size - length $token);
	my $head = join "\r\n", 'POST /reflect HTTP/1.1', 'Host: a', @fields,
	    "Content-Length: $size", q{}, q{};
	my $step = int $size / $count + 1;

	return ($content, $head, unpack "(a$step)*", $content);
}

sub busy_workers ($tined) {
	return scalar grep { Tined::title($_) =~ /serving/ }
	    $tined->worker_pids;
}

1;
