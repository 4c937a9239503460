/* models_api_test.c - model files and their facts; bodies as the clients of three APIs read. */
#include "support/test.h"

#include "crypt/hash.h"
#include "serve/model_facts.h"
#include "serve/models_api.h"
#include "support/folder.h"
#include "support/gguf_build.h"

static char home[160];
static Gb gguf; /* the model that tests are made with */

static void build_model(const char *template) {
    gb_begin(&gguf, 3);
    gb_kv_str(&gguf, "general.architecture", "llama");
    gb_kv_str(&gguf, "general.name", "A Tiny \"One\"");
    gb_kv_str(&gguf, "general.license", "apache-2.0");
    gb_kv_int(&gguf, "general.file_type", GB_U32, 15);
    gb_kv_int(&gguf, "llama.context_length", GB_U32, 4096);
    gb_kv_int(&gguf, "llama.embedding_length", GB_U32, 64);
    gb_kv_int(&gguf, "t.big", GB_U64, UINT64_MAX);
    gb_kv_int(&gguf, "t.nan", GB_F32, 0x7fc00000);
    gb_kv_int(&gguf, "t.f64", GB_F64, 0xc004000000000000U);
    gb_kv_int(&gguf, "tokenizer.ggml.fim_pre_token_id", GB_U32, 7);
    gb_kv_arr(&gguf, "t.few", GB_STR, 2);
    gb_str(&gguf, "one");
    gb_strn(&gguf, "\xff\xfe", 2);
    gb_kv_arr(&gguf, "tokenizer.ggml.scores", GB_I32, 6);
    for (int i = 0; i < 6; i++) gb_int(&gguf, (uint64_t)i, 4);
    if (template) gb_kv_str(&gguf, "tokenizer.chat_template", template);
    gb_tensor(&gguf, "a.weight", 2, (const uint64_t[]){ 400, 3 }, 0, 0);
    gb_data(&gguf, 32, 4800);
    gb_counts(&gguf);
}

