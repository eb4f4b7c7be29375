/* While the leader is replaced: who still has something under way with it. */
#include "proxy/base/memory.h"
#include "proxy/control_tables.h"
#include "proxy/session.h"

#include <stdlib.h>

/* On its way through the workers, one after the other, and home. */
struct head_count {
    struct mail mail;
    struct control *control;
    unsigned next_worker;
    unsigned users;
};

static void count_next(struct head_count *count);

static bool uses_leader(const struct session *session)
{
    const struct backend *leader = session->leader;
    if (!leader)
        return false;
    return session->trx == leader ||
           (session->running == leader && session->state >= SESSION_ATTACH);
}

static void count_here(struct worker *worker, void *context)
{
    struct head_count *count = context;
    list_for_each (node, &worker->sessions)
        if (uses_leader(list_object(node, struct session, node)))
            count->users++;
    count_next(count);
}

static void come_home(struct mail *mail, void *receiver)
{
    struct control *control = receiver;
    struct head_count *count = list_object(mail, struct head_count, mail);
    if (control->cluster)
        cluster_leader_used(control->cluster, count->users);
    free(count);
}

static void count_next(struct head_count *count)
{
    struct control *control = count->control;
    if (count->next_worker < control->worker_count)
        worker_send_visit(control->workers[count->next_worker++], count_here, count);
    else
        mailbox_post(&control->mailbox, &count->mail);
}

void control_count_leader_users(void *context)
{
    struct head_count *count = memory_zalloc(sizeof(*count));
    count->mail.deliver = come_home;
    count->control = context;
    count_next(count);
}
