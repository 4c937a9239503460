/* fn_test.c - norms, rope, gates and attention against their definitions in double. */
#include "support/test.h"

#include <math.h>

#include "base/rng.h"
#include "kern/kern.h"

static const HthKern *truth(void) {
    return hth_kern_at(0);
}
static void normals(float *x, size_t n, uint64_t stream) {
    for (size_t i = 0; i < n; i++) x[i] = (float)hth_rng_normal(7, stream, i);
}

static void rmsnorm(void **state) {
    (void)state;
    float x[100], w[100], y[100];
    double sum = 0;
    normals(x, 100, 1);
    normals(w, 100, 2);
    for (int i = 0; i < 100; i++) sum += (double)x[i] * x[i];
    truth()->rmsnorm(y, x, w, 100, 1e-5f);
    for (int i = 0; i < 100; i++)
        assert_true(fabs((double)y[i] - x[i] * w[i] / sqrt(sum / 100 + 1e-5)) < 1e-6);
    truth()->rmsnorm(y, x, NULL, 100, 1e-5f);
    for (int i = 0; i < 100; i++)
        assert_true(fabs((double)y[i] - x[i] / sqrt(sum / 100 + 1e-5)) < 1e-6);
}

static void rope(void **state) {
    (void)state;
    double freq[8];
    float cs[16], x[20], y[20];
    for (int i = 0; i < 8; i++) freq[i] = pow(10000.0, -2.0 * i / 16);
    hth_rope_table(cs, freq, 16, 1000003, 1.25f);
    normals(x, 20, 3);
    for (int neox = 0; neox < 2; neox++) {
        memcpy(y, x, sizeof y);
        truth()->rope(y, cs, 16, neox != 0);
        for (int i = 0; i < 8; i++) {
            int a = neox ? i : 2 * i, b = neox ? i + 8 : 2 * i + 1;
            double s = 1.25 * sin(1000003 * freq[i]), c = 1.25 * cos(1000003 * freq[i]);
            assert_true(fabs((double)y[a] - (x[a] * c - x[b] * s)) < 1e-6);
            assert_true(fabs((double)y[b] - (x[a] * s + x[b] * c)) < 1e-6);
        }
        assert_memory_equal(x + 16, y + 16, 4 * sizeof *x);
    }
}

static void swiglu(void **state) {
    (void)state;
    float g[64], u[64], y[64];
    normals(g, 64, 4);
    normals(u, 64, 5);
    g[0] = 100.0f;
    g[1] = -100.0f;
    g[2] = 0.0f;
    truth()->swiglu(y, g, u, 64);
    for (int i = 0; i < 64; i++) {
        double want = (double)g[i] / (1 + exp(-(double)g[i])) * u[i];
        assert_true(fabs(y[i] - want) <= 1e-6 * fabs(want) + 1e-37);
    }
}

/* Attention over pages, merged, is attention. */
static void attention(void **state) {
    (void)state;
    enum { DIM = 24, DIM_V = 40, COUNT = 150, GROUP = 3, PAGES = 3 };
    static float q[GROUP * DIM], k[COUNT * DIM], v[COUNT * DIM_V];
    static float m[PAGES][GROUP], l[PAGES][GROUP], o[PAGES][GROUP][DIM_V];
    normals(q, GROUP * DIM, 6);
    normals(k, COUNT * DIM, 7);
    normals(v, COUNT * DIM_V, 8);
    for (uint32_t p = 0; p < PAGES; p++) {
        uint32_t at = p * HTH_PAGE_LEN, left = COUNT - at;
        HthAttendPage a = { .q = q,
                            .group = GROUP,
                            .head_dim = DIM,
                            .head_dim_v = DIM_V,
                            .count = left < HTH_PAGE_LEN ? left : HTH_PAGE_LEN,
                            .scale = 0.2f,
                            .type = HTH_KV_F32,
                            .k = k + at * DIM,
                            .v = v + at * DIM_V,
                            .k_stride = DIM * 4,
                            .v_stride = DIM_V * 4,
                            .m = m[p],
                            .l = l[p],
                            .o = o[p][0] };
        truth()->attend_page(&a);
    }
    for (int g = 0; g < GROUP; g++) {
        double s[COUNT], sum = 0;
        float pm[PAGES], pl[PAGES], po[PAGES * DIM_V], out[DIM_V];
        for (int t = 0; t < COUNT; t++) {
            double dot = 0;
            for (int i = 0; i < DIM; i++) dot += (double)q[g * DIM + i] * k[t * DIM + i];
            sum += s[t] = exp(dot * 0.2);
        }
        for (int p = 0; p < PAGES; p++) {
            pm[p] = m[p][g];
            pl[p] = l[p][g];
            memcpy(po + p * DIM_V, o[p][g], sizeof o[p][g]);
        }
        truth()->attend_merge(out, pm, pl, po, PAGES, DIM_V);
        for (int d = 0; d < DIM_V; d++) {
            double want = 0;
            for (int t = 0; t < COUNT; t++) want += s[t] / sum * v[t * DIM_V + d];
            assert_true(fabs(out[d] - want) < 2e-6);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(rmsnorm), cmocka_unit_test(rope),
                                        cmocka_unit_test(swiglu), cmocka_unit_test(attention) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
