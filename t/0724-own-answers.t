# Clients of all kinds at one worker: each gets the answer to its own request,
# though its bytes come to lie where those of another client lay.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tined;

use constant { CLIENTS => 60, ROUNDS => 5 };

# The length of its path tells which client a response is for.
my %files = map { 'f' x $_ => 'x' x $_ } 1 .. CLIENTS;
my $rest = "HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";

# What is sent, by which method, and the content of the response.
sub small ($n) {
	my $method = $n % 3 == 0 ? 'HEAD' : 'GET';
	my $path = 'f' x $n;

	return ["$method /$path $rest\r\n", $method,
		$method eq 'HEAD' ? q{} : $files{$path}];
}

sub posted ($n) {
	my $content = 'y' x $n;

	return ["POST /reflect ${rest}Content-Length: $n\r\n\r\n$content",
		'POST', $content];
}

# All have asked before the first answer is read, so that most wait in the lot.
sub wrong_answers ($tined, @requests) {
	my @asked = map { [$tined->connect, @$_] } @requests;

	$tined->send($_->[0], $_->[1]) for @asked;
	my @wrong = grep {
		my ($sock, undef, $method, $content) = @$_;
		my $response = $tined->read_response($sock, method => $method);
		!$response || $response->status != 200
		    || $response->body ne $content;
	} @asked;
	return scalar @wrong;
}

my $tined = Tined->start(
	files => \%files,
	args  => ['-w', 1, '-m', '/reflect=echo:body'],
);

for my $round (1 .. ROUNDS) {
	is(wrong_answers($tined, map { small($_) } 1 .. CLIENTS),
		0, "round $round: GET and HEAD");
	is(wrong_answers($tined,
			map { $_ % 2 ? posted($_) : small($_) } 1 .. CLIENTS),
		0, "round $round: and POST");
}
$tined->ends_clean;

done_testing;
