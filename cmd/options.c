/*
 * The shared option groups: see options.h. What each option means is said in sockt-options(7), once.
 */
#include "cmd/options.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "lib/base/bucket.h"
#include "lib/base/window.h"
#include "lib/net/access.h"
#include "lib/net/addr.h"
#include "lib/net/dial.h"
#include "lib/net/pace.h"
#include "lib/net/record.h"
#include "lib/net/sock.h"
#include "lib/net/unix.h"
#include "lib/service/relay.h"
#include "lib/service/server.h"

static int
parse_rate(void *at, const char *value, struct err *err)
{
	if (num_rate(value, WINDOW_MAX, at))
		return 0;
	return err_set(err, ERR_USAGE, 0, "is not a rate (such as 5/s, 100/m, 3/10s), at most %d in a time",
	    (int)WINDOW_MAX);
}

/* Adds to the list at *at, which is made with its first word. */
static int
parse_access(void *at, const char *value, struct err *err)
{
	struct access **list = at;

	if (*list == NULL && (*list = calloc(1, sizeof(**list))) == NULL)
		return err_set(err, ERR_LIMIT, ENOMEM, "cannot be kept");
	return access_add(*list, value, err);
}

static void
release_access(void *at)
{
	struct access **list = at;

	if (*list != NULL)
		access_free(*list);
	free(*list);
	*list = NULL;
}

static int
parse_source(void *at, const char *value, struct err *err)
{
	return addr_parse(at, value, err);
}

static int
parse_format(struct frame_format *format, const char *value, bool local, struct err *err)
{
	if (frame_format_parse(format, value, local))
		return 0;
	return err_set(err, ERR_USAGE, 0, "is not one of %s", local ? frame_local_names : frame_wire_names);
}

int
options_parse_frame(void *at, const char *value, struct err *err)
{
	return parse_format(at, value, false, err);
}

int
options_parse_local_frame(void *at, const char *value, struct err *err)
{
	return parse_format(at, value, true, err);
}

const struct opt family_opts[] = {
	OPT_FLAG('4', NULL, struct resolve_args, only_v4, "IPv4 only"),
	OPT_FLAG('6', NULL, struct resolve_args, only_v6, "IPv6 only"),
	OPT_CONFLICT("4", "6"),
	OPT_FLAG('n', "numeric", struct resolve_args, numeric, "look nothing up: addresses and ports are numbers"),
	OPT_END
};

const struct opt source_opts[] = {
	OPT_PARSED('s', "source", "ADDR[:PORT]", struct dial_args, source, parse_source, "send from this address"),
	OPT_TEXT(0, "interface", "IF", struct dial_args, interface, OPT_OFFER_INTERFACE, "send through this interface"),
	OPT_END
};

const struct opt retry_opts[] = {
	OPT_MS(0, "attempt-timeout", struct dial_args, attempt_ms, 1, "3s", "give up one address after this"),
	OPT_INT(0, "retry", "N", struct dial_args, retries, 0, INT_MAX, "0", "try again after a failure that may heal"),
	OPT_MS(0, "retry-delay", struct dial_args, retry_delay_ms, 1, "250ms", "pause before the first retry; doubles"),
	OPT_FLAG(0, "retry-refused", struct dial_args, retry_refused, "a refused connection may heal too"),
	OPT_MS(0, "wait", struct dial_args, wait_ms, 1, NULL, "try until it works, for so long"),
	OPT_CONFLICT("wait", "retry"),
	OPT_NEEDS("retry-delay", "retry"),
	OPT_NEEDS("retry-refused", "retry"),
	OPT_END
};

static int
parse_connect_sockopt(void *at, const char *value, struct err *err)
{
	return sockopt_add(at, value, SOCKOPT_CONNECT, err);
}

static int
parse_listen_sockopt(void *at, const char *value, struct err *err)
{
	return sockopt_add(at, value, SOCKOPT_LISTEN, err);
}

#define SOCKOPT_ROW(parse_, example_) \
	OPT_REPEATED('o', "sockopt", "NAME[=VALUE]", struct sock_args, options, parse_, \
	    "set a socket option, such as " example_ "; sockt-options(7) has the list")
