/* fill.c - inputs: ordinary, extreme, and the kind that breaks kernels.
 *
 * Thread: main. */
#include "check/check.h"

#include <math.h>
#include <string.h>

#include "base/num.h"

uint64_t next(Check *k) { /* splitmix64 */
    uint64_t z = k->rng += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint32_t below(Check *k, uint32_t n) {
    return (uint32_t)((next(k) >> 32) * n >> 32);
}

float uniform(Check *k) {
    return (float)(int32_t)(next(k) >> 32) * 0x1p-31f;
}

const char *const fill_names[FILL_COUNT] = { "random", "peaks", "huge", "tiny",
                                             "zero",   "spike", "nan" };

void fill(Check *k, Fill how, float *x, size_t n) {
    static const float odd[] = { NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 1e-40f, -0.0f };
    for (size_t i = 0; i < n; i++) {
        float u = uniform(k);
        switch (how) {
        case FILL_PEAKS: x[i] = u < 0 ? -1.0f : 1.0f; break; /* every int8 is +-127 */
        case FILL_HUGE: x[i] = u * 3e37f; break;
        case FILL_TINY: x[i] = u * (i / 32 % 2 == 0 ? 1e-28f : 1e-39f); break;
        case FILL_ZERO: x[i] = u < 0 ? -0.0f : 0.0f; break;
        case FILL_SPIKE: x[i] = i % 37 == 5 ? u * 1000.0f : u * 1e-3f; break;
        case FILL_NAN: x[i] = below(k, 97) == 0 ? odd[below(k, HTH_COUNT(odd))] : u; break;
        default: x[i] = u * (1.0f + 3.0f * fabsf(uniform(k))); break;
        }
    }
}

/* Where a block keeps its halves. */
static const struct {
    const char *fmt;
    uint8_t at[2], count;
} halves[] = {
    { "Q8_0", { 0 }, 1 },   { "Q4_0", { 0 }, 1 },    { "Q4_1", { 0, 2 }, 2 },
    { "Q5_0", { 0 }, 1 },   { "Q5_1", { 0, 2 }, 2 }, { "Q2_K", { 80, 82 }, 2 },
    { "Q3_K", { 108 }, 1 }, { "Q4_K", { 0, 2 }, 2 }, { "Q5_K", { 0, 2 }, 2 },
    { "Q6_K", { 208 }, 1 }, { "F16", { 0 }, 1 },     { "IQ4_NL", { 0 }, 1 },
    { "IQ4_XS", { 0 }, 1 }, { "IQ2_XXS", { 0 }, 1 }, { "IQ2_XS", { 0 }, 1 },
    { "IQ2_S", { 0 }, 1 },  { "IQ3_XXS", { 0 }, 1 }, { "IQ3_S", { 0 }, 1 },
    { "IQ1_S", { 0 }, 1 },  { "TQ1_0", { 52 }, 1 },  { "TQ2_0", { 64 }, 1 },
    { "Q1_0", { 0 }, 1 },   { "Q2_0", { 0 }, 1 },
};

/* A half of either sign between about 1e-7 and 8, subnormals included. */
static uint16_t some_half(Check *k) {
    uint32_t r = (uint32_t)next(k);
    return (uint16_t)((r & 0x83ffu) | (below(k, 18) << 10));
}

/* A half of either sign between 2^-8 and 2^-6. */
static uint16_t real_half(Check *k) {
    uint32_t r = (uint32_t)next(k);
    return (uint16_t)((r & 0x83ffu) | (7 + below(k, 2)) << 10);
}

static void blocks(Check *k, const HthFmt *fmt, uint8_t *w, size_t count, bool real) {
    if (fmt->act == HTH_ACT_F32) {
        for (size_t i = 0; i < count; i++, w += fmt->block_bytes) {
            float x = uniform(k) * (real ? 0.02f : below(k, 50) == 0 ? 1e-39f : 2.0f);
            fmt->quant(&x, w, 1);
        }
        return;
    }
    for (size_t b = 0; b < count; b++, w += fmt->block_bytes) {
        for (uint32_t i = 0; i < fmt->block_bytes; i++) w[i] = (uint8_t)next(k);
        if (!real && below(k, 9) == 0) memset(w, below(k, 2) != 0 ? 0xff : 0x80, fmt->block_bytes);
        if (strcmp(fmt->name, "MXFP4") == 0) /* an exponent; 0 and 1 are subnormal */
            w[0] = (uint8_t)(!real && below(k, 9) == 0 ? below(k, 4) : 110 + below(k, 30));
        if (strcmp(fmt->name, "IQ1_M") == 0) { /* a half in four nibbles */
            uint16_t v = real ? real_half(k) : some_half(k);
            for (int i = 0; i < 4; i++)
                w[49 + 2 * i] = (uint8_t)((w[49 + 2 * i] & 15) | (v >> (4 * i) & 15) << 4);
        }
        for (size_t i = 0; i < HTH_COUNT(halves); i++) {
            if (strcmp(halves[i].fmt, fmt->name) != 0) continue;
            for (uint8_t h = 0; h < halves[i].count; h++) {
                uint16_t v = real ? real_half(k) : some_half(k);
                memcpy(w + halves[i].at[h], &v, 2);
            }
        }
    }
}

void fill_blocks(Check *k, const HthFmt *fmt, uint8_t *w, size_t count) {
    blocks(k, fmt, w, count, false);
}

void fill_blocks_real(Check *k, const HthFmt *fmt, uint8_t *w, size_t count) {
    blocks(k, fmt, w, count, true);
}
