/*
 * Line ends for text protocols: a LF that has no CR before it gets one.
 */
#ifndef SOCKT_WIRE_CRLF_H
#define SOCKT_WIRE_CRLF_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Copies in[0..n) to out, which has room for 2 * n bytes, and returns how many were written. *after_cr carries over
 * to the next call whether the last byte was a CR, so that CR LF cut in two is not doubled; it starts out false.
 */
size_t	crlf_expand(bool *after_cr, const unsigned char *in, size_t n, unsigned char *out);

#endif
