/* llamacpp_test.c - llama.cpp's own endpoints: requests into asks, answers to the byte. */
#include "support/test.h"

#include "support/api.h"

#define API(path) api_find(hth_api_llamacpp, path)

static const ApiReadCase completion_cases[] = {
    { "{\"prompt\":\"a\"}", "text prompt=<a>", HTH_OK },
    { "{\"prompt\":[\"a\",[1,2]],\"n_predict\":5,\"stream\":true,\"seed\":4294967295}",
      "text prompt=<a> ids=[1,2] predict=5 stream", HTH_OK },
    { "{\"prompt\":\"a\",\"n_predict\":-1,\"stop\":[\"x\"],\"temperature\":3,\"top_k\":40,\"min_"
      "p\":0.05,\"typical_p\":1,\"repeat_penalty\":1.1,\"dry_multiplier\":0.5,\"mirostat\":2,"
      "\"ignore_eos\":true,\"logit_bias\":[[15043,1.0]],\"n_probs\":3,\"cache_prompt\":true,\"id_"
      "slot\":0,\"n_keep\":5,\"samplers\":[\"top_k\"]}",
      "text prompt=<a> "
      "params={\"top_k\":40,\"min_p\":0.050000000000000003,\"typical_p\":1,\"repeat_penalty\":1."
      "1000000000000001,\"dry_multiplier\":0.5,\"mirostat\":2,\"samplers\":\"top_k\",\"logit_"
      "bias\":\"15043=1\",\"temperature\":3} stop=<x> top=3 ignore_end logprobs",
      HTH_OK },
    { "{\"prompt\":\"a\",\"n_predict\":0}", "text prompt=<a> predict=1 predict_none", HTH_OK },
    { "{\"prompt\":\"a\",\"n_predict\":\"x\"}", "n_predict: must be a whole number, not a string",
      HTH_EINVAL },
    { "{\"prompt\":\"a\",\"n_probs\":21}", "n_probs: must be from 0 to 20", HTH_EINVAL },
    { "{\"prompt\":\"a\",\"n_cmpl\":2,\"grammar\":\"root ::= \\\"a\\\"\"}",
      "text prompt=<a> format=gbnf grammar=<root ::= \"a\"> n=2", HTH_OK },
    { "{\"prompt\":\"a\",\"json_schema\":{\"type\":\"object\"},\"grammar\":\"\"}",
      "text prompt=<a> format=schema schema={\"type\":\"object\"}", HTH_OK },
    { "{\"prompt\":\"a\",\"json_schema\":{\"type\":\"object\"},\"grammar\":\"root ::= \\\"a\\\"\"}",
      "grammar: another field has set a format already; only one can hold", HTH_EINVAL },
    { "{\"prompt\":\"a\",\"n_indent\":2}",
      "n_indent: is not supported by this server; leave it out", HTH_ENOTSUP },
    { "{\"prompt\":\"a\",\"lora\":[{\"id\":0,\"scale\":1},{\"id\":3,\"scale\":-0.5}]}",
      "text prompt=<a> lora=0*1,3*-0.5", HTH_OK },
    { "{\"prompt\":\"a\",\"lora\":[]}", "text prompt=<a> lora=", HTH_OK },
    { "{\"prompt\":\"a\",\"lora\":{}}", "lora: must be an array, not an object", HTH_EINVAL },
    { "{\"prompt\":\"a\",\"lora\":[1]}", "lora[0]: must be an object, not a number", HTH_EINVAL },
    { "{\"prompt\":\"a\",\"lora\":[{\"scale\":1}]}",
      "lora[0].id: must be a whole number, not absent", HTH_EINVAL },
    { "{\"prompt\":\"a\",\"lora\":[{\"id\":-1,\"scale\":1}]}",
      "lora[0].id: must be from 0 to 2147483647", HTH_EINVAL },
    { "{\"prompt\":\"a\",\"lora\":[{\"id\":0}]}", "lora[0].scale: must be a number, not absent",
      HTH_EINVAL },
    { "{\"prompt\":\"a\",\"lora\":[{\"id\":0,\"scale\":1e300}]}", "lora[0].scale: is too large",
      HTH_EINVAL },
    { "{\"prompt\":\"a\",\"lora\":[{\"id\":0,\"scale\":1},{\"id\":0,\"scale\":2}]}",
      "lora[1]: adapter 0 is named twice", HTH_EINVAL },
    { "{\"prompt\":\"a\",\"t_max_predict_ms\":-1,\"response_fields\":[],\"post_"
      "sampling_probs\":false}",
      "text prompt=<a>", HTH_OK },
    { "{\"prompt\":\"a\",\"t_max_predict_ms\":10}",
      "t_max_predict_ms: is not supported by this server; leave it out", HTH_ENOTSUP },
    { "{\"prompt\":\"a\",\"response_fields\":[\"content\"]}",
      "response_fields: is not supported by this server; leave it out", HTH_ENOTSUP },
    { "{\"prompt\":{\"prompt_string\":\"x\"}}",
      "prompt: must be a string, a list of token ids, or an array of these, not an object",
      HTH_EINVAL },
    { "{}", "prompt: must be given", HTH_EINVAL },
};

