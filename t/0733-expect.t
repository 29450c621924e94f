# Expect: 100-continue.  A client is asked for its content once, by the worker
# that finds that it is wanted; when it is slow to send it, the lot waits.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Lot qw(ask reflect token);
use Slow qw(answers_others busy_workers get leaks_nothing resting start
	wait_until waiting);
use Test::More;
use Time::HiRes qw(time);
use Tined qw(free_port slow slurp wait_for);

Lot::import_or_skip();

sub head ($framing, $path = '/reflect', $method = 'POST') {
	return "$method $path HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
	    . "$framing\r\n\r\n";
}

my $CHUNKED = 'Transfer-Encoding: chunked';

# Until that has come, and no answer.
sub is_asked ($tined, $sock, $name = 'it is asked for its content') {
	my $buffer = \${*$sock}{tined_buffer};

	1 while $$buffer !~ /\r\n\r\n/ && $tined->fill($sock);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($$buffer, "HTTP/1.1 100 Continue\r\n\r\n", $name);
}

# It was asked as often as that, all in all.
sub is_answered ($tined, $sock, $bytes, $body, $asked = 1) {
	my $response = $tined->request($bytes, sock => $sock);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($response->body, $body, 'the answer has its content');
	return is(scalar $response->{interim}->@*, $asked,
		"it was asked for: $asked times");
}

