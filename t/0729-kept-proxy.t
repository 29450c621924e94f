# Clients that a worker keeps where it passes requests on to other servers: it lets
# go of them when it has to wait for one of those, or for its present client, so that
# others serve them.  There is one worker, so that all this is of the same one; a
# second one is started when it waits.

use v5.36;

use Fcgi ();
use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Kept qw($GET ask keep);
use Lot  qw(find_lot is_parked keeper lot_pid stop_process);
use Test::More;
use Time::HiRes qw(sleep);
use Tined qw(spew wait_for);
use Upstream qw(read_request respond);

Lot::import_or_skip();

use constant { UPLOAD => 8 << 20, LARGE => 64 << 20 };
# A lot that has not run for a second stands still (scoreboard_read.h).
use constant LATE => 1.5;
use constant OTHERS => 4;

my $WAY = File::Temp->newdir('kept-XXXXXX', TMPDIR => 1);

chmod oct '0755', "$WAY";

# What a server behind answers, in pieces: the next leaves when the test allows it.
sub pieces_of ($path) {
	return $path =~ /pieces/ ? ('a', "\n") : $path =~ /slow/ ? (q{}, "a\n")
	    : ("a\n");
}

sub send_pieces ($conn, $up, $path, $end, $wrap, @pieces) {
	my $first = shift @pieces;
	syswrite $conn, $wrap->($first, 1) if $first ne q{};
	for my $piece (@pieces) {
		$up->note($path);
		sleep 0.01 until -e "$WAY$path";
		syswrite $conn, $wrap->($piece, $first eq q{});
	}
	syswrite $conn, $end;
	return;
}

sub serve_http ($conn, $, $up) {
	while (my $head = read_request($conn)) {
		my ($path) = $head =~ m{ (/\S+) };

		respond($conn, 'x' x LARGE), next if $path eq '/large';
		send_pieces($conn, $up, $path, q{}, sub ($text, $is_first) {
			return ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
			    x !!$is_first . $text;
		}, pieces_of($path));
	}
	return;
}

sub serve_fcgi ($conn, $, $up) {
	my $request = Fcgi::request($conn) // return;
	my $path    = $request->{PATH_INFO};

	send_pieces($conn, $up, $path, Fcgi::ended(), sub ($text, $is_first) {
		return Fcgi::out(("Content-Type: text/plain\r\n\r\n")
			x !!$is_first . $text);
	}, pieces_of($path));
	return;
}

# The lot does not take the place of one that stands still before the test says so.
sub start ($kind, @args) {
	my $up = Upstream->start($kind eq 'fcgi' ? \&serve_fcgi : \&serve_http);
	my $url = $kind eq 'fcgi' ? $up->address : $up->url;
	my $tined = Tined->start(args => ['-w', 1, '--linger', '1ms',
			'--start-timeout', '1h', '-m', "/=$kind:$url", @args]);

	$tined->{up} = $up;
	return $tined;
}

my $turns = 0;

# A request that its server answers when finish allows it.
sub begin ($tined, $how) {
	my $path = "/$how-" . ++$turns;
	my $sock = $tined->connect;

	$tined->send($sock, $GET =~ s{/a\.txt}{$path}r);
	return ($sock, $path);
}

sub finish ($tined, $sock, $path) {
	spew("$WAY$path", q{});
	my $response = $tined->read_response($sock) // return;
	return $response->body eq "a\n";
}

# Its server has the request, and its worker waits.
sub begin_slow ($tined, $how = 'slow') {
	my ($sock, $path) = begin($tined, $how);

	$tined->{up}->noted($path) or die 'nobody passes it on';
	return ($sock, $path);
}

# The worker keeps the client, and stands still.  It may have given back one that was
# idle for a second before it was stopped.
sub keep_and_stop ($tined) {
	my ($worker) = $tined->worker_pids;
	my $sock = $tined->connect;

	for (1 .. 10) {
		keep($tined, $sock);
		stop_process($worker);
		return ($worker, $sock) if keeper($tined, $sock);
		kill CONT => $worker;
	}
	die 'it keeps nobody for long';
}

sub add_worker ($tined) {
	$tined->signal('TTIN');
	return wait_for(sub { $tined->worker_pids > 1 }) || die 'no second worker';
}

for my $kind (qw(proxy fcgi)) {
	# It goes to another worker by way of the lot, which has it alone then.
	for my $how (qw(slow pieces)) {
		subtest "$kind: one that waits for its server: $how" => sub {
			my $tined = start($kind);
			my $kept  = keep($tined);
			my @slow  = begin_slow($tined, $how);

			ok(wait_for(sub { is_parked($tined, $kept) }),
				'lets go of the others');
			add_worker($tined);
			ok(ask($tined, $kept), 'which are served meanwhile')
			    for 1 .. 3;
			ok(finish($tined, @slow), 'and then its own client');
			keep($tined, $kept);
			ok(ask($tined, $kept), 'they are kept again');
			$tined->ends_clean;
		};
	}
}

# The lot does not collect so much content.
subtest 'one whose client is slow to send' => sub {
	my $tined = start('proxy');
	my $kept  = keep($tined);
	my $slow  = $tined->connect;
	my $rest  = 'x' x UPLOAD;

	$tined->send($slow, "POST /a.txt HTTP/1.1\r\nHost: a\r\n"
		. 'Content-Length: ' . UPLOAD . "\r\n\r\n");
	ok(wait_for(sub { is_parked($tined, $kept) }), 'lets go of the others');
	$tined->send($slow, $rest);
	is($tined->read_response($slow)->body, "a\n", 'and serves it');
	ok(ask($tined, $kept), 'and them');
	$tined->ends_clean;
};

