/* The keys that clients name: who has which, what is forgotten, and several threads at it. */
#include "proxy/keys.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_KEYS = 1000, NAME_SIZE = 32 };

static struct gtid_vector vector_of(const char *text)
{
    struct gtid_vector vector = {0};
    ck_assert_int_eq(gtid_vector_parse(span_text(text), &vector), 0);
    return vector;
}

static struct key *take(struct keys *keys, const char *name)
{
    return key_take(keys, span_text(name), MAX_KEYS);
}

/* Makes it, and lets it go. */
static void name_once(struct keys *keys, const char *name)
{
    struct key *key = take(keys, name);
    ck_assert_ptr_nonnull(key);
    key_give(keys, key);
}

/* A mark by which a requirement is known again: a new one has none. */
static void mark(struct keys *keys, struct key *key, int pin)
{
    key_lock(keys, key)->pin = pin;
    key_unlock(keys, key);
}

static int mark_of(struct keys *keys, struct key *key)
{
    int pin = key_lock(keys, key)->pin;
    key_unlock(keys, key);
    return pin;
}

static int mark_of_name(struct keys *keys, const char *name)
{
    struct key *key = take(keys, name);
    int pin = mark_of(keys, key);
    key_give(keys, key);
    return pin;
}

static unsigned forget(struct keys *keys, uint64_t round, const char *floor, uint64_t epoch)
{
    struct gtid_vector vector = vector_of(floor);
    return keys_forget(keys, round, &vector, epoch);
}

START_TEST(a_name_is_one_key)
{
    struct keys *keys = keys_new();
    uint8_t longest[KEY_NAME_MAX_BYTES];
    memset(longest, 'x', sizeof(longest));
    ck_assert_uint_eq(keys_count(keys), 0);
    struct key *alice = take(keys, "alice");
    struct key *bob = take(keys, "bob");
    struct key *with_nul = key_take(keys, span_of("alice\0", 6), MAX_KEYS);
    struct key *prefix = take(keys, "alic");
    struct key *all = key_take(keys, span_of(longest, sizeof(longest)), MAX_KEYS);
    struct key *but_one = key_take(keys, span_of(longest, sizeof(longest) - 1), MAX_KEYS);
    ck_assert_ptr_eq(take(keys, "alice"), alice);
    ck_assert_ptr_eq(key_take(keys, span_of(longest, sizeof(longest)), MAX_KEYS), all);
    const struct key *different[] = {alice, bob, with_nul, prefix, all, but_one};
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < i; j++)
            ck_assert_ptr_ne(different[i], different[j]);
    ck_assert_uint_eq(keys_count(keys), 6);
    ck_assert(span_equal(key_name(with_nul), span_of("alice\0", 6)));
    ck_assert(span_equal(key_name(all), span_of(longest, sizeof(longest))));
    keys_free(keys);
}
END_TEST

START_TEST(who_names_it_again_finds_what_was_left_there)
{
    struct keys *keys = keys_new();
    struct key *key = take(keys, "alice");
    ck_assert_int_eq(mark_of(keys, key), -1);
    mark(keys, key, 7);
    key_give(keys, key);
    key_give(keys, NULL);
    name_once(keys, "bob");
    ck_assert_int_eq(mark_of_name(keys, "alice"), 7);
    ck_assert_int_eq(mark_of_name(keys, "bob"), -1);
    ck_assert_uint_eq(keys_count(keys), 2);
    keys_free(keys);
}
END_TEST

/* --- forgetting --- */

START_TEST(who_holds_a_key_keeps_it)
{
    struct keys *keys = keys_new();
    struct key *key = take(keys, "alice");
    mark(keys, key, 7);
    ck_assert_ptr_eq(key_ref(keys, key), key);
    name_once(keys, "bob");
    uint64_t round = keys_begin_round(keys);
    ck_assert_uint_eq(forget(keys, round, "", 1), 1);
    key_give(keys, key); /* one of two */
    round = keys_begin_round(keys);
    ck_assert_uint_eq(forget(keys, round, "", 1), 0);
    ck_assert_int_eq(mark_of(keys, key), 7);
    key_give(keys, key);
    round = keys_begin_round(keys);
    ck_assert_uint_eq(forget(keys, round, "", 1), 1);
    ck_assert_uint_eq(keys_count(keys), 0);
    ck_assert_int_eq(mark_of_name(keys, "alice"), -1);
    keys_free(keys);
}
END_TEST

