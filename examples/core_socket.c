/* Pirn's core alone, over a blocking socket: one client is let in, hears its echo, and is told of
 * when it goes. The core does no I/O: this program reads, writes and knows the time.
 *
 *     core_socket [port]
 */
#include <pirn/core.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static bool write_all(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n < 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

/* The opening handshake. What came behind it is left in buffer[0..return); -1: refused. */
static ssize_t shake_hands(int fd, char *buffer, size_t cap)
{
    const struct pirn_str none = {NULL, 0};
    struct pirn_header headers[PIRN_HTTP_MAX_HEADERS];
    struct pirn_http_head head;
    struct pirn_handshake hs;
    char answer[1024];
    size_t len = 0;
    pirn_http_head_init(&head, PIRN_HTTP_REQUEST, headers, PIRN_HTTP_MAX_HEADERS, cap);
    while (pirn_http_head_feed(&head, buffer, len) == 0) {
        ssize_t n = read(fd, buffer + len, cap - len);
        if (n <= 0)
            return -1;
        len += (size_t)n;
    }
    bool good = pirn_handshake_read_request(&hs, &head) == 0;
    if (good && !pirn_handshake_origin_allowed(&hs, false, NULL, 0)) {
        good = false;
        hs.status = 403;
    }
    int n = good ? pirn_handshake_write_accept(&hs, none, none, NULL, 0, answer, sizeof answer)
                 : pirn_handshake_write_refusal(hs.status, NULL, 0, pirn_cstr(hs.detail), answer,
                                                sizeof answer);
    if (n < 0 || !write_all(fd, answer, (size_t)n) || !good)
        return -1;
    memmove(buffer, buffer + head.size, len - head.size);
    return (ssize_t)(len - head.size);
}

/* Sends a piece of a message back as a frame of its own. */
static bool echo(int fd, struct pirn_endpoint *ep, const struct pirn_event *event)
{
    uint8_t header[PIRN_FRAME_HEADER_MAX];
    int n = pirn_endpoint_frame(ep, event->opcode, event->last, event->len, header);
    return n < 0 || (write_all(fd, header, (size_t)n) && write_all(fd, event->data, event->len));
}

static void talk(int fd, char *buffer, size_t cap, ssize_t len)
{
    static const struct pirn_endpoint_config config = {.ping_interval_ms = PIRN_OFF};
    struct pirn_control_slots slots;
    struct pirn_endpoint ep;
    struct pirn_event event;
    uint8_t out[3 * PIRN_CONTROL_FRAME_MAX];
    pirn_endpoint_init(&ep, PIRN_SERVER, &config, &slots, now_us());
    do {
        pirn_endpoint_feed(&ep, buffer, (size_t)len, now_us());
        bool alive = true;
        while (pirn_endpoint_next(&ep, &event))
            if (event.type == PIRN_EVENT_MESSAGE && alive)
                alive = echo(fd, &ep, &event);
        int n = pirn_endpoint_control(&ep, out, sizeof out, true);
        if (!alive || !write_all(fd, out, (size_t)n) || pirn_endpoint_state(&ep) == PIRN_CLOSED)
            break;
        len = read(fd, buffer, cap);
    } while (len > 0);
    pirn_endpoint_eof(&ep);
    struct pirn_ending ending = pirn_endpoint_ending(&ep);
    printf("%d %s\n", ending.received_code, pirn_close_name(ending.received_code));
}

static int accept_one(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), fd = -1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, len) == 0 && listen(listener, 1) == 0) {
        getsockname(listener, (struct sockaddr *)&address, &len);
        printf("listening on ws://127.0.0.1:%d/\n", ntohs(address.sin_port));
        fflush(stdout);
        fd = accept(listener, NULL, NULL);
    }
    if (fd < 0)
        perror("core_socket");
    close(listener);
    return fd;
}

int main(int argc, char **argv)
{
    static char buffer[PIRN_HTTP_MAX_HEAD_BYTES];
    int fd = accept_one((uint16_t)(argc > 1 ? atoi(argv[1]) : 9001));
    if (fd < 0)
        return 1;
    ssize_t len = shake_hands(fd, buffer, sizeof buffer);
    if (len >= 0)
        talk(fd, buffer, sizeof buffer, len);
    close(fd);
    return len < 0;
}
