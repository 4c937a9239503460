/* engine_text_test.c - words with a real vocabulary, by the model in models/ember: texts, stop
 * strings, control tokens, grammars.
 *
 * Thread: the test's, and the engine's. */
#include "support/test.h"

#include "base/rng.h"
#include "sched/engine.h"
#include "support/tiny.h"
#include "text/grammar.h"
#include "text/stream.h"
#include "unit/sched/engine_help.h"

enum { CTX = 512, MANY = 8 };

static HthModel *model;
static const HthVocab *vocab;
static HthEngine *engine;

static HthJobCfg job(HthIds *ids, const char *text, uint64_t seed) {
    HthErr err = { 0 };
    hth_ids_init(ids, CTX);
    assert_ok(
        hth_vocab_encode(vocab, hth_str(text), HTH_ENCODE_SPECIAL | HTH_ENCODE_BOS_EOS, ids, &err),
        err);
    HthJobCfg c = { .ids = ids->p, .n = (uint32_t)ids->n, .predict_max = 60 };
    hth_sample_defaults(&c.params);
    c.params.seed = seed;
    return c;
}

/* The text of plain words, and where a stop string ends it. */
static void plain_text(const Said *plain, const HthJobCfg *c, HthBuf *out, size_t *stopped) {
    HthErr err = { 0 };
    HthStream *s = NULL;
    assert_ok(hth_stream_open(&s, vocab, c->stops, c->stop_count, &err), err);
    for (uint32_t i = 0; i < plain->count && hth_stream_stopped(s) == SIZE_MAX; i++)
        assert_ok(hth_stream_put(s, plain->ids[i], out, &err), err);
    assert_ok(hth_stream_end(s, out, &err), err);
    *stopped = hth_stream_stopped(s);
    hth_stream_close(&s);
}

static void texts_and_stops(void **state) {
    (void)state;
    static const char *const prompts[] = { "Once upon a time", "The cat", "Tom and Lily went",
                                           "\xE4\xB8\xAD" };
    static Said plain, said;
    uint32_t stops = 0;
    for (uint64_t seed = 0; seed < 12; seed++) {
        HthIds ids;
        HthBuf want;
        size_t stopped;
        HthJobCfg c = job(&ids, prompts[seed % 4], seed);
        c.stop_count = seed % 3;
        c.stops[0] = HTH_STR("a");
        c.stops[1] = HTH_STR(". ");
        if (seed % 2) c.stops[0] = HTH_STR("\n\n\n");
        hth_buf_init(&want, 1 << 16);
        said_plainly(&plain, model, &c, CTX, NULL);
        plain_text(&plain, &c, &want, &stopped);
        said_all(&said, engine, c);
        assert_string_equal(said.text, hth_buf_str(&want).p);
        assert_int_equal(said.done.stop, stopped == SIZE_MAX ? UINT32_MAX : (uint32_t)stopped);
        if (stopped != SIZE_MAX) assert_int_equal(said.done.end, HTH_END_STOP);
        stops += stopped != SIZE_MAX;
        hth_buf_drop(&want);
        hth_ids_drop(&ids);
    }
    assert_true(stops > 2);
}

/* With ignore_end it goes on; with specials what it went past is to be seen. */
static void ends_and_specials(void **state) {
    (void)state;
    static Said said, past;
    uint32_t ended = 0;
    for (uint64_t seed = 0; seed < 8; seed++) {
        HthIds ids;
        HthJobCfg c =
            job(&ids, "<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\n", seed);
        c.predict_max = 200;
        said_all(&said, engine, c);
        c.ignore_end = true;
        c.specials = true;
        said_all(&past, engine, c);
        assert_int_equal(past.count, 200);
        for (uint32_t i = 0; i < said.count; i++) assert_int_equal(said.ids[i], past.ids[i]);
        if (said.done.end == HTH_END_STOP) {
            ended++;
            const uint32_t id = past.ids[said.count];
            const HthStr text = hth_vocab_text(vocab, id);
            assert_true(hth_vocab_is_end(vocab, id));
            assert_true(memcmp(past.text + said.n, text.p, text.n) == 0);
        }
        hth_ids_drop(&ids);
    }
    assert_true(ended > 0);
}

static HthGrammar *grammar(const char *gbnf) {
    HthErr err = { 0 };
    HthIr *ir = NULL;
    HthNode root;
    HthGrammar *g = NULL;
    assert_ok(hth_ir_open(&ir, &err), err);
    assert_ok(hth_gbnf(ir, hth_str(gbnf), &root, &err), err);
    assert_ok(hth_grammar_open(&g, ir, root, &err), err);
    hth_ir_close(&ir);
    return g;
}

