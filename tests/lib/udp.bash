# What the suites about datagrams need beside lib/helpers: Python with the words of lib/peers/udp.py, and a network.
# shellcheck disable=SC2034,SC2154	# what is set here is for the suites; $port and the like come from lib/helpers

_udp_code() { printf '%s\n' 'from udp import *' "$1"; }

# speak CODE [ARG]...: runs it here; `where` is the address of the server or peer that was started last.
speak() {
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME/lib/peers WHERE=${addr-} \
		timeout 75 python3 -c "$(_udp_code "$1")" "${@:2}" 3>&-
}

# speak_in_netns SCRIPT CODE [ARG]...: the same after the script, in namespaces of their own (in_netns).
# shellcheck disable=SC2016	# another shell expands it
speak_in_netns() {
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME/lib/peers \
		in_netns "$(declare -f a_network); $1"'; exec timeout 75 python3 -c "$@"' "$(_udp_code "$2")" "${@:3}" 3>&-
}

# start_speaker CODE [ARG]...: speak in the background. Sets $speaker (pid) and $speaker_heard, and keeps the server's
# $heard and $said.
start_speaker() {
	local heard said pid
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME/lib/peers WHERE=${addr-} \
		begin python3 -c "$(_udp_code "$1")" "${@:2}"
	speaker=$pid speaker_heard=$heard
}

# start_udp_peer CODE [ARG]...: start_peer, with these words as well: reported() is who tells the test where it is.
start_udp_peer() { start_peer "$(printf '\n'; _udp_code "$1")" "${@:2}"; }

# closed_udp_port: sets $port to one of 127.0.0.1 that refuses as long as the test runs: who has it hears but one other.
closed_udp_port() {
	start_udp_peer 's = reported(); s.connect(("127.0.0.1", 9)); signal.pause()'
}

# a_network: an interface `here` that has 192.0.2.1, 192.0.2.2, 2001:db8::1 and 2001:db8::2, and nobody else on it. For
# in_netns.
a_network() {
	local v6=/proc/sys/net/ipv6/conf
	ip link add here type veth peer name there
	[[ ! -e $v6 ]] || echo 1 >$v6/there/disable_ipv6
	ip link set there up
	ip link set here multicast on up
	ip addr add 192.0.2.1/24 brd 192.0.2.255 dev here
	ip addr add 192.0.2.2/24 dev here
	[[ -e $v6 ]] || return 0
	ip addr add 2001:db8::1/64 dev here nodad
	ip addr add 2001:db8::2/64 dev here nodad
}
