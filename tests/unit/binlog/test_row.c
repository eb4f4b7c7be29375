/* Rows as cells: what MariaDB logged comes out as it was inserted; MySQL's forms, built by hand;
 * rows that don't fit their table are refused. */
#include "binlog/row.h"

#include "binlog/log_reader.h"
#include "tests/unit/binlog/log_builder.h"
#include "tests/unit/binlog/recorded_logs.h"

#include <check.h>
#include <stdlib.h>
#include <zstd.h>

static void cell_append(const struct value *value, struct buf *out)
{
    static const char digits[] = "0123456789abcdef";
    struct buf text = {0};

    if (value->kind == VALUE_NULL)
        buf_append_text(out, "NULL");
    if (value->kind == VALUE_ABSENT)
        buf_append_text(out, "-");
    ck_assert_int_eq(value_print(value, &text), 0);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];

        if (byte >= ' ' && byte < 0x7f) {
            buf_append_u8(out, byte);
        } else {
            buf_append_u8(out, '\\');
            buf_append_u8(out, (uint8_t)digits[byte >> 4]);
            buf_append_u8(out, (uint8_t)digits[byte & 15]);
        }
    }
    buf_free(&text);
}

static void image_append(const char *name, const struct row_image *image, uint32_t count,
                         struct buf *out)
{
    if (!image->is_present)
        return;
    buf_append_text(out, name);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            buf_append_text(out, "|");
        cell_append(&image->values[i], out);
    }
    buf_append_text(out, "\n");
}

static int rows_append(struct row_reader *rows, const struct binlog_event *event, struct buf *out,
                       struct binlog_error *error)
{
    struct row row;
    int result = row_reader_start(rows, event, error);

    if (result < 0)
        return result;
    while ((result = row_reader_next(rows, &row, error)) > 0) {
        image_append("- ", &row.before, event->rows.table->column_count, out);
        image_append("+ ", &row.after, event->rows.table->column_count, out);
    }
    return result;
}

/* All rows of a log, "- " before and "+ " after. The last code. */
static int log_rows(struct span log, struct buf *out, struct binlog_error *error)
{
    struct log_reader *reader = log_reader_new(NULL);
    struct row_reader *rows = row_reader_new(0);
    struct binlog_event event;
    int result;

    log_reader_feed(reader, log);
    while ((result = log_reader_next(reader, &event, error)) > 0) {
        if (event.payload == EVENT_PAYLOAD_ROWS)
            result = rows_append(rows, &event, out, error);
        if (result < 0)
            break;
    }
    row_reader_free(rows);
    log_reader_free(reader);
    return result;
}

static void rows_check(struct span log, const char *expected)
{
    struct buf rows = {0};
    struct binlog_error error = {.text = ""};
    int result = log_rows(log, &rows, &error);

    buf_append_u8(&rows, 0);
    ck_assert_msg(result == 0, "%s", error.text);
    ck_assert_str_eq((const char *)rows.data, expected);
    buf_free(&rows);
}

#define TEN_X     "xxxxxxxxxx"
#define TEN_Y     "yyyyyyyyyy"
#define TEN_M     "mmmmmmmmmm"
#define FIFTY_X   TEN_X TEN_X TEN_X TEN_X TEN_X
#define FIFTY_Y   TEN_Y TEN_Y TEN_Y TEN_Y TEN_Y
#define MANY_X    FIFTY_X FIFTY_X FIFTY_X
#define MANY_Y    FIFTY_Y FIFTY_Y FIFTY_Y
#define HUNDRED_M TEN_M TEN_M TEN_M TEN_M TEN_M TEN_M TEN_M TEN_M TEN_M TEN_M
#define NUMBERS   "|2|-3|4|-5|1.5|25000000000|-12.34|1234567890.0987654321|4097|2026|2|5\n"
#define NULLS     "NULL|NULL|NULL|5|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL\n"
#define SEVEN_00  "\\00\\00\\00\\00\\00\\00\\00"

