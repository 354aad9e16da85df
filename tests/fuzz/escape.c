/*
 * Whatever bytes come, what escape_text() writes has no control characters, ends in time, and fits; and what the JSON
 * writer makes of them is one line.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/escape.h"
#include "lib/base/json.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t room = size > 0 ? data[0] % 64U + 1 : 1, n;
	char *out = malloc(room), *word = malloc(size + 1), line[512];
	struct json j;

	if (out == NULL || word == NULL)
		abort();
	n = escape_text(out, room, data, size);
	if (n >= room || out[n] != '\0' || strlen(out) != n)
		abort();
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)out[i] < 0x20 || out[i] == 0x7f)
			abort();
	}
	memcpy(word, data, size);
	word[size] = '\0';
	json_begin(&j, line, sizeof(line));
	json_str(&j, "word", word);
	json_int(&j, "n", (int64_t)size);
	n = json_end(&j);
	if (n >= sizeof(line) || line[n - 1] != '}' || strchr(line, '\n') != NULL)
		abort();
	free(out);
	free(word);
	return 0;
}