START_TEST(who_was_used_in_the_round_or_later_is_kept)
{
    struct keys *keys = keys_new();
    name_once(keys, "before");
    name_once(keys, "named again");
    struct key *replied = take(keys, "a reply came");
    struct key *held = take(keys, "given back in it");
    uint64_t round = keys_begin_round(keys);
    name_once(keys, "made in it");
    name_once(keys, "named again");
    mark(keys, replied, 7);
    key_give(keys, replied);
    key_give(keys, held); /* nothing was seen since */
    ck_assert_uint_gt(keys_begin_round(keys), round);
    name_once(keys, "made in the next");
    ck_assert_uint_eq(forget(keys, round, "", 1), 2);
    ck_assert_uint_eq(keys_count(keys), 4);
    ck_assert_int_eq(mark_of_name(keys, "a reply came"), 7);
    /* The round of "a reply came" is the next one now, as is that of what was made in it. */
    ck_assert_uint_eq(forget(keys, round + 1, "", 1), 2);
    ck_assert_uint_eq(forget(keys, round + 2, "", 1), 2);
    ck_assert_uint_eq(keys_count(keys), 0);
    keys_free(keys);
}
END_TEST

static void check_floor(struct keys *keys, const char *expected)
{
    char text[GTID_DOMAINS_MAX * GTID_TEXT_MAX];
    struct gtid_vector floor;
    keys_floor(keys, &floor);
    gtid_vector_print(&floor, text, sizeof(text));
    ck_assert_str_eq(text, expected);
}

/* What a new key requires: on any server, of a token, of the leader. */
static void check_begins(struct keys *keys, const char *name, const char *expected, uint64_t epoch)
{
    char text[GTID_DOMAINS_MAX * GTID_TEXT_MAX];
    const struct proof proof = {0};
    struct key *key = take(keys, name);
    const struct requirement *requirement = key_lock(keys, key);
    gtid_vector_print(requirement_for(requirement, &proof, 3, 2), text, sizeof(text));
    ck_assert_str_eq(text, expected);
    gtid_vector_print(requirement_token(requirement, &proof), text, sizeof(text));
    ck_assert_str_eq(text, expected);
    ck_assert(requirement_leader_shows(requirement, &proof));
    ck_assert_uint_eq(requirement->epoch, epoch);
    key_unlock(keys, key);
    key_give(keys, key);
}

/* Before there is a floor nobody knows what was promised. */
static void check_begins_with_a_move(struct keys *keys, const char *name)
{
    const struct proof proof = {0};
    struct key *key = take(keys, name);
    const struct requirement *requirement = key_lock(keys, key);
    ck_assert_ptr_null(requirement_for(requirement, &proof, 3, 2));
    ck_assert(!requirement_leader_shows(requirement, &proof));
    ck_assert(!requirement->used);
    key_unlock(keys, key);
    key_give(keys, key);
}

START_TEST(a_new_key_begins_at_the_floor_of_the_latest_forgetting)
{
    struct keys *keys = keys_new();
    struct key *old = take(keys, "old");
    check_floor(keys, "");
    check_begins_with_a_move(keys, "before");
    forget(keys, keys_begin_round(keys), "0-1-90", 4);
    check_floor(keys, "0-1-90");
    check_begins(keys, "first", "0-1-90", 4);
    forget(keys, keys_begin_round(keys), "0-2-80,1-2-5", 5);
    check_floor(keys, "0-2-80,1-2-5");
    check_begins(keys, "second", "0-2-80,1-2-5", 5);
    check_begins(keys, "first", "0-2-80,1-2-5", 5); /* it had been forgotten */
    check_begins_with_a_move(keys, "old");          /* it had not */
    key_give(keys, old);
    keys_free(keys);
}
END_TEST

START_TEST(the_floor_tells_of_several_domains)
{
    struct keys *keys = keys_new();
    struct key *before = take(keys, "before");
    struct key *one;
    struct key *two;
    forget(keys, keys_begin_round(keys), "0-1-90", 4);
    one = take(keys, "one");
    forget(keys, keys_begin_round(keys), "0-1-90,1-1-1", 4);
    two = take(keys, "two");
    const struct key *held[] = {before, one, two};
    for (int i = 0; i < 3; i++) {
        ck_assert(key_lock(keys, (struct key *)held[i])->several_domains == (i == 2));
        key_unlock(keys, (struct key *)held[i]);
    }
    keys_free(keys);
}
END_TEST

