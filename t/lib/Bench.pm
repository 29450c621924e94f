# What the measurements of t/bench share: programs, CPU and memory of
# processes, and the machine that it was.

package Bench;

use v5.36;

use Cwd         qw(abs_path);
use Exporter    qw(import);
use File::Basename qw(dirname);
use List::Util  qw(first min sum0);
use POSIX       qw(uname);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(browser_fields build_commit busy compile cores cpu find
	machine median on_core pick_cores private_bytes proportional_bytes
	raise_descriptors run_bench said settled slurp tree);

# What a browser sends, following a link.
my @FIELDS = (
	'Host: www.example.org',
	'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) '
		. 'Gecko/20100101 Firefox/128.0',
	'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,'
		. 'image/avif,image/webp,*/*;q=0.8',
	'Accept-Language: en-GB,en;q=0.5',
	'Accept-Encoding: gzip, deflate, br, zstd',
	'Referer: http://www.example.org/docs/guide/',
	'Connection: keep-alive',
	'Cookie: session=4f1d2c7be0a94a57; theme=dark',
	'Upgrade-Insecure-Requests: 1',
	'Sec-Fetch-Dest: document',
	'Sec-Fetch-Mode: navigate',
	'Sec-Fetch-Site: same-origin',
	'Priority: u=0, i',
);

my $SOURCES = abs_path(dirname(__FILE__) . '/../bench');
my @core;    # of the server, of the client

sub browser_fields () { return @FIELDS }

sub find ($name) {
	return first { -x && !-d } map {"$_/$name"}
		split(/:/, $ENV{PATH}), qw(/usr/sbin /usr/local/sbin);
}

# What a command prints, on either output.
sub said (@command) {
	my $pid = open(my $out, '-|') // die "fork: $!\n";
	if (!$pid) {
		open STDERR, '>&', \*STDOUT or POSIX::_exit(1);
		exec @command or POSIX::_exit(1);
	}
	my $text = do { local $/; <$out> };
	close $out;
	return $text // '';
}

# What a measurement of t/bench says, and its status: for tests of them.
sub run_bench ($name, @args) {
	my $text = said("$SOURCES/$name", @args);

	return ($text, $? >> 8);
}

sub slurp ($path) {
	open(my $f, '<', $path) or return '';
	local $/;
	return scalar(<$f>) // '';
}

