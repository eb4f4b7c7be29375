/* The leader's answers about its log: as a 10.11 server gives them, cut anywhere, and damaged. */
#include "proxy/bound_answer.h"

#include "proxy/proto/packet.h"
#include "proxy/proto/reply.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

/* What MariaDB 10.11 sent, a packet a string: SELECT @@global.gtid_binlog_pos,
 * @@global.gtid_binlog_state; SHOW MASTER STATUS; SHOW STATUS LIKE 'binlog_snapshot_%'. */
static const char position_bytes[] = "\001\000\000\001\002"
                                     ".\000\000\002\003def\000\000\000\030@@global.gtid_binlog_"
                                     "pos\000\014-\000,\000\000\000\375\000\000'\000\000"
                                     "0\000\000\003\003def\000\000\000\032@@global.gtid_binlog_"
                                     "state\000\014-\000D\000\000\000\375\000\000'\000\000"
                                     "\036\000\000\004\0130-1-7,7-1-1\0210-5-5,0-1-7,7-1-1"
                                     "\007\000\000\005\376\000\000\002\000\000\000";

static const char end_bytes[] =
    "\001\000\000\001\004"
    "\032\000\000\002\003def\000\000\000\004File\000\014-\000\000\010\000\000\375\001\000'\000\000"
    "\036\000\000\003\003def\000\000\000\010Position\000\014?"
    "\000\024\000\000\000\010\241\000\000\000\000"
    "\"\000\000\004\003def\000\000\000\014Binlog_Do_DB\000\014-\000\374\003\000\000\375\001\000'"
    "\000\000"
    "&\000\000\005\003def\000\000\000\020Binlog_Ignore_DB\000\014-\000\374\003\000\000\375\001\000'"
    "\000\000"
    "\025\000\000\006\015binlog.000001\0041678\000\000"
    "\007\000\000\007\376\000\000\002\000\000\000";

static const char shown_bytes[] =
    "\001\000\000\001\002"
    "^\000\000\002\003def\022information_schema\016SESSION_STATUS\016SESSION_STATUS\015Variable_"
    "name\015VARIABLE_NAME\014-\000\000\001\000\000\375\001\020\000\000\000"
    "W\000\000\003\003def\022information_schema\016SESSION_STATUS\016SESSION_"
    "STATUS\005Value\016VARIABLE_VALUE\014-\000\000@\000\000\375\001\020\000\000\000"
    "#\000\000\004\024Binlog_snapshot_file\015binlog.000001"
    "\036\000\000\005\030Binlog_snapshot_position\0041678"
    "\007\000\000\006\376\000\000\002\000\000\000";

static struct buf bytes_of(const char *bytes, size_t size)
{
    struct buf buf = {0};
    buf_append(&buf, bytes, size - 1);
    return buf;
}

/* What is there and no more, so that reading behind the end is found. */
static struct span exactly(const struct buf *buf, size_t len, uint8_t **copy)
{
    *copy = malloc(len ? len : 1);
    ck_assert_ptr_nonnull(*copy);
    memcpy(*copy, buf_span(buf).data, len);
    return span_of(*copy, len);
}

enum question { POSITION, END_AND_SHOWN, SHOWN_AGAIN };

struct answers {
    struct bound_answer position;
    struct binlog_place end;
    struct binlog_place shown;
    struct bound_trouble trouble;
};

static int read_answer(enum question question, struct span bytes, struct answers *answers)
{
    *answers = (struct answers){.trouble = {.code = 9999, .text = "?"}};
    if (question == POSITION)
        return bound_answer_position(bytes, &answers->position, &answers->trouble);
    return bound_answer_shown(bytes, question == END_AND_SHOWN ? &answers->end : NULL,
                              &answers->shown, &answers->trouble);
}

static struct buf whole_answer(enum question question)
{
    struct buf buf = {0};
    if (question == POSITION)
        return bytes_of(position_bytes, sizeof(position_bytes));
    if (question == END_AND_SHOWN)
        buf = bytes_of(end_bytes, sizeof(end_bytes));
    buf_append(&buf, shown_bytes, sizeof(shown_bytes) - 1);
    return buf;
}

