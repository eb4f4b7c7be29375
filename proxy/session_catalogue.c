/* See session_catalogue.h. Statements pay for two loads while nothing is in the catalogue. */
#include "proxy/session_catalogue.h"

#include "binlog/stream/log_events.h"
#include "proxy/proto/command.h"
#include "proxy/worker.h"
#include "router/cluster/defaults.h"
#include "router/reading.h"

static bool in_doubt(const struct worker *worker)
{
    return worker->catalogue->changes <
           atomic_load_explicit(&worker->shared->catalogue_changes, memory_order_relaxed);
}

bool catalogue_keeps(const struct session *session, struct span sql)
{
    const struct worker *worker = session->worker;
    if (in_doubt(worker))
        return true;
    return worker->catalogue->tables.bits & CATALOGUE_LEADERS &&
           catalogue_names(worker->catalogue, CATALOGUE_LEADERS, sql, session_lex_mode(session),
                           session->vars.schema);
}

static bool ends_transaction(struct span sql, unsigned lex_mode)
{
    struct reading reading;
    reading_start(&reading, sql, lex_mode);
    return token_is_word(&reading.token, "commit") || token_is_word(&reading.token, "rollback") ||
           token_is_word(&reading.token, "savepoint") || token_is_word(&reading.token, "release");
}

/* Looked up by the schema of now, which the statement itself can't have changed. Of a prepared one
 * that of its preparation is not known any more. */
bool catalogue_may_set_variables(const struct session *session, struct span sql)
{
    const struct catalogue *catalogue = session->worker->catalogue;
    unsigned lex_mode = session_lex_mode(session);
    bool unseen = in_doubt(session->worker) || catalogue->hides_triggers || sql.len == 0;
    if (session->user_vars.count > 0 && unseen)
        return !ends_transaction(sql, lex_mode);
    return catalogue->tables.bits & CATALOGUE_SETS &&
           catalogue_names(catalogue, CATALOGUE_SETS, sql, lex_mode,
                           session->command.statement ? NULL : session->vars.schema);
}

/* Its names are those of the schema at the time when it was prepared, which is not known any more:
 * names of any schema count. */
bool catalogue_keeps_prepared(const struct session *session, struct statement *statement)
{
    const struct worker *worker = session->worker;
    if (in_doubt(worker))
        return true;
    if ((worker->catalogue->tables.bits & CATALOGUE_LEADERS) == 0)
        return false;
    if (statement->catalogue_generation != worker->catalogue->generation) {
        statement->catalogue_generation = worker->catalogue->generation;
        statement->catalogued =
            catalogue_names(worker->catalogue, CATALOGUE_LEADERS, buf_span(&statement->sql),
                            session_lex_mode(session), NULL);
    }
    return statement->catalogued;
}

void catalogue_begin(struct session *session)
{
    session->command.routine_changes =
        atomic_load_explicit(&session->worker->shared->routine_changes, memory_order_relaxed);
}

/* What ran is what the catalogue knows when it was so all the time. */
static bool routines_in_doubt(const struct session *session)
{
    const struct worker *worker = session->worker;
    uint64_t changes = atomic_load_explicit(&worker->shared->routine_changes, memory_order_relaxed);
    return in_doubt(worker) || !worker->catalogue->routines.known ||
           worker->catalogue->routine_changes < changes ||
           session->command.routine_changes != changes;
}

/* Of a prepared one neither its schema is known any more, nor under which sql_mode it was read. */
static bool mode_matters(const struct session *session, struct span sql)
{
    return session->command.statement &&
           (memchr(sql.data, '"', sql.len) || memchr(sql.data, '\\', sql.len));
}

/* Do routines that it runs set system variables unreported? What its own text says of them is seen:
 * see relay_note.c. */
