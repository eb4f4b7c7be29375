/* What a reply says about the session while it passes: see relay.h. */
#include "proxy/relay.h"

#include "proxy/base/log.h"
#include "proxy/proto/capability.h"
#include "proxy/proto/command.h"
#include "proxy/reading_trx.h"
#include "proxy/session_accounts.h"
#include "proxy/session_catalogue.h"
#include "proxy/worker.h"
#include "router/set_scope.h"

#include <errno.h>

enum {
    /* Flags that describe the session, not one reply. */
    LASTING_STATUS = SERVER_STATUS_IN_TRANS | SERVER_STATUS_AUTOCOMMIT | SERVER_STATUS_ANSI_QUOTES |
                     SERVER_STATUS_NO_BACKSLASH_ESCAPES | SERVER_STATUS_IN_TRANS_READONLY,
};

void session_note_status(struct session *session, struct backend *backend, uint16_t status)
{
    backend->status = status;
    session->status = status & LASTING_STATUS;
    if (status & SERVER_STATUS_IN_TRANS)
        session->trx = backend;
    else if (session->trx == backend)
        session->trx = NULL;
}

/* --- session state --- */

/* What a client with SESSION_TRACK would have got from the server itself. (The order of variables
 * is a server's hash order, in neither case one to rely on.) */
static bool client_may_see(const struct track_entry *entry, void *context)
{
    const struct session *session = context;
    bool change = entry->type == TRACK_STATE_CHANGE;
    if ((change || entry->type == TRACK_SYSTEM_VARIABLE) &&
        session->command.flags & (CLASS_SET | CLASS_MULTI) &&
        set_scope_is_silent(session_sql(session), change ? (struct span){0} : entry->name))
        return false;
    return session->command.own_tracking ||
           sessvars_wanted(&session->vars, entry, session->worker->topology->tracked_variables);
}

/* What a leader says that another worker knows to be replaced is of the old history: with it the
 * requirement must be checked against the new one again. */
static struct requirement *requirement_of_leader(struct session *session)
{
    struct requirement *requirement = session_requirement(session);
    if (requirement->epoch > session->worker->topology->epoch)
        requirement->epoch = REQUIREMENT_UNCHECKED;
    return requirement;
}

void relay_note_leader_seen(struct session *session)
{
    requirement_saw_leader(requirement_of_leader(session), &session->command.proof);
    session_settle(session);
}

static void note_gtid(struct session *session, struct span value)
{
    struct gtid gtid;
    if (session->running->guarded || value.len == 0)
        return;
    if (gtid_parse(value, &gtid)) {
        relay_note_leader_seen(session);
        return;
    }
    bool one_domain = positions_domain_count(session->worker->shared->positions) <= 1;
    int error = requirement_wrote(requirement_of_leader(session), &gtid, one_domain,
                                  &session->command.proof);
    session_settle(session);
    session_note_own(session, &gtid);
    if (error && !session->too_many_domains) {
        session_log(session, LOG_LEVEL_WARN,
                    "more than %d GTID domains in one session: it stays on the leader",
                    GTID_DOMAINS_MAX);
        session->too_many_domains = true;
    }
}

struct span session_sql(const struct session *session)
{
    const struct command *command = &session->command;
    if (command->statement)
        return buf_span(&command->statement->sql);
    if (command->code != COM_QUERY || command->streamed || command->len <= PACKET_HEADER_BYTES + 1)
        return (struct span){0};
    return span_of(stream_data(&session->client) + PACKET_HEADER_BYTES + 1,
                   command->len - PACKET_HEADER_BYTES - 1);
}

/* SET STATEMENT is reported with the value that is gone by now; see set_scope.h. */
static bool is_passing(const struct session *session, struct span name)
{
    struct span sql = session_sql(session);
    return session->command.flags & CLASS_SET_STATEMENT && sql.len > 0 &&
           set_scope_is_passing(sql, session_lex_mode(session), name);
}

/* The same literal gives another text then. */
static bool changes_texts(struct span name)
{
    return span_equal(name, span_text("character_set_client")) ||
           span_equal(name, span_text("character_set_connection")) ||
           span_equal(name, span_text("collation_connection")) ||
           span_equal(name, span_text("sql_mode"));
}