START_TEST(a_whole_answer_is_read)
{
    struct answers answers;
    char text[64];
    struct buf buf = whole_answer(POSITION);
    ck_assert_int_eq(read_answer(POSITION, buf_span(&buf), &answers), 1);
    gtid_vector_print(&answers.position.position, text, sizeof(text));
    ck_assert_str_eq(text, "0-1-7,7-1-1");
    ck_assert(span_equal(answers.position.state, span_text("0-5-5,0-1-7,7-1-1")));
    buf_free(&buf);
    buf = whole_answer(END_AND_SHOWN);
    ck_assert_int_eq(read_answer(END_AND_SHOWN, buf_span(&buf), &answers), 1);
    ck_assert_str_eq(answers.end.file, "binlog.000001");
    ck_assert_uint_eq(answers.end.offset, 1678);
    ck_assert_str_eq(answers.shown.file, "binlog.000001");
    ck_assert_uint_eq(answers.shown.offset, 1678);
    buf_free(&buf);
    buf = whole_answer(SHOWN_AGAIN);
    ck_assert_int_eq(read_answer(SHOWN_AGAIN, buf_span(&buf), &answers), 1);
    ck_assert_str_eq(answers.shown.file, "binlog.000001");
    ck_assert_uint_eq(answers.shown.offset, 1678);
    buf_free(&buf);
}
END_TEST

START_TEST(a_part_of_an_answer_needs_more)
{
    struct buf buf = whole_answer((enum question)_i);
    for (size_t len = 0; len < buf_span(&buf).len; len++) {
        struct answers answers;
        uint8_t *copy;
        struct span part = exactly(&buf, len, &copy);
        int result = read_answer((enum question)_i, part, &answers);
        ck_assert_msg(result == 0, "%zu bytes: %d, %s", len, result, answers.trouble.text);
        free(copy);
    }
    buf_free(&buf);
}
END_TEST

/* One byte of a good answer is another: anything but reading what is not there. */
START_TEST(a_damaged_answer_harms_nobody)
{
    static const uint8_t instead[] = {0, 1, 0x7f, 0xfb, 0xfc, 0xfd, 0xfe, 0xff};
    struct buf buf = whole_answer((enum question)_i);
    size_t len = buf_span(&buf).len;
    for (size_t at = 0; at < len * sizeof(instead); at++) {
        struct answers answers;
        uint8_t *copy;
        struct span damaged = exactly(&buf, len, &copy);
        copy[at / sizeof(instead)] = instead[at % sizeof(instead)];
        int result = read_answer((enum question)_i, damaged, &answers);
        ck_assert(result == 0 || result == 1 || result == -EPROTO);
        if (result < 0)
            ck_assert_str_ne(answers.trouble.text, "?");
        free(copy);
    }
    buf_free(&buf);
}
END_TEST

/* --- errors --- */

static void add_error(struct buf *buf)
{
    err_build(buf, 1, 1227, "42000",
              span_text("Access denied; you need (at least one of) the SUPER, BINLOG MONITOR "
                        "privilege(s) for this operation"));
}

static void check_error(enum question question, struct buf *buf)
{
    struct answers answers;
    ck_assert_int_eq(read_answer(question, buf_span(buf), &answers), -EPROTO);
    ck_assert_uint_eq(answers.trouble.code, 1227);
    ck_assert_str_eq(answers.trouble.text,
                     "error 1227: Access denied; you need (at least one of) the SUPER, BINLOG "
                     "MONITOR privilege(s) for this operation");
    buf_free(buf);
}

START_TEST(an_error_gives_its_code_and_text)
{
    struct buf buf = {0};
    add_error(&buf);
    check_error((enum question)_i, &buf);
}
END_TEST

START_TEST(an_error_in_the_second_answer_does_too)
{
    struct buf buf = bytes_of(end_bytes, sizeof(end_bytes));
    add_error(&buf);
    check_error(END_AND_SHOWN, &buf);
}
END_TEST

START_TEST(an_error_where_rows_were_begun_does_too)
{
    struct buf buf = bytes_of(end_bytes, sizeof(end_bytes));
    buf.len -= 11; /* its end */
    add_error(&buf);
    check_error(END_AND_SHOWN, &buf);
}
END_TEST

START_TEST(a_long_error_is_cut)
{
    struct answers answers;
    struct buf buf = {0};
    char text[400];
    memset(text, 'x', sizeof(text));
    err_build(&buf, 1, 1227, "42000", span_of(text, sizeof(text)));
    ck_assert_int_eq(read_answer(POSITION, buf_span(&buf), &answers), -EPROTO);
    ck_assert_uint_eq(strlen(answers.trouble.text), sizeof(answers.trouble.text) - 1);
    buf_free(&buf);
}
END_TEST

/* --- answers that make no sense --- */

/* A result set of so many columns, whose rows are lists of values, "|" between them; NULL: none. */
static void add_rows(struct buf *buf, unsigned columns, const char *const rows[], size_t count)
{
    size_t begin = packet_begin(buf);
    write_lenenc(buf, columns);
    uint8_t seq = packet_end(buf, begin, 1);
    for (unsigned i = 0; i < columns; i++) {
        begin = packet_begin(buf);
        write_lenenc_span(buf, span_text("def"));
        seq = packet_end(buf, begin, seq);
    }
    for (size_t i = 0; i < count; i++) {
        begin = packet_begin(buf);
        for (const char *at = rows[i]; at;) {
            size_t len = strcspn(at, "|");
            if (len == 4 && memcmp(at, "NULL", 4) == 0)
                buf_append_u8(buf, 0xfb);
            else
                write_lenenc_span(buf, span_of(at, len));
            at = at[len] ? at + len + 1 : NULL;
        }
        seq = packet_end(buf, begin, seq);
    }
    const struct ok_reply end = {.header = 0xfe};
    ok_build(buf, seq, &end, UINT64_MAX);
}

