/*
 * Addrmap: see addrmap.h.
 */
#include "lib/net/addrmap.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/stdlib.h>

#define BUCKETS_FIRST 64

/* What tells a peer from others, and nothing else of its address. What is beyond n is zero. */
struct key {
	size_t n;
	unsigned char bytes[sizeof(struct sockaddr_storage)];
};

static void
key_make(struct key *key, const struct addr *addr)
{
	const struct sockaddr_in6 *in6 = (const void *)&addr->ss;
	uint32_t rest[3] = { (uint32_t)addr_family(addr), addr_port(addr), 0 };

	*key = (struct key){ .n = 0 };
	if (addr->len <= sizeof(sa_family_t))
		return;
	if (addr_bytes(addr, key->bytes)) {
		rest[2] = addr_family(addr) == AF_INET6 ? in6->sin6_scope_id : 0;
		memcpy(key->bytes + 16, rest, sizeof(rest));
		key->n = 16 + sizeof(rest);
	} else {
		key->n = addr->len - sizeof(sa_family_t);
		memcpy(key->bytes, (const unsigned char *)&addr->ss + sizeof(sa_family_t), key->n);
	}
}

/* The mixing is MurmurHash3's finalizer. */
static uint64_t
key_hash(const struct addrmap *map, const struct key *key)
{
	uint64_t h = map->seed ^ key->n, word;

	for (size_t i = 0; i < key->n; i += sizeof(word)) {
		memcpy(&word, key->bytes + i, sizeof(word));
		h = (h ^ word) + map->seed;
		h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
		h = (h ^ (h >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
		h ^= h >> 33;
	}
	return h;
}

static struct addrmap_node **
bucket_of(const struct addrmap *map, uint64_t hash)
{
	return &map->buckets[hash & (map->n_buckets - 1)];
}

static void
put(struct addrmap *map, struct addrmap_node *node)
{
	struct addrmap_node **at = bucket_of(map, node->hash);

	node->chain = *at;
	*at = node;
}

/* Doubles the buckets. Without memory the chains are longer, that is all. */
static void
grow(struct addrmap *map)
{
	size_t n = map->n_buckets;
	struct addrmap_node **old = map->buckets, **buckets = calloc(n * 2, sizeof(struct addrmap_node *)), *next;

	if (buckets == NULL)
		return;
	map->buckets = buckets;
	map->n_buckets = n * 2;
	for (size_t i = 0; i < n; i++) {
		for (struct addrmap_node *node = old[i]; node != NULL; node = next) {
			next = node->chain;
			put(map, node);
		}
	}
	free(old);
}

int
addrmap_init(struct addrmap *map, struct err *err)
{
	*map = (struct addrmap){ .n_buckets = BUCKETS_FIRST, .seed = (uint64_t)arc4random() << 32 | arc4random() };
	if ((map->buckets = calloc(BUCKETS_FIRST, sizeof(struct addrmap_node *))) == NULL)
		return err_set(err, ERR_LIMIT, ENOMEM, "peers");
	return 0;
}

void
addrmap_free(struct addrmap *map)
{
	free(map->buckets);
	*map = (struct addrmap){ .n = 0 };
}

void *
addrmap_find(const struct addrmap *map, const struct addr *addr)
{
	struct key key, other;
	uint64_t hash;

	key_make(&key, addr);
	hash = key_hash(map, &key);
	for (struct addrmap_node *node = *bucket_of(map, hash); node != NULL; node = node->chain) {
		if (node->hash != hash)
			continue;
		key_make(&other, &node->addr);
		if (key.n == other.n && memcmp(key.bytes, other.bytes, key.n) == 0)
			return node->of;
	}
	return NULL;
}

void
addrmap_add(struct addrmap *map, struct addrmap_node *node)
{
	struct key key;

	if (map->n++ >= map->n_buckets)
		grow(map);
	key_make(&key, &node->addr);
	node->hash = key_hash(map, &key);
	put(map, node);
}

void
addrmap_drop(struct addrmap *map, struct addrmap_node *node)
{
	struct addrmap_node **at = bucket_of(map, node->hash);

	while (*at != node)
		at = &(*at)->chain;
	*at = node->chain;
	map->n--;
}
