# All workers that there may be are busy, and clients wait: the log says so,
# once, and when it is over.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Lot qw(ask keep_busy reflect release token);
use Test::More;
use Time::HiRes qw(sleep time);
use Tined qw(wait_for);

my @reflect = ('-m', '/reflect=echo:body');
my $BEGINS = qr/ warning: none of 2 workers is free, and clients wait \((\d+) now\): raise --workers to allow more$/m;
my $ENDS = qr/ notice: a worker is free again: clients have waited for ([\d.]+) s, up to (\d+) at a time$/m;

# A shorter one is no end of it.
use constant PAUSE => 2.5;

# Side by side: each takes its seconds to be sure that it is over.
my %server;
for my $args (['-w', '1-2'], ['-w', 2], ['-w', '1-2', '--no-lot']) {
	my $tined = Tined->start(args => [@$args, @reflect]);

	$server{"@$args"} = { tined => $tined };
}

for my $name (sort keys %server) {
	subtest "it begins: $name" => sub {
		my $tined = $server{$name}{tined};
		my @busy = map { keep_busy($tined) } 1 .. 2;

		sleep 0.3;
		unlike($tined->error_log, $BEGINS, 'nobody waits');
		my %wait = map { token() => $tined->connect } 1 .. 5;
		$server{$name}{began} = time;
		$tined->send($wait{$_}, reflect($_, 'Connection: close'))
		    for keys %wait;
		ok(wait_for(sub { $tined->error_log =~ $BEGINS }),
			'a warning, as others wait');
		my ($count) = $tined->error_log =~ $BEGINS;
		cmp_ok($count, '>=', 1, "it says how many: $count");
		cmp_ok($count, '<=', 5, 'and no more than there are');
		$server{$name}{told} = time;
		$server{$name}{busy} = \@busy;
		$server{$name}{wait} = \%wait;
	};
}

for my $name (sort keys %server) {
	subtest "they are served: $name" => sub {
		my ($tined, $wait) = $server{$name}->@{qw(tined wait)};

		$server{$name}{waited} = time;
		ok(release($tined, $_), 'a busy one') for $server{$name}{busy}->@*;
		close $_ for $server{$name}{busy}->@*;
		for my $token (sort keys %$wait) {
			my $response = $tined->read_response($wait->{$token});
			is($response->body, $token, 'one that waited');
			close $wait->{$token};
		}
		# It flaps: this is still the same one.
		my @busy = map { keep_busy($tined) } 1 .. 2;
		my $token = token();
		my $sock = $tined->connect;
		$tined->send($sock, reflect($token));
		$server{$name}{pause} = time - $server{$name}{waited};
		sleep 0.3;
		ok(release($tined, $_), 'a busy one') for @busy;
		close $_ for @busy;
		is($tined->read_response($sock)->body, $token, 'another');
	};
}

for my $name (sort keys %server) {
	subtest "it ends: $name" => sub {
		my $tined = $server{$name}{tined};

		ok(wait_for(sub { $tined->error_log =~ $ENDS }),
			'a notice says so');
		my ($seconds, $most) = $tined->error_log =~ $ENDS;
		# Rounded, and what is no more than noticed is not counted.
		my ($began, $told, $waited) =
		    $server{$name}->@{qw(began told waited)};
		cmp_ok($seconds, '>=', $waited - $told - 0.3,
			"how long it lasted: $seconds s");
		cmp_ok($seconds, '<=', time - $began + 0.1, 'and no longer');
		cmp_ok($most, '>=', 4, "how many waited: $most");
		cmp_ok($most, '<=', 5, 'and no more than there were');
		SKIP: {
			# This process may have stood still in between.
			skip 'two shortages', 2
			    if $server{$name}{pause} >= PAUSE;
			is(grep({ /$BEGINS/ } $tined->error_log), 1,
				'it was told once');
			is(grep({ /$ENDS/ } $tined->error_log), 1,
				'so was its end');
		}
		$tined->ends_clean($BEGINS);
	};
}

# A processor that is busy is no shortage of workers: none waits for long.
subtest 'many short requests' => sub {
	my $tined = Tined->start(args => ['-w', 2, '-a', 'off', @reflect]);
	my $until = time + 1;
	my @socks = map { $tined->connect } 1 .. 20;

	while (time < $until) {
		my %token = map { fileno($_) => token() } @socks;
		$tined->send($_, reflect($token{ fileno $_ })) for @socks;
		my @wrong = grep { $tined->read_response($_)->body
			ne $token{ fileno $_ } } @socks;
		last if @wrong && fail('an answer is not its own');
	}
	unlike($tined->error_log, qr/busy/, 'no warning');
	$tined->ends_clean;
};

done_testing;
