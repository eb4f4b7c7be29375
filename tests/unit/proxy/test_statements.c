/* Prepared statements: ids, where they stand prepared, and parameter types put in for a server that
 * was not told them. */
#include "proxy/statements.h"

#include "proxy/backend.h"
#include "proxy/proto/command.h"
#include "proxy/proto/packet.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

static struct slab slab;
static struct statements statements;

static void open_statements(void)
{
    slab_init(&slab, sizeof(struct statement), 4);
    statements_init(&statements, &slab);
}

static void close_statements(void)
{
    statements_clear(&statements);
    slab_close(&slab); /* asserts that all were given back */
}

static struct statement *add(const char *sql, uint16_t parameters)
{
    struct statement_class class = {.target = CLASS_READ, .flags = 7, .digest = 99};
    struct statement *statement = statements_add(&statements, span_text(sql), &class);
    statement->parameters = parameters;
    return statement;
}

/* --- ids --- */

START_TEST(a_statement_keeps_what_it_was_judged)
{
    struct statement *statement = add("SELECT 1", 0);
    ck_assert_int_eq(statement->target, CLASS_READ);
    ck_assert_uint_eq(statement->flags, 7);
    ck_assert_uint_eq(statement->digest, 99);
    ck_assert(span_equal(buf_span(&statement->sql), span_text("SELECT 1")));
}
END_TEST

START_TEST(ids_are_found_and_not_given_twice)
{
    struct statement *first = add("SELECT 1", 0);
    struct statement *second = add("SELECT 2", 0);
    uint32_t gone = first->id;
    ck_assert_uint_ne(first->id, 0);
    ck_assert_uint_ne(first->id, second->id);
    ck_assert_ptr_eq(statements_find(&statements, first->id), first);
    ck_assert_ptr_eq(statements_find(&statements, second->id), second);
    ck_assert_ptr_eq(statements_find(&statements, first->id),
                     first); /* order of use is no matter */
    ck_assert_uint_eq(statements.count, 2);
    statements_remove(&statements, first);
    ck_assert_uint_eq(statements.count, 1);
    ck_assert_ptr_null(statements_find(&statements, gone));
    ck_assert_ptr_null(statements_find(&statements, 0));
    ck_assert_uint_ne(add("SELECT 3", 0)->id, gone);
}
END_TEST

START_TEST(many_statements_are_all_found)
{
    uint32_t ids[100];
    for (int i = 0; i < 100; i++)
        ids[i] = add("SELECT 1", 0)->id;
    for (int i = 0; i < 100; i += 2)
        statements_remove(&statements, statements_find(&statements, ids[i]));
    for (int i = 0; i < 100; i++) {
        struct statement *statement = statements_find(&statements, ids[i]);
        ck_assert_int_eq(statement != NULL, i % 2);
        ck_assert(!statement || statement->id == ids[i]);
    }
    ck_assert_uint_eq(slab.used_count, 50);
}
END_TEST

START_TEST(last_means_the_one_prepared_last)
{
    ck_assert_ptr_null(statements_find(&statements, STATEMENT_ID_LAST));
    struct statement *first = add("SELECT 1", 0);
    struct statement *second = add("SELECT 2", 0);
    ck_assert_ptr_eq(statements_find(&statements, STATEMENT_ID_LAST), second);
    ck_assert_ptr_eq(statements_find(&statements, first->id), first); /* used last, not prepared */
    ck_assert_ptr_eq(statements_find(&statements, STATEMENT_ID_LAST), second);
    statements_remove(&statements, second);
    ck_assert_ptr_null(statements_find(&statements, STATEMENT_ID_LAST));
    add("SELECT 3", 0);
    statements_clear(&statements);
    ck_assert_ptr_null(statements_find(&statements, STATEMENT_ID_LAST));
    ck_assert_uint_eq(statements.count, 0);
    ck_assert_uint_eq(slab.used_count, 0);
}
END_TEST

START_TEST(no_statement_gets_the_id_that_means_last)
{
    statements.next_id = STATEMENT_ID_LAST - 1;
    struct statement *statement = add("SELECT 1", 0);
    ck_assert_uint_eq(statement->id, STATEMENT_ID_LAST - 1);
    for (int i = 0; i < 3; i++) {
        statement = add("SELECT 2", 0);
        ck_assert_uint_ne(statement->id, STATEMENT_ID_LAST);
        ck_assert_uint_ne(statement->id, 0);
    }
}
END_TEST

