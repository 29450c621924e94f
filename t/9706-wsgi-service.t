# An application in Python as a service, by the package tined-wsgi under a real
# systemd, with a virtual environment.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Machine qw(deb enter fetch journal load loses_nothing property succeeds);
use Test::More;
use Tined qw(need_tools slurp spew wait_for);
use Wsgi qw(make_home need_python);

need_tools(qw(dpkg-deb dpkg-shlibdeps));
need_python('venv');
enter(['systemd-machine'], \&Machine::build_deb);

use constant PORT => 8099;
my $UNIT = 'tined-wsgi@shop';

sub write_application ($word) {
	spew('/srv/shop/shop.new', <<~"END");
		import os, socket, subprocess, sys
		import wares
		open(os.environ["STATE_DIRECTORY"] + "/file", "w").close()
		socket.socketpair()

		def app(environ, start_response):
		    start_response("200 OK", [])
		    out = subprocess.run(["id", "-un"], capture_output=True).stdout
		    return [("$word %s %s %s" % (wares.NAME, sys.prefix,
		            out.decode())).encode()]

		print("imported $word")
		END
	rename '/srv/shop/shop.new', '/srv/shop/shop.py' or die $!;
	return;
}

my $answer = sub ($word) {
	return "$word a ware /srv/shop/venv www-data\n";
};

my $wsgi = Machine::wsgi_deb();
ok(defined $wsgi, 'there is a package') or BAIL_OUT('no tined-wsgi');
succeeds('both are installed', 'dpkg', '-i', deb, $wsgi);

mkdir '/srv/shop' or die $!;
make_home('/srv/shop/venv', 'wares.py' => "NAME = 'a ware'\n");
write_application('first');
spew('/etc/default/tined-shop', 'TINED_OPTS="--listen localhost:' . PORT
	    . ' -w 2 --mount /=wsgi:shop:app,home=venv"' . "\n");

subtest 'a service' => sub {
	succeeds('it starts', 'systemctl', 'enable', '--now', $UNIT)
	    or return diag(journal($UNIT));
	is(fetch(PORT), $answer->('first'),
		'with its virtual environment, as www-data, and runs programs');
	ok(-e '/var/lib/tined-shop/file', 'it has a directory to write to');
	like(journal($UNIT), qr/imported first/, 'the journal has what it prints');
	ok(wait_for(sub {
		slurp('/var/log/tined-shop/access.log') =~ m{"GET / HTTP/1\.1" 200 }
	}), 'requests have a log');
	is(succeeds('systemd-analyze verify', 'systemd-analyze', 'verify',
		'--man=no', "$UNIT.service"), q{}, 'has nothing to say');
};

subtest 'changed code' => sub {
	write_application('second');
	succeeds('reload', 'systemctl', 'reload', $UNIT);
	ok(wait_for(sub { fetch(PORT) eq $answer->('second') }), 'runs');
};

subtest 'a newer package' => sub {
	my $old = property('MainPID', $UNIT);
	my $end = load(PORT, '/', $answer->('second'), 2);

	succeeds('is installed', 'dpkg', '-i', $wsgi);
	ok(wait_for(sub {
		property('MainPID', $UNIT) !~ /\A(?:0|$old)\z/
	}), 'the new program takes over') or diag(journal($UNIT));
	loses_nothing($end);
};

subtest 'removed' => sub {
	succeeds('dpkg -r', 'dpkg', '-r', 'tined-wsgi');
	is(property('ActiveState', $UNIT), 'inactive', 'the service has ended');
	ok(!-e '/usr/lib/tined/wsgi.so', 'the module is gone');
	is(property('ActiveState'), 'active', 'and the server stays');
};

done_testing;
