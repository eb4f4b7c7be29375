/* What the next read of a session, or of the connections that share a key, must see: walks, in
 * tables, and a new leader's log. */
#include "router/requirement.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MAX = GTID_DOMAINS_MAX * GTID_TEXT_MAX };

static struct gtid_vector vector_of(const char *text)
{
    struct gtid_vector vector = {0};
    ck_assert_int_eq(gtid_vector_parse(span_text(text), &vector), 0);
    return vector;
}

/* For as long as few others are printed. */
static const char *vector_text(const struct gtid_vector *vector)
{
    static char texts[8][TEXT_MAX];
    static unsigned next;
    char *text = texts[next++ % 8];
    gtid_vector_print(vector, text, TEXT_MAX);
    return text;
}

/* A vector as text; "bound" when one must be fetched first. */
static const char *needed_text(const struct gtid_vector *vector)
{
    return vector ? vector_text(vector) : "bound";
}

/* --- walks --- */

/* A walk is a list of steps, "; " between them, each of connection A or, with "B " before it, of B,
 * which names the same key.
 *
 *   send        its command goes to a server     wrote G   … and a reply carries that GTID
 *                                                saw       … and a reply shows leader state
 *   write G     a command of its own: send, wrote          see   a command of its own: send, saw
 *   read S      a follower shows something       move S    the same, and it was a move
 *   lose S      that connection is gone          token G   a token is added
 *   ask         the leader is asked …            bound G   … its position, for that command
 *                                                shown     … what it shows, for that command
 *   fetch G     a command that did the first     show      a command that did the second
 *   strong      its command is a strong read     domains   the cluster is known to write in several
 *
 * S is a slot, followed by ' when its server began its second life. */
struct connection {
    struct proof proof;
    uint64_t asked_seen;
};

struct walk {
    struct requirement requirement;
    struct connection connections[2];
    bool several_domains;
};

static int slot_of(const char *text)
{
    ck_assert(text[0] >= '0' && text[0] <= '9');
    return text[0] - '0';
}

static uint32_t generation_of(const char *slot)
{
    return strchr(slot, '\'') ? 4 : 2;
}

static void reply(struct walk *walk, struct connection *connection, const char *gtid_text)
{
    struct gtid gtid;
    ck_assert_int_eq(gtid_parse(span_text(gtid_text), &gtid), 0);
    ck_assert_int_eq(
        requirement_wrote(&walk->requirement, &gtid, !walk->several_domains, &connection->proof),
        0);
}

static void bound(struct walk *walk, const char *text, uint64_t seen)
{
    struct gtid_vector leader = vector_of(text);
    requirement_bound(&walk->requirement, &leader, seen);
}

/* The command that a connection has under way. */
static bool step_under_way(struct walk *walk, struct connection *connection, const char *word,
                           const char *rest)
{
    struct requirement *requirement = &walk->requirement;
    struct proof *proof = &connection->proof;
    if (strcmp(word, "send") == 0) {
        proof->seen = requirement->seen;
    } else if (strcmp(word, "wrote") == 0) {
        reply(walk, connection, rest);
    } else if (strcmp(word, "saw") == 0) {
        requirement_saw_leader(requirement, proof);
    } else if (strcmp(word, "strong") == 0) {
        proof->strong = true;
    } else if (strcmp(word, "ask") == 0) {
        connection->asked_seen = requirement->seen;
    } else if (strcmp(word, "bound") == 0) {
        bound(walk, rest, connection->asked_seen);
        proof->bound_fetched = true;
    } else if (strcmp(word, "shown") == 0) {
        requirement_shown(requirement, connection->asked_seen);
        proof->shown_fetched = true;
    } else {
        return false;
    }
    return true;
}

/* Whole commands, and what comes of itself. */
static bool step_whole(struct walk *walk, struct connection *connection, const char *word,
                       const char *rest)
{
    struct requirement *requirement = &walk->requirement;
    if (strcmp(word, "write") == 0 || strcmp(word, "see") == 0) {
        connection->proof = (struct proof){.seen = requirement->seen};
        return step_under_way(walk, connection, word[0] == 'w' ? "wrote" : "saw", rest);
    }
    if (strcmp(word, "read") == 0 || strcmp(word, "move") == 0) {
        requirement_read(requirement, slot_of(rest), generation_of(rest), word[0] == 'm');
    } else if (strcmp(word, "lose") == 0) {
        requirement_lost(requirement, slot_of(rest));
    } else if (strcmp(word, "token") == 0) {
        struct gtid_vector token = vector_of(rest);
        ck_assert_int_eq(requirement_add(requirement, &token), 0);
    } else if (strcmp(word, "fetch") == 0) {
        bound(walk, rest, requirement->seen);
    } else if (strcmp(word, "show") == 0) {
        requirement_shown(requirement, requirement->seen);
    } else if (strcmp(word, "domains") == 0) {
        walk->several_domains = true;
    } else {
        return false;
    }
    return true;
}

