/* http_int.h - what the http_*.c files share, and nobody else: the loop, connections, exchanges.
 *
 * The loop thread owns connections, listeners and exchanges.  Its library sleeps while an exchange
 * is with a prep or spool thread, so an exchange always has one owner; it changes hands under
 * HthHttp.mutex.  `left` and the lists under the mutex are all that threads share beside that.
 *
 * Thread: as said at each field. */
#ifndef HTH_SERVE_HTTP_INT_H
#define HTH_SERVE_HTTP_INT_H

#include <gnutls/abstract.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "serve/http.h"
#include "serve/http_parse.h"
#include "serve/http_spool.h"

enum {
    HTH_X_HEADERS_MAX = 24, /* of an answer, by the handler */
    HTH_OUT_MAX = 64 << 20, /* bytes a source may append at once, or a whole answer has */
    HTH_PIECE = 1 << 20, /* bytes for a sink at once */
    HTH_SURPLUS_MAX = 64, /* connections beyond the limits, which hear 503 */
    HTH_LINGERS_MAX = 64
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
    uint64_t bytes_seen; /* TCP: received when the last exchange ended */
    uint64_t slow_since_ns; /* 0: no request has begun to arrive */
    uint64_t began_ns;
};

typedef enum HthXState {
    HTH_X_HEADERS, /* the library has them */
    HTH_X_UPLOAD, /* with cfg.upload */
    HTH_X_BODY,
    HTH_X_SPOOL, /* a piece is with the sink */
    HTH_X_PREP, /* waits for, or is with cfg.handle; or a whole answer grows */
    HTH_X_ANSWER, /* the library sends it */
} HthXState;

typedef enum HthAnswerKind {
    HTH_ANSWER_NONE,
    HTH_ANSWER_COPY, /* out */
    HTH_ANSWER_STATIC, /* fixed */
    HTH_ANSWER_SOURCE
} HthAnswerKind;

typedef struct HthHeader {
    char *name, *value; /* one allocation, owned by name */
} HthHeader;

typedef enum HthXJob {
    HTH_X_JOB_NONE,
    HTH_X_JOB_UPLOAD,
    HTH_X_JOB_HANDLE,
    HTH_X_JOB_PIECE
} HthXJob;

struct HthX {
    HthHttp *h;
    HthConn *conn;
    struct MHD_Connection *c;
    HthX *prev, *next; /* all exchanges; loop thread */
    HthXState state;
    bool asleep; /* the library's connection is suspended */
    bool away; /* with a prep or spool thread: the loop touches nothing but what says so */
    bool cut; /* the connection is to end as soon as the library looks at it */
    _Atomic bool left; /* the client is gone */

    char *raw; /* the target; target points into it */
    size_t raw_n;
    HthTarget target;
    char method[16];
    HthBuf body;
    uint64_t body_bytes; /* arrived */
    uint64_t body_limit, wasted; /* wasted: bytes that nobody wanted */
    size_t held; /* of HthHttp.bodies */
    bool too_big, chunked, is_head, unread; /* unread: answered before the body */
    const char *own_origin; /* of a listed origin: what the answer repeats. Borrowed from cfg */
    bool has_origin, same_origin;

    HthSink sink; /* write NULL: none */
    HthStatus sink_status;
    HthErr sink_err;
    bool is_upload;

    HthAnswerKind kind;
    int status;
    char type[96];
    HthHeader headers[HTH_X_HEADERS_MAX];
    uint32_t header_count;
    HthStr fixed;
    HthSource source;
    bool source_open, gone_told, ended; /* ended: `more` said -1 */
    HthBuf out;
    size_t out_at; /* bytes of out that are sent */

    HthNote note;
    uint64_t began_ns, first_ns, ended_ns, sent_ns, bytes_out;
    bool completed;

    /* Under HthHttp.mutex. */
    HthX *woken_next, *job_next;
    bool woken, job_done; /* in the list; why beside a wake */
    HthXJob job;
};

typedef struct HthQueue { /* under HthHttp.mutex */
    HthX *first, *last;
    uint32_t count;
    pthread_cond_t some;
} HthQueue;

struct HthHttp {
    HthHttpCfg cfg; /* with defaults filled in; lists below are copies */
    char **hosts, **origins, **uploads;
    HthPort *ports;
    size_t port_count;
    int epoll_fd, event_fd;
    pthread_t loop;
    bool loop_started, spool_started;
    pthread_t *preps, spool;
    uint32_t prep_count;

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

    pthread_mutex_t mutex;
    HthX *woken_first, *woken_last;
    HthQueue prep_queue, spool_queue;
    bool stop_threads, stop_loop;

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
void hth_http_cert_use(HthPort *port, HthCert *cert); /* from now on; owned by the port */
void hth_http_cert_drop(HthCert *cert); /* and all older ones; NULL is fine */
void hth_http_tls_at(const HthPort *port); /* loop thread: whose handshakes come now */
/* The library's callback. */
int hth_http_on_handshake(gnutls_session_t session, const gnutls_datum_t *authorities, int n,
                          const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
                          gnutls_pcert_st **chain, unsigned *chain_count, gnutls_privkey_t *key);

/* http_peer.c */
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
void hth_x_answer_drop(HthX *x);
bool hth_x_header_value(const HthX *x, const char *name, HthStr *out);

/* http_loop.c, loop thread */
void *hth_http_loop(void *h);
void hth_x_sleep(HthX *x);
void hth_x_rouse(HthX *x); /* the library looks at it again */
void hth_x_tell_gone(HthX *x); /* its source, if it was not told */
void hth_http_linger(HthHttp *h, int fd);

/* http_prep.c */
HTH_MUST_CHECK HthStatus hth_http_threads_start(HthHttp *h, HthErr *err);
void hth_http_threads_stop(HthHttp *h);
/* Loop thread: puts the exchange to sleep and hands it over. False: too many wait already. */
bool hth_x_submit(HthX *x, HthXJob job);

#endif
