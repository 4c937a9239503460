#!/bin/sh
# gendocs.sh - writes what the verb table says into the completion and the manual.
# Run it after changing a verb or an option; tests/cli/verbs.sh fails until then.
set -eu
cd "$(dirname "$0")/.."
: "${BUILD:=build}"
"$BUILD/hearth" help --completion > completions/hearth.bash
page=docs/man/hearth.1.scd
{
    sed '/^; begin generated/q' "$page"
    "$BUILD/hearth" help --man
    sed -n '/^; end generated/,$p' "$page"
} > "$page.new"
mv "$page.new" "$page"
