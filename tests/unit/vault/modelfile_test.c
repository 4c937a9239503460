/* modelfile_test.c - Modelfiles in and out, settings and their types, whose template it is. */
#include "support/test.h"

#include "base/rng.h"
#include "vault/modelfile.h"
#include "vault/settings.h"

static json_t *parse_json(const char *text) {
    json_t *v = NULL;
    HthErr err;
    assert_ok(hth_json_parse(&v, hth_str(text), 1 << 20, &err), err);
    return v;
}

static void expect(const char *modelfile, const char *json) {
    HthErr err;
    json_t *got = NULL, *want = parse_json(json);
    assert_ok(hth_modelfile_parse(&got, hth_str(modelfile), &err), err);
    if (!json_equal(got, want)) fail_msg("%s: %s", modelfile, json_dumps(got, 0));
    HthBuf text;
    hth_buf_init(&text, 1 << 16);
    if (hth_modelfile_print(&text, got, &err) == HTH_OK) {
        json_t *again = NULL;
        assert_ok(hth_modelfile_parse(&again, hth_buf_str(&text), &err), err);
        if (!json_equal(got, again)) fail_msg("prints as %s", text.p);
        json_decref(again);
    }
    hth_buf_drop(&text);
    json_decref(got);
    json_decref(want);
}

static void reads(void **state) {
    (void)state;
    expect("FROM llama3.2", "{\"from\":\"llama3.2\"}");
    expect("\xef\xbb\xbf# c\n\n  from ./a b.gguf \r\n", "{\"from\":\"./a b.gguf\"}");
    expect("FROM x\nSYSTEM You are \"kind\" today", "{\"from\":\"x\",\"system\":\"You are "
                                                    "\\\"kind\\\" today\"}");
    expect("FROM x\nSYSTEM \"You\"", "{\"from\":\"x\",\"system\":\"You\"}");
    expect("FROM x\nSYSTEM \"two\nlines\"\n", "{\"from\":\"x\",\"system\":\"two\\nlines\"}");
    expect("FROM x\nSYSTEM \"\"\"\na \"b\"\n# no comment\n\"\"\"  \nREQUIRES 0.2.0",
           "{\"from\":\"x\",\"system\":\"\\na \\\"b\\\"\\n# no comment\\n\",\"requires\":"
           "\"0.2.0\"}");
    expect("FROM x\nPARAMETER temperature 0.7\nparameter num_ctx 4096\nPARAMETER use_mmap TRUE\n"
           "PARAMETER stop \"</s>\"\nPARAMETER stop USER:\nPARAMETER temperature 1",
           "{\"from\":\"x\",\"parameters\":{\"temperature\":1.0,\"num_ctx\":4096,\"use_mmap\":true,"
           "\"stop\":[\"</s>\",\"USER:\"]}}");
    expect(
        "FROM x\nMESSAGE user hello\nMESSAGE assistant \"\"\"hi\nthere\"\"\"\nMESSAGE system \"\"",
        "{\"from\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"},{\"role\":"
        "\"assistant\",\"content\":\"hi\\nthere\"},{\"role\":\"system\",\"content\":\"\"}]}");
    expect("FROM x\nLICENSE MIT\nLICENSE \"\"\"and\nmore\"\"\"\nADAPTER a.gguf\nTEMPLATE {{ "
           ".Prompt }}",
           "{\"from\":\"x\",\"license\":[\"MIT\",\"and\\nmore\"],\"adapter\":\"a.gguf\","
           "\"template\":\"{{ .Prompt }}\"}");
    expect("FROM x\nFROM y", "{\"from\":\"y\"}");
}

