/* What a session's next read must see, step by step. */
#include "router/requirement.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

static struct gtid_vector vector_of(const char *text)
{
    struct gtid_vector vector = {0};
    ck_assert_int_eq(gtid_vector_parse(span_text(text), &vector), 0);
    return vector;
}

static int wrote(struct requirement *requirement, const char *text)
{
    struct gtid gtid;
    ck_assert_int_eq(gtid_parse(span_text(text), &gtid), 0);
    return requirement_wrote(requirement, &gtid, true);
}

static void bound(struct requirement *requirement, const char *text)
{
    struct gtid_vector vector = vector_of(text);
    requirement_bound(requirement, &vector);
}

/* What the next read needs on a server, as text; "bound" when one must be fetched first. */
static const char *needs(const struct requirement *requirement, int slot, uint32_t generation)
{
    static char text[GTID_DOMAINS_MAX * GTID_TEXT_MAX];
    const struct gtid_vector *required = requirement_for(requirement, slot, generation);
    if (!required)
        return "bound";
    gtid_vector_print(required, text, sizeof(text));
    return text;
}

/* The steps of a scene: a letter says what happened. */
enum happening { END, WROTE, SAW_LEADER, READ, MOVED, LOST, BOUND };

#define NOTHING                                                                                    \
    {                                                                                              \
        .happening = END                                                                           \
    }
#define WRITES(text)                                                                               \
    {                                                                                              \
        .happening = WROTE, .gtid = (text)                                                         \
    }
#define FETCHES(text)                                                                              \
    {                                                                                              \
        .happening = BOUND, .gtid = (text)                                                         \
    }
#define READS(on, life)                                                                            \
    {                                                                                              \
        .happening = READ, .slot = (on), .generation = (life)                                      \
    }
#define MOVES(on, life)                                                                            \
    {                                                                                              \
        .happening = MOVED, .slot = (on), .generation = (life)                                     \
    }
#define LOSES(on)                                                                                  \
    {                                                                                              \
        .happening = LOST, .slot = (on)                                                            \
    }
#define SEES_LEADER                                                                                \
    {                                                                                              \
        .happening = SAW_LEADER                                                                    \
    }

static const struct {
    const char *name;
    struct {
        enum happening happening;
        const char *gtid;
        int slot;
        uint32_t generation;
    } steps[6];
    /* What it needs then, on slot 1 (generation 2), slot 1 restarted (4), and slot 2. */
    const char *on_1;
    const char *on_1_restarted;
    const char *on_2;
} walks[] = {
    {"nothing happened", {NOTHING}, "", "", ""},
    {"a write is all that was seen", {WRITES("0-1-5")}, "0-1-5", "0-1-5", "0-1-5"},
    {"later writes raise", {WRITES("0-1-5"), WRITES("0-2-9")}, "0-2-9", "0-2-9", "0-2-9"},
    {"earlier ones don't", {WRITES("0-2-9"), WRITES("0-1-5")}, "0-2-9", "0-2-9", "0-2-9"},
    {"a read ties to its server", {READS(1, 2)}, "", "bound", "bound"},
    {"a read after a write", {WRITES("0-1-5"), READS(1, 2)}, "0-1-5", "bound", "bound"},
    {"a write after a read bounds the read",
     {READS(1, 2), WRITES("0-1-5")},
     "0-1-5",
     "0-1-5",
     "0-1-5"},
    {"a fetched bound frees", {READS(1, 2), FETCHES("0-1-7")}, "", "0-1-7", "0-1-7"},
    {"a bound includes what was written",
     {WRITES("0-1-9"), READS(1, 2), FETCHES("0-1-7,1-1-1")},
     "0-1-9",
     "0-1-9,1-1-1",
     "0-1-9,1-1-1"},
    {"the next read spends the bound",
     {READS(1, 2), FETCHES("0-1-7"), READS(1, 2)},
     "",
     "bound",
     "bound"},
    {"a move keeps the bound for good",
     {READS(2, 2), FETCHES("0-1-7"), MOVES(1, 2)},
     "0-1-7",
     "bound",
     "bound"},
    {"leader state needs a bound everywhere", {SEES_LEADER}, "bound", "bound", "bound"},
    {"leader state after a read", {READS(1, 2), SEES_LEADER}, "bound", "bound", "bound"},
    {"leader state after a bound",
     {READS(1, 2), FETCHES("0-1-7"), SEES_LEADER},
     "bound",
     "bound",
     "bound"},
    {"a write after leader state bounds it",
     {SEES_LEADER, WRITES("0-1-5")},
     "0-1-5",
     "0-1-5",
     "0-1-5"},
    {"leader state after a write", {WRITES("0-1-5"), SEES_LEADER}, "bound", "bound", "bound"},
    {"a lost connection makes a move of all", {READS(1, 2), LOSES(1)}, "bound", "bound", "bound"},
    {"another's loss is nothing", {READS(1, 2), LOSES(2)}, "", "bound", "bound"},
    {"a loss before any read is nothing", {LOSES(1)}, "", "", ""},
    {"a bound outlives a loss",
     {READS(1, 2), FETCHES("0-1-7"), LOSES(1)},
     "0-1-7",
     "0-1-7",
     "0-1-7"},
    {"an unproven read elsewhere proves nothing there",
     {READS(2, 2), READS(1, 2)},
     "bound",
     "bound",
     "bound"},
    {"an unproven read on a restarted server neither",
     {READS(1, 2), READS(1, 4)},
     "bound",
     "bound",
     "bound"},
    {"an unproven read after leader state neither",
     {SEES_LEADER, READS(1, 2)},
     "bound",
     "bound",
     "bound"},
    {"several domains: a write bounds nothing but itself",
     {WRITES("0-1-5"), WRITES("1-1-5")},
     "bound",
     "bound",
     "bound"},
    {"several domains: it may have shown another's",
     {WRITES("0-1-5"), WRITES("1-1-5"), FETCHES("0-1-6,1-1-6"), MOVES(1, 2), WRITES("1-1-9")},
     "bound",
     "bound",
     "bound"},
    {"several domains known from a bound",
     {READS(1, 2), FETCHES("0-1-6,1-1-6"), WRITES("0-1-9")},
     "bound",
     "bound",
     "bound"},
};

