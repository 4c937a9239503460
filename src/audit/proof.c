/* proof.c - see proof.h.
 *
 * Thread: any. */
#include "audit/proof.h"

#include <string.h>

#define FIRST "c2sp.org/tlog-proof@v1"

HthStatus hth_proof_print(HthBuf *out, const HthProofFile *p, HthErr *err) {
    HTH_TRY(hth_buf_add_str(out, HTH_STR(FIRST "\n"), err));
    if (p->extra.n) {
        HTH_TRY(hth_buf_add_str(out, HTH_STR("extra "), err));
        HTH_TRY(hth_base64(out, HTH_BASE64, p->extra.p, p->extra.n, err));
        HTH_TRY(hth_buf_add_char(out, '\n', err));
    }
    HTH_TRY(hth_buf_printf(out, err, "index %llu\n", (unsigned long long)p->index));
    for (uint32_t i = 0; i < p->proof.count; i++) {
        HTH_TRY(hth_base64(out, HTH_BASE64, p->proof.hash[i], HTH_HASH_BYTES, err));
        HTH_TRY(hth_buf_add_char(out, '\n', err));
    }
    HTH_TRY(hth_buf_add_char(out, '\n', err));
    return hth_buf_add_str(out, p->checkpoint, err);
}

static HthStatus line(HthStr *rest, HthStr *out, HthErr *err) {
    HTH_REQUIRE(hth_note_line(rest, out), err, HTH_EFORMAT, "a proof ends before its checkpoint");
    return HTH_OK;
}

HthStatus hth_proof_parse(HthProofFile *out, HthStr text, HthErr *err) {
    const HthStr extra = HTH_STR("extra "), index = HTH_STR("index ");
    HthProofFile p = { 0 };
    HthStr l;
    HTH_REQUIRE(text.n <= HTH_PROOF_FILE_MAX, err, HTH_EFORMAT,
                "a proof has at most %d bytes, this one has more", HTH_PROOF_FILE_MAX);
    HTH_TRY(line(&text, &l, err));
    HTH_REQUIRE(hth_str_eq(l, HTH_STR(FIRST)), err, HTH_EFORMAT,
                "a proof begins with the line " FIRST "; this is something else");
    HTH_TRY(line(&text, &l, err));
    if (hth_str_starts(l, extra)) {
        p.extra = hth_str_sub(l, extra.n, l.n);
        HTH_REQUIRE(p.extra.n, err, HTH_EFORMAT,
                    "a proof has nothing in its line 'extra', which is then left out");
        HTH_TRY(line(&text, &l, err));
    }
    HTH_REQUIRE(hth_str_starts(l, index), err, HTH_EFORMAT, "a proof has no line with its index");
    l = hth_str_sub(l, index.n, l.n);
    HTH_REQUIRE(hth_note_number(l, &p.index), err, HTH_EFORMAT,
                "the index of a proof is not a number");
    for (;;) {
        HTH_TRY(line(&text, &l, err));
        if (!l.n) break;
        HTH_REQUIRE(p.proof.count < HTH_PROOF_HASHES, err, HTH_EFORMAT,
                    "a proof has more than %d hashes", HTH_PROOF_HASHES);
        HTH_TRY(hth_note_unbase(p.proof.hash[p.proof.count++], HTH_HASH_BYTES, l,
                                "a hash of a proof", err));
    }
    p.checkpoint = text;
    *out = p;
    return HTH_OK;
}

HthStatus hth_proof_check(const HthProofFile *p, HthHashKind kind, HthStr entry, const HthVkey *v,
                          uint64_t *size_out, HthErr *err) {
    HthCheckpoint c;
    uint8_t leaf[HTH_HASH_BYTES];
    HTH_REQUIRE(entry.n <= HTH_LEAF_MAX, err, HTH_EINVAL, "an entry has at most %d bytes",
                HTH_LEAF_MAX);
    HTH_TRY(hth_checkpoint_open(&c, p->checkpoint, v, err));
    hth_tree_leaf(kind, entry.p, entry.n, leaf);
    HTH_TRY(hth_tree_check(kind, p->index, c.size, leaf, &p->proof, c.root, err));
    *size_out = c.size;
    return HTH_OK;
}
