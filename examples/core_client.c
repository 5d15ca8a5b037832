/* A client of Pirn's core over a blocking socket: says a text, prints the answer, and how it ended.
 *
 *     core_client [URL [TEXT]]           core_client ws://127.0.0.1:9001/ hello
 */
#include <pirn/core.h>

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static bool random_bytes(void *context, void *out, size_t len)
{
    (void)context;
    return getrandom(out, len, 0) == (ssize_t)len;
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

static int dial(const struct pirn_url *url)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    char host[256], port[8];
    int fd = -1;
    snprintf(host, sizeof host, "%.*s", (int)url->host.len, url->host.data);
    snprintf(port, sizeof port, "%u", (unsigned)url->port);
    if (getaddrinfo(host, port, &hints, &list) != 0)
        return -1;
    for (struct addrinfo *at = list; at && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) < 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    return fd;
}

/* The opening handshake. What came behind it is left in buffer[0..return); -1: refused. */
static ssize_t shake_hands(int fd, const struct pirn_url *url, char *buffer, size_t cap)
{
    const struct pirn_client_handshake_config config = {
        .host = url->host, .port = url->port, .target = url->target};
    struct pirn_client_handshake hs;
    struct pirn_header headers[PIRN_HTTP_MAX_HEADERS];
    struct pirn_http_head head;
    size_t len = 0;
    int n = pirn_client_handshake_write(&hs, &config, random_bytes, NULL, buffer, cap);
    if (n < 0 || !write_all(fd, buffer, (size_t)n))
        return -1;
    pirn_http_head_init(&head, PIRN_HTTP_RESPONSE, headers, PIRN_HTTP_MAX_HEADERS, cap);
    while (pirn_http_head_feed(&head, buffer, len) == 0) {
        ssize_t more = read(fd, buffer + len, cap - len);
        if (more <= 0)
            return -1;
        len += (size_t)more;
    }
    if (pirn_client_handshake_read_response(&hs, &head) < 0) {
        fprintf(stderr, "core_client: %s\n", hs.detail);
        return -1;
    }
    memmove(buffer, buffer + head.size, len - head.size);
    return (ssize_t)(len - head.size);
}

/* Prints a piece of the answer; closes when it is whole. */
static void hear(struct pirn_endpoint *ep, const struct pirn_event *event)
{
    printf("%.*s%s", (int)event->len, (const char *)event->data, event->last ? "\n" : "");
    if (event->last)
        pirn_endpoint_close(ep, PIRN_CLOSE_NORMAL, PIRN_STR("heard"), now_us());
}

static void talk(int fd, struct pirn_endpoint *ep, char *buffer, size_t cap, ssize_t len)
{
    struct pirn_event event;
    uint8_t out[3 * PIRN_CONTROL_FRAME_MAX];
    do {
        pirn_endpoint_feed(ep, buffer, (size_t)len, now_us());
        while (pirn_endpoint_next(ep, &event))
            if (event.type == PIRN_EVENT_MESSAGE)
                hear(ep, &event);
        int n = pirn_endpoint_control(ep, out, sizeof out, true);
        if (n < 0 || !write_all(fd, out, (size_t)n) || pirn_endpoint_state(ep) == PIRN_CLOSED)
            break;
        len = read(fd, buffer, cap);
    } while (len > 0);
    pirn_endpoint_eof(ep);
}

static int report(const struct pirn_endpoint *ep)
{
    struct pirn_ending ending = pirn_endpoint_ending(ep);
    char text[PIRN_CLOSE_REASON_MAX + 1];
    pirn_endpoint_error_text(ep, text, sizeof text);
    printf("ended by %s: %d %s%s%s\n", ending.origin == PIRN_ORIGIN_LOCAL ? "us" : "the server",
           ending.received_code, pirn_close_name(ending.received_code), *text ? ", " : "", text);
    return ending.clean ? 0 : 1;
}

int main(int argc, char **argv)
{
    static char buffer[PIRN_HTTP_MAX_HEAD_BYTES], frame[4096];
    static const struct pirn_endpoint_config config = {.ping_interval_ms = PIRN_OFF,
                                                       .random = random_bytes};
    const char *text = argc > 2 ? argv[2] : "hello";
    struct pirn_control_slots slots;
    struct pirn_endpoint ep;
    struct pirn_url url;
    int fd = -1;
    if (pirn_url_parse(&url, pirn_cstr(argc > 1 ? argv[1] : "ws://127.0.0.1:9001/")) < 0 ||
        url.secure || (fd = dial(&url)) < 0) {
        fprintf(stderr, "core_client: cannot connect\n");
        return 1;
    }
    ssize_t len = shake_hands(fd, &url, buffer, sizeof buffer);
    if (len < 0)
        return 1;
    pirn_endpoint_init(&ep, PIRN_CLIENT, &config, &slots, now_us());
    int64_t size =
        pirn_endpoint_send(&ep, PIRN_TEXT, true, text, strlen(text), frame, sizeof frame);
    if (size < 0 || !write_all(fd, frame, (size_t)size))
        return 1;
    talk(fd, &ep, buffer, sizeof buffer, len);
    close(fd);
    return report(&ep);
}
