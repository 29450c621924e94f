# WSGI under load: clients that are idle or slow, applications that spin, crash
# and grow, and large uploads.
#
# 24 slow readers and 128 MB; 200 and 5 GB where TINED_SLOW is set.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Load ();
use Lot  ();
use Slow qw(answers_others get hurry is_whole unread wait_until);
use Test::More;
use Tined qw(slow wait_for);
use Tined::Process qw(private_memory);
use Wsgi  qw(need_python start_wsgi);

use constant {
	WORKERS => 8,
	IDLE    => 200,
	SLOW    => $ENV{TINED_SLOW} ? 200 : 24,
	LARGE   => 10 << 20,
	MEMORY  => 4096,	# kB that a worker may need for an upload
	BLOCK   => 1 << 18,
};

Lot::import_or_skip();
need_python();
Lot::need_descriptors(IDLE + 100);

# Each worker imports the application.
my @ENOUGH = ('-w', WORKERS, '--start-timeout', 60 * slow() . 's');

my $upload = $ENV{TINED_SLOW} ? 5 << 30 : 128 << 20;
my $limit  = slow();

subtest 'idle clients, as many as they like' => sub {
	my $tined = start_wsgi('life:app', args => [@ENOUGH,
		'-m', '/status=status:', '-m', '/reflect=echo:body']);
	my @idle = map { $tined->connect } 1 .. IDLE;
	my $good = grep { $tined->get('/a.txt', sock => $_, keep => 1)->body
		    eq "a\n" } @idle;

	is($good, IDLE, 'each has an answer, and stays');
	wait_until($tined, 'idle', IDLE);
	answers_others($tined);
	is($tined->get('/a.txt')->body, "a\n", 'by Python, too');
	is($tined->get('/a.txt', sock => $idle[0], keep => 1)->body, "a\n",
		'so are they');
	close $_ for @idle;
	$tined->ends_clean;
};

subtest 'slow readers of what is large' => sub {
	my $tined = start_wsgi('life:app', args => [@ENOUGH,
		'--response-memory', '3G', '-m', '/status=status:',
		'-m', '/reflect=echo:body']);
	my @ways = qw(/large /pieces /declared);
	my @slow = map { unread($tined, get($ways[$_ % @ways])) } 1 .. SLOW;

	wait_until($tined, 'send', SLOW);
	pass(SLOW . ' wait in the lot, and no worker with them');
	answers_others($tined);
	is($tined->get('/a.txt')->body, "a\n", 'by Python, too');
	for my $sock (@slow[0 .. $#ways]) {
		hurry($sock);
		is_whole($tined->read_response($sock), '*' x LARGE, 'later');
	}
	close $_ for @slow;
	$tined->ends_clean;
};

subtest 'others are unharmed' => sub {
	my $tined = start_wsgi('life:app', args => [@ENOUGH,
		'--request-timeout', "${limit}s", '--max-worker-memory', '150M'],
		env => { ASAN_OPTIONS => join q{:}, grep { defined }
			$ENV{ASAN_OPTIONS}, 'detect_leaks=0:handle_segv=0' });
	my $load = Load->start($tined, busy => 2, slow => 8);

	my @spin = map { $tined->connect } 1 .. 3;
	$tined->send($_, get('/spin')) for @spin;
	for (1 .. 3) {
		is($tined->get('/crash')->status, 500, 'a segmentation fault');
		$tined->get('/hoard') for 1 .. 60;
	}
	is($tined->read_response($_)->status, 504, 'a loop without end')
	    for @spin;
	my ($served, @failed) = $load->stop;
	cmp_ok($served, '>', 0, "clients were served all along: $served answers");
	is_deeply(\@failed, [], 'and none was failed');
	my $log = $tined->error_log;
	is(() = $log =~ /error: .*broken by SIGSEGV, in:/g, 3, 'crashes');
	is(() = $log =~ /has hung \(--request-timeout\) while running "GET \/spin/g,
		3, 'and loops are in the log');
	like($log, qr/life\.py", line \d+ in spin\n/, 'with the line');
	ok(wait_for(sub { $tined->worker_pids == WORKERS }), 'all workers are back');
	close $_ for @spin;
	$tined->ends_clean(qr/error: /);
};

subtest 'an upload takes no memory' => sub {
	plan skip_all => 'a sanitizer has its own memory' if Tined->is_sanitized;
	my $tined = start_wsgi('apps:ways',
		args => ['-w', 1, '--max-body', '6G']);
	my $sock  = $tined->connect;
	my $block = 'x' x BLOCK;

	for my $size (1 << 20, $upload) {
		my ($pid)  = $tined->all_workers(1);
		my $before = private_memory($pid);
		my $most   = 0;

		$tined->send($sock, "POST /upload HTTP/1.1\r\nHost: a\r\n"
			    . "Content-Length: $size\r\n\r\n");
		for my $i (1 .. $size / BLOCK) {
			$tined->send($sock, $block);
			$most = private_memory($pid)
			    if $i % 64 == 0 && private_memory($pid) > $most;
		}
		is($tined->read_response($sock)->body, $size, ($size >> 20) . ' MB');
		cmp_ok($most - $before, '<', MEMORY, 'in constant memory')
		    if $size > 1 << 20;
	}
	$tined->ends_clean;
};

done_testing;
