# Flask's quickstart, by the module wsgi.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tined qw(slurp);
use Wsgi  qw(need_python start_wsgi);

need_python('flask');

my $tined = start_wsgi('flasked:app', args => ['-w', 2]);
my $part = join "\r\n", '--cut',
    'Content-Disposition: form-data; name="name"', q{}, 'upload', '--cut',
    'Content-Disposition: form-data; name="file"; filename="a.bin"', q{},
    'x' x 300_000, '--cut--', q{};
my $form = 'application/x-www-form-urlencoded';

sub get ($path, %option) { return $tined->get($path, %option)->body }

is(get('/'), '<p>Hello, World!</p>', 'the first page');
is(get('/user/%3Cb%3E%C3%A9'), "Hello, &lt;b&gt;\xc3\xa9!", 'a variable');
is(get('/post/7?q=a%20b'), qq({"method":"GET","number":7,"query":"a b"}\n),
	'JSON');
is($tined->get('/post/x')->status, 404, 'no number');
is(get('/nothing'), 'There is no such page', 'a 404 of its own');
is($tined->get('/post/7', method => 'POST')->status, 405, 'another method');
is(get('/form', method => 'POST', body => $part, fields => {
	'Content-Type' => 'multipart/form-data; boundary=cut' }),
	'upload a.bin 300000', 'an upload');
my ($chunked) = $tined->request("POST /chunked HTTP/1.1\r\nHost: a\r\n"
	. "Transfer-Encoding: chunked\r\n\r\n"
	. "5\r\nabcde\r\n3\r\nfgh\r\n0\r\n\r\n");
is($chunked->body, 8, 'chunked content');

my $login = $tined->get('/login', method => 'POST', body => 'name=me',
	fields => { 'Content-Type' => $form });
is($login->status, 302, 'a redirect');
my ($cookie) = $login->field('Set-Cookie') =~ /\A([^;]+)/;
is(get('/whoami', fields => { Cookie => $cookie }), 'me', 'a session');
is(get('/whoami'), 'nobody', 'and none');

my $stream = $tined->get('/stream');
is($stream->body, "0\n1\n2\n", 'a stream');
is($stream->{chunks}, 3, 'flushed at each part');
my $file = $tined->get('/file');
is($file->body, slurp("$FindBin::Bin/wsgi/flasked.py"), 'a file');
is($tined->get('/file', fields => { 'If-None-Match' => $file->field('ETag') })
	->status, 304, 'unchanged');
is($tined->get('/file', fields => { Range => 'bytes=0-9' })->body,
	substr($file->body, 0, 10), 'a range of it');
is(get('/memory'), 'in memory', 'a file in memory');
is($tined->get('/teapot')->status, 418, 'abort');

my $head = $tined->get('/', method => 'HEAD');
is($head->field('Content-Length'), 20, 'HEAD');
is($tined->get('/raise')->status, 500, 'an exception');
like($tined->error_log, qr/ValueError: a mistake in a view/,
	'Flask logs it to wsgi.errors');
$tined->ends_clean;

my $made = start_wsgi('flasked:create_app', more => { factory => 'yes' });
is($made->get('/')->body, '<p>Hello, World!</p>', 'an application factory');
$made->ends_clean;

done_testing;
