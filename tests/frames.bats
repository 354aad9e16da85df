# Messages in frames: --frame on the wire and --local-frame on our side, for connect, listen and echo-server.
# shellcheck disable=SC2016	# what is in single quotes is for another shell, or Python
load lib/helpers
load lib/listen
load lib/guests

WIRES=(line nul len8 len16 len32 len16le len32le varint netstring fixed:1 fixed:1000)
LOCALS=(len32 hex base64 json nul line)

# framed CODE [ARG]...: Python that knows the formats by itself (lib/peers/framed.py). Each code below that does begins
# with FRAMED.
FRAMED=$'from framed import *\n'
framed() {
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME/lib/peers \
		timeout 60 python3 -c "$FRAMED$1" "${@:2}" 3>&-
}

# hex_of FILE: what is in it.
hex_of() { od -An -v -tx1 <"$1" | tr -d ' \n'; }

# ---- from sockt to sockt ----

# between_sockts WIRE...: in each format and in every local one a listener and a client tell each other messages of all
# sizes it can carry. They arrive as they were, in both directions.
between_sockts() {
	local wire form name dir=$BATS_TEST_TMPDIR
	framed '
for wire in argv[2:]:
    for form in argv[1].split():
        for way in "there", "back":
            open(f"{argv[0]}/{wire}.{form}.{way}", "wb").write(pack(form, *messages(wire, form, seed=way)))' \
		"$dir" "${LOCALS[*]}" "$@"
	for wire; do
		for form in "${LOCALS[@]}"; do
			name=$dir/$wire.$form
			start_listener --frame "$wire" --local-frame "$form" <"$name.back"
			timeout 60 "$SOCKT" connect --quiet --frame "$wire" --local-frame "$form" "$addr" \
				<"$name.there" >"$name.back.got" 3>&- || { printf '%s as %s: %d\n' "$wire" "$form" $?; return 1; }
			ends 0 "$listener"
			mv "$heard" "$name.there.got"
		done
	done
	framed '
for wire in argv[2:]:
    for form in argv[1].split():
        for way in "there", "back":
            print(wire, "as", form, way)
            same(unpack(form, open(f"{argv[0]}/{wire}.{form}.{way}.got", "rb").read()), messages(wire, form, seed=way))' \
		"$dir" "${LOCALS[*]}" "$@"
}

@test "frames: messages of 0 bytes to 1 MiB go both ways between sockts in lines and NULs" {
	between_sockts line nul
}
@test "frames: messages of 0 bytes to 1 MiB go both ways between sockts behind big-endian lengths" {
	between_sockts len8 len16 len32
}
@test "frames: messages of 0 bytes to 1 MiB go both ways between sockts behind little-endian lengths" {
	between_sockts len16le len32le
}
@test "frames: messages of 0 bytes to 1 MiB go both ways between sockts in varint and netstring" {
	between_sockts varint netstring
}
@test "frames: messages of N bytes go both ways between sockts in fixed:N" {
	between_sockts fixed:1 fixed:1000 fixed:65537
}

@test "frames: a length says on the wire what the manual says" {
	local row
	for row in 'line|0a6c6f6e6765720a' 'nul|006c6f6e67657200' 'len8|00066c6f6e676572' 'len16|000000066c6f6e676572' \
		'len32|00000000000000066c6f6e676572' 'len16le|000006006c6f6e676572' \
		'len32le|00000000060000006c6f6e676572' 'varint|00066c6f6e676572' 'netstring|303a2c363a6c6f6e6765722c'; do
		start_peer 'say(read_all(accept()).hex())'
		run -0 --separate-stderr "$SOCKT" connect --frame "${row%%|*}" "$addr" < <(printf '\nlonger\n')
		is "$output$stderr" ''
		ends 0 "$peer"
		is "$(<"$heard")" "${row#*|}"
	done
}

# ---- with others ----

# len32_files WIRE...: of each format the messages that we say, as $BATS_TEST_TMPDIR/WIRE.said, and those of a peer that
# says them HOW, as WIRE.HOW. Byte by byte they are of at most 16 KiB.
HOWS=(whole bytes random)
len32_files() {
	framed 'for wire in argv[1:]:
    open(f"{argv[0]}/{wire}.said", "wb").write(pack("len32", *messages(wire, seed="said")))
    for how in "whole", "bytes", "random":
        open(f"{argv[0]}/{wire}.{how}", "wb").write(pack("len32", *messages(wire, most=MOST[how])))' \
		"$BATS_TEST_TMPDIR" "$@"
}

# A peer on the connection c: says and hears what it has to.
PEER=$FRAMED'
def meet(c, wire, how):
    got = talk(c, pack(wire, *messages(wire, most=MOST[how])), how)
    same(unpack(wire, got), messages(wire, seed="said"))
    c.close()
'

# connects_to_others WIRE...: sockt connect and a peer in Python, which says its part whole, byte by byte, in pieces.
connects_to_others() {
	local wire how dir=$BATS_TEST_TMPDIR
	len32_files "$@"
	start_peer "$PEER"'
l = listen()
for wire in argv:
    for how in "whole", "bytes", "random":
        meet(accept(l), wire, how)' "$@"
	for wire; do
		for how in "${HOWS[@]}"; do
			timeout 60 "$SOCKT" connect --quiet --frame "$wire" --local-frame len32 "$addr" \
				<"$dir/$wire.said" >"$dir/got" 3>&- || { printf '%s, %s: %d\n' "$wire" "$how" $?; return 1; }
			cmp "$dir/$wire.$how" "$dir/got"
		done
	done
	ends 0 "$peer"
}

@test "frames: connect and a peer in Python understand each other in lines, NULs, big-endian lengths and fixed:N" {
	connects_to_others line nul len8 len16 len32 fixed:1 fixed:1000
}

@test "frames: connect and a peer in Python understand each other in little-endian lengths, varint and netstring" {
	connects_to_others len16le len32le varint netstring
}

@test "frames: listen and a client in Python that speaks byte by byte understand each other" {
	local wire dir=$BATS_TEST_TMPDIR
	len32_files "${WIRES[@]}"
	for wire in "${WIRES[@]}"; do
		start_listener --frame "$wire" --local-frame len32 <"$dir/$wire.said"
		client "$PEER"'meet(c, *argv)' "$wire" bytes
		ends 0 "$listener"
		cmp "$dir/$wire.bytes" "$heard"
		rm "$heard"
	done
}

