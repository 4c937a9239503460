/* speed_test.c - every distinct product of a recipe is measured once; no figure is asserted. */
#include <math.h>

#include "tiny_train.h"

static uint32_t seen;

static void count(void *payload, const HthTrainSpeed *s) {
    (void)payload;
    seen++;
    assert_non_null(s->kind);
    assert_true(s->m && s->n && s->k);
    assert_true(isfinite(s->flops_per_s) && s->flops_per_s > 0 && s->peak > 0);
}

static void each_shape_once(void **state) {
    (void)state;
    Tiny t;
    HthErr err = { 0 };
    tiny_open(&t);
    if (hth_train_speed(&t.cfg, 1, count, NULL, &err) != HTH_OK) fail_msg("%s", err.text);
    /* embedding 320x32, q and o 32x32, k and v 16x32, gate and up 64x32, down 32x64 */
    assert_int_equal(seen, 15);
    t.cfg.recipe = "/nowhere";
    assert_int_equal(hth_train_speed(&t.cfg, 1, count, NULL, &err), HTH_EIO);
    tiny_close(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_shape_once) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
