/* audit_keys.c - see audit_keys.h. */
#include "cli/audit_keys.h"

static HthStatus key(void *ring, HthStr subject, bool make, uint8_t out[HTH_AEAD_KEY_BYTES],
                     HthErr *err) {
    bool there = false;
    HTH_TRY(hth_subject_key(ring, subject, make, out, &there, err));
    HTH_REQUIRE(there || make, err, HTH_EDENIED,
                "the keyring has no key for this subject: what was sealed with it is gone");
    return HTH_OK;
}

static HthStatus forget(void *ring, HthStr subject, HthErr *err) {
    bool there;
    return hth_subject_erase(ring, subject, &there, err);
}

HthContentKeys hth_audit_keys(HthKeyring *ring) {
    return (HthContentKeys){ key, forget, ring };
}
