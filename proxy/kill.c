/* See kill.h. */
#include "proxy/kill.h"

#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/errand.h"
#include "proxy/lend.h"
#include "proxy/proto/command.h"
#include "proxy/proto/execute.h"
#include "proxy/worker.h"
#include "router/kill_words.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ER_SPECIFIC_ACCESS_DENIED = 1227,
    ER_QUERY_INTERRUPTED = 1317,
    ER_CONNECTION_KILLED = 1927,
};

enum kill_outcome { KILL_UNKNOWN, KILL_DONE, KILL_NOT_OWNER };

/* One KILL on its way; owned by the visit that carries it, or by its errands. */
struct kill {
    unsigned origin_worker;
    uint32_t origin_id;
    struct kill_words words;
    bool right;       /* it may kill sessions of other users */
    bool all;         /* it visits all workers, not just one */
    unsigned worker;  /* the one it visits */
    unsigned errands; /* not answered yet */
    enum kill_outcome outcome;
    char killer[KILL_USER_MAX_BYTES + 1]; /* user */
    char trouble[160];
};

/* False: there is no worker with that index. */
static bool visit(struct worker *from, struct kill *kill, unsigned index,
                  void (*what)(struct worker *worker, void *context))
{
    return from->requests.visit(from->requests.context, index, what, kill);
}

/* --- the killed statement --- */

/* The server has it, and has not answered to the end. */
static bool at_server(const struct session *session)
{
    const struct command *command = &session->command;
    switch (session->state) {
    case SESSION_SEND_REST:
    case SESSION_RELAY:
    case SESSION_INFILE: return session->running != NULL;
    case SESSION_WAIT_PRELUDE:
        /* Of what goes ahead only PREPARE takes time, and is refused alone. */
        return command->prelude_prepares && command->prelude_due == 1 && !command->prelude_asks;
    default: return false;
    }
}

static void send_errand(struct worker *worker, struct kill *kill, struct session *target)
{
    const struct backend *running = target->running;
    const struct topology_server *server = worker_server(worker, (int)running->slot);
    if (!server)
        return;
    const struct errand_order order = {
        .server = server,
        .identity = target->identity,
        .thread_id = running->thread_id,
        .soft = kill->words.soft,
        .query_only = kill->words.query_only,
        .kill = kill,
        .target_id = target->id,
    };
    kill->errands++;
    target->errands_due++;
    errand_send(worker, &order);
}

static void kill_statement(struct worker *worker, struct kill *kill, struct session *target)
{
    if (target->command.code == COM_CONNECT)
        return;
    switch (target->state) {
    case SESSION_WAIT_BOUND:
    case SESSION_WAIT_SHOWN:
    case SESSION_WAIT_POSITION:
    case SESSION_WAIT_LEADER:
    case SESSION_WAIT_PLACE:
        target->command.killed = true;
        bound_forget(&target->bound_waiter);
        lend_cancel(target);
        session_wake(target, SESSION_ROUTE);
        break;
    case SESSION_ATTACH:
    case SESSION_WAIT_SERVER:
    case SESSION_PRELUDE:
    case SESSION_WAIT_PRELUDE:
    case SESSION_SEND_REST:
    case SESSION_RELAY:
    case SESSION_INFILE:
        target->command.killed = true;
        if (at_server(target))
            send_errand(worker, kill, target);
        break;
    default: break; /* nothing runs */
    }
}

static void kill_session(struct worker *worker, struct kill *kill, struct session *target)
{
    if (at_server(target))
        send_errand(worker, kill, target);
    session_close(target, "killed");
}

enum step kill_refused(struct session *session)
{
    return session_refuse(session, ER_QUERY_INTERRUPTED, "70100",
                          "Query execution was interrupted");
}

/* --- in the workers of the targets --- */

static struct session *find(struct worker *worker, uint32_t id)
{
    list_for_each (node, &worker->sessions) {
        struct session *session = list_object(node, struct session, node);
        if (session->id == id)
            return session;
    }
    return NULL;
}

/* The id is that of its connection to the leader. */
static bool has_server_id(const struct session *session, uint64_t id)
{
    const struct backend *leader = session->leader;
    const struct topology *topology = session->worker->topology;
    return leader && leader->thread_id == id && topology->leader >= 0 &&
           topology->servers[topology->leader].slot == leader->slot;
}

