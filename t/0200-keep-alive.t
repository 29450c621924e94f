# When a connection persists and when it closes: RFC 9112, section 9.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tined;

my $tined = Tined->start(
	args => ['-w', 4, '-k', '30s'],
	files => { 'a.txt' => "a\n", 'empty' => q{}, 'dir/index.html' => 'i' },
);

# One request, then whether the connection is still good for another.
sub persists ($version, @fields) {
	my $sock = $tined->connect;
	my $raw = join "\r\n", "GET /a.txt HTTP/$version", @fields, q{}, q{};
	my $response = $tined->request($raw, sock => $sock);
	my $said = lc($response->field('connection') // 'nothing');

	is($response->status, 200, 'answered');
	is($response->{framing}, 'length', 'with a length');
	return "closes, says $said"
	    if $said =~ /close/ && $tined->is_closed($sock);
	my $again = $tined->request($raw, sock => $sock);
	return "closes, says $said" if !$again;
	return $again->body eq "a\n" ? "persists, says $said"
	    : 'answers something else';
}

my @cases = (
	['1.1', [], 'persists, says nothing'],
	['1.1', ['Connection: keep-alive'], 'persists, says keep-alive',
		'persists, says nothing'],
	['1.1', ['Connection: close'], 'closes, says close'],
	['1.1', ['connection: CLOSE'], 'closes, says close'],
	['1.1', ['Connection: x, close'], 'closes, says close'],
	['1.1', ['Connection: keep-alive, close'], 'closes, says close'],
	['1.1', ['Connection: keep-alive', 'Connection: close'],
		'closes, says close'],
	['1.1', ['Connection: "close"'], 'persists, says nothing'],
	['1.1', ['Connection: closed'], 'persists, says nothing'],
	['1.1', ['Proxy-Connection: close'], 'persists, says nothing'],
	['1.1', ['Connection: Upgrade', 'Upgrade: websocket'],
		'persists, says nothing'],
	['1.0', [], 'closes, says nothing', 'closes, says close'],
	['1.0', ['Connection: keep-alive'], 'persists, says keep-alive'],
	['1.0', ['Connection: Keep-Alive'], 'persists, says keep-alive'],
	['1.0', ['Connection: keep-alive, close'], 'closes, says close',
		'closes, says nothing'],
	['1.0', ['Proxy-Connection: keep-alive'], 'closes, says nothing',
		'closes, says close'],
);

for my $case (@cases) {
	my ($version, $fields, @expected) = @$case;
	subtest join(', ', "HTTP/$version", @$fields) => sub {
		my $got = persists($version,
			$version eq '1.1' ? 'Host: a' : (), @$fields);
		ok(scalar(grep { $got eq $_ } @expected), $got)
		    or diag("expected: @expected");
	};
}

subtest 'a hundred requests over one connection' => sub {
	my $sock = $tined->connect;
	my $good = 0;

	for my $i (1 .. 100) {
		my $response = $tined->get('/a.txt', sock => $sock, keep => 1);
		$good++ if $response->body eq "a\n";
	}
	is($good, 100, 'all are answered');
};

subtest 'responses of every kind leave it open' => sub {
	my $sock = $tined->connect;

	for my $case (
		['GET', '/none', 404],
		['HEAD', '/none', 404],
		['HEAD', '/a.txt', 200],
		['GET', '/empty', 200],
		['OPTIONS', '/a.txt', 200, 204],
		['DELETE', '/a.txt', 405],
		['GET', '/dir', 301, 302, 307, 308],
		['GET', '/a.txt', 200],
	) {
		my ($method, $path, @statuses) = @$case;
		my $response = $tined->get($path, method => $method,
			sock => $sock, keep => 1);
		ok(scalar(grep { $response->status == $_ } @statuses),
			"$method $path: $response->{status}");
	}
	my $first = $tined->get('/a.txt', sock => $sock, keep => 1);
	my $response = $tined->get('/a.txt', sock => $sock, keep => 1,
		fields => { 'If-None-Match' => $first->field('etag') });
	is($response->status, 304, 'a 304');
	$response = $tined->get('/a.txt', sock => $sock, keep => 1);
	is($response->body, "a\n", 'still open');
};

subtest 'a body that nobody wants' => sub {
	my $sock = $tined->connect;
	my $response = $tined->get('/a.txt', method => 'POST', sock => $sock,
		keep => 1, body => 'x' x 1000);

	is($response->status, 405, 'refused');
	$response = eval {
		$tined->get('/a.txt', sock => $sock, keep => 1);
	};
	ok(!$response || $response->body eq "a\n",
		'it is not taken for a request');

	$sock = $tined->connect;
	$response = $tined->get('/a.txt', sock => $sock, keep => 1,
		body => "GET /none HTTP/1.1\r\nHost: a\r\n\r\n");
	is($response->status, 200, 'a GET with a body is answered');
	$response = $tined->get('/a.txt', sock => $sock, keep => 1);
	is($response->status, 200, 'its body is not taken for a request');
};

subtest 'an error in the framing closes' => sub {
	for my $raw (
		"GET /a.txt HTTP/1.1\r\n\r\n",
		"GET /a.txt\r\n\r\n",
		"GET /a.txt HTTP/1.1\nHost: a\n\n",
		"GET /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
		"GET /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
		    . "Transfer-Encoding: chunked\r\n\r\n",
		"GET /a.txt HTTP/1.1\r\nHost : a\r\n\r\n",
	) {
		my $name = (($raw =~ s/\r\n/ | /gr) =~ s/\n/ /gr);
		my ($response, @more) = $tined->request(
			$raw . "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n",
			all => 1);
		is($response->status, 400, "400: $name");
		is($response->field('connection'), 'close', 'says close');
		is(scalar @more, 0, 'nothing more is answered');
	}
};

# With bytes of the client unread, a plain close would be a reset, which
# destroys the answer on its way.
subtest 'a refusal reaches a client that is still sending' => sub {
	my $sock = $tined->connect;

	$tined->send($sock, "BAD\r\n\r\n" . 'x' x 200_000);
	my $response = $tined->read_response($sock);
	is($response->status, 400, 'it is read');
	ok(!$tined->was_reset($sock), 'there is no reset before it');
};

subtest 'a client that has closed its half' => sub {
	my $raw = "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n";
	my @responses = $tined->request($raw, half_close => 1, all => 1);
	is(scalar @responses, 1, 'one request is answered');
	is($responses[0]->body, "a\n", 'in whole');

	@responses = $tined->request($raw x 3, half_close => 1, all => 1);
	is(scalar @responses, 3, 'so are three');
};

subtest 'however TCP cuts it' => sub {
	my $raw = "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n"
	    . "HEAD /none HTTP/1.1\r\nHost: a\r\n\r\n"
	    . "GET /empty HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

	for my $size (1, 2, 3, 7, 39) {
		my @responses = $tined->request($raw, pieces => $size,
			methods => [qw(GET HEAD GET)], all => 1);
		is_deeply([map { $_->status } @responses], [200, 404, 200],
			"pieces of $size bytes");
	}
};

subtest 'empty lines before a request' => sub {
	my $response = $tined->request(
		"\r\n\r\nGET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
	is($response->status, 200, 'are skipped');
};

subtest 'HTTP/1.0' => sub {
	my $response = $tined->request("GET /a.txt HTTP/1.0\r\n\r\n",
		all => 1);
	is($response->body, "a\n", 'needs no Host');
	is($response->{version}, 'HTTP/1.1', 'is answered as 1.1');
};

subtest 'other versions' => sub {
	for my $version ('2.0', '0.9', '3.0') {
		my $response = $tined->request(
			"GET /a.txt HTTP/$version\r\nHost: a\r\n\r\n",
			all => 1);
		is($response->status, 505, "HTTP/$version is 505");
	}
	my $response = $tined->request(
		"GET /a.txt HTTP/1.2\r\nHost: a\r\n\r\n");
	is($response->status, 200, 'HTTP/1.2 is served');
};

subtest 'every response has its fields' => sub {
	for my $path ('/a.txt', '/none', '/dir', '/dir/') {
		my $response = $tined->get($path);
		like($response->field('date'), qr/\A(?:Mon|Tue|Wed|Thu|Fri|Sat
			|Sun),[ ]\d\d[ ][A-Z][a-z]{2}[ ]\d{4}[ ]
			\d\d:\d\d:\d\d[ ]GMT\z/x, "$path: Date");
		like($response->field('server'), qr/\Atined/,
			"$path: Server");
	}
};

$tined->ends_clean;

done_testing;
