/* linear_int8.h - the fast product of formats that are unpacked to int8 first: included by the
 * speed half of a format, which defines KIND (LQ_PLAIN or LQ_PAIR) before and has unpack().
 *
 * Their codebooks do not fit a vector register, so rows are unpacked in plain C, sixteen at a time
 * and a piece of K at a time, into a panel of int8; linear_q.h does the rest.  There are no panels
 * to keep: they would be up to six times the size of the file.
 *
 * Thread: any. */
#include "kern/fmt/fmt.h"

typedef struct Int8Block {
    float d, m; /* m: of the second half, LQ_PAIR */
    int8_t q[32];
} Int8Block;

#define SHIFT     LQ_SIGNED
#define BLOCK     Int8Block
#define LQ_UNPACK unpack
#include "kern/fmt/linear_q.h"

HTH_INLINE B word(const uint8_t *w, uint32_t hi, uint32_t lo, uint32_t k) {
    (void)hi;
    (void)lo;
    return vb_load(w + (2 + k) * 64);
}

HTH_INLINE void scales(Panel p, uint32_t n, Scales *s) {
    for (uint32_t j = 0; j < n; j++, p.w += LQ_WORDS * 64) {
        s->d[j] = vf_load((const float *)(const void *)p.w);
#if KIND == LQ_PAIR
        s->m[j] = vf_load((const float *)(const void *)(p.w + 64));
#endif
    }
}
