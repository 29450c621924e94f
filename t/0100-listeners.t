# Where it listens: IPv4, IPv6, Unix sockets, several at once, and sockets
# that were passed in; and the options that accepted connections inherit.

use v5.36;

use File::Temp ();
use FindBin;
use IO::Socket::IP   ();
use IO::Socket::UNIX ();
use lib "$FindBin::Bin/lib";
use Socket qw(IPPROTO_TCP SOCK_STREAM SOL_SOCKET SOMAXCONN SO_KEEPALIVE
	SO_RCVTIMEO SO_SNDTIMEO TCP_DEFER_ACCEPT TCP_NODELAY);
use Test::More;
use Tined qw(free_port slurp spew wait_for);

my %files = ('a.txt' => "a\n");
my $somaxconn = slurp('/proc/sys/net/core/somaxconn') + 0;

sub has_ipv6 () {
	return defined IO::Socket::IP->new(LocalHost => '::1', Listen => 1);
}

sub option ($sock, $level, $name) {
	return unpack 'i', getsockopt $sock, $level, $name;
}

subtest 'IPv4, by -l' => sub {
	my $port = free_port;
	my $tined = Tined->start(listen => 'none', port => $port,
		args => ['-l', "127.0.0.1:$port"], files => \%files);

	is($tined->get('/a.txt')->{body}, "a\n", 'it answers');
	like(($tined->error_log)[0],
		qr{\ master\[${\ $tined->pid}\]\ notice:\ serving
			\ \Q${\ $tined->root}\E\ at
			\ http://127\.0\.0\.1:$port/\ with\ 4\ to\ \d+\ workers\z}x,
		'its first line says what, where and with how many');
	$tined->ends_clean;
	ok(defined IO::Socket::IP->new(LocalHost => '127.0.0.1',
		LocalPort => $port, Listen => 1, ReuseAddr => 1),
		'the port is free behind it');
};

subtest 'IPv6, by -l' => sub {
	plan skip_all => 'no IPv6 here' unless has_ipv6;
	my $port = free_port('::1');
	my $tined = Tined->start(listen => 'none', port => $port,
		args => ['-l', "[::1]:$port"], files => \%files);

	is($tined->get('/a.txt', host => '::1')->{body}, "a\n", 'it answers');
	like($tined->error_log, qr{ at http://\[::1\]:$port/ with }, 'its URL');
	like($tined->access_log, qr/^::1 - - /, 'the client is logged');
	$tined->ends_clean;
};

subtest 'a host by its name: all its addresses' => sub {
	my $port = free_port;
	my $tined = Tined->start(listen => 'none', port => $port,
		args => ['-l', "localhost:$port"], files => \%files);

	is($tined->get('/a.txt', host => 'localhost')->{body}, "a\n",
		'it answers');
	like($tined->error_log, qr{ at http://localhost:$port/ with },
		'its URL has the name');
	$tined->ends_clean;
};

subtest 'a Unix socket' => sub {
	my $dir = File::Temp->newdir;
	my $path = "$dir/sock";
	my $start = sub {
		return Tined->start(listen => 'none',
			args => ['-l', "unix:$path"], files => \%files);
	};
	my $tined = $start->();

	is($tined->get('/a.txt', unix => $path)->{body}, "a\n", 'it answers');
	my $second = Tined->run(args => ['-l', "unix:$path"]);
	is($second->{status}, 1, 'a second instance is refused');
	like($second->{err}, qr/\A[^\n]*\Q$path\E[^\n]*in use[^\n]*\n\z/i,
		'it says why, in one line');
	unlike($second->{err}, qr/\bports?\b/, 'which is not about ports');
	is($tined->get('/a.txt', unix => $path)->{body}, "a\n",
		'the first one goes on');
	$tined->ends_clean;
	ok(!-e $path, 'the socket is removed');

	$tined = $start->();
	$tined->signal('KILL');
	$tined->wait_exit;
	$tined->leaves_nothing;
	$tined->log_is_clean;
	ok(-S $path, 'a killed master leaves its socket');
	$tined = $start->();
	is($tined->get('/a.txt', unix => $path)->{body}, "a\n",
		'a stale socket is replaced');
	$tined->ends_clean;
};

subtest 'a file in the place of a Unix socket is kept' => sub {
	my $dir = File::Temp->newdir;
	spew("$dir/file", 'precious');
	my $run = Tined->run(args => ['-l', "unix:$dir/file"]);

	is($run->{status}, 1, 'refused');
	like($run->{err}, qr{\A[^\n]*\Q$dir/file\E[^\n]*\n\z}, 'in one line');
	is(slurp("$dir/file"), 'precious', 'nothing was removed');
};

subtest 'several at once' => sub {
	my $dir = File::Temp->newdir;
	my @ports = (free_port, free_port);
	my $tined = Tined->start(listen => 'none', files => \%files, args => [
		(map { ('-l', "127.0.0.1:$_") } @ports),
		'-l', "unix:$dir/sock"]);

	for my $port (@ports) {
		is($tined->get('/a.txt', port => $port)->{body}, "a\n",
			'a port answers');
	}
	is($tined->get('/a.txt', unix => "$dir/sock")->{body}, "a\n",
		'the Unix socket answers');
	$tined->ends_clean;
};

subtest 'passed by LISTEN_FDS: they replace -l' => sub {
	my $dir = File::Temp->newdir;
	my $unix = IO::Socket::UNIX->new(Local => "$dir/sock",
		Listen => SOMAXCONN);
	my $port = free_port;
	my $tined = Tined->start(sockets => [$unix], files => \%files,
		args => ['-l', "127.0.0.1:$port"]);

	is($tined->get('/a.txt')->{body}, "a\n", 'the first answers');
	is($tined->get('/a.txt', unix => "$dir/sock")->{body}, "a\n",
		'the second answers');
	ok(!IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $port),
		'nobody listens at -l');
	like($tined->error_log, qr{ at http://127\.0\.0\.1:${\ $tined->port}/},
		'the log has the address of the passed socket');
	$tined->ends_clean;
	ok(-S "$dir/sock", 'a Unix socket of another is not removed');
};

subtest 'passed to another process: ignored' => sub {
	my $port = free_port;
	my $tined = Tined->start(listen => 'none', port => $port,
		args => ['-l', "127.0.0.1:$port"], files => \%files,
		env => { LISTEN_FDS => 1, LISTEN_PID => 1 });

	is($tined->get('/a.txt')->{body}, "a\n", '-l counts');
	$tined->ends_clean;
};

subtest 'options that accepted connections inherit' => sub {
	my $tined = Tined->start(files => \%files, keep_sockets => 1,
		args => ['-w', 1]);
	my $sock = $tined->{socks}[0];

	is($tined->get('/a.txt')->{body}, "a\n", 'it answers');
	cmp_ok(option($sock, IPPROTO_TCP, TCP_DEFER_ACCEPT), '>', 0,
		'the listener has TCP_DEFER_ACCEPT');
	# As a worker that was taken over could: the listener is every process's.
	setsockopt $sock, IPPROTO_TCP, TCP_NODELAY, 0;
	my ($worker) = $tined->all_workers(1);
	kill 'TERM', $worker;
	ok(wait_for(sub { option($sock, IPPROTO_TCP, TCP_NODELAY) }),
		'a new worker sets TCP_NODELAY again');
	$tined->ends_clean;

	# No worker is left: the next connection is ours to accept.
	my $client = $tined->connect;
	syswrite $client, 'x';
	my $accepted = $sock->accept;
	ok($accepted, 'the socket that was passed in is still good');
	ok(option($accepted, IPPROTO_TCP, TCP_NODELAY), 'TCP_NODELAY');
	ok(option($accepted, SOL_SOCKET, SO_KEEPALIVE), 'SO_KEEPALIVE');
	for my $name (qw(SO_RCVTIMEO SO_SNDTIMEO)) {
		my ($s, $us) = unpack 'l!l!', getsockopt $accepted,
		    SOL_SOCKET, Socket->can($name)->();
		cmp_ok($s + $us, '>', 0, $name);
	}
};

# TCP_NOTSENT_LOWAT of the kernel's headers, which Socket does not have.
use constant NOTSENT_LOWAT => 25;

subtest 'where only files are served, less of them waits in the kernel' => sub {
	for my $case ([ 'files only' => 128 << 10 ],
		[ 'and others' => 0, '-m', '/echo=echo:10' ]) {
		my ($name, $expected, @args) = @$case;
		my $tined = Tined->start(files => \%files, keep_sockets => 1,
			args => [ '-w', 1, @args ]);
		my $sock = $tined->{socks}[0];

		is($tined->get('/a.txt')->{body}, "a\n", "$name: it answers");
		is(option($sock, IPPROTO_TCP, NOTSENT_LOWAT), $expected,
			"$name: what may wait to be sent");
		$tined->ends_clean;
	}
};

# As a worker that was taken over could.
sub spoil_timeouts ($sock) {
	for my $name (SO_RCVTIMEO, SO_SNDTIMEO) {
		setsockopt $sock, SOL_SOCKET, $name, pack 'l!l!', 3600, 0;
	}
	return;
}

subtest 'a listener whose timeouts a worker has changed' => sub {
	my $tined = Tined->start(files => \%files, keep_sockets => 1,
		args => ['-w', 1, '--no-lot', '-k', '1s', '--send-timeout',
			'1s', '-m', '/echo=echo:20M']);

	open my $file, '>', $tined->root . '/file' or die "file: $!\n";
	truncate $file, 20 << 20;
	close $file;
	spoil_timeouts($tined->{socks}[0]);
	my $idle = $tined->connect;
	$tined->request("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n",
		sock => $idle);
	is($tined->get('/a.txt')->{body}, "a\n",
		'a client that is idle does not keep its worker');
	for my $path ('/echo', '/file') {
		my $slow = $tined->connect;
		syswrite $slow, "GET $path HTTP/1.1\r\nHost: a\r\n\r\n";
		$tined->fill($slow);
		is($tined->get('/a.txt')->{body}, "a\n",
			"nor does one that does not read $path");
	}
	$tined->ends_clean;
};

subtest 'the backlog' => sub {
	for my $case ([[], $somaxconn], [['-b', 7], 7]) {
		my ($args, $expected) = @$case;
		my $port = free_port;
		my $tined = Tined->start(listen => 'none', port => $port,
			args => ['-l', "127.0.0.1:$port", @$args],
			files => \%files);
		my $state = qx(ss -Hltn "sport = :$port");
		SKIP: {
			skip 'no ss here', 1 unless length $state;
			is((split q{ }, $state)[2], $expected,
				"@$args: $expected");
		}
		$tined->ends_clean;
	}
};

subtest 'two hundred silent connections cost no worker' => sub {
	my $tined = Tined->start(files => \%files, args => ['-w', 2]);
	my @silent = map { $tined->connect } 1 .. 200;

	is($tined->get('/a.txt')->{body}, "a\n", 'another is answered');
	ok(wait_for(sub {
		2 == grep { Tined::title($_) =~ /idle/ } $tined->worker_pids;
	}), 'the workers are idle');
	close $_ for @silent;
	$tined->ends_clean;
};

done_testing;
