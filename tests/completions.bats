#!/usr/bin/env bats
# The completions are those that the option tables lead to, and each shell offers what it should.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/.." || exit 1
	completions=$PWD/completions
	export HOME=$BATS_TEST_TMPDIR XDG_CONFIG_HOME=$BATS_TEST_TMPDIR XDG_DATA_HOME=$BATS_TEST_TMPDIR
	mkdir "$BATS_TEST_TMPDIR/here"
	: >"$BATS_TEST_TMPDIR/here/a-file"
	: >"$BATS_TEST_TMPDIR/here/a file"
	printf '127.0.0.1 a-host\n' >"$BATS_TEST_TMPDIR/hosts"
}

@test "completions: the committed files are what make completions writes" {
	"$SOCKT_BUILD/optdump" bash | diff -u completions/sockt.bash -
	"$SOCKT_BUILD/optdump" zsh | diff -u completions/_sockt -
	"$SOCKT_BUILD/optdump" fish | diff -u completions/sockt.fish -
	[ "$(LC_ALL=C ls completions)" = $'_sockt\nsockt.bash\nsockt.fish' ]
}

# The part of a file that is one subcommand's.
bash_part() {
	sed -n "/^	$1)/,/;;\$/p" completions/sockt.bash
}

zsh_part() {
	sed -n "/^		$1)/,/;;\$/p" completions/_sockt
}

@test "completions: every option of the tables is in each shell's file" {
	local verb letter long name
	while IFS=$'\t' read -r verb _ letter long _; do
		for name in "-$letter" "--$long"; do
			[[ $name != -- && $name != --- ]] || continue
			bash_part "$verb" | grep -qE -- "options='(.* )?${name}[ ']"
			zsh_part "$verb" | grep -qE -- "[)'{,]${name}([+=]|[',}])"
		done
		[ "$letter" = - ] || grep -q -- "'__sockt_runs $verb' -s $letter " completions/sockt.fish
		[ "$long" = - ] || grep -qE -- "'__sockt_runs $verb'( -s .)? -l $long " completions/sockt.fish
	done < <("$SOCKT_BUILD/optdump" list)
}

# ---- bash ----

# Writes what bash offers for the last of these words, split as readline does. $bash_first is sourced first.
bash_offers() {
	# shellcheck disable=SC2016	# the inner shell expands it
	cd "$BATS_TEST_TMPDIR/here" && HOSTFILE=$BATS_TEST_TMPDIR/hosts bash --norc --noprofile -c '
		[ -z "$2" ] || . "$2"
		. "$1"/sockt.bash
		shift 2
		complete -p sockt >/dev/null || exit 1
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_sockt sockt "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
		printf "%s\n" "${COMPREPLY[@]}"' bash "$completions" "${bash_first-}" "$@"
}

bash_claims() {
	run -0 bash_offers sockt ''
	[ "$output" = $'connect\nlisten\nunix\nudp-send\necho-server\nhelp\n--help\n--version' ]
	run -0 bash_offers sockt con
	[ "$output" = connect ]
	run -0 bash_offers sockt help l
	[ "$output" = listen ]
	run -0 bash_offers sockt connect --attempt
	[ "$output" = --attempt-timeout ]
	run -0 bash_offers sockt echo-server --attempt
	[ "$output" = '' ]
	run -0 bash_offers sockt echo-server --request
	[ "$output" = --request-rate ]
	run -0 bash_offers sockt listen -k --port-file ''
	[ "$(sort <<<"$output")" = "$(printf 'a file\na-file')" ]
	run -0 bash_offers sockt listen --port-file = a-
	[ "$output" = a-file ]
	run -0 bash_offers sockt listen --port-file =
	[ "$(sort <<<"$output")" = "$(printf 'a file\na-file')" ]
	run -0 bash_offers sockt connect -w ''
	[ "$output" = '' ]
	run -0 bash_offers sockt connect --frame n
	[ "$output" = $'nul\nnetstring' ]
	run -0 bash_offers sockt listen --local-frame = j
	[ "$output" = json ]
	run -0 bash_offers sockt echo-server --frame f
	[ "$output" = fixed: ]
	run -0 bash_offers sockt echo-server --frame j
	[ "$output" = '' ]
	run -0 bash_offers sockt connect --interface l
	[[ $'\n'$output$'\n' == *$'\nlo\n'* ]]
	run -0 bash_offers sockt connect unix : a-
	[ "$output" = a-file ]
	run -0 bash_offers sockt connect -w 5s a-h
	[ "$output" = a-host ]
	run -0 bash_offers sockt connect somewhere a-h
	[ "$output" = '' ]
	run -0 bash_offers sockt connect -- --att
	[ "$output" = '' ]
}

@test "completions: bash offers subcommands, options, files, formats, interfaces and hosts where they belong" {
	bash_claims
}

@test "completions: bash does so with the bash-completion package as well" {
	bash_first=/usr/share/bash-completion/bash_completion
	[ -r "$bash_first" ] || skip 'bash-completion is not installed'
	bash_claims
}

# ---- fish ----

fish_offers() {
	# shellcheck disable=SC2016	# fish expands it
	cd "$BATS_TEST_TMPDIR/here" && fish --no-config -c 'source $argv[1]/sockt.fish; complete -C $argv[2]' \
		"$completions" "$1" | cut -f 1
}

