/* ollama_test.c - Ollama's requests into asks, and its lines to the byte. */
#include "support/test.h"

#include "support/api.h"

#define API(path) api_find(hth_api_ollama, path)

static const ApiReadCase chat_cases[] = {
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
      "chat model=<m> messages=[{\"role\":\"user\",\"content\":\"hi\"}] stream", HTH_OK },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"User\",\"content\":\"hi\"}],\"stream\":false,"
      "\"options\":{\"num_ctx\":2048,\"num_predict\":10,\"seed\":3,\"stop\":[\"a\"],"
      "\"temperature\":0,\"top_k\":20,\"top_p\":0.5,\"min_p\":0,\"repeat_penalty\":1.1,\"repeat_"
      "last_n\":-1,\"num_gpu\":99,\"num_thread\":4,\"nonsense\":{\"a\":1}},\"keep_alive\":300}",
      "chat model=<m> messages=[{\"role\":\"user\",\"content\":\"hi\"}] "
      "params={\"temperature\":0,\"top_p\":0.5,\"top_k\":20,\"min_p\":0,\"repeat_penalty\":1."
      "1000000000000001,\"repeat_last_n\":-1} seed=3 stop=<a> predict=10 ctx=2048 keep_alive=300",
      HTH_OK },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"options\":{\"num_"
      "predict\":-1}}",
      "chat model=<m> messages=[{\"role\":\"user\",\"content\":\"hi\"}] stream", HTH_OK },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"options\":{\"num_"
      "predict\":-2,\"seed\":-1}}",
      "chat model=<m> messages=[{\"role\":\"user\",\"content\":\"hi\"}] stream", HTH_OK },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"options\":{\"num_"
      "predict\":0,\"stop\":\"x\"}}",
      "chat model=<m> messages=[{\"role\":\"user\",\"content\":\"hi\"}] stop=<x> stream", HTH_OK },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"options\":{"
      "\"temperature\":\"hot\"}}",
      "options.temperature: must be a number, not a string", HTH_EINVAL },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"options\":{"
      "\"stop\":[1]}}",
      "options.stop[0]: must be a string, not a number", HTH_EINVAL },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"options\":[]}",
      "options: must be an object, not an array", HTH_EINVAL },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"w?\"},{\"role\":"
      "\"assistant\",\"content\":\"\",\"thinking\":\"t\",\"tool_calls\":[{\"function\":{\"name\":"
      "\"f\",\"arguments\":{\"c\":\"P\"}}}]},{\"role\":\"tool\",\"tool_name\":\"f\",\"content\":"
      "\"11\"}],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":"
      "\"d\",\"parameters\":{\"type\":\"object\",\"required\":[\"c\"],\"properties\":{\"c\":{"
      "\"type\":\"string\"}}}}}]}",
      "chat model=<m> "
      "messages=[{\"role\":\"user\",\"content\":\"w?\"},{\"role\":\"assistant\",\"content\":\"\","
      "\"reasoning_content\":\"t\",\"tool_calls\":[{\"type\":\"function\",\"function\":{\"name\":"
      "\"f\",\"arguments\":{\"c\":\"P\"}}}]},{\"role\":\"tool\",\"content\":\"11\",\"name\":\"f\"}]"
      " tools=[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\","
      "\"parameters\":{\"type\":\"object\",\"required\":[\"c\"],\"properties\":{\"c\":{\"type\":"
      "\"string\"}}}}}] stream",
      HTH_OK },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":"
      "\"assistant\",\"content\":\"The\"}]}",
      "chat model=<m> "
      "messages=[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":\"The\"}"
      "] think=0 stream prefill",
      HTH_OK },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"images\":[\"aGk=\"]}]"
      "}",
      "messages[0].images: is not supported by this server; leave it out", HTH_ENOTSUP },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"images\":[]}],"
      "\"format\":\"json\",\"think\":false}",
      "chat model=<m> messages=[{\"role\":\"user\",\"content\":\"x\"}] think=0 format=json stream",
      HTH_OK },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"format\":{\"type\":"
      "\"object\"},\"think\":\"high\"}",
      "chat model=<m> messages=[{\"role\":\"user\",\"content\":\"x\"}] think=1 effort=<high> "
      "format=schema schema={\"type\":\"object\"} stream think_must",
      HTH_OK },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"format\":\"\","
      "\"think\":true,\"truncate\":true}",
      "chat model=<m> messages=[{\"role\":\"user\",\"content\":\"x\"}] think=1 stream truncate "
      "think_must",
      HTH_OK },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"format\":\"xml\"}",
      "format: must be \"json\" or a JSON schema (an object)", HTH_EINVAL },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"format\":3}",
      "format: must be \"json\" or a JSON schema (an object)", HTH_EINVAL },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"think\":\"very\"}",
      "think: must be one of \"none\", \"low\", \"medium\", \"high\", \"max\"", HTH_EINVAL },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"think\":1}",
      "think: must be true, false or a level of effort, not a number", HTH_EINVAL },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"truncate\":false,"
      "\"shift\":true}",
      "shift: is not supported by this server; leave it out", HTH_ENOTSUP },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"logprobs\":true,"
      "\"top_logprobs\":2,\"shift\":false}",
      "chat model=<m> messages=[{\"role\":\"user\",\"content\":\"x\"}] top=2 stream logprobs",
      HTH_OK },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"top_logprobs\":2}",
      "chat model=<m> messages=[{\"role\":\"user\",\"content\":\"x\"}] stream", HTH_OK },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"logprobs\":true,"
      "\"top_logprobs\":21}",
      "top_logprobs: must be from 0 to 20", HTH_EINVAL },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"_debug_render_"
      "only\":true}",
      "render model=<m> messages=[{\"role\":\"user\",\"content\":\"x\"}] stream", HTH_OK },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[{"
      "\"function\":{\"name\":\"f\"}}],\"tool_choice\":\"required\"}",
      "chat model=<m> messages=[{\"role\":\"user\",\"content\":\"x\"}] "
      "tools=[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":"
      "\"object\",\"properties\":{}}}}] required stream",
      HTH_OK },
    { "{\"model\":\"m\"}", "load model=<m> stream", HTH_OK },
    { "{\"model\":\"m\",\"messages\":[],\"keep_alive\":0}",
      "load model=<m> messages=[] keep_alive=0 stream", HTH_OK },
    { "{\"messages\":[]}", "model: is required", HTH_EINVAL },
    { "{\"model\":3}", "model: must be a string, not a number", HTH_EINVAL },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"keep_alive\":"
      "\"5m\"}",
      "chat model=<m> messages=[{\"role\":\"user\",\"content\":\"x\"}] keep_alive=300 stream",
      HTH_OK },
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"keep_alive\":true}",
      "keep_alive: must be a number of seconds or a duration like \"10m\"; negative is for ever",
      HTH_EINVAL },
};

