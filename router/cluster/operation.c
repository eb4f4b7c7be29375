/* The life of an operation: its thread, its mail. What it does is in promote.c and follow.c. */
#include "router/cluster/operation_steps.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { COUNT_PAUSE_MS = 5, COUNT_ANSWER_MS = 1000 };

/* From the thread to the control thread. */
struct report_mail {
    struct mail mail;
    struct operation *operation;
    struct operation_report report;
    char text[HISTORY_MAX];
};

struct count_mail {
    struct mail mail;
    unsigned users;
};

/* --- orders --- */

static char *text_copy(const char *text)
{
    return text != NULL ? memory_strdup(text) : NULL;
}

void failover_settings_copy(struct failover_settings *copy, const struct failover_settings *from)
{
    *copy = *from;
    copy->fence_command = text_copy(from->fence_command);
    copy->state_dir = text_copy(from->state_dir);
    copy->config_path = text_copy(from->config_path);
    copy->replication_user = text_copy(from->replication_user);
    copy->replication_password = text_copy(from->replication_password);
}

void failover_settings_clear(struct failover_settings *settings)
{
    if (settings->replication_password != NULL)
        memory_wipe(settings->replication_password, strlen(settings->replication_password));
    free(settings->fence_command);
    free(settings->state_dir);
    free(settings->config_path);
    free(settings->replication_user);
    free(settings->replication_password);
    memset(settings, 0, sizeof(*settings));
}

uint32_t failover_heartbeat_ms(const struct failover_settings *settings)
{
    return settings->after_ms / 3;
}

struct operation_order *operation_order_new(enum operation_kind kind)
{
    struct operation_order *order = memory_zalloc(sizeof(*order));

    order->kind = kind;
    order->leader = -1;
    order->target = -1;
    return order;
}

void operation_order_free(struct operation_order *order)
{
    for (unsigned i = 0; i < order->count; i++)
        service_login_clear(&order->servers[i].login);
    failover_settings_clear(&order->settings);
    free(order);
}

const char *operation_kind_name(enum operation_kind kind)
{
    static const char *const names[] = {"failover", "switchover", "rejoin"};

    return names[kind];
}

enum operation_kind operation_kind_of(const struct operation *operation)
{
    return operation->order->kind;
}

/* --- mail --- */

static void operation_free(struct operation *operation)
{
    if (!operation->joined)
        pthread_join(operation->thread, NULL);
    mailbox_close(&operation->mailbox);
    crew_free(operation->crew);
    operation_order_free(operation->order);
    free(operation);
}

static void report_deliver(struct mail *mail, void *receiver)
{
    struct report_mail *report = list_object(mail, struct report_mail, mail);
    struct operation *operation = report->operation;
    bool done = report->report.news == NEWS_DONE;

    (void)receiver;
    if (!atomic_load(&operation->orphaned))
        operation->told(&report->report, operation->context);
    free(report);
    if (done)
        operation_free(operation);
}

static void tell(struct operation *operation, const struct operation_report *report)
{
    struct report_mail *mail = memory_zalloc(sizeof(*mail));

    mail->mail.deliver = report_deliver;
    mail->operation = operation;
    mail->report = *report;
    snprintf(mail->text, sizeof(mail->text), "%s", report->text != NULL ? report->text : "");
    mail->report.text = mail->text;
    mailbox_post(operation->home, &mail->mail);
}

static void count_deliver(struct mail *mail, void *receiver)
{
    struct operation *operation = receiver;
    struct count_mail *count = list_object(mail, struct count_mail, mail);

    operation->users = count->users;
    operation->counted = true;
    free(count);
}

void operation_leader_used(struct operation *operation, unsigned users)
{
    struct count_mail *count = memory_zalloc(sizeof(*count));

    count->mail.deliver = count_deliver;
    count->users = users;
    mailbox_post(&operation->mailbox, &count->mail);
}

/* --- what procedures use --- */

const char *operation_name(const struct operation *operation, unsigned server)
{
    return operation->order->servers[server].name;
}

bool operation_fails(struct operation *operation, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(operation->why, sizeof(operation->why), format, args);
    va_end(args);
    return false;
}

