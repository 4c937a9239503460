#!/bin/sh
# lint.sh [RULE...] - what a script can prove about the house. Prints each rule's verdict.
#
# Rules: floors tidy readmes symbols headers format selftest. Exit status: how many failed.
# Each rule is a function that prints its complaints and fails; 77 means it could not be asked.
cd "$(dirname "$0")/.." || exit 1
: "${BUILD:=build}" "${LIB:=$BUILD/libhearth.a}" "${CC:=cc}"
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

rule_floors() { # no include goes up or sideways
    find src include -name '*.[chS]' | LC_ALL=C sort | xargs awk -f tools/floors.awk FLOORS
}

rule_tidy() { # lines, files, functions, banned calls, banners
    $CC -std=c11 -O1 -Wall -Wextra -Werror -o "$tmp/tidy" tools/tidy.c &&
        tools/sources.sh | xargs "$tmp/tidy"
}

rule_readmes() { # every folder of src says what it is for
    bad=0
    for folder in src/*/; do
        find "$folder" -name '*.c' | grep -q . || continue
        [ -f "${folder}README.md" ] && [ "$(wc -l <"${folder}README.md")" -le 40 ] && continue
        echo "${folder}README.md: must be there and have at most 40 lines"
        bad=1
    done
    return $bad
}

rule_symbols() { # every global symbol of the library is ours by name, and defined once
    [ -f "$LIB" ] || { echo "$LIB is not built"; return 77; }
    nm -g --defined-only "$LIB" | awk -v lib="$LIB" '
        NF == 3 && $3 !~ /^hth_/ { print lib ": " $3 " does not start with hth_"; n++ }
        NF == 3 && $2 ~ /[TDBRV]/ && count[$3]++ == 1 { print lib ": " $3 " is defined twice"; n++ }
        NF == 3 { seen++ }
        END { if (!seen) print lib ": no symbols at all"; exit n > 0 || !seen }'
}

rule_headers() { # each public header compiles alone, as C11 and as C++
    bad=0
    for header in include/hearth/*.h; do
        line="#include \"hearth/$(basename "$header")\""
        printf '%s\n' "$line" | $CC -std=c11 -pedantic -Wall -Wextra -Werror -Iinclude \
            -fsyntax-only -x c - || bad=1
        command -v g++ >/dev/null 2>&1 || continue
        printf '%s\n' "$line" | g++ -std=c++11 -pedantic -Wall -Wextra -Werror -Iinclude \
            -fsyntax-only -x c++ - || bad=1
    done
    return $bad
}

rule_format() { # as clang-format 14 would write it
    command -v clang-format-14 >/dev/null 2>&1 || { echo "clang-format-14 is missing"; return 77; }
    tools/sources.sh | xargs clang-format-14 --dry-run -Werror --ferror-limit=3
}

rule_selftest() { # each rule above refuses a planted violation
    tools/lint_selftest.sh
}

failed=0
for rule in ${*:-floors tidy readmes symbols headers format selftest}; do
    rule_$rule >"$tmp/out" 2>&1
    case $? in
    0) echo "lint $rule: passed" ;;
    77) echo "lint $rule: skipped: $(cat "$tmp/out")" ;;
    *)
        head -n 60 "$tmp/out"
        echo "lint $rule: failed"
        failed=$((failed + 1))
        ;;
    esac
done
exit $failed
