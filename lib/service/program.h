/*
 * Program: one of the user's on a connection.
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

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/event/loop.h"
#include "lib/net/addr.h"
#include "lib/net/rights.h"
#include "lib/net/stream.h"
#include "lib/net/unix.h"
#include "lib/service/relay.h"

#define PROGRAM_GRACE_MS 5000	/* what one that was told to end has until it is made to */

struct program_args {
	char *const *argv;		/* NULL ends it */
	const struct relay_args *relay;
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

/* Whom it is to talk to. */
struct program_peer {
	const char *name;		/* in messages; borrowed until program_free() */
	struct addr remote, local;
	bool datagrams;			/* it sends datagrams, and has no connection */
	const struct unix_peer *user;	/* of a Unix socket (unix.h); borrowed; NULL: the system does not say */
	const struct rights *rights;	/* what it has sent for the program to have (rights.h); borrowed; NULL: nothing */
};

/*
 * Runs it on the stream remote, which it takes over; args and log are borrowed until program_free(). signals_start()
 * must have been called. NULL and err if it cannot be run: then remote is freed, and its peer knows that nobody
 * answered.
 */
struct program *program_start(struct loop *loop, struct stream *remote, const struct program_peer *peer,
	    const struct program_args *args, const struct program_calls *calls, void *arg, const struct log *log,
	    struct err *err);

struct relay_counts program_counts(const struct program *p);

/*
 * The program is to end: its input does, and its process group gets TERM, and KILL after grace_ms. What it has yet to
 * say is still delivered.
 */
void	program_end(struct program *p, int64_t grace_ms);

/* The same for one that is not to be heard any more, for that reason: the connection is cut off at once. */
void	program_cut(struct program *p, int64_t grace_ms, const char *reason);

/* Its input ends, and nothing else. */
void	program_end_input(struct program *p);

/* Its process group gets TERM, and nothing else. */
void	program_tell_to_end(struct program *p);

/* It had its time: program_free() makes it end. */
void	program_give_up(struct program *p);

/* Does a layer of ours hold bytes back (relay_is_held())? */
bool	program_is_held(const struct program *p);

/* Ends what is left of it without waiting: by TERM, or by KILL if it was told before. NULL is fine. */
void	program_free(struct program *p);

#endif
