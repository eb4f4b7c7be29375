/* proxy.ini as one immutable structure with a reference count. docs/CONFIG.md and the proxy.ini of
 * the repository explain every key. */
#ifndef CAUSEWAY_PROXY_CONFIG_H
#define CAUSEWAY_PROXY_CONFIG_H

#include "router/policy.h"
#include "router/rules.h"

#include <stdatomic.h>
#include <stdio.h>

struct listen_address {
    char *text; /* 127.0.0.1:4006, [::1]:4006, unix:/path */
};

struct config_server {
    char *name;
    char *address;
    uint32_t weight;
    int promotable; /* enum promotable */
};

/* How Causeway logs in to the servers as a user whose proof reveals nothing that a server takes. */
struct config_user {
    char *name;
    char *password;      /* from whichever key */
    char *password_file; /* as written, or NULL */
    char *password_env;  /* as written, or NULL */
    char *server_cert;   /* shown to the servers in this user's place; as written, or NULL */
    char *server_key;
    struct tls_context *context; /* from these files; NULL: that of [cluster] */
};

struct tls_context;

/* tls = off | optional | required */
enum tls_mode { TLS_OFF, TLS_OPTIONAL, TLS_REQUIRED };

/* server_tls = off | required | verify */
enum server_tls_mode { SERVER_TLS_OFF, SERVER_TLS_REQUIRED, SERVER_TLS_VERIFY };

struct config {
    atomic_uint references;
    char *path;

    size_t listen_count; /* [proxy] */
    struct listen_address *listen;
    uint32_t threads; /* `auto` is resolved here */
    uint32_t max_clients;
    char *console; /* address, or NULL: no console */
    char *console_user;
    char *console_password;      /* from either key; may be NULL with a unix socket */
    char *console_password_file; /* as written, or NULL */
    char *http;                  /* address, or NULL: no metrics over HTTP */
    int log_level;               /* enum log_level */
    uint32_t login_timeout_ms;
    uint32_t drain_ms;
    uint32_t idle_server_timeout_ms; /* a pooled server connection unused for so long is closed */
    int tls;                         /* enum tls_mode: of clients */
    char *tls_cert;                  /* as written, or NULL */
    char *tls_key;
    char *tls_ca;
    int io_uring;                   /* 0 or 1: workers send in batches where the kernel lets them */
    char *proxy_protocol_from;      /* networks of proto/proxy_header.h, or NULL: nobody */
    struct tls_context *client_tls; /* from these files; NULL with TLS_OFF */

    char *cluster_user; /* [cluster] */
    char *cluster_password;
    char *cluster_password_file; /* as written, or NULL */
    uint32_t probe_interval_ms;
    uint32_t connect_timeout_ms; /* to a server, login included */
    uint32_t log_server_id;      /* that the leader's log is followed with; 0: derived */
    int failover;                /* enum failover_mode */
    uint32_t failover_after_ms;  /* of silence, until the leader is lost */
    int fence;                   /* 0: optional, 1: required */
    char *fence_command;         /* or NULL */
    int quorum;                  /* 0: one server's lock is enough to act */
    uint32_t switchover_timeout_ms;
    uint32_t auto_increment_gap;
    char *state_dir;        /* as written, or NULL: nothing is kept */
    char *state_path;       /* of it, beside proxy.ini */
    char *replication_user; /* or NULL: the service account */
    char *replication_password;
    char *replication_password_file; /* as written, or NULL */
    int server_tls;                  /* enum server_tls_mode */
    int server_compression;          /* 0 or 1: server connections are compressed */
    int send_proxy_protocol;         /* 0 or 1: servers are told the clients' addresses */
    char *server_ca;                 /* as written, or NULL */
    char *server_cert;
    char *server_key;
    char *server_paths[3]; /* of these files, beside proxy.ini, in the order of enum tls_file */
    struct tls_context *server_context; /* from these files; NULL with SERVER_TLS_OFF */

    size_t server_count; /* [server:NAME] */
    struct config_server *servers;

    size_t user_count; /* [user:NAME] */
    struct config_user *users;

    struct policy policy;   /* [routing] */
    struct rule_set *rules; /* [rule:NAME] */
};

/* Errors are collected, not only the first: one line each, "proxy.ini:12: unknown key `lisen` in
 * [proxy]; did you mean `listen`?", in the order of the file. No secret is ever part of one. */
struct config_errors {
    size_t count;
    char **lines;
};

/* Reads the file. NULL when there was any error. One reference. `errors` is filled in either way
 * and freed by the caller. One thread at a time (the ini library has settings of its own). */
struct config *config_load(const char *path, struct config_errors *errors);
void config_errors_free(struct config_errors *errors);
struct config *config_ref(struct config *config);
void config_unref(struct config *config);

/* The section of that user, or NULL. */
const struct config_user *config_user_find(const struct config *config, const char *name);

/* One row a key: section, key, value as text, for the console. Passwords show as "***". */
typedef void (*config_row)(const char *section, const char *key, const char *value, void *context);
void config_each(const struct config *config, config_row row, void *context);

/* What a reload can't change without a restart (listen, threads, console): the names of the keys
 * that differ, comma separated into `out`; empty when none do. */
void config_restart_keys(const struct config *old, const struct config *new, char *out,
                         size_t size);

#endif
