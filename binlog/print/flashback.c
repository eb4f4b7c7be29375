/* Flashback. An XA transaction takes effect, if at all, when it is committed, often long after its
 * rows were logged; its rows stay locked until then, so undoing them where they stand is right. */
#include "binlog/print/flashback.h"

#include "binlog/print/literal.h"
#include "binlog/print/sql_session.h"
#include "binlog/print/text_printer.h"
#include "proxy/base/memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

struct entry {
    uint64_t offset; /* in the spool */
    size_t len;
    uint32_t format; /* which of `formats` its rows are of */
    bool is_dead;    /* of an XA transaction that was rolled back */
};

/* An XA transaction that was prepared and not yet decided. */
struct prepared {
    char *xid;
    uint64_t position; /* of its PREPARE */
    size_t first;      /* entries */
    size_t last;
};

struct flashback {
    const struct print_spool *spool;
    struct sql_rows rows;
    struct buf *formats; /* format description events, in order of appearance */
    size_t format_count;
    struct entry *entries;
    size_t entry_count;
    size_t entry_cap;
    struct prepared *prepared;
    size_t prepared_count;
    uint64_t spooled_bytes;
    struct buf scratch;
    struct buf gtid;  /* of the transaction that is open */
    size_t trx_first; /* its first entry, the COMMIT */
    uint64_t trx_position;
    bool is_open;
    size_t printed_format; /* 1 + the format in force in the output; 0: none */
};

struct flashback *flashback_new(const struct print_spool *spool)
{
    struct flashback *flashback = memory_zalloc(sizeof(*flashback));

    flashback->spool = spool;
    return flashback;
}

void flashback_free(struct flashback *flashback)
{
    if (flashback == NULL)
        return;
    for (size_t i = 0; i < flashback->format_count; i++)
        buf_free(&flashback->formats[i]);
    for (size_t i = 0; i < flashback->prepared_count; i++)
        free(flashback->prepared[i].xid);
    free(flashback->formats);
    free(flashback->prepared);
    free(flashback->entries);
    sql_rows_free(&flashback->rows);
    buf_free(&flashback->scratch);
    buf_free(&flashback->gtid);
    free(flashback);
}

/* Spools what stands in `scratch`. */
static int spool(struct flashback *flashback, uint64_t position, struct binlog_error *error)
{
    struct entry *entry;

    if (flashback->entry_count == flashback->entry_cap) {
        flashback->entry_cap = flashback->entry_cap ? flashback->entry_cap * 2 : 64;
        flashback->entries =
            memory_resize(flashback->entries, flashback->entry_cap * sizeof(*flashback->entries));
    }
    if (flashback->spool->write(buf_span(&flashback->scratch), flashback->spool->context) < 0)
        return binlog_error_set(error, BINLOG_TOO_BIG, position,
                                "the temporary file can't be written");
    entry = &flashback->entries[flashback->entry_count++];
    *entry = (struct entry){.offset = flashback->spooled_bytes,
                            .len = flashback->scratch.len,
                            .format = (uint32_t)(flashback->format_count - 1)};
    flashback->spooled_bytes += flashback->scratch.len;
    flashback->scratch.len = 0;
    return 0;
}

static void take_format(struct flashback *flashback, const struct binlog_event *event)
{
    size_t count = flashback->format_count;

    sql_rows_format(&flashback->rows, event);
    if (count > 0 &&
        span_equal(buf_span(&flashback->formats[count - 1]), buf_span(&flashback->rows.format)))
        return;
    flashback->formats =
        memory_resize(flashback->formats, (count + 1) * sizeof(*flashback->formats));
    flashback->formats[count] = (struct buf){0};
    buf_append_span(&flashback->formats[count], buf_span(&flashback->rows.format));
    flashback->format_count++;
}

/* --- transactions --- */

static int trx_open(struct flashback *flashback, const struct binlog_event *event,
                    struct binlog_error *error)
{
    flashback->is_open = true;
    flashback->trx_first = flashback->entry_count;
    flashback->trx_position = event->offset;
    flashback->gtid.len = 0;
    if (event->payload == EVENT_PAYLOAD_GTID || event->payload == EVENT_PAYLOAD_MYSQL_GTID)
        text_gtid(event, &flashback->gtid);
    buf_append_text(&flashback->scratch, "COMMIT" SQL_END);
    return spool(flashback, event->offset, error);
}

