/* llama.c - llama - Llama 1 to 3, Mistral and the many models of that shape.
 *
 * Thread: constant tables. */
#include "model/arch/rows.h"

static const HthArchParam params[] = { PARAMS_COMMON, PARAMS_ROPE, PARAMS_END };

/* clang-format off */
static const HthArchWeight weights[] = {
    WEIGHTS_ENDS,
    VECTOR_OR_NONE(ROPE_FREQS, "rope_freqs", D1(n_pair)), /* llama 3 */
    WEIGHTS_PRE_NORMS,
    WEIGHTS_ATTN,
    WEIGHTS_GATED(LINEAR_SCALED_LAST),
    WEIGHTS_END,
};
/* clang-format on */

const HthArch hth_arch_llama = { ARCH("llama", false, weights, hth_arch_plain_layer),
                                 .head = hth_arch_embed, .tail = hth_arch_rms_output };
