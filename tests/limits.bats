# What every server of sockt's has to say about who comes in, how many and how often, and how it deals with the rude.
# shellcheck disable=SC2016	# what is in single quotes is for another shell, or Python
load lib/helpers
load lib/listen
load lib/guests

# ---- --max-conns ----

# keeps_out_all_but N WANT [OPTION]...: of 500 clients at once N stay and are served, and the others are told WANT.
keeps_out_all_but() {
	start_echo "${@:3}"
	start_crowd '
keep = int(argv[0])
stay, heard = parted(crowd(where, 500), 500 - keep)
assert set(heard) == {eval(argv[1])}, set(heard)
for s in stay: assert is_silent(s, 0)
all_served(stay); say("as it should be"); sys.stdin.readline()
for s in stay: s.close()
say("all are out"); sys.stdin.readline()' "$1" "$2"
	crowd_says 'as it should be'
	ask_counts
	is "$counts" "$1 clients now, $1 at most, $1 accepted, $((500 - $1)) refused"
	tell
	crowd_says 'all are out'
	all_gone
}

@test "limits: of 500 clients at once --max-conns 20 serves just 20, and the others read that it is full" {
	keeps_out_all_but 20 FULL --max-conns 20
}

@test "limits: --max-conns is exact with 3 workers too" {
	keeps_out_all_but 20 FULL --max-conns 20 --workers 3
}

@test "limits: --max-conns 1 serves one" {
	keeps_out_all_but 1 FULL --max-conns 1
}

# come_and_go MOST [OPTION]...: 500 clients that come and go four times each; never more than MOST are there at once,
# and as many were served as the server says.
come_and_go() {
	start_echo "${@:2}"
	note_fds
	run -0 crowd '
visits = Visits(where, 500, 4)
assert visits.served + visits.refused == 2000
assert visits.most["all"] <= int(argv[0]), visits.most
assert visits.served >= int(argv[0]) and visits.refused
say(visits.served, "accepted,", visits.refused, "refused")' "$1"
	all_gone
	is "${counts#* at most, }" "$output"
	is "${counts%% at most*}" "0 clients now, $1"
}

@test "limits: while 500 clients come and go --max-conns 10 never serves an 11th, and miscounts nobody" {
	come_and_go 10 --max-conns 10
}

@test "limits: while 500 clients come and go 4 workers together never serve an 11th" {
	come_and_go 10 --max-conns 10 --workers 4
}

@test "limits: --max-conns lets the next one in when a client has left, however it left" {
	start_echo --max-conns 2
	crowd '
def end_in_order(s): half_close(s); assert read_all(s) == b""
def end_with_bytes_due(s): s.sendall(b"z" * 100000); reset(s)
def be_served():
    end = time.monotonic() + PATIENCE
    while not is_served(s := join(where)): assert time.monotonic() < end	# it has not heard yet that one left
    return s
stays, s = be_served(), be_served()
for i in range(20):
    for leave in end_in_order, end_with_bytes_due, reset, socket.socket.close:
        assert not is_served(join(where))
        leave(s)
        s = be_served()
assert is_served(stays)'
	all_gone
	has "$counts" "0 clients now, 2 at most, 82 accepted, "
}

# ---- who is refused ----

@test "limits: who is refused reads one line and the end, no reset, even after it has sent megabytes" {
	start_echo --max-conns 1
	crowd '
holder = join(where); assert is_served(holder)
for size in 0, 1, 100000, 3 << 20: assert exchange(join(where), b"z" * size) == FULL, size
assert is_served(holder)'
	all_gone
}

@test "limits: 60 refused clients that all had sent something read the line and the end, and no reset" {
	start_echo --max-conns 1
	start_crowd '
holder = join(where); assert is_served(holder); say("one is in"); sys.stdin.readline()
c = crowd(where, 60)
for s in c: s.sendall(b"hello\n" * 2000)
say("all have spoken"); sys.stdin.readline()
for s in c: assert read_all(s) == FULL; s.close()
say("all were told"); sys.stdin.readline()'
	crowd_says 'one is in'
	kill -STOP "$server"			# it meets all of them with their words
	wait_for is_stopped "$server"
	tell
	crowd_says 'all have spoken'
	kill -CONT "$server"
	tell
	crowd_says 'all were told'
	tell
	all_gone
}

