/* relay.c - see relay.h.
 *
 * Bodies wait for room in the ring, on prep and spool threads; small records of the loop never do:
 * room is kept for them, and when that is full they wait in `backlog`, at most a few for each
 * exchange.
 *
 * Thread: handle, upload on prep threads, write_body on those and the spool thread; the rest the
 * loop.  Under the mutex: putting, the slots, and what a thread waits for. */
#include "serve/relay.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "serve/wire.h"

enum {
    SMALL_ROOM = 1 << 18, /* of the ring, for the loop */
    BACKLOG_MAX = 64 << 20,
    BACKLOG_ROOM = 1 << 18, /* there from the beginning */
    END_ROOM = 256,
    ROUND = 4096 /* records, before the loop looks elsewhere */
};

typedef struct Rx {
    HthRelay *r;
    HthX *x;
    uint32_t slot;
    uint64_t serial;
    HthBuf in; /* of the answer */
    uint64_t window; /* bytes the engine may still send */
    uint64_t eaten; /* taken by the client, and not told yet */
    uint64_t came, length; /* of a sized answer */
    bool answered, sized, fin;
    char ping[HTH_WIRE_PING_MAX + 1];
    /* Under the mutex; the last three and what follows: of uploads. */
    bool asked, held; /* held: its answer is the loop's to let go; until then others write x */
    bool waits, verdict, unwanted;
    uint64_t bytes_max, up_window;
    HthBuf answer; /* came instead of a verdict; empty: none */
} Rx;

struct HthRelay {
    HthRelayCfg cfg;
    HthLink *link;
    _Atomic(HthHttp *) http;
    pthread_mutex_t mutex;
    pthread_cond_t news; /* room, verdicts, windows, the end */
    Rx *slots[HTH_LINK_SLOTS];
    uint32_t free_slots[HTH_LINK_SLOTS], free_count;
    uint64_t serial;
    HthBuf end; /* for writing one */
    HthWireAnswer answer; /* for reading one */
    HthBuf backlog; /* records, each after its bytes' count */
    bool stopped, told_broken;
};

/* ---- the end of it --------------------------------------------------------------------------- */

static void stop_waiting(HthRelay *r) {
    pthread_mutex_lock(&r->mutex);
    r->stopped = true;
    pthread_cond_broadcast(&r->news);
    pthread_mutex_unlock(&r->mutex);
}

static void breaks(HthRelay *r, const char *sentence) {
    stop_waiting(r);
    if (r->told_broken) return;
    r->told_broken = true;
    r->cfg.broken(r->cfg.payload, sentence);
}

void hth_relay_stop(HthRelay *r) {
    stop_waiting(r);
}

/* ---- putting --------------------------------------------------------------------------------- */

static HthLinkHead head_of(const Rx *rx, HthLinkKind kind, uint64_t number) {
    return (HthLinkHead){
        .kind = (uint16_t)kind, .slot = rx->slot, .serial = rx->serial, .number = number
    };
}

/* A helper's: waits for room. False: the server ends. */
static bool put_large(HthRelay *r, const HthLinkHead *head, HthStr bytes) {
    bool put = false;
    pthread_mutex_lock(&r->mutex);
    while (!r->stopped && !put) {
        put = !r->backlog.n && hth_link_put(r->link, head, bytes.p, bytes.n, SMALL_ROOM);
        if (!put) pthread_cond_wait(&r->news, &r->mutex);
    }
    pthread_mutex_unlock(&r->mutex);
    return put;
}

/* The loop's: never waits. */
static void put_small(HthRelay *r, const HthLinkHead *head, HthStr bytes) {
    const uint64_t n = bytes.n;
    bool ok = true;
    pthread_mutex_lock(&r->mutex);
    if (r->backlog.n || !hth_link_put(r->link, head, bytes.p, bytes.n, 0))
        ok = hth_buf_add(&r->backlog, &n, sizeof n, NULL) == HTH_OK &&
             hth_buf_add(&r->backlog, head, sizeof *head, NULL) == HTH_OK &&
             hth_buf_add_str(&r->backlog, bytes, NULL) == HTH_OK;
    pthread_mutex_unlock(&r->mutex);
    if (!ok) breaks(r, "no memory for what the engine has to be told");
}

