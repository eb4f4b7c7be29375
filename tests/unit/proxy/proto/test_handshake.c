/* The packets of a login: recorded ones of real clients and a real server, built ones, cut ones. */
#include "proxy/proto/auth_native.h"
#include "proxy/proto/capability.h"
#include "proxy/proto/handshake.h"
#include "tests/unit/proxy/proto/recorded_logins.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

#define BYTES(text) span_of(text, sizeof text - 1)

static unsigned hex_digit(char digit)
{
    return (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

static struct buf bytes_of_hex(const char *hex)
{
    struct buf bytes = {0};
    for (; *hex; hex += 2)
        buf_append_u8(&bytes, (uint8_t)(hex_digit(hex[0]) << 4 | hex_digit(hex[1])));
    return bytes;
}

/* The payload of the only packet in `bytes`. */
static struct span payload_of(const struct buf *bytes)
{
    ck_assert_uint_ge(bytes->len, PACKET_HEADER_BYTES);
    ck_assert_uint_eq(packet_payload_len(bytes->data), bytes->len - PACKET_HEADER_BYTES);
    return span_of(bytes->data + PACKET_HEADER_BYTES, bytes->len - PACKET_HEADER_BYTES);
}

/* A copy of exactly `len` bytes: a sanitizer sees every read beyond them. */
static uint8_t *exact_copy(const uint8_t *bytes, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, bytes, len);
    return copy;
}

/* --- recorded --- */

START_TEST(a_real_greeting_is_read_and_built_again_byte_by_byte)
{
    struct buf bytes = bytes_of_hex(recorded_logins[_i].greeting), built = {0};
    struct greeting greeting;
    ck_assert_int_eq(greeting_parse(payload_of(&bytes), &greeting), 0);
    ck_assert(span_equal(greeting.version, BYTES("5.5.5-10.11.19-MariaDB-0+deb12u1-log")));
    ck_assert(span_equal(greeting.plugin, BYTES(NATIVE_PLUGIN)));
    ck_assert(!(greeting.capabilities & CLIENT_LONG_PASSWORD));
    ck_assert_uint_eq(greeting.capabilities >> 32, 0x1d);
    ck_assert_uint_eq(greeting.status, SERVER_STATUS_AUTOCOMMIT);
    ck_assert_uint_ne(greeting.connection_id, 0);
    greeting_build(&built, &greeting);
    ck_assert(span_equal(buf_span(&built), buf_span(&bytes)));
    buf_free(&bytes);
    buf_free(&built);
}
END_TEST

static void expect_proof(struct span proof, const char *greeting_hex)
{
    struct buf bytes = bytes_of_hex(greeting_hex);
    struct greeting greeting;
    uint8_t stage1[NATIVE_HASH_BYTES], stored[NATIVE_HASH_BYTES], learned[NATIVE_HASH_BYTES];
    ck_assert_int_eq(greeting_parse(payload_of(&bytes), &greeting), 0);
    native_stage1(BYTES("secret"), stage1);
    native_stored(stage1, stored);
    ck_assert(native_verify(proof, greeting.salt, stored, learned));
    buf_free(&bytes);
}

START_TEST(a_real_login_is_read)
{
    const struct recorded_login *recorded = &recorded_logins[_i];
    struct buf bytes = bytes_of_hex(recorded->login);
    struct login login;
    bool root = strstr(recorded->name, "no_password");
    bool schema = !root && !strstr(recorded->name, "no_schema") &&
                  strcmp(recorded->name, "mariadb_cli") != 0 &&
                  strcmp(recorded->name, "pymysql") != 0;
    ck_assert_int_eq(login_parse(payload_of(&bytes), &login), 0);
    ck_assert(span_equal(login.user, root ? BYTES("root") : BYTES("app")));
    ck_assert(span_equal(login.schema, schema ? BYTES("shop") : BYTES("")));
    ck_assert(span_equal(login.plugin, BYTES(NATIVE_PLUGIN)));
    if (root)
        ck_assert_uint_eq(login.auth.len, 0);
    else
        expect_proof(login.auth, recorded->greeting);
    buf_free(&bytes);
}
END_TEST

START_TEST(a_real_login_has_its_attributes)
{
    struct buf bytes = bytes_of_hex(recorded_logins[_i].login);
    struct login login;
    ck_assert_int_eq(login_parse(payload_of(&bytes), &login), 0);
    struct reader attributes = reader_of(login.attributes);
    struct span key, value;
    int rc;
    bool named = false;
    while ((rc = attribute_next(&attributes, &key, &value)) > 0)
        named = named || (span_equal(key, BYTES("_client_name")) && value.len > 0);
    ck_assert_int_eq(rc, 0);
    ck_assert(named);
    buf_free(&bytes);
}
END_TEST

START_TEST(a_real_login_built_again_is_read_the_same)
{
    struct buf bytes = bytes_of_hex(recorded_logins[_i].login), built = {0};
    struct login login, again;
    ck_assert_int_eq(login_parse(payload_of(&bytes), &login), 0);
    login_build(&built, 1, &login);
    ck_assert_int_eq(login_parse(payload_of(&built), &again), 0);
    ck_assert_uint_eq(again.capabilities | CLIENT_CONNECT_WITH_DB,
                      login.capabilities | CLIENT_CONNECT_WITH_DB);
    ck_assert_uint_eq(again.max_packet, login.max_packet);
    ck_assert_uint_eq(again.collation, login.collation);
    ck_assert(span_equal(again.user, login.user) && span_equal(again.auth, login.auth));
    ck_assert(span_equal(again.schema, login.schema) && span_equal(again.plugin, login.plugin));
    ck_assert(span_equal(again.attributes, login.attributes));
    buf_free(&bytes);
    buf_free(&built);
}
END_TEST

START_TEST(no_cut_of_a_real_packet_reads_beyond_it)
{
    const struct recorded_login *recorded = &recorded_logins[_i];
    struct buf greeting_bytes = bytes_of_hex(recorded->greeting);
    struct buf login_bytes = bytes_of_hex(recorded->login);
    struct greeting greeting;
    struct login login;
    for (size_t len = 0; len < greeting_bytes.len - 4; len++) {
        uint8_t *copy = exact_copy(greeting_bytes.data + 4, len);
        int rc = greeting_parse(span_of(copy, len), &greeting);
        ck_assert(rc == -EPROTO || len > greeting_bytes.len - 4 - sizeof NATIVE_PLUGIN - 1);
        free(copy);
    }
    for (size_t len = 0; len < login_bytes.len - 4; len++) {
        uint8_t *copy = exact_copy(login_bytes.data + 4, len);
        int rc = login_parse(span_of(copy, len), &login);
        ck_assert(rc == 0 || rc == -EPROTO);
        ck_assert(rc == -EPROTO || len > 36);
        free(copy);
    }
    buf_free(&greeting_bytes);
    buf_free(&login_bytes);
}
END_TEST

START_TEST(a_real_change_user_and_its_auth_switch_are_read)
{
    const struct recorded_login *recorded = &recorded_logins[_i];
    if (!recorded->change_user)
        return;
    struct buf login_bytes = bytes_of_hex(recorded->login);
    struct buf change_bytes = bytes_of_hex(recorded->change_user);
    struct buf switch_bytes = bytes_of_hex(recorded->auth_switch);
    struct buf built = {0};
    struct login login, change;
    ck_assert_int_eq(login_parse(payload_of(&login_bytes), &login), 0);
    ck_assert_int_eq(change_user_parse(payload_of(&change_bytes), login.capabilities, &change), 0);
    bool no_schema = strncmp(recorded->name, "mysqlclient", 11) == 0;
    ck_assert(span_equal(change.user, BYTES("app")));
    ck_assert(span_equal(change.schema, no_schema ? BYTES("") : BYTES("shop")));
    ck_assert(span_equal(change.plugin, BYTES(NATIVE_PLUGIN)));
    ck_assert_uint_ne(change.collation, 0);
    ck_assert_uint_eq(change.capabilities, login.capabilities);
    expect_proof(change.auth, recorded->greeting);
    change_user_build(&built, &change, login.capabilities);
    /* This client writes the length of its attributes in a longer form than needed. */
    if (strncmp(recorded->name, "node_mariadb", 12) != 0)
        ck_assert(span_equal(buf_span(&built), buf_span(&change_bytes)));

    struct auth_switch auth_switch;
    ck_assert_int_eq(auth_switch_parse(payload_of(&switch_bytes), &auth_switch), 0);
    ck_assert(span_equal(auth_switch.plugin, BYTES(NATIVE_PLUGIN)));
    ck_assert_uint_eq(auth_switch.data.len, SALT_BYTES);
    built.len = 0;
    auth_switch_build(&built, 1, &auth_switch);
    ck_assert(span_equal(buf_span(&built), buf_span(&switch_bytes)));
    buf_free(&login_bytes);
    buf_free(&change_bytes);
    buf_free(&switch_bytes);
    buf_free(&built);
}
END_TEST

/* --- greetings --- */

START_TEST(a_refusal_and_a_foreign_protocol_are_told_apart)
{
    struct greeting greeting;
    ck_assert_int_eq(greeting_parse(BYTES("\xff\x10\x04Too many connections"), &greeting),
                     -ECONNREFUSED);
    ck_assert_int_eq(greeting_parse(BYTES("\x09"
                                          "3.23\0...................."),
                                    &greeting),
                     -EPROTO);
    ck_assert_int_eq(greeting_parse(BYTES(""), &greeting), -EPROTO);
}
END_TEST

START_TEST(extended_flags_of_a_server_count_only_without_the_old_one)
{
    struct greeting greeting = {.version = BYTES("8"), .plugin = BYTES("p")}, again;
    struct buf out = {0};
    greeting.capabilities =
        CLIENT_PLUGIN_AUTH | CLIENT_SECURE_CONNECTION | MARIADB_CLIENT_STMT_BULK_OPERATIONS;
    greeting_build(&out, &greeting);
    ck_assert_int_eq(greeting_parse(payload_of(&out), &again), 0);
    ck_assert_uint_eq(again.capabilities, greeting.capabilities);
    out.len = 0;
    greeting.capabilities |= CLIENT_LONG_PASSWORD;
    greeting_build(&out, &greeting);
    ck_assert_int_eq(greeting_parse(payload_of(&out), &again), 0);
    ck_assert_uint_eq(again.capabilities,
                      CLIENT_PLUGIN_AUTH | CLIENT_SECURE_CONNECTION | CLIENT_LONG_PASSWORD);
    buf_free(&out);
}
END_TEST

/* --- logins by hand --- */

#define FLAGS (CLIENT_PROTOCOL_41 | CLIENT_SECURE_CONNECTION)

/* The 32 bytes that stand first. */
static struct buf login_head(uint64_t capabilities)
{
    struct buf out = {0};
    buf_append_u32(&out, (uint32_t)capabilities);
    buf_append_u32(&out, 1 << 24);
    buf_append_u8(&out, 45);
    buf_append_zero(&out, 19);
    buf_append_u32(&out, (uint32_t)(capabilities >> 32));
    return out;
}

static const struct login_case {
    const char *name;
    uint64_t capabilities;
    struct span rest;
    int rc;
    struct span user, auth, schema, plugin, attributes;
} login_cases[] = {
#define B(text)                                                                                    \
    {                                                                                              \
        (const uint8_t *)text, sizeof text - 1                                                     \
    }
    {"user only", FLAGS, B("joe\0\0"), 0, B("joe"), B(""), B(""), B(""), B("")},
    {"nobody", FLAGS, B("\0\0"), 0, B(""), B(""), B(""), B(""), B("")},
    {"proof", FLAGS, B("joe\0\4abcd"), 0, B("joe"), B("abcd"), B(""), B(""), B("")},
    {"proof cut off", FLAGS, B("joe\0\5abcd"), -EPROTO, B(""), B(""), B(""), B(""), B("")},
    {"no proof at all", FLAGS, B("joe\0"), -EPROTO, B(""), B(""), B(""), B(""), B("")},
    {"user without end", FLAGS, B("joe"), -EPROTO, B(""), B(""), B(""), B(""), B("")},
    {"proof up to a NUL", CLIENT_PROTOCOL_41, B("joe\0clear\0"), 0, B("joe"), B("clear"), B(""),
     B(""), B("")},
    {"long proof", FLAGS | CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA, B("joe\0\xfc\4\0abcd"), 0,
     B("joe"), B("abcd"), B(""), B(""), B("")},
    {"long proof cut off", FLAGS | CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA, B("joe\0\xfc\4\1abcd"),
     -EPROTO, B(""), B(""), B(""), B(""), B("")},
    {"schema", FLAGS | CLIENT_CONNECT_WITH_DB, B("joe\0\0shop\0"), 0, B("joe"), B(""), B("shop"),
     B(""), B("")},
    {"schema up to the end", FLAGS | CLIENT_CONNECT_WITH_DB, B("joe\0\0shop"), 0, B("joe"), B(""),
     B("shop"), B(""), B("")},
    {"schema promised", FLAGS | CLIENT_CONNECT_WITH_DB, B("joe\0\0"), 0, B("joe"), B(""), B(""),
     B(""), B("")},
    {"no schema promised", FLAGS, B("joe\0\0shop\0"), 0, B("joe"), B(""), B(""), B(""), B("")},
    {"plugin", FLAGS | CLIENT_PLUGIN_AUTH, B("joe\0\0ed25519\0"), 0, B("joe"), B(""), B(""),
     B("ed25519"), B("")},
    {"attributes", FLAGS | CLIENT_PLUGIN_AUTH | CLIENT_CONNECT_ATTRS, B("joe\0\0p\0\4\1k\1v"), 0,
     B("joe"), B(""), B(""), B("p"), B("\1k\1v")},
    {"attributes cut off", FLAGS | CLIENT_PLUGIN_AUTH | CLIENT_CONNECT_ATTRS,
     B("joe\0\0p\0\5\1k\1v"), -EPROTO, B(""), B(""), B(""), B(""), B("")},
    {"attributes promised", FLAGS | CLIENT_PLUGIN_AUTH | CLIENT_CONNECT_ATTRS, B("joe\0\0p\0"), 0,
     B("joe"), B(""), B(""), B("p"), B("")},
    {"old protocol", CLIENT_SECURE_CONNECTION, B("joe\0\0"), -EOPNOTSUPP, B(""), B(""), B(""),
     B(""), B("")},
    {"ssl request", FLAGS | CLIENT_SSL, B(""), -EAGAIN, B(""), B(""), B(""), B(""), B("")},
    {"ssl flag in a login", FLAGS | CLIENT_SSL, B("joe\0\0"), 0, B("joe"), B(""), B(""), B(""),
     B("")},
    {"32 bytes without the ssl flag", FLAGS, B(""), -EPROTO, B(""), B(""), B(""), B(""), B("")},
#undef B
};

START_TEST(each_form_of_a_login_is_read)
{
    const struct login_case *c = &login_cases[_i];
    struct buf out = login_head(c->capabilities);
    struct login login;
    buf_append_span(&out, c->rest);
    ck_assert_msg(login_parse(buf_span(&out), &login) == c->rc, "%s", c->name);
    if (c->rc == 0) {
        ck_assert_msg(span_equal(login.user, c->user), "%s", c->name);
        ck_assert_msg(span_equal(login.auth, c->auth), "%s", c->name);
        ck_assert_msg(span_equal(login.schema, c->schema), "%s", c->name);
        ck_assert_msg(span_equal(login.plugin, c->plugin), "%s", c->name);
        ck_assert_msg(span_equal(login.attributes, c->attributes), "%s", c->name);
        ck_assert_uint_eq(login.collation, 45);
        ck_assert_uint_eq(login.max_packet, 1 << 24);
    }
    buf_free(&out);
}
END_TEST

START_TEST(extended_flags_of_a_client_count_only_without_the_old_one)
{
    uint64_t extended = MARIADB_CLIENT_PROGRESS | MARIADB_CLIENT_STMT_BULK_OPERATIONS;
    struct buf out = login_head(FLAGS | extended);
    struct login login;
    buf_append(&out, "joe\0\0", 5);
    ck_assert_int_eq(login_parse(buf_span(&out), &login), 0);
    ck_assert_uint_eq(login.capabilities, FLAGS | extended);
    out.data[0] |= CLIENT_LONG_PASSWORD;
    ck_assert_int_eq(login_parse(buf_span(&out), &login), 0);
    ck_assert_uint_eq(login.capabilities, FLAGS | CLIENT_LONG_PASSWORD);
    buf_free(&out);
}
END_TEST

/* Schema lengths from the limit on; user names of letters of one, two and four bytes. */
START_TEST(a_schema_above_the_limit_is_refused_a_user_is_cut)
{
    static const char *const letters[] = {"u", "\xc3\xbc", "\xf0\x9f\x90\xac"};
    const size_t letter_len = strlen(letters[_i]);
    for (size_t over = 0; over < 3; over++) {
        struct buf out = login_head(FLAGS | CLIENT_CONNECT_WITH_DB);
        struct login login;
        for (size_t k = 0; k < HANDSHAKE_USER_MAX_CHARACTERS + over; k++)
            buf_append_text(&out, letters[_i]);
        buf_append_zero(&out, 2);
        for (size_t k = 0; k < HANDSHAKE_SCHEMA_MAX_BYTES + over / 2; k++)
            buf_append_u8(&out, 's');
        buf_append_zero(&out, 1);
        ck_assert_int_eq(login_parse(buf_span(&out), &login), over == 2 ? -EPROTO : 0);
        size_t wanted = HANDSHAKE_USER_MAX_CHARACTERS * letter_len;
        if (wanted > HANDSHAKE_USER_MAX_BYTES)
            wanted = HANDSHAKE_USER_MAX_BYTES;
        ck_assert_uint_eq(login.user.len, wanted);
        buf_free(&out);
    }
}
END_TEST

START_TEST(an_old_client_with_a_short_packet_is_told_so)
{
    struct login login;
    ck_assert_int_eq(login_parse(BYTES("\x05\x00\x00\x00\x01joe\0"), &login), -EOPNOTSUPP);
    ck_assert_int_eq(login_parse(BYTES("\x05"), &login), -EPROTO);
    ck_assert_int_eq(login_parse(BYTES("\x00\x02\x00\x00\x01joe\0"), &login), -EPROTO);
}
END_TEST

START_TEST(a_login_of_causeway_sets_the_flags_of_its_fields)
{
    struct login login = {.capabilities = FLAGS | CLIENT_CONNECT_WITH_DB | CLIENT_CONNECT_ATTRS,
                          .user = BYTES("u"),
                          .plugin = BYTES("p")};
    struct login again;
    struct buf out = {0};
    login_build(&out, 3, &login);
    ck_assert_uint_eq(packet_seq(out.data), 3);
    ck_assert_int_eq(login_parse(payload_of(&out), &again), 0);
    ck_assert_uint_eq(again.capabilities, FLAGS | CLIENT_PLUGIN_AUTH);
    ck_assert(span_equal(again.plugin, BYTES("p")));
    buf_free(&out);
}
END_TEST

/* --- COM_CHANGE_USER, AuthSwitchRequest, attributes --- */

START_TEST(a_change_user_may_end_early_but_not_within_a_field)
{
    uint64_t flags = FLAGS | CLIENT_PLUGIN_AUTH | CLIENT_CONNECT_ATTRS;
    static const struct {
        struct span payload;
        int rc;
    } cases[] = {
#define B(text) {(const uint8_t *)text, sizeof text - 1}
        {B("\x11joe\0\2ab"
           "db\0\x08\0p\0\4\1k\1v"),
         0},
        {B("\x11joe\0\2ab"
           "db\0\x08\0p\0"),
         0},
        {B("\x11joe\0\2ab"
           "db\0\x08\0"),
         0},
        {B("\x11joe\0\2ab"
           "db\0"),
         0},
        {B("\x11joe\0\2ab"
           "db\0\x08"),
         -EPROTO},
        {B("\x11joe\0\2ab"), 0},
        {B("\x11joe\0\2a"), -EPROTO},
        {B("\x11joe\0"), -EPROTO},
        {B("\x11joe"), -EPROTO},
        {B("\x12joe\0\0\0"), -EPROTO},
        {B(""), -EPROTO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct login login;
        ck_assert_msg(change_user_parse(cases[i].payload, flags, &login) == cases[i].rc, "%zu", i);
        if (cases[i].rc == 0)
            ck_assert(span_equal(login.user, BYTES("joe")) && span_equal(login.auth, BYTES("ab")));
    }
}
END_TEST

START_TEST(an_auth_switch_keeps_data_that_is_no_salt_as_it_is)
{
    struct auth_switch auth_switch;
    struct buf out = {0};
    struct span nonce = B("\xfe"
                          "client_ed25519\0"
                          "0123456789abcdef0123456789abcde\0");
    ck_assert_int_eq(auth_switch_parse(nonce, &auth_switch), 0);
    ck_assert(span_equal(auth_switch.plugin, BYTES("client_ed25519")));
    ck_assert_uint_eq(auth_switch.data.len, 32);
    auth_switch_build(&out, 2, &auth_switch);
    ck_assert(span_equal(payload_of(&out), nonce));
    ck_assert_int_eq(auth_switch_parse(BYTES("\xfe"), &auth_switch), -EPROTO);
    ck_assert_int_eq(auth_switch_parse(BYTES("\xfe"
                                             "plugin"),
                                       &auth_switch),
                     -EPROTO);
    ck_assert_int_eq(auth_switch_parse(BYTES("\x00p\0"), &auth_switch), -EPROTO);
    ck_assert_int_eq(auth_switch_parse(BYTES(""), &auth_switch), -EPROTO);
    ck_assert_int_eq(auth_switch_parse(BYTES("\xfe"
                                             "p\0"),
                                       &auth_switch),
                     0);
    ck_assert_uint_eq(auth_switch.data.len, 0);
    buf_free(&out);
}
END_TEST
#undef B

START_TEST(attributes_come_one_by_one_and_a_broken_one_is_told)
{
    struct span key, value;
    struct reader reader = reader_of(BYTES("\1k\2vv\0\0\1x\0"));
    ck_assert_int_eq(attribute_next(&reader, &key, &value), 1);
    ck_assert(span_equal(key, BYTES("k")) && span_equal(value, BYTES("vv")));
    ck_assert_int_eq(attribute_next(&reader, &key, &value), 1);
    ck_assert_uint_eq(key.len + value.len, 0);
    ck_assert_int_eq(attribute_next(&reader, &key, &value), 1);
    ck_assert_int_eq(attribute_next(&reader, &key, &value), 0);
    ck_assert_int_eq(attribute_next(&reader, &key, &value), 0);

    static const char *const broken[] = {"\2k", "\1k", "\1k\3vv", "\xfb"};
    for (size_t i = 0; i < 4; i++) {
        reader = reader_of(span_text(broken[i]));
        ck_assert_int_eq(attribute_next(&reader, &key, &value), -EPROTO);
        ck_assert_int_eq(attribute_next(&reader, &key, &value), -EPROTO);
    }
}
END_TEST

START_TEST(an_attribute_is_found_by_its_name)
{
    struct span value = {0};
    struct span attributes = BYTES("\1k\2vv\3key\1a\3key\1b\0\0");
    ck_assert_int_eq(attributes_find(attributes, "key", &value), 1);
    ck_assert(span_equal(value, BYTES("a")));
    ck_assert_int_eq(attributes_find(attributes, "k", &value), 1);
    ck_assert(span_equal(value, BYTES("vv")));
    ck_assert_int_eq(attributes_find(attributes, "K", &value), 0);
    ck_assert_int_eq(attributes_find(attributes, "ke", &value), 0);
    ck_assert_int_eq(attributes_find(BYTES(""), "k", &value), 0);
    ck_assert_int_eq(attributes_find(BYTES("\1k\3vv"), "k", &value), -EPROTO);
    /* broken behind it */
    ck_assert_int_eq(attributes_find(BYTES("\1k\1v\2x"), "k", &value), -EPROTO);
}
END_TEST

static void add_recorded(TCase *tests)
{
    tcase_add_loop_test(tests, a_real_greeting_is_read_and_built_again_byte_by_byte, 0,
                        RECORDED_LOGINS);
    tcase_add_loop_test(tests, a_real_login_is_read, 0, RECORDED_LOGINS);
    tcase_add_loop_test(tests, a_real_login_has_its_attributes, 0, RECORDED_LOGINS);
    tcase_add_loop_test(tests, a_real_login_built_again_is_read_the_same, 0, RECORDED_LOGINS);
    tcase_add_loop_test(tests, no_cut_of_a_real_packet_reads_beyond_it, 0, RECORDED_LOGINS);
    tcase_add_loop_test(tests, a_real_change_user_and_its_auth_switch_are_read, 0, RECORDED_LOGINS);
}

int main(void)
{
    Suite *suite = suite_create("handshake");
    TCase *tests = tcase_create("handshake");
    add_recorded(tests);
    tcase_add_test(tests, a_refusal_and_a_foreign_protocol_are_told_apart);
    tcase_add_test(tests, extended_flags_of_a_server_count_only_without_the_old_one);
    tcase_add_loop_test(tests, each_form_of_a_login_is_read, 0,
                        sizeof login_cases / sizeof login_cases[0]);
    tcase_add_test(tests, extended_flags_of_a_client_count_only_without_the_old_one);
    tcase_add_loop_test(tests, a_schema_above_the_limit_is_refused_a_user_is_cut, 0, 3);
    tcase_add_test(tests, an_old_client_with_a_short_packet_is_told_so);
    tcase_add_test(tests, a_login_of_causeway_sets_the_flags_of_its_fields);
    tcase_add_test(tests, a_change_user_may_end_early_but_not_within_a_field);
    tcase_add_test(tests, an_auth_switch_keeps_data_that_is_no_salt_as_it_is);
    tcase_add_test(tests, an_attribute_is_found_by_its_name);
    tcase_add_test(tests, attributes_come_one_by_one_and_a_broken_one_is_told);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
