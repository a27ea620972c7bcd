#!/bin/sh
# docs/images/report.sh RUN…
#
# Makes docs/images/report.png from the runs that `npm start` wrote, plain first: the summary and the memory of one step.
# Needs Chromium, or the browser that $BROWSER names; npx fetches the program that cuts the margins off.
set -eu
images=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
node "$images/../../dist/src/cli/main.js" report "$@" --out "$work/report.html"
# The picture leaves out what needs more room than a README has, and the seconds, which depend on the machine.
cat >> "$work/report.html" <<'STYLE'
<style>
  nav, #training, #layers, #samples, #gradients, #repeat, #figure-saved { display: none }
  #summary small, #summary tbody tr:is(:nth-child(1), :nth-child(7), :nth-child(8)) { display: none }
  :root { color-scheme: light }
</style>
STYLE
"${BROWSER:-chromium}" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/profile" \
  --virtual-time-budget=20000 --window-size=1000,1500 --screenshot="$work/report.png" "file://$work/report.html" \
  > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
npx --yes sharp-cli@5 --input "$work/report.png" --output "$images/report.png" --format png --palette --colors 64 \
  trim -- extend 12 12 12 12 --background white
