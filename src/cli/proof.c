/* proof.c - see proof.h. */
#include "cli/proof.h"

#include <string.h>

#include "base/mem.h"

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

HthStatus hth_proof_digest(char out[65], HthErr *err) {
    HthProof *proof = hth_calloc(1, sizeof *proof);
    HTH_REQUIRE(proof, err, HTH_ENOMEM, "out of memory for the proof of the cage");
    HthStatus st = hth_proof_run(proof, err);
    if (st == HTH_OK && !proof->held)
        st = HTH_FAIL(err, HTH_EIO,
                      "the cage let something through: hearth doctor --prove-offline says what");
    if (st == HTH_OK) memcpy(out, proof->sha3_256, sizeof proof->sha3_256);
    hth_free(proof);
    return st;
}
