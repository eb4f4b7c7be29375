/* Transactions and account changes in a stream of events, whole or cut. */
#include "binlog/stream/leader_log.h"
#include "binlog/stream/log_events.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct log_events events;

static void setup(void)
{
    log_events_init(&events);
}

static void teardown(void)
{
    log_events_free(&events);
}

static void event_begin(struct buf *out, uint8_t type, uint32_t timestamp)
{
    buf_append_u32(out, timestamp);
    buf_append_u8(out, type);
    buf_append_u32(out, 5); /* server id */
    buf_append_u32(out, 0); /* length: event_feed */
    buf_append_u32(out, 100);
    buf_append_u16(out, 0);
}

/* Hands over the first `given` bytes, 0: all. Frees the event. */
static int event_feed(struct buf *event, size_t given, uint64_t arrived_us)
{
    struct binlog_error error = {.text = ""};
    int found;

    store_u32(event->data + 9, (uint32_t)event->len);
    found = log_events_feed(&events, span_of(event->data, given != 0 ? given : event->len),
                            arrived_us, &error);
    ck_assert_msg(found >= 0, "%s", error.text);
    buf_free(event);
    return found;
}

static int feed_gtid(uint64_t seq, uint32_t domain, uint8_t flags, uint64_t arrived_us)
{
    struct buf event = {0};

    event_begin(&event, EVENT_GTID, 1000 + (uint32_t)seq);
    buf_append_u64(&event, seq);
    buf_append_u32(&event, domain);
    buf_append_u8(&event, flags);
    buf_append_zero(&event, 6);
    return event_feed(&event, 0, arrived_us);
}

static int feed_bare(uint8_t type)
{
    struct buf event = {0};

    event_begin(&event, type, 1);
    buf_append_u64(&event, 77);
    return event_feed(&event, 0, 0);
}

static int feed_query(const char *schema, const char *text, size_t text_len, size_t given)
{
    struct buf event = {0};

    event_begin(&event, EVENT_QUERY, 1);
    buf_append_zero(&event, 8);
    buf_append_u8(&event, (uint8_t)strlen(schema));
    buf_append_zero(&event, 4);
    buf_append_text(&event, schema);
    buf_append_u8(&event, 0);
    buf_append(&event, text, text_len);
    return event_feed(&event, given, 0);
}

static int feed_text(const char *text)
{
    return feed_query("demo", text, strlen(text), 0);
}

static int feed_table_map(const char *schema)
{
    struct buf event = {0};

    event_begin(&event, EVENT_TABLE_MAP, 1);
    buf_append_zero(&event, 8);
    buf_append_u8(&event, (uint8_t)strlen(schema));
    buf_append_text(&event, schema);
    buf_append_u8(&event, 0);
    buf_append_u8(&event, 1);
    buf_append_text(&event, "t");
    buf_append_u8(&event, 0);
    buf_append_u8(&event, 1);
    buf_append_u8(&event, 3);
    buf_append_u8(&event, 0);
    buf_append_u8(&event, 1);
    return event_feed(&event, 0, 0);
}

static void expect_done(uint32_t domain, uint64_t seq, uint64_t arrived_us)
{
    ck_assert_uint_eq(events.done.gtid.domain, domain);
    ck_assert_uint_eq(events.done.gtid.server, 5);
    ck_assert_uint_eq(events.done.gtid.seq, seq);
    ck_assert_uint_eq(events.done.committed_s, 1000 + seq);
    ck_assert_uint_eq(events.done.arrived_us, arrived_us);
}

START_TEST(rows_end_with_the_xid)
{
    ck_assert_int_eq(feed_gtid(9, 2, EVENT_GTID_TRANSACTIONAL, 555), 0);
    ck_assert_int_eq(feed_table_map("demo"), 0);
    ck_assert_int_eq(feed_bare(EVENT_WRITE_ROWS_V1), 0);
    ck_assert_int_eq(feed_bare(EVENT_XID), LOG_FOUND_TRANSACTION);
    expect_done(2, 9, 555);
    ck_assert_int_eq(feed_bare(EVENT_XID), 0);
}
END_TEST

