/* gbnf_test.c - grammars as people write them: what they accept, what is refused and where. */
#include "support/test.h"

#include "text/grammar.h"

static HthStatus compile(HthGrammar **g, HthStr source, HthErr *err) {
    HthIr *ir = NULL;
    HthNode root;
    HTH_TRY(hth_ir_open(&ir, err));
    HthStatus status = hth_gbnf(ir, source, &root, err);
    if (status == HTH_OK) status = hth_grammar_open(g, ir, root, err);
    hth_ir_close(&ir);
    return status;
}

/* 'w': a whole text; 'p': the beginning of one; 'n': neither. */
static char judge(HthMatcher *m, const char *text) {
    HthErr err;
    hth_matcher_reset(m);
    if (hth_matcher_bytes(m, hth_str(text), &err) != HTH_OK) return 'n';
    return hth_matcher_may_end(m) ? 'w' : 'p';
}

/* texts: a verdict and a text, one after the other, ended by NULL. */
static void judged(const char *source, const char *const *texts) {
    HthErr err;
    HthGrammar *g = NULL;
    HthMatcher *m = NULL;
    assert_ok(compile(&g, hth_str(source), &err), err);
    assert_ok(hth_matcher_open(&m, g, NULL, &err), err);
    for (; *texts; texts++) {
        const char got = judge(m, *texts + 1);
        if (got != **texts) fail_msg("%s: '%s' is %c", source, *texts, got);
    }
    hth_matcher_close(&m);
    hth_grammar_close(&g);
}
#define JUDGED(source, ...) judged((source), (const char *const[]){ __VA_ARGS__, NULL })

static void what_is_accepted(void **state) {
    (void)state;
    JUDGED("root ::= \"ab\"", "p", "pa", "wab", "nabc", "nb");
    JUDGED("root ::= \"a\" | \"b\" |\n \"cd\"", "p", "wa", "wb", "pc", "wcd", "nab");
    JUDGED("root ::= \"ab\"*", "w", "pa", "wab", "paba", "wabab", "nb"); /* all of the literal */
    JUDGED("root ::= [0-9]+ (\".\" [0-9]{2})?", "p", "w12", "p12.", "p12.3", "w12.34", "n12.345");
    JUDGED("root ::= \"x\"{3}", "pxx", "wxxx", "nxxxx");
    JUDGED("root ::= \"x\"{2,}", "px", "wxx", "wxxxxxxxx");
    JUDGED("root ::= \"x\"{0, 2 }", "w", "wx", "wxx", "nxxx");
    JUDGED("root ::= [^a\\]\\\\]", "wb", "na", "n]", "n\\", "w^", "w\n", "w-");
    JUDGED("root ::= [a-]", "wa", "w-", "nb");
    JUDGED("root ::= [\\x41-\\x43\\u00e9\\U0001F600]", "wA", "wC", "nD", "w\xc3\xa9",
           "w\xf0\x9f\x98\x80", "p\xf0\x9f", "n\xe9");
    JUDGED("root ::= \"\\t\\r\\n\\\"\\\\\\[\\]\\-\\x7e\\u00e9\"", "w\t\r\n\"\\[]-~\xc3\xa9");
    JUDGED("root ::= .", "wa", "w\n", "w\xe6\xbc\xa2", "p\xe6\xbc", "n\x80", "n\xc0", "n\xff",
           "p\xed\x9f", "n\xed\xa0", "n\xf5", "nab");
    JUDGED(
        "# words\nroot ::= # a list\n  item (\",\" # and more\n item\n)* # end\nitem ::= [a-z]+\n",
        "wa", "wab,c", "pab,", "n,");
    JUDGED("root::=a-b A_9\na-b ::= \"1\"\r\nA_9 ::= \"2\"", "w12");
    JUDGED("root ::= <|x|> \"y\"", "w\xff<|x|>y", "w<|x|>y");
    JUDGED("root ::=", "w", "na");
}

static void recursion(void **state) {
    (void)state;
    JUDGED("root ::= \"(\" root \")\" | \"\"", "w", "p(", "w()", "p(()", "w(())", "n)");
    JUDGED("root ::= root \"+\" n | n\nn ::= [0-9]+", "p", "w1", "w12+3+4", "p1+", "n+", "n1++");
    JUDGED("root ::= a\na ::= b \"x\" | \"p\"\nb ::= c \"y\" | \"q\"\nc ::= a \"z\" | \"r\"", "wp",
           "wryx", "pr", "wpzyx", "wqxzyx", "npx", "pqxz");
    JUDGED("root ::= a root? \"x\" | \"y\"\na ::= \"b\"?", "wy", "wx", "wbx", "wyx", "wbyx", "wxx",
           "wbbyxx", "n+");
    /* Left recursion behind what recurs itself and can be empty. */
    JUDGED("root ::= n root \"x\" | \"y\"\nn ::= \"(\" n \")\" | \"\"", "wy", "wyx", "w()yx",
           "w(())()yxx", "p()", "n()x", "nyxy");
    JUDGED("root ::= root root | \"a\"", "wa", "waaaaaaaaaaaaaaaaaaaaaaaaaaaa", "nb");
    JUDGED("root ::= root root | \"a\" |", "w", "wa", "waaaaaaaaaaaaaaaaaaaaaaaaaaaa", "nb");
    /* Two ways of closing each bracket: the stacks must not double at every level. */
    JUDGED("root ::= \"(\" root \")\" \"x\" | \"(\" root \")\" \"y\" | \"1\"",
           "p((((((((((((((((((((((((((((((((1", "w(((1)x)y)x", "n((1)x)z");
}

