/* fn.c - the format-free kernels: activations, norms, rope, gates, sums, the cache's numbers.
 *
 * Thread: main. */
#include "check/check.h"

#include <math.h>
#include <string.h>

#include "base/num.h"
#include "kern/more.h"

enum { N_MAX = 1100 };

typedef struct Call {
    const HthKern *kern;
    int which;
    uint32_t n;
    const float *a, *b; /* end at a guard page */
    float eps;
    bool neox;
    HthKvType type;
    uint8_t *out;
} Call;

enum {
    ACT,
    NORM,
    NORM_ONES,
    ROPE,
    SWIGLU,
    ADD,
    STORE,
    GEGLU,
    GELU,
    LAYERNORM,
    SOFTCAP,
    DELTA,
    ADAPT,
    KINDS
};
static const char *const names[KINDS] = { "act_q8", "rmsnorm",   "rmsnorm ones", "rope",
                                          "swiglu", "add",       "kv_store",     "geglu",
                                          "gelu",   "layernorm", "softcap",      "delta",
                                          "adapt" };

/* n columns of a state of 3 rows: what it then has, under a query, and in itself. */
static void run_delta(const Call *c, float *y) {
    static const float q[3] = { 0.5f, -1.25f, 0.75f }, k[3] = { -0.5f, 0.25f, 1.5f };
    float state[3 * N_MAX], out[N_MAX];
    const HthDeltaRow row = {
        q, k, c->b, 3, c->n, c->neox ? 0.0f : 0.9f, c->eps + 0.3f, c->n % 3 == 0
    };
    for (uint32_t i = 0; i < 3; i++) memcpy(state + (size_t)i * c->n, c->a, c->n * sizeof *y);
    hth_kern_more(c->kern)->delta(state, &row, out);
    hth_kern_more(c->kern)->delta(state, &row, out);
    for (uint32_t i = 0; i < c->n; i++)
        y[i] = out[i] + state[i] - 2.0f * state[c->n + i] + 3.0f * state[2 * c->n + i];
}

/* n outputs of rank 3, or of 1, added to b. */
static void run_adapt(const Call *c, float *y) {
    static float panels[(N_MAX / HTH_PANEL_ROWS + 1) * 3 * HTH_PANEL_ROWS];
    const float t[3] = { 0.5f, -1.25f, c->eps + 0.75f };
    const uint32_t rank = c->neox ? 1 : 3;
    const uint32_t all = (c->n + HTH_PANEL_ROWS - 1) / HTH_PANEL_ROWS * rank * HTH_PANEL_ROWS;
    for (uint32_t i = 0; i < all; i++) panels[i] = c->a[(i * 7) % c->n];
    memcpy(y, c->b, c->n * sizeof *y);
    hth_kern_more(c->kern)->adapt(y, panels, t, rank, c->n, -0.625f);
}

static void run_call(void *ctx) {
    Call *c = ctx;
    float *y = (float *)(void *)c->out;
    switch (c->which) {
    case ACT: c->kern->act_q8(c->a, c->n, (HthActQ8 *)(void *)c->out); break;
    case NORM: c->kern->rmsnorm(y, c->a, c->b, c->n, c->eps); break;
    case NORM_ONES: c->kern->rmsnorm(y, c->a, NULL, c->n, c->eps); break;
    case ROPE:
        memcpy(y, c->a, c->n * sizeof *y);
        c->kern->rope(y, c->b, c->n, c->neox);
        break;
    case SWIGLU: c->kern->swiglu(y, c->a, c->b, c->n); break;
    case GEGLU: hth_kern_more(c->kern)->geglu(y, c->a, c->b, c->n); break;
    case GELU: hth_kern_more(c->kern)->geglu(y, c->a, NULL, c->n); break;
    case LAYERNORM:
        hth_kern_more(c->kern)->layernorm(y, c->a, c->b, c->neox ? c->a : NULL, c->n, c->eps);
        break;
    case SOFTCAP: hth_kern_more(c->kern)->softcap(y, c->a, c->n, 30.0f); break;
    case DELTA: run_delta(c, y); break;
    case ADAPT: run_adapt(c, y); break;
    case ADD: c->kern->add(y, c->a, c->b, c->n); break;
    case STORE: c->kern->kv_store(c->type, c->a, c->n, c->out); break;
    default: break;
    }
}

