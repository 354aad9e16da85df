/*
 * Options as data: see opts.h. A small parser of our own, because getopt abbreviates, and keeps words apart from rows.
 */
#include "lib/base/opts.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/num.h"

#define ROWS_MAX 128	/* the rows of one table, groups opened up */

/* One option of an open table: its row, where its value lands, and whether it was given. */
struct slot {
	const struct opt *row;
	void *at;
	bool given;
};

struct parser {
	const struct opt *table;
	struct slot slots[ROWS_MAX];
	size_t n_slots;
};

const struct opt *
opts_next(struct opt_walk *walk)
{
	for (;;) {
		const struct opt *row = walk->row;

		switch (row->kind) {
		case OPT_KIND_END:
			if (walk->outer == NULL)
				return NULL;
			walk->row = walk->outer;
			walk->outer = NULL;
			walk->heading = NULL;
			walk->base = 0;
			continue;
		case OPT_KIND_GROUP:		/* groups do not nest */
			walk->outer = row + 1;
			walk->heading = row->help;
			walk->base = row->at;
			walk->row = row->group;
			continue;
		case OPT_KIND_CONFLICT:
		case OPT_KIND_NEEDS:
		case OPT_KIND_HINT:
		case OPT_KIND_FLAG:
		case OPT_KIND_COUNT:
		case OPT_KIND_INT:
		case OPT_KIND_MS:
		case OPT_KIND_SIZE:
		case OPT_KIND_FD:
		case OPT_KIND_TEXT:
		case OPT_KIND_PARSED:
			walk->row++;
			return row;
		}
	}
}

bool
opts_is_option(const struct opt *row)
{
	return row->kind != OPT_KIND_CONFLICT && row->kind != OPT_KIND_NEEDS && row->kind != OPT_KIND_HINT;
}

const char *
opts_label(const struct opt *row, char *out, size_t size)
{
	if (row->letter != 0 && row->name != NULL)
		snprintf(out, size, "-%c/--%s", row->letter, row->name);
	else if (row->name != NULL)
		snprintf(out, size, "--%s", row->name);
	else
		snprintf(out, size, "-%c", row->letter);
	return out;
}

const char *
opts_value(const struct opt *row, char *out, size_t size)
{
	if (row->metavar == NULL)
		snprintf(out, size, "%s", "");
	else
		snprintf(out, size, row->bare != NULL ? "[=%s]" : " %s", row->metavar);
	return out;
}

/* Sets a usage error about one option; err's object becomes its label. */
static int
wrong_option(const struct opt *row, struct err *err, const char *text)
{
	char label[64], words[sizeof(err->text)];

	snprintf(words, sizeof(words), "%s", text);	/* text may be err's own */
	err_set(err, ERR_USAGE, 0, "%s", words);
	return err_at(err, STAGE_USAGE, opts_label(row, label, sizeof(label)));
}

/* Says what the value should have been. */
static int
wrong_value(const struct opt *row, const char *value, struct err *err)
{
	char text[512], range[96] = "";

	switch (row->kind) {
	case OPT_KIND_INT:
		if (row->max != INT64_MAX)
			snprintf(range, sizeof(range), " from %lld to %lld", (long long)row->min, (long long)row->max);
		snprintf(text, sizeof(text), "'%.200s' is not a number%s", value, range);
		break;
	case OPT_KIND_MS:
		snprintf(text, sizeof(text), "'%.200s' is not a duration%s (such as 5, 0.5, 250ms, 2s, 1m, 1h)", value,
		    row->min > 0 ? " above 0" : "");
		break;
	case OPT_KIND_SIZE:
		if (row->max != INT64_MAX)
			snprintf(range, sizeof(range), " from %lld to %lldM", (long long)row->min, (long long)row->max >> 20);
		snprintf(text, sizeof(text), "'%.200s' is not a size%s (such as 100, 64k, 1M, 1G)", value, range);
		break;
	case OPT_KIND_FD:
		snprintf(text, sizeof(text), "'%.200s' is not the number of an open descriptor", value);
		break;
	case OPT_KIND_TEXT:
		snprintf(text, sizeof(text), "the value is empty");
		break;
	case OPT_KIND_PARSED:
		snprintf(text, sizeof(text), "'%.200s' %.250s", value, err->text);
		break;
	case OPT_KIND_END:
	case OPT_KIND_GROUP:
	case OPT_KIND_CONFLICT:
	case OPT_KIND_NEEDS:
	case OPT_KIND_HINT:
	case OPT_KIND_FLAG:
	case OPT_KIND_COUNT:
		snprintf(text, sizeof(text), "takes no value");
		break;
	}
	return wrong_option(row, err, text);
}

