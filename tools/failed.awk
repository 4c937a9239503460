# failed.awk FILE - of a log of ctest --output-on-failure: each test that failed, and what it said
# last (40 lines). -v name=NAME: which run it was.

/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: / {
    tell()
    if (/ Passed |\*\*\*Skipped|\*\*\*Not Run \(Disabled\)/) next
    title = $0
    n = 0
    next
}
/^ +Start +[0-9]+: / || /^[0-9]+% tests passed/ { tell() }
title != "" { said[n++] = $0 }
END { tell() }

function tell(    i) {
    if (title == "") return
    sub(/^ *[0-9]+\/[0-9]+ /, "", title)
    print "---- " name ": " title
    for (i = n > 40 ? n - 40 : 0; i < n; i++)
        if (said[i] != "") print said[i]
    title = ""
}
