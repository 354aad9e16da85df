/*
 * Packets: see packets.h.
 *
 * Whole frames are sent from where they stand; only one that comes in pieces is put together here. A frame that was
 * taken and cannot go yet is kept until it does, and nothing more is taken before. What was read from below and not
 * taken by anybody yet has no event of its own: a timer stands in for it.
 */
#include "lib/net/packets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/net/layer.h"
#include "lib/wire/frame.h"

struct packets {
	struct layer layer;	/* first */
	size_t max;
	unsigned wants;
	struct loop_timer pending;
	/* in: the frame that is being read */
	unsigned char *in;	/* NULL while there is none; PACKETS_HEAD + max bytes */
	size_t in_at, in_n;
	enum io after;		/* what comes behind what was read last, if not IO_DONE; with err */
	struct err err;
	/* out */
	struct frame_cutter cutter;
	struct buf out;		/* of one that came in pieces */
	bool whole;		/* it is, and has to go */
	bool failed;		/* sending did */
	uint64_t n_in;		/* messages */
	uint64_t taken, sent;	/* bytes: of frames, and of the messages that went */
};

static struct packets *
as_packets(struct stream *s)
{
	return (struct packets *)s;
}

size_t
packets_peek(const struct buf *queue, struct dgram *v, size_t most)
{
	struct frame_cutter cutter = FRAME_CUTTER(((struct frame_format){ .kind = FRAME_LEN32 }), UINT32_MAX);
	size_t left = buf_len(queue), n = 0, used;
	const unsigned char *p = left > 0 ? buf_bytes(queue) : NULL;
	struct frame_piece piece;

	for (; n < most && frame_cut(&cutter, p, left, &used, &piece) == FRAME_WHOLE; n++) {
		v[n] = (struct dgram){ .bytes = piece.bytes, .n = piece.n };
		p += used;
		left -= used;
	}
	return n;
}

/* ---- in ---- */

/* Reads the next message as a frame. */
static enum io
fill(struct packets *k, struct err *err)
{
	struct frame_stamp stamp;
	size_t got = 0;
	enum io io;

	if (k->in == NULL && (k->in = malloc(PACKETS_HEAD + k->max)) == NULL) {
		err_set(err, ERR_LIMIT, ENOMEM, "message");
		return IO_FAILED;
	}
	io = stream_read(k->layer.below, k->in + PACKETS_HEAD, k->max, &got, err);
	if (io != IO_DONE) {
		free(k->in);		/* who waits holds no memory */
		k->in = NULL;
		k->in_at = k->in_n = 0;
		return io;
	}
	frame_stamp(&k->cutter.format, NULL, got, &stamp);
	memcpy(k->in, stamp.head, PACKETS_HEAD);
	k->in_at = 0;
	k->in_n = PACKETS_HEAD + got;
	k->n_in++;
	return IO_DONE;
}

static bool
holds(const struct packets *k)
{
	return k->in_at < k->in_n || k->after != IO_DONE;
}

static enum io
packets_read(struct stream *s, void *p, size_t n, size_t *got, struct err *err)
{
	struct packets *k = as_packets(s);
	enum io io = k->after;

	*got = 0;
	*err = k->err;
	k->after = IO_DONE;
	while (*got < n && io == IO_DONE) {
		size_t part;
		if (k->in_at == k->in_n && (io = fill(k, err)) != IO_DONE)
			break;
		part = k->in_n - k->in_at < n - *got ? k->in_n - k->in_at : n - *got;
		memcpy((unsigned char *)p + *got, k->in + k->in_at, part);
		k->in_at += part;
		*got += part;
	}
	if (*got == 0)
		return io;
	if (io == IO_EOF || io == IO_FAILED) {
		k->after = io;
		k->err = *err;
	}
	return IO_DONE;
}

/* ---- out ---- */

static void
arm(struct packets *k)
{
	stream_want(k->layer.below, k->wants | (k->whole && !k->failed ? STREAM_WRITE : 0U));
}

static enum io
send_message(struct packets *k, const unsigned char *p, size_t n, struct err *err)
{
	size_t put;
	enum io io = stream_write(k->layer.below, p, n, &put, err);

	k->sent += io == IO_DONE ? n : 0;
	k->failed = io == IO_FAILED;
	return io;
}

/* Sends the one that was kept, if it is whole. */
static enum io
flush(struct packets *k, struct err *err)
{
	enum io io;

	if (!k->whole)
		return IO_DONE;
	if ((io = send_message(k, buf_bytes(&k->out), buf_len(&k->out), err)) == IO_DONE) {
		k->whole = false;
		buf_free(&k->out);
	}
	return io;
}