static size_t out_bytes(const Call *c) {
    if (c->which == ACT) return c->n / 32 * sizeof(HthActQ8);
    return c->which == STORE ? hth_kv_bytes(c->type, c->n) : c->n * sizeof(float);
}

/* Floats by value, the rest by byte; a NaN scale or half equals any other. */
static void compare(Check *k, const Call *c, const uint8_t *want, const uint8_t *got,
                    const char *what) {
    if (c->which == ACT) {
        const HthActQ8 *w = (const void *)want, *g = (const void *)got;
        for (uint32_t b = 0; b < c->n / 32; b++) {
            k->compared++;
            HthActQ8 x = w[b], y = g[b];
            if (x.d != x.d && y.d != y.d) x.d = y.d = 0;
            if (x.min_scale != x.min_scale && y.min_scale != y.min_scale)
                x.min_scale = y.min_scale = 0;
            if (memcmp(&x, &y, sizeof x) != 0) {
                failed(k, what);
                return;
            }
        }
    } else if (c->which == STORE && c->type == HTH_KV_F16) {
        k->compared++;
        for (uint32_t i = 0; i < c->n; i++) {
            float x = hth_f16_to_f32(hth_le16(want + i * 2)),
                  y = hth_f16_to_f32(hth_le16(got + i * 2));
            if (memcmp(want + i * 2, got + i * 2, 2) != 0 && !(x != x && y != y)) {
                failed(k, what);
                return;
            }
        }
    } else if (c->which == STORE && c->type != HTH_KV_F32) {
        k->compared++;
        if (memcmp(want, got, out_bytes(c)) != 0) failed(k, what);
    } else {
        same(k, (const float *)(const void *)want, (const float *)(const void *)got, c->n, what);
    }
}

/* Floats come out at a float's alignment; what is stored in fewer bits lies at any even address. */
static bool wide(const Call *c) {
    return c->which != STORE || c->type == HTH_KV_F32;
}

static void one_call(Check *k, Call c, Fill how) {
    char what[128];
    Guard a = guard_open(c.n * sizeof(float)), b = guard_open(c.n * sizeof(float));
    Guard want = canary_open(out_bytes(&c), 64);
    Guard got = canary_open(out_bytes(&c), c.which == ACT ? 64 : wide(&c) ? 4 : 2);
    snprintf(what, sizeof what, "%s n %u fill %s%s", names[c.which], c.n, fill_names[how],
             c.neox ? " neox" : "");
    fill(k, how, (float *)(void *)a.p, c.n);
    fill(k, c.which == ROPE ? FILL_RANDOM : how, (float *)(void *)b.p, c.n);
    c.a = (const float *)(const void *)a.p;
    c.b = (const float *)(const void *)b.p;
    c.kern = k->truth;
    c.out = want.p;
    run_call(&c);
    c.kern = k->kern;
    c.out = got.p;
    if (survives(run_call, &c)) {
        compare(k, &c, want.p, got.p, what);
        k->compared++;
        if (!canary_whole(&got)) failed(k, what);
    } else {
        k->crashed++;
        failed(k, what);
    }
    /* In place where the contract allows it. */
    if (c.which == NORM || c.which == ADD || c.which == SOFTCAP) {
        memcpy(got.p, a.p, c.n * sizeof(float));
        c.a = (const float *)(const void *)got.p;
        if (survives(run_call, &c)) compare(k, &c, want.p, got.p, "in place");
    }
    guard_close(&a);
    guard_close(&b);
    guard_close(&want);
    guard_close(&got);
}

void check_fn(Check *k) {
    static const uint32_t sizes[] = { 1, 2, 7, 15, 16, 17, 32, 33, 64, 100, 256, 320, 1024 };
    uint64_t number = 100000;
    for (int which = 0; which < KINDS; which++)
        for (size_t i = 0; i < HTH_COUNT(sizes); i++)
            for (uint32_t round = 0; round < 2 * FILL_COUNT; round++) {
                uint32_t n = sizes[i];
                if (which == ACT) n = (n + 31) / 32 * 32;
                if (which == ROPE) n = (n + 1) / 2 * 2;
                HthKvType type = (HthKvType)((round + i) % HTH_KV_COUNT);
                if (which == STORE)
                    n = (n + hth_kv_block(type) - 1) / hth_kv_block(type) * hth_kv_block(type);
                case_begin(k, number++);
                Call c = {
                    .which = which, .n = n, .eps = 1e-5f, .neox = round % 2 == 1, .type = type
                };
                one_call(k, c, (Fill)(round / 2));
            }
}
