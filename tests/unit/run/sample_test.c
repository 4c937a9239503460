/* sample_test.c - every stage against a naive reference, and the properties of the whole.
 *
 * The references sort everything and use libm; ties and borders are exercised with equal logits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "run/sample_impl.h"

enum { N = 500 };

typedef struct Ref {
    uint32_t id;
    double l, p;
} Ref;

static int ref_cmp(const void *a, const void *b) {
    const Ref *x = a, *y = b;
    if (x->l != y->l) return x->l > y->l ? -1 : 1;
    return x->id < y->id ? -1 : 1;
}

/* Logits with many exact ties, a different set per seed. */
static void fill(float *l, size_t n, uint64_t seed) {
    for (size_t i = 0; i < n; i++) {
        double x = hth_rng_normal(seed, 7, i) * (1.0 + (double)(seed % 4));
        l[i] = seed % 3 == 0 ? (float)(rint(x * 4.0) / 4.0) : (float)x;
    }
}

static size_t ref_load(Ref *r, const float *l, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) r[i] = (Ref){ .id = (uint32_t)i, .l = (double)l[i] };
    qsort(r, n, sizeof *r, ref_cmp);
    for (size_t i = 0; i < n; i++) sum += r[i].p = exp(r[i].l - r[0].l);
    for (size_t i = 0; i < n; i++) r[i].p /= sum;
    return n;
}

static void ref_norm(Ref *r, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += r[i].p;
    for (size_t i = 0; i < n; i++) r[i].p /= sum;
}

/* Parameters with every stage off and only `stages` in the chain. */
static void only(HthSampleParams *p, const char *stages) {
    hth_sample_defaults(p);
    p->temperature = 1.0f;
    p->top_k = 0;
    p->top_p = 1.0f;
    assert_int_equal(hth_sample_set(p, "samplers", hth_str(stages), NULL), HTH_OK);
}

static uint32_t next(HthSampler *s, const float *l, const uint32_t *h, size_t n) {
    uint32_t id = UINT32_MAX;
    HthErr err = { 0 };
    HthStatus st = hth_sampler_next(s, l, h, n, &id, &err);
    if (st != HTH_OK) fail_msg("%s", err.text);
    return id;
}

static void set(HthSampleParams *p, const char *name, const char *value) {
    HthErr err = { 0 };
    if (hth_sample_set(p, name, hth_str(value), &err) != HTH_OK) fail_msg("%s", err.text);
}

/* The candidates of one call equal the reference's first n, probabilities included. */
static void same_as(const HthSampleParams *p, const float *l, const Ref *r, size_t n,
                    const uint32_t *h, size_t hn) {
    HthSampler *s = NULL;
    assert_int_equal(hth_sampler_open(&s, p, N, NULL, NULL), HTH_OK);
    uint32_t id = next(s, l, h, hn);
    assert_int_equal(s->count, n);
    size_t count = 0;
    const HthProb *c = hth_sampler_candidates(s, &count);
    assert_int_equal(count, n < HTH_PROB_MAX ? n : HTH_PROB_MAX);
    bool found = false;
    for (size_t i = 0; i < n; i++) found |= r[i].id == id;
    assert_true(found);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(c[i].id, r[i].id);
        assert_true(fabs((double)c[i].p - r[i].p) < 1e-6);
        assert_true(fabs((double)c[i].logprob - log(r[i].p)) < 1e-4);
    }
    hth_sampler_close(&s);
}

static void test_top_k(void **state) {
    (void)state;
    float l[N];
    Ref r[N];
    HthSampleParams p;
    static const uint32_t ks[] = { 1, 2, 3, 40, 250, N - 1, N, N + 1 };
    for (uint64_t seed = 0; seed < 12; seed++)
        for (size_t i = 0; i < HTH_COUNT(ks); i++) {
            fill(l, N, seed);
            size_t n = ref_load(r, l, N);
            if (ks[i] < n) n = ks[i];
            ref_norm(r, n);
            only(&p, "top_k");
            p.top_k = ks[i];
            same_as(&p, l, r, n, NULL, 0);
        }
}