static const ApiReadCase infill_cases[] = {
    { "{\"input_prefix\":\"a\",\"input_suffix\":\"b\"}", "infill prompt=<a> suffix=<b>", HTH_OK },
    { "{\"input_prefix\":\"a\",\"input_suffix\":\"b\",\"prompt\":\"mid\",\"input_extra\":[{"
      "\"filename\":\"f.c\",\"text\":\"int x;\"}],\"n_predict\":9}",
      "infill prompt=<a> suffix=<b> middle=<mid> extra=[{\"filename\":\"f.c\",\"text\":\"int "
      "x;\"}] predict=9",
      HTH_OK },
    { "{\"input_prefix\":\"a\",\"input_suffix\":\"b\",\"prompt\":\"\",\"input_extra\":[]}",
      "infill prompt=<a> suffix=<b>", HTH_OK },
    { "{\"input_prefix\":\"a\",\"input_suffix\":\"b\",\"input_extra\":[{\"filename\":\"f.c\"}]}",
      "input_extra[0].text: must be a string, not absent", HTH_EINVAL },
    { "{\"input_prefix\":\"a\",\"input_suffix\":\"b\",\"input_extra\":[\"x\"]}",
      "input_extra[0]: must be an object, not a string", HTH_EINVAL },
    { "{\"input_prefix\":\"a\"}", "input_suffix: must be given", HTH_EINVAL },
    { "{\"input_suffix\":\"a\"}", "input_prefix: must be given", HTH_EINVAL },
    { "{\"input_prefix\":[1],\"input_suffix\":\"b\"}",
      "input_prefix: must be a string, not an array", HTH_EINVAL },
    { "{\"input_prefix\":\"a\",\"input_suffix\":\"b\",\"prompt\":[1]}",
      "prompt: must be a string, not an array", HTH_EINVAL },
    { "{\"input_prefix\":\"a\",\"input_suffix\":2}", "input_suffix: must be a string, not a number",
      HTH_EINVAL },
};

static const ApiReadCase embedding_cases[] = {
    { "{\"input\":\"a\"}", "embed prompt=<a>", HTH_OK },
    { "{\"content\":[\"a\",\"b\"]}", "embed prompt=<a> prompt=<b>", HTH_OK },
    { "{\"input\":[\"a\",[1]],\"embd_normalize\":2}", "embed prompt=<a> ids=[1]", HTH_OK },
    { "{\"input\":\"a\",\"embd_normalize\":-1}",
      "embd_normalize: is not supported by this server; leave it out", HTH_ENOTSUP },
    { "{}", "input: must be given", HTH_EINVAL },
};

