/* credential.h - W3C Verifiable Credentials 2.0 with Data Integrity proofs of eddsa-jcs-2022, and a
 * receipt as one.
 *
 * Keys are did:key, which needs no registry: the identifier is the key.  Contexts are names that
 * nobody fetches.  What a proof covers is the document's canonical JSON, so all of it.
 *
 * Thread: any. */
#ifndef HTH_AUDIT_CREDENTIAL_H
#define HTH_AUDIT_CREDENTIAL_H

#include "audit/receipt.h"

/* ---- spellings ------------------------------------------------------------------------------ */

enum {
    HTH_BASE58_BYTES_MAX = 128,
    HTH_MULTIKEY_TEXT = 64 /* "z6Mk..." and a NUL */
};
/* base58btc; n <= HTH_BASE58_BYTES_MAX. ENOMEM, ELIMIT. */
HTH_MUST_CHECK HthStatus hth_base58(HthBuf *out, const void *bytes, size_t n, HthErr *err);
bool hth_unbase58(void *out, size_t n, HthStr text); /* exactly n bytes, spelled as above */
/* An Ed25519 key in Multikey form: z, base58btc(0xed 0x01 || key). */
void hth_multikey(char out[HTH_MULTIKEY_TEXT], const uint8_t pub[HTH_SIGN_PUBLIC_BYTES]);
bool hth_unmultikey(uint8_t pub[HTH_SIGN_PUBLIC_BYTES], HthStr text);

/* ---- proofs --------------------------------------------------------------------------------- */

/* Adds "proof" to the document (an object without one), made by `signer` as did:key at `created`
 * (RFC 3339).  EINVAL: the document has a proof, or no canonical form.  On failure the document is
 * as before. */
HTH_MUST_CHECK HthStatus hth_credential_sign(json_t *document, const HthSigner *signer,
                                             const char *created, HthErr *err);
/* That its one proof holds, and whose it is; whether to trust that key is the caller's affair.
 * EFORMAT: it does not hold, or is not of this kind: an assertion by did:key over the document's
 * own contexts. */
HTH_MUST_CHECK HthStatus hth_credential_check(const json_t *document,
                                              uint8_t pub[HTH_SIGN_PUBLIC_BYTES], HthErr *err);

/* ---- receipts ------------------------------------------------------------------------------- */

/* What the receipt says, as an unsigned credential issued by did:key of pub. */
HTH_MUST_CHECK HthStatus hth_credential_json(json_t **out, const HthReceipt *r,
                                             const uint8_t pub[HTH_SIGN_PUBLIC_BYTES], HthErr *err);
/* A signed one from its file: canonical JSON and a newline, to the byte what hearth writes of such
 * a receipt, and issued by the key whose proof it bears (*pub; whether to trust it is the caller's
 * affair).  *out is the caller's.  EFORMAT: anything else.  ENOTSUP: of a later kind of receipt. */
HTH_MUST_CHECK HthStatus hth_credential_open(json_t **out, HthStr file,
                                             uint8_t pub[HTH_SIGN_PUBLIC_BYTES], HthErr *err);

#endif
