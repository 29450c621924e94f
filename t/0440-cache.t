# Small files are served from a worker's memory: the responses are the same as
# without, a change is noticed in time, and neither memory nor file systems are
# held for longer.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use File::Temp  ();
use JSON::PP    qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep time);
use Tined       qw(deadline need_tools spew wait_for);
use Tined::Process qw(private_memory);
use Trace       ();

use constant {
	HOUR  => 3600,
	SLACK => 0.5,       # seconds: ticks of the kernel's clock may be late
	RING  => 256,       # kB, --cache-size
	FILES => 200,       # of 4 kB each
	# More than the few kB that another allocation of a worker takes.
	MUCH  => 100,       # kB
};

# Nothing is remembered before it is asked for a second time.
use constant ASKED => 3;

my $text = join q{}, map { "line $_\n" } 1 .. 400;

# Served as they are, and so old that they are remembered.
sub files () {
	return (
		'index.html'     => "<h1>index</h1>\n",
		'page.html'      => $text,
		'page.html.gz'   => 'gzip',
		'page.html.br'   => 'brotli',
		'empty.txt'      => q{},
		'sub/index.html' => "<h1>sub</h1>\n",
		'bare/a.txt'     => "a\n",
		'edge.bin'       => 'e' x (64 << 10),
		'large.bin'      => 'l' x (100 << 10),
		'page.css'       => 'c' x (90 << 10),
		'page.css.gz'    => 'z' x (80 << 10),
		'image.svgz'     => 'packed',
	);
}

sub age (@paths) {
	my $old = time - HOUR;
	utime $old, $old, @paths or die "utime: $!\n";
	return;
}

