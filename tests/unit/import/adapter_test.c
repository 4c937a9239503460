/* adapter_test.c - a folder of PEFT's to a GGUF adapter: numbers where they belong, what is
 * refused, memory failing anywhere.
 *
 * Thread: one. */
#include "support/test.h"

#include "gguf/gguf.h"
#include "import/adapter.h"
#include "model/adapter.h"
#include "support/folder.h"
#include "support/hf_build.h"
#include "support/tiny_adapter.h"

#define PLACE  "base_model.model.model."
#define QUERY  PLACE "layers.1.self_attn.q_proj.lora_"
#define LOOKUP PLACE "embed_tokens.lora_embedding_"
#define CONFIG "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 6, \"bias\": \"none\"%s}"

/* Numbers of both: A of the queries [2][32], B [32][2]; of the embedding [2][40], [32][2]. */
enum { QA = 0, QB = 64, EA = 128, EB = 208, ALL = 272 };

static char folder[96], base[96], out[96];

static int begin(void **state) {
    HthErr err = { 0 };
    HthBuf file;
    if (test_folder_make(state)) return -1;
    snprintf(folder, sizeof folder, "%s/lora", test_folder);
    snprintf(base, sizeof base, "%s/m.gguf", test_folder);
    snprintf(out, sizeof out, "%s/o.gguf", test_folder);
    tiny_build(&file, &tiny_adapted);
    const HthStatus st = hth_file_write(base, file.p, file.n, 0644, &err);
    hth_buf_drop(&file);
    return st;
}

static void put_config(const char *more) {
    char text[512];
    snprintf(text, sizeof text, CONFIG, more);
    test_put("lora/adapter_config.json", text);
}

/* The file, in which `from` is said as `to`. */
static void put_tensors(const char *from, const char *to) {
    static const char header[] =
        "{\"" QUERY
        "A.weight\": {\"dtype\": \"F32\", \"shape\": [2, 32], \"data_offsets\": [0, 256]}, "
        "\"" QUERY
        "B.weight\": {\"dtype\": \"F32\", \"shape\": [32, 2], \"data_offsets\": [256, 512]}, "
        "\"" LOOKUP "A\": {\"dtype\": \"F32\", \"shape\": [2, 40], \"data_offsets\": [512, 832]}, "
        "\"" LOOKUP "B\": {\"dtype\": \"F32\", \"shape\": [32, 2], \"data_offsets\": [832, 1088]}}";
    HthErr err = { 0 };
    HthBuf file;
    float numbers[ALL];
    char text[2048], path[160];
    const char *at = strstr(header, from);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - header), header, to, at + strlen(from));
    for (size_t i = 0; i < ALL; i++) numbers[i] = hf_number(0, i);
    hth_buf_init(&file, 1 << 16);
    hf_file(&file, text, numbers, sizeof numbers);
    snprintf(path, sizeof path, "%s/adapter_model.safetensors", folder);
    assert_ok(hth_file_write(path, file.p, file.n, 0644, &err), err);
    hth_buf_drop(&file);
}

static HthStatus make(const char *model, HthErr *err) {
    json_t *said = NULL;
    HTH_TRY(hth_import_adapter(&said, folder, model, out, &(HthImportOpt){ .force = true }, err));
    json_decref(said);
    return HTH_OK;
}

static float number(const HthGguf *g, const char *name, size_t i) {
    const HthGgufTensor *t = hth_gguf_tensor(g, hth_str(name));
    float v;
    assert_non_null(t);
    memcpy(&v, t->data + i * sizeof v, sizeof v);
    return v;
}

