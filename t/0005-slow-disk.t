# The slow file system of the tests is slow when it is told to, and only then.

use v5.36;

use File::Temp ();
use SlowFS     ();
use Test::More;
use Tined qw(background slurp spew wait_for);

my $source = File::Temp->newdir;
mkdir "$source/folder" or die "mkdir: $!\n";
spew("$source/$_", "file $_\n") for qw(a b folder/c);

my $disk = SlowFS->mount($source);
my $path = $disk->path;

sub entries ($folder) {
	opendir my $d, $folder or return "none: $!";
	return join q{ }, sort readdir $d;
}

is(slurp("$path/a"), "file a\n",  'a file is there');
is(entries($path), '. .. a b folder', 'and the names of all');
ok(!$disk->was_held(qr/ /), 'nothing is held up');

for my $case (
	[read   => "$path/a"],
	[open   => "$path/b"],
	[lookup => "$path/folder/c"],
) {
	my ($operation, $file) = @$case;
	$disk->slow($operation => 'freeze');
	my $reader = background(sub { return slurp($file) });
	ok($disk->wait_held(qr/\A$operation /), "$operation: it stands still");
	$disk->slow;
	my ($content) = $reader->();
	like($content, qr/\Afile /, 'and goes on when it may');
}

$disk->slow(list => 20);
is(entries($path), '. .. a b folder', 'a folder is read');
ok($disk->was_held(qr{\Alist /\z}), 'after a delay');

$disk->end;
is(entries($path), '. ..', 'what is unmounted is away');

done_testing;
