#!/bin/sh
# Points Claude Code on this machine at Bursar. It shows what it would write, asks, keeps a copy of what was there, and
# then writes three files below ~/.claude: settings.json, bursar/statusline.sh and bursar/hook.sh.
#
#   sh setup.sh            asks before it writes
#   sh setup.sh --yes      doesn't ask: for automation, with the key in ANTHROPIC_AUTH_TOKEN
#   sh setup.sh --print    shows it and writes nothing
#   sh setup.sh --no-key   leaves the key out of settings.json: you export ANTHROPIC_AUTH_TOKEN yourself
#
# The key goes into settings.json, which only you can read then: with an apiKeyHelper Claude Code leaves its gateway
# mode, and with it its budget warning. Needs curl, and jq or Node where there are settings to merge with.
set -eu
umask 077
url='@BURSAR_URL@'

ask=yes print=no with_key=yes
for option in "$@"; do
  case $option in
    --yes) ask=no ;;
    --print) print=yes ;;
    --no-key) with_key=no ;;
    *)
      echo "setup.sh: expected --yes, --print or --no-key, got $option" >&2
      exit 2
      ;;
  esac
done

fail() {
  echo "setup.sh: $1" >&2
  exit 1
}

command -v curl >/dev/null 2>&1 || fail 'curl is not installed'
config=${CLAUDE_CONFIG_DIR:-$HOME/.claude}
settings=$config/settings.json
if [ -L "$settings" ] && [ "$with_key" = yes ] && [ "$print" = no ]; then
  fail "$settings is a link, perhaps into a repository, where a key has no place: use --no-key"
fi

BURSAR_KEY=${ANTHROPIC_AUTH_TOKEN:-}
if [ -z "$BURSAR_KEY" ]; then
  [ "$ask" = yes ] && (: </dev/tty) 2>/dev/null || fail 'expected your Bursar key in ANTHROPIC_AUTH_TOKEN'
  printf 'Your Bursar key (bk_…, it is not shown): ' >/dev/tty
  trap 'stty echo </dev/tty' EXIT INT TERM
  stty -echo </dev/tty
  IFS= read -r BURSAR_KEY </dev/tty || BURSAR_KEY=
  stty echo </dev/tty
  trap - EXIT INT TERM
  echo >/dev/tty
fi
case $BURSAR_KEY in
  *[!A-Za-z0-9._-]*) fail 'a Bursar key has letters, digits and . _ - only' ;;
  bk_*) ;;
  *) fail 'a Bursar key begins with bk_' ;;
esac
export BURSAR_KEY

