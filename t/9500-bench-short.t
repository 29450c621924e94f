# The measurements can be run, and what they say is sane: nothing here depends
# on how fast the machine is.

use v5.36;
use utf8;

use Encode     qw(decode);
use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Bench qw(find run_bench);
use Bench::Report ();
use JSON::PP      ();
use List::Util    qw(any);
use Test::More;
use Tined qw(slurp spew);

# Of each kind one row; 500 clients are enough.
use constant ROWS => (qw(B C D2 F H I J1 L N16 R8),
	-e ($ENV{BUILD} // "$FindBin::Bin/../build") . '/modules/wsgi.so'
	? qw(W1 Y8) : (),
	qw(M8 Q8),
	find('nginx') ? 'S8' : (),
	glob('/usr/sbin/php-fpm*') ? 'T8' : ());

binmode $_, ':encoding(UTF-8)'
	for Test::More->builder->output, Test::More->builder->failure_output;

my $dir   = File::Temp->newdir;
my @short = ('--rounds', 1, '--seconds', 0.1);

sub bench (@args) {
	my ($text, $status) = run_bench('run', @short, @args);
	return (decode('UTF-8', $text), $status);
}

subtest 'a row of each kind' => sub {
	my $nginx = find('nginx') ? ',nginx-cache' : '';
	my ($text, $status) = bench('--servers', "tined,tined-nolot,bare$nginx",
		'--output', "$dir/out", ROWS);

	is($status, 0, 'every answer was right') or diag $text;
	my $got = JSON::PP::decode_json(slurp("$dir/out.json"));
	is_deeply([ map { $_->{id} } $got->{rows}->@* ], [ROWS],
		'each row is in the JSON');
	is($got->{about}{rounds}, 1, 'and how it was measured');
	for my $row ($got->{rows}->@*) {
		my $is = $row->{servers}{tined};
		my @bad = grep { ($is->{$_} // 0) <= 0 }
			qw(requests rate cpu p50 p99 p999 max bytes);
		is("@bad", '', "$row->{id}: tined has figures");
		cmp_ok($is->{p50}, '<=', $is->{p99}, "$row->{id}: p50, p99");
		cmp_ok($is->{p999}, '<=', $is->{max}, "$row->{id}: p99.9, max");
		like($text, qr/^\Q$row->{id}: $row->{title}\E$/m,
			"$row->{id}: its title is in the text");
	}
	my %row = map { ($_->{id} => $_) } $got->{rows}->@*;
	cmp_ok($row{N16}{servers}{tined}{new50} // 0, '>', 0,
		'N16: times of new clients');
	ok($row{B}{servers}{bare}{cpu}, 'B: the bare loop has a figure');
	ok($row{S8}{servers}{bare}{cpu}, 'S8: also before another server')
		if $row{S8};
	cmp_ok($row{Y8}{servers}{tined}{each_mb}, '>', 0,
		'Y8: the memory of a worker') if $row{Y8};
	# The round lasts 0.2 s; what is asked before it is not counted.
	is($row{F}{servers}{tined}{requests}, 1000, 'F: each client asks twice');
	ok(!$row{F}{servers}{bare}, 'F: it has no process for each client');
	like($text, qr/^  tined\+log +a line of its access log costs -?[\d.]+ /m,
		'L: the price of a line');
	like($text, qr/^  tined +a hand-over costs -?[\d.]+ /m,
		'R8: the price of a hand-over');
	like($text, qr/^\| B: .* \|$/m, 'there is a summary');
	is(decode('UTF-8', slurp("$dir/out.txt")), $text, 'the text is written');
	like(slurp("$dir/out.svg"), qr/<svg/, 'and a plot')
		if $nginx && find('gnuplot');
};

# A server that is wrong is not fast.
subtest 'wrong answers' => sub {
	my %wrong = (
		'content of another length: 100' => 100,
		'a response other than 200: HTTP/1.1 404 Not Found' => undef,
	);
	for my $why (sort keys %wrong) {
		my $files = File::Temp->newdir;
		chmod 0755, $files;
		spew("$files/4096.txt", '*' x $wrong{$why})
			if defined $wrong{$why};
		# The last argument, the folder, is another one.
		my $program = spew("$files/tined", <<~"END");
			#!/bin/sh
			for last; do :; done
			for arg; do
				shift
				[ "\$arg" = "\$last" ] || set -- "\$@" "\$arg"
			done
			[ "\$last" = --version ] || last=$files
			exec @{[Tined->binary]} "\$@" "\$last"
			END
		chmod 0755, $program;
		my ($text, $status) = bench('--servers', 'tined', '--old',
			$program, 'B');
		is($status, 1, 'an error is in the exit status') or diag $text;
		like($text, qr/^old +FAILED: \Q$why\E/m, $why);
		like($text, qr/^tined +[\d.]+ /m, 'the other one has figures');
		unlike($text, qr/of old/, 'which are not compared');
	}
};

# What the report makes of figures, without a machine.
sub report ($other, @rounds) {
	my $report = Bench::Report->new(other => ['old'], limit => 1.02,
		noise => 5, bound => 95);
	my %usual = (rate => 1, p50 => 1, p99 => 1, p999 => 1, max => 1,
		core => 50, loads_core => 50, others => 0, late => 0,
		reopened => 0);
	open my $null, '>', '/dev/null' or die;
	my $stdout = select $null;
	$report->row(
		{   id => 'X', title => 'x', price => [],
			wanted => [ [ cpu => 1.05, 'tined', 'old' ] ],
		},
		{   tined => [ map { { %usual, cpu => $_ } } @rounds ],
			old => [ map { { %usual, cpu => 10, %$other } } @rounds ],
		}, 'tined', 'old');
	my $status = $report->finish;
	select $stdout;
	return ($status, $report->{text});
}

subtest 'verdicts' => sub {
	my ($status, $text) = report({}, 10.5, 10.4, 10.6, 10.5, 10.3, 10.9,
		10.4);
	is($status, 1, 'who is slower in every round');
	like($text, qr/1\.050 × old, surely 1\.0[34].*: SLOWER$/m, 'is slower');

	($status, $text) = report({}, 10.5, 9.9, 10.6, 10.5, 10.0, 10.1, 10.4);
	is($status, 0, 'who is slower in some rounds');
	like($text, qr/: unsure$/m, 'may be slower');

	($status, $text) = report({}, 10.1, 9.9, 10, 10, 10.1, 9.9, 10.1);
	is($status, 0, 'who differs by less');
	like($text, qr/: not slower$/m, 'is not slower');

	($status, $text) = report({}, 12, 12);
	is($status, 0, 'who is slower in few rounds');
	like($text, qr/: unsure: too few rounds$/m, 'may be slower');
	like($text, qr/^  old: CPU per request: 0\.83 × tined, .*: met$/m,
		'another may be what is judged');

	($status, $text) = report({ failed => 'it was wrong' }, 10, 10);
	is($status, 1, 'who fails');
	like($text, qr/^old +FAILED: it was wrong$/m, 'is told');
	unlike($text, qr/slower|unsure/i, 'and not compared');

	($status, $text) = report({ failed => 'it waits', allowed => 1 }, 10);
	is($status, 0, 'who may fail');
	like($text, qr/^old +FAILED: it waits$/m, 'is told, and no more');

	my @n = Bench::Report::bounds(reverse 1 .. 15);
	is_deeply(\@n, [ 4, 12 ], 'of 15 the 4th and the 12th');
	@n = Bench::Report::bounds(3, 1, 2);
	is_deeply(\@n, [ 1, 3 ], 'of few all');
};

subtest 'mistakes' => sub {
	my %mistake = (
		'no row or group is named no-such' => ['no-such'],
		'no server is named no-such'  => [ '--servers', 'no-such' ],
		'at least one round'          => [ '--rounds', 0 ],
	);
	for my $says (sort keys %mistake) {
		my ($text, $status) = run_bench('run', $mistake{$says}->@*);
		is($status, 64, "refused: $mistake{$says}->@*");
		like($text, qr/\Q$says\E/, $says);
	}
};

done_testing;
