# -o/--sockopt and --mptcp: what is asked for is on the socket, or it is said that it is not.
# shellcheck disable=SC2016	# other shells expand what is quoted
load lib/helpers

# has_options VERB HOST NAMES [OPTION]...: sets $output to what the sockets of that verb have. See lib/peers/sockets.py.
has_options() {
	local verb=$1 host=$2 names=$3
	shift 3
	PYTHONDONTWRITEBYTECODE=1 run -0 --separate-stderr python3 "$BATS_TEST_DIRNAME/lib/peers/sockets.py" "$names" \
		"$SOCKT" "$verb" "$host" "$@"
}

# Writes the names of the table that are for that side, or both.
names_for() {
	"$SOCKT_BUILD/optdump" sockopts | awk -F '\t' -v side="$1" '$2 == side || $2 == "both" { sub(/[[=].*/, "", $1); print $1 }'
}

# wrong WORD PART...: connect and listen refuse it with status 2 and one line that has the parts, and do nothing.
wrong() {
	local word=$1 verb
	shift
	for verb in connect listen; do
		run -2 --separate-stderr "$SOCKT" "$verb" -o "$word" 127.0.0.1 9
		one_line "$stderr"
		has "$stderr" "sockt: $verb: -o/--sockopt: '$word' " "$@"
	done
}

# ---- words ----

@test "sockopt: an unknown name is status 2 and named" {
	run -2 --separate-stderr "$SOCKT" connect -o SO_NOSUCH 127.0.0.1 9
	is "$stderr" "sockt: connect: -o/--sockopt: 'SO_NOSUCH' is not a socket option that sockt knows"
	wrong SO_NOSUCH=1 'is not a socket option'
	wrong '' 'is not a socket option'
	wrong '=1' 'is not a socket option'
	wrong 'SO_KEEPALIVE ' 'is not a socket option'
	wrong SO_KEEP 'is not a socket option'
	has_no "$stderr" 'did you mean'
}

@test "sockopt: a name in the wrong case, or without its first part, is refused and the right one suggested" {
	wrong so_keepalive 'did you mean SO_KEEPALIVE?'
	wrong NODELAY=1 'did you mean TCP_NODELAY?'
	wrong keepidle=5 'did you mean TCP_KEEPIDLE?'
}

@test "sockopt: a wrong value is status 2, and says what the option takes" {
	wrong SO_KEEPALIVE=yes 'needs 0 or 1'
	wrong SO_KEEPALIVE=2 'needs 0 or 1'
	wrong SO_KEEPALIVE= 'needs 0 or 1'
	wrong TCP_KEEPIDLE=0 'needs a number from 1 to 32767'
	wrong TCP_KEEPIDLE=32768 'needs a number from 1 to 32767'
	wrong TCP_KEEPIDLE=5s 'needs a number'
	wrong TCP_KEEPIDLE=+5 'needs a number'
	wrong TCP_KEEPIDLE=0x5 'needs a number'
	wrong 'TCP_KEEPIDLE= 5' 'needs a number'
	wrong SO_RCVBUF=64kb 'needs a size'
	wrong SO_RCVBUF=0 'needs a size'
	wrong SO_RCVBUF=2G 'needs a size'
	wrong SO_LINGER=on 'or off'
	wrong SO_LINGER=-1 'or off'
	wrong IP_TOS=256 'from 0 to 255'
	wrong SO_MARK=4294967296 'from 0 to 4294967295'
	wrong TCP_CONGESTION= 'needs a name'
	wrong SO_BINDTODEVICE=sixteen-letters- 'needs a name of 1 to 15'
}

@test "sockopt: only a boolean may stand without a value" {
	local name takes
	while IFS='=' read -r name takes; do
		[[ $name != *'[' && $takes != any ]] || continue
		run -2 --separate-stderr "$SOCKT" connect -o "$name" 127.0.0.1 9
		[[ $stderr == *"'$name' needs a value: a"* ]] || has "$stderr" "'$name' is only for sockets that listen"
	done < <("$SOCKT_BUILD/optdump" sockopts | cut -f 1)
}

@test "sockopt: an option of the other side is status 2 and says which side it is for" {
	local name
	for name in TCP_DEFER_ACCEPT=5 TCP_FASTOPEN=5 SO_INCOMING_CPU=0; do
		run -2 --separate-stderr "$SOCKT" connect -o "$name" 127.0.0.1 9
		is "$stderr" "sockt: connect: -o/--sockopt: '$name' is only for sockets that listen"
	done
	for name in TCP_FASTOPEN_CONNECT IP_BIND_ADDRESS_NO_PORT; do
		run -2 --separate-stderr "$SOCKT" listen -o "$name" 0
		is "$stderr" "sockt: listen: -o/--sockopt: '$name' is only for sockets that connect"
	done
}

