/* far.c - see far.h.
 *
 * An exchange begins with ASK and ends with END, whatever happens in between; meanwhile it is with
 * a helper (away), waits for the rest of its body, or answers.  What cannot be put on the link for
 * want of room is `stuck` and is looked at again when there is some.
 *
 * Thread: loop, but for what handlers call (x.c). */
#include "serve/far.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "serve/wire.h"

enum { ROUND = 4096 /* records, before the loop looks elsewhere */ };

typedef struct Far {
    HthX x; /* first */
    HthFar *f;
    uint32_t slot;
    uint64_t serial;
    char *text; /* the ASK; what follows points into it */
    HthPair *headers;
    size_t header_count;
    HthPeer peer;
    bool whole; /* the body is here */
    bool verdict, verdict_told; /* an upload may come */
    uint64_t taken; /* bytes of it that are with the sink, and not told yet */
    bool end_due; /* END was there while it was away */
    bool answered; /* ANSWER was sent */
    bool finished; /* FIN, or all bytes */
    bool stuck;
    HthBuf up; /* of an upload: what the sink gets next */
    uint64_t window; /* bytes that may be sent */
    HthXResult result;
    struct Far *next; /* of those that have ended while they were away */
} Far;

struct HthFar {
    HthFarCfg cfg;
    HthLink *link;
    HthDesk desk;
    pthread_t loop;
    bool loop_started, broken, any_stuck;
    Far *slots[HTH_LINK_SLOTS];
    uint32_t used; /* slots up to here have been */
    Far *leaving;
    size_t bodies;
    HthWireAnswer answer; /* for writing one */
    HthBuf text;
};

static Far *far_of(HthX *x) {
    return (Far *)(void *)x;
}

static void breaks(HthFar *f, const char *sentence) {
    if (f->broken) return;
    f->broken = true;
    f->cfg.broken(f->cfg.payload, sentence);
}

/* ---- what handlers ask ----------------------------------------------------------------------- */

static bool header_of(const HthX *x, const char *name, HthStr *out) {
    const Far *fx = (const Far *)(const void *)x;
    for (size_t i = 0; i < fx->header_count; i++) {
        if (!hth_http_same_name(fx->headers[i].name, hth_str(name))) continue;
        *out = hth_str_trim(fx->headers[i].value);
        return true;
    }
    *out = HTH_STR("");
    return false;
}

static size_t headers_of(const HthX *x, HthPair *out, size_t max) {
    const Far *fx = (const Far *)(const void *)x;
    for (size_t i = 0; i < fx->header_count && i < max; i++) out[i] = fx->headers[i];
    return fx->header_count;
}

static const HthPeer *peer_of(const HthX *x) {
    return &((const Far *)(const void *)x)->peer;
}

static const char *from_of(const HthX *x) {
    return peer_of(x)->address;
}

static const HthXOps x_ops = { header_of, headers_of, peer_of, from_of, NULL };

/* ---- exchanges come and go ------------------------------------------------------------------- */

static void far_free(Far *fx) {
    hth_x_answer_drop(&fx->x);
    fx->f->bodies -= fx->x.held;
    hth_buf_drop(&fx->x.body);
    hth_buf_drop(&fx->up);
    hth_free(fx->headers);
    hth_free(fx->text);
    hth_free(fx);
}

static void far_init(Far *fx, HthFar *f) {
    fx->f = f;
    fx->x.ops = &x_ops;
    fx->x.desk = &f->desk;
    fx->window = HTH_LINK_WINDOW;
    fx->x.target.path = HTH_STR("");
    hth_buf_init(&fx->x.body, f->cfg.body_max > HTH_PIECE ? f->cfg.body_max : HTH_PIECE);
    hth_buf_init(&fx->x.out, HTH_OUT_MAX);
    hth_buf_init(&fx->up, HTH_LINK_UP_WINDOW);
}

