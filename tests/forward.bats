# listen --to: every client with a connection of its own to a target.
# shellcheck disable=SC2016	# what is in single quotes is for another shell, or Python
load lib/helpers
load lib/listen
load lib/service
load lib/bulk

# A target that sends everything back.
start_echo() { start_peer 'l = listen(backlog=1024); import threading
def serve(c):
    c.settimeout(PATIENCE)
    try:
        while part := c.recv(1 << 16): c.sendall(part)
    except OSError: pass
    c.close()
while True: threading.Thread(target=serve, args=(l.accept()[0],), daemon=True).start()'; }

# ---- bytes ----

@test "forward: a target is HOST:PORT, tcp://HOST:PORT or unix:PATH" {
	local target path=$BATS_TEST_TMPDIR/sock
	start_peer 'l = listen()
for _ in range(2): c = accept(l); c.sendall(read_all(c).upper()); c.close()'
	for target in "$addr" "tcp://$addr"; do
		start_listener --to "$target"
		run -0 client 'c.sendall(b"word"); half_close(c); say(read_all(c))'
		is "$output" "b'WORD'"
		ends 0 "$listener"
		is "$(wc -l <"$said")" 1
	done
	for target in "$path" "@sockt-$$-$BATS_TEST_NUMBER"; do
		start_peer 'c = accept(host=argv[0]); c.sendall(read_all(c).upper())' "$target"
		start_listener --to "unix:$target"
		run -0 client 'c.sendall(b"word"); half_close(c); say(read_all(c))'
		is "$output" "b'WORD'"
		ends 0 "$listener"
	done
}

# between_theirs CLIENT...: socat behind, somebody's client in front, a file each way at once.
between_theirs() {
	start_foreign socat -t 60 - TCP-LISTEN:0,bind=127.0.0.1 <"$there"
	local target=$peer target_heard=$heard
	start_listener --to "127.0.0.1:$port"
	"$@" 127.0.0.1 "$port" <"$back" >"$got"
	ends 0 "$listener"
	ends 0 "$target"
	cmp "$there" "$got"
	cmp "$back" "$target_heard"
}

socat_to() { socat -t 60 - "TCP:$1:$2"; }

@test "forward: nc in front, 64 MiB both ways at once" {
	between_theirs nc.openbsd -N
}

@test "forward: ncat in front, 64 MiB both ways at once" {
	between_theirs ncat
}

@test "forward: socat in front, 64 MiB both ways at once" {
	between_theirs socat_to
}

@test "forward: sockt in front, 64 MiB both ways at once" {
	between_theirs "$SOCKT" connect
}

# one_way SERVER...: a server of theirs behind; a file each way, a connection each, as some leave when one side ends.
takes() {
	start_foreign "$@"
	local target=$peer target_heard=$heard
	start_listener --to "127.0.0.1:$port"
	run -0 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port" <"$there"
	is "$output$stderr" ""
	ends 0 "$listener"
	ends 0 "$target"
	cmp "$there" "$target_heard"
}
gives() {
	start_foreign "$@" <"$back"
	start_listener --to "127.0.0.1:$port"
	"$SOCKT" connect -d 127.0.0.1 "$port" >"$got"
	stop_all		# some stay for a client's end that -d does not say
	cmp "$back" "$got"
}

@test "forward: nc behind takes 64 MiB and gives as much" {
	takes nc.openbsd -l 127.0.0.1 0
	gives nc.openbsd -N -l 127.0.0.1 0
}

@test "forward: ncat behind takes 64 MiB and gives as much" {
	takes ncat -l 127.0.0.1 0
	gives ncat --send-only -l 127.0.0.1 0
}

@test "forward: socat's Unix socket behind, 64 MiB both ways at once" {
	local path=$BATS_TEST_TMPDIR/sock
	begin socat -t 60 - "UNIX-LISTEN:$path" <"$there"
	local target=$pid target_heard=$heard
	wait_for test -S "$path"
	start_listener --wait 10 --to "unix:$path"
	"$SOCKT" connect 127.0.0.1 "$port" <"$back" >"$got"
	ends 0 "$listener"
	ends 0 "$target"
	cmp "$there" "$got"
	cmp "$back" "$target_heard"
}

@test "forward: curl fetches and sends 64 MiB, one after the other on one connection, through it from nginx" {
	command -v nginx >/dev/null || skip 'no nginx'
	command -v curl >/dev/null || skip 'no curl'
	local dir=$BATS_TEST_TMPDIR/nginx
	mkdir -p "$dir/put"
	chmod 755 "$BATS_TEST_TMPDIR" "$dir"
	cp "$there" "$dir/there"
	cat >"$dir/conf" <<-END
	daemon off; master_process off; pid $dir/pid; error_log $dir/errors;
	events { }
	http {
	    access_log off; client_max_body_size 0; client_body_temp_path $dir/body; proxy_temp_path $dir/proxy;
	    fastcgi_temp_path $dir/fastcgi; scgi_temp_path $dir/scgi; uwsgi_temp_path $dir/uwsgi;
	    server { listen unix:$dir/sock; root $dir; location /put/ { dav_methods PUT; } }
	}
	END
	begin nginx -c "$dir/conf" -e "$dir/errors"
	wait_for test -S "$dir/sock"
	start_listener -k -v --to "unix:$dir/sock"
	# A PUT needs nginx's dav module, which not every package has: then only the fetches count.
	local url=http://$addr
	curl -sS --fail -o "$got" "$url/there" -o "$got.again" "$url/there"
	cmp "$there" "$got"
	cmp "$there" "$got.again"
	is "$(grep -c 'connected to' "$said")" 1
	if nginx -V 2>&1 | grep -q http_dav; then
		curl -sS --fail -T "$back" "$url/put/back"
		cmp "$back" "$dir/put/back"
	fi
	# Eight at once.
	curl -sS --fail --parallel --parallel-immediate --parallel-max 8 "$url/there" -o "$got.#1" "$url/there?[1-8]" -o "$got.#1"
	local i
	for i in 1 2 3 4 5 6 7 8; do cmp "$there" "$got.$i"; done
	rm -rf "$dir/there" "$dir/put"
}

@test "forward: 200 clients at once each get their own MiB back, and nothing of them stays" {
	start_echo
	start_listener -k --to "$addr"
	run -0 client 'half_close(c); read_all(c)'
	local before
	wait_for has_stalled "$listener"
	before=$(fds_of "$listener")
	run -0 client 'c.close(); from crowd import *
say(echoed(("127.0.0.1", int(argv[0])), 200, 1 << 20))' "$port"
	is "$output" 200
	wait_for has_fds "$listener" "$before"
	is "$(wc -l <"$said")" 1
}

@test "forward: few descriptors make clients wait and turn nobody away" {
	start_echo
	_ready_pipe
	begin bash -c 'ulimit -n 40; exec "$SOCKT" listen -k --to "$2" --ready-fd "$1" 127.0.0.1 0' - "$ready" "$addr"
	_await_ready "$ready"
	exec {ready}>&-
	run -0 client 'from crowd import *
say(echoed(c.getpeername(), 100, 1 << 18))'
	is "$output" 100
	is "$(wc -l <"$said")" 1
	is_alive "$pid"
}

@test "forward: bytes are spliced, not copied" {
	[[ ${VARIANT-} != portable ]] || skip 'the portable build has no splice'
	start_echo
	start_listener -vv --to "$addr"
	client 'import threading
threading.Thread(target=lambda: (c.sendall(bytes(4 << 20)), half_close(c)), daemon=True).start(); assert len(read_all(c)) == 4 << 20'
	ends 0 "$listener"
	has "$(<"$said")" "sending by splice" "receiving by splice"
	has_no "$(<"$said")" "by buffer"
}

# ---- the same as without it ----

# exchange PYTHON: what is seen when c, a client, and t, its target's end, do that to each other, in $events: directly,
# and through a forwarder, whose $said it leaves. gone(s) is how s ends: what came, and "end" or "reset".
TOGETHER='
RCVBUF = int(os.environ.get("RCVBUF", 0))
def gone(s):
    n, h = 0, hashlib.sha256()
    try:
        while part := s.recv(1 << 16): n += len(part); h.update(part)
        return n, h.hexdigest()[:8], "end"
    except ConnectionResetError: return n, h.hexdigest()[:8], "reset"
def noticed(s):
    "Waits until s has heard of it, and takes nothing from it."
    p = select.poll(); p.register(s, select.POLLRDHUP); return bool(p.poll(PATIENCE * 1000))
l = listen(rcvbuf=RCVBUF)
host, port = sys.stdin.readline().split()
c = socket.create_connection((host, int(port)), PATIENCE)
t = accept(l)
'
exchange() {
	local how=$1
	shift
	keep_pipe 5
	start_peer "$TOGETHER$1" <"$pipe" 5>&-
	local target=$peer target_heard=$heard
	case $how in
	direct) ;;
	once) start_listener --to "$addr" 5>&- ;;
	keep) start_listener -k --to "$addr" 5>&- ;;
	esac
	echo "$host $port" >&5
	exec 5>&-
	ends 0 "$target"
	events=$(<"$target_heard")
}

