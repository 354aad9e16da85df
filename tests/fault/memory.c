/*
 * Preloaded, lets memory run out: FAULT_MALLOC=N makes the Nth allocation fail, N+ that one and all after it.
 * Only the first thread's count: another is in getaddrinfo(), which in some versions of glibc does not survive this.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);
static void (*next_free)(void *);

/* What dlsym() itself may ask for while it looks for the real ones. */
static union {
	char bytes[16384];
	max_align_t align;
} early;
static size_t early_used;
static bool looking;

static long fail_at = -1, count;
static bool fail_on;

static void *
early_alloc(size_t n)
{
	void *p = early.bytes + early_used;

	n = (n + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	if (n > sizeof(early.bytes) - early_used)
		return NULL;
	early_used += n;
	return p;
}

static bool
is_early(const void *p)
{
	return (uintptr_t)p >= (uintptr_t)early.bytes && (uintptr_t)p < (uintptr_t)early.bytes + sizeof(early.bytes);
}

static void
look(void)
{
	looking = true;
	*(void **)&next_calloc = dlsym(RTLD_NEXT, "calloc");
	*(void **)&next_realloc = dlsym(RTLD_NEXT, "realloc");
	*(void **)&next_free = dlsym(RTLD_NEXT, "free");
	*(void **)&next_malloc = dlsym(RTLD_NEXT, "malloc");
	looking = false;
}

/* Only what is asked for after the program has begun counts: nothing can be done about the loader's. */
__attribute__((constructor)) static void
begin(void)
{
	const char *at = getenv("FAULT_MALLOC");
	char *end;

	if (at == NULL)
		return;
	count = 0;
	fail_at = strtol(at, &end, 10);
	fail_on = *end == '+';
}

static bool
strikes(void)
{
	static const char line[] = "malloc\n";
	const char *path;
	long fd;

	if (fail_at < 0 || syscall(SYS_gettid) != syscall(SYS_getpid) || ++count < fail_at || (count > fail_at && !fail_on))
		return false;
	if ((path = getenv("FAULT_LOG")) != NULL && count == fail_at &&
	    (fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) >= 0) {
		syscall(SYS_write, fd, line, sizeof(line) - 1);
		syscall(SYS_close, fd);
	}
	errno = ENOMEM;
	return true;
}

void *
malloc(size_t n)
{
	if (looking)
		return early_alloc(n);
	if (next_malloc == NULL)
		look();
	return strikes() ? NULL : next_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
	if (looking)
		return early_alloc(n * size);
	if (next_malloc == NULL)
		look();
	return strikes() ? NULL : next_calloc(n, size);
}

void *
realloc(void *p, size_t n)
{
	void *moved;

	if (next_malloc == NULL && !looking)
		look();
	if (looking || is_early(p)) {
		moved = looking ? early_alloc(n) : malloc(n);
		if (moved != NULL && p != NULL)
			memcpy(moved, p, n);	/* may copy what lies behind: it is all in one array */
		return moved;
	}
	return strikes() ? NULL : next_realloc(p, n);
}

void
free(void *p)
{
	if (is_early(p))
		return;
	if (next_malloc == NULL && !looking)
		look();
	if (next_free != NULL)
		next_free(p);
}
