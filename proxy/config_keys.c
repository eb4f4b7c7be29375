/* The keys of proxy.ini: see config_keys.h. The kinds of values stand in config_types.c. */
#include "proxy/config_keys.h"

#include "proxy/base/memory.h"
#include "proxy/config_types.h"

#include <assert.h>

static const char *const section_words[] = {
#define X(kind, word, named) word,
    CONFIG_SECTIONS(X)
#undef X
};

static const bool section_named[] = {
#define X(kind, word, named) named,
    CONFIG_SECTIONS(X)
#undef X
};

static const char *const section_titles[] = {"[proxy]",     "[cluster]", "[server:NAME]",
                                             "[user:NAME]", "[routing]", "[rule:NAME]"};
static_assert(sizeof(section_titles) == sizeof(section_words), "a title for each section");

#define MINUTE_MS (60u * 1000u)
#define HOUR_MS   (60u * MINUTE_MS)
#define DAY_MS    (24u * HOUR_MS)

/* Where the value goes: a member of the struct of the key's section. */
#define PROXY(key)   .section = CONFIG_PROXY, .name = #key
#define CLUSTER(key) .section = CONFIG_CLUSTER, .name = #key
#define SERVER(key)  .section = CONFIG_SERVER, .name = #key
#define USER(key)    .section = CONFIG_USER, .name = #key
#define ROUTING(key) .section = CONFIG_ROUTING, .name = #key
#define RULE(key)    .section = CONFIG_RULE, .name = #key

#define IN_CONFIG(member) .offset = offsetof(struct config, member)
#define IN_SERVER(member) .offset = offsetof(struct config_server, member)
#define IN_USER(member)   .offset = offsetof(struct config_user, member)
#define IN_RULE(member)   .offset = offsetof(struct rule, member)

#define LISTEN            .type = &config_type_listen
#define THREADS(low, top) .type = &config_type_threads, .smallest = (low), .largest = (top)
#define AUTO(low, top)    .type = &config_type_auto, .smallest = (low), .largest = (top)
#define NUMBER(low, top)  .type = &config_type_number, .smallest = (low), .largest = (top)
#define TIME(low, top)    .type = &config_type_time, .smallest = (low), .largest = (top)
#define TEXT(top)         .type = &config_type_text, .smallest = 1, .largest = (top)
#define BIND              .type = &config_type_bind
#define ADDRESS           .type = &config_type_address
#define TARGET            .type = &config_type_target
#define WORDS(accepted)   .type = &config_type_word, .words = (accepted)
#define NETWORKS(top)     .type = &config_type_networks, .smallest = 1, .largest = (top)
#define DEFAULT(text)     .standard = (text)

#define CONSISTENCIES "eventual | session | key | strong"

