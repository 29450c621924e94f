# A lot that stands still is replaced: clients are served again, those whose
# workers have them and those on their way to it stay.

use v5.36;

use Faulty qw(start_faulty);
use Lot    qw(ask closed_or_usable find_lot is_on_its_way keep_busy lot_pid park release sleeps);
use Test::More;
use Tined qw(wait_for);
use Upgrade ();

Lot::import_or_skip();

my $STOOD = qr/ error: the lot\[\d+\] has stood still for 1 s /;
my $DIED  = qr/ error: the lot\[\d+\] was killed by signal 9 /;

sub start () {
	return start_faulty(args => ['-w', 2, '--start-timeout', '1s',
		'-m', '/reflect=echo:body'], env => { FAULT_SIGNAL_HANGS => 1 });
}

# Nobody says that it is stopped when a handler of its own holds it up.
for my $case (['stopped' => 'STOP'], ['held up' => 'URG']) {
	my ($what, $signal) = @$case;

	subtest "a lot that is $what" => sub {
		my $tined = start();
		my $lot   = lot_pid($tined);
		my $idle  = $tined->connect;

		ok(ask($tined, $idle), 'a client is served');
		park($tined, $idle);
		my $other = keep_busy($tined);
		kill $signal, $lot;
		ok(release($tined, $other), 'workers serve those whom they have');
		ok(wait_for(sub { is_on_its_way($tined, $other) }),
			'a client is on its way to it');
		ok(wait_for(sub { (find_lot($tined) // $lot) != $lot }),
			'another takes its place');
		ok(ask($tined, $other), 'who was on the way is served on');
		ok(closed_or_usable($tined, $idle),
			'who was in it is not left hanging');
		ok(ask($tined, $tined->connect), 'new clients are served');
		like($tined->error_log, $STOOD, 'the log says why');
		$tined->ends_clean($STOOD, $DIED);
	};
}

subtest 'a lot that goes on in time' => sub {
	my $tined = start_faulty(args => ['-w', 2, '-m', '/reflect=echo:body']);
	my $lot   = lot_pid($tined);
	my $idle  = $tined->connect;

	ok(ask($tined, $idle), 'a client is served');
	park($tined, $idle);
	kill 'STOP', $lot;
	$tined->send($idle, "GET /f/well HTTP/1.1\r\nHost: a\r\n\r\n");
	ok(wait_for(sub { Tined::Process::process_state($lot) eq 'T' }),
		'it is stopped');
	kill 'CONT', $lot;
	is($tined->read_response($idle)->status, 200, 'is left alone');
	is(lot_pid($tined), $lot, 'and serves');
	$tined->ends_clean;
};

subtest 'nobody is connected' => sub {
	my $tined = start();

	ok(ask($tined, $tined->connect), 'a request');
	ok(wait_for(sub { sleeps($tined->pid) }), 'the master sleeps');
	ok(sleeps(lot_pid($tined)), 'and so does the lot');
	$tined->ends_clean;
};

# It is asked to end as soon as the last worker has, and cannot hear that.
subtest 'an upgrade while it stands still' => sub {
	my $tined = Upgrade::start('--start-timeout', '1s');
	my $old = $tined->pid;

	kill 'STOP', lot_pid($tined);
	$tined->signal('USR2');
	my $new = Upgrade::successor($tined) // return fail 'no successor';
	ok(wait_for(sub {
		waitpid($old, POSIX::WNOHANG());
		!Upgrade::alive($old);
	}), 'the old server ends');
	like($tined->error_log, $STOOD, 'the log says why');
	$tined->{pid} = $new;
	is($tined->get('/a.txt')->body, "a\n", 'clients are served');
	Upgrade::ends_clean($tined, $STOOD, $DIED);
};

done_testing;
