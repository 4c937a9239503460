/* attend.c - attention over runs of pages and their merge; the exponential's accuracy.
 *
 * Thread: main. */
#include "check/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

enum { QUERIES_MAX = 20, DIM_MAX = 160 };

typedef struct Page {
    const HthKern *kern;
    void (*bent)(const HthAttendPage *page, const HthAttendBend *bend); /* NULL: kern's */
    HthAttendPage a;
    HthAttendBend bend;
} Page;

static void run_page(void *ctx) {
    Page *p = ctx;
    if (!p->bend.skip && !p->bend.slope && p->bend.cap == 0.0f)
        p->kern->attend_page(&p->a);
    else
        (p->bent ? p->bent : hth_kern_more(p->kern)->attend_bent)(&p->a, &p->bend);
}

typedef struct Outs {
    float m[QUERIES_MAX], l[QUERIES_MAX];
    Guard o;
} Outs;

static void aim(Page *p, const HthKern *kern, Outs *o) {
    p->kern = kern;
    p->a.m = o->m;
    p->a.l = o->l;
    p->a.o = (float *)(void *)o->o.p;
}

/* Rows made by the truth, so that both read the same page; positions past `seen` hold NaN. */
static void fill_page(Check *k, const HthAttendPage *a, uint32_t seen, Fill how, uint8_t *keys,
                      uint8_t *values) {
    float row[DIM_MAX];
    uint8_t code[DIM_MAX * 4];
    for (uint32_t t = 0; t < HTH_PAGE_LEN; t++) {
        fill(k, how == FILL_HUGE ? FILL_RANDOM : how, row, a->head_dim);
        for (uint32_t i = 0; t >= seen && i < a->head_dim; i++) row[i] = NAN;
        k->truth->kv_store(a->type, row, a->head_dim, code);
        hth_kv_put_key(a->type, a->head_dim, code, keys, t);
        fill(k, how, row, a->head_dim_v);
        for (uint32_t i = 0; t >= seen && i < a->head_dim_v; i++) row[i] = NAN;
        k->truth->kv_store(a->type, row, a->head_dim_v, code);
        hth_kv_put_value(a->type, a->head_dim_v, code, values, t);
    }
}

/* Three pages, the last of them seen in part: by each query as far as its count. */
static void one_run(Check *k, HthAttendPage a, uint32_t least, Fill how) {
    char what[128];
    uint32_t n = a.queries, count[QUERIES_MAX], skip[QUERIES_MAX];
    int32_t away[QUERIES_MAX];
    float slope[QUERIES_MAX];
    size_t os = n * a.head_dim_v * 4u;
    Guard q = guard_open(n * a.head_dim * 4u);
    Guard kk = guard_open(hth_kv_bytes(a.type, a.head_dim) * HTH_PAGE_LEN);
    Guard v = guard_open(hth_kv_bytes(a.type, a.head_dim_v) * HTH_PAGE_LEN);
    Guard work = canary_open(hth_attend_work(n, a.head_dim, a.head_dim_v) * 4, 64);
    Outs want = { .o = canary_open(os, 64) }, got = { .o = canary_open(os, 4) };
    snprintf(what, sizeof what, "attend_page queries %u dims %u %u least %u %s fill %s", n,
             a.head_dim, a.head_dim_v, least, hth_kv_name(a.type), fill_names[how]);
    fill(k, how, (float *)(void *)q.p, n * a.head_dim);
    a.q = (const float *)(const void *)q.p;
    a.k = kk.p;
    a.v = v.p;
    a.work = (float *)(void *)work.p;
    a.count = count;
    for (uint32_t page = 0; page < 3; page++) {
        uint32_t seen = page < 2 ? HTH_PAGE_LEN : least;
        for (uint32_t i = 0; i < n; i++) { /* as rows of three queries do */
            count[i] = seen + i / 3 < HTH_PAGE_LEN ? seen + i / 3 : HTH_PAGE_LEN;
            if (i + 1 == n) seen = count[i];
            skip[i] = i % 4 * 13 < count[i] ? i % 4 * 13 : count[i] - 1;
            away[i] = (int32_t)(least + i / 3) + (int32_t)(n % 2 + 1) * HTH_PAGE_LEN;
            away[i] -= (int32_t)page * HTH_PAGE_LEN; /* on the last page: before it, or behind */
            /* as heads have them, whose number is a power of two or is none: then it is rounded */
            slope[i] = (n % 2 ? 1.0f : 0.70710678f) / (float)(2u << i % 8);
        }
        const HthAttendBend bend = { .skip = (n + least) % 3 == 1 ? skip : NULL,
                                     .cap = (n + least) % 4 == 2 ? 20.0f : 0.0f,
                                     .slope = (n + least) % 5 < 2 ? slope : NULL,
                                     .away = away };
        fill_page(k, &a, seen, how, kk.p, v.p);
        Page p = { .a = a, .bend = bend };
        p.a.first = page == 0;
        aim(&p, k->truth, &want);
        run_page(&p);
        aim(&p, k->kern, &got);
        p.bent = k->attend_bent;
        if (!survives(run_page, &p)) {
            k->crashed++;
            failed(k, what);
            break;
        }
        same(k, want.m, got.m, n, what);
        same(k, want.l, got.l, n, what);
        same(k, (float *)(void *)want.o.p, (float *)(void *)got.o.p, n * a.head_dim_v, what);
        k->compared++;
        if (!canary_whole(&got.o) || !canary_whole(&work)) failed(k, what);
    }
    Guard *all[] = { &q, &kk, &v, &work, &want.o, &got.o };
    for (size_t i = 0; i < HTH_COUNT(all); i++) guard_close(all[i]);
}

