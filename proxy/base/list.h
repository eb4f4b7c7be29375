/* An intrusive doubly linked list: the node lives in the object, so adding and removing never
 * allocates and never fails. A node that is on no list points at itself. */
#ifndef CAUSEWAY_BASE_LIST_H
#define CAUSEWAY_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *prev;
    struct list *next;
};

/* The object of `type` whose member `member` is at `node`. */
#define list_object(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

#define list_for_each(node, head)                                                                  \
    for (struct list *node = (head)->next; node != (head); node = node->next)

/* As list_for_each, where the body may remove `node` (and no other) from the list. */
#define list_for_each_safe(node, head)                                                             \
    for (struct list *node = (head)->next, *node##_next = node->next; node != (head);              \
         node = node##_next, node##_next = node->next)

static inline void list_init(struct list *node)
{
    node->prev = node;
    node->next = node;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_append(struct list *head, struct list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void list_prepend(struct list *head, struct list *node)
{
    list_append(head->next, node);
}

/* Takes the node off its list; harmless when it is on none. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* Moves all nodes of `from` to the end of `to`. */
static inline void list_move_all(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#endif
