/* Follows a server: each message is a line on standard output. When the connection is lost it
 * connects again, with waits that grow, and says so on standard error.
 *
 *     follow URL [GREETING]          GREETING is sent whenever the connection opens
 */
#include <pirn/client.h>

#include <stdio.h>
#include <string.h>

static void on_open(struct pirn_conn *conn)
{
    const char *greeting = pirn_conn_context(conn);
    if (greeting)
        pirn_conn_send(conn, PIRN_TEXT, greeting, strlen(greeting));
}

static void on_message(struct pirn_conn *conn, enum pirn_opcode type, void *data, size_t len)
{
    (void)conn;
    if (type != PIRN_TEXT)
        return;
    fwrite(data, 1, len, stdout);
    putchar('\n');
    fflush(stdout);
}

static void on_close(struct pirn_conn *conn, const struct pirn_close_info *info)
{
    (void)conn;
    fprintf(stderr, "%s\n", info->text);
}

static void on_failure(struct pirn_client *client, const struct pirn_client_failure *failure)
{
    (void)client;
    fprintf(stderr, "%s\n", failure->info.text);
}

static void on_step(struct pirn_client *client, const struct pirn_client_progress *progress)
{
    (void)client;
    if (progress->step == PIRN_STEP_WAIT || progress->step == PIRN_STEP_OPEN)
        fprintf(stderr, "%s\n", progress->text);
}

int main(int argc, char **argv)
{
    const struct pirn_client_config config = {
        .conn.handlers = {.on_open = on_open, .on_message = on_message, .on_close = on_close},
        .url = argc > 1 ? argv[1] : "ws://127.0.0.1:9001/",
        .reconnect.on = true,
        .on_failure = on_failure,
        .on_step = on_step,
        .context = argc > 2 ? argv[2] : NULL,
    };
    int error = PIRN_E_MEMORY;
    struct pirn_loop *loop = pirn_loop_new(NULL);
    struct pirn_client *client = loop ? pirn_client_new(loop, &config, &error) : NULL;
    if (!client) {
        fprintf(stderr, "%s: %s\n", config.url, pirn_error_text(error));
        return 1;
    }
    pirn_loop_run(loop); /* until the client has ended for good */
    pirn_client_free(client);
    pirn_loop_free(loop);
    return 1;
}
