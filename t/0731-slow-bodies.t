# Clients that take their time to send a body: they wait in the lot, keep no
# worker, and give every byte.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Lot qw(ask cpu_ticks lot_pid reflect token);
use Slow qw($big answers_others busy_workers get in_pieces is_whole
	leaks_nothing resting start unread wait_until waiting);
use Test::More;
use Time::HiRes qw(time);
use Tined qw(SOONER wait_for);

Lot::import_or_skip();

use constant LAST => "0\r\n\r\n";

my $CHUNKED = "POST /reflect HTTP/1.1\r\nHost: a\r\n"
    . "Transfer-Encoding: chunked\r\n\r\n";
my $slow = $ENV{TINED_SLOW} // 1;

sub chunk ($data) {
	return sprintf "%x\r\n%s\r\n", length $data, $data;
}

# Each a connection, its content, and more.
sub each_is_right ($tined, @senders) {
	my @wrong = grep {
		my $response = $tined->read_response($_->[0]);
		!$response || $response->body ne $_->[1];
	} @senders;

	is(@wrong, 0, 'each has its own content back');
	@wrong = grep { !ask($tined, $_->[0]) } @senders;
	is(@wrong, 0, 'and goes on');
	close $_->[0] for @senders;
	return;
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
	each_is_right($tined, @senders);
	leaks_nothing($tined, %base);
	$tined->ends_clean;
};

# The pieces end anywhere, within the framing too.
subtest 'slow chunks' => sub {
	my $tined = start();
	my %base = resting($tined);
	my @senders;

	for my $i (1 .. 50) {
		my $sock = $tined->connect;
		my @part = (token(), 'x' x 3000, 'y', "0\r\n\r\n", 'z' x 3000);
		my $raw = $CHUNKED . join q{}, (map { chunk($_) } @part), LAST;
		my $step = int length($raw) / 6 + $i;
		push @senders, [$sock, join(q{}, @part),
			unpack "(a$step)*", $raw];
		$tined->send($sock, splice $senders[-1]->@*, 2, 1);
	}
	for my $round (1 .. 5) {
		wait_until($tined, 'body', 50);
		ok(wait_for(sub { busy_workers($tined) == 0 }),
			'no worker waits with them');
		answers_others($tined) if $round == 2;
		$tined->send($_->[0], splice @$_, 2, 1) for @senders;
	}
	each_is_right($tined, @senders);
	leaks_nothing($tined, %base);
	$tined->ends_clean;
};

# It costs the lot as much as there is, and not the more the more has come.
subtest 'a byte at a time, in chunks of a byte' => sub {
	my $tined = start();
	my $content = join q{}, map { chr 33 + $_ % 90 } 1 .. 8000;
	my $sock = $tined->connect;

	$tined->send($sock, $CHUNKED);
	wait_until($tined, 'body', 1);
	my $before = cpu_ticks(lot_pid($tined));
	$tined->send($sock, $_)
	    for split //, join q{}, map { chunk($_) } split //, $content;
	is(waiting($tined, 'body'), 1, 'it waits in the lot');
	is($tined->request(LAST, sock => $sock)->body, $content,
		'every byte comes back');
	my $ticks = cpu_ticks(lot_pid($tined)) - $before;
	cmp_ok($ticks, '<', 200 * $slow, "the lot had $ticks ticks of it");
	$tined->ends_clean;
};

subtest 'chunks that are none' => sub {
	my $tined = start('--body-timeout', '1h');
	my %bad = (
		'no size' => "x\r\n",
		'no end of data' => "3\r\nabcd",
		'a bare LF' => "3\nabc",
		'a bad trailer' => "0\r\nX y\r\n",
	);

	for my $name (sort keys %bad) {
		my $sock = $tined->connect;
		$tined->send($sock, $CHUNKED . chunk('abc'));
		wait_until($tined, 'body', 1);
		my $response = $tined->request($bad{$name}, sock => $sock);
		is($response->status, 400, "$name: 400, at once");
		ok($tined->is_closed($sock), 'and closed');
		ok(!$tined->was_reset($sock), 'no reset');
	}
	answers_others($tined);
	$tined->ends_clean;
};

# Which is found out when that many bytes have come, or their chunk's size.
subtest 'chunks beyond the bound' => sub {
	my $tined = start('--body-buffer', '4k', '--body-timeout', '1h');
	my @begun = map { $tined->connect } 1 .. 2;

	$tined->send($_, $CHUNKED . chunk('a' x 2000)) for @begun;
	wait_until($tined, 'body', 2);
	$tined->send($begun[0], chunk('b' x 2097));
	$tined->send($begun[1], "831\r\n");
	ok(wait_for(sub { busy_workers($tined) == 2 }), 'workers wait for them');
	is($tined->request(chunk('c') . LAST, sock => $begun[0])->body,
		'a' x 2000 . 'b' x 2097 . 'c', 'one is served');
	close $begun[1];
	$tined->ends_clean;

	# On a machine that is busy its time may be over in the lot.
	$tined = start('--body-buffer', '4k', '--body-timeout', '2s');
	my $late = $tined->connect;
	$tined->send($late, $CHUNKED . chunk('a' x 2000));
	wait_for(sub { waiting($tined, 'body') || !$tined->is_open($late) });
	$tined->send($late, "831\r\n");
	my $start = time;
	is($tined->read_response($late)->status, 408,
		'one is too slow for a worker');
	cmp_ok(time - $start, '<', SOONER, 'which has its time');
	$tined->ends_clean;

	# 64 KiB of content with its chunks is more than fits into 64 KiB.
	$tined = start('--max-head', '1k');
	my $sock = $tined->connect;
	my @content = map { chr(97 + $_) x 4096 } 0 .. 15;
	$tined->send($sock, $CHUNKED . chunk($content[0]));
	wait_until($tined, 'body', 1);
	$tined->send($sock, chunk($_)) for @content[1 .. 15];
	is($tined->request(LAST, sock => $sock)->body, join(q{}, @content),
		'what has no room is served too');
	answers_others($tined);
	$tined->ends_clean;
};

