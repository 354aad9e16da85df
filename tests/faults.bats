# sockt when the system is unkind: short and interrupted calls, calls that fail, memory and descriptors that run out.
# Bytes are never lost, and what cannot go on says so. The tools are tests/fault/*.c, preloaded.
# shellcheck disable=SC2016	# what is in single quotes is for another shell, or Python
load lib/helpers
load lib/listen

setup() {
	there=$BATS_TEST_TMPDIR/there back=$BATS_TEST_TMPDIR/back got=$BATS_TEST_TMPDIR/got
	random_file "$there" 4000003		# enough for every way through the relay
	random_file "$back" 3000017
	faults=$BATS_TEST_TMPDIR/faults
	: >"$faults"
}

# faulty RULES COMMAND...: the words that run it with those faults (tests/fault/calls.c), in the array faulty.
faulty() {
	faulty=(env FAULT="$1" FAULT_LOG="$faults" LD_PRELOAD="$SOCKT_BUILD/fault/calls.so" "${@:2}")
}

# struck CALL...: did each of them fail at least once? The portable build has no splice and no epoll to fail.
struck() {
	local call
	for call; do
		[[ $VARIANT == portable && ($call == splice || $call == epoll*) ]] && continue
		grep -qx "$call" "$faults" || { printf '%s never failed\n' "$call"; return 1; }
	done
}

# faulty_listener RULES [OPTION]...: sets what start_server sets.
faulty_listener() {
	faulty "$1" "$SOCKT"
	_ready_pipe
	begin "${faulty[@]}" listen --ready-fd "$ready" "${@:2}" 127.0.0.1 0
	server=$pid
	_await_ready "$ready"
	exec {ready}>&-
}

# files_cross RULES: between files, both ways at once, both ends with those faults.
files_cross() {
	faulty_listener "$1" <"$there"
	faulty "$1" "$SOCKT"
	"${faulty[@]}" connect 127.0.0.1 "$port" <"$back" >"$got"
	ends 0 "$server"
	cmp "$there" "$got"
	cmp "$back" "$heard"
}

# pipes_cross RULES: the same between pipes.
pipes_cross() {
	faulty "$1" "$SOCKT"
	_ready_pipe
	begin bash -c 'cat "$1" | "${@:3}" listen --ready-fd "$2" 127.0.0.1 0 | cat; exit "${PIPESTATUS[1]}"' - \
		"$there" "$ready" "${faulty[@]}"
	_await_ready "$ready"
	exec {ready}>&-
	# shellcheck disable=SC2002	# a pipe is what is meant
	cat "$back" | "${faulty[@]}" connect 127.0.0.1 "$port" | cat >"$got"
	ends 0 "$pid"
	cmp "$there" "$got"
	cmp "$back" "$heard"
}

# many_cross RULES: through listen -k, to a client without faults. Its own end ends nothing: TERM does.
many_cross() {
	faulty_listener "$1" -k <"$there"
	run -0 --separate-stderr client '
h = hashlib.sha256()
data, n = memoryview(open(argv[0], "rb").read()), 0
c.setblocking(False)
while True:
    r, w, _ = select.select([c], [c] if n < len(data) else [], [], PATIENCE)
    if w: n += c.send(data[n:])
    if n == len(data) and w: half_close(c)
    if r:
        part = c.recv(1 << 16)
        if not part: break
        h.update(part)
    assert r or w
say(h.hexdigest())' "$back"
	is "$output" "$(sha256 "$there")"
	wait_for has_bytes "$heard" "$(stat -c %s "$back")"
	cmp "$back" "$heard"
	kill -TERM "$server"
	ends 143 "$server"
}

# ---- short, interrupted and spurious ----

ALL='read=% write=% send=% recv=% splice=%'

# small_files: what moves byte by byte is slow.
small_files() {
	truncate -s 200003 "$there"
	truncate -s 150001 "$back"
}

@test "faults: files cross when every call moves 1 to 7 bytes" {
	small_files
	files_cross "${ALL//%/short}"
	struck read recv send splice
}

@test "faults: bytes cross pipes when every call moves 1 to 7 bytes" {
	small_files
	pipes_cross "${ALL//%/short}"
	[[ $VARIANT != portable ]] || struck read recv send write
	struck splice
}

@test "faults: listen -k loses nothing when every call moves 1 to 7 bytes" {
	small_files
	many_cross "read=short write=short send=short recv=short"
	struck read write send recv
}

INTERRUPTED="read=EINTR%A write=EINTR%A send=EINTR%A recv=EINTR%A splice=EINTR%A accept4=EINTR%A epoll_wait=EINTR%A
	poll=EINTR%A connect=EINTR%A"
