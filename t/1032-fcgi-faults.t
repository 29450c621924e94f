# fcgi: applications that break off, stand still, send what is no FastCGI, or
# write before they read.

use v5.36;

use Fcgi qw(begin content ended err out record request);
use FindBin;
use lib "$FindBin::Bin/lib";
use Socket qw(SOL_SOCKET SO_PEERCRED);
use Test::More;
use Tined qw(free_port wait_for);

my $HEAD = "Content-Type: text/plain\r\n\r\n";

# A server whose requests are answered by that code.
sub start_fcgi ($code, %option) {
	my $more = $option{more} // q{};
	my $app = Fcgi->application($code);
	my $tined = Tined->start(args => ['-w', $option{workers} // 2,
		'-m', '/=fcgi:unix:' . $app->path . $more],
		env => $option{env} // {});

	$tined->{app} = $app;
	return $tined;
}

# One that reads the request, and then writes those bytes and hangs up.
sub start_answer ($bytes, %option) {
	return start_fcgi(sub ($client, $number) {
		request($client);
		syswrite $client, $bytes;
		return;
	}, %option);
}

subtest 'an application without scripts' => sub {
	my $tined = start_fcgi(sub ($client, $number) {
		my $r = request($client);
		my $text = join q{}, map {"$_=$r->{$_}\n"} sort keys %$r;

		syswrite $client, out($HEAD . $text) . ended();
		return;
	});
	my $body = $tined->get('/a/b%20c?d', method => 'POST', body => 'xyz')
	    ->body;

	like($body, qr/^SCRIPT_NAME=\n/m, 'the prefix');
	like($body, qr{^PATH_INFO=/a/b c\n}m, 'all behind it');
	like($body, qr/^content=xyz\n/m, 'the content');
	like($body, qr/^flags=0\n/m, 'the connection is not kept');
	unlike($body, qr/SCRIPT_FILENAME/, 'no file');
	like($tined->get('/', fields => ['X-Long' => 'y' x 20_000])->body,
		qr/^HTTP_X_LONG=y{20000}\n/m, 'a long variable');
	is($tined->get($_)->status, 400, "$_: no variable of the client's own")
	    for '/a%00REMOTE_USER=root', '/%00x';
	$tined->ends_clean;
};

subtest 'a field that only the server sets' => sub {
	my $tined = start_fcgi(sub ($client, $number) {
		request($client);
		syswrite $client, out("Transfer-Encoding: chunked\r\n$HEAD");
		sleep 0.05;
		syswrite $client, out('x') . ended();
		return;
	});

	is($tined->get('/')->status, 500, 'is the fault of the application');
	$tined->ends_clean(qr/ error: .*wrong response/);
};

subtest 'answers in all forms' => sub {
	my @forms = (
		['one byte at a time', map { out($_) } split //, $HEAD . 'hello'],
		['with padding', record(6, $HEAD . 'he', padding => 255),
			record(6, 'llo', padding => 7)],
		['with its end', out($HEAD . 'hello'), record(6)],
		['with errors between', err("one\ntw"), out($HEAD), err("o\n"),
			out('hello'), err('x' x 5000), record(7)],
		['with LF alone', out("Content-Type: a/b\n\nhello")],
		['of a length', out("Status: 200 Fine\r\nContent-Length: 5\r\n\r\n"
			. 'hello, which is cut')],
	);
	my $tined = start_fcgi(sub ($client, $number) {
		my $r = request($client);
		my $bytes = join(q{}, @{ $forms[ substr $r->{PATH_INFO}, 2 ] }[
			1 .. $#{ $forms[ substr $r->{PATH_INFO}, 2 ] } ]) . ended();

		if ($r->{PATH_INFO} =~ /b/) {
			syswrite $client, $_ for split //, $bytes;
		} else {
			syswrite $client, $bytes;
		}
		return;
	});

	for my $i (0 .. $#forms) {
		is($tined->get("/$_$i")->body, 'hello', "$forms[$i][0] ($_)")
		    for qw(a b);
	}
	my $name = quotemeta $tined->{app}->path;

	is(scalar(() = $tined->error_log =~ /unix:$name: one$/mg), 2, 'a line');
	is(scalar(() = $tined->error_log =~ /unix:$name: two$/mg), 2,
		'of two records');
	is(scalar(() = $tined->error_log =~ /unix:$name: x{904,1024}$/mg),
		10, 'a long one is split');
	$tined->ends_clean(qr/unix:$name: (?:one|two|x+)\z/);
};

subtest 'answers that are none' => sub {
	my $good = out($HEAD . 'hello');
	my @bad = (
		['nothing', 502, q{}, qr/sent nothing/],
		['an end alone', 502, ended(), qr/without a response/],
		['half a head', 502, out('Content-Type: a/b') . ended(),
			qr/no empty line/],
		['a bad head', 502, out("hello\r\n\r\n") . ended(), qr/bad head/],
		['a bad status', 502, out("Status: 99\r\n\r\n") . ended(),
			qr/bad head/],
		(map { ["the status $_", 502, out("Status: $_\r\n\r\n") . ended(),
			qr/a Status that is not 200 to 599/] } 100, 101, 103),
		['a status line', 502, out("HTTP/1.1 200 OK\r\n\r\n") . ended(),
			qr/NPH/],
		['too large a head', 502,
			out('X: ' . 'y' x 40_000) . out('y' x 40_000), qr/64 KiB/],
		['no FastCGI', 502, "HTTP/1.1 200 OK\r\n\r\n", qr/version/],
		['another version', 502, record(6, $HEAD, version => 2) . ended(),
			qr/version/],
		['another request', 502, record(6, $HEAD, id => 2) . ended(),
			qr/not made/],
		['another type', 502, record(9, $HEAD) . ended(), qr/type/],
		['a short end', 502, record(3, 'abc'), qr/8 bytes/],
		['an overload', 503, ended(2), qr/FCGI_OVERLOADED/],
		['no multiplexing', 502, ended(1), qr/FCGI_CANT_MPX_CONN/],
		['another role', 502, ended(3), qr/FCGI_UNKNOWN_ROLE/],
	);

	for (@bad) {
		my ($name, $status, $bytes, $words) = @$_;
		my $tined = start_answer($bytes, workers => 1);

		is($tined->get('/')->status, $status, $name);
		like($tined->error_log, $words, 'the log says why');
		$tined->ends_clean(qr/upstream unix:/);
	}
};

# What the client has got of a response that is cut off.
sub cut_off ($tined) {
	my $sock = $tined->connect;

	$tined->send($sock, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	1 while $tined->fill($sock);
	return ${*$sock}{tined_buffer};
}

subtest 'answers that break off' => sub {
	my $much = out($HEAD . 'x' x 60_000) . out('x' x 60_000);

	for (['the end is missing', $much, qr/broke off/],
		['a record is cut', $much . substr(out('hello'), 0, 10),
			qr/broke off/],
		['what follows is wrong', $much . "\0" x 100, qr/version/],
		['it is too short', out("Content-Length: 900000\r\n$HEAD") . $much
			. ended(), qr/shorter than its Content-Length/]) {
		my ($name, $bytes, $words) = @$_;
		my $tined = start_answer($bytes, workers => 1);
		my $got = cut_off($tined);

		like($got, qr/\A(?:HTTP.1.1 502 |HTTP.1.1 200 (?!.*\r\n0\r\n\r\n\z))/s,
			$name);
		unlike($got, qr/Content-Length: 1\d{5}\r/, 'it looks so');
		like($tined->error_log, $words, 'the log says why');
		$tined->ends_clean(qr/upstream unix:/);
	}
	my $tined = start_answer(out("Content-Length: 5\r\n$HEAD") . out('hello'));

	is($tined->get('/')->body, 'hello', 'but it may be complete');
	$tined->ends_clean;
};

# What comes, or does not come, behind a response that the client has all of.
subtest 'a complete response' => sub {
	my $text = "Content-Length: 5\r\n$HEAD" . 'hello';
	my %rest = (
		'/goes-on' => sub ($client) {
			1 while sysread $client, my $rest, 1 << 16;
		},
		'/closes' => sub { },
		'/nonsense' => sub ($client) { syswrite $client, "\0" x 100 },
	);
	my $tined = start_fcgi(sub ($client, $number) {
		my $r = begin($client);

		# Content that is not read makes the end of the connection a reset.
		content($client) if $r->{PATH_INFO} ne '/resets';
		syswrite $client, out($text);
		$rest{ $r->{PATH_INFO} }->($client)
		    if exists $rest{ $r->{PATH_INFO} };
		return;
	}, more => ',idle-timeout=200ms', workers => 1);
	my $sock = $tined->connect;

	for my $path (sort keys %rest, '/resets') {
		for my $method (qw(POST HEAD)) {
			my $response = $tined->get($path, sock => $sock,
				keep => 1, method => $method, body => 'x' x 99);

			is($response->field('Content-Length'), 5,
				"$path: all of it");
		}
	}
	$tined->ends_clean;
};

subtest 'content where there must be none' => sub {
	my $tined = start_fcgi(sub ($client, $number) {
		my $r = request($client);
		my ($status, $length) = $r->{PATH_INFO} =~ m{/(\d+)/?(\d+)?};

		syswrite $client, out("Status: $status\r\n"
			. ($length ? "Content-Length: $length\r\n" : q{})
			. $HEAD . 'x' x 100) . out('y' x 100) . ended();
		return;
	}, workers => 1);
	my $sock = $tined->connect;

	for my $case ([HEAD => '/200', undef], [HEAD => '/200/5', 5],
		[GET => '/204', undef], [GET => '/204/5', undef],
		[GET => '/304/5', undef], [GET => '/205', 0],
		[GET => '/205/5', 0], [HEAD => '/205/5', 0]) {
		my ($method, $path, $length) = @$case;
		my $response = $tined->get($path, method => $method,
			sock => $sock, keep => 1);

		is($response->status, substr($path, 1, 3), "$method $path");
		is($response->field('Content-Length'), $length, 'its length');
	}
	is($tined->get('/', method => 'TRACE')->status, 405, 'no TRACE');
	$tined->ends_clean;
};

# The worker's files with that name, and how large they are on disk.
sub files_of ($client, $name) {
	my ($worker) = unpack 'l', getsockopt $client, SOL_SOCKET, SO_PEERCRED;

	return map { [readlink, (stat)[12] * 512] }
	    grep { readlink =~ $name } glob "/proc/$worker/fd/*";
}

# No file system stores it in less.
sub random_bytes ($count) {
	open my $random, '<:raw', '/dev/urandom' or die $!;
	read $random, my ($bytes), $count;
	return $bytes;
}

subtest 'content whose length only its end tells' => sub {
	my $dir = File::Temp->newdir('spool-XXXXXX', TMPDIR => 1);
	my $tined = start_fcgi(sub ($client, $number) {
		my $r = request($client);
		my @files = files_of($client, qr/memfd:tined-c|^\Q$dir\E/);

		syswrite $client, out($HEAD . join q{ }, $r->{CONTENT_LENGTH},
			length $r->{content}, $r->{content} =~ s/\A(.).*/$1/sr,
			map {@$_} @files) . ended();
		return;
	}, workers => 1, env => { TMPDIR => "$dir" });
	my $sock = $tined->connect;
	my @kind = (['large', 'x', 1_500_000], ['small', 'y', 3]);

	for (@kind) {
		my ($name, $char, $size) = @$_;
		my $body = $tined->request("PUT / HTTP/1.1\r\nHost: a\r\n"
			. "Transfer-Encoding: chunked\r\n\r\n" . sprintf("%x", $size)
			. "\r\n" . $char . random_bytes($size - 1) . "\r\n0\r\n\r\n",
			sock => $sock)->body;
		my ($on_disk) = $body =~ /(\d+)\z/;

		like($body, qr{\A$size\ $size\ $char\ \Q$dir\E/tined-\w+
			\ \(deleted\)\ \d+\z}x, "$name: on disk, not in memory");
		cmp_ok($on_disk, $size > 9 ? '>=' : '<', 500_000,
			'which has room for it, and no more');
	}
	$tined->ends_clean;
};

subtest 'variables of the mount' => sub {
	my $tined = start_fcgi(sub ($client, $number) {
		my $r = request($client);

		syswrite $client, out($HEAD . join q{,}, map { $r->{$_} // '-' }
			qw(A PASSED HTTPS SERVER_NAME)) . ended();
		return;
	}, more => ',env=A=b\,c,env=PASSED,env=HTTPS=on,env=SERVER_NAME=x',
		env => { PASSED => 'here' });

	is($tined->get('/')->body, 'b,c,here,on,x',
		'stand above those of the request');
	$tined->ends_clean;
};

subtest 'it writes before it reads' => sub {
	my $size = 3 << 20;
	my $tined = start_fcgi(sub ($client, $number) {
		begin($client);
		syswrite $client, out($HEAD);
		for (1 .. $size >> 15) {
			my $piece = out('y' x (1 << 15));

			while (length $piece) {
				my $n = syswrite $client, $piece or return 'gone';
				substr $piece, 0, $n, q{};
			}
		}
		my $length = length content($client);

		syswrite $client, out(" and $length") . ended();
		return;
	});
	my $sock = $tined->connect;

	# The client, too, sends all before it reads.
	$tined->send($sock, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
		. "Content-Length: $size\r\n\r\n" . 'x' x $size);
	my $body = $tined->read_response($sock)->body;

	is(length $body, $size + length " and $size", 'all of it came');
	like($body, qr/y and $size\z/, 'both ways');
	$tined->ends_clean;
};

subtest 'it answers before it reads' => sub {
	my $tined = start_fcgi(sub ($client, $number) {
		begin($client);
		syswrite $client, out($HEAD . 'early') . ended();
		return;
	}, workers => 1);

	for (1 .. 3) {
		is($tined->get('/', method => 'POST', body => 'x' x $_)->body,
			'early', "$_ bytes") for 10, 100_000, 3_000_000;
	}
	$tined->ends_clean;
};

subtest 'it stands still' => sub {
	my %late = (
		'reads nothing' => sub { },
		'does not respond' => sub ($client) { request($client) },
		'stops in its response' => sub ($client) {
			request($client);
			syswrite $client, out("$HEAD hello");
		},
	);

	for my $name (sort keys %late) {
		my $tined = start_fcgi(sub ($client, $number) {
			$late{$name}->($client);
			1 while sysread $client, my $rest, 1 << 16;
			return 'gone';
		}, more => ',first-byte-timeout=300ms,idle-timeout=300ms',
			workers => 1);
		my $sock = $tined->connect;

		$tined->send($sock, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close"
			. "\r\nContent-Length: 3000000\r\n\r\n");
		$tined->send($sock, 'x' x 3_000_000);
		my $response = eval { $tined->read_response($sock) };

		if ($name =~ /response/) {
			ok(!defined $response || $response->status == 504,
				"$name: cut off");
		} else {
			is($response->status, 504, "$name: 504");
		}
		ok(wait_for(sub { $tined->{app}->seen }), 'its connection ends');
		$tined->ends_clean(qr/upstream unix:.* in time/);
	}
};

subtest 'it is not there' => sub {
	my $port = free_port();
	my $tined = Tined->start(args => ['-m', "/=fcgi:127.0.0.1:$port",
		'-m', '/b=fcgi:unix:/nonexistent/socket']);

	is($tined->get('/')->status, 503, 'a port');
	is($tined->get('/b')->status, 503, 'a socket');
	$tined->ends_clean(qr/upstream .*: cannot connect: /);
};

subtest 'kept connections' => sub {
	my $tined = start_fcgi(sub ($client, $number) {
		my $count = 0;

		while (my $r = request($client)) {
			last if $r->{PATH_INFO} eq '/close-first';
			$count++;
			syswrite $client, out("$HEAD$number $count $r->{flags}")
			    . ended() . ($r->{PATH_INFO} eq '/more' ? 'x' : q{});
			last if $r->{PATH_INFO} eq '/close';
		}
		return "$count";
	}, more => ',keepalive=1m', workers => 1);

	is($tined->get('/')->body, '1 1 1', 'a connection');
	is($tined->get('/')->body, '1 2 1', 'is kept');
	is($tined->get('/', method => 'POST', body => 'abc')->body, '1 3 1',
		'with content, too');
	is($tined->get('/close')->body, '1 4 1', 'until it is closed');
	ok(wait_for(sub { $tined->{app}->seen == 1 }), 'by the application');
	is($tined->get('/', method => 'POST', body => 'abc')->body, '2 1 1',
		'then there is another one');
	is($tined->get('/more')->body, '2 2 1', 'bytes behind the end');
	is($tined->get('/')->body, '3 1 1', 'end it');
	$tined->ends_clean;
};

# It closes a kept connection when it has read the next request.
subtest 'a second attempt' => sub {
	my $tined = start_fcgi(sub ($client, $number) {
		my $r = request($client) or return "no $number";

		syswrite $client, out("$HEAD$number") . ended();
		$r = request($client) or return "once $number";
		return "$r->{REQUEST_METHOD} $number";
	}, more => ',keepalive=1m', workers => 1);

	is($tined->get('/')->body, '1', 'a connection is kept');
	is($tined->get('/')->body, '2', 'GET is sent again');
	is($tined->get('/', method => 'POST', body => 'a')->status, 502,
		'POST is not');
	is($tined->get('/', method => 'PUT', body => 'a')->body, '3', 'a new one');
	is($tined->get('/', method => 'PUT', body => 'a')->body, '4',
		'PUT is sent again, with its content');
	is_deeply([$tined->{app}->seen], ['GET 1', 'POST 2', 'PUT 3'],
		'nothing more than that');
	$tined->ends_clean(qr/upstream unix:.* closed the connection/);
};

subtest 'the client goes' => sub {
	my $tined = start_fcgi(sub ($client, $number) {
		my $r = request($client);

		syswrite $client, out("$HEAD hello") if $r->{PATH_INFO} eq '/begun';
		sysread $client, my $end, 1;
		return 'gone';
	}, workers => 1);

	for my $path ('/', '/begun') {
		my $before = $tined->{app}->seen;
		my $sock = $tined->connect;

		$tined->send($sock, "GET $path HTTP/1.1\r\nHost: a\r\n\r\n");
		$tined->fill($sock) if $path eq '/begun';
		close $sock;
		ok(wait_for(sub { $tined->{app}->seen > $before }),
			"$path: the application is told");
	}
	$tined->ends_clean;
};

subtest 'a local redirect' => sub {
	my $tined = start_fcgi(sub ($client, $number) {
		my $r = request($client);

		syswrite $client, out($r->{PATH_INFO} eq '/from'
			? "Location: /to?a=b\r\n\r\n"
			: "$HEAD$r->{PATH_INFO} $r->{QUERY_STRING}") . ended();
		return;
	});

	is($tined->get('/from')->body, '/to a=b', 'is followed here');
	$tined->ends_clean;
};

subtest 'the command line' => sub {
	for (['fcgi:', qr/needs the address/],
		['fcgi:unix:/x,root=', qr/root=: expected the path of a directory/],
		['fcgi:unix:/x,root=/nonexistent', qr/root=.*No such file/],
		['fcgi:unix:/x,root=/,index=a/b', qr/index=/],
		['fcgi:unix:/x,root=/,split=a/b', qr/split=/],
		['fcgi:unix:/x,root=/,application-root=b', qr/application-root=/],
		['fcgi:unix:/x,index=a.php', qr/index=.*root=|unknown argument/],
		['fcgi:unix:/x,env=HTTP_A=b', qr/env=.*header fields/],
		['fcgi:unix:/x,colour=red', qr/unknown argument colour=/]) {
		my ($mount, $words) = @$_;
		my $ran = Tined->run(args => ['-t', '-m', "/=$mount"]);

		isnt($ran->{status}, 0, $mount);
		like($ran->{err} . $ran->{out}, $words, 'says why');
	}
};
done_testing;
