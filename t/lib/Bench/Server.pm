# The servers that t/bench/run measures: how each is configured, started and
# ended.  To add one, add a row to @KIND and the sub that it names.

package Bench::Server;

use v5.36;

use Bench       qw(find said slurp);
use Cwd         qw(abs_path);
use Exporter    qw(import);
use File::Basename qw(dirname);
use File::Copy     qw(copy);
use IO::Select       ();
use IO::Socket::INET ();
use IO::Socket::UNIX ();
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

# What imports an application in Python, and the program that the bug report has.
my $PYTHON = '/usr/bin/python3';
my $STARS  = 'stars:application';
my $APPS   = abs_path(dirname(__FILE__) . '/../../wsgi');
# The module by which tined serves it, and what PHP serves.
my $WSGI = dirname($TINED) . '/modules/wsgi.so';
my $PAGE = abs_path(dirname(__FILE__) . '/../../bench/page.php');

# What tined serves in a row of that group: the arguments for it.
my %MOUNT = (
	wsgi   => sub ($s) { ('-m', "/=wsgi:$STARS,path=$APPS") },
	module => sub ($s) {
		return ('-m', '/=hello:,greeting=' . 'x' x ($s->{row}{size} - 1));
	},
	cgi   => sub ($s) { ('-m', '/=cgi:' . page($s)) },
	proxy => sub ($s) {
		return ('-m', '/=proxy:http://127.0.0.1:' . $s->{upstream}->port);
	},
	fcgi => sub ($s) {
		return ('-m', "/=fcgi:unix:$s->{upstream}{path},keepalive=60s,"
			. "env=SCRIPT_FILENAME=$PAGE");
	},
);

