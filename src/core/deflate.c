/* deflate.c: permessage-deflate at work (RFC 7692, 7.2), by zlib.
 *
 * A stream is a compressor or an inflater of zlib. A connection has one each way while a message is
 * in work, and keeps it only if the next message may refer back to this one. Otherwise it goes to
 * the lists of struct pirn_deflate, where the next message of any connection finds it: one
 * compressor of each window size, FREE_INFLATERS inflaters, which take any. So nothing is
 * initialised for each message (which costs zlib 50 us, a reset 2), and a message that is sent in
 * parts while others are sent keeps its compressor to itself.
 *
 * Sending. What zlib has written is held back by four bytes until more follows, since a message
 * ends without the 00 00 ff ff that flushing ends with. A message that has nothing after its last
 * flush ends with the header of an empty block, 00; so does one that is empty.
 *
 * Receiving. At the end of a message the inflater gets the 00 00 ff ff, unless it is between two
 * blocks at a whole byte already: then the peer did not cut them off, or ended with a final block.
 * After the tail it must be there. A final block ends nothing but itself: the inflater starts
 * again with its window.
 *
 * z->data_type is zlib's word on where an inflater stands, and stays true through resets, because
 * they set it and nothing is ever inflated of no bytes but what is PENDING. */
#define ZLIB_CONST
#include <zlib.h>

#include <limits.h>
#include <string.h>

#include <pirn/error.h>

#include "deflate_state.h"

#define RSV1           4
#define FREE_INFLATERS 2
#define TAIL_BYTES     4
#define BETWEEN_BLOCKS 128 /* of data_type: after a block, with no bit of a byte left over */

struct pirn_deflate_stream {
    z_stream z;
    struct pirn_deflate_stream *next; /* in a list */
    uint64_t bytes, wire_bytes; /* of the message in work; of an inflater, bytes since reset */
    int window_bits;            /* of a compressor */
    uint8_t held_len;
    uint8_t held[TAIL_BYTES];
};

/* ---- Memory */

/* In front of each block of zlib's, since it does not tell its size when it gives it back. */
union block_head {
    size_t bytes;
    max_align_t align;
};

static void *allocate(void *opaque, uInt items, uInt size)
{
    struct pirn_deflate *deflate = opaque;
    if (size != 0 && items > (SIZE_MAX - sizeof(union block_head)) / size)
        return NULL;
    size_t bytes = sizeof(union block_head) + (size_t)items * size;
    union block_head *head = deflate->realloc(deflate->realloc_context, NULL, 0, bytes);
    if (!head)
        return NULL;
    head->bytes = bytes;
    return head + 1;
}

static void deallocate(void *opaque, void *memory)
{
    struct pirn_deflate *deflate = opaque;
    union block_head *head = (union block_head *)memory - 1;
    deflate->realloc(deflate->realloc_context, head, head->bytes, 0);
}

static void free_stream(struct pirn_deflate *deflate, struct pirn_deflate_stream *stream)
{
    deflate->realloc(deflate->realloc_context, stream, sizeof *stream, 0);
}

static struct pirn_deflate_stream *new_stream(struct pirn_deflate *deflate)
{
    struct pirn_deflate_stream *stream =
        deflate->realloc(deflate->realloc_context, NULL, 0, sizeof *stream);
    if (stream)
        *stream = (struct pirn_deflate_stream){
            .z = {.zalloc = allocate, .zfree = deallocate, .opaque = deflate}};
    return stream;
}

static void free_compressor(struct pirn_deflate *deflate, struct pirn_deflate_stream *stream)
{
    deflateEnd(&stream->z);
    free_stream(deflate, stream);
}

static void free_inflater(struct pirn_deflate *deflate, struct pirn_deflate_stream *stream)
{
    inflateEnd(&stream->z);
    free_stream(deflate, stream);
}

/* ---- The lists */

static struct pirn_deflate_stream **find_compressor(struct pirn_deflate *deflate, int window_bits)
{
    struct pirn_deflate_stream **at = &deflate->compressors;
    while (*at && (*at)->window_bits != window_bits)
        at = &(*at)->next;
    return at;
}

