/*
 * Line ends for text protocols: see crlf.h.
 */
#include "lib/wire/crlf.h"

size_t
crlf_expand(bool *after_cr, const unsigned char *in, size_t n, unsigned char *out)
{
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		if (in[i] == '\n' && !*after_cr)
			out[used++] = '\r';
		out[used++] = in[i];
		*after_cr = in[i] == '\r';
	}
	return used;
}