static void put_bytes(const char *name, const void *bytes, size_t n) {
    FILE *f = fopen(test_path(name), "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static HthStore *store(void) {
    HthStore *s = NULL;
    HthErr err;
    const HthStoreCfg cfg = { .home = home,
                              .embedded = { (const char *)gguf.b, gguf.n },
                              .embedded_name = "ember",
                              .facts = hth_model_facts };
    assert_ok(hth_store_open(&s, &cfg, &err), err);
    return s;
}

static int begin(void **state) {
    if (test_folder_make(state)) return -1;
    snprintf(home, sizeof home, "%s/home", test_folder);
    build_model("{% if tools %}{{ tools }}{% endif %}{{ enable_thinking }}");
    test_put("home/bad.gguf", "GGUF and nothing else");
    put_bytes("home/a.gguf", gguf.b, gguf.n);
    return 0;
}

static bool lines; /* of the last answer */

static int call(HthModelsFn fn, HthStore *s, HthStr body, HthBuf *b) {
    HthModelsAsk ask = { .store = s, .body = body, .ctx = 2048 };
    const int status = fn(&ask, b);
    lines = ask.lines;
    return status;
}

static int named(HthModelsFn fn, HthStore *s, HthStr rest, HthBuf *b) {
    HthModelsAsk ask = { .store = s, .rest = rest };
    return fn(&ask, b);
}

static json_t *parse(HthBuf *b) {
    json_t *v = NULL;
    HthErr err;
    if (hth_json_parse(&v, hth_buf_str(b), 1 << 22, &err) != HTH_OK)
        fail_msg("%s: %s", err.text, b->p);
    hth_buf_clear(b);
    return v;
}

/* "a.b.2.c" inside v, as text. */
static const char *at(const json_t *v, const char *path) {
    static char text[8][256];
    static int turn;
    char part[64];
    while (*path) {
        const size_t n = strcspn(path, "/");
        snprintf(part, sizeof part, "%.*s", (int)n, path);
        uint64_t i = SIZE_MAX;
        if (json_is_array(v)) assert_true(hth_str_u64(hth_str(part), &i));
        v = json_is_array(v) ? json_array_get(v, i) : json_object_get(v, part);
        path += n + (path[n] == '/');
    }
    turn = (turn + 1) % 8;
    char *s = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
    snprintf(text[turn], sizeof text[turn], "%s", s ? s : "nothing");
    hth_free(s);
    return text[turn];
}

static void tags(void **state) {
    (void)state;
    HthBuf b;
    HthStore *s = store();
    hth_buf_init(&b, 1 << 20);
    assert_int_equal(call(hth_models_api_tags, s, HTH_STR(""), &b), 200);
    json_t *v = parse(&b);
    assert_string_equal(at(v, "models/0/name"), "\"a:latest\"");
    assert_string_equal(at(v, "models/0/model"), "\"a:latest\"");
    assert_string_equal(at(v, "models/0/digest"), "\"\"");
    assert_string_equal(at(v, "models/0/details"),
                        "{\"parent_model\":\"\",\"format\":\"gguf\",\"family\":\"llama\","
                        "\"families\":[\"llama\"],\"parameter_size\":\"1K\","
                        "\"quantization_level\":\"Q4_K_M\",\"context_length\":4096,"
                        "\"embedding_length\":64}");
    assert_string_equal(at(v, "models/0/capabilities"),
                        "[\"completion\",\"tools\",\"insert\",\"thinking\"]");
    assert_int_equal(strlen(at(v, "models/0/modified_at")), 32);
    assert_string_equal(at(v, "models/1/name"), "\"bad:latest\"");
    assert_string_not_equal(at(v, "models/1/error"), "nothing");
    assert_string_equal(at(v, "models/2/name"), "\"ember:latest\"");
    assert_int_equal(strlen(at(v, "models/2/digest")), 66);
    assert_string_equal(at(v, "models/3"), "nothing");
    json_decref(v);
    hth_buf_drop(&b);
    hth_buf_init(&b, 100);
    assert_int_equal(call(hth_models_api_tags, s, HTH_STR(""), &b),
                     500); /* no room: an error, and never a part */
    json_decref(parse(&b));
    hth_buf_drop(&b);
    hth_store_close(&s);
}

static void shows(void **state) {
    (void)state;
    HthBuf b;
    HthStore *s = store();
    hth_buf_init(&b, 1 << 20);
    test_put("home/a.json",
             "{\"hearth\":1,\"system\":\"be\\nbrief\",\"license\":[\"one\",\"two\"],"
             "\"parameters\":{\"stop\":[\"x\"],\"top_p\":0.5},\"messages\":[{\"role\":"
             "\"user\",\"content\":\"hi\"}],\"requires\":\"0.2\"}");
    assert_int_equal(call(hth_models_api_show, s, HTH_STR("{\"model\":\"a\"}"), &b), 200);
    json_t *v = parse(&b);
    assert_string_equal(at(v, "license"), "\"one\\ntwo\"");
    assert_string_equal(at(v, "system"), "\"be\\nbrief\"");
    assert_string_equal(at(v, "parameters"),
                        "\"stop                           \\\"x\\\"\\ntop_p     "
                        "                     0.5\"");
    assert_string_equal(at(v, "messages/0/content"), "\"hi\"");
    assert_string_equal(at(v, "requires"), "\"0.2\"");
    assert_string_equal(at(v, "details/quantization_level"), "\"Q4_K_M\"");
    assert_string_equal(at(v, "model_info/general.architecture"), "\"llama\"");
    assert_string_equal(at(v, "model_info/general.parameter_count"), "1200");
    assert_string_equal(at(v, "model_info/general.name"), "nothing");
    assert_string_equal(at(v, "model_info/tokenizer.chat_template"), "nothing");
    assert_string_equal(at(v, "model_info/t.nan"), "null");
    assert_string_equal(at(v, "model_info/t.f64"), "-2.5");
    assert_true(json_is_real(json_object_get(json_object_get(v, "model_info"), "t.big")));
    assert_string_equal(at(v, "model_info/t.few/0"), "\"one\"");
    assert_string_equal(at(v, "model_info/tokenizer.ggml.scores"), "[]");
    assert_string_equal(at(v, "tensors"),
                        "[{\"name\":\"a.weight\",\"type\":\"F32\",\"shape\":[400,3]}]");
    json_t *again = NULL; /* the Modelfile it shows is one */
    HthErr err;
    assert_ok(hth_modelfile_parse(
                  &again, hth_str(json_string_value(json_object_get(v, "modelfile"))), &err),
              err);
    assert_string_equal(at(again, "system"), "\"be\\nbrief\"");
    json_decref(again);
    json_decref(v);
    assert_int_equal(
        call(hth_models_api_show, s, HTH_STR("{\"name\":\"ember\",\"verbose\":true}"), &b), 200);
    v = parse(&b);
    assert_string_equal(at(v, "model_info/tokenizer.ggml.scores"), "[0,1,2,3,4,5]");
    assert_string_equal(at(v, "license"), "\"apache-2.0\"");
    assert_non_null(strstr(at(v, "template"), "enable_thinking"));
    json_decref(v);
    static const struct {
        const char *body;
        int status;
        const char *error;
    } rows[] = {
        { "", 400, "\"missing request body\"" },
        { "[]", 400, "\"the body must be a JSON object\"" },
        { "{}", 400, "\"model is required\"" },
        { "{\"model\":\"b\"}", 404, "\"model 'b' not found\"" },
        { "{\"model\":\"../a\"}", 400, NULL },
        { "{\"model\":\"bad\"}", 500, NULL },
        { "{\"model\":", 400, NULL },
    };
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        assert_int_equal(call(hth_models_api_show, s, hth_str(rows[i].body), &b), rows[i].status);
        v = parse(&b);
        assert_true(json_is_string(json_object_get(v, "error")));
        if (rows[i].error) assert_string_equal(at(v, "error"), rows[i].error);
        json_decref(v);
    }
    hth_buf_drop(&b);
    hth_store_close(&s);
}

