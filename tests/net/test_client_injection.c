/* Every control character in every string that a program can hand to a client, at its beginning,
 * inside, and at its end, is refused before anything is sent (C17). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pirn/cookies.h>

#include "guest.h"

enum { TEXT_CAP = 128 };

/* The character in place of "~", or its two hex digits where it will be decoded. A URL of the
 * library may have what WHATWG's parser takes out, spaces around it, neither. */
static size_t write_text(char text[TEXT_CAP], const char *pattern, unsigned char byte, bool decoded)
{
    const char *at = strchr(pattern, '~');
    size_t len = (size_t)(at - pattern);
    memcpy(text, pattern, len);
    if (decoded)
        len += (size_t)snprintf(text + len, 3, "%02x", byte);
    else
        text[len++] = (char)byte;
    strcpy(text + len, at + 1);
    return len + strlen(at + 1);
}

/* Calls back with all that must be refused. A tab is allowed in the values of headers. */
static void for_each_control(const char *pattern, bool with_nul, bool with_tab,
                             void (*call)(const char *pattern, unsigned char byte))
{
    for (unsigned byte = with_nul ? 0 : 1; byte < 0x80; byte = byte == 0x1f ? 0x7f : byte + 1)
        if (byte != '\t' || with_tab)
            call(pattern, (unsigned char)byte);
}

static void expect_refused(const struct pirn_client_config *config, const char *pattern,
                           unsigned char byte)
{
    int error = 0;
    struct pirn_client *client = pirn_client_new(stage.loop, config, &error);
    if (client || error == 0 || error == PIRN_E_MEMORY)
        fail_msg("0x%02x for ~ in \"%s\": %s", byte, pattern,
                 client ? "taken" : pirn_error_name(error));
}

/* ---- strings that end with a NUL: members of the configuration */

#define MEMBER(name) offsetof(struct pirn_client_config, name)

static const struct member {
    size_t offset;
    const char *pattern;
    bool decoded, tab; /* a tab is refused too */
} members[] = {
    {MEMBER(url), "~ws://127.0.0.1:1/", false, true},
    {MEMBER(url), "ws~://127.0.0.1:1/", false, true},
    {MEMBER(url), "ws://127.0.0.1:1/a~X-Evil:1", false, true},
    {MEMBER(url), "ws://127.0.0.1:1/?a=~b", false, true},
    {MEMBER(url), "ws://127.0.0.1:1/~", false, true},
    {MEMBER(url), "ws://a~b:1/", false, true},
    {MEMBER(url), "ws://127.0.0.1~", false, true},
    {MEMBER(url), "ws://[::1~]/", false, true},
    {MEMBER(url), "ws://[::1]~/", false, true},
    {MEMBER(url), "ws://127.0.0.1:1~/", false, true},
    {MEMBER(url), "ws://m~e:pw@127.0.0.1:1/", false, true},
    {MEMBER(url), "ws://me:pw~@127.0.0.1:1/", false, true},
    {MEMBER(url), "ws://me%~:pw@127.0.0.1:1/", true, true},
    {MEMBER(url), "ws://me:pw%~@127.0.0.1:1/", true, true},
    {MEMBER(address), "~127.0.0.1", false, true},
    {MEMBER(address), "127.0.0.1~", false, true},
    {MEMBER(proxy), "~http://127.0.0.1:1", false, true},
    {MEMBER(proxy), "http://127.0.0.1~:1", false, true},
    {MEMBER(proxy), "http://127.0.0.1:1~", false, true},
    {MEMBER(proxy), "http://m~e:pw@127.0.0.1:1", false, true},
    {MEMBER(proxy), "http://me:p~w@127.0.0.1:1", false, true},
    {MEMBER(origin), "~http://a", false, true},
    {MEMBER(origin), "http://a~b", false, false},
    {MEMBER(origin), "http://a~", false, true},
    {MEMBER(user_agent), "~agent", false, true},
    {MEMBER(user_agent), "agent~1", false, false},
    {MEMBER(user_agent), "agent~", false, true},
    {MEMBER(user), "~me", false, true},
    {MEMBER(user), "m~e", false, true},
    {MEMBER(user), "me~", false, true},
    {MEMBER(password), "~pw", false, true},
    {MEMBER(password), "p~w", false, true},
    {MEMBER(password), "pw~", false, true},
    {MEMBER(bearer), "~t0ken", false, true},
    {MEMBER(bearer), "t0~ken", false, true},
    {MEMBER(bearer), "t0ken~", false, true},
};

static const struct member *member;

