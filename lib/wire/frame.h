/*
 * Frames: how messages are told apart in a stream of bytes.
 *
 * A cutter takes bytes as they come and gives back the messages in them, in pieces of the caller's own bytes: it copies
 * nothing and allocates nothing, so that a length is believed only as far as bytes follow it. Its answers do not depend
 * on how the bytes were split. A stamp is what goes before and behind a message to make a frame of it.
 *
 *	line		the message and LF
 *	nul		the message and NUL
 *	len8 … len32	its length in 1, 2 or 4 bytes, big endian, and the message; len16le and len32le little endian
 *	varint		its length as unsigned LEB128 in at most 10 bytes, as protocol buffers have it
 *	netstring	its length in decimal digits, ':', the message, ','	(cr.yp.to/proto/netstrings.txt)
 *	fixed:N		the message, which has N bytes
 *
 * And where messages are for people or scripts, each is written as text on a line (notation.h), or has no limits at
 * all:
 *
 *	hex, base64, json	a line of that
 *	raw		bytes as they come; read, everything up to the end is one message
 *
 * And one that has no name: FRAME_READ, where what comes at once is a message, up to FRAME_READ_MAX bytes of it.
 */
#ifndef SOCKT_WIRE_FRAME_H
#define SOCKT_WIRE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum frame_kind {
	FRAME_NONE,		/* no frames: a stream of bytes */
	FRAME_LINE, FRAME_NUL, FRAME_LEN8, FRAME_LEN16, FRAME_LEN32, FRAME_LEN16LE, FRAME_LEN32LE, FRAME_VARINT,
	FRAME_NETSTRING, FRAME_FIXED,
	FRAME_HEX, FRAME_BASE64, FRAME_JSON, FRAME_RAW,		/* local only */
	FRAME_READ						/* the same, and never asked for by name */
};

struct frame_format {
	enum frame_kind kind;
	size_t fixed;		/* FRAME_FIXED: N, from 1 to FRAME_FIXED_MAX */
};

#define FRAME_FIXED_MAX (1024 * 1024 * 1024)
#define FRAME_READ_MAX	8192

/*
 * Reads a format's name, "len16" or "fixed:188": local ones too if asked. Returns false, with *format as it was, if it
 * is none.
 */
bool	frame_format_parse(struct frame_format *format, const char *word, bool local);

/* Writes its name. Returns out. */
const char *frame_format_name(const struct frame_format *format, char *out, size_t size);

/* The names that frame_format_parse() knows, for messages and completions: "line nul len8 … fixed:N". */
extern const char frame_wire_names[], frame_local_names[];

enum frame_verdict {
	FRAME_MORE,		/* all bytes are used, and in the middle of a message or before one; no piece */
	FRAME_PIECE,		/* a piece of a message that goes on */
	FRAME_WHOLE,		/* the last piece of a message, perhaps empty */
	FRAME_TOO_LONG,		/* longer than max: said before its bytes if its length comes first, else after max */
	FRAME_BAD		/* not a frame */
};

/* Only frame_cut() changes it. After FRAME_TOO_LONG and FRAME_BAD it is of no use any more. */
struct frame_cutter {
	struct frame_format format;	/* hex, base64 and json are cut as lines, raw is never whole */
	uint64_t max;			/* the longest message, in bytes of the frame's content: a line without its LF */
	/* the cutter's own */
	bool in_body;			/* the length is known */
	unsigned char wrong;		/* FRAME_BAD: the byte that should not be there */
	unsigned n_head;		/* bytes of the length so far */
	uint64_t length;		/* as far as it is known */
	uint64_t got;			/* bytes of the message so far */
};

#define FRAME_CUTTER(format_, max_) ((struct frame_cutter){ .format = (format_), .max = (max_) })

/* A piece of a message: borrowed from the bytes it was cut from. */
struct frame_piece {
	const unsigned char *bytes;
	size_t n;
};

/*
 * Takes bytes from p[0..n), and stops behind the first piece. *used becomes how many; with FRAME_PIECE and FRAME_WHOLE
 * *piece is what is in them. To be called until it answers FRAME_MORE, or is of no use; with n 0 it answers FRAME_MORE.
 * A FRAME_PIECE is never empty.
 */
enum frame_verdict frame_cut(struct frame_cutter *c, const unsigned char *p, size_t n, size_t *used,
	    struct frame_piece *piece);

/*
 * Where a frame stood that was cut off: "4 of 10 bytes of a message", "2 bytes of a line without its end", "1 of 2
 * bytes of a length", or "before a message" where none had begun; after FRAME_TOO_LONG "a message of 70000 bytes", or,
 * when nobody knows yet how long, "a message of more than 65536 bytes"; after FRAME_BAD what is wrong: "a netstring
 * begins with 'x'" and the like, with a byte that is not to be seen as 0x1b. Returns out.
 */
const char *frame_words(const struct frame_cutter *c, enum frame_verdict verdict, char *out, size_t size);

/* Has a frame begun that is not whole? An end of the stream here cuts it. */
bool	frame_is_cut(const struct frame_cutter *c);

/* What makes n bytes a frame. */
struct frame_stamp {
	unsigned char head[24], tail[2];
	size_t n_head, n_tail;
};

enum frame_fit { FRAME_FITS, FRAME_LENGTH, FRAME_AMBIGUOUS };

/*
 * Makes the stamp for the message p[0..n): for hex, base64 and json the tail of a line. FRAME_LENGTH: the format has no
 * room for that many bytes, or they are not N. FRAME_AMBIGUOUS: the message contains what ends it; the stamp is made
 * all the same.
 */
enum frame_fit frame_stamp(const struct frame_format *format, const unsigned char *p, size_t n,
	    struct frame_stamp *stamp);

#endif
