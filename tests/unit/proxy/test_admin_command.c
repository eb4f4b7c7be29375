/* The console's words: commands in every spelling, and what client programs ask on their own. */
#include "proxy/admin_command.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

static const struct {
    const char *sql;
    enum admin_verb verb;
    enum admin_topic topic;
    const char *server;
    const char *like;
} commands[] = {
    {"SHOW SERVERS", ADMIN_SHOW, ADMIN_SERVERS, "", ""},
    {"show servers;", ADMIN_SHOW, ADMIN_SERVERS, "", ""},
    {"  Show\n\tPositions ; ", ADMIN_SHOW, ADMIN_POSITIONS, "", ""},
    {"SHOW SESSIONS", ADMIN_SHOW, ADMIN_SESSIONS, "", ""},
    {"SHOW RULES", ADMIN_SHOW, ADMIN_RULES, "", ""},
    {"SHOW POOLS", ADMIN_SHOW, ADMIN_POOLS, "", ""},
    {"SHOW STATS", ADMIN_SHOW, ADMIN_STATS, "", ""},
    {"SHOW CONFIG", ADMIN_SHOW, ADMIN_CONFIG, "", ""},
    {"SHOW HELP", ADMIN_SHOW, ADMIN_HELP, "", ""},
    {"help", ADMIN_SHOW, ADMIN_HELP, "", ""},
    {"/* who? */ SHOW -- a comment\n SERVERS # and another", ADMIN_SHOW, ADMIN_SERVERS, "", ""},
    {"SHOW STATS LIKE '%wait%'", ADMIN_SHOW, ADMIN_STATS, "", "%wait%"},
    {"show config like \"listen\" ;", ADMIN_SHOW, ADMIN_CONFIG, "", "listen"},
    {"SHOW WARNINGS", ADMIN_SHOW_WARNINGS, 0, "", ""},
    {"SHOW ERRORS", ADMIN_SHOW_WARNINGS, 0, "", ""},
    {"SHOW VARIABLES LIKE 'version%'", ADMIN_SHOW_VARIABLES, 0, "", "version%"},
    {"SHOW GLOBAL VARIABLES", ADMIN_SHOW_VARIABLES, 0, "", ""},
    {"SHOW DATABASES", ADMIN_SHOW_NOTHING, 0, "", ""},
    {"SHOW FULL TABLES", ADMIN_SHOW_NOTHING, 0, "", ""},
    {"RELOAD", ADMIN_DO_RELOAD, 0, "", ""},
    {"reload;", ADMIN_DO_RELOAD, 0, "", ""},
    {"DRAIN db2", ADMIN_DO_DRAIN, 0, "db2", ""},
    {"drain `db-2`;", ADMIN_DO_DRAIN, 0, "db-2", ""},
    {"RESUME 'DB_2'", ADMIN_DO_RESUME, 0, "DB_2", ""},
    {"resume db-2", ADMIN_DO_RESUME, 0, "db-2", ""},
    {"SELECT @@version_comment LIMIT 1", ADMIN_SELECT, 0, "", ""},
    {"SET NAMES utf8mb4", ADMIN_IGNORE, 0, "", ""},
    {"set autocommit=0", ADMIN_IGNORE, 0, "", ""},
    {"USE x", ADMIN_IGNORE, 0, "", ""},
    {"COMMIT", ADMIN_IGNORE, 0, "", ""},
    {"", ADMIN_UNKNOWN, 0, "", ""},
    {";", ADMIN_UNKNOWN, 0, "", ""},
    {"SHOW", ADMIN_UNKNOWN, 0, "", ""},
    {"SHOW NOTHING", ADMIN_UNKNOWN, 0, "", ""},
    {"SHOW SERVERS db1", ADMIN_UNKNOWN, 0, "", ""},
    {"SHOW SERVERS LIKE", ADMIN_UNKNOWN, 0, "", ""},
    {"SHOW SERVERS LIKE db1", ADMIN_UNKNOWN, 0, "", ""},
    {"SHOW SERVERS LIKE 'db1", ADMIN_UNKNOWN, 0, "", ""},
    {"SHOW SERVERS; SHOW STATS", ADMIN_UNKNOWN, 0, "", ""},
    {"SHOWSERVERS", ADMIN_UNKNOWN, 0, "", ""},
    {"SHOW FAILOVER", ADMIN_SHOW, ADMIN_FAILOVER, "", ""},
    {"switchover to db2;", ADMIN_DO_SWITCHOVER, 0, "db2", ""},
    {"FAILOVER", ADMIN_DO_FAILOVER, 0, "", ""},
    {"FAILOVER ;", ADMIN_DO_FAILOVER, 0, "", ""},
    {"FAILOVER TO `db-3`", ADMIN_DO_FAILOVER, 0, "db-3", ""},
    {"REJOIN db1", ADMIN_DO_REJOIN, 0, "db1", ""},
    {"SWITCHOVER", ADMIN_UNKNOWN, 0, "", ""},
    {"SWITCHOVER db2", ADMIN_UNKNOWN, 0, "", ""},
    {"SWITCHOVER TO", ADMIN_UNKNOWN, 0, "", ""},
    {"FAILOVER TO", ADMIN_UNKNOWN, 0, "", ""},
    {"FAILOVER db2", ADMIN_UNKNOWN, 0, "", ""},
    {"RELOAD now", ADMIN_UNKNOWN, 0, "", ""},
    {"DRAIN", ADMIN_UNKNOWN, 0, "", ""},
    {"DRAIN db1 db2", ADMIN_UNKNOWN, 0, "", ""},
    {"DRAIN ''", ADMIN_UNKNOWN, 0, "", ""},
    {"DRAIN ;", ADMIN_UNKNOWN, 0, "", ""},
    {"INSERT INTO t VALUES (1)", ADMIN_UNKNOWN, 0, "", ""},
    {"/* not closed SHOW SERVERS", ADMIN_UNKNOWN, 0, "", ""},
    {"'", ADMIN_UNKNOWN, 0, "", ""},
};

