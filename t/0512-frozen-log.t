# A log on a file system that stands still: whoever writes to it waits, and loses
# nothing when it goes on; all others go on meanwhile.

use v5.36;

use File::Temp ();
use SlowFS     ();
use Test::More;
use Tined qw(slurp spew wait_for);

my $dir = File::Temp->newdir;
chmod 0755, $dir;
mkdir "$dir/logs" or die "mkdir: $!\n";
spew("$dir/logs/access.log", q{});

my $disk = SlowFS->mount("$dir/logs");
my $log  = $disk->path . '/access.log';

sub start (@args) {
	return Tined->start(files => { 'a.txt' => "a\n" },
		args => ['-w', 2, '-a', $log, @args]);
}

sub ask ($tined, $path) {
	my $sock = $tined->connect;

	$tined->send($sock, "GET $path HTTP/1.1\r\nHost: a\r\n\r\n");
	return $sock;
}

# Each of both workers has a client, and waits.
sub freeze ($tined) {
	$disk->slow(write => 'freeze');
	return map {
		my $sock = ask($tined, "/a.txt?$_");
		ok(wait_for(sub {
			$_ == grep { Tined::title($_) =~ /serving/ }
			    $tined->worker_pids;
		}), "worker $_ waits");
		$sock;
	} 1, 2;
}

subtest 'the access log' => sub {
	my $tined = start();
	my @workers = $tined->all_workers(2);
	my @socks = freeze($tined);
	my $other = ask($tined, '/a.txt?3');

	$tined->signal('HUP');
	ok(wait_for(sub { $tined->error_log =~ /notice: reloading/ }),
		'the master goes on');
	$disk->slow;
	ok(wait_for(sub { $tined->error_log =~ /notice: reloaded/ }),
		'its workers do when they can write');
	is($tined->read_response($_)->body, "a\n", 'a client has its answer')
	    for @socks, $other;
	ok(wait_for(sub {
		my $text = slurp("$dir/logs/access.log");
		3 == grep { $text =~ m{GET /a[.]txt[?]$_ } } 1 .. 3;
	}), 'no line is lost');
	$tined->ends_clean;
};

# Nothing can end a process that the kernel does not let go.
subtest 'a stop meanwhile' => sub {
	my $tined = start('--stop-timeout', '500ms');
	my @socks = freeze($tined);
	my $killed = qr/ warning: killing worker \d\[\d+\] while /;

	$tined->signal('TERM');
	ok(wait_for(sub { 2 == (() = $tined->error_log =~ /$killed/g) }),
		'the workers are to end after their time');
	$disk->slow;
	is($tined->wait_exit, 0, 'and do when they can');
	$tined->leaves_nothing;
	$tined->log_is_clean($killed);
};

done_testing;