static void refused(const char *source, HthStatus status, const char *sentence) {
    HthErr err = { 0 };
    HthGrammar *g = NULL;
    const HthStatus got = compile(&g, hth_str(source), &err);
    if (got != status || !strstr(err.text, sentence))
        fail_msg("%s: %s, '%s'", source, hth_status_name(got), err.text);
    assert_null(g);
}

static void what_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *source, *sentence;
    } bad[] = {
        { "", "no rule named root" },
        { "a ::= \"b\"", "no rule named root" },
        { "root ::= a", "line 1, column 10: this rule is nowhere defined" },
        { "root ::= \"a\"\nb ::= \"a", "line 2, column 9: here a character is missing" },
        { "root ::= [a", "column 12: here a character is missing" },
        { "root ::= []", "empty class" },
        { "root ::= [b-a]", "ends before it begins" },
        { "root ::= (\"a\"", "column 14: a group ends with )" },
        { "root ::= * \"a\"", "column 10: there is nothing to repeat" },
        { "root ::= \"a\"{", "a number is missing" },
        { "root ::= \"a\"{2,1}", "this count ends before it begins" },
        { "root ::= \"a\"{1", "a count ends with }" },
        { "root ::= \"a\"{99999999999}", "too large" },
        { "root ::= \"\\q\"", "this escape is not known" },
        { "root ::= \"\\x4\"", "more hexadecimal digits" },
        { "root ::= \"\\U00110000\"", "U+10FFFF" },
        { "root ::= \"\\ud800\"", "surrogate" },
        { "root ::= \"\xff\"", "not UTF-8" },
        { "root ::= \"a\" ) \"b\"", "cannot be read" },
        { "root = \"a\"", "followed by ::=" },
        { "root ::= \"a\"\nroot ::= \"b\"", "line 2, column 1: this rule is there already" },
        { "root ::= root \"a\"", "no text at all" },
        { "root ::= [\\ud800]", "no text at all" },
        { "root ::= <abc", "ends with >" },
        { "root ::= <\xff>", "not UTF-8" },
    };
    for (size_t i = 0; i < HTH_COUNT(bad); i++) refused(bad[i].source, HTH_EINVAL, bad[i].sentence);
    refused("root ::= <[12]>", HTH_ENOTSUP, "tokens by number");
    refused("root ::= !<a>", HTH_ENOTSUP, "any token but one");
    refused("root ::= \"a\"{99999999}", HTH_ELIMIT, "too large");
}

/* [ab]*a[ab]{20}: two million states when made deterministic. */
static void explosions(void **state) {
    (void)state;
    refused("root ::= [ab]* \"a\" [ab]{24}", HTH_ELIMIT, "too large");
    /* Few enough states, but too long in the making (gbnf_fuzz found it). */
    refused("root ::= [ab]* \"a\" [abc]* \"a\" [abc]{17}", HTH_ELIMIT, "too ambiguous");
    HthErr err;
    char deep[1024] = "root ::= ";
    memset(deep + strlen(deep), '(', 300);
    refused(deep, HTH_ELIMIT, "groups are nested too deeply");
    /* Brackets within brackets: the text is bounded, the grammar is not. */
    HthGrammar *g = NULL;
    HthMatcher *m = NULL;
    HthBuf out;
    hth_buf_init(&out, 100);
    /* A million million letters are a grammar of three times ten thousand calls. */
    assert_ok(compile(&g, HTH_STR("root ::= ((\"a\"{9999}){9999}){9999}"), &err), err);
    assert_ok(hth_matcher_open(&m, g, NULL, &err), err);
    assert_ok(hth_matcher_bytes(m, HTH_STR("aaaa"), &err), err);
    assert_status(hth_matcher_finish(m, &out, &err), HTH_ELIMIT, err);
    hth_matcher_close(&m);
    hth_grammar_close(&g);
    assert_ok(compile(&g, HTH_STR("root ::= \"[\" root \"]\" | \"1\""), &err), err);
    assert_ok(hth_matcher_open(&m, g, NULL, &err), err);
    static char open[HTH_GRAMMAR_DEPTH_MAX * 5];
    memset(open, '[', sizeof open);
    assert_status(hth_matcher_bytes(m, (HthStr){ open, sizeof open }, &err), HTH_ELIMIT, err);
    assert_ok(hth_matcher_bytes(m, (HthStr){ open, HTH_GRAMMAR_DEPTH_MAX }, &err), err);
    hth_matcher_close(&m);
    hth_grammar_close(&g);
}

static HthStatus whole_way(void *ctx) {
    (void)ctx;
    static const char source[] = "root ::= a (\",\" a){0,3} [^x-z\\u0400-\\u04ff]?\n"
                                 "a ::= a \"+\" b | b | <t>\nb ::= \"(\" a \")\" | [0-9]+";
    HthErr err;
    HthGrammar *g = NULL;
    HthMatcher *m = NULL;
    HthBuf out;
    hth_buf_init(&out, 1000);
    HthStatus status = compile(&g, hth_str(source), &err);
    if (status == HTH_OK) status = hth_matcher_open(&m, g, NULL, &err);
    if (status == HTH_OK) status = hth_matcher_bytes(m, HTH_STR("1+(2+((3"), &err);
    if (status == HTH_OK) status = hth_matcher_finish(m, &out, &err);
    if (status == HTH_OK) assert_string_equal(out.p, ")))");
    hth_buf_drop(&out);
    hth_matcher_close(&m);
    hth_grammar_close(&g);
    return status;
}

static void exhaustion(void **state) {
    (void)state;
    assert_true(test_torture(whole_way, NULL, 2000) > 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_accepted), cmocka_unit_test(recursion),
        cmocka_unit_test(what_is_refused),  cmocka_unit_test(explosions),
        cmocka_unit_test(exhaustion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
