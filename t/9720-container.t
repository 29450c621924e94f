# As the first process of a container: a root that holds nothing but the
# program, and cannot be written to; an ordinary user without capabilities;
# the logs are pipes.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Container qw(container_engine);
use Machine qw(client fetch);
use Test::More;
use Tined qw(background free_port slurp wait_for);

plan skip_all => 'needs root' if $> != 0;
if (system('unshare --mount --pid --fork true 2>/dev/null') != 0) {
	diag('NOT TESTED: namespaces are forbidden here');
	plan skip_all => 'namespaces are forbidden here';
}

my $tmp  = File::Temp->newdir;
my $port = free_port;

container_engine($tmp);
mkdir "$tmp/root";
chmod 0755, "$tmp";

# The container, its first process, and what its pipes have carried.
my ($engine, $init, %log);

# As they are numbered outside.
sub children ($pid) {
	return split ' ', slurp("/proc/$pid/task/$pid/children");
}

sub workers () {
	return grep { Tined::title($_) =~ /worker/ } children($init);
}

sub start (@args) {
	my %pipe;

	for my $name (qw(access error)) {
		pipe $pipe{$name}[0], $pipe{$name}[1] or die "pipe: $!\n";
		$pipe{$name}[0]->blocking(0);
	}
	%log = map { $_ => [$pipe{$_}[0], q{}] } keys %pipe;
	$engine = fork // die "fork: $!\n";
	if ($engine == 0) {
		setpgrp;
		open STDIN,  '<',  '/dev/null'         or die $!;
		open STDOUT, '>&', $pipe{access}[1]    or die $!;
		open STDERR, '>&', $pipe{error}[1]     or die $!;
		exec 'unshare', qw(--mount --pid --fork --kill-child sh),
		    "$tmp/engine", "$tmp/root", Tined->binary,
		    split(q{ }, $ENV{TINED_ARGS} // q{}), @args;
	}
	$init = wait_for(sub { (children($engine))[0] })
	    or die "the container has no process\n";
	wait_for(sub { said('error') =~ /notice: serving / })
	    or die 'it does not start: ' . said('error') . "\n";
	return;
}

sub said ($name) {
	my $log = $log{$name};

	1 while sysread $log->[0], $log->[1], 65_536, length $log->[1];
	return $log->[1];
}

# Its exit status, as the engine has it.
sub end () {
	waitpid $engine, 0;
	my $status = $?;
	undef $engine;
	return $status & 127 ? 128 + ($status & 127) : $status >> 8;
}

END {
	my $status = $?;
	if ($engine) {
		# What became another user does not follow its parent.
		kill 'KILL', $init // (), $engine;
		waitpid $engine, 0;
	}
	$? = $status;
}

start('-w', 2, '-l', "127.0.0.1:$port", '-m', '/large=echo:20M',
	'/srv/www');

subtest 'what it is' => sub {
	my $status = slurp("/proc/$init/status");

	like($status, qr/^NSpid:\s+$init\s+1$/m, 'the first process');
	like($status, qr/^Uid:\s+33\b/m,         'an ordinary user');
	like($status, qr/^Cap(?:Prm|Eff|Inh|Amb):\s+0+$/m,
		'with no capabilities');
	is(fetch($port), "hello\n", 'serves');
	ok(wait_for(sub { said('access') =~ m{"GET / HTTP/1\.1" 200 6 } }),
		'its access log is the standard output');
};

subtest 'orphans' => sub {
	my @own = children($init);
	my $done = "$tmp/orphan";

	# A shell that leaves a child behind, which ends by itself.
	system('nsenter', "--pid=/proc/$init/ns/pid", 'sh', '-c',
		"(sh -c 'echo >$done; exec sleep 0.2' &)");
	ok(wait_for(sub { -e $done }), 'an orphan comes');
	my %own = map { $_ => 1 } @own;
	ok(wait_for(sub { grep { !$own{$_} } children($init) }),
		'and is the child of the first process');
	ok(wait_for(sub { !grep { !$own{$_} } children($init) }),
		'which reaps it in the end');
	is_deeply([children($init)], \@own, 'its own children are the same');
	unlike(said('error'), qr/ (?:error|warning): /,
		'it is not mistaken for a worker');
	is(fetch($port), "hello\n", 'service goes on');
};

subtest 'a worker is killed' => sub {
	my ($worker) = workers();

	kill 'KILL', $worker;
	ok(wait_for(sub {
		said('error') =~ /worker \d\[\d+\] was killed by signal 9/
	}), 'the log says so');
	ok(wait_for(sub {
		my @now = workers();
		@now == 2 && !grep { $_ == $worker } @now;
	}), 'it is replaced');
	is(fetch($port), "hello\n", 'service goes on');
};

subtest 'signals that stop nothing' => sub {
	kill $_, $init for qw(WINCH PIPE ALRM);
	is(fetch($port), "hello\n", 'it serves on') for 1 .. 5;
};

subtest 'TERM' => sub {
	my $client = client($port);
	my $sock   = $client->connect(rcvbuf => 4096);

	$client->send($sock,
		"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	ok(IO::Select->new($sock)->can_read(10), 'a response is on its way');
	kill 'TERM', $init;
	ok(wait_for(sub { said('error') =~ /notice: stopping/ }),
		'it is told to stop');
	is(length($client->read_response($sock)->body), 20 << 20,
		'the response is whole');
	is(end(), 0, 'the container ends with status 0');
	is(said('error') =~ s/^.* error: worker \d\[\d+\] was killed.*\n//mr
		=~ s/^.* notice: .*\n//mgr, q{}, 'the error log is clean');
};

done_testing;
