/* Streams over real sockets and a real loop: what is received, kept, sent later, and given back. */
#include "proxy/net/stream.h"

#include "proxy/base/memory.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* One stream, the other end of its socket, and what its handler heard. */
struct bench {
    struct ev_loop *loop;
    struct stream_pool pool;
    struct stream stream;
    int peer;
    bool receives; /* at STREAM_READABLE: one receive, all is kept in `got` */
    bool closes;   /* at any event */
    struct buf got;
    int readable;
    int drained;
    int failed;
    bool ended;
};

static void on_event(struct stream *stream, enum stream_event event)
{
    struct bench *bench = stream->owner;
    bench->readable += event == STREAM_READABLE;
    bench->drained += event == STREAM_DRAINED;
    bench->failed += event == STREAM_FAILED;
    if (bench->closes || event == STREAM_FAILED) {
        stream_close(stream);
        return;
    }
    if (event != STREAM_READABLE || !bench->receives)
        return;
    ssize_t n = stream_receive(stream);
    if (n == 0)
        bench->ended = true;
    buf_append(&bench->got, stream_data(stream), stream_len(stream));
    stream_consume(stream, stream_len(stream));
    if (bench->ended)
        stream_pause(stream);
}

static struct bench *bench_on(int fd, int peer)
{
    struct bench *bench = memory_zalloc(sizeof(*bench));
    bench->loop = ev_loop_new(EVFLAG_AUTO);
    bench->peer = peer;
    bench->receives = true;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    fcntl(peer, F_SETFL, O_NONBLOCK);
    stream_pool_init(&bench->pool);
    stream_open(&bench->stream, bench->loop, &bench->pool, fd, on_event, bench);
    return bench;
}

static struct bench *bench_open(void)
{
    int fds[2];
    int small = 8192; /* so that little fills the socket */
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    return bench_on(fds[0], fds[1]);
}

/* Every test ends here: a closed stream owes the pool nothing. */
static void bench_close(struct bench *bench)
{
    stream_close(&bench->stream);
    stream_close(&bench->stream); /* harmless */
    ck_assert(!stream_is_open(&bench->stream));
    ck_assert_uint_eq(bench->pool.borrowed_bytes, 0);
    stream_pool_close(&bench->pool);
    close(bench->peer);
    buf_free(&bench->got);
    ev_loop_destroy(bench->loop);
    free(bench);
}

static void turn(struct bench *bench)
{
    ev_run(bench->loop, EVRUN_NOWAIT);
}

static uint8_t byte_at(size_t i)
{
    return (uint8_t)(i * 7 + (i >> 8) * 13 + (i >> 16));
}