static bool trx_has_rows(const struct flashback *flashback)
{
    return flashback->is_open && flashback->entry_count > flashback->trx_first + 1;
}

static int trx_close(struct flashback *flashback, struct binlog_error *error)
{
    bool had_rows = trx_has_rows(flashback);

    flashback->is_open = false;
    if (!had_rows) {
        flashback->entry_count = flashback->trx_first;
        return 0;
    }
    buf_append_text(&flashback->scratch, "# undoes ");
    buf_append_span(&flashback->scratch, buf_span(&flashback->gtid));
    buf_printf(&flashback->scratch, " at %" PRIu64 "\nSTART TRANSACTION" SQL_END,
               flashback->trx_position);
    return spool(flashback, flashback->trx_position, error);
}

/* --- XA --- */

static struct prepared *prepared_find(struct flashback *flashback, const char *xid)
{
    for (size_t i = 0; i < flashback->prepared_count; i++) {
        if (strcasecmp(flashback->prepared[i].xid, xid) == 0)
            return &flashback->prepared[i];
    }
    return NULL;
}

static void prepared_add(struct flashback *flashback, const struct event_xid_name *name,
                         uint64_t position)
{
    struct buf xid = {0};
    size_t count = flashback->prepared_count;

    literal_xid(&xid, name);
    flashback->prepared =
        memory_resize(flashback->prepared, (count + 1) * sizeof(*flashback->prepared));
    flashback->prepared[count] = (struct prepared){
        .xid = memory_strndup(xid.data, xid.len),
        .position = position,
        .first = flashback->trx_first,
        .last = flashback->entry_count + 1, /* with the START that closes it */
    };
    flashback->prepared_count++;
    buf_free(&xid);
}

/* "XA COMMIT X'..',X'..',1": found from the first X on. */
static int xa_decide(struct flashback *flashback, const struct binlog_event *event, bool commits,
                     struct binlog_error *error)
{
    struct span text = event->query.text;
    const uint8_t *name = memmem(text.data, text.len, " X'", 3);
    char *xid = name ? memory_strndup(name + 1, text.len - (size_t)(name + 1 - text.data))
                     : memory_strdup("");
    struct prepared *prepared = prepared_find(flashback, xid);

    free(xid);
    if (prepared == NULL && !commits)
        return 0; /* nothing of it is in these logs */
    if (prepared == NULL)
        return binlog_error_set(error, BINLOG_UNSUPPORTED, event->offset,
                                "%.*s commits what was prepared before these logs begin: its rows "
                                "can't be undone,",
                                (int)(text.len > 100 ? 100 : text.len), (const char *)text.data);
    for (size_t i = prepared->first; i < prepared->last && !commits; i++)
        flashback->entries[i].is_dead = true;
    free(prepared->xid);
    *prepared = flashback->prepared[--flashback->prepared_count];
    return 0;
}

/* --- statements --- */

/* Statements that change no rows and no tables. */
static bool is_harmless(const char *verb)
{
    static const char *const harmless[] = {"FLUSH", "ANALYZE", "OPTIMIZE", "CHECK"};

    for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
        if (strncmp(verb, harmless[i], strlen(harmless[i])) == 0)
            return true;
    }
    return false;
}

static int refuse(const struct binlog_event *event, const char *verb, const char *why,
                  struct binlog_error *error)
{
    return binlog_error_set(error, BINLOG_UNSUPPORTED, event->offset,
                            "flashback: %s can't be undone (%s):", verb, why);
}

static int judge_query(struct flashback *flashback, const struct binlog_event *event,
                       struct binlog_error *error)
{
    char verb[QUERY_VERB_MAX];

