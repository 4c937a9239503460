/* book.c - see book.h.  Least squares: for a scale, each entry's error is a sum of two halves of
 * which there are few, so the best of 2048 is found among the few whose halves are good; the scale
 * is the best of a coarse row of them, fitted to what it chose until it no longer gets better.
 *
 * Thread: any. */
#include "kern/fmt/book.h"

#include <math.h>

enum {
    RUNS_MAX = 81,
    TRIES = 10, /* scales per group */
    FITS = 3, /* steps of least squares from the best of them */
    PASSES = 3, /* over a block, each with the scale that fits what the last one chose */
};

/* The entries by the upper half of their bits: entries of a run have it in common. */
typedef struct Book {
    const HthBookFmt *f;
    uint32_t len, half; /* weights to an entry; bits of half an entry */
    uint32_t runs;
    struct Run {
        uint16_t at, end;
        uint8_t upper;
    } run[RUNS_MAX];
} Book;

static void open_book(Book *b, const HthBookFmt *f) {
    *b = (Book){ .f = f, .len = f->bits == 2 ? 8 : 4, .half = f->bits == 2 ? 8 : 6 };
    for (uint32_t i = 0; i < f->count; i++) {
        const uint8_t upper = (uint8_t)(f->grid[i] >> b->half);
        if (b->runs == 0 || b->run[b->runs - 1].upper != upper) {
            HTH_ASSERT(b->runs < RUNS_MAX);
            b->run[b->runs++] = (struct Run){ .at = (uint16_t)i, .upper = upper };
        }
        b->run[b->runs - 1].end = (uint16_t)(i + 1);
    }
}

/* What is to be encoded with one scale: 16 or 32 weights, and what their errors count. */
typedef struct Group {
    const float *x, *w;
    uint16_t index[8];
    bool less[8];
} Group;

/* ---- one entry ---- */

/* Errors by what a weight may become; half an entry is two of them or two pairs. */
typedef struct Costs {
    float one[8][8]; /* [weight][number] */
    float pair[4][16]; /* [weight / 2][both numbers], of entries of eight */
    float least; /* of the lower half, whatever its numbers */
} Costs;

static void all_costs(const HthBookFmt *f, const float *x, const float *w, float s, float shift,
                      uint32_t len, Costs *out) {
    const uint32_t levels = f->bits == 2 ? 3 : 8;
    out->least = 0.0f;
    for (uint32_t i = 0; i < len; i++) {
        float least = INFINITY;
        for (uint32_t l = 0; l < levels; l++) {
            const float off = x[i] - s * (f->values[l] + shift);
            out->one[i][l] = w[i] * off * off;
            if (out->one[i][l] < least) least = out->one[i][l];
        }
        if (i < len / 2) out->least += least;
    }
    for (uint32_t p = 0; f->bits == 2 && p < 4; p++)
        for (uint32_t k = 0; k < 3; k++)
            for (uint32_t l = 0; l < 3; l++)
                out->pair[p][k << 2 | l] = out->one[2 * p][l] + out->one[2 * p + 1][k];
}

static inline float half_cost(const Costs *c, uint32_t bits, uint32_t first, uint32_t half) {
    if (bits == 3) return c->one[2 * first][half & 7] + c->one[2 * first + 1][half >> 3];
    return c->pair[2 * first][half & 15] + c->pair[2 * first + 1][half >> 4];
}

/* The entry with the least error, at scale s and with all values `shift` more. */
static float find(const Book *b, const float *x, const float *w, float s, float shift,
                  uint16_t *index) {
    const uint32_t bits = b->f->bits, mask = (1u << b->half) - 1;
    float upper[RUNS_MAX], best = INFINITY;
    uint32_t first = 0, found = 0;
    Costs c;
    all_costs(b->f, x, w, s, shift, b->len, &c);
    for (uint32_t r = 0; r < b->runs; r++) {
        upper[r] = half_cost(&c, bits, 1, b->run[r].upper);
        if (upper[r] < upper[first]) first = r;
    }
    for (uint32_t r = 0; r <= b->runs; r++) {
        const uint32_t at = r == 0 ? first : r - 1;
        const struct Run *run = &b->run[at];
        if (!(upper[at] + c.least < best)) continue;
        for (uint32_t e = run->at; e < run->end; e++) {
            const float now = upper[at] + half_cost(&c, bits, 0, b->f->grid[e] & mask);
            if (!(now < best)) continue;
            best = now;
            found = e;
        }
    }
    *index = (uint16_t)found;
    return best;
}

