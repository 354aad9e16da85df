/*
 * Untrusted bytes made safe: see escape.h.
 */
#include "lib/base/escape.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/utf8.h"

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
		if (len > 0 && code != '\\' && utf8_is_harmless(code)) {
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
