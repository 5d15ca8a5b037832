/* conn.c: the life of a connection; the heart of the product's speed and memory, with its other
 * files (conn_state.h says which).
 *
 * In: a readable socket is read once, into the receive buffer of the loop; feed, next, and every
 * event is delivered where its bytes lie. A message in pieces is put together in memory of the
 * connection, which grows with what has arrived and never with what was announced; once it is begun
 * the rest of its frame is read straight to its place. Out: what is sent while a connection is at
 * work gathers in one chunk of the loop, and leaves with one send at the end of the work; large
 * payloads leave at once, uncopied. Only what the socket did not take is copied and kept.
 *
 * Work: all that happens to a connection happens between pirn__conn_begin() and pirn__conn_end():
 * for a ready socket, a timer, or the task at the end of a turn, which calls of the program from
 * elsewhere ask for. The first lends what only a connection at work needs (struct pirn__busy with
 * its control slots, the output chunk), the second takes it back. If something is left over (a
 * message in part, a queue) the connection gets a busy of its own, for as long as that lasts. So an
 * idle connection is struct pirn_conn and nothing else, which is why that is packed.
 *
 * End: any callback may end any connection. pirn__conn_finish() closes the socket and sets
 * PIRN__DONE, at which every loop that delivers stops; memory stays for whoever is below on the
 * stack, until a task at the end of the turn tells on_close and frees it.
 *
 * Time: one timer, set to the earliest moment at which there could be something to do, and never
 * touched by traffic. When it fires it looks at how things really are, and sets itself anew. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "conn/conn_state.h"
#include "loop/container.h"
#include "loop/socket.h"

static uint64_t later(uint64_t from_us, uint32_t ms)
{
    return ms == PIRN_OFF ? UINT64_MAX : from_us + (uint64_t)ms * 1000;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t now_us(const struct pirn_conn *conn)
{
    return pirn_loop_now_us(pirn__conn_loop(conn));
}

/* ---- time */

void pirn__conn_alarm_by(struct pirn_conn *conn, uint64_t due_us)
{
    struct pirn_timer *timer = &conn->at.timer;
    if (!timer->link || due_us < timer->due_us)
        pirn_timer_set(pirn__conn_loop(conn), timer, due_us);
}

static void alarm_at(struct pirn_conn *conn, uint64_t due_us)
{
    pirn_timer_set(pirn__conn_loop(conn), &conn->at.timer, due_us);
}

static uint64_t close_timeout_from(const struct pirn_conn *conn, uint64_t from_us)
{
    return later(from_us, conn->owner->config->endpoint.close_timeout_ms);
}

/* When the queue has made no progress for too long. */
static uint64_t stall_us(const struct pirn_conn *conn)
{
    if (!pirn__conn_busy(conn) || !(conn->flags & PIRN__BLOCKED))
        return UINT64_MAX;
    if (conn->phase == PIRN__PHASE_FINISHING)
        return close_timeout_from(conn, pirn__conn_busy(conn)->progress_us);
    return later(pirn__conn_busy(conn)->progress_us, conn->owner->config->stall_timeout_ms);
}

/* While our Close waits in a queue, the stall timeout watches over it: the peer's time to answer
 * begins when it has left. */
static uint64_t keep_alive_us(const struct pirn_conn *conn)
{
    bool watched = conn->phase == PIRN__PHASE_OPEN && !pirn__conn_is_deaf(conn) &&
                   pirn_endpoint_state(&conn->endpoint) == PIRN_OPEN;
    return watched ? pirn_endpoint_deadline(&conn->endpoint) : UINT64_MAX;
}

/* A Pong that came in the pause lies in the socket, and must not be too late by that. But while
 * nothing is heard there is one excuse only: else who pauses all the time would never miss it. */
static void excuse_pause(struct pirn_conn *conn)
{
    uint32_t timeout_ms = conn->owner->config->endpoint.ping_timeout_ms;
    uint64_t due_us = keep_alive_us(conn);
    bool excused = (conn->flags & PIRN__EXCUSED) != 0, missed = (conn->flags & PIRN__MISSED) != 0;
    if (due_us == UINT64_MAX || (excused && !missed))
        return;
    uint64_t grace_us = now_us(conn) + (timeout_ms == PIRN_OFF ? 0 : (uint64_t)timeout_ms * 1000);
    if (!excused && due_us < grace_us)
        due_us = grace_us;
    conn->flags |= PIRN__EXCUSED;
    conn->flags &= (uint16_t)~PIRN__MISSED;
    alarm_at(conn, sooner(stall_us(conn), due_us));
}

