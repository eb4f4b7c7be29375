/* Who leads, who follows and who serves reads, from what probes saw. */
#include "router/cluster/roles.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

enum { SERVERS_MAX = 4, MAX_LAG_MS = 10000 };

/* One server in short: its letters say what it is.
 *   d down (it was seen before), D down and never seen, w writable, x drained, ! channels denied,
 *   u no confirmed position, s SQL thread stopped, e SQL thread stopped by error 1062,
 *   i IO thread not connected, v … because the leader does not have its position, h master known by
 * host and port only, l was out for its lag */
struct sketch {
    const char *marks;
    int follows; /* index of its source; NOBODY; OUTSIDE: a server that isn't configured */
    uint32_t lag_ms;
};

enum { NOBODY = -1, OUTSIDE = -2 };

struct want {
    enum server_role role;
    bool in_rotation;
    const char *why; /* a part of it; "" for none */
};

static const struct {
    const char *what;
    int count;
    struct sketch servers[SERVERS_MAX];
    int previous;
    int leader;
    bool split;
    struct want want[SERVERS_MAX];
} cases[] = {
    {"a leader and two followers",
     3,
     {{"w", NOBODY, 0}, {"", 0, 0}, {"", 0, 300}},
     -1,
     0,
     false,
     {{ROLE_LEADER, false, ""}, {ROLE_FOLLOWER, true, ""}, {ROLE_FOLLOWER, true, ""}}},
    {"a single writable server leads",
     1,
     {{"w", NOBODY, 0}},
     -1,
     0,
     false,
     {{ROLE_LEADER, false, ""}}},
    {"a single read-only server does not",
     1,
     {{"", NOBODY, 0}},
     -1,
     -1,
     false,
     {{ROLE_UNKNOWN, false, "read_only"}}},
    {"a writable follower does not lead, and is pointed out",
     2,
     {{"w", NOBODY, 0}, {"w", 0, 0}},
     -1,
     0,
     false,
     {{ROLE_LEADER, false, ""}, {ROLE_FOLLOWER, true, ""}}},
    {"the leader may replicate from outside",
     2,
     {{"w", OUTSIDE, 0}, {"", 0, 0}},
     -1,
     0,
     false,
     {{ROLE_LEADER, false, ""}, {ROLE_FOLLOWER, true, ""}}},
    {"by host and port before the first connection",
     2,
     {{"w", NOBODY, 0}, {"h", 0, 0}},
     -1,
     0,
     false,
     {{ROLE_LEADER, false, ""}, {ROLE_FOLLOWER, true, ""}}},
    {"the leader is dead: followers go on",
     3,
     {{"dw", NOBODY, 0}, {"i", 0, 0}, {"i", 0, 900}},
     0,
     -1,
     false,
     {{ROLE_UNKNOWN, false, "refused"}, {ROLE_FOLLOWER, true, ""}, {ROLE_FOLLOWER, true, ""}}},
    {"the leader was never seen: followers are known by host and port",
     2,
     {{"Dw", NOBODY, 0}, {"h", 0, 0}},
     -1,
     -1,
     false,
     {{ROLE_UNKNOWN, false, "refused"}, {ROLE_FOLLOWER, true, ""}}},
    {"the leader has no configured name: a read-only server with one source follows it",
     1,
     {{"", OUTSIDE, 0}},
     -1,
     -1,
     false,
     {{ROLE_FOLLOWER, true, ""}}},
    {"a dead follower keeps its role, not its place",
     2,
     {{"w", NOBODY, 0}, {"d", 0, 0}},
     0,
     0,
     false,
     {{ROLE_LEADER, false, ""}, {ROLE_FOLLOWER, false, "refused"}}},
    {"SQL thread stopped",
     2,
     {{"w", NOBODY, 0}, {"s", 0, 0}},
     0,
     0,
     false,
     {{ROLE_LEADER, false, ""}, {ROLE_FOLLOWER, false, "replication SQL thread stopped"}}},
    {"SQL thread stopped by an error",
     2,
     {{"w", NOBODY, 0}, {"e", 0, 0}},
     0,
     0,
     false,
     {{ROLE_LEADER, false, ""},
      {ROLE_FOLLOWER, false, "replication SQL thread stopped: error 1062: Duplicate"}}},
    {"IO thread not connected: kept until it lags",
     2,
     {{"w", NOBODY, 0}, {"i", 0, MAX_LAG_MS}},
     0,
     0,
     false,
     {{ROLE_LEADER, false, ""}, {ROLE_FOLLOWER, true, ""}}},
    {"the leader does not have its position",
     2,
     {{"w", NOBODY, 0}, {"iv", 0, 0}},
     0,
     0,
     false,
     {{ROLE_LEADER, false, ""}, {ROLE_FOLLOWER, false, "the leader does not have its position"}}},
    {"too far behind",
     2,
     {{"w", NOBODY, 0}, {"", 0, 12345}},
     0,
     0,
     false,
     {{ROLE_LEADER, false, ""}, {ROLE_FOLLOWER, false, "12.3 s behind, max_lag is 10 s"}}},
    {"once too far behind, comes back at three quarters: not yet",
     2,
     {{"w", NOBODY, 0}, {"l", 0, 7501}},
     0,
     0,
     false,
     {{ROLE_LEADER, false, ""}, {ROLE_FOLLOWER, false, "7.5 s behind"}}},
    {"once too far behind, comes back at three quarters",
     2,
     {{"w", NOBODY, 0}, {"l", 0, 7500}},
     0,
     0,
     false,
     {{ROLE_LEADER, false, ""}, {ROLE_FOLLOWER, true, ""}}},
    {"lag not known, position confirmed: fine",
     2,
     {{"w", NOBODY, 0}, {"", 0, UINT32_MAX}},
     0,
     0,
     false,
     {{ROLE_LEADER, false, ""}, {ROLE_FOLLOWER, true, ""}}},
    {"no confirmed position yet",
     2,
     {{"w", NOBODY, 0}, {"u", 0, UINT32_MAX}},
     0,
     0,
     false,
     {{ROLE_LEADER, false, ""}, {ROLE_FOLLOWER, false, "not known yet"}}},
    {"drained comes before everything but down",
     3,
     {{"w", NOBODY, 0}, {"xs", 0, 99999}, {"xd", 0, 0}},
     0,
     0,
     false,
     {{ROLE_LEADER, false, ""},
      {ROLE_FOLLOWER, false, "drained"},
      {ROLE_FOLLOWER, false, "refused"}}},
    {"a server that follows another follower fits nowhere",
     3,
     {{"w", NOBODY, 0}, {"", 0, 0}, {"", 1, 0}},
     0,
     0,
     false,
     {{ROLE_LEADER, false, ""},
      {ROLE_FOLLOWER, true, ""},
      {ROLE_UNKNOWN, false, "which is not the leader"}}},
    {"a server that does not replicate",
     2,
     {{"w", NOBODY, 0}, {"", NOBODY, 0}},
     0,
     0,
     false,
     {{ROLE_LEADER, false, ""}, {ROLE_UNKNOWN, false, "does not replicate, and db1 leads"}}},
    {"after a promotion, one still follows the dead leader",
     3,
     {{"dw", NOBODY, 0}, {"w", NOBODY, 0}, {"i", 0, 0}},
     0,
     1,
     false,
     {{ROLE_UNKNOWN, false, "refused"},
      {ROLE_LEADER, false, ""},
      {ROLE_UNKNOWN, false, "which is not the leader"}}},
    {"the old leader is back, the others follow the new one",
     3,
     {{"w", NOBODY, 0}, {"w", NOBODY, 0}, {"", 1, 0}},
     0,
     1,
     true,
     {{ROLE_UNKNOWN, false, "does not replicate, and db2 leads"},
      {ROLE_LEADER, false, ""},
      {ROLE_FOLLOWER, true, ""}}},
    {"two could lead, nobody follows: the one before",
     2,
     {{"w", NOBODY, 0}, {"w", NOBODY, 0}},
     1,
     1,
     true,
     {{ROLE_UNKNOWN, false, "does not replicate"}, {ROLE_LEADER, false, ""}}},
    {"two could lead, nobody follows, none before: none",
     2,
     {{"w", NOBODY, 0}, {"w", NOBODY, 0}},
     -1,
     -1,
     true,
     {{ROLE_UNKNOWN, false, "not taken"}, {ROLE_UNKNOWN, false, "not taken"}}},
    {"two are followed: the one before",
     4,
     {{"w", NOBODY, 0}, {"w", NOBODY, 0}, {"", 0, 0}, {"", 1, 0}},
     1,
     1,
     true,
     {{ROLE_UNKNOWN, false, "does not replicate"},
      {ROLE_LEADER, false, ""},
      {ROLE_UNKNOWN, false, "not the leader"},
      {ROLE_FOLLOWER, true, ""}}},
    {"a follower that isn't connected does not vote",
     3,
     {{"w", NOBODY, 0}, {"w", NOBODY, 0}, {"i", 0, 0}},
     1,
     1,
     true,
     {{ROLE_UNKNOWN, false, "does not replicate"},
      {ROLE_LEADER, false, ""},
      {ROLE_UNKNOWN, false, "not the leader"}}},
    {"the one before is gone: none of two",
     3,
     {{"w", NOBODY, 0}, {"w", NOBODY, 0}, {"dw", NOBODY, 0}},
     2,
     -1,
     true,
     {{ROLE_UNKNOWN, false, ""}, {ROLE_UNKNOWN, false, ""}, {ROLE_UNKNOWN, false, "refused"}}},
    {"a ring has no leader",
     2,
     {{"w", 1, 0}, {"w", 0, 0}},
     -1,
     -1,
     false,
     {{ROLE_FOLLOWER, true, ""}, {ROLE_FOLLOWER, true, ""}}},
    {"who may not see the channels can't be judged",
     2,
     {{"w!", NOBODY, 0}, {"!", NOBODY, 0}},
     -1,
     -1,
     false,
     {{ROLE_UNKNOWN, false, "grant SLAVE MONITOR"}, {ROLE_UNKNOWN, false, "grant SLAVE MONITOR"}}},
};

