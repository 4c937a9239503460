/* advice_test.c - sampling parameters a model file advises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gguf/gguf_write.h"
#include "run/sample.h"

typedef HthStatus AddFn(HthGgufOut *o, HthErr *err);

static HthStatus advise(AddFn *add, HthSampleParams *params, HthErr *err) {
    char path[] = "/tmp/hearth-advice-XXXXXX";
    HthGgufOut *o = NULL;
    HthGguf *g = NULL;
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(hth_gguf_out_open(&o, path, err), HTH_OK);
    assert_int_equal(hth_gguf_out_str(o, "general.architecture", HTH_STR("llama"), err), HTH_OK);
    assert_int_equal(add(o, err), HTH_OK);
    assert_int_equal(hth_gguf_out_commit(&o, err), HTH_OK);
    assert_int_equal(hth_gguf_open(&g, path, err), HTH_OK);
    hth_sample_defaults(params);
    HthStatus status = hth_sample_advice(params, g, err);
    hth_gguf_close(&g);
    unlink(path);
    return status;
}

static HthStatus nothing(HthGgufOut *o, HthErr *err) {
    (void)o;
    (void)err;
    return HTH_OK;
}
static HthStatus good(HthGgufOut *o, HthErr *err) {
    HTH_TRY(hth_gguf_out_f32(o, "general.sampling.temp", 0.3f, err));
    HTH_TRY(hth_gguf_out_u32(o, "general.sampling.top_k", 7, err));
    return hth_gguf_out_f32(o, "general.sampling.penalty_repeat", 1.125f, err);
}
static HthStatus words(HthGgufOut *o, HthErr *err) {
    HTH_TRY(hth_gguf_out_u32(o, "general.sampling.top_k", 7, err));
    return hth_gguf_out_str(o, "general.sampling.temp", HTH_STR("hot"), err);
}
static HthStatus out_of_range(HthGgufOut *o, HthErr *err) {
    return hth_gguf_out_f32(o, "general.sampling.top_p", 7.0f, err);
}

static void advice_is_taken(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthSampleParams usual, p;
    hth_sample_defaults(&usual);
    assert_int_equal(advise(nothing, &p, &err), HTH_OK);
    assert_memory_equal(&p.temperature, &usual.temperature, sizeof p.temperature);
    assert_int_equal(advise(good, &p, &err), HTH_OK);
    assert_true(p.temperature == 0.3f && p.top_k == 7 && p.repeat_penalty == 1.125f);
    assert_true(p.top_p == usual.top_p);
}

static void nonsense_is_named_and_not_followed(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthSampleParams usual, p;
    hth_sample_defaults(&usual);
    assert_int_equal(advise(words, &p, &err), HTH_EFORMAT);
    assert_non_null(strstr(err.text, "general.sampling.temp"));
    assert_true(p.top_k == usual.top_k); /* none of it */
    assert_int_equal(advise(out_of_range, &p, &err), HTH_EFORMAT);
    assert_non_null(strstr(err.text, "general.sampling.top_p"));
    assert_true(p.top_p == usual.top_p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(advice_is_taken),
        cmocka_unit_test(nonsense_is_named_and_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
