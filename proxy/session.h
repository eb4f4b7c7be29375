/* A session: one client, from its accept to its end. What it does is the table in session_steps.c.
 */
#ifndef CAUSEWAY_PROXY_SESSION_H
#define CAUSEWAY_PROXY_SESSION_H

#include "proxy/backend.h"
#include "proxy/bound.h"
#include "proxy/keys.h"
#include "proxy/proto/result.h"
#include "proxy/session_keep.h"
#include "proxy/statements.h"
#include "router/held.h"
#include "router/policy.h"
#include "router/requirement.h"
#include "router/sessvars.h"
#include "router/user_vars.h"

struct worker;
struct login_state;
struct rule;

/* X(state, step): the steps are functions of session_steps.c and its neighbours. */
#define SESSION_STATES(X)                                                                          \
    X(LOGIN_RESPONSE, login_response) /* greeted: the client's answer is awaited */                \
    X(LOGIN_SWITCH, login_switch)     /* asked again, with the native plugin */                    \
    X(LOGIN_VERIFY, login_verify)     /* which account, and does the proof hold? */                \
    X(LOGIN_ACCOUNTS, wait)           /* the accounts are being read again */                      \
    X(COMMAND, command)               /* the next command is awaited and decoded */                \
    X(DISCARD, discard)               /* the rest of a long command that was refused */            \
    X(WAIT_ERRAND, wait)              /* done, but a KILL of it is still with its server */        \
    X(ROUTE, route)                   /* which server? */                                          \
    X(WAIT_BOUND, wait)               /* a leader position is being fetched */                     \
    X(WAIT_SHOWN, wait)               /* the leader must show first what was seen */               \
    X(WAIT_POSITION, wait)            /* a follower must catch up first */                         \
    X(WAIT_LEADER, wait)              /* there is no leader */                                     \
    X(WAIT_KILL, wait)                /* a KILL is being carried out */                            \
    X(WAIT_PLACE, wait)               /* that server has no connection free */                     \
    X(ATTACH, attach)                 /* a connection to that server */                            \
    X(WAIT_SERVER, wait)              /* it is being opened */                                     \
    X(LOGIN_RELAY, login_relay)       /* a server asked the client something */                    \
    X(PRELUDE, prelude)               /* what must be made the same there first */                 \
    X(WAIT_PRELUDE, wait_prelude)     /* its answers */                                            \
    X(SEND, send)                     /* the command */                                            \
    X(SEND_REST, send_rest)           /* a command too long to hold: the rest passes through */    \
    X(RELAY, relay)                   /* the reply */                                              \
    X(INFILE, infile)                 /* LOAD DATA LOCAL: the client's file */                     \
    X(CLOSED, wait)

enum session_state {
#define X(state, step) SESSION_##state,
    SESSION_STATES(X)
#undef X
};

