/* responses_test.c - OpenAI's Responses: requests into asks, and items and events to the byte. */
#include "support/test.h"

#include "support/api.h"

#define API(path) api_find(hth_api_responses, path)

static const ApiReadCase read_cases[] = {
    { "{\"model\":\"m\",\"input\":\"hi\"}",
      "chat model=<m> messages=[{\"role\":\"user\",\"content\":\"hi\"}] store", HTH_OK },
    { "{\"model\":\"m\",\"input\":\"hi\",\"instructions\":\"be "
      "kind\",\"max_output_tokens\":50,\"temperature\":0.5,\"top_p\":0.9,\"stream\":true,\"store\":"
      "false,\"user\":\"u\",\"metadata\":{\"a\":\"b\"},\"truncation\":\"auto\",\"parallel_tool_"
      "calls\":false,\"reasoning\":{\"effort\":\"low\",\"summary\":\"auto\"},\"num_ctx\":512}",
      "chat model=<m> messages=[{\"role\":\"system\",\"content\":\"be "
      "kind\"},{\"role\":\"user\",\"content\":\"hi\"}] think=1 effort=<low> "
      "params={\"temperature\":0.5,\"top_p\":0.90000000000000002} predict=50 ctx=512 user=<u> "
      "stream truncate serial_tools instructions",
      HTH_OK },
    { "{\"input\":[{\"role\":\"user\",\"content\":\"a\"},{\"type\":\"message\",\"role\":"
      "\"developer\",\"content\":[{\"type\":\"input_text\",\"text\":\"b\"}]},{\"id\":\"m1\","
      "\"type\":\"message\",\"role\":\"assistant\",\"status\":\"completed\",\"content\":[{\"type\":"
      "\"output_text\",\"text\":\"c\",\"annotations\":[]}]},{\"role\":\"user\",\"content\":\"d\"}]"
      "}",
      "chat "
      "messages=[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"system\",\"content\":\"b\"},{"
      "\"role\":\"assistant\",\"content\":\"c\"},{\"role\":\"user\",\"content\":\"d\"}] store",
      HTH_OK },
    { "{\"input\":[{\"role\":\"user\",\"content\":\"w?\"},{\"id\":\"rs1\",\"type\":\"reasoning\","
      "\"summary\":[{\"type\":\"summary_text\",\"text\":\"t1\"},{\"type\":\"summary_text\","
      "\"text\":\"t2\"}],\"encrypted_content\":\"zzz\"},{\"id\":\"m1\",\"type\":\"message\","
      "\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"look\"}]},{"
      "\"type\":\"function_call\",\"id\":\"fc1\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":"
      "\"{\\\"x\\\":1}\"},{\"type\":\"function_call\",\"call_id\":\"c2\",\"name\":\"g\","
      "\"arguments\":\"{}\"},{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":"
      "\"11\"},{\"type\":\"function_call_output\",\"call_id\":\"c2\",\"output\":[{\"type\":\"input_"
      "text\",\"text\":\"o1\"},{\"type\":\"input_text\",\"text\":\"o2\"}]}]}",
      "chat "
      "messages=[{\"role\":\"user\",\"content\":\"w?\"},{\"role\":\"assistant\",\"content\":"
      "\"look\",\"reasoning_content\":\"t1\\nt2\",\"tool_calls\":[{\"id\":\"c1\",\"type\":"
      "\"function\",\"function\":{\"name\":\"f\",\"arguments\":{\"x\":1}}},{\"id\":\"c2\",\"type\":"
      "\"function\",\"function\":{\"name\":\"g\",\"arguments\":{}}}]},{\"role\":\"tool\","
      "\"content\":\"11\",\"tool_call_id\":\"c1\",\"name\":\"f\"},{\"role\":\"tool\",\"content\":"
      "\"o1\\no2\",\"tool_call_id\":\"c2\",\"name\":\"g\"}] store",
      HTH_OK },
    { "{\"input\":[{\"type\":\"reasoning\",\"summary\":[],\"content\":[{\"type\":\"reasoning_"
      "text\",\"text\":\"raw\"}]},{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\","
      "\"arguments\":\"{}\"}]}",
      "chat "
      "messages=[{\"role\":\"assistant\",\"content\":\"\",\"reasoning_content\":\"raw\",\"tool_"
      "calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":{}}"
      "}]}] store",
      HTH_OK },
    { "{\"input\":[{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"x\"},{\"role\":"
      "\"user\",\"content\":\"a\"}]}",
      "chat messages=[{\"role\":\"user\",\"content\":\"a\"}] store", HTH_OK },
    { "{\"input\":[{\"type\":\"item_reference\",\"id\":\"x\"}]}",
      "input[0].type: only messages, function calls, their outputs and reasoning are supported",
      HTH_ENOTSUP },
    { "{\"input\":[{\"type\":\"computer_call\"}]}",
      "input[0].type: only messages, function calls, their outputs and reasoning are supported",
      HTH_ENOTSUP },
    { "{\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"image_url\":\"x\"}]}"
      "]}",
      "input[0].content[0]: parts of type \"input_image\" are not supported; only text is",
      HTH_ENOTSUP },
    { "{\"input\":[{\"role\":\"tool\",\"content\":\"x\"}]}",
      "input[0].role: must be one of \"user\", \"system\", \"developer\", \"assistant\"",
      HTH_EINVAL },
    { "{\"input\":[\"x\"]}", "input[0]: must be an object, not a string", HTH_EINVAL },
    { "{\"input\":[{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":\"{}\"}]}",
      "input[0].call_id: must be a string, not absent", HTH_EINVAL },
    { "{\"input\":[{\"type\":\"function_call_output\",\"call_id\":\"c\"}]}",
      "input[0].output: must be a string or an array of parts, not absent", HTH_EINVAL },
    { "{\"input\":7}", "input: must be a string or an array of items, not a number", HTH_EINVAL },
    { "{\"model\":\"m\"}", "input: must be given", HTH_EINVAL },
    { "{\"instructions\":\"only\"}", "input: must be given", HTH_EINVAL },
    { "{\"previous_response_id\":\"resp_1\",\"instructions\":\"i\"}",
      "chat messages=[{\"role\":\"system\",\"content\":\"i\"}] previous=<resp_1> store "
      "instructions",
      HTH_OK },
    { "{\"previous_response_id\":\"resp_1\",\"input\":\"more\"}",
      "chat messages=[{\"role\":\"user\",\"content\":\"more\"}] previous=<resp_1> store", HTH_OK },
    { "{\"input\":\"hi\",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\",\"schema\":{"
      "\"type\":\"object\"},\"strict\":true}}}",
      "chat messages=[{\"role\":\"user\",\"content\":\"hi\"}] format=schema "
      "schema={\"type\":\"object\"} store",
      HTH_OK },
    { "{\"input\":\"hi\",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\"}}}",
      "text.format.schema: must be a JSON schema (an object), not absent", HTH_EINVAL },
    { "{\"input\":\"hi\",\"text\":{\"format\":{\"type\":\"json_object\"},\"verbosity\":\"medium\"}"
      "}",
      "chat messages=[{\"role\":\"user\",\"content\":\"hi\"}] format=json store", HTH_OK },
    { "{\"input\":\"hi\",\"text\":{\"verbosity\":\"high\"}}",
      "text.verbosity: only \"medium\" is supported", HTH_ENOTSUP },
    { "{\"input\":\"hi\",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"description\":\"d\","
      "\"parameters\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}},"
      "\"strict\":true}],\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"}}",
      "chat messages=[{\"role\":\"user\",\"content\":\"hi\"}] "
      "tools=[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\","
      "\"parameters\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}}}] named "
      "name=<f> store",
      HTH_OK },
    { "{\"input\":\"hi\",\"tools\":[{\"type\":\"web_search_preview\"}]}",
      "tools[0].type: only \"function\" tools are supported", HTH_ENOTSUP },
    { "{\"input\":\"hi\",\"tools\":[{\"type\":\"function\"}]}",
      "tools[0].name: must be a string, not absent", HTH_EINVAL },
    { "{\"input\":\"hi\",\"tool_choice\":{\"type\":\"allowed_tools\"}}",
      "tool_choice.type: only \"function\" is supported", HTH_ENOTSUP },
    { "{\"input\":\"hi\",\"include\":[\"reasoning.encrypted_content\"],\"top_logprobs\":3}",
      "chat messages=[{\"role\":\"user\",\"content\":\"hi\"}] store", HTH_OK },
    { "{\"input\":\"hi\",\"include\":[\"message.output_text.logprobs\"],\"top_logprobs\":3}",
      "chat messages=[{\"role\":\"user\",\"content\":\"hi\"}] top=3 logprobs store", HTH_OK },
    { "{\"input\":\"hi\",\"include\":\"x\"}", "include: must be an array, not a string",
      HTH_EINVAL },
    { "{\"input\":\"hi\",\"background\":true}",
      "background: is not supported by this server; leave it out", HTH_ENOTSUP },
    { "{\"input\":\"hi\",\"background\":false,\"conversation\":null}",
      "chat messages=[{\"role\":\"user\",\"content\":\"hi\"}] store", HTH_OK },
    { "{\"input\":\"hi\",\"conversation\":\"c1\"}",
      "conversation: is not supported by this server; leave it out", HTH_ENOTSUP },
    { "{\"input\":\"hi\",\"prompt\":{\"id\":\"p\"}}",
      "prompt: is not supported by this server; leave it out", HTH_ENOTSUP },
    { "{\"input\":\"hi\",\"max_output_tokens\":0}",
      "max_output_tokens: must be at least 1, or -1 for as many as the model says", HTH_EINVAL },
    { "{\"input\":\"hi\",\"truncation\":\"some\"}",
      "truncation: must be one of \"disabled\", \"auto\"", HTH_EINVAL },
    { "{\"input\":\"hi\",\"instructions\":[]}", "instructions: must be a string, not an array",
      HTH_EINVAL },
};

