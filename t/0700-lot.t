# The lot: idle clients, slow heads and clients that wait for a free worker
# take no worker, and lose nothing by it.

use v5.36;

use File::Temp ();
use IO::Select ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Lot qw(answered_at ask find_lot half_of is_on_its_way is_parked keep_busy
	lot_pid median park percentile reflect release token);
use Test::More;
use Time::HiRes qw(sleep time);
use Tined qw(PATIENCE SOONER background is_as_quick slow spew wait_for);

Lot::import_or_skip();

my @reflect = ('-m', '/reflect=echo:body');

# A crowd that takes no worker costs a new client no more than this times what it
# waits for alone.  A worker that waits for one of them does so for a deadline.
use constant AMID => 20;
use constant BUSY_CLIENTS => 8;

# And not by default, which is much later.
sub took_about ($start, $expected, $name) {
	my $took = time - $start;

	cmp_ok($took, '>=', $expected * 0.8, "$name: not too soon");
	cmp_ok($took, '<', SOONER, "$name: not too late");
	return;
}

# The default times between requests, side by side with all that follows.
my %waiting;
for my $model ('--no-lot', '--workers=2') {
	my $tined = Tined->start(args => [$model, @reflect]);
	my $sock = $tined->connect;
	ask($tined, $sock) or die;
	my $start = time;
	$waiting{$model} = { tined => $tined, sock => $sock, start => $start,
		lasts => background(sub {
			return $tined->is_closed($sock, $model eq '--no-lot'
				? PATIENCE : 6) ? time - $start : 'longer';
		}) };
}

subtest '--no-lot' => sub {
	my $tined = $waiting{'--no-lot'}{tined};

	is(find_lot($tined), undef, 'there is no lot');
	ok(lot_pid($waiting{'--workers=2'}{tined}), 'there is one without it');
	my $sock = $tined->connect;
	my ($first, $rest) = half_of(reflect('abc'));
	$tined->send($sock, $first);
	$tined->send($sock, $rest);
	is($tined->read_response($sock)->body, 'abc', 'a head in two pieces');
};

# The kernel wakes one process for each.  The lot may be one of them, and hands
# over what it has accepted.
subtest 'as many at once as there are workers' => sub {
	my $head = "POST /reflect HTTP/1.1\r\nHost: a\r\n"
	    . "Content-Length: 200000\r\n\r\n";

	for (1 .. 30) {
		my $folder = File::Temp->newdir;
		my $tined = Tined->start(args => ['-w', 4, @reflect, '-l',
			"unix:$folder/socket"], listen => 'none');
		my @socks;
		for (1 .. 4) {
			push @socks, $tined->connect(unix => "$folder/socket");
			$tined->send($socks[-1], $head);
		}
		ok(wait_for(sub {
			4 == grep { Tined::title($_) =~ /serving/ }
			    $tined->worker_pids;
		}), 'each has one') or last;
		close $_ for @socks;
	}
};

subtest 'one worker, many that say nothing for a while' => sub {
	my $tined = Tined->start(args => ['-w', 1, @reflect]);
	my $alone = Tined->start(args => ['-w', 1, @reflect]);
	my @idle = map { $tined->connect } 1 .. 10;

	ok(ask($tined, $_), 'is served') for @idle;
	my @half = map { [$tined->connect, half_of(reflect(token()))] } 1 .. 10;
	park($tined, $_->@[0, 1]) for @half;
	is_as_quick(AMID, 'others are served',
		sub { median(map { answered_at($tined) } 1 .. 9) },
		sub { median(map { answered_at($alone) } 1 .. 9) });
	for my $one (@half) {
		my ($sock, undef, $rest) = @$one;
		my ($token) = $rest =~ /(token\S+)\z/;
		is($tined->request($rest, sock => $sock)->body, $token,
			'a head that was completed is answered');
	}
	ok(ask($tined, $_), 'an idle one is served again') for @idle;
	$_->ends_clean for $tined, $alone;
};

