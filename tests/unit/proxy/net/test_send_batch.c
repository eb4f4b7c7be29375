/* Small writes of several streams, sent together at the end of the loop's round: nothing is lost,
 * nothing overtakes, and what fails is told. */
#include "proxy/net/send_batch.h"
#include "proxy/net/stream.h"

#include "proxy/base/memory.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STREAMS = 300 }; /* more than one batch holds */

struct end {
    struct stream stream;
    int peer;
    int drained;
    int failed;
    struct end *writes_to; /* when it fails */
};

struct bench {
    struct ev_loop *loop;
    struct stream_pool pool;
    unsigned count;
    struct end ends[STREAMS];
};

static void on_event(struct stream *stream, enum stream_event event)
{
    struct end *end = stream->owner;
    end->drained += event == STREAM_DRAINED;
    if (event != STREAM_FAILED)
        return;
    end->failed++;
    if (end->writes_to)
        ck_assert_int_eq(stream_write_span(&end->writes_to->stream, span_text("it failed")), 0);
    stream_close(stream);
}

/* NULL where the kernel forbids io_uring: then there is nothing to try. */
static struct bench *bench_open(unsigned count)
{
    struct bench *bench = memory_zalloc(sizeof(*bench));
    bench->loop = ev_loop_new(EVFLAG_AUTO);
    bench->count = count;
    stream_pool_init(&bench->pool);
    int error = stream_pool_batch(&bench->pool, bench->loop);
    if (error) {
        ck_assert(error == -ENOSYS || error == -EPERM || error == -EACCES);
        fprintf(stderr, "no io_uring here\n");
        ev_loop_destroy(bench->loop);
        free(bench);
        return NULL;
    }
    for (unsigned i = 0; i < count; i++) {
        int fds[2];
        int small = 8192;
        struct end *end = &bench->ends[i];
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
                         0);
        setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
        stream_open(&end->stream, bench->loop, &bench->pool, fds[0], on_event, end);
        end->peer = fds[1];
    }
    return bench;
}

static void bench_close(struct bench *bench)
{
    for (unsigned i = 0; i < bench->count; i++) {
        stream_close(&bench->ends[i].stream);
        close(bench->ends[i].peer);
    }
    stream_pool_close(&bench->pool);
    ev_loop_destroy(bench->loop);
    free(bench);
}

static void turn(struct bench *bench)
{
    ev_run(bench->loop, EVRUN_NOWAIT);
}

static void say(struct end *end, const char *text)
{
    ck_assert_int_eq(stream_write_span(&end->stream, span_text(text)), 0);
}

static void check_heard(const struct end *end, const char *text)
{
    char got[100];
    ssize_t n = read(end->peer, got, sizeof(got));
    ck_assert_int_eq(n, strlen(text));
    ck_assert_int_eq(memcmp(got, text, strlen(text)), 0);
}

static void check_heard_nothing(const struct end *end)
{
    char byte;
    ck_assert_int_eq(read(end->peer, &byte, 1), -1);
    ck_assert_int_eq(errno, EAGAIN);
}

