/* The accounts of the cluster as its servers have them, and which one a login matches: an immutable
 * snapshot with a reference count. Matching follows server source sql/sql_acl.cc (acl_users sorted
 * by how specific the host is, then named before anonymous; the first that fits decides). */
#ifndef CAUSEWAY_ROUTER_ACCOUNTS_H
#define CAUSEWAY_ROUTER_ACCOUNTS_H

#include "proxy/base/bytes.h"

#include <stdatomic.h>
#include <sys/socket.h>

enum { ACCOUNT_HASH_BYTES = 20 };

enum account_auth {
    ACCOUNT_NATIVE,      /* mysql_native_password with a hash */
    ACCOUNT_NO_PASSWORD, /* mysql_native_password without one */
    ACCOUNT_UNSUPPORTED, /* another plugin, or no usable hash: Causeway can't log in for it */
};

struct account {
    char *user; /* "" is anonymous */
    char *host; /* pattern: %, _, an address, address/netmask, a name */
    char *plugin;
    enum account_auth auth;
    uint8_t stored[ACCOUNT_HASH_BYTES];
    bool locked;
    bool requires_tls; /* REQUIRE SSL, X509 … */
    bool is_role;      /* roles never match a login */
    uint64_t digest;   /* changes whenever anything of the account does */
};

struct accounts {
    atomic_uint references;
    uint64_t generation; /* grows with every reread */
    bool name_resolve;   /* servers resolve names: 127.0.0.1 and ::1 are also `localhost` */
    size_t count;
    struct account *list; /* sorted by accounts_finish() */
};

struct accounts *accounts_new(void); /* empty, one reference */
/* Adds a copy of `account` (its strings are copied). */
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

/* The host text of a server's 1045 message for that address ("localhost" or the address). */
const char *accounts_host_text(const struct accounts *accounts, const char *address);

/* From a row of the servers' tables: plugin, hash text (authentication_string), alternatives
 * (auth_or, JSON text, empty when there are none) -> auth, stored, plugin (malloc'd, a former one
 * is freed; the caller frees it), digest. user, host and the flags must be set before: they are
 * part of the digest. Alternatives are looked through for the first that Causeway can log in with.
 * -EINVAL: auth_or is not JSON; the account is then ACCOUNT_UNSUPPORTED. */
int account_fill(struct account *account, struct span plugin, struct span hash,
                 struct span auth_or_json);

#endif