@test "limits: refused clients that do not hang up hold no descriptor for long, and keep nobody from being told" {
	start_echo --max-conns 1
	start_crowd '
holder = join(where); assert is_served(holder); say("one is in"); sys.stdin.readline()
c = crowd(where, 500); _, heard = parted(c, 500); assert set(heard) == {FULL}
late = join(where); assert read_all(late) == FULL; say("all were told"); sys.stdin.readline()
assert is_served(holder); say("and one is served"); sys.stdin.readline()'
	crowd_says 'one is in'
	note_fds
	tell
	crowd_says 'all were told'
	wait_for _has_fds "$fds"
	tell
	crowd_says 'and one is served'
	tell
	fds=''
	all_gone
}

@test "limits: -v says of each client that was refused why" {
	local option why
	while IFS='|' read -r option why; do
		# shellcheck disable=SC2086	# options and their values
		start_echo -v $option
		run -0 crowd '
keep = []
for i in range(2): keep.append(join(where)); is_served(keep[-1])
s = join(where); say(s.getsockname()[1]); is_served(s)'
		wait_for grep -qE "^sockt: echo-server: client 127\.0\.0\.1:$output refused: .*$why" "$said"
	done <<-'END'
		--max-conns 2|full \(--max-conns\)
		--max-conns-per-ip 2|\(--max-conns-per-ip\)
		--conn-rate 2/h|\(--conn-rate\)
		--conn-rate 1/h --ban 1h --ban-after 1|banned \(--ban\)
		--deny 127.0.0.1|not allowed \(--allow, --deny\)
		--allow 127.0.0.2|not allowed \(--allow, --deny\)
	END
}

@test "limits: without -v nothing is said about who was refused" {
	start_echo --max-conns 1
	crowd 's = join(where); is_served(s); assert not is_served(join(where))'
	is "$(<"$said")" "listening on $addr"
}

@test "limits: listen -k just closes whom it refuses, and sends nothing" {
	start_listener -k --max-conns 2
	server=$listener
	start_crowd '
c = crowd(where, 2)
for s in c: s.send(b"x")
say("two are in"); sys.stdin.readline()
for i in range(50): assert read_all(join(where)) == b""
for s in c: s.send(b"y"); half_close(s); assert read_all(s) == b""
say("and out"); sys.stdin.readline()'
	wait_for holds "$heard" xx
	tell
	crowd_says 'and out'
	wait_for holds "$heard" xxyy
	ask_counts
	is "$counts" "0 clients now, 2 at most, 2 accepted, 50 refused"
}

@test "limits: listen -k --max-conns is exact under 500 clients, and sends none of them a byte" {
	start_listener -k --max-conns 20
	server=$listener
	start_crowd '
stay, heard = parted(crowd(where, 500), 480)
assert set(heard) == {b""}
for s in stay: s.send(b"x")
say("as it should be"); sys.stdin.readline()
for s in stay: half_close(s); assert read_all(s) == b""
say("all are out"); sys.stdin.readline()'
	crowd_says 'as it should be'
	wait_for has_bytes "$heard" 20
	ask_counts
	is "$counts" "20 clients now, 20 at most, 20 accepted, 480 refused"
	tell
	crowd_says 'all are out'
	all_gone
}

@test "limits: listen without -k goes on waiting when it has refused one" {
	start_listener --deny 127.0.0.2
	crowd '
assert read_all(join(where, "127.0.0.2")) == b""
s = join(where); s.send(b"mine"); half_close(s); assert read_all(s) == b""'
	ends 0 "$listener"
	is "$(<"$heard")" mine
}

@test "limits: listen -k with a program runs none for whom it refuses" {
	start_server listen -k --max-conns 3 127.0.0.1 0 -- sh -c 'echo run >>"$0"; exec cat' "$BATS_TEST_TMPDIR/runs"
	start_crowd '
c = crowd(where, 3); all_served(c)
for i in range(20): assert read_all(join(where)) == b""
say("as it should be"); sys.stdin.readline()'
	crowd_says 'as it should be'
	is "$(wc -l <"$BATS_TEST_TMPDIR/runs")" 3
	tell
	all_gone
}

