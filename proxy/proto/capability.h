/* Capability and status flags. Source: protocol page "connection" (capabilities; the MariaDB
 * extended ones are bits 32 and up here) and server source include/mysql_com.h. */
#ifndef CAUSEWAY_PROTO_CAPABILITY_H
#define CAUSEWAY_PROTO_CAPABILITY_H

#include <stdint.h>

#define CLIENT_LONG_PASSWORD                  (UINT64_C(1) << 0) /* MySQL: set; MariaDB: CLIENT_MYSQL */
#define CLIENT_FOUND_ROWS                     (UINT64_C(1) << 1)
#define CLIENT_LONG_FLAG                      (UINT64_C(1) << 2)
#define CLIENT_CONNECT_WITH_DB                (UINT64_C(1) << 3)
#define CLIENT_NO_SCHEMA                      (UINT64_C(1) << 4)
#define CLIENT_COMPRESS                       (UINT64_C(1) << 5)
#define CLIENT_ODBC                           (UINT64_C(1) << 6)
#define CLIENT_LOCAL_FILES                    (UINT64_C(1) << 7)
#define CLIENT_IGNORE_SPACE                   (UINT64_C(1) << 8)
#define CLIENT_PROTOCOL_41                    (UINT64_C(1) << 9)
#define CLIENT_INTERACTIVE                    (UINT64_C(1) << 10)
#define CLIENT_SSL                            (UINT64_C(1) << 11)
#define CLIENT_IGNORE_SIGPIPE                 (UINT64_C(1) << 12)
#define CLIENT_TRANSACTIONS                   (UINT64_C(1) << 13)
#define CLIENT_RESERVED                       (UINT64_C(1) << 14)
#define CLIENT_SECURE_CONNECTION              (UINT64_C(1) << 15)
#define CLIENT_MULTI_STATEMENTS               (UINT64_C(1) << 16)
#define CLIENT_MULTI_RESULTS                  (UINT64_C(1) << 17)
#define CLIENT_PS_MULTI_RESULTS               (UINT64_C(1) << 18)
#define CLIENT_PLUGIN_AUTH                    (UINT64_C(1) << 19)
#define CLIENT_CONNECT_ATTRS                  (UINT64_C(1) << 20)
#define CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA (UINT64_C(1) << 21)
#define CLIENT_CAN_HANDLE_EXPIRED_PASSWORDS   (UINT64_C(1) << 22)
#define CLIENT_SESSION_TRACK                  (UINT64_C(1) << 23)
#define CLIENT_DEPRECATE_EOF                  (UINT64_C(1) << 24)
#define CLIENT_ZSTD_COMPRESSION               (UINT64_C(1) << 26)
#define CLIENT_QUERY_ATTRIBUTES               (UINT64_C(1) << 27)
#define CLIENT_PROGRESS_OBSOLETE              (UINT64_C(1) << 29)
#define CLIENT_SSL_VERIFY_SERVER_CERT         (UINT64_C(1) << 30)
#define CLIENT_REMEMBER_OPTIONS               (UINT64_C(1) << 31)
#define MARIADB_CLIENT_PROGRESS               (UINT64_C(1) << 32)
#define MARIADB_CLIENT_RESERVED_1             (UINT64_C(1) << 33)
#define MARIADB_CLIENT_STMT_BULK_OPERATIONS   (UINT64_C(1) << 34)
#define MARIADB_CLIENT_EXTENDED_METADATA      (UINT64_C(1) << 35)
#define MARIADB_CLIENT_CACHE_METADATA         (UINT64_C(1) << 36)
#define MARIADB_CLIENT_BULK_UNIT_RESULTS      (UINT64_C(1) << 37)

enum server_status {
    SERVER_STATUS_IN_TRANS = 0x0001,
    SERVER_STATUS_AUTOCOMMIT = 0x0002,
    SERVER_MORE_RESULTS_EXISTS = 0x0008,
    SERVER_QUERY_NO_GOOD_INDEX_USED = 0x0010,
    SERVER_QUERY_NO_INDEX_USED = 0x0020,
    SERVER_STATUS_CURSOR_EXISTS = 0x0040,
    SERVER_STATUS_LAST_ROW_SENT = 0x0080,
    SERVER_STATUS_DB_DROPPED = 0x0100,
    SERVER_STATUS_NO_BACKSLASH_ESCAPES = 0x0200,
    SERVER_STATUS_METADATA_CHANGED = 0x0400,
    SERVER_QUERY_WAS_SLOW = 0x0800,
    SERVER_PS_OUT_PARAMS = 0x1000,
    SERVER_STATUS_IN_TRANS_READONLY = 0x2000,
    SERVER_SESSION_STATE_CHANGED = 0x4000,
    SERVER_STATUS_ANSI_QUOTES = 0x8000,
};

#endif