static float value_of(const Book *b, const Group *g, uint32_t i) {
    const uint32_t entry = i / b->len;
    const uint32_t no = b->f->grid[g->index[entry]] >> (i % b->len * b->f->bits);
    const float v = b->f->values[no & ((1u << b->f->bits) - 1)];
    if (b->f->signs < HTH_BOOK_SHIFT_GROUP) return v;
    return g->less[entry] ? v - 1.0f : v + 1.0f;
}

/* ---- one group ---- */

static float choose_shifted(const Book *b, Group *g, float s, bool less) {
    const uint32_t n = b->f->group;
    float sum = 0.0f;
    for (uint32_t i = 0; i < n / b->len; i++) {
        g->less[i] = less;
        sum += find(b, g->x + i * b->len, g->w + i * b->len, s, less ? -1.0f : 1.0f, &g->index[i]);
    }
    return sum;
}

/* The best entries at scale s; their error. */
static float choose(const Book *b, Group *g, float s) {
    const uint32_t n = b->f->group, entries = n / b->len;
    float sum = 0.0f;
    if (b->f->signs < HTH_BOOK_SHIFT_GROUP) {
        for (uint32_t i = 0; i < entries; i++)
            sum += find(b, g->x + i * b->len, g->w + i * b->len, s, 0.0f, &g->index[i]);
        return sum;
    }
    if (b->f->signs == HTH_BOOK_SHIFT_GROUP) {
        Group other = *g;
        const float more = choose_shifted(b, g, s, false);
        const float less = choose_shifted(b, &other, s, true);
        if (less < more) *g = other;
        return less < more ? less : more;
    }
    for (uint32_t i = 0; i < entries; i++) {
        uint16_t index;
        const float *x = g->x + i * b->len, *w = g->w + i * b->len;
        const float more = find(b, x, w, s, 1.0f, &g->index[i]);
        const float less = find(b, x, w, s, -1.0f, &index);
        g->less[i] = less < more;
        if (less < more) g->index[i] = index;
        sum += less < more ? less : more;
    }
    return sum;
}

/* Sums for the best scale of what is chosen: xv / vv; it leaves xv^2 / vv less of the squares. */
static void sums(const Book *b, const Group *g, double factor, double *xv, double *vv) {
    for (uint32_t i = 0; i < b->f->group; i++) {
        const double v = factor * value_of(b, g, i);
        *xv += (double)g->w[i] * g->x[i] * v;
        *vv += (double)g->w[i] * v * v;
    }
}

/* The scale of a group, were it free; 0 for zeros. */
static float fit_group(const Book *b, Group *g) {
    float peak = 0.0f, scale = 0.0f;
    double best = 0;
    for (uint32_t i = 0; i < b->f->group; i++) peak = fmaxf(peak, fabsf(g->x[i]));
    const float top = b->f->values[b->f->bits == 2 ? 2 : 7];
    if (!(peak > 0x1p-100f) || !isfinite(peak)) return 0.0f;
    for (int k = 0; k < TRIES + FITS; k++) {
        double xv = 0, vv = 0;
        if (k >= TRIES && scale == 0.0f) break;
        const float s = k < TRIES ? peak / top * (1.12f - 0.07f * (float)k) : scale;
        choose(b, g, s);
        sums(b, g, 1.0, &xv, &vv);
        if (xv > 0 && vv > 0 && xv * xv > best * vv) {
            best = xv * xv / vv;
            scale = (float)(xv / vv);
        } else if (k >= TRIES) {
            break;
        }
    }
    return scale;
}

/* ---- 256 weights ---- */

