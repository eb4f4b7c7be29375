/* Session state as servers report it: what is replayed elsewhere, in which order, and what is not.
 */
#include "router/sessvars.h"

#include <check.h>
#include <stdlib.h>

#define SET(name, value) "SET @@session." name "=" value
#define AND(name, value) ", @@session." name "=" value
/* Texts travel as hex literals. */
#define HEX(hex) "_utf8mb4 x'" hex "'"

static bool track(struct sessvars *vars, const char *name, const char *value)
{
    struct track_entry entry = {
        .type = TRACK_SYSTEM_VARIABLE, .name = span_text(name), .value = span_text(value)};
    return sessvars_track(vars, &entry);
}

static void check_replay(const struct sessvars *vars, uint64_t since, const char *expected)
{
    struct buf sql = {0};
    sessvars_replay(vars, since, true, &sql);
    buf_append_u8(&sql, 0);
    ck_assert_str_eq((const char *)sql.data, expected);
    buf_free(&sql);
}

/* --- one variable --- */

static const struct {
    const char *name;
    const char *value;
    const char *sql;
} values[] = {
    {"sql_select_limit", "18446744073709551615", SET("sql_select_limit", "18446744073709551615")},
    {"wait_timeout", "0", SET("wait_timeout", "0")},
    {"a", "-7", SET("a", "-7")},
    {"long_query_time", "0.250000", SET("long_query_time", "0.250000")},
    {"a", "-", SET("a", HEX("2d"))},
    {"a", ".", SET("a", HEX("2e"))},
    {"a", "1.2.3", SET("a", HEX("312e322e33"))},
    {"a", "1-2", SET("a", HEX("312d32"))},
    {"a", "1e3", SET("a", HEX("316533"))},
    {"a", " 1", SET("a", HEX("2031"))},
    {"a", "0x10", SET("a", HEX("30783130"))},
    {"time_zone", "+02:00", SET("time_zone", HEX("2b30323a3030"))},
    {"foreign_key_checks", "OFF", SET("foreign_key_checks", HEX("4f4646"))},
    {"sql_mode", "", SET("sql_mode", HEX(""))},
    {"a", "'; DROP", SET("a", HEX("273b2044524f50"))},
    {"a", "\xc3\xa4\\", SET("a", HEX("c3a45c"))},
    {"character_set_results", "", SET("character_set_results", "NULL")},
    {"innodb_tmpdir", "7", SET("innodb_tmpdir", HEX("37"))},
    {"innodb_tmpdir", "", SET("innodb_tmpdir", "NULL")},
    {"system_versioning_asof", "DEFAULT", SET("system_versioning_asof", "DEFAULT")},
    {"character_set_client", "latin1", SET("character_set_client", HEX("6c6174696e31"))},
    {"collation_connection", "binary", SET("collation_connection", HEX("62696e617279"))},
    {"tx_isolation", "SERIALIZABLE", SET("tx_isolation", HEX("53455249414c495a41424c45"))},
    /* Causeway's own business, or without meaning on a follower. */
    {"last_gtid", "0-1-5", ""},
    {"autocommit", "OFF", ""},
    {"tx_read_only", "ON", ""},
    {"transaction_read_only", "ON", ""},
    {"session_track_system_variables", "*", ""},
    {"session_track_schema", "OFF", ""},
    {"last_insert_id", "5", ""},
    {"insert_id", "5", ""},
    {"gtid_domain_id", "5", ""},
    {"server_id", "5", ""},
    {"binlog_format", "ROW", ""},
    /* Kept on the leader instead. */
    {"sql_log_bin", "OFF", ""},
    {"timestamp", "1.5", ""},
    {"rand_seed1", "5", ""},
    {"rand_seed2", "5", ""},
    {"pseudo_thread_id", "5", ""},
    /* Only the whole name is special. */
    {"last_gtid2", "5", SET("last_gtid2", "5")},
    {"autocommi", "5", SET("autocommi", "5")},
};

