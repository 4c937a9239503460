/* voice_grammar_test.c - which asks share a compiled language, and that nobody else's do.
 *
 * With the model in models/ember. */
#include "support/test.h"

#include "model/model.h"
#include "serve/voice.h"

static HthErr err;
static HthModel *model;
static HthVoice *voice, *other;
static HthGrammars *kept;

static const char point[] = "{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"integer\"}}}";
static const char tools[] = "[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":"
                            "{\"type\":\"object\"}}}]";

static const char template[] =
    "{% if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{{ m.content }}{% for c in m.tool_calls %}<tool_call>{\"name\": \"{{ c.function.name }}\", "
    "\"arguments\": {{ c.function.arguments | tojson }}}</tool_call>{% endfor %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

static json_t *json(const char *text) {
    json_t *v = NULL;
    assert_ok(hth_json_parse(&v, hth_str(text), strlen(text), &err), err);
    return v;
}

static HthAsk ask(HthFormat format, const char *what) {
    HthAsk a = { .kind = HTH_ASK_CHAT, .format = format };
    if (format == HTH_FORMAT_SCHEMA || format == HTH_FORMAT_CHOICE)
        a.schema = a.body = json(what);
    else if (what)
        a.grammar = hth_str(what);
    return a;
}

static const HthGrammar *grammar(const HthVoice *v, const HthAsk *a, uint64_t tenant) {
    const HthGrammar *g = NULL;
    assert_ok(hth_voice_grammar(v, a, tenant, HTH_STR("hello"), kept, &g, &err), err);
    return g;
}

static bool admits(const HthGrammar *g, const char *text) {
    HthMatcher *m = NULL;
    assert_ok(hth_matcher_open(&m, g, NULL, &err), err);
    const bool yes = hth_matcher_bytes(m, hth_str(text), &err) == HTH_OK && hth_matcher_may_end(m);
    hth_matcher_close(&m);
    return yes;
}

/* Every one of these is another language, or another's. */
static void what_tells_languages_apart(void **state) {
    (void)state;
    HthAsk asks[12];
    const HthGrammar *g[12];
    size_t n = 0;
    asks[n++] = ask(HTH_FORMAT_SCHEMA, point);
    asks[n++] = ask(HTH_FORMAT_SCHEMA, "{\"type\":\"integer\"}");
    asks[n++] = ask(HTH_FORMAT_JSON, NULL);
    asks[n++] = ask(HTH_FORMAT_REGEX, "a+");
    asks[n++] = ask(HTH_FORMAT_REGEX, "a+b");
    asks[n++] = ask(HTH_FORMAT_GBNF, "root ::= \"a+\"");
    asks[n++] = ask(HTH_FORMAT_CHOICE, "[\"a\",\"b\"]");
    asks[n++] = ask(HTH_FORMAT_CHOICE, "[\"a\",\"c\"]");
    asks[n++] = ask(HTH_FORMAT_TEXT, NULL); /* with tools, below */
    asks[n++] = ask(HTH_FORMAT_TEXT, NULL);
    asks[n++] = ask(HTH_FORMAT_TEXT, NULL);
    asks[n++] = ask(HTH_FORMAT_SCHEMA, point);
    for (size_t i = 8; i < n; i++) {
        asks[i].tools = json(tools);
        asks[i].parallel_tools = i > 8;
        asks[i].choice = i == 10 ? HTH_TOOLS_REQUIRED : HTH_TOOLS_AUTO;
    }
    const uint64_t misses = hth_grammars_stat(kept).misses;
    for (size_t i = 0; i < n; i++) {
        g[i] = grammar(voice, &asks[i], 1);
        for (size_t k = 0; k < i; k++) assert_ptr_not_equal(g[i], g[k]);
    }
    assert_int_equal(hth_grammars_stat(kept).misses, misses + n);
    for (size_t i = 0; i < n; i++) { /* and again */
        const HthGrammar *again = grammar(voice, &asks[i], 1);
        assert_ptr_equal(again, g[i]);
        hth_grammars_give(kept, &again);
    }
    assert_int_equal(hth_grammars_stat(kept).misses, misses + n);
    assert_true(admits(g[0], "{\"x\":1}") && !admits(g[1], "{\"x\":1}") && admits(g[1], "1"));
    assert_true(admits(g[3], "aa") && !admits(g[4], "aa") && admits(g[5], "a+"));
    assert_true(admits(g[6], "b") && !admits(g[7], "b"));
    for (size_t i = 0; i < n; i++) {
        hth_grammars_give(kept, &g[i]);
        json_decref(asks[i].tools);
        json_decref(asks[i].body);
    }
}

