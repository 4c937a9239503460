/* arch.c - the list of architectures, and the names of their weight slots.
 *
 * Thread: constant tables. */
#include "model/arch.h"

#include <string.h>

#include "base/err.h"

extern const HthArch hth_arch_llama, hth_arch_qwen2, hth_arch_qwen3, hth_arch_granite,
    hth_arch_olmo2, hth_arch_smollm3, hth_arch_starcoder2, hth_arch_phi3, hth_arch_gemma2,
    hth_arch_gemma3;

static const HthArch *const archs[] = {
    &hth_arch_llama,   &hth_arch_qwen2,      &hth_arch_qwen3, &hth_arch_granite, &hth_arch_olmo2,
    &hth_arch_smollm3, &hth_arch_starcoder2, &hth_arch_phi3,  &hth_arch_gemma2,  &hth_arch_gemma3,
};

const HthArch *hth_arch_at(size_t index) {
    return index < HTH_COUNT(archs) ? archs[index] : NULL;
}

const HthArch *hth_arch_find(const char *name) {
    for (size_t i = 0; i < HTH_COUNT(archs); i++)
        if (strcmp(archs[i]->name, name) == 0) return archs[i];
    return NULL;
}

/* clang-format off */
#define LINEAR_NAMES(slot, text)                                                                   \
    [HTH_W_##slot] = text, [HTH_W_##slot##_B] = text ".bias", [HTH_W_##slot##_S] = text ".scale"
#define VECTOR_NAMES(slot, text) [HTH_W_##slot] = text, [HTH_W_##slot##_B] = text ".bias"
static const char *const names[HTH_W_COUNT] = {
    [HTH_W_NONE] = "-",
    [HTH_W_TOK_EMBD] = "token_embd",
    VECTOR_NAMES(OUT_NORM, "output_norm"),
    LINEAR_NAMES(OUTPUT, "output"),
    [HTH_W_ROPE_FREQS] = "rope_freqs",
    [HTH_W_ROPE_LONG] = "rope_factors_long",
    [HTH_W_ROPE_SHORT] = "rope_factors_short",
    VECTOR_NAMES(ATTN_NORM, "attn_norm"),
    LINEAR_NAMES(ATTN_Q, "attn_q"),
    LINEAR_NAMES(ATTN_K, "attn_k"),
    LINEAR_NAMES(ATTN_V, "attn_v"),
    LINEAR_NAMES(ATTN_O, "attn_output"),
    [HTH_W_Q_NORM] = "attn_q_norm",
    [HTH_W_K_NORM] = "attn_k_norm",
    [HTH_W_ATTN_POST_NORM] = "post_attention_norm",
    VECTOR_NAMES(FFN_NORM, "ffn_norm"),
    [HTH_W_FFN_POST_NORM] = "post_ffw_norm",
    LINEAR_NAMES(FFN_GATE, "ffn_gate"),
    LINEAR_NAMES(FFN_UP, "ffn_up"),
    LINEAR_NAMES(FFN_DOWN, "ffn_down"),
};
/* clang-format on */

const char *hth_slot_name(HthSlot slot) {
    HTH_ASSERT((unsigned)slot < HTH_W_COUNT);
    return names[slot];
}

const char *hth_slot_suffix(HthSlot slot) {
    const char *dot = strchr(hth_slot_name(slot), '.');
    return dot ? dot : ".weight";
}
