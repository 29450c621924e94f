# HTTP/1.0 has no other end of a response without a length than the close of the
# connection: all that was sent arrives, and a reset is never the end of a whole one.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Lot    qw(park);
use Module qw(build_module need_compiler);
use Slow   qw(hurry unread wait_until);
use Test::More;
use Tined qw(slow wait_for);

Lot::import_or_skip();
need_compiler;

use constant MEGA => 1 << 20;

my $dir = File::Temp->newdir;
chmod oct '0755', $dir; # for --user
my $probe = build_module('probe', "$dir/probe.so");

# It crashes on purpose: no report of a sanitizer.
sub start (@args) {
	return Tined->start(
		args => ['-m', "/p=module:$probe", '-m', '/status=status:',
			'-w', 2, @args],
		env => { $ENV{ASAN_OPTIONS} ? (ASAN_OPTIONS =>
			"$ENV{ASAN_OPTIONS}:allow_user_segv_handler=1") : () });
}

sub ask_old ($path, @fields) {
	return join("\r\n", "GET $path HTTP/1.0", @fields) . "\r\n\r\n";
}

# What comes until the close, but for the head.
sub rest_of ($tined, $sock) {
	1 while $tined->fill($sock);
	return ${*$sock}{tined_buffer} =~ s/\A.*?\r\n\r\n//sr;
}

sub has_what_was_sent ($tined, $sock, $part, $name) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(rest_of($tined, $sock), $part,
		"$name: the client has what was sent");
}

sub stream ($size) {
	return substr pack('Q>*', 0 .. int($size / 8)), 0, $size;
}

# True for a connection to which the lot has another descriptor.
sub has_been_parked ($tined, $sock) {
	my $answer = $tined->request(
		ask_old('/p/version', 'Connection: keep-alive'), sock => $sock);

	return $answer->status == 200 && park($tined, $sock);
}

sub has_part ($sock, $part) {
	return ${*$sock}{tined_buffer} =~ /\r\n\r\n\Q$part\E/;
}

subtest 'the handler gives up' => sub {
	my %ways  = (
		'part' => 'a crash',
		'late-chunked-error' => 'a mistake',
		'stall' => '--request-timeout',
	);
	my $tined = start('--request-timeout', slow() . 's');

	for my $way (sort keys %ways) {
		for my $parked (0, 1) {
			my $sock = $tined->connect;

			ok(has_been_parked($tined, $sock), 'it was parked')
			    if $parked;
			$tined->send($sock, ask_old("/p/$way"));
			has_what_was_sent($tined, $sock, 'part', $ways{$way});
		}
	}
	is($tined->get('/p/drip')->body, '.' x 15, 'others are served');
	$tined->ends_clean(qr/ error: /);
};

subtest 'a response that is whole' => sub {
	my $tined = start();

	for my $path ('/p/drip', '/p/stream-flushed?100000') {
		for my $parked (0, 1) {
			my $sock = $tined->connect;

			ok(has_been_parked($tined, $sock), 'it was parked')
			    if $parked;
			$tined->send($sock, ask_old($path));
			my $body = rest_of($tined, $sock);
			ok($body eq '.' x 15 || $body eq stream(100_000),
				"$path: every byte");
			ok(!$tined->was_reset($sock), 'and no reset');
		}
	}
	my $slow = unread($tined, ask_old('/p/stream?' . 10 * MEGA));
	wait_until($tined, 'send', 1);
	hurry($slow);
	ok(rest_of($tined, $slow) eq stream(10 * MEGA), 'from the lot, too');
	ok(!$tined->was_reset($slow), 'and no reset');
	$tined->ends_clean(qr/ warning: .*flushed/);
};

subtest 'a response that is whole when the server has stopped' => sub {
	my $tined = start();
	my $sock  = $tined->connect;

	$tined->send($sock, ask_old('/p/drip'));
	ok(wait_for(sub { $tined->fill($sock); has_part($sock, '.') }),
		'a part has come');
	$tined->signal('TERM');
	is(rest_of($tined, $sock), '.' x 15, 'the rest comes');
	ok(!$tined->was_reset($sock), 'and no reset');
	close $sock;
	is($tined->wait_exit, 0, 'the server stops');
	$tined->leaves_nothing;
	$tined->log_is_clean;
};

done_testing;