static const char *const ends[] = {"COMMIT", "commit", "ROLLBACK", "XA COMMIT X'31',X'',1"};

START_TEST(statements_end_with_commit)
{
    feed_gtid(3, 0, 0, 8);
    ck_assert_int_eq(feed_text("BEGIN"), 0);
    ck_assert_int_eq(feed_text("INSERT INTO t VALUES ('COMMIT')"), 0);
    ck_assert_int_eq(feed_text("SAVEPOINT COMMIT"), 0);
    ck_assert_int_eq(feed_text(ends[_i]), LOG_FOUND_TRANSACTION);
    expect_done(0, 3, 8);
}
END_TEST

START_TEST(ddl_ends_with_its_statement)
{
    feed_gtid(4, 0, EVENT_GTID_STANDALONE, 8);
    ck_assert_int_eq(feed_bare(EVENT_INTVAR), 0);
    ck_assert_int_eq(feed_text("CREATE TABLE t (id INT)"), LOG_FOUND_TRANSACTION);
    expect_done(0, 4, 8);
}
END_TEST

START_TEST(the_next_one_or_a_heartbeat_ends_whatever_was_open)
{
    feed_gtid(4, 0, 0, 8);
    ck_assert_int_eq(feed_gtid(5, 0, 0, 9), LOG_FOUND_TRANSACTION);
    expect_done(0, 4, 8);
    ck_assert_int_eq(feed_bare(EVENT_HEARTBEAT), LOG_FOUND_TRANSACTION);
    expect_done(0, 5, 9);
    feed_gtid(6, 0, 0, 9);
    ck_assert_int_eq(feed_bare(EVENT_XA_PREPARE), LOG_FOUND_TRANSACTION);
}
END_TEST

START_TEST(a_reset_forgets_what_was_open)
{
    feed_gtid(4, 0, 0, 8);
    log_events_reset(&events);
    ck_assert_int_eq(feed_bare(EVENT_XID), 0);
}
END_TEST

START_TEST(a_long_statement_is_judged_by_its_beginning)
{
    struct buf text = {0};

    buf_append_text(&text, "CREATE USER ");
    for (int i = 0; i < 100000; i++)
        buf_append_u8(&text, 'x');
    feed_gtid(4, 0, EVENT_GTID_STANDALONE, 8);
    events.format.checksum = BINLOG_CHECKSUM_CRC32; /* it stands at the end, which was cut off */
    ck_assert_int_eq(feed_query("demo", (char *)text.data, text.len, 300),
                     LOG_FOUND_TRANSACTION | LOG_FOUND_ACCOUNTS);
    events.format.checksum = BINLOG_CHECKSUM_UNKNOWN;
    memcpy(text.data, "INSERT", 6);
    ck_assert_int_eq(feed_query("demo", (char *)text.data, text.len, 4096), 0);
    ck_assert_int_eq(feed_query("demo", (char *)text.data, text.len, 0), 0);
    feed_gtid(5, 0, EVENT_GTID_STANDALONE, 8);
    ck_assert_int_eq(feed_query("demo", (char *)text.data, text.len, EVENT_HEADER_BYTES),
                     LOG_FOUND_TRANSACTION | LOG_FOUND_ROUTINES); /* too short to be read, and yet
                                                                     its end; it may be any */
    buf_free(&text);
}
END_TEST

START_TEST(rows_of_the_system_schema_are_noticed)
{
    feed_gtid(4, 0, 0, 8);
    ck_assert_int_eq(feed_table_map("mysql2"), 0);
    ck_assert_int_eq(feed_table_map("mysql"), LOG_FOUND_ACCOUNTS);
}
END_TEST

