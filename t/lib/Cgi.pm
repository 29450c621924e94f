# A server with CGI programs, which are written here: each is a script in Perl
# or, if it begins with "#!", what it is.

package Cgi;

use v5.36;

use Exporter   qw(import);
use File::Path qw(make_path);
use File::Basename qw(dirname);
use File::Temp ();
use Tined qw(slurp spew);

our @EXPORT_OK = qw(add_programs has_sandbox is_running programs start_cgi);

# What each script begins with.
my $PERL = <<"END";
#!$^X
use v5.36;
use Time::HiRes qw(sleep);
\$| = 1;
sub head (\@fields) {
	say for 'Content-Type: text/plain', \@fields, '';
}
END

# A directory with programs.
sub programs (%programs) {
	my $dir = File::Temp->newdir('cgi-XXXXXX', TMPDIR => 1);

	chmod oct '0755', "$dir";
	add_programs("$dir", %programs);
	return $dir;
}

sub add_programs ($dir, %programs) {
	for my $name (sort keys %programs) {
		my $text = $programs{$name};
		my $path = "$dir/$name";

		make_path(dirname($path));
		$text = "$PERL$text" if $text !~ /\A#!/;
		# A new file: one that runs cannot be written to.
		spew("$path.new", $text);
		chmod oct '0755', "$path.new";
		rename "$path.new", $path or die "$path: $!\n";
	}
	return;
}

# The programs are mounted as /c; more are the arguments of the mount.
sub start_cgi ($dir, %option) {
	my $more = delete $option{more} // q{};
	my @args = @{ delete $option{args} // [] };

	return Tined->start(%option,
		args => ['-m', "/c=cgi:$dir$more", '-w', 2, @args]);
}

# Whether there is one that could refuse.
sub has_sandbox () {
	state $has = Tined->run(args => ['-t'])->{out} =~ /^Landlock \(version/m;
	return $has;
}

# False for a process that has ended and was not waited for.
sub is_running ($pid) {
	return slurp("/proc/$pid/stat") =~ /\A\d+ \(.*\) [^ZX]/s;
}

1;
