#!/bin/bash
# policy.sh - a route without a policy does not compile: planted ones, one by one.
source "$(dirname "$0")/lib/check.bash"
command -v cc >/dev/null || skip "there is no C compiler here"
"$HEARTH_BIN" help serve >/dev/null 2>&1 || skip "this build has no server"
flags=$(pkg-config --cflags jansson gnutls libmicrohttpd 2>/dev/null)

compiles() { # compiles FILE
    # shellcheck disable=SC2086
    cc -std=gnu11 -D_GNU_SOURCE -I"$HEARTH_SRC/src" -I"$HEARTH_SRC/include" $flags \
        -fsyntax-only -Wno-int-conversion "$1" 2>"$tmp/cc.log"
}
plant() { # plant "what" FILE 'sed script': refused, and for the right reason
    sed "$3" "$HEARTH_SRC/src/serve/$2" >"$tmp/$2"
    ok "$1: something was planted" test "$(cmp -s "$tmp/$2" "$HEARTH_SRC/src/serve/$2"; echo $?)" = 1
    ok "$1: refused" test "$(compiles "$tmp/$2"; echo $?)" != 0
    ok "$1: says why" grep -qE "$4" "$tmp/cc.log"
}

for file in routes_plan.c ollama.c; do
    ok "$file as it is" compiles "$HEARTH_SRC/src/serve/$file"
done
count='has no row in HTH_POLICY_'
plant "a route more" routes_plan.c \
    's|^    { 0 },|    { HTH_ROUTE_PLAN, "GET", "/hearth/more", .run = plan },\n    { 0 },|' "$count"
plant "a route that names no policy" routes_plan.c \
    's|{ HTH_ROUTE_PLAN, |{ |' 'incompatible types'
plant "a route of designated members only" routes_plan.c \
    's|^    { 0 },|    { .method = "GET", .path = "/hearth/more", .run = plan },\n    { 0 },|' "$count"
plant "a policy that is not there" routes_plan.c \
    's|HTH_ROUTE_PLAN|HTH_ROUTE_MORE|' 'HTH_ROUTE_MORE.* undeclared'
plant "a route less" ollama.c '/HTH_ROUTE_OLLAMA_EMBED,/d' "$count"
plant "an API that names no policy" ollama.c \
    's|{ HTH_ROUTE_OLLAMA_EMBED, |{ |' 'incompatible types'
finish
