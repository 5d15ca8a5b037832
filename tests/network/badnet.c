/* badnet: a bad network between two ends, for a command that is run at the near one.
 *
 *     badnet COMMAND ARGUMENT...
 *
 * Two network namespaces, each with a TUN device, know nothing but each other: 192.0.2.1 is the
 * near end, 192.0.2.2 the far one. What is sent at one end is read here and written at the other
 * one as the plan says. The plan is changed, and what became of the packets asked for, by lines to
 * descriptor 3 of the command, such as
 *
 *     seed=7 drop=10 double=5 late=20 delay_us=1000
 *
 * drop, double and late are in packets of 1000; a late one takes up to four times the delay. What
 * becomes of the n-th packet of a direction follows from the seed and n alone; a new seed begins
 * to count anew. hole=1 swallows all from near to far, hole=2 all from far to near, hole=3 both;
 * hole=0 none. Each line is answered, when it holds, with ten numbers: of the packets from near to
 * far, since the line before, how many were passed, dropped, doubled, late and swallowed, and the
 * same from far to near.
 *
 * Descriptor 4 is the namespace of the far end, for setns(2) and nsenter(1). Nothing here has a
 * name or outlives the processes: the kernel takes down namespaces that nobody is in. The command
 * dies with badnet, whose status is the command's, or 77 if the system permits no such thing. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    NEAR,
    FAR,
    PACKET_MAX = 1500,
    FLIGHT_MAX = 4096, /* packets under way; more are dropped, as routers do */
    BATCH = 64,        /* packets read before others are written */
    COMMAND_FD = 3,
    FAR_FD = 4,
    SKIPPED = 77
};

enum fate { PASSED, DROPPED, DOUBLED, LATE, SWALLOWED, FATES };

struct packet {
    uint64_t due_us, order; /* those due at the same time keep their order */
    int to;
    size_t len;
    uint8_t data[PACKET_MAX];
};

static struct {
    uint64_t seed, drop, twice, late, delay_us, hole;
} plan;
static const struct {
    const char *name;
    uint64_t *value;
} settings[] = {{"seed", &plan.seed}, {"drop", &plan.drop},         {"double", &plan.twice},
                {"late", &plan.late}, {"delay_us", &plan.delay_us}, {"hole", &plan.hole}};

static struct {
    int tun, namespace;
    uint64_t read; /* packets, since the seed was set */
    unsigned long fates[FATES];
} ends[2];

static struct packet *flight[FLIGHT_MAX]; /* a heap: the next to be written comes first */
static size_t flying;
static uint64_t last_order;

static int stop(const char *what)
{
    bool refused = errno == EPERM || errno == EACCES || errno == ENOENT || errno == ENODEV ||
                   errno == ENOSYS || errno == ENXIO;
    fprintf(stderr, "badnet: %s: %s\n", what, strerror(errno));
    exit(refused ? SKIPPED : 1);
}

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* splitmix64 */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

static bool is_before(const struct packet *a, const struct packet *b)
{
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->order < b->order;
}

static void swap(size_t a, size_t b)
{
    struct packet *packet = flight[a];
    flight[a] = flight[b];
    flight[b] = packet;
}

static void fly(const struct packet *packet, uint64_t delay_us)
{
    struct packet *own = flying < FLIGHT_MAX ? malloc(sizeof *own) : NULL;
    if (!own)
        return;
    memcpy(own, packet, sizeof *own);
    own->due_us = now_us() + delay_us;
    own->order = last_order++;
    size_t at = flying++;
    flight[at] = own;
    for (; at > 0 && is_before(own, flight[(at - 1) / 2]); at = (at - 1) / 2)
        swap(at, (at - 1) / 2);
}

static struct packet *land(void)
{
    struct packet *first = flight[0];
    flight[0] = flight[--flying];
    for (size_t at = 0, child; (child = 2 * at + 1) < flying; at = child) {
        if (child + 1 < flying && is_before(flight[child + 1], flight[child]))
            child++;
        if (!is_before(flight[child], flight[at]))
            break;
        swap(at, child);
    }
    return first;
}

/* Sends a packet on its way, as the plan says. */
static void decide(int from, const struct packet *packet)
{
    uint64_t chance = mix(mix(plan.seed * 2 + (uint64_t)from) + ends[from].read++);
    enum fate fate = PASSED;
    uint64_t delay_us = plan.delay_us;
    if (plan.hole & (uint64_t)(from + 1))
        fate = SWALLOWED;
    else if (chance % 1000 < plan.drop)
        fate = DROPPED;
    else if ((chance >> 16) % 1000 < plan.late)
        fate = LATE;
    else if ((chance >> 32) % 1000 < plan.twice)
        fate = DOUBLED;
    ends[from].fates[fate]++;
    if (fate == SWALLOWED || fate == DROPPED)
        return;
    if (fate == LATE)
        delay_us += (chance >> 48) * 3 * plan.delay_us / 65536;
    for (int copies = fate == DOUBLED ? 2 : 1; copies > 0; copies--)
        fly(packet, delay_us);
}

static void read_packets(int from)
{
    struct packet packet = {.to = !from};
    for (int i = 0; i < BATCH; i++) {
        ssize_t len = read(ends[from].tun, packet.data, sizeof packet.data);
        if (len <= 0)
            return;
        packet.len = (size_t)len;
        if (packet.data[0] >> 4 == 4) /* what IPv6 does by itself would count in the pattern */
            decide(from, &packet);
    }
}

