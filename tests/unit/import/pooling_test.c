/* pooling_test.c - how rows become one vector: what modules.json and the folders it names say. */
#include "support/test.h"

#include <sys/stat.h>

#include "import/pooling.h"
#include "support/folder.h"
#include "support/hf_build.h"

#define MODULE(path, kind) "{\"path\": \"" path "\", \"type\": \"a.b." kind "\"}"
#define MODULES                                                                                    \
    "[" MODULE("", "Transformer") "," MODULE("1_Pooling", "Pooling") "," MODULE("", "Normalize") "]"

static void modules(void **state) {
    (void)state;
    static const struct {
        const char *text;
        HthStatus status;
        const char *words; /* the path, or of the sentence */
    } cases[] = {
        { MODULES, HTH_OK, "1_Pooling" },
        { "[" MODULE("", "Transformer") "]", HTH_OK, "" },
        { "[]", HTH_OK, "" },
        { "[{\"path\": \"x\", \"type\": \"Pooling\"}]", HTH_OK, "x" },
        { "{}", HTH_EFORMAT, "no list" },
        { "[3]", HTH_ENOTSUP, "module 0" },
        { "[" MODULE("2", "Dense") "]", HTH_ENOTSUP, "'Dense'" },
        { "[" MODULE("1", "Pooling") "," MODULE("2", "Pooling") "]", HTH_ENOTSUP, "twice" },
        { "[" MODULE("", "Pooling") "]", HTH_EFORMAT, "no path" },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        HthErr err = { 0 };
        HthStr path;
        json_t *v = hf_json(cases[i].text);
        assert_status(hth_import_pooling_in(v, &path, &err), cases[i].status, err);
        if (cases[i].status == HTH_OK)
            assert_true(hth_str_eq(path, hth_str(cases[i].words)));
        else if (strstr(err.text, cases[i].words) == NULL)
            fail_msg("case %zu: '%s' does not say '%s'", i, err.text, cases[i].words);
        json_decref(v);
    }
}

static void ways(void **state) {
    (void)state;
    static const struct {
        const char *text;
        HthStatus status;
        uint32_t is;
        const char *words;
    } cases[] = {
        { "{\"pooling_mode_mean_tokens\": true, \"pooling_mode_cls_token\": false}", HTH_OK,
          HTH_IMPORT_MEAN, "" },
        { "{\"pooling_mode_cls_token\": true, \"word_embedding_dimension\": 8}", HTH_OK,
          HTH_IMPORT_FIRST, "" },
        { "{\"pooling_mode_lasttoken\": true, \"include_prompt\": true}", HTH_OK, HTH_IMPORT_LAST,
          "" },
        { "{\"pooling_mode\": \"mean\"}", HTH_OK, HTH_IMPORT_MEAN, "" },
        { "{\"pooling_mode\": \"cls\", \"pooling_mode_mean_tokens\": true}", HTH_OK,
          HTH_IMPORT_FIRST, "" },
        { "{\"pooling_mode\": \"max\"}", HTH_ENOTSUP, 0, "'max'" },
        { "{\"pooling_mode\": \"best\"}", HTH_ENOTSUP, 0, "0 ways" },
        { "{\"pooling_mode_weightedmean_tokens\": true}", HTH_ENOTSUP, 0, "'weightedmean'" },
        { "{\"pooling_mode_mean_tokens\": true, \"pooling_mode_cls_token\": true}", HTH_ENOTSUP, 0,
          "2 ways" },
        { "{}", HTH_ENOTSUP, 0, "0 ways" },
        { "{\"pooling_mode\": \"mean\", \"word_embedding_dimension\": 9}", HTH_EFORMAT, 0, "9" },
        { "{\"pooling_mode\": \"mean\", \"include_prompt\": false}", HTH_ENOTSUP, 0, "prompts" },
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        HthErr err = { 0 };
        uint32_t is = 77;
        json_t *v = hf_json(cases[i].text);
        assert_status(hth_import_pooling_of(v, 8, &is, &err), cases[i].status, err);
        if (cases[i].status == HTH_OK) assert_int_equal(is, cases[i].is);
        if (strstr(err.text, cases[i].words) == NULL)
            fail_msg("case %zu: '%s' does not say '%s'", i, err.text, cases[i].words);
        json_decref(v);
    }
}

/* ---- folders ---- */

static HthStatus read_it(HthConfig *c, const char *architecture, HthErr *err) {
    HthImportFolder f;
    *c = (HthConfig){ .family = hth_family_find(hth_str(architecture)), .n_embd = 8 };
    HTH_TRY(hth_import_folder(&f, test_folder, err));
    return hth_import_pooling(c, &f, err);
}

static void folders(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthConfig c;
    assert_ok(read_it(&c, "BertModel", &err), err);
    assert_int_equal(c.pooling, 0); /* nothing is said */
    test_put("modules.json", MODULES);
    assert_status(read_it(&c, "BertModel", &err), HTH_EFORMAT, err);
    assert_non_null(strstr(err.text, "1_Pooling"));
    assert_int_equal(mkdir(test_path("1_Pooling"), 0700), 0);
    assert_status(read_it(&c, "BertModel", &err), HTH_EFORMAT, err);
    test_put("1_Pooling/config.json", "{\"pooling_mode_cls_token\": true}");
    assert_ok(read_it(&c, "BertModel", &err), err);
    assert_true(c.pooling == HTH_IMPORT_FIRST && c.cut == 0 && !c.lower);
    test_put("sentence_bert_config.json", "{\"max_seq_length\": 5, \"do_lower_case\": true}");
    assert_ok(read_it(&c, "Qwen3ForCausalLM", &err), err);
    assert_true(c.pooling == HTH_IMPORT_FIRST && c.cut == 5 && c.lower);
    test_put("sentence_bert_config.json", "{\"max_seq_length\": -5}");
    assert_status(read_it(&c, "BertModel", &err), HTH_EFORMAT, err);
    test_put("sentence_bert_config.json", "{\"max_seq_length\": null}");
    assert_ok(read_it(&c, "BertForSequenceClassification", &err), err);
    assert_int_equal(c.pooling, 0); /* its own */
    test_put("modules.json", "[" MODULE("../x", "Pooling") "]");
    assert_status(read_it(&c, "BertModel", &err), HTH_EDENIED, err);
    test_put("modules.json", "[" MODULE("modules.json", "Pooling") "]");
    assert_status(read_it(&c, "BertModel", &err), HTH_EFORMAT, err);
    test_put("modules.json", "[" MODULE("out", "Pooling") "]");
    assert_int_equal(symlink("/tmp", test_path("out")), 0);
    assert_status(read_it(&c, "BertModel", &err), HTH_EDENIED, err);
    assert_non_null(strstr(err.text, "leads out"));
    test_put("modules.json", "[");
    assert_status(read_it(&c, "BertModel", &err), HTH_EFORMAT, err);
    assert_non_null(strstr(err.text, "modules.json"));
}

static HthStatus torture(void *ctx) {
    HthErr err;
    HthConfig c;
    (void)ctx;
    return read_it(&c, "BertModel", &err);
}

static void no_allocation_is_taken_for_granted(void **state) {
    (void)state;
    test_put("modules.json", MODULES);
    test_put("sentence_bert_config.json", "{\"max_seq_length\": 5}");
    assert_true(test_torture(torture, NULL, 4000) > 5);
}

int main(void) {
    hth_json_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modules),
        cmocka_unit_test(ways),
        cmocka_unit_test(folders),
        cmocka_unit_test(no_allocation_is_taken_for_granted),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_drop);
}
