/* The `address` of a server, taken apart. Only numeric addresses: a test looks nothing up. */
#include "router/cluster/address.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <stdlib.h>

static const struct {
    const char *text;
    int result;
    int family;
    const char *host;
    const char *ip;
    unsigned port;
    const char *unix_path;
} addresses[] = {
    {"127.0.0.1:3306", 0, AF_INET, "127.0.0.1", "127.0.0.1", 3306, ""},
    {"[::1]:3306", 0, AF_INET6, "::1", "::1", 3306, ""},
    {"10.0.0.7:65535", 0, AF_INET, "10.0.0.7", "10.0.0.7", 65535, ""},
    {"unix:/run/mysqld/mysqld.sock", 0, AF_UNIX, "", "", 0, "/run/mysqld/mysqld.sock"},
    {"", -EINVAL, 0, NULL, NULL, 0, NULL},
    {"127.0.0.1", -EINVAL, 0, NULL, NULL, 0, NULL},
    {"127.0.0.1:", -EINVAL, 0, NULL, NULL, 0, NULL},
    {":3306", -EINVAL, 0, NULL, NULL, 0, NULL},
    {"127.0.0.1:0", -EINVAL, 0, NULL, NULL, 0, NULL},
    {"127.0.0.1:65536", -EINVAL, 0, NULL, NULL, 0, NULL},
    {"127.0.0.1:99999999999999999999", -EINVAL, 0, NULL, NULL, 0, NULL},
    {"127.0.0.1:33x", -EINVAL, 0, NULL, NULL, 0, NULL},
    {"127.0.0.1:-3", -EINVAL, 0, NULL, NULL, 0, NULL},
    {"unix:relative.sock", -EINVAL, 0, NULL, NULL, 0, NULL},
    {"unix:/a23456789/123456789/123456789/123456789/123456789/123456789/123456789/123456789/"
     "123456789/123456789/1234567",
     -EINVAL, 0, NULL, NULL, 0, NULL},
};

START_TEST(an_address_is_taken_apart_or_refused_with_a_reason)
{
    struct server_place place;

    ck_assert_int_eq(server_place_parse(addresses[_i].text, &place), addresses[_i].result);
    if (addresses[_i].result < 0) {
        ck_assert_uint_eq(place.address_len, 0);
        ck_assert_str_ne(place.error, "");
        return;
    }
    ck_assert_uint_gt(place.address_len, 0);
    ck_assert_int_eq(place.address.any.sa_family, addresses[_i].family);
    ck_assert_str_eq(place.host, addresses[_i].host);
    ck_assert_str_eq(place.ip, addresses[_i].ip);
    ck_assert_str_eq(place.unix_path, addresses[_i].unix_path);
    ck_assert_uint_eq(place.port, addresses[_i].port);
    if (addresses[_i].family == AF_INET)
        ck_assert_uint_eq(ntohs(place.address.in4.sin_port), addresses[_i].port);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("address");
    TCase *tcase = tcase_create("address");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, an_address_is_taken_apart_or_refused_with_a_reason, 0,
                        (int)(sizeof(addresses) / sizeof(addresses[0])));
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