sub median (@n) {
	@n = sort { $a <=> $b } @n;
	return @n % 2 ? $n[ $#n / 2 ] : ($n[ @n / 2 - 1 ] + $n[ @n / 2 ]) / 2;
}

# --- where ---

sub pick_cores () {
	my ($list)
		= slurp('/proc/self/status') =~ /^Cpus_allowed_list:\s*(\S+)/m;
	my @all = map { /(\d+)-(\d+)/ ? $1 .. $2 : $_ } split /,/, $list // '';
	@core = @all[ 0, 1 ] if @all > 1 && find('taskset');
	return;
}

sub cores () { return @core }

# 0: a server's, 1: a client's.
sub on_core ($which, @command) {
	return @core ? ('taskset', '-c', $core[$which], @command) : @command;
}

sub machine () {
	my ($sys, undef, $release, undef, $machine) = uname();
	my ($cpu) = slurp('/proc/cpuinfo') =~ /^model name\s*:\s*(.*)$/m;
	return "$sys $release $machine, " . ($cpu // '?');
}

# Raising it takes another program; the shell's ulimit does it.
sub raise_descriptors ($wanted) {
	my $has = said('sh', '-c', 'ulimit -n') + 0;
	my $can = said('sh', '-c', 'ulimit -Hn') =~ /(\d+)/ ? $1 : $wanted;

	return if $has >= $wanted;
	die "$wanted descriptors are wanted, and $can can be had\n"
		if $can < $wanted;
	exec 'sh', '-c', "ulimit -n $wanted && exec \"\$@\"", 'sh', $^X,
		$0, @ARGV;
}

# --- programs in C ---

# Takes a program that make has built, unless its source is newer.
sub _take_built ($dir, $name) {
	my $built = ($ENV{BUILD} // '') . "/bench/$name";
	return -x $built
		&& -M $built <= -M "$SOURCES/$name.c"
		&& symlink abs_path($built), "$dir/$name";
}

# Into that folder.
sub compile ($dir, @names) {
	my $cc = $ENV{CC} || 'cc';
	my $flags = '-std=c17 -D_GNU_SOURCE -O2';
	for (@names) {
		next if _take_built($dir, $_);
		system("$cc $flags -o $dir/$_ $SOURCES/$_.c") == 0
			or die "cannot compile $SOURCES/$_.c\n";
	}
	return;
}

# The program as it was at a commit, built once.
sub build_commit ($commit) {
	my $dir  = ($ENV{BUILD} // "$SOURCES/../../build") . "/bench/$commit";
	my $tree = "$SOURCES/../..";

	return "$dir/build/tined" if -x "$dir/build/tined";
	system('sh', '-c', 'mkdir -p "$1" && git -C "$2" archive "$3" | '
			. 'tar -x -C "$1" && env -u MAKEFLAGS -u MAKELEVEL -u BUILD '
			. 'make -s -C "$1" WERROR=0', 'sh', $dir, $tree, $commit) == 0
		or die "tined cannot be built as it was at $commit\n";
	return "$dir/build/tined";
}

# --- processes ---

# A process and its descendants.
sub tree ($root) {
	my %kids;
	for (glob '/proc/[0-9]*/stat') {
		my ($pid, $parent) = slurp($_) =~ /^(\d+) \(.*\) \w (\d+)/s
			or next;
		push @{ $kids{$parent} }, $pid;
	}
	my @all = ($root);
	for (my $i = 0; $i < @all; $i++) {
		push @all, @{ $kids{ $all[$i] } // [] };
	}
	return @all;
}

# Microseconds of CPU that a process has had, by the scheduler's nanoseconds or
# else in ticks, and in ticks that of its children that have ended.
sub cpu ($pid) {
	state $tick = 1e6 / POSIX::sysconf(POSIX::_SC_CLK_TCK());
	my ($stat) = slurp("/proc/$pid/stat") =~ /^.*\) (.*)/s or return 0;
	my @ticks = (split ' ', $stat)[ 11 .. 14 ];
	my $ended = ($ticks[2] + $ticks[3]) * $tick;
	my $ns    = sum0 map { slurp($_) =~ /^(\d+)/ }
		glob "/proc/$pid/task/*/schedstat";
	return $ended + ($ns > 0 ? $ns / 1000 : ($ticks[0] + $ticks[1]) * $tick);
}

# The CPU of each process of a server, once it rests: a process's time counts
# only when it has left the processor.
sub settled ($root) {
	my $before = -1;
	my $end    = time + 3;
	while (1) {
		my %cpu = map { $_ => cpu($_) } tree($root);
		my $sum = sum0 values %cpu;
		return \%cpu if $sum == $before || time > $end;
		$before = $sum;
		sleep 0.01;
	}
}

# Microseconds that the cores of the measurement have not been idle.
sub busy () {
	my $tick = 1e6 / POSIX::sysconf(POSIX::_SC_CLK_TCK());
	my $stat = slurp('/proc/stat');
	my $sum  = 0;
	for my $n (@core) {
		my ($line) = $stat =~ /^cpu$n (.*)/m or next;
		my @ticks = split ' ', $line;
		$sum += sum0 @ticks[ 0 .. 2, 5 .. 7 ];
	}
	return $sum * $tick;
}

# The memory of processes in bytes, of which what they share is counted once;
# undef if it cannot be read.
sub proportional_bytes (@pids) {
	my $sum = 0;
	for (@pids) {
		my ($kb) = slurp("/proc/$_/smaps_rollup") =~ /^Pss: +(\d+) kB/m
			or return;
		$sum += $kb;
	}
	return 1024 * $sum;
}

# Of its memory, what no other process has.
sub private_bytes ($pid) {
	return 1024 * sum0 slurp("/proc/$pid/smaps_rollup")
		=~ /^Private_\w+: +(\d+) kB/gm;
}

1;
