/* See attributes.h. */
#include "proxy/attributes.h"

#include "proxy/proto/handshake.h"

static void add(struct buf *out, const char *key, struct span value)
{
    write_lenenc_span(out, span_text(key));
    write_lenenc_span(out, value);
}

void attributes_build(struct buf *out, struct span client, uint32_t session_id, const char *peer)
{
    struct reader reader = reader_of(client);
    struct span key;
    struct span value;
    struct buf id = {0};
    buf_printf(&id, "%u", session_id);
    add(out, "_causeway_session", buf_span(&id));
    add(out, "_causeway_client", span_text(peer));
    buf_free(&id);
    size_t most = out->len + ATTRIBUTES_CLIENT_MAX_BYTES;
    while (attribute_next(&reader, &key, &value) > 0) {
        size_t before = out->len;
        write_lenenc_span(out, key);
        write_lenenc_span(out, value);
        if (out->len > most) {
            out->len = before;
            return;
        }
    }
}

void attributes_build_pooled(struct buf *out)
{
    add(out, "_causeway_pooled", span_text("yes"));
}
