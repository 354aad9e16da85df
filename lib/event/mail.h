/*
 * Mail: a byte to a loop from elsewhere, another thread or a signal handler.
 */
#ifndef SOCKT_EVENT_MAIL_H
#define SOCKT_EVENT_MAIL_H

#include "lib/event/loop.h"

struct mail {
	int pipe[2];
	struct loop_io io;
	void (*fn)(void *arg, unsigned char byte);
	void *arg;
};

#define MAIL_EMPTY ((struct mail){ .pipe = { -1, -1 } })

/* From now on fn(arg, byte) is called from the loop for each byte that is sent. Returns 0, or -1 and err. */
int	mail_open(struct mail *mail, struct loop *loop, void (*fn)(void *arg, unsigned char byte), void *arg,
	    struct err *err);

/* Safe from any thread and from a signal handler; errno is kept. With 64 KiB under way, a byte more is dropped. */
void	mail_send(const struct mail *mail, unsigned char byte);

/* In the loop's own thread, when nobody sends any more. Empty is fine. */
void	mail_close(struct mail *mail);

#endif