static void test_top_p_is_the_smallest_set(void **state) {
    (void)state;
    float l[N];
    Ref r[N];
    HthSampleParams p;
    static const float ps[] = { 0.0f, 0.01f, 0.3f, 0.9f, 0.999f, 1.0f };
    for (uint64_t seed = 0; seed < 12; seed++)
        for (size_t i = 0; i < HTH_COUNT(ps); i++) {
            fill(l, N, seed);
            ref_load(r, l, N);
            size_t n = 0;
            double sum = 0.0;
            while (n < N && (n == 0 || sum < (double)ps[i])) sum += r[n++].p;
            if (ps[i] >= 1.0f) n = N;
            ref_norm(r, n);
            only(&p, "top_p");
            p.top_p = ps[i];
            same_as(&p, l, r, n, NULL, 0);
        }
}

static void test_min_p(void **state) {
    (void)state;
    float l[N];
    Ref r[N];
    HthSampleParams p;
    static const float ps[] = { 0.0f, 1e-6f, 0.05f, 0.5f, 1.0f };
    for (uint64_t seed = 0; seed < 12; seed++)
        for (size_t i = 0; i < HTH_COUNT(ps); i++) {
            fill(l, N, seed);
            ref_load(r, l, N);
            size_t n = 1;
            while (n < N && r[n].l >= r[0].l + log((double)ps[i])) n++;
            if (ps[i] == 0.0f) n = N;
            ref_norm(r, n);
            only(&p, "min_p");
            p.min_p = ps[i];
            same_as(&p, l, r, n, NULL, 0);
        }
}

static int by_far(const void *a, const void *b) { /* key in l, larger first */
    return ref_cmp(a, b);
}

static void test_typical(void **state) {
    (void)state;
    float l[N];
    Ref r[N];
    HthSampleParams p;
    static const float ps[] = { 0.05f, 0.5f, 0.95f };
    for (uint64_t seed = 1; seed < 12;
         seed += 1 + (seed % 3 == 2)) /* without ties: order is exact */
        for (size_t i = 0; i < HTH_COUNT(ps); i++) {
            fill(l, N, seed);
            ref_load(r, l, N);
            double entropy = 0.0, sum = 0.0;
            for (size_t j = 0; j < N; j++) entropy -= r[j].p * log(r[j].p);
            for (size_t j = 0; j < N; j++) r[j].l = -fabs(-log(r[j].p) - entropy);
            qsort(r, N, sizeof *r, by_far);
            size_t n = 0;
            while (n < N && (n == 0 || sum <= (double)ps[i])) sum += r[n++].p;
            for (size_t j = 0; j < n; j++) r[j].l = (double)l[r[j].id];
            qsort(r, n, sizeof *r, ref_cmp);
            ref_norm(r, n);
            only(&p, "typical_p");
            p.typical_p = ps[i];
            same_as(&p, l, r, n, NULL, 0);
        }
}

static void test_temperature(void **state) {
    (void)state;
    float l[N], t[] = { 0.1f, 0.5f, 1.0f, 2.0f };
    Ref r[N];
    HthSampleParams p;
    for (size_t i = 0; i < HTH_COUNT(t); i++) {
        fill(l, N, 5);
        ref_load(r, l, N);
        for (size_t j = 0; j < N; j++) r[j].p = exp((r[j].l - r[0].l) / (double)t[i]);
        ref_norm(r, N);
        /* probabilities below 2^-40 of the best are zero by definition: compare the best 64 */
        HthSampler *s = NULL;
        only(&p, "temperature");
        p.temperature = t[i];
        assert_int_equal(hth_sampler_open(&s, &p, N, NULL, NULL), HTH_OK);
        next(s, l, NULL, 0);
        size_t count = 0;
        const HthProb *c = hth_sampler_candidates(s, &count);
        for (size_t j = 0; j < count; j++) {
            assert_int_equal(c[j].id, r[j].id);
            assert_true(fabs((double)c[j].p - r[j].p) < 1e-6);
        }
        hth_sampler_close(&s);
    }
}

