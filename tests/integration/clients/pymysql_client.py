#!/usr/bin/python3
"""PyMySQL: text protocol, parameters escaped by the client."""

import sys

import pymysql
import scenario

connection = pymysql.connect(
    host="127.0.0.1", port=int(sys.argv[1]), user="app", password="app-demo", database="demo",
    charset="utf8mb4", autocommit=True,
)
scenario.run(connection, "pymysql", pymysql.err.IntegrityError)
