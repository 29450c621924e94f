# The access log is Combined to the letter, and no client can forge a line.

use v5.36;

use File::Temp ();
use FindBin;
use IO::Socket::IP ();
use lib "$FindBin::Bin/lib";
use Socket qw(SOCK_STREAM SOMAXCONN);
use Test::More;
use Time::Local qw(timegm);
use Tined qw(slurp wait_for);

my %files = ('a.txt' => "hello\n", 'ten' => 'x' x 10_000);
my $tined = Tined->start(files => \%files,
	args => ['-w', 2, '-m', '/reflect=echo:body']);

my $QUOTED = qr{"((?:[^"\\]|\\.)*)"};
my $COMBINED = qr{\A(?<client>\S+)\ -\ -\ \[(?<date>[^\]]+)\]\ $QUOTED
	\ (?<status>\d{3})\ (?<bytes>\d+|-)\ $QUOTED\ $QUOTED\z}x;

# The line that comes after a request.
sub logged ($code) {
	my @before = $tined->access_log;
	$code->();
	wait_for(sub { my @now = $tined->access_log; @now > @before });
	my @lines = $tined->access_log;
	return @lines[@before .. $#lines];
}

subtest 'a line' => sub {
	my $before = time;
	my ($line, @more) = logged(sub {
		$tined->get('/a.txt?q=1', fields => {
			Referer      => 'http://a.example/?x=y',
			'User-Agent' => 'test/1.0 (a; b)',
		});
	});

	is(scalar @more, 0, 'one request, one line');
	my ($date) = $line =~ /\[([^\]]+)\]/;
	is($line, "127.0.0.1 - - [$date] \"GET /a.txt?q=1 HTTP/1.1\" 200 6 "
		. '"http://a.example/?x=y" "test/1.0 (a; b)"', 'Combined');
	like($date, qr{\A\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d
		\ [+-]\d{4}\z}x, 'its date has Apache\'s form');
	my @months = qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec);
	my %month = map { ($months[$_] => $_) } 0 .. 11;
	my ($d, $m, $y, $H, $M, $S, $sign, $zh, $zm) = $date
	    =~ m{(\d+)/(\w+)/(\d+):(\d+):(\d+):(\d+) ([+-])(\d\d)(\d\d)};
	my $then = timegm($S, $M, $H, $d, $month{$m}, $y)
	    - "${sign}1" * (3600 * $zh + 60 * $zm);
	cmp_ok($then, '>=', $before, 'and is not before the request');
	cmp_ok($then, '<=', time + 1, 'nor after it');
};