START_TEST(command_is_understood)
{
    struct admin_command command = admin_command_parse(span_text(commands[_i].sql));
    ck_assert_msg(command.verb == commands[_i].verb, "%s: verb %d", commands[_i].sql, command.verb);
    if (command.verb == ADMIN_SHOW)
        ck_assert_msg(command.topic == commands[_i].topic, "%s", commands[_i].sql);
    ck_assert_str_eq(command.server, commands[_i].server);
    ck_assert_str_eq(command.like, commands[_i].like);
}
END_TEST

START_TEST(too_long_words_are_refused)
{
    char sql[256] = "DRAIN ";
    memset(sql + 6, 'x', ADMIN_WORD_MAX - 1);
    ck_assert_int_eq(admin_command_parse(span_text(sql)).verb, ADMIN_DO_DRAIN);
    memset(sql + 6, 'x', ADMIN_WORD_MAX);
    ck_assert_int_eq(admin_command_parse(span_text(sql)).verb, ADMIN_UNKNOWN);
}
END_TEST

/* Read to the last byte and not beyond: each text stands in a block of just its size. */
START_TEST(no_byte_behind_the_text_is_read)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        size_t len = strlen(commands[i].sql);
        for (size_t cut = 1; cut <= len; cut++) {
            char *exact = malloc(cut);
            memcpy(exact, commands[i].sql, cut);
            struct admin_command command = admin_command_parse(span_of(exact, cut));
            ck_assert(cut < len || command.verb == commands[i].verb);
            free(exact);
        }
    }
}
END_TEST

START_TEST(help_names_every_command)
{
    struct admin_table table = {0};
    struct buf list = {0};
    admin_command_help(&table);
    admin_command_list(&list);
    buf_append_u8(&list, '\0');
    static const char *const known[] = {"SHOW SERVERS",  "SHOW POSITIONS", "SHOW SESSIONS",
                                        "SHOW RULES",    "SHOW STATS",     "SHOW CONFIG",
                                        "SHOW HELP",     "RELOAD",         "DRAIN server",
                                        "RESUME server", "SHOW WARNINGS",  "SHOW POOLS"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        bool found = false;
        for (size_t row = 0; row < admin_table_rows(&table); row++)
            found = found || strcmp(admin_table_at(&table, row, 0), known[i]) == 0;
        ck_assert_msg(found, "%s", known[i]);
    }
    ck_assert_str_eq(
        (char *)list.data,
        "SHOW SERVERS | POSITIONS | SESSIONS | POOLS | KEYS | RULES | FAILOVER | STATS | CONFIG | "
        "HELP, RELOAD, DRAIN server, RESUME server, SWITCHOVER TO server, FAILOVER [TO server], "
        "REJOIN server");
    buf_free(&list);
    admin_table_free(&table);
}
END_TEST

