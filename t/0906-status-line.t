# systemd's status line follows what the server does, and an idle server sleeps.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);
use Tined       qw(slurp wait_for);

sub wakes ($tined) {
	return slurp('/proc/' . $tined->pid . '/status')
	    =~ /^voluntary_ctxt_switches:\s+(\d+)/m ? $1 : undef;
}

my $tined = Tined->start(args => ['-w', 2, '-m', '/echo=echo:100', '-m',
	'/body=echo:body']);
is($tined->notified('STATUS'), 'Serving with 2 workers', 'at first');

my $sock = $tined->connect;
$tined->send($sock, "POST /body HTTP/1.1\r\nHost: a\r\n"
	. "Content-Length: 200000\r\n\r\n" . 'x' x 100_000);
my ($told, $asked) = (q{}, 0);
ok(wait_for(sub {
	$tined->get('/echo');
	$asked++;
	sleep 0.01;
	$told = $tined->notified('STATUS');
	$told =~ m{;\ (?!0\.0\ )\S+\ requests/s}x;
}), 'it changes');
my ($busy, $idle, $rate) = $told =~ m{\AServing\ with\ 2\ workers:
	\ (\d)\ busy,\ (\d)\ idle;\ ([\d.]+)\ requests/s\z}x;
is($busy + $idle, 2, $told) or diag($told);
cmp_ok($busy, '>=', 1, 'one is busy');
# It is the mean of two seconds, and a busy machine has few in them.
cmp_ok($rate, '<=', $asked / 2 + 1, "with no more than there were, $asked");

close $sock;
ok(wait_for(sub {
	$tined->notified('STATUS') =~ m{: 0 busy, 2 idle; 0\.0 requests/s\z}
}), 'it is told when that is over');
my ($last, $since) = (wakes($tined), time);
ok(wait_for(sub {
	my $now = wakes($tined);
	($last, $since) = ($now, time) if $now != $last;
	time - $since > 2.5;
}), 'then the master sleeps');

$tined->get('/echo');
ok(wait_for(sub { wakes($tined) > $last }), 'a request wakes it');
ok(wait_for(sub {
	$tined->notified('STATUS') =~ m{; 0\.[1-9] requests/s\z}
}), 'and is told');
$tined->ends_clean;

done_testing;
