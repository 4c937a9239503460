/* tls.h - a certificate signed by itself, and a TLS client: bytes out, bytes in.
 *
 * Include after cmocka's usual headers (test.h does). Header only.
 *
 * Thread: the test's. */
#ifndef HTH_TESTS_SUPPORT_TLS_H
#define HTH_TESTS_SUPPORT_TLS_H

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <time.h>

#include "support/http_client.h"

/* A certificate for localhost, signed by itself. */
static inline void tls_make_cert(const char *cert, const char *key) {
    gnutls_x509_privkey_t k;
    gnutls_x509_crt_t c;
    gnutls_datum_t pem = { 0 };
    const time_t now = time(NULL);
    assert_int_equal(gnutls_x509_privkey_init(&k), 0);
    assert_int_equal(gnutls_x509_privkey_generate(
                         k, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
                     0);
    assert_int_equal(gnutls_x509_crt_init(&c), 0);
    gnutls_x509_crt_set_version(c, 3);
    gnutls_x509_crt_set_serial(c, "\1", 1);
    gnutls_x509_crt_set_dn(c, "CN=localhost", NULL);
    gnutls_x509_crt_set_activation_time(c, now - 60);
    gnutls_x509_crt_set_expiration_time(c, now + 86400);
    gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_DNSNAME, "localhost", 9, 0);
    gnutls_x509_crt_set_key(c, k);
    assert_int_equal(gnutls_x509_crt_sign2(c, c, k, GNUTLS_DIG_SHA256, 0), 0);
    assert_int_equal(gnutls_x509_crt_export2(c, GNUTLS_X509_FMT_PEM, &pem), 0);
    assert_int_equal(hth_file_write(cert, pem.data, pem.size, 0600, NULL), HTH_OK);
    gnutls_free(pem.data);
    assert_int_equal(gnutls_x509_privkey_export2(k, GNUTLS_X509_FMT_PEM, &pem), 0);
    assert_int_equal(hth_file_write(key, pem.data, pem.size, 0600, NULL), HTH_OK);
    gnutls_free(pem.data);
    gnutls_x509_crt_deinit(c);
    gnutls_x509_privkey_deinit(k);
}

typedef struct Tls {
    int fd;
    gnutls_session_t session;
    gnutls_certificate_credentials_t trust;
} Tls;

/* 0, or the library's error. cert and key: what the client shows, whether or not the server wants
 * one of that authority; NULL: nothing. before: a session to resume, or NULL. */
static inline int tls_connect_as(Tls *t, uint16_t port, const char *trust, const char *priorities,
                                 const char *cert, const char *key, const gnutls_datum_t *before) {
    int e;
    t->fd = client_tcp(port);
    assert_true(t->fd >= 0);
    gnutls_certificate_allocate_credentials(&t->trust);
    assert_int_equal(gnutls_certificate_set_x509_trust_file(t->trust, trust, GNUTLS_X509_FMT_PEM),
                     1);
    if (cert)
        assert_int_equal(
            gnutls_certificate_set_x509_key_file(t->trust, cert, key, GNUTLS_X509_FMT_PEM), 0);
    gnutls_init(&t->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL | GNUTLS_FORCE_CLIENT_CERT);
    if (before) gnutls_session_set_data(t->session, before->data, before->size);
    assert_int_equal(gnutls_priority_set_direct(t->session, priorities, NULL), 0);
    gnutls_credentials_set(t->session, GNUTLS_CRD_CERTIFICATE, t->trust);
    gnutls_session_set_verify_cert(t->session, "localhost", 0);
    gnutls_transport_set_int(t->session, t->fd);
    gnutls_handshake_set_timeout(t->session, DEADLINE_MS);
    while ((e = gnutls_handshake(t->session)) < 0 && !gnutls_error_is_fatal(e)) {
    }
    return e;
}

static inline int tls_connect(Tls *t, uint16_t port, const char *trust, const char *priorities) {
    return tls_connect_as(t, port, trust, priorities, NULL, NULL, NULL);
}

static inline void tls_close(Tls *t) {
    gnutls_deinit(t->session);
    gnutls_certificate_free_credentials(t->trust);
    close(t->fd);
}

static inline void tls_say(Tls *t, const char *text) {
    assert_int_equal(gnutls_record_send(t->session, text, strlen(text)), strlen(text));
}

static inline void tls_until(Tls *t, HthBuf *in, const char *text) {
    char bytes[16384];
    while (hth_str_find(hth_buf_str(in), hth_str(text)) == SIZE_MAX) {
        const ssize_t n = gnutls_record_recv(t->session, bytes, sizeof bytes);
        if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED) continue;
        if (n <= 0) fail_msg("the end before \"%s\": %.200s", text, hth_buf_str(in).p);
        assert_int_equal(hth_buf_add(in, bytes, (size_t)n, NULL), HTH_OK);
    }
}

#endif
