# Slow readers in such numbers that the lot has no room for more: the slowest go
# before all workers are theirs.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Lot  qw(ask lot_pid many_on_their_way token);
use Slow qw(get unread wait_until);
use Test::More;
use Tined qw(slow wait_for);

Lot::import_or_skip();

my $FULL = qr/ warning: the lot is full with \d+ connections/;
my $big  = 'x' x (6 << 20);

# After a client has had a few seconds to show how quick it is.
sub is_served ($tined) {
	return ask($tined, $tined->connect, token(), timeout => 30);
}

sub evicted ($tined) {
	return grep { /closed as the slowest client/ } $tined->error_log;
}

# The lot has room for some 32 of them, and a worker for one each.
subtest 'more than the lot has descriptors' => sub {
	my $turn = many_on_their_way();
	my $tined = Tined->start(args => ['-v', '-w', 4,
		'-m', '/reflect=echo:body'], files => { big => $big },
		rlimits => { n => 128 });
	my $lot = lot_pid($tined);
	my @greedy = map { unread($tined, get('/big')) } 1 .. 60;

	ok(is_served($tined), 'others are served') for 1 .. 5;
	my $gone = evicted($tined);
	cmp_ok($gone, '>', 0, 'some of the slow ones had to go');
	cmp_ok($gone, '<', @greedy, 'not all');
	is(lot_pid($tined), $lot, 'the lot is the same');
	close $_ for @greedy;
	$tined->ends_clean($FULL);
};

# The kernel counts the descriptors on their way for all of them together.
subtest 'servers of one user do not wait for each other' => sub {
	my $turn = many_on_their_way();
	my @servers = map { Tined->start(args => ['-w', 4,
		'-m', '/reflect=echo:body'], files => { big => $big },
		rlimits => { n => 128 }) } 1 .. 6;
	my @greedy;

	for my $tined (@servers) {
		push @greedy, map { unread($tined, get('/big')) } 1 .. 60;
	}
	ok(is_served($_), 'others are served') for @servers;
	close $_ for @greedy;
	$_->ends_clean($FULL) for @servers;
};

subtest 'more than may be kept of responses' => sub {
	my $tined = Tined->start(args => ['-v', '-w', 4,
		'-m', '/reflect=echo:body', '-m', '/more=echo:6000000',
		'--response-memory', '64M']);
	my @greedy = map { unread($tined, get('/more')) } 1 .. 40;

	ok(is_served($tined), 'others are served') for 1 .. 5;
	cmp_ok(evicted($tined), '>', 0, 'some of the slow ones had to go');
	close $_ for @greedy;
	$tined->ends_clean($FULL);
};

# Names that make long rows.
subtest 'a folder without end' => sub {
	my $tined = Tined->start(args => ['-w', 4, '--listing',
		'-m', '/reflect=echo:body', '-m', '/status=status:'],
		files => { map { ("many/$_" . '<' x 240 => q{}) } 1 .. 2500 });
	my $page = $tined->get('/many/')->body;

	cmp_ok(length $page, '<', 4 << 20, 'its page has an end');
	like($page, qr/There is more: this page shows \d+ entries/,
		'and says so');
	my @slow = map { unread($tined, get('/many/')) } 1 .. 8;
	wait_until($tined, 'send', 8);
	pass('those who read it slowly keep no worker');
	ok(is_served($tined), 'others are served');
	close $_ for @slow;
	$tined->ends_clean;
};

done_testing;
