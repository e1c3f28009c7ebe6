# RandomRules.pm: random rules over the tables of RandomTables.pm.
#
# A rule is made top down from the grammar in doc/language.md, with names of columns that
# are there and constants near what they hold, so that most rules bind and many of
# them tell members apart.
#
# While a rule is made, $document says whether it means the same on a document, where
# days, moments and uuids are texts and numbers are numeric: comparing two
# columns that hold moments, for instance, does not. $row says whether the member's row
# alone decides it.
package RandomRules;
use strict;
use warnings;
use utf8;
use Exporter 'import';
our @EXPORT_OK = qw(random_rule);

# What there is, by relation and kind. Dotted names go through lookups.
my %columns = (
	member => {
		num => [qw(age small big balance exact half city.id), '"Größe"'],
		float => [qw(score rate)],
		text => [qw(country name nick code initial city.name city.region.name)],
		citext => [qw(email)],
		bool => [qw(paid adult)],
		time => [qw(birth seen created city.opened)],
		span => [qw(span)],
		texts => [qw(tags)],
		nums => [qw(nums)],
		times => [qw(days stamps)],
		json => [qw(data extra.sub)],
		other => [qw(uid ip mood)],
	},
	orders => {
		num => [qw(id total city.id)],
		float => [qw(weight)],
		text => [qw(status city.name)],
		bool => [qw(gift)],
		time => [qw(placed due local)],
		span => [qw(took)],
		texts => [qw(labels)],
		json => [qw(info)],
		other => [qw(token)],
	},
	lines => {
		num => [qw(qty price product.price)],
		text => [qw(note product.category)],
	},
	events => {
		num => [qw(value)],
		text => [qw(kind)],
		time => [qw(day)],
	},
	visits => {
		num => [qw(secs)],
		text => [qw(page)],
		time => [qw(entered)],
	},
);
my @sources = qw(orders lines events visits);

my ($document, $row, @scopes, $aliases, @segments);

sub pick { return $_[ rand @_ ] }
sub chance { return rand() < shift }

# random_rule(SEGMENTS): the text, $document and $row
sub random_rule
{
	@segments = @_;
	$document = $row = 1;
	$aliases = 0;
	@scopes = ({ relation => 'member' });
	my $rule = condition(pick(1, 2, 2, 3));
	return ($rule, $document, $row);
}

sub not_on_documents { $document = 0; return shift }

# Names.

