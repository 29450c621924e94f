# The status page in a browser: its numbers are in the document, they change by
# themselves, and nothing that a client sent is run.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use File::Temp ();
use JSON::PP   ();
use Test::More;
use Tined qw(need_tools slow spew wait_for);

need_tools('chromium');

# Flags that let it run as root, alone, and without a word to anybody.
my @chromium = qw(chromium --headless --no-sandbox --disable-gpu --disable-quic
	--no-first-run --disable-background-networking
	--disable-component-update --disable-sync --disable-dev-shm-usage);
my $profiles = File::Temp->newdir('tined-XXXXXX', TMPDIR => 1);
my $looks    = 0;

# The document as it is after so many seconds of the page's own time.
sub look_at ($url, $seconds, @flags) {
	my @command = ('timeout', 60 * slow(), @chromium,
		"--user-data-dir=$profiles/" . $looks++,
		'--virtual-time-budget=' . 1000 * $seconds, @flags,
		'--dump-dom', $url);
	my $pid = open(my $pipe, '-|') // die "fork: $!\n";
	if ($pid == 0) {
		open STDERR, '>', '/dev/null';
		exec @command or die "chromium: $!\n";
	}
	local $/ = undef;
	my $dom = <$pipe> // q{};
	close $pipe;
	is($? >> 8, 0, 'the browser ends well');
	return $dom;
}

my $tined = Tined->start(args => ['-w', 4, '-m', '/status=status:', '-m',
	'/body=echo:body', '-m', '/echo=echo:1000']);
$tined->get('/echo') for 1 .. 1234;
$tined->get('/none') for 1 .. 7;

# A worker is held by a client that would like to be more than it is.
my $path = "/body/'onmouseover='document.title=1'&lt;";
my $sock = $tined->connect;
$tined->send($sock, "POST $path HTTP/1.1\r\nHost: a\r\n"
	. "Content-Length: 200000\r\n\r\n" . 'x' x 100_000);
ok(wait_for(sub {
	$tined->get('/status/text')->body =~ m{\Q$path\E};
}), 'a worker is busy');

my $dom = look_at($tined->url('/status'), 1);
my %tile = $dom =~ m{<b id="(\w+)">([^<]*)</b>}g;
like($tile{requests}, qr/\A1,2\d\d\z/, "requests: $tile{requests}");
is($tile{busy}, '2 / 4', 'busy workers: that one, and who answers this');
my %row = $dom =~ m{<tr><td>([^<]*)</td><td[^>]*>([\d,]+)</td></tr>}g;
is($row{'4xx'}, 7, '4xx');
is($row{'5xx'}, 0, '5xx');
is($row{'workers started'}, 4, 'workers started');
is(scalar(() = $dom =~ /<i class="\w+" title="worker \d+\[\d+\]/g), 4,
	'the grid has each worker');
like($dom, qr/<td>POST \Q\/body\/'onmouseover='document.title=1'&amp;lt;\E/,
	'what the busy one does');
my $title = $path =~ s/&/&amp;/r;
like($dom, qr/title="worker[^"]*127\.0\.0\.1 POST \Q$title\E HTTP\/1\.1">/,
	'and in its title, which it does not leave');
like($dom, qr{<title>tined status</title>}, 'the title is its own');

# By the page's clock that is a look more: what it shows is newer.
my $later = look_at($tined->url('/status'), 7);
my ($now) = $later =~ m{<b id="requests">([^<]*)</b>};
cmp_ok($now =~ tr/,//dr, '>=', ($tile{requests} =~ tr/,//dr) + 3,
	"it has looked again: $now");
unlike($later, qr/<body class="lost"/, 'and was answered');

# A screenshot is for people: t/9600-status-page.t keeps it where asked.
if (my $file = $ENV{TINED_SCREENSHOT}) {
	look_at($tined->url('/status'), 1, "--screenshot=$file",
		'--window-size=1100,1100');
}
close $sock;
$tined->ends_clean;

done_testing;
