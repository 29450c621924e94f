# A handler makes a response that would break the protocol: its client gets a
# 500 in place of it, the log says what is wrong, and the connection goes on.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Faulty qw(start_faulty);
use Test::More;
use Tined qw(wait_for);

my %wrong = (
	'bad-status'     => qr/its status is none of 200 to 599/,
	'interim-status' => qr/its status is none of 200 to 599/,
	'own-field'      => qr/it sets a field that only the connection may set/,
	'bad-field'      => qr/a field's name or value has bytes/,
	'bad-stream'     => qr/it sets a field that only the connection may set/,
	'bad-long-stream' =>
	    qr/it sets a field that only the connection may set/,
	'short-stream'   => qr/it is shorter than the length that it declared/,
);
my @allowed = (qr/ error: the handler of "\w+ \/f\/[\w-]+ HTTP/);

sub ask_for ($path) { return "GET $path HTTP/1.1\r\nHost: a\r\n\r\n" }

my $tined = start_faulty(args => ['-w', 1]);
my $sock  = $tined->connect;

for my $way (sort keys %wrong) {
	my $line = qr{error: the handler of "GET /f/$way HTTP/1\.1" made a }
		. qr{wrong response: $wrong{$way}.*; it is answered 500};
	my $response = $tined->request(ask_for("/f/$way"), sock => $sock);

	is($response->status, 500, "$way: 500");
	like($response->body, qr/Internal Server Error/, 'a page');
	ok(!defined $response->field($_), "no $_")
	    for qw(X-Bad Set-Cookie Transfer-Encoding);
	ok(wait_for(sub { 1 == grep { $_ =~ $line } $tined->error_log }),
		'a line in the log says why');
	is($tined->request(ask_for('/f/well'), sock => $sock)->status, 200,
		'the connection goes on');
}

# Nothing can take the place of what the client has.
for my $way (qw(late-error late-chunked-error late-length)) {
	my $line = qr{error: the handler of "GET /f/$way HTTP/1\.1" made a }
		. qr{wrong response: it .* its head was sent; it is cut off};
	$sock = $tined->connect;
	$tined->send($sock, ask_for("/f/$way") . ask_for('/f/well'));
	ok(!eval { $tined->read_response($sock) }, "$way is cut off");
	like($@, qr/closed/, 'by the end of the connection');
	ok(wait_for(sub { 1 == grep { $_ =~ $line } $tined->error_log }),
		'a line in the log says why');
}
$tined->ends_clean(@allowed);
done_testing;