subtest '200 heads that come byte by byte' => sub {
	my ($tined, $other) = map { Tined->start(args => ['-w', 2, @reflect,
		'--head-timeout', '1h']) } 1, 2;
	my @slow = map { { sock => $tined->connect, token => token() } }
	    1 .. 200;
	my (@times, @alone);

	# The content comes with the last byte of the head.
	for my $one (@slow) {
		$one->{left} = reflect($one->{token}) =~ s/$one->{token}\z//r;
	}
	while (grep { length $_->{left} } @slow) {
		for my $one (grep { length $_->{left} } @slow) {
			my $byte = substr $one->{left}, 0, 1, q{};
			$byte .= $one->{token} if $one->{left} eq q{};
			$tined->send($one->{sock}, $byte);
		}
		push @times, answered_at($tined);
		push @alone, answered_at($other);
	}
	diag sprintf 'a request amid 200 slow heads: median %.1f ms, most %.1f',
	    1e3 * median(@times), 1e3 * percentile(1, @times);
	cmp_ok(median(@times), '<', AMID * median(@alone),
		'others are served at once');
	cmp_ok(percentile(1, @times), '<', SOONER, 'all of them');
	my @wrong = grep {
		($tined->read_response($_->{sock}) // die)->body ne $_->{token}
	} @slow;
	is(@wrong, 0, 'each slow one has its own answer');
	$_->ends_clean for $tined, $other;
};

subtest 'deadlines in the lot' => sub {
	my $time = slow();    # in which the next connection is parked
	my $tined = Tined->start(args => ['-w', 1, '-k', "${time}s",
		'--head-timeout', 1500 * $time . 'ms', @reflect]);
	my %sock = map { $_ => $tined->connect } qw(half late idle lines);
	my %since;

	ask($tined, $sock{late});
	$since{half} = time;
	park($tined, $sock{half}, "POST /ref");
	$since{late} = time;
	park($tined, $sock{late}, "\r\nPOST /reflect HTTP/1.1\r\nHo");
	$since{idle} = time;
	ok(ask($tined, $sock{idle}), 'an idle one');
	ok(ask($tined, $sock{lines}), 'another');
	park($tined, $sock{lines}, "\r\n\r\n");
	$since{lines} = time;

	ok($tined->is_closed($sock{idle}), 'is closed in silence');
	took_about($since{idle}, $time, 'idle');
	ok($tined->is_closed($sock{lines}), 'so are empty lines');
	for my $name (qw(half late)) {
		my $response = $tined->read_response($sock{$name});
		took_about($since{$name}, 1.5 * $time, $name);
		is($response->status, 408, 'a head has its deadline');
		is($response->field('connection'), 'close', 'says close');
		ok($tined->is_closed($sock{$name}), 'and is closed');
	}
	like(scalar $tined->access_log, qr/"POST \/ref" 408 /, 'it is logged');
	ok(!$tined->was_reset($sock{$_}), 'no reset') for sort keys %sock;
	$tined->ends_clean;
};

subtest 'a byte now and then does not move the deadline' => sub {
	my $tined = Tined->start(args => ['-w', 1, '--head-timeout', '500ms',
		@reflect]);
	my $sock = $tined->connect;
	my $start = time;
	my $response;

	for my $byte (split //, reflect('x', 'X: ' . 'x' x 200)) {
		$tined->send($sock, $byte);
		sleep 0.05;
		last if $response = eval {
			$tined->read_response($sock, timeout => 0) };
	}
	took_about($start, 0.5, 'the answer');
	is($response && $response->status, 408, 'is a 408');
	$tined->ends_clean;
};

subtest 'what is parked, and goes on' => sub {
	my $tined = Tined->start(args => ['-w', 1, @reflect]);
	my $new = sub ($bytes, %option) {
		my $sock = $tined->connect;
		ask($tined, $sock) if $option{used};
		park($tined, $sock, $bytes);
		return $sock;
	};
	for my $used (0, 1) {
		my $sock = $new->('POST /reflect HT', used => $used);
		shutdown $sock, 1;
		is($tined->read_response($sock)->status, 400,
			'half a head, and its end: 400');
		ok($tined->is_closed($sock), 'and closed');

		$sock = $new->("\r\n", used => $used);
		shutdown $sock, 1;
		ok($tined->is_closed($sock), 'an empty line, and its end');

		$sock = $new->("\r\n", used => $used);
		ok(ask($tined, $sock), 'an empty line, and a request');
		close $sock;
	}
	my $sock = $new->("GET /\0 HTTP/1.1\r\n");
	is($tined->request("\r\n", sock => $sock)->status, 400,
		'what is no head');

	$sock = $tined->connect;
	ask($tined, $sock);
	park($tined, $sock);
	shutdown $sock, 1;
	ok($tined->is_closed($sock), 'an idle client that goes');
	ok(!$tined->was_reset($sock), 'no reset');

	# The last of three is cut within its head; then within its content.
	my @token = map { token() } 1 .. 3;
	my $three = join q{}, map { reflect($_) } @token;
	for my $cut (length($three) - 40, length($three) - 5) {
		my ($first, $rest) = unpack "a$cut a*", $three;
		$sock = $new->('PO', used => 1);
		$tined->send($sock, substr $first, 2);
		is($tined->read_response($sock)->body, $token[$_],
			'pipelined ' . ($_ + 1)) for 0, 1;
		if ($cut < length($three) - 20) {
			ok(wait_for(sub { is_parked($tined, $sock) }),
				'the last one waits in the lot');
		}
		$tined->send($sock, $rest);
		is($tined->read_response($sock)->body, $token[2],
			'and the rest of it');
	}

	# Content that comes with the rest of the head, in part or not at all.
	my $token = 'y' x 40_000;
	my $raw = reflect($token);
	my $head = length($raw) - length $token;
	for my $cut ([$head - 3, $head + 1], [1, $head], [30, $head + 20_000],
		[$head - 1, length $raw]) {
		my ($a, $b) = @$cut;
		$sock = $new->(substr $raw, 0, $a);
		$tined->send($sock, substr $raw, $a, $b - $a);
		is($tined->request(substr($raw, $b), sock => $sock)->body,
			$token, "content, cut at @$cut");
		ok(ask($tined, $sock), 'its connection goes on');
	}
	$sock = $new->("POST /reflect HTTP/1.1\r\nHost: a\r\n");
	$tined->send($sock, "Transfer-Encoding: chunked\r\n\r\n3\r\nab");
	is($tined->request("c\r\n0\r\n\r\n", sock => $sock)->body, 'abc',
		'chunks');
	$sock = $new->("POST /reflect HTTP/1.1\r\nHost: a\r\n");
	$tined->send($sock,
		"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
	my $buffer = \${*$sock}{tined_buffer};
	$tined->fill($sock) until $$buffer =~ /\r\n\r\n/;
	is(my $response = $tined->request('abc', sock => $sock)->body, 'abc',
		'100-continue');
	$tined->ends_clean;
};

subtest 'the limits of a head, through the lot' => sub {
	my $tined = Tined->start(args => ['-w', 1, @reflect]);
	my $line = sub ($size) {    # a request line of this length
		return 'GET /reflect?' . 'x' x ($size - 22) . ' HTTP/1.1';
	};
	my $head = sub ($size) {    # a head of this length
		my $raw = "GET /reflect HTTP/1.1\r\nHost: a\r\n";
		$raw .= sprintf "X-%d: %s\r\n", $_, 'x' x 1000 for 10 .. 40;
		my $left = $size - length($raw) - length "X: \r\n\r\n";
		return $raw . 'X: ' . 'x' x $left . "\r\n\r\n";
	};
	my @case = (
		['a request line', $line->(8192) . "\r\nHost: a\r\n\r\n", 200],
		['and one more', $line->(8193) . "\r\nHost: a\r\n\r\n", 414],
		['a head', $head->(32 << 10), 200],
		['and one more', $head->((32 << 10) + 1), 431],
		['100 fields', "GET /reflect HTTP/1.1\r\nHost: a\r\n"
			. "X: y\r\n" x 99 . "\r\n", 200],
		['and one more', "GET /reflect HTTP/1.1\r\nHost: a\r\n"
			. "X: y\r\n" x 100 . "\r\n", 431],
	);
	for my $case (@case) {
		my ($name, $raw, $status) = @$case;
		for my $first (1, length($raw) / 2, length($raw) - 1) {
			my $sock = $tined->connect;
			# What is too long already is refused, not parked.
			my $fits = $status == 200 || $first < 8192;
			park($tined, $sock, substr $raw, 0, $first) if $fits;
			$tined->send($sock, substr $raw, $fits ? $first : 0);
			is($tined->read_response($sock)->status, $status,
				"$name: $status, cut at " . int $first);
			close $sock;
		}
	}
	$tined->ends_clean;
};

subtest 'the largest --max-head' => sub {
	my $tined = Tined->start(args => ['-w', 1, '--max-head', '60k',
		'--head-timeout', '500ms', @reflect]);
	my $raw = "\r\n" x 8 . "GET /reflect HTTP/1.1\r\nHost: a\r\n";
	$raw .= sprintf "X-%d: %s\r\n", $_, 'x' x 1000 for 10 .. 68;
	$raw .= 'X: ' . 'x' x ((60 << 10) + 16 - length($raw) - 7)
	    . "\r\n\r\n";

	for my $first (60_000, 60 << 10) {
		my $sock = $tined->connect;
		$tined->send($sock, substr $raw, 0, $first);
		is(eval { $tined->request(substr($raw, $first),
			sock => $sock)->status }, 200, "is taken, cut at $first");
		close $sock;

		$sock = $tined->connect;
		my $start = time;
		$tined->send($sock, substr $raw, 0, $first);
		is(eval { $tined->read_response($sock)->status },
			408, 'has its deadline');
		took_about($start, 0.5, 'the answer');
		close $sock;
	}
	$tined->ends_clean;
};

subtest 'connections that say nothing, while all workers are busy' => sub {
	my $dir = File::Temp->newdir;
	my $tined = Tined->start(listen => 'none',
		args => ['-w', 1, '-l', "unix:$dir/s", @reflect]);
	my @silent = map { $tined->connect(unix => "$dir/s") } 1 .. 10;
	my $sock = $tined->connect(unix => "$dir/s");

	ok(ask($tined, $sock), 'another is served');
	ok(ask($tined, $_), 'and a silent one that speaks') for @silent;
	$tined->ends_clean;
};

# Writes faster than it can be served, and reads all of it; how many answers
# it had, each in its turn, or what was wrong.  It makes the one file when it has
# the first, and goes on until there is the other.
sub be_greedy ($tined, $begun, $enough) {
	my $sock = $tined->connect;
	my $batch = join q{}, map { reflect(sprintf 'greedy-%03d', $_) }
	    0 .. 999;
	my ($left, $got, $sent, $served) = (q{}, q{}, 0, 0);

	while (1) {
		if ($left eq q{} && !-e $enough) {
			$left = $batch;
			$sent += 1000;
		}
		last if $served == $sent;
		substr $left, 0, syswrite($sock, $left) // 0, q{};
		my $n = sysread $sock, $got, 1 << 18, length $got;
		return "cut off after $served" if defined $n && $n == 0;
		my $end = 0;
		while ($got =~ /greedy-(\d{3})/g) {
			spew($begun, q{}) if $served == 0;
			return "$1, not $served" if $1 != $served++ % 1000;
			$end = pos $got;
		}
		substr $got, 0, $end, q{};
	}
	return $served;
}

subtest 'fairness: one that always has a request ready' => sub {
	my $tined = Tined->start(args => ['-w', 1, '-a', 'off', @reflect]);
	my ($begun, $enough) = map { $tined->dir . "/$_" } qw(begun enough);
	my @others = map { $tined->connect } 1 .. 10;
	my $greedy = background(sub { be_greedy($tined, $begun, $enough) });
	my (@waits, $failed);

	ok(wait_for(sub { -e $begun }), 'it has begun');

	for my $round (1 .. 20) {
		my %token = map { fileno($_) => token() } @others;
		my $start = time;
		$tined->send($_, reflect($token{ fileno $_ })) for @others;
		for my $sock (@others) {
			my $response = eval { $tined->read_response($sock) };
			push @waits, time - $start;
			next if $response
			    && $response->body eq $token{ fileno $sock };
			$failed = "round $round: no answer: $@";
		}
		last if $failed;
	}
	# The greedy one does not pause before it is told to.
	is($failed, undef, 'ten others have their answers: none starves');
	diag sprintf 'beside a greedy one: median %.1f ms, most %.1f',
	    1e3 * median(@waits), 1e3 * percentile(1, @waits);
	spew($enough, q{});
	my ($served) = $greedy->();
	like($served, qr/\A\d{4,}\z/, 'nor does it itself');
	diag "the greedy one had $served answers";
	$tined->ends_clean;
};

# Each busy client asks again as soon as it has its answer: a worker that waits
# a moment for that keeps the others waiting.  The test counts the answers of the
# busy clients between another client's request and its answer.
subtest 'fairness: clients that ask again at once' => sub {
	my $tined = Tined->start(args => ['-w', 1, '-a', 'off', @reflect]);
	my @busy  = map { $tined->connect } 1 .. BUSY_CLIENTS;
	my $other = $tined->connect;
	my $all   = IO::Select->new(@busy, $other);
	my @answers;

	ask($tined, $_) or die for @busy, $other;
	park($tined, $other);
	$tined->send($_, reflect('busy')) for @busy;
	for my $round (1 .. 41) {
		my ($asked, $count, $done) = (0, 0, 0);
		while (!$done) {
			my @ready = $all->can_read(PATIENCE * slow())
			    or die 'nobody is answered';
			for my $sock (@ready) {
				$tined->read_response($sock) or die;
				$count++;
				$done ||= $sock == $other;
				next if $sock == $other;
				$tined->send($sock, reflect('busy'));
			}
			next if $asked || $count < BUSY_CLIENTS;
			$tined->send($other, reflect('other'));
			($asked, $count) = (1, 0);
		}
		push @answers, $count - 1;
	}
	diag "further answers: @answers";
	cmp_ok(median(@answers), '<=', 2.5 * BUSY_CLIENTS,
		'another is answered in its turn');
	$tined->read_response($_) for @busy;
	$tined->ends_clean;
};

subtest '--queue-timeout' => sub {
	# In which a short wait must fit.
	my $limit = 2 * slow();
	my $tined = Tined->start(args => ['-w', 1, '--queue-timeout',
		"${limit}s", '--body-timeout', '1h', @reflect]);
	my $busy = keep_busy($tined);
	my @long = map { $tined->connect } 1 .. 3;
	$tined->send($_, reflect('long')) for @long;
	ok(wait_for(sub { 3 == grep { is_parked($tined, $_) || 1 } @long }));
	sleep $limit + 0.1; # what is to be too long
	my $short = $tined->connect;
	$tined->send($short, reflect('short'));
	ok(release($tined, $busy), 'the busy one is served');
	for my $sock (@long) {
		my $response = $tined->read_response($sock);
		is($response->status, 503, 'who waited for too long');
		like($response->field('retry-after'), qr/\A\d+\z/,
			'is told to come again');
		ok(ask($tined, $sock), 'and is served then')
		    if ($response->field('connection') // q{}) ne 'close';
	}
	is($tined->read_response($short)->body, 'short', 'another is served');
	is(() = $tined->access_log =~ /" 503 /g, 3, 'it is logged');
	$tined->ends_clean;
};

subtest 'a graceful stop' => sub {
	my $tined = Tined->start(args => ['-w', 1, '-k', '1h',
		'--head-timeout', '1h', '--stop-timeout', '1h', @reflect]);
	my %sock = map { $_ => $tined->connect } qw(idle half waits);
	ask($tined, $sock{idle}) or die;
	my $token = token();
	my ($first, $rest) = half_of(reflect($token));
	park($tined, $sock{idle});
	park($tined, $sock{half}, $first);
	my $busy = keep_busy($tined);
	$tined->send($sock{waits}, reflect('waits'));

	$tined->signal('TERM');
	ok($tined->is_closed($sock{idle}), 'an idle one is closed at once');
	ok(!$tined->was_reset($sock{idle}), 'not reset');
	$tined->send($sock{half}, $rest);
	ok(release($tined, $busy), 'a request under way is served');
	my $response = $tined->read_response($sock{half});
	is($response->body, $token, 'half a head, completed, is answered');
	is($response->field('connection'), 'close', 'as the last one');
	$response = $tined->read_response($sock{waits});
	is($response->body, 'waits', 'a request that waited is served');
	ok($tined->is_closed($sock{$_}), 'and closed') for qw(half waits);
	is($tined->wait_exit, 0, 'exit status 0, as soon as it can');
	$tined->ends_clean;
};

# What a worker parks just when the server stops is on its way to the lot.
subtest 'a stop that crosses with what is parked' => sub {
	my $tined = Tined->start(args => ['-w', 1, '--start-timeout', '1h',
		@reflect]);
	my $lot = lot_pid($tined);
	my $token = token();
	my ($first, $rest) = half_of(reflect($token));

	# From then on it is the worker who is woken first, not the lot.
	ask($tined, $tined->connect) or die;
	my $sock = $tined->connect;

	$tined->signal('STOP', $lot);
	$tined->send($sock, $first);
	ok(wait_for(sub { is_on_its_way($tined, $sock) }), 'a worker parks it');
	$tined->signal('TERM');
	ok(wait_for(sub { $tined->notified('STOPPING') }), 'the server stops');
	$tined->signal('CONT', $lot);
	$tined->send($sock, $rest);
	my $response = eval { $tined->read_response($sock) };
	is($response && $response->body, $token, 'it is answered') or diag $@;
	is($tined->wait_exit, 0, 'exit status 0');
	$tined->ends_clean;
};

# The client still sends, so that a close would reset it: RFC 9112, 9.6.
subtest 'a stop, and a refused client that sends on' => sub {
	my $tined = Tined->start(args => ['-w', 1, @reflect]);
	my $sock = $tined->connect;

	$tined->send($sock, "BAD\r\n\r\n");
	park($tined, $sock);
	$tined->signal('TERM');
	ok(wait_for(sub { $tined->notified('STOPPING') }), 'the server stops');
	$tined->send($sock, 'x' x 1000) for 1 .. 20;
	is(eval { $tined->read_response($sock)->status }, 400, 'its answer');
	ok($tined->is_closed($sock), 'and the end');
	ok(!$tined->was_reset($sock), 'no reset');
	is($tined->wait_exit, 0, 'exit status 0');
	$tined->ends_clean;
};

subtest 'the master is killed' => sub {
	my $tined = Tined->start(args => ['-w', 2, @reflect]);
	my $idle = $tined->connect;
	my $half = $tined->connect;
	ask($tined, $idle) or die;
	park($tined, $idle);
	park($tined, $half, 'POST');
	my @pids = $tined->child_pids;

	is(@pids, 3, 'it has two workers and a lot');
	$tined->signal('KILL');
	ok($tined->is_closed($idle), 'an idle one is closed');
	ok($tined->is_closed($half), 'so is half a head');
	$tined->wait_exit;
	$tined->leaves_nothing;
	$tined->log_is_clean;
};

subtest 'the time between requests, by default' => sub {
	my ($without, $with) = @waiting{'--no-lot', '--workers=2'};
	my ($lasts) = $without->{lasts}->();
	my ($more) = $with->{lasts}->();

	cmp_ok($lasts eq 'longer' ? 'inf' : $lasts, '<', SOONER,
		'--no-lot: 5 s');
	cmp_ok($lasts, '>', 4.5, 'and not less') if $lasts ne 'longer';
	# The default is 75 s, which the test may wait for on a busy machine.
	cmp_ok($more eq 'longer' ? 'inf' : $more, '>', 70,
		'with a lot it is longer');
	# All of this test may take longer than 75 s.
	ok(ask($with->{tined}, $with->{sock}), 'and goes on')
	    if time - $with->{start} < 60;
	$_->{tined}->ends_clean for $without, $with;
};

done_testing;
