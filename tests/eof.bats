# How a conversation ends: what each kind of stdin, and each way the peer may go, means for the other side.
# shellcheck disable=SC2016	# other shells expand what is quoted
load lib/helpers
load lib/listen

# ---- stdin ends ----

# What the peer of the next tests does: answers the whole question once it has ended.
answering='c = accept(); q = read_all(c); c.sendall(b"you said " + q)'

@test "eof: the end of a file half-closes, and the answer is printed" {
	start_peer "$answering"
	echo hello >"$BATS_TEST_TMPDIR/in"
	run -0 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port" <"$BATS_TEST_TMPDIR/in"
	is "$output" 'you said hello'
	is "$stderr" ''
}

@test "eof: the end of a pipe half-closes, and the answer is printed" {
	start_peer "$answering"
	run -0 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port" < <(echo hello)
	is "$output" 'you said hello'
}

@test "eof: ^D on a terminal half-closes, and the answer is printed" {
	start_peer "$answering"
	run -0 --separate-stderr on_terminal 'hello\n\004' "$SOCKT" connect 127.0.0.1 "$port"
	is "$output" 'you said hello'
}

@test "eof: the end of a socket half-closes, and the answer is printed" {
	start_peer "$answering"
	run -0 --separate-stderr on_socket 'hello\n\004' "$SOCKT" connect 127.0.0.1 "$port"
	is "$output" 'you said hello'
}

@test "eof: a file or pipe that is empty is an end, too" {
	start_peer "l = listen()
for _ in range(2): c = accept(l); say(read_all(c)); c.sendall(b'bye'); c.close()"
	: >"$BATS_TEST_TMPDIR/in"
	run -0 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port" <"$BATS_TEST_TMPDIR/in"
	is "$output" bye
	run -0 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port" < <(:)
	is "$output" bye
	ends 0 "$peer"
}

@test "eof: nothing is said of an end before all is sent" {
	start_peer 'c = accept(rcvbuf=4096); data = read_all(c); say(sha(data)); c.sendall(b"got %d" % len(data))'
	head -c 2000000 /dev/urandom >"$BATS_TEST_TMPDIR/in"
	run -0 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port" <"$BATS_TEST_TMPDIR/in"
	is "$output" 'got 2000000'
	ends 0 "$peer"
	is "$(<"$heard")  -" "$(sha256sum <"$BATS_TEST_TMPDIR/in")"
}

# ---- no stdin ----

@test "eof: /dev/null, a closed stdin and -d are no end: our side stays open until the peer ends" {
	start_peer 'l = listen()
for _ in range(3): c = accept(l); say(is_silent(c)); c.sendall(b"bye"); half_close(c); say(read_all(c)); c.close()'
	run -0 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port" </dev/null
	is "$output" bye
	run -0 --separate-stderr bash -c '"$SOCKT" connect 127.0.0.1 "$1" <&-' - "$port"
	is "$output" bye
	is "$stderr" ''
	run -0 --separate-stderr "$SOCKT" connect -d 127.0.0.1 "$port" <"$heard"
	is "$output" bye
	ends 0 "$peer"
	is "$(<"$heard")" $'True\nb\'\'\nTrue\nb\'\'\nTrue\nb\'\''
}

@test "eof: the socket does not take the place of a closed stdin, stdout or stderr" {
	start_peer 'l = listen()
for _ in range(2): c = accept(l); c.sendall(b"bye"); half_close(c); say(read_all(c)); c.close()'
	run -0 --separate-stderr bash -c '"$SOCKT" connect -vv 127.0.0.1 "$1" <&- 2>&-' - "$port"
	is "$output" bye
	run -12 --separate-stderr bash -c '"$SOCKT" connect -vv 127.0.0.1 "$1" >&- 2>&-' - "$port"
	ends 0 "$peer"
	is "$(<"$heard")" $'b\'\'\nb\'\''
}

# ---- the peer ends first ----

# What the peer of the next tests does: says bye, ends its side, and reads on until we do.
leaving='c = accept(); c.sendall(b"bye\n"); half_close(c); data = read_all(c); say("heard", len(data), sha(data))'

@test "eof: when the peer ends first a terminal is dropped at once" {
	start_peer "$leaving"
	elapsed_ms run -0 --separate-stderr on_terminal '' "$SOCKT" connect 127.0.0.1 "$port"
	between 0 10000
	is "$output" bye
	is "$stderr" ''
	ends 0 "$peer"
	has "$(<"$heard")" 'heard 0 '
}