START_TEST(damaged_events_are_an_error)
{
    static const uint8_t types[] = {EVENT_GTID, EVENT_QUERY, EVENT_TABLE_MAP,
                                    EVENT_FORMAT_DESCRIPTION};
    struct buf event = {0};
    struct binlog_error error = {.text = ""};

    event_begin(&event, types[_i], 1);
    buf_append_u8(&event, 1);
    store_u32(event.data + 9, (uint32_t)event.len);
    ck_assert_int_eq(log_events_feed(&events, buf_span(&event), 0, &error), BINLOG_DAMAGED);
    ck_assert_str_ne(error.text, "");
    buf_free(&event);
}
END_TEST

static const struct {
    const char *schema;
    const char *text;
    bool touches;
} statements[] = {
    {"demo", "GRANT SELECT ON *.* TO a@b", true},
    {"demo", "  grant x TO y", true},
    {"", "REVOKE ALL ON *.* FROM a", true},
    {"", "CREATE USER a", true},
    {"", "CREATE OR REPLACE USER a", true},
    {"", "CREATE USER IF NOT EXISTS a", true},
    {"", "CREATE OR REPLACE ROLE r", true},
    {"", "ALTER USER a IDENTIFIED BY 'x'", true},
    {"", "DROP USER IF EXISTS a", true},
    {"", "DROP ROLE r", true},
    {"", "RENAME USER a TO b", true},
    {"", "SET PASSWORD FOR a = 'x'", true},
    {"", "SET DEFAULT ROLE r FOR a", true},
    {"", "SET STATEMENT max_statement_time=1 FOR GRANT x TO y", true},
    {"", "FLUSH PRIVILEGES", true},
    {"", "/* by hand */ -- really\n# yes\nGRANT x TO y", true},
    {"", "/*!50003 CREATE USER a */", true},
    {"", "/*M!100200 DROP USER a */", true},
    {"mysql", "UPDATE user SET a=1", true},
    {"demo", "UPDATE mysql.global_priv SET a=1", true},
    {"demo", "DELETE FROM `mysql`.`global_priv`", true},
    {"demo", "DELETE FROM MySQL . global_priv", true},
    {"demo", "CREATE TABLE users (id INT)", false},
    {"demo", "CREATE TABLE t (name VARCHAR(80), home TEXT, city TEXT)", false},
    {"demo", "INSERT INTO t VALUES ('GRANT')", false},
    {"demo", "INSERT INTO notmysql2.t VALUES (1.5)", false},
    {"demo", "DROP TABLE t", false},
    {"demo", "BEGIN", false},
    {"mysql", "COMMIT", false},
    {"demo", "", false},
    {"demo", "/* never ended GRANT", false},
    {"demo", "/", false},
};

START_TEST(statements_on_accounts_are_known)
{
    ck_assert_msg(log_events_touches_accounts(span_text(statements[_i].schema),
                                              span_text(statements[_i].text)) ==
                      statements[_i].touches,
                  "%s: %s", statements[_i].schema, statements[_i].text);
}
END_TEST

static const struct {
    const char *text;
    bool touches;
} catalogue_statements[] = {
    {"CREATE ALGORITHM=UNDEFINED DEFINER=`a`@`%` VIEW v AS SELECT 1", true},
    {"drop view v", true},
    {"CREATE TABLE t (a INT) ENGINE = memory", true},
    {"ALTER TABLE t ENGINE=HEAP", true},
    {"ALTER TABLE t RENAME TO u", true},
    {"RENAME TABLE t TO u", true},
    {"CREATE TABLE t LIKE u", true},
    {"USE d; CREATE VIEW v AS SELECT 1", true},
    {"CREATE TABLE t (a INT) ENGINE=InnoDB", false},
    {"CREATE TABLE views (a INT)", false},
    {"ALTER TABLE t ADD b INT", false},
    {"INSERT INTO t SELECT view FROM u", false},
    {"", false},
};

START_TEST(statements_on_views_are_known)
{
    ck_assert_int_eq(log_events_touches_catalogue(span_text(catalogue_statements[_i].text)),
                     catalogue_statements[_i].touches);
}
END_TEST

