/* talk_grammar_test.c - the language of replies: what each choice of tools takes and refuses. */
#include "support/test.h"

#include "support/replies.h"
#include "support/spelled.h"

static HthErr err;

/* clang-format off */
static const char *const CONTROL[] = { "<|im_start|>", "<|im_end|>", "[TOOL_CALLS]", "[ARGS]",
    "<|tool_call_start|>", "<|tool_call_end|>", "<|tool_call>", "<tool_call|>", "<|\"|>", "<|sta"
      "rt|>",
    "<|channel|>", "<|message|>", "<|end|>", "<|call|>", "<|constrain|>", "<|eot_id|>", NULL };

#define AUTO  HTH_TOOLS_AUTO
#define NONE  HTH_TOOLS_NONE
#define MUST  HTH_TOOLS_REQUIRED
#define NAMED HTH_TOOLS_NAMED /* "get" */
#define NO    SPELLED_NO
#define PART  SPELLED_BEGINS
#define WHOLE SPELLED_WHOLE

typedef struct Row {
    const char *talk, *prompt;
    HthToolChoice choice;
    const char *text;
    SpelledFit fit;
} Row;

#define H(name, args) "<tool_call>\n{\"name\": \"" name "\", \"arguments\": " args "}\n</tool_call>"
#define GET           H("get", "{\"q\": \"x\"}")
#define NAUGHT        H("naught", "{}")
static const Row ROWS[] = {
    { "hermes", "", AUTO, "", WHOLE },
    { "hermes", "", AUTO, "Hi <b>.", WHOLE },
    { "hermes", "", AUTO, GET, WHOLE },
    { "hermes", "", AUTO, "So:\n" GET, WHOLE },
    { "hermes", "", AUTO, "So:\n" GET "\n" NAUGHT, WHOLE },
    { "hermes", "", AUTO, GET "\nDone.", NO },
    { "hermes", "", AUTO, "<tool_call>", PART },
    { "hermes", "", AUTO, H("nobody", "{}"), NO },
    { "hermes", "", AUTO, H("get", "{\"n\": \"x\"}"), NO },
    { "hermes", "", AUTO, H("get", "{\"n\": 5}"), WHOLE },
    { "hermes", "", AUTO, H("get", "5"), NO },
    { "hermes", "", AUTO, "<think>\nhm\n</think>\n\nYes.", WHOLE },
    { "hermes", "", AUTO, "Yes.<|im_end|>", NO },
    { "hermes", "", NONE, "So.", WHOLE },
    { "hermes", "", NONE, GET, NO },
    { "hermes", "", NONE, "<tool_call", WHOLE },
    { "hermes", "", MUST, GET, WHOLE },
    { "hermes", "", MUST, "\n" GET, WHOLE },
    { "hermes", "", MUST, "So:\n" GET, NO },
    { "hermes", "", MUST, "", PART },
    { "hermes", "", MUST, "<think>\nhm\n</think>\n\n" GET, WHOLE },
    { "hermes", "<think>\n", MUST, "hm\n</think>\n\n" GET, WHOLE },
    { "hermes", "<think>\n", MUST, GET, PART }, /* thoughts, so far */
    { "hermes", "<think>\n\n</think>\n", MUST, "hm", NO },
    { "hermes", "", MUST, NAUGHT "\n" GET, WHOLE },
    { "hermes", "", NAMED, GET, WHOLE },
    { "hermes", "", NAMED, NAUGHT, NO },
    { "hermes", "", NAMED, GET "\n" GET, NO },
    { "mistral", "", AUTO, "Ok [TOOL_CALLS]get[ARGS]{\"q\": \"1\"}[TOOL_CALLS]naught[ARGS]{"
      "}", WHOLE },
    { "mistral", "", NONE, "Ok [TOOL_CALLS]", NO },
    { "mistral", "", MUST, "Ok", NO },
    { "mistral", "", MUST, "[TOOL_CALLS]get[ARGS]{}", WHOLE },
    { "nemo", "", MUST, "[TOOL_CALLS][{\"name\": \"get\", \"arguments\": {}, \"id\": \"abcdefgh"
      "1\"}, "
      "{\"name\": \"naught\", \"arguments\": {}, \"id\": \"abcdefgh2\"}]", WHOLE },
    { "nemo", "", NAMED, "[TOOL_CALLS][{\"name\": \"get\", \"arguments\": {}, \"id\": \"abcdefgh"
      "1\"}, ", NO },
    { "llama3", "", AUTO, "{\"name\": \"get\", \"parameters\": {\"q\": \"x\"}}", WHOLE },
    { "llama3", "", AUTO, "{\"name\": \"Bob\"}", WHOLE },
    { "llama3", "", AUTO, "{\"name\": \"get\"}", NO },
    { "llama3", "", NONE, "{\"name\": \"get\", ", NO },
    { "llama3", "", MUST, "Hm", NO },
    { "qwen3-coder", "", AUTO, "Go\n<tool_call>\n<function=get>\n<parameter=q>\n12\n</parameter>\n"
      "<parameter=n>\n7\n</parameter>\n</function>\n</tool_call>", WHOLE },
    { "qwen3-coder", "", MUST, "<tool_call>\n<function=get>\n<parameter=n>\nx", NO },
    { "qwen3-coder", "", MUST, "<tool_call>\n<function=get>\n<parameter=x>", NO },
    { "qwen3-coder", "", MUST, "<tool_call>\n<function=get>\n<parameter=n>\n7\n</parameter>\n<pa"
      "rameter=n", NO },
    { "qwen3-coder", "", MUST, "<tool_call>\n<function=get>\n<parameter=e>\na\n</parameter>\n</f"
      "unction>\n"
      "</tool_call>", WHOLE },
    { "qwen3-coder", "", MUST, "<tool_call>\n<function=get>\n<parameter=e>\nb", NO },
    { "lfm", "", AUTO, "A <|tool_call_start|>[get(q='it', n=2), naught()]<|tool_call_end|"
      ">", WHOLE },
    { "lfm", "", MUST, "<|tool_call_start|>[get(q=\"it's\", b=True, z=None)]<|tool_call_end|"
      ">", WHOLE },
    { "lfm", "", MUST, "<|tool_call_start|>[get(q=5", NO },
    { "lfm", "", MUST, "<|tool_call_start|>[get(b=true", NO },
    { "gemma", "", MUST, "<|tool_call>call:get{n:2,q:<|\"|>a {b}<|\"|>}<tool_call|>", WHOLE },
    { "gemma", "", MUST, "<|tool_call>call:get{q:a", NO },
    { "gemma", "", AUTO, "x<|tool_call>call:naught{}<tool_call|><|tool_call>call:get_more{}<tool"
      "_call|>", WHOLE },
    { "harmony", "", AUTO, "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|"
      ">final"
      "<|message|>Yes.", WHOLE },
    { "harmony", "", MUST, "<|channel|>final", NO },
    { "harmony", "", MUST, "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|"
      ">commentary "
      "to=functions.get <|constrain|>json<|message|>{\"q\": \"x\"}", WHOLE },
    { "harmony", "", AUTO, "<|channel|>commentary<|message|>Hm.<|end|><|start|>assistant to=func"
      "tions.naught"
      "<|channel|>commentary json<|message|>{}", WHOLE },
    { "harmony", "", NONE, "<|channel|>commentary to", NO },
    { "functionary", "", AUTO, ">>>get\n{}>>>naught\n{}", WHOLE },
    { "functionary", "", AUTO, ">>> 1 + 1", WHOLE },
    { "functionary", "", NONE, ">>>get\n", NO },
    { "glm", "<think>", MUST, "hm</think><tool_call>get<arg_key>q</arg_key><arg_value>1</arg_val"
      "ue><arg_key>l"
      "</arg_key><arg_value>[1, \"a\"]</arg_value></tool_call>", WHOLE },
    { "glm", "", MUST, "<tool_call>get_more</tool_call>", WHOLE },
    { "none", "", NONE, "x <tool_call>", WHOLE },
    { "none", "", AUTO, "x <tool_call>", WHOLE },
};
/* clang-format on */

