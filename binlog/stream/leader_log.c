/* Following the leader's log; the states are drawn in the header. One dump at a time: when it ends,
 * what its end means decides about the next. */
#include "binlog/stream/leader_log.h"

#include "binlog/stream/dump.h"
#include "binlog/stream/log_events.h"
#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    RETRY_FIRST_MS = 100, /* doubles up to .. */
    RETRY_LAST_MS = 5000,
    MISSING_RETRY_MS = 5000, /* somebody may grant the right */
    SETTLED_MS = 10000,      /* a stream that lasted so long begins with RETRY_FIRST_MS again */
    HEARTBEAT_MS = 1000,
    PACE_MS = 1,
    POSITION_TEXT_MAX = GTID_DOMAINS_MAX * GTID_TEXT_MAX,
    DERIVED_ID_FIRST = 0x40000000, /* people number their servers from 1 */
    DERIVED_ID_MASK = 0x3fffffff,
    DERIVE_TRIES = 64,
};

struct leader_log {
    struct ev_loop *loop;
    struct leader_log_settings settings; /* its name and login are owned */
    struct service_login login;
    char seed[160];
    unsigned attempt; /* of deriving a server id */
    struct dump *dump;
    struct ev_timer retry;
    uint32_t retry_ms;
    uint64_t started_ms;
    struct log_events events;
    struct leader_log_view view;
    bool positioned;            /* view.position is where to go on */
    struct gtid_vector history; /* the leader's position when the stream began .. */
    uint64_t server_time_us;    /* .. its wall clock then .. */
    uint64_t asked_us;          /* .. and ours */
    bool accounts_dirty;        /* within a batch */
    bool catalogue_dirty;       /* likewise */
    bool routines_dirty;        /* likewise */
    bool moved;
    char logged[256]; /* what the log has said last, so that it is said once */
};

static void dump_start(struct leader_log *log);

/* --- server ids --- */

uint32_t leader_log_derive_id(const char *seed, unsigned attempt)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (; *seed != '\0'; seed++)
        hash = (hash ^ (uint8_t)*seed) * 16777619u;
    for (unsigned i = 0; i < 4; i++)
        hash = (hash ^ ((attempt >> (8 * i)) & 0xff)) * 16777619u;
    hash ^= hash >> 16; /* its low bits are its best, its high ones its worst */
    return DERIVED_ID_FIRST | (hash & DERIVED_ID_MASK);
}

/* Nobody else's: host, process and time of its start go into it. */
static void seed_make(struct leader_log *log)
{
    char host[64] = "";

    (void)gethostname(host, sizeof(host) - 1);
    snprintf(log->seed, sizeof(log->seed), "%s/%ld/%" PRIu64, host, (long)getpid(), clock_now_us());
}

static void server_id_choose(struct leader_log *log)
{
    if (log->settings.server_id != 0) {
        log->view.server_id = log->settings.server_id;
        return;
    }
    for (int tries = 0; tries < DERIVE_TRIES; tries++) {
        log->view.server_id = leader_log_derive_id(log->seed, log->attempt++);
        if (!log->settings.server_id_taken(log->view.server_id, log->settings.context))
            return;
    }
}

/* --- states --- */

static void state_set(struct leader_log *log, enum leader_log_state state, const char *why)
{
    if (log->view.state == state && strcmp(log->view.why, why) == 0)
        return;
    log->view.state = state;
    snprintf(log->view.why, sizeof(log->view.why), "%s", why);
    log->settings.state_changed(log->settings.context);
}

static void retry_later(struct leader_log *log, uint32_t after_ms)
{
    ev_now_update(log->loop);
    ev_timer_set(&log->retry, (double)after_ms / 1000.0, 0.);
    ev_timer_start(log->loop, &log->retry);
}

static void on_retry(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    dump_start(timer->data);
}

/* Says it once until it is something else, or the log was followed in between. */
static bool said_already(struct leader_log *log, const char *what)
{
    if (strcmp(log->logged, what) == 0)
        return true;
    snprintf(log->logged, sizeof(log->logged), "%s", what);
    return false;
}

/* --- the end of a dump --- */

