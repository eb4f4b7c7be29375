/* Who a server connection is logged in as: account, secret, and the negotiated options that a
 * connection can't change later. Shared by reference within one worker. */
#ifndef CAUSEWAY_PROXY_IDENTITY_H
#define CAUSEWAY_PROXY_IDENTITY_H

#include "proxy/base/buf.h"
#include "router/accounts.h"

struct identity {
    unsigned references;
    char *user;
    char *account_user; /* the account that the client matched: user and host as in mysql.user; */
    char *account_host; /* NULL for the service account, where nobody checks */
    struct auth_secret secret; /* wiped with the last reference */
    bool relayed;     /* without a secret: the client answers the servers, while it logs in */
    bool vouched;     /* a server judged the client, and the secret is no more than proxy.ini's */
    char *tls_cipher; /* the only one that the account may use (REQUIRE CIPHER), or NULL: any */
    char *address;    /* that the servers are told with a PROXY header: the client's; NULL: none */
    bool counted;     /* the server limits this account's connections: none is kept for later */
    uint64_t account_digest;
    uint64_t capabilities; /* what the server connection asks for */
    uint16_t collation;
    struct buf attributes; /* of the connections that it opens: attributes.h; empty: none */
};

/* One reference. Texts are copied; account_* may be NULL. */
struct identity *identity_new(struct span user, const char *account_user, const char *account_host);
struct identity *identity_ref(struct identity *identity);
void identity_unref(struct identity *identity);

/* True when a connection may be kept for another session: of an account that a client has proven to
 * be, without a limit of connections that idle ones would count against. */
bool identity_pooled(const struct identity *identity);

/* True when a connection of `a` serves a session of `b` after a reset. */
bool identity_equal(const struct identity *a, const struct identity *b);

/* True while the account that it was made from is still there, unchanged. */
bool identity_stands(const struct identity *identity, const struct accounts *accounts);

#endif
