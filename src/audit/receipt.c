/* receipt.c - see receipt.h: making, reading and checking. */
#include "audit/receipt.h"

#include <string.h>

#include "audit/jcs.h"
#include "audit/receipt_int.h"
#include "base/mem.h"

/* ---- digests and commitments ---------------------------------------------------------------- */

static size_t put_le(uint8_t *out, uint64_t v, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = (uint8_t)(v >> 8 * i);
    return n;
}

/* Hands on ids as little-endian 32-bit words, whatever the machine. */
static void add_ids(void (*add)(void *h, const void *bytes, size_t n), void *h, const uint32_t *ids,
                    size_t count) {
    uint8_t bytes[1024];
    while (count > 0) {
        size_t n = 0;
        for (; count > 0 && n < sizeof bytes; count--) n += put_le(bytes + n, *ids++, 4);
        add(h, bytes, n);
    }
}

static void add_both(void *h, const void *bytes, size_t n) {
    hth_digests_add(h, bytes, n);
}

static void add_one(void *h, const void *bytes, size_t n) {
    hth_hash_add(h, bytes, n);
}

HthStatus hth_receipt_ids(HthDigests *out, const uint32_t *ids, size_t count, HthErr *err) {
    HthDigesting d;
    HTH_TRY(hth_digests_begin(&d, err));
    add_ids(add_both, &d, ids, count);
    hth_digests_end(&d, out);
    return HTH_OK;
}

/* Everything that is committed to begins so; the name keeps one use from passing for another. */
static HthStatus commit_begin(HthHash *h, HthStr use, const uint8_t salt[HTH_SALT_BYTES],
                              size_t count, HthErr *err) {
    uint8_t le[8];
    *h = (HthHash){ 0 };
    HTH_TRY(hth_hash_begin(h, HTH_SHA3_256, err));
    hth_hash_add(h, use.p, use.n);
    hth_hash_add(h, salt, HTH_SALT_BYTES);
    hth_hash_add(h, le, put_le(le, count, sizeof le));
    return HTH_OK;
}

HthStatus hth_receipt_commit(uint8_t out[HTH_HASH_BYTES], const uint8_t salt[HTH_SALT_BYTES],
                             const uint32_t *ids, size_t count, HthErr *err) {
    HthHash h;
    HTH_TRY(commit_begin(&h, HTH_STR("hearth receipt prompt v1\n"), salt, count, err));
    add_ids(add_one, &h, ids, count);
    hth_hash_end(&h, out);
    return HTH_OK;
}

HthStatus hth_receipt_commit_stops(uint8_t out[HTH_HASH_BYTES], const uint8_t salt[HTH_SALT_BYTES],
                                   const HthStr *stops, size_t count, HthErr *err) {
    HthHash h;
    uint8_t le[8];
    HTH_TRY(commit_begin(&h, HTH_STR("hearth receipt stops v1\n"), salt, count, err));
    for (size_t i = 0; i < count; i++) {
        hth_hash_add(&h, le, put_le(le, stops[i].n, sizeof le));
        hth_hash_add(&h, stops[i].p, stops[i].n);
    }
    hth_hash_end(&h, out);
    return HTH_OK;
}

static HthStatus salt_digest(uint8_t out[HTH_HASH_BYTES], const uint8_t salt[HTH_SALT_BYTES],
                             HthErr *err) {
    HthHash h;
    HTH_TRY(commit_begin(&h, HTH_STR("hearth receipt salt v1\n"), salt, 0, err));
    hth_hash_end(&h, out);
    return HTH_OK;
}

/* ---- writing -------------------------------------------------------------------------------- */

