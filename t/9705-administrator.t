# What an administrator does with the Debian package under a real systemd, and
# what goes wrong then: logs, sockets, a port that is taken, options, a package
# that comes back.

use v5.36;

use FindBin;
use IO::Socket::IP ();
use lib "$FindBin::Bin/lib";
use Machine qw(client deb enter fetch journal load loses_nothing options
	output_of processes property serve_page succeeds);
use Test::More;
use Tined qw(need_tools slurp spew wait_for);

need_tools(qw(dpkg-deb dpkg-shlibdeps logrotate ab));
enter(['systemd-machine'], \&Machine::build_deb);

use constant {
	PORT     => 8080,
	LOG      => '/var/log/tined/access.log',
	REQUESTS => 20_000,
	DROP_IN  => '/run/systemd/system/tined.service.d',
};

sub main_pid () { return property('MainPID') || die "no master runs\n" }

sub errors () {
	return (output_of(qw(journalctl --no-pager -q -o cat -p err),
		'_SYSTEMD_UNIT=tined.service'))[1];
}

sub is_served ($name) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(wait_for(sub { (fetch(PORT) // q{}) eq "hello\n" }), $name);
}

# Somebody else's server.
sub take_port () {
	return IO::Socket::IP->new(LocalHost => '127.0.0.1',
		LocalPort => PORT, Listen => 1, ReuseAddr => 1) // die "$@\n";
}

serve_page("hello\n");

subtest 'the port is taken while the package is installed' => sub {
	my $other = take_port;
	my $said = succeeds('dpkg -i', 'dpkg', '-i', deb);
	my @lines = grep { /^tined/ } split /\n/, $said;

	is(scalar @lines, 2, 'it says what is wrong, and what to do')
	    or diag($said);
	unlike($said, qr/systemctl: |Job for/, 'and no more than that')
	    or diag($said);
	like($lines[0], qr/localhost:8080: Address already in use/, 'the cause');
	like($lines[1], qr{/etc/default/tined}, 'the mend');
	is((output_of('dpkg', '--audit'))[1], q{}, 'it is installed');
	ok(wait_for(sub { property('NRestarts') >= 2 }), 'systemd tries again');
	cmp_ok(property('RestartUSec') =~ s/s\z//r, '>=', 1,
		'but not many times a second');
	is(property('StartLimitIntervalUSec'), 0, 'for as long as it takes');
	like(errors, qr/^tined: cannot listen on localhost:8080: /m,
		'it is an error in the journal');
	close $other;
	ok(wait_for(sub { (fetch(PORT) // q{}) =~ /README/ }),
		'it serves as soon as the port is free');
	is(property('UnitFileState'), 'enabled', 'and will after a boot');
};

# The journal's own limit is 10,000 lines in 30 s, and more on a larger disk.
subtest 'many requests and an error' => sub {
	mkdir DROP_IN;
	spew(DROP_IN . '/test.conf', "[Service]\nLogRateLimitBurst=500\n");
	succeeds('daemon-reload', 'systemctl', 'daemon-reload');
	options('-l localhost:' . PORT . ' -w 2 /srv/www');
	succeeds('restart', 'systemctl', 'restart', 'tined');
	is_served('it serves');
	my (undef, $said) = output_of('ab', '-q', '-k', '-c', 4, '-n', REQUESTS,
		'http://127.0.0.1:' . PORT . '/');
	like($said, qr/^Failed requests:\s+0$/m, 'none fails');
	my ($worker) = grep { Tined::title($_) =~ /\Atined: worker/ } processes;
	kill 'KILL', $worker;
	ok(wait_for(sub { errors =~ /\[$worker\] was killed by signal 9/ }),
		'journalctl -p err has the death of a worker');
	unlike(errors, qr/notice|GET/, 'and no more than errors');
	unlike((output_of(qw(journalctl --no-pager -q -o cat)))[1],
		qr/Suppressed/, 'nothing is dropped');
	my $count = () = slurp(LOG) =~ /"GET /g;
	cmp_ok($count, '>=', REQUESTS, "each request has its line in @{[LOG]}");
	like(journal, qr/^master\[\d+\] notice: serving /m,
		'the journal has the time of an event once only');
};

subtest 'logs are rotated' => sub {
	my $end = load(PORT, '/', "hello\n");
	succeeds('logrotate', 'logrotate', '-f', '/etc/logrotate.d/tined');
	ok(wait_for(sub { -s LOG }), 'requests are logged to a new file');
	loses_nothing($end);
	is((stat LOG)[2] & oct('7777'), oct('640'), 'of the same mode');
};

subtest 'the sockets, as README says' => sub {
	my @commands = slurp('/usr/share/doc/tined/README') =~
	    /^ {4}# (systemctl .*\btined\.socket.*)$/mg;

	cmp_ok(@commands, '>', 1, 'it says how');
	is(property('ActiveState'), 'active', 'while the service runs');
	succeeds($_, 'sh', '-ec', $_) for @commands;
	is(property('ActiveState', 'tined.socket'), 'active', 'systemd has them');
	is(property('UnitFileState', 'tined.socket'), 'enabled',
		'and will after a boot');
	is_served('the service serves');
	like(property('TriggeredBy'), qr/tined\.socket/, 'on those');
	my $end = load(PORT, '/', "hello\n");
	succeeds('restart', 'systemctl', 'restart', 'tined');
	loses_nothing($end);
};

subtest 'a package that was removed comes back' => sub {
	succeeds('dpkg -r', 'dpkg', '-r', 'tined');
	is_deeply([processes], [], 'nothing runs');
	succeeds('dpkg -i', 'dpkg', '-i', deb);
	is_served('it serves again, as it did');
	is(property('ActiveState', 'tined.socket'), 'active',
		'on the sockets that were enabled');
	succeeds('disable', qw(systemctl disable --now tined.socket));
	succeeds('restart', 'systemctl', 'restart', 'tined');
	is(property('UnitFileState'), 'enabled', 'after a boot, too');

	succeeds('stop', 'systemctl', 'stop', 'tined');
	succeeds('dpkg -i', 'dpkg', '-i', deb);
	is(property('ActiveState'), 'inactive',
		'an upgrade starts nothing that was stopped');
	succeeds('start', 'systemctl', 'start', 'tined');
};

subtest 'the words of TINED_OPTS' => sub {
	spew('/etc/default/tined', Machine::quoted_options(PORT));
	succeeds('restart', 'systemctl', 'restart', 'tined');
	Machine::has_quoted_options(PORT);
};

subtest 'a program that writes' => sub {
	mkdir $_ or die "$_: $!\n" for qw(/srv/cgi-bin /srv/data);
	chmod 0777, '/srv/data';
	spew('/srv/cgi-bin/note', <<~'END');
		#!/bin/sh
		printf 'Content-Type: text/plain\n\n'
		date >/srv/data/note && id -un
		END
	chmod 0755, '/srv/cgi-bin', '/srv/cgi-bin/note';
	options('-l localhost:' . PORT . ' -w 2 -m /app=cgi:/srv/cgi-bin,'
		    . 'exec=/usr/bin,write=/srv/data /srv/www');
	succeeds('restart', 'systemctl', 'restart', 'tined');
	is(fetch(PORT, '/app/note'), q{}, 'the unit does not let it');
	ok(wait_for(sub { journal =~ /note: .*: Read-only file system/ }),
		'the journal has what it says');
	spew(DROP_IN . '/write.conf', "[Service]\nReadWritePaths=/srv/data\n");
	succeeds('daemon-reload', 'systemctl', 'daemon-reload');
	succeeds('restart', 'systemctl', 'restart', 'tined');
	is(fetch(PORT, '/app/note'), "www-data\n",
		'with a drop-in as in the manual it does');
};

subtest 'options that do not fit a unit' => sub {
	options('-d -l localhost:' . PORT . ' -w 2 /srv/www');
	succeeds('restart', 'systemctl', 'restart', 'tined');
	is_served('-d: it serves');
	like(errors, qr/--daemon is ignored: /, 'and says that it is not heeded');
	my $old = main_pid;
	succeeds('USR2', qw(systemctl kill --kill-who=main --signal=USR2 tined));
	ok(wait_for(sub { property('MainPID') !~ /\A(?:0|$old)\z/ }),
		'an upgrade works');
	ok(wait_for(sub { !-e "/proc/$old" }), 'and ends the old one');
	ok(wait_for(sub { journal =~ /^master\[@{[main_pid]}\] notice: serving /m }),
		'the new one logs to the journal, too');

	options('--workers none -l localhost:' . PORT . ' /srv/www');
	isnt((output_of('systemctl', 'restart', 'tined'))[0], 0,
		'a mistake: restart fails');
	is(property('ActiveState'), 'failed', 'and is not tried again');
	like(errors, qr/^tined: --workers none: expected /m,
		'the journal tells which, as an error');
	options('-l localhost:' . PORT . ' -w 2 -a syslog -e syslog /srv/www');
	succeeds('dpkg -i', 'dpkg', '-i', deb);
	is_served('an upgrade starts what has failed');
	ok(wait_for(sub { fetch(PORT); journal =~ m{"GET / HTTP/1\.1" 200 } }),
		'what goes to syslog is in the journal');
};

subtest 'a purge' => sub {
	succeeds('dpkg -P', 'dpkg', '-P', 'tined');
	is_deeply([processes], [], 'nothing runs');
	succeeds('dpkg -i', 'dpkg', '-i', deb);
	ok(wait_for(sub { (fetch(PORT) // q{}) =~ /README/ }),
		'it comes back as if it were new');
};

done_testing;