static bool is_meant(const struct kill *kill, const struct session *session)
{
    const struct kill_words *words = &kill->words;
    if (!session->identity)
        return false;
    if (words->whom == KILL_USER)
        return session->id != kill->origin_id &&
               strcmp(session->identity->user, words->user) == 0 &&
               (strcmp(words->host, "%") == 0 || strcmp(words->host, session->peer) == 0);
    return words->id >= SESSION_ID_BASE ? session->id == words->id
                                        : has_server_id(session, words->id);
}

static void carry_out(struct worker *worker, struct kill *kill, struct session *target)
{
    const struct kill_words *words = &kill->words;
    if (!kill->right && strcmp(target->identity->user, kill->killer) != 0) {
        kill->outcome = KILL_NOT_OWNER;
        return;
    }
    kill->outcome = KILL_DONE;
    session_log(target, LOG_LEVEL_INFO, "killed by session %u%s", kill->origin_id,
                words->query_only ? " (the statement only)" : "");
    /* A server's id means what runs on that connection. */
    bool elsewhere = words->whom == KILL_ID && words->id < SESSION_ID_BASE &&
                     (target->running != target->leader || !at_server(target));
    if (!words->query_only)
        kill_session(worker, kill, target);
    else if (!elsewhere)
        kill_statement(worker, kill, target);
}

static void go_home(struct worker *worker, void *context);

static void visit_targets(struct worker *worker, void *context);

/* Its errands in this worker are answered: on to the next worker, or home. */
static void go_on(struct worker *worker, struct kill *kill)
{
    bool more = kill->all && (kill->outcome == KILL_UNKNOWN || kill->words.whom == KILL_USER);
    kill->worker++;
    if (more && visit(worker, kill, kill->worker, visit_targets))
        return;
    if (!visit(worker, kill, kill->origin_worker, go_home))
        free(kill); /* Causeway stops */
}

static void visit_targets(struct worker *worker, void *context)
{
    struct kill *kill = context;
    kill->errands = 1; /* none is answered before all are sent */
    list_for_each_safe (node, &worker->sessions) {
        struct session *session = list_object(node, struct session, node);
        if (is_meant(kill, session))
            carry_out(worker, kill, session);
    }
    kill->errands--;
    if (kill->errands == 0)
        go_on(worker, kill);
}

void errand_done(struct worker *worker, struct kill *kill, uint32_t target_id, const char *trouble)
{
    if (*trouble) {
        log_warn("KILL of session %u could not be passed to its server: %s", target_id, trouble);
        snprintf(kill->trouble, sizeof(kill->trouble), "%s", trouble);
    }
    kill->errands--;
    bool over = kill->errands == 0;
    struct session *target = find(worker, target_id);
    if (target && target->errands_due > 0 && --target->errands_due == 0 &&
        target->state == SESSION_WAIT_ERRAND) {
        session_finish_command(target);
        session_run(target);
    }
    if (over)
        go_on(worker, kill);
}

void kill_forget(struct kill *kill)
{
    if (--kill->errands == 0)
        free(kill);
}

/* --- home again --- */

static void pass_to_leader(struct session *session)
{
    session->command.to_leader = true;
    session_enter(session, SESSION_ROUTE);
}

static void ask_right(struct session *session)
{
    session->command.asks_right = true;
    pass_to_leader(session);
}

static void answer(struct session *session, const struct kill *kill)
{
    const struct kill_words *words = &kill->words;
    if (kill->trouble[0]) {
        session_refuse(session, 1105, "HY000", "Causeway could not pass the KILL to the server: %s",
                       kill->trouble);
    } else if (words->whom == KILL_USER) {
        session->command.kills_itself =
            !words->query_only && strcmp(words->user, kill->killer) == 0 &&
            (strcmp(words->host, "%") == 0 || strcmp(words->host, session->peer) == 0);
        pass_to_leader(session); /* connections of that user that are not Causeway's */
    } else if (kill->outcome == KILL_DONE) {
        session_accept(session);
    } else if (kill->outcome == KILL_NOT_OWNER) {
        ask_right(session);
    } else if (words->id < SESSION_ID_BASE) {
        pass_to_leader(session);
    } else {
        session_refuse(session, 1094, "HY000", "Unknown thread id: %" PRIu64, words->id);
    }
}

