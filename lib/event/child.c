/*
 * Children as events: see child.h. By SIGCHLD, which every system has; a descriptor a child would cost one more each.
 */
#include "lib/event/child.h"

#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>

#include "lib/event/signal.h"

/* Like the signals they come by, children belong to the process: there is one list. */
static struct child *watched;

/* While SIGCHLD is ignored, which may be inherited, the system reaps by itself and tells nobody. */
void
children_start(void)
{
	signals_add(SIGCHLD);
}

void
child_watch(struct child *child, pid_t pid, void (*fn)(void *arg, int status), void *arg)
{
	*child = (struct child){ .pid = pid, .fn = fn, .arg = arg, .next = watched };
	if (watched != NULL)
		watched->prev = child;
	watched = child;
}

void
child_forget(struct child *child)
{
	if (child->pid == 0)
		return;
	if (child->prev != NULL)
		child->prev->next = child->next;
	else
		watched = child->next;
	if (child->next != NULL)
		child->next->prev = child->prev;
	*child = (struct child){ .pid = 0 };
}

void
children_reap(void)
{
	siginfo_t info = { .si_pid = 0 };
	struct child *child;

	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
		for (child = watched; child != NULL && child->pid != info.si_pid; child = child->next)
			;
		if (child != NULL) {
			struct child ended = *child;
			child_forget(child);
			ended.fn(ended.arg, info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status);
		}
		waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG);
		info.si_pid = 0;
	}
}
