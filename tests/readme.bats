#!/usr/bin/env bats
# What README.md shows works as typed.

load lib/helpers
load lib/typed

setup() {
	readme=$BATS_TEST_DIRNAME/../README.md
	enter_sandbox
}

# The lines of the README that a user may type to run a subcommand.
one_liners() {
	awk '/^```/ { inside = !inside } inside && /(^|\| )sockt [a-z]/' "$readme"
}

# Sets $typed to the one line that has these words.
take() {
	typed=$(one_liners | grep -F -e "$1")
	one_line "$typed"
	typed=$(with_ports "$typed")
}

@test "readme: there are five one-liners" {
	is "$(one_liners | wc -l)" 5
}

@test "readme: one line takes what another sends" {
	local listener
	choose_port
	head -c 1000000 /dev/urandom >file
	take 'sockt listen 7000 >copy'
	begin_fed bash -c "$typed"
	listener=$pid
	wait_for says "$said" 'listening on '
	take 'sockt connect localhost 7000 <file'
	run -0 timeout "$PATIENCE" bash -c "$typed"
	ends 0 "$listener"
	cmp file copy
}

@test "readme: a line waits for a port" {
	start_web
	take '--wait'
	run -0 timeout "$PATIENCE" bash -c "$typed"
	is "$output" up
}

@test "readme: a line forwards a port and shows what goes through" {
	start_web
	choose_port
	take '--to localhost:8080'
	begin bash -c "$typed"
	wait_for says "$said" 'listening on '
	run -0 timeout "$PATIENCE" "$SOCKT" connect -C localhost "$free" <<<$'GET / HTTP/1.0\n'
	has "$output" 'HTTP/1.0 200 OK' 'it works'
	has "$(<"$said")" '< 00000000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 30 0d 0a  |GET / HTTP/1.0..|' \
		'> 00000000  48 54 54 50 2f 31 2e 30 '
}

@test "readme: a line sends a datagram" {
	choose_port
	begin "$SOCKT" listen -ud "$free"
	wait_for says "$said" 'listening on '
	take 'sockt udp-send'
	run -0 timeout "$PATIENCE" bash -c "$typed"
	is "$output" ''
	wait_for says "$heard" 'name:1|c'
}

@test "readme: it names the version that is built, and no other" {
	# not an address
	is "$(grep -oP '(?<![\d.])\d+\.\d+\.\d+(?![\d.])' "$readme" | sort -u)" \
		"$("$SOCKT" --version | awk 'NR == 1 { print $2 }')"
}
