/* See session_accounts.h. */
#include "proxy/session_accounts.h"

#include "binlog/stream/log_events.h"
#include "proxy/session.h"
#include "proxy/worker.h"

void accounts_note_done(const struct session *session)
{
    struct worker *worker = session->worker;
    const uint32_t maybe = CLASS_DDL | CLASS_MULTI | CLASS_ACCOUNTS;
    if ((session->command.flags & maybe) == 0 || session->running->guarded ||
        !log_events_touches_accounts((struct span){0}, session_sql(session)))
        return;
    uint64_t changes = atomic_fetch_add(&worker->shared->account_changes, 1) + 1;
    worker->requests.accounts_changed(worker->requests.context, changes);
}

bool accounts_in_doubt(const struct worker *worker)
{
    return atomic_load(&worker->accounts->changes) < atomic_load(&worker->shared->account_changes);
}
