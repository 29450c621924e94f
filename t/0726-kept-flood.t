# New clients without end: the worker waits for nobody, and still finds those that it
# keeps.  The order of its log tells, while the lot stands still.

use v5.36;

use FindBin;
use IO::Select ();
use lib "$FindBin::Bin/lib";
use Kept qw($GET $LAST keep);
use Lot  qw(keeper lot_pid many_on_their_way stop_process);
use Test::More;
use Tined qw(wait_for);

Lot::import_or_skip();

use constant { KEPT => 4, NEW => 300, TRIES => 20 };

# Those of the lot, while it stands still.
my $turn = many_on_their_way();
my $tined = Tined->start(args => ['-w', 1, '--linger', '1ms',
		'--start-timeout', '1h'], files => { 'a.txt' => "a\n" });
my @kept = map { $tined->connect } 1 .. KEPT;
my ($worker) = $tined->worker_pids;
my $lot = lot_pid($tined);

sub at ($path, $request) { return $request =~ s/a\.txt/a.txt?$path/r }

# All have sent their requests when the worker goes on.  True if the worker still
# keeps all that it has kept: if it was slow, the lot has recalled one before.
sub serve_all ($try) {
	keep($tined, $_) for @kept;
	stop_process($_) for $worker, $lot;
	my @new = map { $tined->connect } 1 .. NEW;
	$tined->send($_, at("new-$try.", $LAST)) for @new;
	$tined->send($_, at("kept-$try.", $GET)) for @kept;
	kill CONT => $worker;
	$tined->read_response($_) or die 'no answer' for @new;
	my $answered = sub ($sock) { IO::Select->new($sock)->can_read(0) };
	wait_for(sub {
		!grep { !$answered->($_) && keeper($tined, $_) } @kept;
	});
	my $all = !grep { !$answered->($_) } @kept;
	kill CONT => $lot;
	$tined->read_response($_) or die 'no answer' for @kept;
	return $all;
}

my $try = 1;
$try++ until serve_all($try) || $try == TRIES;
my @lines = grep { /-$try[.]/ } split /\n/, $tined->access_log;
my @places = grep { $lines[$_] =~ /kept/ } 0 .. $#lines;
is(scalar @lines, KEPT + NEW, 'all are served');
cmp_ok($places[-1], '<', NEW / 2, 'those that are kept not after the others')
    or diag("@places");
$tined->ends_clean(qr/stands still|stood still/);

done_testing;