# as_direct STATUS PYTHON: both ends see the same with a forwarder between them as without; and its status.
as_direct() {
	local direct
	exchange direct "$2"
	direct=$events
	[[ -n $direct ]]
	printf 'directly: %s\n' "$direct"
	exchange keep "$2"
	is "$events" "$direct"
	exchange once "$2"
	is "$events" "$direct"
	ends "$1" "$listener"
}

@test "forward: the client half-closes first, and the target's answer to that arrives" {
	as_direct 0 'c.sendall(b"question"); say(read_n(t, 8)); half_close(c); say(gone(t))
t.sendall(b"answer"); say(read_n(c, 6)); say(is_silent(c)); t.sendall(b"more"); half_close(t); say(gone(c))'
}

@test "forward: the target half-closes first, and what the client still says arrives" {
	as_direct 0 't.sendall(b"hello"); half_close(t); say(gone(c)); say(is_silent(t))
c.sendall(b"late"); say(read_n(t, 4)); say(is_silent(t)); c.sendall(b"word"); half_close(c); say(gone(t))'
}

@test "forward: a target that ends without a word, and one that says all before it reads" {
	as_direct 0 'half_close(t); say(gone(c)); half_close(c); say(gone(t))'
	as_direct 0 'import threading
threading.Thread(target=lambda: (t.sendall(bytes(3000000)), half_close(t)), daemon=True).start(); say(gone(c))
threading.Thread(target=lambda: (c.sendall(bytes(3000001)), half_close(c)), daemon=True).start(); say(gone(t))'
}

