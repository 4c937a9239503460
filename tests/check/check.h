/* check.h - hearth-check: every kernel of every tier against the plain-C truth, to the bit.
 *
 * A case fills its inputs from (seed, case number), runs the tier under test and tier "c", and
 * compares; a crash of the kernel is caught and is a failure of that case.  Everything a kernel
 * reads ends at an unreadable page; everything it writes lies between canaries.
 *
 * Thread: main. */
#ifndef HTH_TESTS_CHECK_CHECK_H
#define HTH_TESTS_CHECK_CHECK_H

#include <stdio.h>

#include "kern/more.h"

/* ---- counting (main.c) ---- */
typedef struct Check {
    const HthKern *kern; /* under test */
    const HthKern *truth;
    /* In place of kern's; NULL: none. */
    void (*attend_bent)(const HthAttendPage *page, const HthAttendBend *bend);
    uint64_t seed;
    bool quick; /* fewer cases of each kind: under an emulator */
    uint64_t compared, failed, crashed;
    unsigned shown, show_max; /* failures printed, and how many may be */
    uint64_t rng;
} Check;

/* Starts a case: inputs depend on the seed and this number only. */
void case_begin(Check *k, uint64_t number);
/* One comparison of n floats: equal bits, or NaN on both sides. what names it when it fails. */
bool same(Check *k, const float *want, const float *got, size_t n, const char *what);
void failed(Check *k, const char *what);

/* ---- numbers (fill.c) ---- */
uint64_t next(Check *k);
uint32_t below(Check *k, uint32_t n);
float uniform(Check *k); /* [-1, 1) */
typedef enum Fill {
    FILL_RANDOM,
    FILL_PEAKS,
    FILL_HUGE,
    FILL_TINY,
    FILL_ZERO,
    FILL_SPIKE,
    FILL_NAN,
    FILL_COUNT
} Fill;
extern const char *const fill_names[FILL_COUNT];
void fill(Check *k, Fill how, float *x, size_t n);
/* Random blocks: every byte random, the half-precision scales ordinary numbers. */
void fill_blocks(Check *k, const HthFmt *fmt, uint8_t *w, size_t count);
/* The same of the size that weights have, for measuring: subnormals are slow. */
void fill_blocks_real(Check *k, const HthFmt *fmt, uint8_t *w, size_t count);

/* ---- memory (guard.c) ---- */
typedef struct Guard {
    uint8_t *p; /* n bytes that end at an unreadable page, or lie between canaries */
    size_t n;
    uint8_t *map;
    size_t map_n;
} Guard;
/* Ends the process when there is no memory. The last byte of p is the last readable one. */
Guard guard_open(size_t n);
/* p begins at a multiple of align and 64 bytes of canary lie on both sides. */
Guard canary_open(size_t n, size_t align);
bool canary_whole(const Guard *g);
void guard_close(Guard *g);
/* Runs fn(ctx); false if it raised SIGSEGV, SIGBUS, SIGILL, SIGFPE or SIGTRAP. */
bool survives(void (*fn)(void *ctx), void *ctx);

/* ---- what is checked ---- */
/* Tier amx with tiles in plain C (emulated.c); NULL where even that does not run. */
const HthKern *emulated_amx(void);
void check_linear(Check *k, const HthFmt *only); /* NULL: every format */
void check_fn(Check *k);
void check_attend(Check *k);
void check_exp(Check *k);
/* Attention with bent scores as it is not: bent.c; the last one has no name. */
typedef struct CheckBent {
    const char *name;
    void (*run)(const HthAttendPage *page, const HthAttendBend *bend);
    bool right; /* not a mutant: what the others are made of */
} CheckBent;
extern const CheckBent check_bent[];
int check_mutants(uint64_t seed, bool quick); /* exit code: 0 if every mutant is caught */
int bench(bool json, const char *tier, const HthFmt *only);

#endif