static void keep_alive(struct pirn_conn *conn)
{
    if (!pirn__conn_begin(conn))
        return;
    if (!pirn_endpoint_tick(&conn->endpoint, now_us(conn)))
        pirn__conn_wind_up(conn);
    pirn__conn_end(conn);
}

static void answer_overdue(struct pirn_conn *conn)
{
    pirn_endpoint_tick(&conn->endpoint, now_us(conn));
    pirn__conn_finish(conn, PIRN_E_NONE, 0, true);
}

static void on_timer(struct pirn_loop *loop, struct pirn_timer *timer)
{
    struct pirn_conn *conn = PIRN__CONTAINER(timer, struct pirn_conn, at.timer);
    uint64_t now = pirn_loop_now_us(loop);
    if (conn->used)
        pirn__conn_release_idle(conn);
    if (conn->phase == PIRN__PHASE_AWAITING)
        answer_overdue(conn);
    else if (conn->phase == PIRN__PHASE_LINGERING)
        pirn__conn_finish(conn, PIRN_E_NONE, 0, true);
    else if (now >= stall_us(conn))
        pirn__conn_finish(conn, PIRN_E_STALLED, 0, true);
    else if (now >= keep_alive_us(conn))
        keep_alive(conn);
    else if (pirn__conn_is_deaf(conn))
        conn->flags |= PIRN__MISSED;
    if (conn->phase == PIRN__PHASE_OPEN || conn->phase == PIRN__PHASE_FINISHING)
        pirn__conn_alarm_by(
            conn, sooner(sooner(stall_us(conn), keep_alive_us(conn)), pirn__conn_idle_us(conn)));
}

/* ---- the end */

static void unlink_conn(struct pirn_conn *conn)
{
    *conn->link = conn->next;
    if (conn->next)
        conn->next->link = conn->link;
    conn->owner->count--;
}

static void drop_bytes(struct pirn_conn *conn, struct pirn__bytes *bytes)
{
    pirn__free(pirn__conn_loop(conn), bytes->data, bytes->cap);
    *bytes = (struct pirn__bytes){0};
}

static void drop_work(struct pirn_conn *conn)
{
    pirn__stream_drop(conn);
    pirn__conn_drop_output(conn);
    drop_bytes(conn, &pirn__conn_busy(conn)->message);
    drop_bytes(conn, &pirn__conn_busy(conn)->stash);
    pirn__conn_busy(conn)->stash_at = 0;
}

/* Takes busy from a connection; whatever it holds is lost. The loop's is clean again then. */
static void drop_busy(struct pirn_conn *conn)
{
    struct pirn__conn_shared *shared = pirn__conn_shared(conn);
    struct pirn__busy *busy = pirn__conn_busy(conn);
    if (!busy)
        return;
    drop_work(conn);
    pirn__loop_not_at_end(&busy->task);
    pirn_endpoint_lend(&conn->endpoint, NULL);
    busy->reason_len = 0;
    if (busy == &shared->busy)
        shared->busy_lent = false;
    else
        pirn__free(pirn__conn_loop(conn), busy, sizeof *busy);
}

void pirn__conn_tell_end(struct pirn_conn *conn)
{
    char text[PIRN__CLOSE_TEXT_CAP];
    struct pirn_close_info info;
    pirn__close_info(&info, conn, text);
    if (conn->handlers->on_close)
        conn->handlers->on_close(conn, &info);
}

static void tell(struct pirn_conn *conn)
{
    struct pirn__conn_owner *owner = conn->owner;
    pirn__conn_tell_end(conn);
    drop_busy(conn);
    pirn_extension_release(pirn__conn_states(conn));
    unlink_conn(conn);
    owner->gone(owner, conn);
    pirn__tls_free(pirn__conn_tls(conn));
    pirn__conn_free(conn);
}

static void on_end(struct pirn_loop *loop, struct pirn__task *task)
{
    (void)loop;
    tell(PIRN__CONTAINER(task, struct pirn_conn, at.end));
}