static void put_backlog(HthRelay *r) {
    size_t at = 0;
    pthread_mutex_lock(&r->mutex);
    while (at < r->backlog.n) {
        uint64_t n;
        HthLinkHead head;
        memcpy(&n, r->backlog.p + at, sizeof n);
        memcpy(&head, r->backlog.p + at + sizeof n, sizeof head);
        if (!hth_link_put(r->link, &head, r->backlog.p + at + sizeof n + sizeof head, n, 0)) break;
        at += sizeof n + sizeof head + n;
    }
    if (at == r->backlog.n)
        hth_buf_clear(&r->backlog);
    else if (at) {
        memmove(r->backlog.p, r->backlog.p + at, r->backlog.n - at);
        r->backlog.n -= at;
    }
    pthread_cond_broadcast(&r->news);
    pthread_mutex_unlock(&r->mutex);
}

/* ---- exchanges ------------------------------------------------------------------------------- */

/* NULL: too many, or no memory. */
static Rx *rx_open(HthRelay *r, HthX *x) {
    Rx *rx = hth_calloc(1, sizeof *rx);
    if (!rx) return NULL;
    rx->r = r;
    rx->x = x;
    rx->window = HTH_LINK_WINDOW;
    rx->up_window = HTH_LINK_UP_WINDOW;
    hth_buf_init(&rx->in, HTH_LINK_WINDOW);
    hth_buf_init(&rx->answer, HTH_LINK_RECORD_MAX);
    pthread_mutex_lock(&r->mutex);
    const bool room = r->free_count > 0;
    if (room) {
        rx->slot = r->free_slots[--r->free_count];
        rx->serial = ++r->serial;
        r->slots[rx->slot] = rx;
    }
    pthread_mutex_unlock(&r->mutex);
    if (!room) {
        hth_free(rx);
        return NULL;
    }
    x->relay = rx;
    return rx;
}

static void rx_close(Rx *rx) {
    HthRelay *r = rx->r;
    pthread_mutex_lock(&r->mutex);
    r->slots[rx->slot] = NULL;
    r->free_slots[r->free_count++] = rx->slot;
    pthread_mutex_unlock(&r->mutex);
    hth_buf_drop(&rx->in);
    hth_buf_drop(&rx->answer);
    hth_free(rx);
}

/* ---- the source that is left ----------------------------------------------------------------- */

static int more(void *payload, HthBuf *out) {
    Rx *rx = payload;
    const size_t n = rx->in.n;
    if (!n) return rx->fin ? -1 : 0;
    HTH_ASSERT(!out->n && out->max >= HTH_LINK_WINDOW);
    const HthBuf empty = *out; /* they change places: nothing is copied, nothing can fail */
    out->p = rx->in.p, out->n = rx->in.n, out->cap = rx->in.cap;
    rx->in.p = empty.p, rx->in.n = 0, rx->in.cap = empty.cap;
    rx->eaten += n;
    if (rx->eaten >= HTH_LINK_WINDOW / 4 && !rx->fin) {
        const HthLinkHead head = head_of(rx, HTH_LINK_CREDIT, rx->eaten);
        rx->window += rx->eaten;
        rx->eaten = 0;
        put_small(rx->r, &head, HTH_STR(""));
    }
    return 1;
}

static void gone(void *payload) {
    Rx *rx = payload;
    const HthLinkHead head = head_of(rx, HTH_LINK_GONE, 0);
    put_small(rx->r, &head, HTH_STR(""));
}

