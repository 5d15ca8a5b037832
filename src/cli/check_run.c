/* One case over one connection of its own: connect, send the request and what the script says, note
 * what comes, until the case is decided or time is over. It works below pirn/conn.h, because it
 * must send what no good client sends. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "check.h"

#define GRACE_MS 300 /* for what should follow what has come, but decides nothing by itself */

static void finish(struct check_run *run)
{
    if (run->phase == CHECK_DONE)
        return;
    run->phase = CHECK_DONE;
    pirn_loop_unwatch(run->check->loop, &run->watch);
    pirn_timer_stop(run->check->loop, &run->timer);
    check_wire_close(run);
    check_judge(run);
    run->done(run);
}

static void set_timer(struct check_run *run, uint64_t ms)
{
    struct pirn_loop *loop = run->check->loop;
    pirn_timer_set(loop, &run->timer, pirn_loop_now_us(loop) + ms * 1000);
}

static void timed_out(struct pirn_loop *loop, struct pirn_timer *timer)
{
    struct check_run *run = (void *)((char *)timer - offsetof(struct check_run, timer));
    (void)loop;
    run->timed_out = true;
    if (run->phase < CHECK_HEAD && !run->script.broken && !run->connect_failed) {
        run->connect_failed = true;
        check_log(run, "cannot connect: no %s", run->phase == CHECK_TLS ? "TLS" : "answer");
    }
    finish(run);
}

/* ---- when it is over */

static bool all_came(const struct check_run *run)
{
    return run->has_pong && (!run->check->echoes || run->echoed == run->script.message_count);
}

static bool is_decided(const struct check_run *run)
{
    if (run->ended || run->not_agreed)
        return true;
    switch (run->kase->see) {
    case SEE_OPEN:
    case SEE_REFUSED:
    case SEE_EITHER:
        return run->has_head;
    case SEE_ON:
        return run->has_close || all_came(run) || (run->has_head && run->head.status != 101);
    default:
        return run->has_head && run->head.status != 101;
    }
}

static void look_for_end(struct check_run *run)
{
    bool failed_or_not = run->kase->see == SEE_FAILED && (run->has_close || run->has_pong);
    if (is_decided(run)) {
        finish(run);
    } else if (failed_or_not && !run->in_time) {
        run->in_time = true;
        set_timer(run, GRACE_MS);
    }
}

/* ---- sending */

/* Where sending has to stop for now. */
static size_t next_stop(const struct check_run *run)
{
    const struct check_script *script = &run->script;
    return run->stops_passed < script->stop_count ? script->stops[run->stops_passed]
                                                  : script->bytes.len;
}

static void rewatch(struct check_run *run)
{
    unsigned events = check_wire_events(run);
    bool shaking = run->phase == CHECK_TLS;
    if (run->phase == CHECK_CONNECTING || (!shaking && run->sent < next_stop(run)))
        events |= PIRN_WRITABLE;
    pirn_loop_rewatch(run->check->loop, &run->watch, events);
}

/* A server that has refused may not take the rest: what it answers is still to be read. */
static void send_more(struct check_run *run)
{
    size_t count = next_stop(run) - run->sent;
    if (run->kase->chopped && count > 1)
        count = 1;
    if (count == 0)
        return;
    ssize_t sent = check_wire_send(run, run->script.bytes.data + run->sent, count);
    if (sent > 0) {
        run->sent += (size_t)sent;
    } else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        run->sent = run->script.bytes.len;
        run->stops_passed = run->script.stop_count;
    }
}

static void end_direction(struct check_run *run)
{
    if (run->script.half_close && run->sent == run->script.bytes.len) {
        run->script.half_close = false;
        check_wire_end(run);
    }
}

/* So that a server which waits for our Close can end. */
static void answer_close(struct check_run *run)
{
    uint8_t frame[PIRN_CONTROL_FRAME_MAX] = {0x88, 0x80};
    run->answered_close = true;
    if (run->kase->see == SEE_CLOSED || run->kase->see == SEE_ENDED)
        return; /* it was sent already */
    ssize_t ignored = check_wire_send(run, frame, 6);
    (void)ignored;
}

/* ---- receiving */

static void begin_frames(struct check_run *run)
{
    run->phase = CHECK_FRAMES;
    if (run->kase->send)
        check_script_frames(&run->script, run->kase->send);
    if (!run->script.has_ping && (run->kase->see == SEE_ON || run->kase->see == SEE_FAILED) &&
        !run->script.half_close)
        check_script_frames(&run->script, "ping \"" CHECK_PROBE "\"");
}

static void log_head(struct check_run *run, int error)
{
    if (error < 0) {
        snprintf(run->check->watched[WATCH_HEAD], CHECK_TEXT_CAP, "%s, in the case %s",
                 pirn_error_text(error), run->kase->id);
        check_log(run, "a head that is no HTTP/1.1: %s", pirn_error_text(error));
    } else if (run->head.status != 101) {
        check_log(run, "HTTP %d", run->head.status);
    }
}

