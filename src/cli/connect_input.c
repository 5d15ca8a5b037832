/* Messages of standard input. It is read only while all that was read is sent and the connection
 * takes more: who fills it waits as well. A file is always readable and cannot be watched; turn by
 * turn a call is posted for it instead. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "connect.h"

#define READ_BYTES ((size_t)1 << 16)

static struct connect_input *input_of(struct connect *connect)
{
    return &connect->input;
}

static bool may_send(const struct connect *connect)
{
    struct pirn_conn *conn = pirn_client_conn(connect->client);
    bool told = connect->options->json; /* on an output that must take it */
    return conn && !(told && connect->output.blocked) && pirn_conn_state(conn) == PIRN_OPEN &&
           !connect->full && !connect->closing && !connect->failed && !connect->input.done;
}

/* ---- messages */

static const char too_large[] = "is too large; see --max-message";

static void fail(struct connect *connect, const char *why)
{
    char text[160];
    snprintf(text, sizeof text, "message %llu of the input %s",
             (unsigned long long)connect->input.count, why);
    connect->input.done = true;
    connect_fail(connect, text);
}

static void set_done(struct connect *connect)
{
    connect->input.done = true;
    connect_input_not_quiet(connect);
}

static int send_decoded(struct connect *connect, const char *data, size_t len)
{
    struct buffer decoded = {.data = NULL};
    int result = -PIRN_E_ARGUMENT;
    if (buffer_add_decoded(&decoded, data, len))
        result = connect_send(connect, PIRN_BINARY, decoded.data, decoded.len);
    buffer_release(&decoded);
    return result;
}

/* False if it has to wait, or nothing will be sent any more. */
static bool send_message(struct connect *connect, const char *data, size_t len)
{
    const struct connect_options *options = connect->options;
    enum pirn_opcode type = options->binary ? PIRN_BINARY : PIRN_TEXT;
    int result =
        options->base64 ? send_decoded(connect, data, len) : connect_send(connect, type, data, len);
    if (result == -PIRN_E_QUEUE_FULL || result == -PIRN_E_CLOSED)
        return false;
    if (result == -PIRN_E_TEXT_UTF8)
        fail(connect, "is not UTF-8; --binary or --base64 would send it");
    else if (result == -PIRN_E_ARGUMENT && options->base64)
        fail(connect, "is not base64");
    else if (result == -PIRN_E_MESSAGE_TOO_BIG)
        fail(connect, too_large);
    else if (result < 0)
        fail(connect, pirn_error_text(result));
    if (result < 0)
        return false;
    connect->input.count++;
    if (options->one)
        set_done(connect);
    return true;
}

/* The message that begins at begin: false if its end has not come. */
static bool find_message(struct connect *connect, size_t *len)
{
    struct connect_input *input = input_of(connect);
    char separator = connect->options->nul ? '\0' : '\n';
    size_t rest = input->bytes.len - input->begin;
    const char *begin = rest > 0 ? input->bytes.data + input->begin : "";
    const char *end = rest > input->scanned
                          ? memchr(begin + input->scanned, separator, rest - input->scanned)
                          : NULL;
    input->scanned = end ? 0 : rest;
    *len = end ? (size_t)(end - begin) : rest;
    return end || (input->ended && rest > 0);
}

/* Sends the messages that are there whole; false if that was not possible of all. */
static bool send_messages(struct connect *connect)
{
    struct connect_input *input = input_of(connect);
    size_t len;
    while (may_send(connect) && find_message(connect, &len)) {
        if (!send_message(connect, input->bytes.data + input->begin, len))
            return false;
        size_t step = len + 1; /* the last may have no separator */
        size_t rest = input->bytes.len - input->begin;
        input->begin += step < rest ? step : rest;
    }
    return may_send(connect);
}

/* ---- reading */

static void pump_later(struct pirn_loop *loop, void *argument);

static void watch(struct connect *connect, bool wanted)
{
    struct connect_input *input = input_of(connect);
    if (input->watched == wanted)
        return;
    if (!input->is_file && wanted &&
        pirn_loop_watch(connect->loop, &input->watch, PIRN_READABLE) < 0)
        input->is_file = true;
    if (!input->is_file && !wanted)
        pirn_loop_unwatch(connect->loop, &input->watch);
    if (input->is_file && wanted && pirn_loop_post(connect->loop, pump_later, connect) < 0)
        connect_fail(connect, "out of memory");
    input->watched = wanted || input->is_file; /* what is posted comes */
}

