# As many workers as are needed: bursts and quiet, signals that change the
# bounds, and a kernel that gives no more processes.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Cgroup ();
use Load;
use Lot qw(ask keep_busy release token);
use Test::More;
use Time::HiRes qw(sleep time);
use Tined qw(background is_as_quick wait_for);

my @reflect = ('-m', '/reflect=echo:body');
my $STARTED = qr/^\S+ master\[\d+\] debug: worker \d+\[\d+\] is started/m;

sub workers ($tined) { return scalar $tined->worker_pids }

sub has_workers ($tined, $count) {
	return wait_for(sub { workers($tined) == $count });
}

# A pool that grows may take so many times as long as one that is whole.  If it
# grew only once a second, it would take a hundred times as long.
use constant GROWTH => 10;

# In how many seconds so many clients have a worker, one after the other, of a
# server that has just been started; and the server.
sub in_turn ($count, @args) {
	my $start = time;
	my $tined = Tined->start(args => ['-a', 'off', @reflect, @args]);
	my @busy = map { keep_busy($tined) } 1 .. $count;
	my $took = time - $start;

	ok(release($tined, $_), 'one is served') for @busy;
	$tined->ends_clean;
	return $took;
}

# While others are tried, these two become small again.
my %quiet;
for my $model (['--linger=20ms'], ['--no-lot']) {
	subtest "a burst, @$model" => sub {
		my $tined = Tined->start(args => ['-w', '2-10', '-s', '1-2',
			'-vv', @reflect, @$model]);

		like(Tined::title($tined->pid), qr/\[2 to 10 workers\]\z/,
			'the title of the master');
		is($tined->notified('STATUS'), 'Serving with 2 to 10 workers',
			'and what the service manager is told');
		ok(has_workers($tined, 2), 'it begins with the least');
		my @busy = map { keep_busy($tined) } 1 .. 9;
		my $most = workers($tined);
		cmp_ok($most, '>=', 9, "there are $most workers");
		cmp_ok($most, '<=', 10, 'and no more than may be');
		ok(release($tined, $_), 'one is served') for @busy;
		close $_ for @busy;
		$quiet{"@$model"} = $tined;

		is_as_quick(GROWTH, '9 in turn have their workers soon',
			sub { in_turn(9, '-w', '2-10', '-s', '1-2', @$model) },
			sub { in_turn(9, '-w', 10, @$model) });
	};
}

# In how many seconds 32 clients that come at once each have a worker.
sub burst ($workers) {
	my $start = time;
	my $tined = Tined->start(args => ['-w', $workers, '-a', 'off', @reflect]);
	my @socks = map { $tined->connect } 1 .. 32;

	$tined->send($_, "POST /reflect HTTP/1.1\r\nHost: a\r\n"
		. "Expect: 100-continue\r\nContent-Length: 200000\r\n\r\n")
	    for @socks;
	for my $sock (@socks) {
		until (${*$sock}{tined_buffer} =~ s/\AHTTP\/1.1 100 .*?\r\n\r\n//s) {
			$tined->fill($sock) or die 'closed';
		}
	}
	my $took = time - $start;
	is(workers($tined), 32, 'by as many workers');
	my @lost = grep { !release($tined, $_) } @socks;
	is(@lost, 0, 'each has its answer');
	$tined->ends_clean;
	return $took;
}

subtest 'a burst of all at once' => sub {
	is_as_quick(GROWTH, '32 clients of 4-32 workers are served soon',
		sub { burst('4-32') }, sub { burst(32) });
};

subtest 'a steady load' => sub {
	my $tined = Tined->start(args => ['-w', '2-32', '-a', 'off', '-vv',
		@reflect]);
	my $until = time + 2;
	my @clients = map { background(sub {
		my $sock = $tined->connect;
		my $served = 0;
		while (time < $until) {
			ask($tined, $sock) or return 'failed';
			$served++;
			sleep 0.005;
		}
		return $served;
	}) } 1 .. 8;
	my @served = map { $_->() } @clients;

	is_deeply([grep { !/\A\d+\z/ } @served], [], 'all are served');
	my $started = () = $tined->error_log =~ /$STARTED/g;
	cmp_ok($started, '<=', 16, "no coming and going: $started started");
	$tined->ends_clean;
};

