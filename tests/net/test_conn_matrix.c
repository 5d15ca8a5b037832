/* Every callback does everything to its own connection, to its neighbour and to both: nothing is
 * delivered behind an end, and each end is told once. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn_rig.h"

enum action {
    NOTHING,
    SEND,
    SEND_LARGE,
    SEND_FRAGMENT,
    FILL,
    PING,
    CLOSE,
    CLOSE_TWICE,
    TERMINATE,
    SEND_AND_TERMINATE,
    CLOSE_AND_TERMINATE,
    TERMINATE_AND_USE,
    PAUSE,
    RESUME,
    PAUSE_AND_RESUME,
    PAUSE_AND_TERMINATE,
    OPEN_ANOTHER,
    STOP_LOOP,
    STREAM,
    BEGIN,
    BEGIN_AND_SEND,
    BEGIN_AND_CLOSE,
    BEGIN_AND_PAUSE,
    BEGIN_AND_ABORT,
    BEGIN_AND_FILL,
    SEND_FILE,
    SEND_FILE_AND_CLOSE,
    SEND_FILE_AND_ABORT,
    LAST_TO_LIVE = SEND_FILE_AND_ABORT,
    BEGIN_AND_TERMINATE,
    SEND_FILE_AND_TERMINATE,
    ACTIONS
};

enum { SELF = 1, NEIGHBOUR = 2 };

/* Two connections: rig->conn and the neighbour. */
struct matrix {
    struct rig rig;
    struct pirn_conn *neighbour;
    int neighbours_peer, others_peer;
    enum rig_moment moment;
    enum action action;
    int whom;
    bool acted, ended_self, told_after_end;
};

static const struct pirn_message_plan plan = {.type = PIRN_BINARY};

static void use(struct pirn_conn *conn)
{
    char text[64];
    assert_true(pirn_conn_send(conn, PIRN_TEXT, "x", 1) < 0);
    assert_true(pirn_conn_ping(conn, "x", 1) < 0);
    assert_true(pirn_conn_begin(conn, &plan) < 0);
    assert_true(pirn_conn_write(conn, "x", 1) < 0);
    assert_true(pirn_conn_flush(conn) < 0);
    assert_true(pirn_conn_end(conn) < 0);
    assert_true(pirn_conn_abort(conn, 1000, PIRN_STR("")) < 0);
    assert_true(pirn_conn_send_file(conn, PIRN_TEXT, 0, 0, 1, 0) < 0);
    assert_true(pirn_conn_close(conn, 1000, PIRN_STR("")) < 0);
    assert_int_equal(pirn_conn_state(conn), PIRN_CLOSED);
    pirn_conn_pause(conn);
    pirn_conn_resume(conn);
    pirn_conn_terminate(conn);
    pirn_conn_peer(conn, text, sizeof text);
    pirn_conn_buffered(conn);
}

static void open_another(struct matrix *matrix)
{
    if (matrix->others_peer < 0)
        assert_non_null(rig_connect(&matrix->rig, &matrix->others_peer));
}

static void send_file(struct pirn_conn *conn)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    if (pirn_conn_send_file(conn, PIRN_BINARY, fd, 0, 200000, PIRN_COMPRESS_AUTO) < 0)
        close(fd);
}

/* What is begun is written to, and often not ended. */
static void stream(struct matrix *matrix, struct pirn_conn *conn)
{
    static char large[70000];
    enum action action = matrix->action;
    pirn_conn_begin(conn, &plan);
    pirn_conn_write(conn, large, 100);
    pirn_conn_flush(conn);
    pirn_conn_write(conn, large, action == STREAM ? sizeof large : 10);
    pirn_conn_ping(conn, "x", 1);
    if (action == BEGIN_AND_SEND)
        pirn_conn_send(conn, PIRN_BINARY, large, 2000);
    if (action == BEGIN_AND_FILL)
        for (int i = 0; i < 100 && pirn_conn_send(conn, PIRN_BINARY, large, 3000) == 0; i++)
            pirn_conn_write(conn, large, 3000);
    if (action == BEGIN_AND_PAUSE)
        pirn_conn_pause(conn);
    if (action == STREAM)
        pirn_conn_end(conn);
    if (action == BEGIN_AND_CLOSE)
        pirn_conn_close(conn, 1000, PIRN_STR("why"));
    if (action == BEGIN_AND_ABORT)
        pirn_conn_abort(conn, 1000, PIRN_STR("why"));
    if (action == BEGIN_AND_TERMINATE)
        pirn_conn_terminate(conn);
}

