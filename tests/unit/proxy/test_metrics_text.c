/* The pages of the HTTP endpoint, from plain numbers. */
#include "proxy/metrics_text.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct metrics_view view;
static struct buf out;

static void setup(void)
{
    memset(&view, 0, sizeof(view));
    view.clients = 3;
    view.epoch = 2;
    view.counters.statements_leader = 11;
    view.counters.statements_follower = 22;
    view.session_states[0] = "COMMAND";
    view.sessions[0] = 3;
    view.server_count = 2;
    snprintf(view.servers[0].name, METRICS_TEXT_MAX, "db1");
    view.servers[0].role = "leader";
    view.servers[0].state = "writes";
    view.servers[0].lag_ms = UINT32_MAX;
    view.servers[0].lag_transactions = UINT64_MAX;
    snprintf(view.servers[1].name, METRICS_TEXT_MAX, "a\"b\\c\nd");
    snprintf(view.servers[1].why, METRICS_TEXT_MAX, "<b>&\"quoted\"");
    view.servers[1].role = "follower";
    view.servers[1].state = "reads";
    view.servers[1].in_rotation = true;
    view.servers[1].lag_ms = 1500;
    view.servers[1].pool = (struct pool_counts){.idle = 4, .lent = 5, .leaving = 6};
    view.servers[0].waiting = 8;
    view.servers[1].lag_transactions = 7;
    ck_assert_int_eq(gtid_vector_parse(span_text("0-1-5,9-2-6"), &view.servers[1].position), 0);
    view.leader_position = view.servers[1].position;
}

static void teardown(void)
{
    buf_free(&out);
}

static const char *page(enum metrics_page kind)
{
    metrics_write(&view, kind, &out);
    buf_append_u8(&out, 0);
    return (const char *)out.data;
}

static const char *const lines[] = {
    "causeway_build_info{version=\"" CAUSEWAY_VERSION "\"} 1\n",
    "# TYPE causeway_clients gauge\ncauseway_clients 3\n",
    "causeway_sessions{state=\"COMMAND\"} 3\n",
    "causeway_queries_total{target=\"leader\"} 11\n",
    "causeway_queries_total{target=\"follower\"} 22\n",
    "# TYPE causeway_statements_leader_total counter\ncauseway_statements_leader_total 11\n",
    "causeway_server_role{server=\"db1\",role=\"leader\"} 1\n",
    "causeway_server_role{server=\"db1\",role=\"follower\"} 0\n",
    "causeway_server_in_rotation{server=\"db1\"} 0\n",
    "causeway_server_connections_idle{server=\"a\\\"b\\\\c\\nd\"} 4\n",
    "causeway_server_connections_lent{server=\"a\\\"b\\\\c\\nd\"} 5\n",
    "causeway_server_connections_leaving{server=\"a\\\"b\\\\c\\nd\"} 6\n",
    "causeway_server_waiting{server=\"db1\"} 8\n",
    "causeway_server_lag_ms{server=\"a\\\"b\\\\c\\nd\"} 1500\n",
    "causeway_server_lag_transactions{server=\"a\\\"b\\\\c\\nd\"} 7\n",
    "causeway_server_position_sequence{server=\"a\\\"b\\\\c\\nd\",domain=\"9\"} 6\n",
    "causeway_leader_position_sequence{domain=\"0\"} 5\n",
    "causeway_epoch 2\n",
};

START_TEST(metrics_have_the_line)
{
    const char *text = page(METRICS_PROMETHEUS);

    ck_assert_msg(strstr(text, lines[_i]) != NULL, "no %s in\n%s", lines[_i], text);
}
END_TEST

START_TEST(what_is_not_known_has_no_sample)
{
    const char *text = page(METRICS_PROMETHEUS);

    ck_assert_ptr_null(strstr(text, "causeway_server_lag_ms{server=\"db1\"}"));
    ck_assert_ptr_null(strstr(text, "causeway_server_lag_transactions{server=\"db1\"}"));
    ck_assert_ptr_null(strstr(text, "causeway_leader_log_"));
    ck_assert_ptr_null(strstr(text, "18446744073709551615"));
    ck_assert_ptr_null(strstr(text, "4294967295"));
}
END_TEST

START_TEST(the_state_of_the_log_is_one_of_all)
{
    const char *text;

    view.log_known = true;
    view.log.state = LEADER_LOG_WAITING;
    view.log.committed_s = 1700000000;
    text = page(METRICS_PROMETHEUS);
    ck_assert_ptr_nonnull(strstr(text, "causeway_leader_log_state{state=\"lost\"} 1\n"));
    ck_assert_ptr_nonnull(strstr(text, "causeway_leader_log_state{state=\"followed\"} 0\n"));
    ck_assert_ptr_nonnull(strstr(text, "causeway_leader_committed_timestamp_seconds 1700000000\n"));
}
END_TEST

START_TEST(the_status_page_escapes_what_servers_say)
{
    const char *text = page(METRICS_STATUS);

    ck_assert_ptr_nonnull(strstr(text, "&lt;b&gt;&amp;&quot;quoted&quot;"));
    ck_assert_ptr_null(strstr(text, "<b>"));
    ck_assert_ptr_nonnull(strstr(text, "0-1-5,9-2-6"));
    ck_assert_str_eq(metrics_content_type(METRICS_STATUS), "text/html; charset=utf-8");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metrics_text");
    TCase *tcase = tcase_create("metrics_text");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, metrics_have_the_line, 0, sizeof(lines) / sizeof(lines[0]));
    tcase_add_test(tcase, what_is_not_known_has_no_sample);
    tcase_add_test(tcase, the_state_of_the_log_is_one_of_all);
    tcase_add_test(tcase, the_status_page_escapes_what_servers_say);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