static HthSource source_of(Rx *rx) {
    return (HthSource){ .more = more, .gone = gone, .payload = rx };
}

/* ---- requests go over ------------------------------------------------------------------------ */

static void refuse(const HthRelay *r, HthX *x, int status, const char *sentence) {
    HthBuf out;
    hth_buf_init(&out, 4096);
    if (status == 503) hth_x_add_header(x, "Retry-After", HTH_STR("1"));
    if (r->cfg.refusal) r->cfg.refusal(NULL, hth_x_path(x), status, sentence, &out);
    hth_x_reply(x, status, "application/json", hth_buf_str(&out));
    hth_buf_drop(&out);
}

static void put_stats(HthRelay *r) {
    HthHttp *http = atomic_load(&r->http);
    if (!http) return;
    const HthHttpStats stats = hth_http_stats(http);
    hth_link_stats_put(r->link, &stats);
}

/* ELIMIT, ENOMEM: nobody was asked. */
static HthStatus put_ask(Rx *rx, bool whole) {
    HthX *x = rx->x;
    HthBuf text;
    HthWireAsk *ask = hth_calloc(1, sizeof *ask);
    hth_buf_init(&text, HTH_LINK_RECORD_MAX - sizeof(HthLinkHead));
    HthStatus st = ask ? HTH_OK : HTH_ENOMEM;
    if (ask) {
        const size_t n = x->ops->headers(x, ask->headers, HTH_WIRE_HEADERS_MAX);
        snprintf(ask->method, sizeof ask->method, "%s", x->method);
        ask->path = x->target.path;
        ask->query_count = x->target.query_count;
        memcpy(ask->query, x->target.query, sizeof ask->query);
        ask->header_count = n <= HTH_WIRE_HEADERS_MAX ? (uint32_t)n : 0;
        ask->peer = *hth_x_peer(x);
        ask->began_ns = x->began_ns;
        ask->is_upload = x->is_upload;
        ask->is_head = x->is_head;
        ask->same_origin = x->same_origin;
        ask->whole = whole;
        st = n <= HTH_WIRE_HEADERS_MAX ? hth_wire_ask_put(&text, ask, NULL) : HTH_ELIMIT;
    }
    if (st == HTH_OK) {
        const HthLinkHead head = head_of(rx, HTH_LINK_ASK, 0);
        put_stats(rx->r);
        pthread_mutex_lock(&rx->r->mutex);
        rx->asked = true;
        pthread_mutex_unlock(&rx->r->mutex);
        (void)put_large(rx->r, &head, hth_buf_str(&text));
    }
    hth_buf_drop(&text);
    hth_free(ask);
    return st;
}

static void put_body(Rx *rx, HthStr body) {
    bool put = true;
    for (size_t at = 0; put && at < body.n; at += HTH_LINK_PIECE) {
        const HthLinkHead head = head_of(rx, HTH_LINK_BODY, 0);
        put = put_large(rx->r, &head, hth_str_sub(body, at, HTH_LINK_PIECE));
    }
}

static const char many[] = "Too many requests wait to be looked at; try again soon.";

static void refuse_ask(const HthRelay *r, HthX *x, HthStatus why) {
    if (why == HTH_ELIMIT)
        refuse(r, x, 431, "The headers of the request are too large or too many.");
    else
        refuse(r, x, 503, many);
}

static void handle(void *relay, HthX *x) {
    HthRelay *r = relay;
    Rx *rx = x->relay;
    const bool late = rx != NULL; /* an upload that has come */
    const HthStr body = hth_x_body(x);
    if (!rx) rx = rx_open(r, x);
    if (!rx) {
        refuse(r, x, 503, many);
        return;
    }
    HthSource source = source_of(rx);
    source.held = true;
    hth_x_source(x, 200, "", &source); /* first: the answer may be quick */
    pthread_mutex_lock(&r->mutex);
    rx->held = true;
    pthread_mutex_unlock(&r->mutex);
    const HthStatus asked = late ? HTH_OK : put_ask(rx, body.n == 0);
    if (asked != HTH_OK) {
        /* Not there yet, and nobody else knows of it. */
        x->kind = HTH_ANSWER_NONE;
        x->source_open = false;
        x->source = (HthSource){ 0 };
        refuse_ask(r, x, asked);
        return;
    }
    if (!late && body.n == 0) return;
    put_body(rx, body);
    hth_buf_drop(&x->body);
    const HthLinkHead head = head_of(rx, HTH_LINK_WHOLE, 0);
    (void)put_large(r, &head, HTH_STR(""));
}