#define FILE_ROW   "Binlog_snapshot_file|b.000001"
#define OFFSET_ROW "Binlog_snapshot_position|77"

static const struct {
    const char *name;
    enum question question;
    int result;
    unsigned columns;
    const char *rows[4];
} answers_made[] = {
    {"a position", POSITION, 1, 2, {"0-1-5|0-1-5"}},
    {"an empty log", POSITION, 1, 2, {"|"}},
    {"no row", POSITION, -EPROTO, 2, {NULL}},
    {"two rows", POSITION, -EPROTO, 2, {"0-1-5|0-1-5", "0-1-5|0-1-5"}},
    {"no state", POSITION, -EPROTO, 1, {"0-1-5"}},
    {"NULL", POSITION, -EPROTO, 2, {"NULL|0-1-5"}},
    {"a state of NULL", POSITION, -EPROTO, 2, {"0-1-5|NULL"}},
    {"no position", POSITION, -EPROTO, 2, {"0-1-x|0-1-5"}},
    {"more domains than there is room for",
     POSITION,
     -EPROTO,
     2,
     {"0-1-1,1-1-1,2-1-1,3-1-1,4-1-1,5-1-1,6-1-1,7-1-1,8-1-1,9-1-1,10-1-1,11-1-1,12-1-1,13-1-1,"
      "14-1-1,15-1-1,16-1-1|"}},
    {"what is shown", SHOWN_AGAIN, 1, 2, {FILE_ROW, OFFSET_ROW}},
    {"in any order", SHOWN_AGAIN, 1, 2, {OFFSET_ROW, FILE_ROW}},
    {"among others", SHOWN_AGAIN, 1, 2, {"Binlog_snapshot_x|1", FILE_ROW, OFFSET_ROW, "y|2"}},
    {"no file", SHOWN_AGAIN, -EPROTO, 2, {OFFSET_ROW}},
    {"no offset", SHOWN_AGAIN, -EPROTO, 2, {FILE_ROW}},
    {"nothing at all", SHOWN_AGAIN, -EPROTO, 2, {NULL}},
    {"an empty file", SHOWN_AGAIN, -EPROTO, 2, {"Binlog_snapshot_file|", OFFSET_ROW}},
    {"an empty offset", SHOWN_AGAIN, -EPROTO, 2, {FILE_ROW, "Binlog_snapshot_position|"}},
    {"a negative one", SHOWN_AGAIN, -EPROTO, 2, {FILE_ROW, "Binlog_snapshot_position|-1"}},
    {"one that is no number", SHOWN_AGAIN, -EPROTO, 2, {FILE_ROW, "Binlog_snapshot_position|7x"}},
    {"one beyond all numbers",
     SHOWN_AGAIN,
     -EPROTO,
     2,
     {FILE_ROW, "Binlog_snapshot_position|99999999999999999999"}},
    {"one of NULL", SHOWN_AGAIN, -EPROTO, 2, {FILE_ROW, "Binlog_snapshot_position|NULL"}},
    {"a row of one column", SHOWN_AGAIN, -EPROTO, 1, {"Binlog_snapshot_file"}},
    {"no log", END_AND_SHOWN, -EPROTO, 4, {NULL}},
    {"two logs", END_AND_SHOWN, -EPROTO, 4, {"b.000001|4|||", "b.000002|4|||"}},
    {"a log without an offset", END_AND_SHOWN, -EPROTO, 4, {"b.000001||||"}},
    {"a log without a name", END_AND_SHOWN, -EPROTO, 4, {"|4|||"}},
    {"a log, and the rest to come", END_AND_SHOWN, 0, 4, {"b.000001|4|||"}},
};

START_TEST(an_answer_makes_sense_or_is_refused)
{
    struct answers answers;
    struct buf buf = {0};
    size_t count = 0;
    while (count < 4 && answers_made[_i].rows[count])
        count++;
    add_rows(&buf, answers_made[_i].columns, answers_made[_i].rows, count);
    int result = read_answer(answers_made[_i].question, buf_span(&buf), &answers);
    ck_assert_msg(result == answers_made[_i].result, "%s: %d, %s", answers_made[_i].name, result,
                  answers.trouble.text);
    if (result < 0) {
        ck_assert_uint_eq(answers.trouble.code, 0);
        ck_assert_str_ne(answers.trouble.text, "?");
    }
    if (result == 1 && answers_made[_i].question == SHOWN_AGAIN) {
        ck_assert_str_eq(answers.shown.file, "b.000001");
        ck_assert_uint_eq(answers.shown.offset, 77);
    }
    buf_free(&buf);
}
END_TEST