/* CAUSEWAY_FAULT=failover:promote */
static bool faulty(const struct operation *operation, const char *step)
{
    char name[64];

    snprintf(name, sizeof(name), "%s:%s", operation_kind_name(operation->order->kind), step);
    return operation->fault != NULL && strcmp(operation->fault, name) == 0;
}

bool operation_step(struct operation *operation, const char *name)
{
    struct operation_report report = {.news = NEWS_STEP, .step = name};

    if (atomic_load(&operation->cancelled))
        return operation_fails(operation, "stopped before step %s", name);
    tell(operation, &report);
    if (faulty(operation, name)) {
        log_error("CAUSEWAY_FAULT: dying at %s", operation->fault);
        _exit(99);
    }
    return true;
}

bool operation_barrier(struct operation *operation, enum barrier barrier, uint32_t timeout_ms)
{
    const bool never = false;
    struct operation_report up = {.news = NEWS_BARRIER, .barrier = barrier};
    struct operation_report count = {.news = NEWS_COUNT};
    uint64_t until_ms = clock_now_ms() + timeout_ms;

    tell(operation, &up);
    if (barrier == BARRIER_NONE)
        return true;
    for (;;) {
        operation->counted = false;
        tell(operation, &count);
        crew_wait(operation->crew, &operation->counted, COUNT_ANSWER_MS);
        if (operation->counted && operation->users == 0)
            return true;
        if (clock_now_ms() >= until_ms || atomic_load(&operation->cancelled))
            return false;
        crew_wait(operation->crew, &never, COUNT_PAUSE_MS);
    }
}

/* Before it is writable: a crash in between leaves a hint that no server confirms. */
void operation_remember(struct operation *operation, unsigned server, const char *history)
{
    const char *folder = operation->order->settings.state_dir;
    char path[4096];
    char part[4096];
    FILE *file;

    if (folder == NULL || (mkdir(folder, 0700) != 0 && errno != EEXIST))
        return;
    snprintf(path, sizeof(path), "%.4000s/leader", folder);
    snprintf(part, sizeof(part), "%.4000s/leader.part", folder);
    file = fopen(part, "we");
    if (file == NULL)
        return;
    fprintf(file, "%s\n%s\n", operation_name(operation, server), history);
    if (fclose(file) != 0 || rename(part, path) != 0)
        log_warn("%s: %s", path, strerror(errno));
}

void operation_leads(struct operation *operation, unsigned server, const char *history)
{
    struct operation_report report = {
        .news = NEWS_LEADS, .slot = operation->order->servers[server].slot, .text = history};

    tell(operation, &report);
}

/* --- the thread --- */

static void *run(void *argument)
{
    static bool (*const procedures[])(struct operation *) = {
        operation_failover, operation_switchover, operation_follow};
    struct operation *operation = argument;
    struct operation_report report = {.news = NEWS_DONE, .text = operation->why};

    report.succeeded = procedures[operation->order->kind](operation);
    operation_unlock(operation); /* before anybody hears that it is over, and begins another */
    tell(operation, &report);
    return NULL;
}

struct operation *operation_start(struct operation_order *order, struct mailbox *mailbox,
                                  void (*told)(const struct operation_report *report,
                                               void *context),
                                  void *context)
{
    struct operation *operation = memory_zalloc(sizeof(*operation));

    operation->order = order;
    operation->home = mailbox;
    operation->told = told;
    operation->context = context;
    operation->fault = getenv("CAUSEWAY_FAULT");
    operation->crew = crew_new(order->count);
    mailbox_init(&operation->mailbox, crew_loop(operation->crew), operation);
    if (pthread_create(&operation->thread, NULL, run, operation) == 0)
        return operation;
    mailbox_close(&operation->mailbox);
    crew_free(operation->crew);
    operation_order_free(order);
    free(operation);
    return NULL;
}

void operation_stop(struct operation *operation)
{
    atomic_store(&operation->cancelled, true);
}

/* Its last mail still lies in the mailbox, and frees it when that is closed. */
void operation_cancel(struct operation *operation)
{
    if (operation == NULL)
        return;
    atomic_store(&operation->orphaned, true);
    atomic_store(&operation->cancelled, true);
    pthread_join(operation->thread, NULL);
    operation->joined = true;
}