/* What the END says, where `done` looks for it. */
static void put_result(HthX *x, const HthXResult *r) {
    x->status = r->status;
    x->completed = r->whole;
    x->body_bytes = r->bytes_in;
    x->bytes_out = r->bytes_out;
    x->began_ns = r->began_ns;
    x->first_ns = r->status ? r->first_ns | 1 : 0;
    x->ended_ns = r->ended_ns;
}

static void finish(Far *fx) {
    HthX *x = &fx->x;
    HthFar *f = fx->f;
    put_result(x, &fx->result);
    if (!x->completed) hth_x_tell_gone(x);
    if (x->source_open && x->source.close) x->source.close(x->source.payload);
    if (x->sink.close) x->sink.close(x->sink.payload);
    hth_desk_forget(x);
    if (f->cfg.done) f->cfg.done(f->cfg.payload, x);
    if (f->slots[fx->slot] == fx) f->slots[fx->slot] = NULL;
    for (Far **at = &f->leaving; *at; at = &(*at)->next) {
        if (*at != fx) continue;
        *at = fx->next;
        break;
    }
    far_free(fx);
}

/* ---- answers go back ------------------------------------------------------------------------- */

static bool put(Far *fx, HthLinkKind kind, bool flag, uint64_t number, HthStr bytes) {
    const HthLinkHead head = { .kind = (uint16_t)kind,
                               .flag = flag,
                               .slot = fx->slot,
                               .serial = fx->serial,
                               .number = number };
    if (hth_link_put(fx->f->link, &head, bytes.p, bytes.n, 0)) return true;
    fx->stuck = fx->f->any_stuck = true;
    return false;
}

static HthStr body_of(const HthX *x) {
    return x->kind == HTH_ANSWER_STATIC ? x->fixed : hth_buf_str(&x->out);
}

static bool streams(const HthX *x) {
    return x->kind == HTH_ANSWER_SOURCE && !x->source.whole;
}

/* Without a word to the heap: it has to be said when there is no memory, above all. */
static bool put_answer(Far *fx) {
    const HthX *x = &fx->x;
    HthFar *f = fx->f;
    HthWireAnswer *a = &f->answer;
    a->status = x->status;
    snprintf(a->type, sizeof a->type, "%s", x->type);
    a->sized = !streams(x) || x->source.sized;
    a->length = streams(x) ? x->source.length : body_of(x).n;
    a->ping_ms = x->source.ping_ms;
    snprintf(a->ping, sizeof a->ping, "%s", streams(x) && x->source.ping ? x->source.ping : "");
    a->header_count = x->header_count;
    for (uint32_t i = 0; i < x->header_count; i++)
        a->headers[i] = (HthPair){ hth_str(x->headers[i].name), hth_str(x->headers[i].value) };
    hth_buf_clear(&f->text);
    if (hth_wire_answer_put(&f->text, a, NULL) != HTH_OK) {
        breaks(f, "the headers of an answer are too large");
        return false;
    }
    fx->answered = put(fx, HTH_LINK_ANSWER, false, 0, hth_buf_str(&f->text));
    return fx->answered;
}

/* What is there and may go, goes. */
static void send(Far *fx) {
    HthX *x = &fx->x;
    while (fx->window && !fx->finished) {
        const HthStr all = body_of(x);
        HthStr piece = hth_str_sub(all, x->out_at, HTH_LINK_PIECE);
        if (piece.n > fx->window) piece.n = (size_t)fx->window;
        if (piece.n) {
            if (!put(fx, HTH_LINK_DATA, false, 0, piece)) return;
            x->out_at += piece.n;
            fx->window -= piece.n;
        } else if (!streams(x)) {
            fx->finished = true;
        } else if (x->ended) {
            fx->finished = x->source.sized || put(fx, HTH_LINK_FIN, false, 0, HTH_STR(""));
            return;
        } else {
            hth_buf_clear(&x->out);
            x->out_at = 0;
            hth_x_ask(x);
            if (!x->out.n && !x->ended) return;
        }
    }
}

