/*
 * Mail: see mail.h. A pipe, which is all that a signal handler may write to.
 */
#include "lib/event/mail.h"

#include <errno.h>
#include <unistd.h>

#include "lib/base/fd.h"

#define BYTES_MAX 64	/* in one turn */

static void
on_pipe(void *arg, unsigned ready)
{
	struct mail *mail = arg;
	unsigned char byte;

	(void)ready;
	/* A storm of signals leaves turns to others. fn may close it. */
	for (int i = 0; i < BYTES_MAX && mail->pipe[0] >= 0 && read(mail->pipe[0], &byte, 1) == 1; i++)
		mail->fn(mail->arg, byte);
}

int
mail_open(struct mail *mail, struct loop *loop, void (*fn)(void *arg, unsigned char byte), void *arg,
    struct err *err)
{
	*mail = MAIL_EMPTY;
	if (fd_pipe(mail->pipe) < 0)
		return err_set(err, ERR_LIMIT, errno, "cannot make a pipe");
	mail->fn = fn;
	mail->arg = arg;
	loop_io_init(&mail->io, loop, mail->pipe[0], on_pipe, mail);
	loop_io_want(&mail->io, LOOP_READ);
	return 0;
}

void
mail_send(const struct mail *mail, unsigned char byte)
{
	int saved = errno;

	if (write(mail->pipe[1], &byte, 1) < 0)
		errno = saved;
	errno = saved;
}

void
mail_close(struct mail *mail)
{
	loop_io_stop(&mail->io);
	fd_close(&mail->pipe[0]);
	fd_close(&mail->pipe[1]);
}
