/* receipt_log.c - is the proof that a receipt carries one of its own answer?  See receipt.h.
 *
 * A good proof of another entry would be as good a proof.  What ties the two is the digest of the
 * answer's token ids, which stands in both.
 *
 * Thread: any. */
#include <string.h>

#include "audit/entry.h"
#include "audit/proof.h"
#include "audit/receipt.h"

/* That the entry is under the root which the checkpoint names. Who signed that is not looked at. */
static HthStatus leads_there(const HthProofFile *p, HthStr entry, HthErr *err) {
    const HthStr note = p->checkpoint;
    uint8_t leaf[HTH_HASH_BYTES];
    HthCheckpoint c;
    size_t end = note.n;
    while (end >= 2 && memcmp(note.p + end - 2, "\n\n", 2) != 0) end--;
    HTH_REQUIRE(end > 2, err, HTH_EFORMAT, "it has no signed checkpoint");
    HTH_TRY(hth_checkpoint_parse(&c, hth_str_sub(note, 0, end - 1), err));
    hth_tree_leaf(HTH_SHA256, entry.p, entry.n, leaf);
    return hth_tree_check(HTH_SHA256, p->index, c.size, leaf, &p->proof, c.root, err);
}

static HthStatus of_this_answer(const HthReceipt *r, HthStr text, HthErr *err) {
    HthEntry e;
    HthBuf room;
    hth_buf_init(&room, 2 * HTH_LEAF_MAX);
    HthStatus st = hth_entry_read(&e, &room, text, err);
    const HthEntryValue *output = &e.v[HTH_FIELD_OUTPUT];
    if (st == HTH_OK && (e.type != HTH_ENTRY_FINISHED || !output->there ||
                         memcmp(output->digest, r->facts.ids.sha3_256, HTH_HASH_BYTES) != 0))
        st = HTH_FAIL(err, HTH_EFORMAT, "it is of another answer");
    hth_buf_drop(&room);
    return st;
}

HthStatus hth_receipt_log(const HthReceipt *r, HthErr *err) {
    HthProofFile p;
    HthBuf entry;
    HthErr why = { 0 };
    if (!r->facts.log.n) return HTH_OK;
    hth_buf_init(&entry, HTH_LEAF_MAX);
    HthStatus st = hth_proof_parse(&p, r->facts.log, &why);
    if (st == HTH_OK) st = hth_unbase64(&entry, HTH_BASE64, p.extra, &why);
    if (st == HTH_OK) st = leads_there(&p, hth_buf_str(&entry), &why);
    if (st == HTH_OK) st = of_this_answer(r, hth_buf_str(&entry), &why);
    hth_buf_drop(&entry);
    if (st == HTH_OK) return HTH_OK;
    return HTH_FAIL(err, st == HTH_ENOMEM ? HTH_ENOMEM : HTH_EFORMAT,
                    "the receipt's proof that a log knows of it: %.200s", why.text);
}
