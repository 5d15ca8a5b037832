/* Connections when system calls come back short, interrupted, refused or with an error: this
 * program's send(2) and the like stand before those of libc. */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conn_rig.h"

/* What happens to calls on one descriptor, the connection's. */
static struct {
    int fd;
    size_t calls;
    size_t every;   /* each so many-th call comes back with error; 0: none */
    size_t at;      /* the call that comes back with error, once; 0: none */
    size_t at_most; /* bytes of a call; 0: all */
    int error;
} faults = {.fd = -1};

static bool faulty(int fd)
{
    if (fd != faults.fd)
        return false;
    faults.calls++;
    if (faults.calls != faults.at && (!faults.every || faults.calls % faults.every))
        return false;
    errno = faults.error;
    return true;
}

static size_t cut(int fd, size_t len)
{
    return fd == faults.fd && faults.at_most && len > faults.at_most ? faults.at_most : len;
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
    return faulty(fd) ? -1 : syscall(SYS_sendto, fd, data, cut(fd, len), flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    if (faulty(fd))
        return -1;
    if (fd == faults.fd && faults.at_most)
        return syscall(SYS_sendto, fd, message->msg_iov[0].iov_base,
                       cut(fd, message->msg_iov[0].iov_len), flags, NULL, 0);
    return syscall(SYS_sendmsg, fd, message, flags);
}

ssize_t recv(int fd, void *data, size_t cap, int flags)
{
    return faulty(fd) ? -1 : syscall(SYS_recvfrom, fd, data, cut(fd, cap), flags, NULL, NULL);
}

ssize_t readv(int fd, const struct iovec *pieces, int count)
{
    if (faulty(fd))
        return -1;
    if (fd == faults.fd && faults.at_most)
        return syscall(SYS_recvfrom, fd, pieces[0].iov_base, cut(fd, pieces[0].iov_len), 0, NULL,
                       NULL);
    return syscall(SYS_readv, fd, pieces, (size_t)count);
}

enum { SIZE = 70000 };

static void echo(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    struct rig *rig = pirn_conn_context(conn);
    rig->messages++;
    rig->received_bytes += len;
    assert_true(pirn_conn_send(conn, type, data, len) >= 0 || faults.at > 0);
}

/* The fault begins when the connection is open: its descriptor is the one below the peer's. */
static void open_rig(struct rig *rig)
{
    rig_start(rig);
    rig->config.handlers.on_message = echo;
    rig->conn = rig_connect(rig, &rig->peer);
    faults.fd = rig->peer - 1;
    faults.calls = 0;
}

static size_t make_messages(uint8_t *out)
{
    static const size_t sizes[] = {0, 1, 125, 126, 3000, 20000, 40000};
    uint8_t *end = out, payload[40000];
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct pirn_frame frame = {
            .fin = true, .masked = true, .opcode = 2, .payload_len = sizes[i]};
        memset(payload, (int)i + 'a', sizes[i]);
        end += pirn_frame_encode(end, 40014, &frame, payload);
    }
    return (size_t)(end - out);
}

/* Turns that go on when the kernel seems quiet, as a spurious EAGAIN is not. */
static void pump(struct rig *rig, const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len)
{
    size_t written = 0, read = 0;
    for (int i = 0; i < 400000 && (written < in_len || read < out_len); i++) {
        if (written < in_len) {
            ssize_t sent = send(rig->peer, in + written, in_len - written, MSG_NOSIGNAL);
            written += sent > 0 ? (size_t)sent : 0;
        }
        rig_turn(rig);
        read += raw_read(rig, out + read, out_len - read);
        if (!rig->conn || (faults.at && faults.calls >= faults.at))
            return;
    }
    assert_int_equal(read, out_len);
}

static void what_passes_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        size_t every, at_most;
        int error;
    } rows[] = {
        {0, 0, 0}, {2, 0, EAGAIN}, {3, 0, EAGAIN}, {2, 0, EINTR},
        {0, 1, 0}, {0, 7, 0},      {5, 3, EAGAIN}, {2, 1000, EINTR},
    };
    static uint8_t in[SIZE], out[SIZE], expected[SIZE];
    size_t in_len = make_messages(in), out_len = 0;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rig rig = {0};
        open_rig(&rig);
        faults.every = rows[i].every;
        faults.at_most = rows[i].at_most;
        faults.error = rows[i].error;
        out_len = in_len - 4 * 7;
        pump(&rig, in, in_len, out, out_len);
        if (i == 0)
            memcpy(expected, out, out_len);
        assert_memory_equal(out, expected, out_len);
        assert_int_equal(rig.messages, 7);
        raw_frame(&rig, PIRN_CLOSE, true, "", 0);
        for (int turn = 0; turn < 50; turn++)
            rig_turn(&rig);
        assert_int_equal(rig.closes, 1);
        assert_true(rig.info.clean);
        faults.fd = -1;
        rig_end(&rig);
    }
    faults.every = faults.at_most = 0;
}

static void errors_end_it(void **state)
{
    (void)state;
    static const struct {
        int error;
        const char *text;
    } rows[] = {
        {ECONNRESET, "lost (tcp): connection reset by peer"},
        {ENOBUFS, "lost (tcp): no buffer space"},
        {ETIMEDOUT, "lost (tcp): connection timed out"},
        {EIO, "lost (tcp): system error 5"},
    };
    static uint8_t in[SIZE], out[SIZE];
    size_t in_len = make_messages(in);
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t at = 1;; at++) {
            struct rig rig = {0};
            open_rig(&rig);
            faults.error = rows[i].error;
            faults.at = at;
            pump(&rig, in, in_len, out, in_len - 4 * 7);
            bool reached = faults.calls >= at;
            if (reached && rig.conn)
                raw_close(&rig); /* as a peer that resets has */
            rig_turns(&rig);
            faults.fd = -1;
            faults.at = 0;
            assert_int_equal(rig.closes, reached);
            if (reached) {
                assert_string_equal(rig.text, rows[i].text);
                assert_int_equal(rig.info.system_error, rows[i].error);
                assert_int_equal(rig.info.code, 1006);
            }
            rig_end(&rig);
            if (!reached)
                break;
        }
}

/* ---- a forked child */

static void a_child_touches_nothing(void **state)
{
    (void)state;
    struct rig rig = {.tcp = true};
    rig_open(&rig);
    assert_int_equal(pirn_conn_send(rig.conn, PIRN_TEXT, "first", 5), 0);
    pid_t child = fork();
    if (child == 0) {
        bool refused = pirn_conn_send(rig.conn, PIRN_TEXT, "x", 1) == -PIRN_E_STATE &&
                       pirn_conn_ping(rig.conn, "x", 1) == -PIRN_E_STATE &&
                       pirn_conn_close(rig.conn, 1000, PIRN_STR("")) == -PIRN_E_STATE &&
                       pirn_loop_dispatch(rig.loop) == -PIRN_E_STATE;
        pirn_conn_terminate(rig.conn);
        while (rig.owner.first)
            pirn__conn_destroy(rig.owner.first);
        pirn_loop_free(rig.loop);
        _exit(refused ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    RAW_EXPECTS(&rig, "\x81\x05"
                      "first");
    raw_text(&rig, "still here");
    rig_turns(&rig);
    rig_expects(&rig, "open\ntext still here\n");
    raw_frame(&rig, PIRN_CLOSE, true, "", 0);
    raw_text(&rig, "");
    RAW_EXPECTS(&rig, "\x88\x00");
    assert_false(raw_sees_end(&rig));
    rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_passes_changes_nothing),
        cmocka_unit_test(errors_end_it),
        cmocka_unit_test(a_child_touches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
