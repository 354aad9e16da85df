/*
 * A list of networks from words and files: see access.h.
 */
#include "lib/net/access.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 1024	/* of what is not comment, blanks included */

static int
no_memory(struct err *err)
{
	return err_set(err, ERR_LIMIT, ENOMEM, "%s", "");
}

static int
add_file(struct access *list, const char *file, struct err *err)
{
	const char **files;

	if (file[0] == '\0')
		return err_set(err, ERR_USAGE, 0, "names no file");
	if ((files = reallocarray(list->files, list->n_files + 1, sizeof(*files))) == NULL)
		return no_memory(err);
	list->files = files;
	list->files[list->n_files++] = file;
	return 0;
}

int
access_add(void *at, const char *word, struct err *err)
{
	struct access *list = at;
	struct cidr c;

	list->given = true;
	if (word[0] == '@')
		return add_file(list, word + 1, err);
	if (cidr_parse(&c, word, err) < 0)
		return -1;
	return cidr_set_add(&list->nets, &c) ? 0 : no_memory(err);
}

/* What read_line() found. */
enum line { LINE_READ, LINE_TOO_LONG, LINE_LAST };

/*
 * Reads a line without LF and comment, which may be of any length, into line[0..*n). LINE_LAST: and nothing follows,
 * or the file failed.
 */
static enum line
read_line(FILE *file, char line[LINE_MAX_BYTES], size_t *n)
{
	bool comment = false;
	int c;

	*n = 0;
	while ((c = getc(file)) != EOF && c != '\n') {
		comment = comment || c == '#';
		if (comment)
			continue;
		if (*n == LINE_MAX_BYTES)
			return LINE_TOO_LONG;
		line[(*n)++] = (char)c;
	}
	return c == EOF ? LINE_LAST : LINE_READ;
}

/* Adds the networks of an open file. Returns -1 with err, which has an object only if it is about a line. */
static int
read_file(struct access *list, FILE *file, const char *name, struct err *err)
{
	char line[LINE_MAX_BYTES], where[sizeof(err->object)];
	enum cidr_line found = CIDR_LINE_NONE;
	enum line got = LINE_READ;
	struct cidr c;
	size_t n;

	for (uintmax_t number = 1; got != LINE_LAST; number++) {
		got = read_line(file, line, &n);
		if (ferror(file))
			return err_set(err, ERR_LOCAL, errno, "cannot read");
		if (got == LINE_TOO_LONG)
			err_set(err, ERR_USAGE, 0, "the line is longer than %d bytes", LINE_MAX_BYTES);
		else
			found = cidr_line(&c, line, n, err);
		if (got == LINE_TOO_LONG || found == CIDR_LINE_BAD) {
			snprintf(where, sizeof(where), "%.*s:%ju", (int)sizeof(where) - 32, name, number);
			return err_at(err, STAGE_USAGE, where);
		}
		if (found == CIDR_LINE_ONE && !cidr_set_add(&list->nets, &c))
			return no_memory(err);
	}
	return 0;
}

static int
load_file(struct access *list, const char *name, struct err *err)
{
	FILE *file = fopen(name, "re");
	int rc;

	if (file == NULL)
		rc = err_set(err, ERR_LOCAL, errno, "cannot open");
	else
		rc = read_file(list, file, name, err);
	if (file != NULL)
		fclose(file);
	return rc < 0 ? err_at(err, STAGE_LISTEN, name) : 0;
}

int
access_load(struct access *list, struct err *err)
{
	for (size_t i = 0; i < list->n_files; i++) {
		if (load_file(list, list->files[i], err) < 0)
			return -1;
	}
	cidr_set_sort(&list->nets);
	return 0;
}

bool
access_has(const struct access *list, const struct addr *addr)
{
	uint8_t bytes[16];

	return addr_bytes(addr, bytes) && cidr_set_has(&list->nets, bytes);
}

void
access_free(struct access *list)
{
	cidr_set_free(&list->nets);
	free(list->files);
	*list = ACCESS_EMPTY;
}