subtest 'what is counted' => sub {
	my $etag = $tined->get('/a.txt')->field('etag');
	my @cases = (
		['GET', '/ten', [], 200, qr/10000/],
		['HEAD', '/ten', [], 200, qr/0|-/],
		['GET', '/ten', [Range => 'bytes=0-99'], 206, qr/100/],
		['GET', '/a.txt', ['If-None-Match' => $etag], 304, qr/0|-/],
		['GET', '/none', [], 404, qr/\d+/],
	);
	wait_for(sub { $tined->access_log =~ m{"GET /a\.txt HTTP} });
	for my $case (@cases) {
		my ($method, $path, $fields, $status, $bytes) = @$case;
		my ($line) = logged(sub {
			$tined->get($path, method => $method,
				fields => $fields);
		});
		like($line, qr{\ "$method\ \Q$path\E\ HTTP/1\.1"\ $status
			\ (?:$bytes)\ "-"\ "-"\z}x, "$method $path $status");
	}
	my $body = 'x' x 300_000;
	my ($line) = logged(sub {
		$tined->request("HEAD /reflect HTTP/1.1\r\nHost: a\r\n"
			. "Content-Length: 300000\r\n\r\n$body",
			method => 'HEAD');
	});
	like($line, qr/" 200 (?:0|-) /, 'a stream that is not sent');
	($line) = logged(sub {
		$tined->request("GET /a.txt HTTP/1.0\r\n\r\n");
	});
	like($line, qr{"GET /a\.txt HTTP/1\.0" 200 6 }, 'HTTP/1.0');
	my @before = $tined->access_log;
	$tined->request("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n" x 5,
		count => 5);
	ok(wait_for(sub { my @now = $tined->access_log; @now == @before + 5 }),
		'pipelined requests have a line each');
};

subtest 'a refused request has its line' => sub {
	for my $case (
		["GET /x y HTTP/1.1\r\nHost: a\r\n\r\n", 400],
		["GARBAGE\r\n\r\n", 400],
		["GET / HTTP/1.1\r\n\r\n", 400],
		["GET / HTTP/9.1\r\nHost: a\r\n\r\n", 505],
		["GET /" . 'x' x 9000 . " HTTP/1.1\r\nHost: a\r\n\r\n", 414],
	) {
		my ($raw, $status) = @$case;
		my ($line) = logged(sub { $tined->request($raw, all => 1) });
		like($line, qr{\A127\.0\.0\.1 - - \[[^\]]+\] $QUOTED $status },
			sprintf '%.20s: %d', $raw =~ s/\r\n/ /gr, $status);
	}
};

subtest 'nothing can be injected' => sub {
	my $nasty = join q{}, map { chr } grep { $_ != 10 && $_ != 13
		&& $_ != 0 } 9, 32 .. 126, 128 .. 255;
	my @raws = (
		"GET /a.txt HTTP/1.1\r\nHost: a\r\nUser-Agent: $nasty\r\n\r\n",
		"GET /a.txt HTTP/1.1\r\nHost: a\r\nReferer: $nasty\r\n\r\n",
		"GET /a.txt HTTP/1.1\r\nHost: a\r\n"
		    . "User-Agent: x\" 200 1 \"-\" \"forged\r\n\r\n",
		"GET /a.txt HTTP/1.1\r\nHost: a\r\n"
		    . "User-Agent: back\\\"slash\\\r\n\r\n",
		"GET /a.txt HTTP/1.1\r\nHost: a\r\n"
		    . "User-Agent: \e]0;owned\a\r\n\r\n",
		"GET /\e[31m\x07\x9b HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /\" HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /[|]?\\\\x22 forged\\ HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /[|]?\\&\\\\&[]{|}^`\\ HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /%0a127.0.0.1%20-%20-%0d HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /\n127.0.0.1 - - forged HTTP/1.1\r\nHost: a\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
		"GET /a.txt HTTP/1.1\r\nHost: a\r\nUser-Agent: "
		    . 'y' x 20_000 . "\r\n\r\n",
		"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
	);
	for my $i (keys @raws) {
		my @lines = logged(sub {
			$tined->request($raws[$i], half_close => 1, all => 1);
		});
		is(scalar @lines, 1, "request $i has one line");
		like($lines[0], $COMBINED, 'of the right form');
		like($lines[0], qr/\A[\x20-\x7e]*\z/,
			'of printable ASCII');
		cmp_ok(length $lines[0], '<', 20_000, 'of bounded length');
	}
	unlike(scalar $tined->access_log, qr/^127\.0\.0\.1 - - forged/m,
		'no line is a client\'s');
	unlike(scalar $tined->error_log, qr/[^\x20-\x7e\n]/,
		'the error log is printable too');
};
$tined->ends_clean;

subtest 'where they go' => sub {
	my $dir = File::Temp->newdir;
	my $other = Tined->start(files => \%files, args => ['-w', 1,
		'-a', "$dir/access", '-e', "$dir/error"]);

	$other->get('/a.txt');
	ok(wait_for(sub { slurp("$dir/access") =~ m{"GET /a\.txt } }),
		'-a FILE');
	like(slurp("$dir/error"), qr/notice: serving /, '-e FILE');
	is($other->access_log . $other->error_log, q{},
		'nothing goes anywhere else');
	is((stat "$dir/$_")[2] & oct('022'), 0, "$_ is not for all to write")
	    for qw(access error);
	my $first = slurp("$dir/access");
	$other->ends_clean;
	unlike(slurp("$dir/error"), qr/ (?:error|warning): /, 'clean');

	$other = Tined->start(files => \%files, args => ['-w', 1,
		'-a', "$dir/access", '-e', "$dir/error"]);
	$other->get('/a.txt');
	ok(wait_for(sub { length slurp("$dir/access") > length $first }),
		'they are appended to');
	like(slurp("$dir/access"), qr/\A\Q$first\E/, 'nothing is lost');
	$other->ends_clean;

	$other = Tined->start(files => \%files, args => ['-a', 'off']);
	is($other->get('/a.txt')->status, 200, '-a off');
	$other->ends_clean;
	is($other->access_log, q{}, 'has no access log');

	$other = Tined->start(files => \%files, args => ['-a', '-', '-e', '-']);
	$other->get('/a.txt');
	$other->ends_clean;
	like(scalar $other->access_log, qr{"GET /a\.txt }, '-a -');
};

subtest 'how much is said' => sub {
	my %said;
	for my $flag ('-q', q{}, '-v', '-vv') {
		my $other = Tined->start(files => \%files,
			args => ['-w', 2, $flag || ()]);
		$other->get('/a.txt');
		$other->get('/none');
		$other->ends_clean;
		$said{$flag} = $other->error_log;
		for my $line (split /\n/, $said{$flag}) {
			like($line, qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d
				\.\d{3}Z\ (?:master|worker\ \d+)\[\d+\]
				\ (?:notice|info|debug):\ \S/x, $line);
		}
	}
	is($said{'-q'}, q{}, '-q: nothing when all is well');
	like($said{q{}}, qr/notice: serving/, 'by default: that it serves');
	unlike($said{q{}}, qr/ (?:info|debug): /, 'and no details');
	unlike($said{'-v'}, qr/ debug: /, '-v: no debugging');
	cmp_ok(length $said{'-vv'}, '>', length $said{q{}}, '-vv: more');
};

# A dual-stack listener sees IPv4 clients as ::ffff:127.0.0.1.
subtest 'IPv4 clients of an IPv6 socket' => sub {
	my $sock = IO::Socket::IP->new(LocalHost => '::ffff:127.0.0.1',
		LocalPort => 0, Type => SOCK_STREAM, Listen => SOMAXCONN,
		V6Only => 0);
	plan skip_all => 'no IPv6 here' unless $sock;
	my $other = Tined->start(listen => 'none', sockets => [$sock],
		port => $sock->sockport, files => \%files);
	$other->get('/a.txt');
	$other->ends_clean;
	like(scalar $other->access_log, qr/\A127\.0\.0\.1 - - /,
		'are logged as what they are');
};

done_testing;