@test "forward: nobody is heard of until somebody speaks, and long silence ends nothing" {
	as_direct 0 'say(is_silent(c, 1.5), is_silent(t)); half_close(t); say(gone(c), is_silent(t, 1.5))
c.sendall(b"x"); half_close(c); say(gone(t))'
}

@test "forward: the client's reset is the target's" {
	as_direct 6 'c.sendall(b"x"); say(read_n(t, 1)); reset(c); say(gone(t))'
}

@test "forward: the target's reset is the client's" {
	as_direct 6 't.sendall(b"x"); say(read_n(c, 1)); reset(t); say(gone(c))'
}

@test "forward: a reset after a half-close is one, too" {
	as_direct 6 'half_close(c); say(gone(t)); reset(t); say(gone(c))'
	as_direct 6 'half_close(t); say(gone(c)); reset(c); say(noticed(t)); say(gone(t))'
}

@test "forward: what came before a reset is delivered first" {
	as_direct 6 'c.sendall(b"x" * 50000); sent_and_acked(c); reset(c); say(gone(t))'
	as_direct 6 't.sendall(b"y" * 50000); sent_and_acked(t); reset(t); say(gone(c))'
}

@test "forward: the same for more than the other side has room for, which the forwarder holds" {
	local n
	for n in 50000 100000 200000 400000; do		# in its socket, then in its pipe too
		RCVBUF=16384 exchange once "c.sendall(b'x' * $n); sent_and_acked(c); reset(c)
select.select([], [], [], 0.1); say(gone(t)[::2])		# it knows of the reset before t reads"
		is "$events" "($n, 'reset')"
		ends 6 "$listener"
	done
}

@test "forward: a target that closes with bytes unread resets, as it would without" {
	as_direct 6 'c.sendall(b"unread"); say(read_n(t, 1)); t.sendall(b"bye"); t.close(); say(gone(c))'
}

@test "forward: urgent bytes arrive in line" {
	as_direct 0 't.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1); c.sendall(b"one "); say(read_n(t, 4))
c.sendall(b"two"); half_close(c); say(gone(t)); half_close(t); say(gone(c))'
}

# ---- a target that cannot be reached ----

@test "forward: without -k the status is connect's, and so is the reason" {
	closed_port
	local target=$addr
	start_listener --to "$target"
	run -0 client 'say(read_all(c))'
	is "$output" "b''"
	ends 4 "$listener"
	has "$(<"$said")" "sockt: listen: $target: " "Connection refused"
	start_listener --to "unix:$BATS_TEST_TMPDIR/none"
	run -0 client 'say(read_all(c))'
	ends 4 "$listener"
	has "$(<"$said")" "$BATS_TEST_TMPDIR/none: No such file"
}