/* A forked child has the parent's sockets: it may close its descriptors, and nothing else. */
static void close_socket(struct pirn_conn *conn, bool reset)
{
    struct pirn_loop *loop = pirn__conn_loop(conn);
    pirn_loop_unwatch(loop, &conn->watch);
    if (conn->flags & PIRN__TLS && !reset && !pirn__loop_forked(loop))
        pirn__tls_shutdown(pirn__conn_tls(conn));
    if (reset && !pirn__loop_forked(loop))
        pirn__socket_reset(conn->watch.fd);
    else
        pirn__socket_close(conn->watch.fd);
    conn->watch.fd = -1;
}

void pirn__conn_note(struct pirn_conn *conn, enum pirn_error error, int system_error)
{
    if (conn->error || pirn_endpoint_error(&conn->endpoint) != PIRN_E_NONE)
        return;
    conn->error = (uint8_t)error;
    conn->system_error = (uint16_t)system_error;
}

void pirn__conn_finish(struct pirn_conn *conn, enum pirn_error error, int system_error, bool reset)
{
    struct pirn_loop *loop = pirn__conn_loop(conn);
    if (conn->phase == PIRN__PHASE_ENDED)
        return;
    pirn__conn_note(conn, error, system_error);
    pirn_timer_stop(loop, &conn->at.timer);
    close_socket(conn, reset);
    pirn_endpoint_eof(&conn->endpoint);
    conn->phase = PIRN__PHASE_ENDED;
    conn->flags |= PIRN__DONE;
    conn->at.end = (struct pirn__task){.run = on_end};
    pirn__loop_at_end(loop, &conn->at.end);
}

void pirn__conn_destroy(struct pirn_conn *conn)
{
    pirn__conn_finish(conn, PIRN_E_TERMINATED, 0, true);
    pirn__loop_not_at_end(&conn->at.end);
    tell(conn);
}

void pirn__conn_wind_up(struct pirn_conn *conn)
{
    if (conn->phase >= PIRN__PHASE_FINISHING)
        return;
    conn->phase = PIRN__PHASE_FINISHING;
    conn->flags |= PIRN__DONE;
    pirn__conn_busy(conn)->progress_us = now_us(conn);
    alarm_at(conn, close_timeout_from(conn, now_us(conn)));
}

void pirn__conn_fail(struct pirn_conn *conn, enum pirn_error error)
{
    if (conn->phase >= PIRN__PHASE_FINISHING)
        return;
    pirn__conn_note(conn, error, 0);
    pirn_endpoint_close(&conn->endpoint, PIRN_CLOSE_INTERNAL_ERROR,
                        pirn_cstr(pirn_error_text((int)error)), now_us(conn));
    pirn__conn_wind_up(conn);
}

/* ---- from phase to phase */

/* All is said. The side that should close TCP first (RFC 6455, 7.1.1) does it at once if the peer
 * has stopped sending. Else input that is not read when the socket is closed would reset it, and
 * the peer might lose our Close (7.1.7): it is read away until the peer ends. */
static void linger(struct pirn_conn *conn)
{
    bool server = pirn_endpoint_role(&conn->endpoint) == PIRN_SERVER;
    bool heard = pirn_endpoint_ending(&conn->endpoint).received_close;
    if ((server && heard && !(conn->flags & PIRN__MORE)) || pirn__conn_peer_ended(conn)) {
        pirn__conn_finish(conn, PIRN_E_NONE, 0, false);
        return;
    }
    if (server || !heard)
        pirn__wire_shutdown(conn->watch.fd, pirn__conn_tls(conn));
    conn->phase = PIRN__PHASE_LINGERING;
    alarm_at(conn, close_timeout_from(conn, now_us(conn)));
}

static void await_close(struct pirn_conn *conn)
{
    conn->phase = PIRN__PHASE_AWAITING;
    alarm_at(conn, close_timeout_from(conn, now_us(conn)));
}

/* If writing failed reading goes on, because the peer's last words say better why, but not once
 * there is nothing to be heard. A peer that is lost is not waited for. */
