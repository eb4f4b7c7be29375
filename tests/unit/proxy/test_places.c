/* Places at a server: the limit, the order of those who wait, and that no place is lost. */
#include "proxy/places.h"

#include <check.h>
#include <stdlib.h>

enum { SLOT = 3, LIMIT = 2 };

static struct places *places;
static struct ev_loop *loop;
static struct mailbox mailbox;
static struct place_ticket *granted[8];
static unsigned granted_count;

static void on_granted(struct mail *mail, void *receiver)
{
    (void)receiver;
    granted[granted_count++] = list_object(mail, struct place_ticket, mail);
}

static void setup(void)
{
    places = places_new();
    loop = ev_loop_new(EVFLAG_AUTO);
    mailbox_init(&mailbox, loop, NULL);
    granted_count = 0;
}

static void teardown(void)
{
    mailbox_close(&mailbox);
    ev_loop_destroy(loop);
    places_free(places);
}

static struct place_ticket ticket_of(unsigned worker, uint64_t since_us)
{
    struct place_ticket ticket = {.mail = {.deliver = on_granted},
                                  .mailbox = &mailbox,
                                  .worker = worker,
                                  .slot = SLOT,
                                  .since_us = since_us};
    return ticket;
}

static void enter(struct place_ticket *ticket)
{
    list_init(&ticket->node);
    ck_assert(!places_take_or_queue(places, ticket, LIMIT));
}

static void fill(void)
{
    for (int i = 0; i < LIMIT; i++)
        ck_assert(places_take(places, SLOT, LIMIT));
    ck_assert(!places_take(places, SLOT, LIMIT));
}

static void deliver(void)
{
    ev_run(loop, EVRUN_NOWAIT);
}

START_TEST(a_place_given_back_is_the_oldest_tickets)
{
    struct place_ticket first = ticket_of(0, 10), second = ticket_of(1, 20);
    fill();
    enter(&first);
    enter(&second);
    ck_assert_uint_eq(places_waiting(places, SLOT), 2);
    places_give_back(places, SLOT, LIMIT);
    ck_assert(!places_take(places, SLOT, LIMIT)); /* nobody overtakes */
    places_give_back(places, SLOT, LIMIT);
    deliver();
    ck_assert_uint_eq(granted_count, 2);
    ck_assert_ptr_eq(granted[0], &first);
    ck_assert_ptr_eq(granted[1], &second);
    ck_assert_uint_eq(places_open(places, SLOT), LIMIT);
}
END_TEST

START_TEST(who_leaves_is_passed_over)
{
    struct place_ticket first = ticket_of(0, 10), second = ticket_of(1, 20);
    fill();
    enter(&first);
    enter(&second);
    ck_assert(places_leave(places, &first));
    places_give_back(places, SLOT, LIMIT);
    ck_assert(!places_leave(places, &second)); /* its mail is on the way, with the place */
    deliver();
    ck_assert_uint_eq(granted_count, 1);
    places_give_back(places, SLOT, LIMIT);
    ck_assert_uint_eq(places_open(places, SLOT), LIMIT - 1);
    ck_assert_uint_eq(places_waiting(places, SLOT), 0);
}
END_TEST

START_TEST(a_worker_serves_its_own_only_within_the_slack)
{
    struct place_ticket first = ticket_of(0, 1000), near = ticket_of(1, 1500);
    struct place_ticket late = ticket_of(2, 9000);
    fill();
    enter(&first);
    enter(&near);
    enter(&late);
    ck_assert_ptr_null(places_claim(places, SLOT, 2, 1000));
    ck_assert_ptr_null(places_claim(places, SLOT, 3, 100000));
    ck_assert_ptr_eq(places_claim(places, SLOT, 1, 1000), &near);
    ck_assert_ptr_eq(places_claim(places, SLOT, 0, 1000), &first);
    ck_assert_ptr_eq(places_claim(places, SLOT, 2, 1000), &late);
    ck_assert_uint_eq(places_waiting(places, SLOT), 0);
}
END_TEST

START_TEST(limits_rise_and_sink)
{
    struct place_ticket first = ticket_of(0, 10), second = ticket_of(0, 20);
    fill();
    enter(&first);
    enter(&second);
    places_give_back(places, SLOT, LIMIT - 1); /* sunk: nobody gets it */
    places_review(places, SLOT, LIMIT - 1);
    deliver();
    ck_assert_uint_eq(granted_count, 0);
    places_review(places, SLOT, LIMIT + 1);
    deliver();
    ck_assert_uint_eq(granted_count, 2);
    places_count_own(places, SLOT, true);
    ck_assert_uint_eq(places_open(places, SLOT), LIMIT + 1);
    ck_assert_uint_eq(places_own(places, SLOT), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("places");
    TCase *tcase = tcase_create("places");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_place_given_back_is_the_oldest_tickets);
    tcase_add_test(tcase, who_leaves_is_passed_over);
    tcase_add_test(tcase, a_worker_serves_its_own_only_within_the_slack);
    tcase_add_test(tcase, limits_rise_and_sink);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