static struct pirn_deflate_stream *take_compressor(struct pirn_deflate *deflate, int window_bits)
{
    struct pirn_deflate_stream **at = find_compressor(deflate, window_bits);
    struct pirn_deflate_stream *stream = *at;
    if (stream) {
        *at = stream->next;
        return stream;
    }
    stream = new_stream(deflate);
    if (!stream)
        return NULL;
    stream->window_bits = window_bits;
    if (deflateInit2(&stream->z, deflate->config.level, Z_DEFLATED, -window_bits,
                     deflate->config.mem_level, Z_DEFAULT_STRATEGY) == Z_OK)
        return stream;
    free_stream(deflate, stream);
    return NULL;
}

static void put_compressor(struct pirn_deflate *deflate, struct pirn_deflate_stream *stream)
{
    if (*find_compressor(deflate, stream->window_bits)) {
        free_compressor(deflate, stream);
        return;
    }
    deflateReset(&stream->z);
    stream->held_len = 0;
    stream->bytes = stream->wire_bytes = 0;
    stream->next = deflate->compressors;
    deflate->compressors = stream;
}

static struct pirn_deflate_stream *new_inflater(struct pirn_deflate *deflate)
{
    struct pirn_deflate_stream *stream = new_stream(deflate);
    if (!stream || inflateInit2(&stream->z, -PIRN__DEFLATE_BITS_MAX) == Z_OK)
        return stream;
    free_stream(deflate, stream);
    return NULL;
}

static struct pirn_deflate_stream *take_inflater(struct pirn_deflate *deflate, int window_bits)
{
    struct pirn_deflate_stream *stream = deflate->inflaters;
    if (stream)
        deflate->inflaters = stream->next;
    else
        stream = new_inflater(deflate);
    if (!stream)
        return NULL;
    /* Many that were promised 8 get 9, from peers with zlib. */
    if (window_bits < PIRN__DEFLATE_BITS_MIN)
        window_bits = PIRN__DEFLATE_BITS_MIN;
    inflateReset2(&stream->z, -window_bits);
    stream->z.data_type = BETWEEN_BLOCKS;
    stream->bytes = 0;
    return stream;
}

static void put_inflater(struct pirn_deflate *deflate, struct pirn_deflate_stream *stream)
{
    size_t count = 0;
    for (struct pirn_deflate_stream *at = deflate->inflaters; at; at = at->next)
        count++;
    if (count >= FREE_INFLATERS) {
        free_inflater(deflate, stream);
        return;
    }
    stream->next = deflate->inflaters;
    deflate->inflaters = stream;
}

/* ---- Connections */

static struct pirn_deflate *deflate_of(struct pirn__deflate_state *own)
{
    return (struct pirn_deflate *)(uintptr_t)own->base.extension;
}

static void set_flag(struct pirn__deflate_state *own, int flag, bool on)
{
    uint8_t *flags = &own->base.own[PIRN__DEFLATE_FLAGS];
    *flags = (uint8_t)(on ? *flags | flag : *flags & ~flag);
}

static void drop_compressor(struct pirn__deflate_state *own)
{
    if (own->compressor)
        put_compressor(deflate_of(own), own->compressor);
    own->compressor = NULL;
    set_flag(own, PIRN__DEFLATE_IN_MESSAGE, false);
}

static void drop_inflater(struct pirn__deflate_state *own)
{
    if (own->inflater)
        put_inflater(deflate_of(own), own->inflater);
    own->inflater = NULL;
}

static void release_state(struct pirn_extension_state *state)
{
    struct pirn__deflate_state *own = pirn__deflate_state(state);
    drop_compressor(own);
    drop_inflater(own);
}

/* A new compressor refers to nothing that was sent before, which no peer minds. Between messages an
 * inflater is there only if the peer may refer back. */
static void make_idle(struct pirn_extension_state *state)
{
    struct pirn__deflate_state *own = pirn__deflate_state(state);
    if (!pirn__deflate_has(own, PIRN__DEFLATE_IN_MESSAGE))
        drop_compressor(own);
}

/* As much of len as zlib can count. */
static uInt clip(size_t len)
{
    return len < UINT_MAX ? (uInt)len : UINT_MAX;
}

/* Of an input that is none, at NULL, nothing is taken. */
static void move_on(struct pirn_transform *step, uInt taken)
{
    if (taken == 0)
        return;
    step->in += taken;
    step->in_len -= taken;
}

/* ---- Sending */

