# tined --doctor in a container: an ordinary user without capabilities, a root
# that holds nothing but the program, settings that cannot be written.

use v5.36;

use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Container qw(container_engine);
use Test::More;
use Tined ();

plan skip_all => 'needs root' if $> != 0;

my @unshare = qw(unshare --mount --pid --fork --kill-child);
if (system("@unshare true 2>/dev/null") != 0) {
	diag('NOT TESTED: namespaces are forbidden here');
	plan skip_all => 'namespaces are forbidden here';
}

my $tmp = File::Temp->newdir;

chmod oct '0755', "$tmp";
mkdir "$tmp/root" or die "mkdir: $!\n";

sub doctor (@args) {
	return Tined->run(args => ['--doctor', @args],
		under => [@unshare, 'sh', container_engine($tmp), "$tmp/root"]);
}

my $run = doctor('-l', ':8080', '-w', 4, '-a', '/tmp/access.log', '/srv/www');
is($run->{err}, q{}, 'nothing on standard error');
like($run->{out}, qr/^hurts: \d+, costs: \d+, not known: \d+, fine: \d+$/m,
	'it ends');
cmp_ok($run->{status}, '<=', 2, 'and tells scripts');
like($run->{out}, qr/^fine +accept queue: the kernel lets \d+ clients/m,
	'it reads the settings of the kernel');
like($run->{out}, qr/^not known +memory: \d+ MiB available, but the limit/m,
	'and does not know what it cannot see');
like($run->{out}, qr{^costs +disk of the logs: /tmp/access\.log is in memory}m,
	'and finds what stands badly');

$run = doctor('--pid', 1);
is($run->{err}, q{}, 'it finds the first process, which is itself');
like($run->{out}, qr/^fine +accept queue: it listens on no TCP port/m,
	'and its sockets');

done_testing;