static void answer(Far *fx) {
    HthX *x = &fx->x;
    if (x->away || x->kind == HTH_ANSWER_NONE || fx->finished || fx->end_due) return;
    if (x->kind == HTH_ANSWER_SOURCE && x->source.whole && !x->ended && !hth_x_collect(x)) return;
    if (!fx->answered && !put_answer(fx)) return;
    send(fx);
}

/* ---- to the helpers, and back ---------------------------------------------------------------- */

static const char full_of_bodies[] =
    "The bodies of other requests fill the memory for them; try again soon.";

static void refuse(Far *fx, int status, const char *sentence) {
    HthFar *f = fx->f;
    HthBuf out;
    hth_buf_init(&out, 1 << 16);
    hth_x_add_header(&fx->x, "Retry-After", HTH_STR("1"));
    if (f->cfg.refusal) f->cfg.refusal(f->cfg.payload, fx->x.target.path, status, sentence, &out);
    hth_x_reply(&fx->x, status, "application/json", hth_buf_str(&out));
    hth_buf_drop(&out);
    answer(fx);
}

static void submit(Far *fx, HthXJob job) {
    if (hth_desk_submit(&fx->x, job)) return;
    refuse(fx, 429, "Too many requests wait to be looked at; try again soon.");
}

/* The next piece of an upload, or what it is for. */
static void go_on(Far *fx) {
    HthX *x = &fx->x;
    if (x->away || x->kind != HTH_ANSWER_NONE || !fx->verdict) return;
    if (fx->up.n) {
        const HthBuf empty = x->body;
        x->body = fx->up;
        fx->up = empty;
        fx->taken += x->body.n;
        submit(fx, HTH_X_JOB_PIECE);
    } else if (fx->whole) {
        submit(fx, HTH_X_JOB_HANDLE);
    }
}

/* A piece that is written and one that arrives: after this none of them wants memory. */
static void begin_upload(Far *fx) {
    HthX *x = &fx->x;
    HthFar *f = fx->f;
    const size_t both = 2 * (size_t)HTH_LINK_UP_WINDOW;
    if (both > f->cfg.bodies_max - f->bodies) {
        refuse(fx, 429, full_of_bodies);
    } else if (hth_buf_reserve(&x->body, HTH_LINK_UP_WINDOW, NULL) != HTH_OK ||
               hth_buf_reserve(&fx->up, HTH_LINK_UP_WINDOW, NULL) != HTH_OK) {
        refuse(fx, 503, "The server has no memory for this upload.");
    } else {
        x->held = both;
        f->bodies += both;
        fx->verdict = true;
    }
}

/* What the front has to know of an upload. */
static void tell(Far *fx) {
    const HthX *x = &fx->x;
    if (x->away || fx->end_due || !fx->verdict) return;
    if (!fx->verdict_told)
        fx->verdict_told = put(fx, HTH_LINK_VERDICT, false, x->sink.bytes_max, HTH_STR(""));
    if (fx->taken && put(fx, HTH_LINK_TAKEN, x->sink_status != HTH_OK, fx->taken, HTH_STR("")))
        fx->taken = 0;
}

static void is_back(Far *fx) {
    HthX *x = &fx->x;
    const HthXJob job = x->job;
    x->away = false;
    x->job = HTH_X_JOB_NONE;
    if (fx->end_due) {
        finish(fx);
        return;
    }
    if (atomic_load(&x->left)) {
        hth_x_tell_gone(x);
        return; /* END comes */
    }
    if (job == HTH_X_JOB_UPLOAD && x->kind == HTH_ANSWER_NONE) {
        HTH_ASSERT(x->sink.write); /* cfg.upload answers or gives a sink */
        begin_upload(fx);
    }
    tell(fx);
    if (job == HTH_X_JOB_HANDLE) HTH_ASSERT(x->kind != HTH_ANSWER_NONE); /* handlers answer */
    go_on(fx);
    answer(fx);
}

