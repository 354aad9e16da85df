/*
 * Unix sockets as files: see unix.h.
 *
 * A socket file outlives its socket, and nothing on it tells whether there still is one. Two who find the same dead
 * file at once must not take each other's new one away: whoever wants to replace one has a lock on the directory
 * meanwhile, and moves aside what it is about to remove, to look at it once more where nobody else does.
 */
#include "lib/net/unix.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <bsd/stdlib.h>
#include <bsd/unistd.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"

#define ROUNDS		16	/* how often what is in the way may change while we look at it */
#define LOCK_TRIES	50	/* somebody may hold the lock for no good reason: then we go on without it */
#define LOCK_PAUSE_MS	10
#define REPLY_MODE	0666
#define KEEP_GROUP	((gid_t)-1)	/* chown(2) */
#define RANDOM_LEN	12		/* characters of 5 bits */
#define ASIDE_NAME	".sockt-"
#define REPLY_NAME	"sockt-"
#define ASIDE_MAX	(UNIX_PATH_SIZE + sizeof(ASIDE_NAME) + RANDOM_LEN)

/* How a file is to be made. */
struct making {
	mode_t mode;
	gid_t gid;
};

/* ---- errors ---- */

static int
cannot(const char *what, int errnum, struct err *err)
{
	bool shortage = errnum == EMFILE || errnum == ENFILE || errnum == ENOMEM || errnum == ENOBUFS;

	return err_set(err, shortage ? ERR_LIMIT : ERR_BIND, errnum, "%s", what);
}

static int
cannot_listen(int errnum, struct err *err)
{
	return cannot("cannot listen", errnum, err);
}

static int
in_the_way(const char *what, struct err *err)
{
	err_set(err, ERR_BIND, 0, "%s is in the way", what);
	err->errnum = EADDRINUSE;
	return -1;
}

static const char *
what_is(mode_t mode)
{
	return S_ISREG(mode) ? "a file" : S_ISDIR(mode) ? "a directory" : S_ISLNK(mode) ? "a symbolic link" :
	    S_ISFIFO(mode) ? "a FIFO" : "a device";
}

/* ---- names ---- */

/* The path in addr, with NUL; empty for an abstract name. */
static void
path_of(const struct addr *addr, char out[UNIX_PATH_SIZE])
{
	const struct sockaddr_un *un = (const void *)&addr->ss;
	size_t n = addr->len - offsetof(struct sockaddr_un, sun_path), max = UNIX_PATH_SIZE - 1;

	n = n < max ? n : max;
	memcpy(out, un->sun_path, n);
	out[n] = '\0';
}

/* How much of path is its directory, with the slash; 0: it has none. */
static size_t
directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? (size_t)(slash - path) + 1 : 0;
}

static void
random_word(char out[RANDOM_LEN + 1])
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";

	arc4random_buf(out, RANDOM_LEN);
	for (size_t i = 0; i < RANDOM_LEN; i++)
		out[i] = digits[(unsigned char)out[i] % 32];
	out[RANDOM_LEN] = '\0';
}

/* ---- what is in the way ---- */

/*
 * Looks at the file itself, also if it is a symbolic link. While *pin is open, which the caller closes, the system
 * gives its number to no other file. Where there is nothing like that, it is -1, and a file that is removed and made
 * again may have the number: only the time tells them apart.
 */
static int
look_at(const char *path, struct stat *st, int *pin)
{
	*pin = -1;
#ifdef SOCKT_PORTABLE
	return lstat(path, st);
#else
	*pin = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return *pin >= 0 ? fstat(*pin, st) : -1;
#endif
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/*
 * Does a socket live there? 0: it does; ECONNREFUSED: none does any more; or why that cannot be told.
 *
 * A socket of datagrams asks, for it disturbs nobody, whatever it is. What is of another type is not connected to: the
 * system says EPROTOTYPE, and it says so before it asks whether that listens, so that one which is bound, and will
 * listen in a moment, counts as well; a stream would be the one client of a listener that waits for one. What is of
 * datagrams notices nothing until one is sent; it says EPERM if it is connected to somebody else.
 */
static int
probe(const struct addr *addr)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), errnum = 0;

	if (fd < 0 || connect(fd, (const void *)&addr->ss, addr->len) < 0)
		errnum = errno;
	fd_close(&fd);
	return errnum == EPROTOTYPE || errnum == EPERM ? 0 : errnum;
}

