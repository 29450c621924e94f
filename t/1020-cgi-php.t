# CGI: scripts in PHP, by php-cgi.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Cgi qw(programs start_cgi);
use Test::More;
use Tined qw(need_tools);

need_tools('php-cgi');

my ($php) = grep { -x } map { "$_/php-cgi" } split /:/, $ENV{PATH};
my $dir = programs(
	'show.php' => "#!$php\n" . <<'END',
<?php
header('Content-Type: text/plain');
header('X-Php: yes');
setcookie('a', 'b');
foreach (['SCRIPT_NAME', 'PATH_INFO', 'QUERY_STRING', 'REQUEST_METHOD',
	'SERVER_PROTOCOL', 'HTTP_HOST', 'PHP_SELF'] as $name)
	echo "$name=", $_SERVER[$name] ?? '', "\n";
echo 'get=', $_GET['x'] ?? '', "\n";
echo 'post=', $_POST['y'] ?? '', "\n";
echo 'force=', ini_get('cgi.force_redirect'), "\n";
END
	'status.php' => "#!$php\n<?php http_response_code(418); echo 'tea';\n",
	'move.php' => "#!$php\n<?php header('Location: http://example.org/'); ?>\n",
	'local.php' => "#!$php\n<?php header('Location: /c/show.php/in?x=2'); ?>\n",
	'much.php' => "#!$php\n<?php header('Content-Type: a/b');\n"
	    . "for (\$i = 0; \$i < 100; \$i++) echo str_repeat('x', 10000);\n",
	'file.php' => "#!$php\n" . <<'END',
<?php
header('Content-Type: text/plain');
echo $_FILES['f']['name'], ' ', strlen(file_get_contents($_FILES['f']['tmp_name']));
END
	'wrong.php' => "#!$php\n<?php error_log('it is wrong'); this_is_no_function();\n",
);
# PHP keeps a lock and uploads there.
my $tined = start_cgi($dir, more => q{,write=/tmp},
	args => ['-m', "/app=cgi:$php,env=SCRIPT_FILENAME=$dir/show.php,read=$dir"]);

sub said ($response) {
	return map { /\A(\w+)=(.*)\z/ ? ($1 => $2) : () }
	    split /\n/, $response->body;
}

subtest 'a script' => sub {
	my $response = $tined->get('/c/show.php/a/b?x=1', method => 'POST',
		body => 'y=a+b', fields => [Host => 'example.org',
			'Content-Type' => 'application/x-www-form-urlencoded']);
	my %said = said($response);

	is($response->status, 200, 'it is run');
	is($response->field('X-Php'), 'yes', 'its fields');
	like($response->field('Set-Cookie'), qr/\Aa=b/, 'a cookie');
	is($said{SCRIPT_NAME}, '/c/show.php', 'SCRIPT_NAME');
	is($said{PATH_INFO}, '/a/b', 'PATH_INFO');
	is($said{QUERY_STRING}, 'x=1', 'QUERY_STRING');
	is($said{HTTP_HOST}, 'example.org', 'Host');
	is($said{get}, 1, 'the query');
	is($said{post}, 'a b', 'a form');
	is($said{force}, 1, 'it asks for REDIRECT_STATUS, and finds it');
};

subtest 'responses' => sub {
	my $sock = $tined->connect;
	my $response = $tined->get('/c/status.php', sock => $sock, keep => 1);

	is($response->status, 418, 'a status');
	is($response->body, 'tea', 'and content');
	is(length $tined->get('/c/much.php', sock => $sock, keep => 1)->body,
		1_000_000, 'much content, over one connection');
	$response = $tined->get('/c/move.php');
	is($response->status, 302, 'a redirect');
	is($response->field('Location'), 'http://example.org/', 'elsewhere');
	is($tined->get('/c/status.php', method => 'HEAD')->status, 418, 'HEAD');
	$response = $tined->get('/c/local.php');
	is($response->field('Location'), '/c/show.php/in?x=2',
		'PHP sets a status and a type: that is for the client');
};

subtest 'an upload' => sub {
	my $body = join "\r\n", '--b',
	    'Content-Disposition: form-data; name="f"; filename="a.bin"',
	    'Content-Type: application/octet-stream', q{}, 'x' x 1_000_000,
	    '--b--', q{};

	is($tined->get('/c/file.php', method => 'POST', body => $body,
		fields => ['Content-Type' => 'multipart/form-data; boundary=b'])
		->body, 'a.bin 1000000', 'of a file');
	my $chunked = join q{}, map { sprintf "%x\r\n%s\r\n", length, $_ }
	    unpack('(a100000)*', $body), q{};

	is($tined->request("POST /c/file.php HTTP/1.1\r\nHost: a\r\n"
		. "Content-Type: multipart/form-data; boundary=b\r\n"
		. "Transfer-Encoding: chunked\r\n\r\n$chunked")->body,
		'a.bin 1000000', 'of a length that only its end tells');
};

subtest 'php-cgi itself' => sub {
	my %said = said($tined->get('/app/x/y?x=3'));

	is($said{get}, 3, 'runs one script');
	is($said{PATH_INFO}, '/x/y', 'with all paths');
};

subtest 'a script that fails' => sub {
	is($tined->get('/c/wrong.php')->status, 500, 'has status 500');
	ok((grep { /warning: .* wrong\.php: .*it is wrong/ } $tined->error_log),
		'and its words are in the log');
};
$tined->ends_clean(qr/ warning: .* wrong\.php: /);

done_testing;