static int upload(HthStore *s, char digest[80]) {
    uint8_t sum[HTH_HASH_BYTES];
    HthErr err = { 0 };
    HthBlob *blob = NULL;
    HthBuf b;
    hth_buf_init(&b, 1000);
    hth_hash(HTH_SHA256, gguf.b, gguf.n, sum);
    memcpy(digest, "sha256:", 8);
    hth_hex(digest + 7, sum, sizeof sum);
    assert_int_equal(named(hth_models_api_blob, s, hth_str(digest), &b), 404);
    assert_ok(hth_blob_begin(s, hth_str(digest), &blob, &err), err);
    assert_ok(hth_blob_add(blob, gguf.b, gguf.n, &err), err);
    const int status = hth_models_api_blob_done(&blob, HTH_OK, &err, &b);
    hth_buf_drop(&b);
    return status;
}

static void makes(void **state) {
    (void)state;
    char digest[80], body[512];
    HthBuf b;
    HthStore *s = store();
    hth_buf_init(&b, 1 << 20);
    assert_int_equal(upload(s, digest), 201);
    assert_int_equal(named(hth_models_api_blob, s, hth_str(digest), &b), 200);
    assert_int_equal(b.n, 0);
    snprintf(body, sizeof body,
             "{\"model\":\"up\",\"files\":{\"m.gguf\":\"%s\"},\"license\":\"MIT\",\"system\":\"s\","
             "\"parameters\":{\"temperature\":0}}",
             digest);
    assert_int_equal(call(hth_models_api_create, s, hth_str(body), &b), 200);
    assert_true(lines);
    assert_non_null(strstr(b.p, "}\n{\"status\":\"success\"}\n"));
    hth_buf_clear(&b);
    assert_int_equal(call(hth_models_api_create, s,
                          HTH_STR("{\"model\":\"two\",\"from\":\"up\",\"stream\":"
                                  "false,\"adapters\":null,\"quantize\":\"\"}"),
                          &b),
                     200);
    assert_false(lines);
    assert_string_equal(b.p, "{\"status\":\"success\"}");
    hth_buf_clear(&b);
    assert_int_equal(call(hth_models_api_create, s,
                          HTH_STR("{\"name\":\"three\",\"modelfile\":\"FROM up\\n"
                                  "SYSTEM old\",\"stream\":false}"),
                          &b),
                     200);
    hth_buf_clear(&b);
    assert_int_equal(call(hth_models_api_copy, s,
                          HTH_STR("{\"source\":\"two\",\"destination\":\"me/four:x\"}"), &b),
                     200);
    assert_int_equal(b.n, 0);
    assert_int_equal(call(hth_models_api_show, s, HTH_STR("{\"model\":\"me/four:x\"}"), &b), 200);
    json_t *v = parse(&b);
    assert_string_equal(at(v, "license"), "\"MIT\"");
    assert_string_equal(at(v, "parameters"), "\"temperature                    0\"");
    assert_string_equal(at(v, "details/parent_model"), "\"two:latest\"");
    json_decref(v);
    assert_int_equal(call(hth_models_api_show, s, HTH_STR("{\"model\":\"three\"}"), &b), 200);
    v = parse(&b);
    assert_string_equal(at(v, "system"), "\"old\"");
    json_decref(v);
    assert_int_equal(call(hth_models_api_delete, s, HTH_STR("{\"model\":\"two\"}"), &b), 200);
    assert_int_equal(b.n, 0);
    assert_int_equal(call(hth_models_api_delete, s, HTH_STR("{\"model\":\"two\"}"), &b), 404);
    hth_buf_clear(&b);
    assert_int_equal(call(hth_models_api_delete, s, HTH_STR("{\"model\":\"ember\"}"), &b), 403);
    hth_buf_clear(&b);
    assert_int_equal(call(hth_models_api_pull, s, HTH_STR(""), &b), 400);
    json_decref(parse(&b));
    hth_buf_drop(&b);
    hth_store_close(&s);
}

