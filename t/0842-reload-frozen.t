# HUP while a file system stands still: the master goes on with all that it does,
# the reload fails after a while, and what is served has not changed.

use v5.36;

use Cgi        qw(add_programs);
use File::Temp ();
use SlowFS     ();
use Test::More;
use Time::HiRes qw(time);
use Tined qw(spew wait_for);

use constant PATIENT => 5; # seconds, of a reload: no setting stretches them

my $dir = File::Temp->newdir;
chmod 0755, $dir;
mkdir "$dir/www" or die "mkdir: $!\n";
spew("$dir/www/a.txt",    "a\n");
spew("$dir/www/404.html", "no such page\n");
mkdir "$dir/$_" or die "mkdir: $!\n" for qw(www/cgi programs);
add_programs("$dir/www/cgi",  hello => "head; say 'hello';");
add_programs("$dir/programs", hello => "head; say 'hello';");

my $disk = SlowFS->mount("$dir/www");
my $path = $disk->path;

sub said ($tined, $words) {
	return scalar(() = $tined->error_log =~ /$words/g);
}

# Whoever asks it for anything waits, and cannot be killed; with pid => 123, that
# process alone.
sub freeze (%only) {
	$disk->slow(%only, map { $_ => 'freeze' } qw(lookup open list read));
	return;
}

sub openers ($tined) {
	return grep { Tined::title($_) =~ /\Atined: reload/ }
	    $tined->child_pids;
}

# Waits until a reload has failed for that reason.  Where the machine is very busy,
# one may fail before it comes to that: then there is another.
sub fails_by ($tined, $reason) {
	my $failures = 0;

	return wait_for(sub {
		my $now = said($tined, 'cannot reload: ');

		return 1 if $tined->error_log =~ $reason;
		$tined->signal('HUP') if $now > $failures;
		$failures = $now;
		return 0;
	});
}

# What is served at / is on a disk that is well.
sub start (@args) {
	return Tined->start(files => { 'index.html' => "well\n" },
		args => ['-w', 3, @args]);
}

# What is mounted, at which URL it is seen and with which status.
for my $case (
	['a folder', '/slow/a.txt', 200, '-m', "/slow=file:$path"],
	['an error page', '/none', 404, '--error-page', "404=$path/404.html"],
	['a fallback', '/none', 200, '-m', "/=file:$path", '--fallback',
		'a.txt'],
	['a folder of programs', '/c/hello', 200, '-m', "/c=cgi:$path/cgi"],
	['a program', '/c', 200, '-m', "/c=cgi:$path/cgi/hello"],
	['what programs may run', '/c/hello', 200, '-m',
		"/c=cgi:$dir/programs,exec=$path/cgi"],
) {
	my ($what, $url, $status, @args) = @$case;

	subtest "$what that stands still" => sub {
		my $tined = $what eq 'a fallback'
		    ? Tined->start(args => ['-w', 3, @args]) : start(@args);
		my @workers = $tined->all_workers(3);

		freeze;
		my $began = time;
		$tined->signal('HUP');
		ok(wait_for(sub { said($tined, 'notice: reloading') }),
			'a reload begins');
		ok(wait_for(sub { openers($tined) }), 'in another process');

		# The master reaps, and starts workers, meanwhile.
		kill 'KILL', $workers[0];
		ok(wait_for(sub {
			my @now = $tined->worker_pids;
			@now == 3 && !grep { $_ == $workers[0] } @now;
		}), 'a worker that dies is replaced');
		is(eval { $tined->get('/index.html')->body }, "well\n",
			'clients are served') if $what ne 'a fallback';
		SKIP: {
			my $failed = said($tined, 'cannot reload');

			skip 'the machine is too slow for that', 1
			    if time - $began >= PATIENT;
			ok(!$failed, 'while it goes on');
		}
		my @kept = $tined->worker_pids;
		ok(fails_by($tined, qr{error:\ cannot\ reload:\ .*\Q$path\E.*
			has\ not\ responded\ for\ 5\ s:.*\ what\ is\ served\ has\ not\ changed$}mx),
			'it fails, and says what has not answered');
		is_deeply([$tined->worker_pids], \@kept,
			'no worker was replaced for it');
		is($tined->notified('READY'), 1, 'the service manager is told');

		$disk->slow;
		ok($tined->reload_works, 'a reload works when it answers again');
		ok(wait_for(sub { !openers($tined) }), 'nobody is left of it');
		is(eval { $tined->get($url)->status }, $status,
			'clients see it');
		$tined->ends_clean(qr/cannot reload: /,
			qr/was killed by signal 9/);
	};
}