INTERRUPTED=${INTERRUPTED//[$'\n\t']/ }

@test "faults: files cross when every other call is interrupted" {
	files_cross "${INTERRUPTED//%A//2}"
	struck read recv send splice epoll_wait
}

@test "faults: bytes cross pipes when three calls of four are interrupted" {
	pipes_cross "${INTERRUPTED//%A/\~4} connect=EINTR"
	struck splice epoll_wait accept4 connect
}

@test "faults: listen -k loses nothing when three calls of four are interrupted" {
	many_cross "${INTERRUPTED//%A/\~4}"
	struck read send recv write epoll_wait accept4
}

@test "faults: a connection whose connect is interrupted is made once" {
	start_peer 'l = listen(); c = accept(l); say(read_all(c)); l.setblocking(False)
try: l.accept(); say("twice")
except BlockingIOError: say("once")'
	faulty 'connect=EINTR' "$SOCKT" connect
	run -0 --separate-stderr "${faulty[@]}" 127.0.0.1 "$port" < <(printf data)
	struck connect
	ends 0 "$peer"
	is "$(<"$heard")" $'b\'data\'\nonce'
}

@test "faults: files cross when calls would block for no reason" {
	files_cross "${ALL//%/EAGAIN/2}"
	struck recv send splice
}

@test "faults: bytes cross pipes when calls would block for no reason" {
	pipes_cross "${ALL//%/EAGAIN/2}"
	struck splice
}

@test "faults: bytes cross pipes when splice says so all the time" {
	pipes_cross 'splice=EAGAIN'
	struck splice
}

@test "faults: listen -k loses nothing when calls would block for no reason" {
	many_cross "${ALL//%/EAGAIN/2}"
	struck recv send
}

@test "faults: all of it together" {
	small_files
	files_cross 'read=short send=EINTR/2 recv=EAGAIN/3 splice=short epoll_wait=EINTR/3 write=short poll=EINTR/2'
	pipes_cross 'read=EAGAIN/3 send=short recv=short splice=EINTR/2 epoll_wait=EINTR/3 write=short poll=EINTR/2'
}

# ---- splice that gives up ----

@test "faults: when splice stops working the buffer goes on where it stopped, between files" {
	local at
	for at in 1 2 3 4 7 12; do
		files_cross "splice=EINVAL@$at"
	done
	struck splice
}

@test "faults: when splice stops working the buffer goes on where it stopped, between pipes" {
	local at
	for at in 1 2 3 4 7 12; do
		pipes_cross "splice=EINVAL@$at"
	done
	struck splice
	pipes_cross 'splice=ENOMEM@3'
	pipes_cross 'splice=ENOSYS'
}

@test "faults: the same when what is left in the pipe comes out in small pieces" {
	small_files
	local at
	for at in 2 3 4 6; do
		files_cross "splice=EINVAL@$at read=short send=short write=short"
	done
	struck splice
}

@test "faults: without pipes to spare, or of the size we would like, files cross all the same" {
	files_cross 'pipe2=EMFILE@2'
	struck pipe2 || [[ $VARIANT == portable ]]
	files_cross 'setpipe_sz=EPERM'
	struck setpipe_sz || [[ $VARIANT == portable ]]
}

# ---- accepting ----

@test "faults: a listener that is short of descriptors for a while serves its client in the end" {
	local errnum
	for errnum in EMFILE ENFILE ENOBUFS ENOMEM; do
		faulty_listener "accept4=$errnum*2" -v
		run -0 "$SOCKT" connect 127.0.0.1 "$port" <<<"patience"
		ends 0 "$server"
		is "$(<"$heard")" patience
		has "$(<"$said")" "new clients wait"
	done
	struck accept4
}

@test "faults: a client that was gone before it was accepted is no matter" {
	local errnum
	for errnum in ECONNABORTED EINTR EPROTO ENETDOWN; do
		faulty_listener "accept4=$errnum*50" -k -v
		run -0 "$SOCKT" connect 127.0.0.1 "$port" <<<"hello"
		wait_for says "$heard" hello
		has_no "$(<"$said")" "new clients wait"
		kill -TERM "$server"
		ends 143 "$server"
	done
	struck accept4
}

@test "faults: a listener that stays short of descriptors does not spin, and hears signals" {
	faulty_listener accept4=EMFILE -k
	start_client 'c.send(b"x"); read_all(c)'
	wait_for struck accept4
	local before
	before=$(ticks_of "$server")
	a_second_passes 1.5
	(($(ticks_of "$server") <= before + 3))
	(($(grep -c accept4 "$faults") < 20))
	kill -TERM "$server"
	ends 143 "$server"
}

# ---- failing for good ----

# fails_with STATUS RULES [INPUT]: connect with those faults does, with one line, which is in $stderr.
fails_with() {
	faulty "$2" "$SOCKT"
	run "-$1" --separate-stderr "${faulty[@]}" connect "${@:3}" <"$back"
	one_line "$stderr"
}

@test "faults: without a way to wait for descriptors it is 11" {
	start_peer 'l = listen()
while True: reset(accept(l))'
	local rule
	local rules=(epoll_create1=EMFILE epoll_ctl=ENOSPC epoll_ctl=ENOMEM@2 epoll_wait=EBADF pipe2=EMFILE socket=EMFILE socket=ENFILE)
	[[ $VARIANT != portable ]] || rules=(poll=ENOMEM pipe2=EMFILE socket=EMFILE socket=ENFILE)
	for rule in "${rules[@]}"; do
		: >"$faults"
		fails_with 11 "$rule" 127.0.0.1 "$port"
		struck "${rule%%=*}"
	done
}

@test "faults: a listener that cannot be had without descriptors is 11" {
	local rule
	for rule in socket=EMFILE pipe2=ENFILE; do
		faulty "$rule" "$SOCKT" listen 127.0.0.1 0
		run -11 --separate-stderr "${faulty[@]}"
		one_line "$stderr"
	done
	struck socket pipe2
}

@test "faults: a lookup that runs out of descriptors is 11, not an unknown name" {
	start_peer 'import resource, subprocess
l = listen(); seen = set()
for n in range(4, 16):
    seen.add(subprocess.call([os.environ["SOCKT"], "connect", "-z", "localhost", str(l.getsockname()[1])],
        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n))))
