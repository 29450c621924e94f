# Debian's Prometheus reads the metrics: in the format that it likes best, with
# the numbers that were meant.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use File::Temp ();
use HTTP::Tiny ();
use JSON::PP   ();
use Test::More;
use Tined qw(free_port need_tools slurp spew wait_for);

need_tools('prometheus');

# A Go program that starts has much to do.
use constant PATIENCE => 30;

my $dir  = File::Temp->newdir('tined-XXXXXX', TMPDIR => 1);
my $port = free_port;
my $prometheus;

# Of our own, whatever the machine may have running.
sub start_prometheus ($target) {
	my $config = spew("$dir/config.yml", <<"END");
global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: tined
    metrics_path: /status/metrics
    static_configs:
      - targets: ['$target']
END
	my $pid = fork // die "fork: $!\n";

	return $pid if $pid > 0;
	open STDOUT, '>', "$dir/log" or exit 127;
	open STDERR, '>&', \*STDOUT  or exit 127;
	exec 'prometheus', "--config.file=$config",
	    "--storage.tsdb.path=$dir/data",
	    "--web.listen-address=127.0.0.1:$port" or exit 127;
}

END {
	if ($prometheus) {
		local $?;
		kill 'TERM', $prometheus;
		my $ended = wait_for(sub { waitpid($prometheus, 1) != 0 });
		kill 'KILL', $prometheus unless $ended;
	}
}

# The data of an answer; nothing while there is none.
sub api ($path) {
	state $client = HTTP::Tiny->new(timeout => 5, proxy => undef,
		http_proxy => undef);
	my $answer = $client->get("http://127.0.0.1:$port/api/v1/$path");

	return $answer->{success}
	    ? JSON::PP::decode_json($answer->{content})->{data} : undef;
}

# The samples of a query: labels and value.
sub query ($what) {
	my $data = api('query?query=' . $what =~ s/(\W)/sprintf '%%%02x', ord $1/gre);

	return map { [$_->{metric}, $_->{value}[1]] } @{ $data->{result} // [] };
}

# The one value of a query.
sub value_of ($what) {
	my @samples = query($what);

	return @samples == 1 ? $samples[0][1] : undef;
}

my $tined = Tined->start(args => ['-w', 2, '-m', '/status=status:', '-m',
	'/echo=echo:1000', '--log-format',
	'%>s %U %{User-Agent}i: %{Content-Type}o']);
$tined->get('/echo') for 1 .. 123;
$tined->get('/none') for 1 .. 7;

$prometheus = start_prometheus('127.0.0.1:' . $tined->port);
my $target;
ok(wait_for(sub {
	($target) = @{ (api('targets') // {})->{activeTargets} // [] };
	($target->{health} // q{}) eq 'up';
}, PATIENCE), 'it finds tined up') or diag(slurp("$dir/log"));
is($target->{lastError}, q{}, 'and has no complaint');

my @scrapes = grep { m{\A\d+ /status/metrics Prometheus/} } $tined->access_log;
like($scrapes[0] // q{}, qr{\A200\ \S+\ \S+:\ application/openmetrics-text;
	\ version=1\.0\.0;\ charset=utf-8\z}x, 'what it reads is OpenMetrics');
# There alone a counter's name is without its suffix.
ok(wait_for(sub {
	my $known = api('targets/metadata?metric=tined_requests');
	$known && @$known && $known->[0]{type} eq 'counter';
}, PATIENCE), 'as it knows');

ok(wait_for(sub {
	(value_of('tined_responses_total{class="4xx"}') // 0) == 7
}, PATIENCE), 'a counter is right');
cmp_ok(value_of('tined_responses_total{class="2xx"}'), '>=', 123,
	'and another, in which it counts itself');
is(value_of('tined_request_duration_seconds_bucket{le="+Inf"}'),
	value_of('tined_request_duration_seconds_count'),
	'the histogram is whole');
cmp_ok(value_of('histogram_quantile(0.5, tined_request_duration_seconds_bucket)')
	// -1, '>=', 0, 'and can be asked for a quantile');
my ($build) = query('tined_build_info');
my ($version) = qx{${\Tined->binary} --version} =~ /(\d+\.\d+\.\d+)/;
is($build->[0]{version}, $version, 'labels are there');

# Each metric that tined tells of is one that it knows.
my $open = $tined->get('/status/metrics', fields =>
	{ Accept => 'application/openmetrics-text' })->body;
my @names = $open =~ /^# TYPE (\S+)/mg;
my %known = map { ($_->{metric} => 1) }
    @{ api('targets/metadata?match_target=' . '%7Bjob%3D%22tined%22%7D') // [] };
cmp_ok(@names, '>', 10, 'of many metrics');
is_deeply([grep { !$known{$_} } @names], [], 'it knows every one');

# And goes on to read.
my $had = value_of('tined_responses_total{class="4xx"}');
$tined->get('/none');
ok(wait_for(sub {
	value_of('tined_responses_total{class="4xx"}') == $had + 1
}, PATIENCE), 'what happens later is seen later');
is((api('targets')->{activeTargets}[0] // {})->{lastError}, q{},
	'still without complaint');
is((grep { /Prometheus/ && !/\A200 / } $tined->access_log), 0,
	'each time it was answered');

kill 'TERM', $prometheus;
ok(wait_for(sub { waitpid($prometheus, 1) != 0 }, PATIENCE), 'it ends')
    and $prometheus = undef;
$tined->ends_clean;
done_testing;
