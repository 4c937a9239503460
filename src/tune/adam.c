/* adam.c - the optimiser. See adam.h. */
#include "tune/adam.h"

#include <math.h>

#include "base/mem.h"
#include "op/grad_vec.h"

enum { BLOCK = 16384 };

HthStatus hth_adam_open(HthAdam *out, HthPool *pool, size_t n, HthErr *err) {
    HthAdam a = { .pool = pool, .n = n };
    HTH_REQUIRE(n && n % HTH_VL == 0, err, HTH_EINVAL, "%zu parameters: not a multiple of %d", n,
                HTH_VL);
    a.m = hth_calloc_aligned(n, sizeof *a.m);
    a.v = hth_calloc_aligned(n, sizeof *a.v);
    a.sums = hth_calloc(n / BLOCK + 1, sizeof *a.sums);
    if (!a.m || !a.v || !a.sums) {
        hth_adam_close(&a);
        return HTH_FAIL(err, HTH_ENOMEM, "no memory for the moments of %zu parameters", n);
    }
    *out = a;
    return HTH_OK;
}

void hth_adam_close(HthAdam *a) {
    hth_free(a->m);
    hth_free(a->v);
    hth_free(a->sums);
    *a = (HthAdam){ 0 };
}

float hth_adam_lr(const HthOptim *o, uint32_t step) {
    if (step < o->warmup) return o->lr * (float)(step + 1) / (float)o->warmup;
    if (step >= o->steps) return o->lr_end;
    const double at = (double)(step - o->warmup) / (double)(o->steps - o->warmup);
    return (float)(o->lr_end + 0.5 * (o->lr - o->lr_end) * (1 + cos(3.14159265358979324 * at)));
}

typedef struct Job {
    HthAdam *a;
    float *w, *g; /* of one tensor */
    float *m, *v;
    size_t n;
    float lr, decay, beta1, beta2, eps, fix1, fix2, clip;
} Job;

HTH_CLONES static double block_norm(const float *g, size_t n) {
    double lanes[HTH_VL] = { 0 }, sum = 0;
    for (size_t i = 0; i < n; i += HTH_VL)
        for (int j = 0; j < HTH_VL; j++) lanes[j] += (double)g[i + j] * (double)g[i + j];
    for (int j = 0; j < HTH_VL; j++) sum += lanes[j];
    return sum;
}

static void norm_item(void *ctx, uint32_t item, uint32_t worker) {
    Job *j = ctx;
    (void)worker;
    const size_t at = (size_t)item * BLOCK, left = j->n - at;
    j->a->sums[item] = block_norm(j->g + at, left < BLOCK ? left : BLOCK);
}

static double norm_of(HthAdam *a, float *g) {
    Job job = { .a = a, .g = g, .n = a->n };
    const uint32_t items = (uint32_t)((a->n + BLOCK - 1) / BLOCK);
    hth_par_run(a->pool, items, norm_item, &job);
    double sum = 0;
    for (uint32_t i = 0; i < items; i++) sum += a->sums[i];
    return sqrt(sum);
}

HTH_CLONES static void update(const Job *j, size_t at, size_t end) {
    for (size_t i = at; i < end; i += HTH_VL) {
        HthV g = *hth_vc(j->g + i) * j->clip, w = *hth_vc(j->w + i);
        HthV m = *hth_vc(j->m + i) * j->beta1 + g * (1.0f - j->beta1);
        HthV v = *hth_vc(j->v + i) * j->beta2 + g * g * (1.0f - j->beta2);
        HthV root = v * j->fix2;
        for (int l = 0; l < HTH_VL; l++) root[l] = __builtin_sqrtf(root[l]);
        w = w - (m * j->fix1 / (root + j->eps) + w * j->decay) * j->lr;
        *hth_vp(j->w + i) = w;
        *hth_vp(j->m + i) = m;
        *hth_vp(j->v + i) = v;
        *hth_vp(j->g + i) = (HthV){ 0 };
    }
}

static void update_item(void *ctx, uint32_t item, uint32_t worker) {
    const Job *j = ctx;
    (void)worker;
    const size_t at = (size_t)item * BLOCK;
    update(j, at, j->n - at < BLOCK ? j->n : at + BLOCK);
}

double hth_adam_step(HthAdam *a, HthNet *net, const HthOptim *o, uint32_t step) {
    HTH_ASSERT(a->n == hth_net_floats(net));
    const double norm = norm_of(a, hth_net_g(net));
    Job job = { .a = a,
                .lr = hth_adam_lr(o, step),
                .beta1 = o->beta1,
                .beta2 = o->beta2,
                .eps = o->eps,
                .clip = norm > (double)o->clip ? (float)(o->clip / norm) : 1.0f };
    job.fix1 = (float)(1.0 / (1.0 - pow((double)o->beta1, step + 1.0)));
    job.fix2 = (float)(1.0 / (1.0 - pow((double)o->beta2, step + 1.0)));
    for (uint32_t i = 0; i < hth_net_param_count(net); i++) {
        const HthParam *p = hth_net_param(net, i);
        job.n = ((size_t)p->rows * p->cols + HTH_VL - 1) / HTH_VL * HTH_VL;
        job.w = hth_net_w(net) + p->at;
        job.g = hth_net_g(net) + p->at;
        job.m = a->m + p->at;
        job.v = a->v + p->at;
        job.decay = p->cols == 1 ? 0.0f : o->decay;
        hth_par_run(a->pool, (uint32_t)((job.n + BLOCK - 1) / BLOCK), update_item, &job);
    }
    return norm;
}
