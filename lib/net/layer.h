/*
 * Layer: what a stream that owns another below it begins with, and what such a stream does where it has no mind of its
 * own: it asks the one below. Its ops name what it does otherwise.
 */
#ifndef SOCKT_NET_LAYER_H
#define SOCKT_NET_LAYER_H

#include "lib/net/stream.h"

struct layer {
	struct stream stream;	/* first */
	struct stream *below;
};

struct layer *layer_of(struct stream *s);

enum io	layer_shutdown(struct stream *s, struct err *err);
size_t	layer_queued(struct stream *s);
enum io	layer_settled(struct stream *s, struct err *err);
void	layer_abort(struct stream *s);
enum stream_hold layer_hold(struct stream *s);
uint64_t layer_overhead(struct stream *s, unsigned side);
enum io	layer_fail(struct stream *s, unsigned side, int errnum, struct err *err);

/* The medium below, and no descriptor: nothing is spliced past a layer. */
struct stream_plain layer_plain(struct stream *s, unsigned side);

/* Frees what is below, and the layer. */
void	layer_free(struct stream *s);

#endif