static bool is_worth_it(const struct pirn_deflate *deflate, const struct pirn__deflate_state *own,
                        const struct pirn_message_plan *plan)
{
    if (own->base.own[PIRN__DEFLATE_OWN_BITS] < PIRN__DEFLATE_BITS_MIN ||
        (plan->type != PIRN_TEXT && plan->type != PIRN_BINARY))
        return false;
    if (plan->compress != PIRN_COMPRESS_AUTO)
        return plan->compress == PIRN_COMPRESS_ALWAYS;
    return !plan->has_total || plan->total >= deflate->config.threshold_bytes;
}

/* Without memory messages go as they are, which is always allowed. */
static unsigned begin_send(struct pirn_extension_state *state, const struct pirn_message_plan *plan)
{
    struct pirn__deflate_state *own = pirn__deflate_state(state);
    struct pirn_deflate *deflate = deflate_of(own);
    state->sending = false;
    if (!is_worth_it(deflate, own, plan))
        return 0;
    if (!own->compressor)
        own->compressor = take_compressor(deflate, own->base.own[PIRN__DEFLATE_OWN_BITS]);
    if (!own->compressor)
        return 0;
    set_flag(own, PIRN__DEFLATE_IN_MESSAGE, true);
    state->sending = true;
    return RSV1;
}

static void end_sending(struct pirn__deflate_state *own)
{
    struct pirn_deflate *deflate = deflate_of(own);
    struct pirn_deflate_stream *stream = own->compressor;
    deflate->last_sent_bytes = stream->bytes;
    deflate->last_sent_wire_bytes = stream->wire_bytes;
    deflate->totals.sent_messages++;
    deflate->totals.sent_bytes += stream->bytes;
    deflate->totals.sent_wire_bytes += stream->wire_bytes;
    stream->bytes = stream->wire_bytes = 0;
    set_flag(own, PIRN__DEFLATE_IN_MESSAGE, false);
    if (pirn__deflate_has(own, PIRN__DEFLATE_OWN_NO_CONTEXT))
        drop_compressor(own);
}

/* Compresses behind the bytes held back, and returns how many are in out then; *flushed: all that
 * was taken is among them. */
static size_t compress_step(struct pirn_deflate_stream *stream, struct pirn_transform *step,
                            bool *flushed)
{
    z_stream *z = &stream->z;
    uInt len = clip(step->in_len), room = clip(step->out_cap) - stream->held_len;
    bool flush = (step->end || step->flush) && len == step->in_len;
    memcpy(step->out, stream->held, stream->held_len);
    z->next_in = step->in;
    z->avail_in = len;
    z->next_out = step->out + stream->held_len;
    z->avail_out = room;
    deflate(z, flush ? Z_SYNC_FLUSH : Z_NO_FLUSH);
    stream->bytes += len - z->avail_in;
    move_on(step, len - z->avail_in);
    step->pending = z->avail_out == 0;
    *flushed = flush && !step->pending;
    return stream->held_len + (room - z->avail_out);
}

static int send_step(struct pirn_extension_state *state, struct pirn_transform *step)
{
    struct pirn__deflate_state *own = pirn__deflate_state(state);
    struct pirn_deflate_stream *stream = own->compressor;
    bool flushed;
    size_t len = compress_step(stream, step, &flushed);
    stream->held_len = 0;
    if (flushed && step->end) {
        if (len >= TAIL_BYTES)
            len -= TAIL_BYTES;
        else
            step->out[len++] = 0;
    } else if (!flushed) {
        stream->held_len = (uint8_t)(len < TAIL_BYTES ? len : TAIL_BYTES);
        len -= stream->held_len;
        memcpy(stream->held, step->out + len, stream->held_len);
    }
    step->out_len = len;
    stream->wire_bytes += len;
    if (flushed && step->end)
        end_sending(own);
    return 0;
}

/* What later messages may refer back to, the peer must have got. */
static bool undo_send(struct pirn_extension_state *state)
{
    struct pirn__deflate_state *own = pirn__deflate_state(state);
    struct pirn_deflate *deflate = deflate_of(own);
    if (!pirn__deflate_has(own, PIRN__DEFLATE_OWN_NO_CONTEXT))
        return false;
    if (pirn__deflate_has(own, PIRN__DEFLATE_IN_MESSAGE)) {
        drop_compressor(own);
    } else {
        deflate->totals.sent_messages--;
        deflate->totals.sent_bytes -= deflate->last_sent_bytes;
        deflate->totals.sent_wire_bytes -= deflate->last_sent_wire_bytes;
    }
    state->sending = false;
    return true;
}

