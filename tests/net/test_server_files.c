/* Static files: what a path leads to, and that it never leads out of the root. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "peer.h"

enum { BIG_BYTES = 8 << 20 };

static char base[] = "/tmp/pirn-files-XXXXXX";
static char root[sizeof base + 8];

static void write_file(const char *name, const char *text, size_t len)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static const char *const folders[] = {"root",       "root/sub",    "root/empty",
                                      "root/odd",   "root/file.d", "root/odd/index.html",
                                      "root/linked"};

static const struct {
    const char *name, *text;
} files[] = {
    {"secret.txt", "secret"},           {"root/index.html", "<h1>root"},
    {"root/a.txt", "a text"},           {"root/b c.txt", "blank"},
    {"root/100%.txt", "percent"},       {"root/none", "no ending"},
    {"root/.hidden.js", "hidden"},      {"root/empty.css", ""},
    {"root/sub/index.html", "<h1>sub"}, {"root/sub/page.HTML", "upper"},
    {"root/..a", "two dots"},           {"root/file.d/x.json", "{}"},
};

static const struct {
    const char *name, *target;
} links[] = {
    {"root/out.txt", "../secret.txt"},
    {"root/in.txt", "a.txt"},
    {"root/up", ".."},
    {"root/absolute", "/"},
    {"root/linked/index.html", "../../secret.txt"},
};

static int make_tree(void **state)
{
    (void)state;
    char *big = calloc(1, BIG_BYTES);
    assert_non_null(big);
    assert_non_null(mkdtemp(base));
    snprintf(root, sizeof root, "%s/root", base);
    assert_int_equal(chdir(base), 0);
    for (size_t i = 0; i < COUNT(folders); i++)
        assert_int_equal(mkdir(folders[i], 0755), 0);
    for (size_t i = 0; i < COUNT(files); i++)
        write_file(files[i].name, files[i].text, strlen(files[i].text));
    for (size_t i = 0; i < COUNT(links); i++)
        assert_int_equal(symlink(links[i].target, links[i].name), 0);
    assert_int_equal(mkfifo("root/fifo", 0644), 0);
    for (size_t i = 0; i < BIG_BYTES; i++)
        big[i] = (char)(i * 2654435761u >> 24);
    write_file("root/big.bin", big, BIG_BYTES);
    write_file("root/locked.txt", "locked", 6);
    assert_int_equal(chmod("root/locked.txt", 0), 0);
    free(big);
    return 0;
}

static int remove_tree(void **state)
{
    char command[64];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", base);
    return chdir("/") || system(command);
}

static const struct {
    const char *target;
    int status;
    const char *type, *body;
} rows[] = {
    {"/", 200, "text/html; charset=utf-8", "<h1>root"},
    {"/index.html", 200, "text/html; charset=utf-8", "<h1>root"},
    {"/a.txt", 200, "text/plain; charset=utf-8", "a text"},
    {"/a.txt?query", 200, "text/plain; charset=utf-8", "a text"},
    {"//a.txt", 200, "text/plain; charset=utf-8", "a text"},
    {"/./a.txt", 200, "text/plain; charset=utf-8", "a text"},
    {"/%61.txt", 200, "text/plain; charset=utf-8", "a text"},
    {"/b%20c.txt", 200, "text/plain; charset=utf-8", "blank"},
    {"/100%25.txt", 200, "text/plain; charset=utf-8", "percent"},
    {"/none", 200, "application/octet-stream", "no ending"},
    {"/..a", 200, "application/octet-stream", "two dots"},
    {"/.hidden.js", 200, "text/javascript; charset=utf-8", "hidden"},
    {"/empty.css", 200, "text/css; charset=utf-8", ""},
    {"/sub/", 200, "text/html; charset=utf-8", "<h1>sub"},
    {"/sub/page.HTML", 200, "text/html; charset=utf-8", "upper"},
    {"/file.d/x.json", 200, "application/json", "{}"},
    {"http://localhost/a.txt", 200, "text/plain; charset=utf-8", "a text"},
    {"/sub", 301, NULL, NULL},
    {"/sub?x", 301, NULL, NULL},
    {"/empty/", 404, NULL, NULL},
    {"/odd/", 404, NULL, NULL},
    {"/nothing", 404, NULL, NULL},
    {"/nothing/", 404, NULL, NULL},
    {"/a.txt/", 404, NULL, NULL},
    {"/a.txt/x", 404, NULL, NULL},
    {"/fifo", 404, NULL, NULL},
    {"/..", 404, NULL, NULL},
    {"/../secret.txt", 404, NULL, NULL},
    {"/sub/../../secret.txt", 404, NULL, NULL},
    {"/sub/../a.txt", 404, NULL, NULL},
    {"/%2e%2e/secret.txt", 404, NULL, NULL},
    {"/%2E./secret.txt", 404, NULL, NULL},
    {"/..%2fsecret.txt", 404, NULL, NULL},
    {"/..%2Fsecret.txt", 404, NULL, NULL},
    {"/sub%2findex.html", 404, NULL, NULL},
    {"/..%5csecret.txt", 404, NULL, NULL},
    {"/%252e%252e/secret.txt", 404, NULL, NULL},
    {"/a.txt%00.html", 404, NULL, NULL},
    {"/%", 404, NULL, NULL},
    {"/%6", 404, NULL, NULL},
    {"/%g1", 404, NULL, NULL},
    {"/out.txt", 404, NULL, NULL},
    {"/in.txt", 404, NULL, NULL},
    {"/up/secret.txt", 404, NULL, NULL},
    {"/absolute/etc/passwd", 404, NULL, NULL},
    {"/linked/", 404, NULL, NULL},
    {"*", 404, NULL, NULL},
};

static void check_row(size_t row, const char *method)
{
    struct peer peer;
    peer_connect(&peer);
    peer_print(&peer, "%s %s HTTP/1.1\r\nHost: localhost\r\n\r\n", method, rows[row].target);
    int status = peer_answer(&peer);
    if (status != rows[row].status)
        fail_msg("%d for %s %s", status, method, rows[row].target);
    if (rows[row].type) {
        assert_true(pirn_str_equal(peer_header(&peer, "Content-Type"), pirn_cstr(rows[row].type)));
        assert_true(
            pirn_str_equal(peer_header(&peer, "X-Content-Type-Options"), PIRN_STR("nosniff")));
        assert_int_equal(strtoul(peer_header(&peer, "Content-Length").data, NULL, 10),
                         strlen(rows[row].body));
        bool body = strcmp(method, "HEAD") != 0;
        assert_true(pirn_str_equal(peer_body(&peer), pirn_cstr(body ? rows[row].body : "")));
    }
    peer_drop(&peer);
    stage_settle();
}

static void test_paths(void **state)
{
    (void)state;
    stage_open(&(struct pirn_server_config){.root = root});
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_row(i, "GET");
        check_row(i, "HEAD");
    }
    stage_close();
}

static void test_other_answers(void **state)
{
    (void)state;
    struct peer peer;
    stage_open(&(struct pirn_server_config){.root = root});
    peer_connect(&peer);
    peer_print(&peer, "POST /a.txt HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx");
    assert_int_equal(peer_answer(&peer), 405);
    assert_true(pirn_str_equal(peer_header(&peer, "Allow"), PIRN_STR("GET, HEAD")));
    peer_drop(&peer);
    peer_connect(&peer);
    peer_print(&peer, "GET /sub HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_int_equal(peer_answer(&peer), 301);
    assert_true(pirn_str_equal(peer_header(&peer, "Location"), PIRN_STR("/sub/")));
    peer_drop(&peer);
    peer_connect(&peer); /* would be another site if it were sent back as it came */
    peer_print(&peer, "GET //sub HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_int_equal(peer_answer(&peer), 301);
    assert_true(pirn_str_equal(peer_header(&peer, "Location"), PIRN_STR("/sub/")));
    peer_drop(&peer);
    peer_connect(&peer);
    peer_print(&peer, "GET /%02000d HTTP/1.1\r\nHost: localhost\r\n\r\n", 1);
    assert_int_equal(peer_answer(&peer), 404);
    peer_drop(&peer);
    peer_open(&peer, "/a.txt"); /* a WebSocket is not for files */
    peer_echo(&peer, "hello");
    peer_leave(&peer, PIRN_CLOSE_NORMAL);
    stage_close();
}

