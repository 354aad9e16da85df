# What the suites about listening need beside lib/helpers: clients of a listener as a line or two of Python.
# shellcheck disable=SC2034,SC2154	# what is set here is for the suites; $port and the like come from lib/helpers

# _client_code CODE: Python that has `c` connected to HOST PORT, its first two arguments, and then runs CODE.
_client_code() {
	printf '%s\n' 'from peer import *' 'c = socket.create_connection((argv.pop(0).strip("[]"), int(argv.pop(0))), PATIENCE)' "$1"
}

# client CODE [ARG]...: runs it here, connected to $host and $port.
client() {
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME/lib/peers \
		timeout 60 python3 -c "$(_client_code "$1")" "${host:-127.0.0.1}" "$port" "${@:2}"
}

# start_client CODE [ARG]...: the same in the background. Sets $client (pid), $client_heard and $client_said, and keeps
# the listener's $heard and $said. Its stdin is ours.
start_client() {
	local heard said pid
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME/lib/peers \
		begin python3 -c "$(_client_code "$1")" "${host:-127.0.0.1}" "$port" "${@:2}"
	client=$pid client_heard=$heard client_said=$said
}

# is_alive PID: it runs; a zombie does not.
is_alive() {
	local state
	state=$(awk '/^State:/ { print $2 }' "/proc/$1/status" 2>/dev/null) && [[ -n $state && $state != Z ]]
}

# holds FILE TEXT: the file's content is just that. A condition for wait_for.
holds() { [[ $(<"$1") == "$2" ]]; }

# has_bytes FILE N: it has at least so many.
has_bytes() { (($(stat -Lc %s "$1") >= $2)); }

# keep_pipe FD: a pipe at $pipe that has no end as long as the test holds FD, a number below 10. What is started
# meanwhile must not hold it too: `start_listener <"$pipe" 5>&-`.
keep_pipe() {
	pipe=$(mktemp -u "$BATS_TEST_TMPDIR/pipe.XXXXXX")
	mkfifo "$pipe"
	eval "exec $1<>\"\$pipe\""
}

# random_file FILE BYTES: sets $sum to its SHA-256.
random_file() {
	head -c "$2" /dev/urandom >"$1"
	sum=$(sha256 "$1")
}

sha256() { sha256sum <"$1" | cut -d ' ' -f 1; }

# What a process has done so far: turns of the processor it asked for or was made to give up, and ticks of it.
switches_of() { awk '/voluntary_ctxt/ { n += $2 } END { print n }' "/proc/$1/status"; }
ticks_of() { sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'; }

# is_asleep PID: it waits for something. A condition for wait_for.
is_asleep() { [[ $(awk '/^State:/ { print $2 }' "/proc/$1/status") == S ]]; }

# is_stopped PID: SIGSTOP has reached it. A condition for wait_for.
is_stopped() { [[ $(awk '/^State:/ { print $2 }' "/proc/$1/status") == T ]]; }

# a_second_passes: as long as another sockt takes to wait one second for nobody.
a_second_passes() { run -5 "$SOCKT" listen --quiet -w "${1:-1}" 127.0.0.1 0 3>&-; }

# has_stalled PID: it sleeps, and has moved no byte since the last time this was asked. A condition for wait_for.
has_stalled() {
	local before=${_moved-}
	_moved=$(awk '/^[rw]char/ { n += $2 } END { print n }' "/proc/$1/io")$(ss -Htnip | grep "pid=$1," | md5sum)
	[[ $_moved == "$before" ]] && is_asleep "$1"
}
