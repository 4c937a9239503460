/* search.c - see search.h.  Least squares over a small grid of candidate scales per group, then
 * the group scales are rounded to their few bits and the weights rounded once more.
 *
 * Thread: any. */
#include "kern/fmt/search.h"

#include <math.h>
#include <stdlib.h>

float hth_fit_range(const float *x, const float *imp, int n, int qmax, bool any_sign,
                    float *m_out) {
    float lo, hi;
    hth_fmt_range(x, n, &lo, &hi);
    if (lo > 0.0f && !any_sign) lo = 0.0f;
    *m_out = -lo;
    if (!(hi - lo > 1e-15f)) return 0.0f;
    float best_s = (hi - lo) / (float)qmax, best_m = -lo, best_err = INFINITY;
    for (int step = 0; step <= 24; step++) {
        float s = (hi - lo) / ((float)qmax - 0.8f + 0.1f * (float)step), m = -lo;
        double all = 0, sq = 0, sqq = 0, sx = 0, sqx = 0;
        for (int i = 0; i < n; i++) {
            int q = hth_fmt_round((x[i] + m) / s, 0, qmax);
            const double w = hth_imp_at(imp, i);
            all += w;
            sq += w * q;
            sqq += w * q * q;
            sx += w * x[i];
            sqx += w * q * x[i];
        }
        /* Best line through (q, x): x = s*q - m. */
        double det = all * sqq - sq * sq;
        if (det <= 0) continue;
        double s1 = (all * sqx - sq * sx) / det, m1 = -(sqq * sx - sq * sqx) / det;
        if (m1 < 0 && !any_sign) {
            m1 = 0;
            s1 = sqx / sqq;
        }
        if (!(s1 > 0)) continue;
        double err = 0;
        for (int i = 0; i < n; i++) {
            double e = s1 * hth_fmt_round((x[i] + (float)m1) / (float)s1, 0, qmax) - m1 - x[i];
            err += hth_imp_at(imp, i) * (e * e);
        }
        if (err < best_err) {
            best_err = (float)err;
            best_s = (float)s1;
            best_m = (float)m1;
        }
    }
    *m_out = best_m;
    return best_s;
}

void hth_range_round(const float *x, const float *imp, int n, HthStep step, int *sc, int *mn,
                     uint8_t *q) {
    const int sc0 = *sc, mn0 = *mn;
    float best = INFINITY;
    bool any = false; /* a number that is none must not leave q as it was */
    HTH_ASSERT(n <= 32);
    for (int i = 0; i < 9; i++) {
        const int s = sc0 + i / 3 - 1, m = mn0 + i % 3 - 1;
        if (s < 0 || m < 0 || s > step.top || m > step.top) continue;
        const float ds = step.d * (float)s, dm = step.dmin * (float)m, inv = hth_fmt_inv(ds);
        uint8_t now[32];
        float error = 0.0f;
        for (int k = 0; k < n; k++) {
            now[k] = (uint8_t)hth_fmt_round((x[k] + dm) * inv, 0, step.qmax);
            const float off = ds * (float)now[k] - dm - x[k];
            error += hth_imp_at(imp, k) * (off * off);
        }
        if (any && !(error < best)) continue;
        any = true;
        best = error;
        *sc = s;
        *mn = m;
        memcpy(q, now, (size_t)n);
    }
}

void hth_signed_round(const float *x, const float *imp, int n, int half, float d, int lo, int hi,
                      int *sc, int8_t *q) {
    const int sc0 = *sc;
    float best = INFINITY;
    bool any = false;
    HTH_ASSERT(n <= 32);
    for (int s = sc0 - 1; s <= sc0 + 1; s++) {
        if (s < lo || s > hi) continue;
        const float ds = d * (float)s, inv = hth_fmt_inv(ds);
        int8_t now[32];
        float error = 0.0f;
        for (int k = 0; k < n; k++) {
            now[k] = (int8_t)hth_fmt_round(x[k] * inv, -half, half - 1);
            const float off = ds * (float)now[k] - x[k];
            error += hth_imp_at(imp, k) * (off * off);
        }
        if (any && !(error < best)) continue;
        any = true;
        best = error;
        *sc = s;
        memcpy(q, now, (size_t)n);
    }
}