static void step(struct walk *walk, const char *text)
{
    bool by_b = strncmp(text, "B ", 2) == 0;
    struct connection *connection = &walk->connections[by_b];
    char word[16] = "";
    char rest[128] = "";
    ck_assert_int_ge(sscanf(text + (by_b ? 2 : 0), "%15s %127s", word, rest), 1);
    ck_assert_msg(step_under_way(walk, connection, word, rest) ||
                      step_whole(walk, connection, word, rest),
                  "what is \"%s\"?", text);
}

static void take_steps(struct walk *walk, const char *steps)
{
    char text[512];
    ck_assert_int_lt(snprintf(text, sizeof(text), "%s", steps), (int)sizeof(text));
    for (char *at = text, *next; at && *at; at = next) {
        next = strstr(at, "; ");
        if (next) {
            *next = '\0';
            next += 2;
        }
        step(walk, at);
    }
}

enum asker {
    A_NEW_ONE,    /* a command that has just come */
    A_STRONG_ONE, /* the same, strong */
    AS,           /* the one that A has under way */
    BS,           /* the one that B has under way */
};

struct scene {
    const char *name;
    const char *steps;
    /* What a read must see on slot 1, on slot 1 restarted, and on slot 2. */
    const char *on_1;
    const char *on_1_restarted;
    const char *on_2;
    bool leader_shows; /* a plain read may run on the leader */
    enum asker asker;
};

static struct proof proof_of(const struct walk *walk, enum asker asker)
{
    if (asker == AS || asker == BS)
        return walk->connections[asker == BS].proof;
    return (struct proof){.seen = walk->requirement.seen, .strong = asker == A_STRONG_ONE};
}

static void check_needs(const struct scene *scene, const struct walk *walk, int slot,
                        uint32_t generation, const char *expected)
{
    struct proof proof = proof_of(walk, scene->asker);
    const char *needs = needed_text(requirement_for(&walk->requirement, &proof, slot, generation));
    ck_assert_msg(strcmp(needs, expected) == 0, "%s: on slot %d, generation %u: \"%s\", not \"%s\"",
                  scene->name, slot, generation, needs, expected);
}

static void check_scene(const struct scene *scene)
{
    struct walk walk = {0};
    requirement_init(&walk.requirement);
    take_steps(&walk, scene->steps);
    check_needs(scene, &walk, 1, 2, scene->on_1);
    check_needs(scene, &walk, 1, 4, scene->on_1_restarted);
    check_needs(scene, &walk, 2, 2, scene->on_2);
    struct proof proof = proof_of(&walk, scene->asker);
    ck_assert_msg(requirement_leader_shows(&walk.requirement, &proof) == scene->leader_shows,
                  "%s: the leader may %sbe read", scene->name, scene->leader_shows ? "not " : "");
}

#define SHOWS .leader_shows = true
#define HIDES .leader_shows = false

/* One connection, one domain. */
static const struct scene session_scenes[] = {
    {"nothing happened", "", "", "", "", SHOWS},
    {"a write is all that was seen", "write 0-1-5", "0-1-5", "0-1-5", "0-1-5", SHOWS},
    {"later writes raise", "write 0-1-5; write 0-2-9", "0-2-9", "0-2-9", "0-2-9", SHOWS},
    {"earlier ones don't", "write 0-2-9; write 0-1-5", "0-2-9", "0-2-9", "0-2-9", SHOWS},
    {"a read ties to its server", "read 1", "", "bound", "bound", HIDES},
    {"to that life of it", "read 1'", "bound", "", "bound", HIDES},
    {"a read after a write", "write 0-1-5; read 1", "0-1-5", "bound", "bound", HIDES},
    {"a write after a read bounds the read", "read 1; write 0-1-5", "0-1-5", "0-1-5", "0-1-5",
     SHOWS},
    {"a fetched bound frees", "read 1; fetch 0-1-7", "", "0-1-7", "0-1-7", HIDES},
    {"a bound includes what was written", "write 0-1-9; read 1; fetch 0-1-7,1-1-1", "0-1-9",
     "0-1-9,1-1-1", "0-1-9,1-1-1", HIDES},
    {"the next read spends the bound", "read 1; fetch 0-1-7; read 1", "", "bound", "bound", HIDES},
    {"a move keeps the bound for good", "read 2; fetch 0-1-7; move 1", "0-1-7", "bound", "bound",
     HIDES},
    {"a move back to a restarted server", "read 1; fetch 0-1-7; move 1'", "bound", "0-1-7", "bound",
     HIDES},
    {"leader state needs a bound everywhere", "see", "bound", "bound", "bound", SHOWS},
    {"leader state after a read", "read 1; see", "bound", "bound", "bound", HIDES},
    {"leader state after a bound", "read 1; fetch 0-1-7; see", "bound", "bound", "bound", HIDES},
    {"a bound frees of leader state", "see; fetch 0-1-7", "0-1-7", "0-1-7", "0-1-7", SHOWS},
    {"a write after leader state bounds it", "see; write 0-1-5", "0-1-5", "0-1-5", "0-1-5", SHOWS},
    {"leader state after a write", "write 0-1-5; see", "bound", "bound", "bound", SHOWS},
    {"a lost connection makes a move of all", "read 1; lose 1", "bound", "bound", "bound", HIDES},
    {"another's loss is nothing", "read 1; lose 2", "", "bound", "bound", HIDES},
    {"a loss before any read is nothing", "lose 1", "", "", "", SHOWS},
    {"a bound outlives a loss", "read 1; fetch 0-1-7; lose 1", "0-1-7", "0-1-7", "0-1-7", HIDES},
    {"an unproven read elsewhere proves nothing there", "read 2; read 1", "bound", "bound", "bound",
     HIDES},
    {"an unproven read on a restarted server neither", "read 1; read 1'", "bound", "bound", "bound",
     HIDES},
    {"an unproven read after leader state neither", "see; read 1", "bound", "bound", "bound",
     HIDES},
    {"a move whose bound was spent before proves nothing", "read 2; fetch 0-1-7; read 2; move 1",
     "bound", "bound", "bound", HIDES},
    {"two statements of one command: the write bounds what the first one saw",
     "send; saw; wrote 0-1-5", "0-1-5", "0-1-5", "0-1-5", SHOWS},
    {"and the other way round", "send; wrote 0-1-5; saw", "bound", "bound", "bound", SHOWS},
};

