/* http_tls.c - certificates: read, checked against their keys, exchanged while the server runs.
 *
 * The TLS library asks for the certificate at each handshake and keeps what it was given until the
 * handshake ends: older certificates stay until the server is closed.
 *
 * A client's certificate is looked at in the handshake, where what does not hold is refused with
 * the alert that says why; and again, from the session itself, at the connection's first request
 * and whenever authorities were read anew or it has expired.  The second look alone gives a name:
 * a session that was resumed without the first would not gain by it.
 *
 * Thread: any for reading and exchanging; the loop for handshakes. */
#include <gnutls/x509.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "crypt/ca.h"
#include "serve/http_int.h"

enum { PEM_MAX = 1 << 20, CHAIN_MAX = 16, KEY_ID_MAX = 64 };

struct HthCert {
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned count;
    gnutls_privkey_t key;
    HthCaTrust *trust; /* of clients' certificates; NULL: none is good */
    HthCert *older;
};

/* The library's callback has no argument of ours; a loop thread runs one listener at a time. */
static _Thread_local const HthPort *g_at;

void hth_http_tls_at(const HthPort *port) {
    g_at = port;
}

int hth_http_on_handshake(gnutls_session_t session, const gnutls_datum_t *authorities, int n,
                          const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
                          gnutls_pcert_st **chain, unsigned *chain_count, gnutls_privkey_t *key) {
    HthCert *cert = g_at ? atomic_load(&g_at->cert) : NULL;
    (void)session, (void)authorities, (void)n, (void)algorithms, (void)algorithm_count;
    if (!cert) return -1;
    *chain = cert->chain;
    *chain_count = cert->count;
    *key = cert->key;
    return 0;
}

/* ---- clients --------------------------------------------------------------------------------- */

/* HTH_CA_FAULTS: there is none. */
static HthCaFault look_at_client(gnutls_session_t session, const HthCert *by, HthCaSeen *seen) {
    unsigned n = 0;
    HthCaFault fault = HTH_CA_BROKEN;
    HthErr err = { 0 };
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &n);
    if (!chain || !n) return HTH_CA_FAULTS;
    if (!by || !by->trust) return HTH_CA_FOREIGN;
    const HthStr der = { (const char *)chain[0].data, chain[0].size };
    if (hth_ca_check(by->trust, der, HTH_CA_CLIENT, NULL, seen, &fault, &err) == HTH_OK)
        return HTH_CA_GOOD;
    hth_log(HTH_LOG_INFO, "serve: a client certificate is refused: %s", err.text);
    return fault == HTH_CA_GOOD ? HTH_CA_BROKEN : fault;
}

/* In the handshake. */
static int check_client(gnutls_session_t session) {
    static const gnutls_alert_description_t alerts[HTH_CA_FAULTS + 1] = {
        [HTH_CA_REVOKED] = GNUTLS_A_CERTIFICATE_REVOKED,
        [HTH_CA_EXPIRED] = GNUTLS_A_CERTIFICATE_EXPIRED,
        [HTH_CA_FOREIGN] = GNUTLS_A_UNKNOWN_CA,
        [HTH_CA_UNFIT] = GNUTLS_A_UNSUPPORTED_CERTIFICATE,
        [HTH_CA_BROKEN] = GNUTLS_A_BAD_CERTIFICATE,
        [HTH_CA_FAULTS] = GNUTLS_A_CERTIFICATE_REQUIRED,
    };
    HthCaSeen seen;
    HTH_ASSERT(g_at);
    const HthCaFault fault = look_at_client(session, atomic_load(&g_at->cert), &seen);
    const bool none = fault == HTH_CA_FAULTS;
    if (fault == HTH_CA_GOOD || (none && !g_at->client_ca_only)) return 0;
    const bool old = none && gnutls_protocol_get_version(session) < GNUTLS_TLS1_3;
    (void)gnutls_alert_send(session, GNUTLS_AL_FATAL,
                            old ? GNUTLS_A_HANDSHAKE_FAILURE : alerts[fault]);
    return GNUTLS_E_CERTIFICATE_ERROR;
}

void hth_http_tls_begin(HthConn *conn, struct MHD_Connection *c) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (!info || !conn->port->client_ca) return;
    conn->tls = info->tls_session;
    gnutls_certificate_server_set_request(conn->tls, GNUTLS_CERT_REQUEST);
    gnutls_session_set_verify_function(conn->tls, check_client);
}

