/* Fuzzes OK packets and the session state block in them: what is understood and built again must be
 * understood the same, and a filtered block must be a valid one with only what was kept. */
#include "proxy/proto/capability.h"
#include "proxy/proto/reply.h"
#include "proxy/proto/session_track.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int block_count(struct span block, size_t *count)
{
    struct track_reader reader;
    struct track_entry entry;
    int rc;
    *count = 0;
    track_open(&reader, block);
    while ((rc = track_next(&reader, &entry)) > 0) {
        assert(entry.name.len + entry.value.len <= entry.raw.len);
        assert(entry.raw.data >= block.data);
        assert(entry.raw.data + entry.raw.len <= block.data + block.len);
        ++*count;
    }
    return rc;
}

struct keeping {
    uint8_t mask;
    size_t kept;
};

static bool keep_some(const struct track_entry *entry, void *context)
{
    struct keeping *keeping = context;
    bool keep = (entry->type + entry->name.len) & keeping->mask;
    keeping->kept += keep;
    return keep;
}

static void block_round(struct span block, uint8_t mask)
{
    struct buf out = {0};
    struct keeping keeping = {.mask = mask};
    size_t count, kept;
    int rc = block_count(block, &count);
    int filtered = track_filter(&out, block, keep_some, &keeping);
    assert(rc == filtered);
    if (rc == 0) {
        rc = block_count(buf_span(&out), &kept);
        assert(rc == 0);
        assert(kept == keeping.kept && kept <= count);
    } else {
        assert(out.len == 0);
    }
    buf_free(&out);
}

static void ok_round(const struct ok_reply *ok, uint64_t capabilities)
{
    struct buf out = {0};
    struct ok_reply again;
    ok_build(&out, 1, ok, capabilities);
    int rc = ok_parse(span_of(out.data + 4, out.len - 4), &again);
    assert(rc == 0);
    assert(again.header == ok->header && again.warnings == ok->warnings);
    assert(!((again.status ^ ok->status) & ~SERVER_SESSION_STATE_CHANGED));
    if (ok->header == 0x00 || (capabilities & CLIENT_DEPRECATE_EOF)) {
        assert(again.affected_rows == ok->affected_rows && again.insert_id == ok->insert_id);
        assert(span_equal(again.info, ok->info));
    }
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint64_t kinds[] = {0, CLIENT_SESSION_TRACK, CLIENT_DEPRECATE_EOF,
                                     CLIENT_SESSION_TRACK | CLIENT_DEPRECATE_EOF};
    if (len < 1)
        return 0;
    struct span payload = span_of(data + 1, len - 1);
    struct ok_reply ok;
    if (ok_parse(payload, &ok) < 0) {
        block_round(payload, data[0]);
        return 0;
    }
    block_round(ok.state, data[0]);
    for (size_t i = 0; i < 4; i++)
        ok_round(&ok, kinds[i]);
    return 0;
}
