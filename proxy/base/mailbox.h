/* Mail between threads. Any thread posts; the loop that owns the mailbox delivers, in order of
 * posting, in its own thread. A post while the receiver has not yet looked costs no second wake-up.
 *
 *     poster --mailbox_post--> [list under a short lock] --ev_async--> owner: mail->deliver(mail)
 *
 * The sender owns the memory of a mail until it is posted, `deliver` owns it from then on (it may
 * free it, keep it, or post it back as the answer). */
#ifndef CAUSEWAY_BASE_MAILBOX_H
#define CAUSEWAY_BASE_MAILBOX_H

#include "proxy/base/list.h"

#include <ev.h>
#include <pthread.h>

struct mail {
    struct list node;
    void (*deliver)(struct mail *mail, void *receiver);
};

struct mailbox {
    struct ev_loop *loop;
    struct ev_async wake;
    pthread_mutex_t lock;
    struct list waiting;
    void *receiver;
};

/* `receiver` is what every mail's deliver() is given. The wake-up does not keep the loop alive. */
void mailbox_init(struct mailbox *mailbox, struct ev_loop *loop, void *receiver);

/* Delivers what is still waiting, then closes. Only in the loop's thread, when nobody posts. */
void mailbox_close(struct mailbox *mailbox);

void mailbox_post(struct mailbox *mailbox, struct mail *mail);

#endif
