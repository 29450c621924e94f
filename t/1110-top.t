# tined --top on a terminal: a pty, whose other end this test has.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Select ();
use POSIX      ();
use Test::More;
use Tined qw(wait_for);

# asm-generic/ioctls.h
use constant { TIOCGPTN => 0x80045430, TIOCSPTLCK => 0x40045431,
	TIOCSWINSZ => 0x5414 };

my $dir    = File::Temp->newdir;
my $socket = "$dir/status";
chmod oct '0755', "$dir"; # for TINED_ARGS="--user nobody"
my $tined = Tined->start(args => ['-w', 2, '-m', '/echo=echo:1000',
	'--status-socket', $socket]);

# A terminal of so many rows: this end, and the name of the other.
sub terminal ($rows, $columns) {
	my ($number, $no) = (pack('i', 0), pack 'i', 0);
	my $size = pack 'S4', $rows, $columns, 0, 0;

	open my $pty, '+<', '/dev/ptmx' or return;
	ioctl $pty, TIOCSPTLCK, $no    or return;
	ioctl $pty, TIOCGPTN, $number  or return;
	ioctl $pty, TIOCSWINSZ, $size  or return;
	$pty->autoflush(1);
	return ($pty, '/dev/pts/' . unpack 'i', $number);
}

sub start_top ($name, @args) {
	my $pid = fork // die "fork: $!\n";

	if ($pid == 0) {
		POSIX::setsid();
		open STDIN,  '<', $name or POSIX::_exit(126);
		open STDOUT, '>', $name or POSIX::_exit(126);
		open STDERR, '>', $name or POSIX::_exit(126);
		exec { Tined->binary } 'tined', @args or POSIX::_exit(127);
	}
	return $pid;
}

# What the terminal has got, until that is in it.
sub until_seen ($pty, $got, $pattern) {
	return wait_for(sub {
		sysread $pty, $$got, 65_536, length $$got
		    if IO::Select->new($pty)->can_read(0);
		return $$got =~ $pattern;
	});
}

sub ended ($pid, $pty, $got) {
	my $status;

	wait_for(sub {
		sysread $pty, $$got, 65_536, length $$got
		    if IO::Select->new($pty)->can_read(0);
		$status = $? if waitpid($pid, POSIX::WNOHANG()) == $pid;
		return defined $status;
	});
	return $status;
}

my ($pty, $name) = terminal(24, 60);
if (!defined $name || !-e $name) {
	diag('NOT TESTED: no terminal can be made here');
	plan skip_all => 'no terminal can be made here';
}
my $got = q{};

subtest 'a view that is drawn again' => sub {
	my $pid = start_top($name, '--top', $socket);

	ok(until_seen($pty, \$got, qr/\e\[J/), 'it draws a screen');
	like($got, qr/\A\e\[\?1049h\e\[\?25l\e\[H0\.0 requests\/s/,
		'on a screen of its own');
	like($got, qr/Workers        2: idle 2/, 'with the status');
	$tined->get('/echo') for 1 .. 5;
	ok(until_seen($pty, \$got, qr/\e\[H[1-9][\d.]* requests\/s/),
		'and again, with a rate');
	my ($screen) = $got =~ /\e\[H(.*?)\e\[J/s;
	my @lines = map { s/\e\[K//r } split /\r+\n/, $screen;
	cmp_ok(scalar @lines, '<=', 24, 'it fits the terminal');
	is_deeply([grep { length > 60 } @lines], [], 'and its width');

	syswrite $pty, 'x';
	my $seen = () = $got =~ /\e\[J/g;
	ok(until_seen($pty, \$got, qr/(?:.*?\e\[J){@{[$seen + 1]}}/s),
		'another key does nothing');
	syswrite $pty, 'q';
	is(ended($pid, $pty, \$got), 0, 'q ends it');
	like($got, qr/\e\[\?25h\e\[\?1049l\z/, 'the screen is as it was');
};

subtest 'other ends' => sub {
	for my $key ("\cC", "\cD", 'Q') {
		my ($end, $other) = terminal(24, 80);
		my $text = q{};
		my $pid  = start_top($other, '--top', $socket);
		until_seen($end, \$text, qr/\e\[J/);
		syswrite $end, $key;
		is(ended($pid, $end, \$text), 0, sprintf 'key %d', ord $key);
		like($text, qr/\e\[\?1049l\z/, 'the screen is as it was');
	}
	my ($end, $other) = terminal(24, 80);
	my $text = q{};
	my $pid  = start_top($other, '--top', $socket);
	until_seen($end, \$text, qr/\e\[J/);
	kill 'TERM', $pid;
	is(ended($pid, $end, \$text), 0, 'TERM');
	like($text, qr/\e\[\?1049l\z/, 'the screen is as it was');
};

subtest 'no terminal' => sub {
	my $run = Tined->run(args => ['--top', $socket]);

	is($run->{status}, 0, 'it ends');
	like($run->{out}, qr/\Atined [\d.]+, master \d+, up /, 'with plain text');
	unlike($run->{out}, qr/\e/, 'and nothing else');
	$run = Tined->run(args => ['--top', '--status-socket', $socket]);
	like($run->{err}, qr{\Atined: .*expected the path of a socket},
		'another option is no socket');
	$run = Tined->run(args => ['--top', "$socket.x"]);
	is($run->{status}, 1, 'no server');
	like($run->{err}, qr/\Atined: --top \S+: no server listens there/,
		'is told');
};

subtest 'the server ends' => sub {
	my ($end, $other) = terminal(24, 80);
	my $text = q{};
	my $pid  = start_top($other, '--top', $socket);

	until_seen($end, \$text, qr/\e\[J/);
	$tined->ends_clean;
	is(ended($pid, $end, \$text) >> 8, 1, 'it ends, too');
	like($text, qr/\e\[\?1049l.*tined: --top \S+: no server listens there/s,
		'and says why, where it can be read');
};

done_testing;
