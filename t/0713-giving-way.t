# More workers than cores have work to do all the time: each gives way to the
# others between two clients, before the scheduler makes it wait amid one.  Who is
# alone does not.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Load ();
use Lot  ();
use Test::More;
use Tined qw(need_tools);
use Trace qw(trace);

Lot::import_or_skip();
need_tools('strace', 'wrk');

use constant { WORKERS => 2, CLIENTS => 16, ASKED => 100 };

# How often workers give way while somebody asks.
sub gave_way ($tined) {
	my $trace = trace('sched_yield', sub {
		$tined->get('/a.txt') for 1 .. ASKED;
	}, $tined->all_workers(WORKERS));

	return defined $trace ? scalar(() = $trace =~ /sched_yield\(/g) : undef;
}

my $tined = Tined->start(args => ['-w', WORKERS], files => { 'a.txt' => "a\n" });
my $alone = gave_way($tined) // plan skip_all => 'nothing can be traced';
# A client that has just been answered may be on its way yet.
cmp_ok($alone, '<', ASKED / 10, 'one client after the other: seldom');

my $load = Load->start($tined, busy => 0, wrk => CLIENTS);
cmp_ok(gave_way($tined), '>', ASKED / 10, 'more than workers: again and again');
my (undef, @failed) = $load->stop;
is_deeply(\@failed, [], 'no client loses by it');
$tined->ends_clean;

done_testing;
