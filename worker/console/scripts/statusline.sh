
# The status line: one line of where this session stands. Claude Code asks after every message and more often; the
# gateway is asked every ten seconds.
kept=$private/line-$session
now=$(date +%s)
at=0
line=
{ read -r at && IFS= read -r line; } 2>/dev/null <"$kept"
case $at in '' | *[!0-9]*) at=0 ;; esac
if [ "$at" -gt "$now" ] || [ $((now - at)) -ge 10 ]; then
  # That the gateway is away is kept as long: a line that hangs each time would be worse than none.
  line=$(ask statusline -f) || line=
  printf '%s\n%s\n' "$now" "$line" >"$kept.$$" && mv -f "$kept.$$" "$kept"
fi
[ -z "$line" ] || printf '%s\n' "$line"
exit 0
