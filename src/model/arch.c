/* arch.c - the list of architectures, and the names of their weight slots.
 *
 * Thread: constant tables. */
#include "model/arch.h"

#include <string.h>

#include "base/err.h"

extern const HthArch hth_arch_llama, hth_arch_qwen2, hth_arch_qwen3, hth_arch_granite,
    hth_arch_olmo2, hth_arch_smollm3, hth_arch_starcoder2, hth_arch_phi3, hth_arch_gemma2,
    hth_arch_gemma3, hth_arch_qwen3moe, hth_arch_gpt_oss, hth_arch_deepseek2, hth_arch_olmoe,
    hth_arch_qwen2moe, hth_arch_granitemoe, hth_arch_glm4moe, hth_arch_qwen35, hth_arch_mistral3,
    hth_arch_exaone4, hth_arch_glm4, hth_arch_cohere2, hth_arch_falcon, hth_arch_gptneox,
    hth_arch_gpt2, hth_arch_phi2, hth_arch_stablelm, hth_arch_internlm2, hth_arch_ernie4_5,
    hth_arch_minicpm, hth_arch_hunyuan_dense, hth_arch_seed_oss, hth_arch_nemotron,
    hth_arch_qwen35moe, hth_arch_qwen3next, hth_arch_lfm2, hth_arch_mamba2, hth_arch_granitehybrid,
    hth_arch_bert, hth_arch_nomic_bert, hth_arch_modern_bert, hth_arch_jina_bert_v2, hth_arch_bloom,
    hth_arch_mpt, hth_arch_llama4, hth_arch_gemma4;

static const HthArch *const archs[] = {
    &hth_arch_llama,       &hth_arch_qwen2,         &hth_arch_qwen3,         &hth_arch_granite,
    &hth_arch_olmo2,       &hth_arch_smollm3,       &hth_arch_starcoder2,    &hth_arch_phi3,
    &hth_arch_gemma2,      &hth_arch_gemma3,        &hth_arch_qwen3moe,      &hth_arch_gpt_oss,
    &hth_arch_deepseek2,   &hth_arch_olmoe,         &hth_arch_qwen2moe,      &hth_arch_granitemoe,
    &hth_arch_glm4moe,     &hth_arch_qwen35,        &hth_arch_mistral3,      &hth_arch_exaone4,
    &hth_arch_glm4,        &hth_arch_cohere2,       &hth_arch_falcon,        &hth_arch_gptneox,
    &hth_arch_gpt2,        &hth_arch_phi2,          &hth_arch_stablelm,      &hth_arch_internlm2,
    &hth_arch_ernie4_5,    &hth_arch_minicpm,       &hth_arch_hunyuan_dense, &hth_arch_seed_oss,
    &hth_arch_nemotron,    &hth_arch_qwen35moe,     &hth_arch_qwen3next,     &hth_arch_lfm2,
    &hth_arch_mamba2,      &hth_arch_granitehybrid, &hth_arch_bert,          &hth_arch_nomic_bert,
    &hth_arch_modern_bert, &hth_arch_jina_bert_v2,  &hth_arch_bloom,         &hth_arch_mpt,
    &hth_arch_llama4,      &hth_arch_gemma4,
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
    [HTH_W_OWN_EMBD] = "per_layer_token_embd",
    LINEAR_NAMES(OWN_ALL, "per_layer_model_proj"),
    [HTH_W_OWN_NORM] = "per_layer_proj_norm",
    LINEAR_NAMES(OWN_GATE, "inp_gate"),
    LINEAR_NAMES(OWN_OUT, "proj"),
    [HTH_W_OWN_POST_NORM] = "post_norm",
    [HTH_W_LAYER_WEIGHT] = "layer_output_scale",
    [HTH_W_FFN_POST_NORM_1] = "post_ffw_norm_1",
    [HTH_W_FFN_NORM_2] = "pre_ffw_norm_2",
    [HTH_W_FFN_POST_NORM_2] = "post_ffw_norm_2",
    [HTH_W_ROUTER_NORM] = "router_norm.scale",
    VECTOR_NAMES(OUT_NORM, "output_norm"),
    LINEAR_NAMES(OUTPUT, "output"),
    [HTH_W_TOK_TYPES] = "token_types",
    VECTOR_NAMES(EMBD_NORM, "token_embd_norm"),
    LINEAR_NAMES(CLS, "cls"),
    VECTOR_NAMES(CLS_NORM, "cls_norm"),
    LINEAR_NAMES(CLS_OUT, "cls_output"),
    [HTH_W_POS_EMBD] = "position_embd",
    [HTH_W_ROPE_FREQS] = "rope_freqs",
    [HTH_W_ROPE_LONG] = "rope_factors_long",
    [HTH_W_ROPE_SHORT] = "rope_factors_short",
    VECTOR_NAMES(ATTN_NORM, "attn_norm"),
    VECTOR_NAMES(ATTN_NORM_2, "attn_norm_2"),
    LINEAR_NAMES(ATTN_Q, "attn_q"),
    LINEAR_NAMES(ATTN_K, "attn_k"),
    LINEAR_NAMES(ATTN_V, "attn_v"),
    LINEAR_NAMES(ATTN_O, "attn_output"),
    VECTOR_NAMES(Q_NORM, "attn_q_norm"),
    VECTOR_NAMES(K_NORM, "attn_k_norm"),
    [HTH_W_ATTN_POST_NORM] = "post_attention_norm",
    VECTOR_NAMES(ATTN_OUT_NORM, "attn_output_norm"),
    VECTOR_NAMES(LAYER_OUT_NORM, "layer_output_norm"),
    VECTOR_NAMES(FFN_NORM, "ffn_norm"),
    [HTH_W_FFN_POST_NORM] = "post_ffw_norm",
    LINEAR_NAMES(FFN_GATE, "ffn_gate"),
    LINEAR_NAMES(FFN_UP, "ffn_up"),
    LINEAR_NAMES(FFN_DOWN, "ffn_down"),
    LINEAR_NAMES(ROUTER, "ffn_gate_inp"),
    [HTH_W_ROUTER_CHOICE_B] = "exp_probs_b.bias",
    LINEAR_NAMES(EXP_GATE, "ffn_gate_exps"),
    LINEAR_NAMES(EXP_UP, "ffn_up_exps"),
    LINEAR_NAMES(EXP_DOWN, "ffn_down_exps"),
    [HTH_W_SHARED_ROUTER] = "ffn_gate_inp_shexp",
    LINEAR_NAMES(SHARED_GATE, "ffn_gate_shexp"),
    LINEAR_NAMES(SHARED_UP, "ffn_up_shexp"),
    LINEAR_NAMES(SHARED_DOWN, "ffn_down_shexp"),
    [HTH_W_SINKS] = "attn_sinks",
    LINEAR_NAMES(SSM_QKV, "attn_qkv"),
    LINEAR_NAMES(SSM_Z, "attn_gate"),
    [HTH_W_SSM_CONV] = "ssm_conv1d",
    [HTH_W_SSM_CONV_B] = "ssm_conv1d.bias",
    [HTH_W_SSM_A] = "ssm_a",
    [HTH_W_SSM_D] = "ssm_d",
    LINEAR_NAMES(SSM_BA, "ssm_ba"),
    [HTH_W_CONV_B] = "shortconv_b",
    [HTH_W_CONV_C] = "shortconv_c",
    [HTH_W_CONV_X] = "shortconv_x",
    [HTH_W_SSM_DT_B] = "ssm_dt.bias",
    LINEAR_NAMES(SSM_BETA, "ssm_beta"),
    LINEAR_NAMES(SSM_ALPHA, "ssm_alpha"),
    [HTH_W_SSM_NORM] = "ssm_norm",
    LINEAR_NAMES(SSM_OUT, "ssm_out"),
    LINEAR_NAMES(Q_DOWN, "attn_q_a"),
    [HTH_W_Q_DOWN_NORM] = "attn_q_a_norm",
    LINEAR_NAMES(Q_UP, "attn_q_b"),
    LINEAR_NAMES(KV_DOWN, "attn_kv_a_mqa"),
    [HTH_W_KV_DOWN_NORM] = "attn_kv_a_norm",
    [HTH_W_K_UP] = "attn_k_b",
    [HTH_W_V_UP] = "attn_v_b",
};
/* clang-format on */