/* As somebody else only while it matters: who is not root any more cannot read /proc/self/fd. */
static void test_unreadable(void **state)
{
    (void)state;
    struct peer peer;
    bool may_change = geteuid() != 0 || seteuid(65534) == 0;
    assert_int_equal(seteuid(getuid()), 0);
    if (!may_change)
        skip();
    stage_open(&(struct pirn_server_config){.root = root});
    peer_connect(&peer);
    assert_int_equal(getuid() == 0 ? seteuid(65534) : 0, 0);
    peer_print(&peer, "GET /locked.txt HTTP/1.1\r\nHost: localhost\r\n\r\n");
    int status = peer_answer(&peer);
    assert_int_equal(seteuid(getuid()), 0);
    assert_int_equal(status, 404);
    peer_drop(&peer);
    stage_close();
}

static void check_big(struct pirn_str body)
{
    assert_int_equal(body.len, BIG_BYTES);
    for (size_t i = 0; i < BIG_BYTES; i++)
        if (body.data[i] != (char)(i * 2654435761u >> 24))
            fail_msg("byte %zu is wrong", i);
}

/* More than a socket takes at once: it leaves in pieces, and does not stand in memory. */
static void test_big_file(void **state)
{
    (void)state;
    struct peer peer;
    stage_open(&(struct pirn_server_config){.root = root});
    size_t before = stage.memory.bytes;
    peer_connect(&peer);
    peer_print(&peer, "GET /big.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_int_equal(peer_answer(&peer), 200);
    check_big(peer_body(&peer));
    assert_in_range(stage.memory.peak - before, 1, 128 << 10);
    peer_drop(&peer);
    stage_close();
}

/* One who reads slowly but steadily has the time it takes, and gets the end too. */
static void test_big_file_read_slowly(void **state)
{
    (void)state;
    STAGE_PLAIN_ONLY();
    static char piece[256 << 10];
    struct peer peer;
    size_t got = 0;
    unsigned seconds = 0;
    stage_open(&(struct pirn_server_config){.root = root});
    peer_connect(&peer);
    peer_print(&peer, "GET /big.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_int_equal(peer_head(&peer), 200);
    for (ssize_t n = 1; n != 0; got += (size_t)n, seconds++) {
        AWAIT((n = recv(peer.fd, piece, sizeof piece, MSG_DONTWAIT)) >= 0);
        stage_pass_ms(1000);
    }
    assert_int_equal(got, BIG_BYTES);
    assert_in_range(seconds, 12, 100);
    peer_drop(&peer);
    stage_close();
}

/* However much the socket would take: others want their turn. */
static void test_big_file_leaves_by_turns(void **state)
{
    (void)state;
    STAGE_PLAIN_ONLY();
    struct peer peer;
    static char piece[64 << 10];
    ssize_t got, all = 0;
    stage_open(&(struct pirn_server_config){.root = root});
    size_t fds = stage_fds();
    peer_connect(&peer);
    peer_print(&peer, "GET /big.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
    AWAIT(stage_fds() == fds + 3); /* both ends, and the file */
    for (; (got = recv(peer.fd, piece, sizeof piece, MSG_DONTWAIT)) > 0; all += got)
        ;
    assert_in_range(all, 64 << 10, 512 << 10);
    peer_reset(&peer);
    AWAIT(stage_fds() == fds);
    stage_close();
}

/* One who does not read is given up, with or without an end of his own. */
static void test_big_file_unread(void **state)
{
    (void)state;
    struct peer peer;
    for (int hang_up = 0; hang_up < 2; hang_up++) {
        stage_open(&(struct pirn_server_config){.root = root});
        size_t fds = stage_fds();
        peer_connect(&peer);
        peer_print(&peer, "GET /big.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
        AWAIT(stage_fds() == fds + 3); /* both ends, and the file */
        stage_settle();
        if (hang_up)
            peer_reset(&peer);
        else
            stage_pass_ms(10002);
        AWAIT(stage_fds() == fds + !hang_up);
        if (!hang_up)
            peer_drop(&peer);
        stage_close();
    }
}

/* What is announced must come: when it cannot, the connection ends short of it. */
static void test_file_shrinks(void **state)
{
    (void)state;
    struct peer peer;
    char name[sizeof root + 16];
    snprintf(name, sizeof name, "%s/shrinks.bin", root);
    write_file(name, "", 0);
    assert_int_equal(truncate(name, BIG_BYTES * 4), 0);
    stage_open(&(struct pirn_server_config){.root = root});
    peer_connect(&peer);
    peer_print(&peer, "GET /shrinks.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_int_equal(peer_head(&peer), 200);
    assert_int_equal(truncate(name, 10), 0);
    peer_await_end(&peer);
    peer_drop(&peer);
    stage_close();
}

static void test_no_root(void **state)
{
    (void)state;
    struct peer peer;
    stage_open(&(struct pirn_server_config){.root = "/nonexistent/folder"});
    peer_connect(&peer);
    peer_print(&peer, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_int_equal(peer_answer(&peer), 404);
    peer_drop(&peer);
    stage_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_paths),
        STAGE_TEST(test_other_answers),
        STAGE_TEST(test_unreadable),
        STAGE_TEST(test_big_file),
        STAGE_TEST(test_file_shrinks),
        STAGE_TEST(test_big_file_unread),
        STAGE_TEST(test_big_file_leaves_by_turns),
        STAGE_TEST(test_big_file_read_slowly),
        STAGE_TEST(test_no_root),
    };
    return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
