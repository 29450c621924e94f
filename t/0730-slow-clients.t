# Clients that take their time, with a response or with a body: they wait in
# the lot, keep no worker, and get and give every byte.

use v5.36;

use File::Temp ();
use FindBin;
use IO::Socket::IP ();
use IO::Socket::UNIX ();
use JSON::PP ();
use lib "$FindBin::Bin/lib";
use List::Util qw(max sum0);
use Lot qw(answered_at ask descriptors find_lot held_by_lot keep_busy lot_pid
	reflect release token);
use Socket qw(SOCK_STREAM SOL_SOCKET SOMAXCONN SO_RCVBUF);
use Test::More;
use Time::HiRes qw(sleep time);
use Tined qw(free_port wait_for);

Lot::import_or_skip();

use constant {
	STARS => 3_000_000,
	# A client's room for what it does not read.
	RCVBUF => 4096,
	# An answer "at once", on two busy cores; the deadlines are longer.
	SOON => 2,
};

my $slow = $ENV{TINED_SLOW} // 1;

# 8 bytes of each are their own offset: none can be missing or twice.
my $big = join q{}, map { pack 'Q>', 8 * $_ } 0 .. (4 << 20) / 8 - 1;
my $stars = '*' x STARS;
my @mounts = ('-m', '/reflect=echo:body', '-m', "/stars=echo:${\STARS}",
	'-m', '/status=status:');
my $LOT_DIED = qr/ error: the lot\[\d+\] was killed by signal 9 /;

sub start (@args) {
	my %option = ref $args[0] ? (shift @args)->%* : ();

	return Tined->start(args => ['-w', 2, @mounts, @args],
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
	    || die waiting($tined, $what) . " wait for $what, not $count\n";
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
	return cmp_ok(max(@times), '<', SOON, $name);
}

sub is_whole ($response, $body, $name) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($response && $response->body eq $body, "$name: every byte")
	    || diag $response ? length($response->body) . ' bytes' : 'nothing';
}

