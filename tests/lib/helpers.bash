# What every suite needs: listeners and peers that say when they are ready, waits with a bound, words that are checked
# and shown. `load lib/helpers` brings it in; a suite with a teardown of its own calls stop_all there.
#
# Nothing in here sleeps for a time: a wait is for a fact, and its bound only says when to call it a failure.
# shellcheck disable=SC2034	# what is set here is for the suites
bats_require_minimum_version 1.5.0

export SOCKT=${SOCKT:-$BATS_TEST_DIRNAME/../build/sockt}
PATIENCE=20			# seconds until a wait is a failure
started=()			# what stop_all ends

# The stdin of every test is /dev/null unless it says otherwise: what sockt makes of stdin depends on its kind.
exec </dev/null

teardown() { stop_all; }

# _end_below PID: ends its children and theirs, but not who asks.
_end_below() {
	local pid
	for pid in $(pgrep -P "$1"); do
		[[ $pid == "$BASHPID" ]] || { _end_below "$pid"; kill -KILL "$pid"; }
	done
}

# BATS_TEST_TIMEOUT ends a test's children, but what hangs under `run` is a grandchild, which keeps the test waiting.
if [[ -n ${BATS_TEST_NAME-} ]]; then
	(
		for limit in 75 5 5 5; do
			read -r -t "$limit" <> <(:) || true
			_end_below "$$" 2>/dev/null || true
		done
	) >/dev/null 2>&1 3>&- &
	started+=("$!")
fi

# stop_all: ends what the helpers started, and shows what it said if the test failed.
stop_all() {
	local pid file
	for pid in "${started[@]}"; do
		kill -KILL "$pid" 2>/dev/null || continue
		wait "$pid" 2>/dev/null || true
	done
	started=()
	[[ -z ${BATS_TEST_COMPLETED-} ]] || return 0
	for file in "$BATS_TEST_TMPDIR"/said.*; do
		[[ ! -s $file ]] || { printf -- '--- %s\n' "${file##*/}"; head -c 4000 "$file"; }
	done
}

# ---- starting ----

# begin COMMAND...: runs it in the background with our stdin. Sets $pid, $heard (file of its stdout) and $said (of its
# stderr).
begin() {
	heard=$(mktemp "$BATS_TEST_TMPDIR/heard.XXXXXX")
	said=${heard/heard./said.}
	"$@" <&0 >"$heard" 2>"$said" 3>&- &
	pid=$!
	started+=("$pid")
}

# begin_fed COMMAND...: the same with a pipe as stdin. Sets $in, a descriptor to write to it; `exec {in}>&-` ends it.
# The command itself does not inherit $in, or it would never see the end.
begin_fed() {
	local path
	path=$(mktemp -u "$BATS_TEST_TMPDIR/in.XXXXXX")
	mkfifo "$path"
	heard=$(mktemp "$BATS_TEST_TMPDIR/heard.XXXXXX")
	said=${heard/heard./said.}
	"$@" <"$path" >"$heard" 2>"$said" 3>&- &
	pid=$!
	started+=("$pid")
	exec {in}>"$path"
}