@test "completions: fish offers subcommands, options, files and formats where they belong" {
	command -v fish >/dev/null || skip 'fish is not installed'
	run -0 fish_offers 'sockt '
	[ "$output" = $'connect\necho-server\nhelp\nlisten\nudp-send\nunix' ]
	run -0 fish_offers 'sockt con'
	[ "$output" = connect ]
	run -0 fish_offers 'sockt help l'
	[ "$output" = listen ]
	run -0 fish_offers 'sockt connect --attempt'
	[ "$output" = --attempt-timeout ]
	run -0 fish_offers 'sockt echo-server --attempt'
	[ "$output" = '' ]
	run -0 fish_offers 'sockt echo-server --request'
	[ "$output" = --request-rate ]
	run -0 fish_offers 'sockt listen --port-file a-'
	[ "$output" = a-file ]
	run -0 fish_offers 'sockt connect --frame n'
	[ "$output" = $'netstring\nnul' ]
	run -0 fish_offers 'sockt listen --local-frame j'
	[ "$output" = json ]
	run -0 fish_offers 'sockt echo-server --frame j'
	[ "$output" = '' ]
	run -0 fish_offers 'sockt connect --interface l'
	[[ $'\n'$output$'\n' == *$'\nlo\n'* ]]
	run -0 fish_offers 'sockt connect -w a-'
	[ "$output" = '' ]
}

# ---- zsh ----

# An interactive zsh completes the line on a terminal of its own. What it would add goes to a file, a word a line;
# the end of that file is the mark that it has finished.
zsh_offers() {
	# shellcheck disable=SC2016	# zsh expands it
	cd "$BATS_TEST_TMPDIR/here" && rm -f "$BATS_TEST_TMPDIR/offered" && mkfifo "$BATS_TEST_TMPDIR/offered" &&
		COMPLETIONS=$completions LINE=$1 OFFERED=$BATS_TEST_TMPDIR/offered timeout 30 zsh -f -c '
		zmodload zsh/zpty
		zpty inner zsh -f -i
		zpty -w inner "source $OFFERED.setup"
		exec 4<>$OFFERED
		line=
		# what is typed before the line editor is up would be read by nobody
		until [[ $line == ready ]]; do read -r -t 20 line <&4 || exit 1; done
		zpty -w -n inner $LINE$'"'\\t'"'
		while read -r -t 20 line <&4 && [[ $line != done ]]; do print -r -- $line; done
		[[ $line == done ]]
		result=$?
		zpty -d inner
		exit $result' 3>&-
}

zsh_setup() {
	cat >"$BATS_TEST_TMPDIR/offered.setup" <<-'END'
		fpath=($COMPLETIONS $fpath)
		autoload -Uz compinit
		compinit -D -u
		zstyle ':completion:*' hosts a-host
		exec 5>$OFFERED
		compadd() {
			local -a hits
			if [[ " ${(j: :)argv[1,(i)(-|--)]} " == *\ -[a-zA-Z12]#[OAD]\ * ]]; then
				builtin compadd "$@"
				return
			fi
			builtin compadd -A hits "$@"
			((${#hits})) && print -rl -u 5 -- $hits
			return $((!${#hits}))
		}
		offer() {
			_main_complete
			print -u 5 done
		}
		zle -C offer complete-word offer
		bindkey '^I' offer
		zle-line-init() { print -u 5 ready }
		zle -N zle-line-init
	END
}

@test "completions: zsh offers subcommands, options, files, formats and hosts where they belong" {
	command -v zsh >/dev/null || skip 'zsh is not installed'
	zsh_setup
	run -0 zsh_offers 'sockt '
	[ "$(sort <<<"$output")" = $'connect\necho-server\nhelp\nlisten\nudp-send\nunix' ]
	run -0 zsh_offers 'sockt con'
	[ "$output" = connect ]
	run -0 zsh_offers 'sockt help l'
	[ "$output" = listen ]
	run -0 zsh_offers 'sockt connect --attempt'
	[[ $output == --attempt-timeout* ]]
	run -0 zsh_offers 'sockt echo-server --attempt'
	[ "$output" = '' ]
	run -0 zsh_offers 'sockt echo-server --request'
	[[ $output == --request-rate* ]]
	run -0 zsh_offers 'sockt connect --wait 5s --ret'
	[ "$(sort <<<"$output")" = $'--retry-delay\n--retry-refused' ]
	run -0 zsh_offers 'sockt listen --port-file a-'
	[ "$output" = a-file ]
	run -0 zsh_offers 'sockt connect --frame n'
	[ "$(sort <<<"$output")" = $'netstring\nnul' ]
	run -0 zsh_offers 'sockt listen --local-frame j'
	[ "$output" = json ]
	run -0 zsh_offers 'sockt echo-server --frame f'
	[ "$output" = fixed: ]
	run -0 zsh_offers 'sockt echo-server --frame j'
	[ "$output" = '' ]
	run -0 zsh_offers 'sockt connect unix:a-'
	[ "$output" = a-file ]
	run -0 zsh_offers 'sockt connect a-h'
	[ "$output" = a-host ]
}
