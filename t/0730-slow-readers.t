# Clients that take their time to receive a response: they wait in the lot, keep
# no worker, and get every byte.

use v5.36;

use File::Temp ();
use FindBin;
use IO::Socket::UNIX ();
use lib "$FindBin::Bin/lib";
use List::Util qw(max sum0);
use Lot qw(answered_at ask lot_pid reflect);
use Slow qw($big $stars answers_others busy_workers get hurry is_whole
	leaks_nothing resting start unread wait_until waiting);
use Socket qw(SOCK_STREAM);
use Test::More;
use Time::HiRes qw(sleep time);
use Tined qw(PATIENCE SOONER slow wait_for);

Lot::import_or_skip();

# The parts of a multipart/byteranges body, each as bytes.
sub parts ($response) {
	my ($boundary) = $response->field('content-type') =~ /boundary=(\S+)/;
	my @parts = split /\r\n--\Q$boundary\E(?:--)?\r\n/,
	    "\r\n" . $response->body;

	shift @parts;
	return map { s/\A.*?\r\n\r\n//sr } @parts;
}

my @ranges = ([0, 1_499_999], [1_600_000, 1_600_009], [1_700_000, 4_100_000]);
my @many = map { [20_900 * $_, 20_900 * $_ + 20_000] } 0 .. 199;

# What asks for them, and what must come.
sub reader_of (@wanted) {
	return [
		get('/big', 'Range: bytes=' . join ',',
			map { "$_->[0]-$_->[1]" } @wanted),
		sub ($tined, $sock, $name) {
			my $response = $tined->read_response($sock);
			is($response->status, 206, "$name: 206");
			is_deeply([map { length } parts($response)],
				[map { 1 + $_->[1] - $_->[0] } @wanted],
				"$name: as long as they are");
			ok(join(q{}, parts($response)) eq join(q{}, map {
				substr $big, $_->[0], 1 + $_->[1] - $_->[0]
			} @wanted), "$name: every byte");
			return 1;
		} ];
}

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
	'several ranges' => reader_of(@ranges),
	'many ranges' => reader_of(@many),
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
			is($head->field('content-length'), length $stars,
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
	ok(wait_for(sub { busy_workers($tined) == 0 }), 'they keep no worker');
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
	# No pause of this process is to last so long.
	my $time = 2 * slow();
	my $tined = start('--send-timeout', "${time}s", '-v');
	my %base = resting($tined);
	my $never = unread($tined);
	my @steady = map { unread($tined, $_ . reflect('behind')) }
	    get('/big'), get('/stars');
	my $start = time;
	my %got = map { $_ => q{} } @steady;

	wait_until($tined, 'send', 3);
	while (time < $start + 2.6 * $time) {
		for my $sock (@steady) {
			my $n = sysread $sock, $got{$sock}, 30_000,
			    length $got{$sock};
			defined $n && $n == 0 and die "it was cut off\n";
		}
		sleep 0.05 * $time;
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
	is(grep({ /did not receive \d+ bytes of its response: / }
		$tined->error_log), 1, 'it is said with -v, once');
	close $_ for @steady, $never;
	leaks_nothing($tined, %base);
	$tined->ends_clean;
};

# A worker waits for a slow client as long as a linger, if nobody else waits.
subtest 'many at once' => sub {
	my $tined = start('--linger', '2s');
	my @bursts = ([get('/big')], [get('/stars')]);

	for my $burst (@bursts) {
		my @readers = map { unread($tined, @$burst) } 1 .. 20;
		my $took = answered_at($tined);
		cmp_ok($took, '<', SOONER, 'nobody waits for all of them');
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

# Of the anonymous files of all processes together, in bytes.
sub deferred ($tined) {
	my %size = map { my @s = stat; @s ? ($s[1] => $s[7]) : () }
	    grep { (readlink // q{}) =~ /memfd/ }
	    map { glob "/proc/$_/fd/*" } $tined->child_pids;

	return sum0 values %size;
}

use constant MORE => 6_000_000;

sub ask_much ($tined, $count) {
	return map {
		my $sock = $tined->connect;
		$tined->send($sock, get('/more'));
		$sock;
	} 1 .. $count;
}

# The most that is kept while it comes near the bound, or does not.
sub fill_up ($tined, $wanted, $seconds) {
	my $most = 0;

	wait_for(sub {
		$most = max($most, deferred($tined));
		$most > $wanted;
	}, $seconds);
	return $most;
}

# More than may be kept, and no more is: a worker goes on with the others.  Were
# there none left, the slowest would have to go.
subtest 'the memory of many' => sub {
	my $tined = start('-m', "/more=echo:${\MORE}", '-w', 60,
		'--response-memory', '64M');
	my %base = resting($tined);
	my @socks = ask_much($tined, 56);
	fill_up($tined, 40 << 20, PATIENCE);
	my $most = max(map { fill_up($tined, 70 << 20, 0.5) } 1 .. 4);

	cmp_ok($most, '<=', 64 << 20, sprintf
		'at most %.1f MiB are kept for 56 readers', $most / (1 << 20));
	cmp_ok($most, '>', 40 << 20, 'and so many can be');
	# What is in a file takes no memory.
	my $kept = waiting($tined, 'send');
	my $file = unread($tined);
	wait_until($tined, 'send', $kept + 1);
	close $file;
	my $cut = grep {
		my $response = eval { $tined->read_response($_) };
		!$response || $response->body ne '*' x MORE;
	} @socks;
	is($cut, 0, 'each has every byte');
	ok(wait_for(sub { deferred($tined) == 0 }), 'nothing is kept then');
	close $_ for @socks;
	answers_others($tined);
	leaks_nothing($tined, %base);
	$tined->ends_clean;
};

# What they had is given back; or soon nothing could be kept any more.
subtest 'the memory of those who are killed' => sub {
	my $tined = start('-m', "/more=echo:${\MORE}", '-w', 8);

	for my $round (1 .. 4) {
		my @socks = ask_much($tined, 24);
		cmp_ok(fill_up($tined, 40 << 20, PATIENCE), '>', 40 << 20,
			"much is kept, round $round");
		$tined->signal('KILL', $_) for $tined->worker_pids,
		    $round % 2 ? lot_pid($tined) : ();
		close $_ for @socks;
		ok(wait_for(sub { deferred($tined) == 0 }), 'and then nothing');
		ok(wait_for(sub { $tined->worker_pids == 8 }),
			'there are others');
	}
	answers_others($tined);
	$tined->ends_clean(qr/ was killed by signal 9 /);
};

# The kernel has all of the response, and the client only a part of it.
subtest 'a client that receives for longer than --keepalive is not idle' => sub {
	my $half  = substr $big, 0, 100_000;
	my $tined = Tined->start(args => ['-w', 2, '-k', '4s', '-m',
		'/status=status:'], files => { half => $half, small => 'small' });
	my $sock = unread($tined, get('/half'));

	wait_until($tined, 'send', 0);
	my $start = time;
	until (time - $start > 6) { # it must be longer than the limit
		my $buffer = \${*$sock}{tined_buffer};
		sysread $sock, $$buffer, 1000, length($$buffer // q{});
		sleep 0.2;
	}
	hurry($sock);
	$tined->send($sock, get('/small'));
	is_whole(scalar $tined->read_response($sock), $half,
		'the first response');
	is_whole(scalar $tined->read_response($sock), 'small',
		'the next one');
	$tined->ends_clean;
};

subtest 'a client that receives nothing is closed' => sub {
	my $tined = Tined->start(args => ['-w', 2, '-k', '1s', '-m',
		'/status=status:'], files => { half => substr $big, 0, 100_000 });
	my $sock = unread($tined, get('/half'));

	ok(wait_for(sub { !Lot::is_held($tined, $sock) }),
		'although it has not received its response');
	close $sock;
	$tined->ends_clean;
};

done_testing;
