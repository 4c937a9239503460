/* anthropic_test.c - Anthropic's requests into asks, and its events to the byte. */
#include "support/test.h"

#include "support/api.h"

#define API(path) api_find(hth_api_anthropic, path)

static const ApiReadCase read_cases[] = {
    { "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
      "chat model=<m> messages=[{\"role\":\"user\",\"content\":\"hi\"}] predict=9", HTH_OK },
    { "{\"model\":\"m\",\"max_tokens\":2001,\"system\":\"s\",\"messages\":[{\"role\":\"user\","
      "\"content\":[{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\"}},{"
      "\"type\":\"text\",\"text\":\"b\"}]}],\"stream\":true,\"temperature\":0.5,\"top_p\":0.9,"
      "\"top_k\":5,\"stop_sequences\":[\"x\"],\"metadata\":{\"user_id\":\"u\"},\"thinking\":{"
      "\"type\":\"enabled\",\"budget_tokens\":2000},\"num_ctx\":100}",
      "chat model=<m> "
      "messages=[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"a\\nb\"}]"
      " think=1 think_max=2000 "
      "params={\"top_k\":5,\"temperature\":0.5,\"top_p\":0.90000000000000002} stop=<x> "
      "predict=2001 "
      "ctx=100 user=<u> stream",
      HTH_OK },
    { "{\"max_tokens\":9,\"system\":[{\"type\":\"text\",\"text\":\"x-anthropic-billing-header: "
      "cc_version=2.1; cch=a5145;\"},{\"type\":\"text\",\"text\":\"You "
      "are\"},{\"type\":\"text\",\"text\":\"kind\"}],\"messages\":[{\"role\":\"user\",\"content\":"
      "\"hi\"}]}",
      "chat messages=[{\"role\":\"system\",\"content\":\"You "
      "are\\nkind\"},{\"role\":\"user\",\"content\":\"hi\"}] predict=9",
      HTH_OK },
    { "{\"max_tokens\":9,\"system\":\"x-anthropic-billing-header: cc_version=2.1; cch=a5145;\\nYou "
      "are\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
      "chat messages=[{\"role\":\"system\",\"content\":\"You "
      "are\"},{\"role\":\"user\",\"content\":\"hi\"}] predict=9",
      HTH_OK },
    { "{\"max_tokens\":9,\"system\":\"x-anthropic-billing-header: "
      "odd\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
      "chat messages=[{\"role\":\"system\",\"content\":\"x-anthropic-billing-header: "
      "odd\"},{\"role\":\"user\",\"content\":\"hi\"}] predict=9",
      HTH_OK },
    { "{\"max_tokens\":9,\"system\":[{\"type\":\"image\"}],\"messages\":[{\"role\":\"user\","
      "\"content\":\"hi\"}]}",
      "system[0].type: must be \"text\"", HTH_EINVAL },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"w?\"},{\"role\":"
      "\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t1\",\"signature\":\"s\"},{"
      "\"type\":\"text\",\"text\":\"look\"},{\"type\":\"tool_use\",\"id\":\"i1\",\"name\":\"f\","
      "\"input\":{\"c\":\"P\"}},{\"type\":\"tool_use\",\"id\":\"i2\",\"name\":\"g\",\"input\":{}}]}"
      ",{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"i1\","
      "\"content\":\"11\"},{\"type\":\"tool_result\",\"tool_use_id\":\"i2\",\"is_error\":true,"
      "\"content\":[{\"type\":\"text\",\"text\":\"no\"},{\"type\":\"text\",\"text\":\"net\"}]},{"
      "\"type\":\"text\",\"text\":\"and?\"}]}],\"tools\":[{\"name\":\"f\",\"description\":\"d\","
      "\"input_schema\":{\"type\":\"object\",\"properties\":{\"c\":{\"type\":\"string\"}}}},{"
      "\"type\":\"custom\",\"name\":\"g\",\"input_schema\":{\"type\":\"object\"}}],\"tool_choice\":"
      "{\"type\":\"tool\",\"name\":\"f\",\"disable_parallel_tool_use\":true}}",
      "chat "
      "messages=[{\"role\":\"user\",\"content\":\"w?\"},{\"role\":\"assistant\",\"content\":"
      "\"look\",\"tool_calls\":[{\"id\":\"i1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
      "\"arguments\":{\"c\":\"P\"}}},{\"id\":\"i2\",\"type\":\"function\",\"function\":{\"name\":"
      "\"g\",\"arguments\":{}}}],\"reasoning_content\":\"t1\"},{\"role\":\"tool\",\"content\":"
      "\"11\",\"tool_call_id\":\"i1\",\"name\":\"f\"},{\"role\":\"tool\",\"content\":\"Error: "
      "no\\nnet\",\"tool_call_id\":\"i2\",\"name\":\"g\"},{\"role\":\"user\",\"content\":\"and?\"}]"
      " tools=[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\","
      "\"parameters\":{\"type\":\"object\",\"properties\":{\"c\":{\"type\":\"string\"}}}}},{"
      "\"type\":\"function\",\"function\":{\"name\":\"g\",\"parameters\":{\"type\":\"object\"}}}] "
      "named name=<f> predict=9 serial_tools",
      HTH_OK },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"user\","
      "\"content\":[{\"type\":\"text\",\"text\":\"b\"}]},{\"role\":\"assistant\",\"content\":\"c\"}"
      ",{\"role\":\"assistant\",\"content\":[{\"type\":\"redacted_thinking\",\"data\":\"x\"},{"
      "\"type\":\"text\",\"text\":\"d\"}]}]}",
      "chat "
      "messages=[{\"role\":\"user\",\"content\":\"a\\nb\"},{\"role\":\"assistant\",\"content\":"
      "\"c\\nd\"}] think=0 predict=9 prefill",
      HTH_OK },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":"
      "\"assistant\",\"content\":\"c\"}],\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":4000}"
      "}",
      "messages: the last one begins the answer, so that there can be no thinking", HTH_EINVAL },
    { "{\"max_tokens\":2000,\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"thinking\":{"
      "\"type\":\"enabled\",\"budget_tokens\":2000}}",
      "thinking.budget_tokens: must be less than max_tokens, and 2000 are not less than 2000",
      HTH_EINVAL },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"\"}],\"thinking\":{"
      "\"type\":\"disabled\",\"budget_tokens\":2000}}",
      "chat messages=[{\"role\":\"user\",\"content\":\"\"}] think=0 predict=9", HTH_OK },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"document\","
      "\"source\":{\"type\":\"text\",\"media_type\":\"text/"
      "plain\",\"data\":\"D\"}},{\"type\":\"text\",\"text\":\"q\"}]}]}",
      "chat messages=[{\"role\":\"user\",\"content\":\"D\\nq\"}] predict=9", HTH_OK },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"document\","
      "\"source\":{\"type\":\"base64\",\"media_type\":\"application/pdf\",\"data\":\"D\"}}]}]}",
      "messages[0].content[0].source: only documents of type \"text\" are supported", HTH_ENOTSUP },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\","
      "\"source\":{\"type\":\"url\",\"url\":\"x\"}}]}]}",
      "messages[0].content[0]: blocks of type \"image\" are not supported", HTH_ENOTSUP },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
      "\"tool_use_id\":\"i1\",\"content\":[{\"type\":\"image\"}]}]}]}",
      "messages[0].content[0].content[0]: parts of type \"image\" are not supported; only text is",
      HTH_ENOTSUP },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
      "\"tool_use_id\":\"i1\"}]}]}",
      "chat messages=[{\"role\":\"tool\",\"content\":\"\",\"tool_call_id\":\"i1\"}] predict=9",
      HTH_OK },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
      "\"tool_use_id\":\"i1\",\"is_error\":true,\"content\":\"ERROR 5\"}]}]}",
      "chat messages=[{\"role\":\"tool\",\"content\":\"ERROR 5\",\"tool_call_id\":\"i1\"}] "
      "predict=9",
      HTH_OK },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"tool_use\","
      "\"id\":\"i\",\"name\":\"f\",\"input\":{}}]}]}",
      "messages[0].content[0]: only the assistant may use tools", HTH_EINVAL },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_"
      "result\",\"tool_use_id\":\"i\"}]}]}",
      "messages[0].content[0]: results of tools are the user's to give", HTH_EINVAL },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"thinking\","
      "\"thinking\":\"x\"}]}]}",
      "messages[0].content[0]: only the assistant may think", HTH_EINVAL },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\","
      "\"id\":\"i\",\"name\":\"f\",\"input\":[1]}]}]}",
      "messages[0].content[0].input: must be a string of JSON or an object, not an array",
      HTH_EINVAL },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\","
      "\"name\":\"f\",\"input\":{}}]}]}",
      "messages[0].content[0].id: must be a string, not absent", HTH_EINVAL },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"odd\"}]}]}",
      "messages[0].content[0].type: is no kind of content block", HTH_EINVAL },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[\"x\"]}]}",
      "messages[0].content[0]: must be an object, not a string", HTH_EINVAL },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":7}]}",
      "messages[0].content: must be a string or an array of blocks, not a number", HTH_EINVAL },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\"}]}",
      "messages[0].content: must be a string or an array of blocks, not absent", HTH_EINVAL },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"system\",\"content\":\"x\"}]}",
      "messages[0].role: must be one of \"user\", \"assistant\"", HTH_EINVAL },
    { "{\"max_tokens\":9,\"messages\":[\"x\"]}", "messages[0]: must be an object, not a string",
      HTH_EINVAL },
    { "{\"max_tokens\":9,\"messages\":[]}", "messages: must have at least one message",
      HTH_EINVAL },
    { "{\"max_tokens\":9}", "messages: must have at least one message", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", "max_tokens: is required",
      HTH_EINVAL },
    { "{\"max_tokens\":0,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
      "max_tokens: must be at least 1, or -1 for as many as the model says", HTH_EINVAL },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"temperature\":1."
      "5}",
      "temperature: must be from 0 to 1", HTH_EINVAL },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"tools\":[{"
      "\"type\":\"web_search_20250305\",\"name\":\"web_search\"}]}",
      "tools[0].type: only \"custom\" tools are supported", HTH_ENOTSUP },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"tools\":[{"
      "\"name\":\"f\"}]}",
      "tools[0].input_schema: must be a JSON schema (an object)", HTH_EINVAL },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"tool_choice\":{"
      "\"type\":\"any\"}}",
      "tool_choice: asks for a call, but there are no tools", HTH_EINVAL },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"tool_choice\":{"
      "\"type\":\"some\"}}",
      "tool_choice.type: must be one of \"auto\", \"none\", \"any\", \"tool\"", HTH_EINVAL },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"tool_choice\":{"
      "\"type\":\"tool\"}}",
      "tool_choice.name: must be a string, not absent", HTH_EINVAL },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"tool_choice\":{"
      "\"type\":\"none\"},\"service_tier\":\"auto\",\"context_management\":{\"edits\":[]}}",
      "chat messages=[{\"role\":\"user\",\"content\":\"hi\"}] none predict=9", HTH_OK },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"mcp_servers\":[{"
      "\"url\":\"x\"}]}",
      "mcp_servers: is not supported by this server; leave it out", HTH_ENOTSUP },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"thinking\":{"
      "\"type\":\"maybe\"}}",
      "thinking.type: must be one of \"disabled\", \"enabled\", \"adaptive\"", HTH_EINVAL },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"thinking\":{"
      "\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"low\",\"format\":{\"type\":\"json_"
      "schema\",\"schema\":{\"type\":\"object\"}}}}",
      "chat messages=[{\"role\":\"user\",\"content\":\"hi\"}] think=1 effort=<low> format=schema "
      "schema={\"type\":\"object\"} predict=9",
      HTH_OK },
    { "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"metadata\":\"x\"}",
      "metadata: must be an object, not a string", HTH_EINVAL },
};

