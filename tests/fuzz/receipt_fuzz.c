/* receipt_fuzz.c - any bytes as an envelope, a statement, a receipt, a credential, a list of keys.
 *
 * The first byte picks: 'E', 'S', 'R', 'V', 'K'.  What is taken is written, and is then taken as
 * the same; the rest is one sentence.
 *
 * Thread: one. */
#include <string.h>

#include "audit/credential.h"
#include "audit/jcs.h"
#include "audit/keyfile.h"
#include "audit/receipt_int.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { IN_MAX = 1 << 18, OUT_MAX = 1 << 22 };
static const uint8_t pub[HTH_SIGN_PUBLIC_BYTES] = { 1, 2, 3 };

static void envelope(HthStr text) {
    HthErr err = { 0 };
    HthDsse e, again;
    json_t *v = NULL;
    HthBuf out;
    uint32_t by[HTH_DSSE_SIGNATURES_MAX];
    const HthDsseKey key = { HTH_STR("key"), pub };
    if (hth_dsse_parse(&e, text, IN_MAX, &err) != HTH_OK) {
        HTH_ASSERT(err.text[0] && !e.json);
        return;
    }
    HTH_ASSERT(e.sig_count > 0 && e.sig_count <= HTH_DSSE_SIGNATURES_MAX);
    HTH_ASSERT(hth_dsse_check(&e, &key, 1, by, &err) != HTH_OK); /* nobody has that key */
    hth_buf_init(&out, OUT_MAX);
    HTH_ASSERT(hth_dsse_json(&v, e.type, hth_buf_str(&e.payload), e.sigs, e.sig_count, &err) ==
               HTH_OK);
    HTH_ASSERT(hth_json_write(&out, v, 0, &err) == HTH_OK);
    HTH_ASSERT(hth_dsse_parse(&again, hth_buf_str(&out), OUT_MAX, &err) == HTH_OK);
    HTH_ASSERT(hth_str_eq(again.type, e.type) && again.sig_count == e.sig_count);
    HTH_ASSERT(hth_str_eq(hth_buf_str(&again.payload), hth_buf_str(&e.payload)));
    for (uint32_t i = 0; i < e.sig_count; i++)
        HTH_ASSERT(hth_str_eq(again.sigs[i].sig, e.sigs[i].sig) &&
                   hth_str_eq(again.sigs[i].keyid, e.sigs[i].keyid));
    json_decref(v);
    hth_buf_drop(&out);
    hth_dsse_drop(&again);
    hth_dsse_drop(&e);
}

/* Facts that were read can be written, and are then read as the same. */
static void statement(HthStr text) {
    HthErr err = { 0 };
    json_t *v = NULL, *w = NULL;
    HthReceiptFacts facts, again;
    HthBuf one, two;
    hth_buf_init(&one, OUT_MAX);
    hth_buf_init(&two, OUT_MAX);
    if (hth_json_parse(&v, text, IN_MAX, &err) == HTH_OK &&
        hth_receipt_facts(&facts, v, &err) == HTH_OK) {
        HTH_ASSERT(hth_receipt_statement(&one, &facts, &err) == HTH_OK);
        HTH_ASSERT(hth_jcs_parse(&w, hth_buf_str(&one), OUT_MAX, &err) == HTH_OK);
        HTH_ASSERT(hth_receipt_facts(&again, w, &err) == HTH_OK);
        HTH_ASSERT(hth_receipt_statement(&two, &again, &err) == HTH_OK);
        HTH_ASSERT(hth_str_eq(hth_buf_str(&one), hth_buf_str(&two)));
    } else {
        HTH_ASSERT(err.text[0]);
    }
    json_decref(v);
    json_decref(w);
    hth_buf_drop(&one);
    hth_buf_drop(&two);
}

static void receipt(HthStr text) {
    HthErr err = { 0 };
    HthReceipt *r = NULL, *again = NULL;
    HthBuf out;
    hth_buf_init(&out, OUT_MAX);
    if (hth_receipt_open(&r, text, &err) == HTH_OK) {
        err.text[0] = 0;
        HTH_ASSERT(hth_receipt_log(r, &err) == HTH_OK || err.text[0]);
        HTH_ASSERT(hth_receipt_share(&out, r, &err) == HTH_OK);
        HTH_ASSERT(r->held || hth_str_eq(text, hth_buf_str(&out)));
        HTH_ASSERT(hth_receipt_open(&again, hth_buf_str(&out), &err) == HTH_OK);
        HTH_ASSERT(!again->held && json_equal(again->statement, r->statement));
    } else {
        HTH_ASSERT(!r && err.text[0]);
    }
    hth_receipt_close(&r);
    hth_receipt_close(&again);
    hth_buf_drop(&out);
}

/* What is taken bears one small change nowhere. */
static void credential(HthStr text) {
    HthErr err = { 0 };
    json_t *v = NULL;
    uint8_t key[HTH_SIGN_PUBLIC_BYTES];
    char spelled[HTH_MULTIKEY_TEXT];
    if (hth_json_parse(&v, text, IN_MAX, &err) == HTH_OK &&
        hth_credential_check(v, key, &err) == HTH_OK) {
        HTH_ASSERT(json_object_set_new(v, "another", json_true()) == 0);
        HTH_ASSERT(hth_credential_check(v, key, &err) == HTH_EFORMAT);
    } else {
        HTH_ASSERT(err.text[0]);
    }
    json_t *open = NULL;
    HthBuf again;
    hth_buf_init(&again, OUT_MAX);
    if (hth_credential_open(&open, text, key, &err) == HTH_OK) {
        HTH_ASSERT(hth_jcs_write(&again, open, &err) == HTH_OK);
        HTH_ASSERT(hth_buf_add_char(&again, '\n', &err) == HTH_OK);
        HTH_ASSERT(hth_str_eq(text, hth_buf_str(&again)));
    }
    json_decref(open);
    hth_buf_drop(&again);
    if (hth_unmultikey(key, text)) {
        hth_multikey(spelled, key);
        HTH_ASSERT(hth_str_eq(text, hth_str(spelled)));
    }
    json_decref(v);
}

static void keys(HthStr text) {
    HthErr err = { 0 };
    HthVkey *list = NULL;
    size_t count = 0;
    if (hth_vkeys_parse(&list, &count, text, &err) != HTH_OK) {
        HTH_ASSERT(!list && err.text[0]);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        HthVkey again;
        HTH_ASSERT(hth_vkey_make(&again, hth_str(list[i].name), list[i].key, &err) == HTH_OK);
        HTH_ASSERT(again.id == list[i].id);
    }
    hth_free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size || size > IN_MAX) return 0;
    const HthStr text = { (const char *)data + 1, size - 1 };
    hth_json_init();
    const uint64_t live = hth_mem_live();
    switch (data[0]) {
    case 'E': envelope(text); break;
    case 'S': statement(text); break;
    case 'V': credential(text); break;
    case 'K': keys(text); break;
    default: receipt(text); break;
    }
    HTH_ASSERT(hth_mem_live() == live);
    return 0;
}
