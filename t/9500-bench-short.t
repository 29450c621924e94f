#!/usr/bin/perl
# The measurements can be run, and print their tables.

use v5.36;

use Encode  qw(decode);
use FindBin;
use lib "$FindBin::Bin/lib";
use Bench qw(run_bench);
use Test::More;
use Time::HiRes qw(time);

my @TABLES = (
	[ keepalive => 'request', '4 KB file, 8 kept-alive connections' ],
	[ keepalive => 'request', '4 KB file, 64 kept-alive connections' ],
	[   connections => 'request',
		'4 KB file, 8 connections, each for one request'
	],
	[   pipeline => 'request',
		'200-byte file, 8 connections, 16 requests a batch'
	],
	[ large => 'MB', '1 MB file, 8 kept-alive connections' ],
	[ large => 'MB', '100 MB file, 2 kept-alive connections' ],
);

# A table's rows: name, then figures; anything behind the figures is a note
# that something went wrong.
sub row ($text, $name) {
	my $figures = '\s+[\d.]+\s+[\d.]+-[\d.]+' . '\s+[\d.]+' x 5;
	return $text =~ /^\Q$name\E$figures$/m;
}

binmode $_, ':encoding(UTF-8)'
	for Test::More->builder->output, Test::More->builder->failure_output;
my $began = time;
my ($text, $status)
	= run_bench('run', '--short', '--seconds', 0.1, '--servers', 'tined,bare');
$text = decode('UTF-8', $text);
is $status, 0, 'the short form succeeds' or diag $text;
# The long form takes a quarter of an hour.
cmp_ok time - $began, '<', 300, 'in a short time';

my (undef, @tables) = split /\n\n/, $text;
is @tables, @TABLES, 'there is a table for each measurement' or diag $text;
for my $i (0 .. $#TABLES) {
	my ($name, $unit, $title) = $TABLES[$i]->@*;
	my $table = $tables[$i] // '';
	like $table, qr{^\Q$name: $title\E\nserver +.s/$unit },
		"$name: its title, and its head";
	ok row($table, $_), "$name: a row for $_" or diag $table
		for qw(tined bare);
}

($text, $status) = run_bench('run', 'no-such-bench');
is $status, 64, 'an unknown bench is refused';
like $text, qr{no bench is named no-such-bench}, 'by its name';

done_testing;