static HthStatus grammar(const RepliesTalk *t, const char *prompt, HthToolChoice choice,
                         bool parallel, const char *answer, HthGrammar **out) {
    HthIr *ir = NULL;
    HthNode node, words = HTH_NODE_NONE;
    HTH_TRY(hth_ir_open(&ir, &err));
    if (answer) words = hth_ir_bytes(ir, hth_str(answer));
    HthStatus st = prompt ? hth_talk_grammar_after(t->talk, hth_str(prompt), ir, t->tools, choice,
                                                   HTH_STR("get"), parallel, words, &node, &err)
                          : hth_talk_grammar(t->talk, ir, t->tools, choice, HTH_STR("get"),
                                             parallel, words, &node, &err);
    if (st == HTH_OK) st = hth_grammar_open(out, ir, node, &err);
    hth_ir_close(&ir);
    return st;
}

static void open_talk(RepliesTalk *t, Vb *vb, const char *name) {
    static Gb g;
    assert_ok(spelled_vocab(vb, &g, CONTROL, &err), err);
    assert_ok(replies_talk(t, name, vb->v, &err), err);
}

static void test_rows(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(ROWS); i++) {
        const Row *row = &ROWS[i];
        RepliesTalk t;
        Vb vb;
        HthGrammar *g = NULL;
        open_talk(&t, &vb, row->talk);
        assert_ok(grammar(&t, row->prompt, row->choice, true, NULL, &g), err);
        const SpelledFit fit = spelled_fit(g, vb.v, hth_str(row->text));
        if (fit != row->fit) fail_msg("row %zu, %s: %d: [%s]", i, row->talk, (int)fit, row->text);
        hth_grammar_close(&g);
        replies_talk_close(&t);
        vb_close(&vb);
    }
}