/* Signs away: what is encoded are magnitudes. Where their number must be even, the weight that
 * matters least may have the wrong one. */
static void take_signs(const HthBookFmt *f, float *x, const float *w, HthBookBlock *out) {
    if (f->signs >= HTH_BOOK_SHIFT_GROUP) return;
    for (uint32_t k = 0; k < 32; k++) {
        float *v = x + 8 * k;
        uint32_t signs = 0, odd = 0, least = 0;
        for (uint32_t i = 0; i < 8; i++) {
            const float *u = w + 8 * k;
            if (u[i] * v[i] * v[i] < u[least] * v[least] * v[least]) least = i;
            if (!(v[i] < 0.0f)) continue;
            v[i] = -v[i];
            signs |= 1u << i;
            odd ^= 1;
        }
        if (f->signs == HTH_BOOK_EVEN && odd) {
            v[least] = -v[least];
            signs ^= 1u << least;
        }
        out->signs[k] = (uint8_t)signs;
    }
}

/* All groups with the block's scale d; their error, and the scale that fits what was chosen. */
static float pass(const Book *b, Group *groups, const float *scales, float d, uint8_t *sc,
                  float *fitted) {
    const HthBookFmt *f = b->f;
    const float unit = d * f->unit, inv = hth_fmt_inv(unit);
    float sum = 0.0f;
    double xv = 0, vv = 0;
    for (uint32_t j = 0; j < 256 / f->group; j++) {
        const int at = hth_fmt_round((scales[j] * inv - 1.0f) * 0.5f, 0, f->top);
        Group best = groups[j];
        float least = INFINITY;
        sc[j] = (uint8_t)at;
        for (int s = at > 0 ? at - 1 : 0; s <= at + 1 && s <= f->top; s++) {
            Group now = groups[j];
            const float error = choose(b, &now, unit * (float)(2 * s + 1));
            if (!(error < least)) continue;
            least = error;
            best = now;
            sc[j] = (uint8_t)s;
        }
        groups[j] = best;
        sum += least;
        sums(b, &groups[j], (double)f->unit * (2 * sc[j] + 1), &xv, &vv);
    }
    *fitted = xv > 0 && vv > 0 ? (float)(xv / vv) : d;
    return sum;
}

static void quant_block(const Book *b, const float *in, const float *w, HthBookBlock *out) {
    const HthBookFmt *f = b->f;
    const uint32_t groups = 256 / f->group, entries = f->group / b->len;
    Group g[16];
    float x[256], scales[16], most = 0.0f, least = INFINITY;
    memcpy(x, in, sizeof x);
    *out = (HthBookBlock){ .d = 0 };
    take_signs(f, x, w, out);
    for (uint32_t j = 0; j < groups; j++) {
        g[j] = (Group){ .x = x + j * f->group, .w = w + j * f->group };
        scales[j] = fit_group(b, &g[j]);
        most = fmaxf(most, scales[j]);
    }
    float d = most / (f->unit * (float)(2 * f->top + 1));
    for (int k = 0; k < PASSES; k++) {
        const uint16_t half = hth_f32_to_f16(d);
        uint8_t sc[16] = { 0 };
        const float error = pass(b, g, scales, hth_f16_to_f32(half), sc, &d);
        if (k > 0 && !(error < least)) break;
        least = error;
        out->d = half;
        memcpy(out->sc, sc, sizeof sc);
        for (uint32_t i = 0; i < groups * entries; i++) {
            out->index[i] = g[i / entries].index[i % entries];
            if (f->bits == 2) out->less[i] = g[i / entries].less[i % entries];
        }
    }
}

void hth_book_quant(const HthBookFmt *f, const float *in, const float *imp, size_t n,
                    HthBookPut *put, uint8_t *to, size_t block_bytes) {
    Book b;
    float ones[256];
    open_book(&b, f);
    for (int i = 0; i < 256; i++) ones[i] = 1.0f;
    for (size_t at = 0; at < n; at += 256, to += block_bytes) {
        HthBookBlock block;
        quant_block(&b, in + at, imp != NULL ? imp + at : ones, &block);
        put(&block, to);
    }
}