@test "forward: a target's name that does not resolve is 3, when a client has come" {
	start_listener -n --to localhost:1
	still_runs "$listener"
	run -0 client 'say(read_all(c))'
	ends 3 "$listener"
	has "$(<"$said")" localhost
}

# deaf_port: a port of 127.0.0.1 where connections are neither made nor refused: its queue is full. Sets $addr.
deaf_port() {
	start_peer 'l = socket.socket(); l.bind(("127.0.0.1", 0)); l.listen(0); waiting = []
while True:
    s = socket.socket(); s.setblocking(False); waiting.append(s)
    if s.connect_ex(l.getsockname()) and not select.select([], [s], [], 0.5)[1]: break
ready(l); signal.pause()'
}

@test "forward: a target that does not answer within -w is 5" {
	deaf_port
	local target=$addr
	start_listener -w 3 --attempt-timeout 60 --to "$target"
	start_client 'say(read_all(c))'
	ends 0 "$client"
	ends 5 "$listener"
	has "$(<"$said")" "$target" "timed out"
}

@test "forward: with -k a line says why, the client is closed in order, and the server lives" {
	closed_port
	start_listener -k --to "$addr"
	run -0 client 'say(read_all(c))'
	is "$output" "b''"
	run -0 client 'say(read_all(c))'
	is "$(grep -c 'dropped: .*refused' "$said")" 2
	is_alive "$listener"
}

# how_it_ends: what a client gets, and how; a reset may meet it before it knows that it is connected.
how_it_ends() {
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME/lib/peers timeout 60 python3 -c 'from peer import *
try: say(read_all(socket.create_connection((argv[0], int(argv[1])), PATIENCE)))
except ConnectionResetError: say("reset")' "$host" "$port"
}

@test "forward: with --to-fail-rst the client sees a reset" {
	closed_port
	local target=$addr
	start_listener -k --to-fail-rst --to "$target"
	run -0 how_it_ends
	is "$output" reset
	is "$(grep -c 'dropped: .*refused' "$said")" 1
	start_listener --to-fail-rst --to "$target"
	run -0 how_it_ends
	is "$output" reset
	ends 4 "$listener"
}

# came N: so many clients did, as -v says. A condition for wait_for.
came() { (($(grep -c 'connected to' "$said") == $1)); }

@test "forward: a client that breaks off while its target is dialed gives its place back; TERM waits for the others" {
	deaf_port
	start_listener -k -v --max-conns 1 -w 60 --attempt-timeout 60 --drain 60 --to "$addr"
	client 'c.sendall(b"x"); sent_and_acked(c); reset(c)'
	wait_for says "$said" "disconnected"
	start_client 'say(read_all(c))'
	wait_for came 2
	has_no "$(<"$said")" "refused: the server is full"
	wait_for is_asleep "$listener"
	kill -TERM "$listener"
	wait_for says "$said" "no new clients"
	still_runs "$listener"
	kill -TERM "$listener"
	ends 143 "$listener"
}

@test "forward: clients whose targets are dialed cost no processor time, whatever they do meanwhile" {
	deaf_port
	start_listener -k -v -w 60 --attempt-timeout 60 --to "$addr"
	start_client 'a, b = [socket.create_connection(c.getpeername(), PATIENCE) for _ in range(2)]
a.sendall(b"x" * 100); b.sendall(b"y"); half_close(b); signal.pause()'
	wait_for came 3
	wait_for is_asleep "$listener"
	local before
	before=$(ticks_of "$listener")
	a_second_passes
	(($(ticks_of "$listener") <= before + 10))
}

# ---- the options of connecting ----

# A target that listens when a line comes on stdin, and refuses until then.
LATE='l = socket.socket(); l.bind(("127.0.0.1", 0)); ready(l); sys.stdin.readline(); l.listen(16); l.settimeout(PATIENCE)
c = accept(l); say(sha(read_all(c)), c.getpeername()[0]); c.sendall(b"got it")'

