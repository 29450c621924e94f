# CGI: bytes both ways at the same time and in constant memory, and the end of a
# program whose time is over or whose client goes.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Cgi qw(is_running programs start_cgi);
use List::Util qw(max);
use Slow qw(busy_workers get hurry unread wait_until);
use Test::More;
use Time::HiRes qw(sleep);
use Tined qw(slurp spew wait_for);
use Tined::Process qw(private_memory);

use constant {
	MUCH   => 64 << 20,
	BLOCK  => 1 << 18,
	MEMORY => 4096,    # kB of private memory that a worker may have
};

my $post = "POST /c/%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n";

# A number that a program has left in a file.
sub number ($path) {
	wait_for(sub { slurp($path) =~ /\A\d+\n/ }) or die "nothing in $path\n";
	return slurp($path) + 0;
}

sub memory ($tined) {
	return max map { private_memory($_) } $tined->worker_pids;
}

subtest 'what a program writes leaves at once' => sub {
	my $place = File::Temp->newdir(TMPDIR => 1);

	chmod oct '0755', "$place";
	my $dir = programs(slow => "head(); say 'one';"
		. "sleep 0.01 until -e '$place/go'; say 'two';");
	my $tined = start_cgi($dir, more => ",read=$place");
	my $sock = $tined->connect;

	$tined->send($sock, "GET /c/slow HTTP/1.1\r\nHost: a\r\n\r\n");
	ok(wait_for(sub { $tined->fill($sock);
		${*$sock}{tined_buffer} =~ /one\n/ }), 'the first line');
	spew("$place/go", q{});
	is($tined->read_response($sock)->body, "one\ntwo\n", 'the second');
	$tined->ends_clean;
};

