/* voice_grammar.c - see voice.h: the language of an answer, compiled once for all that ask for it.
 *
 * Thread: any. */
#include "base/mem.h"
#include "serve/voice_in.h"
#include "text/schema.h"

enum { KEYED_BYTES_MAX = 1 << 27 };

/* ---- what an answer must be ----------------------------------------------------------------- */

static HthStatus pattern(HthIr *ir, HthStr source, HthNode *out, HthErr *err) {
    HthDfa *dfa = NULL;
    HthByteDfa bytes = { 0 };
    HTH_TRY(hth_dfa_pattern(&dfa, source, true, err));
    HthStatus st = hth_dfa_bytes(&bytes, dfa, HTH_DFA_UTF8, err);
    if (st == HTH_OK) *out = hth_ir_dfa(ir, &bytes);
    hth_byte_dfa_drop(&bytes);
    hth_dfa_close(&dfa);
    return st;
}

static HthStatus choice(HthIr *ir, const json_t *texts, HthNode *out, HthErr *err) {
    enum { CHOICES_MAX = 4096 };
    HthNode nodes[CHOICES_MAX];
    size_t i, n = json_array_size(texts);
    json_t *one;
    HTH_REQUIRE(n > 0 && n <= CHOICES_MAX, err, HTH_EINVAL, "a choice needs 1 to %d texts",
                CHOICES_MAX);
    json_array_foreach(texts, i, one) {
        HTH_REQUIRE(json_is_string(one), err, HTH_EINVAL, "a choice is a list of texts");
        nodes[i] = hth_ir_bytes(ir, (HthStr){ json_string_value(one), json_string_length(one) });
    }
    *out = hth_ir_alt(ir, nodes, n);
    return HTH_OK;
}

static HthStatus format(HthIr *ir, const HthAsk *a, HthNode *out, HthErr *err) {
    *out = HTH_NODE_NONE;
    switch (a->format) {
    case HTH_FORMAT_TEXT: return HTH_OK;
    case HTH_FORMAT_JSON: return hth_schema_any(ir, true, HTH_SPACE_ONE, out, err);
    case HTH_FORMAT_SCHEMA:
        return hth_schema(ir, a->schema, (HthSchemaOpt){ .space = HTH_SPACE_ONE }, out, err);
    case HTH_FORMAT_GBNF: return hth_gbnf(ir, a->grammar, out, err);
    case HTH_FORMAT_REGEX: return pattern(ir, a->grammar, out, err);
    case HTH_FORMAT_CHOICE: return choice(ir, a->schema, out, err);
    }
    return HTH_FAIL(err, HTH_EINVAL, "this response format is not known");
}

/* Free tools (auto, none) leave a free answer free: the parser reads what comes. */
static bool constrains(const HthAsk *a) {
    bool forced = a->choice == HTH_TOOLS_REQUIRED || a->choice == HTH_TOOLS_NAMED;
    return a->format != HTH_FORMAT_TEXT || (a->tools && json_array_size(a->tools) > 0) || forced;
}

static bool has_tools(const HthAsk *a) {
    return a->kind == HTH_ASK_CHAT && a->tools && json_array_size(a->tools) > 0;
}

static HthStatus compile(const HthVoice *v, const HthAsk *a, HthStr prompt, HthIr *ir,
                         HthGrammar **out, HthErr *err) {
    HthNode root;
    const bool tools = has_tools(a);
    HTH_TRY(format(ir, a, &root, err));
    HTH_TRY(hth_ir_status(ir, err));
    if (a->kind == HTH_ASK_CHAT && v->talk && (tools || hth_talk_has_thinking(v->talk)))
        HTH_TRY(hth_talk_grammar_after(v->talk, prompt, ir, tools ? a->tools : NULL,
                                       tools ? a->choice : HTH_TOOLS_NONE, a->choice_name,
                                       a->parallel_tools, root, &root, err));
    HTH_TRY(hth_ir_status(ir, err));
    HTH_REQUIRE(root != HTH_NODE_NONE, err, HTH_ENOTSUP,
                "this model has no chat template, and so no way to call tools");
    return hth_grammar_open(out, ir, root, err);
}

/* ---- the same again ------------------------------------------------------------------------- */

static void key_bytes(HthHash *h, const void *p, size_t n) {
    const uint64_t length = n; /* so that no two lists of parts read alike */
    hth_hash_add(h, &length, sizeof length);
    hth_hash_add(h, p, n);
}

static HthStatus key_json(HthHash *h, const json_t *v, HthErr *err) {
    HthBuf text;
    hth_buf_init(&text, KEYED_BYTES_MAX);
    const HthStatus st = v ? hth_json_write(&text, v, 0, err) : HTH_OK;
    if (st == HTH_OK) key_bytes(h, text.p, text.n);
    hth_buf_drop(&text);
    return st;
}

/* All that compile() reads, and whose it is. */
static HthStatus key_of(const HthVoice *v, const HthAsk *a, uint64_t tenant, HthStr prompt,
                        HthGrammarKey *out, HthErr *err) {
    const uint64_t facts[] = { tenant,
                               (uint64_t)a->format,
                               a->kind == HTH_ASK_CHAT,
                               has_tools(a),
                               (uint64_t)a->choice,
                               a->parallel_tools,
                               v->talk ? hth_talk_begun(v->talk, prompt) : 0 };
    HthHash h = { 0 };
    HTH_TRY(hth_hash_begin(&h, HTH_SHA3_256, err));
    hth_hash_add(&h, v->id, sizeof v->id);
    hth_hash_add(&h, facts, sizeof facts);
    key_bytes(&h, a->grammar.p, a->grammar.n);
    key_bytes(&h, a->choice_name.p, a->choice_name.n);
    HthStatus st = key_json(&h, a->schema, err);
    if (st == HTH_OK) st = key_json(&h, has_tools(a) ? a->tools : NULL, err);
    hth_hash_end(&h, st == HTH_OK ? out->bytes : NULL);
    return st;
}

HthStatus hth_voice_grammar(const HthVoice *v, const HthAsk *a, uint64_t tenant, HthStr prompt,
                            HthGrammars *kept, const HthGrammar **out, HthErr *err) {
    HthGrammarKey key;
    HthGrammar *g = NULL;
    HthIr *ir = NULL;
    *out = NULL;
    if (!constrains(a)) return HTH_OK;
    HTH_TRY(key_of(v, a, tenant, prompt, &key, err));
    *out = hth_grammars_take(kept, &key);
    if (*out) return HTH_OK;
    HTH_TRY(hth_ir_open(&ir, err));
    const HthStatus st = compile(v, a, prompt, ir, &g, err);
    hth_ir_close(&ir);
    HTH_TRY(st);
    hth_grammar_own(g, tenant);
    return hth_grammars_put(kept, &key, &g, out, err);
}