# ---- --max-conns-per-ip ----

@test "limits: --max-conns-per-ip 7 serves just 7 of each of five addresses that send 100 clients" {
	start_echo --max-conns-per-ip 7
	start_crowd '
c = {f"127.0.3.{i}": [] for i in range(1, 6)}
for i in range(100):
    for source in c: c[source].append(join(where, source))
for source in c:
    stay, heard = parted(c[source], 93)
    assert len(stay) == 7 and set(heard) == {FULL}
    all_served(stay); c[source] = stay
say("as it should be"); sys.stdin.readline()'
	crowd_says 'as it should be'
	ask_counts
	is "$counts" "35 clients now, 35 at most, 35 accepted, 465 refused"
	tell
	all_gone
}

@test "limits: while clients of five addresses come and go --max-conns-per-ip 4 holds for each, with workers too" {
	local workers
	for workers in 1 3; do
		start_echo --max-conns-per-ip 4 --workers "$workers"
		run -0 crowd '
visits = Visits(where, 300, 4, lambda i: f"127.0.3.{1 + i % 5}")
assert visits.served + visits.refused == 1200 and visits.refused
for source, most in visits.most.items(): assert most <= (20 if source == "all" else 4), visits.most
assert len(visits.most) == 6
say(visits.served, "accepted,", visits.refused, "refused")'
		all_gone
		is "${counts#* at most, }" "$output"
	done
}

@test "limits: --max-conns-per-ip counts an IPv6 /64 as one, and an IPv4 client of a socket for both as itself" {
	needs_netns
	[[ -e /proc/net/if_inet6 ]] || skip 'no IPv6'
	crowd_in_netns 'for a in 1::1 1::2 1:0:ffff::3 1:1::1 2::1; do
		ip addr add "2001:db8:$a/128" dev lo nodad
	done' '
server, port = serve("echo-server", "--max-conns-per-ip", "2", "0")
def is_let_in(source, to):
    s = join((to, port), source); keep.append(s)
    return is_served(s)
keep = []
assert is_let_in("2001:db8:1::1", "2001:db8:2::1")
assert is_let_in("2001:db8:1::2", "2001:db8:2::1")
assert not is_let_in("2001:db8:1:0:ffff::3", "2001:db8:2::1")	# the same /64
assert not is_let_in("2001:db8:1::1", "2001:db8:2::1")
assert is_let_in("2001:db8:1:1::1", "2001:db8:2::1")		# the next one
assert is_let_in("2001:db8:2::1", "2001:db8:2::1")
assert is_let_in("127.0.0.1", "127.0.0.1")
assert is_let_in("127.0.0.2", "127.0.0.1")			# v4-mapped, and all in one /64 of IPv6
assert is_let_in("127.0.0.1", "127.0.0.1")
assert not is_let_in("127.0.0.1", "127.0.0.1")
assert is_let_in("127.0.0.2", "127.0.0.1")
assert not is_let_in("127.0.0.2", "127.0.0.1")
server.kill()'
}

# ---- --conn-rate ----

# SLIDES: at_most(n, seconds, times) where times has (before, after) of each that was let in: in no window more than n.
SLIDES='
def at_most(n, seconds, times):
    for first, late in zip(times, times[n:]): assert late[1] - first[0] >= seconds, (first, late)
'

@test "limits: --conn-rate lets 20 in within any half second, never more, and 20 again when that is over" {
	start_echo --conn-rate 20/500ms
	crowd "$SLIDES"'
times, refused, end = [], 0, time.monotonic() + PATIENCE
while len(times) < 90 and time.monotonic() < end:
    before = time.monotonic()
    if is_served(s := join(where, "127.0.0.9")):
        times.append((before, time.monotonic()))
        if len(times) == 1: select.select([], [], [], 0.4)	# most of the first window is empty
    else:
        refused += 1
        select.select([], [], [], 0.002)
    s.close()
assert len(times) == 90 and refused
at_most(20, 0.5, times)'
	all_gone
}