sub crowd_of_wrk (@args) {
	my $start = time;
	my $tined = Tined->start(args => ['-a', 'off', '--no-lot', @args],
		files => { 'a.txt' => "a\n" });
	my $load = Load->start($tined, busy => 0, wrk => 24);

	ok(wait_for(sub {
		24 <= grep { Tined::title($_) =~ /serving/ } $tined->worker_pids;
	}), 'each gets one');
	my $took = time - $start;
	my ($served, @failed) = $load->stop;
	is_deeply(\@failed, [], "$served requests were answered");
	$tined->ends_clean;
	return $took;
}

# A worker that has such a client is there for no other.
subtest 'clients who never pause, --no-lot' => sub {
	is_as_quick(GROWTH, 'each gets a worker soon',
		sub { crowd_of_wrk('-w', '2-40', '-s', '2-4') },
		sub { crowd_of_wrk('-w', 40) });
};

subtest 'an idle server sleeps' => sub {
	my $tined = Tined->start(args => ['-w', '4-64', @reflect]);
	my $switches = sub {
		Tined::slurp('/proc/' . $tined->pid . '/status')
		    =~ /^voluntary_ctxt_switches:\s*(\d+)/m or die;
		return $1;
	};

	ask($tined, $tined->connect) or die;
	my ($last, $since) = (0, time);
	ok(wait_for(sub {
		my $now = $switches->();
		($last, $since) = ($now, time) if $now != $last;
		time - $since > 1;
	}), 'for a second the master does not wake up');
	$tined->ends_clean;
};

subtest 'TTIN and TTOU' => sub {
	my $tined = Tined->start(args => ['-w', 2]);

	for my $count (3, 4, 3, 2, 1) {
		$tined->signal(workers($tined) < $count ? 'TTIN' : 'TTOU');
		ok(has_workers($tined, $count), "now $count");
		my $s = $count == 1 ? q{} : 's';
		ok(wait_for(sub { Tined::title($tined->pid)
			=~ /\[$count worker$s\]\z/ }), 'the title says so');
		like($tined->error_log, qr/ notice: TT\w+: now $count worker$s$/m,
			'so does the log');
	}
	$tined->signal('TTOU');
	ok(wait_for(sub { $tined->error_log
		=~ /TTOU is ignored: there can be 1 to \d+ workers$/m }),
		'there is always one');
	is(workers($tined), 1, 'it stays');
	$tined->ends_clean;

	$tined = Tined->start(args => ['-w', '2-3', '-s', '1-1']);
	for my $size ('3 workers', '4 workers') {
		$tined->signal('TTIN');
		ok(wait_for(sub { $tined->error_log =~ /TTIN: now $size$/m }),
			"of a range: $size");
	}
	ok(has_workers($tined, 4), 'as many as that');
	$tined->ends_clean;
};

sub in_cgroup ($group, @args) {
	my @command = ($group->enter, Tined->binary, @args);

	open my $out, q{-|}, 'sh', '-c', 'exec "$@" 2>&1', 'sh', @command
	    or die $!;
	return join q{}, <$out>;
}

subtest 'the memory of a control group' => sub {
	my $group = Cgroup->make(memory => 48 << 20);
	my $root = File::Temp->newdir;
	my $out = in_cgroup($group, '-t', $root);
	like($out, qr/ with 4 to 20 workers$/m, 'the default is lowered');
	like($out, qr/^the memory of this control group, 48 MiB, has room for 20 workers of 1 MiB$/m,
		'-t says why');
	$out = in_cgroup($group, '-t', '-w', '4-64', $root);
	like($out, qr/ with 4 to 64 workers$/m, 'what was said stays');
	like($out, qr/ has room for 20 workers of 1 MiB: --workers 64 is more$/m,
		'but it is told');
	$out = in_cgroup($group, '-t', '-w', '4-20', $root);
	unlike($out, qr/control group/, 'enough is enough');
	$out = in_cgroup($group, '-t', '--max-worker-memory', '16M', $root);
	like($out, qr/ with 1 worker$/m, 'larger workers are fewer');
	$out = in_cgroup($group, '-t', '--no-lot', $root);
	like($out, qr/ with 4 to 32 workers$/m, 'without a lot there are more');
	ok($group->end, 'the group is gone');
};

