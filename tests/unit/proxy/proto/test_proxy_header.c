/* What do the headers of load balancers say, and from whom are they taken? */
#include "proxy/proto/proxy_header.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

#define BYTES(text) text, sizeof(text) - 1
#define V2          "\r\n\r\n\0\r\nQUIT\n"

static const struct {
    const char *bytes;
    size_t len;
    int result;
    size_t header_len;
    const char *address;
} headers[] = {
    {BYTES("PROXY TCP4 192.0.2.7 192.0.2.2 56324 4006\r\nrest"), 1, 43, "192.0.2.7"},
    {BYTES("PROXY TCP6 2001:db8::7 2001:db8::2 1 65535\r\n"), 1, 44, "2001:db8::7"},
    {BYTES("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n"), 1, 37, "192.0.2.7"},
    {BYTES("PROXY UNKNOWN\r\n"), 1, 15, ""},
    {BYTES("PROXY UNKNOWN whatever follows\r\n"), 1, 32, ""},
    {BYTES(V2 "\x21\x11\0\x0c\xc0\0\2\7\xc0\0\2\2\1\2\3\4rest"), 1, 28, "192.0.2.7"},
    {BYTES(V2 "\x21\x11\0\x10\xc0\0\2\7\xc0\0\2\2\1\2\3\4\4\0\1x"), 1, 32, "192.0.2.7"},
    {BYTES(V2 "\x21\x21\0\x24 \1\r\xb8\0\0\0\0\0\0\0\0\0\0\0\7 "
              "\1\r\xb8\0\0\0\0\0\0\0\0\0\0\0\2\1\2\3\4"),
     1, 52, "2001:db8::7"},
    {BYTES(V2 "\x20\0\0\0"), 1, 16, ""},
    {BYTES(V2 "\x20\x11\0\x0c\xc0\0\2\7\xc0\0\2\2\1\2\3\4"), 1, 28, ""},
    {BYTES(V2 "\x21\0\0\3abc"), 1, 19, ""},
    /* more must come */
    {BYTES(""), 0, 0, ""},
    {BYTES("PRO"), 0, 0, ""},
    {BYTES("PROXY TCP4 192.0.2.7 192.0.2.2 56324 4006\r"), 0, 0, ""},
    {BYTES("\r\n\r\n"), 0, 0, ""},
    {BYTES(V2 "\x21\x11\0"), 0, 0, ""},
    {BYTES(V2 "\x21\x11\0\x0c\xc0\0\2\7\xc0\0\2\2\1\2\3"), 0, 0, ""},
    /* none */
    {BYTES("\x20\0\0\1"), -ENOENT, 0, ""},
    {BYTES("PROXIES"), -ENOENT, 0, ""},
    {BYTES("GET / HTTP"), -ENOENT, 0, ""},
    /* malformed */
    {BYTES("PROXY \r\n"), -EPROTO, 0, ""},
    {BYTES("PROXY TCP4\r\n"), -EPROTO, 0, ""},
    {BYTES("PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n"), -EPROTO, 0, ""},
    {BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n"), -EPROTO, 0, ""},
    {BYTES("PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n"), -EPROTO, 0, ""},
    {BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n"), -EPROTO, 0, ""},
    {BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n"), -EPROTO, 0, ""},
    {BYTES("PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n"), -EPROTO, 0, ""},
    {BYTES("PROXY TCP4 ::1 ::1 1 2\r\n"), -EPROTO, 0, ""},
    {BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n"), -EPROTO, 0, ""},
    {BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 x 1\r\n"), -EPROTO, 0, ""},
    {BYTES("PROXY TCP4 1.2.3.4\0 1.2.3.4 1 1\r\n"), -EPROTO, 0, ""},
    {BYTES("PROXY UNKNOWN "
           "2345678901234567890123456789012345678901234567890123456789012345678901234567"
           "890123456789012345678901234567890123456789\r\n"),
     -EPROTO, 0, ""},
    {BYTES(V2 "\x11\x11\0\x0c"), -EPROTO, 0, ""},
    {BYTES(V2 "\x22\x11\0\x0c"), -EPROTO, 0, ""},
    {BYTES(V2 "\x21\x11\0\x0b"), -EPROTO, 0, ""},
    {BYTES(V2 "\x21\x21\0\x23"), -EPROTO, 0, ""},
    {BYTES(V2 "\x20\0\xff\xff"), -EPROTO, 0, ""},
};

START_TEST(a_header_is_read)
{
    struct proxy_header header;
    struct span bytes = span_of((const uint8_t *)headers[_i].bytes, headers[_i].len);
    ck_assert_msg(proxy_header_parse(bytes, &header) == headers[_i].result, "%d", _i);
    if (headers[_i].result <= 0)
        return;
    ck_assert_uint_eq(header.len, headers[_i].header_len);
    ck_assert_str_eq(header.address, headers[_i].address);
    for (size_t len = 0; len < header.len; len++) {
        struct proxy_header part;
        ck_assert_int_eq(proxy_header_parse(span_of(bytes.data, len), &part), 0);
    }
}
END_TEST

static const struct {
    const char *address;
    const char *bytes;
    size_t len;
} built[] = {
    {NULL, BYTES(V2 "\x20\0\0\0")},
    {"192.0.2.7", BYTES(V2 "\x21\x11\0\x0c\xc0\0\2\7\0\0\0\0\0\0\0\0")},
    {"2001:db8::7", BYTES(V2 "\x21\x21\0\x24 \1\r\xb8\0\0\0\0\0\0\0\0\0\0\0\7"
                             "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")},
};

START_TEST(a_header_is_built)
{
    struct buf out = {0};
    proxy_header_build(&out, built[_i].address);
    ck_assert_uint_eq(out.len, built[_i].len);
    ck_assert_mem_eq(out.data, built[_i].bytes, out.len);
    struct proxy_header header;
    ck_assert_int_eq(proxy_header_parse(buf_span(&out), &header), 1);
    ck_assert_uint_eq(header.len, out.len);
    ck_assert_str_eq(header.address, built[_i].address ? built[_i].address : "");
    buf_free(&out);
}
END_TEST

START_TEST(one_for_a_unix_socket_is_built)
{
    struct buf out = {0};
    proxy_header_build(&out, "localhost");
    ck_assert_uint_eq(out.len, 16 + 216);
    ck_assert_mem_eq(out.data, V2 "\x21\x31\0\xd8", 16);
    for (size_t i = 16; i < out.len; i++)
        ck_assert_uint_eq(out.data[i], 0);
    buf_free(&out);
}
END_TEST

static const struct {
    const char *networks;
    const char *address;
    bool hold;
} networks[] = {
    {"10.0.0.0/8", "10.9.8.7", true},
    {"10.0.0.0/8", "11.0.0.1", false},
    {"192.0.2.7", "192.0.2.7", true},
    {"192.0.2.7", "192.0.2.8", false},
    {"192.0.2.128/25", "192.0.2.127", false},
    {"0.0.0.0/0", "1.2.3.4", true},
    {"0.0.0.0/0", "::1", false},
    {"fd00::/8, 127.0.0.1", "fdff::1", true},
    {"fd00::/8, 127.0.0.1", "127.0.0.1", true},
    {"fd00::/8,127.0.0.1", "127.0.0.2", false},
    {"localhost", "localhost", true},
    {"127.0.0.1", "localhost", false},
    {"localhost", "127.0.0.1", false},
    {"*", "localhost", true},
    {"*", "2001:db8::1", true},
    {"", "127.0.0.1", false},
};

START_TEST(networks_hold_addresses)
{
    ck_assert(proxy_networks_valid(networks[_i].networks));
    ck_assert_int_eq(proxy_networks_hold(networks[_i].networks, networks[_i].address),
                     networks[_i].hold);
}
END_TEST

static const char *const bad_networks[] = {"10.0.0.0/33",  "10.0.0/8",  "::/129",
                                           "host.example", "10.0.0.0/", "10.0.0.0/+8",
                                           "1.2.3.4/8/8",  "!"};

START_TEST(bad_networks_are_named_so)
{
    ck_assert_msg(!proxy_networks_valid(bad_networks[_i]), "%s", bad_networks[_i]);
    ck_assert(!proxy_networks_hold(bad_networks[_i], "10.0.0.1"));
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof(table[0])))

int main(void)
{
    Suite *suite = suite_create("proxy_header");
    TCase *tcase = tcase_create("proxy_header");
    tcase_add_loop_test(tcase, a_header_is_read, 0, COUNT(headers));
    tcase_add_loop_test(tcase, a_header_is_built, 0, COUNT(built));
    tcase_add_test(tcase, one_for_a_unix_socket_is_built);
    tcase_add_loop_test(tcase, networks_hold_addresses, 0, COUNT(networks));
    tcase_add_loop_test(tcase, bad_networks_are_named_so, 0, COUNT(bad_networks));
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