# Its worker reads all of it before it connects.
subtest 'one whose client is slow to send chunks' => sub {
	my $tined = start('fcgi', '--body-buffer', 0);
	my $kept  = keep($tined);
	my $slow  = $tined->connect;

	$tined->send($slow, "POST /a.txt HTTP/1.1\r\nHost: a\r\n"
		. "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
	ok(wait_for(sub { is_parked($tined, $kept) }), 'lets go of the others');
	$tined->send($slow, "0\r\n\r\n");
	is($tined->read_response($slow)->body, "a\n", 'and serves it');
	ok(ask($tined, $kept), 'and them');
	$tined->ends_clean;
};

# More than the lot would take over, and than sockets have room for.
subtest 'one whose client is slow to receive' => sub {
	my $tined = start('proxy');
	my $kept  = keep($tined);
	my $slow  = $tined->connect;

	$tined->send($slow, $GET =~ s/a\.txt/large/r);
	ok(wait_for(sub { is_parked($tined, $kept) }), 'lets go of the others');
	is(length $tined->read_response($slow)->body, LARGE, 'and serves it');
	ok(ask($tined, $kept), 'and them');
	$tined->ends_clean;
};

# One of them may be slow when it is asked, so that the others go.
subtest 'all that it keeps' => sub {
	my $tined = start('proxy');
	my @kept  = map { $tined->connect } 1 .. OTHERS;

	my $all = wait_for(sub {
		keep($tined, $_) for grep { !keeper($tined, $_) } @kept;
		return @kept == grep { keeper($tined, $_) } @kept;
	});
	ok($all, 'it keeps several');
	my @slow = begin_slow($tined);
	ok(wait_for(sub { is_parked($tined, $_) }), 'and lets go of it')
	    for @kept;
	add_worker($tined);
	is(scalar(grep { !ask($tined, $_) } @kept), 0, 'none is lost');
	ok(finish($tined, @slow), 'nor the one that it served');
	$tined->ends_clean;
};

subtest 'a worker that is killed' => sub {
	my $tined = start('proxy');

	for my $waits (0, 0, 1, 1) {
		my $kept = keep($tined);
		my ($slow) = begin_slow($tined);

		$waits and wait_for(sub { is_parked($tined, $kept) });
		kill KILL => $tined->worker_pids;
		ok(ask($tined, $kept), 'loses none that it kept');
		ok($tined->is_closed($slow), 'but the one that it served');
	}
	$tined->ends_clean(qr/killed|KILL/);
};

# What it kept is not the present lot's.
subtest 'a lot that is killed' => sub {
	my $tined = start('proxy');
	my ($worker, $kept) = keep_and_stop($tined);
	my $lot = lot_pid($tined);

	kill KILL => $lot;
	my @slow = begin($tined, 'slow');
	ok(wait_for(sub { (find_lot($tined) // $lot) != $lot }), 'is replaced');
	kill CONT => $worker;
	ok($tined->{up}->noted($slow[1]), 'the worker waits');
	ok(wait_for(sub { is_parked($tined, $kept) }),
		'the new one has what the worker kept');
	add_worker($tined);
	ok(ask($tined, $kept), 'nobody is lost');
	ok(finish($tined, @slow), 'nor the one that is served');
	$tined->ends_clean(qr/lot.*(?:killed|KILL)/);
};

# A worker that finds it late gives it nothing that would end with it.
for my $ends (0, 1) {
	subtest 'a lot that stands still, and ' . ($ends ? 'dies' : 'goes on')
	    => sub {
		my $tined = start('proxy');
		my ($worker, $kept) = keep_and_stop($tined);
		my $lot = lot_pid($tined);

		stop_process($lot);
		my @slow = begin($tined, 'slow');
		sleep LATE;
		kill CONT => $worker;
		ok($tined->{up}->noted($slow[1]), 'the worker waits');
		ok(wait_for(sub { !keeper($tined, $kept) }),
			'it lets go of the others');
		kill $ends ? 'KILL' : 'CONT', $lot;
		add_worker($tined);
		ok(ask($tined, $kept), 'nobody is lost');
		ok(finish($tined, @slow), 'nor the one that is served');
		$tined->ends_clean(qr/lot.*(?:killed|KILL)|still/);
	};
}

# It ends when it has served its client.
subtest 'a reload, and a stop' => sub {
	my $tined = start('proxy');
	my $kept  = keep($tined);
	my @slow  = begin_slow($tined);

	$tined->signal('HUP');
	ok(ask($tined, $kept), 'the next workers serve what it has kept');
	ok(finish($tined, @slow), 'and it serves its own client');
	keep($tined, $kept);
	@slow = begin_slow($tined);
	$tined->signal('TERM');
	ok($tined->is_closed($kept), 'one that waits is closed');
	ok(!$tined->was_reset($kept), 'in order');
	ok(finish($tined, @slow), 'one that is served, when it has its answer');
	is($tined->wait_exit, 0, 'then all end');
};

# A program would have the descriptors of other clients.
subtest 'not beside programs' => sub {
	my $tined = start('proxy', '-m', '/cgi=cgi:/bin/true');
	my $sock  = $tined->connect;

	for (1 .. 5) {
		ask($tined, $sock) or die 'no answer';
		ok(wait_for(sub { is_parked($tined, $sock) }, 0.9),
			'the lot has it at once');
	}
	$tined->ends_clean;
};

done_testing;
