/* dsse.c - see dsse.h. */
#include "audit/dsse.h"

#include <string.h>

#include "crypt/hash.h"

HthStatus hth_dsse_pae(HthBuf *out, HthStr type, HthStr payload, HthErr *err) {
    HTH_TRY(hth_buf_printf(out, err, "DSSEv1 %zu ", type.n));
    HTH_TRY(hth_buf_add_str(out, type, err));
    HTH_TRY(hth_buf_printf(out, err, " %zu ", payload.n));
    return hth_buf_add_str(out, payload, err);
}

/* PAE in a buffer of its own, to be dropped. */
static HthStatus pae_of(HthBuf *out, HthStr type, HthStr payload, HthErr *err) {
    hth_buf_init(out, type.n + payload.n + 64);
    return hth_dsse_pae(out, type, payload, err);
}

/* ---- writing -------------------------------------------------------------------------------- */

static HthStatus set(json_t *object, const char *member, json_t *value, HthErr *err) {
    HTH_REQUIRE(value && json_object_set_new(object, member, value) == 0, err, HTH_ENOMEM,
                "out of memory for an envelope");
    return HTH_OK;
}

static HthStatus set_text(json_t *object, const char *member, HthStr text, HthErr *err) {
    HTH_REQUIRE(hth_utf8_valid(text), err, HTH_EINVAL, "an envelope's %s is not UTF-8", member);
    return set(object, member, json_stringn(text.p, text.n), err);
}

static HthStatus set_base64(json_t *object, const char *member, HthStr bytes, HthErr *err) {
    HthBuf text;
    hth_buf_init(&text, bytes.n / 3 * 4 + 8);
    HthStatus st = hth_base64(&text, HTH_BASE64, bytes.p, bytes.n, err);
    if (st == HTH_OK) st = set_text(object, member, hth_buf_str(&text), err);
    hth_buf_drop(&text);
    return st;
}

static HthStatus fill(json_t *envelope, HthStr type, HthStr payload, const HthDsseSig *sigs,
                      size_t count, HthErr *err) {
    HTH_TRY(set_base64(envelope, "payload", payload, err));
    HTH_TRY(set_text(envelope, "payloadType", type, err));
    json_t *list = json_array();
    HTH_TRY(set(envelope, "signatures", list, err));
    for (size_t i = 0; i < count; i++) {
        json_t *one = json_object();
        HTH_REQUIRE(one && json_array_append_new(list, one) == 0, err, HTH_ENOMEM,
                    "out of memory for an envelope");
        if (sigs[i].keyid.n) HTH_TRY(set_text(one, "keyid", sigs[i].keyid, err));
        HTH_TRY(set_base64(one, "sig", sigs[i].sig, err));
    }
    return HTH_OK;
}

HthStatus hth_dsse_json(json_t **out, HthStr type, HthStr payload, const HthDsseSig *sigs,
                        size_t count, HthErr *err) {
    hth_json_init();
    json_t *envelope = json_object();
    HTH_REQUIRE(envelope, err, HTH_ENOMEM, "out of memory for an envelope");
    const HthStatus st = fill(envelope, type, payload, sigs, count, err);
    if (st == HTH_OK)
        *out = envelope;
    else
        json_decref(envelope);
    return st;
}

HthStatus hth_dsse_sign(json_t **out, HthStr type, HthStr payload, const HthDsseSigner *signers,
                        size_t count, HthErr *err) {
    HthBuf pae;
    uint8_t made[HTH_DSSE_SIGNATURES_MAX][HTH_SIGNATURE_BYTES];
    HthDsseSig sigs[HTH_DSSE_SIGNATURES_MAX];
    HTH_ASSERT(count <= HTH_DSSE_SIGNATURES_MAX);
    HthStatus st = pae_of(&pae, type, payload, err);
    for (size_t i = 0; st == HTH_OK && i < count; i++) {
        hth_sign(signers[i].key, pae.p, pae.n, made[i]);
        sigs[i] = (HthDsseSig){ signers[i].id, { (const char *)made[i], HTH_SIGNATURE_BYTES } };
    }
    if (st == HTH_OK) st = hth_dsse_json(out, type, payload, sigs, count, err);
    hth_buf_drop(&pae);
    return st;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* Standard base64, or the URLs' kind with or without its padding. */
static HthStatus decode(HthBuf *out, HthStr text, const char *what, HthErr *err) {
    const bool whole = text.n % 4 == 0;
    bool url = !whole;
    for (size_t i = 0; i < text.n && !url; i++) url = text.p[i] == '-' || text.p[i] == '_';
    for (int i = 0; i < 2 && url && whole && text.p[text.n - 1] == '='; i++) text.n--;
    const HthStatus st = hth_unbase64(out, url ? HTH_BASE64_URL : HTH_BASE64, text, NULL);
    HTH_REQUIRE(st != HTH_ENOMEM, err, HTH_ENOMEM, "out of memory for an envelope");
    HTH_REQUIRE(st == HTH_OK, err, HTH_EFORMAT, "the envelope's %s is not base64", what);
    return HTH_OK;
}

static HthStatus read_signatures(HthDsse *e, HthErr *err) {
    const json_t *list = json_object_get(e->json, "signatures");
    const size_t count = json_array_size(list);
    size_t ends[HTH_DSSE_SIGNATURES_MAX];
    HTH_REQUIRE(json_is_array(list) && count > 0 && count <= HTH_DSSE_SIGNATURES_MAX, err,
                HTH_EFORMAT, "an envelope has 1 to %d signatures", HTH_DSSE_SIGNATURES_MAX);
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_array_get(list, i), *id = json_object_get(one, "keyid");
        const HthStr sig = hth_json_text(one, "sig");
        HTH_REQUIRE(sig.n > 0 && sig.n / 4 * 3 <= HTH_DSSE_SIGNATURE_BYTES_MAX, err, HTH_EFORMAT,
                    "signature %zu of the envelope is missing or too long", i + 1);
        HTH_REQUIRE(!id || json_is_string(id) || json_is_null(id), err, HTH_EFORMAT,
                    "the key id of signature %zu is not text", i + 1);
        HTH_TRY(decode(&e->bytes, sig, "signature", err));
        ends[i] = e->bytes.n;
        e->sigs[i].keyid = hth_json_text(one, "keyid");
    }
    for (size_t i = 0, from = 0; i < count; from = ends[i++])
        e->sigs[i].sig = hth_str_sub(hth_buf_str(&e->bytes), from, ends[i] - from);
    e->sig_count = (uint32_t)count;
    return HTH_OK;
}

