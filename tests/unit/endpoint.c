/*
 * Addresses as users write them: every form, every refusal, and no byte read past the end of a word, which here is the
 * last before an unreadable page.
 */
#include "lib/wire/endpoint.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/check.h"

static char *page_end;		/* behind it nothing may be read */

static bool
make_edge(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || mprotect(pages + page, page, PROT_NONE) < 0)
		return false;
	page_end = pages + page;
	return true;
}

/* The word, so that its NUL is the last byte that may be read. Good until the next call. */
static const char *
at_the_edge(const char *word)
{
	size_t n = strlen(word) + 1;

	return memcpy(page_end - n, word, n);
}

static int
parse(struct endpoint *ep, const char *word, enum endpoint_use use, struct err *err)
{
	*err = ERR_EMPTY;
	return endpoint_parse(ep, at_the_edge(word), use, err);
}

static void
tcp(const char *word, enum endpoint_use use, const char *host, const char *port)
{
	struct endpoint ep;
	struct err err;

	CHECK_INT(parse(&ep, word, use, &err), 0);
	if (err.kind != ERR_NONE) {
		printf("\t'%s': %s\n", word, err.text);
		return;
	}
	CHECK_INT(ep.kind, ENDPOINT_TCP);
	CHECK_TEXT(ep.host, host);
	CHECK_TEXT(ep.port, port);
	CHECK_TEXT(ep.path, "");
}

static void
udp(const char *word, const char *host, const char *port)
{
	struct endpoint ep;
	struct err err;

	CHECK_INT(parse(&ep, word, ENDPOINT_CONNECT, &err), 0);
	CHECK_INT(ep.kind, ENDPOINT_UDP);
	CHECK_TEXT(ep.host, host);
	CHECK_TEXT(ep.port, port);
	CHECK_TEXT(ep.path, "");
}

static void
path(const char *word, const char *want)
{
	static const enum endpoint_use uses[] = { ENDPOINT_CONNECT, ENDPOINT_LISTEN };
	struct endpoint ep;
	struct err err;

	for (size_t i = 0; i < 2; i++) {
		CHECK_INT(parse(&ep, word, uses[i], &err), 0);
		CHECK_INT(ep.kind, ENDPOINT_UNIX);
		CHECK_TEXT(ep.host, "");
		CHECK_TEXT(ep.port, "");
		CHECK_TEXT(ep.path, want);
	}
}

/* The same without the scheme. */
static void
bare_path(void)
{
	struct endpoint ep;
	struct err err;

	CHECK_INT(endpoint_path(&ep, "unix:x", &err), 0);
	CHECK_INT(ep.kind, ENDPOINT_UNIX);
	CHECK_TEXT(ep.path, "unix:x");
	CHECK_INT(endpoint_path(&ep, "", &err), -1);
	CHECK_INT(err.kind, ERR_USAGE);
	CHECK_INT(endpoint_path(&ep, "@", &err), -1);
}

static void
vsock(const char *word, enum endpoint_use use, uint32_t cid, const char *port)
{
	struct endpoint ep;
	struct err err;

	CHECK_INT(parse(&ep, word, use, &err), 0);
	CHECK_INT(ep.kind, ENDPOINT_VSOCK);
	CHECK_INT(ep.cid, cid);
	CHECK_TEXT(ep.port, port);
	CHECK_TEXT(ep.host, "");
}

static void
refused(const char *word, enum endpoint_use use, const char *why)
{
	struct endpoint ep;
	struct err err;

	CHECK_INT(parse(&ep, word, use, &err), -1);
	CHECK_INT(err.kind, ERR_USAGE);
	CHECK(strstr(err.text, why) != NULL);
	CHECK(err.object[0] != '\0' && strncmp(err.object, word[0] != '\0' ? word : "''", sizeof(err.object) - 1) == 0);
	if (strstr(err.text, why) == NULL)
		printf("\t'%s' is refused as '%s: %s'\n", word, err.object, err.text);
}

