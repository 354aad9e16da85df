/*
 * Whatever bytes come, and however they are cut, what is shown is the same, does not grow beyond its bound, and has no
 * control but LF, tab and a CR before a LF. The first byte says how the rest is cut.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/wire/guard.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Pushes pieces of the size given, or with 0 of many sizes, each in memory of just the right size. */
static void
show(const uint8_t *p, size_t n, size_t piece, struct buf *out)
{
	struct guard g = GUARD_EMPTY;

	for (size_t at = 0, len; at < n; at += len) {
		size_t before = buf_len(out), held = g.n_held;
		len = piece > 0 ? piece : at * 7 % 5 + 1;
		if (len > n - at)
			len = n - at;
		uint8_t *copy = malloc(len);
		if (copy == NULL)
			abort();
		memcpy(copy, p + at, len);
		if (!guard_push(&g, copy, len, out) || g.n_held >= sizeof(g.held))
			abort();
		if (buf_len(out) - before > GUARD_GROWTH * (len + held))
			abort();
		free(copy);
	}
	if (!guard_finish(&g, out) || g.n_held != 0)
		abort();
}

static void
check_shown(const unsigned char *p, size_t n)
{
	size_t len;
	uint32_t code;

	for (size_t i = 0; i < n; i += len) {
		if ((len = utf8_next(p + i, n - i, &code)) == 0)
			abort();
		if (code == '\r' && i + 1 < n && p[i + 1] == '\n')
			continue;
		if (code != '\n' && code != '\t' && !utf8_is_harmless(code))
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = BUF_EMPTY(GUARD_GROWTH * size), cut = BUF_EMPTY(GUARD_GROWTH * size);
	size_t pieces[] = { 1, 0, 0 };

	if (size < 2)
		return 0;
	pieces[2] = data[0] % 16U + 2;
	data++;
	size--;
	show(data, size, size, &whole);
	check_shown(buf_bytes(&whole), buf_len(&whole));
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		show(data, size, pieces[i], &cut);
		if (buf_len(&cut) != buf_len(&whole) || memcmp(buf_bytes(&cut), buf_bytes(&whole), buf_len(&cut)) != 0)
			abort();
		buf_take(&cut, buf_len(&cut));
	}
	buf_free(&whole);
	buf_free(&cut);
	return 0;
}