static void test_xtc(void **state) {
    (void)state;
    float l[N];
    Ref r[N];
    HthSampleParams p;
    int dropped = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        fill(l, N, seed | 3); /* peaked: several tokens above the threshold in some rows */
        ref_load(r, l, N);
        only(&p, "xtc");
        p.seed = seed;
        p.xtc_probability = 0.5f;
        p.xtc_threshold = 0.05f;
        size_t above = 0;
        while (above < N && r[above].p >= 0.05) above++;
        size_t drop = hth_rng_f64(seed, HTH_STREAM_XTC, 9) < 0.5 && above > 1 ? above - 1 : 0;
        dropped += drop > 0;
        ref_norm(r + drop, N - drop);
        uint32_t h[9] = { 0 };
        HthSampler *s = NULL;
        assert_int_equal(hth_sampler_open(&s, &p, N, NULL, NULL), HTH_OK);
        next(s, l, h, 9);
        assert_int_equal(s->count, N - drop);
        size_t count = 0;
        assert_int_equal(hth_sampler_candidates(s, &count)[0].id, r[drop].id);
        hth_sampler_close(&s);
    }
    assert_in_range(dropped, 40, 160);
}

static void test_penalties(void **state) {
    (void)state;
    float l[N];
    Ref r[N];
    HthSampleParams p;
    uint32_t h[300];
    for (uint64_t seed = 0; seed < 20; seed++) {
        fill(l, N, seed);
        for (size_t i = 0; i < 300; i++) h[i] = hth_rng_below(seed, 3, i, 90);
        only(&p, "penalties");
        p.repeat_penalty = 1.3f;
        p.presence_penalty = 0.25f;
        p.frequency_penalty = 0.125f;
        p.repeat_last_n = seed % 2 == 0 ? 64 : -1;
        size_t from = seed % 2 == 0 ? 300 - 64 : 0;
        for (size_t i = 0; i < N; i++) {
            double x = (double)l[i];
            unsigned seen = 0;
            for (size_t j = from; j < 300; j++) seen += h[j] == i;
            if (seen > 0) {
                x = x > 0 ? x / (double)1.3f : x * (double)1.3f;
                x -= seen * 0.125 + 0.25;
            }
            r[i] = (Ref){ .id = (uint32_t)i, .l = x };
        }
        qsort(r, N, sizeof *r, ref_cmp);
        for (size_t i = 0; i < N; i++) r[i].p = exp(r[i].l - r[0].l);
        ref_norm(r, N);
        same_as(&p, l, r, N, h, 300);
    }
}

/* The longest run ending at the end of h that also ends at e < n-1, by brute force. */
static unsigned common_end(const uint32_t *h, size_t n, size_t e) {
    unsigned len = 0;
    while (len <= e && h[e - len] == h[n - 1 - len]) len++;
    return len;
}