/* `len` bytes that tell where they stand. */
static uint8_t *pattern(size_t len)
{
    uint8_t *bytes = memory_zalloc(len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = byte_at(i);
    return bytes;
}

static void check_pattern(const struct buf *buf, size_t len)
{
    ck_assert_uint_eq(buf->len, len);
    for (size_t i = 0; i < len; i++)
        if (buf->data[i] != byte_at(i))
            ck_abort_msg("byte %zu is wrong", i);
}

/* Reads at most `max` bytes of what the stream has sent. */
static size_t peer_read(struct bench *bench, struct buf *into, size_t max)
{
    size_t total = 0;
    while (total < max) {
        size_t room = max - total < 3000 ? max - total : 3000;
        ssize_t n = read(bench->peer, buf_reserve(into, room), room);
        if (n <= 0)
            break;
        into->len += (size_t)n;
        total += (size_t)n;
    }
    return total;
}

/* --- in --- */

START_TEST(bytes_arrive_and_the_buffer_goes_back)
{
    struct bench *bench = bench_open();
    ck_assert_uint_eq(bench->pool.borrowed_bytes, 0);
    ck_assert_int_eq(write(bench->peer, "hello", 5), 5);
    turn(bench);
    ck_assert_int_eq(bench->readable, 1);
    ck_assert(span_equal(buf_span(&bench->got), span_text("hello")));
    ck_assert_uint_eq(bench->pool.borrowed_bytes, 0);
    turn(bench);
    ck_assert_int_eq(bench->readable, 1);
    ck_assert_int_eq(stream_receive(&bench->stream), -EAGAIN);
    ck_assert_int_eq(bench->stream.error, 0);
    ck_assert_uint_eq(bench->pool.borrowed_bytes, 0); /* not even after a receive in vain */
    ck_assert_ptr_null(stream_data(&bench->stream));
    ck_assert_uint_eq(stream_len(&bench->stream), 0);
    bench_close(bench);
}
END_TEST

START_TEST(what_is_not_consumed_stays)
{
    struct bench *bench = bench_open();
    bench->receives = false;
    ck_assert_int_eq(write(bench->peer, "abcdef", 6), 6);
    ck_assert_int_eq(stream_receive(&bench->stream), 6);
    stream_consume(&bench->stream, 2);
    ck_assert_uint_eq(bench->pool.borrowed_bytes, STREAM_SMALL_BYTES);
    ck_assert_int_eq(write(bench->peer, "gh", 2), 2);
    ck_assert_int_eq(stream_receive(&bench->stream), 2);
    ck_assert(span_equal(span_of(stream_data(&bench->stream), stream_len(&bench->stream)),
                         span_text("cdefgh")));
    ck_assert_int_eq(stream_receive(&bench->stream), -EAGAIN);
    ck_assert_uint_eq(stream_len(&bench->stream), 6);
    stream_consume(&bench->stream, 6);
    ck_assert_uint_eq(bench->pool.borrowed_bytes, 0);
    stream_consume(&bench->stream, 0);
    bench_close(bench);
}
END_TEST

START_TEST(a_full_buffer_makes_room_or_says_so)
{
    struct bench *bench = bench_open();
    uint8_t *bytes = pattern(STREAM_SMALL_BYTES + 1000);
    bench->receives = false;
    ck_assert_int_eq(write(bench->peer, bytes, STREAM_SMALL_BYTES + 1000),
                     STREAM_SMALL_BYTES + 1000);
    ck_assert_int_eq(stream_receive(&bench->stream), STREAM_SMALL_BYTES);
    ck_assert_int_eq(stream_receive(&bench->stream), -ENOBUFS);
    ck_assert_uint_eq(stream_len(&bench->stream), STREAM_SMALL_BYTES);
    stream_consume(&bench->stream, 400);
    ck_assert_int_eq(stream_receive(&bench->stream), 400);
    buf_append(&bench->got, bytes, 400);
    buf_append(&bench->got, stream_data(&bench->stream), stream_len(&bench->stream));
    check_pattern(&bench->got, STREAM_SMALL_BYTES + 400);
    free(bytes);
    bench_close(bench);
}
END_TEST

static const struct {
    size_t first;    /* bytes that are there */
    size_t consumed; /* of them */
    size_t want;
    size_t borrowed; /* then */
} wants[] = {
    {0, 0, 1, STREAM_SMALL_BYTES},
    {0, 0, STREAM_SMALL_BYTES, STREAM_SMALL_BYTES},
    {0, 0, STREAM_SMALL_BYTES + 1, STREAM_LARGE_BYTES},
    {0, 0, STREAM_LARGE_BYTES, STREAM_LARGE_BYTES},
    {0, 0, STREAM_LARGE_BYTES + 1, STREAM_LARGE_BYTES + 1},
    {0, 0, 1 << 20, 1 << 20},
    {100, 0, 10, STREAM_SMALL_BYTES},
    {100, 50, STREAM_SMALL_BYTES, STREAM_SMALL_BYTES},
    {STREAM_SMALL_BYTES, 1, STREAM_SMALL_BYTES, STREAM_SMALL_BYTES},
    {STREAM_SMALL_BYTES, 0, STREAM_SMALL_BYTES + 1, STREAM_LARGE_BYTES},
    {STREAM_SMALL_BYTES, 9000, 1 << 20, 1 << 20},
};

/* After stream_want(len), len bytes fit in one piece, and none of those there is lost. */
START_TEST(a_wanted_length_fits_in_one_piece)
{
    struct bench *bench = bench_open();
    size_t want = wants[_i].want;
    uint8_t *bytes = pattern(wants[_i].first + wants[_i].consumed + want);
    bench->receives = false;
    if (wants[_i].first) {
        ck_assert_int_eq(write(bench->peer, bytes, wants[_i].first), wants[_i].first);
        ck_assert_int_eq(stream_receive(&bench->stream), wants[_i].first);
        stream_consume(&bench->stream, wants[_i].consumed);
    }
    stream_want(&bench->stream, want);
    ck_assert_uint_eq(bench->pool.borrowed_bytes, wants[_i].borrowed);
    size_t sent = wants[_i].first;
    while (stream_len(&bench->stream) < want) {
        ssize_t n = write(bench->peer, bytes + sent, wants[_i].consumed + want - sent);
        sent += n > 0 ? (size_t)n : 0;
        ck_assert_int_gt(stream_receive(&bench->stream), 0);
    }
    buf_append(&bench->got, bytes, wants[_i].consumed);
    buf_append(&bench->got, stream_data(&bench->stream), want);
    check_pattern(&bench->got, wants[_i].consumed + want);
    stream_consume(&bench->stream, stream_len(&bench->stream));
    ck_assert_uint_eq(bench->pool.borrowed_bytes, 0);
    free(bytes);
    bench_close(bench);
}
END_TEST

START_TEST(a_fast_peer_gets_a_large_buffer_a_slow_one_a_small)
{
    struct bench *bench = bench_open();
    uint8_t *bytes = pattern(2 * STREAM_SMALL_BYTES);
    bench->receives = false;
    ck_assert_int_eq(write(bench->peer, bytes, 2 * STREAM_SMALL_BYTES), 2 * STREAM_SMALL_BYTES);
    ck_assert_int_eq(stream_receive(&bench->stream), STREAM_SMALL_BYTES);
    stream_consume(&bench->stream, STREAM_SMALL_BYTES);
    ck_assert_int_eq(stream_receive(&bench->stream), STREAM_SMALL_BYTES);
    ck_assert_uint_eq(bench->pool.borrowed_bytes, STREAM_LARGE_BYTES);
    stream_consume(&bench->stream, STREAM_SMALL_BYTES);
    ck_assert_int_eq(write(bench->peer, bytes, 1), 1);
    ck_assert_int_eq(stream_receive(&bench->stream), 1);
    ck_assert_uint_eq(bench->pool.borrowed_bytes, STREAM_SMALL_BYTES);
    stream_consume(&bench->stream, 1);
    free(bytes);
    bench_close(bench);
}
END_TEST

START_TEST(a_paused_stream_is_not_read)
{
    struct bench *bench = bench_open();
    stream_pause(&bench->stream);
    stream_pause(&bench->stream);
    ck_assert_int_eq(write(bench->peer, "late", 4), 4);
    turn(bench);
    turn(bench);
    ck_assert_int_eq(bench->readable, 0);
    ck_assert(!ev_is_active(&bench->stream.watcher)); /* the loop would spin */
    stream_resume(&bench->stream);
    turn(bench);
    ck_assert_int_eq(bench->readable, 1);
    ck_assert(span_equal(buf_span(&bench->got), span_text("late")));
    bench_close(bench);
}
END_TEST

START_TEST(the_end_is_told_and_owes_nothing)
{
    struct bench *bench = bench_open();
    ck_assert_int_eq(write(bench->peer, "bye", 3), 3);
    shutdown(bench->peer, SHUT_WR);
    turn(bench);
    turn(bench);
    ck_assert(bench->ended);
    ck_assert(span_equal(buf_span(&bench->got), span_text("bye")));
    ck_assert_int_eq(bench->stream.error, 0);
    ck_assert_uint_eq(bench->pool.borrowed_bytes, 0);
    /* The other half still works. */
    struct buf sent = {0};
    ck_assert_int_eq(stream_write_span(&bench->stream, span_text("answer")), 0);
    ck_assert_uint_eq(peer_read(bench, &sent, 100), 6);
    buf_free(&sent);
    bench_close(bench);
}
END_TEST

/* A TCP connection to itself: `reset` by SO_LINGER 0. */
static void tcp_pair(int fds[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    getsockname(listener, (struct sockaddr *)&address, &len);
    fds[1] = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fds[1], (struct sockaddr *)&address, len), 0);
    fds[0] = accept(listener, NULL, NULL);
    ck_assert_int_ge(fds[0], 0);
    close(listener);
}

