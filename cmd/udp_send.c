/*
 * sockt udp-send: datagrams of UDP from the command line, files or stdin, and the answers to them.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>

#include "cmd/client.h"
#include "cmd/load.h"
#include "cmd/options.h"
#include "cmd/session.h"
#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "lib/base/tempo.h"
#include "lib/net/dial.h"
#include "lib/net/multicast.h"
#include "lib/net/outgoing.h"
#include "lib/net/sockopt.h"
#include "lib/net/stdio.h"
#include "lib/service/supply.h"
#include "lib/service/volley.h"

#define PATIENCE_S	1		/* how long an answer is waited for, when nothing else was said */
#define ATTEMPT_MS	3000		/* of dialing, which for UDP never waits */
#define COUNT_MAX	INT64_C(1000000000000)

struct udp_send_args {
	struct words_args words;	/* first */
	struct dial_args dial;
	struct outgoing outgoing;
	struct load_args load;
	struct frame_args frames;	/* wire: what stdin is cut by; local: what an answer becomes */
	struct volley_args volley;	/* some of it; take_volley() fills in the rest */
	struct transfer_args transfer;
	struct num_rate rate;
	int64_t interval_us;		/* 0: none */
	int64_t count, timeout_ms;
	bool any_source;
};

static int
parse_interval(void *at, const char *value, struct err *err)
{
	int64_t us;

	if (!num_duration_us(value, &us) || us == 0)
		return err_set(err, ERR_USAGE, 0, "is not a duration above 0 (such as 1, 0.5, 250ms, 100us)");
	*(int64_t *)at = us;
	return 0;
}

static int
parse_rate(void *at, const char *value, struct err *err)
{
	if (num_rate(value, TEMPO_N_MAX, at))
		return 0;
	return err_set(err, ERR_USAGE, 0, "is not a rate (such as 5/s, 100/m, 10000/s)");
}

static const struct opt udp_send_opts[] = {
	{ .kind = OPT_KIND_PARSED, .name = "file", .metavar = "FILE", .at = offsetof(struct udp_send_args, load.files),
	  .parse = load_add_file, .offer = OPT_OFFER_FILE, .repeats = true,
	  .help = "send what is in FILE as one datagram; - is stdin; repeatable" },
	OPT_FLAG(0, "empty", struct udp_send_args, load.empty, "send an empty datagram"),
	OPT_SIZE(0, "size", struct udp_send_args, load.size, 0, INT_MAX, NULL,
	    "send a datagram of so many bytes, taken at random"),
	OPT_CONFLICT("empty", "file"),
	OPT_CONFLICT("size", "file"),
	OPT_CONFLICT("size", "empty"),
	OPT_FLAG(0, "hex", struct udp_send_args, load.hex, "DATA, or each line of stdin, is hexadecimal"),
	OPT_CONFLICT("hex", "file"),
	OPT_CONFLICT("hex", "empty"),
	OPT_CONFLICT("hex", "size"),
	{ .kind = OPT_KIND_PARSED, .name = "frame", .metavar = "FMT", .at = offsetof(struct udp_send_args, frames.wire),
	  .parse = options_parse_frame, .offer = OPT_OFFER_FRAME,
	  .help = "how datagrams are told apart on stdin: line (the default), nul, len8, len16, len32, len16le, "
	  "len32le, varint, netstring or fixed:N" },
	OPT_CONFLICT("frame", "hex"),
	OPT_INT(0, "count", "N", struct udp_send_args, count, 1, COUNT_MAX, NULL,
	    "send all of it so many times (default 1)"),
	OPT_PARSED(0, "interval", "DUR", struct udp_send_args, interval_us, parse_interval,
	    "send one after the other, so far apart: 1s, 10ms, 250us"),
	OPT_PARSED(0, "rate", "N/DUR", struct udp_send_args, rate, parse_rate,
	    "send so many in such a time, evenly: 1000/s"),
	OPT_CONFLICT("rate", "interval"),
	OPT_INT_OR(0, "reply", "N", struct udp_send_args, volley.replies, 1, INT_MAX, "1",
	    "wait for an answer, or for N, and write each to stdout"),
	OPT_MS('w', "timeout", struct udp_send_args, timeout_ms, 0, NULL,
	    "how long answers may take after the last datagram (default " TEXT(PATIENCE_S) "s); also to look a name up "
	    "(default " TEXT(DIAL_TIMEOUT_S) "s); 0: for ever"),
	OPT_FLAG(0, "any-source", struct udp_send_args, any_source,
	    "take answers from anybody, rather than from where the datagrams went"),
	OPT_NEEDS("any-source", "reply"),
	{ .kind = OPT_KIND_PARSED, .name = "local-frame", .metavar = "FMT",
	  .at = offsetof(struct udp_send_args, frames.local), .parse = options_parse_local_frame,
	  .offer = OPT_OFFER_LOCAL_FRAME,
	  .help = "what an answer is on stdout: as --frame has it, hex, base64, json or raw (default line)" },
	OPT_NEEDS("local-frame", "reply"),
	OPT_CONFLICT("local-frame", "json"),
	OPT_FLAG(0, "raw", struct udp_send_args, volley.raw,
	    "let answers drive the terminal, rather than show them as \\xNN"),
	OPT_NEEDS("raw", "reply"),
	OPT_FLAG(0, "seq", struct udp_send_args, volley.numbered,
	    "put a number and a blank before each datagram, by which an answer that begins so is known"),
	OPT_FLAG(0, "broadcast", struct udp_send_args, outgoing.broadcast, "allow sending to a broadcast address"),
	OPT_INT(0, "ttl", "N", struct udp_send_args, outgoing.ttl, 1, 255, NULL, "let datagrams go so many hops"),
	OPT_INT(0, "tos", "N", struct udp_send_args, outgoing.tos, 0, 255, NULL,
	    "the class of service of datagrams, a byte"),
	OPT_INT(0, "multicast-ttl", "N", struct udp_send_args, outgoing.group_ttl, 0, 255, NULL,
	    "let what goes to a group go so many hops; 0: not beyond this machine (default 1)"),
	{ .kind = OPT_KIND_PARSED, .name = "multicast-if", .metavar = "IF",
	  .at = offsetof(struct udp_send_args, outgoing.group_interface), .parse = outgoing_parse_interface,
	  .offer = OPT_OFFER_INTERFACE,
	  .help = "send what goes to a group through this interface, or the one with this IPv4 address" },
	OPT_HINT('u', "it is UDP anyway"),
	OPT_HINT('l', "to receive datagrams there is sockt listen -u"),
	OPT_GROUP(struct udp_send_args, dial.names, "Addresses", family_opts),
	OPT_GROUP(struct udp_send_args, dial, "Connecting", source_opts),
	OPT_GROUP(struct udp_send_args, dial.sock, "Socket", udp_sock_opts),
	OPT_GROUP(struct udp_send_args, transfer, "Run", transfer_opts),
	OPT_GROUP(struct udp_send_args, words, "Words", words_opts),
	OPT_END
};

