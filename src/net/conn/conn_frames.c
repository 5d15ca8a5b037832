/* conn_frames.c: the frames of a connection for who wants to see all of them (on_frame), in both
 * directions. They are found in the bytes that pass between socket and connection, so nothing that
 * makes or takes frames knows of it. */
#include <string.h>

#include "conn/conn_state.h"

static void see(const struct pirn_conn *conn, struct pirn__passing *passing, bool sent,
                const uint8_t *data, size_t len)
{
    struct pirn_frame frame;
    while (len > 0) {
        size_t skip = passing->payload_left < len ? (size_t)passing->payload_left : len;
        passing->payload_left -= skip;
        data += skip;
        len -= skip;
        if (len == 0)
            return;
        passing->header[passing->header_len++] = *data++;
        len--;
        if (pirn_frame_decode(&frame, passing->header, passing->header_len) == 0)
            continue;
        passing->header_len = 0;
        passing->payload_left = frame.payload_len;
        conn->owner->config->on_frame(conn, sent, &frame);
    }
}

void pirn__frames_received(const struct pirn_conn *conn, const uint8_t *data, size_t len)
{
    see(conn, &pirn__conn_frames(conn)->received, false, data, len);
}

void pirn__frames_sent(const struct pirn_conn *conn, const struct iovec *pieces, int count,
                       size_t len)
{
    for (int i = 0; i < count && len > 0; i++) {
        size_t here = pieces[i].iov_len < len ? pieces[i].iov_len : len;
        see(conn, &pirn__conn_frames(conn)->sent, true, pieces[i].iov_base, here);
        len -= here;
    }
}