static const ApiReadCase rerank_cases[] = {
    { "{\"model\":\"m\",\"query\":\"q\",\"documents\":[\"a\",\"b\"],\"top_n\":1}",
      "rerank model=<m> prompt=<q> prompt=<a> prompt=<b> top_n=1", HTH_OK },
    { "{\"query\":\"q\",\"documents\":[{\"text\":\"a\"},\"b\"]}",
      "rerank prompt=<q> prompt=<a> prompt=<b>", HTH_OK },
    { "{\"query\":\"q\",\"texts\":[\"a\"]}", "rerank prompt=<q> prompt=<a>", HTH_OK },
    { "{\"query\":\"q\",\"texts\":[\"a\"],\"documents\":[\"a\"]}",
      "texts: documents are given as well; only one can hold", HTH_EINVAL },
    { "{\"query\":\"q\",\"documents\":[]}", "documents: must have at least one", HTH_EINVAL },
    { "{\"query\":\"q\",\"documents\":[1]}", "documents[0]: must be a string, not a number",
      HTH_EINVAL },
    { "{\"query\":\"q\",\"documents\":[{\"title\":\"x\"}]}",
      "documents[0].text: must be a string, not absent", HTH_EINVAL },
    { "{\"query\":\"q\",\"documents\":\"a\"}",
      "documents: must be an array of strings, not a string", HTH_EINVAL },
    { "{\"query\":[\"q\"],\"documents\":[\"a\"]}", "query: must be a string, not an array",
      HTH_EINVAL },
    { "{\"documents\":[\"a\"]}", "query: must be a string, not absent", HTH_EINVAL },
};

static const ApiReadCase template_cases[] = {
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"stream\":true}",
      "render messages=[{\"role\":\"user\",\"content\":\"a\"}]", HTH_OK },
    { "{\"messages\":[]}", "messages: must have at least one message", HTH_EINVAL },
};

static const ApiReadCase count_cases[] = {
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}",
      "count_tokens messages=[{\"role\":\"user\",\"content\":\"a\"}]", HTH_OK },
};

static void test_reads(void **state) {
    (void)state;
    api_read_cases(API("/completion"), completion_cases, HTH_COUNT(completion_cases));
    api_read_cases(API("/completions"), completion_cases, HTH_COUNT(completion_cases));
    api_read_cases(API("/infill"), infill_cases, HTH_COUNT(infill_cases));
    api_read_cases(API("/embedding"), embedding_cases, HTH_COUNT(embedding_cases));
    api_read_cases(API("/v1/rerank"), rerank_cases, HTH_COUNT(rerank_cases));
    api_read_cases(API("/rerank"), rerank_cases, HTH_COUNT(rerank_cases));
    api_read_cases(API("/apply-template"), template_cases, HTH_COUNT(template_cases));
    api_read_cases(API("/v1/chat/completions/input_tokens"), count_cases, HTH_COUNT(count_cases));
}

static const HthTop tops[] = { { 1, -0.5f } };
static const HthWord words[] = {
    { .id = 1, .text = HTH_STR("h"), .logprob = -0.5f, .top = tops, .top_count = 1 },
    { .id = 2, .text = HTH_STR("i"), .logprob = -0.25f, .top = tops, .top_count = 0 },
};
static const ApiEvent events[] = {
    { .kind = HTH_PART_TEXT, .text = "h", .words = words, .word_count = 1 },
    { .kind = HTH_PART_TEXT, .text = "" },
    { .kind = HTH_PART_TEXT, .text = "i\n", .words = words + 1, .word_count = 1 },
};
#define STREAM(path, text, ans) API_STREAM(API(path), text, events, ans)

