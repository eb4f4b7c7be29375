/* The ground floor: lists, buffers, slabs, the log, and mail between threads. */
#include "proxy/base/buf.h"
#include "proxy/base/list.h"
#include "proxy/base/log.h"
#include "proxy/base/mailbox.h"
#include "proxy/base/memory.h"
#include "proxy/base/slab.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* --- lists --- */

struct item {
    int before; /* so that the node is not at the start */
    struct list node;
    char name;
};

enum { ITEMS = 4 };

static struct item *items_new(void)
{
    struct item *items = memory_zalloc(ITEMS * sizeof(struct item));
    for (int i = 0; i < ITEMS; i++) {
        list_init(&items[i].node);
        items[i].name = (char)('a' + i);
    }
    return items;
}

/* The names on a list, looked at in both directions. */
static const char *names(const struct list *head)
{
    static char out[2 * ITEMS + 1];
    size_t len = 0;
    size_t back = 0;
    list_for_each (node, head)
        out[len++] = list_object(node, struct item, node)->name;
    out[len] = '\0';
    for (const struct list *node = head->prev; node != head; node = node->prev)
        ck_assert_int_eq(list_object(node, const struct item, node)->name, out[len - ++back]);
    ck_assert_uint_eq(back, len);
    ck_assert_int_eq(list_empty(head), len == 0);
    return out;
}

START_TEST(a_list_keeps_its_order)
{
    struct item *items = items_new();
    struct list head;
    list_init(&head);
    ck_assert_str_eq(names(&head), "");
    list_append(&head, &items[1].node);
    list_append(&head, &items[2].node);
    list_prepend(&head, &items[0].node);
    list_append(&head, &items[3].node);
    ck_assert_str_eq(names(&head), "abcd");
    list_remove(&items[1].node);
    ck_assert_str_eq(names(&head), "acd");
    list_remove(&items[1].node); /* on no list: harmless */
    list_remove(&items[0].node);
    list_remove(&items[3].node);
    ck_assert_str_eq(names(&head), "c");
    list_remove(&items[2].node);
    ck_assert_str_eq(names(&head), "");
    free(items);
}
END_TEST

START_TEST(a_list_moves_as_a_whole)
{
    struct item *items = items_new();
    struct list from, to;
    list_init(&from);
    list_init(&to);
    list_move_all(&to, &from);
    ck_assert_str_eq(names(&to), "");
    list_append(&from, &items[2].node);
    list_append(&from, &items[3].node);
    list_append(&to, &items[0].node);
    list_append(&to, &items[1].node);
    list_move_all(&to, &from);
    ck_assert_str_eq(names(&to), "abcd");
    ck_assert_str_eq(names(&from), "");
    list_move_all(&from, &to);
    ck_assert_str_eq(names(&from), "abcd");
    ck_assert_str_eq(names(&to), "");
    free(items);
}
END_TEST

START_TEST(a_walk_may_remove_where_it_stands)
{
    struct item *items = items_new();
    struct list head;
    list_init(&head);
    for (int i = 0; i < ITEMS; i++)
        list_append(&head, &items[i].node);
    list_for_each_safe (node, &head)
        if (list_object(node, struct item, node)->name != 'b')
            list_remove(node);
    ck_assert_str_eq(names(&head), "b");
    free(items);
}
END_TEST

/* --- buffers --- */

START_TEST(a_buffer_holds_what_was_appended)
{
    static const uint8_t expected[] = {0x01, 0x03, 0x02, 0x06, 0x05, 0x04, 0x0a, 0x09, 0x08,
                                       0x07, 0x12, 0x11, 0x10, 0x0f, 0x0e, 0x0d, 0x0c, 0x0b,
                                       0,    0,    0,    'a',  'b',  'c',  'd',  '7',  'x'};
    struct buf buf = {0};
    buf_append_u8(&buf, 0x01);
    buf_append_u16(&buf, 0x0203);
    buf_append_u24(&buf, 0x040506);
    buf_append_u32(&buf, 0x0708090a);
    buf_append_u64(&buf, UINT64_C(0x0b0c0d0e0f101112));
    buf_append_zero(&buf, 3);
    buf_append_zero(&buf, 0);
    buf_append_text(&buf, "ab");
    buf_append_span(&buf, span_text("cd"));
    buf_append(&buf, NULL, 0);
    buf_printf(&buf, "%d%c", 7, 'x');
    ck_assert(span_equal(buf_span(&buf), span_of(expected, sizeof(expected))));
    ck_assert_uint_eq(load_u16(buf.data + 1), 0x0203);
    ck_assert_uint_eq(load_u24(buf.data + 3), 0x040506);
    ck_assert_uint_eq(load_u32(buf.data + 6), 0x0708090a);
    ck_assert_uint_eq(load_u64(buf.data + 10), UINT64_C(0x0b0c0d0e0f101112));
    buf_free(&buf);
    ck_assert_ptr_null(buf.data);
    ck_assert_uint_eq(buf.len, 0);
}
END_TEST