/* --- where it is prepared --- */

START_TEST(it_stands_on_the_leader_and_one_reader)
{
    struct backend leader = {.serial = 11};
    struct backend reader = {.serial = 12, .guarded = true};
    struct backend other = {.serial = 13, .guarded = true};
    struct statement *statement = add("SELECT 1", 0);
    ck_assert_ptr_null(statement_on(statement, &leader));
    ck_assert_ptr_null(statement_on(statement, NULL));
    statement_prepared(statement, &leader, 100);
    statement_prepared(statement, &reader, 200);
    ck_assert_uint_eq(statement_on(statement, &leader)->remote_id, 100);
    ck_assert_uint_eq(statement_on(statement, &reader)->remote_id, 200);
    statement_prepared(statement, &other, 300);
    ck_assert_ptr_null(statement_on(statement, &reader));
    ck_assert_uint_eq(statement_on(statement, &leader)->remote_id, 100);
    ck_assert_uint_eq(statement_on(statement, &other)->remote_id, 300);
    leader.serial = 14; /* another connection in its place */
    ck_assert_ptr_null(statement_on(statement, &leader));
}
END_TEST

/* --- parameter types --- */

/* A COM_STMT_EXECUTE packet: command, id, flags, iterations, NULL bits, the flag, types, values. */
static struct buf execute_packet(uint16_t parameters, uint8_t types_sent, const char *types,
                                 const char *values)
{
    struct buf packet = {0};
    size_t begin = packet_begin(&packet);
    buf_append_u8(&packet, COM_STMT_EXECUTE);
    buf_append_u32(&packet, 1);
    buf_append_u8(&packet, 0);
    buf_append_u32(&packet, 1);
    for (int i = 0; i < (parameters + 7) / 8; i++)
        buf_append_u8(&packet, 0xa5);
    if (parameters)
        buf_append_u8(&packet, types_sent);
    buf_append_text(&packet, types);
    buf_append_text(&packet, values);
    packet_end(&packet, begin, 0);
    return packet;
}

static int note(struct statement *statement, const struct buf *packet)
{
    return statement_note_types(statement, buf_span(packet));
}

static const uint16_t parameter_counts[] = {1, 2, 7, 8, 9, 16, 17, 300};

/* The types that were sent once are put in where a connection does not know them. */
START_TEST(types_are_put_in_for_another_server)
{
    uint16_t count = parameter_counts[_i];
    struct statement *statement = add("SELECT ?", count);
    struct prepared_on leader = {.serial = 1};
    struct prepared_on reader = {.serial = 2};
    char types[601] = {0};
    struct buf out = {0};
    memset(types, 'T', 2 * (size_t)count);
    struct buf with = execute_packet(count, 1, types, "first");
    struct buf without = execute_packet(count, 0, "", "second");
    struct buf expected = execute_packet(count, 1, types, "second");
    ck_assert_int_eq(note(statement, &with), 0);
    ck_assert(!statement_add_types(statement, &leader, buf_span(&with), &out));
    leader.types_version = statement->types_version;
    ck_assert_int_eq(note(statement, &without), 0);
    ck_assert(!statement_add_types(statement, &leader, buf_span(&without), &out));
    ck_assert_uint_eq(out.len, 0);
    ck_assert(statement_add_types(statement, &reader, buf_span(&without), &out));
    ck_assert(span_equal(buf_span(&out), buf_span(&expected)));
    buf_free(&out);
    buf_free(&with);
    buf_free(&without);
    buf_free(&expected);
}
END_TEST

START_TEST(changed_types_are_put_in_again)
{
    struct statement *statement = add("SELECT ?", 1);
    struct prepared_on reader = {.serial = 2};
    struct buf out = {0};
    struct buf first = execute_packet(1, 1, "AB", "x");
    struct buf second = execute_packet(1, 1, "CD", "x");
    struct buf without = execute_packet(1, 0, "", "x");
    note(statement, &first);
    uint32_t version = statement->types_version;
    note(statement, &first);
    ck_assert_uint_eq(statement->types_version, version); /* the same types are no news */
    reader.types_version = version;
    note(statement, &second);
    ck_assert_uint_ne(statement->types_version, version);
    ck_assert(statement_add_types(statement, &reader, buf_span(&without), &out));
    ck_assert(span_equal(buf_span(&out), buf_span(&second)));
    buf_free(&out);
    buf_free(&first);
    buf_free(&second);
    buf_free(&without);
}
END_TEST

