/* case.h: protocol cases as data. README.md tells the notation.
 *
 *     case_read.c   files to struct test_case: lines, still text
 *     case_text.c   the notation: a line to the bytes of frames or to a canonical line, and back
 *     case_run.c    one case, one role, one way of cutting its input: what the endpoint does
 *
 * Frames are made and read here by code of its own, so that the library is not tested by itself. */
#ifndef PIRN_TESTS_CASE_H
#define PIRN_TESTS_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pirn/endpoint.h>

struct buffer {
    uint8_t *data;
    size_t len, cap;
};

void buffer_add(struct buffer *buffer, const void *data, size_t len);
void buffer_addf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buffer_release(struct buffer *buffer);

/* The text of a buffer; valid until the buffer changes. */
const char *buffer_text(struct buffer *buffer);

enum case_keyword { CASE_OF, CASE_SET, CASE_IN, CASE_DO, CASE_EVENT, CASE_OUT, CASE_END };

struct case_line {
    enum case_keyword keyword;
    char *text; /* what stands after the keyword */
    int number;
};

struct test_case {
    char *id;        /* the file's name, a slash, the case's own name */
    size_t stem_len; /* of the id, without the word of an `each` */
    const char *file;
    int line;
    bool roles[2]; /* by enum pirn_role */
    struct case_line *lines;
    size_t line_count;
};

struct case_list {
    struct test_case *cases;
    size_t count;
    char **files;
    size_t file_count;
};

/* Reads all *.case files of a directory in the order of their names. Errors end the program. */
struct case_list case_list_read(const char *directory);
void case_list_release(struct case_list *list);

/* Says where and what, and ends the program. */
_Noreturn void case_die(const struct test_case *test, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A place in a line. */
struct cursor {
    const struct test_case *test;
    const struct case_line *line;
    const char *at;
};

struct cursor cursor_of(const struct test_case *test, const struct case_line *line);
bool cursor_word(struct cursor *cursor, const char *word);
bool cursor_option(struct cursor *cursor, const char *name, const char **value);
uint64_t cursor_number(struct cursor *cursor);
void cursor_payload(struct cursor *cursor, struct buffer *payload);
bool cursor_done(struct cursor *cursor);
_Noreturn void cursor_die(const struct cursor *cursor, const char *what);

/* The bytes of an `in` line, as a peer of that role would send them. */
void case_frames(const struct test_case *test, const struct case_line *line, enum pirn_role role,
                 struct buffer *bytes);

/* The canonical lines of an `event` or `out` line. */
void case_expected(const struct test_case *test, const struct case_line *line,
                   struct buffer *lines);

/* A payload in canonical form: quoted, or when it is long its length and a hash. */
void case_add_payload(struct buffer *line, const uint8_t *payload, size_t len);

/* The payload of a Close frame in canonical form: "empty", or a code and a reason. */
void case_add_close(struct buffer *line, const uint8_t *payload, size_t len);

/* One way to feed a case. */
struct case_way {
    const char *name;
    size_t cut;  /* where the input is cut in two; 0: nowhere */
    size_t step; /* size of the pieces; 0: as long as can be */
    bool eager;  /* control() after each event, else only at the end and at `do` */
    bool lend;   /* slots are lent for each call that may need them, and taken back */
    bool pause;  /* unfeed() after each event, and what is left is fed in halves */
};

struct case_result {
    struct buffer events, out, end; /* lines */
    struct buffer trouble;          /* invariants that did not hold */
};

void case_run(const struct test_case *test, enum pirn_role role, const struct case_way *way,
              struct case_result *result);
void case_result_release(struct case_result *result);

/* All bytes that a case feeds to an endpoint of that role. */
void case_input(const struct test_case *test, enum pirn_role role, struct buffer *bytes);

#endif