/* Is the text a whole one in the grammar's eyes? */
static bool whole(const HthGrammar *g, HthStr text) {
    HthErr err = { 0 };
    HthMasks *masks = NULL;
    HthMatcher *m = NULL;
    assert_ok(hth_masks_open(&masks, vocab, hth_model_vocab_count(model), &err), err);
    assert_ok(hth_matcher_open(&m, g, masks, &err), err);
    const bool yes = hth_matcher_bytes(m, text, &err) == HTH_OK && hth_matcher_may_end(m);
    hth_matcher_close(&m);
    hth_masks_close(&masks);
    return yes;
}

static void grammars(void **state) {
    (void)state;
    static const char *const list = "root ::= \"[\" item (\", \" item)* \"]\"\n"
                                    "item ::= \"\\\"\" [a-z\xC3\xA4-\xC3\xBC]+ \"\\\"\" | root\n";
    static Said said;
    HthGrammar *g = grammar(list), *fixed = grammar("root ::= \"yes\" | \"no\"");
    uint32_t cut = 0;
    for (uint64_t seed = 0; seed < 10; seed++) {
        HthIds ids;
        HthJobCfg c = job(&ids, "Once upon a time", seed);
        c.grammar = g;
        c.predict_max = 5 + (uint32_t)seed;
        c.logprobs = true;
        c.params.temperature = 1.5f;
        said_all(&said, engine, c);
        if (said.done.end == HTH_END_ERROR) fail_msg("%s", said.done.err.text);
        if (!whole(g, (HthStr){ said.text, said.n })) fail_msg("[%s]", said.text);
        cut += said.done.end == HTH_END_LENGTH;
        for (uint32_t i = 0; i < said.count; i++) assert_true(said.logprob[i] < 0);
        c.grammar = fixed;
        c.predict_max = 0;
        c.ignore_end = true; /* where nothing can follow it ends all the same */
        said_all(&said, engine, c);
        assert_int_equal(said.done.end, HTH_END_STOP);
        assert_true(strcmp(said.text, "yes") == 0 || strcmp(said.text, "no") == 0);
        hth_ids_drop(&ids);
    }
    assert_true(cut > 3);
    hth_grammar_close(&g);
    hth_grammar_close(&fixed);
}

/* Control tokens in what completes a text are written as in what was drawn; where the text may end
 * the model's end is one, asked to go on or not. */
static void control_tokens_in_grammars(void **state) {
    (void)state;
    static Said said;
    HthErr err = { 0 };
    HthIr *ir = NULL;
    HthGrammar *g = NULL, *open = grammar("root ::= [a-z ]*");
    HthIds ids;
    assert_ok(hth_ir_open(&ir, &err), err);
    const HthNode parts[] = { hth_ir_bytes(ir, HTH_STR("ab \xff<|im_start|>cd")),
                              hth_ir_bytes(ir, HTH_STR("\xff<|im_start|>")) };
    assert_ok(hth_grammar_open(&g, ir, hth_ir_seq(ir, parts, 2), &err), err);
    hth_ir_close(&ir);
    HthJobCfg c = job(&ids, "The cat", 1);
    c.grammar = g;
    c.specials = true;
    for (c.predict_max = 1; c.predict_max < 12; c.predict_max++) {
        said_all(&said, engine, c);
        assert_string_equal(said.text, "ab <|im_start|>cd<|im_start|>");
    }
    assert_int_equal(said.done.end, HTH_END_STOP);
    c.grammar = open;
    c.ignore_end = true;
    c.predict_max = 300;
    uint32_t ended = 0;
    for (c.params.seed = 0; c.params.seed < 10; c.params.seed++) {
        said_all(&said, engine, c);
        if (said.done.end == HTH_END_ERROR) fail_msg("%s", said.done.err.text);
        ended += said.done.end == HTH_END_STOP;
    }
    assert_true(ended > 0);
    hth_grammar_close(&g);
    hth_grammar_close(&open);
    hth_ids_drop(&ids);
}

/* The text with its closing mark; -1: none. Words before it are as without a limit. */
static int closed_at(const Said *said) {
    const char *at = strstr(said->text, "</think>");
    return at ? (int)(at - said->text) : -1;
}