static void refuses(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        { "", "no FROM" },
        { "# nothing\n", "no FROM" },
        { "SYSTEM x", "no FROM" },
        { "FROM", "line 1" },
        { "FROM ", "value is missing" },
        { "FROM x\nFRO y", "line 2" },
        { "FROM x\nRUN rm", "line 2" },
        { "FROM x\n\n\nSYSTEM \"\"\"never\nclosed", "line 4: the quotation mark" },
        { "FROM x\nSYSTEM \"a\" b\n", "after the closing" },
        { "FROM x\nSYSTEM \"\"\"a\"\"\" b\n", "after the closing" },
        { "FROM x\nPARAMETER", "line 2" },
        { "FROM x\nPARAMETER temperature", "line 2" },
        { "FROM x\nPARAMETER temperature hot", "temperature must be a number" },
        { "FROM x\nPARAMETER num_ctx 4096.5", "num_ctx must be a whole number" },
        { "FROM x\nPARAMETER use_mmap maybe", "use_mmap must be true or false" },
        { "FROM x\nPARAMETER warmth 1", "no parameter 'warmth'" },
        { "FROM x\nMESSAGE tool x", "role" },
        { "FROM x\nSYSTEM \xff", "UTF-8" },
        { "FROM x\nPARAMETER stop \xff", "stop must be" },
        { "FROM x\nMESSAGE user \xff", "UTF-8" },
        { "FROM x\nLICENSE \xff", "UTF-8" },
    };
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        HthErr err = { 0 };
        json_t *got = NULL;
        const HthStatus status = hth_modelfile_parse(&got, hth_str(rows[i].text), &err);
        if (status != HTH_EFORMAT && status != HTH_EINVAL) fail_msg("row %zu: %d", i, status);
        if (!strstr(err.text, rows[i].says)) fail_msg("row %zu: %s", i, err.text);
        assert_null(got);
    }
    HthErr err;
    json_t *got = NULL;
    char *long_text = hth_calloc(1, HTH_MODELFILE_MAX + 1);
    assert_status(hth_modelfile_parse(&got, (HthStr){ long_text, HTH_MODELFILE_MAX + 1 }, &err),
                  HTH_ELIMIT, err);
    hth_free(long_text);
}

static void shows_parameters(void **state) {
    (void)state;
    json_t *p = parse_json("{\"num_keep\":24,\"temperature\":0.1,\"top_p\":1.0,\"use_mmap\":false,"
                           "\"stop\":[\"<|end|>\",\"a\\\"b\"],\"min_p\":1e-20}");
    HthBuf b;
    HthErr err;
    hth_buf_init(&b, 4096);
    assert_ok(hth_parameters_print(&b, p, &err), err);
    assert_string_equal(b.p, "num_keep                       24\n"
                             "temperature                    0.1\n"
                             "top_p                          1.0\n"
                             "use_mmap                       false\n"
                             "stop                           \"<|end|>\"\n"
                             "stop                           \"a\\\"b\"\n"
                             "min_p                          1e-20");
    hth_buf_drop(&b);
    hth_buf_init(&b, 4096);
    assert_ok(hth_parameters_print(&b, NULL, &err), err);
    assert_int_equal(b.n, 0);
    hth_buf_drop(&b);
    json_decref(p);
}

/* Settings of random texts print to Modelfiles that read back the same, or are refused. */
static void random_settings(void **state) {
    (void)state;
    static const char *const bits[] = { "\"", "\"\"", "\n",       " ",  "#", "a",   "FROM",
                                        "\t", "\r\n", "\xc3\xa4", "\\", "'", "x\"y" };
    uint32_t printed = 0;
    for (uint64_t seed = 0; seed < 3000; seed++) {
        HthErr err;
        HthBuf text;
        hth_buf_init(&text, 256);
        const uint32_t n = 1 + hth_rng_below(seed, 0, 0, 5);
        for (uint32_t i = 0; i < n; i++)
            assert_ok(hth_buf_add_str(&text, hth_str(bits[hth_rng_below(seed, 1, i, 13)]), &err),
                      err);
        json_t *s = json_pack("{s:s, s:s%, s:[{s:s, s:s%}], s:{s:[s%]}}", "from", "x", "system",
                              text.p, text.n, "messages", "role", "user", "content", text.p, text.n,
                              "parameters", "stop", text.p, text.n);
        assert_non_null(s);
        HthBuf file;
        hth_buf_init(&file, 4096);
        if (hth_modelfile_print(&file, s, &err) == HTH_OK) {
            json_t *again = NULL;
            assert_ok(hth_modelfile_parse(&again, hth_buf_str(&file), &err), err);
            if (!json_equal(s, again)) fail_msg("seed %d: %s", (int)seed, file.p);
            json_decref(again);
            printed++;
        } else {
            assert_int_equal(err.status, HTH_EINVAL);
            assert_int_equal(file.n, 0);
        }
        hth_buf_drop(&file);
        hth_buf_drop(&text);
        json_decref(s);
    }
    assert_true(printed > 1000);
}

