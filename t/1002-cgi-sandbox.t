# CGI: what programs may do in the sandbox, which mounts are refused, and what -t
# says.

use v5.36;

use File::Copy qw(copy);
use File::Path qw(make_path);
use FindBin;
use IO::Socket::IP ();
use lib "$FindBin::Bin/lib";
use Cgi qw(has_sandbox programs start_cgi);
use POSIX qw(mkfifo);
use Test::More;
use Tined qw(slurp spew wait_for);

my $place = File::Temp->newdir(TMPDIR => 1);

chmod oct '0777', "$place";
spew("$place/secret", "secret\n");
spew("$place/run", "#!/bin/sh\necho run\n");
chmod oct '0755', "$place/run";

my $dir = programs(
	read => "head(); print do { open my \$f, '<', '$place/secret' or print \"\$!\";"
	    . '$f ? <$f> : q{} };',
	null => "head(); open my \$f, '>', '/dev/null' or die; print {\$f} 'x';"
	    . "open \$f, '<', '/dev/null' or die; print 'null';",
	write => "head(); print open(my \$f, '>', '$place/new') ? 'yes' : \"\$!\";",
	chmod => "head(); print chmod(0600, '$place/secret') ? 'yes' : \"\$!\";",
	exec => "head(); my \$pid = fork // die;"
	    . "if (!\$pid) { no warnings; exec '$place/run'; print \"\$!\"; exit }"
	    . 'waitpid $pid, 0;',
	socket => 'use Socket; head(); my $s;'
	    . 'print socket($s, PF_INET, SOCK_STREAM, 0) &&'
	    . 'connect($s, sockaddr_in($ENV{QUERY_STRING}, INADDR_LOOPBACK))'
	    . '? "yes" : "$!";',
	etc => 'head(); open my $f, "<", "/etc/shadow" or print "$!";',
	signal => 'head(); print kill(0, getppid()) ? "yes" : "$!";',
);

# What cannot be an interpreter, and is found out before a client asks.
my $odd = programs(
	directory => "#!$place\n",
	env => "#!/usr/bin/env .\n",
	fifo => "#!$place/fifo\n",
	device => "#!/dev/null\n",
	'env-fifo' => "#!/usr/bin/env $place/fifo\n",
);

mkfifo("$place/fifo", oct '0777') or die $!;
symlink "$place/run", "$odd/leads-out" or die $!;

sub refuses ($status, $mount, $words, @more) {
	my $run = Tined->run(args => ['-m', "/c=$mount", @more]);

	is($run->{status}, $status, "$mount: status $status");
	like($run->{err}, qr/\A[^\n]*$words[^\n]*\n\z/, 'one line says why');
	return;
}

subtest 'more descriptors than the limit allows' => sub {
	my $run = Tined->run(rlimits => { n => 40 },
		args => [map { ('-m', "/c$_=cgi:$dir") } 1 .. 40]);

	is($run->{status}, 1, 'status 1');
	like($run->{err}, qr{/c\d+: \S+: too many open files: raise the limit},
		'the mount is named, and the remedy');
};

# Much of what each grants is the same for all.  A reload opens it once more.
subtest 'many mounts under a limit of descriptors' => sub {
	my %dirs = map { ("/c$_" => programs(hi => 'head(); print "hi";')) } 1 .. 40;
	my @mounts = map { ('-m', "$_=cgi:$dirs{$_}") } sort keys %dirs;
	my $runs   = sub ($tined) {
		is($tined->get("$_/hi")->body, 'hi', "$_ runs") for '/c1', '/c40';
	};
	my $tined = Tined->start(rlimits => { n => 500 },
		args => ['-w', 2, @mounts]);

	$runs->($tined);
	for my $time (1, 2) {
		my %old = map { $_ => 1 } $tined->all_workers(2);
		$tined->signal('HUP');
		ok(wait_for(sub { !grep { $old{$_} } $tined->worker_pids }),
			"reload $time");
		$runs->($tined);
	}
	$tined->ends_clean;

	$tined = Tined->start(rlimits => { n => 250 },
		args => ['-w', 2, @mounts]);
	$tined->signal('HUP');
	ok(wait_for(sub { $tined->error_log =~ /cannot reload: .*: too many open files: raise/ }),
		'a reload that cannot be says what to raise');
	$runs->($tined);
	$tined->ends_clean(qr/cannot reload/);
};