static const char *const server_names[SERVERS_MAX] = {"db1", "db2", "db3", "db4"};

static void channel_draw(const struct sketch *sketch, struct replication_channel *channel)
{
    memset(channel, 0, sizeof(*channel));
    channel->io_running = strchr(sketch->marks, 'i') == NULL;
    channel->sql_running = strpbrk(sketch->marks, "se") == NULL;
    if (strchr(sketch->marks, 'e') != NULL) {
        channel->sql_errno = 1062;
        snprintf(channel->sql_error, sizeof(channel->sql_error), "Duplicate entry");
    }
    if (strchr(sketch->marks, 'v') != NULL)
        channel->io_errno = 1236;
    snprintf(channel->master_host, sizeof(channel->master_host),
             sketch->follows == OUTSIDE ? "10.9.9.9" : "localhost");
    channel->master_port = (unsigned)(sketch->follows == OUTSIDE ? 3306 : 3301 + sketch->follows);
    if (strchr(sketch->marks, 'h') == NULL)
        channel->master_server_id =
            sketch->follows == OUTSIDE ? 999 : 101 + (unsigned)sketch->follows;
}

static void view_draw(const struct sketch *sketch, int index, struct replication_channel *channel,
                      struct server_view *view)
{
    const char *marks = sketch->marks;

