# A file system that is as slow as a test wants it: t/slowfs/slowfs.c.

package SlowFS;

use v5.36;

use Carp           qw(croak);
use Cwd            qw(abs_path);
use File::Basename qw(dirname);
use File::Temp     ();
use Test::More     ();
use Tined          qw(slurp spew wait_for);

# Mounts the files of a folder; skips the whole test, loudly, where that cannot
# be done.
sub mount ($class, $source) {
	my $build = $ENV{BUILD} // dirname(__FILE__) . '/../../build';
	my $dir = File::Temp->newdir('slowfs-XXXXXX', TMPDIR => 1);
	my $self = bless { dir => $dir, owner => $$ }, $class;
	my @command = ("$build/t/slowfs", $> == 0 ? ('-o', 'allow_other') : (),
		abs_path($source), $self->path, "$dir/control");

	_skip('no slowfs: libfuse3-dev is missing') unless -x $command[0];
	_skip('no FUSE: /dev/fuse cannot be opened') unless -w '/dev/fuse';
	chmod 0755, $dir;
	mkdir $self->path or croak $self->path . ": $!";
	$self->{pid} = fork // croak "fork: $!";
	if ($self->{pid} == 0) {
		open STDOUT, '>', "$dir/out"   or POSIX::_exit(127);
		open STDERR, '>', "$dir/error" or POSIX::_exit(127);
		exec @command or POSIX::_exit(127);
	}
	wait_for(sub { $self->was_held(qr/\Aready\z/) || $self->_has_ended });
	_skip('no FUSE: ' . slurp("$dir/error"))
	    unless $self->was_held(qr/\Aready\z/);
	return $self;
}

sub _skip ($why) {
	Test::More::diag("NOT TESTED: $why");
	Test::More::plan(skip_all => $why);
	return;
}

# Where it is mounted.
sub path ($self) { return $self->{dir} . '/mount' }

# From now on: slow(read => 250, open => 'freeze') delays reads by 250 ms and
# lets nothing be opened; the others of lookup, open, list, read and write go on.
# With pid => 123 this is so for that process, and all others go on.
sub slow ($self, %delay) {
	my $control = $self->{dir} . '/control';

	spew("$control.new", join q{ }, map { "$_=$delay{$_}" } keys %delay);
	rename "$control.new", $control or croak "$control: $!";
	return;
}

# Whether an operation like qr/\Aread / was held up so far; and waits for that.
sub was_held ($self, $pattern) {
	return scalar grep { $_ =~ $pattern } split /\n/,
	    slurp($self->{dir} . '/out');
}

sub wait_held ($self, $pattern) {
	return wait_for(sub { $self->was_held($pattern) });
}

sub _has_ended ($self) {
	return 1 unless $self->{pid};
	return 0 unless waitpid $self->{pid}, POSIX::WNOHANG();
	delete $self->{pid};
	return 1;
}

# Takes it away; what is held up fails.
sub end ($self) {
	return unless $self->{owner} == $$ && $self->{pid};
	$self->slow;
	kill 'TERM', $self->{pid};
	wait_for(sub { $self->_has_ended }) or kill 'KILL', $self->{pid};
	system 'sh', '-c', 'umount -l "$1" || fusermount3 -uz "$1"', 'sh',
	    $self->path
	    if !$self->_has_ended;
	return;
}

sub DESTROY ($self) {
	local ($?, $!, $@);
	$self->end;
	return;
}

1;
