# RandomStatements.pm: random statements on the tables of RandomTables.pm.
#
# Every kind of statement that changes rows, on the population, its sources and lookups, and on
# what hangs on those: rows come, go and change, in any column and in none, one, several or all
# of them; keys change, and rows move from one member to another. Some break a constraint
# and come to nothing.
package RandomStatements;
use strict;
use warnings;
use utf8;
use Exporter 'import';
use RandomTables qw(random_key random_row);
our @EXPORT_OK = qw(constraints_script random_row_statement random_statement);

my %columns = (
	region => [qw(id name)],
	city => [qw(id name region_id opened)],
	product => [qw(id category price)],
	people => [qw(key country name nick email code age small big balance exact "Größe" score rate paid birth seen created span
		tags nums days stamps data extra uid ip mood city_id)],
	orders => [qw(id who placed due "local" total weight status labels info city_id gift took token)],
	lines => [qw(order_id product_id qty price note)],
	events => [qw(who day kind value)],
	visits => [qw(who entered page secs)]);
my %key = (region => 'id', city => 'id', product => 'id', people => 'key', orders => 'id');

# Keys in use are below; a new row's may be one of them.
my %below = (region => 5, city => 7, product => 8, people => 90, orders => 260);

sub pick { return $_[ rand @_ ] }
sub chance { return rand() < shift }

# Events go with their member, visits stay behind.
sub constraints_script
{
	return <<'SQL';
ALTER TABLE events ADD FOREIGN KEY (who) REFERENCES people ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE visits ADD FOREIGN KEY (who) REFERENCES people ON UPDATE SET NULL ON DELETE SET NULL;
SQL
}

sub table { return pick('people', 'people', 'people', 'orders', 'orders', 'orders', 'lines', 'lines', 'events', 'visits', 'city', 'product', 'region') }

