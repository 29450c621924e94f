# Other servers answer the table of requests as t/requests.peers has it.  In
# short: a part of the table; t/bench/peers-differ tries it all.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Bench      qw(run_bench);
use List::Util qw(any);
use Peer       qw(program);
use Requests   qw(read_table);
use Test::More;
use Tined;

my %PROGRAM = (nginx => 'nginx', apache => 'apache2', lighttpd => 'lighttpd');

my %here = map { ($_ => program($_)) } keys %PROGRAM;
Tined::need_tools(values %PROGRAM) if !any { $_ } values %here;

subtest 'a part of the table' => sub {
	my ($text, $status) = run_bench('peers-differ', '--short');

	is($status, 0, 'every difference is explained') or diag $text;
	for my $name (sort keys %here) {
		my $wanted = $here{$name}
		    ? qr/^$name [\d.]+ answers \d+ of \d+ otherwise$/m
		    : qr/^$name is not here/m;
		like($text, $wanted, $here{$name} ? "$name is compared"
			: "$name is left out");
	}
	diag $text if $text =~ /not explained/;
};

subtest 'the file of differences' => sub {
	my %known = map { ($_->{name} => 1) }
	    read_table("$FindBin::Bin/requests.table");
	my (%seen, @strange, @mute, $why);

	my $text = Tined::slurp("$FindBin::Bin/requests.peers");

	for my $line (split /\n/, $text) {
		if ($line =~ /\A\#\# (.*)/) {
			$why = $1;
			push @mute, $why;
		} elsif ($line =~ /\A\# .{20}/ && @mute) {
			pop @mute if $mute[-1] eq $why;
		} elsif ($line =~ /\A(.*?) \| tined /) {
			push @strange, $1 if !$known{$1} || $seen{$1}++;
		}
	}
	ok(scalar keys %seen > 100, 'has differences');
	is_deeply(\@strange, [], 'names rows of the table, once each');
	is_deeply(\@mute, [], 'has a reason for each group');
};

done_testing;