/* A format for the words; one call when one is asked for; no prompt: either is fine. */
static void test_ways(void **state) {
    (void)state;
    RepliesTalk t;
    Vb vb;
    HthGrammar *g = NULL;
    open_talk(&t, &vb, "hermes");
    assert_ok(grammar(&t, "", HTH_TOOLS_NONE, true, "{}", &g), err);
    assert_int_equal(spelled_fit(g, vb.v, HTH_STR("{}")), SPELLED_WHOLE);
    assert_int_equal(spelled_fit(g, vb.v, HTH_STR("<think>a</think>\n\n{}")), SPELLED_WHOLE);
    assert_int_equal(spelled_fit(g, vb.v, HTH_STR("{} ")), SPELLED_NO);
    hth_grammar_close(&g);
    assert_ok(grammar(&t, "", HTH_TOOLS_AUTO, true, "{}", &g), err);
    assert_int_equal(spelled_fit(g, vb.v, HTH_STR(GET)), SPELLED_WHOLE);
    assert_int_equal(spelled_fit(g, vb.v, HTH_STR("{}")), SPELLED_WHOLE);
    assert_int_equal(spelled_fit(g, vb.v, HTH_STR("So.")), SPELLED_NO);
    hth_grammar_close(&g);
    assert_ok(grammar(&t, "", HTH_TOOLS_REQUIRED, false, NULL, &g), err);
    assert_int_equal(spelled_fit(g, vb.v, HTH_STR(GET)), SPELLED_WHOLE);
    assert_int_equal(spelled_fit(g, vb.v, HTH_STR(GET "\n" GET)), SPELLED_NO);
    hth_grammar_close(&g);
    assert_ok(grammar(&t, NULL, HTH_TOOLS_REQUIRED, false, NULL, &g), err);
    assert_int_equal(spelled_fit(g, vb.v, HTH_STR("a</think>" GET)), SPELLED_WHOLE);
    assert_int_equal(spelled_fit(g, vb.v, HTH_STR("<think>a</think>" GET)), SPELLED_WHOLE);
    assert_int_equal(spelled_fit(g, vb.v, HTH_STR(GET)), SPELLED_WHOLE);
    hth_grammar_close(&g);
    replies_talk_close(&t);
    vb_close(&vb);
}

static void set_params(RepliesTalk *t, const char *schema) {
    char text[1024];
    json_decref(t->tools);
    snprintf(text, sizeof text,
             "[{\"type\":\"function\",\"function\":{\"name\":\"get\",\"parameters\":%s}}]", schema);
    assert_ok(hth_json_parse(&t->tools, hth_str(text), sizeof text, &err), err);
}

