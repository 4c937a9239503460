/* flips_test.c - one byte changed, in many of each: checkpoints, verifier keys, proofs, receipts,
 * credentials.
 *
 * Other keys give other digits, and a reader that takes two bytes for one digit may do so for some
 * only: what holds for every byte of one file need not hold for the next.
 *
 * Thread: one. */
#include "support/test.h"

#include "audit/credential.h"
#include "audit/jcs.h"
#include "audit/keyfile.h"
#include "audit/proof.h"
#include "base/rng.h"
#include "support/receipt_sample.h"

enum { INSTANCES = 300, PLACES = 20, LEAVES = 64, MAX = 1 << 20 };
static HthErr err;

typedef struct One {
    uint64_t seed;
    HthSigner *signer;
    HthVkey v;
    char id[HTH_KEY_ID_TEXT];
    uint8_t leaves[LEAVES][HTH_HASH_BYTES];
} One;

typedef struct Format {
    const char *name;
    void (*make)(HthBuf *out, const One *one);
    HthStatus (*look)(HthStr text, const One *one);
} Format;

/* ---- made ----------------------------------------------------------------------------------- */

static void make_key(HthBuf *out, const One *one) {
    assert_ok(hth_vkey_print(out, &one->v, &err), err);
}

static HthStatus node(void *payload, unsigned height, uint64_t index, uint8_t out[HTH_HASH_BYTES],
                      HthErr *e) {
    uint8_t left[HTH_HASH_BYTES], right[HTH_HASH_BYTES];
    const One *one = payload;
    if (height == 0) {
        memcpy(out, one->leaves[index], HTH_HASH_BYTES);
        return HTH_OK;
    }
    HTH_TRY(node(payload, height - 1, 2 * index, left, e));
    HTH_TRY(node(payload, height - 1, 2 * index + 1, right, e));
    hth_tree_node(HTH_SHA256, left, right, out);
    return HTH_OK;
}

static uint64_t size_of(const One *one) {
    return 1 + hth_rng_below(one->seed, 1, 0, LEAVES);
}

static void make_checkpoint(HthBuf *out, const One *one) {
    HthCheckpoint c = { .origin = hth_str(one->v.name), .size = size_of(one) };
    HthBuf text;
    hth_buf_init(&text, MAX);
    assert_ok(hth_tree_root_at(HTH_SHA256, c.size, node, (void *)(uintptr_t)one, c.root, &err),
              err);
    assert_ok(hth_checkpoint_print(&text, &c, &err), err);
    assert_ok(hth_note_sign(out, hth_buf_str(&text), &one->v, one->signer, &err), err);
    hth_buf_drop(&text);
}

static void make_proof(HthBuf *out, const One *one) {
    static HthProofFile p;
    char entry[32];
    HthBuf note;
    p = (HthProofFile){ .index = hth_rng_below(one->seed, 2, 0, (uint32_t)size_of(one)) };
    snprintf(entry, sizeof entry, "entry %u", (unsigned)p.index);
    hth_buf_init(&note, MAX);
    make_checkpoint(&note, one);
    p.extra = hth_str(entry);
    p.checkpoint = hth_buf_str(&note);
    assert_ok(hth_tree_prove(&p.proof, HTH_SHA256, p.index, size_of(one), node,
                             (void *)(uintptr_t)one, &err),
              err);
    assert_ok(hth_proof_print(out, &p, &err), err);
    hth_buf_drop(&note);
}

static void make_receipt(HthBuf *out, const One *one) {
    json_t *sampler = sample_sampler();
    HthReceiptIn in = sample_receipt(sampler);
    const HthDsseSigner by = { one->signer, hth_str(one->id) };
    in.facts.seed = one->seed;
    assert_ok(hth_receipt_make(out, &in, &by, &err), err);
    json_decref(sampler);
}

static void make_credential(HthBuf *out, const One *one) {
    HthReceipt *r = NULL;
    json_t *v = NULL;
    make_receipt(out, one);
    assert_ok(hth_receipt_open(&r, hth_buf_str(out), &err), err);
    assert_ok(hth_credential_json(&v, r, one->v.key, &err), err);
    assert_ok(hth_credential_sign(v, one->signer, "2026-11-22T01:00:00Z", &err), err);
    hth_buf_clear(out);
    assert_ok(hth_jcs_write(out, v, &err), err);
    assert_ok(hth_buf_add_char(out, '\n', &err), err);
    hth_receipt_close(&r);
    json_decref(v);
}

/* ---- looked at ------------------------------------------------------------------------------ */

static HthStatus look_key(HthStr text, const One *one) {
    HthVkey v;
    (void)one;
    return hth_vkey_parse(&v, text, &err);
}