/* Reasoning that has used its tokens is closed and the answer goes on; a grammar is kept to. */
static void reasoning_has_a_limit(void **state) {
    (void)state;
    static Said without, said;
    HthGrammar *g = grammar("root ::= [a-z ]* \"</think>\" [a-z ]+ \".\"");
    for (uint64_t seed = 0; seed < 6; seed++) {
        HthIds ids;
        HthJobCfg c = job(&ids, "Once upon a time", seed);
        c.ignore_end = true;
        said_all(&without, engine, c);
        c.think = (HthThinkCfg){
            .max = 10, .open = HTH_STR("<think>"), .close = HTH_STR("</think>"), .opened = true
        };
        said_all(&said, engine, c);
        const int at = closed_at(&said);
        for (uint32_t i = 0; i < 10; i++) assert_int_equal(said.ids[i], without.ids[i]);
        assert_true(closed_at(&without) == -1 && at > 10);
        assert_memory_equal(said.text, without.text, 10);
        assert_int_equal(said.count, 60);
        c.think.opened = false; /* words: nothing to be limited */
        said_all(&said, engine, c);
        assert_said_same(&said, &without, "no reasoning");
        c.think.opened = true;
        c.ignore_end = false;
        c.grammar = g;
        said_all(&said, engine, c);
        if (said.done.end == HTH_END_ERROR) fail_msg("%s", said.done.err.text);
        assert_true(whole(g, (HthStr){ said.text, said.n }));
        assert_true(said.count >= 10 && closed_at(&said) > 0);
        hth_ids_drop(&ids);
    }
    hth_grammar_close(&g);
}

/* With a grammar that says nothing words are what they are without. */
static void any_text(void **state) {
    (void)state;
    static Said free_text, said;
    HthGrammar *g = grammar("root ::= [^\\x00]*");
    HthIds ids;
    HthJobCfg c = job(&ids, "The cat", 3);
    said_all(&free_text, engine, c);
    c.grammar = g;
    said_all(&said, engine, c);
    assert_said_same(&said, &free_text, "any text");
    assert_string_equal(said.text, free_text.text);
    hth_grammar_close(&g);
    hth_ids_drop(&ids);
}

/* Jobs with grammars are left at any moment; their grammars go with them. */
static void left_grammars(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthIds ids;
    HthJobCfg c = job(&ids, "Once upon a time", 1);
    for (uint32_t i = 0; i < 40; i++) {
        HthGrammar *g = grammar("root ::= [a-z ]+ \".\"");
        HthJob *j = NULL;
        HthWord w;
        HthJobDone d;
        c.grammar = g;
        c.params.seed = i;
        assert_ok(hth_engine_submit(engine, &c, &j, &err), err);
        for (uint32_t reads = hth_rng_below(5, 1, i, 8); reads > 0; reads--)
            while (hth_job_read(j, &w, &d) == 0) usleep(50);
        hth_job_close(&j);
        hth_grammar_close(&g);
    }
    hth_ids_drop(&ids);
    while (hth_engine_stats(engine).jobs > 0) usleep(100);
}

/* One whole job on an engine of its own; on whichever thread memory runs out, the job says so. */
static HthStatus body(void *ctx) {
    HthErr err = { 0 };
    HthEngine *e = NULL;
    HthJob *j = NULL;
    HthWord w;
    HthJobDone d;
    const HthEngineCfg cfg = { .ctx = 64, .parallel = 1, .threads = 1, .chunk = 8 };
    HthStatus st = hth_engine_open(&e, model, &cfg, &err);
    if (st == HTH_OK) st = hth_engine_submit(e, ctx, &j, &err);
    if (st == HTH_OK) {
        for (int r = 1; r >= 0; r = hth_job_read(j, &w, &d))
            if (r == 0) usleep(20);
        if (d.end == HTH_END_ERROR) st = d.err.status;
    }
    hth_job_close(&j);
    hth_engine_close(&e);
    return st;
}

static void survives_no_memory(void **state) {
    (void)state;
    HthGrammar *g = grammar("root ::= \"[\" [a-z]+ (\", \" [a-z]+)* \"]\"");
    HthIds ids;
    HthJobCfg c = job(&ids, "The cat", 1);
    c.grammar = g;
    c.predict_max = 3;
    c.stop_count = 1;
    c.stops[0] = HTH_STR("zzz");
    assert_true(test_torture(body, &c, 3000) > 30);
    hth_grammar_close(&g);
    hth_ids_drop(&ids);
}

static int open_all(void **state) {
    (void)state;
    HthErr err = { 0 };
    char path[512];
    test_src_path(path, sizeof path, "models/ember/ember.gguf");
    if (hth_model_open(&model, path, &err) != HTH_OK) fail_msg("%s", err.text);
    vocab = hth_model_vocab(model);
    const HthEngineCfg cfg = { .ctx = CTX, .parallel = MANY, .threads = 2 };
    return hth_engine_open(&engine, model, &cfg, &err);
}

static int close_all(void **state) {
    (void)state;
    hth_engine_close(&engine);
    hth_model_close(&model);
    return hth_mem_live() != 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_and_stops),    cmocka_unit_test(ends_and_specials),
        cmocka_unit_test(grammars),           cmocka_unit_test(control_tokens_in_grammars),
        cmocka_unit_test(any_text),           cmocka_unit_test(left_grammars),
        cmocka_unit_test(survives_no_memory), cmocka_unit_test(reasoning_has_a_limit),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