/* Several domains: commit order is no line. */
static const struct scene domain_scenes[] = {
    {"a write bounds nothing but itself", "write 0-1-5; write 1-1-5", "bound", "bound", "bound",
     SHOWS},
    {"it may have shown another's",
     "write 0-1-5; write 1-1-5; fetch 0-1-6,1-1-6; move 1; "
     "write 1-1-9",
     "bound", "bound", "bound", HIDES},
    {"known from a bound", "read 1; fetch 0-1-6,1-1-6; write 0-1-9", "bound", "bound", "bound",
     HIDES},
    {"known from a token", "token 0-1-6,1-1-6; write 0-1-9", "bound", "bound", "bound", HIDES},
    {"known from the cluster", "domains; write 0-1-5", "bound", "bound", "bound", SHOWS},
    {"once known, for good", "write 0-1-5; write 1-1-5; fetch 0-1-6; write 0-1-9", "bound", "bound",
     "bound", SHOWS},
    {"a fetched bound covers them all", "domains; write 0-1-5; fetch 0-1-5,1-1-3", "0-1-5,1-1-3",
     "0-1-5,1-1-3", "0-1-5,1-1-3", SHOWS},
};

/* The leader's log runs ahead of what it shows. */
static const struct scene shown_scenes[] = {
    {"nothing seen", "", "", "", "", SHOWS},
    {"after a read on a follower", "read 1", "", "bound", "bound", HIDES},
    {"after it was asked", "read 1; show", "", "bound", "bound", SHOWS},
    {"asked before the read ended", "ask; read 1; shown", "", "bound", "bound", HIDES},
    {"a read after it was asked", "read 1; show; read 1", "", "bound", "bound", HIDES},
    {"a bound is no proof of it", "read 1; fetch 0-1-9", "", "0-1-9", "0-1-9", HIDES},
    {"nor is it one of a bound", "see; show", "bound", "bound", "bound", SHOWS},
    {"after an own write in the one domain", "read 1; write 0-1-5", "0-1-5", "0-1-5", "0-1-5",
     SHOWS},
    {"in one of several: not", "domains; read 1; write 0-1-5", "bound", "bound", "bound", HIDES},
    {"in one of several, after it was asked", "domains; read 1; show; write 0-1-5", "bound",
     "bound", "bound", SHOWS},
    {"a read on the leader after one that was proven", "read 1; show; see; see", "bound", "bound",
     "bound", SHOWS},
    {"an UPDATE of no rows after a read on a follower", "read 1; see", "bound", "bound", "bound",
     HIDES},
    {"and many of them", "read 1; see; see; see", "bound", "bound", "bound", HIDES},
    {"then a write", "read 1; see; write 0-1-5", "0-1-5", "0-1-5", "0-1-5", SHOWS},
    {"a token", "token 0-1-5", "0-1-5", "0-1-5", "0-1-5", HIDES},
    {"a token, after it was asked", "token 0-1-5; show", "0-1-5", "0-1-5", "0-1-5", SHOWS},
    {"a token, then a read on the leader unasked", "token 0-1-5; see", "bound", "bound", "bound",
     HIDES},
    {"a token, then a write", "token 0-1-5; write 0-1-8", "0-1-8", "0-1-8", "0-1-8", SHOWS},
    {"a lost connection tells nothing", "read 1; show; lose 1", "bound", "bound", "bound", SHOWS},
};

