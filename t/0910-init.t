# What make install puts in place: the init script starts, restarts and stops
# a server, systemd has nothing to say against the unit, and make uninstall
# leaves nothing.

use v5.36;

use File::Find     qw(find);
use File::Temp     ();
use FindBin;
use IO::Socket::IP ();
use List::Util     qw(any);
use lib "$FindBin::Bin/lib";
use Test::More;
use Tined qw(free_port slow slurp spew wait_for);

my $build = $ENV{BUILD} // "$FindBin::Bin/../build";
my $tmp   = File::Temp->newdir;
my %place = (
	prefix        => "$tmp/usr",
	sysconfdir    => "$tmp/etc",
	localstatedir => "$tmp/var",
	runstatedir   => "$tmp/run",
);
my $init    = "$tmp/etc/init.d/tined";
my $pidfile = "$tmp/run/tined/tined.pid";

# A stop takes less, even of a server that does not want to.
use constant PATIENCE => 60;

$SIG{$_} = sub { exit 1 } for qw(HUP INT TERM);

# Another user is to run the program.
chmod 0755, "$tmp";

END {
	my $status = $?;
	system "$init stop >$tmp/out 2>&1" if -x $init;
	$? = $status;
}

# make TARGET VARIABLE=VALUE...: of what was built already, whatever the flags.
sub make ($target, %variable) {
	local @ENV{qw(MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL)} = ();
	delete @ENV{qw(MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL)};
	my @set = map { "$_=$variable{$_}" } sort keys %variable;
	my ($status, $said) = run('make', '-s', '-C', "$FindBin::Bin/..",
		'-o', "$build/tined", "BUILD=$build", $target, @set);

	is($status, 0, "make $target") or diag($said);
	return;
}

