/* A connection to a server on the data path: its own login, its set-up, and who uses it now.
 *
 *   GREETING -> LOGIN -> SETUP -> READY (its owner's)
 *       |         ^        |        |
 *       |         +--------|--------+ backend_reset
 *       +------------------+---> FAILED (the owner is told, and closes it)
 *
 * SETUP asks for session tracking of everything, on a follower for the read-only guard, and
 * compares the account that the server sees with the one that the client matched, and a follower's
 * position with what was confirmed of it before: one that started anew with less is found out by
 * its first new connection, whether or not the control thread has seen it die. */
#ifndef CAUSEWAY_PROXY_BACKEND_H
#define CAUSEWAY_PROXY_BACKEND_H

#include "proxy/base/list.h"
#include "proxy/identity.h"
#include "proxy/net/stream.h"
#include "proxy/parting.h"
#include "router/topology.h"

struct worker;
struct backend;

/* How the owner hears of its connection. After failed() the owner closes it. */
struct backend_events {
    void (*ready)(struct backend *backend);    /* set up, or reset: usable */
    void (*readable)(struct backend *backend); /* READY only: call stream_receive */
    void (*drained)(struct backend *backend);  /* READY only: see STREAM_DRAINED */
    void (*failed)(struct backend *backend);   /* backend->error_* say why */
    /* Only for a relayed identity: the server asks what its client must answer, backend_answer().
     */
    void (*asks)(struct backend *backend, struct span payload);
};

enum backend_state {
    BACKEND_GREETING, /* connecting, or connected: the server speaks first */
    BACKEND_LOGIN,
    BACKEND_SETUP,
    BACKEND_READY,
    BACKEND_FAILED,
    BACKEND_CLOSED,
};

struct backend {
    struct list node; /* in the pool, or on the worker's list of the dead */
    struct stream stream;
    struct ev_timer timer; /* connect and login must end in connect_timeout */
    struct worker *worker;
    const struct backend_events *events;
    void *owner;
    struct identity *identity;
    char *login_schema; /* to log in with; NULL: none */
    enum backend_state state;
    uint8_t setup_replies_due;     /* packets of the set-up still to come */
    bool checks_account;           /* the set-up compares CURRENT_USER() */
    struct gtid_vector *confirmed; /* during the set-up of a follower: what stood on the board */
    bool guarded;                  /* a follower's: runs under SESSION TRANSACTION READ ONLY */
    bool half_closed;              /* it was told that its client sends no more */
    bool tainted;                  /* may hold state that a reset keeps (a role): never pooled */
    bool expired;                  /* the password is: the server does little but change it */
    bool compresses;               /* … once the login is over */
    bool attributed;               /* connection attributes were negotiated */
    bool attributes_shown;         /* … and the server keeps them (performance_schema) */
    bool spotless;                 /* since its set-up it has run nothing that a reset undoes */
    bool single_statements;        /* multi-statements are off here */
    bool needs_reset;              /* COM_RESET_CONNECTION must go ahead of the next statement */
    bool needs_setup;              /* COM_RESET_CONNECTION undid the set-up: send it ahead again */
    bool anew;                     /* its session has not spoken on it yet: see backend_sync.c */
    bool reused;                   /* has served before: its server may have closed it meanwhile */
    enum parting parting;          /* it is asked what its session must keep */
    bool place_passed;             /* its place was given to another connection */
    struct place_ticket *heir;     /* leaving: who waits for its place (leaving.h) */
    bool abandoned;                /* leaving, in the middle of something */
    size_t unwanted_bytes;         /* leaving: received since */
    bool has_schema;               /* a schema is set here, which a reset keeps … */
    char *schema;                  /* … this one; NULL: not known */
    uint64_t schema_until_ms; /* until then the server need not be asked whether it exists … */
    unsigned schema_ddl;      /* … unless shared->ddl went on from here */
    bool stale_answers;       /* FOUND_ROWS() and the like would tell of another session */
    bool starts_autocommit;   /* the server's default */
    uint64_t settings;        /* worker_settings() when it was last given its defaults */
    bool has_init_connect;    /* its login ran an init_connect, which a reset does not */
    unsigned slot;
    uint32_t server_id; /* which server this was */
    uint64_t
        serial; /* tells this connection from one that replaces it, and from itself after a reset */
    uint32_t thread_id;              /* of the server */
    uint16_t status;                 /* of the last reply */
    const struct auth_plugin *asked; /* during a login: of MySQL's plugins, which may ask more … */
    uint8_t nonce[SHA2_NONCE_BYTES]; /* … with this; */
    bool key_asked;                  /* the server's public key is due */
    uint8_t answer_seq;              /* of the client's answer to what the server asks */
    uint64_t vars_version;           /* how far the session's variables are replayed here */
    uint64_t idle_since_ms;          /* in the pool, or lent and without work; 0: neither */
    uint64_t ready_us;               /* when it was first usable: the server has not ended since */
    uint16_t error_code;
    char error_sqlstate[6];
    char error_text[256];
};