static const ApiReadCase count_cases[] = {
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
      "count_tokens model=<m> messages=[{\"role\":\"user\",\"content\":\"hi\"}]", HTH_OK },
    { "{\"model\":\"m\",\"messages\":[]}", "messages: must have at least one message", HTH_EINVAL },
};

static void test_reads(void **state) {
    (void)state;
    api_read_cases(API("/v1/messages"), read_cases, HTH_COUNT(read_cases));
    api_read_cases(API("/v1/messages/count_tokens"), count_cases, HTH_COUNT(count_cases));
}

static const ApiEvent events[] = {
    { .kind = HTH_PART_THINKING, .text = "h" },
    { .kind = HTH_PART_THINKING, .text = "m" },
    { .kind = HTH_PART_TEXT, .text = "" },
    { .kind = HTH_PART_TEXT, .text = "hi\n" },
    { .kind = HTH_PART_CALL, .text = "f" },
    { .kind = HTH_PART_ARGS, .text = "{\"x\":" },
    { .kind = HTH_PART_ARGS, .text = "1}" },
    { .kind = HTH_PART_CALL_END, .text = "" },
    { .kind = HTH_PART_CALL, .text = "g", .call = 1 },
    { .kind = HTH_PART_TEXT, .text = "end" },
};
#define HELLO             "\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define STREAM(text, ans) API_STREAM(API("/v1/messages"), text, events, ans)

