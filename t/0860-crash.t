# A handler crashes: its client gets a 500 if nothing was sent, the log tells
# where and why, the others notice nothing, and it is no fork storm.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(time);
use Faulty qw(crowd lines_about start_faulty storm_line);
use Trace  qw(trace);
use Tined  qw(slurp spew wait_for);

my $ENDED  = qr{error: worker \d+\[\d+\] was killed by signal };
my $BROKEN = qr{error: broken by SIG\w+};
my $FRAME  = qr{error:   #\d+ };
my @ALLOWED = ($ENDED, $BROKEN, $FRAME);

# The lines about it: of the worker, its stack, and of the master.
sub lines ($tined, $path) {
	return lines_about($tined, $ENDED, $path);
}

subtest 'each way to crash' => sub {
	my $tined = start_faulty(args => ['-w', 2]);
	my %ways = (
		segv    => ['SEGV', 11, 'fault_segv'],
		bus     => ['BUS',  7,  'fault_bus'],
		abort   => ['ABRT', 6,  'fault_abort'],
		fpe     => ['FPE',  8,  'fault_fpe'],
		ill     => ['ILL',  4,  'fault_ill'],
		call    => ['SEGV', 11, 'fault_call'],
		stack   => ['SEGV', 11, 'fault_stack'],
		written => ['SEGV', 11, 'fault_written'],
	);
	for my $way (sort keys %ways) {
		my ($name, $number, $function) = $ways{$way}->@*;
		my $path = "/f/$way?q=1\"";
		my $response = $tined->get("/f/$way?q=1", fields =>
			{ 'User-Agent' => 'x' }, keep => 1);

		is($response->status, 500, "$way: 500");
		is($response->field('Connection'), 'close', 'the last');
		is($response->framing, 'length', 'it is whole')
		    if $response->can('framing');
		like($response->body, qr/Internal Server Error/, 'a page');
		my @lines = lines($tined, "/f/$way?q=1");
		is((grep { /broken by SIG$name, in:\z/ } @lines), 1,
			'the signal');
		ok((grep { /#\d+ $function\+0x/ } @lines), 'the function')
		    or diag(join "\n", @lines);
		is((grep { /$ENDED$number\ \(.*while\ running\ "GET
			\ \/f\/$way\?q=1\ HTTP\/1\.1"\ for\ 127\.0\.0\.1,
			\ \d+\ ms\ into\ it;\ its\ client\ got\ 500;
			\ a\ new\ worker\ takes\ its\ place\z/x } @lines), 1,
			"the master's line") or diag(join "\n", @lines);
		ok(wait_for(sub {
			1 == grep { m{"GET /f/$way\?q=1 HTTP/1\.1" 500 \d+ } }
			    $tined->access_log;
		}), 'the access log');
	}
	is($tined->get('/f/well')->status, 200, 'it serves on');
	$tined->ends_clean(@ALLOWED);
};

# What each frame in that file says.
sub frames ($file, @lines) {
	return grep { /\(\Q$file\E\+0x/ } @lines;
}

# The program exports few names: the others are from its table of symbols.
subtest 'the names of functions' => sub {
	my $tined = start_faulty(args => ['-w', 1]);

	$tined->get('/f/static');
	my @lines = lines($tined, '/f/static');
	my @frames = frames(Tined->binary, @lines);
	like($frames[0] // q{}, qr/#0 hidden\+0x/, 'a static one');
	like($frames[1] // q{}, qr/#1 fault_static\+0x/, 'its caller');
	ok((grep { / main\+0x/ } @frames), 'and so on, to the first');
	is_deeply([grep { !/#\d+ [\w.]+\+0x[\da-f]+ \(/ } @frames], [],
		'all of them') or diag(join "\n", @lines);
	$tined->ends_clean(@ALLOWED);
};

subtest 'the names of functions in a program that was stripped' => sub {
	plan skip_all => 'no strip'
	    unless grep { -x "$_/strip" } split /:/, $ENV{PATH};
	my $dir = File::Temp->newdir;
	my $whole = Tined->binary;
	my $first_frame = sub (@options) {
		local $ENV{TINED} = "$dir/tined";
		system('strip', @options, '-o', "$dir/tined", $whole) == 0
		    or die "strip has failed\n";
		my $tined = start_faulty(args => ['-w', 1]);
		$tined->get('/f/static');
		my ($frame) = frames("$dir/tined", lines($tined, '/f/static'));
		$tined->ends_clean(@ALLOWED);
		return $frame // q{};
	};

	like($first_frame->('--strip-debug'), qr/#0 hidden\+0x/,
		'they are left by strip --strip-debug');
	like($first_frame->(), qr{#0 \(\Q$dir\E/tined\+0x[\da-f]+\)\z},
		'without its symbols there is only the address');
};

subtest 'the address is for addr2line' => sub {
	plan skip_all => 'no addr2line'
	    unless grep { -x "$_/addr2line" } split /:/, $ENV{PATH};
	my $tined = start_faulty(args => ['-w', 1]);

	$tined->get('/f/segv');
	my ($file, $address) = map { /#0 .*\((.*)\+(0x[0-9a-f]+)\)\z/ }
	    lines($tined, '/f/segv');
	like(qx{addr2line -fe '$file' $address},
		qr{\Afault_segv\n.*\bfaults\.c:\d+}, "$file $address");
	$tined->ends_clean(@ALLOWED);
};

subtest 'the time of a line' => sub {
	my $tined = start_faulty(args => ['-w', 1]);
	my $before = time;

	$tined->get('/f/segv');
	my ($line) = grep { /broken/ } lines($tined, '/f/segv');
	my @may = map { strftime('%Y-%m-%dT%H:%M:%S', gmtime $_) }
	    int $before .. int time;
	ok(grep({ index($line, $_) == 0 } @may), "is now: $line");
	$tined->ends_clean(@ALLOWED);
};

subtest 'HEAD, and a page of one\'s own' => sub {
	my $dir = File::Temp->newdir;
	my $page = spew("$dir/500.html", "Oh.\n");
	my $tined = start_faulty(args => ['-w', 1, '--header', 'X-A: b',
		'--error-page', "500=$page"]);

	my $response = $tined->get('/f/segv');
	is($response->body, "Oh.\n", 'the page');
	is($response->field('X-A'), 'b', 'the field');
	$response = $tined->get('/f/segv', method => 'HEAD');
	is($response->status, 500, 'HEAD');
	is($response->field('Content-Length'), 4, 'its length');
	$tined->ends_clean(@ALLOWED);
};

subtest 'a part was sent' => sub {
	my $tined = start_faulty(args => ['-w', 1]);

	for my $way (qw(part much)) {
		my $sock = $tined->connect;
		$tined->send($sock, "GET /f/$way HTTP/1.1\r\nHost: a\r\n\r\n");
		ok(!eval { $tined->read_response($sock) }, "$way is cut off");
		like($@, qr/closed/, 'by the end of the connection');
		like((lines($tined, "/f/$way"))[-1],
			qr/while running .*; its client got a part of the/,
			'the log says so');
		ok(wait_for(sub {
			1 == grep { m{"GET /f/$way HTTP/1\.1" 200 \d+ } }
			    $tined->access_log;
		}), 'the access log');
	}
	$tined->ends_clean(@ALLOWED);
};

subtest 'pipelined' => sub {
	my $tined = start_faulty(args => ['-w', 1]);
	my $ask = sub ($path) { "GET /f/$path HTTP/1.1\r\nHost: a\r\n\r\n" };

	my @got = $tined->request(join(q{}, map { $ask->($_) }
		qw(well?1 well?2 segv well?3)), all => 1);
	is(join(q{ }, map { $_->status } @got), '200 200 500',
		'those before it are answered, those behind it not');
	is($got[1]->body, '/f/well?2', 'as they should');
	$tined->ends_clean(@ALLOWED);
};

subtest 'content that nobody reads' => sub {
	my $tined = start_faulty(args => ['-w', 1]);

	for my $size (10, 100_000, 3_000_000) {
		my $sock = $tined->connect;
		my $response = $tined->get('/f/segv', method => 'POST',
			body => 'x' x $size, sock => $sock, keep => 1);
		is($response->status, 500, "with $size bytes");
		ok($tined->is_closed($sock), 'the end');
		ok(!$tined->was_reset($sock), 'is no reset');
	}
	$tined->ends_clean(@ALLOWED);
};

# Nor does its worker ask for what it may not do, or wait for what is all there.
subtest 'content that nobody reads, without a shutdown' => sub {
	my $tined = start_faulty(args => ['-w', 1]);

	my ($worker) = $tined->all_workers(1);
	plan skip_all => 'workers may shut down a connection'
	    if slurp("/proc/$worker/status") !~ /^Seccomp:\s+2/m
	    || ($ENV{TINED_ARGS} // q{}) =~ /no-lot/;
	my $sock = $tined->connect;
	my $calls = trace('shutdown,ppoll', sub {
		my $response = $tined->get('/f/segv', method => 'POST',
			body => 'x' x 200_000, sock => $sock, keep => 1);
		is($response->status, 500, 'its answer');
		ok($tined->is_closed($sock), 'the end');
	}, $worker);
	$tined->ends_clean(@ALLOWED);
	return if !defined $calls;
	unlike($calls, qr/shutdown\(/, 'no call that is refused');
	unlike($calls, qr/ppoll\(.*\(Timeout\)/, 'no wait in vain');
};

subtest 'nobody is being served' => sub {
	my $tined = start_faulty(args => ['-w', 1]);
	my $sock = $tined->connect;

	is($tined->get('/f/well', sock => $sock, keep => 1)->status, 200,
		'kept alive');
	my ($worker) = $tined->all_workers(1);
	ok(wait_for(sub {
		$tined->access_log && Tined::process_state($worker) eq 'S';
	}), 'which is done');
	kill 'SEGV', $worker;
	ok(wait_for(sub {
		$tined->error_log =~ /$BROKEN from process $$, in:\n/
	}), 'who did it');
	ok(wait_for(sub {
		$tined->error_log =~ /${ENDED}11 \(.*\) while (?:idle|reading)/
	}), 'the master') or diag($tined->error_log);
	is($tined->get('/f/well')->status, 200, 'it serves on');
	$tined->ends_clean(@ALLOWED);
};

# Its head has come, so it is the request that is being served.
subtest 'while the content of a later request comes' => sub {
	my $tined = start_faulty(args => ['-w', 1, '--linger', '60s', '-m',
		'/e=echo:body']);
	my ($worker) = $tined->all_workers(1);
	my $sock = $tined->connect;

	# The first response leaves when the worker waits.
	$tined->send($sock, "GET /f/well HTTP/1.1\r\nHost: a\r\n\r\n"
		. "PUT /e HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf");
	is($tined->read_response($sock)->status, 200, 'the one before');
	# Until the call that has sent it returns, the worker does not know how
	# much has left, and sends no more.
	ok(wait_for(sub { Tined::process_state($worker) eq 'S' }),
		'the worker waits for content');
	kill 'SEGV', $worker;
	is(eval { $tined->read_response($sock)->status }, 500, 'its answer')
	    or diag($@);
	$tined->send($sock, 'whole');
	ok($tined->is_closed($sock), 'the end');
	ok(!$tined->was_reset($sock), 'is no reset');
	ok(wait_for(sub { $tined->error_log =~ $ENDED }), 'the log has it');
	unlike(scalar $tined->error_log, qr/got a part/, 'nothing is cut off');
	$tined->ends_clean(@ALLOWED);
};

subtest 'the lot, and the master' => sub {
	my $tined = start_faulty(args => ['-w', 1]);
	my ($lot) = grep { Tined::title($_) =~ /lot/ } $tined->child_pids;

	if ($lot) {
		kill 'ABRT', $lot;
		ok(wait_for(sub { $tined->error_log =~
			/lot\[$lot\] $BROKEN from process $$, in:\n/ }),
			'the lot');
		ok(wait_for(sub { $tined->error_log =~
			/the lot\[$lot\] was killed by signal 6/ }),
			'the master says so');
	}
	$tined->signal('BUS');
	is($tined->wait_exit, 128 + 7, 'the master dies by its signal');
	like($tined->error_log, qr/master\[\d+\] $BROKEN .* master_run\+0x/s,
		'and says where');
	$tined->leaves_nothing;
	$tined->log_is_clean(@ALLOWED, qr/the lot\[/);
};

subtest 'a leak' => sub {
	plan skip_all => 'a sanitizer is not content with that'
	    if Tined->is_sanitized;
	my $tined = start_faulty(args => ['-w', 2, '--max-worker-memory',
		'40M']);
	my (%seen, %status);

	for (1 .. 200) {    # a megabyte each
		$status{ $tined->get('/f/leak')->status }++;
		$seen{$_} = 1 for $tined->worker_pids;
	}
	is_deeply(\%status, { 200 => 200 }, 'every request is answered');
	cmp_ok(keys %seen, '>', 3, 'by one worker after another: ' . keys %seen);
	my @kb = map { slurp("/proc/$_/status") =~ /^VmRSS:\s*(\d+)/m }
	    $tined->worker_pids;
	cmp_ok((sort { $b <=> $a } @kb)[0] // 0, '<', 60_000,
		"none has grown for long: @kb kB");
	$tined->ends_clean;
};

# However many are wanted, one goes ahead, and what it says is said once.
subtest 'workers that cannot start' => sub {
	my $dir = File::Temp->newdir;
	my $broken = spew("$dir/broken", q{});
	my %faulty = (args => ['--no-lot', '-w', 8],
		env => { FAULT_START => $broken });

	my $tined = start_faulty(%faulty, ready => 0);
	is($tined->wait_exit, 1, 'it gives up');
	like($tined->error_log, qr/error: no worker could be started: giving/,
		'and says so');
	my @tries = grep { /while starting/ } $tined->error_log;
	cmp_ok(@tries, '<=', 5, 'the tries that are logged: ' . @tries);
	is((grep { $_ =~ $BROKEN } $tined->error_log), @tries,
		'and what the workers say of them');
	$tined->log_is_clean(@ALLOWED, qr/workers? .* start/);

	unlink $broken;
	$tined = start_faulty(%faulty);
	ok(wait_for(sub { $tined->worker_pids == 8 }), 'all start');
	spew($broken, q{});
	kill 'KILL', $tined->worker_pids;
	ok(wait_for(sub {
		$tined->error_log =~ /4 workers in a row have failed to start/
	}), 'none starts any more');
	unlink $broken;
	is(eval { $tined->get('/f/well')->status }, 200,
		'service comes back') or diag($@);
	ok(wait_for(sub { $tined->worker_pids == 8 }), 'so do all workers');
	@tries = grep { /while starting/ } $tined->error_log;
	cmp_ok(@tries, '<=', 4, 'the first, the second, the fourth are logged')
	    or diag(scalar $tined->error_log);
	like($tined->error_log, qr/notice: workers start again, after \d+ have fai/,
		'and the end of it');

	spew($broken, q{});
	kill 'KILL', $tined->worker_pids;
	ok(wait_for(sub { !$tined->worker_pids }), 'while it waits');
	is($tined->stop, 0, 'it can be stopped');
	$tined->ends_clean(@ALLOWED, qr/workers in a row/);
};

# More than the bound allows at once, so that it shows.
subtest 'under load' => sub {
	my $tined = start_faulty(args => ['-w', 4]);
	my $start = time;
	my ($count, $wrong) = crowd($tined, 8, 40, sub ($i) {
		rand 10 < 4 ? ('/f/segv', 500) : ("/f/well?$$.$i", 200)
	});
	my $seconds = time - $start; # those that it took in truth
	my $crashes = $count->{500} // 0;

	is_deeply($wrong, [], 'each has its own answer')
	    or diag($tined->error_log);
	note("$crashes crashes, $count->{200} others");
	cmp_ok($crashes, '>', 32, 'crashes');
	cmp_ok($crashes, '<=', 32 + 50 * $seconds + 4, 'not without bound');
	cmp_ok($count->{200}, '>', $crashes / 2, 'others are served');
	my @log;
	ok(wait_for(sub {
		@log = $tined->error_log;
		$crashes == grep { $_ =~ $ENDED } @log;
	}), 'a line of the master for each');
	is((grep { $_ =~ $BROKEN } @log), $crashes, 'a line of the worker');
	is((grep { /#0 fault_segv\+/ } @log), $crashes, 'a backtrace');
	is((grep { m{/f/segv HTTP/1\.1" 500 } } $tined->access_log), $crashes,
		'a line of the access log');
	is((grep { m{/f/well\S+ HTTP/1\.1" 200 } } $tined->access_log),
		$count->{200}, 'and one for each of the others');
	my $told = grep { $_ =~ storm_line } @log;
	cmp_ok($told, '<=', 1, 'the bound is told of once');
	is($told, 1, 'and it was met') if $crashes > 32 + 50 * $seconds;
	ok(wait_for(sub { $tined->worker_pids == 4 }), 'all are there again');
	$tined->ends_clean(@ALLOWED, storm_line);
};

done_testing;
