/* bf16.c - BF16: bfloat16, the upper half of a float, little-endian.  Products: 16 canonical lanes.
 *
 * Thread: any. */
#include "kern/fmt/fmt.h"

#ifndef HTH_ISA

static float load(const uint8_t *row, size_t i) {
    return hth_bf16_to_f32(hth_le16(row + i * 2));
}
static void dequant(const void *blocks, float *out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = load(blocks, i);
}
static void quant(const float *in, void *blocks, size_t n) {
    uint8_t *out = blocks;
    for (size_t i = 0; i < n; i++) {
        uint16_t h = hth_f32_to_bf16(in[i]);
        out[i * 2] = (uint8_t)h;
        out[i * 2 + 1] = (uint8_t)(h >> 8);
    }
}
void hth_linear_bf16_c(HTH_LINEAR_PARAMS) {
    hth_truth_linear_f(load, HTH_LINEAR_ARGS);
}
const HthFmt hth_fmt_bf16 = { 30, "BF16", 1, 2, HTH_ACT_F32, dequant, quant, NULL };

#else /* HTH_ISA_SPEED: avx2, avx512 */

#define LOAD  vf_bf16
#define LOADN vf_bf16n
#define WIDTH 2
#include "kern/fmt/linear_f.h"

LINEAR_F(bf16)

#endif