static const ApiReadCase count_cases[] = {
    { "{\"model\":\"m\",\"input\":\"hi\",\"stream\":true}",
      "count_tokens model=<m> messages=[{\"role\":\"user\",\"content\":\"hi\"}]", HTH_OK },
    { "{\"model\":\"m\"}", "input: must be given", HTH_EINVAL },
};

static void test_reads(void **state) {
    (void)state;
    api_read_cases(API("/v1/responses"), read_cases, HTH_COUNT(read_cases));
    api_read_cases(API("/v1/responses/input_tokens"), count_cases, HTH_COUNT(count_cases));
}

static const HthTop tops[] = { { 1, -0.5f } };
static const HthWord words[] = {
    { .id = 1, .text = HTH_STR("h"), .logprob = -0.5f, .top = tops, .top_count = 1 },
    { .id = 2, .text = HTH_STR("i"), .logprob = -0.25f, .top = tops, .top_count = 0 },
};
static const ApiEvent events[] = {
    { .kind = HTH_PART_THINKING, .text = "hm" },
    { .kind = HTH_PART_TEXT, .text = "" },
    { .kind = HTH_PART_TEXT, .text = "h", .words = words, .word_count = 1 },
    { .kind = HTH_PART_TEXT, .text = "i\n", .words = words + 1, .word_count = 1 },
    { .kind = HTH_PART_CALL, .text = "f" },
    { .kind = HTH_PART_ARGS, .text = "{\"x\":" },
    { .kind = HTH_PART_ARGS, .text = "1}" },
    { .kind = HTH_PART_CALL_END, .text = "" },
    { .kind = HTH_PART_CALL, .text = "g", .call = 1 },
    { .kind = HTH_PART_TEXT, .text = "end" },
};
#define STREAM(text, ans) API_STREAM(API("/v1/responses"), text, events, ans)

