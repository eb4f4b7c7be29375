/* The table of commands. */
#include "proxy/proto/command.h"

#include <check.h>
#include <stdlib.h>

START_TEST(every_command_has_the_name_and_code_of_the_protocol)
{
    static const struct {
        uint8_t code;
        const char *name;
    } cases[] = {
        {0x00, "COM_SLEEP"},
        {0x01, "COM_QUIT"},
        {0x03, "COM_QUERY"},
        {0x0e, "COM_PING"},
        {0x11, "COM_CHANGE_USER"},
        {0x16, "COM_STMT_PREPARE"},
        {0x17, "COM_STMT_EXECUTE"},
        {0x1c, "COM_STMT_FETCH"},
        {0x1e, "COM_BINLOG_DUMP_GTID"},
        {0x1f, "COM_RESET_CONNECTION"},
        {0xfa, "COM_STMT_BULK_EXECUTE"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_str_eq(command_name(cases[i].code), cases[i].name);
        ck_assert(command_known(cases[i].code));
    }
    ck_assert_int_eq(COM_STMT_EXECUTE, 0x17);
}
END_TEST

START_TEST(a_byte_that_is_no_command_is_unknown)
{
    static const uint8_t codes[] = {0x20, 0x21, 0x50, 0xf9, 0xfb, 0xff};
    for (size_t i = 0; i < sizeof codes; i++) {
        ck_assert_str_eq(command_name(codes[i]), "COM_UNKNOWN");
        ck_assert(!command_known(codes[i]));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("command");
    TCase *tests = tcase_create("command");
    tcase_add_test(tests, every_command_has_the_name_and_code_of_the_protocol);
    tcase_add_test(tests, a_byte_that_is_no_command_is_unknown);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
