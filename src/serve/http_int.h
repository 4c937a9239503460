/* http_int.h - what the http_*.c files share, and nobody else: the loop, connections, exchanges.
 *
 * The loop thread owns connections, listeners and exchanges.  Its library sleeps while an exchange
 * is with a prep or spool thread, so an exchange always has one owner (desk.h).
 *
 * Thread: as said at each field. */
#ifndef HTH_SERVE_HTTP_INT_H
#define HTH_SERVE_HTTP_INT_H

#include <gnutls/abstract.h>
#include <microhttpd.h>
#include <pthread.h>
#include <sys/socket.h>

#include "serve/x_int.h"

enum {
    HTH_SURPLUS_MAX = 64, /* connections beyond the limits, which hear 503 */
    HTH_LINGERS_MAX = 64,
    HTH_POOL_BYTES = 32 << 10 /* of the library for a connection: its buffer of lines, too */
};

typedef struct HthCert HthCert; /* a certificate and its key; http_tls.c */

typedef struct HthPort { /* a listener and its share of the HTTP library */
    HthHttp *h;
    struct MHD_Daemon *daemon;
    int fd; /* listening; -1 when given up */
    int epoll_fd; /* the library's */
    char *unix_path; /* to remove in the end; owned; NULL: none of ours */
    uint64_t inode; /* of unix_path */
    uint16_t number; /* TCP port */
    bool is_unix, tls, ready;
    uint32_t fresh; /* connections that have not made a request: of TLS, perhaps in a handshake */
    uint32_t fruitless; /* times the library had more to do and nothing came of it */
    char *cert_file, *key_file; /* owned; NULL: plain */
    char *client_ca; /* owned; NULL: clients are asked for no certificate */
    HthBuf client_ca_pem; /* whose certificates clients are asked for */
    bool client_ca_only;
    _Atomic(HthCert *) cert; /* for new connections; older ones behind it */
} HthPort;

typedef struct HthConn HthConn;
struct HthConn {
    HthPort *port;
    HthX *x; /* the exchange under way, or NULL */
    HthConn *prev, *next;
    int fd;
    bool hung_up; /* the client has closed, or half */
    bool linger; /* it may still be sending what nobody reads */
    bool peer_known;
    bool fresh; /* no request yet */
    bool surplus; /* beyond the limits: hears so, and is closed */
    HthPeer peer;
    struct sockaddr_storage address;
    gnutls_session_t tls; /* the library's; NULL: none */
    const HthCert *checked_by; /* what was in use when the client's certificate was checked */
    int64_t cert_until_s; /* it expires */
    uint64_t bytes_seen; /* TCP: received when the last exchange ended */
    uint64_t slow_since_ns; /* 0: no request has begun to arrive */
    uint64_t began_ns;
};

struct HthHttp {
    HthHttpCfg cfg; /* with defaults filled in; lists below are copies */
    char **hosts, **origins, **uploads;
    HthPort *ports;
    size_t port_count;
    HthDesk desk;
    int epoll_fd;
    /* Of TCP connections, 4 and 6: opened early, as a cage has a network of its own. One reads. */
    int tables[2];
    pthread_mutex_t tables_mutex;
    pthread_t loop;
    bool loop_started;

    /* Loop thread. */
    HthConn *conns;
    HthX *xs;
    uint32_t conn_count, surplus_count; /* surplus: of conn_count */
    uint64_t sweep_ns, ping_ns; /* when to look next */
    bool quiet; /* listeners are given up */
    struct {
        int fd;
        uint64_t until_ns;
    } lingers[HTH_LINGERS_MAX];
    uint32_t linger_count;
    size_t bodies; /* bytes held */

    _Atomic bool draining;
    _Atomic uint32_t n_conns, n_xs;
    _Atomic uint64_t n_requests, n_refused, n_in, n_out, n_rounds;
};

/* http_listen.c */
HTH_MUST_CHECK HthStatus hth_http_listen(HthPort *port, const HthListen *l, HthErr *err);
void hth_http_unlisten(HthPort *port);
HTH_MUST_CHECK HthStatus hth_http_start(HthPort *port, HthErr *err); /* the library's daemon */

/* http_tls.c */
HTH_MUST_CHECK HthStatus hth_http_cert_read(HthCert **out, const HthPort *port, HthErr *err);
/* And the authority of the port's clients. */
HTH_MUST_CHECK HthStatus hth_http_cert_trust(HthCert *cert, const HthPort *port, HthErr *err);
void hth_http_cert_use(HthPort *port, HthCert *cert); /* from now on; owned by the port */
void hth_http_cert_drop(HthCert *cert); /* and all older ones; NULL is fine */
void hth_http_tls_at(const HthPort *port); /* loop thread: whose handshakes come now */
void hth_http_tls_begin(HthConn *conn, struct MHD_Connection *c); /* loop thread */
/* Loop thread: does the client's certificate still hold, if there is one? Fills in its name. */
bool hth_http_tls_holds(HthConn *conn);
/* The library's callback. */
int hth_http_on_handshake(gnutls_session_t session, const gnutls_datum_t *authorities, int n,
                          const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
                          gnutls_pcert_st **chain, unsigned *chain_count, gnutls_privkey_t *key);

/* http_peer.c */
void hth_http_tables_open(HthHttp *h); /* the kernel's lists of connections; best effort */
void hth_http_tables_close(HthHttp *h);
void hth_http_peer(HthConn *conn); /* fills conn->peer */
void hth_http_peer_address(HthConn *conn); /* only its address */
bool hth_http_same_net(const struct sockaddr_storage *a, const struct sockaddr_storage *b);

/* http_request.c: callbacks of the library, loop thread */
enum MHD_Result hth_http_on_accept(void *payload, const struct sockaddr *address, socklen_t n);
void hth_http_on_connection(void *payload, struct MHD_Connection *c, void **slot,
                            enum MHD_ConnectionNotificationCode code);
void *hth_http_on_target(void *payload, const char *target, struct MHD_Connection *c);
enum MHD_Result hth_http_on_request(void *payload, struct MHD_Connection *c, const char *url,
                                    const char *method, const char *version, const char *data,
                                    size_t *n, void **slot);
void hth_http_on_done(void *payload, struct MHD_Connection *c, void **slot,
                      enum MHD_RequestTerminationCode code);

/* http_check.c: what is refused before anybody looks. Returns 0, or the status and the sentence. */
int hth_http_check(HthX *x, const char *version, HthErr *err);

/* http_answer.c, loop thread */
enum MHD_Result hth_x_send(HthX *x); /* gives the answer to the library */
enum MHD_Result hth_x_refuse(HthX *x, int status, const char *sentence); /* and sends */
void hth_x_pump(HthX *x); /* a whole source has more */
bool hth_x_ping(HthX *x, uint64_t now_ns, uint64_t *due_ns);

/* http_loop.c, loop thread */
void *hth_http_loop(void *h);
void hth_x_sleep(HthX *x); /* HthXOps.sleep */
void hth_x_rouse(HthX *x); /* the library looks at it again */
void hth_http_linger(HthHttp *h, int fd);

#endif