static void begin(struct matrix *matrix, struct pirn_conn *conn)
{
    if (matrix->action >= SEND_FILE && matrix->action != BEGIN_AND_TERMINATE)
        send_file(conn);
    else if (matrix->action >= STREAM)
        stream(matrix, conn);
}

static void fill(struct pirn_conn *conn)
{
    static char piece[3000];
    for (int i = 0; i < 100 && pirn_conn_send(conn, PIRN_BINARY, piece, sizeof piece) == 0; i++)
        ;
}

static void perform(struct matrix *matrix, struct pirn_conn *conn)
{
    static char large[70000];
    begin(matrix, conn);
    switch (matrix->action) {
    case SEND:
        pirn_conn_send(conn, PIRN_TEXT, "x", 1);
        break;
    case SEND_LARGE:
        pirn_conn_send(conn, PIRN_BINARY, large, sizeof large);
        break;
    case SEND_FRAGMENT:
        pirn_conn_send_fragment(conn, PIRN_TEXT, "x", 1, false);
        break;
    case FILL:
        fill(conn);
        break;
    case PING:
        pirn_conn_ping(conn, "x", 1);
        break;
    case CLOSE_TWICE:
        pirn_conn_close(conn, 4000, PIRN_STR("once"));
        /* fall through */
    case SEND_FILE_AND_CLOSE:
    case CLOSE:
        pirn_conn_close(conn, 1000, PIRN_STR("why"));
        break;
    case SEND_AND_TERMINATE:
        pirn_conn_send(conn, PIRN_TEXT, large, 1000);
        pirn_conn_terminate(conn);
        break;
    case SEND_FILE_AND_ABORT:
        pirn_conn_abort(conn, 1000, PIRN_STR("why"));
        break;
    case CLOSE_AND_TERMINATE:
        pirn_conn_close(conn, 1000, PIRN_STR("why"));
        pirn_conn_terminate(conn);
        break;
    case PAUSE_AND_TERMINATE:
        pirn_conn_pause(conn);
        /* fall through */
    case SEND_FILE_AND_TERMINATE:
    case TERMINATE:
        pirn_conn_terminate(conn);
        break;
    case TERMINATE_AND_USE:
        pirn_conn_terminate(conn);
        use(conn);
        break;
    case PAUSE:
        pirn_conn_pause(conn);
        break;
    case PAUSE_AND_RESUME:
        pirn_conn_pause(conn);
        /* fall through */
    case RESUME:
        pirn_conn_resume(conn);
        break;
    case OPEN_ANOTHER:
        open_another(matrix);
        break;
    case STOP_LOOP:
        pirn_loop_stop(matrix->rig.loop);
        break;
    default:
        break;
    }
}

static void act(struct rig *rig, struct pirn_conn *conn, enum rig_moment moment)
{
    struct matrix *matrix = (struct matrix *)(void *)rig;
    if (conn != rig->conn && !(moment == ON_OPEN && !rig->conn)) {
        if (conn == matrix->neighbour && moment == ON_CLOSE)
            matrix->neighbour = NULL;
        return;
    }
    matrix->told_after_end |= matrix->ended_self && moment != ON_CLOSE;
    if (moment != matrix->moment || matrix->acted)
        return;
    matrix->acted = true;
    if (matrix->whom & NEIGHBOUR && matrix->neighbour)
        perform(matrix, matrix->neighbour);
    if (matrix->whom & SELF) {
        matrix->ended_self =
            matrix->action == TERMINATE ||
            (matrix->action >= SEND_AND_TERMINATE && matrix->action <= TERMINATE_AND_USE) ||
            matrix->action == PAUSE_AND_TERMINATE || matrix->action > LAST_TO_LIVE;
        perform(matrix, conn);
    }
}

static void say(struct matrix *matrix, const char *bytes, size_t len)
{
    static char got[100000];
    send(matrix->rig.peer, bytes, len, MSG_NOSIGNAL);
    for (int i = 0; i < 4; i++) {
        rig_turn(&matrix->rig);
        raw_read(&matrix->rig, got, sizeof got);
    }
}
#define SAY(matrix, literal) say(matrix, literal, sizeof(literal) - 1)