@test "limits: of 500 clients at once --conn-rate lets just its number in, and says to the others that it is full" {
	keeps_out_all_but 20 FULL --conn-rate 20/10m
}

@test "limits: --conn-rate is exact with 3 workers too" {
	keeps_out_all_but 20 FULL --conn-rate 20/10m --workers 3
}

@test "limits: --conn-rate counts each address for itself" {
	start_echo --conn-rate 3/10m
	crowd '
for source in "127.0.0.1", "127.0.0.2", "127.0.0.3":
    assert [is_served(join(where, source)) for i in range(5)] == [True] * 3 + [False] * 2
assert not is_served(join(where))'
}

@test "limits: --conn-rate counts only who was let in" {
	start_echo --conn-rate 2/10m --max-conns 1
	crowd '
holder = join(where); assert is_served(holder)
for i in range(5): assert not is_served(join(where))
half_close(holder); assert read_all(holder) == b""; holder.close()'
	all_gone
	crowd 'assert is_served(join(where))'
	all_gone
	crowd 'assert not is_served(join(where))'
	ask_counts
	is "$counts" "0 clients now, 1 at most, 2 accepted, 6 refused"
}

@test "limits: a bare unit in a rate is one of it: 3/h is three an hour" {
	start_echo --conn-rate 3/h
	crowd 'assert [is_served(join(where)) for i in range(5)] == [True] * 3 + [False] * 2'
}

# ---- --request-rate ----

@test "limits: --request-rate answers so many lines, then says so in a line, and pauses longer each time" {
	start_echo --request-rate 3/10m
	crowd '
TOO_MANY = b"Rate limit exceeded\n"
s, began = join(where), time.monotonic()
s.sendall(b"".join(b"line %d\n" % i for i in range(100)))
assert read_n(s, 21 + len(TOO_MANY)) == b"line 0\nline 1\nline 2\n" + TOO_MANY
for seconds in 0.1, 0.1 + 0.2, 0.1 + 0.2 + 0.4, 0.1 + 0.2 + 0.4 + 0.8:
    assert read_n(s, len(TOO_MANY)) == TOO_MANY
    assert time.monotonic() - began >= seconds'
	all_gone
}

@test "limits: --request-rate answers at most 5 lines within any half second, and 5 again later" {
	start_echo --request-rate 5/500ms
	crowd "$SLIDES"'
s, lines, times, refused = join(where), None, [], 0
lines = s.makefile("rb")
while len(times) < 16:
    before = time.monotonic()
    s.send(b"%d\n" % len(times)); got = lines.readline()
    if got == b"%d\n" % len(times):
        times.append((before, time.monotonic()))
        if len(times) == 1: select.select([], [], [], 0.4)	# most of the first window is empty
    else: assert got == b"Rate limit exceeded\n"; refused += 1
assert refused
at_most(5, 0.5, times)'
}

@test "limits: --request-rate counts all clients of an address together, and no other address" {
	start_echo --request-rate 2/10m --workers 3
	crowd '
def says(s, word): s.send(word + b"\n"); return s.recv(100)
a, b, c = crowd(where, 3); others = crowd(where, 2, "127.0.0.2")
assert says(a, b"1") == b"1\n" and says(b, b"2") == b"2\n"
for s in a, b, c: assert says(s, b"3") == b"Rate limit exceeded\n"
for s in others: assert says(s, b"other") == b"other\n"
assert says(others[0], b"3") == b"Rate limit exceeded\n"'
}

@test "limits: --request-rate drops the whole line that was too many, in pieces too" {
	start_echo --request-rate 1/10m
	crowd '
TOO_MANY = b"Rate limit exceeded\n"
s = join(where)
s.send(b"in pi"); assert read_n(s, 5) == b"in pi"
s.send(b"eces\n"); assert read_n(s, 5) == b"eces\n"
s.send(b"one "); assert read_n(s, len(TOO_MANY)) == TOO_MANY
s.sendall(b"too many" * 50000 + b"\nanother\n")
assert read_n(s, len(TOO_MANY)) == TOO_MANY
half_close(s); assert read_all(s) == b""'
}

