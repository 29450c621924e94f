# Clients that mean harm, or are only slow: each meets its deadline, keeps no
# worker beyond it, and keeps nobody else waiting.
#
# (A disk that is full under a log is in 0510-broken-logs.t.)

use v5.36;

use Errno      qw(EAGAIN EINTR);
use File::Temp ();
use FindBin;
use IO::Select       ();
use IO::Socket::IP   ();
use IO::Socket::UNIX ();
use List::Util       qw(max);
use lib "$FindBin::Bin/lib";
use Lot    qw(is_held is_parked);
use Socket qw(SOCK_STREAM);
use Test::More;
use Time::HiRes qw(sleep time);
use Tined       qw(background need_tools slow slurp spew wait_for);
use Tined::Process qw(may_limit private_memory set_limit);

use constant {
	WORKERS  => 24,     # one for each bad client, and some for others
	# Less than defaults of 20 seconds and more, and no noise takes longer.
	SLACK    => 12 * slow(),
	LINGER   => 2,      # seconds that a refused client has to go
	DEFER    => 3,      # within them the kernel lets a silent one through
	BIG      => 32 << 20,
	MEMORY   => 4096,   # kB of private memory of a process
	FD_BUDGET_TIME => 0.1, # seconds, as in shared/fd_budget.h
	ADDRESS  => 10,     # 127.0.0.ADDRESS is the first client's
	FOREVER  => 30 * slow(), # a client that nobody stops gives up
	FLOOD    => 4 << 20, # bytes: it is refused long before
	GULP     => 16 << 10, # bytes of a flood that go out at once
};

my $big = 'x' x BIG;
my %files = ('a.txt' => "a\n", 'big' => $big);
my $GET = "GET /a.txt HTTP/1.1\r\nHost: a\r\n";
my $POST = "POST /reflect HTTP/1.1\r\nHost: a\r\n";
my $CHUNKED = $POST . "Transfer-Encoding: chunked\r\n\r\n";

# A sanitizer's own memory is not the program's.
my $sanitized = Tined->is_sanitized;

# What all of them do

# Each bad client has an address of its own, and workers tell in their titles
# whom they serve.
sub holder ($tined, $address) {
	for my $pid ($tined->{workers}->@*) {
		return $pid
		    if Tined::title($pid) =~ /[(]serving \Q$address\E[)]/;
	}
	return;
}

sub idle (@pids) {
	return scalar grep { Tined::title($_) =~ /[(]idle[)]/ } @pids;
}

# A server is ready when its first worker is.
sub start_server ($count, @args) {
	my $tined = Tined->start(files => \%files,
		args => ['-w', $count, @args]);

	see_workers($tined, $count);
	return $tined;
}

sub see_workers ($tined, $count) {
	wait_for(sub {
		$tined->{workers} = [$tined->worker_pids];
		$tined->{workers}->@* == $count;
	}) or die 'workers are missing';
	return $tined->{workers}->@*;
}

my $tined = start_server(WORKERS, '-k', '500ms',
	'--head-timeout', '1s', '--body-timeout', '1s',
	'--send-timeout', '1s', '--max-body', '1M',
	'-m', '/reflect=echo:body', '-m', '/page=echo:4096',
	'-m', '/dot=echo:1', '-m', '/stars=echo:' . BIG);
my @clients;
my @results;    # in the process of a client: what it has to say

sub says ($ok, $name) {
	push @results, ($ok ? 'ok ' : 'not ') . $name;
	return $ok;
}

# Since it began, in seconds.
sub took ($c, $least, $most, $name) {
	my $took = time - $c->{start};

	return says($took >= $least * 0.8 && $took <= $most + SLACK,
		sprintf '%s after %.1f s, of %.1f to %.1f', $name, $took,
		$least, $most);
}

