# Completion of sockt for bash: written by `make completions` from the option tables.
# shellcheck shell=bash disable=SC2034

# Sets what the subcommand has: its options, those with a value, and of these the ones that take a file, an
# interface or a format; its operands.
_sockt_tables() {
	frame_formats='line nul len8 len16 len32 len16le len32le varint netstring fixed:'
	local_formats='line nul len8 len16 len32 len16le len32le varint netstring fixed: hex base64 json raw'
	verbs='connect listen unix udp-send echo-server'
	case $1 in
	connect)
		options='-u --udp --reply -z --probe --sh -w --timeout -4 -6 -n --numeric -s --source --interface --attempt-timeout --retry --retry-delay --retry-refused --wait -o --sockopt --mptcp -i --idle -C --crlf --send-only --recv-only -d --no-stdin --no-half-close -N --raw -q --linger --frame --max-message --local-frame -x --hexdump --transcript --limit-rate --line-delay --progress -m --max-time --stats -v --verbose --quiet --json -h --help'
		values='--reply --sh -w --timeout -s --source --interface --attempt-timeout --retry --retry-delay --wait -o --sockopt -i --idle -q --linger --frame --max-message --local-frame --transcript --limit-rate --line-delay -m --max-time'
		files='--transcript'
		interfaces='--interface'
		frames='--frame'
		locals='--local-frame'
		operands='host unix' ;;
	listen)
		options='-u --udp --multicast -k --keep --sh --to --to-fail-rst -w --timeout -4 -6 -n --numeric --first-byte --drain --ready-fd --port-file --run-as --max-conns --max-conns-per-ip --conn-rate --ban --ban-after --allow --deny -o --sockopt --mptcp --mode --group --allow-uid -s --source --interface --attempt-timeout --retry --retry-delay --retry-refused --wait -i --idle -C --crlf --send-only --recv-only -d --no-stdin --no-half-close -N --raw -q --linger --frame --max-message --local-frame -x --hexdump --transcript --limit-rate --line-delay --progress -m --max-time --stats -v --verbose --quiet --json -h --help'
		values='--multicast --sh --to -w --timeout --first-byte --drain --ready-fd --port-file --run-as --max-conns --max-conns-per-ip --conn-rate --ban --ban-after --allow --deny -o --sockopt --mode --group --allow-uid -s --source --interface --attempt-timeout --retry --retry-delay --wait -i --idle -q --linger --frame --max-message --local-frame --transcript --limit-rate --line-delay -m --max-time'
		files='--port-file --transcript'
		interfaces='--interface'
		frames='--frame'
		locals='--local-frame'
		operands='host unix' ;;
	unix)
		options='-l --listen --type -k --keep --reply -z --probe --sh --send-fd --recv-fd -w --timeout --attempt-timeout --retry --retry-delay --retry-refused --wait --mode --group --allow-uid --first-byte --drain --ready-fd --port-file --run-as --max-conns -o --sockopt -i --idle -C --crlf --send-only --recv-only -d --no-stdin --no-half-close -N --raw -q --linger --frame --max-message --local-frame -x --hexdump --transcript --limit-rate --line-delay --progress -m --max-time --stats -v --verbose --quiet --json -h --help'
		values='--type --reply --sh --send-fd -w --timeout --attempt-timeout --retry --retry-delay --wait --mode --group --allow-uid --first-byte --drain --ready-fd --port-file --run-as --max-conns -o --sockopt -i --idle -q --linger --frame --max-message --local-frame --transcript --limit-rate --line-delay -m --max-time'
		files='--port-file --transcript'
		interfaces=''
		frames='--frame'
		locals='--local-frame'
		operands='' ;;
	udp-send)
		options='--file --empty --size --hex --frame --count --interval --rate --reply -w --timeout --any-source --local-frame --raw --seq --broadcast --ttl --tos --multicast-ttl --multicast-if -4 -6 -n --numeric -s --source --interface -o --sockopt -m --max-time --stats -v --verbose --quiet --json -h --help'
		values='--file --size --frame --count --interval --rate -w --timeout --local-frame --ttl --tos --multicast-ttl --multicast-if -s --source --interface -o --sockopt -m --max-time'
		files='--file'
		interfaces='--multicast-if --interface'
		frames='--frame'
		locals='--local-frame'
		operands='host' ;;
	echo-server)
		options='--prefix --once --workers -w --timeout -i --idle --request-rate -u --udp --allow-amplify -4 -6 -n --numeric --first-byte --drain --ready-fd --port-file --run-as --max-conns --max-conns-per-ip --conn-rate --ban --ban-after --allow --deny -o --sockopt --mptcp --mode --group --allow-uid --frame --max-message -x --hexdump --transcript --limit-rate -m --max-time --stats -v --verbose --quiet --json -h --help'
		values='--prefix --workers -w --timeout -i --idle --request-rate --first-byte --drain --ready-fd --port-file --run-as --max-conns --max-conns-per-ip --conn-rate --ban --ban-after --allow --deny -o --sockopt --mode --group --allow-uid --frame --max-message --transcript --limit-rate -m --max-time'
		files='--port-file --transcript'
		interfaces=''
		frames='--frame'
		locals=''
		operands='host unix' ;;
	esac
}

_sockt() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local verbs options values files interfaces frames frame_formats locals local_formats operands
	local word i n=0 ended='' skip=''

	COMPREPLY=()
	_sockt_tables "${COMP_WORDS[1]}"
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W "$verbs help --help --version" -- "$cur")
		return
	elif [[ ${COMP_WORDS[1]} == help ]]; then
		((COMP_CWORD > 2)) || mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$cur")
		return
	fi

	# Which operand is it? `=` and `:` are words of their own here, with the rest of the word behind them.
	for ((i = 2; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $word == [=:] ]]; then
			skip=1
		elif [[ $skip ]]; then
			skip=''
		elif [[ ! $ended && $word == -- ]]; then
			ended=1
		elif [[ $ended || $word != -?* ]]; then
			n=$((n + 1))
		elif [[ " $values " == *" $word "* ]]; then
			skip=1
		fi
	done
	if [[ $cur == [=:] ]]; then
		word=$cur cur=''
	elif [[ $prev == [=:] ]]; then
		word=$prev prev=${COMP_WORDS[COMP_CWORD - 2]}
	else
		word=''
	fi

	if [[ $word == : ]]; then
		[[ $prev != unix || " $operands " != *' unix '* ]] || _sockt_files
	elif [[ ! $ended && " $values " == *" $prev "* ]]; then
		if [[ " $files " == *" $prev "* ]]; then
			_sockt_files
		elif [[ " $interfaces " == *" $prev "* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$(command ls /sys/class/net 2>/dev/null)" -- "$cur")
		elif [[ " $frames " == *" $prev "* ]]; then
			_sockt_formats "$frame_formats"
		elif [[ " $locals " == *" $prev "* ]]; then
			_sockt_formats "$local_formats"
		fi
	elif [[ ! $ended && $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
	elif ((n == 0)) && [[ " $operands " == *' host '* ]]; then
		mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
	fi
}

# Called by hand, as a test does, there is no completion to set an option of.
_sockt_files() {
	mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	compopt -o filenames 2>/dev/null
}

# A number follows `fixed:`, and no blank.
_sockt_formats() {
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
	[[ ${COMPREPLY[0]-} != *: ]] || compopt -o nospace 2>/dev/null
}

complete -F _sockt sockt
