/* Mail between threads: see mailbox.h. */
#include "proxy/base/mailbox.h"

static void deliver_all(struct mailbox *mailbox)
{
    struct list batch;
    list_init(&batch);
    pthread_mutex_lock(&mailbox->lock);
    list_move_all(&batch, &mailbox->waiting);
    pthread_mutex_unlock(&mailbox->lock);
    while (!list_empty(&batch)) {
        struct mail *mail = list_object(batch.next, struct mail, node);
        list_remove(&mail->node);
        mail->deliver(mail, mailbox->receiver);
    }
}

static void on_wake(struct ev_loop *loop, struct ev_async *watcher, int events)
{
    (void)loop;
    (void)events;
    deliver_all(list_object(watcher, struct mailbox, wake));
}

void mailbox_init(struct mailbox *mailbox, struct ev_loop *loop, void *receiver)
{
    mailbox->loop = loop;
    mailbox->receiver = receiver;
    list_init(&mailbox->waiting);
    pthread_mutex_init(&mailbox->lock, NULL);
    ev_async_init(&mailbox->wake, on_wake);
    ev_async_start(loop, &mailbox->wake);
    ev_unref(loop);
}

void mailbox_close(struct mailbox *mailbox)
{
    ev_ref(mailbox->loop);
    ev_async_stop(mailbox->loop, &mailbox->wake);
    deliver_all(mailbox);
    pthread_mutex_destroy(&mailbox->lock);
}

void mailbox_post(struct mailbox *mailbox, struct mail *mail)
{
    pthread_mutex_lock(&mailbox->lock);
    list_append(&mailbox->waiting, &mail->node);
    pthread_mutex_unlock(&mailbox->lock);
    ev_async_send(mailbox->loop, &mailbox->wake);
}
