/* The recorder: clients that read and write through a real client library and write down what they
 * were told. It judges nothing; check.py does.
 *
 *     record.c      options, threads        connection.c  a client's connections, keys, tokens
 *     ways.c        the many ways to read and write one register
 *     workload_*.c  what the clients of one workload do
 *     history.c     one line an event */
#ifndef CAUSEWAY_CONSISTENCY_RECORD_H
#define CAUSEWAY_CONSISTENCY_RECORD_H

#include <mysql.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    CONNECTIONS_MAX = 8,
    ENDPOINTS_MAX = 4,
    REGISTERS_MAX = 64,
    STATEMENTS_MAX = 8,
    SQL_MAX_BYTES = 1024,
    TEXT_MAX_BYTES = 2048,
};

/* How the connections of one user are told apart from another's. */
enum identity {
    IDENTITY_NONE,    /* each connection is its own session */
    IDENTITY_KEY,     /* a key: SET @causeway_key, a comment, or a connection attribute, in turn */
    IDENTITY_ACCOUNT, /* the account that they log in with: h0, h1, … */
    IDENTITY_TOKEN,   /* the token of the connection used last is set on the one used next */
};

struct workload;

struct options {
    const struct workload *workload;
    const char *folder; /* gets client-N.history */
    const char *host;
    const char *user;
    const char *password;
    unsigned ports[ENDPOINTS_MAX];
    unsigned port_count;
    unsigned clients;
    unsigned connections; /* of each client; each operation takes any of them */
    unsigned seconds;     /* at least so long, then until there are so many reads, at most .. */
    uint64_t reads;
    unsigned most_seconds;
    enum identity identity;
    bool domains; /* half of the registers are written in GTID domain 1 */
    bool plain;   /* text and prepared statements only, for latencies */
};

/* What all clients of a run share: the newest acknowledged value of each register, so that one
 * client can provoke an error that tells about another's write. */
struct shared {
    struct options options;
    _Atomic int64_t acknowledged[REGISTERS_MAX];
    _Atomic uint64_t reads;
    _Atomic uint64_t appends; /* of the list workload: how many lists are full */
    atomic_bool stop;
};

struct statement {
    MYSQL_STMT *handle;
    char sql[SQL_MAX_BYTES];
};

struct connection {
    MYSQL *mysql; /* NULL: not open */
    uint32_t number;
    unsigned port;
    bool key_in_comment;
    int domain; /* what gtid_domain_id was set to, -1: nothing yet */
    struct statement statements[STATEMENTS_MAX];
    unsigned statement_count;
};

struct client {
    struct shared *shared;
    unsigned number;
    unsigned user;
    uint64_t random;
    FILE *history;
    struct connection connections[CONNECTIONS_MAX];
    uint32_t opened;
    int last; /* the connection used last, -1: none */
    uint32_t last_number;
};

/* What came back. Of several result sets, the last one that had a row. */
struct reply {
    unsigned error; /* 0, or the server's or client library's code */
    uint64_t affected;
    bool has_row;
    int64_t value; /* first column as a number, 0 when it is none */
    int64_t second;
    char text[TEXT_MAX_BYTES]; /* first column */
    char server[16];           /* last column, when there are two or more */
};

struct workload {
    const char *name;
    void (*setup)(MYSQL *leader);
    void (*client)(struct client *client); /* until client_goes_on() says no */
};

extern const struct workload workload_own, workload_monotonic, workload_causes, workload_fork,
    workload_bank, workload_list, workload_register;

/* --- connection.c --- */

/* Two clients are one user: what one has written the other must see. */
bool client_has_twin(const struct client *client);
/* A connection for the next operation, open and declared; NULL when the servers refuse. With a
 * token identity the token has been handed over. */
struct connection *client_connection(struct client *client);
/* That one, whichever the client would take. */
struct connection *client_connection_at(struct client *client, unsigned index);
void connection_close(struct connection *connection);
/* COM_RESET_CONNECTION, then declared again. */
void connection_reset(struct client *client, struct connection *connection);
/* The writes that follow go to that GTID domain, where the run has two. */
void connection_domain(struct client *client, struct connection *connection, unsigned domain);

/* Sends text, which may hold several statements, and reads everything. `hint` is what stands in
 * Causeway's comment besides the key; NULL: nothing. A lost connection is closed, the next
 * operation opens another. */
__attribute__((format(printf, 5, 6))) void connection_query(struct client *client,
                                                            struct connection *connection,
                                                            const char *hint, struct reply *reply,
                                                            const char *format, ...);
/* The same by COM_STMT_PREPARE, once, and COM_STMT_EXECUTE. `sql` is a literal. */
void connection_execute(struct client *client, struct connection *connection, const char *sql,
                        const int64_t *arguments, unsigned argument_count, struct reply *reply);

/* --- history.c --- */

uint64_t now_ns(void);
struct event {
    char kind; /* see check.py */
    const struct connection *connection;
    uint64_t start_ns, end_ns;
    const char *server; /* "-": not known */
    const char *key;
    const char *value;
    const char *way;
    bool derived; /* tells again what other events of the same read have told */
};
void history_event(struct client *client, const struct event *event);
void history_number(struct client *client, const struct event *event, int64_t value);
void history_error(struct client *client, const struct connection *connection, uint64_t start_ns,
                   const char *way, unsigned error);

/* --- ways.c --- */

/* A register holds one number that only grows. Even ones are a cell that is updated, odd ones the
 * newest of the rows that were inserted; where a run has two GTID domains, 2, 3, 6, 7, … are
 * written in the second. */
void registers_setup(MYSQL *leader, const char *table, unsigned count);
/* Writes `value`, in any way; true when the client was told that it is done. */
bool register_write(struct client *client, const char *table, unsigned index, int64_t value);
/* Looks at it, in any way. The value, or -1 for an error or a look that gives no value. */
int64_t register_read(struct client *client, const char *table, unsigned index);
/* One plain read on a given connection. */
int64_t register_read_plain(struct client *client, struct connection *connection, const char *table,
                            unsigned index);

/* --- record.c --- */

bool client_goes_on(const struct client *client);
uint32_t client_random(struct client *client, uint32_t below);
void client_pause(struct client *client, uint32_t below_us);
/* As root of a server: ends the program when it fails. */
void setup_sql(MYSQL *leader, const char *sql);
__attribute__((format(printf, 2, 3))) void setup_format(MYSQL *leader, const char *format, ...);

#endif
