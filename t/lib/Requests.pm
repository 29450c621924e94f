package Requests;

use v5.36;

use Carp     qw(croak);
use Errno    qw(EAGAIN ECONNRESET EINTR EPIPE);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Path     qw(make_path);
use IO::Select       ();
use IO::Socket::INET ();
use IO::Socket::UNIX ();
use List::Util qw(any min);
use POSIX      qw(mkfifo);
use Socket     qw(IPPROTO_TCP MSG_NOSIGNAL TCP_NODELAY);
use Time::HiRes    qw(time);
use Tined::Helpers qw(deadline);

our @EXPORT_OK = qw(LAWFUL outcome prepare_folder read_table
	row_problems try_rows);

# What goes behind every row: it is answered with so many stars, and last.
use constant LAWFUL => "GET /lawful HTTP/1.1\r\nHost: behind\r\n"
    . "Connection: close\r\n\r\n";
use constant LAWFUL_BODY => q{*} x 7;

use constant {
	AT_ONCE   => 48,     # connections
	PATIENCE  => 30,     # seconds for one row
	SINGLY    => 256,    # bytes at both ends of what goes byte by byte
	IN_PIECES => 61,     # bytes, and what is between them in pieces
	OUTQ      => 0x5411, # ioctl: what of a socket's output is not yet read
};

my %ESCAPE = (
	r => "\r", n => "\n", t => "\t", f => "\f", v => "\x0b", e => "\e",
	a => "\a", b => "\b", 0 => "\0",
);

# Reading the table

# A list of hashes: name, line, section, bytes, eof, answers, after, soon, body.
sub read_table ($path) {
	my (@rows, %word, %seen, $section);

	open my $file, '<', $path or croak "$path: $!";
	while (my $line = <$file>) {
		chomp $line;
		next if $line eq q{};
		if ($line =~ /\A\#\#\s+(.*)/) {
			$section = $1;
		} elsif ($line =~ /\A\{(\w+)\}\s+=\s(.*)\z/) {
			my ($name, $text) = ($1, $2);
			$word{$name} = _words($text, \%word);
		} elsif ($line !~ /\A\#/) {
			my $row = _row($line, \%word) // croak
			    "$path:$.: not a row: $line";
			croak "$path:$.: twice: $row->{name}"
			    if $seen{ $row->{name} }++;
			push @rows, { %$row, line => $., section => $section };
		}
	}
	close $file or croak "$path: $!";
	return @rows;
}

sub _row ($line, $word) {
	my ($answers, $after, $body, $name, $text) = $line =~ m{\A
		([\d,+]+|-) [ ] ((?:(?:open|closed|ended|cut|soon),?)+) (?: [ ] "(.*?)" )? \s*
		[|][ ] (.*?) \s* [|][ ] (.*) \z}x or return;
	my $row = { name => $name, after => $after };

	$row->{soon} = 1 if $row->{after} =~ s/\Asoon\z/open/;
	$row->{answers} = $answers eq q{-} ? []
	    : [map { [split /,/] } split /[+]/, $answers];
	$row->{body} = _bytes($body, {}) if defined $body;
	$row->{eof}  = 1 if $text =~ s/\{eof\}\z//;
	$row->{bytes} = _bytes($text, $word);
	return $row;
}

# C's escapes, {name} for what was defined above, {300*x} for 300 times x.
sub _bytes ($text, $word) {
	$text = _words($text, $word);
	1 while $text =~ s/\{(\d+)\*((?:[^\\{}]|\\.)+)\}/$2 x $1/ge;
	$text =~ s/\\(?:x([[:xdigit:]]{2})|(.))/
	    defined $1 ? chr hex $1 : $ESCAPE{$2} \/\/ $2/gex;
	return $text;
}

sub _words ($text, $word) {
	return $text =~ s/\{([a-z]\w*)\}/
	    $word->{$1} \/\/ croak "what is {$1}?"/gerx;
}

