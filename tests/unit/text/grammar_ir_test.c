/* grammar_ir_test.c - pieces: said twice they are one; what failed is passed on; ceilings. */
#include "support/test.h"

#include "text/grammar_int.h"

static void said_twice(void **state) {
    (void)state;
    HthIr *ir = NULL;
    HthErr err;
    assert_ok(hth_ir_open(&ir, &err), err);
    const HthNode a = hth_ir_bytes(ir, HTH_STR("ab")), b = hth_ir_bytes(ir, HTH_STR("a"));
    assert_int_equal(a, hth_ir_bytes(ir, HTH_STR("ab")));
    assert_int_not_equal(a, b);
    const HthNode both[2] = { a, b }, turned[2] = { b, a };
    const HthNode seq = hth_ir_seq(ir, both, 2);
    assert_int_equal(seq, hth_ir_seq(ir, both, 2));
    assert_int_not_equal(seq, hth_ir_seq(ir, turned, 2));
    assert_int_not_equal(seq, hth_ir_alt(ir, both, 2));
    assert_int_equal(hth_ir_seq(ir, &a, 1), a);
    assert_int_equal(hth_ir_alt(ir, &a, 1), a);
    assert_int_equal(hth_ir_repeat(ir, a, 1, 1), a);
    assert_int_equal(hth_ir_repeat(ir, a, 2, 3), hth_ir_repeat(ir, a, 2, 3));
    assert_int_not_equal(hth_ir_repeat(ir, a, 2, 3), hth_ir_repeat(ir, a, 2, HTH_MANY));
    assert_int_equal(hth_ir_repeat(ir, a, 0, 0), hth_ir_bytes(ir, HTH_STR("")));
    assert_int_equal(hth_ir_repeat(ir, a, 3, 2), hth_ir_alt(ir, NULL, 0));
    assert_int_not_equal(hth_ir_rule(ir), hth_ir_rule(ir));
    uint32_t next[2] = { 0, 0 };
    uint8_t accept[2] = { 0, 1 };
    HthByteDfa dfa = { .state_count = 2, .class_count = 1, .next = next, .accept = accept };
    const HthNode d = hth_ir_dfa(ir, &dfa);
    assert_int_equal(d, hth_ir_dfa(ir, &dfa));
    accept[1] = 0;
    assert_int_not_equal(d, hth_ir_dfa(ir, &dfa));
    dfa.state_count = 1;
    assert_int_equal(hth_ir_dfa(ir, &dfa), hth_ir_alt(ir, NULL, 0));
    HthMember member = { a, b, true };
    HthMembers m = { &member, 1, HTH_NODE_NONE, HTH_NODE_NONE, b, 0, HTH_MANY };
    const HthNode members = hth_ir_members(ir, &m);
    assert_int_equal(members, hth_ir_members(ir, &m));
    member.required = false;
    assert_int_not_equal(members, hth_ir_members(ir, &m));
    assert_ok(hth_ir_status(ir, &err), err);
    hth_ir_close(&ir);
    hth_ir_close(&ir);
}

static void too_deep(void **state) {
    (void)state;
    HthIr *ir = NULL;
    HthErr err;
    assert_ok(hth_ir_open(&ir, &err), err);
    HthNode at = hth_ir_bytes(ir, HTH_STR("a"));
    for (int i = 0; i < 900; i++) at = hth_ir_repeat(ir, at, 0, 2);
    assert_ok(hth_ir_status(ir, &err), err);
    for (int i = 0; i < 200; i++) at = hth_ir_repeat(ir, at, 0, 2);
    assert_int_equal(at, HTH_NODE_NONE);
    assert_int_equal(hth_ir_bytes(ir, HTH_STR("a")), HTH_NODE_NONE); /* from now on */
    HthMember member = { at, at, false };
    const HthMembers m = { &member, 1, HTH_NODE_NONE, HTH_NODE_NONE, at, 0, 1 };
    assert_int_equal(hth_ir_members(ir, &m), HTH_NODE_NONE);
    hth_ir_define(ir, hth_ir_rule(ir), at);
    assert_status(hth_ir_status(ir, &err), HTH_ELIMIT, err);
    HthGrammar *g = NULL;
    assert_status(hth_grammar_open(&g, ir, 0, &err), HTH_ELIMIT, err);
    hth_ir_close(&ir);
}

static void what_cannot_be(void **state) {
    (void)state;
    static const char *const sentences[] = { "used and not defined", "no text at all",
                                             "can be empty", "recurs" };
    for (int i = 0; i < 4; i++) {
        HthIr *ir = NULL;
        HthGrammar *g = NULL;
        HthErr err;
        assert_ok(hth_ir_open(&ir, &err), err);
        const HthNode a = hth_ir_bytes(ir, HTH_STR("a")), rule = hth_ir_rule(ir);
        const HthNode nested[2] = { a, rule };
        hth_ir_define(ir, rule, i == 0 ? HTH_NODE_NONE : hth_ir_seq(ir, nested, 2));
        HthMember member = { i == 2 ? hth_ir_repeat(ir, a, 0, 2) : rule, a, false };
        const HthMembers m = { &member, 1, HTH_NODE_NONE, HTH_NODE_NONE, a, 0, 1 };
        const HthNode root = i < 2 ? rule : hth_ir_members(ir, &m);
        assert_status(hth_grammar_open(&g, ir, root, &err), HTH_EINVAL, err);
        if (!strstr(err.text, sentences[i])) fail_msg("%s", err.text);
        hth_ir_close(&ir);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(said_twice),
        cmocka_unit_test(too_deep),
        cmocka_unit_test(what_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
