# Descriptors and processes run out: service goes on, the log says it once, and
# all recovers by itself.
#
# What is short in the whole machine (ENFILE, ENOMEM): t/0916-scarce.t.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Lot qw(descriptors_at_rest lot_pid);
use Test::More;
use Tined qw(need_tools slurp wait_for);
use Tined::Process qw(set_limit);

need_tools(qw(prlimit setpriv));
plan skip_all => 'needs root' if $> != 0;

# Nobody else's: processes are counted by user.
use constant USER => 64_123;

my %files = ('a.txt' => "hello\n");

sub said ($tined, $words) { return () = $tined->error_log =~ /$words/mg }

sub serves ($tined, $name) {
	my $good = 0;

	for (1 .. 10) {
		my $response = eval { $tined->get('/a.txt') } or next;
		$good++ if $response->body eq "hello\n";
	}
	return is($good, 10, $name);
}

# There is room for so many more than it has when it has nothing to do.
sub fill_descriptors ($pid, $more = 0) {
	descriptors_at_rest($pid);
	my %open = map { s{.*/}{}r => 1 } glob "/proc/$pid/fd/*";
	my $count = 0;

	for (0 .. $more) {
		1 while $open{ $count++ };
	}
	set_limit($pid, 'nofile', $count - 1);
	return;
}

# Ready is a server whose first worker is; the others may still be to come.  Each
# response needs the file, and none comes from a worker's memory.
sub start (%option) {
	my $tined = Tined->start(files => \%files,
		args => ['-w', 2, '--cache-time', '0'], %option);

	wait_for(sub { $tined->worker_pids == 2 }) or die "no two workers\n";
	return $tined;
}

sub dies_alone ($tined) {
	my ($pid) = $tined->worker_pids;

	kill 'KILL', $pid;
	return wait_for(sub { !grep { $_ == $pid } $tined->worker_pids });
}

subtest 'no process more' => sub {
	my $tined = start(under => ['setpriv', '--reuid=' . USER, '--regid=' . USER,
			'--clear-groups']);
	my $master = $tined->pid;

	serves($tined, 'it serves');
	set_limit($master, 'nproc', 1);
	ok(dies_alone($tined), 'a worker dies');
	ok(wait_for(sub { said($tined, 'cannot start a worker: ') }),
		'the log says that it has no successor');
	serves($tined, 'the other worker serves on');
	ok(!wait_for(sub { said($tined, 'cannot start a worker: ') > 1 }, 1),
		'the log says so once');
	ok(dies_alone($tined), 'the other dies too');
	my $sock = $tined->connect;
	$tined->send($sock, "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n");
	ok($tined->is_open($sock, 0.3), 'clients wait');
	set_limit($master, 'nproc');
	is($tined->read_response($sock)->body, "hello\n",
		'they are served as soon as there is room again');
	ok(wait_for(sub { $tined->worker_pids == 2 }), 'by as many workers');
	is(said($tined, 'notice: processes can be started again'), 1,
		'which the log tells');
	is(said($tined, 'cannot start '), 1, 'and nothing more');
	serves($tined, 'it serves');
	$tined->ends_clean(qr/cannot start a worker: /,
		qr/worker .* was killed by signal 9/);
};

# A worker that is alone with its clients may get one after the other: each of
# several at once may get some.
sub ask_at_once ($tined) {
	my @socks = map { $tined->connect } 1 .. 8;

	$tined->send($_, "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n") for @socks;
	$tined->read_response($_) for @socks;
	return;
}

# There is one for the connection, and none for the file.
subtest 'no descriptor more in the workers' => sub {
	my $tined = start();
	my @workers = $tined->worker_pids;

	serves($tined, 'it serves');
	fill_descriptors($_, 1) for @workers;
	my %seen;
	$seen{ $tined->get('/a.txt')->status }++ for 1 .. 20;
	is_deeply(\%seen, { 503 => 20 }, 'every client is answered 503');
	set_limit($_, 'nofile') for @workers;
	serves($tined, 'all are served when there are some again');
	ok(wait_for(sub {
		ask_at_once($tined);
		said($tined, 'Too many open files')
		    == said($tined, 'notice: files can be opened again');
	}), 'by all workers');
	is_deeply([$tined->worker_pids], \@workers, 'by the same workers');
	my $number = said($tined, 'Too many open files');
	ok($number == 1 || $number == 2,
		"each worker that met it has said it once: $number");
	$tined->ends_clean(qr/Too many open files/);
};

subtest 'no descriptor more in the lot' => sub {
	plan skip_all => 'no lot'
	    if ($ENV{TINED_ARGS} // q{}) =~ /--no-lot/;
	my $tined = Tined->start(files => \%files, args => ['-w', 1]);
	my $lot = lot_pid($tined);

	$tined->get('/a.txt', keep => 1);
	fill_descriptors($lot);
	my @socks = map { $tined->connect } 1 .. 5;
	for my $sock (@socks) {
		$tined->get('/a.txt', sock => $sock, keep => 1);
	}
	serves($tined, 'it serves on');
	set_limit($lot, 'nofile');
	my $kept = $tined->connect;
	$tined->get('/a.txt', sock => $kept, keep => 1);
	ok($tined->is_open($kept, 0.3), 'connections are kept again');
	is(eval { $tined->get('/a.txt', sock => $kept)->body }, "hello\n",
		'and served');
	$tined->ends_clean(qr/Too many open files|no descriptor/);
};

# A worker begins with what the master may have.
subtest 'no descriptor more in the master' => sub {
	plan skip_all => 'a sanitizer could not open its report'
	    if Tined::slurp(Tined->binary) =~ /__asan_init/;
	my $tined = start();
	my $master = $tined->pid;

	fill_descriptors($master);
	$tined->signal('HUP');
	ok(wait_for(sub { $tined->error_log =~ /Too many open files/ }),
		'it cannot reload, and says so');
	ok(dies_alone($tined), 'a worker dies');
	serves($tined, 'the other serves on');
	set_limit($master, 'nofile');
	ok(wait_for(sub { $tined->worker_pids == 2 }),
		'there are two when there are descriptors again');
	ok($tined->reload_works, 'and it reloads');
	serves($tined, 'it serves');
	$tined->ends_clean(qr/Too many open files/,
		qr/worker .* was killed by signal 9/,
		qr/worker .* ended with status 1/,
		qr/workers in a row have failed to start/);
};

done_testing;
