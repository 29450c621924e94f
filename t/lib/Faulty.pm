# A server with a mount that goes wrong: /f/segv crashes, /f/hang hangs; see
# t/fault/handler_fault.c.

package Faulty;

use v5.36;

use Cwd            qw(abs_path);
use Exporter       qw(import);
use File::Basename qw(dirname);
use File::Find     qw(find);
use Time::HiRes    qw(sleep);
use Tined          qw(background slurp wait_for);

our @EXPORT_OK = qw(changes crowd lines_about snapshot start_faulty
	storm_line);

# What an attacker who wants to be root would change.
my @PRECIOUS = qw(/etc/passwd /etc/shadow /etc/group /etc/sudoers /etc/crontab
	/etc/profile /etc/ld.so.preload);

my $build = $ENV{BUILD} // dirname(__FILE__) . '/../../build';
# Not looked for before it runs: perl -c of a test needs no program.
$ENV{TINED} = abs_path("$build/t/faulty/tined") // 'build/t/faulty/tined';

# They crash on purpose: no core, no report of a sanitizer.
sub start_faulty (%option) {
	my @args = @{ delete $option{args} // [] };
	my %env = %{ delete $option{env} // {} };

	return Tined->start(%option, args => ['-m', '/f=fault:', @args],
		env => { $ENV{ASAN_OPTIONS} ? (ASAN_OPTIONS =>
			"$ENV{ASAN_OPTIONS}:allow_user_segv_handler=1") : (),
			%env });
}

# What the log has of a worker, when the master has told how it ended: a pattern,
# and the path that it served.
sub lines_about ($tined, $ended, $path) {
	my $last = qr/$ended.*"\w+ \Q$path\E /;
	my @log;
	wait_for(sub {
		@log = $tined->error_log;
		grep { $_ =~ $last } @log;
	});
	my ($pid) = map { $_ =~ $last && /worker \d+\[(\d+)\]/ ? $1 : () }
	    @log;
	return grep { defined $pid && /worker \d+\[$pid\]/ } @log;
}

# All that lies below these folders, and what is precious elsewhere: its owner, its
# times, its content.
sub snapshot (@dirs) {
	my %found;

	find({ no_chdir => 1, wanted => sub {
		my @stat = Time::HiRes::lstat($_) or return;
		$found{$_} = {
			is   => join(q{ }, @stat[0 .. 5]),
			now  => join(q{ }, @stat[7, 9, 10]),
			log  => scalar(/\.log\z/),
			text => -f && !-l ? slurp($_) : q{},
		};
	} }, @dirs, grep { -e } @PRECIOUS);
	return \%found;
}

# The names of files that have changed since.  A log may grow.
sub changes ($before, @dirs) {
	my $after = snapshot(@dirs);
	my %names = (%$before, %$after);

	return grep {
		my ($was, $is) = ($before->{$_}, $after->{$_});
		!$was || !$is || $was->{is} ne $is->{is} ||
		    ($was->{log} ? index($is->{text}, $was->{text}) != 0
			: "$was->{now} $was->{text}" ne "$is->{now} $is->{text}");
	} sort keys %names;
}

# Clients that ask so many times each, with a pause after each time, for what a
# function says: a path, and the status that it must have, a pattern.  How many had
# which, and who had something else.  A time to ask in would let them ask the more
# often the slower the machine is said to be.
sub crowd ($tined, $clients, $requests, $choose, $pause = 0) {
	my @crowd = map {
		my $client = $_;
		background(sub {
			my (%count, @wrong);
			srand $client;
			for my $i (1 .. $requests) {
				my ($path, $status) = $choose->($i);
				my $got = eval { $tined->get($path) };
				my $is = $got ? $got->status : "none: $@";
				$count{$is}++ if $got;
				push @wrong, "$path: $is"
				    if $is !~ /\A$status\z/;
				push @wrong, "$path: " . $got->body
				    if $is eq '200' && $got->body ne $path;
				sleep $pause if $pause;
			}
			return map({ "$_ $count{$_}" } keys %count),
			    map { "wrong $_" } @wrong;
		});
	} 1 .. $clients;
	my (%sum, @wrong);
	for my $line (map { $_->() } @crowd) {
		if ($line =~ /\A(\d+) (\d+)\z/) {
			$sum{$1} += $2;
		} else {
			push @wrong, $line;
		}
	}
	return \%sum, \@wrong;
}

sub storm_line () {
	return qr{warning:\ many\ workers\ die:
		\ at\ most\ 50\ per\ second\ are\ replaced\z}x;
}

1;
