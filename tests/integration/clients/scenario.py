"""The scenario for Python's DB-API clients."""

ALL_BYTES = bytes(range(256)) * 40


def run(connection, name, duplicate_error):
    cursor = connection.cursor()
    table = f"client_{name}"

    def one(sql, parameters=None):
        cursor.execute(sql, parameters)
        return cursor.fetchone()

    cursor.execute(f"DROP TABLE IF EXISTS {table}")
    cursor.execute(
        f"CREATE TABLE {table} (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50),"
        " price DECIMAL(10,2), born DATE, data BLOB)"
    )
    insert = f"INSERT INTO {table} (name, price, born, data) VALUES (%s, %s, %s, %s)"
    cursor.execute(insert, ("ä€'\"\\", "12.50", "2024-02-29", None))
    print("inserted", cursor.rowcount, cursor.lastrowid)
    cursor.execute(insert, (None, None, None, ALL_BYTES))
    cursor.execute(f"SELECT id, name, CAST(price AS CHAR), CAST(born AS CHAR) FROM {table} ORDER BY id")
    for row in cursor.fetchall():
        print("|".join("NULL" if item is None else str(item) for item in row))
    data = one(f"SELECT data FROM {table} WHERE id = %s", (2,))[0]
    print("bytes", "same" if data == ALL_BYTES else "different")

    own = 0
    for number in range(100, 150):
        cursor.execute(f"INSERT INTO {table} (id, name) VALUES (%s, 'own')", (number,))
        own += one(f"SELECT COUNT(*) FROM {table} WHERE id = %s", (number,))[0]
    print("own writes", own)

    connection.begin() if hasattr(connection, "begin") else cursor.execute("BEGIN")
    cursor.execute(f"DELETE FROM {table}")
    print("inside", one(f"SELECT COUNT(*) FROM {table}")[0])
    connection.rollback()
    print("after rollback", one(f"SELECT COUNT(*) FROM {table}")[0])
    try:
        cursor.execute(f"INSERT INTO {table} (id) VALUES (1)")
    except duplicate_error as error:
        print("error", error.args[0])
    cursor.execute(f"UPDATE {table} SET name = 'changed' WHERE id < 103")
    print("changed", cursor.rowcount)
    cursor.execute("CALL client_two_results()")
    print("result", cursor.fetchone()[0])
    cursor.nextset()
    print("result", cursor.fetchone()[0])
    while cursor.nextset():
        pass
    print("read by", one("SELECT name FROM this_server")[0])
    connection.close()