# One worker, which is another user's where that is possible, so that a file can
# be made unreadable.
sub start ($time, %option) {
	my $tined = Tined->start(
		files => {},
		%option,
		args => [
			'-w', 1, '--cache-time', $time,
			$> == 0 ? ('-u', 'nobody') : (),
			@{ $option{args} // [] },
		],
	);
	for my $name (sort keys %{ $option{files} // {} }) {
		age($tined->root . "/$name");
	}
	return $tined;
}

# Asks so often that the next response comes from memory.
sub remember ($tined, @paths) {
	for my $path (@paths) {
		$tined->get($path) for 1 .. ASKED;
	}
	return;
}

# The bytes until the server closes, but for what differs each time.
sub bytes_of ($tined, $raw) {
	my $sock = $tined->connect;
	$tined->send($sock, $raw);
	1 while $tined->fill($sock);
	my $bytes = ${*$sock}{tined_buffer};
	my ($boundary) = $bytes =~ /boundary=(\w+)/;
	$bytes =~ s/\b$boundary\b/BOUNDARY/g if defined $boundary;
	return $bytes =~ s/^Date: .*? GMT\r$/Date\r/gmr;
}

sub request ($line, @fields) {
	return join "\r\n", "$line HTTP/1.1", 'Host: a', @fields, q{}, q{};
}

my @END = 'Connection: close';

# Of a file that is kept open instead: regions of it are sent, or read.
sub large_cases ($response, $path) {
	my ($etag, $date) = map { $response->field($_) } 'etag', 'last-modified';
	my @gzip = 'Accept-Encoding: gzip';

	return map { ("$_->[0] of $path" => request("$_->[1] $path",
			$_->@[ 2 .. $_->$#* ], @END)) }
	    [ 'gzip', 'GET', @gzip ], [ 'gzip, HEAD', 'HEAD', @gzip ],
	    [ 'a 304', 'GET', "If-None-Match: $etag" ],
	    [ 'a 304 by date', 'GET', "If-Modified-Since: $date" ],
	    [ 'a 412', 'GET', 'If-Match: "x"' ],
	    [ 'a small range', 'GET', 'Range: bytes=70000-70009' ],
	    [ 'a large range', 'GET', 'Range: bytes=1-75000' ],
	    [ 'the last', 'GET', 'Range: bytes=-7' ],
	    [ 'ranges', 'GET', 'Range: bytes=0-9,100-70000,-5' ],
	    [ 'a range, HEAD', 'HEAD', 'Range: bytes=0-9' ],
	    [ 'a range of gzip', 'GET', 'Range: bytes=5-70000', @gzip ],
	    [ 'a 416', 'GET', 'Range: bytes=999999-' ],
	    [ 'If-Range', 'GET', 'Range: bytes=0-80000', "If-Range: $etag" ],
	    [ 'If-Range that fails', 'GET', 'Range: bytes=0-9',
		    'If-Range: "x"' ];
}

subtest 'responses are the same, byte for byte' => sub {
	my @args = ('--precompressed', '--listing', '--max-age', '5m',
		'--header', 'X-Own: yes', '--log-format', 'json');
	my %files = files();
	my $pages = File::Temp->newdir(TMPDIR => 1);
	push @args, '--error-page', '404=' . spew("$pages/404", "not here\n"),
	    '--mount', '/status=status:';
	my $off = start('0', files => \%files, args => \@args);
	my $on = start('1h', root => $off->root, args => \@args);
	my @paths = map { "/$_" } q{}, 'sub/', sort keys %files;
	remember($_, @paths) for $off, $on;

	my ($page) = map { $_->get('/page.html') } $off, $on;
	my ($large) = map { $_->get('/large.bin') } $off, $on;
	my ($style) = map { $_->get('/page.css') } $off, $on;
	my ($etag, $date) = map { $page->field($_) } 'etag', 'last-modified';
	my @gzip = 'Accept-Encoding: gzip';
	my %case = (
		(map { ("GET $_" => request("GET $_", @END)) } @paths),
		(map { ("HEAD $_" => request("HEAD $_", @END)) } @paths),
		'another name of the same' =>
		    request('GET /sub/../%70age.html?x=y', @END),
		'gzip'        => request('GET /page.html', @gzip, @END),
		'gzip, HEAD'  => request('HEAD /page.html', @gzip, @END),
		'brotli'      => request('GET /page.html',
			'Accept-Encoding: gzip;q=0.5, br', @END),
		'not at all'  => request('GET /page.html',
			'Accept-Encoding: identity;q=0, *;q=0', @END),
		'zstd only'   => request('GET /page.html',
			'Accept-Encoding: zstd', @END),
		'a 304'       => request('GET /page.html',
			"If-None-Match: $etag", @END),
		'HEAD, a 304' => request('HEAD /page.html',
			"If-None-Match: $etag", @END),
		'a 304 by date' => request('GET /page.html',
			"If-Modified-Since: $date", @END),
		'no 304 for the other coding' => request('GET /page.html',
			"If-None-Match: $etag", @gzip, @END),
		'a 412'       => request('GET /page.html',
			'If-Match: "x"', @END),
		'a range'     => request('GET /page.html',
			'Range: bytes=10-99', @END),
		'the last'    => request('GET /page.html',
			'Range: bytes=-7', @END),
		'two ranges'  => request('GET /page.html',
			'Range: bytes=0-9,50-59', @END),
		'a range of gzip' => request('GET /page.html',
			'Range: bytes=1-2', @gzip, @END),
		'a 416'       => request('GET /page.html',
			'Range: bytes=99999-', @END),
		'If-Range'    => request('GET /page.html',
			'Range: bytes=0-9', "If-Range: $etag", @END),
		'If-Range that fails' => request('GET /page.html',
			'Range: bytes=0-9', 'If-Range: "x"', @END),
		large_cases($large, '/large.bin'),
		large_cases($style, '/page.css'),
		'HTTP/1.0'    => "GET /page.html HTTP/1.0\r\n\r\n",
		'HTTP/1.0, kept' => "GET /page.html HTTP/1.0\r\n"
		    . "Connection: keep-alive\r\n\r\n"
		    . "GET /edge.bin HTTP/1.0\r\n\r\n",
		'pipelined'   => request('GET /page.html') x 5
		    . request('GET /edge.bin') . request('HEAD /sub/')
		    . request('GET /large.bin') . request('GET /empty.txt')
		    . request('GET /edge.bin') . request('GET /page.html', @END),
		'a listing'   => request('GET /bare/', @END),
		'a redirect'  => request('GET /sub?x', @END),
		'an error'    => request('GET /none', @END),
		'an error below a file' => request('GET /page.html/x', @END),
		'a slash behind a file' => request('GET /page.html/', @END),
		'an encoded slash' => request('GET /sub%2findex.html', @END),
		'a method'    => request('POST /page.html', @END),
		'OPTIONS'     => request('OPTIONS /page.html', @END),
	);
	for my $name (sort keys %case) {
		if ($name =~ m{ of (/\S+)\z}) { # which is open for a second
			remember($_, $1) for $off, $on;
		}
		my $expected = bytes_of($off, $case{$name});
		my $bytes = bytes_of($on, $case{$name});
		ok($bytes eq $expected, $name) or diag("$expected\n---\n$bytes");
	}
	my @counts = map { counters($_) } $off, $on;
	is_deeply($counts[1], $counts[0], 'the counters are the same');
	$_->stop for $off, $on;
	my @lines = map {
		[ map { plain_line($_) } grep { !/status/ } $_->access_log ]
	} $off, $on;
	is_deeply($lines[1], $lines[0], 'and the lines of the access log');
	$_->log_is_clean for $off, $on;
};

# Of the access log, what does not depend on the time.
sub plain_line ($line) {
	return $line =~ s/"(?:time|\w+_us)":("[^"]*"|[^,}]*)//gr;
}

sub counters ($tined) {
	my $status = decode_json($tined->get('/status/json')->body);

	return { map { ($_ => $status->{$_}) } qw(requests responses bytes) };
}

# Every way in which a file may change, and what is served then.
my %change = (
	'replaced' => [
		sub ($path) {
			spew("$path.new", 'new');
			rename "$path.new", $path or die "rename: $!\n";
		},
		200, 'new',
	],
	'edited in place' => [
		sub ($path) {
			open my $file, '+<', $path or die "$path: $!\n";
			print {$file} 'N';
			close $file;
		},
		200, 'Nld',
	],
	'edited in place, with its old times' => [
		sub ($path) {
			my @times = (stat $path)[ 8, 9 ];
			open my $file, '+<', $path or die "$path: $!\n";
			print {$file} 'N';
			close $file;
			utime @times, $path;
		},
		200, 'Nld',
	],
	'truncated' => [
		sub ($path) { truncate $path, 0 or die "truncate: $!\n" },
		200, q{},
	],
	'removed'         => [ sub ($path) { unlink $path }, 404 ],
	'made unreadable' => [ sub ($path) { chmod 0, $path }, 403 ],
	'in a renamed directory' => [
		sub ($path) {
			my $dir = $path =~ s{/[^/]*\z}{}r;
			rename $dir, "$dir-elsewhere" or die "rename: $!\n";
		},
		404,
	],
	'replaced by a link out of the directory' => [
		sub ($path) {
			unlink $path;
			symlink '/etc/passwd', $path or die "symlink: $!\n";
		},
		403,
	],
	'a directory now' => [
		sub ($path) { unlink $path; mkdir $path or die "mkdir: $!\n" },
		301,
	],
);

sub is_as ($response, $status, $body) {
	return $response->status == $status
	    && (!defined $body || $response->body eq $body);
}

subtest 'a change is noticed in time' => sub {
	my %name = map { ($_ => s/\W+/-/gr . '/file.txt') } keys %change;
	my %files = map { ($_ => 'old') } values %name;
	my $second = start('1s', files => \%files);
	my $hour   = start('1h', files => \%files);

	for my $what (sort keys %change) {
		my ($change, $status, $body) = $change{$what}->@*;
		my $path = "/$name{$what}";

		remember($hour, $path);
		remember($second, $path);
		$change->($_->root . $path) for $hour, $second;
		my $changed = time;
		is($hour->get($path)->body, 'old',
			"$what: it was served from memory");
		my $late = 0;
		my $noticed = wait_for(sub {
			my $asked = time;
			return 1 if is_as($second->get($path), $status, $body);
			$late++ if $asked > $changed + 1 + SLACK;
			return 0;
		});
		ok($noticed, "$what: is noticed");
		is($late, 0, "$what: within the second");
	}
	$_->ends_clean for $second, $hour;
};

subtest 'a better variant is noticed' => sub {
	my $tined = start('1s', files => { 'a.html' => 'plain' },
		args => ['--precompressed']);
	my @gzip = (fields => { 'Accept-Encoding' => 'gzip' });

	$tined->get('/a.html', @gzip) for 1 .. ASKED;
	spew($tined->root . '/a.html.gz', 'gzip');
	ok(wait_for(sub { $tined->get('/a.html', @gzip)->body eq 'gzip' }),
		'a new variant');
	age($tined->root . '/a.html.gz');
	$tined->get('/a.html', @gzip) for 1 .. ASKED;
	unlink $tined->root . '/a.html.gz';
	ok(wait_for(sub { $tined->get('/a.html', @gzip)->body eq 'plain' }),
		'and that it is gone');
	$tined->ends_clean;
};

subtest 'a file that has just changed is not remembered' => sub {
	my $tined = start('1h');
	my $now = time;

	spew($tined->root . '/new.txt', 'one');
	utime $now + HOUR, $now + HOUR, $tined->root . '/new.txt';
	remember($tined, '/new.txt');
	spew($tined->root . '/new.txt', 'two');
	is($tined->get('/new.txt')->body, 'two', 'its change shows at once');
	$tined->ends_clean;
};

# While a kernel truncates a file that is about to be written anew, the file may
# be empty and have its old time.
subtest 'an empty file is not remembered, however old it is' => sub {
	my $tined = start('1h', files => { 'a.txt' => q{} });
	my $path = $tined->root . '/a.txt';

	remember($tined, '/a.txt');
	spew($path, 'written');
	is($tined->get('/a.txt')->body, 'written', 'its content shows at once');
	$tined->ends_clean;
};

# Of the first 16 requests of a worker: then it counts its descriptors.
subtest 'from memory a request is recv and send' => sub {
	need_tools('strace');
	my $tined = start('1h', files => { 'a.txt' => $text },
		args => ['--no-lot', '-k', '10m', '-a', 'off']);
	my $sock = $tined->connect;
	my @get = (request('GET /a.txt'), sock => $sock);

	$tined->request(@get) for 1 .. ASKED;
	my $calls = Trace::trace('all', sub {
		$tined->request(@get) for 1 .. 10;
	}, $tined->all_workers(1));
	plan skip_all => 'no strace here' unless defined $calls;
	# Of a request that is late here, which is a suspect (connection/stalls.h).
	$calls =~ s/^.*\bgetsockopt\(.*TCP_INFO.*\n//mg;
	my %count;
	$count{$_}++ for $calls =~ /^(?:\d+\s+)?(\w+)\(/gm;
	diag($calls) unless
	    is(delete $count{sendmsg}, 10, 'ten are sent by a call each');
	my $received = delete $count{recvfrom};
	# That which waits when strace comes may show only its end.
	cmp_ok($received, '>=', 9, 'and received');
	cmp_ok($received, '<=', 11, 'by a call each');
	is_deeply(\%count, {}, 'and no other call is made') or diag($calls);
	close $sock;
	$tined->ends_clean;
};

subtest 'the memory is bounded, and released when the worker is idle' => sub {
	plan skip_all => 'a sanitizer has memory of its own'
	    if Tined->is_sanitized;
	my %files = map { (sprintf('f%03d', $_) => $_ x 2048) }
	    100 .. 100 + FILES - 1;
	my %grown;
	my %server = (
		none  => start('0', files => \%files),
		small => start('1h', files => \%files,
			args => ['--cache-size', RING . 'k']),
		large => start('1h', files => \%files,
			args => ['--cache-size', '64M']),
		brief => start('1s', files => \%files,
			args => ['--cache-size', '64M']),
	);
	my %worker = map { ($_ => $server{$_}->all_workers(1)) } keys %server;

	for my $which (sort keys %server) {
		for my $name (sort keys %files) {
			for (1 .. ASKED) {
				next if $server{$which}->get("/$name")->body
				    eq $files{$name};
				fail("$which: $name");
			}
		}
	}
	$grown{$_} = private_memory($worker{$_})
	    - private_memory($worker{none}) for 'small', 'large';
	cmp_ok($grown{large}, '>', FILES * 4, 'all files are in memory');
	cmp_ok($grown{small}, '<=', RING + MUCH, 'or as many as may be');
	cmp_ok($grown{small}, '>', RING / 2, 'which are some');
	ok(wait_for(sub {
		private_memory($worker{brief})
		    <= private_memory($worker{none}) + MUCH;
	}), 'none when the worker was idle for a second')
	    or diag(private_memory($worker{brief}));
	$_->ends_clean for values %server;
};

subtest 'a file system can be unmounted' => sub {
	my @unshare = (qw(unshare --mount --propagation private),
		$> == 0 ? () : '--map-root-user');
	plan skip_all => 'no mount namespaces here'
	    if system(@unshare, qw(mount -t tmpfs none /mnt)) != 0;
	my $tined = start('1s', files => { 'mnt/below' => 'below' },
		under => [ @unshare, 'sh', '-c', 'mount -t tmpfs none mnt '
			. '&& echo above >mnt/a.txt '
			. '&& touch -d "1 hour ago" mnt/a.txt && exec "$@"',
			'sh' ]);
	# With its root, in case that is not that of the machine.
	my @enter = ('nsenter', '--target', $tined->pid, '--mount', '--root',
		$> == 0 ? () : '--user', '--preserve-credentials');

	$tined->get('/mnt/a.txt') for 1 .. ASKED;
	is($tined->get('/mnt/a.txt')->body, "above\n", 'a file of a mount');
	ok(wait_for(sub {
		system(@enter, 'umount', $tined->root . '/mnt') == 0;
	}), 'which is then unmounted');
	ok(wait_for(sub { $tined->get('/mnt/a.txt')->status == 404 }),
		'and is gone');
	is($tined->get('/mnt/below')->body, 'below', 'what was below is served');
	$tined->ends_clean;
};

done_testing;
