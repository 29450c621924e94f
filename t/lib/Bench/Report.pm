# What t/bench/run has measured: as text while it goes on, and at the end a
# summary, JSON and a plot.

package Bench::Report;

use v5.36;
use utf8;

use Bench      qw(find median);
use JSON::PP   ();
use List::Util qw(any first max min uniq);
use Tined      qw(spew);

# Rounds, of which at least one is on either side of the true ratio.
use constant ENOUGH => 6;

# What others are compared with, if no other tined is.
my @REFERENCE = qw(nginx-cache bare uwsgi tined-echo apache-cgi lighttpd-cgi
	nginx-pass);

# figure, its heading, its format
my @COLUMN = (
	[ rate => 'requests/s', '%11.0f' ],
	[ p50  => 'p50 ms',     '%8.2f' ],
	[ p99  => 'p99 ms',     '%8.2f' ],
	[ p999 => 'p99.9 ms',   '%9.2f' ],
);
my @NEW = (
	[ new50  => 'new p50',  '%9.2f' ],
	[ new99  => 'new p99',  '%9.2f' ],
	[ newmax => 'new max',  '%9.2f' ],
);
my @EACH = ([ each_mb => 'a worker', '%8.1f' ]);
my @LAST = ([ mb => 'PSS MB', '%8.1f' ], [ core => 'core %', '%7.0f' ]);
my %MEANS = (
	cpu   => 'CPU per request',
	p50   => 'p50',
	p99   => 'p99',
	max   => 'the slowest answer',
	new50 => 'a new client\'s p50',
);

# output: what the files' names begin with, if there are to be any; other:
# labels of other tineds; limit: what tined may cost, times their cost; noise
# and bound: percent of a core.
sub new ($class, %option) {
	return bless { %option, text => '', rows => [], servers => {},
		about => {}, failed => 0, slower => 0 }, $class;
}

sub about ($self, $circumstances) {
	$self->{about} = $circumstances;
	return;
}

sub say ($self, $line = '') {
	say $line;
	$self->{text} .= "$line\n";
	return;
}

sub heading ($self, $words) {
	$self->say("\n== $words");
	return;
}

sub server ($self, $name, $words) {
	$self->{servers}{$name} = $words;
	$self->say(sprintf '  %-15s %s', $name, $words);
	return;
}

sub failed ($self, $name, $why) {
	$self->{failed}++;
	chomp $why;
	$self->say("$name: FAILED: $why");
	return;
}

# --- figures ---

