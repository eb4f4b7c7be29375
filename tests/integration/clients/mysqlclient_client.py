#!/usr/bin/python3
"""mysqlclient (MySQLdb), on Connector/C."""

import sys

import MySQLdb
import scenario

connection = MySQLdb.connect(
    host="127.0.0.1", port=int(sys.argv[1]), user="app", passwd="app-demo", db="demo",
    charset="utf8mb4",
)
connection.autocommit(True)
scenario.run(connection, "mysqlclient", MySQLdb.IntegrityError)
