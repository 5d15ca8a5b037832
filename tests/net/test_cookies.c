#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include <pirn/cookies.h>
#include <pirn/error.h>

#include "ledger.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { NOW = 784111777 }; /* Sun, 06 Nov 1994 08:49:37 GMT */

static struct ledger memory;

static struct pirn_cookies *new_jar(struct pirn_cookies_config config)
{
    memset(&memory, 0, sizeof memory);
    config.realloc = ledger_realloc;
    config.realloc_context = &memory;
    return pirn_cookies_new(&config);
}

static void free_jar(struct pirn_cookies *jar)
{
    pirn_cookies_free(jar);
    assert_int_equal(memory.blocks, 0);
}

static struct pirn_url url_of(const char *text)
{
    struct pirn_url url;
    assert_int_equal(pirn_url_parse(&url, pirn_cstr(text)), 0);
    return url;
}

static int set_at(struct pirn_cookies *jar, const char *url_text, const char *value, int64_t now_s)
{
    struct pirn_url url = url_of(url_text);
    size_t len = strlen(value);
    char *copy = malloc(len + 1); /* it ends where its block does */
    assert_non_null(copy);
    memcpy(copy + 1, value, len);
    int result = pirn_cookies_set(jar, &url, (struct pirn_str){copy + 1, len}, now_s);
    free(copy);
    return result;
}

static int set(struct pirn_cookies *jar, const char *url, const char *value)
{
    return set_at(jar, url, value, NOW);
}

static void expect_at(struct pirn_cookies *jar, const char *url_text, const char *header,
                      int64_t now_s)
{
    struct pirn_url url = url_of(url_text);
    char out[512] = "?";
    int len = pirn_cookies_header(jar, &url, now_s, out, sizeof out);
    assert_string_equal(out, header);
    assert_int_equal(len, strlen(header));
}

static void expect(struct pirn_cookies *jar, const char *url, const char *header)
{
    expect_at(jar, url, header, NOW);
}

/* ---- one cookie, and where it goes */

