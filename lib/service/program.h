/*
 * Program: one of the user's on a connection, and many of them as a service.
 *
 * It talks to one end of a socketpair, and a relay joins the other with the client: the end of either's words is passed
 * on, the last bytes of a program that died arrive, and every option of a relay means what it always means. It is over
 * when the connection is and the program has ended. A program has a process group of its own, so that those it started
 * can be ended with it.
 *
 * A connection that breaks is an end of input to the program, and a write that fails. If it does not notice for
 * PROGRAM_GRACE_MS it is told to end (TERM), and after as long again made to (KILL). One that was idle (relay_args) is
 * told at once.
 */
#ifndef SOCKT_SERVICE_PROGRAM_H
#define SOCKT_SERVICE_PROGRAM_H

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/event/loop.h"
#include "lib/net/addr.h"
#include "lib/net/layers.h"
#include "lib/service/relay.h"
#include "lib/service/server.h"

#define PROGRAM_GRACE_MS 5000	/* what one that was told to end has until it is made to */

struct program_args {
	char *const *argv;		/* NULL ends it */
	const struct relay_args *relay;
	int64_t drain_ms;		/* of a service: see server.h */
};

struct program;

/* Whom a program calls, never from within another call of its own. */
struct program_calls {
	/*
	 * Nothing more will move; the counts stand, and the connection is about to be closed. err NULL: all delivered.
	 */
	void (*parted)(void *arg, const struct err *err);
	/* The program has ended too: ERR_PROGRAM with its status, and in words what parted() said; or else that. */
	void (*done)(void *arg, const struct err *err);
};

/*
 * Runs it on the connected socket fd, which it takes over; args, layers, log and name, the peer in messages, are
 * borrowed until program_free(). signals_start() must have been called. NULL and err if it cannot be run: then fd is
 * closed.
 */
struct program *program_start(struct loop *loop, int fd, const struct addr *peer, const struct program_args *args,
	    struct layers *layers, const char *name, const struct program_calls *calls, void *arg, const struct log *log,
	    struct err *err);

struct relay_counts program_counts(const struct program *p);

/*
 * The program is to end: its input does, and its process group gets TERM, and KILL after grace_ms. What it has yet to
 * say is still delivered.
 */
void	program_end(struct program *p, int64_t grace_ms);

/* The same for one that is not to be heard any more, for that reason: the connection is cut off at once. */
void	program_cut(struct program *p, int64_t grace_ms, const char *reason);

/* Ends what is left of it without waiting: by TERM, or by KILL if it was told before. NULL is fine. */
void	program_free(struct program *p);

/* ---- many ---- */

struct programs;

/*
 * Its instance is a struct programs. A client whose program cannot be run is dropped. When the server drains, the input
 * of every program ends; after half of drain_ms those that are left get TERM, and at the end KILL.
 */
extern const struct service program_service;

/* Takes layers for the clients; args and log are borrowed until programs_free(). NULL and err without memory. */
struct programs *programs_new(struct loop *loop, const struct program_args *args, struct layers *layers,
	    const struct log *log, struct err *err);

/* Of all clients there are and were, together. */
struct relay_counts programs_counts(const struct programs *programs);

void	programs_free(struct programs *programs);	/* as program_free() for each. NULL is fine */

#endif