/* ---- Receiving */

static int begin_receive(struct pirn_extension_state *state, const struct pirn_frame *frame)
{
    if (frame->opcode != PIRN_CONTINUATION)
        state->receiving = (frame->rsv & RSV1) != 0;
    return 0;
}

/* Whether there was more than the inflater remembers, so that a reference to what it does not know
 * may be one that was legal under other parameters. */
static bool has_forgotten(const struct pirn__deflate_state *own)
{
    unsigned bits = own->base.own[PIRN__DEFLATE_PEER_BITS];
    return pirn__deflate_has(own, PIRN__DEFLATE_FORGOT) || own->inflater->bytes > (1U << bits);
}

static int explain(const struct pirn__deflate_state *own, int result)
{
    if (result == Z_MEM_ERROR)
        return -PIRN_E_MEMORY;
    struct pirn_str text = pirn_cstr(own->inflater->z.msg);
    bool is_distance = pirn_str_equal(text, PIRN_STR("invalid distance too far back"));
    return is_distance && has_forgotten(own) ? -PIRN_E_COMPRESSED_WINDOW : -PIRN_E_COMPRESSED_DATA;
}

/* Inflates until in or out is used up. */
static int inflate_bytes(struct pirn__deflate_state *own)
{
    struct pirn_deflate_stream *stream = own->inflater;
    z_stream *z = &stream->z;
    do {
        uInt room = z->avail_out;
        int result = inflate(z, Z_SYNC_FLUSH);
        stream->bytes += room - z->avail_out;
        if (result == Z_STREAM_END) {
            inflateResetKeep(z);
            z->data_type = BETWEEN_BLOCKS;
        } else if (result != Z_OK && result != Z_BUF_ERROR) {
            return explain(own, result);
        }
    } while (z->avail_in > 0 && z->avail_out > 0);
    return 0;
}

static bool is_between_blocks(const z_stream *z)
{
    return z->data_type == BETWEEN_BLOCKS;
}

/* Whether the inflater may have more to give, now that out is full. */
static bool is_pending(const z_stream *z)
{
    return z->avail_out == 0 && (z->avail_in > 0 || !is_between_blocks(z));
}

static int inflate_payload(struct pirn__deflate_state *own, struct pirn_transform *step)
{
    z_stream *z = &own->inflater->z;
    uInt len = clip(step->in_len);
    z->next_in = step->in;
    z->avail_in = len;
    if (len == 0 && !pirn__deflate_has(own, PIRN__DEFLATE_PENDING))
        return 0;
    int r = inflate_bytes(own);
    move_on(step, len - z->avail_in);
    deflate_of(own)->totals.received_wire_bytes += len - z->avail_in;
    step->pending = is_pending(z);
    return r;
}

static int inflate_tail(struct pirn__deflate_state *own, struct pirn_transform *step)
{
    static const uint8_t tail[TAIL_BYTES] = {0x00, 0x00, 0xff, 0xff};
    z_stream *z = &own->inflater->z;
    uint8_t *given = &own->base.own[PIRN__DEFLATE_TAIL];
    if (*given == 0 && is_between_blocks(z))
        return 0;
    if (*given < TAIL_BYTES) {
        z->next_in = tail + *given;
        z->avail_in = TAIL_BYTES - *given;
        int r = inflate_bytes(own);
        if (r != 0)
            return r;
        *given = (uint8_t)(TAIL_BYTES - z->avail_in);
        step->pending = is_pending(z);
    }
    return step->pending || is_between_blocks(z) ? 0 : -PIRN_E_COMPRESSED_DATA;
}

static void end_receiving(struct pirn__deflate_state *own)
{
    deflate_of(own)->totals.received_messages++;
    own->base.own[PIRN__DEFLATE_TAIL] = 0;
    if (!pirn__deflate_has(own, PIRN__DEFLATE_PEER_NO_CONTEXT))
        return;
    set_flag(own, PIRN__DEFLATE_FORGOT, true);
    drop_inflater(own);
}