work=$(mktemp -d "${TMPDIR:-/tmp}/bursar-setup.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# fetch PATH FILE: the key goes by stdin, since everybody on the machine can read a command line.
fetch() {
  status=$(printf 'header = "authorization: Bearer %s"\nurl = "%s%s"\n' "$BURSAR_KEY" "$url" "$1" |
    curl -K - -sS -m 20 -o "$2" -w '%{http_code}') || fail "$url cannot be reached"
  [ "$status" = 200 ] || fail "$url$1 answered $status: $(head -c 500 "$2" 2>/dev/null)"
}
fetch /setup/settings.json "$work/ours.json"
fetch /setup/statusline.sh "$work/statusline.sh"
fetch /setup/hook.sh "$work/hook.sh"

# What is there stays, but for what Claude Code needs to reach Bursar. Your own status line stays; a hook is added once.
merge_with_jq() {
  jq -n --slurpfile theirs "$1" --slurpfile ours "$2" --arg with_key "$with_key" '
    ($theirs[0] // {}) as $theirs | $ours[0] as $ours
    | def isOurs: any(.hooks[]?; (.command? // "") | contains("/bursar/hook.sh"));
    $theirs
    | del(.apiKeyHelper)
    | .env = ((.env // {}) + $ours.env)
    | if $with_key == "yes" then .env.ANTHROPIC_AUTH_TOKEN = env.BURSAR_KEY else . end
    | .statusLine = if (.statusLine.command? // "/bursar/statusline.sh") | contains("/bursar/statusline.sh")
        then $ours.statusLine else .statusLine end
    | .hooks = reduce ($ours.hooks | to_entries[]) as $each (.hooks // {};
        .[$each.key] = ((.[$each.key] // []) | map(select(isOurs | not))) + $each.value)'
}
merge_with_node() {
  WITH_KEY=$with_key node -e '
    const { readFileSync } = require("node:fs");
    const [theirs, ours] = process.argv.slice(1).map((path) => JSON.parse(readFileSync(path, "utf8") || "{}"));
    const isOurs = (group) => (group.hooks ?? []).some(({ command }) => command?.includes("/bursar/hook.sh"));
    const { apiKeyHelper, ...merged } = theirs;
    merged.env = { ...theirs.env, ...ours.env };
    if (process.env.WITH_KEY === "yes") merged.env.ANTHROPIC_AUTH_TOKEN = process.env.BURSAR_KEY;
    const line = theirs.statusLine?.command ?? "/bursar/statusline.sh";
    merged.statusLine = line.includes("/bursar/statusline.sh") ? ours.statusLine : theirs.statusLine;
    merged.hooks = { ...theirs.hooks };
    for (const [event, groups] of Object.entries(ours.hooks)) {
      merged.hooks[event] = [...(merged.hooks[event] ?? []).filter((group) => !isOurs(group)), ...groups];
    }
    process.stdout.write(`${JSON.stringify(merged, null, 2)}\n`);' "$1" "$2"
}
# Without either there must be nothing to merge with: the key is put where the environment begins.
fill_in() {
  [ "$with_key" = no ] && cat "$2" && return
  awk '{ print } /"env": \{/ { printf "    \"ANTHROPIC_AUTH_TOKEN\": \"%s\",\n", ENVIRON["BURSAR_KEY"] }' "$2"
}

if [ -s "$settings" ]; then cp "$settings" "$work/theirs.json"; else echo '{}' >"$work/theirs.json"; fi
if command -v jq >/dev/null 2>&1; then
  merge=merge_with_jq
elif command -v node >/dev/null 2>&1; then
  merge=merge_with_node
elif [ -s "$settings" ]; then
  cat "$work/ours.json"
  fail "neither jq nor node is here to merge this into $settings: do it by hand, or install one of them"
else
  merge=fill_in
fi
"$merge" "$work/theirs.json" "$work/ours.json" >"$work/merged.json" ||
  fail "$settings is not the JSON it should be; nothing was written"

masked() {
  sed 's/bk_[A-Za-z0-9._-]*/bk_…/g' "$1"
}
masked "$work/theirs.json" >"$work/theirs.shown"
masked "$work/merged.json" >"$work/merged.shown"
echo "$settings:"
diff -U 100 "$work/theirs.shown" "$work/merged.shown" | sed 1,3d
echo "$config/bursar/statusline.sh, $config/bursar/hook.sh: as $url/setup/statusline.sh and $url/setup/hook.sh"
if ! grep -q '/bursar/statusline.sh' "$work/merged.json"; then
  echo 'You have a status line of your own, and it stays. Bursar’s is in statusline.sh.'
fi
[ "$print" = no ] || exit 0

if [ "$ask" = yes ]; then
  (: </dev/tty) 2>/dev/null || fail 'there is no terminal to ask at: use --yes'
  printf 'Write this? [y/N] ' >/dev/tty
  read -r answer </dev/tty || answer=
  case $answer in y | Y | yes) ;; *) fail 'nothing was written' ;; esac
fi

mkdir -p "$config/bursar"
chmod 700 "$config/bursar"
if [ -s "$settings" ] && ! cmp -s "$settings" "$work/merged.json"; then
  kept=$settings.before-bursar-$(date +%Y%m%d%H%M%S)
  cp -p "$settings" "$kept"
  echo "What was there is kept in $kept"
fi
for script in statusline.sh hook.sh; do
  cp "$work/$script" "$config/bursar/$script.new"
  mv -f "$config/bursar/$script.new" "$config/bursar/$script"
done
# In one step, and readable by nobody else from the first moment. A link is written through.
if [ -L "$settings" ]; then
  cat "$work/merged.json" >"$settings"
else
  cp "$work/merged.json" "$settings.new"
  mv -f "$settings.new" "$settings"
fi
[ "$with_key" = yes ] || echo 'Export ANTHROPIC_AUTH_TOKEN with your key before you start Claude Code.'
echo "Done. Start claude; /status shows $url, /usage your budget."