# The code gets the client, connected; at the end its worker must be free,
# though the client has not closed.
sub client ($name, %option) {
	my $address = '127.0.0.' . (ADDRESS + @clients);
	my $wait = background(sub {
		my $c = {
			address => $address,
			sock => $tined->connect(from => $address,
				rcvbuf => $option{rcvbuf}),
			start => time,
		};
		eval { $option{does}->($c); 1 } or says(0, $@ =~ s/\n.*//sr);
		says(!holder($tined, $address) || wait_for(
			sub { !holder($tined, $address) }, LINGER + SLACK),
			'its worker is free');
		return @results;
	});

	push @clients, [$name, $wait];
	return;
}

sub has_come ($c) { return IO::Select->new($c->{sock})->can_read(0) }

# So many bytes a second, until the server has something to say.
sub trickle ($c, $bytes, $rate) {
	my $done = 0;

	while ($done < length $bytes && time - $c->{start} < FOREVER) {
		my $due = 1 + int $rate * (time - $c->{start});
		my $piece = substr $bytes, $done, max(0, $due - $done);
		$tined->send($c->{sock}, $piece) or last;
		$done += length $piece;
		last if IO::Select->new($c->{sock})->can_read(0.5 / $rate);
	}
	return $done;
}

# One piece after the other, whatever the server answers: it reads them all, or
# the answer could be lost.  Many at once: it closes on a client that takes too
# long, as one would on a busy machine.
sub flood ($c, $piece) {
	my $done = 0;

	$piece x= 1 + int GULP / length $piece;

	while ($done < FLOOD) {
		$tined->send($c->{sock}, $piece) or last;
		$done += length $piece;
	}
	return says($done >= FLOOD, 'it may send what it has to send');
}

sub refused ($c, $status) {
	my $response = $tined->read_response($c->{sock});

	says($response && $response->status == $status
		&& ($response->field('connection') // q{}) eq 'close',
		"is answered $status, and close")
	    or says(0, $response ? $response->{head} =~ s/\r\n.*//sr
		: 'no answer');
	return;
}

# What comes of a response ends before it is whole.
sub cut ($c) {
	my $whole = eval { $tined->read_response($c->{sock}) };

	return says(!$whole && index($@, q{closed}) >= 0,
		'what it has is not taken for the whole');
}

# A head and a body that do not come

client 'a head at a byte at a time' => does => sub ($c) {
	trickle($c, $GET . 'X: ' . 'y' x 1000, 10);
	took($c, 1, 1, 'an answer');
	refused($c, 408);
};

client 'a body at a byte at a time' => does => sub ($c) {
	$tined->send($c->{sock}, "${POST}Content-Length: 1000\r\n\r\n");
	trickle($c, 'y' x 1000, 10);
	took($c, 1, 1, 'an answer');
	refused($c, 408);
};

client 'chunks a little too slow' => does => sub ($c) {
	$tined->send($c->{sock}, $CHUNKED);
	trickle($c, "1\r\ny\r\n" x 10_000, 400);
	took($c, 1, 1, 'an answer');
	refused($c, 408);
};

# A client whose machine stands still for once is too slow: then again.
client 'a body that is slow, but lawful' => does => sub ($c) {
	my $body = join q{}, map { chr 32 + $_ % 90 } 1 .. 4500;
	my $response;

	for (1 .. 3) {
		$tined->send($c->{sock}, $POST . "Connection: close\r\n"
			. "Content-Length: 4500\r\n\r\n");
		trickle($c, $body, 1500);
		$response = $tined->read_response($c->{sock});
		last if $response->status == 200;
		$c->{sock} = $tined->connect(from => $c->{address});
		$c->{start} = time;
	}
	took($c, 3, 3, 'an answer');
	says($response->status == 200 && $response->body eq $body,
		'it is served whole');
};

client 'a request that never gets past its empty lines' => does => sub ($c) {
	trickle($c, "\r\n" x 1000, 20);
	took($c, 0.8, 1, 'an answer');
	refused($c, 400);
};

client 'empty lines without end' => does => sub ($c) {
	flood($c, "\r\n" x 1000);
	refused($c, 400);
};

# Too much of it

client 'a million fields' => does => sub ($c) {
	my $field = 0;

	$tined->send($c->{sock}, $GET);
	while ($field < 1_000_000) {
		my $piece = join q{}, map { "X-$_: y\r\n" }
		    $field + 1 .. $field + 1000;
		$tined->send($c->{sock}, $piece) or last;
		$field += 1000;
	}
	refused($c, 431);
};

client 'a field without end' => does => sub ($c) {
	$tined->send($c->{sock}, $GET . 'X: ');
	flood($c, 'y' x 10_000);
	refused($c, 431);
};

client 'trailers by the thousand' => does => sub ($c) {
	$tined->send($c->{sock}, "${CHUNKED}0\r\n");
	flood($c, "X: y\r\n" x 1000);
	refused($c, 400);
};

client 'chunks of a byte with long extensions' => does => sub ($c) {
	$tined->send($c->{sock}, $CHUNKED);
	flood($c, '1;name=' . 'v' x 200 . "\r\ny\r\n");
	refused($c, 400);
};

client 'a chunked body without end' => does => sub ($c) {
	my $sock = $c->{sock};
	my $chunk = sprintf("%x\r\n", 10_000) . 'y' x 10_000 . "\r\n";
	my ($sent, $got) = (0, 0);

	$tined->send($sock, $CHUNKED);
	for (; $sent < FLOOD; $sent += length $chunk) {
		eval { $tined->send($sock, $chunk, timeout => 0) } // 1
		    or last;
		sysread $sock, my $bytes, 1 << 18;
		$got += length($bytes // q{});
	}
	says($got < 2 << 20, "it gets no more than is allowed, but $got");
};

# Who does not read

for my $path ('/big', '/stars') {
	client "a client that reads nothing of $path" => rcvbuf => 4096,
	    does => sub ($c) {
		$tined->send($c->{sock}, "GET $path HTTP/1.1\r\n"
			. "Host: a\r\n\r\n");
		says(wait_for(sub { is_held($tined, $c->{sock}) }),
			'it is served');
		wait_for(sub { !is_held($tined, $c->{sock}) }, FOREVER);
		# What the kernel's own buffers take in begins a new second.
		took($c, 1, 2, 'it is given up');
		cut($c);
	};

	client "a client that reads $path byte by byte" => rcvbuf => 2048,
	    does => sub ($c) {
		my $sock = $c->{sock};
		$tined->send($sock, "GET $path HTTP/1.1\r\n"
			. "Host: a\r\n\r\n");
		says(wait_for(sub { is_held($tined, $c->{sock}) }),
			'it is served');
		my $buffer = \${*$sock}{tined_buffer};
		my $next = time;
		wait_for(sub {
			sysread $sock, $$buffer, 1, length $$buffer
			    if time > $next;
			$next = time + 0.1 if time > $next;
			!is_held($tined, $c->{sock});
		}, FOREVER);
		took($c, 1, 2, 'it is given up');
		cut($c);
	};
}

client '10,000 requests at once, and no answer read' => rcvbuf => 1 << 16,
    does => sub ($c) {
	my $all = "GET /page HTTP/1.1\r\nHost: a\r\n\r\n" x 10_000;
	my $sock = $c->{sock};
	my $held;

	local $SIG{PIPE} = 'IGNORE';
	wait_for(sub {
		my $n = syswrite $sock, $all;
		substr $all, 0, $n, q{} if $n;
		return 1 if !defined $n && $! != EAGAIN && $! != EINTR;
		my $is = is_held($tined, $sock);
		$held ||= $is;
		return $held && !$is;
	}, FOREVER);
	took($c, 1, 2, 'it is given up');
	my $whole = 0;
	while (eval { $tined->read_response($sock) }) {
		$whole++;
	}
	says($whole > 0 && $whole < 10_000,
		"what fitted into buffers is whole: $whole");
};

client '10,000 requests at once, and then all answers read' => does => sub ($c)
{
	my $one = "GET /dot HTTP/1.1\r\nHost: a\r\n\r\n";
	my @all = $tined->request($one x 9_999 . $one =~
		s/\r\n\z/Connection: close\r\n\r\n/r,
		sock => $c->{sock}, all => 1);

	says((grep { $_->status == 200 && $_->body eq q{*} } @all) == 10_000,
		'each has its answer, of ' . @all);
};

# Who says nothing

# The kernel keeps it for a while, and no worker; then it is idle.
client 'a connection that is opened and never used' => does => sub ($c) {
	my $held = wait_for(sub { holder($tined, $c->{address}) },
		0.5 / slow());

	# Unless this process has stood still for so long.
	says(!$held || time - $c->{start} > DEFER / 2,
		'no worker has it at first');
	says($tined->is_closed($c->{sock}), 'it is closed in silence');
	took($c, 1, DEFER + 0.5, 'it is closed');
};

client 'a connection that is used once, and kept' => does => sub ($c) {
	$tined->get('/a.txt', sock => $c->{sock}, keep => 1);
	says($tined->is_closed($c->{sock}), 'it is closed in silence');
	took($c, 0.5, 0.5, 'it is closed');
};

# Meanwhile all others are served.
cmp_ok(scalar @clients, '<=', WORKERS - 2, 'workers are left for others');
my $over = $tined->dir . '/over';
my $others = background(sub {
	my ($good, $slowest) = (0, 0);
	until (-e $over) {
		my $start = time;
		my $response = $tined->get('/a.txt');
		$response->body eq "a\n" or die 'a wrong answer';
		$slowest = max($slowest, time - $start);
		$good++;
		sleep 0.01;    # to leave the machine to the bad ones
	}
	return $good, $slowest;
});

for my $client (@clients) {
	my ($name, $wait) = @$client;
	subtest $name => sub {
		for my $line ($wait->()) {
			my ($ok, $what) = $line =~ /\A(ok|not) (.*)\z/
			    or fail($line), next;
			ok($ok eq 'ok', $what);
		}
	};
}

subtest 'others' => sub {
	spew($over, q{});
	my ($good, $slowest) = $others->();
	like($good, qr/\A\d+\z/, 'are served') or return;
	cmp_ok($good, '>', 10, "$good requests are answered meanwhile");
	cmp_ok($slowest, '<', SLACK, sprintf 'the slowest in %.0f ms',
		1000 * $slowest);
};

ok(wait_for(sub { idle($tined->worker_pids) == WORKERS }),
	'all workers are idle again');
is_deeply([$tined->worker_pids], $tined->{workers}, 'and none has died');
SKIP: {
	skip 'a sanitizer has its own memory', 1 if $sanitized;
	my $most = max(map { private_memory($_) } $tined->child_pids);
	cmp_ok($most, '<', MEMORY, "none has more than $most kB of its own");
}
$tined->ends_clean;

# By the hundred, and by the thousand

subtest 'a thousand silent connections' => sub {
	# As tined listens by itself; a backlog that fits them all.
	my $listener = IO::Socket::IP->new(LocalHost => '127.0.0.1',
		LocalPort => 0, Type => SOCK_STREAM, Listen => 4096)
	    // die "cannot listen: $@";
	my $port = $listener->sockport;
	my $crowded = Tined->start(listen => 'none', port => $port,
		sockets => [$listener], files => \%files, args => ['-w', 2]);
	my @workers = see_workers($crowded, 2);
	my @silent = map { $crowded->connect } 1 .. 1000;
	my $slowest = 0;

	undef $listener;
	for (1 .. 50) {
		my $start = time;
		is($crowded->get('/a.txt')->body, "a\n", 'service goes on')
		    or last;
		$slowest = max($slowest, time - $start);
	}
	cmp_ok($slowest, '<', SLACK, sprintf 'the slowest in %.0f ms',
		1000 * $slowest);
	ok(wait_for(sub { idle(@workers) == 2 }), 'and no worker has one of them');
	# One of them has something to say after all.
	is($crowded->get('/a.txt', sock => $silent[500])->body, "a\n",
		'each of them can still be used');
	undef @silent;
	$crowded->ends_clean;
};

# Nothing keeps them from the workers there: each costs one the time that an
# idle connection has.
subtest 'a hundred silent connections over a Unix socket' => sub {
	my $dir = File::Temp->newdir;
	my $path = "$dir/sock";
	my $crowded = Tined->start(listen => 'none', files => \%files,
		args => ['-w', 8, '-k', '100ms', '-l', "unix:$path"]);
	my @silent = map { $crowded->connect(unix => $path) } 1 .. 100;
	my $start = time;

	is($crowded->get('/a.txt', unix => $path)->body, "a\n",
		'a request is answered behind them');
	cmp_ok(time - $start, '<', 0.1 * 100 / 8 + SLACK,
		'when each has had its time');
	my $closed = grep { $crowded->is_closed($_) } @silent;
	is($closed, 100, 'they are closed in silence');
	$crowded->ends_clean;
};

# What runs out, and who dies

# The client is connected, and asks while there is no room for it.
sub waits_for_room ($poor, $worker, $sock) {
	set_limit($worker, nofile => 3);	# none but what it has
	$poor->send($sock, "$GET\r\n");
	ok(wait_for(sub { $poor->error_log =~ /Too many open files/ }),
		'the log says so');
	ok($poor->is_open($sock, 0.5), 'nobody is turned away');
	my $said = () = $poor->error_log =~ /Too many open files/g;
	is($said, 1, 'the log says so once');

	set_limit($worker, nofile => undef);
	my $response = eval { $poor->read_response($sock) };
	is($response && $response->body, "a\n",
		'who waited is served when there are some again');
	like(scalar $poor->error_log, qr/notice: connections are accepted/,
		'which the log says too');
	is($poor->get('/a.txt')->body, "a\n", 'and so are others');
	is_deeply([$poor->worker_pids], [$worker], 'by the same worker');
	$poor->ends_clean(qr/cannot accept connections: Too many open files/);
	return;
}

subtest 'descriptors run out' => sub {
	need_tools('prlimit');
	my $poor = start_server(1, '--no-lot');
	my ($worker) = $poor->{workers}->@*;
	plan skip_all => 'no right to prlimit' unless may_limit($worker);

	waits_for_room($poor, $worker, $poor->connect);
};

# A connection that another process holds is not lost on its way to a worker.
subtest 'descriptors run out, and the lot hands a connection over' => sub {
	need_tools('prlimit');
	plan skip_all => 'no lot'
	    if ($ENV{TINED_ARGS} // q{}) =~ /--no-lot/;
	my $poor = start_server(1);
	my ($worker) = $poor->{workers}->@*;
	plan skip_all => 'no right to prlimit' unless may_limit($worker);
	my $sock = $poor->connect;

	$poor->get('/a.txt', sock => $sock, keep => 1);
	wait_for(sub { is_parked($poor, $sock) }) or return fail('it is parked');
	# A worker that has just counted its descriptors trusts that for so long.
	sleep 2 * FD_BUDGET_TIME;
	waits_for_room($poor, $worker, $sock);
};

subtest 'a worker is killed in mid-response' => sub {
	# A worker waits that long for one who reads slowly.
	my $struck = start_server(3, '-m', '/reflect=echo:body',
		'--linger', '1h');
	my $other = $struck->connect;
	$struck->get('/a.txt', sock => $other, keep => 1);
	my @kind = (
		['of a known length', "GET /big HTTP/1.1\r\nHost: a\r\n\r\n"],
		['in chunks', $CHUNKED . "40000\r\n" . 'y' x 0x40000 . "\r\n"],
	);

	for my $i (0 .. $#kind) {
		my ($name, $raw) = $kind[$i]->@*;
		my $address = '127.0.0.' . (ADDRESS + $i);
		my $sock = $struck->connect(from => $address);
		$struck->send($sock, $raw);
		$struck->fill($sock);
		see_workers($struck, 3);
		my $worker = wait_for(sub { holder($struck, $address) });
		ok($worker, "$name: a worker is at it") or next;
		kill 'KILL', $worker;
		ok(wait_for(sub {
			my @now = $struck->worker_pids;
			@now == 3 && !grep { $_ == $worker } @now;
		}), 'it is replaced');
		ok(!eval { $struck->read_response($sock) },
			'its client sees a cut response');
		like($@, qr/closed/, 'by its end');
		is($struck->get('/a.txt', sock => $other, keep => 1)->body,
			"a\n", 'another client has not noticed');
		like(scalar $struck->error_log, qr{worker\ \d\[$worker\]\ was
			\ killed\ by\ signal\ 9\ .*(?:/big|/reflect)}x,
			'the log says what it was doing');
	}
	$struck->ends_clean(qr/ error: worker .* was killed by signal 9/);
};

done_testing;
