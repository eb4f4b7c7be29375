/* One client of the console, and what the clients share. Only for admin.c and admin_client.c.
 *
 *     accept --greeting--> LOGIN --another plugin--> SWITCH --proof is right--> READY <---+
 *                            |                                                    |       |
 *                            +-----------------proof is right-------------------->+       |
 *                                                                    SHOW SESSIONS|       |done
 *                                                                                 v       |
 *     any of them --end of file, error, time-out, QUIT--> CLOSED              COLLECTING -+ */
#ifndef CAUSEWAY_PROXY_ADMIN_CLIENT_H
#define CAUSEWAY_PROXY_ADMIN_CLIENT_H

#include "proxy/admin.h"
#include "proxy/base/list.h"
#include "proxy/net/listener.h"
#include "proxy/net/stream.h"
#include "proxy/proto/handshake.h"

enum { ADMIN_CLIENTS_MAX = 32 };
#define ADMIN_VERSION "10.11.0-Causeway-" CAUSEWAY_VERSION

struct admin {
    struct ev_loop *loop;
    struct admin_source source;
    struct config *config;
    struct listener listener;
    struct stream_pool pool;
    bool open_door; /* a unix socket of mode 0600: whoever gets in may stay */
    unsigned client_count;
    uint32_t last_id;
    uint64_t started_ms;
    struct list clients;
    struct list closed;       /* to be freed once no call-back of theirs is running */
    struct ev_prepare reaper; /* does it; active while there are any */
};

enum admin_client_state {
    ADMIN_CLIENT_LOGIN,
    ADMIN_CLIENT_SWITCH,
    ADMIN_CLIENT_READY,
    ADMIN_CLIENT_COLLECTING,
    ADMIN_CLIENT_CLOSED,
};

/* Rows under way from the workers. It outlives its client, and the console, when they go first. */
struct admin_collect {
    struct admin_client *client; /* NULL: gone */
    struct admin_table table;
    char like[ADMIN_WORD_MAX];
    bool starting; /* source->collect() has not returned */
};

struct admin_client {
    struct list node;
    struct admin *admin;
    struct stream stream;
    struct ev_timer login_timer;
    enum admin_client_state state;
    uint32_t id;
    uint8_t salt[SALT_BYTES];
    uint64_t capabilities; /* what both sides can */
    char user[HANDSHAKE_USER_MAX_BYTES + 1];
    char peer[64];
    struct admin_collect *collect; /* in COLLECTING */
    struct admin_table warnings;   /* of the last command: Level, Code, Message */
};

/* Takes over `fd`, greets. */
void admin_client_open(struct admin *admin, int fd, const struct sockaddr *peer);
/* The one destroy; the memory goes when the loop comes round. */
void admin_client_close(struct admin_client *client, const char *reason);
/* Frees what was closed. */
void admin_reap(struct admin *admin);

/* Goes through the commands that have arrived. */
void admin_client_proceed(struct admin_client *client);
/* Runs the text of a COM_QUERY and answers it, at once or later (COLLECTING). admin_query.c */
void admin_client_query(struct admin_client *client, struct span sql);

/* Answers to a command, or to a login with its sequence number. All may close the client. */
void admin_client_send(struct admin_client *client, struct buf *packets); /* frees the packets */
void admin_client_ok(struct admin_client *client, uint8_t seq, const char *info);
void admin_client_error(struct admin_client *client, uint8_t seq, uint16_t code,
                        const char *sqlstate, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#endif