static json_t *holder_json(const uint8_t salt[HTH_SALT_BYTES], const uint32_t *ids, size_t count) {
    char hex[2 * HTH_SALT_BYTES + 1];
    hth_hex(hex, salt, HTH_SALT_BYTES);
    json_t *list = json_array();
    for (size_t i = 0; list && i < count; i++)
        if (json_array_append_new(list, json_integer(ids[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    return json_pack("{s:s, s:o}", "salt", hex, "tokenIds", list);
}

/* Appends the file of an envelope; takes over both references.  holder NULL: there is none. */
static HthStatus write_file(HthBuf *out, json_t *envelope, json_t *holder, HthErr *err) {
    HthStatus st = HTH_OK;
    if (holder && json_object_set_new(envelope, "holder", holder) != 0)
        st = HTH_FAIL(err, HTH_ENOMEM, "out of memory for a receipt");
    if (st == HTH_OK) st = hth_jcs_write(out, envelope, err);
    if (st == HTH_OK) st = hth_buf_add_char(out, '\n', err);
    json_decref(envelope);
    return st;
}

static HthStatus facts_of(HthReceiptFacts *out, const HthReceiptIn *in,
                          const uint8_t salt[HTH_SALT_BYTES], HthErr *err) {
    HTH_REQUIRE(in->id_count <= HTH_RECEIPT_IDS_MAX, err, HTH_EINVAL,
                "a receipt cannot hold an answer of more than %d tokens", HTH_RECEIPT_IDS_MAX);
    *out = in->facts;
    hth_digests(&out->text, in->text.p, in->text.n);
    out->id_count = in->id_count;
    out->prompt_count = in->prompt_count;
    out->stop_count = in->stop_count;
    memset(out->stops, 0, sizeof out->stops);
    HTH_TRY(hth_receipt_ids(&out->ids, in->ids, in->id_count, err));
    HTH_TRY(hth_receipt_commit(out->prompt, salt, in->prompt, in->prompt_count, err));
    if (in->stop_count > 0)
        HTH_TRY(hth_receipt_commit_stops(out->stops, salt, in->stops, in->stop_count, err));
    return salt_digest(out->salt, salt, err);
}

static HthStatus make(HthBuf *out, const HthReceiptIn *in, const HthDsseSigner *signer,
                      HthErr *err) {
    uint8_t salt[HTH_SALT_BYTES];
    HthReceiptFacts facts;
    HthBuf statement;
    json_t *envelope = NULL;
    hth_json_init();
    hth_random(salt, sizeof salt);
    HTH_TRY(facts_of(&facts, in, salt, err));
    hth_buf_init(&statement, HTH_RECEIPT_MAX);
    HthStatus st = hth_receipt_statement(&statement, &facts, err);
    if (st == HTH_OK)
        st = hth_dsse_sign(&envelope, HTH_STR(HTH_DSSE_IN_TOTO), hth_buf_str(&statement), signer, 1,
                           err);
    hth_buf_drop(&statement);
    HTH_TRY(st);
    json_t *holder = holder_json(salt, in->ids, in->id_count);
    if (holder) return write_file(out, envelope, holder, err);
    json_decref(envelope);
    return HTH_FAIL(err, HTH_ENOMEM, "out of memory for a receipt");
}

HthStatus hth_receipt_make(HthBuf *out, const HthReceiptIn *in, const HthDsseSigner *signer,
                           HthErr *err) {
    HthReceipt *again = NULL;
    const size_t before = out->n;
    HthStatus st = make(out, in, signer, err);
    /* Nothing is handed out that cannot be read again. */
    if (st == HTH_OK)
        st = hth_receipt_open(&again, hth_str_sub(hth_buf_str(out), before, SIZE_MAX), err);
    hth_receipt_close(&again);
    if (st != HTH_OK && out->p) {
        out->n = before;
        out->p[before] = '\0';
    }
    return st;
}

/* ---- reading -------------------------------------------------------------------------------- */

static HthStatus same_bytes(HthStr got, HthStr want, const char *what, HthErr *err) {
    size_t at = 0;
    while (at < got.n && at < want.n && got.p[at] == want.p[at]) at++;
    HTH_REQUIRE(at == got.n && at == want.n, err, HTH_EFORMAT,
                "%s is not as hearth writes it, from byte %zu on: it was changed, or made by "
                "another program",
                what, at);
    return HTH_OK;
}

static HthStatus read_ids(HthReceipt *r, const json_t *list, HthErr *err) {
    const size_t count = json_array_size(list);
    HthDigests d;
    HTH_REQUIRE(json_is_array(list) && count <= HTH_RECEIPT_IDS_MAX && count == r->facts.id_count,
                err, HTH_EFORMAT, "the holder's part has not the token ids of this answer");
    r->ids = hth_calloc(count, sizeof *r->ids);
    HTH_REQUIRE(r->ids, err, HTH_ENOMEM, "out of memory for a receipt");
    for (size_t i = 0; i < count; i++) {
        const json_t *v = json_array_get(list, i);
        const json_int_t id = json_integer_value(v);
        HTH_REQUIRE(json_is_integer(v) && id >= 0 && id <= UINT32_MAX, err, HTH_EFORMAT,
                    "the holder's part has a token id that is none, number %zu", i + 1);
        r->ids[i] = (uint32_t)id;
    }
    HTH_TRY(hth_receipt_ids(&d, r->ids, count, err));
    HTH_REQUIRE(hth_digests_eq(&d, &r->facts.ids), err, HTH_EFORMAT,
                "the token ids of the holder's part are not those that were signed");
    return HTH_OK;
}

static HthStatus read_holder(HthReceipt *r, const json_t *holder, HthErr *err) {
    uint8_t digest[HTH_HASH_BYTES];
    if (!holder) return HTH_OK;
    HTH_REQUIRE(hth_unhex(r->salt, HTH_SALT_BYTES, hth_json_text(holder, "salt")), err, HTH_EFORMAT,
                "the holder's part has no salt");
    HTH_TRY(salt_digest(digest, r->salt, err));
    HTH_REQUIRE(memcmp(digest, r->facts.salt, sizeof digest) == 0, err, HTH_EFORMAT,
                "the salt of the holder's part is not the one that was signed");
    r->held = true;
    return read_ids(r, json_object_get(holder, "tokenIds"), err);
}

static HthStatus read_statement(HthReceipt *r, HthErr *err) {
    const HthStr payload = hth_buf_str(&r->envelope.payload);
    HthBuf again;
    HTH_REQUIRE(hth_str_eq(r->envelope.type, HTH_STR(HTH_DSSE_IN_TOTO)), err, HTH_EFORMAT,
                "the envelope holds something else than an in-toto statement");
    HTH_TRY(hth_json_parse(&r->statement, payload, HTH_RECEIPT_MAX, err));
    HTH_TRY(hth_receipt_facts(&r->facts, r->statement, err));
    hth_buf_init(&again, HTH_RECEIPT_MAX);
    HthStatus st = hth_receipt_statement(&again, &r->facts, err);
    if (st == HTH_OK) st = same_bytes(payload, hth_buf_str(&again), "the signed statement", err);
    hth_buf_drop(&again);
    return st;
}

static HthStatus write_again(HthBuf *out, const HthReceipt *r, bool held, HthErr *err) {
    const HthDsse *e = &r->envelope;
    json_t *envelope = NULL, *holder = NULL;
    HTH_TRY(
        hth_dsse_json(&envelope, e->type, hth_buf_str(&e->payload), e->sigs, e->sig_count, err));
    if (held && !(holder = holder_json(r->salt, r->ids, (size_t)r->facts.id_count))) {
        json_decref(envelope);
        return HTH_FAIL(err, HTH_ENOMEM, "out of memory for a receipt");
    }
    return write_file(out, envelope, holder, err);
}

static HthStatus read_file(HthReceipt *r, HthStr file, HthErr *err) {
    HthBuf again;
    HTH_TRY(hth_dsse_parse(&r->envelope, file, HTH_RECEIPT_MAX, err));
    HTH_TRY(read_statement(r, err));
    HTH_TRY(read_holder(r, json_object_get(r->envelope.json, "holder"), err));
    hth_buf_init(&again, HTH_RECEIPT_MAX);
    HthStatus st = write_again(&again, r, r->held, err);
    if (st == HTH_OK) st = same_bytes(file, hth_buf_str(&again), "the receipt", err);
    hth_buf_drop(&again);
    return st;
}

HthStatus hth_receipt_open(HthReceipt **out, HthStr file, HthErr *err) {
    HthReceipt *r = hth_calloc(1, sizeof *r);
    HTH_REQUIRE(r, err, HTH_ENOMEM, "out of memory for a receipt");
    HthStatus st = read_file(r, file, err);
    if (st == HTH_OK)
        *out = r;
    else
        hth_receipt_close(&r);
    return st;
}

void hth_receipt_close(HthReceipt **r) {
    if (!*r) return;
    json_decref((*r)->statement);
    hth_dsse_drop(&(*r)->envelope);
    hth_free((*r)->ids);
    hth_free(*r);
    *r = NULL;
}

HthStatus hth_receipt_share(HthBuf *out, const HthReceipt *r, HthErr *err) {
    return write_again(out, r, false, err);
}

HthStatus hth_receipt_check(const HthReceipt *r, const HthDsseKey *keys, size_t count, size_t *by,
                            HthErr *err) {
    uint32_t whose[HTH_DSSE_SIGNATURES_MAX];
    size_t first = SIZE_MAX;
    HTH_TRY(hth_dsse_check(&r->envelope, keys, count, whose, err));
    for (uint32_t i = 0; i < r->envelope.sig_count; i++) {
        if (whose[i] == HTH_DSSE_NOBODY) continue;
        HTH_REQUIRE(hth_str_eq(r->envelope.sigs[i].keyid, keys[whose[i]].id), err, HTH_EFORMAT,
                    "the signature names another key than the one it was made with");
        if (first == SIZE_MAX) first = whose[i];
    }
    if (by) *by = first;
    return HTH_OK;
}