static void each_woken(HthX *x, bool back) {
    Far *fx = far_of(x);
    if (back)
        is_back(fx);
    else if (!x->away && x->source_open && !atomic_load(&x->left))
        answer(fx);
}

/* ---- requests arrive ------------------------------------------------------------------------- */

/* False here and below: not what a front says. */
static bool read_ask(Far *fx, HthStr bytes, bool *full) {
    HthX *x = &fx->x;
    HthWireAsk *ask = hth_calloc(1, sizeof *ask);
    fx->text = hth_calloc(bytes.n + 1, 1);
    bool ok = ask && fx->text;
    *full = !ok;
    if (ok) {
        memcpy(fx->text, bytes.p, bytes.n);
        ok = hth_wire_ask_get(ask, (HthStr){ fx->text, bytes.n });
    }
    if (ok && ask->header_count) {
        fx->headers = hth_calloc(ask->header_count, sizeof *fx->headers);
        ok = fx->headers != NULL;
        *full = !ok;
    }
    if (ok) {
        if (ask->header_count)
            memcpy(fx->headers, ask->headers, ask->header_count * sizeof *fx->headers);
        fx->header_count = ask->header_count;
        fx->peer = ask->peer;
        fx->whole = ask->whole;
        memcpy(x->method, ask->method, sizeof x->method);
        x->target.path = ask->path;
        x->target.query_count = ask->query_count;
        memcpy(x->target.query, ask->query, sizeof ask->query);
        x->began_ns = ask->began_ns;
        x->is_upload = ask->is_upload;
        x->is_head = ask->is_head;
        x->same_origin = ask->same_origin;
    }
    hth_free(ask);
    return ok && (!x->is_upload || fx->f->cfg.upload);
}

/* There will be no exchange: what the front says of it goes nowhere. */
static bool no_memory(HthFar *f, const HthLinkHead *head) {
    Far none = { .f = f, .slot = head->slot, .serial = head->serial };
    none.x.kind = HTH_ANSWER_STATIC;
    none.x.status = 503;
    none.x.fixed = HTH_STR("");
    if (!put_answer(&none)) breaks(f, "no memory for a request, and nowhere to say so");
    return true;
}

static bool on_ask(HthFar *f, const HthLinkHead *head, HthStr bytes) {
    if (f->slots[head->slot] || !head->serial) return false;
    Far *fx = hth_calloc(1, sizeof *fx);
    if (!fx) return no_memory(f, head);
    far_init(fx, f);
    fx->slot = head->slot;
    fx->serial = head->serial;
    bool full = false;
    if (!read_ask(fx, bytes, &full)) {
        far_free(fx);
        return full && no_memory(f, head);
    }
    f->slots[fx->slot] = fx;
    if (fx->slot >= f->used) f->used = fx->slot + 1;
    if (fx->x.is_upload)
        submit(fx, HTH_X_JOB_UPLOAD);
    else if (fx->whole)
        submit(fx, HTH_X_JOB_HANDLE);
    return true;
}

static bool on_body(Far *fx, const HthLinkHead *head, HthStr bytes) {
    HthX *x = &fx->x;
    HthFar *f = fx->f;
    (void)head;
    if (fx->whole) return false;
    if (x->kind != HTH_ANSWER_NONE) return true; /* answered already: nobody reads on */
    if (x->is_upload) {
        if (!fx->verdict || bytes.n > HTH_LINK_UP_WINDOW - fx->up.n - fx->taken ||
            bytes.n > x->sink.bytes_max - x->body_bytes ||
            hth_buf_add_str(&fx->up, bytes, NULL) != HTH_OK)
            return false;
        x->body_bytes += bytes.n;
        go_on(fx);
        return true;
    }
    if (bytes.n > f->cfg.bodies_max - f->bodies) {
        refuse(fx, 429, full_of_bodies);
        return true;
    }
    const HthStatus st = hth_buf_add_str(&x->body, bytes, NULL);
    if (st == HTH_ENOMEM) refuse(fx, 503, "The server has no memory for this body.");
    if (st != HTH_OK) return st == HTH_ENOMEM;
    x->held += bytes.n;
    f->bodies += bytes.n;
    x->body_bytes += bytes.n;
    return true;
}