static void reset_peer(struct bench *bench)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    setsockopt(bench->peer, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(bench->peer);
    bench->peer = open("/dev/null", O_RDONLY);
}

START_TEST(a_reset_is_an_error_of_the_receive)
{
    int fds[2];
    tcp_pair(fds);
    struct bench *bench = bench_on(fds[0], fds[1]);
    bench->receives = false;
    reset_peer(bench);
    turn(bench);
    ck_assert_int_eq(bench->readable, 1);
    ck_assert_int_eq(stream_receive(&bench->stream), -ECONNRESET);
    ck_assert_int_eq(bench->stream.error, -ECONNRESET);
    ck_assert_uint_eq(bench->pool.borrowed_bytes, 0);
    ck_assert_int_lt(stream_write_span(&bench->stream, span_text("x")), 0);
    bench_close(bench);
}
END_TEST

START_TEST(sockets_are_set_up)
{
    int fds[2];
    int value = 0;
    socklen_t len = sizeof(value);
    tcp_pair(fds);
    struct bench *bench = bench_on(fds[0], fds[1]);
    stream_set_options(fds[0]);
    getsockopt(fds[0], SOL_SOCKET, SO_KEEPALIVE, &value, &len);
    ck_assert_int_ne(value, 0);
    bench_close(bench);
}
END_TEST

