/*
 * UTF-8, one character at a time: see utf8.h.
 */
#include "lib/base/utf8.h"

#include <string.h>

size_t
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

bool
utf8_is_start(const unsigned char *p, size_t n)
{
	unsigned char lowest[UTF8_MAX], highest[UTF8_MAX];
	uint32_t code;

	if (n >= UTF8_MAX)
		return false;
	/* What is not allowed lies at one end of what a start leads to: if neither end is well-formed, nothing is. */
	memset(lowest, 0x80, sizeof(lowest));
	memset(highest, 0xbf, sizeof(highest));
	memcpy(lowest, p, n);
	memcpy(highest, p, n);
	return utf8_next(lowest, sizeof(lowest), &code) > n || utf8_next(highest, sizeof(highest), &code) > n;
}

size_t
utf8_put(uint32_t code, unsigned char out[UTF8_MAX])
{
	size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

	if (len == 1) {
		out[0] = (unsigned char)code;
		return 1;
	}
	for (size_t i = len - 1; i > 0; i--) {
		out[i] = (unsigned char)(0x80 | (code & 0x3f));
		code >>= 6;
	}
	out[0] = (unsigned char)(0xf00U >> len | code);
	return len;
}

bool
utf8_is_harmless(uint32_t code)
{
	return code >= 0x20 && !(code >= 0x7f && code <= 0x9f) && code != 0x200e && code != 0x200f && code != 0x061c &&
	    !(code >= 0x2028 && code <= 0x202e) && !(code >= 0x2066 && code <= 0x2069);
}