static const ApiReadCase generate_cases[] = {
    { "{\"model\":\"m\",\"prompt\":\"p\"}",
      "chat model=<m> messages=[{\"role\":\"user\",\"content\":\"p\"}] stream", HTH_OK },
    { "{\"model\":\"m\",\"prompt\":\"p\",\"system\":\"s\",\"stream\":false}",
      "chat model=<m> "
      "messages=[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"p\"}]",
      HTH_OK },
    { "{\"model\":\"m\",\"prompt\":\"p\",\"raw\":true,\"options\":{\"num_predict\":4}}",
      "text model=<m> prompt=<p> predict=4 raw stream", HTH_OK },
    { "{\"model\":\"m\",\"prompt\":\"p\",\"raw\":true,\"system\":\"s\"}",
      "raw: takes no system and no template", HTH_EINVAL },
    { "{\"model\":\"m\",\"prompt\":\"p\",\"template\":\"T\"}",
      "chat model=<m> messages=[{\"role\":\"user\",\"content\":\"p\"}] template=<T> stream",
      HTH_OK },
    { "{\"model\":\"m\",\"prompt\":\"p\",\"suffix\":\"s\"}",
      "infill model=<m> prompt=<p> suffix=<s> stream", HTH_OK },
    { "{\"model\":\"m\",\"prompt\":\"\",\"suffix\":\"s\"}",
      "infill model=<m> prompt=<> suffix=<s> stream", HTH_OK },
    { "{\"model\":\"m\",\"prompt\":\"\"}", "load model=<m> stream", HTH_OK },
    { "{\"model\":\"m\",\"keep_alive\":0}", "load model=<m> keep_alive=0 stream", HTH_OK },
    { "{\"model\":\"m\",\"prompt\":[\"p\"]}", "prompt: must be a string, not an array",
      HTH_EINVAL },
    { "{\"model\":\"m\",\"prompt\":\"p\",\"images\":[\"x\"]}",
      "images: is not supported by this server; leave it out", HTH_ENOTSUP },
    { "{\"model\":\"m\",\"prompt\":\"p\",\"context\":[1,2]}",
      "chat model=<m> messages=[{\"role\":\"user\",\"content\":\"p\"}] context=[1,2] stream",
      HTH_OK },
    { "{\"model\":\"m\",\"prompt\":\"p\",\"context\":[],\"format\":\"json\"}",
      "chat model=<m> messages=[{\"role\":\"user\",\"content\":\"p\"}] format=json stream",
      HTH_OK },
    { "{\"model\":\"m\",\"prompt\":\"p\",\"context\":[1,-2]}",
      "context[1]: must be from 0 to 4294967295", HTH_EINVAL },
    { "{\"model\":\"m\",\"prompt\":\"p\",\"context\":\"x\"}",
      "context: must be a list of token ids, not a string", HTH_EINVAL },
    { "{\"model\":\"m\",\"prompt\":\"p\",\"context\":[1],\"raw\":true}",
      "context: goes with neither raw nor suffix", HTH_EINVAL },
    { "{\"prompt\":\"p\"}", "model: is required", HTH_EINVAL },
};