# name; about: what is not plain from it; peer: whose program it is, or program:
# its path; package: of Python, that has to be there, and has the version; file:
# as well; path: of its socket in its folder, if it speaks no HTTP; dedicated:
# each client that stays has a process for itself; command: the sub that writes a
# configuration for a server and returns the command.
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
	{   name    => 'tined-echo',
		about   => 'the handler echo:, which is built in',
		program => $TINED,
		command => sub ($s) {
			return tined_with($s, '-m', "/=echo:$s->{row}{size}");
		},
	},
	{   name    => 'tined-heavy',
		about   => 'its worker holds 200 MB',
		program => $TINED,
		file    => $WSGI,
		command => sub ($s) {
			return tined($s, '-m', "/heavy=wsgi:heavy:app,path=$APPS");
		},
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
	{   name    => 'nginx-pass',
		about   => 'proxy_pass and fastcgi_pass, with kept connections',
		peer    => 'nginx',
		command => \&nginx_pass,
	},
	{   name    => 'lighttpd',
		peer    => 'lighttpd',
		command => \&lighttpd,
	},
	{   name    => 'lighttpd-cgi',
		about   => 'mod_cgi',
		peer    => 'lighttpd',
		command => \&lighttpd_cgi,
	},
	{   name    => 'apache-cgi',
		about   => 'prefork and mod_cgi',
		peer    => 'apache',
		command => sub ($s) {
			return apache_prefork($s, modules => [qw(alias cgi env)],
				# Else it would leave out Content-Length.
				SetEnv => 'ap_trust_cgilike_cl 1',
				ScriptAlias => "$s->{row}{target} " . page($s));
		},
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
	{   name    => 'paste',
		about   => 'paste.httpserver, HTTP/1.1, a thread for each client',
		program => $PYTHON,
		package => 'paste',
		dedicated => 1,
		command => sub ($s) {
			return ($PYTHON, "$APPS/stars.py", $s->{port},
				$s->{workers}, $s->{host});
		},
	},
	{   name    => 'waitress',
		about   => 'one process',
		program => $PYTHON,
		package => 'waitress',
		command => sub ($s) {
			return python($s, 'waitress',
				"--listen=127.0.0.1:$s->{port}",
				"--threads=$s->{workers}", $STARS);
		},
	},
	{   name    => 'gunicorn-sync',
		about   => 'a new connection for each request',
		program => $PYTHON,
		package => 'gunicorn',
		command => sub ($s) { gunicorn($s, 'sync', 1) },
	},
	{   name    => 'gunicorn-gthread',
		about   => 'two threads in each process',
		program => $PYTHON,
		package => 'gunicorn',
		command => sub ($s) { gunicorn($s, 'gthread', 2) },
	},
	{   name      => 'uwsgi',
		about     => 'http11-socket',
		program   => find('uwsgi'),
		package   => 'uwsgidecorators',
		file      => '/usr/lib/uwsgi/plugins/python3_plugin.so',
		dedicated => 1,
		command   => \&uwsgi,
	},
	{   name      => 'mod-wsgi',
		about     => 'embedded, Apache prefork',
		peer      => 'apache',
		file      => '/usr/lib/apache2/modules/mod_wsgi.so',
		dedicated => 1,
		command   => sub ($s) {
			return apache_prefork($s, modules => ['wsgi'],
				WSGIScriptAlias => "/ $APPS/stars.py",
				WSGIRestrictEmbedded => 'Off');
		},
	},
	{   name    => 'php-fpm',
		program => (reverse sort glob '/usr/sbin/php-fpm*')[0],
		path    => 'socket',
		command => \&php_fpm,
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
# undef for its own default; log: whether it logs; host: an address other than
# 127.0.0.1; under: the words that stand before its command; args: more words for
# tined; programs: the folder of those that are measured with; row: what is going
# to be asked; upstream: the server that stands behind this one.
sub new ($class, $kind, %option) {
	my $self = bless { host => '127.0.0.1', under => [], args => [],
		_kind($kind)->%*, %option }, $class;

	$self->{program} = program($self->{peer}) if $self->{peer};
	$self->{name} .= '+log' if $option{log};
	$self->{dir}  .= "/$self->{name}";
	$self->{log}   = $option{log} ? "$self->{dir}/access.log" : undef;
	$self->{path}  = "$self->{dir}/$self->{path}" if $self->{path};
	return $self;
}

sub name ($self) { return $self->{name} }
sub port ($self) { return $self->{port} }
sub pid  ($self) { return $self->{pid} }
sub workers ($self) { return $self->{workers} }
sub logs ($self) { return defined $self->{log} }

sub is_here ($self) {
	return 1 if $self->{name} eq 'bare';
	return 0 if defined $self->{file} && !-e $self->{file};
	return 0 if defined $self->{package} && !$self->_package_version;
	return defined $self->{program} && -x $self->{program};
}

# Of a Debian package, as Python's own has no version everywhere.
sub _package_version ($self) {
	my %debian = (gunicorn => 'gunicorn', uwsgidecorators => 'uwsgi-core');
	my $name   = $debian{ $self->{package} } // "python3-$self->{package}";
	my ($version) = said('dpkg-query', '-W', '-f',
		'${db:Status-Status} ${Version}', $name) =~ /^installed (\S+)/;
	return $version;
}

sub describe ($self) {
	my $version = $self->{package} ? $self->_package_version
		: $self->{peer} ? version($self->{peer})
		: !$self->{program} ? undef
		: said($self->{program}, '--version') =~ /([\d.]+)/a ? $1 : '?';
	return join '; ', grep {defined} $version, $self->{about};
}

# --- the configurations: each returns a command ---

sub tined ($s, @args) {
	my $mount = $MOUNT{ $s->{row}{group} // '' };

	return tined_with($s, @args, $mount ? $mount->($s) : $s->{files});
}

sub tined_with ($s, @args) {
	unshift @args, '-w', $s->{workers} if defined $s->{workers};
	return ($s->{program}, '-l', "$s->{host}:$s->{port}", '-q', '-a',
		$s->{log} // 'off', $s->{args}->@*, @args);
}

# Without files of compiled code beside the sources.
sub python ($s, $module, @args) {
	return ('env', 'PYTHONDONTWRITEBYTECODE=1', "PYTHONPATH=$APPS", $PYTHON,
		'-m', $module, @args);
}

sub gunicorn ($s, $class, $threads) {
	return python($s, 'gunicorn', '-b', "127.0.0.1:$s->{port}", '-k', $class,
		'-w', $s->{workers}, '--threads', $threads, '--keep-alive', 75,
		$STARS);
}

sub uwsgi ($s) {
	return ($s->{program}, '--plugin', 'python3', '--master',
		'--http11-socket', "127.0.0.1:$s->{port}", '--pythonpath', $APPS,
		'--module', $STARS, '--processes', $s->{workers},
		qw(--die-on-term --disable-logging --listen 128));
}

# A copy of the program that writes a page, which any user may run.
sub page ($s) {
	my $path = "$s->{dir}/page.cgi";

	copy("$s->{programs}/page", $path) or die "$path: $!\n";
	chmod 0755, $path or die "$path: $!\n";
	return $path;
}

# Enough processes for the kept connections of two servers before it.
sub php_fpm ($s) {
	my $user = nobody("user = %s\ngroup = %s");
	my $conf = spew("$s->{dir}/conf", <<~"END");
		[global]
		error_log = $s->{dir}/error.log
		[www]
		$user
		listen = $s->{path}
		listen.mode = 0666
		pm = static
		pm.max_children = ${\(3 * $s->{workers})}
		END
	return ($s->{program}, '-n', '-F', '-y', $conf);
}

# More kept connections than the clients need would occupy all of PHP-FPM.
sub nginx_pass ($s) {
	my $behind = $s->{upstream};
	my $to = $behind->{path} ? "unix:$behind->{path}"
		: '127.0.0.1:' . $behind->port;
	my $pass = $behind->{path} ? <<~"END" : <<~'END';
		include /etc/nginx/fastcgi_params;
		fastcgi_param SCRIPT_FILENAME $PAGE;
		fastcgi_keep_conn on;
		fastcgi_pass behind;
		END
		proxy_http_version 1.1;
		proxy_set_header Connection "";
		proxy_set_header Host $http_host;
		proxy_set_header X-Forwarded-For $remote_addr;
		proxy_set_header X-Forwarded-Proto $scheme;
		proxy_set_header X-Forwarded-Host $http_host;
		proxy_pass http://behind;
		END
	my $keep = $behind->{path} ? $s->{workers} : $s->{row}{clients};

	return nginx($s, <<~"END", "location / { $pass }");
		upstream behind { server $to; keepalive $keep;
			keepalive_requests 1000000000; }
		END
}

sub nginx ($s, $more, $location = '') {
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
				listen $s->{host}:$s->{port} deferred backlog=4096;
				root $s->{files};
				$location
			}
		}
		END
	return ($s->{program}, '-p', $s->{dir}, '-e', "$s->{dir}/error.log",
		'-c', $conf);
}

sub lighttpd_cgi ($s) {
	return lighttpd($s, <<~"END");
		server.modules = ( "mod_alias", "mod_cgi" )
		alias.url = ( "$s->{row}{target}" => "${\page($s)}" )
		cgi.assign = ( ".cgi" => "" )
		END
}

sub lighttpd ($s, $more = '') {
	my $log = $s->{log} ? <<~"END" : '';
		server.modules = ( "mod_accesslog" )
		accesslog.filename = "$s->{log}"
		END
	my $conf = spew("$s->{dir}/lighttpd.conf", <<~"END");
		$log$more
		server.bind = "$s->{host}"
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
	my $modules = delete $directive{modules} // [];
	if ($s->{log}) {
		$directive{LogFormat} = '"%h %l %u %t \"%r\" %>s %b '
			. '\"%{Referer}i\" \"%{User-Agent}i\"" combined';
		$directive{CustomLog} = "$s->{log} combined";
	}
	return Peer::apache(
		$s->{program},
		(map { ($_ => $s->{$_}) } qw(dir files host port)),
		mpm        => $mpm,
		modules    => [ @$modules, $s->{log} ? 'log_config' : () ],
		directives => { KeepAliveTimeout => 5, %directive },
	);
}

sub apache_prefork ($s, %more) {
	my $n = $s->{workers} // return apache($s, 'prefork');
	return apache(
		$s, 'prefork', %more,
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
		$s->{row}{once} ? 'close' : 'keep',
		$s->{upstream} ? $s->{upstream}->port : ());
}

# --- starting and ending ---

sub start ($self) {
	mkdir $self->{dir};
	# Some go on as another user, who writes there.
	chmod 0777, $self->{dir} or die "$self->{dir}: $!\n";
	($self->{port}) = free_ports(1);
	$self->{pid} = Peer::start("$self->{dir}/out",
		$self->{under}->@*, $self->{command}->($self));
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
	return IO::Socket::UNIX->new($self->{path}) ? 1 : 0 if $self->{path};
	my $sock = IO::Socket::INET->new(PeerAddr => "$self->{host}:$self->{port}")
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
