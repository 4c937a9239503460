/* pretok_table.c - the pre-tokenizers by name: facts from the models' own tokenizer files, in the
 * form the reference implementation of the GGUF format gives them.  Only data.
 *
 * Names inside patterns: \p{L} \p{N} \p{P} \p{M} \p{S} as usual, with the reference's habits: \p{S}
 * has no '~', case classes know ASCII only.  \p{Up}: letters except a-z.  \p{Low}: letters except
 * A-Z.  \p{Han}, \p{NotHan}: letters inside and outside the Han blocks.
 *
 * Thread: any. */
#include "text/pretok.h"

/* clang-format off */
#define SHORT_EN  "'s|'t|'re|'ve|'m|'ll|'d"
#define SHORT_ANY "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]"
#define BLANKS    "\\s+(?!\\S)|\\s+"
#define LINES     "\\s*[\\r\\n]+|" BLANKS
#define LEAD      "[^\\r\\n\\p{L}\\p{N}]?"
#define MARKS     " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
#define MARKS_OR_SLASH " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|"
#define ASCII_PUNCT_WORD "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|"
#define WORD_OR_MARKS "[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+"

#define GPT2   SHORT_EN "| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|" BLANKS
#define LLAMA3 SHORT_ANY "|" LEAD "\\p{L}+|\\p{N}{1,3}|" MARKS LINES
#define QWEN2  SHORT_ANY "|" LEAD "\\p{L}+|\\p{N}|" MARKS LINES
#define CASED(up, low, tail) LEAD up "*" low "+" tail "|" LEAD up "+" low "*" tail "|"
#define SHORT_OPT "(?:" SHORT_ANY ")?"
#define DEEPSEEK3 ASCII_PUNCT_WORD WORD_OR_MARKS "[\\r\\n]*|" LINES

#define KANA_HAN "[\\x{4E00}-\\x{9FA5}\\x{3040}-\\x{309F}\\x{30A0}-\\x{30FF}]+"
#define CJK_WIDE "[\\x{4E00}-\\x{9FA5}\\x{0800}-\\x{4E00}\\x{AC00}-\\x{D7FF}]+"
#define SENTENCE " ?[^(\\s|.,!?\\x{2026}\\x{3002}\\x{FF0C}\\x{3001}\\x{0964}\\x{06D4}\\x{060C})]+"
#define CASED_LETTERS \
    "[A-Za-z\\x{B5}\\x{C0}-\\x{D6}\\x{D8}-\\x{F6}\\x{F8}-\\x{1BA}\\x{1BC}-\\x{1BF}" \
    "\\x{1C4}-\\x{293}\\x{295}-\\x{2AF}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37B}-\\x{37D}" \
    "\\x{37F}\\x{386}\\x{388}-\\x{38A}\\x{38C}\\x{38E}-\\x{3A1}\\x{3A3}-\\x{3F5}" \
    "\\x{3F7}-\\x{481}\\x{48A}-\\x{52F}\\x{531}-\\x{556}\\x{10A0}-\\x{10C5}" \
    "\\x{13A0}-\\x{13F5}\\x{13F8}-\\x{13FD}\\x{1C90}-\\x{1CBA}\\x{1CBD}-\\x{1CBF}" \
    "\\x{1D00}-\\x{1D2B}\\x{1D6B}-\\x{1D77}\\x{1D79}-\\x{1D9A}\\x{1E00}-\\x{1F15}" \
    "\\x{1F18}-\\x{1F1D}\\x{1F20}-\\x{1F45}\\x{1F48}-\\x{1F4D}\\x{1F50}-\\x{1F57}" \
    "\\x{1F59}\\x{1F5B}\\x{1F5D}\\x{1F5F}-\\x{1F7D}\\x{1F80}-\\x{1FB4}\\x{1FB6}-\\x{1FBC}" \
    "\\x{1FBE}\\x{1FC2}-\\x{1FC4}\\x{1FC6}-\\x{1FCC}\\x{1FD0}-\\x{1FD3}" \
    "\\x{1FD6}-\\x{1FDB}\\x{1FE0}-\\x{1FEC}\\x{1FF2}-\\x{1FF4}\\x{1FF6}-\\x{1FFC}" \
    "\\x{2102}\\x{2107}\\x{210A}-\\x{2113}\\x{2115}\\x{2119}-\\x{211D}\\x{2124}\\x{2126}" \
    "\\x{2128}\\x{212A}-\\x{212D}\\x{212F}-\\x{2134}\\x{2139}\\x{213C}-\\x{213F}" \
    "\\x{2145}-\\x{2149}\\x{214E}\\x{2183}\\x{2184}\\x{2C00}-\\x{2C7B}\\x{2C7E}-\\x{2CE4}" \
    "\\x{2CEB}-\\x{2CEE}\\x{2CF2}\\x{2CF3}\\x{A640}-\\x{A66D}\\x{A680}-\\x{A69B}" \
    "\\x{A722}-\\x{A76F}\\x{A771}-\\x{A787}\\x{A78B}-\\x{A78E}\\x{AB70}-\\x{ABBF}" \
    "\\x{FB00}-\\x{FB06}\\x{FB13}-\\x{FB17}\\x{FF21}-\\x{FF3A}\\x{FF41}-\\x{FF5A}" \
    "\\x{10400}-\\x{1044F}\\x{104B0}-\\x{104D3}\\x{104D8}-\\x{104FB}\\x{10C80}-\\x{10CB2}" \
    "\\x{10CC0}-\\x{10CF2}\\x{118A0}-\\x{118DF}\\x{1E900}-\\x{1E943}]+"

