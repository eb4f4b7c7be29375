/* Who a server connection is logged in as: see identity.h. */
#include "proxy/identity.h"

#include "proxy/base/memory.h"

#include <stdlib.h>

struct identity *identity_new(struct span user, const char *account_user, const char *account_host)
{
    struct identity *identity = memory_zalloc(sizeof(*identity));
    identity->references = 1;
    identity->user = memory_strndup(user.data, user.len);
    identity->account_user = account_user ? memory_strdup(account_user) : NULL;
    identity->account_host = account_host ? memory_strdup(account_host) : NULL;
    return identity;
}

struct identity *identity_ref(struct identity *identity)
{
    identity->references++;
    return identity;
}

void identity_unref(struct identity *identity)
{
    if (!identity || --identity->references > 0)
        return;
    auth_secret_free(&identity->secret);
    free(identity->user);
    free(identity->account_user);
    free(identity->account_host);
    buf_free(&identity->attributes);
    free(identity->address);
    free(identity->tls_cipher);
    free(identity);
}

bool identity_pooled(const struct identity *identity)
{
    return identity->account_user && !identity->counted && !identity->relayed && !identity->vouched;
}

static bool text_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool identity_equal(const struct identity *a, const struct identity *b)
{
    if (a == b)
        return true;
    return !a->relayed && !b->relayed && !a->vouched && !b->vouched &&
           strcmp(a->user, b->user) == 0 && a->account_digest == b->account_digest &&
           a->capabilities == b->capabilities && a->collation == b->collation &&
           auth_secret_equal(&a->secret, &b->secret) &&
           text_equal(a->account_user, b->account_user) &&
           text_equal(a->account_host, b->account_host) && text_equal(a->address, b->address);
}

bool identity_stands(const struct identity *identity, const struct accounts *accounts)
{
    for (size_t i = 0; i < accounts->count; i++) {
        const struct account *account = &accounts->list[i];
        if (account->digest == identity->account_digest &&
            strcmp(account->user, identity->account_user) == 0 &&
            strcmp(account->host, identity->account_host) == 0)
            return true;
    }
    return false;
}