@test "limits: --request-rate with --prefix puts the prefix before lines, not before its own" {
	start_echo --request-rate 2/10m --prefix '> '
	crowd '
s = join(where); s.send(b"a\nb\nc\n"); half_close(s)
assert read_all(s) == b"> a\n> b\nRate limit exceeded\n"'
}

@test "limits: without too many lines --request-rate changes no byte" {
	start_echo --request-rate 60000/10m
	crowd '
data = os.urandom(3 << 20)
assert exchange(join(where), data) == data'
}

@test "limits: a client that is made to pause and sends on holds bounded memory, and harms nobody" {
	start_echo --request-rate 5/10m
	start_crowd '
hostile = crowd(where, 30)
for s in hostile: s.setblocking(False)
for s in hostile:
    try:
        while True: s.send(b"line\n" * 20000)
    except BlockingIOError: pass
say("full"); sys.stdin.readline()
for source in "127.0.0.2", "127.0.0.3":
    friend = join(where, source)
    for i in range(5): assert is_served(friend, b"one line\n")
say("all well"); sys.stdin.readline()'
	crowd_says full
	[[ ${VARIANT-} == asan ]] || (($(resident_kib) <= 4096 + 30 * 200))
	tell
	crowd_says 'all well'
	tell
	all_gone
}

# pauses_long: ten clients of one address that are made to pause, the last for half a minute, in $crowd. Each wants a
# line of its own, and does CODE then.
pauses_long() {
	start_crowd '
c = crowd(where, 10)
TOO_MANY = b"Rate limit exceeded\n"
assert is_served(c[0], b"line\n")
for s in c: s.send(b"too many\n"); assert read_n(s, len(TOO_MANY)) == TOO_MANY
say("all pause"); sys.stdin.readline()
'"$1"
	crowd_says 'all pause'
}

@test "limits: a client that resets while it is made to pause is gone at once" {
	start_echo --request-rate 1/10m
	pauses_long '
for s in c: reset(s)
say("all are out"); sys.stdin.readline()'
	tell
	crowd_says 'all are out'
	PATIENCE=10 all_gone
}

@test "limits: after TERM a client that is made to pause is told at once, like others" {
	start_echo --request-rate 1/10m --drain 60
	pauses_long '
for s in c: assert read_all(s) == b""; s.close()'
	kill -TERM "$server"
	tell
	PATIENCE=10 ends 143 "$server"
}

# ---- --ban ----

@test "limits: --ban keeps a source out that broke a limit --ban-after times, without a word, and then lets it in" {
	start_echo --conn-rate 2/100ms --ban 1 --ban-after 2 --max-conns-per-ip 2
	crowd '
stays = crowd(where, 2); all_served(stays)
assert read_all(join(where)) == FULL				# once: told
before = time.monotonic()
assert read_all(join(where)) == FULL				# twice
for i in range(20): assert read_all(join(where)) == b""		# now it is out
assert is_served(join(where, "127.0.0.2"))			# and nobody else
all_served(stays)						# nor who was in
for s in stays: half_close(s); assert read_all(s) == b""
end = time.monotonic() + PATIENCE
while not is_served(s := join(where)): assert time.monotonic() < end; select.select([], [], [], 0.01)
assert time.monotonic() - before >= 1'
	all_gone
}

@test "limits: --ban-after is 3 if it is not given" {
	start_echo --max-conns-per-ip 1 --ban 1h
	crowd '
holder = join(where); assert is_served(holder)
assert [read_all(join(where)) for i in range(5)] == [FULL] * 3 + [b""] * 2
assert is_served(holder)'
}

@test "limits: offences that lie further apart than --ban do not add up" {
	start_echo --max-conns-per-ip 1 --ban 250ms --ban-after 2
	local _
	for _ in 1 2 3; do
		crowd '
holder = join(where); assert is_served(holder)
assert read_all(join(where)) == FULL
time_up = time.monotonic() + 0.3
while time.monotonic() < time_up: assert is_served(holder); select.select([], [], [], 0.01)'
		all_gone
	done
}

