/*
 * Whatever bytes come, each notation has a line for them that says just these bytes and cannot drive a terminal. And
 * whatever line comes, it is refused, or it says bytes that can be written and read again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/wire/notation.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Memory of just the right size, so that a sanitizer sees a byte too many. */
static unsigned char *
copied(const unsigned char *p, size_t n)
{
	unsigned char *copy = malloc(n > 0 ? n : 1);

	if (copy == NULL)
		abort();
	if (n > 0)
		memcpy(copy, p, n);
	return copy;
}

/* A line of printable text, also in the eyes of a terminal that knows C1 controls. */
static void
check_line(const unsigned char *p, size_t n)
{
	size_t len;
	uint32_t code;

	if (!notation_is_text(p, n))
		abort();
	for (size_t i = 0; i < n; i += len) {
		if ((len = utf8_next(p + i, n - i, &code)) == 0)
			abort();
		if (code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x2028 || code == 0x2029)
			abort();
	}
}

static void
round_trip(enum notation notation, const unsigned char *p, size_t n)
{
	size_t bound = notation_bound(notation, n), len, got;
	struct buf out = BUF_EMPTY(bound), tight;
	unsigned char *line;

	if (!notation_write(notation, p, n, &out))
		abort();
	len = buf_len(&out);
	if (len < n || (notation != NOTATION_JSON && len != bound))
		abort();
	line = copied(len > 0 ? buf_bytes(&out) : NULL, len);
	check_line(line, len);
	tight = BUF_EMPTY(len > 0 ? len - 1 : 0);
	if (len > 0 && (notation_write(notation, p, n, &tight) || buf_len(&tight) > 0))
		abort();
	if (!notation_read(notation, line, len, &got) || got != n || (n > 0 && memcmp(line, p, n) != 0))
		abort();
	buf_free(&tight);
	buf_free(&out);
	free(line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum notation all[] = { NOTATION_HEX, NOTATION_BASE64, NOTATION_JSON };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		unsigned char *line = copied(data, size);
		size_t got = SIZE_MAX;
		round_trip(all[i], data, size);
		if (notation_read(all[i], line, size, &got)) {
			if (got > size)
				abort();
			round_trip(all[i], line, got);
		}
		free(line);
	}
	return 0;
}
