/* Statements that turned out to write: what is remembered, and that the oldest is forgotten. */
#include "proxy/write_digests.h"

#include <check.h>
#include <stdlib.h>

/* Digests that fall into one bucket of the table, whatever power of two up to 2^20 its size is. */
static uint64_t neighbour(unsigned n)
{
    return UINT64_C(12345) + ((uint64_t)n << 20);
}

START_TEST(an_empty_table_has_nothing)
{
    struct write_digests *digests = write_digests_new();
    ck_assert(!write_digests_has(digests, 0));
    ck_assert(!write_digests_has(digests, 12345));
    ck_assert(!write_digests_has(digests, UINT64_MAX));
    write_digests_free(digests);
}
END_TEST

START_TEST(what_was_added_is_there_and_nothing_else)
{
    static const uint64_t added[] = {1, 12345, UINT64_MAX, UINT64_C(1) << 63, 1023, 1024};
    struct write_digests *digests = write_digests_new();
    for (size_t i = 0; i < sizeof(added) / sizeof(added[0]); i++)
        write_digests_add(digests, added[i]);
    for (size_t i = 0; i < sizeof(added) / sizeof(added[0]); i++) {
        ck_assert(write_digests_has(digests, added[i]));
        ck_assert(!write_digests_has(digests, added[i] ^ UINT64_C(1) << 40));
        ck_assert(!write_digests_has(digests, added[i] ^ 4));
    }
    write_digests_free(digests);
}
END_TEST

START_TEST(neighbours_do_not_drive_out_each_other)
{
    struct write_digests *digests = write_digests_new();
    for (unsigned i = 0; i < 4; i++)
        write_digests_add(digests, neighbour(i));
    for (unsigned i = 0; i < 4; i++)
        ck_assert_msg(write_digests_has(digests, neighbour(i)), "neighbour %u", i);
    ck_assert(!write_digests_has(digests, neighbour(4)));
    write_digests_free(digests);
}
END_TEST

START_TEST(adding_again_takes_no_room)
{
    struct write_digests *digests = write_digests_new();
    for (unsigned i = 0; i < 3; i++)
        write_digests_add(digests, neighbour(i));
    for (unsigned i = 0; i < 10; i++)
        write_digests_add(digests, neighbour(2));
    for (unsigned i = 0; i < 3; i++)
        ck_assert_msg(write_digests_has(digests, neighbour(i)), "neighbour %u", i);
    write_digests_free(digests);
}
END_TEST

/* Far more than 256 in one bucket: the place to write to comes round. */
START_TEST(the_oldest_is_forgotten)
{
    struct write_digests *digests = write_digests_new();
    for (unsigned i = 0; i < 1000; i++) {
        write_digests_add(digests, neighbour(i));
        for (unsigned age = 0; age < 4 && age <= i; age++)
            ck_assert_msg(write_digests_has(digests, neighbour(i - age)), "%u, age %u", i, age);
        ck_assert(i < 4 || !write_digests_has(digests, neighbour(i - 4)));
    }
    write_digests_free(digests);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("write_digests");
    TCase *tcase = tcase_create("write_digests");
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, an_empty_table_has_nothing);
    tcase_add_test(tcase, what_was_added_is_there_and_nothing_else);
    tcase_add_test(tcase, neighbours_do_not_drive_out_each_other);
    tcase_add_test(tcase, adding_again_takes_no_room);
    tcase_add_test(tcase, the_oldest_is_forgotten);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
