/*
 * The shared option groups: rows that several subcommands have, declared once.
 */
#ifndef SOCKT_CMD_OPTIONS_H
#define SOCKT_CMD_OPTIONS_H

#include "lib/base/opts.h"

/* A number of the code in the text of a row. */
#define OPTIONS_TEXT_OF(x) #x
#define TEXT(x) OPTIONS_TEXT_OF(x)

/* How much is said, and in what form. Every verb's struct begins with it. */
struct words_args {
	int verbose;
	bool quiet, json;
};

extern const struct opt family_opts[];		/* struct resolve_args */
extern const struct opt dial_opts[];		/* struct dial_args */
extern const struct opt connect_sock_opts[];	/* struct sock_args, of sockets that connect */
extern const struct opt listen_sock_opts[];	/* struct sock_args, of sockets that listen */
extern const struct opt relay_opts[];		/* struct relay_args */
extern const struct opt frame_opts[];		/* struct frame_args */
extern const struct opt local_frame_opts[];	/* the same, where there is a local side */
extern const struct opt record_opts[];		/* struct record_args */
extern const struct opt rate_opts[];		/* struct pace_args */
extern const struct opt delay_opts[];		/* the same, where lines are sent */
extern const struct opt progress_opts[];	/* struct transfer_args, where one transfer is all there is */
extern const struct opt transfer_opts[];	/* struct transfer_args */
extern const struct opt server_opts[];		/* struct server_args */
extern const struct opt limits_opts[];		/* struct limits_args */
extern const struct opt request_opts[];		/* struct limits_args, of servers that answer requests */
extern const struct opt words_opts[];		/* struct words_args */

/* What belongs to a run as a whole. */
struct transfer_args {
	int64_t max_ms;		/* the whole run; OPT_UNSET or 0: no limit */
	bool stats;
	bool progress;
};

#endif
