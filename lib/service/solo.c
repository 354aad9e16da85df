/*
 * Solo: see solo.h.
 */
#include "lib/service/solo.h"

#include <errno.h>
#include <stdlib.h>

struct solo {
	struct loop *loop;
	struct stream *local, *remote;
	struct layers *layers;
	const struct relay_args *args;
	const struct log *log;
	struct server_conn *conn;
	struct relay *relay;
	char name[ADDR_NAME_MAX];
};

/* The client has gone; err says why it was not in order, or is NULL. */
static void
solo_close(struct solo *solo, const struct err *err)
{
	struct relay_counts counts = solo_counts(solo);
	struct server_end end = { .sent = counts.sent, .received = counts.received, .err = err,
	    .reason = err != NULL ? err->text : NULL };

	server_conn_close(solo->conn, &end);
	solo->conn = NULL;
}

static void
on_relay_done(void *arg, const struct err *err)
{
	solo_close(arg, err);
}

static void
solo_add(void *service, struct server_conn *conn)
{
	struct solo *solo = service;
	struct err err;

	solo->conn = conn;
	conn->client = solo;
	addr_name(&conn->peer, solo->name, sizeof(solo->name));
	if ((solo->remote = server_conn_stream(conn, solo->layers, &err)) != NULL)
		solo->relay = relay_start(solo->loop, &(struct relay_job){ .local = solo->local,
		    .remote = solo->remote, .kind = RELAY_STDIO, .args = solo->args, .log = solo->log,
		    .name = solo->name, .done = on_relay_done, .arg = solo }, &err);
	if (solo->relay == NULL)
		solo_close(solo, &err);
}

static bool
solo_has_spoken(const struct server_conn *conn)
{
	const struct solo *solo = conn->client;

	return relay_counts(solo->relay).received > 0 || relay_is_held(solo->relay);
}

static void
solo_drop(struct server_conn *conn, const char *reason)
{
	struct solo *solo = conn->client;
	struct err err;

	err_set(&err, ERR_TIMEOUT, 0, "%s", reason);
	solo_count(solo, &err);
	solo_close(solo, &err);
}

const struct service solo_service = { .add = solo_add, .has_spoken = solo_has_spoken, .drop = solo_drop };

struct solo *
solo_new(struct loop *loop, struct stream *local, struct layers *layers, const struct relay_args *args,
    const struct log *log, struct err *err)
{
	struct solo *solo = calloc(1, sizeof(*solo));

	if (solo == NULL) {
		stream_free(local);
		layers_free(layers);
		err_set(err, ERR_LIMIT, ENOMEM, "listen");
		return NULL;
	}
	*solo = (struct solo){ .loop = loop, .local = local, .layers = layers, .args = args, .log = log };
	return solo;
}

struct relay_counts
solo_counts(const struct solo *solo)
{
	return solo->relay != NULL ? relay_counts(solo->relay) : (struct relay_counts){ .sent = 0 };
}

void
solo_count(const struct solo *solo, struct err *err)
{
	struct relay_counts counts = solo_counts(solo);

	if (solo->relay != NULL)
		err_count(err, solo->name, counts.sent, counts.received);
}

void
solo_free(struct solo *solo)
{
	if (solo == NULL)
		return;
	if (solo->conn != NULL)
		solo_close(solo, NULL);
	relay_free(solo->relay);
	stream_free(solo->local);
	stream_free(solo->remote);
	layers_free(solo->layers);
	free(solo);
}
