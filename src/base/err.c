/* err.c - filling HthErr, naming statuses, failing an assertion.
 *
 * Not a log: nothing here prints, except an assertion about to abort.
 *
 * Thread: any. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static const char *const status_names[] = {
    "OK",     "EINVAL",  "ENOMEM", "EIO",     "EFORMAT",
    "EAGAIN", "EDENIED", "ELIMIT", "ENOTSUP", "ECANCELED",
};

const char *hth_status_name(HthStatus status) {
    const long i = -(long)status;
    return i >= 0 && i < (long)HTH_COUNT(status_names) ? status_names[i] : "EUNKNOWN";
}

HthStatus hth_fail_at(HthErr *err, HthStatus status, const char *file, int line, const char *fmt,
                      ...) {
    if (!err) return status;
    /* Formatted aside first: a caller may wrap the sentence already in err->text. */
    char text[sizeof err->text];
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0) text[0] = '\0';
    if (n >= (int)sizeof text) /* cut, but not inside a character */
        text[hth_utf8_whole((HthStr){ text, sizeof text - 1 })] = '\0';
    err->status = status;
    err->line = line;
    err->file = file;
    memcpy(err->text, text, sizeof text);
    return status;
}

_Noreturn void hth_assert_failed(const char *file, int line, const char *cond) {
    fprintf(stderr, "hearth: %s:%d: this should never happen: %s is false\n", file, line, cond);
    abort();
}