sub is_refused ($tined, $raw, $status) {
	my $sock = $tined->connect;
	my $response = $tined->request($raw, sock => $sock);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($response->status, $status, "$status: " . $raw =~ s/\r\n.*//rs);
	is(scalar $response->{interim}->@*, 0, 'it was not asked for more');
	close $sock;
	return;
}

subtest 'slow clients' => sub {
	my $tined = start();
	my %base = resting($tined);
	my @senders = map { $tined->connect } 1 .. 20;
	my @token = map { token() } @senders;

	for my $i (0 .. $#senders) {
		$tined->send($senders[$i], head($i % 2 ? $CHUNKED
			: 'Content-Length: ' . length $token[$i]));
	}
	is_asked($tined, $_) for @senders;
	wait_until($tined, 'body', scalar @senders);
	ok(wait_for(sub { busy_workers($tined) == 0 }),
		'no worker waits for them');
	answers_others($tined);
	for my $i (0 .. $#senders) {
		my $size = sprintf '%x', length $token[$i];
		my @raw = $i % 2 ? ("$size\r", "\n$token[$i]\r\n0\r\n", "\r\n")
		    : unpack '(a3)*', $token[$i];
		my $last = pop @raw;
		$tined->send($senders[$i], $_) for @raw;
		is_answered($tined, $senders[$i], $last, $token[$i]);
	}
	my @wrong = grep { !ask($tined, $_) } @senders;
	is(@wrong, 0, 'and goes on');
	close $_ for @senders;
	leaks_nothing($tined, %base);
	$tined->ends_clean;
};

subtest 'one after the other, on one connection' => sub {
	my $tined = start();
	my $sock = $tined->connect;

	for my $round (1 .. 3) {
		$tined->send($sock, reflect('first')
			. head('Content-Length: 3'));
		is($tined->read_response($sock)->body, 'first',
			'answers go before');
		is_asked($tined, $sock);
		wait_until($tined, 'body', 1);
		is_answered($tined, $sock, 'abc', 'abc');
		is_answered($tined, $sock, head('Content-Length: 3') . 'def',
			'def', 0);
	}
	$tined->ends_clean;
};

subtest 'who has begun is not asked' => sub {
	my $tined = start();
	my @case = (['Content-Length: 3', 'a', 'bc', 'abc'],
		[$CHUNKED, "3\r\n", "abc\r\n0\r\n\r\n", 'abc'],
		[$CHUNKED, "3", "\r\nabc\r\n0\r\n\r\n", 'abc']);

	for my $buffer ([], ['--body-buffer', 0]) {
		my $other = start(@$buffer);
		for my $case (@case) {
			my ($framing, $first, $rest, $body) = @$case;
			my $sock = $other->connect;
			$other->send($sock, head($framing) . $first);
			if (@$buffer) {
				ok(wait_for(sub { busy_workers($other) == 1 }),
					'a worker waits');
			} else {
				wait_until($other, 'body', 1);
			}
			is_answered($other, $sock, $rest, $body, 0);
			close $sock;
		}
		$other->ends_clean;
	}
	$tined->ends_clean;
};

subtest 'what is not wanted is not asked for' => sub {
	my $tined = start('--max-body', '100k', '-m', '/none=echo:3');
	my $small = 'Content-Length: 3';

	is_refused($tined, head('Content-Length: 200000'), 413);
	is_refused($tined, head($small, '/small'), 405);
	is_refused($tined, head($small, '/none'), 405);
	is_refused($tined, head($CHUNKED, '/small', 'GET'), 200);
	is_refused($tined, head($small, '/absent', 'GET'), 404);
	is_refused($tined, head($small, '/small', 'GET'), 200);
	is(waiting($tined, 'body'), 0, 'nor waited for');
	$tined->ends_clean;

	$tined = start('--allow', '127.0.0.9');
	is_refused($tined, head($small), 403);
	$tined->stop;
	$tined->log_is_clean;
};

subtest 'who does not send it' => sub {
	# In which all of them are in the lot.
	my $tined = start('--body-timeout', 500 * slow() . 'ms');
	my @socks = map { $tined->connect } 1 .. 3;

	$tined->send($socks[0], head('Content-Length: 3'));
	$tined->send($socks[1], head($CHUNKED));
	$tined->send($socks[2], head($CHUNKED));
	is_asked($tined, $_) for @socks;
	wait_until($tined, 'body', 3);
	shutdown $socks[2], 1;
	for my $case ([$socks[2], 400], [$socks[0], 408], [$socks[1], 408]) {
		my ($sock, $status) = @$case;
		my $response = $tined->read_response($sock);
		is($response->status, $status, "the answer is $status");
		is(scalar $response->{interim}->@*, 1, 'asked for once');
		ok($tined->is_closed($sock), 'and closed');
	}
	$tined->ends_clean;
};

subtest 'beyond the bound' => sub {
	my $tined = start('--body-buffer', '4k');
	my ($length, $chunks) = map { $tined->connect } 1 .. 2;
	my $much = 'x' x 5000;

	$tined->send($length, head('Content-Length: 5000'));
	is_asked($tined, $length);
	is(waiting($tined, 'body'), 0, 'a worker waits for much');
	is_answered($tined, $length, $much, $much);
	$tined->send($chunks, head($CHUNKED));
	is_asked($tined, $chunks);
	wait_until($tined, 'body', 1);
	$tined->send($chunks, sprintf "%x\r\n", length $much);
	ok(wait_for(sub { busy_workers($tined) == 1 }),
		'and when it turns out to be much');
	is_answered($tined, $chunks, "$much\r\n0\r\n\r\n", $much);
	$tined->ends_clean;
};

# Another server's lot knows what was asked for, and how it is framed.
subtest 'an upgrade' => sub {
	my $dir = File::Temp->newdir;
	my $port = free_port();
	my $tined = start({ listen => 'none', port => $port },
		'-l', "127.0.0.1:$port", '-p', "$dir/pid");
	my $old = $tined->pid;
	my @socks = map { $tined->connect } 1 .. 3;

	$tined->send($socks[0], head('Content-Length: 3'));
	$tined->send($socks[1], head($CHUNKED));
	is_asked($tined, $_) for @socks[0, 1];
	$tined->send($socks[2], head($CHUNKED) =~ s/Expect.*?\r\n//r
		. "3\r\na");
	wait_until($tined, 'body', 3);
	$tined->child_pids;
	$tined->signal('USR2');
	my $new;
	ok(wait_for(sub {
		$new = slurp("$dir/pid") + 0;
		$new != $old && $tined->error_log
		    =~ /master\[$new\] notice: serving/;
	}), 'there is another server') or return;
	ok(wait_for(sub { waitpid($old, 1) != 0 }, 20), 'the old one is gone');
	$tined->{pid} = $new;
	$tined->child_pids;
	wait_until($tined, 'body', 3);
	is_answered($tined, $socks[0], 'abc', 'abc');
	is_answered($tined, $socks[1], "3\r\nabc\r\n0\r\n\r\n", 'abc');
	is_answered($tined, $socks[2], "bc\r\n0\r\n\r\n", 'abc', 0);
	kill 'TERM', $new;
	ok(wait_for(sub { slurp("/proc/$new/stat") !~ /\) [^ZX] / }),
		'it stops');
	$tined->{status} = 0;
	$tined->leaves_nothing;
	$tined->log_is_clean;
};

done_testing;
