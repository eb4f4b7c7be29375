/* Fuzzes the unpacking of the compressed protocol. The first byte chooses the room for each call's
 * output and how the input is cut: what comes out, and where it ends, must not depend on either,
 * and what is packed again must come out the same. */
#include "proxy/net/compress_codec.h"

#include <assert.h>
#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { ROOM_MAX = 4096, PLAIN_MAX = 1 << 20 };

/* 0: all was taken; 1: a packet lacks its end; -EPROTO. What came out is appended to `plain`. */
static int unpack_all(struct span bytes, size_t step, size_t room, struct buf *plain)
{
    struct unpacker unpacker = {0};
    uint8_t out[ROOM_MAX];
    size_t given = 0;
    size_t taken = 0;
    ssize_t n = 0;
    while (n >= 0 && plain->len < PLAIN_MAX) {
        struct span input = span_of(bytes.data + taken, given - taken);
        bool began = false;
        uint8_t number;
        size_t had = input.len;
        n = compress_unpack(&unpacker, &input, out, room, &began, &number);
        assert(n <= (ssize_t)room && input.len <= had);
        taken += had - input.len;
        if (n > 0)
            buf_append(plain, out, (size_t)n);
        if (n != 0 || began || input.len < had)
            continue;
        if (given == bytes.len)
            break;
        given = bytes.len - given < step ? bytes.len : given + step;
    }
    assert(n >= 0 || (n == -EPROTO && unpacker.reason));
    bool open = unpacker.open;
    unpacker_close(&unpacker);
    return n < 0 ? -EPROTO : open;
}

static void check_packed_again(struct span plain)
{
    if (plain.len == 0)
        return;
    struct buf packed = {0};
    struct buf again = {0};
    z_stream *deflater = deflater_new();
    compress_pack(deflater, &packed, 3, plain);
    int error = unpack_all(buf_span(&packed), 7, ROOM_MAX, &again);
    assert(!error && span_equal(buf_span(&again), plain));
    deflater_free(deflater);
    buf_free(&packed);
    buf_free(&again);
}

static void check_walk(struct span plain, size_t step)
{
    struct packet_walk walk = {0};
    for (size_t at = 0; at < plain.len;) {
        size_t left = plain.len - at < step ? plain.len - at : step;
        size_t walked = 0;
        ssize_t number_at = packet_walk_next(&walk, plain.data + at, left, &walked);
        assert(walked <= left && walked > 0 && number_at < (ssize_t)walked);
        at += walked;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 1)
        return 0;
    static const size_t rooms[] = {1, 3, 64, ROOM_MAX};
    struct span bytes = span_of(data + 1, len - 1);
    struct buf whole = {0};
    struct buf cut = {0};
    int error = unpack_all(bytes, SIZE_MAX, ROOM_MAX, &whole);
    int cut_error = unpack_all(bytes, 1 + (data[0] >> 2), rooms[data[0] & 3], &cut);
    /* Of a packet without an end more or less may have come out, mistakes in it, too. */
    size_t common = whole.len < cut.len ? whole.len : cut.len;
    assert(common == 0 || memcmp(whole.data, cut.data, common) == 0);
    if (whole.len < PLAIN_MAX && cut.len < PLAIN_MAX) {
        assert((error == 0) == (cut_error == 0));
        assert(error || whole.len == cut.len);
    }
    check_walk(buf_span(&whole), 1 + (data[0] >> 2));
    if (error == 0)
        check_packed_again(buf_span(&whole));
    buf_free(&whole);
    buf_free(&cut);
    return 0;
}
