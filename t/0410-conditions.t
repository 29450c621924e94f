# Conditional requests and single ranges: RFC 9110, sections 13 and 14.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX ();
use Test::More;
use Tined;

my $text = join q{}, 'a' .. 'z';
my $tined = Tined->start(files => { 'f.txt' => $text, 'empty' => q{} },
	args => ['-w', 2]);
my $now = time;

sub http_date ($time) {
	return POSIX::strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime $time);
}

my $mtime = $now - 1000;
utime $mtime, $mtime, $tined->root . '/f.txt';
my $plain = $tined->get('/f.txt');
my $etag = $plain->field('etag');
my @rfc850 = gmtime $mtime;

is($plain->field('last-modified'), http_date($mtime), 'Last-Modified');

my @cases = (
	[304, 'If-None-Match' => $etag],
	[304, 'If-None-Match' => "W/$etag"],
	[304, 'If-None-Match' => qq("x", $etag)],
	[304, 'If-None-Match' => q{*}],
	[200, 'If-None-Match' => '"x"'],
	[304, 'If-Modified-Since' => http_date($mtime)],
	[304, 'If-Modified-Since' => http_date($mtime + 10)],
	[200, 'If-Modified-Since' => http_date($mtime - 1)],
	[200, 'If-Modified-Since' => 'yesterday'],
	[200, 'If-Modified-Since' => http_date($now + 9999)],
	[304, 'If-Modified-Since' =>
		POSIX::strftime('%A, %d-%b-%y %H:%M:%S GMT', @rfc850)],
	[304, 'If-Modified-Since' =>
		POSIX::strftime('%a %b %e %H:%M:%S %Y', @rfc850)],
	[200, 'If-None-Match' => '"x"',
		'If-Modified-Since' => http_date($mtime)],
	[304, 'If-None-Match' => $etag,
		'If-Modified-Since' => http_date($mtime - 1)],
	[200, 'If-Match' => $etag],
	[200, 'If-Match' => q{*}],
	[412, 'If-Match' => '"x"'],
	[412, 'If-Match' => "W/$etag"],
	[200, 'If-Unmodified-Since' => http_date($mtime)],
	[412, 'If-Unmodified-Since' => http_date($mtime - 1)],
	[412, 'If-Match' => '"x"', 'If-None-Match' => $etag],
);
for my $case (@cases) {
	my ($status, @fields) = @$case;
	subtest "@fields" => sub {
		for my $method (qw(GET HEAD)) {
			my $response = $tined->get('/f.txt',
				method => $method, fields => \@fields);
			is($response->status, $status, "$method: $status");
			is($response->field('etag'), $etag, 'ETag')
			    if $status != 412;
			is($response->body, q{}, 'no body') if $status == 304;
		}
	};
}
is($tined->get('/none', fields => { 'If-None-Match' => q{*} })->status, 404,
	'what is not there has no conditions');

# Ranges: the status, what comes, and where it lies

my $size = length $text;
my @ranges = (
	['bytes=0-3', 206, 'abcd', "bytes 0-3/$size"],
	['bytes=0-0', 206, 'a', "bytes 0-0/$size"],
	['bytes=-4', 206, 'wxyz', "bytes 22-25/$size"],
	['bytes=-999', 206, $text, "bytes 0-25/$size"],
	['bytes=20-', 206, 'uvwxyz', "bytes 20-25/$size"],
	['bytes=20-999', 206, 'uvwxyz', "bytes 20-25/$size"],
	['bytes=25-25', 206, 'z', "bytes 25-25/$size"],
	['BYTES=0-3', 206, 'abcd', "bytes 0-3/$size"],
	['bytes=0-18446744073709551616', 206, $text, "bytes 0-25/$size"],
	['bytes=26-', 416, undef, "bytes */$size"],
	['bytes=99-100', 416, undef, "bytes */$size"],
	['bytes=-0', 416, undef, "bytes */$size"],
	['bytes=3-1', 200, $text],
	['bytes=x', 200, $text],
	['bytes=', 200, $text],
	['bytes=1', 200, $text],
	['bytes=-', 200, $text],
	['bytes=--1', 200, $text],
	['bytes 0-3', 200, $text],
	['lines=0-3', 200, $text],
);
for my $case (@ranges) {
	my ($range, $status, $body, $where) = @$case;
	subtest "Range: $range" => sub {
		my $response = $tined->get('/f.txt',
			fields => { Range => $range });
		is($response->status, $status, "status $status");
		is($response->body, $body, 'its bytes') if defined $body;
		is($response->field('content-range'), $where,
			'Content-Range');
	};
}

subtest 'If-Range' => sub {
	for my $case ([$etag, 206], ['"x"', 200], ["W/$etag", 200],
		[http_date($mtime), 206], [http_date($mtime + 1), 200],
		['x', 200]) {
		my ($value, $status) = @$case;
		is($tined->get('/f.txt', fields =>
			{ Range => 'bytes=0-3', 'If-Range' => $value })
			->status, $status, "$value: $status");
	}
};

subtest 'the order of things' => sub {
	my @range = (Range => 'bytes=0-3');

	is($tined->get('/f.txt', fields => [@range,
		'If-None-Match' => $etag])->status, 304, '304 before 206');
	is($tined->get('/f.txt', fields => [@range, 'If-Match' => '"x"'])
		->status, 412, '412 before 206');
	my $head = $tined->get('/f.txt', method => 'HEAD', fields => [@range]);
	is($head->status, 200, 'a range is for GET only');
	is($head->field('content-length'), $size, 'HEAD has the whole length');
};

# Nix, OSTree and images give all their files the same time, which says nothing.
subtest 'a file that has no time' => sub {
	my $root = $tined->root;

	for my $time (0, 1) {
		$tined->add_files("same-$time" => 'one');
		utime $time, $time, "$root/same-$time";
		my $one = $tined->get("/same-$time");
		$tined->add_files('same.new' => 'two');
		utime $time, $time, "$root/same.new";
		rename "$root/same.new", "$root/same-$time" or die $!;
		my $two = $tined->get("/same-$time");
		is($two->body, 'two', "changed at $time");
		isnt($two->field('etag'), $one->field('etag'), 'another tag');
		is($tined->get("/same-$time", fields => { 'If-None-Match' =>
			$one->field('etag') })->status, 200, 'no 304');
		cmp_ok((stat "$root/same-$time")[9], '==', $time, 'and no time');
		# Not later than the response's date, which the kernel's coarse
		# clock tells; inodes may have a finer one, a few ms ahead.
		my $changed = (stat _)[10];
		ok((grep { $two->field('last-modified') eq http_date($_) }
			$changed - 1, $changed), 'when its inode was changed')
		    or diag($two->field('last-modified'));
	}
};

subtest 'ranges of an empty file' => sub {
	for my $range ('0-', '0-0', '5-9', '-5', '-0', '0-0,2-3') {
		my $response = $tined->get('/empty',
			fields => { Range => "bytes=$range" });
		is($response->status, 200, "bytes=$range: all of it");
		is($response->field('content-range'), undef, 'is no part');
		is($response->field('content-length'), 0, 'and nothing');
	}
};

$tined->ends_clean;

done_testing;