static const struct {
    const char *name;
    const uint8_t *log;
    size_t len;
    const char *rows;
} recorded[] = {
    {"numbers", log_numbers, sizeof(log_numbers),
     "+ -1" NUMBERS "+ " NULLS "- -1" NUMBERS "+ 9" NUMBERS "- 9" NUMBERS "- " NULLS},
    {"temporals", log_temporals, sizeof(log_temporals),
     "+ 2026-11-22|-838:59:59|-00:00:00.123|12:34:56.789012|9999-12-31 23:59:59|"
     "2026-01-02 03:04:05.67|2026-01-02 03:04:05.678901|1767323045|1767323045.6789\n"},
    {"strings", log_strings, sizeof(log_strings),
     "+ a|b|c|d|e|f|g|h|{\"a\":1}|\\12>Eg\\e8\\9b\\12\\d3\\a4VBfUD|" SEVEN_00 SEVEN_00
     "\\00\\01|\\00\\00\\00\\00\\01\\01\\00\\00\\00\\00\\00\\00\\00\\00\\00\\f0?" SEVEN_00
     "@|" HUNDRED_M "|n\n"},
    {"images", log_images, sizeof(log_images),
     "+ 1|-|-\n- 1|-|-\n+ -|2|-\n- 1|-|-\n+ 1\n+ 2|2|x\n- 2|2|-\n+ 2|3|-\n"},
    {"compressed", log_compressed, sizeof(log_compressed),
     "+ 1|" MANY_X "\n+ 2|" MANY_Y "\n- 1|" MANY_X "\n+ 3|" MANY_X "\n- 2|" MANY_Y "\n+ 3|" MANY_Y
     "\n- 3|" MANY_X "\n- 3|" MANY_Y "\n"},
    {"xa", log_xa, sizeof(log_xa), "+ 8\n+ 1\n"},
};

START_TEST(recorded_rows_come_out_as_they_were_written)
{
    rows_check(span_of(recorded[_i].log, recorded[_i].len), recorded[_i].rows);
}
END_TEST

/* Without checksums: each byte of a log is set to something else. There may be no crash, and what
 * is read must end; that values differ can't be seen. */
START_TEST(damaged_rows_end_in_an_error_or_in_rows)
{
    uint8_t copy[sizeof(log_numbers)];

    for (size_t at = 256; at < sizeof(log_numbers); at++) {
        struct buf rows = {0};
        struct binlog_error error = {.code = 0};
        int result;

        memcpy(copy, log_numbers, sizeof(copy));
        copy[at] = (uint8_t)~copy[at];
        result = log_rows(span_of(copy, sizeof(copy)), &rows, &error);
        ck_assert(result == 0 || error.offset <= sizeof(copy));
        buf_free(&rows);
    }
}
END_TEST

/* The columns of the first table that `log` maps. */
static void columns_check(struct span log, const char *expected)
{
    struct log_reader *reader = log_reader_new(NULL);
    struct binlog_event event;
    struct buf out = {0};

    log_reader_feed(reader, log);
    while (log_reader_next(reader, &event, NULL) > 0 && event.payload != EVENT_PAYLOAD_ROWS)
        ;
    for (uint32_t i = 0; i < event.rows.table->column_count; i++) {
        const struct table_column *column = &event.rows.table->columns[i];
        char type[64];

        table_column_type_print(event.rows.table, i, type, sizeof(type));
        buf_printf(&out, "%.*s %s%s", (int)column->name.len, (const char *)column->name.data, type,
                   column->is_primary_key ? " key" : "");
        if (column->collation != 0)
            buf_printf(&out, " %u", column->collation);
        for (uint32_t value = 0; value < column->value_count; value++) {
            struct span text = table_column_value(column, value);
            buf_printf(&out, " '%.*s'", (int)text.len, (const char *)text.data);
        }
        buf_append_text(&out, column->is_nullable ? "\n" : " not null\n");
    }
    buf_append_u8(&out, 0);
    ck_assert_str_eq((const char *)out.data, expected);
    buf_free(&out);
    log_reader_free(reader);
}

START_TEST(a_table_map_tells_its_columns)
{
    columns_check(span_of(log_numbers, sizeof(log_numbers)),
                  "a tinyint\nb smallint unsigned\nc mediumint\nd int key not null\ne bigint\n"
                  "f float\ng double\nh decimal(10,2)\ni decimal(30,10)\nj bit(13)\nk year\n"
                  "l enum 45 'x' 'y'\nm set 45 'p' 'q' 'r'\n");
    columns_check(span_of(log_strings, sizeof(log_strings)),
                  "a char(40) 45\nb char(400) 45\nc varchar(80) 45\nd varchar(8000) 45\n"
                  "e binary(4) 63\nf text 45\ng text 45\nh blob 63\ni text 46\nj binary(16) 63\n"
                  "k binary(16) 63\nl geometry 63\nm varchar(2001) 45\nn text 45\n");
}
END_TEST

/* Both servers log a sign for YEAR, too: those of the columns behind it are found only if it is
 * counted. y YEAR, u INT UNSIGNED, s INT, v INT UNSIGNED, as MariaDB 10.11 logs it. */
