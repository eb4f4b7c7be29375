/* Result sets that Causeway makes itself: the bytes of a definition, and how the parts end. */
#include "proxy/proto/column.h"

#include "proxy/proto/capability.h"
#include "proxy/proto/reply.h"

#include <check.h>
#include <stdlib.h>

/* The payload of the only packet, whose sequence number must be `seq`. */
static struct span only_packet(const struct buf *buf, uint8_t seq)
{
    ck_assert_uint_ge(buf->len, PACKET_HEADER_BYTES);
    ck_assert_uint_eq(packet_payload_len(buf->data), buf->len - PACKET_HEADER_BYTES);
    ck_assert_uint_eq(packet_seq(buf->data), seq);
    return span_of(buf->data + PACKET_HEADER_BYTES, buf->len - PACKET_HEADER_BYTES);
}

static const struct {
    const char *name;
    uint64_t capabilities;
    const char *expected;
    size_t len;
} definitions[] = {
    {"position", 0,
     "\003def\000\000\000\010position\000\014\041\000\004\003\002\001\375\000\000\047\000\000", 30},
    {"position", MARIADB_CLIENT_EXTENDED_METADATA,
     "\003def\000\000\000\010position\000\000\014\041\000\004\003\002\001\375\000\000\047\000\000",
     31},
    {"", CLIENT_DEPRECATE_EOF,
     "\003def\000\000\000\000\000\014\041\000\004\003\002\001\375\000\000"
     "\047\000\000",
     22},
};

START_TEST(a_definition_is_of_nullable_text)
{
    struct buf buf = {0};
    ck_assert_uint_eq(column_build(&buf, 7, span_text(definitions[_i].name), 0x01020304,
                                   definitions[_i].capabilities),
                      8);
    struct span payload = only_packet(&buf, 7);
    ck_assert_uint_eq(payload.len, definitions[_i].len);
    ck_assert_mem_eq(payload.data, definitions[_i].expected, payload.len);
    buf_free(&buf);
}
END_TEST

START_TEST(a_long_name_has_a_long_length)
{
    char name[300];
    struct buf buf = {0};
    memset(name, 'n', sizeof(name));
    column_build(&buf, 1, span_of(name, sizeof(name)), 1, 0);
    struct reader reader = reader_of(only_packet(&buf, 1));
    ck_assert(span_equal(read_lenenc_span(&reader), span_text("def")));
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(read_lenenc_span(&reader).len, 0);
    ck_assert(span_equal(read_lenenc_span(&reader), span_of(name, sizeof(name))));
    ck_assert_uint_eq(read_lenenc_span(&reader).len, 0);
    ck_assert_uint_eq(read_lenenc(&reader), reader_left(&reader));
    ck_assert(!reader.bad);
    buf_free(&buf);
}
END_TEST

START_TEST(sequence_numbers_wrap)
{
    struct buf buf = {0};
    ck_assert_uint_eq(column_build(&buf, 255, span_text("a"), 1, 0), 0);
    ck_assert_uint_eq(columns_end(&buf, 255, 2, 0), 0);
    buf_free(&buf);
}
END_TEST

/* What ends the definitions, and the rows. */
static const struct {
    const char *name;
    uint64_t capabilities;
    size_t definitions_end_bytes; /* payload; 0: no packet */
    size_t rows_end_bytes;
} ends[] = {
    {"an old client", 0, 5, 5},
    {"an old client that tracks", CLIENT_SESSION_TRACK, 5, 5},
    {"without EOF", CLIENT_DEPRECATE_EOF, 0, 7},
    {"without EOF, tracking", CLIENT_DEPRECATE_EOF | CLIENT_SESSION_TRACK, 0, 7},
};