static void settings(void **state) {
    (void)state;
    static const char *const good[] = {
        "{}",
        "{\"unknown\":1,\"parameters\":{\"num_ctx\":4096.0,\"temperature\":1,\"stop\":\"x\"}}",
        "{\"license\":[\"a\",\"b\"],\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}",
    };
    static const char *const bad[] = {
        "[]",
        "{\"system\":1}",
        "{\"from\":null}",
        "{\"license\":\"MIT\"}",
        "{\"license\":[1]}",
        "{\"parameters\":[]}",
        "{\"parameters\":{\"heat\":1}}",
        "{\"parameters\":{\"num_ctx\":1.5}}",
        "{\"parameters\":{\"num_ctx\":1e300}}",
        "{\"parameters\":{\"num_ctx\":\"1\"}}",
        "{\"parameters\":{\"stop\":[1]}}",
        "{\"parameters\":{\"use_mmap\":1}}",
        "{\"messages\":{}}",
        "{\"messages\":[1]}",
        "{\"messages\":[{\"role\":\"tool\",\"content\":\"\"}]}",
        "{\"messages\":[{\"role\":\"user\"}]}",
    };
    HthErr err;
    for (size_t i = 0; i < HTH_COUNT(good); i++) {
        json_t *v = parse_json(good[i]);
        assert_ok(hth_settings_check(v, &err), err);
        json_decref(v);
    }
    for (size_t i = 0; i < HTH_COUNT(bad); i++) {
        json_t *v = parse_json(bad[i]);
        assert_status(hth_settings_check(v, &err), HTH_EINVAL, err);
        json_decref(v);
    }
    json_t *base =
        parse_json("{\"from\":\"x\",\"system\":\"a\",\"parameters\":{\"seed\":1,\"top_k\":2}}");
    json_t *over = parse_json("{\"system\":\"b\",\"parameters\":{\"seed\":3},\"license\":[\"l\"]}");
    json_t *want = parse_json(
        "{\"system\":\"b\",\"parameters\":{\"seed\":3,\"top_k\":2},\"license\":[\"l\"]}");
    json_t *got = hth_settings_over(base, over);
    assert_true(json_equal(got, want));
    json_decref(got);
    got = hth_settings_over(NULL, NULL);
    assert_int_equal(json_object_size(got), 0);
    json_decref(got);
    json_decref(base);
    json_decref(over);
    json_decref(want);
}

static void templates(void **state) {
    (void)state;
    static const char *const go[] = {
        "{{ .Prompt }}",
        "{{- range .Messages }}<|{{ .Role }}|>{{ end }}",
        "text {{ if .System }}x{{ end }}",
        "{{ $last := 1 }}",
        "{{- if and (eq 1 1) }}",
    };
    static const char *const jinja[] = {
        "{% for m in messages %}{{ m.content }}{% endfor %}",
        "{{ messages[0].content }}",
        "{{- bos_token }}",
        "{{ raise_exception('x') }}",
        "no braces",
    };
    assert_int_equal(hth_template_kind(HTH_STR("")), HTH_TEMPLATE_NONE);
    for (size_t i = 0; i < HTH_COUNT(go); i++)
        assert_int_equal(hth_template_kind(hth_str(go[i])), HTH_TEMPLATE_GO);
    for (size_t i = 0; i < HTH_COUNT(jinja); i++)
        assert_int_equal(hth_template_kind(hth_str(jinja[i])), HTH_TEMPLATE_JINJA);
}

static HthStatus there_and_back(void *ctx) {
    static const char text[] = "FROM x\nLICENSE MIT\nSYSTEM \"\"\"a\nb\"\"\"\nPARAMETER stop a\n"
                               "PARAMETER seed 1\nMESSAGE user b\nPARAMETER top_p 0.5";
    json_t *s = NULL, *o = NULL;
    HthBuf b;
    HthErr err;
    hth_buf_init(&b, 4096);
    HthStatus status = hth_modelfile_parse(&s, hth_str(text), &err);
    if (status == HTH_OK) status = hth_modelfile_print(&b, s, &err);
    if (status == HTH_OK && !(o = hth_settings_over(s, s))) status = HTH_ENOMEM;
    json_decref(s);
    json_decref(o);
    hth_buf_drop(&b);
    (void)ctx;
    return status;
}

static void memory_runs_out(void **state) {
    (void)state;
    assert_true(test_torture(there_and_back, NULL, 2000) > 20);
}

int main(void) {
    hth_json_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),           cmocka_unit_test(refuses),
        cmocka_unit_test(random_settings), cmocka_unit_test(shows_parameters),
        cmocka_unit_test(settings),        cmocka_unit_test(templates),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
