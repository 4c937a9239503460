/* clock.c - time, injectable, and how it is written.
 *
 * Thread: any. */
#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static _Atomic uint64_t g_fake_ns = UINT64_MAX;
static _Atomic int64_t g_fake_unix_s;

uint64_t hth_clock_ns(void) {
    const uint64_t fake = atomic_load_explicit(&g_fake_ns, memory_order_relaxed);
    if (fake != UINT64_MAX) return fake;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int64_t hth_clock_unix_s(void) {
    if (atomic_load_explicit(&g_fake_ns, memory_order_relaxed) != UINT64_MAX)
        return atomic_load_explicit(&g_fake_unix_s, memory_order_relaxed);
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec;
}

bool hth_clock_text(char out[HTH_CLOCK_TEXT], int64_t unix_s) {
    const time_t t = (time_t)unix_s;
    char text[80]; /* as long as any numbers would be */
    struct tm tm;
    out[0] = '\0';
    if (!gmtime_r(&t, &tm) || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900) return false;
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    snprintf(out, HTH_CLOCK_TEXT, "%.19s", text);
    return true;
}

void hth_clock_fake(uint64_t fake_ns, int64_t fake_unix_s) {
    atomic_store(&g_fake_unix_s, fake_unix_s);
    atomic_store(&g_fake_ns, fake_ns);
}
