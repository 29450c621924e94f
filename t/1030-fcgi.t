# fcgi: PHP-FPM answers what is below a prefix.

use v5.36;

use Fcgi qw(need_php_fpm);
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tined qw(free_port slurp spew wait_for);

need_php_fpm();

my %scripts = (
	'index.php' => '<?php echo "index of ", $_SERVER["SCRIPT_NAME"];',
	'env.php' => '<?php foreach ($_SERVER as $k => $v)
		if (!is_array($v)) echo "$k=$v\n";',
	'sub/index.php' => '<?php echo "sub index";',
	'none/picture.jpg' => '<?php echo "executed!";',
	'.secret.php' => '<?php echo "executed!";',
	'count.php' => '<?php $n = 0; $f = fopen("php://input", "r");
		while (!feof($f)) $n += strlen(fread($f, 65536));
		echo "$n bytes of ", $_SERVER["CONTENT_LENGTH"] ?? "none";',
	'upload.php' => '<?php $f = $_FILES["file"];
		echo $f["name"], " ", $f["size"], " ", $_POST["a"], " ",
		    md5_file($f["tmp_name"]);',
	'status.php' => '<?php http_response_code(418); setcookie("a", "b");
		setcookie("c", "d"); header("Connection: x");
		echo "tea";',
	'moved.php' => '<?php header("Location: /elsewhere?a=b");',
	'length.php' => '<?php header("Content-Length: 5"); echo "12345";',
	'many.php' => '<?php for ($i = 0; $i < 64; $i++)
		echo str_repeat(chr(65 + $i % 26), 65536);',
	'words.php' => '<?php error_log("one word"); error_log("two\nwords");
		trigger_error("careful"); echo "said";',
	'fatal.php' => '<?php missing_function();',
	'slow.php' => '<?php echo "a"; flush();
		while (!file_exists($_GET["until"])) usleep(10000);
		echo "b";',
	'finish.php' => '<?php echo "done"; fastcgi_finish_request();
		while (!file_exists($_GET["until"])) usleep(10000);
		touch($_GET["until"] . ".seen");',
	'pid.php' => '<?php echo getmypid();',
);

