/* The words of a KILL. Pure.
 *
 *   KILL [HARD | SOFT] [CONNECTION | QUERY] 42 | '42' | CONNECTION_ID() | ?
 *   KILL [HARD | SOFT] [CONNECTION | QUERY] USER name[@host]
 *
 * Source: sql/sql_yacc.yy, "kill". */
#ifndef CAUSEWAY_ROUTER_KILL_WORDS_H
#define CAUSEWAY_ROUTER_KILL_WORDS_H

#include "proxy/base/bytes.h"

enum {
    KILL_USER_MAX_BYTES = 384, /* 128 characters of utf8 */
    KILL_HOST_MAX_BYTES = 255,
};

enum kill_whom {
    KILL_ID,
    KILL_ONESELF, /* CONNECTION_ID() */
    KILL_USER,
    KILL_PARAMETER, /* of a prepared statement: its value is the id */
};

struct kill_words {
    enum kill_whom whom;
    bool soft;
    bool query_only; /* the statement, not the connection */
    uint64_t id;
    char user[KILL_USER_MAX_BYTES + 1];
    char host[KILL_HOST_MAX_BYTES + 1]; /* "%": any, also where none was named */
};

/* 0, or -ENOENT for all that only the server can say: another statement, several statements, other
 * expressions, KILL QUERY ID. `lex_mode`: enum lex_mode. */
int kill_words_parse(struct span sql, unsigned lex_mode, struct kill_words *out);

/* A whole number of decimal digits below 2^63: true with its value. */
bool kill_words_number(struct span text, uint64_t *value);

#endif
