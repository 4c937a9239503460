/* erase.c - see erase.h.
 *
 * Thread: any. */
#include "audit/erase.h"

#include "audit/tree.h"

static HthStatus say(HthAudit *a, HthStr action, HthStr subject, HthStr by, HthErr *err) {
    HthEntry e;
    HthBuf text;
    hth_entry_begin(&e, HTH_ENTRY_ERASE);
    hth_entry_text(&e, HTH_FIELD_ACTION, action);
    hth_entry_text(&e, HTH_FIELD_SUBJECT, subject);
    if (by.n) hth_entry_text(&e, HTH_FIELD_USER, by);
    hth_buf_init(&text, HTH_LEAF_MAX);
    HthStatus status = hth_entry_write(&text, &e, err);
    if (status == HTH_OK)
        status = hth_audit_append_wait(a, hth_buf_str(&text), HTH_STR(""), NULL, err);
    hth_buf_drop(&text);
    return status;
}

HthStatus hth_audit_erase(HthAudit *a, HthStr subject, HthStr by, const HthContentKeys *keys,
                          HthErr *err) {
    HTH_REQUIRE(keys->forget, err, HTH_ENOTSUP, "the keys of subjects cannot be destroyed here");
    HTH_TRY(say(a, HTH_STR("begun"), subject, by, err));
    HTH_TRY(keys->forget(keys->payload, subject, err));
    return say(a, HTH_STR("done"), subject, by, err);
}
