/* Who may come in is decided by something that takes its time, here a timer of 100 ms in place of
 * a question to a database: the answer to the opening handshake is deferred. Everything that is no
 * WebSocket is a file below a folder.
 *
 *     gate [port [folder]]
 *
 * ws://127.0.0.1:9001/news wants the cookie "token=sesame" or "Authorization: Bearer sesame", and
 * speaks the subprotocols news.v2 and news.v1.
 */
#include <pirn/server.h>

#include <stdio.h>
#include <stdlib.h>

#define DECISION_US 100000

/* A request that waits for its answer. The timer comes first: their addresses are the same. */
struct visit {
    struct pirn_timer timer;
    struct pirn_request *request;
};

static struct pirn_str token_of(const struct pirn_http_head *head)
{
    const struct pirn_str bearer = PIRN_STR("Bearer ");
    struct pirn_str value = pirn_http_find(head, PIRN_STR("Authorization"));
    if (value.len <= bearer.len ||
        !pirn_str_equal_nocase((struct pirn_str){value.data, bearer.len}, bearer))
        return pirn_http_cookie(head, PIRN_STR("token"));
    return (struct pirn_str){value.data + bearer.len, value.len - bearer.len};
}

static void decide(struct pirn_loop *loop, struct pirn_timer *timer)
{
    const struct pirn_header challenge = {PIRN_STR("WWW-Authenticate"), PIRN_STR("Bearer")};
    struct visit *visit = (struct visit *)timer;
    struct pirn_request *request = visit->request;
    struct pirn_str token = token_of(pirn_request_head(request));
    (void)loop;
    free(visit);
    if (!token.data)
        pirn_request_reject(request, 401, &challenge, 1, "who are you?");
    else if (!pirn_str_equal_secret(token, PIRN_STR("sesame")))
        pirn_request_reject(request, 403, NULL, 0, "you may not");
    else if (!pirn_request_accept(request, NULL, NULL))
        pirn_request_reject(request, 500, NULL, 0, NULL);
}

/* The visitor has not waited. */
static void on_gone(struct pirn_request *request, void *context)
{
    struct visit *visit = context;
    pirn_timer_stop(pirn_request_loop(request), &visit->timer);
    free(visit);
}

static void on_request(struct pirn_request *request, void *context)
{
    struct pirn_loop *loop = pirn_request_loop(request);
    struct visit *visit;
    (void)context;
    if (!pirn_request_handshake(request))
        return;
    visit = calloc(1, sizeof *visit);
    if (!visit || pirn_request_defer(request, on_gone, visit) < 0) {
        free(visit);
        pirn_request_reject(request, 503, NULL, 0, NULL);
        return;
    }
    visit->request = request;
    visit->timer.fire = decide;
    pirn_timer_set(loop, &visit->timer, pirn_loop_now_us(loop) + DECISION_US);
}

static void on_open(struct pirn_conn *conn)
{
    struct pirn_str subprotocol = pirn_conn_subprotocol(conn);
    char text[64];
    int len = snprintf(text, sizeof text, "you speak %.*s", (int)subprotocol.len,
                       subprotocol.len ? subprotocol.data : "");
    pirn_conn_send(conn, PIRN_TEXT, text, (size_t)len);
}

int main(int argc, char **argv)
{
    const struct pirn_str subprotocols[] = {PIRN_STR("news.v2"), PIRN_STR("news.v1")};
    const struct pirn_route route = {
        .path = "/news",
        .subprotocols = subprotocols,
        .subprotocol_count = sizeof subprotocols / sizeof *subprotocols,
        .on_request = on_request,
    };
    const struct pirn_server_config config = {
        .conn.handlers.on_open = on_open,
        .routes = &route,
        .route_count = 1,
        .server_order = true,
        .root = argc > 2 ? argv[2] : ".",
    };
    const struct pirn_listen where = {.port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 9001)};
    struct pirn_loop *loop = pirn_loop_new(NULL);
    struct pirn_server *server = loop ? pirn_server_new(loop, &config) : NULL;
    if (!server || pirn_server_listen(server, &where) < 0) {
        perror("gate");
        return 1;
    }
    printf("listening on ws://127.0.0.1:%u/\n", (unsigned)pirn_server_port(server));
    fflush(stdout);
    return pirn_loop_run(loop) < 0;
}
