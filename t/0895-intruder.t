# A worker that is taken over reaches nothing but what it serves; the program
# of this test has a mount that tries (t/fault/handler_intruder.c).

use v5.36;

use File::Temp ();
use FindBin;
use IO::Socket::IP ();
use lib "$FindBin::Bin/lib";
use Test::More;
use Faulty qw(changes snapshot);
use Tined qw(slurp spew wait_for);

plan skip_all => 'the user is chosen already'
    if ($ENV{TINED_ARGS} // q{}) =~ /--user/;

my $root = $> == 0;
my $out  = Tined->run(args => ['-t'])->{out};

if ($out =~ /^no sandbox/m) {
	diag('NOT TESTED: a program with a sanitizer has no sandbox');
	plan skip_all => 'a sanitizer';
}
my ($landlock) = $out =~ /^Landlock \(version (\d+)\)/m;
my $seccomp = $out =~ /^seccomp keeps/m;

diag('NOT TESTED: Landlock, which this kernel has not') unless $landlock;
diag('NOT TESTED: seccomp, which this kernel has not')  unless $seccomp;

# Each of these by itself, where the others are missing, is enough for:
my @files = ('read /etc/passwd', 'read /etc/shadow', 'read /proc/1/environ',
	'read /proc/self/maps', 'write /proc/self/mem',
	'read beside what is served', 'climb out by a descriptor', 'list /',
	'make a file', 'make a file elsewhere', 'change a file',
	'remove a file');
my @calls = ('change its mode', 'start a process', 'run a shell', 'be root',
	q{be of root's group}, 'make a namespace', 'make a user namespace',
	'change the root folder', 'mount', 'trace the master',
	'signal the master', 'signal init', 'bind a port', 'connect out',
	'send datagrams', 'ask local services', 'use bpf', 'use io_uring',
	'shut a listener down', 'connect by sending',
	'make a shared socket block', 'bind a listener elsewhere',
	'make a listener block', 'make a pair of sockets', 'lock a log',
	'choose a signal', 'cut a log', 'limit the master', 'slow the master down');
my @may = ('may read what is served', 'may start a thread',
	'may signal itself');
my @refused = ($landlock ? @files : (), $seccomp ? @calls : ());

# What somebody who is taken over makes of it, in a folder of its own.
sub intrude (@args) {
	my $dir  = File::Temp->newdir;
	my $port = IO::Socket::IP->new(LocalHost => '127.0.0.1', Listen => 1)
	    // die "no port: $@";

	chmod oct '0755', "$dir";
	mkdir "$dir/www";
	spew("$dir/www/a.txt", "a\n");
	spew("$dir/secret", "secret\n");
	my $tined = Tined->start(root => "$dir/www", args => ['-w', 1, '-m',
		"/i=intrude:$dir/www", map { s/DIR/$dir/r } @args]);
	my @dirs = ("$dir", $tined->dir);
	my $before = snapshot(@dirs);
	my $response = $tined->get('/i/' . $port->sockport);
	my %result = $response->body =~ /^(.*): (\w+)$/mg;

	$result{changes} = [changes($before, @dirs)];
	return ($tined, \%result, $dir);
}

sub all_are_refused ($result) {
	is_deeply(delete $result->{changes}, [], 'no file is changed');
	is_deeply([grep { ($result->{$_} // q{}) ne 'done' } @may], [],
		'what serving needs is allowed');
	for my $what (@refused) {
		like($result->{$what}, qr/\AE(?:ACCES|PERM|NOSYS)\z/,
			"$what: refused");
	}
	my %known = map { ($_ => 1) } @may, @files, @calls;
	is_deeply([grep { !$known{$_} } keys %$result], [],
		'nothing else was tried');
	return;
}

subtest 'by default' => sub {
	my ($tined, $result, $dir) = intrude();

	all_are_refused($result);
	is(slurp("$dir/www/a.txt"), "a\n", 'the file is as it was');
	ok(!-e "$dir/www/fresh", 'there is no other');
	is($tined->get('/a.txt')->body, "a\n", 'others are served');
	$tined->ends_clean;
};

subtest '--user' => sub {
	plan skip_all => 'needs root' unless $root;
	my ($tined, $result) = intrude('-u', 'nobody');

	all_are_refused($result);
	$tined->ends_clean;
};

subtest '--chroot' => sub {
	plan skip_all => 'needs root' unless $root;
	my ($tined, $result) = intrude('-u', 'nobody', '--chroot', 'DIR/www',
		'--no-sandbox');

	# What keeps it in is the root folder alone, which has no such names.
	is($result->{$_}, 'ENOENT', "$_: there is none")
	    for 'read /etc/passwd', 'read beside what is served',
	    'climb out by a descriptor', 'read /proc/1/environ';
	$tined->ends_clean(qr/--no-sandbox/);
};

# Links out of the folder are followed, and with them the intruder.
subtest '--follow-symlinks' => sub {
	plan skip_all => 'no Landlock' unless $landlock;
	my ($tined, $result) = intrude('--follow-symlinks');

	is($result->{'read /etc/passwd'}, 'done', 'any file can be read');
	isnt($result->{$_}, 'done', "$_: refused")
	    for 'make a file', 'make a file elsewhere', 'change a file',
	    'remove a file', 'write /proc/self/mem', 'run a shell';
	$tined->ends_clean;
};

subtest 'a log to syslog' => sub {
	plan skip_all => 'no seccomp' unless $seccomp;
	my ($tined, $result) = intrude('-a', 'syslog');

	# The master has connected to it.
	all_are_refused($result);
	# There may be no syslog daemon here.
	$tined->ends_clean(qr/error: access log to syslog: /);
};

# So that the test can fail.
subtest '--no-sandbox' => sub {
	my ($tined, $result) = intrude('--no-sandbox');

	is($result->{$_}, 'done', "$_: done")
	    for @may, 'read /etc/passwd', 'read /proc/self/maps',
	    'read beside what is served', 'climb out by a descriptor',
	    'list /', 'make a file elsewhere', 'start a process',
	    'run a shell', 'signal the master', 'bind a port', 'connect out',
	    'send datagrams', 'ask local services',
	    'make a shared socket block', 'bind a listener elsewhere',
	    'make a listener block', 'make a pair of sockets', 'lock a log',
	    'choose a signal', 'cut a log',
	    'limit the master', 'slow the master down';
	cmp_ok(scalar $result->{changes}->@*, '>', 0, 'files are changed');
	$tined->ends_clean(qr/--no-sandbox/);

	return unless $root;
	($tined, $result) = intrude('--no-sandbox', '-u', 'nobody');
	is($result->{$_}, 'done', "nobody, $_: done")
	    for 'read /etc/passwd', 'climb out by a descriptor',
	    'run a shell', 'connect out';
	isnt($result->{$_}, 'done', "nobody, $_: refused")
	    for 'read /etc/shadow', 'make a file', 'change a file',
	    'remove a file', 'change its mode', 'be root',
	    q{be of root's group}, 'make a namespace', 'signal the master',
	    'signal init', 'trace the master', 'mount';
	$tined->ends_clean(qr/--no-sandbox/);
};

done_testing;