/* One run. */
struct sending {
	const struct cmd_call *call;
	const struct udp_send_args *args;
	struct endpoint ep;
	char name[320];			/* that, in messages */
	struct load_args load_args;
	struct load load;		/* what is known before */
	struct volley_args volley;
	struct session session;
	struct stream *local;		/* the standard streams, where one of them is used */
	struct supply supply;
	struct addr peer;
};

/* ---- what was asked for ---- */

/* Does the word have a port of its own? A host has none, and no colon either, or as an IPv6 address several. */
static bool
has_port(const char *word)
{
	const char *colon = strchr(word, ':');

	return colon != NULL && (strstr(word, "://") != NULL || (word[0] == '[' ? strstr(word, "]:") != NULL :
	    strchr(colon + 1, ':') == NULL));
}

/* Takes the address off the operands; what is left of them is DATA. Returns 0, or -1 and err. */
static int
take_operands(struct sending *s, struct err *err)
{
	struct cmd_call address = *s->call;
	int most = address.n_operands > 0 && has_port(address.operands[0]) ? 1 : 2;

	if (address.n_operands > most)
		address.n_operands = most;
	s->load_args = s->args->load;
	s->load_args.data = address.operands + address.n_operands;
	s->load_args.n_data = (size_t)(s->call->n_operands - address.n_operands);
	if (cmd_endpoint(&cmd_udp_send, &address, ENDPOINT_CONNECT, &s->ep, err) < 0)
		return -1;
	if (s->ep.kind == ENDPOINT_TCP && !s->ep.said)
		s->ep.kind = ENDPOINT_UDP;
	if (s->ep.kind == ENDPOINT_UDP)
		return 0;
	err_set(err, ERR_USAGE, 0, "is no address of UDP%s",
	    s->ep.kind == ENDPOINT_UNIX ? ": see sockt unix --type dgram" : "");
	return err_at(err, STAGE_USAGE, address.operands[0]);
}

static int
wrong(struct err *err, const char *option, const char *why)
{
	err_set(err, ERR_USAGE, 0, "%s", why);
	return err_at(err, STAGE_USAGE, option);
}

/* What no table of options can say. Returns 0, or -1 and err. */
static int
check(const struct sending *s, struct err *err)
{
	const struct load_args *load = &s->load_args;
	const char *other = load->files.n > 0 ? "--file" : load->empty ? "--empty" :
	    load->size != OPT_UNSET ? "--size" : NULL;
	bool reads_stdin = !load_is_given(load);

	if (load->n_data > 0 && other != NULL)
		return wrong(err, other, "cannot go with DATA");
	if (s->args->frames.wire.kind != FRAME_NONE && !reads_stdin)
		return wrong(err, "--frame", "is about stdin, which is not read");
	if (s->args->count != OPT_UNSET && reads_stdin)
		return wrong(err, "--count", "needs DATA, --file, --empty or --size: what stdin says comes once");
	return 0;
}