static void take_away(struct matrix *matrix)
{
    static char got[100000];
    for (int i = 0; i < 30; i++) {
        rig_turn(&matrix->rig);
        raw_read(&matrix->rig, got, sizeof got);
    }
}

static void converse(struct matrix *matrix)
{
    struct rig *rig = &matrix->rig;
    if (rig->conn) { /* what makes on_drain come */
        static char large[30000];
        const struct pirn_str piece = {large, sizeof large};
        while (pirn_conn_send_pieces(rig->conn, PIRN_BINARY, &piece, 1, PIRN_COMPRESS_NEVER) == 0)
            ;
    }
    take_away(matrix);
    SAY(matrix, "\x81\x81\0\0\0\0a\x89\x81\0\0\0\0b\x8a\x81\0\0\0\0c\x81\x81\0\0\0\0d");
    SAY(matrix, "\x01\x83\0\0\0\0in ");
    SAY(matrix, "\x89\x84\0\0\0\0pi");
    SAY(matrix, "ng\x80\x86\0\0\0\0pieces\x8a\x80\0\0\0\0");
    if (rig->answer[0]) /* "Hello", whole and in pieces */
        SAY(matrix, "\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\0"
                    "\x41\x83\0\0\0\0\xf2\x48\xcd\x89\x80\0\0\0\0"
                    "\x80\x84\0\0\0\0\xc9\xc9\x07\0");
    if (rig->conn) {
        pirn_conn_end(rig->conn); /* or what waits for that holds it for ever */
        pirn_conn_resume(rig->conn);
    }
    take_away(matrix);
    SAY(matrix, "\x88\x82\0\0\0\0\x03\xe8\x81\x81\0\0\0\0z");
    if (rig->conn)
        pirn_conn_resume(rig->conn);
    SAY(matrix, "");
    rig_pass(rig, 6000);
}

static void try_cell(enum rig_moment moment, enum action action, int whom,
                     enum pirn_deflate_mode mode)
{
    bool chunks = moment == ON_CHUNK;
    struct matrix matrix = {
        .rig = {.act = act,
                .quiet = true,
                .peer_buffer = 20000,
                .offer = "permessage-deflate",
                .config = {.user_bytes = 8,
                           .high_water_bytes = 50000,
                           .deflate = {.mode = mode, .threshold_bytes = 1}}},
        .moment = moment,
        .action = action,
        .whom = whom,
        .others_peer = -1,
    };
    struct rig *rig = &matrix.rig;
    if (chunks)
        rig->config.handlers.on_chunk = (void (*)(struct pirn_conn *, const struct pirn_chunk *))1;
    rig_start(rig);
    rig->act = NULL;
    matrix.neighbour = rig_connect(rig, &matrix.neighbours_peer);
    rig->act = act;
    rig->conn = rig_connect(rig, &rig->peer);
    size_t opened = 2;
    converse(&matrix);
    opened += matrix.others_peer >= 0;
    assert_true(matrix.acted);
    assert_false(matrix.told_after_end);
    assert_null(rig->conn);
    while (rig->owner.first)
        pirn__conn_destroy(rig->owner.first);
    assert_int_equal(rig->closes, opened);
    close(matrix.neighbours_peer);
    if (matrix.others_peer >= 0)
        close(matrix.others_peer);
    rig_end(rig);
}

static void try_all(enum pirn_deflate_mode mode)
{
    static const enum rig_moment moments[] = {ON_OPEN, ON_MESSAGE, ON_CHUNK, ON_PING,
                                              ON_PONG, ON_REQUEST, ON_DRAIN, ON_CLOSE};
    for (size_t m = 0; m < COUNT(moments); m++)
        for (int action = NOTHING; action < ACTIONS; action++)
            for (int whom = mode ? SELF | NEIGHBOUR : SELF; whom <= (SELF | NEIGHBOUR); whom++)
                try_cell(moments[m], (enum action)action, whom, mode);
}

static void in_plain_connections(void **state)
{
    (void)state;
    try_all(PIRN_DEFLATE_OFF);
}

static void in_connections_with_deflate(void **state)
{
    (void)state;
    if (!pirn_deflate_available())
        skip();
    try_all(PIRN_DEFLATE_SHARED);
    try_all(PIRN_DEFLATE_DEDICATED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_plain_connections),
        cmocka_unit_test(in_connections_with_deflate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