START_TEST(a_buffer_grows_and_keeps_its_bytes)
{
    struct buf buf = {0};
    for (unsigned i = 0; i < 10000; i++)
        buf_append_u16(&buf, (uint16_t)i);
    buf_reserve(&buf, 100000);
    ck_assert_uint_ge(buf.cap - buf.len, 100000);
    for (unsigned i = 0; i < 10000; i++)
        ck_assert_uint_eq(load_u16(buf.data + 2 * i), i);
    buf.len = 0;
    for (int i = 0; i < 100; i++)
        buf_printf(&buf, "%0100d", i);
    ck_assert_uint_eq(buf.len, 10000);
    ck_assert_int_eq(memcmp(buf.data + 9998, "99", 2), 0);
    buf_free(&buf);
}
END_TEST

START_TEST(spans_are_equal_by_their_bytes)
{
    ck_assert(span_equal(span_of(NULL, 0), span_text("")));
    ck_assert(span_equal(span_text("ab"), span_of("abc", 2)));
    ck_assert(!span_equal(span_text("ab"), span_text("abc")));
    ck_assert(!span_equal(span_text("ab"), span_text("ac")));
    ck_assert(span_equal(span_of("a\0b", 3), span_of("a\0b", 3)));
    ck_assert(!span_equal(span_of("a\0b", 3), span_of("a\0c", 3)));
}
END_TEST

START_TEST(copies_of_text_are_terminated)
{
    char *copy = memory_strndup("abcdef", 3);
    ck_assert_str_eq(copy, "abc");
    free(copy);
    copy = memory_strdup("");
    ck_assert_str_eq(copy, "");
    memory_wipe(copy, 1);
    free(copy);
    uint8_t *zeroed = memory_zalloc(100);
    for (int i = 0; i < 100; i++)
        ck_assert_uint_eq(zeroed[i], 0);
    memset(zeroed, 7, 100);
    memory_wipe(zeroed, 99);
    ck_assert_uint_eq(zeroed[98], 0);
    ck_assert_uint_eq(zeroed[99], 7);
    free(zeroed);
}
END_TEST

/* --- slabs --- */

START_TEST(a_slab_gives_zeroed_objects_and_keeps_a_few)
{
    enum { BYTES = 48, KEEP = 3, COUNT = 6 };
    struct slab slab;
    uint8_t *objects[COUNT];
    slab_init(&slab, BYTES, KEEP);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < COUNT; i++) {
            objects[i] = slab_get(&slab);
            for (int j = 0; j < BYTES; j++)
                ck_assert_uint_eq(objects[i][j], 0);
            memset(objects[i], 0xff, BYTES);
        }
        ck_assert_uint_eq(slab.used_count, COUNT);
        ck_assert_uint_eq(slab.free_count, 0);
        for (int i = 0; i < COUNT; i++)
            slab_put(&slab, objects[i]);
        ck_assert_uint_eq(slab.used_count, 0);
        ck_assert_uint_eq(slab.free_count, KEEP);
    }
    slab_close(&slab);
    ck_assert_uint_eq(slab.free_count, 0);
    ck_assert_ptr_null(slab.free_objects);
}
END_TEST

/* --- the log --- */

/* Takes standard error away for a while. */
struct capture {
    FILE *file;
    int stderr_copy;
};

static struct capture capture_begin(void)
{
    struct capture capture = {.file = tmpfile(), .stderr_copy = dup(STDERR_FILENO)};
    ck_assert_ptr_nonnull(capture.file);
    ck_assert_int_ge(dup2(fileno(capture.file), STDERR_FILENO), 0);
    return capture;
}

static size_t capture_end(struct capture *capture, char *out, size_t size)
{
    dup2(capture->stderr_copy, STDERR_FILENO);
    close(capture->stderr_copy);
    rewind(capture->file);
    size_t len = fread(out, 1, size - 1, capture->file);
    out[len] = '\0';
    fclose(capture->file);
    return len;
}

