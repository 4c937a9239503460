/* qwen2.c - qwen2 - llama with biases on Q, K, V and NEOX rotation.  Qwen 1.5 to 2.5, dense only.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = { PARAMS_COMMON, PARAMS_ROPE, PARAMS_END };

const HthArch hth_arch_qwen2 = { ARCH("qwen2", true, hth_arch_plain_weights, hth_arch_plain_layer),
                                 .head = hth_arch_embed, .tail = hth_arch_rms_output };