/* --- out --- */

START_TEST(what_fits_is_sent_at_once)
{
    struct bench *bench = bench_open();
    struct buf sent = {0};
    struct iovec parts[3] = {{(void *)"one ", 4}, {NULL, 0}, {(void *)"two", 3}};
    ck_assert_int_eq(stream_write(&bench->stream, parts, 3), 0);
    ck_assert_int_eq(stream_write(&bench->stream, parts + 1, 1), 0); /* nothing at all */
    ck_assert_int_eq(stream_write_span(&bench->stream, span_text(".")), 0);
    ck_assert(!stream_blocked(&bench->stream));
    peer_read(bench, &sent, 100);
    ck_assert(span_equal(buf_span(&sent), span_text("one two.")));
    turn(bench);
    ck_assert_int_eq(bench->drained, 0); /* it was never blocked */
    buf_free(&sent);
    bench_close(bench);
}
END_TEST

static const size_t steps[] = {1000, 4096, 10000, 1 << 20};

/* A peer that reads slowly: all arrives in the order of the calls, DRAINED comes once at the end.
 */
START_TEST(the_rest_is_kept_and_sent_in_order)
{
    enum { TOTAL = 600000, CALLS = 20, PARTS = 3, EACH = TOTAL / CALLS / PARTS };
    struct bench *bench = bench_open();
    struct buf sent = {0};
    uint8_t *bytes = pattern(TOTAL);
    for (int call = 0; call < CALLS; call++) {
        struct iovec parts[PARTS];
        for (int i = 0; i < PARTS; i++)
            parts[i] = (struct iovec){bytes + (call * PARTS + i) * EACH, EACH};
        ck_assert_int_eq(stream_write(&bench->stream, parts, PARTS), 0);
        memset(bytes + call * PARTS * EACH, 0, PARTS * EACH); /* a copy was kept */
        if (call == CALLS / 2) {
            ck_assert(stream_blocked(&bench->stream));
            peer_read(bench, &sent, 20000); /* there is room, but others wait for it */
        }
    }
    ck_assert(stream_blocked(&bench->stream));
    ck_assert_int_eq(bench->drained, 0);
    for (int i = 0; i < 10000 && sent.len < TOTAL; i++) {
        peer_read(bench, &sent, steps[_i]);
        ck_assert(!bench->drained || !stream_blocked(&bench->stream));
        turn(bench);
    }
    check_pattern(&sent, TOTAL);
    ck_assert_int_eq(bench->drained, 1);
    ck_assert(!stream_blocked(&bench->stream));
    ck_assert_ptr_null(bench->stream.out.data); /* memory for it is given back */
    turn(bench);
    ck_assert_int_eq(bench->drained, 1);
    ck_assert_int_eq(stream_write_span(&bench->stream, span_text("more")), 0);
    ck_assert_uint_eq(peer_read(bench, &sent, 100), 4);
    free(bytes);
    buf_free(&sent);
    bench_close(bench);
}
END_TEST

