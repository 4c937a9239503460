/* secret.c - see secret.h.
 *
 * libsodium's guarded heap gives each piece pages of its own between two that nobody can touch, and
 * advises the kernel to leave them out of dumps; but it goes on when they cannot be locked, so that
 * is asked for again here.  In front of every piece lies a block of the ordinary heap, which makes
 * base/mem.h count it and lets a test fail it.
 *
 * Thread: any. */
#include "crypt/secret.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/mem.h"
#include "crypt/sodium.h"

enum { HEAD = 16, PIECE_MAX = 1 << 30 }; /* the head keeps pieces aligned to 16 */

static void make_ready(void) {
    HTH_ASSERT(sodium_init() >= 0); /* fails only where the kernel has no random bytes to give */
}

void hth_sodium_ready(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_ready);
}

/* What the kernel says is in the way. */
static HthStatus not_locked(size_t n, HthErr *err) {
    struct rlimit limit = { 0 };
    (void)getrlimit(RLIMIT_MEMLOCK, &limit);
    return HTH_FAIL(
        err, HTH_ELIMIT,
        "the system locks no more memory for this process (RLIMIT_MEMLOCK is %llu KiB, "
        "%zu bytes more are needed); raise `ulimit -l`, or LimitMEMLOCK= of the service",
        (unsigned long long)limit.rlim_cur / 1024, n);
}

HthStatus hth_secret_alloc(void **out, size_t n, HthErr *err) {
    HTH_ASSERT(n > 0 && n <= PIECE_MAX);
    hth_sodium_ready();
    const size_t whole = (n + HEAD + 15) / 16 * 16;
    void *counted = hth_calloc(1, 1);
    uint8_t *p = counted ? sodium_malloc(whole) : NULL;
    if (!p) {
        hth_free(counted);
        return HTH_FAIL(err, HTH_ENOMEM, "out of memory for a secret of %zu bytes", n);
    }
    if (mlock(p, whole) != 0) {
        sodium_free(p);
        hth_free(counted);
        return not_locked(whole, err);
    }
    memset(p, 0, whole);
    memcpy(p, &counted, sizeof counted);
    *out = p + HEAD;
    return HTH_OK;
}

void hth_secret_free(void *p) {
    if (!p) return;
    uint8_t *front = (uint8_t *)p - HEAD;
    void *counted;
    memcpy(&counted, front, sizeof counted);
    hth_free(counted);
    sodium_free(front); /* looks at the canary, wipes, unlocks, unmaps */
}

void hth_secret_wipe(void *p, size_t n) {
    if (n) sodium_memzero(p, n);
}

HthStatus hth_secret_process(HthErr *err) {
    const struct rlimit none = { 0, 0 };
    HTH_REQUIRE(!setrlimit(RLIMIT_CORE, &none), err, HTH_EIO, "cannot forbid core dumps: %s",
                strerror(errno));
#ifndef __SANITIZE_ADDRESS__ /* its search for leaks is a debugger of the same user */
    HTH_REQUIRE(!prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), err, HTH_EIO,
                "cannot keep debuggers of the same user away: %s", strerror(errno));
#endif
    return HTH_OK;
}