static void note_change(struct session *session, const struct track_entry *entry)
{
    static const char tracking[] = "session_track_";
    struct backend *backend = session->running;
    bool variable = entry->type == TRACK_SYSTEM_VARIABLE;
    session->command.named_change = true;
    if (variable && is_passing(session, entry->name))
        return;
    sessvars_track(&session->vars, entry);
    if (variable && changes_texts(entry->name) && user_vars_forget_texts(&session->user_vars))
        session->sticky |= STICKY_VARIABLES;
    bool ours = entry->name.len >= sizeof(tracking) - 1 &&
                memcmp(entry->name.data, tracking, sizeof(tracking) - 1) == 0;
    bool guard = backend->guarded && span_equal(entry->name, span_text("tx_read_only"));
    if (variable && (ours || guard))
        backend->needs_setup = true;
}

/* SET TRANSACTION, until the transaction that it is for has begun. */
static void note_characteristics(struct session *session, struct span text, uint16_t status)
{
    if (session->running->guarded)
        return;
    if (text.len > 0 && !(status & SERVER_STATUS_IN_TRANS))
        session->sticky |= STICKY_TRANSACTION;
    else
        session->sticky &= ~(unsigned)STICKY_TRANSACTION;
}

/* Reads the entries of one OK. True when there was a GTID. */
static int note_state(struct session *session, const struct ok_reply *ok, bool *gtid)
{
    struct command *command = &session->command;
    struct backend *backend = session->running;
    struct track_reader reader;
    struct track_entry entry;
    int more;
    bool in_step = backend->vars_version == session->vars.version;
    track_open(&reader, ok->state);
    while ((more = track_next(&reader, &entry)) > 0) {
        if (entry.type == TRACK_STATE_CHANGE) {
            command->state_changed = true;
        } else if (entry.type == TRACK_SYSTEM_VARIABLE &&
                   span_equal(entry.name, span_text("last_gtid"))) {
            note_gtid(session, entry.value);
            *gtid = entry.value.len > 0;
        } else if (entry.type == TRACK_TRANSACTION_CHARACTERISTICS) {
            note_characteristics(session, entry.value, ok->status);
        } else if (entry.type != TRACK_TRANSACTION_STATE &&
                   (!backend->guarded || session->trx == backend)) {
            note_change(session, &entry);
            backend->spotless = false;
            if (entry.type == TRACK_SCHEMA)
                backend_note_schema(backend, session->vars.schema);
        }
    }
    if (in_step)
        backend->vars_version = session->vars.version;
    return more;
}

/* --- replies --- */

/* Statements that show nothing of the data. */
static bool shows_data(const struct command *command)
{
    return !(command->flags & (CLASS_SET | CLASS_USE)) && command->code != COM_INIT_DB &&
           command->code != COM_SET_OPTION && command->code != COM_RESET_CONNECTION &&
           command->code != COM_STATISTICS;
}

int relay_note_ok(struct session *session, struct ok_reply *ok)
{
    struct worker *worker = session->worker;
    bool gtid = false;
    worker->tracked.len = 0;
    if (ok->state.len > 0) {
        if (note_state(session, ok, &gtid))
            return -EPROTO;
        if (session->capabilities & CLIENT_SESSION_TRACK &&
            track_filter(&worker->tracked, ok->state, client_may_see, session))
            return -EPROTO;
    }
    session_note_status(session, session->running, ok->status);
    keep_note_ok(session, ok);
    catalogue_note_done(session);
    accounts_note_done(session);
    if (!session->running->guarded && !gtid && shows_data(&session->command))
        relay_note_leader_seen(session);
    return 0;
}

void relay_note_err(struct session *session)
{
    session->command.failed = true;
    keep_note_err(session);
    /* An error shows state as well (a duplicate key), and may hide a commit: the next follower read
     * is a move, whose bound covers both. */
    if (session->running->guarded)
        return;
    relay_note_leader_seen(session);
    /* Nor does it tell whether a transaction is open: a procedure may have begun one before it
     * failed. The next reply does, so the next statement runs there. */
    if (session->command.flags & (CLASS_OPAQUE | CLASS_MULTI) &&
        session->running == session->leader)
        session->trx = session->running;
}

