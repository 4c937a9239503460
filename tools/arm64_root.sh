#!/bin/sh
# arm64_root.sh FOLDER - the libraries a build for 64-bit Arm needs, unpacked from Debian's packages.
#
# Needs no root and changes nothing outside FOLDER: apt keeps separate lists there, and the packages
# are unpacked, not installed. Exit 77: they could not be had (not Debian, or offline).
set -eu
cd "$(dirname "$0")/.."
export LC_ALL=C
root=$1
wanted=$(awk '$1 == "arm64-root" { print $2 }' tools/packages.txt)
mkdir -p "$root"
root=$(cd "$root" && pwd)
stamp=$root/.packages
[ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || exit 0

command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1 || {
    echo "this is not Debian"
    exit 77
}
apt=$root/.apt
rm -rf "$root"
mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/debs"
: >"$apt/status"
set -- -q -o Dir::State="$apt" -o Dir::State::lists=lists -o Dir::State::status="$apt/status" \
    -o Dir::Cache="$apt" -o APT::Architecture=arm64 -o APT::Architectures::=arm64 \
    -o APT::Sandbox::User= -o Acquire::Languages=none -o Acquire::Retries=2
# A source that has nothing for this processor is no reason to stop: what counts is the download.
apt-get "$@" update >"$apt/log" 2>&1 || true
if ! (cd "$apt/debs" && apt-get "$@" download $wanted) >>"$apt/log" 2>&1; then
    echo "the packages could not be fetched (log: $apt/log)"
    exit 77
fi
for deb in "$apt"/debs/*.deb; do dpkg-deb -x "$deb" "$root"; done
rm -rf "$apt"
printf '%s\n' "$wanted" >"$stamp"
