/* The statements that Causeway answers itself: a connection's key, its token and its id. Pure.
 *
 *   SET @causeway_key = 'alice' | 42 | NULL | ?         SELECT @causeway_key [[AS] title]
 *   SELECT CONNECTION_ID() [[AS] title]
 *   SET @@causeway_token = '0-1-100,1-2-55' | NULL | ?   SELECT @@causeway_token [[AS] title]
 *
 * with := for =, with @@session. or @@local. before causeway_token, with SET SESSION causeway_token
 * and SET causeway_token too; any case of letters, blanks and comments anywhere, a semicolon at the
 * end. Nothing else may stand in the text. */
#ifndef CAUSEWAY_ROUTER_OWN_WORDS_H
#define CAUSEWAY_ROUTER_OWN_WORDS_H

#include "proxy/base/bytes.h"

enum own_what {
    OWN_NONE,
    OWN_SET_KEY,
    OWN_GET_KEY,
    OWN_SET_TOKEN,
    OWN_GET_TOKEN,
    OWN_GET_CONNECTION,
};

enum {
    OWN_KEY_MAX_BYTES = 255,
    OWN_TOKEN_MAX_BYTES = 1024,
    OWN_TITLE_MAX_BYTES = 256,
    OWN_ERROR_MAX_BYTES = 160, /* with its NUL */
};

struct own_words {
    enum own_what what;
    bool parameter;     /* of a SET: the value is the one parameter of a prepared statement */
    uint16_t value_len; /* 0: no key (NULL or ''), or no token to add */
    uint16_t title_len; /* of a SELECT: the column's title, as a server would choose it */
    uint8_t value[OWN_TOKEN_MAX_BYTES]; /* of a SET, decoded */
    char title[OWN_TITLE_MAX_BYTES];
    char error[OWN_ERROR_MAX_BYTES]; /* a sentence for the client (1064, SQLSTATE 42000) */
};

/* For texts that classify() gave CLASS_OWN_WORD; others need not ask. `lex_mode`: enum lex_mode.
 *   0        it is one of them
 *   -ENOENT  it is none: an ordinary statement (what = OWN_NONE)
 *   -EINVAL  it is meant to be one, and is malformed: refuse it with `error`
 * With `parameter`, `error` says what to answer if the text came as a plain query, where ? is none.
 * Escapes are decoded as get_text() of sql/sql_lex.cc does. */
int own_words_parse(struct span sql, unsigned lex_mode, struct own_words *out);

/* The value of a parameter, once it is known: 0, or -EINVAL with `error` when it is too long.
 * `value` is empty for NULL. Clears `parameter`. */
int own_words_bind(struct own_words *own, struct span value);

#endif
