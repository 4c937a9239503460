/* dsse.h - signed envelopes: DSSE 1.0 (secure-systems-lab/dsse), with Ed25519.
 *
 * What is signed is PAE(type, payload), the very bytes that are handed on, so that nothing has to
 * be canonical to be verified.  A signature's key id is a hint; an envelope is as good as the keys
 * one verifies it with.
 *
 * Thread: any. */
#ifndef HTH_AUDIT_DSSE_H
#define HTH_AUDIT_DSSE_H

#include "base/json.h"
#include "crypt/sign.h"

#define HTH_DSSE_IN_TOTO "application/vnd.in-toto+json"

enum {
    HTH_DSSE_SIGNATURES_MAX = 16,
    HTH_DSSE_SIGNATURE_BYTES_MAX = 8192, /* of one; other kinds than Ed25519 are longer */
    HTH_DSSE_TYPE_MAX = 256
};

/* Appends "DSSEv1 LEN(type) type LEN(payload) payload". */
HTH_MUST_CHECK HthStatus hth_dsse_pae(HthBuf *out, HthStr type, HthStr payload, HthErr *err);

typedef struct HthDsseSig {
    HthStr keyid; /* empty: none */
    HthStr sig;
} HthDsseSig;
/* The envelope of these signatures; *out is the caller's.  Payload and signatures are written in
 * standard base64.  EINVAL: type or a key id is not UTF-8. */
HTH_MUST_CHECK HthStatus hth_dsse_json(json_t **out, HthStr type, HthStr payload,
                                       const HthDsseSig *sigs, size_t count, HthErr *err);

typedef struct HthDsseSigner {
    const HthSigner *key;
    HthStr id; /* may be empty */
} HthDsseSigner;
/* Signs with each. count <= HTH_DSSE_SIGNATURES_MAX. */
HTH_MUST_CHECK HthStatus hth_dsse_sign(json_t **out, HthStr type, HthStr payload,
                                       const HthDsseSigner *signers, size_t count, HthErr *err);

/* An envelope as it was read. */
typedef struct HthDsse {
    HthStr type; /* borrowed from `json` */
    HthBuf payload; /* decoded */
    HthDsseSig sigs[HTH_DSSE_SIGNATURES_MAX];
    uint32_t sig_count; /* at least one */
    json_t *json; /* everything, also members DSSE does not know; owned */
    HthBuf bytes; /* private: what sigs point to */
} HthDsse;
/* EFORMAT: not an envelope.  Base64 may be standard or URL-safe, each strictly.  bytes_max bounds
 * text.n.  On failure *out is zeroed. */
HTH_MUST_CHECK HthStatus hth_dsse_parse(HthDsse *out, HthStr text, size_t bytes_max, HthErr *err);
void hth_dsse_drop(HthDsse *e); /* fine on a zeroed one */

typedef struct HthDsseKey {
    HthStr id; /* what its signatures are marked with; may be empty */
    const uint8_t *pub; /* [HTH_SIGN_PUBLIC_BYTES] */
} HthDsseKey;
enum { HTH_DSSE_NOBODY = UINT32_MAX };
/* by[i]: which of the keys made signature i, or HTH_DSSE_NOBODY; by has HTH_DSSE_SIGNATURES_MAX
 * elements.  EDENIED: none of the keys signed it.  EFORMAT: a signature is marked with a key's id
 * and is not that key's: the envelope was changed, or the mark is a lie. */
HTH_MUST_CHECK HthStatus hth_dsse_check(const HthDsse *e, const HthDsseKey *keys, size_t count,
                                        uint32_t *by, HthErr *err);

#endif
