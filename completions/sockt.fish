# Completion of sockt for fish: written by `make completions` from the option tables.

# Is the command line one of these subcommands'?
function __sockt_runs
	set -l words (commandline -opc)
	test (count $words) -ge 2; and contains -- $words[2] $argv
end

function __sockt_runs_nothing
	test (count (commandline -opc)) -eq 1
end

complete -c sockt -f
complete -c sockt -n __sockt_runs_nothing -a connect -d 'relay stdin and stdout over a connection'
complete -c sockt -n __sockt_runs_nothing -a listen -d 'accept connections and relay them to stdin and stdout'
complete -c sockt -n __sockt_runs_nothing -a help -d 'show the options of a subcommand'
complete -c sockt -n __sockt_runs_nothing -l version -d 'show the version'
complete -c sockt -n __sockt_runs_nothing -s h -l help -d 'show the options'
complete -c sockt -n '__sockt_runs help' -a connect
complete -c sockt -n '__sockt_runs connect' -s z -l probe -d 'connect, send nothing, close'
complete -c sockt -n '__sockt_runs connect' -s 4 -d 'IPv4 only'
complete -c sockt -n '__sockt_runs connect' -s 6 -d 'IPv6 only'
complete -c sockt -n '__sockt_runs connect' -s n -l numeric -d 'look nothing up: addresses and ports are numbers'
complete -c sockt -n '__sockt_runs connect' -s s -l source -x -d 'send from this address'
complete -c sockt -n '__sockt_runs connect' -l interface -x -a '(command ls /sys/class/net 2>/dev/null)' -d 'send through this interface'
complete -c sockt -n '__sockt_runs connect' -s w -l timeout -x -d 'give up connecting after this, everything included; 0: never (default 30s)'
complete -c sockt -n '__sockt_runs connect' -l attempt-timeout -x -d 'give up one address after this'
complete -c sockt -n '__sockt_runs connect' -l retry -x -d 'try again after a failure that may heal'
complete -c sockt -n '__sockt_runs connect' -l retry-delay -x -d 'pause before the first retry; doubles'
complete -c sockt -n '__sockt_runs connect' -l retry-refused -d 'a refused connection may heal too'
complete -c sockt -n '__sockt_runs connect' -l wait -x -d 'try until it works, for so long'
complete -c sockt -n '__sockt_runs connect' -s o -l sockopt -x -d 'set a socket option, such as SO_KEEPALIVE or TCP_KEEPIDLE=60; sockt-options(7) has the list'
complete -c sockt -n '__sockt_runs connect' -l mptcp -d 'use Multipath TCP, where the peer has it too'
complete -c sockt -n '__sockt_runs connect' -s i -l idle -x -d 'give up when no byte moves for so long; 0: never'
complete -c sockt -n '__sockt_runs connect' -s C -l crlf -d 'send LF as CR LF'
complete -c sockt -n '__sockt_runs connect' -l send-only -d 'drop what the peer sends; done when all is sent'
complete -c sockt -n '__sockt_runs connect' -l recv-only -d 'send nothing, not even an end'
complete -c sockt -n '__sockt_runs connect' -s d -l no-stdin -d 'do not read stdin; the same as --recv-only'
complete -c sockt -n '__sockt_runs connect' -l no-half-close -d 'say nothing to the peer when stdin ends'
complete -c sockt -n '__sockt_runs connect' -s q -l linger -x -d 'once one side has ended, how long the other may be silent (default 1s for a pipe on stdin)'
complete -c sockt -n '__sockt_runs connect' -s m -l max-time -x -d 'end the whole run after this; 0: never'
complete -c sockt -n '__sockt_runs connect' -l stats -d 'say bytes, time, rate and round trip at the end'
complete -c sockt -n '__sockt_runs connect' -s N -d 'accepted for users of nc: it is what happens anyway'
complete -c sockt -n '__sockt_runs connect' -s v -l verbose -d 'say what happens; twice: and why'
complete -c sockt -n '__sockt_runs connect' -l quiet -d 'say nothing but errors'
complete -c sockt -n '__sockt_runs connect' -l json -d 'say it as JSON, one object a line'
complete -c sockt -n '__sockt_runs connect' -s h -l help -d 'show the options'
complete -c sockt -n '__sockt_runs connect' -a '(__fish_print_hostnames)'
complete -c sockt -n '__sockt_runs help' -a listen
complete -c sockt -n '__sockt_runs listen' -s k -l keep -d 'serve many clients at once, until told to stop'
complete -c sockt -n '__sockt_runs listen' -s w -l timeout -x -d 'give up when no client has come after this'
complete -c sockt -n '__sockt_runs listen' -s 4 -d 'IPv4 only'
complete -c sockt -n '__sockt_runs listen' -s 6 -d 'IPv6 only'
complete -c sockt -n '__sockt_runs listen' -s n -l numeric -d 'look nothing up: addresses and ports are numbers'
complete -c sockt -n '__sockt_runs listen' -l max-conns -x -d 'serve so many clients at once (default: what the descriptors allow)'
complete -c sockt -n '__sockt_runs listen' -l drain -x -d 'after TERM or INT, how long clients have to end'
complete -c sockt -n '__sockt_runs listen' -l ready-fd -x -d 'write HOST:PORT to this descriptor when listening, and close it'
complete -c sockt -n '__sockt_runs listen' -l port-file -r -F -d 'write HOST:PORT to this file when listening'
complete -c sockt -n '__sockt_runs listen' -s o -l sockopt -x -d 'set a socket option, such as SO_KEEPALIVE or TCP_KEEPIDLE=60; sockt-options(7) has the list'
complete -c sockt -n '__sockt_runs listen' -l mptcp -d 'use Multipath TCP, where the peer has it too'
complete -c sockt -n '__sockt_runs listen' -s i -l idle -x -d 'give up when no byte moves for so long; 0: never'
complete -c sockt -n '__sockt_runs listen' -s C -l crlf -d 'send LF as CR LF'
complete -c sockt -n '__sockt_runs listen' -l send-only -d 'drop what the peer sends; done when all is sent'
complete -c sockt -n '__sockt_runs listen' -l recv-only -d 'send nothing, not even an end'
complete -c sockt -n '__sockt_runs listen' -s d -l no-stdin -d 'do not read stdin; the same as --recv-only'
complete -c sockt -n '__sockt_runs listen' -l no-half-close -d 'say nothing to the peer when stdin ends'
complete -c sockt -n '__sockt_runs listen' -s q -l linger -x -d 'once one side has ended, how long the other may be silent (default 1s for a pipe on stdin)'
complete -c sockt -n '__sockt_runs listen' -s m -l max-time -x -d 'end the whole run after this; 0: never'
complete -c sockt -n '__sockt_runs listen' -l stats -d 'say bytes, time, rate and round trip at the end'
complete -c sockt -n '__sockt_runs listen' -s N -d 'accepted for users of nc: it is what happens anyway'
complete -c sockt -n '__sockt_runs listen' -s v -l verbose -d 'say what happens; twice: and why'
complete -c sockt -n '__sockt_runs listen' -l quiet -d 'say nothing but errors'
complete -c sockt -n '__sockt_runs listen' -l json -d 'say it as JSON, one object a line'
complete -c sockt -n '__sockt_runs listen' -s h -l help -d 'show the options'
complete -c sockt -n '__sockt_runs listen' -a '(__fish_print_hostnames)'
