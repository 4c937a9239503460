/* clock.c - time, injectable.
 *
 * No calendar: unix seconds are turned into dates where they are shown.
 *
 * Thread: any. */
#include "base/clock.h"

#include <stdatomic.h>
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

void hth_clock_fake(uint64_t fake_ns, int64_t fake_unix_s) {
    atomic_store(&g_fake_unix_s, fake_unix_s);
    atomic_store(&g_fake_ns, fake_ns);
}