    *view = (struct server_view){
        .name = server_names[index],
        .host = "127.0.0.1",
        .ip = "127.0.0.1",
        .port = 3301 + (unsigned)index,
        .drained = strchr(marks, 'x') != NULL,
        .seen = strchr(marks, 'D') == NULL,
        .reachable = strpbrk(marks, "dD") == NULL,
        .down_why = "connection refused",
        .read_only = strchr(marks, 'w') == NULL,
        .channels_known = strchr(marks, '!') == NULL,
        .server_id = 101 + (unsigned)index,
        .confirmed = strchr(marks, 'u') == NULL,
        .lag_ms = sketch->lag_ms,
        .lagged = strchr(marks, 'l') != NULL,
    };
    if (sketch->follows != NOBODY) {
        channel_draw(sketch, channel);
        view->channels = channel;
        view->channel_count = 1;
    }
}

START_TEST(roles_follow_from_what_the_probes_saw)
{
    struct replication_channel channels[SERVERS_MAX];
    struct server_view views[SERVERS_MAX];
    struct roles roles;

    for (int i = 0; i < cases[_i].count; i++)
        view_draw(&cases[_i].servers[i], i, &channels[i], &views[i]);
    roles_decide(views, (unsigned)cases[_i].count, cases[_i].previous, MAX_LAG_MS, &roles);
    ck_assert_msg(roles.leader == cases[_i].leader, "%s: leader %d", cases[_i].what, roles.leader);
    ck_assert_msg(roles.split == cases[_i].split, "%s: split %d", cases[_i].what, roles.split);
    ck_assert_msg((roles.trouble[0] != '\0') == (roles.split || roles.leader < 0), "%s: `%s`",
                  cases[_i].what, roles.trouble);
    for (int i = 0; i < cases[_i].count; i++) {
        const struct role_verdict *got = &roles.servers[i];
        const struct want *want = &cases[_i].want[i];

        ck_assert_msg(got->role == want->role, "%s: db%d has role %d", cases[_i].what, i + 1,
                      got->role);
        ck_assert_msg(got->in_rotation == want->in_rotation, "%s: db%d: %s", cases[_i].what, i + 1,
                      got->why);
        ck_assert_msg(strstr(got->why, want->why) != NULL, "%s: db%d: %s", cases[_i].what, i + 1,
                      got->why);
        /* words stand exactly where a server is neither the leader nor in rotation */
        ck_assert_msg((got->why[0] == '\0') == (got->in_rotation || got->role == ROLE_LEADER),
                      "%s: db%d: `%s`", cases[_i].what, i + 1, got->why);
        ck_assert_msg(got->writable_follower ==
                          (got->role == ROLE_FOLLOWER && views[i].reachable && !views[i].read_only),
                      "%s: db%d", cases[_i].what, i + 1);
    }
}
END_TEST

