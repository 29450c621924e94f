# --status-socket answers when nobody else does, and --status prints it.

use v5.36;

use Cwd qw(abs_path);
use FindBin;
use File::Temp       ();
use IO::Socket::INET ();
use IO::Socket::UNIX ();
use JSON::PP         ();
use Socket           qw(SOCK_STREAM);
use Time::HiRes      qw(time);
use lib "$FindBin::Bin/lib";
use Test::More;
use Tined qw(background free_port is_as_quick wait_for);

use constant {
	CLIENT_TIME => 0.9,    # seconds, and a little less
	CROWD       => 20,     # times as long as without it, a look may take
};

my $dir  = File::Temp->newdir('tined-XXXXXX', TMPDIR => 1);
my $path = "$dir/status";
my @args = ('--status-socket', $path, '-m', '/body=echo:body',
	'-m', '/echo=echo:1000');

# Prints the status: the exit status, and both streams.
sub show ($from = $path, @more) {
	my $run = Tined->run(args => ['--status', $from, @more]);
	return ($run->{status}, $run->{out}, $run->{err});
}

# Who has not asked within a second is sent away in silence; on a machine that
# stands still for so long that is no fault, and it asks again.
sub ask ($tined, $what = '/json', %option) {
	for (1 .. 3) {
		my $start = time;
		my $response = eval {
			$tined->get($what, unix => $path, %option);
		};
		return $response if $response;
		last if time - $start < CLIENT_TIME;
	}
	die $@;
}

sub json ($tined) {
	return JSON::PP::decode_json(ask($tined)->body);
}

# A worker has it until its content comes.
sub hold ($tined) {
	my $sock = $tined->connect;
	$tined->send($sock, "POST /body HTTP/1.1\r\nHost: a\r\n"
		. "Content-Length: 200000\r\n\r\n" . 'x' x 50_000);
	return $sock;
}

