/* arch_test.c - every architecture table is whole: what later files rely on without asking.
 *
 * Thread: one. */
#include "support/test.h"

#include "model/arch.h"

static bool has(const HthArch *a, HthSlot slot) {
    for (const HthArchWeight *w = a->weights; w->slot != HTH_W_NONE; w++)
        if (w->slot == slot) return true;
    return false;
}

static void check_ops(const HthArch *a, const HthArchOp *ops, bool set[HTH_R_COUNT]) {
    uint32_t n = 0;
    for (; ops->op != HTH_OP_END; ops++, n++) {
        const HthOpInfo *info = hth_op_info(ops->op);
        const HthReg regs[3] = { ops->a, ops->b, ops->c };
        for (int i = 0; i < 3; i++)
            if (i < info->reads)
                assert_true(set[regs[i]]); /* set before it is read */
            else
                assert_int_equal(regs[i], HTH_R_NONE);
        assert_int_equal(ops->w != HTH_W_NONE, info->weight);
        if (info->weight) assert_true(has(a, ops->w));
        set[ops->dst] = true;
    }
    assert_true(n > 0 && n < 64);
}

static void check_arch(const HthArch *a) {
    bool set[HTH_R_COUNT] = { false }, seen[HTH_W_COUNT] = { false };
    check_ops(a, a->head, set);
    check_ops(a, a->layer, set);
    check_ops(a, a->layer, set); /* the second layer finds what it needs too */
    check_ops(a, a->tail, set);
    assert_true(set[HTH_R_LOGITS]);
    for (const HthArchWeight *w = a->weights; w->slot != HTH_W_NONE; w++) {
        assert_false(seen[w->slot]); /* each slot once */
        if (w->or_slot) assert_true(seen[w->or_slot]); /* the fallback comes first */
        seen[w->slot] = true;
        assert_true(strlen(w->name) < 64);
        const char *suffix = hth_slot_suffix(w->slot); /* "" where the name is all there is */
        if (strcmp(suffix, ".weight") != 0) assert_int_equal(w->cols[0], 0);
        const bool one = w->rows[0] == offsetof(HthShape, one);
        if (strcmp(suffix, ".scale") == 0 && one) assert_true(w->optional);
    }
    for (const HthArchParam *p = a->params; p->key; p++)
        assert_true(strlen(p->key) < 64 && p->field < sizeof(HthShape));
}

static void tables_are_whole(void **state) {
    (void)state;
    for (size_t i = 0; hth_arch_at(i); i++) {
        const HthArch *a = hth_arch_at(i);
        assert_ptr_equal(hth_arch_find(a->name), a);
        check_arch(a);
        if (!a->experts) continue;
        assert_string_equal(a->experts->name, a->name);
        assert_true(a->experts->gate && !a->gate && !a->experts->experts);
        assert_int_equal(a->experts->rope_neox, a->rope_neox);
        check_arch(a->experts);
    }
}

static void slots_have_names(void **state) {
    (void)state;
    for (int s = 0; s < HTH_W_COUNT; s++) {
        assert_non_null(hth_slot_name((HthSlot)s));
        for (int other = 0; other < s; other++)
            assert_string_not_equal(hth_slot_name((HthSlot)s), hth_slot_name((HthSlot)other));
    }
    assert_string_equal(hth_slot_suffix(HTH_W_ATTN_Q), ".weight");
    assert_string_equal(hth_slot_suffix(HTH_W_ATTN_Q_B), ".bias");
    assert_string_equal(hth_slot_suffix(HTH_W_ATTN_Q_S), ".scale");
}

static void unknown_is_null(void **state) {
    (void)state;
    assert_null(hth_arch_find("no such thing"));
    assert_null(hth_arch_find(""));
    assert_null(hth_arch_at(1000));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_whole),
        cmocka_unit_test(slots_have_names),
        cmocka_unit_test(unknown_is_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