static void test_dry_is_a_suffix_search(void **state) {
    (void)state;
    float l[N] = { 0 };
    Ref r[N];
    HthSampleParams p;
    uint32_t h[200];
    for (uint64_t seed = 0; seed < 30; seed++) {
        size_t n = 2 + hth_rng_below(seed, 4, 0, 198);
        uint32_t kinds = 1 + hth_rng_below(seed, 4, 1, 6); /* few kinds: many repetitions */
        for (size_t i = 0; i < n; i++) h[i] = hth_rng_below(seed, 5, i, kinds);
        fill(l, N, seed);
        only(&p, "dry");
        p.dry_multiplier = 0.8f;
        p.dry_allowed_length = 2;
        ref_load(r, l, N);
        for (size_t i = 0; i < N; i++) r[i].p = 0;
        for (size_t i = 0; i < N; i++) {
            unsigned most = 0;
            for (size_t e = 0; e + 1 < n; e++) {
                unsigned len = common_end(h, n, e);
                if (h[e + 1] == r[i].id && len > most) most = len;
            }
            double grow = ((double)most - 2) * log(1.75);
            if (most >= 2) r[i].l -= (double)0.8f * exp(grow < 88 ? grow : 88);
        }
        qsort(r, N, sizeof *r, ref_cmp);
        HthSampler *s = NULL;
        assert_int_equal(hth_sampler_open(&s, &p, N, NULL, NULL), HTH_OK);
        next(s, l, h, n);
        hth_cands_sort(s, N);
        for (size_t i = 0; i < N; i++) {
            double tol = 1e-3 * (1 + fabs(r[i].l));
            assert_true(fabs(s->cands[i].l - r[i].l) < tol);
        }
        hth_sampler_close(&s);
    }
}

static void test_greedy(void **state) {
    (void)state;
    float l[N];
    HthSampleParams p;
    hth_sample_defaults(&p);
    p.temperature = 0.0f;
    HthSampler *s = NULL;
    assert_int_equal(hth_sampler_open(&s, &p, N, NULL, NULL), HTH_OK);
    for (uint64_t seed = 0; seed < 30; seed++) {
        fill(l, N, seed);
        uint32_t best = 0;
        for (uint32_t i = 1; i < N; i++)
            if (l[i] > l[best]) best = i; /* ties: the lower id */
        assert_int_equal(next(s, l, NULL, 0), best);
    }
    for (size_t i = 0; i < N; i++) l[i] = 1.5f;
    assert_int_equal(next(s, l, NULL, 0), 0);
    hth_sampler_close(&s);
}

/* 40,000 draws at successive positions follow the probabilities: chi-square below the 99.9 % bound
 * of 19 degrees of freedom (43.8); the seed is fixed, so this never flickers. */
static void test_draws_follow_the_distribution(void **state) {
    (void)state;
    enum { K = 20, DRAWS = 40000 };
    float l[N];
    Ref r[N];
    HthSampleParams p;
    uint32_t seen[N] = { 0 }, h[1] = { 0 };
    fill(l, N, 1);
    ref_load(r, l, N);
    ref_norm(r, K);
    only(&p, "top_k");
    p.top_k = K;
    p.seed = 20261121;
    HthSampler *s = NULL;
    assert_int_equal(hth_sampler_open(&s, &p, N, NULL, NULL), HTH_OK);
    (void)h;
    static uint32_t history[DRAWS];
    for (size_t i = 0; i < DRAWS; i++) seen[next(s, l, history, i)]++;
    double chi = 0.0;
    for (size_t i = 0; i < K; i++) {
        double want = r[i].p * DRAWS;
        chi += ((double)seen[r[i].id] - want) * ((double)seen[r[i].id] - want) / want;
    }
    assert_true(chi < 43.8);
    hth_sampler_close(&s);
}

