/* bench.c - how fast the kernels are, beside what this machine can do in the same minute.
 *
 * One thread, in processor time, the best of several runs: others may be using the machine.
 * Products are calls of 256 rows, as the engine makes them, and count 2 operations per weight and
 * column.
 *
 * Thread: main. */
#include "check/check.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "kern/peak.h"

enum { K = 2048, ROWS = 512, CALL = 256, COLS = 512, WALK = 192 << 20 };

typedef struct Peaks { /* of one tier */
    double int8_gops, f32_gflops, read_gbs;
} Peaks;

static uint64_t cpu_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Operations per nanosecond of the tier's multiply-add for these activations; 0: not known. */
static double peak_of(const HthKern *kern, HthAct act) {
    double best = 0;
    for (int i = 0; i < 5; i++) {
        uint64_t t0 = cpu_ns(), ops = hth_kern_peak(kern, act, 1000000);
        double gops = (double)ops / (double)(cpu_ns() - t0);
        if (gops > best) best = gops;
    }
    return best;
}

/* Sums 64-bit words, four streams 8 KiB apart, which keeps the prefetchers busy. */
static double read_gbs(const uint8_t *p, size_t n) {
    enum { STREAM = 1024 };
    double best = 0;
    for (int r = 0; r < 5; r++) {
        uint64_t s[8] = { 0 }, t0 = cpu_ns();
        const uint64_t *q = (const uint64_t *)(const void *)p, *end = q + n / 8;
        for (; q + 4 * STREAM <= end; q += 4 * STREAM)
            for (size_t i = 0; i < STREAM; i += 8)
                for (size_t j = 0; j < 32; j++) s[j % 8] += q[j / 8 * STREAM + i + j % 8];
        double gbs = (double)n / (double)(cpu_ns() - t0);
        for (int j = 0; j < 8; j++) __asm__ volatile("" ::"r"(s[j]));
        if (gbs > best) best = gbs;
    }
    return best;
}

typedef struct Desk {
    uint8_t *w; /* WALK bytes of weights, so that decode reads memory, not cache */
    uint8_t *x;
    float *y;
    Check rng;
} Desk;

typedef struct Line {
    double prefill_gops, decode_gbs, few_gops;
} Line;

static double time_cols(const Desk *d, const HthKern *kern, const HthFmt *fmt, uint32_t cols) {
    size_t rb = hth_fmt_row_bytes(fmt, K), xs = hth_act_bytes(fmt->act, K) + 64;
    double best = 0;
    for (int r = 0; r < 5; r++) {
        uint64_t t0 = cpu_ns();
        for (uint32_t row = 0; row < ROWS; row += CALL)
            kern->linear[hth_fmt_index(fmt)](d->w + row * rb, rb, CALL, K, d->x, xs, cols,
                                             d->y + row, ROWS);
        double gops = 2.0 * ROWS * K * cols / (double)(cpu_ns() - t0);
        if (gops > best) best = gops;
    }
    return best;
}

static double time_decode(const Desk *d, const HthKern *kern, const HthFmt *fmt) {
    size_t rb = hth_fmt_row_bytes(fmt, K), xs = hth_act_bytes(fmt->act, K) + 64;
    uint32_t rows = (uint32_t)(WALK / rb) / 64 * 64;
    double best = 0;
    for (int r = 0; r < 3; r++) {
        uint64_t t0 = cpu_ns();
        for (uint32_t row = 0; row < rows; row += 64)
            kern->linear[hth_fmt_index(fmt)](d->w + row * rb, rb, 64, K, d->x, xs, 1, d->y, ROWS);
        double gbs = (double)rows * (double)rb / (double)(cpu_ns() - t0);
        if (gbs > best) best = gbs;
    }
    return best;
}