static void nobody_gets_another_s(void **state) {
    (void)state;
    HthAsk a = ask(HTH_FORMAT_SCHEMA, "{\"enum\":[1,2]}");
    const uint64_t hits = hth_grammars_stat(kept).hits;
    const HthGrammar *mine = grammar(voice, &a, 1), *theirs = grammar(voice, &a, 2),
                     *elsewhere = grammar(other, &a, 1);
    assert_int_equal(hth_grammars_stat(kept).hits, hits);
    assert_ptr_not_equal(mine, theirs);
    assert_ptr_not_equal(mine, elsewhere);
    hth_grammars_give(kept, &mine);
    hth_grammars_give(kept, &theirs);
    hth_grammars_give(kept, &elsewhere);
    json_decref(a.body);
}

static void free_and_refused(void **state) {
    (void)state;
    HthAsk a = ask(HTH_FORMAT_TEXT, NULL);
    const HthGrammarsStat before = hth_grammars_stat(kept);
    assert_null(grammar(voice, &a, 1));
    HthAsk bad = ask(HTH_FORMAT_SCHEMA, "{\"$recursiveRef\":\"#\"}");
    for (int i = 0; i < 2; i++) { /* a refusal is not kept */
        const HthGrammar *g = NULL;
        assert_status(hth_voice_grammar(voice, &bad, 1, HTH_STR(""), kept, &g, &err), HTH_ENOTSUP,
                      err);
        assert_null(g);
        assert_non_null(strstr(err.text, "$recursiveRef"));
    }
    assert_int_equal(hth_grammars_stat(kept).count, before.count);
    assert_int_equal(hth_grammars_stat(kept).lent, 0);
    json_decref(bad.body);
}

static HthStatus once(void *ctx) {
    HthGrammars *c = NULL;
    const HthGrammar *g = NULL;
    HthErr e = { 0 };
    HTH_TRY(hth_grammars_open(&c, 1 << 20, 4, &e));
    const HthStatus st = hth_voice_grammar(voice, ctx, 1, HTH_STR(""), c, &g, &e);
    hth_grammars_give(c, &g);
    hth_grammars_close(&c);
    return st;
}

static void survives_no_memory(void **state) {
    (void)state;
    HthAsk a = ask(HTH_FORMAT_SCHEMA, "{\"enum\":[1,\"a\"]}");
    assert_true(test_torture(once, &a, 20000) > 50);
    json_decref(a.body);
}

static int open_all(void **state) {
    (void)state;
    char path[512];
    hth_json_init();
    test_src_path(path, sizeof path, "models/ember/ember.gguf");
    if (hth_model_open(&model, path, &err) != HTH_OK) fail_msg("%s", err.text);
    const HthVoiceCfg cfg = { .model = model, .template_text = hth_str(template) };
    assert_ok(hth_voice_open(&voice, &cfg, &err), err);
    assert_ok(hth_voice_open(&other, &cfg, &err), err);
    assert_ok(hth_grammars_open(&kept, 1 << 26, 100, &err), err);
    return 0;
}

static int close_all(void **state) {
    (void)state;
    hth_grammars_close(&kept);
    hth_voice_close(&voice);
    hth_voice_close(&other);
    hth_model_close(&model);
    return hth_mem_live() != 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_tells_languages_apart),
        cmocka_unit_test(nobody_gets_another_s),
        cmocka_unit_test(free_and_refused),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