static void test_same_inputs_same_token(void **state) {
    (void)state;
    float l[N], keep[N];
    HthSampleParams p;
    hth_sample_defaults(&p);
    p.dry_multiplier = 0.8f;
    p.repeat_penalty = 1.1f;
    p.xtc_probability = 0.3f;
    p.typical_p = 0.9f;
    p.min_p = 0.02f;
    p.top_k = 100;
    uint32_t h[64], differ = 0;
    for (size_t i = 0; i < 64; i++) h[i] = hth_rng_below(1, 2, i, 40);
    HthSampler *a = NULL, *b = NULL;
    for (uint64_t seed = 0; seed < 20; seed++) {
        fill(l, N, seed);
        memcpy(keep, l, sizeof l);
        p.seed = seed;
        assert_int_equal(hth_sampler_open(&a, &p, N, NULL, NULL), HTH_OK);
        assert_int_equal(hth_sampler_open(&b, &p, N, NULL, NULL), HTH_OK);
        uint32_t last = UINT32_MAX;
        for (size_t n = 0; n < 64; n++) next(a, l, h, n); /* b has drawn nothing before */
        uint64_t calls = hth_mem_calls();
        for (size_t n = 64; n-- > 0;) { /* order of calls does not matter either */
            uint32_t id = next(a, l, h, n);
            assert_int_equal(id, next(b, l, h, n));
            differ += id != last;
            last = id;
        }
        assert_int_equal(hth_mem_calls(), calls); /* and nothing is allocated */
        assert_memory_equal(l, keep, sizeof l);
        hth_sampler_close(&a);
        hth_sampler_close(&b);
    }
    assert_true(differ > 20);
}

/* Reading only the best k of the vocabulary or all of it (a bias of 0 forces that) is the same. */
static void test_the_short_way_is_the_same(void **state) {
    (void)state;
    float l[N];
    static uint32_t h[50];
    for (uint64_t seed = 0; seed < 60; seed++) {
        HthSampleParams p;
        HthSampler *a = NULL, *b = NULL;
        fill(l, N, seed);
        for (size_t i = 0; i < N; i++)
            if (seed % 5 == 1 && i % 50 != 0) l[i] = -INFINITY; /* fewer than k are left */
        hth_sample_defaults(&p);
        p.seed = seed;
        p.temperature = seed % 4 == 3 ? 0.0f : 0.8f;
        p.top_k = 1 + (uint32_t)(seed * 7 % 60);
        p.min_keep = seed % 3 == 0 ? 5 : 0;
        assert_int_equal(hth_sampler_open(&a, &p, N, NULL, NULL), HTH_OK);
        set(&p, "logit_bias", "3=0");
        assert_int_equal(hth_sampler_open(&b, &p, N, NULL, NULL), HTH_OK);
        for (size_t n = 0; n < 50; n++) {
            assert_int_equal(next(a, l, h, n), next(b, l, h, n));
            if (p.temperature > 0.0f) assert_int_equal(a->count, b->count);
        }
        hth_sampler_close(&a);
        hth_sampler_close(&b);
    }
}

static void test_order_matters(void **state) {
    (void)state;
    /* Four tokens; temperature 4 flattens, so min_p 0.3 keeps more after it than before. */
    float l[4] = { 4.0f, 2.0f, 1.0f, 0.0f };
    HthSampleParams p;
    HthSampler *s = NULL;
    hth_sample_defaults(&p);
    p.temperature = 4.0f;
    p.min_p = 0.3f;
    set(&p, "samplers", "min_p;temperature");
    assert_int_equal(hth_sampler_open(&s, &p, 4, NULL, NULL), HTH_OK);
    next(s, l, NULL, 0);
    assert_int_equal(s->count, 1);
    hth_sampler_close(&s);
    set(&p, "samplers", "temperature; min_p");
    assert_int_equal(hth_sampler_open(&s, &p, 4, NULL, NULL), HTH_OK);
    next(s, l, NULL, 0);
    assert_int_equal(s->count, 4);
    hth_sampler_close(&s);
}

