# A signal that somebody sends to every process of the server, as pkill(1) and
# killall(1) do, means what it means to the master, or nothing.

use v5.36;

use Config  qw(%Config);
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tined qw(wait_for);

# What ends or stops a process by its nature: tined(8).  32 and 33 are the C
# library's own.
my %ending = map { ($_ => 1) } qw(ABRT BUS FPE ILL SEGV SYS TRAP XCPU);
my %asking = map { ($_ => 1) } qw(TERM INT QUIT);
my %acting = map { ($_ => 1) } qw(HUP USR1 USR2 TTIN TTOU CHLD);
my %number = signals();

my $classic = grep { $_ eq '--no-lot' } split q{ }, $ENV{TINED_ARGS} // q{};

sub signals () {
	my @numbers = split q{ }, $Config{sig_num};
	my %of;

	@of{ split q{ }, $Config{sig_name} } = @numbers;
	delete @of{qw(ZERO KILL STOP TSTP NUM32 NUM33 IOT CLD POLL)};
	return %of;
}

sub start () {
	my $dir = File::Temp->newdir;
	my $tined = Tined->start(files => { 'a.txt' => "a\n" },
		args => ['-w', 3, '--status-socket', "$dir/status"]);

	$tined->{keep} = $dir;
	$tined->all_workers(3);
	return $tined;
}

sub asks ($tined, $sock) {
	my $response = eval { $tined->get('/a.txt', sock => $sock, keep => 1) };
	return $response && $response->body eq "a\n";
}

# Sends them one after the other: the names of those after which the client did
# not get its answer.
sub lost_by ($tined, $sock, $pids, @names) {
	my @lost;

	for my $name (@names) {
		kill $number{$name}, @$pids;
		push @lost, $name if !asks($tined, $sock);
	}
	return \@lost;
}

sub by_number (@names) {
	return sort { $number{$a} <=> $number{$b} } @names;
}

subtest 'to all processes: those that mean nothing' => sub {
	my $tined = start();
	my @pids = ($tined->pid, $tined->child_pids);
	my @names = by_number(grep { !$ending{$_} && !$asking{$_} && !$acting{$_} }
		keys %number);
	my $sock = $tined->connect;

	cmp_ok(scalar @names, '>', 40, scalar(@names) . ' signals');
	ok(asks($tined, $sock), 'a client is served');
	is_deeply(lost_by($tined, $sock, \@pids, @names), [],
		'it is served on, on the same connection');
	is_deeply([$tined->pid, $tined->child_pids], \@pids,
		'no process has ended');
	$tined->ends_clean;
};

subtest 'to the children: what the master acts on' => sub {
	my $tined = start();
	my @children = $tined->child_pids;
	my @names = by_number(keys %acting, qw(INT QUIT));
	my $sock = $tined->connect;

	ok(asks($tined, $sock), 'a client is served');
	is_deeply(lost_by($tined, $sock, \@children, @names), [],
		'it is served on, on the same connection');
	my %workers = map { ($_ => 1) } $tined->worker_pids;
	is_deeply(lost_by($tined, $sock, [grep { !$workers{$_} } @children],
		'TERM'), [], 'TERM to those that are no workers');
	is_deeply([$tined->child_pids], \@children, 'no process has ended');
	unlike($tined->error_log, qr/reload|reopened|upgrad/, 'nothing is done');
	$tined->ends_clean;
};

subtest 'to all processes: what the master acts on' => sub {
	my $tined = start();
	my $sock = $tined->connect;
	my ($lot) = grep { Tined::title($_) =~ /lot/ } $tined->child_pids;

	ok(asks($tined, $sock), 'a client is served');
	for my $round (1 .. 5) {
		kill 'USR1', $tined->pid, $tined->child_pids;
		ok(wait_for(sub {
			$round == (() = $tined->error_log =~ /logs are reopened/g)
		}), "USR1: logs are reopened, $round");
		ok(asks($tined, $sock), 'the client is served on');
	}
	for my $name (qw(TTIN TTOU CHLD)) {
		kill $name, $tined->pid, $tined->child_pids;
		ok(asks($tined, $sock), "$name: the client is served on");
	}
	kill 'HUP', $tined->pid, $tined->child_pids;
	ok(wait_for(sub { $tined->error_log =~ /reloaded/ }), 'HUP: reloaded')
	    or diag($tined->error_log);
	ok($classic || asks($tined, $sock), 'the client is served on');
	ok($classic || kill(0, $lot), 'the lot is the same');
	is($tined->get('/a.txt')->body, "a\n", 'others are served');
	$tined->ends_clean;
};

subtest 'to all processes: a stop' => sub {
	for my $name (qw(TERM INT)) {
		my $tined = start();
		my $sock = $tined->connect;

		ok(asks($tined, $sock), 'a client is served');
		kill $name, $tined->pid, $tined->child_pids;
		is($tined->wait_exit, 0, "$name: exit status 0");
		$tined->ends_clean;
	}
};

done_testing;