static void refusal(void *relay, HthStr path, int status, const char *sentence, HthBuf *out) {
    const HthRelay *r = relay;
    if (r->cfg.refusal) r->cfg.refusal(NULL, path, status, sentence, out);
}

/* ---- uploads --------------------------------------------------------------------------------- */

static HthStatus write_body(void *payload, const void *bytes, size_t n, HthErr *err) {
    Rx *rx = payload;
    HthRelay *r = rx->r;
    const char *from = bytes;
    while (n) {
        pthread_mutex_lock(&r->mutex);
        while (!r->stopped && !rx->unwanted && !rx->up_window)
            pthread_cond_wait(&r->news, &r->mutex);
        const bool on = !r->stopped && !rx->unwanted;
        size_t take = n < HTH_LINK_PIECE ? n : HTH_LINK_PIECE;
        if (take > rx->up_window) take = (size_t)rx->up_window;
        rx->up_window -= on ? take : 0;
        pthread_mutex_unlock(&r->mutex);
        /* Why is for the engine to say, which will be asked. */
        HTH_REQUIRE(on, err, HTH_EIO, "the upload is not wanted any more");
        const HthLinkHead head = head_of(rx, HTH_LINK_BODY, 0);
        (void)put_large(r, &head, (HthStr){ from, take });
        from += take;
        n -= take;
    }
    return HTH_OK;
}

static void give_answer(Rx *rx, const HthWireAnswer *a) {
    for (uint32_t i = 0; i < a->header_count; i++) {
        char name[64];
        const HthStr s = a->headers[i].name;
        if (s.n >= sizeof name) continue;
        memcpy(name, s.p, s.n);
        name[s.n] = '\0';
        hth_x_add_header(rx->x, name, a->headers[i].value);
    }
}

static void upload(void *relay, HthX *x) {
    HthRelay *r = relay;
    HthWireAnswer *a = hth_calloc(1, sizeof *a);
    Rx *rx = a ? rx_open(r, x) : NULL;
    if (!rx) {
        refuse(r, x, 503, many);
    } else {
        rx->waits = true;
        const HthStatus asked = put_ask(rx, false);
        pthread_mutex_lock(&r->mutex);
        while (asked == HTH_OK && !r->stopped && !rx->verdict && !rx->answer.n)
            pthread_cond_wait(&r->news, &r->mutex);
        const bool verdict = rx->verdict, answer = rx->answer.n > 0;
        rx->waits = false;
        pthread_mutex_unlock(&r->mutex);
        const HthSink sink = { .write = write_body, .payload = rx, .bytes_max = rx->bytes_max };
        HthSource source = source_of(rx);
        if (answer && hth_wire_answer_get(a, hth_buf_str(&rx->answer))) {
            source.sized = a->sized;
            source.length = a->length;
            give_answer(rx, a);
            hth_x_source(x, a->status, a->type, &source);
        } else if (verdict) {
            hth_x_spool(x, &sink);
        } else {
            refuse_ask(r, x, asked);
        }
    }
    hth_free(a);
}

/* ---- the end of an exchange ------------------------------------------------------------------ */