/* --- how many --- */

START_TEST(twice_as_many_as_wanted_are_refused)
{
    enum { FEW = 10 };
    struct keys *keys = keys_new();
    char name[NAME_SIZE];
    for (int i = 0; i < 2 * FEW; i++) {
        snprintf(name, sizeof(name), "user %d", i);
        struct key *key = key_take(keys, span_text(name), FEW);
        ck_assert_ptr_nonnull(key);
        if (i > 0)
            key_give(keys, key);
    }
    ck_assert_ptr_null(key_take(keys, span_text("one more"), FEW));
    ck_assert_uint_eq(keys_count(keys), 2 * FEW);
    ck_assert_ptr_nonnull(key_take(keys, span_text("user 0"), FEW)); /* is there */
    ck_assert_ptr_nonnull(key_take(keys, span_text("one more"), FEW + 1));
    forget(keys, keys_begin_round(keys), "", 1);
    ck_assert_uint_eq(keys_count(keys), 2);
    ck_assert_ptr_nonnull(key_take(keys, span_text("another"), FEW));
    keys_free(keys);
}
END_TEST

static void count_row(const struct key_row *row, void *context)
{
    unsigned *sums = context;
    sums[0]++;
    sums[1] += row->references;
    if (row->requirement->pin >= 0)
        sums[2] += span_equal(row->name, span_text("user 17"));
}

START_TEST(a_hundred_thousand_are_found_listed_and_forgotten)
{
    enum { MANY = 100000, HELD = 500 };
    static struct key *made[MANY];
    struct keys *keys = keys_new();
    char name[NAME_SIZE];
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "user %d", i);
        made[i] = key_take(keys, span_text(name), MANY);
    }
    mark(keys, made[17], 7);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "user %d", i);
        ck_assert_ptr_eq(key_take(keys, span_text(name), MANY), made[i]);
        ck_assert(span_equal(key_name(made[i]), span_text(name)));
        key_give(keys, made[i]);
        if (i >= HELD)
            key_give(keys, made[i]);
    }
    unsigned sums[3] = {0};
    keys_each(keys, MANY + 1, count_row, sums);
    ck_assert_uint_eq(sums[0], MANY);
    ck_assert_uint_eq(sums[1], HELD);
    ck_assert_uint_eq(sums[2], 1);
    ck_assert_uint_eq(forget(keys, keys_begin_round(keys), "", 1), MANY - HELD);
    ck_assert_uint_eq(keys_count(keys), HELD);
    ck_assert_int_eq(mark_of_name(keys, "user 17"), 7);
    keys_free(keys);
}
END_TEST

static const unsigned limits[] = {0, 1, 64, 199, 200, 1000};

START_TEST(no_more_are_listed_than_asked_for)
{
    enum { THERE = 200 };
    struct keys *keys = keys_new();
    char name[NAME_SIZE];
    unsigned sums[3] = {0};
    for (int i = 0; i < THERE; i++) {
        snprintf(name, sizeof(name), "user %d", i);
        name_once(keys, name);
    }
    keys_each(keys, limits[_i], count_row, sums);
    ck_assert_uint_eq(sums[0], limits[_i] < THERE ? limits[_i] : THERE);
    keys_free(keys);
}
END_TEST

/* --- threads --- */

enum { THREADS = 4, USERS = 40, WRITES = 5000 };

struct crowd {
    struct keys *keys;
    _Atomic uint64_t log[THREADS]; /* the leader's log: its last sequence in each domain */
    atomic_uint forgotten;
    atomic_uint missing; /* writes that a key did not tell of afterwards */
    atomic_bool done;
};

struct member {
    struct crowd *crowd;
    unsigned index; /* and the domain that it alone writes in */
    uint64_t last[USERS];
};

static void user_name(unsigned user, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "user %u", user);
}

/* It is in the log, then a reply tells of it. */
static void write_once(struct member *member, unsigned user)
{
    struct crowd *crowd = member->crowd;
    char name[NAME_SIZE];
    user_name(user, name);
    struct key *key = take(crowd->keys, name);
    struct gtid gtid = {.domain = member->index, .server = 1};
    gtid.seq = atomic_fetch_add(&crowd->log[member->index], 1) + 1;
    struct requirement *requirement = key_lock(crowd->keys, key);
    struct proof proof = {.seen = requirement->seen};
    if (requirement_wrote(requirement, &gtid, false, &proof))
        atomic_fetch_add(&crowd->missing, 1);
    key_unlock(crowd->keys, key);
    member->last[user] = gtid.seq;
    key_give(crowd->keys, key_ref(crowd->keys, key));
    key_give(crowd->keys, key);
}

