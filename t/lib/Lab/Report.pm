# The results of an experiment: as text, as JSON (which Lab::Page reads), and
# plots, by gnuplot.

package Lab::Report;

use v5.36;
use utf8;

use File::Basename qw(basename);
use JSON::PP       ();
use List::Util     qw(max);
use POSIX          qw(strftime);

use Bench qw(find machine);
use Tined qw(spew);

# Lines for gnuplot, by the kind of file.
use constant TERMINAL => {
	svg => <<~'END',
		set terminal svg size 760,360 dynamic noenhanced font 'sans-serif,13' linewidth 1.6
		END
	# Twice as large.  Some gnuplots have one of these terminals, some have none.
	png => <<~'END',
		look = "size 1520,720 noenhanced font 'sans-serif,26' linewidth 3.2"
		if (strstrt(GPVAL_TERMINALS, 'pngcairo ')) {
			set terminal pngcairo @look pointscale 2
		} else { if (strstrt(GPVAL_TERMINALS, 'png ')) {
			set terminal png truecolor @look
		} else {
			exit
		} }
		END
};

use constant {
	WIDTH => 78,
	# Of lines: seen on white and on black.
	COLORS => [ map {"#$_"} qw(3b82c4 d9822b 2fa36b c94f7c 8a6fd1 8f8f46) ],
};