/* clang-format off */
#define CALLS(v) "<tool_call>\n<function=get>\n" v "</function>\n</tool_call>"
#define Q3(v)    CALLS("<parameter=p>\n" v "\n</parameter>\n")
#define LF(v)    "<|tool_call_start|>[get(p=" v ")]<|tool_call_end|>"
#define GM(v)    "<|tool_call>call:get{p:" v "}<tool_call|>"
#define GQ       "<|\"|>"
#define ONE(s)   "{\"type\":\"object\",\"properties\":{\"p\":" s "},\"required\":[\"p\"]}"
#define STR(k)   ONE("{\"type\":\"string\"," k "}")
#define REF                                                                                        \
    "{\"$defs\":{\"n\":{\"type\":\"integer\"}},\"properties\":{\"p\":{\"$ref\":\"#/$defs/n\"}}}"
#define LIST(t)  ONE("{\"type\":\"array\",\"items\":{\"type\":\"" t "\"}}")
#define OBJ(t)   ONE("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"" t "\"}}}")
#define ENUM     ONE("{\"enum\":[\"a\",1,null,true]}")
static const struct {
    const char *talk, *schema, *text;
    SpelledFit fit;
} PARAMS[] = {
    { "qwen3-coder", STR("\"pattern\":\"^a+$\""), Q3("aaa"), WHOLE },
    { "qwen3-coder", STR("\"pattern\":\"^a+$\""), Q3("ab"), NO },
    { "qwen3-coder", STR("\"maxLength\":2"), Q3("ab"), WHOLE },
    { "qwen3-coder", STR("\"maxLength\":2"), Q3("abc"), NO },
    { "qwen3-coder", STR("\"minLength\":2"), Q3("a"), NO },
    { "qwen3-coder", ONE("{\"const\":\"x\"}"), Q3("x"), WHOLE },
    { "qwen3-coder", ONE("{\"const\":\"x\"}"), Q3("y"), NO },
    { "qwen3-coder", ONE("{\"type\":[\"string\",\"null\"]}"), Q3("null"), WHOLE },
    { "qwen3-coder", ONE("{\"type\":\"boolean\"}"), Q3("True"), WHOLE },
    { "qwen3-coder", ONE("{\"type\":\"integer\"}"), CALLS(""), NO },
    { "qwen3-coder", "{\"properties\":{\"p\":{\"type\":\"integer\"}}}", CALLS(""), WHOLE },
    { "qwen3-coder", REF, Q3("12"), WHOLE },
    { "qwen3-coder", LIST("integer"), Q3("[1, 2]"), WHOLE },
    { "lfm", LIST("string"), LF("['a', \"b\"]"), WHOLE },
    { "lfm", LIST("string"), LF("[]"), WHOLE },
    { "lfm", LIST("string"), LF("[1]"), NO },
    { "lfm", OBJ("boolean"), LF("{\"a\": True}"), WHOLE },
    { "lfm", ONE("{\"type\":\"object\"}"), LF("{'k': 1, \"l\": 'x'}"), WHOLE },
    { "lfm", ENUM, LF("None"), WHOLE },
    { "lfm", ENUM, LF("\"a\""), WHOLE },
    { "lfm", ENUM, LF("2"), NO },
    { "lfm", ONE("{}"), LF("2"), WHOLE },
    { "lfm", STR("\"maxLength\":1"), LF("'ab'"), NO },
    { "gemma", LIST("string"), GM("[" GQ "a" GQ "]"), WHOLE },
    { "gemma", OBJ("null"), GM("{a:None}"), WHOLE },
    { "gemma", ONE("{\"enum\":[\"a\"]}"), GM(GQ "a" GQ), WHOLE },
    { "gemma", ONE("{\"type\":[\"integer\",\"string\"]}"), GM("7"), WHOLE },
    { "gemma", ONE("{\"type\":\"integer\"}"), GM(GQ "7" GQ), NO },
};
/* clang-format on */

/* Parameters of every kind, in the shapes that write them their own way. */
static void test_params(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(PARAMS); i++) {
        RepliesTalk t;
        Vb vb;
        HthGrammar *g = NULL;
        open_talk(&t, &vb, PARAMS[i].talk);
        set_params(&t, PARAMS[i].schema);
        assert_ok(grammar(&t, "", HTH_TOOLS_REQUIRED, false, NULL, &g), err);
        const SpelledFit fit = spelled_fit(g, vb.v, hth_str(PARAMS[i].text));
        if (fit != PARAMS[i].fit) fail_msg("row %zu: %d: [%s]", i, (int)fit, PARAMS[i].text);
        hth_grammar_close(&g);
        replies_talk_close(&t);
        vb_close(&vb);
    }
}