/* The command under way. */
struct command {
    uint8_t code;      /* enum command_code; COM_CONNECT while the session logs in */
    uint8_t shape;     /* enum result_shape of its reply */
    bool read;         /* a follower may run it */
    bool requested;    /* a rule or hint sends it to a follower, for what it is allowed to */
    bool killed;       /* by KILL QUERY: never run again */
    bool asks_right;   /* a KILL: the leader is asked first whether it may … */
    bool kill_right;   /* … and has said that it may */
    bool kills_itself; /* its session ends with the reply */
    bool repeatable;   /* sent twice it does no harm: may run again when its server fails */
    bool previous;     /* speaks of the statement before */
    bool to_leader;    /* must run on the leader whatever else holds */
    bool catalogued;   /* what it names is the leader's for now */
    bool opens_trx;    /* START TRANSACTION READ ONLY */
    bool unknown;      /* it names a prepared statement that there is not … */
    bool moves_trx;    /* the transaction moves to the leader ahead of it: reading_trx.h */
    bool streamed;     /* longer than COMMAND_HELD_MAX: only its beginning was seen */
    bool begun;        /* a part of the reply is with the client: no way back */
    bool waited;       /* causal_timeout is over */
    bool bound_failed; /* the leader did not tell its position in causal_timeout … */
    bool shown_failed; /* … or did not get to show what was seen in leader_wait */
    bool move;
    bool of_replica;    /* said by a replica: without a leader its connection closes */
    uint8_t own;        /* enum own_what: Causeway answers it itself */
    bool relaying;      /* the parser is open for its reply */
    bool failed;        /* the reply was, or ended in, an ERR … */
    bool last;          /* … behind which the server closes: so does Causeway */
    bool state_changed; /* the reply reported a change of session state … */
    bool named_change;  /* … and named a variable or schema */
    bool own_tracking;  /* it runs under the tracking that the client asked for */
    int8_t consistency;
    int forced; /* slot of the server that a rule or hint names, or -1: indexes change while it
                   waits */
    int target; /* server index that was chosen */
    uint64_t excluded_slots;
    size_t len;               /* its bytes at the front of the client's stream */
    uint64_t rest;            /* SEND_REST: bytes of the packet under way that still pass */
    uint8_t last_seq;         /* DISCARD: of that packet */
    bool more_packets;        /* SEND_REST: that packet was full, another follows */
    uint32_t flags;           /* enum class_flags */
    unsigned left;            /* enum routine_leaves: by what it ran, unseen */
    uint64_t routine_changes; /* changes of routines before it was sent */
    uint64_t digest;
    struct statement *statement;
    uint32_t unknown_id;       /* … by this id */
    uint64_t long_data_serial; /* of its statement: see struct statement */
    uint32_t read_generation;
    struct key *key; /* that a hint names for this statement alone; a reference */
    struct proof proof;
    uint64_t asked_seen;        /* requirement->seen when the leader was asked … */
    uint64_t asked_epoch;       /* … and which epoch it was: in another nothing of it counts */
    bool checks_history;        /* it waits for the leader's history, before it is routed at all */
    bool shown_retried;         /* the connection that asks what is shown broke once already */
    unsigned prelude_due;       /* replies to the prelude still to come */
    bool asked_expired;         /* an expired password was asked about for this command */
    unsigned prelude_taken;     /* those that came */
    unsigned prelude_again;     /* which of them, from 1, reports variables; 0: none */
    bool prelude_prepares;      /* the last of them answers COM_STMT_PREPARE */
    bool prelude_asks;          /* the prelude is the question for collation_connection … */
    struct backend *asked_for;  /* … on behalf of this connection */
    uint64_t position_until_ms; /* end of its wait for a position; 0: has not waited */
    uint64_t leader_until_ms;
    uint64_t place_until_ms; /* end of its wait for a server connection; 0: has not waited */
    uint64_t sent_us;        /* pooling = transaction: when it went to its server */
};

enum {
    COMMAND_HELD_MAX = 1 << 20,
    /* Ids lie above those that a server gives out in its first billion connections, so that KILL
     * can tell the two apart. */
    SESSION_ID_BASE = 0x40000000,
    SESSION_ID_WORKER_SHIFT = 22,
    SESSION_ID_COUNTER_MASK = (1 << SESSION_ID_WORKER_SHIFT) - 1,
};