/* Gives aside its old name back, unless there is something of that name again. */
static int
put_back(const char *aside, const char *path)
{
#ifndef SOCKT_PORTABLE
	if (renameat2(AT_FDCWD, aside, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)		/* a file system that cannot do it */
		return -1;
#endif
	return link(aside, path) == 0 ? unlink(aside) : -1;
}

/* Removes the file, which has been found dead, unless another has taken its place meanwhile. */
static int
remove_dead(const char *path, const struct stat *dead, struct err *err)
{
	char aside[ASIDE_MAX], word[RANDOM_LEN + 1];
	struct stat now;

	random_word(word);
	snprintf(aside, sizeof(aside), "%.*s%s%s", (int)directory_of(path), path, ASIDE_NAME, word);
	if (rename(path, aside) < 0)
		return errno == ENOENT ? 0 : cannot("cannot replace a socket that nobody listens on", errno, err);
	if (lstat(aside, &now) == 0 && is_same(&now, dead))
		return unlink(aside) == 0 ? 0 : cannot("cannot remove the old socket", errno, err);
	if (put_back(aside, path) == 0)
		return 0;
	cannot("what others put there while we looked could not be put back", errno, err);
	err_add(err, "; it is %s now", aside);
	return -1;
}

/* Makes way for a socket at that path if it may be. Returns 0 when it is worth another try, or -1 and err. */
static int
make_way(const struct addr *addr, const char *path, struct err *err)
{
	char owner[64];
	struct stat st;
	int pin, errnum, rc = -1;

	if (look_at(path, &st, &pin) < 0)
		rc = errno == ENOENT ? 0 : cannot_listen(errno, err);
	else if (!S_ISSOCK(st.st_mode))
		in_the_way(what_is(st.st_mode), err);
	else if ((errnum = probe(addr)) == 0)
		cannot_listen(EADDRINUSE, err);
	else if (errnum == ENOENT)
		rc = 0;
	else if (errnum != ECONNREFUSED)
		cannot("cannot tell whether the socket there is in use", errnum, err);
	else if (st.st_uid == geteuid())
		rc = remove_dead(path, &st, err);
	else {
		snprintf(owner, sizeof(owner), "a socket of user %lld", (long long)st.st_uid);
		in_the_way(owner, err);
	}
	fd_close(&pin);
	return rc;
}

/*
 * Waits a moment for the lock of the path's directory. Returns it, to be closed, or -1 where there is none to be had.
 * Another user who holds it can delay us, and no more.
 */
static int
lock_directory(const char *path)
{
	char dir[ASIDE_MAX];
	int fd;

	snprintf(dir, sizeof(dir), "%.*s.", (int)directory_of(path), path);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; fd >= 0 && i < LOCK_TRIES && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK; i++)
		fd_ready(fd, 0, LOCK_PAUSE_MS);
	return fd;
}

/* ---- bind ---- */

/* Binds fd to a file that is born with that mode. The mask is the process's: it holds for no more than the call. */
static int
bind_with_mode(int fd, const struct addr *addr, mode_t mode)
{
	mode_t mask = umask(0777 & ~mode);
	int rc = bind(fd, (const void *)&addr->ss, addr->len), errnum = errno;

	umask(mask);
	errno = errnum;
	return rc;
}

/* Binds fd, and makes way for it. */
static int
bind_file(int fd, const struct addr *addr, const char *path, mode_t mode, struct err *err)
{
	int lock = -1, rc;

	for (int round = 0; (rc = bind_with_mode(fd, addr, mode)) < 0; round++) {
		if (errno != EADDRINUSE || round == ROUNDS) {
			cannot_listen(errno, err);
			break;
		}
		if (lock < 0)
			lock = lock_directory(path);
		if (make_way(addr, path, err) < 0)
			break;
	}
	fd_close(&lock);
	return rc;
}

/* Notes which file has been made. */
static int
note(struct unix_file *file, const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return cannot("the socket was taken away at once", errno, err);
	if (!S_ISSOCK(st.st_mode))
		return in_the_way(what_is(st.st_mode), err);
	memcpy(file->path, path, strlen(path) + 1);
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	return 0;
}

/* A file with a group is born with no rights for any; so whatever happens, nobody can do more than was asked for. */
static int
make_file(int fd, const struct addr *addr, const char *path, const struct making *making, struct unix_file *file,
    struct err *err)
{
	bool other_group = making->gid != KEEP_GROUP;

	if (bind_file(fd, addr, path, other_group ? making->mode & ~(mode_t)S_IRWXG : making->mode, err) < 0 ||
	    note(file, path, err) < 0)
		return -1;
	if (!other_group || (lchown(path, (uid_t)-1, making->gid) == 0 &&
	    fchmodat(AT_FDCWD, path, making->mode, AT_SYMLINK_NOFOLLOW) == 0))
		return 0;
	cannot("cannot give it that group", errno, err);
	unix_remove(file);
	return -1;
}

/* ---- users and groups: looked up while there are no other threads ---- */

/* Why a name was not found, if it is more than that there is none, which systems say in several ways (getpwnam(3)). */
static int
lookup_failure(int errnum)
{
	return errnum == ENOENT || errnum == ESRCH || errnum == EBADF || errnum == EPERM ? 0 : errnum;
}

/* A number that is no name; the largest is none, for it stands for leaving it as it is. */
static bool
is_id(const char *word, int64_t *id)
{
	return num_int(word, 0, UINT32_MAX - 1, id);
}

