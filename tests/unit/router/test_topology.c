/* Topology snapshots: finding servers in them, sharing them. */
#include "router/topology.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct topology *three_servers(void)
{
    struct topology *topology = topology_new(3);

    for (unsigned i = 0; i < 3; i++) {
        snprintf(topology->servers[i].name, SERVER_NAME_MAX, "db%u", i + 1);
        topology->servers[i].slot = 10 * (i + 1);
    }
    return topology;
}

START_TEST(a_new_topology_has_no_leader)
{
    struct topology *topology = topology_new(0);

    ck_assert_int_eq(topology->leader, -1);
    ck_assert_uint_eq(topology->count, 0);
    ck_assert_int_eq(topology_by_name(topology, span_text("db1")), -1);
    topology_unref(topology);
}
END_TEST

static const struct {
    const char *name;
    int index;
} names[] = {{"db1", 0}, {"db3", 2}, {"db", -1}, {"db11", -1}, {"", -1}, {"DB1", -1}};

START_TEST(servers_are_found_by_their_whole_name)
{
    struct topology *topology = three_servers();

    ck_assert_int_eq(topology_by_name(topology, span_text(names[_i].name)), names[_i].index);
    topology_unref(topology);
}
END_TEST

START_TEST(servers_are_found_by_slot)
{
    struct topology *topology = three_servers();

    ck_assert_int_eq(topology_by_slot(topology, 20), 1);
    ck_assert_int_eq(topology_by_slot(topology, 0), -1);
    topology_unref(topology);
}
END_TEST

START_TEST(the_last_reference_frees)
{
    struct topology *topology = three_servers();

    ck_assert_ptr_eq(topology_ref(topology), topology);
    topology_unref(topology);
    ck_assert_int_eq(topology_by_slot(topology, 30), 2); /* still there */
    ck_assert_uint_eq(atomic_load(&topology->references), 1);
    topology_unref(topology);
    topology_unref(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topology");
    TCase *tcase = tcase_create("topology");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, a_new_topology_has_no_leader);
    tcase_add_loop_test(tcase, servers_are_found_by_their_whole_name, 0,
                        (int)(sizeof(names) / sizeof(names[0])));
    tcase_add_test(tcase, servers_are_found_by_slot);
    tcase_add_test(tcase, the_last_reference_frees);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
