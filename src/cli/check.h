/* check.h: the rooms of `pirn check`.
 *
 * check_cases*.c say what is tried and what must be seen, as data; check_script.c makes bytes of
 * that; check_run.c plays one case over one connection and notes what came, with check_receive.c;
 * check_judge.c compares; check_report.c prints; check.c reads the command line and has several
 * cases run at once. */
#ifndef PIRN_CLI_CHECK_H
#define PIRN_CLI_CHECK_H

#include <sys/socket.h>

#include <pirn/pirn.h>

#include "args.h"

#define CHECK_AT_ONCE      8
#define CHECK_PROBE        "pirn check" /* in the Ping that ends a script without one of its own */
#define CHECK_REFUSE       "refuse me"  /* an echo of this message is a violation */
#define CHECK_TEXT_CAP     320
#define CHECK_HEADERS      100
#define CHECK_HEAD_CAP     32768
#define CHECK_MESSAGE_CAP  (2 << 16)
#define CHECK_MAX_STOPS    8
#define CHECK_MAX_MESSAGES 8

enum check_level { CHECK_MUST, CHECK_SHOULD, CHECK_MAY };
enum check_verdict { CHECK_OK, CHECK_VIOLATED, CHECK_NOT_JUDGED };

/* What must be seen. */
enum check_see {
    SEE_OPEN,    /* 101, and what the case's judge says of the head */
    SEE_REFUSED, /* another answer or the end, and what the judge says of the head */
    SEE_EITHER,  /* whatever the judge says of the head, if there is one */
    SEE_ON,      /* the last Ping of the script is answered, an echo server echoes its messages */
    SEE_FAILED,  /* the connection fails; with a Close of one of the codes, unless there are none */
    SEE_CLOSED,  /* our Close is answered, the connection ends */
    SEE_ENDED,   /* as SEE_CLOSED, but it may end without an answer */
    SEE_WATCHED, /* no connection of its own: the watch of this number was never seen violated */
};

/* What servers must never send, watched in all connections. */
enum check_watch {
    WATCH_HEAD,
    WATCH_MASKED,
    WATCH_RSV,
    WATCH_OPCODE,
    WATCH_LENGTH,
    WATCH_CONTROL_LONG,
    WATCH_CONTROL_FRAGMENTED,
    WATCH_FRAGMENTS,
    WATCH_UTF8,
    WATCH_CLOSE_BODY,
    WATCH_CLOSE_REASON,
    WATCH_CLOSE_CODE,
    WATCH_AFTER_CLOSE,
    WATCH_COUNT
};

struct check_run;

/* Looks at the head of the answer: NULL, or what is wrong with it. */
typedef const char *check_judge_fn(const struct check_run *run);

struct check_case {
    const char *id;
    const char *clause; /* "6455 5.1": RFC and section */
    enum check_level level;
    enum check_see see;
    const char *title;     /* what is tried */
    const char *send;      /* what goes out after the opening handshake: see check_script.c */
    uint16_t codes[4];     /* that the Close of the server may have; none: all */
    const char *request;   /* how the request differs from a good one: see check_script.c */
    check_judge_fn *judge; /* of the head; NULL: nothing */
    const char *agreed;    /* an extension without which it is not judged */
    enum check_watch watch;
    bool chopped; /* sent byte by byte */
};

struct check_group {
    const char *title;
    const struct check_case *cases;
    size_t count;
};

extern const struct check_group *const check_groups[];
extern const size_t check_group_count;
extern const struct check_case check_first; /* is there a WebSocket, does it echo? */
extern const struct check_group check_opening, check_frames, check_fragments, check_control,
    check_utf8, check_closing, check_deflate, check_limits, check_watched;

/* Judges of heads. */
check_judge_fn check_accept_fits, check_upgrade_is_websocket, check_connection_is_upgrade,
    check_no_subprotocol, check_subprotocol_is_offered, check_no_extension, check_version_is_told,
    check_status_400, check_status_4xx, check_no_deflate, check_deflate_answer,
    check_deflate_window_10, check_deflate_forgets;

/* What is sent, and what should come back. */
struct check_bytes {
    uint8_t *data;
    size_t len, cap;
};

struct check_message {
    uint8_t opcode;
    size_t at, len; /* in plain */
};

struct check_script {
    struct check_bytes bytes, plain;
    struct check_bytes payload;    /* of the frame that is being made */
    size_t stops[CHECK_MAX_STOPS]; /* places to go on from only when the Ping before is answered */
    size_t stop_count;
    struct check_message messages[CHECK_MAX_MESSAGES]; /* that an echo server sends back */
    size_t message_count;
    char ping[PIRN_CONTROL_MAX]; /* payload of the last Ping */
    size_t ping_len;
    size_t message_at; /* of the message that is being put together */
    uint8_t message_opcode;
    bool in_message;
    bool has_ping;
    bool half_close; /* ends with the end of our direction */
    bool broken;     /* the notation is wrong, or there is no memory */
};

