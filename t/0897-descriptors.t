# Each process has open what it needs, and nothing else: a table says for each
# descriptor of each process why it is there.  One that the table does not have
# is a fault: somebody who takes the process over could use it.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Lot   qw(lot_pid);
use File::Temp ();
use Test::More;
use Tined qw(wait_for);

my $has_lot = ($ENV{TINED_ARGS} // q{}) !~ /--no-lot/;
my $root    = $> == 0 && ($ENV{TINED_ARGS} // q{}) !~ /--user/;
my $dir     = File::Temp->newdir('tined-XXXXXX', TMPDIR => 1);

chmod oct '0777', "$dir";

# By kind, and why: the number of reasons is that of descriptors.
my %standard = (
	'/dev/null'  => ['standard input'],
	'access.log' => ['standard output'],
	'error.log'  => ['standard error'],
);
my %logs = (
	'access' => ['the access log'],
	'error'  => ['the error log'],
);
my %listeners = (
	tcp => ['clients are accepted here'],
);
my %loop = (eventpoll => ['what it waits for'],
	eventfd => ['signals wake it']);

my %master = (
	%standard, %logs, %listeners,
	'pid'       => ['locked: no other server takes this pid file'],
	'www'       => ['for workers to come: files are opened below it'],
	'netstat'   => ['clients that the kernel turned away'],
	'unix st'   => ['for the next status process'],
	seqpacket   => [
		'notices: logs to be followed, to receive (replaced)',
		'notices, to send',
		$has_lot ? (
			'parked connections, to receive: for the next lot',
			'parked connections, to send: for workers to come',
			'ready connections, to receive: for workers to come',
			'ready connections, to send: for the next lot',
			"connections to a successor's lot, to send",
			"connections to a successor's lot, to receive",
		) : (),
	],
	datagram => [
		'a worker has started, to receive',
		'a worker has started, to send: for workers to come',
		'more is wanted of it, to receive',
		'more is wanted of it, to send: for children to come',
		'the lot has ended, to receive: for workers to come',
		'the lot has ended, to send',
		$has_lot ? (
			'a share is free, to receive: for the next lot',
			'a share is free, to send',
			'a loan is given back, to receive: for the next lot',
			'a loan is given back, to send',
		) : (),
	],
);

my %worker = (
	%standard, %logs, %listeners, %loop,
	'www'     => ['files are opened below it'],
	'netstat' => ['its status page: clients that were turned away'],
	seqpacket => [
		'notices, to receive',
		$has_lot ? (
			'parked connections, to send',
			'parked connections, to receive: while there is no lot',
			'ready connections, to receive',
		) : (),
	],
	datagram => [
		'it has started, to send',
		'more is wanted of the master, to send',
		'the lot has ended, to receive',
		$has_lot ? ('a share is free, to send',
			'a loan is given back, to send') : (),
	],
);

my %lot = (
	%standard, %logs, %listeners, %loop,
	seqpacket => [
		'notices, to receive',
		'parked connections, to receive',
		'ready connections, to send',
		'ready connections, to receive: it takes back what it moves',
		"connections to a successor's lot, to send",
		"connections to a successor's lot, to receive: taken back",
	],
	datagram => ['a share is free, to receive',
		'a loan is given back, to receive'],
	eventpoll => ['what it waits for',
		'the clients that workers keep, for a look now and then'],
);

my %status = (
	%standard, %logs, %listeners,
	'netstat'   => ['clients that the kernel turned away'],
	'unix st'   => ['its own clients are accepted here'],
	'eventpoll' => ['what it waits for'],
	seqpacket   => ['notices, to receive'],
);

# Sockets of this machine, by their inodes: proc(5).
sub unix_sockets () {
	my %names = ('0005' => 'seqpacket', '0002' => 'datagram');
	my %kinds;

	open my $unix, '<', '/proc/net/unix' or return;
	while (<$unix>) {
		my ($type, $inode, $path) = (split)[4, 6, 7];
		next unless defined $inode; # a name may have a newline in it
		$kinds{$inode} = $names{$type}
		    // 'unix ' . ($path // q{}) =~ s{.*/}{}r;
	}
	close $unix;
	return %kinds;
}

sub kind_of ($target, $unix) {
	return $unix->{$1} // 'tcp' if $target =~ /\Asocket:\[(\d+)\]/;
	return $1 if $target =~ /\Aanon_inode:\[?(\w+)/;
	return $target if $target eq '/dev/null';
	return $1 if $target =~ m{\A/.*/([^/]+)\z};
	return $target;
}

sub descriptors ($pid) {
	my %unix = unix_sockets();
	my %count;

	for my $fd (glob "/proc/$pid/fd/*") {
		my $target = readlink $fd // next;
		$count{ kind_of($target, \%unix) }++;
	}
	return \%count;
}

# A child may be looked at before it has closed what is not its own.
my $looks = 5;    # seconds

sub is_explained ($pid, $table, $who) {
	my %expected = map { $_ => scalar $table->{$_}->@* } keys %$table;
	my $found = {};

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	wait_for(sub {
		$found = descriptors($pid);
		return join(q{,}, map { "$_ $found->{$_}" } sort keys %$found)
		    eq join(q{,}, map { "$_ $expected{$_}" } sort keys %expected);
	}, $looks);
	return is_deeply($found, \%expected,
		"$who: each descriptor has its reason")
	    || diag(explain($found));
}

my $tined = Tined->start(
	args => ['-w', 2, '-a', "$dir/access", '-e', "$dir/error",
		'-p', "$dir/pid", '--status-socket', "$dir/st", '--quarantine', '3,10s', $has_lot ? ('--per-client', 5) : (),
		'-m', '/status=status:', '-m', '/echo=echo:100',
		$root ? ('-u', 'nobody') : ()],
	files => { 'a.txt' => "a\n" });

$tined->get('/a.txt') for 1 .. 10;
$tined->get('/status');
is_explained($tined->pid, \%master, 'the master');
is_explained($_, \%worker, 'a worker') for $tined->worker_pids;
is_explained(lot_pid($tined), \%lot, 'the lot') if $has_lot;
my $status = wait_for(sub {
	(grep { Tined::title($_) =~ /\Atined: status\b/ } $tined->child_pids)[0];
});
is_explained($status, \%status, 'the status process');

# After a reload, and a new lot, the same.
$tined->signal('HUP');
ok(wait_for(sub { Tined::slurp("$dir/error") =~ /reloaded/ }), 'a reload');
is_explained($tined->pid, \%master, 'the master, after a reload');
is_explained($_, \%worker, 'a worker of the reload') for $tined->worker_pids;
if ($has_lot) {
	my $before = lot_pid($tined);
	$tined->signal('KILL', $before);
	ok(wait_for(sub { lot_pid($tined) != $before }), 'another lot');
	is_explained(lot_pid($tined), \%lot, 'another lot');
}
$tined->stop;

done_testing;
