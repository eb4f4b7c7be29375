/* The board of confirmed positions: growth, incarnations, and readers in other threads. */
#include "binlog/positions.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static struct gtid_vector vector_of(const char *text)
{
    struct gtid_vector vector;

    ck_assert_int_eq(gtid_vector_parse(span_text(text), &vector), 0);
    return vector;
}

static bool covers(const struct positions *positions, unsigned slot, const char *text)
{
    struct gtid_vector required = vector_of(text);

    return positions_covers(positions, slot, positions_generation(positions, slot), &required);
}

static int confirm(struct positions *positions, unsigned slot, const char *text)
{
    struct gtid_vector confirmed = vector_of(text);

    return positions_confirm(positions, slot, &confirmed);
}

START_TEST(a_new_board_covers_nothing_but_the_empty_vector)
{
    struct positions *positions = positions_new();

    ck_assert(covers(positions, 0, ""));
    ck_assert(!covers(positions, 0, "0-1-1"));
    ck_assert_uint_eq(positions_lag_ms(positions, POSITIONS_SERVERS_MAX - 1), UINT32_MAX);
    ck_assert_uint_ne(positions_generation(positions, 0), 0);
    positions_free(positions);
}
END_TEST

START_TEST(cells_only_rise_and_say_so)
{
    struct positions *positions = positions_new();

    ck_assert_int_eq(confirm(positions, 3, "0-1-5"), 1);
    ck_assert_int_eq(confirm(positions, 3, "0-1-5"), 0);
    ck_assert_int_eq(confirm(positions, 3, "0-1-4"), 0);
    ck_assert(covers(positions, 3, "0-1-5"));
    ck_assert(!covers(positions, 3, "0-1-6"));
    ck_assert(!covers(positions, 2, "0-1-1"));
    ck_assert_int_eq(confirm(positions, 3, "0-1-5,9-1-2"), 1);
    ck_assert(covers(positions, 3, "0-1-5,9-1-2"));
    ck_assert(!covers(positions, 3, "0-1-5,8-1-1"));
    positions_free(positions);
}
END_TEST

START_TEST(reading_gives_the_column_sorted_with_its_servers)
{
    struct positions *positions = positions_new();
    struct gtid_vector out;
    char text[128];

    confirm(positions, 0, "9-1-1");
    confirm(positions, 1, "0-7-5,9-8-2");
    positions_read(positions, 1, &out);
    gtid_vector_print(&out, text, sizeof(text));
    ck_assert_str_eq(text, "0-7-5,9-8-2");
    positions_read(positions, 2, &out);
    ck_assert_uint_eq(out.count, 0);
    positions_free(positions);
}
END_TEST

START_TEST(forgetting_starts_a_new_incarnation_that_may_be_lower)
{
    struct positions *positions = positions_new();
    uint32_t generation = positions_generation(positions, 1);

    confirm(positions, 1, "0-1-500");
    confirm(positions, 2, "0-1-500");
    positions_set_lag_ms(positions, 1, 12);
    ck_assert_uint_eq(positions_lag_transactions(positions, 1), UINT64_MAX);
    positions_set_lag_transactions(positions, 1, 7);
    ck_assert_uint_eq(positions_lag_transactions(positions, 1), 7);
    ck_assert_uint_eq(positions_lag_transactions(positions, 2), UINT64_MAX);
    ck_assert_uint_eq(positions_generation(positions, 1), generation);
    positions_forget(positions, 1);
    ck_assert_uint_gt(positions_generation(positions, 1), generation);
    ck_assert_uint_eq(positions_generation(positions, 1) % 2, 0);
    ck_assert(!covers(positions, 1, "0-1-1"));
    ck_assert_uint_eq(positions_lag_ms(positions, 1), UINT32_MAX);
    ck_assert_uint_eq(positions_lag_transactions(positions, 1), UINT64_MAX);
    ck_assert_int_eq(confirm(positions, 1, "0-1-400"), 1);
    ck_assert(!covers(positions, 1, "0-1-500"));
    ck_assert(covers(positions, 1, "0-1-400"));
    ck_assert(covers(positions, 2, "0-1-500")); /* the neighbour kept its own */
    positions_free(positions);
}
END_TEST