/* Appends a request, with the edits of a case, and what `send` says. */
struct check_target;
void check_script_request(struct check_script *script, const struct check_target *target,
                          const char *key, const char *edits);
void check_script_frames(struct check_script *script, const char *send);
void check_script_release(struct check_script *script);

/* Where it goes to, and what each request has. */
struct check_target {
    struct pirn_url url;
    const char *url_text;
    const char *unix_path;
    struct sockaddr_storage address;
    socklen_t address_len;
    struct args_list headers; /* "Name: value" */
    const char *subprotocol;
};

struct check_result {
    enum check_verdict verdict;
    enum check_level level; /* of what is violated */
    const char *clause;
    bool known;
    char expected[CHECK_TEXT_CAP], came[CHECK_TEXT_CAP];
};

struct check {
    struct pirn_loop *loop;
    struct check_target target;
    struct pirn_tls *tls; /* NULL: plain */
    const char *ca;
    bool insecure;
    uint32_t timeout_ms;
    struct args_list urls, only;
    bool json, verbose, help;
    bool echoes;                               /* it sends messages back as they came */
    bool is_open;                              /* the first case has seen a WebSocket */
    char watched[WATCH_COUNT][CHECK_TEXT_CAP]; /* what was seen, or "" */
    struct check_result *results;              /* of all cases, in the order of the groups */
    size_t next;                               /* case to begin */
    size_t lost;                               /* cases that could not connect any more */
    size_t printed;                            /* cases that are */
};

enum check_phase { CHECK_CONNECTING, CHECK_TLS, CHECK_HEAD, CHECK_FRAMES, CHECK_DONE };

struct check_run {
    struct check *check;
    const struct check_case *kase;
    struct check_result *result;
    void (*done)(struct check_run *run);
    struct pirn_watch watch;
    struct pirn_tls_session *tls; /* NULL: plain */
    struct pirn_timer timer;
    enum check_phase phase;
    char key[25];
    struct check_script script;
    size_t sent, stops_passed;
    /* the head of the answer */
    char head_bytes[CHECK_HEAD_CAP];
    size_t head_len;
    struct pirn_http_head head;
    struct pirn_header headers[CHECK_HEADERS];
    bool has_head, not_agreed; /* on the extension of the case */
    /* frames: what of one is here, then what came */
    uint8_t in[CHECK_MESSAGE_CAP + PIRN_FRAME_HEADER_MAX];
    size_t in_len;
    uint8_t message[CHECK_MESSAGE_CAP];
    size_t message_len;
    uint8_t message_opcode;
    bool in_message, message_compressed;
    size_t echoed; /* messages of the script */
    bool any_pong; /* since the last stop */
    bool has_pong; /* of the last Ping */
    bool refused_came, has_close, answered_close;
    int close_code; /* 0: none in it */
    bool ended, timed_out, unreadable;
    bool connect_failed;
    bool in_time; /* grace has begun */
    char log[CHECK_TEXT_CAP];
};

/* Begins a case; done(run) is called when it is over, and has to free it. NULL without memory. */
struct check_run *check_run_new(struct check *check, const struct check_case *kase,
                                struct check_result *result, void (*done)(struct check_run *));
void check_run_free(struct check_run *run);

/* The connection of a case, plain or over TLS. open, as soon as TCP is connected: 1 when bytes can
 * pass, 0 when it waits, -1 for a failure. receive and send are as recv(2) and send(2); has_input:
 * there is something to receive of which the socket does not tell. end: our direction. error: what
 * errno means here. */
int check_wire_open(struct check_run *run);
ssize_t check_wire_receive(struct check_run *run, void *data, size_t len);
ssize_t check_wire_send(struct check_run *run, const void *data, size_t len);
bool check_wire_has_input(const struct check_run *run);
unsigned check_wire_events(const struct check_run *run);
void check_wire_end(struct check_run *run);
void check_wire_close(struct check_run *run);
const char *check_wire_error(const struct check_run *run, char *text, size_t cap);

/* Notes what the server did, as part of a line. */
void check_log(struct check_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Takes bytes that came after the head. */
void check_receive(struct check_run *run, const uint8_t *data, size_t len);

/* Whether the answer has not what the case is about. */
bool check_lacks_extension(const struct check_run *run);

void check_judge(struct check_run *run);
void check_judge_watched(const struct check *check, const struct check_case *kase,
                         struct check_result *result);

/* A case by its number, and its group; NULL when there are not so many. */
const struct check_case *check_case_at(size_t number, const struct check_group **group);

/* Whether --only wants it. */
bool check_is_wanted(const struct check *check, const struct check_case *kase);

/* Prints what is known, in the order of the cases, and in the end the sum of it. */
void check_report(struct check *check);
int check_report_sum(const struct check *check);

/* Reads the command line; false, and said why, when it is not understood. */
bool check_options_read(struct check *check, int argc, char **argv);
void check_options_release(struct check *check);

#endif