/* Fills the socket until something is kept. */
static void block(struct bench *bench)
{
    uint8_t *bytes = pattern(300000);
    ck_assert_int_eq(stream_write_span(&bench->stream, span_of(bytes, 300000)), 0);
    ck_assert(stream_blocked(&bench->stream));
    free(bytes);
}

START_TEST(a_paused_stream_still_sends)
{
    struct bench *bench = bench_open();
    struct buf sent = {0};
    stream_pause(&bench->stream);
    block(bench);
    ck_assert_int_eq(write(bench->peer, "x", 1), 1);
    for (int i = 0; i < 1000 && !bench->drained; i++) {
        peer_read(bench, &sent, 20000);
        turn(bench);
    }
    ck_assert_int_eq(bench->drained, 1);
    ck_assert_int_eq(bench->readable, 0);
    peer_read(bench, &sent, 300000);
    check_pattern(&sent, 300000);
    stream_resume(&bench->stream);
    turn(bench);
    ck_assert_int_eq(bench->readable, 1);
    buf_free(&sent);
    bench_close(bench);
}
END_TEST

START_TEST(a_blocked_stream_still_receives)
{
    struct bench *bench = bench_open();
    block(bench);
    ck_assert_int_eq(write(bench->peer, "x", 1), 1);
    turn(bench);
    ck_assert(span_equal(buf_span(&bench->got), span_text("x")));
    bench_close(bench);
}
END_TEST

START_TEST(a_peer_that_goes_is_told_while_output_waits)
{
    int fds[2];
    tcp_pair(fds);
    struct bench *bench = bench_on(fds[0], fds[1]);
    uint8_t *bytes = pattern(16 << 20);
    stream_pause(&bench->stream);
    ck_assert_int_eq(stream_write_span(&bench->stream, span_of(bytes, 16 << 20)), 0);
    ck_assert(stream_blocked(&bench->stream));
    reset_peer(bench);
    turn(bench);
    ck_assert_int_eq(bench->failed, 1);
    ck_assert_int_eq(bench->drained, 0);
    ck_assert_int_lt(bench->stream.error, 0);
    ck_assert(!stream_is_open(&bench->stream)); /* the handler closed it */
    free(bytes);
    bench_close(bench);
}
END_TEST

START_TEST(a_write_to_nobody_is_an_error_without_a_signal)
{
    struct bench *bench = bench_open();
    shutdown(bench->peer, SHUT_RD);
    close(bench->peer);
    bench->peer = open("/dev/null", O_RDONLY);
    ck_assert_int_eq(stream_write_span(&bench->stream, span_text("x")), -EPIPE);
    ck_assert_int_eq(bench->stream.error, -EPIPE);
    ck_assert(!stream_blocked(&bench->stream));
    struct iovec parts[2] = {{(void *)"x", 1}, {(void *)"y", 1}};
    ck_assert_int_eq(stream_write(&bench->stream, parts, 2), -EPIPE);
    bench_close(bench);
}
END_TEST

