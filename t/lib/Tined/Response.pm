package Tined::Response;

use v5.36;

use Carp     qw(croak);
use Exporter qw(import);

our @EXPORT_OK = qw($FIELD_LINE);
our @CARP_NOT  = qw(Tined::Client);

# A status line and a field line, exactly as RFC 9112 has them: the client of
# these tests forgives nothing.
my $STATUS_LINE = qr{\A(HTTP/1\.1) ([1-5]\d\d) ([\t \x21-\x7e\x80-\xff]*)\z};
my $TOKEN       = qr{[!#\$%&'*+.^_`|~0-9A-Za-z-]+};
our $FIELD_LINE  = qr{\A($TOKEN):[\t ]*(.*?)[\t ]*\z};

sub parse ($class, $head) {
	my ($status_line, @lines) = split /\r\n/, $head;
	my %response = (head => $head, names => [], fields => {}, body => q{});

	@response{qw(version status reason)} = $status_line =~ $STATUS_LINE
	    or croak "not a status line: $status_line";
	for my $line (@lines) {
		my ($name, $value) = $line =~ $FIELD_LINE
		    or croak "not a field line: $line";
		croak "control bytes in a field: $line"
		    if $value =~ /[^\t\x20-\x7e\x80-\xff]/;
		push $response{names}->@*, $name;
		push $response{fields}{ lc $name }->@*, $value;
	}
	return bless \%response, $class;
}

# A field's value, its values joined if it came more than once; or undef.
sub field ($self, $name) {
	my $values = $self->{fields}{ lc $name } // return;
	return join ', ', @$values;
}

sub status ($self) { return $self->{status} }
sub body ($self)   { return $self->{body} }

1;

__END__

=head1 NAME

Tined::Response - the response that a client got

=head1 DESCRIPTION

C<< Tined::Response->parse(HEAD) >> dies at what is no head.  The object has
C<version>, C<status>, C<reason>, C<fields> (lower-case name to values),
C<names>, C<head> and C<body>; L<Tined::Client> adds C<framing> (length,
chunked, close or none), C<interim>, C<chunks> and C<trailers>.

C<status>, C<body> and C<field(NAME)> are methods too; a field's values are
joined if it came more than once.

=cut
