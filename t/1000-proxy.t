# proxy: requests go to another server, and its responses come back, whole and
# framed as this server frames them.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Peer ();
use Slow qw(get hurry unread);
use Test::More;
use Time::HiRes qw(sleep);
use Tined    qw(free_port need_tools slurp wait_for);
use Upstream qw(read_head read_request respond);

# Serves requests one after the other, as the code says for each.
sub upstream ($code, %option) {
	return Upstream->start(sub ($conn, $nth, $up) {
		while (my ($head, $body) = read_request($conn)) {
			$up->note("$nth: $head");
			last if !$code->($conn, $head, $body, $nth);
		}
	}, %option);
}

sub send_all ($conn, @text) {
	print {$conn} @text;
	$conn->flush;
	return 1;
}

sub start ($up, $prefix = q{/}, $more = q{}, @args) {
	return Tined->start(args => ['-w', 1, '-m',
			"$prefix=proxy:" . $up->url . $more, @args]);
}

# What it said of the request is the content of the response.
sub echo ($conn, $head, $body, $) {
	respond($conn, $head . $body, 'Content-Type' => 'message/http');
	return 1;
}

subtest 'requests' => sub {
	my $up    = upstream(\&echo);
	my $tined = start($up);
	my $get   = $tined->get('/a%20b//c?d=%20&e', keep => 1, fields => [
		Host => 'www.example:81', 'X-One' => 1, 'X-one' => 2,
		Connection => 'X-Two, keep-alive', 'X-Two' => 'no',
		Upgrade => 'websocket', 'X-Forwarded-For' => '1.2.3.4']);

	is($get->status, 200, 'GET');
	is($get->body, join("\r\n", 'GET /a%20b//c?d=%20&e HTTP/1.1',
			'Host: www.example:81', 'X-One: 1', 'X-one: 2',
			'X-Forwarded-For: 127.0.0.1', 'X-Forwarded-Proto: http',
			'X-Forwarded-Host: www.example:81', 'Via: 1.1 tined',
			q{}, q{}), 'what the server sees of it');
	is($get->field('Content-Type'), 'message/http', 'its type');
	for my $method (qw(POST PUT DELETE PATCH REPORT x)) {
		my $response = $tined->get('/', method => $method,
			body => 'abc');

		like($response->body, qr{\A$method / .*\r\n\r\nabc\z}s, $method);
		like($response->body, qr/^Content-Length: 3\r$/m, 'its length');
	}
	my $sock = $tined->connect;
	my $chunked = $tined->request("POST / HTTP/1.1\r\nHost: a\r\n"
		. "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x\r\ndefg\r\n"
		. "0\r\nX-Trailer: 1\r\n\r\n", sock => $sock);
	like($chunked->body, qr/\r\n\r\nabcdefg\z/, 'chunks');
	like($chunked->body, qr/^Transfer-Encoding: chunked\r$/m, 'are chunks');
	unlike($chunked->body, qr/X-Trailer/, 'without trailers');
	my $old = $tined->request("GET /old HTTP/1.0\r\n\r\n");
	my $host = '127.0.0.1:' . $up->port;
	like($old->body, qr{\AGET /old HTTP/1.1\r\nHost: $host\r\n},
		'HTTP/1.0 without a host');
	is($tined->get('/', method => 'TRACE')->status, 405, 'TRACE');
	is($tined->get('/', method => 'CONNECT')->status, 501, 'CONNECT');
	is($tined->get('/..;/x')->status, 400, 'a path with two meanings');
	is($tined->get('/a/../x')->body =~ s/ HTTP.*//sr, 'GET /x', 'one');
	is($tined->get('/', method => 'OPTIONS',
			fields => ['Max-Forwards' => 0])->status, 204,
		'Max-Forwards: 0');
	like($tined->get('/', method => 'OPTIONS',
			fields => ['Max-Forwards' => 2])->body,
		qr/^Max-Forwards: 1\r$/m, 'and 2');
	$tined->ends_clean;
};

subtest 'arguments' => sub {
	my $up    = upstream(\&echo);
	my $tined = start($up, '/app', '/base/,host=up.example,forwarded=none',
		'-m', '/same=proxy:' . $up->url,
		'-m', '/deep=proxy:' . $up->url . ',base=/a/b,forwarded=append');

	is($tined->get('/app/x?y')->body, join("\r\n",
			'GET /base/x?y HTTP/1.1', 'Host: up.example',
			'Via: 1.1 tined', q{}, q{}), 'base, host, forwarded');
	like($tined->get('/app')->body, qr{\AGET /base HTTP}, 'the prefix');
	like($tined->get('/same/x')->body, qr{\AGET /same/x HTTP}, 'no base');
	like($tined->get('/deep/x', fields => ['X-Forwarded-For' => '1.2.3.4'])
		->body, qr{\AGET /a/b/x .*\nX-Forwarded-For: 1.2.3.4, 127.0.0.1\r}s,
		'a proxy before it');
	$tined->ends_clean;
	my %words = (
		'proxy:localhost:80' => qr{expected http://HOST:PORT},
		'proxy:https://localhost:80' => qr{expected http://HOST:PORT},
		'proxy:http://' => qr/a host and a port/,
		'proxy:http://no.such.host.invalid' => qr/cannot look up/,
		'proxy:http://127.0.0.1:1,base=b c' => qr/expected a path/,
		'proxy:http://127.0.0.1:1,host=a b' => qr/expected a host/,
		'proxy:http://127.0.0.1:1,forwarded=x' => qr/replace, append or/,
		'proxy:http://127.0.0.1:1,idle-timeout=x' => qr/expected a time/,
		'proxy:http://127.0.0.1:1,connect-timeout=0' => qr/more than 0/,
		'proxy:http://127.0.0.1:1,upstream=x' => qr/expected host:port/,
		'proxy:http://127.0.0.1:1,x=y' => qr/unknown argument x=/,
	);
	for my $mount (sort keys %words) {
		my $end = Tined->run(args => ['-t', '-m', "/x=$mount"]);

		is($end->{status}, $mount =~ /invalid/ ? 1 : 64, $mount);
		like($end->{err} . $end->{out}, $words{$mount}, 'and why');
	}
};

subtest 'unix sockets, and the user who may not be root' => sub {
	my $up    = upstream(\&echo, unix => 1);
	my $tined = start($up, '/x', ',base=/y',
		$> == 0 ? ('--user', 'nobody') : ());

	like($tined->get('/x/z', fields => [Host => 'a'])->body,
		qr{\AGET /y/z HTTP/1.1\r\nHost: a\r\n}, 'a Unix socket');
	$tined->ends_clean;
};

# What the server sends, and what the client gets of it.
my @ANSWERS = (
	['a length', "HTTP/1.1 200 Fine\r\nContent-Length: 5\r\n\r\nabcde",
		sub ($r) { "$r->{framing} $r->{reason} " . $r->body },
		'length Fine abcde', 1],
	['chunks', "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
		. "Trailer: X\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX: 1\r\n\r\n",
		sub ($r) { $r->body . ($r->{trailers} ? 'trailers' : q{})
			. ($r->field('Trailer') // q{}) }, 'abcde', 1],
	['the end of the connection', "HTTP/1.1 200 OK\r\n\r\nabcde",
		sub ($r) { $r->body }, 'abcde', 0],
	['HTTP/1.0', "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nabcde",
		sub ($r) { "$r->{framing} " . $r->body }, 'length abcde', 0],
	['no content', "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		sub ($r) { "$r->{framing} " . $r->body }, 'length ', 1],
	['No Content', "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n",
		sub ($r) { $r->status . $r->field('X') }, '204y', 1],
	['Reset Content', "HTTP/1.1 205 Reset Content\r\n"
		. "Content-Length: 5\r\n\r\nabcde",
		sub ($r) { $r->status . $r->field('Content-Length') . $r->body },
		'2050', 1],
	['Not Modified', "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n"
		. "Content-Length: 5\r\n\r\n",
		sub ($r) { $r->status . $r->field('ETag') }, '304"a"', 1],
	['a status of its own', "HTTP/1.1 599 Odd\r\nContent-Length: 0\r\n\r\n",
		sub ($r) { "$r->{status} $r->{reason}" }, '599 Odd', 1],
	['fields', "HTTP/1.1 200 OK\r\nServer: other\r\nSet-Cookie: a\r\n"
		. "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nX-Hop: 1\r\n"
		. "Connection: X-Hop\r\nSet-Cookie: b\r\nKeep-Alive: 9\r\n"
		. "Content-Length: 0\r\n\r\n",
		sub ($r) { join q{ }, $r->field('Server'), $r->field('Date'),
			$r->{fields}{'set-cookie'}->@*,
			map { $r->field($_) // 'none' } qw(X-Hop Keep-Alive) },
		'tined Sun, 06 Nov 1994 08:49:37 GMT a b none none', 1],
	['interim responses', "HTTP/1.1 100 Continue\r\n\r\n"
		. "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
		. "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		sub ($r) { join q{ }, map { $_->status . $_->field('Link') }
			$r->{interim}->@* }, '103x', 1],
);

subtest 'responses' => sub {
	my $up = upstream(sub ($conn, $head, $, $) {
		my ($i) = $head =~ m{\A\S+ /(\d+) };
		send_all($conn, $ANSWERS[$i][1]);
		return $ANSWERS[$i][4];
	});
	my $tined = start($up);
	my $sock  = $tined->connect;
	my $fresh = 1;
	my $count = -1;

	for my $i (0 .. $#ANSWERS) {
		my ($name, undef, $of, $wanted, $kept) = $ANSWERS[$i]->@*;
		my $response = $tined->get("/$i", sock => $sock, keep => 1);

		is($of->($response), $wanted, $name);
		$count++ if $fresh;
		$fresh = !$kept;
		ok((grep { m{\A$count: GET /$i } } $up->notes),
			'over the connection that was kept');
	}
	my @old = map { $tined->request("GET /$_ HTTP/1.0\r\n\r\n") }
	    1, $#ANSWERS;
	is($old[0]->body, 'abcde', 'chunks for HTTP/1.0');
	is($old[1]{interim}->@*, 0, 'no interim responses for HTTP/1.0');
	$tined->ends_clean;
};

# What it has not received yet waits in the worker, and then in the lot.
subtest 'a client that reads slowly' => sub {
	plan skip_all => 'no lot' if ($ENV{TINED_ARGS} // q{}) =~ /--no-lot/;
	my @pieces = map { 'x' x ($_ << 20) } 5, 10; # the kernel keeps some
	my $up = Upstream->start(sub ($conn, $nth, $up) {
		read_request($conn);
		send_all($conn, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
		for my $piece (@pieces) {
			send_all($conn, $piece);
			sleep 0.1; # longer than a head waits for content
		}
		$up->note('written');
	});
	my $tined = start($up);
	my $sock = unread($tined, get('/'));

	ok(wait_for(sub { ($up->notes)[0] }), 'holds no server');
	hurry($sock);
	is(length $tined->read_response($sock)->body, 15 << 20, 'every byte');
	$tined->ends_clean;
};

subtest 'HEAD' => sub {
	my $up = upstream(sub ($conn, $head, $, $) {
		send_all($conn, "HTTP/1.1 200 OK\r\n",
			$head =~ m{ /length } ? "Content-Length: 5\r\n"
			: "Transfer-Encoding: chunked\r\n", "X-A: b\r\n\r\n");
	});
	my $tined = start($up);
	my $sock  = $tined->connect;
	my @heads = map { $tined->get($_, method => 'HEAD', sock => $sock,
			keep => 1) } qw(/length /chunked /length);

	is($heads[$_]->field('X-A'), 'b', 'a head') for 0 .. 2;
	is($heads[0]->field('Content-Length'), 5, 'with a length');
	is($heads[1]->field('Content-Length'), undef, 'without');
	is((grep { /\A0: HEAD/ } $up->notes), 3, 'over one connection');
	$tined->ends_clean;
};

subtest 'Location' => sub {
	my $up = upstream(sub ($conn, $head, $, $) {
		my ($to) = $head =~ /^X-To: (.*)\r$/m;
		respond($conn, q{}, Location => $to, 'X-After' => 'y');
		return 1;
	});
	my $tined = start($up, '/app', '/base');
	my $own   = 'http://127.0.0.1:' . $up->port;
	my %to = ('/base/x' => '/app/x', "$own/base/y?z" => '/app/y?z',
		'http://localhost/base/' => '/app/', '/other' => '/other',
		'http://else.example/base/' => 'http://else.example/base/');

	for my $to (sort keys %to) {
		my $response = $tined->get('/app/', fields => ['X-To' => $to]);

		is($response->field('Location'), $to{$to}, $to);
		is($response->field('X-After'), 'y', 'what comes after it');
	}
	$tined->ends_clean;
};

subtest 'Expect: 100-continue' => sub {
	my $up = Upstream->start(sub ($conn, $, $up) {
		while (my $head = read_head($conn)) {
			$up->note($head);
			if ($head =~ m{ /refused }) {
				send_all($conn, "HTTP/1.1 413 No\r\n"
					. "Content-Length: 0\r\n\r\n");
				next;
			}
			send_all($conn, "HTTP/1.1 100 Continue\r\n\r\n")
			    if $head !~ m{ /silent };
			sysread $conn, my $body, 5;
			respond($conn, $body);
		}
	});
	my $tined = start($up, q{/}, q{}, '--body-buffer', 0);
	my @expect = (fields => [Expect => '100-continue',
			'Content-Length' => 5]);

	for my $path (qw(/asked /silent)) {
		my $sock = $tined->connect;
		$tined->send($sock, "POST $path HTTP/1.1\r\nHost: a\r\n"
			. "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
		ok(wait_for(sub { $tined->fill($sock);
			${*$sock}{tined_buffer} =~ /\AHTTP\S+ 100 / }),
			"$path: the client is asked for its content");
		my $response = $tined->request('abcde', sock => $sock);
		is($response->body, 'abcde', 'and sends it');
	}
	my $refused = $tined->get('/refused', method => 'POST', @expect);
	is($refused->status, 413, 'refused before it was sent');
	is($refused->{interim}->@*, 0, 'nobody asked for it');
	like(join(q{}, $up->notes), qr/Expect: 100-continue/,
		'the server decides');
	$tined->ends_clean;
};

subtest 'real servers' => sub {
	my $dir  = File::Temp->newdir;
	my $port = free_port();
	Tined::spew("$dir/a.txt", "text\n" x 100_000);
	my $pid = Peer::start("$dir/log", qw(python3 -m http.server --bind
		127.0.0.1 -d), "$dir", $port);
	my $tined = Tined->start(args =>
		['-m', "/py=proxy:http://127.0.0.1:$port/"]);
	ok(wait_for(sub { $tined->get('/py/a.txt')->status == 200 }),
		'python3 -m http.server');
	is($tined->get('/py/a.txt')->body, slurp("$dir/a.txt"), 'a file');
	is($tined->get('/py/a.txt', method => 'HEAD')
		->field('Content-Length'), 500_000, 'HEAD');
	is($tined->get('/py/none')->status, 404, 'no file');
	like($tined->get('/py/')->body, qr/a[.]txt/, 'a listing');
	Peer::stop($pid);
	is($tined->get('/py/a.txt')->status, 503, 'it has ended');
	$tined->ends_clean(qr/upstream 127.0.0.1:\d+: cannot connect/);
};

subtest 'nginx' => sub {
	my $program = Peer::program('nginx') // do {
		diag('NOT TESTED: no nginx here');
		plan skip_all => 'no nginx';
	};
	my $dir  = File::Temp->newdir;
	my $user = Peer::nobody("user %s %s;\n");

	chmod oct '0755', $dir;
	Tined::spew("$dir/a.txt", "text\n" x 100_000);
	my $conf = Tined::spew("$dir/nginx.conf", <<~"END");
		${user}daemon off;
		pid $dir/nginx.pid;
		error_log $dir/error.log;
		events { worker_connections 64; }
		http {
			access_log $dir/access.log;
			client_body_temp_path $dir/body;
			proxy_temp_path $dir/proxy;
			fastcgi_temp_path $dir/fastcgi;
			uwsgi_temp_path $dir/uwsgi;
			scgi_temp_path $dir/scgi;
			gzip on;
			gzip_types text/plain;
			gzip_proxied any;
			server {
				listen unix:$dir/socket;
				root $dir;
			}
		}
		END
	my $pid   = Peer::start("$dir/log", $program, '-e', "$dir/error.log",
		'-c', $conf);
	my $tined = Tined->start(args => ['-w', 1, '-m',
			"/n=proxy:unix:$dir/socket,base=/,upstream=unix:$dir/socket"]);
	ok(wait_for(sub { $tined->get('/n/a.txt')->status == 200 }),
		'by a Unix socket') or diag(slurp("$dir/log"));
	my $sock = $tined->connect;
	my @on   = (sock => $sock, keep => 1);
	my $file = $tined->get('/n/a.txt', @on);
	is($file->body, slurp("$dir/a.txt"), 'a file');
	is($tined->get('/n/a.txt', @on, fields =>
			['If-None-Match' => $file->field('ETag')])->status, 304,
		'not modified');
	is($tined->get('/n/a.txt', @on, fields => [Range => 'bytes=2-5'])->body,
		"xt\nt", 'a range');
	my $zipped = $tined->get('/n/a.txt', @on,
		fields => ['Accept-Encoding' => 'gzip']);
	is($zipped->field('Content-Encoding'), 'gzip', 'compressed');
	is(unpack('H4', $zipped->body), '1f8b', 'in chunks');
	is($tined->get('/n/a.txt', @on, method => 'PUT', body => 'x' x 100_000)
		->status, 405, 'a refusal');
	Peer::stop($pid);
	$tined->ends_clean(qr/upstream unix:/);
};

subtest 'tined before tined' => sub {
	my $inner = Tined->start(args => ['-w', 2, '-m', '/e=echo:body',
			'-m', '/s=echo:100000'],
		files => { 'f.txt' => 'x' x 3_000_000 });
	my $tined = Tined->start(args => ['-w', 2, '-m',
			'/=proxy:http://127.0.0.1:' . $inner->port]);
	my $body  = join q{}, map { chr rand 256 } 1 .. 1_000_000;
	my $sock  = $tined->connect;

	is($tined->get('/e', method => 'POST', body => $body, keep => 1,
			sock => $sock)->body, $body, 'much both ways');
	is(length $tined->get('/s', sock => $sock, keep => 1)->body, 100_000,
		'and on');
	is(length $tined->get('/f.txt', sock => $sock, keep => 1)->body,
		3_000_000, 'a file');
	is($tined->get('/f.txt', fields => [Range => 'bytes=5-8'])->status, 206,
		'a range');
	my @all = $tined->request("GET /s HTTP/1.1\r\nHost: a\r\n\r\n" x 9,
		count => 9, sock => $sock);
	is((grep { length $_->body == 100_000 } @all), 9, 'pipelined');
	$tined->ends_clean;
	$inner->ends_clean;
};

done_testing;