#define TCP_EXAMPLE "SO_KEEPALIVE or TCP_KEEPIDLE=60"
#define BUF_EXAMPLE "SO_SNDBUF=1048576"
#define MPTCP_ROW OPT_FLAG(0, "mptcp", struct sock_args, mptcp, "use Multipath TCP, where the peer has it too")

const struct opt connect_sock_opts[] = { SOCKOPT_ROW(parse_connect_sockopt, TCP_EXAMPLE), MPTCP_ROW, OPT_END };
const struct opt listen_sock_opts[] = { SOCKOPT_ROW(parse_listen_sockopt, TCP_EXAMPLE), MPTCP_ROW, OPT_END };
const struct opt udp_sock_opts[] = { SOCKOPT_ROW(parse_connect_sockopt, BUF_EXAMPLE), OPT_END };
const struct opt unix_sock_opts[] = { SOCKOPT_ROW(parse_connect_sockopt, BUF_EXAMPLE), OPT_END };

const struct opt relay_opts[] = {
	OPT_MS('i', "idle", struct relay_args, idle_ms, 0, NULL, "give up when no byte moves for so long; 0: never"),
	OPT_FLAG('C', "crlf", struct relay_args, crlf, "send LF as CR LF"),
	OPT_FLAG(0, "send-only", struct relay_args, send_only, "drop what the peer sends; done when all is sent"),
	OPT_FLAG(0, "recv-only", struct relay_args, recv_only, "send nothing, not even an end"),
	OPT_CONFLICT("send-only", "recv-only"),
	OPT_FLAG('d', "no-stdin", struct relay_args, no_stdin, "do not read stdin; the same as --recv-only"),
	OPT_CONFLICT("send-only", "no-stdin"),
	OPT_FLAG(0, "no-half-close", struct relay_args, no_half_close, "say nothing to the peer when stdin ends"),
	OPT_FLAG('N', NULL, struct relay_args, nc_half_close, "accepted for users of nc: it is what happens anyway"),
	OPT_CONFLICT("N", "no-half-close"),
	OPT_FLAG(0, "raw", struct relay_args, raw, "let the peer's bytes drive the terminal, rather than show them as \\xNN"),
	OPT_MS('q', "linger", struct relay_args, linger_ms, 0, NULL,
	    "once one side has ended, how long the other may be silent (default " TEXT(RELAY_LINGER_S)
	    "s for a pipe on stdin)"),
	OPT_END
};

const struct opt frame_opts[] = {
	{ .kind = OPT_KIND_PARSED, .name = "frame", .metavar = "FMT", .at = offsetof(struct frame_args, wire),
	  .parse = options_parse_frame, .offer = OPT_OFFER_FRAME,
	  .help = "send and take messages in frames: line, nul, len8, len16, len32, len16le, len32le, varint, netstring "
	      "or fixed:N" },
	OPT_SIZE(0, "max-message", struct frame_args, max_message, 1, RECODE_MAX, "1M",
	    "the longest message, either way"),
	OPT_END
};

const struct opt local_frame_opts[] = {
	{ .kind = OPT_KIND_PARSED, .name = "local-frame", .metavar = "FMT", .at = offsetof(struct frame_args, local),
	  .parse = options_parse_local_frame, .offer = OPT_OFFER_LOCAL_FRAME,
	  .help = "what a message is on stdin and stdout: any of these, hex, base64, json or raw (default line)" },
	OPT_END
};

const struct opt record_opts[] = {
	OPT_FLAG('x', "hexdump", struct record_args, hexdump, "show both directions in hex on stderr"),
	OPT_CONFLICT("hexdump", "json"),
	OPT_TEXT(0, "transcript", "FILE", struct record_args, transcript, OPT_OFFER_FILE,
	    "append what is sent and received to this file, a JSON object a chunk"),
	OPT_END
};

const struct opt rate_opts[] = {
	OPT_SIZE(0, "limit-rate", struct pace_args, rate, 1, BUCKET_RATE_MAX, NULL,
	    "move at most so many bytes a second on a connection, each way"),
	OPT_END
};

const struct opt delay_opts[] = {
	OPT_MS(0, "line-delay", struct pace_args, line_delay_ms, 0, NULL, "pause for so long after each line that is sent"),
	OPT_END
};