START_TEST(a_variable_is_replayed_with_its_value)
{
    struct sessvars vars;
    sessvars_init(&vars);
    track(&vars, values[_i].name, values[_i].value);
    check_replay(&vars, 0, values[_i].sql);
    sessvars_free(&vars);
}
END_TEST

/* --- several --- */

static const struct {
    const char *name;
    const char *set[6][2];
    unsigned since; /* the version that the other connection has */
    const char *sql;
} sequences[] = {
    {"nothing", {{NULL}}, 0, ""},
    {"in their order", {{"b", "1"}, {"a", "2"}}, 0, SET("b", "1") AND("a", "2")},
    {"the last value only", {{"b", "1"}, {"b", "2"}}, 0, SET("b", "2")},
    {"in the order of the last change",
     {{"b", "1"}, {"a", "2"}, {"b", "3"}},
     0,
     SET("a", "2") AND("b", "3")},
    {"a longer value, then a shorter", {{"b", "123456789"}, {"b", "1"}}, 0, SET("b", "1")},
    {"since the first", {{"b", "1"}, {"a", "2"}}, 1, SET("a", "2")},
    {"since the last", {{"b", "1"}, {"a", "2"}}, 2, ""},
    {"a change after it", {{"b", "1"}, {"a", "2"}, {"b", "3"}}, 2, SET("b", "3")},
    {"the same value is a change", {{"b", "1"}, {"b", "1"}}, 1, SET("b", "1")},
    {"the ignored take no part",
     {{"b", "1"}, {"last_gtid", "0-1-1"}, {"a", "2"}},
     1,
     SET("a", "2")},
    /* The set of a connection brings its own collation along, a collation its set: who was set last
     * must come last. */
    {"SET NAMES x COLLATE y",
     {{"character_set_connection", "1"}, {"collation_connection", "2"}},
     0,
     SET("collation_connection", "2")},
    {"then SET NAMES z",
     {{"character_set_connection", "1"},
      {"collation_connection", "2"},
      {"character_set_connection", "3"}},
     0,
     SET("character_set_connection", "3")},
    {"a collation, then its set, then the collation",
     {{"collation_connection", "1"},
      {"character_set_connection", "2"},
      {"collation_connection", "1"}},
     0,
     SET("collation_connection", "1")},
};

START_TEST(changes_are_replayed_in_order)
{
    struct sessvars vars;
    sessvars_init(&vars);
    for (int i = 0; i < 6 && sequences[_i].set[i][0]; i++)
        track(&vars, sequences[_i].set[i][0], sequences[_i].set[i][1]);
    check_replay(&vars, sequences[_i].since, sequences[_i].sql);
    sessvars_free(&vars);
}
END_TEST

START_TEST(every_change_has_the_next_version)
{
    struct sessvars vars;
    sessvars_init(&vars);
    ck_assert_uint_eq(vars.version, 0);
    ck_assert(track(&vars, "sql_mode", ""));
    ck_assert_uint_eq(vars.version, 1);
    ck_assert(!track(&vars, "last_gtid", "0-1-1"));
    ck_assert_uint_eq(vars.version, 1);
    sessvars_set_schema(&vars, span_text("shop"));
    ck_assert_uint_eq(vars.version, 2);
    ck_assert_uint_eq(vars.schema_version, 2);
    ck_assert(track(&vars, "sql_mode", ""));
    ck_assert_uint_eq(vars.version, 3);
    ck_assert_uint_eq(vars.schema_version, 2);
    sessvars_free(&vars);
}
END_TEST