/* Takes what was sent away, and reads once. */
static void read_some(struct connect *connect)
{
    struct connect_input *input = input_of(connect);
    const uint64_t limit = connect->options->max_message_bytes;
    buffer_drop(&input->bytes, input->begin);
    input->begin = 0;
    if (input->bytes.len > (connect->options->base64 ? limit / 3 * 4 + 4 : limit)) {
        fail(connect, too_large);
        return;
    }
    char *room = buffer_reserve(&input->bytes, READ_BYTES);
    if (!room) {
        connect_fail(connect, "out of memory");
        return;
    }
    ssize_t n = read(input->watch.fd, room, READ_BYTES);
    if (n > 0)
        input->bytes.len += (size_t)n;
    else if (n == 0)
        input->ended = true;
    else if (errno != EINTR && errno != EAGAIN) {
        input->ended = true;
        connect_fail(connect, strerror(errno));
    }
}

void connect_input_not_quiet(struct connect *connect)
{
    uint32_t wait_ms = connect->options->wait_ms;
    uint64_t now_us = pirn_loop_now_us(connect->loop);
    if (connect->input.done && wait_ms > 0 && wait_ms != PIRN_OFF)
        pirn_timer_set(connect->loop, &connect->input.quiet, now_us + (uint64_t)wait_ms * 1000);
}

/* While output blocks nothing can come. */
static void became_quiet(struct pirn_loop *loop, struct pirn_timer *timer)
{
    struct connect *connect =
        (struct connect *)((char *)timer - offsetof(struct connect, input.quiet));
    (void)loop;
    if (connect->output.blocked) {
        connect_input_not_quiet(connect);
        return;
    }
    if (connect->options->one && !connect->received && !connect->closing) {
        unsigned wait_ms = connect->options->wait_ms;
        connect_say(connect, "timeout: no message within %u ms", wait_ms);
        connect->failed = CONNECT_TIMEOUT;
    }
    connect_close(connect, PIRN_CLOSE_NORMAL, PIRN_STR(""));
}

static void at_end(struct connect *connect)
{
    const struct connect_options *options = connect->options;
    set_done(connect);
    watch(connect, false);
    if (!options->one && !options->no_close && options->wait_ms == 0)
        connect_close(connect, PIRN_CLOSE_NORMAL, PIRN_STR(""));
}

void connect_input_pump(struct connect *connect)
{
    struct connect_input *input = input_of(connect);
    if (connect->screen)
        return;
    bool wants_more = send_messages(connect);
    if (wants_more && input->ended)
        at_end(connect);
    else
        watch(connect, wants_more);
}

/* With --one it is the input that says what the peer's first message is: an answer, what was waited
 * for, or neither. So what is there already is read before anything that comes. */
void connect_input_begin(struct connect *connect)
{
    struct pollfd descriptor = {.fd = connect->input.watch.fd, .events = POLLIN};
    connect_input_pump(connect);
    if (connect->options->one && !connect->screen && may_send(connect) &&
        poll(&descriptor, 1, 0) > 0) {
        read_some(connect);
        connect_input_pump(connect);
    }
}

static void pump_later(struct pirn_loop *loop, void *argument)
{
    struct connect *connect = argument;
    (void)loop;
    connect->input.watched = false;
    if (!may_send(connect))
        return;
    read_some(connect);
    connect_input_pump(connect);
}

static void ready(struct pirn_loop *loop, struct pirn_watch *watched, unsigned events)
{
    struct connect *connect =
        (struct connect *)((char *)watched - offsetof(struct connect, input.watch));
    (void)loop, (void)events;
    if (connect->screen) {
        connect_screen_read(connect);
        return;
    }
    read_some(connect);
    connect_input_pump(connect);
}

/* At a prompt it is always read, so that lines can be edited while there is no connection. */
void connect_input_open(struct connect *connect)
{
    struct connect_input *input = input_of(connect);
    input->count = 1;
    input->quiet.fire = became_quiet;
    input->watch = (struct pirn_watch){.ready = ready, .fd = STDIN_FILENO};
    if (connect->screen)
        watch(connect, true);
}

void connect_input_close(struct connect *connect)
{
    pirn_loop_unwatch(connect->loop, &connect->input.watch);
    pirn_timer_stop(connect->loop, &connect->input.quiet);
    buffer_release(&connect->input.bytes);
}