const struct opt progress_opts[] = {
	OPT_FLAG(0, "progress", struct transfer_args, progress, "show how far it is, if stderr is a terminal"),
	OPT_CONFLICT("progress", "json"),
	OPT_CONFLICT("progress", "hexdump"),
	OPT_END
};

const struct opt transfer_opts[] = {
	OPT_MS('m', "max-time", struct transfer_args, max_ms, 0, NULL,
	    "end the run after this, or each client of a server for many; 0: never"),
	OPT_FLAG(0, "stats", struct transfer_args, stats, "say bytes, time, rate and round trip at the end"),
	OPT_END
};

const struct opt unix_file_opts[] = {
	OPT_PARSED(0, "mode", "MODE", struct unix_args, mode, unix_parse_mode,
	    "the socket file's mode, in octal (default 0600)"),
	OPT_TEXT(0, "group", "GROUP", struct unix_args, group, OPT_OFFER_NOTHING, "the socket file's group"),
	OPT_REPEATED(0, "allow-uid", "USER", struct unix_args, uids, unix_add_uid,
	    "let in processes of this user, and of no others; repeatable"),
	OPT_END
};

const struct opt server_opts[] = {
	OPT_MS(0, "first-byte", struct server_args, first_byte_ms, 1, NULL,
	    "close a client that has said nothing so long after it came"),
	OPT_MS(0, "drain", struct server_args, drain_ms, 0, "5s", "after TERM, INT or HUP, how long clients have to end"),
	OPT_FD(0, "ready-fd", "N", struct server_args, ready_fd,
	    "write where, HOST:PORT or unix:PATH, to this descriptor when listening, and close it"),
	OPT_TEXT(0, "port-file", "FILE", struct server_args, port_file, OPT_OFFER_FILE,
	    "write the same to this file when listening"),
	OPT_TEXT(0, "run-as", "USER[:GROUP]", struct server_args, run_as, OPT_OFFER_NOTHING,
	    "become this user for good once listening"),
	OPT_END
};

const struct opt total_limit_opts[] = {
	OPT_INT(0, "max-conns", "N", struct limits_args, max_conns, 1, INT_MAX, NULL,
	    "serve so many clients at once (default: what the descriptors allow)"),
	OPT_END
};

const struct opt limits_opts[] = {
	OPT_INT(0, "max-conns-per-ip", "N", struct limits_args, max_per_source, 1, INT_MAX, NULL,
	    "serve so many clients of one source, an IPv4 address or an IPv6 /64, at once"),
	OPT_PARSED(0, "conn-rate", "N/DUR", struct limits_args, conn_rate, parse_rate,
	    "accept so many connections of one source in any such time"),
	OPT_MS(0, "ban", struct limits_args, ban_ms, 1, NULL, "keep a source out for so long that breaks its limits often"),
	OPT_INT(0, "ban-after", "N", struct limits_args, ban_after, 1, INT_MAX, "3",
	    "ban at the Nth break, each within that time of the one before"),
	OPT_NEEDS("ban-after", "ban"),
	{ .kind = OPT_KIND_PARSED, .name = "allow", .metavar = "CIDR", .at = offsetof(struct limits_args, allow),
	  .parse = parse_access, .release = release_access, .repeats = true,
	  .help = "let in clients of this network, or of those in @FILE, and no others; repeatable" },
	{ .kind = OPT_KIND_PARSED, .name = "deny", .metavar = "CIDR", .at = offsetof(struct limits_args, deny),
	  .parse = parse_access, .release = release_access, .repeats = true,
	  .help = "let in no client of this network, or of those in @FILE; repeatable" },
	OPT_END
};

const struct opt request_opts[] = {
	OPT_PARSED(0, "request-rate", "N/DUR", struct limits_args, request_rate, parse_rate,
	    "answer so many lines of one source in any such time"),
	OPT_END
};

const struct opt words_opts[] = {
	OPT_COUNT('v', "verbose", struct words_args, verbose, "say what happens; twice: and why"),
	OPT_FLAG(0, "quiet", struct words_args, quiet, "say nothing but errors"),
	OPT_CONFLICT("quiet", "verbose"),
	OPT_FLAG(0, "json", struct words_args, json, "say it as JSON, one object a line"),
	OPT_END
};
