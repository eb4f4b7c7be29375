/* KILL by Causeway's connection ids: see kill.h. */
#include "proxy/kill.h"

#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/proto/command.h"
#include "proxy/worker.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum kill_outcome { KILL_DONE, KILL_UNKNOWN, KILL_NOT_OWNER, KILL_SELF };

/* One KILL on its way; owned by the visit that carries it. */
struct kill {
    unsigned origin_worker;
    uint32_t origin_id;
    uint32_t target_id;
    bool query_only;
    enum kill_outcome outcome;
    char user[HANDSHAKE_USER_MAX_BYTES + 1];
    char host[256];
};

static struct session *find(struct worker *worker, uint32_t id)
{
    list_for_each (node, &worker->sessions) {
        struct session *session = list_object(node, struct session, node);
        if (session->id == id)
            return session;
    }
    return NULL;
}

/* --- on the server: a connection of the same account says KILL, and goes --- */

static void errand_ready(struct backend *backend)
{
    uint32_t thread_id = (uint32_t)(uintptr_t)backend->owner;
    struct buf out = {0};
    size_t begin = packet_begin(&out);
    buf_append_u8(&out, COM_QUERY);
    buf_printf(&out, "KILL QUERY %u", thread_id);
    packet_end(&out, begin, 0);
    if (stream_write_span(&backend->stream, buf_span(&out)))
        backend_close(backend, "KILL could not be sent");
    buf_free(&out);
}

static void errand_over(struct backend *backend)
{
    backend_close(backend, "KILL was sent");
}

static const struct backend_events errand_events = {errand_ready, errand_over, errand_over,
                                                    errand_over};

static void kill_on_server(struct worker *worker, const struct session *target)
{
    const struct backend *running = target->running;
    const struct topology_server *server =
        running ? worker_server(worker, (int)running->slot) : NULL;
    if (!server || target->state < SESSION_SEND)
        return;
    struct backend *errand = backend_open(worker, server, target->identity, running->guarded,
                                          &errand_events, (void *)(uintptr_t)running->thread_id);
    if (errand)
        list_append(&worker->errands, &errand->node);
}

/* --- in the worker of the target, and home again --- */

static void answer(struct worker *worker, void *context)
{
    struct kill *kill = context;
    struct session *session = find(worker, kill->origin_id);
    if (session && session->state == SESSION_WAIT_KILL) {
        if (kill->outcome == KILL_DONE)
            session_accept(session);
        else if (kill->outcome == KILL_SELF)
            session_refuse(session, 1317, "70100", "Query execution was interrupted");
        else if (kill->outcome == KILL_UNKNOWN)
            session_refuse(session, 1094, "HY000", "Unknown thread id: %u", kill->target_id);
        else
            session_refuse(session, 1095, "HY000", "You are not owner of thread %u",
                           kill->target_id);
        if (kill->outcome == KILL_SELF)
            session_close(session, "killed by itself");
        session_run(session);
    }
    free(kill);
}

static enum kill_outcome carry_out(struct worker *worker, const struct kill *kill)
{
    struct session *target = find(worker, kill->target_id);
    if (!target || !target->identity)
        return KILL_UNKNOWN;
    if (strcmp(target->identity->account_user, kill->user) != 0 ||
        strcmp(target->identity->account_host, kill->host) != 0)
        return KILL_NOT_OWNER;
    if (target->id == kill->origin_id)
        return kill->query_only ? KILL_DONE : KILL_SELF;
    session_log(target, LOG_LEVEL_INFO, "killed by session %u%s", kill->origin_id,
                kill->query_only ? " (the statement only)" : "");
    target->command.killed = true;
    kill_on_server(worker, target);
    if (!kill->query_only)
        session_close(target, "killed");
    return KILL_DONE;
}

static void visit_target(struct worker *worker, void *context)
{
    struct kill *kill = context;
    kill->outcome = carry_out(worker, kill);
    if (!worker->requests.visit(worker->requests.context, kill->origin_worker, answer, kill))
        free(kill); /* Causeway stops */
}

bool kill_by_id(struct session *session, uint32_t id, bool query_only)
{
    struct worker *worker = session->worker;
    if (id < SESSION_ID_BASE)
        return false;
    struct kill *kill = memory_zalloc(sizeof(*kill));
    kill->origin_worker = worker->index;
    kill->origin_id = session->id;
    kill->target_id = id;
    kill->query_only = query_only;
    snprintf(kill->user, sizeof(kill->user), "%s", session->identity->account_user);
    snprintf(kill->host, sizeof(kill->host), "%s", session->identity->account_host);
    session_enter(session, SESSION_WAIT_KILL);
    unsigned index = (id - SESSION_ID_BASE) >> SESSION_ID_WORKER_SHIFT;
    if (!worker->requests.visit(worker->requests.context, index, visit_target, kill)) {
        kill->outcome = KILL_UNKNOWN;
        worker->requests.visit(worker->requests.context, worker->index, answer, kill);
    }
    return true;
}

/* --- the text --- */

/* Takes the next word, letters and digits, off the front. */
static struct span next_word(struct span *text)
{
    while (text->len && !isalnum(text->data[0]))
        *text = span_of(text->data + 1, text->len - 1);
    size_t len = 0;
    while (len < text->len && isalnum(text->data[len]))
        len++;
    struct span word = span_of(text->data, len);
    *text = span_of(text->data + len, text->len - len);
    return word;
}

static bool is_word(struct span word, const char *text)
{
    return word.len == strlen(text) && strncasecmp((const char *)word.data, text, word.len) == 0;
}

bool kill_from_text(struct session *session, struct span sql)
{
    bool query_only = false;
    struct span word = next_word(&sql);
    if (!is_word(word, "kill"))
        return false;
    for (word = next_word(&sql); word.len && !isdigit(word.data[0]); word = next_word(&sql)) {
        if (is_word(word, "query"))
            query_only = true;
        else if (is_word(word, "user") || is_word(word, "id"))
            return false;
    }
    char digits[11] = {0};
    if (word.len == 0 || word.len >= sizeof(digits))
        return false;
    memcpy(digits, word.data, word.len);
    char *end;
    unsigned long id = strtoul(digits, &end, 10);
    return *end == '\0' && id <= UINT32_MAX && kill_by_id(session, (uint32_t)id, query_only);
}
