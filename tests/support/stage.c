#include "stage.h"

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "certificates.h"
#include "loop/loop.h"

struct stage stage;

/* ---- what is told */

static void on_open(struct pirn_conn *conn)
{
    stage.told.opens++;
    stage.told.conn = conn;
}

static void on_message(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    stage.told.messages++;
    pirn_conn_send(conn, type, data, len);
}

static void on_ping(struct pirn_conn *conn, const void *data, size_t len)
{
    (void)conn, (void)data, (void)len;
    stage.told.pings++;
}

static void on_pong(struct pirn_conn *conn, const void *data, size_t len, uint64_t rtt_us)
{
    (void)conn, (void)data, (void)len, (void)rtt_us;
    stage.told.pongs++;
}

static void on_close_request(struct pirn_conn *conn, const struct pirn_close *close)
{
    (void)conn, (void)close;
    stage.told.close_requests++;
}

static void on_drain(struct pirn_conn *conn)
{
    (void)conn;
    stage.told.drains++;
}

static void on_close(struct pirn_conn *conn, const struct pirn_close_info *info)
{
    struct told *told = &stage.told;
    if (told->conn == conn)
        told->conn = NULL;
    told->closes++;
    told->close = *info;
    snprintf(told->text, sizeof told->text, "%s", info->text);
    snprintf(told->reason, sizeof told->reason, "%.*s", (int)info->reason.len,
             info->reason.len ? info->reason.data : "");
    told->close.text = told->text;
    told->close.reason = pirn_cstr(told->reason);
}

const struct pirn_handlers stage_handlers = {
    .on_open = on_open,
    .on_message = on_message,
    .on_ping = on_ping,
    .on_pong = on_pong,
    .on_close_request = on_close_request,
    .on_drain = on_drain,
    .on_close = on_close,
};

/* ---- the stage */

static uint64_t stage_clock(void)
{
    return stage.now_us;
}

size_t stage_fds(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

bool stage_over_tls(void)
{
    return certificates_tls(PIRN_SERVER) != NULL;
}

bool stage_open_loop(void)
{
    if (stage_over_tls())
        certificates_loop();
    stage.base_fds = stage_fds();
    stage.now_us = UINT64_C(1000000000);
    if (!stage.loop_config.realloc) {
        stage.loop_config.realloc = ledger_realloc;
        stage.loop_config.realloc_context = &stage.memory;
    }
    if (stage.loop_config.receive_buffer_bytes == 0) /* tests say how much one read may take */
        stage.loop_config.receive_buffer_bytes = 64 << 10;
    stage.loop = pirn_loop_new(&stage.loop_config);
    if (stage.loop)
        pirn__loop_set_clock(stage.loop, stage_clock);
    return stage.loop != NULL;
}

static bool has_handlers(const struct pirn_handlers *handlers)
{
    static const struct pirn_handlers none;
    return memcmp(handlers, &none, sizeof none) != 0;
}

int stage_start(const struct pirn_server_config *config, const struct pirn_listen *where)
{
    struct pirn_server_config whole = {.context = NULL};
    if (config)
        whole = *config;
    if (!has_handlers(&whole.conn.handlers))
        whole.conn.handlers = stage_handlers;
    stage.server = pirn_server_new(stage.loop, &whole);
    if (!stage.server)
        return -PIRN_E_MEMORY;
    struct pirn_listen there = *where;
    if (!there.tls)
        there.tls = certificates_tls(PIRN_SERVER);
    int error = pirn_server_listen(stage.server, &there);
    stage.port = pirn_server_port(stage.server);
    stage.unix_path = where->unix_path;
    return error;
}

void stage_open(const struct pirn_server_config *config)
{
    assert_true(stage_open_loop());
    assert_int_equal(stage_start(config, &(struct pirn_listen){.port = 0}), 0);
    assert_int_not_equal(stage.port, 0);
}

int stage_clear(void **state)
{
    (void)state;
    pirn_server_free(stage.server);
    pirn_loop_free(stage.loop);
    memset(&stage, 0, sizeof stage);
    return 0;
}

void stage_close(void)
{
    pirn_server_free(stage.server);
    stage.server = NULL;
    pirn_loop_free(stage.loop);
    stage.loop = NULL;
    struct stage last = stage;
    stage_clear(NULL);
    size_t fds = stage_fds();
    assert_int_equal(last.memory.blocks, 0);
    assert_int_equal(last.memory.bytes, 0);
    assert_int_equal(fds, last.base_fds);
    assert_int_equal(last.told.closes, last.told.opens);
}

/* ---- turning it */

int stage_turn(void)
{
    int events = pirn_loop_dispatch(stage.loop);
    assert_true(events >= 0);
    return events;
}

void stage_settle(void)
{
    for (int quiet = 0; quiet < 2;)
        quiet = stage_turn() > 0 ? 0 : quiet + 1;
}

void stage_step(void)
{
    struct pollfd ready = {.fd = pirn_loop_fd(stage.loop), .events = POLLIN};
    if (stage_turn() == 0)
        poll(&ready, ready.fd >= 0, 1);
}

void stage_pass_ms(uint64_t ms)
{
    stage.now_us += ms * 1000;
    stage_settle();
}

uint64_t stage_real_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