static void refuses(void **state) {
    (void)state;
    static const struct {
        const char *body;
        int status;
        const char *says;
    } rows[] = {
        { "{}", 400, "model is required" },
        { "{\"model\":\"x\"}", 400, "from" },
        { "{\"model\":\"x\",\"from\":\"nobody\"}", 404, "model 'nobody' not found" },
        { "{\"model\":\"x y\",\"from\":\"ember\"}", 400, "not a model's name" },
        { "{\"model\":\"x\",\"from\":\"ember\",\"quantize\":\"q4_K_M\"}", 400, "'quantize'" },
        { "{\"model\":\"x\",\"from\":\"ember\",\"adapters\":[]}", 400, "'adapters'" },
        { "{\"model\":\"x\",\"from\":\"ember\",\"adapters\":{\"a\":5}}", 400, "'adapters'" },
        { "{\"model\":\"x\",\"from\":\"ember\",\"adapters\":{\"a\":\"b\",\"c\":\"d\"}}", 400,
          "more than one" },
        { "{\"model\":\"x\",\"from\":\"ember\",\"adapters\":{\"a\":\"b\"}}", 400, "sha256" },
        { "{\"model\":\"x\",\"modelfile\":\"FROM ember\\nADAPTER a.gguf\"}", 400, "sha256" },
        { "{\"model\":\"x\",\"from\":\"ember\",\"remote_host\":\"h\"}", 400, "'remote_host'" },
        { "{\"model\":\"x\",\"from\":\"ember\",\"parameters\":{\"heat\":1}}", 400, "parameters" },
        { "{\"model\":\"x\",\"from\":\"ember\",\"system\":[]}", 400, "'system'" },
        { "{\"model\":\"x\",\"from\":\"ember\",\"license\":5}", 400, "'license'" },
        { "{\"model\":\"x\",\"from\":\"ember\",\"messages\":[{\"role\":\"tool\"}]}", 400,
          "messages[0]" },
        { "{\"model\":\"x\",\"files\":{\"a.gguf\":\"1\",\"b.gguf\":\"2\"}}", 400, "split" },
        { "{\"model\":\"x\",\"files\":{\"a.safetensors\":\"1\"}}", 400, "only GGUF" },
        { "{\"model\":\"x\",\"files\":{\"a.gguf\":\"../../etc/passwd\"}}", 400, "not a digest" },
        { "{\"model\":\"x\",\"files\":{\"a.gguf\":7}}", 400, "digest" },
        { "{\"model\":\"x\",\"modelfile\":\"SYSTEM x\"}", 400, "no FROM" },
    };
    HthBuf b;
    HthStore *s = store();
    hth_buf_init(&b, 1 << 16);
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        const int status = call(hth_models_api_create, s, hth_str(rows[i].body), &b);
        if (status != rows[i].status || !strstr(b.p, rows[i].says))
            fail_msg("%s: %d %s", rows[i].body, status, b.p);
        assert_false(lines);
        json_decref(parse(&b));
    }
    assert_int_equal(call(hth_models_api_copy, s, HTH_STR("{\"source\":\"x\"}"), &b), 400);
    hth_buf_clear(&b);
    assert_int_equal(
        call(hth_models_api_copy, s, HTH_STR("{\"source\":\"x\",\"destination\":\"y\"}"), &b), 404);
    hth_buf_clear(&b);
    assert_int_equal(named(hth_models_api_blob, s, HTH_STR("sha256:1"), &b), 400);
    assert_int_equal(test_entries("home/manifests"), 0);
    hth_buf_drop(&b);
    hth_store_close(&s);
}

