/*
 * Options as data. One table a subcommand, with shared groups in it; from the same rows come the parser, defaults,
 * usage, --help, completions and the list that the manuals are checked against.
 */
#ifndef SOCKT_BASE_OPTS_H
#define SOCKT_BASE_OPTS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

enum opt_kind {
	OPT_KIND_END,
	OPT_KIND_GROUP,		/* the rows of .group, their fields beginning at .at; .help is the heading */
	OPT_KIND_CONFLICT,	/* .name and .other (long names, or one letter) exclude each other */
	OPT_KIND_NEEDS,		/* .name makes sense only together with .other */
	OPT_KIND_HINT,		/* no option, but a letter some expect: .help says what to write instead */
	OPT_KIND_FLAG,		/* bool */
	OPT_KIND_COUNT,		/* int: how often it was given */
	OPT_KIND_INT,		/* int64_t within min..max */
	OPT_KIND_MS,		/* int64_t milliseconds within min..max */
	OPT_KIND_SIZE,		/* int64_t bytes within min..max */
	OPT_KIND_FD,		/* int64_t: an open descriptor */
	OPT_KIND_TEXT,		/* const char *, borrowed from argv; not empty */
	OPT_KIND_PARSED		/* whatever .parse makes of it */
};

/* What a shell may offer after an option. */
enum opt_offer { OPT_OFFER_NOTHING, OPT_OFFER_FILE, OPT_OFFER_INTERFACE, OPT_OFFER_FRAME, OPT_OFFER_LOCAL_FRAME };

/* Number options that were not given and have no default are this. */
#define OPT_UNSET INT64_C(-1)

struct opt {
	enum opt_kind kind;
	char letter;			/* 0: long only */
	const char *name;		/* NULL: letter only */
	const char *metavar;		/* NULL for flags */
	const char *help;
	const char *def;		/* the value taken when it is not given, as a user would type it, or NULL */
	const char *bare;		/* the value taken when it is given alone: any other is --name=VALUE; or NULL */
	size_t at;			/* offset into the struct that the verb owns */
	int64_t min, max;
	int (*parse)(void *at, const char *value, struct err *err);	/* on failure err's text says what is wrong */
	void (*release)(void *at);	/* gives back what parse took; NULL: nothing */
	const struct opt *group;
	const char *other;
	enum opt_offer offer;
	bool repeats;			/* a second one adds to the first, rather than take its place */
};

#define OPT_FLAG(letter_, name_, type_, field_, help_) \
	{ .kind = OPT_KIND_FLAG, .letter = (letter_), .name = (name_), .help = (help_), .at = offsetof(type_, field_) }
#define OPT_COUNT(letter_, name_, type_, field_, help_) \
	{ .kind = OPT_KIND_COUNT, .letter = (letter_), .name = (name_), .help = (help_), .at = offsetof(type_, field_) }
#define OPT_VALUE(kind_, letter_, name_, metavar_, type_, field_, min_, max_, def_, help_) \
	{ .kind = (kind_), .letter = (letter_), .name = (name_), .metavar = (metavar_), .help = (help_), \
	  .def = (def_), .at = offsetof(type_, field_), .min = (min_), .max = (max_) }
#define OPT_INT(letter_, name_, metavar_, type_, field_, min_, max_, def_, help_) \
	OPT_VALUE(OPT_KIND_INT, letter_, name_, metavar_, type_, field_, min_, max_, def_, help_)
#define OPT_INT_OR(letter_, name_, metavar_, type_, field_, min_, max_, bare_, help_) \
	{ .kind = OPT_KIND_INT, .letter = (letter_), .name = (name_), .metavar = (metavar_), .help = (help_), \
	  .bare = (bare_), .at = offsetof(type_, field_), .min = (min_), .max = (max_) }
#define OPT_MS(letter_, name_, type_, field_, min_, def_, help_) \
	OPT_VALUE(OPT_KIND_MS, letter_, name_, "DUR", type_, field_, min_, INT64_MAX, def_, help_)
