/* The session state block: every entry is found, a filtered block is a valid block. */
#include "proxy/proto/session_track.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

#define BYTES(text) span_of(text, sizeof text - 1)
#define GTID                                                                                       \
    "\x00\x11\x09last_gtid\x06"                                                                    \
    "0-1-10"
#define SCHEMA "\x01\x03\x02t1"
/* A state change carries "1" without a length of its own. */
#define CHANGED                                                                                    \
    "\x02\x01"                                                                                     \
    "1"
/* Recorded: USE mysql with session_track_state_change. */
#define USE_MYSQL                                                                                  \
    "\x01\x06\x05mysql\x02\x01"                                                                    \
    "1"
/* Recorded: BEGIN with session_track_transaction_info = CHARACTERISTICS. */
#define BEGIN "\x05\x09\x08T_______\x04\x13\x12START TRANSACTION;"
#define CHARACTERISTICS                                                                            \
    "\x04\x13\x12"                                                                                 \
    "START TRANSACTION;"
#define TRX "\x05\x09\x08T_______"
#define MYSQL_GTID                                                                                 \
    "\x03\x06\x00\x04"                                                                             \
    "id:1"
#define UNKNOWN "\x63\x03\x01\x02\x03"
/* One entry with two variables, as SET NAMES may give. */
#define PAIR                                                                                       \
    "\x00\x0a\x01"                                                                                 \
    "a"                                                                                            \
    "\x02"                                                                                         \
    "AA"                                                                                           \
    "\x01"                                                                                         \
    "b"                                                                                            \
    "\x02"                                                                                         \
    "BB"

/* The whole block as text: type, name=value. */
static int block_text(struct span block, struct buf *text)
{
    struct track_reader reader;
    struct track_entry entry;
    int rc;
    track_open(&reader, block);
    while ((rc = track_next(&reader, &entry)) > 0) {
        buf_printf(text, "%u:%.*s=%.*s(%zu) ", entry.type, (int)entry.name.len,
                   (const char *)entry.name.data, (int)entry.value.len,
                   (const char *)entry.value.data, entry.raw.len);
    }
    ck_assert_int_eq(track_next(&reader, &entry), rc);
    buf_append_u8(text, 0);
    return rc;
}

static const struct {
    struct span block;
    const char *text;
} good[] = {
#define B(text)                                                                                    \
    {                                                                                              \
        (const uint8_t *)text, sizeof text - 1                                                     \
    }
    {B(""), ""},
    {B(GTID), "0:last_gtid=0-1-10(19) "},
    {B(SCHEMA), "1:=t1(5) "},
    {B(CHANGED), "2:=1(3) "},
    {B(CHARACTERISTICS), "4:=START TRANSACTION;(21) "},
    {B(TRX), "5:=T_______(11) "},
    {B(MYSQL_GTID), "3:=id:1(8) "},
    {B(UNKNOWN), "99:=\x01\x02\x03(5) "},
    {B(PAIR), "0:a=AA(12) 0:b=BB(12) "},
    {B("\x00\x00"), ""},
    {B("\x00\x00" SCHEMA), "1:=t1(5) "},
    {B(PAIR SCHEMA GTID CHANGED), "0:a=AA(12) 0:b=BB(12) 1:=t1(5) 0:last_gtid=0-1-10(19) 2:=1(3) "},
    {B("\x01\x01\x00"), "1:=(3) "},
    {B(USE_MYSQL), "1:=mysql(8) 2:=1(3) "},
    {B(BEGIN), "5:=T_______(11) 4:=START TRANSACTION;(21) "},
};

START_TEST(every_entry_is_found)
{
    struct buf text = {0};
    ck_assert_int_eq(block_text(good[_i].block, &text), 0);
    ck_assert_str_eq((const char *)text.data, good[_i].text);
    buf_free(&text);
}
END_TEST

static const struct span malformed[] = {
    B("\x00"),
    B("\x00\x05"
      "ab"),
    B("\x00\x03\x02"
      "ab"), /* a name and no value */
    B("\x00\x04\x02"
      "ab"
      "\x05"), /* a value beyond its entry */
    B("\x00\x05\x02"
      "ab"
      "\x05"
      "x" SCHEMA),
    B("\x00\x05\xfb\x02"
      "abc"),      /* NULL is no name */
    B("\x01\x00"), /* a schema without its length */
    B("\x01\x03\x05"
      "t1"),
    B("\x03\x01\x00"),
    B(SCHEMA "\x00\xff"),
    B("\x01\xfe\xff\xff\xff\xff\xff\xff\xff\xff"),
};

