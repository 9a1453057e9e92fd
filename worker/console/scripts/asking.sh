#!/bin/sh
# Asks Bursar about the session that Claude Code names on stdin. POSIX sh and curl; says nothing where there is no
# key, no curl or no gateway, and never takes longer than about a second.
umask 077
input=$(cat)
url=${ANTHROPIC_BASE_URL:-}
key=${ANTHROPIC_AUTH_TOKEN:-}
case $url in
  http://* | https://*) ;;
  *) exit 0 ;;
esac
# Neither can hold what would end a line of curl's configuration.
case $url in *[!A-Za-z0-9:/._~%@+-]*) exit 0 ;; esac
case $key in '' | *[!A-Za-z0-9._-]*) exit 0 ;; esac
command -v curl >/dev/null 2>&1 || exit 0

# The first "session_id" is the session's own; one in a prompt's text would stand in escaped quotes.
session=
case $input in
  *'"session_id"'*)
    session=${input#*'"session_id"'}
    session=${session#*\"}
    session=${session%%\"*}
    ;;
esac
case $session in '' | *[!A-Za-z0-9._-]*) exit 0 ;; esac

# A folder in the temporary directory that is this user's alone; one that somebody else put there is not used.
private=${XDG_RUNTIME_DIR:-}
[ -d "$private" ] || private=${TMPDIR:-/tmp}
private=$private/bursar-$(id -u)
mkdir -m 700 "$private" 2>/dev/null
[ -d "$private" ] && [ ! -L "$private" ] || exit 0
# shellcheck disable=SC2046
set -- $(ls -ldn "$private")
case $1 in drwx------*) ;; *) exit 0 ;; esac
[ "$3" = "$(id -u)" ] || exit 0

# ask PATH [curl's options]: the key goes by stdin, since everybody on the machine can read a command line.
ask() {
  path=$1
  shift
  printf 'header = "authorization: Bearer %s"\nurl = "%s/v1/me/%s?session=%s"\n' "$key" "${url%/}" "$path" "$session" |
    curl -K - -s -m 1 "$@" 2>/dev/null
}