static unsigned settings_left(const struct session *session, struct span sql)
{
    static const char *const dynamic[] = {"prepare", "execute", "deallocate"};
    static const struct routines none;
    unsigned lex_mode = session_lex_mode(session);
    struct reading reading;
    reading_start(&reading, sql, lex_mode);
    for (size_t i = 0; i < sizeof(dynamic) / sizeof(dynamic[0]); i++)
        if (token_is_word(&reading.token, dynamic[i]))
            return 0;
    unsigned leaves = routines_in_doubt(session)
                          ? routine_body_leaves(sql, lex_mode, &none, NULL)
                          : catalogue_leaves(session->worker->catalogue, sql, lex_mode, NULL);
    return leaves & LEAVES_SETTINGS;
}

/* Those of whose text it is clear that it runs them, and is no statement in Oracle's manner. */
static unsigned left_by_routines(const struct session *session)
{
    static const char *const verbs[] = {"call",   "do",      "select", "insert", "update",
                                        "delete", "replace", "with",   "set",    "values"};
    struct span sql = session_sql(session);
    unsigned lex_mode = session_lex_mode(session);
    struct reading reading;
    if (sql.len == 0 || mode_matters(session, sql))
        return LEAVES_UNKNOWN;
    unsigned unknown = LEAVES_VARIABLES | LEAVES_MORE | settings_left(session, sql);
    if (session->command.flags & CLASS_MULTI || routines_in_doubt(session))
        return unknown;
    reading_start(&reading, sql, lex_mode);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (token_is_word(&reading.token, verbs[i]))
            return catalogue_leaves(session->worker->catalogue, sql, lex_mode,
                                    session->command.statement ? NULL : session->vars.schema);
    return unknown;
}

unsigned catalogue_left(const struct session *session)
{
    const struct catalogue *catalogue = session->worker->catalogue;
    const struct command *command = &session->command;
    const char *schema =
        command->statement || command->flags & CLASS_MULTI ? NULL : session->vars.schema;
    if (command->flags & CLASS_OPAQUE)
        return left_by_routines(session);
    if (!(catalogue->tables.bits & CATALOGUE_HOLDS) || !catalogue->routines.known)
        return 0;
    struct span sql = session_sql(session);
    unsigned lex_mode = session_lex_mode(session);
    bool holds = catalogue_names(catalogue, CATALOGUE_HOLDS, sql, lex_mode, schema);
    bool sets = catalogue_names(catalogue, CATALOGUE_SETTINGS, sql, lex_mode, schema);
    return (holds ? LEAVES_MORE : 0u) | (sets ? LEAVES_SETTINGS : 0u);
}

/* Sessions keep the values that they began with; a follower's connection that is made now would
 * begin with others. And what a routine has set unreported the followers don't know. So the
 * leader's connection is asked, where there is still one; but not between a statement and one that
 * speaks of it. */
void catalogue_keep_settings(struct session *session)
{
    uint64_t now = worker_settings(session->worker);
    bool unreported = session->vars.unreported && !session->command.previous;
    if ((session->settings == now && !unreported) || session->command.code == COM_CONNECT)
        return;
    session->settings = now;
    session->vars.unreported = session->vars.unreported && !unreported;
    if (!session->leader || session->leader->state != BACKEND_READY || session->leader->anew)
        return;
    session->vars.again.len = 0;
    buf_append_text(&session->vars.again, defaults_report_sql);
    session->leader->needs_setup = true;
}

void catalogue_note_done(struct session *session)
{
    struct worker *worker = session->worker;
    uint32_t flags = session->command.flags;
    bool any_ddl = flags & (CLASS_DDL | CLASS_MULTI) && !session->running->guarded;
    bool ddl = any_ddl && log_events_touches_catalogue(session_sql(session));
    if (any_ddl && log_events_touches_routines(session_sql(session))) {
        uint64_t routines = atomic_fetch_add(&worker->shared->routine_changes, 1) + 1;
        worker->requests.routines_changed(worker->requests.context, routines);
    }
    if (!ddl && !(flags & CLASS_SET_GLOBAL))
        return;
    if (flags & CLASS_SET_GLOBAL)
        atomic_fetch_add(&worker->shared->settings_changes, 1);
    uint64_t changes = atomic_fetch_add(&worker->shared->catalogue_changes, 1) + 1;
    worker->requests.catalogue_changed(worker->requests.context, changes);
}
