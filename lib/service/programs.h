/*
 * Programs: one of the user's for each client (program.h), as a service.
 *
 * A client whose program cannot be run is dropped. With recv_fd its program starts when it has said something that
 * brought descriptors (rights.h), which the program then has; who says something else, or nothing for
 * PROGRAMS_RIGHTS_MS, is dropped. When the server drains, the input of every program ends; after half of drain_ms those
 * that are left get TERM, and at the end KILL.
 */
#ifndef SOCKT_SERVICE_PROGRAMS_H
#define SOCKT_SERVICE_PROGRAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/event/loop.h"
#include "lib/net/layers.h"
#include "lib/service/program.h"
#include "lib/service/server.h"

#define PROGRAMS_RIGHTS_MS 10000

struct programs_args {
	struct program_args program;
	int64_t drain_ms;		/* see server.h */
	bool recv_fd;
};

struct programs;

extern const struct service programs_service;	/* its instance is a struct programs */

/* Takes layers for the clients; args and log are borrowed until programs_free(). NULL and err without memory. */
struct programs *programs_new(struct loop *loop, const struct programs_args *args, struct layers *layers,
	    const struct log *log, struct err *err);

/* Of all clients there are and were, together. */
struct relay_counts programs_counts(const struct programs *programs);

void	programs_free(struct programs *programs);	/* as program_free() for each. NULL is fine */

#endif
