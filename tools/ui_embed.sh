#!/bin/sh
# ui_embed.sh DIR NAME - builds the web chat into DIR (tools/ui.sh) and writes NAME.S, which holds
# its compressed files, and NAME.c, their table (src/serve/ui.h). Without node the table is empty.
set -eu
cd "$(dirname "$0")/.."
dir=$1 name=$2 rc=0
why=$(tools/ui.sh "$dir") || rc=$?
[ $rc = 0 ] || [ $rc = 77 ] || exit $rc
[ $rc = 0 ] || { echo "$why; building without the web chat" && rm -rf "$dir" && mkdir -p "$dir"; }

exec 3>"$name.S.new" 4>"$name.c.new"
printf '    .section .note.GNU-stack,"",%%progbits\n    .section .rodata\n' >&3
printf '#include "serve/ui.h"\n\n' >&4
files=$(cd "$dir" && find . -name '*.gz' | LC_ALL=C sort | sed 's|^\./||;s|\.gz$||')
n=0
rows=
for file in $files; do
    printf '    .globl hth_ui_%d\nhth_ui_%d:\n    .incbin "%s/%s.gz"\n' $n $n "$dir" "$file" >&3
    printf 'extern const unsigned char hth_ui_%d[];\n' $n >&4
    size=$(wc -c <"$dir/$file.gz")
    etag=$(sha256sum "$dir/$file.gz" | cut -c 1-32)
    case $file in
        *.html) type='text/html; charset=utf-8' ;;
        *.js) type='text/javascript; charset=utf-8' ;;
        *.css) type='text/css; charset=utf-8' ;;
        *.svg) type='image/svg+xml' ;;
        *.txt) type='text/plain; charset=utf-8' ;;
        *) type='application/octet-stream' ;;
    esac
    hashed=true
    [ "$file" != index.html ] || hashed=false
    rows="$rows    { \"$file\", \"$type\", \"\\\\\"$etag\\\\\"\", hth_ui_$n, $size, $hashed },
"
    n=$((n + 1))
done
printf '\nconst HthAsset hth_ui_assets[] = {\n%b    { 0 },\n};\n' "$rows" >&4
mv "$name.S.new" "$name.S"
mv "$name.c.new" "$name.c"