static const struct config_key keys[] = {
    {PROXY(listen), IN_CONFIG(listen), LISTEN, DEFAULT("127.0.0.1:4006"), .restart = true},
    {PROXY(threads), IN_CONFIG(threads), THREADS(1, 256), DEFAULT("auto"), .restart = true},
    {PROXY(max_clients), IN_CONFIG(max_clients), NUMBER(1, 1000000), DEFAULT("10000")},
    {PROXY(console), IN_CONFIG(console), BIND, .restart = true},
    {PROXY(console_user), IN_CONFIG(console_user), TEXT(128), DEFAULT("admin")},
    {PROXY(console_password), IN_CONFIG(console_password), TEXT(512), .secret = true},
    {PROXY(console_password_file), IN_CONFIG(console_password_file), TEXT(4096)},
    {PROXY(http), IN_CONFIG(http), BIND, .restart = true},
    {PROXY(log_level), IN_CONFIG(log_level), WORDS("error | warn | info | debug"), DEFAULT("info")},
    {PROXY(login_timeout), IN_CONFIG(login_timeout_ms), TIME(100, HOUR_MS), DEFAULT("10s")},
    {PROXY(drain), IN_CONFIG(drain_ms), TIME(0, DAY_MS), DEFAULT("30s")},
    {PROXY(idle_server_timeout), IN_CONFIG(idle_server_timeout_ms), TIME(1000, DAY_MS),
     DEFAULT("1m")},
    {PROXY(io_uring), IN_CONFIG(io_uring), WORDS("no | yes"), DEFAULT("yes"), .restart = true},
    {PROXY(tls), IN_CONFIG(tls), WORDS("off | optional | required"), DEFAULT("off")},
    {PROXY(tls_cert), IN_CONFIG(tls_cert), TEXT(4096)},
    {PROXY(tls_key), IN_CONFIG(tls_key), TEXT(4096)},
    {PROXY(tls_ca), IN_CONFIG(tls_ca), TEXT(4096)},
    {PROXY(proxy_protocol_from), IN_CONFIG(proxy_protocol_from), NETWORKS(4096)},

    {CLUSTER(user), IN_CONFIG(cluster_user), TEXT(128), .required = true},
    {CLUSTER(password), IN_CONFIG(cluster_password), TEXT(512), .secret = true},
    {CLUSTER(password_file), IN_CONFIG(cluster_password_file), TEXT(4096)},
    {CLUSTER(probe_interval), IN_CONFIG(probe_interval_ms), TIME(50, HOUR_MS), DEFAULT("500ms")},
    {CLUSTER(connect_timeout), IN_CONFIG(connect_timeout_ms), TIME(50, HOUR_MS), DEFAULT("3s")},
    {CLUSTER(log_server_id), IN_CONFIG(log_server_id), AUTO(1, UINT32_MAX), DEFAULT("auto")},
    {CLUSTER(failover), IN_CONFIG(failover), WORDS("off | manual | auto"), DEFAULT("manual")},
    {CLUSTER(failover_after), IN_CONFIG(failover_after_ms), TIME(200, HOUR_MS), DEFAULT("3s")},
    {CLUSTER(fence), IN_CONFIG(fence), WORDS("optional | required"), DEFAULT("required")},
    {CLUSTER(fence_command), IN_CONFIG(fence_command), TEXT(4096)},
    {CLUSTER(quorum), IN_CONFIG(quorum), WORDS("off | majority"), DEFAULT("majority")},
    {CLUSTER(switchover_timeout), IN_CONFIG(switchover_timeout_ms), TIME(100, HOUR_MS),
     DEFAULT("5s")},
    {CLUSTER(auto_increment_gap), IN_CONFIG(auto_increment_gap), NUMBER(0, 1000000000),
     DEFAULT("1000")},
    {CLUSTER(state_dir), IN_CONFIG(state_dir), TEXT(3000)},
    {CLUSTER(replication_user), IN_CONFIG(replication_user), TEXT(128)},
    {CLUSTER(replication_password), IN_CONFIG(replication_password), TEXT(512), .secret = true},
    {CLUSTER(replication_password_file), IN_CONFIG(replication_password_file), TEXT(4096)},
    {CLUSTER(server_tls), IN_CONFIG(server_tls), WORDS("off | required | verify"), DEFAULT("off")},
    {CLUSTER(send_proxy_protocol), IN_CONFIG(send_proxy_protocol), WORDS("no | yes"),
     DEFAULT("no")},
    {CLUSTER(server_compression), IN_CONFIG(server_compression), WORDS("no | yes"), DEFAULT("no")},
    {CLUSTER(server_ca), IN_CONFIG(server_ca), TEXT(4096)},
    {CLUSTER(server_cert), IN_CONFIG(server_cert), TEXT(4096)},
    {CLUSTER(server_key), IN_CONFIG(server_key), TEXT(4096)},

    {SERVER(address), IN_SERVER(address), ADDRESS, .required = true},
    {SERVER(weight), IN_SERVER(weight), NUMBER(0, 1000), DEFAULT("1")},
    {SERVER(promotable), IN_SERVER(promotable), WORDS("no | yes | prefer"), DEFAULT("yes")},

    {USER(password), IN_USER(password), TEXT(512), .secret = true},
    {USER(password_file), IN_USER(password_file), TEXT(4096)},
    {USER(password_env), IN_USER(password_env), TEXT(128)},
    {USER(server_cert), IN_USER(server_cert), TEXT(4096)},
    {USER(server_key), IN_USER(server_key), TEXT(4096)},

    {ROUTING(consistency), IN_CONFIG(policy.consistency), WORDS(CONSISTENCIES), DEFAULT("session")},
    {ROUTING(key), IN_CONFIG(policy.key), WORDS("none | user | attribute"), DEFAULT("none")},
    {ROUTING(max_keys), IN_CONFIG(policy.max_keys), NUMBER(1, 10000000), DEFAULT("100000")},
    {ROUTING(lost_write), IN_CONFIG(policy.lost_write), WORDS("error | warn"), DEFAULT("error")},
    {ROUTING(on_lag), IN_CONFIG(policy.on_lag), WORDS("wait | leader"), DEFAULT("wait")},
    {ROUTING(causal_timeout), IN_CONFIG(policy.causal_timeout_ms), TIME(0, HOUR_MS),
     DEFAULT("100ms")},
    {ROUTING(max_lag), IN_CONFIG(policy.max_lag_ms), TIME(1, DAY_MS), DEFAULT("10s")},
    {ROUTING(balance), IN_CONFIG(policy.balance), WORDS("least-busy | latency | random"),
     DEFAULT("least-busy")},
    {ROUTING(reads_on_leader), IN_CONFIG(policy.reads_on_leader), WORDS("fallback | share"),
     DEFAULT("fallback")},
    {ROUTING(reads_without_followers), IN_CONFIG(policy.reads_without_followers),
     WORDS("leader | refuse"), DEFAULT("leader")},
    {ROUTING(leader_wait), IN_CONFIG(policy.leader_wait_ms), TIME(0, HOUR_MS), DEFAULT("10s")},
    {ROUTING(pooling), IN_CONFIG(policy.pooling), WORDS("session | transaction"),
     DEFAULT("session")},
    {ROUTING(pool_wait), IN_CONFIG(policy.pool_wait_ms), TIME(0, HOUR_MS), DEFAULT("10s")},
    {ROUTING(max_server_connections), IN_CONFIG(policy.max_server_connections), NUMBER(1, 100000),
     DEFAULT("500")},

    {RULE(match), IN_RULE(match), TEXT(4096)},
    {RULE(user), IN_RULE(user), TEXT(384)},
    {RULE(schema), IN_RULE(schema), TEXT(256)},
    {RULE(to), IN_RULE(to), TARGET},
    {RULE(consistency), IN_RULE(consistency), WORDS(CONSISTENCIES)},
};

