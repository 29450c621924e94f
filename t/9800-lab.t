# The laboratory (t/lab): the wire does what it says, and each experiment shows its
# effect.  Quick, but with the bounds of the whole.

use v5.36;

use FindBin;
use File::Temp ();
use JSON::PP   ();
use lib "$FindBin::Bin/lib";
use Test::More;
use Bench qw(find);
use Tined qw(slurp);

use constant {
	UNAVAILABLE => 69,    # EX_UNAVAILABLE
	# Others want the machine: an experiment keeps time.
	TRIES => 3,
};

$ENV{BUILD} //= "$FindBin::Bin/../build";
$ENV{TINED} //= "$ENV{BUILD}/tined";

my $dir = File::Temp->newdir;

# What the laboratory prints, and its status.
sub lab (@args) {
	open my $out, '-|', "$FindBin::Bin/lab/run", '--quick', '--output',
		$dir->dirname, @args
		or die "t/lab/run: $!\n";
	my $text = join '', <$out>;
	close $out;
	return ($text, $? >> 8);
}

sub works ($name) {
	my ($text, $status);
	for (1 .. TRIES) {
		($text, $status) = lab($name);
		last if $status == 0 || $status == UNAVAILABLE;
	}
	return ($text, $status);
}

# Each has hosts of its own, and waits for most of its time: they run side by side.
sub run_all (@lanes) {
	my @running = map {
		my @names = @$_;
		my $pid = open(my $out, '-|') // die "fork: $!\n";
		if ($pid == 0) {
			for my $name (@names) {
				my ($text, $status) = works($name);
				print "$name $status\n", $text =~ s/^/\t/gmr;
			}
			exit 0;
		}
		[ $out, @names ]
	} @lanes;
	for my $lane (@running) {
		my ($out, @names) = @$lane;
		my %said;
		my $name;
		while (<$out>) {
			$name = $1, $said{$name}{status} = $2 if /^(\S+) (\d+)$/;
			$said{$name}{text} .= $_ if /^\t/;
		}
		close $out;
		is($said{$_}{status}, 0, $_)
			or diag($said{$_}{text} // 'it has said nothing')
			for @names;
	}
	return;
}

# The files that a page names.
sub files ($page) { return $page =~ /(?:src|href)="([^"#:]+)"/g }

my ($text, $status) = lab('wire');
if ($status == UNAVAILABLE) {
	diag("NOT TESTED: $text");
	plan skip_all => $text;
}
run_all([qw(wire stall comet)], [qw(delayed-ack slow-start silly-window)],
	[qw(handshake time-wait loss)], [qw(detector million)]);
lab('--page');

my $page = slurp("$dir/index.html");
my $result = JSON::PP->new->utf8->decode(slurp("$dir/stall.json"));
like($page, qr{<h2>\Q$result->{title}\E</h2>}, 'the page tells of the stall');
is(scalar(() = $page =~ /<section/g), 11, 'and of all experiments');
unlike($page, qr{<script|(?:src|href)="https?:}i, 'it needs nothing else');
unlike($page, qr{<svg|url\(}i, 'no plot is in it a second time');
my @files = files($page);
is("@{[ grep { !-s qq($dir/$_) } @files ]}", '', 'what it names is there');
my $doc = "$FindBin::Bin/../doc/lab";
is("@{[ grep { !-s qq($doc/$_) } files(slurp(qq($doc/index.html))) ]}", '',
	'in the page that comes with the source, too');
SKIP: {
	skip 'there is no gnuplot' if !find('gnuplot');
	my @plots = grep { exists $_->{plot} } $result->{parts}->@*;
	for my $plot (map { $_->{plot} } @plots) {
		is(scalar(grep { $_ eq $plot } @files), 2,
			"$plot is shown, and can be downloaded");
		is(slurp("$dir/$plot") =~ /\bprefers-color-scheme\b/, 1,
			'in light and dark');
		my $png = $plot =~ s/svg$/png/r;
		next if !-e "$dir/$png";
		is(scalar(grep { $_ eq $png } @files), 1, 'as PNG, too');
		is(substr(slurp("$dir/$png"), 0, 8), "\x89PNG\r\n\x1a\n",
			'which is one');
	}
}
like(slurp("$dir/stall.txt"), qr/^seen /m, 'there is a text, too');

done_testing;
