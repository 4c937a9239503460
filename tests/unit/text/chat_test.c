/* chat_test.c - opening, rendering and closing templates; what the caller passes in. */
#include "support/test.h"

#include "support/render.h"

static void test_renders_variables(void **state) {
    static const char vars[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"A?\"}],"
                               "\"bos_token\":\"<s>\",\"add_generation_prompt\":true}";
    static const char source[] =
        "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}\n{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>{% endif %}";
    HthErr err = { 0 };
    HthBuf out;
    (void)state;
    hth_buf_init(&out, 1000);
    assert_ok(hth_buf_add_str(&out, HTH_STR("before "), &err), err);
    assert_ok(render(source, sizeof source - 1, vars, NULL, &out, &err), err);
    assert_string_equal(out.p, "before <s><|user|>\nA?\n<|assistant|>");
    hth_buf_drop(&out);
}

static void test_raised(void **state) {
    HthErr err = { 0 };
    HthBuf out;
    (void)state;
    hth_buf_init(&out, 1000);
    const char source[] = "x{{ raise_exception('roles must alternate') }}";
    assert_status(render(source, sizeof source - 1, "{}", NULL, &out, &err), HTH_EINVAL, err);
    assert_string_equal(err.text, "template raised: roles must alternate");
    assert_int_equal(out.n, 0);
    hth_buf_drop(&out);
}

static void test_refuses_sources(void **state) {
    HthErr err = { 0 };
    HthTemplate *t = NULL;
    (void)state;
    assert_status(hth_template_open(&t, (HthStr){ "\xFF", 1 }, &err), HTH_EFORMAT, err);
    char *big = hth_calloc(((size_t)1 << 20) + 1, 1);
    memset(big, 'x', ((size_t)1 << 20) + 1);
    assert_status(hth_template_open(&t, (HthStr){ big, ((size_t)1 << 20) + 1 }, &err), HTH_ELIMIT,
                  err);
    assert_null(t);
    assert_ok(hth_template_open(&t, (HthStr){ big, (size_t)1 << 20 }, &err), err);
    hth_template_close(&t);
    assert_null(t);
    hth_template_close(&t);
    hth_free(big);
}

static void test_refuses_variables(void **state) {
    HthErr err = { 0 };
    HthBuf out;
    HthTemplate *t = NULL;
    json_t *list = json_array(), *object = json_object();
    (void)state;
    hth_buf_init(&out, 3);
    assert_ok(hth_template_open(&t, HTH_STR("four"), &err), err);
    assert_status(hth_template_render(t, list, 0, NULL, &out, &err), HTH_EINVAL, err);
    assert_status(hth_template_render(t, NULL, 0, NULL, &out, &err), HTH_EINVAL, err);
    assert_status(hth_template_render(t, object, 0, NULL, &out, &err), HTH_ELIMIT, err);
    HthTemplateLimits deep = { .depth_max = 100000 };
    assert_status(hth_template_render(t, object, 0, &deep, &out, &err), HTH_EINVAL, err);
    assert_int_equal(out.n, 0);
    hth_template_close(&t);
    hth_buf_drop(&out);
    json_decref(list);
    json_decref(object);
}

/* Rendering must not change what was passed in, nor depend on an earlier render. */
static void test_is_pure(void **state) {
    HthErr err = { 0 };
    HthTemplate *t = NULL;
    json_t *vars = NULL;
    (void)state;
    assert_ok(hth_json_parse(&vars, HTH_STR("{\"l\":[1],\"d\":{\"a\":[2]}}"), 1000, &err), err);
    json_t *before = json_deep_copy(vars);
    assert_ok(hth_template_open(&t,
                                HTH_STR("{% set _ = l.append(2) %}{% set _ = d.pop('a') %}"
                                        "{{ l }}{{ d }}"),
                                &err),
              err);
    for (int i = 0; i < 3; i++) {
        HthBuf out;
        hth_buf_init(&out, 1000);
        assert_ok(hth_template_render(t, vars, 0, NULL, &out, &err), err);
        assert_string_equal(out.p, "[1, 2]{}");
        hth_buf_drop(&out);
    }
    assert_true(json_equal(before, vars));
    hth_template_close(&t);
    json_decref(vars);
    json_decref(before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_renders_variables), cmocka_unit_test(test_raised),
        cmocka_unit_test(test_refuses_sources),   cmocka_unit_test(test_refuses_variables),
        cmocka_unit_test(test_is_pure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