static void back_off(struct leader_log *log, const char *why)
{
    if (clock_now_ms() - log->started_ms > SETTLED_MS)
        log->retry_ms = RETRY_FIRST_MS;
    if (!said_already(log, why))
        log_warn("server %s: its log can't be followed (%s); tried again, lag is judged by probes "
                 "until then",
                 log->settings.name, why);
    state_set(log, LEADER_LOG_WAITING, why);
    retry_later(log, log->retry_ms);
    log->retry_ms = log->retry_ms * 2 < RETRY_LAST_MS ? log->retry_ms * 2 : RETRY_LAST_MS;
}

/* Without REPLICATION SLAVE, or without a log, everything else goes on. */
static void missing(struct leader_log *log, const struct dump_end *end)
{
    bool denied = end->kind == DUMP_DENIED;

    if (!said_already(log, end->text))
        log_warn("server %s: its log is not followed: %s%s; positions and lag come from probes "
                 "alone",
                 log->settings.name, end->text,
                 denied ? " (the service account needs REPLICATION SLAVE)" : "");
    state_set(log, LEADER_LOG_MISSING, end->text);
    retry_later(log, MISSING_RETRY_MS);
}

/* Somebody has our id. To take it back would end their stream, and so on for ever. */
static void evicted(struct leader_log *log)
{
    char why[96];

    snprintf(why, sizeof(why), "log_server_id %" PRIu32 " is used by somebody else",
             log->view.server_id);
    if (log->settings.server_id != 0) {
        log_error("server %s: %s too; its log is no longer followed, choose another log_server_id "
                  "and reload",
                  log->settings.name, why);
        state_set(log, LEADER_LOG_STOPPED, why);
        return;
    }
    server_id_choose(log);
    log_warn("server %s: another connection follows it with our server id; we go on as %" PRIu32,
             log->settings.name, log->view.server_id);
    state_set(log, LEADER_LOG_WAITING, why);
    retry_later(log, log->retry_ms);
}

static void purged(struct leader_log *log, const char *why)
{
    if (!log->positioned) { /* its own position of a moment ago is not in its log */
        back_off(log, why);
        return;
    }
    log_warn("server %s: our position is not in its log (%s); we go on from where it is now",
             log->settings.name, why);
    log->positioned = false;
    state_set(log, LEADER_LOG_WAITING, why);
    retry_later(log, RETRY_FIRST_MS);
}

static void on_end(const struct dump_end *end, void *context)
{
    struct leader_log *log = context;
    struct dump_end copy = *end;
    char why[256];

    snprintf(why, sizeof(why), "%s", end->text);
    copy.text = why;
    dump_free(log->dump);
    log->dump = NULL;
    switch (copy.kind) {
    case DUMP_DENIED:
    case DUMP_NO_LOG: missing(log, &copy); return;
    case DUMP_EVICTED: evicted(log); return;
    case DUMP_PURGED: purged(log, why); return;
    case DUMP_END_OF_LOG:
    case DUMP_LOST:
    case DUMP_TOO_BIG:
    case DUMP_MALFORMED:
    case DUMP_REFUSED: break;
    }
    back_off(log, why);
}

/* --- events --- */

/* To the second, and never later than now. */
static uint64_t committed_us(const struct leader_log *log, const struct log_transaction *found)
{
    uint64_t logged_us = (uint64_t)found->committed_s * 1000000u;
    uint64_t age_us = log->server_time_us > logged_us ? log->server_time_us - logged_us : 0;

    return age_us < log->asked_us ? log->asked_us - age_us : 0;
}

static void transaction_tell(struct leader_log *log)
{
    const struct log_transaction *found = &log->events.done;
    uint64_t at_us = found->arrived_us;

    if (found->gtid.seq <= gtid_vector_seq(&log->history, found->gtid.domain))
        at_us = committed_us(log, found);
    gtid_vector_raise(&log->view.position, &found->gtid);
    log->view.committed_s = found->committed_s;
    log->view.transactions++;
    log->moved = true;
    log->settings.transaction(&found->gtid, at_us, log->settings.context);
}

static void on_event(const struct dump_event *event, void *context)
{
    struct leader_log *log = context;
    struct binlog_error error;
    int found = log_events_feed(&log->events, event->bytes, event->arrived_us, &error);

    log->view.bytes += event->len;
    if (found < 0) {
        dump_free(log->dump);
        log->dump = NULL;
        back_off(log, error.text);
        return;
    }
    if ((found & LOG_FOUND_TRANSACTION) != 0)
        transaction_tell(log);
    if ((found & LOG_FOUND_ACCOUNTS) != 0)
        log->accounts_dirty = true;
    if ((found & LOG_FOUND_CATALOGUE) != 0)
        log->catalogue_dirty = true;
    if (found & LOG_FOUND_ROUTINES)
        log->routines_dirty = true;
}

