/* dial_race.c: a socket for each address that was begun and has not failed. The next is begun when
 * the stagger timer fires, or at once when one fails; the limit ends all. A race that is stopped
 * has no loop any more: that is how a call finds out that it was, by the callback that it made. */
#include "dial/dial_race.h"

#include <errno.h>
#include <string.h>

#include "loop/container.h"
#include "loop/socket.h"

enum { FULL_RETRY_MS = 20 };

void pirn__race_interleave(struct pirn__ip *ips, size_t count)
{
    for (size_t at = 1; at < count; at++) {
        size_t other = at;
        while (other < count && ips[other].name.any.sa_family == ips[at - 1].name.any.sa_family)
            other++;
        if (other == count)
            return;
        struct pirn__ip moved = ips[other];
        memmove(ips + at + 1, ips + at, (other - at) * sizeof *ips);
        ips[at] = moved;
    }
}

static socklen_t name_of(const struct pirn__race *race, size_t place, const struct sockaddr **name)
{
    if (race->local) {
        *name = (const struct sockaddr *)race->local;
        return race->local_size;
    }
    *name = &race->ips[place].name.any;
    return pirn__ip_size(&race->ips[place]);
}

/* ---- ends */

static void drop_socket(struct pirn__race *race, struct pirn__racer *racer)
{
    pirn_loop_unwatch(race->loop, &racer->watch);
    pirn__socket_close(racer->watch.fd);
    racer->watch.fd = -1;
    race->running--;
}

void pirn__race_stop(struct pirn__race *race)
{
    if (!race->loop)
        return;
    pirn_timer_stop(race->loop, &race->stagger);
    pirn_timer_stop(race->loop, &race->limit);
    for (size_t i = 0; i < race->next; i++)
        if (race->racers[i].watch.fd >= 0)
            drop_socket(race, &race->racers[i]);
    race->loop = NULL;
}

static void finish(struct pirn__race *race, int fd)
{
    pirn__race_stop(race);
    race->end(race, fd);
}

/* That a network is not there says less than what came from one that is. */
static bool says_little(int system_error)
{
    return system_error == ENETUNREACH || system_error == EHOSTUNREACH ||
           system_error == EADDRNOTAVAIL || system_error == EAFNOSUPPORT;
}

static void note_failure(struct pirn__race *race, size_t place, int error, int system_error)
{
    if (race->error && says_little(system_error) && !says_little(race->system_error))
        return;
    race->error = error;
    race->system_error = system_error;
    race->name_size = name_of(race, place, &race->name);
}

static void too_late(struct pirn_loop *loop, struct pirn_timer *timer)
{
    struct pirn__race *race = PIRN__CONTAINER(timer, struct pirn__race, limit);
    size_t place = 0;
    (void)loop;
    while (place + 1 < race->next && race->racers[place].watch.fd < 0)
        place++;
    race->error = 0;
    note_failure(race, place, -PIRN_E_CONNECT_TIMEOUT, 0);
    finish(race, -1);
}

/* ---- the course */

static void go_on(struct pirn__race *race);

static void on_ready(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events)
{
    struct pirn__racer *racer = PIRN__CONTAINER(watch, struct pirn__racer, watch);
    struct pirn__race *race = racer->race;
    int fd = watch->fd, why = pirn__socket_connected(fd);
    (void)events;
    if (why == EINPROGRESS)
        return;
    if (why == 0) {
        pirn_loop_unwatch(loop, watch);
        watch->fd = -1;
        race->running--;
        finish(race, fd);
        return;
    }
    note_failure(race, racer->place, -PIRN_E_SYSTEM, why);
    drop_socket(race, racer);
    go_on(race);
}

/* Returns 0 or a negative error: then errno says. */
static int begin(struct pirn__race *race, size_t place)
{
    struct pirn__racer *racer = &race->racers[place];
    const struct sockaddr *name;
    socklen_t size = name_of(race, place, &name);
    int fd = pirn__socket_connect(name, size, race->local ? NULL : race->from);
    if (fd < 0)
        return fd;
    *racer = (struct pirn__racer){.race = race, .place = place};
    racer->watch = (struct pirn_watch){.ready = on_ready, .fd = fd};
    race->running++;
    int error = pirn_loop_watch(race->loop, &racer->watch, PIRN_WRITABLE);
    if (error) {
        int why = errno;
        drop_socket(race, racer);
        errno = why;
    }
    return error;
}

static void set_timer(struct pirn__race *race, struct pirn_timer *timer, uint32_t ms)
{
    if (ms != PIRN_OFF)
        pirn_timer_set(race->loop, timer, pirn_loop_now_us(race->loop) + (uint64_t)ms * 1000);
}

/* A unix-domain listener whose backlog is full says so at once, where TCP would wait. */
static bool waits_for_room(struct pirn__race *race, size_t place)
{
    if (!race->local || errno != EAGAIN)
        return false;
    race->next = place;
    set_timer(race, &race->stagger, FULL_RETRY_MS);
    return true;
}

static void go_on(struct pirn__race *race)
{
    pirn_timer_stop(race->loop, &race->stagger);
    while (race->next < race->count) {
        size_t place = race->next++;
        const struct sockaddr *name;
        socklen_t size = name_of(race, place, &name);
        race->racers[place].watch.fd = -1;
        race->try(race, name, size);
        if (!race->loop)
            return;
        int error = begin(race, place);
        if (error == 0) {
            if (race->next < race->count)
                set_timer(race, &race->stagger, PIRN__RACE_STAGGER_MS);
            return;
        }
        if (waits_for_room(race, place))
            return;
        note_failure(race, place, error, error == -PIRN_E_SYSTEM ? errno : 0);
    }
    if (race->running == 0)
        finish(race, -1);
}

static void next_is_due(struct pirn_loop *loop, struct pirn_timer *timer)
{
    (void)loop;
    go_on(PIRN__CONTAINER(timer, struct pirn__race, stagger));
}

static void start(struct pirn__race *race, struct pirn_loop *loop, uint32_t limit_ms)
{
    race->loop = loop;
    race->next = race->running = 0;
    race->error = race->system_error = 0;
    race->name_size = 0;
    race->stagger.fire = next_is_due;
    race->limit.fire = too_late;
    set_timer(race, &race->limit, limit_ms);
    go_on(race);
}

void pirn__race_start(struct pirn__race *race, struct pirn_loop *loop, const struct pirn__ip *ips,
                      size_t count, uint32_t limit_ms)
{
    race->ips = ips;
    race->local = NULL;
    race->count = count < PIRN__RESOLVE_ADDRESSES ? count : PIRN__RESOLVE_ADDRESSES;
    start(race, loop, limit_ms);
}

void pirn__race_start_unix(struct pirn__race *race, struct pirn_loop *loop,
                           const struct sockaddr_un *name, socklen_t size, uint32_t limit_ms)
{
    race->local = name;
    race->local_size = size;
    race->count = 1;
    start(race, loop, limit_ms);
}
