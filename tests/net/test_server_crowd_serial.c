/* Very many connections: all at work at once, and what each costs while it is idle. The clients of
 * the second are a process of their own, as one has not descriptors enough for both ends. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "peer.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

static rlim_t raise_fds(rlim_t wanted)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < wanted)
        limit.rlim_max = wanted; /* root may */
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

/* ---- at once */

enum { CROWD = 1000, ROUNDS = 5 };

static void test_thousand_at_once(void **state)
{
    (void)state;
    struct peer *peers = calloc(CROWD, sizeof *peers);
    char text[64];
    if (raise_fds(2 * CROWD + 100) < 2 * CROWD + 100)
        skip();
    assert_non_null(peers);
    stage_open(NULL);
    for (size_t i = 0; i < CROWD; i++)
        peer_open(&peers[i], "/");
    assert_int_equal(pirn_server_connections(stage.server), CROWD);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < CROWD; i++) {
            int len = snprintf(text, sizeof text, "%zu in round %d", i, round);
            peer_message(&peers[i], PIRN_TEXT, text, (size_t)len);
        }
        for (size_t i = 0; i < CROWD; i++) {
            snprintf(text, sizeof text, "%zu in round %d", i, round);
            peer_expect_text(&peers[i], text);
        }
    }
    for (size_t i = 0; i < CROWD; i++)
        peer_leave(&peers[i], PIRN_CLOSE_NORMAL);
    free(peers);
    stage_close();
}

/* ---- idle */

enum { IDLE = 10000, WARM = 100, IDLE_BYTES_MAX = 256 };

static const char request[] =
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
static const char hello[] = "\x81\x85\0\0\0\0hello";

static bool read_until(int fd, const char *end, size_t end_len)
{
    char text[1024];
    size_t len = 0;
    while (len < end_len || memcmp(text + len - end_len, end, end_len) != 0) {
        ssize_t n = recv(fd, text + len, sizeof text - len, 0);
        if (n <= 0)
            return false;
        len += (size_t)n;
    }
    return true;
}

/* A socket that is open and has echoed once; it ends with a reset, so that no port stays in use. */
static bool be_client(uint16_t port)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0 &&
           connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
           send(fd, request, sizeof request - 1, 0) > 0 && read_until(fd, "\r\n\r\n", 4) &&
           send(fd, hello, sizeof hello - 1, 0) > 0 && read_until(fd, "\x81\x05hello", 7);
}

/* The process of the clients: goes on to the next count for each byte that it is sent. */
static void run_clients(int control, uint16_t port)
{
    static const size_t counts[] = {WARM, IDLE};
    size_t made = 0;
    char byte = 0;
    for (size_t i = 0; i < COUNT(counts) && read(control, &byte, 1) == 1; i++) {
        while (made < counts[i] && be_client(port))
            made++;
        byte = made == counts[i];
        if (write(control, &byte, 1) != 1)
            break;
    }
    while (read(control, &byte, 1) > 0)
        continue;
    _exit(0);
}

/* Lets the clients make their next number of connections; false if they cannot. */
static bool next_clients(int control)
{
    char byte = 0;
    ssize_t n = 0;
    assert_int_equal(write(control, &byte, 1), 1);
    AWAIT((n = recv(control, &byte, 1, MSG_DONTWAIT)) >= 0);
    stage_settle();
    return n == 1 && byte;
}

static size_t resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    size_t size = 0, resident = 0;
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu %zu", &size, &resident), 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* Bytes that each connection has cost; 0 when there is no room for them here. */
static size_t measure(int control, size_t (*bytes)(void))
{
    assert_true(next_clients(control));
    assert_int_equal(pirn_server_connections(stage.server), WARM);
    size_t before = bytes();
    if (!next_clients(control))
        return 0;
    assert_int_equal(pirn_server_connections(stage.server), IDLE);
    assert_int_equal(stage.told.messages, IDLE);
    return (bytes() - before) / (IDLE - WARM);
}

static void check_idle_connections(size_t (*bytes)(void), const char *what)
{
    int control[2];
    if (raise_fds(IDLE + 100) < IDLE + 100)
        skip();
    stage_open(NULL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, control), 0);
    pid_t clients = fork();
    assert_true(clients >= 0);
    if (clients == 0) {
        close(control[0]);
        run_clients(control[1], stage.port);
    }
    close(control[1]);
    size_t each = measure(control[0], bytes);
    print_message("an idle connection costs %zu %s bytes\n", each, what);
    close(control[0]);
    AWAIT(pirn_server_connections(stage.server) == 0);
    assert_int_equal(waitpid(clients, NULL, 0), clients);
    stage_close();
    if (each == 0)
        skip();
    assert_in_range(each, 1, IDLE_BYTES_MAX);
}

static size_t asked_bytes(void)
{
    return stage.memory.bytes;
}

static void test_idle_connections(void **state)
{
    (void)state;
    STAGE_PLAIN_ONLY();
    check_idle_connections(asked_bytes, "counted");
}

static void *plain_realloc(void *context, void *memory, size_t old_size, size_t size)
{
    (void)context, (void)old_size;
    if (size > 0)
        return realloc(memory, size);
    free(memory);
    return NULL;
}

/* As the kernel sees it: with what malloc(3) adds. */
static void test_idle_connections_resident(void **state)
{
    (void)state;
    STAGE_PLAIN_ONLY();
#ifdef SANITIZED
    skip(); /* it adds kilobytes */
#endif
    stage.loop_config.realloc = plain_realloc;
    check_idle_connections(resident_bytes, "resident");
}

int main(void)
{
    /* first the one that measures, as what was freed before would be used again */
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_idle_connections_resident),
        STAGE_TEST(test_idle_connections),
        STAGE_TEST(test_thousand_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
