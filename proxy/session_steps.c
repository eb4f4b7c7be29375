/* What a session does: read this first.
 *
 *   LOGIN_RESPONSE -> (LOGIN_SWITCH) -> LOGIN_VERIFY <-> (LOGIN_ACCOUNTS)
 *                                            |
 *        +-----------------------------------+  (the login ends like a command: with a connection)
 *        v
 *      ROUTE <-> (WAIT_BOUND, WAIT_SHOWN, WAIT_POSITION, WAIT_LEADER)
 *        |  ^ the server failed, nothing is lost: elsewhere
 *        v  |
 *     ATTACH <-> (WAIT_PLACE, WAIT_SERVER, LOGIN_RELAY)
 *        |
 *     PRELUDE -> (WAIT_PRELUDE)
 *        |
 *      SEND -> (SEND_REST) -> RELAY <-> (INFILE)
 *        ^                      |
 *     COMMAND <-----------------+          (DISCARD: what is left of a long command that was
 * refused)
 *     WAIT_ERRAND <-> COMMAND               (a KILL of the last command is still with its server)
 *
 * Every step returns MORE (go on with the state it entered) or WAIT (an event will run the session
 * again: bytes of the client or of a server, a position, a leader, accounts, the timer). */
#include "proxy/session.h"

#include "proxy/base/log.h"
#include "proxy/lend.h"
#include "proxy/proto/command.h"
#include "proxy/proto/reply.h"
#include "proxy/worker.h"

#include <assert.h>
#include <stdio.h>

static enum step step_wait(struct session *session)
{
    (void)session;
    return STEP_WAIT;
}

static const struct {
    const char *name;
    enum step (*step)(struct session *session);
} steps[] = {
#define X(state, step) [SESSION_##state] = {#state, step_##step},
    SESSION_STATES(X)
#undef X
};

const char *session_state_name(enum session_state state)
{
    return steps[state].name;
}

void session_enter(struct session *session, enum session_state state)
{
    assert(session->state != SESSION_CLOSED);
    session->state = state;
}

void session_run(struct session *session)
{
    while (session->state != SESSION_CLOSED && steps[session->state].step(session) == STEP_MORE)
        ;
}

/* --- waiting --- */

void session_arm(struct session *session, uint32_t timeout_ms)
{
    session_disarm(session);
    ev_timer_set(&session->timer, timeout_ms / 1000., 0.);
    ev_timer_start(session->worker->loop, &session->timer);
}

void session_disarm(struct session *session)
{
    ev_timer_stop(session->worker->loop, &session->timer);
}

void session_wake(struct session *session, enum session_state next)
{
    session_disarm(session);
    list_remove(&session->wait_node);
    session_enter(session, next);
    session_run(session);
}

void session_on_timer(struct session *session)
{
    struct command *command = &session->command;
    switch (session->state) {
    case SESSION_WAIT_BOUND:
        bound_forget(&session->bound_waiter);
        command->bound_failed = true;
        session_wake(session, SESSION_ROUTE);
        break;
    case SESSION_WAIT_SHOWN:
        bound_forget(&session->bound_waiter);
        command->shown_failed = true;
        session_wake(session, SESSION_ROUTE);
        break;
    case SESSION_WAIT_POSITION:
        session->worker->counters.causal_timeouts++;
        command->waited = true;
        session_wake(session, SESSION_ROUTE);
        break;
    case SESSION_WAIT_LEADER:
        list_remove(&session->wait_node);
        if (command->of_replica) { /* it takes an error for the last word, but connects again */
            session_close(session, "a replica, and there is no leader");
            break;
        }
        session_refuse(session, 1290, "HY000",
                       "Causeway has no leader for this statement (waited leader_wait = %u ms): "
                       "the cluster is read-only for now",
                       session->worker->config->policy.leader_wait_ms);
        session_run(session);
        break;
    case SESSION_WAIT_PLACE: lend_timed_out(session); break;
    case SESSION_LOGIN_RESPONSE:
    case SESSION_LOGIN_SWITCH:
    case SESSION_LOGIN_RELAY:
    case SESSION_LOGIN_ACCOUNTS:
        session_log(session, LOG_LEVEL_INFO, "no login within login_timeout; closing");
        session_close(session, "login_timeout");
        break;
    default: break;
    }
}

/* --- the end of a command --- */

enum step session_finish_command(struct session *session)
{
    if (session->state == SESSION_CLOSED)
        return STEP_WAIT;
    stream_consume(&session->client, session->command.len);
    session->command.len = 0;
    session_forget_command_key(session);
    session_disarm(session);
    if (session->command.kills_itself) {
        session_close(session, "killed by itself");
        return STEP_WAIT;
    }
    if (session->errands_due > 0) {
        /* The KILL must not hit the next command. */
        session_enter(session, SESSION_WAIT_ERRAND);
        return STEP_WAIT;
    }
    session_enter(session, SESSION_COMMAND);
    lend_offer(session);
    if (!session->client_ended && session->client.paused)
        stream_resume(&session->client);
    return STEP_MORE;
}

static enum step answer(struct session *session, struct buf *out)
{
    bool sent = session_send(session, buf_span(out));
    buf_free(out);
    return sent ? session_finish_command(session) : STEP_WAIT;
}

/* The answer, if there is one, waits until the rest of a long command was read: its number follows
 * that of the last packet. */
static enum step discard_first(struct session *session, const struct buf *refusal)
{
    struct command *command = &session->command;
    buf_free(&session->refusal);
    session->refusal = *refusal;
    stream_consume(&session->client, command->len);
    command->len = 0;
    session_disarm(session);
    session_enter(session, SESSION_DISCARD);
    if (!session->client_ended && session->client.paused)
        stream_resume(&session->client);
    return STEP_MORE;
}

enum step session_refuse(struct session *session, uint16_t code, const char *sqlstate,
                         const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    session_log(session, LOG_LEVEL_INFO, "refused with %u: %s", code, text);
    struct buf out = {0};
    if (session->command.code == COM_STMT_SEND_LONG_DATA)
        /* It has no reply: the EXECUTE will find that its parameters were lost. */
        return session->command.streamed ? discard_first(session, &out)
                                         : session_finish_command(session);
    bool login = session->command.code == COM_CONNECT;
    err_build(&out, login ? client_auth_seq(session) : 1, code, sqlstate, span_text(text));
    if (session->command.streamed)
        return discard_first(session, &out);
    bool ends = login && !client_auth_refused(session);
    enum step step = answer(session, &out);
    if (ends)
        session_close(session, text);
    return ends ? STEP_WAIT : step;
}

enum step session_accept(struct session *session)
{
    struct ok_reply ok = {.status = session->status};
    struct buf out = {0};
    ok_build(&out, 1, &ok, session->capabilities);
    return answer(session, &out);
}