/* A follower whose position says more than it has. */
static const struct {
    const char *what;
    const char *filter;
    const char *log_filter; /* of the leader */
    bool skips_errors;
    bool parallel;
    unsigned domain_count;
    bool partial;
    const char *why; /* a part of it */
} limits[] = {
    {"nothing is left out", "", "", false, false, 1, false, ""},
    {"a filter of its own", "Replicate_Ignore_DB = x", "", false, false, 1, true,
     "Replicate_Ignore_DB = x"},
    {"skipped errors", "", "", true, false, 1, true, "slave_skip_errors"},
    {"a filter of the leader", "", "Binlog_Do_DB = y", false, false, 1, true, "Binlog_Do_DB = y"},
    {"parallel appliers, one domain", "", "", false, true, 1, false, ""},
    {"parallel appliers, two domains", "", "", false, true, 2, false, "slave_parallel_threads"},
    {"serial appliers, two domains", "", "", false, false, 2, false, ""},
};

START_TEST(a_follower_that_leaves_things_out_is_told_apart)
{
    static const struct sketch leader = {"w", NOBODY, 0};
    static const struct sketch follower = {"", 0, 0};
    struct replication_channel channels[2] = {0};
    struct server_view views[2];
    struct roles roles;

    view_draw(&leader, 0, &channels[0], &views[0]);
    view_draw(&follower, 1, &channels[1], &views[1]);
    snprintf(channels[1].filter, sizeof(channels[1].filter), "%s", limits[_i].filter);
    views[0].log_filter = limits[_i].log_filter;
    views[1].skips_errors = limits[_i].skips_errors;
    views[1].parallel = limits[_i].parallel;
    views[1].domain_count = limits[_i].domain_count;
    roles_decide(views, 2, -1, MAX_LAG_MS, &roles);
    ck_assert_msg(roles.servers[1].in_rotation, "%s", limits[_i].what);
    ck_assert_msg(roles.servers[1].partial == limits[_i].partial, "%s", limits[_i].what);
    ck_assert_msg(strstr(roles.servers[1].why, limits[_i].why) != NULL, "%s: %s", limits[_i].what,
                  roles.servers[1].why);
    ck_assert_msg((limits[_i].why[0] == '\0') == (roles.servers[1].why[0] == '\0'), "%s: %s",
                  limits[_i].what, roles.servers[1].why);
}
END_TEST

/* Two that accept writes: the follower still replicates from the old leader. */
START_TEST(a_promoted_server_leads)
{
    struct replication_channel channel = {
        .io_running = true, .sql_running = true, .master_server_id = 1};
    struct server_view views[] = {
        {.name = "db1", .seen = true, .reachable = true, .channels_known = true, .server_id = 1},
        {.name = "db2", .seen = true, .reachable = true, .channels_known = true, .server_id = 2},
        {.name = "db3",
         .seen = true,
         .reachable = true,
         .channels_known = true,
         .read_only = true,
         .server_id = 3,
         .channel_count = 1,
         .channels = &channel},
    };
    struct roles roles;
    roles_decide(views, 3, -1, MAX_LAG_MS, &roles);
    ck_assert_int_eq(roles.leader, 0);
    views[1].promoted = true;
    roles_decide(views, 3, -1, MAX_LAG_MS, &roles);
    ck_assert_int_eq(roles.leader, 1);
    ck_assert(roles.split);
    views[1].reachable = false;
    views[0].superseded = true;
    roles_decide(views, 3, 0, MAX_LAG_MS, &roles);
    ck_assert_int_eq(roles.leader, -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("roles");
    TCase *tcase = tcase_create("roles");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, roles_follow_from_what_the_probes_saw, 0,
                        (int)(sizeof(cases) / sizeof(cases[0])));
    tcase_add_loop_test(tcase, a_follower_that_leaves_things_out_is_told_apart, 0,
                        (int)(sizeof(limits) / sizeof(limits[0])));
    tcase_add_test(tcase, a_promoted_server_leads);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
