/* What a session leaves behind on a server connection, and so: may the connection be lent to
 * another session meanwhile (pooling = transaction)? What can be said again elsewhere (variables,
 * schema, prepared statements, autocommit, LAST_INSERT_ID()) keeps nothing; the rest does. */
#ifndef CAUSEWAY_PROXY_SESSION_KEEP_H
#define CAUSEWAY_PROXY_SESSION_KEEP_H

#include "proxy/proto/reply.h"

struct session;
struct backend;

enum keep {
    KEEP_NOT, /* it can go at once */
    KEEP_ASK, /* once the connection was asked what the session may still want to know */
    KEEP_ON,
};

/* What the server would answer about the last statement. */
struct aftermath {
    int64_t row_count;
    uint64_t found_rows;
    uint64_t insert_id;   /* LAST_INSERT_ID() */
    bool insert_id_known; /* … is that; otherwise its leader connection knows better */
    bool unsure;          /* of the other two: the connection knows better */
    bool own;             /* the last statement has left warnings or an error … */
    bool diagnostics;     /* … or one before it that they still stand behind */
    bool asked;           /* … which the connection was asked for before it was lent on */
    bool lost;            /* … and it has them no more, or is another session's */
    bool asks;            /* the session has asked for such things, in a form that only the
                             connection itself answers: it keeps what it has asked before */
    bool one_time;        /* SET TRANSACTION and the like: counts for what follows */
    bool unnamed;         /* the leader connection has what is not seen to end: sequences,
                             variables that are the leader's own */
};

/* The connection has the warnings that the session may still ask for. */
bool keep_has_warnings(const struct session *session, const struct backend *backend);

/* May that connection of the session be taken away? */
enum keep session_keeps(struct session *session, const struct backend *backend);

/* A cursor is open, parameters were sent ahead, or a statement could not be prepared elsewhere. */
bool keep_binds_statements(struct session *session);

/* The replies to its commands, as they pass. */
void keep_note_ok(struct session *session, const struct ok_reply *ok);
void keep_note_prepared(struct session *session, uint16_t warnings);
void keep_note_err(struct session *session);
void keep_note_end(struct session *session);
/* COM_RESET_CONNECTION, or another account. */
void keep_forget(struct session *session);

/* The connection was given away: LAST_INSERT_ID(), ROW_COUNT() and FOUND_ROWS() as it answered. */
void keep_note_answer(struct session *session, uint64_t insert_id, int64_t row_count,
                      uint64_t found_rows);

/* The same of LAST_INSERT_ID() alone. */
void keep_note_insert_id(struct session *session, uint64_t insert_id);

/* A command that speaks of the statement before, when that one's connection was given away. True:
 * it has been answered or refused; false: any connection answers it right. */
bool keep_answer(struct session *session);

/* A command that must run on the leader, and asks for ROW_COUNT() or FOUND_ROWS() as well, when the
 * leader connection was given away. True: it has been refused. */
bool keep_refuse_counts(struct session *session);

#endif
