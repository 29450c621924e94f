# The first process of a container, made without a container engine.

package Container;

use v5.36;

use Exporter qw(import);
use Tined    qw(spew);

our @EXPORT_OK = qw(container_engine);

# What an engine does, as a script for sh.  Its arguments: an empty folder for the
# root, the program, and what that gets.
my $SCRIPT = <<'END';
set -e
root=$1 program=$2
shift 2
mount --make-rprivate /
mount -t tmpfs -o mode=755 container "$root"
mkdir -p "$root/proc" "$root/dev" "$root/tmp" "$root/srv/www"
echo hello >"$root/srv/www/index.html"
for file in $(ldd "$program" | grep -o '/[^ ]*'); do
	mkdir -p "$root$(dirname "$file")"
	cp -L "$file" "$root$file"
done
mkdir -p "$root/usr/sbin"
cp -L "$program" "$root/usr/sbin/tined"
mount -t proc proc "$root/proc"
mount --bind -o ro "$root/proc/sys" "$root/proc/sys"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
touch "$root/dev/null"
mount --bind /dev/null "$root/dev/null"
mount -o remount,ro "$root"
exec setpriv --no-new-privs --inh-caps=-all chroot --userspec=33:33 --groups= "$root" /usr/sbin/tined "$@"
END

# Writes the script, in that folder: its path.
sub container_engine ($dir) {
	return spew("$dir/engine", $SCRIPT);
}

1;

__END__

=head1 NAME

Container - a root that holds nothing but the program

=head1 DESCRIPTION

C<unshare --mount --pid --fork sh ENGINE ROOT PROGRAM ARGUMENTS> runs the program
as the first process of a container: as an ordinary user without capabilities, in
a root that cannot be written to.

=cut