static void go_home(struct worker *worker, void *context)
{
    struct kill *kill = context;
    struct session *session = find(worker, kill->origin_id);
    if (session && session->state == SESSION_WAIT_KILL) {
        answer(session, kill);
        session_run(session);
    }
    free(kill);
}

/* --- the killer --- */

static bool start(struct session *session, const struct kill_words *words)
{
    struct worker *worker = session->worker;
    unsigned index = (unsigned)(words->id - SESSION_ID_BASE) >> SESSION_ID_WORKER_SHIFT;
    bool by_id = words->whom == KILL_ID && words->id >= SESSION_ID_BASE;
    struct kill *kill = memory_zalloc(sizeof(*kill));
    kill->origin_worker = worker->index;
    kill->origin_id = session->id;
    kill->words = *words;
    kill->right = session->command.kill_right;
    kill->all = !by_id;
    kill->worker = by_id ? index : 0;
    snprintf(kill->killer, sizeof(kill->killer), "%s", session->identity->user);
    session_enter(session, SESSION_WAIT_KILL);
    if (!visit(worker, kill, kill->worker, visit_targets) &&
        !visit(worker, kill, worker->index, go_home))
        free(kill);
    return true;
}

static bool kill_itself(struct session *session, const struct kill_words *words)
{
    if (words->query_only) {
        kill_refused(session);
        return true;
    }
    session_refuse(session, ER_CONNECTION_KILLED, "70100", "Connection was killed");
    if (session->state != SESSION_CLOSED)
        session_close(session, "killed by itself");
    return true;
}

static struct span command_text(const struct session *session)
{
    return span_of(stream_data(&session->client) + PACKET_HEADER_BYTES + 1,
                   session->command.len - PACKET_HEADER_BYTES - 1);
}

/* KILL ? */
static int bind_id(const struct session *session, struct kill_words *words)
{
    struct span payload = command_text(session);
    struct buf value = {0};
    payload = span_of(payload.data - 1, payload.len + 1);
    int found =
        execute_text_parameter(payload, buf_span(&session->command.statement->types), &value);
    bool good = found > 0 && kill_words_number(buf_span(&value), &words->id);
    buf_free(&value);
    words->whom = KILL_ID;
    return good ? 0 : -ENOENT;
}

static int read_words(const struct session *session, struct kill_words *words)
{
    const struct command *command = &session->command;
    struct span text = command_text(session);
    if (command->streamed)
        return -ENOENT;
    if (command->code == COM_PROCESS_KILL) {
        *words = (struct kill_words){.whom = KILL_ID, .id = load_u32(text.data)};
        return 0;
    }
    if (!command->statement) {
        int error = kill_words_parse(text, session_lex_mode(session), words);
        return !error && words->whom == KILL_PARAMETER ? -ENOENT : error;
    }
    int error =
        kill_words_parse(buf_span(&command->statement->sql), session_lex_mode(session), words);
    return !error && words->whom == KILL_PARAMETER ? bind_id(session, words) : error;
}

bool kill_take(struct session *session)
{
    struct kill_words words;
    if (read_words(session, &words))
        return false;
    if (words.whom == KILL_ONESELF ||
        (words.whom == KILL_ID && (words.id == session->id || has_server_id(session, words.id))))
        return kill_itself(session, &words);
    if (words.whom == KILL_USER && !session->command.kill_right &&
        strcmp(words.user, session->identity->user) != 0) {
        ask_right(session);
        return true;
    }
    return words.id <= UINT32_MAX && start(session, &words);
}

/* --- may it? --- */

/* Needs what KILL of another user's connection needs (CONNECTION ADMIN, or SUPER), which is checked
 * before the value, and that is of the wrong type: so it changes nothing (measured). */
struct span kill_question(void)
{
    static const char question[] = "SET GLOBAL connect_timeout = 'may this account kill others?'";
    return span_text(question);
}

void kill_right_told(struct session *session, uint16_t code)
{
    struct kill_words words;
    session->command.asks_right = false;
    if (code != ER_SPECIFIC_ACCESS_DENIED) {
        session->command.kill_right = true;
        if (!kill_take(session))
            pass_to_leader(session);
        return;
    }
    if (read_words(session, &words) || words.whom == KILL_USER)
        session_accept(session); /* a server kills those it may, which is none (measured) */
    else
        session_refuse(session, 1095, "HY000", "You are not owner of thread %" PRIu64, words.id);
}