#define STAGES(name, ...) static const HthStage name[] = { __VA_ARGS__, { HTH_STAGE_END, NULL } }
#define CLASS(...) { HTH_STAGE_CLASS, __VA_ARGS__ }
#define WIDE(...)  { HTH_STAGE_WIDE, __VA_ARGS__ }

STAGES(S_DEFAULT, CLASS("[\\p{P}$+<=>^~|]+"), CLASS(GPT2), CLASS("\\p{N}+"),
       CLASS("[0-9][0-9][0-9]"));
STAGES(S_GPT2, CLASS(GPT2));
STAGES(S_DIGITS_GPT2, CLASS("\\p{N}"), CLASS(GPT2));
STAGES(S_FALCON, CLASS("[\\p{P}$+<=>^~|`]+"), CLASS(GPT2), CLASS("[0-9][0-9][0-9]"));
STAGES(S_LLAMA3, CLASS(LLAMA3));
/* Runs of blanks in powers of two: the second stage leaves pieces with text, and lines, alone. */
STAGES(S_JAIS2, CLASS(LLAMA3), CLASS("^\\s*+\\S[\\s\\S]*|^[\\s\\S]*[\\r\\n]$|\\s{512}|\\s{256}|"
       "\\s{128}|\\s{64}|\\s{32}|\\s{16}|\\s{8}|\\s{4}|\\s{1,2}"));
STAGES(S_QWEN2, CLASS(QWEN2));
STAGES(S_QWEN35, CLASS(SHORT_ANY "|" LEAD "[\\p{L}\\p{M}]+|\\p{N}|"
       " ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" LINES));
STAGES(S_UFAKZEKA, CLASS(LEAD "\\p{L}+|\\p{N}|" MARKS LINES));
STAGES(S_LAGUNA, CLASS("[^\\n]+|\\n+"), CLASS(QWEN2));
STAGES(S_MINICPM5, CLASS("\\p{N}{1,3}"),
       CLASS(SHORT_ANY "|" LEAD "\\p{L}+|\\p{N}+|" MARKS LINES));
STAGES(S_BAILING, CLASS("'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|" LEAD "\\p{L}+|\\p{N}|" MARKS
       "\\s*[\\r\\n]|" BLANKS));
