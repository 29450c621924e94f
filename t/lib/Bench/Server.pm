# The servers that t/bench/run measures: how each is configured, started and
# ended.  To add one, add a row to @KIND and the sub that it names.

package Bench::Server;

use v5.36;

use Bench       qw(said slurp);
use Exporter    qw(import);
use IO::Select       ();
use IO::Socket::INET ();
use List::Util  qw(first);
use Peer        qw(free_ports is_gone nobody program version);
use Tined       qw(spew);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(is_dedicated is_known kinds);

use constant {
	START   => 30,      # seconds that a server may take to answer first
	CLIENTS => 4096,    # connections that a server may have
	THREADS => 64,      # of Apache event's one process
};

my $TINED = $ENV{TINED} // 'build/tined';

# name; about: what is not plain from it; peer: whose program it is, or program:
# its path; dedicated: each client that stays has a process for itself; command:
# the sub that writes a configuration for a server and returns the command.
my @KIND = (
	{   name    => 'tined',
		program => $TINED,
		command => \&tined,
	},
	{   name      => 'tined-nolot',
		about     => '--no-lot, with a worker for each connection',
		program   => $TINED,
		dedicated => 1,
		command   => sub ($s) { tined($s, '--no-lot') },
	},
	{   name    => 'nginx',
		about   => 'tcp_nopush on, as Debian ships it',
		peer    => 'nginx',
		command => sub ($s) { nginx($s, 'tcp_nopush on;') },
	},
	{   name    => 'nginx-cache',
		about   => 'the same with open_file_cache',
		peer    => 'nginx',
		command => sub ($s) {
			nginx($s, 'tcp_nopush on; open_file_cache max=1000;');
		},
	},
	{   name    => 'nginx-push',
		about   => 'tcp_nopush off, the default of nginx itself',
		peer    => 'nginx',
		command => sub ($s) { nginx($s, 'tcp_nopush off;') },
	},
	{   name    => 'lighttpd',
		peer    => 'lighttpd',
		command => \&lighttpd,
	},
	{   name      => 'apache-prefork',
		peer      => 'apache',
		dedicated => 1,
		command   => \&apache_prefork,
	},
	{   name    => 'apache-event',
		about   => 'one process of ' . THREADS . ' threads',
		peer    => 'apache',
		command => \&apache_event,
	},
	{   name    => 'h2o',
		about   => 'one thread',
		peer    => 'h2o',
		command => \&h2o,
	},
	{   name      => 'bare',
		about     => 'accept, recv, send: t/bench/bareloop.c',
		dedicated => 1,
		command   => \&bare,
	},
);

sub kinds () { return map { $_->{name} } @KIND }

sub _kind ($name) { return first { $_->{name} eq $name } @KIND }

sub is_known ($name) { return defined _kind($name) }

sub is_dedicated ($name) { return _kind($name)->{dedicated} }

# Another tined is one more kind.
sub add_tined ($class, $label, $program) {
	push @KIND, {
		name    => $label,
		about   => $program,
		program => $program,
		command => \&tined,
	};
	return;
}

# A server that is not running yet.  kind; dir: the folder in which it gets one
# for all that it writes; files: the folder that it serves; workers: how many,
# undef for its own default; log: whether it logs.  The bare loop needs more:
# programs, its folder, and row, what is going to be asked.
sub new ($class, $kind, %option) {
	my $self = bless { _kind($kind)->%*, %option }, $class;

	$self->{program} = program($self->{peer}) if $self->{peer};
	$self->{name} .= '+log' if $option{log};
	$self->{dir}  .= "/$self->{name}";
	$self->{log}   = $option{log} ? "$self->{dir}/access.log" : undef;
	return $self;
}

sub name ($self) { return $self->{name} }
sub port ($self) { return $self->{port} }
sub pid  ($self) { return $self->{pid} }
sub logs ($self) { return defined $self->{log} }

sub is_here ($self) {
	return 1 if $self->{name} eq 'bare';
	return defined $self->{program} && -x $self->{program};
}

sub describe ($self) {
	my $version = $self->{peer} ? version($self->{peer})
		: !$self->{program} ? undef
		: said($self->{program}, '--version') =~ /([\d.]+)/a ? $1 : '?';
	return join '; ', grep {defined} $version, $self->{about};
}

# --- the configurations: each returns a command ---