static const ApiReadCase embed_cases[] = {
    { "{\"model\":\"m\",\"input\":\"a\"}", "embed model=<m> prompt=<a>", HTH_OK },
    { "{\"model\":\"m\",\"input\":[\"a\",\"\"],\"truncate\":true,\"dimensions\":8,\"keep_alive\":"
      "\"1m\",\"options\":{\"num_ctx\":64}}",
      "embed model=<m> prompt=<a> prompt=<> ctx=64 dimensions=8 keep_alive=60 truncate", HTH_OK },
    { "{\"model\":\"m\",\"input\":[]}", "load model=<m>", HTH_OK },
    { "{\"model\":\"m\",\"input\":\"\"}", "load model=<m>", HTH_OK },
    { "{\"model\":\"m\"}", "load model=<m>", HTH_OK },
    { "{\"model\":\"m\",\"input\":[1]}", "input[0]: must be a string, not a number", HTH_EINVAL },
    { "{\"model\":\"m\",\"input\":5}", "input: must be an array of strings, not a number",
      HTH_EINVAL },
};

static const ApiReadCase embedding_cases[] = {
    { "{\"model\":\"m\",\"prompt\":\"a\"}", "embed model=<m> prompt=<a>", HTH_OK },
    { "{\"model\":\"m\",\"prompt\":\"\"}", "load model=<m>", HTH_OK },
    { "{\"model\":\"m\",\"prompt\":[\"a\"]}", "prompt: must be a string, not an array",
      HTH_EINVAL },
};

static void test_reads(void **state) {
    (void)state;
    api_read_cases(API("/api/chat"), chat_cases, HTH_COUNT(chat_cases));
    api_read_cases(API("/api/generate"), generate_cases, HTH_COUNT(generate_cases));
    api_read_cases(API("/api/embed"), embed_cases, HTH_COUNT(embed_cases));
    api_read_cases(API("/api/embeddings"), embedding_cases, HTH_COUNT(embedding_cases));
}

static const HthTop tops[] = { { 1, -0.5f }, { 255, -2.25f } };
static const HthWord words[] = {
    { .id = 1, .text = HTH_STR("h"), .logprob = -0.5f, .top = tops, .top_count = 2 },
    { .id = 2, .text = HTH_STR("i"), .logprob = -0.25f, .top = tops, .top_count = 0 },
};
static const ApiEvent events[] = {
    { .kind = HTH_PART_THINKING, .text = "hm" },
    { .kind = HTH_PART_TEXT, .text = "hi\n", .words = words, .word_count = 2 },
    { .kind = HTH_PART_TEXT, .text = "" },
    { .kind = HTH_PART_CALL, .text = "f" },
    { .kind = HTH_PART_ARGS, .text = "{\"x\":" },
    { .kind = HTH_PART_ARGS, .text = " 1}" },
    { .kind = HTH_PART_CALL_END, .text = "" },
    { .kind = HTH_PART_CALL, .text = "g", .call = 1 },
    { .kind = HTH_PART_ARGS, .text = "{\"cut", .call = 1 },
};
#define STREAM(path, text, ans) API_STREAM(API(path), text, events, ans)

