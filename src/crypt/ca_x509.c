/* ca_x509.c - certificates: made, signed, revoked, checked; GnuTLS does all of it.
 *
 * Thread: any. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "crypt/ca_int.h"
#include "crypt/hash.h"

enum { EARLIER_S = 300 /* clocks of other machines */, HOST_MAX = 253 };

/* Always among the names an authority is good for. */
static const char *const own_names[] = { "localhost" };
static const char *const own_networks[] = { "127.0.0.0/8", "::1/128" };

struct HthCaTrust {
    gnutls_x509_trust_list_t list;
};

static HthStatus failed(int rc, const char *what, HthErr *err) {
    const HthStatus status = rc == GNUTLS_E_MEMORY_ERROR ? HTH_ENOMEM : HTH_EFORMAT;
    return HTH_FAIL(err, status, "%s: %s", what, gnutls_strerror(rc));
}

void hth_ca_wipe(HthBuf *b) {
    if (b->p) hth_zero(b->p, b->cap);
    hth_buf_drop(b);
}

void hth_ca_pair_drop(HthCaPair *p) {
    if (p->cert) gnutls_x509_crt_deinit(p->cert);
    if (p->key) gnutls_x509_privkey_deinit(p->key);
    *p = (HthCaPair){ 0 };
}

int64_t hth_ca_expires(const HthCaPair *p) {
    return gnutls_x509_crt_get_expiration_time(p->cert);
}

/* ---- names ----------------------------------------------------------------------------------- */

/* The bytes of a literal address, or 0: it is a name. */
static unsigned address_of(const char *host, uint8_t out[16]) {
    if (inet_pton(AF_INET, host, out) == 1) return 4;
    return inet_pton(AF_INET6, host, out) == 1 ? 16 : 0;
}

static bool is_dns_name(HthStr s) {
    for (size_t i = 0; i < s.n; i++) {
        const char c = s.p[i];
        const bool edge = !i || i + 1 == s.n || s.p[i - 1] == '.' || s.p[i + 1] == '.';
        const bool alnum =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && (edge || (c != '-' && c != '.'))) return false;
    }
    return s.n > 0 && s.n <= HOST_MAX;
}

static HthStatus check_host(const char *host, HthErr *err) {
    uint8_t raw[16];
    HTH_REQUIRE(address_of(host, raw) || is_dns_name(hth_str(host)), err, HTH_EINVAL,
                "A host is a DNS name without '*', or a literal address without a port.");
    return HTH_OK;
}

static int add_host(gnutls_x509_crt_t cert, const char *host) {
    uint8_t raw[16];
    const unsigned n = address_of(host, raw);
    return gnutls_x509_crt_set_subject_alt_name(cert, n ? GNUTLS_SAN_IPADDRESS : GNUTLS_SAN_DNSNAME,
                                                n ? (const void *)raw : host,
                                                n ? n : (unsigned)strlen(host), GNUTLS_FSAN_APPEND);
}

static int permit_name(gnutls_x509_name_constraints_t nc, const char *name) {
    const gnutls_datum_t d = { (unsigned char *)(uintptr_t)name, (unsigned)strlen(name) };
    return gnutls_x509_name_constraints_add_permitted(nc, GNUTLS_SAN_DNSNAME, &d);
}

static int permit_network(gnutls_x509_name_constraints_t nc, const char *network) {
    gnutls_datum_t d = { 0 };
    int rc = gnutls_x509_cidr_to_rfc5280(network, &d);
    if (!rc) rc = gnutls_x509_name_constraints_add_permitted(nc, GNUTLS_SAN_IPADDRESS, &d);
    gnutls_free(d.data);
    return rc;
}

static int permit(gnutls_x509_name_constraints_t nc, const char *host) {
    uint8_t raw[16];
    char network[64];
    const unsigned n = address_of(host, raw);
    if (!n) return permit_name(nc, host);
    snprintf(network, sizeof network, "%s/%u", host, 8 * n);
    return permit_network(nc, network);
}

