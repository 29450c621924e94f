# System calls that find nothing: a client that pauses goes from the lot to a
# worker and back with each request, and neither of them asks in vain.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Lot qw(ask is_parked lot_pid park);
use Test::More;
use Trace qw(trace);
use Tined qw(need_tools wait_for);

Lot::import_or_skip();
need_tools('strace');

# Clients, and requests of each; what may happen besides, such as a wait that
# ends for another reason.
use constant { CLIENTS => 5, ROUNDS => 20, BESIDE => 10 };
use constant REQUESTS => CLIENTS * ROUNDS;

sub count ($calls, $pattern) { return scalar grep { /$pattern/ } @$calls }

sub is_seldom ($calls, $pattern, $name) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return cmp_ok(count($calls, $pattern), '<=', BESIDE, $name);
}

# Their pause is longer than --linger.
my $tined = Tined->start(args => ['-w', 2, '--linger', '1ms',
	'-m', '/reflect=echo:body']);
my @socks = map { $tined->connect } 1 .. CLIENTS;
my $round = sub {
	for my $sock (@socks) {
		ask($tined, $sock) or die;
		wait_for(sub { is_parked($tined, $sock) }) or die;
	}
};

$round->() for 1 .. 2;
my ($lot, @workers) = (lot_pid($tined), $tined->worker_pids);
my $trace = trace('all', sub { $round->() for 1 .. ROUNDS }, $lot, @workers);
plan skip_all => 'nothing can be traced' unless defined $trace;
my @calls      = split /\n/, $trace;
my @of_lot     = grep { /\A$lot\b/ } @calls;
my @of_workers = grep { !/\A$lot\b/ } @calls;

cmp_ok(count(\@of_workers, qr/\bsendmsg\(.*HTTP/), '>=', REQUESTS - BESIDE,
	'workers answer');
cmp_ok(count(\@of_lot, qr/\bsendmsg\(/), '>=', REQUESTS - BESIDE,
	'what the lot has handed over');
for ([lot => \@of_lot], [workers => \@of_workers]) {
	my ($who, $all) = @$_;

	is_seldom($all, qr/\bioctl\(/, "$who: no ioctl");
	is_seldom($all, qr/\bepoll_ctl\(.* = -1 /, "$who: no epoll_ctl fails");
	is_seldom($all, qr/\brecvfrom\(.* = -1 /, "$who: no recv finds nothing");
}
is_seldom(\@of_workers, qr/\baccept4\(/, 'workers do not try to accept');
is_seldom(\@of_workers, qr/\bsetsockopt\(.*SO_RCVTIMEO/,
	'and set no timeout for a wait that they do not begin');
$tined->ends_clean;

done_testing;
