# The page of the laboratory, made from the JSON files of a folder: one HTML file,
# which needs nothing but the plots beside it.

package Lab::Page;

use v5.36;
use utf8;

use JSON::PP ();

use Tined qw(slurp spew);

my $STYLE = <<'END';
:root { color-scheme: light dark; --text: #1d2429; --soft: #5b6770;
  --page: #fbfbf9; --card: #fff; --line: #d9dee2; --mark: #1f6fb2; --bad: #b3261e }
@media (prefers-color-scheme: dark) { :root { --text: #dfe5e8; --soft: #9aa7af;
  --page: #14181b; --card: #1b2125; --line: #333d43; --mark: #6db3ea; --bad: #ff8a80 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 54rem; color: var(--text);
  background: var(--page); font: 1.02rem/1.6 system-ui, sans-serif; overflow-wrap: break-word }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 1rem 0 .5rem }
h2 { font-size: 1.3rem; margin: 0 0 .4rem }
a { color: var(--mark) }
.lede, .asks { color: var(--soft) }
.asks { margin-top: 0 }
nav ol { columns: 17rem; padding-left: 1.6rem; margin: 1rem 0 2rem }
section { margin: 2.2rem 0; padding-top: 1.4rem; border-top: 1px solid var(--line) }
.wide { overflow-x: auto }
figure { margin: 1.2rem 0; padding: .6rem; background: var(--card);
  border: 1px solid var(--line); border-radius: .4rem }
figcaption { color: var(--soft); font-size: .92rem; padding: .2rem .3rem }
figure.plain { background: none; border: 0; padding: 0 }
figure img { display: block; width: 100%; min-width: 36rem; height: auto }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums }
th, td { padding: .28rem .7rem; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap }
th { color: var(--soft); font-weight: 600; white-space: normal; vertical-align: bottom }
th:first-child, td:first-child { text-align: left; padding-left: .3rem }
ul.seen { list-style: none; padding: 0; font-size: .92rem; color: var(--soft) }
ul.seen li::before { content: "✓ "; color: var(--mark) }
ul.seen li.not { color: var(--bad) }
ul.seen li.not::before { content: "✗ not seen: "; color: var(--bad) }
summary { cursor: pointer; color: var(--soft); font-size: .92rem }
footer { margin-top: 3rem; color: var(--soft); font-size: .9rem }
END

sub _text ($text) {
	my %name = ('&' => 'amp', '<' => 'lt', '>' => 'gt', '"' => 'quot');
	return $text =~ s/([&<>"])/&$name{$1};/gr;
}

# Writes the page of those experiments whose results are in the folder, in that
# order; its path.
sub make ($dir, @names) {
	my @all = map { JSON::PP->new->utf8->decode(slurp("$dir/$_.json")) }
		grep { -e "$dir/$_.json" } @names;
	my $quick = grep { $_->{quick} } @all;
	my $page = <<~"END";
		<!doctype html>
		<html lang="en">
		<meta charset="utf-8">
		<meta name="viewport" content="width=device-width, initial-scale=1">
		<link rel="icon" href="data:,">
		<title>tined: what TCP does to HTTP</title>
		<style>
		$STYLE</style>
		<h1>What TCP does to HTTP</h1>
		<p class="lede">tined comes from a bug report: a server that made 1320
		requests a second over new connections made 11.2 over one that was kept
		alive. TCP did that, as it was built to. Here is that stall, and what else
		TCP costs HTTP, each shown between two hosts on one machine, with the
		figures of one run. <code>make lab</code> runs it all on yours.
		<nav><ol>
		END
	$page .= join '', map {
		"<li><a href=\"#$_->{name}\">" . _text($_->{title}) . "</a>\n"
	} @all;
	$page .= "</ol></nav>\n<main>\n";
	$page .= _section($dir, $_) for @all;
	$page .= "</main>\n" . _footer($quick, @all);
	utf8::encode($page);
	return spew("$dir/index.html", $page);
}

sub _section ($dir, $is) {
	my $html = "<section id=\"$is->{name}\">\n<h2>" . _text($is->{title})
		. "</h2>\n<p class=\"asks\">" . _text($is->{asks}) . "\n";

	for my $part ($is->{parts}->@*) {
		$html .= exists $part->{text} ? '<p>' . _text($part->{text}) . "\n"
			: exists $part->{rows} ? _table($part)
			: _figure($dir, $part);
	}
	$html .= "<details><summary>What this run had to show</summary>\n"
		. '<ul class="seen">' . join('', map {
			'<li' . ($_->{ok} ? '' : ' class="not"') . '>'
				. _text($_->{what}) . "\n"
		} $is->{claims}->@*) . "</ul></details>\n";
	my @here = grep { -e "$dir/$_" } $is->{captures}->@*;
	$html .= '<p>Captures: ' . join(', ', map {"<a href=\"$_\">$_</a>"} @here)
		. "\n" if @here;
	return "$html</section>\n";
}

sub _cells ($tag, $row) {
	return '<tr>' . join('', map { "<$tag>" . _text($_ // '') . "</$tag>" }
		@$row) . "\n";
}

sub _table ($part) {
	return '<figure class="plain"><figcaption>' . _text($part->{caption})
		. "</figcaption>\n<div class=\"wide\"><table><thead>"
		. _cells('th', $part->{columns}) . '</thead><tbody>'
		. join('', map { _cells('td', $_) } $part->{rows}->@*)
		. "</tbody></table></div></figure>\n";
}

# Where gnuplot is missing there is no plot.
sub _figure ($dir, $part) {
	my $caption = _text($part->{caption});
	my @here = grep { -e "$dir/$_" }
		$part->{plot}, $part->{plot} =~ s/svg$/png/r;
	return '' if !@here || $here[0] ne $part->{plot};
	return "<figure><div class=\"wide\"><img src=\"$here[0]\" alt=\"$caption\" "
		. "width=\"760\" height=\"360\"></div>\n<figcaption>$caption ("
		. join(', ', map {
			"<a href=\"$_\" download>" . uc(s/.*\.//r) . '</a>'
		} @here) . ")</figcaption></figure>\n";
}

sub _footer ($quick, @all) {
	my $seconds = 0;
	$seconds += $_->{seconds} for @all;
	return "<footer><p>Measured $all[0]{day} on "
		. _text($all[0]{machine}) . ", in " . sprintf('%.0f', $seconds)
		. ' seconds' . ($quick ? ', by <code>make lab-quick</code>, whose '
			. 'figures are rough' : '')
		. ". The two hosts are network namespaces, and the wire between "
		. "them is a program (t/lab/wire.c).</footer>\n</html>\n";
}

1;
