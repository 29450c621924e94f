# Applications that speak FastCGI: PHP-FPM, and one whose answers a test makes
# up.

package Fcgi;

use v5.36;

use Carp     qw(croak);
use Exporter qw(import);
use File::Temp;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(SOCK_STREAM);
use Tined  qw(need_tools slurp spew wait_for);

our @EXPORT_OK = qw(begin content ended err need_php_fpm out record request);

use constant {
	HEADER => 8,
	TYPE_END => 3,
	TYPE_PARAMS => 4,
	TYPE_STDIN => 5,
	TYPE_OUT => 6,
	TYPE_ERR => 7,
};

my ($program) = reverse sort grep {-x} glob '/usr/sbin/php-fpm*';

# Skips the whole test, loudly, without PHP-FPM.
sub need_php_fpm () {
	need_tools('php-fpm') unless $program;
	return;
}

# ---- PHP-FPM ----

# pm: lines of its configuration; port: it listens there, not at its socket.
sub php_fpm ($class, %option) {
	my $self = bless { dir => File::Temp->newdir('fcgi-XXXXXX', TMPDIR => 1),
		owner => $$ }, $class;
	my $dir  = $self->{dir};
	my $listen = $option{port} ? "127.0.0.1:$option{port}" : "$dir/socket";

	spew("$dir/conf", join "\n", '[global]', "error_log = $dir/error.log",
		'[www]', "listen = $listen", "access.log = $dir/access.log",
		'access.format = "%m %r %s"', 'catch_workers_output = yes',
		'php_flag[display_errors] = off', 'php_flag[log_errors] = on',
		'php_admin_value[post_max_size] = 0',
		'php_admin_value[upload_max_filesize] = 9G',
		$> == 0 ? ('user = root', 'group = root') : (),
		@{ $option{pm} // ['pm = static', 'pm.max_children = 3'] }, q{});
	$self->{path} = "$dir/socket";
	$self->_spawn(sub {
		open STDERR, '>', "$dir/stderr" or die $!;
		exec $program, '-n', '-F', '-y', "$dir/conf",
		    $> == 0 ? '-R' : ();
	});
	wait_for(sub { slurp("$dir/error.log") =~ /ready to handle/ })
	    or croak 'PHP-FPM does not start: ', slurp("$dir/stderr"),
	    slurp("$dir/error.log");
	return $self;
}

# The requests that PHP-FPM has had.
sub accesses ($self) { return split /\n/, slurp("$self->{dir}/access.log") }

# ---- One that a test makes up ----

# Calls the code with each connection, one after the other, and their number.
# What the code returns is in seen().
sub application ($class, $code) {
	my $self = bless { dir => File::Temp->newdir('fcgi-XXXXXX', TMPDIR => 1),
		owner => $$ }, $class;

	$self->{path} = "$self->{dir}/socket";
	chmod oct '0755', "$self->{dir}";
	my $listener = IO::Socket::UNIX->new(Local => $self->{path},
		Type => SOCK_STREAM, Listen => 8) // croak "listen: $!";
	$self->_spawn(sub {
		my $number = 0;

		local $SIG{PIPE} = 'IGNORE';
		while (my $client = $listener->accept) {
			my @lines = eval { $code->($client, ++$number) };

			@lines = ("died: $@") if $@;
			close $client; # seen() tells that it is closed
			open my $seen, '>>', "$self->{dir}/seen" or die $!;
			print {$seen} map {"$_\n"} @lines;
			close $seen or die $!;
		}
	});
	return $self;
}

sub seen ($self) { return split /\n/, slurp("$self->{dir}/seen") }

sub _take ($client, $size) {
	my $bytes = q{};

	while (length $bytes < $size) {
		my $n = sysread $client, $bytes, $size - length $bytes,
		    length $bytes;

		return if !$n;
	}
	return $bytes;
}

# Reads a record: its type and content; nothing at the end.
sub _read_record ($client) {
	my $header = _take($client, HEADER) // return;
	my (undef, $type, undef, $length, $padding) = unpack 'CCnnC', $header;
	my $content = $length ? _take($client, $length) : q{};

	_take($client, $padding) if $padding;
	return ($type, $content);
}

# Reads what comes before the content: the variables, or nothing.
sub begin ($client) {
	my ($type, $content) = _read_record($client) or return;
	my $pairs = q{};
	my %flags = (flags => unpack 'x2C', $content);

	while (1) {
		($type, $content) = _read_record($client) or return;
		last if $type != TYPE_PARAMS || $content eq q{};
		$pairs .= $content;
	}
	return { %flags, %{ params($pairs) } };
}

sub params ($pairs) {
	my %params;

	while (length $pairs) {
		my @lengths = map {
			my $n = ord $pairs;

			$n = $n & 128 ? unpack('N', $pairs) & 0x7fffffff : $n;
			substr $pairs, 0, ord($pairs) & 128 ? 4 : 1, q{};
			$n
		} 1, 2;
		my ($name, $value) = map { substr $pairs, 0, $_, q{} } @lengths;

		$params{$name} = $value;
	}
	return \%params;
}

# Reads the content to its end.
sub content ($client) {
	my $all = q{};

	while (my ($type, $content) = _read_record($client)) {
		return $all if $type == TYPE_STDIN && $content eq q{};
		$all .= $content;
	}
	return;
}

# Both.
sub request ($client) {
	my $params = begin($client) // return;

	$params->{content} = content($client) // return;
	return $params;
}

sub record ($type, $content = q{}, %option) {
	my $padding = $option{padding} // 0;

	return pack('CCnnCx', $option{version} // 1, $type, $option{id} // 1,
		length $content, $padding) . $content . 'x' x $padding;
}

sub out ($content)      { return record(TYPE_OUT, $content) }
sub err ($content)      { return record(TYPE_ERR, $content) }
sub ended ($status = 0) { return record(TYPE_END, pack 'NCx3', 0, $status) }

# ---- Both ----

sub path ($self) { return $self->{path} }

sub _spawn ($self, $code) {
	STDOUT->flush;
	$self->{pid} = fork // croak "fork: $!";
	return if $self->{pid};
	eval { $code->(); 1 } or print STDERR $@;
	POSIX::_exit(1);
}

sub stop ($self) {
	my $pid = delete $self->{pid} // return;

	kill 'TERM', $pid;
	waitpid $pid, 0;
	return;
}

sub DESTROY ($self) {
	local ($?, $@, $!);
	$self->stop if $self->{owner} == $$;
	return;
}

1;
