#!/bin/sh
# sources.sh - every C file of ours, one per line: what lint reads and format rewrites.
# Generated tables (*_tab.c, *_tab.h) are left out.
cd "$(dirname "$0")/.."
for folder in include src oracle tests tools; do
    [ -d $folder ] && find $folder -name '*.[ch]' ! -name '*_tab.[ch]'
done | LC_ALL=C sort
