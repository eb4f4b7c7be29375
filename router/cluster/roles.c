/* The rules of roles.h, one function each. */
#include "router/cluster/roles.h"

#include <assert.h>
#include <stdio.h>
#include <strings.h>

struct field {
    const struct server_view *views;
    unsigned count;
};

enum { POSITION_NOT_IN_LOG = 1236 }; /* ER_MASTER_FATAL_ERROR_READING_BINLOG */

static bool host_same(const struct server_view *view, const char *host)
{
    if (view->host != NULL && strcasecmp(view->host, host) == 0)
        return true;
    if (view->ip == NULL)
        return false;
    if (strcmp(view->ip, host) == 0)
        return true;
    return strcasecmp(host, "localhost") == 0 &&
           (strcmp(view->ip, "127.0.0.1") == 0 || strcmp(view->ip, "::1") == 0);
}

/* Does this channel read from that server? The server id is sure; before the first connection only
 * host and port are known. */
static bool channel_reads_from(const struct replication_channel *channel,
                               const struct server_view *view)
{
    if (channel->master_server_id != 0 && view->seen)
        return channel->master_server_id == view->server_id;
    return channel->master_port == view->port && host_same(view, channel->master_host);
}

/* The channel of `from` that reads from `to`, NULL when there is none. */
static const struct replication_channel *channel_between(const struct server_view *from,
                                                         const struct server_view *to)
{
    for (unsigned i = 0; i < from->channel_count; i++) {
        if (channel_reads_from(&from->channels[i], to))
            return &from->channels[i];
    }
    return NULL;
}

static bool replicates_within(const struct field *field, unsigned index)
{
    for (unsigned i = 0; i < field->count; i++) {
        if (i != index && channel_between(&field->views[index], &field->views[i]) != NULL)
            return true;
    }
    return false;
}

static bool can_lead(const struct field *field, unsigned index)
{
    const struct server_view *view = &field->views[index];

    return view->reachable && view->seen && view->channels_known && !view->read_only &&
           !view->superseded && !replicates_within(field, index);
}

/* Reachable servers that are connected to it as followers. */
static unsigned followers_of(const struct field *field, unsigned index)
{
    unsigned followers = 0;

    for (unsigned i = 0; i < field->count; i++) {
        const struct replication_channel *channel;

        if (i == index || !field->views[i].reachable)
            continue;
        channel = channel_between(&field->views[i], &field->views[index]);
        if (channel != NULL && channel->io_running)
            followers++;
    }
    return followers;
}

static void names_append(char *out, size_t size, const char *name)
{
    size_t len = strlen(out);

    snprintf(out + len, size - len, "%s%s", len > 0 ? ", " : "", name);
}

/* Among several that could lead: the promoted one, exactly one that is followed, or the one before.
 */
static int leader_among(const struct field *field, const bool *candidates, int previous)
{
    int followed = -1;
    bool several = false;

    for (unsigned i = 0; i < field->count; i++) {
        if (candidates[i] && field->views[i].promoted)
            return (int)i;
    }
    for (unsigned i = 0; i < field->count; i++) {
        if (!candidates[i] || followers_of(field, i) == 0)
            continue;
        several = followed >= 0;
        followed = (int)i;
        if (several)
            break;
    }
    if (followed >= 0 && !several)
        return followed;
    if (previous >= 0 && (unsigned)previous < field->count && candidates[previous])
        return previous;
    return -1;
}

static void leader_find(const struct field *field, int previous, struct roles *out)
{
    bool candidates[POSITIONS_SERVERS_MAX];
    char names[WHY_MAX] = "";
    unsigned found = 0;

    for (unsigned i = 0; i < field->count; i++) {
        candidates[i] = can_lead(field, i);
        if (!candidates[i])
            continue;
        names_append(names, sizeof(names), field->views[i].name);
        out->leader = (int)i;
        found++;
    }
    if (found == 0) {
        snprintf(out->trouble, sizeof(out->trouble),
                 "no reachable server is writable and replicates from no other");
    } else if (found > 1) {
        out->split = true;
        out->leader = leader_among(field, candidates, previous);
        snprintf(out->trouble, sizeof(out->trouble), "several servers accept writes (%s); %s%s",
                 names, out->leader < 0 ? "none of them is taken as the leader" : "the leader is ",
                 out->leader < 0 ? "" : field->views[out->leader].name);
    }
}

/* The channel by which `index` follows, NULL when it follows nobody who counts. */
static const struct replication_channel *channel_followed(const struct field *field, unsigned index,
                                                          int leader)
{
    const struct server_view *view = &field->views[index];

    if (leader >= 0)
        return channel_between(view, &field->views[leader]);
    for (unsigned i = 0; i < field->count; i++) {
        const struct replication_channel *channel = channel_between(view, &field->views[i]);

        if (i != index && channel != NULL)
            return channel;
    }
    /* No leader is known, so its id can't be: a read-only server with one source follows it. */
    if (view->read_only && view->channel_count == 1 && view->channels[0].master_server_id != 0)
        return &view->channels[0];
    return NULL;
}