STAGES(S_SEED, CLASS(SHORT_ANY "|" LEAD "\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|" LINES));
STAGES(S_EXAONE_MOE, CLASS(SHORT_ANY "|" LEAD
       "(?>\\p{L}\\p{M}*+(?> \\p{L}\\p{M}*+)*+)++|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|"
       "\\s*[\\r\\n]|" BLANKS));
STAGES(S_TEKKEN, CLASS(CASED("\\p{Up}", "\\p{Low}", "") "\\p{N}|" MARKS_OR_SLASH LINES));
STAGES(S_GPT4O, CLASS(CASED("\\p{Up}", "\\p{Low}", SHORT_OPT) "\\p{N}{1,3}|" MARKS_OR_SLASH LINES));
STAGES(S_GRANITE_EMB, CLASS(CASED("[\\p{Up}\\p{M}]", "[\\p{Low}\\p{M}]", SHORT_OPT)
       "\\p{N}{1,3}|" MARKS_OR_SLASH LINES));
STAGES(S_TINY_AYA, { HTH_STAGE_TRIPLES, NULL },
       CLASS(CASED("[\\p{L}\\p{M}]", "[\\p{L}\\p{M}]", SHORT_OPT) "\\p{N}{1,3}|" MARKS_OR_SLASH
       LINES));
STAGES(S_YOUTU, WIDE("[\\x{AC00}-\\x{D7A3}\\x{3131}-\\x{318E}]+|"
       "[\\x{FF01}\\x{2026}\\x{201C}\\x{201D}\\x{2018}\\x{2019}\\x{2014}\\x{FF1A}\\x{FF1B}\\x{FF0C}"
       "\\x{3001}-\\x{303F}\\x{FE30}-\\x{FE4F}]+|[\\x{3105}-\\x{312F}]+|" KANA_HAN),
       CLASS(CASED("[\\p{L}\\p{M}]", "[\\p{L}\\p{M}]", SHORT_OPT) "\\p{N}|" MARKS_OR_SLASH LINES));
STAGES(S_KIMI, CLASS("\\p{Han}+|" LEAD "\\p{NotHan}+" SHORT_OPT "|\\p{N}{1,3}|" MARKS LINES));
STAGES(S_DEEPSEEK_LLM, WIDE("[\\r\\n]"), WIDE("\\s?" CASED_LETTERS),
       WIDE("\\s?[!-/:-~\\x{FF01}-\\x{FF0F}\\x{FF1A}-\\x{FF5E}\\x{2018}-\\x{201F}"
            "\\x{3000}-\\x{3002}]+"),
       WIDE("\\s+$"), WIDE(CJK_WIDE), CLASS("\\p{N}+"));
STAGES(S_DEEPSEEK_CODER, WIDE("[\\r\\n]"), CLASS("\\s?\\p{L}+"), CLASS("\\s?\\p{P}+"),
       WIDE(CJK_WIDE), CLASS("\\p{N}"));
STAGES(S_DEEPSEEK3, CLASS("\\p{N}{1,3}"), WIDE(KANA_HAN), CLASS(DEEPSEEK3));
STAGES(S_SPARK25, CLASS("\\p{N}{1,3}"), WIDE(KANA_HAN),
       CLASS(ASCII_PUNCT_WORD WORD_OR_MARKS "|[\\r\\n]|" BLANKS), CLASS("\\p{N}"));
STAGES(S_AFMOE, { HTH_STAGE_TRIPLES, NULL },
       WIDE("[\\x{4E00}-\\x{9FFF}\\x{3400}-\\x{4DBF}\\x{8C48}-\\x{FAFF}\\x{3040}-\\x{309F}"
            "\\x{30A0}-\\x{30FF}\\x{FF65}-\\x{FF9F}\\x{2F00}-\\x{2FDF}\\x{0E40}-\\x{0E7F}"
            "\\x{0E80}-\\x{0EFF}\\x{1780}-\\x{17FF}\\x{1000}-\\x{109F}\\x{AA60}-\\x{AA7F}"
            "\\x{A9E0}-\\x{A9FF}\\x{AC00}-\\x{D7AF}\\x{1100}-\\x{11FF}]+"),
       CLASS(DEEPSEEK3));