static void receive_head(struct check_run *run, const uint8_t *data, size_t len)
{
    size_t room = sizeof run->head_bytes - run->head_len;
    memcpy(run->head_bytes + run->head_len, data, len < room ? len : room);
    run->head_len += len < room ? len : room;
    int read = pirn_http_head_feed(&run->head, run->head_bytes, run->head_len);
    if (read == 0)
        return;
    run->has_head = true;
    log_head(run, read);
    run->not_agreed = read > 0 && run->head.status == 101 && check_lacks_extension(run);
    if (read < 0 || run->head.status != 101 || run->not_agreed)
        return;
    begin_frames(run);
    check_receive(run, (const uint8_t *)run->head_bytes + run->head.size,
                  run->head_len - run->head.size);
}

static void receive(struct check_run *run)
{
    uint8_t bytes[16384];
    char text[CHECK_TEXT_CAP];
    ssize_t got = check_wire_receive(run, bytes, sizeof bytes);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got > 0 && run->phase == CHECK_FRAMES)
        check_receive(run, bytes, (size_t)got);
    else if (got > 0 && !run->has_head)
        receive_head(run, bytes, (size_t)got);
    run->ended |= got <= 0;
    if (got == 0)
        check_log(run, "end");
    else if (got < 0)
        check_log(run, "%s", check_wire_error(run, text, sizeof text));
    if (run->has_close && !run->answered_close)
        answer_close(run);
    if (run->any_pong && run->stops_passed < run->script.stop_count) {
        run->stops_passed++;
        run->any_pong = false;
    }
}

/* Whether bytes of the case can pass. */
static bool connected(struct check_run *run)
{
    char text[CHECK_TEXT_CAP];
    int error = 0, open = -1;
    socklen_t len = sizeof error;
    if (run->phase > CHECK_TLS)
        return true;
    if (run->phase == CHECK_CONNECTING)
        getsockopt(run->watch.fd, SOL_SOCKET, SO_ERROR, &error, &len);
    errno = error;
    if (error == 0)
        open = check_wire_open(run);
    run->phase = open > 0 ? CHECK_HEAD : CHECK_TLS;
    if (open >= 0)
        return open > 0;
    run->connect_failed = run->ended = true;
    check_log(run, "cannot connect: %s", check_wire_error(run, text, sizeof text));
    return false;
}

static void ready(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events)
{
    struct check_run *run = (void *)((char *)watch - offsetof(struct check_run, watch));
    (void)loop;
    if (connected(run)) {
        if (run->tls || events & (PIRN_READABLE | PIRN_HANGUP))
            do
                receive(run);
            while (!run->ended && check_wire_has_input(run));
        if (!run->ended)
            send_more(run);
        end_direction(run);
    }
    rewatch(run);
    look_for_end(run);
}

/* ---- begin and end */

static bool make_key(struct check_run *run)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t random[22];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return false;
    for (size_t i = 0; i < sizeof random; i++)
        run->key[i] = digits[random[i] & (i == 21 ? 0x30 : 0x3f)];
    memcpy(run->key + 22, "==", 3);
    return true;
}

static bool begin(struct check_run *run)
{
    const struct check_target *target = &run->check->target;
    int family = target->address.ss_family, on = 1;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    run->watch = (struct pirn_watch){.ready = ready, .fd = fd};
    if (fd < 0)
        return false;
    if (family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (const struct sockaddr *)&target->address, target->address_len) < 0 &&
        errno != EINPROGRESS)
        return false;
    return pirn_loop_watch(run->check->loop, &run->watch, PIRN_READABLE | PIRN_WRITABLE) == 0;
}

struct check_run *check_run_new(struct check *check, const struct check_case *kase,
                                struct check_result *result, void (*done)(struct check_run *))
{
    struct check_run *run = calloc(1, sizeof *run);
    if (!run)
        return NULL;
    run->check = check;
    run->kase = kase;
    run->result = result;
    run->done = done;
    run->timer.fire = timed_out;
    pirn_http_head_init(&run->head, PIRN_HTTP_RESPONSE, run->headers, CHECK_HEADERS,
                        sizeof run->head_bytes);
    if (make_key(run))
        check_script_request(&run->script, &check->target, run->key, kase->request);
    else
        run->script.broken = true;
    if (!begin(run)) {
        run->connect_failed = true;
        check_log(run, "cannot connect: %s", strerror(errno));
    }
    /* Failures are told from the loop too, when the caller expects them. */
    set_timer(run, run->connect_failed || run->script.broken ? 0 : check->timeout_ms);
    return run;
}

void check_run_free(struct check_run *run)
{
    check_script_release(&run->script);
    free(run);
}