static void leave(struct end *end)
{
    close(end->peer);
    end->peer = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static const unsigned crowds[] = {1, 2, 128, STREAMS};

START_TEST(writes_go_together_at_the_end_of_the_round)
{
    struct bench *bench = bench_open(crowds[_i]);
    if (!bench)
        return;
    for (unsigned i = 0; i < bench->count; i++)
        say(&bench->ends[i], i % 2 ? "odd" : "even");
    check_heard_nothing(&bench->ends[bench->count - 1]);
    turn(bench);
    for (unsigned i = 0; i < bench->count; i++)
        check_heard(&bench->ends[i], i % 2 ? "odd" : "even");
    turn(bench);
    check_heard_nothing(&bench->ends[0]);
    bench_close(bench);
}
END_TEST

START_TEST(what_one_stream_writes_keeps_its_order)
{
    struct bench *bench = bench_open(2);
    if (!bench)
        return;
    struct iovec parts[3] = {{(void *)"two ", 4}, {NULL, 0}, {(void *)"three ", 6}};
    say(&bench->ends[0], "one ");
    ck_assert_int_eq(stream_write(&bench->ends[0].stream, parts, 3), 0);
    say(&bench->ends[1], "another");
    say(&bench->ends[0], "four");
    turn(bench);
    check_heard(&bench->ends[0], "one two three four");
    check_heard(&bench->ends[1], "another");
    bench_close(bench);
}
END_TEST

START_TEST(a_long_write_goes_at_once_behind_the_short_ones)
{
    struct bench *bench = bench_open(2);
    if (!bench)
        return;
    uint8_t *bytes = memory_zalloc(SEND_BATCH_LONGEST + 1);
    char got[4];
    say(&bench->ends[0], "head");
    say(&bench->ends[1], "other");
    ck_assert_int_eq(
        stream_write_span(&bench->ends[0].stream, span_of(bytes, SEND_BATCH_LONGEST + 1)), 0);
    ck_assert_int_eq(read(bench->ends[0].peer, got, 4), 4);
    ck_assert_int_eq(memcmp(got, "head", 4), 0);
    check_heard(&bench->ends[1], "other");
    free(bytes);
    bench_close(bench);
}
END_TEST

/* More than these sockets take. */
START_TEST(what_does_not_fit_is_kept_and_drained)
{
    enum { WRITES = 40, EACH = 1000 };
    struct bench *bench = bench_open(10);
    if (!bench)
        return;
    uint8_t bytes[EACH];
    for (int write = 0; write < WRITES; write++) {
        memset(bytes, 'a' + write % 26, EACH);
        for (unsigned i = 0; i < bench->count; i++)
            ck_assert_int_eq(stream_write_span(&bench->ends[i].stream, span_of(bytes, EACH)), 0);
        turn(bench);
    }
    for (unsigned i = 0; i < bench->count; i++) {
        struct end *end = &bench->ends[i];
        ck_assert(stream_blocked(&end->stream));
        for (int at = 0, rounds = 0; at < WRITES * EACH && rounds < 10000; rounds++) {
            uint8_t got[4096];
            ssize_t n = read(end->peer, got, sizeof(got));
            for (ssize_t k = 0; k < n; k++, at++)
                ck_assert_int_eq(got[k], 'a' + at / EACH % 26);
            turn(bench);
            ck_assert(at == WRITES * EACH || rounds < 9999);
        }
        ck_assert_int_eq(end->drained, 1);
    }
    bench_close(bench);
}
END_TEST

START_TEST(what_nobody_takes_is_told_from_the_loop)
{
    struct bench *bench = bench_open(3);
    if (!bench)
        return;
    struct end *gone = &bench->ends[1];
    gone->writes_to = &bench->ends[2];
    stream_pause(&gone->stream); /* who is not read hears of it as well */
    leave(gone);
    say(&bench->ends[0], "first");
    say(gone, "to nobody");
    say(&bench->ends[2], "last, ");
    ck_assert_int_eq(gone->failed, 0);
    turn(bench);
    ck_assert_int_eq(gone->failed, 1);
    ck_assert(gone->stream.refused);
    ck_assert_int_eq(gone->stream.error, -EPIPE);
    ck_assert(!stream_is_open(&gone->stream));
    turn(bench);
    check_heard(&bench->ends[0], "first");
    check_heard(&bench->ends[2], "last, it failed");
    bench_close(bench);
}
END_TEST

/* Between the failure and its event the stream may be used, paused and read on. */
START_TEST(a_refused_stream_is_told_once_whatever_happens_to_it)
{
    struct bench *bench = bench_open(1);
    if (!bench)
        return;
    struct end *gone = &bench->ends[0];
    leave(gone);
    say(gone, "x");
    send_batch_flush(bench->pool.batch);
    ck_assert(gone->stream.refused);
    ck_assert_int_eq(stream_write_span(&gone->stream, span_text("y")), -EPIPE);
    stream_pause(&gone->stream);
    stream_resume(&gone->stream);
    turn(bench);
    ck_assert_int_eq(gone->failed, 1);
    turn(bench);
    ck_assert_int_eq(gone->failed, 1);
    bench_close(bench);
}
END_TEST

START_TEST(last_words_are_sent_before_a_stream_closes)
{
    struct bench *bench = bench_open(3);
    if (!bench)
        return;
    char byte;
    for (unsigned i = 0; i < 3; i++)
        say(&bench->ends[i], "bye");
    stream_close(&bench->ends[0].stream);
    ck_assert_int_eq(stream_finish(&bench->ends[1].stream), 0);
    for (unsigned i = 0; i < 3; i++)
        check_heard(&bench->ends[i], "bye");
    ck_assert_int_eq(read(bench->ends[0].peer, &byte, 1), 0);
    ck_assert_int_eq(read(bench->ends[1].peer, &byte, 1), 0);
    bench_close(bench);
}
END_TEST

START_TEST(a_pool_that_batches_no_more_sends_at_once)
{
    struct bench *bench = bench_open(2);
    if (!bench)
        return;
    say(&bench->ends[0], "held");
    stream_pool_unbatch(&bench->pool);
    check_heard(&bench->ends[0], "held");
    say(&bench->ends[1], "at once");
    check_heard(&bench->ends[1], "at once");
    bench_close(bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("send_batch");
    TCase *tcase = tcase_create("send_batch");
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, writes_go_together_at_the_end_of_the_round, 0,
                        (int)(sizeof(crowds) / sizeof(crowds[0])));
    tcase_add_test(tcase, what_one_stream_writes_keeps_its_order);
    tcase_add_test(tcase, a_long_write_goes_at_once_behind_the_short_ones);
    tcase_add_test(tcase, what_does_not_fit_is_kept_and_drained);
    tcase_add_test(tcase, what_nobody_takes_is_told_from_the_loop);
    tcase_add_test(tcase, a_refused_stream_is_told_once_whatever_happens_to_it);
    tcase_add_test(tcase, last_words_are_sent_before_a_stream_closes);
    tcase_add_test(tcase, a_pool_that_batches_no_more_sends_at_once);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
