#!/bin/sh
# setup.sh GROUP... - make sure the packages of tools/packages.txt are there; silent when they are.
#
# Installs with apt-get as root or through sudo. Without either it prints the command and stops.
# Works on a bare Debian 12: no locale, no package lists yet. Touches nothing outside apt.
set -eu
cd "$(dirname "$0")/.."
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

wanted=$(for group in "$@"; do awk -v g="$group" '$1 == g { print $2 }' tools/packages.txt; done)

if ! command -v dpkg-query >/dev/null 2>&1; then
    for tool in cc cmake ninja pkg-config; do
        command -v $tool >/dev/null 2>&1 && continue
        echo "setup: $tool is missing, and this is not Debian, so hearth cannot install it." >&2
        echo "Install your system's counterparts of:" $wanted >&2
        exit 1
    done
    exit 0
fi

have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null |
    awk '$1 == "installed" { print $2 }') || true
missing=
for p in $wanted; do
    # Some commands come from other packages too (pkgconf; node's own, with npm in it, which Debian's
    # npm conflicts with): the command is what counts.
    case $p in
    pkg-config | npm) command=$p ;;
    nodejs) command=node ;;
    *) command= ;;
    esac
    if [ -n "$command" ] && command -v "$command" >/dev/null 2>&1; then continue; fi
    printf '%s\n' "$have" | grep -qxF "$p" || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

install="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    as_root="sudo env DEBIAN_FRONTEND=noninteractive LC_ALL=C"
else
    echo "setup: these packages are missing, and installing them needs root. Run, then try again:" >&2
    echo "    sudo apt-get update && sudo $install" >&2
    exit 1
fi

echo "setup: installing$missing"
mkdir -p build
log=build/setup.log
# The lists may be absent or old: ask once without them, then with fresh ones.
if ! $as_root $install </dev/null >$log 2>&1; then
    if ! { $as_root apt-get update && $as_root $install; } </dev/null >$log 2>&1; then
        tail -n 15 $log >&2
        echo "setup: apt-get could not install the packages (above, and in $log)." >&2
        echo "If this machine is offline, connect it once and run the same command again." >&2
        exit 1
    fi
fi
