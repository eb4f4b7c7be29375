/* Read-only transactions between follower and leader: see reading_trx.h. */
#include "proxy/reading_trx.h"

#include "proxy/parting.h"
#include "proxy/proto/command.h"
#include "proxy/worker.h"
#include "router/reading.h"

static bool open_on_follower(const struct session *session)
{
    return session->trx && session->trx == session->reader && session->reader->guarded;
}

static bool has_word(const struct session *session, const char *word)
{
    struct reading reading;
    reading_start(&reading, session_sql(session), session_lex_mode(session));
    while (!reading_at_end(&reading) && !token_is_word(&reading.token, word))
        reading_step(&reading);
    return !reading_at_end(&reading);
}

/* COMMIT [WORK], ROLLBACK [WORK]: anything behind that is more than an end. */
static bool ends(const struct session *session)
{
    struct reading reading;
    reading_start(&reading, session_sql(session), session_lex_mode(session));
    if (!token_is_word(&reading.token, "commit") && !token_is_word(&reading.token, "rollback"))
        return false;
    reading_step(&reading);
    if (token_is_word(&reading.token, "work"))
        reading_step(&reading);
    if (token_is_symbol(&reading.token, ';'))
        reading_step(&reading);
    return reading.token.kind == TOKEN_END;
}

bool reading_trx_moves(const struct session *session, bool leader_only, const struct backend *asked)
{
    const struct command *command = &session->command;
    if (command->moves_trx)
        return true;
    if (!open_on_follower(session) || command->own || command->unknown)
        return false;
    if (command->previous) /* a cursor is where it was opened */
        return command->flags & CLASS_DIAGNOSTICS && asked && asked == session->leader &&
               !session->aftermath.lost;
    return (leader_only || command->opens_trx) && !ends(session);
}

void reading_trx_begin_sql(const struct session *session, struct buf *sql)
{
    bool committed = session->vars.isolation == ISOLATION_COMMITTED ||
                     (session->vars.isolation == ISOLATION_DEFAULT &&
                      session->worker->topology->committed_isolation);
    buf_append_text(sql, "START TRANSACTION READ ONLY");
    if (session->trx_snapshot && !committed) /* else the server would warn that it means nothing */
        buf_append_text(sql, ", WITH CONSISTENT SNAPSHOT");
}

void reading_trx_moved(struct session *session)
{
    struct backend *reader = session->reader;
    bool there = open_on_follower(session);
    session->command.moves_trx = false;
    session->trx = session->running;
    session->trx_lost = false; /* it had only been read from: nothing is missing here */
    if (there)
        parting_roll_back(reader);
}

void reading_trx_note(struct session *session)
{
    if (!open_on_follower(session) || session->running != session->trx)
        return;
    if (session->command.opens_trx)
        session->trx_snapshot = has_word(session, "snapshot");
    else /* a SELECT without tables takes none */
        session->trx_snapshot = session->trx_snapshot || has_word(session, "from");
}
