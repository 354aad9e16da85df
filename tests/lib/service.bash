# What the suites about programs, targets and service managers need beside lib/helpers and lib/listen.
# shellcheck disable=SC2034,SC2154	# what is set here is for the suites; $pid and the like come from lib/helpers

# What most clients do: say nothing and print the answer.
ASK='half_close(c); sys.stdout.write(read_all(c).decode())'

# What a test's servers run, and what that started, may outlive a server that failed: it is known by this variable.
setup_programs() { export PROGRAM_OF=$BATS_TEST_TMPDIR; }

teardown_programs() {
	local file
	stop_all
	while read -r file; do
		file=${file#/proc/}
		kill -KILL "${file%/environ}" 2>/dev/null || true
	done < <(grep -lzxF "PROGRAM_OF=$BATS_TEST_TMPDIR" /proc/[0-9]*/environ 2>/dev/null)
}

# start_from PYTHON VERB [ARG]...: start_server, from a parent that first does what PYTHON says and then becomes sockt.
start_from() {
	local ready status=0 code=$1 verb=$2
	shift 2
	_ready_pipe
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME/lib/peers \
		begin python3 -c "from parent import *"$'\n'"$code"$'\nbecome()' "$SOCKT" "$verb" --ready-fd "$ready" "$@"
	server=$pid
	_await_ready "$ready" || status=1
	exec {ready}>&-
	return "$status"
}

# has_child PID: it has one child. Sets $child. A condition for wait_for.
has_child() { child=$(pgrep -P "$1") && [[ $child != *$'\n'* ]]; }

# has_children PID N: it has so many, zombies counted.
has_children() { (($(pgrep -c -P "$1") == $2)); }

# is_gone PID: it has ended, whether or not somebody has asked for its status. A condition for wait_for.
is_gone() { ! is_alive "$1"; }

# has_fds PID N: it has so many descriptors open. A condition for wait_for.
fds_of() { find "/proc/$1/fd" -type l | wc -l; }
has_fds() { (($(fds_of "$1") == $2)); }

# fact PID WORD: what /proc/PID/status says of it.
fact() { awk -v "word=$2:" '$1 == word { $1 = ""; print substr($0, 2) }' "/proc/$1/status"; }
