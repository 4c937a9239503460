/* x_int.h - an exchange, as those who carry it out share it: http_*.c here, far.c from afar.
 *
 * A handler's calls (x.c) fill in what is to be answered; whoever owns the exchange then sends it.
 * It has one owner at a time: the loop, or a prep or spool thread of its desk (desk.h).
 *
 * Thread: as said at each field. */
#ifndef HTH_SERVE_X_INT_H
#define HTH_SERVE_X_INT_H

#include <stdatomic.h>

#include "serve/desk.h"
#include "serve/http_parse.h"
#include "serve/http_spool.h"

enum {
    HTH_X_HEADERS_MAX = 24, /* of an answer, by the handler */
    HTH_OUT_MAX = 64 << 20, /* bytes a source may append at once, or a whole answer has */
    HTH_PIECE = 1 << 20 /* bytes for a sink at once */
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

/* What is known of the request only by who has it. */
typedef struct HthXOps {
    bool (*header)(const HthX *x, const char *name, HthStr *out);
    /* Up to max of them; how many there are. */
    size_t (*headers)(const HthX *x, HthPair *out, size_t max);
    const HthPeer *(*peer)(const HthX *x);
    const char *(*from)(const HthX *x);
    void (*sleep)(HthX *x); /* before it is handed over; NULL: nothing to do */
} HthXOps;

struct HthX {
    const HthXOps *ops;
    HthDesk *desk;
    void *relay; /* of who hands it on (relay.c) */
    bool away; /* with a prep or spool thread: the loop touches nothing but what says so */
    _Atomic bool left; /* the client is gone */

    /* Of http_*.c alone. */
    HthHttp *h;
    struct HthConn *conn;
    struct MHD_Connection *c;
    HthX *prev, *next; /* all exchanges; loop thread */
    HthXState state;
    bool asleep; /* the library's connection is suspended */
    bool cut; /* the connection is to end as soon as the library looks at it */
    char *raw; /* the target; target points into it */
    size_t raw_n;
    const char *raw_end; /* of the target where the library has it; only its place counts */

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

    /* Under the desk's mutex. */
    HthX *woken_next, *job_next;
    bool woken, job_done; /* in the list; why beside a wake */
    HthXJob job;
};

void hth_x_stir(HthX *x); /* http_loop.c; its loop's thread: as hth_x_wake, and at once */

/* x.c; the loop's thread */
void hth_x_ask(HthX *x); /* one look at the source, out being empty */
bool hth_x_collect(HthX *x); /* a whole source has more; true: it has ended */
void hth_x_tell_gone(HthX *x); /* its source, if it was not told */
void hth_x_answer_drop(HthX *x);

#endif
