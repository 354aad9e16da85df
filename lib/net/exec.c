/*
 * Exec: see exec.h.
 */
#include "lib/net/exec.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"

#define VALUE_MAX	(ADDR_NAME_MAX + 32)
#define N_PREFIXES	2
#define N_NAMES		5

static const char *const prefixes[N_PREFIXES] = { "SOCKT_", "NCAT_" };
static const char *const names[N_NAMES] = { "REMOTE_ADDR", "REMOTE_PORT", "LOCAL_ADDR", "LOCAL_PORT", "PROTO" };

/* An environment: ours, filtered, and what is added. Lives until env_free(). */
struct env {
	char **v;
	char text[N_PREFIXES * N_NAMES][VALUE_MAX];
};

/* Is it a variable that our child must not have from us, or that we set? */
static bool
is_left_out(const char *variable)
{
	static const char *const ours[] = { "LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES=", "LISTEN_PIDFDID=",
	    "NOTIFY_SOCKET=" };

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		if (strncmp(variable, ours[i], strlen(ours[i])) == 0)
			return true;
	}
	for (size_t i = 0; i < N_PREFIXES; i++) {
		size_t n = strlen(prefixes[i]);
		for (size_t j = 0; j < N_NAMES && strncmp(variable, prefixes[i], n) == 0; j++) {
			size_t m = strlen(names[j]);
			if (strncmp(variable + n, names[j], m) == 0 && variable[n + m] == '=')
				return true;
		}
	}
	return false;
}

static const char *
proto_of(const struct addr *addr)
{
	return addr_family(addr) == AF_INET || addr_family(addr) == AF_INET6 ? "TCP" :
	    addr_family(addr) == AF_UNIX ? "UNIX" : "VSOCK";
}

static const char *
port_of(const struct addr *addr, char *out, size_t size)
{
	out[0] = '\0';
	if (addr_family(addr) != AF_UNIX)
		snprintf(out, size, "%u", addr_port(addr));
	return out;
}

static bool
env_make(struct env *env, const struct addr *remote, const struct addr *local)
{
	char remote_host[ADDR_NAME_MAX], local_host[ADDR_NAME_MAX], remote_port[16], local_port[16];
	const char *const values[N_NAMES] = {
		addr_host(remote, remote_host, sizeof(remote_host)), port_of(remote, remote_port, sizeof(remote_port)),
		addr_host(local, local_host, sizeof(local_host)), port_of(local, local_port, sizeof(local_port)),
		proto_of(local),
	};
	size_t n = 0, kept = 0;

	while (environ[n] != NULL)
		n++;
	if ((env->v = calloc(n + N_PREFIXES * N_NAMES + 1, sizeof(char *))) == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!is_left_out(environ[i]))
			env->v[kept++] = environ[i];
	}
	for (size_t i = 0; i < N_PREFIXES * N_NAMES; i++) {
		snprintf(env->text[i], sizeof(env->text[i]), "%s%s=%s", prefixes[i / N_NAMES], names[i % N_NAMES],
		    values[i % N_NAMES]);
		env->v[kept++] = env->text[i];
	}
	return true;
}

static int
failed(int errnum, const char *program, struct err *err)
{
	switch (errnum) {
	case ENOENT: case ENOTDIR:
		err_set(err, ERR_NOT_FOUND, errnum, "cannot run it");
		break;
	case EAGAIN: case ENOMEM: case EMFILE: case ENFILE:
		err_set(err, ERR_LIMIT, errnum, "cannot run it");
		break;
	default:
		err_set(err, ERR_NOT_RUN, errnum, "cannot run it");
		break;
	}
	return err_at(err, STAGE_TRANSFER, program);
}

int
exec_start(char *const argv[], int fd, const struct addr *remote, const struct addr *local, pid_t *pid, struct err *err)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	struct env env = { .v = NULL };
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
	/* The actions take memory, and say so. */
	if (!env_make(&env, remote, local) || posix_spawn_file_actions_adddup2(&files, fd, STDIN_FILENO) != 0 ||
	    posix_spawn_file_actions_adddup2(&files, fd, STDOUT_FILENO) != 0 ||
	    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1) != 0) {
		errnum = ENOMEM;
	} else {
		fd_limit_lend();
		errnum = posix_spawnp(pid, argv[0], &files, &attr, argv, env.v);
		fd_limit_take_back();
	}
	free(env.v);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	return errnum == 0 ? 0 : failed(errnum, argv[0], err);
}
