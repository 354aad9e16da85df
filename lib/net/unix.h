/*
 * Unix sockets as what they are beside a connection: files with owners and modes, and peers that the system vouches for
 * (unix(7)).
 */
#ifndef SOCKT_NET_UNIX_H
#define SOCKT_NET_UNIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"
#include "lib/net/addr.h"

#define UNIX_MODE	0600	/* of a socket file, unless something else is asked for */
#define UNIX_UIDS_MAX	64
#define UNIX_PATH_SIZE	108	/* of a path with its NUL: sun_path */

/* The options of a Unix socket that is bound. All zero is none. */
struct unix_args {
	int64_t mode;			/* of the file; 0: UNIX_MODE */
	const char *group;		/* its group, a name or number; NULL: ours */
	struct unix_uids {
		uid_t v[UNIX_UIDS_MAX];
		size_t n;		/* 0: everybody */
	} uids;				/* who may connect */
};

/* A file that unix_bind() made. path empty: there is none. */
struct unix_file {
	char path[UNIX_PATH_SIZE];
	dev_t dev;
	ino_t ino;
};

#define UNIX_FILE_EMPTY ((struct unix_file){ .path = "" })

/*
 * Binds fd, a Unix socket of any type, to addr. The file has its mode before anyone can use it, and with a group never
 * more rights than that, on the way there. A socket file that nobody has any more is replaced, if it is ours and lets
 * its owner write, or no one but root could tell; finding out takes no client from one that is alive, or is about to
 * listen. Nothing else that is there is ever touched. An
 * abstract name has no file, and is open to everybody.
 *
 * The mask of the process (umask(2)) is another for a moment: no other thread may make files meanwhile. A signal that
 * ends the process here may leave the file: they are to be caught before.
 *
 * Returns 0 and *file, or -1 and err, with nothing left behind: ERR_BIND, with addr's name as the object, also for what
 * is in the way (EADDRINUSE); ERR_LIMIT; ERR_USAGE for a group that there is not, before anything is touched.
 */
int	unix_bind(int fd, const struct addr *addr, const struct unix_args *args, struct unix_file *file,
	    struct err *err);

/*
 * Binds fd, a SOCK_DGRAM socket that is connected already, to a name of its own in TMPDIR or /tmp, which nobody can
 * guess, so that the peer can answer, whose user may be another: anybody may write to the file, but Linux lets only the
 * peer of a connected socket send to it, and says EPERM to others. The mask as above. Returns 0 and *file, or -1 and
 * err.
 */
int	unix_bind_reply(int fd, struct unix_file *file, struct err *err);

/*
 * Removes the file, if it is still the one that was made, and forgets it. Comes before the socket is closed, which
 * keeps the system from giving the file's number to another. Empty is fine.
 */
void	unix_remove(struct unix_file *file);

/* Who is at the other end of a connected socket, when it connected or listened. False where the system does not say. */
struct unix_peer {
	pid_t pid;		/* 0: a process that we cannot see */
	uid_t uid;
	gid_t gid;
};

bool	unix_peer(int fd, struct unix_peer *peer);

/* Is that user among uids? Everybody is in an empty list. */
bool	unix_is_allowed(const struct unix_uids *uids, uid_t uid);

/*
 * The parsers of --mode and --allow-uid: an octal mode from 1 to 0777; a user's number or name, which is looked up.
 * Return 0, or -1 with ERR_USAGE and a text that goes on after the word in quotes.
 */
int	unix_parse_mode(void *at, const char *word, struct err *err);	/* at an int64_t */
int	unix_add_uid(void *at, const char *word, struct err *err);	/* at a struct unix_uids */

#endif
