/* keyring_tpm.c - see keyring.h: slots that a TPM opens.
 *
 * The TPM seals 32 random bytes; the slot's key is derived from them.  What becomes of the PIN is
 * given to the TPM, which counts wrong ones: a short PIN will do.
 *
 * Thread: any; whoever adds has the folder locked. */
#include <string.h>

#include "vault/keyring_int.h"

static void slot_key(uint8_t out[HTH_RING_KEY_BYTES], const uint8_t secret[HTH_TPM_SECRET_BYTES],
                     const HthRingSlot *s) {
    hth_hkdf(out, HTH_RING_KEY_BYTES, secret, HTH_TPM_SECRET_BYTES, s->salt, sizeof s->salt,
             HTH_STR("hearth keyring v1 tpm"));
}

/* A TPM drops zeros at the end of what it is given: there are none. */
static void auth_of(uint8_t out[HTH_TPM_AUTH_BYTES], HthStr pin, const HthRingSlot *s) {
    hth_hkdf(out, HTH_TPM_AUTH_BYTES, pin.p, pin.n, s->salt, sizeof s->salt,
             HTH_STR("hearth keyring v1 tpm pin"));
    out[HTH_TPM_AUTH_BYTES - 1] |= 1;
}

/* ---- opening --------------------------------------------------------------------------------- */

static HthStatus try_slot(HthKeyring *k, HthRingDesk *d, const HthRing *r, const HthRingSlot *s,
                          const HthKeyringCfg *cfg, bool *open, HthErr *err) {
    const HthTpmCfg how = { .tcti = cfg->tpm,
                            .pcrs = s->face.pcrs,
                            .auth = s->face.pin ? d->auth : NULL };
    if (s->face.pin) auth_of(d->auth, (HthStr){ d->words, d->words_n }, s);
    HTH_TRY(hth_tpm_unseal(d->file, &s->tpm, &how, err));
    slot_key(d->slot, d->file, s);
    *open = hth_slot_unseal(r, s, d->slot, k->root);
    HTH_REQUIRE(*open, err, HTH_EFORMAT, "the TPM's slot was changed since it was made");
    return HTH_OK;
}

static HthStatus ask_pin(HthRingDesk *d, const HthKeyringCfg *cfg, HthErr *err) {
    HTH_REQUIRE(cfg->ask_pin, err, HTH_EDENIED, "nobody was asked for the TPM's PIN");
    HTH_TRY(cfg->ask_pin(cfg->payload, d->words, &d->words_n, err));
    HTH_ASSERT(d->words_n <= sizeof d->words);
    HTH_REQUIRE(d->words_n, err, HTH_EDENIED, "no PIN was given for the TPM");
    return HTH_OK;
}

HthStatus hth_ring_try_tpm(HthKeyring *k, HthRingDesk *d, const HthRing *r,
                           const HthKeyringCfg *cfg, bool *open, HthErr *why, HthErr *err) {
    HthStatus asked = HTH_EAGAIN; /* nobody was yet */
    HthErr pin = { 0 };
    for (uint32_t i = 0; !*open && i < r->count; i++) {
        const HthRingSlot *s = &r->slots[i];
        if (s->face.kind != HTH_SLOT_TPM) continue;
        HthStatus status = HTH_OK;
        if (!cfg->tpm) {
            status = HTH_FAIL(why, HTH_EDENIED, "no TPM was asked");
        } else if (s->face.pin) {
            if (asked == HTH_EAGAIN) asked = ask_pin(d, cfg, &pin);
            status = asked;
            if (status != HTH_OK) *why = pin;
        }
        if (status == HTH_OK) status = try_slot(k, d, r, s, cfg, open, why);
        HTH_REQUIRE(status != HTH_ENOMEM && status != HTH_ECANCELED, err, status, "%s", why->text);
    }
    return HTH_OK;
}

/* ---- making ---------------------------------------------------------------------------------- */

static HthStatus edit_add_tpm(HthRing *r, HthRingChange *c, HthErr *err) {
    HthRingSlot *s = NULL;
    HTH_TRY(hth_slot_new(&s, r, HTH_SLOT_TPM, err));
    s->face.pcrs = c->pcrs;
    s->face.pin = c->words.n > 0;
    if (s->face.pin) auth_of(c->d->auth, c->words, s);
    const HthTpmCfg how = { .tcti = c->path,
                            .pcrs = c->pcrs,
                            .auth = s->face.pin ? c->d->auth : NULL };
    hth_random(c->d->file, HTH_TPM_SECRET_BYTES);
    HTH_TRY(hth_tpm_seal(&s->tpm, c->d->file, &how, err));
    slot_key(c->d->slot, c->d->file, s);
    hth_slot_seal(r, s, c->d->slot, c->k->root);
    return HTH_OK;
}

HthStatus hth_keyring_add_tpm(HthKeyring *k, const char *tcti, uint32_t pcrs, HthStr pin,
                              HthErr *err) {
    HTH_REQUIRE(pin.n <= HTH_PASSPHRASE_MAX, err, HTH_EINVAL, "a PIN has 1 to %d bytes",
                HTH_PASSPHRASE_MAX);
    HTH_ASSERT(pcrs < 1u << HTH_TPM_PCRS);
    HthRingChange c = { .k = k, .words = pin, .path = tcti, .pcrs = pcrs };
    return hth_ring_change(&c, edit_add_tpm, err);
}
