# What the suites about servers and their limits need: crowds of clients as a few lines of Python (lib/peers/guests.py),
# and what a server says and costs.
# shellcheck disable=SC2034,SC2154	# what is set here is for the suites; $server and the like come from lib/helpers

_crowd_code() {
	printf '%s\n' 'from guests import *' 'where = (argv.pop(0).strip("[]"), int(argv.pop(0)))' "$1"
}

# crowd CODE [ARG]...: runs it, with `where` the server's address.
crowd() {
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME/lib/peers \
		timeout 60 python3 -c "$(_crowd_code "$1")" "$host" "$port" "${@:2}" 3>&-
}

# start_crowd CODE [ARG]...: the same in the background, with a pipe as stdin that stays open: `tell` ends
# sys.stdin.readline() there. Sets $crowd (pid) and $crowd_heard, and keeps the server's $heard and $said.
start_crowd() {
	local heard said pid in
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME/lib/peers \
		begin_fed python3 -c "$(_crowd_code "$1")" "$host" "$port" "${@:2}"
	crowd=$pid crowd_heard=$heard to_crowd=$in
}

tell() { echo >&"$to_crowd"; }

# crowd_in_netns SCRIPT CODE: the code, without a server, after the script in namespaces of their own (in_netns).
# shellcheck disable=SC2016	# another shell expands it
crowd_in_netns() {
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME/lib/peers \
		in_netns "$1"'; exec timeout 60 python3 -c "$1"' "from guests import *; $2" 3>&-
}

# crowd_says TEXT: waits for that line of the crowd's.
crowd_says() { wait_for grep -qxF -e "$1" -- "$crowd_heard"; }

# ---- servers ----

# start_echo [OPTION]...: sockt echo-server on 127.0.0.1 and a free port. Sets what start_server sets.
start_echo() { start_server echo-server "$@" 127.0.0.1 0; }

# ask_counts: what the server answers to SIGUSR1. Sets $counts: "N clients now, ...".
ask_counts() {
	local before
	before=$(grep -c ' clients now, ' "$said") || true
	kill -USR1 "$server"
	wait_for _has_answered "$before"
	counts=$(grep ' clients now, ' "$said" | tail -n 1)
	counts=${counts##*: }
}

_has_answered() { (($(grep -c ' clients now, ' "$said") > $1)); }

# counts_are N: it has so many clients. A condition for wait_for.
counts_are() {
	ask_counts
	[[ $counts == "$1 clients now, "* ]]
}

# all_gone: waits until it has no client, and holds as many descriptors as $fds, where that is set.
all_gone() {
	wait_for counts_are 0
	[[ -z ${fds-} ]] || wait_for _has_fds "$fds"
}

# note_fds: sets $fds to how many the server holds now, which answers by then: the one of --ready-fd is closed.
note_fds() {
	ask_counts
	fds=$(count_fds)
}

_has_fds() { (($(count_fds) == $1)); }
count_fds() { find "/proc/$server/fd" -type l | wc -l; }

# resident_kib: of the server.
resident_kib() { awk '/^VmRSS/ { print $2 }' "/proc/$server/status"; }

# needs_plain_memory: skips where memory says nothing about sockt. Say it in the test itself, not under `run`.
needs_plain_memory() { [[ ${VARIANT-} != asan ]] || skip 'the sanitizer keeps shadows and freed memory'; }

# needs_descriptors N: skips where a process may not have so many.
needs_descriptors() {
	local hard
	hard=$(ulimit -Hn)
	[[ $hard == unlimited ]] || ((hard >= $1)) || skip "needs $1 descriptors, and ulimit -Hn is $hard"
}

# wakings: how often any thread of the server has run so far.
wakings() { awk '/voluntary_ctxt/ { n += $2 } END { print n }' "/proc/$server/task/"*/status; }

# threads_sleep: every one does. A condition for wait_for.
threads_sleep() { [[ $(awk '/^State:/ { print $2 }' "/proc/$server/task/"*/status | sort -u) == S ]]; }