@test "limits: a source that makes too many requests again and again is cut off and banned" {
	start_echo --request-rate 1/10m --ban 1 --ban-after 2
	crowd '
s = join(where); s.sendall(b"1\n2\n"); assert read_n(s, 22) == b"1\nRate limit exceeded\n"
before = time.monotonic()
s.sendall(b"3\n")
try: assert read_all(s) == b""
except ConnectionResetError: pass
assert read_all(join(where)) == b""
assert is_served(join(where, "127.0.0.2"))
end = time.monotonic() + PATIENCE
while verdict(s := join(where)) != "in": assert time.monotonic() < end
assert time.monotonic() - before >= 1'
	all_gone
}

# ---- --allow and --deny ----

# lets_in WANT SOURCE...: which of the sources are in.
lets_in() {
	run -0 crowd 'say(*[a for a in argv if is_served(join(where, a))])' "${@:2}"
	is "$output" "$1"
}

@test "limits: --allow lets in its networks and no others" {
	start_echo --allow 127.0.0.0/30 --allow 127.0.0.64/26 --allow 127.0.0.200
	lets_in '127.0.0.1 127.0.0.3 127.0.0.64 127.0.0.127 127.0.0.200' \
		127.0.0.{1,3,4,63,64,127,128,199,200,201} 127.0.1.1
}

@test "limits: --deny keeps out its networks and no others" {
	start_echo --deny 127.0.0.0/30 --deny 127.0.0.64/26 --deny 127.0.0.200
	lets_in '127.0.0.4 127.0.0.63 127.0.0.128 127.0.0.199 127.0.0.201 127.0.1.1' \
		127.0.0.{1,3,4,63,64,127,128,199,200,201} 127.0.1.1
}

@test "limits: --deny wins over --allow, in either order and however narrow" {
	start_echo --allow 127.0.0.0/24 --deny 127.0.0.2
	lets_in '127.0.0.1 127.0.0.3' 127.0.0.{1,2,3} 127.0.1.1
	start_echo --deny 127.0.0.0/24 --allow 127.0.0.2 --allow 127.0.1.0/24
	lets_in '127.0.1.1' 127.0.0.{1,2,3} 127.0.1.1
}

@test "limits: networks come from files too, with comments, empty lines, blanks and CR LF" {
	printf '%s\n' '# who may' '' '  127.0.0.1  # me' $'127.0.0.2\r' $'\t127.0.0.8/29' '#127.0.0.3' '127.0.0.5' \
		>"$BATS_TEST_TMPDIR/allow"
	printf '127.0.0.9\n127.0.0.5' >"$BATS_TEST_TMPDIR/deny"		# the last line has no end
	start_echo --allow "@$BATS_TEST_TMPDIR/allow" --deny "@$BATS_TEST_TMPDIR/deny" --allow 127.0.0.77
	lets_in '127.0.0.1 127.0.0.2 127.0.0.8 127.0.0.15 127.0.0.77' 127.0.0.{1,2,3,5,8,9,15,16,77}
}

@test "limits: an empty file of who may come in lets nobody in, and one of who may not keeps nobody out" {
	: >"$BATS_TEST_TMPDIR/none"
	start_echo --allow "@$BATS_TEST_TMPDIR/none"
	lets_in '' 127.0.0.1 127.0.0.2
	start_echo --deny "@$BATS_TEST_TMPDIR/none"
	lets_in '127.0.0.1 127.0.0.2' 127.0.0.1 127.0.0.2
}

@test "limits: a line that is no network is status 2, with the file and the line's number" {
	local verb bad
	for verb in echo-server 'listen -k'; do
		for bad in 10/8 example.com 10.0.0.0/33 '10.0.0.1 10.0.0.2' 1.2.3 ::/129; do
			printf '127.0.0.1\n# fine\n%s\n::1\n' "$bad" >"$BATS_TEST_TMPDIR/list"
			# shellcheck disable=SC2086	# a verb and its option
			run -2 "$SOCKT" $verb --deny "@$BATS_TEST_TMPDIR/list" --port-file "$BATS_TEST_TMPDIR/port" 127.0.0.1 0
			one_line "$output"
			has "$output" "$BATS_TEST_TMPDIR/list:3: "
			[[ ! -e $BATS_TEST_TMPDIR/port ]]
		done
	done
}