static int constrain(gnutls_x509_crt_t cert, const HthCaWant *want) {
    gnutls_x509_name_constraints_t nc = NULL;
    int rc = gnutls_x509_name_constraints_init(&nc);
    for (size_t i = 0; !rc && i < HTH_COUNT(own_names); i++) rc = permit_name(nc, own_names[i]);
    for (size_t i = 0; !rc && i < HTH_COUNT(own_networks); i++)
        rc = permit_network(nc, own_networks[i]);
    for (size_t i = 0; !rc && i < want->host_count; i++) rc = permit(nc, want->hosts[i]);
    if (!rc) rc = gnutls_x509_crt_set_name_constraints(cert, nc, 1);
    if (nc) gnutls_x509_name_constraints_deinit(nc);
    return rc;
}

/* ---- making ---------------------------------------------------------------------------------- */

/* A server has no common name: where it has no DNS names either, that would be taken for one. */
static const char *name_oid(bool authority, HthCaKind kind) {
    const bool server = !authority && kind == HTH_CA_SERVER;
    return server ? GNUTLS_OID_X520_ORGANIZATIONAL_UNIT_NAME : GNUTLS_OID_X520_COMMON_NAME;
}

static int describe(gnutls_x509_crt_t c, const HthCaWant *want) {
    static const char house[] = "hearth";
    int rc = gnutls_x509_crt_set_version(c, 3);
    if (!rc) rc = gnutls_x509_crt_set_serial(c, want->serial, sizeof want->serial);
    if (!rc) rc = gnutls_x509_crt_set_activation_time(c, (time_t)(want->from_s - EARLIER_S));
    if (!rc) rc = gnutls_x509_crt_set_expiration_time(c, (time_t)want->to_s);
    if (!rc)
        rc = gnutls_x509_crt_set_dn_by_oid(c, GNUTLS_OID_X520_ORGANIZATION_NAME, 0, house,
                                           sizeof house - 1);
    if (!rc)
        rc = gnutls_x509_crt_set_dn_by_oid(c, name_oid(want->authority, want->kind), 0,
                                           want->name.p, (unsigned)want->name.n);
    return rc;
}