static void test_logit_bias(void **state) {
    (void)state;
    float l[N];
    HthSampleParams p;
    HthSampler *s = NULL;
    HthErr err = { 0 };
    fill(l, N, 2);
    only(&p, "temperature");
    set(&p, "logit_bias", "7=-inf, 9:-inf,11+50");
    assert_int_equal(hth_sampler_open(&s, &p, N, NULL, NULL), HTH_OK);
    static uint32_t h[2000];
    for (size_t i = 0; i < 2000; i++) assert_int_equal(next(s, l, h, i), 11);
    for (size_t i = 0; i < s->count; i++) assert_true(s->cands[i].id != 7 && s->cands[i].id != 9);
    hth_sampler_close(&s);
    set(&p, "logit_bias", "500=1");
    assert_int_equal(hth_sampler_open(&s, &p, N, NULL, &err), HTH_EINVAL);
    assert_non_null(strstr(err.text, "500"));
    assert_null(s);
    float two[2] = { 1.0f, -INFINITY };
    only(&p, "temperature");
    set(&p, "logit_bias", "0=-inf");
    assert_int_equal(hth_sampler_open(&s, &p, 2, NULL, NULL), HTH_OK);
    uint32_t id = 77;
    assert_int_equal(hth_sampler_next(s, two, NULL, 0, &id, &err), HTH_EFORMAT);
    assert_int_equal(id, 77);
    hth_sampler_close(&s);
}

static void test_bad_logits(void **state) {
    (void)state;
    static const float bad[] = { NAN, INFINITY };
    HthSampleParams p;
    HthSampler *s = NULL;
    HthErr err = { 0 };
    hth_sample_defaults(&p);
    assert_int_equal(hth_sampler_open(&s, &p, N, NULL, NULL), HTH_OK);
    for (size_t i = 0; i < HTH_COUNT(bad); i++) {
        float l[N];
        uint32_t id = 77;
        fill(l, N, 3);
        l[N - 1] = bad[i];
        assert_int_equal(hth_sampler_next(s, l, NULL, 0, &id, &err), HTH_EFORMAT);
        assert_int_equal(id, 77);
    }
    float l[N];
    for (size_t i = 0; i < N; i++) l[i] = i == 5 ? -3e38f : -INFINITY;
    assert_int_equal(next(s, l, NULL, 0), 5);
    uint32_t outside[3] = { 0, N, 1 };
    uint32_t id = 77;
    s->params.repeat_penalty = 1.1f;
    assert_int_equal(hth_sampler_next(s, l, outside, 3, &id, &err), HTH_EINVAL);
    assert_int_equal(next(s, l, outside, 1), 5); /* and the failed call left nothing behind */
    hth_sampler_close(&s);
}

/* On Zipf-like logits the mean surprise settles at tau. */
static void test_mirostat_converges(void **state) {
    (void)state;
    static const float taus[] = { 2.0f, 3.0f, 5.0f };
    enum { STEPS = 6000, SKIP = 1000 };
    static uint32_t h[STEPS];
    float l[N];
    Ref r[N];
    for (size_t i = 0; i < N; i++) l[i] = (float)(-1.1 * log((double)i + 2.0));
    ref_load(r, l, N);
    for (size_t t = 0; t < HTH_COUNT(taus); t++) {
        HthSampleParams p;
        HthSampler *s = NULL;
        only(&p, "top_k;temperature");
        p.top_k = 1; /* ignored: mirostat replaces it */
        p.mirostat = 2;
        p.mirostat_tau = taus[t];
        p.seed = t;
        assert_int_equal(hth_sampler_open(&s, &p, N, NULL, NULL), HTH_OK);
        double sum = 0.0;
        for (size_t i = 0; i < STEPS; i++) {
            uint32_t id = next(s, l, h, i);
            size_t count = 0;
            hth_sampler_candidates(s, &count);
            double total = 0.0, mine = 0.0;
            for (size_t j = 0; j < s->count; j++) {
                total += (double)s->cands[j].w;
                if (s->cands[j].id == id) mine = (double)s->cands[j].w;
            }
            if (i >= SKIP) sum += log2(total / mine);
        }
        assert_true(fabs(sum / (STEPS - SKIP) - (double)taus[t]) < 0.1);
        hth_sampler_close(&s);
    }
}

