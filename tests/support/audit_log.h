/* audit_log.h - what tests of the audit log need: entries, logs of a length, the log verified.
 *
 * Include after support/test.h.
 *
 * Thread: the test's. */
#ifndef HTH_TESTS_SUPPORT_AUDIT_LOG_H
#define HTH_TESTS_SUPPORT_AUDIT_LOG_H

#include "audit/entry.h"
#include "audit/log.h"
#include "audit/verify.h"

/* The text of an entry with a number in it, for hth_audit_append. text: 256 bytes. */
static inline HthStr audit_entry(char text[256], uint64_t number) {
    HthErr err;
    HthEntry e;
    HthBuf buf;
    char request[32];
    hth_buf_init(&buf, 256);
    hth_entry_begin(&e, HTH_ENTRY_FINISHED);
    snprintf(request, sizeof request, "r-%llu", (unsigned long long)number);
    hth_entry_text(&e, HTH_FIELD_REQUEST, hth_str(request));
    hth_entry_text(&e, HTH_FIELD_FINISH, HTH_STR("stop"));
    hth_entry_number(&e, HTH_FIELD_OUTPUT_TOKENS, number * 7);
    assert_ok(hth_entry_write(&buf, &e, &err), err);
    const size_t n = buf.n;
    memcpy(text, buf.p, n);
    hth_buf_drop(&buf);
    return (HthStr){ text, n };
}

/* Appends `count` of them, numbers from `from`, in groups; and closes the log, signed. */
static inline void audit_fill(const char *folder, const HthAuditCfg *cfg, uint64_t from,
                              uint64_t count) {
    HthErr err;
    HthAudit *a = NULL;
    char text[256];
    assert_ok(hth_audit_open(&a, folder, cfg, &err), err);
    for (uint64_t i = from; i < from + count; i++)
        assert_ok(hth_audit_append(a, audit_entry(text, i), HTH_STR(""), NULL, NULL, &err), err);
    assert_ok(hth_audit_close(&a, &err), err);
}

static inline HthStatus audit_verify(const char *folder, const char *pin, HthAuditReport *out,
                                     HthErr *err) {
    HthAuditReport r;
    const HthStatus status = hth_audit_verify(&r, folder, &pin, pin != NULL, err);
    if (status == HTH_OK && out) *out = r;
    return status;
}

/* Copies a file. */
static inline void audit_copy(const char *from, const char *to) {
    HthBuf text;
    HthErr err;
    test_load(&text, from);
    assert_ok(hth_file_write(to, hth_buf_str(&text).p, text.n, 0600, &err), err);
    hth_buf_drop(&text);
}

#endif