/* Another connection that names the key: it, or the floor where it was forgotten, covers what was
 * written. */
static void check_once(struct member *member, unsigned user)
{
    struct keys *keys = member->crowd->keys;
    char name[NAME_SIZE];
    user_name(user, name);
    struct key *key = take(keys, name);
    const struct requirement *requirement = key_lock(keys, key);
    if (gtid_vector_seq(&requirement->vector, member->index) < member->last[user])
        atomic_fetch_add(&member->crowd->missing, 1);
    key_unlock(keys, key);
    key_give(keys, key);
}

static void *write_many(void *context)
{
    struct member *member = context;
    struct crowd *crowd = member->crowd;
    for (unsigned i = 0; i < WRITES || atomic_load(&crowd->forgotten) < USERS; i++) {
        write_once(member, (i * 7 + member->index) % USERS);
        check_once(member, (i * 11 + member->index) % USERS);
    }
    return NULL;
}

static void *look_on(void *context)
{
    struct crowd *crowd = context;
    struct gtid_vector floor;
    while (!atomic_load(&crowd->done)) {
        unsigned sums[3] = {0};
        keys_each(crowd->keys, 2 * USERS, count_row, sums);
        keys_floor(crowd->keys, &floor);
        if (sums[0] > USERS || floor.count > THREADS)
            atomic_fetch_add(&crowd->missing, 1);
    }
    return NULL;
}

static void *sweep(void *context)
{
    struct crowd *crowd = context;
    while (!atomic_load(&crowd->done)) {
        uint64_t round = keys_begin_round(crowd->keys);
        struct gtid_vector floor = {.count = THREADS};
        for (unsigned domain = 0; domain < THREADS; domain++)
            floor.slots[domain] = (struct gtid){domain, 1, atomic_load(&crowd->log[domain])};
        atomic_fetch_add(&crowd->forgotten, keys_forget(crowd->keys, round, &floor, 1));
    }
    return NULL;
}

START_TEST(what_threads_write_is_in_a_key_or_below_the_floor)
{
    struct crowd crowd = {.keys = keys_new()};
    struct member members[THREADS];
    pthread_t writers[THREADS];
    pthread_t others[2];
    ck_assert_int_eq(pthread_create(&others[0], NULL, look_on, &crowd), 0);
    ck_assert_int_eq(pthread_create(&others[1], NULL, sweep, &crowd), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        members[i] = (struct member){.crowd = &crowd, .index = i};
        ck_assert_int_eq(pthread_create(&writers[i], NULL, write_many, &members[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(writers[i], NULL);
    atomic_store(&crowd.done, true);
    pthread_join(others[0], NULL);
    pthread_join(others[1], NULL);
    ck_assert_uint_eq(atomic_load(&crowd.missing), 0);
    unsigned sums[3] = {0};
    keys_each(crowd.keys, 2 * USERS, count_row, sums);
    ck_assert_uint_eq(sums[0], keys_count(crowd.keys));
    ck_assert_uint_eq(sums[1], 0); /* all references were given back */
    keys_free(crowd.keys);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keys");
    TCase *tcase = tcase_create("keys");
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_name_is_one_key);
    tcase_add_test(tcase, who_names_it_again_finds_what_was_left_there);
    tcase_add_test(tcase, who_holds_a_key_keeps_it);
    tcase_add_test(tcase, who_was_used_in_the_round_or_later_is_kept);
    tcase_add_test(tcase, a_new_key_begins_at_the_floor_of_the_latest_forgetting);
    tcase_add_test(tcase, the_floor_tells_of_several_domains);
    tcase_add_test(tcase, twice_as_many_as_wanted_are_refused);
    tcase_add_test(tcase, a_hundred_thousand_are_found_listed_and_forgotten);
    tcase_add_loop_test(tcase, no_more_are_listed_than_asked_for, 0,
                        (int)(sizeof(limits) / sizeof(limits[0])));
    tcase_add_test(tcase, what_threads_write_is_in_a_key_or_below_the_floor);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