static void why_outside(const struct field *field, unsigned index, int leader, char why[WHY_MAX])
{
    const struct server_view *view = &field->views[index];
    const char *leader_name = leader >= 0 ? field->views[leader].name : NULL;

    if (!view->channels_known)
        snprintf(why, WHY_MAX, "SHOW ALL SLAVES STATUS is denied: grant SLAVE MONITOR");
    else if (view->channel_count == 0 && leader_name != NULL)
        snprintf(why, WHY_MAX, "does not replicate, and %s leads", leader_name);
    else if (view->channel_count == 0)
        snprintf(why, WHY_MAX,
                 view->read_only ? "read_only, and replicates from nobody"
                                 : "writable, but not taken as the leader");
    else
        snprintf(why, WHY_MAX, "replicates from %.90s:%u, which is not %s",
                 view->channels[0].master_host, view->channels[0].master_port,
                 leader_name != NULL ? "the leader" : "a configured server");
}

/* Fills `why` when a follower may not serve reads. */
static enum role_cause follower_judge(const struct server_view *view,
                                      const struct replication_channel *channel,
                                      uint32_t max_lag_ms, char why[WHY_MAX])
{
    uint32_t limit_ms = view->lagged ? max_lag_ms - max_lag_ms / 4 : max_lag_ms;

    if (view->drained) {
        snprintf(why, WHY_MAX, "drained");
        return CAUSE_DRAINED;
    }
    if (!channel->sql_running) {
        if (channel->sql_errno != 0)
            snprintf(why, WHY_MAX, "replication SQL thread stopped: error %u: %.100s",
                     channel->sql_errno, channel->sql_error);
        else
            snprintf(why, WHY_MAX, "replication SQL thread stopped");
        return CAUSE_STOPPED;
    }
    if (!channel->io_running && channel->io_errno == POSITION_NOT_IN_LOG) {
        /* Its numbers may cover what it never got: after another server was promoted, the same
         * numbers were given out again. */
        snprintf(why, WHY_MAX, "the leader does not have its position (error %u): %.90s",
                 channel->io_errno, channel->io_error);
        return CAUSE_DIVERGED;
    }
    if (!view->confirmed) {
        snprintf(why, WHY_MAX, "its position is not known yet");
        return CAUSE_UNCONFIRMED;
    }
    if (view->lag_ms != UINT32_MAX && view->lag_ms > limit_ms) {
        snprintf(why, WHY_MAX, "%u.%u s behind, max_lag is %g s", view->lag_ms / 1000,
                 view->lag_ms % 1000 / 100, max_lag_ms / 1000.0);
        return CAUSE_LAG;
    }
    return CAUSE_NONE;
}

/* What a follower in rotation can't promise, in words. */
static void follower_limits(const struct server_view *view,
                            const struct replication_channel *channel,
                            const struct server_view *leader, struct role_verdict *out)
{
    out->partial = true;
    if (channel->filter[0] != '\0')
        snprintf(out->why, WHY_MAX, "eventual reads only: it replicates with %.100s",
                 channel->filter);
    else if (view->skips_errors)
        snprintf(out->why, WHY_MAX, "eventual reads only: slave_skip_errors is set");
    else if (leader != NULL && leader->log_filter != NULL && leader->log_filter[0] != '\0')
        snprintf(out->why, WHY_MAX, "eventual reads only: the leader's log leaves out, by %.90s",
                 leader->log_filter);
    else
        out->partial = false;
    if (!out->partial && view->parallel && view->domain_count > 1)
        snprintf(out->why, WHY_MAX,
                 "reads may show an effect in one GTID domain before its cause in another: "
                 "slave_parallel_threads is not 0");
}

static void server_judge(const struct field *field, unsigned index, int leader, uint32_t max_lag_ms,
                         struct role_verdict *out)
{
    const struct server_view *view = &field->views[index];
    const struct replication_channel *channel;

    if ((int)index == leader) {
        out->role = ROLE_LEADER;
        return;
    }
    channel = view->seen ? channel_followed(field, index, leader) : NULL;
    if (channel != NULL) {
        out->role = ROLE_FOLLOWER;
        out->writable_follower = view->reachable && !view->read_only;
    }
    if (!view->reachable) {
        out->cause = CAUSE_DOWN;
        snprintf(out->why, WHY_MAX, "%s", view->down_why);
    } else if (channel == NULL) {
        out->cause = CAUSE_OUTSIDE;
        why_outside(field, index, leader, out->why);
    } else {
        out->cause = follower_judge(view, channel, max_lag_ms, out->why);
    }
    out->in_rotation = out->cause == CAUSE_NONE;
    if (out->in_rotation && channel != NULL)
        follower_limits(view, channel, leader >= 0 ? &field->views[leader] : NULL, out);
}

void roles_decide(const struct server_view *views, unsigned count, int previous,
                  uint32_t max_lag_ms, struct roles *out)
{
    const struct field field = {.views = views, .count = count};

    assert(count <= POSITIONS_SERVERS_MAX);
    memset(out, 0, sizeof(*out));
    out->leader = -1;
    leader_find(&field, previous, out);
    for (unsigned i = 0; i < count; i++)
        server_judge(&field, i, out->leader, max_lag_ms, &out->servers[i]);
}
