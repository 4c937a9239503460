#!/bin/sh
# install.sh install|uninstall - into $DESTDIR$prefix; uninstall reads back the list install wrote.
set -eu
cd "$(dirname "$0")/.."
: "${BUILD:=build}" "${JOBS:=2}" "${DESTDIR:=}" "${prefix:=/usr/local}"
list=$BUILD/install_manifest.txt
case ${1:-} in
install)
    tools/build.sh
    ninja -C "$BUILD" -j "$JOBS" man
    DESTDIR=$DESTDIR cmake --install "$BUILD" --prefix "$prefix"
    ;;
uninstall)
    [ -f "$list" ] || { echo "uninstall: $list is missing: nothing was installed from here" >&2; exit 1; }
    while IFS= read -r file || [ -n "$file" ]; do
        rm -fv -- "$DESTDIR$file"
    done <"$list"
    rmdir "$DESTDIR$prefix/include/hearth" 2>/dev/null || true
    ;;
*)
    echo "usage: install.sh install|uninstall" >&2
    exit 64
    ;;
esac
