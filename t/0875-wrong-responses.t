# A handler makes a response that would break the protocol: its client gets a
# 500 in place of it, the log says what is wrong, and the connection goes on.  If
# the client has a part of it, it is cut off.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Faulty qw(start_faulty);
use Module qw(build_module need_compiler);
use Test::More;
use Tined qw(wait_for);

need_compiler;

my $dir = File::Temp->newdir;
chmod oct '0755', $dir; # for --user
my $probe = build_module('probe', "$dir/probe.so");

my %wrong = (
	'bad-status'     => qr/its status is none of 200 to 599/,
	'switching-status' => qr/its status is none of 200 to 599/,
	'continue-status' => qr/its status is none of 200 to 599/,
	'hints-status'   => qr/its status is none of 200 to 599/,
	'own-field'      => qr/it sets a field that only the connection may set/,
	'bad-field'      => qr/a field's name or value has bytes/,
	'bad-reason'     => qr/its reason phrase has control bytes/,
	'bad-stream'     => qr/it sets a field that only the connection may set/,
	'bad-long-stream' =>
	    qr/it sets a field that only the connection may set/,
	'short-stream'   => qr/it is shorter than the length that it declared/,
	'too-long'       => qr/it is longer than the length that it declared/,
	'mixed'          => qr/its content is both pieces and a stream/,
);
# Nothing can take the place of what the client has.
my %cut_off = (
	'late-error'         => qr/it .* its head was sent/,
	'late-chunked-error' => qr/it .* its head was sent/,
	'late-length'        => qr/it .* its head was sent/,
	'late-too-long'      => qr/it is longer than the length that it declared/,
	'late-short'         => qr/it is shorter than the length that it declared/,
);
# Its file may have changed, which is nobody's mistake.
my %file = (
	'short-file'      => qr/became shorter .* or was shorter than its handler/,
	'long-short-file' => qr/became shorter .* or was shorter than its handler/,
	'pipe-file'       => qr/cannot be read: Illegal seek/,
	'long-pipe-file'  => qr/cannot be read: Illegal seek/,
	'no-file'         => qr/cannot be read: Bad file descriptor/,
);
my @allowed = (qr/ error: the (?:handler of|response to) "\w+ \/[fp]\/[\w-]+ HTTP/);

sub ask_for ($path) { return "GET $path HTTP/1.1\r\nHost: a\r\n\r\n" }

my $tined = start_faulty(args => ['-w', 1, '-m', "/p=module:$probe"]);

sub has_said ($path, $mistake, $fate) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return has_logged(qr{error: the handler of "GET $path HTTP/1\.1" made a }
	    . qr{wrong response: $mistake.*; it is $fate});
}

sub has_logged ($line) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(wait_for(sub { 1 == grep { $_ =~ $line } $tined->error_log }),
		'a line in the log says why') || diag($tined->error_log);
}

# Of a handler in the server, and of a module.
for my $mount ('/f', '/p') {
	my $sock = $tined->connect;

	for my $way (sort keys %wrong) {
		my $response = $tined->request(ask_for("$mount/$way"),
			sock => $sock);

		is($response->status, 500, "$mount/$way: 500");
		like($response->body, qr/Internal Server Error/, 'a page');
		ok(!defined $response->field($_), "no $_")
		    for qw(X-Bad Set-Cookie Transfer-Encoding);
		has_said("$mount/$way", $wrong{$way}, 'answered 500');
		is($tined->request(ask_for("$mount/read"), sock => $sock)->body,
			"read\n", 'the connection goes on');
	}
	for my $way (sort keys %cut_off, keys %file) {
		$sock = $tined->connect;
		$tined->send($sock,
			ask_for("$mount/$way") . ask_for("$mount/read"));
		ok(!eval { $tined->read_response($sock) },
			"$mount/$way is cut off");
		like($@, qr/closed/, 'by the end of the connection');
		if ($cut_off{$way}) {
			has_said("$mount/$way", $cut_off{$way}, 'cut off');
			next;
		}
		has_logged(qr{error: the response to "GET $mount/$way HTTP/1\.1" }
		    . qr{is cut off: its file $file{$way}});
	}
}
$tined->ends_clean(@allowed);
done_testing;