static const struct {
    const char *name;
    int32_t generations_off; /* from the one that covers the vectors below */
    bool covered;
} lives[] = {
    {"this one", 0, true},
    {"its last one", -2, false},
    {"its next one", 2, false},
    {"the end of its last one", -1, false},
    {"the end of this one", 1, false},
};

START_TEST(another_incarnation_covers_nothing)
{
    static const char *const required[] = {"", "0-1-1", "0-1-500", "0-1-500,1-1-7"};
    struct positions *positions = positions_new();
    uint32_t generation;

    confirm(positions, 1, "0-1-900,1-1-900");
    positions_forget(positions, 1);
    confirm(positions, 1, "0-1-500,1-1-7");
    generation = positions_generation(positions, 1);
    for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
        struct gtid_vector vector = vector_of(required[i]);
        uint32_t asked = generation + (uint32_t)lives[_i].generations_off;

        ck_assert_msg(positions_covers(positions, 1, asked, &vector) == lives[_i].covered,
                      "%s: \"%s\"", lives[_i].name, required[i]);
    }
    /* none at all, and the neighbour's count is its own */
    ck_assert(!positions_covers(positions, 1, 0, &(struct gtid_vector){0}));
    ck_assert(!positions_covers(positions, 2, generation, &(struct gtid_vector){0}));
    positions_free(positions);
}
END_TEST

START_TEST(domains_are_counted_for_the_whole_board)
{
    struct positions *positions = positions_new();

    ck_assert_uint_eq(positions_domain_count(positions), 0);
    confirm(positions, 0, "0-1-5");
    confirm(positions, 1, "0-1-7");
    ck_assert_uint_eq(positions_domain_count(positions), 1);
    confirm(positions, 1, "7-1-1");
    ck_assert_uint_eq(positions_domain_count(positions), 2);
    positions_forget(positions, 1); /* who was seen writing there may do it again */
    ck_assert_uint_eq(positions_domain_count(positions), 2);
    for (uint32_t domain = 0; domain < GTID_DOMAINS_MAX; domain++) {
        struct gtid_vector one = {.count = 1, .slots = {{domain, 1, 1}}};
        positions_confirm(positions, 2, &one);
    }
    ck_assert_uint_eq(positions_domain_count(positions), GTID_DOMAINS_MAX);
    positions_free(positions);
}
END_TEST

START_TEST(lag_is_unknown_until_told_and_in_the_next_incarnation)
{
    struct positions *positions = positions_new();

    ck_assert_uint_eq(positions_lag_transactions(positions, 1), UINT64_MAX);
    positions_set_lag_transactions(positions, 1, 12);
    positions_set_lag_ms(positions, 1, 34);
    ck_assert_uint_eq(positions_lag_transactions(positions, 1), 12);
    ck_assert_uint_eq(positions_lag_ms(positions, 1), 34);
    ck_assert_uint_eq(positions_lag_transactions(positions, 2), UINT64_MAX);
    positions_forget(positions, 1);
    ck_assert_uint_eq(positions_lag_transactions(positions, 1), UINT64_MAX);
    ck_assert_uint_eq(positions_lag_ms(positions, 1), UINT32_MAX);
    positions_free(positions);
}
END_TEST

START_TEST(a_domain_without_room_is_refused_and_never_covered)
{
    struct positions *positions = positions_new();

    for (uint32_t domain = 0; domain < GTID_DOMAINS_MAX; domain++) {
        struct gtid_vector one = {.count = 1, .slots = {{domain, 1, 1}}};
        ck_assert_int_eq(positions_confirm(positions, 0, &one), 1);
    }
    ck_assert_int_eq(confirm(positions, 0, "0-1-8,99-1-9"), -E2BIG);
    ck_assert(covers(positions, 0, "0-1-8"));
    ck_assert(!covers(positions, 0, "99-1-1"));
    positions_free(positions);
}
END_TEST