static bool on_whole(Far *fx, const HthLinkHead *head, HthStr bytes) {
    (void)head;
    if (fx->whole || bytes.n) return false;
    fx->whole = true;
    if (fx->x.kind != HTH_ANSWER_NONE) return true;
    if (fx->x.is_upload)
        go_on(fx);
    else
        submit(fx, HTH_X_JOB_HANDLE);
    return true;
}

static bool on_credit(Far *fx, const HthLinkHead *head, HthStr bytes) {
    if (bytes.n || head->number > HTH_LINK_WINDOW - fx->window) return false;
    fx->window += head->number;
    answer(fx);
    return true;
}

static bool on_gone(Far *fx, const HthLinkHead *head, HthStr bytes) {
    (void)head;
    atomic_store(&fx->x.left, true);
    if (!fx->x.away) hth_x_tell_gone(&fx->x);
    return !bytes.n;
}

/* Of a request that only the front has seen: its line in the log. */
static void unseen(HthFar *f, const HthWireEnd *end) {
    Far *fx = hth_calloc(1, sizeof *fx);
    if (!fx) return;
    far_init(fx, f);
    memcpy(fx->x.method, end->method, sizeof fx->x.method);
    memcpy(fx->peer.address, end->from, sizeof fx->peer.address);
    put_result(&fx->x, &end->result);
    if (f->cfg.done) f->cfg.done(f->cfg.payload, &fx->x);
    far_free(fx);
}

static bool on_end(HthFar *f, const HthLinkHead *head, HthStr bytes) {
    HthWireEnd end;
    if (!hth_wire_end_get(&end, bytes)) return false;
    Far *fx = head->slot < HTH_LINK_SLOTS ? f->slots[head->slot] : NULL;
    if (!fx) {
        unseen(f, &end);
        return true;
    }
    if (fx->serial != head->serial || fx->end_due) return false;
    fx->result = end.result;
    fx->end_due = true;
    if (!end.result.whole) atomic_store(&fx->x.left, true);
    if (!fx->x.away) {
        finish(fx);
        return true;
    }
    f->slots[fx->slot] = NULL; /* it may be used again at once */
    fx->next = f->leaving;
    f->leaving = fx;
    return true;
}

static bool take(HthFar *f, const HthLinkHead *head, HthStr bytes) {
    static bool (*const on[HTH_LINK_KINDS])(Far *, const HthLinkHead *, HthStr) = {
        [HTH_LINK_BODY] = on_body,
        [HTH_LINK_WHOLE] = on_whole,
        [HTH_LINK_CREDIT] = on_credit,
        [HTH_LINK_GONE] = on_gone,
    };
    if (head->kind == HTH_LINK_END) return on_end(f, head, bytes);
    if (head->slot >= HTH_LINK_SLOTS) return false;
    if (head->kind == HTH_LINK_ASK) return on_ask(f, head, bytes);
    Far *fx = f->slots[head->slot];
    if (!on[head->kind]) return false;
    if (!fx || fx->serial != head->serial) return true; /* there was no memory for it */
    return on[head->kind](fx, head, bytes);
}

/* ---- round and round ------------------------------------------------------------------------- */

static void unstick(HthFar *f) {
    f->any_stuck = false;
    for (uint32_t i = 0; i < f->used; i++) {
        Far *fx = f->slots[i];
        if (!fx || !fx->stuck || fx->x.away) continue;
        fx->stuck = false;
        tell(fx);
        answer(fx);
    }
}

/* True: there may be more. */
static bool read_link(HthFar *f) {
    HthLinkHead head;
    HthStr bytes;
    int got = 0;
    for (int i = 0; i < ROUND && !f->broken; i++) {
        got = hth_link_take(f->link, &head, &bytes);
        if (got > 0 && !take(f, &head, bytes)) got = -1;
        if (got < 0) breaks(f, "the front sent what no front sends");
        if (got <= 0) return false;
    }
    return !f->broken;
}

