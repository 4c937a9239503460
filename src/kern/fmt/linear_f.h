/* linear_f.h - the fast product with float weights: included by the speed half of f32, f16, bf16.
 *
 * The format defines LOAD(p) and LOADN(p, n), 16 or n weights at p as V, and WIDTH, their bytes.
 * A tile of rows x columns keeps one vector per output: the 16 canonical lanes.
 *
 * Thread: any. */
#include "kern/fmt/fmt.h"
#include "kern/vec/vec.h"

/* Rows and columns per tile; rows that stay in the second-level cache while columns pass. */
enum { LF_ROWS_BLOCK = 32 };
enum { LF_R = HTH_VEC_ROOM < 32 ? 2 : 4, LF_C = HTH_VEC_ROOM < 32 ? 2 : 6 };

HTH_INLINE void tile(uint32_t R, uint32_t C, const HthLinearArgs *a, uint32_t r, uint32_t c) {
    const uint8_t *w = (const uint8_t *)a->w + r * a->row_bytes;
    const uint8_t *x = (const uint8_t *)a->x + c * a->x_stride;
    V acc[LF_R][LF_C];
    HTH_UNROLL for (uint32_t i = 0; i < R; i++) HTH_UNROLL for (uint32_t j = 0; j < C; j++)
        acc[i][j] = vf_zero();
    uint32_t k = 0;
    for (; k + 16 <= a->k; k += 16) {
        V wi[LF_R];
        HTH_UNROLL for (uint32_t i = 0; i < R; i++) wi[i] =
            LOAD(w + i * a->row_bytes + (size_t)k * WIDTH);
        HTH_UNROLL for (uint32_t j = 0; j < C; j++) {
            V xj = vf_load(x + j * a->x_stride + (size_t)k * 4);
            HTH_UNROLL for (uint32_t i = 0; i < R; i++) acc[i][j] = vf_fma(wi[i], xj, acc[i][j]);
        }
    }
    if (k < a->k) {
        uint32_t n = a->k - k;
        HTH_UNROLL for (uint32_t i = 0; i < R; i++) {
            V wi = LOADN(w + i * a->row_bytes + (size_t)k * WIDTH, n);
            HTH_UNROLL for (uint32_t j = 0; j < C; j++) {
                V xj = vf_loadn(x + j * a->x_stride + (size_t)k * 4, n);
                acc[i][j] = vf_fman(wi, xj, acc[i][j], n);
            }
        }
    }
    HTH_UNROLL for (uint32_t i = 0; i < R; i++) HTH_UNROLL for (uint32_t j = 0; j < C; j++)
        a->y[(c + j) * a->ldy + r + i] = vf_tree(acc[i][j]);
}

typedef void TileFn(const HthLinearArgs *a, uint32_t r, uint32_t c);
#define LF_TILE(R, C)                                                                              \
    static __attribute__((noinline)) void tile_##R##_##C(const HthLinearArgs *a, uint32_t r,       \
                                                         uint32_t c) {                             \
        if (R <= LF_R && C <= LF_C) tile(R, C, a, r, c);                                           \
    }
/* clang-format off */
LF_TILE(1, 1) LF_TILE(1, 2) LF_TILE(1, 3) LF_TILE(1, 4) LF_TILE(1, 5) LF_TILE(1, 6)
LF_TILE(2, 1) LF_TILE(2, 2) LF_TILE(2, 3) LF_TILE(2, 4) LF_TILE(2, 5) LF_TILE(2, 6)
LF_TILE(4, 1) LF_TILE(4, 2) LF_TILE(4, 3) LF_TILE(4, 4) LF_TILE(4, 5) LF_TILE(4, 6)
static TileFn *const tiles[3][6] = { /* 1, 2, 4 rows */
    { tile_1_1, tile_1_2, tile_1_3, tile_1_4, tile_1_5, tile_1_6 },
    { tile_2_1, tile_2_2, tile_2_3, tile_2_4, tile_2_5, tile_2_6 },
    { tile_4_1, tile_4_2, tile_4_3, tile_4_4, tile_4_5, tile_4_6 },
};
/* clang-format on */

static void linear(const HthLinearArgs *a) {
    for (uint32_t r0 = 0; r0 < a->rows; r0 += LF_ROWS_BLOCK) {
        uint32_t r1 = a->rows - r0 < LF_ROWS_BLOCK ? a->rows : r0 + LF_ROWS_BLOCK;
        for (uint32_t c = 0; c < a->cols; c += LF_C) {
            uint32_t nc = a->cols - c < LF_C ? a->cols - c : LF_C;
            for (uint32_t r = r0; r < r1;) {
                uint32_t size = LF_R >= 4 && r1 - r >= 4 ? 2 : r1 - r >= 2 ? 1 : 0;
                tiles[size][nc - 1](a, r, c);
                r += 1u << size;
            }
        }
    }
}

#define LINEAR_F(sym)                                                                              \
    void HTH_KN(linear_##sym)(HTH_LINEAR_PARAMS) {                                                 \
        linear(HTH_LINEAR_ARGS);                                                                   \
    }