STAGES(S_SENTENCE, WIDE(SENTENCE));
STAGES(S_VIKING, WIDE(SENTENCE), CLASS("\\p{N}"));
STAGES(S_CHAMELEON, CLASS("<sentinel:[0-9]+>"), CLASS("IMGIMG[A-I]{1,4}Z"),
       CLASS("[\\t\\n]|    |  "), CLASS("\\p{N}"), CLASS("[\\p{P}!-/:-@\\[-`{-~]"), CLASS(GPT2));
STAGES(S_SUPERBPE, CLASS("\\p{N}+"), { HTH_STAGE_TRIPLES_BARE, NULL });
STAGES(S_NEWLINES, CLASS("[^\\n]+|\\n+"));
STAGES(S_WORDS, CLASS("\\S+"));

static const HthPre PRES[] = {
    { "default", S_DEFAULT, 0 },
    { "llama3", S_LLAMA3, HTH_PRE_WHOLE | HTH_PRE_BOS },
    { "llama-v3", S_LLAMA3, HTH_PRE_WHOLE | HTH_PRE_BOS },
    { "llama-bpe", S_LLAMA3, HTH_PRE_WHOLE | HTH_PRE_BOS },
    { "falcon3", S_LLAMA3, HTH_PRE_WHOLE | HTH_PRE_BOS },
    { "falcon-h1", S_LLAMA3, HTH_PRE_WHOLE | HTH_PRE_BOS },
    { "pixtral", S_LLAMA3, HTH_PRE_WHOLE | HTH_PRE_BOS },
    { "midm-2.0", S_LLAMA3, HTH_PRE_WHOLE | HTH_PRE_BOS },
    { "lfm2", S_LLAMA3, HTH_PRE_WHOLE | HTH_PRE_BOS },
    { "jina-v5-nano", S_LLAMA3, HTH_PRE_WHOLE | HTH_PRE_BOS },
    { "jais-2", S_JAIS2, 0 },
    { "dbrx", S_LLAMA3, 0 },
    { "smaug-bpe", S_LLAMA3, 0 },
    { "glm4", S_LLAMA3, HTH_PRE_NO_BOS_ID },
    { "chatglm-bpe", S_LLAMA3, HTH_PRE_NO_BOS_ID },
    { "minicpm5", S_MINICPM5, HTH_PRE_WHOLE },
    { "deepseek-llm", S_DEEPSEEK_LLM, 0 },
    { "deepseek-coder", S_DEEPSEEK_CODER, 0 },
    { "deepseek-v3", S_DEEPSEEK3, 0 },
    { "hunyuan-dense", S_DEEPSEEK3, 0 },
    { "joyai-llm", S_DEEPSEEK3, 0 },
    { "hy_v4", S_DEEPSEEK3, 0 },
    { "spark2_5", S_SPARK25, 0 },
    { "youtu", S_YOUTU, HTH_PRE_WHOLE },
    { "falcon", S_FALCON, 0 },
    { "gpt-2", S_GPT2, 0 },
    { "phi-2", S_GPT2, 0 },
    { "jina-es", S_GPT2, 0 },
    { "jina-de", S_GPT2, 0 },
    { "jina-v1-en", S_GPT2, HTH_PRE_SEP },
    { "jina-v2-es", S_GPT2, 0 },
    { "jina-v2-de", S_GPT2, 0 },
    { "jina-v2-code", S_GPT2, HTH_PRE_SEP },
    { "roberta-bpe", S_GPT2, HTH_PRE_SEP },
    { "gigachat", S_GPT2, 0 },
    { "a.x-4.0", S_GPT2, 0 },
    { "mellum", S_GPT2, 0 },
    { "modern-bert", S_GPT2, 0 },
    { "exaone4", S_GPT2, 0 },
    { "mpt", S_GPT2, 0 },
    { "olmo", S_GPT2, 0 },
    { "jais", S_GPT2, 0 },
    { "trillion", S_GPT2, 0 },
    { "granite-docling", S_GPT2, 0 },
    { "starcoder", S_DIGITS_GPT2, 0 },
    { "refact", S_DIGITS_GPT2, 0 },
    { "command-r", S_DIGITS_GPT2, 0 },
    { "smollm", S_DIGITS_GPT2, 0 },
    { "codeshell", S_DIGITS_GPT2, 0 },
    { "exaone", S_DIGITS_GPT2, 0 },
    { "minerva-7b", S_DIGITS_GPT2, 0 },
    { "mellum2", S_DIGITS_GPT2, 0 },
    { "qwen2", S_QWEN2, 0 },
    { "deepseek-r1-qwen", S_QWEN2, 0 },
    { "kormo", S_QWEN2, 0 },
    { "f2llmv2", S_QWEN2, 0 },
    { "megrez", S_QWEN2, 0 },
    { "stablelm2", S_QWEN2, 0 },
    { "hunyuan", S_QWEN2, 0 },
    { "solar-open", S_QWEN2, 0 },
    { "grok-2", S_QWEN2, 0 },
    { "qwen35", S_QWEN35, 0 },
    { "ufakzeka", S_UFAKZEKA, 0 },
    { "laguna", S_LAGUNA, 0 },
    { "bailingmoe", S_BAILING, 0 },
    { "bailingmoe2", S_BAILING, 0 },
    { "llada-moe", S_BAILING, 0 },
    { "seed-coder", S_SEED, 0 },
    { "exaone-moe", S_EXAONE_MOE, 0 },
    { "poro-chat", S_SENTENCE, 0 },
    { "bloom", S_SENTENCE, 0 },
    { "gpt3-finnish", S_SENTENCE, 0 },
    { "viking", S_VIKING, 0 },
    { "tekken", S_TEKKEN, HTH_PRE_WHOLE | HTH_PRE_BOS },
    { "chameleon", S_CHAMELEON, HTH_PRE_BOS },
    { "gpt-4o", S_GPT4O, 0 },
    { "llama4", S_GPT4O, 0 },
    { "kanana2", S_GPT4O, 0 },
    { "talkie", S_GPT4O, 0 },
    { "minimax-m2", S_GPT4O, 0 },
    { "granite-embed-multi-97m", S_GRANITE_EMB, HTH_PRE_WHOLE },
    { "tiny_aya", S_TINY_AYA, 0 },
    { "cohere2moe", S_TINY_AYA, 0 },
    { "superbpe", S_SUPERBPE, 0 },
    { "kimi-k2", S_KIMI, 0 },
    { "afmoe", S_AFMOE, 0 },
    { "gemma4", S_NEWLINES, HTH_PRE_RAW | HTH_PRE_NEWLINES | HTH_PRE_BOS_ALWAYS },
    { "granite-embed-multi-311m", S_NEWLINES,
      HTH_PRE_RAW | HTH_PRE_NEWLINES | HTH_PRE_BOS_ALWAYS },
    { "sarvam-moe", S_NEWLINES, HTH_PRE_RAW },
    { "whitespace", S_WORDS, HTH_PRE_RAW | HTH_PRE_WORDS },
};
/* clang-format on */

const HthPre *hth_pre_at(size_t i) {
    return i < HTH_COUNT(PRES) ? &PRES[i] : NULL;
}

const HthPre *hth_pre_find(HthStr name) {
    if (name.n == 0) return &PRES[0];
    for (size_t i = 0; i < HTH_COUNT(PRES); i++) {
        if (hth_str_eq(name, hth_str(PRES[i].name))) return &PRES[i];
    }
    return NULL;
}