# The ratios of a figure, round by round.
sub ratios ($of, $name, $reference, $figure = 'cpu') {
	my ($mine, $its) = map { $of->{$_} // [] } $name, $reference;

	return map { $mine->[$_]{$figure} / $its->[$_]{$figure} }
		grep { $its->[$_]{$figure} && defined $mine->[$_]{$figure} }
		0 .. min($#$mine, $#$its);
}

# The bounds that a median of ratios has in 19 of 20 cases: the ranks between
# which it lies, by the binomial distribution.
sub bounds (@n) {
	my ($below, $tail, $term) = (0, 0, 0.5 ** @n);

	@n = sort { $a <=> $b } @n;
	while ($below < @n / 2 && ($tail += $term) < 0.025) {
		$term *= (@n - $below) / ($below + 1);
		$below++;
	}
	$below-- if $below > 0;
	return @n[ $below, $#n - $below ];
}

# Of all rounds of a server: the medians, and what failed.
sub summarize (@rounds) {
	my $why = first {defined} map { $_->{failed} } @rounds;
	return { failed => $why, allowed => $rounds[0]{allowed} }
		if defined $why;
	my %is = map {
		my $figure = $_;
		$figure => median(grep {defined} map { $_->{$figure} } @rounds);
	} grep { defined $rounds[0]{$_} } keys $rounds[0]->%*;
	my @cpu = map { $_->{cpu} } @rounds;
	$is{mb} = $is{bytes} / (1 << 20) if defined $is{bytes};
	$is{each_mb} = $is{each} / (1 << 20) if defined $is{each};
	return { %is, low => min(@cpu), high => max(@cpu), rounds => \@cpu };
}

# --- a row ---

sub references ($self) { return ($self->{other}->@*, @REFERENCE) }

sub row ($self, $row, $of, @names) {
	my %is = map { ($_ => summarize($of->{$_}->@*)) } @names;
	for my $name (grep { $is{$_}{failed} } @names) {
		delete $of->{$name};
	}
	for my $name (keys %$of) {
		my %ratio = map { ($_ => median(ratios($of, $name, $_))) }
			grep { $_ ne $name && ratios($of, $name, $_) }
			$self->references;
		$is{$name}{ratio} = \%ratio;
	}
	$self->say("\n$row->{id}: $row->{title}");
	$self->print_servers($row, \%is, @names);
	$self->print_notes(\%is, @names);
	$self->print_price($of, $_->@*) for $row->{price}->@*;
	my @judged = map { $self->judge($of, $_->@*) } $row->{wanted}->@*;
	my @other  = map { $self->print_other($of, $_) } $self->{other}->@*;
	push $self->{rows}->@*, { row => $row, is => \%is, names => \@names,
		wanted => \@judged, other => \@other };
	return;
}

sub columns ($row) {
	return (@COLUMN, $row->{new} ? @NEW : (), @LAST,
		$row->{each} ? @EACH : ());
}

sub print_servers ($self, $row, $is, @names) {
	my @columns = columns($row);
	my @shown = grep {
		my $reference = $_;
		any { $_ eq $reference } @names;
	} $self->references;

	$self->say(sprintf '%-18s %10s %15s' . ' %13s' x @shown . '%s', 'server',
		'µs/request', 'lowest-highest', (map {"× $_"} @shown),
		join '', map { sprintf ' %' . width($_->[2]) . 's', $_->[1] }
			@columns);
	for my $name (@names) {
		my $has = $is->{$name};
		if (defined $has->{failed}) {
			$self->{failed}++ if !$has->{allowed};
			$self->say(sprintf '%-18s     FAILED: %s', $name,
				$has->{failed});
			next;
		}
		$self->say(sprintf '%-18s %10.2f %15s' . ' %13s' x @shown
			. '%s', $name, $has->{cpu},
			sprintf('%.2f-%.2f', $has->@{qw(low high)}),
			(map { number('%.2f', $has->{ratio}{$_}) } @shown),
			join '', map { ' ' . number($_->[2], $has->{ $_->[0] }) }
				@columns);
	}
	return;
}

sub width ($format) { return $format =~ /%(\d+)/ ? $1 : 0 }

sub number ($format, $n) {
	return sprintf $format, $n if defined $n;
	return sprintf '%' . width($format) . 's', '-';
}

# What makes figures doubtful.
sub print_notes ($self, $is, @names) {
	my @good = grep { !defined $is->{$_}{failed} } @names;
	for my $name (@good) {
		my $has = $is->{$name};
		$self->say("  $name: the load was the bound: it had "
			. sprintf '%.0f %% of its core, and the server %.0f %%',
			$has->@{qw(loads_core core)})
			if $has->{loads_core} > $self->{bound}
			&& $has->{core} < $self->{bound}
			&& !$has->{late};
		$self->say(sprintf '  %s: %g requests of a round were late',
			$name, $has->{late}) if $has->{late};
		$self->say(sprintf '  %s: %g connections of a round were '
			. 'closed by it', $name, $has->{reopened})
			if $has->{reopened};
	}
	my $noise = max(0, map { $is->{$_}{others} } @good);
	$self->say(sprintf '  NOISE: others had up to %.0f %% of the cores',
		$noise) if $noise > $self->{noise};
	return;
}

# What the second costs more than the first.
sub print_price ($self, $of, $less, $more, $what) {
	my ($x, $y) = map { $of->{$_} // return } $less, $more;
	my @price = map { $y->[$_]{cpu} - $x->[$_]{cpu} } 0 .. min($#$x, $#$y);

	$self->say(sprintf '  %-15s %s costs %.2f µs (%.2f to %.2f)', $more,
		$what, median(@price), min(@price), max(@price));
	return;
}

# Whether tined, or a server of that name, is as it is wanted.
sub judge ($self, $of, $figure, $most, $reference = undef, $name = 'tined') {
	my @is = $reference ? ratios($of, $name, $reference, $figure)
		: map { $_->{$figure} } @{ $of->{$name} // [] };
	return if !@is;
	my $is   = median(@is);
	my $unit = $reference ? "× $reference" : 'ms';
	my $met  = $is <= $most ? 'met' : 'MISSED';

	$self->say(sprintf '  %s: %s: %.2f %s, at most %.2f is wanted: %s',
		$name, $MEANS{$figure}, $is, $unit, $most, $met);
	return { figure => $figure, is => $is, most => $most,
		reference => $reference, met => $met eq 'met'
		? JSON::PP::true : JSON::PP::false };
}

# Whether tined is slower than another tined: surely, or perhaps.
sub print_other ($self, $of, $label) {
	my @ratio = ratios($of, 'tined', $label) or return;
	my ($is, $low, $high) = (median(@ratio), bounds(@ratio));
	my $verdict = @ratio < ENOUGH ? 'unsure: too few rounds'
		: $low > $self->{limit} ? 'SLOWER'
		: $high > $self->{limit} ? 'unsure' : 'not slower';

	$self->{slower}++ if $verdict eq 'SLOWER';
	$self->say(sprintf '  tined: %.3f × %s, surely %.3f to %.3f, at most '
		. '%.2f is wanted: %s', $is, $label, $low, $high,
		$self->{limit}, $verdict);
	return { label => $label, ratio => $is, low => $low, high => $high,
		verdict => $verdict };
}

# --- the end ---

# The exit status: 1 if an answer was wrong, or this tined is slower.
sub finish ($self) {
	$self->print_summary;
	$self->write_files if defined $self->{output};
	return $self->{failed} || $self->{slower} ? 1 : 0;
}

sub print_summary ($self) {
	my @names = uniq grep { !/\+log$/ } map { $_->{names}->@* }
		$self->{rows}->@*;
	$self->heading('µs of CPU per request');
	$self->say(join ' | ', '| row', @names, 'wanted |');
	$self->say('|---' x (2 + @names) . '|');
	for my $r ($self->{rows}->@*) {
		my @cells = map { cell($r->{is}{$_}) } @names;
		my @wanted = map { sprintf '%s %.2f%s of %.2f%s', $_->{figure},
				$_->{is}, $_->{reference} ? ' ×' : ' ms',
				$_->{most}, $_->{met} ? '' : ' MISSED' }
			$r->{wanted}->@*;
		push @wanted, map { sprintf '%.3f × %s: %s',
			$_->@{qw(ratio label verdict)} } $r->{other}->@*;
		$self->say(join ' | ', "| $r->{row}{id}: $r->{row}{title}",
			@cells, join('; ', @wanted) . ' |');
	}
	return;
}

sub cell ($is) {
	return '-' if !$is;
	return 'FAILED' if defined $is->{failed};
	my $ratio = $is->{ratio}{ $REFERENCE[0] };
	return sprintf('%.1f', $is->{cpu})
		. (defined $ratio ? sprintf(' (%.2f ×)', $ratio) : '');
}

sub write_files ($self) {
	my $output = $self->{output};
	my $json = JSON::PP->new->canonical->pretty->utf8;
	my @rows = map { {
			id => $_->{row}{id}, title => $_->{row}{title},
			servers => $_->{is}, wanted => $_->{wanted},
			other => $_->{other},
	} } $self->{rows}->@*;
	my @files = ("$output.txt", "$output.json", $self->plot);

	$self->say("\nwritten: @files");
	spew("$output.json", $json->encode({ about => $self->{about},
		servers => $self->{servers}, rows => \@rows }));
	my $text = $self->{text};
	utf8::encode($text);
	spew("$output.txt", $text);
	return;
}

# Bars of each server in each row, as multiples of the first reference.
sub plot_script ($self, @names) {
	my @data = (join ' ', 'row', map {"\"$_\""} @names);
	for my $r ($self->{rows}->@*) {
		push @data, join ' ', $r->{row}{id}, map {
			my $is = $r->{is}{$_} // {};
			$is->{ratio}{ $REFERENCE[0] }
				// ($_ eq $REFERENCE[0] && $is->{cpu} ? 1 : 'NaN')
		} @names;
	}
	my $data = join "\n", @data;
	return <<~"END";
		set terminal svg size 1200,480 background 'white' font 'sans,12'
		set output '$self->{output}.svg'
		set title 'CPU per request, times that of $REFERENCE[0]'
		set style data histogram
		set style histogram clustered gap 1.5
		set style fill solid 0.8 noborder
		set grid ytics
		set yrange [0:*]
		set key outside right top
		\$data << EOD
		$data
		EOD
		plot for [i = 2:${\(1 + @names)}] \$data using i:xtic(1) \\
			title columnheader(i)
		END
}

# Names what it has written.
sub plot ($self) {
	my @names = uniq grep { !/\+log$/ } map { $_->{names}->@* }
		$self->{rows}->@*;
	return if !any { $_ eq $REFERENCE[0] } @names;
	my $script = "$self->{output}.gnuplot";

	spew($script, $self->plot_script(@names));
	if (!find('gnuplot')) {
		$self->say("\ngnuplot is not here: there is no plot");
		return $script;
	}
	return ($script, system('gnuplot', $script) == 0
		? "$self->{output}.svg" : ());
}

1;
