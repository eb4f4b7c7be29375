/* Who logs in, and whether the proof holds. The back half of a login is that of every command: a
 * server connection, which is logged in with what the proof revealed (proto/auth_plugin). Wrong or
 * unknown: the accounts are read again once before the client is refused, so a changed or new
 * account works without a restart. */
#include "proxy/attributes.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/client_login.h"
#include "proxy/client_tls.h"
#include "proxy/passwords.h"
#include "proxy/proto/capability.h"
#include "proxy/proto/command.h"
#include "proxy/session_accounts.h"
#include "proxy/worker.h"
#include "router/own_words.h"

#include <strings.h>

enum password_used { PASSWORD_NO, PASSWORD_YES, PASSWORD_NOT_SAID };

/* What a server says of the password after the account's ways were all tried (measured): each way
 * may have the next word on it. */
static enum password_used password_used(const struct login_state *login,
                                        const struct account *account)
{
    enum password_used used = PASSWORD_NO;
    for (size_t i = 0; i < account->way_count; i++) {
        const struct account_way *way = &account->ways[i];
        const struct login_answer *answer =
            way->plugin ? client_login_answer(login, way->plugin) : NULL;
        if (!way->plugin && strcasecmp(way->name, "unix_socket") == 0)
            used = PASSWORD_NOT_SAID;
        else if (answer && (answer->len > 0 || !way->plugin->counts_empty))
            used = PASSWORD_YES;
    }
    return used;
}

/* The account, for an unknown user one that it is treated like; NULL: there is none. */
static const struct account *account_to_judge(const struct session *session,
                                              const struct account *account)
{
    return account ? account
                   : accounts_stand_in(session->worker->accounts, span_text(session->login->user));
}

/* A server would ask for the password, encrypted with a key of its own: Causeway has none. */
static enum step deny_hidden(struct session *session)
{
    const char *host = accounts_host_text(session->worker->accounts, session->peer);
    session->worker->counters.logins_failed++;
    return session_refuse(session, 1045, "28000",
                          "Access denied for user '%s'@'%s': its plugin takes the password itself, "
                          "and the connection to Causeway is not encrypted",
                          session->login->user, host);
}

/* A server speaks of an old password where that is the last way that it tried (measured). */
static bool ends_with_old_password(const struct account *account, enum password_used used)
{
    const struct account_way *last =
        account && account->way_count > 0 ? &account->ways[account->way_count - 1] : NULL;
    return last && strcasecmp(last->name, "mysql_old_password") == 0 &&
           (account->way_count == 1 || used == PASSWORD_YES);
}

static enum step deny(struct session *session, const struct account *matched)
{
    struct login_state *login = session->login;
    if (login->hidden)
        return deny_hidden(session);
    const struct account *account = account_to_judge(session, matched);
    const char *host = accounts_host_text(session->worker->accounts, session->peer);
    enum password_used used = account ? password_used(login, account) : PASSWORD_NO;
    session->worker->counters.logins_failed++;
    if (ends_with_old_password(matched, used))
        return session_refuse(session, 1275, "HY000",
                              "Server is running in --secure-auth mode, but '%s'@'%s' has a "
                              "password in the old format; please change the password to the new "
                              "format",
                              login->user, host);
    if (used == PASSWORD_NOT_SAID)
        return session_refuse(session, 1698, "28000", "Access denied for user '%s'@'%s'",
                              login->user, host);
    return session_refuse(session, 1045, "28000",
                          "Access denied for user '%s'@'%s' (using password: %s)", login->user,
                          host, used == PASSWORD_YES ? "YES" : "NO");
}

/* With the words of a server, which don't tell why (measured, with require_secure_transport and
 * with REQUIRE): the log does. */
static enum step deny_transport(struct session *session, const struct account *account)
{
    session_log(session, LOG_LEVEL_INFO, "refusing: %s",
                client_tls_missing(session)
                    ? "tls = required, and the client came without TLS"
                    : "the connection is not what its account requires (REQUIRE SSL, X509 …)");
    return deny(session, account);
}

