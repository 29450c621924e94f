# HUP: what is served is opened anew, new workers take the place of old ones,
# and no client notices.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Load;
use Test::More;
use Time::HiRes qw(sleep time);
use Tined qw(free_port slurp spew wait_for);

my $slow = $ENV{TINED_SLOW};
my $big = 'x' x (32 << 20);
my %files = ('a.txt' => "a\n", 'big' => $big);

my $dir = File::Temp->newdir;

# What is served is what the link leads to, as with releases of a site.
for my $name (1, 2) {
	mkdir "$dir/$name" or die $!;
	spew("$dir/$name/a.txt", "release $name\n");
	spew("$dir/$name/404.html", "no page in $name\n");
}

sub release ($name) {
	symlink $name, "$dir/next" or die $!;
	rename "$dir/next", "$dir/now" or die $!;
	return;
}

# Once more, and until it is done.
sub reload ($tined) {
	$tined->notified('READY'); # read, so that there is room for more
	return $tined->reload_works;
}

# All that there are, again and again: not one may have the old one.
sub answers ($tined, $path = '/a.txt') {
	my %seen;

	$seen{ $tined->get($path)->body }++ for 1 .. 40;
	return join q{}, sort keys %seen;
}

subtest 'all workers are replaced' => sub {
	my $tined = Tined->start(args => ['-w', 4], files => \%files);
	my @old = $tined->all_workers(4);

	ok(reload($tined), 'it says so');
	like($tined->error_log, qr/reloaded: 4 workers replaced in \d+ ms/,
		'and how many');
	ok(wait_for(sub { $tined->worker_pids == 4 }), 'there are as many');
	my %new = map { $_ => 1 } $tined->worker_pids;
	is(scalar(grep { $new{$_} } @old), 0, 'none is an old one');
	is($tined->notified('RELOADING'), 1, 'the service manager is told');
	like($tined->notified('MONOTONIC_USEC'), qr/\A\d+\z/, 'when it began');
	is($tined->notified('READY'), 1, 'and when it was done');
	$tined->ends_clean;
};

