# Pipelined requests: each answered, in order, whatever their number and size.

use v5.36;

use FindBin;
use IO::Select ();
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time);
use Tined qw(deadline);

my $tined = Tined->start(
	args => ['-w', 2, '-m', '/star=echo:10000'],
	files => { 'big' => 'x' x 3_000_000,
		map { ("$_.txt" => "this is $_\n") } 1 .. 50 },
);

sub asking ($path, $method = 'GET', @fields) {
	return join "\r\n", "$method $path HTTP/1.1", 'Host: a', @fields,
	    q{}, q{};
}

subtest 'sixteen in one write' => sub {
	my @responses = $tined->request(
		join(q{}, map { asking("/$_.txt") } 1 .. 16), count => 16);

	is_deeply([map { $_->body } @responses],
		[map { "this is $_\n" } 1 .. 16], 'are answered in order');
};

subtest 'of every kind' => sub {
	my @wanted = (
		['GET', '/1.txt', 200, "this is 1\n"],
		['HEAD', '/2.txt', 200, q{}],
		['GET', '/none', 404],
		['HEAD', '/none', 404, q{}],
		['GET', '/big', 200, 'x' x 3_000_000],
		['PUT', '/3.txt', 405],
		['GET', '/star', 200, q{*} x 10_000],
		['GET', '/4.txt', 200, "this is 4\n"],
	);
	my @responses = $tined->request(
		join(q{}, map { asking($_->[1], $_->[0]) } @wanted),
		methods => [map { $_->[0] } @wanted], count => scalar @wanted);

	for my $i (keys @wanted) {
		my ($method, $path, $status, $body) = $wanted[$i]->@*;
		is($responses[$i]->status, $status, "$method $path");
		ok($responses[$i]->body eq $body, 'its body')
		    if defined $body;
	}
};

subtest 'after close nothing is answered' => sub {
	my @responses = $tined->request(asking('/1.txt')
		. asking('/2.txt', 'GET', 'Connection: close')
		. asking('/3.txt'), all => 1);

	is_deeply([map { $_->body } @responses],
		["this is 1\n", "this is 2\n"], 'the two before it are');
	is($responses[0]->field('connection'), undef, 'the first says nothing');
	is($responses[1]->field('connection'), 'close', 'the last says close');
};

subtest 'after an error in the framing nothing is answered' => sub {
	my @responses = $tined->request(asking('/1.txt')
		. "GET /2.txt HTTP/1.1\r\nBad Field: x\r\n\r\n"
		. asking('/3.txt'), all => 1);

	is_deeply([map { $_->status } @responses], [200, 400],
		'the answers before it come');
};

subtest 'a part of the next request' => sub {
	my $sock = $tined->connect;
	my $raw = join q{}, map { asking("/$_.txt") } 1 .. 3;

	# Two and a half requests: two answers must come now.
	my $cut = length(asking('/1.txt')) * 2 + 10;
	my @responses = $tined->request(substr($raw, 0, $cut),
		sock => $sock, count => 2);
	is(scalar @responses, 2, 'does not hold back the answers before it');
	my $last = $tined->request(substr($raw, $cut), sock => $sock);
	is($last->body, "this is 3\n", 'and is answered when it is whole');
};

subtest 'cut anywhere' => sub {
	my $raw = join q{}, map { asking("/$_.txt") } 1 .. 5;
	my $bad = 0;

	for my $cut (1 .. length($raw) - 1) {
		my $sock = $tined->connect;
		$tined->send($sock, substr $raw, 0, $cut);
		$tined->send($sock, substr $raw, $cut);
		my @bodies = map { $tined->read_response($sock)->body } 1 .. 5;
		$bad++ if "@bodies" ne join q{ },
		    map { "this is $_\n" } 1 .. 5;
		close $sock;
	}
	is($bad, 0, 'five requests, cut in two at each byte');
};

# More than one buffer holds, both ways, from a client that writes and reads
# as it can.
for my $case (['/1.txt', 5000], ['/star', 1000]) {
	my ($path, $count) = @$case;
	subtest "$count times $path" => sub {
		my $sock = $tined->connect;
		my $out = asking($path) x ($count - 1)
		    . asking($path, 'GET', 'Connection: close');
		my $in = q{};
		my $deadline = deadline();

		while (time < $deadline) {
			my ($readable, $writable) = IO::Select->select(
				IO::Select->new($sock),
				length $out ? IO::Select->new($sock) : undef,
				undef, $deadline - time);
			last unless $readable || $writable;
			if (@{ $writable // [] }) {
				my $n = syswrite $sock, $out, 65_536;
				substr $out, 0, $n // 0, q{};
			}
			if (@{ $readable // [] }) {
				last if 0 == sysread $sock, $in, 1 << 20,
				    length $in;
			}
		}
		is(length $out, 0, 'all are taken');
		my $answers = () = $in =~ m{HTTP/1\.1 200 OK\r\n}g;
		is($answers, $count, 'all are answered');
	};
}

subtest 'bodies between them' => sub {
	my $post = "POST /1.txt HTTP/1.1\r\nHost: a\r\n"
	    . "Content-Length: 5\r\n\r\nGET /";
	my $chunked = "POST /1.txt HTTP/1.1\r\nHost: a\r\n"
	    . "Transfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\n0\r\n\r\n";

	for my $raw ($post, $chunked) {
		my @responses = $tined->request(
			$raw . asking('/2.txt', 'GET', 'Connection: close'),
			all => 1);
		is($responses[0]->status, 405, 'a POST is refused');
		is_deeply([map { $_->body } @responses[1 .. $#responses]],
			["this is 2\n"], 'the request behind it is answered');
	}
};

$tined->ends_clean;

done_testing;
