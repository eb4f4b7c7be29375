/* A look into the leader's log at an older position: see log_peek.h. It is asked for with server id
 * 0, as which no follower reads, so that it ends nobody's stream. */
#include "binlog/stream/log_peek.h"

#include "binlog/stream/dump.h"
#include "binlog/stream/log_events.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"

#include <stdlib.h>

enum {
    EVENTS_MAX = 20000, /* a domain that isn't met within them stays unknown */
    TIMEOUT_S = 5,
};

struct log_peek {
    struct ev_loop *loop;
    struct log_peek_settings settings;
    struct dump *dump;
    struct ev_timer deadline;
    struct log_events events;
    struct gtid_vector seen;
    unsigned event_count;
    uint64_t server_time_us;
    uint64_t asked_us;
};

static void peek_end(struct log_peek *peek)
{
    ev_timer_stop(peek->loop, &peek->deadline);
    dump_free(peek->dump);
    peek->dump = NULL;
    peek->settings.ended(peek->settings.context); /* may free it */
}

static void on_started(const struct dump_start *start, void *context)
{
    struct log_peek *peek = context;

    peek->server_time_us = start->server_time_us;
    peek->asked_us = start->asked_us;
}

static void gtid_note(struct log_peek *peek)
{
    const struct log_transaction *found = &peek->events.under_way;
    uint64_t committed_us = (uint64_t)found->committed_s * 1000000u;
    uint64_t age_us = peek->server_time_us > committed_us ? peek->server_time_us - committed_us : 0;

    if (gtid_vector_seq(&peek->seen, found->gtid.domain) > 0)
        return;
    (void)gtid_vector_raise(&peek->seen, &found->gtid);
    peek->settings.found(&found->gtid, age_us < peek->asked_us ? peek->asked_us - age_us : 0,
                         peek->settings.context);
}

static void on_event(const struct dump_event *event, void *context)
{
    struct log_peek *peek = context;
    uint8_t type = event->bytes.data[4];
    struct binlog_error error;

    if (type == EVENT_GTID || type == EVENT_FORMAT_DESCRIPTION) {
        if (log_events_feed(&peek->events, event->bytes, event->arrived_us, &error) < 0) {
            peek_end(peek);
            return;
        }
        if (type == EVENT_GTID)
            gtid_note(peek);
    }
    if (++peek->event_count == EVENTS_MAX || peek->seen.count >= peek->settings.domains)
        peek_end(peek);
}

static void on_dump_end(const struct dump_end *end, void *context)
{
    log_debug("a look into the leader's log has ended: %s", end->text);
    peek_end(context);
}

static void on_deadline(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    peek_end(timer->data);
}

struct log_peek *log_peek_start(struct ev_loop *loop, const struct log_peek_settings *settings)
{
    struct log_peek *peek = memory_zalloc(sizeof(*peek));
    char position[GTID_DOMAINS_MAX * GTID_TEXT_MAX];
    struct dump_settings dump = {
        .login = settings->login,
        .gtid_position = position,
        .stop_at_end = true,
        .started = on_started,
        .event = on_event,
        .ended = on_dump_end,
        .context = peek,
    };

    gtid_vector_print(settings->position, position, sizeof(position));
    peek->loop = loop;
    peek->settings = *settings;
    log_events_init(&peek->events);
    ev_timer_init(&peek->deadline, on_deadline, TIMEOUT_S, 0.);
    peek->deadline.data = peek;
    ev_timer_start(loop, &peek->deadline);
    peek->dump = dump_open(loop, &dump);
    return peek;
}

void log_peek_free(struct log_peek *peek)
{
    if (peek == NULL)
        return;
    ev_timer_stop(peek->loop, &peek->deadline);
    dump_free(peek->dump);
    log_events_free(&peek->events);
    free(peek);
}