static void done(void *relay, const HthX *x) {
    HthRelay *r = relay;
    Rx *rx = x->relay;
    HthWireEnd end = { .result = hth_x_result(x) };
    HthLinkHead head = { .kind = HTH_LINK_END, .slot = HTH_LINK_NOBODY };
    if (rx) head = head_of(rx, HTH_LINK_END, 0);
    if (hth_http_is_token(hth_str(x->method))) memcpy(end.method, x->method, sizeof end.method);
    snprintf(end.from, sizeof end.from, "%s", hth_x_from(x));
    hth_buf_clear(&r->end);
    HTH_ASSERT(hth_wire_end_put(&r->end, &end, NULL) == HTH_OK); /* it has its room */
    put_small(r, &head, hth_buf_str(&r->end));
    put_stats(r);
    if (rx) rx_close(rx);
}

/* ---- answers come back ----------------------------------------------------------------------- */

static bool let_go(Rx *rx, const HthWireAnswer *a) {
    HthX *x = rx->x;
    if (x->kind != HTH_ANSWER_SOURCE || !x->source.held) return false;
    memcpy(rx->ping, a->ping, sizeof rx->ping);
    x->source.sized = a->sized;
    x->source.length = a->length;
    x->source.ping = rx->ping[0] ? rx->ping : NULL;
    x->source.ping_ms = a->ping_ms ? a->ping_ms : 15000;
    give_answer(rx, a);
    hth_x_go(x, a->status, a->type);
    return true;
}

static bool on_answer(Rx *rx, const HthLinkHead *head, HthStr bytes) {
    HthRelay *r = rx->r;
    HthWireAnswer *a = &r->answer;
    (void)head;
    if (rx->answered || !hth_wire_answer_get(a, bytes)) return false;
    rx->answered = true;
    rx->sized = a->sized;
    rx->length = a->length;
    pthread_mutex_lock(&r->mutex);
    const bool waits = rx->waits, held = rx->held; /* neither: its upload still comes */
    const bool ok = !waits || (!rx->verdict && hth_buf_add_str(&rx->answer, bytes, NULL) == HTH_OK);
    pthread_cond_broadcast(&r->news);
    pthread_mutex_unlock(&r->mutex);
    return ok && (waits || (held && let_go(rx, a)));
}

static bool on_data(Rx *rx, const HthLinkHead *head, HthStr bytes) {
    (void)head;
    if (!rx->answered || rx->fin || bytes.n > rx->window ||
        (rx->sized && bytes.n > rx->length - rx->came))
        return false;
    rx->window -= bytes.n;
    rx->came += bytes.n;
    if (hth_buf_add_str(&rx->in, bytes, NULL) != HTH_OK)
        atomic_store(&rx->x->left, true); /* no memory: this one is cut */
    hth_x_stir(rx->x);
    return true;
}

static bool on_fin(Rx *rx, const HthLinkHead *head, HthStr bytes) {
    (void)head;
    if (!rx->answered || rx->sized || rx->fin || bytes.n) return false;
    rx->fin = true;
    hth_x_stir(rx->x);
    return true;
}

static bool on_verdict(Rx *rx, const HthLinkHead *head, HthStr bytes) {
    pthread_mutex_lock(&rx->r->mutex);
    const bool ok = rx->waits && !rx->verdict && !rx->answer.n && !bytes.n;
    rx->verdict |= ok;
    if (ok) rx->bytes_max = head->number; /* once: whoever waited reads it without the lock */
    pthread_cond_broadcast(&rx->r->news);
    pthread_mutex_unlock(&rx->r->mutex);
    return ok;
}

static bool on_taken(Rx *rx, const HthLinkHead *head, HthStr bytes) {
    pthread_mutex_lock(&rx->r->mutex);
    const bool ok = rx->verdict && !bytes.n && head->number <= HTH_LINK_UP_WINDOW - rx->up_window;
    if (ok) rx->up_window += head->number;
    rx->unwanted |= head->flag != 0;
    pthread_cond_broadcast(&rx->r->news);
    pthread_mutex_unlock(&rx->r->mutex);
    return ok;
}

