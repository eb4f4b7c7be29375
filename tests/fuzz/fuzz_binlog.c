/* The log reader over arbitrary bytes, fed in two pieces, with all rows and all their values
 * decoded; and the same bytes as a GTID set, as a PREVIOUS_GTIDS body and as binary JSON. What was
 * read as a GTID set must print and read back as the same set. */
#include "binlog/gtid_set.h"
#include "binlog/json_binary.h"
#include "binlog/log_reader.h"
#include "binlog/row.h"

#include <stdlib.h>

enum { INFLATE_MAX_BYTES = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void image_print(const struct table_map *table, const struct row_image *image,
                        struct buf *out)
{
    for (uint32_t i = 0; image->is_present && i < table->column_count; i++) {
        out->len = 0;
        if (value_print(&image->values[i], out) < 0 && image->values[i].kind != VALUE_JSON &&
            image->values[i].kind != VALUE_JSON_DIFF)
            abort();
    }
}

static void columns_print(const struct table_map *table)
{
    char type[64];

    for (uint32_t i = 0; i < table->column_count; i++) {
        table_column_type_print(table, i, type, sizeof(type));
        for (uint32_t value = 0; value < table->columns[i].value_count && value < 4; value++)
            (void)table_column_value(&table->columns[i], value);
    }
}

static void rows_decode(struct row_reader *rows, const struct binlog_event *event, struct buf *out)
{
    struct binlog_error error;
    struct row row;

    if (row_reader_start(rows, event, &error) < 0 || event->rows.table == NULL)
        return;
    columns_print(event->rows.table);
    while (row_reader_next(rows, &row, &error) > 0) {
        image_print(event->rows.table, &row.before, out);
        image_print(event->rows.table, &row.after, out);
    }
}

static void event_decode(struct row_reader *rows, const struct binlog_event *event, struct buf *out)
{
    out->len = 0;
    if (event->payload == EVENT_PAYLOAD_ROWS)
        rows_decode(rows, event, out);
    if (event->payload == EVENT_PAYLOAD_USER_VAR)
        (void)event_user_var_text(&event->user_var, out);
    for (uint32_t i = 0; event->payload == EVENT_PAYLOAD_GTID_LIST && i < event->gtid_list.count;
         i++)
        (void)event_gtid_list_at(&event->gtid_list, i);
}

static void log_decode(struct span log)
{
    const struct log_reader_options options = {.inflate_max_bytes = INFLATE_MAX_BYTES};
    struct log_reader *reader = log_reader_new(&options);
    struct row_reader *rows = row_reader_new(INFLATE_MAX_BYTES);
    struct buf out = {0};
    struct binlog_event event;
    struct binlog_error error;

    for (size_t piece = 0; piece < 2; piece++) {
        size_t half = log.len / 2;

        log_reader_feed(reader, piece == 0 ? span_of(log.data, half)
                                           : span_of(log.data + half, log.len - half));
        while (log_reader_next(reader, &event, &error) > 0)
            event_decode(rows, &event, &out);
    }
    (void)log_reader_end(reader, &error);
    buf_free(&out);
    row_reader_free(rows);
    log_reader_free(reader);
}

static void set_round_trip(struct span text, enum gtid_set_kind kind)
{
    struct gtid_set set;
    struct gtid_set back;
    struct buf out = {0};

    gtid_set_init(&set, kind);
    gtid_set_init(&back, kind);
    if (gtid_set_parse(&set, text) == 0) {
        gtid_set_print(&set, &out);
        if (gtid_set_parse(&back, buf_span(&out)) < 0 || !gtid_set_equal(&set, &back))
            abort();
        gtid_set_subtract(&back, &set);
        if (!gtid_set_is_empty(&back))
            abort();
    }
    gtid_set_free(&set);
    gtid_set_free(&back);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span bytes = span_of(data, size);
    struct gtid_set set;
    struct buf out = {0};

    log_decode(bytes);
    set_round_trip(bytes, GTID_SET_MARIADB);
    set_round_trip(bytes, GTID_SET_MYSQL);
    gtid_set_init(&set, GTID_SET_MYSQL);
    (void)gtid_set_decode(&set, bytes);
    gtid_set_free(&set);
    (void)json_binary_print(bytes, &out);
    out.len = 0;
    (void)json_diff_print(bytes, span_text("@1"), &out);
    buf_free(&out);
    return 0;
}
