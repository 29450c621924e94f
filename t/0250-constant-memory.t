# However much goes through it, no process takes more memory of its own.
#
# 256 MB each way; 5 GB where TINED_SLOW is set.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use List::Util qw(max min);
use Test::More;
use Time::HiRes qw(time);
use Tined       qw(background spew wait_for);
use Tined::Process qw(private_memory);

use constant {
	WORKERS => 2,
	MEMORY => 4096,       # kB of private memory that a process may have
	BLOCK  => 1 << 18,    # bytes that are sent or read at once
	ENVIRONMENT => 100_000,
	LOOKS  => 16,         # at the memory, while bytes go through
	FILES  => 15_000,    # of whose listing is less than the bound of a page
};

my $size = $ENV{TINED_SLOW} ? 5 << 30 : 256 << 20;
my $mb   = $size >> 20;

if (Tined->is_sanitized) {
	plan skip_all => 'a sanitizer has its own memory';
}

# Its period is no power of two, so that no piece can stand for another.
my $pattern = join q{}, map { pack 'n', $_ } 1 .. 65_521;
my $period  = length $pattern;
my $endless = $pattern x 4;    # from anywhere in it, BLOCK and more

# Names as people give them, so that the page has some megabytes.
my $LONG = 'a name that tells what is in the document';

my $tined = Tined->start(
	args => ['-w', WORKERS, '--listing', '--max-body', '6G',
		'-m', '/reflect=echo:body'],
	files => { 'a.txt' => "a\n", map { ("many/$_ $LONG.txt" => q{}) }
	    1 .. FILES },
);
make_sparse($tined->root . '/large');

sub make_sparse ($path) {
	spew($path, q{});
	truncate $path, $size or die "truncate: $!";
	return;
}

# Of the process that has most.
sub memory () {
	return max map { private_memory($_) } $tined->pid,
	    $tined->child_pids;
}

# In each process, and the workers are the same as at the beginning: a new
# one would know nothing of what went through.
my @workers;
wait_for(sub { (@workers = $tined->worker_pids) == WORKERS })
    or die 'workers are missing';

sub memory_is_constant ($kb) {
	cmp_ok($kb, '>', 0, 'memory can be measured');
	cmp_ok($kb, '<', MEMORY, "no process has more than $kb kB");
	is_deeply([$tined->worker_pids], \@workers, 'nor was one replaced');
	return;
}

sub read_line ($sock) {
	my $line = q{};

	until ($line =~ /\r\n\z/) {
		sysread $sock, $line, 1, length $line
		    or die 'the connection ends within a line';
	}
	return $line =~ s/\r\n\z//r;
}

sub read_head ($sock) {
	my $head = q{};

	while ((my $line = read_line($sock)) ne q{}) {
		$head .= "$line\n";
	}
	return $head;
}

sub read_all ($sock, $length) {
	my $bytes = q{};

	while (length $bytes < $length) {
		sysread $sock, $bytes, $length - length $bytes, length $bytes
		    or die 'the connection ends too soon';
	}
	return $bytes;
}

# Reads pieces until there is none, and compares them; now and then has a look
# at the memory.  How many bytes came, and the most memory there was.
sub take_all ($next, $like) {
	my ($got, $most, $look) = (0, 0, 0);

	while (defined(my $piece = $next->())) {
		my $expected = substr $like, $got % $period, length $piece;
		$piece eq $expected or die "other bytes near $got";
		$got += length $piece;
		next if $got < $look;
		$most = max($most, memory());
		$look += $size / LOOKS;
	}
	return ($got, max($most, memory()));
}

subtest "an upload of $mb MB, in chunks, and back" => sub {
	my $sock = $tined->connect;
	$sock->blocking(1);
	my $sender = background(sub {
		print {$sock} "POST /reflect HTTP/1.1\r\nHost: a\r\n"
		    . "Transfer-Encoding: chunked\r\n\r\n";
		for (my $at = 0; $at < $size; $at += BLOCK) {
			print {$sock} sprintf("%x\r\n", BLOCK),
			    substr($endless, $at % $period, BLOCK), "\r\n"
			    or return "not sent: $!";
		}
		print {$sock} "0\r\n\r\n";
		$sock->flush;
		return 'sent';
	});

	like(read_head($sock), qr{\AHTTP/1\.1\ 200\ OK\n.*chunked}xs,
		'is served');
	my ($got, $most) = take_all(sub {
		my $length = hex read_line($sock) or return;
		my $piece = read_all($sock, $length);
		read_line($sock);
		return $piece;
	}, $endless);
	is($got, $size, 'all of it comes back, byte by byte');
	is_deeply([$sender->()], ['sent'], 'all of it was sent');
	memory_is_constant($most);
};

subtest "a download of $mb MB" => sub {
	my $sock = $tined->connect;
	$sock->blocking(1);
	my $left = $size;

	print {$sock} "GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
	$sock->flush;
	like(read_head($sock), qr{^HTTP/1\.1\ 200\ OK\n.*
		^Content-Length:\ $size$}xms, 'is served');
	my ($got, $most) = take_all(sub {
		my $piece = read_all($sock, min($left, BLOCK));
		$left -= length $piece;
		return length $piece ? $piece : undef;
	}, "\0" x length $endless);
	is($got, $size, 'all of it comes');
	memory_is_constant($most);
};

# A page of some megabytes is made as a whole, and then let go of.
subtest 'a listing of ' . FILES . ' files' => sub {
	for (1 .. 2 * @workers) {
		my $page = $tined->get('/many/', timeout => 30)->body;
		my $links = () = $page =~ /href="\d+%20[\w%]+\.txt"/g;
		is($links, FILES, 'is whole');
	}
	memory_is_constant(memory());
};

$tined->ends_clean;

# A worker's title lies where that was, of which it must not have its own copy.
subtest 'a large environment' => sub {
	my @servers = map {
		Tined->start(args => ['-w', 1], env => { FILLER => 'x' x $_ })
	} 1, ENVIRONMENT;
	my @kb = map { private_memory($_->worker_pids) } @servers;

	cmp_ok($kb[1] - $kb[0], '<', (ENVIRONMENT >> 10) / 2,
		"$kb[1] kB instead of $kb[0]");
	$_->ends_clean for @servers;
};

done_testing;
