# Requests that a worker has received from the lot, and did not count before it was
# killed: they count as on their way no longer than they must, and others are
# served, however many wait.

use v5.36;

use Faulty qw(start_faulty);
use Lot    qw(ask few_may_be_on_their_way is_on_its_way keep_busy lot_pid park
	reflect);
use Test::More;
use Tined qw(wait_for);

Lot::import_or_skip();

# An eighth of the descriptors may be on their way: more than that wait.
use constant { LIMIT => 256, CROWD => 60, WORKERS => 3, PER_CLIENT => 2 };

my $DIED = qr/ worker \d+\[\d+\] /;

sub address ($n) { return "127.0.1.$n" }

sub serving ($tined, $address) {
	return wait_for(sub {
		(grep { Tined::title($_) =~ /serving \Q$address\E\b/ }
			$tined->worker_pids)[0];
	}) // die "no worker serves $address";
}

# The title of a worker whose handler does not wait for its client may be old.
sub serving_none_of ($tined, @addresses) {
	my %busy = map { serving($tined, $_) => 1 } @addresses;

	return (grep { !$busy{$_} } $tined->worker_pids)[0];
}

sub is_answered ($tined, $sock, $text) {
	return ($tined->read_response($sock) // return 0)->body eq $text;
}

my $turn = few_may_be_on_their_way();
my $tined = start_faulty(args => ['-w', WORKERS, '--linger', '1ms',
	'--per-client', PER_CLIENT, '-m', '/v=vandal:', '-m',
	'/reflect=echo:body'], rlimits => { n => LIMIT });
my $lot  = lot_pid($tined);
my @kept = map { $tined->connect(from => address(200 + $_)) } 1 .. 4;

for my $sock (@kept) {
	ask($tined, $sock) or die 'no answer';
	park($tined, $sock);
}

# It receives whatever the lot sends, more than may be on its way at once, and
# serves nobody.
subtest 'a worker that is killed with all that it has received' => sub {
	my @busy = map { keep_busy($tined, $tined->connect(from => address($_))) }
	    2 .. WORKERS;
	my $vandal = $tined->connect(from => address(1));

	$tined->send($vandal, "GET /v/take/1000 HTTP/1.1\r\nHost: a\r\n\r\n");
	ok(wait_for(sub {
		!ask($tined, $tined->connect(from => address(2)))
	}), 'a worker takes what is for others');
	my @crowd = map { $tined->connect(from => address(10 + $_)) }
	    1 .. CROWD;
	$tined->send($_, reflect('lost')) for @crowd, $kept[0];
	is(scalar(grep { $tined->is_closed($_) } @crowd), CROWD,
		'their clients learn it at once');
	kill 'KILL', serving_none_of($tined, map { address($_) } 2 .. WORKERS);
	ok($tined->is_closed($vandal), 'as does one that it was serving');
	kill 'KILL', serving($tined, address($_)) for 2 .. WORKERS;
	ok($tined->is_closed($_), 'a client of another that is killed')
	    for @busy;
};

subtest 'workers that are killed in turn while many wait' => sub {
	my @busy = map { keep_busy($tined, $tined->connect(from => address($_))) }
	    1 .. WORKERS;
	my @crowd = map { $tined->connect(from => address(10 + $_)) }
	    1 .. CROWD;

	$tined->send($_, reflect('waits')) for @crowd, @kept[1 .. 3];
	ok(wait_for(sub { is_on_its_way($tined, $crowd[0]) }),
		'they wait for a worker');
	for (1 .. WORKERS) {
		kill 'KILL', serving($tined, address($_));
		ok($tined->is_closed($busy[$_ - 1]), 'its client learns it');
	}
	is(scalar(grep { is_answered($tined, $_, 'waits') }
		@crowd, @kept[1 .. 3]), CROWD + 3, 'all others have their answers');
};

# Those that were lost counted as its own.
subtest 'one client that asks again and again' => sub {
	my $sock = $tined->connect(from => address(100));

	for (1 .. 2 * PER_CLIENT + 2) {
		ok(eval { ask($tined, $sock) }, 'has an answer') or last;
		park($tined, $sock);
	}
};

# The lot finds out that nobody has it.
ok($tined->is_closed($kept[0]), 'one that was lent, and received, is closed');
is(lot_pid($tined), $lot, 'the lot is the same');
$tined->ends_clean($DIED);

done_testing;