static void others(void **state) {
    (void)state;
    HthBuf b;
    HthStore *s = store();
    hth_buf_init(&b, 1 << 20);
    assert_int_equal(call(hth_models_api_openai, s, HTH_STR(""), &b), 200);
    json_t *v = parse(&b);
    assert_string_equal(at(v, "object"), "\"list\"");
    assert_string_equal(at(v, "data/0/id"), "\"a\"");
    assert_string_equal(at(v, "data/0/object"), "\"model\"");
    assert_string_equal(at(v, "data/0/context_length"), "2048");
    assert_string_equal(at(v, "data/0/max_context_length"), "4096");
    assert_string_equal(at(v, "data/1/id"), "\"ember\""); /* the bad one is none */
    json_decref(v);
    assert_int_equal(named(hth_models_api_openai_one, s, HTH_STR("ember:latest"), &b), 200);
    v = parse(&b);
    assert_string_equal(at(v, "id"), "\"ember\"");
    assert_string_equal(at(v, "context_length"), "4096");
    json_decref(v);
    static const char *const none[] = { "b", "../a", "" };
    for (size_t i = 0; i < HTH_COUNT(none); i++) {
        assert_int_equal(named(hth_models_api_openai_one, s, hth_str(none[i]), &b), 404);
        v = parse(&b);
        assert_string_equal(at(v, "error/code"), "\"model_not_found\"");
        json_decref(v);
    }
    const HthPsRow rows[] = { { HTH_STR("a"), 5000, 512, 1700000000, 2 },
                              { HTH_STR("gone"), 1, 2, INT64_MAX, 0 } };
    assert_int_equal(hth_models_api_ps(s, rows, 2, "seccomp", &b), 200);
    v = parse(&b);
    assert_string_equal(at(v, "models/0/name"), "\"a:latest\"");
    assert_string_equal(at(v, "models/0/expires_at"), "\"2023-11-14T22:13:20.000000000Z\"");
    assert_string_equal(at(v, "models/0/context_length"), "512");
    assert_string_equal(at(v, "models/1/name"), "\"gone\"");
    assert_string_equal(at(v, "models/1/expires_at"), "\"9999-12-31T23:59:59Z\"");
    assert_string_equal(at(v, "cage"), "\"seccomp\"");
    json_decref(v);
    assert_int_equal(hth_models_api_ps(s, rows, 1, NULL, &b), 200);
    v = parse(&b);
    assert_null(json_object_get(v, "cage"));
    json_decref(v);
    const HthPropsIn in = { HTH_STR("a"), HTH_STR("sha256:1"), 3, 512, 2 };
    assert_int_equal(hth_models_api_props(s, &in, &b), 200);
    v = parse(&b);
    assert_string_equal(at(v, "total_slots"), "3");
    assert_string_equal(at(v, "default_generation_settings/n_ctx"), "512");
    assert_non_null(strstr(at(v, "chat_template"), "tools"));
    assert_non_null(strstr(at(v, "model_path"), "/a.gguf"));
    json_decref(v);
    assert_int_equal(hth_models_api_slots((const HthPropsIn[]){ in, in }, 2, &b), 200);
    v = parse(&b);
    assert_string_equal(at(v, "1/is_processing"), "true");
    assert_string_equal(at(v, "2/is_processing"), "false");
    assert_string_equal(at(v, "4/id"), "4"); /* the second model's go on */
    assert_string_equal(at(v, "4/is_processing"), "true");
    assert_string_equal(at(v, "6"), "nothing");
    json_decref(v);
    hth_buf_drop(&b);
    hth_store_close(&s);
}

