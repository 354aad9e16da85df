/*
 * Ready: see ready.h.
 */
#include "lib/service/ready.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bsd/string.h>

#include "lib/base/fd.h"
#include "lib/net/activation.h"

#define TEXT_MAX (LISTENER_MAX * (ADDR_NAME_MAX + 1))

static const char *
all_names(const struct listener *l, char *text, size_t size)
{
	char name[ADDR_NAME_MAX];

	text[0] = '\0';
	for (size_t i = 0; i < l->n; i++) {
		strlcat(text, addr_name(&l->v[i].addr, name, sizeof(name)), size);
		strlcat(text, "\n", size);
	}
	return text;
}

/* Writes all of text to fd. Returns 0 or -1 with errno. */
static int
write_all(int fd, const char *text)
{
	size_t n = strlen(text);

	while (n > 0) {
		ssize_t r = write(fd, text, n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		text += r;
		n -= (size_t)r;
	}
	return 0;
}

/* The mode a file is created with when nothing else is said. */
static mode_t
usual_mode(void)
{
	mode_t mask = umask(077);

	umask(mask);
	return 0666 & ~mask;
}

int
ready_port_file(const struct listener *l, const char *path, struct err *err)
{
	char temp[PATH_MAX], text[TEXT_MAX];
	int fd, saved, n = snprintf(temp, sizeof(temp), "%s.XXXXXX", path);
	bool good;

	if (n < 0 || (size_t)n >= sizeof(temp)) {
		errno = ENAMETOOLONG;
	} else if ((fd = mkostemp(temp, O_CLOEXEC)) >= 0) {
		good = write_all(fd, all_names(l, text, sizeof(text))) == 0 && fchmod(fd, usual_mode()) == 0;
		saved = errno;
		if (close(fd) == 0 && good && rename(temp, path) == 0)
			return 0;
		saved = good ? errno : saved;
		unlink(temp);
		errno = saved;
	}
	err_set(err, ERR_LOCAL, errno, "cannot write the port file");
	return err_at(err, STAGE_LISTEN, path);
}

int
ready_say(const struct listener *l, int fd, const struct log *log, struct err *err)
{
	char text[TEXT_MAX], name[ADDR_NAME_MAX];
	struct err why;

	if (fd >= 0 && write_all(fd, all_names(l, text, sizeof(text))) < 0) {
		err_set(err, ERR_LOCAL, errno, "cannot write");
		return err_at(err, STAGE_LISTEN, "--ready-fd");
	}
	if (fd > STDERR_FILENO)
		fd_close(&fd);		/* whoever reads it to the end need not wait for ours */
	if (activation_notify("READY=1", &why) < 0)
		log_hint(log, why.object, why.text);
	for (size_t i = 0; i < l->n; i++)
		log_listening(log, addr_name(&l->v[i].addr, name, sizeof(name)));
	return 0;
}
