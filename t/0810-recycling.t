# Workers that retire while the server goes on: their clients lose nothing.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use Lot qw(ask half_of is_parked keep_busy park reflect release token);
use Test::More;
use Time::HiRes qw(sleep time);
use Tined qw(background wait_for);

my @reflect = ('-m', '/reflect=echo:body');
my $classic = ($ENV{TINED_ARGS} // q{}) =~ /--no-lot/;

sub is_replaced ($tined, $pid, $count) {
	return wait_for(sub {
		my @pids = $tined->worker_pids;
		return @pids == $count && !grep { $_ == $pid } @pids;
	});
}

# Each round is a few requests in one go; one client in three sends them in
# two pieces.  Returns how many were answered, and what went wrong.
sub be_busy ($tined, $number, $until) {
	my $sock = $tined->connect;
	my $served = 0;

	while (time < $until) {
		my @tokens = map { token() } 0 .. $number % 4;
		my $raw = join q{}, map { reflect($_) } @tokens;
		if ($number % 3 == 0) {
			my ($first, $rest) = half_of($raw);
			$tined->send($sock, $first);
			sleep 0.001;
			$raw = $rest;
		}
		$tined->send($sock, $raw) or return $served, 'closed';
		for my $token (@tokens) {
			my $response = eval { $tined->read_response($sock) };
			return $served, 'reset' if $tined->was_reset($sock);
			return $served, "no answer: $@" if !$response;
			return $served, 'the answer to another'
			    if $response->body ne $token;
			return $served, 'told to close'
			    if $response->field('connection');
			$served++;
		}
	}
	return $served, 'fine';
}

subtest 'a request under way' => sub {
	my $tined = Tined->start(args => ['-w', 1, @reflect]);
	my ($pid) = $tined->worker_pids;
	my $busy = keep_busy($tined);

	$tined->signal('TERM', $pid);
	$tined->send($busy, 'x' x Lot::BUSY_LENGTH);
	my $response = $tined->read_response($busy);
	is($response->status, 200, 'is answered');
	is($response->field('connection'), $classic ? 'close' : undef,
		$classic ? 'as the last one' : 'as if nothing were');
	ok(is_replaced($tined, $pid, 1), 'another worker is there');
	ok($tined->is_closed($busy), 'the connection closes') if $classic;
	ok(ask($tined, $busy), 'the connection goes on') if !$classic;
	ok(!$tined->was_reset($busy), 'no reset');
	$tined->ends_clean;
};

subtest 'a connection that waits in a worker' => sub {
	my $tined = Tined->start(args => ['-w', 2, '--linger', '2s', @reflect]);

	for my $sent (q{}, 'POST /re') {
		my $sock = $tined->connect;
		my $token = token();
		my $raw = reflect($token);

		ask($tined, $sock) or die;
		$tined->send($sock, $sent);
		my ($pid) = wait_for(sub {
			(grep { Tined::title($_) =~ /serving/ }
				$tined->worker_pids)[0];
		});
		my $start = time;
		$tined->signal('TERM', $pid);
		if ($classic && $sent eq q{}) {
			my $response = $tined->request($raw, sock => $sock);
			is($response->field('connection'), 'close',
				'is told with its next response');
		} else {
			ok(wait_for(sub { is_parked($tined, $sock) }),
				'is parked') if !$classic;
			$tined->send($sock, substr $raw, length $sent);
			is($tined->read_response($sock)->body, $token,
				"answered, having sent '$sent'");
		}
		cmp_ok(time - $start, '<', 1.5, 'it was not waited for');
		ok(!$tined->was_reset($sock), 'no reset');
		ok(is_replaced($tined, $pid, 2), 'another worker is there');
	}
	$tined->ends_clean;
};

subtest 'workers retire under load' => sub {
	plan skip_all => 'the classic model closes' if $classic;
	my $tined = Tined->start(args => ['-w', 4, '-a', 'off', @reflect]);
	my $until = time + 2;
	my @clients = map {
		my $number = $_;
		background(sub { be_busy($tined, $number, $until) });
	} 1 .. 12;
	my %retired;

	while (time < $until) {
		my @pids = grep { !$retired{$_} } $tined->worker_pids;
		my $pid = $pids[rand @pids] // next;
		$tined->signal('TERM', $pid);
		$retired{$pid} = 1;
		sleep 0.01;
	}
	cmp_ok(scalar keys %retired, '>', 20,
		keys(%retired) . ' workers retired');
	for my $client (@clients) {
		my ($served, $end) = $client->();
		is($end, 'fine', "a client had $served answers");
	}
	ok(wait_for(sub { $tined->worker_pids == 4 }), 'as many as before');
	$tined->ends_clean;
};

done_testing;