# The folder that the rows ask for.
sub prepare_folder ($root) {
	my %files = (
		'index.html'         => "home\n",
		'hello.txt'          => "hello\n",
		'a b.txt'            => "space\n",
		"caf\xc3\xa9.txt"    => "utf-8\n",
		'%41.txt'            => "percent\n",
		'.hidden'            => "hidden\n",
		'.well-known/x.txt'  => "known\n",
		'dir/index.html'     => "dir\n",
		'dir/x.txt'          => "x\n",
		'dir/*.txt'          => "asterisk\n",
		'dir/.hidden'        => "hidden\n",
	);

	make_path("$root/empty");
	for my $name (keys %files) {
		make_path(dirname("$root/$name"));
		open my $file, '>:raw', "$root/$name" or croak "$name: $!";
		print {$file} $files{$name};
		close $file or croak "$name: $!";
		# Long ago, so that its tag is a strong one.
		utime 1e9, 1e9, "$root/$name";
	}
	symlink 'hello.txt',   "$root/within" or croak "within: $!";
	symlink '/etc/passwd', "$root/out"    or croak "out: $!";
	mkfifo("$root/fifo", oct 644)         or croak "fifo: $!";
	return;
}

# Trying it

# Each row on a connection of its own, many at once.  The ways:
#   whole	the row in one write, the lawful one when it is answered
#   bytes	the same, but byte by byte
#   two		the row and the lawful one in one write
# The address is a port, or the path of a Unix socket.  There each write waits
# until the server has read the one before, so that bytes are surely single.
# Returns a list of hashes, one for each row, as _judge makes them.
sub try_rows ($address, $way, @rows) {
	my @waiting = map { { row => $_, way => $way } } @rows;
	my @all     = @waiting;
	my %going;

	while (@waiting || %going) {
		while (@waiting && keys %going < AT_ONCE) {
			my $try = shift @waiting;
			_begin($try, $address);
			$going{ fileno $try->{sock} } = $try;
		}
		_turn(\%going);
	}
	return map { $_->{result} } @all;
}

sub _connect ($try, $address) {
	my $sock;

	if ($address =~ m{/}) {
		$sock = IO::Socket::UNIX->new(Peer => $address)
		    // croak "cannot connect to $address: $!";
		$try->{paced} = 1;
	} else {
		$sock = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$address")
		    // croak "cannot connect: $@";
		setsockopt $sock, IPPROTO_TCP, TCP_NODELAY, 1;
	}
	$sock->blocking(0);
	return $sock;
}

sub _begin ($try, $address) {
	my ($row, $way) = $try->@{qw(row way)};

	$try->{sock}  = _connect($try, $address);
	$try->{in}    = q{};
	# Who waits so long is waiting: that is what other servers are asked.
	$try->{ends}  = defined $row->{patience} ? time + $row->{patience}
	    : deadline(PATIENCE);
	$try->{wants} = $row->{answers}->@*;
	$try->{found} = [];
	$try->{out} = $way eq 'bytes' ? _singly($row->{bytes})
	    : [$way eq 'two' && !$row->{eof} ? $row->{bytes} . LAWFUL
	    : $row->{bytes}];
	$try->{behind} = $way ne 'two' && !$row->{eof};
	$try->{shut}   = $row->{eof};
	return;
}

