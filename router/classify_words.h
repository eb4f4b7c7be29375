/* The words that the classifier knows, and what each may mean. A word that is not in the table is
 * an identifier; before a parenthesis, it is a stored function. The built-in functions and keywords
 * are those that a MariaDB 10.11 server was seen to resolve itself (`SELECT word(...)`). */
#ifndef CAUSEWAY_ROUTER_CLASSIFY_WORDS_H
#define CAUSEWAY_ROUTER_CLASSIFY_WORDS_H

#include "proxy/base/bytes.h"

/* Words that the classifier compares with by name. */
enum word_id {
    WORD_NONE,
    WORD_ALTER,
    WORD_ANALYZE,
    WORD_AS,
    WORD_BEGIN,
    WORD_CALL,
    WORD_CHARACTER,
    WORD_CHECKSUM,
    WORD_CONNECTION,
    WORD_CONNECTION_ID,
    WORD_CONSISTENT,
    WORD_COUNT,
    WORD_CREATE,
    WORD_CURRENT,
    WORD_DEFAULT,
    WORD_DELETE,
    WORD_DESCRIBE, /* and DESC */
    WORD_DIAGNOSTICS,
    WORD_DO,
    WORD_END,
    WORD_ERRORS,
    WORD_EXECUTE,
    WORD_EXPLAIN,
    WORD_EXPORT,
    WORD_EXTENDED,
    WORD_FLUSH,
    WORD_FOR,
    WORD_FORMAT,
    WORD_FULL,
    WORD_GET,
    WORD_GLOBAL, /* and PERSIST */
    WORD_HELP,
    WORD_HOLDS, /* verbs that begin or end what only the connection has: HANDLER, PREPARE … */
    WORD_INFORMATION_SCHEMA,
    WORD_INSERT,
    WORD_KILL,
    WORD_LOAD,
    WORD_LOCK,
    WORD_LOCK_CALL, /* GET_LOCK() and what releases it */
    WORD_NEXT,
    WORD_ONLY,
    WORD_PARTITIONS,
    WORD_PASSWORD,
    WORD_PREVIOUS,
    WORD_QUIET,       /* every verb whose statement does no plain read: COMMIT, DROP, GRANT … */
    WORD_QUIET_HOLDS, /* both: DROP, RENAME */
    WORD_READ,
    WORD_RECURSIVE,
    WORD_REPLACE,
    WORD_ROLE,
    WORD_ROLLUP,
    WORD_SELECT,
    WORD_SESSION, /* and LOCAL */
    WORD_SET,
    WORD_SHARE,
    WORD_SHOW,
    WORD_SKIP,
    WORD_SNAPSHOT,
    WORD_START,
    WORD_STATEMENT,
    WORD_STATUS,
    WORD_SYSTEM_TIME,
    WORD_TABLE,
    WORD_TABLES,
    WORD_TEMPORARY,
    WORD_TRACKING, /* VARIABLES, SESSION_VARIABLES and session_track_… */
    WORD_TRANSACTION,
    WORD_UNLOCK,
    WORD_UPDATE,
    WORD_USE,
    WORD_VALUE,
    WORD_VALUES,
    WORD_WARNINGS,
    WORD_WITH,
    WORD_WORK,
};

enum word_bits {
    IS_CALL = 1 << 0,          /* a built-in function that any server answers alike */
    IS_CALL_TIGHT = 1 << 1,    /* the same, but with a gap before "(" it names a stored function */
    IS_CALL_LEADER = 1 << 2,   /* built in; writes, locks, or depends on connection or server */
    IS_CALL_PREVIOUS = 1 << 3, /* built in; speaks of the statement before */
    IS_PAREN = 1 << 4,         /* a keyword: never a function, though "(" may follow */
    IS_LEADER = 1 << 5,        /* in a read: it locks, or is none */
    IS_SEQUENCE = 1 << 6,      /* seq.nextval, seq.currval */
    IS_SERVER_SCHEMA = 1 << 7, /* a schema that speaks of one server */
    IS_SCHEMA_TABLE = 1 << 8,  /* in information_schema, and alike on every server */
    IS_VARIABLE = 1 << 9,      /* @@ variable, alike on every connection of a session */
    IS_PREVIOUS_VARIABLE = 1 << 10,
    IS_SHOW = 1 << 11,        /* SHOW … of this is a read */
    IS_SHOW_CREATE = 1 << 12, /* SHOW CREATE … of this is a read */
    IS_ROUTINE = 1 << 13,     /* CREATE … of this has a body of statements */
    IS_DDL_OBJECT = 1 << 14,  /* CREATE … of this has none */
    IS_VERB = 1 << 15,     /* begins a statement that is the leader's, and of no further interest */
    IS_DDL_VERB = 1 << 16, /* of those: commits the open transaction first */
};

struct word {
    const char *name; /* lower case */
    uint8_t len;
    uint8_t id; /* enum word_id */
    uint32_t bits;
};

/* NULL when the table does not have it; in any case of letters. */
const struct word *word_find(struct span text);

#endif
