/* What a SET of session_track_… variables sets besides them. */
#include "router/set_targets.h"

#include <check.h>
#include <stdlib.h>

static const struct {
    const char *sql;
    enum set_targets found;
    const char *again;
} sets[] = {
    {"SET session_track_schema=1", SET_TARGETS_TRACKING, ""},
    {"set SESSION Session_Track_Schema = 1, @@session.session_track_state_change := (1, 2)",
     SET_TARGETS_TRACKING, ""},
    {"SET autocommit=1, session_track_system_variables=CONCAT(@@x,',a'), @@local.sql_mode='', "
     "`time_zone`='x', @u=1;",
     SET_TARGETS_MIXED,
     "SET @@session.autocommit=@@session.autocommit, @@session.sql_mode=@@session.sql_mode, "
     "@@session.time_zone=@@session.time_zone"},
    {"SET NAMES latin1, session_track_schema=1", SET_TARGETS_UNCLEAR, ""},
    {"SET session_track_schema=1, CHARACTER SET latin1", SET_TARGETS_UNCLEAR, ""},
    {"SET GLOBAL session_track_schema=1", SET_TARGETS_UNCLEAR, ""},
    {"SET `a;b`=1, session_track_schema=1", SET_TARGETS_UNCLEAR, ""},
};

START_TEST(targets)
{
    struct buf again = {0};
    enum set_targets found = set_targets_read(span_text(sets[_i].sql), 0, &again);
    ck_assert_msg(found == sets[_i].found, "%s: %d", sets[_i].sql, found);
    buf_append_u8(&again, 0);
    ck_assert_str_eq((const char *)again.data, sets[_i].again);
    buf_free(&again);
}
END_TEST

static const struct {
    const char *sql;
    bool asks;
    bool as_connection;
    const char *results;
} collations[] = {
    {"SET NAMES latin1", false, false, ""},
    {"set names 'latin1' collate 'latin1_bin'", true, false, "latin1_bin"},
    {"SET NAMES utf8mb4 COLLATE utf8mb4_bin;", true, false, "utf8mb4_bin"},
    {"SET NAMES latin1 COLLATE DEFAULT", false, false, ""},
    {"SET NAMES latin1 COLLATE `a;b`", true, false, ""},
    {"SET NAMES DEFAULT", true, true, ""},
    {"SET CHARACTER SET latin1", true, false, ""},
    {"SET charset DEFAULT", true, false, ""},
    {"SET NAMES a COLLATE a_bin, sql_mode = CONCAT('x', ','), @names = 1", true, false, "a_bin"},
    {"SET NAMES a COLLATE a_bin, CHARACTER_SET_CLIENT = b", true, false, "a_bin"},
    {"SET NAMES a COLLATE a_bin, @@session.character_set_results := b", true, false, ""},
    {"SET NAMES a COLLATE a_bin, NAMES b", false, false, ""},
    {"SET NAMES DEFAULT; SET LOCAL character_set_connection = b", false, false, ""},
    {"SET character_set_connection = DEFAULT", true, false, ""},
    {"SET NAMES a, collation_connection = a_bin", true, false, ""},
    {"SET STATEMENT sql_mode = '', max_statement_time = 1 FOR SET NAMES a COLLATE a_bin", true,
     false, "a_bin"},
    {"SET NAMES a COLLATE a_bin; SELECT 1", true, false, ""},
    {"CALL p()", true, false, ""},
    {"", false, false, ""},
};

START_TEST(what_is_said_of_collations)
{
    struct set_collations found;
    set_collations_read(span_text(collations[_i].sql), 0, &found);
    ck_assert_msg(found.asks == collations[_i].asks, "%s", collations[_i].sql);
    ck_assert_msg(found.as_connection == collations[_i].as_connection, "%s", collations[_i].sql);
    ck_assert_msg(span_equal(found.results, span_text(collations[_i].results)), "%s",
                  collations[_i].sql);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("set_targets");
    TCase *tcase = tcase_create("set_targets");
    tcase_add_loop_test(tcase, targets, 0, sizeof(sets) / sizeof(sets[0]));
    tcase_add_loop_test(tcase, what_is_said_of_collations, 0,
                        (int)(sizeof(collations) / sizeof(collations[0])));
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