/* The password that proxy.ini holds for logging in to the servers as this user. */
static void add_configured_secret(const struct session *session, struct auth_secret *secret)
{
    const struct config_user *user =
        config_user_find(session->worker->config, session->login->user);
    if (user && user->password && !secret->password)
        auth_secret_set_password(secret, span_text(user->password));
}

static struct identity *make_identity(const struct session *session, const struct account *account,
                                      const struct auth_plugin *plugin,
                                      const struct auth_secret *secret)
{
    /* The server calls an anonymous account ''@host in CURRENT_USER(), as it is stored. */
    struct identity *identity =
        identity_new(span_text(session->login->user), account->user, account->host);
    auth_secret_copy(&identity->secret, secret);
    identity->relayed = !plugin;
    if (!plugin || !plugin->renews)
        add_configured_secret(session, &identity->secret);
    if (session->worker->config->send_proxy_protocol)
        identity->address = memory_strdup(session->peer);
    identity->counted = account->limited;
    if (account->tls == ACCOUNT_TLS_SPECIFIED && account->tls_cipher[0])
        identity->tls_cipher = memory_strdup(account->tls_cipher);
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
    attributes_build(&identity->attributes, buf_span(&session->login->attributes), session->id,
                     session->peer);
    return identity;
}

static void forget_but_variables(struct session *session)
{
    session->running = NULL;
    session->trx = NULL;
    session->sticky = 0;
    held_free(&session->held);
    session->trx_lost = false;
    session->was_reset = false;
    session->status = SERVER_STATUS_AUTOCOMMIT;
    user_vars_free(&session->user_vars);
    statements_clear(&session->statements);
    keep_forget(session);
}

/* What a COM_CHANGE_USER leaves of the session: its positions, nothing else. */
static void forget_session_state(struct session *session)
{
    session_release(session, &session->leader);
    session_release(session, &session->reader);
    forget_but_variables(session);
    sessvars_forget(&session->vars);
}

/* What a refusal by the server, of the schema say, is to leave. */
static void keep_former(struct session *session)
{
    struct login_state *login = session->login;
    login->former = identity_ref(session->identity);
    if (session->vars.schema)
        login->former_schema = memory_strdup(session->vars.schema);
    if (session->vars.role)
        login->former_role = memory_strdup(session->vars.role);
    login->former_collation = session->collation;
}

static void restore_former(struct session *session)
{
    struct login_state *login = session->login;
    forget_session_state(session);
    identity_unref(session->identity);
    session->identity = login->former;
    login->former = NULL;
    session->collation = login->former_collation;
    if (login->former_schema) {
        sessvars_set_schema(&session->vars, span_text(login->former_schema));
        session->vars.bare_schema = true;
    }
    if (login->former_role)
        sessvars_set_role(&session->vars, span_text(login->former_role));
}

/* What is open on the server ends at once, unless the connection can't be replaced or has a role
 * yet to be asked for: then it ends with the next statement. */
static void begin_anew(struct session *session)
{
    struct backend **places[] = {&session->leader, &session->reader};
    bool open = (session->trx || session->sticky) && !(session->vars.asks & SESSVARS_ASK_ROLE);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct backend *backend = *places[i];
        if (open && identity_pooled(session->identity)) {
            session_release(session, places[i]);
        } else if (backend) {
            backend->needs_reset = true;
            backend->vars_version = 0;
        }
    }
    forget_but_variables(session);
    sessvars_reset(&session->vars);
}

void client_login_undo(struct session *session)
{
    if (session->login && session->login->replaces)
        restore_former(session);
    else
        begin_anew(session);
    session->was_reset = true;
    sessvars_set_login_collation(&session->vars, session->collation);
    (void)session_name_key(session, (struct span){0}); /* a user variable like others */
}

bool client_login_take_key(struct session *session)
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

