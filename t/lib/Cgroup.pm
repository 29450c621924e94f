# A control group of our own, in either version of them, with its limit.

package Cgroup;

use v5.36;

use Test::More ();
use Tined      qw(slurp spew wait_for);

my %FILES = (
	memory => ['memory.limit_in_bytes', 'memory.max', -1],
	pids   => ['pids.max', 'pids.max', 'max'],
);

# Skips the test, loudly, where none can be made.
sub make ($class, $controller, $limit) {
	my %path = slurp('/proc/self/cgroup') =~ m{^\d+:([^:\n]*):(/.*)$}mg;
	my ($v1) = grep { /\b$controller\b/ } keys %path;
	my ($first, $second, $none) = $FILES{$controller}->@*;
	my $dir = defined $v1 ? "/sys/fs/cgroup/$controller$path{$v1}"
	    : '/sys/fs/cgroup' . ($path{q{}} // q{});
	my $self = bless {
		dir   => "$dir/tined-test-$$-$controller",
		file  => defined $v1 ? $first : $second,
		none  => defined $v1 ? $none : 'max',
		owner => $$,
	}, $class;

	return $self if mkdir $self->{dir} and eval { $self->limit($limit) };
	rmdir $self->{dir};
	$self->{ended} = 1; # or DESTROY would wait for what is not there
	Test::More::diag('NOT TESTED: no control group can be made here');
	Test::More::plan(skip_all => 'no control group');
	return;
}

# Changes the limit; undef: there is none.
sub limit ($self, $limit) {
	return spew("$self->{dir}/$self->{file}", $limit // $self->{none});
}

sub add ($self, $pid) { return spew("$self->{dir}/cgroup.procs", $pid) }

# What runs a command in it: Tined->start(under => [$group->enter]).
sub enter ($self) {
	return ('/bin/sh', '-c',
		"echo \$\$ >$self->{dir}/cgroup.procs && exec \"\$@\"", 'sh');
}

# Takes it away, once nobody is in it any more.
sub end ($self) {
	return 1 if $self->{ended} || $self->{owner} != $$;
	return $self->{ended} = wait_for(sub { rmdir $self->{dir} });
}

sub DESTROY ($self) {
	local ($?, $!, $@);
	$self->end;
	return;
}

1;
