package Machine;

# Tests that run inside a machine of their own, and what they ask there.

use v5.36;

use Cwd            qw(abs_path);
use Exporter       qw(import);
use File::Basename qw(dirname);
use Test::More     ();
use Tined          ();
use Time::HiRes    qw(sleep time);

our @EXPORT_OK = qw(client deb enter fetch journal load loses_nothing options
	output_of processes property serve_page succeeds);

my $TOP = abs_path(dirname(__FILE__) . '/../..');

# There is one in such a machine only.
my $MARK = '/run/systemd-machine';

# What says that there can be no such machine here.
use constant CANNOT => 77;

# After so long something in it hangs: twenty times what the longest of these
# tests takes on a machine that has nothing else to do.
use constant MACHINE_SECONDS => 900;

# What says that it did.
use constant HANGS => 124;

# Runs this test again, in a machine that this script of scripts/ makes, and
# ends with it; returns there.  prepare is called before.
sub enter ($script, $prepare = sub { }) {
	return if -e $MARK;
	Test::More::plan(skip_all => 'needs root') if $> != 0;
	$prepare->();
	my ($name, @options) = @$script;
	local $ENV{SYSTEMD_MACHINE_SECONDS} =
	    $ENV{SYSTEMD_MACHINE_SECONDS} // MACHINE_SECONDS * Tined::slow();
	my $status = system("$TOP/scripts/$name", @options, $^X, "-I$TOP/t/lib",
		abs_path($0)) >> 8;
	if ($status == CANNOT) {
		Test::More::diag("NOT TESTED: no $name here");
		Test::More::plan(skip_all => "no $name here");
	}
	die "the machine of scripts/$name did not end in "
	    . "$ENV{SYSTEMD_MACHINE_SECONDS} s" if $status == HANGS;
	# The test inside has written the plan, and all that counts.
	Test::More->builder->no_ending(1);
	exit $status;
}

