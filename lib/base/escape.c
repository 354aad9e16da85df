/*
 * Untrusted bytes made safe: see escape.h.
 */
#include "lib/base/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/*
 * Length of the well-formed UTF-8 sequence at p[0..n), 0 if there is none (RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF). *code becomes the code point.
 */
static size_t
utf8_next(const unsigned char *p, size_t n, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc0 ? 2 : 0;
	uint32_t c;

	if (len == 0 || len > n || p[0] > 0xf4)
		return 0;
	c = len == 1 ? p[0] : p[0] & (0x7fU >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fU);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*code = c;
	return len;
}

/* May this code point reach a terminal? Not controls, and not what turns the direction of the text around. */
static bool
is_harmless(uint32_t c)
{
	return c >= 0x20 && c != 0x7f && c != '\\' && !(c >= 0x80 && c <= 0x9f) && c != 0x200e && c != 0x200f &&
	    c != 0x061c && !(c >= 0x2028 && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069);
}

size_t
escape_text(char *out, size_t size, const void *p, size_t n)
{
	const unsigned char *in = p;
	size_t used = 0, len;
	uint32_t code;

	if (size == 0)
		return 0;
	for (size_t i = 0; i < n; i += len) {
		len = utf8_next(in + i, n - i, &code);
		if (len > 0 && is_harmless(code)) {
			if (len > size - 1 - used)
				break;
			memcpy(out + used, in + i, len);
			used += len;
		} else {
			len = 1;	/* one byte at a time, also out of a sequence that is not shown */
			if (size - used < sizeof("\\xNN"))
				break;
			snprintf(out + used, size - used, "\\x%02x", in[i]);
			used += 4;
		}
	}
	out[used] = '\0';
	return used;
}