static void
to_connect(void)
{
	tcp("db:5432", ENDPOINT_CONNECT, "db", "5432");
	tcp("127.0.0.1:1", ENDPOINT_CONNECT, "127.0.0.1", "1");
	tcp("[::1]:65535", ENDPOINT_CONNECT, "::1", "65535");
	tcp("[fe80::1%eth0]:22", ENDPOINT_CONNECT, "fe80::1%eth0", "22");
	tcp("[::ffff:10.0.0.1]:80", ENDPOINT_CONNECT, "::ffff:10.0.0.1", "80");
	tcp("db.example.:080", ENDPOINT_CONNECT, "db.example.", "80");
	tcp("db:http", ENDPOINT_CONNECT, "db", "http");
	tcp("db:a-b_c9", ENDPOINT_CONNECT, "db", "a-b_c9");
	tcp("tcp://db:80", ENDPOINT_CONNECT, "db", "80");
	tcp("tcp://[::1]:80", ENDPOINT_CONNECT, "::1", "80");
	udp("udp://db:80", "db", "80");
	udp("udp://[::1]:ntp", "::1", "ntp");
	bare_path();
	path("unix:/run/x.sock", "/run/x.sock");
	path("unix:x:80", "x:80");
	path("unix:@name", "@name");
	path("unix: blank", " blank");

	refused("", ENDPOINT_CONNECT, "port is missing");
	refused("db", ENDPOINT_CONNECT, "port is missing");
	refused("80", ENDPOINT_CONNECT, "port is missing");
	refused("[::1]", ENDPOINT_CONNECT, "port is missing");
	refused("[::1]80", ENDPOINT_CONNECT, "port is missing");
	refused("tcp://db", ENDPOINT_CONNECT, "port is missing");
	refused("db:", ENDPOINT_CONNECT, "port must be");
	refused(":80", ENDPOINT_CONNECT, "host is empty");
	refused("[]:80", ENDPOINT_CONNECT, "host is empty");
	refused("tcp://:80", ENDPOINT_CONNECT, "host is empty");
	refused("::1:80", ENDPOINT_CONNECT, "[ADDRESS]:PORT");
	refused("db:80:90", ENDPOINT_CONNECT, "[ADDRESS]:PORT");
	refused("[::1]:80:90", ENDPOINT_CONNECT, "[ADDRESS]:PORT");
	refused("tcp://db:80/", ENDPOINT_CONNECT, "port must be");
	refused("http://db:80", ENDPOINT_CONNECT, "begins with tcp://, udp://, unix: or vsock:");
	refused("TCP://db:80", ENDPOINT_CONNECT, "begins with tcp://, udp://, unix: or vsock:");
	refused("unix:", ENDPOINT_CONNECT, "path is empty");
	refused("unix:@", ENDPOINT_CONNECT, "path is empty");
}

static void
hosts(void)
{
	refused("[::1:80", ENDPOINT_CONNECT, "brackets");
	refused("[:80", ENDPOINT_CONNECT, "brackets");
	refused("::1]:80", ENDPOINT_CONNECT, "");
	refused("a[b:80", ENDPOINT_CONNECT, "brackets");
	refused("a]b:80", ENDPOINT_CONNECT, "brackets");
	refused("[db]:80", ENDPOINT_CONNECT, "not an IPv6 address");
	refused("[127.0.0.1]:80", ENDPOINT_CONNECT, "not an IPv6 address");
	refused("[::1%]:80", ENDPOINT_CONNECT, "not an IPv6 address");
	refused("[::1::2]:80", ENDPOINT_CONNECT, "not an IPv6 address");
	refused("[12345::]:80", ENDPOINT_CONNECT, "not an IPv6 address");
	refused(" db:80", ENDPOINT_CONNECT, "blanks");
	refused("d b:80", ENDPOINT_CONNECT, "blanks");
	refused("db\t:80", ENDPOINT_CONNECT, "control");
	refused("db\n:80", ENDPOINT_CONNECT, "control");
	refused("d\x7f:80", ENDPOINT_CONNECT, "control");
	refused("\x1b[31m:80", ENDPOINT_CONNECT, "control");
}

static void
ports(void)
{
	static const char *const bad[] = {
		"db:80x", "db: 80", "db:80 ", "db:+80", "db:-80", "db:0x50", "db:65536", "db:99999", "db:80.0", "db:8 0",
		"db:99999999999999999999", "db:_x", "db:80\n", "db:\xc3\xa4",
	};
	static const char *const bad_names[] = { "db:ht tp", "db:http!", "db:http/", "db:http.x", "db:h\xc3\xa4" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		refused(bad[i], ENDPOINT_CONNECT, "number from 1 to 65535");
		refused(bad[i], ENDPOINT_LISTEN, "number from 0 to 65535");
	}
	for (size_t i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++)
		refused(bad_names[i], ENDPOINT_CONNECT, "not a port number or service name");
	refused("db:0", ENDPOINT_CONNECT, "number from 1 to 65535");
	tcp("db:0", ENDPOINT_LISTEN, "db", "0");
	tcp("db:000", ENDPOINT_LISTEN, "db", "0");
}