/* What one line has behind its time stamp; checks the stamp's form. */
static const char *body(const char *line)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ ";
    for (size_t i = 0; i < sizeof(form) - 1; i++)
        ck_assert_msg(form[i] == 'd' ? line[i] >= '0' && line[i] <= '9' : line[i] == form[i],
                      "no time stamp: %s", line);
    return line + sizeof(form) - 1;
}

static const struct {
    const char *text;
    const char *line;
} logged[] = {
    {"all is well", "info  all is well\n"},
    {"", "info  \n"},
    {"one\ntwo", "info  one?two\n"},
    {"\r\n2026-01-01T00:00:00.000Z error forged\x1b[2J\x7f",
     "info  ??2026-01-01T00:00:00.000Z error forged?[2J?\n"},
    {"tab\tbell\a", "info  tab?bell?\n"},
    {"\xc3\xa4 stays", "info  \xc3\xa4 stays\n"},
    {"100% of %s", "info  100% of %s\n"},
};

START_TEST(one_event_is_one_line_without_control_bytes)
{
    char out[4096];
    struct capture capture = capture_begin();
    log_info("%s", logged[_i].text);
    capture_end(&capture, out, sizeof(out));
    ck_assert_str_eq(body(out), logged[_i].line);
}
END_TEST

START_TEST(a_long_line_is_cut_and_ended)
{
    char text[5000];
    char out[8192];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    struct capture capture = capture_begin();
    log_error("%s", text);
    log_error("next");
    size_t len = capture_end(&capture, out, sizeof(out));
    char *end = strchr(out, '\n');
    ck_assert_ptr_nonnull(end);
    ck_assert_int_ge(end - out, 1900);
    ck_assert_int_le(end - out, 2048);
    ck_assert_int_eq(end[-1], 'x');
    ck_assert_str_eq(body(end + 1), "error next\n");
    ck_assert_uint_eq(strlen(out), len); /* no NUL was written */
}
END_TEST

START_TEST(levels_are_obeyed)
{
    char out[4096];
    enum log_level level = (enum log_level)_i;
    struct capture capture = capture_begin();
    log_set_level(level);
    log_error("1");
    log_warn("2");
    log_info("3");
    log_debug("4");
    log_set_level(LOG_LEVEL_INFO);
    capture_end(&capture, out, sizeof(out));
    int lines = 0;
    for (const char *at = out; (at = strchr(at, '\n')); at++)
        lines++;
    ck_assert_int_eq(lines, _i + 1);
    ck_assert_int_eq(log_level_parse(log_level_name(level)), _i);
}
END_TEST

START_TEST(unknown_levels_are_refused)
{
    static const char *const texts[] = {"", "INFO", "inf", "infos", "trace"};
    ck_assert_int_eq(log_level_parse(texts[_i]), -1);
}
END_TEST

/* --- mail --- */

enum { POSTERS = 2, LETTERS = 20000 };

struct letter {
    struct mail mail;
    int poster;
    int number;
};

struct office {
    struct ev_loop *loop;
    struct mailbox mailbox;
    pthread_t owner;
    int next[POSTERS];
    int delivered;
    bool in_order;
};

static void deliver(struct mail *mail, void *receiver)
{
    struct letter *letter = list_object(mail, struct letter, mail);
    struct office *office = receiver;
    if (!pthread_equal(pthread_self(), office->owner) ||
        letter->number != office->next[letter->poster]++)
        office->in_order = false;
    office->delivered++;
    free(letter);
    if (office->delivered == POSTERS * LETTERS)
        ev_break(office->loop, EVBREAK_ALL);
}

static void post(struct office *office, int poster, int number)
{
    struct letter *letter = memory_zalloc(sizeof(*letter));
    *letter = (struct letter){.mail = {.deliver = deliver}, .poster = poster, .number = number};
    mailbox_post(&office->mailbox, &letter->mail);
}

struct poster {
    struct office *office;
    int index;
};

static void *post_all(void *context)
{
    struct poster *poster = context;
    for (int i = 0; i < LETTERS; i++)
        post(poster->office, poster->index, i);
    return NULL;
}

static struct office *office_open(void)
{
    struct office *office = memory_zalloc(sizeof(*office));
    office->loop = ev_loop_new(EVFLAG_AUTO);
    office->owner = pthread_self();
    office->in_order = true;
    mailbox_init(&office->mailbox, office->loop, office);
    return office;
}

