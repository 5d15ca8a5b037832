/* Standard output never makes the loop wait: poll(2) says whether a pipe takes PIPE_BUF bytes, and
 * no more than that is written at once. (To set O_NONBLOCK would set it for everybody who has the
 * same pipe or terminal.) What is not taken yet pauses the connection, so that no more than one
 * message waits here. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connect.h"

#define GATHERED_BYTES ((size_t)1 << 15)

static void stop_watching(struct connect *connect)
{
    pirn_loop_unwatch(connect->loop, &connect->output.watch);
}

/* A reader who has what it wanted is no failure: `pirn connect ... | head -1`. */
static void lost(struct connect *connect, int error)
{
    connect->output.gone = true;
    connect->output.bytes.len = 0;
    stop_watching(connect);
    if (error != EPIPE)
        connect_fail(connect, strerror(error));
    else
        connect_close(connect, PIRN_CLOSE_NORMAL, PIRN_STR(""));
}

static bool takes_more(const struct connect_output *output)
{
    struct pollfd descriptor = {.fd = output->watch.fd, .events = POLLOUT};
    return output->is_file || poll(&descriptor, 1, 0) > 0;
}

static void block(struct connect *connect, bool blocked)
{
    struct pirn_conn *conn = pirn_client_conn(connect->client);
    if (connect->output.blocked == blocked)
        return;
    connect->output.blocked = blocked;
    pirn_loop_rewatch(connect->loop, &connect->output.watch, blocked ? PIRN_WRITABLE : 0);
    if (conn && blocked)
        pirn_conn_pause(conn);
    else if (conn)
        pirn_conn_resume(conn);
    connect_set_late(connect);
    if (!blocked) {
        connect_input_pump(connect);
        connect_finish(connect);
    }
}

void connect_output_flush(struct connect *connect)
{
    struct connect_output *output = &connect->output;
    size_t done = 0;
    if (output->bytes.failed && !output->gone)
        lost(connect, ENOMEM);
    while (done < output->bytes.len && !output->gone && takes_more(output)) {
        size_t left = output->bytes.len - done;
        ssize_t n = write(output->watch.fd, output->bytes.data + done,
                          left < PIPE_BUF || output->is_file ? left : PIPE_BUF);
        if (n > 0)
            done += (size_t)n;
        else if (n < 0 && errno != EINTR && errno != EAGAIN)
            lost(connect, errno);
        else if (n < 0 && errno == EAGAIN)
            break;
    }
    if (!output->gone && done > 0)
        buffer_drop(&output->bytes, done);
    block(connect, output->bytes.len > 0);
}

static void flush_posted(struct pirn_loop *loop, void *argument)
{
    struct connect *connect = argument;
    (void)loop;
    connect->output.posted = false;
    connect_output_flush(connect);
    connect_finish(connect);
}

void connect_output_soon(struct connect *connect)
{
    struct connect_output *output = &connect->output;
    bool now = connect->screen || output->bytes.len >= GATHERED_BYTES || output->bytes.failed;
    if (!now && !output->posted)
        output->posted = pirn_loop_post(connect->loop, flush_posted, connect) == 0;
    if (now || !output->posted)
        connect_output_flush(connect);
}

static void ready(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events)
{
    struct connect *connect =
        (struct connect *)((char *)watch - offsetof(struct connect, output.watch));
    (void)loop;
    if (connect->output.bytes.len > 0)
        connect_output_flush(connect);
    else if (events & PIRN_HANGUP)
        lost(connect, EPIPE);
}

void connect_output_open(struct connect *connect)
{
    struct connect_output *output = &connect->output;
    output->watch = (struct pirn_watch){.ready = ready, .fd = STDOUT_FILENO};
    output->is_file = connect->screen || pirn_loop_watch(connect->loop, &output->watch, 0) < 0;
}

void connect_output_close(struct connect *connect)
{
    stop_watching(connect);
    buffer_release(&connect->output.bytes);
}