/* Strong: what counts is what was acknowledged to anybody. */
static const struct scene strong_scenes[] = {
    {"nothing seen", "", "bound", "bound", "bound", HIDES, .asker = A_STRONG_ONE},
    {"own writes prove nothing", "write 0-1-5", "bound", "bound", "bound", HIDES,
     .asker = A_STRONG_ONE},
    {"nor does a follower", "read 1", "bound", "bound", "bound", HIDES, .asker = A_STRONG_ONE},
    {"nor what another command fetched", "see; fetch 0-1-7; show", "bound", "bound", "bound", HIDES,
     .asker = A_STRONG_ONE},
    {"its own fetch does", "strong; ask; bound 0-1-7", "0-1-7", "0-1-7", "0-1-7", HIDES,
     .asker = AS},
    {"on the follower of the last read too", "read 1; strong; ask; bound 0-1-7", "0-1-7", "0-1-7",
     "0-1-7", HIDES, .asker = AS},
    {"own writes included", "write 0-1-9; strong; ask; bound 0-1-7", "0-1-9", "0-1-9", "0-1-9",
     HIDES, .asker = AS},
    {"the leader is asked for this command", "strong; ask; shown", "bound", "bound", "bound", SHOWS,
     .asker = AS},
    {"the fetch of B is not A's", "strong; B ask; B bound 0-1-7; B shown", "bound", "bound",
     "bound", HIDES, .asker = AS},
    {"what B sees meanwhile takes nothing away",
     "read 1; strong; ask; bound 0-1-7; shown; B read 1", "0-1-7", "0-1-7", "0-1-7", SHOWS,
     .asker = AS},
    {"what B was told of an earlier position neither",
     "strong; B ask; ask; bound 0-1-7; B bound 0-1-5", "0-1-7", "0-1-7", "0-1-7", HIDES,
     .asker = AS},
    {"an earlier write of B, acknowledged later, neither",
     "strong; B send; ask; bound 0-1-7; B wrote 0-1-6", "0-1-7", "0-1-7", "0-1-7", HIDES,
     .asker = AS},
};

/* Two connections of one key, whose replies interleave. */
static const struct scene key_scenes[] = {
    {"B's write is A's to see", "B write 0-1-5", "0-1-5", "0-1-5", "0-1-5", SHOWS},
    {"B's read elsewhere unties", "read 1; B read 2", "bound", "bound", "bound", HIDES},
    {"B's read at the same place does not", "read 1; B read 1", "", "bound", "bound", HIDES},
    {"B's read after A asked: the bound is A's alone", "read 1; ask; B read 1; bound 0-1-7", "",
     "0-1-7", "0-1-7", HIDES, .asker = AS},
    {"nobody else's", "read 1; ask; B read 1; bound 0-1-7", "", "bound", "bound", HIDES},
    {"B reads on the old server, then A moves", "read 1; ask; bound 0-1-7; B read 1; move 2",
     "bound", "bound", "bound", HIDES},
    {"A moves, then B's read on the old server ends", "read 1; ask; bound 0-1-7; move 2; B read 1",
     "bound", "bound", "bound", HIDES},
    {"A moves, and B with it", "read 1; ask; bound 0-1-7; move 2; B move 2", "bound", "bound",
     "0-1-7", HIDES},
    {"B loses the server that A has left", "read 1; fetch 0-1-7; move 2; B lose 1", "bound",
     "bound", "0-1-7", HIDES},
    {"B loses the server that A reads on, A's read ends", "read 1; B lose 1; read 1", "bound",
     "bound", "bound", HIDES},
    {"A's first read and B's first read, elsewhere", "read 1; B read 2; read 1", "bound", "bound",
     "bound", HIDES},
    {"B saw the leader while A's first read ran", "B see; read 1", "bound", "bound", "bound",
     HIDES},
    {"A's read ends while B's write runs: no bound for it", "read 1; B send; read 1; B wrote 0-1-5",
     "bound", "bound", "bound", HIDES},
    {"it ended before", "read 1; read 1; B send; B wrote 0-1-5", "0-1-5", "0-1-5", "0-1-5", SHOWS},
    {"A's first read ends while B's write runs", "B send; read 1; B wrote 0-1-5", "bound", "bound",
     "bound", HIDES},
    {"A saw the leader while B's write ran", "B send; see; B wrote 0-1-5", "bound", "bound",
     "bound", SHOWS},
    {"both write at once", "send; B send; B wrote 0-1-6; wrote 0-1-5", "0-1-6", "0-1-6", "0-1-6",
     SHOWS},
    {"a token came while B wrote", "B send; token 0-1-9; B wrote 0-1-5", "bound", "bound", "bound",
     HIDES},
    {"B wrote while A's bound was fetched", "read 1; ask; B write 0-1-9; bound 0-1-7", "0-1-9",
     "0-1-9", "0-1-9", SHOWS, .asker = AS},
    {"a read on the leader goes on while B's read on a follower ends", "send; B read 1; saw",
     "bound", "bound", "bound", HIDES},
    {"the same, proven when it began", "read 1; ask; shown; send; B read 1; saw", "bound", "bound",
     "bound", HIDES},
    {"B's read on a follower ends while A asks: A's proof is A's",
     "read 1; ask; B read 1; shown; send", "", "bound", "bound", SHOWS, .asker = AS},
    {"nobody else's either", "read 1; ask; B read 1; shown; send", "", "bound", "bound", HIDES},
    {"nor when A's read on the leader has ended", "read 1; ask; B read 1; shown; send; saw",
     "bound", "bound", "bound", HIDES},
    {"nor when A wrote without a GTID of its own", "read 1; ask; B read 1; shown; send; saw; saw",
     "bound", "bound", "bound", HIDES},
    {"both asked, both read on the leader",
     "read 1; ask; B ask; shown; B shown; send; B send; "
     "saw; B saw",
     "bound", "bound", "bound", SHOWS},
    {"answers of two workers in the wrong order", "read 1; ask; B read 1; B ask; B shown; shown",
     "", "bound", "bound", SHOWS},
    {"bounds of two workers in the wrong order: B's move",
     "read 1; ask; B read 1; B ask; B bound 0-1-9; bound 0-1-7", "", "0-1-9", "0-1-9", HIDES,
     .asker = BS},
    {"and everybody's", "read 1; ask; B read 1; B ask; B bound 0-1-9; bound 0-1-7", "", "0-1-9",
     "0-1-9", HIDES},
    {"in one command, after B's reply", "send; saw; B see; wrote 0-1-5", "bound", "bound", "bound",
     SHOWS},
};