START_TEST(the_parts_end_as_the_client_negotiated)
{
    static const uint8_t eof[] = {0xfe, 0, 0, 0x22, 0x11};
    static const uint8_t ok[] = {0xfe, 0, 0, 0x22, 0x11, 0, 0};
    struct buf buf = {0};
    uint8_t next = columns_end(&buf, 3, 0x1122, ends[_i].capabilities);
    if (ends[_i].definitions_end_bytes == 0) {
        ck_assert_uint_eq(buf.len, 0);
        ck_assert_uint_eq(next, 3);
    } else {
        struct span payload = only_packet(&buf, 3);
        ck_assert_uint_eq(next, 4);
        ck_assert_uint_eq(payload.len, sizeof(eof));
        ck_assert_mem_eq(payload.data, eof, sizeof(eof));
    }
    buf.len = 0;
    rows_end(&buf, 9, 0x1122, ends[_i].capabilities);
    struct span payload = only_packet(&buf, 9);
    ck_assert_msg(payload.len == ends[_i].rows_end_bytes, "%s: %zu bytes", ends[_i].name,
                  payload.len);
    ck_assert_mem_eq(payload.data, payload.len == sizeof(eof) ? eof : ok, payload.len);
    buf_free(&buf);
}
END_TEST

/* As a server sent them for SELECT @variable, in text and when prepared. */
static const struct {
    const char *name;
    bool binary;
    struct span value;
    const char *expected;
    size_t len;
} value_rows[] = {
    {"text", false, {(const uint8_t *)"alice", 5}, "\005alice", 6},
    {"text, empty", false, {(const uint8_t *)"", 0}, "\000", 1},
    {"text, NULL", false, {NULL, 0}, "\373", 1},
    {"binary", true, {(const uint8_t *)"alice", 5}, "\000\000\005alice", 8},
    {"binary, empty", true, {(const uint8_t *)"", 0}, "\000\000\000", 3},
    {"binary, NULL", true, {NULL, 0}, "\000\004", 2},
};

START_TEST(a_row_has_one_value_or_null)
{
    struct buf buf = {0};
    ck_assert_uint_eq(row_build(&buf, 4, value_rows[_i].value, value_rows[_i].binary), 5);
    struct span payload = only_packet(&buf, 4);
    ck_assert_msg(payload.len == value_rows[_i].len, "%s: %zu bytes", value_rows[_i].name,
                  payload.len);
    ck_assert_mem_eq(payload.data, value_rows[_i].expected, payload.len);
    buf_free(&buf);
}
END_TEST

START_TEST(a_long_value_has_a_long_length)
{
    uint8_t value[255];
    struct buf buf = {0};
    memset(value, 'v', sizeof(value));
    row_build(&buf, 0, span_of(value, sizeof(value)), true);
    struct span payload = only_packet(&buf, 0);
    ck_assert_uint_eq(payload.len, 2 + 3 + sizeof(value));
    ck_assert_mem_eq(payload.data, "\000\000\374\377\000v", 6);
    buf_free(&buf);
}
END_TEST

START_TEST(a_number_is_unsigned_and_never_null)
{
    struct buf buf = {0};
    ck_assert_uint_eq(column_build_u32(&buf, 2, span_text("id"), 0), 3);
    struct span payload = only_packet(&buf, 2);
    /* name, original name; length of the rest, charset 63, width 10, LONG, flags, decimals */
    static const char end[] = "\002id\000\014\077\000\012\000\000\000\003\241\000\000\000\000";
    ck_assert_uint_gt(payload.len, sizeof(end) - 1);
    ck_assert_mem_eq(payload.data + payload.len - (sizeof(end) - 1), end, sizeof(end) - 1);
    buf_free(&buf);
    row_build_u32(&buf, 4, 1073741825, false);
    ck_assert(span_equal(only_packet(&buf, 4), span_text("\0121073741825")));
    buf_free(&buf);
    row_build_u32(&buf, 4, 0x04030201, true);
    ck_assert(span_equal(only_packet(&buf, 4), span_of((const uint8_t *)"\0\0\1\2\3\4", 6)));
    buf_free(&buf);
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof(table[0])))

int main(void)
{
    Suite *suite = suite_create("column");
    TCase *tcase = tcase_create("column");
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, a_definition_is_of_nullable_text, 0, COUNT(definitions));
    tcase_add_test(tcase, a_long_name_has_a_long_length);
    tcase_add_test(tcase, sequence_numbers_wrap);
    tcase_add_loop_test(tcase, the_parts_end_as_the_client_negotiated, 0, COUNT(ends));
    tcase_add_loop_test(tcase, a_row_has_one_value_or_null, 0, COUNT(value_rows));
    tcase_add_test(tcase, a_long_value_has_a_long_length);
    tcase_add_test(tcase, a_number_is_unsigned_and_never_null);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
