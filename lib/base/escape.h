/*
 * Untrusted bytes made safe for a terminal and for JSON.
 */
#ifndef SOCKT_BASE_ESCAPE_H
#define SOCKT_BASE_ESCAPE_H

#include <stddef.h>

/*
 * Writes the n bytes at p to out as text that cannot drive a terminal: printable ASCII and well-formed UTF-8 pass,
 * except C1 controls and the marks that reorder text; everything else, and a backslash, becomes \xNN. Always ends
 * with NUL; stops before what would not fit whole. Returns the length written.
 */
size_t	escape_text(char *out, size_t size, const void *p, size_t n);

#endif