/* What the answers so far say about an account. */
struct verdict {
    enum { VERDICT_DENIED, VERDICT_ASKS, VERDICT_RELAYS, VERDICT_HOLDS } kind;
    const struct auth_plugin *plugin; /* that the client must be asked for, or that it proved */
    struct auth_secret secret;        /* what the proof revealed */
};

/* A way whose proof says nothing that a server takes, nor does proxy.ini; and one that Causeway
 * does not know at all, other than by the socket's peer. */
static bool only_client_proves(const struct session *session, const struct account_way *way)
{
    if (!way->plugin)
        return strcasecmp(way->name, "unix_socket") != 0 &&
               strcasecmp(way->name, "mysql_old_password") != 0;
    const struct config_user *user =
        config_user_find(session->worker->config, session->login->user);
    if (way->plugin->renews) /* MySQL's plugins may store what Causeway does not know */
        return !way->usable && (way->plugin->full || way->plugin->takes_password);
    return way->usable && !(user && user->password);
}

/* The password that short proofs are checked with: of an earlier login, or of proxy.ini. */
static void add_known_password(const struct session *session, const struct account_way *way,
                               struct auth_secret *secret)
{
    struct passwords *passwords = session->worker->shared->passwords;
    const struct config_user *user =
        config_user_find(session->worker->config, session->login->user);
    if (passwords_find(passwords, way->stored, secret) || !user || !user->password ||
        !sha2_password_fits(span_text(user->password), way->stored))
        return;
    auth_secret_set_password(secret, span_text(user->password));
    passwords_add(passwords, way->stored, secret);
}

static bool proof_holds(const struct session *session, const struct account_way *way,
                        const struct login_answer *answer, struct auth_secret *secret)
{
    struct span proof = span_of(answer->proof, answer->len);
    if (answer->plugin->full && answer->len > 0)
        add_known_password(session, way, secret);
    if (way->usable && answer->plugin->check(proof, answer->nonce, way->stored, secret)) {
        if (answer->plugin->takes_password && secret->password_len > 0)
            passwords_add(session->worker->shared->passwords, way->stored, secret);
        return true;
    }
    return false;
}

/* One way: HOLDS, ASKS, or DENIED where the next one may still hold. */
static void judge_way(const struct session *session, const struct account_way *way,
                      struct verdict *verdict)
{
    const struct auth_plugin *plugin = way->plugin;
    const struct login_answer *answer = NULL;
    do {
        bool known = verdict->secret.password;
        auth_secret_free(&verdict->secret);
        if (plugin->takes_password && !client_tls_is_private(session)) {
            session->login->hidden = !known;
            return;
        }
        verdict->plugin = plugin;
        answer = client_login_answer(session->login, plugin);
        if (!answer) {
            verdict->kind = VERDICT_ASKS;
            return;
        }
        if (proof_holds(session, way, answer, &verdict->secret)) {
            verdict->kind = VERDICT_HOLDS;
            return;
        }
        plugin = plugin->full;
    } while (plugin && way->usable && answer->len > 0);
    auth_secret_free(&verdict->secret);
}

/* The account's ways in their order: the first that holds wins, and one whose proof is not there
 * yet is asked for. */
static struct verdict judge(const struct session *session, const struct account *account,
                            bool matched)
{
    struct verdict verdict = {.kind = VERDICT_DENIED};
    for (size_t i = 0; i < account->way_count; i++) {
        const struct account_way *way = &account->ways[i];
        if (only_client_proves(session, way) && matched) {
            verdict.kind = VERDICT_RELAYS;
            verdict.plugin = NULL;
            return verdict;
        }
        if (!way->plugin || (!way->usable && account->way_count > 1))
            continue;
        judge_way(session, way, &verdict);
        if (verdict.kind != VERDICT_DENIED)
            return verdict;
    }
    return verdict;
}