void relay_note_begin(struct session *session)
{
    struct command *command = &session->command;
    const struct backend *backend = session->running;
    command->begun = true;
    if (!backend->guarded)
        return;
    struct requirement *requirement = session_requirement(session);
    requirement_read(requirement, (int)backend->slot, command->read_generation, command->move);
    if (command->sent_us > requirement->read_us)
        requirement->read_us = command->sent_us;
    session_settle(session);
}

/* What was shown after the first part of the reply had gone out, another connection of the key may
 * not know of yet. And where the server started anew meanwhile, it may be of either life. */
static void note_follower_seen(struct session *session)
{
    const struct command *command = &session->command;
    int slot = (int)session->running->slot;
    struct requirement *requirement = session_requirement(session);
    if (positions_generation(session->worker->shared->positions, (unsigned)slot) !=
        command->read_generation)
        requirement_lost(requirement, slot);
    requirement_read(requirement, slot, command->read_generation, false);
    session_settle(session);
}

static void note_held(struct session *session)
{
    const struct command *command = &session->command;
    /* What a compound statement names it may have passed by. */
    bool unsure = command->failed || command->flags & CLASS_OPAQUE;
    bool moves = (command->flags & (CLASS_MULTI | CLASS_USE)) == (CLASS_MULTI | CLASS_USE);
    session->sticky =
        held_note(&session->held, session->sticky, session_sql(session), session_lex_mode(session),
                  moves ? NULL : session->vars.schema, unsure);
}

static bool leaves_anything(const struct command *command)
{
    return command->flags & CLASS_OPAQUE && command->left & LEAVES_MORE;
}

/* Something changed that has no name. SET session_track_… is reported so too: Causeway's own
 * settings again. */
static void note_unnamed(struct session *session)
{
    const struct command *command = &session->command;
    const unsigned known =
        CLASS_HOLDS | CLASS_USER_VARIABLE | CLASS_SET_ROLE | CLASS_SET | CLASS_SET_STATEMENT;
    bool asked = session->vars.asks & SESSVARS_ASK_WANTED;
    bool opaque = leaves_anything(command);
    if ((opaque || command->flags & CLASS_SET) && !asked) {
        session->running->needs_setup = true;
        session->vars.asks |= SESSVARS_ASK_TRACKING;
    }
    if ((command->flags & known || command->left & LEAVES_VARIABLES) && !opaque)
        return;
    session->sticky |= STICKY_UNKNOWN;
    session->running->tainted = true;
}

/* A write may have run triggers, and a routine anything: what sets variables there is not seen. */
static void note_hidden_variables(struct session *session)
{
    const struct command *command = &session->command;
    if (command->read || command->flags & (CLASS_SET | CLASS_USE | CLASS_BEGIN))
        return;
    bool runs_routine = command->left & LEAVES_VARIABLES || command->flags & CLASS_MULTI ||
                        command->catalogued ||
                        (command->statement && command->statement->catalogued);
    if (!(runs_routine && session->user_vars.count > 0) &&
        !catalogue_may_set_variables(session, session_sql(session)))
        return;
    user_vars_forget(&session->user_vars);
    session->sticky |= STICKY_VARIABLES;
}

/* Those that the statement may have set: with values that can be given to other connections, or
 * only where it ran. */
static void note_user_variables(struct session *session)
{
    const struct command *command = &session->command;
    struct backend *backend = session->running;
    if (command->code != COM_QUERY && command->code != COM_STMT_EXECUTE &&
        command->code != COM_STMT_BULK_EXECUTE)
        return;
    if (command->unknown) /* nothing has been run */
        return;
    if (command->left == LEAVES_VARIABLES) { /* nothing else keeps the connection that has them */
        user_vars_forget(&session->user_vars);
        session->sticky |= STICKY_VARIABLES;
    }
    if (!(command->flags & CLASS_USER_VARIABLE) || command->flags & CLASS_VARIABLE_READ) {
        if (!backend->guarded)
            note_hidden_variables(session);
        return;
    }
    bool in_step = backend->vars_version == session->vars.version;
    bool known =
        user_vars_note(&session->user_vars, session_sql(session), session_lex_mode(session),
                       command->failed, ++session->vars.version);
    if (!known && !backend->guarded)
        session->sticky |= STICKY_VARIABLES;
    if (in_step)
        backend->vars_version = session->vars.version;
}