subtest 'bodies that do not come' => sub {
	my $tined = start('--body-timeout', '500ms');
	my $patient = start('--body-timeout', '1h');
	my (undef, $head, $piece) = in_pieces(token(), 5000, 2);
	my @begun = ($head . $piece, $head . $piece, $CHUNKED . '3',
		$CHUNKED . chunk('abc'));
	my @late = map { $tined->connect } @begun;
	my @ended = map { $patient->connect } @begun;

	for my $i (0 .. $#begun) {
		$tined->send($late[$i], $begun[$i]);
		$patient->send($ended[$i], $begun[$i]);
		shutdown $ended[$i], 1;
	}
	for my $sock (@ended) {
		is($patient->read_response($sock)->status, 400, 'ended: 400');
		ok($patient->is_closed($sock), 'and closed');
	}
	for my $sock (@late) {
		my $response = $tined->read_response($sock);
		is($response->status, 408, 'late: 408');
		is($response->field('connection'), 'close', 'it says close');
		ok($tined->is_closed($sock), 'and closed');
	}
	answers_others($tined);
	close $_ for @late, @ended;
	$_->ends_clean for $tined, $patient;
};

# More of it than there is room for behind what came before it.
subtest 'a head keeps its place' => sub {
	my $tined = start('--linger', '1h',
		'--log-format', '%r %q %{User-Agent}i');
	my $sock = $tined->connect;
	my $line = 'POST /reflect?why=not HTTP/1.1';
	my $head = $CHUNKED =~ s/^[^\r]*/$line\r\nUser-Agent: tester/r;
	my $content = '1' x 20_000;

	$tined->send($sock, get('/small', 'X: ' . 'x' x 4000) . $head);
	is($tined->read_response($sock)->body, 'small', 'before it');
	$tined->send($sock, join q{}, map { chunk($_) } split //, $content);
	is($tined->request(LAST, sock => $sock)->body, $content,
		'every byte comes back');
	close $sock;
	$tined->ends_clean;
	is(($tined->access_log)[-1], "$line ?why=not tester",
		'it was the answer to that request');
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
	$tined->send($chunked, $CHUNKED . chunk('y' x 4097));
	ok(wait_for(sub { busy_workers($tined) == 1 }), 'too large in chunks');
	is(waiting($tined, 'body'), 0, 'it does not wait in the lot');
	is($tined->request(chunk('z') . LAST, sock => $chunked)->body,
		'y' x 4097 . 'z', 'and is answered');

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
	$tined->send($none, $CHUNKED);
	ok(wait_for(sub { busy_workers($tined) == 1 }), 'no chunks either');
	is(waiting($tined, 'body'), 0, 'nothing waits in the lot');
	is($tined->request(chunk('z') . LAST, sock => $none)->body, 'z',
		'and they are answered');
	$tined->ends_clean;
};

subtest 'what nobody waits for' => sub {
	my @patient = ('--body-timeout', '1h');
	my $tined = start('-m', '/none=echo:3', @patient);
	my $bare = Tined->start(args => ['-w', 2, '-m', '/reflect=echo:body',
		@patient]);
	my (undef, $head, $piece) = in_pieces(token(), 5000, 2);
	my $sock = $bare->connect;

	is($bare->request($head =~ s{/reflect}{/}r . $piece,
		sock => $sock)->status, 404, '404 at once');
	close $sock;
	$bare->ends_clean;
	for my $case ([405, '/none'], [405, '/small']) {
		my ($status, $path) = @$case;
		my $sock = $tined->connect;
		my $response = $tined->request(
			$head =~ s{/reflect}{$path}r . $piece, sock => $sock);
		is($response->status, $status,
			"$status at once, without the content");
		ok(wait_for(sub { busy_workers($tined) == 0 }),
			'and no worker waits for it');
		is($response->field('connection'), 'close', 'it says close');
		close $sock;
	}

	# How soon is soon, on a machine that is busy.
	my $brisk = start('-m', '/none=echo:3', '--linger', '1h', @patient);
	for my $case ([200, get('/small')], [405, $head =~ s/5000/6/r]) {
		my ($status, $raw) = @$case;
		$sock = $brisk->connect;
		$raw =~ s/\r\n\r\n/\r\nContent-Length: 6\r\n\r\n/
		    if $status == 200;
		$raw =~ s{/reflect}{/small};
		$brisk->send($sock, "${raw}abc");
		$brisk->send($sock, 'def');
		is($brisk->read_response($sock)->status, $status,
			"$status, and the content is dropped");
		ok(ask($brisk, $sock), 'if it comes soon, the client goes on');
	}
	close $sock;
	$brisk->ends_clean;

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

done_testing;
