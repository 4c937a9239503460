/* log.c - levelled lines on stderr.
 *
 * Not for answers (they go to standard output) and not for what users write: see log.h.
 *
 * Thread: any. */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static _Atomic int g_level = HTH_LOG_WARN;

static const char *const names[] = { "error", "warning", "info", "debug" };

void hth_log_level(HthLogLevel level) {
    atomic_store(&g_level, (int)level);
}

void hth_log(HthLogLevel level, const char *fmt, ...) {
    if ((int)level > atomic_load_explicit(&g_level, memory_order_relaxed)) return;
    char line[1024];
    int n = snprintf(line, sizeof line, "hearth: %s: ", names[level]);
    va_list ap;
    va_start(ap, fmt);
    const int more = vsnprintf(line + n, sizeof line - (size_t)n, fmt, ap);
    va_end(ap);
    if (more > 0) n += more;
    if (n > (int)sizeof line - 2) n = (int)sizeof line - 2;
    line[n] = '\n';
    const ssize_t put = write(STDERR_FILENO, line, (size_t)n + 1);
    (void)put; /* nobody left to tell */
}
