/*
 * Writing one flat JSON object (RFC 8259) into a fixed buffer.
 */
#ifndef SOCKT_BASE_JSON_H
#define SOCKT_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Begin, add members, end. What does not fit is left out member by member: the text is a whole object at any time
 * after json_end().
 */
struct json {
	char *out;
	size_t size, used;
};

void	json_begin(struct json *j, char *out, size_t size);	/* borrows out until json_end() */
void	json_str(struct json *j, const char *key, const char *value);	/* escaped as escape_text() does */
void	json_int(struct json *j, const char *key, int64_t value);
void	json_bool(struct json *j, const char *key, bool value);
size_t	json_end(struct json *j);	/* closes the object, returns its length */

#endif
