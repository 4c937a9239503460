/* http.h - HTTP/1.1 for hearth: listeners, limits, exchanges, streams.
 *
 * A thin face over libmicrohttpd.  One loop thread owns all sockets.  A request whose body has
 * arrived whole is given to `handle` on a prep thread (parsing, templates and tokenizing may take
 * milliseconds and must not hold up the loop); the connection sleeps meanwhile.  The handler
 * answers at once (hth_x_reply), or leaves a source behind (hth_x_source) that the loop asks for
 * bytes whenever the client can take some: a slow client is asked for less often, and nothing piles
 * up.
 *
 * Everything is bounded: connections, connections of one address, header bytes, body bytes (refused
 * by Content-Length before a byte of it is read), time for headers and body, idle time.  Requests
 * that two readers might understand differently (two Hosts, two lengths, length and chunks) are
 * 400. Host and Origin are compared with allow-lists before anything else looks at the request.
 *
 * Thread: as said at each call. */
#ifndef HTH_SERVE_HTTP_H
#define HTH_SERVE_HTTP_H

#include "base/buf.h"

typedef struct HthHttp HthHttp;
typedef struct HthX HthX; /* one exchange: a request and its answer */

typedef struct HthListen {
    const char *unix_path; /* a unix socket, mode 0600; NULL: TCP */
    const char *host; /* a literal address */
    uint16_t port; /* 0: any free one */
    int fd; /* an inherited listening socket (socket activation); -1: none */
    const char *cert_file, *key_file; /* PEM: TLS 1.3 (and 1.2); NULL: plain */
    /* A folder with ca.crt and crl.pem of an authority (crypt/ca.h): clients are asked for one of
     * its certificates. With TLS only; NULL: they are not asked. */
    const char *client_ca;
    bool client_ca_only; /* without one there is no connection */
} HthListen;

enum { HTH_PEER_CERT_MAX = 32 };

/* Who is at the other end, as the kernel says, or a certificate that holds. */
typedef struct HthPeer {
    bool local; /* unix socket or loopback */
    bool uid_known; /* by peer credentials, or by the owner of the peer's socket */
    uint32_t uid;
    bool tls;
    char address[64]; /* for the log; "unix" */
    char cert_name[HTH_PEER_CERT_MAX + 1]; /* of a client certificate that holds now; "": none */
    char cert_serial[HTH_PEER_CERT_MAX + 1]; /* hexadecimal */
} HthPeer;

typedef struct HthHttpCfg {
    const HthListen *listens;
    size_t listen_count;
    const char *const
        *hosts; /* names clients may call us by, besides literal loopback and localhost */
    size_t host_count;
    const char *const *origins; /* of pages that may call the API; none: only our own page */
    size_t origin_count;
    /* Those beyond hear 503 with Retry-After; a crowd of them nothing. 0: 1024, 256 */
    uint32_t connections_max, connections_per_address_max;
    size_t body_max; /* bytes; 0: 64 MiB */
    uint32_t prep_threads; /* 0: 2 */
    uint32_t requests_waiting_max; /* for a prep thread; more is 429 with Retry-After. 0: 256 */
    uint32_t idle_ms; /* 0: 120000 */
    void (*handle)(void *payload, HthX *x); /* prep thread; must answer or leave a source */
    void *payload;
    /* Bodies of requests to these paths are files: see http_spool.h. */
    const char *const *uploads;
    size_t upload_count;
    void (*upload)(void *payload, HthX *x); /* prep thread, before the body is read */
    /* The body of a refusal that no handler saw, in the words of the path's API; on any of our
     * threads. NULL: {"error": {"message": ..., "type": ..., "code": ...}}. */
    void (*refusal)(void *payload, HthStr path, int status, const char *sentence, HthBuf *out);
    /* Loop thread, after the last byte, before the exchange is forgotten: for the access log. */
    void (*done)(void *payload, const HthX *x);
    /* Loop thread, when also_fd can be read. NULL: nothing is watched. */
    void (*also)(void *payload);
    int also_fd;
    /* In hth_http_open, when all sockets are bound and there is no thread yet. */
    HthStatus (*bound)(void *payload, HthErr *err);
    void *bound_payload;
    size_t bodies_max; /* bytes of all bodies held at once; 0: 1 GiB, at least body_max */
    uint32_t header_ms; /* from a request's first byte to its last header; 0: 20000 */
    uint32_t body_grace_ms; /* a body may take this and 8 KiB/s; 0: 30000 */
} HthHttpCfg;

