/* fn_test.c - norms, rope, gates and attention against their definitions in double. */
#include "support/test.h"

#include <math.h>

#include "base/mem.h"
#include "base/num.h"
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

enum { DIM = 32, DIM_V = 64, COUNT = 150, GROUP = 3, PAGES = 3 };

typedef struct Text { /* keys and values as the cache keeps them, and as numbers again */
    uint8_t keys[PAGES][DIM * 4 * HTH_PAGE_LEN], values[PAGES][DIM_V * 4 * HTH_PAGE_LEN];
    double k[COUNT][DIM], v[COUNT][DIM_V];
} Text;

/* What a row of codes and scales says, by the definition in kv.c. */
static void decode(HthKvType type, const uint8_t *row, uint32_t n, double *out) {
    const uint8_t *d = row + n / (type == HTH_KV_Q4_0 ? 2 : 1);
    for (uint32_t i = 0; i < n; i++) {
        float f = 0;
        if (type == HTH_KV_F32) memcpy(&f, row + (size_t)i * 4, 4);
        uint8_t b = type == HTH_KV_Q4_0 ? row[i / 32 * 16 + i % 16] : 0;
        double scale = type >= HTH_KV_Q8_0 ? hth_f16_to_f32(hth_le16(d + i / 32 * 2)) : 0;
        switch (type) {
        case HTH_KV_F32: out[i] = f; break;
        case HTH_KV_F16: out[i] = hth_f16_to_f32(hth_le16(row + i * 2)); break;
        case HTH_KV_Q8_0: out[i] = scale * (int8_t)row[i]; break;
        default: out[i] = scale * ((i % 32 < 16 ? b & 15 : b >> 4) - 8); break;
        }
    }
}

static void write_text(Text *x, HthKvType type) {
    for (uint32_t t = 0; t < COUNT; t++) {
        float row[DIM_V];
        uint8_t code[DIM_V * 4] = { 0 };
        normals(row, DIM, 100 + t);
        truth()->kv_store(type, row, DIM, code);
        hth_kv_put_key(type, DIM, code, x->keys[t / HTH_PAGE_LEN], t % HTH_PAGE_LEN);
        decode(type, code, DIM, x->k[t]);
        double off = type == HTH_KV_Q4_0 ? 0.3 : type == HTH_KV_Q8_0 ? 0.02 : 0.002;
        for (uint32_t i = 0; i < DIM; i++) assert_true(fabs(x->k[t][i] - row[i]) < off);
        normals(row, DIM_V, 500 + t);
        truth()->kv_store(type, row, DIM_V, code);
        hth_kv_put_value(type, DIM_V, code, x->values[t / HTH_PAGE_LEN], t % HTH_PAGE_LEN);
        decode(type, code, DIM_V, x->v[t]);
    }
}

/* Pages carried on, and two runs merged, are attention. */
static void attention(void **state) {
    (void)state;
    static Text x;
    float q[GROUP * DIM], m[2][GROUP], l[2][GROUP], o[2][GROUP][DIM_V];
    float *work = hth_calloc_aligned(hth_attend_work(GROUP, DIM, DIM_V), sizeof *work);
    normals(q, GROUP * DIM, 6);
    for (int i = 0; i < GROUP * DIM; i++) q[i] *= 0.2f;
    for (int type = 0; type < HTH_KV_COUNT; type++) {
        write_text(&x, (HthKvType)type);
        for (uint32_t p = 0; p < PAGES; p++) { /* the last page is a run of its own */
            uint32_t left = COUNT - p * HTH_PAGE_LEN, run = p / 2;
            uint32_t seen = left < HTH_PAGE_LEN ? left : HTH_PAGE_LEN;
            uint32_t count[GROUP] = { seen, seen, seen };
            HthAttendPage a = { .q = q, .queries = GROUP, .head_dim = DIM, .head_dim_v = DIM_V };
            a.count = count;
            a.first = p % 2 == 0;
            a.type = (HthKvType)type;
            a.k = x.keys[p];
            a.v = x.values[p];
            a.work = work;
            a.m = m[run];
            a.l = l[run];
            a.o = o[run][0];
            truth()->attend_page(&a);
        }
        for (int g = 0; g < GROUP; g++) {
            double s[COUNT], sum = 0;
            for (int t = 0; t < COUNT; t++) {
                double dot = 0;
                for (int i = 0; i < DIM; i++) dot += (double)q[g * DIM + i] * x.k[t][i];
                sum += s[t] = exp(dot);
            }
            truth()->attend_merge(&m[0][g], &l[0][g], o[0][g], m[1][g], l[1][g], o[1][g], DIM_V);
            for (int d = 0; d < DIM_V; d++) {
                double want = 0;
                for (int t = 0; t < COUNT; t++) want += s[t] / sum * x.v[t][d];
                assert_true(fabs(o[0][g][d] / l[0][g] - want) < 2e-6);
            }
        }
    }
    hth_free(work);
}

/* Blocks that have no scale: not finite, too large, zero. */
static void no_scale(void **state) {
    (void)state;
    static const float odd[] = { NAN, INFINITY, -INFINITY, 3e38f, -3e38f };
    for (int type = HTH_KV_Q8_0; type <= HTH_KV_Q4_0; type++) {
        float x[32] = { 1.0f };
        uint8_t row[34];
        size_t n = hth_kv_bytes((HthKvType)type, 32);
        for (size_t i = 0; i < HTH_COUNT(odd); i++) {
            x[7] = odd[i];
            truth()->kv_store((HthKvType)type, x, 32, row);
            assert_true(isnan(hth_f16_to_f32(hth_le16(row + n - 2))));
        }
        memset(x, 0, sizeof x);
        x[3] = 1e-9f;
        truth()->kv_store((HthKvType)type, x, 32, row);
        assert_int_equal(hth_le16(row + n - 2), 0);
        for (size_t i = 0; i + 2 < n; i++) assert_int_equal(row[i], type == HTH_KV_Q8_0 ? 0 : 0x88);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(rmsnorm), cmocka_unit_test(rope),
                                        cmocka_unit_test(swiglu), cmocka_unit_test(attention),
                                        cmocka_unit_test(no_scale) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