@test "frames: listen -k and a client in Python that speaks in random pieces understand each other" {
	local wire dir=$BATS_TEST_TMPDIR
	len32_files "${WIRES[@]}"
	for wire in "${WIRES[@]}"; do
		start_listener -k --frame "$wire" --local-frame len32 <"$dir/$wire.said"
		client "$PEER"'meet(c, *argv)' "$wire" random
		wait_for cmp -s "$dir/$wire.random" "$heard"
		rm "$heard"
	done
}

@test "frames: echo-server sends messages of every format and size back, whatever pieces they come in" {
	local wire
	for wire in "${WIRES[@]}"; do
		start_echo --frame "$wire"
		crowd "$FRAMED"'
for how in "whole", "bytes", "random":
    said = pack(argv[0], *messages(argv[0], most=MOST[how]))
    got = talk(join(where), said, how)
    same(unpack(argv[0], got), messages(argv[0], most=MOST[how]))' "$wire"
	done
	for wire in len32 varint; do
		start_echo --frame "$wire" --max-message 1048575
		crowd "$FRAMED"'
m = bytes(1048575)
assert talk(join(where), pack(argv[0], m, m)) == pack(argv[0], m, m)' "$wire"
	done
}

# ---- what is no message ----

# WIRE [OPTION]|STATUS|STREAM|WORDS: what a peer says after a message `ok`, and what sockt says to that.
CUTS=(
	'line|6|ok\nabc|ended with 3 bytes of a line without its end'
	'nul|6|ok\0abc|ended with 3 bytes of a message without its end'
	'len8|6|\x02ok\x05|ended with 0 of 5 bytes of a message'
	'len8|6|\x02ok\x05abc|ended with 3 of 5 bytes of a message'
	'len16|6|\0\x02ok\x01|ended with 1 of 2 bytes of a length'
	'len16|6|\0\x02ok\x01\0abc|ended with 3 of 256 bytes of a message'
	'len16le|6|\x02\0ok\x00|ended with 1 of 2 bytes of a length'
	'len16le|6|\x02\0ok\0\x01abc|ended with 3 of 256 bytes of a message'
	'len32|6|\0\0\0\x02ok\0\0\0|ended with 3 of 4 bytes of a length'
	'len32|6|\0\0\0\x02ok\0\0\0\x01|ended with 0 of 1 byte of a message'
	'len32le|6|\x02\0\0\0ok\x01\x02|ended with 2 of 4 bytes of a length'
	'len32le|6|\x02\0\0\0ok\x0a\0\0\0abcdefghi|ended with 9 of 10 bytes of a message'
	'varint|6|\x02ok\x80\x80|ended with 2 bytes of a length without its end'
	'varint|6|\x02ok\x80\x01abc|ended with 3 of 128 bytes of a message'
	'netstring|6|2:ok,12|ended with 2 bytes of a length without its end'
	'netstring|6|2:ok,5:abc|ended with 3 of 5 bytes of a message'
	'netstring|6|2:ok,3:abc|ended with a message of 3 bytes without its '"','"
	'fixed:2|6|oka|ended with 1 of 2 bytes of a message'
)
OVERS=(
	'line --max-message=5|11|ok\nabcdef\n|a message of more than 5 bytes, longer than --max-message 5'
	'nul --max-message=5|11|ok\0abcdef\0|a message of more than 5 bytes, longer than --max-message 5'
	'len8 --max-message=5|11|\x02ok\x06abcdef|a message of 6 bytes, longer than --max-message 5'
	'len16 --max-message=5|11|\0\x02ok\xff\xffabcdef|a message of 65535 bytes, longer than --max-message 5'
	'len16le --max-message=255|11|\x02\0ok\0\x01|a message of 256 bytes, longer than --max-message 255'
	'len32|11|\0\0\0\x02ok\0\x10\0\x01a|a message of 1048577 bytes, longer than --max-message 1048576'
	'len32|11|\0\0\0\x02ok\xff\xff\xff\xffabc|a message of 4294967295 bytes, longer than --max-message 1048576'
	'len32le|11|\x02\0\0\0ok\0\0\0\x80|a message of 2147483648 bytes, longer than --max-message 1048576'
	'varint|11|\x02ok\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01|a message of 18446744073709551615 bytes, longer than'
	'netstring|11|2:ok,999999999999:|a message of 999999999999 bytes, longer than --max-message 1048576'
	'netstring|11|2:ok,9999999999999999999:|a message of 9999999999999999999 bytes, longer than --max-message 1048576'
)
BADS=(
	'varint|10|\x02ok\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff|a varint of more than 10 bytes'
	'varint|10|\x02ok\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02|a varint of more than 64 bits'
	'netstring|10|2:ok,x|a netstring begins with '"'x'"
	'netstring|10|2:ok,:abc,|a netstring begins with '"':'"
	'netstring|10|2:ok,3x|the length of a netstring ends with '"'x' in place of ':'"
	'netstring|10|2:ok,03:abc,|the length of a netstring begins with 0 and goes on with 3'
	'netstring|10|2:ok,3:abcd,|a netstring of 3 bytes ends with '"'d' in place of ','"
	'netstring|10|2:ok,10000000000000000000|the length of a netstring has more than 19 digits'
)

# take_row ROW: sets $options (--frame and more), $status_due, $stream and $words.
take_row() {
	IFS='|' read -r options status_due stream words <<<"$1"
	read -r -a options <<<"--frame $options"
}

# SAY_ROWS: a peer's code that serves a row after the other, each whole and then byte by byte.
SAY_ROWS=$FRAMED'
l = listen()
for row in argv:
    for how in "whole", "bytes":
        c = accept(l)
        send(c, plain(row.split("|")[2]), how)
        try:
            half_close(c)
            hear(c)
        except OSError: pass
        c.close()'

# connect_refuses ROW...: what came before the fault is on stdout, nothing of what is at fault is, and the words and the
# status are the row's, whether the stream came whole or byte by byte.
connect_refuses() {
	local row whole how options status_due stream words
	start_peer "$SAY_ROWS" "$@"
	for row; do
		take_row "$row"
		for how in whole bytes; do
			printf '%s, %s\n' "$row" "$how"
			run "-$status_due" --separate-stderr "$SOCKT" connect "${options[@]}" "$addr"
			is "$output" ok
			one_line "$stderr"
			has "$stderr" "sockt: connect: $addr: $words"
			[[ $how == whole ]] && whole=$stderr
		done
		is "$stderr" "$whole"
	done
	ends 0 "$peer"
}

