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
use Tined      qw(slow);

my @rows = read_table("$FindBin::Bin/requests.table");
my $dir  = File::Temp->newdir('tined-XXXXXX', TMPDIR => 1);
my $unix = IO::Socket::UNIX->new(Local => "$dir/socket", Listen => SOMAXCONN)
    // die "$dir/socket: $!\n";

sub start (%option) {
	my $tined = Tined->start(%option, args => ['-w', 64, '-q',
		'--max-body', '100k', '--head-timeout', '1h', '--body-timeout', '1h',
		'-m', '/reflect=echo:body',
		'-m', '/stars=echo:100', '-m', '/lawful=echo:7',
		@{ $option{args} // [] }], files => {});
	prepare_folder($tined->root);
	return $tined;
}

# How long a worker waits for content that it only drops is no matter of bytes;
# one of these waits longer than it takes to send them one by one.
my $tined = start();
my $patient = start(listen => 'none', sockets => [$unix],
	args => ['--linger', 10 * slow() . 's']);

my @WAYS = (
	['in one write',             $tined->port,  'whole'],
	['byte by byte',             $tined->port,  'bytes', 'hasty'],
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

# Who is in a hurry may have closed.
sub row_of_way ($row, $way, $result) {
	return $row unless $row->{soon} && $way->[3]
	    && $result->{after} eq 'closed';
	return { %$row, after => 'closed', answers => [$row->{answers}[0]] };
}

sub test_row ($row, @results) {
	my %ways;

	for my $i (keys @results) {
		push $ways{$_}->@*, $WAYS[$i][0]
		    for row_problems(row_of_way($row, $WAYS[$i],
			$results[$i]), $results[$i]);
	}
	my @bad = map {
		my @in = $ways{$_}->@*;
		@in == @WAYS ? $_ : join(q{, }, @in) . ": $_"
	} sort keys %ways;
	my @outcomes = uniq map { outcome($_) } @results;
	push @bad, "not the same in all ways: @{[join ', ', @outcomes]}"
	    if @outcomes > 1 && $row->{after} !~ /,/ && !$row->{soon};
	ok(!@bad, $row->{name})
	    or diag "line $row->{line}: ", join "\n", @bad;
	return;
}

$_->ends_clean for $tined, $patient;
done_testing;
