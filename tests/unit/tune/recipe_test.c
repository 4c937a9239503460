/* recipe_test.c - a good recipe is read; every key is needed, checked, and known. */
#include "tiny_train.h"
#include "tune/recipe.h"

static Tiny T;

static int setup(void **state) {
    (void)state;
    tiny_open(&T);
    return 0;
}
static int teardown(void **state) {
    (void)state;
    tiny_close(&T);
    return 0;
}

static HthStatus read_text(const char *text, HthErr *err) {
    HthRecipe *r = NULL;
    tiny_write(T.recipe, text, strlen(text));
    HthStatus status = hth_recipe_open(&r, T.recipe, err);
    assert_true((status == HTH_OK) == (r != NULL));
    hth_recipe_close(&r);
    return status;
}

/* The recipe with the first `from` replaced. */
static HthStatus changed(const char *from, const char *to, HthErr *err) {
    char text[2 * sizeof TINY_RECIPE];
    const char *at = strstr(TINY_RECIPE, from);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - TINY_RECIPE), TINY_RECIPE, to,
             at + strlen(from));
    return read_text(text, err);
}

static void good(void **state) {
    (void)state;
    HthRecipe *r = NULL;
    HthErr err;
    tiny_write(T.recipe, TINY_RECIPE, strlen(TINY_RECIPE));
    assert_int_equal(hth_recipe_open(&r, T.recipe, &err), HTH_OK);
    assert_string_equal(r->name, "tiny");
    assert_string_equal(r->dir, T.dir);
    assert_int_equal(r->shape.head_dim, 16);
    assert_int_equal(r->shape.n_rot, 16);
    assert_int_equal(r->source_count, 2);
    assert_int_equal(r->sources[1].form, HTH_DOC_CHAT);
    assert_int_equal(r->phase_count, 2);
    assert_true(r->phases[1].mix[0] == 0 && r->phases[1].mix[1] == 2.5);
    assert_true(r->optim.lr == 0.01f);
    hth_recipe_close(&r);
    assert_null(r);
}

static void every_key_is_needed(void **state) {
    (void)state;
    static const char *const keys[] = { "name",      "arch",   "seed",   "shape", "n_vocab",
                                        "rope_base", "train",  "steps",  "clip",  "sources",
                                        "files",     "form",   "phases", "seq",   "share",
                                        "mix",       "license" };
    for (size_t i = 0; i < HTH_COUNT(keys); i++) {
        char from[32], to[32];
        HthErr err = { 0 };
        snprintf(from, sizeof from, "\"%s\":", keys[i]);
        snprintf(to, sizeof to, "\"x%s\":", keys[i]);
        assert_int_equal(changed(from, to, &err), HTH_EFORMAT);
        assert_true(strlen(err.text) > 10);
    }
}

static void values_are_checked(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        { "\"n_embd\":32", "\"n_embd\":33" },
        { "\"n_embd\":32", "\"n_embd\":-1" },
        { "\"n_head\":2", "\"n_head\":3" },
        { "\"n_layer\":2", "\"n_layer\":1.5" },
        { "\"n_layer\":2", "\"n_layer\":\"2\"" },
        { "\"n_layer\":2", "\"n_layer\":1e30" },
        { "\"batch_tokens\":256", "\"batch_tokens\":255" },
        { "\"share\":0.75", "\"share\":0.5" },
        { "\"form\":\"chat\"", "\"form\":\"poem\"" },
        { "\"talk\":2.5", "\"nobody\":2.5" },
        { "\"talk\":2.5", "\"talk\":\"much\"" },
        { "\"seq\":32", "\"seq\":48" },
        { "\"drop\":[", "\"drop\":7,\"phases2\":[" },
        { "{\"name\"", "[{\"name\"" },
    };
    for (size_t i = 0; i < HTH_COUNT(pairs); i++) {
        HthErr err = { 0 };
        assert_int_equal(changed(pairs[i][0], pairs[i][1], &err), HTH_EFORMAT);
        assert_true(strlen(err.text) > 10);
    }
    HthErr err;
    assert_int_equal(read_text("", &err), HTH_EFORMAT);
    assert_int_equal(read_text("[]", &err), HTH_EFORMAT);
}

static void digest_tells_recipes_apart(void **state) {
    (void)state;
    static const char *const same[] = { "\"steps\":24", "\"steps\":30" };
    static const char *const other[][2] = { { "\"seed\":5", "\"seed\":6" },
                                            { "\"lr\":0.01", "\"lr\":0.02" },
                                            { "\"n_ff\":64", "\"n_ff\":96" },
                                            { "\"seq\":16", "\"seq\":32" } };
    uint64_t first = 0;
    for (size_t i = 0; i < HTH_COUNT(other) + 2; i++) {
        char text[2 * sizeof TINY_RECIPE];
        const char *from = i == 0 ? "\"seed\":5" : i == 1 ? same[0] : other[i - 2][0];
        const char *to = i == 0 ? from : i == 1 ? same[1] : other[i - 2][1];
        const char *at = strstr(TINY_RECIPE, from);
        assert_non_null(at);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - TINY_RECIPE), TINY_RECIPE, to,
                 at + strlen(from));
        tiny_write(T.recipe, text, strlen(text));
        HthRecipe *r = NULL;
        HthErr err;
        assert_int_equal(hth_recipe_open(&r, T.recipe, &err), HTH_OK);
        const uint64_t d = hth_recipe_digest(r);
        if (i == 0) first = d;
        assert_true((d == first) == (i < 2));
        hth_recipe_close(&r);
    }
}

static void the_shipped_recipe(void **state) {
    (void)state;
    char path[TINY_PATH];
    const char *root = getenv("HEARTH_SRC");
    HthRecipe *r = NULL;
    HthErr err = { 0 };
    snprintf(path, sizeof path, "%s/models/ember/recipe.json", root ? root : ".");
    if (hth_recipe_open(&r, path, &err) != HTH_OK) fail_msg("%s", err.text);
    assert_string_equal(r->name, "ember");
    hth_recipe_close(&r);
}

static void no_memory(void **state) {
    (void)state;
    tiny_write(T.recipe, TINY_RECIPE, strlen(TINY_RECIPE));
    const uint64_t live = hth_mem_live();
    for (uint64_t nth = 1;; nth++) {
        HthRecipe *r = NULL;
        HthErr err;
        hth_mem_fail_after(nth);
        HthStatus status = hth_recipe_open(&r, T.recipe, &err);
        hth_mem_fail_after(0);
        hth_recipe_close(&r);
        assert_true(hth_mem_live() == live);
        if (status == HTH_OK) break;
        assert_int_equal(status, HTH_ENOMEM);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),
        cmocka_unit_test(every_key_is_needed),
        cmocka_unit_test(values_are_checked),
        cmocka_unit_test(digest_tells_recipes_apart),
        cmocka_unit_test(the_shipped_recipe),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