# _await_ready FD: reads the ready line. Sets $addr, $host and $port.
_await_ready() {
	addr='' host='' port=''
	if ! read -r -t "$PATIENCE" -u "$1" addr; then
		printf 'no ready line from pid %s\n' "$pid"
		return 1
	fi
	host=${addr%:*} port=${addr##*:}
}

# _ready_pipe: a pipe whose both ends are ours, so that opening it cannot block. Sets $ready.
_ready_pipe() {
	local path
	path=$(mktemp -u "$BATS_TEST_TMPDIR/ready.XXXXXX")
	mkfifo "$path"
	exec {ready}<>"$path"
}

# start_server VERB [ARG]...: a server of sockt's that says it is ready. Sets $server, $addr (HOST:PORT or unix:PATH),
# $host, $port, $heard, $said. Its stdin is ours: /dev/null, or what the call redirects.
start_server() {
	local ready verb=$1 status=0
	shift
	_ready_pipe
	begin "$SOCKT" "$verb" --ready-fd "$ready" "$@"
	server=$pid
	_await_ready "$ready" || status=1
	exec {ready}>&-
	return "$status"
}

# start_listener [OPTION]...: sockt listen on 127.0.0.1 and a free port. Sets $listener, and what start_server sets.
start_listener() {
	start_server listen "$@" 127.0.0.1 0 || return
	listener=$server
}

# start_peer PYTHON [ARG]...: runs the code after `from peer import *` (lib/peers/peer.py), which offers listen(),
# accept() and more; waits until it called ready(), which accept() and listen() do. Sets $peer, $addr, $host, $port,
# $heard and $said.
start_peer() {
	local ready status=0 code=$1
	shift
	_ready_pipe
	READY_FD=$ready PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME/lib/peers \
		begin python3 -c "from peer import *; $code" "$@"
	peer=$pid
	_await_ready "$ready" || status=1
	exec {ready}>&-
	return "$status"
}

# start_foreign COMMAND...: a server of somebody else's (nc, ncat, socat) on a port it chose; waits until it listens.
# Sets $peer, $port, $heard and $said.
start_foreign() {
	begin "$@"
	peer=$pid
	wait_for listens "$pid"
}

# listens PID: does that process listen on TCP? Sets $port.
listens() {
	port=$(ss -Hltnp | awk -v who="pid=$1," 'index($0, who) { n = split($4, part, ":"); print part[n]; exit }')
	[[ -n $port ]]
}

# closed_port: sets $port to a port of 127.0.0.1 that refuses, for as long as the test runs: it is bound, not listening.
closed_port() {
	start_peer 's = socket.socket(); s.bind(("127.0.0.1", 0)); ready(s); signal.pause()'
}

# ---- waiting ----

# wait_for CONDITION...: until the command succeeds.
wait_for() {
	local end=$((SECONDS + PATIENCE)) never
	exec {never}<> <(:)
	until "$@"; do
		if ((SECONDS >= end)); then
			printf 'not within %s s: %s\n' "$PATIENCE" "$*"
			return 1
		fi
		read -r -t 0.02 -u "$never" || true	# between two looks
	done
	exec {never}>&-
}

# says FILE TEXT: a condition for wait_for.
says() { grep -qF -e "$2" -- "$1"; }

# ends STATUS PID: waits for a background command, which must end with that status.
ends() {
	local status=0
	if ! timeout "$PATIENCE" tail --pid="$2" -s 0.02 -f /dev/null; then
		printf 'pid %s has not ended in %s s\n' "$2" "$PATIENCE"
		return 1
	fi
	wait "$2" || status=$?
	((status == $1)) || { printf 'exit status %d, not %d\n' "$status" "$1"; return 1; }
}

# still_runs PID: a third of a second from now, too. An absence has no fact to wait for.
still_runs() {
	! timeout 0.3 tail --pid="$1" -s 0.05 -f /dev/null || { printf 'pid %s has ended\n' "$1"; return 1; }
}

# ---- checking ----

# has TEXT PART...: every part is in the text.
has() {
	local text=$1 part
	shift
	for part; do
		[[ $text == *"$part"* ]] || { printf 'no "%s" in:\n%s\n' "$part" "$text"; return 1; }
	done
}

# has_no TEXT PART...: no part is in the text.
has_no() {
	local text=$1 part
	shift
	for part; do
		[[ $text != *"$part"* ]] || { printf 'there is "%s" in:\n%s\n' "$part" "$text"; return 1; }
	done
}

# is HAVE WANT: they are the same.
is() {
	[[ $1 == "$2" ]] || { printf 'have: %s\nwant: %s\n' "$1" "$2"; return 1; }
}

# one_line TEXT: it is exactly one line, and not an empty one.
one_line() {
	[[ -n $1 && $1 != *$'\n'* ]] || { printf 'not one line:\n%s\n' "$1"; return 1; }
}

# elapsed_ms COMMAND...: runs it here and sets $took_ms. For deadlines: lower bounds are exact, upper ones generous.
elapsed_ms() {
	local began=${EPOCHREALTIME/[.,]/} rc=0		# not `status`, which is what run sets
	"$@" || rc=$?
	took_ms=$(((${EPOCHREALTIME/[.,]/} - began) / 1000))
	return "$rc"
}

# between LOW HIGH: did $took_ms end up there?
between() {
	((took_ms >= $1 && took_ms < $2)) || { printf 'took %d ms, not %d to %d\n' "$took_ms" "$1" "$2"; return 1; }
}

# ---- networks of our own ----

# needs_netns: skips the test where in_netns cannot work. Say it in the test itself, not under `run`.
needs_netns() {
	_enter_netns true 2>/dev/null || skip 'no namespaces: needs root, or user namespaces'
}

_enter_netns() {
	local as=()
	((EUID == 0)) || as=(-r)
	unshare -n -m --propagation private "${as[@]}" "$@"
}

# in_netns SCRIPT [ARG]...: runs a bash script (-eu) in network and mount namespaces of its own, where lo is up. The
# functions below are for it.
in_netns() {
	local script=$1
	shift
	_enter_netns bash -euc "$(declare -f black_hole etc)
		ip link set lo up; $script" in_netns "$@"
}

# black_hole: from now on 198.51.100.0/24 and 2001:db8:b::/64 swallow every packet and answer nothing.
black_hole() {
	ip link add hole type veth peer name void
	ip link set hole address 02:00:00:00:00:01 up
	ip link set void up
	ip addr add 192.0.2.1/24 dev hole
	ip neigh add 192.0.2.254 lladdr 02:00:00:00:00:fe dev hole
	ip route add 198.51.100.0/24 via 192.0.2.254
	[[ -e /proc/net/if_inet6 ]] || return 0
	ip addr add 2001:db8::1/64 dev hole nodad
	ip neigh add 2001:db8::fe lladdr 02:00:00:00:00:fe dev hole
	ip route add 2001:db8:b::/64 via 2001:db8::fe
}

# etc NAME TEXT: /etc/NAME says that from now on.
etc() {
	local file
	file=$(mktemp "$BATS_TEST_TMPDIR/etc.XXXXXX")
	printf '%s\n' "$2" >"$file"
	chmod 644 "$file"
	mount --bind "$file" "/etc/$1"
}

# ---- other kinds of stdin ----

# on_terminal TEXT COMMAND...: runs it with a terminal of its own as stdin, on which TEXT is typed at once (printf's
# escapes; \004 is ^D). The terminal stays until the command has ended, whose status is ours.
on_terminal() { _on terminal "$@"; }

# on_socket TEXT COMMAND...: the same with a socket as stdin; \004 at the end of TEXT ends what it says.
on_socket() { _on socket "$@"; }

_on() {
	# shellcheck disable=SC2059
	STDIN=$1 SAYS=$(printf "$2.") PYTHONDONTWRITEBYTECODE=1 python3 "$BATS_TEST_DIRNAME/lib/peers/stdin.py" "${@:3}"
}
