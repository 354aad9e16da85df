# vsock:CID:PORT: the words, and as much of the rest as a machine without a peer can show.
load lib/helpers

needs_vsock() {
	python3 -c 'import socket; socket.socket(socket.AF_VSOCK)' 2>/dev/null || skip 'no vsock'
}

@test "vsock: a wrong CID or port is status 2 and named" {
	local word
	for word in vsock: vsock:2 vsock:2: vsock::1 vsock:x:1 vsock:2:x vsock:2:4294967296 vsock:4294967295:1 vsock:2:http; do
		run -2 --separate-stderr "$SOCKT" connect "$word"
		one_line "$stderr"
		has "$stderr" "sockt: connect: $word: "
		run -2 --separate-stderr "$SOCKT" listen "$word"
		has "$stderr" "sockt: listen: $word: "
	done
	run -2 --separate-stderr "$SOCKT" connect vsock:any:1
	has "$stderr" 'nowhere to connect to'
}

@test "vsock: listen says which port it got, on the ready line, to --ready-fd and in --port-file" {
	needs_vsock
	start_server listen -k --port-file "$BATS_TEST_TMPDIR/port" vsock:any:0
	[[ $addr =~ ^vsock:any:[0-9]+$ ]]
	is "$(<"$BATS_TEST_TMPDIR/port")" "$addr"
	wait_for says "$said" "listening on $addr"
	run -9 --separate-stderr "$SOCKT" listen "vsock:*:$port"
	is "$stderr" "sockt: listen: $addr: cannot listen: Address already in use"
}

@test "vsock: connecting where nobody is ends in status 4 or 5 and names the peer" {
	run --separate-stderr "$SOCKT" connect -w 5 vsock:host:4000000000
	((status == 4 || status == 5))
	one_line "$stderr"
	has "$stderr" 'sockt: connect: vsock:2:4000000000: '
}

@test "vsock: -4, -6, -n, -s and --interface do not matter to it" {
	needs_vsock
	for option in -4 -6 -n; do
		run -5 --separate-stderr "$SOCKT" listen "$option" -w 0.01 vsock:any:0
	done
	run --separate-stderr "$SOCKT" connect -n -4 -w 5 -s 192.0.2.99 --interface no-such vsock:host:4000000000
	((status == 4 || status == 5))
	has "$stderr" 'sockt: connect: vsock:2:4000000000: '
}

@test "vsock: --mptcp is not for it" {
	run -2 --separate-stderr "$SOCKT" listen --mptcp vsock:any:0
	has "$stderr" 'sockt: listen: --mptcp: only for TCP'
}

@test "vsock: what is sent over loopback arrives, where the system has that" {
	needs_vsock
	python3 -c 'import socket; socket.socket(socket.AF_VSOCK).bind((1, 4000000001))' 2>/dev/null || skip 'no loopback of vsock'
	start_server listen vsock:local:0 <<<answer
	run -0 --separate-stderr "$SOCKT" connect "$addr" <<<question
	is "$output" answer
	ends 0 "$server"
	is "$(<"$heard")" question
}
