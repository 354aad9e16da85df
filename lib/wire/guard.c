/*
 * A peer's bytes on a terminal: see guard.h.
 *
 * Bytes are judged by what they are and what follows, never by what was before, so that it does not matter how they
 * were cut: what cannot be judged yet is the end of a push, and comes again in front of the next.
 */
#include "lib/wire/guard.h"

#include <stdint.h>
#include <string.h>

#include "lib/base/utf8.h"

enum verdict {
	PASSES,		/* as it is */
	SPELLED,	/* as \xNN, each byte */
	WAITS		/* what follows decides */
};

/* Judges what is at p[0..n), n > 0. *len becomes how many bytes that is. */
static enum verdict
judge(const unsigned char *p, size_t n, size_t *len)
{
	uint32_t code;

	*len = 1;
	if ((p[0] >= 0x20 && p[0] < 0x7f) || p[0] == '\n' || p[0] == '\t')
		return PASSES;
	if (p[0] == '\r') {
		if (n == 1)
			return WAITS;
		return p[1] == '\n' ? PASSES : SPELLED;
	}
	if (p[0] < 0x80)
		return SPELLED;
	if ((*len = utf8_next(p, n, &code)) > 0)
		return utf8_is_harmless(code) ? PASSES : SPELLED;
	*len = 1;
	return utf8_is_start(p, n) ? WAITS : SPELLED;
}

/* How many bytes from p on are judged like that. */
static size_t
run(enum verdict verdict, const unsigned char *p, size_t n)
{
	size_t at = 0, len;

	while (at < n && judge(p + at, n - at, &len) == verdict)
		at += len;
	return at;
}

static bool
spell(const unsigned char *p, size_t n, struct buf *out)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char *space;

	if (n == 0)
		return true;
	if (n > buf_room(out) / 4 || (space = buf_space(out, 4 * n)) == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		*space++ = '\\';
		*space++ = 'x';
		*space++ = (unsigned char)digits[p[i] >> 4];
		*space++ = (unsigned char)digits[p[i] & 0xf];
	}
	buf_added(out, 4 * n);
	return true;
}

/* Writes what can be judged of p[0..n). *used becomes how many bytes that was: all but at most three. */
static bool
show(const unsigned char *p, size_t n, size_t *used, struct buf *out)
{
	size_t len;

	*used = 0;
	do {
		len = run(PASSES, p + *used, n - *used);
		if (!buf_put(out, p + *used, len))
			return false;
		*used += len;
		len = run(SPELLED, p + *used, n - *used);
		if (!spell(p + *used, len, out))
			return false;
		*used += len;
	} while (len > 0);
	return true;
}

bool
guard_push(struct guard *g, const unsigned char *p, size_t n, struct buf *out)
{
	size_t used;

	for (; g->n_held > 0 && n > 0; n--) {
		g->held[g->n_held] = *p++;
		if (!show(g->held, g->n_held + 1, &used, out))
			return false;
		g->n_held = g->n_held + 1 - used;
		memmove(g->held, g->held + used, g->n_held);
	}
	if (n == 0)
		return true;
	if (!show(p, n, &used, out))
		return false;
	g->n_held = n - used;
	memcpy(g->held, p + used, g->n_held);
	return true;
}

bool
guard_finish(struct guard *g, struct buf *out)
{
	size_t n = g->n_held;

	g->n_held = 0;
	return spell(g->held, n, out);	/* a CR without its LF, or bytes that are no character */
}
