/* audit_long_test.c - a long log: HEARTH_AUDIT_ENTRIES (20,000) entries in, opened again, verified.
 *
 * Prints how long each took; what is asserted is that all of it holds.  With HEARTH_AUDIT_FOLDER
 * the log is made there and left. */
#include "support/test.h"

#include "audit/log.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/thread.h"
#include "support/audit_log.h"
#include "support/folder.h"

enum { ALONE = 200, WRITERS = 16 };

static uint64_t acknowledged; /* the scribe counts; read after close */

static void done(void *payload, HthStatus status, uint64_t index) {
    (void)payload;
    (void)index;
    acknowledged += status == HTH_OK;
}

static int by_value(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double since(uint64_t from_ns) {
    return (double)(hth_clock_ns() - from_ns) / 1e9;
}

static void one_by_one(HthAudit *a) {
    static uint64_t ns[ALONE];
    char text[256];
    HthErr err;
    for (unsigned i = 0; i < ALONE; i++) {
        const HthStr entry = audit_entry(text, i);
        const uint64_t from = hth_clock_ns();
        assert_ok(hth_audit_append_wait(a, entry, HTH_STR(""), NULL, &err), err);
        ns[i] = hth_clock_ns() - from;
    }
    qsort(ns, ALONE, sizeof ns[0], by_value);
    print_message("one by one, durable: p50 %.3f ms, p99 %.3f ms\n", (double)ns[ALONE / 2] / 1e6,
                  (double)ns[ALONE - 2] / 1e6);
}

typedef struct Writer {
    HthAudit *a;
    unsigned count;
} Writer;

static void writer(void *payload) {
    const Writer *w = payload;
    static const char entry[] =
        "{\"finish\":\"stop\",\"request\":\"r-00000000\",\"type\":\"none\"}";
    HthErr err;
    for (unsigned i = 0; i < w->count; i++)
        HTH_ASSERT(hth_audit_append_wait(w->a, hth_str(entry), HTH_STR(""), NULL, &err) == HTH_OK);
}

/* Each waits for its own entry, all at once. */
static void together(HthAudit *a, unsigned each) {
    HthThread *threads[WRITERS] = { 0 };
    Writer w = { a, each };
    HthErr err;
    const uint64_t from = hth_clock_ns();
    for (unsigned t = 0; t < WRITERS; t++)
        assert_ok(hth_thread_open(&threads[t], writer, &w, &err), err);
    for (unsigned t = 0; t < WRITERS; t++) hth_thread_join(&threads[t]);
    print_message("%d threads that wait: %.0f entries a second\n", WRITERS,
                  WRITERS * each / since(from));
}

static void in_groups(HthAudit *a, uint64_t count) {
    char text[256];
    HthErr err;
    HthStr entry = audit_entry(text, 1);
    for (uint64_t i = 0; i < count;) {
        const HthStatus status = hth_audit_append(a, entry, HTH_STR(""), done, NULL, &err);
        if (status == HTH_EAGAIN)
            usleep(1000);
        else
            assert_ok(status, err);
        i += status == HTH_OK;
    }
}

static void long_log(void **state) {
    (void)state;
    uint64_t count = 20000;
    char dir[256];
    HthErr err;
    HthAudit *a = NULL;
    HthAuditReport r = { 0 };
    const char *keep = getenv("HEARTH_AUDIT_FOLDER");
    (void)hth_str_u64(hth_str(getenv("HEARTH_AUDIT_ENTRIES")), &count);
    snprintf(dir, sizeof dir, "%s", keep ? keep : test_path("log"));
    assert_ok(hth_audit_open(&a, dir, NULL, &err), err);
    one_by_one(a);
    together(a, 100);
    assert_ok(hth_audit_checkpoint(a, &err), err);
    acknowledged = 0;
    uint64_t from = hth_clock_ns();
    in_groups(a, count);
    assert_ok(hth_audit_close(&a, &err), err);
    print_message("in groups: %.0f entries a second, to the signed end\n",
                  (double)count / since(from));
    assert_int_equal(acknowledged, count);
    from = hth_clock_ns();
    assert_ok(audit_verify(dir, NULL, &r, &err), err);
    print_message("%llu entries verified in %.2f s (%.0f MB)\n", (unsigned long long)r.entries,
                  since(from), (double)r.bytes / 1e6);
    assert_true(r.entries >= count + ALONE + WRITERS * 100);
    assert_int_equal(r.signed_entries[0], r.entries);
    from = hth_clock_ns();
    assert_ok(hth_audit_open(&a, dir, NULL, &err), err);
    print_message("opened again in %.2f s\n", since(from));
    assert_int_equal(hth_audit_size(a), r.entries);
    from = hth_clock_ns();
    HthBuf proof;
    hth_buf_init(&proof, 1 << 20);
    assert_ok(hth_audit_prove(&proof, dir, HTH_SHA3_256, count / 2, &err), err);
    print_message("a proof of one entry: %.2f ms, %zu bytes\n", since(from) * 1e3, proof.n);
    hth_buf_drop(&proof);
    assert_ok(hth_audit_close(&a, &err), err);
}

int main(void) {
    hth_json_init();
    const struct CMUnitTest tests[] = { cmocka_unit_test(long_log) };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_drop);
}
