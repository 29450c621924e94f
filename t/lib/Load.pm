# Clients that ask without a pause, and slow ones that keep their connections,
# while a server reloads or is upgraded.  They forgive nothing: a connection
# that ends without having said so, or an answer that is not theirs, counts.

package Load;

use v5.36;

use File::Temp  ();
use IO::Select  ();
use Time::HiRes qw(sleep time);
use Tined       qw(background spew);

# Requests of one busy client on one connection.
use constant STREAK => 50;
# Between two requests of all slow clients together.
use constant PAUSE => 0.004;

# Clients that ask on new connections until there is such a file: each tells how
# many were answered, and what went wrong.
sub ask_until ($file, $tined, $count) {
	my $test = $$;

	return map { background(sub {
		my ($served, @failed) = (0);
		until (-e $file || getppid != $test) {
			my $body = eval { $tined->get('/a.txt')->{body} } // $@;
			$body eq "a\n" ? $served++ : push @failed, $body;
		}
		return ($served, @failed);
	}) } 1 .. $count;
}

# busy => how many, slow => how many; wrk => connections of a wrk besides;
# expect => what an answer may be.
sub start ($class, $tined, %option) {
	my $flag = File::Temp->new;
	my $self = bless { flag => $flag }, $class;

	my @work = map { [1, 0] } 1 .. $option{busy} // 3;
	push @work, [$option{slow}, PAUSE] if $option{slow};
	for my $work (@work) {
		push $self->{clients}->@*, background(sub {
			_run($tined, "$flag", $option{expect} // qr/\Aa\n\z/,
				@$work);
		});
	}
	$self->_start_wrk($tined, $option{wrk}) if $option{wrk};
	return $self;
}

# Until it is interrupted: then it tells what it has seen.  An answer is no error
# because a busy machine gave it late.
sub _start_wrk ($self, $tined, $connections) {
	$self->{wrk_pid} = open $self->{wrk}, '-|', 'wrk', '-t1',
	    "-c$connections", '-d3600s', '--timeout', '30s', $tined->url('/a.txt')
	    or die "wrk: $!";
	return;
}

# wrk has gone on after one that came just when it had begun; and it writes nothing
# before its end.
sub _stop_wrk ($self) {
	my $end = IO::Select->new($self->{wrk});

	do { kill 'INT', $self->{wrk_pid} } until $end->can_read(1);
	my @lines = readline $self->{wrk};
	close $self->{wrk};
	my ($served) = "@lines" =~ /(\d+) requests in/;
	return ($served // 0,
		grep { /Socket errors|Non-2xx/ || !defined $served } @lines);
}

# How many were answered, and what went wrong.
sub stop ($self) {
	my ($served, @failed) = $self->{wrk} ? $self->_stop_wrk : (0);

	unlink $self->{flag}->filename;
	for my $client ($self->{clients}->@*) {
		my ($n, @more) = $client->();
		return ($served, $n, @more) if $n !~ /\A\d+\z/;
		$served += $n;
		push @failed, @more;
	}
	return ($served, @failed);
}

sub _run ($tined, $flag, $expect, $connections, $pause) {
	my ($served, @failed, @sock) = (0);
	my $i = 0;

	while (-e $flag) {
		my $n = $i++ % $connections;
		$sock[$n] = undef if !$pause && $i % STREAK == 0;
		my $again = defined $sock[$n];
		my $response = eval {
			$sock[$n] //= $tined->connect;
			$tined->get("/a.txt", sock => $sock[$n], keep => 1);
		};
		if (!$response || $response->status != 200
			|| $response->body !~ $expect) {
			push @failed, sprintf '%.3f %s %s', time,
			    $again ? 'kept alive' : 'new',
			    $@ || $response->head;
			$sock[$n] = undef;
			return ($served, @failed) if @failed > 10;
			next;
		}
		$served++;
		$sock[$n] = undef
		    if ($response->field('connection') // q{}) eq 'close';
		sleep $pause if $pause;
	}
	return ($served, @failed);
}

1;
