/* The commands of the protocol: one table. Source: server source include/mysql_com.h
 * (enum_server_command) and the protocol pages of each command. */
#ifndef CAUSEWAY_PROTO_COMMAND_H
#define CAUSEWAY_PROTO_COMMAND_H

#include "proxy/base/bytes.h"

/* X(name, code, reply): how the reply is read, see enum result_shape in result.h */
#define COMMANDS(X)                                                                                \
    X(SLEEP, 0x00, SIMPLE)                                                                         \
    X(QUIT, 0x01, NONE)                                                                            \
    X(INIT_DB, 0x02, SIMPLE)                                                                       \
    X(QUERY, 0x03, ROWS)                                                                           \
    X(FIELD_LIST, 0x04, FIELDS)                                                                    \
    X(CREATE_DB, 0x05, SIMPLE)                                                                     \
    X(DROP_DB, 0x06, SIMPLE)                                                                       \
    X(REFRESH, 0x07, SIMPLE)                                                                       \
    X(SHUTDOWN, 0x08, SIMPLE)                                                                      \
    X(STATISTICS, 0x09, TEXT)                                                                      \
    X(PROCESS_INFO, 0x0a, ROWS)                                                                    \
    X(CONNECT, 0x0b, SIMPLE)                                                                       \
    X(PROCESS_KILL, 0x0c, SIMPLE)                                                                  \
    X(DEBUG, 0x0d, SIMPLE)                                                                         \
    X(PING, 0x0e, SIMPLE)                                                                          \
    X(TIME, 0x0f, SIMPLE)                                                                          \
    X(DELAYED_INSERT, 0x10, SIMPLE)                                                                \
    X(CHANGE_USER, 0x11, SIMPLE)                                                                   \
    X(BINLOG_DUMP, 0x12, FETCH)                                                                    \
    X(TABLE_DUMP, 0x13, SIMPLE)                                                                    \
    X(CONNECT_OUT, 0x14, SIMPLE)                                                                   \
    X(REGISTER_SLAVE, 0x15, SIMPLE)                                                                \
    X(STMT_PREPARE, 0x16, PREPARE)                                                                 \
    X(STMT_EXECUTE, 0x17, ROWS)                                                                    \
    X(STMT_SEND_LONG_DATA, 0x18, NONE)                                                             \
    X(STMT_CLOSE, 0x19, NONE)                                                                      \
    X(STMT_RESET, 0x1a, SIMPLE)                                                                    \
    X(SET_OPTION, 0x1b, SIMPLE)                                                                    \
    X(STMT_FETCH, 0x1c, FETCH)                                                                     \
    X(DAEMON, 0x1d, SIMPLE)                                                                        \
    X(BINLOG_DUMP_GTID, 0x1e, FETCH)                                                               \
    X(RESET_CONNECTION, 0x1f, SIMPLE)                                                              \
    X(STMT_BULK_EXECUTE, 0xfa, ROWS)

enum command_code {
#define X(name, code, reply) COM_##name = code,
    COMMANDS(X)
#undef X
};

/* "COM_QUERY"; "COM_UNKNOWN" for a byte that is no command. */
const char *command_name(uint8_t command);
bool command_known(uint8_t command);

#endif