static bool keep_all(const struct track_entry *entry, void *context)
{
    (void)entry;
    (void)context;
    return true;
}

START_TEST(a_malformed_block_is_told_and_filters_to_nothing)
{
    struct buf text = {0}, out = {0};
    ck_assert_int_eq(block_text(malformed[_i], &text), -EPROTO);
    buf_append_text(&out, "before");
    ck_assert_int_eq(track_filter(&out, malformed[_i], keep_all, NULL), -EPROTO);
    ck_assert(span_equal(buf_span(&out), BYTES("before")));
    buf_free(&text);
    buf_free(&out);
}
END_TEST

START_TEST(no_cut_of_a_block_reads_beyond_it)
{
    struct span whole = BYTES(PAIR SCHEMA GTID CHANGED TRX UNKNOWN);
    for (size_t len = 0; len < whole.len; len++) {
        uint8_t *copy = malloc(len + 1); /* so that a sanitizer sees its end */
        memcpy(copy, whole.data, len);
        struct buf text = {0};
        block_text(span_of(copy, len), &text);
        buf_free(&text);
        free(copy);
    }
}
END_TEST

/* Keeps the system variables whose name is the context, and what is none of them. */
static bool keep_named(const struct track_entry *entry, void *context)
{
    return entry->type != TRACK_SYSTEM_VARIABLE || span_equal(entry->name, span_text(context));
}

static bool keep_variables(const struct track_entry *entry, void *context)
{
    (void)context;
    return entry->type == TRACK_SYSTEM_VARIABLE;
}

static const struct {
    struct span block;
    track_keep keep;
    const char *context;
    struct span result;
} filters[] = {
    {B(PAIR SCHEMA GTID CHANGED), keep_all, NULL, B(PAIR SCHEMA GTID CHANGED)},
    {B(PAIR SCHEMA GTID CHANGED), keep_variables, NULL, B(PAIR GTID)},
    {B(PAIR SCHEMA GTID CHANGED), keep_named, "nothing", B(SCHEMA CHANGED)},
    {B(PAIR SCHEMA GTID CHANGED), keep_named, "last_gtid", B(SCHEMA GTID CHANGED)},
    {B(PAIR SCHEMA), keep_named, "a",
     B("\x00\x05\x01"
       "a"
       "\x02"
       "AA" SCHEMA)},
    {B(SCHEMA PAIR), keep_named, "b",
     B(SCHEMA "\x00\x05\x01"
              "b"
              "\x02"
              "BB")},
    {B(PAIR GTID), keep_named, "last_gtid", B(GTID)},
    {B(GTID PAIR), keep_named, "last_gtid", B(GTID)},
    {B(UNKNOWN), keep_named, "", B(UNKNOWN)},
    {B(""), keep_all, NULL, B("")},
};
#undef B

START_TEST(a_filter_keeps_what_it_is_asked_to)
{
    struct buf out = {0};
    buf_append_text(&out, "x");
    int rc = track_filter(&out, filters[_i].block, filters[_i].keep, (void *)filters[_i].context);
    ck_assert_int_eq(rc, 0);
    ck_assert(span_equal(span_of(out.data + 1, out.len - 1), filters[_i].result));
    buf_free(&out);
}
END_TEST

START_TEST(a_long_entry_keeps_its_long_length)
{
    struct buf block = {0}, out = {0}, value = {0};
    buf_append_zero(&value, 70000);
    buf_append_u8(&block, TRACK_SYSTEM_VARIABLE);
    write_lenenc(&block, 1 + 1 + 4 + value.len);
    write_lenenc_span(&block, span_text("v"));
    write_lenenc_span(&block, buf_span(&value));
    ck_assert_int_eq(track_filter(&out, buf_span(&block), keep_all, NULL), 0);
    ck_assert(span_equal(buf_span(&out), buf_span(&block)));
    buf_free(&block);
    buf_free(&out);
    buf_free(&value);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session_track");
    TCase *tests = tcase_create("session_track");
    tcase_add_loop_test(tests, every_entry_is_found, 0, sizeof good / sizeof good[0]);
    tcase_add_loop_test(tests, a_malformed_block_is_told_and_filters_to_nothing, 0,
                        sizeof malformed / sizeof malformed[0]);
    tcase_add_test(tests, no_cut_of_a_block_reads_beyond_it);
    tcase_add_loop_test(tests, a_filter_keeps_what_it_is_asked_to, 0,
                        sizeof filters / sizeof filters[0]);
    tcase_add_test(tests, a_long_entry_keeps_its_long_length);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
