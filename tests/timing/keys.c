/* keys.c - how long a key's check takes, and whether that says how much of a guess was right.
 *
 * Not a test of the suite: it measures.  1,024 keys; guesses that share their first bytes with one
 * of them against guesses that share as much with a key that is none, each made anew (a guess has
 * its own way through caches and branches), in random order, a million of each; Welch's t of the
 * two, whole and with the slowest left out, must stay below 4.5.
 *
 *   ninja -C build timing_keys && build/tests/timing_keys [samples [bytes shared]]
 *
 * Thread: one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"
#include "crypt/hash.h"
#include "vault/users.h"

enum { KEYS = 1024, NOW = 1700000000, SECRET = 32 };
static char good[KEYS][HTH_USER_KEY_TEXT];
static uint8_t secrets[2][KEYS][SECRET]; /* of no key; of the good ones */

static void spell(char out[HTH_USER_KEY_TEXT], const uint8_t secret[SECRET]) {
    uint8_t text[7 + SECRET] = "hearth_", digest[HTH_HASH_BYTES], bytes[SECRET + 4];
    HthBuf b;
    memcpy(text + 7, secret, SECRET);
    hth_hash(HTH_SHA3_256, text, sizeof text, digest);
    memcpy(bytes, secret, SECRET);
    memcpy(bytes + SECRET, digest, 4);
    hth_buf_init(&b, 100);
    if (hth_base64(&b, HTH_BASE64_URL, bytes, sizeof bytes, NULL) != HTH_OK) abort();
    snprintf(out, HTH_USER_KEY_TEXT, "hearth_%s", b.p);
    hth_buf_drop(&b);
}

static void read_secrets(void) {
    for (size_t i = 0; i < KEYS; i++) {
        HthBuf b;
        hth_random(secrets[0][i], SECRET);
        hth_buf_init(&b, 100);
        if (hth_unbase64(&b, HTH_BASE64_URL, hth_str(good[i] + 7), NULL) != HTH_OK) abort();
        memcpy(secrets[1][i], b.p, SECRET);
        hth_buf_drop(&b);
    }
}

/* Shares so many bytes with one of them, and not one more. */
static void make_guess(char out[HTH_USER_KEY_TEXT], int c, uint32_t which, size_t shared) {
    uint8_t secret[SECRET];
    hth_random(secret, sizeof secret);
    memcpy(secret, secrets[c][which], shared);
    secret[shared] = secrets[c][which][shared] ^ 1;
    spell(out, secret);
}

static uint64_t check_ns(HthUsers *u, const char *key, HthStatus want) {
    HthGrant g;
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    const HthStatus st = hth_users_by_key(u, (HthStr){ key, HTH_USER_KEY_TEXT - 1 }, NOW, &g, NULL);
    clock_gettime(CLOCK_MONOTONIC, &b);
    if (st != want) abort();
    return (uint64_t)(b.tv_sec - a.tv_sec) * 1000000000u + (uint64_t)b.tv_nsec -
           (uint64_t)a.tv_nsec;
}

static int by_size(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Welch's t of those below `most`. */
static double welch(const uint32_t *const s[2], size_t n, uint32_t most) {
    double mean[2], var[2], count[2];
    for (int c = 0; c < 2; c++) {
        double sum = 0, squares = 0;
        count[c] = 0;
        for (size_t i = 0; i < n; i++) {
            if (s[c][i] > most) continue;
            count[c]++;
            sum += s[c][i];
        }
        mean[c] = sum / count[c];
        for (size_t i = 0; i < n; i++)
            if (s[c][i] <= most) squares += (s[c][i] - mean[c]) * (s[c][i] - mean[c]);
        var[c] = squares / (count[c] - 1);
    }
    return (mean[0] - mean[1]) / sqrt(var[0] / count[0] + var[1] / count[1]);
}

static bool distinguish(HthUsers *u, size_t shared, size_t n) {
    uint32_t *s[2] = { hth_calloc(n, 4), hth_calloc(n, 4) };
    size_t at[2] = { 0, 0 };
    if (!s[0] || !s[1]) abort();
    for (uint64_t i = 0; at[0] < n || at[1] < n; i++) {
        int c = (int)(hth_rng_u32(shared, 7, i) & 1);
        if (at[c] == n) c ^= 1;
        char guess[HTH_USER_KEY_TEXT];
        make_guess(guess, c, hth_rng_u32(shared, 8, i) % KEYS, shared);
        s[c][at[c]++] = (uint32_t)check_ns(u, guess, HTH_EDENIED);
    }
    const uint32_t *const both[2] = { s[0], s[1] };
    uint32_t *sorted = hth_calloc(n, 4);
    if (!sorted) abort();
    memcpy(sorted, s[0], n * 4);
    qsort(sorted, n, 4, by_size);
    const double all = welch(both, n, UINT32_MAX), most = welch(both, n, sorted[n - n / 50]);
    printf("%2zu bytes shared: t %+.2f, without the slowest 2%% %+.2f; median %u ns\n", shared, all,
           most, sorted[n / 2]);
    hth_free(sorted);
    hth_free(s[0]);
    hth_free(s[1]);
    return fabs(all) < 4.5 && fabs(most) < 4.5;
}

static void latency(HthUsers *u) {
    enum { N = 200000 };
    uint32_t *s = hth_calloc(N, 4);
    if (!s) abort();
    for (uint32_t i = 0; i < N; i++)
        s[i] = (uint32_t)check_ns(u, good[hth_rng_u32(1, 2, i) % KEYS], HTH_OK);
    qsort(s, N, 4, by_size);
    printf("a good key among %d: median %u ns, p99 %u ns, p99.9 %u ns\n", KEYS, s[N / 2],
           s[N - N / 100], s[N - N / 1000]);
    hth_free(s);
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    const size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    char path[] = "/tmp/hearth-timing-XXXXXX";
    HthErr err = { 0 };
    HthUsers *u = NULL;
    const int fd = mkstemp(path);
    const HthUsersCfg cfg = { .path = path };
    const HthUser user = { .name = "a", .uid = HTH_NO_UID };
    if (fd < 0 || n < 100 || hth_users_open(&u, &cfg, &err) != HTH_OK ||
        hth_users_add(u, &user, NOW, &err) != HTH_OK)
        return 1;
    for (int i = 0; i < KEYS; i++) {
        HthUserKey k = { .user = "a" };
        snprintf(k.name, sizeof k.name, "k%d", i);
        if (hth_users_add_key(u, &k, NOW, good[i], &err) != HTH_OK) return 1;
    }
    latency(u);
    bool same = true;
    static const size_t shared[] = { 1, 8, 31 };
    const size_t only = argc > 2 ? strtoul(argv[2], NULL, 10) : SIZE_MAX;
    read_secrets();
    for (size_t i = 0; i < HTH_COUNT(shared); i++)
        if (only == SIZE_MAX || only == shared[i]) same &= distinguish(u, shared[i], n);
    printf("%s\n", same ? "the same time" : "TELLS APART");
    hth_users_close(&u);
    char side[64];
    static const char *const ends[] = { "", "-wal", "-shm" };
    for (size_t i = 0; i < HTH_COUNT(ends); i++) {
        snprintf(side, sizeof side, "%s%s", path, ends[i]);
        unlink(side);
    }
    close(fd);
    return !same;
}
