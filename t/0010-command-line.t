# What people meet first: the help, the version, and their own mistakes.

use v5.36;

use File::Copy qw(copy);
use File::Temp ();
use FindBin;
use IO::Socket::IP ();
use lib "$FindBin::Bin/lib";
use Test::More;
use Tined qw(free_port slurp spew);

my $dir = File::Temp->newdir;
chmod oct "0755", "$dir"; # for TINED_ARGS="--user nobody"

# Exactly one line on standard error, nothing on standard output.
sub one_line ($run, $status, $pattern, $name) {
	subtest $name => sub {
		is($run->{status}, $status, "exit status $status");
		is($run->{out}, q{}, 'nothing on standard output');
		like($run->{err}, qr/\A[^\n]+\n\z/, 'one line');
		like($run->{err}, $pattern, 'it names what is wrong');
		cmp_ok(length $run->{err}, '<', 250, 'it is short');
	};
	return;
}

# Help and version

for my $flag (qw(-h --help)) {
	my $help = Tined->run(args => [$flag]);
	my @lines = split /\n/, $help->{out};

	is($help->{status}, 0, "$flag: exit status 0");
	is($help->{err}, q{}, "$flag: nothing on standard error");
	cmp_ok(scalar @lines, '<', 24, "$flag: fits a screen");
	is_deeply([grep { length > 80 || /\t/ } @lines], [],
		"$flag: no line is longer than 80 columns");
}

my $help = Tined->run(args => ['--help=all'])->{out};
is_deeply([grep { length > 80 || /\t/ } split /\n/, $help], [],
	'--help=all: no line is longer than 80 columns');
for my $flag (qw(-l --listen -m --mount -w --workers -k --keepalive
	-b --backlog --head-timeout --body-timeout --send-timeout
	--stop-timeout --max-head --max-body --allow --listing --dotfiles
	--follow-symlinks --max-age --header --fallback --error-page
	-p --pidfile -d --daemon -a --access-log -e --error-log
	-v --verbose -q --quiet -t --test -V --version -h --help)) {
	like($help, qr/(?<![\w-])\Q$flag\E(?![\w-])/, "the help has $flag");
}

