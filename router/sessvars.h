/* A session's state as its server reports it (session tracking), kept so that another server
 * connection can be made the same. Pure: tracked entries in, SQL out.
 *
 * Every change gets the next version; a server connection remembers the version it has, and what
 * came after that is replayed on it. */
#ifndef CAUSEWAY_ROUTER_SESSVARS_H
#define CAUSEWAY_ROUTER_SESSVARS_H

#include "proxy/base/buf.h"
#include "proxy/proto/session_track.h"

struct sessvar; /* a variable that is not at its login value */

/* Whether consistent reads and UPDATE see a new snapshot at each statement. */
enum isolation {
    ISOLATION_DEFAULT,    /* the server's, not changed by the session */
    ISOLATION_COMMITTED,  /* READ COMMITTED or below */
    ISOLATION_REPEATABLE, /* REPEATABLE READ or above */
};

struct sessvars {
    struct sessvar *first; /* in the order of their last change */
    char *schema;          /* the current one; NULL: none */
    uint64_t version;      /* of the last change */
    uint64_t schema_version;
    bool collation_unknown; /* SET NAMES … COLLATE reports the character set only: the value of
                               collation_connection must be asked from the server before a replay */
    bool
        schema_dropped; /* there is no current schema any more: a connection that has one can't be
                           brought to that, so the session stays on the leader until the next USE */
    bool wide_charset; /* character_set_client is one in which a byte that looks like a quote may be
                          half a character (LEX_WIDE_CHARSET) */
    enum isolation isolation;
    bool leader_only; /* a variable was set that a follower can't or must not share:
                         sql_log_bin = 0, timestamp, rand_seed … */
    bool unlogged;    /* sql_log_bin was 0 once: a reset does not undo that */
};

void sessvars_init(struct sessvars *vars);
void sessvars_free(struct sessvars *vars);

/* What a session reset undoes: all variables, not the schema. */
void sessvars_reset(struct sessvars *vars);

/* A tracked system variable or schema change; other entries are ignored. True when `vars` changed.
 */
bool sessvars_track(struct sessvars *vars, const struct track_entry *entry);

/* The collation that goes with the character set last reported. */
void sessvars_set_collation(struct sessvars *vars, struct span collation);

/* The collation that the client asks for at login (its number in information_schema.COLLATIONS). */
void sessvars_set_login_collation(struct sessvars *vars, uint16_t collation);

/* Sets the schema that the session asks for at login. */
void sessvars_set_schema(struct sessvars *vars, struct span schema);

/* Appends one SET statement that replays all variable changes after `since`, in their order.
 * Nothing is appended when there are none. */
void sessvars_replay(const struct sessvars *vars, uint64_t since, struct buf *sql);

#endif