static int
store(const struct opt *row, void *at, const char *value, struct err *err)
{
	int64_t n;
	bool good = false;

	switch (row->kind) {
	case OPT_KIND_INT:
		good = num_int(value, row->min, row->max, &n);
		break;
	case OPT_KIND_MS:
		good = num_duration(value, &n) && n >= row->min && n <= row->max;
		break;
	case OPT_KIND_SIZE:
		good = num_size(value, &n) && n >= row->min && n <= row->max;
		break;
	case OPT_KIND_FD:	/* better found out now than when it is needed */
		good = num_int(value, row->min, row->max, &n) && fcntl((int)n, F_GETFD) >= 0;
		break;
	case OPT_KIND_TEXT:
		*(const char **)at = value;
		return value[0] != '\0' ? 0 : wrong_value(row, value, err);
	case OPT_KIND_PARSED:
		return row->parse(at, value, err) == 0 ? 0 : wrong_value(row, value, err);
	case OPT_KIND_FLAG:
		*(bool *)at = true;
		return 0;
	case OPT_KIND_COUNT:
		++*(int *)at;
		return 0;
	case OPT_KIND_END:
	case OPT_KIND_GROUP:
	case OPT_KIND_CONFLICT:
	case OPT_KIND_NEEDS:
	case OPT_KIND_HINT:
		return 0;
	}
	if (!good)
		return wrong_value(row, value, err);
	*(int64_t *)at = n;
	return 0;
}

/* Does the word behind it belong to it? */
static bool
takes_word(const struct opt *row)
{
	return row->metavar != NULL && row->bare == NULL;
}

static bool
is_number(const struct opt *row)
{
	return row->kind == OPT_KIND_INT || row->kind == OPT_KIND_MS || row->kind == OPT_KIND_SIZE ||
	    row->kind == OPT_KIND_FD;
}

/* Opens the table into slots and puts the defaults in. */
static int
set_up(struct parser *p, void *args, struct err *err)
{
	struct opt_walk walk = OPT_WALK(p->table);
	const struct opt *row;

	while ((row = opts_next(&walk)) != NULL) {
		if (!opts_is_option(row))
			continue;
		if (p->n_slots == ROWS_MAX)
			return err_set(err, ERR_LIMIT, 0, "more than %d options in a table", ROWS_MAX);
		struct slot *slot = &p->slots[p->n_slots++];
		*slot = (struct slot){ .row = row, .at = (char *)args + walk.base + row->at };
		if (row->def != NULL) {
			if (store(row, slot->at, row->def, err) < 0)
				return -1;
		} else if (is_number(row)) {
			*(int64_t *)slot->at = OPT_UNSET;
		}
	}
	return 0;
}

static struct slot *
slot_by_letter(struct parser *p, char letter)
{
	for (size_t i = 0; i < p->n_slots; i++) {
		if (p->slots[i].row->letter == letter)
			return &p->slots[i];
	}
	return NULL;
}

/* Finds a long name of n characters. */
static struct slot *
slot_by_name(struct parser *p, const char *name, size_t n)
{
	for (size_t i = 0; i < p->n_slots; i++) {
		const char *have = p->slots[i].row->name;
		if (have != NULL && strlen(have) == n && memcmp(have, name, n) == 0)
			return &p->slots[i];
	}
	return NULL;
}

/* The slot a conflict row names: by long name, or by letter. */
static struct slot *
slot_named(struct parser *p, const char *name)
{
	return name[1] == '\0' ? slot_by_letter(p, name[0]) : slot_by_name(p, name, strlen(name));
}

static int
unknown_option(const char *word, const char *hint, struct err *err)
{
	err_set(err, ERR_USAGE, 0, "no such option%s%s", hint != NULL ? ": " : "", hint != NULL ? hint : "");
	return err_at(err, STAGE_USAGE, word);
}

/* What the table says of a letter that it does not have; NULL: nothing. */
static const char *
hint_for(const struct opt *table, char letter)
{
	struct opt_walk walk = OPT_WALK(table);
	const struct opt *row;

	while ((row = opts_next(&walk)) != NULL) {
		if (row->kind == OPT_KIND_HINT && row->letter == letter)
			return row->help;
	}
	return NULL;
}