static void next_phase(struct pirn_conn *conn)
{
    bool open = conn->phase == PIRN__PHASE_OPEN;
    if (conn->phase >= PIRN__PHASE_LINGERING ||
        (open && pirn_endpoint_state(&conn->endpoint) == PIRN_OPEN))
        return;
    if (conn->flags & PIRN__CUT) {
        pirn__conn_finish(conn, PIRN_E_NONE, 0, false);
        return;
    }
    bool all_left = pirn__conn_all_left(conn);
    if (all_left && pirn_endpoint_ending(&conn->endpoint).sent_close)
        conn->flags |= PIRN__CLOSE_LEFT;
    if (pirn_endpoint_error(&conn->endpoint) == PIRN_E_PING_TIMEOUT)
        pirn__conn_finish(conn, PIRN_E_NONE, 0, !all_left);
    else if (all_left && conn->phase == PIRN__PHASE_FINISHING)
        linger(conn);
    else if (all_left && open)
        await_close(conn);
}

/* ---- work */

static void lend(struct pirn_conn *conn, struct pirn__busy *busy)
{
    busy->conn = conn;
    pirn_endpoint_lend(&conn->endpoint, &busy->slots);
}

/* There is something to deliver that the socket does not tell of. */
static bool has_input(const struct pirn_conn *conn)
{
    return pirn__conn_has_backlog(conn) ||
           (conn->flags & PIRN__TLS && pirn__tls_has_input(pirn__conn_tls(conn)));
}

static void on_task(struct pirn_loop *loop, struct pirn__task *task)
{
    struct pirn_conn *conn = PIRN__CONTAINER(task, struct pirn__busy, task)->conn;
    (void)loop;
    if (!pirn__conn_begin(conn))
        return;
    if (has_input(conn))
        pirn__conn_read(conn);
    pirn__conn_end(conn);
}

/* Gives the connection a busy of its own, with all that is in the one it has. */
static bool own_busy(struct pirn_conn *conn)
{
    struct pirn__busy *own = pirn__realloc(pirn__conn_loop(conn), NULL, 0, sizeof *own);
    if (!own)
        return false;
    if (pirn__conn_busy(conn))
        *own = *pirn__conn_busy(conn);
    else
        memset(own, 0, sizeof *own);
    own->task.run = on_task;
    lend(conn, own);
    return true;
}

static bool give_busy(struct pirn_conn *conn)
{
    struct pirn__conn_shared *shared = pirn__conn_shared(conn);
    if (pirn__conn_busy(conn))
        return true;
    if (shared->busy_lent)
        return own_busy(conn);
    shared->busy_lent = true;
    lend(conn, &shared->busy);
    return true;
}

bool pirn__conn_begin(struct pirn_conn *conn)
{
    if (give_busy(conn)) {
        conn->flags |= PIRN__AT_WORK;
        return true;
    }
    pirn__conn_finish(conn, PIRN_E_MEMORY, 0, true);
    return false;
}

bool pirn__conn_wake(struct pirn_conn *conn)
{
    if (!pirn__conn_busy(conn) && !own_busy(conn))
        return false;
    if (!(conn->flags & PIRN__AT_WORK))
        pirn__loop_at_end(pirn__conn_loop(conn), &pirn__conn_busy(conn)->task);
    return true;
}

static bool is_idle(const struct pirn_conn *conn)
{
    const struct pirn__busy *busy = pirn__conn_busy(conn);
    return pirn__conn_all_left(conn) && pirn_endpoint_settled(&conn->endpoint) &&
           !busy->message.data && !busy->stash.data && busy->reason_len == 0 &&
           !pirn__conn_has_backlog(conn) && !(conn->flags & PIRN__STREAMING);
}

/* Takes back what was lent; what is left over gets memory of the connection's own. */
static void settle(struct pirn_conn *conn)
{
    struct pirn__conn_shared *shared = pirn__conn_shared(conn);
    if (conn->phase >= PIRN__PHASE_FINISHING || conn->flags & PIRN__CUT)
        pirn__stream_drop(conn);
    if (conn->phase == PIRN__PHASE_ENDED)
        drop_work(conn);
    if (is_idle(conn)) {
        drop_busy(conn);
        return;
    }
    if (!pirn__conn_own_output(conn))
        pirn__conn_finish(conn, PIRN_E_MEMORY, 0, true);
    if (pirn__conn_busy(conn) != &shared->busy)
        return;
    if (own_busy(conn)) {
        memset(&shared->busy, 0, sizeof shared->busy);
        shared->busy_lent = false;
        return;
    }
    pirn__conn_finish(conn, PIRN_E_MEMORY, 0, true);
    drop_busy(conn);
}

