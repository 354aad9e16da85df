# sockt beside the tools it replaces: each as client and as server, random bytes both ways, nothing lost.
# shellcheck disable=SC2016	# what is in single quotes is for another shell, or Python
load lib/helpers
load lib/listen
load lib/bulk

# client_both_ways COMMAND...: a client of theirs and a listener of ours, both sending at once.
client_both_ways() {
	start_listener <"$there"
	"$@" 127.0.0.1 "$port" <"$back" >"$got"
	ends 0 "$listener"
	cmp "$there" "$got"
	cmp "$back" "$heard"
}

# client_through_pipes COMMAND...: the same with pipes on all four ends, which takes other ways through the kernel.
client_through_pipes() {
	_ready_pipe
	begin bash -c 'cat "$1" | "$SOCKT" listen --ready-fd "$2" 127.0.0.1 0 | cat; exit "${PIPESTATUS[1]}"' - "$there" "$ready"
	_await_ready "$ready"
	exec {ready}>&-
	# shellcheck disable=SC2002	# a pipe is what is meant
	cat "$back" | "$@" 127.0.0.1 "$port" | cat >"$got"
	ends 0 "$pid"
	cmp "$there" "$got"
	cmp "$back" "$heard"
}

# server_one_way COMMAND...: a server of theirs; a file each way, a connection each, as some leave when one side ends.
server_takes() {
	start_foreign "$@"
	run -0 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port" <"$there"
	is "$output$stderr" ""
	ends 0 "$peer"
	cmp "$there" "$heard"
}
server_gives() {
	start_foreign "$@" <"$back"
	"$SOCKT" connect -d 127.0.0.1 "$port" >"$got"
	stop_all		# some stay for a client's end that -d does not say
	cmp "$back" "$got"
}

server_both_ways() {
	start_foreign "$@" <"$there"
	"$SOCKT" connect 127.0.0.1 "$port" <"$back" >"$got"
	ends 0 "$peer"
	cmp "$there" "$got"
	cmp "$back" "$heard"
}

# ---- they connect, we listen ----

@test "peers: nc.openbsd as client, 64 MiB both ways at once" {
	client_both_ways nc.openbsd -N
}

@test "peers: nc.openbsd as client, through pipes" {
	client_through_pipes nc.openbsd -N
}

# It leaves at our half-close whether or not all of its own is sent: one direction each.
@test "peers: nc.traditional as client gives 64 MiB" {
	start_listener
	nc.traditional -q 0 127.0.0.1 "$port" <"$back" >"$got"
	ends 0 "$listener"
	cmp "$back" "$heard"
}

@test "peers: nc.traditional as client takes 64 MiB" {
	start_listener <"$there"
	keep_pipe 5
	timeout 60 nc.traditional 127.0.0.1 "$port" <"$pipe" >"$got" 5>&-
	ends 0 "$listener"
	cmp "$there" "$got"
}

@test "peers: ncat as client, 64 MiB both ways at once" {
	client_both_ways ncat
}

@test "peers: ncat as client, through pipes" {
	client_through_pipes ncat
}

socat_to() { socat -t 60 - "TCP:$1:$2"; }

@test "peers: socat as client, 64 MiB both ways at once" {
	client_both_ways socat_to
}

@test "peers: socat as client, through pipes" {
	client_through_pipes socat_to
}

# ---- they listen, we connect ----

@test "peers: nc.openbsd as server takes 64 MiB" {
	server_takes nc.openbsd -l 127.0.0.1 0
}

@test "peers: nc.openbsd as server gives 64 MiB" {
	server_gives nc.openbsd -N -l 127.0.0.1 0
}

@test "peers: nc.traditional as server takes 64 MiB" {
	server_takes nc.traditional -l -s 127.0.0.1
}

@test "peers: nc.traditional as server gives 64 MiB" {
	server_gives nc.traditional -q 0 -l -s 127.0.0.1
}

@test "peers: ncat as server takes 64 MiB" {
	server_takes ncat -l 127.0.0.1 0
}

@test "peers: ncat as server gives 64 MiB" {
	server_gives ncat --send-only -l 127.0.0.1 0
}

@test "peers: socat as server, 64 MiB both ways at once" {
	server_both_ways socat -t 60 - TCP-LISTEN:0,bind=127.0.0.1
}

@test "peers: socat as a Unix server, 64 MiB both ways at once" {
	local path=$BATS_TEST_TMPDIR/sock
	begin socat -t 60 - "UNIX-LISTEN:$path" <"$there"
	peer=$pid
	wait_for test -S "$path"
	"$SOCKT" connect --wait 10 "unix:$path" <"$back" >"$got"
	ends 0 "$peer"
	cmp "$there" "$got"
	cmp "$back" "$heard"
}

@test "peers: an echo server of socat's sends 64 MiB back" {
	start_foreign socat TCP-LISTEN:0,bind=127.0.0.1 EXEC:cat
	"$SOCKT" connect 127.0.0.1 "$port" <"$there" >"$got"
	cmp "$there" "$got"
}

# ---- ourselves ----

@test "peers: sockt and sockt, 64 MiB both ways at once" {
	client_both_ways "$SOCKT" connect
}

@test "peers: sockt and sockt, through pipes" {
	client_through_pipes "$SOCKT" connect
}

# ---- several of them at a time ----

@test "peers: nc, ncat and socat are clients of one listen -k together" {
	start_server listen -k -v 127.0.0.1 0 < <(wait_for says "$BATS_TEST_TMPDIR/all" there >/dev/null 2>&1 3>&-; cat "$there")
	local files=() ours=$said
	exec 6< <(wait_for says "$BATS_TEST_TMPDIR/all" ended >/dev/null 2>&1 3>&-)	# their stdin: silent, then ended
	begin nc.openbsd -N 127.0.0.1 "$port" <&6
	files+=("$heard")
	begin ncat 127.0.0.1 "$port" <&6
	files+=("$heard")
	begin socat -t 60 - "TCP:127.0.0.1:$port" <&6
	files+=("$heard")
	three_came() { (($(grep -c 'connected to' "$ours") == 3)); }
	wait_for three_came
	echo there >"$BATS_TEST_TMPDIR/all"
	local file
	for file in "${files[@]}"; do
		wait_for has_bytes "$file" "$((MIB << 20))"
		cmp "$there" "$file"
	done
	echo ended >"$BATS_TEST_TMPDIR/all"
}
