/*
 * Load: see load.h.
 */
#include "cmd/load.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bsd/stdlib.h>

#include "lib/base/fd.h"
#include "lib/base/opts.h"
#include "lib/net/dgram.h"
#include "lib/wire/notation.h"

#define COUNTED_MAX (1024 * 1024)	/* of a pipe that is too long, so much is read to say how long */

int
load_add_file(void *at, const char *path, struct err *err)
{
	struct load_files *files = at;

	if (path[0] == '\0')
		return err_set(err, ERR_USAGE, 0, "is no file");
	if (files->n == LOAD_FILES_MAX)
		return err_set(err, ERR_USAGE, 0, "is one more than the %d that there may be", LOAD_FILES_MAX);
	for (size_t i = 0; i < files->n && strcmp(path, "-") == 0; i++) {
		if (strcmp(files->v[i], "-") == 0)
			return err_set(err, ERR_USAGE, 0, "is stdin, which can be read only once");
	}
	files->v[files->n++] = path;
	return 0;
}

bool
load_is_given(const struct load_args *args)
{
	return args->n_data > 0 || args->files.n > 0 || args->size != OPT_UNSET || args->empty;
}

/* ---- one datagram ---- */

static int
take_operand(struct load *load, size_t i, char *data, bool hex, struct err *err)
{
	struct supply_item *item = &load->items[i];

	snprintf(load->names[i], sizeof(load->names[i]), "DATA %zu", i + 1);
	*item = (struct supply_item){ .name = load->names[i], .bytes = (unsigned char *)data, .n = strlen(data) };
	if (!hex || notation_read(NOTATION_HEX, (unsigned char *)data, item->n, &item->n))
		return 0;
	err_set(err, ERR_USAGE, 0, "is not hexadecimal");
	return err_at(err, STAGE_USAGE, item->name);
}

/* Reads up to the end, or to COUNTED_MAX. Of more than room bytes only the number is right. Returns it, or -1. */
static ssize_t
read_whole(int fd, unsigned char *bytes, size_t room)
{
	size_t n = 0;
	ssize_t r;

	while (n < COUNTED_MAX) {
		r = n < room ? read(fd, bytes + n, room - n) : read(fd, bytes, room);
		if (r < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			fd_ready(fd, POLLIN, -1);
		else if (r < 0 && errno != EINTR)
			return -1;
		else if (r == 0)
			break;
		if (r > 0)
			n += (size_t)r;
	}
	return (ssize_t)n;
}

/* Takes what fd has. Returns 0, or -1 and err. */
static int
take_open_file(struct load *load, size_t i, int fd, struct err *err)
{
	struct supply_item *item = &load->items[i];
	struct stat st;
	ssize_t n;
	off_t at;

	/* What is too long need not be read, wherever in it a descriptor of the shell stands. */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (at = lseek(fd, 0, SEEK_CUR)) >= 0 && st.st_size - at > DGRAM_MAX) {
		item->n = (size_t)(st.st_size - at);
		return 0;
	}
	if ((load->owned[i] = malloc(DGRAM_MAX)) == NULL)
		return err_set(err, ERR_LIMIT, ENOMEM, "file");
	if ((n = read_whole(fd, load->owned[i], DGRAM_MAX)) < 0)
		return err_set(err, ERR_LOCAL, errno, "cannot read");
	item->bytes = load->owned[i];
	item->n = (size_t)n;
	return 0;
}

static int
take_file(struct load *load, size_t i, const char *path, struct err *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), rc;

	load->items[i].name = is_stdin ? "stdin" : path;
	rc = fd < 0 ? err_set(err, ERR_LOCAL, errno, "cannot open") : take_open_file(load, i, fd, err);
	if (!is_stdin)
		fd_close(&fd);
	return rc < 0 ? err_at(err, STAGE_TRANSFER, load->items[i].name) : 0;
}

static int
take_random(struct load *load, size_t n, struct err *err)
{
	load->items[0] = (struct supply_item){ .name = "--size", .n = n };
	if (n > DGRAM_MAX)
		return 0;
	if ((load->owned[0] = malloc(n > 0 ? n : 1)) == NULL)
		return err_set(err, ERR_LIMIT, ENOMEM, "%s", "");
	arc4random_buf(load->owned[0], n);
	load->items[0].bytes = load->owned[0];
	return 0;
}

/* ---- all of them ---- */

int
load_read(struct load *load, const struct load_args *args, struct err *err)
{
	size_t n = args->n_data > 0 ? args->n_data : args->files.n > 0 ? args->files.n :
	    args->size != OPT_UNSET || args->empty ? 1 : 0;
	int rc = 0;

	*load = LOAD_EMPTY;
	if (n == 0)
		return 0;
	load->items = calloc(n, sizeof(*load->items));
	load->names = calloc(n, sizeof(*load->names));
	load->owned = calloc(n, sizeof(*load->owned));
	if (load->items == NULL || load->names == NULL || load->owned == NULL)
		return err_set(err, ERR_LIMIT, ENOMEM, "datagrams");
	load->n = n;
	for (size_t i = 0; i < args->n_data && rc == 0; i++)
		rc = take_operand(load, i, args->data[i], args->hex, err);
	for (size_t i = 0; i < args->files.n && rc == 0; i++)
		rc = take_file(load, i, args->files.v[i], err);
	if (args->size != OPT_UNSET)
		rc = take_random(load, (size_t)args->size, err);
	if (args->empty)
		load->items[0] = (struct supply_item){ .name = "--empty", .bytes = (const unsigned char *)"" };
	return rc;
}

void
load_free(struct load *load)
{
	for (size_t i = 0; i < load->n; i++)
		free(load->owned[i]);
	free(load->items);
	free(load->names);
	free(load->owned);
	*load = LOAD_EMPTY;
}