static int purpose(gnutls_x509_crt_t c, const HthCaWant *want) {
    int rc = gnutls_x509_crt_set_basic_constraints(c, want->authority, want->authority ? 0 : -1);
    if (want->authority) {
        if (!rc)
            rc = gnutls_x509_crt_set_key_usage(c, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
        return rc ? rc : constrain(c, want);
    }
    const char *oid =
        want->kind == HTH_CA_SERVER ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT;
    if (!rc) rc = gnutls_x509_crt_set_key_usage(c, GNUTLS_KEY_DIGITAL_SIGNATURE);
    if (!rc) rc = gnutls_x509_crt_set_key_purpose_oid(c, oid, 0);
    for (size_t i = 0; !rc && i < want->host_count; i++) rc = add_host(c, want->hosts[i]);
    return rc;
}

static int sign(HthCaPair *p, const HthCaPair *by) {
    uint8_t id[64];
    size_t n = sizeof id;
    int rc = gnutls_x509_crt_get_key_id(p->cert, GNUTLS_KEYID_USE_SHA256, id, &n);
    if (!rc) rc = gnutls_x509_crt_set_subject_key_id(p->cert, id, n);
    n = sizeof id;
    if (!rc && by != p) rc = gnutls_x509_crt_get_subject_key_id(by->cert, id, &n, NULL);
    if (!rc) rc = gnutls_x509_crt_set_authority_key_id(p->cert, id, by == p ? 32 : n);
    if (!rc) rc = gnutls_x509_crt_sign2(p->cert, by->cert, by->key, GNUTLS_DIG_SHA256, 0);
    return rc;
}

HthStatus hth_ca_make(HthCaPair *out, const HthCaWant *want, const HthCaPair *by, HthErr *err) {
    HthCaPair p = { 0 };
    for (size_t i = 0; i < want->host_count; i++) HTH_TRY(check_host(want->hosts[i], err));
    int rc = gnutls_x509_privkey_init(&p.key);
    if (!rc)
        rc = gnutls_x509_privkey_generate(p.key, GNUTLS_PK_ECDSA,
                                          GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    if (!rc) rc = gnutls_x509_crt_init(&p.cert);
    if (!rc) rc = gnutls_x509_crt_set_key(p.cert, p.key);
    if (!rc) rc = describe(p.cert, want);
    if (!rc) rc = purpose(p.cert, want);
    if (!rc) rc = sign(&p, by ? by : &p);
    if (!rc)
        *out = p;
    else
        hth_ca_pair_drop(&p);
    return rc ? failed(rc, "the certificate cannot be made", err) : HTH_OK;
}

/* ---- text ------------------------------------------------------------------------------------ */

static HthStatus add_datum(HthBuf *out, gnutls_datum_t *d, int rc, HthErr *err) {
    HthStatus status = rc ? failed(rc, "the certificate cannot be written", err) : HTH_OK;
    if (!rc) status = hth_buf_add(out, d->data, d->size, err);
    if (d->data) hth_zero(d->data, d->size);
    gnutls_free(d->data);
    d->data = NULL;
    return status;
}

HthStatus hth_ca_pair_text(const HthCaPair *p, HthBuf *cert, HthBuf *key, HthErr *err) {
    gnutls_datum_t d = { 0 };
    int rc = gnutls_x509_crt_export2(p->cert, GNUTLS_X509_FMT_PEM, &d);
    HTH_TRY(add_datum(cert, &d, rc, err));
    rc =
        gnutls_x509_privkey_export2_pkcs8(p->key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &d);
    return add_datum(key, &d, rc, err);
}

static gnutls_datum_t datum(HthStr s) {
    return (gnutls_datum_t){ (unsigned char *)(uintptr_t)s.p, (unsigned)s.n };
}

HthStatus hth_ca_pair_read(HthCaPair *out, HthStr cert, HthStr key, HthErr *err) {
    HthCaPair p = { 0 };
    const gnutls_datum_t c = datum(cert), k = datum(key);
    int rc = gnutls_x509_crt_init(&p.cert);
    if (!rc) rc = gnutls_x509_crt_import(p.cert, &c, GNUTLS_X509_FMT_PEM);
    if (!rc) rc = gnutls_x509_privkey_init(&p.key);
    if (!rc) rc = gnutls_x509_privkey_import(p.key, &k, GNUTLS_X509_FMT_PEM);
    if (!rc)
        *out = p;
    else
        hth_ca_pair_drop(&p);
    return rc ? failed(rc, "ca.crt or ca.key cannot be read", err) : HTH_OK;
}

static int import_any(gnutls_x509_crt_t c, HthStr text) {
    const gnutls_datum_t d = datum(text);
    const bool pem = hth_str_starts(text, HTH_STR("-----"));
    return gnutls_x509_crt_import(c, &d, pem ? GNUTLS_X509_FMT_PEM : GNUTLS_X509_FMT_DER);
}

HthStatus hth_ca_print(HthStr cert, HthBuf *out, HthErr *err) {
    gnutls_x509_crt_t c = NULL;
    gnutls_datum_t d = { 0 };
    int rc = gnutls_x509_crt_init(&c);
    if (!rc) rc = import_any(c, cert);
    if (!rc) rc = gnutls_x509_crt_print(c, GNUTLS_CRT_PRINT_FULL, &d);
    if (c) gnutls_x509_crt_deinit(c);
    return add_datum(out, &d, rc, err);
}

/* ---- the revoked ----------------------------------------------------------------------------- */

static int list_revoked(gnutls_x509_crl_t crl, const HthCaEntry *all, uint32_t count) {
    int rc = 0;
    for (uint32_t i = 0; !rc && i < count; i++) {
        uint8_t serial[HTH_CA_SERIAL_BYTES];
        if (!all[i].revoked_s || !hth_unhex(serial, sizeof serial, hth_str(all[i].serial)))
            continue;
        rc = gnutls_x509_crl_set_crt_serial(crl, serial, sizeof serial, (time_t)all[i].revoked_s);
    }
    return rc;
}

/* Its number is the time, so that a later list has a larger one. */
HthStatus hth_ca_crl(HthBuf *out, const HthCaPair *by, const HthCaEntry *all, uint32_t count,
                     int64_t now_s, HthErr *err) {
    gnutls_x509_crl_t crl = NULL;
    gnutls_datum_t d = { 0 };
    uint8_t number[8], id[64];
    size_t n = sizeof id;
    for (int i = 0; i < 8; i++) number[i] = (uint8_t)((uint64_t)now_s >> (56 - 8 * i));
    int rc = gnutls_x509_crl_init(&crl);
    if (!rc) rc = gnutls_x509_crl_set_version(crl, 2);
    if (!rc) rc = gnutls_x509_crl_set_this_update(crl, (time_t)(now_s - EARLIER_S));
    if (!rc) rc = gnutls_x509_crl_set_next_update(crl, (time_t)hth_ca_expires(by));
    if (!rc) rc = gnutls_x509_crl_set_number(crl, number, sizeof number);
    if (!rc) rc = gnutls_x509_crt_get_subject_key_id(by->cert, id, &n, NULL);
    if (!rc) rc = gnutls_x509_crl_set_authority_key_id(crl, id, n);
    if (!rc) rc = list_revoked(crl, all, count);
    if (!rc) rc = gnutls_x509_crl_sign2(crl, by->cert, by->key, GNUTLS_DIG_SHA256, 0);
    if (!rc) rc = gnutls_x509_crl_export2(crl, GNUTLS_X509_FMT_PEM, &d);
    if (crl) gnutls_x509_crl_deinit(crl);
    return add_datum(out, &d, rc, err);
}

/* ---- checking -------------------------------------------------------------------------------- */

/* How many it holds must be one: what the list does not take is no trust. */
HthStatus hth_ca_trust_make(HthCaTrust **out, HthStr cert, HthStr crl, HthErr *err) {
    gnutls_x509_crt_t authority = NULL;
    time_t ends = (time_t)-1;
    if (!gnutls_x509_crt_init(&authority) && !import_any(authority, cert))
        ends = gnutls_x509_crt_get_expiration_time(authority);
    if (authority) gnutls_x509_crt_deinit(authority);
    HTH_REQUIRE(ends == (time_t)-1 || hth_clock_unix_s() < ends, err, HTH_EDENIED,
                "The authority is past its time; make another one in another folder.");
    const gnutls_datum_t c = datum(cert), r = datum(crl);
    HthCaTrust *t = hth_calloc(1, sizeof *t);
    HTH_REQUIRE(t, err, HTH_ENOMEM, "out of memory for the authority");
    int rc = gnutls_x509_trust_list_init(&t->list, 0);
    if (!rc) {
        rc = gnutls_x509_trust_list_add_trust_mem(t->list, &c, NULL, GNUTLS_X509_FMT_PEM, 0, 0);
        rc = rc == 1 ? 0 : GNUTLS_E_NO_CERTIFICATE_FOUND;
    }
    if (!rc) {
        rc = gnutls_x509_trust_list_add_trust_mem(t->list, NULL, &r, GNUTLS_X509_FMT_PEM,
                                                  GNUTLS_TL_VERIFY_CRL, 0);
        rc = rc == 1 ? 0 : GNUTLS_E_PARSING_ERROR;
    }
    if (!rc)
        *out = t;
    else
        hth_ca_trust_close(&t);
    return rc ? failed(rc, "ca.crt or crl.pem cannot be read", err) : HTH_OK;
}

void hth_ca_trust_close(HthCaTrust **t) {
    if (!*t) return;
    if ((*t)->list) gnutls_x509_trust_list_deinit((*t)->list, 1);
    hth_free(*t);
    *t = NULL;
}

static const char *reason(unsigned status, HthCaFault *fault) {
    static const struct {
        unsigned bit;
        HthCaFault fault;
        const char *sentence;
    } rows[] = {
        { GNUTLS_CERT_REVOKED, HTH_CA_REVOKED, "it was revoked" },
        { GNUTLS_CERT_EXPIRED, HTH_CA_EXPIRED, "it is past its time" },
        { GNUTLS_CERT_NOT_ACTIVATED, HTH_CA_EXPIRED, "it is not good yet" },
        { GNUTLS_CERT_UNEXPECTED_OWNER, HTH_CA_UNFIT, "it is for another host" },
        { GNUTLS_CERT_PURPOSE_MISMATCH, HTH_CA_UNFIT, "it is for another purpose" },
        { GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE, HTH_CA_UNFIT,
          "the authority may not vouch for that name" },
        { GNUTLS_CERT_SIGNER_NOT_FOUND, HTH_CA_FOREIGN, "it is of another authority" },
    };
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        if (!(status & rows[i].bit)) continue;
        *fault = rows[i].fault;
        return rows[i].sentence;
    }
    *fault = HTH_CA_BROKEN;
    return "its signature does not hold";
}

static int verify(const HthCaTrust *t, gnutls_x509_crt_t cert, HthCaKind kind, const char *host,
                  unsigned *status) {
    uint8_t raw[16];
    const unsigned n = host ? address_of(host, raw) : 0;
    const char *oid = kind == HTH_CA_SERVER ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT;
    gnutls_typed_vdata_st data[2] = {
        { .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)(uintptr_t)oid },
        { .type = n ? GNUTLS_DT_IP_ADDRESS : GNUTLS_DT_DNS_HOSTNAME,
          .data = n ? raw : (unsigned char *)(uintptr_t)host,
          .size = n },
    };
    return gnutls_x509_trust_list_verify_crt2(t->list, &cert, 1, data, host ? 2 : 1,
                                              GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_HIGH), status,
                                              NULL);
}

