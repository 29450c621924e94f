# A file system that stands still: it keeps the workers of those who want its
# files, and nobody else.

use v5.36;

use File::Temp ();
use FindBin;
use JSON::PP ();
use lib "$FindBin::Bin/lib";
use Lot  qw(ask is_parked lot_pid park);
use Slow qw(get hurry is_whole leaks_nothing numbered resting unread wait_until);
use SlowFS ();
use Socket qw(SOL_SOCKET SO_LINGER);
use Test::More;
use Tined qw(spew wait_for);

Lot::import_or_skip();

# More than the kernel reads ahead, or sends, on its own.
my $large = numbered(24 << 20);
my $source = File::Temp->newdir;

chmod oct('755'), "$source";
spew("$source/large", $large);
spew("$source/small", "small\n");

my $disk = SlowFS->mount("$source");

sub start (@args) {
	return Tined->start(args => ['-w', 4, '-m', '/reflect=echo:body',
		'-m', '/status=status:', @args], root => $disk->path);
}

# It takes what there is until the disk is asked for more.
sub read_on ($tined, $sock, $disk) {
	my $before = $disk->was_held(qr/\Aread /);

	return wait_for(sub {
		eval { $tined->fill($sock, 0) };
		$disk->was_held(qr/\Aread /) > $before;
	});
}

subtest 'a reader of a file on it' => sub {
	my $tined = start();
	my %base = resting($tined);
	my @others = map { $tined->connect } 1 .. 10;
	my $sock = unread($tined, get('/large') . get('/small'));

	ask($tined, $_) && park($tined, $_) or die for @others;
	wait_until($tined, 'send', 1);
	$disk->slow(read => 'freeze');
	ok(read_on($tined, $sock, $disk), 'a process waits for the disk');
	ok(ask($tined, $_), 'one who waited in the lot is answered')
	    or last for @others;
	ok(park($tined, $_), 'and goes back there') or last for @others;
	$disk->slow;
	hurry($sock);
	is_whole($tined->read_response($sock), $large, 'then the reader');
	is($tined->read_response($sock)->body, "small\n", 'and on');
	close $_ for $sock, @others;
	leaks_nothing($tined, %base);
	$tined->ends_clean;
};

subtest 'a reader that goes while it waits' => sub {
	my $tined = start();
	my $sock = unread($tined, get('/large'));

	wait_until($tined, 'send', 1);
	$disk->slow(read => 'freeze');
	ok(read_on($tined, $sock, $disk), 'a process waits for the disk');
	setsockopt $sock, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
	close $sock;
	$disk->slow;
	ok(wait_for(sub {
		my $json = $tined->get('/status/json')->body;
		JSON::PP::decode_json($json)->{responses}{aborted} == 1;
	}), 'its response is counted as cut off');
	$tined->ends_clean;
};

# None of them keeps a worker for longer than a disk takes.
subtest 'slow readers' => sub {
	my $tined = start('-w', 2);
	my %base = resting($tined);
	my @socks = map { unread($tined, get('/large')) } 1 .. 6;

	$disk->slow(read => 5);
	wait_until($tined, 'send', 6);
	for my $sock (@socks) {
		for (1 .. 20) {
			eval { $tined->fill($sock) } or last;
		}
	}
	wait_until($tined, 'send', 6);
	ok(ask($tined, $tined->connect), 'others are answered');
	hurry(@socks);
	is_whole($tined->read_response($_), $large, 'a slow reader')
	    for @socks;
	$disk->slow;
	close $_ for @socks;
	leaks_nothing($tined, %base);
	$tined->ends_clean;
};

subtest 'a stop' => sub {
	my $tined = start();
	my $sock = unread($tined, get('/large'));

	wait_until($tined, 'send', 1);
	$disk->slow(read => 'freeze');
	read_on($tined, $sock, $disk);
	$tined->child_pids;
	$tined->signal('TERM');
	wait_for(sub { $tined->error_log =~ /stopping/ });
	$disk->slow;
	hurry($sock);
	is_whole($tined->read_response($sock), $large, 'its response');
	close $sock;
	is($tined->wait_exit, 0, 'and it ends');
	$tined->leaves_nothing;
	$tined->log_is_clean;
};

done_testing;
