# --quarantine: what goes on killing workers is kept from them for a while.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);
use Faulty qw(crowd start_faulty);
use Tined  qw(SOONER slow wait_for);

my @ALLOWED = (qr{error: worker \d+\[\d+\] (?:was killed by signal|has hung)},
	qr{error: (?:broken by|has hung)}, qr{error:   #\d+ },
	qr{warning: quarantine: });

sub deaths ($tined) {
	return scalar grep { /was killed by signal|has hung \(/ }
	    $tined->error_log;
}

# The master has heard of so many deaths.
sub died ($tined, $count) {
	return wait_for(sub { deaths($tined) == $count });
}

subtest 'a crash' => sub {
	my $time = 4 * slow(); # in which all of this must fit
	my $tined = start_faulty(args => ['-w', 2, '--quarantine',
		"3,${time}s"]);
	my $sock = $tined->connect;
	my $start;

	for my $i (1 .. 3) {
		$start = time;
		is($tined->get("/f/segv?$i")->status, 500, "crash $i");
		ok(died($tined, $i), 'is counted');
	}
	my $words = 'warning: quarantine: GET /f/segv has killed 3 workers in '
	    . "less than $time s, and gets 503 for the same time";
	ok(wait_for(sub { $tined->error_log =~ /\Q$words\E\n/ }),
		'the log tells');
	for my $path ('/f/segv', '/f/segv?x', '/f/%73egv', '/f/./segv') {
		my $response = $tined->get($path);
		is($response->status, 503, "$path is kept off");
		my $left = $response->field('Retry-After');
		ok($left >= 1 && $left <= $time, "for $left s at most");
	}
	is($tined->get('/f/segv', sock => $sock, keep => 1)->status, 503,
		'the connection');
	is($tined->get('/f/well', sock => $sock)->status, 200, 'stays');
	is($tined->get('/f/segv', method => 'HEAD')->status, 500,
		'another method is none of it');
	ok(died($tined, 4), 'and may crash');
	is($tined->get('/f/segv/x')->status, 500, 'nor is another path');
	ok(wait_for(sub {
		$tined->error_log =~ m{notice: quarantine: GET /f/segv is served again}
	}), 'it ends');
	my $took = time - $start;
	cmp_ok($took, '>=', $time, 'after the time');
	cmp_ok($took, '<', $time + SOONER, 'and not much later');
	is($tined->get('/f/segv')->status, 500, 'it may try again');
	$tined->ends_clean(@ALLOWED);
};

subtest 'what hangs, and what is deaf, too' => sub {
	my $tined = start_faulty(args => ['-w', 2, '--quarantine', '1,60s',
		'--request-timeout', 200 * slow() . 'ms']);

	is($tined->get('/f/hang')->status, 504, 'it hangs');
	ok(died($tined, 1), 'is counted');
	is($tined->get('/f/hang')->status, 503, 'it is kept off');
	my $sock = $tined->connect;
	$tined->send($sock, "GET /f/deaf HTTP/1.1\r\nHost: a\r\n\r\n");
	ok(!$tined->read_response($sock), 'another is killed');
	ok(died($tined, 2), 'is counted');
	is($tined->get('/f/deaf')->status, 503, 'it is kept off');
	$tined->ends_clean(@ALLOWED);
};

subtest 'who is killed from outside has no blame' => sub {
	my $tined = start_faulty(args => ['-w', 2, '--quarantine', '1,60s']);
	my $sock = $tined->connect;

	$tined->send($sock, "GET /f/hang HTTP/1.1\r\nHost: a\r\n\r\n");
	my $pid;
	ok(wait_for(sub { ($pid) = grep { Tined::title($_) =~ /serving/ }
		$tined->worker_pids }), 'it is served');
	kill 'KILL', $pid;
	ok(died($tined, 1), 'it dies');
	is($tined->get('/f/well')->status, 200, 'one that is done');
	ok(wait_for(sub { 2 == grep { Tined::title($_) =~ /idle/ }
		$tined->worker_pids }), 'two are idle');
	kill 'SEGV', $tined->all_workers(2);
	ok(died($tined, 3), 'all die, while they are idle');
	unlike($tined->error_log, qr/quarantine/, 'that is all');
	$tined->ends_clean(@ALLOWED);
};

subtest 'under load' => sub {
	my $tined = start_faulty(args => ['-w', 4, '--quarantine', '5,60s']);
	my ($count, $wrong) = crowd($tined, 8, 40, sub ($i) {
		return ("/f/well?$$.$i", 200) if rand 10 < 7;
		return ('/f/segv', '50[03]');
	});
	my ($crashes, $kept) = $count->@{qw(500 503)};

	is_deeply($wrong, [], 'each has its own answer');
	note("$crashes crashes, $kept kept off, $count->{200} others");
	cmp_ok($crashes, '>=', 5, 'as many as it takes');
	cmp_ok($crashes, '<=', 5 + 4, 'and those that were under way');
	cmp_ok($kept, '>', 20, 'then they are kept off');
	$tined->ends_clean(@ALLOWED);
};

done_testing;
