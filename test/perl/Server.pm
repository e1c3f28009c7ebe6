package Server;

# Servers that a test starts, and may kill. They listen on sockets in a directory of their own, and go away with it. To
# be used before Scratch, which needs a server at its end.

use strict;
use warnings;

use Exporter qw(import);
use File::Temp;

our @EXPORT = qw(create_server configure_server kill_server run_quietly server_dir start_server stop_server use_server);

my $dir = File::Temp->newdir;
my %port;

# An extension that is built with sanitizers needs their library in the server (test/cluster.sh).
my $preload = $ENV{SANITIZE} ? 'ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD=$(gcc -print-file-name=libasan.so) ' : '';

END
{
	local $?;
	stop_server($_, 'immediate') foreach grep { -e "$dir/$_/postmaster.pid" } keys %port;
}

# Behind our own END, so that its END comes first: they are run from the last to the first.
use Scratch ();

# Where the servers are, and their logs, NAME.log.
sub server_dir
{
	return "$dir";
}

# Runs a command; what it says goes to a log.
sub run_quietly
{
	my ($command) = @_;

	system("$command >>$dir/log 2>&1") == 0 or die "$command: failed\n" . Scratch::slurp("$dir/log");
}

# Makes a server of that name, which is used from now on.
sub create_server
{
	my ($server, $number, @settings) = @_;

	run_quietly("initdb -D $dir/$server -U postgres -A trust -E UTF8 --no-sync");
	configure_server($server, $number, "unix_socket_directories = '$dir'", "listen_addresses = ''", 'fsync = off',
		'synchronous_commit = off', @settings);
	use_server($server);
}

# Lines for its postgresql.conf.
sub configure_server
{
	my ($server, $number, @settings) = @_;

	$port{$server} = $number;
	open(my $conf, '>>', "$dir/$server/postgresql.conf") or die "postgresql.conf: $!";
	print $conf map { "$_\n" } "port = $number", @settings;
	close $conf;
}

# Connections go there.
sub use_server
{
	@ENV{qw(PGHOST PGPORT PGUSER PGDATABASE)} = ("$dir", $port{ $_[0] }, 'postgres', 'postgres');
}

# Processes of one that was killed may still be about.
sub start_server
{
	my ($server) = @_;

	for (1 .. 100)
	{
		return if system("${preload}pg_ctl -D $dir/$server -l $dir/$server.log -w -s start >>$dir/log 2>&1") == 0;
		select(undef, undef, undef, 0.1);
	}
	die "$server does not start:\n" . Scratch::slurp("$dir/$server.log");
}

sub stop_server
{
	my ($server, $mode) = @_;

	system("pg_ctl -D $dir/$server -m $mode -s stop >/dev/null 2>&1");
}

# All of its processes at once.
sub kill_server
{
	my ($server) = @_;
	my @backends = split /\n/, Scratch::outside('SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
	my ($postmaster) = Scratch::slurp("$dir/$server/postmaster.pid") =~ /^(\d+)/;

	kill KILL => $postmaster, @backends;
}

1;
