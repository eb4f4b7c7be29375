/* proxy.ini: what a good file gives, and every error with its line. */
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/config.h"
#include "proxy/config_keys.h"

#include <check.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Enough for a file without errors; the cases put their lines before it. */
#define GOOD_CLUSTER "[cluster]\nuser = causeway\npassword = secret\n"
#define GOOD_SERVER  "[server:db1]\naddress = 127.0.0.1:3306\n"
#define GOOD         GOOD_CLUSTER GOOD_SERVER

static char folder[] = "/tmp/test_config.XXXXXX";
static char start_folder[4096];

static void enter_folder(void)
{
    ck_assert_ptr_nonnull(getcwd(start_folder, sizeof(start_folder)));
    memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
}

static void leave_folder(void)
{
    unlink("proxy.ini");
    unlink("password");
    ck_assert_int_eq(chdir(start_folder), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}

static void write_file(const char *path, const void *text, size_t len, mode_t mode)
{
    unlink(path);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, len, file), len);
    ck_assert_int_eq(fchmod(fileno(file), mode), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static struct config *load(const char *text, struct config_errors *errors)
{
    write_file("proxy.ini", text, strlen(text), 0600);
    return config_load("proxy.ini", errors);
}

static struct config *load_good(const char *text)
{
    struct config_errors errors;
    struct config *config = load(text, &errors);
    for (size_t i = 0; i < errors.count; i++)
        ck_abort_msg("unexpected: %s", errors.lines[i]);
    ck_assert_ptr_nonnull(config);
    config_errors_free(&errors);
    return config;
}

/* All error lines, each with a newline behind it, are exactly `expected`. */
static void expect_errors(const char *text, const char *expected)
{
    struct config_errors errors;
    struct config *config = load(text, &errors);
    struct buf all = {0};
    for (size_t i = 0; i < errors.count; i++)
        buf_printf(&all, "%s\n", errors.lines[i]);
    buf_append_u8(&all, '\0');
    ck_assert_str_eq((char *)all.data, expected);
    ck_assert_ptr_null(config);
    buf_free(&all);
    config_errors_free(&errors);
}

/* --- a good file --- */

START_TEST(shortest_file_gets_all_defaults)
{
    struct config *config = load_good(GOOD);
    ck_assert_uint_eq(config->listen_count, 1);
    ck_assert_str_eq(config->listen[0].text, "127.0.0.1:4006");
    ck_assert_uint_ge(config->threads, 1);
    ck_assert_uint_eq(config->max_clients, 10000);
    ck_assert_ptr_null(config->console);
    ck_assert_str_eq(config->console_user, "admin");
    ck_assert_ptr_null(config->console_password);
    ck_assert_int_eq(config->log_level, LOG_LEVEL_INFO);
    ck_assert_uint_eq(config->login_timeout_ms, 10000);
    ck_assert_uint_eq(config->drain_ms, 30000);
    ck_assert_uint_eq(config->idle_server_timeout_ms, 60000);
    ck_assert_str_eq(config->cluster_user, "causeway");
    ck_assert_str_eq(config->cluster_password, "secret");
    ck_assert_uint_eq(config->probe_interval_ms, 500);
    ck_assert_uint_eq(config->connect_timeout_ms, 3000);
    ck_assert_uint_eq(config->server_count, 1);
    ck_assert_str_eq(config->servers[0].name, "db1");
    ck_assert_str_eq(config->servers[0].address, "127.0.0.1:3306");
    ck_assert_uint_eq(config->servers[0].weight, 1);
    ck_assert_int_eq(config->policy.consistency, CONSISTENCY_SESSION);
    ck_assert_int_eq(config->policy.on_lag, ON_LAG_WAIT);
    ck_assert_int_eq(config->policy.balance, BALANCE_LEAST_BUSY);
    ck_assert_int_eq(config->policy.reads_on_leader, READS_ON_LEADER_FALLBACK);
    ck_assert_int_eq(config->policy.reads_without_followers, READS_WITHOUT_FOLLOWERS_LEADER);
    ck_assert_int_eq(config->policy.pooling, POOLING_SESSION);
    ck_assert_uint_eq(config->policy.causal_timeout_ms, 100);
    ck_assert_uint_eq(config->policy.max_lag_ms, 10000);
    ck_assert_uint_eq(config->policy.leader_wait_ms, 10000);
    ck_assert_uint_eq(config->policy.max_server_connections, 500);
    ck_assert_uint_eq(config->policy.pool_wait_ms, 10000);
    ck_assert_uint_eq(rules_count(config->rules), 0);
    config_unref(config);
}
END_TEST

START_TEST(every_consistency_has_its_word)
{
    static const char *const words[] = {"eventual", "session", "key", "strong"};
    static const enum consistency meanings[] = {CONSISTENCY_EVENTUAL, CONSISTENCY_SESSION,
                                                CONSISTENCY_KEY, CONSISTENCY_STRONG};
    static const char *const sources[] = {"none", "user", "attribute", "user"};
    static const enum key_source keys[] = {KEY_NONE, KEY_USER, KEY_ATTRIBUTE, KEY_USER};
    for (size_t i = 0; i < 4; i++) {
        char text[512];
        snprintf(text, sizeof(text),
                 GOOD "[routing]\nconsistency = %s\nkey = %s\n[rule:r]\nconsistency = %s\n",
                 words[i], sources[i], words[i]);
        struct config *config = load_good(text);
        ck_assert_int_eq(config->policy.consistency, meanings[i]);
        ck_assert_int_eq(config->policy.key, keys[i]);
        ck_assert_int_eq(config->policy.lost_write, LOST_WRITE_ERROR);
        ck_assert_uint_eq(config->policy.max_keys, 100000);
        ck_assert_int_eq(rules_at(config->rules, 0)->consistency, meanings[i]);
        config_unref(config);
    }
}
END_TEST

START_TEST(every_key_is_read)
{
    struct config *config = load_good(
        "\xef\xbb\xbf[proxy] ; behind a byte order mark\r\n"
        "listen = 127.0.0.1:1 , [::1]:2,unix:/run/c.sock ; three\r\n"
        "  threads = 3\nmax_clients=7\nconsole: unix:/run/console\nconsole_user = boss\n"
        "http = [::1]:4008\nconsole_password = a;b #c = d\nlog_level = debug\nlogin_timeout = "
        "2m\ndrain = 0ms\n"
        "idle_server_timeout = 1h\n"
        "# comment\n ; comment\n\n"
        "[cluster]\nuser = u\npassword = p\nprobe_interval = 1500ms\nconnect_timeout = 5s\n"
        "log_server_id = 4294967295\n"
        "send_proxy_protocol = yes\n"
        "server_compression = yes\n"
        "[server:a-B_1]\naddress = db.example.org:3306\nweight = 0\n"
        "[server:b]\naddress = [::1]:3306\n[server:c]\naddress = unix:/run/db.sock\n"
        "[routing]\nconsistency = eventual\nkey = attribute\nmax_keys = 10000000\n"
        "lost_write = warn\non_lag = leader\ncausal_timeout = 0ms\nmax_lag = 1s\n"
        "balance = random\nreads_on_leader = share\nreads_without_followers = refuse\n"
        "leader_wait = 3s\npooling = transaction\nmax_server_connections = 9\n"
        "pool_wait = 1500ms\n"
        "[rule:one]\nmatch = ^SELECT\\s+1\nuser = x\nschema = y\nto = server:b\n"
        "[rule:two]\nconsistency = eventual\n"
        "[rule:three]\nto = refuse\nconsistency = session\n"
        "[rule:four]\nconsistency = key\n[rule:five]\nconsistency = strong");
    ck_assert_uint_eq(config->listen_count, 3);
    ck_assert_str_eq(config->listen[0].text, "127.0.0.1:1");
    ck_assert_str_eq(config->listen[1].text, "[::1]:2");
    ck_assert_str_eq(config->listen[2].text, "unix:/run/c.sock");
    ck_assert_uint_eq(config->threads, 3);
    ck_assert_uint_eq(config->max_clients, 7);
    ck_assert_str_eq(config->console, "unix:/run/console");
    ck_assert_str_eq(config->console_user, "boss");
    ck_assert_str_eq(config->console_password, "a;b #c = d");
    ck_assert_int_eq(config->log_level, LOG_LEVEL_DEBUG);
    ck_assert_uint_eq(config->login_timeout_ms, 120000);
    ck_assert_uint_eq(config->drain_ms, 0);
    ck_assert_uint_eq(config->idle_server_timeout_ms, 3600000);
    ck_assert_uint_eq(config->probe_interval_ms, 1500);
    ck_assert_uint_eq(config->connect_timeout_ms, 5000);
    ck_assert_uint_eq(config->log_server_id, 4294967295);
    ck_assert_int_eq(config->send_proxy_protocol, 1);
    ck_assert_int_eq(config->server_compression, 1);
    ck_assert_str_eq(config->http, "[::1]:4008");
    ck_assert_uint_eq(config->server_count, 3);
    ck_assert_str_eq(config->servers[0].name, "a-B_1");
    ck_assert_str_eq(config->servers[0].address, "db.example.org:3306");
    ck_assert_uint_eq(config->servers[0].weight, 0);
    ck_assert_str_eq(config->servers[2].address, "unix:/run/db.sock");
    ck_assert_int_eq(config->policy.consistency, CONSISTENCY_EVENTUAL);
    ck_assert_int_eq(config->policy.key, KEY_ATTRIBUTE);
    ck_assert_uint_eq(config->policy.max_keys, 10000000);
    ck_assert_int_eq(config->policy.lost_write, LOST_WRITE_WARN);
    ck_assert_int_eq(config->policy.on_lag, ON_LAG_LEADER);
    ck_assert_int_eq(config->policy.balance, BALANCE_RANDOM);
    ck_assert_int_eq(config->policy.reads_on_leader, READS_ON_LEADER_SHARE);
    ck_assert_int_eq(config->policy.reads_without_followers, READS_WITHOUT_FOLLOWERS_REFUSE);
    ck_assert_uint_eq(config->policy.causal_timeout_ms, 0);
    ck_assert_int_eq(config->policy.pooling, POOLING_TRANSACTION);
    ck_assert_uint_eq(config->policy.pool_wait_ms, 1500);
    ck_assert_uint_eq(config->policy.max_server_connections, 9);
    ck_assert_uint_eq(rules_count(config->rules), 5);
    const struct rule *one = rules_at(config->rules, 0);
    ck_assert_str_eq(one->name, "one");
    ck_assert_str_eq(one->match, "^SELECT\\s+1");
    ck_assert_str_eq(one->user, "x");
    ck_assert_str_eq(one->schema, "y");
    ck_assert_int_eq(one->to, RULE_SERVER);
    ck_assert_str_eq(one->server, "b");
    ck_assert_int_eq(one->consistency, -1);
    ck_assert_int_eq(rules_at(config->rules, 1)->to, RULE_NO_TARGET);
    ck_assert_int_eq(rules_at(config->rules, 1)->consistency, CONSISTENCY_EVENTUAL);
    ck_assert_int_eq(rules_at(config->rules, 2)->to, RULE_REFUSE);
    ck_assert_int_eq(rules_at(config->rules, 2)->consistency, CONSISTENCY_SESSION);
    config_unref(config);
}
END_TEST

START_TEST(long_pattern_is_read_whole)
{
    struct buf text = {0};
    buf_append_text(&text, GOOD "[rule:long]\nto = leader\nmatch = ");
    for (int i = 0; i < 4096; i++)
        buf_append_u8(&text, 'a');
    buf_append_u8(&text, '\0');
    struct config *config = load_good((char *)text.data);
    ck_assert_uint_eq(strlen(rules_at(config->rules, 0)->match), 4096);
    config_unref(config);
    buf_free(&text);
}
END_TEST

/* --- errors --- */

static const struct {
    const char *text;
    const char *expected;
} bad_files[] = {
    /* names */
    {"[proxy]\nlisen = x\n" GOOD,
     "proxy.ini:2: unknown key `lisen` in [proxy]; did you mean `listen`?\n"},
    {"[proxy]\nThreads = 4\n" GOOD,
     "proxy.ini:2: unknown key `Threads` in [proxy]; did you mean `threads`?\n"},
    {"[proxy]\nmetrics = 127.0.0.1:4008\n" GOOD, "proxy.ini:2: unknown key `metrics` in [proxy]\n"},
    {"[proxy]\nmax_lag = 1s\n" GOOD,
     "proxy.ini:2: unknown key `max_lag` in [proxy]; it belongs into [routing]\n"},
    {"[routng]\nx = y\n" GOOD,
     "proxy.ini:1: unknown section `routng`; did you mean `[routing]`?\n"},
    {"[serv:db2]\naddress = x\n" GOOD,
     "proxy.ini:1: unknown section `serv:db2`; did you mean `[server:NAME]`?\n"},
    {"[mysqld]\n" GOOD, "proxy.ini:1: unknown section `mysqld`\n"},
    {"[]\n" GOOD, "proxy.ini:1: unknown section ``\n"},
    {"[proxy:x]\n" GOOD, "proxy.ini:1: section [proxy] takes no name\n"},
    {"[server]\n" GOOD, "proxy.ini:1: the section needs a name: [server:NAME]\n"},
    {"[server:]\n" GOOD, "proxy.ini:1: bad name ``: accepted are letters, digits, `_` and `-`, "
                         "less than 64 of them\n"},
    {"[server:a b]\naddress = x:1\n" GOOD,
     "proxy.ini:1: bad name `a b`: accepted are letters, digits, `_` and `-`, less than 64 of "
     "them\n"},
    {"[rule:0123456789012345678901234567890123456789012345678901234567890123]\n" GOOD,
     "proxy.ini:1: bad name `0123456789012345678901234567890123456789012345678901234567890123`: "
     "accepted are letters, digits, `_` and `-`, less than 64 of them\n"},
    /* the shape of a line */
    {"listen = 127.0.0.1:1\n" GOOD, "proxy.ini:1: a key stands before the first [section]\n"},
    {"[proxy]\nlisten\n" GOOD, "proxy.ini:2: expected `key = value`, `[section]` or a comment\n"},
    {"[proxy]\nlisten = 127.0.0.1:1,\n   127.0.0.1:2\nthreads\n" GOOD_SERVER GOOD_CLUSTER "junk",
     "proxy.ini:2: bad value `127.0.0.1:1,` for listen: accepted is: 127.0.0.1:PORT, [::1]:PORT "
     "or unix:/path (numbers, no names), several with commas between\n"
     "proxy.ini:3: expected `key = value` with a key of [proxy]\n"
     "proxy.ini:4: expected `key = value`, `[section]` or a comment\n"
     "proxy.ini:10: expected `key = value`, `[section]` or a comment\n"},
    {"[proxy\n" GOOD, "proxy.ini:1: a section line has no `]`\n"},
    {"[proxy] listen = x\n" GOOD, "proxy.ini:1: there is text behind the `]` of a section\n"},
    /* duplicates */
    {"[proxy]\ndrain = 1s\ndrain = 2s\n" GOOD,
     "proxy.ini:3: key `drain` stands twice in this section; the first is at line 2\n"},
    {"[routing]\n[routing]\nmax_lag = 2s\n" GOOD,
     "proxy.ini:2: section [routing] stands twice; the first is at line 1\n"},
    {GOOD "[server:db1]\naddress = 127.0.0.1:3307\n",
     "proxy.ini:6: section [server:db1] stands twice; the first is at line 4\n"
     "proxy.ini:7: key `address` stands twice in this section; the first is at line 5\n"},
    {GOOD "[server:db2]\naddress = 127.0.0.1:3306\n",
     "proxy.ini:7: [server:db2] has the address of [server:db1] at line 5\n"},
    {GOOD "[server:db2]\naddress = 127.0.0.1:4006\n",
     "proxy.ini:7: [server:db2] has an address of Causeway itself\n"},
    {"[proxy]\nlisten = 127.0.0.1:1, 127.0.0.1:1\n" GOOD,
     "proxy.ini:2: bad value `127.0.0.1:1, 127.0.0.1:1` for listen: it names one address twice\n"},
    {"[proxy]\nconsole = 127.0.0.1:4006\nconsole_password = x\n" GOOD,
     "proxy.ini:2: console and listen have one address: `127.0.0.1:4006`\n"},
    /* values */
    {"[proxy]\nhttp = 127.0.0.1:4006\n" GOOD,
     "proxy.ini:2: http and listen have one address: `127.0.0.1:4006`\n"},
    {"[proxy]\nconsole = unix:/a\nhttp = unix:/a\n" GOOD,
     "proxy.ini:3: http and console have one address: `unix:/a`\n"},
    {GOOD_SERVER "[cluster]\nuser = u\npassword = p\nlog_server_id = 0\n",
     "proxy.ini:6: bad value `0` for log_server_id: accepted is: `auto` or a whole number from 1 "
     "to "
     "4294967295\n"},
    {"[proxy]\nthreads = 0\n" GOOD, "proxy.ini:2: bad value `0` for threads: accepted is: `auto` "
                                    "or a whole number from 1 to 256\n"},
    {"[proxy]\nthreads = 4 # four\n" GOOD,
     "proxy.ini:2: bad value `4 # four` for threads: accepted is: `auto` or a whole number from 1 "
     "to 256\n"},
    {"[proxy]\nmax_clients = 18446744073709551617\n" GOOD,
     "proxy.ini:2: bad value `18446744073709551617` for max_clients: accepted is: a whole number "
     "from 1 to 1000000\n"},
    {"[proxy]\nmax_clients = -1\n" GOOD,
     "proxy.ini:2: bad value `-1` for max_clients: accepted is: a whole number from 1 to "
     "1000000\n"},
    {"[proxy]\ndrain = 10\n" GOOD,
     "proxy.ini:2: bad value `10` for drain: it has no unit; write ms, s, m or h behind the "
     "number, as in 500ms\n"},
    {"[proxy]\ndrain = 25h\n" GOOD, "proxy.ini:2: bad value `25h` for drain: accepted is: a time "
                                    "from 0ms to 24h, as 500ms, 10s, 2m or 1h\n"},
    {"[proxy]\ndrain = 1.5s\n" GOOD, "proxy.ini:2: bad value `1.5s` for drain: accepted is: a "
                                     "time from 0ms to 24h, as 500ms, 10s, 2m or 1h\n"},
    {"[proxy]\nlog_level = loud\n" GOOD,
     "proxy.ini:2: bad value `loud` for log_level: accepted is: error | warn | info | debug\n"},
    {"[proxy]\nlisten =\n" GOOD,
     "proxy.ini:2: bad value `` for listen: accepted is: 127.0.0.1:PORT, [::1]:PORT or unix:/path "
     "(numbers, no names), several with commas between\n"},
    {"[proxy]\nconsole = localhost:4007\n" GOOD,
     "proxy.ini:2: bad value `localhost:4007` for console: accepted is: 127.0.0.1:PORT, "
     "[::1]:PORT or unix:/path (numbers, no names)\n"},
    {"[routing]\nconsistency = strict\nkey = users\nlost_write = ignore\nmax_keys = 0\n" GOOD,
     "proxy.ini:2: bad value `strict` for consistency: accepted is: eventual | session | key | "
     "strong\n"
     "proxy.ini:3: bad value `users` for key: accepted is: none | user | attribute\n"
     "proxy.ini:4: bad value `ignore` for lost_write: accepted is: error | warn\n"
     "proxy.ini:5: bad value `0` for max_keys: accepted is: a whole number from 1 to 10000000\n"},
    {"[routing]\npooling = statement\non_lag = Wait\n" GOOD,
     "proxy.ini:2: bad value `statement` for pooling: accepted is: session | transaction\n"
     "proxy.ini:3: bad value `Wait` for on_lag: accepted is: wait | leader\n"},
    {GOOD_CLUSTER "[server:a]\naddress = db1\n[server:b]\naddress = db1:0\n"
                  "[server:c]\naddress = a b:1\n[server:d]\naddress = ::1:3306\n",
     "proxy.ini:5: bad value `db1` for address: accepted is: 127.0.0.1:PORT, [::1]:PORT, "
     "host:PORT or unix:/path\n"
     "proxy.ini:7: bad value `db1:0` for address: accepted is: 127.0.0.1:PORT, [::1]:PORT, "
     "host:PORT or unix:/path\n"
     "proxy.ini:9: bad value `a b:1` for address: accepted is: 127.0.0.1:PORT, [::1]:PORT, "
     "host:PORT or unix:/path\n"
     "proxy.ini:11: bad value `::1:3306` for address: accepted is: 127.0.0.1:PORT, [::1]:PORT, "
     "host:PORT or unix:/path\n"},
    /* what is missing */
    {"", "proxy.ini: there is no [server:NAME] section\n"
         "proxy.ini: [cluster] has no `user`\n"
         "proxy.ini: [cluster] has no `password` and no `password_file`\n"},
    {GOOD_SERVER "[cluster]\n", "proxy.ini:3: [cluster] has no `user`\n"
                                "proxy.ini:3: [cluster] has no `password` and no "
                                "`password_file`\n"},
    {GOOD_CLUSTER "[server:a]\nweight = 2\n", "proxy.ini:4: [server:a] has no `address`\n"},
    {"[proxy]\nconsole = 127.0.0.1:4007\n" GOOD,
     "proxy.ini:2: the console needs a `console_password` or `console_password_file`, or an "
     "address unix:/path\n"},
    /* rules */
    {GOOD "[rule:r]\nuser = x\n",
     "proxy.ini:6: [rule:r] has neither `to` nor `consistency`, so it would do nothing\n"},
    {GOOD "[rule:r]\nto = server:bd1\n",
     "proxy.ini:7: [rule:r] names the server `bd1`, which is not there; did you mean `db1`?\n"},
    {GOOD "[rule:r]\nto = replica\n[rule:s]\nto = server:\n",
     "proxy.ini:7: bad value `replica` for to: accepted is: leader | followers | server:NAME | "
     "refuse\n"
     "proxy.ini:9: bad value `server:` for to: accepted is: leader | followers | server:NAME | "
     "refuse\n"},
    {GOOD "[rule:r]\nto = leader\nconsistency = keys\n",
     "proxy.ini:8: bad value `keys` for consistency: accepted is: eventual | session | key | "
     "strong\n"},
    /* secrets stay out */
    {GOOD_SERVER "[cluster]\nuser = u\npassword =\n",
     "proxy.ini:5: bad value for password: accepted is: a text of 1 to 512 bytes\n"},
    {GOOD_SERVER "[cluster]\nuser = u\npassword hunter2\nhunter2 3 = 4\npassword_file = /x/y\n",
     "proxy.ini:5: expected `key = value`, `[section]` or a comment\n"
     "proxy.ini:6: expected `key = value` with a key of [cluster]\n"
     "proxy.ini:7: password_file `/x/y`: No such file or directory\n"},
    {GOOD "[proxy]\npasword = hunter2\nconsole_password = hunter2\nconsole_password = hunter3\n",
     "proxy.ini:7: unknown key `pasword` in [proxy]\n"
     "proxy.ini:9: key `console_password` stands twice in this section; the first is at line 8\n"},
};

START_TEST(bad_file_gives_exactly_these_errors)
{
    expect_errors(bad_files[_i].text, bad_files[_i].expected);
}
END_TEST

START_TEST(bad_pattern_is_named_with_its_line)
{
    struct config_errors errors;
    ck_assert_ptr_null(load(GOOD "[rule:r]\nto = leader\nmatch = (a\n", &errors));
    ck_assert_uint_eq(errors.count, 1);
    ck_assert_ptr_nonnull(
        strstr(errors.lines[0], "proxy.ini:8: the pattern of [rule:r] does not compile: "));
    config_errors_free(&errors);
}
END_TEST

START_TEST(errors_come_in_the_order_of_the_file)
{
    expect_errors("[server:a]\nweight = x\n[rule:r]\nto = server:b\n[cluster]\npassword = p\n"
                  "[prxy]\n[routing]\nmax_lag = 3\n",
                  "proxy.ini:1: [server:a] has no `address`\n"
                  "proxy.ini:2: bad value `x` for weight: accepted is: a whole number from 0 to "
                  "1000\n"
                  "proxy.ini:4: [rule:r] names the server `b`, which is not there; did you mean "
                  "`a`?\n"
                  "proxy.ini:5: [cluster] has no `user`\n"
                  "proxy.ini:7: unknown section `prxy`; did you mean `[proxy]`?\n"
                  "proxy.ini:9: bad value `3` for max_lag: it has no unit; write ms, s, m or h "
                  "behind the number, as in 500ms\n");
}
END_TEST

START_TEST(unreadable_file_is_the_only_error)
{
    struct config_errors errors;
    ck_assert_ptr_null(config_load("missing.ini", &errors));
    ck_assert_uint_eq(errors.count, 1);
    ck_assert_str_eq(errors.lines[0], "missing.ini: can't be read: No such file or directory");
    config_errors_free(&errors);
    ck_assert_ptr_null(config_load(".", &errors));
    ck_assert_uint_eq(errors.count, 1);
    config_errors_free(&errors);
}
END_TEST

START_TEST(long_lines_and_nul_bytes_are_errors)
{
    struct buf text = {0};
    buf_append_text(&text, "[proxy]\nlisten = ");
    for (int i = 0; i < 9000; i++)
        buf_append_u8(&text, 'a');
    buf_append_text(&text, "\n" GOOD "\n");
    buf_append_zero(&text, 1);
    write_file("proxy.ini", text.data, text.len, 0600);
    struct config_errors errors;
    ck_assert_ptr_null(config_load("proxy.ini", &errors));
    ck_assert_uint_eq(errors.count, 2);
    ck_assert_str_eq(errors.lines[0], "proxy.ini:2: the line is too long");
    ck_assert_str_eq(errors.lines[1], "proxy.ini:9: the line has a NUL byte; is this a text file?");
    config_errors_free(&errors);
    buf_free(&text);
}
END_TEST

START_TEST(long_and_binary_values_are_shown_cut_and_masked)
{
    expect_errors("[proxy]\nthreads = \x1b[31m0123456789012345678901234567890123456789012345678901"
                  "23456789012345678901234567890123456789012345678901234567890123456789\n" GOOD,
                  "proxy.ini:2: bad value "
                  "`?[31m01234567890123456789012345678901234567890123456789012345678901234567890123"
                  "45678901234...` for threads: accepted is: `auto` or a whole number from 1 to "
                  "256\n");
}
END_TEST

START_TEST(number_of_errors_is_bounded)
{
    struct buf text = {0};
    buf_append_text(&text, GOOD "[proxy]\n");
    for (int i = 0; i < 500; i++)
        buf_append_text(&text, "junk\n");
    buf_append_u8(&text, '\0');
    struct config_errors errors;
    ck_assert_ptr_null(load((char *)text.data, &errors));
    ck_assert_uint_eq(errors.count, 101);
    ck_assert_str_eq(errors.lines[100], "proxy.ini: and 400 more errors");
    config_errors_free(&errors);
    buf_free(&text);
}
END_TEST

START_TEST(too_many_servers_are_an_error)
{
    struct buf text = {0};
    buf_append_text(&text, GOOD_CLUSTER);
    for (int i = 0; i < 66; i++)
        buf_printf(&text, "[server:s%d]\naddress = 127.0.0.1:%d\n", i, 5000 + i);
    buf_append_u8(&text, '\0');
    expect_errors((char *)text.data, "proxy.ini:132: more than 64 servers\n");
    buf_free(&text);
}
END_TEST

/* --- password files --- */

START_TEST(password_file_gives_its_first_line)
{
    write_file("password", "se;cret \r\nnot this\n", 19, 0640);
    struct config *config = load_good(GOOD_SERVER "[cluster]\nuser = u\npassword_file = password\n"
                                                  "[proxy]\nconsole = 127.0.0.1:4007\n"
                                                  "console_password_file = password\n");
    ck_assert_str_eq(config->cluster_password, "se;cret ");
    ck_assert_str_eq(config->console_password, "se;cret ");
    ck_assert_str_eq(config->cluster_password_file, "password");
    config_unref(config);
}
END_TEST

START_TEST(password_file_is_looked_for_beside_proxy_ini)
{
    write_file("password", "secret", 6, 0600);
    char path[sizeof(folder) + 16];
    snprintf(path, sizeof(path), "%s/proxy.ini", folder);
    const char *text = GOOD_SERVER "[cluster]\nuser = u\npassword_file = password\n";
    write_file("proxy.ini", text, strlen(text), 0600);
    ck_assert_int_eq(chdir("/"), 0);
    struct config_errors errors;
    struct config *config = config_load(path, &errors);
    ck_assert_int_eq(chdir(folder), 0);
    ck_assert_ptr_nonnull(config);
    ck_assert_str_eq(config->cluster_password, "secret");
    config_errors_free(&errors);
    config_unref(config);
}
END_TEST

static const struct {
    const char *content;
    mode_t mode;
    const char *expected;
} bad_password_files[] = {
    {"secret\n", 0644, "every user of this machine can read or write it; use chmod 640 or 600"},
    {"", 0600, "it is empty"},
    {"\nsecret\n", 0600, "its first line is empty"},
};

START_TEST(bad_password_file_is_refused)
{
    const char *content = bad_password_files[_i].content;
    write_file("password", content, strlen(content), bad_password_files[_i].mode);
    char expected[256];
    snprintf(expected, sizeof(expected), "proxy.ini:5: password_file `password`: %s\n",
             bad_password_files[_i].expected);
    expect_errors(GOOD_SERVER "[cluster]\nuser = u\npassword_file = password\n", expected);
}
END_TEST

START_TEST(password_and_password_file_exclude_each_other)
{
    write_file("password", "secret", 6, 0600);
    expect_errors(GOOD "[proxy]\nconsole_password_file = password\nconsole_password = x\n"
                       "[routing]\n",
                  "proxy.ini:8: `console_password` and `console_password_file` are both there; "
                  "leave one out\n");
}
END_TEST

/* --- for the console --- */

static void append_row(const char *section, const char *key, const char *value, void *context)
{
    buf_printf(context, "%s|%s|%s\n", section, key, value);
}

START_TEST(config_each_shows_all_but_secrets)
{
    struct config *config = load_good(GOOD "[proxy]\nconsole = 127.0.0.1:4007\nthreads = 2\n"
                                           "console_password = hunter2\ndrain = 90s\n"
                                           "[rule:r]\nmatch = x\nto = server:db1\n");
    struct buf rows = {0};
    config_each(config, append_row, &rows);
    buf_append_u8(&rows, '\0');
    const char *text = (char *)rows.data;
    static const char *const expected[] = {
        "proxy|listen|127.0.0.1:4006\n",  "proxy|threads|2\n",
        "proxy|console_password|***\n",   "proxy|drain|90s\n",
        "cluster|password|***\n",         "cluster|password_file|\n",
        "server:db1|weight|1\n",          "rule:r|match|x\n",
        "rule:r|to|server:db1\n",         "routing|max_lag|10s\n",
        "rule:r|consistency|\n",          "routing|consistency|session\n",
        "routing|causal_timeout|100ms\n", "cluster|log_server_id|auto\n",
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        ck_assert_msg(strstr(text, expected[i]) != NULL, "no row %s in:\n%s", expected[i], text);
    ck_assert_ptr_null(strstr(text, "hunter2"));
    ck_assert_ptr_null(strstr(text, "secret"));
    buf_free(&rows);
    config_unref(config);
}
END_TEST

START_TEST(restart_keys_are_named_when_they_differ)
{
    struct config *old = load_good(GOOD);
    struct config *same = load_good(GOOD "[proxy]\nmax_clients = 5\nlog_level = debug\n");
    struct config *new = load_good(GOOD "[proxy]\nlisten = 127.0.0.1:9\nthreads = 99\n"
                                        "console = unix:/x\n");
    char names[128];
    config_restart_keys(old, same, names, sizeof(names));
    ck_assert_str_eq(names, "");
    config_restart_keys(old, new, names, sizeof(names));
    ck_assert_str_eq(names, "listen, threads, console");
    config_restart_keys(new, old, names, 8);
    ck_assert_str_eq(names, "listen,");
    config_unref(old);
    config_unref(same);
    config_unref(new);
}
END_TEST

START_TEST(last_reference_frees)
{
    struct config *config = load_good(GOOD);
    ck_assert_ptr_eq(config_ref(config), config);
    config_unref(config);
    ck_assert_str_eq(config->cluster_user, "causeway");
    config_unref(config);
    config_unref(NULL);
}
END_TEST

/* --- the files beside the program --- */

/* Path of a file of the repository; valid until the next call. */
static const char *repository_path(const char *name)
{
    static char path[4096];
    const char *tests = strstr(__FILE__, "tests/unit/");
    snprintf(path, sizeof(path), "%.*s%s", (int)(tests - __FILE__), __FILE__, name);
    return path;
}

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s can't be read", path);
    struct buf text = {0};
    size_t n;
    while ((n = fread(buf_reserve(&text, 4096), 1, 4096, file)) > 0)
        text.len += n;
    buf_append_u8(&text, '\0');
    fclose(file);
    return (char *)text.data;
}

START_TEST(proxy_ini_of_the_repository_is_good)
{
    struct config_errors errors;
    struct config *config = config_load(repository_path("proxy.ini"), &errors);
    for (size_t i = 0; i < errors.count; i++)
        ck_abort_msg("unexpected: %s", errors.lines[i]);
    ck_assert_str_eq(config->listen[0].text, "127.0.0.1:4006");
    ck_assert_str_eq(config->console, "127.0.0.1:4007");
    ck_assert_str_eq(config->cluster_user, "causeway");
    ck_assert_uint_eq(config->server_count, 3);
    config_errors_free(&errors);
    config_unref(config);
}
END_TEST

/* "NAME]" or "\n" behind the section's word in `text`: where its keys begin. */
static const char *find_section(const char *text, const char *before, enum config_section section)
{
    char title[64];
    snprintf(title, sizeof(title), "%s[%s%c", before, config_section_word(section),
             config_section_named(section) ? ':' : ']');
    return strstr(text, title);
}

/* Keys stand there as they are, or commented out with their default. */
START_TEST(proxy_ini_of_the_repository_names_the_key)
{
    const struct config_key *key = config_key_at((size_t)_i);
    char *text = read_text(repository_path("proxy.ini"));
    bool in_comment = key->section == CONFIG_RULE || key->section == CONFIG_USER;
    const char *at = find_section(text, in_comment ? "\n; " : "\n", key->section);
    ck_assert_msg(at != NULL, "no section for %s", key->name);
    char plain[64], commented[64];
    snprintf(plain, sizeof(plain), "\n%s = ", key->name);
    snprintf(commented, sizeof(commented), "\n; %s = ", key->name);
    const char *commented_at = strstr(at, commented);
    ck_assert_msg(commented_at || strstr(at, plain), "no line for %s", key->name);
    if (commented_at && key->standard) {
        const char *value = commented_at + strlen(commented);
        size_t len = strlen(key->standard);
        ck_assert_msg(strncmp(value, key->standard, len) == 0 && strchr(" \n", value[len]),
                      "the default of %s is %s", key->name, key->standard);
    }
    free(text);
}
END_TEST

/* The row "| `key` | meaning | values | `default` |" stands in the table of its section. */
START_TEST(config_md_explains_the_key_with_its_default)
{
    const struct config_key *key = config_key_at((size_t)_i);
    char *text = read_text(repository_path("docs/CONFIG.md"));
    char *at = (char *)find_section(text, "\n## ", key->section);
    ck_assert_ptr_nonnull(at);
    char *end = strstr(at + 4, "\n## ");
    if (end)
        *end = '\0';
    char row[64], standard[64];
    snprintf(row, sizeof(row), "\n| `%s` | ", key->name);
    char *line = strstr(at, row);
    ck_assert_msg(line != NULL, "no row for %s", key->name);
    line[1 + strcspn(line + 1, "\n")] = '\0';
    if (key->standard)
        snprintf(standard, sizeof(standard), "| `%s` |", key->standard);
    else
        snprintf(standard, sizeof(standard), "| none");
    ck_assert_msg(strstr(line, standard) != NULL, "the default of %s is %s", key->name,
                  key->standard ? key->standard : "none");
    free(text);
}
END_TEST

static Suite *config_suite(void)
{
    Suite *suite = suite_create("config");
    TCase *files = tcase_create("files");
    tcase_add_checked_fixture(files, enter_folder, leave_folder);
    tcase_add_test(files, shortest_file_gets_all_defaults);
    tcase_add_test(files, every_consistency_has_its_word);
    tcase_add_test(files, every_key_is_read);
    tcase_add_test(files, long_pattern_is_read_whole);
    tcase_add_loop_test(files, bad_file_gives_exactly_these_errors, 0,
                        (int)(sizeof(bad_files) / sizeof(bad_files[0])));
    tcase_add_test(files, bad_pattern_is_named_with_its_line);
    tcase_add_test(files, errors_come_in_the_order_of_the_file);
    tcase_add_test(files, unreadable_file_is_the_only_error);
    tcase_add_test(files, long_lines_and_nul_bytes_are_errors);
    tcase_add_test(files, long_and_binary_values_are_shown_cut_and_masked);
    tcase_add_test(files, number_of_errors_is_bounded);
    tcase_add_test(files, too_many_servers_are_an_error);
    tcase_add_test(files, password_file_gives_its_first_line);
    tcase_add_test(files, password_file_is_looked_for_beside_proxy_ini);
    tcase_add_loop_test(files, bad_password_file_is_refused, 0,
                        (int)(sizeof(bad_password_files) / sizeof(bad_password_files[0])));
    tcase_add_test(files, password_and_password_file_exclude_each_other);
    tcase_add_test(files, config_each_shows_all_but_secrets);
    tcase_add_test(files, restart_keys_are_named_when_they_differ);
    tcase_add_test(files, last_reference_frees);
    suite_add_tcase(suite, files);

    TCase *repository = tcase_create("repository");
    tcase_add_test(repository, proxy_ini_of_the_repository_is_good);
    tcase_add_loop_test(repository, proxy_ini_of_the_repository_names_the_key, 0,
                        (int)config_key_count());
    tcase_add_loop_test(repository, config_md_explains_the_key_with_its_default, 0,
                        (int)config_key_count());
    suite_add_tcase(suite, repository);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(config_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