static void test_stream(void **state) {
    HthCall calls[2] = { { .name = HTH_STR("f") }, { .name = HTH_STR("g") } };
    const HthAnswerOut answers[] = {
        { .end = HTH_END_STOP, .calls = calls, .call_count = 2, .seed = 5, .usage = api_usage() }
    };
    (void)state;
    const ApiStream s = STREAM("{" HELLO ",\"stream\":true}", answers);
    api_expect(
        api_stream, &s,
        "event: message_start\ndata: "
        "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_0a1b\",\"type\":\"message\","
        "\"role\":\"assistant\",\"model\":\"tiny\\\"1\",\"content\":[],\"stop_reason\":null,\"stop_"
        "sequence\":null,\"usage\":{\"input_tokens\":7,\"cache_creation_input_tokens\":0,\"cache_"
        "read_input_tokens\":0,\"output_tokens\":0,\"output_tokens_details\":{\"thinking_tokens\":"
        "0}},\"system_fingerprint\":\"hn1\",\"model_digest\":\"sha256:d1\"}}\n\nevent: "
        "content_block_start\ndata: "
        "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\","
        "\"thinking\":\"\",\"signature\":\"\"}}\n\nevent: content_block_delta\ndata: "
        "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\","
        "\"thinking\":\"h\"}}\n\nevent: content_block_delta\ndata: "
        "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\","
        "\"thinking\":\"m\"}}\n\nevent: content_block_delta\ndata: "
        "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\","
        "\"signature\":\"\"}}\n\nevent: content_block_stop\ndata: "
        "{\"type\":\"content_block_stop\",\"index\":0}\n\nevent: content_block_start\ndata: "
        "{\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"text\","
        "\"text\":\"\",\"citations\":null}}\n\nevent: content_block_delta\ndata: "
        "{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":"
        "\"hi\\n\"}}\n\nevent: content_block_stop\ndata: "
        "{\"type\":\"content_block_stop\",\"index\":1}\n\nevent: content_block_start\ndata: "
        "{\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"tool_use\","
        "\"id\":\"W6poCC4Ml\",\"name\":\"f\",\"input\":{}}}\n\nevent: content_block_delta\ndata: "
        "{\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\","
        "\"partial_json\":\"{\\\"x\\\":\"}}\n\nevent: content_block_delta\ndata: "
        "{\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\","
        "\"partial_json\":\"1}\"}}\n\nevent: content_block_stop\ndata: "
        "{\"type\":\"content_block_stop\",\"index\":2}\n\nevent: content_block_start\ndata: "
        "{\"type\":\"content_block_start\",\"index\":3,\"content_block\":{\"type\":\"tool_use\","
        "\"id\":\"kjx5G4lRm\",\"name\":\"g\",\"input\":{}}}\n\nevent: content_block_stop\ndata: "
        "{\"type\":\"content_block_stop\",\"index\":3}\n\nevent: content_block_start\ndata: "
        "{\"type\":\"content_block_start\",\"index\":4,\"content_block\":{\"type\":\"text\","
        "\"text\":\"\",\"citations\":null}}\n\nevent: content_block_delta\ndata: "
        "{\"type\":\"content_block_delta\",\"index\":4,\"delta\":{\"type\":\"text_delta\",\"text\":"
        "\"end\"}}\n\nevent: content_block_stop\ndata: "
        "{\"type\":\"content_block_stop\",\"index\":4}\n\nevent: message_delta\ndata: "
        "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":"
        "null,\"stop_details\":null},\"usage\":{\"input_tokens\":4,\"cache_creation_input_tokens\":"
        "0,\"cache_read_input_tokens\":3,\"output_tokens\":2,\"output_tokens_details\":{\"thinking_"
        "tokens\":1}},\"model_digest\":\"sha256:d1\",\"seed\":5}\n\nevent: message_stop\ndata: "
        "{\"type\":\"message_stop\"}\n\n");
}

