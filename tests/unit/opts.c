/*
 * Options: every way of writing one lands in the right field, and everything else is a usage error that names the
 * option and the value.
 */
#include "lib/base/opts.h"

#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/check.h"

#define WORDS_MAX 16

struct inner {
	bool four, six;
	int64_t small;
};

struct outer {
	int64_t first;		/* so that the group does not begin at offset 0 */
	struct inner in;
	bool keep, quiet, deep;
	int loud;
	int64_t wait_ms, wait2_ms, size, fd, count, reply;
	const char *text;
	int even;
};

static int
parse_even(void *at, const char *value, struct err *err)
{
	size_t n = strlen(value);

	if (n % 2 != 0)
		return err_set(err, ERR_USAGE, 0, "has an odd length");
	*(int *)at = (int)n;
	return 0;
}

static const struct opt inner_opts[] = {
	OPT_FLAG('4', NULL, struct inner, four, "four"),
	OPT_FLAG('6', NULL, struct inner, six, "six"),
	OPT_CONFLICT("4", "6"),
	OPT_INT(0, "small", "N", struct inner, small, 1, 9, "3", "a small number"),
	OPT_END
};

static const struct opt table[] = {
	OPT_FLAG('k', "keep", struct outer, keep, "keep"),
	OPT_FLAG('q', "quiet", struct outer, quiet, "quiet"),
	OPT_COUNT('v', "verbose", struct outer, loud, "louder each time"),
	OPT_CONFLICT("quiet", "verbose"),
	OPT_FLAG(0, "deep", struct outer, deep, "deep"),
	OPT_NEEDS("deep", "keep"),
	OPT_GROUP(struct outer, in, "Inner", inner_opts),
	OPT_MS('w', "wait", struct outer, wait_ms, 0, NULL, "a duration"),
	OPT_MS('W', "wait2", struct outer, wait2_ms, 1, "250ms", "a duration above 0"),
	OPT_VALUE(OPT_KIND_SIZE, 's', "size", "SIZE", struct outer, size, 0, 1048576, "64k", "a size"),
	OPT_FD(0, "fd", "N", struct outer, fd, "a descriptor"),
	OPT_INT('c', "count", "N", struct outer, count, 0, INT64_MAX, NULL, "a count"),
	OPT_INT_OR(0, "reply", "N", struct outer, reply, 1, 9, "1", "a number, or none"),
	OPT_TEXT('t', "text", "TEXT", struct outer, text, OPT_OFFER_NOTHING, "a text"),
	OPT_PARSED('e', "even", "WORD", struct outer, even, parse_even, "a word of even length"),
	OPT_END
};

static struct outer args;
static struct opts_found found;
static struct err err;
static char *words[WORDS_MAX + 1];

/* Parses the words of line, which are separated by single blanks; `_` is an empty word. */
static int
parse_as(bool takes_program, const char *line)
{
	static char text[1024];
	int n = 0;

	snprintf(text, sizeof(text), "%s", line);
	for (char *p = text; p != NULL && *p != '\0' && n < WORDS_MAX; n++) {
		words[n] = p;
		p = strchr(p, ' ');
		if (p != NULL)
			*p++ = '\0';
		if (strcmp(words[n], "_") == 0)
			words[n][0] = '\0';
	}
	words[n] = NULL;
	args = (struct outer){ .first = 42 };
	found = (struct opts_found){ .n_operands = -1 };
	err = ERR_EMPTY;
	return opts_parse(table, takes_program, n, words, &args, &found, &err);
}

static bool
takes(const char *line)
{
	if (parse_as(false, line) == 0)
		return true;
	printf("\t'%s': %s: %s\n", line, err.object, err.text);
	return false;
}

static void
refuses(const char *line, const char *object, const char *words_of_it)
{
	CHECK_INT(parse_as(false, line), -1);
	CHECK_INT(err.kind, ERR_USAGE);
	CHECK_INT(err.stage, STAGE_USAGE);
	CHECK_TEXT(err.object, object);
	CHECK(strstr(err.text, words_of_it) != NULL);
	if (strstr(err.text, words_of_it) == NULL)
		printf("\t'%s': %s\n", line, err.text);
}

