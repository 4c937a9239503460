/* rng.c - Philox 4x32-10, and the few distributions drawn from it.
 *
 * Not for secrets: hth_rng_entropy is the only function here that an adversary cannot replay.
 *
 * Thread: any. */
#include "base/rng.h"

#include <errno.h>
#include <math.h>
#include <sys/random.h>

#include "base/err.h"

#define ROUNDS 10
#define MUL_0  0xD2511F53u
#define MUL_1  0xCD9E8D57u
#define KEY_0  0x9E3779B9u /* golden ratio */
#define KEY_1  0xBB67AE85u /* sqrt(3) - 1 */

/* The counter is (index, stream), the key is the seed, low words first. */
void hth_rng_block(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4]) {
    uint32_t c[4] = { (uint32_t)index, (uint32_t)(index >> 32), (uint32_t)stream,
                      (uint32_t)(stream >> 32) };
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int r = 0; r < ROUNDS; r++, k0 += KEY_0, k1 += KEY_1) {
        const uint64_t a = (uint64_t)MUL_0 * c[0], b = (uint64_t)MUL_1 * c[2];
        const uint32_t c0 = (uint32_t)(b >> 32) ^ c[1] ^ k0;
        const uint32_t c2 = (uint32_t)(a >> 32) ^ c[3] ^ k1;
        c[0] = c0, c[1] = (uint32_t)b, c[2] = c2, c[3] = (uint32_t)a;
    }
    for (int i = 0; i < 4; i++) out[i] = c[i];
}

uint32_t hth_rng_u32(uint64_t seed, uint64_t stream, uint64_t index) {
    uint32_t w[4];
    hth_rng_block(seed, stream, index, w);
    return w[0];
}

static double unit53(uint32_t lo, uint32_t hi) {
    return (double)(((uint64_t)hi << 32 | lo) >> 11) * 0x1p-53;
}

double hth_rng_f64(uint64_t seed, uint64_t stream, uint64_t index) {
    uint32_t w[4];
    hth_rng_block(seed, stream, index, w);
    return unit53(w[0], w[1]);
}

uint32_t hth_rng_below(uint64_t seed, uint64_t stream, uint64_t index, uint32_t n) {
    uint32_t w[4];
    hth_rng_block(seed, stream, index, w);
    const uint64_t u = (uint64_t)w[1] << 32 | w[0];
    return (uint32_t)((unsigned __int128)u * n >> 64);
}

double hth_rng_normal(uint64_t seed, uint64_t stream, uint64_t index) {
    uint32_t w[4];
    hth_rng_block(seed, stream, index, w);
    const double u = 1.0 - unit53(w[0], w[1]); /* (0, 1]: the logarithm is finite */
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * unit53(w[2], w[3]));
}

uint64_t hth_rng_entropy(void) {
    uint64_t v = 0;
    ssize_t n;
    do n = getrandom(&v, sizeof v, 0);
    while (n < 0 && errno == EINTR);
    HTH_ASSERT(n == (ssize_t)sizeof v); /* up to 256 bytes come whole, once the kernel is seeded */
    return v;
}
