/* cmocka.h: as much of cmocka as the tests in unit/ use, for a build of 32 bits, for which no
 * system has the library. A failure ends the program. */
#ifndef PIRN_TESTS_WORD32_CMOCKA_H
#define PIRN_TESTS_WORD32_CMOCKA_H

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int (*word32_fixture)(void **state);

struct CMUnitTest {
    const char *name;
    void (*test)(void **state);
    word32_fixture setup, teardown;
    void *state;
};

#define cmocka_unit_test(f)                                                                        \
    {                                                                                              \
#f, f, NULL, NULL, NULL                                                                    \
    }
#define cmocka_unit_test_setup(f, up)                                                              \
    {                                                                                              \
#f, f, up, NULL, NULL                                                                      \
    }
#define cmocka_unit_test_teardown(f, down)                                                         \
    {                                                                                              \
#f, f, NULL, down, NULL                                                                    \
    }
#define cmocka_unit_test_setup_teardown(f, up, down)                                               \
    {                                                                                              \
#f, f, up, down, NULL                                                                      \
    }
#define cmocka_unit_test_prestate(f, given)                                                        \
    {                                                                                              \
#f, f, NULL, NULL, given                                                                   \
    }

#define print_error(...)   fprintf(stderr, __VA_ARGS__)
#define print_message(...) fprintf(stdout, __VA_ARGS__)

#define fail_msg(...)                                                                              \
    (fprintf(stderr, "%s:%d: ", __FILE__, __LINE__), fprintf(stderr, __VA_ARGS__),                 \
     fputc('\n', stderr), exit(1))
#define fail() fail_msg("fail()")

#define WORD32_CHECK(holds, what)                                                                  \
    do {                                                                                           \
        if (!(holds))                                                                              \
            fail_msg("%s", what);                                                                  \
    } while (0)

#define assert_true(c)             WORD32_CHECK(c, #c)
#define assert_false(c)            WORD32_CHECK(!(c), "not " #c)
#define assert_null(p)             WORD32_CHECK(!(p), #p " is not NULL")
#define assert_non_null(p)         WORD32_CHECK(p, #p " is NULL")
#define assert_ptr_equal(a, b)     WORD32_CHECK((a) == (b), #a " == " #b)
#define assert_int_equal(a, b)     WORD32_CHECK((uintmax_t)(a) == (uintmax_t)(b), #a " == " #b)
#define assert_int_not_equal(a, b) WORD32_CHECK((uintmax_t)(a) != (uintmax_t)(b), #a " != " #b)
#define assert_in_range(a, low, high)                                                              \
    WORD32_CHECK((uintmax_t)(a) >= (uintmax_t)(low) && (uintmax_t)(a) <= (uintmax_t)(high),        \
                 #a " in " #low ".." #high)
#define assert_string_equal(a, b)           WORD32_CHECK(strcmp(a, b) == 0, #a " == " #b)
#define assert_string_not_equal(a, b)       WORD32_CHECK(strcmp(a, b) != 0, #a " != " #b)
#define assert_memory_equal(a, b, size)     WORD32_CHECK(memcmp(a, b, size) == 0, #a " == " #b)
#define assert_memory_not_equal(a, b, size) WORD32_CHECK(memcmp(a, b, size) != 0, #a " != " #b)

static jmp_buf word32_skipped;
#define skip() longjmp(word32_skipped, 1)

static inline int word32_run(const struct CMUnitTest *tests, size_t count, word32_fixture setup,
                             word32_fixture teardown)
{
    void *shared = NULL;
    if (setup && setup(&shared) != 0)
        fail_msg("setup");
    for (size_t i = 0; i < count; i++) {
        void *state = tests[i].state ? tests[i].state : shared;
        if (tests[i].setup && tests[i].setup(&state) != 0)
            fail_msg("setup of %s", tests[i].name);
        printf("%s\n", tests[i].name);
        fflush(stdout);
        if (setjmp(word32_skipped) == 0)
            tests[i].test(&state);
        if (tests[i].teardown && tests[i].teardown(&state) != 0)
            fail_msg("teardown of %s", tests[i].name);
    }
    return teardown ? teardown(&shared) : 0;
}

/* clang-format off */
#define cmocka_run_group_tests(tests, up, down)                                                    \
    word32_run(tests, sizeof(tests) / sizeof *(tests), up, down)
#define cmocka_run_group_tests_name(name, tests, up, down)                                         \
    cmocka_run_group_tests(tests, up, down)
/* clang-format on */

#endif