/* The helpers are no more. What the front has said before it ended still counts. */
static void end_all(HthFar *f) {
    for (uint32_t i = 0; i < f->used; i++)
        if (f->slots[i]) f->slots[i]->x.away = false;
    while (read_link(f)) {
    }
    while (f->leaving) finish(f->leaving);
    for (uint32_t i = 0; i < f->used; i++) {
        Far *fx = f->slots[i];
        if (!fx) continue;
        fx->x.away = false;
        fx->result = (HthXResult){ .began_ns = fx->x.began_ns, .ended_ns = hth_clock_ns() };
        finish(fx);
    }
}

static void *loop(void *payload) {
    HthFar *f = payload;
    struct pollfd bell = { .fd = hth_link_bell(f->link), .events = POLLIN };
    bool more = true;
    for (;;) {
        uint64_t count;
        if (!more) (void)poll(&bell, 1, 60000);
        const ssize_t rung = read(bell.fd, &count, sizeof count);
        (void)rung;
        hth_link_batch(f->link, true);
        const bool stop = hth_desk_take(&f->desk, each_woken);
        if (!stop && f->any_stuck) unstick(f);
        more = !stop && !f->broken && read_link(f);
        hth_link_batch(f->link, false); /* the tokens of a step wake the front once */
        if (stop) break;
    }
    end_all(f);
    return NULL;
}

/* ---- open and close -------------------------------------------------------------------------- */

HthStatus hth_far_open(HthFar **out, const HthFarCfg *cfg, HthErr *err) {
    HthFar *f = hth_calloc(1, sizeof *f);
    HTH_REQUIRE(f, err, HTH_ENOMEM, "No memory for the server's two processes.");
    HTH_ASSERT(cfg->handle && cfg->broken);
    f->cfg = *cfg;
    if (!f->cfg.prep_threads) f->cfg.prep_threads = 4;
    if (!f->cfg.requests_waiting_max) f->cfg.requests_waiting_max = 256;
    if (!f->cfg.body_max) f->cfg.body_max = (size_t)64 << 20;
    if (!f->cfg.bodies_max) f->cfg.bodies_max = (size_t)1 << 30;
    f->desk.handle = cfg->handle;
    f->desk.upload = cfg->upload;
    f->desk.payload = cfg->payload;
    f->desk.waiting_max = f->cfg.requests_waiting_max;
    f->desk.event_fd = -1;
    hth_desk_init(&f->desk);
    hth_buf_init(&f->text, HTH_LINK_RECORD_MAX - sizeof(HthLinkHead));
    HthStatus st = hth_buf_reserve(&f->text, 16 << 10, err);
    if (st == HTH_OK) st = hth_link_open(&f->link, cfg->map, HTH_LINK_ENGINE, err);
    if (st == HTH_OK) {
        f->desk.event_fd = hth_link_bell(f->link);
        st = hth_desk_start(&f->desk, f->cfg.prep_threads, err);
    }
    if (st == HTH_OK) {
        f->loop_started = hth_desk_thread(&f->loop, loop, f);
        if (!f->loop_started)
            st = HTH_FAIL(err, HTH_EIO, "The system gives the server no more threads.");
    }
    if (st == HTH_OK)
        *out = f;
    else
        hth_far_close(&f);
    return st;
}

void hth_far_close(HthFar **far) {
    HthFar *f = *far;
    *far = NULL;
    if (!f) return;
    hth_desk_stop(&f->desk);
    if (f->loop_started) pthread_join(f->loop, NULL);
    hth_link_close(&f->link);
    hth_buf_drop(&f->text);
    hth_desk_drop(&f->desk);
    hth_free(f);
}

HthHttpStats hth_far_stats(const HthFar *f) {
    return hth_link_stats(f->link);
}