static void
to_listen(void)
{
	tcp("80", ENDPOINT_LISTEN, "", "80");
	tcp("0", ENDPOINT_LISTEN, "", "0");
	tcp(":0", ENDPOINT_LISTEN, "", "0");
	tcp(":http", ENDPOINT_LISTEN, "", "http");
	tcp("http", ENDPOINT_LISTEN, "", "http");
	tcp("localhost:0", ENDPOINT_LISTEN, "localhost", "0");
	tcp("[::]:0", ENDPOINT_LISTEN, "::", "0");
	refused("", ENDPOINT_LISTEN, "port must be");
	refused(":", ENDPOINT_LISTEN, "port must be");
	refused("::", ENDPOINT_LISTEN, "[ADDRESS]:PORT");
	refused("80x", ENDPOINT_LISTEN, "port must be");
	refused("[]:80", ENDPOINT_LISTEN, "host is empty");
	refused("tcp://db:80", ENDPOINT_LISTEN, "without a scheme");
	refused("udp://db:80", ENDPOINT_LISTEN, "without a scheme");
	refused("udp://db", ENDPOINT_CONNECT, "port is missing");
}

static void
vsocks(void)
{
	static const char *const bad_cids[] = {
		"vsock::1", "vsock:x:1", "vsock:-1:1", "vsock:+1:1", "vsock: 1:1", "vsock:1 :1", "vsock:0x1:1", "vsock:Local:1",
		"vsock:4294967295:1", "vsock:4294967296:1", "vsock:99999999999999999999:1", "vsock:local1:1",
	};
	static const char *const bad_ports[] = {
		"vsock:2:", "vsock:2:x", "vsock:2:-1", "vsock:2:+1", "vsock:2: 1", "vsock:2:1 ", "vsock:2:0x1", "vsock:2:http",
		"vsock:2:4294967296", "vsock:2:1:2", "vsock:2:99999999999999999999",
	};

	for (int use = ENDPOINT_CONNECT; use <= ENDPOINT_LISTEN; use++) {
		vsock("vsock:2:1234", (enum endpoint_use)use, 2, "1234");
		vsock("vsock:local:1", (enum endpoint_use)use, 1, "1");
		vsock("vsock:host:007", (enum endpoint_use)use, 2, "7");
		vsock("vsock:0:0", (enum endpoint_use)use, 0, "0");
		vsock("vsock:4294967294:4294967295", (enum endpoint_use)use, UINT32_MAX - 1, "4294967295");
		for (size_t i = 0; i < sizeof(bad_cids) / sizeof(bad_cids[0]); i++)
			refused(bad_cids[i], (enum endpoint_use)use, "CID must be");
		for (size_t i = 0; i < sizeof(bad_ports) / sizeof(bad_ports[0]); i++)
			refused(bad_ports[i], (enum endpoint_use)use, "number from 0 to 4294967295");
		refused("vsock:", (enum endpoint_use)use, "port is missing");
		refused("vsock:2", (enum endpoint_use)use, "port is missing");
	}
	vsock("vsock:any:0", ENDPOINT_LISTEN, ENDPOINT_CID_ANY, "0");
	vsock("vsock:*:7000", ENDPOINT_LISTEN, ENDPOINT_CID_ANY, "7000");
	refused("vsock:any:1", ENDPOINT_CONNECT, "nowhere to connect");
	refused("vsock:*:1", ENDPOINT_CONNECT, "nowhere to connect");
	refused("VSOCK:2:1", ENDPOINT_CONNECT, "[ADDRESS]:PORT");
}

static void
pairs(void)
{
	static const struct { const char *host, *port, *why, *object; } bad[] = {
		{ "", "80", "host is empty", "''" },
		{ "db", "", "port must be", "''" },
		{ "db", "80x", "port must be", "80x" },
		{ "db", ":80", "port must be", ":80" },
		{ "db:1", "80", "not an IPv6 address", "db:1" },
		{ "[::1", "80", "brackets", "[::1" },
		{ "::1]", "80", "brackets", "::1]" },
		{ "d b", "80", "blanks", "d b" },
	};
	struct endpoint ep;
	struct err err = ERR_EMPTY;

	CHECK_INT(endpoint_pair(&ep, "db", "http", ENDPOINT_CONNECT, &err), 0);
	CHECK_TEXT(ep.host, "db");
	CHECK_TEXT(ep.port, "http");
	CHECK_INT(endpoint_pair(&ep, at_the_edge("::1"), "080", ENDPOINT_CONNECT, &err), 0);
	CHECK_TEXT(ep.host, "::1");
	CHECK_TEXT(ep.port, "80");
	CHECK_INT(endpoint_pair(&ep, at_the_edge("[fe80::1%2]"), "0", ENDPOINT_LISTEN, &err), 0);
	CHECK_TEXT(ep.host, "fe80::1%2");
	CHECK_INT(endpoint_pair(&ep, "db", at_the_edge("65535"), ENDPOINT_CONNECT, &err), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err = ERR_EMPTY;
		CHECK_INT(endpoint_pair(&ep, bad[i].host, bad[i].port, ENDPOINT_CONNECT, &err), -1);
		CHECK_INT(err.kind, ERR_USAGE);
		CHECK_TEXT(err.object, bad[i].object);
		CHECK(strstr(err.text, bad[i].why) != NULL);
	}
}

