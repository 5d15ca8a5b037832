# Completion of the `pirn` command for bash.

# Close codes and their names, as the command itself knows them; a blank in a name becomes '_'.
_pirn_close_codes()
{
    local code name
    pirn code --names 2>/dev/null | while IFS=$'\t' read -r code _ name; do
        printf '%s\n%s\n' "$code" "${name//[ .]/_}"
    done | sort -u
}

# Fills COMPREPLY with the words of $1 that begin with $2 in any letter case.
_pirn_words()
{
    local word
    COMPREPLY=()
    for word in $1; do
        [[ ${word,,} == "${2,,}"* ]] && COMPREPLY+=("$word")
    done
    return 0
}

# Fills COMPREPLY with the files (-f) or directories (-d) that begin with $2.
_pirn_paths()
{
    compopt -o filenames 2>/dev/null # fails where nothing is being completed, as in a test
    mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
}

_pirn_serve()
{
    local cur=$1 previous=$2
    case $previous in
        --host) _pirn_words "localhost 127.0.0.1 0.0.0.0 ::1 ::" "$cur" ;;
        --unix | --cert | --key | --client-ca) _pirn_paths -f "$cur" ;;
        --tls-min) _pirn_words "1.2 1.3" "$cur" ;;
        --deflate) _pirn_words "off shared dedicated" "$cur" ;;
        --root) _pirn_paths -d "$cur" ;;
        --port | --max-message | --origin | --deflate-threshold) COMPREPLY=() ;;
        *)
            _pirn_words "--host --port --max-message --deflate --deflate-threshold --unix --root \
                --any-origin --origin --cert --key --client-ca --tls-min --quiet --help" "$cur"
            ;;
    esac
}

_pirn_connect()
{
    local cur=$1 previous=$2
    case $previous in
        --unix | --cert | --key | --ca | --cookie) _pirn_paths -f "$cur" ;;
        -H | --header | --origin | --subprotocol | -u | --user | --bearer | --ping | --timeout | \
            --wait | --max-message) COMPREPLY=() ;;
        --proxy) _pirn_words "http:// socks4a:// socks5:// socks5h:// none" "$cur" ;;
        *)
            _pirn_words "--text --binary --base64 --null --one --wait --no-close --json --max-message \
                --header --origin --subprotocol --user --bearer --cookie --location --deflate \
                --no-deflate --proxy --unix --insecure --ca --cert --key --timeout --ping \
                --reconnect --verbose --help" "$cur"
            ;;
    esac
}

_pirn_bench()
{
    local cur=$1 previous=$2
    case $previous in
        --unix | --ca) _pirn_paths -f "$cur" ;;
        -[cnsdm] | --connections | --outstanding | --size | --duration | --messages | --rate | \
            --timeout) COMPREPLY=() ;;
        *)
            _pirn_words "--connections --outstanding --size --duration --messages --rate --text \
                --binary --deflate --insecure --ca --unix --timeout --json --help" "$cur"
            ;;
    esac
}

_pirn_check()
{
    local cur=$1 previous=$2
    case $previous in
        --unix | --ca) _pirn_paths -f "$cur" ;;
        --header | -H | --subprotocol | --only | --timeout) COMPREPLY=() ;;
        *)
            _pirn_words "--unix --header --subprotocol --only --timeout --insecure --ca --json \
                --verbose --help" "$cur"
            ;;
    esac
}

_pirn()
{
    local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    # "--root=/var" comes as three words.
    if [[ $cur == = ]]; then
        cur=
    elif [[ $previous == = ]] && ((COMP_CWORD > 2)); then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    if ((COMP_CWORD == 1)); then
        _pirn_words "serve connect check bench code help version --help --version" "$cur"
        return
    fi
    case ${COMP_WORDS[1]} in
        serve) _pirn_serve "$cur" "$previous" ;;
        connect) _pirn_connect "$cur" "$previous" ;;
        check) _pirn_check "$cur" "$previous" ;;
        bench) _pirn_bench "$cur" "$previous" ;;
        code)
            if [[ $cur == -* ]]; then
                _pirn_words "--names --help" "$cur"
            else
                _pirn_words "$(_pirn_close_codes)" "$cur"
            fi
            ;;
        help | --help)
            ((COMP_CWORD == 2)) && _pirn_words "serve connect check bench code help version" "$cur"
            ;;
    esac
}

complete -F _pirn pirn