/* Starts connecting; ready() or failed() follows, never from within this call. Counts against
 * max_server_connections: NULL when the limit is reached, but for the service account. Takes a
 * reference of `identity`. */
struct backend *backend_open(struct worker *worker, const struct topology_server *server,
                             struct identity *identity, bool guarded,
                             const struct backend_events *events, void *owner);
/* The same with a place that the caller has taken: never NULL. */
struct backend *backend_open_placed(struct worker *worker, const struct topology_server *server,
                                    struct identity *identity, bool guarded,
                                    const struct backend_events *events, void *owner);

/* Closes the socket now; the memory goes at the end of the loop's turn. `why` is logged at debug.
 */
void backend_close(struct backend *backend, const char *why);

/* Makes a connection in any state one that only its `events` hear of. False: it is broken, or not
 * yet connected. */
bool backend_abandon(struct backend *backend);

/* The client's answer to what the server asked: see backend_events. */
void backend_answer(struct backend *backend, struct span payload);

/* Makes a READY connection as good as new (COM_CHANGE_USER: variables, user variables, temporary
 * tables, locks, role, schema), then set-up again; ready() or failed() follows. */
void backend_reset(struct backend *backend);

/* The same with COM_RESET_CONNECTION, which costs no login but keeps schema, role, attributes, and
 * does not run init_connect; ready() or failed() follows. */
void backend_reset_quickly(struct backend *backend);

/* The connection is in that schema (NULL: none, or not known which). */
void backend_note_schema(struct backend *backend, const char *schema);

/* Is it known to be in that schema, which still existed just now? */
bool backend_is_in_schema(const struct backend *backend, const char *schema);

/* Sets an expired connection up again, to see whether its password was changed; ready() or failed()
 * follows. */
void backend_set_up_again(struct backend *backend);

/* Hands a connection to another owner. */
void backend_adopt(struct backend *backend, const struct backend_events *events, void *owner);

/* The set-up as one COM_QUERY packet, for a connection with needs_setup. `schema_charset`: with the
 * character set of the schema that it is in, which a reset takes away while it keeps the schema
 * (measured). */
void backend_setup_packet(const struct backend *backend, bool schema_charset, struct buf *out);

/* For the files that implement the login (backend_auth.c, backend_setup.c) and this one. */
void backend_fail(struct backend *backend, uint16_t code, const char *sqlstate, const char *format,
                  ...) __attribute__((format(printf, 4, 5)));
void backend_login_readable(struct backend *backend);
/* "db1", for errors and the log. */
const char *backend_server_name(const struct backend *backend);

/* One whole packet at the front of what was received: 1 with payload and seq (consume
 * PACKET_HEADER_BYTES + payload.len when done), 0 when more bytes must come, -EPROTO when it is
 * longer than any packet of a login. */
int backend_peek_packet(struct backend *backend, struct span *payload, uint8_t *seq);

#endif
