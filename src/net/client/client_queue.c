/* Messages that wait for a connection, in their order. A message leaves the queue when a connection
 * has taken it, and never comes back. */
#include <string.h>

#include <pirn/utf8.h>

#include "client/client_state.h"

#define BOOKKEEPING_BYTES 64 /* what the contract counts for each message */

struct pirn__client_message {
    struct pirn__client_message *next;
    enum pirn_opcode type;
    size_t len;
    uint8_t bytes[];
};

static void drop_first(struct pirn_client *client)
{
    struct pirn__client_queue *queue = &client->queue;
    struct pirn__client_message *message = queue->first;
    queue->first = message->next;
    if (!queue->first)
        queue->last = &queue->first;
    queue->count--;
    queue->bytes -= message->len + BOOKKEEPING_BYTES;
    pirn__free(pirn__client_loop(client), message, sizeof *message + message->len);
}

void pirn__client_drop_queue(struct pirn_client *client)
{
    while (client->queue.first)
        drop_first(client);
}

/* Whether a message that counts as bytes may be queued, once older ones have made room. */
static bool make_room(struct pirn_client *client, size_t bytes)
{
    size_t limit = client->config.queue_bytes;
    if (bytes > limit)
        return false;
    while (client->config.queue_policy == PIRN_QUEUE_DROP_OLDEST &&
           client->queue.bytes > limit - bytes)
        drop_first(client);
    return client->queue.bytes <= limit - bytes;
}

int pirn__client_enqueue(struct pirn_client *client, enum pirn_opcode type, const void *data,
                         size_t len)
{
    struct pirn__client_queue *queue = &client->queue;
    struct pirn__client_message *message;
    if ((type != PIRN_TEXT && type != PIRN_BINARY) || (len > 0 && !data))
        return -PIRN_E_ARGUMENT;
    if (client->config.queue_policy == PIRN_QUEUE_NONE)
        return -PIRN_E_STATE;
    if (type == PIRN_TEXT && client->config.conn.endpoint.check_sent_text &&
        !pirn_utf8_valid(data, len))
        return -PIRN_E_TEXT_UTF8;
    if (len > SIZE_MAX - sizeof *message - BOOKKEEPING_BYTES ||
        !make_room(client, len + BOOKKEEPING_BYTES))
        return -PIRN_E_QUEUE_FULL;
    message = pirn__realloc(pirn__client_loop(client), NULL, 0, sizeof *message + len);
    if (!message)
        return -PIRN_E_MEMORY;
    message->next = NULL;
    message->type = type;
    message->len = len;
    if (len > 0)
        memcpy(message->bytes, data, len);
    *queue->last = message;
    queue->last = &message->next;
    queue->count++;
    queue->bytes += len + BOOKKEEPING_BYTES;
    return 0;
}

/* Closes as pirn_client_close() was asked to, now that nothing waits before it. */
static void close_conn(struct pirn_client *client)
{
    struct pirn_str reason = {client->close_reason, client->close_reason_len};
    int code = client->close_code;
    client->close_code = -1;
    if (pirn_conn_close(client->conn, code, reason) == -PIRN_E_MEMORY)
        pirn_conn_terminate(client->conn);
}

void pirn__client_flush(struct pirn_client *client)
{
    struct pirn__client_queue *queue = &client->queue;
    int result = 0;
    while (result == 0 && queue->first) {
        const struct pirn__client_message *message = queue->first;
        result = pirn_conn_send(client->conn, message->type, message->bytes, message->len);
        if (result >= 0)
            drop_first(client);
    }
    if (!queue->first && client->close_code >= 0)
        close_conn(client);
}