START_TEST(signs_are_told_apart_behind_a_year)
{
    static const uint8_t table[] = {
        1, 0, 0, 0,  0, 0, 1,    0, 1, 't', 0,   1, 'y', 0, 4,   13, 3,
        3, 3, 0, 15, 1, 1, 0xd0, 4, 8, 1,   'y', 1, 'u', 1, 's', 1,  'v',
    };
    static const uint8_t row[] = {1,    0,    0,    0,    0,    0,    1,    0,
                                  4,    0xff, 0xf0, 100,  0xff, 0xff, 0xff, 0xff,
                                  0xff, 0xff, 0xff, 0xff, 7,    0,    0,    0};
    struct log_builder log = {.checksum = true};

    builder_start(&log, 0, "10.11.6-MariaDB");
    builder_event(&log, EVENT_TABLE_MAP, 0, span_of(table, sizeof(table)));
    builder_event(&log, EVENT_WRITE_ROWS_V1, 0, span_of(row, sizeof(row)));
    rows_check(builder_span(&log), "+ 2000|4294967295|-1|7\n");
    buf_free(&log.bytes);
}
END_TEST

/* --- MySQL --- */

#define TABLE_ID "\x4d\0\0\0\0\0"

/* t.j (id int not null, j json) with signs, names, key and visibility */
static const char json_table[] = TABLE_ID "\1\0"
                                          "\1t\0"
                                          "\1j\0"
                                          "\2\3\xf5"
                                          "\1\4"
                                          "\2"
                                          "\1\1\0"
                                          "\4\5\2id\1j"
                                          "\x8\1\0"
                                          "\xc\1\xc0";

/* {"a": 1} */
#define DOCUMENT "\0\1\0\xc\0\xb\0\1\0\5\1\0a"
#define ROW_1    "\0\1\0\0\0\xd\0\0\0" DOCUMENT

static const char json_write[] = TABLE_ID "\0\0\2\0\2\3" ROW_1;

/* The after image: options 1, one bit for the JSON column, then REPLACE $.a by 2 and INSERT $.b. */
#define DIFFS "\0\3$.a\3\5\2\0\1\3$.b\3\4\1\0"
static const char json_update[] = TABLE_ID "\1\0\2\0\2\3\3" ROW_1 "\1\1\0\1\0\0\0\x12\0\0\0" DIFFS;

static struct span literal_span(const char *bytes, size_t size)
{
    return span_of(bytes, size - 1);
}

START_TEST(mysql_rows_with_json_and_its_differences_are_read)
{
    struct log_builder log = {.checksum = true};

    builder_start(&log, 0, "8.0.34");
    builder_event(&log, EVENT_TABLE_MAP, 0, literal_span(json_table, sizeof(json_table)));
    builder_event(&log, EVENT_WRITE_ROWS, 0, literal_span(json_write, sizeof(json_write)));
    columns_check(builder_span(&log), "id int key not null\nj json\n");
    builder_event(&log, EVENT_PARTIAL_UPDATE_ROWS, 0,
                  literal_span(json_update, sizeof(json_update)));
    rows_check(builder_span(&log),
               "+ 1|{\"a\": 1}\n- 1|{\"a\": 1}\n"
               "+ 1|JSON_INSERT(JSON_REPLACE(@before, '$.a', CAST('2' AS JSON)), '$.b', "
               "CAST('true' AS JSON))\n");
    buf_free(&log.bytes);
}
END_TEST

/* type, length, value of each field; the payload behind */
static void payload_build(struct buf *out, uint8_t compression, struct span plain)
{
    uint8_t packed[1024];
    size_t packed_len = plain.len;

    if (compression == EVENT_COMPRESSION_ZSTD)
        packed_len = ZSTD_compress(packed, sizeof(packed), plain.data, plain.len, 1);
    else
        memcpy(packed, plain.data, plain.len);
    ck_assert(!ZSTD_isError(packed_len));
    buf_append(out, "\2", 1);
    buf_append_u8(out, compression == EVENT_COMPRESSION_ZSTD ? 1 : 3);
    if (compression != EVENT_COMPRESSION_ZSTD)
        buf_append(out, "\xfc", 1);
    buf_append_u8(out, compression);
    if (compression != EVENT_COMPRESSION_ZSTD)
        buf_append_u8(out, 0);
    buf_append(out, "\3\3\xfc", 3);
    buf_append_u16(out, (uint16_t)plain.len);
    buf_append_u8(out, 0);
    buf_append(out, packed, packed_len);
}

START_TEST(the_rows_in_a_transaction_payload_come_out_behind_it)
{
    static const uint8_t compressions[] = {EVENT_COMPRESSION_ZSTD, EVENT_COMPRESSION_NONE};
    struct log_builder log = {.checksum = true};
    struct buf inner = {0};
    struct buf body = {0};

    builder_start(&log, 0, "8.0.34");
    builder_event_into(&inner, EVENT_TABLE_MAP, 0, literal_span(json_table, sizeof(json_table)),
                       false);
    builder_event_into(&inner, EVENT_WRITE_ROWS, 0, literal_span(json_write, sizeof(json_write)),
                       false);
    payload_build(&body, compressions[_i], buf_span(&inner));
    builder_event(&log, EVENT_TRANSACTION_PAYLOAD, 0, buf_span(&body));
    rows_check(builder_span(&log), "+ 1|{\"a\": 1}\n");
    buf_free(&inner);
    buf_free(&body);
    buf_free(&log.bytes);
}
END_TEST