static void test_parameters_by_name(void **state) {
    (void)state;
    static const struct {
        const char *name, *value;
        bool ok;
    } cases[] = {
        { "temperature", "0.7", true },
        { "temperature", "-1", false },
        { "temperature", "hot", false },
        { "temperature", "nan", false },
        { "temp", "1", true },
        { "top_k", "0", true },
        { "top_k", "-3", false },
        { "top_p", "1.01", false },
        { "min_p", "0.05", true },
        { "mirostat", "1", false },
        { "mirostat", "2", true },
        { "repeat_last_n", "-1", true },
        { "repeat_last_n", "-2", false },
        { "seed", "18446744073709551615", true },
        { "seed", "18446744073709551616", false },
        { "samplers", "top_k;;temp", true },
        { "samplers", "", true },
        { "samplers", "top_q", false },
        { "logit_bias", "1=2,3=x", false },
        { "logit_bias", "=2", false },
        { "no_such", "1", false },
        { "dry_sequence_breaker", "", false },
        { "dry_sequence_breaker", "---", true },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        HthSampleParams p, before;
        HthErr err = { 0 };
        hth_sample_defaults(&p);
        before = p;
        HthStatus st = hth_sample_set(&p, cases[i].name, hth_str(cases[i].value), &err);
        assert_int_equal(st, cases[i].ok ? HTH_OK : HTH_EINVAL);
        if (!cases[i].ok) {
            assert_true(err.text[0] != '\0');
            assert_int_equal(p.logit_bias_count, before.logit_bias_count);
            assert_int_equal(p.chain_count, before.chain_count);
            assert_true(p.temperature == before.temperature && p.top_k == before.top_k);
        }
    }
    HthSampleParams p;
    hth_sample_defaults(&p);
    set(&p, "dry_sequence_breaker", "\n\n");
    assert_int_equal(p.dry_breaker_count, 1);
    set(&p, "dry_sequence_breaker", "x");
    assert_int_equal(p.dry_breaker_count, 2);
    set(&p, "dry_sequence_breaker", "none");
    assert_int_equal(p.dry_breaker_count, 0);
}

/* Every printed line can be set again (breakers are quoted for reading, so they are left out). */
static void test_print_reads_back(void **state) {
    (void)state;
    HthSampleParams p, q;
    HthBuf b;
    hth_sample_defaults(&p);
    set(&p, "temperature", "0.35");
    set(&p, "top_p", "0.123456789"); /* not a float of seven digits */
    set(&p, "repeat_last_n", "123456789");
    set(&p, "seed", "123456789012345678");
    set(&p, "samplers", "temperature;xtc");
    set(&p, "logit_bias", "3=-inf,9=1.25");
    hth_sample_defaults(&q);
    hth_buf_init(&b, 1 << 16);
    assert_int_equal(hth_sample_print(&p, &b, NULL), HTH_OK);
    char *line = b.p;
    size_t lines = 0;
    while (*line != '\0') {
        char *end = strchr(line, '\n'), *space = strchr(line, ' ');
        *end = *space = '\0';
        if (strcmp(line, "dry_sequence_breaker") != 0)
            set(&q, line,
                hth_str_trim(hth_str(space + 1)).n > 0 ? hth_str_trim(hth_str(space + 1)).p : "");
        line = end + 1;
        lines++;
    }
    size_t names = 0;
    while (hth_sample_param(names, NULL) != NULL) names++;
    assert_int_equal(lines, names);
    assert_true(q.temperature == p.temperature && q.seed == p.seed);
    assert_true(q.top_p == p.top_p && q.repeat_last_n == 123456789);
    assert_int_equal(q.chain_count, 2);
    assert_int_equal(q.chain[1], HTH_STAGE_XTC);
    assert_int_equal(q.logit_bias_count, 2);
    assert_true(q.logit_bias[0].bias == -INFINITY && q.logit_bias[1].bias == 1.25f);
    hth_buf_drop(&b);
}