/* An unknown user is asked and answered like a known one with a wrong password. */
static struct verdict judge_login(const struct session *session, const struct account *account)
{
    const struct account *judged = account_to_judge(session, account);
    struct verdict verdict = {.kind = VERDICT_DENIED};
    session->login->hidden = false;
    if (judged)
        verdict = judge(session, judged, account != NULL);
    if (!account && verdict.kind == VERDICT_HOLDS) {
        auth_secret_free(&verdict.secret);
        verdict.kind = VERDICT_DENIED;
    }
    return verdict;
}

static enum step read_accounts_again(struct session *session)
{
    struct worker *worker = session->worker;
    session->login->reread = true;
    list_append(&worker->account_waiters, &session->wait_node);
    session_enter(session, SESSION_LOGIN_ACCOUNTS);
    session_arm(session, worker->config->login_timeout_ms);
    worker->requests.reread_accounts(worker->requests.context);
    return STEP_WAIT;
}

static void warn_unsupported(const struct session *session, const struct account *account)
{
    for (size_t i = 0; account && i < account->way_count; i++)
        if (!account->ways[i].plugin)
            session_log(session, LOG_LEVEL_WARN,
                        "account '%s'@'%s' uses plugin %s, which Causeway can't log in for",
                        account->user, account->host, account->ways[i].name);
}

/* The proof holds: from here on the session is this account's, and needs a server connection. */
static enum step enter_account(struct session *session, const struct account *account,
                               const struct verdict *verdict)
{
    struct login_state *login = session->login;
    if (login->changes_user) {
        keep_former(session);
        forget_session_state(session);
    }
    login->replaces = true;
    session->outdated = false;
    identity_unref(session->identity);
    session->identity = make_identity(session, account, verdict->plugin, &verdict->secret);
    session->collation = login->collation;
    if (!login->changes_user) /* COM_SET_OPTION outlasts COM_CHANGE_USER (measured) */
        session->single_statements = !(session->capabilities & CLIENT_MULTI_STATEMENTS);
    sessvars_set_login_collation(&session->vars, login->collation);
    if (login->schema)
        sessvars_set_schema(&session->vars, span_text(login->schema));
    session->command = (struct command){.code = COM_CONNECT,
                                        .forced = -1,
                                        .consistency = -1,
                                        .repeatable = true,
                                        .len = session->command.len};
    session_enter(session, SESSION_ROUTE);
    return STEP_MORE;
}

enum step step_login_verify(struct session *session)
{
    struct login_state *login = session->login;
    if (accounts_in_doubt(session->worker))
        return read_accounts_again(session);
    const struct account *account =
        accounts_match(session->worker->accounts, span_text(login->user), session->peer);
    struct verdict verdict = judge_login(session, account);
    if (verdict.kind == VERDICT_ASKS)
        return client_login_ask(session, verdict.plugin);
    if (verdict.kind == VERDICT_DENIED && !login->reread)
        return read_accounts_again(session);
    session_disarm(session);
    if (verdict.kind == VERDICT_DENIED) {
        warn_unsupported(session, account);
        return deny(session, account);
    }
    if (verdict.plugin && verdict.plugin->notice &&
        client_login_answer(login, verdict.plugin)->len > 0)
        client_login_notice(session, verdict.plugin);
    if (session->state == SESSION_CLOSED) {
        auth_secret_free(&verdict.secret);
        return STEP_WAIT;
    }
    enum step step;
    const char *hindrance = client_tls_hindrance(session, account);
    if (client_tls_missing(session) || !client_tls_satisfies(session, account))
        step = deny_transport(session, account);
    else if (account->locked)
        step = session_refuse(session, 4151, "HY000", "Access denied, this account is locked");
    else if (hindrance)
        step = session_refuse(session, 1045, "28000", "Access denied: account '%s'@'%s' %s",
                              account->user, account->host, hindrance);
    else
        step = enter_account(session, account, &verdict);
    auth_secret_free(&verdict.secret);
    return step;
}
