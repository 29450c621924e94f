# A real folder, mirrored by wget, and a file of 3 GiB, by curl.

use v5.36;

use File::Copy ();
use File::Find ();
use File::Path ();
use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tined qw(need_tools slow slurp);

need_tools(qw(wget curl cmp));

my $BOUND = 40 << 20;
my $dir = File::Temp->newdir;

# Regular files below a folder: path to size.
sub files ($top) {
	my %size;
	File::Find::find({ no_chdir => 1, wanted => sub {
		return unless -f $_ && !-l $_;
		$size{ substr $_, 1 + length $top } = -s _;
	} }, $top);
	return \%size;
}

# As much of /usr/share/doc as the bound allows, by links to its files: the
# bytes and the names are real, and links that lead out of it are not in it.
sub make_subset ($from, $to) {
	my $all = files($from);
	my ($total, $count) = (0, 0);

	for my $path (sort keys %$all) {
		# wget cannot tell these from folders and queries of its own.
		next if $path =~ m{(?:\A|/)(?:index\.html|\.[^/]*)(?:\z|/)};
		next if $total + $all->{$path} > $BOUND;
		$total += $all->{$path};
		$count++;
		my ($folder) = "$to/$path" =~ m{\A(.*)/};
		File::Path::make_path($folder);
		link "$from/$path", "$to/$path"
		    or File::Copy::copy("$from/$path", "$to/$path")
		    or die "$to/$path: $!";
	}
	return ($count, $total);
}

subtest 'wget --mirror' => sub {
	my $www = "$dir/www";
	mkdir $www or die "$www: $!";
	my ($count, $total) = make_subset('/usr/share/doc', $www);
	if ($count < 100) {
		diag('NOT TESTED: /usr/share/doc is empty here');
		plan skip_all => 'no documents here';
	}
	note("$count files, $total bytes");
	my $tined = Tined->start(root => $www, args => ['--listing']);
	my $mirror = "$dir/mirror";
	my $out = qx(timeout ${\ (300 * slow())} wget --mirror -nv -nH -e robots=off \\
		--level=inf --reject-regex '[?]' --restrict-file-names=nocontrol \\
		--no-proxy -P $mirror ${\ $tined->url} 2>&1);
	# Status 8 is about links in the documents that lead nowhere.
	like($? >> 8, qr/\A[08]\z/, 'wget comes to its end')
	    or diag(substr $out, -2000);
	is_deeply([grep { !/ERROR 404: Not Found/ } $out =~ /^.*ERROR.*$/mg],
		[], 'all that it misses are links that lead nowhere');

	my ($from, $to) = (files($www), files($mirror));
	delete @$to{ grep { m{(?:\A|/)index\.html\z} } keys %$to };
	is_deeply([grep { !exists $to->{$_} } sort keys %$from], [],
		"all $count files have come");
	is_deeply([grep { !exists $from->{$_} } sort keys %$to], [],
		'and nothing else');
	my @differ = grep {
		exists $to->{$_} && slurp("$www/$_") ne slurp("$mirror/$_");
	} sort keys %$from;
	is_deeply(\@differ, [], "$total bytes are identical");
	$tined->ends_clean;
};

# Marks at the places where 32 bits end, the rest a hole.
subtest 'a file of 3 GiB' => sub {
	my $www = "$dir/large";
	my $size = 3 << 30;
	my %mark = (0 => 'first', (1 << 31) - 3 => 'across', $size - 5 =>
		'last!');
	mkdir $www or die "$www: $!";
	open my $file, '>:raw', "$www/large" or die "large: $!";
	truncate $file, $size or die "large: $!";
	for my $at (keys %mark) {
		seek $file, $at, 0;
		print {$file} $mark{$at};
	}
	close $file or die "large: $!";
	my $tined = Tined->start(root => $www);
	my $url = $tined->url('/large');

	my $head = $tined->get('/large', method => 'HEAD');
	is($head->field('content-length'), $size, 'its length');

	my $out = qx(timeout ${\ (120 * slow())} curl -sS $url | cmp - $www/large 2>&1);
	is($out, q{}, 'it comes whole');

	for my $case (
		[(1 << 31) - 3, (1 << 31) + 2, 'across'],
		[$size - 5, $size - 1, 'last!'],
		[0, 4, 'first'],
	) {
		my ($from, $to, $text) = @$case;
		my $response = $tined->get('/large',
			fields => { Range => "bytes=$from-$to" });
		is($response->status, 206, "bytes $from-$to");
		is($response->body, $text, 'are the right ones');
		is($response->field('content-range'),
			"bytes $from-$to/$size", 'Content-Range');
	}
	my $tail = $tined->get('/large', fields => { Range => 'bytes=-5' });
	is($tail->body, 'last!', 'its end');

	# The last 64 MiB and a bit, across no mark but the last.
	my $at = $size - (64 << 20);
	my $length = qx(timeout ${\ (60 * slow())} curl -s -C $at $url | wc -c) + 0;
	is($length, 64 << 20, 'a download that is taken up again');
	$tined->ends_clean;
};

done_testing;
