/*
 * JSON objects: quoting, order, and that the object is whole at any size of its buffer. A small strict reader stands
 * in for a library.
 */
#include "lib/base/json.h"

#include <stdlib.h>

#include "tests/unit/check.h"

/* Skips a string (RFC 8259, section 7) at *p. No raw control, only the escapes there are. */
static bool
skip_string(const char **p)
{
	const char *s = *p;

	if (*s++ != '"')
		return false;
	for (; *s != '"'; s++) {
		if ((unsigned char)*s < 0x20)
			return false;		/* the end of the text too */
		if (*s == '\\' && (s[1] == '\0' || strchr("\"\\/bfnrt", *++s) == NULL))
			return false;
	}
	*p = s + 1;
	return true;
}

/* Counts the members of one flat object of strings and integers; -1 if it is not one, with nothing after it. */
static int
count_members(const char *p)
{
	int members = 0;

	if (*p++ != '{')
		return -1;
	if (strcmp(p, "}") == 0)
		return 0;
	for (;; p++) {
		if (!skip_string(&p) || *p++ != ':')
			return -1;
		if (*p == '"') {
			if (!skip_string(&p))
				return -1;
		} else {
			size_t sign = *p == '-' ? 1 : 0, digits = strspn(p + sign, "0123456789");
			if (digits == 0 || (digits > 1 && p[sign] == '0'))
				return -1;
			p += sign + digits;
		}
		members++;
		if (*p != ',')
			return strcmp(p, "}") == 0 ? members : -1;
	}
}

/* Closes the object; the length it states is the length it has. */
static void
ends_whole(struct json *j)
{
	size_t len = json_end(j);

	CHECK_INT(len, strlen(j->out));
}

static void
string(const char *value, const char *want)
{
	char out[8192];
	struct json j;

	json_begin(&j, out, sizeof(out));
	json_str(&j, "k", value);
	ends_whole(&j);
	CHECK_TEXT(out, want);
	CHECK_INT(count_members(out), 1);
}

static void
strings(void)
{
	string("", "{\"k\":\"\"}");
	string("plain", "{\"k\":\"plain\"}");
	string("say \"hi\"", "{\"k\":\"say \\\"hi\\\"\"}");
	string("\"", "{\"k\":\"\\\"\"}");
	string("\"\"\"", "{\"k\":\"\\\"\\\"\\\"\"}");
	string("back\\slash", "{\"k\":\"back\\\\x5cslash\"}");
	string("\n\r\t\x1b\x7f", "{\"k\":\"\\\\x0a\\\\x0d\\\\x09\\\\x1b\\\\x7f\"}");
	string("grün €", "{\"k\":\"grün €\"}");
	string("\xff\xc0", "{\"k\":\"\\\\xff\\\\xc0\"}");
	string("/", "{\"k\":\"/\"}");
	string("\",\"k\":\"", "{\"k\":\"\\\",\\\"k\\\":\\\"\"}");
}

static void
objects(void)
{
	char out[512];
	struct json j;

	json_begin(&j, out, sizeof(out));
	CHECK_INT(json_end(&j), 2);
	CHECK_TEXT(out, "{}");

	json_begin(&j, out, sizeof(out));
	json_str(&j, "event", "closed");
	json_int(&j, "sent", 0);
	json_int(&j, "least", INT64_MIN);
	json_int(&j, "most", INT64_MAX);
	ends_whole(&j);
	CHECK_TEXT(out, "{\"event\":\"closed\",\"sent\":0,\"least\":-9223372036854775808,\"most\":9223372036854775807}");
	CHECK_INT(count_members(out), 4);
}

/* Longer than a member may be: it is cut, not dropped, and the object stays whole. */
static void
long_values(void)
{
	static char value[10000], out[16384];
	static const char fills[] = { 'a', '"', '\n', '\\' };
	struct json j;

	for (size_t i = 0; i < sizeof(fills); i++) {
		memset(value, fills[i], sizeof(value) - 1);
		json_begin(&j, out, sizeof(out));
		json_str(&j, "k", value);
		json_int(&j, "n", 1);
		ends_whole(&j);
		CHECK_INT(count_members(out), 2);
	}
}

/* Whatever the room, the object is whole, within it, and has as many members as fit. */
static void
at_any_size(void)
{
	int members, most = 0;

	for (size_t size = 3; size < 120; size++) {
		char *out = malloc(size);
		struct json j;
		if (out == NULL) {
			CHECK(false);
			return;
		}
		json_begin(&j, out, size);
		json_str(&j, "first", "one \"quoted\"");
		json_int(&j, "n", 12345);
		json_str(&j, "last", "a\nb");
		size_t len = json_end(&j);
		CHECK(len < size && out[len] == '\0');
		members = count_members(out);
		CHECK(members >= 0);
		most = members > most ? members : most;
		free(out);
	}
	CHECK_INT(most, 3);
}

int
main(void)
{
	strings();
	objects();
	long_values();
	at_any_size();
	return check_done("json");
}
