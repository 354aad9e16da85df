/*
 * Layer: see layer.h.
 */
#include "lib/net/layer.h"

#include <stdlib.h>

struct layer *
layer_of(struct stream *s)
{
	return (struct layer *)s;
}

enum io
layer_shutdown(struct stream *s, struct err *err)
{
	return stream_shutdown(layer_of(s)->below, err);
}

size_t
layer_queued(struct stream *s)
{
	return stream_queued(layer_of(s)->below);
}

enum io
layer_settled(struct stream *s, struct err *err)
{
	return stream_settled(layer_of(s)->below, err);
}

void
layer_abort(struct stream *s)
{
	stream_abort(layer_of(s)->below);
}

enum stream_hold
layer_hold(struct stream *s)
{
	return stream_hold(layer_of(s)->below);
}

uint64_t
layer_overhead(struct stream *s, unsigned side)
{
	return stream_overhead(layer_of(s)->below, side);
}

enum io
layer_fail(struct stream *s, unsigned side, int errnum, struct err *err)
{
	return stream_fail(layer_of(s)->below, side, errnum, err);
}

struct stream_plain
layer_plain(struct stream *s, unsigned side)
{
	return (struct stream_plain){ .fd = -1, .medium = stream_plain(layer_of(s)->below, side).medium };
}

void
layer_free(struct stream *s)
{
	stream_free(layer_of(s)->below);
	free(s);
}