#define SCENE_TEST(name, table)                                                                    \
    START_TEST(name)                                                                               \
    {                                                                                              \
        check_scene(&table[_i]);                                                                   \
    }                                                                                              \
    END_TEST

SCENE_TEST(the_next_read_needs_what_was_seen, session_scenes)
SCENE_TEST(domains_have_no_common_order, domain_scenes)
SCENE_TEST(the_leader_is_read_once_it_shows_what_was_seen, shown_scenes)
SCENE_TEST(a_strong_read_goes_by_its_own_fetch, strong_scenes)
SCENE_TEST(connections_of_a_key_interleave, key_scenes)

START_TEST(a_move_is_a_read_elsewhere_than_the_last)
{
    struct requirement requirement;
    struct proof proof = {0};
    requirement_init(&requirement);
    ck_assert(!requirement_is_move(&requirement, 1, 2));
    requirement_read(&requirement, 1, 2, false);
    ck_assert(!requirement_is_move(&requirement, 1, 2));
    ck_assert(requirement_is_move(&requirement, 1, 4));
    ck_assert(requirement_is_move(&requirement, 2, 2));
    requirement_saw_leader(&requirement, &proof);
    ck_assert(requirement_is_move(&requirement, 1, 2));
}
END_TEST

/* --- too many domains --- */

static struct gtid_vector full_vector(void)
{
    struct gtid_vector full = {0};
    for (uint32_t domain = 0; domain < GTID_DOMAINS_MAX; domain++)
        ck_assert_int_eq(gtid_vector_raise(&full, &(struct gtid){domain, 1, 1}), 0);
    return full;
}

START_TEST(a_write_in_too_many_domains_is_told_and_nothing_is_bound)
{
    struct requirement requirement;
    struct proof none = {0};
    requirement_init(&requirement);
    for (uint32_t domain = 0; domain <= GTID_DOMAINS_MAX; domain++) {
        struct gtid gtid = {.domain = domain, .server = 1, .seq = 1};
        struct proof proof = {.seen = requirement.seen};
        if (domain == GTID_DOMAINS_MAX) {
            struct gtid_vector leader = full_vector();
            requirement_bound(&requirement, &leader, requirement.seen);
            ck_assert_ptr_nonnull(requirement_for(&requirement, &none, 1, 2));
        }
        ck_assert_int_eq(requirement_wrote(&requirement, &gtid, true, &proof),
                         domain < GTID_DOMAINS_MAX ? 0 : -E2BIG);
    }
    ck_assert_uint_eq(requirement.vector.count, GTID_DOMAINS_MAX);
    /* The connection stays on the leader; others with its key must not miss that write. */
    ck_assert_ptr_null(requirement_for(&requirement, &none, 1, 2));
}
END_TEST

START_TEST(a_token_of_too_many_domains_changes_nothing)
{
    struct requirement requirement;
    struct gtid_vector full = full_vector();
    struct gtid_vector more = vector_of("0-1-9,99-1-1");
    requirement_init(&requirement);
    ck_assert_int_eq(requirement_add(&requirement, &full), 0);
    requirement.epoch = 3;
    struct requirement before = requirement;
    ck_assert_int_eq(requirement_add(&requirement, &more), -E2BIG);
    ck_assert_str_eq(vector_text(&requirement.vector), vector_text(&before.vector));
    ck_assert_uint_eq(requirement.seen, before.seen);
    ck_assert_uint_eq(requirement.epoch, 3);
}
END_TEST

/* --- tokens --- */

static const struct {
    const char *name;
    const char *steps;
    const char *token; /* of a command that has just come, or of A's */
    const char *of_a;
} tokens[] = {
    {"nothing seen", "", "", ""},
    {"an own write", "write 0-1-5", "0-1-5", "0-1-5"},
    {"a read on a follower", "read 1", "bound", "bound"},
    {"a read on the leader", "see", "bound", "bound"},
    {"a read on the leader that was bounded", "see; fetch 0-1-7", "0-1-7", "0-1-7"},
    {"a read that a write came after", "read 1; write 0-1-5", "0-1-5", "0-1-5"},
    {"a write that a read came after", "write 0-1-5; read 1", "bound", "bound"},
    {"the answer was for this command", "read 1; ask; B read 1; bound 0-1-7", "bound", "0-1-7"},
    {"the answer covers own writes", "write 0-1-9; read 1; ask; bound 0-1-7", "0-1-9", "0-1-9"},
    {"a token goes on only with a bound", "token 0-1-5", "bound", "bound"},
    {"and is part of it", "token 0-1-5,7-1-1; ask; bound 0-1-7", "0-1-7,7-1-1", "0-1-7,7-1-1"},
    {"an empty token", "token", "", ""},
    {"writes in several domains", "domains; write 0-1-5; write 1-1-5", "bound", "bound"},
};

