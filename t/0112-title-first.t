# A worker that says that it is there has its title by then: whoever waits for it,
# and then looks for it by its title, finds it.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Module qw(build_module need_compiler);
use Test::More;
use Tined;

need_compiler();
plan skip_all => 'sanitizers must be loaded first' if Tined->is_sanitized;

my $dir  = File::Temp->newdir;
my $late = build_module('late_title', "$dir/late_title.so");
my $tined = Tined->start(args => ['-w', 1], files => { 'a.txt' => "a\n" },
	env => { LD_PRELOAD => $late });

is_deeply([map { Tined::title($_) } $tined->worker_pids],
	['tined: worker 1 (idle), late'],
	'its title is there when the server is ready');
is($tined->get('/a.txt')->body, "a\n", 'and it serves');
$tined->ends_clean;

done_testing;