/* The writer raises a column to a round's number in two domains, then forgets it. Whoever sees
 * round r covered must not have seen it in an incarnation that ended below r. */
enum { ROUNDS = 20000 };

struct race {
    struct positions *positions;
    atomic_bool done;
    atomic_uint wrong;
    atomic_uint covered;
};

static void *race_reader(void *context)
{
    struct race *race = context;

    while (!atomic_load(&race->done)) {
        struct gtid_vector seen;
        uint32_t generation = positions_generation(race->positions, 0);
        struct gtid_vector far = {.count = 2, .slots = {{0, 1, 1000}, {1, 1, 1000}}};
        struct gtid_vector nothing = {0};

        positions_read(race->positions, 0, &seen);
        /* both domains are written with the same server and sequence: a mixed pair is a torn read
         */
        for (uint32_t i = 0; i < seen.count; i++) {
            if (seen.slots[i].server != 0 && seen.slots[i].server != seen.slots[i].seq)
                atomic_fetch_add(&race->wrong, 1);
        }
        /* every other incarnation never reaches 1000 */
        if (generation / 2 % 2 != 0 && positions_covers(race->positions, 0, generation, &far))
            atomic_fetch_add(&race->wrong, 1);
        /* nor is anything seen while one ends */
        if (generation % 2 != 0 && positions_covers(race->positions, 0, generation, &nothing))
            atomic_fetch_add(&race->wrong, 1);
        /* one that has ended does not come back */
        if (positions_generation(race->positions, 0) != generation &&
            positions_covers(race->positions, 0, generation, &nothing))
            atomic_fetch_add(&race->wrong, 1);
        if (positions_covers(race->positions, 0, generation, &far))
            atomic_fetch_add(&race->covered, 1);
    }
    return NULL;
}

START_TEST(readers_never_mix_incarnations_or_tear_a_cell)
{
    struct race race = {.positions = positions_new()};
    pthread_t readers[2];

    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&readers[i], NULL, race_reader, &race), 0);
    /* not before the readers have seen what they are to judge */
    for (int round = 0; round < ROUNDS || atomic_load(&race.covered) == 0; round++) {
        bool low = positions_generation(race.positions, 0) / 2 % 2 != 0;
        uint64_t first = low ? 1 : 1000;

        for (uint64_t seq = first; seq < first + 5; seq++) {
            struct gtid_vector now = {.count = 2,
                                      .slots = {{0, (uint32_t)seq, seq}, {1, (uint32_t)seq, seq}}};
            positions_confirm(race.positions, 0, &now);
        }
        positions_forget(race.positions, 0);
    }
    atomic_store(&race.done, true);
    for (int i = 0; i < 2; i++)
        pthread_join(readers[i], NULL);
    ck_assert_uint_eq(atomic_load(&race.wrong), 0);
    positions_free(race.positions);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("positions");
    TCase *tcase = tcase_create("positions");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, a_new_board_covers_nothing_but_the_empty_vector);
    tcase_add_test(tcase, cells_only_rise_and_say_so);
    tcase_add_test(tcase, reading_gives_the_column_sorted_with_its_servers);
    tcase_add_test(tcase, forgetting_starts_a_new_incarnation_that_may_be_lower);
    tcase_add_loop_test(tcase, another_incarnation_covers_nothing, 0,
                        (int)(sizeof(lives) / sizeof(lives[0])));
    tcase_add_test(tcase, domains_are_counted_for_the_whole_board);
    tcase_add_test(tcase, lag_is_unknown_until_told_and_in_the_next_incarnation);
    tcase_add_test(tcase, a_domain_without_room_is_refused_and_never_covered);
    tcase_add_test(tcase, readers_never_mix_incarnations_or_tear_a_cell);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
