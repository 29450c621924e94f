# USR1: rotated logs are let go of by every process, at once, and no line is
# lost or goes to the wrong file.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Slow qw(hurry);
use Test::More;
use Time::HiRes qw(time);
use Tined qw(background free_port slow slurp spew wait_for);

my $rotations = $ENV{TINED_SLOW} ? 100 : 5;
# More than a socket has room for.
my $big = 'x' x (8 << 20);
my %files = ('a.txt' => "a\n", 'big' => $big);

my $dir = File::Temp->newdir;
chmod oct "0755", "$dir"; # for TINED_ARGS="--user nobody"
my ($access, $error) = ("$dir/access.log", "$dir/error.log");

sub fresh_logs () { unlink glob "$dir/*.log*" }

sub start (@args) {
	fresh_logs();
	return Tined->start(files => \%files,
		args => ['-w', 4, '-a', $access, '-e', $error, @args]);
}

sub ends_clean ($tined, @allowed) {
	$tined->ends_clean;
	my @bad = grep { / (?:error|warning): / } map { split /\n/, slurp($_) }
	    sort glob "$error*";
	for my $allowed (@allowed) {
		@bad = grep { $_ !~ $allowed } @bad;
	}
	return is_deeply(\@bad, [], 'the logs are clean');
}

sub reopened () { return () = slurp($error) =~ /logs are reopened/g }

# As logrotate does, and until it is done.
sub rotate ($tined, $suffix) {
	rename $_, "$_.$suffix" for $access, $error;
	$tined->signal('USR1');
	return wait_for(\&reopened);
}

