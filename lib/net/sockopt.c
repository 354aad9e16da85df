/*
 * Socket options: see sockopt.h. What a row says of inheritance and limits was seen on Linux, not taken from manuals.
 */
#include "lib/net/sockopt.h"

#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "lib/base/num.h"

#define BOTH		(SOCKOPT_CONNECT | SOCKOPT_LISTEN)
#define CONGESTION_MAX	16	/* TCP_CA_NAME_MAX of Linux, with NUL; longer names are cut in silence */
#define VALUE_MAX	32	/* the longest value as words, with NUL */

/* Each macro spells the name out itself: handed on to another, it would have become a number. */
#define ROW(name_, option_, level_, kind_, takes_, sides_, min_, max_, ...) \
	{ .name = (name_), .takes = (takes_), .level = (level_), .option = (option_), .kind = (kind_), \
	  .min = (min_), .max = (max_), .sides = (sides_), .help = __VA_ARGS__ }
#define BOOL(option_, level_, sides_, ...) \
	ROW(#option_, option_, level_, SOCKOPT_BOOL, "bool", sides_, 0, 1, __VA_ARGS__)
#define INT(option_, level_, takes_, sides_, min_, max_, ...) \
	ROW(#option_, option_, level_, SOCKOPT_INT, takes_, sides_, min_, max_, __VA_ARGS__)
#define SIZE(option_, level_, sides_, max_, ...) \
	ROW(#option_, option_, level_, SOCKOPT_SIZE, "size", sides_, 1, max_, __VA_ARGS__)
#define LINGER(option_, level_, sides_, max_, ...) \
	ROW(#option_, option_, level_, SOCKOPT_LINGER, "seconds", sides_, 0, max_, __VA_ARGS__)
#define TEXT(option_, level_, takes_, sides_, size_, ...) \
	ROW(#option_, option_, level_, SOCKOPT_TEXT, takes_, sides_, 1, (size_) - 1, __VA_ARGS__)
#define IGNORED(option_, level_, ...) \
	ROW(#option_, option_, level_, SOCKOPT_IGNORED, "any", BOTH, 0, 0, __VA_ARGS__)

const struct sockopt_row sockopt_rows[] = {
	TEXT(SO_BINDTODEVICE, SOL_SOCKET, "interface", BOTH, IFNAMSIZ, "use this network interface only"),
	BOOL(SO_BROADCAST, SOL_SOCKET, BOTH, "allow datagrams to everybody"),
	INT(SO_BUSY_POLL, SOL_SOCKET, "us", BOTH, 0, INT_MAX, "poll the device for so long before sleeping"),
	BOOL(SO_DONTROUTE, SOL_SOCKET, BOTH, "reach only hosts on a network of our own"),
	INT(SO_INCOMING_CPU, SOL_SOCKET, "cpu", SOCKOPT_LISTEN, 0, 65535, "prefer clients that this processor handles"),
	BOOL(SO_KEEPALIVE, SOL_SOCKET, BOTH, "ask a silent peer whether it is there"),
	LINGER(SO_LINGER, SOL_SOCKET, BOTH, 65535, "how long close waits; 0 resets instead"),
	INT(SO_MARK, SOL_SOCKET, "n", BOTH, 0, UINT32_MAX, "the mark that routing and filters see"),
	SIZE(SO_MAX_PACING_RATE, SOL_SOCKET, BOTH, INT_MAX, "send no more than this in a second"),
	BOOL(SO_OOBINLINE, SOL_SOCKET, BOTH, "leave urgent data in its place in the stream"),
	INT(SO_PRIORITY, SOL_SOCKET, "n", BOTH, 0, INT_MAX, "the queueing priority of packets", .again = true),
	SIZE(SO_RCVBUF, SOL_SOCKET, BOTH, INT_MAX / 2, "the receive buffer", .doubled = true,
	    .limit = "net.core.rmem_max"),
	SIZE(SO_RCVLOWAT, SOL_SOCKET, BOTH, INT_MAX, "wake up for no less than this", .limit = "net.ipv4.tcp_rmem"),
	IGNORED(SO_RCVTIMEO, SOL_SOCKET, "of no effect: --idle does that job"),
	BOOL(SO_REUSEADDR, SOL_SOCKET, BOTH, "bind where old connections still linger"),
	BOOL(SO_REUSEPORT, SOL_SOCKET, BOTH, "share the port with others that say so too"),
	SIZE(SO_SNDBUF, SOL_SOCKET, BOTH, INT_MAX / 2, "the send buffer", .doubled = true, .limit = "net.core.wmem_max"),
	IGNORED(SO_SNDTIMEO, SOL_SOCKET, "of no effect: --idle does that job"),

	TEXT(TCP_CONGESTION, IPPROTO_TCP, "algorithm", BOTH, CONGESTION_MAX, "the congestion control"),
	BOOL(TCP_CORK, IPPROTO_TCP, BOTH, "send full segments only"),
	INT(TCP_DEFER_ACCEPT, IPPROTO_TCP, "seconds", SOCKOPT_LISTEN, 0, 32767, "wake up when a client has sent something"),
	INT(TCP_FASTOPEN, IPPROTO_TCP, "n", SOCKOPT_LISTEN, 0, 65535, "take data with the first packet, from so many",
	    .limit = "net.core.somaxconn"),
	BOOL(TCP_FASTOPEN_CONNECT, IPPROTO_TCP, SOCKOPT_CONNECT, "send data with the first packet"),
	INT(TCP_KEEPCNT, IPPROTO_TCP, "n", BOTH, 1, 127, "keepalive probes without an answer until the end"),
	INT(TCP_KEEPIDLE, IPPROTO_TCP, "seconds", BOTH, 1, 32767, "silence before the first keepalive probe"),
	INT(TCP_KEEPINTVL, IPPROTO_TCP, "seconds", BOTH, 1, 32767, "between keepalive probes"),
	INT(TCP_LINGER2, IPPROTO_TCP, "seconds", BOTH, 1, 120, "how long to await the peer's end after ours"),
	INT(TCP_MAXSEG, IPPROTO_TCP, "bytes", BOTH, 88, 32767, "the largest segment"),
	BOOL(TCP_NODELAY, IPPROTO_TCP, BOTH, "send at once; on unless this says 0"),
	SIZE(TCP_NOTSENT_LOWAT, IPPROTO_TCP, BOTH, INT_MAX, "take no more while so much is unsent"),
	BOOL(TCP_QUICKACK, IPPROTO_TCP, BOTH, "acknowledge at once, to begin with", .again = true),
	INT(TCP_SYNCNT, IPPROTO_TCP, "n", BOTH, 1, 127, "how often to repeat an opening packet"),
	BOOL(TCP_THIN_LINEAR_TIMEOUTS, IPPROTO_TCP, BOTH, "repeat at even distances when little is sent"),
	INT(TCP_USER_TIMEOUT, IPPROTO_TCP, "ms", BOTH, 0, INT_MAX, "how long sent data may be unacknowledged"),
	SIZE(TCP_WINDOW_CLAMP, IPPROTO_TCP, BOTH, INT_MAX, "the largest window to offer"),

	BOOL(IP_BIND_ADDRESS_NO_PORT, IPPROTO_IP, SOCKOPT_CONNECT, "choose the local port as late as can be"),
	BOOL(IP_FREEBIND, IPPROTO_IP, BOTH, "bind to an address that is not there yet"),
	INT(IP_MINTTL, IPPROTO_IP, "n", BOTH, 0, 255, "drop packets that come from further away",
	    .v6_twin = IPV6_MINHOPCOUNT),
	INT(IP_MTU_DISCOVER, IPPROTO_IP, "n", BOTH, 0, 5, "whether packets may be fragmented",
	    .v6_twin = IPV6_MTU_DISCOVER),
	INT(IP_TOS, IPPROTO_IP, "n", BOTH, 0, 255, "the class of service of packets", .v6_twin = IPV6_TCLASS),
	BOOL(IP_TRANSPARENT, IPPROTO_IP, BOTH, "use addresses of others"),
	INT(IP_TTL, IPPROTO_IP, "n", BOTH, 1, 255, "how many hops packets may go", .v6_twin = IPV6_UNICAST_HOPS),
	BOOL(IPV6_AUTOFLOWLABEL, IPPROTO_IPV6, BOTH, "give each connection a flow label"),
	INT(IPV6_MINHOPCOUNT, IPPROTO_IPV6, "n", BOTH, 0, 255, "IP_MINTTL, for IPv6 alone"),
	INT(IPV6_MTU_DISCOVER, IPPROTO_IPV6, "n", BOTH, 0, 5, "IP_MTU_DISCOVER, for IPv6 alone"),
	INT(IPV6_TCLASS, IPPROTO_IPV6, "n", BOTH, 0, 255, "IP_TOS, for IPv6 alone"),
	INT(IPV6_UNICAST_HOPS, IPPROTO_IPV6, "n", BOTH, 1, 255, "IP_TTL, for IPv6 alone"),
	BOOL(IPV6_V6ONLY, IPPROTO_IPV6, BOTH, "leave IPv4 to others"),
	{ .name = NULL }
};

/* ---- from words ---- */

/* The row whose name has these n characters, or NULL. */
static const struct sockopt_row *
row_named(const char *name, size_t n)
{
	for (const struct sockopt_row *row = sockopt_rows; row->name != NULL; row++) {
		if (strlen(row->name) == n && memcmp(row->name, name, n) == 0)
			return row;
	}
	return NULL;
}

/* The row that these n characters come near to: in the wrong case, or without what is before the first `_`. */
static const struct sockopt_row *
row_like(const char *name, size_t n)
{
	for (const struct sockopt_row *row = sockopt_rows; row->name != NULL; row++) {
		const char *bare = strchr(row->name, '_') + 1;
		if ((strlen(row->name) == n && strncasecmp(row->name, name, n) == 0) ||
		    (strlen(bare) == n && strncasecmp(bare, name, n) == 0))
			return row;
	}
	return NULL;
}

/* Goes on after the word: what the row's value should have been. */
static int
wrong_value(const struct sockopt_row *row, bool given, struct err *err)
{
	const char *needs = given ? "needs" : "needs a value:";
	long long min = row->min, max = row->max;

	switch (row->kind) {
	case SOCKOPT_BOOL:
		return err_set(err, ERR_USAGE, 0, "%s 0 or 1", needs);
	case SOCKOPT_INT:
		return err_set(err, ERR_USAGE, 0, "%s a number from %lld to %lld", needs, min, max);
	case SOCKOPT_SIZE:
		return err_set(err, ERR_USAGE, 0, "%s a size from %lld to %lld (such as 100, 64k, 1M)", needs, min, max);
	case SOCKOPT_LINGER:
		return err_set(err, ERR_USAGE, 0, "%s a number of seconds from %lld to %lld, or off", needs, min, max);
	case SOCKOPT_TEXT:
		return err_set(err, ERR_USAGE, 0, "%s a name of %lld to %lld characters", needs, min, max);
	case SOCKOPT_IGNORED:
		break;
	}
	return -1;
}

/* Reads what stands behind the `=`; NULL: nothing does. */
static bool
take_value(struct sockopt *opt, const char *value)
{
	const struct sockopt_row *row = opt->row;

	if (value == NULL) {
		opt->num = 1;
		return row->kind == SOCKOPT_BOOL || row->kind == SOCKOPT_IGNORED;
	}
	switch (row->kind) {
	case SOCKOPT_BOOL:
	case SOCKOPT_INT:
		return num_int(value, row->min, row->max, &opt->num);
	case SOCKOPT_SIZE:
		return num_size(value, &opt->num) && opt->num >= row->min && opt->num <= row->max;
	case SOCKOPT_LINGER:
		opt->num = -1;
		return strcmp(value, "off") == 0 || num_int(value, row->min, row->max, &opt->num);
	case SOCKOPT_TEXT:
		opt->text = value;
		return strlen(value) >= (size_t)row->min && strlen(value) <= (size_t)row->max;
	case SOCKOPT_IGNORED:
		return true;
	}
	return false;
}

int
sockopt_add(struct sockopts *opts, const char *word, enum sockopt_side side, struct err *err)
{
	const char *equals = strchr(word, '=');
	size_t n = equals != NULL ? (size_t)(equals - word) : strlen(word), kept = 0;
	struct sockopt opt = { .row = row_named(word, n) };
	const struct sockopt_row *like;

	if (opt.row == NULL) {
		err_set(err, ERR_USAGE, 0, "is not a socket option that sockt knows");
		if ((like = row_like(word, n)) != NULL)
			err_add(err, "; did you mean %s?", like->name);
		return -1;
	}
	if ((opt.row->sides & side) == 0)
		return err_set(err, ERR_USAGE, 0, "is only for sockets that %s",
		    side == SOCKOPT_CONNECT ? "listen" : "connect");
	if (!take_value(&opt, equals != NULL ? equals + 1 : NULL))
		return wrong_value(opt.row, equals != NULL, err);
	/* close(2) then waits, non-blocking or not, and everyone else with it. */
	if (opt.row->kind == SOCKOPT_LINGER && side == SOCKOPT_LISTEN && opt.num > 0)
		return err_set(err, ERR_USAGE, 0, "would let one client hold up the others; a listener takes 0 and off");
	for (size_t i = 0; i < opts->n; i++) {
		if (opts->v[i].row != opt.row)
			opts->v[kept++] = opts->v[i];
	}
	opts->n = kept;
	if (opts->n == SOCKOPT_MAX)
		return err_set(err, ERR_USAGE, 0, "is one too many: there may be %d", SOCKOPT_MAX);
	opts->v[opts->n++] = opt;
	return 0;
}

bool
sockopt_given(const struct sockopts *opts, const char *name)
{
	for (size_t i = 0; i < opts->n; i++) {
		if (strcmp(opts->v[i].row->name, name) == 0)
			return true;
	}
	return false;
}

/* ---- to sockets ---- */

static bool
fits(const struct sockopt_row *row, int family)
{
	if (row->level == SOL_SOCKET)
		return true;		/* whether it makes sense there is for the system to say */
	return family == AF_INET6 || (family == AF_INET && row->level != IPPROTO_IPV6);
}

int
sockopt_check(const struct sockopts *opts, const struct addr_list *addrs, enum err_stage stage, struct err *err)
{
	bool inet = false;

	for (size_t i = 0; i < opts->n; i++) {
		bool good = false;
		for (size_t j = 0; j < addrs->n; j++) {
			good |= fits(opts->v[i].row, addr_family(&addrs->v[j]));
			inet |= addr_is_inet(&addrs->v[j]);
		}
		if (good)
			continue;
		if (inet)
			err_set(err, ERR_LOCAL, 0, "there is no IPv6 address to set it for");
		else
			err_set(err, ERR_USAGE, 0, "only TCP sockets have this option");
		return err_at(err, inet ? stage : STAGE_USAGE, opts->v[i].row->name);
	}
	return 0;
}

/* The value as a user writes it. */
static const char *
value_words(const struct sockopt *opt, char *out, size_t size)
{
	if (opt->row->kind == SOCKOPT_TEXT)
		snprintf(out, size, "%s", opt->text);
	else if (opt->num < 0)
		snprintf(out, size, "off");
	else
		snprintf(out, size, "%lld", (long long)opt->num);
	return out;
}

static int
refused(const struct sockopt *opt, int errnum, struct err *err)
{
	char value[VALUE_MAX];

	return err_set(err, ERR_LOCAL, errnum, "cannot be set to %s", value_words(opt, value, sizeof(value)));
}

/* The system said yes and did something else. */
static int
not_taken(const struct sockopt *opt, struct err *err)
{
	char value[VALUE_MAX];

	return err_set(err, ERR_LOCAL, 0, "cannot be set to %s: the system leaves it as it is",
	    value_words(opt, value, sizeof(value)));
}

/* Sets a number under the row's own option or its twin's, and looks whether it is there. */
static int
set_number(const struct sockopt *opt, int fd, int level, int option, struct err *err)
{
	const struct sockopt_row *row = opt->row;
	int value = (int)(uint32_t)opt->num;
	socklen_t len = sizeof(value);
	int64_t got;

	if (setsockopt(fd, level, option, &value, len) < 0 || getsockopt(fd, level, option, &value, &len) < 0)
		return refused(opt, errno, err);
	got = row->max > INT_MAX ? (int64_t)(uint32_t)value : value;
	if (row->doubled)
		got /= 2;
	if (row->kind == SOCKOPT_BOOL)
		return (got != 0) == (opt->num != 0) ? 0 : not_taken(opt, err);
	if (got >= opt->num)		/* more is fine: the system has minima, and rounds up */
		return 0;
	err_set(err, ERR_LIMIT, 0, "asked for %lld, but the system gives %lld", (long long)opt->num, (long long)got);
	if (row->limit != NULL)
		err_add(err, "; %s is the limit", row->limit);
	return -1;
}

static int
set_linger(const struct sockopt *opt, int fd, struct err *err)
{
	struct linger linger = { .l_onoff = opt->num >= 0, .l_linger = opt->num >= 0 ? (int)opt->num : 0 };
	struct linger got = { .l_onoff = 0 };
	socklen_t len = sizeof(got);

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_LINGER, &got, &len) < 0)
		return refused(opt, errno, err);
	if ((got.l_onoff != 0) == (linger.l_onoff != 0) && got.l_linger >= linger.l_linger)
		return 0;
	return not_taken(opt, err);
}

static int
set_text(const struct sockopt *opt, int fd, struct err *err)
{
	char got[VALUE_MAX] = "";
	socklen_t len = sizeof(got) - 1;

	if (setsockopt(fd, opt->row->level, opt->row->option, opt->text, (socklen_t)strlen(opt->text)) < 0 ||
	    getsockopt(fd, opt->row->level, opt->row->option, got, &len) < 0)
		return refused(opt, errno, err);
	return strcmp(got, opt->text) == 0 ? 0 : not_taken(opt, err);
}

static int
set_one(const struct sockopt *opt, int fd, int family, struct err *err)
{
	switch (opt->row->kind) {
	case SOCKOPT_BOOL:
	case SOCKOPT_INT:
	case SOCKOPT_SIZE:
		if (set_number(opt, fd, opt->row->level, opt->row->option, err) < 0)
			return -1;
		/* A socket that serves both families has one setting for each. */
		if (opt->row->v6_twin != 0 && family == AF_INET6 &&
		    set_number(opt, fd, IPPROTO_IPV6, opt->row->v6_twin, err) < 0) {
			err_add(err, " (for IPv6)");
			return -1;
		}
		return 0;
	case SOCKOPT_LINGER:
		return set_linger(opt, fd, err);
	case SOCKOPT_TEXT:
		return set_text(opt, fd, err);
	case SOCKOPT_IGNORED:
		return 0;
	}
	return 0;
}

int
sockopt_set(const struct sockopts *opts, int fd, int family, enum err_stage stage, struct err *err)
{
	for (size_t i = 0; i < opts->n; i++) {
		const struct sockopt *opt = &opts->v[i];
		if (fits(opt->row, family) && set_one(opt, fd, family, err) < 0)
			return err_at(err, stage, opt->row->name);
	}
	sockopt_set_again(opts, fd);	/* IP_TOS has its own idea of SO_PRIORITY, and may come after it */
	return 0;
}

void
sockopt_set_again(const struct sockopts *opts, int fd)
{
	for (size_t i = 0; i < opts->n; i++) {
		const struct sockopt_row *row = opts->v[i].row;
		int value = (int)opts->v[i].num;
		if (row->again)
			setsockopt(fd, row->level, row->option, &value, sizeof(value));
	}
}

void
sockopt_say_ignored(const struct sockopts *opts, const struct log *log)
{
	for (size_t i = 0; i < opts->n; i++) {
		if (opts->v[i].row->kind == SOCKOPT_IGNORED)
			log_ignored(log, opts->v[i].row->name, "sockt never blocks on a socket; --idle does that job");
	}
}
