/*
 * Any word is taken or refused without touching what is not its own; a word that is taken has a name that says the
 * same again, and numbers are what they are.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/num.h"
#include "lib/wire/endpoint.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_again(const struct endpoint *ep, enum endpoint_use use)
{
	char name[sizeof(ep->host) + sizeof(ep->port) + 8];
	struct endpoint again;
	struct err err;

	if (strcmp(ep->host, "unix") == 0 || strcmp(ep->host, "vsock") == 0)
		return;		/* a host of that name beside a port reads like another kind */
	endpoint_name(ep, name, sizeof(name));
	/* A port of UDP has the same name as one of TCP. */
	if (endpoint_parse(&again, name, use, &err) < 0 ||
	    again.kind != (ep->kind == ENDPOINT_UDP ? ENDPOINT_TCP : ep->kind) ||
	    again.cid != ep->cid || strcmp(again.host, ep->host) != 0 ||
	    strcmp(again.port, ep->port) != 0 || strcmp(again.path, ep->path) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *word = malloc(size + 1), *space;
	struct endpoint ep;
	struct err err;
	struct num_rate rate;
	int64_t n;

	if (word == NULL)
		return 0;
	memcpy(word, data, size);
	word[size] = '\0';
	if (endpoint_parse(&ep, word, ENDPOINT_CONNECT, &err) == 0)
		check_again(&ep, ENDPOINT_CONNECT);
	if (endpoint_parse(&ep, word, ENDPOINT_LISTEN, &err) == 0) {
		if (ep.kind == ENDPOINT_UDP)
			abort();
		check_again(&ep, ENDPOINT_LISTEN);
	}
	if ((num_duration(word, &n) && (n < 0 || n > NUM_MS_MAX)) || (num_size(word, &n) && n < 0) ||
	    (num_int(word, 1, 65535, &n) && (n < 1 || n > 65535)) ||
	    (num_rate(word, 1000, &rate) && (rate.n < 1 || rate.n > 1000 || rate.per_ms < 1 || rate.per_ms > NUM_MS_MAX)))
		abort();
	if ((space = strchr(word, ' ')) != NULL) {
		*space = '\0';
		if (endpoint_pair(&ep, word, space + 1, ENDPOINT_CONNECT, &err) == 0)
			check_again(&ep, ENDPOINT_CONNECT);
	}
	free(word);
	return 0;
}
