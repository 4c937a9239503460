/* sgemm_tile.h - the inner tiles of sgemm, one per instruction set.
 *
 * Private to sgemm*.c and its test.
 *
 * A tile computes C[mr][nr] over kc steps with one fma per output and step, k ascending.  Element
 * (r, k) of A is at a[r * rs + k * ks]; B is packed [kc][nr].
 *
 * Thread: any. */
#ifndef HTH_KERN_SGEMM_TILE_H
#define HTH_KERN_SGEMM_TILE_H

#include "kern/sgemm.h"

enum { HTH_TILE_MR_MAX = 8, HTH_TILE_NR_MAX = 32 };

typedef struct HthSgemmTile {
    const char *name; /* "c", "avx2", "avx512", "neon" */
    uint32_t mr, nr;
    /* c: [mr][ldc], full tile. load: start from C, else from zero. */
    void (*run)(uint32_t kc, const float *a, size_t rs, size_t ks, const float *b, float *c,
                size_t ldc, bool load);
    /* Independent fused multiply-adds, `rounds` x 64 vector instructions; for the peak. Returns a
     * value so that nothing is optimised away. */
    float (*burn)(uint64_t rounds);
    uint32_t lanes;
    bool (*here)(void); /* does this machine run it? */
} HthSgemmTile;

extern const HthSgemmTile hth_sgemm_tile_c;
#if defined(__x86_64__)
extern const HthSgemmTile hth_sgemm_tile_avx2;
extern const HthSgemmTile hth_sgemm_tile_avx512;
#elif defined(__aarch64__)
extern const HthSgemmTile hth_sgemm_tile_neon;
#endif

/* The best tile of this machine. */
const HthSgemmTile *hth_sgemm_tile_best(void);
/* Tests: compute with this tile from now on. */
void hth_sgemm_use(HthSgemm *g, const HthSgemmTile *tile);

#endif