static bool has_drained(struct pirn_conn *conn)
{
    const struct pirn__busy *busy = pirn__conn_busy(conn);
    size_t low = conn->owner->config->low_water_bytes;
    size_t queued = busy->queued + pirn__conn_ciphertext(conn);
    if (!(conn->flags & PIRN__FULL) || queued > low)
        return false;
    if (queued + busy->waiting > low)
        return pirn__stream_drank(conn);
    conn->flags &= (uint16_t)~PIRN__FULL;
    if (conn->flags & PIRN__HELD) {
        conn->flags &= (uint16_t)~PIRN__HELD;
        excuse_pause(conn);
    }
    return true;
}

/* A program that fills the queue again in on_drain has its next turn when the others have had
 * theirs: as if the socket were full. */
static void tell_drained(struct pirn_conn *conn)
{
    if (conn->phase >= PIRN__PHASE_FINISHING || !has_drained(conn))
        return;
    if (conn->handlers->on_drain)
        conn->handlers->on_drain(conn);
    if (!pirn__conn_all_left(conn))
        conn->flags |= PIRN__BLOCKED;
}

/* What has more to do than a turn's work does it in the next, when others have had theirs. */
static void go_on(struct pirn_conn *conn)
{
    bool has_more = has_input(conn) && !pirn__conn_is_deaf(conn);
    bool sends = conn->flags & PIRN__STREAMING && pirn__stream_goes_on(conn);
    bool turns = sends || (has_more && conn->flags & (PIRN__EXTENDED | PIRN__TLS));
    if ((sends || has_more) && !pirn__conn_busy(conn) && !own_busy(conn))
        pirn__conn_finish(conn, PIRN_E_MEMORY, 0, true);
    else if (turns)
        pirn__loop_next_turn(pirn__conn_loop(conn), &pirn__conn_busy(conn)->task);
    else if (has_more)
        pirn__conn_wake(conn);
}

void pirn__conn_end(struct pirn_conn *conn)
{
    pirn__conn_flush(conn);
    if (conn->flags & PIRN__STREAMING)
        pirn__stream_pump(conn);
    tell_drained(conn);
    next_phase(conn);
    conn->flags &= (uint16_t)~PIRN__AT_WORK;
    if (conn->phase != PIRN__PHASE_ENDED)
        pirn__conn_alarm_by(conn, stall_us(conn));
    settle(conn);
    if (conn->phase == PIRN__PHASE_ENDED)
        return;
    go_on(conn);
    pirn__conn_rewatch(conn);
}

/* ---- the socket */

static unsigned wanted_events(const struct pirn_conn *conn)
{
    bool reads = conn->phase == PIRN__PHASE_LINGERING || !pirn__conn_is_deaf(conn);
    return (reads ? PIRN_READABLE : 0) | (conn->flags & PIRN__BLOCKED ? PIRN_WRITABLE : 0);
}

void pirn__conn_rewatch(struct pirn_conn *conn)
{
    struct pirn_loop *loop = pirn__conn_loop(conn);
    unsigned events = wanted_events(conn);
    int error = 0;
    if (conn->phase == PIRN__PHASE_ENDED || conn->flags & PIRN__AT_WORK)
        return;
    if (!(conn->flags & PIRN__HUNG_UP)) {
        error = pirn_loop_rewatch(loop, &conn->watch, events);
    } else if (events != 0) {
        conn->flags &= (uint16_t)~PIRN__HUNG_UP;
        error = pirn_loop_watch(loop, &conn->watch, events);
    }
    if (error)
        pirn__conn_finish(conn, (enum pirn_error) - error, errno, true);
}

/* Its task goes on with what it has. */
static bool waits_for_its_turn(const struct pirn_conn *conn)
{
    return conn->flags & PIRN__EXTENDED && pirn__conn_has_backlog(conn);
}

