/* audit_keys.c - see audit_keys.h. */
#include "cli/audit_keys.h"

#include "crypt/secret.h"

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

HthStatus hth_cli_audit_open(HthAudit **out, const char *folder, const HthKeyring *ring,
                             HthErr *err) {
    void *seal = NULL;
    HTH_TRY(hth_secret_alloc(&seal, HTH_RING_KEY_BYTES, err));
    hth_keyring_key(ring, HTH_KEY_SIGNER, seal);
    const HthStatus status = hth_audit_open(out, folder, &(HthAuditCfg){ .key = seal }, err);
    hth_secret_free(seal);
    return status;
}