static const char streamed[] =
    "data: "
    "{\"index\":0,\"content\":\"h\",\"tokens\":[1],\"stop\":false,\"id_slot\":-1,\"tokens_"
    "predicted\":1,\"tokens_evaluated\":7,\"completion_probabilities\":[{\"id\":1,\"token\":\"t1\","
    "\"bytes\":[116,49],\"logprob\":-0.5,\"top_logprobs\":[{\"id\":1,\"token\":\"t1\",\"bytes\":["
    "116,49],\"logprob\":-0.5}]}]}\n\ndata: "
    "{\"index\":0,\"content\":\"i\\n\",\"tokens\":[2],\"stop\":false,\"id_slot\":-1,\"tokens_"
    "predicted\":2,\"tokens_evaluated\":7,\"completion_probabilities\":[{\"id\":2,\"token\":\"t2\","
    "\"bytes\":[116,50],\"logprob\":-0.25,\"top_logprobs\":[]}]}\n\ndata: "
    "{\"index\":0,\"content\":\"\",\"tokens\":[],\"id_slot\":-1,\"stop\":true,\"model\":"
    "\"tiny\\\"1\",\"tokens_predicted\":2,\"tokens_evaluated\":7,\"generation_settings\":{\"seed\":"
    "5,\"top_k\":4,\"n_predict\":-1,\"ignore_eos\":false,\"stream\":true,\"n_probs\":1,\"stop\":["
    "\"x\"]},\"prompt\":\"<p>\",\"has_new_line\":true,\"truncated\":false,\"stop_type\":\"word\","
    "\"stopping_word\":\"x\",\"tokens_cached\":3,\"timings\":{\"cache_n\":3,\"prompt_n\":4,"
    "\"prompt_ms\":2,\"prompt_per_token_ms\":0.5,\"prompt_per_second\":2000,\"predicted_n\":2,"
    "\"predicted_ms\":1,\"predicted_per_token_ms\":0.5,\"predicted_per_second\":2000},\"system_"
    "fingerprint\":\"hn1\",\"model_digest\":\"sha256:d1\",\"seed\":5}\n\n";

static const char alone[] =
    "{\"index\":0,\"content\":\"hi\\n\",\"tokens\":[1,2],\"id_slot\":-1,\"stop\":true,\"model\":"
    "\"tiny\\\"1\",\"tokens_predicted\":2,\"tokens_evaluated\":7,\"generation_settings\":{\"seed\":"
    "5,\"n_predict\":-1,\"ignore_eos\":false,\"stream\":false,\"n_probs\":1,\"stop\":[]},"
    "\"prompt\":\"<p>\",\"has_new_line\":true,\"truncated\":false,\"stop_type\":\"word\","
    "\"stopping_word\":\"x\",\"tokens_cached\":3,\"timings\":{\"cache_n\":3,\"prompt_n\":4,"
    "\"prompt_ms\":2,\"prompt_per_token_ms\":0.5,\"prompt_per_second\":2000,\"predicted_n\":2,"
    "\"predicted_ms\":1,\"predicted_per_token_ms\":0.5,\"predicted_per_second\":2000},\"completion_"
    "probabilities\":[{\"id\":1,\"token\":\"t1\",\"bytes\":[116,49],\"logprob\":-0.5,\"top_"
    "logprobs\":[{\"id\":1,\"token\":\"t1\",\"bytes\":[116,49],\"logprob\":-0.5}]},{\"id\":2,"
    "\"token\":\"t2\",\"bytes\":[116,50],\"logprob\":-0.25,\"top_logprobs\":[]}],\"system_"
    "fingerprint\":\"hn1\",\"model_digest\":\"sha256:d1\",\"seed\":5}";