/* --- what doesn't fit --- */

static const struct {
    const char *what;
    const char *rows;
    size_t size;
    int code;
} wrong_rows[] = {
    {"no such table", "\x4e\0\0\0\0\0\0\0\2\0\2\3" ROW_1, sizeof(json_write), BINLOG_DAMAGED},
    {"another number of columns", TABLE_ID "\0\0\2\0\3\7" ROW_1, sizeof(json_write),
     BINLOG_DAMAGED},
    {"a cell that is cut", TABLE_ID "\0\0\2\0\2\3\0\1\0\0\0\xe\0\0\0" DOCUMENT, sizeof(json_write),
     BINLOG_DAMAGED},
    {"bytes, but no column", TABLE_ID "\0\0\2\0\2\0\1", 14, BINLOG_DAMAGED},
};

START_TEST(rows_that_do_not_fit_their_table_are_refused)
{
    struct log_builder log = {.checksum = true};
    struct buf rows = {0};
    struct binlog_error error = {.code = 0};
    size_t start;

    builder_start(&log, 0, "8.0.34");
    builder_event(&log, EVENT_TABLE_MAP, 0, literal_span(json_table, sizeof(json_table)));
    start = log.bytes.len;
    builder_event(&log, EVENT_WRITE_ROWS, 0,
                  literal_span(wrong_rows[_i].rows, wrong_rows[_i].size));
    ck_assert_int_eq(log_rows(builder_span(&log), &rows, &error), wrong_rows[_i].code);
    ck_assert_uint_eq(rows.len, 0);
    ck_assert_uint_ge(error.offset, start);
    buf_free(&rows);
    buf_free(&log.bytes);
}
END_TEST

/* A table with a TIME of the old format: three bytes if it has no fraction, and the log doesn't say
 * whether it has. */
static const struct {
    const char *rows;
    size_t size;
    int code;
    const char *text;
} old_times[] = {
    {TABLE_ID "\1\0\1\1\xfe\x40\xe2\x01", 15, 0, "+ 12:34:56\n"},
    {TABLE_ID "\1\0\1\1\xfe\xc0\x1d\xfe", 15, 0, "+ -12:34:56\n"},
    {TABLE_ID "\1\0\1\1\xfe\x02\x8f\x45\x67", 16, BINLOG_UNSUPPORTED, ""},
};

START_TEST(old_times_are_read_without_a_fraction_and_refused_with_one)
{
    static const char table[] = TABLE_ID "\1\0"
                                         "\1t\0"
                                         "\1o\0"
                                         "\1\xb"
                                         "\0"
                                         "\1";
    struct log_builder log = {.checksum = true};
    struct buf rows = {0};
    struct binlog_error error = {.code = 0};

    builder_start(&log, 0, "10.11.6-MariaDB");
    builder_event(&log, EVENT_TABLE_MAP, 0, literal_span(table, sizeof(table)));
    builder_event(&log, EVENT_WRITE_ROWS_V1, 0,
                  literal_span(old_times[_i].rows, old_times[_i].size));
    ck_assert_int_eq(log_rows(builder_span(&log), &rows, &error), old_times[_i].code);
    buf_append_u8(&rows, 0);
    ck_assert_str_eq((const char *)rows.data, old_times[_i].text);
    buf_free(&rows);
    buf_free(&log.bytes);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("row");
    Suite *suite = suite_create("row");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, recorded_rows_come_out_as_they_were_written, 0,
                        sizeof(recorded) / sizeof(recorded[0]));
    tcase_add_test(cases, damaged_rows_end_in_an_error_or_in_rows);
    tcase_add_test(cases, a_table_map_tells_its_columns);
    tcase_add_test(cases, signs_are_told_apart_behind_a_year);
    tcase_add_test(cases, mysql_rows_with_json_and_its_differences_are_read);
    tcase_add_loop_test(cases, the_rows_in_a_transaction_payload_come_out_behind_it, 0, 2);
    tcase_add_loop_test(cases, rows_that_do_not_fit_their_table_are_refused, 0,
                        sizeof(wrong_rows) / sizeof(wrong_rows[0]));
    tcase_add_loop_test(cases, old_times_are_read_without_a_fraction_and_refused_with_one, 0,
                        sizeof(old_times) / sizeof(old_times[0]));
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