struct session {
    struct list node;      /* among the worker's sessions */
    struct list wait_node; /* among those who wait for the same thing */
    struct worker *worker;
    struct stream client;
    struct ev_timer timer;
    enum session_state state;
    uint32_t id; /* the connection id that the client was given */
    char peer[46];
    uint8_t salt[SALT_BYTES];
    uint64_t capabilities;
    uint16_t collation;
    bool proxied;           /* a load balancer told the address in `peer` */
    bool client_ended;      /* the client's half of the socket is closed */
    unsigned sticky;        /* enum sticky: why it keeps its leader connection … */
    struct held held;       /* … and what these reasons are called */
    bool single_statements; /* COM_SET_OPTION switched multi-statements off (or the login did not
                               ask) */
    bool was_reset;         /* COM_RESET_CONNECTION: variables are the server's, not the login's */
    bool trx_lost; /* the connection of the open transaction is gone, the client not yet told */
    bool too_many_domains;
    bool outdated;             /* its account changed: only the connections it has are left */
    unsigned failed_changes;   /* refused COM_CHANGE_USERs */
    struct login_state *login; /* only while logging in */
    struct identity *identity;
    struct backend *leader; /* server connections that belong to this session */
    struct backend *reader;
    struct backend *running;        /* one of them: it runs, or ran, the last command */
    struct backend *trx;            /* one of them: it has the open transaction … */
    bool trx_snapshot;              /* … on a follower, where it has a snapshot */
    uint16_t status;                /* of the last reply, as the client saw it */
    struct requirement requirement; /* its own: see session_requirement() */
    struct key *key;                /* the one that it names, a reference; NULL */
    struct key *login_key;          /* the one that its login gave it, a reference; NULL */
    uint64_t joined_key;            /* serial of the key that its own writes were told to last */
    struct sessvars vars;
    struct user_vars user_vars;
    uint64_t settings;  /* worker_settings() that its connections go by */
    struct buf refusal; /* the answer to a long command whose rest is being discarded */
    struct statements statements;
    struct aftermath aftermath;  /* what the last statement left behind … */
    struct buf warnings;         /* … and its warnings: session_warnings.h */
    uint64_t diagnosed_serial;   /* connection that has the warnings of the session */
    struct place_ticket *ticket; /* WAIT_PLACE: its place in the queue */
    struct bound_waiter bound_waiter;
    struct command command;
    struct result_parser parser;
    unsigned errands_due; /* KILLs of its statement that a server has not answered yet */
    uint64_t connected_ms;
    uint64_t statements_run;
};

/* --- life (session.c) --- */

/* Greets the client. Takes over `fd`. */
void session_open(struct worker *worker, int fd, const struct sockaddr *peer);
/* The one end of a session: every list, timer, connection and secret. `why` is logged. Safe in any
 * call-back; the memory goes at the end of the loop's turn. */
