# --allow: everyone else gets 403.

use v5.36;

use FindBin;
use IO::Socket::IP ();
use lib "$FindBin::Bin/lib";
use Socket qw(SOCK_STREAM SOMAXCONN);
use Test::More;
use Tined;

my %files = ('a.txt' => "a\n");

# Which of these source addresses are served?
sub served ($tined, @from) {
	return join q{ }, map {
		my $response = $tined->get('/a.txt', from => $_);
		$response->status == 200 ? $_
		    : $response->status == 403 ? ()
		    : "$_:$response->{status}";
	} @from;
}

my @from = map { "127.0.0.$_" } 1, 2, 3, 4, 7, 8, 128;
my @cases = (
	[[], "@from"],
	[['127.0.0.1'], '127.0.0.1'],
	[['127.0.0.1/32'], '127.0.0.1'],
	[['127.0.0.2', '127.0.0.8'], '127.0.0.2 127.0.0.8'],
	[['127.0.0.0/30'], '127.0.0.1 127.0.0.2 127.0.0.3'],
	[['127.0.0.0/29'], '127.0.0.1 127.0.0.2 127.0.0.3 127.0.0.4 127.0.0.7'],
	[['127.0.0.0/25'], '127.0.0.1 127.0.0.2 127.0.0.3 127.0.0.4 127.0.0.7 '
		. '127.0.0.8'],
	[['127.0.0.0/8'], "@from"],
	[['0.0.0.0/0'], "@from"],
	[['10.0.0.0/8'], q{}],
	[['10.0.0.0/8', '::1', '127.0.0.128/25'], '127.0.0.128'],
	[['::1'], q{}],
);
for my $case (@cases) {
	my ($allow, $expected) = @$case;
	my $tined = Tined->start(files => \%files,
		args => ['-w', 2, map { ('--allow', $_) } @$allow]);
	is(served($tined, @from), $expected, "--allow @$allow");
	$tined->ends_clean;
}

subtest 'the refusal' => sub {
	my $tined = Tined->start(files => \%files,
		args => ['-w', 2, '--allow', '10.0.0.1', '-m', '/star=echo:5']);
	for my $path (qw(/a.txt /none /star /../x)) {
		like($tined->get($path)->status, qr/\A40[03]\z/,
			"$path is refused");
	}
	my $response = $tined->get('/a.txt');
	is($response->status, 403, 'status 403');
	is($response->{reason}, 'Forbidden', 'Forbidden');
	unlike($response->body, qr/\Aa\n/, 'nothing of the file');
	is($tined->get('/a.txt', method => 'HEAD')->status, 403, 'HEAD too');
	is($tined->get('/a.txt', fields => {
		'X-Forwarded-For' => '10.0.0.1' })->status, 403,
		'whatever the client says it is');
	$tined->ends_clean;
	like(scalar $tined->access_log,
		qr{127\.0\.0\.1 - - \[.*?\] "GET /a\.txt HTTP/1\.1" 403 },
		'it is logged');
};

subtest 'IPv6' => sub {
	plan skip_all => 'no IPv6 here'
	    unless IO::Socket::IP->new(LocalHost => '::1', Listen => 1);
	for my $case (['::1', 200], ['::/0', 200], ['::2/127', 403],
		['::/127', 200], ['fe80::/10', 403], ['127.0.0.1', 403]) {
		my ($allow, $status) = @$case;
		my $tined = Tined->start(files => \%files, listen => 'inet6',
			args => ['-w', 1, '--allow', $allow]);
		is($tined->get('/a.txt')->status, $status,
			"--allow $allow: $status to ::1");
		$tined->ends_clean;
	}
	my $sock = IO::Socket::IP->new(LocalHost => '::ffff:127.0.0.1',
		LocalPort => 0, Type => SOCK_STREAM, Listen => SOMAXCONN,
		V6Only => 0) or return;
	my $tined = Tined->start(listen => 'none', sockets => [$sock],
		port => $sock->sockport, files => \%files,
		args => ['-w', 1, '--allow', '127.0.0.0/8']);
	is($tined->get('/a.txt')->status, 200,
		'an IPv4 client of an IPv6 socket is an IPv4 client');
	$tined->ends_clean;
};

done_testing;
