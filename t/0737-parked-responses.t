# Slow readers' responses that are on their way to the lot when it ends, and no
# other lot comes: workers send them, those of other workers, too.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Faulty qw(start_faulty);
use Lot qw(lot_pid);
use Slow qw($big $stars answers_others busy_workers get hurry is_whole unread);
use Test::More;
use Tined qw(spew wait_for);

Lot::import_or_skip();

use constant { WORKERS => 4, ROUNDS => 3 };

my $dir = File::Temp->newdir;
my $hang = "$dir/hang";

for my $round (1 .. ROUNDS) {
	my $tined = start_faulty(files => { big => $big },
		args => ['-w', WORKERS, '-m', '/reflect=echo:body',
			'-m', '/stars=echo:' . length $stars, '--start-timeout', '10m'],
		env => { FAULT_START_HANGS => $hang });
	my $lot = lot_pid($tined);

	$tined->all_workers(WORKERS);
	$tined->signal('STOP', $lot);
	my @readers = map { unread($tined, get($_)) }
	    ('/big', '/stars') x WORKERS;
	ok(wait_for(sub { busy_workers($tined) == 0 }),
		"round $round: all responses are on their way");
	spew($hang, q{});
	$tined->signal('KILL', $lot);
	ok(wait_for(sub { busy_workers($tined) == WORKERS }),
		'workers take them over');
	hurry(@readers);
	is_whole($tined->read_response($readers[$_]),
		$_ % 2 ? $stars : $big, 'a response') for 0 .. $#readers;
	answers_others($tined);
	unlink $hang;
	close $_ for @readers;
	$tined->ends_clean(qr/ error: the lot\[\d+\] was killed by signal 9 /);
}

done_testing;
