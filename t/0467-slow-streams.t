# Modules that write much, to clients that read slowly: what is not flushed goes
# to the lot, within bounds, and every byte arrives.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP   ();
use Lot        qw(ask);
use Module     qw(build_module need_compiler);
use Slow       qw(answers_others busy_workers get hurry leaks_nothing resting
	unread wait_until);
use Test::More;
use Tined      qw(background wait_for);

Lot::import_or_skip();
need_compiler;

use constant {
	MEGA    => 1 << 20,
	WORKERS => 8,
	# So much of a response is kept for a client.
	BOUND => 16 << 20,
};

my $dir = File::Temp->newdir;
chmod oct '0755', $dir; # for --user
my $probe = build_module('probe', "$dir/probe.so");

sub start (@args) {
	return Tined->start(args => ['-m', "/p=module:$probe",
		'-m', '/reflect=echo:body', '-m', '/status=status:',
		'-w', WORKERS, @args],
		env => { $ENV{ASAN_OPTIONS} ? (ASAN_OPTIONS =>
			"$ENV{ASAN_OPTIONS}:allow_user_segv_handler=1") : () });
}

sub stream ($size) {
	my $len = int(($size + 7) / 8);
	return substr pack('Q>*', 0 .. $len - 1), 0, $size;
}

# The bytes that the lot keeps.
sub kept ($tined) {
	my $json = $tined->get('/status/json')->body;
	return JSON::PP::decode_json($json)->{lot}{deferred_bytes};
}

sub has_logged ($tined, $line) {
	return wait_for(sub { grep { $_ =~ $line } $tined->error_log });
}

sub is_stream ($response, $size, $name) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($response && $response->body eq stream($size),
		"$name: every byte");
}

# Where there is memory for them, as many as the issue of slow clients is about.
sub count_readers ($size) {
	my ($free) = Tined::slurp('/proc/meminfo') =~ /^MemAvailable:\s+(\d+)/m;
	return $free * 1024 > 3 * 200 * $size ? 200 : 5 * WORKERS;
}

subtest 'many slow readers of a stream hold no worker' => sub {
	my $size    = 10 * MEGA;
	my $readers = count_readers($size);
	my $tined   = start('--response-memory', '2G');
	my %base    = resting($tined);
	my @socks   = map { unread($tined, get("/p/stream?$size")) } 1 .. $readers;

	note("$readers readers");
	wait_until($tined, 'send', $readers);
	ok(wait_for(sub { busy_workers($tined) == 0 }), 'no worker is busy');
	answers_others($tined);
	my $kept = kept($tined);
	cmp_ok($kept, '<=', $readers * $size * 1.01,
		'no more is kept than they are to get');
	note(sprintf '%.0f MB are kept', $kept / MEGA);
	for my $sock (@socks[0, -1]) {
		hurry($sock);
		is_stream($tined->read_response($sock), $size, 'one of them');
		ok(ask($tined, $sock), 'and the next request');
	}
	close $_ for @socks;
	ok(wait_for(sub { kept($tined) == 0 }), 'nothing is kept for who has gone');
	leaks_nothing($tined, %base);
	$tined->ends_clean;
};

subtest 'each way of framing' => sub {
	my $tined = start();
	my $size  = 10 * MEGA;
	my %reader = (
		'chunked'       => get("/p/stream?$size"),
		'with a length' => get("/p/stream-declared?$size"),
		'until the end' => "GET /p/stream?$size HTTP/1.0\r\n\r\n",
		'pipelined'     => get('/p/version') . get("/p/stream?$size")
		    . get('/p/version'),
	);
	my %sock = map { $_ => unread($tined, $reader{$_}) } sort keys %reader;

	wait_until($tined, 'send', scalar keys %sock);
	for my $name (sort keys %sock) {
		hurry($sock{$name});
		my $before = $name eq 'pipelined'
		    && $tined->read_response($sock{$name})->body;
		is_stream($tined->read_response($sock{$name}), $size, $name);
		is($tined->read_response($sock{$name})->body, $before,
			'and what was asked for behind it') if $before;
	}
	$tined->ends_clean;
};

# A worker waits with the rest.
subtest 'what is more than the bound' => sub {
	my $tined = start();
	my $size  = 40 * MEGA;
	my $sock  = unread($tined, get("/p/stream?$size"));

	ok(wait_for(sub { busy_workers($tined) == 1 }), 'it holds a worker');
	answers_others($tined);
	hurry($sock);
	is_stream($tined->read_response($sock), $size, 'a long stream');
	$tined->ends_clean;
};

subtest 'where there is no memory' => sub {
	my $tined = start('--response-memory', 0);
	my $size  = 10 * MEGA;
	my $sock  = unread($tined, get("/p/stream?$size"));

	ok(wait_for(sub { busy_workers($tined) == 1 }), 'it holds a worker');
	answers_others($tined);
	hurry($sock);
	is_stream($tined->read_response($sock), $size, 'the stream');
	$tined->ends_clean;
};

# The module goes on only when its client has it, or the kernel.
subtest 'what is flushed, and what is waited behind' => sub {
	for my $way (qw(flushed wait)) {
		my $tined = start();
		my $size  = 12 * MEGA;
		my $sock  = unread($tined, get("/p/stream-$way?$size"));
		my $done  = qr/: (?:flushed|waited)$/;

		ok(wait_for(sub { busy_workers($tined) == 1 }),
			"$way: it holds a worker");
		ok(!(grep { $_ =~ $done } $tined->error_log), 'and waits');
		hurry($sock);
		is_stream($tined->read_response($sock), $size, 'a stream');
		ok(has_logged($tined, $done), 'and then it goes on');
		$tined->ends_clean($done);
	}
};

# What it wrote of a response is lost, and no response before it.
subtest 'a crash behind a stream' => sub {
	my $tined = start();
	my $size  = 10 * MEGA;
	my $sock  = unread($tined,
		get('/p/version') . get("/p/stream-crash?$size"));

	ok(has_logged($tined, qr/was killed by signal 6 /), 'it crashes');
	hurry($sock);
	is($tined->read_response($sock)->body, "version=1\n",
		'the response before it');
	ok(!eval { $tined->read_response($sock) }, 'its own is cut off');
	ok(wait_for(sub { kept($tined) == 0 }), 'nothing is kept of it');
	$tined->ends_clean(qr/ error: /);
};

# Before it waits for more content, all that it has written is sent.
subtest 'a module that reads and writes by turns' => sub {
	my $tined  = start('-m', "/q=module:$probe,methods=POST");
	my $body   = stream(12 * MEGA);
	my $sock   = unread($tined, "POST /q/echo HTTP/1.1\r\nHost: a\r\n"
		. 'Content-Length: ' . length($body) . "\r\n\r\n");
	my $sender = background(sub { $tined->send($sock, $body); return });

	ok(wait_for(sub { busy_workers($tined) == 1 }), 'it is at work');
	hurry($sock);
	ok($tined->read_response($sock)->body eq $body, 'every byte');
	$sender->();
	$tined->ends_clean;
};

done_testing;
