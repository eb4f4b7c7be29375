<?php
// mysqli: prepared statements on the server, and plain queries.
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
$db = new mysqli('127.0.0.1', 'app', 'app-demo', 'demo', (int) $argv[1]);
$db->set_charset('utf8mb4');
$all_bytes = '';
for ($i = 0; $i < 256 * 40; $i++) {
    $all_bytes .= chr($i % 256);
}
$db->query('DROP TABLE IF EXISTS client_mysqli');
$db->query('CREATE TABLE client_mysqli (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50),'
    . ' price DECIMAL(10,2), born DATE, data BLOB)');
$insert = $db->prepare('INSERT INTO client_mysqli (name, price, born, data) VALUES (?, ?, ?, ?)');
[$name, $price, $born, $data] = ["ä€'\"\\", '12.50', '2024-02-29', null];
$insert->bind_param('ssss', $name, $price, $born, $data);
$insert->execute();
echo "inserted {$insert->affected_rows} {$insert->insert_id}\n";
[$name, $price, $born, $data] = [null, null, null, $all_bytes];
$insert->execute();
$insert->close();
$rows = $db->query('SELECT id, name, price, born FROM client_mysqli ORDER BY id');
while ($row = $rows->fetch_row()) {
    echo implode('|', array_map(fn($item) => $item ?? 'NULL', $row)), "\n";
}
$read = $db->prepare('SELECT data FROM client_mysqli WHERE id = ?');
$id = 2;
$read->bind_param('i', $id);
$read->execute();
$read->bind_result($found);
$read->fetch();
echo 'bytes ', $found === $all_bytes ? 'same' : 'different', "\n";
$read->close();

$own = 0;
$write = $db->prepare("INSERT INTO client_mysqli (id, name) VALUES (?, 'own')");
$write->bind_param('i', $id);
$count = $db->prepare('SELECT COUNT(*) FROM client_mysqli WHERE id = ?');
$count->bind_param('i', $id);
for ($id = 100; $id < 150; $id++) {
    $write->execute();
    $count->execute();
    $own += $count->get_result()->fetch_row()[0];
}
echo "own writes $own\n";

$db->begin_transaction();
$db->query('DELETE FROM client_mysqli');
echo 'inside ', $db->query('SELECT COUNT(*) FROM client_mysqli')->fetch_row()[0], "\n";
$db->rollback();
echo 'after rollback ', $db->query('SELECT COUNT(*) FROM client_mysqli')->fetch_row()[0], "\n";
try {
    $db->query('INSERT INTO client_mysqli (id) VALUES (1)');
} catch (mysqli_sql_exception $error) {
    echo "error {$error->getCode()}\n";
}
$db->query("UPDATE client_mysqli SET name = 'changed' WHERE id < 103");
echo "changed {$db->affected_rows}\n";
$db->multi_query('CALL client_two_results()');
do {
    if ($result = $db->store_result()) {
        echo 'result ', $result->fetch_row()[0], "\n";
    }
} while ($db->more_results() && $db->next_result());
echo 'read by ', $db->query('SELECT name FROM this_server')->fetch_row()[0], "\n";
