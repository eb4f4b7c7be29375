/* Where two histories part: see lost.h. */
#include "router/cluster/lost.h"

#include <errno.h>
#include <stdio.h>

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

        uint64_t theirs = history_last(leaders, gtid.domain, gtid.server);

        gtid.seq = theirs < gtid.seq ? theirs : gtid.seq;
        if (gtid.seq == 0)
            continue;
        gtid_print(&gtid, text);
        if (gtid_vector_raise(common, &gtid) != 0 || len + strlen(text) + 2 > HISTORY_MAX)
            return -E2BIG;
        len += (size_t)snprintf(state + len, HISTORY_MAX - len, "%s%s", len > 0 ? "," : "", text);
    }
    return more < 0 ? -EINVAL : 0;
}