START_TEST(a_token_covers_all_that_was_seen)
{
    struct walk walk = {0};
    requirement_init(&walk.requirement);
    take_steps(&walk, tokens[_i].steps);
    struct proof proof = proof_of(&walk, A_NEW_ONE);
    const char *token = needed_text(requirement_token(&walk.requirement, &proof));
    ck_assert_msg(strcmp(token, tokens[_i].token) == 0, "%s: %s", tokens[_i].name, token);
    proof = proof_of(&walk, AS);
    token = needed_text(requirement_token(&walk.requirement, &proof));
    ck_assert_msg(strcmp(token, tokens[_i].of_a) == 0, "%s: %s for A's", tokens[_i].name, token);
}
END_TEST

START_TEST(a_strong_token_is_of_its_own_fetch)
{
    struct walk walk = {0};
    requirement_init(&walk.requirement);
    take_steps(&walk, "write 0-1-5");
    struct proof proof = proof_of(&walk, A_STRONG_ONE);
    ck_assert_ptr_null(requirement_token(&walk.requirement, &proof));
}
END_TEST

START_TEST(a_token_is_checked_against_the_leader_again)
{
    struct requirement requirement;
    struct gtid_vector token = vector_of("0-1-5");
    struct gtid_vector empty = vector_of("");
    requirement_init(&requirement);
    ck_assert(!requirement_enter_epoch(&requirement, 3));
    ck_assert_int_eq(requirement_add(&requirement, &empty), 0);
    ck_assert_uint_eq(requirement.epoch, 3);
    ck_assert_int_eq(requirement_add(&requirement, &token), 0);
    ck_assert_uint_eq(requirement.epoch, REQUIREMENT_UNCHECKED);
    ck_assert(requirement_enter_epoch(&requirement, 3));
}
END_TEST

/* --- another leader --- */

static const struct {
    const char *name;
    uint64_t before;
    const char *steps;
    bool must_check;
    uint64_t after;
    /* What was proven of a bound and of the leader, on slot 2, then. */
    const char *on_2;
    bool leader_shows;
} epochs[] = {
    {"the first one", 0, "", false, 7, "", true},
    {"the first one, after a read", 0, "read 1; fetch 0-1-7; show", false, 7, "0-1-7", true},
    {"the same", 7, "write 0-1-5", false, 7, "0-1-5", true},
    {"another, nothing seen", 6, "", false, 7, "", false},
    {"another, a read", 6, "read 2; fetch 0-1-7; show", false, 7, "bound", false},
    {"another, leader state", 6, "see; fetch 0-1-7", false, 7, "bound", false},
    {"another, a write", 6, "write 0-1-5", true, 6, "0-1-5", true},
    {"another, a read that moved", 6, "read 1; fetch 0-1-7; move 2", true, 6, "0-1-7", false},
    {"a token", 7, "token 0-1-5", true, REQUIREMENT_UNCHECKED, "0-1-5", false},
    {"another worker knew of a later one first", 8, "write 0-1-5", false, 8, "0-1-5", true},
    {"the same, after a read", 8, "read 1; fetch 0-1-7; show", false, 8, "0-1-7", true},
};

START_TEST(what_was_proven_of_another_leader_is_worth_nothing)
{
    struct walk walk = {0};
    struct requirement *requirement = &walk.requirement;
    const char *name = epochs[_i].name;
    requirement_init(requirement);
    requirement->epoch = epochs[_i].before;
    take_steps(&walk, epochs[_i].steps);
    bool must_check = requirement_enter_epoch(requirement, 7);
    ck_assert_msg(must_check == epochs[_i].must_check, "%s: must_check is %d", name, must_check);
    ck_assert_uint_eq(requirement->epoch, epochs[_i].after);
    struct proof proof = proof_of(&walk, A_NEW_ONE);
    const char *needs = needed_text(requirement_for(requirement, &proof, 2, 2));
    ck_assert_msg(strcmp(needs, epochs[_i].on_2) == 0, "%s: needs %s", name, needs);
    ck_assert_msg(requirement_leader_shows(requirement, &proof) == epochs[_i].leader_shows,
                  "%s: leader_shows", name);
}
END_TEST

static const struct {
    const char *name;
    uint64_t epoch; /* in which it was fetched; it is 7 now */
    bool strong;
    bool counts;
} fetches[] = {
    {"in this epoch", 7, false, true},         {"in this epoch, strong", 7, true, true},
    {"in the one before", 6, false, false},    {"in the one before, strong", 6, true, false},
    {"before there was any", 0, false, false}, {"in a later one", 8, false, false},
};