static void put_scale6(uint8_t *s, int j, int sc, int mn) {
    if (j < 4) {
        s[j] |= (uint8_t)sc;
        s[j + 4] |= (uint8_t)mn;
    } else {
        s[j + 4] |= (uint8_t)((sc & 15) | (mn & 15) << 4);
        s[j - 4] |= (uint8_t)((sc >> 4) << 6);
        s[j] |= (uint8_t)((mn >> 4) << 6);
    }
}

void hth_super_fit(HthSuper *out, const float *in, const float *imp, int qmax) {
    float s[8], m[8], s_max = 0.0f, m_max = 0.0f;
    memset(out, 0, sizeof *out);
    for (int j = 0; j < 8; j++) {
        s[j] = hth_fit_range(in + j * 32, hth_imp_on(imp, j * 32u), 32, qmax, false, &m[j]);
        s_max = fmaxf(s_max, s[j]);
        m_max = fmaxf(m_max, m[j]);
    }
    out->d = hth_f32_to_f16(s_max / 63.0f);
    out->dmin = hth_f32_to_f16(m_max / 63.0f);
    float d = hth_f16_to_f32(out->d), dmin = hth_f16_to_f32(out->dmin);
    for (int j = 0; j < 8; j++) {
        int sc = hth_fmt_round(s[j] * hth_fmt_inv(d), 0, 63);
        int mn = hth_fmt_round(m[j] * hth_fmt_inv(dmin), 0, 63);
        hth_range_round(in + j * 32, hth_imp_on(imp, j * 32u), 32, (HthStep){ d, dmin, 63, qmax },
                        &sc, &mn, out->q + j * 32);
        put_scale6(out->scales, j, sc, mn);
    }
}

float hth_fit_signed(const float *x, const float *imp, int n, int half) {
    float peak = hth_fmt_peak(x, n), best_s = 0.0f, best = 0.0f;
    if (!(fabsf(peak) > 1e-15f)) return 0.0f;
    for (int step = -9; step <= 9; step++) {
        float inv = -((float)half + 0.1f * (float)step) / peak;
        double qx = 0, qq = 0;
        for (int i = 0; i < n; i++) {
            int q = hth_fmt_round(x[i] * inv, -half, half - 1);
            const double w = hth_imp_at(imp, i);
            qx += w * q * x[i];
            qq += w * q * q;
        }
        /* For fixed q the error is x.x - qx^2/qq: the largest gain wins. */
        if (qq > 0 && qx * qx > (double)best * qq) {
            best = (float)(qx * qx / qq);
            best_s = (float)(qx / qq);
        }
    }
    return best_s;
}

void hth_signed_fit(HthSigned *out, const float *in, const float *imp) {
    float s[16], peak;
    memset(out, 0, sizeof *out);
    for (int g = 0; g < 16; g++)
        s[g] = hth_fit_signed(in + g * 16, hth_imp_on(imp, g * 16u), 16, 32);
    peak = hth_fmt_peak(s, 16);
    out->d = hth_f32_to_f16(peak / -128.0f);
    float d = hth_f16_to_f32(out->d);
    for (int g = 0; g < 16; g++) {
        int sc = hth_fmt_round(s[g] * hth_fmt_inv(d), -128, 127);
        hth_signed_round(in + g * 16, hth_imp_on(imp, g * 16u), 16, 32, d, -128, 127, &sc,
                         out->q + g * 16);
        out->scales[g] = (int8_t)sc;
    }
}

typedef struct Weighed {
    float mag, imp;
    int at; /* of equals the first stays first */
} Weighed;

static int falling(const void *a, const void *b) {
    const Weighed *x = a, *y = b;
    if (x->mag != y->mag) return x->mag < y->mag ? 1 : -1;
    return x->at - y->at;
}

/* If the k largest magnitudes become +-s, their mean is the best s and leaves (sum)^2 / k less of
 * the squares: k, or what they count together. */
float hth_fit_ternary(const float *x, const float *imp, int n) {
    Weighed by[256];
    float s = 0.0f;
    double sum = 0, all = 0, best = 0;
    HTH_ASSERT(n <= 256);
    for (int i = 0; i < n; i++) {
        const float mag = fabsf(x[i]);
        by[i] = (Weighed){ mag < INFINITY ? mag : 0.0f, hth_imp_at(imp, i), i };
    }
    qsort(by, (size_t)n, sizeof by[0], falling);
    for (int k = 0; k < n; k++) {
        sum += (double)by[k].imp * by[k].mag;
        all += by[k].imp;
        if (!(sum * sum / all > best)) continue;
        best = sum * sum / all;
        s = (float)(sum / all);
    }
    return s;
}