/* Each part at its longest, and one more. */
static void
lengths(void)
{
	char word[512], host[512], path_word[512];
	struct endpoint ep;
	struct err err;

	memset(host, 'h', sizeof(host));
	snprintf(word, sizeof(word), "%.255s:80", host);
	CHECK_INT(parse(&ep, word, ENDPOINT_CONNECT, &err), 0);
	CHECK_INT(strlen(ep.host), 255);
	snprintf(word, sizeof(word), "%.256s:80", host);
	refused(word, ENDPOINT_CONNECT, "longer than 255");
	snprintf(word, sizeof(word), "db:%.63s", host);
	CHECK_INT(parse(&ep, word, ENDPOINT_CONNECT, &err), 0);
	CHECK_INT(strlen(ep.port), 63);
	snprintf(word, sizeof(word), "db:%.64s", host);
	refused(word, ENDPOINT_CONNECT, "not a port number or service name");
	snprintf(word, sizeof(word), "[%.300s]:80", host);
	refused(word, ENDPOINT_CONNECT, "");

	memset(path_word, 'p', sizeof(path_word));
	memcpy(path_word, "unix:", 5);
	path_word[5 + 107] = '\0';
	CHECK_INT(parse(&ep, path_word, ENDPOINT_CONNECT, &err), 0);
	CHECK_INT(strlen(ep.path), 107);
	path_word[5 + 107] = 'p';
	path_word[5 + 108] = '\0';
	refused(path_word, ENDPOINT_CONNECT, "107 bytes");
}

static void
names(void)
{
	static const struct { const char *word; enum endpoint_use use; const char *want; } cases[] = {
		{ "db:080", ENDPOINT_CONNECT, "db:80" },
		{ "tcp://db:http", ENDPOINT_CONNECT, "db:http" },
		{ "[::1]:80", ENDPOINT_CONNECT, "[::1]:80" },
		{ "unix:/run/x", ENDPOINT_CONNECT, "unix:/run/x" },
		{ "unix:@x", ENDPOINT_CONNECT, "unix:@x" },
		{ ":80", ENDPOINT_LISTEN, "*:80" },
		{ "vsock:host:08", ENDPOINT_CONNECT, "vsock:2:8" },
		{ "vsock:*:0", ENDPOINT_LISTEN, "vsock:any:0" },
	};
	struct endpoint ep;
	struct err err;
	char out[400];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK_INT(parse(&ep, cases[i].word, cases[i].use, &err), 0);
		CHECK_TEXT(endpoint_name(&ep, out, sizeof(out)), cases[i].want);
	}
}

/* Every beginning of some good words: no crash at the edge, and a verdict that comes with a reason or a port. */
static void
beginnings(void)
{
	static const char *const whole[] = {
		"tcp://[fe80::1%eth0]:8080", "unix:@a", "[::ffff:1.2.3.4]:http", "db.example.com:65535", ":::::", "[[]]::[",
		"vsock:host:4294967295",
	};
	char word[64];
	struct endpoint ep;
	struct err err;

	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		for (size_t n = 0; n <= strlen(whole[i]); n++) {
			snprintf(word, sizeof(word), "%.*s", (int)n, whole[i]);
			for (int use = ENDPOINT_CONNECT; use <= ENDPOINT_LISTEN; use++) {
				if (parse(&ep, word, (enum endpoint_use)use, &err) < 0)
					CHECK(err.kind == ERR_USAGE && err.text[0] != '\0');
				else
					CHECK(err.kind == ERR_NONE && (ep.port[0] != '\0' || ep.path[0] != '\0'));
			}
		}
	}
}

int
main(void)
{
	if (!make_edge()) {
		perror("endpoint: mmap");
		return 1;
	}
	to_connect();
	hosts();
	ports();
	to_listen();
	vsocks();
	pairs();
	lengths();
	names();
	beginnings();
	return check_done("endpoint");
}
