/* The bad network itself: a seed is a pattern, what is swallowed is gone, what is late is
 * overtaken. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bad_network.h"

enum { PACKETS = 200, SILENCE_MS = 100 };

static int near_socket = -1, far_socket = -1;

/* One that is connected to the other end. */
static int open_socket(const char *own, const char *other)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(7)};
    inet_pton(AF_INET, own, &address.sin_addr);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    inet_pton(AF_INET, other, &address.sin_addr);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static int open_sockets(void **state)
{
    (void)state;
    near_socket = open_socket("192.0.2.1", "192.0.2.2");
    bad_network_enter_far();
    far_socket = open_socket("192.0.2.2", "192.0.2.1");
    bad_network_enter_near();
    return 0;
}

static int close_sockets(void **state)
{
    (void)state;
    close(near_socket);
    close(far_socket);
    return 0;
}

/* What became of numbered packets: their numbers as they came; how many. */
static size_t pass(int from, int to, uint16_t *came)
{
    struct pollfd fd = {.fd = to, .events = POLLIN};
    size_t count = 0;
    for (uint16_t i = 0; i < PACKETS; i++)
        assert_int_equal(send(from, &i, sizeof i, 0), sizeof i);
    while (poll(&fd, 1, SILENCE_MS) > 0 && count < 2 * PACKETS)
        assert_int_equal(recv(to, &came[count++], sizeof *came, 0), sizeof *came);
    return count;
}

static void a_seed_is_a_pattern(void **state)
{
    static uint16_t first[2 * PACKETS], second[2 * PACKETS];
    (void)state;
    for (int back = 0; back <= 1; back++) {
        int from = back ? far_socket : near_socket, to = back ? near_socket : far_socket;
        bad_network_plan("seed=7 drop=200 double=100 late=0 delay_us=2000 hole=0");
        size_t count = pass(from, to, first);
        bad_network_plan("seed=7");
        assert_in_range(bad_network_counts[back].dropped, PACKETS / 10, PACKETS / 3);
        assert_in_range(bad_network_counts[back].doubled, PACKETS / 30, PACKETS / 5);
        assert_int_equal(count, PACKETS - bad_network_counts[back].dropped +
                                    bad_network_counts[back].doubled);
        assert_int_equal(pass(from, to, second), count);
        assert_memory_equal(first, second, count * sizeof *first);
        bad_network_plan("seed=8");
        size_t other = pass(from, to, second);
        assert_true(other != count || memcmp(first, second, count * sizeof *first) != 0);
    }
}

static void late_ones_are_overtaken(void **state)
{
    static uint16_t came[2 * PACKETS];
    unsigned overtaken = 0;
    (void)state;
    bad_network_plan("seed=7 drop=0 double=0 late=100 delay_us=3000 hole=0");
    assert_int_equal(pass(near_socket, far_socket, came), PACKETS);
    for (size_t i = 1; i < PACKETS; i++)
        overtaken += came[i] < came[i - 1];
    bad_network_plan("late=0");
    assert_true(bad_network_counts[0].late > 10);
    assert_true(overtaken > 5);
}

static void a_hole_swallows_its_direction(void **state)
{
    static uint16_t came[2 * PACKETS];
    (void)state;
    bad_network_plan("drop=0 double=0 late=0 delay_us=0 hole=%u", HOLE_OUT);
    assert_int_equal(pass(near_socket, far_socket, came), 0);
    assert_int_equal(pass(far_socket, near_socket, came), PACKETS);
    bad_network_plan("hole=%u", HOLE_BACK);
    assert_int_equal(bad_network_counts[0].swallowed, PACKETS);
    assert_int_equal(pass(near_socket, far_socket, came), PACKETS);
    assert_int_equal(pass(far_socket, near_socket, came), 0);
    bad_network_plan("hole=0");
    assert_int_equal(bad_network_counts[1].swallowed, PACKETS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_seed_is_a_pattern, open_sockets, close_sockets),
        cmocka_unit_test_setup_teardown(late_ones_are_overtaken, open_sockets, close_sockets),
        cmocka_unit_test_setup_teardown(a_hole_swallows_its_direction, open_sockets, close_sockets),
    };
    return bad_network_run(tests, COUNT(tests));
}