typedef struct Merge {
    const HthKern *kern;
    float *m, *l, *o;
    float m2, l2;
    const float *o2;
    uint32_t dim;
} Merge;

static void run_merge(void *ctx) {
    Merge *m = ctx;
    m->kern->attend_merge(m->m, m->l, m->o, m->m2, m->l2, m->o2, m->dim);
}

static void one_merge(Check *k, uint32_t dim, Fill how) {
    float sum[4], both[2][2];
    Guard o2 = guard_open(dim * 4u);
    Guard want = canary_open(dim * 4u, 64), got = canary_open(dim * 4u, 4);
    fill(k, how, sum, 4);
    fill(k, how, (float *)(void *)o2.p, dim);
    fill(k, how, (float *)(void *)want.p, dim);
    memcpy(got.p, want.p, dim * 4u);
    for (int i = 0; i < 2; i++) memcpy(both[i], sum, sizeof both[i]);
    Merge c = { k->truth, both[0], both[0] + 1,           (float *)(void *)want.p,
                sum[2],   sum[3],  (float *)(void *)o2.p, dim };
    run_merge(&c);
    c.kern = k->kern;
    c.m = both[1];
    c.l = both[1] + 1;
    c.o = (float *)(void *)got.p;
    if (survives(run_merge, &c)) {
        same(k, both[0], both[1], 2, "attend_merge");
        same(k, (float *)(void *)want.p, (float *)(void *)got.p, dim, "attend_merge");
        k->compared++;
        if (!canary_whole(&got)) failed(k, "attend_merge writes past its output");
    } else {
        k->crashed++;
        failed(k, "attend_merge");
    }
    guard_close(&o2);
    guard_close(&want);
    guard_close(&got);
}

void check_attend(Check *k) {
    static const uint32_t dims[] = { 1, 15, 16, 24, 32, 64, 72, 80, 96, 128, 160 };
    static const uint32_t blocks[] = { 32, 64, 96, 128, 160 };
    static const uint32_t counts[] = { 1, 2, 3, 15, 16, 17, 40, 63, 64 };
    const uint64_t runs = k->quick ? 134 : 400, merges = k->quick ? 60 : 200;
    for (uint64_t number = 200000; number < 200000 + runs; number++) {
        case_begin(k, number);
        HthAttendPage a = { .type = (HthKvType)below(k, HTH_KV_COUNT) };
        bool whole = hth_kv_block(a.type) > 1;
        a.queries = 1 + below(k, below(k, 2) == 0 ? 7 : QUERIES_MAX);
        a.head_dim = whole ? blocks[below(k, HTH_COUNT(blocks))] : dims[below(k, HTH_COUNT(dims))];
        a.head_dim_v = a.head_dim;
        if (below(k, 3) == 0)
            a.head_dim_v =
                whole ? blocks[below(k, HTH_COUNT(blocks))] : dims[below(k, HTH_COUNT(dims))];
        one_run(k, a, counts[below(k, HTH_COUNT(counts))], (Fill)(number % FILL_COUNT));
    }
    for (uint64_t number = 201000; number < 201000 + merges; number++) {
        case_begin(k, number);
        one_merge(k, dims[below(k, HTH_COUNT(dims))], (Fill)(number % FILL_COUNT));
    }
}

/* exp is reached as a merge's weight: m = 0 before, x after, so that o2 = 1 adds exp(x). */
void check_exp(Check *k) {
    double worst = 0;
    for (int i = 0; i <= 200000; i += k->quick ? 37 : 1) {
        float x = -87.0f * (float)i / 200000.0f, m = 0.0f, l = 1.0f, out = 0.0f, one = 1.0f;
        k->kern->attend_merge(&m, &l, &out, x, 0.0f, &one, 1);
        double want = exp((double)x), ulp = ldexp(1.0, ilogb(want) - 23);
        double err = fabs((double)out - want) / ulp;
        if (err > worst) worst = err;
    }
    k->compared++;
    if (!(worst < 2.0)) failed(k, "exp is more than 2 ulp from the true value");
}