static void numbers_are_where_they_belong(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthGguf *g = NULL;
    HthModel *m = NULL;
    HthAdapter *a = NULL;
    float alpha;
    put_config(", \"use_rslora\": false, \"rank_pattern\": {\"q_proj\": 2}");
    put_tensors("F32", "F32");
    assert_ok(make(base, &err), err);
    assert_ok(hth_gguf_open(&g, out, &err), err);
    assert_int_equal(hth_gguf_tensor_count(g), 4);
    assert_ok(hth_gguf_f32(g, "adapter.lora.alpha", &alpha, &err), err);
    assert_true(alpha == 6.0f);
    assert_true(number(g, "blk.1.attn_q.weight.lora_a", 33) == hf_number(0, QA + 33));
    /* Four heads of 8 rows: what was row 4 of a head is its row 1, what was row 1 its row 2. */
    static const size_t rows[][2] = {
        { 0, 0 }, { 1, 4 }, { 2, 1 }, { 7, 7 }, { 9, 12 }, { 31, 31 }
    };
    for (size_t i = 0; i < HTH_COUNT(rows); i++)
        assert_true(number(g, "blk.1.attn_q.weight.lora_b", rows[i][0] * 2 + 1) ==
                    hf_number(0, QB + rows[i][1] * 2 + 1));
    /* A row for each token. */
    assert_true(number(g, "token_embd.weight.lora_a", 7 * 2 + 1) == hf_number(0, EA + 40 + 7));
    assert_true(number(g, "token_embd.weight.lora_b", 5) == hf_number(0, EB + 5));
    hth_gguf_close(&g);
    assert_ok(hth_model_open(&m, base, &err), err);
    assert_ok(hth_adapter_open(&a, m, out, &err), err); /* it fits its model */
    assert_int_equal(hth_adapter_facts(a).matrices, 2);
    hth_adapter_close(&a);
    hth_model_close(&m);
    put_config(", \"use_rslora\": true"); /* 6 / sqrt(2) is said as 6 sqrt(2) / 2 */
    assert_ok(make(base, &err), err);
    assert_ok(hth_gguf_open(&g, out, &err), err);
    assert_ok(hth_gguf_f32(g, "adapter.lora.alpha", &alpha, &err), err);
    assert_true(alpha > 8.485f && alpha < 8.486f);
    hth_gguf_close(&g);
}

static void refusals(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
        HthStatus status;
        const char *says;
    } bad[] = {
        { QUERY "A", QUERY "C", HTH_ENOTSUP, "neither lora_A" },
        { QUERY "A", "x." QUERY "A", HTH_ENOTSUP, "neither lora_A" },
        { "layers.1.self_attn.q", "layers.1.self_attn.z", HTH_EINVAL, "no such matrix" },
        { "layers.1.self_attn.q", "layers.01x.self_attn.q", HTH_EINVAL, "no such matrix" },
        { "layers.1.self_attn.q_proj.lora_A", "layers.0.self_attn.q_proj.lora_A", HTH_EFORMAT,
          "half of a pair" },
        { "layers.1.self_attn.q_proj.lora_A", "norm.lora_A", HTH_EINVAL, "no such matrix" },
        { LOOKUP "A", PLACE "layers.0.mlp.up_proj.lora_embedding_A", HTH_ENOTSUP,
          "as an embedding" },
        { "[2, 32]", "[32, 2]", HTH_EINVAL, "[r][32]" },
        { "[2, 32]", "[64]", HTH_EINVAL, "[r][32]" },
        { "\"F32\"", "\"I32\"", HTH_ENOTSUP, "of type I32" },
    };
    put_config("");
    for (size_t i = 0; i < HTH_COUNT(bad); i++) {
        HthErr err = { 0 };
        put_tensors(bad[i].from, bad[i].to);
        const HthStatus st = make(base, &err);
        if (st != bad[i].status || !strstr(err.text, bad[i].says))
            fail_msg("%s: %s: %s", bad[i].to, hth_status_name(st), err.text);
        assert_int_not_equal(access(out, F_OK), 0);
    }
}