sub tined ($s, @args) {
	unshift @args, '-w', $s->{workers} if defined $s->{workers};
	return ($s->{program}, '-l', "127.0.0.1:$s->{port}", '-q', '-a',
		$s->{log} // 'off', @args, $s->{files});
}

sub nginx ($s, $more) {
	my $user = nobody('user %s %s;');
	my $log  = $s->{log} // 'off';
	my $conf = spew("$s->{dir}/nginx.conf", <<~"END");
		$user daemon off;
		worker_processes 1;
		worker_rlimit_nofile ${\(2 * CLIENTS)};
		pid $s->{dir}/nginx.pid;
		error_log $s->{dir}/error.log crit;
		events { worker_connections ${\CLIENTS}; }
		http {
			types { text/plain txt; }
			access_log $log;
			sendfile on;
			tcp_nodelay on;
			keepalive_requests 1000000000;
			client_body_temp_path $s->{dir}/body;
			proxy_temp_path $s->{dir}/proxy;
			fastcgi_temp_path $s->{dir}/fastcgi;
			uwsgi_temp_path $s->{dir}/uwsgi;
			scgi_temp_path $s->{dir}/scgi;
			$more
			server {
				listen 127.0.0.1:$s->{port} deferred backlog=4096;
				root $s->{files};
			}
		}
		END
	return ($s->{program}, '-p', $s->{dir}, '-e', "$s->{dir}/error.log",
		'-c', $conf);
}

sub lighttpd ($s) {
	my $log = $s->{log} ? <<~"END" : '';
		server.modules = ( "mod_accesslog" )
		accesslog.filename = "$s->{log}"
		END
	my $conf = spew("$s->{dir}/lighttpd.conf", <<~"END");
		$log
		server.bind = "127.0.0.1"
		server.port = $s->{port}
		server.defer-accept = 1
		server.document-root = "$s->{files}"
		server.network-backend = "sendfile"
		server.max-keep-alive-requests = 65535
		server.max-connections = ${\CLIENTS}
		server.max-fds = ${\(2 * CLIENTS)}
		mimetype.assign = ( ".txt" => "text/plain" )
		END
	return ($s->{program}, '-D', '-f', $conf);
}

sub apache ($s, $mpm, %directive) {
	if ($s->{log}) {
		$directive{LogFormat} = '"%h %l %u %t \"%r\" %>s %b '
			. '\"%{Referer}i\" \"%{User-Agent}i\"" combined';
		$directive{CustomLog} = "$s->{log} combined";
	}
	return Peer::apache(
		$s->{program},
		(map { ($_ => $s->{$_}) } qw(dir files port)),
		mpm        => $mpm,
		modules    => [ $s->{log} ? 'log_config' : () ],
		directives => { KeepAliveTimeout => 5, %directive },
	);
}

sub apache_prefork ($s) {
	my $n = $s->{workers} // return apache($s, 'prefork');
	return apache(
		$s, 'prefork',
		ServerLimit       => $n,
		MaxRequestWorkers => $n,
		StartServers      => $n,
		MinSpareServers   => 1,
		MaxSpareServers   => $n,
	);
}

# As many connections as there may be, though each thread has but few.
sub apache_event ($s) {
	return apache(
		$s, 'event',
		ServerLimit         => 1,
		StartServers        => 1,
		ThreadLimit         => THREADS,
		ThreadsPerChild     => THREADS,
		MaxRequestWorkers   => THREADS,
		MinSpareThreads     => 1,
		MaxSpareThreads     => THREADS,
		AsyncRequestWorkerFactor => CLIENTS / THREADS,
	);
}

sub h2o ($s) {
	my $user = nobody("user: %1\$s\n");
	my $log  = $s->{log} ? "access-log: $s->{log}\n" : '';
	my $conf = spew("$s->{dir}/h2o.conf", $user . $log . <<~"END");
		pid-file: $s->{dir}/h2o.pid
		error-log: $s->{dir}/error.log
		num-threads: 1
		tcp-fastopen: 0
		max-connections: ${\CLIENTS}
		listen:
		  host: 127.0.0.1
		  port: $s->{port}
		hosts:
		  default:
		    paths:
		      /:
		        file.dir: $s->{files}
		END
	return ($s->{program}, '-m', 'worker', '-c', $conf);
}

sub bare ($s) {
	return ("$s->{programs}/bareloop", $s->{port}, $s->{workers},
		$s->{row}{size}, length $s->{row}{request},
		$s->{row}{once} ? 'close' : 'keep');
}

# --- starting and ending ---

sub start ($self) {
	mkdir $self->{dir};
	# Some go on as another user, who writes there.
	chmod 0777, $self->{dir} or die "$self->{dir}: $!\n";
	($self->{port}) = free_ports(1);
	$self->{pid} = Peer::start("$self->{dir}/out",
		$self->{command}->($self));
	return $self;
}

# What went wrong, or nothing.
sub wait_ready ($self) {
	my $end = time + START;

	until ($self->_answers) {
		my $gone = is_gone($self->{pid});
		next if !$gone && time < $end && sleep 0.01;
		my $why = $self->output;
		Peer::stop($self->{pid}) if !$gone;
		return 'does not start: ' . ($why || 'it says nothing');
	}
	return;
}

# The bare loop takes any bytes for requests.
sub _answers ($self) {
	my $sock = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{port}")
		or return 0;
	return 1 if $self->{name} eq 'bare';
	print $sock "HEAD / HTTP/1.1\r\nHost: localhost\r\n",
		"Connection: close\r\n\r\n";
	IO::Select->new($sock)->can_read(1) or return 0;
	my $line = <$sock> // '';
	return $line =~ m{^HTTP/1.1 \d+ };
}

sub output ($self) {
	return join '', map { slurp($_) } "$self->{dir}/out",
		glob "$self->{dir}/{error,apache}.log";
}

sub stop ($self) {
	Peer::stop($self->{pid});
	return;
}

# How many requests of that target are in its log: when it has ended.
sub logged ($self, $target) {
	my $n = 0;

	open my $log, '<', $self->{log} or return 0;
	while (<$log>) {
		$n++ if /"GET \Q$target\E HTTP/;
	}
	close $log;
	return $n;
}

1;