HTH_MUST_CHECK HthStatus hth_http_open(HthHttp **out, const HthHttpCfg *cfg, HthErr *err);
uint16_t hth_http_port(const HthHttp *h, size_t listen); /* of a TCP listener, really bound */
/* Certificates and keys of the listeners are read again, for connections to come (SIGHUP). When one
 * cannot be read all stay as they are. Authorities of clients and what they have revoked are read
 * again too, and hold for the connections there are: those whose certificate is good no more are
 * cut. When that cannot be read, no client certificate is good until it can. */
HTH_MUST_CHECK HthStatus hth_http_reload(HthHttp *h, HthErr *err);
/* No new connections or requests; those under way go on. */
void hth_http_drain(HthHttp *h);
uint32_t hth_http_busy(HthHttp *h); /* exchanges under way */
void hth_http_close(HthHttp **h); /* cuts what is still open */

typedef struct HthHttpStats {
    uint32_t connections, exchanges;
    uint64_t requests, refused; /* refused: before a handler saw them, or 429 */
    uint64_t bytes_in, bytes_out;
    uint64_t rounds; /* of the loop: few while nothing happens */
} HthHttpStats;
HthHttpStats hth_http_stats(HthHttp *h);

/* ---- the request (prep thread; borrowed until the exchange ends)
 * ------------------------------ */

HthStr hth_x_method(const HthX *x); /* "GET", "HEAD", "POST", ... */
HthStr hth_x_path(const HthX *x); /* decoded, absolute, no "..", no NUL */
/* Query, header (any case), cookie; HTH_STR("") and false when absent. */
bool hth_x_query(const HthX *x, const char *name, HthStr *out);
bool hth_x_header(const HthX *x, const char *name, HthStr *out);
bool hth_x_cookie(const HthX *x, const char *name, HthStr *out);
HthStr hth_x_body(const HthX *x); /* empty for uploads */
const HthPeer *hth_x_peer(const HthX *x); /* the first call of a connection looks it up */
bool hth_x_same_origin(const HthX *x); /* no Origin, or our own */
bool hth_x_left(const HthX *x); /* any time: the client is gone, nobody waits for an answer */

/* ---- the answer
 * ------------------------------------------------------------------------------- */

void hth_x_add_header(HthX *x, const char *name, HthStr value); /* before reply or source */
/* The whole answer at once. body is copied. */
void hth_x_reply(HthX *x, int status, const char *content_type, HthStr body);
/* A body that lives as long as the program (embedded files): not copied. */
void hth_x_reply_static(HthX *x, int status, const char *content_type, HthStr body);

typedef struct HthSource {
    /* Loop thread, never two at once: appends what is there. 1: something was appended; 0: nothing
     * now, ask again after hth_x_wake(); -1: the end (what was appended still goes out). */
    int (*more)(void *payload, HthBuf *out);
    /* Loop thread, at once when the client has left, also while nothing is being sent. */
    void (*gone)(void *payload);
    void (*close)(void *payload); /* loop thread, last of all, always, once */
    void *payload;
    const char *ping; /* sent when nothing was for ping_ms (": ping\n\n"); NULL: nothing */
    uint32_t ping_ms; /* 0: 15000 */
    bool whole; /* collected and sent with its length, as one answer, when `more` says -1 */
    bool sized; /* a body of so many bytes; `more` never gives another number */
    uint64_t length;
    bool held; /* nothing is sent before hth_x_go */
} HthSource;
/* Headers go out at once unless whole. */
void hth_x_source(HthX *x, int status, const char *content_type, const HthSource *source);
void hth_x_go(HthX *x, int status, const char *content_type); /* loop thread */
void hth_x_status(HthX *x, int status); /* of a whole source, until its end */
void hth_x_wake(HthX *x); /* any thread: `more` has something; fine until `close` has returned */

/* ---- for the access log
 * ----------------------------------------------------------------------------- */

/* What the handler or the source knows and http does not; strings that live as long as the program,
 * or until the exchange ends. Whoever owns the exchange at the moment may set it. */
typedef struct HthNote {
    HthStr route; /* "POST /v1/chat/completions": the table's words, never the client's */
    char user[64]; /* who it was */
    uint32_t tokens_in, tokens_out;
    void *trail; /* what the log says of it (evidence.h); whoever is `done` closes it */
} HthNote;
HthNote *hth_x_note(HthX *x);
const HthNote *hth_x_noted(const HthX *x);
const char *hth_x_from(const HthX *x); /* HthPeer.address, without asking who it is */

typedef struct HthXResult {
    int status; /* 0: the client left before there was an answer */
    bool whole; /* the client took all of it */
    uint64_t bytes_in, bytes_out; /* of bodies */
    uint64_t began_ns, first_ns, ended_ns; /* hth_clock_ns; first: headers sent, or 0 */
} HthXResult;
HthXResult hth_x_result(const HthX *x); /* in `done` */

#endif