# The package, which "make deb" has built of what is tested.
sub deb () {
	my $build = abs_path($ENV{BUILD} // "$TOP/build");
	my ($deb) = glob "$build/tined_*.deb";
	return $deb;
}

sub wsgi_deb () {
	return deb() =~ s{/tined_}{/tined-wsgi_}r;
}

sub build_deb () {
	my $build = abs_path($ENV{BUILD} // "$TOP/build");
	local @ENV{qw(MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL)} = ();
	delete @ENV{qw(MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL)};

	unlink glob "$build/tined{,-wsgi}_*.deb";
	my ($status, $said) = output_of('make', '-s', '-C', $TOP,
		'-o', "$build/tined", "BUILD=$build", 'deb');
	die "make deb: $said\n" if $status;
	return;
}

# One page to serve, in /srv/www.
sub serve_page ($text) {
	mkdir '/srv/www';
	Tined::spew('/srv/www/index.html', $text);
	chmod 0755, '/srv', '/srv/www';
	return;
}

sub options ($options) {
	Tined::spew('/etc/default/tined', qq{TINED_OPTS="$options"\n});
	return;
}

# Options whose words are told apart by quotes and backslashes, as a shell and
# systemd read them from that file.
sub quoted_options ($port) {
	return qq{TINED_OPTS="-l localhost:$port -w 2 } . <<'END';
 --header 'X-One: it is  one' \
	--header \"X-Two: it's two\" --header X-Three:\\ three\\*;
	--header 'X-Four: \$HOME \`id\` a=\"b\" & <c> (d) | ~' /srv/www"
END
}

sub has_quoted_options ($port) {
	my %expected = (
		'X-One'   => 'it is  one',
		'X-Two'   => q{it's two},
		'X-Three' => 'three*;',
		'X-Four'  => q{$HOME `id` a="b" & <c> (d) | ~},
	);
	my $response;

	Tined::wait_for(sub {
		$response = eval { client($port)->get('/') }
	});
	Test::More::is($response && $response->body, "hello\n", 'it serves');
	Test::More::is($response && $response->field($_), $expected{$_},
		"a field with blanks and quotes: $_") for sort keys %expected;
	return;
}

# What a package leaves, in the places where it may have put something.
sub files_of_tined () {
	my (undef, $said) = output_of(qw(find /etc /usr /var /run /lib -xdev
		-name *tined* -not -path /usr/src/*));
	return grep { !m{\A/run/systemd/|/dpkg/info/} } split /\n/, $said;
}

# The master, its workers and the lot; who only waits to be reaped is no more.
sub processes () {
	my (undef, $said) = output_of('ps', '-C', 'tined', '-o', 'pid=,state=');
	return $said =~ /^\s*(\d+) [^Z]/mg;
}

# The exit status of a command, and what it said on both outputs.
sub output_of (@command) {
	open my $out, '-|', 'sh', '-c', 'exec "$@" 2>&1 </dev/null', 'sh',
	    @command or die "sh: $!\n";
	my $said = do { local $/ = undef; <$out> };
	close $out;
	return ($? >> 8, $said // q{});
}

# Tests that the command ends with 0; what it said.
sub succeeds ($name, @command) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($status, $said) = output_of(@command);

	Test::More::is($status, 0, $name) or Test::More::diag($said);
	return $said;
}

sub property ($name, $unit = 'tined') {
	my (undef, $said) = output_of('systemctl', 'show', "--property=$name",
		'--value', $unit);
	return $said =~ s/\n\z//r;
}

# What the unit has written to the journal.
sub journal ($unit = 'tined') {
	my (undef, $said) = output_of('journalctl', '--no-pager', '-o', 'cat',
		'-u', $unit);
	return $said;
}

sub client ($port, $host = '127.0.0.1') {
	return bless { host => $host, port => $port }, 'Tined';
}

# The body of a page, or nothing if there is no answer.
sub fetch ($port, $path = q{/}) {
	my $response = eval { client($port)->get($path) } or return;
	return $response->body;
}

# Clients that ask again and again, kept alive and over new connections in
# turn.  The function that this returns ends them: how many answers they had,
# and what went wrong.
sub load ($port, $path, $expected, $clients = 4) {
	pipe my $until, my $end or die "pipe: $!\n";
	my @wait = map {
		my $keep = $_ % 2;
		Tined::background(sub {
			close $end;
			return ask($port, $path, $expected, $keep, $until);
		})
	} 1 .. $clients;

	close $until;
	return sub {
		close $end;
		my @lines = map { $_->() } @wait;
		my $good = 0;
		$good += $_ for map { /\Agood (\d+)\z/ } @lines;
		return ($good, grep { !/\Agood / } @lines);
	};
}

# Ends such a load, and tests that all was well; the number of answers.
sub loses_nothing ($end) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($good, @bad) = $end->();

	Test::More::cmp_ok($good, '>', 0,
		"clients were served all along: $good answers");
	Test::More::is_deeply(\@bad, [], 'and no request was lost');
	return $good;
}

sub ask ($port, $path, $expected, $keep, $until) {
	my $client = client($port);
	my ($good, $sock, @bad) = (0);
	my $raw = "GET $path HTTP/1.1\r\nHost: a\r\n"
	    . ($keep ? q{} : "Connection: close\r\n") . "\r\n";

	while (!IO::Select->new($until)->can_read(0.002) && @bad < 10) {
		my $response = eval {
			$sock //= $client->connect;
			$client->request($raw, sock => $sock);
		};
		if ($response && $response->body eq $expected) {
			$good++;
		} elsif (!$response && !$@ && $keep
			&& !$client->was_reset($sock)) {
			# An idle connection may be closed at any time: a
			# client asks once more.
		} else {
			push @bad, $response ? 'status ' . $response->status
			    : $@ || 'no answer';
		}
		undef $sock if !$keep || !$response
		    || ($response->field('Connection') // q{}) eq 'close';
	}
	return ("good $good", map { s/\n.*//sr } @bad);
}

1;
