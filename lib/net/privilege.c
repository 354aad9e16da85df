/*
 * Giving up root: see privilege.h.
 *
 * PR_SET_NO_NEW_PRIVS is left alone. --run-as promises to be that user, not less than that user: programs that are
 * started for clients may be setuid or setgid (ping, a mail queue, sudo), and would fail in ways that nobody could
 * trace to us. setpriv(1) and service managers set it for who wants it.
 */
#include "lib/net/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/capability.h>
#include <sys/syscall.h>
#endif

#include "lib/base/num.h"

#define RECORD_MAX ((size_t)1 << 20)	/* of a user or group as the system stores it: a group may have many members */
#define KEEP_ID ((uid_t)-1)		/* setresuid(2): leave that one as it is */

/* One record being looked up: by name, or by number if name is NULL. */
struct query {
	const char *name;
	id_t id;
	bool group;
	bool found;
	uid_t uid;		/* of a user */
	gid_t gid;		/* of a group, or a user's primary one */
	char login[256];	/* the user's name: numbers have one too */
};

/* Asks once. Returns an errno, ERANGE when the room was too small. */
static int
ask_once(struct query *q, char *room, size_t size)
{
	struct passwd pw, *user = NULL;
	struct group gr, *group = NULL;
	int rc;

	if (q->group)
		rc = q->name != NULL ? getgrnam_r(q->name, &gr, room, size, &group) :
		    getgrgid_r(q->id, &gr, room, size, &group);
	else
		rc = q->name != NULL ? getpwnam_r(q->name, &pw, room, size, &user) :
		    getpwuid_r(q->id, &pw, room, size, &user);
	if (group != NULL)
		q->gid = group->gr_gid;
	if (user != NULL) {
		size_t n = strlen(user->pw_name);
		if (n >= sizeof(q->login))
			return ENAMETOOLONG;
		memcpy(q->login, user->pw_name, n + 1);
		q->uid = user->pw_uid;
		q->gid = user->pw_gid;
	}
	q->found = user != NULL || group != NULL;
	return rc;
}

/* Asks with as much room as it takes. Returns 0, found or not, or -1 with err. */
static int
ask(struct query *q, struct err *err)
{
	size_t size = 1024;
	int rc = ERANGE;

	while (rc == ERANGE && size <= RECORD_MAX) {
		char *room = malloc(size);
		if (room == NULL)
			return err_set(err, ERR_LIMIT, ENOMEM, "%s", "");
		do
			rc = ask_once(q, room, size);
		while (rc == EINTR);
		free(room);
		size *= 4;
	}
	/* getpwnam(3): some of the ways in which systems say that there is none. */
	if (q->found || rc == 0 || rc == ENOENT || rc == ESRCH || rc == EBADF || rc == EPERM)
		return 0;
	return err_set(err, ERR_LOCAL, rc, "cannot look up the %s", q->group ? "group" : "user");
}

/* Looks a word up as a name, then as a number, in that order as POSIX has it for chown. *number tells it was one. */
static int
look_up(struct query *q, const char *word, bool *number, struct err *err)
{
	int64_t n;

	*number = false;
	q->name = word;
	if (ask(q, err) < 0)
		return -1;
	/* The largest number is no id: it stands for leaving one as it is. */
	if (q->found || !num_int(word, 0, UINT32_MAX - 1, &n))
		return 0;
	*number = true;
	q->name = NULL;
	q->id = (id_t)n;
	return ask(q, err);
}

static int
find_group(struct privilege *p, const char *word, struct err *err)
{
	struct query q = { .group = true };
	bool number;

	if (look_up(&q, word, &number, err) < 0)
		return -1;
	if (!q.found && !number)
		return err_set(err, ERR_LOCAL, 0, "no such group");
	p->gid = q.found ? q.gid : q.id;
	if ((p->groups = malloc(sizeof(p->groups[0]))) == NULL)
		return err_set(err, ERR_LIMIT, ENOMEM, "%s", "");
	p->groups[0] = p->gid;
	p->n_groups = 1;
	return 0;
}

/* The groups of a user, as logging in would give them. */
static int
find_own_groups(struct privilege *p, const char *login, struct err *err)
{
	int room = 32, n = room;

	while ((p->groups = malloc((size_t)room * sizeof(p->groups[0]))) != NULL &&
	    getgrouplist(login, p->gid, p->groups, &n) < 0) {
		free(p->groups);
		p->groups = NULL;
		room = n > room ? n : room * 2;		/* not every system says how many there are */
		n = room;
	}
	if (p->groups == NULL)
		return err_set(err, ERR_LIMIT, ENOMEM, "%s", "");
	p->n_groups = (size_t)n;
	return 0;
}

/* Root's own ids, of which nothing would be given up. */
static int
refuse_root(const struct privilege *p, struct err *err)
{
	bool root = p->gid == 0;

	for (size_t i = 0; i < p->n_groups; i++)
		root = root || p->groups[i] == 0;
	if (p->uid == 0)
		return err_set(err, ERR_LOCAL, 0, "is root, which gives nothing up");
	return root ? err_set(err, ERR_LOCAL, 0, "would stay in root's group (name another: USER:GROUP)") : 0;
}