static void test_whole(void **state) {
    HthCall calls[2] = {
        { .id = HTH_STR("i1"), .name = HTH_STR("f"), .args = HTH_STR("{\"x\":1}") },
        { .name = HTH_STR("g"), .args = HTH_STR("") }
    };
    const HthAnswerOut answers[] = { { .end = HTH_END_STOP,
                                       .text = HTH_STR("t"),
                                       .thinking = HTH_STR("hm"),
                                       .calls = calls,
                                       .call_count = 2,
                                       .seed = 5 } };
    (void)state;
    const ApiStream s = STREAM("{" HELLO "}", answers);
    api_expect(
        api_whole, &s,
        "{\"id\":\"msg_0a1b\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"tiny\\\"1\","
        "\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"\"},{\"type\":"
        "\"text\",\"text\":\"t\",\"citations\":null},{\"type\":\"tool_use\",\"id\":\"i1\",\"name\":"
        "\"f\",\"input\":{\"x\":1}},{\"type\":\"tool_use\",\"id\":\"kjx5G4lRm\",\"name\":\"g\","
        "\"input\":{}}],\"stop_reason\":\"tool_use\",\"stop_sequence\":null,\"stop_details\":null,"
        "\"usage\":{\"input_tokens\":4,\"cache_creation_input_tokens\":0,\"cache_read_input_"
        "tokens\":3,\"output_tokens\":2,\"output_tokens_details\":{\"thinking_tokens\":1}},"
        "\"system_fingerprint\":\"hn1\",\"model_digest\":\"sha256:d1\",\"seed\":5}");
}

