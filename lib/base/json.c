/*
 * Writing one flat JSON object: see json.h.
 */
#include "lib/base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/escape.h"

#define JSON_STR_MAX 2048	/* longest string member, escaped */

void
json_begin(struct json *j, char *out, size_t size)
{
	*j = (struct json){ .out = out, .size = size, .used = 1 };
	out[0] = '{';
}

/* Adds `"key":value`, where value is JSON already, or nothing if it does not fit beside the closing brace. */
static void
add_member(struct json *j, const char *key, const char *value)
{
	size_t room = j->size - j->used;
	int n = snprintf(j->out + j->used, room, "%s\"%s\":%s", j->used > 1 ? "," : "", key, value);

	if (n > 0 && (size_t)n < room - 1)
		j->used += (size_t)n;
}

void
json_str(struct json *j, const char *key, const char *value)
{
	char safe[JSON_STR_MAX], quoted[2 * JSON_STR_MAX + 3];
	size_t n = 0;

	/* After escape_text() there are no controls left: only the quote and the backslash need care. */
	escape_text(safe, sizeof(safe), value, strlen(value));
	quoted[n++] = '"';
	for (const char *p = safe; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			quoted[n++] = '\\';
		quoted[n++] = *p;
	}
	quoted[n++] = '"';
	quoted[n] = '\0';
	add_member(j, key, quoted);
}

void
json_int(struct json *j, const char *key, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	add_member(j, key, text);
}

void
json_bool(struct json *j, const char *key, bool value)
{
	add_member(j, key, value ? "true" : "false");
}

size_t
json_end(struct json *j)
{
	j->out[j->used++] = '}';
	j->out[j->used] = '\0';
	return j->used;
}