static int
find_group(const char *word, gid_t *gid, struct err *err)
{
	const struct group *group;
	int errnum;
	int64_t id;

	errno = 0;
	group = getgrnam(word);
	errnum = errno;
	if (group != NULL) {
		*gid = group->gr_gid;
		return 0;
	}
	if (is_id(word, &id)) {
		*gid = (gid_t)id;
		return 0;
	}
	err_set(err, ERR_USAGE, lookup_failure(errnum), "there is no group '%s'", word);
	return err_at(err, STAGE_USAGE, "--group");
}

int
unix_add_uid(void *at, const char *word, struct err *err)
{
	struct unix_uids *uids = at;
	const struct passwd *user;
	int errnum;
	int64_t id;

	if (uids->n == UNIX_UIDS_MAX)
		return err_set(err, ERR_USAGE, 0, "is one user too many (there may be %d)", UNIX_UIDS_MAX);
	errno = 0;
	user = getpwnam(word);
	errnum = errno;
	if (user != NULL)
		id = user->pw_uid;
	else if (!is_id(word, &id))
		return err_set(err, ERR_USAGE, lookup_failure(errnum), "is no user");
	uids->v[uids->n++] = (uid_t)id;
	return 0;
}

bool
unix_is_allowed(const struct unix_uids *uids, uid_t uid)
{
	bool found = uids->n == 0;

	for (size_t i = 0; i < uids->n; i++)
		found |= uids->v[i] == uid;
	return found;
}

int
unix_parse_mode(void *at, const char *word, struct err *err)
{
	size_t n = strlen(word);
	int64_t mode = 0;

	for (size_t i = 0; i < n && word[i] >= '0' && word[i] <= '7' && mode <= 0777; i++)
		mode = mode * 8 + (word[i] - '0');
	if (n == 0 || n != strspn(word, "01234567") || mode == 0 || mode > 0777)
		return err_set(err, ERR_USAGE, 0, "is not an octal mode from 1 to 777");
	*(int64_t *)at = mode;
	return 0;
}

/* ---- what is left ---- */

int
unix_bind(int fd, const struct addr *addr, const struct unix_args *args, struct unix_file *file, struct err *err)
{
	struct making making = { .mode = args->mode != 0 ? (mode_t)args->mode : UNIX_MODE, .gid = KEEP_GROUP };
	char name[ADDR_NAME_MAX], path[sizeof(file->path)];
	int rc;

	*file = UNIX_FILE_EMPTY;
	if (args->group != NULL && find_group(args->group, &making.gid, err) < 0)
		return -1;
	path_of(addr, path);
	if (path[0] != '\0')
		rc = make_file(fd, addr, path, &making, file, err);
	else
		rc = bind(fd, (const void *)&addr->ss, addr->len) == 0 ? 0 : cannot_listen(errno, err);
	return rc == 0 ? 0 : err_at(err, STAGE_LISTEN, addr_name(addr, name, sizeof(name)));
}

/* One that is relative, or leaves no room for a name, would be of no use to the peer. */
static const char *
temporary_directory(void)
{
	const char *dir = getenv("TMPDIR");

	return dir != NULL && dir[0] == '/' &&
	    strlen(dir) + strlen("/" REPLY_NAME) + RANDOM_LEN < UNIX_PATH_SIZE ? dir : "/tmp";
}

int
unix_bind_reply(int fd, struct unix_file *file, struct err *err)
{
	char path[sizeof(file->path)], name[ADDR_NAME_MAX], word[RANDOM_LEN + 1];
	struct addr addr;
	int rc;

	*file = UNIX_FILE_EMPTY;
	for (int round = 0;; round++) {
		random_word(word);
		snprintf(path, sizeof(path), "%s/%s%s", temporary_directory(), REPLY_NAME, word);
		addr_unix(&addr, path);
		if ((rc = bind_with_mode(fd, &addr, REPLY_MODE)) == 0 || errno != EADDRINUSE || round == ROUNDS)
			break;
	}
	if (rc == 0)
		rc = note(file, path, err);
	else
		cannot("cannot make a socket for answers", errno, err);
	return rc == 0 ? 0 : err_at(err, STAGE_CONNECT, addr_name(&addr, name, sizeof(name)));
}

void
unix_remove(struct unix_file *file)
{
	struct stat st;

	if (file->path[0] != '\0' && lstat(file->path, &st) == 0 && st.st_dev == file->dev && st.st_ino == file->ino)
		unlink(file->path);	/* if it cannot be, the next who listens there replaces it */
	*file = UNIX_FILE_EMPTY;
}

bool
unix_peer(int fd, struct unix_peer *peer)
{
#ifdef SOCKT_PORTABLE
	*peer = (struct unix_peer){ .pid = 0 };
	return getpeereid(fd, &peer->uid, &peer->gid) == 0 && peer->uid != (uid_t)-1;
#else
	struct ucred who;
	socklen_t len = sizeof(who);

	/* Of datagrams it says user -1: nobody ever vouched for them. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 || who.uid == (uid_t)-1)
		return false;
	*peer = (struct unix_peer){ .pid = who.pid, .uid = who.uid, .gid = who.gid };
	return true;
#endif
}
