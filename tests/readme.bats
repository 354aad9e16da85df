#!/usr/bin/env bats
# What README.md shows works as typed.

load lib/helpers
load lib/typed

setup() {
	readme=$BATS_TEST_DIRNAME/../README.md
	enter_sandbox
}

# The lines of the README that a user may type to run sockt connect or sockt listen.
one_liners() {
	awk '/^```/ { inside = !inside } inside && /(^|\| )sockt (connect|listen)/' "$readme"
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

@test "readme: a line waits for a port, and another asks an HTTP server" {
	start_web
	take '--wait'
	run -0 timeout "$PATIENCE" bash -c "$typed"
	is "$output" up
	take 'GET /'
	run -0 timeout "$PATIENCE" bash -c "$typed"
	has "$output" 'HTTP/1.0 200 OK' 'it works'
}

@test "readme: a line hears many clients, and speaks to all of them" {
	local keys all one
	choose_port
	take 'sockt listen -k 7000'
	begin_fed bash -c "$typed"
	keys=$in all=$heard
	wait_for says "$said" 'listening on '

	begin_fed "$SOCKT" connect localhost "$free"
	one=$heard
	echo 'one is here' >&"$in"
	begin_fed "$SOCKT" connect localhost "$free"
	echo 'two is here' >&"$in"
	wait_for says "$all" 'one is here'
	wait_for says "$all" 'two is here'

	echo welcome >&"$keys"
	wait_for says "$one" welcome
	wait_for says "$heard" welcome
}

@test "readme: it names the version that is built, and no other" {
	is "$(grep -oE '\b[0-9]+\.[0-9]+\.[0-9]+\b' "$readme" | sort -u)" "$("$SOCKT" --version | awk 'NR == 1 { print $2 }')"
}