/* Why it ended, and in which words. */
static void test_ends(void **state) {
    static const struct {
        HthEnd end;
        const char *stop, *want;
    } tab[] = {
        { HTH_END_STOP, "", "\"stop_reason\":\"end_turn\",\"stop_sequence\":null" },
        { HTH_END_STOP, "x\"", "\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"x\\\"\"" },
        { HTH_END_LENGTH, "", "\"stop_reason\":\"max_tokens\",\"stop_sequence\":null" },
        { HTH_END_CONTEXT, "", "\"stop_reason\":\"model_context_window_exceeded\"" },
        { HTH_END_LATE, "", "\"stop_details\":null,\"finish_detail\":\"deadline\"" },
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(tab); i++) {
        const HthAnswerOut answers[] = { { .end = tab[i].end, .stop = hth_str(tab[i].stop) } };
        const ApiStream s = STREAM("{" HELLO "}", answers);
        HthErr err = { 0 };
        HthBuf out;
        hth_buf_init(&out, 10000);
        assert_ok(api_whole(&s, &out, &err), err);
        if (!strstr(out.p, tab[i].want)) fail_msg("%s lacks %s", out.p, tab[i].want);
        hth_buf_drop(&out);
    }
}

static void test_errors(void **state) {
    static const struct {
        int status;
        HthErr e;
        bool in_stream;
        const char *want;
    } tab[] = {
        { 400,
          { .status = HTH_EINVAL, .text = "max_tokens: is required" },
          false,
          "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":"
          "\"max_tokens: is required\"},\"request_id\":null}" },
        { 503,
          { .status = HTH_EAGAIN, .text = "full" },
          true,
          "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
          "\"message\":\"full\"},\"request_id\":null}\n\n" },
        { 402,
          { .status = HTH_EIO, .text = "odd" },
          false,
          "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"odd\"},"
          "\"request_id\":null}" },
        { 400,
          { .status = HTH_ELIMIT,
            .text = "the prompt has 90 tokens and the context holds 40: shorten it" },
          false,
          "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"the "
          "prompt "
          "has 90 tokens and the context holds 40: shorten it\",\"n_prompt_tokens\":90,"
          "\"n_ctx\":40},\"request_id\":null}" },
    };
    const HthFacts facts = api_facts();
    HthErr err = { 0 };
    HthAsk ask;
    HthFace *f = NULL;
    (void)state;
    assert_ok(api_read(API("/v1/messages"), "{" HELLO "}", &ask, &err), err);
    assert_ok(API("/v1/messages")->open(&f, &ask, &facts, &err), err);
    for (size_t i = 0; i < HTH_COUNT(tab); i++) {
        HthBuf out;
        hth_buf_init(&out, 10000);
        assert_int_equal(f->ops->error(f, tab[i].status, &tab[i].e, tab[i].in_stream, &out),
                         HTH_OK);
        assert_string_equal(out.p, tab[i].want);
        hth_buf_drop(&out);
    }
    hth_face_close(&f);
    hth_ask_drop(&ask);
}

