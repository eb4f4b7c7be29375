/* TLS in a client's login: see client_tls.h. */
#include "proxy/client_tls.h"

#include "proxy/client_login.h"
#include "proxy/net/tls.h"
#include "proxy/proto/capability.h"
#include "proxy/worker.h"

uint64_t client_tls_offer(const struct session *session)
{
    return session->worker->config->client_tls ? CLIENT_SSL : 0;
}

bool client_tls_start(struct session *session, size_t packet_len)
{
    struct tls_context *context = session->worker->config->client_tls;
    if (!context || stream_is_tls(&session->client))
        return false;
    /* What the client has sent behind the request is taken for the handshake, never for a login. */
    stream_consume(&session->client, packet_len);
    tls_accept(&session->client, context);
    return true;
}

bool client_tls_is_private(const struct session *session)
{
    return stream_is_tls(&session->client) || strcmp(session->peer, "localhost") == 0;
}

bool client_tls_missing(const struct session *session)
{
    return session->worker->config->tls == TLS_REQUIRED && !client_tls_is_private(session);
}

static bool specified_satisfied(const struct stream *client, const struct account *account)
{
    if (account->tls_cipher[0] && strcmp(account->tls_cipher, tls_cipher(client)) != 0)
        return false;
    bool named = account->tls_issuer[0] || account->tls_subject[0];
    if (named && !tls_peer_verified(client))
        return false;
    if (account->tls_issuer[0] && !tls_peer_issuer_is(client, account->tls_issuer))
        return false;
    return !account->tls_subject[0] || tls_peer_subject_is(client, account->tls_subject);
}

bool client_tls_satisfies(const struct session *session, const struct account *account)
{
    const struct stream *client = &session->client;
    if (account->tls == ACCOUNT_TLS_NONE)
        return true;
    if (!stream_is_tls(client))
        return false;
    switch (account->tls) {
    case ACCOUNT_TLS_X509: return tls_peer_verified(client);
    case ACCOUNT_TLS_SPECIFIED: return specified_satisfied(client, account);
    case ACCOUNT_TLS_NONE:
    case ACCOUNT_TLS_ANY: break;
    }
    return true;
}

const char *client_tls_hindrance(const struct session *session, const struct account *account)
{
    const struct config *config = session->worker->config;
    const struct config_user *user = config_user_find(config, session->login->user);
    bool certificate =
        account->tls == ACCOUNT_TLS_X509 || (account->tls == ACCOUNT_TLS_SPECIFIED &&
                                             (account->tls_issuer[0] || account->tls_subject[0]));
    if (account->tls == ACCOUNT_TLS_NONE)
        return NULL;
    if (config->server_tls == SERVER_TLS_OFF)
        return "requires TLS of its server connections too, and server_tls of proxy.ini is off";
    if (certificate && !(user && user->context) && !config->server_cert)
        return "requires a certificate of its server connections too: server_cert and server_key "
               "of its [user:NAME] section in proxy.ini";
    return NULL;
}