@test "eof: when the peer ends first a file is sent to its end" {
	start_peer 'c = accept(rcvbuf=4096); c.sendall(b"bye\n"); half_close(c); data = read_all(c); say(sha(data))'
	head -c 3000000 /dev/urandom >"$BATS_TEST_TMPDIR/in"
	run -0 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port" <"$BATS_TEST_TMPDIR/in"
	is "$output" bye
	ends 0 "$peer"
	is "$(<"$heard")  -" "$(sha256sum <"$BATS_TEST_TMPDIR/in")"
}

@test "eof: when the peer ends first a pipe is sent on until it ends" {
	start_peer "$leaving"
	peer_heard=$heard
	begin_fed "$SOCKT" connect --linger 30 127.0.0.1 "$port"
	wait_for says "$heard" bye
	still_runs "$pid"
	echo late >&"$in"
	still_runs "$pid"
	echo later >&"$in"
	exec {in}>&-
	elapsed_ms ends 0 "$pid"
	between 0 15000		# at the pipe's end, not when --linger is over
	ends 0 "$peer"
	has "$(<"$peer_heard")" 'heard 11 '
}

@test "eof: when the peer ends first a silent pipe or socket has one second" {
	start_peer "$leaving"
	begin_fed "$SOCKT" connect 127.0.0.1 "$port"
	elapsed_ms ends 0 "$pid"
	between 900 15000	# from a moment after it began
	is "$(<"$heard")" bye
	is "$(<"$said")" ''
	start_peer "$leaving"
	elapsed_ms run -0 --separate-stderr on_socket '' "$SOCKT" connect 127.0.0.1 "$port"
	between 1000 15000
}

@test "eof: when the peer ends first --linger says how long a silent pipe is waited for" {
	start_peer "l = listen()
for _ in range(2): c = accept(l); c.sendall(b'bye'); half_close(c); read_all(c)"
	begin_fed "$SOCKT" connect --linger 2 127.0.0.1 "$port"
	elapsed_ms ends 0 "$pid"
	between 1900 15000
	begin_fed "$SOCKT" connect -q 0 127.0.0.1 "$port"
	ends 0 "$pid"
}

@test "eof: when the peer ends first a pipe that goes on talking is not cut off by --linger" {
	start_peer "$leaving"
	peer_heard=$heard
	begin "$SOCKT" connect -q 1.5 127.0.0.1 "$port" < <(
		for _ in {1..20}; do echo word; read -r -t 0.1 <> <(:) || true; done)
	ends 0 "$pid"
	ends 0 "$peer"
	has "$(<"$peer_heard")" 'heard 100 '
}

@test "eof: when the peer ends first -q 0 still sends all that a pipe holds" {
	keep_pipe 5
	python3 -c 'import fcntl, os; fcntl.fcntl(5, fcntl.F_SETPIPE_SZ, 1 << 20); os.write(5, b"x" * (1 << 20))'
	start_listener -C -q 0 <"$pipe" 5>&-
	exec 5>&-
	kill -STOP "$listener"			# it meets the client and its end together
	wait_for is_stopped "$listener"
	start_client 'half_close(c); say("ended"); say(len(read_all(c)))'
	wait_for says "$client_heard" ended
	kill -CONT "$listener"
	ends 0 "$listener"
	ends 0 "$client"
	is "$(tail -n 1 "$client_heard")" 1048576
}

@test "eof: when the peer ends first a pipe's bytes that came while we were stopped are not lost to --linger" {
	start_peer "$leaving"
	peer_heard=$heard
	begin_fed "$SOCKT" connect -vv -q 1 127.0.0.1 "$port"
	wait_for says "$said" 'receiving flushing -> ended'
	kill -STOP "$pid"
	printf precious >&"$in"
	a_second_passes 1.3
	kill -CONT "$pid"
	ends 0 "$pid"
	ends 0 "$peer"
	has "$(<"$peer_heard")" 'heard 8 '
}

@test "eof: when the peer ends first, no stdin ends it at once" {
	start_peer "l = listen()
for _ in range(2): c = accept(l); c.sendall(b'bye'); half_close(c); read_all(c)"
	elapsed_ms run -0 --separate-stderr "$SOCKT" connect --linger 50 127.0.0.1 "$port" </dev/null
	between 0 15000
	elapsed_ms run -0 --separate-stderr bash -c '"$SOCKT" connect --linger 50 127.0.0.1 "$1" <&-' - "$port"
	between 0 15000
}