#define OPT_SIZE(letter_, name_, type_, field_, min_, max_, def_, help_) \
	OPT_VALUE(OPT_KIND_SIZE, letter_, name_, "SIZE", type_, field_, min_, max_, def_, help_)
#define OPT_FD(letter_, name_, metavar_, type_, field_, help_) \
	OPT_VALUE(OPT_KIND_FD, letter_, name_, metavar_, type_, field_, 0, INT_MAX, NULL, help_)
#define OPT_TEXT(letter_, name_, metavar_, type_, field_, offer_, help_) \
	{ .kind = OPT_KIND_TEXT, .letter = (letter_), .name = (name_), .metavar = (metavar_), .help = (help_), \
	  .at = offsetof(type_, field_), .offer = (offer_) }
#define OPT_PARSED(letter_, name_, metavar_, type_, field_, parse_, help_) \
	{ .kind = OPT_KIND_PARSED, .letter = (letter_), .name = (name_), .metavar = (metavar_), .help = (help_), \
	  .at = offsetof(type_, field_), .parse = (parse_) }
#define OPT_REPEATED(letter_, name_, metavar_, type_, field_, parse_, help_) \
	{ .kind = OPT_KIND_PARSED, .letter = (letter_), .name = (name_), .metavar = (metavar_), .help = (help_), \
	  .at = offsetof(type_, field_), .parse = (parse_), .repeats = true }
#define OPT_GROUP(type_, field_, heading_, rows_) \
	{ .kind = OPT_KIND_GROUP, .help = (heading_), .at = offsetof(type_, field_), .group = (rows_) }
#define OPT_CONFLICT(one_, other_) { .kind = OPT_KIND_CONFLICT, .name = (one_), .other = (other_) }
#define OPT_NEEDS(one_, other_) { .kind = OPT_KIND_NEEDS, .name = (one_), .other = (other_) }
#define OPT_HINT(letter_, help_) { .kind = OPT_KIND_HINT, .letter = (letter_), .help = (help_) }
#define OPT_END { .kind = OPT_KIND_END }

/* The rows of a table in order, groups opened up. Start from OPT_WALK(table); NULL ends it. */
struct opt_walk {
	const struct opt *row, *outer;	/* outer: where to go on after a group */
	const char *heading;		/* of the group the row is in, or NULL */
	size_t base;			/* what to add to the row's .at */
};

#define OPT_WALK(table) ((struct opt_walk){ .row = (table) })

const struct opt *opts_next(struct opt_walk *walk);

/* Is it an option, and not a row about options? */
bool	opts_is_option(const struct opt *row);

/* What was found beside the options. operands[] are argv's own pointers, in order. */
struct opts_found {
	bool help;		/* --help came up: nothing else counts */
	char **operands;
	int n_operands;
	char **program;		/* what follows `--`, NULL without one; only with takes_program */
};

/*
 * Parses argv[0..argc) (without the subcommand's name) into *args, which is set to zero and defaults first. Options
 * may follow operands, are never abbreviated, and end at the first bare `--`: what follows is a program if
 * takes_program, operands if not. operands points into argv, whose entries are reordered. Returns 0, or -1 with
 * ERR_USAGE.
 */
int	opts_parse(const struct opt *table, bool takes_program, int argc, char **argv, void *args,
	    struct opts_found *found, struct err *err);

/* Gives back what the parsers of args took. After opts_parse(), whatever it returned. */
void	opts_release(const struct opt *table, void *args);

/* How the row's value is written behind its name: " N", "[=N]" when it may be left out, or "". Returns out. */
const char *opts_value(const struct opt *row, char *out, size_t size);

/* How the row is named in messages: "-w/--timeout", "--retry", "-4". Returns out. */
const char *opts_label(const struct opt *row, char *out, size_t size);

#endif