void session_close(struct session *session, const char *why);
/* As session_close, for a client that broke the protocol. */
void session_protocol_error(struct session *session, const char *what);
void session_log(const struct session *session, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- what its reads must see (session_requirement.c) --- */

/* The requirement that the command goes by: of its key, which is locked until session_settle(), or
 * the session's own. For moments only. */
struct requirement *session_requirement(struct session *session);
void session_settle(struct session *session);
/* Before a command is routed: what the connection wrote under another name counts under this one.
 */
void session_join_key(struct session *session);
/* A write was acknowledged, under whichever name. */
void session_note_own(struct session *session, const struct gtid *gtid);
/* The connection to a follower is gone: whatever is read next is a move, under each of the
 * requirements that the session may go by. */
void session_reader_lost(struct session *session, unsigned slot);
/* With pooling = transaction: a reader that was not there yet when the session, or another one of
 * its key, last read from that server may be one of a server that has started anew since. Then the
 * read is a move (true): it is routed as one. A reader that was there already proves that the
 * server is the same. */
bool session_reader_is_new(struct session *session, const struct backend *backend);
/* Names the key of the connection, or of the command alone, or the one that comes with the login
 * (an account's name, or a connection attribute); an empty name: none. False: there are too many
 * keys, nothing has changed. */
bool session_name_key(struct session *session, struct span name);
bool session_name_command_key(struct session *session, struct span name);
bool session_name_login_key(struct session *session, enum key_source source, struct span name);
/* Gives the keys back: the command's, or all. */
void session_forget_command_key(struct session *session);
void session_forget_keys(struct session *session);
/* What the command promises: by hint, rule or proxy.ini. */
enum consistency session_consistency(const struct session *session);
/* The key that the connection has named; no data: none. */
struct span session_key_name(const struct session *session);
/* The one that the command's hint names. */
struct span session_command_key_name(const struct session *session);
/* Fetches a leader position for the command, which is then routed again. */
enum step session_ask_position(struct session *session);

/* --- steps (session_steps.c) --- */

enum step { STEP_MORE, STEP_WAIT };

/* The one place that changes session->state. */
void session_enter(struct session *session, enum session_state state);
const char *session_state_name(enum session_state state);
/* Runs steps until one waits or the session is closed. */
void session_run(struct session *session);
/* Arms the session's only timer; what it means follows from the state. */
void session_arm(struct session *session, uint32_t timeout_ms);
void session_disarm(struct session *session);
/* What ended the waiting, as the worker's lists and the timer tell it. */
void session_on_timer(struct session *session);
void session_wake(struct session *session, enum session_state next);

/* Answers the command under way with an ERR packet of Causeway's own and goes on with the next. */
enum step session_refuse(struct session *session, uint16_t code, const char *sqlstate,
                         const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Answers it with an OK. */
enum step session_accept(struct session *session);
/* Writes to the client; a client that is gone ends the session. */
bool session_send(struct session *session, struct span bytes);
/* The command is done: its bytes are consumed, the next is awaited. */
enum step session_finish_command(struct session *session);

/* --- server connections of a session (session_servers.c) --- */

extern const struct backend_events session_backend_events;

/* The command goes to that connection, which belongs to the session and is usable. */
enum step session_use(struct session *session, struct backend *backend);
/* The session has no more of the connection, without anything being lost. */
void session_part(struct session *session, const struct backend *backend);

/* Gives the connection back to the pool, or closes it when it is in use. */
void session_release(struct session *session, struct backend **place);
/* A connection of this session broke or could not be opened. */
void session_backend_failed(struct backend *backend);

/* --- neighbours --- */

/* The text of the statement that the command runs; no data: it was too long to hold, or there is
 * none. */
struct span session_sql(const struct session *session);
/* How its sql_mode and character set change the tokens of its statements: enum lex_mode. */
unsigned session_lex_mode(const struct session *session);

void client_auth_begin(struct session *session); /* client_auth.c */
enum step client_auth_change_user(struct session *session, struct span payload);
void client_auth_forget(struct session *session);
uint8_t client_auth_seq(const struct session *session); /* of the login's next packet */
/* The login under way is refused. True when it leaves a session behind: it was a COM_CHANGE_USER.
 */
bool client_auth_refused(struct session *session);
enum step client_auth_finish(struct session *session);
enum step step_login_response(struct session *session);
enum step step_login_switch(struct session *session);
enum step step_login_verify(struct session *session);
enum step step_login_relay(struct session *session); /* client_relay.c */
enum step step_command(struct session *session);     /* client_cmd.c */
enum step step_route(struct session *session);       /* session_route.c */
/* The follower that a read of this session would go to, as a place in the topology; -1: none. */
int session_pick_reader(struct session *session);
enum step step_attach(struct session *session);  /* session_servers.c */
enum step step_prelude(struct session *session); /* backend_sync.c */
enum step step_wait_prelude(struct session *session);
enum step step_send(struct session *session); /* command_send.c */
enum step step_send_rest(struct session *session);
enum step step_discard(struct session *session);
enum step step_infile(struct session *session);
enum step step_relay(struct session *session); /* relay.c */
/* The server died in the middle of the reply: an ERR packet where one may stand, else the end. */
void relay_cut_short(struct session *session);
/* What a server said before it closed on a command that was still being sent. */
void relay_last_words(struct session *session, struct backend *backend);
/* Status flags of a reply: transaction state, sql_mode bits. */
void session_note_status(struct session *session, struct backend *backend, uint16_t status);
/* Answers to the prelude: 1 all taken, 0 more must come, -1 the session went elsewhere. */
int prelude_take(struct session *session);
/* The leader or the servers changed: connections that no longer fit are given up. */
void session_review(struct session *session);
/* The client sends no more, and all it has sent is with the server: then that hears so, as it would
 * from a client of its own. What waits there (SLEEP, GET_LOCK) ends within some seconds. */
void session_pass_end_on(struct session *session);

#endif
