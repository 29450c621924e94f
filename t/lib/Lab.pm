# What the experiments of t/lab share.  An experiment is a file there that calls
# Lab::experiment; t/lab/run runs them one after the other.

package Lab;

use v5.36;

use Bench         qw(median);
use Bench::Server ();
use Cwd           qw(abs_path);
use Exporter      qw(import);
use File::Path    qw(make_path);
use File::Temp    ();
use Time::HiRes   qw(time);

use Lab::Client ();
use Lab::Pcap   ();
use Lab::Report ();
use Lab::Wire   qw(FAR);

our @EXPORT_OK = qw(experiment ms plural share);

my @registered;

# name: of the file; title; asks: what it is to find out; run: a sub that gets a
# Lab.
sub experiment (%spec) {
	push @registered, \%spec;
	return 1;
}

# Reads the file of an experiment.
sub load ($path) {
	@registered = ();
	defined do(abs_path($path)) or die $@ || "$path: $!\n";
	die "$path has no experiment\n" if @registered != 1;
	return $registered[0];
}

# --- words and figures ---

# Seconds, as milliseconds with three digits or so.
sub ms ($seconds) {
	return '-' if !defined $seconds;
	my $ms = 1000 * $seconds;
	return sprintf $ms < 0.995 ? '%.2f' : $ms < 99.5 ? '%.1f' : '%.0f', $ms;
}

sub plural ($n, $word) { return "$n $word" . ($n == 1 ? '' : 's') }

sub share ($part, $whole) {
	return $whole ? sprintf('%.0f %%', 100 * $part / $whole) : '-';
}

# --- an experiment that runs ---

# wire; dir: where results go; quick: whether it is to take a few seconds only.
sub new ($class, $spec, %option) {
	my $self = bless { spec => $spec, %option, servers => [] }, $class;

	$self->{tmp} = File::Temp->newdir('tined-lab-XXXXXX', TMPDIR => 1);
	chmod 0755, $self->{tmp}->dirname;
	make_path($self->{dir}, "$self->{tmp}/files");
	$self->{report} = Lab::Report->new(%$self{qw(dir quick)},
		%$spec{qw(name title asks)});
	return $self;
}

# Its results; what it dies of is among them.
sub run ($self) {
	my $began = time;

	$self->{wire}->reset;
	eval { $self->{spec}{run}->($self); 1 }
		or $self->shows(0, 'it runs to its end: ' . $@ =~ s/\n.*//sr);
	$self->stop_servers;
	$self->{wire}->reset;
	return $self->{report}->finish(time - $began);
}

sub wire ($self) { return $self->{wire} }
sub is_quick ($self) { return $self->{quick} }

# The first of two values where there is time, or the second.
sub unless_quick ($self, $full, $quick) {
	return $self->{quick} ? $quick : $full;
}

# Parts of its report, in their order.
sub text  ($self, @more) { return $self->{report}->text(@more) }
sub table ($self, @more) { return $self->{report}->table(@more) }
sub plot  ($self, @more) { return $self->{report}->plot(@more) }

# What has to be seen, or the experiment fails.
sub shows ($self, @more) { return $self->{report}->shows(@more) }

# A file that servers serve, of so many bytes.  It is an hour old: one that has
# just changed has another ETag than a moment later.
sub file ($self, $bytes) {
	my $path = "$self->{tmp}/files/$bytes.txt";

	if (!-e $path) {
		open my $out, '>', $path or die "$path: $!\n";
		print $out '*' x $bytes;
		close $out;
		utime time - 3600, time - 3600, $path;
	}
	return "/$bytes.txt";
}

# A server on the far host; undef if it is not installed.  args: tined's.
sub server ($self, $kind, %option) {
	my $n = $self->{started}++ // 0;
	mkdir "$self->{tmp}/$n";
	chmod 0755, "$self->{tmp}/$n";
	my $server = Bench::Server->new(
		$kind,
		dir     => "$self->{tmp}/$n",
		files   => "$self->{tmp}/files",
		host    => FAR,
		under   => [ $self->{wire}->far ],
		workers => 4,
		row     => {},
		%option,
	);
	return if !$server->is_here;
	push $self->{servers}->@*, $server->start;
	my $why = $server->wait_ready;
	die $server->name . " $why\n" if defined $why;
	return $server;
}

sub stop_servers ($self) {
	$_->stop for $self->{servers}->@*;
	$self->{servers} = [];
	return;
}

# A client of a server, on the near host; not connected yet.
sub client ($self, $server, %option) {
	return Lab::Client->new(host => FAR, port => $server->port, %option);
}

# Seconds that requests take, one after the other.  count, or seconds: how many,
# or how long; depth: how many in a batch; new: each over a connection of its own;
# wait: seconds between them; the rest is Lab::Client's.
sub ask ($self, $server, %option) {
	my ($count, $seconds, $depth, $new, $wait)
		= delete @option{qw(count seconds depth new wait)};
	my $client = $self->client($server, %option, close => $new);
	my $end    = time + ($seconds // 3600);
	my @took;

	$client->open // die "cannot connect: $!\n" if !$new;
	while (@took < ($count // 1e9) && time < $end) {
		my $began = time;
		$client->open // die "cannot connect: $!\n" if $new;
		$client->ask($depth // 1);
		push @took, time - $began;
		select undef, undef, undef, $wait if $wait;
	}
	my $segments = $client->info->{data_segs_in};
	$client->close;
	return { took => \@took, median => median(@took),
		segments => $segments / ($new ? 1 : @took) / ($depth // 1) };
}

# The segments on the wire while the code runs, by connection, as the host sees
# them, the longest first; the file stays, with that name, among the results.
sub capture ($self, $host, $name, $code) {
	my $path = abs_path($self->{dir}) . "/$self->{spec}{name}-$name.pcap";

	$self->{wire}->command('capture', $host, $path);
	$code->();
	$self->{wire}->command('capture', 'off', '-');
	$self->{report}->add_capture($path);
	# Of one before there may be its last segments.
	return sort { @$b <=> @$a } Lab::Pcap::connections($path);
}

1;