# A server whose mount has these scripts.
sub serve ($php, %option) {
	my $root = File::Temp->newdir('fcgi-www-XXXXXX', TMPDIR => 1);
	my $prefix = $option{prefix} // q{/};
	my $more = $option{more} // q{};
	my $address = $option{address} // "unix:" . $php->path;

	chmod oct '0755', "$root";
	for my $name (sort keys %scripts) {
		my ($folder) = $name =~ m{\A(.*)/};

		mkdir "$root/$folder" if defined $folder;
		spew("$root/$name", $scripts{$name});
	}
	my $tined = Tined->start(args => ['-m',
		"$prefix=fcgi:$address,root=$root$more",
		@{ $option{args} // [] }]);
	$tined->{scripts} = $root;
	return $tined;
}

sub environment ($response) {
	return map { /\A([^=]+)=(.*)\z/ ? ($1 => $2) : () }
	    split /\n/, $response->body;
}

my $php = Fcgi->php_fpm;

subtest 'the environment' => sub {
	my $tined = serve($php);
	my $root = "$tined->{scripts}";
	my %env = environment($tined->get('/env.php/a%20b/../c?d=%20&e',
		fields => [Host => 'example.org:81', 'X-Two' => 'a',
			'X-Two' => 'b', 'X_Two' => 'no', Proxy => 'no',
			'Content-Type' => 'text/x'], body => 'abc'));

	is($env{SCRIPT_FILENAME}, "$root/env.php", 'the script');
	is($env{SCRIPT_NAME}, '/env.php', 'its name');
	is($env{PATH_INFO}, '/c', 'what is behind it');
	is($env{PATH_TRANSLATED}, "$root/c", 'as a file');
	is($env{DOCUMENT_ROOT}, $root, 'the root');
	is($env{PHP_SELF}, '/env.php/c', 'as PHP knows itself');
	is($env{QUERY_STRING}, 'd=%20&e', 'the query');
	is($env{REQUEST_URI}, '/env.php/a%20b/../c?d=%20&e', 'the target');
	is($env{REQUEST_METHOD}, 'GET', 'the method');
	is($env{SERVER_NAME}, 'example.org', 'the host');
	is($env{SERVER_PORT}, $tined->port, 'the port');
	is($env{REMOTE_ADDR}, '127.0.0.1', 'the client');
	is($env{HTTP_X_TWO}, 'a, b', 'fields of one name');
	is($env{CONTENT_TYPE}, 'text/x', 'the type of the content');
	is($env{CONTENT_LENGTH}, 3, 'and its length');
	ok(!exists $env{HTTP_PROXY}, 'no HTTP_PROXY');
	%env = environment($tined->get('/env.php'));
	ok(!exists $env{PATH_INFO}, 'nothing is behind it');
	ok(!exists $env{PATH_TRANSLATED}, 'nor translated');
	$tined->ends_clean;
};

subtest 'below a prefix, under another name' => sub {
	my $there = File::Temp->newdir('fcgi-there-XXXXXX', TMPDIR => 1);
	my $tined = serve($php, prefix => '/shop',
		more => ",application-root=$there/");

	spew("$there/env.php", $scripts{'env.php'});
	my %env = environment($tined->get('/shop/env.php/x'));

	is($env{SCRIPT_FILENAME}, "$there/env.php", 'the script');
	is($env{SCRIPT_NAME}, '/shop/env.php', 'its name');
	is($env{PATH_INFO}, '/x', 'what is behind it');
	is($tined->get('/shop')->status, 301, 'a slash is missing');
	is($tined->get('/env.php')->status, 404, 'not above');
	$tined->ends_clean;
};

subtest 'what is executed, and what not' => sub {
	my $tined = serve($php);
	my @before = $php->accesses;

	is($tined->get('/')->body, 'index of /index.php', 'the index');
	is($tined->get('/sub/')->body, 'sub index', 'of a directory');
	my $moved = $tined->get('/sub?a=b');

	is($moved->status, 301, 'a directory without its slash');
	is($moved->field('Location'), '/sub/?a=b', 'leads there');
	for my $path ('/missing.php', '/missing.php/env.php', '/missing/',
		'/none/', '/none/picture.jpg', '/none/picture.jpg/x.php',
		'/.secret.php', '/sub/..%2fenv.php', '/%2e%2e/%2e%2e/etc/passwd',
		'/env.php%00.jpg', '/env.PHP', '/env.php.') {
		like($tined->get($path)->status, qr/\A40[04]\z/, "404: $path");
	}
	symlink '/etc/passwd', "$tined->{scripts}/out.php" or die $!;
	is($tined->get('/out.php')->status, 403, 'a link that leads out');
	my @after = $php->accesses;

	is(@after - @before, 2, 'PHP has not been asked');
	$tined->ends_clean;
};

subtest 'without split=, every file is a script' => sub {
	my $tined = serve($php, more => ',split=,index=env.php');
	my %env = environment($tined->get('/env.php/x/y'));

	is($env{PATH_INFO}, '/x/y', 'divided where a file is');
	# PHP-FPM itself refuses that (security.limit_extensions).
	is($tined->get('/none/picture.jpg/x.php')->status, 403, 'asked');
	%env = environment($tined->get('/'));
	is($env{SCRIPT_NAME}, '/env.php', 'another index');
	$tined->ends_clean(qr/limit_extensions/);
};

subtest 'responses' => sub {
	my $tined = serve($php);
	my $sock = $tined->connect;
	my $tea = $tined->get('/status.php', sock => $sock, keep => 1);

	is($tea->status, 418, 'a status');
	is($tea->body, 'tea', 'its content');
	is_deeply($tea->{fields}{'set-cookie'}, ['a=b', 'c=d'], 'two cookies');
	unlike($tea->{head}, qr/^Connection: x/mi, 'no field of the server');
	my $moved = $tined->get('/moved.php', sock => $sock, keep => 1);

	is($moved->status, 302, 'a redirect');
	is($moved->field('Location'), '/elsewhere?a=b', 'for the client');
	is($tined->get('/length.php', sock => $sock, keep => 1)->body, '12345',
		'a length');
	my $head = $tined->get('/env.php', method => 'HEAD', sock => $sock,
		keep => 1);

	is($head->status, 200, 'HEAD');
	is($head->field('Content-Length'), undef, 'of a length not known');
	is($tined->get('/length.php', method => 'HEAD', sock => $sock,
		keep => 1)->field('Content-Length'), 5, 'or known');
	my $many = $tined->get('/many.php', sock => $sock, keep => 1)->body;

	is(length $many, 64 << 16, 'four megabytes');
	is($many, join(q{}, map { chr(65 + $_ % 26) x 65536 } 0 .. 63),
		'as they were');
	is($tined->get('/fatal.php', sock => $sock, keep => 1)->status, 500,
		'an error of PHP');
	$tined->ends_clean(qr/PHP message: PHP Fatal error: |  thrown in /,
		qr/warning: .*(?:Stack trace|#\d)/);
};

subtest 'content' => sub {
	my $tined = serve($php);
	my $big = 'x' x 3_000_000;
	my $boundary = "\r\n--b\r\nContent-Disposition: form-data; name=";

	is($tined->get('/count.php')->body, '0 bytes of none', 'none');
	for my $size (1, 65535, 65536, 3_000_000) {
		is($tined->get('/count.php', method => 'POST',
			body => 'x' x $size)->body, "$size bytes of $size",
			'of a length');
	}
	my $chunks = join q{}, map { sprintf "%x\r\n%s\r\n", 30_000, 'y' x 30_000 }
	    1 .. 50;
	my $response = $tined->request("PUT /count.php HTTP/1.1\r\nHost: a\r\n"
		. "Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n");

	is($response->body, '1500000 bytes of 1500000', 'chunked');
	my $form = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nv"
	    . "$boundary\"file\"; filename=\"f.bin\"\r\n\r\n"
	    . substr($big, 0, 1_500_000) . "\r\n--b--\r\n";

	like($tined->get('/upload.php', method => 'POST', body => $form,
		fields => ['Content-Type' => 'multipart/form-data; boundary=b'])
		->body, qr/\Af\.bin 1500000 v [0-9a-f]{32}\z/, 'an upload');
	# PHP answers before it has read this.
	is($tined->get('/length.php', method => 'POST', body => $big)->body,
		'12345', 'content that nobody wants');
	$tined->ends_clean;
};

subtest 'what PHP says is in the error log' => sub {
	my $tined = serve($php);

	is($tined->get('/words.php')->body, 'said', 'an answer');
	my $log = join "\n", $tined->error_log;
	my $name = 'unix:' . $php->path;

	like($log, qr{warning:\ "GET\ /words\.php\ HTTP/1\.1"\ from\ 127\.0\.0\.1
		:\ \Q$name\E:\ PHP\ message:\ one\ word}x,
		'with the request and the name');
	like($log, qr/\Q$name\E: words/, 'lines');
	$tined->ends_clean(qr/warning: "GET \/words/);
};

subtest 'a response that takes its time' => sub {
	my $tined = serve($php);
	my $until = $tined->dir . '/until';
	my $sock = $tined->connect;

	$tined->send($sock, "GET /slow.php?until=$until HTTP/1.1\r\n"
		. "Host: a\r\nConnection: close\r\n\r\n");
	ok(wait_for(sub { eval { $tined->fill($sock, time + 1) };
		${*$sock}{tined_buffer} =~ /\r\n\r\n1\r\na\r\n/ }),
		'what was flushed is here');
	spew($until, q{});
	is($tined->read_response($sock)->body, 'ab', 'and all of it');
	is($tined->get("/finish.php?until=$until.2")->body, 'done',
		'finished before the script');
	spew("$until.2", q{});
	ok(wait_for(sub { -e "$until.2.seen" }), 'which goes on');
	$tined->ends_clean;
};

subtest 'kept connections' => sub {
	my $tined = serve($php, more => ',keepalive=1m', args => ['-w', 1]);
	my %pids;

	$pids{ $tined->get('/pid.php')->body }++ for 1 .. 20;
	is(keys %pids, 1, 'one process of PHP has all requests');
	is($tined->get('/count.php', method => 'POST', body => 'x' x 200_000)
		->body, '200000 bytes of 200000', "content $_") for 1, 2;
	is($tined->get('/length.php', method => 'POST', body => 'x' x 200_000)
		->body, '12345', "or that nobody reads $_") for 1 .. 3;
	kill 'TERM', keys %pids;
	ok(wait_for(sub { !kill 0, keys %pids }), 'that process ends');
	is($tined->get('/length.php')->body, '12345', 'no client notices');
	$tined->ends_clean;
};

subtest 'by TCP' => sub {
	my $port = free_port();
	my $other = Fcgi->php_fpm(port => $port);
	my $tined = serve($other, address => "127.0.0.1:$port");

	is($tined->get('/length.php')->body, '12345', 'an answer');
	$tined->ends_clean;
};

subtest 'constant memory' => sub {
	my $tined = serve($php, args => ['-w', 1]);
	my ($worker) = $tined->all_workers(1);
	my $size = 64 << 20;
	my $peak = sub { slurp("/proc/$worker/status") =~ /^VmHWM:\s+(\d+)/m
		&& $1 };

	$tined->get('/length.php');
	my $before = $peak->();

	is($tined->get('/count.php', method => 'POST', body => 'x' x $size)
		->body, "$size bytes of $size", 'a large upload');
	is(length $tined->get('/many.php')->body, 64 << 16, 'and a download');
	cmp_ok($peak->() - $before, '<', Tined->is_sanitized ? 40_000 : 4_000,
		'of some kilobytes');
	$tined->ends_clean;
};

subtest 'a root that is removed, and comes again' => sub {
	my $tined = serve($php, args => ['-w', 1]);
	my $root = "$tined->{scripts}";

	is($tined->get('/length.php')->body, '12345', 'it is there');
	system('rm', '-rf', $root);
	is($tined->get('/length.php')->status, 503, 'it is gone');
	mkdir $root or die $!;
	spew("$root/length.php", $scripts{'length.php'});
	ok(wait_for(sub { $tined->get('/length.php')->status == 200 }),
		'and is opened again');
	$tined->ends_clean(qr/was removed: requests for it get 503/,
		qr/cannot reload: .* No such file/);
};
done_testing;
