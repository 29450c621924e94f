# --log-format: each letter says what it should, no client can spoil a line,
# and JSON is JSON.

use v5.36;

use File::Temp ();
use FindBin;
use JSON::PP   ();
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);
use Tined qw(wait_for);

my %files = ('a.txt' => "hello\n", 'ten' => 'x' x 10_000);
my $has_lot = ($ENV{TINED_ARGS} // q{}) !~ /--no-lot/;

sub start ($format, @args) {
	return Tined->start(files => \%files, args => ['-w', 2, '-m',
		'/reflect=echo:body', '--log-format', $format, @args]);
}

# The lines that come after a request, as many as are wanted.
sub logged ($tined, $code, $count = 1) {
	my @before = $tined->access_log;
	$code->();
	wait_for(sub { my @now = $tined->access_log; @now >= @before + $count });
	my @lines = $tined->access_log;
	return @lines[@before .. $#lines];
}

# One server for many letters: a name and "=" before each, "|" behind.
sub parts ($line) {
	return map { /\A(.*?)=(.*)\z/s ? ($1 => $2) : () } split /\|/, $line;
}

subtest 'letters' => sub {
	my @letters = qw(%h %a %{c}a %l %u %r %m %U %q %H %v %V %p %{local}p
		%{remote}p %s %>s %<s %b %B %I %O %S %T %{s}T %{ms}T %{us}T %D
		%{queue:us}T %{first:us}T %{stall:ms}T %{stall}x %^FB %P %{pid}P %{worker}P %k %X
		%{Host}i %{X-None}i %{content-type}o %{Server}o %{X-None}o
		%{Content-Length}o %{sec}t %{msec}t %{end:usec}t %{msec_frac}t
		%{%Y}t %404{Host}i %!404{Host}i);
	my $n = 0;
	my $tined = start(join q{|}, (map { ++$n . "=$_" } @letters), 't=%t%%');
	my $line_of = sub ($code) {
		my ($line) = logged($tined, $code);
		my %part = parts($line);
		my $m = 0;
		return (t => $part{t}, map { $_ => $part{ ++$m } } @letters);
	};
	my $sock = $tined->connect;
	my $raw = "GET /a.txt?b=%20c HTTP/1.1\r\nHost: www.example:81\r\n\r\n";
	my $start = time;
	my $response;
	my %is = $line_of->(sub {
		$response = $tined->request($raw, sock => $sock);
	});
	my $took = time - $start;
	my $size = length $response->{head} . $response->body;

	my %want = (
		'%h' => '127.0.0.1', '%a' => '127.0.0.1', '%{c}a' => '127.0.0.1',
		'%l' => '-', '%u' => '-',
		'%r' => 'GET /a.txt?b=%20c HTTP/1.1',
		'%m' => 'GET', '%U' => '/a.txt', '%q' => '?b=%20c',
		'%H' => 'HTTP/1.1', '%v' => 'www.example', '%V' => 'www.example',
		'%p' => $tined->port, '%{local}p' => $tined->port,
		'%{remote}p' => $sock->sockport,
		'%s' => 200, '%>s' => 200, '%<s' => 200, '%b' => 6, '%B' => 6,
		'%I' => length $raw, '%O' => $size, '%S' => $size + length $raw,
		'%k' => 0, '%X' => '+', '%{Host}i' => 'www.example:81',
		'%{X-None}i' => '-', '%{content-type}o' =>
		    'text/plain; charset=utf-8', '%{Server}o' => 'tined',
		'%{X-None}o' => '-', '%{Content-Length}o' => 6,
		'%{stall:ms}T' => '-', '%{stall}x' => '-',
		'%404{Host}i' => '-', '%!404{Host}i' => 'www.example:81',
	);
	is($is{$_}, $want{$_}, $_) for sort keys %want;
	like($is{t}, qr{\A\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]%\z},
		'%t%%');
	# Even who finds a free worker may have come by way of the lot.
	if ($has_lot) {
		cmp_ok($is{'%{queue:us}T'}, '<=', $took * 1e6, '%{queue:us}T');
	} else {
		is($is{'%{queue:us}T'}, '-', '%{queue:us}T is not known');
	}
	my $us = $is{'%D'};
	cmp_ok($us, '>', 0, '%D is a time');
	cmp_ok($us, '<=', $took * 1e6, 'and no longer than it was');
	is($is{$_}, $us, $_) for '%{us}T';
	is($is{'%{ms}T'}, int $us / 1000, '%{ms}T');
	is($is{$_}, int $us / 1_000_000, $_) for '%T', '%{s}T';
	cmp_ok($is{$_}, '<=', $us, "$_ comes before the end")
	    for '%{first:us}T', '%^FB';
	my %pid = map { $_ => 1 } $tined->worker_pids;
	ok($pid{ $is{$_} }, "$_ is a worker's") for '%P', '%{pid}P';
	like($is{'%{worker}P'}, qr/\A[12]\z/, '%{worker}P');
	cmp_ok($is{'%{sec}t'}, '>=', int $start, '%{sec}t: not before');
	cmp_ok($is{'%{sec}t'}, '<=', $start + $took, 'nor after it');
	is(int $is{'%{msec}t'} / 1000, $is{'%{sec}t'}, '%{msec}t');
	like($is{'%{msec}t'}, qr/\Q$is{'%{msec_frac}t'}\E\z/, '%{msec_frac}t');
	is(length $is{'%{msec_frac}t'}, 3, 'has three digits');
	my $end = $is{'%{end:usec}t'} / 1000 - $us / 1000;
	cmp_ok(abs($end - $is{'%{msec}t'}), '<=', 1.001,
		'the end is %D behind the begin');
	like($is{'%{%Y}t'}, qr/\A2\d{3}\z/, '%{%Y}t');

	%is = $line_of->(sub {
		$tined->request("HEAD /none HTTP/1.0\r\n\r\n", sock => $sock,
			method => 'HEAD');
	});
	%want = ('%m' => 'HEAD', '%H' => 'HTTP/1.0', '%q' => q{}, '%s' => 404,
		'%b' => '-', '%B' => 0, '%v' => '-', '%k' => 1, '%X' => '-',
		'%404{Host}i' => '-', '%U' => '/none');
	is($is{$_}, $want{$_}, "$_ of the next request") for sort keys %want;

	my $body = "5\r\nhello\r\n0\r\n\r\n";
	$raw = "POST /reflect HTTP/1.1\r\nHost: [::1]:8\r\n"
	    . "Transfer-Encoding: chunked\r\n\r\n$body";
	%is = $line_of->(sub { $tined->request($raw) });
	is($is{'%I'}, length $raw, '%I has the chunks of a body too');
	is($is{'%B'}, 5, '%B is its content');
	is($is{'%V'}, '[::1]', '%V of an IPv6 address');

	$raw = "no request\r\n\r\n";
	%is = $line_of->(sub { $tined->request($raw, all => 1) });
	%want = ('%r' => 'no request', '%m' => '-', '%U' => '-', '%H' => '-',
		'%q' => q{}, '%I' => length $raw, '%X' => '-', '%s' => 400);
	is($is{$_}, $want{$_}, "$_ of what is no request") for sort keys %want;
	$tined->ends_clean;
};

subtest 'names' => sub {
	my %line = (
		common => qr{\A127\.0\.0\.1\ -\ -\ \[[^\]]+\]\ "GET\ /a\.txt
			\ HTTP/1\.1"\ 200\ 6\z}x,
		combined => qr{" 200 6 "-" "me"\z},
		'"%r" \\"\\t\\\\' => qr{\A"GET /a\.txt HTTP/1\.1" "\t\\\z},
	);
	for my $format (sort keys %line) {
		my $tined = start($format);
		my ($line) = logged($tined, sub {
			$tined->get('/a.txt', fields => { 'User-Agent' => 'me' });
		});
		like($line, $line{$format}, $format);
		$tined->ends_clean;
	}
	my $bad = Tined->run(args => ['--log-format', '%h %Z']);
	is($bad->{status}, 64, 'a mistake is one of the command line');
	like($bad->{err}, qr/\Atined: --log-format .*%Z \(character 4\)\n\z/,
		'and tells the letter and the place');
};

# Whatever a client can send anywhere.
my $nasty = join q{}, map { chr } grep { !/\A(?:0|10|13)\z/ } 1 .. 255;
my @hostile = (
	(map { "GET /a.txt HTTP/1.1\r\nHost: a\r\n$_\r\n\r\n" }
	    'User-Agent: ' . $nasty =~ s/[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]//gr,
	    "User-Agent: \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xff\xc3",
	    'User-Agent: "} , {"a":"\\',
	    'User-Agent: \\u0041 \\x41',
	    'Referer: ' . "\xf0\x9f\x98\x80" x 3000,
	    'Referer: ' . "\xff" x 9000,
	    'Referer: ' . q{"} x 9000),
	"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /\" HTTP/1.1\r\nHost: \"\r\n\r\n",
	"GET /[|]?\\&\\\\&\\u0022[]{|}^`\\ HTTP/1.1\r\nHost: a\r\n\r\n",
	"$nasty\r\n\r\n",
	"\0\0\x1b[31m\r\n\r\n",
	"\"\\\xe2\x82\r\n\r\n",
	"GET /" . "\xe2\x82\xac" x 2500 . " HTTP/1.1\r\nHost: a\r\n\r\n",
	'GET /' . 'y' x 9000 . " HTTP/1.1\r\nHost: a\r\n\r\n",
	"M\xffTHOD / HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET / HTTP/1.1\xff\r\nHost: a\r\n\r\n",
	"G",
);

my @KEYS = sort qw(time client method target protocol status bytes duration_us
	queue_us first_byte_us stall_us stall worker reused host referer
	user_agent);

# A line as a person who trusts it would read it.
sub decoded ($line) {
	like($line, qr/\A[\x20-\x7e]+\z/, 'a line of printable ASCII');
	cmp_ok(length $line, '<', 4096, 'that is whole in a pipe');
	my $entry = eval { JSON::PP->new->utf8->decode($line) };
	ok($entry, 'is JSON') or return diag($@, $line);
	is_deeply([sort keys %$entry], \@KEYS, 'and has its fields');
	return $entry;
}

subtest 'JSON' => sub {
	my $tined = start('json');
	my ($line) = logged($tined, sub {
		$tined->get("/a.txt?x=\x01", fields => {
			'User-Agent' => "\xc3\xa9\xff\"\\" });
	});
	my $entry = decoded($line);
	is($entry->{target}, "/a.txt?x=\x01", 'what is refused has its target');
	is($entry->{user_agent}, undef, 'but its fields were not read');
	($line) = logged($tined, sub {
		$tined->get('/a.txt?x', fields => {
			'User-Agent' => "\xc3\xa9\xff\"\\" });
	});
	$entry = decoded($line);
	my %want = (client => '127.0.0.1', method => 'GET',
		target => '/a.txt?x', protocol => 'HTTP/1.1', status => 200,
		bytes => 6, host => 'localhost', referer => undef,
		user_agent => "\xe9\xff\"\\", reused => JSON::PP::false,
		stall => undef, stall_us => undef);
	is_deeply($entry->{$_}, $want{$_}, $_) for sort keys %want;
	like($line, $has_lot ? qr/"queue_us":\d+,/ : qr/"queue_us":null,/,
		'queue_us');
	like($line, qr/"$_":\d+[,}]/, "$_ is a number")
	    for qw(status bytes duration_us first_byte_us worker);
	like($entry->{time}, qr{\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\z},
		'the time is RFC 3339');

	my $query = '?\\u0022&[a]={b|c}^`\\';
	($line) = logged($tined, sub { $tined->get("/a.txt$query") });
	is(decoded($line)->{target}, "/a.txt$query", 'a query as browsers send it');

	for my $i (keys @hostile) {
		my @lines = logged($tined, sub {
			$tined->request($hostile[$i], half_close => 1, all => 1);
		});
		is(scalar @lines, 1, "hostile request $i has one line");
		$entry = decoded($lines[0]);
	}
	$tined->ends_clean;
};

subtest 'hostile bytes in every letter' => sub {
	my $tined = start('%h %r %m %U %q %H %v %{User-Agent}i %{Referer}i '
		. '%{Host}i %{X}i %{Server}o %t');
	for my $i (keys @hostile) {
		my @lines = logged($tined, sub {
			$tined->request($hostile[$i], half_close => 1, all => 1);
		});
		is(scalar @lines, 1, "hostile request $i has one line");
		like($lines[0], qr/\A127\.0\.0\.1 [\x20-\x7e]+\]\z/,
			'of printable ASCII, whole');
		cmp_ok(length $lines[0], '<', 4096, 'of bounded length');
		unlike($lines[0] =~ s/\\["\\]//gr, qr/"/, 'no quote is bare');
	}
	$tined->ends_clean;
};

# How many connections the lot has taken, as no worker was free.
sub by_lot ($tined, $status) {
	my $json = $tined->get('/json', unix => $status)->body;

	return JSON::PP::decode_json($json)->{connections}{accepted_by_lot};
}

# One worker is held by a body that comes late; another request waits for it.
subtest 'the time in the queue' => sub {
	my $dir = File::Temp->newdir;
	my $status = "$dir/status";
	my $tined = start('%U %{queue:us}T %D %{first:us}T %k', '-w', 1,
		'--body-buffer', 0, '--status-socket', $status);
	my $slow = $tined->connect;
	my $begun = time;
	$tined->send($slow, "POST /reflect HTTP/1.1\r\nHost: a\r\n"
		. "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n");
	ok(wait_for(sub {
		grep { Tined::title($_) =~ /serving/ } $tined->worker_pids;
	}), 'the worker is busy');
	my $busy = time;
	my $before = by_lot($tined, $status) // 0;
	my $fast = $tined->connect;
	my $sent = time;
	$tined->send($fast, "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
	# What had gone before the lot had read it is not counted.
	ok(wait_for(sub { by_lot($tined, $status) > $before }),
		'the other waits for it') if $has_lot;
	my $since = time;
	sleep 0.3; # what is to be measured
	my $held = time - $since;
	my $free = time;
	my @lines = logged($tined, sub {
		$tined->send($slow, "3\r\nllo\r\n0\r\n\r\n");
		is($tined->read_response($slow)->body, 'hello', 'the slow one');
		close $slow;
		is($tined->read_response($fast)->body, "hello\n", 'the other');
	}, 2);
	my ($first, $second) = map { [split] } @lines;
	is($first->[0], '/reflect', 'they are logged in their order');
	cmp_ok($first->[2], '>=', int $held * 1e6,
		'a request lasts while its body comes');
	if ($has_lot) {
		cmp_ok($first->[1], '<=', ($busy - $begun) * 1e6,
			'one did not wait for a worker');
		cmp_ok($second->[1], '>=', int $held * 1e6,
			'the other as long as that one held it');
		cmp_ok($second->[1], '<=', (time - $sent) * 1e6, 'no longer');
	} else {
		is($second->[1], '-', 'nobody knows how long the other waited');
	}
	cmp_ok($second->[2], '<=', (time - $free) * 1e6,
		'that is no part of its time');
	my $again = time;
	my ($third) = logged($tined, sub {
		$tined->request("GET /ten HTTP/1.1\r\nHost: a\r\n\r\n",
			sock => $fast);
	});
	like($third, qr{\A/ten \S+ \d+ \d+ 1\z}, 'nor of the next request\'s');
	my ($queued) = $third =~ /\A\S+ (\S+)/;
	cmp_ok($queued, '<=', (time - $again) * 1e6,
		'which has a time of its own') if $has_lot;
	$tined->ends_clean;
};

# The 100 before it is not the response.
subtest 'the first byte' => sub {
	my $tined = start('%U %{first:us}T %D', '--body-buffer', 0);
	my $sock = $tined->connect;
	my ($line) = logged($tined, sub {
		$tined->send($sock, "POST /reflect HTTP/1.1\r\nHost: a\r\n"
			. "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
		$tined->fill($sock)
		    until ${*$sock}{tined_buffer} =~ /\r\n\r\n/;
		sleep 0.2; # what is to be measured
		$tined->send($sock, 'hello');
		my $response = $tined->read_response($sock);
		is($response->{interim}[0]{status}, 100, 'it says 100');
	});
	my ($first, $took) = $line =~ m{\A/reflect (\d+) (\d+)\z};
	cmp_ok($first, '>=', 0.2e6, 'it is that of the final response');
	cmp_ok($first, '<=', $took, 'before its end');
	$tined->ends_clean;
};

# A response that is not whole, and when it began to leave.
subtest 'a client that goes away' => sub {
	my $tined = start('%U %X %B %D %{first:us}T', '--send-timeout', '400ms',
		'--response-memory', 0, '-m', '/big=echo:8M');
	my $sock = $tined->connect(rcvbuf => 4096);
	my $seen;
	my ($line) = logged($tined, sub {
		my $start = time;
		$tined->send($sock, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
		$tined->fill($sock);
		$seen = time - $start;
	});
	my ($bytes, $took, $first) = $line =~ m{\A/big X (\d+) (\d+) (\d+)\z};
	ok(defined $bytes, 'X: it is not whole') or diag($line);
	cmp_ok($bytes, '<', 8 << 20, '%B is what the kernel took');
	cmp_ok($took, '>=', 0.3e6, '%D is until it was given up');
	cmp_ok($first, '<=', $seen * 1e6, 'it began to leave before');
	cmp_ok($first, '<', $took, 'it was given up');
	$tined->ends_clean;
};

done_testing;
