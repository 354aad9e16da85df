/*
 * Giving up root for a user of one's choice, provably and for good (`--run-as USER[:GROUP]`).
 */
#ifndef SOCKT_NET_PRIVILEGE_H
#define SOCKT_NET_PRIVILEGE_H

#include <stddef.h>
#include <sys/types.h>

#include "lib/base/err.h"

/* Who to become. */
struct privilege {
	uid_t uid;		/* not 0, nor is any group */
	gid_t gid;
	gid_t *groups;		/* supplementary, gid itself perhaps among them */
	size_t n_groups;
};

#define PRIVILEGE_EMPTY ((struct privilege){ .groups = NULL })

/*
 * Looks NAME or NAME:GROUP up, each a name or a number. Without GROUP the groups are the user's own, primary and
 * supplementary; with it there is that one alone, and a number that no user has will do as NAME. Nothing is changed;
 * may block where the system asks a network for its users. Returns 0, or -1: ERR_LOCAL (no such user or group; uid 0
 * or group 0, which would keep what is to be given up) or ERR_USAGE (NAME or GROUP is empty), object the word.
 */
int	privilege_find(struct privilege *p, const char *word, struct err *err);

/*
 * Becomes that user, all user and group ids, supplementary groups, and without any capability; then proves that the
 * system says so and that no way leads back. Who is that user already needs no privilege. Returns 0, or -1 with
 * ERR_LOCAL, "needs root" among the reasons: then some of it may have happened, and the process must end.
 *
 * The ids change in every thread, the capabilities that a user other than root was started with only in this one: call
 * it before there are others. Open descriptors stay as they are, but what they refer to may no longer be opened again.
 */
int	privilege_drop(const struct privilege *p, struct err *err);

void	privilege_free(struct privilege *p);	/* empty is fine, and what it leaves */

#endif