/* Samplers that take turns in two rooms draw what each would draw in its own. */
static void test_lent_rooms(void **state) {
    (void)state;
    enum { MANY = 6 };
    HthSampler *own[MANY] = { NULL }, *lean[MANY] = { NULL };
    HthSampleRoom *room[2] = { NULL };
    static float l[N];
    static uint32_t history[200];
    for (int i = 0; i < 2; i++) assert_int_equal(hth_sample_room_open(&room[i], N, NULL), HTH_OK);
    assert_true(hth_sample_room_bytes(N) > N * sizeof(HthCand));
    for (uint32_t i = 0; i < MANY; i++) {
        HthSampleParams p;
        hth_sample_defaults(&p);
        p.seed = i;
        p.repeat_penalty = i % 2 ? 1.3f : 1.0f;
        p.dry_multiplier = i % 3 ? 0.8f : 0.0f;
        p.mirostat = i == 4 ? 2 : 0;
        assert_int_equal(hth_sampler_open(&own[i], &p, N, NULL, NULL), HTH_OK);
        assert_int_equal(hth_sampler_open_lean(&lean[i], &p, N, NULL, NULL), HTH_OK);
    }
    for (size_t n = 0; n < 200; n++) {
        for (uint32_t i = 0; i < MANY; i++) {
            uint32_t want = 0, got = 1;
            fill(l, N, n * 31 + i);
            assert_int_equal(hth_sampler_next(own[i], l, history, n, &want, NULL), HTH_OK);
            hth_sampler_lend(lean[i], room[(n + i) % 2]);
            assert_int_equal(hth_sampler_next(lean[i], l, history, n, &got, NULL), HTH_OK);
            assert_int_equal(got, want);
            history[n] = want % 7;
        }
    }
    for (uint32_t i = 0; i < MANY; i++) {
        hth_sampler_close(&own[i]);
        hth_sampler_close(&lean[i]);
    }
    for (int i = 0; i < 2; i++) hth_sample_room_close(&room[i]);
}

static void test_open_survives_exhaustion(void **state) {
    (void)state;
    HthSampleParams p;
    hth_sample_defaults(&p);
    uint64_t live = hth_mem_live();
    bool done = false;
    for (uint64_t nth = 1; !done; nth++) {
        HthSampler *s = NULL;
        hth_mem_fail_after(nth);
        HthStatus st = hth_sampler_open(&s, &p, N, NULL, NULL);
        hth_mem_fail_after(0);
        done = st == HTH_OK;
        if (!done) assert_int_equal(st, HTH_ENOMEM);
        assert_true(done == (s != NULL));
        hth_sampler_close(&s);
        assert_int_equal(hth_mem_live(), live);
        assert_true(nth < 20);
    }
    HthSampler *s = NULL;
    HthErr err = { 0 };
    p.temperature = NAN;
    assert_int_equal(hth_sampler_open(&s, &p, N, NULL, &err), HTH_EINVAL);
    hth_sample_defaults(&p);
    assert_int_equal(hth_sampler_open(&s, &p, 0, NULL, &err), HTH_EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_top_k),
        cmocka_unit_test(test_top_p_is_the_smallest_set),
        cmocka_unit_test(test_min_p),
        cmocka_unit_test(test_typical),
        cmocka_unit_test(test_temperature),
        cmocka_unit_test(test_xtc),
        cmocka_unit_test(test_penalties),
        cmocka_unit_test(test_dry_is_a_suffix_search),
        cmocka_unit_test(test_greedy),
        cmocka_unit_test(test_draws_follow_the_distribution),
        cmocka_unit_test(test_same_inputs_same_token),
        cmocka_unit_test(test_the_short_way_is_the_same),
        cmocka_unit_test(test_order_matters),
        cmocka_unit_test(test_logit_bias),
        cmocka_unit_test(test_bad_logits),
        cmocka_unit_test(test_mirostat_converges),
        cmocka_unit_test(test_parameters_by_name),
        cmocka_unit_test(test_print_reads_back),
        cmocka_unit_test(test_lent_rooms),
        cmocka_unit_test(test_open_survives_exhaustion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