/* Takes a piece of a frame, and sends the message if that was its last. IO_FAILED: the piece is not taken. */
static enum io
take_piece(struct packets *k, const struct frame_piece *piece, bool last, struct err *err)
{
	enum io io;

	if (!buf_put(&k->out, piece->bytes, piece->n)) {
		err_set(err, ERR_LIMIT, ENOMEM, "message");
		return IO_FAILED;
	}
	k->whole = last;
	if ((io = flush(k, err)) == IO_FAILED) {
		k->whole = false;
		buf_cut(&k->out, buf_len(&k->out) - piece->n);
	}
	return io;
}

static enum io
packets_write(struct stream *s, const void *p, size_t n, size_t *put, struct err *err)
{
	struct packets *k = as_packets(s);
	enum io io = flush(k, err);

	for (*put = 0; io == IO_DONE && *put < n;) {
		struct frame_cutter before = k->cutter;
		bool fresh = !frame_is_cut(&before);
		struct frame_piece piece;
		size_t used;
		enum frame_verdict verdict = frame_cut(&k->cutter, (const unsigned char *)p + *put, n - *put, &used, &piece);

		if (verdict == FRAME_TOO_LONG || verdict == FRAME_BAD) {
			err_set(err, ERR_LOCAL, EINVAL, "what is to be sent is no frame");
			return IO_FAILED;
		}
		if (verdict == FRAME_WHOLE && fresh)
			io = send_message(k, piece.bytes, piece.n, err);
		else if (verdict != FRAME_MORE)
			io = take_piece(k, &piece, verdict == FRAME_WHOLE, err);
		if (io == IO_FAILED || (io == IO_WOULD_BLOCK && !k->whole)) {
			k->cutter = before;	/* not taken: it will be tried again */
			break;
		}
		*put += used;
	}
	k->taken += *put;
	arm(k);
	return *put > 0 ? IO_DONE : io;
}

static enum io
packets_shutdown(struct stream *s, struct err *err)
{
	struct packets *k = as_packets(s);
	enum io io = flush(k, err);

	return io == IO_DONE ? stream_shutdown(k->layer.below, err) : io;
}

static enum io
packets_settled(struct stream *s, struct err *err)
{
	struct packets *k = as_packets(s);
	enum io io = flush(k, err);

	return io == IO_DONE ? stream_settled(k->layer.below, err) : io;
}

static size_t
packets_queued(struct stream *s)
{
	struct packets *k = as_packets(s);

	return stream_queued(k->layer.below) + (k->whole ? buf_len(&k->out) + PACKETS_HEAD : 0);
}

static uint64_t
packets_overhead(struct stream *s, unsigned side)
{
	struct packets *k = as_packets(s);

	return side == STREAM_READ ? PACKETS_HEAD * k->n_in : k->taken - k->sent;
}

/* ---- events ---- */

static void
on_below(void *arg, unsigned ready)
{
	struct packets *k = arg;
	struct err err;

	if ((ready & STREAM_WRITE) && k->whole) {
		/* What failed does so again when it is tried next: whoever waits is called for that. */
		ready = flush(k, &err) == IO_FAILED ? k->wants | STREAM_TROUBLE : ready & k->wants;
		arm(k);
	}
	if (ready != 0)
		k->layer.stream.fn(k->layer.stream.arg, ready);
}

static void
on_pending(void *arg)
{
	struct packets *k = arg;

	if ((k->wants & STREAM_READ) && holds(k))
		k->layer.stream.fn(k->layer.stream.arg, STREAM_READ);
}

static void
packets_want(struct stream *s, unsigned wants)
{
	struct packets *k = as_packets(s);

	k->wants = wants;
	arm(k);
	if ((wants & STREAM_READ) && holds(k))
		loop_timer_set(&k->pending, clock_ms());
}

static void
packets_free(struct stream *s)
{
	loop_timer_stop(&as_packets(s)->pending);
	free(as_packets(s)->in);
	buf_free(&as_packets(s)->out);
	layer_free(s);
}

struct stream *
packets_stream(struct loop *loop, struct stream *below, size_t max, struct err *err)
{
	static const struct stream_ops ops = {
		.read = packets_read, .write = packets_write, .shutdown = packets_shutdown, .queued = packets_queued,
		.settled = packets_settled, .abort = layer_abort, .hold = layer_hold, .overhead = packets_overhead,
		.want = packets_want, .plain = layer_plain, .fail = layer_fail, .free = packets_free,
	};
	struct packets *k = calloc(1, sizeof(*k));

	if (k == NULL) {
		stream_free(below);
		err_set(err, ERR_LIMIT, ENOMEM, "connection");
		return NULL;
	}
	k->layer.stream = (struct stream){ .ops = &ops, .kind = STREAM_BYTES };
	k->layer.below = below;
	k->max = max;
	k->cutter = FRAME_CUTTER(((struct frame_format){ .kind = FRAME_LEN32 }), UINT32_MAX);
	k->out = BUF_EMPTY(UINT32_MAX);
	loop_timer_init(&k->pending, loop, on_pending, k);
	stream_attach(below, on_below, k);
	return &k->layer.stream;
}
