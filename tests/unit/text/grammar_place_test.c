/* grammar_place_test.c - masks of real vocabularies against trying every token's bytes, at places
 * that random walks through real-looking languages come to. */
#include "support/test.h"

#include "base/rng.h"
#include "gguf/gguf.h"
#include "text/grammar_int.h"

#define CHAR "([^\"\\\\\\x00-\\x1f] | \"\\\\\" ([\"\\\\/bfnrt] | \"u\" [0-9a-fA-F]{4}))"
#define WS   "ws ::= (\" \" | \"\\n\" [ \\t]{0,8})?\n"

static const char *const sources[] = {
    /* JSON */
    "root ::= value\nvalue ::= object | array | string | number | (\"true\" | \"null\") ws\n"
    "object ::= \"{\" ws (string \":\" ws value (\",\" ws string \":\" ws value)*)? \"}\" ws\n"
    "array ::= \"[\" ws (value (\",\" ws value)*)? \"]\" ws\n"
    "string ::= \"\\\"\" " CHAR "* \"\\\"\" ws\n"
    "number ::= \"-\"? [0-9]+ (\".\" [0-9]+)? ([eE] [-+]? [0-9]+)? ws\n" WS,
    /* lengths counted, in characters */
    "root ::= \"<\" .{3,12} \">\" [^a-f]{0,30} \"!\" [\\u0400-\\u04ff ]{2,9} \"\\n\"*",
    /* a cap that tokens of all lengths reach, and none from afar */
    "root ::= \"\\\"\" " CHAR "{1,20} \"\\\",\" | \"=\" [ a-z]{0,70} \"\\n\"",
    /* left recursion, ambiguity, single wide characters called */
    "root ::= e \"\\n\"\ne ::= e [-+*] e | \"(\" e \")\" | [0-9]{1,3} | t \".\"\n"
    "t ::= t c | c\nc ::= [^.\\n]",
    /* a tail that leaves at every character */
    "root ::= item+\nitem ::= \"- \" words \"\\n\" | \"* \" words\nwords ::= w (\" \" w)*\n"
    "w ::= [^ \\n]+ | \"\\\"\" [^\"]* \"\\\"\"",
    /* control tokens by name */
    "root ::= (<|im_start|> | <|eot_id|> | <|begin_of_text|>)? [^<]* (<|end_header_id|> .*)?",
};

/* {"name":...}, members in any order, others as well; values: the first source. */
static HthNode members(HthIr *ir, HthNode value, bool extras) {
    static const char *const names[] = { "id", "ident", "name", "n\xc3\xa9", "the long name" };
    HthMember named[HTH_COUNT(names)];
    HthErr err;
    HthNode other;
    for (size_t i = 0; i < HTH_COUNT(names); i++) {
        const HthNode key[3] = { hth_ir_bytes(ir, HTH_STR("\"")),
                                 hth_ir_bytes(ir, hth_str(names[i])),
                                 hth_ir_bytes(ir, HTH_STR("\":")) };
        named[i] = (HthMember){ hth_ir_seq(ir, key, 3), value, i % 2 };
    }
    assert_ok(hth_gbnf(ir, HTH_STR("root ::= \"\\\"\" [^\"\\\\\\x00-\\x1f]* \"\\\":\" \" \"?"),
                       &other, &err),
              err);
    const HthMembers m = { .named = named,
                           .named_count = HTH_COUNT(names),
                           .extra_key = extras ? other : HTH_NODE_NONE,
                           .extra_value = value,
                           .separator = hth_ir_bytes(ir, HTH_STR(", ")),
                           .max = extras ? 4 : HTH_MANY };
    const HthNode all[3] = { hth_ir_bytes(ir, HTH_STR("{")), hth_ir_members(ir, &m),
                             hth_ir_bytes(ir, HTH_STR("}\n")) };
    return hth_ir_seq(ir, all, 3);
}

static HthGrammar *grammar(size_t which) {
    HthErr err;
    HthIr *ir = NULL;
    HthGrammar *g = NULL;
    HthNode root;
    const size_t n = HTH_COUNT(sources);
    assert_ok(hth_ir_open(&ir, &err), err);
    assert_ok(hth_gbnf(ir, hth_str(sources[which < n ? which : 0]), &root, &err), err);
    if (which >= n) root = members(ir, root, which > n);
    assert_ok(hth_grammar_open(&g, ir, root, &err), err);
    hth_ir_close(&ir);
    return g;
}