sub settles ($pid, $base) {
	return wait_for(sub { descriptors($pid) <= $base }, 5)
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

# The parts of a multipart/byteranges body, each as bytes.
sub parts ($response) {
	my ($boundary) = $response->field('content-type') =~ /boundary=(\S+)/;
	my @parts = split /\r\n--\Q$boundary\E(?:--)?\r\n/,
	    "\r\n" . $response->body;

	shift @parts;
	return map { s/\A.*?\r\n\r\n//sr } @parts;
}

my @ranges = ([0, 1_499_999], [1_600_000, 1_600_009], [1_700_000, 4_100_000]);

# What each sends, and what it must get; all are far larger than what sockets
# hold for a client that does not read.
my %reader = (
	'a file' => [ get('/big'), sub ($tined, $sock, $name) {
		is_whole($tined->read_response($sock), $big, $name);
		return 1;
	} ],
	'bytes' => [ get('/stars'), sub ($tined, $sock, $name) {
		is_whole($tined->read_response($sock), $stars, $name);
		return 1;
	} ],
	'several ranges' => [
		get('/big', 'Range: bytes=' . join ',',
			map { "$_->[0]-$_->[1]" } @ranges),
		sub ($tined, $sock, $name) {
			my $response = $tined->read_response($sock);
			is($response->status, 206, "$name: 206");
			is_deeply([map { length } parts($response)],
				[map { 1 + $_->[1] - $_->[0] } @ranges],
				"$name: as long as they are");
			ok(join(q{}, parts($response)) eq join(q{}, map {
				substr $big, $_->[0], 1 + $_->[1] - $_->[0]
			} @ranges), "$name: every byte");
			return 1;
		} ],
	'HTTP/1.0' => [ "GET /big HTTP/1.0\r\n\r\n",
		sub ($tined, $sock, $name) {
			my $response = $tined->read_response($sock);
			is_whole($response, $big, $name);
			ok($tined->is_closed($sock), "$name: and the end");
			ok(!$tined->was_reset($sock), "$name: no reset");
			return 0;
		} ],
	'pipelined behind a file' => [
		get('/big') . reflect('one') . get('/small') . reflect('two'),
		sub ($tined, $sock, $name) {
			is_whole($tined->read_response($sock), $big, $name);
			is($tined->read_response($sock)->body, $_,
				"$name: the answer behind it")
			    for qw(one small two);
			return 1;
		} ],
	'pipelined behind bytes' => [
		get('/stars') . get('/stars') . reflect('one')
		    . "HEAD /stars HTTP/1.1\r\nHost: a\r\n\r\n" . get('/small'),
		sub ($tined, $sock, $name) {
			is_whole($tined->read_response($sock), $stars, $name)
			    for 1, 2;
			is($tined->read_response($sock)->body, 'one',
				"$name: the answer behind it");
			my $head = $tined->read_response($sock,
				method => 'HEAD');
			is($head->field('content-length'), STARS,
				"$name: HEAD, its head only");
			is($tined->read_response($sock)->body, 'small',
				"$name: and the last");
			return 1;
		} ],
	'what closes, with more behind it' => [
		get('/big', 'Connection: close') . get('/small'),
		sub ($tined, $sock, $name) {
			is_whole($tined->read_response($sock), $big, $name);
			ok($tined->is_closed($sock), "$name: nothing more");
			ok(!$tined->was_reset($sock), "$name: no reset");
			return 0;
		} ],
);

sub storm ($tined) {
	my %base = resting($tined);
	my @readers;

	for my $name (sort keys %reader) {
		push @readers, [$name, unread($tined, $reader{$name}[0])];
	}
	wait_until($tined, 'send', scalar @readers);
	my $head = $tined->get('/big', method => 'HEAD');
	is($head->field('content-length'), length $big, 'HEAD is at once');
	answers_others($tined);
	is_deeply([grep { Tined::title($_) =~ /serving/ }
		$tined->worker_pids], [], 'they keep no worker');
	for my $one (@readers) {
		my ($name, $sock) = @$one;
		hurry($sock);
		$reader{$name}[1]->($tined, $sock, $name) or next;
		ok(ask($tined, $sock), "$name: and the next request");
	}
	close $_->[1] for @readers;
	leaks_nothing($tined, %base);
	return;
}

subtest 'slow readers' => sub {
	my $tined = start();
	storm($tined);
	$tined->ends_clean;
};

subtest 'slow readers, of workers without privileges' => sub {
	plan skip_all => 'not root' if $> != 0;
	plan skip_all => 'the user is chosen already'
	    if ($ENV{TINED_ARGS} // q{}) =~ /--user/;
	my $tined = start('--user', 'nobody');
	storm($tined);
	$tined->ends_clean;
};

subtest 'a Unix socket' => sub {
	my $dir = File::Temp->newdir;
	my $path = "$dir/socket";
	my $tined = start({ sockets => [IO::Socket::UNIX->new(
		Local => $path, Type => SOCK_STREAM, Listen => 10)] });
	my @socks = map { $tined->connect(unix => $path) } 1 .. 4;

	$tined->send($_, get('/big') . reflect('behind')) for @socks;
	wait_until($tined, 'send', 4);
	answers_others($tined);
	for my $sock (@socks) {
		is_whole($tined->read_response($sock), $big, 'a file');
		is($tined->read_response($sock)->body, 'behind', 'and on');
	}
	$tined->ends_clean;
};

# Steady, and slow: whoever moves 500 bytes a second may go on.  The kernel's
# buffers make steps of it, which must not count as a stall.
subtest 'who reads a little, and who does not' => sub {
	my $tined = start('--send-timeout', '1s', '-v');
	my %base = resting($tined);
	my $never = unread($tined);
	my @steady = map { unread($tined, $_ . reflect('behind')) }
	    get('/big'), get('/stars');
	my $start = time;
	my %got = map { $_ => q{} } @steady;

	wait_until($tined, 'send', 3);
	while (time < $start + 2.6) {
		for my $sock (@steady) {
			my $n = sysread $sock, $got{$sock}, 30_000,
			    length $got{$sock};
			defined $n && $n == 0 and die "it was cut off\n";
		}
		sleep 0.05;
	}
	for my $i (0, 1) {
		my $sock = $steady[$i];
		hurry($sock);
		${*$sock}{tined_buffer} = $got{$sock};
		is_whole($tined->read_response($sock),
			($big, $stars)[$i], 'the steady one');
		is($tined->read_response($sock)->body, 'behind', 'and on');
	}
	ok(wait_for(sub { waiting($tined, 'send') == 0 }),
		'who never reads is given up');
	my $response = eval { $tined->read_response($never) };
	ok(!$response, 'and cannot take its response for whole');
	is(grep({ /did not take \d+ bytes of a response: / }
		$tined->error_log), 1, 'it is said with -v, once');
	close $_ for @steady, $never;
	leaks_nothing($tined, %base);
	$tined->ends_clean;
};

# A worker waits for a slow client as long as a linger, if nobody else waits.
subtest 'many at once' => sub {
	my $tined = start('--linger', '300ms');
	my @bursts = ([get('/big')], [get('/stars')]);

	for my $burst (@bursts) {
		my @readers = map { unread($tined, @$burst) } 1 .. 20;
		my $took = answered_at($tined);
		cmp_ok($took, '<', 1.5, 'nobody waits for all of them');
		wait_until($tined, 'send', 20);
		close $_ for @readers;
		wait_until($tined, 'send', 0);
	}
	$tined->ends_clean;
};

subtest 'who leaves' => sub {
	my $tined = start();
	my %base = resting($tined);

	for (1 .. 3) {
		my @socks = map { unread($tined, $_) }
		    get('/big'), get('/stars'), get('/big') . get('/small');
		wait_until($tined, 'send', 3);
		close $_ for @socks;
		wait_until($tined, 'send', 0);
	}
	leaks_nothing($tined, %base);
	$tined->ends_clean;
};

# Of the anonymous files of the lot, in bytes.
sub deferred ($pid) {
	return sum0 map { (stat)[7] // 0 }
	    grep { (readlink // q{}) =~ /memfd/ } glob "/proc/$pid/fd/*";
}

# More than may be kept, and no more is: a worker goes on with the others.
subtest 'the memory of many' => sub {
	my $size = 6_000_000;
	my $tined = start('-m', "/more=echo:$size", '-w', 8);
	my %base = resting($tined);
	my $lot = lot_pid($tined);
	my $most = 0;
	my @socks = map {
		my $sock = $tined->connect;
		$tined->send($sock, get('/more'));
		$sock;
	} 1 .. 24;

	wait_for(sub {
		$most = max($most, deferred($lot));
		$most > 60 << 20;
	}, 3);
	# While what is kept is told, each worker may be adding to it.
	cmp_ok($most, '<=', (64 + 8 * 4) << 20, sprintf
		'at most %.1f MiB are kept for 24 readers', $most / (1 << 20));
	cmp_ok($most, '>', 40 << 20, 'and so many can be');
	# What is in a file takes no memory.
	my $kept = waiting($tined, 'send');
	my $file = unread($tined);
	wait_until($tined, 'send', $kept + 1);
	close $file;
	my $cut = grep {
		my $response = eval { $tined->read_response($_) };
		!$response || $response->body ne '*' x $size;
	} @socks;
	is($cut, 0, 'each has every byte');
	ok(wait_for(sub { deferred($lot) == 0 }), 'nothing is kept then');
	close $_ for @socks;
	answers_others($tined);
	leaks_nothing($tined, %base);
	$tined->ends_clean;
};

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

subtest 'slow bodies' => sub {
	my $tined = start();
	my %base = resting($tined);
	my @senders;

	for (1 .. 40) {
		my $sock = $tined->connect;
		my ($content, @pieces) = in_pieces(token(), 5000, 6);
		push @senders, [$sock, $content, @pieces];
	}
	while ($senders[0]->@* > 2) {
		$tined->send($_->[0], splice @$_, 2, 1) for @senders;
		last if $senders[0]->@* == 2;
		wait_until($tined, 'body', 40);
		ok(wait_for(sub { busy_workers($tined) == 0 }),
			'no worker waits with them');
		answers_others($tined) if $senders[0]->@* == 4;
	}
	my @wrong = grep {
		my $response = $tined->read_response($_->[0]);
		!$response || $response->body ne $_->[1];
	} @senders;
	is(@wrong, 0, 'each has its own content back');
	@wrong = grep { !ask($tined, $_->[0]) } @senders;
	is(@wrong, 0, 'and goes on');
	close $_->[0] for @senders;
	leaks_nothing($tined, %base);
	$tined->ends_clean;
};

subtest 'bodies that do not come' => sub {
	my $tined = start('--body-timeout', '500ms');
	my @late = map { $tined->connect } 1 .. 3;
	my @ended = map { $tined->connect } 1 .. 3;
	my (undef, $head, $piece) = in_pieces(token(), 5000, 2);

	$tined->send($_, $head . $piece) for @late, @ended;
	shutdown $_, 1 for @ended;
	for my $sock (@ended) {
		is($tined->read_response($sock)->status, 400, 'ended: 400');
		ok($tined->is_closed($sock), 'and closed');
	}
	for my $sock (@late) {
		my $response = $tined->read_response($sock);
		is($response->status, 408, 'late: 408');
		is($response->field('connection'), 'close', 'it says close');
		ok($tined->is_closed($sock), 'and closed');
	}
	answers_others($tined);
	close $_ for @late, @ended;
	$tined->ends_clean;
};

# What the lot does not collect is a worker's to wait for.
subtest 'bodies that are not collected' => sub {
	my $tined = start('--body-buffer', '4k');
	my $token = token();
	my ($more, $head, @pieces) = in_pieces($token, 4097, 3);
	my $sock = $tined->connect;

	$tined->send($sock, $head . shift @pieces);
	ok(wait_for(sub { busy_workers($tined) == 1 }), 'too large');
	is(waiting($tined, 'body'), 0, 'it does not wait in the lot');
	is($tined->request(join(q{}, @pieces), sock => $sock)->body, $more,
		'and is answered');

	my $chunked = $tined->connect;
	$tined->send($chunked, "POST /reflect HTTP/1.1\r\nHost: a\r\n"
		. "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
	ok(wait_for(sub { busy_workers($tined) == 1 }), 'chunked');
	is(waiting($tined, 'body'), 0, 'it does not wait in the lot');
	is($tined->request("2\r\nde\r\n0\r\n\r\n", sock => $chunked)->body,
		'abcde', 'and is answered');

	my $small = $tined->connect;
	my ($all, @small) = in_pieces(token(), 4096, 2);
	$tined->send($small, shift @small) while @small > 1;
	wait_until($tined, 'body', 1);
	is($tined->request(@small, sock => $small)->body, $all, 'no larger: it does');
	$tined->ends_clean;

	$tined = start('--body-buffer', '0');
	my $none = $tined->connect;
	my ($few, $first, @last) = in_pieces(token(), 40, 2);
	$tined->send($none, $first . shift @last);
	ok(wait_for(sub { busy_workers($tined) == 1 }), '--body-buffer 0');
	is(waiting($tined, 'body'), 0, 'nothing waits in the lot');
	is($tined->request(@last, sock => $none)->body, $few,
		'and it is answered');
	$tined->ends_clean;
};

subtest 'what nobody waits for' => sub {
	my $tined = start('-m', '/none=echo:3');
	my $bare = Tined->start(args => ['-w', 2, @mounts]);
	my (undef, $head, $piece) = in_pieces(token(), 5000, 2);
	my $sock = $bare->connect;

	is($bare->request($head =~ s{/reflect}{/}r . $piece,
		sock => $sock)->status, 404, '404 at once');
	close $sock;
	$bare->ends_clean;
	for my $case ([405, '/none'], [405, '/small']) {
		my ($status, $path) = @$case;
		my $sock = $tined->connect;
		my $start = time;
		my $response = $tined->request(
			$head =~ s{/reflect}{$path}r . $piece, sock => $sock);
		is($response->status, $status, "$status at once");
		cmp_ok(time - $start, '<', SOON, 'without the content');
		ok(wait_for(sub { busy_workers($tined) == 0 }),
			'and no worker waits for it');
		is($response->field('connection'), 'close', 'it says close');
		close $sock;
	}
	for my $case ([200, get('/small')], [405, $head =~ s/5000/6/r]) {
		my ($status, $raw) = @$case;
		$sock = $tined->connect;
		$raw =~ s/\r\n\r\n/\r\nContent-Length: 6\r\n\r\n/
		    if $status == 200;
		$raw =~ s{/reflect}{/small};
		$tined->send($sock, "${raw}abc");
		$tined->send($sock, 'def');
		is($tined->read_response($sock)->status, $status,
			"$status, and the content is dropped");
		ok(ask($tined, $sock), 'if it comes soon, the client goes on');
	}

	# Answers that are ready go before a wait for content.
	my ($content, @pieces) = in_pieces('last', 5000, 2);
	$sock = $tined->connect;
	$tined->send($sock, reflect('one') . get('/small') . shift(@pieces)
		. shift @pieces);
	is($tined->read_response($sock)->body, $_, 'an answer is not held back')
	    for qw(one small);
	wait_until($tined, 'body', 1);
	is($tined->request(@pieces, sock => $sock)->body, $content,
		'and the one with the content follows');

	# And a slow body behind a slow response.
	my $both = unread($tined, get('/big') . $head =~ s/5000/6/r . 'abc');
	wait_until($tined, 'send', 1);
	is_whole($tined->read_response($both), $big, 'slow both ways');
	is($tined->request('def', sock => $both)->body, 'abcdef', 'and on');
	$tined->ends_clean;
};

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
	}, 5);
}

subtest 'a graceful stop' => sub {
	my $tined = start_bound();
	my @readers = map { unread($tined, $_) }
	    get('/big'), get('/stars'), get('/big') . get('/small');
	my ($content, @pieces) = in_pieces(token(), 5000, 2);
	my $sender = $tined->connect;
	my $last = pop @pieces;

	$tined->send($sender, join q{}, @pieces);
	wait_until($tined, 'send', 3);
	wait_until($tined, 'body', 1);
	$tined->signal('TERM');
	is($tined->request($last, sock => $sender)->body, $content,
		'content that was awaited is answered');

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
		qr/ warning: the lot\[\d+\] is killed while .* sent by it \(1\)/);
};

subtest 'the master is killed' => sub {
	my $tined = start_bound();
	my @readers = map { unread($tined, $_) } get('/big'), get('/stars');

	wait_until($tined, 'send', 2);
	$tined->child_pids;
	$tined->signal('KILL');
	is($tined->wait_exit, 137, 'by signal 9');
	ok(binds($tined), 'the port is free');
	hurry(@readers);
	is_whole($tined->read_response($readers[$_]),
		($big, $stars)[$_], 'a response under way') for 0, 1;
	ok($tined->is_closed($_), 'and closed') for @readers;
	close $_ for @readers;
	$tined->leaves_nothing(5);
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