@test "eof: a peer that goes away while bytes are due to it is status 6" {
	head -c 9000000 /dev/zero >"$BATS_TEST_TMPDIR/in"
	start_peer 'c = accept(); c.sendall(b"bye"); c.close()'
	run -6 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port" <"$BATS_TEST_TMPDIR/in"
	is "$output" bye
	one_line "$stderr"
	has "$stderr" "127.0.0.1:$port" '3 received'
	start_peer 'c = accept(); c.sendall(b"bye"); c.close()'
	run -6 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port" < <(cat "$BATS_TEST_TMPDIR/in")
	is "$output" bye
}

@test "eof: bytes for a peer that has gone are status 6, also when they come late" {
	start_peer 'c = accept(); c.sendall(b"bye\n"); c.close()'
	begin_fed "$SOCKT" connect --linger 30 127.0.0.1 "$port"
	wait_for says "$heard" bye
	ends 0 "$peer"
	echo late >&"$in"
	ends 6 "$pid"
	one_line "$(<"$said")"
	exec {in}>&-
}

# ---- what 0 promises ----

@test "eof: 0 only when the peer's system has acknowledged everything" {
	for option in --send-only -v; do
		start_peer 'signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
c = accept(rcvbuf=4096); half_close(c); signal.sigwait([signal.SIGUSR1]); say(sha(read_all(c)))'
		peer_heard=$heard
		head -c 60000 /dev/urandom >"$BATS_TEST_TMPDIR/in"
		begin "$SOCKT" connect "$option" -v -v 127.0.0.1 "$port" <"$BATS_TEST_TMPDIR/in"
		wait_for says "$said" 'sending flushing -> ended'	# written, but the peer's window is closed
		still_runs "$pid"
		kill -USR1 "$peer"
		ends 0 "$pid"
		ends 0 "$peer"
		is "$(<"$peer_heard")  -" "$(sha256sum <"$BATS_TEST_TMPDIR/in")"
	done
}

@test "eof: a peer that resets instead of reading what we sent is status 6" {
	for last in 'reset(c)' 'c.close()'; do	# a close with unread bytes is a reset, too
		start_peer "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
c = accept(rcvbuf=4096); half_close(c); signal.sigwait([signal.SIGUSR1]); $last"
		head -c 60000 /dev/urandom >"$BATS_TEST_TMPDIR/in"
		begin "$SOCKT" connect -vv 127.0.0.1 "$port" <"$BATS_TEST_TMPDIR/in"
		wait_for says "$said" 'sending flushing -> ended'
		kill -USR1 "$peer"
		ends 6 "$pid"
	done
}

@test "eof: a peer that reads, but resets where it should have ended, is status 6" {
	start_peer 'c = accept(); read_all(c); c.sendall(b"half an answer"); sent_and_acked(c); reset(c)'
	run -6 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port" <<<hello
	is "$output" 'half an answer'
	one_line "$stderr"
	has "$stderr" '14 received'
}

@test "eof: a Unix peer that goes without reading what we sent is status 6" {
	start_peer "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
c = accept(host=argv[0]); signal.sigwait([signal.SIGUSR1]); c.close()" "$BATS_TEST_TMPDIR/sock"
	begin "$SOCKT" connect -vv "unix:$BATS_TEST_TMPDIR/sock" < <(echo hello)
	wait_for says "$said" 'sending flushing -> ended'
	kill -USR1 "$peer"
	ends 6 "$pid"
}

# ---- a stdin that fails ----

@test "eof: a stdin that cannot be read is status 12, and the peer is not told that it has ended" {
	start_peer 'l = listen()
for _ in range(2):
    try: say(read_all(accept(l)))
    except ConnectionResetError: say("reset")'
	run -12 --separate-stderr bash -c '"$SOCKT" connect 127.0.0.1 "$1" </' - "$port"
	one_line "$stderr"
	has "$stderr" stdin 'Is a directory'
	run -12 --separate-stderr bash -c '"$SOCKT" connect 127.0.0.1 "$1" 0>"$2"' - "$port" "$BATS_TEST_TMPDIR/written"
	one_line "$stderr"
	has "$stderr" stdin
	ends 0 "$peer"
	is "$(<"$heard")" $'reset\nreset'
}
