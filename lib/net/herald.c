/*
 * Herald: see herald.h.
 */
#include "lib/net/herald.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/net/layer.h"

struct herald {
	struct layer layer;	/* first */
	void (*fn)(void *arg);	/* NULL once it was called */
	void *arg;
};

static enum io
herald_read(struct stream *s, void *p, size_t n, size_t *got, struct err *err)
{
	return stream_read(layer_of(s)->below, p, n, got, err);
}

static enum io
herald_write(struct stream *s, const void *p, size_t n, size_t *put, struct err *err)
{
	struct herald *h = (struct herald *)s;

	if (h->fn != NULL)
		h->fn(h->arg);
	h->fn = NULL;
	return stream_write(h->layer.below, p, n, put, err);
}

static void
herald_want(struct stream *s, unsigned wants)
{
	stream_want(layer_of(s)->below, wants);
}

/* What is read may be spliced past us. */
static struct stream_plain
herald_plain(struct stream *s, unsigned side)
{
	return stream_plain(layer_of(s)->below, side);
}

static void
on_below(void *arg, unsigned ready)
{
	struct stream *s = arg;

	s->fn(s->arg, ready);
}

struct stream *
herald_stream(struct stream *below, void (*fn)(void *arg), void *arg, struct err *err)
{
	static const struct stream_ops ops = {
		.read = herald_read, .write = herald_write, .shutdown = layer_shutdown, .queued = layer_queued,
		.settled = layer_settled, .abort = layer_abort, .hold = layer_hold, .overhead = layer_overhead,
		.want = herald_want, .plain = herald_plain, .fail = layer_fail, .free = layer_free,
	};
	struct herald *h = calloc(1, sizeof(*h));

	if (h == NULL) {
		err_set(err, ERR_LIMIT, ENOMEM, "stdin and stdout");
		stream_free(below);
		return NULL;
	}
	*h = (struct herald){ .layer = { .stream = { .ops = &ops, .kind = below->kind }, .below = below },
	    .fn = fn, .arg = arg };
	stream_attach(below, on_below, h);
	return &h->layer.stream;
}
