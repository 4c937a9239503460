/* paging.c - see paging.h.
 *
 * Thread: opening: one owner; at: any. */
#include "op/paging.h"

#include "base/mem.h"
#include "base/readahead.h"
#include "base/room.h"

#define MIB         (UINT64_C(1) << 20)
#define SPARE       (8 * MIB) /* and a sixteenth: what is said to be there is never exact */
#define WINDOW_MIN  (8 * MIB) /* a disk that is asked for less at a time rests in between */
#define WINDOW_MAX  (64 * MIB)
#define PIECES_MANY 4096

struct HthPaging {
    HthReadahead *reader;
    const HthInst *inst; /* of the program */
    uint32_t *first; /* [count] number of the first piece of each product's matrix */
    uint32_t shift; /* of the size of a piece */
};

/* Where a matrix is multiplied: its panels if they came in a file, else its rows. */
static const uint8_t *home(const HthWeight *w) {
    const uint8_t *panels = w->packed ? atomic_load(&w->packed->panels) : NULL;
    return panels ? panels : w->data;
}

static bool multiplied(const HthInst *in) {
    return in->op == HTH_OP_LINEAR;
}

/* Rows that fill no panel are elsewhere then, at most 15: nobody cares about those. */
static size_t bytes_of(const HthWeight *w) {
    return w->row_bytes * (home(w) == w->data ? w->rows : hth_packed_rows(w->rows));
}

/* Pieces begin at multiples of their size, so that they own their pages, also large ones. */
static uint32_t pieces_of(const HthWeight *w, uint32_t shift) {
    const uintptr_t from = (uintptr_t)home(w), last = from + bytes_of(w) - 1;
    return (uint32_t)((last >> shift) - (from >> shift)) + 1;
}

void hth_paging_plan(HthPagingPlan *out, const HthProgram *prog, uint64_t room) {
    const uint64_t spare = room / 16 + SPARE, usable = spare < room ? room - spare : 0;
    HthPagingPlan p = { .piece = 2 * MIB };
    for (uint32_t i = 0; i < prog->count; i++)
        if (multiplied(&prog->inst[i])) p.total += bytes_of(prog->inst[i].w);
    p.kept = p.total;
    if (p.total > usable) {
        p.window = room / 16;
        if (p.window < WINDOW_MIN) p.window = WINDOW_MIN;
        if (p.window > WINDOW_MAX) p.window = WINDOW_MAX;
        p.kept = p.window < usable ? usable - p.window : 0;
        while (p.piece < 8 * MIB && p.total / p.piece > PIECES_MANY) p.piece *= 2;
    }
    *out = p;
}

typedef struct Cut {
    const HthFileMap *const *files;
    uint32_t piece;
    double share; /* of the bytes seen so far, how many are kept */
    uint64_t seen, kept;
} Cut;

static const HthFileMap *file_of(const HthFileMap *const *files, const uint8_t *p) {
    while (*files && !(p >= (*files)->data && p < (*files)->data + (*files)->n)) files++;
    HTH_ASSERT(*files);
    return *files;
}

static uint32_t cut(HthPiece *to, const HthWeight *w, Cut *c) {
    const uint8_t *at = home(w), *end = at + bytes_of(w);
    const HthFileMap *file = file_of(c->files, at);
    uint32_t n = 0;
    while (at < end) {
        size_t len = c->piece - ((uintptr_t)at & (c->piece - 1));
        if (len > (size_t)(end - at)) len = (size_t)(end - at);
        c->seen += len;
        const bool keep = (double)(c->kept + len) <= c->share * (double)c->seen;
        if (keep) c->kept += len;
        to[n++] = (HthPiece){ file, at, len, keep };
        at += len;
    }
    return n;
}

/* Rows of the embedding are read here and there: what lies around them is not wanted. */
static void advise_rows(const HthProgram *prog) {
    for (uint32_t i = 0; i < prog->count; i++) {
        const HthInst *in = &prog->inst[i];
        if (in->op != HTH_OP_EMBED) continue;
        for (uint32_t k = 0; k < prog->count; k++)
            if (multiplied(&prog->inst[k]) && home(prog->inst[k].w) == in->w->data) return;
        hth_room_random(in->w->data, bytes_of(in->w), true);
    }
}

HthStatus hth_paging_open(HthPaging **out, const HthProgram *prog, const HthFileMap *const *files,
                          const HthPagingPlan *plan, HthErr *err) {
    HthStatus st = HTH_OK;
    HthPiece *pieces = NULL;
    uint32_t count = 0, shift = 0;
    HTH_ASSERT(plan->window > 0 && plan->piece > 0 && (plan->piece & (plan->piece - 1)) == 0);
    while (UINT32_C(1) << shift < plan->piece) shift++;
    HthPaging *s = hth_calloc(1, sizeof *s);
    if (s) s->first = hth_calloc(prog->count, sizeof *s->first);
    for (uint32_t i = 0; i < prog->count; i++)
        if (multiplied(&prog->inst[i])) count += pieces_of(prog->inst[i].w, shift);
    if (s && s->first) pieces = hth_calloc(count, sizeof *pieces);
    if (!pieces) {
        st = HTH_FAIL(err, HTH_ENOMEM, "no memory for a table of %u pieces of the model", count);
        goto out;
    }
    s->inst = prog->inst;
    s->shift = shift;
    Cut c = { .files = files, .piece = plan->piece };
    c.share = (double)plan->kept / (double)plan->total;
    uint32_t n = 0;
    for (uint32_t i = 0; i < prog->count; i++) {
        if (!multiplied(&prog->inst[i])) continue;
        s->first[i] = n;
        n += cut(pieces + n, prog->inst[i].w, &c);
    }
    HTH_ASSERT(n == count);
    advise_rows(prog);
    st = hth_readahead_open(&s->reader, pieces, count, plan->window, err);
    if (st != HTH_OK) goto out;
    *out = s;
    s = NULL;
out:
    hth_free(pieces);
    hth_paging_close(&s);
    return st;
}

void hth_paging_close(HthPaging **paging) {
    HthPaging *s = *paging;
    if (!s) return;
    hth_readahead_close(&s->reader);
    hth_free(s->first);
    hth_free(s);
    *paging = NULL;
}

void hth_paging_at(HthPaging *s, const HthInst *in, size_t at, size_t n) {
    const uintptr_t from = (uintptr_t)home(in->w);
    const size_t all = bytes_of(in->w), end = n < all - at ? at + n : all;
    if (at >= all || n == 0) return; /* rows that fill no panel */
    const uint32_t first = s->first[in - s->inst];
    hth_readahead_at(s->reader, first + (uint32_t)(((from + at) >> s->shift) - (from >> s->shift)),
                     first + (uint32_t)(((from + end - 1) >> s->shift) - (from >> s->shift)));
}