START_TEST(the_schema_is_followed)
{
    struct sessvars vars;
    struct track_entry entry = {.type = TRACK_SCHEMA, .value = span_text("shop")};
    sessvars_init(&vars);
    ck_assert_ptr_null(vars.schema);
    ck_assert(sessvars_track(&vars, &entry));
    ck_assert_str_eq(vars.schema, "shop");
    check_replay(&vars, 0, "");
    sessvars_reset(&vars);
    ck_assert_str_eq(vars.schema, "shop");
    ck_assert(vars.bare_schema);
    entry.value = span_text("");
    ck_assert(sessvars_track(&vars, &entry));
    ck_assert_ptr_null(vars.schema);
    sessvars_free(&vars);
}
END_TEST

static const struct {
    const char *sql;
    bool alters; /* … the schema `shop` */
} alterations[] = {
    {"ALTER DATABASE shop CHARACTER SET greek", true},
    {"alter schema `shop` collate utf8mb4_bin", true},
    {"/* x */ ALTER DATABASE SHOP COMMENT 'x'", true},
    {"ALTER DATABASE CHARACTER SET greek", true},
    {"ALTER DATABASE DEFAULT COLLATE = utf8mb4_bin", true},
    {"ALTER DATABASE shop2 CHARACTER SET greek", false},
    {"ALTER DATABASE sho CHARACTER SET greek", false},
    {"ALTER DATABASE", false},
    {"ALTER TABLE shop COMMENT 'x'", false},
    {"DROP DATABASE shop", false},
    {"", false},
};

/* Entering it sets its character set: so it is entered again, and what was set before is over. */
START_TEST(an_altered_schema_is_entered_again)
{
    struct sessvars vars;
    sessvars_init(&vars);
    sessvars_note_alter(&vars, span_text(alterations[_i].sql), 0);
    ck_assert_uint_eq(vars.version, 0);
    sessvars_set_schema(&vars, span_text("shop"));
    track(&vars, "collation_database", "greek_bin");
    ck_assert(sessvars_set_schema_charset(&vars));
    uint64_t before = vars.schema_version;
    sessvars_note_alter(&vars, span_text(alterations[_i].sql), 0);
    ck_assert_int_eq(vars.schema_version > before, alterations[_i].alters);
    ck_assert_int_eq(sessvars_set_schema_charset(&vars), !alterations[_i].alters);
    ck_assert_str_eq(vars.schema, "shop");
    sessvars_free(&vars);
}
END_TEST

START_TEST(other_entries_change_nothing)
{
    struct sessvars vars;
    static const uint8_t types[] = {TRACK_STATE_CHANGE, TRACK_GTIDS,
                                    TRACK_TRANSACTION_CHARACTERISTICS, TRACK_TRANSACTION_STATE, 99};
    sessvars_init(&vars);
    struct track_entry entry = {.type = types[_i], .name = span_text("a"), .value = span_text("1")};
    ck_assert(!sessvars_track(&vars, &entry));
    ck_assert_uint_eq(vars.version, 0);
    sessvars_free(&vars);
}
END_TEST

/* --- collations and character sets --- */

/* What belongs to writing alone, and what a follower's guard rests on. */
START_TEST(some_are_for_leaders_alone)
{
    struct sessvars vars;
    struct buf sql = {0};
    sessvars_init(&vars);
    track(&vars, "binlog_format", "ROW");
    track(&vars, "tx_read_only", "ON");
    check_replay(&vars, 0, "");
    sessvars_replay(&vars, 0, false, &sql);
    buf_append_u8(&sql, 0);
    ck_assert_str_eq((const char *)sql.data,
                     SET("binlog_format", HEX("524f57")) AND("tx_read_only", HEX("4f4e")));
    buf_free(&sql);
    sessvars_free(&vars);
}
END_TEST

static void check_role(const struct sessvars *vars, uint64_t since, const char *expected)
{
    struct buf sql = {0};
    sessvars_replay_role(vars, since, &sql);
    buf_append_u8(&sql, 0);
    ck_assert_str_eq((const char *)sql.data, expected);
    buf_free(&sql);
}

