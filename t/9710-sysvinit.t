# The Debian package on a machine without systemd: update-rc.d, invoke-rc.d,
# start-stop-daemon and logrotate are Debian's own; the init that they look
# for is only a name, and the runlevel is said to be 2.

use v5.36;

use FindBin;
use IO::Socket::IP ();
use lib "$FindBin::Bin/lib";
use Machine qw(deb enter fetch load loses_nothing options output_of processes
	serve_page succeeds);
use Test::More;
use Tined qw(need_tools slurp spew wait_for);

need_tools(qw(dpkg-deb dpkg-shlibdeps start-stop-daemon logrotate));
enter(['systemd-machine', '-n'], \&Machine::build_deb);

use constant {
	PORT    => 8080,
	SCRIPT  => '/etc/init.d/tined',
	PIDFILE => '/run/tined/tined.pid',
	LOG     => '/var/log/tined/access.log',
};

sub master () { return slurp(PIDFILE) =~ s/\s+\z//r }

# They may be systemd's, by links.
unlink qw(/usr/sbin/runlevel /usr/sbin/init);
spew('/usr/sbin/runlevel', "#!/bin/sh\necho N 2\n");
symlink '/bin/false', '/usr/sbin/init';
chmod 0755, '/usr/sbin/runlevel';
serve_page("hello\n");

my @before = Machine::files_of_tined;

subtest 'the package is installed' => sub {
	my $said = succeeds('dpkg -i', 'dpkg', '-i', deb);
	unlike($said, qr/warning|error/i, 'without complaints') or diag($said);
	ok((() = glob '/etc/rc2.d/S??tined'), 'a boot will start it');
	ok((() = glob '/etc/rc0.d/K??tined'), 'and a shutdown stop it');
	like(fetch(PORT), qr/README/, 'it shows its own documentation');
	is((output_of(SCRIPT, 'status'))[0], 0, 'status: running');
};

subtest 'restart' => sub {
	my $old = master;

	options('-l :80 -l localhost:' . PORT . ' -w 2 /srv/www');
	succeeds('restart', 'invoke-rc.d', 'tined', 'restart');
	isnt(master, $old, 'begins a new one');
	is(fetch(80, '/index.html'), "hello\n", 'which serves on port 80');
	is(getpwuid((stat '/proc/' . master)[4]), 'www-data', 'as www-data');
	is((stat PIDFILE)[2] & oct('022'), 0, 'only it may write the pid file');
};

subtest 'the words of TINED_OPTS' => sub {
	spew('/etc/default/tined', Machine::quoted_options(PORT));
	succeeds('restart', 'invoke-rc.d', 'tined', 'restart');
	Machine::has_quoted_options(PORT);
	ok(wait_for(sub { slurp(LOG) =~ m{"GET / HTTP} }),
		'requests are logged to a file, though nothing says so');

	my $old = master;
	options('-l localhost:' . PORT . " --header 'X-One: /srv/www");
	my ($status, $said) = output_of(SCRIPT, 'restart');
	isnt($status, 0, 'a quote that is not closed: restart fails');
	like($said, qr/^tined: --header X-One: /m, 'and says so') or diag($said);
	is(master, $old, 'the server that runs goes on');

	options('-l :80 -l localhost:' . PORT . ' -w 2 /srv/www');
	succeeds('restart', 'invoke-rc.d', 'tined', 'restart');
	is(fetch(80), "hello\n", 'it serves');
};

subtest 'logs are rotated' => sub {
	my $before = () = slurp(LOG) =~ m{"GET / HTTP}g;
	my $end = load(PORT, '/', "hello\n");

	ok(wait_for(sub { -s LOG }), 'there is a log');
	succeeds('logrotate', 'logrotate', '-f', '/etc/logrotate.d/tined');
	ok(-s LOG . '.1', 'it has moved the log');
	ok(wait_for(sub { -s LOG }), 'requests are logged to a new one');
	is((stat LOG)[2] & oct('7777'), oct('640'), 'of the same mode');
	my $good = loses_nothing($end);
	my @lines = map { split /\n/, slurp($_) } LOG . '.1', LOG;
	is(scalar(grep { /"GET \/ HTTP/ } @lines), $before + $good,
		"not one of $good lines is lost");
	succeeds('rotate', SCRIPT, 'rotate');
};

subtest 'reload' => sub {
	my $old = master;
	my %worker = map { $_ => 1 } processes;
	my $end = load(PORT, '/', "hello\n");

	succeeds('reload', 'invoke-rc.d', 'tined', 'reload');
	ok(wait_for(sub {
		1 == grep { $worker{$_} && $_ != $old } processes
	}), 'all workers are replaced, but for the lot');
	is(master, $old, 'the master is the same');
	loses_nothing($end);
};

subtest 'upgrade' => sub {
	for my $command ([SCRIPT, 'upgrade'], ['dpkg', '-i', deb]) {
		my $old = master;
		my $end = load(PORT, '/', "hello\n");

		succeeds("@$command", @$command);
		isnt(master, $old, 'there is another master');
		ok(wait_for(sub { !-e "/proc/$old" }), 'the old one is gone');
		loses_nothing($end);
	}
	is((output_of(SCRIPT, 'status'))[0], 0, 'status: running');
};

subtest 'the master is killed' => sub {
	my @all = processes;

	kill 'KILL', master || die "no master runs\n";
	ok(wait_for(sub { !processes }), 'its workers end');
	is((output_of(SCRIPT, 'status'))[0], 1, 'status: dead, with a pid file');
	succeeds('start', SCRIPT, 'start');
	is(fetch(PORT), "hello\n", 'it serves');
};

subtest 'stop' => sub {
	succeeds('stop', 'invoke-rc.d', 'tined', 'stop');
	is_deeply([processes], [], 'no process is left');
	ok(!-e PIDFILE, 'nor the pid file');
	is((output_of(SCRIPT, 'status'))[0], 3, 'status: not running');
	succeeds('start', 'invoke-rc.d', 'tined', 'start');
};

subtest 'a package that was removed comes back' => sub {
	succeeds('dpkg -r', 'dpkg', '-r', 'tined');
	is_deeply([processes], [], 'nothing runs');
	succeeds('dpkg -i', 'dpkg', '-i', deb);
	is(fetch(PORT), "hello\n", 'it serves again, as it did');
	succeeds('stop', 'invoke-rc.d', 'tined', 'stop');
	succeeds('dpkg -i', 'dpkg', '-i', deb);
	is_deeply([processes], [], 'an upgrade starts nothing that was stopped');
};

subtest 'the port is taken while the package is installed' => sub {
	my $other = IO::Socket::IP->new(LocalHost => '127.0.0.1',
		LocalPort => PORT, Listen => 1, ReuseAddr => 1) // die "$@\n";

	succeeds('dpkg -r', 'dpkg', '-r', 'tined');
	my $said = succeeds('dpkg -i', 'dpkg', '-i', deb);
	like($said, qr/tined: cannot listen on localhost:8080: Address already/,
		'it says what is wrong');
	is((output_of('dpkg', '--audit'))[1], q{}, 'it is installed');
	close $other;
	succeeds('start', 'invoke-rc.d', 'tined', 'start');
	is(fetch(PORT), "hello\n", 'and starts when the port is free');
};

subtest 'another user' => sub {
	spew('/etc/default/tined', 'TINED_OPTS="-l localhost:' . PORT
		. qq{ -w 2 /srv/www"\nTINED_USER=nobody\n});
	succeeds('restart', 'invoke-rc.d', 'tined', 'restart');
	is(fetch(PORT), "hello\n", 'it serves');
	is(getpwuid((stat '/proc/' . master)[4]), 'nobody', 'as that user');
	is(getpwuid((stat LOG)[4]), 'nobody', 'who has the log now');
};

subtest 'the package is removed' => sub {
	my $said = succeeds('dpkg -r', 'dpkg', '-r', 'tined');
	unlike($said, qr/warning|error/i, 'without complaints') or diag($said);
	is_deeply([processes], [], 'nothing runs');
	ok(-e '/etc/default/tined', 'the administrator\'s options stay');
	ok(-e LOG, 'and the logs');
	is((output_of(SCRIPT, 'start'))[0], 0,
		'the init script that stays does no harm');
	succeeds('dpkg -P', 'dpkg', '-P', 'tined');
	is_deeply([Machine::files_of_tined], \@before,
		'after a purge nothing is left');
};

done_testing;
