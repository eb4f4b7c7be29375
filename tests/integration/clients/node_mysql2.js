// mysql2: argument 3 chooses text (query) or prepared statements (execute).
const mysql = require('mysql2/promise');

async function main(port, mode) {
  const db = await mysql.createConnection({
    host: '127.0.0.1', port, user: 'app', password: 'app-demo', database: 'demo', dateStrings: true,
  });
  const run = (sql, parameters) => (mode === 'prepared' ? db.execute(sql, parameters) : db.query(sql, parameters));
  const one = async (sql, parameters) => Object.values((await run(sql, parameters))[0][0])[0];
  const table = `client_mysql2_${mode}`;
  const allBytes = Buffer.from(Array.from({ length: 256 * 40 }, (_, index) => index % 256));

  await db.query(`DROP TABLE IF EXISTS ${table}`);
  await db.query(`CREATE TABLE ${table} (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50),` +
    ' price DECIMAL(10,2), born DATE, data BLOB)');
  const insert = `INSERT INTO ${table} (name, price, born, data) VALUES (?, ?, ?, ?)`;
  const [result] = await run(insert, ['ä€\'"\\', '12.50', '2024-02-29', null]);
  console.log('inserted', result.affectedRows, result.insertId);
  await run(insert, [null, null, null, allBytes]);
  const [rows] = await run(`SELECT id, name, price, born FROM ${table} ORDER BY id`);
  for (const row of rows) {
    console.log(Object.values(row).map((item) => item ?? 'NULL').join('|'));
  }
  const data = await one(`SELECT data FROM ${table} WHERE id = ?`, [2]);
  console.log('bytes', data.equals(allBytes) ? 'same' : 'different');

  let own = 0;
  for (let id = 100; id < 150; id++) {
    await run(`INSERT INTO ${table} (id, name) VALUES (?, 'own')`, [id]);
    own += Number(await one(`SELECT COUNT(*) FROM ${table} WHERE id = ?`, [id]));
  }
  console.log('own writes', own);

  await db.beginTransaction();
  await run(`DELETE FROM ${table}`);
  console.log('inside', await one(`SELECT COUNT(*) FROM ${table}`));
  await db.rollback();
  console.log('after rollback', await one(`SELECT COUNT(*) FROM ${table}`));
  await run(`INSERT INTO ${table} (id) VALUES (1)`).catch((error) => console.log('error', error.errno));
  const [update] = await run(`UPDATE ${table} SET name = 'changed' WHERE id < 103`);
  console.log('changed', update.affectedRows);
  const [sets] = await db.query('CALL client_two_results()');
  console.log('result', Object.values(sets[0][0])[0]);
  console.log('result', Object.values(sets[1][0])[0]);
  console.log('read by', await one('SELECT name FROM this_server'));
  await db.end();
}

main(Number(process.argv[2]), process.argv[3]).catch((error) => {
  console.error(error);
  process.exit(1);
});
