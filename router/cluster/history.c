/* Where two histories part: see lost.h. */
#include "router/cluster/lost.h"

#include <errno.h>
#include <stdio.h>

static uint64_t shared_up_to(const struct gtid *gtid, const char *leaders)
{
    struct span rest = span_text(leaders);
    struct gtid other;

    while (gtid_list_next(&rest, &other) == 1) {
        if (other.domain == gtid->domain && other.server == gtid->server)
            return other.seq < gtid->seq ? other.seq : gtid->seq;
    }
    return 0;
}

int history_fork(const char *mine, const char *leaders, struct gtid_vector *common,
                 char state[HISTORY_MAX])
{
    struct span rest = span_text(mine);
    struct gtid gtid;
    size_t len = 0;
    int more;

    common->count = 0;
    state[0] = '\0';
    while ((more = gtid_list_next(&rest, &gtid)) == 1) {
        char text[GTID_TEXT_MAX];

        gtid.seq = shared_up_to(&gtid, leaders);
        if (gtid.seq == 0)
            continue;
        gtid_print(&gtid, text);
        if (gtid_vector_raise(common, &gtid) != 0 || len + strlen(text) + 2 > HISTORY_MAX)
            return -E2BIG;
        len += (size_t)snprintf(state + len, HISTORY_MAX - len, "%s%s", len > 0 ? "," : "", text);
    }
    return more < 0 ? -EINVAL : 0;
}