static int receive_bytes(struct pirn__deflate_state *own, struct pirn_transform *step)
{
    struct pirn_deflate *deflate = deflate_of(own);
    if (!own->inflater)
        own->inflater = take_inflater(deflate, own->base.own[PIRN__DEFLATE_PEER_BITS]);
    if (!own->inflater)
        return -PIRN_E_MEMORY;
    z_stream *z = &own->inflater->z;
    uInt room = clip(step->out_cap < deflate->room_bytes ? step->out_cap : deflate->room_bytes);
    z->next_out = step->out = deflate->room;
    z->avail_out = room;
    step->pending = false;
    int r = inflate_payload(own, step);
    if (r == 0 && step->end && step->in_len == 0 && !step->pending)
        r = inflate_tail(own, step);
    set_flag(own, PIRN__DEFLATE_PENDING, step->pending);
    step->out_len = room - z->avail_out;
    deflate->totals.received_bytes += step->out_len;
    return r;
}

static int receive_step(struct pirn_extension_state *state, struct pirn_transform *step)
{
    struct pirn__deflate_state *own = pirn__deflate_state(state);
    int r = receive_bytes(own, step);
    if (r != 0)
        drop_inflater(own);
    else if (step->end && step->in_len == 0 && !step->pending)
        end_receiving(own);
    return r;
}

/* ---- Settings */

static const struct pirn_extension permessage_deflate = {
    .name = PIRN_STR_INIT("permessage-deflate"),
    .state_bytes = sizeof(struct pirn__deflate_state),
    .rsv_first = RSV1,
    .resizes = true,
    .offer = pirn__deflate_offer,
    .accept = pirn__deflate_accept,
    .confirm = pirn__deflate_confirm,
    .release = release_state,
    .idle = make_idle,
    .begin_receive = begin_receive,
    .receive = receive_step,
    .begin_send = begin_send,
    .send = send_step,
    .undo_send = undo_send,
};

/* Sets a number that is 0 to its default; whether it is in its range then. */
static bool settle(int *number, int by_default, int min, int max)
{
    if (*number == 0)
        *number = by_default;
    return *number >= min && *number <= max;
}

static bool settle_config(struct pirn_deflate_config *config)
{
    bool shared = config->mode == PIRN_DEFLATE_SHARED;
    if (!shared && config->mode != PIRN_DEFLATE_DEDICATED)
        return false;
    config->no_context_takeover |= shared;
    config->peer_no_context_takeover |= shared;
    if (config->threshold_bytes == 0)
        config->threshold_bytes = PIRN_DEFAULT_DEFLATE_THRESHOLD_BYTES;
    /* Peers with zlib take 8 for an answer, and fail then. An inflater needs no less for it. */
    if (config->peer_window_bits == 8)
        config->peer_window_bits = PIRN__DEFLATE_BITS_MIN;
    return settle(&config->level, 1, 1, 9) &&
           settle(&config->window_bits, shared ? 15 : 12, PIRN__DEFLATE_BITS_MIN,
                  PIRN__DEFLATE_BITS_MAX) &&
           settle(&config->mem_level, shared ? 8 : 5, 1, 9) &&
           settle(&config->peer_window_bits, PIRN__DEFLATE_BITS_MAX, PIRN__DEFLATE_BITS_MIN,
                  PIRN__DEFLATE_BITS_MAX);
}

int pirn_deflate_init(struct pirn_deflate *deflate, const struct pirn_deflate_config *config,
                      enum pirn_role role, pirn_realloc_fn *realloc, void *realloc_context,
                      void *room, size_t room_bytes)
{
    *deflate = (struct pirn_deflate){
        .extension = permessage_deflate,
        .config = config ? *config : (struct pirn_deflate_config){.mode = PIRN_DEFLATE_OFF},
        .realloc = realloc,
        .realloc_context = realloc_context,
        .room = room,
        .room_bytes = room_bytes,
        .role = role,
    };
    bool good =
        settle_config(&deflate->config) && realloc && room && room_bytes >= PIRN_DEFLATE_ROOM_MIN;
    return good ? 0 : -PIRN_E_ARGUMENT;
}

void pirn_deflate_release(struct pirn_deflate *deflate)
{
    while (deflate->compressors) {
        struct pirn_deflate_stream *stream = deflate->compressors;
        deflate->compressors = stream->next;
        free_compressor(deflate, stream);
    }
    while (deflate->inflaters) {
        struct pirn_deflate_stream *stream = deflate->inflaters;
        deflate->inflaters = stream->next;
        free_inflater(deflate, stream);
    }
}

bool pirn_deflate_available(void)
{
    return true;
}