static void test_completion(void **state) {
    const HthAnswerOut answers[] = { { .end = HTH_END_STOP,
                                       .stop = HTH_STR("x"),
                                       .text = HTH_STR("hi\n"),
                                       .words = words,
                                       .word_count = 2,
                                       .seed = 5,
                                       .usage = api_usage() } };
    const HthAnswerOut two[] = { { .end = HTH_END_STOP, .text = HTH_STR("a") },
                                 { .end = HTH_END_LATE, .text = HTH_STR("b"), .index = 1 } };
    (void)state;
    const ApiStream s = STREAM(
        "/completion",
        "{\"prompt\":\"p\",\"stream\":true,\"n_probs\":1,\"top_k\":4,\"stop\":[\"x\"]}", answers);
    api_expect(api_stream, &s, streamed);
    const ApiStream one =
        STREAM("/completion", "{\"prompt\":\"p\",\"n_probs\":1,\"return_tokens\":true}", answers);
    api_expect(api_whole, &one, alone);
    const ApiStream list = STREAM("/completion", "{\"prompt\":[\"p\",\"q\"]}", two);
    api_expect(
        api_whole, &list,
        "[{\"index\":0,\"content\":\"a\",\"tokens\":[],\"id_slot\":-1,\"stop\":true,\"model\":"
        "\"tiny\\\"1\",\"tokens_predicted\":0,\"tokens_evaluated\":0,\"generation_settings\":{"
        "\"seed\":0,\"n_predict\":-1,\"ignore_eos\":false,\"stream\":false,\"n_probs\":0,\"stop\":["
        "]},\"prompt\":\"<p>\",\"has_new_line\":false,\"truncated\":false,\"stop_type\":\"eos\","
        "\"stopping_word\":\"\",\"tokens_cached\":0,\"timings\":{\"cache_n\":0,\"prompt_n\":0,"
        "\"prompt_ms\":0,\"prompt_per_token_ms\":0,\"prompt_per_second\":0,\"predicted_n\":0,"
        "\"predicted_ms\":0,\"predicted_per_token_ms\":0,\"predicted_per_second\":0},\"system_"
        "fingerprint\":\"hn1\",\"model_digest\":\"sha256:d1\",\"seed\":0},{\"index\":1,\"content\":"
        "\"b\",\"tokens\":[],\"id_slot\":-1,\"stop\":true,\"model\":\"tiny\\\"1\",\"tokens_"
        "predicted\":0,\"tokens_evaluated\":0,\"generation_settings\":{\"seed\":0,\"n_predict\":-1,"
        "\"ignore_eos\":false,\"stream\":false,\"n_probs\":0,\"stop\":[]},\"prompt\":\"<p>\",\"has_"
        "new_line\":false,\"truncated\":false,\"stop_type\":\"limit\",\"stopping_word\":\"\","
        "\"finish_detail\":\"deadline\",\"tokens_cached\":0,\"timings\":{\"cache_n\":0,\"prompt_"
        "n\":0,\"prompt_ms\":0,\"prompt_per_token_ms\":0,\"prompt_per_second\":0,\"predicted_n\":0,"
        "\"predicted_ms\":0,\"predicted_per_token_ms\":0,\"predicted_per_second\":0},\"system_"
        "fingerprint\":\"hn1\",\"model_digest\":\"sha256:d1\",\"seed\":0}]");
    const ApiStream none =
        STREAM("/completion", "{\"prompt\":\"p\",\"n_predict\":0,\"stream\":true}", answers);
    api_expect(
        api_stream, &none,
        "data: "
        "{\"index\":0,\"content\":\"\",\"tokens\":[],\"id_slot\":-1,\"stop\":true,\"model\":"
        "\"tiny\\\"1\",\"tokens_predicted\":0,\"tokens_evaluated\":7,\"generation_settings\":{"
        "\"seed\":5,\"n_predict\":0,\"ignore_eos\":false,\"stream\":true,\"n_probs\":0,\"stop\":[]}"
        ",\"prompt\":\"<p>\",\"has_new_line\":true,\"truncated\":false,\"stop_type\":\"limit\","
        "\"stopping_word\":\"x\",\"tokens_cached\":3,\"timings\":{\"cache_n\":3,\"prompt_n\":4,"
        "\"prompt_ms\":2,\"prompt_per_token_ms\":0.5,\"prompt_per_second\":2000,\"predicted_n\":2,"
        "\"predicted_ms\":1,\"predicted_per_token_ms\":0.5,\"predicted_per_second\":2000},\"system_"
        "fingerprint\":\"hn1\",\"model_digest\":\"sha256:d1\",\"seed\":5}\n\n");
}

