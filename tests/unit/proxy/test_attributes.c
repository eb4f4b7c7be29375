/* Which attributes do servers get? */
#include "proxy/attributes.h"

#include "proxy/proto/handshake.h"

#include <check.h>
#include <stdlib.h>

static struct span found(const struct buf *pairs, const char *key)
{
    struct span value = {0};
    ck_assert_int_ge(attributes_find(buf_span(pairs), key, &value), 0);
    return value;
}

START_TEST(the_clients_and_causeways_own)
{
    struct buf out = {0};
    attributes_build(&out, span_text("\3key\5value\4_pid\00242"), 1073741825, "192.0.2.7");
    ck_assert(span_equal(found(&out, "key"), span_text("value")));
    ck_assert(span_equal(found(&out, "_pid"), span_text("42")));
    ck_assert(span_equal(found(&out, "_causeway_session"), span_text("1073741825")));
    ck_assert(span_equal(found(&out, "_causeway_client"), span_text("192.0.2.7")));
    buf_free(&out);
}
END_TEST

START_TEST(malformed_ones_are_left_out)
{
    struct buf out = {0};
    attributes_build(&out, span_text("\3key\5value\77_pid"), 7, "localhost");
    ck_assert(span_equal(found(&out, "key"), span_text("value")));
    ck_assert(span_equal(found(&out, "_causeway_session"), span_text("7")));
    buf_free(&out);
}
END_TEST

START_TEST(long_ones_are_cut_between_pairs)
{
    struct buf client = {0};
    struct buf out = {0};
    for (int i = 0; i < 1000; i++) {
        buf_append_text(&client, "\3key");
        buf_append_text(&client, "\5value");
    }
    attributes_build(&out, buf_span(&client), 7, "localhost");
    ck_assert_uint_le(out.len, ATTRIBUTES_CLIENT_MAX_BYTES + 64);
    ck_assert_uint_gt(out.len, ATTRIBUTES_CLIENT_MAX_BYTES - 16);
    struct reader reader = reader_of(buf_span(&out));
    struct span key;
    struct span value;
    int more;
    while ((more = attribute_next(&reader, &key, &value)) > 0)
        ;
    ck_assert_int_eq(more, 0);
    buf_free(&client);
    buf_free(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("attributes");
    TCase *tcase = tcase_create("attributes");
    tcase_add_test(tcase, the_clients_and_causeways_own);
    tcase_add_test(tcase, malformed_ones_are_left_out);
    tcase_add_test(tcase, long_ones_are_cut_between_pairs);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
