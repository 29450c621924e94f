# HUP while a name server does not answer: the master goes on with all that it does,
# the reload fails after a while, and what is served has not changed.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use File::Temp ();
use IO::Socket::IP ();
use Socket qw(SOCK_DGRAM);
use Test::More;
use Time::HiRes qw(time);
use Tined qw(background spew wait_for);
use Upstream qw(read_request respond);

use constant PATIENT => 5; # seconds, of a reload: no setting stretches them

# The C library asks nscd first, which knows nothing of the name server here.
plan skip_all => 'nscd runs here' if -S '/var/run/nscd/socket';

# The test goes on in a network and a mount namespace of its own.
if (!$ENV{TINED_NAMES}) {
	my @unshare = ('unshare', ($> == 0 ? () : '-Ur'), '--net', '--mount');

	plan skip_all => 'no right to namespaces'
	    if system("@unshare true 2>/dev/null") != 0;
	$ENV{TINED_NAMES} = 1;
	exec @unshare, $^X, $0 or die "exec: $!";
}

my $dir = File::Temp->newdir;

chmod oct '0755', "$dir";
spew("$dir/resolv.conf", "nameserver 127.0.0.1\n");
spew("$dir/nsswitch.conf", "hosts: dns\n");
for my $name (qw(resolv.conf nsswitch.conf)) {
	plan skip_all => "no right to put another file over /etc/$name"
	    if system("mount --bind $dir/$name /etc/$name 2>/dev/null") != 0;
}
system('ip', qw(link set lo up)) == 0 or die 'ip does not work';

# Answers all questions with 127.0.0.1: but each only once while there is the file
# "once", and none while there is "silent".
sub name_server ($sock) {
	my %answered;

	alarm 900; # nobody waits for it if the test dies
	while (my $from = $sock->recv(my $question, 512)) {
		my ($id, $name) = unpack 'n x10 Z*', $question;
		my $query = substr $question, 12, length($name) + 1 + 4;
		my $is_a = (unpack 'n', substr $query, -4) == 1;

		%answered = () if !-e "$dir/once";
		next if -e "$dir/silent" || $answered{$is_a};
		$answered{$is_a} = -e "$dir/once";
		$sock->send(pack('n6', $id, 0x8180, 1, $is_a, 0, 0) . $query
			. ($is_a ? pack 'n3Nn C4', 0xc00c, 1, 1, 60, 4,
				127, 0, 0, 1 : q{}), 0, $from);
	}
	return;
}

my $port_53 = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 53,
	Type => SOCK_DGRAM, Proto => 'udp') // die "port 53: $! $@";
my $names = background(sub { name_server($port_53) });
my $up = Upstream->start(sub ($conn, @) {
	respond($conn, 'here') while read_request($conn);
});
my $tined = Tined->start(args => ['-w', 3,
	'-m', '/=proxy:http://up.example:' . $up->port]);

sub said ($words) { return scalar(() = $tined->error_log =~ /$words/g) }

is($tined->get('/')->body, 'here', 'the host is known');
ok($tined->reload_works, 'and after a reload');
is($tined->get('/')->body, 'here', 'too');

# The master asks nothing itself.
spew("$dir/once", q{});
my $before = said('notice: reloaded: 3 workers');
$tined->signal('HUP');
ok(wait_for(sub { said('notice: reloaded: 3 workers') > $before }),
	'it is looked up once for all');
unlink "$dir/once" or die $!;

spew("$dir/silent", q{});
my ($began, $begun) = (time, said('notice: reloading'));
$tined->signal('HUP');
ok(wait_for(sub { said('notice: reloading') > $begun }),
	'another reload begins');
my @workers = $tined->all_workers(3);

kill 'KILL', $workers[0];
ok(wait_for(sub {
	my @now = $tined->worker_pids;
	@now == 3 && !grep { $_ == $workers[0] } @now;
}), 'a worker that dies is replaced');
is($tined->get('/')->body, 'here', 'clients are served');
SKIP: {
	my $failed = said('cannot reload');

	skip 'the machine is too slow for that', 1 if time - $began >= PATIENT;
	ok(!$failed, 'while it goes on');
}
ok(wait_for(sub { said('cannot reload') }), 'it fails');
like($tined->error_log, qr{cannot\ reload:\ http://up\.example.*name\ server
	\ has\ not\ responded\ for\ 5\ s:.*\ what\ is\ served\ has\ not\ changed$}mx,
	'and says what has not answered');
is($tined->get('/')->body, 'here', 'nothing has changed');

unlink "$dir/silent" or die $!;
ok($tined->reload_works, 'a reload works when it answers again');
is($tined->get('/')->body, 'here', 'clients see it');
$tined->ends_clean(qr/cannot reload: /, qr/was killed by signal 9/);
$names->('TERM');
done_testing;