static void office_close(struct office *office)
{
    mailbox_close(&office->mailbox);
    ev_loop_destroy(office->loop);
    free(office);
}

/* libev runs only as long as somebody keeps it alive: a timer that also ends a test that hangs. */
static void give_up(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)timer;
    (void)events;
    ev_break(loop, EVBREAK_ALL);
}

START_TEST(all_mail_arrives_in_its_posters_order)
{
    struct office *office = office_open();
    struct poster posters[POSTERS];
    pthread_t threads[POSTERS];
    struct ev_timer timer;
    ev_timer_init(&timer, give_up, 20., 0.);
    ev_timer_start(office->loop, &timer);
    for (int i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){office, i};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, post_all, &posters[i]), 0);
    }
    ev_run(office->loop, 0);
    for (int i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    ev_timer_stop(office->loop, &timer);
    ck_assert_int_eq(office->delivered, POSTERS * LETTERS);
    ck_assert(office->in_order);
    office_close(office);
}
END_TEST

START_TEST(waiting_mail_costs_one_wake_up)
{
    struct office *office = office_open();
    for (int i = 0; i < 100; i++)
        post(office, 0, i);
    ck_assert_int_eq(office->delivered, 0); /* never from within post */
    ev_ref(office->loop);
    ev_run(office->loop, EVRUN_ONCE);
    ck_assert_int_eq(office->delivered, 100);
    ev_run(office->loop, EVRUN_NOWAIT);
    ck_assert_int_eq(ev_pending_count(office->loop), 0);
    ev_unref(office->loop);
    ck_assert(office->in_order);
    office_close(office);
}
END_TEST

START_TEST(closing_delivers_what_waits)
{
    struct office *office = office_open();
    post(office, 0, 0);
    post(office, 0, 1);
    mailbox_close(&office->mailbox);
    ck_assert_int_eq(office->delivered, 2);
    ev_loop_destroy(office->loop);
    free(office);
}
END_TEST

START_TEST(a_mailbox_does_not_keep_the_loop_alive)
{
    struct office *office = office_open();
    ev_run(office->loop, 0); /* returns at once, or the test's time runs out */
    office_close(office);
}
END_TEST

/* A mail that is posted on, as an answer: at most one turn of the loop later, never within. */
static void bounce(struct mail *mail, void *receiver)
{
    struct letter *letter = list_object(mail, struct letter, mail);
    struct office *office = receiver;
    if (++letter->number < 3)
        mailbox_post(&office->mailbox, mail);
    else
        office->delivered = letter->number;
}

START_TEST(a_mail_may_be_posted_again)
{
    struct office *office = office_open();
    struct letter letter = {.mail = {.deliver = bounce}};
    mailbox_post(&office->mailbox, &letter.mail);
    ev_ref(office->loop);
    ev_run(office->loop, EVRUN_ONCE);
    ck_assert_int_eq(letter.number, 1);
    ev_run(office->loop, EVRUN_ONCE);
    ev_run(office->loop, EVRUN_ONCE);
    ev_unref(office->loop);
    ck_assert_int_eq(office->delivered, 3);
    office_close(office);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
    Suite *suite = suite_create("base");
    TCase *tcase = tcase_create("base");
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, a_list_keeps_its_order);
    tcase_add_test(tcase, a_list_moves_as_a_whole);
    tcase_add_test(tcase, a_walk_may_remove_where_it_stands);
    tcase_add_test(tcase, a_buffer_holds_what_was_appended);
    tcase_add_test(tcase, a_buffer_grows_and_keeps_its_bytes);
    tcase_add_test(tcase, spans_are_equal_by_their_bytes);
    tcase_add_test(tcase, copies_of_text_are_terminated);
    tcase_add_test(tcase, a_slab_gives_zeroed_objects_and_keeps_a_few);
    tcase_add_loop_test(tcase, one_event_is_one_line_without_control_bytes, 0, COUNT(logged));
    tcase_add_test(tcase, a_long_line_is_cut_and_ended);
    tcase_add_loop_test(tcase, levels_are_obeyed, 0, 4);
    tcase_add_loop_test(tcase, unknown_levels_are_refused, 0, 5);
    tcase_add_test(tcase, all_mail_arrives_in_its_posters_order);
    tcase_add_test(tcase, waiting_mail_costs_one_wake_up);
    tcase_add_test(tcase, closing_delivers_what_waits);
    tcase_add_test(tcase, a_mailbox_does_not_keep_the_loop_alive);
    tcase_add_test(tcase, a_mail_may_be_posted_again);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
