/* Reading the leader's answers: see bound_answer.h. Source: protocol page "result set packets",
 * text rows; CLIENT_DEPRECATE_EOF is always negotiated. */
#include "proxy/bound_answer.h"

#include "proxy/proto/packet.h"
#include "proxy/proto/reply.h"

#include <errno.h>
#include <stdio.h>

enum { HEADER_ERR = 0xff, HEADER_END = 0xfe };

/* The result sets of an answer, row by row. */
struct rows {
    struct reader in;
    uint64_t definitions; /* still to come; 0: rows come */
    bool open;            /* within a result set */
    struct bound_trouble *trouble;
};

static int trouble_set(struct bound_trouble *trouble, const char *text)
{
    trouble->code = 0;
    snprintf(trouble->text, sizeof(trouble->text), "%s", text);
    return -EPROTO;
}

static int trouble_err(struct bound_trouble *trouble, struct span payload)
{
    struct err_reply err;
    if (err_parse(payload, &err))
        return trouble_set(trouble, "malformed error");
    trouble->code = err.code;
    snprintf(trouble->text, sizeof(trouble->text), "error %u: %.*s", err.code, (int)err.message.len,
             (const char *)err.message.data);
    return -EPROTO;
}

/* 1, 0 or -EPROTO as in the header. */
static int packet_next(struct rows *rows, struct span *payload)
{
    uint32_t len = read_u24(&rows->in);
    read_u8(&rows->in);
    *payload = read_span(&rows->in, len);
    if (rows->in.bad)
        return 0;
    if (payload->len == 0)
        return trouble_set(rows->trouble, "an empty packet");
    if (payload->data[0] == HEADER_ERR)
        return trouble_err(rows->trouble, *payload);
    return 1;
}

static int rows_open(struct rows *rows)
{
    struct span payload;
    int found = packet_next(rows, &payload);
    if (found <= 0)
        return found;
    struct reader reader = reader_of(payload);
    rows->definitions = read_lenenc(&reader);
    rows->open = true;
    if (rows->definitions == 0 || reader.bad)
        return trouble_set(rows->trouble, "no result set");
    return 1;
}

/* The next row of the result set that is open, or of the next one. *end: there was no further row,
 * the set is closed. */
static int rows_next(struct rows *rows, struct reader *row, bool *end)
{
    struct span payload;
    int found = rows->open ? 1 : rows_open(rows);
    while (found > 0 && (found = packet_next(rows, &payload)) > 0) {
        if (rows->definitions > 0) {
            rows->definitions--;
            continue;
        }
        *end = payload.data[0] == HEADER_END;
        rows->open = !*end;
        *row = reader_of(payload);
        return 1;
    }
    return found;
}

/* The only row of a result set. */
static int rows_only(struct rows *rows, struct reader *row)
{
    struct reader rest;
    bool end;
    int found = rows_next(rows, row, &end);
    if (found <= 0)
        return found;
    if (end)
        return trouble_set(rows->trouble, "no row");
    found = rows_next(rows, &rest, &end);
    if (found > 0 && !end)
        return trouble_set(rows->trouble, "more than one row");
    return found;
}

int bound_answer_position(struct span bytes, struct bound_answer *answer,
                          struct bound_trouble *trouble)
{
    struct rows rows = {.in = reader_of(bytes), .trouble = trouble};
    struct reader row;
    int found = rows_only(&rows, &row);
    if (found <= 0)
        return found;
    struct span position = read_lenenc_span(&row);
    answer->state = read_lenenc_span(&row);
    if (row.bad || gtid_vector_parse(position, &answer->position))
        return trouble_set(trouble, "the position could not be read");
    return 1;
}

static bool place_file(struct binlog_place *place, struct span name)
{
    if (name.len == 0 || name.len >= sizeof(place->file))
        return false;
    memcpy(place->file, name.data, name.len);
    place->file[name.len] = '\0';
    return true;
}

static bool place_offset(struct binlog_place *place, struct span digits)
{
    place->offset = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
        place->offset = place->offset * 10 + (uint64_t)(digits.data[i] - '0');
    }
    return digits.len > 0 && digits.len < 20;
}

static int take_end(struct rows *rows, struct binlog_place *end)
{
    struct reader row;
    int found = rows_only(rows, &row);
    if (found <= 0)
        return found;
    bool good = place_file(end, read_lenenc_span(&row));
    good = place_offset(end, read_lenenc_span(&row)) && good && !row.bad;
    return good ? 1 : trouble_set(rows->trouble, "the end of the log could not be read");
}

static int take_shown(struct rows *rows, struct binlog_place *shown)
{
    struct reader row;
    bool end = false;
    bool has_file = false;
    bool has_offset = false;
    int found;
    while ((found = rows_next(rows, &row, &end)) > 0 && !end) {
        struct span name = read_lenenc_span(&row);
        struct span value = read_lenenc_span(&row);
        if (row.bad)
            return trouble_set(rows->trouble, "a status row could not be read");
        if (span_equal(name, span_text("Binlog_snapshot_file")))
            has_file = place_file(shown, value);
        else if (span_equal(name, span_text("Binlog_snapshot_position")))
            has_offset = place_offset(shown, value);
    }
    if (found > 0 && !(has_file && has_offset))
        return trouble_set(rows->trouble, "it does not tell Binlog_snapshot_position");
    return found;
}

int bound_answer_shown(struct span bytes, struct binlog_place *end, struct binlog_place *shown,
                       struct bound_trouble *trouble)
{
    struct rows rows = {.in = reader_of(bytes), .trouble = trouble};
    int found = end ? take_end(&rows, end) : 1;
    return found > 0 ? take_shown(&rows, shown) : found;
}

bool binlog_place_reached(const struct binlog_place *place, const struct binlog_place *goal)
{
    size_t len = strlen(place->file);
    size_t goal_len = strlen(goal->file);
    /* After binlog.999999 comes binlog.1000000. */
    int order = len == goal_len ? strcmp(place->file, goal->file) : len < goal_len ? -1 : 1;
    return order > 0 || (order == 0 && place->offset >= goal->offset);
}
