/* Which requirement a command goes by: the session's own, or that of the key that its hint, its
 * connection or its login names. */
#include "proxy/session.h"

#include "proxy/proto/command.h"
#include "proxy/worker.h"

#include <assert.h>

enum consistency session_consistency(const struct session *session)
{
    return session->command.consistency >= 0 ? (enum consistency)session->command.consistency
                                             : session->worker->config->policy.consistency;
}

/* A key that was named counts always; the one that a login gave where `consistency = key`. */
static struct key *key_of(const struct session *session)
{
    if (session->command.key)
        return session->command.key;
    if (session->key)
        return session->key;
    return session_consistency(session) == CONSISTENCY_KEY ? session->login_key : NULL;
}

struct requirement *session_requirement(struct session *session)
{
    struct key *key = key_of(session);
    return key ? key_lock(session->worker->shared->keys, key) : &session->requirement;
}

void session_settle(struct session *session)
{
    struct key *key = key_of(session);
    if (key)
        key_unlock(session->worker->shared->keys, key);
}

static struct span short_name(const struct key *key)
{
    if (!key)
        return (struct span){0};
    struct span full = key_name(key);
    return span_of(full.data + 1, full.len - 1);
}

struct span session_key_name(const struct session *session)
{
    return short_name(session->key);
}

struct span session_command_key_name(const struct session *session)
{
    return short_name(session->command.key);
}

void session_join_key(struct session *session)
{
    struct key *key = key_of(session);
    uint64_t serial = key ? key_serial(key) : 0;
    if (serial == session->joined_key)
        return;
    session->joined_key = serial;
    if (!key || session->requirement.vector.count == 0)
        return;
    if (requirement_include(session_requirement(session), &session->requirement))
        session->too_many_domains = true;
    session_settle(session);
}

void session_note_own(struct session *session, const struct gtid *gtid)
{
    if (!key_of(session))
        return;
    (void)requirement_enter_epoch(&session->requirement, session->worker->topology->epoch);
    if (requirement_wrote_elsewhere(&session->requirement, gtid))
        session->too_many_domains = true;
}

void session_reader_lost(struct session *session, unsigned slot)
{
    struct keys *keys = session->worker->shared->keys;
    struct key *const named[] = {session->command.key, session->key, session->login_key};
    requirement_lost(&session->requirement, (int)slot);
    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
        if (named[i]) {
            requirement_lost(key_lock(keys, named[i]), (int)slot);
            key_unlock(keys, named[i]);
        }
}

bool session_reader_is_new(struct session *session, const struct backend *backend)
{
    if (!backend->guarded || session->worker->config->policy.pooling != POOLING_TRANSACTION)
        return false;
    const struct requirement *requirement = session_requirement(session);
    bool breaks =
        requirement->read_slot == (int)backend->slot && backend->ready_us >= requirement->read_us;
    session_settle(session);
    if (breaks)
        session_reader_lost(session, backend->slot);
    return breaks && session->command.code != COM_CONNECT;
}

/* Keys that clients name and keys made of accounts don't meet: a letter goes before each. */
static bool name_key(struct session *session, struct key **place, char kind, struct span name)
{
    struct keys *keys = session->worker->shared->keys;
    uint8_t full[KEY_NAME_MAX_BYTES];
    struct key *key = NULL;
    assert(name.len < sizeof(full));
    if (name.len > 0) {
        full[0] = (uint8_t)kind;
        memcpy(full + 1, name.data, name.len);
        key = key_take(keys, span_of(full, name.len + 1), session->worker->config->policy.max_keys);
        if (!key)
            return false;
    }
    key_give(keys, *place);
    *place = key;
    return true;
}

bool session_name_key(struct session *session, struct span name)
{
    return name_key(session, &session->key, 'k', name);
}

bool session_name_command_key(struct session *session, struct span name)
{
    return name_key(session, &session->command.key, 'k', name);
}

bool session_name_login_key(struct session *session, enum key_source source, struct span name)
{
    return name_key(session, &session->login_key, source == KEY_USER ? 'u' : 'k', name);
}

void session_forget_command_key(struct session *session)
{
    key_give(session->worker->shared->keys, session->command.key);
    session->command.key = NULL;
}

void session_forget_keys(struct session *session)
{
    session_forget_command_key(session);
    key_give(session->worker->shared->keys, session->key);
    key_give(session->worker->shared->keys, session->login_key);
    session->key = NULL;
    session->login_key = NULL;
}