my ($version) = slurp("$FindBin::Bin/../configure.ac")
    =~ /AC_INIT\(\[?tined\]?,\s*\[?([\d.]+)/;
for my $flag (qw(-V --version)) {
	my $run = Tined->run(args => [$flag]);
	is($run->{status}, 0, "$flag: exit status 0");
	is($run->{out}, "tined $version\n", "$flag: the version");
}

# Mistakes: status 64, one line that names the flag

my @mistakes = (
	['--nonesuch'],
	['-Z'],
	['--workers'],
	['-w'],
	(map { ['-w', $_] } '0', '-1', 'x', '8x', q{}, '99999999999999999999',
		'8-4', '0-4', '4-', '-', '4-4097', '1-2-3'),
	(map { ['-s', $_] } '3', '0-1', '3-2', 'x', q{}, '2-'),
	(map { ['-k', $_] } '5x', '-1', 'x', q{}, '1e3', '9999999999999999h'),
	(map { ['-b', $_] } '-1', 'x', q{}),
	(map { ['-l', $_] } 'localhost:99999', 'localhost:', 'localhost:x',
		'[::1:80', q{}, 'unix:', 'unix:/' . 'x' x 200),
	(map { ['-m', $_] } 'x', '/a', '/a=', '/a=nonesuch:b', '/a=echo:-1',
		'/a=echo:', '/a=echo:x', '/a=file:', 'a=echo:1', q{}),
	(map { my $flag = $_; map { [$flag, $_] } 'x', '-5s', q{} }
		qw(--head-timeout --body-timeout --send-timeout
		--stop-timeout --max-age)),
	(map { my $flag = $_; map { [$flag, $_] } 'x', '-1', '1T', q{} }
		qw(--max-head --max-body)),
	(map { ['--allow', $_] } 'x', '300.1.1.1', '10.0.0.0/33',
		'::1/129', '10.0.0.0/', '10.0.0.0/x', q{}),
	(map { ['--header', $_] } 'no colon', "A: b\r\nC: d", ': x', q{},
		"X: a\nb"),
	(map { ['--error-page', $_] } '404', 'abc=/x', '404=', q{}),
);
my %long = qw(-w --workers -s --spare -k --keepalive -b --backlog -l --listen
	-m --mount);

for my $args (@mistakes) {
	my $flag = $args->[0];
	my $names = join q{|}, map { quotemeta }
	    grep { defined } $flag, $long{$flag};
	my $run = Tined->run(args => $args);
	one_line($run, 64, qr/(?<![\w-])(?:$names)(?![\w-])/,
		join q{ }, map { s/[^ -~]/./gr } @$args);
}

one_line(Tined->run(args => ["$dir", "$dir"]), 64, qr/\Q$dir\E|director/,
	'two folders');
one_line(Tined->run(args => [q{}]), 64, qr/directory .* empty name/,
	'a folder without a name');
one_line(Tined->run(args => ['-m', '/a=fil:b']), 64,
	qr/fil: .* file: .*echo: .*status:/, 'the kinds of mounts that there are');
one_line(Tined->run(args => ['-t', '-m', '/=/srv']), 64,
	qr{--mount /: .* for a directory, --mount /=file:/srv},
	'a directory mounted without its kind');
{
	# Beside a program that is elsewhere there are no modules.
	my $place = File::Temp->newdir(TMPDIR => 1);

	copy(Tined->binary, "$place/tined") or die "$!\n";
	chmod oct '0755', "$place", "$place/tined";
	local $ENV{TINED} = "$place/tined";
	one_line(Tined->run(args => ['-t', '-m', '/=wsgi:app:app']), 64,
		qr{--mount /: the module wsgi is not installed: .*tined-wsgi},
		'a module that not every build has');
}
one_line(Tined->run(args => ['-t', '--list', "$dir"]), 64,
	qr/--list is ambiguous: .*--listen, --listing/,
	'an abbreviation of two options');
one_line(Tined->run(args => ['-t', '-d', $_, '-', "$dir"]), 64,
	qr/ - and --daemon exclude each other/, "a daemon with $_ -")
	for qw(-a -e);
one_line(Tined->run(args => ['-t', '--no-lot', $_, '1']), 64,
	qr/\Q$_\E and --no-lot/, "$_ without a lot")
	for qw(--per-client --queue-timeout);
one_line(Tined->run(args => ['-t', '-w', 'x']), 64, qr/-w|--workers/,
	'a mistake under -t');

# What cannot run: status 1, one line that names the cause

one_line(Tined->run(args => ["$dir/none"]), 1, qr{\Q$dir/none\E.*No such}i,
	'a folder that does not exist');
spew("$dir/file", q{});
one_line(Tined->run(args => ["$dir/file"]), 1,
	qr{\Q$dir/file\E.*Not a directory}i,
	'a file for a folder');
one_line(Tined->run(args => ['-m', "/a=file:$dir/none"]), 1,
	qr{\Q$dir/none\E}, 'a mount whose folder does not exist');
SKIP: {
	skip 'root can read every folder', 1 if $> == 0;
	mkdir "$dir/locked", 0;
	one_line(Tined->run(args => ["$dir/locked"]), 1,
		qr{\Q$dir/locked\E.*denied}i, 'a folder that cannot be read');
}
for my $flag (qw(-a -e -p)) {
	one_line(Tined->run(args =>
		[$flag, "$dir/none/x", '-l', '127.0.0.1:' . free_port]),
		1, qr{\Q$dir/none/x\E}, "$flag into a folder that is not there");
}
one_line(Tined->run(args => ['-l', 'nonesuch.invalid:80']), 1,
	qr/nonesuch\.invalid/, 'a host that has no address');
one_line(Tined->run(args => ['-l', "unix:$dir/none/sock"]), 1,
	qr{\Q$dir/none/sock\E}, 'a socket in a folder that is not there');

my $other = IO::Socket::IP->new(LocalHost => '127.0.0.1', Listen => 1);
my $taken = $other->sockport;
one_line(Tined->run(args => ['-l', "127.0.0.1:$taken"]), 1,
	qr/127\.0\.0\.1:$taken.*in use/i, 'a port in use');

symlink 'nowhere', "$dir/link" or die $!;
for my $is (['file', 'file'], ['directory', '.'], ['symbolic link', 'link']) {
	my ($type, $name) = @$is;

	one_line(Tined->run(args => [@$_, "unix:$dir/$name", "$dir"]), 1,
		qr/unix:\Q$dir\/$name\E: a $type has this name/,
		"a socket where a $type is: @$_") for ['-l'], ['-t', '-l'];
	ok(-l "$dir/$name" || -e _, 'which stays');
}

my $port = free_port;
my $first = Tined->start(listen => 'none', port => $port,
	args => ['-l', "127.0.0.1:$port"], files => { 'a.txt' => 'a' });
one_line(Tined->run(args => ['-l', "127.0.0.1:$port"]), 1,
	qr/127\.0\.0\.1:$port.*in use/i, 'a second instance');
is($first->get('/a.txt')->{body}, 'a', 'the first one goes on');
$first->ends_clean;

# A test of the command line

for my $flag (qw(-t --test)) {
	my $run = Tined->run(args => [$flag, '-w', 3, '-l', ":$taken", '-m',
		'/star=echo:5', "$dir"]);
	my $said = $run->{out} . $run->{err};
	is($run->{status}, 0, "$flag: exit status 0");
	like($said, qr/\b3 workers/, "$flag: says how many workers");
	like($said, qr/:$taken\b/, "$flag: says where");
	like($said, qr/\Q$dir\E/, "$flag: says what");
}
like(join(q{}, Tined->run(args => ['-t', "$dir"])->@{qw(out err)}),
	qr{localhost:8080}, 'the default is localhost:8080');
like(join(q{}, Tined->run(args => ['-t'], cwd => "$dir")->@{qw(out err)}),
	qr{\Q$dir\E}, 'the default is the current folder');
one_line(Tined->run(args => ['-t', "$dir/none"]), 1, qr{\Q$dir/none\E},
	'a folder that does not exist, under -t');

# It checks what the server would write, and writes nothing.

for my $flag (qw(-a -e -p --status-socket)) {
	one_line(Tined->run(args => ['-t', $flag, "$dir/none/x", "$dir"]), 1,
		qr{\Q$dir/none/x\E.*No such file}, "-t: $flag in no directory");
	one_line(Tined->run(args => ['-t', $flag, "$dir", "$dir"]), 1,
		qr{\Q$dir\E.*directory}, "-t: $flag is a directory");
	one_line(Tined->run(args => ['-t', $flag, "$dir/new/", "$dir"]), 1,
		qr{\Q$dir\E/new/.*directory}, "-t: $flag would be one");
	is(Tined->run(args => ['-t', $flag, "$dir/new", "$dir"])->{status}, 0,
		"-t: $flag can be created");
	ok(!-e "$dir/new", 'and is not');
}
one_line(Tined->run(args => ['-t', '-l', 'nonesuch.invalid:80', "$dir"]), 1,
	qr/nonesuch\.invalid/, '-t: a host that has no address');
spew("$dir/notes", "not a number\n");
one_line(Tined->run(args => ['-t', '-p', "$dir/notes", "$dir"]), 1,
	qr/notes: .*other content/, '-t: a pid file that is none');
is(slurp("$dir/notes"), "not a number\n", 'it stays as it is');
SKIP: {
	skip 'root can write every file', 4 if $> == 0;
	chmod 0400, "$dir/notes" or die $!;
	mkdir "$dir/shut", 0500 or die $!;
	for my $file ('notes', 'shut/new') {
		one_line(Tined->run(args => ['-t', $_, "$dir/$file", "$dir"]), 1,
			qr{\Q$dir/$file\E.*denied}, "-t: $_ $file") for qw(-a -e);
	}
}

# Numbers as people write them

for my $args (['-k', '500ms'], ['-k', '5s'], ['-k', 5], ['-k', '2m'],
	['-k', '1h'], ['--keepalive=5s'], ['--max-head', '60k'],
	['--max-body', '1M'], ['--max-body', '2G'], ['--max-body', '1000'],
	['-w1'], ['--allow', '::1'], ['--allow', '10.0.0.0/8'],
	['-l', '[::1]:80'], ['-l', ':80'], ['--header', 'X-A: b']) {
	is(Tined->run(args => ['-t', @$args])->{status}, 0, "-t @$args");
}

# A service starts there, and would show all files.
subtest 'no folder is named, and the current one is /' => sub {
	my $run = Tined->run(args => ['-t'], cwd => '/');

	is($run->{status}, 64, 'it is refused');
	like($run->{err}, qr/\A[^\n]*directory[^\n]* \/, [^\n]*name[^\n]*\n\z/,
		'in one line, with the mend');
	is(Tined->run(args => ['-t', '/'], cwd => '/')->{status}, 0,
		'/ is served if it is named');
	is(Tined->run(args => ['-t', '-m', '/a=echo:1'], cwd => '/')->{status},
		0, 'and something else at all times');
};

done_testing;