static void test_errors(void **state) {
    (void)state;
    static const struct {
        const char *talk, *schema, *says;
        HthToolChoice choice;
        HthStatus status;
    } rows[] = {
        { "none", "{}", "knows no tools", HTH_TOOLS_REQUIRED, HTH_ENOTSUP },
        { "qwen3-coder", ONE("{\"type\":\"string\",\"not\":{}}"),
          "not of a strin"
          "g",
          AUTO, HTH_ENOTSUP },
        { "lfm", ONE("{\"type\":\"array\",\"minItems\":2}"), "minItems", AUTO, HTH_ENOTSUP },
        { "lfm", ONE("{\"enum\":[{}]}"), "enum of objects", AUTO, HTH_ENOTSUP },
        { "qwen3-coder", ONE("{\"type\":\"string\",\"pattern\":\"(\"}"),
          "patter"
          "n",
          AUTO, HTH_EINVAL },
    };
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        RepliesTalk t;
        Vb vb;
        HthGrammar *g = NULL;
        open_talk(&t, &vb, rows[i].talk);
        set_params(&t, rows[i].schema);
        assert_status(grammar(&t, "", rows[i].choice, false, NULL, &g), rows[i].status, err);
        if (!strstr(err.text, rows[i].says)) fail_msg("row %zu: %s", i, err.text);
        assert_null(g);
        replies_talk_close(&t);
        vb_close(&vb);
    }
    RepliesTalk t;
    Vb vb;
    HthGrammar *g = NULL;
    open_talk(&t, &vb, "hermes");
    json_array_clear(t.tools);
    assert_status(grammar(&t, "", HTH_TOOLS_NAMED, true, NULL, &g), HTH_EINVAL, err);
    assert_status(grammar(&t, "", HTH_TOOLS_REQUIRED, true, NULL, &g), HTH_EINVAL, err);
    assert_ok(grammar(&t, "", HTH_TOOLS_AUTO, true, NULL, &g), err);
    hth_grammar_close(&g);
    replies_talk_close(&t);
    vb_close(&vb);
}

/* What the language takes is read back as calls: the two directions agree. */
static void test_both_ways(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(ROWS); i++) {
        const Row *row = &ROWS[i];
        if (row->choice != MUST || row->fit != WHOLE) continue;
        RepliesTalk t;
        Vb vb;
        Replies s;
        open_talk(&t, &vb, row->talk);
        const HthReplyCfg cfg = { .tools = t.tools,
                                  .prompt = strcmp(row->talk, "harmony") == 0
                                                ? HTH_STR("<|start|>assistant")
                                                : hth_str(row->prompt) };
        replies_open(&s);
        assert_ok(replies_read(&s, t.talk, cfg, hth_str(row->text), 3, 3, &err), err);
        if (!json_array_size(s.calls) || s.bad) fail_msg("row %zu: [%s]", i, s.log.p);
        if (hth_buf_str(&s.log).p[0] != '{') fail_msg("row %zu: [%s]", i, s.log.p);
        replies_drop(&s);
        replies_talk_close(&t);
        vb_close(&vb);
    }
}

typedef struct Torture {
    RepliesTalk t;
    Vb vb;
} Torture;

static HthStatus torture_body(void *ctx) {
    const Torture *t = ctx;
    HthGrammar *g = NULL;
    const HthStatus st = grammar(&t->t, "", HTH_TOOLS_AUTO, true, NULL, &g);
    hth_grammar_close(&g);
    return st;
}

static void test_memory(void **state) {
    (void)state;
    static const char *const names[] = { "mistral", "lfm" };
    for (size_t i = 0; i < HTH_COUNT(names); i++) {
        Torture t;
        open_talk(&t.t, &t.vb, names[i]);
        set_params(&t.t, ONE("{\"type\":\"boolean\"}"));
        assert_true(test_torture(torture_body, &t, 100000) > 50);
        replies_talk_close(&t.t);
        vb_close(&t.vb);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),      cmocka_unit_test(test_ways),
        cmocka_unit_test(test_params),    cmocka_unit_test(test_errors),
        cmocka_unit_test(test_both_ways), cmocka_unit_test(test_memory),
    };
    hth_json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
