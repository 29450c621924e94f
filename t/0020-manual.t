#!/usr/bin/perl
# The manual, README and NEWS agree with the program and with the tree.

use v5.36;

use Cwd qw(abs_path);
use FindBin ();
use Test::More;

my $top    = abs_path("$FindBin::Bin/..");
my $tined  = $ENV{TINED} // "$top/build/tined";
my $manual = "$top/man/tined.8";

# What a command prints on both streams, and its status.
sub output_of (@command) {
	my $pid = open(my $pipe, '-|') // die "fork: $!\n";
	if ($pid == 0) {
		open STDERR, '>&', \*STDOUT or die "dup: $!\n";
		exec { $command[0] } @command or die "$command[0]: $!\n";
	}
	local $/ = undef;
	my $text = <$pipe> // '';
	close $pipe;
	return ($text, $? >> 8);
}

sub contents ($file) {
	open my $in, '<', $file or die "$file: $!\n";
	local $/ = undef;
	my $text = <$in>;
	close $in;
	return $text;
}

sub have ($program) {
	return grep { -x "$_/$program" } split /:/, $ENV{PATH};
}

# The flags a text names, with their dashes: '-l', '--listen'.
sub flags_in_help ($text) {
	my %seen;
	$seen{$1}++ while $text =~ /(?<![\w-])(-[A-Za-z]|--[a-z][a-z-]+)\b/g;
	return \%seen;
}

# The flags the manual defines: the heads of the lists in OPTIONS.
sub flags_defined ($mdoc) {
	my ($section) = $mdoc =~ /^\.Sh OPTIONS\n(.*?)^\.Sh /ms;
	my %seen;
	for my $head ($section =~ /^\.It (Fl .*)$/mg) {
		$seen{"-$1"}++ while $head =~ /\bFl (-?[A-Za-z][a-z-]*)/g;
	}
	return \%seen;
}

# The flags the manual only mentions, in any section: .Fl a, or Fl a | b.
sub flags_mentioned ($mdoc) {
	my %seen;
	for my $list ($mdoc =~ /\bFl ([^\n]*)/g) {
		my ($first) = $list =~ /^(-?[A-Za-z][A-Za-z-]*)/;
		if ($first =~ /^-/) {
			$seen{"-$first"}++;
		} else {
			$seen{"-$_"}++ for split //, $first;
			# .Fl h | V and .Fl h , V , t: every one a flag
			my $rest = substr $list, length $first;
			$seen{"-$1"}++ while $rest =~ /[|,] ([A-Za-z])\b/g;
		}
	}
	return \%seen;
}

sub missing ($from, $in) {
	return [sort grep { !$in->{$_} } keys %$from];
}

my $mdoc = contents($manual);

subtest 'flags' => sub {
	ok(-x $tined, "$tined is there") or return;
	my ($help, $status) = output_of($tined, '--help=all');
	is($status, 0, '--help ends well');

	my $in_help   = flags_in_help($help);
	my $defined   = flags_defined($mdoc);
	my $mentioned = flags_mentioned($mdoc);
	cmp_ok(keys %$in_help, '>', 20, '--help names flags');
	is_deeply(missing($in_help, $defined),
	    [], 'the manual defines every flag of --help');
	is_deeply(missing($defined, $in_help),
	    [], '--help has every flag the manual defines');
	is_deeply(missing($mentioned, $in_help),
	    [], 'the manual mentions no other flag');

	my @wide = grep { length > 80 } split /\n/, $help;
	is_deeply(\@wide, [], '--help fits 80 columns');
};

subtest 'form of the manual' => sub {
	have('mandoc') or plan skip_all => 'mandoc is not installed';
	my ($said, $status) =
	    output_of(qw(mandoc -Tlint -W warning), $manual);
	is($said,   '', 'mandoc has nothing to say');
	is($status, 0,  'and ends well');

	my ($page) = output_of(qw(mandoc -Tascii -O width=80), $manual);
	$page =~ s/.\x08//g;
	my @wide = grep { length > 80 } split /\n/, $page;
	is_deeply(\@wide, [], 'it fits 80 columns');

	my @sections = $mdoc =~ /^\.Sh (.*)$/mg;
	my %have     = map { $_ => 1 } @sections;
	my @wanted   = (
		'NAME',        'SYNOPSIS',    'DESCRIPTION', 'OPTIONS',
		'SIGNALS',     'ENVIRONMENT', 'FILES',       'EXIT STATUS',
		'EXAMPLES',    'DIAGNOSTICS', 'SEE ALSO',    'STANDARDS',
		'CAVEATS',
	);
	is_deeply([grep { !$have{$_} } @wanted], [], 'it has its sections');

	my @named = $mdoc =~ /^\.Sx (.*?)(?: [.;,])?$/mg;
	is_deeply([grep { !$have{$_} } @named],
	    [], 'and refers only to such as it has');
};

# Pages indent examples, and a shell takes blanks for the end of a word.
subtest 'examples can be copied from a page' => sub {
	for my $page (glob "$top/man/*.[1-9]") {
		my @blocks = contents($page) =~ /^\.Bd -literal.*?\n(.*?)^\.Ed$/msg;
		my @cut = grep { /\S\\e\z/ } map { split /\n/ } @blocks;

		ok(@blocks > 0, "$page has examples");
		is_deeply(\@cut, [], 'none goes on in the middle of a word');
	}
};

subtest 'README and NEWS' => sub {
	my $readme = contents("$top/README");

	my %path;
	$path{$1}++ while $readme =~ m{(?<![\w/.])((?:scripts|man|src|t)/[\w./-]*\w)}g;
	delete @path{grep { /[*]/ } keys %path};
	ok($path{'scripts/quickstart'}, 'README names scripts/quickstart');
	ok($path{'scripts/check'},      'and scripts/check');
	ok(-e "$top/$_", "$_ exists") for sort keys %path;
	ok(-x "$top/$_", "$_ can be run")
	    for grep { -f "$top/$_" && m{^scripts/[\w-]+$} } sort keys %path;

	my %target;
	for my $line ($readme =~ /^(?:    |    # )make ([a-z][^\n]*)/mg) {
		$line =~ s/ {2,}.*| \S*=.*//;
		$target{$_}++ for split ' ', $line;
	}
	my $makefile = contents("$top/Makefile");
	for my $name (sort keys %target) {
		like($makefile, qr/^(?:[\w-]+ +)*\Q$name\E(?: +[\w-]+)*\s*:/m,
		    "make $name exists");
	}

	my ($version) = contents("$top/configure.ac") =~
	    /^AC_INIT\(\[tined\],\s*\[([^]]+)\]/m;
	my ($newest) = contents("$top/NEWS") =~ /^([0-9]+(?:[.][0-9]+)+)/m;
	is($newest, $version, 'the first entry of NEWS is this version');

	for my $file (qw(README NEWS)) {
		my @wide = grep { length > 80 }
		    split /\n/, contents("$top/$file");
		is_deeply(\@wide, [], "$file fits 80 columns");
	}
};

done_testing;