bool hth_http_tls_holds(HthConn *conn) {
    HthPeer *p = &conn->peer;
    HthCaSeen seen;
    if (!conn->tls) return true;
    const HthCert *by = atomic_load(&conn->port->cert);
    if (conn->checked_by == by && (!p->cert_name[0] || hth_clock_unix_s() < conn->cert_until_s))
        return true;
    const HthCaFault fault = look_at_client(conn->tls, by, &seen);
    if (fault == HTH_CA_FAULTS && !conn->port->client_ca_only) {
        conn->checked_by = by;
        return true;
    }
    if (fault != HTH_CA_GOOD) return false;
    _Static_assert(sizeof p->cert_name == sizeof seen.name, "one name");
    _Static_assert(sizeof p->cert_serial == sizeof seen.serial, "one number");
    if (!p->cert_name[0]) { /* written once: others may read it */
        memcpy(p->cert_serial, seen.serial, sizeof seen.serial);
        memcpy(p->cert_name, seen.name, sizeof seen.name);
    }
    conn->cert_until_s = seen.expires_s;
    conn->checked_by = by;
    return true;
}

/* ---- reading --------------------------------------------------------------------------------- */

static HthStatus read_pem(HthBuf *text, gnutls_datum_t *out, const char *path, HthErr *err) {
    hth_buf_init(text, PEM_MAX);
    HTH_TRY(hth_file_read(text, path, err));
    out->data = (unsigned char *)text->p;
    out->size = (unsigned)text->n;
    return HTH_OK;
}

static bool is_the_keys(const HthCert *cert) {
    uint8_t of_cert[KEY_ID_MAX], of_key[KEY_ID_MAX];
    size_t cert_n = sizeof of_cert, key_n = sizeof of_key;
    gnutls_pubkey_t pub;
    if (gnutls_pubkey_init(&pub)) return false;
    const bool same = !gnutls_pubkey_import_privkey(pub, cert->key, 0, 0) &&
                      !gnutls_pubkey_get_key_id(pub, GNUTLS_KEYID_USE_SHA256, of_key, &key_n) &&
                      !gnutls_pubkey_get_key_id(cert->chain[0].pubkey, GNUTLS_KEYID_USE_SHA256,
                                                of_cert, &cert_n) &&
                      cert_n == key_n && !memcmp(of_cert, of_key, key_n);
    gnutls_pubkey_deinit(pub);
    return same;
}

static HthStatus read_pair(HthCert *cert, const HthPort *port, const gnutls_datum_t *chain,
                           const gnutls_datum_t *key, HthErr *err) {
    unsigned count = CHAIN_MAX;
    HTH_REQUIRE(chain->size && gnutls_pcert_list_import_x509_raw(
                                   cert->chain, &count, chain, GNUTLS_X509_FMT_PEM,
                                   GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED) >= 0,
                err, HTH_EINVAL,
                "%s: no certificate in PEM, or a chain that is not in order (the server's first).",
                port->cert_file);
    cert->count = count;
    HTH_REQUIRE(count && key->size && !gnutls_privkey_init(&cert->key) &&
                    !gnutls_privkey_import_x509_raw(cert->key, key, GNUTLS_X509_FMT_PEM, NULL, 0),
                err, HTH_EINVAL, "%s: no private key in PEM without a passphrase.", port->key_file);
    HTH_REQUIRE(is_the_keys(cert), err, HTH_EINVAL, "%s: is not the key of that certificate.",
                port->key_file);
    return HTH_OK;
}

HthStatus hth_http_cert_read(HthCert **out, const HthPort *port, HthErr *err) {
    HthBuf chain_text, key_text;
    gnutls_datum_t chain = { 0 }, key = { 0 };
    HthCert *cert = hth_calloc(1, sizeof *cert);
    HTH_REQUIRE(cert, err, HTH_ENOMEM, "No memory for the certificates.");
    hth_buf_init(&key_text, PEM_MAX);
    HthStatus st = read_pem(&chain_text, &chain, port->cert_file, err);
    if (st == HTH_OK) st = read_pem(&key_text, &key, port->key_file, err);
    if (st == HTH_OK) st = read_pair(cert, port, &chain, &key, err);
    if (key_text.p) hth_zero(key_text.p, key_text.cap);
    hth_buf_drop(&key_text);
    hth_buf_drop(&chain_text);
    if (st == HTH_OK)
        *out = cert;
    else
        hth_http_cert_drop(cert);
    return st;
}

HthStatus hth_http_cert_trust(HthCert *cert, const HthPort *port, HthErr *err) {
    return port->client_ca ? hth_ca_trust_open(&cert->trust, port->client_ca, err) : HTH_OK;
}

void hth_http_cert_use(HthPort *port, HthCert *cert) {
    cert->older = atomic_load(&port->cert);
    atomic_store(&port->cert, cert);
}

void hth_http_cert_drop(HthCert *cert) {
    while (cert) {
        HthCert *older = cert->older;
        for (unsigned i = 0; i < cert->count; i++) gnutls_pcert_deinit(&cert->chain[i]);
        if (cert->key) gnutls_privkey_deinit(cert->key);
        hth_ca_trust_close(&cert->trust);
        hth_free(cert);
        cert = older;
    }
}
