# What a service manager and an administrator count on: --run-as, sockets that are handed over, words about readiness.
# shellcheck disable=SC2016	# what is in single quotes is for another shell, or Python
load lib/helpers
load lib/listen
load lib/service

setup() { setup_programs; }
teardown() { teardown_programs; }

needs_root() { ((EUID == 0)) || skip 'needs root'; }

# run_from STATUS PYTHON VERB [ARG]...: starts sockt as start_from does, one that ends by itself, with that status.
run_from() {
	local want=$1 code=$2
	shift 2
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME/lib/peers run -"$want" --separate-stderr \
		timeout "$PATIENCE" python3 -c "from parent import *"$'\n'"$code"$'\n'"become()" "$SOCKT" "$@"
}

# is_user PID UID GID: it is, with every id, in that group alone, and with no capability.
is_user() {
	local task
	for task in "/proc/$1/task/"*; do
		task=${task##*/}
		is "$(fact "$task" Uid)" "$2 $2 $2 $2"
		is "$(fact "$task" Gid)" "$3 $3 $3 $3"
		is "$(fact "$task" Groups)" "$3"
		is "$(fact "$task" CapInh) $(fact "$task" CapPrm) $(fact "$task" CapEff) $(fact "$task" CapAmb)" \
			"$(printf '%016d %016d %016d %016d' 0 0 0 0)"
	done
}

# ---- --run-as ----

@test "run-as: by the time it is ready it is that user, with no other group and no capability" {
	needs_root
	start_listener -k --run-as nobody
	is_user "$server" "$(id -u nobody)" "$(id -g nobody)"
	run -0 "$SOCKT" connect 127.0.0.1 "$port" <<<"served"
	wait_for says "$heard" served
	is_user "$server" "$(id -u nobody)" "$(id -g nobody)"
	kill -TERM "$server"
	ends 143 "$server"
}

@test "run-as: USER:GROUP, names and numbers, is that group alone" {
	needs_root
	local who gid
	gid=$(getent group daemon | cut -d : -f 3)
	for who in nobody:daemon "nobody:$gid" "$(id -u nobody):daemon"; do
		start_listener -k --run-as "$who"
		is_user "$server" "$(id -u nobody)" "$gid"
	done
	start_listener -k --run-as 54321:54322		# nobody's numbers
	is_user "$server" 54321 54322
}

@test "run-as: USER has all of its groups, and root's are gone; a port of root's is no hindrance" {
	needs_root
	needs_netns
	run -0 --separate-stderr in_netns '
		etc passwd "root:x:0:0::/root:/bin/sh
mine:x:4242:4343::/:/bin/sh"
		etc group "root:x:0:
mine:x:4343:
also:x:4444:mine
other:x:4545:root"
		mkfifo "$1/ready"
		exec 7<>"$1/ready"
		setpriv --groups 0,4545 "$SOCKT" listen --ready-fd 7 --run-as mine 127.0.0.1 80 >"$1/heard" 2>"$1/said" &
		read -r -t 10 -u 7 addr
		echo "$addr"
		awk "/^(Uid|Gid|Groups):/ { \$1 = \$1; print }" "/proc/$!/status"
		"$SOCKT" connect 127.0.0.1 80 <<<served
		wait $!
		cat "$1/heard"' "$BATS_TEST_TMPDIR"
	is "$output" "127.0.0.1:80
Uid: 4242 4242 4242 4242
Gid: 4343 4343 4343 4343
Groups: 4343 4444
served"
}

@test "run-as: every worker of an echo-server is that user" {
	needs_root
	start_server echo-server --workers 4 --run-as nobody 127.0.0.1 0
	(($(find "/proc/$server/task" -mindepth 1 -maxdepth 1 | wc -l) >= 4))
	is_user "$server" "$(id -u nobody)" "$(id -g nobody)"
	run -0 "$SOCKT" connect 127.0.0.1 "$port" <<<"echoed"
	is "$output" echoed
}

@test "run-as: programs run as that user" {
	needs_root
	start_listener -k --run-as nobody --sh 'id -u; id -g; id -G; grep CapEff /proc/self/status'
	run -0 client "$ASK"
	is "$output" "$(id -u nobody)
$(id -g nobody)
$(id -g nobody)
CapEff:	0000000000000000"
}

@test "run-as: what it listens on, and the port file, are made as root" {
	needs_root
	mkdir -m 700 "$BATS_TEST_TMPDIR/roots"
	start_listener -k --run-as nobody --port-file "$BATS_TEST_TMPDIR/roots/port"
	is "$(<"$BATS_TEST_TMPDIR/roots/port")" "$addr"
	is "$(stat -c %u "$BATS_TEST_TMPDIR/roots/port")" 0
	is "$(find "$BATS_TEST_TMPDIR/roots" -type f | wc -l)" 1
}

@test "run-as: an unknown user or group is 12, and nothing was listened to" {
	local who
	for who in no-such-user nobody:no-such-group 54321 4294967295:1 -1:1; do
		run -12 --separate-stderr timeout "$PATIENCE" "$SOCKT" listen --run-as="$who" --port-file "$BATS_TEST_TMPDIR/port" 127.0.0.1 0
		one_line "$stderr"
		has "$stderr" "$who: no such"
		[[ ! -e $BATS_TEST_TMPDIR/port ]]
	done
}

@test "run-as: root is refused, by any name" {
	local who
	for who in root 0 root:daemon 0:1 nobody:root nobody:0 00; do
		run -12 --separate-stderr timeout "$PATIENCE" "$SOCKT" listen --run-as "$who" -w 1 127.0.0.1 0
		one_line "$stderr"
		has "$stderr" root
	done
}

@test "run-as: a word that names nobody is status 2" {
	local who
	for who in '' : nobody: :daemon; do
		run -2 --separate-stderr timeout "$PATIENCE" "$SOCKT" listen --run-as "$who" -w 1 127.0.0.1 0
		one_line "$stderr"
	done
}

UNPRIVILEGED='if os.geteuid() == 0:
    fd = os.open(sys.argv[1], os.O_RDONLY)
    os.setgroups([]); os.setresgid(54322, 54322, 54322); os.setresuid(54321, 54321, 54321)
    become = lambda: os.execve(fd, sys.argv[1:], os.environ)'

@test "run-as: without the privilege it is 12, nobody hears of a port, and the port file is gone again" {
	chmod 777 "$BATS_TEST_TMPDIR"
	run_from 12 "$UNPRIVILEGED" listen --run-as daemon 127.0.0.1 0
	one_line "$stderr"
	has "$stderr" "needs root"
	has_no "$output$stderr" "listening"
	needs_root
	run -12 --separate-stderr timeout "$PATIENCE" setpriv --bounding-set=-setuid,-setgid \
		"$SOCKT" listen --run-as nobody --port-file "$BATS_TEST_TMPDIR/port" --ready-fd 1 127.0.0.1 0
	is "$output" ""
	one_line "$stderr"
	has "$stderr" "CAP_SETUID"
	[[ ! -e $BATS_TEST_TMPDIR/port ]]
}

@test "run-as: who is that user already needs no privilege" {
	needs_root
	start_from "$UNPRIVILEGED" listen -k --run-as 54321:54322 127.0.0.1 0
	run -0 "$SOCKT" connect 127.0.0.1 "$port" <<<"served"
	wait_for says "$heard" served
}

@test "run-as: who is that user already still gives up such capabilities as there are" {
	needs_root
	_ready_pipe
	begin setpriv --reuid nobody --regid nogroup --clear-groups --inh-caps=+net_bind_service \
		--ambient-caps=+net_bind_service "$SOCKT" listen -k --run-as nobody:nogroup --ready-fd "$ready" 127.0.0.1 0
	_await_ready "$ready"
	exec {ready}>&-
	is "$(fact "$pid" CapPrm) $(fact "$pid" CapEff) $(fact "$pid" CapAmb)" "$(printf '%016d %016d %016d' 0 0 0)"
}

@test "run-as: a client that was waiting before is not served by root" {
	needs_root
	start_from 's = listening(); hand_over(s)
c = socket.create_connection(s.getsockname()); c.shutdown(socket.SHUT_WR); os.set_inheritable(c.fileno(), True)' \
		listen --run-as nobody --sh 'id -u >&2'
	ends 0 "$server"
	has "$(<"$said")" $'\n'"$(id -u nobody)"
}

# ---- sockets that are handed over ----

@test "activation: listen serves the socket it was given, and needs no operand" {
	start_from 'hand_over(listening())' listen -k
	is "$host" 127.0.0.1
	run -0 "$SOCKT" connect 127.0.0.1 "$port" <<<"one"
	run -0 "$SOCKT" connect 127.0.0.1 "$port" <<<"two"
	wait_for holds "$heard" $'one\ntwo'
	is "$(<"$said")" "listening on $addr"
}

@test "activation: without -k it serves one client" {
	start_from 'hand_over(listening())' listen
	run -0 "$SOCKT" connect 127.0.0.1 "$port" <<<"one"
	ends 0 "$server"
	is "$(<"$heard")" one
}

@test "activation: the client for whom it was started is served, with all it had sent" {
	start_from 's = listening(); hand_over(s)
c = socket.create_connection(s.getsockname()); c.sendall(b"early"); c.close()' listen
	ends 0 "$server"
	is "$(<"$heard")" early
}

@test "activation: a Unix socket, which is not removed at the end" {
	local path=$BATS_TEST_TMPDIR/sock
	start_from "hand_over(listening('$path'))" listen -k
	is "$addr" "unix:$path"
	run -0 "$SOCKT" connect "unix:$path" <<<"one"
	wait_for holds "$heard" one
	kill -TERM "$server"
	ends 143 "$server"
	test -S "$path"
}

@test "activation: several sockets, each with a line" {
	local path=$BATS_TEST_TMPDIR/sock
	start_from "hand_over(listening(), listening(('::1', 0)), listening('$path'), listening('@sockt-$$-$BATS_TEST_NUMBER'), names='a:b:c:d')" \
		listen -k --port-file "$BATS_TEST_TMPDIR/port"
	wait_for holds "$said" "$(sed 's/^/listening on /' "$BATS_TEST_TMPDIR/port")"
	local lines=()
	mapfile -t lines <"$BATS_TEST_TMPDIR/port"
	is "${#lines[@]} ${lines[2]} ${lines[3]}" "4 unix:$path unix:@sockt-$$-$BATS_TEST_NUMBER"
	local line
	for line in "${lines[@]}"; do
		run -0 "$SOCKT" connect "$line" <<<"by $line"
		wait_for says "$heard" "by $line"
	done
}

@test "activation: programs and targets are served from it as well" {
	start_from 'hand_over(listening())' listen -k -- sh -c 'echo here; echo /proc/$$/fd/[0-9]'
	run -0 client "$ASK"
	has "$output" here
	has_no "$output" fd/4
	start_from 'hand_over(listening())' listen --to "$addr"
	run -0 client "$ASK"
	has "$output" here
	ends 0 "$server"
}

@test "activation: echo-server, with many workers too" {
	local workers
	for workers in 1 4; do
		start_from 'hand_over(listening(), listening())' echo-server --workers "$workers" --port-file "$BATS_TEST_TMPDIR/port"
		local line
		while read -r line; do
			run -0 client 'for _ in range(20):
    s = socket.create_connection((argv[0], int(argv[1])), PATIENCE); s.sendall(b"word"); half_close(s)
    assert read_all(s) == b"word"' "${line%:*}" "${line##*:}"
		done <"$BATS_TEST_TMPDIR/port"
		is "$(wc -l <"$BATS_TEST_TMPDIR/port")" 2
		kill -TERM "$server"
		ends 143 "$server"
	done
}

@test "activation: operands are of no effect then, and a line says so" {
	start_from 'hand_over(listening())' listen -k 127.0.0.1 1
	[[ $port != 1 ]]
	run -0 "$SOCKT" connect 127.0.0.1 "$port" <<<"one"
	wait_for holds "$heard" one
	is "$(wc -l <"$said")" 2
	has "$(<"$said")" "127.0.0.1:1: of no effect" "LISTEN_FDS"
}

@test "activation: a descriptor that does not listen is 9, and is named" {
	local how
	for how in '3:None' '3:open("/etc/passwd")' '3:listening(kind=socket.SOCK_DGRAM)' '3:socket.socket()' \
		'3:socket.socketpair()[0]' '4:listening(), open("/dev/null")' '4:listening(), None'; do
		run_from 9 "hand_over(${how#*:})" listen -k -w 5 --port-file "$BATS_TEST_TMPDIR/port"
		one_line "$stderr"
		has "$stderr" "descriptor ${how%%:*}" ": is "
		[[ ! -e $BATS_TEST_TMPDIR/port ]]
	done
	run_from 9 'hand_over(open("/etc/passwd"))' echo-server
	has "$stderr" "descriptor 3"
}

@test "activation: a number of sockets that is none is 9" {
	local n
	for n in x -1 1.5 65 '' ' 1'; do
		run_from 9 "hand_over(listening(), count='$n')" listen -k -w 5
		one_line "$stderr"
		has "$stderr" LISTEN_FDS "'$n'"
	done
}

@test "activation: what is for another process is none of ours: an operand is needed, and is listened to" {
	local verb
	for verb in "listen -k" echo-server; do
		# shellcheck disable=SC2086	# one word or two
		run_from 2 'hand_over(listening(), pid=1)' $verb
		one_line "$stderr"
	done
	run_from 2 'hand_over(listening()); del os.environ["LISTEN_PID"]' listen
	start_from 'hand_over(listening(), pid=1, count="nonsense")' listen -k 127.0.0.1 0
	run -0 "$SOCKT" connect 127.0.0.1 "$port" <<<"one"
	wait_for holds "$heard" one
	is "$(wc -l <"$said")" 1
}

@test "activation: no sockets and no operand is status 2; with an operand that is listened to" {
	run_from 2 'hand_over()' listen -k
	one_line "$stderr"
	start_from 'hand_over()' listen -k 127.0.0.1 0
	run -0 "$SOCKT" connect 127.0.0.1 "$port" <<<"one"
	wait_for holds "$heard" one
}

@test "activation: connect takes no notice of it" {
	start_peer 'c = accept(); c.sendall(b"hello")'
	run_from 0 'hand_over(open("/etc/passwd"))' connect "$addr"
	is "$output$stderr" hello
}

@test "activation: programs are told nothing of it" {
	export NOTIFY_SOCKET=/nowhere
	start_from 'os.environ["LISTEN_PIDFDID"] = "1"; hand_over(listening(), names="a")' listen -k -- sh -c 'env | grep -E "^(SOCKT|LISTEN|NOTIFY)"'
	run -0 client "$ASK"
	has "$output" SOCKT_REMOTE_ADDR=
	has_no $'\n'"$output" $'\nLISTEN_' $'\nNOTIFY_'
}

# ---- words about readiness ----

# start_manager WHERE: prints what is said to that NOTIFY_SOCKET, a path or @NAME. At READY=1 it connects to the address
# in the file, to see whether that is so. Sets $manager_heard.
start_manager() {
	rm -f "$BATS_TEST_TMPDIR/port"
	start_peer 's = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); where = argv[0]
s.bind("\0" + where[1:] if where[0] == "@" else where); ready(s)
while True:
    word = s.recv(1000).decode(); say(word)
    if "READY=1" in word.split("\n"):
        host, port = open(argv[1]).read().split(":"); socket.create_connection((host, int(port)), PATIENCE).close(); say("reached")' \
		"$1" "$BATS_TEST_TMPDIR/port"
	manager_heard=$heard
}

@test "notify: READY=1 comes when clients may, STOPPING=1 when it waits for those that are left; by path and by @name" {
	local where
	for where in "$BATS_TEST_TMPDIR/notify" "@sockt-$$-$BATS_TEST_NUMBER"; do
		start_manager "$where"
		NOTIFY_SOCKET=$where start_listener -k --drain 60 --port-file "$BATS_TEST_TMPDIR/port"
		wait_for says "$manager_heard" reached
		start_client 'c.send(b"x"); assert read_all(c) == b""; say("told"); sys.stdin.readline()' \
			< <(wait_for says "$manager_heard" STOPPING >/dev/null 2>&1 3>&-; echo)
		wait_for says "$heard" x
		kill -TERM "$server"
		wait_for says "$manager_heard" STOPPING=1
		ends 143 "$server"
		is "$(<"$manager_heard")" $'READY=1\nreached\nSTOPPING=1'
	done
}

@test "notify: echo-server with workers says it once, whichever of them has a client" {
	local i
	for i in 1 2 3 4 5; do
		start_manager "$BATS_TEST_TMPDIR/notify.$i"
		NOTIFY_SOCKET=$BATS_TEST_TMPDIR/notify.$i start_server echo-server --workers 4 --drain 1 \
			--port-file "$BATS_TEST_TMPDIR/port" 127.0.0.1 0
		wait_for says "$manager_heard" reached
		start_client 'c.send(b"x"); read_n(c, 1); say("there"); signal.pause()'
		wait_for says "$client_heard" there
		kill -TERM "$server"
		ends 143 "$server"
		is "$(<"$manager_heard")" $'READY=1\nreached\nSTOPPING=1'
	done
}

@test "notify: a server that does not come up is not ready" {
	start_manager "$BATS_TEST_TMPDIR/notify"
	NOTIFY_SOCKET=$BATS_TEST_TMPDIR/notify run -9 "$SOCKT" listen 198.51.100.77 0
	NOTIFY_SOCKET=$BATS_TEST_TMPDIR/notify run -12 "$SOCKT" listen --run-as no-such-user 127.0.0.1 0
	NOTIFY_SOCKET=$BATS_TEST_TMPDIR/notify start_listener --port-file "$BATS_TEST_TMPDIR/port"
	wait_for says "$manager_heard" reached		# and nothing before that
	is "$(<"$manager_heard")" $'READY=1\nreached'
}

@test "notify: nobody there, a word that is no address, or a full queue does not stop the server" {
	local where
	start_peer 's = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(argv[0]); ready(s)
o = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); o.setblocking(False)
try:
    while True: o.sendto(b"x" * 1000, argv[0])
except BlockingIOError: say("full")
signal.pause()' "$BATS_TEST_TMPDIR/full"
	wait_for says "$heard" full
	for where in /nowhere/at-all relative @ / "" "/$(printf '%0200d' 0)" vsock:2:1234 "$BATS_TEST_TMPDIR/full"; do
		NOTIFY_SOCKET=$where start_listener -k
		run -0 "$SOCKT" connect 127.0.0.1 "$port" <<<"served"
		wait_for says "$heard" served
		is "$(wc -l <"$said")" 1
	done
	NOTIFY_SOCKET=/nowhere/at-all start_listener -v
	wait_for says "$said" "NOTIFY_SOCKET: cannot tell /nowhere/at-all"
}
