#!/usr/bin/perl
# DBD::MariaDB: argument 2 says whether statements are prepared on the server.
use strict;
use warnings;
use utf8;
use DBI;
binmode STDOUT, ':encoding(UTF-8)';
my ($port, $mode) = @ARGV;
my $table = "client_perl_$mode";
my $db = DBI->connect("DBI:MariaDB:database=demo;host=127.0.0.1;port=$port", 'app', 'app-demo',
    { RaiseError => 1, PrintError => 0, mariadb_server_prepare => $mode eq 'real' });
my $all_bytes = join '', map { chr($_ % 256) } 0 .. 256 * 40 - 1;
$db->do("DROP TABLE IF EXISTS $table");
$db->do("CREATE TABLE $table (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50),"
    . ' price DECIMAL(10,2), born DATE, data BLOB)');
my $insert = $db->prepare("INSERT INTO $table (name, price, born, data) VALUES (?, ?, ?, ?)");
my $count = $insert->execute("ä€'\"\\", '12.50', '2024-02-29', undef);
printf "inserted %d %d\n", $count, $insert->{mariadb_insertid};
$insert->bind_param(1, undef);
$insert->bind_param(2, undef);
$insert->bind_param(3, undef);
$insert->bind_param(4, $all_bytes, DBI::SQL_BLOB());
$insert->execute;
for my $row (@{ $db->selectall_arrayref("SELECT id, name, price, born FROM $table ORDER BY id") }) {
    print join('|', map { $_ // 'NULL' } @$row), "\n";
}
my ($found) = $db->selectrow_array("SELECT data FROM $table WHERE id = ?", undef, 2);
print 'bytes ', ($found eq $all_bytes ? 'same' : 'different'), "\n";

my $own = 0;
my $write = $db->prepare("INSERT INTO $table (id, name) VALUES (?, 'own')");
for my $id (100 .. 149) {
    $write->execute($id);
    $own += $db->selectrow_array("SELECT COUNT(*) FROM $table WHERE id = ?", undef, $id);
}
print "own writes $own\n";

$db->begin_work;
$db->do("DELETE FROM $table");
print 'inside ', $db->selectrow_array("SELECT COUNT(*) FROM $table"), "\n";
$db->rollback;
print 'after rollback ', $db->selectrow_array("SELECT COUNT(*) FROM $table"), "\n";
eval { $db->do("INSERT INTO $table (id) VALUES (1)"); };
print 'error ', $db->err, "\n";
print 'changed ', $db->do("UPDATE $table SET name = 'changed' WHERE id < 103"), "\n";
my $call = $db->prepare('CALL client_two_results()', { mariadb_server_prepare => 0 });
$call->execute;
do {
    print 'result ', $call->fetchrow_array, "\n" if $call->{NUM_OF_FIELDS};
} while ($call->more_results);
$call->finish;
print 'read by ', $db->selectrow_array('SELECT name FROM this_server'), "\n";
$db->disconnect;