subtest 'mounts that are refused' => sub {
	refuses(64, 'cgi:', qr/needs a directory/);
	refuses(64, "cgi:$dir,colour=red",
		qr/unknown argument colour=: cgi takes .*env, .*timeout.*network/);
	refuses(64, "cgi:$dir,timeout=no", qr/timeout=no: expected a time/);
	refuses(64, "cgi:$dir,timeout=0", qr/timeout=0: expected a time/);
	refuses(64, "cgi:$dir,env=1A=b", qr/env=1A=b: expected NAME=VALUE/);
	refuses(64, "cgi:$dir,env=HTTP_A=b", qr/HTTP_/);
	refuses(64, "cgi:$dir,read=here", qr/read=here: expected an absolute/);
	refuses(64, "cgi:$dir,network=perhaps", qr/expected yes or no/);
	refuses(1, "cgi:$dir,env=NOT_THERE_AT_ALL", qr/no such variable/);
	refuses(1, "cgi:$dir,exec=/none", qr{/none: No such file});
	refuses(1, 'cgi:/none', qr{/none: No such file});
	refuses(1, "cgi:$place/secret", qr/neither a directory nor an executable/);
};

subtest '-t says which programs may be run' => sub {
	my $say = sub (@args) {
		my $run = Tined->run(args => ['-t', @args]);
		is($run->{status}, 0, "-t @args");
		return $run->{out};
	};

	plan skip_all => 'there is no sandbox' unless has_sandbox();
	unlike($say->(), qr/may run/, 'none without such a mount');
	my $out = $say->('-m', "/c=cgi:$dir,exec=$place/run,write=$place");
	my ($list) = $out =~ /^programs that workers may run: (.*)$/m;
	my %may = map { $_ => 1 } split /, /, $list;

	ok($may{"$dir"}, 'the directory');
	ok($may{"$place/run"}, 'what exec= names');
	ok((grep { m{/perl[\d.]*\z} } keys %may), 'interpreters');
	ok((grep { m{/ld-} } keys %may), 'and their loader');
	ok(!$may{$place}, 'no directory that claims to be one');
	ok(!(grep { m{\A/usr(?:/bin)?\z} } keys %may), 'no others');
	like($out, qr/^files that workers may change: \Q$place\E$/m,
		'what may be changed');
	unlike($out, qr/keeps workers from: programs/, 'they run programs');
	my $each = $say->('-m', "/c=cgi:$dir,write=$place", '-m', "/d=cgi:$dir,write=$place");
	for my $line (grep { /\A(?:programs|files) that workers/ } split /\n/, $each) {
		my %times;
		$times{$_}++ for split /, /, $line =~ s/\A.*?: //r;
		is_deeply([grep { $times{$_} > 1 } sort keys %times], [],
			'what two mounts grant is said once');
	}
};

