/* code16.c - see code16.h: the encoders' half.
 *
 * Thread: any. */
#include "kern/fmt/code16.h"

#include <math.h>

void hth_code_pack(const uint8_t index[32], uint8_t *nibbles) {
    for (int i = 0; i < 16; i++) nibbles[i] = (uint8_t)(index[i] | index[i + 16] << 4);
}

void hth_code_nearest(const int8_t code[16], const float *x, float inv, uint8_t index[32]) {
    for (int i = 0; i < 32; i++) {
        const float v = x[i] * inv;
        float best = fabsf(v - (float)code[0]);
        index[i] = 0;
        for (uint8_t c = 1; c < 16; c++) {
            const float d = fabsf(v - (float)code[c]);
            if (!(d < best)) continue;
            best = d;
            index[i] = c;
        }
    }
}

/* What the best scale for these indices leaves of sum x^2: the larger *gain, the better. */
static float refit(const int8_t code[16], const float *x, const float *imp, const uint8_t index[32],
                   float *gain) {
    float xq = 0.0f, qq = 0.0f;
    for (int i = 0; i < 32; i++) {
        const float q = (float)code[index[i]];
        const float w = hth_imp_at(imp, i);
        xq += w * (x[i] * q);
        qq += w * (q * q);
    }
    *gain = qq > 0.0f ? xq * xq / qq : 0.0f;
    return qq > 0.0f ? xq / qq : 0.0f;
}

float hth_code_fit(const int8_t code[16], const float *x, const float *imp) {
    const float peak = hth_fmt_peak(x, 32);
    if (!(fabsf(peak) > 0x1p-100f) || !isfinite(peak)) return 0.0f;
    float best = -1.0f, d = 0.0f;
    for (int step = -14; step <= 14; step++) {
        uint8_t index[32];
        float gain;
        const float inv = ((float)code[0] + (float)step) / peak; /* its sign: the wide end */
        hth_code_nearest(code, x, inv, index);
        const float fit = refit(code, x, imp, index, &gain);
        if (!(gain > best)) continue;
        best = gain;
        d = fit;
    }
    return d;
}
