/* ca_int.h - what ca.c (the folder) and ca_x509.c (the certificates) share.
 *
 * Thread: any. */
#ifndef HTH_CRYPT_CA_INT_H
#define HTH_CRYPT_CA_INT_H

#include <gnutls/x509.h>

#include "crypt/ca.h"

enum { HTH_CA_SERIAL_BYTES = HTH_CA_SERIAL_HEX / 2, HTH_CA_PEM_MAX = 1 << 16 };

/* A certificate and its key; zeroed: none. */
typedef struct HthCaPair {
    gnutls_x509_crt_t cert;
    gnutls_x509_privkey_t key;
} HthCaPair;
void hth_ca_pair_drop(HthCaPair *p);

typedef struct HthCaWant {
    bool authority;
    HthCaKind kind;
    HthStr name;
    const char *const *hosts; /* of a server; of an authority: what it is good for */
    size_t host_count;
    int64_t from_s, to_s;
    uint8_t serial[HTH_CA_SERIAL_BYTES];
} HthCaWant;
/* by NULL: it signs itself. EINVAL: a host is none. */
HTH_MUST_CHECK HthStatus hth_ca_make(HthCaPair *out, const HthCaWant *want, const HthCaPair *by,
                                     HthErr *err);
/* PEM, with what wipes them: hth_ca_wipe. */
HTH_MUST_CHECK HthStatus hth_ca_pair_text(const HthCaPair *p, HthBuf *cert, HthBuf *key,
                                          HthErr *err);
HTH_MUST_CHECK HthStatus hth_ca_pair_read(HthCaPair *out, HthStr cert, HthStr key, HthErr *err);
void hth_ca_wipe(HthBuf *b); /* and drop */

/* The list of those that are revoked, in PEM. */
HTH_MUST_CHECK HthStatus hth_ca_crl(HthBuf *out, const HthCaPair *by, const HthCaEntry *all,
                                    uint32_t count, int64_t now_s, HthErr *err);
HTH_MUST_CHECK HthStatus hth_ca_trust_make(HthCaTrust **out, HthStr cert, HthStr crl, HthErr *err);
HTH_MUST_CHECK HthStatus hth_ca_print(HthStr cert, HthBuf *out, HthErr *err);
int64_t hth_ca_expires(const HthCaPair *p);

#endif
