/* Who logs in, and whether the proof holds. The back half of a login is that of every command: a
 * server connection, which is logged in with what the proof revealed (proto/auth_native). Wrong or
 * unknown: the accounts are read again once before the client is refused, so a changed or new
 * account works without a restart. */
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/client_login.h"
#include "proxy/proto/capability.h"
#include "proxy/proto/command.h"
#include "proxy/worker.h"
#include "router/own_words.h"

static enum step deny(struct session *session)
{
    struct login_state *login = session->login;
    session->worker->counters.logins_failed++;
    return session_refuse(session, 1045, "28000",
                          "Access denied for user '%s'@'%s' (using password: %s)", login->user,
                          accounts_host_text(session->worker->accounts, session->peer),
                          login->proof_len ? "YES" : "NO");
}

static bool proof_holds(const struct session *session, const struct account *account,
                        uint8_t stage1[NATIVE_HASH_BYTES])
{
    const struct login_state *login = session->login;
    if (account->auth == ACCOUNT_NO_PASSWORD)
        return login->proof_len == 0;
    return account->auth == ACCOUNT_NATIVE && native_verify(span_of(login->proof, login->proof_len),
                                                            session->salt, account->stored, stage1);
}

static struct identity *make_identity(const struct session *session, const struct account *account,
                                      const uint8_t stage1[NATIVE_HASH_BYTES])
{
    /* The server calls an anonymous account ''@host in CURRENT_USER(), as it is stored. */
    struct identity *identity =
        identity_new(span_text(session->login->user), account->user, account->host);
    identity->has_password = account->auth == ACCOUNT_NATIVE;
    memcpy(identity->stage1, stage1, NATIVE_HASH_BYTES);
    identity->account_digest = account->digest;
    /* Options of the client that change what a server does for it; the rest is between client and
     * Causeway. CLIENT_INTERACTIVE picks the idle time-out. */
    identity->capabilities =
        session->capabilities &
        (CLIENT_LONG_PASSWORD | CLIENT_FOUND_ROWS | CLIENT_LONG_FLAG | CLIENT_NO_SCHEMA |
         CLIENT_ODBC | CLIENT_LOCAL_FILES | CLIENT_IGNORE_SPACE | CLIENT_INTERACTIVE |
         CLIENT_MULTI_STATEMENTS | CLIENT_CAN_HANDLE_EXPIRED_PASSWORDS | MARIADB_CLIENT_PROGRESS |
         MARIADB_CLIENT_STMT_BULK_OPERATIONS | MARIADB_CLIENT_EXTENDED_METADATA);
    identity->collation = session->login->collation;
    return identity;
}

/* What a COM_CHANGE_USER leaves of the session: its positions, nothing else. */
static void forget_session_state(struct session *session)
{
    session_release(session, &session->leader);
    session_release(session, &session->reader);
    session->running = NULL;
    session->trx = NULL;
    session->sticky = 0;
    session->holds = false;
    session->trx_lost = false;
    session->was_reset = false;
    session->status = SERVER_STATUS_AUTOCOMMIT;
    sessvars_reset(&session->vars);
    sessvars_set_schema(&session->vars, (struct span){0});
    statements_clear(&session->statements);
}

/* False: there are too many. */
static bool take_login_key(struct session *session)
{
    enum key_source source = session->worker->config->policy.key;
    const struct login_state *login = session->login;
    struct span name = {0};
    (void)session_name_key(session, name);
    if (source == KEY_USER)
        name = span_text(login->user);
    else if (source == KEY_ATTRIBUTE && login->key && strlen(login->key) <= OWN_KEY_MAX_BYTES)
        name = span_text(login->key);
    return session_name_login_key(session, source, name);
}

enum step step_login_verify(struct session *session)
{
    struct login_state *login = session->login;
    struct worker *worker = session->worker;
    uint8_t stage1[NATIVE_HASH_BYTES] = {0};
    const struct account *account =
        accounts_match(worker->accounts, span_text(login->user), session->peer);
    bool holds = account && proof_holds(session, account, stage1);
    if (!holds && !login->reread) {
        login->reread = true;
        list_append(&worker->account_waiters, &session->wait_node);
        session_enter(session, SESSION_LOGIN_ACCOUNTS);
        session_arm(session, worker->config->login_timeout_ms);
        worker->requests.reread_accounts(worker->requests.context);
        return STEP_WAIT;
    }
    session_disarm(session);
    if (account && account->auth == ACCOUNT_UNSUPPORTED)
        session_log(session, LOG_LEVEL_WARN,
                    "account '%s'@'%s' uses plugin %s, which Causeway can't log in for; refusing",
                    account->user, account->host, account->plugin);
    if (!holds)
        return deny(session);
    if (account->locked)
        return session_refuse(session, 4151, "HY000", "Access denied, this account is locked");
    if (account->requires_tls)
        return deny(session);
    if (login->changes_user)
        forget_session_state(session);
    login->replaces = true;
    identity_unref(session->identity);
    session->identity = make_identity(session, account, stage1);
    memory_wipe(stage1, sizeof(stage1));
    session->collation = login->collation;
    session->single_statements = !(session->capabilities & CLIENT_MULTI_STATEMENTS);
    sessvars_set_login_collation(&session->vars, login->collation);
    if (login->schema)
        sessvars_set_schema(&session->vars, span_text(login->schema));
    if (!take_login_key(session))
        return session_refuse(session, 1040, "08004", "Too many keys are in use (max_keys)");
    session->command = (struct command){.code = COM_CONNECT,
                                        .forced = -1,
                                        .consistency = -1,
                                        .repeatable = true,
                                        .len = session->command.len};
    session_enter(session, SESSION_ROUTE);
    return STEP_MORE;
}
