# A log that cannot be written to never stops service.

use v5.36;

use Fcntl qw(O_NONBLOCK O_RDONLY);
use File::Temp ();
use FindBin;
use IO::Handle ();
use lib "$FindBin::Bin/lib";
use Test::More;
use POSIX qw(mkfifo);
use Tined qw(slurp spew wait_for);

my %files = ('a.txt' => "hello\n", 'b.txt' => 'b');

sub serves ($tined, $name = 'it serves') {
	my $good = 0;

	for (1 .. 20) {
		my $response = eval { $tined->get('/a.txt') } or next;
		$good++ if $response->body eq "hello\n";
	}
	return is($good, 20, $name);
}

# Its workers die, and it says so where nobody listens: it must go on.
sub survives_a_death ($tined) {
	my ($pid) = $tined->all_workers(2);

	kill 'KILL', $pid;
	ok(wait_for(sub {
		!grep({ $_ == $pid } $tined->worker_pids)
		    && $tined->worker_pids == 2;
	}), 'a dead worker is replaced');
	serves($tined, 'it serves on');
	return;
}

for my $way (['-a', '/dev/full'], ['-e', '/dev/full'],
	['-a', '/dev/full', '-e', '/dev/full']) {
	subtest "@$way" => sub {
		my $tined = Tined->start(files => \%files,
			args => ['-w', 2, @$way]);
		serves($tined);
		survives_a_death($tined);
		is($tined->stop, 0, 'it stops');
		$tined->leaves_nothing;
		my $log = $tined->error_log;
		my $complaints = () = $log =~ /No space left/g;
		cmp_ok($complaints, '<=', 5, "it does not repeat itself");
		$tined->log_is_clean(qr/ error: worker .* was killed/,
			qr/No space left/);
	};
}

for my $which ('stdout', 'stderr', 'both') {
	my @fds = $which eq 'both' ? qw(stdout stderr) : $which;

	subtest "a full disk under $which" => sub {
		my $tined = Tined->start(files => \%files, args => ['-w', 2],
			map { ($_ => '/dev/full') } @fds);
		serves($tined);
		survives_a_death($tined);
		is($tined->stop, 0, 'it stops');
		$tined->leaves_nothing;
		$tined->log_is_clean(qr/ error: worker .* was killed/,
			qr/No space left/);
	};

	subtest "a pipe under $which, closed at the other end" => sub {
		pipe my $in, my $out or die "pipe: $!";
		my $tined = Tined->start(files => \%files, args => ['-w', 2],
			map { ($_ => $out) } @fds);
		close $out;
		serves($tined, 'it serves while somebody reads');
		close $in;
		serves($tined, 'it serves when nobody does');
		survives_a_death($tined);
		is($tined->stop, 0, 'it stops');
		$tined->leaves_nothing;
		$tined->log_is_clean(qr/ error: worker .* was killed/,
			qr/Broken pipe/);
	};

	# Descriptor 1 or 2 is then the next that anybody opens: a log line
	# must not go to a client.
	subtest "no $which at all" => sub {
		my $tined = Tined->start(files => \%files, args => ['-w', 2],
			map { ($_ => 'closed') } @fds);
		serves($tined);
		survives_a_death($tined);
		my ($response, @more) = $tined->request(
			"GET /b.txt HTTP/1.1\r\nHost: a\r\n"
			. "Connection: close\r\n\r\n", all => 1);
		is($response->body, 'b', 'a client gets its answer');
		is(scalar @more, 0, 'and nothing else');
		is($tined->stop, 0, 'it stops');
		$tined->leaves_nothing;
		$tined->log_is_clean(qr/ error: worker .* was killed/,
			qr/Bad file descriptor/);
	};
}

# A limit on the size of files (RLIMIT_FSIZE), which the kernel tells by a signal.
subtest 'a log that may grow no more' => sub {
	my $size = 256 << 10;
	my $dir = File::Temp->newdir;
	my $log = spew("$dir/access.log", 'x' x ($size - 1000));
	my $tined = Tined->start(files => \%files, args => ['-w', 2],
		stdout => $log, rlimits => { f => $size / 512 });
	my @workers = $tined->all_workers(2);

	serves($tined);
	ok(wait_for(sub { -s $log == $size }), 'the access log is full');
	serves($tined);
	is_deeply([$tined->worker_pids], \@workers, 'the workers are the same');
	truncate $log, 0 or die "truncate: $!";
	serves($tined, 'it serves on');
	ok(wait_for(sub { slurp($log) =~ m{GET /a[.]txt} }), 'and logs again');
	$tined->ends_clean(qr/ error: access log: File too large; /,
		qr/ warning: the limit on the size of files /);
};

# Its reader has stopped, not gone: a pipe that is full.
subtest 'a pipe that nobody empties' => sub {
	pipe my $in, my $out or die "pipe: $!";
	$out->blocking(0);
	1 while syswrite $out, 'x' x 65_536;
	1 while syswrite $out, 'x';
	$out->blocking(1);
	my $tined = Tined->start(files => \%files, args => ['-w', 2],
		stdout => $out);
	close $out;
	serves($tined);
	close $in;
	$tined->ends_clean(qr/access log/);
};

subtest '--error-page is a FIFO' => sub {
	my $dir = File::Temp->newdir(TMPDIR => 1);
	mkfifo("$dir/fifo", oct '0600') or die "mkfifo: $!";
	my $run = Tined->run(files => \%files,
		args => ['--error-page', "404=$dir/fifo"]);

	is($run->{status}, 1, 'it does not start');
	like($run->{err}, qr/\A[^\n]*--error-page\ 404=\Q$dir\E\/fifo:\ [^\n]*
		regular\ file\n\z/x, 'and says why');
};

for my $flag ('-a', '-e') {
	my $name = $flag eq '-a' ? 'access' : 'error';
	my $dir = File::Temp->newdir(TMPDIR => 1);
	my $fifo = "$dir/fifo";
	mkfifo($fifo, oct '0600') or die "mkfifo: $!";

	subtest "$flag is a FIFO that nobody reads" => sub {
		my $run = Tined->run(files => \%files, args => [$flag, $fifo]);

		is($run->{status}, 1, 'it does not start');
		like($run->{err}, qr/\A[^\n]*--$name-log\ \Q$fifo\E:\ [^\n]*
			reader[^\n]*\n\z/x, 'and says what to do');
	};

	subtest "$flag is a FIFO whose reader comes and goes" => sub {
		sysopen my $in, $fifo, O_RDONLY | O_NONBLOCK or die "open: $!";
		my $tined = Tined->start(files => \%files, args => [$flag, $fifo]);
		my $read = q{};

		serves($tined);
		ok(wait_for(sub {
			sysread $in, $read, 65_536, length $read;
			$read =~ /GET |serving/
		}), 'the reader has its lines');
		close $in;
		serves($tined, 'it serves when the reader is gone');
		$tined->signal('USR1');
		serves($tined, 'it serves after USR1');
		ok(wait_for(sub {
			scalar($tined->error_log) =~ /cannot reopen the access log .*reader/
		}), 'which says what to do') if $flag eq '-a';
		sysopen $in, $fifo, O_RDONLY | O_NONBLOCK or die "open: $!";
		serves($tined, 'it serves with the next reader');
		is($tined->stop, 0, 'it stops');
		$tined->leaves_nothing;
		$tined->log_is_clean(qr/error: (?:access log|cannot (?:re)?open)/,
			qr/nobody reads/);
	};
}

done_testing;