/* False: not what an engine says. */
static bool take(HthRelay *r, const HthLinkHead *head, HthStr bytes) {
    static bool (*const on[HTH_LINK_KINDS])(Rx *, const HthLinkHead *, HthStr) = {
        [HTH_LINK_VERDICT] = on_verdict, [HTH_LINK_ANSWER] = on_answer, [HTH_LINK_DATA] = on_data,
        [HTH_LINK_FIN] = on_fin,         [HTH_LINK_TAKEN] = on_taken,
    };
    if (!on[head->kind] || head->slot >= HTH_LINK_SLOTS) return false;
    pthread_mutex_lock(&r->mutex);
    Rx *rx = r->slots[head->slot];
    const bool was = head->serial && head->serial <= r->serial;
    if (rx && !rx->asked) rx = NULL;
    pthread_mutex_unlock(&r->mutex);
    if (!rx || rx->serial != head->serial) return was; /* to one that has ended */
    return on[head->kind](rx, head, bytes);
}

static void look(void *relay) {
    HthRelay *r = relay;
    HthLinkHead head;
    HthStr bytes;
    uint64_t count;
    int got = 0;
    const ssize_t rung = read(hth_link_bell(r->link), &count, sizeof count);
    (void)rung;
    if (r->told_broken) return;
    put_backlog(r);
    for (int i = 0; i < ROUND; i++) {
        got = hth_link_take(r->link, &head, &bytes);
        if (got > 0 && !take(r, &head, bytes)) got = -1;
        if (got <= 0) break;
    }
    if (got > 0) {
        const uint64_t one = 1; /* later */
        const ssize_t put = write(hth_link_bell(r->link), &one, sizeof one);
        (void)put;
    }
    if (got < 0) breaks(r, "the engine sent what no engine sends");
}

/* ---- open and close -------------------------------------------------------------------------- */

HthStatus hth_relay_open(HthRelay **out, const HthRelayCfg *cfg, HthErr *err) {
    HthRelay *r = hth_calloc(1, sizeof *r);
    HTH_REQUIRE(r, err, HTH_ENOMEM, "No memory for the server's two processes.");
    HTH_ASSERT(cfg->broken);
    r->cfg = *cfg;
    pthread_mutex_init(&r->mutex, NULL);
    pthread_cond_init(&r->news, NULL);
    hth_buf_init(&r->backlog, BACKLOG_MAX);
    while (r->free_count < HTH_LINK_SLOTS) {
        r->free_slots[r->free_count] = HTH_LINK_SLOTS - 1 - r->free_count;
        r->free_count++;
    }
    hth_buf_init(&r->end, END_ROOM);
    HthStatus st = hth_buf_reserve(&r->end, END_ROOM, err);
    if (st == HTH_OK) st = hth_buf_reserve(&r->backlog, BACKLOG_ROOM, err);
    if (st == HTH_OK) st = hth_link_open(&r->link, cfg->map, HTH_LINK_FRONT, err);
    if (st == HTH_OK)
        *out = r;
    else
        hth_relay_close(&r);
    return st;
}

void hth_relay_cfg(HthRelay *r, HthHttpCfg *http) {
    http->handle = handle;
    http->upload = upload;
    http->done = done;
    http->refusal = refusal;
    http->also = look;
    http->also_fd = hth_link_bell(r->link);
    http->payload = r;
}

void hth_relay_serve(HthRelay *r, HthHttp *http) {
    atomic_store(&r->http, http);
}

void hth_relay_close(HthRelay **relay) {
    HthRelay *r = *relay;
    *relay = NULL;
    if (!r) return;
    hth_link_close(&r->link);
    hth_buf_drop(&r->backlog);
    hth_buf_drop(&r->end);
    pthread_cond_destroy(&r->news);
    pthread_mutex_destroy(&r->mutex);
    hth_free(r);
}