/* The server takes any flag but 0 for "types follow". */
START_TEST(any_flag_but_zero_brings_types)
{
    struct statement *statement = add("SELECT ?", 1);
    struct buf packet = execute_packet(1, 2, "AB", "x");
    ck_assert_int_eq(note(statement, &packet), 0);
    ck_assert(span_equal(buf_span(&statement->types), span_text("AB")));
    buf_free(&packet);
}
END_TEST

START_TEST(nothing_is_put_in_where_nothing_is_known)
{
    struct prepared_on reader = {.serial = 2};
    struct buf out = {0};
    struct statement *none = add("SELECT 1", 0);
    struct buf packet = execute_packet(0, 0, "", "");
    ck_assert_int_eq(note(none, &packet), 0);
    ck_assert(!statement_add_types(none, &reader, buf_span(&packet), &out));
    buf_free(&packet);
    struct statement *unsent = add("SELECT ?", 1);
    packet = execute_packet(1, 0, "", "x");
    ck_assert_int_eq(note(unsent, &packet), 0);
    ck_assert(!statement_add_types(unsent, &reader, buf_span(&packet), &out));
    ck_assert_uint_eq(out.len, 0);
    buf_free(&packet);
}
END_TEST

/* At every length a packet that was cut is refused or harmless, and nothing beyond it is read. */
START_TEST(a_short_packet_is_refused)
{
    struct statement *statement = add("SELECT ?,?,?", 3);
    struct buf packet = execute_packet(3, 1, "AABBCC", "");
    size_t flag_at = packet.len - 7;
    for (size_t len = 0; len <= packet.len; len++) {
        uint8_t *exact = malloc(len ? len : 1); /* so that a sanitizer sees a read behind it */
        memcpy(exact, packet.data, len);
        int result = statement_note_types(statement, span_of(exact, len));
        int expected = len <= PACKET_HEADER_BYTES || len == packet.len ? 0 : -EPROTO;
        ck_assert_msg(result == expected, "%zu bytes: %d", len, result);
        free(exact);
    }
    struct prepared_on reader = {.serial = 2};
    struct buf out = {0};
    packet.data[flag_at] = 0;
    for (size_t len = PACKET_HEADER_BYTES + 1; len <= flag_at; len++)
        ck_assert(!statement_add_types(statement, &reader, span_of(packet.data, len), &out));
    ck_assert(statement_add_types(statement, &reader, span_of(packet.data, flag_at + 1), &out));
    buf_free(&out);
    buf_free(&packet);
}
END_TEST

START_TEST(other_commands_are_left_alone)
{
    struct statement *statement = add("SELECT ?", 1);
    struct prepared_on reader = {.serial = 2};
    struct buf out = {0};
    struct buf packet = execute_packet(1, 1, "AB", "x");
    packet.data[PACKET_HEADER_BYTES] = COM_STMT_RESET;
    ck_assert_int_eq(note(statement, &packet), 0);
    ck_assert_uint_eq(statement->types_version, 0);
    ck_assert_uint_eq(statement_types_end(statement, COM_STMT_RESET), 0);
    packet.data[PACKET_HEADER_BYTES] = COM_STMT_EXECUTE;
    note(statement, &packet);
    packet.data[PACKET_HEADER_BYTES] = COM_STMT_FETCH;
    packet.data[packet.len - 4] = 0;
    ck_assert(!statement_add_types(statement, &reader, buf_span(&packet), &out));
    buf_free(&packet);
}
END_TEST

static struct buf bulk_packet(uint16_t flags, const char *types, const char *rows)
{
    struct buf packet = {0};
    size_t begin = packet_begin(&packet);
    buf_append_u8(&packet, COM_STMT_BULK_EXECUTE);
    buf_append_u32(&packet, 7);
    buf_append_u16(&packet, flags);
    buf_append_text(&packet, types);
    buf_append_text(&packet, rows);
    packet_end(&packet, begin, 0);
    return packet;
}

