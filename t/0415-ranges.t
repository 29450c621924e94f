# Several ranges at once: as many as programs ask for that load what they do not
# have of a file, and no more of those that only cost.

use v5.36;

use FindBin;
use lib "$FindBin::Bin/lib";
use List::Util qw(any);
use Test::More;
use Tined qw(slurp spew);

use constant {
	RANGES_MAX    => 256,
	UNORDERED_MAX => 16,
	PART          => 2048,
};

# 8 bytes of it are their own offset: none can be taken for others.
my $size = 8 << 20;
my $file = join q{}, map { pack 'Q>', 8 * $_ } 0 .. $size / 8 - 1;
my $tined = Tined->start(files => { file => $file, tiny => 'tiny' },
	args => ['-w', 2]);

sub ask ($ranges, $path = '/file') {
	return $tined->get($path, fields => { Range => 'bytes=' . join ',',
		map { "$_->[0]-$_->[1]" } @$ranges });
}

# [where it lies, its bytes] of each part.
sub parts ($response) {
	my ($boundary) = $response->field('content-type')
	    =~ m{\Amultipart/byteranges; boundary=(\S+)\z} or return;
	my @parts = split /\r\n--\Q$boundary\E(?:--)?\r\n/, $response->body, -1;

	is(shift @parts, q{}, 'a CRLF and the first boundary');
	is(pop @parts, q{}, 'and nothing behind the last');
	return map { [m{\r\nContent-Range:\ bytes\ (\d+-\d+)/$size\r\n}x,
		s/\A.*?\r\n\r\n//sr] } @parts;
}

sub are_served ($ranges, $name) {
	my $response = ask($ranges);

	is($response->status, 206, "$name: 206");
	my @parts = parts($response);
	is_deeply([map { $_->[0] } @parts],
		[map { "$_->[0]-$_->[1]" } @$ranges], "$name: all, in order");
	ok(join(q{}, map { $_->[1] } @parts) eq join(q{}, map {
		substr $file, $_->[0], 1 + $_->[1] - $_->[0] } @$ranges),
		"$name: every byte");
	is($response->field('content-range'), undef, "$name: none at the top");
	return;
}

sub are_ignored ($ranges, $name) {
	my $response = ask($ranges, '/tiny');

	is($response->status, 200, "$name: 200");
	is($response->body, 'tiny', "$name: all of it");
	return;
}

# So many, of so many bytes each, in steps.
sub ascending ($count, $length, $step) {
	return [map { [$_ * $step, $_ * $step + $length - 1] } 0 .. $count - 1];
}

subtest 'ranges that ascend' => sub {
	are_served(ascending(20, PART, 3 * PART), 'twenty');
	are_served(ascending(200, PART, 3 * PART), 'two hundred');
	are_served(ascending(RANGES_MAX, 1, 10), 'as many as there may be');
	are_served(ascending(60, 100_000, 120_000), 'large ones');
	are_ignored(ascending(RANGES_MAX + 1, 1, 10), 'one more');
};

subtest 'ranges that do not' => sub {
	are_served([reverse ascending(UNORDERED_MAX, 5, 10)->@*], 'a few');
	are_ignored([reverse ascending(UNORDERED_MAX + 1, 1, 2)->@*],
		'more that descend');
	are_ignored([([0, 3]) x (UNORDERED_MAX + 1)], 'one over and over');
	are_ignored([map { [0, $_] } 0 .. RANGES_MAX - 1], 'the classic');
	my @last = ascending(RANGES_MAX - 1, 1, 2)->@*;
	are_ignored([@last, [0, 0]], 'the last of many');
};

# Changed in so many places.
sub changed ($bytes, $count) {
	my $step = int length($bytes) / $count;

	substr($bytes, $_ * $step, 1) ^.= "\x80" for 0 .. $count - 1;
	return $bytes;
}

sub find ($program) {
	my ($path) = grep { -x } map {"$_/$program"} split /:/, $ENV{PATH};
	return $path // plan skip_all => "no $program here";
}

sub run (@command) {
	my $said = $tined->dir . '/said';
	my $pid = fork // die "fork: $!";

	if (!$pid) {
		chdir $tined->dir or die $!;
		open STDOUT, '>', $said or die $!;
		open STDERR, '>&', \*STDOUT or die $!;
		alarm Tined::PATIENCE() * Tined::slow();
		exec @command or die "$command[0]: $!";
	}
	waitpid $pid, 0;
	my $status = $?;
	is($status, 0, $command[0] =~ s{.*/}{}r . ' ends well')
	    or diag substr slurp($said), -1000;
	return;
}

# Bytes of content that its clients were sent, from the access log.
sub sent ($path) {
	my $sum = 0;

	for my $line ($tined->access_log) {
		$sum += $1 if $line =~ /"GET \Q$path\E HTTP\/1\.1" 206 (\d+)/;
	}
	return $sum;
}

# The old file, and a new one that is served.
sub prepare ($name) {
	spew($tined->dir . "/$name.old", $file);
	spew($tined->root . "/$name", changed($file, 27));
	return map { "$_/$name" } $tined->dir, $tined->root;
}

subtest 'zsync loads what it does not have' => sub {
	my ($zsync, $zsyncmake) = map { find($_) } qw(zsync zsyncmake);
	my ($old, $new) = prepare('zsync');

	run($zsyncmake, '-b', PART, '-u', 'zsync', '-o', "$new.zsync", $new);
	run($zsync, '-i', "$old.old", '-o', $old, $tined->url('/zsync.zsync'));
	ok(slurp($old) eq slurp($new), 'the file is the new one');
	ok(sent('/zsync') > 0, 'it has loaded parts');
	cmp_ok(sent('/zsync'), '<', $size / 20, 'and little was sent');
};

subtest 'zchunk loads what it does not have' => sub {
	my ($zckdl, $zck) = map { find($_) } qw(zckdl zck);
	my ($old, $new) = prepare('zck');

	run($zck, "$old.old", '-o', "$old.old.zck");
	run($zck, $new, '-o', "$new.zck");
	run($zckdl, '-s', "$old.old.zck", $tined->url('/zck.zck'));
	ok(slurp("$old.zck") eq slurp("$new.zck"), 'the file is the new one');
	ok(sent('/zck.zck') > 0, 'it has loaded parts');
	cmp_ok(sent('/zck.zck'), '<', $size / 3, 'and a part of it was sent');
};

$tined->ends_clean;

done_testing;
