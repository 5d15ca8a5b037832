#!/bin/sh
# `pirn code`, `pirn help` and the completion, as a user sees them.
set -u
pirn=${PIRN_BUILD_DIR:-build}/pirn
[ -x "$pirn" ] || exit 77
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

fail()
{
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# status_is STATUS ARGUMENT...: runs the command; its output is in $work/out and $work/err.
status_is()
{
    expected=$1
    shift
    "$pirn" "$@" >"$work/out" 2>"$work/err"
    status=$?
    [ $status -eq "$expected" ] || fail "pirn $*: exit status $status, not $expected"
}

prints()
{
    grep -q -e "$1" "$work/out" || fail "no '$1' in the output"
}

complains()
{
    grep -q -e "$1" "$work/err" || fail "no '$1' in the error output"
}

# first_line_is LINE NAME: what a name is explained as.
first_line_is()
{
    status_is 0 code "$2"
    [ "$(head -n 1 "$work/out")" = "$1" ] || fail "pirn code '$2' does not begin with '$1'"
}

status_is 0 code 1006
prints '^1006 Abnormal Closure$'
prints '^  means  *The connection ended without a Close frame[.]$'
prints '^  what to do [A-Z]'
prints '^  reconnect  at once'
prints '^  class  *local only'
prints 'may be sent: no; sent by a browser: no; received: no$'
for name in 'Abnormal Closure' ABORTED_CLOSE WS_CLOSED_ABNORMALLY abruptly ABNORMAL_CLOSE \
    ABNORMAL_CLOSURE PIRN_CLOSE_ABNORMAL; do
    prints " $name ("
done
status_is 0 code 1011
prints 'reconnect  after a wait'
prints 'may be sent: yes; sent by a browser: no; received: yes$'
status_is 0 code 4000
prints 'only the application knows'
status_is 0 code
prints '^4001-4998 .* depends  *private$'
status_is 2 code --names 1000
complains '^pirn code: --names stands alone$'
for arguments in -h 'serve -h' 'code -h' 'help serve'; do
    # shellcheck disable=SC2086 # words
    status_is 0 $arguments
    prints '^usage: pirn '
done
status_is 0 -V
prints '^pirn [0-9]'
status_is 2 ''
complains "no command ''"
status_is 0 code 4000
prints 'sent by a browser: yes'

first_line_is '1001 Going Away' 'going away'
first_line_is '1001 Going Away' going-away
first_line_is '1001 Going Away' WS_GONE
first_line_is '1008 Policy Violation' WS_FORBIDDEN
first_line_is '3003 Forbidden' forbidden
first_line_is '1000 Normal Closure' LWS_CLOSE_STATUS_NORMAL
first_line_is '1000 Normal Closure' Efl.Net.Dialer_Websocket_Close_Reason.normal
first_line_is '1011 Internal Error' SERVER_ERROR
first_line_is '2500 Unassigned' 2500
first_line_is '0 Not Defined' 0

status_is 0 code
prints '^CODE '
prints '^1010  *Mandatory Ext[.]  *MANDATORY_EXTENSION  *yes  *no  *never  *standard$'
prints '^1016-2999  *Unassigned  *-  *no  *no  *never  *reserved$'
prints '^5000-65535 '
awk 'length > 100 { exit 1 }' "$work/out" || fail 'the table is wider than 100 columns'
awk 'NR == 1 { c = index($0, "CLASS") } substr($0, c - 1, 1) != " " || substr($0, c, 1) == " " \
    { exit 1 }' "$work/out" || fail 'the table is not aligned'

# Every name that is printed is understood, and means the code that it was printed for. The one
# exception is a name of IANA's that DEGUEST has with WS_ before it for another code.
status_is 0 code --names
cp "$work/out" "$work/names"
[ "$(wc -l <"$work/names")" -ge 110 ] || fail 'names are missing'
cut -f 1 "$work/names" | uniq >"$work/codes"
cut -f 3 "$work/names" | tr '\n' '\0' | xargs -0 "$pirn" code | grep -E '^[0-9]+ ' |
    cut -d ' ' -f 1 | uniq >"$work/codes-of-names"
cmp "$work/codes" "$work/codes-of-names" || fail 'a printed name means another code'

status_is 2 code bogus
complains "'bogus' is no close code"
[ ! -s "$work/out" ] || fail 'something was printed for an unknown name'
status_is 2 code 65536
status_is 2 code bogus 1000
prints '^1000 Normal Closure$'
status_is 2 code --bogus
complains "'--bogus'"
status_is 2 code -- -1
status_is 0 code --help
prints '^usage: pirn code'
status_is 0 code -- 1000
prints '^1000 '

status_is 2
complains '^usage: pirn'
status_is 2 bogus
complains "no command 'bogus'"
status_is 2 help bogus
status_is 0 help
prints '^  code  '
cp "$work/out" "$work/help"
status_is 0 --help
cmp -s "$work/out" "$work/help" || fail 'help and --help differ'
status_is 0 help code
prints '^usage: pirn code'
status_is 0 --version
prints '^pirn [0-9][0-9]*[.][0-9][0-9]*[.][0-9][0-9]*$'

if [ -w /dev/full ]; then
    "$pirn" code >/dev/full 2>"$work/err"
    [ $? -eq 1 ] || fail 'output that cannot be written is no failure'
    complains 'cannot write the output'
fi

# completions WORD...: the completions of the last word.
completions()
{
    PATH=${pirn%/*}:$PATH bash -c '. "$1"; shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _pirn; printf "%s " "${COMPREPLY[@]}"' \
        completion "${PIRN_SOURCE_DIR:-.}/src/cli/completion.bash" "$@"
}

if command -v bash >/dev/null; then
    [ "$(completions pirn s)" = 'serve ' ] || fail 'completion of a command'
    [ "$(completions pirn serve --an)" = '--any-origin ' ] || fail 'completion of an option'
    [ "$(completions pirn connect --no-)" = '--no-close --no-deflate ' ] ||
        fail 'completion of an option of connect'
    [ "$(completions pirn bench --d)" = '--duration --deflate ' ] ||
        fail 'completion of an option of bench'
    [ "$(completions pirn code 101)" = '1010 1011 1012 1013 1014 1015 ' ] ||
        fail 'completion of a code'
    [ "$(completions pirn code ws_g)" = 'WS_GONE ' ] || fail 'completion of a name'
    [ "$(completions pirn code --n)" = '--names ' ] || fail 'completion of an option of code'
    [ "$(completions pirn help co)" = 'connect code ' ] || fail 'completion of help'
    folder=${PIRN_SOURCE_DIR:-.}/src/co
    [ "$(completions pirn serve --root "$folder")" = "${folder}re " ] ||
        fail 'completion of a folder'
    [ "$(completions pirn serve --root = "$folder")" = "${folder}re " ] ||
        fail 'completion of a folder behind ='
    [ "$(completions pirn serve --host = lo)" = 'localhost ' ] || fail 'completion behind ='
fi

[ $failures -eq 0 ]