/* SET @@name in a text that is prepared, or in a compound statement, is not reported (measured). */
static bool hides_change(const struct session *session)
{
    struct span sql = session_sql(session);
    return session->command.flags & (CLASS_OPAQUE | CLASS_HOLDS) && sql.len > 0 &&
           memmem(sql.data, sql.len, "@@", 2) &&
           (memmem(sql.data, sql.len, "SET", 3) || memmem(sql.data, sql.len, "set", 3));
}

/* An error does not undo what happened before it. */
static void note_sticky(struct session *session)
{
    const struct command *command = &session->command;
    if (command->code != COM_QUERY && command->code != COM_STMT_EXECUTE &&
        command->code != COM_STMT_BULK_EXECUTE)
        return;
    if (command->flags & CLASS_HOLDS)
        note_held(session);
    if (command->left & LEAVES_MORE)
        session->sticky |= STICKY_ROUTINE;
    if (command->left & LEAVES_SETTINGS)
        session->vars.unreported = true;
    if (command->flags & CLASS_SET_ROLE) {
        session->vars.asks |= SESSVARS_ASK_ROLE;
        session->running->tainted = true; /* a role outlasts a reset (measured) */
    }
    if (command->flags & CLASS_TRACKING && command->flags & CLASS_MULTI) {
        session->vars.asks |= SESSVARS_ASK_TRACKING;
        session->running->needs_setup = true;
    }
    if (command->state_changed && (!command->named_change || leaves_anything(command)))
        note_unnamed(session);
    if (hides_change(session))
        session->sticky |= STICKY_UNKNOWN;
}

/* Of SET NAMES and the like only character sets are reported. */
static void note_collation(struct session *session)
{
    const struct command *command = &session->command;
    struct backend *backend = session->running;
    bool in_step = backend->vars_version == session->vars.version;
    if (command->code == COM_QUERY || command->code == COM_STMT_EXECUTE)
        sessvars_note_collations(&session->vars, session_sql(session), session_lex_mode(session),
                                 !command->failed);
    if (in_step)
        backend->vars_version = session->vars.version;
}

static void note_alter(struct session *session)
{
    struct backend *backend = session->running;
    bool in_step = backend->vars_version == session->vars.version;
    if (session->command.flags & CLASS_DDL && session->command.code != COM_STMT_PREPARE)
        sessvars_note_alter(&session->vars, session_sql(session), session_lex_mode(session));
    if (in_step)
        backend->vars_version = session->vars.version;
}

static void note_reset(struct session *session)
{
    if (session->sticky &
        STICKY_UNKNOWN) /* all of it is over but for a role: see there (measured) */
        session->vars.asks |= SESSVARS_ASK_ROLE;
    session->sticky = 0;
    held_free(&session->held);
    session->was_reset = true;
    keep_forget(session);
    (void)session_name_key(session, (struct span){0}); /* a user variable like others */
    statements_clear(&session->statements);
    sessvars_reset(&session->vars);
    user_vars_free(&session->user_vars);
    session->leader->needs_setup = true;
    backend_note_schema(session->leader, NULL); /* its character set is gone */
    session->leader->vars_version = session->vars.version;
    if (session->reader)
        session->reader->needs_reset = true;
}

/* COM_SET_OPTION; in a read-only transaction a follower has it. */
static void note_option(struct session *session)
{
    const struct command *command = &session->command;
    struct backend *backend = session->running;
    if (command->failed || command->code != COM_SET_OPTION ||
        command->len <= PACKET_HEADER_BYTES + 1)
        return;
    session->single_statements = stream_data(&session->client)[PACKET_HEADER_BYTES + 1] != 0;
    backend->single_statements = session->single_statements;
    backend->tainted = true;
}

void relay_note_end(struct session *session)
{
    struct command *command = &session->command;
    struct backend *backend = session->running;
    command->left = backend->guarded ? 0 : catalogue_left(session);
    if (backend->guarded) {
        note_follower_seen(session);
        reading_trx_note(session);
    }
    keep_note_end(session);
    note_user_variables(session);
    note_option(session);
    if (backend->guarded)
        return;
    note_collation(session);
    note_sticky(session);
    if (command->flags & (CLASS_DDL | CLASS_OPAQUE | CLASS_MULTI))
        atomic_fetch_add(&session->worker->shared->ddl, 1);
    if (command->failed)
        return;
    note_alter(session);
    if (command->code == COM_RESET_CONNECTION)
        note_reset(session);
}