const char *hth_layers_name(HthLayers which) {
    static const char *const layers[HTH_L_COUNT] = {
        [HTH_L_ROTATING] = "rotating",
        [HTH_L_ROTATING_WITH] = "certain rotating",
        [HTH_L_STILL] = "still",
        [HTH_L_DENSE] = "dense",
        [HTH_L_EXPERTS] = "expert",
        [HTH_L_SHARED] = "shared expert",
        [HTH_L_WINDOWED] = "windowed",
        [HTH_L_WITH] = "certain",
        [HTH_L_WITHOUT] = "other",
        [HTH_L_RECURRENT] = "recurrent",
        [HTH_L_ATTENDING] = "attending",
        [HTH_L_ATTENDING_WITH] = "certain attending",
        [HTH_L_Q_WHOLE] = "whole query",
        [HTH_L_Q_LATENT] = "latent query",
        [HTH_L_BORROWING] = "borrowing",
        [HTH_L_STORING] = "storing",
        [HTH_L_RANKING] = "ranking",
        [HTH_L_RANKING_WITH] = "certain ranking",
        [HTH_L_RANKING_WITHOUT] = "other ranking",
        [HTH_L_GELU] = "gelu",
        [HTH_L_SILU] = "silu",
    };
    HTH_ASSERT((unsigned)which < HTH_L_COUNT);
    return layers[which];
}

const char *hth_slot_name(HthSlot slot) {
    HTH_ASSERT((unsigned)slot < HTH_W_COUNT);
    return names[slot];
}

const char *hth_slot_suffix(HthSlot slot) {
    if (slot == HTH_W_SSM_A || slot == HTH_W_SSM_D) return ""; /* so the tensors are called */
    const char *dot = strchr(hth_slot_name(slot), '.');
    return dot ? dot : ".weight";
}
