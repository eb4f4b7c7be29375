/* See session_warnings.h. */
#include "proxy/session_warnings.h"

#include "proxy/proto/capability.h"
#include "proxy/proto/command.h"
#include "proxy/proto/definitions.h"
#include "proxy/proto/reply.h"
#include "proxy/proto/text_rows.h"
#include "proxy/session.h"
#include "proxy/worker.h"
#include "router/reading.h"

enum { KEPT_MAX_BYTES = 64 << 10 };

void warnings_keep(struct session *session, struct span packets)
{
    session->warnings.len = 0;
    if (packets.len <= KEPT_MAX_BYTES)
        buf_append_span(&session->warnings, packets);
}

void warnings_forget(struct session *session)
{
    buf_free(&session->warnings);
}

/* SHOW WARNINGS [;] and nothing else. */
bool warnings_asked(const struct session *session)
{
    struct reading reading;
    if (session->command.code != COM_QUERY)
        return false;
    reading_start(&reading, session_sql(session), session_lex_mode(session));
    bool shows = token_is_word(&reading.token, "show") && token_is_word(&reading.next, "warnings");
    reading_step(&reading);
    reading_step(&reading);
    if (token_is_symbol(&reading.token, ';'))
        reading_step(&reading);
    return shows && reading.token.kind == TOKEN_END;
}

static uint8_t pass(struct buf *out, uint8_t seq, struct span payload)
{
    size_t begin = packet_begin(out);
    buf_append_span(out, payload);
    return packet_end(out, begin, seq);
}

/* As the relay would have passed it on. */
static void build(const struct session *session, struct text_rows *rows, struct buf *out)
{
    uint64_t capabilities = session->capabilities;
    struct span payload;
    uint8_t seq = 1;
    if (capabilities & MARIADB_CLIENT_CACHE_METADATA)
        seq = column_count_build(out, seq, rows->columns, true);
    else
        seq = pass(out, seq, span_of((uint8_t[]){(uint8_t)rows->columns}, 1));
    for (unsigned i = 0; i < rows->columns && text_rows_definition(rows, &payload); i++)
        seq = pass(out, seq, payload);
    if (!(capabilities & CLIENT_DEPRECATE_EOF))
        eof_build(out, seq++, 0, session->status);
    while (text_rows_payload(rows, &payload))
        seq = pass(out, seq, payload);
    struct ok_reply ok = {.header = 0xfe};
    if (ok_parse(payload, &ok) == 0)
        ok.state = (struct span){0};
    ok.status = session->status;
    ok_build(out, seq, &ok, capabilities);
}

bool warnings_answer(struct session *session)
{
    struct text_rows rows;
    struct buf out = {0};
    if (session->warnings.len == 0 || !warnings_asked(session) ||
        text_rows_open(&rows, buf_span(&session->warnings)) != 1)
        return false;
    build(session, &rows, &out);
    if (session_send(session, buf_span(&out)))
        session_finish_command(session);
    buf_free(&out);
    return true;
}