subtest 'interpreters that are none' => sub {
	my $run = Tined->run(args => ['-t', '-m', "/c=cgi:$odd"]);
	my %no = (
		directory => $place, fifo => "$place/fifo", device => '/dev/null',
		'env-fifo' => "$place/fifo",
	);

	is($run->{status}, 0, '-t says that others can be run');
	for my $name (sort keys %no) {
		my $line = "cgi: $odd/$name cannot be run: it needs $no{$name}, "
		    . 'which is not a regular file';
		like($run->{err}, qr/ warning: \Q$line\E$/m, $name);
	}
	my ($list) = $run->{out} =~ /^programs that workers may run: (.*)$/m;
	is((grep { m{\A(?:\Q$place\E|/dev)} } split /, /, $list // q{}), 0,
		'and they are not granted');
};

# As /usr/bin/X11 does on Debian.
subtest 'a link to the directory that it is in' => sub {
	my $all = programs(map { ("p$_" => "#!$place/none-$_\n") } 1 .. 3);

	spew("$all/$_", q{}) for 1 .. 1000;
	symlink q{.}, "$all/loop" or die $!;
	my $run = Tined->run(args => ['-t', '-m', "/c=cgi:$all"]);

	unlike($run->{err}, qr/more than/, 'no file counts twice');
	is(scalar(() = $run->{err} =~ /cannot be run/g), 3,
		'all programs are looked at, once');
};

# What programs say of an attempt, with these arguments of the mount.
sub said (%wanted) {
	my $more = delete $wanted{more} // q{};
	my $tined = start_cgi($dir, more => $more);
	my $listener = IO::Socket::IP->new(LocalHost => '127.0.0.1', Listen => 5)
	    // die "no port: $@";

	for my $name (sort keys %wanted) {
		is($tined->get("/c/$name?" . $listener->sockport)->body,
			$wanted{$name}, "$name with " . ($more || 'nothing'));
	}
	unlink "$place/new";
	$tined->ends_clean(qr/ warning: /);
	return;
}

my $NO = 'Permission denied';
my $NEVER = 'Operation not permitted';

subtest 'what programs may do' => sub {
	plan skip_all => 'there is no sandbox' unless has_sandbox();
	said(read => $NO, null => 'null', write => $NO, exec => $NO,
		chmod => $NEVER, socket => $NEVER, etc => $NO, signal => 'yes');
	said(more => ",read=$place", read => "secret\n", write => $NO,
		exec => $NO, chmod => $NEVER, socket => $NEVER, etc => $NO);
	said(more => ",exec=$place/run", read => $NO, exec => "run\n",
		write => $NO);
	said(more => ",write=$place", write => 'yes', chmod => 'yes',
		read => "secret\n", exec => $NO, socket => $NEVER);
	said(more => ',network=yes', socket => 'yes', read => $NO,
		write => $NO, exec => $NO);
};

subtest '--chroot' => sub {
	plan skip_all => 'this needs root' if $> != 0;
	my $root = File::Temp->newdir(TMPDIR => 1);
	my @libraries = `ldd /bin/sh` =~ m{(/\S+) \(0x}g;

	chmod oct '0755', "$root";
	make_path("$root/www");
	spew("$root/www/a.txt", "a\n");
	refuses(1, "cgi:$dir", qr/run inside --chroot \Q$root\E, .* not below it/,
		'--user', 'nobody', '--chroot', "$root", "$root/www");
	return if Tined->is_sanitized;    # its reports would be outside
	Cgi::add_programs("$root/cgi", shell => "#!/bin/sh\n"
		. "echo Content-Type: text/plain\necho\n"
		. "echo \"\$SCRIPT_FILENAME\"; pwd\n");
	for my $file ('/bin/sh', @libraries) {
		make_path("$root/dev", $root . $file =~ s{/[^/]*\z}{}r);
		copy($file, "$root$file") or die "$file: $!";
		chmod oct '0755', "$root$file";
	}
	my $tined = Tined->start(root => "$root/www",
		args => ['-m', "/c=cgi:$root/cgi", '--chroot', "$root", '-w', 1,
			'--user', 'nobody']);

	is($tined->get('/c/shell')->body, "/cgi/shell\n/cgi\n",
		'programs run inside');
	ok($tined->reload_works, 'it is reloaded');
	is($tined->get('/c/shell')->body, "/cgi/shell\n/cgi\n",
		'and so they do then');
	$tined->ends_clean;
	unlink "$root/bin/sh";
	$tined = Tined->start(root => "$root/www",
		args => ['-m', "/c=cgi:$root/cgi", '--chroot', "$root", '-w', 1,
			'--user', 'nobody']);
	is($tined->get('/c/shell')->status, 500, 'unless what they need is missing');
	$tined->ends_clean(qr{warning: cgi: .*/cgi/shell cannot be run: it needs },
		qr/cannot run/);
};

done_testing;
