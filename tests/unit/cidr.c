/*
 * Networks: which words are one, what lies in them, lines of a file, and that a sorted set says what each of its
 * networks alone would.
 */
#include "lib/wire/cidr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/check.h"

/* The 16 bytes of a numeric address. */
static const uint8_t *
bytes(const char *host)
{
	static uint8_t out[2][16];
	static unsigned turn;
	uint8_t *to = out[turn++ % 2];

	memset(to, 0, 16);
	if (inet_pton(AF_INET6, host, to) != 1) {
		to[10] = to[11] = 0xff;
		CHECK(inet_pton(AF_INET, host, to + 12) == 1);
	}
	return to;
}

static struct cidr
parsed(const char *word)
{
	struct cidr c = { .bits = 999 };
	struct err err = ERR_EMPTY;

	if (cidr_parse(&c, word, &err) < 0 || c.bits > 128) {
		CHECK(false);
		printf("\tnot taken: '%s'\n", word);
	}
	return c;
}

static void
taken(const char *word, const char *addr, unsigned bits)
{
	struct cidr c = parsed(word);

	CHECK_INT(c.bits, bits);
	CHECK(memcmp(c.addr, bytes(addr), 16) == 0);
	if (c.bits != bits || memcmp(c.addr, bytes(addr), 16) != 0)
		printf("\tcidr '%s'\n", word);
}