START_TEST(what_was_fetched_in_another_epoch_proves_nothing)
{
    struct walk walk = {0};
    struct requirement *requirement = &walk.requirement;
    struct proof proof = {
        .epoch = fetches[_i].epoch, .strong = fetches[_i].strong, .bound_fetched = true};
    requirement_init(requirement);
    requirement->epoch = 7;
    take_steps(&walk, "read 1; ask; read 1; bound 0-1-7; shown");
    bool counts = fetches[_i].counts;
    const char *name = fetches[_i].name;
    ck_assert_msg((requirement_for(requirement, &proof, 2, 2) != NULL) == counts, "%s: for", name);
    ck_assert_msg((requirement_token(requirement, &proof) != NULL) == counts, "%s: token", name);
    ck_assert(!requirement_leader_shows(requirement, &proof));
    proof.shown_fetched = true;
    ck_assert_msg(requirement_leader_shows(requirement, &proof) == counts, "%s: shows", name);
}
END_TEST

static const struct {
    const char *name;
    const char *vector;
    const char *state;
    const char *position;
    int result;
    const char *kept;
    const char *lost;
} histories[] = {
    {"nothing to compare", "", "0-1-9", "0-1-9", 0, "", ""},
    {"the last of the old leader", "0-1-99", "0-1-99,0-2-103", "0-2-103", 0, "0-1-99", ""},
    {"beyond the branch", "0-1-100", "0-1-99,0-2-103", "0-2-103", 1, "", "0-1-100"},
    {"long before it", "0-1-5", "0-1-99,0-2-103", "0-2-103", 0, "0-1-5", ""},
    {"of the new leader", "0-2-103", "0-1-99,0-2-103", "0-2-103", 0, "0-2-103", ""},
    {"that it will write next", "0-2-104", "0-1-99,0-2-103", "0-2-103", 1, "", "0-2-104"},
    {"blanks and newlines", "0-1-100", "0-1-99,\n 0-2-103", "0-2-103", 1, "", "0-1-100"},
    {"the order of the list is nothing", "0-1-100", "0-2-103,0-1-99", "0-2-103", 1, "", "0-1-100"},
    {"a server id that the log does not tell of", "0-9-100", "0-1-99,0-2-103", "0-2-103", 0,
     "0-9-100", ""},
    {"and a number that it does not have", "0-9-104", "0-1-99,0-2-103", "0-2-103", 1, "",
     "0-9-104"},
    {"a log that began with a bare position", "0-1-100", "", "0-1-103", 0, "0-1-100", ""},
    {"the same server id in another domain is another", "0-1-100", "1-1-50,0-2-103",
     "0-2-103,1-1-50", 0, "0-1-100", ""},
    {"a domain that the leader does not have", "3-1-1", "0-1-99", "0-1-99", 1, "", "3-1-1"},
    {"an empty log", "0-1-5", "", "", 1, "", "0-1-5"},
    {"one domain of three is lost", "0-1-5,1-1-50,2-1-7", "0-1-9,1-1-49,1-2-60,2-1-7",
     "0-1-9,1-2-60,2-1-7", 1, "0-1-5,2-1-7", "1-1-50"},
    {"two are", "0-1-50,1-1-50,2-1-7", "0-1-9,1-1-49,1-2-60,2-1-7", "0-1-9,1-2-60,2-1-7", 2,
     "2-1-7", "0-1-50,1-1-50"},
    {"a malformed state", "0-1-100", "0-1-99,", "0-2-103", -EINVAL, "0-1-100", ""},
    {"malformed at its beginning", "0-1-100", "x", "0-2-103", -EINVAL, "0-1-100", ""},
    {"malformed behind what is lost", "0-1-100,1-1-1", "0-1-99,1-1", "0-2-103", -EINVAL,
     "0-1-100,1-1-1", ""},
};

START_TEST(what_the_leader_does_not_have_is_lost)
{
    struct requirement requirement;
    struct gtid_vector position = vector_of(histories[_i].position);
    struct gtid_vector lost = vector_of("9-9-9");
    bool good = histories[_i].result >= 0;
    requirement_init(&requirement);
    requirement.vector = vector_of(histories[_i].vector);
    requirement.epoch = 6;
    requirement_read(&requirement, 1, 2, false);
    requirement_shown(&requirement, requirement.seen);
    uint64_t seen = requirement.seen;
    int result =
        requirement_check(&requirement, 7, span_text(histories[_i].state), &position, &lost);
    ck_assert_msg(result == histories[_i].result, "%s: %d", histories[_i].name, result);
    ck_assert_str_eq(vector_text(&requirement.vector), histories[_i].kept);
    ck_assert_str_eq(vector_text(&lost), histories[_i].lost);
    ck_assert_uint_eq(requirement.epoch, good ? 7 : 6);
    ck_assert_uint_eq(requirement.seen, good ? seen + 1 : seen);
    struct proof proof = {0};
    ck_assert(requirement_leader_shows(&requirement, &proof) == !good);
    ck_assert(requirement_is_move(&requirement, 1, 2) == good);
    ck_assert(requirement_enter_epoch(&requirement, 7) == !good);
}
END_TEST

START_TEST(a_check_before_any_read_makes_no_move)
{
    struct requirement requirement;
    struct gtid_vector position = vector_of("0-1-9");
    struct gtid_vector lost;
    struct proof proof = {0};
    requirement_init(&requirement);
    requirement.vector = vector_of("0-1-5");
    ck_assert_int_eq(requirement_check(&requirement, 7, span_text("0-1-9"), &position, &lost), 0);
    ck_assert_str_eq(needed_text(requirement_for(&requirement, &proof, 1, 2)), "0-1-5");
}
END_TEST

