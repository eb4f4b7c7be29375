/* What an operator may say to the console, as pure functions over the text. */
#ifndef CAUSEWAY_PROXY_ADMIN_COMMAND_H
#define CAUSEWAY_PROXY_ADMIN_COMMAND_H

#include "proxy/admin_tables.h"

/* X(topic, what SHOW of it tells) */
#define ADMIN_TOPICS(X)                                                                            \
    X(SERVERS, "role, health, latency and lag of every server, and why one gets no reads")         \
    X(POSITIONS, "how far the readers of every server can see")                                    \
    X(SESSIONS, "the clients and where they are served")                                           \
    X(POOLS, "the connections to every server, and how many clients wait for one")                 \
    X(KEYS, "the keys that clients name, what each must see, and the floor of all others")         \
    X(RULES, "the rules of proxy.ini, in the order they are tried")                                \
    X(FAILOVER, "the leader's health, what is done about it, and how the last operation ended")    \
    X(STATS, "counters since the start")                                                           \
    X(CONFIG, "the configuration in force")                                                        \
    X(HELP, "this list")

enum admin_topic {
#define X(topic, text) ADMIN_##topic,
    ADMIN_TOPICS(X)
#undef X
        ADMIN_TOPIC_COUNT
};

/* X(verb, how it is written, what it does): the commands beside SHOW */
#define ADMIN_ACTIONS(X)                                                                           \
    X(RELOAD, "RELOAD", "reads proxy.ini again; a file with a mistake changes nothing")            \
    X(DRAIN, "DRAIN server", "gives a server no more reads")                                       \
    X(RESUME, "RESUME server", "gives it reads again")                                             \
    X(SWITCHOVER, "SWITCHOVER TO server", "the leader hands over to that follower")                \
    X(FAILOVER, "FAILOVER [TO server]",                                                            \
      "promotes the best follower, or that one: the leader is lost")                               \
    X(REJOIN, "REJOIN server", "makes that server follow the leader")

enum admin_verb {
    ADMIN_UNKNOWN,
    ADMIN_SHOW,
    ADMIN_SHOW_WARNINGS,  /* what the last command of this client complained about */
    ADMIN_SHOW_VARIABLES, /* and those below: what client programs send on their own */
    ADMIN_SHOW_NOTHING,   /* SHOW DATABASES, TABLES: none here */
    ADMIN_SELECT,         /* of constants: admin_select answers */
    ADMIN_IGNORE,         /* SET, USE, BEGIN, COMMIT …: an OK */
#define X(verb, written, text) ADMIN_DO_##verb,
    ADMIN_ACTIONS(X)
#undef X
};

enum { ADMIN_WORD_MAX = 128 };

struct admin_command {
    enum admin_verb verb;
    enum admin_topic topic;      /* of SHOW */
    char server[ADMIN_WORD_MAX]; /* of DRAIN, RESUME and their neighbours */
    char like[ADMIN_WORD_MAX];   /* of SHOW … LIKE; empty: all */
};

/* Any case, comments skipped, one `;` at the end. What is no command of the console, or has more
 * behind it than belongs there, is ADMIN_UNKNOWN. */
struct admin_command admin_command_parse(struct span sql);

/* The rows of SHOW HELP. */
void admin_command_help(struct admin_table *table);
/* One line that names them all, for an error. */
void admin_command_list(struct buf *out);

/* Who asks, for SELECT USER() and the like. */
struct admin_identity {
    const char *version;
    const char *user;
    uint32_t connection_id;
};
/* SELECT of variables (@@version_comment LIMIT 1) and functions (VERSION(), DATABASE()) that client
 * programs ask at the start. 0; -ENOENT: a variable that is not known here, its name in `unknown`;
 * -EINVAL: anything else. The table is empty then. */
int admin_select(struct span sql, const struct admin_identity *identity, struct admin_table *table,
                 char unknown[ADMIN_WORD_MAX]);
/* SHOW VARIABLES: the same variables. */
void admin_variables(const struct admin_identity *identity, struct admin_table *table);

#endif