static void
take_volley(struct sending *s)
{
	const struct udp_send_args *args = s->args;
	struct volley_args *volley = &s->volley;

	*volley = args->volley;
	volley->n = args->interval_us > 0 ? 1 : args->rate.n;
	volley->per_us = args->interval_us > 0 ? args->interval_us : args->rate.per_ms * 1000;
	if (volley->replies == OPT_UNSET)
		volley->replies = 0;
	volley->patience_ms = args->timeout_ms != OPT_UNSET ? args->timeout_ms : PATIENCE_S * 1000;
	volley->format = args->frames.local;
	volley->json = args->words.json;
	volley->stats = args->transfer.stats;
}

/* ---- the socket ---- */

static struct dial_args
dial_args(const struct udp_send_args *args)
{
	struct dial_args dial = args->dial;

	dial.sock.type = SOCK_DGRAM;
	dial.outgoing = &args->outgoing;
	dial.unconnected = args->any_source;
	dial.timeout_ms = args->timeout_ms;
	dial.attempt_ms = ATTEMPT_MS;
	dial.wait_ms = OPT_UNSET;
	return dial;
}

/* Returns a socket that can send to s->peer, and is connected to it or, with --any-source, not; or -1 and err. */
static int
open_socket(struct sending *s, struct err *err)
{
	const struct udp_send_args *args = s->args;
	const struct dial_args dial = dial_args(args);
	int fd = client_dial(&s->session, &s->ep, &dial, s->call->log, &s->peer, err);

	if (fd < 0) {
		if (err->errnum == EACCES && !args->outgoing.broadcast)
			err_add(err, " (sending to a broadcast address takes --broadcast)");
		return -1;
	}
	if (s->volley.replies > 0 && !args->any_source && (multicast_is_group(&s->peer) || args->outgoing.broadcast))
		log_hint(s->call->log, s->name,
		    "answers come from other addresses, and are heard only with --any-source");
	return fd;
}

/* ---- the whole ---- */

/* Gets ready what is to be sent, and the standard streams if they have a part in it. Returns 0, or -1 and err. */
static int
make_supply(struct sending *s, struct err *err)
{
	const struct udp_send_args *args = s->args;
	struct frame_format cut = { .kind = args->load.hex ? FRAME_HEX : FRAME_LINE };

	if ((s->load.n == 0 || s->volley.replies > 0) && (s->local = stdio_stream(s->session.loop, err)) == NULL)
		return -1;
	if (args->frames.wire.kind != FRAME_NONE)
		cut = args->frames.wire;
	if (s->load.n > 0)
		supply_list(&s->supply, s->load.items, s->load.n, args->count != OPT_UNSET ? args->count : 1);
	else
		supply_stream(&s->supply, s->local, &cut);
	return 0;
}

static void
on_done(void *arg, const struct err *err)
{
	session_over(arg, err);
}

/* Returns 0, or -1 and err. */
static int
send_all(struct sending *s, int fd, struct err *err)
{
	const struct volley_job job = { .fd = fd, .peer = s->peer, .connected = !s->args->any_source,
	    .supply = &s->supply, .local = s->local, .name = s->name, .args = &s->volley, .log = s->call->log,
	    .done = on_done, .arg = &s->session };
	struct volley *volley = volley_start(s->session.loop, &job, err);
	int rc;

	if (volley == NULL)
		return -1;
	s->session.stage = STAGE_TRANSFER;
	rc = session_wait(&s->session, err);
	volley_free(volley);
	return rc < 0 ? err_at(err, STAGE_TRANSFER, s->name) : 0;
}

static int
udp_send_run(const struct cmd_call *call, struct err *err)
{
	struct sending s = { .call = call, .args = call->args, .load = LOAD_EMPTY };
	int fd = -1, rc = -1;

	if (take_operands(&s, err) < 0 || check(&s, err) < 0)
		return -1;
	take_volley(&s);
	endpoint_name(&s.ep, s.name, sizeof(s.name));
	sockopt_say_ignored(&s.args->dial.sock.options, call->log);
	/* Before the session takes the signals over: a file may be a pipe that keeps us waiting. */
	if (load_read(&s.load, &s.load_args, err) == 0) {
		if (session_open(&s.session, STAGE_CONNECT, s.args->transfer.max_ms, err) == 0 &&
		    make_supply(&s, err) == 0 && (fd = open_socket(&s, err)) >= 0)
			rc = send_all(&s, fd, err);
		fd_close(&fd);
		supply_free(&s.supply);
		stream_free(s.local);
		session_close(&s.session);
	}
	load_free(&s.load);
	return rc;
}

const struct cmd cmd_udp_send = {
	.name = "udp-send",
	.operands = "HOST PORT [DATA...] | HOST:PORT [DATA...] | [V6]:PORT [DATA...] | udp://HOST:PORT [DATA...]",
	.summary = "send datagrams, and wait for answers if asked",
	.opts = udp_send_opts,
	.args_size = sizeof(struct udp_send_args),
	.run = udp_send_run,
};