static HthStatus read_envelope(HthDsse *e, HthErr *err) {
    const json_t *payload = json_object_get(e->json, "payload");
    HTH_REQUIRE(json_is_object(e->json), err, HTH_EFORMAT, "an envelope is a JSON object");
    e->type = hth_json_text(e->json, "payloadType");
    HTH_REQUIRE(e->type.n > 0 && e->type.n <= HTH_DSSE_TYPE_MAX, err, HTH_EFORMAT,
                "the envelope has no payloadType of 1 to %d bytes", HTH_DSSE_TYPE_MAX);
    HTH_REQUIRE(json_is_string(payload), err, HTH_EFORMAT, "the envelope has no payload");
    HTH_TRY(decode(&e->payload, hth_json_text(e->json, "payload"), "payload", err));
    return read_signatures(e, err);
}

HthStatus hth_dsse_parse(HthDsse *out, HthStr text, size_t bytes_max, HthErr *err) {
    HthDsse e = { 0 };
    *out = e;
    hth_buf_init(&e.payload, bytes_max);
    hth_buf_init(&e.bytes, bytes_max);
    HthStatus st = hth_json_parse(&e.json, text, bytes_max, err);
    if (st == HTH_OK) st = read_envelope(&e, err);
    if (st == HTH_OK)
        *out = e;
    else
        hth_dsse_drop(&e);
    return st;
}

void hth_dsse_drop(HthDsse *e) {
    json_decref(e->json);
    hth_buf_drop(&e->payload);
    hth_buf_drop(&e->bytes);
    *e = (HthDsse){ 0 };
}

/* ---- checking ------------------------------------------------------------------------------- */

static bool signed_by(const HthDsseSig *s, const HthDsseKey *key, const HthBuf *pae) {
    return s->sig.n == HTH_SIGNATURE_BYTES &&
           hth_sign_ok(key->pub, pae->p, pae->n, (const uint8_t *)s->sig.p);
}

/* Whose it is: the marked key's or nobody's; unmarked or with a strange mark: any key's.  One key
 * may stand in the list under several names: then the marked one counts. */
static HthStatus whose(const HthDsseSig *s, const HthDsseKey *keys, size_t count, const HthBuf *pae,
                       uint32_t *out, HthErr *err) {
    bool marked = false, mine = false;
    *out = HTH_DSSE_NOBODY;
    for (size_t i = 0; i < count && !mine; i++) {
        const bool named = s->keyid.n > 0 && hth_str_eq(s->keyid, keys[i].id);
        marked = marked || named;
        if ((*out != HTH_DSSE_NOBODY && !named) || !signed_by(s, &keys[i], pae)) continue;
        *out = (uint32_t)i;
        mine = named;
    }
    HTH_REQUIRE(!marked || *out != HTH_DSSE_NOBODY, err, HTH_EFORMAT,
                "the signature is not that of the key it names: it was changed after signing, or "
                "signed by somebody else");
    return HTH_OK;
}

HthStatus hth_dsse_check(const HthDsse *e, const HthDsseKey *keys, size_t count, uint32_t *by,
                         HthErr *err) {
    HthBuf pae;
    uint32_t good = 0;
    HthStatus st = pae_of(&pae, e->type, hth_buf_str(&e->payload), err);
    for (uint32_t i = 0; i < e->sig_count && st == HTH_OK; i++) {
        st = whose(&e->sigs[i], keys, count, &pae, &by[i], err);
        good += st == HTH_OK && by[i] != HTH_DSSE_NOBODY;
    }
    hth_buf_drop(&pae);
    HTH_TRY(st);
    HTH_REQUIRE(good > 0, err, HTH_EDENIED, "none of the keys that are trusted here has signed it");
    return HTH_OK;
}