static HthStatus look_checkpoint(HthStr text, const One *one) {
    HthCheckpoint c;
    return hth_checkpoint_open(&c, text, &one->v, &err);
}

static HthStatus look_proof(HthStr text, const One *one) {
    static HthProofFile p;
    uint64_t size;
    HthBuf entry;
    HTH_TRY(hth_proof_parse(&p, text, &err));
    hth_buf_init(&entry, HTH_LEAF_MAX);
    HthStatus st = hth_unbase64(&entry, HTH_BASE64, p.extra, &err);
    if (st == HTH_OK)
        st = hth_proof_check(&p, HTH_SHA256, hth_buf_str(&entry), &one->v, &size, &err);
    hth_buf_drop(&entry);
    return st;
}

static HthStatus look_receipt(HthStr text, const One *one) {
    const HthDsseKey key = { hth_str(one->id), one->v.key };
    HthReceipt *r = NULL;
    HthStatus st = hth_receipt_open(&r, text, &err);
    if (st == HTH_OK) st = hth_receipt_check(r, &key, 1, NULL, &err);
    hth_receipt_close(&r);
    return st;
}

static HthStatus look_credential(HthStr text, const One *one) {
    uint8_t pub[HTH_SIGN_PUBLIC_BYTES];
    json_t *v = NULL;
    const HthStatus st = hth_credential_open(&v, text, pub, &err);
    json_decref(v);
    return st == HTH_OK && memcmp(pub, one->v.key, sizeof pub) != 0 ? HTH_EDENIED : st;
}

/* ---- both ----------------------------------------------------------------------------------- */

static One open_one(uint64_t seed) {
    One one = { .seed = seed };
    uint8_t raw[HTH_SEED_BYTES];
    char name[64];
    for (uint64_t i = 0; i < sizeof raw; i++) raw[i] = (uint8_t)hth_rng_u32(seed, 3, i);
    snprintf(name, sizeof name, "hearth/audit/%016llx", (unsigned long long)seed * 2654435761u);
    assert_ok(hth_signer_open(&one.signer, raw, &err), err);
    assert_ok(hth_vkey_make(&one.v, hth_str(name), hth_signer_public(one.signer), &err), err);
    hth_vkey_id(one.id, &one.v);
    for (unsigned i = 0; i < LEAVES; i++) {
        char entry[32];
        const int n = snprintf(entry, sizeof entry, "entry %u", i);
        hth_tree_leaf(HTH_SHA256, entry, (size_t)n, one.leaves[i]);
    }
    return one;
}

/* The top bit; another value; and, now and then, what means something to somebody. */
static uint8_t other(uint8_t was, uint64_t seed, uint64_t at, unsigned kind) {
    static const char telling[] = "=\n-_+/ Aa0";
    const uint8_t any = (uint8_t)(was + 1 + hth_rng_below(seed, 4, at, 255));
    const uint8_t told = (uint8_t)telling[hth_rng_below(seed, 5, at, sizeof telling - 1)];
    const uint8_t all[] = { was ^ 0x80, any, told };
    return all[kind];
}

static void flip(const Format *f, const One *one) {
    HthBuf text;
    hth_buf_init(&text, MAX);
    f->make(&text, one);
    assert_ok(f->look(hth_buf_str(&text), one), err);
    for (uint64_t i = 0; i < PLACES * 3; i++) {
        const size_t at = hth_rng_below(one->seed, 6, i, (uint32_t)text.n);
        const uint8_t was = (uint8_t)text.p[at], is = other(was, one->seed, i, i % 3);
        if (is == was) continue;
        text.p[at] = (char)is;
        err.text[0] = 0;
        if (f->look(hth_buf_str(&text), one) == HTH_OK)
            fail_msg("%s %llu: byte %zu of %zu, %02x to %02x, is taken", f->name,
                     (unsigned long long)one->seed, at, text.n, was, is);
        assert_true(err.text[0]);
        text.p[at] = (char)was;
    }
    hth_buf_drop(&text);
}

static void every_one(void **state) {
    (void)state;
    static const Format formats[] = {
        { "verifier key", make_key, look_key },
        { "checkpoint", make_checkpoint, look_checkpoint },
        { "proof", make_proof, look_proof },
        { "receipt", make_receipt, look_receipt },
        { "credential", make_credential, look_credential },
    };
    hth_json_init();
    for (uint64_t seed = 0; seed < INSTANCES; seed++) {
        One one = open_one(seed);
        for (size_t i = 0; i < HTH_COUNT(formats); i++) flip(&formats[i], &one);
        hth_signer_close(&one.signer);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_one) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
