#!/bin/sh
# picture.sh - records a real session of the built program and draws docs/img/session.svg.
# Run it again when the embedded model or what the program prints has changed.  Needs python3.
set -eu
cd "$(dirname "$0")/.."
: "${BUILD:=build}" "${CC:=cc}"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
$CC -O1 -D_GNU_SOURCE -o "$tmp/pty" tests/cli/lib/pty.c -lutil
mkdir -p docs/img
PATH=$(cd "$BUILD" && pwd):$PATH HEARTH_NOHISTORY=1 PS1='$ ' TERM=xterm "$tmp/pty" -w 90 \
    bash --norc --noprofile <<S
send bind 'set enable-bracketed-paste off'; clear\n
expect \e[
expect $ 
log $tmp/log
send hearth run --seed 4\n
expect >>> 
send Hello! Who are you?\n
expect >>> 
send Why is the sky blue?\n
expect >>> 
send Thank you. Goodbye!\n
expect >>> 
send /set verbose\n
expect >>> 
send What can you do?\n
expect eval rate
expect eval rate
expect >>> 
send /bye\n
expect $ 
send exit\n
exit 0
S
sed -i 's/exit\r*$//' "$tmp/log"
python3 tools/term2svg.py 90 <"$tmp/log" >docs/img/session.svg
echo "docs/img/session.svg: $(grep -c '<text' docs/img/session.svg) lines"