say(sorted(seen))'
	ends 0 "$peer"
	is "$(<"$heard")" "[0, 11]"
}

@test "faults: a lookup that cannot start says so" {
	faulty pthread_create=EAGAIN "$SOCKT" connect localhost 9
	run -11 --separate-stderr "${faulty[@]}"
	one_line "$stderr"
	struck pthread_create
}

@test "faults: a stdin that fails is 12, what was read before has arrived, and no end behind it" {
	start_peer 'c = accept(); n = 0
try:
    while part := c.recv(65536): n += len(part)
    say(n, "bytes and an end")
except ConnectionResetError: say(n, "bytes and a reset")'
	head -c 40000 "$back" >"$BATS_TEST_TMPDIR/some"
	faulty read=EIO@2 "$SOCKT" connect 127.0.0.1 "$port"
	run -12 --separate-stderr "${faulty[@]}" <"$BATS_TEST_TMPDIR/some"
	is "$stderr" "sockt: connect: stdin: cannot read: Input/output error"
	struck read
	wait_for test -s "$heard"
	is "$(<"$heard")" "40000 bytes and a reset"
}

@test "faults: a stdout that fails in the middle is 12" {
	start_peer 'c = accept(); c.sendall(open(argv[0], "rb").read()); half_close(c); read_all(c)' "$back"
	faulty 'splice=EINVAL write=ENOSPC@2' "$SOCKT" connect -d 127.0.0.1 "$port"
	run -12 --separate-stderr sh -c 'exec "$@" >"$0"' "$got" "${faulty[@]}"
	is "$stderr" "sockt: connect: stdout: cannot write: No space left on device"
	struck write
	cmp -n "$(stat -c %s "$got")" "$got" "$back"
}

@test "faults: a stdout whose close fails is 12" {
	start_peer 'c = accept(); c.send(b"x"); half_close(c); read_all(c)'
	faulty 'close=EIO' "$SOCKT" connect 127.0.0.1 "$port"
	run -12 --separate-stderr "${faulty[@]}"
	is "$stderr" "sockt: connect: stdout: cannot write: Input/output error"
	struck close
}

@test "faults: a connection that breaks in the middle is 6 with the counts" {
	start_peer 'l = listen()
while True:
    c = accept(l); half_close(c)
    try: read_all(c)
    except ConnectionError: pass'
	fails_with 6 'send=ECONNRESET@2 splice=EINVAL' 127.0.0.1 "$port"
	has "$stderr" "bytes sent" "reset"
	fails_with 6 'recv=ECONNRESET@2 splice=EINVAL' 127.0.0.1 "$port"		# the first asks whether it is open
	struck send recv
}

# ---- memory ----

# An echo that never ends, whatever its clients do.
start_echo() {
	start_peer 'signal.alarm(90); l = listen(backlog=100)
while True:
    c = accept(l)
    try: c.sendall(read_all(c))
    except OSError: pass
    c.close()'
}

# without_memory N HOST: connect to the echo with the Nth allocation failing. Sets $status, $stderr and $got.
without_memory() {
	status=0
	: >"$faults"
	FAULT_MALLOC=$1 FAULT_LOG=$faults timeout 30 env LD_PRELOAD="$SOCKT_BUILD/fault/memory.so" \
		"$SOCKT" connect "${@:2}" "$port" <"$there" >"$got" 2>"$BATS_TEST_TMPDIR/words" || status=$?
	stderr=$(<"$BATS_TEST_TMPDIR/words")
}

