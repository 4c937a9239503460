/* prove_test.c - the cage against every way out, and against the lack of any one of its rules. */
#include "support/cage.h"

#include <errno.h>
#include <sys/wait.h>

#include "cage/cage_int.h"

static HthCageProof proof;
static HthErr err;

static void show(const HthCageProof *p) {
    char rule[48], fact[48];
    for (uint32_t i = 0; i < p->count; i++) {
        const HthCageTry *t = &p->tries[i];
        if (t->rule == t->want && t->fact == t->want) continue;
        hth_cage_answer(rule, sizeof rule, t->rule);
        hth_cage_answer(fact, sizeof fact, t->fact);
        print_message("%s: by rule %s, in fact %s\n", t->name, rule, fact);
    }
}

static void test_nothing_gets_out(void **state) {
    (void)state;
    for (int kind = 0; kind < HTH_CAGE_KINDS; kind++) {
        const HthCageCfg cfg = { .kind = (HthCageKind)kind };
        assert_ok(hth_cage_prove(&cfg, &proof, &err), err);
        show(&proof);
        assert_true(hth_cage_held(&proof));
        assert_true(proof.count >= 25);
        assert_true(proof.state.kind == cfg.kind && proof.state.rules >= 25);
        print_message("%s: %u of %u denied; namespace %d, Landlock %d\n",
                      hth_cage_kind_name(cfg.kind), proof.denied, proof.count,
                      proof.state.namespace, proof.state.landlock_abi);
    }
}

/* Rules that stop what does not exist here anyway. */
static bool cannot_be_seen(uint32_t rule) {
    enum { ARCHITECTURES, YOUNGER };
#if !defined(__x86_64__)
    if (rule == ARCHITECTURES) return true; /* no call of another one can be made */
#endif
    return rule == YOUNGER && syscall(HTH_CAGE_LAST_CALL + 1, -1) < 0 && errno == ENOSYS;
}

/* Every rule is needed: without it the proof fails, and by a try of its own. */
static void test_each_rule_is_missed(void **state) {
    (void)state;
    for (int k = 0; k < HTH_CAGE_KINDS; k++) {
        const HthCageCfg cfg = { .kind = (HthCageKind)k };
        const uint32_t count = hth_cage_rule_count(cfg.kind);
        uint32_t missed = 0, passed_over = 0;
        assert_ok(hth_cage_prove(&cfg, &proof, &err), err);
        assert_true(hth_cage_held(&proof)); /* with all of them */
        for (uint32_t i = 0; i < count; i++) {
            if (cannot_be_seen(i)) {
                passed_over++;
                continue;
            }
            assert_ok(hth_cage_prove_but(&cfg, (int)i, &proof, &err), err);
            if (hth_cage_held(&proof))
                fail_msg("%s: nothing notices that '%s' is missing", hth_cage_kind_name(cfg.kind),
                         hth_cage_rule_name(cfg.kind, i));
            missed++;
        }
        print_message("%s: %u of %u mutants found, %u cannot be told apart here\n",
                      hth_cage_kind_name(cfg.kind), missed, count, passed_over);
        assert_true(passed_over <= 2 && missed + passed_over == count);
    }
}

/* The proof as text, twice the same. */
static void test_text(void **state) {
    (void)state;
    const HthCageCfg cfg = { .kind = HTH_CAGE_ENGINE };
    HthBuf text[2];
    for (int i = 0; i < 2; i++) {
        hth_buf_init(&text[i], 1 << 16);
        assert_ok(hth_cage_prove(&cfg, &proof, &err), err);
        assert_ok(hth_cage_proof_text(&proof, &text[i], &err), err);
    }
    assert_string_equal(text[0].p, text[1].p);
    assert_non_null(strstr(text[0].p, "new TCP socket\tdenied (EPERM)\tdenied (EPERM)\n"));
    assert_non_null(strstr(text[0].p, "silent yes\n"));
    HthBuf small;
    hth_buf_init(&small, 100);
    assert_status(hth_cage_proof_text(&proof, &small, &err), HTH_ELIMIT, err);
    hth_buf_drop(&small);
    for (int i = 0; i < 2; i++) hth_buf_drop(&text[i]);
}

static void test_answers_in_words(void **state) {
    (void)state;
    char s[48];
    hth_cage_answer(s, sizeof s, 0);
    assert_string_equal(s, "LET THROUGH");
    hth_cage_answer(s, sizeof s, ENOSYS);
    assert_string_equal(s, "denied (ENOSYS)");
    hth_cage_answer(s, sizeof s, -31);
    assert_string_equal(s, "killed (SIGSYS)");
    hth_cage_answer(s, sizeof s, 4000);
    assert_string_equal(s, "denied (?)");
}

int main(void) {
    cage_or_exit();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_gets_out),
        cmocka_unit_test(test_each_rule_is_missed),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_answers_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