static void
words(void)
{
	static const char *const refused[] = {
		"", "/", "/8", " ", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/128", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/ 8",
		"10.0.0.0 /8", " 10.0.0.0/8", "10.0.0.0/8 ", "10.0.0.0/8\n", "10.0.0.0/08", "10.0.0.0/00", "10.0.0.0/8/8",
		"10.0.0.0/255.0.0.0", "10.0.0.0/0x8", "10.0.0.0/8x", "10.0.0.0/99999999999999999999", "10/8", "10.0/16",
		"10.0.0/24", "10.0.0.0.0", "10.0.0.256", "010.0.0.0/8", "0x0a.0.0.0/8", "167772160", "10.0.0.0-10.0.0.9",
		"10.0.0.*", "-10.0.0.0", "+10.0.0.0", "1.2.3.4,5.6.7.8", "[10.0.0.0]/8", "[10.0.0.1]", "::/129", "::/-1",
		"2001:db8::/", ":::", "::1::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "g::", "fe80::1%eth0",
		"fe80::%1/10", "[::1", "::1]", "[]", "[]/8", "[", "]", "[::/64]", "[::1]64", "[[::1]]", "[::1]:80", "::1/64 ",
		"localhost", "example.com/24", "all", "*", "@", "@file", "::ffff:1.2.3.4/129", "1.2.3.4:80",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee:ffff", "::ffff:300.1.1.1", "\xd9\xa1.1.1.1",
	};
	struct cidr c = { .bits = 999 };
	struct err err;

	taken("10.0.0.0/8", "::ffff:10.0.0.0", 104);
	taken("0.0.0.0/0", "::ffff:0.0.0.0", 96);
	taken("192.168.1.1", "::ffff:192.168.1.1", 128);
	taken("192.168.1.1/32", "::ffff:192.168.1.1", 128);
	taken("192.168.1.5/24", "::ffff:192.168.1.0", 120);
	taken("255.255.255.255/1", "::ffff:128.0.0.0", 97);
	taken("10.255.255.255/9", "::ffff:10.128.0.0", 105);
	taken("2001:db8::/32", "2001:db8::", 32);
	taken("2001:DB8:ffff::/33", "2001:db8:8000::", 33);
	taken("::1", "::1", 128);
	taken("[::1]", "::1", 128);
	taken("[2001:db8::]/32", "2001:db8::", 32);
	taken("::/0", "::", 0);
	taken("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/127", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", 127);
	taken("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 128);
	taken("::ffff:10.1.2.3/104", "::ffff:10.0.0.0", 104);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		err = ERR_EMPTY;
		CHECK(cidr_parse(&c, refused[i], &err) == -1);
		CHECK(err.kind == ERR_USAGE && err.object[0] == '\0' && c.bits == 999);
		CHECK_TEXT(err.text, "is not an address or network (such as 10.0.0.0/8 or 2001:db8::/32)");
		if (c.bits != 999)
			printf("\ttaken: '%s'\n", refused[i]);
		c.bits = 999;
	}
}

static void
has(const char *network, const char *host, bool want)
{
	struct cidr c = parsed(network);
	bool got = cidr_has(&c, bytes(host));

	CHECK(got == want);
	if (got != want)
		printf("\t%s in %s\n", host, network);
}

static void
members(void)
{
	has("10.0.0.0/8", "10.255.255.255", true);
	has("10.0.0.0/8", "11.0.0.0", false);
	has("10.0.0.0/8", "9.255.255.255", false);
	has("10.0.0.0/8", "::ffff:10.1.2.3", true);
	has("10.128.0.0/9", "10.127.255.255", false);
	has("10.128.0.0/9", "10.128.0.0", true);
	has("192.168.1.1", "192.168.1.1", true);
	has("192.168.1.1", "192.168.1.0", false);
	has("192.168.1.0/31", "192.168.1.1", true);
	has("2001:db8::/33", "2001:db8:7fff::1", true);
	has("2001:db8::/33", "2001:db8:8000::1", false);
	has("::1", "::1", true);
	has("::1", "127.0.0.1", false);

	/* Each family is all of its own and nothing of the other, however it is written. */
	has("0.0.0.0/0", "255.255.255.255", true);
	has("0.0.0.0/0", "::", false);
	has("0.0.0.0/0", "2001:db8::1", false);
	has("0.0.0.0/0", "::fffe:1.2.3.4", false);
	has("::/0", "2001:db8::1", true);
	has("::/0", "1.2.3.4", false);
	has("::/64", "::ffff:1.2.3.4", false);
	has("::ffff:0:0/95", "1.2.3.4", false);
	has("::ffff:0:0/95", "::fffe:1.2.3.4", true);
	has("::ffff:0:0/96", "1.2.3.4", true);
}

static void
line(const char *text, size_t n, enum cidr_line want, unsigned bits, const char *why)
{
	struct cidr c = { .bits = 999 };
	struct err err = ERR_EMPTY;
	enum cidr_line got = cidr_line(&c, text, n, &err);

	CHECK_INT(got, want);
	CHECK_INT(c.bits, bits);
	CHECK_TEXT(err.text, why);
}

#define LINE(text, want, bits, why) line((text), sizeof(text) - 1, (want), (bits), (why))
#define NOT_ONE "is not an address or network (such as 10.0.0.0/8 or 2001:db8::/32)"

static void
lines(void)
{
	char longest[4096];

	LINE("", CIDR_LINE_NONE, 999, "");
	LINE(" \t\r", CIDR_LINE_NONE, 999, "");
	LINE("#", CIDR_LINE_NONE, 999, "");
	LINE("  # 10.0.0.0/33", CIDR_LINE_NONE, 999, "");
	LINE("10.0.0.0/8", CIDR_LINE_ONE, 104, "");
	LINE("\t 10.0.0.0/8 \r", CIDR_LINE_ONE, 104, "");
	LINE("10.0.0.0/8# the office", CIDR_LINE_ONE, 104, "");
	LINE("::1 # a # b", CIDR_LINE_ONE, 128, "");
	LINE("10.0.0.0/33", CIDR_LINE_BAD, 999, "'10.0.0.0/33' " NOT_ONE);
	LINE("10.0.0.0/8 10.0.0.0/9", CIDR_LINE_BAD, 999, "'10.0.0.0/8 10.0.0.0/9' " NOT_ONE);
	LINE("10.0.0.0/8\0", CIDR_LINE_BAD, 999, "there is a NUL byte in it");
	LINE("; comment", CIDR_LINE_BAD, 999, "'; comment' " NOT_ONE);
	LINE("\xef\xbb\xbf::1", CIDR_LINE_BAD, 999, "'\xef\xbb\xbf::1' " NOT_ONE);

	/* Length is no excuse: what is long enough to be cut is refused, blanks and comments are not. */
	memset(longest, ' ', sizeof(longest));
	longest[4000] = longest[4001] = ':';
	longest[4002] = '1';
	line(longest, sizeof(longest), CIDR_LINE_ONE, 128, "");
	memmove(longest, longest + 4000, 4);
	longest[3] = '#';
	line(longest, sizeof(longest), CIDR_LINE_ONE, 128, "");
	memset(longest, '0', sizeof(longest));
	longest[0] = longest[1] = ':';
	struct cidr c;
	struct err err;
	CHECK(cidr_line(&c, longest, sizeof(longest), &err) == CIDR_LINE_BAD);
}

/* Every cut of a line, its end against a page that may not be read. */
static void
page_edge(void)
{
	static const char text[] = " [2001:db8:1:2:3:4:5:6]/128 # c";
	size_t page = (size_t)sysconf(_SC_PAGESIZE), n = sizeof(text) - 1;
	char *area = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(area != MAP_FAILED);
	if (area == MAP_FAILED || mprotect(area + page, page, PROT_NONE) < 0)
		return;
	for (size_t cut = 0; cut <= n; cut++) {
		struct cidr c;
		struct err err;
		enum cidr_line want = cut < 2 ? CIDR_LINE_NONE : cut == 23 || cut >= 25 ? CIDR_LINE_ONE : CIDR_LINE_BAD;
		memcpy(area + page - cut, text, cut);
		CHECK_INT(cidr_line(&c, area + page - cut, cut, &err), want);
	}
	munmap(area, 2 * page);
}

static uint64_t seed = 88172645463325252U;

static uint32_t
random_bits(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 16);
}