@test "forward: --wait waits for a target that comes later, and nothing the client said is lost" {
	random_file "$BATS_TEST_TMPDIR/in" 3000000
	keep_pipe 5
	start_peer "$LATE" <"$pipe" 5>&-
	local target=$peer target_heard=$heard
	start_listener -v --wait 60 --to "$addr" 5>&-
	local ours=$said
	begin "$SOCKT" connect 127.0.0.1 "$port" <"$BATS_TEST_TMPDIR/in" 5>&-
	tries() { (($(grep -c 'trying again' "$1") >= 2)); }
	wait_for tries "$ours"
	is_alive "$pid"
	echo >&5
	ends 0 "$pid"
	is "$(<"$heard")" "got it"
	ends 0 "$target"
	is "$(cut -d ' ' -f 1 "$target_heard")" "$sum"
	ends 0 "$listener"
	rm "$BATS_TEST_TMPDIR/in"
}

@test "forward: --wait that is over is 5, and names what was last seen" {
	closed_port
	start_listener --wait 0.3 --to "$addr"
	client 'read_all(c)'
	ends 5 "$listener"
	has "$(<"$said")" "refused"
}

@test "forward: --retry tries again as often as it says, for each client" {
	closed_port
	start_listener -k -v --retry 2 --retry-delay 10ms --retry-refused --to "$addr"
	client 'read_all(c)'
	is "$(grep -c 'trying again' "$said")" 2
	client 'read_all(c)'
	is "$(grep -c 'trying again' "$said")" 4
}

@test "forward: -s is where the target sees the connection come from" {
	start_peer 'c = accept(); say(c.getpeername()[0]); half_close(c); read_all(c)'
	local target=$peer target_heard=$heard
	start_listener -s 127.0.0.9 --to "$addr"
	client 'half_close(c); read_all(c)'
	ends 0 "$target"
	is "$(<"$target_heard")" 127.0.0.9
	ends 0 "$listener"
}

@test "forward: -s and --interface that this machine does not have are 9" {
	closed_port
	local target=$addr words
	for words in "-s 198.51.100.77" "--interface none-such"; do
		# shellcheck disable=SC2086	# two words
		start_listener $words --to "$target"
		client 'read_all(c)'
		ends 9 "$listener"
	done
}

@test "forward: --interface lo reaches a target on this machine" {
	((EUID == 0)) || skip 'SO_BINDTODEVICE needs root on old kernels'
	start_peer 'c = accept(); c.sendall(b"hello"); half_close(c); read_all(c)'
	start_listener --interface lo --to "$addr"
	run -0 client 'half_close(c); say(read_all(c))'
	is "$output" "b'hello'"
	ends 0 "$listener"
}

@test "forward: options about the target need --to: status 2" {
	local words
	for words in "-s 127.0.0.1" "--interface lo" "--attempt-timeout 1" "--retry 1" "--wait 1" "--to-fail-rst"; do
		# shellcheck disable=SC2086	# one or two words
		run -2 --separate-stderr timeout "$PATIENCE" "$SOCKT" listen $words 127.0.0.1 0
		one_line "$stderr"
		has "$stderr" "--to"
	done
}

@test "forward: a target that cannot be meant is status 2, before anything is listened to" {
	local target
	for target in '' nonsense localhost:99999 localhost:80x http://localhost/ unix: '[::1' ':80'; do
		run -2 --separate-stderr timeout "$PATIENCE" "$SOCKT" listen --port-file "$BATS_TEST_TMPDIR/port" --to "$target" 127.0.0.1 0
		one_line "$stderr"
		[[ ! -e $BATS_TEST_TMPDIR/port ]]
	done
}

# ---- slow ones ----

@test "forward: a target that reads nothing holds the client up, and gets everything when it reads" {
	start_peer 'l = listen(rcvbuf=65536); c = accept(l); say("here")
sys.stdin.readline(); say(sha(read_all(c))); c.sendall(b"got it")' < <(wait_for says "$BATS_TEST_TMPDIR/go" go >/dev/null 2>&1 3>&-; echo)
	local target=$peer target_heard=$heard
	start_listener -o SO_RCVBUF=65536 --to "$addr"	# or the system may take it all
	start_client 'data = os.urandom(1 << 20) * 40; n = 0; c.setblocking(False)
while select.select([], [c], [], 1)[1]: n += c.send(data[n:n + 65536])
say(n); c.setblocking(True); c.settimeout(PATIENCE); c.sendall(data[n:]); half_close(c); say(sha(data), read_all(c))'
	local client_file=$client_heard
	wait_for has_bytes "$client_file" 2
	(($(head -n 1 "$client_file") < 32 << 20))
	wait_for has_stalled "$listener"
	(($(awk '/^VmHWM/ { print $2 }' "/proc/$listener/status") < 200000))
	echo go >"$BATS_TEST_TMPDIR/go"
	ends 0 "$client"
	ends 0 "$target"
	is "$(tail -n 1 "$client_file")" "$(tail -n 1 "$target_heard") b'got it'"
	ends 0 "$listener"
}