# fails_well N HOST: for every allocation from the first until one that does not come any more: all is echoed, or a
# status says it is not, with a line.
fails_well() {
	local n failed=0
	for ((n = 1; n <= 150; n++)); do
		without_memory "$n$1" "${@:2}"
		grep -qx malloc "$faults" || break
		case $status in
		0) cmp "$there" "$got" || { printf 'allocation %s: status 0 and bytes lost\n' "$n"; return 1; } ;;
		3|4|11) failed=$((failed + 1)); one_line "$stderr" || { printf 'allocation %s: %s\n' "$n" "$stderr"; return 1; } ;;
		*) printf 'allocation %s: status %d: %s\n' "$n" "$status" "$stderr"; return 1 ;;
		esac
	done
	((n > 4 && n <= 150 && failed > 0)) || { printf '%d allocations, %d failures\n' "$n" "$failed"; return 1; }
}

@test "faults: when memory runs out at any point nothing is lost in silence" {
	head -c 100003 /dev/urandom >"$there"
	start_echo
	fails_well '' 127.0.0.1
}

@test "faults: when memory runs out and stays out nothing is lost in silence" {
	head -c 100003 /dev/urandom >"$there"
	start_echo
	fails_well + 127.0.0.1
}

@test "faults: a lookup that runs out of memory fails, or gets by without" {
	head -c 100 /dev/urandom >"$there"
	start_echo
	fails_well '' localhost
}

@test "faults: a listener that runs out of memory ends with 11, or serves" {
	local n clients=0 failures=0
	for ((n = 1; n <= 40; n++)); do
		: >"$faults"
		rm -f "$BATS_TEST_TMPDIR/port"
		begin env FAULT_MALLOC="$n" FAULT_LOG="$faults" LD_PRELOAD="$SOCKT_BUILD/fault/memory.so" \
			"$SOCKT" listen --quiet --port-file "$BATS_TEST_TMPDIR/port" 127.0.0.1 0 <"$there"
		ready_or_over() { [[ -e $BATS_TEST_TMPDIR/port ]] || ! is_alive "$pid"; }
		wait_for ready_or_over
		if [[ -e $BATS_TEST_TMPDIR/port ]]; then
			"$SOCKT" connect -d "$(<"$BATS_TEST_TMPDIR/port")" >"$got" 2>/dev/null || true
		fi
		local status=0
		wait "$pid" || status=$?
		case $status in
		0) clients=$((clients + 1)); cmp "$there" "$got" ;;
		11) failures=$((failures + 1)); one_line "$(<"$said")" ;;
		*) printf 'allocation %s: status %d: %s\n' "$n" "$status" "$(<"$said")"; return 1 ;;
		esac
		grep -qx malloc "$faults" || break
	done
	((clients > 0 && failures > 0 && n < 40)) || { printf '%s\n' "$n $clients $failures"; return 1; }
}

@test "faults: a listener for many that cannot have memory for a client goes on with the others" {
	local n served=0
	for ((n = 1; n <= 40; n++)); do
		: >"$faults"
		rm -f "$BATS_TEST_TMPDIR/port"
		begin env FAULT_MALLOC="$n" FAULT_LOG="$faults" LD_PRELOAD="$SOCKT_BUILD/fault/memory.so" \
			"$SOCKT" listen -k --quiet --port-file "$BATS_TEST_TMPDIR/port" 127.0.0.1 0 <"$there"
		ready_or_over() { [[ -e $BATS_TEST_TMPDIR/port ]] || ! is_alive "$pid"; }
		wait_for ready_or_over
		if [[ -e $BATS_TEST_TMPDIR/port ]]; then
			"$SOCKT" connect -m 10 "$(<"$BATS_TEST_TMPDIR/port")" <"$back" >"$got" 2>/dev/null || true
			# Whatever became of the first: the server is there for a second, or said why not.
			if "$SOCKT" connect -m 10 "$(<"$BATS_TEST_TMPDIR/port")" <<<"the second" >/dev/null 2>&1; then
				wait_for says "$heard" "the second"
				served=$((served + 1))
			fi
			kill -TERM "$pid" 2>/dev/null || true
		fi
		local status=0
		wait "$pid" || status=$?
		case $status in
		143) ;;
		11) one_line "$(<"$said")" ;;
		*) printf 'allocation %s: status %d: %s\n' "$n" "$status" "$(<"$said")"; return 1 ;;
		esac
		grep -qx malloc "$faults" || break
	done
	((served > 2)) || { printf '%d served, %d allocations\n' "$served" "$n"; return 1; }
}