# column(KIND): a name of this kind, or undef
sub column
{
	my $kind = shift;
	my $from = chance(0.8) ? $#scopes : int rand @scopes;
	my $scope = $scopes[$from];
	my @names = @{ $columns{ $scope->{relation} }{$kind} // [] };

	if ($from < $#scopes && !$scope->{alias})
	{
		# without an alias only what no row further in has
		my %hidden;
		foreach my $inner (@scopes[ $from + 1 .. $#scopes ])
		{
			$hidden{ (split /\./)[0] } = 1 foreach map { @$_ } values %{ $columns{ $inner->{relation} } };
		}
		@names = grep { !$hidden{ (split /\./)[0] } } @names;
	}
	return undef if !@names;
	my $name = pick(@names);
	$document = 0 if $kind =~ /^(span|citext|other)$/ || $name eq 'nick';
	$row = 0 if $name =~ /^(city|half|initial|adult)/;
	$name .= '.' . pick(qw(a b n t t l l o.a o.n)) if $kind eq 'json';
	return $from < $#scopes && $scope->{alias} ? "$scope->{alias}.$name" : $name;
}

sub column_or
{
	my ($kind, $otherwise) = @_;
	return column($kind) // $otherwise->();
}

# Literals.

sub number_literal { return pick(0, 1, 2, 3, 5, 7, 10, 18, 30, 0.5, 1.25, 2.75, 100, '-1', '-2.5', 2147483648) }
sub text_literal
{
	my $text = pick('', 'a', 'A', 'abc', 'Abc', 'VIP', 'vip', 'DE', 'de', 'AT', 'x', "it''s", 'äöü', 'ÄÖÜ', 'straße',
		'日本', 'a%b', 'a_b', 'back\\slash', 'new', 'open', 'paid', ' pad ', 'ab', '5', '2024-02-29', "z\nz");
	return "'$text'";
}

sub day_literal
{
	return pick('2024-02-29', '2024-03-31', '2023-12-31', '2024-01-01', '2024-11-03', '2000-02-29', '1990-05-17',
		'2024-10-27', '2023-03-01', sprintf '20%02d-%02d-%02d', 20 + rand 6, 1 + rand 12, 1 + rand 28);
}

sub moment_literal
{
	my $time = pick('00:00', '02:30', '12:00', '23:59:59', '01:30:00.5', sprintf '%02d:%02d', rand 24, rand 60);
	return day_literal() . 'T' . $time . pick('', '', 'Z', '+02:00', '-05:30');
}

sub unit { return pick(qw(second minute hour day week month quarter year)) }
sub large_unit { return pick(qw(day week month quarter year)) }

sub span_literal
{
	my $span = join ' ', int(pick(0, 1, 1, 2, 3, 6, 12, 30, 90)), unit() . pick('', 's');
	$span .= ' ' . int(1 + rand 20) . ' ' . unit() . 's' if chance(0.2);
	return $span;
}

sub period
{
	return pick(
		sub { pick(qw(today yesterday tomorrow)) },
		sub { pick(qw(this last next)) . ' ' . unit() },
		sub { pick(qw(this last next)) . ' ' . large_unit() },
		sub { int(1 + rand 13) . ' ' . unit() . 's ago' },
		sub { day_literal() },
		sub { sprintf '20%02d-%02d', 22 + rand 4, 1 + rand 12 },
		sub { pick(2022 .. 2025) },
		sub { pick(qw(January February March may June October December)) })->();
}

# Values.

sub number
{
	my $depth = shift;
	return chance(0.6) ? column_or('num', \&number_literal) : number_literal() if $depth <= 0;
	return pick(
		sub { column_or('num', \&number_literal) },
		sub { column_or('num', \&number_literal) },
		sub { column_or('float', \&number_literal) },
		sub { column_or('json', \&number_literal) },
		sub { '(' . number($depth - 1) . pick(' + ', ' - ', ' * ') . number($depth - 1) . ')' },
		sub { not_on_documents('(' . number($depth - 1) . ' / ' . number($depth - 1) . ')') },
		sub { '-(' . number($depth - 1) . ')' },
		sub { 'abs(' . number($depth - 1) . ')' },
		# not a column behind a json value: json has no NaN
		sub { 'coalesce(' . number($depth - 1) . ', ' . number_literal() . ')' },
		sub { 'coalesce(' . column_or('num', \&number_literal) . ', ' . column_or('float', \&number_literal) . ')' },
		sub { pick(qw(age year month day weekday hour)) . '(' . time_value($depth - 1) . ')' },
		sub { pick(qw(age year month day weekday hour)) . '(' . time_value($depth - 1) . ')' },
		sub { 'days(' . span($depth - 1) . ')' },
		sub { 'length(' . text($depth - 1) . ')' },
		# a list that is missing has no elements, a document's value that is missing no length
		sub { not_on_documents('length(' . texts() . ')') },
		sub { aggregate('count', $depth) },
		sub { aggregate('count distinct', $depth) },
		sub { aggregate(pick(qw(sum min max)), $depth, \&number) },
		sub { not_on_documents(aggregate('avg', $depth, \&number)) })->();
}

sub text
{
	my $depth = shift;
	return chance(0.7) ? column_or('text', \&text_literal) : text_literal() if $depth <= 0;
	return pick(
		sub { column_or('text', \&text_literal) },
		sub { column_or('text', \&text_literal) },
		sub { column_or('citext', \&text_literal) },
		sub { column_or('json', \&text_literal) },
		sub { 'lower(' . text($depth - 1) . ')' },
		sub { 'coalesce(' . text($depth - 1) . ', ' . text(0) . ')' },
		sub { aggregate(pick(qw(min max)), $depth, \&text) })->();
}

# A day or a moment. Columns of documents hold texts, which go with literals only.
sub time_value
{
	my $depth = shift;
	return column_or('time', \&clock) if $depth <= 0 && chance(0.7);
	return pick(\&clock, \&day_literal, \&moment_literal)->() if $depth <= 0;
	return pick(
		sub { column_or('time', \&clock) },
		sub { column_or('time', \&clock) },
		sub { column_or('json', \&clock) },
		\&clock,
		sub { '(' . time_value($depth - 1) . pick(' + ', ' - ') . span($depth - 2) . ')' },
		sub { '(' . span_literal() . ' + ' . time_value($depth - 1) . ')' },
		sub { not_on_documents('coalesce(' . column_or('time', \&clock) . ', ' . column_or('time', \&clock) . ')') },
		sub { not_on_documents(aggregate(pick(qw(min max)), $depth, \&time_value)) })->();
}

sub clock
{
	return pick(
		sub { pick(qw(now today yesterday tomorrow)) },
		sub { span_literal() . pick(' ago', ' from now') },
		sub { pick('start of ', 'end of ') . pick(qw(this last next)) . ' ' . unit() },
		\&day_literal, \&moment_literal)->();
}

sub span
{
	my $depth = shift;
	return chance(0.7) ? span_literal() : column_or('span', \&span_literal) if $depth <= 0;
	return pick(
		\&span_literal,
		sub { column_or('span', \&span_literal) },
		sub { not_on_documents('(' . time_value($depth - 1) . ' - ' . time_value($depth - 1) . ')') },
		sub { '(' . span($depth - 1) . pick(' + ', ' - ') . span($depth - 1) . ')' },
		sub { not_on_documents('(' . span($depth - 1) . pick(' * ', ' / ') . pick(1, 2, 3, 0.5, -1, 0) . ')') },
		sub { not_on_documents('(' . pick(2, 0.25) . ' * ' . span($depth - 1) . ')') },
		sub { not_on_documents(aggregate(pick(qw(sum avg min max)), $depth, \&span)) })->();
}

sub texts { return pick(sub { column('texts') }, sub { column('texts') }, sub { column('json') })->() // 'data.l' }

# Rows.

# open_rows(): the text of a source with alias and window; its row is the innermost then
sub open_rows
{
	my $depth = shift;
	my ($source, $text);
	$row = 0;
	my @parents = grep { $_->{relation} eq 'orders' && $_->{alias} } @scopes;

	if (@parents && chance(0.5))
	{
		$source = 'lines';
		$text = pick(@parents)->{alias} . '.lines';
	}
	else
	{
		$source = pick(@sources, 'orders');
		$text = $source;
	}
	my $scope = { relation => $source };
	if (@scopes > 1 || chance(0.5))
	{
		$scope->{alias} = 'r' . ++$aliases;
		$text .= ' ' . $scope->{alias};
	}
	$text .= ' ' . window($depth) if chance(0.5);
	push @scopes, $scope;
	return $text;
}

sub window
{
	my $depth = shift;
	return pick(
		sub { 'within ' . pick(qw(last last next)) . ' ' . span_literal() },
		sub { 'during ' . period() },
		sub { 'since ' . clock() . (chance(0.4) ? ' before ' . clock() : '') },
		sub { 'before ' . clock() },
		sub { 'between ' . clock() . ' and ' . clock() })->();
}

sub rows
{
	my ($depth, $measure) = @_;
	my $rows = open_rows($depth);
	my $measured = defined $measure ? $measure->($depth - 1) : undef;
	$rows .= ' where ' . condition($depth - 1) if chance(0.5);
	return ($rows, $measured);
}

sub aggregate
{
	my ($name, $depth, $measure) = @_;
	$name eq 'count distinct' and $measure = pick(\&number, \&text, \&time_value);
	return number_literal() if @scopes > 3;
	return short_aggregate($name, $depth) if defined $measure && $measure == \&number && @scopes == 1 && chance(0.3);
	my ($rows, $measured) = rows($depth, $measure);
	pop @scopes;
	return "count($rows)" if !defined $measured;
	# equal moments are equal texts only where they are written alike
	$document = 0 if defined $measure && $measure == \&time_value;
	return "count(distinct $measured from $rows)" if $name eq 'count distinct';
	return "$name($measured from $rows)";
}

# sum(orders.total within last 3 days where ...)
sub short_aggregate
{
	my ($name, $depth) = @_;
	my $source = pick(@sources);
	my $text = ($name eq 'count distinct' ? 'count(distinct ' : "$name(") . "$source." . pick(@{ $columns{$source}{num} });
	$row = 0;
	push @scopes, { relation => $source };
	$text .= ' ' . window($depth) if chance(0.5);
	$text .= ' where ' . condition($depth - 1) if chance(0.5);
	pop @scopes;
	return "$text)";
}

sub quantifier
{
	my $depth = shift;
	return 'true' if @scopes > 3;
	if (chance(0.7))
	{
		my ($rows) = rows($depth);
		pop @scopes;
		return "exists($rows)";
	}
	my ($rows) = rows($depth);
	my $satisfies = condition($depth - 1);
	pop @scopes;
	return "every($rows satisfies $satisfies)";
}

# Conditions.

sub comparison { return pick(qw(= != <> < <= > >=)) }

sub compare
{
	my ($value, $depth) = @_;
	my $left = $value->($depth);
	return pick(
		sub { $left . ' ' . comparison() . ' ' . $value->($depth - 1) },
		sub { $left . ' ' . comparison() . ' ' . $value->($depth - 1) },
		sub { $left . pick(' between ', ' not between ') . $value->(0) . ' and ' . $value->(0) },
		sub { $left . pick(' in ', ' not in ') . '(' . join(', ', map { $value->(0) } 1 .. 1 + rand 3) . ')' },
		sub { $left . pick(' is null', ' is not null') })->();
}

# Two columns with times are two texts in a document.
sub compare_times
{
	my $depth = shift;
	my $left = time_value($depth);
	return not_on_documents($left . ' ' . comparison() . ' ' . time_value($depth - 1)) if chance(0.3);
	return pick(
		sub { $left . ' ' . comparison() . ' ' . clock() },
		sub { $left . ' ' . comparison() . ' ' . clock() },
		sub { $left . pick(' between ', ' not between ') . clock() . ' and ' . clock() },
		sub { $left . pick(' in ', ' not in ') . '(' . join(', ', map { clock() } 1 .. 1 + rand 3) . ')' },
		sub { $left . pick(' is null', ' is not null') })->();
}

sub text_predicate
{
	my $depth = shift;
	my $text = text($depth);
	return pick(
		sub { $text . pick(' like ', ' not like ', ' ilike ', ' not ilike ') . pick(map { "'$_'" } 'a%', '%b', '_b%', '%', 'A\\_%', '%ß%', 'v%', '%%ö%') },
		sub { $text . pick(' matches ', ' not matches ') . pick(map { "'$_'" } '^a', 'b$', '[0-9]', '^.{3}$', '^(DE|AT)$', 'ö') },
		sub { $text . pick(' starts with ', ' ends with ', ' contains ', ' not contains ') . pick(text(0), "'a'", "'b'", "''", "'ö'") },
		sub { $text . pick(' is empty', ' is not empty') })->();
}

sub list_predicate
{
	my $depth = shift;
	my ($kind, $element) = @{ pick([ 'texts', \&text ], [ 'texts', \&text_literal ], [ 'nums', \&number ], [ 'times', \&clock ]) };
	my $list = column($kind) // column('texts') // return quantifier($depth);

	$element = \&text_literal if $list =~ /tags|labels/ && $kind ne 'texts';
	$list = "lower($list)" if $list =~ /tags|labels/ && chance(0.3);
	# an array in a document is typed by its elements
	$list = column('json') // $list if chance(0.2);
	return pick(
		sub { "$list has " . $element->(0) },
		sub { "$list has " . pick(qw(any all none)) . ' (' . join(', ', map { $element->(0) } 1 .. 1 + rand 3) . ')' },
		sub { $list . pick(' is empty', ' is not empty', ' is null', ' is not null') })->();
}

sub time_predicate
{
	my $depth = shift;
	my $time = time_value($depth);
	$time = "anniversary of $time" if chance(0.4);
	return $time . pick(' ', ' ', ' not ') . (chance(0.5) ? 'within ' . pick(qw(last next)) . ' ' . span_literal() : 'during ' . period());
}

# Values of other types compare with texts that their own input reads.
sub other_predicate
{
	my $column = column('other') // return quantifier(1);
	my @literals =
	  $column =~ /uid|token/ ? map { "'0000000$_-0000-4000-8000-000000000000'" } 1 .. 4 :
	  $column =~ /ip/ ? map { "'$_'" } '10.0.0.1', '10.0.0.0/8', '192.168.1.7', '::1' : map { "'$_'" } qw(sad ok happy);
	return pick(
		sub { "$column " . comparison() . ' ' . pick(@literals) },
		sub { $column . pick(' in ', ' not in ') . '(' . pick(@literals) . ', ' . pick(@literals) . ')' },
		sub { "$column between " . pick(@literals) . ' and ' . pick(@literals) },
		sub { "$column is null" })->();
}

sub truth
{
	my $depth = shift;
	return pick(
		sub { column('bool') // 'true' },
		sub { (column('bool') // 'false') . ' ' . comparison() . ' ' . pick('true', 'false', column('bool') // 'true') },
		sub { (column('json') // 'true') . ' = ' . pick(qw(true false)) },
		sub { '(' . condition($depth - 1) . ') = ' . (column('bool') // 'true') },
		sub { column('json') // 'false' })->();
}

sub json_predicate
{
	my ($left, $right) = (column('json'), column('json'));
	return quantifier(1) if !defined $left || !defined $right;
	return pick(
		sub { "$left " . comparison() . " $right" },
		sub { $left . pick(' is null', ' is not null', ' is empty', ' is not empty') },
		sub { "$left in (" . join(', ', number_literal(), text_literal(), day_literal()) . ')' },
		sub { not_on_documents("coalesce($left, " . pick(number_literal(), text_literal()) . ') ' . comparison() . ' ' . pick(number_literal(), text_literal())) },
		sub { not_on_documents("coalesce($left, " . day_literal() . ') ' . comparison() . ' ' . clock()) },
		sub { "length($left) " . comparison() . ' ' . number_literal() },
		sub { "lower($left) " . pick('= ', 'has ') . text_literal() })->();
}

sub in_segment
{
	$document = $row = 0;
	return pick('', 'not ') . "in segment '" . pick(@segments) . "'";
}

sub condition
{
	my $depth = shift;
	my $kinds = [
		sub { compare(\&number, $depth) }, sub { compare(\&number, $depth) },
		sub { compare(\&text, $depth) }, sub { compare_times($depth) }, sub { compare_times($depth) },
		sub { not_on_documents(compare(\&span, $depth)) },
		sub { text_predicate($depth) }, sub { list_predicate($depth) },
		sub { time_predicate($depth) }, sub { time_predicate($depth) },
		sub { other_predicate() }, sub { truth($depth) }, sub { json_predicate() },
		sub { quantifier($depth) }, sub { quantifier($depth) },
	];
	return pick(@$kinds)->() if $depth <= 0;
	return pick(
		@$kinds,
		sub { '(' . join(pick(' and ', ' or '), map { condition($depth - 1) } 1 .. 2) . ')' },
		sub { '(' . condition($depth - 1) . ' or ' . condition($depth - 1) . ' and ' . condition($depth - 1) . ')' },
		sub { 'not (' . condition($depth - 1) . ')' },
		sub { 'not (' . condition($depth - 1) . ')' },
		sub { @segments ? in_segment() : condition($depth - 1) })->();
}

1;