/* --- SELECT --- */

static const struct admin_identity identity = {"10.11.0-Causeway", "admin", 7};

static const struct {
    const char *sql;
    const char *expected; /* columns, then values, with | between; or NULL */
    int error;
} selects[] = {
    {"select @@version_comment limit 1", "@@version_comment|Causeway console", 0},
    {"SELECT @@VERSION;", "@@VERSION|10.11.0-Causeway", 0},
    {"SELECT @@session.autocommit, @@global.max_allowed_packet AS m LIMIT 1",
     "@@session.autocommit|m|1|16777216", 0},
    {"SELECT VERSION(), user( ), CONNECTION_ID(), CURRENT_USER",
     "VERSION()|user()|CONNECTION_ID()|CURRENT_USER|10.11.0-Causeway|admin|7|admin", 0},
    {"select DATABASE(), USER() limit 1", "DATABASE()|USER()|NULL|admin", 0},
    {"SELECT 1", "1|1", 0},
    {"SELECT 'a b' AS `x`", "x|a b", 0},
    {"SELECT @@no_such_thing", NULL, -ENOENT},
    {"SELECT @@", NULL, -EINVAL},
    {"SELECT", NULL, -EINVAL},
    {"SELECT *", NULL, -EINVAL},
    {"SELECT 1 FROM t", NULL, -EINVAL},
    {"SELECT 1 LIMIT", NULL, -EINVAL},
    {"SELECT 1,", NULL, -EINVAL},
    {"SELECT SLEEP(1)", NULL, -EINVAL},
    {"SELECT VERSION", NULL, -EINVAL},
    {"SELECT 1; SELECT 2", NULL, -EINVAL},
};

START_TEST(select_of_constants)
{
    struct admin_table table = {0};
    char unknown[ADMIN_WORD_MAX];
    int error = admin_select(span_text(selects[_i].sql), &identity, &table, unknown);
    ck_assert_msg(error == selects[_i].error, "%s: %d", selects[_i].sql, error);
    if (error == -ENOENT)
        ck_assert_str_eq(unknown, "@@no_such_thing");
    ck_assert_uint_eq(admin_table_rows(&table), error ? 0 : 1);
    if (!error) {
        struct buf all = {0};
        for (size_t i = 0; i < table.column_count; i++)
            buf_printf(&all, "%s|", table.columns[i]);
        for (size_t i = 0; i < table.column_count; i++) {
            const char *value = admin_table_at(&table, 0, i);
            buf_printf(&all, "%s|", value ? value : "NULL");
        }
        all.data[all.len - 1] = '\0';
        ck_assert_str_eq((char *)all.data, selects[_i].expected);
        buf_free(&all);
    }
    admin_table_free(&table);
}
END_TEST

START_TEST(select_list_is_bounded)
{
    struct buf sql = {0};
    struct admin_table table = {0};
    char unknown[ADMIN_WORD_MAX];
    buf_append_text(&sql, "SELECT 1");
    for (int i = 0; i < 100; i++)
        buf_append_text(&sql, ",1");
    ck_assert_int_eq(admin_select(buf_span(&sql), &identity, &table, unknown), -EINVAL);
    ck_assert_uint_eq(table.column_count, 0);
    buf_free(&sql);
}
END_TEST

static Suite *admin_command_suite(void)
{
    Suite *suite = suite_create("admin_command");
    TCase *words = tcase_create("words");
    tcase_add_loop_test(words, command_is_understood, 0,
                        (int)(sizeof(commands) / sizeof(commands[0])));
    tcase_add_test(words, too_long_words_are_refused);
    tcase_add_test(words, no_byte_behind_the_text_is_read);
    tcase_add_test(words, help_names_every_command);
    tcase_add_loop_test(words, select_of_constants, 0, (int)(sizeof(selects) / sizeof(selects[0])));
    tcase_add_test(words, select_list_is_bounded);
    suite_add_tcase(suite, words);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(admin_command_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
