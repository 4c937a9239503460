/* receipt_log_test.c - a receipt's proof that a log knows of it: its own, another's, none at all.
 *
 * Thread: one. */
#include "support/test.h"

#include "audit/entry.h"
#include "audit/keyfile.h"
#include "audit/proof.h"
#include "base/json.h"
#include "support/receipt_sample.h"

enum { ENTRIES = 3, MAX = 1 << 20 };
static HthErr err;
static HthSigner *signer;
static HthVkey v;

static int setup(void **state) {
    (void)state;
    const uint8_t seed[HTH_SEED_BYTES] = { 9 };
    hth_json_init();
    if (hth_signer_open(&signer, seed, &err) != HTH_OK) return -1;
    return hth_vkey_make(&v, HTH_STR("log"), hth_signer_public(signer), &err) == HTH_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    hth_signer_close(&signer);
    return 0;
}

/* What the proof of a receipt is made of; each field but the first is a way to spoil it. */
typedef struct Made {
    HthEntryType type;
    bool other_output, no_output; /* of the entry */
    bool other_leaf; /* in the tree */
    bool no_extra, bare; /* bare: the checkpoint without its signature */
    uint64_t index;
} Made;

static void entry_of(HthBuf *out, const Made *made) {
    HthEntry e;
    HthDigests ids;
    hth_entry_begin(&e, made->type);
    hth_entry_text(&e, HTH_FIELD_REQUEST, HTH_STR("r-1"));
    if (made->type == HTH_ENTRY_FINISHED) hth_entry_text(&e, HTH_FIELD_FINISH, HTH_STR("stop"));
    assert_ok(hth_receipt_ids(&ids, sample_ids, HTH_COUNT(sample_ids), &err), err);
    if (made->other_output) ids.sha3_256[5] ^= 1;
    if (made->type == HTH_ENTRY_FINISHED && !made->no_output)
        hth_entry_digest(&e, HTH_FIELD_OUTPUT, ids.sha3_256);
    assert_ok(hth_entry_write(out, &e, &err), err);
}

/* Entry 1 of three. */
static void proof_of(HthBuf *out, const Made *made) {
    static HthProofFile p;
    HthCheckpoint c = { .origin = hth_str(v.name), .size = ENTRIES };
    uint8_t leaf[ENTRIES][HTH_HASH_BYTES], pair[HTH_HASH_BYTES];
    HthBuf entry, text, note;
    hth_buf_init(&entry, HTH_LEAF_MAX);
    hth_buf_init(&text, MAX);
    hth_buf_init(&note, MAX);
    entry_of(&entry, made);
    hth_tree_leaf(HTH_SHA256, "zero", 4, leaf[0]);
    hth_tree_leaf(HTH_SHA256, entry.p, entry.n - made->other_leaf, leaf[1]);
    hth_tree_leaf(HTH_SHA256, "two", 3, leaf[2]);
    hth_tree_node(HTH_SHA256, leaf[0], leaf[1], pair);
    hth_tree_node(HTH_SHA256, pair, leaf[2], c.root);
    assert_ok(hth_checkpoint_print(&text, &c, &err), err);
    assert_ok(hth_note_sign(&note, hth_buf_str(&text), &v, signer, &err), err);
    p = (HthProofFile){ .index = made->index, .proof = { .count = 2 } };
    memcpy(p.proof.hash[0], leaf[0], HTH_HASH_BYTES);
    memcpy(p.proof.hash[1], leaf[2], HTH_HASH_BYTES);
    if (!made->no_extra) p.extra = hth_buf_str(&entry);
    p.checkpoint = made->bare ? hth_buf_str(&text) : hth_buf_str(&note);
    assert_ok(hth_proof_print(out, &p, &err), err);
    hth_buf_drop(&entry);
    hth_buf_drop(&text);
    hth_buf_drop(&note);
}

/* Of a receipt, properly signed, with this for a proof. */
static HthStatus look(HthStr log) {
    json_t *sampler = sample_sampler();
    HthReceiptIn in = sample_receipt(sampler);
    const HthDsseSigner by = { signer, HTH_STR("receipts+01234567") };
    HthReceipt *r = NULL;
    HthBuf file;
    hth_buf_init(&file, MAX);
    in.facts.log = log;
    assert_ok(hth_receipt_make(&file, &in, &by, &err), err);
    assert_ok(hth_receipt_open(&r, hth_buf_str(&file), &err), err);
    err.text[0] = 0;
    const HthStatus st = hth_receipt_log(r, &err);
    hth_receipt_close(&r);
    hth_buf_drop(&file);
    json_decref(sampler);
    return st;
}

static void of_this_answer(void **state) {
    (void)state;
    static const struct {
        Made made;
        const char *says; /* NULL: it is good */
    } rows[] = {
        { { .type = HTH_ENTRY_FINISHED, .index = 1 }, NULL },
        { { .type = HTH_ENTRY_FINISHED, .index = 1, .other_output = true }, "another answer" },
        { { .type = HTH_ENTRY_FINISHED, .index = 1, .no_output = true }, "another answer" },
        { { .type = HTH_ENTRY_ACCEPTED, .index = 1 }, "another answer" },
        { { .type = HTH_ENTRY_FINISHED, .index = 1, .other_leaf = true }, "root" },
        { { .type = HTH_ENTRY_FINISHED, .index = 0 }, "root" },
        { { .type = HTH_ENTRY_FINISHED, .index = 2 }, "long" },
        { { .type = HTH_ENTRY_FINISHED, .index = 3 }, "such a log" },
        { { .type = HTH_ENTRY_FINISHED, .index = 1, .no_extra = true }, "root" },
        { { .type = HTH_ENTRY_FINISHED, .index = 1, .bare = true }, "no signed checkpoint" },
    };
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        HthBuf log;
        hth_buf_init(&log, MAX);
        proof_of(&log, &rows[i].made);
        const HthStatus st = look(hth_buf_str(&log)), want = rows[i].says ? HTH_EFORMAT : HTH_OK;
        if (st != want || (rows[i].says && !strstr(err.text, rows[i].says)))
            fail_msg("row %zu: %s: %s", i, hth_status_name(st), err.text);
        hth_buf_drop(&log);
    }
    assert_ok(look((HthStr){ 0 }), err);
    assert_status(look(HTH_STR("yes")), HTH_EFORMAT, err);
    assert_status(look(HTH_STR("c2sp.org/tlog-proof@v1\nindex 3\n")), HTH_EFORMAT, err);
    assert_status(look(HTH_STR("c2sp.org/tlog-proof@v1\nextra Zm9v\nindex 0\n\n\n\n")), HTH_EFORMAT,
                  err);
}

static HthStatus body(void *receipt) {
    HthErr why;
    return hth_receipt_log(receipt, &why);
}

static void out_of_memory(void **state) {
    (void)state;
    HthBuf log;
    HthReceipt r = { .held = false };
    hth_buf_init(&log, MAX);
    proof_of(&log, &(Made){ .type = HTH_ENTRY_FINISHED, .index = 1 });
    r.facts.log = hth_buf_str(&log);
    assert_ok(hth_receipt_ids(&r.facts.ids, sample_ids, HTH_COUNT(sample_ids), &err), err);
    assert_true(test_torture(body, &r, 300) > 5);
    hth_buf_drop(&log);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(of_this_answer),
                                        cmocka_unit_test(out_of_memory) };
    return cmocka_run_group_tests(tests, setup, teardown);
}