static void on_ready(struct pirn_loop *loop, struct pirn_watch *watch, unsigned events)
{
    struct pirn_conn *conn = PIRN__CONTAINER(watch, struct pirn_conn, watch);
    if (conn->phase == PIRN__PHASE_LINGERING) {
        pirn__conn_discard(conn);
        return;
    }
    if (events == PIRN_HANGUP) {
        pirn_loop_unwatch(loop, watch);
        conn->flags |= PIRN__HUNG_UP;
        return;
    }
    if (!pirn__conn_begin(conn))
        return;
    if (events & PIRN_WRITABLE)
        conn->flags &= (uint16_t)~PIRN__BLOCKED;
    if (events & PIRN_READABLE && !waits_for_its_turn(conn))
        pirn__conn_read(conn);
    pirn__conn_end(conn);
}

/* ---- the beginning */

/* The chunk takes the answers to a full receive buffer, so that they leave with one send. */
static bool share(struct pirn_loop *loop)
{
    struct pirn__loop_shared *loops = pirn__loop_shared(loop);
    size_t chunk_bytes = sizeof(struct pirn__chunk) + loops->receive_cap;
    if (loops->conn)
        return true;
    struct pirn__conn_shared *shared = pirn__realloc(loop, NULL, 0, sizeof *shared + chunk_bytes);
    if (!shared)
        return false;
    memset(shared, 0, sizeof *shared + sizeof(struct pirn__chunk));
    shared->chunk = (struct pirn__chunk *)(void *)(shared + 1);
    shared->chunk->cap = loops->receive_cap;
    loops->conn = shared;
    loops->conn_bytes = sizeof *shared + chunk_bytes;
    return true;
}

static struct pirn_conn *make(struct pirn__conn_owner *owner, const struct pirn__conn_start *start)
{
    const struct pirn_conn_config *config = owner->config;
    struct pirn_conn *conn = share(owner->loop) ? pirn__conn_alloc(owner, start) : NULL;
    if (!conn)
        return NULL;
    conn->watch = (struct pirn_watch){.ready = on_ready, .fd = start->fd};
    conn->at.timer.fire = on_timer;
    conn->handlers = start->handlers ? start->handlers : &config->handlers;
    conn->context = start->context;
    conn->owner_data = start->owner_data;
    if (pirn_endpoint_init(&conn->endpoint, start->role, &config->endpoint, NULL, now_us(conn)) <
        0) {
        pirn__conn_free(conn);
        return NULL;
    }
    pirn_endpoint_extend(&conn->endpoint, pirn__conn_states(conn));
    return conn;
}

static void link_conn(struct pirn_conn *conn)
{
    struct pirn__conn_owner *owner = conn->owner;
    conn->next = owner->first;
    conn->link = &owner->first;
    if (conn->next)
        conn->next->link = &conn->next;
    owner->first = conn;
    owner->count++;
}

/* What leaves first is no frame: nothing may pass it once it has begun. */
static bool queue_output(struct pirn_conn *conn, const struct pirn__conn_start *start)
{
    uint8_t *to = start->output_len > 0 ? pirn__conn_reserve(conn, start->output_len) : NULL;
    if (!to)
        return start->output_len == 0;
    memcpy(to, start->output, start->output_len);
    pirn__conn_commit(conn, start->output_len);
    pirn__conn_busy(conn)->first->border = start->output_len;
    return true;
}

struct pirn_conn *pirn__conn_open(struct pirn__conn_owner *owner,
                                  const struct pirn__conn_start *start)
{
    struct pirn_conn *conn = make(owner, start);
    if (!conn)
        return NULL;
    if (!give_busy(conn) || !queue_output(conn, start) ||
        pirn_loop_watch(owner->loop, &conn->watch, PIRN_READABLE) != 0) {
        drop_busy(conn);
        pirn__conn_free(conn);
        return NULL;
    }
    conn->flags |= PIRN__AT_WORK;
    link_conn(conn);
    pirn__conn_alarm_by(conn, keep_alive_us(conn));
    if (conn->handlers->on_open)
        conn->handlers->on_open(conn);
    pirn__conn_take_input(conn, start->input, start->input_len);
    pirn__conn_end(conn);
    return conn;
}

static bool random_of_loop(void *loop, void *out, size_t len)
{
    return pirn__loop_random(loop, out, len);
}