subtest 'under load' => sub {
	my $count = $slow ? 200 : 8;
	my $classic = ($ENV{TINED_ARGS} // q{}) =~ /no-lot/;
	my $workers = $classic ? $count + 32 : 16;
	my $reloads = !$slow ? 6 : $classic ? 10 : 30;
	my $tined = Tined->start(args => ['-w', $workers, '-a', 'off', '-k', '60s'],
		files => \%files);
	my $load = Load->start($tined, slow => $count, wrk => $slow && 16);
	my $bad = 0;

	my $enough = time + 20; # a busy machine need not do them all
	for my $n (1 .. $reloads) {
		reload($tined) or $bad++;
		last if $n >= 6 && time > $enough;
		sleep 0.05;
	}
	my ($served, @failed) = $load->stop;
	is($bad, 0, 'each reload came to its end');
	cmp_ok($served, '>', 50, 'requests were answered');
	note "$served requests";
	is_deeply(\@failed, [], 'none was lost or reset');
	ok(wait_for(sub { $tined->worker_pids == $workers }),
		'there are as many workers as before');
	# A busy machine lets workers wait longer than the master does.
	$tined->ends_clean(qr/warning: worker .* still writes to the old logs/);
};

subtest 'what has changed' => sub {
	release(1);
	my $tined = Tined->start(args => ['-w', 3, '-m',
		"/=file:$dir/now", '--error-page', "404=$dir/now/404.html"]);
	is(answers($tined), "release 1\n", 'before');
	release(2);
	is(answers($tined), "release 1\n", 'it is not followed by itself');
	ok(reload($tined), 'HUP');
	is(answers($tined), "release 2\n", 'the folder');
	is($tined->get('/nonesuch')->body, "no page in 2\n", 'the error page');
	unlink "$dir/now" or die $!;
	my @workers = $tined->all_workers(3);
	ok($tined->reload_fails(
		qr{error: cannot reload: .*\Q$dir/now\E.*No such}),
		'a folder that is gone is an error');
	is(answers($tined), "release 2\n", 'the old one is served on');
	is_deeply([$tined->worker_pids], \@workers, 'by the same workers');
	release(1);
	unlink "$dir/1/404.html" or die $!;
	ok($tined->reload_fails(qr/error: cannot reload: --error-page 404=/),
		'so is an error page');
	is(answers($tined), "release 2\n", 'nothing has changed by half');
	spew("$dir/1/404.html", "no page in 1\n");
	ok(reload($tined), 'HUP');
	is(answers($tined), "release 1\n", 'and all is well again');
	my @errors = $tined->complaints;
	is(@errors, 2, 'each error was one line') or diag(join "\n", @errors);
	$tined->ends_clean(qr/cannot reload/);
};

subtest 'none is forgotten while another is under way' => sub {
	release(1);
	my $tined = Tined->start(args => ['-w', 32, '-m', "/=file:$dir/now"]);

	for my $name (2, 1, 2, 1, 2) {
		$tined->signal('HUP');
		sleep 0.003;
		release($name);
	}
	# One that failed by its time is no complaint.
	ok($tined->reload_works && wait_for(sub {
		answers($tined) eq "release 2\n";
	}), 'the last one counts');
	ok(wait_for(sub { $tined->worker_pids == 32 }), 'nobody is left over');
	$tined->ends_clean;
};

subtest 'a request under way' => sub {
	my $tined = Tined->start(files => \%files, args => ['-w', 2,
		'-m', '/reflect=echo:body', '--body-buffer', 0]);
	my @old = $tined->all_workers(2);
	my $sock = $tined->connect;
	$tined->send($sock, "POST /reflect HTTP/1.1\r\nHost: a\r\n"
		. "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
	ok(wait_for(sub {
		grep { Tined::title($_) =~ /serving/ } $tined->worker_pids;
	}), 'a worker is busy');

	ok(reload($tined), 'is not waited for');
	# On a busy machine the other worker may take as long to end.
	like($tined->error_log,
		qr/replaced in \d+ ms; (?:1 still finishes|2 still finish) /,
		'for long');
	is($tined->get('/a.txt')->body, "a\n", 'others are served');
	$tined->send($sock, "0\r\n\r\n");
	is($tined->read_response($sock)->body, 'hello',
		'it is served to its end');
	close $sock;
	ok(wait_for(sub {
		my %now = map { $_ => 1 } $tined->worker_pids;
		!grep { $now{$_} } @old;
	}), 'its worker ends then');
	ok(wait_for(sub { $tined->worker_pids == 2 }), 'there are two');
	$tined->ends_clean;
};

subtest 'a stop goes before a reload' => sub {
	for (1 .. 5) {
		my $tined = Tined->start(args => ['-w', 8], files => \%files);
		$tined->signal('HUP');
		sleep 0.002 * $_;
		is($tined->stop, 0, 'it stops');
		$tined->leaves_nothing;
		$tined->log_is_clean;
	}
};

subtest 'the logs, too' => sub {
	my $log = "$dir/access.log";
	my $tined = Tined->start(args => ['-w', 2, '-a', $log],
		files => \%files);
	rename $log, "$log.1" or die $!;
	ok(reload($tined), 'HUP');
	ok(wait_for(sub { $tined->error_log =~ /logs are reopened/ }),
		'they are reopened');
	$tined->get('/a.txt?1');
	ok(wait_for(sub { slurp($log) =~ /\?1/ }), 'and written to');
	$tined->ends_clean;
};

subtest 'a daemon, which has left its folder' => sub {
	release(1);
	my ($port, $pidfile) = (free_port, "$dir/pid");
	my $run = Tined->run(daemon => 1, cwd => "$dir", args => ['-d', '-p',
		'pid', '-l', "127.0.0.1:$port", '-w', 2, '-e', 'error.log',
		'--error-page', '404=now/404.html', 'now']);
	is($run->{status}, 0, 'it starts') or diag($run->{err});
	my $pid = slurp($pidfile) + 0;
	my $tined = bless { host => '127.0.0.1', port => $port }, 'Tined';
	release(2);
	kill 'HUP', $pid;
	ok(wait_for(sub { answers($tined) eq "release 2\n" }),
		'it finds what it serves');
	kill 'TERM', $pid;
	ok(wait_for(sub { !-e $pidfile }), 'it stops');
	unlike(slurp("$dir/error.log"), qr/ (?:error|warning): /,
		'its log is clean');
};

done_testing;
