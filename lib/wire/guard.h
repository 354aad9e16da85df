/*
 * A peer's bytes on a terminal: what could drive it is shown instead of sent.
 *
 * Printable ASCII and well-formed UTF-8 pass, also when a character comes in two reads; so do LF, tab, and a CR right
 * before a LF. Everything else becomes \xNN: other controls, the C1 controls in either form, bytes that are not UTF-8,
 * and the marks that reorder text (as utf8.h has it). A backslash passes: this is for looking at, not for reading back.
 */
#ifndef SOCKT_WIRE_GUARD_H
#define SOCKT_WIRE_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"

struct guard {
	unsigned char held[4];	/* a CR, or the start of a character, of which more has to come to judge it */
	size_t n_held;
};

#define GUARD_EMPTY ((struct guard){ .n_held = 0 })

#define GUARD_GROWTH 4	/* a byte becomes at most so many */

/* Writes p[0..n) behind what is in out. Returns false, with a part written, when it does not fit or without memory. */
bool	guard_push(struct guard *g, const unsigned char *p, size_t n, struct buf *out);

/* There is no more: writes what was held. Returns as guard_push(). */
bool	guard_finish(struct guard *g, struct buf *out);

#endif