START_TEST(a_role_outlasts_a_reset)
{
    struct sessvars vars;
    sessvars_init(&vars);
    check_role(&vars, 0, "");
    sessvars_set_role(&vars, span_text("a`b"));
    sessvars_reset(&vars);
    check_role(&vars, 0, "SET ROLE `a``b`");
    check_role(&vars, vars.version, "");
    sessvars_set_role(&vars, (struct span){0});
    check_role(&vars, 0, "SET ROLE NONE");
    sessvars_forget(&vars);
    check_role(&vars, 0, "");
    sessvars_free(&vars);
}
END_TEST

static bool wanted(const struct sessvars *vars, uint8_t type, const char *name)
{
    struct track_entry entry = {.type = type, .name = span_text(name)};
    return sessvars_wanted(vars, &entry, "autocommit,time_zone");
}

START_TEST(a_client_is_told_what_it_asked_for)
{
    struct sessvars vars;
    sessvars_init(&vars);
    ck_assert(wanted(&vars, TRACK_SYSTEM_VARIABLE, "time_zone"));
    ck_assert(!wanted(&vars, TRACK_SYSTEM_VARIABLE, "sql_mode"));
    ck_assert(wanted(&vars, TRACK_SCHEMA, ""));
    ck_assert(!wanted(&vars, TRACK_STATE_CHANGE, ""));
    ck_assert(!wanted(&vars, TRACK_TRANSACTION_STATE, ""));
    sessvars_want_variables(&vars, span_text("sql_mode"));
    track(&vars, "session_track_schema", "OFF");
    track(&vars, "session_track_state_change", "ON");
    track(&vars, "session_track_transaction_info", "STATE");
    ck_assert(!wanted(&vars, TRACK_SYSTEM_VARIABLE, "time_zone"));
    ck_assert(wanted(&vars, TRACK_SYSTEM_VARIABLE, "sql_mode"));
    ck_assert(!wanted(&vars, TRACK_SCHEMA, ""));
    ck_assert(wanted(&vars, TRACK_STATE_CHANGE, ""));
    ck_assert(wanted(&vars, TRACK_TRANSACTION_STATE, ""));
    ck_assert(!wanted(&vars, TRACK_TRANSACTION_CHARACTERISTICS, ""));
    sessvars_reset(&vars);
    ck_assert(wanted(&vars, TRACK_SCHEMA, ""));
    sessvars_free(&vars);
}
END_TEST

START_TEST(the_collation_is_unknown_until_it_is_told)
{
    struct sessvars vars;
    sessvars_init(&vars);
    ck_assert(!(vars.asks & SESSVARS_ASK_COLLATION));
    track(&vars, "character_set_connection", "utf8mb4");
    ck_assert(vars.asks & SESSVARS_ASK_COLLATION);
    sessvars_set_collation(&vars, span_text("5"));
    ck_assert(!(vars.asks & SESSVARS_ASK_COLLATION));
    check_replay(&vars, 1, SET("collation_connection", "5"));
    track(&vars, "character_set_connection", "latin1");
    track(&vars, "collation_connection", "latin1_bin");
    ck_assert(!(vars.asks & SESSVARS_ASK_COLLATION));
    track(&vars, "character_set_connection", "latin1");
    sessvars_reset(&vars);
    ck_assert(!(vars.asks & SESSVARS_ASK_COLLATION));
    sessvars_free(&vars);
}
END_TEST

static const struct {
    const char *name;
    uint16_t collations[2];
    bool wide;
} charsets[] = {
    {"big5", {1, 84}, true},      {"gbk", {28, 87}, true},         {"sjis", {13, 88}, true},
    {"cp932", {95, 96}, true},    {"swe7", {10, 82}, true},        {"utf8mb4", {45, 46}, false},
    {"utf8mb3", {33, 83}, false}, {"latin1", {8, 47}, false},      {"binary", {63, 63}, false},
    {"ujis", {12, 91}, false},    {"gb2312", {24, 86}, false},     {"euckr", {19, 85}, false},
    {"ascii", {11, 65}, false},   {"utf8mb4", {224, 2304}, false},
};