/* What one kind of execution told, the other knows: a server keeps them with the statement. */
START_TEST(types_are_put_into_bulk_executions)
{
    struct statement *statement = add("INSERT INTO t VALUES (?, ?)", 2);
    struct prepared_on reader = {.serial = 2};
    struct buf out = {0};
    struct buf with = bulk_packet(128 + 64, "AABB", "rows");
    struct buf without = bulk_packet(64, "", "more rows");
    struct buf expected = bulk_packet(128 + 64, "AABB", "more rows");
    struct buf once = execute_packet(2, 0, "", "x");
    struct buf once_expected = execute_packet(2, 1, "AABB", "x");
    ck_assert_uint_eq(statement_types_end(statement, COM_STMT_BULK_EXECUTE), with.len - 4);
    ck_assert_int_eq(note(statement, &without), 0);
    ck_assert_uint_eq(statement->types_version, 0);
    ck_assert_int_eq(note(statement, &with), 0);
    ck_assert_uint_eq(statement->types_version, 1);
    ck_assert_int_eq(statement_add_types(statement, &reader, buf_span(&with), &out), 0);
    ck_assert_int_eq(statement_add_types(statement, &reader, buf_span(&without), &out), 1);
    ck_assert(span_equal(buf_span(&out), buf_span(&expected)));
    out.len = 0;
    ck_assert_int_eq(statement_add_types(statement, &reader, buf_span(&once), &out), 1);
    ck_assert(span_equal(buf_span(&out), buf_span(&once_expected)));
    for (size_t len = PACKET_HEADER_BYTES + 1; len < with.len - 4; len++)
        ck_assert_int_eq(statement_note_types(statement, span_of(with.data, len)), -EPROTO);
    buf_free(&out);
    buf_free(&with);
    buf_free(&without);
    buf_free(&expected);
    buf_free(&once);
    buf_free(&once_expected);
}
END_TEST

/* Of a long packet only the beginning is held; the header counts the rest. */
START_TEST(types_are_put_into_the_beginning_of_a_long_packet)
{
    struct statement *statement = add("SELECT ?", 1);
    struct prepared_on reader = {.serial = 2};
    struct buf out = {0};
    struct buf with = execute_packet(1, 1, "AB", "x");
    struct buf without = execute_packet(1, 0, "", "beginning");
    ck_assert_int_eq(note(statement, &with), 0);
    store_u24(without.data, 2000000);
    ck_assert_int_eq(statement_add_types(statement, &reader, buf_span(&without), &out), 1);
    ck_assert_uint_eq(packet_payload_len(out.data), 2000002);
    ck_assert_uint_eq(out.len, without.len + 2);
    store_u24(without.data, PACKET_PAYLOAD_MAX - 2);
    ck_assert_int_eq(statement_add_types(statement, &reader, buf_span(&without), &out), -E2BIG);
    buf_free(&out);
    buf_free(&with);
    buf_free(&without);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("statements");
    TCase *tcase = tcase_create("statements");
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, open_statements, close_statements);
    tcase_add_test(tcase, a_statement_keeps_what_it_was_judged);
    tcase_add_test(tcase, ids_are_found_and_not_given_twice);
    tcase_add_test(tcase, many_statements_are_all_found);
    tcase_add_test(tcase, last_means_the_one_prepared_last);
    tcase_add_test(tcase, no_statement_gets_the_id_that_means_last);
    tcase_add_test(tcase, it_stands_on_the_leader_and_one_reader);
    tcase_add_loop_test(tcase, types_are_put_in_for_another_server, 0,
                        (int)(sizeof(parameter_counts) / sizeof(parameter_counts[0])));
    tcase_add_test(tcase, changed_types_are_put_in_again);
    tcase_add_test(tcase, any_flag_but_zero_brings_types);
    tcase_add_test(tcase, nothing_is_put_in_where_nothing_is_known);
    tcase_add_test(tcase, a_short_packet_is_refused);
    tcase_add_test(tcase, other_commands_are_left_alone);
    tcase_add_test(tcase, types_are_put_into_bulk_executions);
    tcase_add_test(tcase, types_are_put_into_the_beginning_of_a_long_packet);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