    query_verb(event->query.text, verb);
    switch (query_kind_of(event->query.text)) {
    case QUERY_XA_COMMIT: return xa_decide(flashback, event, true, error);
    case QUERY_XA_ROLLBACK: return xa_decide(flashback, event, false, error);
    case QUERY_ROLLBACK:
        return trx_has_rows(flashback)
                   ? refuse(event, verb, "which of the rows before it stayed is not logged", error)
                   : 0;
    case QUERY_ROLLBACK_TO:
        return refuse(event, verb, "which of the rows before it stayed is not logged", error);
    case QUERY_DML: return refuse(event, verb, "logged as a statement, not as rows", error);
    case QUERY_OTHER:
        return is_harmless(verb) ? 0
                                 : refuse(event, verb, "the log has not what it removes", error);
    default: return 0;
    }
}

static int take_rows(struct flashback *flashback, const struct binlog_event *event,
                     struct row_reader *reader, struct binlog_error *error)
{
    int result = 0;

    if (event->rows.table != NULL) {
        result = sql_rows_print(&flashback->rows, event, reader, true, &flashback->scratch, error);
        if (result == 0 && flashback->scratch.len > 0)
            result = spool(flashback, event->offset, error);
        flashback->scratch.len = 0;
    }
    if (event->rows.flags & EVENT_ROWS_STATEMENT_END)
        sql_rows_statement_end(&flashback->rows);
    return result;
}

static int take(struct flashback *flashback, const struct binlog_event *event,
                struct row_reader *reader, struct binlog_error *error)
{
    switch (event->payload) {
    case EVENT_PAYLOAD_FORMAT: take_format(flashback, event); return 0;
    case EVENT_PAYLOAD_QUERY: return judge_query(flashback, event, error);
    case EVENT_PAYLOAD_TABLE_MAP: sql_rows_table(&flashback->rows, event); return 0;
    case EVENT_PAYLOAD_ROWS: return take_rows(flashback, event, reader, error);
    case EVENT_PAYLOAD_XA_PREPARE:
        if (!event->xa_prepare.one_phase && trx_has_rows(flashback))
            prepared_add(flashback, &event->xa_prepare.xid, event->offset);
        return 0;
    case EVENT_PAYLOAD_LOAD_BLOCK:
        return refuse(event, "LOAD DATA", "logged as a statement, not as rows", error);
    case EVENT_PAYLOAD_INCIDENT:
        return binlog_error_set(error, BINLOG_UNSUPPORTED, event->offset,
                                "flashback: the server lost events here (an incident event),");
    default: return 0;
    }
}

int flashback_event(struct flashback *flashback, const struct binlog_event *event,
                    struct trx_step step, struct row_reader *reader, struct binlog_error *error)
{
    int result = 0;

    if (step.broken && flashback->is_open) /* it never took effect */
        flashback->entry_count = flashback->trx_first;
    if (step.broken)
        flashback->is_open = false;
    if (step.begins && flashback->format_count > 0)
        result = trx_open(flashback, event, error);
    if (result == 0)
        result = take(flashback, event, reader, error);
    if (result == 0 && step.ends && flashback->is_open)
        result = trx_close(flashback, error);
    return result;
}

int flashback_end(struct flashback *flashback, struct buf *out, struct binlog_error *error)
{
    const struct entry *entry = NULL;

    if (flashback->is_open) { /* the log ends inside it: it never took effect */
        flashback->entry_count = flashback->trx_first;
        flashback->is_open = false;
    }
    if (flashback->prepared_count > 0)
        return binlog_error_set(error, BINLOG_UNSUPPORTED, flashback->prepared[0].position,
                                "flashback: whether the XA transaction %s was committed is not in "
                                "these logs; it was prepared",
                                flashback->prepared[0].xid);
    while (flashback->entry_count > 0 && (entry == NULL || entry->is_dead))
        entry = &flashback->entries[--flashback->entry_count];
    if (entry == NULL || entry->is_dead)
        return 0;
    if (flashback->printed_format != entry->format + 1U) {
        sql_rows_format_print(&flashback->rows, buf_span(&flashback->formats[entry->format]), out);
        flashback->printed_format = entry->format + 1U;
    }
    if (flashback->spool->read(entry->offset, entry->len, out, flashback->spool->context) < 0)
        return binlog_error_set(error, BINLOG_TOO_BIG, 0, "the temporary file can't be read back");
    return 1;
}