static void configs(void **state) {
    (void)state;
    static const char *const bad[] = {
        ", \"use_dora\": true",
        ", \"fan_in_fan_out\": 1",
        ", \"bias\": \"all\"",
        ", \"alpha_pattern\": {\"q_proj\": 3}",
        ", \"modules_to_save\": [\"norm\"]",
        ", \"init_lora_weights\": \"olora\"",
        ", \"use_rslora\": 1",
        ", \"lora_alpha\": \"6\"",
        ", \"lora_alpha\": 0",
        ", \"peft_type\": \"LOHA\"",
        ", \"lora_bias\": true",
    };
    HthErr err = { 0 };
    bool is = true;
    test_put("lora/README.md", "");
    put_tensors("F32", "F32");
    assert_ok(hth_import_is_adapter(folder, &is, &err), err);
    assert_false(is);
    assert_status(make(base, &err), HTH_EFORMAT, err);
    for (size_t i = 0; i < HTH_COUNT(bad); i++) {
        put_config(bad[i]);
        const HthStatus st = make(base, &err);
        if ((st != HTH_ENOTSUP && st != HTH_EFORMAT) || !strstr(err.text, "adapter_config.json"))
            fail_msg("%s: %s: %s", bad[i], hth_status_name(st), err.text);
    }
    put_config(", \"init_lora_weights\": \"gaussian\"");
    assert_ok(hth_import_is_adapter(folder, &is, &err), err);
    assert_true(is);
    assert_ok(make(base, &err), err);
    assert_status(make(out, &err), HTH_EINVAL, err); /* an adapter is no model */
}

/* A folder that is opened as an adapter is the file that would be made of it; a file is itself. */
static void opened_as_it_is(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthModel *m = NULL;
    HthAdapter *a = NULL, *b = NULL;
    HthBuf file;
    size_t need = 0;
    put_config("");
    put_tensors("F32", "F32");
    assert_ok(make(base, &err), err);
    assert_ok(hth_model_open(&m, base, &err), err);
    assert_ok(hth_adapter_begin(&a, &need, m, folder, hth_import_adapter_make, &err), err);
    put_tensors("[2, 32]", "[32, 2]"); /* it is made already */
    assert_ok(hth_adapter_finish(a, m, &err), err);
    assert_ok(hth_adapter_open_made(&b, m, out, hth_import_adapter_make, &err), err);
    test_load(&file, out);
    assert_true(hth_str_eq(hth_gguf_part(hth_adapter_gguf(a), 0), hth_buf_str(&file)));
    assert_int_equal(hth_adapter_facts(a).matrices, 2);
    assert_int_equal(hth_adapter_bytes(a), hth_adapter_bytes(b) + file.n);
    assert_in_range(hth_adapter_bytes(a), need, need + 16 * 64); /* gaps, in a checked build */
    hth_adapter_close(&b);
    hth_adapter_close(&a);
    assert_status(hth_adapter_begin(&a, &need, m, folder, hth_import_adapter_make, &err),
                  HTH_EINVAL, err);
    assert_status(hth_adapter_open_made(&a, m, folder, hth_import_adapter_make, &err), HTH_EINVAL,
                  err);
    assert_status(hth_adapter_open_made(&a, m, folder, NULL, &err), HTH_EINVAL, err); /* no file */
    assert_null(a);
    hth_buf_drop(&file);
    hth_model_close(&m);
}

static HthStatus body(void *ctx) {
    HthErr err = { 0 };
    (void)ctx;
    return make(base, &err);
}

static HthStatus open_body(void *model) {
    HthErr err = { 0 };
    HthAdapter *a = NULL;
    HTH_TRY(hth_adapter_open_made(&a, model, folder, hth_import_adapter_make, &err));
    hth_adapter_close(&a);
    return HTH_OK;
}

static HthStatus halves_body(void *model) {
    HthErr err = { 0 };
    HthAdapter *a = NULL;
    size_t need = 0;
    HTH_TRY(hth_adapter_begin(&a, &need, model, folder, hth_import_adapter_make, &err));
    const HthStatus st = hth_adapter_finish(a, model, &err);
    hth_adapter_close(&a);
    return st;
}

static void no_memory(void **state) {
    (void)state;
    HthErr err = { 0 };
    HthModel *m = NULL;
    put_config("");
    put_tensors("F32", "F32");
    assert_true(test_torture(body, NULL, 2000) >= 20);
    assert_ok(hth_model_open(&m, base, &err), err);
    assert_true(test_torture(open_body, m, 2000) >= 20);
    assert_true(test_torture(halves_body, m, 2000) >= 20);
    hth_model_close(&m);
}

int main(void) {
#define IN_FOLDER(t) cmocka_unit_test_setup_teardown(t, begin, test_folder_drop)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(numbers_are_where_they_belong),
        IN_FOLDER(refusals),
        IN_FOLDER(configs),
        IN_FOLDER(opened_as_it_is),
        IN_FOLDER(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
