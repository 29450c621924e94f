# CGI: git http-backend, with the real git: clone, fetch and push.
#
# A pack of 16 MB; and one of 80 MB where TINED_SLOW is set, or of as many MB as
# TINED_PACK says.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tined qw(need_tools slurp spew wait_for);

need_tools('git');

my $core = `git --exec-path` =~ s/\n//r;
plan skip_all => "no $core/git-http-backend" unless -x "$core/git-http-backend";

my $place = File::Temp->newdir(TMPDIR => 1);
my $trace = "$place/trace";

chmod oct '0755', "$place";
# Nobody's settings but those of the test.
$ENV{HOME} = "$place";
$ENV{GIT_CONFIG_NOSYSTEM} = 1;
$ENV{GIT_TERMINAL_PROMPT} = 0;
$ENV{GIT_TRACE_CURL} = $trace;
$ENV{GIT_TRACE_CURL_NO_DATA} = 1;
$ENV{"GIT_${_}_NAME"} = 'Test', $ENV{"GIT_${_}_EMAIL"} = 'test@localhost'
    for qw(AUTHOR COMMITTER);
delete @ENV{qw(http_proxy HTTP_PROXY all_proxy ALL_PROXY)};

my $said;

sub git (@args) {
	open my $out, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', 'git', @args
	    or die "git: $!";
	$said = do { local $/; <$out> };
	return close $out;
}

sub git_ok ($name, @args) {
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(git(@args), $name) or diag($said);
	return $said =~ s/\n\z//r;
}

sub head_of ($repository) {
	return git_ok("the head of $repository", '-C', "$place/$repository",
		'rev-parse', 'HEAD');
}

# A file that does not become smaller when it is compressed.
sub add_commit ($work, $name, $size) {
	open my $random, '<:raw', '/dev/urandom' or die $!;
	open my $file, '>:raw', "$place/$work/$name" or die $!;
	for (my $left = $size; $left > 0; $left -= 1 << 20) {
		read $random, my $bytes, $left < 1 << 20 ? $left : 1 << 20;
		print {$file} $bytes or die $!;
	}
	close $file or die $!;
	git_ok("add $name", '-C', "$place/$work", 'add', $name);
	return git_ok("commit $name", '-C', "$place/$work", 'commit', '-qm', $name);
}

sub trace_and_clear () {
	my $lines = slurp($trace);
	unlink $trace;
	return $lines;
}

sub start ($access) {
	my %env = (GIT_PROJECT_ROOT => "$place/all", GIT_HTTP_EXPORT_ALL => 1,
		$access eq 'write' ? (REMOTE_USER => 'test') : ());
	my $mount = join q{,}, "/git=cgi:$core/git-http-backend", "exec=$core",
	    'exec=/usr/bin/git', "$access=$place/all",
	    map { "env=$_=$env{$_}" } sort keys %env;

	return Tined->start(args => ['-m', $mount, '-w', 4]);
}

# Random bytes do not become smaller, and git's own work is not what is tried: it
# neither compresses them, nor takes a pack apart that it receives.
spew("$place/.gitconfig", "[core]\n\tcompression = 0\n");
git_ok('a repository', qw(init -q --bare -b main), "$place/all/a.git");
git_ok("its $_->[0]", '-C', "$place/all/a.git", 'config', @$_)
    for ['core.compression', 0], ['receive.unpackLimit', 1];
my $tined = start('write');
my $url = $tined->url('/git/a.git');

for my $version (1, 2) {
	my @version = ('-c', "protocol.version=$version");

	subtest "protocol version $version" => sub {
		my ($one, $two) = ("one$version", "two$version");

		git_ok('clone', @version, 'clone', '-q', $url, "$place/$one");
		git_ok('clone once more', @version, 'clone', '-q', $url,
			"$place/$two");
		like(trace_and_clear(), qr/Git-Protocol: version=$version/i,
			'the client wants that version');
		add_commit($one, "small$version", 1000);
		git_ok('push', '-C', "$place/$one", @version,
			qw(push -q origin HEAD:main));
		git_ok('pull', '-C', "$place/$two", @version,
			qw(pull -q --ff-only origin main));
		is(head_of($two), head_of($one), 'both have the same');
		ok(!git('-C', "$place/$two", @version, qw(fetch -q origin none)),
			'what is not there is an error');
		like($said, qr/couldn't find remote ref/, 'which git understands');
		unlink $trace;

		# Many commits of its own, which the request names: it is long.
		# The newest are named first, until one is known.
		my $now = time;
		for my $n (1 .. 60) {
			local $ENV{GIT_COMMITTER_DATE} = $now + 100 + $n;
			git_ok("commit $n", '-C', "$place/$two", qw(commit -q
				--allow-empty -m), "own $n");
		}
		add_commit($one, "more$version", 1000);
		git_ok('push more', '-C', "$place/$one", @version,
			qw(push -q origin HEAD:main));
		unlink $trace;
		git_ok('fetch', '-C', "$place/$two", @version, qw(fetch -q origin));
		like(trace_and_clear(), qr/Content-Encoding: gzip/i,
			'by a request that is compressed');
		is(git_ok('what was fetched', '-C', "$place/$two", 'rev-parse',
			'origin/main'), head_of($one), 'is what was pushed');
	};
}

# Clones a branch of its own, and lets it grow.
sub push_pack ($mb) {
	my $name = "big$mb";

	git_ok('clone', 'clone', '-q', $url, "$place/$name");
	add_commit($name, $name, $mb << 20);
	unlink $trace;
	git_ok('push', '-C', "$place/$name", qw(push -q origin HEAD:main));
	like(trace_and_clear(), qr/Transfer-Encoding: chunked/i, 'in chunks');
	return $name;
}

subtest 'a pack of 16 MB' => sub {
	my $name = push_pack(16);

	git_ok('a shallow clone', 'clone', '-q', '--depth', 1, $url,
		"$place/shallow");
	is(head_of('shallow'), head_of($name), 'has all of it');
	git_ok('nothing is broken', '-C', "$place/all/a.git", 'fsck', '--full');
};

# Each time that git reads it takes seconds.
subtest 'a large pack' => sub {
	my $size = $ENV{TINED_PACK} // ($ENV{TINED_SLOW} ? 80 : 0);
	plan skip_all => 'only where TINED_SLOW or TINED_PACK is set' unless $size;
	my $name = push_pack($size);

	git_ok('clone', 'clone', '-q', $url, "$place/copy");
	is(head_of('copy'), head_of($name), 'all of it');
	is(-s "$place/copy/$name", $size << 20, 'and as large');
};
$tined->ends_clean;

subtest 'who may only read' => sub {
	my $reader = start('read');
	my $from = $reader->url('/git/a.git');

	git_ok('clones', 'clone', '-q', '--depth', 1, $from, "$place/reader");
	add_commit('reader', 'no', 10);
	ok(!git('-C', "$place/reader", qw(push -q origin HEAD:main)),
		'and cannot push');
	like($said, qr/403/, 'git says so');
	ok(!git('clone', '-q', $reader->url('/git/none.git'), "$place/none"),
		'a repository that does not exist');
	like($said, qr/not found/, 'is not found');
	is($reader->get('/git/a.git/HEAD')->body, "ref: refs/heads/main\n",
		'the older protocol');
	$reader->ends_clean(qr/git-http-backend: /);
};

done_testing;