static void test_count(void **state) {
    const HthFacts facts = api_facts();
    const HthUsage usage = { .prompt = 12 };
    const HthApi *api = API("/v1/messages/count_tokens");
    HthErr err = { 0 };
    HthAsk ask;
    HthFace *f = NULL;
    HthBuf out;
    (void)state;
    hth_buf_init(&out, 10000);
    assert_ok(api_read(api, "{" HELLO "}", &ask, &err), err);
    assert_ok(api->open(&f, &ask, &facts, &err), err);
    assert_ok(f->ops->count(f, &usage, &out, &err), err);
    assert_string_equal(out.p, "{\"input_tokens\":12,\"model_digest\":\"sha256:d1\"}");
    hth_buf_drop(&out);
    hth_face_close(&f);
    hth_ask_drop(&ask);
}

static void test_faults(void **state) {
    HthCall calls[1] = { { .name = HTH_STR("f"), .args = HTH_STR("{\"x\":1}") } };
    const HthAnswerOut answers[] = {
        { .end = HTH_END_STOP, .text = HTH_STR("hi"), .calls = calls, .call_count = 1 }
    };
    const ApiStream s = STREAM(
        "{\"max_tokens\":9,\"system\":[{\"type\":\"text\",\"text\":\"s\"}],\"messages\":[{\"role\":"
        "\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\"},{\"type\":\"tool_"
        "use\","
        "\"id\":\"i\",\"name\":\"f\",\"input\":{\"a\":1}}]},{\"role\":\"user\",\"content\":[{"
        "\"type\":"
        "\"tool_result\",\"tool_use_id\":\"i\",\"is_error\":true,\"content\":\"x\"},{\"type\":"
        "\"text\","
        "\"text\":\"q\"}]}],\"tools\":[{\"name\":\"f\",\"input_schema\":{}}]}",
        answers);
    ApiTorture runs[] = { { api_stream, &s }, { api_whole, &s } };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(runs); i++)
        assert_true(test_torture(api_torture_body, &runs[i], 1000) > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),  cmocka_unit_test(test_stream), cmocka_unit_test(test_whole),
        cmocka_unit_test(test_ends),   cmocka_unit_test(test_errors), cmocka_unit_test(test_count),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