static void test_chat(void **state) {
    HthCall calls[2] = {
        { .id = HTH_STR("i1"), .name = HTH_STR("f"), .args = HTH_STR("{\"x\":1}") },
        { .name = HTH_STR("g"), .args = HTH_STR("{\"cut") }
    };
    const HthAnswerOut answers[] = { { .end = HTH_END_LATE,
                                       .text = HTH_STR("hi"),
                                       .thinking = HTH_STR("hm"),
                                       .calls = calls,
                                       .call_count = 2,
                                       .words = words,
                                       .word_count = 2,
                                       .seed = 5 } };
    (void)state;
    const ApiStream s = STREAM(
        "/api/chat",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"logprobs\":true}",
        answers);
    api_expect(
        api_stream, &s,
        "{\"model\":\"tiny\\\"1\",\"created_at\":\"2026-09-21T14:13:20.000000042Z\",\"message\":{"
        "\"role\":\"assistant\",\"content\":\"\",\"thinking\":\"hm\"},\"done\":false}\n{\"model\":"
        "\"tiny\\\"1\",\"created_at\":\"2026-09-21T14:13:20.000000042Z\",\"message\":{\"role\":"
        "\"assistant\",\"content\":\"hi\\n\"},\"done\":false,\"logprobs\":[{\"token\":\"t1\","
        "\"bytes\":[116,49],\"logprob\":-0.5,\"top_logprobs\":[{\"token\":\"t1\",\"bytes\":[116,49]"
        ",\"logprob\":-0.5},{\"token\":\"\357\277\275\",\"bytes\":[255],\"logprob\":-2.25}]},{"
        "\"token\":\"t2\",\"bytes\":[116,50],\"logprob\":-0.25,\"top_logprobs\":[]}]}\n{\"model\":"
        "\"tiny\\\"1\",\"created_at\":\"2026-09-21T14:13:20.000000042Z\",\"message\":{\"role\":"
        "\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"W6poCC4Ml\",\"function\":{"
        "\"index\":0,\"name\":\"f\",\"arguments\":{\"x\": "
        "1}}}]},\"done\":false}\n{\"model\":\"tiny\\\"1\",\"created_at\":\"2026-09-21T14:13:20."
        "000000042Z\",\"message\":{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":"
        "\"kjx5G4lRm\",\"function\":{\"index\":1,\"name\":\"g\",\"arguments\":{\"INVALID_JSON\":\"{"
        "\\\"cut\"}}}]},\"done\":false}\n{\"model\":\"tiny\\\"1\",\"created_at\":\"2026-09-21T14:"
        "13:20.000000042Z\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,"
        "\"done_reason\":\"length\",\"finish_detail\":\"deadline\",\"total_duration\":4000000,"
        "\"load_duration\":5,\"prompt_eval_count\":7,\"prompt_eval_duration\":2000000,\"eval_"
        "count\":2,\"eval_duration\":1000000,\"prompt_eval_cached\":3,\"model_digest\":\"sha256:"
        "d1\",\"seed\":5,\"system_fingerprint\":\"hn1\"}\n");
    api_expect(
        api_whole, &s,
        "{\"model\":\"tiny\\\"1\",\"created_at\":\"2026-09-21T14:13:20.000000042Z\",\"message\":{"
        "\"role\":\"assistant\",\"content\":\"hi\",\"thinking\":\"hm\",\"tool_calls\":[{\"id\":"
        "\"i1\",\"function\":{\"index\":0,\"name\":\"f\",\"arguments\":{\"x\":1}}},{\"id\":"
        "\"kjx5G4lRm\",\"function\":{\"index\":1,\"name\":\"g\",\"arguments\":{\"INVALID_JSON\":\"{"
        "\\\"cut\"}}}]},\"logprobs\":[{\"token\":\"t1\",\"bytes\":[116,49],\"logprob\":-0.5,\"top_"
        "logprobs\":[{\"token\":\"t1\",\"bytes\":[116,49],\"logprob\":-0.5},{\"token\":"
        "\"\357\277\275\",\"bytes\":[255],\"logprob\":-2.25}]},{\"token\":\"t2\",\"bytes\":[116,50]"
        ",\"logprob\":-0.25,\"top_logprobs\":[]}],\"done\":true,\"done_reason\":\"length\","
        "\"finish_detail\":\"deadline\",\"total_duration\":4000000,\"load_duration\":5,\"prompt_"
        "eval_count\":7,\"prompt_eval_duration\":2000000,\"eval_count\":2,\"eval_duration\":"
        "1000000,\"prompt_eval_cached\":3,\"model_digest\":\"sha256:d1\",\"seed\":5,\"system_"
        "fingerprint\":\"hn1\"}");
}