static void cookies_go_where_they_belong(void **state)
{
    static const struct {
        const char *from, *set, *to, *header; /* of an empty header: stored, but not for there */
    } rows[] = {
        {"ws://a.test/", "x=1", "ws://a.test/", "x=1"},
        {"ws://a.test/", "x=1", "wss://a.test:99/chat?q", "x=1"},
        {"ws://a.test/", "x=1", "ws://A.TEST", "x=1"},
        {"ws://A.test/", "x=1", "ws://a.test", "x=1"},
        {"ws://a.test/", "x=1", "ws://b.a.test/", ""},
        {"ws://a.test/", "x=1", "ws://ba.test/", ""},
        {"ws://[::1]/", "x=1", "ws://[::1]/", "x=1"},
        /* Values and names as they come */
        {"ws://a.test/", "  x \t= 1 2 ; a", "ws://a.test/", "x=1 2"},
        {"ws://a.test/", "x=", "ws://a.test/", "x="},
        {"ws://a.test/", "x=a=b", "ws://a.test/", "x=a=b"},
        {"ws://a.test/", "x=\"q\"", "ws://a.test/", "x=\"q\""},
        {"ws://a.test/", "x=\xC3\xBC", "ws://a.test/", "x=\xC3\xBC"},
        /* Domain */
        {"ws://www.a.test/", "x=1; Domain=a.test", "ws://a.test/", "x=1"},
        {"ws://www.a.test/", "x=1; domain=.A.test", "ws://b.c.a.test/", "x=1"},
        {"ws://www.a.test/", "x=1; Domain=a.test", "ws://ba.test/", ""},
        {"ws://a.test/", "x=1; Domain=a.test", "ws://b.a.test/", "x=1"},
        {"ws://a.test/", "x=1; Domain=", "ws://b.a.test/", ""},
        {"ws://a.test/", "x=1; Domain=b.test; Domain=a.test", "ws://b.a.test/", "x=1"},
        {"ws://localhost/", "x=1; Domain=localhost", "ws://localhost/", "x=1"},
        {"ws://localhost/", "x=1; Domain=localhost", "ws://a.localhost/", ""},
        {"ws://127.0.0.1/", "x=1; Domain=127.0.0.1", "ws://127.0.0.1/", "x=1"},
        /* Path */
        {"ws://a.test/b/c", "x=1", "ws://a.test/b", "x=1"},
        {"ws://a.test/b/c", "x=1", "ws://a.test/b/", "x=1"},
        {"ws://a.test/b/c", "x=1", "ws://a.test/bc", ""},
        {"ws://a.test/b/c", "x=1", "ws://a.test/", ""},
        {"ws://a.test/b?/c/d", "x=1", "ws://a.test/", "x=1"},
        {"ws://a.test?/c", "x=1", "ws://a.test/", "x=1"},
        {"ws://a.test/", "x=1; Path=/b", "ws://a.test/b?c", "x=1"},
        {"ws://a.test/", "x=1; Path=/b", "ws://a.test/b/c", "x=1"},
        {"ws://a.test/", "x=1; Path=/b", "ws://a.test/bc", ""},
        {"ws://a.test/", "x=1; Path=/b/", "ws://a.test/b", ""},
        {"ws://a.test/b/c", "x=1; Path=b", "ws://a.test/b/c", "x=1"},
        {"ws://a.test/b/c", "x=1; Path=/a; Path=", "ws://a.test/b/c", "x=1"},
        /* Secure */
        {"wss://a.test/", "x=1; Secure", "wss://a.test/", "x=1"},
        {"wss://a.test/", "x=1; SECURE=yes", "ws://a.test/", ""},
        {"https://a.test/", "x=1; Secure", "wss://a.test/", "x=1"},
        {"wss://a.test/", "__Secure-x=1; Secure", "wss://a.test/", "__Secure-x=1"},
        {"wss://a.test/", "__Host-x=1; Secure; Path=/", "wss://a.test/b", "__Host-x=1"},
        /* What a script must not see a client may send. */
        {"ws://a.test/", "x=1; HttpOnly; SameSite=Strict; ; unknown=1", "ws://a.test/", "x=1"},
        /* Dates that are none, and later than now */
        {"ws://a.test/", "x=1; Expires=soon; Max-Age=x", "ws://a.test/", "x=1"},
        {"ws://a.test/", "x=1; Expires=Sun, 06 Nov 1994 08:49:38 GMT", "ws://a.test/", "x=1"},
        {"ws://a.test/", "x=1; Max-Age=1", "ws://a.test/", "x=1"},
        {"ws://a.test/", "x=1; Max-Age=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "ws://a.test/",
         "x=1"},
        {"ws://a.test/", "x=1; Max-Age=99999999999999999999999999", "ws://a.test/", "x=1"},
        {"ws://a.test/", "x=1; Max-Age=-; Max-Age=", "ws://a.test/", "x=1"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pirn_cookies *jar = new_jar((struct pirn_cookies_config){0});
        assert_non_null(jar);
        if (set(jar, rows[i].from, rows[i].set) != 1)
            fail_msg("refused: %s from %s", rows[i].set, rows[i].from);
        expect(jar, rows[i].to, rows[i].header);
        free_jar(jar);
    }
}

static bool is_suffix(void *context, struct pirn_str domain)
{
    return pirn_str_equal(domain, pirn_cstr(context));
}

static void what_is_wrong_is_refused(void **state)
{
    static const struct {
        const char *from, *set;
    } rows[] = {
        {"ws://a.test/", ""},
        {"ws://a.test/", "x"},
        {"ws://a.test/", "; x=1"},
        {"ws://a.test/", "=1"},
        {"ws://a.test/", " = "},
        {"ws://a.test/", "x=a\nb"},
        {"ws://a.test/", "x=a\tb"},
        {"ws://a.test/", "x\x7F=1"},
        {"ws://a.test/", "x=1; Path=/\x01"},
        {"ws://a.test/", "x=1; Domain=b.test"},
        {"ws://a.test/", "x=1; Domain=b.a.test"},
        {"ws://a.test/", "x=1; Domain=test"},
        {"ws://a.test/", "x=1; Domain=.test"},
        {"ws://a.test./", "x=1; Domain=test."},
        {"ws://a.co.uk/", "x=1; Domain=co.uk"},
        {"ws://ba.test/", "x=1; Domain=a.test"},
        {"ws://127.0.0.1/", "x=1; Domain=0.0.1"},
        {"ws://[::1]/", "x=1; Domain=.::1x"},
        {"ws://a.test/", "x=1; Secure"},
        {"wss://a.test/", "__Secure-x=1"},
        {"wss://a.test/", "__SECURE-x=1"},
        {"wss://a.test/", "__Host-x=1; Secure; Path=/a"},
        {"wss://a.test/", "__Host-x=1; Secure; Path=/; Domain=a.test"},
        {"wss://a.test/", "__Host-x=1; Path=/"},
        {"ws://a.test/", "x=1; Max-Age=0"},
        {"ws://a.test/", "x=1; Max-Age=-1"},
        {"ws://a.test/", "x=1; Expires=Sun, 06 Nov 1994 08:49:37 GMT"},
        {"ws://a.test/", "x=1; Max-Age=0; Expires=Fri, 31 Dec 9999 23:59:59 GMT"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char suffix[] = "co.uk";
        struct pirn_cookies *jar = new_jar(
            (struct pirn_cookies_config){.is_public_suffix = is_suffix, .suffix_context = suffix});
        if (set(jar, rows[i].from, rows[i].set) != 0)
            fail_msg("taken: %s from %s", rows[i].set, rows[i].from);
        assert_int_equal(pirn_cookies_count(jar), 0);
        free_jar(jar);
    }
}

static void a_public_suffix_may_have_cookies_of_its_own(void **state)
{
    char suffix[] = "co.uk";
    (void)state;
    struct pirn_cookies *jar = new_jar(
        (struct pirn_cookies_config){.is_public_suffix = is_suffix, .suffix_context = suffix});
    assert_int_equal(set(jar, "ws://co.uk/", "x=1; Domain=co.uk"), 1);
    expect(jar, "ws://co.uk/", "x=1");
    expect(jar, "ws://a.co.uk/", "");
    free_jar(jar);
}

/* ---- several */

static void order_is_by_path_then_by_age(void **state)
{
    (void)state;
    struct pirn_cookies *jar = new_jar((struct pirn_cookies_config){0});
    set(jar, "ws://www.a.test/", "one=1");
    set(jar, "ws://www.a.test/", "two=2; Path=/b");
    set(jar, "ws://www.a.test/", "three=3; Domain=a.test");
    set(jar, "ws://www.a.test/", "four=4; Path=/b/c");
    set(jar, "ws://www.a.test/", "other=5; Path=/d");
    expect(jar, "ws://www.a.test/b/c", "four=4; two=2; one=1; three=3");
    /* A new value keeps the place; a name in other letters is another. */
    assert_int_equal(set(jar, "ws://www.a.test/", "one=11"), 1);
    assert_int_equal(set(jar, "ws://www.a.test/", "One=6"), 1);
    expect(jar, "ws://www.a.test/", "one=11; three=3; One=6");
    assert_int_equal(pirn_cookies_count(jar), 6);
    /* A date in the past removes. */
    assert_int_equal(set(jar, "ws://www.a.test/", "one=; Max-Age=0"), 0);
    assert_int_equal(set(jar, "ws://a.test/", "three=; Max-Age=0; Domain=a.test"), 0);
    expect(jar, "ws://www.a.test/", "One=6");
    pirn_cookies_clear(jar);
    assert_int_equal(pirn_cookies_count(jar), 0);
    expect(jar, "ws://www.a.test/", "");
    free_jar(jar);
    pirn_cookies_free(NULL);
}

static void time_passes(void **state)
{
    (void)state;
    struct pirn_cookies *jar = new_jar((struct pirn_cookies_config){0});
    set(jar, "ws://a.test/", "x=1; Max-Age=10");
    set(jar, "ws://a.test/", "y=1");
    expect_at(jar, "ws://a.test/", "x=1; y=1", NOW + 9);
    expect_at(jar, "ws://a.test/", "y=1", NOW + 10);
    expect_at(jar, "ws://a.test/", "y=1", INT64_MAX - 1);
    free_jar(jar);
}

static void secure_cookies_are_not_overlaid(void **state)
{
    (void)state;
    struct pirn_cookies *jar = new_jar((struct pirn_cookies_config){0});
    assert_int_equal(set(jar, "wss://www.a.test/", "x=1; Secure; Domain=a.test"), 1);
    assert_int_equal(set(jar, "ws://www.a.test/", "x=2"), 0);
    assert_int_equal(set(jar, "ws://a.test/", "x=2; Path=/b"), 0);
    assert_int_equal(set(jar, "ws://a.test/", "x=; Max-Age=0; Domain=a.test"), 0);
    expect(jar, "wss://www.a.test/", "x=1");
    assert_int_equal(set(jar, "ws://www.a.test/", "y=2"), 1);
    assert_int_equal(set(jar, "ws://b.test/", "x=2"), 1);
    assert_int_equal(set(jar, "wss://www.a.test/", "x=3"), 1);
    free_jar(jar);
}

static void there_are_limits(void **state)
{
    char long_one[64];
    (void)state;
    struct pirn_cookies *jar = new_jar(
        (struct pirn_cookies_config){.max_cookies = 4, .max_per_domain = 2, .max_bytes = 32});
    memset(long_one, 'v', sizeof long_one);
    memcpy(long_one, "x=", 2);
    long_one[2 + 32 - 6 - 1 - 1 + 1] = '\0'; /* with name, domain and path one byte too much */
    assert_int_equal(set(jar, "ws://a.test/", long_one), 0);
    long_one[2 + 32 - 6 - 1 - 1] = '\0';
    assert_int_equal(set(jar, "ws://a.test/", long_one), 1);
    pirn_cookies_clear(jar);

    set(jar, "ws://a.test/", "one=1");
    set(jar, "ws://a.test/", "two=2; Path=/b");
    expect(jar, "ws://a.test/", "one=1"); /* used later than two */
    set(jar, "ws://a.test/", "three=3");
    expect(jar, "ws://a.test/b", "one=1; three=3");
    set(jar, "ws://b.test/", "four=4; Max-Age=5");
    set(jar, "ws://c.test/", "five=5");
    set_at(jar, "ws://d.test/", "six=6", NOW + 5); /* an expired one goes first */
    assert_int_equal(pirn_cookies_count(jar), 4);
    expect(jar, "ws://b.test/", "");
    expect(jar, "ws://a.test/b", "one=1; three=3");
    set(jar, "ws://e.test/", "seven=7"); /* five, which was never sent */
    expect(jar, "ws://c.test/", "");
    expect(jar, "ws://d.test/", "six=6");
    expect(jar, "ws://e.test/", "seven=7");
    assert_int_equal(pirn_cookies_count(jar), 4);
    free_jar(jar);
}

static void room_for_the_header_is_checked(void **state)
{
    struct pirn_url url = url_of("ws://a.test/");
    (void)state;
    struct pirn_cookies *jar = new_jar((struct pirn_cookies_config){0});
    set(jar, "ws://a.test/", "one=1");
    set(jar, "ws://a.test/", "two=22");
    for (size_t cap = 0; cap <= 14; cap++) {
        char *out = malloc(cap + 1);
        assert_non_null(out);
        int len = pirn_cookies_header(jar, &url, NOW, out + 1, cap);
        assert_int_equal(len, cap > 13 ? 13 : -PIRN_E_ROOM);
        if (cap > 0)
            assert_string_equal(out + 1, cap > 13 ? "one=1; two=22" : "");
        free(out);
    }
    free_jar(jar);
}

static void heads_are_received(void **state)
{
    struct pirn_url url = url_of("ws://a.test/");
    struct pirn_http_head head;
    struct pirn_header headers[8];
    (void)state;
    struct pirn_cookies *jar = new_jar((struct pirn_cookies_config){0});
    pirn_http_head_init(&head, PIRN_HTTP_RESPONSE, headers, COUNT(headers), 0);
    pirn_http_head_set_response(&head, 101, PIRN_STR(""), 1);
    pirn_http_head_add(&head, PIRN_STR("Set-Cookie"), PIRN_STR("one=1, a=b"));
    pirn_http_head_add(&head, PIRN_STR("Cookie"), PIRN_STR("no=1"));
    pirn_http_head_add(&head, PIRN_STR("set-cookie"), PIRN_STR("bad"));
    pirn_http_head_add(&head, PIRN_STR("SET-COOKIE"), PIRN_STR("two=2; HttpOnly"));
    assert_int_equal(pirn_cookies_receive(jar, &url, &head, NOW), 2);
    expect(jar, "ws://a.test/", "one=1, a=b; two=2");
    free_jar(jar);
}

/* ---- files */

static char path[64], other[80];

static int make_path(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/pirn-cookies-XXXXXX");
    int fd = mkstemp(path);
    snprintf(other, sizeof other, "%s-2", path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
    (void)state;
    remove(path);
    remove(other);
    return 0;
}

static void write_file(const char *text, size_t len)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    fclose(file);
}

static void expect_file(const char *name, const char *text)
{
    char got[2048] = "";
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    assert_true(fread(got, 1, sizeof got - 1, file) < sizeof got - 1);
    fclose(file);
    assert_string_equal(got, text);
}

static void files_are_read(void **state)
{
    static const char text[] =
        "# Netscape HTTP Cookie File\n"
        "# a comment\ta\tb\tc\td\te\tf\n"
        "\n"
        "a.test\tFALSE\t/\tFALSE\t0\tone\t1\n"
        ".A.test\tTRUE\t/b\tFALSE\t784111778\ttwo\t2 \t2\r\n" /* a tab in the value: refused */
        ".A.test\tTRUE\t/b\tFALSE\t784111778\tthree\t3 3\r\n"
        "#HttpOnly_a.test\tFALSE\t/\tTRUE\t0\tfour\t4\n"
        "a.test\tFALSE\t/\tFALSE\t784111777\texpired\t5\n"
        "a.test\tFALSE\t/\tFALSE\t0\tempty\n"
        "a.test\tFALSE\t/\tFALSE\tx\tbad\t1\n"
        "a.test\tFALSE\t/\tFALSE\t\tbad\t1\n"
        "a.test\tFALSE\t/\tFALSE\t99999999999999999999\tbad\t1\n"
        "a.test\tFALSE\tb\tFALSE\t0\tbad\t1\n"
        "\tFALSE\t/\tFALSE\t0\tbad\t1\n"
        "a.test\tFALSE\t/\tFALSE\t0\t\t1\n"
        "a.test\tFALSE\t/\tFALSE\t0\n"
        "a.test\n"
        "a.test\tTRUE\t/\tFALSE\t0\tlast\t6"; /* no end of the line */
    (void)state;
    struct pirn_cookies *jar = new_jar((struct pirn_cookies_config){0});
    write_file(text, sizeof text - 1);
    assert_int_equal(pirn_cookies_load(jar, path, NOW), 5);
    expect(jar, "ws://a.test/", "one=1; empty=; last=6");
    expect(jar, "wss://a.test/b", "three=3 3; one=1; four=4; empty=; last=6");
    expect(jar, "ws://c.a.test/b", "three=3 3; last=6");
    free_jar(jar);
}

static void long_lines_are_passed_over(void **state)
{
    static char text[20000];
    (void)state;
    struct pirn_cookies *jar = new_jar((struct pirn_cookies_config){0});
    memset(text, 'x', sizeof text);
    memcpy(text, "a.test\tFALSE\t/\tFALSE\t0\tone\t", 26);
    text[9999] = '\n';
    memcpy(text + 10000, "a.test\tFALSE\t/\tFALSE\t0\ttwo\t2\n", 29);
    text[10029] = '\n';
    write_file(text, sizeof text); /* and a long one without end */
    assert_int_equal(pirn_cookies_load(jar, path, NOW), 1);
    expect(jar, "ws://a.test/", "two=2");
    free_jar(jar);
}

static void files_are_written(void **state)
{
    struct stat status;
    (void)state;
    struct pirn_cookies *jar = new_jar((struct pirn_cookies_config){0});
    set(jar, "wss://www.a.test/b/", "one=1; Secure; HttpOnly; Max-Age=100");
    set(jar, "ws://www.a.test/", "two=2; Domain=a.test");
    set(jar, "ws://www.a.test/", "gone=3; Max-Age=1");
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(pirn_cookies_save(jar, path, NOW + 1), 2);
    expect_file(path, "# Netscape HTTP Cookie File\n"
                      "#HttpOnly_www.a.test\tFALSE\t/b\tTRUE\t784111877\tone\t1\n"
                      ".a.test\tTRUE\t/\tFALSE\t0\ttwo\t2\n");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);

    struct pirn_cookies *copy = pirn_cookies_new(NULL);
    assert_int_equal(pirn_cookies_load(copy, path, NOW), 2);
    assert_int_equal(pirn_cookies_save(copy, other, NOW), 2);
    char first[1024] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_true(fread(first, 1, sizeof first - 1, file) > 0);
    fclose(file);
    expect_file(other, first);
    pirn_cookies_free(copy);
    free_jar(jar);
}

/* However much one may have, it is no more than can be read again. */
static void a_limit_has_a_limit(void **state)
{
    static char text[1000] = "one=";
    (void)state;
    struct pirn_cookies *jar = new_jar((struct pirn_cookies_config){.max_bytes = SIZE_MAX});
    memset(text + 4, 'x', sizeof text - 5);
    set(jar, "ws://a.test/", text);
    assert_int_equal(pirn_cookies_save(jar, path, NOW), 1);
    pirn_cookies_clear(jar);
    assert_int_equal(pirn_cookies_load(jar, path, NOW), 1);
    free_jar(jar);
}

static void files_that_cannot_be_had_are_told(void **state)
{
    (void)state;
    struct pirn_cookies *jar = new_jar((struct pirn_cookies_config){0});
    set(jar, "ws://a.test/", "one=1");
    assert_int_equal(pirn_cookies_load(jar, "/nowhere/cookies", NOW), -PIRN_E_SYSTEM);
    assert_int_equal(pirn_cookies_load(jar, "/tmp", NOW), -PIRN_E_SYSTEM);
    assert_int_equal(pirn_cookies_save(jar, "/nowhere/cookies", NOW), -PIRN_E_SYSTEM);
    assert_int_equal(pirn_cookies_save(jar, "/tmp", NOW), -PIRN_E_SYSTEM);
    assert_int_equal(pirn_cookies_count(jar), 1);
    free_jar(jar);
}

/* ---- memory */

static int use_all(struct pirn_cookies *jar)
{
    struct pirn_url url = url_of("ws://a.test/");
    struct pirn_http_head head;
    struct pirn_header headers[2];
    pirn_http_head_init(&head, PIRN_HTTP_RESPONSE, headers, COUNT(headers), 0);
    pirn_http_head_set_response(&head, 101, PIRN_STR(""), 1);
    pirn_http_head_add(&head, PIRN_STR("Set-Cookie"), PIRN_STR("one=1"));
    int error = pirn_cookies_receive(jar, &url, &head, NOW);
    for (int i = 0; i < 20 && error >= 0; i++) {
        char value[16];
        snprintf(value, sizeof value, "x%d=1", i);
        error = pirn_cookies_set(jar, &url, pirn_cstr(value), NOW);
    }
    if (error >= 0)
        error = pirn_cookies_save(jar, path, NOW);
    if (error >= 0)
        error = pirn_cookies_load(jar, path, NOW);
    return error;
}

static void every_allocation_may_fail(void **state)
{
    struct pirn_cookies_config config = {.realloc = ledger_realloc, .realloc_context = &memory};
    int result = -PIRN_E_MEMORY;
    (void)state;
    for (size_t at = 1; result < 0; at++) {
        memset(&memory, 0, sizeof memory);
        memory.fail_at = at;
        struct pirn_cookies *jar = pirn_cookies_new(&config);
        assert_int_equal(jar == NULL, at == 1);
        result = jar ? use_all(jar) : -PIRN_E_MEMORY;
        assert_int_equal(result, memory.failed ? -PIRN_E_MEMORY : 21);
        free_jar(jar);
    }
}

#define FILE_TEST(function) cmocka_unit_test_setup_teardown(function, make_path, remove_path)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cookies_go_where_they_belong),
        cmocka_unit_test(what_is_wrong_is_refused),
        cmocka_unit_test(a_public_suffix_may_have_cookies_of_its_own),
        cmocka_unit_test(order_is_by_path_then_by_age),
        cmocka_unit_test(time_passes),
        cmocka_unit_test(secure_cookies_are_not_overlaid),
        cmocka_unit_test(there_are_limits),
        cmocka_unit_test(room_for_the_header_is_checked),
        cmocka_unit_test(heads_are_received),
        FILE_TEST(files_are_read),
        FILE_TEST(long_lines_are_passed_over),
        FILE_TEST(files_are_written),
        FILE_TEST(a_limit_has_a_limit),
        FILE_TEST(files_that_cannot_be_had_are_told),
        FILE_TEST(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
