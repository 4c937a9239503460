#!/bin/sh
# lint_selftest.sh - plants one violation of every rule in a copy of a small house and wants it
# refused; the house as it stands must pass. A rule that cannot fail proves nothing.
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
bad=0
: "${CC:=cc}"

# A fresh small house: two floors, a public header, a library.
fresh() {
    rm -rf "$tmp/house"
    mkdir -p "$tmp/house/src/base" "$tmp/house/src/text" "$tmp/house/include/hearth" \
        "$tmp/house/build" "$tmp/house/tests"
    cp -r "$root/tools" "$tmp/house/tools"
    cp "$root/FLOORS" "$root/.clang-format" "$tmp/house/"
    cd "$tmp/house" || exit 1
    printf '/* pub.h - public. */\nint hth_pub(int a);\n' >include/hearth/pub.h
    printf '/* low.h - low. */\nint hth_low(int a);\n' >src/base/low.h
    printf '/* low.c - low. */\n#include "base/low.h"\n#include "hearth/pub.h"\n\nint hth_low(int a) {\n    return hth_pub(a);\n}\n' >src/base/low.c
    printf '/* top.c - top. */\n#include "base/low.h"\n\nint hth_top(void);\n\nint hth_top(void) {\n    return hth_low(1);\n}\n' >src/text/top.c
    echo "# base" >src/base/README.md
    echo "# text" >src/text/README.md
    library
}

library() {
    rm -f build/libhearth.a
    $CC -Isrc -Iinclude -c -o build/low.o src/base/low.c &&
        $CC -Isrc -Iinclude -c -o build/top.o src/text/top.c &&
        ar rc build/libhearth.a build/low.o build/top.o
}

lint() {
    BUILD=build LIB=build/libhearth.a tools/lint.sh "$1" >"$tmp/out" 2>&1
}

# refuses RULE WHAT PATTERN: the planted violation must be found, and for the right reason.
refuses() {
    if lint "$1" || ! grep -q "$3" "$tmp/out"; then
        echo "lint $1 lets through: $2"
        cat "$tmp/out"
        bad=1
    fi
    fresh
}

fresh
for rule in floors tidy readmes symbols headers format; do
    lint $rule || { echo "lint $rule refuses a clean house:"; cat "$tmp/out"; bad=1; }
done

printf '#include "text/top.h"\n' >>src/base/low.c
refuses floors "an upward include" "base (floor 1) reaches text/top.h"
printf '#include "op/op.h"\n' >>src/text/top.c
refuses floors "a sibling include" "text (floor 4) reaches op/op.h"
printf '  #  include <text/top.h>\n' >>src/base/low.c
refuses floors "an upward include in angle brackets" "reaches text/top.h"
printf '#include "low.h"\n' >>src/base/low.c
refuses floors "an include without its folder" "is in no floor"
printf '#include "base/low.h"\n' >>include/hearth/pub.h
refuses floors "a public header that looks inside" "reaches base/low.h"
mkdir src/cellar && cp src/base/low.c src/cellar/low.c
refuses floors "a folder in no floor" "cellar is in no floor"

body() { # body LINES: a function of exactly that many lines
    printf '\nint hth_long(int a);\n\nint hth_long(int a) {\n'
    i=3
    while [ $i -lt "$1" ]; do
        printf '    a++;\n'
        i=$((i + 1))
    done
    printf '    return a;\n}\n'
}
body 71 >>src/base/low.c
refuses tidy "a function of 71 lines" "a function of 71 lines"
body 70 >>src/base/low.c
lint tidy || { echo "lint tidy refuses a function of 70 lines:"; cat "$tmp/out"; bad=1; }
fresh
for call in malloc free strdup atoi gets sprintf strcpy strcat strtok; do
    printf '\nvoid *hth_bad(char *p);\n\nvoid *hth_bad(char *p) {\n    return (void *)%s(p);\n}\n' $call >>src/base/low.c
    refuses tidy "a call of $call" "$call is banned"
done
printf '/* free(p) in a comment, "malloc(1)" in words, o->free(p) as a member. */\n#define HTH_X(o, p) ((o)->free(p), "malloc(1)")\n' >>src/base/low.c
lint tidy || { echo "lint tidy refuses what is no call:"; cat "$tmp/out"; bad=1; }
fresh
printf '/* trailing */ \n' >>src/base/low.c
refuses tidy "a trailing blank" "trailing blank"
printf '\t/* tab */\n' >>src/base/low.c
refuses tidy "a tab" "a tab"
printf '/* %099d */\n' 0 >>src/base/low.c
refuses tidy "a line of 105 columns" "105 columns"
yes '/* line */' | head -n 800 >>src/base/low.c
refuses tidy "a file of 807 lines" "807 lines, at most 800"
printf '/* %s: later */\n' "TO""DO" >>src/base/low.c
refuses tidy "a note to self" "finish it"
sed -i 1d src/base/low.c
refuses tidy "a file without a banner" "does not begin with"
printf '/* no newline */' >>src/base/low.c
refuses tidy "an unfinished last line" "does not end"
rm src/text/README.md
refuses readmes "a folder without README.md" "src/text/README.md"
printf '\nint stray(void);\n\nint stray(void) {\n    return 1;\n}\n' >>src/base/low.c && library
refuses symbols "a symbol without the prefix" "stray does not start with hth_"
for f in src/base/low.c src/text/top.c; do # the linker takes whichever comes first, silently
    printf '\nint hth_twin(void);\n\nint hth_twin(void) {\n    return 1;\n}\n' >>$f
done
library && refuses symbols "one name defined in two files" "hth_twin is defined twice"
printf 'size_t hth_needs_stddef(void);\n' >>include/hearth/pub.h
refuses headers "a header that needs another" "size_t"
printf 'int hth_class(int class);\n' >>include/hearth/pub.h
command -v g++ >/dev/null 2>&1 && refuses headers "a header that is no C++" "class"
fresh
if command -v clang-format-14 >/dev/null 2>&1; then
    printf '\nint  hth_wide ( void );\n' >>src/base/low.c
    refuses format "badly formatted code" "clang-format"
fi
exit $bad
