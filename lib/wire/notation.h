/*
 * Bytes written as text on one line, and back: hexadecimal, base64 (RFC 4648 section 4), a JSON string (RFC 8259).
 *
 * A JSON string holds text, not bytes. Bytes that are not UTF-8 are written as the lone low surrogates \udc80 to
 * \udcff, which no text has and which Python reads back by its surrogateescape: nothing is lost, and every line is
 * JSON.
 */
#ifndef SOCKT_WIRE_NOTATION_H
#define SOCKT_WIRE_NOTATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

enum notation { NOTATION_HEX, NOTATION_BASE64, NOTATION_JSON };

/* The most bytes that n bytes can become, quotes included; SIZE_MAX when that is more than a size_t holds. */
size_t	notation_bound(enum notation notation, size_t n);

/*
 * Writes p[0..n) behind what is in out, without a LF: hex in lower case, base64 padded, json with its quotes. What is
 * UTF-8 stays as it is in json, but for controls and line ends of any kind: these are escaped. Returns false, with out
 * as it was, when it does not fit or there is no memory.
 */
bool	notation_write(enum notation notation, const unsigned char *p, size_t n, struct buf *out);

/*
 * Reads the line p[0..n), which has no LF, into bytes at p itself: no notation is shorter than what it says. A CR that
 * ends it and blanks (spaces, tabs) at its end are left out, and in json blanks before it; hex may have either case,
 * and blanks between the bytes; base64 must be padded (and what is not to be seen in it zero, RFC 4648 section 3.5).
 * Returns false if it is not that; then p is of no use. *got becomes how many bytes there are.
 */
bool	notation_read(enum notation notation, unsigned char *p, size_t n, size_t *got);

/* Are these bytes UTF-8, whole and well-formed? */
bool	notation_is_text(const unsigned char *p, size_t n);

/*
 * Writes p[0..n) behind what is in out as a member of a JSON object: "text" where they are text, "base64" where not.
 * Returns as notation_write() does.
 */
bool	notation_write_member(const unsigned char *p, size_t n, struct buf *out);
size_t	notation_member_bound(size_t n);		/* the most that can become */

#endif