const char *config_section_word(enum config_section section)
{
    assert(section < CONFIG_SECTION_COUNT);
    return section_words[section];
}

bool config_section_named(enum config_section section)
{
    assert(section < CONFIG_SECTION_COUNT);
    return section_named[section];
}

const char *config_section_title(enum config_section section)
{
    assert(section < CONFIG_SECTION_COUNT);
    return section_titles[section];
}

enum config_section config_section_find(const char *word, size_t len)
{
    unsigned i = 0;
    while (i < CONFIG_SECTION_COUNT &&
           !(strlen(section_words[i]) == len && memcmp(section_words[i], word, len) == 0))
        i++;
    return (enum config_section)i;
}

size_t config_key_count(void)
{
    return sizeof(keys) / sizeof(keys[0]);
}

const struct config_key *config_key_at(size_t index)
{
    assert(index < config_key_count());
    return &keys[index];
}

const struct config_key *config_key_find(enum config_section section, const char *name)
{
    for (size_t i = 0; i < config_key_count(); i++)
        if (keys[i].section == section && strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

void config_keys_default(enum config_section section, void *object)
{
    for (size_t i = 0; i < config_key_count(); i++) {
        if (keys[i].section != section || !keys[i].standard)
            continue;
        struct buf why = {0};
        int error = keys[i].type->parse(&keys[i], object, keys[i].standard, &why);
        assert(error == 0);
        (void)error;
    }
}

void config_keys_release(enum config_section section, void *object)
{
    for (size_t i = 0; i < config_key_count(); i++)
        if (keys[i].section == section && keys[i].type->release)
            keys[i].type->release(&keys[i], object);
}

void config_key_show(const struct config_key *key, const void *object, struct buf *out)
{
    struct buf plain = {0};
    key->type->format(key, object, &plain);
    if (key->secret && plain.len > 0)
        buf_append_text(out, "***");
    else
        buf_append(out, plain.data, plain.len);
    if (key->secret && plain.data)
        memory_wipe(plain.data, plain.cap);
    buf_free(&plain);
}