subtest 'both ways at the same time' => sub {
	my $dir = programs(
		cat => 'head(); my $b; print $b while sysread STDIN, $b, 1 << 16;',
		first => 'head(); print "x" x 2_000_000;'
		    . 'my $n = 0; my $b; $n += length $b while sysread STDIN, $b, 1 << 16; print $n;',
	);
	my $tined = start_cgi($dir, args => ['--body-buffer', 0]);
	my $size = 2_000_000;
	my $sock = $tined->connect;
	my $sent = 0;

	is($tined->get('/c/first', method => 'POST', body => 'a' x $size)->body,
		'x' x 2_000_000 . $size, 'one that writes before it reads');
	# An echo, of pieces: each is there before the next is sent.
	$tined->send($sock, sprintf $post, 'cat', 3000);
	for (1 .. 3) {
		$tined->send($sock, 'y' x 1000);
		$sent += 1000;
		ok(wait_for(sub { $tined->fill($sock);
			(${*$sock}{tined_buffer} =~ tr/y//) >= $sent }),
			'a piece comes back');
	}
	is($tined->read_response($sock)->body, 'y' x 3000, 'all of it');
	$sock = $tined->connect;
	$tined->send($sock, "POST /c/cat HTTP/1.1\r\nHost: a\r\n"
		. "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	ok(wait_for(sub { $tined->fill($sock);
		${*$sock}{tined_buffer} =~ /\AHTTP\/1\.1 100 / }),
		'a client that waits is asked to send');
	$tined->send($sock, 'abc');
	is($tined->read_response($sock)->body, 'abc', 'and answered');
	$tined->ends_clean;
};

subtest 'much, in constant memory' => sub {
	plan skip_all => 'a sanitizer has its own memory' if Tined->is_sanitized;
	my $dir = programs(
		count => 'my $n = 0; my $b; $n += length $b '
		    . 'while sysread STDIN, $b, 1 << 18; head(); print $n;',
		much => 'head(); print "x" x (1 << 18) for 1 .. ' . MUCH / BLOCK . ';',
	);
	my $tined = start_cgi($dir);
	my $sock = $tined->connect;
	my ($memory, $got) = (0, 0);

	$tined->send($sock, sprintf $post, 'count', MUCH);
	for (1 .. MUCH / BLOCK) {
		$tined->send($sock, 'x' x BLOCK);
		$memory = max $memory, memory($tined) if $_ % 16 == 0;
	}
	is($tined->read_response($sock)->body, MUCH, 'an upload');
	cmp_ok($memory, '<', MEMORY, 'in constant memory');
	$sock = $tined->connect;
	$tined->send($sock, "GET /c/much HTTP/1.0\r\n\r\n");
	$memory = 0;
	while ($tined->fill($sock)) {
		$got += length ${*$sock}{tined_buffer};
		${*$sock}{tined_buffer} = q{};
		$memory = max $memory, memory($tined)
		    if $got % 8 == 0;
	}
	cmp_ok($got, '>', MUCH, 'a download');
	cmp_ok(max($memory, memory($tined)), '<', MEMORY,
		'in constant memory');
	$tined->ends_clean;
};

# What they have not received yet waits in their worker, and then in the lot.
subtest 'clients that read slowly' => sub {
	plan skip_all => 'no lot' if ($ENV{TINED_ARGS} // q{}) =~ /--no-lot/;
	my $place = File::Temp->newdir(TMPDIR => 1);
	my $count = 128;
	my $all = join q{}, map { sprintf '%-65536d', $_ } 1 .. $count;
	my $dir = programs(
		much => "head(); printf '%-65536d', \$_ for 1 .. $count;",
		pauses => "head(); printf '%-65536d', \$_ for 1 .. $count;"
		    . "open my \$f, '>', '$place/written'; close \$f;"
		    . "sleep 0.01 until -e '$place/go'; print 'end';",
	);

	chmod oct '0777', "$place";
	my $tined = start_cgi($dir, more => ",write=$place",
		args => ['-m', '/status=status:']);
	my @socks = map { unread($tined, get('/c/much')) } 1 .. 6;

	wait_until($tined, 'send', 6);
	ok(wait_for(sub { busy_workers($tined) == 0 }), 'hold no worker');
	for my $sock (@socks) {
		hurry($sock);
		ok($tined->read_response($sock)->body eq $all, 'every byte');
	}
	my $sock = unread($tined, get('/c/pauses'));
	ok(wait_for(sub { -e "$place/written" }), 'nor a program');
	hurry($sock);
	ok(wait_for(sub { $tined->fill($sock);
		length ${*$sock}{tined_buffer} > length $all }),
		'all of it comes while the program does something else');
	spew("$place/go", q{});
	ok($tined->read_response($sock)->body eq "${all}end", 'and its end');
	$tined->ends_clean;

	unlink "$place/written", "$place/go";
	$tined = start_cgi($dir, more => ",write=$place",
		args => ['--send-timeout', '500ms']);
	$sock = unread($tined, get('/c/pauses'));
	ok(wait_for(sub { -e "$place/written" }), 'a client reads nothing');
	ok(wait_for(sub { busy_workers($tined) == 0 }),
		'and holds its worker no longer than --send-timeout');
	$tined->ends_clean;
};

subtest 'content that is not read' => sub {
	my $dir = programs(
		never => 'head(); print "never";',
		closes => 'close STDIN; sleep 0.1; head(); print "closed";',
		early => 'head("Content-Length: 5"); print "early"; close STDOUT;'
		    . 'my $b; 1 while sysread STDIN, $b, 1 << 16;',
	);
	my $tined = start_cgi($dir);

	for my $size (10, 60_000, 3_000_000) {
		is($tined->get('/c/never', method => 'POST',
			body => 'a' x $size)->body, 'never', "never: $size bytes");
		is($tined->get('/c/closes', method => 'POST',
			body => 'a' x $size)->body, 'closed', "closed: $size bytes");
		is($tined->get('/c/early', method => 'POST',
			body => 'a' x $size)->body, 'early',
			"answered before it is read: $size bytes");
	}
	# The answer is there before the content is sent.
	my $sock = $tined->connect;
	$tined->send($sock, sprintf $post, 'never', 1_000_000);
	is($tined->read_response($sock)->body, 'never', 'before it comes');
	$sock = $tined->connect;
	$tined->send($sock, sprintf $post, 'early', 1_000_000);
	ok(wait_for(sub { $tined->fill($sock);
		${*$sock}{tined_buffer} =~ /early\z/ }), 'the same, read later');
	$tined->send($sock, 'a' x 1_000_000);
	is($tined->read_response($sock)->body, 'early', 'and to the end');
	is($tined->get('/c/never', sock => $sock, keep => 1)->body, 'never',
		'the connection goes on');
	$tined->ends_clean;
};

# A program with a child, both of which hang; their numbers are left in $place.
my $hangs = <<'END';
my $pid = fork // die;
if ($pid == 0) {
	$SIG{TERM} = 'IGNORE' if $ENV{QUERY_STRING} =~ /stubborn/;
	sleep 1000 while 1;
}
open my $out, '>', "$ENV{PLACE}/child.new" or die $!;
say {$out} $pid;
close $out;
rename "$ENV{PLACE}/child.new", "$ENV{PLACE}/child";
head() if $ENV{QUERY_STRING} =~ /head/;
print 'x' x 100_000 if $ENV{QUERY_STRING} =~ /much/;
sleep 1000 while 1;
END

# The server, a program that hangs, and where its child leaves its number.
sub start_hanging (@more) {
	my $place = File::Temp->newdir(TMPDIR => 1);
	my $dir = programs(hangs => $hangs);

	chmod oct '0777', "$place";
	return (start_cgi($dir,
		more => join q{,}, q{}, "env=PLACE=$place", "write=$place", @more),
		$place, $dir);
}

subtest 'the time limit' => sub {
	# Long enough for Perl to start.
	my $limit = 500 * Tined::slow();
	my ($tined, $place, $dir) = start_hanging("timeout=${limit}ms");

	for my $query (q{}, 'stubborn', 'head') {
		unlink "$place/child";
		is($tined->get("/c/hangs?$query")->status, 504, "504: $query");
		my $child = number("$place/child");
		ok(wait_for(sub { !is_running($child) }),
			'the process group is killed');
	}
	unlink "$place/child";
	ok(!eval { $tined->get('/c/hangs?head,much') }, 'its content is cut off');
	my $late = number("$place/child");
	ok(wait_for(sub { !is_running($late) }), 'the process group is killed');
	like((grep { / error: / } $tined->error_log)[0],
		qr/hangs is killed: it has neither read nor written for $limit ms/,
		'the log says why');
	$tined->ends_clean(qr/ error: /);
};

subtest 'progress is no time limit' => sub {
	my $dir = programs(
		writes => 'head(); for (1 .. 12) { sleep 0.1; print "x" }',
		reads => 'my $b; my $n = 0; while (sysread STDIN, $b, 100_000) {'
		    . '$n += length $b; sleep 0.1 if $n < 1_000_000 } head(); print $n',
	);
	my $tined = start_cgi($dir, more => ',timeout=' . 700 * Tined::slow() . 'ms');
	my $sock = $tined->connect;

	is($tined->get('/c/writes')->body, 'x' x 12, 'it writes');
	is($tined->get('/c/reads', method => 'POST', body => 'a' x 1_000_000)
		->body, 1_000_000, 'it reads');
	# A client that is slow is no fault of the program.
	$tined->send($sock, sprintf $post, 'reads', 100_000);
	for (1 .. 5) {
		$tined->send($sock, 'a' x 20_000);
		sleep 0.3 * Tined::slow();
	}
	is($tined->read_response($sock)->body, 100_000, 'it waits');
	$tined->ends_clean;
};

subtest 'the client goes' => sub {
	my ($tined, $place, $dir) = start_hanging();

	for my $query (q{}, 'head', 'head,much', 'stubborn') {
		my $sock = $tined->connect;

		unlink "$place/child";
		$tined->send($sock, "GET /c/hangs?$query HTTP/1.1\r\nHost: a\r\n\r\n");
		my $child = number("$place/child");
		ok(is_running($child), "a child runs: $query");
		close $sock;
		ok(wait_for(sub { !is_running($child) }),
			'it is killed when the client goes');
	}
	my $sock = $tined->connect;
	unlink "$place/child";
	$tined->send($sock, sprintf $post, 'hangs', 1_000_000);
	my $child = number("$place/child");
	close $sock;
	ok(wait_for(sub { !is_running($child) }), 'or goes while it sends');
	$tined->ends_clean;
};

subtest 'a client that only closes its half' => sub {
	my $dir = programs(a => 'sleep 0.05; head(); print "answered ", <STDIN>');
	my $tined = start_cgi($dir);
	my ($response) = $tined->request("POST /c/a HTTP/1.1\r\nHost: a\r\n"
		. "Content-Length: 3\r\n\r\nabc", half_close => 1);

	is($response->body, 'answered abc', 'is answered');
	$tined->ends_clean;
};

subtest 'its response does not look complete when the program is killed' => sub {
	my $dir = programs(
		begins => 'head(); print "begun"; sleep 3600',
		declares => 'head("Content-Length: 9"); print "begun"; sleep 3600',
		silent => 'sleep 3600');
	my $tined = start_cgi($dir);
	my $received = sub ($name) {
		my $sock = $tined->connect;
		$tined->send($sock, "GET /c/$name HTTP/1.1\r\nHost: a\r\n\r\n");
		shutdown $sock, 1;
		1 while $tined->fill($sock);
		return ${*$sock}{tined_buffer};
	};

	my $begun = $received->('begins');
	like($begun, qr/begun/, 'the client has a part of it');
	unlike($begun, qr/\r\n0\r\n\r\n\z/, 'and not the last chunk');
	like($received->('declares'), qr/begun\z/, 'or all of its length');
	unlike($received->('silent'), qr{\AHTTP/1.1 200 }, 'or a success');
	$tined->ends_clean;
};

subtest 'a program that goes on when its response is complete' => sub {
	my $dir = programs(
		writes => 'head("Content-Length: 5"); print "begun"; '
		    . 'while (1) { print "x" x 999 }',
		waits => 'head("Content-Length: 5"); print "begun"; sleep 3600');
	my $tined = start_cgi($dir, more => ',timeout=' . 500 * Tined::slow() . 'ms');

	is($tined->get("/c/$_")->body, 'begun', "$_: its client has it whole")
	    for 'writes', 'waits';
	ok(wait_for(sub { 2 == grep { /is killed: it has neither/ }
		$tined->error_log }), 'both are killed');
	$tined->ends_clean(qr/is killed: it has neither/);
};

subtest 'a process that goes on writing errors' => sub {
	my $dir = programs(leaves => 'head(); print "whole"; '
		. 'if (!fork) { open STDOUT, ">", "/dev/null"; '
		. '$SIG{PIPE} = "DEFAULT"; while (1) { print STDERR "x\n" } }');
	my $tined = start_cgi($dir);

	is($tined->get('/c/leaves')->body, 'whole', 'does not hold the response');
	$tined->ends_clean(qr/ warning: .* leaves: x/);
};

subtest 'the worker goes' => sub {
	my ($tined, $place, $dir) = start_hanging();
	my $sock = $tined->connect;

	$tined->send($sock, "GET /c/hangs HTTP/1.1\r\nHost: a\r\n\r\n");
	my $child = number("$place/child");
	my ($parent) = slurp("/proc/$child/stat") =~ /\) \S (\d+) /;
	my ($worker) = slurp("/proc/$parent/stat") =~ /\) \S (\d+) /;
	ok((grep { $_ == $worker } $tined->worker_pids), 'a worker runs it');
	kill 'KILL', $worker;
	ok(wait_for(sub { !is_running($parent) }), 'it dies with the worker');
	kill 'KILL', $child;
	$tined->ends_clean(qr/was killed by signal 9|killed by SIGKILL|died/);
};

subtest 'a process that it leaves behind' => sub {
	my $place = File::Temp->newdir(TMPDIR => 1);
	chmod oct '0777', "$place";
	my $dir = programs(daemon => <<'END');
head();
print 'done';
my $pid = fork // die;
exit if $pid;
open STDIN, '<', '/dev/null';
open STDOUT, '>', '/dev/null';
open STDERR, '>', '/dev/null';
sleep 0.05 until -e "$ENV{PLACE}/go";
rename "$ENV{PLACE}/go", "$ENV{PLACE}/gone";
END
	my $tined = start_cgi($dir, more => ",env=PLACE=$place,write=$place");

	is($tined->get('/c/daemon')->body, 'done', 'does not hold up the response');
	spew("$place/go", q{});
	ok(wait_for(sub { -e "$place/gone" }), 'and goes on');
	$tined->ends_clean;
};

done_testing;