static HthFace *open_face(const char *path, const char *body, HthAsk *ask) {
    const HthFacts facts = api_facts();
    HthErr err = { 0 };
    HthFace *f = NULL;
    assert_ok(api_read(API(path), body, ask, &err), err);
    assert_ok(API(path)->open(&f, ask, &facts, &err), err);
    return f;
}

static void expect_scores(const char *body, const float *scores, size_t n, const char *want) {
    const HthUsage usage = { .prompt = 9 };
    HthErr err = { 0 };
    HthAsk ask;
    HthBuf out;
    HthFace *f = open_face("/rerank", body, &ask);
    hth_buf_init(&out, 10000);
    assert_ok(f->ops->scores(f, scores, n, &usage, &out, &err), err);
    assert_string_equal(out.p, want);
    hth_buf_drop(&out);
    hth_face_close(&f);
    hth_ask_drop(&ask);
}

static void test_rerank(void **state) {
    const float scores[] = { 0.5f, 0.0f / 0.0f, 2.0f, 0.5f };
    (void)state;
    expect_scores(
        "{\"query\":\"q\",\"documents\":[\"a\",\"b\",\"c\",\"d\"]}", scores, 4,
        "{\"model\":\"tiny\\\"1\",\"object\":\"list\",\"usage\":{\"prompt_tokens\":9,"
        "\"total_tokens\":9},\"results\":[{\"index\":2,\"relevance_score\":2},{\"index\":0,"
        "\"relevance_score\":0.5},{\"index\":3,\"relevance_score\":0.5},{\"index\":1,"
        "\"relevance_score\":null}],\"system_fingerprint\":\"hn1\",\"model_digest\":\"sha256:"
        "d1\"}");
    expect_scores(
        "{\"query\":\"q\",\"documents\":[\"a\",\"b\",\"c\",\"d\"],\"top_n\":1,"
        "\"return_documents\":true}",
        scores, 4,
        "{\"model\":\"tiny\\\"1\",\"object\":\"list\",\"usage\":{\"prompt_tokens\":9,"
        "\"total_tokens\":9},\"results\":[{\"index\":2,\"relevance_score\":2,\"document\":"
        "{\"text\":\"c\"}}],\"system_fingerprint\":\"hn1\",\"model_digest\":\"sha256:d1\"}");
    expect_scores("{\"query\":\"q\",\"texts\":[\"a\"],\"return_text\":true}", scores, 1,
                  "[{\"index\":0,\"score\":0.5,\"text\":\"a\"}]");
}

static void test_others(void **state) {
    const float row[] = { 1.0f, 0.25f };
    const float *const rows[] = { row };
    const uint32_t tokens[] = { 3 };
    const HthUsage usage = { .prompt = 12 };
    HthErr err = { 0 };
    HthAsk ask;
    HthBuf out;
    (void)state;
    hth_buf_init(&out, 10000);
    HthFace *f = open_face("/embedding", "{\"input\":\"a\"}", &ask);
    assert_ok(f->ops->vectors(f, rows, tokens, 1, 2, &usage, &out, &err), err);
    assert_string_equal(out.p, "[{\"index\":0,\"embedding\":[[1,0.25]],\"tokens_evaluated\":3,"
                               "\"system_fingerprint\":\"hn1\",\"model_digest\":\"sha256:d1\"}]");
    hth_face_close(&f);
    hth_ask_drop(&ask);
    hth_buf_clear(&out);
    const char *chat = "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}";
    f = open_face("/apply-template", chat, &ask);
    assert_ok(f->ops->whole(f, NULL, 0, &usage, &out, &err), err);
    assert_string_equal(out.p, "{\"prompt\":\"<p>\",\"model_digest\":\"sha256:d1\"}");
    hth_face_close(&f);
    hth_ask_drop(&ask);
    hth_buf_clear(&out);
    f = open_face("/v1/chat/completions/input_tokens", chat, &ask);
    assert_ok(f->ops->count(f, &usage, &out, &err), err);
    assert_string_equal(out.p, "{\"object\":\"response.input_tokens\",\"input_tokens\":12,"
                               "\"model_digest\":\"sha256:d1\"}");
    hth_face_close(&f);
    hth_ask_drop(&ask);
    hth_buf_drop(&out);
}

