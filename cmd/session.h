/*
 * What every verb that waits has in common: a loop, the termination signals, the limit of the whole run, and one
 * verdict at the end.
 */
#ifndef SOCKT_CMD_SESSION_H
#define SOCKT_CMD_SESSION_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/event/loop.h"

struct session {
	struct loop *loop;
	struct loop_timer max;
	int64_t max_ms;
	enum err_stage stage;		/* how far the verb has come, for a verdict of the session's own */
	struct err verdict;		/* ERR_NONE: all well */
	/* session_on_end() */
	void (*on_end)(void *arg, const struct err *why);
	void *arg;
};

/* Opens it at the given stage; max_ms as in struct transfer_args. Close it in any case. Returns 0, or -1 and err. */
int	session_open(struct session *s, enum err_stage stage, int64_t max_ms, struct err *err);

/*
 * From now on fn(arg, why) is called instead of ending with why as the verdict, at every signal (ERR_SIGNAL) and when
 * -m is over (ERR_TIMEOUT); NULL: as before.
 */
void	session_on_end(struct session *s, void (*fn)(void *arg, const struct err *why), void *arg);

/* Runs the loop until session_over(). Returns 0, or -1 and the verdict in err. */
int	session_wait(struct session *s, struct err *err);

/* Ends session_wait() with that verdict; err NULL: all well. The first bad one stays. */
void	session_over(struct session *s, const struct err *err);

void	session_close(struct session *s);

#endif