/* An address of either family that is likely to lie near others: few of its bits are set. */
static void
random_addr(uint8_t addr[16])
{
	memset(addr, 0, 16);
	for (int i = 0; i < 3; i++)
		addr[random_bits() % 16] |= (uint8_t)(1U << random_bits() % 8);
	if (random_bits() % 2) {
		memset(addr, 0, 10);
		addr[10] = addr[11] = 0xff;
	}
}

static struct cidr
random_network(void)
{
	char host[INET6_ADDRSTRLEN], word[INET6_ADDRSTRLEN + 8];
	uint8_t addr[16];

	random_addr(addr);
	inet_ntop(AF_INET6, addr, host, sizeof(host));
	snprintf(word, sizeof(word), "%s/%u", host, random_bits() % 4 == 0 ? random_bits() % 129 : 80 + random_bits() % 49);
	return parsed(word);
}

/* The set says of every address what all its networks, one by one, say of it. */
static void
against_each(size_t n)
{
	struct cidr *all = calloc(n + 1, sizeof(*all));
	struct cidr_set set = CIDR_SET_EMPTY;
	int wrong = 0;

	if (all == NULL)
		return;
	for (size_t i = 0; i < n; i++) {
		all[i] = random_network();
		CHECK(cidr_set_add(&set, &all[i]));
		if (random_bits() % 16 == 0)
			cidr_set_sort(&set);		/* in between does no harm */
	}
	cidr_set_sort(&set);
	for (int i = 0; i < 2000; i++) {
		uint8_t addr[16];
		bool want = false;
		random_addr(addr);
		for (size_t j = 0; j < n; j++)
			want = want || cidr_has(&all[j], addr);
		wrong += cidr_set_has(&set, addr) != want;
	}
	CHECK_INT(wrong, 0);
	for (size_t i = 1; i < set.n; i++)
		CHECK(!cidr_has(&set.v[i - 1], set.v[i].addr) && !cidr_has(&set.v[i], set.v[i - 1].addr));
	cidr_set_free(&set);
	free(all);
}

static void
sets(void)
{
	static const char *const words[] = {
		"10.1.0.0/16", "::/0", "10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32", "192.168.1.1", "10.255.255.255",
	};
	struct cidr_set set = CIDR_SET_EMPTY;

	cidr_set_sort(&set);
	CHECK(!cidr_set_has(&set, bytes("::1")));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct cidr c = parsed(words[i]);
		CHECK(cidr_set_add(&set, &c));
	}
	cidr_set_sort(&set);
	CHECK_INT(set.n, 3);
	CHECK(cidr_set_has(&set, bytes("10.200.1.1")));
	CHECK(cidr_set_has(&set, bytes("192.168.1.1")));
	CHECK(cidr_set_has(&set, bytes("2001:db8::1")));
	CHECK(cidr_set_has(&set, bytes("ffff::")));
	CHECK(!cidr_set_has(&set, bytes("192.168.1.2")));
	CHECK(!cidr_set_has(&set, bytes("0.0.0.0")));
	CHECK(!cidr_set_has(&set, bytes("255.255.255.255")));
	cidr_set_free(&set);
	cidr_set_free(&set);
	for (int i = 0; i < 20; i++) {
		for (size_t n = 0; n < 6; n++)
			against_each(n);
		against_each(60);
	}
	against_each(2000);
}

/* A hundred thousand networks: a search from end to end would take minutes here. */
static void
many(void)
{
	struct cidr_set set = CIDR_SET_EMPTY;
	int found = 0;

	for (uint32_t i = 0; i < 100000; i++) {
		struct cidr c = { .addr = { [10] = 0xff, [11] = 0xff, [12] = 20 }, .bits = 128 };
		uint32_t at = (i * 7919U % 100000U) * 2;
		c.addr[13] = (uint8_t)(at >> 16);
		c.addr[14] = (uint8_t)(at >> 8);
		c.addr[15] = (uint8_t)at;
		CHECK(cidr_set_add(&set, &c));
	}
	cidr_set_sort(&set);
	CHECK_INT(set.n, 100000);
	for (uint32_t at = 0; at < 1000000; at++) {
		uint8_t addr[16] = { [10] = 0xff, [11] = 0xff, [12] = 20, [13] = (uint8_t)(at >> 16), [14] = (uint8_t)(at >> 8),
		    [15] = (uint8_t)at };
		found += cidr_set_has(&set, addr);
	}
	CHECK_INT(found, 100000);
	cidr_set_free(&set);
}

int
main(void)
{
	words();
	members();
	lines();
	page_edge();
	sets();
	many();
	return check_done("cidr");
}