static void try_member(const char *pattern, unsigned char byte)
{
    char text[TEXT_CAP], *value = text;
    struct pirn_client_config config = guest_config("/");
    write_text(text, pattern, byte, member->decoded);
    if (member->offset == MEMBER(password))
        config.user = "me";
    memcpy((char *)&config + member->offset, &value, sizeof value);
    expect_refused(&config, pattern, byte);
}

static void in_members(void **state)
{
    (void)state;
    stage_open(NULL);
    for (size_t i = 0; i < COUNT(members); i++) {
        member = &members[i];
        for_each_control(member->pattern, member->decoded, member->tab, try_member);
    }
    stage_close();
}

/* ---- strings with a length */

static void try_name(const char *pattern, unsigned char byte)
{
    char text[TEXT_CAP];
    struct pirn_client_config config = guest_config("/");
    struct pirn_str str = {text, write_text(text, pattern, byte, false)};
    const struct pirn_header header = {str, PIRN_STR("1")};
    config.headers = &header;
    config.header_count = 1;
    expect_refused(&config, pattern, byte);
}

static void try_value(const char *pattern, unsigned char byte)
{
    char text[TEXT_CAP];
    struct pirn_client_config config = guest_config("/");
    struct pirn_str str = {text, write_text(text, pattern, byte, false)};
    const struct pirn_header header = {PIRN_STR("Cookie"), str};
    config.headers = &header;
    config.header_count = 1;
    expect_refused(&config, pattern, byte);
}

static void try_subprotocol(const char *pattern, unsigned char byte)
{
    char text[TEXT_CAP];
    struct pirn_client_config config = guest_config("/");
    struct pirn_str str = {text, write_text(text, pattern, byte, false)};
    config.subprotocols = &str;
    config.subprotocol_count = 1;
    expect_refused(&config, pattern, byte);
}

static void in_strings(void **state)
{
    static const char *const patterns[] = {"~X-Evil", "X~Evil", "X-Evil~"};
    (void)state;
    stage_open(NULL);
    for (size_t i = 0; i < COUNT(patterns); i++) {
        for_each_control(patterns[i], true, true, try_name);
        for_each_control(patterns[i], true, i != 1, try_value);
        for_each_control(patterns[i], true, true, try_subprotocol);
    }
    stage_close();
}

/* ---- cookies: from the program (or a server) and from a file */

static void try_cookie(const char *pattern, unsigned char byte)
{
    char text[TEXT_CAP], header[TEXT_CAP];
    struct pirn_url url;
    struct pirn_cookies *jar = pirn_cookies_new(NULL);
    struct pirn_str line = {text, write_text(text, pattern, byte, false)};
    assert_int_equal(pirn_url_parse(&url, PIRN_STR("ws://a.test/")), 0);
    if (pirn_cookies_set(jar, &url, line, 0) != 0)
        fail_msg("0x%02x for ~ in \"%s\"", byte, pattern);
    assert_int_equal(pirn_cookies_header(jar, &url, 0, header, sizeof header), 0);
    pirn_cookies_free(jar);
}

static char path[] = "/tmp/pirn-injection-XXXXXX";

/* Whatever is made of the line, no control character leaves. */
static void try_file(const char *pattern, unsigned char byte)
{
    char text[TEXT_CAP], header[TEXT_CAP];
    struct pirn_url url;
    struct pirn_cookies *jar = pirn_cookies_new(NULL);
    size_t len = write_text(text, pattern, byte, false);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fwrite(text, 1, len, file);
    fclose(file);
    assert_true(pirn_cookies_load(jar, path, 0) >= 0);
    assert_int_equal(pirn_url_parse(&url, PIRN_STR("ws://a.test/")), 0);
    int left = pirn_cookies_header(jar, &url, 0, header, sizeof header);
    assert_true(left >= 0);
    for (int i = 0; i < left; i++)
        assert_true((unsigned char)header[i] >= 0x20 && header[i] != 0x7f);
    pirn_cookies_free(jar);
}

static void in_cookies(void **state)
{
    static const char *const lines[] = {"na~me=value", "name=va~lue", "name=a; Path=/~X-Evil"};
    static const char *const files[] = {"a.test\tFALSE\t/\tFALSE\t0\tname\tva~lue\n",
                                        "a.test\tFALSE\t/\tFALSE\t0\tna~me\tvalue\n",
                                        "a.test\tFALSE\t/~\tFALSE\t0\tname\tvalue\n"};
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    for (size_t i = 0; i < COUNT(lines); i++) {
        for_each_control(lines[i], true, true, try_cookie);
        for_each_control(files[i], true, true, try_file);
    }
    close(fd);
    remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GUEST_TEST(in_members),
        GUEST_TEST(in_strings),
        cmocka_unit_test(in_cookies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