static void test_generate(void **state) {
    static const ApiEvent plain[] = { { .kind = HTH_PART_TEXT, .text = "a" } };
    static const uint32_t ids[] = { 8, 9 };
    const HthAnswerOut answers[] = {
        { .end = HTH_END_STOP, .text = HTH_STR("a"), .seed = 5, .ids = ids, .id_count = 2 }
    };
    ApiStream s = STREAM("/api/generate", "{\"model\":\"m\",\"prompt\":\"p\"}", answers);
    (void)state;
    s.events = plain;
    s.count = 1;
    api_expect(
        api_stream, &s,
        "{\"model\":\"tiny\\\"1\",\"created_at\":\"2026-09-21T14:13:20.000000042Z\",\"response\":"
        "\"a\",\"done\":false}\n{\"model\":\"tiny\\\"1\",\"created_at\":\"2026-09-21T14:13:20."
        "000000042Z\",\"response\":\"\",\"done\":true,\"done_reason\":\"stop\",\"total_duration\":"
        "4000000,\"load_duration\":5,\"prompt_eval_count\":7,\"prompt_eval_duration\":2000000,"
        "\"eval_count\":2,\"eval_duration\":1000000,\"context\":[1,2,3,4,5,6,7,8,9],\"prompt_eval_"
        "cached\":3,\"model_digest\":\"sha256:d1\",\"seed\":5,\"system_fingerprint\":\"hn1\"}\n");
    api_expect(
        api_whole, &s,
        "{\"model\":\"tiny\\\"1\",\"created_at\":\"2026-09-21T14:13:20.000000042Z\",\"response\":"
        "\"a\",\"done\":true,\"done_reason\":\"stop\",\"total_duration\":4000000,\"load_duration\":"
        "5,\"prompt_eval_count\":7,\"prompt_eval_duration\":2000000,\"eval_count\":2,\"eval_"
        "duration\":1000000,\"context\":[1,2,3,4,5,6,7,8,9],\"prompt_eval_cached\":3,\"model_"
        "digest\":\"sha256:d1\",\"seed\":5,\"system_fingerprint\":\"hn1\"}");
    s.body = "{\"model\":\"m\",\"prompt\":\"p\",\"_debug_render_only\":true}";
    s.answer_count = 0;
    api_expect(api_whole, &s,
               "{\"model\":\"tiny\\\"1\",\"created_at\":\"2026-09-21T14:13:20.000000042Z\","
               "\"response\":\"\",\"done\":true,\"_debug_info\":{\"rendered_template\":\"<p>\"},"
               "\"model_digest\":\"sha256:d1\"}");
}

/* What an endpoint says without words. */
typedef HthStatus (*Say)(HthFace *f, HthBuf *out, HthErr *err);

static HthStatus say_loaded(HthFace *f, HthBuf *out, HthErr *err) {
    return f->ops->loaded(f, false, out, err);
}

static HthStatus say_unloaded(HthFace *f, HthBuf *out, HthErr *err) {
    return f->ops->loaded(f, true, out, err);
}

static HthStatus say_vectors(HthFace *f, HthBuf *out, HthErr *err) {
    const float a[] = { 1.0f, -0.1f }, b[] = { 0.5f, 2.0f };
    const float *const rows[] = { a, b };
    const uint32_t tokens[] = { 3, 1 };
    const HthUsage usage = { .prompt = 4, .cut = 2, .total_ns = 9, .load_ns = 1 };
    return f->ops->vectors(f, rows, tokens, f->ask->prompt_count, 2, &usage, out, err);
}

static HthStatus say_error(HthFace *f, HthBuf *out, HthErr *err) {
    const HthErr e = { .status = HTH_EIO, .text = "gone" };
    (void)err;
    return f->ops->error(f, 500, &e, true, out);
}

static HthStatus say_error_first(HthFace *f, HthBuf *out, HthErr *err) {
    const HthErr e = { .status = HTH_EIO, .text = "gone" };
    (void)err;
    return f->ops->error(f, 500, &e, false, out);
}

static void expect_said(const char *path, const char *body, Say say, const char *want) {
    const HthFacts facts = api_facts();
    HthErr err = { 0 };
    HthAsk ask;
    HthFace *f = NULL;
    HthBuf out;
    hth_buf_init(&out, 10000);
    assert_ok(api_read(API(path), body, &ask, &err), err);
    assert_ok(API(path)->open(&f, &ask, &facts, &err), err);
    assert_ok(say(f, &out, &err), err);
    assert_string_equal(out.p, want);
    hth_buf_drop(&out);
    hth_face_close(&f);
    hth_ask_drop(&ask);
}

