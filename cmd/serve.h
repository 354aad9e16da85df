/*
 * Serve: runs a server until it is over: its signals, its workers, and one verdict at the end.
 */
#ifndef SOCKT_CMD_SERVE_H
#define SOCKT_CMD_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/words.h"
#include "lib/base/err.h"
#include "lib/event/loop.h"
#include "lib/service/relay.h"
#include "lib/service/server.h"

/* What an instance of a service is made with. */
struct maker {
	struct loop *loop;
	const void *args;	/* the verb's */
	const struct log *log;
	void (*failed)(void *arg, const struct err *err);	/* it cannot go on */
	void *arg;
};

/* What a verb serves, and how. Borrowed by serve(). */
struct serving {
	struct server_setup setup;
	/* Makes and frees what the setup's service is called with, one for each worker. */
	void *(*make)(const struct maker *maker, struct err *err);
	void (*unmake)(void *instance);		/* NULL is fine */
	struct relay_counts (*counts)(const void *instance);	/* what it has moved; with progress */
	void (*say_counts)(const void *instance, struct err *err);	/* adds that to a verdict; NULL: need not */
	const void *args;
	struct words *words;	/* with progress */
	bool progress;		/* is shown, of the one client there is */
	int64_t size;		/* of what that is sent; -1: nobody knows */
	int64_t timeout_ms;	/* until the first client; OPT_UNSET or 0: no limit */
	int64_t max_ms;		/* the whole run; OPT_UNSET or 0: no limit */
};

/*
 * The first TERM, INT or HUP lets the clients end, if the setup says that they are, and the second ends it at once;
 * USR1 says how many there are. Returns 0, or -1 and the verdict.
 */
int	serve(const struct serving *what, struct err *err);

#endif
