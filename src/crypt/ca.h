/* ca.h - a certificate authority of one's own, in a folder: for TLS with other machines of a house.
 *
 * ECDSA over P-256, which every browser takes.  The authority is good for a list of names only
 * (critical name constraints; localhost, 127.0.0.0/8 and ::1 are always among them): who steals its
 * key cannot be anybody else's server.  Server certificates carry the names they are for, client
 * certificates the name of a user; each is good for one of the two purposes only.
 *
 * The folder (0700, every file 0600): ca.crt, ca.key, crl.pem, index.json, NAME.crt, NAME.key.
 * index.json knows a certificate before it exists, so that every one can be revoked; crl.pem is
 * made from it.
 *
 * Thread: any; writers of one folder wait for each other (a lock in it). */
#ifndef HTH_CRYPT_CA_H
#define HTH_CRYPT_CA_H

#include "base/buf.h"

enum {
    HTH_CA_NAME_MAX = 32,
    HTH_CA_HOSTS_MAX = 32,
    HTH_CA_CERTS_MAX = 4096,
    HTH_CA_DAYS = 3650, /* of the authority */
    HTH_CA_CERT_DAYS = 397, /* of what it issues, at most: browsers take no more */
    HTH_CA_SERIAL_HEX = 32
};
typedef enum HthCaKind { HTH_CA_SERVER, HTH_CA_CLIENT } HthCaKind;

/* Makes the folder (its parent must be there) and the authority. hosts: DNS names and literal
 * addresses besides this machine's own; "example.lan" covers what is below it. EINVAL: there is one
 * already, or a host is none. */
HTH_MUST_CHECK HthStatus hth_ca_init(const char *folder, HthStr name, const char *const *hosts,
                                     size_t host_count, int64_t now_s, HthErr *err);

typedef struct HthCaIssue {
    HthCaKind kind;
    HthStr name; /* letters, digits, '.', '_', '-', no '.' in front, 1 to 32; not "ca" */
    const char *const *hosts; /* SERVER: at least one; CLIENT: none */
    size_t host_count;
    uint32_t days; /* 0: HTH_CA_CERT_DAYS; less when the authority ends before */
    int64_t now_s;
} HthCaIssue;
/* Writes NAME.crt and NAME.key. EINVAL: the name is taken (by one that is neither revoked nor past
 * its time), or a host is not among the authority's. */
HTH_MUST_CHECK HthStatus hth_ca_issue(const char *folder, const HthCaIssue *issue, HthErr *err);
/* EINVAL: there is none of that name that is still good. */
HTH_MUST_CHECK HthStatus hth_ca_revoke(const char *folder, HthStr name, int64_t now_s, HthErr *err);

typedef struct HthCaEntry {
    char name[HTH_CA_NAME_MAX + 1];
    HthCaKind kind;
    char serial[HTH_CA_SERIAL_HEX + 1];
    int64_t created_s, expires_s, revoked_s; /* revoked 0: it is not */
} HthCaEntry;
/* *out: an array of *count, the caller's (hth_free); in the order they were issued. */
HTH_MUST_CHECK HthStatus hth_ca_list(const char *folder, HthCaEntry **out, uint32_t *count,
                                     HthErr *err);
/* Appends what a certificate says, as text; name "ca": the authority's own. */
HTH_MUST_CHECK HthStatus hth_ca_show(const char *folder, HthStr name, HthBuf *out, HthErr *err);

/* ---- whom it vouches for --------------------------------------------------------------------- */

typedef struct HthCaTrust HthCaTrust; /* the authority and its list of the revoked, read once */
/* EDENIED: the authority is past its time. */
HTH_MUST_CHECK HthStatus hth_ca_trust_open(HthCaTrust **out, const char *folder, HthErr *err);
void hth_ca_trust_close(HthCaTrust **t);
typedef enum HthCaFault {
    HTH_CA_GOOD,
    HTH_CA_REVOKED,
    HTH_CA_EXPIRED, /* or not good yet */
    HTH_CA_FOREIGN, /* of another authority */
    HTH_CA_UNFIT, /* for another host or purpose, or for what the authority may not vouch for */
    HTH_CA_BROKEN, /* no certificate, or its signature does not hold */
    HTH_CA_FAULTS
} HthCaFault;
typedef struct HthCaSeen {
    char name[HTH_CA_NAME_MAX + 1]; /* whose it is */
    char serial[HTH_CA_SERIAL_HEX + 1];
    int64_t expires_s;
} HthCaSeen;
/* Is it a certificate (PEM or DER) of this authority, good now, for this purpose, and, when host is
 * not NULL, for that host? EDENIED, with what is wrong; *fault (may be NULL) is set in any case.
 * Any thread. */
HTH_MUST_CHECK HthStatus hth_ca_check(const HthCaTrust *t, HthStr cert, HthCaKind kind,
                                      const char *host, HthCaSeen *out, HthCaFault *fault,
                                      HthErr *err);

#endif
