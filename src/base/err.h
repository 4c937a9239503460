/* err.h - raising, forwarding and asserting.
 *
 * HTH_REQUIRE for anything from outside (files, requests, models); HTH_ASSERT, always on, for our
 * own mistakes; HTH_DCHECK in inner loops (debug builds).  Bad input never asserts.
 *
 * Thread: any. */
#ifndef HTH_BASE_ERR_H
#define HTH_BASE_ERR_H

#include <stddef.h>
#include <stdint.h>

#include "hearth/status.h"

#define HTH_MUST_CHECK   __attribute__((warn_unused_result))
#define HTH_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define HTH_COUNT(a)     (sizeof(a) / sizeof((a)[0]))

/* Fills *err (may be NULL) and returns status, so that `return HTH_FAIL(...)` reads well. */
HthStatus hth_fail_at(HthErr *err, HthStatus status, const char *file, int line, const char *fmt,
                      ...) HTH_PRINTF(5, 6);
/* Prints the place and the condition to stderr, then aborts. */
_Noreturn void hth_assert_failed(const char *file, int line, const char *cond);

#define HTH_FAIL(err, status, ...) hth_fail_at((err), (status), __FILE__, __LINE__, __VA_ARGS__)
#define HTH_REQUIRE(cond, err, status, ...)                                                        \
    do {                                                                                           \
        if (!(cond)) return HTH_FAIL(err, status, __VA_ARGS__);                                    \
    } while (0)
#define HTH_TRY(expr)                                                                              \
    do {                                                                                           \
        HthStatus try_status_ = (expr);                                                            \
        if (try_status_ != HTH_OK) return try_status_;                                             \
    } while (0)
#define HTH_ASSERT(cond) ((cond) ? (void)0 : hth_assert_failed(__FILE__, __LINE__, #cond))
#ifdef NDEBUG
#define HTH_DCHECK(cond) ((void)0)
#else
#define HTH_DCHECK(cond) HTH_ASSERT(cond)
#endif

#endif
