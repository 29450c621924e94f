# Clients that have reset their connections while their requests waited for a
# worker: nobody runs what nobody waits for.  A client that has only ended its own
# sending still gets its response.

use v5.36;

use FindBin;
use JSON::PP ();
use lib "$FindBin::Bin/lib";
use Lot    qw(ask is_on_its_way keep_busy park release token);
use Socket qw(SOL_SOCKET SO_LINGER SHUT_WR);
use Test::More;
use Time::HiRes qw(sleep);
use Tined qw(wait_for);

Lot::import_or_skip();

# Longer than serve.c calls a wait short.
use constant WAITED => 0.1;

my @mounts = ('-v', '-m', '/reflect=echo:body', '-m', '/status=status:');

sub request ($name) {
	return "POST /reflect?$name HTTP/1.1\r\nHost: a\r\n"
	    . "Content-Length: 4\r\n\r\nbody";
}

# A part of a head, and no more: what a worker would refuse.
sub send_part ($tined, @socks) {
	for my $sock (@socks) {
		$tined->send($sock, "GET /part HTTP/1.1\r\nHo");
		shutdown $sock, SHUT_WR;
	}
	return;
}

sub reset_all (@socks) {
	for my $sock (@socks) {
		setsockopt $sock, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0
		    or die "SO_LINGER: $!";
		close $sock;
	}
	return;
}

sub status ($tined, %option) {
	my $response = $tined->get('/status/json', sock => $tined->connect(%option));

	return JSON::PP::decode_json($response->body);
}

sub is_answered ($tined, $sock) {
	return ($tined->read_response($sock) // return 0)->body eq 'body';
}

# Both those that are given to a worker and those that are lent.
subtest 'on their way to a worker' => sub {
	my $tined = Tined->start(args => ['-w', 1, '--linger', '1ms', @mounts]);
	my @kept = map { $tined->connect } 1 .. 3;

	for my $sock (@kept) {
		ask($tined, $sock) or die 'no answer';
		park($tined, $sock);
	}
	my $before = status($tined)->{responses}{aborted};
	my $busy   = keep_busy($tined);
	my @gone   = (@kept, map { $tined->connect } 1 .. 7);
	my ($half, $whole, @part) = map { $tined->connect } 1 .. 4;

	$tined->send($_, request('gone')) for @gone;
	send_part($tined, @part);
	$tined->send($_, request('there')) for $half, $whole;
	shutdown $half, SHUT_WR;
	ok(wait_for(sub { !grep { !is_on_its_way($tined, $_) }
			@gone, $half, $whole, @part }), 'they wait');
	sleep WAITED;
	reset_all(@gone, @part);
	ok(release($tined, $busy), 'the worker is free again');
	ok(is_answered($tined, $half), 'a half-closed client is answered');
	ok(is_answered($tined, $whole), 'as is one that waits');
	my $now = status($tined);
	is($now->{responses}{aborted} - $before, @gone,
		'requests that nobody waits for are counted');
	ok(wait_for(sub { status($tined)->{lot}{lent} == 0 }),
		'and nothing of them is left');
	is(scalar(grep {/gone/} $tined->access_log), 0,
		'none of their requests was run');
	is(scalar(grep {/127[.]0[.]0[.]1 went before a worker ran its request/}
			$tined->error_log), @gone, 'the log says so');
	$tined->ends_clean;
};

subtest 'in the lot' => sub {
	my $tined = Tined->start(args => ['-w', 2, '--per-client', 1, @mounts]);
	my @other = (from => '127.0.0.2');
	my ($start, $rest) = request('gone') =~ /(.*)(..)/s;
	my $slow = $tined->connect;
	park($tined, $slow, $start);
	my $busy  = keep_busy($tined);
	my @gone  = map { $tined->connect } 1 .. 3;
	my @part  = map { $tined->connect } 1 .. 2;
	my $there = $tined->connect;

	$tined->send($_, request('gone')) for @gone;
	$tined->send($slow, $rest);
	push @gone, $slow; # the lot has collected its content
	send_part($tined, @part);
	$tined->send($there, request('there'));
	ok(wait_for(sub { status($tined, @other)->{lot}{worker} == 7 }),
		'they wait');
	reset_all(@gone, @part);
	ok(wait_for(sub { status($tined, @other)->{lot}{worker} == 1 }),
		'the lot drops those that have gone, though no worker is free');
	is(status($tined, @other)->{responses}{aborted}, @gone,
		'and counts their requests');
	ok(release($tined, $busy), 'the worker is free again');
	ok(is_answered($tined, $there), 'the other is answered');
	is(scalar(grep {/gone/} $tined->access_log), 0,
		'none of their requests was run');
	is(scalar(grep {/127[.]0[.]0[.]1 went before a worker ran its request/}
			$tined->error_log), @gone, 'the log says so');
	$tined->ends_clean;
};

done_testing;