# Lab::Page has these colors, too.
my $STYLE = <<'END';
<style>svg { color-scheme: light dark; color: #1d2429 }
@media (prefers-color-scheme: dark) { svg { color: #dfe5e8 } }</style>
END

sub new ($class, %option) {
	return bless { %option, parts => [], claims => [], captures => [] },
		$class;
}

sub text ($self, $text) {
	$text =~ s/\s+/ /g;
	push $self->{parts}->@*, { text => $text };
	return;
}

sub table ($self, $caption, $columns, @rows) {
	push $self->{parts}->@*, { caption => $caption, columns => $columns,
		rows => \@rows };
	return;
}

sub add_capture ($self, $path) {
	push $self->{captures}->@*, basename($path);
	return;
}

sub shows ($self, $is_so, $what) {
	push $self->{claims}->@*, { ok => $is_so ? JSON::PP::true
			: JSON::PP::false, what => $what };
	return $is_so;
}

# name: of its file; caption; xlabel, ylabel; log: x, y or xy; style: as gnuplot's
# (linespoints); series: pairs of a label and a list of points, [x, y]; labels: of
# bars, whose series have a number for each; more: lines for gnuplot.
sub plot ($self, %plot) {
	my $name = "$self->{name}-$plot{name}";
	my $path = "$self->{dir}/$name";

	push $self->{parts}->@*,
		{ plot => "$name.svg", caption => $plot{caption} };
	return if !find('gnuplot');
	for my $kind (qw(svg png)) {
		my $script = spew("$path.gnuplot",
			_script("$path.$kind", TERMINAL->{$kind}, \%plot));
		system('gnuplot', $script) == 0
			or die "gnuplot fails: $script\n";
		unlink $script;
	}
	spew("$path.svg", _adapt("$path.svg", $plot{caption}));
	return;
}

sub _script ($path, $terminal, $plot) {
	my $bars = $plot->{labels};
	my @data = map { $_->[1] } $plot->{series}->@*;
	my $text = $terminal . <<~"END";
		set encoding utf8
		set output '$path'
		set xlabel '$plot->{xlabel}'
		set ylabel '$plot->{ylabel}'
		set border 3
		set tics nomirror
		set grid ytics linewidth 0.4
		set key outside top left horizontal
		END

	$text .= $plot->{log} ? "set logscale $plot->{log}\n" : '';
	$text .= "set yrange [0:*]\n" if ($plot->{log} // '') !~ /y/;
	$text .= join '', map {"$_\n"} $plot->{more}->@* if $plot->{more};
	$text .= $bars ? _bars($plot) : '';
	for my $i (0 .. $#data) {
		my $y = 0;
		$text .= "\$d$i << END\n" . join('', map {
			$bars ? ($y++) . " $_\n" : "$_->[0] $_->[1]\n"
		} $data[$i]->@*) . "END\n";
	}
	return $text . 'plot ' . join(', ', map {
		my ($label, $color) = ($plot->{series}[$_][0],
			COLORS->[ $_ % COLORS->@* ]);
		my $style = $plot->{style} // 'linespoints';
		my $points = $style =~ /point/ ? 'pointtype 7 pointsize 0.5 ' : '';
		$bars ? "\$d$_ using 2 with histograms fill solid 0.75 "
			. "noborder linecolor rgb '$color' title '$label'"
			: "\$d$_ with $style $points"
			. "linecolor rgb '$color' title '$label'"
	} 0 .. $#data) . "\n";
}

sub _bars ($plot) {
	my $i = 0;
	# Labels may have two lines.
	return "set bmargin 4.5\nset style data histograms\nset style histogram clustered gap 1\n"
		. 'set xtics (' . join(', ', map { "\"$_\" " . $i++ }
			$plot->{labels}->@*) . ") scale 0\n";
}

# It is for a page that is light or dark: what is black there has the colors of that
# page's text.
sub _adapt ($path, $caption) {
	open my $in, '<:encoding(UTF-8)', $path or die "$path: $!\n";
	local $/ = undef;
	my $svg = <$in>;
	close $in;
	$svg =~ s/\bblack\b|rgb\(\s*0,\s*0,\s*0\)/currentColor/g;
	$svg =~ s/^.*?(?=<svg)//s;
	$svg =~ s/<(?:title|desc)>.*?<\/(?:title|desc)>\s*//gs;
	$svg =~ s/ id="[^"]*_plot_[^"]*"//g;
	$caption =~ s/&/&amp;/g;
	$caption =~ s/"/&quot;/g;
	$caption =~ s/</&lt;/g;
	$svg =~ s/<svg\b/<svg role="img" aria-label="$caption"/;
	$svg =~ s{(<svg[^>]*>\n)}{$1$STYLE};
	utf8::encode($svg);
	return $svg;
}

# --- the whole ---

# Writes the text and the JSON, and returns what the JSON has.
sub finish ($self, $seconds) {
	my $failed = grep { !$_->{ok} } $self->{claims}->@*;
	my %all = (
		%$self{qw(name title asks parts claims captures)},
		quick   => $self->{quick} ? JSON::PP::true : JSON::PP::false,
		seconds => sprintf('%.1f', $seconds) + 0,
		machine => machine(),
		day     => strftime('%Y-%m-%d', gmtime),
		failed  => $failed || !$self->{claims}->@* ? JSON::PP::true
			: JSON::PP::false,
	);
	my $path = "$self->{dir}/$self->{name}";

	$all{asks} =~ s/\s+/ /g;
	spew("$path.json",
		JSON::PP->new->utf8->canonical->pretty->encode(\%all));
	my $text = as_text(\%all);
	utf8::encode($text);
	spew("$path.txt", $text);
	return \%all;
}

# What the JSON has, for people to read.
sub as_text ($all) {
	my $text = "$all->{title}\n" . ('=' x length $all->{title}) . "\n\n"
		. _wrapped($all->{asks}) . "\n";

	for my $part ($all->{parts}->@*) {
		$text .= (exists $part->{text} ? _wrapped($part->{text})
			: exists $part->{rows} ? _table($part)
			: "$part->{caption}: $part->{plot}\n") . "\n";
	}
	for my $claim ($all->{claims}->@*) {
		$text .= ($claim->{ok} ? 'seen      ' : 'NOT SEEN  ')
			. "$claim->{what}\n";
	}
	return "$text\n$all->{machine}; $all->{seconds} s"
		. ($all->{quick} ? ', quick' : '') . "\n";
}

sub _wrapped ($text) {
	my ($out, $line) = ('', '');
	for my $word (split ' ', $text) {
		if (length($line) + length($word) >= WIDTH) {
			$out .= "$line\n";
			$line = '';
		}
		$line .= ($line eq '' ? '' : ' ') . $word;
	}
	return "$out$line\n";
}

sub _table ($part) {
	my @rows = ($part->{columns}, $part->{rows}->@*);
	my @width = map {
		my $i = $_;
		max map { length($_->[$i] // '') } @rows
	} 0 .. $part->{columns}->$#*;
	my $text = "$part->{caption}\n\n";

	for my $row (@rows) {
		my $line = join '  ', map {
			my $cell = $row->[$_] // '';
			my $pad = ' ' x ($width[$_] - length $cell);
			$_ == 0 ? "$cell$pad" : "$pad$cell"
		} 0 .. $#width;
		$text .= ($line =~ s/\s+$//r) . "\n";
	}
	return $text;
}

1;