static const char streamed[] =
    "event: response.created\ndata: "
    "{\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_0a1b\","
    "\"object\":\"response\",\"created_at\":1790000000,\"status\":\"in_progress\",\"background\":"
    "false,\"error\":null,\"incomplete_details\":null,\"model\":\"tiny\\\"1\",\"output\":[],"
    "\"store\":true,\"instructions\":null,\"max_output_tokens\":null,\"max_tool_calls\":null,"
    "\"metadata\":{\"a\":\"b\"},\"parallel_tool_calls\":true,\"previous_response_id\":null,"
    "\"reasoning\":{\"effort\":null,\"summary\":null},\"temperature\":null,\"text\":{\"format\":{"
    "\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"top_logprobs\":0,\"top_p\":null,"
    "\"truncation\":\"disabled\",\"user\":null,\"usage\":null,\"system_fingerprint\":\"hn1\","
    "\"model_digest\":\"sha256:d1\"}}\n\nevent: response.in_progress\ndata: "
    "{\"type\":\"response.in_progress\",\"sequence_number\":1,\"response\":{\"id\":\"resp_0a1b\","
    "\"object\":\"response\",\"created_at\":1790000000,\"status\":\"in_progress\",\"background\":"
    "false,\"error\":null,\"incomplete_details\":null,\"model\":\"tiny\\\"1\",\"output\":[],"
    "\"store\":true,\"instructions\":null,\"max_output_tokens\":null,\"max_tool_calls\":null,"
    "\"metadata\":{\"a\":\"b\"},\"parallel_tool_calls\":true,\"previous_response_id\":null,"
    "\"reasoning\":{\"effort\":null,\"summary\":null},\"temperature\":null,\"text\":{\"format\":{"
    "\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"top_logprobs\":0,\"top_p\":null,"
    "\"truncation\":\"disabled\",\"user\":null,\"usage\":null,\"system_fingerprint\":\"hn1\","
    "\"model_digest\":\"sha256:d1\"}}\n\nevent: response.output_item.added\ndata: "
    "{\"type\":\"response.output_item.added\",\"sequence_number\":2,\"output_index\":0,\"item\":{"
    "\"id\":\"rs_0a1b_0\",\"type\":\"reasoning\",\"status\":\"in_progress\",\"summary\":[]}}"
    "\n\nevent: response.reasoning_summary_part.added\ndata: "
    "{\"type\":\"response.reasoning_summary_part.added\",\"sequence_number\":3,\"item_id\":\"rs_"
    "0a1b_0\",\"output_index\":0,\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":"
    "\"\"}}\n\nevent: response.reasoning_summary_text.delta\ndata: "
    "{\"type\":\"response.reasoning_summary_text.delta\",\"sequence_number\":4,\"item_id\":\"rs_"
    "0a1b_0\",\"output_index\":0,\"summary_index\":0,\"delta\":\"hm\"}\n\nevent: "
    "response.reasoning_summary_text.done\ndata: "
    "{\"type\":\"response.reasoning_summary_text.done\",\"sequence_number\":5,\"item_id\":\"rs_"
    "0a1b_0\",\"output_index\":0,\"summary_index\":0,\"text\":\"hm\"}\n\nevent: "
    "response.reasoning_summary_part.done\ndata: "
    "{\"type\":\"response.reasoning_summary_part.done\",\"sequence_number\":6,\"item_id\":\"rs_"
    "0a1b_0\",\"output_index\":0,\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":"
    "\"hm\"}}\n\nevent: response.output_item.done\ndata: "
    "{\"type\":\"response.output_item.done\",\"sequence_number\":7,\"output_index\":0,\"item\":{"
    "\"id\":\"rs_0a1b_0\",\"type\":\"reasoning\",\"status\":\"completed\",\"summary\":[{\"type\":"
    "\"summary_text\",\"text\":\"hm\"}]}}\n\nevent: response.output_item.added\ndata: "
    "{\"type\":\"response.output_item.added\",\"sequence_number\":8,\"output_index\":1,\"item\":{"
    "\"id\":\"msg_0a1b_1\",\"type\":\"message\",\"status\":\"in_progress\",\"role\":\"assistant\","
    "\"content\":[]}}\n\nevent: response.content_part.added\ndata: "
    "{\"type\":\"response.content_part.added\",\"sequence_number\":9,\"item_id\":\"msg_0a1b_1\","
    "\"output_index\":1,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":\"\","
    "\"annotations\":[],\"logprobs\":[]}}\n\nevent: response.output_text.delta\ndata: "
    "{\"type\":\"response.output_text.delta\",\"sequence_number\":10,\"item_id\":\"msg_0a1b_1\","
    "\"output_index\":1,\"content_index\":0,\"delta\":\"h\",\"logprobs\":[{\"token\":\"t1\","
    "\"bytes\":[116,49],\"logprob\":-0.5,\"top_logprobs\":[{\"token\":\"t1\",\"bytes\":[116,49],"
    "\"logprob\":-0.5}]}]}\n\nevent: response.output_text.delta\ndata: "
    "{\"type\":\"response.output_text.delta\",\"sequence_number\":11,\"item_id\":\"msg_0a1b_1\","
    "\"output_index\":1,\"content_index\":0,\"delta\":\"i\\n\",\"logprobs\":[{\"token\":\"t2\","
    "\"bytes\":[116,50],\"logprob\":-0.25,\"top_logprobs\":[]}]}\n\nevent: "
    "response.output_text.done\ndata: "
    "{\"type\":\"response.output_text.done\",\"sequence_number\":12,\"item_id\":\"msg_0a1b_1\","
    "\"output_index\":1,\"content_index\":0,\"text\":\"hi\\n\",\"logprobs\":[{\"token\":\"t1\","
    "\"bytes\":[116,49],\"logprob\":-0.5,\"top_logprobs\":[{\"token\":\"t1\",\"bytes\":[116,49],"
    "\"logprob\":-0.5}]},{\"token\":\"t2\",\"bytes\":[116,50],\"logprob\":-0.25,\"top_logprobs\":[]"
    "}]}\n\nevent: response.content_part.done\ndata: "
    "{\"type\":\"response.content_part.done\",\"sequence_number\":13,\"item_id\":\"msg_0a1b_1\","
    "\"output_index\":1,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":\"hi\\n\","
    "\"annotations\":[],\"logprobs\":[{\"token\":\"t1\",\"bytes\":[116,49],\"logprob\":-0.5,\"top_"
    "logprobs\":[{\"token\":\"t1\",\"bytes\":[116,49],\"logprob\":-0.5}]},{\"token\":\"t2\","
    "\"bytes\":[116,50],\"logprob\":-0.25,\"top_logprobs\":[]}]}}\n\nevent: "
    "response.output_item.done\ndata: "
    "{\"type\":\"response.output_item.done\",\"sequence_number\":14,\"output_index\":1,\"item\":{"
    "\"id\":\"msg_0a1b_1\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\","
    "\"content\":[{\"type\":\"output_text\",\"text\":\"hi\\n\",\"annotations\":[],\"logprobs\":[{"
    "\"token\":\"t1\",\"bytes\":[116,49],\"logprob\":-0.5,\"top_logprobs\":[{\"token\":\"t1\","
    "\"bytes\":[116,49],\"logprob\":-0.5}]},{\"token\":\"t2\",\"bytes\":[116,50],\"logprob\":-0.25,"
    "\"top_logprobs\":[]}]}]}}\n\nevent: response.output_item.added\ndata: "
    "{\"type\":\"response.output_item.added\",\"sequence_number\":15,\"output_index\":2,\"item\":{"
    "\"id\":\"fc_0a1b_2\",\"type\":\"function_call\",\"status\":\"in_progress\",\"call_id\":"
    "\"W6poCC4Ml\",\"name\":\"f\",\"arguments\":\"\"}}\n\nevent: "
    "response.function_call_arguments.delta\ndata: "
    "{\"type\":\"response.function_call_arguments.delta\",\"sequence_number\":16,\"item_id\":\"fc_"
    "0a1b_2\",\"output_index\":2,\"delta\":\"{\\\"x\\\":\"}\n\nevent: "
    "response.function_call_arguments.delta\ndata: "
    "{\"type\":\"response.function_call_arguments.delta\",\"sequence_number\":17,\"item_id\":\"fc_"
    "0a1b_2\",\"output_index\":2,\"delta\":\"1}\"}\n\nevent: "
    "response.function_call_arguments.done\ndata: "
    "{\"type\":\"response.function_call_arguments.done\",\"sequence_number\":18,\"item_id\":\"fc_"
    "0a1b_2\",\"output_index\":2,\"name\":\"f\",\"arguments\":\"{\\\"x\\\":1}\"}\n\nevent: "
    "response.output_item.done\ndata: "
    "{\"type\":\"response.output_item.done\",\"sequence_number\":19,\"output_index\":2,\"item\":{"
    "\"id\":\"fc_0a1b_2\",\"type\":\"function_call\",\"status\":\"completed\",\"call_id\":"
    "\"W6poCC4Ml\",\"name\":\"f\",\"arguments\":\"{\\\"x\\\":1}\"}}\n\nevent: "
    "response.output_item.added\ndata: "
    "{\"type\":\"response.output_item.added\",\"sequence_number\":20,\"output_index\":3,\"item\":{"
    "\"id\":\"fc_0a1b_3\",\"type\":\"function_call\",\"status\":\"in_progress\",\"call_id\":"
    "\"kjx5G4lRm\",\"name\":\"g\",\"arguments\":\"\"}}\n\nevent: "
    "response.function_call_arguments.done\ndata: "
    "{\"type\":\"response.function_call_arguments.done\",\"sequence_number\":21,\"item_id\":\"fc_"
    "0a1b_3\",\"output_index\":3,\"name\":\"g\",\"arguments\":\"\"}\n\nevent: "
    "response.output_item.done\ndata: "
    "{\"type\":\"response.output_item.done\",\"sequence_number\":22,\"output_index\":3,\"item\":{"
    "\"id\":\"fc_0a1b_3\",\"type\":\"function_call\",\"status\":\"completed\",\"call_id\":"
    "\"kjx5G4lRm\",\"name\":\"g\",\"arguments\":\"\"}}\n\nevent: response.output_item.added\ndata: "
    "{\"type\":\"response.output_item.added\",\"sequence_number\":23,\"output_index\":4,\"item\":{"
    "\"id\":\"msg_0a1b_4\",\"type\":\"message\",\"status\":\"in_progress\",\"role\":\"assistant\","
    "\"content\":[]}}\n\nevent: response.content_part.added\ndata: "
    "{\"type\":\"response.content_part.added\",\"sequence_number\":24,\"item_id\":\"msg_0a1b_4\","
    "\"output_index\":4,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":\"\","
    "\"annotations\":[],\"logprobs\":[]}}\n\nevent: response.output_text.delta\ndata: "
    "{\"type\":\"response.output_text.delta\",\"sequence_number\":25,\"item_id\":\"msg_0a1b_4\","
    "\"output_index\":4,\"content_index\":0,\"delta\":\"end\",\"logprobs\":[]}\n\nevent: "
    "response.output_text.done\ndata: "
    "{\"type\":\"response.output_text.done\",\"sequence_number\":26,\"item_id\":\"msg_0a1b_4\","
    "\"output_index\":4,\"content_index\":0,\"text\":\"end\",\"logprobs\":[]}\n\nevent: "
    "response.content_part.done\ndata: "
    "{\"type\":\"response.content_part.done\",\"sequence_number\":27,\"item_id\":\"msg_0a1b_4\","
    "\"output_index\":4,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":\"end\","
    "\"annotations\":[],\"logprobs\":[]}}\n\nevent: response.output_item.done\ndata: "
    "{\"type\":\"response.output_item.done\",\"sequence_number\":28,\"output_index\":4,\"item\":{"
    "\"id\":\"msg_0a1b_4\",\"type\":\"message\",\"status\":\"incomplete\",\"role\":\"assistant\","
    "\"content\":[{\"type\":\"output_text\",\"text\":\"end\",\"annotations\":[],\"logprobs\":[]}]}}"
    "\n\nevent: response.incomplete\ndata: "
    "{\"type\":\"response.incomplete\",\"sequence_number\":29,\"response\":{\"id\":\"resp_0a1b\","
    "\"object\":\"response\",\"created_at\":1790000000,\"status\":\"incomplete\",\"background\":"
    "false,\"error\":null,\"incomplete_details\":{\"reason\":\"max_output_tokens\"},\"model\":"
    "\"tiny\\\"1\",\"output\":[{\"id\":\"rs_0a1b_0\",\"type\":\"reasoning\",\"status\":"
    "\"completed\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"hm\"}]},{\"id\":\"msg_0a1b_"
    "1\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":[{"
    "\"type\":\"output_text\",\"text\":\"hi\\n\",\"annotations\":[],\"logprobs\":[{\"token\":"
    "\"t1\",\"bytes\":[116,49],\"logprob\":-0.5,\"top_logprobs\":[{\"token\":\"t1\",\"bytes\":[116,"
    "49],\"logprob\":-0.5}]},{\"token\":\"t2\",\"bytes\":[116,50],\"logprob\":-0.25,\"top_"
    "logprobs\":[]}]}]},{\"id\":\"fc_0a1b_2\",\"type\":\"function_call\",\"status\":\"completed\","
    "\"call_id\":\"W6poCC4Ml\",\"name\":\"f\",\"arguments\":\"{\\\"x\\\":1}\"},{\"id\":\"fc_0a1b_"
    "3\",\"type\":\"function_call\",\"status\":\"completed\",\"call_id\":\"kjx5G4lRm\",\"name\":"
    "\"g\",\"arguments\":\"\"},{\"id\":\"msg_0a1b_4\",\"type\":\"message\",\"status\":"
    "\"incomplete\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"end\","
    "\"annotations\":[],\"logprobs\":[]}]}],\"store\":true,\"instructions\":null,\"max_output_"
    "tokens\":null,\"max_tool_calls\":null,\"metadata\":{\"a\":\"b\"},\"parallel_tool_calls\":true,"
    "\"previous_response_id\":null,\"reasoning\":{\"effort\":null,\"summary\":null},"
    "\"temperature\":null,\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\","
    "\"tools\":[],\"top_logprobs\":0,\"top_p\":null,\"truncation\":\"disabled\",\"user\":null,"
    "\"usage\":{\"input_tokens\":7,\"input_tokens_details\":{\"cached_tokens\":3},\"output_"
    "tokens\":2,\"output_tokens_details\":{\"reasoning_tokens\":1},\"total_tokens\":9},\"system_"
    "fingerprint\":\"hn1\",\"model_digest\":\"sha256:d1\",\"seed\":5}}\n\n";

static void test_stream(void **state) {
    HthCall calls[2] = { { .name = HTH_STR("f") }, { .name = HTH_STR("g") } };
    const HthAnswerOut answers[] = {
        { .end = HTH_END_LENGTH, .calls = calls, .call_count = 2, .seed = 5, .usage = api_usage() }
    };
    (void)state;
    const ApiStream s =
        STREAM("{\"input\":\"hi\",\"stream\":true,\"include\":[\"message.output_text."
               "logprobs\"],\"metadata\":{\"a\":\"b\"}}",
               answers);
    api_expect(api_stream, &s, streamed);
}

static void test_whole(void **state) {
    HthCall calls[2] = {
        { .id = HTH_STR("i1"), .name = HTH_STR("f"), .args = HTH_STR("{\"x\":1}") },
        { .name = HTH_STR("g"), .args = HTH_STR("{}") }
    };
    const HthAnswerOut answers[] = { { .end = HTH_END_STOP,
                                       .text = HTH_STR("t"),
                                       .thinking = HTH_STR("hm"),
                                       .calls = calls,
                                       .call_count = 2,
                                       .words = words,
                                       .word_count = 2,
                                       .seed = 5 } };
    const HthAnswerOut empty[] = { { .end = HTH_END_CONTEXT, .seed = 5 } };
    (void)state;
    const ApiStream s =
        STREAM("{\"input\":\"hi\",\"store\":false,\"temperature\":0.5,\"instructions\":"
               "\"i\",\"include\":[\"message.output_text.logprobs\"]}",
               answers);
    api_expect(
        api_whole, &s,
        "{\"id\":\"resp_0a1b\",\"object\":\"response\",\"created_at\":1790000000,\"status\":"
        "\"completed\",\"background\":false,\"error\":null,\"incomplete_details\":null,\"model\":"
        "\"tiny\\\"1\",\"output\":[{\"id\":\"rs_0a1b_0\",\"type\":\"reasoning\",\"status\":"
        "\"completed\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"hm\"}]},{\"id\":\"msg_"
        "0a1b_1\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":"
        "[{\"type\":\"output_text\",\"text\":\"t\",\"annotations\":[],\"logprobs\":[{\"token\":"
        "\"t1\",\"bytes\":[116,49],\"logprob\":-0.5,\"top_logprobs\":[{\"token\":\"t1\",\"bytes\":["
        "116,49],\"logprob\":-0.5}]},{\"token\":\"t2\",\"bytes\":[116,50],\"logprob\":-0.25,\"top_"
        "logprobs\":[]}]}]},{\"id\":\"fc_0a1b_2\",\"type\":\"function_call\",\"status\":"
        "\"completed\",\"call_id\":\"i1\",\"name\":\"f\",\"arguments\":\"{\\\"x\\\":1}\"},{\"id\":"
        "\"fc_0a1b_3\",\"type\":\"function_call\",\"status\":\"completed\",\"call_id\":"
        "\"kjx5G4lRm\",\"name\":\"g\",\"arguments\":\"{}\"}],\"store\":false,\"instructions\":"
        "\"i\",\"max_output_tokens\":null,\"max_tool_calls\":null,\"metadata\":{},\"parallel_tool_"
        "calls\":true,\"previous_response_id\":null,\"reasoning\":{\"effort\":null,\"summary\":"
        "null},\"temperature\":0.5,\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":"
        "\"auto\",\"tools\":[],\"top_logprobs\":0,\"top_p\":null,\"truncation\":\"disabled\","
        "\"user\":null,\"usage\":{\"input_tokens\":7,\"input_tokens_details\":{\"cached_tokens\":3}"
        ",\"output_tokens\":2,\"output_tokens_details\":{\"reasoning_tokens\":1},\"total_tokens\":"
        "9},\"system_fingerprint\":\"hn1\",\"model_digest\":\"sha256:d1\",\"seed\":5}");
    const ApiStream none = STREAM("{\"input\":\"hi\"}", empty);
    api_expect(
        api_whole, &none,
        "{\"id\":\"resp_0a1b\",\"object\":\"response\",\"created_at\":1790000000,\"status\":"
        "\"incomplete\",\"background\":false,\"error\":null,\"incomplete_details\":{\"reason\":"
        "\"max_output_tokens\"},\"finish_detail\":\"context\",\"model\":\"tiny\\\"1\",\"output\":[{"
        "\"id\":\"msg_0a1b_0\",\"type\":\"message\",\"status\":\"incomplete\",\"role\":"
        "\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"\",\"annotations\":[],"
        "\"logprobs\":[]}]}],\"store\":true,\"instructions\":null,\"max_output_tokens\":null,\"max_"
        "tool_calls\":null,\"metadata\":{},\"parallel_tool_calls\":true,\"previous_response_id\":"
        "null,\"reasoning\":{\"effort\":null,\"summary\":null},\"temperature\":null,\"text\":{"
        "\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"top_logprobs\":0,"
        "\"top_p\":null,\"truncation\":\"disabled\",\"user\":null,\"usage\":{\"input_tokens\":7,"
        "\"input_tokens_details\":{\"cached_tokens\":3},\"output_tokens\":2,\"output_tokens_"
        "details\":{\"reasoning_tokens\":1},\"total_tokens\":9},\"system_fingerprint\":\"hn1\","
        "\"model_digest\":\"sha256:d1\",\"seed\":5}");
}

static HthFace *open_face(const char *body, HthAsk *ask) {
    const HthFacts facts = api_facts();
    HthErr err = { 0 };
    HthFace *f = NULL;
    assert_ok(api_read(API("/v1/responses"), body, ask, &err), err);
    assert_ok(API("/v1/responses")->open(&f, ask, &facts, &err), err);
    return f;
}

/* What is stored of a stream is what was streamed. */
static void test_whole_after_stream(void **state) {
    const HthAnswerOut answer = { .end = HTH_END_STOP, .seed = 5 };
    const HthUsage usage = api_usage();
    const HthDelta d = { .part = { HTH_PART_TEXT, 0, HTH_STR("hey") } };
    HthErr err = { 0 };
    HthAsk ask;
    HthBuf out, whole;
    (void)state;
    HthFace *f = open_face("{\"input\":\"hi\",\"stream\":true}", &ask);
    hth_buf_init(&out, 100000);
    hth_buf_init(&whole, 100000);
    assert_ok(f->ops->begin(f, &out, &err), err);
    assert_ok(f->ops->delta(f, &d, &out, &err), err);
    assert_ok(f->ops->finish(f, &answer, &out, &err), err);
    assert_ok(f->ops->end(f, &usage, &out, &err), err);
    assert_ok(f->ops->whole(f, &answer, 1, &usage, &whole, &err), err);
    const size_t at = hth_str_find(hth_buf_str(&out), hth_buf_str(&whole));
    assert_true(at != SIZE_MAX); /* inside response.completed */
    hth_buf_drop(&out);
    hth_buf_drop(&whole);
    hth_face_close(&f);
    hth_ask_drop(&ask);
}

static void test_error_in_stream(void **state) {
    const HthErr e = { .status = HTH_EIO, .text = "gone" };
    HthAsk ask;
    HthBuf out;
    (void)state;
    HthFace *f = open_face("{\"input\":\"hi\",\"stream\":true}", &ask);
    hth_buf_init(&out, 10000);
    assert_int_equal(f->ops->error(f, 500, &e, true, &out), HTH_OK);
    assert_non_null(strstr(out.p, "event: response.failed\ndata: {\"type\":\"response.failed\","
                                  "\"sequence_number\":0,\"response\":{\"id\":\"resp_0a1b\""));
    assert_non_null(
        strstr(out.p, "event: error\ndata: {\"type\":\"error\",\"sequence_number\":1,"
                      "\"code\":\"server_error\",\"message\":\"gone\",\"param\":null,\"error\":{"));
    api_lines_are_json(hth_buf_str(&out), "data: ");
    hth_buf_clear(&out);
    assert_int_equal(f->ops->error(f, 400, &e, false, &out), HTH_OK);
    assert_string_equal(out.p,
                        "{\"error\":{\"message\":\"gone\",\"type\":\"invalid_request_error\","
                        "\"param\":null,\"code\":null}}");
    hth_buf_drop(&out);
    hth_face_close(&f);
    hth_ask_drop(&ask);
}

static void test_count(void **state) {
    const HthUsage usage = { .prompt = 12 };
    HthErr err = { 0 };
    HthAsk ask;
    HthBuf out;
    (void)state;
    HthFace *f = open_face("{\"input\":\"hi\"}", &ask);
    hth_buf_init(&out, 10000);
    assert_ok(f->ops->count(f, &usage, &out, &err), err);
    assert_string_equal(out.p, "{\"object\":\"response.input_tokens\",\"input_tokens\":12,"
                               "\"model_digest\":\"sha256:d1\"}");
    hth_buf_drop(&out);
    hth_face_close(&f);
    hth_ask_drop(&ask);
}

static void test_faults(void **state) {
    HthCall calls[1] = { { .name = HTH_STR("f"), .args = HTH_STR("{\"x\":1}") } };
    const HthAnswerOut answers[] = { { .end = HTH_END_STOP,
                                       .text = HTH_STR("hi"),
                                       .calls = calls,
                                       .call_count = 1,
                                       .words = words,
                                       .word_count = 2 } };
    const ApiStream s = STREAM("{\"instructions\":\"i\",\"input\":[{\"type\":\"reasoning\","
                               "\"summary\":[{\"text\":\"t\"}]},"
                               "{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\","
                               "\"arguments\":\"{}\"},{\"type\":"
                               "\"function_call_output\",\"call_id\":\"c\",\"output\":[{\"type\":"
                               "\"input_text\",\"text\":\"o\"}"
                               "]}],\"tools\":[{\"type\":\"function\",\"name\":\"f\"}],\"include\":"
                               "[\"message.output_text.logprobs\"]}",
                               answers);
    ApiTorture runs[] = { { api_stream, &s }, { api_whole, &s } };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(runs); i++)
        assert_true(test_torture(api_torture_body, &runs[i], 1000) > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),           cmocka_unit_test(test_stream),
        cmocka_unit_test(test_whole),           cmocka_unit_test(test_whole_after_stream),
        cmocka_unit_test(test_error_in_stream), cmocka_unit_test(test_count),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
