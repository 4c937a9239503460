/* ernie4_5.c - ernie4_5 - llama by another name: the dense models of ERNIE 4.5.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = { PARAMS_COMMON, PARAMS_ROPE, PARAM_NO_SECTIONS, PARAMS_END };

const HthArch hth_arch_ernie4_5 = { ARCH("ernie4_5", false, hth_arch_fused_weights,
                                         hth_arch_plain_layer),
                                    .head = hth_arch_embed, .tail = hth_arch_rms_output };