# The exit status, and what it said on both outputs.  A server that goes on
# must let go of them, as whoever reads them waits for their end.
sub run (@command) {
	open my $out, '-|', 'sh', '-c', 'exec "$@" 2>&1 </dev/null', 'sh', @command
		or die "sh: $!";
	local $SIG{ALRM} = sub {
		fail("@command: its output is still open");
		exit 1;
	};
	alarm PATIENCE * slow();
	my $said = do { local $/ = undef; <$out> };
	close $out;
	alarm 0;
	return ($? >> 8, $said // q{});
}

sub files_below ($dir) {
	my @files;

	find({ no_chdir => 1, wanted => sub { push @files, $_ if !-d } }, $dir);
	return sort map { s{\A\Q$dir\E/}{}r } @files;
}

sub options ($options) {
	spew("$tmp/etc/default/tined", qq{TINED_OPTS="$options"\n});
	return;
}

# The master's pid, as the pid file has it.
sub master () { return slurp($pidfile) =~ s/\s+\z//r }

sub page ($port) {
	my $client = bless { host => '127.0.0.1', port => $port }, 'Tined';

	return $client->get('/')->{body};
}

sub is_served ($port) {
	return defined IO::Socket::IP->new(
		PeerHost => '127.0.0.1', PeerPort => $port);
}

subtest 'make install, make uninstall' => sub {
	my $root = "$tmp/root";
	my @all  = qw(
		etc/default/tined
		etc/init.d/tined
		etc/logrotate.d/tined
		usr/include/tined.h
		usr/lib/systemd/system/tined.service
		usr/lib/systemd/system/tined.socket
		usr/lib/tined/clock.so
		usr/lib/tined/hello.so
		usr/sbin/tined
		usr/share/doc/tined/COPYING
		usr/share/doc/tined/NEWS
		usr/share/doc/tined/README
		usr/share/doc/tined/examples/clock.c
		usr/share/doc/tined/examples/hello.c
		usr/share/man/man3/tined-module.3
		usr/share/man/man8/tined.8
		usr/share/pkgconfig/tined.pc
	);
	my %place = (DESTDIR => $root, prefix => '/usr', sysconfdir => '/etc');

	make('install', %place);
	is_deeply([files_below($root)], \@all, 'every file in its place');
	my @raw = grep { slurp("$root/$_") =~ /\@[a-z]+dir\@/ } @all;
	is("@raw", q{}, 'the folders are filled in');
	my @astray = grep { slurp("$root/$_") =~ /\Q$root\E/ } @all;
	is("@astray", q{}, 'DESTDIR is in none of them');
	make('uninstall', %place);
	is_deeply([files_below($root)], [], 'nothing is left');
	ok(!-e "$root/usr/share/doc/tined", 'nor a folder of its own');

	make('install', %place);
	spew("$root/etc/default/tined", "mine\n");
	make('install', %place);
	is(slurp("$root/etc/default/tined"), "mine\n",
		'installing again leaves the administrator\'s options');
	make('uninstall', %place);
	is_deeply([files_below($root)], ['etc/default/tined'],
		'uninstalling too');
};

make('install', %place);

subtest 'the unit' => sub {
	my $unit = "$place{prefix}/lib/systemd/system/tined.service";

	plan skip_all => 'no systemd-analyze'
		unless any { -x "$_/systemd-analyze" } split /:/, $ENV{PATH};
	my ($status, $said) = run('systemd-analyze', 'verify', '--man=no', $unit);
	is($status, 0, 'systemd-analyze verify finds it good');
	is($said, q{}, 'and says nothing');
};

subtest 'the init script' => sub {
	plan skip_all => 'needs root' if $> != 0;
	plan skip_all => 'needs start-stop-daemon and init-functions'
		unless -x '/sbin/start-stop-daemon' && -e '/lib/lsb/init-functions';
	my $port  = free_port;
	my $serve = "--listen 127.0.0.1:$port --workers 2 $tmp/www";

	mkdir "$tmp/www";
	mkdir "$tmp/run";
	spew("$tmp/www/index.html", "hello\n");
	chmod 0755, "$tmp/www", "$tmp/run";

	options("$serve/nowhere");
	my ($status, $said) = run($init, 'start');
	isnt($status, 0, 'start fails without the folder');
	like($said, qr{\Q$tmp\E/www/nowhere}, 'and tells which');

	options($serve);
	($status, $said) = run($init, 'status');
	is($status, 3, 'status: not running');
	($status, $said) = run($init, 'start');
	is($status, 0, 'start') or diag($said);
	my $first = master;
	is(page($port), "hello\n", 'it serves as soon as start is over');
	is(getpwuid((stat "/proc/$first")[4]) // q{}, 'www-data',
		'it runs as www-data');
	like(slurp("/proc/$first/status"), qr/^CapEff:\s+0*400$/m,
		'which may bind port 80, and nothing else');
	is((run($init, 'status'))[0], 0, 'status: running');

	is((run($init, 'start'))[0], 0, 'start once more');
	is(master, $first, 'changes nothing');

	is((run($init, 'restart'))[0], 0, 'restart');
	my $second = master;
	isnt($second, $first, 'begins a new one');
	is(page($port), "hello\n", 'which serves');

	options("$serve --no-such-option");
	($status, $said) = run($init, 'restart');
	isnt($status, 0, 'restart fails with a mistake in the options');
	like($said, qr/no-such-option/, 'and tells which');
	is(master, $second, 'the old one stays');
	is(page($port), "hello\n", 'and serves');

	# root may write there.
	mkdir "$tmp/shut", 0700;
	options("$serve --error-log $tmp/shut/error.log");
	($status, $said) = run($init, 'restart');
	isnt($status, 0, 'restart fails with a log that the user may not write');
	like($said, qr{shut/error\.log.*denied}, 'and tells which');
	is(master, $second, 'the old one stays');

	options($serve);
	is((run($init, 'stop'))[0], 0, 'stop');
	ok(!is_served($port), 'nobody listens');
	ok(wait_for(sub { !-e "/proc/$second" }), 'the master is gone');
	is((run($init, 'status'))[0], 3, 'status: not running');
	is((run($init, 'stop'))[0], 0, 'stop once more');

	is((run($init, 'bogus'))[0], 2, 'another word is a mistake');
};

done_testing;