/* A bound of the old history must not be asked of the new one. */
START_TEST(a_new_history_begins_with_a_new_bound)
{
    struct requirement requirement;
    struct gtid_vector old = vector_of("0-1-500,5-1-1");
    struct gtid_vector position = vector_of("0-2-103");
    struct gtid_vector lost;
    struct proof proof = {.bound_fetched = true};
    for (int written = 0; written < 2; written++) {
        requirement_init(&requirement);
        requirement.epoch = 6;
        requirement_read(&requirement, 1, 2, false);
        requirement.vector = vector_of(written ? "0-1-100" : "");
        requirement_bound(&requirement, &old, requirement.seen);
        ck_assert(requirement_enter_epoch(&requirement, 7) == (written == 1));
        if (written)
            ck_assert_int_eq(
                requirement_check(&requirement, 7, span_text("0-1-99,0-2-103"), &position, &lost),
                1);
        requirement_bound(&requirement, &position, requirement.seen);
        ck_assert_str_eq(needed_text(requirement_for(&requirement, &proof, 2, 2)), "0-2-103");
    }
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof(table[0])))

/* --- one connection under several names --- */

START_TEST(own_writes_count_under_every_name)
{
    struct requirement own;
    struct requirement key;
    struct gtid gtid = {.domain = 0, .server = 1, .seq = 9};
    struct proof proof = {.epoch = 1};
    requirement_init(&own);
    requirement_init(&key);
    own.epoch = key.epoch = 1;
    ck_assert_int_eq(requirement_wrote_elsewhere(&own, &gtid), 0);
    ck_assert_uint_eq(gtid_vector_seq(&own.vector, 0), 9);
    ck_assert(!requirement_leader_shows(&own, &proof)); /* nor does its old bound cover the write */
    ck_assert_int_eq(requirement_include(&key, &own), 0);
    ck_assert_uint_eq(gtid_vector_seq(requirement_for(&key, &proof, 1, 2), 0), 9);
    ck_assert_uint_eq(gtid_vector_seq(&key.bound, 0), 9);
    ck_assert(key.used);
    ck_assert_uint_eq(key.epoch, 1);
}
END_TEST

START_TEST(what_was_written_in_another_epoch_is_checked_first)
{
    struct requirement own;
    struct requirement key;
    struct gtid gtid = {.domain = 0, .server = 1, .seq = 9};
    requirement_init(&own);
    requirement_init(&key);
    own.epoch = 1;
    key.epoch = 2;
    ck_assert_int_eq(requirement_wrote_elsewhere(&own, &gtid), 0);
    ck_assert_int_eq(requirement_include(&key, &own), 0);
    ck_assert(requirement_enter_epoch(&key, 2));
}
END_TEST

START_TEST(a_suspect_requirement_begins_with_a_move)
{
    struct requirement requirement;
    struct proof proof = {0};
    requirement_init(&requirement);
    requirement_suspect(&requirement);
    ck_assert_ptr_null(requirement_for(&requirement, &proof, 1, 2));
    ck_assert(!requirement_leader_shows(&requirement, &proof));
    ck_assert(!requirement.used);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("requirement");
    TCase *tcase = tcase_create("requirement");
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, the_next_read_needs_what_was_seen, 0, COUNT(session_scenes));
    tcase_add_loop_test(tcase, domains_have_no_common_order, 0, COUNT(domain_scenes));
    tcase_add_loop_test(tcase, the_leader_is_read_once_it_shows_what_was_seen, 0,
                        COUNT(shown_scenes));
    tcase_add_loop_test(tcase, a_strong_read_goes_by_its_own_fetch, 0, COUNT(strong_scenes));
    tcase_add_loop_test(tcase, connections_of_a_key_interleave, 0, COUNT(key_scenes));
    tcase_add_test(tcase, a_move_is_a_read_elsewhere_than_the_last);
    tcase_add_test(tcase, a_write_in_too_many_domains_is_told_and_nothing_is_bound);
    tcase_add_test(tcase, a_token_of_too_many_domains_changes_nothing);
    tcase_add_loop_test(tcase, a_token_covers_all_that_was_seen, 0, COUNT(tokens));
    tcase_add_test(tcase, a_strong_token_is_of_its_own_fetch);
    tcase_add_test(tcase, a_token_is_checked_against_the_leader_again);
    tcase_add_loop_test(tcase, what_was_proven_of_another_leader_is_worth_nothing, 0,
                        COUNT(epochs));
    tcase_add_loop_test(tcase, what_was_fetched_in_another_epoch_proves_nothing, 0, COUNT(fetches));
    tcase_add_loop_test(tcase, what_the_leader_does_not_have_is_lost, 0, COUNT(histories));
    tcase_add_test(tcase, a_check_before_any_read_makes_no_move);
    tcase_add_test(tcase, a_new_history_begins_with_a_new_bound);
    tcase_add_test(tcase, own_writes_count_under_every_name);
    tcase_add_test(tcase, what_was_written_in_another_epoch_is_checked_first);
    tcase_add_test(tcase, a_suspect_requirement_begins_with_a_move);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
