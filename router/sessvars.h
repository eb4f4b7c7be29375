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

/* What the server changed without saying to which value. */
enum sessvars_ask {
    SESSVARS_ASK_COLLATION = 1, /* SET NAMES … COLLATE reports the character set only: needed before
                                   a replay */
    SESSVARS_ASK_TRACKING = 2, /* session_track_system_variables, set to a list that does not hold
                                  its own name: needed before anything else runs */
    SESSVARS_ASK_WANTED =
        8, /* all of session_track_…, which a connection has as the client set it */
    SESSVARS_ASK_ROLE = 4, /* SET ROLE: needed before a replay */
};

/* Variables under which a statement speaks of earlier ones, on the server where those ran. */
enum sessvars_look {
    LOOK_LAST_ROW = 1 << 0, /* sql_auto_is_null: `id IS NULL` finds the row inserted last */
    LOOK_TRACE = 1 << 1,    /* optimizer_trace */
    LOOK_PROFILES = 1 << 2, /* profiling */
};

struct sessvars {
    struct sessvar *first; /* in the order of their last change */
    char *schema;          /* the current one; NULL: none */
    uint64_t version;      /* of the last change */
    uint64_t schema_version;
    bool bare_schema; /* the session was reset since it entered its schema: character_set_database
                         and collation_database are the server's */
    unsigned asks;    /* enum sessvars_ask: what must be asked before anything else runs */
    char *role;       /* that SET ROLE chose, empty: none; NULL: the login's */
    uint64_t role_version;
    struct {
        char *variables; /* a list of names; NULL: the server's own default */
        bool no_schema;
        bool state_change;
        bool transaction;     /* its state … */
        bool characteristics; /* … and the statement that would begin it again */
    } wanted;                 /* session_track_… as the client sees them */
    struct buf again;         /* a SET of what may not have been reported, to be run after the next
                                 set-up: its reply is */
    bool
        schema_dropped; /* there is no current schema any more: a connection that has one can't be
                           brought to that, so the session stays on the leader until the next USE */
    bool wide_charset; /* character_set_client is one in which a byte that looks like a quote may be
                          half a character (LEX_WIDE_CHARSET) */
    char *results_collation; /* that results say they have; NULL: the default of their character
                                set, or the login's */
    bool connection_changed; /* character_set_connection, and … */
    bool results_changed; /* since sessvars_note_collations(): of what collation is not known yet */
    bool results_as_connection; /* it is that of the connection, which must be asked for */
    uint32_t client_charset;    /* a digest of character_set_client; 0: as at login */
    enum isolation isolation;
    bool leader_only;    /* a variable was set that a follower can't or must not share:
                            sql_log_bin = 0, timestamp, rand_seed … */
    unsigned looks_back; /* enum sessvars_look: statements ask for what others left behind */
    bool unreported;     /* a routine may have set what the server does not tell of */
    bool unlogged;       /* sql_log_bin was 0 once: a reset does not undo that */
};

void sessvars_init(struct sessvars *vars);
void sessvars_free(struct sessvars *vars);

/* What a session reset undoes: all variables, not the schema and not the role. */
void sessvars_reset(struct sessvars *vars);
/* All of it, as before a login. */
void sessvars_forget(struct sessvars *vars);

/* A tracked system variable or schema change; other entries are ignored. True when `vars` changed.
 */
bool sessvars_track(struct sessvars *vars, const struct track_entry *entry);

/* The collation that goes with the character set last reported. */
void sessvars_set_collation(struct sessvars *vars, struct span collation);

/* The text of the statement that the last changes were reported for; not `ran`: it may not have run
 * to its end. */
void sessvars_note_collations(struct sessvars *vars, struct span sql, unsigned lex_mode, bool ran);

/* The role as the server tells it; no data: none. */
void sessvars_set_role(struct sessvars *vars, struct span role);

/* The value of session_track_system_variables that the client gave. */
void sessvars_want_variables(struct sessvars *vars, struct span list);

/* Is the entry one that the client would have been sent without Causeway? `usual`: the list of
 * variables that the servers track by themselves. */
bool sessvars_wanted(const struct sessvars *vars, const struct track_entry *entry,
                     const char *usual);

/* The SET that gives a connection the tracking that the client asked for; `all`: but of all
 * variables. */
void sessvars_replay_wanted(const struct sessvars *vars, const char *usual, bool all,
                            struct buf *sql);

/* The collation that the client asks for at login (its number in information_schema.COLLATIONS). */
void sessvars_set_login_collation(struct sessvars *vars, uint16_t collation);

/* Was a variable set that entering the schema sets as well? */
bool sessvars_set_schema_charset(const struct sessvars *vars);

/* A statement that passed: ALTER DATABASE of the current schema changes what entering it sets. */
void sessvars_note_alter(struct sessvars *vars, struct span sql, unsigned lex_mode);

/* Sets the schema that the session asks for at login; also character_set_database and
 * collation_database are that schema's from here on. */
void sessvars_set_schema(struct sessvars *vars, struct span schema);

/* Appends one SET statement that replays all variable changes after `since`, in their order; on a
 * connection that is not `guarded` also those that have a meaning on a leader only. Nothing is
 * appended when there are none. */
void sessvars_replay(const struct sessvars *vars, uint64_t since, bool guarded, struct buf *sql);

/* Appends the SET ROLE that the connection lacks, if it lacks one. */
void sessvars_replay_role(const struct sessvars *vars, uint64_t since, struct buf *sql);

#endif