static void write_packets(void)
{
    while (flying > 0 && flight[0]->due_us <= now_us()) {
        struct packet *packet = land();
        if (write(ends[packet->to].tun, packet->data, packet->len) < 0 && errno != EAGAIN)
            stop("write");
        free(packet);
    }
}

static void set(const char *word)
{
    size_t len = strcspn(word, "=");
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (strlen(settings[i].name) != len || memcmp(settings[i].name, word, len) != 0)
            continue;
        *settings[i].value = strtoull(word + len + (word[len] != 0), NULL, 10);
        if (settings[i].value == &plan.seed)
            ends[NEAR].read = ends[FAR].read = 0;
        return;
    }
    fprintf(stderr, "badnet: what is \"%s\"?\n", word);
    exit(1);
}

static void obey(int control)
{
    char line[256], answer[256];
    size_t len = 0;
    do {
        ssize_t got = read(control, line + len, sizeof line - 1 - len);
        if (got <= 0)
            return;
        len += (size_t)got;
    } while (line[len - 1] != '\n' && len < sizeof line - 1);
    line[len] = '\0';
    for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n"))
        set(word);
    for (int from = NEAR, at = 0; from <= FAR; from++) {
        for (int fate = 0; fate < FATES; fate++)
            at += snprintf(answer + at, sizeof answer - (size_t)at, "%lu ", ends[from].fates[fate]);
        len = (size_t)at;
        memset(ends[from].fates, 0, sizeof ends[from].fates);
    }
    answer[len - 1] = '\n';
    (void)!send(control, answer, len, MSG_NOSIGNAL); /* to one that may have ended */
}

/* Goes into a namespace of its own and leaves a device there. */
static void make_end(int end, const char *address)
{
    struct ifreq ifr = {.ifr_name = "badnet", .ifr_flags = IFF_TUN | IFF_NO_PI};
    struct sockaddr_in inet = {.sin_family = AF_INET};
    if (unshare(CLONE_NEWNET) < 0)
        stop("a network namespace");
    ends[end].namespace = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    ends[end].tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (ends[end].namespace < 0 || ends[end].tun < 0 || ioctl(ends[end].tun, TUNSETIFF, &ifr) < 0)
        stop("/dev/net/tun");
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, address, &inet.sin_addr);
    memcpy(&ifr.ifr_addr, &inet, sizeof inet);
    bool ok = fd >= 0 && ioctl(fd, SIOCSIFADDR, &ifr) == 0;
    inet_pton(AF_INET, "255.255.255.0", &inet.sin_addr);
    memcpy(&ifr.ifr_addr, &inet, sizeof inet);
    ok = ok && ioctl(fd, SIOCSIFNETMASK, &ifr) == 0;
    ifr.ifr_flags = IFF_UP | IFF_RUNNING;
    if (!ok || ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
        stop("an address");
    close(fd);
}

static void run_command(char **command, int control, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int far = fcntl(ends[FAR].namespace, F_DUPFD_CLOEXEC, 10);
    control = fcntl(control, F_DUPFD_CLOEXEC, 10);
    if (setns(ends[NEAR].namespace, CLONE_NEWNET) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
        dup2(control, COMMAND_FD) < 0 || dup2(far, FAR_FD) < 0 || getppid() != parent)
        stop("the near end");
    execvp(command[0], command);
    perror(command[0]);
    _exit(1);
}

/* The packets, until the command has ended; returns its status. */
static int serve(pid_t child, int control, int signals)
{
    struct pollfd fds[] = {{.fd = ends[NEAR].tun, .events = POLLIN},
                           {.fd = ends[FAR].tun, .events = POLLIN},
                           {.fd = control, .events = POLLIN},
                           {.fd = signals, .events = POLLIN}};
    int status;
    while (waitpid(child, &status, WNOHANG) == 0) {
        struct timespec wait = {60, 0};
        uint64_t now = now_us();
        if (flying > 0) {
            uint64_t us = flight[0]->due_us > now ? flight[0]->due_us - now : 0;
            wait.tv_sec = (time_t)(us / 1000000);
            wait.tv_nsec = (long)(us % 1000000) * 1000;
        }
        if (ppoll(fds, sizeof fds / sizeof *fds, &wait, NULL) < 0)
            stop("poll");
        for (int end = NEAR; end <= FAR; end++)
            if (fds[end].revents)
                read_packets(end);
        write_packets();
        if (fds[2].revents & POLLIN)
            obey(control);
        else if (fds[2].revents)
            fds[2].fd = -1;
        struct signalfd_siginfo told;
        if (fds[3].revents && read(signals, &told, sizeof told) < 0)
            stop("signal");
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
    int pair[2];
    sigset_t child_ends;
    if (argc < 2) {
        fputs("usage: badnet COMMAND ARGUMENT...\n", stderr);
        return 2;
    }
    make_end(NEAR, "192.0.2.1");
    make_end(FAR, "192.0.2.2");
    sigemptyset(&child_ends);
    sigaddset(&child_ends, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_ends, NULL);
    prctl(PR_SET_TIMERSLACK, 1UL);
    int signals = signalfd(-1, &child_ends, SFD_CLOEXEC);
    if (signals < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        stop("socketpair");
    pid_t parent = getpid(), child = fork();
    if (child < 0)
        stop("fork");
    if (child == 0)
        run_command(argv + 1, pair[1], parent);
    close(pair[1]);
    return serve(child, pair[0], signals);
}
