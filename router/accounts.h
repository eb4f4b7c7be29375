/* The accounts of the cluster as its servers have them, and which one a login matches: an immutable
 * snapshot with a reference count. Matching follows server source sql/sql_acl.cc (acl_users sorted
 * by how specific the host is, then named before anonymous; the first that fits decides). */
#ifndef CAUSEWAY_ROUTER_ACCOUNTS_H
#define CAUSEWAY_ROUTER_ACCOUNTS_H

#include "proxy/proto/auth_plugin.h"

#include <stdatomic.h>
#include <sys/socket.h>

/* One way to log in to an account: an account may have alternatives (IDENTIFIED VIA a OR b). */
struct account_way {
    char *name; /* the plugin, as the account names it */
    const struct auth_plugin
        *plugin; /* NULL: not one that Causeway can check and make proofs for */
    bool usable; /* false: what is stored fits no proof ("invalid") */
    uint8_t stored[AUTH_STORED_MAX_BYTES];
};

/* REQUIRE of an account, in the order of ssl_type in mysql.global_priv. */
enum account_tls {
    ACCOUNT_TLS_NONE,
    ACCOUNT_TLS_ANY,       /* REQUIRE SSL */
    ACCOUNT_TLS_X509,      /* a certificate that holds */
    ACCOUNT_TLS_SPECIFIED, /* what is not empty of cipher, issuer, subject */
};

struct account {
    char *user; /* "" is anonymous */
    char *host; /* pattern: %, _, an address, address/netmask, a name */
    size_t way_count;
    struct account_way *ways; /* in the order in which the server tries them */
    bool locked;
    bool is_role; /* roles never match a login */
    bool limited; /* MAX_USER_CONNECTIONS: the server counts its connections */
    enum account_tls tls;
    char *tls_cipher;  /* with ACCOUNT_TLS_SPECIFIED; NULL or "": any */
    char *tls_issuer;  /* as X509_NAME_oneline writes it */
    char *tls_subject; /* likewise */
    uint64_t digest; /* changes whenever anything of the account does, its global rights among it */
};

struct accounts {
    atomic_uint references;
    uint64_t generation; /* grows with every reread */
    /* Statements of clients that may have changed accounts: so many were through when this was
     * last found to hold, or when no server could be asked. Grows. */
    atomic_uint_fast64_t changes;
    bool name_resolve; /* servers resolve names: 127.0.0.1 and ::1 are also `localhost` */
    size_t count;
    struct account *list; /* sorted by accounts_finish() */
};

struct accounts *accounts_new(void); /* empty, one reference */
/* Adds a copy of `account` (its strings and ways are copied). */
void accounts_add(struct accounts *accounts, const struct account *account);
/* Sorts: most specific first. Then it is immutable. */
void accounts_finish(struct accounts *accounts);
struct accounts *accounts_ref(struct accounts *accounts);
void accounts_unref(struct accounts *accounts);

/* The account that `user` from `address` (numeric text, or "localhost" for a unix socket) is
 * matched to, or NULL. Host patterns are compared with the address, and with `localhost` where the
 * address is a loopback one and name_resolve is set (other names are not looked up). */
const struct account *accounts_match(const struct accounts *accounts, struct span user,
                                     const char *address);

/* Some account that a login as an unknown user is treated like until it is refused, so that it is
 * asked what known ones are; the same one for the same name. NULL: there is none. */
const struct account *accounts_stand_in(const struct accounts *accounts, struct span user);

/* The host text of a server's 1045 message for that address ("localhost" or the address). */
const char *accounts_host_text(const struct accounts *accounts, const char *address);

/* From a row of the servers' tables: plugin, hash text (authentication_string), alternatives
 * (auth_or, JSON text, empty when there are none) -> ways and digest, which account_clear() frees.
 * user, host and the flags must be set before: they are part of the digest. -EINVAL: auth_or is
 * not JSON; the account then has no way. */
int account_fill(struct account *account, struct span plugin, struct span hash,
                 struct span auth_or_json);
/* What else a server reads of an account when it logs in, such as its default role: changes the
 * digest. After account_fill(). */
void account_add_digest(struct account *account, struct span rest);
/* Frees the ways. */
void account_clear(struct account *account);

#endif