/* The first batch shows that the server has accepted us. */
static void followed(struct leader_log *log)
{
    char text[POSITION_TEXT_MAX];

    if (log->view.state == LEADER_LOG_FOLLOWING)
        return;
    gtid_vector_print(&log->view.position, text, sizeof(text));
    log->logged[0] = '\0';
    log_info("server %s: its log is followed from %s as server id %" PRIu32, log->settings.name,
             text[0] != '\0' ? text : "its beginning", log->view.server_id);
    state_set(log, LEADER_LOG_FOLLOWING, "");
}

static void on_batch(void *context)
{
    struct leader_log *log = context;
    bool moved = log->moved;
    bool accounts = log->accounts_dirty;
    bool catalogue = log->catalogue_dirty;
    bool routines = log->routines_dirty;

    log->moved = false;
    log->accounts_dirty = false;
    log->catalogue_dirty = false;
    log->routines_dirty = false;
    followed(log);
    if (moved)
        log->settings.moved(log->settings.context);
    if (accounts)
        log->settings.accounts_changed(log->settings.context);
    if (catalogue)
        log->settings.catalogue_changed(log->settings.context);
    if (routines)
        log->settings.routines_changed(log->settings.context);
}

static void on_started(const struct dump_start *start, void *context)
{
    struct leader_log *log = context;
    struct gtid_vector now = {.count = 0};
    bool known = gtid_vector_parse(start->position, &now) == 0; /* else: too many domains */

    log->history = now;
    log->server_time_us = start->server_time_us;
    log->asked_us = start->asked_us;
    if (log->positioned)
        return;
    log->positioned = known;
    log->view.position = now;
    log->settings.based(&now, start->asked_us, log->settings.context);
}

static void dump_start(struct leader_log *log)
{
    char position[POSITION_TEXT_MAX];
    struct dump_settings settings = {
        .login = &log->login,
        .server_id = log->view.server_id,
        .gtid_position = log->positioned ? position : NULL,
        .heartbeat_ms = HEARTBEAT_MS,
        .pace_ms = PACE_MS,
        .started = on_started,
        .event = on_event,
        .batch = on_batch,
        .ended = on_end,
        .context = log,
    };

    assert(log->dump == NULL);
    gtid_vector_print(&log->view.position, position, sizeof(position));
    log_events_reset(&log->events);
    log->started_ms = clock_now_ms();
    log->view.connects++;
    log->dump = dump_open(log->loop, &settings);
}

/* --- the calls of the header --- */

const char *leader_log_state_name(enum leader_log_state state)
{
    switch (state) {
    case LEADER_LOG_STARTING: return "starting";
    case LEADER_LOG_FOLLOWING: return "followed";
    case LEADER_LOG_WAITING: return "lost";
    case LEADER_LOG_MISSING: return "not available";
    case LEADER_LOG_STOPPED: break;
    }
    return "stopped";
}

struct leader_log *leader_log_start(struct ev_loop *loop,
                                    const struct leader_log_settings *settings)
{
    struct leader_log *log = memory_zalloc(sizeof(*log));

    log->loop = loop;
    log->settings = *settings;
    log->settings.login = NULL;
    log->settings.name = memory_strdup(settings->name);
    service_login_copy(&log->login, settings->login);
    log->retry_ms = RETRY_FIRST_MS;
    log->view.state = LEADER_LOG_STARTING;
    ev_init(&log->retry, on_retry);
    log->retry.data = log;
    log_events_init(&log->events);
    seed_make(log);
    server_id_choose(log);
    dump_start(log);
    return log;
}

void leader_log_view(const struct leader_log *log, struct leader_log_view *view)
{
    *view = log->view;
}

void leader_log_free(struct leader_log *log)
{
    if (log == NULL)
        return;
    ev_timer_stop(log->loop, &log->retry);
    dump_free(log->dump);
    log_events_free(&log->events);
    service_login_clear(&log->login);
    free((char *)log->settings.name);
    free(log);
}
