/* attend.c - attention pages and their merge; the exponential's accuracy.
 *
 * Thread: main. */
#include "check/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

enum { GROUP_MAX = 7, DIM_MAX = 160 };

typedef struct Page {
    const HthKern *kern;
    HthAttendPage a;
} Page;

static void run_page(void *ctx) {
    Page *p = ctx;
    p->kern->attend_page(&p->a);
}

typedef struct Outs {
    float m[GROUP_MAX], l[GROUP_MAX];
    Guard o;
} Outs;

static void aim(Page *p, const HthKern *kern, Outs *o) {
    p->kern = kern;
    p->a.m = o->m;
    p->a.l = o->l;
    p->a.o = (float *)(void *)o->o.p;
}

static void one_page(Check *k, uint32_t group, uint32_t dim, uint32_t dim_v, uint32_t count,
                     HthKvType type, Fill how) {
    char what[128];
    size_t kb = hth_kv_bytes(type, dim), vb = hth_kv_bytes(type, dim_v), os = group * dim_v * 4u;
    Guard q = guard_open(group * dim * 4u), kk = guard_open(count * kb), v = guard_open(count * vb);
    Outs want = { .o = canary_open(os, 64) }, got = { .o = canary_open(os, 4) };
    float row[DIM_MAX];
    snprintf(what, sizeof what, "attend_page group %u dims %u %u count %u %s fill %s", group, dim,
             dim_v, count, type == HTH_KV_F16 ? "f16" : "f32", fill_names[how]);
    fill(k, how, (float *)(void *)q.p, group * dim);
    for (uint32_t t = 0; t < count; t++) {
        fill(k, how == FILL_HUGE ? FILL_RANDOM : how, row, dim);
        k->truth->kv_store(type, row, dim, kk.p + t * kb);
        fill(k, how, row, dim_v);
        k->truth->kv_store(type, row, dim_v, v.p + t * vb);
    }
    Page p = { .a = { .q = (const float *)(const void *)q.p,
                      .group = group,
                      .head_dim = dim,
                      .head_dim_v = dim_v,
                      .count = count,
                      .scale = 0.37f,
                      .type = type,
                      .k = kk.p,
                      .v = v.p,
                      .k_stride = kb,
                      .v_stride = vb } };
    aim(&p, k->truth, &want);
    run_page(&p);
    aim(&p, k->kern, &got);
    if (survives(run_page, &p)) {
        same(k, want.m, got.m, group, what);
        same(k, want.l, got.l, group, what);
        same(k, (float *)(void *)want.o.p, (float *)(void *)got.o.p, group * dim_v, what);
        k->compared++;
        if (!canary_whole(&got.o)) failed(k, what);
    } else {
        k->crashed++;
        failed(k, what);
    }
    guard_close(&q);
    guard_close(&kk);
    guard_close(&v);
    guard_close(&want.o);
    guard_close(&got.o);
}

typedef struct Merge {
    const HthKern *kern;
    float *out;
    const float *m, *l, *o;
    uint32_t pages, dim;
} Merge;

static void run_merge(void *ctx) {
    Merge *m = ctx;
    m->kern->attend_merge(m->out, m->m, m->l, m->o, m->pages, m->dim);
}

static void one_merge(Check *k, uint32_t pages, uint32_t dim, Fill how) {
    Guard m = guard_open(pages * 4u), l = guard_open(pages * 4u), o = guard_open(pages * dim * 4u);
    Guard want = canary_open(dim * 4u, 64), got = canary_open(dim * 4u, 4);
    fill(k, how, (float *)(void *)m.p, pages);
    fill(k, how, (float *)(void *)l.p, pages);
    fill(k, how, (float *)(void *)o.p, pages * dim);
    Merge c = { k->truth,
                (float *)(void *)want.p,
                (float *)(void *)m.p,
                (float *)(void *)l.p,
                (float *)(void *)o.p,
                pages,
                dim };
    run_merge(&c);
    c.kern = k->kern;
    c.out = (float *)(void *)got.p;
    if (survives(run_merge, &c)) {
        same(k, (float *)(void *)want.p, (float *)(void *)got.p, dim, "attend_merge");
        k->compared++;
        if (!canary_whole(&got)) failed(k, "attend_merge writes past its output");
    } else {
        k->crashed++;
        failed(k, "attend_merge");
    }
    guard_close(&m);
    guard_close(&l);
    guard_close(&o);
    guard_close(&want);
    guard_close(&got);
}

void check_attend(Check *k) {
    static const uint32_t dims[] = { 1, 15, 16, 24, 32, 64, 72, 80, 96, 128, 160 };
    static const uint32_t counts[] = { 1, 2, 3, 15, 16, 17, 40, 63, 64 };
    const uint64_t pages = k->quick ? 150 : 500, merges = k->quick ? 60 : 200;
    for (uint64_t number = 200000; number < 200000 + pages; number++) {
        case_begin(k, number);
        uint32_t dim = dims[below(k, HTH_COUNT(dims))];
        uint32_t dim_v = below(k, 3) == 0 ? dims[below(k, HTH_COUNT(dims))] : dim;
        one_page(k, 1 + below(k, GROUP_MAX), dim, dim_v, counts[below(k, HTH_COUNT(counts))],
                 below(k, 2) == 0 ? HTH_KV_F16 : HTH_KV_F32, (Fill)(number % FILL_COUNT));
    }
    for (uint64_t number = 201000; number < 201000 + merges; number++) {
        case_begin(k, number);
        one_merge(k, 1 + below(k, 40), dims[below(k, HTH_COUNT(dims))],
                  (Fill)(number % FILL_COUNT));
    }
}

/* exp is reached through silu: silu(-x) = -x / (1 + exp(x)), and as a merge weight:
 * two pages, m = 0 and x <= 0, l = 0 and 1: the second's weight is 1 / ... = out * l. */
void check_exp(Check *k) {
    double worst = 0;
    for (int i = 0; i <= 200000; i += k->quick ? 37 : 1) {
        float x = -87.0f * (float)i / 200000.0f, m[2] = { 0.0f, x }, l[2] = { 1.0f, 0.0f }, out = 0;
        float o[2] = { 0.0f, 1.0f }; /* out = exp(x) * 1, divided by 1 */
        k->kern->attend_merge(&out, m, l, o, 2, 1);
        double want = exp((double)x), ulp = ldexp(1.0, ilogb(want) - 23);
        double err = fabs((double)out - want) / ulp;
        if (err > worst) worst = err;
    }
    k->compared++;
    if (!(worst < 2.0)) failed(k, "exp is more than 2 ulp from the true value");
}
