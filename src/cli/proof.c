/* proof.c - see proof.h. */
#include "cli/proof.h"

#include <string.h>

#ifdef HTH_HAVE_SERVER
#include "crypt/hash.h"

static void digest(char out[65], HthStr text) {
    uint8_t hash[HTH_HASH_BYTES];
    hth_hash(HTH_SHA3_256, text.p, text.n, hash);
    hth_hex(out, hash, sizeof hash);
}
#else
static void digest(char out[65], HthStr text) {
    (void)text;
    out[0] = '\0';
}
#endif

static HthStatus run(HthProof *out, HthBuf *text, HthErr *err) {
    out->held = true;
    for (int k = 0; k < HTH_CAGE_KINDS; k++) {
        const HthCageCfg cfg = { .kind = (HthCageKind)k };
        HTH_TRY(hth_cage_prove(&cfg, &out->kinds[k], err));
        HTH_TRY(hth_cage_proof_text(&out->kinds[k], text, err));
        out->held &= hth_cage_held(&out->kinds[k]);
    }
    digest(out->sha3_256, hth_buf_str(text));
    return HTH_OK;
}

HthStatus hth_proof_run(HthProof *out, HthErr *err) {
    HthBuf text;
    hth_buf_init(&text, 1 << 20);
    const HthStatus st = run(out, &text, err);
    hth_buf_drop(&text);
    return st;
}