/* Both directions are ready in one turn of the loop, and the first call closes the stream. */
START_TEST(a_stream_closed_at_drained_is_not_read)
{
    struct bench *bench = bench_open();
    struct buf sent = {0};
    uint8_t *bytes = pattern(1000);
    while (!stream_blocked(&bench->stream))
        ck_assert_int_eq(stream_write_span(&bench->stream, span_of(bytes, 1000)), 0);
    bench->closes = true;
    ck_assert_int_eq(write(bench->peer, "x", 1), 1);
    peer_read(bench, &sent, SIZE_MAX);
    turn(bench);
    ck_assert_int_eq(bench->drained, 1);
    ck_assert_int_eq(bench->readable, 0);
    ck_assert(!stream_is_open(&bench->stream));
    free(bytes);
    buf_free(&sent);
    bench_close(bench);
}
END_TEST

START_TEST(closing_gives_back_what_is_under_way)
{
    struct bench *bench = bench_open();
    bench->receives = false;
    block(bench);
    ck_assert_int_eq(write(bench->peer, "abc", 3), 3);
    ck_assert_int_eq(stream_receive(&bench->stream), 3);
    ck_assert_uint_eq(bench->pool.borrowed_bytes, STREAM_SMALL_BYTES);
    bench_close(bench);
}
END_TEST

/* --- the pool --- */

START_TEST(buffers_are_used_again_and_not_all_kept)
{
    enum { STREAMS = 300 };
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    struct stream_pool pool;
    struct stream *streams = memory_zalloc(STREAMS * sizeof(struct stream));
    stream_pool_init(&pool);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < STREAMS; i++) {
            stream_open(&streams[i], loop, &pool, open("/dev/null", O_RDONLY | O_NONBLOCK),
                        on_event, NULL);
            stream_want(&streams[i], i % 2 ? 1 : STREAM_LARGE_BYTES);
        }
        ck_assert_uint_eq(pool.borrowed_bytes,
                          STREAMS / 2 * (STREAM_SMALL_BYTES + STREAM_LARGE_BYTES));
        ck_assert_uint_eq(pool.small_count, 0);
        for (int i = 0; i < STREAMS; i++)
            stream_close(&streams[i]);
        ck_assert_uint_eq(pool.borrowed_bytes, 0);
        ck_assert_uint_eq(pool.small_count, STREAMS / 2);
        ck_assert_uint_eq(pool.large_count, 16);
    }
    stream_pool_close(&pool);
    free(streams);
    ev_loop_destroy(loop);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream");
    TCase *tcase = tcase_create("stream");
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 20);
    tcase_add_test(tcase, bytes_arrive_and_the_buffer_goes_back);
    tcase_add_test(tcase, what_is_not_consumed_stays);
    tcase_add_test(tcase, a_full_buffer_makes_room_or_says_so);
    tcase_add_loop_test(tcase, a_wanted_length_fits_in_one_piece, 0,
                        (int)(sizeof(wants) / sizeof(wants[0])));
    tcase_add_test(tcase, a_fast_peer_gets_a_large_buffer_a_slow_one_a_small);
    tcase_add_test(tcase, a_paused_stream_is_not_read);
    tcase_add_test(tcase, the_end_is_told_and_owes_nothing);
    tcase_add_test(tcase, a_reset_is_an_error_of_the_receive);
    tcase_add_test(tcase, sockets_are_set_up);
    tcase_add_test(tcase, what_fits_is_sent_at_once);
    tcase_add_loop_test(tcase, the_rest_is_kept_and_sent_in_order, 0,
                        (int)(sizeof(steps) / sizeof(steps[0])));
    tcase_add_test(tcase, a_paused_stream_still_sends);
    tcase_add_test(tcase, a_blocked_stream_still_receives);
    tcase_add_test(tcase, a_peer_that_goes_is_told_while_output_waits);
    tcase_add_test(tcase, a_write_to_nobody_is_an_error_without_a_signal);
    tcase_add_test(tcase, a_stream_closed_at_drained_is_not_read);
    tcase_add_test(tcase, closing_gives_back_what_is_under_way);
    tcase_add_test(tcase, buffers_are_used_again_and_not_all_kept);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