@test "forward: a client that reads nothing disturbs no other" {
	start_peer 'l = listen(); import threading
def serve(c):
    try: c.sendall(bytes(40 << 20)); half_close(c); read_all(c)
    except OSError: pass
while True: threading.Thread(target=serve, args=(l.accept()[0],), daemon=True).start()'
	start_listener -k --to "$addr"
	start_client 'say("here"); signal.pause()'
	wait_for says "$client_heard" here
	wait_for has_stalled "$listener"
	run -0 client 'half_close(c); say(len(read_all(c)))'
	is "$output" "$((40 << 20))"
}

@test "forward: -i ends a silent pair, 5 without -k, and resets both" {
	keep_pipe 5
	start_peer "$TOGETHER"'say(gone(c)[2], gone(t)[2])' <"$pipe" 5>&-
	local target=$peer target_heard=$heard
	start_listener -i 0.5 --to "$addr" 5>&-
	echo "$host $port" >&5
	ends 0 "$target"
	is "$(<"$target_heard")" "reset reset"
	ends 5 "$listener"
	has "$(<"$said")" "idle for 500 ms" "the client or the target"
}

@test "forward: -m with -k ends a pair, and the server goes on" {
	start_echo
	start_listener -k -m 2 --to "$addr"
	run -0 client 'c.sendall(b"x"); say(read_n(c, 1))
try: say(read_all(c))
except ConnectionResetError: say("reset")'
	is "$output" $'b\'x\'\nreset'
	has "$(<"$said")" "its time is up (-m)"
	run -0 client 'c.sendall(b"x"); half_close(c); say(read_all(c))'
	is "$output" "b'x'"
}

# ---- the end ----

@test "forward: after TERM nobody new comes, transfers under way are completed, and it ends as the signal does" {
	start_echo
	start_listener -k --drain 60 --to "$addr"
	start_client 'data = os.urandom(1 << 20) * 8; c.sendall(data[:1000]); assert read_n(c, 1000) == data[:1000]; say("runs")
sys.stdin.readline(); import threading
threading.Thread(target=lambda: (c.sendall(data[1000:]), half_close(c)), daemon=True).start()
say(read_all(c) == data[1000:])' < <(wait_for says "$BATS_TEST_TMPDIR/go" go >/dev/null 2>&1 3>&-; echo)
	wait_for says "$client_heard" runs
	kill -TERM "$listener"
	refused() { run "$SOCKT" connect -z 127.0.0.1 "$port"; [[ $status == 4 ]]; }
	wait_for refused
	is_alive "$listener"
	echo go >"$BATS_TEST_TMPDIR/go"
	ends 0 "$client"
	is "$(tail -n 1 "$client_heard")" True
	ends 143 "$listener"
}

@test "forward: who is left after --drain is reset, on both sides" {
	keep_pipe 5
	start_peer "$TOGETHER"'say("there"); say(gone(c)[2], gone(t)[2])' <"$pipe" 5>&-
	local target=$peer target_heard=$heard
	start_listener -k --drain 0.3 --to "$addr" 5>&-
	echo "$host $port" >&5
	wait_for says "$target_heard" there
	wait_for has_stalled "$listener"
	kill -TERM "$listener"
	elapsed_ms ends 143 "$listener"
	between 300 20000
	ends 0 "$target"
	is "$(tail -n 1 "$target_heard")" "reset reset"
}

@test "forward: --max-conns is how many targets are dialed at once" {
	start_echo
	start_listener -k --max-conns 2 --to "$addr"
	run -0 client 'crowd = [c] + [socket.create_connection(c.getpeername(), PATIENCE) for _ in range(4)]
n = 0
for s in crowd:
    s.settimeout(PATIENCE)
    try: s.sendall(b"x"); n += read_n(s, 1) == b"x"
    except ConnectionError: pass
say(n)'
	is "$output" 2
}

@test "forward: a target that is no address is status 2, and --to is named" {
	local target
	for target in 127.0.0.1 http://127.0.0.1:80 127.0.0.1:99999 unix:; do
		run -2 --separate-stderr "$SOCKT" listen -k --to "$target" 127.0.0.1 0
		one_line "$stderr"
		has "$stderr" "sockt: listen: --to: $target: "
	done
}