#define AT "{\"model\":\"tiny\\\"1\",\"created_at\":\"2026-09-21T14:13:20.000000042Z\""

static void test_loaded(void **state) {
    (void)state;
    expect_said("/api/generate", "{\"model\":\"m\"}", say_loaded,
                AT ",\"response\":\"\",\"done\":true,\"done_reason\":\"load\","
                   "\"model_digest\":\"sha256:d1\"}\n");
    expect_said("/api/chat", "{\"model\":\"m\",\"stream\":false,\"keep_alive\":0}", say_unloaded,
                AT ",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,"
                   "\"done_reason\":\"unload\",\"model_digest\":\"sha256:d1\"}");
    expect_said(
        "/api/embed", "{\"model\":\"m\"}", say_loaded,
        "{\"model\":\"tiny\\\"1\",\"embeddings\":[],\"total_duration\":0,\"load_duration\":0,"
        "\"prompt_eval_count\":0,\"prompt_eval_counts\":[],\"model_digest\":\"sha256:d1\","
        "\"system_fingerprint\":\"hn1\"}");
}

static void test_vectors(void **state) {
    (void)state;
    expect_said("/api/embed", "{\"model\":\"m\",\"input\":[\"a\",\"b\"]}", say_vectors,
                "{\"model\":\"tiny\\\"1\",\"embeddings\":[[1,-0.1],[0.5,2]],\"total_duration\":9,"
                "\"load_duration\":1,\"prompt_eval_count\":4,\"prompt_eval_counts\":[3,1],"
                "\"prompt_tokens_cut\":2,\"model_digest\":\"sha256:d1\","
                "\"system_fingerprint\":\"hn1\"}");
    expect_said("/api/embeddings", "{\"model\":\"m\",\"prompt\":\"a\"}", say_vectors,
                "{\"embedding\":[1,-0.1],\"prompt_tokens_cut\":2,\"model_digest\":\"sha256:d1\","
                "\"system_fingerprint\":\"hn1\"}");
}

static void test_errors(void **state) {
    const char *chat = "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}";
    HthErr err = { 0 };
    HthBuf out;
    (void)state;
    expect_said("/api/chat", chat, say_error, "{\"error\":\"gone\"}\n");
    expect_said("/api/chat", chat, say_error_first, "{\"error\":\"gone\"}");
    hth_buf_init(&out, 1000);
    assert_int_equal(hth_api_too_long(&err, 9000, 4096), HTH_ELIMIT);
    assert_int_equal(API("/api/chat")->error(400, &err, &out), HTH_OK);
    assert_string_equal(out.p,
                        "{\"error\":\"the prompt has 9000 tokens and the context holds 4096: "
                        "shorten it, ask for a larger num_ctx, or start the server with a "
                        "larger context\",\"n_prompt_tokens\":9000,\"n_ctx\":4096}");
    hth_buf_drop(&out);
}

static void test_faults(void **state) {
    HthCall calls[1] = { { .name = HTH_STR("f"), .args = HTH_STR("{\"x\":1}") } };
    const HthAnswerOut answers[] = { { .end = HTH_END_STOP,
                                       .text = HTH_STR("hi"),
                                       .calls = calls,
                                       .call_count = 1,
                                       .words = words,
                                       .word_count = 2 } };
    const ApiStream chat =
        STREAM("/api/chat",
               "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":"
               "\"assistant\",\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"f\","
               "\"arguments\":{\"a\":[1]}}}]}],\"logprobs\":true,\"options\":{\"top_k\":1},"
               "\"tools\":[{\"function\":{\"name\":\"f\",\"description\":\"d\"}}]}",
               answers);
    const ApiStream generate =
        STREAM("/api/generate", "{\"model\":\"m\",\"prompt\":\"p\",\"system\":\"s\"}", answers);
    ApiTorture runs[] = { { api_stream, &chat }, { api_whole, &chat }, { api_stream, &generate } };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(runs); i++)
        assert_true(test_torture(api_torture_body, &runs[i], 1000) > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),    cmocka_unit_test(test_chat),
        cmocka_unit_test(test_generate), cmocka_unit_test(test_loaded),
        cmocka_unit_test(test_vectors),  cmocka_unit_test(test_errors),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