@test "frames: connect ends with 6, and says how many of how many bytes, when the peer ends inside a message" {
	connect_refuses "${CUTS[@]}"
	has "$stderr" 'after 0 bytes sent, 3 received'
}

@test "frames: connect ends with 11, and names the length and the limit, when a message is longer than --max-message" {
	connect_refuses "${OVERS[@]}"
}

@test "frames: connect ends with 10, and says what is wrong, when the peer breaks the format" {
	connect_refuses "${BADS[@]}"
}

@test "frames: a byte that could drive a terminal is named as a number" {
	connect_refuses 'netstring|10|2:ok,\x1b[2J|a netstring begins with 0x1b'
}

@test "frames: with --json a peer's fault has its kind and status, and where it stood in the stream" {
	local row options status_due stream words kind
	for row in "${CUTS[4]}|broken" "${OVERS[5]}|limit" "${BADS[0]}|protocol"; do
		kind=${row##*|}
		take_row "${row%|*}"
		start_peer "$SAY_ROWS" "$row"
		run "-$status_due" --separate-stderr "$SOCKT" connect --json "${options[@]}" "$addr"
		is "$output" ok
		run -0 jq -r 'select(.event == "error") | .object, .kind, .status, .stage, .reason' <<<"$stderr"
		has "$output" "$addr"$'\n'"$kind"$'\n'"$status_due"$'\n'"transfer"$'\n'"$words"
	done
}

@test "frames: a reset inside a message is a reset, after the messages before it, with nothing of the one it cut" {
	keep_pipe 5
	start_peer 'c = accept(); c.sendall(b"\2ok\5abc"); sys.stdin.readline(); reset(c)' <"$pipe" 5>&-
	begin "$SOCKT" connect --frame len8 "$addr"
	wait_for holds "$heard" ok
	echo >&5
	ends 6 "$pid"
	is "$(<"$heard")" ok
	has "$(<"$said")" "sockt: connect: $addr: " reset 'after 0 bytes sent, 7 received'
}

@test "frames: listen gives the same verdicts as connect" {
	local row options status_due stream words
	for row in "${CUTS[@]:9:3}" "${OVERS[@]:3:3}" "${BADS[@]:5:2}"; do
		take_row "$row"
		start_listener "${options[@]}"
		client "$FRAMED"'send(c, plain(argv[0]), "bytes")
try: half_close(c)
except OSError: pass' "$stream"
		ends "$status_due" "$listener"
		is "$(<"$heard")" ok
		has "$(tail -n +2 "$said")" 'sockt: listen: 127.0.0.1:' ": $words"
	done
}

@test "frames: echo-server --once ends with what the client did wrong, and has sent back the messages before" {
	local row options status_due stream words
	for row in "${CUTS[@]:2:3}" "${OVERS[@]:6:5}" "${BADS[@]}"; do
		take_row "$row"
		start_echo --once "${options[@]}"
		crowd "$FRAMED"'
s = join(where); said = plain(argv[0]); send(s, said)
try: half_close(s)
except OSError: pass
got, _ = hear(s)
assert got == said[:len(got)] and b"ok" in got and len(got) <= 6, got' "$stream"
		ends "$status_due" "$server"
		one_line "$(tail -n +2 "$said")"
		has "$(tail -n +2 "$said")" 'sockt: echo-server: 127.0.0.1:' ": $words"
	done
}

@test "frames: a message of just --max-message is taken, and one of a byte more is 11, in every format" {
	local wire
	start_peer "$FRAMED"'
l = listen()
for wire in argv:
    for n in 300, 301:
        c = accept(l); send(c, pack(wire, bytes(b"x" * n)))
        try: half_close(c); hear(c)
        except OSError: pass
        c.close()' line nul len16 len32 len16le len32le varint netstring
	for wire in line nul len16 len32 len16le len32le varint netstring; do
		run -0 --separate-stderr "$SOCKT" connect --frame "$wire" --max-message 300 "$addr"
		is "$stderr${#output}" 300
		run -11 --separate-stderr "$SOCKT" connect --frame "$wire" --max-message 300 "$addr"
		is "$output" ''
		has "$stderr" 300
	done
	ends 0 "$peer"
}

@test "frames: the default of --max-message is 1 MiB" {
	start_peer "$FRAMED"'
l = listen()
for n in 1 << 20, (1 << 20) + 1: hear(accept(l)) if send(c := accept(l), pack("line", b"x" * n)) else c.close()'
	run -0 --separate-stderr "$SOCKT" connect --frame line "$addr"
	is "$stderr${#output}" 1048576
	run -11 --separate-stderr "$SOCKT" connect --frame line "$addr"
	is "$output" ''
}

@test "frames: fixed:N beyond --max-message is usage, found before anything is touched" {
	local verb
	for verb in connect listen echo-server; do
		run -2 --separate-stderr "$SOCKT" "$verb" --frame fixed:1048577 nowhere.invalid 1
		is "$stderr" "sockt: $verb: --frame: 'fixed:1048577' is more than --max-message 1048576"
	done
}

@test "frames: a --prefix that no message can begin with is usage, found before anything is touched" {
	local frame
	for frame in fixed:5 line len8; do
		run -2 --separate-stderr "$SOCKT" echo-server --frame "$frame" --prefix "$(printf 'a\n%0300d' 0)" nowhere.invalid 1
		is "$stderr" "sockt: echo-server: --prefix: cannot be in a message with --frame $frame"
	done
}

@test "frames: a length is believed only as far as bytes follow it: memory does not grow, nor with --max-message 1G" {
	needs_plain_memory
	local row wire before mode
	for row in 'len32|3fffffff' 'len32le|ffffff3f' 'varint|ffffffff03' 'netstring|313037333734313832333a'; do
		for mode in listen 'listen -k' echo-server; do
			# shellcheck disable=SC2086	# words
			start_server $mode --frame "${row%%|*}" --max-message 1G 127.0.0.1 0
			start_crowd "$FRAMED"'
s = join(where)
for last in b"", bytes.fromhex(argv[1]) + b"abc":
    s.sendall(pack(argv[0], b"x" * 200, b"here") + last)
    if argv[2] == "echo-server": assert len(read_n(s, len(pack(argv[0], b"x" * 200, b"here")))) > 0
    say("said"); sys.stdin.readline()' "${row%%|*}" "${row#*|}" "$mode"
			wait_for said_so_often 1
			before=$(peak_kib "$server")
			tell
			wait_for said_so_often 2
			grew_little "$before"
			end_both
		done
	done
}

# said_so_often N: the crowd has said it, and it has come out on the other side.
said_so_often() {
	(($(grep -c said "$crowd_heard") == $1)) && { [[ $mode == echo-server ]] || (($(grep -c here "$heard") == $1)); }
}

# end_both: the server and the crowd, of which the test has no more use.
end_both() {
	kill -KILL "$server" "$crowd"
	wait "$server" "$crowd" 2>/dev/null || true
}

peak_kib() { awk '/^VmHWM/ { print $2 }' "/proc/$1/status"; }

# grew_little KIB: the server took at most 300 KiB more than that.
grew_little() {
	local now
	now=$(peak_kib "$server")
	((now - $1 <= 300)) || { printf 'from %d to %d KiB\n' "$1" "$now"; return 1; }
}

@test "frames: a length that stdin claims is believed only as far as bytes follow it" {
	needs_plain_memory
	start_peer 'c = accept(); say(read_n(c, 7)); say(read_n(c, 8)); read_all(c)'
	local peer_heard=$heard before
	begin_fed "$SOCKT" connect --frame netstring --local-frame len32 --max-message 1G "$addr"
	server=$pid
	printf '\0\0\0\4here' >&"$in"
	wait_for says "$peer_heard" here
	before=$(peak_kib "$server")
	printf '\0\0\0\5there\x3f\xff\xff\xffabc' >&"$in"
	wait_for says "$peer_heard" there
	grew_little "$before"
}

# ---- our side ----

# hears -STATUS COMMAND...: runs it with a peer that says how our stream ended. Sets $told: what came, as Python writes
# it, and EOF or RST. What `run` sets is about the command.
hears() {
	local due=$1
	shift
	start_peer "$FRAMED"'c = accept(); print(*hear(c))'
	run "$due" --separate-stderr "$@" "$addr"
	ends 0 "$peer"
	told=$(<"$heard")
}

@test "frames: stdin's lines are messages: the empty ones too, and the last without a line end" {
	hears -0 "$SOCKT" connect --frame len8 < <(printf 'one\n\ntwo\r\nlast')
	is "$told" "b'\\x03one\\x00\\x04two\\r\\x04last' EOF"
	is "$output$stderr" ''
	hears -0 "$SOCKT" connect --frame len8 < <(printf '\n')
	is "$told" "b'\\x00' EOF"
}

@test "frames: a stdin that ends at once sends no message, in any local format" {
	local form
	for form in line nul len8 varint netstring fixed:3 hex base64 json raw; do
		hears -0 "$SOCKT" connect --frame len8 --local-frame "$form" < <(:)
		is "$told" "b'' EOF"
	done
}

@test "frames: a last message without its end is one where the end of stdin says so" {
	hears -0 "$SOCKT" connect --frame len8 --local-frame nul < <(printf 'a\nb\0c')
	is "$told" "b'\\x03a\\nb\\x01c' EOF"
	hears -0 "$SOCKT" connect --frame len8 --local-frame hex < <(printf '6100\n62')
	is "$told" "b'\\x02a\\x00\\x01b' EOF"
	hears -0 "$SOCKT" connect --frame len8 --local-frame base64 < <(printf 'YQA=\nYg==')
	is "$told" "b'\\x02a\\x00\\x01b' EOF"
	hears -0 "$SOCKT" connect --frame len8 --local-frame json < <(printf '"a\\u0000"\n""\n"b"')
	is "$told" "b'\\x02a\\x00\\x00\\x01b' EOF"
}

@test "frames: every wire format is a local one too" {
	local form
	for form in "${WIRES[@]}"; do
		framed 'sys.stdout.buffer.write(pack(argv[0], *messages(argv[0], most=70000)))' "$form" \
			>"$BATS_TEST_TMPDIR/$form"
		start_echo --frame netstring
		"$SOCKT" connect --quiet --frame netstring --local-frame "$form" "$addr" \
			<"$BATS_TEST_TMPDIR/$form" >"$BATS_TEST_TMPDIR/got"
		cmp "$BATS_TEST_TMPDIR/$form" "$BATS_TEST_TMPDIR/got"
	done
}

@test "frames: hex may be in capitals, with blanks and CR, and comes out in small letters" {
	start_echo --frame len16
	run -0 --keep-empty-lines --separate-stderr "$SOCKT" connect --frame len16 --local-frame hex "$addr" \
		< <(printf 'DEADBEEF\nde ad\tBe eF\r\n\n00ff0A')
	is "$output" $'deadbeef\ndeadbeef\n\n00ff0a\n'
}

# LOCAL|STDIN|STATUS|WORDS, where STDIN has escapes such as \x00, and at its end %N for so many letters: what is wrong
# after a message `ok`, with --frame len8 and --max-message 300.
OURS=(
	'hex|6f6b\n6x\n|12|stdin: line 2 is not hex'
	'hex|6f6b\n612\n|12|stdin: line 2 is not hex'
	'hex|6f6b\n6|12|stdin: line 2 is not hex'
	'base64|b2s=\nb2s\n|12|stdin: line 2 is not base64'
	'base64|b2s=\nb2t=\n|12|stdin: line 2 is not base64'
	'base64|b2s=\nb2s=b2s=\n|12|stdin: line 2 is not base64'
	'json|"ok"\nok\n|12|stdin: line 2 is not json'
	'json|"ok"\n"o\n|12|stdin: line 2 is not json'
	'json|"ok"\n["ok"]\n|12|stdin: line 2 is not json'
	'json|"ok"\n\n|12|stdin: line 2 is not json'
	'json|"ok"\n"\\ud800"\n|12|stdin: line 2 is not json'
	'json|"ok"\n"\x80"\n|12|stdin: line 2 is not json'
	'len32|\0\0\0\x02ok\0\0\0\x05abc|12|stdin: ended with 3 of 5 bytes of a message'
	'len32|\0\0\0\x02ok\0\0\0|12|stdin: ended with 3 of 4 bytes of a length'
	'fixed:2|oka|12|stdin: ended with 1 of 2 bytes of a message'
	'netstring|2:ok,02:ok,|12|stdin: the length of a netstring begins with 0 and goes on with 2'
	'len32|\0\0\0\x02ok\0\0\x01\0%256|11|stdin: a message of 256 bytes does not fit len8'
	'line|ok\n%256|11|stdin: a message of 256 bytes does not fit len8'
	'line|ok\n%301|11|stdin: a message of more than 300 bytes, longer than --max-message 300'
	'len32|\0\0\0\x02ok\0\0\x01\x2d|11|stdin: a message of 301 bytes, longer than --max-message 300'
	'hex|6f6b\n%602|11|stdin: a message of 301 bytes, longer than --max-message 300'
)

@test "frames: what is wrong on stdin is named, after the messages before it arrived, and the peer sees no end" {
	local row form says due words
	for row in "${OURS[@]}"; do
		printf '%s\n' "$row"
		IFS='|' read -r form says due words <<<"$row"
		[[ $says != *%* ]] || says=${says%\%*}$(printf '%*s' "${says##*%}" '' | tr ' ' a)
		hears "-$due" "$SOCKT" connect --frame len8 --max-message 300 --local-frame "$form" < <(printf '%b' "$says")
		is "$told" "b'\\x02ok' RST"
		is "$output" ''
		is "$stderr" "sockt: connect: $words"
	done
}

@test "frames: a message that would end early on the wire is 11, and the peer sees no end" {
	hears -11 "$SOCKT" connect --frame line --local-frame json < <(printf '"ok"\n"a\\nb"\n')
	is "$told" "b'ok\\n' RST"
	is "$stderr" 'sockt: connect: stdin: a message contains LF, which ends one in line'
	hears -11 "$SOCKT" connect --frame nul < <(printf 'ok\na\0b\n')
	is "$told" "b'ok\\x00' RST"
	is "$stderr" 'sockt: connect: stdin: a message contains NUL, which ends one in nul'
	hears -11 "$SOCKT" connect --frame fixed:2 < <(printf 'ok\n\n')
	is "$told" "b'ok' RST"
	is "$stderr" 'sockt: connect: stdin: a message of 0 bytes does not fit fixed:2'
}

@test "frames: a message that stdin has only begun is not sent as a whole one when the peer ends and --linger is over" {
	local row
	keep_pipe 5
	for row in 'len32|\0\0\0\005whole\0\0\0\005par' 'line|whole\npar' 'nul|whole\0par' 'hex|77686f6c65\n70'; do
		start_peer "$FRAMED"'c = accept(); c.recv(99); half_close(c); print(*hear(c))' 5>&-
		# shellcheck disable=SC2059	# it is a format
		printf "${row#*|}" >&5
		run "$SOCKT" connect --frame len8 --local-frame "${row%%|*}" -q 0.1 "$addr" <"$pipe" 5>&-
		ends 0 "$peer"
		is "$row: $(<"$heard")" "$row: b'' EOF"
	done
}

# listen_refuses N [-k]: a client that reads slowly, and a stdin with a message of N bytes and a line that is none.
listen_refuses() {
	local n=$1
	shift
	keep_pipe 5
	start_listener "$@" --frame len32 --local-frame hex <"$pipe" 5>&-
	start_crowd "$FRAMED"'
s = join(where, rcvbuf=4096); s.sendall(pack("len32", b"in")); got, end = hear(s); say(len(got), end)' 5>&-
	wait_for holds "$heard" 696e
	framed 'print("6f" * int(argv[0]) + "\nno")' "$n" >&5
	ends 12 "$listener"
	is "$(tail -n +2 "$said")" 'sockt: listen: stdin: line 2 is not hex'
	ends 0 "$crowd"
	is "$(<"$crowd_heard")" "$((4 + n)) RST"
}

@test "frames: listen ends with 12 when a line of stdin is none; its client gets all before it and sees no end" {
	listen_refuses 400000
}

@test "frames: listen -k ends with 12 when a line of stdin is none, and its clients see no end" {
	listen_refuses 2 -k
}

@test "frames: what stdin said before such a line reaches each client of listen -k, a slow one too" {
	listen_refuses 400000 -k
}

@test "frames: --local-frame raw makes one message of all of stdin, and puts nothing between those that come" {
	start_peer "$FRAMED"'c = accept(); c.sendall(pack("len32", b"one\n", b"", b"two")); say(hear(c)[0])'
	run -0 --separate-stderr "$SOCKT" connect --frame len32 --local-frame raw "$addr" < <(printf 'a\nb\0\n')
	is "$output" $'one\ntwo'
	is "$stderr" ''
	ends 0 "$peer"
	is "$(<"$heard")" "b'\\x00\\x00\\x00\\x05a\\nb\\x00\\n'"
	random_file "$BATS_TEST_TMPDIR/in" 1048576
	start_echo --frame varint
	"$SOCKT" connect --quiet --frame varint --local-frame raw "$addr" <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out"
	is "$(sha256 "$BATS_TEST_TMPDIR/out")" "$sum"
	hears -11 "$SOCKT" connect --frame len32 --max-message 5 --local-frame raw < <(printf 'abcdef')
	is "$told" "b'' RST"
	is "$stderr" 'sockt: connect: stdin: a message of more than 5 bytes, longer than --max-message 5'
}

# ---- json ----

@test "frames: bytes that are no UTF-8 survive as json both ways, as Python's surrogateescape has them" {
	local dir=$BATS_TEST_TMPDIR
	framed '
odd = [bytes([b]) for b in range(256)] + [bytes(range(256)), "naïve 💶 \u2028".encode(), b"\xed\xa0\x80\xed\xbf\xbf",
    b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xe2\x82\xe2\x82\xac\xff", b"\"\\/\b\f\n\r\t\x7f", b""]
dir = argv[0]
open(f"{dir}/raw", "wb").write(pack("len32", *odd))
open(f"{dir}/ascii", "wb").write(pack("json", *odd))
open(f"{dir}/utf-8", "w", encoding="utf-8").writelines(
    re.sub("[\ud800-\udfff]", lambda m: f"\\u{ord(m[0]):04x}", json.dumps(m.decode("utf-8", "surrogateescape"),
    ensure_ascii=False)) + "\n" for m in odd)' "$dir"
	start_echo --frame len16
	local form
	for form in ascii utf-8; do
		"$SOCKT" connect --quiet --frame len16 --local-frame json "$addr" <"$dir/$form" >"$dir/as-json"
		framed 'same(unpack("json", open(argv[0], "rb").read()), unpack("len32", open(argv[1], "rb").read()))' \
			"$dir/as-json" "$dir/raw"
		# Nothing that drives a terminal is in what is printed.
		[[ -z $(tr -d '\n' <"$dir/as-json" | tr -dc '\000-\037\177') ]]
		run -0 iconv -f utf-8 -t utf-8 "$dir/as-json"
	done
}

# ---- messages that read like several ----

# One with an end inside, nine times.
SEVERAL=$FRAMED'c = accept(); [c.sendall(pack("len16", plain(argv[0]))) for i in range(9)]; half_close(c); read_all(c)'

@test "frames: a message with LF inside is printed as it is, and that is warned of once" {
	start_peer "$SEVERAL" 'one\ntwo'
	run -0 --separate-stderr "$SOCKT" connect --frame len16 "$addr"
	is "$output" "$(printf 'one\ntwo\n%.0s' {1..9})"
	one_line "$stderr"
	has "$stderr" "sockt: connect: $addr: " 'contains what ends it' '--local-frame json'
}

@test "frames: a message with NUL inside is warned of with --local-frame nul, and one with LF is not" {
	start_peer "$SEVERAL" 'a\0b'
	"$SOCKT" connect --frame len16 --local-frame nul "$addr" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	is "$(hex_of "$BATS_TEST_TMPDIR/out")" "$(printf '61006200%.0s' {1..9})"
	one_line "$(<"$BATS_TEST_TMPDIR/err")"
	has "$(<"$BATS_TEST_TMPDIR/err")" 'contains what ends it'
	start_peer "$SEVERAL" 'one\ntwo'
	"$SOCKT" connect --frame len16 --local-frame nul "$addr" >/dev/null 2>"$BATS_TEST_TMPDIR/err"
	is "$(<"$BATS_TEST_TMPDIR/err")" ''
}

@test "frames: no warning comes with --quiet, nor in a local format that has no such message" {
	local how
	for how in --quiet --local-frame={json,hex,base64,len32,varint,netstring,raw,fixed:7}; do
		start_peer "$SEVERAL" 'one\ntwo'
		run -0 --separate-stderr "$SOCKT" connect "$how" --frame len16 "$addr"
		is "$stderr" ''
	done
}

@test "frames: with --json the warning is the event ambiguous, once" {
	start_peer "$SEVERAL" 'one\ntwo'
	run -0 --separate-stderr "$SOCKT" connect --json --frame len16 "$addr"
	is "$(jq -r 'select(.event == "ambiguous") | .object' <<<"$stderr")" "$addr"
}

@test "frames: listen -k warns once, not of each client" {
	start_listener -k --frame len16
	crowd "$FRAMED"'
for i in range(3): s = join(where); talk(s, pack("len16", b"one\ntwo", b"one\ntwo"))'
	wait_for holds "$heard" "$(printf 'one\ntwo\n%.0s' {1..6})"
	is "$(grep -c 'contains what ends it' "$said")" 1
}

# ---- lines ----

@test "frames: --crlf with --frame line ends each message with CR LF, and doubles no CR" {
	hears -0 "$SOCKT" connect --crlf --frame line < <(printf 'one\ntwo\r\n\n\r\nlast')
	is "$told" "b'one\\r\\ntwo\\r\\n\\r\\n\\r\\nlast\\r\\n' EOF"
	hears -0 "$SOCKT" connect --crlf --frame line --local-frame json < <(printf '"a\\rb"\n"c\\r"\n')
	is "$told" "b'a\\rb\\r\\nc\\r\\n' EOF"
}

@test "frames: without --crlf a CR before LF is a byte of the message, both ways" {
	start_echo --frame line
	run -0 --separate-stderr "$SOCKT" connect --frame line --local-frame json "$addr" <<<'"a\r"'
	is "$output" '"a\r"'
}

# ---- usage ----

@test "frames: what is no format is usage, and the option and the value are named" {
	local word
	for word in fixed fixed: fixed:0 fixed:01 fixed:x fixed:-1 fixed:+1 'fixed: 1' fixed:1k fixed:1073741825 \
		fixed:99999999999999999999 LEN8 len8be len24 'len8 ' hex base64 json raw none ''; do
		run -2 --separate-stderr "$SOCKT" connect --frame "$word" 127.0.0.1 1
		one_line "$stderr"
		has "$stderr" "sockt: connect: --frame: '$word'" netstring
		has_no "${stderr#*not one of}" base64
	done
	for word in HEX b64 fixed:0 none ''; do
		run -2 --separate-stderr "$SOCKT" listen -w 1 --frame len8 --local-frame "$word" 127.0.0.1 0
		one_line "$stderr"
		has "$stderr" "sockt: listen: --local-frame: '$word'" base64
	done
	for word in 0 -1 1x 2G ''; do
		run -2 --separate-stderr "$SOCKT" echo-server -w 1 --frame len8 --max-message "$word" 127.0.0.1 0
		one_line "$stderr"
		has "$stderr" "sockt: echo-server: --max-message: '$word'"
	done
}

@test "frames: options that need --frame, or cannot go with it, are usage and named" {
	refuses() {
		local named=$1
		shift
		run -2 --separate-stderr "$SOCKT" "$@" -w 1 127.0.0.1 0
		one_line "$stderr"
		is "$output" ''
		has "$stderr" "sockt: $1: $named: "
	}
	refuses --local-frame listen --local-frame hex
	refuses --max-message listen --max-message 5
	refuses --max-message echo-server --max-message 5
	refuses --to listen --frame len8 --to 127.0.0.1:1
	has "$stderr" --frame
	refuses --frame echo-server --frame len8 --request-rate 5/s
	has "$stderr" --request-rate
	refuses --local-frame echo-server --frame len8 --local-frame hex
	local wire
	for wire in nul len8 fixed:3; do
		refuses -C/--crlf listen --frame "$wire" --crlf
		has "$stderr" '--frame line'
		refuses --line-delay listen --frame "$wire" --line-delay 1
		has "$stderr" '--frame line'
	done
}

# ---- many clients ----

# A client's messages, each with its name and number: their bytes follow from those.
MARKED=$FRAMED'
def marked(who, i):
    rng = random.Random(f"{who} {i}")
    return b"%d %d " % (who, i) + rng.randbytes(rng.choice((0, 1, 100, 5000, 70000)))
'

@test "frames: listen -k never mixes the messages of clients that speak all at once" {
	start_listener -k --frame varint --local-frame len32
	crowd "$MARKED"'
def speak(who):
    s = join(where)
    talk(s, pack("varint", *[marked(who, i) for i in range(100)]), "random")
threads = [threading.Thread(target=speak, args=[who]) for who in range(12)]
for t in threads: t.start()
for t in threads: t.join()'
	wait_for has_bytes "$heard" "$(framed "$MARKED"'
print(sum(4 + len(marked(who, i)) for who in range(12) for i in range(100)))')"
	framed "$MARKED"'
by = collections.defaultdict(list)
for m in unpack("len32", open(argv[0], "rb").read()): by[int(m.split()[0])].append(m)
assert sorted(by) == list(range(12))
for who in by: same(by[who], [marked(who, i) for i in range(100)])' "$heard"
	is "$(wc -l <"$said")" 1
}

@test "frames: listen -k sends each message of stdin to all clients, whole to one that came in its middle too" {
	keep_pipe 5
	start_listener -k --frame netstring --local-frame len32 <"$pipe" 5>&-
	start_crowd "$FRAMED"'
def is_in(s, word): s.sendall(pack("netstring", word)); return s
early = is_in(join(where), b"early"); say("early is in"); sys.stdin.readline()
late = is_in(join(where), b"late"); say("late is in")
want = pack("netstring", *[(b"%d " % i) * 100000 for i in range(3)])
for s in late, early: half_close(s); assert hear(s) == (want, "EOF")
say("all is well")' 5>&-
	wait_for says "$heard" early
	# A pipe takes 64 KiB: most of the first message is behind it when this has been written.
	framed 'open(argv[0], "wb").write(pack("len32", *[(b"%d " % i) * 100000 for i in range(3)]))' "$BATS_TEST_TMPDIR/all"
	head -c 150000 "$BATS_TEST_TMPDIR/all" >&5
	tell
	wait_for says "$heard" late
	tail -c +150001 "$BATS_TEST_TMPDIR/all" >&5
	exec 5>&-
	crowd_says 'all is well'
	is "$(wc -l <"$said")" 1
}

@test "frames: listen -k drops a client that breaks the format or is cut off in a message, and says why" {
	start_listener -k --frame netstring --local-frame json --max-message 5000
	start_crowd "$FRAMED"'
friend = join(where); friend.sendall(pack("netstring", b"friend")); say("in"); sys.stdin.readline()
for flaw in b"2:ok,x", b"2:ok,9999:", b"2:ok,5:abc":
    s = join(where); s.sendall(flaw)
    if flaw[-1:] == b"c": half_close(s)
    assert hear(s) == (b"", "RST"), flaw
def cut(s): s.sendall(b"2:ok,5:abc"); sent_and_acked(s); return s
say("cut"); sys.stdin.readline()
reset(cut(join(where))); say("reset"); sys.stdin.readline()
assert talk(friend, pack("netstring", b"still here")) == b""; say("all is well")'
	crowd_says in
	tell
	crowd_says cut
	is "$(grep -cE '^sockt: listen: 127\.0\.0\.1:[0-9]+: dropped: ' "$said")" 3
	has "$(<"$said")" "dropped: a netstring begins with 'x'" 'dropped: ended with 3 of 5 bytes of a message' \
		'dropped: a message of 9999 bytes, longer than --max-message 5000'
	tell
	crowd_says reset
	wait_for eval '(($(grep -c "dropped: " "$said") == 4))'
	tell
	crowd_says 'all is well'
	wait_for says "$heard" 'still here'
	is "$(sort "$heard" | uniq -c | tr -s ' ')" $' 1 "friend"\n 4 "ok"\n 1 "still here"'
	is "$(wc -l <"$said")" 5
	is_alive "$listener"
}

# ---- echo ----

@test "frames: echo-server's --prefix is in the message, and its length says so" {
	start_echo --frame netstring --prefix 'you said: '
	run -0 "$SOCKT" connect --frame netstring --local-frame json "$addr" < <(printf '"one"\n""\n"\\n"\n')
	is "$output" $'"you said: one"\n"you said: "\n"you said: \\n"'
	crowd 's = join(where); s.sendall(b"3:abc,"); assert read_n(s, 17) == b"13:you said: abc,"; assert is_silent(s)'
	local wire
	for wire in line nul len8 len16 len32 len16le len32le varint; do
		start_echo --frame "$wire" --prefix '> '
		crowd "$FRAMED"'
wire = argv[0]; said = [m for m in messages(wire) if len(m) + 2 < 256 or wire != "len8" and len(m) + 2 < 65536]
for how in "whole", "random":
    same(unpack(wire, talk(join(where), pack(wire, *said), how)), [b"> " + m for m in said])' "$wire"
	done
}

@test "frames: echo-server ends a client whose message does not fit with the prefix before it" {
	start_echo --once --frame len8 --prefix '> '
	crowd "$FRAMED"'
s = join(where); s.sendall(pack("len8", b"x" * 253, b"x" * 254))
assert hear(s) == (pack("len8", b"> " + b"x" * 253), "RST")'
	ends 11 "$server"
	has "$(<"$said")" 'a message of 256 bytes does not fit len8'
}

@test "frames: echo-server answers each message as soon as it is whole, and no half of one" {
	start_echo --frame len16
	crowd "$FRAMED"'
s = join(where)
s.sendall(pack("len16", b"one", b"", b"two")); assert read_n(s, 12) == b"\0\3one\0\0\0\3two"
s.sendall(b"\0\5ab"); assert is_silent(s)
s.sendall(b"cd"); assert is_silent(s)
s.sendall(b"e\0"); assert read_n(s, 7) == b"\0\5abcde" and is_silent(s)
s.sendall(b"\1x"); assert read_n(s, 3) == b"\0\1x"
half_close(s); assert read_all(s) == b""'
	all_gone
}

@test "frames: echo-server resets the client that breaks the format, once it has its echo, and serves the others on" {
	start_echo --frame varint --max-message 1000
	crowd "$FRAMED"'
friend = join(where)
def is_well(): friend.sendall(b"\5hello"); assert read_n(friend, 6) == b"\5hello"
is_well()
for flaw in b"\xff" * 10, b"\x80\x80\x04", b"\5abc":
    s = join(where); s.sendall(b"\2ok" + flaw)
    if flaw[0] == 5: half_close(s)
    assert hear(s) == (b"\2ok", "RST"), flaw
    is_well()'
	all_gone
	has "$(<"$said")" ': dropped: a varint of more than 10 bytes' ': dropped: ended with 3 of 5 bytes of a message' \
		': dropped: a message of 65536 bytes, longer than --max-message 1000'
	is "$(grep -c dropped "$said")" 3
}

@test "frames: who breaks the format gets all that was due before, if it reads slowly and has sent more, too" {
	start_echo --frame netstring
	crowd "$FRAMED"'
good = pack("netstring", *[b"x" * 10000] * 6)
for more in 0, 10000, 100000:
    s = join(where, rcvbuf=4096); s.sendall(good + b"!" + bytes(more))
    assert hear(s) == (good, "RST"), more'
	all_gone
	is "$(grep -c "dropped: a netstring begins with '!'" "$said")" 3
}

@test "frames: echo-server says no line to a client that is one too many, who would take it for a frame" {
	start_echo --frame line --max-conns 1
	crowd 's = join(where); s.sendall(b"in\n"); assert read_n(s, 3) == b"in\n"
t = join(where)
try: assert read_all(t) == b""
except ConnectionResetError: pass'
	start_echo --max-conns 1
	crowd 's = join(where); assert is_served(s); assert verdict(join(where)) == "told"'
}

@test "frames: a client that sends 64 Ki empty messages and reads nothing costs bounded memory, and gets every answer" {
	local before prefix
	prefix=$(printf '%01024d' 7)
	start_echo --frame len16 --prefix "$prefix"
	before=$(resident_kib)
	start_crowd "$FRAMED"'
s = join(where, rcvbuf=4096); s.sendall(bytes(2 * 65536)); half_close(s); sent_and_acked(s); say("sent")
sys.stdin.readline()
got = read_all(s); assert got == pack("len16", argv[0].encode()) * 65536, len(got); say("all is well")' "$prefix"
	crowd_says sent
	wait_for has_stalled "$server"
	[[ ${VARIANT-} == asan ]] || (($(resident_kib) - before <= 600))
	tell
	crowd_says 'all is well'
	all_gone
}

@test "frames: echo-server serves 20 clients with messages of 1 MiB at once" {
	start_echo --frame len32 --workers 3
	crowd "$FRAMED"'
wrong = []
def speak(who, s):
    said = [random.Random(who).randbytes(1 << 20), b"", b"%d" % who]
    if unpack("len32", talk(s, pack("len32", *said))) != said: wrong.append(who)
threads = [threading.Thread(target=speak, args=who) for who in enumerate(crowd(where, 20))]
for t in threads: t.start()
for t in threads: t.join()
assert not wrong, wrong'
	all_gone
	is "$counts" '0 clients now, 20 at most, 20 accepted, 0 refused'
}

# ---- programs ----

# A program of lines: what it says last has no line end.
ANSWERS=(sh -c 'while read -r line; do echo "<$line>"; done; printf "%s" "that was all"')

@test "frames: a program reads and writes lines, and the wire has frames" {
	start_peer "$FRAMED"'
c = accept(); same(unpack("len16", talk(c, pack("len16", b"one", b"", b"two words"))),
    [b"<one>", b"<>", b"<two words>", b"that was all"])'
	run -0 --separate-stderr "$SOCKT" connect --frame len16 "$addr" -- "${ANSWERS[@]}"
	is "$output$stderr" ''
	ends 0 "$peer"
	start_server listen --frame len16 127.0.0.1 0 -- "${ANSWERS[@]}"
	client "$FRAMED"'same(unpack("len16", talk(c, pack("len16", b"1"), "bytes")), [b"<1>", b"that was all"])'
	ends 0 "$server"
}

@test "frames: with -k each client's program has messages of its own, and one client's fault is not the others'" {
	start_server listen -k --frame varint --local-frame len32 127.0.0.1 0 -- cat
	crowd "$FRAMED"'
friend = join(where); friend.sendall(pack("varint", b"hello")); assert read_n(friend, 6) == b"\5hello"
bad = join(where); bad.sendall(b"\2ok"); assert read_n(bad, 3) == b"\2ok"; bad.sendall(b"\xff" * 10); hear(bad)
said = messages("varint", "len32"); same(unpack("varint", talk(join(where), pack("varint", *said), "random")), said)
friend.sendall(pack("varint", b"hello")); assert read_n(friend, 6) == b"\5hello"'
	has "$(<"$said")" 'a varint of more than 10 bytes'
}

@test "frames: a program that says what is no message is named with 12, and the peer sees no end" {
	start_peer "$FRAMED"'print(*hear(accept()))'
	run -12 --separate-stderr "$SOCKT" connect --frame len8 --local-frame hex "$addr" -- \
		sh -c 'echo 6f6b; echo no; exec cat'
	has "$stderr" 'sockt: connect: program: line 2 is not hex'
	ends 0 "$peer"
	is "$(<"$heard")" "b'\\x02ok' RST"
}

# ---- time and counts ----

@test "frames: a message that comes byte by byte for longer than -i is not idle" {
	start_peer "$FRAMED$TRICKLE"'trickle(accept())'
	run -0 --separate-stderr "$SOCKT" connect -i 1.5 --frame len8 "$addr"
	is "$output" "$(printf '%040d' 0)"
	local mode
	for mode in 'listen -k' echo-server; do
		# shellcheck disable=SC2086	# words
		start_server $mode -i 1.5 --frame len8 127.0.0.1 0
		start_client "$FRAMED$TRICKLE"'trickle(c)'
		ends 0 "$client"
		has_no "$(<"$said")" idle
		[[ $mode == echo* ]] || wait_for holds "$heard" "$(printf '%040d' 0)"
	done
}

TRICKLE='
def trickle(c):
    for byte in b"\x28" + b"0" * 40:
        c.sendall(bytes([byte])); is_silent(c, 0.05)
    half_close(c); hear(c)
'

@test "frames: --stats counts bytes as they are on the wire" {
	start_echo --frame netstring
	run -0 --separate-stderr "$SOCKT" connect --stats --frame netstring "$addr" < <(printf 'abc\n\n')
	is "$output" abc
	has "$stderr" 'sent 9 bytes' 'received 9 bytes'
	run -0 --separate-stderr "$SOCKT" connect --json --frame netstring --local-frame hex "$addr" < <(printf '616263\n\n')
	is "$(jq -c 'select(.event == "closed") | [.sent, .received]' <<<"$stderr")" '[9,9]'
}