START_TEST(a_view_in_the_log_is_noticed)
{
    feed_gtid(4, 0, EVENT_GTID_STANDALONE, 8);
    ck_assert_int_eq(feed_text("CREATE VIEW v AS SELECT 1"),
                     LOG_FOUND_TRANSACTION | LOG_FOUND_CATALOGUE);
}
END_TEST

static const struct {
    const char *text;
    bool touches;
} routine_statements[] = {
    {"CREATE DEFINER=`a`@`%` PROCEDURE `p`() SELECT 1", true},
    {"create or replace definer=`a`@`%` function f() returns int return 1", true},
    {"CREATE OR REPLACE AGGREGATE FUNCTION f() RETURNS INT RETURN 1", true},
    {"ALTER PROCEDURE p SQL SECURITY INVOKER", true},
    {"DROP FUNCTION IF EXISTS d.f", true},
    {"CREATE PACKAGE BODY p AS END", true},
    {"/* by hand */ DROP PROCEDURE p", true},
    {"CREATE TABLE t (a INT)", false},
    {"CALL p()", false},
    {"INSERT INTO t SELECT procedure FROM u", false},
    {"", false},
};

START_TEST(statements_on_routines_are_known)
{
    ck_assert_int_eq(log_events_touches_routines(span_text(routine_statements[_i].text)),
                     routine_statements[_i].touches);
}
END_TEST

START_TEST(a_routine_in_the_log_is_noticed)
{
    feed_gtid(4, 0, EVENT_GTID_STANDALONE, 8);
    ck_assert_int_eq(feed_text("CREATE PROCEDURE p() SELECT 1"),
                     LOG_FOUND_TRANSACTION | LOG_FOUND_ROUTINES);
}
END_TEST

START_TEST(derived_ids_differ_and_are_no_common_ones)
{
    uint32_t seen[64];

    for (unsigned i = 0; i < 64; i++) {
        seen[i] = leader_log_derive_id("host/1/2", i);
        ck_assert_uint_gt(seen[i], 1000000000);
        for (unsigned before = 0; before < i; before++)
            ck_assert_uint_ne(seen[i], seen[before]);
    }
    ck_assert_uint_eq(leader_log_derive_id("host/1/2", 3), seen[3]);
    ck_assert_uint_ne(leader_log_derive_id("host/2/2", 3), seen[3]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log_events");
    TCase *stream = tcase_create("stream");
    TCase *pure = tcase_create("pure");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(stream, setup, teardown);
    tcase_add_test(stream, rows_end_with_the_xid);
    tcase_add_loop_test(stream, statements_end_with_commit, 0, sizeof(ends) / sizeof(ends[0]));
    tcase_add_test(stream, ddl_ends_with_its_statement);
    tcase_add_test(stream, the_next_one_or_a_heartbeat_ends_whatever_was_open);
    tcase_add_test(stream, a_reset_forgets_what_was_open);
    tcase_add_test(stream, a_long_statement_is_judged_by_its_beginning);
    tcase_add_test(stream, rows_of_the_system_schema_are_noticed);
    tcase_add_loop_test(stream, damaged_events_are_an_error, 0, 4);
    tcase_add_loop_test(pure, statements_on_accounts_are_known, 0,
                        sizeof(statements) / sizeof(statements[0]));
    tcase_add_loop_test(pure, statements_on_views_are_known, 0,
                        sizeof(catalogue_statements) / sizeof(catalogue_statements[0]));
    tcase_add_loop_test(pure, statements_on_routines_are_known, 0,
                        sizeof(routine_statements) / sizeof(routine_statements[0]));
    tcase_add_test(stream, a_view_in_the_log_is_noticed);
    tcase_add_test(stream, a_routine_in_the_log_is_noticed);
    tcase_add_test(pure, derived_ids_differ_and_are_no_common_ones);
    suite_add_tcase(suite, stream);
    suite_add_tcase(suite, pure);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
