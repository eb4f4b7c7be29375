/* Logins passed on to the servers: see client_relay.h.
 *
 *   server: AuthSwitch -> client;  client: answer -> server;  … until the server's OK or ERR
 *
 * first with the leader, then with one follower, for clients that are known to answer a second
 * AuthSwitch (measured with MariaDB Connector/C; others take it for the end of their login). */
#include "proxy/client_relay.h"

#include "proxy/backend_login.h"
#include "proxy/base/memory.h"
#include "proxy/client_login.h"
#include "proxy/client_tls.h"
#include "proxy/net/tls.h"
#include "proxy/worker.h"

#include <stdlib.h>

/* Plugins whose answer is a proof; that of any other may be the password itself. */
static bool is_proof(struct span plugin)
{
    const struct auth_plugin *known = auth_plugin_of_client(plugin);
    return known && !known->full && !known->takes_password;
}

/* What the server asks for now; false: it can't be passed on, and the connection has failed. */
static bool may_pass(struct session *session, struct backend *backend, struct span payload)
{
    struct login_state *login = session->login;
    struct auth_switch request = {0};
    bool switches = payload.len > 0 && payload.data[0] == 0xfe;
    if (switches && auth_switch_parse(payload, &request)) {
        backend_fail(backend, 2027, "HY000", "malformed authentication switch");
        return false;
    }
    if (switches)
        login->relays_proof = is_proof(request.plugin);
    if (login->relays_proof || (client_tls_is_private(session) && backend_is_private(backend)))
        return true;
    backend_fail(backend, 1045, "28000",
                 "Access denied for user '%.128s': its plugin may send the password as it is, and "
                 "the connection %s is not encrypted",
                 login->user, client_tls_is_private(session) ? "to the server" : "to Causeway");
    return false;
}

void client_relay_ask(struct backend *backend, struct span payload)
{
    struct session *session = backend->owner;
    struct login_state *login = session->login;
    if (!login) {
        backend_fail(backend, 1045, "28000", "it can't log in again without its client");
        return;
    }
    if (!may_pass(session, backend, payload))
        return;
    bool asks = !login_notice(payload);
    struct buf out = {0};
    size_t begin = packet_begin(&out);
    buf_append_span(&out, payload);
    packet_end(&out, begin, login->seq);
    login->seq = (uint8_t)(login->seq + (asks ? 2 : 1));
    if (asks) {
        session_enter(session, SESSION_LOGIN_RELAY);
        session_arm(session, session->worker->config->login_timeout_ms);
    }
    session_send(session, buf_span(&out));
    buf_free(&out);
}

enum step step_login_relay(struct session *session)
{
    struct span payload;
    int found = client_login_peek_answer(session, &payload);
    if (found <= 0)
        return STEP_WAIT;
    session_disarm(session);
    session_enter(session, SESSION_WAIT_SERVER);
    backend_answer(session->running, payload);
    if (session->state != SESSION_CLOSED)
        stream_consume(&session->client, PACKET_HEADER_BYTES + payload.len);
    return STEP_WAIT;
}

void client_relay_end(struct session *session)
{
    struct identity *identity = session->identity;
    if (!identity->relayed || !identity->secret.password)
        return;
    identity->relayed = false;
    identity->vouched = true;
}

bool client_relay_opens_reader(struct session *session)
{
    struct login_state *login = session->login;
    if (!session->identity->relayed || !login->answers_again || login->reader_tried ||
        !session->leader)
        return false;
    login->reader_tried = true;
    int reader = session_pick_reader(session);
    if (reader < 0)
        return false;
    session->command.target = reader;
    session_enter(session, SESSION_ATTACH);
    return true;
}
