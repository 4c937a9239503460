# floors.awk FLOORS FILE... - run from the root: proves that includes only go down.
#
# FLOORS has lines "level folder...".  A file of src/<folder>/ may include its own folder and
# folders of strictly lower levels; a public header includes public headers only.  A quoted include
# is written from src/ or include/: "base/err.h", "hearth/status.h".

FNR == NR {
    if ($1 !~ /^[0-9]+$/) next
    for (i = 2; i <= NF; i++) level[$i] = $1 + 0
    next
}

FNR == 1 {
    split(FILENAME, part, "/")
    me = part[2]
    if (!(me in level)) bad(me " is in no floor: add it to FLOORS")
}

/^[ \t]*#[ \t]*include[ \t]*["<]/ {
    match($0, /["<][^">]*[">]/)
    inc = substr($0, RSTART + 1, RLENGTH - 2)
    quoted = substr($0, RSTART, 1) == "\""
    slash = index(inc, "/")
    to = slash ? substr(inc, 1, slash - 1) : ""
    if (to in level) {
        if (to == "hearth" || to == me) next
        if (level[to] >= level[me])
            bad(me " (floor " level[me] ") reaches " inc " (floor " level[to] ")")
        if (me == "hearth") bad("a public header includes " inc)
    } else if (quoted) {
        bad("\"" inc "\" is in no floor: write it from src/ or include/")
    }
}

function bad(why) {
    printf "%s:%d: %s\n", FILENAME, FNR, why
    found++
}

END { exit found > 0 }
