# Other servers, started for measurements, and ended whatever happens: a program
# that uses this dies of INT, TERM and HUP, and not of PIPE.

package Peer;

use v5.36;

use Bench    qw(find on_core said tree);
use Exporter qw(import);
use IO::Socket::INET ();
use List::Util  qw(first);
use POSIX       qw(:sys_wait_h);
use Tined       qw(spew);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(apache free_ports is_gone nobody program start stop
	version);

use constant STOP => 5;    # seconds a server may take to go

# Names of a peer's program, and what tells its version in what -v prints.
my %PEER = (
	apache   => [ [qw(apache2 httpd)], qr{Apache/(\S+)} ],
	h2o      => [ ['h2o'],             qr{version (\S+)} ],
	lighttpd => [ ['lighttpd'],        qr{lighttpd/(\S+)} ],
	nginx    => [ ['nginx'],           qr{nginx/(\S+)} ],
);

my %running;    # pids of servers we started
my $owner = $$;

for my $name (qw(INT TERM HUP)) {
	$SIG{$name} = sub { die "ended by SIG$name\n" };
}
$SIG{PIPE} = sub { };    # ignoring it would be inherited by the servers

# The path of a peer's program, if it is here, and its version.
sub program ($name) {
	return first {defined} map { find($_) } $PEER{$name}[0]->@*;
}

sub version ($name) {
	return said(program($name), '-v') =~ $PEER{$name}[1] ? $1 : '?';
}

# In a process group of its own, and ended by the kernel should we be killed.
# What it says goes to that file.
sub start ($output, @command) {
	state $setpriv = find('setpriv');
	unshift @command, $setpriv, '--pdeathsig', 'TERM' if $setpriv;
	my $pid = fork() // die "fork: $!\n";
	if (!$pid) {
		POSIX::setpgid(0, 0);
		open STDIN,  '<',  '/dev/null' or POSIX::_exit(1);
		open STDOUT, '>>', $output     or POSIX::_exit(1);
		open STDERR, '>&', \*STDOUT    or POSIX::_exit(1);
		exec on_core(0, @command) or POSIX::_exit(127);
	}
	$running{$pid} = 1;
	return $pid;
}

sub is_gone ($pid) {
	return 0 if waitpid($pid, WNOHANG) == 0;
	delete $running{$pid};
	return 1;
}

sub stop ($pid) {
	my @all = tree($pid);
	kill 'TERM', $pid;
	my $end = time + STOP;
	until (is_gone($pid)) {
		if (time > $end) {
			kill 'KILL', @all;
			waitpid $pid, 0;
			delete $running{$pid};
			last;
		}
		sleep 0.01;
	}
	return;
}

END {
	if (defined $owner && $$ == $owner) {
		my $status = $?;
		stop($_) for keys %running;
		$? = $status;
	}
}

# Free ports, all held at once so that they differ.
sub free_ports ($n) {
	my @held = map {
		IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
			// die "no free port: $@\n"
	} 1 .. $n;
	return map { $_->sockport } @held;
}

# As root, Apache and nginx insist on workers of another user.
sub nobody ($format) {
	return '' if $> != 0;
	my ($user, $gid) = (getpwnam 'nobody')[ 0, 3 ];
	return sprintf $format, $user, scalar getgrgid $gid;
}

# Writes a configuration of Apache into a folder, and returns a command.  dir,
# files: that folder, and what it serves; host, port; mpm: the multi-processing
# module; modules: others that it needs, besides the usual ones; directives: a
# hash of them.
sub apache ($program, %option) {
	my ($dir, $files) = @option{qw(dir files)};
	$option{host} //= '127.0.0.1';
	my $modules = first {-d} qw(
		/usr/lib/apache2/modules /usr/lib64/httpd/modules
		/usr/lib/httpd/modules /usr/libexec/apache2);
	my $builtin = said($program, '-l');
	my $load    = join '',
		map {"LoadModule ${_}_module $modules/mod_$_.so\n"}
		grep { $builtin !~ /mod_$_[.]c/ && $builtin !~ /^\s*$_[.]c/m }
		"mpm_$option{mpm}", qw(unixd authz_core mime),
		@{ $option{modules} // [] };
	my $user = nobody("User %s\nGroup %s\n");
	my $more = join '', map {"$_ $option{directives}{$_}\n"}
		sort keys $option{directives}->%*;
	my $conf = spew("$dir/apache.conf", <<~"END");
		$load${user}${more}ServerRoot $dir
		ServerName localhost
		Listen $option{host}:$option{port}
		PidFile $dir/apache.pid
		DefaultRuntimeDir $dir
		ErrorLog $dir/apache.log
		LogLevel crit
		TypesConfig $dir/mime.types
		MaxConnectionsPerChild 0
		KeepAlive On
		MaxKeepAliveRequests 0
		EnableSendfile On
		DocumentRoot $files
		<Directory />
			AllowOverride None
			Options FollowSymLinks
			Require all granted
		</Directory>
		END
	spew("$dir/mime.types", "text/plain txt\n");
	return ($program, '-DFOREGROUND', '-f', $conf);
}

1;
