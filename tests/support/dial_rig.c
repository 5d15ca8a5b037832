#include "dial_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the resolver, called from its thread */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    const struct rig_host *hosts;
    size_t count;
    bool held;
    unsigned questions;
} names = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

void rig_hosts(const struct rig_host *hosts, size_t count)
{
    pthread_mutex_lock(&names.lock);
    names.hosts = hosts;
    names.count = count;
    names.questions = 0;
    pthread_mutex_unlock(&names.lock);
}

static void set_held(bool held)
{
    pthread_mutex_lock(&names.lock);
    names.held = held;
    pthread_cond_broadcast(&names.changed);
    pthread_mutex_unlock(&names.lock);
}

void rig_hold_resolver(void)
{
    set_held(true);
}

void rig_release_resolver(void)
{
    set_held(false);
}

unsigned rig_questions(void)
{
    pthread_mutex_lock(&names.lock);
    unsigned questions = names.questions;
    pthread_mutex_unlock(&names.lock);
    return questions;
}

static struct addrinfo *make_info(const char *text)
{
    struct pirn__ip ip;
    struct addrinfo *info = calloc(1, sizeof *info + sizeof ip);
    if (!info || !pirn__ip_parse(&ip, pirn_cstr(text)))
        abort();
    memcpy(info + 1, &ip, sizeof ip);
    info->ai_family = ip.name.any.sa_family;
    info->ai_addrlen = pirn__ip_size(&ip);
    info->ai_addr = (void *)(info + 1);
    return info;
}

static int answer(const struct rig_host *host, struct addrinfo **result)
{
    char copy[1024], *rest = copy, *word;
    struct addrinfo **last = result;
    if (host->error) {
        errno = EIO;
        return host->error;
    }
    snprintf(copy, sizeof copy, "%s", host->addresses);
    while ((word = strtok_r(rest, " ", &rest)) != NULL) {
        *last = make_info(word);
        last = &(*last)->ai_next;
    }
    return 0;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    const struct rig_host *found = NULL;
    (void)service, (void)hints;
    *result = NULL;
    pthread_mutex_lock(&names.lock);
    names.questions++;
    while (names.held)
        pthread_cond_wait(&names.changed, &names.lock);
    for (size_t i = 0; i < names.count; i++)
        if (strcmp(names.hosts[i].name, name) == 0)
            found = &names.hosts[i];
    pthread_mutex_unlock(&names.lock);
    return found ? answer(found, result) : EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *info)
{
    while (info) {
        struct addrinfo *next = info->ai_next;
        free(info);
        info = next;
    }
}

/* ---- attempts */

static void on_done(void *context, const struct pirn__dial_result *result)
{
    struct rig_dial *rig = context;
    rig->dones++;
    rig->result = *result;
    snprintf(rig->text, sizeof rig->text, "%s", result->failure.text ? result->failure.text : "");
    snprintf(rig->leftover, sizeof rig->leftover, "%.*s", (int)result->leftover.len,
             result->leftover.len ? result->leftover.data : "");
    if (rig->cancel_in_done)
        pirn__dial_cancel(rig->dial);
    rig->dial = NULL;
}

static void on_step(void *context, enum pirn__dial_step step, const char *to)
{
    static const char *const words[] = {"resolving", "connecting", "proxying"};
    struct rig_dial *rig = context;
    size_t len = strlen(rig->steps);
    snprintf(rig->steps + len, sizeof rig->steps - len, "%s %s, ", words[step], to);
    if (++rig->step_count == rig->cancel_at_step) {
        pirn__dial_cancel(rig->dial);
        rig->dial = NULL;
    }
}

int rig_try_dial(struct rig_dial *rig, const struct pirn__dial_target *target)
{
    struct pirn__dial_target whole = *target;
    whole.step = on_step;
    return pirn__dial_start(stage.loop, &whole, on_done, rig, &rig->dial);
}

void rig_dial(struct rig_dial *rig, const struct pirn__dial_target *target)
{
    assert_int_equal(rig_try_dial(rig, target), 0);
    assert_non_null(rig->dial);
    assert_int_equal(rig->dones, 0);
}

void rig_dial_through(struct rig_dial *rig, const struct pirn__dial_target *target)
{
    rig_dial(rig, target);
    AWAIT(rig->dones > 0);
    assert_int_equal(rig->dones, 1);
}

void rig_expect_failure(const struct rig_dial *rig, enum pirn_layer layer, int error,
                        const char *text, uint16_t port)
{
    char expected[PIRN__DIAL_TEXT_CAP];
    const char *at = strstr(text, "PORT");
    if (at)
        snprintf(expected, sizeof expected, "%.*s%u%s", (int)(at - text), text, (unsigned)port,
                 at + 4);
    else
        snprintf(expected, sizeof expected, "%s", text);
    assert_int_equal(rig->dones, 1);
    assert_int_equal(rig->result.fd, -1);
    assert_string_equal(rig->text, expected);
    assert_int_equal(rig->result.failure.layer, layer);
    assert_int_equal(rig->result.failure.error, error);
}

void rig_expect_connection(struct rig_dial *rig)
{
    assert_int_equal(rig->dones, 1);
    assert_string_equal(rig->text, "");
    assert_true(rig->result.fd >= 0);
    assert_int_equal(rig->result.failure.error, PIRN_E_NONE);
    close(rig->result.fd);
}

/* ---- listeners */

static int listen_at(const char *host, uint16_t *port, int backlog)
{
    struct pirn__ip ip;
    socklen_t size = sizeof ip;
    const int yes = 1; /* somebody's connection may have ended there a moment ago */
    assert_true(pirn__ip_parse(&ip, pirn_cstr(host)));
    pirn__ip_set_port(&ip, *port);
    int fd = socket(ip.name.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0 ||
        bind(fd, &ip.name.any, pirn__ip_size(&ip)) < 0 || listen(fd, backlog) < 0 ||
        getsockname(fd, &ip.name.any, &size) < 0)
        fail_msg("cannot listen at %s: %s", host, strerror(errno));
    *port = ntohs(ip.name.v4.sin_port);
    return fd;
}

int rig_listen(const char *host, uint16_t *port)
{
    return listen_at(host, port, 16);
}

void rig_plug(struct rig_hole *hole, const char *host, uint16_t *port)
{
    struct pirn__ip ip;
    hole->fds[0] = listen_at(host, port, 0);
    hole->count = 1;
    assert_true(pirn__ip_parse(&ip, pirn_cstr(host)));
    pirn__ip_set_port(&ip, *port);
    for (int i = 0; i < 4; i++) {
        int fd = pirn__socket_connect(&ip.name.any, pirn__ip_size(&ip), NULL);
        assert_true(fd >= 0);
        hole->fds[hole->count++] = fd;
    }
}

void rig_unplug(struct rig_hole *hole)
{
    while (hole->count > 0)
        close(hole->fds[--hole->count]);
}

int rig_accept(int listener)
{
    int fd;
    AWAIT((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
    return fd;
}