subtest 'a reload looks at that memory again' => sub {
	plan skip_all => 'a sanitizer takes more'
	    if Tined->is_sanitized;
	my $group = Cgroup->make(memory => 48 << 20);
	my $tined = Tined->start(files => { 'a.txt' => "hello\n" });
	my $size = sub ($count, $words) {
		$tined->reload_works;
		return ok(wait_for(sub {
			workers($tined) == $count
			    && $tined->error_log =~ / notice: \Q$words\E$/m
			    && Tined::title($tined->pid) =~ /\[${\($words
				=~ s{.*now }{}r)}\]/;
		}), $words) || diag(scalar $tined->error_log);
	};

	# The lot takes its part.
	my ($most, $few) = ($ENV{TINED_ARGS} // q{}) =~ /--no-lot/
	    ? (32, 4) : (20, 2);

	$group->add($tined->pid);
	$size->(4, "the memory of this control group, 48 MiB, has room for "
		. "$most workers of 1 MiB: now 4 to $most workers");
	$group->limit(20 << 20);
	$size->($few, "the memory of this control group, 20 MiB, has room for "
		. "$few workers of 1 MiB: now $few workers");
	is($tined->get('/a.txt')->body, "hello\n", 'it serves');
	$group->limit(undef);
	$size->(4, 'now 4 to 256 workers');
	$tined->signal('TTIN');
	ok(wait_for(sub { $tined->error_log =~ /TTIN: now 5 to 256 / }), 'TTIN');
	$group->limit(20 << 20);
	ok($tined->reload_works, 'one more reload');
	ok(has_workers($tined, 5), 'what a signal has said stays');
	$tined->ends_clean;
	ok($group->end, 'the group is gone');
};

subtest 'the kernel starts no more processes' => sub {
	my $group = Cgroup->make(pids => 2);
	my $tined = Tined->start(args => ['-w', '2-8', @reflect]);
	my $failed = qr/ error: cannot start a worker: .*; trying again until it works$/m;

	# Those that are there already do not count.
	ok(has_workers($tined, 2), 'two workers');
	$group->add($tined->pid);
	my @busy = map { keep_busy($tined) } 1 .. 3;
	my @wait = map { [$tined->connect, token()] } 1 .. 4;
	$tined->send($_->[0], Lot::reflect($_->[1], 'Connection: close'))
	    for @wait;
	ok(wait_for(sub { $tined->error_log =~ $failed }), 'an error says so');
	sleep 0.7;
	is(grep({ /$failed/ } $tined->error_log), 1, 'once');
	is(workers($tined), 3, 'those that there are');
	ok(release($tined, $busy[0]), 'serve on');
	close shift @busy;
	is($tined->read_response($_->[0])->body, $_->[1], 'those that wait')
	    for @wait;
	$group->limit(undef);
	ok(wait_for(sub { workers($tined) > 3 }), 'then there are more');
	ok(wait_for(sub { $tined->error_log
		=~ / notice: processes can be started again$/m }),
		'and the log says so');
	ok(release($tined, $_), 'all are served') for @busy;
	$tined->ends_clean($failed);
	ok($group->end, 'the group is gone');
};

for my $model (sort keys %quiet) {
	subtest "quiet again, $model" => sub {
		my $tined = $quiet{$model};

		ok(has_workers($tined, 2), 'in the end there are two')
		    or diag workers($tined);
		my $before = () = $tined->error_log =~ /$STARTED/g;
		my $until = time + 0.5;
		my $sock = $tined->connect;
		while (time < $until) {
			ask($tined, $sock) or last;
			sleep 0.01;
		}
		my $after = () = $tined->error_log =~ /$STARTED/g;
		cmp_ok($after - $before, '<=', 1, 'one client needs no more');
		$tined->ends_clean;
	};
}

done_testing;
