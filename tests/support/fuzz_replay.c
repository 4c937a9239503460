/* fuzz_replay.c - runs a fuzz target without a fuzzer: every input, then mutations of each.
 *
 * Usage: TARGET [-m MUTATIONS] PATH...    a PATH is a file or a folder of files
 * The mutations are a function of the input's place in the list, so a crash can be had again; a
 * dying run says which input and which mutation it was in.  A folder that is not there is said so
 * and is no failure.
 *
 * Thread: one. */
#include <glob.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BYTES_MAX    ((size_t)16 << 20)
#define BIG          ((size_t)256 << 10) /* larger inputs get a tenth of the mutations */
#define MUTATE_SEEDS 200

static char where[512]; /* what is running, for the signal handler */
static uint64_t inputs, mutations;
static uint32_t mutations_each = MUTATE_SEEDS;

/* There in sanitizer builds only. */
extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void say_where(void) {
    const ssize_t put = write(STDERR_FILENO, where, strlen(where));
    (void)put;
}

static void on_signal(int sig) {
    say_where();
    signal(sig, SIG_DFL);
    raise(sig);
}

/* Exactly sized copies, so that AddressSanitizer sees the first byte too far. */
static void run_one(const uint8_t *bytes, size_t n) {
    uint8_t *copy = hth_calloc(n, 1);
    HTH_ASSERT(copy);
    if (n) memcpy(copy, bytes, n);
    LLVMFuzzerTestOneInput(copy, n);
    hth_free(copy);
}

static const uint8_t interesting[] = {
    0, 1, 0x7F, 0x80, 0xFF, '"', '\\', '{', '}', '%', 0xC0, 0xED
};

/* One small damage at a place drawn from (input, mutation, step). Returns the new length. */
static size_t damage(uint8_t *p, size_t n, uint64_t input, uint64_t index) {
    uint32_t r[4];
    hth_rng_block(0x68656172, input, index, r);
    if (!n) return 0;
    const size_t at = r[1] % n, to = r[2] % n, left = n - (at > to ? at : to);
    const size_t run = left ? 1 + r[3] % (left < 64 ? left : 64) : 0;
    switch (r[0] % 6) {
    case 0: p[at] ^= (uint8_t)(1u << (r[2] & 7)); break;
    case 1: p[at] = interesting[r[2] % sizeof interesting]; break;
    case 2: p[at] = (uint8_t)r[2]; break;
    case 3: return at; /* truncate */
    case 4: memmove(p + at, p + to, run); break; /* splice */
    case 5: /* cut a piece out */ memmove(p + at, p + at + run, n - at - run); return n - run;
    }
    return n;
}

static void run_input(const char *name, const uint8_t *bytes, size_t n) {
    const uint32_t each = n > BIG ? mutations_each / 10 : mutations_each;
    snprintf(where, sizeof where, "\nfuzz_replay: died in %s\n", name);
    run_one(bytes, n);
    uint8_t *copy = hth_calloc(n, 1);
    HTH_ASSERT(copy);
    for (uint32_t m = 0; m < each; m++) {
        snprintf(where, sizeof where, "\nfuzz_replay: died in %s, mutation %u\n", name, m);
        if (n) memcpy(copy, bytes, n);
        size_t len = n;
        for (uint32_t step = 0; step <= m % 4; step++) /* one to four damages */
            len = damage(copy, len, inputs, (uint64_t)m << 8 | step);
        run_one(copy, len);
    }
    hth_free(copy);
    inputs++;
    mutations += each;
}

static void run_file(const char *path) {
    HthBuf buf;
    HthErr err;
    hth_buf_init(&buf, BYTES_MAX);
    if (hth_file_read(&buf, path, &err) != HTH_OK) {
        fprintf(stderr, "fuzz_replay: %s\n", err.text);
        exit(1);
    }
    const HthStr s = hth_buf_str(&buf);
    run_input(path, (const uint8_t *)s.p, s.n);
    hth_buf_drop(&buf);
}

/* Sorted by name, so that an input keeps its number. */
static void run_folder(const char *path) {
    char pattern[4096];
    glob_t found;
    const int n = snprintf(pattern, sizeof pattern, "%s/*", path);
    HTH_ASSERT(n > 0 && n < (int)sizeof pattern);
    if (glob(pattern, 0, NULL, &found)) {
        printf("%s: no inputs\n", path);
        return;
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct stat st;
        if (!stat(found.gl_pathv[i], &st) && S_ISREG(st.st_mode)) run_file(found.gl_pathv[i]);
    }
    globfree(&found);
}

static void watch_for_death(void) {
    static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
    if (__sanitizer_set_death_callback) { /* the sanitizer reports; we add where */
        __sanitizer_set_death_callback(say_where);
        return;
    }
    for (size_t i = 0; i < HTH_COUNT(fatal); i++) signal(fatal[i], on_signal);
}

int main(int argc, char **argv) {
    watch_for_death();
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (!strcmp(argv[i], "-m") && i + 1 < argc)
            mutations_each = (uint32_t)strtoul(argv[++i], NULL, 10);
        else if (stat(argv[i], &st))
            printf("%s: not here, so nothing was replayed from it\n", argv[i]);
        else if (S_ISDIR(st.st_mode))
            run_folder(argv[i]);
        else
            run_file(argv[i]);
    }
    run_input("the empty input", (const uint8_t *)"", 0);
    printf("%llu inputs and %llu mutations of them\n", (unsigned long long)inputs,
           (unsigned long long)mutations);
    return 0;
}