# How many workers have one of those.
sub held ($tined) {
	return scalar grep { ($_->{request} // q{}) =~ m{/body} }
	    json($tined)->{pool}->@*;
}

sub status_pid ($tined) {
	return (grep { Tined::title($_) =~ /\Atined: status\b/ }
		$tined->child_pids)[0];
}

# How many the process has open.
sub descriptors ($tined) {
	return scalar(() = glob '/proc/' . status_pid($tined) . '/fd/*');
}

# It takes its time, while all else is tested.
my $silent = IO::Socket::UNIX->new(Local => "$dir/silent", Listen => 5);
my $unanswered = background(sub {
	my ($code, $out, $err) = show("$dir/silent");
	chomp $err;
	return ($code, $err);
});

subtest 'it tells of the server, and not of itself' => sub {
	my $tined = Tined->start(args => ['-w', 2, @args]);

	ok(-S $path, 'the socket is there');
	is((stat $path)[2] & oct '7777', oct '660', 'with its mode');
	$tined->get('/echo') for 1 .. 3;
	ask($tined) for 1 .. 5;
	my $status = json($tined);
	is($status->{requests}{all}, 3, 'requests');
	is(scalar $status->{pool}->@*, 2, 'workers');
	is($status->{processes}{started}, 2, 'started');
	is($status->{master}, $tined->pid, 'the master');
	for my $form (qw(html text json metrics)) {
		my $response = ask($tined, "/$form");
		is($response->status, 200, "/$form");
		is($response->field('connection'), 'close', 'one a connection');
	}
	like(ask($tined, '/', fields => { Accept => 'text/html' })->body,
		qr{<a href="/json">}, 'the links of the page');
	is(ask($tined, '/etc/passwd')->status, 404, 'nothing else');
	is(ask($tined, '/', method => 'POST', body => 'x')->status, 413,
		'no content');
	unlike(scalar $tined->access_log, qr/json/, 'it is not logged');

	my ($code, $out, $err) = show();
	is($code, 0, '--status');
	like($out, qr/\Atined \S+, master \d+, up \S+\n\nWorkers        2: /,
		'prints it');
	is($err, q{}, 'in silence');
	cmp_ok(length((sort { length $b <=> length $a } split /\n/, $out)[0]),
		'<=', 80, 'in 80 columns');
	$tined->ends_clean;
	ok(!-e $path, 'the socket is gone');
};

subtest 'all workers are busy, and the queue overflows' => sub {
	my $port = free_port;
	my $tined = Tined->start(listen => 'none', port => $port, args => ['-w', 2,
		'--no-lot', '-b', 3, '-l', "127.0.0.1:$port", @args]);
	my @busy = map { hold($tined) } 1, 2;
	ok(wait_for(sub { held($tined) == 2 }), 'both workers are busy');
	my @waiting;
	my $queue = sub { json($tined)->{listeners}[0] };
	ok(wait_for(sub {
		my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
			PeerPort => $port, Blocking => 0);
		push @waiting, $sock;
		wait_for(sub {
			syswrite $sock, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n";
		}, 0.1);
		return json($tined)->{listen_overflows} > 0;
	}), 'the queue overflows, and it is told');
	is($queue->()->{waiting}, $queue->()->{room} + 1, 'the queue is full');
	my ($code, $out) = show();
	is($code, 0, '--status answers, while no worker is free');
	like($out, qr/^Listener       http:\S+: waiting 4 of 3$/m, 'the queue');
	like($out, qr/^\ +\d+\ +\d+\ reading\ .*\n\ +POST\ \/body\ HTTP/mx,
		'what the workers do');
	close $_ for @busy, @waiting;
	ok(wait_for(sub { $queue->()->{waiting} == 0 }), 'the queue is empty');
	$tined->ends_clean;
};

subtest 'a graceful stop can be watched' => sub {
	my $tined = Tined->start(args => ['-w', 2, @args]);
	my $sock = hold($tined);

	ok(wait_for(sub { held($tined) == 1 }), 'busy');
	$tined->signal('TERM');
	ok(wait_for(sub { json($tined)->{stopping} }), 'it stops');
	my ($code, $out) = show();
	like($out, qr/, stopping\n/, '--status says so');
	$tined->send($sock, 'x' x 150_000);
	is($tined->read_response($sock)->status, 200, 'a request is finished');
	is($tined->wait_exit, 0, 'then all ends');
	ok(!-e $path, 'the socket is gone');
	$tined->ends_clean;
};

subtest 'a stop closes what it only looks at' => sub {
	my $port = free_port;
	my $tined = Tined->start(listen => 'none', port => $port,
		args => ['-w', 1, '-l', "127.0.0.1:$port", @args]);
	my $sock = hold($tined);

	ok(wait_for(sub { held($tined) == 1 }), 'busy');
	$tined->signal('TERM');
	# Who is greeted before that waits for the worker, and so do the sockets.
	ok(wait_for(sub { json($tined)->{stopping} }), 'it stops');
	ok(wait_for(sub {
		!IO::Socket::INET->new(PeerAddr => '127.0.0.1',
			PeerPort => $port, Timeout => 0.2);
	}), 'nobody listens');
	ok(wait_for(sub {
		IO::Socket::INET->new(LocalPort => $port, Listen => 1,
			LocalAddr => '127.0.0.1', ReuseAddr => 1);
	}), 'the port is free');
	ok(json($tined)->{stopping}, 'while it still stops');
	close $sock;
	$tined->wait_exit;
	$tined->ends_clean;
};

subtest 'the process is killed' => sub {
	my $tined = Tined->start(args => ['-w', 1, @args]);
	my $before = wait_for(sub { status_pid($tined) });

	kill 'KILL', $before;
	ok(wait_for(sub {
		(status_pid($tined) // $before) != $before
	}), 'another takes its place');
	is(json($tined)->{processes}{started}, 1, 'it answers');
	$tined->ends_clean(qr/the status process\[$before\] was killed/);
};

subtest 'the master is killed' => sub {
	my $tined = Tined->start(args => ['-w', 1, @args]);

	ok(wait_for(sub { status_pid($tined) }), 'there is one');
	$tined->signal('KILL');
	$tined->wait_exit;
	$tined->leaves_nothing;
	ok(-S $path, 'the socket stays');
	$tined->log_is_clean;
	$tined = Tined->start(args => ['-w', 1, @args]);
	is(ask($tined)->status, 200, 'and the next server takes its place');
	my $second = Tined->run(args => ['-w', 1, @args, '-l',
		'127.0.0.1:' . free_port]);
	is($second->{status}, 1, 'but not that of one that lives');
	like($second->{err}, qr/\Qunix:$path: Address already in use\E/,
		'and says so');
	is(ask($tined)->status, 200, 'which goes on');
	$tined->ends_clean;
};

subtest 'clients that are slow' => sub {
	my $tined = Tined->start(args => ['-w', 1, @args]);
	my @silent = map { $tined->connect(unix => $path) } 1 .. 3;
	my $half = $tined->connect(unix => $path);
	$tined->send($half, 'GET /js');
	my $start = time;
	is(json($tined)->{requests}{all}, 0, 'others are answered');
	note(sprintf 'after %.1f s', time - $start);
	is($tined->read_response($half)->status, 408, 'half a head is refused');
	ok($tined->is_closed($_), 'silence ends') for @silent;
	$tined->ends_clean(qr/refused with 408/);
};

# What each of 200 clients sends before it falls silent, without a look at what
# it gets.
my %crowds = (
	'nothing'            => q{},
	'half a head'        => "GET /json HTTP/1.1\r\nHost: a\r\n",
	'a request'          => "GET /json HTTP/1.1\r\nHost: a\r\n\r\n",
	'what is no request' => "\r\n" x 100,
	'no content'         => "POST /json HTTP/1.1\r\nHost: a\r\n"
	    . "Content-Length: 100\r\n\r\n",
	'half the content'   => "GET /json HTTP/1.1\r\nHost: a\r\n"
	    . "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
);

for my $what (sort keys %crowds) {
	subtest "200 clients send $what" => sub {
		my $tined = Tined->start(args => ['-w', 1, @args]);
		my @crowd;
		ok(wait_for(sub { status_pid($tined) }), 'there is one');
		my $before = descriptors($tined);
		my $ask = sub () {
			my $start = time;
			is((show())[0], 0, '--status answers');
			return time - $start;
		};
		# The crowd has a second, in which nobody would be answered if it
		# were waited for.
		is_as_quick(CROWD, 'as soon as if they were not there', sub {
			@crowd = map { $tined->connect(unix => $path) } 1 .. 200;
			$tined->send($_, $crowds{$what}) for @crowd;
			my $took = $ask->();
			cmp_ok(descriptors($tined), '<=', $before + 64,
				'it holds 64 of them at most');
			return $took;
		}, sub {
			@crowd = ();
			return $ask->();
		});
		@crowd = ();
		is(json($tined)->{requests}{all}, 0, 'and goes on');
		$tined->ends_clean(qr/refused with 4\d\d/);
	};
}

subtest 'clients that take their time' => sub {
	my $tined = Tined->start(args => ['-w', 1, @args]);
	my $slow = $tined->connect(unix => $path);
	my $raw = "GET /json HTTP/1.1\r\nHost: a\r\n\r\n";

	for my $byte (split //, $raw) {
		$tined->send($slow, $byte);
		is(ask($tined, '/text')->status, 200, 'others are answered')
		    if $byte eq "\n";
	}
	is($tined->read_response($slow)->status, 200, 'so are they');
	my $bad = $tined->connect(unix => $path);
	$tined->send($bad, "BAD\r\n\r\n" . 'x' x 100_000);
	is($tined->read_response($bad)->status, 400, 'a mistake is told');
	ok(!$tined->was_reset($bad), 'and the client not cut off');
	my $ended = $tined->connect(unix => $path);
	$tined->send($ended, 'GET /js');
	shutdown $ended, 1;
	is($tined->read_response($ended)->status, 400, 'so is half a head');
	$tined->ends_clean(qr/refused with 400/);
};

subtest 'what --status says' => sub {
	my ($code, $out, $err) = show("$dir/none");
	is($code, 1, 'nothing there');
	is($err, "tined: --status $dir/none: no server listens there: is "
		. "tined running with --status-socket $dir/none?\n", 'is explained');

	is_deeply([$unanswered->()],
		[1, "tined: --status $dir/silent: no response within 3 s"],
		'no answer is an error, too');

	my $other = IO::Socket::UNIX->new(Local => "$dir/other", Listen => 5);
	my $answered = background(sub {
		my $client = $other->accept;
		sysread $client, my $request, 1000;
		syswrite $client, "HTTP/1.1 200 OK\r\n\r\nhello\n";
		close $client;
		return 'done';
	});
	($code, $out, $err) = show("$dir/other");
	$answered->();
	is($code, 1, 'another server');
	like($err, qr/is not the status socket of tined\n\z/, 'is explained');
	is($out, q{}, 'and its answer is not printed');

	for my $flag (qw(--status --status-socket)) {
		my $run = Tined->run(args => [$flag, 'x' x 200]);
		is($run->{status}, 64, "$flag with a long path");
		like($run->{err}, qr/\Atined: $flag x+\.*: expected the path of a socket/,
			'is explained');
	}
};

done_testing;