sub requests (@logs) {
	return map { slurp($_) =~ m{"GET /a\.txt\?(\S+) }g } @logs;
}

subtest 'under load' => sub {
	my $tined = start();
	my $go_on = "$dir/go-on";
	spew($go_on, q{});
	my @clients = map {
		my $name = $_;
		background(sub {
			my $n = 0;
			my $sock = $tined->connect;
			while (-e $go_on) {
				# Now and then another connection.
				$sock = $tined->connect if $n % 50 == 49;
				my $response = $tined->get(
					"/a.txt?$name-" . ++$n,
					sock => $sock, keep => 1);
				die $response->status
				    if $response->body ne "a\n";
			}
			return map { "$name-$_" } 1 .. $n;
		});
	} qw(a b c);

	my ($bad, %size) = 0;
	for my $i (1 .. $rotations) {
		my $before = requests($access);
		wait_for(sub { requests($access) > $before + 10 });
		rotate($tined, $i) or $bad++;
		$size{"$access.$i"} = -s "$access.$i";
	}
	is($bad, 0, 'all processes switched, each time');
	unlink $go_on;
	my @asked = map { $_->() } @clients;
	wait_for(sub { requests(glob "$access*") == @asked });
	is_deeply([sort(requests(glob "$access*"))], [sort @asked],
		@asked . ' requests, a line for each');
	is_deeply({ map { $_ => -s } keys %size }, \%size,
		'none went to an old file when all had switched');
	ends_clean($tined);
};

# logrotate may send HUP, too: the logs do not depend on what is served.
subtest 'by a reload that fails' => sub {
	my $page = "$dir/404.html";
	spew($page, "no such page\n");
	my $tined = start('--error-page', "404=$page");
	my $logs = sub { join q{}, map { slurp($_) } glob "$error*" };

	unlink $page or die $!;
	rename $_, "$_.1" for $access, $error;
	$tined->signal('HUP');
	ok(wait_for(sub { reopened() }), 'they are reopened');
	ok(wait_for(sub { $logs->() =~ /error: cannot reload: / }), 'it fails');
	like($logs->(), qr/cannot reload: .*; what is served has not changed$/m,
		'and the line says what has not changed');
	is($tined->get('/nonesuch')->body, "no such page\n", 'as it is');
	ends_clean($tined, qr/cannot reload: /);
};

subtest 'in the middle of a request' => sub {
	my $tined = start('-m', '/reflect=echo:body', '--body-timeout', '1h',
		'--send-timeout', '1h', '--keepalive', 5 * slow() . 's');
	my $reader = $tined->connect(rcvbuf => 4096);
	$tined->send($reader, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
	$tined->fill($reader);
	my $writer = $tined->connect;
	$tined->send($writer, "POST /reflect?upload HTTP/1.1\r\nHost: a\r\n"
		. "Expect: 100-continue\r\nContent-Length: 200000\r\n\r\n");
	my $idle = $tined->connect;
	$tined->get('/a.txt', sock => $idle, keep => 1);

	ok(rotate($tined, 1), 'all switch, and wait for no client');
	$tined->send($writer, 'x' x 200_000);
	my $response = $tined->read_response($writer);
	is(length $response->body, 200_000, 'one is read');
	hurry($reader);
	ok($tined->read_response($reader)->body eq $big, 'one is sent');
	is($tined->get('/a.txt', sock => $idle, keep => 1)->status, 200,
		'an idle one goes on');
	ok(wait_for(sub {
		my $log = slurp($access);
		$log =~ /upload/ && $log =~ m{GET /big .* ${\length $big} };
	}), 'their lines are in the new file');
	unlike(slurp("$access.1"), qr/upload|big/, 'and in no other');
	my ($worker) = $tined->all_workers(4);
	kill 'TERM', $worker;
	wait_for(sub { !grep { $_ == $worker } $tined->worker_pids });
	wait_for(sub { $tined->worker_pids == 4 });
	is($tined->get('/a.txt?later')->status, 200, 'by a newer worker, too')
	    for 1 .. 4;
	ok(wait_for(sub { requests($access) == 4 }), 'which has the new log');
	close $reader;
	ends_clean($tined);
};

subtest 'a log that cannot be opened' => sub {
	mkdir "$dir/logs" or die $!;
	my $log = "$dir/logs/access.log";
	my $tined = start('-a', $log);
	rename "$dir/logs", "$dir/moved" or die $!;
	rename $error, "$error.1" or die $!;
	$tined->signal('USR1');
	ok(wait_for(sub { slurp($error) =~ /error: .*\Q$log\E.*No such file/ }),
		'an error says so');
	is($tined->get('/a.txt?1')->status, 200, 'it serves on');
	ok(wait_for(sub { requests("$dir/moved/access.log") == 1 }),
		'and writes to the old one');
	rename "$dir/moved", "$dir/logs" or die $!;
	rename $log, "$log.1" or die $!;
	$tined->signal('USR1');
	ok(wait_for(\&reopened), 'once it can be, it is');
	is($tined->get('/a.txt?2')->status, 200, 'it serves');
	ok(wait_for(sub { requests($log) == 1 }), 'and writes to the new one');
	my $errors = () = slurp($error) =~ / error: /g;
	is($errors, 1, 'it was said once');
	ends_clean($tined, qr/No such file/);
	unlink glob "$dir/logs/*";
};

subtest 'a FIFO that nobody reads' => sub {
	my $tined = start;
	unlink $access;
	system('mkfifo', $access) == 0 or die 'mkfifo';
	$tined->signal('USR1');
	ok(wait_for(sub { slurp($error) =~ /error: .*\Q$access\E/ }),
		'it is refused');
	is($tined->get('/a.txt')->status, 200, 'it serves on');
	unlink $access;
	ends_clean($tined, qr/\Q$access\E/);
};

subtest 'a process that sleeps is named' => sub {
	my $tined = start;
	my ($worker) = $tined->all_workers(4);

	kill 'STOP', $worker;
	rename $error, "$error.1" or die $!;
	$tined->signal('USR1');
	ok(wait_for(sub {
		slurp($error) =~ /warning: worker \d\[$worker\] still writes/;
	}), 'a warning');
	is(reopened(), 0, 'it is not done');
	$tined->signal('USR1');
	kill 'CONT', $worker;
	ok(wait_for(\&reopened), 'now it is');
	ends_clean($tined, qr/still writes/);
};

# The new logs reach a process that has room for no descriptor when it has.
subtest 'no free descriptors' => sub {
	my $tined = start;
	my ($worker) = $tined->all_workers(4);
	my $limit = sub ($count) {
		return system("prlimit --pid=$worker --nofile=$count: 2>&1") == 0;
	};
	my $open = sub { scalar(() = glob "/proc/$worker/fd/*") };
	my ($many) = slurp("/proc/$worker/limits")
	    =~ /^Max open files +(\d+)/m;
	my $before = $open->();

	if (!$limit->(3)) {
		ends_clean($tined);
		plan skip_all => 'the limits of a worker cannot be changed';
	}
	rename $error, "$error.1" or die $!;
	$tined->signal('USR1');
	ok(wait_for(sub {
		slurp($error) =~ /warning: worker \d\[$worker\] still writes/;
	}), 'the logs do not reach it');
	is(reopened(), 0, 'it is not done');
	is($open->(), $before, 'nothing is left open');
	$limit->($many);
	ok(wait_for(\&reopened), 'it is asked again, and has room now');
	is($open->(), $before, 'nothing is left open then either');
	ends_clean($tined, qr/still writes|Too many open files/);
};

subtest 'standard streams stay' => sub {
	my $tined = Tined->start(files => \%files, args => ['-w', 2]);

	rename $tined->dir . '/access.log', $tined->dir . '/access.log.1';
	$tined->signal('USR1');
	ok(wait_for(sub { $tined->error_log =~ /logs are reopened/ }), 'USR1');
	$tined->get('/a.txt?1');
	ok(wait_for(sub { requests($tined->dir . '/access.log.1') }),
		'standard output is as it was');
	$tined->ends_clean;
};

subtest 'a daemon, which has left its folder' => sub {
	fresh_logs();
	my ($port, $pidfile) = (free_port, "$dir/pid");
	my $run = Tined->run(daemon => 1, cwd => "$dir", args => ['-d', '-p',
		'pid', '-l', "127.0.0.1:$port", '-w', 2, '-a', 'access.log',
		'-e', 'error.log']);
	is($run->{status}, 0, 'it starts') or diag($run->{err});
	my $pid = slurp($pidfile) + 0;
	my $tined = bless { host => '127.0.0.1', port => $port, pid => $pid },
	    'Tined';
	ok(rotate($tined, 1), 'it finds its logs');
	$tined->get('/?1');
	ok(wait_for(sub { slurp($access) =~ m{GET /\?1} }), 'and writes there');
	kill 'TERM', $pid;
	ok(wait_for(sub { !-e $pidfile }), 'it stops');
};

done_testing;