@test "limits: a file of networks that cannot be read is status 12, and named" {
	local file
	for file in "$BATS_TEST_TMPDIR/missing" "$BATS_TEST_TMPDIR"; do
		run -12 "$SOCKT" echo-server --allow "@$file" 127.0.0.1 0
		one_line "$output"
		has "$output" "sockt: echo-server: $file: "
	done
}

@test "limits: who is not allowed is closed without a word, however much it sent" {
	start_echo --deny 127.0.0.2
	crowd '
assert read_all(join(where, "127.0.0.2")) == b""
s = join(where, "127.0.0.2")
try: s.sendall(b"z" * 100000); got = read_all(s)
except ConnectionError: got = b""
assert got == b""'
	ask_counts
	is "$counts" "0 clients now, 0 at most, 0 accepted, 2 refused"
}

@test "limits: IPv4 clients of a socket for both families match IPv4 networks, and those only" {
	[[ -e /proc/net/if_inet6 ]] || skip 'no IPv6'
	local rule want
	while IFS='|' read -r rule want; do
		# shellcheck disable=SC2086	# options and their values
		start_server echo-server $rule 0
		run -0 crowd '
for to in "127.0.0.1", "::1":
    if is_served(join((to, where[1]))): say(to)'
		is "${output//$'\n'/ }" "$want"
	done <<-'END'
		--allow 127.0.0.1|127.0.0.1
		--allow 127.0.0.0/8|127.0.0.1
		--allow ::1|::1
		--allow ::/0|::1
		--allow 0.0.0.0/0|127.0.0.1
		--allow ::ffff:127.0.0.0/104|127.0.0.1
		--deny 127.0.0.0/8|::1
		--deny 0.0.0.0/0|::1
		--deny ::/0|127.0.0.1
		--deny ::1|127.0.0.1
		--deny ::ffff:127.0.0.1|::1
		--allow 0.0.0.0/0 --allow ::/0|127.0.0.1 ::1
	END
}

# ---- --first-byte ----

@test "limits: --first-byte closes a client that says nothing, at the time and not before" {
	start_echo --first-byte 0.5
	elapsed_ms crowd '
silent, began = join(where), time.monotonic()
assert read_all(silent) == b"" and time.monotonic() - began >= 0.45'
	has "$(<"$said")" 'dropped: it said nothing in time (--first-byte)'
	is_alive "$server"
	all_gone
}

@test "limits: one byte is enough for --first-byte where there are no lines" {
	start_echo --first-byte 0.5
	crowd '
spoke, silent = crowd(where, 2)
assert is_served(spoke, b"x")
assert read_all(silent) == b""
assert is_silent(spoke, 1) and is_served(spoke)'
	is "$(grep -c dropped "$said")" 1
}

@test "limits: where there are lines --first-byte wants a whole one: a byte now and then does not help" {
	local option
	for option in '--prefix=>' --request-rate=1000/s; do
		start_echo "$option" --first-byte 1
		crowd '
spoke, slow = crowd(where, 2)
began = time.monotonic()
spoke.send(b"a line\n"); assert read_n(spoke, 7)
try:
    while time.monotonic() < began + PATIENCE:
        slow.send(b"x"); select.select([], [], [], 0.05)
        if slow in select.select([slow], [], [], 0)[0] and not slow.recv(100): break
except ConnectionError: pass
assert 0.95 < time.monotonic() - began < PATIENCE
spoke.send(b"no end of"); assert is_silent(spoke, 1.2) or spoke.recv(100)'
		is "$(grep -c 'dropped: it said nothing in time' "$said")" 1
		all_gone
	done
}

@test "limits: --first-byte clears 200 silent clients out and lets others come in their places" {
	start_echo --first-byte 1 --max-conns 200
	crowd '
silent = crowd(where, 200)
_, heard = parted(silent, 200); assert set(heard) == {b""}
c = crowd(where, 200); all_served(c)'
	all_gone
	has "$counts" "200 at most, 400 accepted, 0 refused"
}

