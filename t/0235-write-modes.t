# The modes of the laboratory: how many sends and segments a response takes in
# each, and the stall that tined exists to avoid.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use File::Temp ();
use JSON::PP   ();
use Lot    qw(median);
use Socket qw(IPPROTO_TCP);
use Test::More;
use Time::HiRes qw(time);
use Tined qw(need_tools spew wait_for);
use Trace ();

need_tools('strace');

use constant {
	TCP_INFO      => 11,
	DATA_SEGS_IN  => 152,    # struct tcp_info: tcpi_data_segs_in
	REQUESTS      => 20,
	# Seconds: Linux delays an acknowledgement by 40 ms, less a part of a tick,
	# which is 10 ms at HZ=100.
	DELAYED_ACK   => 0.030,
};

my $SENDS = qr{^(?:\d+\s+)?sendmsg\(\d+<TCP}mx;
my $CORKS = qr{^(?:\d+\s+)?setsockopt\(.*\bTCP_CORK,\ \[(\d)\]}mx;

sub start (@args) {
	return Tined->start(args => ['-w', 1, '-k', '30s', '-m',
		'/small=echo:200', @args]);
}

sub segments ($sock) {
	my $info = getsockopt $sock, IPPROTO_TCP, TCP_INFO;
	return unpack 'L', substr $info, DATA_SEGS_IN, 4;
}

my $GET = "GET /small HTTP/1.1\r\nHost: a\r\n\r\n";

# The calls, the data segments that come and the seconds that requests take,
# which are made one after the other on one connection.
sub ask ($tined, $count, $raw = $GET) {
	my $sock = $tined->connect;
	my ($segments, @seconds) = (0);

	for (1 .. $count) {
		my $began = time;
		my @got = $tined->request($raw, sock => $sock,
			count => scalar(() = $raw =~ /GET/g));
		push @seconds, time - $began;
		is($_->status, 200) for grep { $_->status != 200 } @got;
	}
	$segments = segments($sock);
	close $sock;
	return { segments => $segments / $count, took => \@seconds };
}

# Tests that so many segments come for a response.  On a busy machine one may be
# sent twice, so it is asked again.
sub segments_are ($expected, $name, $code) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $segments;

	wait_for(sub { ($segments = $code->()) == $expected });
	return is($segments, $expected, $name);
}

sub mode_is ($name, $args, $segments, @calls) {
	subtest $name => sub {
		my $tined = start(@$args);
		my ($worker) = $tined->all_workers(1);
		my $trace = Trace::trace('network', sub { ask($tined, 1) },
			$worker);
		segments_are($segments, "$segments segments for a response",
			sub { ask($tined, REQUESTS)->{segments} });
		if (defined $trace) {
			is(scalar(() = $trace =~ /$SENDS/g), $calls[0],
				"$calls[0] sends") or diag($trace);
			is(join(' ', $trace =~ /$CORKS/g), $calls[1],
				"TCP_CORK: '$calls[1]'") or diag($trace);
		}
		$tined->ends_clean;
	};
	return;
}

mode_is('together', [], 1, 1, '');
mode_is('--write-mode together', ['--write-mode', 'together'], 1, 1, '');
mode_is('split', ['--write-mode', 'split'], 2, 2, '');
mode_is('cork', ['--write-mode', 'cork'], 1, 2, '1 0');
mode_is('together with Nagle', ['--nagle', 'on'], 1, 1, '');
mode_is('cork with Nagle', ['--write-mode', 'cork', '--nagle', 'on'], 1, 2,
	'1 0');

subtest 'a mode of a mount' => sub {
	my $tined = start('-m', '/corked=echo:200', '-m', '/apart=echo:200',
		'--write-mode', '/apart/=split', '--write-mode', '/corked=cork');
	my ($worker) = $tined->all_workers(1);
	my %calls = ('/small' => [ 1, '' ], '/apart' => [ 2, '' ],
		'/corked' => [ 2, '1 0' ], '/none' => [ 1, '' ]);

	for my $path (sort keys %calls) {
		my $trace = Trace::trace('network',
			sub { $tined->get($path) }, $worker) // last;
		is(scalar(() = $trace =~ /$SENDS/g), $calls{$path}[0],
			"$path: $calls{$path}[0] sends") or diag($trace);
		is(join(' ', $trace =~ /$CORKS/g), $calls{$path}[1],
			"TCP_CORK: '$calls{$path}[1]'");
	}
	segments_are(2, 'split: 2 segments',
		sub { ask($tined, REQUESTS, $GET =~ s/small/apart/r)->{segments} });
	segments_are(4, 'pipelined: one for each that is corked, two for the others',
		sub {
			ask($tined, 1, $GET =~ s/small/corked/r . $GET
				. $GET =~ s/small/apart/r)->{segments}
		});
	$tined->ends_clean;
	my $run = Tined->run(args => [ '--write-mode', '/none=split', '.' ]);
	like($run->{err}, qr{--write-mode /none: nothing is mounted there},
		'of no mount');
	is($run->{status}, 64, 'which is a mistake');
	$run = Tined->run(args => ['-t', '-m', '/=echo:1', '-m', '/a=echo:2',
		'-m', '/b=echo:3', '--write-mode', '/a=split',
		'--write-mode', '/b=cork']);
	like($run->{out}, qr{\Qecho:1, echo:2 as /a (--write-mode split), \E
		\Qecho:3 as /b (--write-mode cork) at \E}x, '-t shows them');
};

subtest 'pipelined requests' => sub {
	my %expected = (together => 1, cork => 4, split => 8);
	for my $mode (sort keys %expected) {
		my $tined = start('--write-mode', $mode);
		segments_are($expected{$mode},
			"$mode: $expected{$mode} segments for 4 responses",
			sub { ask($tined, 1, $GET x 4)->{segments} });
	}
};

subtest 'a response without content leaves, too' => sub {
	for my $mode (qw(cork split)) {
		my $tined = start('--write-mode', $mode);
		segments_are(1, "$mode: HEAD, in one segment", sub {
			my $sock = $tined->connect;
			my ($head) = $tined->request($GET =~ s/GET/HEAD/r,
				sock => $sock, method => 'HEAD');
			$head->status == 200 && segments($sock);
		});
	}
};

# The kernel then sends it after 200 ms, while the program pauses: no client delayed
# an acknowledgement.
subtest 'what the cork holds back is no stall' => sub {
	my $programs = File::Temp->newdir;

	chmod 0755, "$programs";
	spew("$programs/pause", "#!/bin/sh\nprintf 'Status: 200\\n\\npart'\n"
		. "sleep 0.5\nprintf 'rest'\n");
	chmod 0755, "$programs/pause";
	my $tined = start('-m', '/status=status:', '-m',
		"/k=cgi:$programs,exec=/usr/bin/sleep", '--write-mode', '/k=cork');
	my $sock = $tined->connect;

	for (1 .. 2) {
		is($tined->request($GET =~ s{small}{k/pause}r, sock => $sock)
			->body, 'partrest', 'a program that pauses');
	}
	$tined->request($GET, sock => $sock);
	close $sock; # in the classic model it holds the only worker
	my $stalls = JSON::PP::decode_json(
		$tined->get('/status/json')->body)->{stalls};
	is($stalls->{delayed_ack}, 0, 'no client is blamed')
	    or diag(explain($stalls));
	$tined->ends_clean;
};

# A second small send waits for the acknowledgement of the first, which the
# client delays: not for the first responses, which it acknowledges at once
# (tcp_input.c: quick acks), and then for each.
subtest 'the stall' => sub {
	my $stalled = sub (@args) {
		my $tined = start(@args);
		my $took = ask($tined, REQUESTS)->{took};
		return scalar grep { $_ > DELAYED_ACK } @$took;
	};
	cmp_ok($stalled->('--write-mode', 'split', '--nagle', 'on'), '>=',
		REQUESTS / 4, 'split and Nagle: 40 ms for each request');

	# On a busy machine one may be late all the same.
	for (['split', 'off'], ['cork', 'on'], ['together', 'on']) {
		my ($mode, $nagle) = @$_;
		my $late;
		wait_for(sub {
			$late = $stalled->('--write-mode', $mode, '--nagle',
				$nagle);
			$late < REQUESTS / 4;
		});
		cmp_ok($late, '<', REQUESTS / 4, "$mode, --nagle $nagle: none");
	}
};

done_testing;
