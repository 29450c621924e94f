# The table of requests, t/requests.table: each of them in one write, byte by
# byte, and in one write with a lawful request behind it.  A TCP client cannot
# see whether its bytes were read one by one, a client of a Unix socket can.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use File::Temp       ();
use IO::Socket::UNIX ();
use List::Util qw(uniq);
use Requests   qw(outcome prepare_folder read_table row_problems try_rows);
use Socket     qw(SOMAXCONN);
use Test::More;
use Tined;

my @rows = read_table("$FindBin::Bin/requests.table");
my $dir  = File::Temp->newdir('tined-XXXXXX', TMPDIR => 1);
my $unix = IO::Socket::UNIX->new(Local => "$dir/socket", Listen => SOMAXCONN)
    // die "$dir/socket: $!\n";
my $tined = Tined->start(args => ['-w', 64, '-q', '--max-body', '100k',
	'-m', '/reflect=echo:body', '-m', '/stars=echo:100',
	'-m', '/lawful=echo:7'], files => {},
	sockets => [$unix]);
prepare_folder($tined->root);

my @WAYS = (
	['in one write',             $tined->port,  'whole'],
	['byte by byte',             $tined->port,  'bytes'],
	['one byte a read',          "$dir/socket", 'bytes'],
	['with a request behind it', $tined->port,  'two'],
);
my @results = map { [try_rows($_->@[1, 2], @rows)] } @WAYS;

for my $section (uniq map { $_->{section} } @rows) {
	subtest $section => sub {
		for my $i (grep { $rows[$_]{section} eq $section } keys @rows) {
			test_row($rows[$i], map { $_->[$i] } @results);
		}
	};
}

sub test_row ($row, @results) {
	my %ways;

	for my $i (keys @results) {
		push $ways{$_}->@*, $WAYS[$i][0]
		    for row_problems($row, $results[$i]);
	}
	my @bad = map {
		my @in = $ways{$_}->@*;
		@in == @WAYS ? $_ : join(q{, }, @in) . ": $_"
	} sort keys %ways;
	my @outcomes = uniq map { outcome($_) } @results;
	push @bad, "not the same in all ways: @{[join ', ', @outcomes]}"
	    if @outcomes > 1 && $row->{after} !~ /,/;
	ok(!@bad, $row->{name})
	    or diag "line $row->{line}: ", join "\n", @bad;
	return;
}

$tined->ends_clean;
done_testing;
