# Clients that workers keep, while workers are stopped for moments, die and are
# replaced, and the lot recalls clients all the time: each gets its own responses,
# whoever serves it, and nobody is lost but the client that a worker has in hand
# when it is killed.  t/bench/chaos makes it long.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Lot qw(lot_pid);
use Test::More;
use Time::HiRes qw(sleep time);
use Tined qw(background);

Lot::import_or_skip();

use constant { PROGRAMS => 3, CLIENTS => 12, SECONDS => $ENV{TINED_CHAOS} // 6 };

my %files = map { ("file-$_" => "this is $_\n" x (1 + $_ * 7)) }
    1 .. PROGRAMS * CLIENTS;
my $tined = Tined->start(args => ['-w', 4, '--linger', '1ms'],
	files => \%files);
my $end = time + SECONDS;

# How many responses came, were wrong, and were cut off.
sub run_clients ($first) {
	my %count = map { $_ => 0 } qw(right wrong lost);
	my @socks;

	srand $first;
	while (time < $end) {
		my $i    = int rand CLIENTS;
		my $name = 'file-' . ($first + $i);
		my $sock = $socks[$i] //= $tined->connect;
		my $response = $tined->request(
			"GET /$name HTTP/1.1\r\nHost: a\r\n\r\n", sock => $sock);

		if (!defined $response) {
			$count{lost}++;
			undef $socks[$i];
		} elsif ($response->body eq $files{$name}) {
			$count{right}++;
		} else {
			$count{wrong}++;
		}
		sleep rand 0.01 if rand() < 0.3;
	}
	return map { "$_ $count{$_}" } sort keys %count;
}

my @programs = map {
	my $first = 1 + $_ * CLIENTS;

	background(sub { run_clients($first) });
} 0 .. PROGRAMS - 1;

# A stop is longer than the lot waits for a worker, or shorter.
my ($killed, $reloads) = (0, 0);
my $lot = lot_pid($tined);
srand 7;
while (time < $end) {
	my @pids = $tined->worker_pids or next;
	my $pid  = $pids[rand @pids];

	if (rand() < 0.1) {
		$killed += kill KILL => $pid;
	} elsif (rand() < 0.05) {
		$tined->signal('HUP');
		$reloads++;
	} else {
		kill STOP => $pid;
		sleep rand 0.06;
		kill CONT => $pid;
	}
	sleep rand 0.02;
}
kill CONT => $_ for $tined->worker_pids;

my %sum;
for my $line (map { $_->() } @programs) {
	my ($name, $count) = split q{ }, $line;
	$sum{$name} += $count;
}
note "$sum{right} responses, $sum{lost} lost, $killed workers killed, "
    . "$reloads reloads";
cmp_ok($sum{right}, '>', 100, 'clients were served');
is($sum{wrong}, 0, 'each with its own responses');
cmp_ok($sum{lost}, '<=', $killed, 'and lost with a worker in hand, at most');
is(lot_pid($tined), $lot, 'the lot is the same');
$tined->ends_clean(qr/killed by signal 9|still writes to the old logs/,
	qr/error: cannot reload/);

done_testing;
