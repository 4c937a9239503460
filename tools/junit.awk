# junit.awk FILE - counts a ctest --output-junit file: passed, failed, skipped, and how many cmocka
# cases inside the tests skipped themselves.

/<testcase / {
    finish()
    status = $0
    sub(/.*status="/, "", status)
    sub(/".*/, "", status)
    open = 1
    reason = ""
    listing = 0
}
/<skipped / { reason = $0 }
/\[  SKIPPED \] [0-9]+ test\(s\)/ { listing = 1 }
/\[  SKIPPED \] [A-Za-z_]/ && !listing { inner++ }
/<\/testsuite>/ { finish() }

function finish() {
    if (!open) return
    open = 0
    if (status == "run") passed++
    else if (status == "notrun" && reason ~ /SKIP_RETURN_CODE/) skipped++
    else if (status == "disabled") skipped++
    else failed++
}

END {
    finish()
    print passed + 0, failed + 0, skipped + 0, inner + 0
}