static void test_errors(void **state) {
    const HthErr e = { .status = HTH_EIO, .text = "gone" };
    HthErr err = { 0 };
    HthAsk ask;
    HthBuf out;
    (void)state;
    hth_buf_init(&out, 10000);
    HthFace *f = open_face("/completion", "{\"prompt\":\"a\"}", &ask);
    assert_int_equal(f->ops->error(f, 507, &e, true, &out), HTH_OK);
    assert_string_equal(out.p, "data: {\"error\":{\"code\":507,\"message\":\"gone\",\"type\":"
                               "\"server_error\"}}\n\n");
    hth_buf_clear(&out);
    assert_int_equal(f->ops->error(f, 503, &e, false, &out), HTH_OK);
    assert_string_equal(out.p, "{\"error\":{\"code\":503,\"message\":\"gone\",\"type\":"
                               "\"unavailable_error\"}}");
    hth_buf_clear(&out);
    assert_int_equal(hth_api_too_long(&err, 9000, 4096), HTH_ELIMIT);
    assert_int_equal(API("/infill")->error(400, &err, &out), HTH_OK);
    assert_non_null(strstr(out.p, "\"type\":\"exceed_context_size_error\",\"n_prompt_tokens\":9000,"
                                  "\"n_ctx\":4096}}"));
    hth_face_close(&f);
    hth_ask_drop(&ask);
    hth_buf_drop(&out);
}

static HthStatus rank_once(void *ctx) {
    const float scores[] = { 1.0f, 2.0f };
    const HthUsage usage = { 0 };
    const HthFacts facts = api_facts();
    HthErr err = { 0 };
    HthAsk ask;
    HthFace *f = NULL;
    HthBuf out;
    (void)ctx;
    HTH_TRY(api_read(API("/rerank"), "{\"query\":\"q\",\"documents\":[{\"text\":\"a\"},\"b\"]}",
                     &ask, &err));
    hth_buf_init(&out, 10000);
    HthStatus st = API("/rerank")->open(&f, &ask, &facts, &err);
    if (st == HTH_OK) st = f->ops->scores(f, scores, 2, &usage, &out, &err);
    hth_buf_drop(&out);
    hth_face_close(&f);
    hth_ask_drop(&ask);
    return st;
}

static void test_faults(void **state) {
    const HthAnswerOut answers[] = { { .end = HTH_END_STOP, .words = words, .word_count = 2 } };
    const ApiStream s = STREAM("/completion",
                               "{\"prompt\":[\"a\",[1]],\"stream\":true,\"n_probs\":2,\"samplers\":"
                               "[\"top_k\"],\"dry_sequence_breakers\":[\"x\"]}",
                               answers);
    ApiTorture runs[] = { { api_stream, &s }, { api_whole, &s } };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(runs); i++)
        assert_true(test_torture(api_torture_body, &runs[i], 1000) > 10);
    assert_true(test_torture(rank_once, NULL, 1000) > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),  cmocka_unit_test(test_completion),
        cmocka_unit_test(test_rerank), cmocka_unit_test(test_others),
        cmocka_unit_test(test_errors), cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
