/*
 * Exec: see exec.h.
 */
#include "lib/net/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"

#define VALUE_MAX	(ADDR_NAME_MAX + 32)
#define ADDED_MAX	16	/* variables */
#define FIRST_MORE	(STDERR_FILENO + 1)

static const char *const prefixes[] = { "SOCKT_", "NCAT_" };

/* An environment: ours, filtered, and what is added. */
struct env {
	char **v;
	size_t n, n_added;
	char added[ADDED_MAX][VALUE_MAX];
};

/* Is variable, NAME=VALUE, called that? */
static bool
is_called(const char *variable, const char *name)
{
	size_t n = strlen(name);

	return strncmp(variable, name, n) == 0 && variable[n] == '=';
}

/* Is it a variable that our child must not have from us, or that we set, perhaps? */
static bool
is_left_out(const char *variable)
{
	static const char *const not_theirs[] = { "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID",
	    "NOTIFY_SOCKET" };
	static const char *const ours[] = { "REMOTE_ADDR", "REMOTE_PORT", "LOCAL_ADDR", "LOCAL_PORT", "PROTO", "FDS",
	    "PEER_PID", "PEER_UID", "PEER_GID" };
	bool out = false;

	for (size_t i = 0; i < sizeof(not_theirs) / sizeof(not_theirs[0]); i++)
		out |= is_called(variable, not_theirs[i]);
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t n = strlen(prefixes[i]);
		for (size_t j = 0; j < sizeof(ours) / sizeof(ours[0]) && strncmp(variable, prefixes[i], n) == 0; j++)
			out |= is_called(variable + n, ours[j]);
	}
	return out;
}

static const char *
proto_of(const struct exec_args *args)
{
	return addr_is_inet(args->local) ? (args->datagrams ? "UDP" : "TCP") :
	    addr_family(args->local) == AF_UNIX ? "UNIX" : "VSOCK";
}

static const char *
port_of(const struct addr *addr, char *out, size_t size)
{
	out[0] = '\0';
	if (addr_family(addr) != AF_UNIX)
		snprintf(out, size, "%u", addr_port(addr));
	return out;
}

static void
env_add(struct env *env, const char *prefix, const char *name, const char *value)
{
	char *at = env->added[env->n_added++];

	snprintf(at, VALUE_MAX, "%s%s=%s", prefix, name, value);
	env->v[env->n++] = at;
}

static void
env_add_number(struct env *env, const char *name, long long number)
{
	char value[24];

	snprintf(value, sizeof(value), "%lld", number);
	env_add(env, prefixes[0], name, value);
}

static bool
env_make(struct env *env, const struct exec_args *args)
{
	char host[ADDR_NAME_MAX], port[16];
	size_t n = 0;

	while (environ[n] != NULL)
		n++;
	if ((env->v = calloc(n + ADDED_MAX + 1, sizeof(char *))) == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!is_left_out(environ[i]))
			env->v[env->n++] = environ[i];
	}
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		env_add(env, prefixes[i], "REMOTE_ADDR", addr_host(args->remote, host, sizeof(host)));
		env_add(env, prefixes[i], "REMOTE_PORT", port_of(args->remote, port, sizeof(port)));
		env_add(env, prefixes[i], "LOCAL_ADDR", addr_host(args->local, host, sizeof(host)));
		env_add(env, prefixes[i], "LOCAL_PORT", port_of(args->local, port, sizeof(port)));
		env_add(env, prefixes[i], "PROTO", proto_of(args));
	}
	if (args->peer != NULL && args->peer->pid != 0)
		env_add_number(env, "PEER_PID", args->peer->pid);
	if (args->peer != NULL) {
		env_add_number(env, "PEER_UID", args->peer->uid);
		env_add_number(env, "PEER_GID", args->peer->gid);
	}
	if (args->more != NULL && args->more->n > 0)
		env_add_number(env, "FDS", (long long)args->more->n);
	return true;
}

/*
 * Copies the further descriptors to where none of them is in the place of another that is still to come. Returns 0, or
 * an errno.
 */
static int
copy_away(const struct rights *more, struct rights *copies)
{
	for (size_t i = 0; more != NULL && i < more->n; i++) {
		int fd = fcntl(more->v[i], F_DUPFD_CLOEXEC, FIRST_MORE + (int)more->n);
		if (fd < 0)
			return errno == EINVAL ? EMFILE : errno;	/* EINVAL: the limit is lower than that */
		copies->v[copies->n++] = fd;
	}
	return 0;
}

/* What descriptors it has. The actions take memory, and say so. */
static int
set_files(posix_spawn_file_actions_t *files, int fd, const struct rights *more)
{
	int rc = posix_spawn_file_actions_adddup2(files, fd, STDIN_FILENO);

	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(files, fd, STDOUT_FILENO);
	for (size_t i = 0; i < more->n && rc == 0; i++)
		rc = posix_spawn_file_actions_adddup2(files, more->v[i], FIRST_MORE + (int)i);
	return rc != 0 ? rc : posix_spawn_file_actions_addclosefrom_np(files, FIRST_MORE + (int)more->n);
}

static int
failed(int errnum, const char *program, struct err *err)
{
	switch (errnum) {
	case ENOENT: case ENOTDIR:
		err_set(err, ERR_NOT_FOUND, errnum, "cannot run it");
		break;
	case EAGAIN: case ENOMEM: case EMFILE: case ENFILE:
	case EBADF:		/* it may have fewer descriptors than it is to have */
		err_set(err, ERR_LIMIT, errnum, "cannot run it");
		break;
	default:
		err_set(err, ERR_NOT_RUN, errnum, "cannot run it");
		break;
	}
	return err_at(err, STAGE_TRANSFER, program);
}

int
exec_start(const struct exec_args *args, pid_t *pid, struct err *err)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	struct env env = { .v = NULL };
	struct rights copies = { .n = 0 };
	sigset_t all, none;
	int errnum;

	sigfillset(&all);
	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setpgroup(&attr, 0);
	errnum = copy_away(args->more, &copies);
	if (errnum == 0)
		errnum = set_files(&files, args->fd, &copies);
	if (errnum == 0 && !env_make(&env, args))
		errnum = ENOMEM;
	if (errnum == 0) {
		fd_limit_lend();
		errnum = posix_spawnp(pid, args->argv[0], &files, &attr, args->argv, env.v);
		fd_limit_take_back();
	}
	free(env.v);
	rights_close(&copies);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	return errnum == 0 ? 0 : failed(errnum, args->argv[0], err);
}