# All that the process that stands still may hold is its own.
for my $mount ("file:$path", "cgi:$path/cgi", "cgi:$path/cgi/hello") {
	subtest "a stop meanwhile: $mount" => sub {
		my $port = Tined::free_port;
		my @args = ('-p', "$dir/pid", '-l', "127.0.0.1:$port");
		my $tined = Tined->start(listen => 'none', port => $port,
			files => { 'index.html' => "well\n" },
			args => ['-w', 3, '-m', "/slow=$mount", @args]);

		freeze;
		$tined->signal('HUP');
		ok($disk->wait_held(qr/./), 'a reload stands still');
		ok(wait_for(sub { openers($tined) }), 'in another process');
		is($tined->stop, 0, 'the server stops');
		my $next = Tined->start(listen => 'none', port => $port,
			files => { 'index.html' => "well\n" },
			args => ['-w', 1, @args]);
		is($next->get('/index.html')->body, "well\n",
			'another has its port and its pid file at once');
		$next->ends_clean;
		$disk->slow;
		$tined->leaves_nothing;
		$tined->log_is_clean(qr/cannot reload: /);
	};
}

# It could stand still between the look of the other process and one of the
# master.
subtest 'the master itself asks it for nothing' => sub {
	my $tined = start('--error-page', "404=$path/404.html",
		'-m', "/slow=file:$path",
		'-m', "/c=cgi:$path/cgi",
		'-m', "/p=cgi:$path/cgi/hello",
		'-m', "/e=cgi:$dir/programs,exec=$path/cgi,read=$path/a.txt,"
			. "write=$path");

	freeze(pid => $tined->pid);
	ok($tined->reload_works,
		'a reload works while it would stand still for the master');
	for my $url (qw(/slow/a.txt /c/hello /p /e/hello)) {
		is(eval { $tined->get($url)->status }, 200, "$url is there");
	}
	is(eval { $tined->get('/none')->body }, "no such page\n",
		'and so is the error page');
	$disk->slow;
	$tined->ends_clean;
};

subtest 'a HUP meanwhile' => sub {
	my $tined = start('-m', "/slow=file:$path");

	freeze;
	$tined->signal('HUP');
	ok(wait_for(sub { openers($tined) }), 'a reload stands still');
	$tined->signal('HUP');
	$disk->slow;
	ok(wait_for(sub {
		said($tined, 'notice: reloaded: 3 workers|cannot reload: ') == 2;
	}), 'both come to their end when it answers')
	    or diag(scalar $tined->error_log);
	ok($tined->reload_works, 'and so does another');
	$tined->ends_clean(qr/cannot reload: .* has not (?:responded|begun) /);
};

# A process that waits for a file system cannot be killed, so there is no other.
subtest 'more reloads while it stands still' => sub {
	my $tined = start('-m', "/slow=file:$path");
	my $waits = qr/error:\ cannot\ reload:\ the\ process\ that\ opened\ files\ .*
		still\ waits\ for\ its\ file\ system:\ \Q$path\E.*
		\ what\ is\ served\ has\ not\ changed$/mx;

	freeze;
	$tined->signal('HUP');
	ok(fails_by($tined, $waits), 'the second fails, and says why')
	    or diag(scalar $tined->error_log);
	$tined->signal('HUP');
	ok(wait_for(sub { said($tined, $waits) > 1 }), 'and so does another');
	cmp_ok(scalar openers($tined), '<=', 1, 'one process waits for it');

	# The server itself wants one, and begins it later.
	my $root = $tined->root;
	unlink "$root/index.html" or die "$root: $!\n";
	rmdir $root or die "$root: $!\n";
	mkdir $root or die "$root: $!\n";
	$tined->add_files('index.html' => "new\n");
	ok(wait_for(sub { $tined->get('/')->status == 503 }),
		'a directory is made anew');
	cmp_ok(scalar openers($tined), '<=', 1, 'one process still');

	$disk->slow;
	ok(wait_for(sub { $tined->get('/')->body eq "new\n" }),
		'it is opened when the file system answers');
	ok($tined->reload_works, 'a reload works');
	ok(wait_for(sub { !openers($tined) }), 'nobody is left');
	$tined->ends_clean(qr/cannot reload: /, qr/was removed/);
};

$disk->end;
done_testing;