@test "limits: listen -k --first-byte closes who says nothing" {
	start_listener -k --first-byte 0.5
	crowd '
spoke, silent = crowd(where, 2)
spoke.send(b"x")
try: assert read_all(silent) == b""
except ConnectionResetError: pass
assert is_silent(spoke); spoke.send(b"y")'
	wait_for holds "$heard" xy
}

# ---- together ----

@test "limits: all of them at once, 500 clients of 50 addresses: each limit holds and nobody is left behind" {
	start_echo --workers 3 --max-conns 40 --max-conns-per-ip 3 --conn-rate 50/1s --request-rate 10000/s --first-byte 60 \
		--deny 127.0.5.7 --allow 127.0.0.0/8 -i 60 -m 60
	note_fds
	run -0 crowd '
visits = Visits(where, 500, 4, lambda i: f"127.0.5.{1 + i % 50}")
assert visits.served + visits.refused == 2000 and visits.served > 40
assert visits.most.pop("all") <= 40 and max(visits.most.values()) <= 3, visits.most
assert "127.0.5.7" not in visits.most
say(visits.served, "accepted,", visits.refused, "refused")'
	all_gone
	is "${counts#* at most, }" "$output"
	kill -TERM "$server"
	ends 143 "$server"
}

@test "limits: clients of thousands of addresses leave no memory behind when their past is over" {
	needs_plain_memory
	start_echo --conn-rate 2/10ms --max-conns-per-ip 2
	crowd '
for i in range(3000): s = join(where, f"127.8.{i // 250}.{1 + i % 250}"); reset(s)'
	all_gone
	(($(resident_kib) <= 4096 + 600))
}

# ---- usage ----

@test "limits: a value that makes no sense is status 2, and the option is named" {
	local word verb
	while read -r word; do
		for verb in echo-server listen; do
			[[ $verb == echo-server || $word != --request-rate* ]] || continue
			# shellcheck disable=SC2086	# an option and its value
			run -2 "$SOCKT" "$verb" $word 127.0.0.1 0
			one_line "$output"
			has "$output" "sockt: $verb: ${word%% *}: "
			[[ $word == --ban-after\ 2 ]] || has "$output" "'${word#* }'"
		done
	done <<-'END'
		--max-conns 0
		--max-conns -1
		--max-conns 5x
		--max-conns 99999999999
		--max-conns-per-ip 0
		--max-conns-per-ip 0x10
		--conn-rate 0/s
		--conn-rate 5
		--conn-rate 5/
		--conn-rate /s
		--conn-rate 5/0
		--conn-rate 5/s/s
		--conn-rate -5/s
		--conn-rate 5.5/s
		--conn-rate 5/-1s
		--conn-rate 5/fortnight
		--conn-rate 70000/s
		--conn-rate +5/s
		--request-rate 0/s
		--request-rate 5/
		--ban 0
		--ban -1
		--ban 5x
		--ban-after 2
		--allow 10/8
		--allow 10.0.0.0/33
		--allow 10.0.0.0/
		--allow 010.0.0.1
		--allow 1.2.3.4/255.0.0.0
		--allow ::1/129
		--allow example.com
		--allow @
		--deny 10/8
		--deny fe80::1%lo
		--first-byte 0
		--first-byte x
		--drain -1
		--drain nan
	END
}

@test "limits: the server's own options refuse what makes no sense too" {
	local word
	while read -r word; do
		# shellcheck disable=SC2086	# an option and its value
		run -2 "$SOCKT" echo-server $word 127.0.0.1 0
		one_line "$output"
		has "$output" "sockt: echo-server: " "${word%% *}"
	done <<-'END'
		--workers 0
		--workers 65
		--workers 1x
		--once --workers 2
		--ban 5s --ban-after 0
		-i -1
		-m x
		-w 5y
	END
	run -2 "$SOCKT" echo-server --allow '' 127.0.0.1 0
	has "$output" '--allow'
	run -2 "$SOCKT" echo-server
	run -2 "$SOCKT" echo-server 127.0.0.1 99999
	run -2 "$SOCKT" echo-server --nonsense 127.0.0.1 0
}