static void names(struct sessvars *vars, const char *charset)
{
    track(vars, "character_set_connection", charset);
    track(vars, "character_set_results", charset);
    track(vars, "character_set_client", charset);
}

#define NAMES_LATIN1   "SET NAMES 'latin1' COLLATE 'latin1_bin'"
#define CLIENT_LATIN1  AND("character_set_client", HEX("6c6174696e31"))
#define CONNECTION_BIN AND("collation_connection", HEX("6c6174696e315f62696e"))

/* What results say of their collation outlasts changes of the others, which it would undo. */
START_TEST(names_with_a_collation_are_said_so)
{
    struct sessvars vars;
    sessvars_init(&vars);
    names(&vars, "latin1");
    sessvars_note_collations(&vars, span_text("SET NAMES latin1 COLLATE latin1_bin"), 0, true);
    ck_assert(!(vars.asks & SESSVARS_ASK_COLLATION));
    check_replay(&vars, 0, NAMES_LATIN1 CLIENT_LATIN1 CONNECTION_BIN);
    check_replay(&vars, 1, NAMES_LATIN1 CLIENT_LATIN1 CONNECTION_BIN); /* results are version 2 */
    check_replay(&vars, 2, SET("character_set_client", HEX("6c6174696e31")) CONNECTION_BIN);
    track(&vars, "character_set_client", "ascii");
    sessvars_note_collations(&vars, span_text("SET character_set_client=ascii"), 0, true);
    check_replay(&vars, 0,
                 NAMES_LATIN1 CONNECTION_BIN AND("character_set_client", HEX("6173636969")));
    track(&vars, "character_set_results", "latin1");
    sessvars_note_collations(&vars, span_text("SET character_set_results=latin1"), 0, true);
    check_replay(&vars, 5, SET("character_set_results", HEX("6c6174696e31")));
    sessvars_free(&vars);
}
END_TEST

/* The server's default may be any of its collations; the connection's tells. */
START_TEST(names_default_is_asked_for)
{
    struct sessvars vars;
    sessvars_init(&vars);
    names(&vars, "latin1");
    sessvars_note_collations(&vars, span_text("SET NAMES DEFAULT"), 0, true);
    ck_assert(vars.asks & SESSVARS_ASK_COLLATION);
    sessvars_set_collation(&vars, span_text("latin1_bin"));
    check_replay(&vars, 0, NAMES_LATIN1 CLIENT_LATIN1 CONNECTION_BIN);
    names(&vars, "latin1");
    sessvars_note_collations(&vars, span_text("SET NAMES latin1"), 0, true);
    ck_assert(!(vars.asks & SESSVARS_ASK_COLLATION));
    names(&vars, "latin1");
    sessvars_note_collations(&vars, span_text("SET NAMES latin1; SET x"), 0, false);
    ck_assert(vars.asks & SESSVARS_ASK_COLLATION); /* it may not have come so far */
    names(&vars, "utf8mb4");
    sessvars_note_collations(&vars, span_text("SET NAMES utf8mb4 COLLATE uca1400_ai_ci"), 0, true);
    ck_assert(vars.asks & SESSVARS_ASK_COLLATION); /* a name that is short for another one */
    sessvars_free(&vars);
}
END_TEST

START_TEST(sets_whose_characters_may_hold_quotes_are_known)
{
    struct sessvars vars;
    sessvars_init(&vars);
    for (int i = 0; i < 2; i++) {
        uint16_t collation = charsets[_i].collations[i];
        vars.wide_charset = !charsets[_i].wide;
        sessvars_set_login_collation(&vars, collation);
        ck_assert_int_eq(vars.wide_charset, charsets[_i].wide);
        vars.wide_charset = !charsets[_i].wide;
        sessvars_set_login_collation(&vars, (uint16_t)(collation + 1024)); /* its NOPAD one */
        ck_assert_int_eq(vars.wide_charset, charsets[_i].wide);
    }
    vars.wide_charset = !charsets[_i].wide;
    track(&vars, "character_set_client", charsets[_i].name);
    ck_assert_int_eq(vars.wide_charset, charsets[_i].wide);
    track(&vars, "character_set_results", "gbk");
    ck_assert_int_eq(vars.wide_charset, charsets[_i].wide);
    sessvars_free(&vars);
}
END_TEST