static int describe_seen(HthCaSeen *out, gnutls_x509_crt_t cert, HthCaKind kind) {
    uint8_t serial[HTH_CA_SERIAL_BYTES];
    size_t n = sizeof out->name, serial_n = sizeof serial;
    int rc = gnutls_x509_crt_get_dn_by_oid(cert, name_oid(false, kind), 0, 0, out->name, &n);
    if (!rc && (!n || n != strlen(out->name))) rc = GNUTLS_E_INVALID_REQUEST;
    if (!rc) rc = gnutls_x509_crt_get_serial(cert, serial, &serial_n);
    if (!rc) hth_hex(out->serial, serial, serial_n);
    out->expires_s = gnutls_x509_crt_get_expiration_time(cert);
    return rc;
}

HthStatus hth_ca_check(const HthCaTrust *t, HthStr text, HthCaKind kind, const char *host,
                       HthCaSeen *out, HthCaFault *fault, HthErr *err) {
    gnutls_x509_crt_t cert = NULL;
    HthCaSeen seen = { .name = "" };
    HthCaFault unsaid;
    unsigned status = 0;
    if (!fault) fault = &unsaid;
    *fault = HTH_CA_BROKEN;
    int rc = gnutls_x509_crt_init(&cert);
    if (!rc) rc = import_any(cert, text);
    if (!rc) rc = verify(t, cert, kind, host, &status);
    const char *wrong = status ? reason(status, fault) : NULL;
    if (!rc && !status) rc = describe_seen(&seen, cert, kind);
    if (cert) gnutls_x509_crt_deinit(cert);
    HTH_REQUIRE(rc != GNUTLS_E_MEMORY_ERROR, err, HTH_ENOMEM, "out of memory for a certificate");
    HTH_REQUIRE(!rc, err, HTH_EDENIED, "That is no certificate of this authority: %s.",
                gnutls_strerror(rc));
    HTH_REQUIRE(!status, err, HTH_EDENIED, "The certificate is not good: %s.", wrong);
    *fault = HTH_CA_GOOD;
    *out = seen;
    return HTH_OK;
}
