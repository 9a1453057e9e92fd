
# The hook: tells that this session was stepped down, once for each time that happens. The gateway knows what it told
# by the entity tag that is kept here. It never stops a prompt: whatever goes wrong, it says nothing and ends well.
kept=$private/told-$session
# A turn begins or ended: the status line that is kept is of before it.
rm -f "$private/line-$session"
told=
{ IFS= read -r told; } 2>/dev/null <"$kept"
case $told in *[!\"A-Za-z0-9]*) told= ;; esac
trap 'rm -f "$kept.$$.head" "$kept.$$.body"' EXIT
status=$(ask notice -D "$kept.$$.head" -o "$kept.$$.body" -w '%{http_code}' ${told:+-H "if-none-match: $told"})
[ "$status" = 200 ] || exit 0
tag=$(sed -n 's/^[Ee][Tt][Aa][Gg]: *\("[A-Za-z0-9]*"\).*/\1/p' "$kept.$$.head")
[ -n "$tag" ] || exit 0
printf '%s\n' "$tag" >"$kept.$$.tag" && mv -f "$kept.$$.tag" "$kept" && cat "$kept.$$.body"
exit 0