/* Stores slot's value: attached (may be NULL), or the next word, which *i then moves to, or what stands for none. */
static int
take_value(struct slot *slot, const char *attached, int argc, char **argv, int *i, struct err *err)
{
	const char *value = attached != NULL ? attached : slot->row->bare != NULL ? slot->row->bare : "";

	slot->given = true;
	if (takes_word(slot->row) && attached == NULL) {
		if (*i + 1 >= argc)
			return wrong_option(slot->row, err, "needs a value");
		value = argv[++*i];
	}
	return store(slot->row, slot->at, value, err);
}

/* --name, --name=VALUE, --name VALUE */
static int
parse_long(struct parser *p, int argc, char **argv, int *i, bool *help, struct err *err)
{
	const char *name = argv[*i] + 2, *equals = strchr(name, '=');
	size_t n = equals != NULL ? (size_t)(equals - name) : strlen(name);
	struct slot *slot = slot_by_name(p, name, n);
	char word[sizeof(err->object)];

	if (n == 4 && memcmp(name, "help", 4) == 0 && equals == NULL) {
		*help = true;
		return 0;
	}
	if (slot == NULL) {
		snprintf(word, sizeof(word), "--%.*s", (int)(n < 200 ? n : 200), name);
		return unknown_option(word, NULL, err);
	}
	if (equals != NULL && slot->row->metavar == NULL)
		return wrong_option(slot->row, err, "takes no value");
	return take_value(slot, equals != NULL ? equals + 1 : NULL, argc, argv, i, err);
}

/* -abc, -wVALUE, -w VALUE: a cluster of flags, the last of which may take a value. */
static int
parse_letters(struct parser *p, int argc, char **argv, int *i, bool *help, struct err *err)
{
	char word[3] = "-?";

	for (const char *letter = argv[*i] + 1; *letter != '\0'; letter++) {
		struct slot *slot = slot_by_letter(p, *letter);
		if (slot == NULL && *letter == 'h') {
			*help = true;
			return 0;
		}
		if (slot == NULL) {
			word[1] = *letter;
			return unknown_option(word, hint_for(p->table, *letter), err);
		}
		if (takes_word(slot->row))
			return take_value(slot, letter[1] != '\0' ? letter + 1 : NULL, argc, argv, i, err);
		if (take_value(slot, NULL, argc, argv, i, err) < 0)
			return -1;
	}
	return 0;
}

/* Are the conflict and need rows content with what was given? */
static int
check_company(struct parser *p, struct err *err)
{
	struct opt_walk walk = OPT_WALK(p->table);
	const struct opt *row;
	char label[64], text[128];

	while ((row = opts_next(&walk)) != NULL) {
		if (row->kind != OPT_KIND_CONFLICT && row->kind != OPT_KIND_NEEDS)
			continue;
		const struct slot *one = slot_named(p, row->name), *other = slot_named(p, row->other);
		if (one == NULL || other == NULL || !one->given || other->given != (row->kind == OPT_KIND_CONFLICT))
			continue;
		snprintf(text, sizeof(text), "%s %s", row->kind == OPT_KIND_CONFLICT ? "cannot go with" : "needs",
		    opts_label(other->row, label, sizeof(label)));
		return wrong_option(one->row, err, text);
	}
	return 0;
}

int
opts_parse(const struct opt *table, bool takes_program, int argc, char **argv, void *args, struct opts_found *found,
    struct err *err)
{
	struct parser p = { .table = table };
	int i, rc = 0;

	*found = (struct opts_found){ .operands = argv };
	if (set_up(&p, args, err) < 0)
		return -1;
	for (i = 0; i < argc && rc == 0 && !found->help; i++) {
		char *word = argv[i];
		if (strcmp(word, "--") == 0)
			break;
		if (word[0] == '-' && word[1] == '-')
			rc = parse_long(&p, argc, argv, &i, &found->help, err);
		else if (word[0] == '-' && word[1] != '\0')
			rc = parse_letters(&p, argc, argv, &i, &found->help, err);
		else
			found->operands[found->n_operands++] = word;	/* never ahead of argv[i] */
	}
	if (rc < 0 || found->help)
		return rc;
	if (i < argc && takes_program) {
		found->program = &argv[i + 1];
	} else {
		for (i++; i < argc; i++)
			found->operands[found->n_operands++] = argv[i];
	}
	return check_company(&p, err);
}

void
opts_release(const struct opt *table, void *args)
{
	struct opt_walk walk = OPT_WALK(table);
	const struct opt *row;

	while ((row = opts_next(&walk)) != NULL) {
		if (row->kind == OPT_KIND_PARSED && row->release != NULL)
			row->release((char *)args + walk.base + row->at);
	}
}
