<?php
// PDO: argument 2 says whether prepares are emulated by the client or real.
$emulated = $argv[2] === 'emulated';
$db = new PDO("mysql:host=127.0.0.1;port={$argv[1]};dbname=demo;charset=utf8mb4", 'app', 'app-demo', [
    PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
    PDO::ATTR_EMULATE_PREPARES => $emulated,
]);
$table = "client_pdo_{$argv[2]}";
$all_bytes = '';
for ($i = 0; $i < 256 * 40; $i++) {
    $all_bytes .= chr($i % 256);
}
$one = function (string $sql, array $parameters = []) use ($db) {
    $statement = $db->prepare($sql);
    $statement->execute($parameters);
    $found = $statement->fetchColumn();
    $statement->closeCursor();
    return $found;
};
$db->exec("DROP TABLE IF EXISTS $table");
$db->exec("CREATE TABLE $table (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50),"
    . ' price DECIMAL(10,2), born DATE, data BLOB)');
$insert = $db->prepare("INSERT INTO $table (name, price, born, data) VALUES (?, ?, ?, ?)");
$insert->execute(["ä€'\"\\", '12.50', '2024-02-29', null]);
echo "inserted {$insert->rowCount()} {$db->lastInsertId()}\n";
$insert->bindValue(1, null);
$insert->bindValue(2, null);
$insert->bindValue(3, null);
$insert->bindValue(4, $all_bytes, PDO::PARAM_LOB);
$insert->execute();
foreach ($db->query("SELECT id, name, price, born FROM $table ORDER BY id", PDO::FETCH_NUM) as $row) {
    echo implode('|', array_map(fn($item) => $item ?? 'NULL', $row)), "\n";
}
$found = $one("SELECT data FROM $table WHERE id = ?", [2]);
echo 'bytes ', $found === $all_bytes ? 'same' : 'different', "\n";

$own = 0;
$write = $db->prepare("INSERT INTO $table (id, name) VALUES (?, 'own')");
for ($id = 100; $id < 150; $id++) {
    $write->execute([$id]);
    $own += $one("SELECT COUNT(*) FROM $table WHERE id = ?", [$id]);
}
echo "own writes $own\n";

$db->beginTransaction();
$db->exec("DELETE FROM $table");
echo 'inside ', $one("SELECT COUNT(*) FROM $table"), "\n";
$db->rollBack();
echo 'after rollback ', $one("SELECT COUNT(*) FROM $table"), "\n";
try {
    $db->exec("INSERT INTO $table (id) VALUES (1)");
} catch (PDOException $error) {
    echo "error {$error->errorInfo[1]}\n";
}
echo 'changed ', $db->exec("UPDATE $table SET name = 'changed' WHERE id < 103"), "\n";
$call = $db->query('CALL client_two_results()');
do {
    if ($call->columnCount() && ($first = $call->fetchColumn()) !== false) {
        echo "result $first\n";
    }
} while ($call->nextRowset());
$call->closeCursor();
echo 'read by ', $one('SELECT name FROM this_server'), "\n";