sub _singly ($bytes) {
	return [split //, $bytes] if length $bytes <= 4 * SINGLY;
	return [
		(split //, substr $bytes, 0, SINGLY),
		unpack("(a${\IN_PIECES})*", substr $bytes, SINGLY, -SINGLY),
		(split //, substr $bytes, -SINGLY),
	];
}

# One write and one read for whoever is ready for it.
sub _turn ($going) {
	my ($readable, $writable) = (q{}, q{});
	my $now = time;

	for my $fd (keys %$going) {
		my $try = $going->{$fd};
		vec($readable, $fd, 1) = 1;
		vec($writable, $fd, 1) = 1 if $try->{out}->@* || $try->{shut};
	}
	my $pause = any { _is_unread($_) } values %$going;
	select $readable, $writable, undef, $pause ? 0 : 0.5;
	for my $fd (keys %$going) {
		my $try = $going->{$fd};
		_write($try) if vec($writable, $fd, 1) && !_is_unread($try);
		_read($try)  if vec $readable, $fd, 1;
		$try->{late} = 1 if $now > $try->{ends};
		if ($try->{end} || $try->{late}) {
			$try->{result} = _judge($try);
			close $try->{sock};
			delete $going->{$fd};
		}
	}
	return;
}

sub _is_unread ($try) {
	return 0 unless $try->{paced};
	my $size = pack 'i', 0;
	return ioctl($try->{sock}, OUTQ, $size) && unpack 'i', $size;
}

sub _write ($try) {
	my $out = $try->{out};

	if (@$out && $out->[0] ne q{}) {
		my $n = send $try->{sock}, $out->[0], MSG_NOSIGNAL;
		if (defined $n) {
			substr $out->[0], 0, $n, q{};
		} elsif ($! == EPIPE || $! == ECONNRESET) {
			@$out = ();    # what it said before is still read
		} elsif ($! != EAGAIN && $! != EINTR) {
			croak "send: $!";
		}
	}
	shift @$out while @$out && $out->[0] eq q{};
	if (!@$out && $try->{shut}) {
		shutdown $try->{sock}, 1;
		$try->{shut} = 0;
	}
	_send_behind($try);
	return;
}

# The lawful request, once the row is sent and answered.
sub _send_behind ($try) {
	return if !$try->{behind} || $try->{out}->@*
	    || $try->{found}->@* < $try->{wants};
	$try->{behind} = 0;
	$try->{out} = [LAWFUL];
	return;
}

sub _read ($try) {
	my $n = sysread $try->{sock}, $try->{in}, 1 << 17, length $try->{in};

	return if !defined $n && ($! == EAGAIN || $! == EINTR);
	croak "read: $!" if !defined $n && $! != ECONNRESET;
	$try->{end} = 1 if !$n;
	$try->{reset} = 1 if !defined $n;
	while (my $answer = _take_answer($try)) {
		push $try->{found}->@*, $answer;
	}
	_send_behind($try);
	return;
}

# Reading answers

# One answer off the front of what came; undef when it is not yet whole.
sub _take_answer ($try) {
	my $in = \$try->{in};

	while (1) {
		return if $$in eq q{};
		my $end = index $$in, "\r\n\r\n";
		return if $end < 0 && !$try->{end};
		if ($end < 0 || $$in !~ m{\AHTTP/\d\.\d (\d{3})}) {
			# No HTTP/1: to the end it is one thing.
			return if !$try->{end};
			my $junk = substr $$in, 0, length $$in, q{};
			return { status => 'junk', body => $junk, head => q{} };
		}
		my $answer = { status => $1, head => substr $$in, 0, $end + 4 };
		if ($answer->{status} < 200) {
			substr $$in, 0, $end + 4, q{};
			next;
		}
		return _take_body($try, $answer);
	}
}

sub _field ($answer, $name) {
	return join q{,}, $answer->{head} =~ /^\Q$name\E:[ \t]*(.*?)\r$/gim;
}

sub _take_body ($try, $answer) {
	my $in   = \$try->{in};
	my $from = length $answer->{head};
	my $size;

	if ($answer->{status} =~ /\A(?:204|304)\z/ || _is_to_head($try)) {
		$size = 0;
		$answer->{body} = q{};
	} elsif (_field($answer, 'Transfer-Encoding') =~ /chunked/i) {
		($size, $answer->{body}) = _chunks($$in, $from);
	} elsif ((my $length = _field($answer, 'Content-Length')) ne q{}) {
		if (length $$in >= $from + $length) {
			$size = $length;
			$answer->{body} = substr $$in, $from, $length;
		}
	} elsif ($try->{end}) {
		$size = length($$in) - $from;
		$answer->{body} = substr $$in, $from;
	}
	if (!defined $size) {
		return if !$try->{end};
		$answer->{cut} = 1;
		$size = length($$in) - $from;
	}
	substr $$in, 0, $from + $size, q{};
	return $answer;
}

# Only a row's first request may be HEAD.
sub _is_to_head ($try) {
	return !$try->{found}->@* && $try->{row}{bytes} =~ /\A(?:\r\n)*HEAD /;
}

# How many bytes they take, and what is in them; nothing if not yet whole.
sub _chunks ($in, $from) {
	my $body = q{};

	pos($in) = $from;
	while ($in =~ /\G([[:xdigit:]]{1,15})\r\n/gc) {
		my $size = hex $1;
		if ($size == 0) {
			$in =~ /\G\r\n/gc or return;
			return (pos($in) - $from, $body);
		}
		my $at = pos $in;
		return if length $in < $at + $size + 2;
		$body .= substr $in, $at, $size;
		pos($in) = $at + $size + 2;
	}
	return;
}

# Judging

# statuses, after (open, closed, ended, cut, hung), body (of the first), faults
sub _judge ($try) {
	my @found = $try->{found}->@*;
	my $after = 'closed';
	my @faults;

	if ($try->{late} && !$try->{end}) {
		$after = 'hung';
	} elsif (any { $_->{cut} } @found) {
		$after = 'cut';
	} elsif (@found && ($found[-1]{body} // q{}) eq LAWFUL_BODY) {
		$after = 'open';
		pop @found;
	}
	$after = 'ended'
	    if $after eq 'closed' && @found && !_says_close($found[-1]);
	for my $answer (@found) {
		push @faults, _faults($answer);
	}
	push @faults, 'says close, and goes on'
	    if $after eq 'open' && any { _says_close($_) } @found;
	return {
		statuses => [map { $_->{status} } @found],
		after    => $after,
		body     => @found ? $found[0]{body} : undef,
		faults   => \@faults,
		says     => join(q{}, map { $_->{head} } @found),
	};
}

sub _says_close ($answer) {
	return _field($answer, 'Connection') =~ /\bclose\b/i;
}

# What no answer may be, whatever was asked.
sub _faults ($answer) {
	my $head   = $answer->{head};
	my $length = _field($answer, 'Content-Length');
	my $coding = _field($answer, 'Transfer-Encoding');
	my @faults;

	return 'bytes that are no answer' if $answer->{status} eq 'junk';
	push @faults, 'no status line of HTTP/1.1'
	    if $head !~ m{\AHTTP/1\.1 \d{3} };
	push @faults, 'not a field' if $head !~ m{\A[^\r\n]+\r\n
	    (?:[!\#\$%&'*+.^_`|~\w-]+:[ ][\t\x20-\x7e]*\r\n)*\r\n\z}x;
	push @faults, 'no Date' if _field($answer, 'Date') !~ / GMT\z/;
	push @faults, "Content-Length: $length" if $length !~ /\A\d*\z/;
	push @faults, 'two framings' if $length ne q{} && $coding ne q{};
	push @faults, 'no Allow'
	    if $answer->{status} eq '405' && _field($answer, 'Allow') eq q{};
	return @faults;
}

sub outcome ($result) {
	return join(q{+}, $result->{statuses}->@*) . " $result->{after}"
	    if $result->{statuses}->@*;
	return "- $result->{after}";
}

# Where a result is not what its row says, in words.
sub row_problems ($row, $result) {
	my @wants = $row->{answers}->@*;
	my @has   = $result->{statuses}->@*;
	my $wants = join(q{+}, map { join q{,}, @$_ } @wants) || q{-};
	my @bad;

	my $same = @wants == @has && !grep {
		my ($want, $has) = ($wants[$_], $has[$_]);
		!any { $_ eq $has } @$want;
	} keys @wants;
	push @bad, sprintf '%s, not %s %s', outcome($result), $wants,
	    $row->{after}
	    if !$same || !any { $_ eq $result->{after} } split /,/,
	    $row->{after};
	push @bad, 'its body is ' . _shown($result->{body})
	    if defined $row->{body} && ($result->{body} // q{}) ne $row->{body};
	return (@bad, $result->{faults}->@*);
}

sub _shown ($bytes) {
	return 'missing' unless defined $bytes;
	return q{"} . (substr($bytes, 0, min(60, length $bytes))
	    =~ s/([^\x20-\x7e])/sprintf '\\x%02x', ord $1/ger) . q{"};
}

1;

__END__

=head1 NAME

Requests - the table of requests, t/requests.table, and a client that tries it

=head1 SYNOPSIS

	my @rows = read_table('t/requests.table');
	my @results = try_rows($port, 'whole', @rows);
	say for row_problems($rows[0], $results[0]);

=head1 DESCRIPTION

The table says itself how it is written.  The server must answer
C<GET /lawful> with seven stars: that is the lawful request that goes behind
each row, and its answer tells that the connection was open.

=cut
