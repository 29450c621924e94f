# HUP while a file system stands still: the master goes on with all that it does,
# the reload fails after a while, and nothing has changed.

use v5.36;

use File::Temp ();
use SlowFS     ();
use Test::More;
use Tined qw(spew wait_for);

my $dir = File::Temp->newdir;
chmod 0755, $dir;
mkdir "$dir/www" or die "mkdir: $!\n";
spew("$dir/www/a.txt",    "a\n");
spew("$dir/www/404.html", "no such page\n");

my $disk = SlowFS->mount("$dir/www");
my $path = $disk->path;

sub said ($tined, $words) {
	return scalar(() = $tined->error_log =~ /$words/g);
}

# Whoever asks it for anything waits, and cannot be killed.
sub freeze () {
	$disk->slow(map { $_ => 'freeze' } qw(lookup open list));
	return;
}

sub openers ($tined) {
	return grep { Tined::title($_) =~ /\Atined: reload/ }
	    $tined->child_pids;
}

# What is served at / is on a disk that is well.
sub start (@args) {
	return Tined->start(files => { 'index.html' => "well\n" },
		args => ['-w', 3, @args]);
}

for my $case (
	['a folder'      => '-m', "/slow=file:$path"],
	['an error page' => '--error-page', "404=$path/404.html"],
	['a fallback'    => '-m', "/=file:$path", '--fallback', 'a.txt'],
) {
	my ($what, @args) = @$case;

	subtest "$what that stands still" => sub {
		my $tined = $what eq 'a fallback'
		    ? Tined->start(args => ['-w', 3, @args]) : start(@args);
		my @workers = $tined->all_workers(3);

		freeze;
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
		ok(!said($tined, 'cannot reload'), 'while it goes on');

		my @kept = $tined->worker_pids;
		ok(wait_for(sub { said($tined, 'cannot reload') }),
			'it fails');
		like($tined->error_log, qr{error:\ cannot\ reload:\ \Q$path\E.*
			has\ not\ responded\ for\ 5\ s:.*\ nothing\ has\ changed$}mx,
			'and says what has not answered');
		is_deeply([$tined->worker_pids], \@kept,
			'no worker was replaced for it');
		is($tined->notified('READY'), 1, 'the service manager is told');

		$disk->slow;
		$tined->signal('HUP');
		ok(wait_for(sub { said($tined, 'notice: reloaded: 3 workers') }),
			'a reload works when it answers again');
		ok(wait_for(sub { !openers($tined) }), 'nobody is left of it');
		is(eval { $tined->get($what eq 'a folder' ? '/slow/a.txt'
			: '/a.txt')->status },
			$what eq 'an error page' ? 404 : 200, 'clients see it');
		$tined->ends_clean(qr/cannot reload: /,
			qr/was killed by signal 9/);
	};
}

# All that the process that stands still may hold is its own.
subtest 'a stop meanwhile' => sub {
	my $port = Tined::free_port;
	my @args = ('-p', "$dir/pid", '-l', "127.0.0.1:$port");
	my $tined = Tined->start(listen => 'none', port => $port,
		files => { 'index.html' => "well\n" },
		args => ['-w', 3, '-m', "/slow=file:$path", @args]);

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
	$tined->log_is_clean;
};

subtest 'a HUP meanwhile' => sub {
	my $tined = start('-m', "/slow=file:$path");

	freeze;
	$tined->signal('HUP');
	ok(wait_for(sub { openers($tined) }), 'a reload stands still');
	$tined->signal('HUP');
	$disk->slow;
	ok(wait_for(sub { said($tined, 'notice: reloaded: 3 workers') == 2 }),
		'both come to their end when it answers in time')
	    or diag(scalar $tined->error_log);
	$tined->ends_clean;
};

$disk->end;
done_testing;
