# WSGI: applications that do what is allowed and rare, or wrong, and what a
# client's end is to them.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tined qw(wait_for);
use Wsgi  qw(need_python start_wsgi wsgi_env wsgi_mount);

need_python();

my $RAISED = qr/error: .*the application has raised an exception: /;
my $TRACE  = qr/error: {3,}\S/;

subtest 'a child comes back, wherever the application runs' => sub {
	my $tined = start_wsgi('apps:ways', args => ['-w', 1]);
	my $sock  = $tined->connect;
	my $ended = sub () {
		return scalar grep { /notice: .*a child ended with 0\z/ }
		    $tined->error_log;
	};
	my $count = 0;

	for my $place (qw(iter end close)) {
		is($tined->get("/fork-$place", sock => $sock, keep => 1)->body,
			'the parent', "in $place: one answer");
		ok(wait_for(sub { $ended->() == $count + 1 }), 'the child ended');
		$count++;
	}
	my %status = (3 => 3, none => 0, words => 1, raise => 1);
	for my $way (sort keys %status) {
		is($tined->get("/exit/$way", sock => $sock, keep => 1)->body,
			$status{$way}, "exit status: $way");
	}
	like($tined->error_log, qr/notice: .*words\n/, 'its last words');
	like($tined->error_log, qr/ValueError: in the child\n/, 'its exception');
	is($tined->get('/list', sock => $sock, keep => 1)->body, 'ab', 'goes on');
	$tined->ends_clean(qr/error: a process that was forked failed/, $TRACE);
};

subtest 'start_response' => sub {
	my $tined = start_wsgi('apps:ways', args => ['-w', 1]);

	ok(!eval { $tined->get('/no-exception'); 1 },
		'again, without an exception: cut off');
	like($tined->error_log, qr/TypeError: exc_info is without an exception/,
		'and why');
	is($tined->get('/recursive')->status, 500, 'called by what it is given');
	is($tined->get('/two-lengths')->status, 500, 'two lengths: 500');
	like($tined->error_log, qr/Content-Length is '3': no number, or not/,
		'and why');
	is($tined->get('/length-twice')->body, 'abc', 'the same twice');
	$tined->ends_clean($RAISED, $TRACE, qr/cut off/);
};

subtest 'files that are none, or not written yet' => sub {
	my $tined = start_wsgi('apps:ways', args => ['-w', 1]);
	my $text  = 'a text ' x 999 . 'its end';

	is($tined->get('/compressed')->body, 'a text ' x 1000, 'what it reads');
	is($tined->get('/written')->body, $text, 'what was written');
	is($tined->get('/written-part')->body, substr($text, 0, 70),
		'as much as was declared');
	is($tined->get('/written-short')->status, 500, 'less: 500');
	is($tined->get('/list')->body, 'ab', 'the worker serves on');
	$tined->ends_clean($RAISED, $TRACE);
};

subtest 'threads run while the application waits for its client' => sub {
	my $tined = start_wsgi('apps:ways', args => ['-w', 1]);
	my $sock  = $tined->connect;

	$tined->send($sock, "POST /meanwhile HTTP/1.1\r\nHost: a\r\n"
		    . "Content-Length: 100000\r\n\r\n" . 'x' x 70_000);
	ok(wait_for(sub { $tined->error_log =~ /notice: a thread meanwhile\n/ }),
		'one has run');
	$tined->send($sock, 'x' x 30_000);
	is($tined->read_response($sock)->body, 100_000, 'and then the rest');
	$tined->ends_clean;
};

subtest 'streams that child processes can have' => sub {
	my $tined = start_wsgi('apps:ways', args => ['-w', 1]);

	is($tined->get('/streams')->body, '1 2', 'descriptors');
	$tined->ends_clean;
};

subtest 'all that is printed is logged' => sub {
	my $dir = File::Temp->newdir;

	chmod 0755, $dir;
	Tined::spew("$dir/words.py", <<'END');
import atexit
atexit.register(lambda: print("the last words", end=""))
def application(environ, start):
    print("before\0behind")
    start("200 OK", [])
    return []
END
	my $tined = start_wsgi('words:application', path => "$dir",
		args => ['-w', 1]);

	is($tined->get('/')->status, 200, 'an answer');
	$tined->ends_clean;
	like($tined->error_log, qr/notice: .*: before\?behind\n/, 'behind a NUL');
	like($tined->error_log, qr/notice: the last words\n/,
		'without a newline, at the end');
};

subtest 'path= stands in front of $PYTHONPATH' => sub {
	my $dir = File::Temp->newdir;

	chmod 0755, $dir;
	for my $name (qw(first second)) {
		mkdir "$dir/$name" or die $!;
		Tined::spew("$dir/$name/own.py", "def application(environ, start):"
			. "\n    start('200 OK', [])\n    return [b'$name']\n");
	}
	my $tined = start_wsgi('own:application', path => "$dir/second",
		args => ['-w', 1],
		env => { PYTHONPATH => "$dir/first:$dir/second" });

	is($tined->get('/')->body, 'second', 'though it is there, too');
	$tined->ends_clean;
};

subtest 'a client that goes is no failure of the application' => sub {
	my $tined = start_wsgi('apps:ways', args => ['-w', 1]);
	my $sock  = $tined->connect;

	$tined->send($sock, "GET /for-ever HTTP/1.1\r\nHost: a\r\n\r\n");
	ok(wait_for(sub {
		eval { $tined->fill($sock, Tined::deadline(0.1)) };
		length ${*$sock}{tined_buffer};
	}), 'it receives some');
	close $sock;
	is($tined->get('/list')->body, 'ab', 'and is gone: the worker is free');
	ok(!(grep { /exception|Error/ } $tined->error_log), 'no traceback');
	$tined->ends_clean(qr/cut off|gone/);
};

subtest 'a relative path= in a daemon, which is in / at a reload' => sub {
	my $dir = File::Temp->newdir;
	my $port = Tined::free_port;
	my $log = sub { return Tined::slurp("$dir/error.log") };
	my $client = bless { host => '127.0.0.1', port => $port }, 'Tined';

	chmod 0755, $dir;
	mkdir "$dir/code" or die $!;
	Tined::spew("$dir/code/own.py", "def application(environ, start):\n"
		    . "    start('200 OK', [])\n    return [b'own']\n");
	my $run = Tined->run(args => ['-d', '-p', "$dir/pid", '-w', 1,
			'-e', "$dir/error.log", '-l', "127.0.0.1:$port",
			'-m', wsgi_mount('/', 'own:application', path => 'code')],
		cwd => "$dir", daemon => 1, env => wsgi_env());
	is($run->{status}, 0, 'it starts') or return diag($run->{err});
	my $pid = Tined::slurp("$dir/pid") =~ s/\s+\z//r;
	is($client->get('/')->body, 'own', 'path=code');
	kill 'HUP', $pid;
	ok(wait_for(sub { $log->() =~ /notice: reloaded: / }), 'reloaded')
	    or diag($log->());
	is($client->get('/')->body, 'own', 'still');
	kill 'TERM', $pid;
	ok(wait_for(sub { !-e "$dir/pid" }), 'it ends');
};

done_testing;
