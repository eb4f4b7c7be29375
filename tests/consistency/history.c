/* Histories: one line an event, tab separated, so that a person can read them too. */
#include "tests/consistency/record.h"

#include <inttypes.h>
#include <time.h>

uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void history_event(struct client *client, const struct event *event)
{
    bool read =
        event->kind == 'r' || event->kind == 'p' || event->kind == 'b' || event->kind == 'l';
    fprintf(client->history, "%c\t%" PRIu32 "\t%u\t%" PRIu64 "\t%" PRIu64 "\t%s\t%s\t%s\t%s\n",
            event->kind, event->connection->number, client->user, event->start_ns, event->end_ns,
            event->server, event->key, event->value, event->way);
    if (read && !event->derived)
        atomic_fetch_add(&client->shared->reads, 1);
}

void history_number(struct client *client, const struct event *event, int64_t value)
{
    char text[24];
    struct event numbered = *event;
    snprintf(text, sizeof(text), "%" PRId64, value);
    numbered.value = text;
    history_event(client, &numbered);
}

void history_error(struct client *client, const struct connection *connection, uint64_t start_ns,
                   const char *way, unsigned error)
{
    struct event event = {.kind = 'e',
                          .connection = connection,
                          .start_ns = start_ns,
                          .end_ns = now_ns(),
                          .server = "-",
                          .key = "-",
                          .way = way};
    history_number(client, &event, (int64_t)error);
}
