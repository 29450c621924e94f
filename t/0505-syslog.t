# Logs that go to syslog: what its daemon gets, and that one that stands still,
# ends or is another by now stops no request.

use v5.36;

use FindBin;
use IO::Socket::UNIX ();
use lib "$FindBin::Bin/lib";
use File::Temp ();
use POSIX      ();
use Socket     qw(SOCK_DGRAM);
use Test::More;
use Tined qw(wait_for);

my %files = ('a.txt' => "hello\n");
my $dir = File::Temp->newdir(TMPDIR => 1);

# A /dev of its own for the server, in which log is what this test has bound.
my @devices = qw(null zero full random urandom tty);
my $mount = join "\n", 'set -e', 'dev=$1', 'shift',
    (map { "mount --bind /dev/$_ \"\$dev/$_\"" } @devices),
    'mount --rbind "$dev" /dev', 'exec "$@"';
my @under = (qw(unshare --map-root-user --mount --propagation private),
	'/bin/sh', '-c', $mount, 'sh', "$dir");

for my $device (@devices) {
	open my $file, '>', "$dir/$device" or die "$device: $!\n";
}
chmod 0755, "$dir";
plan skip_all => 'mount namespaces are forbidden here'
    if system(@under, 'true') != 0;

sub listen_here () {
	unlink "$dir/log";
	my $log = IO::Socket::UNIX->new(Local => "$dir/log",
		Type => SOCK_DGRAM) // die "bind: $!\n";
	chmod 0666, "$dir/log";
	$log->blocking(0);
	return $log;
}

# What the daemon has received, until there is a line like this.
sub received ($log, $pattern) {
	my $all = q{};

	wait_for(sub {
		while (defined $log->recv(my $line, 65_536)) {
			$all .= "$line\n";
		}
		return $all =~ $pattern;
	});
	return $all;
}

sub start ($log, @args) {
	return Tined->start(files => \%files, under => \@under,
		args => ['-w', 2, @args]);
}

# Without a word to who waits for a line, 20 requests are quick.
sub serves ($tined, $name) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $good = grep {
		my $response = eval { $tined->get('/a.txt') };
		$response && $response->body eq "hello\n";
	} 1 .. 20;
	return is($good, 20, $name);
}

subtest 'the form of a line' => sub {
	my $log = listen_here;
	my $tined = start($log, '-a', 'syslog', '-e', 'syslog');
	my $pid = $tined->pid;

	$tined->get('/a.txt');
	my $all = received($log, qr/"GET /);
	like($all, qr/^<29>tined\[$pid\]: master\[$pid\] notice: serving /m,
		'priority, name and process, and no time, of an event');
	like($all, qr{^<30>tined\[\d+\]: \S+ - - \[.*"GET /a\.txt HTTP/1\.1" 200 }m,
		'and of a request');
	unlike($all, qr/\n\n/, 'there is no newline in it');
	$tined->signal('KILL', ($tined->all_workers(2))[0]);
	like(received($log, qr/killed/), qr/^<27>tined.* was killed by/m,
		'errors have their priority');
	$tined->ends_clean;
};

subtest 'its daemon stands still' => sub {
	my $log = listen_here;
	my $tined = start($log, '-a', 'syslog');

	received($log, qr/\A/);
	serves($tined, 'requests are served') for 1 .. 3;
	like(scalar $tined->error_log, qr/error: access log to syslog: .*lines are lost/,
		'the error log tells that lines are lost');
	received($log, qr/GET/);
	serves($tined, 'it goes on');
	ok(wait_for(sub {
		scalar($tined->error_log)
		    =~ /access log works again; \d+ lines were lost/
	}), 'and how many were');
	$tined->ends_clean(qr/error: access log to syslog: /);
};

# Those who are asked for lines while it stands still wait for a second at
# most, all in all, however many lines there are.
subtest 'its daemon stands still and gets the events too' => sub {
	my $log = listen_here;
	my $tined = start($log, '-a', 'syslog', '-e', 'syslog');

	serves($tined, 'requests are served') for 1 .. 2;
	for my $count (1 .. 3) {
		my ($worker) = $tined->all_workers(2);
		$tined->signal('KILL', $worker);
		ok(wait_for(sub {
			!grep({ $_ == $worker } $tined->worker_pids)
			    && $tined->worker_pids == 2
		}), 'a worker that was killed is replaced');
		serves($tined, 'requests are served');
	}
	is($tined->stop, 0, 'it stops');
	$tined->leaves_nothing;
};

subtest 'another daemon takes its place' => sub {
	my $log = listen_here;
	my $tined = start($log, '-a', 'syslog');

	$tined->get('/a.txt');
	received($log, qr/GET/);
	close $log;
	serves($tined, 'none is there');
	$log = listen_here;
	$tined->get('/a.txt?after');
	like(received($log, qr/after/), qr/after/, 'the next one gets lines');
	like(scalar $tined->error_log,
		qr/access log works again; 20 lines were lost/,
		'those that nobody got are counted');

	# The old one still listens, under no name.
	my $next = listen_here;
	$tined->signal('USR1');
	ok(wait_for(sub { scalar($tined->error_log) =~ /logs are reopened/ }),
		'USR1 connects anew');
	$tined->get('/a.txt?anew');
	like(received($next, qr/anew/), qr/anew/, 'to the one that has the name');
	$tined->ends_clean(qr/error: access log to syslog: /);
};

subtest 'no daemon at all' => sub {
	unlink "$dir/log";
	my $tined = start(undef, '-a', 'syslog');

	serves($tined, 'requests are served');
	like(scalar $tined->error_log, qr/to syslog: No such file or directory/,
		'the error log tells why lines are lost');
	my $log = listen_here;
	$tined->get('/a.txt?first');
	like(received($log, qr/first/), qr/first/, 'one that comes later is found');
	$tined->ends_clean(qr/error: access log to syslog: /);
};

done_testing;
