/* internlm2.c - internlm2 - llama by another name.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = { PARAMS_COMMON, PARAMS_ROPE, PARAMS_END };

const HthArch hth_arch_internlm2 = { ARCH("internlm2", false, hth_arch_fused_weights,
                                          hth_arch_plain_layer),
                                     .head = hth_arch_embed, .tail = hth_arch_rms_output };
