/* See session_catalogue.h. Statements pay for two loads while nothing is in the catalogue. */
#include "proxy/session_catalogue.h"

#include "binlog/stream/log_events.h"
#include "proxy/worker.h"

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
    return worker->catalogue->count > 0 &&
           catalogue_names(worker->catalogue, sql, session_lex_mode(session), session->vars.schema);
}

/* Its names are those of the schema at the time when it was prepared, which is not known any more:
 * names of any schema count. */
bool catalogue_keeps_prepared(const struct session *session, struct statement *statement)
{
    const struct worker *worker = session->worker;
    if (in_doubt(worker))
        return true;
    if (worker->catalogue->count == 0)
        return false;
    if (statement->catalogue_generation != worker->catalogue->generation) {
        statement->catalogue_generation = worker->catalogue->generation;
        statement->catalogued = catalogue_names(worker->catalogue, buf_span(&statement->sql),
                                                session_lex_mode(session), NULL);
    }
    return statement->catalogued;
}

void catalogue_note_done(struct session *session)
{
    struct worker *worker = session->worker;
    if (!(session->command.flags & (CLASS_DDL | CLASS_MULTI)) || session->running->guarded ||
        !log_events_touches_catalogue(session_sql(session)))
        return;
    uint64_t changes = atomic_fetch_add(&worker->shared->catalogue_changes, 1) + 1;
    worker->requests.catalogue_changed(worker->requests.context, changes);
}