START_TEST(a_file_name_must_have_room)
{
    for (size_t len = BINLOG_NAME_MAX - 2; len <= BINLOG_NAME_MAX + 1; len++) {
        char row[BINLOG_NAME_MAX + 64] = "Binlog_snapshot_file|";
        struct answers answers;
        struct buf buf = {0};
        memset(row + strlen(row), 'b', len);
        add_rows(&buf, 2, (const char *const[]){row, OFFSET_ROW}, 2);
        ck_assert_int_eq(read_answer(SHOWN_AGAIN, buf_span(&buf), &answers),
                         len < BINLOG_NAME_MAX ? 1 : -EPROTO);
        buf_free(&buf);
    }
}
END_TEST

static const struct {
    const char *name;
    const char *bytes;
    size_t len;
} garbage[] = {
    {"an OK", "\007\000\000\001\000\000\000\002\000\000\000", 11},
    {"an empty packet", "\000\000\000\001", 4},
    {"an error without its code", "\001\000\000\001\377", 5},
    {"LOCAL INFILE", "\002\000\000\001\373x", 6},
    {"a count that is cut", "\001\000\000\001\374", 5},
};

START_TEST(garbage_is_refused)
{
    for (enum question question = POSITION; question <= SHOWN_AGAIN; question++) {
        struct answers answers;
        struct span bytes = span_of(garbage[_i].bytes, garbage[_i].len);
        int result = read_answer(question, bytes, &answers);
        ck_assert_msg(result == -EPROTO, "%s: %d", garbage[_i].name, result);
        ck_assert_uint_eq(answers.trouble.code, 0);
        ck_assert_str_ne(answers.trouble.text, "?");
    }
}
END_TEST

/* --- places --- */

static const struct {
    struct binlog_place place;
    struct binlog_place goal;
    bool reached;
} places[] = {
    {{"b.000001", 4}, {"b.000001", 4}, true},
    {{"b.000001", 5}, {"b.000001", 4}, true},
    {{"b.000001", 3}, {"b.000001", 4}, false},
    {{"b.000002", 4}, {"b.000001", 900}, true},
    {{"b.000001", 900}, {"b.000002", 4}, false},
    {{"b.000010", 4}, {"b.000009", 900}, true},
    {{"b.000009", 900}, {"b.000010", 4}, false},
    {{"b.1000000", 4}, {"b.999999", 900}, true},
    {{"b.999999", 900}, {"b.1000000", 4}, false},
    {{"b.1000000", 4}, {"b.1000000", 4}, true},
    {{"b.1000001", 4}, {"b.1000000", 900}, true},
    {{"b.9999999", 900}, {"b.10000000", 4}, false},
    {{"b.000001", 5000000000}, {"b.000001", 4294967296}, true},
    {{"b.000001", 4294967295}, {"b.000001", 4294967296}, false},
};

START_TEST(files_are_numbered_in_turn)
{
    ck_assert_msg(binlog_place_reached(&places[_i].place, &places[_i].goal) == places[_i].reached,
                  "%s %llu, %s %llu", places[_i].place.file,
                  (unsigned long long)places[_i].place.offset, places[_i].goal.file,
                  (unsigned long long)places[_i].goal.offset);
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof(table[0])))

int main(void)
{
    Suite *suite = suite_create("bound_answer");
    TCase *tcase = tcase_create("bound_answer");
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, a_whole_answer_is_read);
    tcase_add_loop_test(tcase, a_part_of_an_answer_needs_more, POSITION, SHOWN_AGAIN + 1);
    tcase_add_loop_test(tcase, a_damaged_answer_harms_nobody, POSITION, SHOWN_AGAIN + 1);
    tcase_add_loop_test(tcase, an_error_gives_its_code_and_text, POSITION, SHOWN_AGAIN + 1);
    tcase_add_test(tcase, an_error_in_the_second_answer_does_too);
    tcase_add_test(tcase, an_error_where_rows_were_begun_does_too);
    tcase_add_test(tcase, a_long_error_is_cut);
    tcase_add_loop_test(tcase, an_answer_makes_sense_or_is_refused, 0, COUNT(answers_made));
    tcase_add_test(tcase, a_file_name_must_have_room);
    tcase_add_loop_test(tcase, garbage_is_refused, 0, COUNT(garbage));
    tcase_add_loop_test(tcase, files_are_numbered_in_turn, 0, COUNT(places));
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
