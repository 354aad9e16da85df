/*
 * UTF-8, one character at a time (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
 */
#ifndef SOCKT_BASE_UTF8_H
#define SOCKT_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_MAX 4	/* bytes of the longest character */

/* Length of the well-formed sequence at p[0..n), n > 0, or 0 if there is none. *code becomes the code point. */
size_t	utf8_next(const unsigned char *p, size_t n, uint32_t *code);

/* Are these n bytes the start of a well-formed sequence that is not whole, so that more of them may make it one? */
bool	utf8_is_start(const unsigned char *p, size_t n);

/* Writes a code point that is no surrogate and at most U+10FFFF. Returns how many bytes that takes. */
size_t	utf8_put(uint32_t code, unsigned char out[UTF8_MAX]);

/* May this code point reach a terminal? Not controls, and not what turns the direction of the text around. */
bool	utf8_is_harmless(uint32_t code);

#endif
