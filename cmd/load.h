/*
 * Load: the datagrams that are known before anything is sent: DATA of the command line, files, bytes at random.
 */
#ifndef SOCKT_CMD_LOAD_H
#define SOCKT_CMD_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/service/supply.h"

#define LOAD_FILES_MAX 256

/* What it is to be. At most one of them. */
struct load_args {
	char **data;			/* operands, which are changed: a datagram each */
	size_t n_data;
	struct load_files {
		const char *v[LOAD_FILES_MAX];	/* a datagram each; "-" is stdin */
		size_t n;
	} files;
	int64_t size;			/* bytes at random; OPT_UNSET: no such datagram */
	bool empty;			/* a datagram without any */
	bool hex;			/* data are hexadecimal */
};

struct load {
	struct supply_item *items;
	size_t n;			/* 0: nothing was asked for */
	char (*names)[32];		/* of the items that have no better one */
	unsigned char **owned;		/* their bytes, or NULL */
};

#define LOAD_EMPTY ((struct load){ .items = NULL })

/* The parser of --file, at a struct load_files. */
int	load_add_file(void *at, const char *path, struct err *err);

/* Is any of it asked for? */
bool	load_is_given(const struct load_args *args);

/*
 * Gets the bytes; waits for files that are pipes. What is longer than any datagram has its length, but not all of its
 * bytes. Returns 0, or -1 and err. To be freed in any case.
 */
int	load_read(struct load *load, const struct load_args *args, struct err *err);
void	load_free(struct load *load);		/* empty is fine */

#endif