@test "sockopt: there may be 32 of them, and a name that is repeated counts once" {
	local names=() words=() name
	mapfile -t names < <("$SOCKT_BUILD/optdump" sockopts | awk -F '\t' '$2 != "listen" && /\[=bool\]|=n\t/ && !/SO_/ {
		sub(/[[=].*/, "", $1); print $1 "=1" }
		$2 != "listen" && /^SO_.*\[/ { sub(/\[.*/, "", $1); print $1 "=0" }
		/^(SO_LINGER|TCP_KEEPIDLE|TCP_KEEPINTVL|TCP_LINGER2|SO_SNDBUF|SO_RCVBUF|SO_RCVLOWAT|TCP_MAXSEG|SO_MARK)=/ {
			sub(/=.*/, "", $1); print $1 "=100" }')
	[ "${#names[@]}" -ge 33 ]
	for name in "${names[@]:0:32}"; do words+=(-o "$name"); done
	run -2 --separate-stderr "$SOCKT" connect "${words[@]}" -o "${names[32]}" 127.0.0.1 9
	is "$stderr" "sockt: connect: -o/--sockopt: '${names[32]}' is one too many: there may be 32"
	run -2 --separate-stderr "$SOCKT" connect "${words[@]}" -o "${names[0]}" 127.0.0.1 99999
	has "$stderr" 99999		# the options were fine
}

# ---- on the socket ----

@test "sockopt: what connect is told to set is on its socket" {
	has_options connect 127.0.0.1 'SO_KEEPALIVE TCP_KEEPIDLE TCP_NODELAY SO_LINGER SO_RCVBUF IP_TOS IP_TTL TCP_CONGESTION' \
		-o SO_KEEPALIVE -oTCP_KEEPIDLE=77 --sockopt TCP_NODELAY=0 --sockopt=SO_LINGER=9 -o SO_RCVBUF=64k \
		-o IP_TOS=16 -o IP_TTL=9 -o TCP_CONGESTION=reno
	is "$output" 'open SO_KEEPALIVE 1
open TCP_KEEPIDLE 77
open TCP_NODELAY 0
open SO_LINGER 1 9
open SO_RCVBUF 131072
open IP_TOS 16
open IP_TTL 9
open TCP_CONGESTION reno'
}

@test "sockopt: what a listener is told to set is on what it accepts" {
	local name words=() want=''
	while read -r name value; do
		words+=(-o "$name=$value")
		[[ $name != SO_RCVBUF && $name != SO_SNDBUF ]] || value=$((value * 2))	# socket(7)
		[[ $name != SO_LINGER ]] || value="1 $value"
		want+="open $name $value"$'\n'
	done <<-'END'
		SO_BINDTODEVICE lo
		SO_BROADCAST 1
		SO_KEEPALIVE 1
		SO_LINGER 0
		SO_MAX_PACING_RATE 1000000000
		SO_OOBINLINE 0
		SO_RCVBUF 50000
		SO_RCVLOWAT 2
		SO_REUSEADDR 0
		SO_REUSEPORT 1
		SO_SNDBUF 50000
		TCP_CONGESTION reno
		TCP_CORK 1
		TCP_KEEPCNT 3
		TCP_KEEPIDLE 33
		TCP_KEEPINTVL 22
		TCP_LINGER2 10
		TCP_NODELAY 0
		TCP_NOTSENT_LOWAT 16384
		TCP_SYNCNT 2
		TCP_THIN_LINEAR_TIMEOUTS 1
		TCP_USER_TIMEOUT 12345
		TCP_WINDOW_CLAMP 30000
		IP_FREEBIND 1
		IP_MINTTL 5
		IP_MTU_DISCOVER 3
		IP_TOS 16
		IP_TTL 9
		SO_PRIORITY 5
	END
	has_options listen 127.0.0.1 "$(sed -n 's/^open \([A-Z0-9_]*\) .*/\1/p' <<<"$want")" "${words[@]}"
	is "$(grep ^open <<<"$output")" "${want%$'\n'}"
	# what is missing above needs a privilege, is IPv6's, changes by itself, or has no effect
	names_for listen | grep -vE '^IPV6_|TIMEO$|^(SO_MARK|SO_BUSY_POLL|SO_DONTROUTE|IP_TRANSPARENT|TCP_MAXSEG|TCP_QUICKACK)$' |
		grep -vE '^(SO_INCOMING_CPU|TCP_DEFER_ACCEPT|TCP_FASTOPEN)$' | sort >"$BATS_TEST_TMPDIR/table"
	sed -n 's/^open \([A-Z0-9_]*\) .*/\1/p' <<<"$want" | sort | diff -u "$BATS_TEST_TMPDIR/table" -
}

@test "sockopt: what is the listener's own is on the listener" {
	has_options listen 127.0.0.1 'TCP_DEFER_ACCEPT TCP_FASTOPEN SO_INCOMING_CPU' -o TCP_DEFER_ACCEPT=7 -o TCP_FASTOPEN=5 \
		-o SO_INCOMING_CPU=0
	is "$(grep ^listening <<<"$output")" 'listening TCP_DEFER_ACCEPT 7
listening TCP_FASTOPEN 5
listening SO_INCOMING_CPU 0'
}

@test "sockopt: an IP option counts for IPv6 as well" {
	local both='IP_TOS IP_TTL IP_MINTTL IP_MTU_DISCOVER IPV6_TCLASS IPV6_UNICAST_HOPS IPV6_MINHOPCOUNT IPV6_MTU_DISCOVER'
	local host want
	[[ -e /proc/net/if_inet6 ]] || skip 'no IPv6'
	want=$(printf 'open %s\n' 'IP_TOS 40' 'IP_TTL 11' 'IP_MINTTL 3' 'IP_MTU_DISCOVER 2' \
		'IPV6_TCLASS 40' 'IPV6_UNICAST_HOPS 11' 'IPV6_MINHOPCOUNT 3' 'IPV6_MTU_DISCOVER 2')
	for host in ::1 '*'; do
		has_options listen "$host" "$both" -o IP_TOS=40 -o IP_TTL=11 -o IP_MINTTL=3 -o IP_MTU_DISCOVER=2
		is "$(grep ^open <<<"$output")" "$want"
	done
	has_options connect ::1 "$both" -o IP_TOS=40 -o IP_TTL=11 -o IP_MINTTL=3 -o IP_MTU_DISCOVER=2
	is "$output" "$want"
	has_options connect ::1 'IP_TOS IPV6_TCLASS' -o IP_TOS=40 -o IPV6_TCLASS=48
	is "$output" $'open IP_TOS 40\nopen IPV6_TCLASS 48'
}

@test "sockopt: of one name the last counts, and IP_TOS leaves SO_PRIORITY alone" {
	has_options connect 127.0.0.1 'TCP_KEEPIDLE SO_KEEPALIVE SO_PRIORITY' -o TCP_KEEPIDLE=5 -o SO_KEEPALIVE -o TCP_KEEPIDLE=6 \
		-o SO_KEEPALIVE=0 -o SO_PRIORITY=5 -o IP_TOS=16
	is "$output" $'open TCP_KEEPIDLE 6\nopen SO_KEEPALIVE 0\nopen SO_PRIORITY 5'
}

@test "sockopt: a listener refuses an SO_LINGER that would make everyone wait for one client" {
	run -2 --separate-stderr "$SOCKT" listen -k -o SO_LINGER=5 127.0.0.1 0
	has "$stderr" "-o/--sockopt" "'SO_LINGER=5' would let one client hold up the others"
	run -2 --separate-stderr "$SOCKT" echo-server -o SO_LINGER=1 127.0.0.1 0
}

@test "sockopt: SO_LINGER=off is off" {
	has_options connect 127.0.0.1 SO_LINGER -o SO_LINGER=5 -o SO_LINGER=off
	is "$output" 'open SO_LINGER 0 0'
}

@test "sockopt: -o comes after what sockt sets itself and before bind" {
	start_listener -k -o SO_REUSEPORT
	run -0 timeout "$PATIENCE" "$SOCKT" connect -z "$addr"
	run -9 --separate-stderr "$SOCKT" listen "$addr"
	start_server listen -k -o SO_REUSEPORT "$addr"
	is "$(ss -Hltn "sport = :$port" | wc -l)" 2
	run -5 --separate-stderr "$SOCKT" listen -w 0.01 -o SO_REUSEADDR=0 127.0.0.1 0
	has_options listen '*' IPV6_V6ONLY
	has "$output" 'listening IPV6_V6ONLY 0'
	needs_netns
	run -9 --separate-stderr in_netns '"$SOCKT" connect -s 192.0.2.99 -z 127.0.0.1 1'
	has "$stderr" 192.0.2.99 'Cannot assign'
	run -4 --separate-stderr in_netns '"$SOCKT" connect -s 192.0.2.99 -o IP_FREEBIND -z 127.0.0.1 1'
}

@test "sockopt: a buffer the system will not give in full is status 11 and both sizes" {
	local max verb
	max=$(</proc/sys/net/core/rmem_max)
	((max < 512 << 20)) || skip 'net.core.rmem_max is huge'
	for verb in connect listen; do
		run -11 --separate-stderr "$SOCKT" "$verb" -o SO_RCVBUF=512M 127.0.0.1 9
		is "$stderr" "sockt: $verb: SO_RCVBUF: asked for 536870912, but the system gives $max; net.core.rmem_max is the limit"
	done
	run -11 --separate-stderr "$SOCKT" connect -o SO_SNDBUF=512M 127.0.0.1 9
	has "$stderr" net.core.wmem_max
	run -11 --separate-stderr "$SOCKT" connect --json -o SO_RCVBUF=512M 127.0.0.1 9
	has "$stderr" '"object":"SO_RCVBUF"' '"kind":"limit"' '"stage":"connect"'
	run -11 --separate-stderr "$SOCKT" connect -o IP_TOS=255 127.0.0.1 9
	has "$stderr" 'IP_TOS: asked for 255, but the system gives 252'
}

@test "sockopt: what the system refuses is status 12, names the option, and is not tried again" {
	run -12 --separate-stderr "$SOCKT" connect --wait 1h -o TCP_CONGESTION=no-such-thing 127.0.0.1 9
	is "$stderr" 'sockt: connect: TCP_CONGESTION: cannot be set to no-such-thing: No such file or directory'
	run -12 --separate-stderr "$SOCKT" listen -o SO_BINDTODEVICE=no-such-thing 127.0.0.1 0
	is "$stderr" 'sockt: listen: SO_BINDTODEVICE: cannot be set to no-such-thing: No such device'
	needs_netns
	run -12 --separate-stderr in_netns 'exec setpriv --bounding-set -net_admin,-net_raw "$SOCKT" connect -o SO_MARK=7 127.0.0.1 9'
	is "$stderr" 'sockt: connect: SO_MARK: cannot be set to 7: Operation not permitted'
}

@test "sockopt: TCP and IP options are not for Unix sockets, and IPv6 ones not for IPv4" {
	local name
	for name in TCP_NODELAY IP_TOS=16 IPV6_TCLASS=16; do
		run -2 --separate-stderr "$SOCKT" connect -o "$name" "unix:$BATS_TEST_TMPDIR/none"
		is "$stderr" "sockt: connect: ${name%=*}: only TCP sockets have this option"
	done
	run -2 --separate-stderr "$SOCKT" connect -o TCP_NODELAY vsock:host:1
	has "$stderr" 'TCP_NODELAY: only TCP sockets'
	run -4 --separate-stderr "$SOCKT" connect -o SO_SNDBUF=64k "unix:$BATS_TEST_TMPDIR/none"
	run -12 --separate-stderr "$SOCKT" connect -o IPV6_TCLASS=16 127.0.0.1 9
	is "$stderr" 'sockt: connect: IPV6_TCLASS: there is no IPv6 address to set it for'
	run -12 --separate-stderr "$SOCKT" listen -o IPV6_TCLASS=16 127.0.0.1 0
	is "$stderr" 'sockt: listen: IPV6_TCLASS: there is no IPv6 address to set it for'
}

@test "sockopt: SO_RCVTIMEO and SO_SNDTIMEO do nothing and say so once" {
	start_peer 'c = accept(); c.close()'
	run -0 --separate-stderr "$SOCKT" connect -o SO_RCVTIMEO=5 127.0.0.1 "$port"
	is "$stderr" 'sockt: connect: SO_RCVTIMEO: of no effect: sockt never blocks on a socket; --idle does that job'
	run -5 --separate-stderr "$SOCKT" listen --json -w 0.01 -o SO_SNDTIMEO 127.0.0.1 0
	has "${stderr_lines[0]}" '"event":"ignored"' '"object":"SO_SNDTIMEO"' '--idle'
	run -5 --separate-stderr "$SOCKT" listen --quiet -w 0.01 -o SO_SNDTIMEO 127.0.0.1 0
	one_line "$stderr"
}

@test "sockopt: TCP_FASTOPEN_CONNECT sends data with the first packet, and goes with nothing that sends none" {
	local option
	for option in -z -d --recv-only; do
		run -2 --separate-stderr "$SOCKT" connect "$option" -o TCP_FASTOPEN_CONNECT 127.0.0.1 9
		has "$stderr" 'sockt: connect: TCP_FASTOPEN_CONNECT: ' "$option" 'sends nothing'
	done
	needs_netns
	run -0 --separate-stderr in_netns 'sysctl -qw net.ipv4.tcp_fastopen=3
		coproc "$SOCKT" listen -dk -o TCP_FASTOPEN=16 127.0.0.1 0 2>&1 3>&-
		read -r _ _ addr <&"${COPROC[0]}"
		echo one | "$SOCKT" connect -o TCP_FASTOPEN_CONNECT "$addr"
		echo two | "$SOCKT" connect -o TCP_FASTOPEN_CONNECT "$addr"
		read -r first <&"${COPROC[0]}"; read -r second <&"${COPROC[0]}"
		kill "$COPROC_PID"
		echo "$first $second"; nstat -asz TcpExtTCPFastOpenPassive | tail -n 1'
	is "${lines[0]}" 'one two'
	[[ ${lines[1]} =~ TCPFastOpenPassive\ +1\  ]]
}

# ---- Multipath TCP ----

needs_mptcp() {
	[[ $(cat /proc/sys/net/mptcp/enabled 2>/dev/null) == 1 ]] || skip 'no Multipath TCP'
}

# mptcp_peer CODE: a peer with `l`, a listening socket of Multipath TCP, and `c`, its first client.
mptcp_peer() {
	start_peer "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1]); l = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
l.bind(('127.0.0.1', 0)); l.listen(); l.settimeout(PATIENCE); ready(l); c = accept(l); assert c.proto == 262
$1"
}

@test "mptcp: both sides speak it, and fall back to TCP with a peer that does not" {
	needs_mptcp
	has_options connect 127.0.0.1 'protocol TCP_NODELAY' --mptcp
	is "$output" $'open protocol 262\nopen TCP_NODELAY 1'
	has_options listen 127.0.0.1 protocol --mptcp
	has "$output" 'listening protocol 262'
	mptcp_peer 'say(read_all(c)); c.sendall(b"answer"); c.close()'
	run -0 --separate-stderr "$SOCKT" connect --mptcp "$addr" <<<question
	is "$output" answer
	ends 0 "$peer"
	is "$(<"$heard")" "b'question\n'"
}

@test "mptcp: -z connects, and nothing is lost of a big transfer in both directions" {
	needs_mptcp
	head -c 20000000 /dev/urandom >"$BATS_TEST_TMPDIR/data"
	start_listener --mptcp <"$BATS_TEST_TMPDIR/data"
	run -0 --separate-stderr bash -c '"$SOCKT" connect --mptcp "$1" <"$2" >"$2.back"' - "$addr" "$BATS_TEST_TMPDIR/data"
	ends 0 "$listener"
	cmp "$BATS_TEST_TMPDIR/data" "$heard"
	cmp "$BATS_TEST_TMPDIR/data" "$BATS_TEST_TMPDIR/data.back"
	mptcp_peer 'say(read_all(c))'
	run -0 --separate-stderr "$SOCKT" connect --mptcp -z "$addr"
	ends 0 "$peer"
	closed_port
	run -4 --separate-stderr "$SOCKT" connect --mptcp -z "$addr"
}

@test "mptcp: it waits for acknowledgements, hears a reset, and resets what it gives up" {
	needs_mptcp
	mptcp_peer 'read_n(c, 2); reset(c)'
	run -6 --separate-stderr "$SOCKT" connect --mptcp "$addr" < <(echo x; tail --pid="$peer" -s 0.02 -f /dev/null; echo y)
	has "$stderr" "$addr" 'Connection reset by peer'
	mptcp_peer 'signal.sigwait([signal.SIGUSR1])
try: read_all(c); say("an end")
except ConnectionResetError: say("a reset")'
	run -5 --separate-stderr bash -c 'head -c 30000000 /dev/zero | "$SOCKT" connect --mptcp -i 0.3 "$1"' - "$addr"
	has "$stderr" 'the peer took nothing'
	kill -USR1 "$peer"
	ends 0 "$peer"
	is "$(<"$heard")" 'a reset'
}

@test "mptcp: where there is none it is status 12 and one line" {
	needs_netns
	[[ -e /proc/sys/net/mptcp/enabled ]] || skip 'no Multipath TCP'
	for verb in connect listen; do
		run -12 --separate-stderr in_netns 'sysctl -qw net.mptcp.enabled=0; exec "$SOCKT" "$1" --mptcp 127.0.0.1 9' "$verb"
		is "$stderr" "sockt: $verb: --mptcp: this system has no Multipath TCP, or it is switched off: Protocol not available"
	done
}

@test "mptcp: it is for TCP only" {
	run -2 --separate-stderr "$SOCKT" connect --mptcp "unix:$BATS_TEST_TMPDIR/none"
	is "$stderr" 'sockt: connect: --mptcp: only for TCP'
}
