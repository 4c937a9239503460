/* scribe.c - see scribe.h.
 *
 * A row has two holders, the scribe until it is written and whoever put it until he leaves; the
 * last one frees it.  Whoever waits is woken behind the gate, so that leaving means: no more wakes.
 *
 * Thread: any. */
#include "serve/scribe.h"

#include "base/mem.h"
#include "base/thread.h"
#include "serve/chats_api.h"

enum { ROWS_MAX = 256 };

struct HthKept {
    HthScribe *scribe;
    HthKept *next;
    HthRow row;
    bool written, left; /* behind the gate, as what follows */
    HthStatus status; /* when written */
    HthErr err;
};

struct HthScribe {
    HthChats *chats;
    uint32_t rows_max;
    HthThread *thread;
    HthGate *gate; /* of all below, and of what is kept */
    HthKept *first, *last;
    uint32_t count; /* not yet written */
    bool stop;
};

static void free_kept(HthKept *p) {
    if (p->row.text.p) hth_zero(p->row.text.p, p->row.text.n);
    hth_buf_drop(&p->row.text);
    hth_free(p);
}

/* ---- writing --------------------------------------------------------------------------------- */

static HthKept *next_kept(HthScribe *s) {
    hth_gate_enter(s->gate);
    while (!s->first && !s->stop) hth_gate_wait(s->gate, UINT64_MAX);
    HthKept *p = s->first;
    if (p) s->first = p->next;
    hth_gate_leave(s->gate);
    return p;
}

static void kept_is_written(HthScribe *s, HthKept *p, HthStatus status, const HthErr *err) {
    hth_gate_enter(s->gate);
    s->count--;
    p->status = status;
    p->err = *err;
    p->written = true;
    const bool left = p->left;
    if (!left) p->row.wake(p->row.payload);
    hth_gate_leave(s->gate);
    if (left) free_kept(p);
}

static void scribe_main(void *payload) {
    HthScribe *s = payload;
    for (HthKept *p; (p = next_kept(s));) {
        HthErr err = { 0 };
        const HthStatus st =
            hth_responses_put(s->chats, p->row.user, hth_str(p->row.id), hth_buf_str(&p->row.text),
                              hth_chats_now_ms(), p->row.expires_ms, &err);
        if (st == HTH_EAGAIN) err.status = HTH_EIO; /* it was waited for long enough */
        kept_is_written(s, p, st == HTH_OK ? st : err.status, &err);
    }
}

/* ---- opening --------------------------------------------------------------------------------- */

HthStatus hth_scribe_open(HthScribe **out, HthChats *chats, uint32_t rows_max, HthErr *err) {
    HthScribe *s = hth_calloc(1, sizeof *s);
    HTH_REQUIRE(s, err, HTH_ENOMEM, "no memory for keeping answers");
    s->chats = chats;
    s->rows_max = rows_max ? rows_max : ROWS_MAX;
    HthStatus st = hth_gate_open(&s->gate, err);
    if (st == HTH_OK) st = hth_thread_open(&s->thread, scribe_main, s, err);
    if (st == HTH_OK)
        *out = s;
    else
        hth_scribe_close(&s);
    return st;
}

void hth_scribe_close(HthScribe **scribe) {
    HthScribe *s = *scribe;
    if (!s) return;
    if (s->thread) {
        hth_gate_enter(s->gate);
        s->stop = true;
        hth_gate_ring(s->gate);
        hth_gate_leave(s->gate);
        hth_thread_join(&s->thread);
    }
    HTH_ASSERT(!s->first);
    hth_gate_close(&s->gate);
    hth_free(s);
    *scribe = NULL;
}

/* ---- whoever wants something kept ------------------------------------------------------------ */

HthStatus hth_scribe_keeps_up(HthScribe *s, HthErr *err) {
    hth_gate_enter(s->gate);
    const bool behind = s->count > s->rows_max;
    hth_gate_leave(s->gate);
    HTH_REQUIRE(!behind, err, HTH_EAGAIN,
                "the disk is behind with what earlier answers keep; try again soon, or with "
                "\"store\": false");
    return HTH_OK;
}

HthStatus hth_scribe_put(HthScribe *s, const HthRow *row, HthKept **out, HthErr *err) {
    HthKept *p = hth_calloc(1, sizeof *p);
    HTH_REQUIRE(p, err, HTH_ENOMEM, "no memory for keeping an answer");
    p->scribe = s;
    p->row = *row;
    hth_gate_enter(s->gate);
    if (s->first)
        s->last->next = p;
    else
        s->first = p;
    s->last = p;
    s->count++;
    hth_gate_ring(s->gate);
    hth_gate_leave(s->gate);
    *out = p;
    return HTH_OK;
}

HthStatus hth_kept_look(const HthKept *p, HthErr *err) {
    HthGate *gate = p->scribe->gate;
    hth_gate_enter(gate);
    const HthStatus st = p->written ? p->status : HTH_EAGAIN;
    if (p->written && err) *err = p->err;
    hth_gate_leave(gate);
    return st;
}

void hth_kept_leave(HthKept **kept) {
    HthKept *p = *kept;
    if (!p) return;
    HthGate *gate = p->scribe->gate;
    hth_gate_enter(gate);
    const bool written = p->written;
    p->left = true;
    hth_gate_leave(gate);
    if (written) free_kept(p);
    *kept = NULL;
}