static Line measure(Desk *d, const HthKern *kern, const HthFmt *fmt) {
    float *in = hth_calloc_aligned(K, sizeof *in);
    size_t rb = hth_fmt_row_bytes(fmt, K), xs = hth_act_bytes(fmt->act, K) + 64;
    case_begin(&d->rng, 1);
    fill_blocks_real(&d->rng, fmt, d->w, ROWS * (size_t)(K / fmt->block_len));
    for (size_t done = ROWS * rb; done < WALK;) { /* the rest repeats it */
        size_t n = WALK - done < done ? WALK - done : done;
        memcpy(d->w + done, d->w, n);
        done += n;
    }
    for (uint32_t c = 0; c < COLS; c++) {
        fill(&d->rng, FILL_RANDOM, in, K);
        if (fmt->act == HTH_ACT_Q8)
            kern->act_q8(in, K, (HthActQ8 *)(void *)(d->x + c * xs));
        else
            memcpy(d->x + c * xs, in, K * sizeof *in);
    }
    hth_free(in);
    return (Line){ time_cols(d, kern, fmt, COLS), time_decode(d, kern, fmt),
                   time_cols(d, kern, fmt, 8) };
}

static void print_line(bool json, const HthKern *kern, const HthFmt *fmt, Line l, Peaks p) {
    double peak = fmt->act == HTH_ACT_Q8 ? p.int8_gops : p.f32_gflops;
    double part = peak > 0 ? 100 * l.prefill_gops / peak : 0, mem = 100 * l.decode_gbs / p.read_gbs;
    if (json)
        printf("{\"tier\":\"%s\",\"format\":\"%s\",\"cols512_gops\":%.1f,\"of_peak\":%.3f,"
               "\"cols8_gops\":%.1f,\"cols1_gbs\":%.2f,\"of_read\":%.3f}\n",
               kern->name, fmt->name, l.prefill_gops, part / 100, l.few_gops, l.decode_gbs,
               mem / 100);
    else
        printf("%-11s %-5s %8.1f Gop/s %5.1f %%   %8.1f Gop/s   %6.1f GB/s %5.1f %%\n", kern->name,
               fmt->name, l.prefill_gops, part, l.few_gops, l.decode_gbs, mem);
}

static void print_peaks(bool json, const HthKern *kern, Peaks p) {
    printf(json ? "{\"tier\":\"%s\",\"int8_gops\":%.1f,\"f32_gflops\":%.1f,\"read_gbs\":%.2f}\n"
                : "%-11s peak: int8 %.0f Gop/s, f32 %.0f GFLOP/s, read %.1f GB/s\n",
           kern->name, p.int8_gops, p.f32_gflops, p.read_gbs);
}

int bench(bool json, const char *tier, const HthFmt *only) {
    Desk d = { .w = hth_calloc_aligned(WALK, 1),
               .x = hth_calloc_aligned(COLS, K * sizeof(float) + 64),
               .y = hth_calloc_aligned(COLS, ROWS * sizeof(float)),
               .rng = { .seed = 1 } };
    if (d.w == NULL || d.x == NULL || d.y == NULL) {
        fputs("hearth-check: out of memory\n", stderr);
        return 71;
    }
    for (size_t i = 0; i < WALK; i += 512) d.w[i] = 1;
    Peaks p = { .read_gbs = read_gbs(d.w, WALK) };
    if (!json)
        printf(
            "one thread; read %.1f GB/s\n"
            "tier        fmt      512 columns   of peak       8 columns        1 column  of read\n",
            p.read_gbs);
    for (size_t t = 1; hth_kern_at(t) != NULL; t++) {
        const HthKern *kern = hth_kern_at(t);
        if ((tier != NULL && strcmp(tier, kern->name) != 0) || !hth_kern_runs_here(kern)) continue;
        p.int8_gops = peak_of(kern, HTH_ACT_Q8);
        p.f32_gflops = peak_of(kern, HTH_ACT_F32);
        print_peaks(json, kern, p);
        for (size_t i = 0; hth_fmt_at(i) != NULL; i++) {
            const HthFmt *fmt = hth_fmt_at(i);
            if (fmt->dequant == NULL || (only != NULL && fmt != only)) continue;
            print_line(json, kern, fmt, measure(&d, kern, fmt), p);
        }
    }
    hth_free(d.w);
    hth_free(d.x);
    hth_free(d.y);
    return 0;
}
