# An upload that is refused: whoever sends all of it before reading, as most
# libraries do, gets the answer, and no worker waits for that.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use List::Util qw(max);
use Lot    qw(answered_at is_parked);
use Test::More;
use Time::HiRes qw(sleep time);
use Tined       qw(background slow spew wait_for);

use constant {
	TIMES  => 10,
	SMALL  => 400_000,
	LARGE  => 8 << 20,
	PIECE  => 64 << 10,
	# Seconds without a byte, in the lot and in a worker, that end it.
	PAUSE  => 5,
	HERE   => 2,
	# Seconds that a worker waits in all, less some.
	TOTAL  => 25,
};

my $classic = ($ENV{TINED_ARGS} // q{}) =~ /no-lot/;
my $dir = File::Temp->newdir;

sub start (@args) {
	return Tined->start(args => ['-w', 2, '-m', '/reflect=echo:body',
		'--max-body', '2M', @args], files => { 'a.txt' => "a\n" });
}

sub head ($path, $size, @fields) {
	return join("\r\n", "POST $path HTTP/1.1", 'Host: a', @fields,
		"Content-Length: $size") . "\r\n\r\n";
}

# All of it, in pieces, before anything is read; the status, or what went wrong.
# A client that stood still, on a busy machine, for as long as ends an upload has
# had what it deserves, and tries again.
sub upload ($tined, $path, $size, $pause = 0) {
	my $got;

	for (1 .. 5) {
		my $longest = 0;
		my $start = time;
		$got = upload_once($tined, $path, $size, $pause, \$longest);
		last if $longest < HERE / 2 && time - $start < TOTAL;
	}
	return $got;
}

sub upload_once ($tined, $path, $size, $pause, $longest) {
	my $sock = $tined->connect;
	my $piece = 'x' x PIECE;
	my $last = time;

	$tined->send($sock, head($path, $size)) or return 'no head';
	for (my $sent = 0; $sent < $size; $sent += PIECE) {
		my $taken = $tined->send($sock, substr $piece, 0, $size - $sent);
		$$longest = max($$longest, time - $last - $pause);
		$taken or return "hung up after $sent bytes";
		$last = time;
		sleep $pause if $pause;
	}
	my $response = eval { $tined->read_response($sock) };
	return $tined->was_reset($sock) ? 'reset'
	    : $response ? $response->status : 'no answer';
}

sub all_get ($status, $name, @statuses) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is_deeply(\@statuses, [($status) x @statuses], $name);
}

subtest 'all at once' => sub {
	my $tined = start();

	all_get(405, 'a file takes no content',
		map { upload($tined, '/a.txt', SMALL) } 1 .. TIMES);
	all_get(413, 'more than --max-body',
		map { upload($tined, '/reflect', LARGE) } 1 .. TIMES);
	$tined->ends_clean;
};

# More bytes, and more time, than one that stands still would have.
subtest 'slowly' => sub {
	my $tined = start();
	my @uploads = map {
		my @what = @$_;
		background(sub { upload($tined, @what) });
	} ['/a.txt', 20 * PIECE, 0.2], ['/reflect', 40 * PIECE, 0.1];

	wait_for(sub { $tined->access_log =~ /" 413 / });
	cmp_ok(answered_at($tined), '<', 1 * slow(), 'others are answered')
	    unless $classic;
	my @got = map { $_->() } @uploads;
	is_deeply(\@got, [405, 413], 'gets its answers');
	$tined->ends_clean;
};

# The server waits, and the client knows nothing of that.
sub begin_upload ($tined) {
	my $sock = $tined->connect;

	$tined->send($sock, head('/a.txt', SMALL) . 'x' x PIECE);
	$tined->read_response($sock)->status == 405 or die;
	return $sock;
}

subtest 'who stops, or hardly goes on' => sub {
	my $tined = start();
	my $start = time; # no pause can have begun before
	my @socks = map { begin_upload($tined) } 1 .. 2;

	if (!$classic) {
		ok(wait_for(sub { is_parked($tined, $_) }),
			'the lot has it') for @socks;
	}
	# The server hangs up once it has had enough of both.
	ok(wait_for(sub {
		sleep 0.1;
		!$tined->send($socks[0], 'x');
	}, 10 * PAUSE), 'who sends a byte now and then is let go');
	cmp_ok(time - $start, '>', ($classic ? HERE : PAUSE) - 0.5,
		'after a pause');
	wait_for(sub { !$tined->send($socks[1], 'x') });
	ok(!$tined->send($socks[1], 'x'), 'so is who stops');
	$tined->ends_clean;
};

subtest 'a stop' => sub {
	my $tined = start();
	my $sock = begin_upload($tined);
	my $piece = 'x' x 4096;

	is_parked($tined, $sock) || wait_for(sub { is_parked($tined, $sock) })
	    unless $classic;
	$tined->child_pids;
	$tined->signal('TERM');
	ok(wait_for(sub {
		sleep 0.01;
		!$tined->send($sock, $piece);
	}), 'does not wait for all that a client might send');
	is($tined->wait_exit, 0, 'and ends');
	$tined->leaves_nothing;
	$tined->log_is_clean;
};

my %file = map { ($_ => spew("$dir/$_", 'x' x $_)) } SMALL, LARGE;
my $python = <<'END';
import http.client, sys
c = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
c.request("POST", sys.argv[2], open(sys.argv[3], "rb").read())
print(c.getresponse().status)
END

my %programs = (
	curl => sub ($tined, $path, $file) {
		return ('curl', '-s', '-o', '/dev/null', '-w', '%{http_code}\n',
			'-H', 'Expect:', '--data-binary', "\@$file",
			$tined->url($path));
	},
	python3 => sub ($tined, $path, $file) {
		return ('python3', '-c', $python, $tined->port, $path, $file);
	},
);

for my $name (sort keys %programs) {
	subtest $name => sub {
		plan skip_all => "no $name"
		    if system("command -v $name >/dev/null") != 0;
		my $tined = start();

		for my $try ([405, '/a.txt', SMALL], [413, '/reflect', LARGE]) {
			my ($status, $path, $size) = @$try;
			my @got = map {
				my @command = $programs{$name}->($tined, $path,
					$file{$size});
				open my $out, q{-|}, @command or die $!;
				join q{}, <$out>;
			} 1 .. 3;
			all_get("$status\n", "it gets $status", @got);
		}
		$tined->ends_clean;
	};
}

done_testing;
