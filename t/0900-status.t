# What the server tells about itself: right numbers, in each form, to whom it
# may.

use v5.36;

use Digest::SHA qw(sha256_base64);
use FindBin;
use File::Temp ();
use IO::Socket::UNIX ();
use JSON::PP   ();
use List::Util qw(sum0);
use lib "$FindBin::Bin/lib";
use Lot ();
use Test::More;
use Time::HiRes qw(sleep);
use Tined qw(SOONER need_tools spew wait_for);

need_tools('promtool');

my @status = ('-m', '/status=status:', '-m', '/echo=echo:1000',
	'-m', '/body=echo:body');
my $KILLED = qr/was killed by signal 9/;

my $LABEL  = qr/\w+="(?:[^\\"\n]|\\[\\n"])*"/;

sub json ($tined, $path = '/status/json', %option) {
	my $response = $tined->get($path, %option);
	die "$path: $response->{status}\n" if $response->status != 200;
	return JSON::PP::decode_json($response->body);
}

# Each sample as "name{labels}" to its value, by the grammar of OpenMetrics;
# dies at whatever that has not.
sub metrics ($text) {
	my (%sample, %type, $family, $ended);
	for my $line (split /\n/, $text) {
		die "behind the end: $line\n" if $ended;
		if ($line =~ /\A# HELP (\w+) \S.*\.\z/) {
			die "twice: $line\n" if $type{$1};
			$family = $1;
			$type{$1} = 'help';
		} elsif ($line =~ /\A# TYPE (\w+) (gauge|counter|histogram)\z/) {
			die "out of order: $line\n"
			    if ($family // q{}) ne $1 || $type{$1} ne 'help';
			$type{$1} = $2;
		} elsif ($line eq '# EOF') {
			$ended = 1;
		} elsif ($line =~ m{\A((\w+)(?:\{$LABEL(?:,$LABEL)*\})?)
			\ (\d+(?:\.\d+)?)\z}x) {
			my ($name, $base, $value) = ($1, $2, $3);
			die "twice: $line\n" if exists $sample{$name};
			my $suffix = substr $base, length $family;
			die "not of $family: $line\n"
			    if index($base, $family) != 0;
			my $type = $type{$family};
			die "suffix: $line\n"
			    unless $type eq 'gauge' && $suffix eq q{}
			    || $type eq 'counter' && $suffix eq '_total'
			    || $type eq 'counter' && $suffix eq q{}
			    && $base =~ /_total\z/
			    || $type eq 'histogram'
			    && $suffix =~ /\A_(?:bucket|sum|count)\z/;
			$sample{$name} = $value;
		} else {
			die "no metric: $line\n";
		}
	}
	return { %sample, $ended ? (EOF => 1) : () };
}

sub promtool ($tined, $text) {
	my $file = spew($tined->dir . '/metrics', $text);
	my $words = qx{promtool check metrics <$file 2>&1};
	return $? == 0 ? $words : "status $?: $words";
}

subtest 'numbers after known traffic' => sub {
	my $tined = Tined->start(args => ['-w', 3, @status],
		files => { 'a.txt' => 'a' x 100 });
	my $all = 0;
	my $began = time;
	$tined->all_workers(3);

	for (1 .. 20) {
		my $sock = $tined->connect;
		for (1 .. 3) {
			my $response = $tined->get('/a.txt', sock => $sock,
				keep => 1);
			$all += length($response->{head})
			    + length $response->body;
		}
		close $sock;
	}
	my @raw = map { $tined->get($_->[0], $_->[1] ? $_->[1]->%* : ()) }
	    (map { ['/none'] } 1 .. 5),
	    (map { ['/a.txt', { fields => {
			'If-Modified-Since' => 'Fri, 31 Dec 9999 23:59:59 GMT',
			'If-None-Match' => '*' } }] } 1 .. 4),
	    ['/body', { method => 'POST', body => 'x' x 5000 }],
	    ['/body', { method => 'POST', body => 'y' x 30_000 }];
	$all += length($_->{head}) + length $_->body for @raw;
	my $continued = $tined->connect;
	$tined->send($continued, "POST /body HTTP/1.1\r\nHost: a\r\n"
		. "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	wait_for(sub {
		$tined->fill($continued);
		${*$continued}{tined_buffer} =~ /100 Continue/;
	});
	$tined->send($continued, 'abc');
	my $response = $tined->read_response($continued);
	$all += length($response->{head}) + length($response->body)
	    + length $response->{interim}[0]{head};

	my $status = json($tined);
	is($status->{requests}{all}, 72, 'requests');
	is($status->{requests}{reused}, 40, 'on reused connections');
	is_deeply($status->{responses}, { '1xx' => 1, '2xx' => 63,
		'3xx' => 4, '4xx' => 5, '5xx' => 0, aborted => 0, split => 0 },
		'responses');
	is_deeply($status->{stalls}, { nagle => 0, delayed_ack => 0,
		client_window => 0, congestion_window => 0, loss => 0 },
		'none has waited in the kernel');
	is($status->{bytes}{sent}, $all, 'bytes sent');
	is($status->{bytes}{content_received}, 35_003, 'content received');
	is($status->{latency}{count}, 72, 'all are timed');
	is($status->{latency}{buckets}[-1]{count}, 72, 'none took a minute');
	cmp_ok($status->{latency}{sum}, '>', 0, 'they took their time');
	cmp_ok($status->{latency}{sum}, '<=', 3 * (time - $began + 1),
		'and not more than three workers have');
	is($status->{connections}{accepted_by_workers}
		+ $status->{connections}{accepted_by_lot}, 20 + 11 + 1 + 1,
		'connections');
	is(sum0(values $status->{workers}->%*), 3, 'three workers');
	is($status->{workers}{running}, 1, 'one of them tells this');
	is($status->{processes}{started}, 3, 'all were started');
	is(scalar $status->{pool}->@*, 3, 'each has its entry');
	is(sum0(map { $_->{requests} } $status->{pool}->@*), 72,
		'whose requests are the sum');
	is($status->{master}, $tined->pid, 'the master');
	cmp_ok(abs($status->{time} - time), '<', SOONER, 'the time');
	# They began later than the server, so that only what grows is known.
	sleep 0.5;
	my $later = json($tined);
	my $spent = sum0(values $later->{seconds}->%*)
	    - sum0(values $status->{seconds}->%*);
	my $was = 3 * ($later->{uptime} - $status->{uptime});
	cmp_ok(abs($spent - $was), '<', 0.1 * $was,
		"workers have spent what there was: $spent");
	$tined->ends_clean;
};

# All numbers that only grow, by their names.
sub counters ($status) {
	my %flat;
	for my $part (qw(requests responses bytes connections seconds processes)) {
		$flat{"$part $_"} = $status->{$part}{$_}
		    for keys $status->{$part}->%*;
	}
	$flat{"latency $_->{le}"} = $_->{count}
	    for $status->{latency}{buckets}->@*;
	$flat{'latency sum'} = $status->{latency}{sum};
	return \%flat;
}

subtest 'counters never fall' => sub {
	my $tined = Tined->start(args => ['-w', 3, @status]);
	my $sent = 0;
	my $kills = 0;
	my @fell;
	my $last = counters(json($tined));
	my $looks = 1;

	for my $round (1 .. 30) {
		$sent++ for map { $tined->get('/echo') } 1 .. 5;
		if ($round % 5 == 0) {
			my ($pid) = grep { $_ } $tined->worker_pids;
			kill 'KILL', $pid;
			$kills++;
		}
		my $now = counters(eval { json($tined) } // next);
		$looks++;
		push @fell, grep { $now->{$_} < $last->{$_} } keys %$now;
		$last = $now;
	}
	ok(wait_for(sub { $tined->worker_pids == 3 }), 'all are back');
	my $status = json($tined);
	is_deeply(\@fell, [], 'none fell');
	is($status->{requests}{all}, $sent + $looks, 'every request counts');
	is($status->{responses}{'2xx'}, $sent + $looks, 'every response');
	is($status->{processes}{killed}, $kills, "$kills workers were killed");
	ok(wait_for(sub {
		json($tined)->{processes}{started} == 3 + $kills;
	}), 'and replaced');
	$tined->ends_clean($KILLED);
};

subtest 'a client that leaves' => sub {
	my $tined = Tined->start(args => ['-w', 2, '-m', '/big=echo:100M',
		@status]);
	my $sock = $tined->connect(rcvbuf => 4096);
	$tined->send($sock, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
	$tined->fill($sock);
	my $writing = json($tined);
	my ($worker) = grep { ($_->{request} // q{}) =~ /big/ }
	    $writing->{pool}->@*;
	if ($worker) { # unless the lot took it over
		is($worker->{request}, 'GET /big HTTP/1.1', 'its request');
		is($worker->{state}, 'writing', 'its state');
		is($worker->{client}, '127.0.0.1', 'its client');
	}
	close $sock;
	ok(wait_for(sub { json($tined)->{responses}{aborted} == 1 }),
		'a response was cut off');
	$tined->ends_clean;
};

subtest 'a client that leaves the lot' => sub {
	plan skip_all => 'no lot' if ($ENV{TINED_ARGS} // q{}) =~ /--no-lot/;
	my $tined = Tined->start(args => ['-w', 1, @status],
		files => { big => 'x' x 30_000_000 });
	my $sock = $tined->connect(rcvbuf => 4096);

	$tined->send($sock, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
	$tined->fill($sock);
	ok(wait_for(sub { json($tined)->{lot}{send} == 1 }),
		'the lot sends a response');
	is(json($tined)->{responses}{aborted}, 0, 'which goes well');
	close $sock;
	ok(wait_for(sub { json($tined)->{responses}{aborted} == 1 }),
		'until it is cut off');
	$tined->ends_clean;
};

subtest 'a client that the lot has lent to a worker' => sub {
	plan skip_all => 'no lot' if ($ENV{TINED_ARGS} // q{}) =~ /--no-lot/;
	my $tined = Tined->start(args => ['-w', 2, '--linger', '1ms',
		'-m', '/reflect=echo:body', @status]);
	my $sock = $tined->connect;

	ok(Lot::ask($tined, $sock), 'it is served');
	Lot::park($tined, $sock);
	Lot::keep_busy($tined, $sock);
	ok(wait_for(sub { json($tined)->{lot}{lent} == 1 }), 'it counts');
	ok(Lot::release($tined, $sock), 'it is served again');
	ok(wait_for(sub { json($tined)->{lot}{lent} == 0 }),
		'as long as the worker has it');
	$tined->ends_clean;
};

subtest 'forms' => sub {
	my $tined = Tined->start(args => ['-w', 2, @status]);
	my %type = (
		text => 'text/plain; charset=utf-8',
		html => 'text/html; charset=utf-8',
		json => 'application/json',
		metrics => 'text/plain; version=0.0.4; charset=utf-8',
	);
	for my $form (sort keys %type) {
		my $response = $tined->get("/status/$form");
		is($response->status, 200, "/status/$form");
		is($response->field('content-type'), $type{$form}, 'its type');
		is($response->field('cache-control'), 'no-store', 'not kept');
		my $head = $tined->get("/status/$form", method => 'HEAD');
		is($head->status, 200, 'HEAD');
		is($head->body, q{}, 'without content');
		is($tined->get("/status/$form", method => 'POST',
			body => q{})->status, 405, 'POST is refused');
	}
	my $open = 'application/openmetrics-text';
	my %accept = (
		'*/*' => $type{text},
		'text/html,application/xml;q=0.9,*/*;q=0.8' => $type{html},
		'application/json' => $type{json},
		'text/plain;version=0.0.4' => $type{metrics},
		"$open;version=1.0.0,text/plain;version=0.0.4;q=0.5" =>
		    "$open; version=1.0.0; charset=utf-8",
	);
	for my $path ('/status', '/status/') {
		for my $accept (sort keys %accept) {
			is($tined->get($path, fields => { Accept => $accept })
				->field('content-type'), $accept{$accept},
				"$path for $accept");
		}
	}
	like($tined->get('/status')->body, qr/\Atined \d/, 'text by default');
	is($tined->get("/status/$_")->status, 404, "no $_")
	    for qw(xml json/ html/json .json);
	is($tined->get('/statusjson')->status, 404, 'another path');
	is($tined->get('/status', method => 'OPTIONS')->field('allow'),
		'GET, HEAD, OPTIONS', 'Allow');
	$tined->ends_clean;
};

subtest 'metrics' => sub {
	my $tined = Tined->start(args => ['-w', 2, @status]);

	$tined->get('/echo') for 1 .. 7;
	my $plain = $tined->get('/status/metrics')->body;
	is(promtool($tined, $plain), q{}, 'promtool has nothing to say');
	my $open = $tined->get('/status/metrics', fields => {
		Accept => 'application/openmetrics-text' })->body;
	my $before = metrics($plain);
	my $after  = metrics($open);
	ok(delete $after->{EOF}, 'OpenMetrics has an end');
	ok(!$before->{EOF}, 'which plain text has not');
	is_deeply([sort keys %$after], [sort keys %$before],
		'both have the same metrics');
	is($before->{tined_requests_total}, 7, 'requests');
	is($after->{tined_requests_total}, 8, 'one more later');
	is($after->{'tined_responses_total{class="2xx"}'}, 8, 'responses');
	is($after->{tined_request_duration_seconds_count}, 8, 'histogram');
	is($after->{'tined_request_duration_seconds_bucket{le="+Inf"}'}, 8,
		'its last bucket');
	my ($queue) = grep { /\Atined_listen_queue\{/ } keys %$after;
	like($queue, qr/127\.0\.0\.1/, 'the listener');
	$tined->ends_clean;
};

subtest 'the page' => sub {
	my $tined = Tined->start(args => ['-w', 2, @status]);
	my $sock = $tined->connect;
	my $line = "POST /body/'&%3Cscript%3E?'x'= HTTP/1.1";
	$tined->send($sock, "$line\r\nHost: a\r\nContent-Length: 200000\r\n\r\n"
		. 'x' x 50_000);
	ok(wait_for(sub {
		grep { ($_->{request} // q{}) eq $line } json($tined)
		    ->{pool}->@*;
	}), 'JSON has a request as it came');
	my $page = $tined->get('/status/html');
	my $body = $page->body;
	cmp_ok(index($body, '<td>POST /body/&#39;&amp;%3Cscript%3E?&#39;x&#39;='
		. ' HTTP/1.1</td>'), '>', 0, 'the page has it escaped');
	unlike($body, qr/'&%3C/, 'and not otherwise');
	like($body, qr/<b id="requests">\d+</, 'numbers');
	unlike($body, qr{\b(?:src|href)="(?!/status/)}, 'nothing from afar');
	for my $tag (qw(script style)) {
		my ($inner) = $body =~ m{<$tag>(.*)</$tag>}s;
		my $hash = sha256_base64($inner);
		$hash .= '=' while length($hash) % 4;
		like($page->field('content-security-policy'),
			qr/\b$tag-src 'sha256-\Q$hash\E'/, "the hash of its $tag");
	}
	close $sock;
	$tined->ends_clean;
};

subtest 'who may look' => sub {
	my $dir = File::Temp->newdir('tined-XXXXXX', TMPDIR => 1);
	my $unix = "$dir/socket";
	my $sock = IO::Socket::UNIX->new(Local => $unix, Listen => 5);
	my $tined = Tined->start(args => ['-w', 2, @status, '-m',
		'/open=status:all'], sockets => [$sock]);
	my $hint = sub { scalar grep { /shown to this machine only/ }
		$tined->error_log };

	is($tined->get('/status', from => '127.0.0.9')->status, 200,
		'this machine');
	for my $host ('localhost', 'LocalHost:81', '127.0.0.1:8080',
		'127.9.9.9', '[::1]', '[::1]:80') {
		is($tined->get('/status', fields => { Host => $host })->status,
			200, "as $host");
	}
	is($tined->get('/status', version => 'HTTP/1.0', fields => [Host => ''])
		->status, 200, 'as nobody');
	is($hint->(), 0, 'no hint so far');
	for my $host ('evil.example', 'localhost.evil.example',
		'127.0.0.1.evil.example', 'localhosts', '[::2]', '127x') {
		is($tined->get('/status', fields => { Host => $host })->status,
			403, "not as $host");
	}
	for my $field ('X-Forwarded-For', 'Forwarded', 'via', 'X-REAL-IP') {
		is($tined->get('/status/json', fields => { $field => '::1' })
			->status, 403, "not with $field");
	}
	cmp_ok($hint->(), '>=', 1, 'a hint in the log');
	cmp_ok($hint->(), '<=', 2, 'once a worker');
	is($tined->get('/open', fields => { Host => 'evil.example',
		Via => '1.1 a' })->status, 200, 'status:all');
	my $response = $tined->request("GET /status/json HTTP/1.1\r\n"
		. "Host: example.org\r\nConnection: close\r\n\r\n",
		unix => $unix);
	is($response->status, 200, 'by a Unix socket, whatever the name');
	$tined->ends_clean;
};

subtest 'the command line' => sub {
	my $run = Tined->run(args => ['-m', '/status=status:some']);
	is($run->{status}, 64, 'status:some');
	is($run->{err}, "tined: --mount /status: status:some: expected nothing "
		. "after the colon, or \"all\"\n", 'is explained');
	$run = Tined->run(args => ['-t', '-m', '/status=status']);
	is($run->{status}, 0, 'status without a colon is one too');
};

done_testing;
