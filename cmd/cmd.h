/*
 * A subcommand is a row and a file: the row says what it is called and what options it has, the file does it.
 */
#ifndef SOCKT_CMD_CMD_H
#define SOCKT_CMD_CMD_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/opts.h"
#include "lib/net/layers.h"
#include "lib/net/pace.h"
#include "lib/net/sock.h"
#include "lib/net/unix.h"
#include "lib/service/relay.h"
#include "lib/wire/endpoint.h"

struct words;

/* What a run is given. args points at the verb's own struct, filled by its table. */
struct cmd_call {
	const void *args;
	char **operands;
	int n_operands;
	char **program;			/* what follows `--`, ended by NULL; NULL: nothing. With takes_program */
	const struct log *log;
	struct words *words;		/* whose log it is: for what is drawn on stderr rather than said */
};

struct cmd {
	const char *name;
	const char *operands;		/* as usage shows them */
	const char *summary;		/* one line, no full stop */
	const struct opt *opts;
	bool takes_program;		/* `-- CMD ARG...` runs a program */
	size_t args_size;		/* of the verb's struct, which begins with a struct words_args */
	int (*run)(const struct cmd_call *call, struct err *err);	/* 0, or -1 and err */
};

extern const struct cmd cmd_connect;
extern const struct cmd cmd_listen;
extern const struct cmd cmd_unix;
extern const struct cmd cmd_udp_send;
extern const struct cmd cmd_echo_server;

/* Every subcommand, in the order of help; NULL ends it. */
extern const struct cmd *const commands[];

/* NULL if there is none of that name. */
const struct cmd *cmd_find(const char *name);

/* Takes the operands, one or two, as the address of cmd's job. Returns 0, or -1 with ERR_USAGE. */
int	cmd_endpoint(const struct cmd *cmd, const struct cmd_call *call, enum endpoint_use use, struct endpoint *ep,
	    struct err *err);

/*
 * The same for a server. With no operands, and sockets from a service manager waiting (activation.h), *ep is empty.
 */
int	cmd_listen_endpoint(const struct cmd *cmd, const struct cmd_call *call, struct endpoint *ep, struct err *err);

/* With -u, the address is one of UDP. Returns 0, or -1 with ERR_USAGE where there is no such thing. */
int	cmd_take_udp(bool udp, struct endpoint *ep, struct err *err);

/*
 * The sockets are of that type, for an address of that kind: if they keep messages apart, says so to who is to know.
 */
void	cmd_take_kind(const struct sock_args *sock, enum endpoint_kind kind, struct relay_args *relay,
	    struct layers_args *layers);

/* Do the options of a socket file go with such an address? Returns 0, or -1 with ERR_USAGE. */
int	cmd_check_file(const struct unix_args *file, const struct endpoint *ep, struct err *err);

/* Can messages with that prefix, which may be NULL, be sent in those frames? Returns 0, or -1 with ERR_USAGE. */
int	cmd_check_frames(const struct frame_args *frames, const char *prefix, struct err *err);

/* The same of a relay's; and do options that are about lines go with them? */
int	cmd_check_messages(const struct relay_args *relay, const struct pace_args *pace, struct err *err);

/* What `-- CMD ARG...` or --sh TEXT asks to run. */
struct cmd_program {
	char *const *argv;	/* ends with NULL; NULL itself: nothing is to be run */
	char *shell[4];		/* where argv is when it is a shell */
};

/*
 * Fills it; sh is TEXT, borrowed, or NULL. Returns 0, or -1 with ERR_USAGE, also when relay has what would leave a
 * program deaf or mute.
 */
int	cmd_program(struct cmd_program *program, const struct cmd_call *call, const char *sh,
	    const struct relay_args *relay, struct err *err);

#endif
