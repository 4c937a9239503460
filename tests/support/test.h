/* test.h - what many tests need: data or a skip, whole files, floats, the torture loop.
 *
 * Include after cmocka's usual four headers. Header only: a test stays one file.
 *
 * Thread: the test's. */
#ifndef HTH_TESTS_SUPPORT_TEST_H
#define HTH_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"

#define TEST_SKIPPED 77 /* ctest's SKIP_RETURN_CODE */

/* A whole status check with the sentence shown when it fails. */
#define assert_status(expr, want, err)                                                             \
    do {                                                                                           \
        const HthStatus got_ = (expr);                                                             \
        if (got_ != (want))                                                                        \
            fail_msg("%s: %s, wanted %s: %s", #expr, hth_status_name(got_), hth_status_name(want), \
                     got_ == HTH_OK ? "no error" : (err).text);                                    \
    } while (0)
#define assert_ok(expr, err) assert_status(expr, HTH_OK, err)

/* Writes $HEARTH_DATA/rel to path; false if that is not there. */
static inline bool test_data_path(char *path, size_t n, const char *rel) {
    const char *root = getenv("HEARTH_DATA");
    if (!root || !*root) return false;
    const int len = snprintf(path, n, "%s/%s", root, rel);
    return len > 0 && (size_t)len < n && access(path, R_OK) == 0;
}

/* The same, or the whole program ends as skipped. For the main() of tests that are all parity. */
static inline void test_data_or_exit(char *path, size_t n, const char *rel) {
    if (test_data_path(path, n, rel)) return;
    printf("skipped: $HEARTH_DATA/%s is not here\n", rel);
    exit(TEST_SKIPPED);
}

/* The same, or this one cmocka test ends as skipped. */
#define TEST_DATA_OR_SKIP(path, rel)                                                               \
    do {                                                                                           \
        if (!test_data_path((path), sizeof(path), (rel))) {                                        \
            print_message("skipped: $HEARTH_DATA/%s is not here\n", (rel));                        \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

/* A file of the source tree: $HEARTH_SRC/rel, or rel from the current folder. */
static inline void test_src_path(char *path, size_t n, const char *rel) {
    const char *root = getenv("HEARTH_SRC");
    const int len = snprintf(path, n, "%s/%s", root && *root ? root : ".", rel);
    HTH_ASSERT(len > 0 && (size_t)len < n);
}

/* Reads a whole file; the test fails if that cannot be done. Drop with hth_buf_drop. */
static inline void test_load(HthBuf *buf, const char *path) {
    HthErr err = { 0 };
    hth_buf_init(buf, (size_t)1 << 32);
    if (hth_file_read(buf, path, &err) != HTH_OK) fail_msg("%s", err.text);
}

/* Bit for bit, saying where they part. */
static inline void assert_floats_same(const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (hth_f32_bits(a[i]) != hth_f32_bits(b[i]))
            fail_msg("element %zu of %zu: %.9g (%08x) against %.9g (%08x)", i, n, (double)a[i],
                     hth_f32_bits(a[i]), (double)b[i], hth_f32_bits(b[i]));
}

/* Largest absolute difference; infinite when a NaN is in one and not the other. */
static inline float test_max_diff(const float *a, const float *b, size_t n) {
    float worst = 0;
    for (size_t i = 0; i < n; i++) {
        const float d = a[i] > b[i] ? a[i] - b[i] : b[i] - a[i];
        if (a[i] != a[i] || b[i] != b[i]) {
            if ((a[i] != a[i]) != (b[i] != b[i])) return __builtin_inff();
        } else if (d > worst) {
            worst = d;
        }
    }
    return worst;
}

static inline uint64_t test_torture_(HthStatus (*body)(void *ctx), void *ctx, uint64_t most,
                                     void (*inject)(uint64_t nth)) {
    for (uint64_t nth = 1; nth <= most; nth++) {
        const uint64_t live = hth_mem_live(), calls = hth_mem_calls();
        inject(nth);
        const HthStatus status = body(ctx);
        hth_mem_fail_after(0);
        const uint64_t used = hth_mem_calls() - calls;
        if (hth_mem_live() != live)
            fail_msg("failing allocation %llu leaks %lld", (unsigned long long)nth,
                     (long long)(hth_mem_live() - live));
        if (used < nth) { /* the injected failure was never reached */
            if (status != HTH_OK)
                fail_msg("fails without an injected failure: %s", hth_status_name(status));
            return nth - 1;
        }
        if (status != HTH_ENOMEM)
            fail_msg("failing allocation %llu gives %s, wanted ENOMEM", (unsigned long long)nth,
                     hth_status_name(status));
    }
    fail_msg("still failing after %llu injected failures", (unsigned long long)most);
    return 0;
}

/* Fails the 1st allocation and all after it, then the 2nd, ... until body succeeds. body returns
 * what its first failing call returned and must leave nothing behind. Checks: ENOMEM each time,
 * nothing leaked, and that success comes within `most` allocations. Returns how many failures were
 * injected. */
static inline uint64_t test_torture(HthStatus (*body)(void *ctx), void *ctx, uint64_t most) {
    return test_torture_(body, ctx, most, hth_mem_fail_after);
}

/* The same with one failure at a time: what is lost must be told though there is memory again. */
static inline uint64_t test_torture_once(HthStatus (*body)(void *ctx), void *ctx, uint64_t most) {
    return test_torture_(body, ctx, most, hth_mem_fail_once);
}

#endif