static void
operands(const char *want)
{
	char got[256] = "";
	size_t n = 0;

	for (int i = 0; i < found.n_operands; i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%s", i > 0 ? "," : "", found.operands[i]);
	CHECK_TEXT(got, want);
}

static void
defaults(void)
{
	CHECK(takes(""));
	operands("");
	CHECK(!args.keep && !args.quiet && args.loud == 0 && !args.in.four && !args.in.six);
	CHECK_INT(args.in.small, 3);
	CHECK_INT(args.wait_ms, OPT_UNSET);
	CHECK_INT(args.wait2_ms, 250);
	CHECK_INT(args.size, 65536);
	CHECK_INT(args.fd, OPT_UNSET);
	CHECK_INT(args.count, OPT_UNSET);
	CHECK(args.text == NULL);
	CHECK_INT(args.first, 42);
	CHECK(!found.help && found.program == NULL);
}

static void
letters(void)
{
	CHECK(takes("-k") && args.keep);
	CHECK(takes("-v -v -v") && args.loud == 3);
	CHECK(takes("-vkv") && args.loud == 2 && args.keep);
	CHECK(takes("-kw5") && args.keep && args.wait_ms == 5000);
	CHECK(takes("-kw 5") && args.keep && args.wait_ms == 5000);
	CHECK(takes("-w5s") && args.wait_ms == 5000);
	CHECK(takes("-t-k") && !args.keep);
	CHECK_TEXT(args.text, "-k");
	CHECK(takes("-t=x"));
	CHECK_TEXT(args.text, "=x");		/* only long options know = */
	CHECK(takes("-t -- -k") && args.keep);	/* a value may look like anything */
	CHECK_TEXT(args.text, "--");
	CHECK(takes("-6") && args.in.six && !args.in.four);
	CHECK(takes("-w 1 -w 2") && args.wait_ms == 2000);
	refuses("-x", "-x", "no such option");
	refuses("-kx", "-x", "no such option");
	refuses("-w", "-w/--wait", "needs a value");
	refuses("-kw", "-w/--wait", "needs a value");
	refuses("-k=1", "-=", "no such option");
}

static void
long_names(void)
{
	CHECK(takes("--keep") && args.keep);
	CHECK(takes("-k") && args.reply == OPT_UNSET);
	CHECK(takes("--reply") && args.reply == 1);
	CHECK(takes("--reply=7") && args.reply == 7);
	CHECK(takes("--reply 7") && args.reply == 1 && found.n_operands == 1);	/* what follows is another word */
	refuses("--reply=", "--reply", "'' is not a number from 1 to 9");
	refuses("--reply=0", "--reply", "'0' is not a number from 1 to 9");
	CHECK(takes("--wait=5") && args.wait_ms == 5000);
	CHECK(takes("--wait 5") && args.wait_ms == 5000);
	CHECK(takes("--verbose --verbose") && args.loud == 2);
	CHECK(takes("--text=a=b"));
	CHECK_TEXT(args.text, "a=b");
	CHECK(takes("--text --keep") && !args.keep);
	CHECK_TEXT(args.text, "--keep");
	CHECK(takes("--small 9") && args.in.small == 9);
	refuses("--kee", "--kee", "no such option");		/* never abbreviated */
	refuses("--keeper", "--keeper", "no such option");
	refuses("--wai=5", "--wai", "no such option");
	refuses("--k", "--k", "no such option");
	refuses("---keep", "---keep", "no such option");
	refuses("--=5", "--", "no such option");
	refuses("--keep=1", "-k/--keep", "takes no value");
	refuses("--keep=", "-k/--keep", "takes no value");
	refuses("--wait", "-w/--wait", "needs a value");
	refuses("--wait=", "-w/--wait", "'' is not a duration");
	refuses("--text=", "-t/--text", "empty");
	refuses("--text _", "-t/--text", "empty");
	refuses("--help=1", "--help", "no such option");
}

static void
values(void)
{
	char line[64];
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	refuses("-w 5x", "-w/--wait", "'5x' is not a duration");
	refuses("-w -5s", "-w/--wait", "'-5s' is not a duration");
	refuses("--wait2 0", "-W/--wait2", "'0' is not a duration above 0");
	CHECK(takes("-w 0") && args.wait_ms == 0);
	refuses("--small 0", "--small", "'0' is not a number from 1 to 9");
	refuses("--small 10", "--small", "'10' is not a number from 1 to 9");
	refuses("-c -1", "-c/--count", "'-1' is not a number");
	refuses("-c 0x5", "-c/--count", "'0x5' is not a number");
	CHECK(takes("-c 9223372036854775807") && args.count == INT64_MAX);
	refuses("-s 2M", "-s/--size", "'2M' is not a size");
	CHECK(takes("-s 1M") && args.size == 1048576);
	CHECK(takes("-e ab") && args.even == 2);
	refuses("-e abc", "-e/--even", "'abc' has an odd length");
	CHECK(fd >= 0);
	snprintf(line, sizeof(line), "--fd %d", fd);
	CHECK(takes(line) && args.fd == fd);
	close(fd);
	refuses(line, "--fd", "is not the number of an open descriptor");
	refuses("--fd x", "--fd", "'x' is not the number of an open descriptor");
	refuses("--fd 99999999999", "--fd", "is not the number of an open descriptor");
}

/* Writes word over the beginning of line. */
static void
put_first(char *line, const char *word)
{
	while (*word != '\0')
		*line++ = *word++;
}

/* A value of any length is named without harm. */
static void
long_words(void)
{
	static char line[1000];

	memset(line, 'y', sizeof(line) - 1);
	put_first(line, "--wait=");
	CHECK_INT(parse_as(false, line), -1);
	CHECK_TEXT(err.object, "-w/--wait");
	put_first(line, "--yyyy=");
	CHECK_INT(parse_as(false, line), -1);
	CHECK_TEXT(err.object, "--yyyy");
	put_first(line, "--yyyyy");
	CHECK_INT(parse_as(false, line), -1);
	CHECK(strncmp(err.object, "--yyyyyy", 8) == 0);
	put_first(line, "-e");
	CHECK_INT(parse_as(false, line), -1);
	CHECK(strstr(err.text, "odd length") != NULL);
}

static void
company(void)
{
	refuses("-4 -6", "-4", "cannot go with -6");
	refuses("-64", "-4", "cannot go with -6");
	refuses("-q -v", "-q/--quiet", "cannot go with -v/--verbose");
	refuses("--deep", "--deep", "needs -k/--keep");
	CHECK(takes("--deep -k") && args.deep);
	CHECK(takes("-k --deep"));
	CHECK(takes("-4 -4"));
}

static void
words_beside_options(void)
{
	CHECK(takes("a b c"));
	operands("a,b,c");
	CHECK(takes("a -k b -w 5 c") && args.keep && args.wait_ms == 5000);
	operands("a,b,c");
	CHECK(takes("-") && found.n_operands == 1);
	operands("-");
	CHECK(takes("_ x"));
	operands(",x");
	CHECK(takes("a -- -k -- b") && !args.keep);
	operands("a,-k,--,b");
	CHECK(takes("a -k --"));
	operands("a");
	CHECK(takes("--"));
	operands("");
	CHECK(found.program == NULL);

	CHECK_INT(parse_as(true, "a -k -- cat -k x"), 0);
	operands("a");
	CHECK(args.keep && found.program != NULL && found.program == words + 3);
	CHECK_INT(parse_as(true, "a --"), 0);
	CHECK(found.program != NULL && *found.program == NULL);
	CHECK_INT(parse_as(true, "a"), 0);
	CHECK(found.program == NULL);
}

static void
help(void)
{
	CHECK(takes("--help") && found.help);
	CHECK(takes("-h") && found.help);
	CHECK(takes("-kh") && found.help);
	CHECK(takes("-4 -6 --help --nonsense") && found.help);	/* nothing else counts */
	CHECK(takes("-- --help") && !found.help);
	operands("--help");
	CHECK(takes("-t --help") && !found.help);
	CHECK_TEXT(args.text, "--help");
}

static void
walk(void)
{
	struct opt_walk w = OPT_WALK(table);
	int rows = 0, grouped = 0;

	while (opts_next(&w) != NULL) {
		rows++;
		if (w.heading != NULL) {
			CHECK_TEXT(w.heading, "Inner");
			CHECK_INT(w.base, offsetof(struct outer, in));
			grouped++;
		} else {
			CHECK_INT(w.base, 0);
		}
	}
	CHECK_INT(rows, 18);
	CHECK_INT(grouped, 4);
	CHECK(opts_next(&w) == NULL);
}

int
main(void)
{
	defaults();
	letters();
	long_names();
	values();
	long_words();
	company();
	words_beside_options();
	help();
	walk();
	return check_done("opts");
}
