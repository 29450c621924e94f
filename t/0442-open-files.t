# A worker keeps large files that are in demand open: the responses are the same
# as without, a change is noticed, and no descriptor is held for longer than a
# second, nor are there many.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);
use Tined       qw(need_tools slurp spew wait_for);
use Tined::Process qw(may_limit set_limit);
use Trace       ();

use constant {
	HOUR  => 3600,
	SLACK => 0.5,         # seconds: ticks of the kernel's clock may be late
	LARGE => 100 << 10,
	SLOW  => 8 << 20,     # more than sockets hold
	FILES => 40,
	MOST  => 32,          # response_cache.h
	PART  => 32,          # of the descriptors: worker.c
};

# Nothing is remembered before it is asked for a second time.
use constant ASKED => 3;

# Without a lot a worker waits for its client with nothing open.
my $classic = ($ENV{TINED_ARGS} // q{}) =~ /--no-lot/;
my $old = 'o' x LARGE;
my $new = 'N' x LARGE;

sub age (@paths) {
	my $then = time - HOUR;
	utime $then, $then, @paths or die "utime: $!\n";
	return;
}

# One worker, which is another user's where that is possible, so that a file can
# be made unreadable.
sub start (%option) {
	my $tined = Tined->start(
		%option,
		args => [
			'-w', 1,
			$> == 0 ? ('-u', 'nobody') : (),
			@{ $option{args} // [] },
		],
	);
	age($tined->root . "/$_") for keys %{ $option{files} };
	return $tined;
}

sub remember ($tined, @paths) {
	for my $path (@paths) {
		$tined->get($path) for 1 .. ASKED;
	}
	return;
}

# The names of the files of its root that its worker has open, each as often as it
# has.
sub open_files ($tined) {
	my ($worker) = $tined->all_workers(1);
	my $root = $tined->root;

	my @names = sort map { m{\A\Q$root\E/(\S+)} ? $1 : () }
	    map { readlink // () } glob "/proc/$worker/fd/*";
	return @names;
}

sub request ($line, @fields) {
	return join "\r\n", "$line HTTP/1.1", 'Host: a', @fields, q{}, q{};
}

subtest 'from an open file a request opens nothing' => sub {
	plan skip_all => 'no lot' if $classic;
	need_tools('strace');
	my $tined = start(files => { 'a.bin' => $old },
		args => ['-k', '10m', '-a', 'off', '--cache-time', '1h']);
	my $sock = $tined->connect;
	my @get = (request('GET /a.bin'), sock => $sock);
	my %count;

	# The file is opened anew after a second, which passes meanwhile perhaps.
	my $calls = Trace::trace('all', sub {
		$tined->request(@get) for 1 .. 200;
	}, $tined->all_workers(1));
	plan skip_all => 'no strace here' unless defined $calls;
	$count{$_}++ for $calls =~ /^(?:\d+\s+)?(\w+)\(/gm;
	is($count{sendfile}, 200, 'each is sent by a call');
	cmp_ok($count{openat2}, '<=', 50, 'and few open the file');
	close $sock;
	$tined->ends_clean;
};

# What is done to a file, and what is served then: at once, if the file itself has
# changed, else within a second.
my %change = (
	'replaced' => [
		sub ($path) {
			spew("$path.new", $new);
			rename "$path.new", $path or die "rename: $!\n";
		},
		200, $new,
	],
	'edited in place' => [
		sub ($path) {
			open my $file, '+<', $path or die "$path: $!\n";
			print {$file} $new;
			close $file;
		},
		200, $new,
	],
	'edited in place, with its old times' => [
		sub ($path) {
			my @times = (stat $path)[ 8, 9 ];
			open my $file, '+<', $path or die "$path: $!\n";
			print {$file} $new;
			close $file;
			utime @times, $path;
		},
		200, $new,
	],
	'written to' => [
		sub ($path) {
			open my $file, '>>', $path or die "$path: $!\n";
			print {$file} $new;
			close $file;
		},
		200, "$old$new",
	],
	'truncated' => [
		sub ($path) { truncate $path, 0 or die "truncate: $!\n" },
		200, q{},
	],
	'removed'         => [ sub ($path) { unlink $path }, 404 ],
	'made unreadable' => [ sub ($path) { chmod 0, $path }, 403 ],
	'a directory now' => [
		sub ($path) { unlink $path; mkdir $path or die "mkdir: $!\n" },
		301,
	],
	'replaced by a link out of the directory' => [
		sub ($path) {
			unlink $path;
			symlink '/etc/passwd', $path or die "symlink: $!\n";
		},
		403,
	],
	'moved, with another in its place' => [
		sub ($path) {
			rename $path, "$path.old" or die "rename: $!\n";
			spew($path, $new);
		},
		200, $new,
	],
);
my %change_around = (
	'in a renamed directory' => [
		sub ($path) {
			my $dir = $path =~ s{/[^/]*\z}{}r;
			rename $dir, "$dir-elsewhere" or die "rename: $!\n";
		},
		404,
	],
);

sub is_as ($response, $status, $body) {
	return $response->status == $status
	    && (!defined $body || $response->body eq $body);
}

subtest 'a change of the file is noticed at once' => sub {
	my %name = map { ($_ => s/\W+/-/gr . '/file.bin') } keys %change;
	my $tined = start(args => ['--cache-time', '1h'],
		files => { map { ($_ => $old) } values %name });

	for my $what (sort keys %change) {
		my ($change, $status, $body) = $change{$what}->@*;
		my $path = "/$name{$what}";

		remember($tined, $path);
		is_deeply([ grep { "/$_" eq $path } open_files($tined) ],
			[ $name{$what} ], "$what: it was open") unless $classic;
		$change->($tined->root . $path);
		my $got = $tined->get($path);
		ok(is_as($got, $status, $body), $what)
		    or diag($got->status, ' ', length $got->body);
	}
	$tined->ends_clean;
};

subtest 'another way to the file is noticed within a second' => sub {
	my %name = map { ($_ => s/\W+/-/gr . '/file.bin') } keys %change_around;
	my $tined = start(args => ['--cache-time', '1h'],
		files => { map { ($_ => $old) } values %name });

	for my $what (sort keys %change_around) {
		my ($change, $status) = $change_around{$what}->@*;
		my $path = "/$name{$what}";

		remember($tined, $path);
		$change->($tined->root . $path);
		my $changed = time;
		my $late = 0;
		ok(wait_for(sub {
			my $asked = time;
			return 1 if $tined->get($path)->status == $status;
			$late++ if $asked > $changed + 1 + SLACK;
			return 0;
		}), $what);
		is($late, 0, "$what: within the second");
	}
	$tined->ends_clean;
};

subtest 'what is removed is not kept in use by an idle worker' => sub {
	my $tined = start(args => ['--cache-time', '1h'],
		files => { 'a.bin' => $old, 'b.bin' => $old });
	my ($worker) = $tined->all_workers(1);
	my $sleeps = sub {
		slurp("/proc/$worker/status") =~ /^voluntary_ctxt\w+:\s+(\d+)/m;
		return $1;
	};

	remember($tined, '/a.bin', '/b.bin');
	is_deeply([ open_files($tined) ], [qw(a.bin b.bin)], 'both are open')
	    unless $classic;
	unlink $tined->root . '/a.bin';
	ok(wait_for(sub { !open_files($tined) }), 'they are closed');
	# It may be about to sleep, and wake for other things that are idle.
	ok(wait_for(sub {
		my $before = $sleeps->();
		sleep 1 + SLACK;
		return $sleeps->() == $before;
	}), 'and the worker sleeps on');
	is($tined->get('/a.bin')->status, 404, 'one is gone');
	is($tined->get('/b.bin')->body, $old, 'the other is opened again');
	$tined->ends_clean;
};

subtest 'few are open at a time' => sub {
	my %files = map { (sprintf('f%02d', $_) => $_ x LARGE) }
	    10 .. 10 + FILES - 1;
	for my $limit (1024, 128) {
		my $tined = start(files => \%files,
			under => [ 'sh', '-c', "ulimit -n $limit; exec \"\$@\"", 'sh' ]);
		my $most = $limit / PART < MOST ? $limit / PART : MOST;
		my ($wrong, $seen) = (0, 0);

		for my $name ((sort keys %files) x 2) {
			for (1 .. ASKED) {
				$wrong++ if $tined->get("/$name")->body
				    ne $files{$name};
			}
			my $count = open_files($tined);
			$seen = $count if $seen < $count;
		}
		is($wrong, 0, "of $limit descriptors: all are served");
		cmp_ok($seen, '<=', $most, "at most $most are open");
		cmp_ok($seen, '>', 1, 'and several are') unless $classic;
		$tined->ends_clean;
	}
};

subtest 'who is short of descriptors closes them' => sub {
	plan skip_all => 'no lot' if $classic;
	my %files = map { ($_ => $old) } map { "$_.bin" } 'a' .. 'h';
	my $tined = start(files => \%files, args => ['-k', '10m']);
	my ($worker) = $tined->all_workers(1);
	plan skip_all => 'no prlimit here' unless may_limit($worker);
	my $sock = $tined->connect;
	my $get = sub ($name) {
		return $tined->request(request("GET /$name"), sock => $sock);
	};

	for my $name (sort keys %files) {
		$get->($name) for 1 .. ASKED;
	}
	cmp_ok(scalar open_files($tined), '>', 1, 'several are open');
	my ($next) = sort { $b <=> $a }
	    map { m{(\d+)\z} } glob "/proc/$worker/fd/*";
	spew($tined->root . '/new.bin', $new);
	set_limit($worker, 'nofile', $next + 1);
	is($get->('new.bin')->body, $new, 'another can be opened');
	set_limit($worker, 'nofile');
	close $sock;
	$tined->ends_clean;
};

subtest 'a slow client gets all of a file that is closed meanwhile' => sub {
	my $slow = join q{}, map { sprintf "%15d\n", $_ } 1 .. SLOW / 16;
	my $tined = start(files => { 'slow.bin' => $slow, 'b.bin' => $old });

	remember($tined, '/slow.bin');
	my $sock = $tined->connect;
	$tined->send($sock, request('GET /slow.bin', 'Connection: close'));
	ok($tined->fill($sock), 'its response has begun');
	unlink $tined->root . '/slow.bin';
	ok($classic || wait_for(sub { !open_files($tined) }),
		'the worker has nothing open');
	1 while $tined->fill($sock);
	my ($head, $body) = split /\r\n\r\n/, ${*$sock}{tined_buffer}, 2;
	ok($body eq $slow, 'it gets all');
	$tined->ends_clean;
};

subtest 'where programs run nothing stays open' => sub {
	my $tined = start(files => { 'a.bin' => $old },
		args => ['-m', '/echo=echo:10']);

	remember($tined, '/a.bin');
	is($tined->get('/a.bin')->body, $old, 'a file is served');
	is_deeply([ open_files($tined) ], [], 'and closed');
	$tined->ends_clean;
};

subtest 'a file system can be unmounted' => sub {
	my @unshare = (qw(unshare --mount --propagation private),
		$> == 0 ? () : '--map-root-user');
	plan skip_all => 'no mount namespaces here'
	    if system(@unshare, qw(mount -t tmpfs none /mnt)) != 0;
	my $tined = start(files => { 'mnt/below' => 'below' },
		args => ['--cache-time', '1h'],
		under => [ @unshare, 'sh', '-c', 'mount -t tmpfs none mnt '
			. '&& head -c ' . LARGE . ' /dev/zero >mnt/a.bin '
			. '&& touch -d "1 hour ago" mnt/a.bin && exec "$@"',
			'sh' ]);
	# With its root, in case that is not that of the machine.
	my @enter = ('nsenter', '--target', $tined->pid, '--mount', '--root',
		$> == 0 ? () : '--user', '--preserve-credentials');

	remember($tined, '/mnt/a.bin');
	is($tined->get('/mnt/a.bin')->body, "\0" x LARGE, 'a file of a mount');
	ok(wait_for(sub {
		system(@enter, 'sh', '-c', 'exec umount "$0" 2>/dev/null',
			$tined->root . '/mnt') == 0;
	}), 'which is then unmounted');
	is($tined->get('/mnt/a.bin')->status, 404, 'and is gone');
	$tined->ends_clean;
};

done_testing;
