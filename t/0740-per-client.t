# --per-client: one address has no more than its share of workers, and what it
# asks beyond that waits.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Lot qw(ask is_parked token);
use Test::More;
use Tined qw(wait_for);

Lot::import_or_skip();

# Without a buffer for bodies each holds a worker until its end comes.
my @args = ('-w', 4, '--per-client', 2, '-m', '/reflect=echo:body',
	'--body-buffer', 0);

sub begin ($tined, %option) {
	my $one = { sock => $tined->connect(%option), token => token() };

	$tined->send($one->{sock}, "POST /reflect HTTP/1.1\r\nHost: a\r\n"
		. "Transfer-Encoding: chunked\r\n\r\n");
	return $one;
}

sub complete ($tined, $one) {
	my $token = $one->{token};

	return $tined->send($one->{sock},
		sprintf "%x\r\n%s\r\n0\r\n\r\n", length $token, $token);
}

sub is_answered ($tined, $one) {
	my $response = eval { $tined->read_response($one->{sock}) };
	return $response && $response->body eq $one->{token};
}

sub finish ($tined, $one) {
	complete($tined, $one);
	return is_answered($tined, $one);
}

sub busy ($tined, $address = '127.0.0.1') {
	return scalar grep {
		Tined::title($_) =~ /[(]serving \Q$address\E[)]/
	} $tined->worker_pids;
}

subtest 'the rest waits, others are served' => sub {
	my $tined = Tined->start(args => \@args);
	my @many = map { begin($tined) } 1 .. 6;

	ok(wait_for(sub {
		4 == grep { is_parked($tined, $_->{sock}) } @many;
	}), 'four of six wait in the lot');
	ok(wait_for(sub { busy($tined) == 2 }), 'two have a worker');
	for (1 .. 20) {
		my $other = $tined->connect(from => '127.0.0.2');
		ask($tined, $other) or fail('another is served');
		close $other;
	}
	ok(wait_for(sub { busy($tined) == 2 }), 'still two');

	my @served = grep { !is_parked($tined, $_->{sock}) } @many;
	my @waiting = grep { is_parked($tined, $_->{sock}) } @many;
	ok(finish($tined, $_), 'one is finished') for @served;
	close $_->{sock} for @served;
	ok(wait_for(sub { busy($tined) == 2 }), 'then the next have theirs');
	# Two workers may have parked them in another order than they came.
	complete($tined, $_) for @waiting;
	ok(is_answered($tined, $_), 'and each its own answer') for @waiting;
	$tined->ends_clean;
};

subtest 'a worker that was killed is nobody\'s share' => sub {
	my $tined = Tined->start(args => \@args);
	my @held = map { begin($tined) } 1 .. 2;

	ok(wait_for(sub { busy($tined) == 2 }), 'two have a worker');
	my $third = begin($tined);
	ok(wait_for(sub { is_parked($tined, $third->{sock}) }),
		'a third waits');
	my ($pid) = grep {
		Tined::title($_) =~ /serving 127[.]0[.]0[.]1\b/
	} $tined->worker_pids;
	kill 'KILL', $pid;
	ok(wait_for(sub { !is_parked($tined, $third->{sock}) }),
		'the third has its place');
	ok(finish($tined, $third), 'and its answer');
	is(scalar(grep { finish($tined, $_) } @held), 1, 'as has the other');
	$tined->ends_clean(qr/was killed by signal 9/);
};

subtest 'a Unix socket has no bound' => sub {
	my $folder = File::Temp->newdir;
	my $tined = Tined->start(args => [@args, '-l', "unix:$folder/socket"],
		listen => 'none');
	my @many = map { begin($tined, unix => "$folder/socket") } 1 .. 4;

	ok(wait_for(sub { busy($tined, 'unix') == 4 }), 'four have a worker');
	ok(finish($tined, $_), 'and their answers') for @many;
	$tined->ends_clean;
};

my $run = Tined->run(args => ['--per-client', 2, '--no-lot']);
is($run->{status}, 64, 'it needs the lot');
like($run->{err}, qr/--per-client and --no-lot/, 'and says so');

done_testing;