/* --- what keeps a session on the leader --- */

static const struct {
    const char *name;
    const char *set[3][2];
    bool leader_only;
    bool after_reset;
} leaders[] = {
    {"a plain variable", {{"sql_mode", ""}}, false, false},
    {"the log was never off", {{"sql_log_bin", "ON"}}, false, false},
    {"the log is off", {{"sql_log_bin", "OFF"}}, true, true},
    {"what was written meanwhile is on no follower",
     {{"sql_log_bin", "OFF"}, {"sql_log_bin", "ON"}},
     true,
     true},
    {"a clock of its own", {{"timestamp", "5"}}, true, false},
    {"the log says nothing about the clock",
     {{"timestamp", "5"}, {"sql_log_bin", "ON"}},
     true,
     false},
    {"random numbers of its own", {{"rand_seed1", "5"}}, true, false},
};

START_TEST(some_variables_keep_the_session_on_the_leader)
{
    struct sessvars vars;
    sessvars_init(&vars);
    for (int i = 0; i < 3 && leaders[_i].set[i][0]; i++)
        track(&vars, leaders[_i].set[i][0], leaders[_i].set[i][1]);
    ck_assert_msg(vars.leader_only == leaders[_i].leader_only, "%s", leaders[_i].name);
    sessvars_reset(&vars);
    ck_assert_msg(vars.leader_only == leaders[_i].after_reset, "%s, after a reset",
                  leaders[_i].name);
    sessvars_free(&vars);
}
END_TEST

START_TEST(a_reset_forgets_the_variables)
{
    struct sessvars vars;
    sessvars_init(&vars);
    track(&vars, "sql_mode", "");
    track(&vars, "wait_timeout", "5");
    sessvars_reset(&vars);
    check_replay(&vars, 0, "");
    ck_assert_uint_eq(vars.version, 2); /* versions only grow */
    track(&vars, "wait_timeout", "6");
    check_replay(&vars, 2, SET("wait_timeout", "6"));
    sessvars_free(&vars);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
    Suite *suite = suite_create("sessvars");
    TCase *tcase = tcase_create("sessvars");
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, a_variable_is_replayed_with_its_value, 0, COUNT(values));
    tcase_add_loop_test(tcase, changes_are_replayed_in_order, 0, COUNT(sequences));
    tcase_add_test(tcase, every_change_has_the_next_version);
    tcase_add_test(tcase, the_schema_is_followed);
    tcase_add_loop_test(tcase, an_altered_schema_is_entered_again, 0, COUNT(alterations));
    tcase_add_loop_test(tcase, other_entries_change_nothing, 0, 5);
    tcase_add_test(tcase, some_are_for_leaders_alone);
    tcase_add_test(tcase, a_role_outlasts_a_reset);
    tcase_add_test(tcase, a_client_is_told_what_it_asked_for);
    tcase_add_test(tcase, the_collation_is_unknown_until_it_is_told);
    tcase_add_test(tcase, names_with_a_collation_are_said_so);
    tcase_add_test(tcase, names_default_is_asked_for);
    tcase_add_loop_test(tcase, sets_whose_characters_may_hold_quotes_are_known, 0, COUNT(charsets));
    tcase_add_loop_test(tcase, some_variables_keep_the_session_on_the_leader, 0, COUNT(leaders));
    tcase_add_test(tcase, a_reset_forgets_the_variables);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