static void take_step(struct requirement *requirement, int walk, int step)
{
    int slot = walks[walk].steps[step].slot;
    uint32_t generation = walks[walk].steps[step].generation;
    const char *gtid = walks[walk].steps[step].gtid;
    switch (walks[walk].steps[step].happening) {
    case WROTE: ck_assert_int_eq(wrote(requirement, gtid), 0); break;
    case SAW_LEADER: requirement_saw_leader(requirement); break;
    case READ: requirement_read(requirement, slot, generation, false); break;
    case MOVED: requirement_read(requirement, slot, generation, true); break;
    case LOST: requirement_lost(requirement, slot); break;
    case BOUND: bound(requirement, gtid); break;
    case END: break;
    }
}

START_TEST(the_next_read_needs_what_was_seen)
{
    struct requirement requirement;
    requirement_init(&requirement);
    for (int step = 0; step < 6; step++)
        take_step(&requirement, _i, step);
    const char *name = walks[_i].name;
    ck_assert_msg(strcmp(needs(&requirement, 1, 2), walks[_i].on_1) == 0, "%s: on 1: %s", name,
                  needs(&requirement, 1, 2));
    ck_assert_msg(strcmp(needs(&requirement, 1, 4), walks[_i].on_1_restarted) == 0,
                  "%s: on 1, restarted: %s", name, needs(&requirement, 1, 4));
    ck_assert_msg(strcmp(needs(&requirement, 2, 2), walks[_i].on_2) == 0, "%s: on 2: %s", name,
                  needs(&requirement, 2, 2));
}
END_TEST

START_TEST(a_move_is_a_read_elsewhere_than_the_last)
{
    struct requirement requirement;
    requirement_init(&requirement);
    ck_assert(!requirement_is_move(&requirement, 1, 2));
    requirement_read(&requirement, 1, 2, false);
    ck_assert(!requirement_is_move(&requirement, 1, 2));
    ck_assert(requirement_is_move(&requirement, 1, 4));
    ck_assert(requirement_is_move(&requirement, 2, 2));
    requirement_saw_leader(&requirement);
    ck_assert(requirement_is_move(&requirement, 1, 2));
}
END_TEST

START_TEST(too_many_domains_are_told)
{
    struct requirement requirement;
    char text[GTID_TEXT_MAX];
    requirement_init(&requirement);
    for (uint32_t domain = 0; domain <= GTID_DOMAINS_MAX; domain++) {
        struct gtid gtid = {.domain = domain, .server = 1, .seq = 1};
        gtid_print(&gtid, text);
        ck_assert_int_eq(wrote(&requirement, text), domain < GTID_DOMAINS_MAX ? 0 : -E2BIG);
    }
    ck_assert_uint_eq(requirement.vector.count, GTID_DOMAINS_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("requirement");
    TCase *tcase = tcase_create("requirement");
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, the_next_read_needs_what_was_seen, 0,
                        (int)(sizeof(walks) / sizeof(walks[0])));
    tcase_add_test(tcase, a_move_is_a_read_elsewhere_than_the_last);
    tcase_add_test(tcase, too_many_domains_are_told);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
