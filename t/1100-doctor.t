# tined --doctor: what it says of this host, and of one whose settings are bad
# on purpose; that it changes nothing; what it tells scripts.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tined qw(slurp);

my %status = (fine => 0, costs => 1, hurts => 2, failed => 3);

# Runs it: its exit status, its text, and its findings by name.
sub doctor (%option) {
	my $run = Tined->run(%option,
		args => ['--doctor', @{ $option{args} // [] }]);
	my ($last, $bad) = (undef, q{});

	for my $line (split /\n/, $run->{out}) {
		if ($line =~ /\A(hurts|costs|not known|fine) +([\w ]+): (.*)/) {
			$last = { verdict => $1, words => $3 };
			$run->{found}{$2} = $last;
			push @{ $run->{order} }, $1;
		} elsif ($line =~ /\A {11}# (.*)/) {
			$last->{mend} = $1;
		} elsif ($line =~ /\A {11}(\S.*)/) {
			$last->{words} .= " $1";
		} else {
			$bad .= "$line\n" if $line ne q{};
		}
	}
	$run->{rest} = $bad;
	return $run;
}

subtest 'this host' => sub {
	my $run   = doctor();
	my %rank  = (hurts => 0, costs => 1, 'not known' => 2, fine => 3);
	my @ranks = map { $rank{$_} } @{ $run->{order} };

	is($run->{err}, q{}, 'nothing on standard error');
	is_deeply(\@ranks, [sort { $a <=> $b } @ranks], 'in order of weight');
	cmp_ok(scalar @ranks, '>=', 24, 'all checks');
	is(scalar keys %{ $run->{found} }, scalar @ranks, 'each once');
	is_deeply([grep { length > 80 } grep { !/^ +# / }
		split /\n/, $run->{out}], [], 'it fits 80 columns');
	my %is = map { $_ => 1 } @{ $run->{order} };
	is($run->{status}, $is{hurts} ? 2 : $is{costs} ? 1 : 0,
		'its exit status is of what weighs most');
	like($run->{rest}, qr/^hurts: \d+, costs: \d+, not known: \d+, fine: \d+$/m,
		'it counts them');
	for my $name (sort keys %{ $run->{found} }) {
		my $found = $run->{found}{$name};

		unlike($found->{words}, qr/%|\(null\)|\.$/, "$name: whole words");
		is($found->{mend}, undef, "$name: nothing to mend")
		    if $found->{verdict} =~ /fine|known/;
	}
};

subtest 'this command line' => sub {
	my $run = doctor(args => ['-w', 4, '-b', 60_000]);
	my $queue = $run->{found}{'accept queue'};

	is($queue->{verdict}, 'costs', '--backlog is cut');
	is($queue->{mend}, 'sysctl -w net.core.somaxconn=60000', 'and mended');
	cmp_ok($run->{status}, '>=', $status{costs}, 'the exit status tells');

	$run = doctor(args => ['-w', 4, '-b', 3]);
	$queue = $run->{found}{'accept queue'};
	is($queue->{verdict}, 'hurts', 'a queue shorter than the workers');
	like($queue->{mend}, qr/\Atined --backlog \d+ \.\.\.\z/, 'is mended');
	is($run->{status}, $status{hurts}, 'the exit status tells');

	my $lot = ($ENV{TINED_ARGS} // q{}) !~ /--no-lot/;
	$run = doctor(rlimits => { n => 100 });
	is($run->{found}{descriptors}{verdict}, $lot ? 'hurts' : 'fine',
		'fewer descriptors than workers');
	$run = doctor(rlimits => { n => 1000 });
	like($run->{found}{descriptors}{words},
		$lot ? qr/about 936 clients/ : qr/1000 for each worker/,
		'few descriptors');
};

subtest 'mistakes' => sub {
	my $run = Tined->run(args => ['--doctor', '-w', 'x']);

	is($run->{status}, 64, 'a wrong command line');
	is($run->{out}, q{}, 'is not looked at');

	$run = Tined->run(args => ['--doctor'],
		under => ['/bin/sh', '-c', 'exec "$@" >/dev/full', 'sh']);
	is($run->{status}, $status{failed}, 'no room to print');
	like($run->{err}, qr/cannot print .*: No space left/, 'is told');
};

subtest 'services begin in /' => sub {
	my $run = doctor(under => ['/bin/sh', '-c', 'cd / && exec "$@"', 'sh']);

	is($run->{err}, q{}, 'and name no directory');
	ok($run->{found}{memory}, 'it looks all the same');
};

# A network namespace in which a user may be root, and set what is bad.

my @namespace = $> == 0 ? qw(unshare --net)
    : qw(unshare --map-root-user --net);

sub in_namespace ($settings) {
	my $set  = join "\n", map {
		"echo '$settings->{$_}' >/proc/sys/" . tr{.}{/}r . ' || exit 99'
	} sort keys %$settings;

	return (@namespace, '/bin/sh', '-c', "$set\nexec \"\$@\"", 'sh');
}

sub may_set ($name) {
	my $path = '/proc/sys/' . $name =~ tr{.}{/}r;

	return system(@namespace, '/bin/sh', '-c',
		"test -w $path && cat $path >/dev/null") == 0;
}

# Each bad setting: the check that must tell it, and how bad it is.
my @bad = (
	['net.core.somaxconn', 100, 'accept queue', 'hurts'],
	['net.ipv4.tcp_abort_on_overflow', 1, 'queue overflow', 'hurts'],
	['net.ipv4.tcp_syncookies', 0, 'SYN queue', 'hurts'],
	['net.ipv4.tcp_syncookies', 2, 'SYN queue', 'costs'],
	['net.ipv4.ip_local_port_range', '40000 40999', 'ports as a client',
		'costs'],
	['net.ipv4.ip_local_port_range', '5000 61000', 'ports to listen on',
		'hurts'],
	['net.ipv4.tcp_max_tw_buckets', 100, 'TIME_WAIT', 'costs'],
	['net.ipv4.tcp_window_scaling', 0, 'TCP options', 'hurts'],
	['net.ipv4.tcp_sack', 0, 'TCP options', 'costs'],
	['net.ipv4.tcp_timestamps', 0, 'TCP options', 'costs'],
	['net.ipv4.tcp_congestion_control', 'reno', 'congestion control',
		'costs'],
	['net.ipv4.tcp_congestion_control', 'reno', 'window after idling',
		'costs'],
	['net.ipv4.tcp_fastopen', 0x603, 'fast open', 'hurts'],
	['net.ipv4.tcp_wmem', '4096 16384 65536', 'socket buffers', 'costs'],
	['net.ipv4.tcp_rmem', '4096 65536 131072', 'socket buffers', 'costs'],
	['net.ipv4.tcp_moderate_rcvbuf', 0, 'socket buffers', 'costs'],
);

my $namespaces = system("@namespace true 2>/dev/null") == 0;

for my $case (@bad) {
	my ($name, $value, $check, $verdict) = @$case;

	subtest "$name = $value" => sub {
		if (!$namespaces || !may_set($name)) {
			diag("NOT TESTED: $name cannot be set here");
			plan skip_all => 'it cannot be set here';
		}
		my $run = doctor(under => [in_namespace({ $name => $value })]);
		my $found = $run->{found}{$check};
		is($found->{verdict}, $verdict, $check);
		like($found->{mend}, qr/\Asysctl -w [\w.]+=\S/,
			'with the command that mends it');
		is($run->{status}, $status{$verdict} > $run->{status}
			? $status{$verdict} : $run->{status},
			'and the exit status tells');

		my ($key, $new) =
		    $found->{mend} =~ /\Asysctl -w ([\w.]+)='?([^']+)/;
		$run = doctor(under =>
			[in_namespace({ $name => $value, $key => $new })]);
		is($run->{found}{$check}{verdict}, 'fine', 'which does');
	};
}

# The same for what is not a setting: the commands that make it bad.
for my $case (
	[ip => 'initial windows', 'ip address add 192.0.2.2/24 dev lo',
		'ip route add 198.51.100.0/24 dev lo initcwnd 2'],
	[tc => 'queueing', 'tc qdisc add dev lo root tbf rate 1mbit burst 10k '
		. 'latency 50ms'],
) {
	my ($tool, $check, @commands) = @$case;
	my $made = join ' && ', 'ip link set lo up', @commands;

	subtest "$check that are bad" => sub {
		if (!$namespaces || system(@namespace, '/bin/sh', '-c',
			"($made) 2>/dev/null") != 0) {
			diag("NOT TESTED: no $tool that works here");
			plan skip_all => "no $tool";
		}
		my $run = doctor(under =>
			[@namespace, '/bin/sh', '-c', "$made && exec \"\$@\"", 'sh']);
		my $found = $run->{found}{$check};
		is($found->{verdict}, 'costs', 'it is told');
		like($found->{mend}, qr/\A$tool /, 'with the command that mends it');
		$run = doctor(under => [@namespace, '/bin/sh', '-c',
			"$made && $found->{mend} && exec \"\$@\"", 'sh']);
		is($run->{found}{$check}{verdict}, 'fine', 'which does');
	};
}

subtest 'it changes nothing' => sub {
	my $trace = File::Temp->newdir;

	chmod 0777, "$trace";
	if (Tined->is_sanitized
		|| system("strace -o $trace/any true 2>/dev/null") != 0) {
		diag('NOT TESTED: this program cannot be traced here');
		plan skip_all => 'nothing can be traced here';
	}
	my $run = doctor(under =>
		['strace', '-f', '-qq', '-o', "$trace/calls"]);
	my @calls = split /\n/, slurp("$trace/calls");
	cmp_ok(scalar @calls, '>', 100, 'its calls');
	my $writes = qr{O_(?:WRONLY|RDWR|CREAT|TRUNC)};
	my $acts   = qr{(?:unlink|rename|link|symlink|mk|rmdir|ch(?:mod|own)|f?truncate
		|bind|listen|connect|kill|tgkill|mount|umount|setns|unshare|set(?:u|g|re|fs)\w*id
		|clock_settime|settimeofday|sethostname|fork|vfork|clone|execve)\w*\(}x;
	is_deeply([grep { /$writes/ && !m{"/dev/(?:null|tty)"} } @calls], [],
		'it opens nothing to write');
	my @acts = grep { /^\d+ +$acts/ } @calls;
	is(scalar @acts, 1, 'it acts on nothing') or diag(join "\n", @acts);
	like($acts[0], qr/execve/, 'but begins');
	is_deeply([grep { /adjtimex/ && !/modes=0/ } @calls], [],
		'it asks the clock only');
	is_deeply([grep { /prlimit64/ && !/, NULL, \{/ } @calls], [],
		'and for limits');
	is_deeply([grep { /sendto\(/ && !/NLM_F_REQUEST\|(?:0x300|NLM_F_DUMP)\b/ }
		@calls], [], 'and for routes');
	is_deeply([grep { /\bwrite\((?!1,)/ } @calls], [],
		'and writes its findings');
};

subtest 'a server that runs' => sub {
	my $tined = Tined->start(args => ['-w', 9, '-m', '/echo=echo:1000']);
	my @clients = map { $tined->connect } 1 .. 8;

	for my $client (@clients) {
		$tined->send($client, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
		$tined->read_response($client);
	}
	my $run = doctor(args => ['--pid', $tined->pid]);
	is($run->{err}, q{}, 'it is found');
	is_deeply([sort keys %{ $run->{found} }], ['accept queue',
		'descriptors', 'memory', 'overflows', 'proxy in front',
		'retransmissions', 'stalls'], 'all checks');
	like($run->{found}{'accept queue'}{words},
		qr/\d of at most \d+ clients wait at 127\.0\.0\.1:@{[$tined->port]}\b/,
		'its listener');
	like($run->{found}{'proxy in front'}{words},
		qr/all [89] connections come from 127\.0\.0\.1,/, 'its clients');
	like($run->{found}{descriptors}{words}, qr/processes in all; \d+ has most/,
		'its descriptors');
	my ($child) = split q{ },
	    slurp(sprintf '/proc/%d/task/%1$d/children', $tined->pid);
	is_deeply([sort keys %{ doctor(args => ['--pid', $child])->{found} }],
		[sort keys %{ $run->{found} }], 'also by another of its processes');

	$run = Tined->run(args => ['--doctor', '--pid', $$]);
	is($run->{status}, $status{failed}, 'another program');
	like($run->{err}, qr/\Atined: --pid $$: this process is not tined\n\z/,
		'is refused');
	$run = Tined->run(args => ['--pid', $$]);
	is($run->{status}, 64, 'without --doctor');
	like($run->{err}, qr/needs --doctor/, 'it is a mistake');
	$tined->ends_clean;
};

done_testing;