static void complete_endpoint(struct pirn_endpoint_config *config, struct pirn_loop *loop,
                              enum pirn_role role)
{
    PIRN__DEFAULT(config->max_message_bytes, role == PIRN_SERVER ? PIRN_DEFAULT_MAX_MESSAGE_SERVER
                                                                 : PIRN_DEFAULT_MAX_MESSAGE_CLIENT);
    PIRN__DEFAULT(config->max_frame_bytes, PIRN_UNLIMITED);
    PIRN__DEFAULT(config->max_fragments, UINT32_MAX);
    PIRN__DEFAULT(config->ping_interval_ms, PIRN_DEFAULT_PING_INTERVAL_MS);
    PIRN__DEFAULT(config->ping_timeout_ms, PIRN_DEFAULT_PING_TIMEOUT_MS);
    PIRN__DEFAULT(config->close_timeout_ms, PIRN_DEFAULT_CLOSE_TIMEOUT_MS);
    if (config->random)
        return;
    config->random = random_of_loop;
    config->random_context = loop;
}

int pirn__conn_config_complete(struct pirn_conn_config *config, struct pirn_loop *loop,
                               enum pirn_role role)
{
    complete_endpoint(&config->endpoint, loop, role);
    PIRN__DEFAULT(config->high_water_bytes, PIRN_DEFAULT_HIGH_WATER_BYTES);
    PIRN__DEFAULT(config->low_water_bytes, config->high_water_bytes / 4);
    PIRN__DEFAULT(config->stall_timeout_ms, PIRN_DEFAULT_STALL_TIMEOUT_MS);
    PIRN__DEFAULT(config->idle_release_ms, PIRN_DEFAULT_IDLE_RELEASE_MS);
    if (config->low_water_bytes > config->high_water_bytes || (int)config->when_full < 0 ||
        config->when_full > PIRN_FULL_CLOSE)
        return -PIRN_E_ARGUMENT;
    return 0;
}

/* ---- what programs ask and set */

void pirn_conn_terminate(struct pirn_conn *conn)
{
    bool through = conn->phase == PIRN__PHASE_LINGERING;
    pirn__conn_finish(conn, through ? PIRN_E_NONE : PIRN_E_TERMINATED, 0, true);
}

void pirn_conn_pause(struct pirn_conn *conn)
{
    conn->flags |= PIRN__PAUSED;
    pirn__conn_rewatch(conn);
}

void pirn_conn_resume(struct pirn_conn *conn)
{
    if (!(conn->flags & PIRN__PAUSED))
        return;
    conn->flags &= (uint16_t)~PIRN__PAUSED;
    if (pirn__conn_is_deaf(conn))
        return;
    excuse_pause(conn);
    if (has_input(conn))
        pirn__conn_wake(conn);
    pirn__conn_rewatch(conn);
}

size_t pirn_conn_buffered(const struct pirn_conn *conn)
{
    const struct pirn__busy *busy = pirn__conn_busy(conn);
    size_t made = pirn__conn_ciphertext(conn);
    return !busy
               ? made
               : made + busy->queued + busy->waiting + (busy->stream ? busy->stream->gathered : 0);
}

void pirn_conn_set_context(struct pirn_conn *conn, void *context)
{
    conn->context = context;
}

void *pirn_conn_context(const struct pirn_conn *conn)
{
    return conn->context;
}

struct pirn_loop *pirn_conn_loop(const struct pirn_conn *conn)
{
    return pirn__conn_loop(conn);
}

enum pirn_endpoint_state pirn_conn_state(const struct pirn_conn *conn)
{
    if (conn->flags & PIRN__DONE)
        return PIRN_CLOSED;
    if (conn->flags & PIRN__STREAMING && pirn__conn_busy(conn)->stream->closing)
        return PIRN_CLOSING;
    return pirn_endpoint_state(&conn->endpoint);
}

bool pirn_conn_tls(const struct pirn_conn *conn, struct pirn_tls_info *info)
{
    const struct pirn__tls *tls = pirn__conn_tls(conn);
    if (tls)
        pirn__tls_info(tls, info);
    return tls != NULL;
}

uint64_t pirn_conn_rtt_us(const struct pirn_conn *conn)
{
    return pirn_endpoint_rtt_us(&conn->endpoint);
}

void *pirn__conn_owner_data(const struct pirn_conn *conn)
{
    return conn->owner_data;
}

struct pirn__conn_owner *pirn__conn_owner(const struct pirn_conn *conn)
{
    return conn->owner;
}

struct pirn_conn *pirn__conn_next(const struct pirn_conn *conn)
{
    return conn->next;
}
