/* What kind of statement is this, judged by its tokens alone? No I/O, no session, no clock.
 * Doubt means leader: only what is known to be a harmless read may go to a follower. */
#ifndef CAUSEWAY_ROUTER_CLASSIFY_H
#define CAUSEWAY_ROUTER_CLASSIFY_H

#include "proxy/base/bytes.h"

/* How the session's sql_mode changes the tokens (the server's status flags tell). */
enum lex_mode {
    LEX_ANSI_QUOTES = 1,          /* "x" is an identifier */
    LEX_NO_BACKSLASH_ESCAPES = 2, /* \ in a string is a character like any other */
    LEX_WIDE_CHARSET = 4, /* character_set_client is sjis, cp932, gbk, big5, swe7 or the like: the
                             bytes of a character may look like quotes, so text that is not pure
                             ASCII is not judged at all */
};

enum class_target {
    CLASS_LEADER,   /* writes, or might; or depends on what only the leader has */
    CLASS_READ,     /* a follower that covers the session may serve it */
    CLASS_READ_TRX, /* START TRANSACTION READ ONLY: opens a transaction on one follower */
    CLASS_PREVIOUS, /* speaks of the statement before: FOUND_ROWS(), ROW_COUNT(), SHOW WARNINGS … */
};

enum class_flags {
    CLASS_MULTI = 1 << 0, /* more than one statement */
    CLASS_HOLDS = 1 << 1, /* may begin or end what only its connection has: held_note() knows */
    CLASS_USER_VARIABLE = 1 << 2, /* a user variable stands in it */
    CLASS_DO = 1 << 3,            /* DO expressions, and nothing else */
    CLASS_SET = 1 << 4,           /* a SET of variables, names or character set, and nothing else */
    CLASS_SET_ROLE = 1 << 5,      /* SET ROLE (or SET DEFAULT ROLE) occurs */
    CLASS_OPAQUE = 1 << 6,        /* may do what its text does not show: CALL, EXECUTE, a function
                                     that is not built in, BEGIN NOT ATOMIC */
    CLASS_USE = 1 << 7,           /* USE schema */
    CLASS_LOCKING_READ = 1 << 8,  /* SELECT … FOR UPDATE / LOCK IN SHARE MODE */
    CLASS_KILL = 1 << 9,          /* KILL in any form */
    CLASS_ON_REQUEST = 1 << 10, /* the leader's only for doubt (a function that is not built in) or
                                   because it tells of one server (SHOW STATUS): a rule or hint may
                                   send it to a follower, whose guard stops a write */
    CLASS_PLAIN_READ = 1 << 11, /* run on the leader, it may do a plain read (consistent, without
                                   locks), or show what such a read shows; without the flag it is
                                   known not to */
    CLASS_OWN_WORD = 1 << 12, /* @causeway_key, @@causeway_token or CONNECTION_ID() stands in it, or
                                 may (text that is not judged at all): own_words_parse() knows
                                 whether Causeway answers it */
    CLASS_SEMI_READ = 1 << 13, /* UPDATE: at isolation READ COMMITTED and below InnoDB passes over a
                                  locked row whose last committed version does not match (measured;
                                  not so DELETE and locking reads), so there it counts as a plain
                                  read */
    CLASS_TRACKING = 1 << 14,  /* a session_track_… variable, or SHOW VARIABLES, stands in it: it
                                  shows or sets what Causeway has set on the servers for itself */
    CLASS_SET_STATEMENT = 1 << 15, /* SET STATEMENT … FOR: it reports variables that it puts back
                                      afterwards without saying so (measured) */
    CLASS_ACCOUNTS = 1 << 16,      /* SET PASSWORD, SET DEFAULT ROLE, FLUSH: it may change what
                                      logins and rights are (so may CLASS_DDL) */
    CLASS_DDL = 1 << 18,        /* the (first) statement commits the open transaction before it does
                                   anything, also one that is read only: CREATE, DROP, GRANT … */
    CLASS_BEGIN = 1 << 19,      /* the same: it begins a transaction that may write */
    CLASS_SET_GLOBAL = 1 << 22, /* SET GLOBAL (or PERSIST) of a variable */
    CLASS_VARIABLE_READ = 1 << 23, /* the leader's only for the user variables that it reads: a read
                                      like others where their values are known */
    CLASS_DIAGNOSTICS = 1 << 24,   /* speaks of warnings and errors: SHOW WARNINGS, GET DIAGNOSTICS,
                                      @@warning_count */
};

/* A leading comment may say where: "/" "* causeway to=leader *" "/", with any of
 *   to=leader | followers | server:NAME
 *   consistency=eventual | session | key | strong
 *   key=NAME: this statement's key in place of the connection's; 1 to 255 bytes without blanks and
 *       control characters; the same quote at both ends ('…', "…", `…`) is not part of it
 * separated by blanks. A comment that starts with the word causeway and holds anything else is
 * `bad`: the statement gets an error that names the first bad word, it is never half obeyed. */
enum hint_to { HINT_NONE, HINT_LEADER, HINT_FOLLOWERS, HINT_SERVER };
enum { HINT_KEY_MAX_BYTES = 255 };
struct hint {
    bool present;
    enum hint_to to;
    struct span server;
    struct span consistency; /* empty when not given */
    struct span key;
    struct span bad; /* the first word that is not understood; empty when all is well */
};

/* The hint's enum consistency (policy.h), or -1 when it says none. */
int hint_consistency(const struct hint *hint);

struct statement_class {
    enum class_target target;
    uint32_t flags;   /* enum class_flags */
    uint64_t digest;  /* of the tokens with literals left out: the same for SELECT 1 and SELECT 2 */
    struct hint hint; /* spans point into the statement */
};

/* `sql` is the text of one COM_QUERY or COM_STMT_PREPARE (multi-statements included). Never fails:
 * text that can't be understood is CLASS_LEADER. Takes time linear in the text, allocates nothing.
 */
void classify(struct span sql, unsigned lex_mode, struct statement_class *out);

/* Writes the text with every literal replaced by ? and white space folded, for the console and the
 * log (no user data may reach them). Cuts at `size`, always terminated; returns the length. */
size_t statement_fingerprint(struct span sql, unsigned lex_mode, char *out, size_t size);

#endif
