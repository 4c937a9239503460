/* truth.c - what every tier must reproduce: products and floats of all formats, in plain C.
 *
 * Written for reading, not for speed.  fmaf is IEEE 754's fused multiply-add: correctly rounded
 * on every platform, in hardware or not.
 *
 * Thread: any. */
#include "kern/fmt/panel.h"

#include <math.h>

void hth_truth_dequant(HthKind kind, HthUnpackFn *unpack, const void *row, float *out, size_t n) {
    for (size_t b = 0; b < n / 32; b++, out += 32) {
        HthBlk k = { .d = 0.0f };
        unpack(row, (uint32_t)b, &k);
        for (int i = 0; i < 32; i++) {
            float q = (float)k.q[i];
            int h = kind == HTH_KIND_SUPER ? 0 : i / 16;
            switch (kind) {
            case HTH_KIND_PLAIN: out[i] = k.d * q; break;
            case HTH_KIND_OFFSET: out[i] = k.d * q + k.m; break;
            case HTH_KIND_PAIR: out[i] = (h == 0 ? k.d : k.m) * q; break;
            case HTH_KIND_DUAL: out[i] = (k.d * (float)k.sc[h]) * q; break;
            case HTH_KIND_SUPER:
            case HTH_KIND_DUALMIN:
                out[i] = (k.d * (float)k.sc[h]) * q - k.dmin * (float)k.mn[h];
                break;
            }
        }
    }
}

/* One output's running state. */
typedef struct Sum {
    float acc;
    int32_t mins; /* SUPER: sum of mn*mins so far in this superblock */
} Sum;

static void add_block(HthKind kind, const HthBlk *k, const HthActQ8 *x, uint32_t b, Sum *s) {
    int32_t lo = 0, hi = 0;
    for (int i = 0; i < 16; i++) lo += k->q[i] * x[b].q[i];
    for (int i = 16; i < 32; i++) hi += k->q[i] * x[b].q[i];
    float dx = x[b].d;
    switch (kind) {
    case HTH_KIND_PLAIN: s->acc = fmaf((float)(lo + hi), k->d * dx, s->acc); break;
    case HTH_KIND_OFFSET:
        s->acc = fmaf((float)(lo + hi), k->d * dx, s->acc);
        s->acc = fmaf(k->m, dx * (float)x[b].sum, s->acc);
        break;
    case HTH_KIND_SUPER: {
        const HthActQ8 *first = &x[b & ~7u];
        s->acc = fmaf((float)(lo + hi), (k->d * (float)k->sc[0]) * dx, s->acc);
        s->mins = (b % 8 == 0 ? 0 : s->mins) + k->mn[0] * first->mins[b % 8];
        if (b % 8 == 7) s->acc = fmaf((float)-s->mins, k->dmin * first->min_scale, s->acc);
        break;
    }
    case HTH_KIND_PAIR:
        s->acc = fmaf((float)lo, k->d * dx, s->acc);
        s->acc = fmaf((float)hi, k->m * dx, s->acc);
        break;
    case HTH_KIND_DUAL:
    case HTH_KIND_DUALMIN:
        s->acc = fmaf((float)(lo * k->sc[0] + hi * k->sc[1]), k->d * dx, s->acc);
        if (kind == HTH_KIND_DUALMIN) {
            int32_t mn = k->mn[0] * x[b].sum_lo + k->mn[1] * (x[b].sum - x[b].sum_lo);
            s->acc = fmaf((float)-mn, k->dmin * dx, s->acc);
        }
        break;
    }
}

void hth_truth_linear(HthKind kind, HthUnpackFn *unpack, const HthLinearArgs *a) {
    for (uint32_t r = 0; r < a->rows; r++) {
        const uint8_t *row = (const uint8_t *)a->w + r * a->row_bytes;
        for (uint32_t c = 0; c < a->cols; c++) {
            const void *x = (const uint8_t *)a->x + c * a->x_stride;
            Sum s = { 0.0f, 0 };
            for (uint32_t b = 0; b < a->k / 32; b++) {
                HthBlk k = { .d = 0.0f };
                unpack(row, b, &k);
                add_block(kind, &k, x, b, &s);
            }
            a->y[c * a->ldy + r] = s.acc;
        }
    }
}

void hth_truth_panels(HthKind kind, HthUnpackFn *unpack, size_t block_bytes,
                      const HthLinearArgs *a) {
    size_t blocks = a->row_bytes / block_bytes, per = a->k / 32 / blocks; /* of 32, to a block */
    for (uint32_t r = 0; r < a->rows; r++) {
        const uint8_t *panel = (const uint8_t *)a->w + r / 16 * 16 * a->row_bytes;
        for (uint32_t c = 0; c < a->cols; c++) {
            const void *x = (const uint8_t *)a->x + c * a->x_stride;
            Sum s = { 0.0f, 0 };
            for (uint32_t b = 0; b < a->k / 32; b++) {
                uint8_t block[HTH_PANEL_BLOCK_MAX];
                HthBlk k = { .d = 0.0f };
                hth_panel_block(panel, block_bytes, blocks, r % 16, b / per, block);
                unpack(block, (uint32_t)(b % per), &k);
                add_block(kind, &k, x, b, &s);
            }
            a->y[c * a->ldy + r] = s.acc;
        }
    }
}

void hth_truth_linear_f(HthLoadFn *load, const HthLinearArgs *a) {
    for (uint32_t r = 0; r < a->rows; r++) {
        const uint8_t *row = (const uint8_t *)a->w + r * a->row_bytes;
        for (uint32_t c = 0; c < a->cols; c++) {
            const uint8_t *x = (const uint8_t *)a->x + c * a->x_stride;
            float lane[16] = { 0.0f };
            for (uint32_t i = 0; i < a->k; i++) {
                float xi = hth_bits_f32(hth_le32(x + (size_t)i * 4));
                lane[i % 16] = fmaf(load(row, i), xi, lane[i % 16]);
            }
            for (int half = 8; half > 0; half /= 2)
                for (int i = 0; i < half; i++) lane[i] += lane[i + half];
            a->y[c * a->ldy + r] = lane[0];
        }
    }
}
