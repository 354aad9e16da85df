/*
 * A list of networks from the command line and from files, as `--allow` and `--deny` take it.
 */
#ifndef SOCKT_NET_ACCESS_H
#define SOCKT_NET_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/net/addr.h"
#include "lib/wire/cidr.h"

/* All zero is empty. */
struct access {
	struct cidr_set nets;
	const char **files;	/* borrowed from argv */
	size_t n_files;
	bool given;		/* a word was added, even if its file names no network: then nobody is in the list */
};

#define ACCESS_EMPTY ((struct access){ .given = false })

/*
 * Adds a word to the struct access at: a network (cidr.h), or @FILE, which is not opened yet. The parser of an option.
 * Returns 0, or -1 with ERR_USAGE and a text that goes on after the word in quotes, or ERR_LIMIT.
 */
int	access_add(void *at, const char *word, struct err *err);

/*
 * Reads the files, once, and makes the list ready to be asked; needed without files too, and before privileges are
 * given up. One network a line, # begins a comment. May block as files do. Returns 0, or -1: a file that cannot be
 * read is ERR_LOCAL with the file as object, a line that is no network ERR_USAGE with FILE:LINE.
 */
int	access_load(struct access *list, struct err *err);

/* Is that address in the list? A Unix one never is. Only of a loaded list. */
bool	access_has(const struct access *list, const struct addr *addr);

void	access_free(struct access *list);	/* empty is fine, and what it leaves */

#endif