/* The words of NAME and GROUP, NULL without one. */
static int
find(struct privilege *p, const char *name, const char *group, struct err *err)
{
	struct query q = { .group = false };
	bool number;

	if (name[0] == '\0' || (group != NULL && group[0] == '\0'))
		return err_set(err, ERR_USAGE, 0, "is not USER or USER:GROUP");
	if (look_up(&q, name, &number, err) < 0)
		return -1;
	if (!q.found && !number)
		return err_set(err, ERR_LOCAL, 0, "no such user");
	if (!q.found && group == NULL)
		return err_set(err, ERR_LOCAL, 0, "no such user (a number of nobody's needs a group: UID:GROUP)");
	p->uid = q.found ? q.uid : q.id;
	p->gid = q.gid;
	if ((group != NULL ? find_group(p, group, err) : find_own_groups(p, q.login, err)) < 0)
		return -1;
	return refuse_root(p, err);
}

int
privilege_find(struct privilege *p, const char *word, struct err *err)
{
	const char *colon = strchr(word, ':');
	char *name = strndup(word, colon != NULL ? (size_t)(colon - word) : strlen(word));
	int rc;

	*p = PRIVILEGE_EMPTY;
	if (name == NULL)
		rc = err_set(err, ERR_LIMIT, ENOMEM, "%s", "");
	else
		rc = find(p, name, colon != NULL ? colon + 1 : NULL, err);
	free(name);
	if (rc == 0)
		return 0;
	privilege_free(p);
	return err_at(err, STAGE_LISTEN, word);
}

static bool
holds(const gid_t *groups, size_t n, gid_t gid)
{
	for (size_t i = 0; i < n; i++) {
		if (groups[i] == gid)
			return true;
	}
	return false;
}

/* Are our supplementary groups the ones asked for? The group itself may be among them or not: that is the same. */
static bool
has_groups(const struct privilege *p)
{
	int n = getgroups(0, NULL);
	gid_t *now = n >= 0 ? calloc((size_t)n + 1, sizeof(*now)) : NULL;
	bool same = now != NULL && (n = getgroups(n, now)) >= 0;

	for (int i = 0; same && i < n; i++)
		same = now[i] == p->gid || holds(p->groups, p->n_groups, now[i]);
	for (size_t i = 0; same && i < p->n_groups; i++)
		same = p->groups[i] == p->gid || holds(now, (size_t)n, p->groups[i]);
	free(now);
	return same;
}

/* Are all our ids the ones asked for? */
static bool
is_user(const struct privilege *p)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	return getresuid(&r, &e, &s) == 0 && r == p->uid && e == p->uid && s == p->uid &&
	    getresgid(&rg, &eg, &sg) == 0 && rg == p->gid && eg == p->gid && sg == p->gid;
}

/*
 * Capabilities go with uid 0 by themselves; a user who was started with some (a service manager's ambient ones, a
 * file's) keeps them until told otherwise. The ambient set cannot hold what permitted and inheritable do not.
 */
static int
drop_capabilities(void)
{
#ifdef __linux__
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	return (int)syscall(SYS_capset, &head, none);
#else
	return 0;
#endif
}

static bool
has_capabilities(void)
{
#ifdef __linux__
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct now[_LINUX_CAPABILITY_U32S_3] = { { .effective = 1 } };

	if (syscall(SYS_capget, &head, now) < 0)
		return true;
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		if ((now[i].effective | now[i].permitted | now[i].inheritable) != 0)
			return true;
	}
#endif
	return false;
}

/* Does any way lead back? Trying is the proof. */
static bool
can_return(void)
{
	return setresuid(KEEP_ID, 0, KEEP_ID) == 0 || setuid(0) == 0 || setresgid(KEEP_ID, 0, KEEP_ID) == 0 ||
	    setgid(0) == 0 || setgroups(0, NULL) == 0;
}

static int
cannot_change(int errnum, struct err *err)
{
	/* In a container root may be less than root. */
	return err_set(err, ERR_LOCAL, errnum, errnum != EPERM ? "cannot change the user" :
	    geteuid() != 0 ? "needs root" : "needs CAP_SETUID and CAP_SETGID");
}

int
privilege_drop(const struct privilege *p, struct err *err)
{
	/* The user last: it takes the right to change the rest with it. */
	if ((!is_user(p) || !has_groups(p)) && (setgroups(p->n_groups, p->groups) < 0 ||
	    setresgid(p->gid, p->gid, p->gid) < 0 || setresuid(p->uid, p->uid, p->uid) < 0))
		return cannot_change(errno, err);
	if (drop_capabilities() < 0)
		return err_set(err, ERR_LOCAL, errno, "cannot give up capabilities");

	/* What the calls said is not proof enough: systems have returned 0 and kept an id or a group. */
	if (has_capabilities() || can_return())
		return err_set(err, ERR_LOCAL, 0, "the privileges of root are still there");
	if (!is_user(p) || !has_groups(p))
		return err_set(err, ERR_LOCAL, 0, "the system kept other ids than it was told");
	return 0;
}

void
privilege_free(struct privilege *p)
{
	free(p->groups);
	*p = PRIVILEGE_EMPTY;
}
