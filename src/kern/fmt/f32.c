/* f32.c - F32: four little-endian bytes.  Products: 16 canonical lanes (kern.h).
 *
 * Thread: any. */
#include "kern/fmt/fmt.h"

#ifndef HTH_ISA

static float load(const uint8_t *row, size_t i) {
    return hth_bits_f32(hth_le32(row + i * 4));
}
static void dequant(const void *blocks, float *out, size_t n) {
    memcpy(out, blocks, n * sizeof *out);
}
static void quant(const float *in, void *blocks, size_t n) {
    memcpy(blocks, in, n * sizeof *in);
}
void hth_linear_f32_c(HTH_LINEAR_PARAMS) {
    hth_truth_linear_f(load, HTH_LINEAR_ARGS);
}
const HthFmt hth_fmt_f32 = { 0, "F32", 1, 4, HTH_ACT_F32, dequant, quant, NULL };

#else /* HTH_ISA_SPEED: avx2, avx512 */

#define LOAD  vf_load
#define LOADN vf_loadn
#define WIDTH 4
#include "kern/fmt/linear_f.h"

LINEAR_F(f32)

#endif
