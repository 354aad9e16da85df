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
extern const struct opt source_opts[];		/* struct dial_args: where to send from */
extern const struct opt retry_opts[];		/* struct dial_args: how hard to try */
extern const struct opt connect_sock_opts[];	/* struct sock_args, of sockets that connect */
extern const struct opt listen_sock_opts[];	/* struct sock_args, of sockets that listen */
extern const struct opt udp_sock_opts[];	/* struct sock_args, of sockets that send datagrams */
extern const struct opt unix_sock_opts[];	/* struct sock_args, of Unix sockets */
extern const struct opt relay_opts[];		/* struct relay_args */
extern const struct opt frame_opts[];		/* struct frame_args */
extern const struct opt local_frame_opts[];	/* the same, where there is a local side */
extern const struct opt record_opts[];		/* struct record_args */
extern const struct opt rate_opts[];		/* struct pace_args */
extern const struct opt delay_opts[];		/* the same, where lines are sent */
extern const struct opt progress_opts[];	/* struct transfer_args, where one transfer is all there is */
extern const struct opt transfer_opts[];	/* struct transfer_args */
extern const struct opt unix_file_opts[];	/* struct unix_args */
extern const struct opt server_opts[];		/* struct server_args */
extern const struct opt total_limit_opts[];	/* struct limits_args: of all clients together */
extern const struct opt limits_opts[];		/* struct limits_args: of one source */
extern const struct opt request_opts[];		/* struct limits_args, of servers that answer requests */
extern const struct opt words_opts[];		/* struct words_args */

/* The parsers of --frame and --local-frame, at a struct frame_format, for verbs with rows of their own. */
int	options_parse_frame(void *at, const char *value, struct err *err);
int	options_parse_local_frame(void *at, const char *value, struct err *err);

/* What belongs to a run as a whole. */
struct transfer_args {
	int64_t max_ms;		/* the whole run; OPT_UNSET or 0: no limit */
	bool stats;
	bool progress;
};

#endif
