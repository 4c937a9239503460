/* audit_fuzz.c - any bytes as what the audit log reads: keys, notes, proofs, records, entries.
 *
 * The first byte picks: 'V' verifier key, 'N' note and checkpoint, 'P' proof file, 'R' records,
 * 'E' entry; what is taken is written, and is the same again.
 *
 * Thread: one. */
#include <string.h>

#include "audit/content.h"
#include "audit/entry.h"
#include "audit/proof.h"
#include "audit/record.h"
#include "base/json.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 4 << 20 };

/* The key of tessera's published log: the corpus has its notes. */
static const char published[] =
    "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";

static void vkey(HthStr text) {
    HthErr err = { 0 };
    HthVkey v;
    HthBuf out;
    hth_buf_init(&out, OUT_MAX);
    if (hth_vkey_parse(&v, text, &err) == HTH_OK) {
        HTH_ASSERT(hth_vkey_print(&out, &v, &err) == HTH_OK);
        HTH_ASSERT(hth_str_eq(hth_buf_str(&out), text));
    } else {
        HTH_ASSERT(err.text[0]);
    }
    hth_buf_drop(&out);
}

static void note(HthStr text) {
    HthErr err = { 0 };
    HthVkey v;
    HthStr said;
    HthCheckpoint c;
    HTH_ASSERT(hth_vkey_parse(&v, hth_str(published), &err) == HTH_OK);
    if (hth_note_open(&said, text, &v, &err) == HTH_OK)
        HTH_ASSERT(said.n < text.n && said.p[said.n - 1] == '\n');
    else
        HTH_ASSERT(err.text[0]);
    if (hth_checkpoint_open(&c, text, &v, &err) == HTH_OK)
        HTH_ASSERT(hth_str_eq(c.origin, hth_str(v.name)));
    if (hth_checkpoint_parse(&c, text, &err) == HTH_OK) {
        HthBuf out; /* its three lines, as they stand */
        hth_buf_init(&out, OUT_MAX);
        HTH_ASSERT(hth_checkpoint_print(&out, &c, &err) == HTH_OK);
        HTH_ASSERT(hth_str_starts(text, hth_buf_str(&out)));
        hth_buf_drop(&out);
    }
}

static void proof(HthStr text) {
    static HthProofFile p, again;
    HthErr err = { 0 };
    HthVkey v;
    HthBuf out, extra;
    uint64_t size;
    hth_buf_init(&out, OUT_MAX);
    hth_buf_init(&extra, OUT_MAX);
    HTH_ASSERT(hth_vkey_parse(&v, hth_str(published), &err) == HTH_OK);
    if (hth_proof_parse(&p, text, &err) == HTH_OK) {
        if (p.extra.n && hth_unbase64(&extra, HTH_BASE64, p.extra, &err) != HTH_OK) p.extra.n = 0;
        if (p.extra.n) p.extra = hth_buf_str(&extra);
        HTH_ASSERT(hth_proof_print(&out, &p, &err) == HTH_OK);
        HTH_ASSERT(hth_proof_parse(&again, hth_buf_str(&out), &err) == HTH_OK);
        HTH_ASSERT(again.index == p.index && again.proof.count == p.proof.count);
        HTH_ASSERT(hth_str_eq(again.checkpoint, p.checkpoint));
        if (hth_proof_check(&p, HTH_SHA256, HTH_STR("one"), &v, &size, &err) == HTH_OK)
            HTH_ASSERT(p.index < size);
    } else {
        HTH_ASSERT(err.text[0]);
    }
    hth_buf_drop(&out);
    hth_buf_drop(&extra);
}

static void records(HthStr text) {
    const uint8_t *p = (const uint8_t *)text.p;
    HthRecord r;
    for (size_t at = 0, n; (n = hth_record_get(&r, p + at, text.n - at)) != 0; at += n) {
        uint8_t *again = hth_calloc(1, n);
        HTH_ASSERT(again && n == hth_record_bytes(&r));
        hth_record_put(again, &r);
        HTH_ASSERT(memcmp(again, p + at, n) == 0);
        hth_free(again);
        /* It outlives what it was written after, and nothing later. */
        HTH_ASSERT(!r.synced || r.index < r.synced || hth_record_outlives(p + at, n, r.synced - 1));
        HTH_ASSERT(!hth_record_outlives(p + at, n, r.synced) ||
                   hth_record_outlives(p + at + 1, n - 1, r.synced));
    }
}

static void entry(HthStr text) {
    HthErr err = { 0 };
    HthEntry e;
    HthBuf room, out;
    hth_buf_init(&room, OUT_MAX);
    hth_buf_init(&out, OUT_MAX);
    if (hth_entry_read(&e, &room, text, &err) == HTH_OK) {
        HTH_ASSERT(hth_entry_write(&out, &e, &err) == HTH_OK);
        HTH_ASSERT(hth_str_eq(hth_buf_str(&out), text));
        (void)!hth_content_check(&e, text, &err);
    } else {
        HTH_ASSERT(err.text[0]);
    }
    hth_buf_drop(&room);
    hth_buf_drop(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    const HthStr text = { (const char *)data + 1, size - 1 };
    hth_json_init();
    const uint64_t live = hth_mem_live();
    switch (data[0]) {
    case 'V': vkey(text); break;
    case 'N': note(text); break;
    case 'P': proof(text); break;
    case 'R': records(text); break;
    default: entry(text); break;
    }
    HTH_ASSERT(hth_mem_live() == live);
    return 0;
}