static void facts(void **state) {
    (void)state;
    HthErr err;
    HthModelFacts f;
    build_model(NULL);
    gb_kv_int(&gguf, "unused", GB_U8, 1); /* past the end: no entry */
    assert_ok(hth_model_facts(NULL, NULL, (HthStr){ (const char *)gguf.b, gguf.n }, &f, &err), err);
    assert_false(f.chat || f.tools || f.thinking);
    assert_string_equal(f.title, "A Tiny \"One\"");
    assert_string_equal(f.license, "apache-2.0");
    gb_begin(&gguf, 3); /* nothing is stated: the type of most bytes, pooling */
    gb_kv_str(&gguf, "general.architecture", "qwen3");
    gb_kv_int(&gguf, "qwen3.pooling_type", GB_U32, 3);
    gb_tensor(&gguf, "a.weight", 2, (const uint64_t[]){ 400, 3 }, 0, 0);
    gb_data(&gguf, 32, 4800);
    gb_counts(&gguf);
    assert_ok(hth_model_facts(NULL, NULL, (HthStr){ (const char *)gguf.b, gguf.n }, &f, &err), err);
    assert_string_equal(f.quant, "F32");
    assert_true(f.embedding && !f.rerank);
    assert_int_equal(f.ctx, 0);
    static const struct {
        const char *arch;
        uint32_t pooling; /* 0: not stated */
        bool embedding, rerank;
    } of[] = { { "bert", 0, true, false },
               { "bert", 4, false, true },
               { "qwen3", 0, false, false },
               { "qwen3", 4, false, true },
               { "unheard-of", 1, true, false } };
    for (size_t i = 0; i < HTH_COUNT(of); i++) {
        char key[64];
        snprintf(key, sizeof key, "%s.pooling_type", of[i].arch);
        gb_begin(&gguf, 3);
        gb_kv_str(&gguf, "general.architecture", of[i].arch);
        if (of[i].pooling) gb_kv_int(&gguf, key, GB_U32, of[i].pooling);
        gb_counts(&gguf);
        assert_ok(hth_model_facts(NULL, NULL, (HthStr){ (const char *)gguf.b, gguf.n }, &f, &err),
                  err);
        assert_int_equal(f.embedding, of[i].embedding);
        assert_int_equal(f.rerank, of[i].rerank);
    }
    f.params = 99;
    assert_status(hth_model_facts(NULL, NULL, HTH_STR("GGUF"), &f, &err), HTH_EFORMAT, err);
    assert_int_equal(f.params, 99);
}

/* Every allocation fails in turn: an error or the whole answer, and nothing is lost. */
static void memory_runs_out(void **state) {
    (void)state;
    HthStore *s = store();
    HthBuf warm;
    hth_buf_init(&warm, 1 << 20);
    assert_int_equal(call(hth_models_api_tags, s, HTH_STR(""), &warm),
                     200); /* facts are remembered from here on */
    hth_buf_drop(&warm);
    for (int what = 0; what < 4; what++)
        for (uint64_t nth = 1;; nth++) {
            HthBuf b;
            hth_buf_init(&b, 1 << 20);
            const uint64_t live = hth_mem_live(), calls = hth_mem_calls();
            hth_mem_fail_after(nth);
            const int status =
                what == 0   ? call(hth_models_api_tags, s, HTH_STR(""), &b)
                : what == 1 ? call(hth_models_api_show, s, HTH_STR("{\"model\":\"a\"}"), &b)
                : what == 2 ? call(hth_models_api_create, s,
                                   HTH_STR("{\"model\":\"x\",\"from\":\"a\",\"system\":\"s\"}"), &b)
                            : call(hth_models_api_openai, s, HTH_STR(""), &b);
            hth_mem_fail_after(0);
            const uint64_t used = hth_mem_calls() - calls;
            if (status == 200) json_decref(what == 2 ? NULL : parse(&b));
            hth_buf_drop(&b);
            assert_int_equal(hth_mem_live(), live);
            if (used < nth) {
                assert_int_equal(status, 200);
                break;
            }
            if (status != 507 && status != 500) fail_msg("%d, %d: %d", what, (int)nth, status);
        }
    hth_store_close(&s);
}

int main(void) {
    hth_json_init();
#define IN_FOLDER(t) cmocka_unit_test_setup_teardown(t, begin, test_folder_drop)
    const struct CMUnitTest tests[] = { IN_FOLDER(tags),        IN_FOLDER(shows),
                                        IN_FOLDER(makes),       IN_FOLDER(others),
                                        IN_FOLDER(refuses),     IN_FOLDER(memory_runs_out),
                                        cmocka_unit_test(facts) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
