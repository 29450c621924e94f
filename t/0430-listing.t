# The listing of a folder: only when asked for, escaped, sorted, complete.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tined;

my @names = ('a.txt', 'B.txt', 'c d.txt', '<b>bold</b>.txt'
	=~ s{/}{-}gr, q{quote'"s.txt}, '&amp;.txt', '%41.txt', '#hash.txt',
	'what?.txt', 'semi;colon', "\xc3\xa4.txt", "bad\xff.txt",
	'javascript:alert(1)', "new\nline.txt", 'z' x 200);
my %files = (
	'index/index.html' => 'index',
	'.hidden' => 'hidden',
	'.well-known/x' => 'x',
	'sub/x.txt' => 'x',
	'sub/y/z.txt' => 'z',
	map { ("list/$_" => "content of $_") } @names,
);
$files{'list/folder/x'} = 'x';
$files{'list/.hidden'} = 'hidden';
my $tined = Tined->start(files => \%files, args => ['--listing', '-w', 2]);

sub hrefs ($html) {
	return map { s/&quot;/"/gr =~ s/&#39;/'/gr =~ s/&lt;/</gr
	    =~ s/&gt;/>/gr =~ s/&amp;/&/gr } $html =~ /<a\s[^>]*href="([^"]*)"/g;
}

my $response = $tined->get('/list/');
my $html = $response->body;

is($response->status, 200, 'a listing');
like($response->field('content-type'), qr{\Atext/html; ?charset=utf-8\z}i,
	'is HTML in UTF-8');
is($response->field('x-content-type-options'), 'nosniff', 'nosniff');
like($html, qr/\A<!doctype html>/i, 'from its first byte');
like($html, qr{<title>[^<]*/list/[^<]*</title>}, 'with a title');
unlike($html, qr/<b>bold/, 'names are escaped');
like($html, qr/>new\xe2\x90\x8aline\.txt</, 'and their control bytes seen');
unlike($html =~ s/\n//gr, qr/[\x00-\x1f\x7f]/, 'none is in the page');
unlike($html, qr/hidden/, 'hidden names are not in it');

my @links = hrefs($html);
subtest 'every link leads to its file' => sub {
	my %found;
	for my $link (@links) {
		next if $link =~ m{\A(?:\.\./?|/)\z};
		like($link, qr{\A(?:\./)?[A-Za-z0-9._~!\$&'()*+,=@%;:-]+/?\z},
			"$link is a relative reference");
		unlike($link, qr/\A[A-Za-z][A-Za-z0-9+.-]*:/,
			'it is no URL of its own');
		my $path = '/list/' . $link =~ s{\A\./}{}r;
		if ($path =~ m{/\z}) {
			$found{'folder/'} = 1;
			next;
		}
		my $body = $tined->get($path)->body;
		$found{$1} = 1 if $body =~ /\Acontent of (.*)\z/s;
	}
	is_deeply([sort keys %found], [sort 'folder/', @names],
		'and all are there');
};

subtest 'sorted' => sub {
	my @sorted = Tined->start(args => ['--listing'],
		files => { map { ("$_.txt" => 'x') } 10 .. 60 })
	    ->get('/')->body =~ /href="(?:\.\/)?(\d\d)\.txt"/g;
	is_deeply(\@sorted, [10 .. 60], 'by name');
};

is($tined->get('/index/')->body, 'index', 'index.html comes first');
ok(scalar(grep { m{\A\.\./?\z} } hrefs($tined->get('/sub/y/')->body)),
	'there is a way up');
ok(!grep({ m{\A\.\.} } hrefs($tined->get('/')->body)),
	'but not above the root');

my $head = $tined->get('/list/', method => 'HEAD');
is($head->status, 200, 'HEAD of a listing');
is($head->field('content-length'), $response->field('content-length'),
	'its length');
is($tined->get('/list')->field('location'), '/list/', 'the slash');

mkdir $tined->root . '/many' or die $!;
$tined->add_files(map { ("many/file-$_" => q{}) } 1 .. 3000);
my @many = $tined->get('/many/')->body =~ /href="[^"]*file-\d+"/g;
is(scalar @many, 3000, 'three thousand files');
$tined->ends_clean;

my $plain = Tined->start(files => \%files);
like($plain->get('/list/')->status, qr/\A40[34]\z/, 'not without --listing');
unlike($plain->get('/list/')->body, qr/a\.txt/, 'no name is told');
$plain->ends_clean;

my $dots = Tined->start(files => \%files, args => ['--listing', '--dotfiles']);
like($dots->get('/list/')->body, qr/\.hidden/, '--dotfiles lists them');
$dots->ends_clean;

done_testing;