sub row
{
	my $table = shift;
	return random_row($table, 1 + int rand($below{$table} // 2));
}

sub values_list
{
	my ($table, $count) = @_;
	return 'VALUES ' . join(', ', map { '(' . join(', ', row($table)) . ')' } 1 .. $count);
}

# Some rows of a table: all, one in so many, or those of one key.
sub some_of
{
	my ($table, @portions) = @_;
	my $portion = pick(@portions);

	return '' if $portion == 1;
	return " WHERE who = " . random_key() if $table =~ /orders|events|visits/ && chance(0.3);
	return " WHERE abs(hashtext(ctid::text || " . int(rand 1000) . ")) % $portion = 0";
}

# SET some columns to what another row of the kind has, or to what they are
sub assignments
{
	my ($table, $of) = @_;
	my @names = @{ $columns{$table} };
	my @values = row($table);
	my %taken = map { $_ => 1 } map { 1 + int rand $#names } 1 .. pick(1, 1, 2, 3);

	delete $taken{0} if exists $key{$table};
	return join ', ', map { "$names[$_] = " . (chance(0.15) ? ($of // '') . $names[$_] : $values[$_]) } sort { $a <=> $b } keys %taken;
}

sub insert { my $table = table(); return "INSERT INTO $table " . values_list($table, pick(1, 1, 1, 3, 20)) . (exists $key{$table} ? ' ON CONFLICT DO NOTHING' : '') }

sub upsert
{
	my $table = pick(sort keys %key);
	return "INSERT INTO $table " . values_list($table, 1) . " ON CONFLICT ($key{$table}) DO UPDATE SET " . assignments($table, "$table.");
}

sub update { my $table = table(); return "UPDATE $table SET " . assignments($table) . some_of($table, 1, 3, 10, 20, 40) }
sub update_nothing { my $table = table(); return pick("UPDATE $table SET $columns{$table}[1] = $columns{$table}[1]", "UPDATE $table SET " . assignments($table) . ' WHERE false') }
sub delete { my $table = table(); return "DELETE FROM $table" . some_of($table, $below{$table} && $below{$table} < 10 ? 10 : (4, 20, 20, 40)) }

# Not with the rows behind it: where the transaction is aborted, psql would take them for statements.
sub copy
{
	my @rows = map { join ',', random_key() =~ s/'//gr, pick('', sprintf('2024-%02d-%02d', 1 + rand 12, 1 + rand 28)), pick(qw(hidden a VIP new)), pick('', 1, 5, 30) } 1 .. 1 + rand 20;
	return "\\copy events FROM PROGRAM 'printf \"" . join('', map { "$_\\n" } @rows) . "\"' CSV\n";
}

sub merge
{
	my ($table, $by) = @{ pick([ people => 'key' ], [ orders => 'id' ], [ visits => 'who' ]) };
	my @row = map { "($_)" } row($table);

	return "MERGE INTO $table t USING (SELECT ctid AS place FROM $table" . some_of($table, 10, 40) . ') s ON t.ctid = s.place WHEN MATCHED THEN ' .
	  pick('DELETE', 'UPDATE SET ' . assignments($table, 't.')) if chance(0.5);
	return "MERGE INTO $table t USING (SELECT 1) s ON t.$by = $row[0] WHEN MATCHED THEN UPDATE SET " . assignments($table, 't.') .
	  ' WHEN NOT MATCHED THEN INSERT VALUES (' . join(', ', @row) . ')';
}

# Keys of members, of rows that others hang on, and of lookups.
sub rekey
{
	my $table = pick(qw(people people orders city product region));
	my ($new) = row($table);
	return "UPDATE $table SET $key{$table} = $new" . ($table eq 'people' ? ' WHERE key = ' . random_key() :
		  " WHERE id = (SELECT id FROM $table ORDER BY hashtext(id::text || " . int(rand 1000) . ') LIMIT 1)');
}

sub move
{
	return pick(
		sub { 'UPDATE orders SET who = ' . random_key() . ' WHERE who = ' . random_key() },
		sub { 'UPDATE lines SET order_id = order_id + ' . pick(1, 7) . some_of('lines', 3, 10) },
		sub { 'UPDATE people SET city_id = ' . int(1 + rand 6) . some_of('people', 3, 20) },
		sub { "WITH gone AS (DELETE FROM visits WHERE who = " . random_key() . " RETURNING *) INSERT INTO visits SELECT " . random_key() . ", entered, page, secs FROM gone" },
		sub { 'UPDATE orders o SET placed = placed + ' . pick("interval '1 month'", "interval '-10 days'", "interval '1 hour'") . ' FROM lines l WHERE l.order_id = o.id AND l.qty = ' . pick(1, 2, 3) })->();
}

# Everybody does not go without somebody coming.
sub truncate
{
	return "TRUNCATE people CASCADE;\nINSERT INTO people " . values_list('people', 40) . ' ON CONFLICT DO NOTHING' if chance(0.2);
	return 'TRUNCATE ' . pick('lines', 'visits', 'events', 'orders', 'lines, visits', 'product');
}

# One statement, ended
sub random_statement
{
	return copy() if rand() < 0.08;
	return RandomStatements::truncate() . ";\n" if rand() < 0.02;
	return pick(\&insert, \&insert, \&insert, \&upsert, \&upsert, \&update, \&update, \&update, \&update, \&update_nothing,
		\&RandomStatements::delete, \&merge, \&rekey, \&move)->() . ";\n";
}

# One that is about a row of the population or a source, ended
sub random_row_statement
{
	my $table = pick(qw(people people people orders orders lines events visits));
	my $one = " WHERE ctid = (SELECT ctid FROM $table ORDER BY hashtext(ctid::text || " . int(rand 1000) . ') LIMIT 1)';

	return pick("INSERT INTO $table " . values_list($table, 1), "DELETE FROM $table$one", map { "UPDATE $table SET " . assignments($table) . $one } 1 .. 4) . ";\n";
}

1;