/* Does the place live on after these bytes? One byte after the other, on the real stacks. */
static bool lives(HthMatcher *m, const uint8_t *bytes, uint32_t n) {
    static HthSets now, next;
    HthErr err;
    bool end = false;
    now.n = 0;
    for (uint32_t i = 0; i < m->now.n; i++) assert_ok(hth_sets_add(&now, m->now.p[i], &err), err);
    for (uint32_t i = 0; i < n; i++) {
        next.n = 0;
        assert_ok(hth_space_step(&m->space, &now, 0, now.n, bytes[i], &next, &err), err);
        end = m->space.may_end;
        const HthSets swap = now;
        now = next;
        next = swap;
        if (now.n == 0 && (i + 1 < n || !end)) return false;
    }
    return true;
}

static void compare(HthMatcher *m, const uint32_t *mask, size_t which, HthStr so_far) {
    const HthMasks *masks = m->masks;
    const uint32_t n = hth_vocab_count(masks->v);
    for (uint32_t id = 0; id < masks->words * 32; id++) {
        bool want = false;
        if (id < n && hth_vocab_is_end(masks->v, id)) {
            want = m->may_end;
        } else if (id < n && masks->at[id + 1] > masks->at[id]) {
            want = lives(m, masks->bytes + masks->at[id], masks->at[id + 1] - masks->at[id]);
        }
        const bool bit = mask[id / 32] >> id % 32 & 1;
        if (bit != want)
            fail_msg("grammar %zu after '%.*s': the mask %s token %u", which, HTH_STR_ARG(so_far),
                     bit ? "allows" : "refuses", id);
    }
}

static void walk(HthMasks *masks, const HthVocab *v, size_t which, uint32_t steps) {
    HthErr err;
    HthGrammar *g = grammar(which);
    HthMatcher *m = NULL;
    HthBuf text;
    uint64_t draws = 0;
    hth_buf_init(&text, 1 << 20);
    assert_ok(hth_matcher_open(&m, g, masks, &err), err);
    for (uint32_t step = 0; step < steps; step++) {
        const uint32_t *mask;
        assert_ok(hth_matcher_mask(m, &mask, &err), err);
        compare(m, mask, which, hth_buf_str(&text));
        uint32_t id = HTH_TOKEN_NONE, n = hth_vocab_count(v);
        for (uint32_t i = 0; i < 3 * n; i++) { /* common ones often, then any */
            const uint32_t top = i < 300 ? 1u << (4 + i % 13) : n;
            const uint32_t at = hth_rng_below(which, step, draws++, top < n ? top : n);
            if (!(mask[at / 32] >> at % 32 & 1) || hth_vocab_is_end(v, at)) continue;
            id = at;
            break;
        }
        if (id == HTH_TOKEN_NONE || (text.n > 400 && hth_matcher_may_end(m))) {
            hth_matcher_reset(m);
            hth_buf_clear(&text);
            continue;
        }
        assert_ok(hth_matcher_accept(m, id, &err), err);
        assert_ok(hth_vocab_piece(v, id, true, &text, &err), err);
    }
    hth_matcher_close(&m);
    hth_grammar_close(&g);
    hth_buf_drop(&text);
}

static void real_vocabulary(const char *name, uint32_t steps) {
    char path[512];
    HthErr err;
    HthGguf *file = NULL;
    HthVocab *v = NULL;
    HthMasks *masks = NULL;
    TEST_DATA_OR_SKIP(path, name);
    assert_ok(hth_gguf_open(&file, path, &err), err);
    assert_ok(hth_vocab_open(&v, file, &err), err);
    assert_ok(hth_masks_open(&masks, v, hth_vocab_count(v) + 64, &err), err);
    for (size_t which = 0; which < HTH_COUNT(sources) + 2; which++) walk(masks, v, which, steps);
    hth_masks_close(&masks);
    hth_vocab_close(&v);
    hth_gguf_close(&file);
}

static void byte_level(void **state) {
    (void)state;
    real_vocabulary("vocab/llama-bpe.gguf", 5);
}

static void byte_level_small(void **state) {
    (void)state;
    real_vocabulary("vocab/gpt-2.gguf", 16);
}

static void spm(void **state) {
    (void)state;
    real_vocabulary("vocab/llama-spm.gguf", 16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(byte_level),
        cmocka_unit_test(byte_level_small),
        cmocka_unit_test(spm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
