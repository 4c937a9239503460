/* main.c - hearth-check: proves that all kernel tiers give the same bits, and measures them.
 *
 * Thread: main. */
#include "check/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"

static const char usage[] =
    "usage: hearth-check [--seed N] [--tier NAME] [--fmt NAME] [--quick] [--mutants] [--bench]\n"
    "                    [--json] [--list]\n"
    "Compares every kernel of every tier this machine runs with the plain-C tier, bit by bit.\n"
    "  --quick    a third of the cases: for an emulator\n"
    "  --mutants  checks the checker: kernels with a planted fault must all be caught\n"
    "  --bench    speed of each kernel beside the machine's peak, measured here; --json: as JSON\n";

void case_begin(Check *k, uint64_t number) {
    k->rng = k->seed * 0x9e3779b97f4a7c15u ^ (number << 20);
    next(k);
}

void failed(Check *k, const char *what) {
    k->failed++;
    if (k->shown < k->show_max) {
        k->shown++;
        printf("FAIL %s: %s (seed %llu)\n", k->kern->name, what, (unsigned long long)k->seed);
    }
}

bool same(Check *k, const float *want, const float *got, size_t n, const char *what) {
    k->compared++;
    for (size_t i = 0; i < n; i++) {
        uint32_t a = hth_f32_bits(want[i]), b = hth_f32_bits(got[i]);
        if (a == b || (want[i] != want[i] && got[i] != got[i])) continue;
        char text[256];
        snprintf(text, sizeof text, "%s: at %zu want %a got %a", what, i, (double)want[i],
                 (double)got[i]);
        failed(k, text);
        return false;
    }
    return true;
}

static int list(void) {
    for (size_t i = 0; hth_kern_at(i) != NULL; i++)
        printf("tier %-11s %s\n", hth_kern_at(i)->name,
               hth_kern_runs_here(hth_kern_at(i)) ? "runs here" : "not on this machine");
    for (size_t i = 0; hth_fmt_at(i) != NULL; i++) {
        const HthFmt *f = hth_fmt_at(i);
        printf("format %2u %-8s %3u weights in %3u bytes  %s\n", f->id, f->name, f->block_len,
               f->block_bytes, f->dequant != NULL ? "computable" : "size only");
    }
    return 0;
}

typedef struct Options {
    uint64_t seed;
    const char *tier;
    const HthFmt *fmt;
    bool quick, mutants, bench, json, list;
} Options;

static bool parse(int argc, char **argv, Options *o) {
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(a, "--quick") == 0)
            o->quick = true;
        else if (strcmp(a, "--mutants") == 0)
            o->mutants = true;
        else if (strcmp(a, "--bench") == 0)
            o->bench = true;
        else if (strcmp(a, "--json") == 0)
            o->json = true;
        else if (strcmp(a, "--list") == 0)
            o->list = true;
        else if (value == NULL)
            return false;
        else if (strcmp(a, "--seed") == 0)
            o->seed = strtoull(value, NULL, 10), i++;
        else if (strcmp(a, "--tier") == 0)
            o->tier = value, i++;
        else if (strcmp(a, "--fmt") == 0) {
            o->fmt = hth_fmt_by_name(value);
            i++;
            if (o->fmt == NULL || o->fmt->dequant == NULL) return false;
        } else
            return false;
    }
    return true;
}

/* products: nothing but those. */
static uint64_t check_tier(const HthKern *kern, bool products, const Options *o) {
    Check k = { .kern = kern, .truth = hth_kern_at(0), .seed = o->seed, .quick = o->quick };
    k.show_max = 10;
    check_linear(&k, o->fmt);
    if (o->fmt == NULL && !products) {
        check_fn(&k);
        check_attend(&k);
        check_exp(&k);
    }
    printf("%-11s %8llu comparisons, %llu differ, %llu crashed\n", kern->name,
           (unsigned long long)k.compared, (unsigned long long)k.failed,
           (unsigned long long)k.crashed);
    return k.failed;
}

int main(int argc, char **argv) {
    Options o = { .seed = 1 };
    if (!parse(argc, argv, &o)) {
        fputs(usage, stderr);
        return 64;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (o.list) return list();
    if (o.mutants) return check_mutants(o.seed, o.quick);
    if (o.bench) return bench(o.json, o.tier, o.fmt);
    uint64_t bad = 0;
    size_t ran = 0;
    for (size_t i = 0; hth_kern_at(i) != NULL; i++) {
        const HthKern *kern = hth_kern_at(i);
        if (o.tier != NULL && strcmp(o.tier, kern->name) != 0) continue;
        if (!hth_kern_runs_here(kern)) {
            printf("%-11s skipped: this machine lacks it\n", kern->name);
            continue;
        }
        bad += check_tier(kern, false, &o);
        ran++;
    }
    const HthKern *tiles = emulated_amx();
    if (tiles != NULL && (o.tier == NULL || strcmp(o.tier, tiles->name) == 0)) {
        bad += check_tier(tiles, true, &o);
        ran++;
    }
    if (ran == 0) fprintf(stderr, "hearth-check: no such tier here\n");
    return bad != 0 || ran == 0;
}
