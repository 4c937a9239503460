/* openai_test.c - OpenAI's requests into asks, and its answers to the byte. */
#include "support/test.h"

#include "support/api.h"

#define API(path) api_find(hth_api_openai, path)

static const ApiReadCase chat_cases[] = {
    { "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
      "chat model=<m> messages=[{\"role\":\"user\",\"content\":\"hi\"}]", HTH_OK },
    { "{\"messages\":[{\"role\":\"developer\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{"
      "\"type\":\"text\",\"text\":\"b\"}],\"name\":\"N\"},{\"role\":\"Assistant\",\"content\":null,"
      "\"reasoning_content\":\"r\",\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\","
      "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\":1}\"}},{\"id\":\"c2\",\"function\":{"
      "\"name\":\"g\",\"arguments\":\"{bad\"}},{\"id\":\"c3\",\"function\":{\"name\":\"h\"}}]},{"
      "\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":\"r\"}]}",
      "chat "
      "messages=[{\"role\":\"system\",\"content\":\"a\\nb\",\"name\":\"N\"},{\"role\":"
      "\"assistant\",\"content\":\"\",\"reasoning_content\":\"r\",\"tool_calls\":[{\"id\":\"c1\","
      "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":{\"x\":1}}},{\"id\":\"c2\","
      "\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":{\"INVALID_JSON\":\"{bad\"}"
      "}},{\"id\":\"c3\",\"type\":\"function\",\"function\":{\"name\":\"h\",\"arguments\":{}}}]},{"
      "\"role\":\"tool\",\"content\":\"r\",\"tool_call_id\":\"c2\",\"name\":\"g\"}]",
      HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"refusal\":"
      "\"no\"}],\"continue_final_message\":true}",
      "chat "
      "messages=[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"no\"}]"
      " think=0 prefill",
      HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"continue_final_message\":true}",
      "continue_final_message: the last message is not the assistant's, or says nothing",
      HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":"
      "\"image_url\",\"image_url\":{\"url\":\"x\"}}]}]}",
      "messages[0].content[1]: parts of type \"image_url\" are not supported; only text is",
      HTH_ENOTSUP },
    { "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"hologram\"}]}]}",
      "messages[0].content[0].type: is no kind of content part; use \"text\"", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]}",
      "messages[0].content[0].text: must be a string, not absent", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":[\"a\"]}]}",
      "messages[0].content[0]: must be an object, not a string", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"user\",\"content\":\"y\"},{"
      "\"role\":\"user\",\"content\":5}]}",
      "messages[2].content: must be a string or an array of parts, not a number", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\"}]}",
      "messages[0].content: must be a string or an array of parts, not absent", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"boss\",\"content\":\"x\"}]}",
      "messages[0].role: must be \"system\", \"developer\", \"user\", \"assistant\" or \"tool\"",
      HTH_EINVAL },
    { "{\"messages\":[\"x\"]}", "messages[0]: must be an object, not a string", HTH_EINVAL },
    { "{\"messages\":[]}", "messages: must have at least one message", HTH_EINVAL },
    { "{\"messages\":\"x\"}", "messages: must be an array, not a string", HTH_EINVAL },
    { "{}", "messages: must have at least one message", HTH_EINVAL },
    { "[1]", "the request must be a JSON object", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"type\":\"custom\",\"custom\":{"
      "\"name\":\"x\"}}]}]}",
      "messages[0].tool_calls[0].type: only \"function\" is supported", HTH_ENOTSUP },
    { "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":3,\"function\":{\"name\":"
      "\"x\"}}]}]}",
      "messages[0].tool_calls[0].id: must be a string, not a number", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"function\":{\"arguments\":\"{}\"}}"
      "]}]}",
      "messages[0].tool_calls[0].function.name: must be a string, not absent", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"function\":{\"name\":\"f\","
      "\"arguments\":[1]}}]}]}",
      "messages[0].tool_calls[0].function.arguments: must be a string of JSON or an object, not an "
      "array",
      HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":{}}]}",
      "messages[0].tool_calls: must be an array, not an object", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"assistant\",\"function_call\":{\"name\":\"x\"}}]}",
      "messages[0].function_call: is not supported by this server; leave it out", HTH_ENOTSUP },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"max_tokens\":5,\"max_completion_"
      "tokens\":9,\"temperature\":0.5,\"top_p\":1,\"stop\":[\"a\",\"\",\"b\"],\"seed\":7,\"n\":2,"
      "\"stream\":true,\"stream_options\":{\"include_usage\":true},\"logprobs\":true,\"top_"
      "logprobs\":3,\"logit_bias\":{\"5\":-100,\"7\":1.5},\"user\":\"u\",\"parallel_tool_calls\":"
      "false,\"reasoning_effort\":\"high\",\"num_ctx\":4096,\"keep_alive\":\"10m\"}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}] think=1 effort=<high> "
      "params={\"logit_bias\":\"5=-100,7=1.5\",\"temperature\":0.5,\"top_p\":1} seed=7 stop=<a> "
      "stop=<b> predict=9 ctx=4096 n=2 top=3 keep_alive=600 user=<u> stream logprobs "
      "usage_in_stream serial_tools",
      HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"max_tokens\":null,\"stop\":null,"
      "\"seed\":null,\"tools\":null,\"response_format\":null,\"logit_bias\":null,\"unknown\":{"
      "\"a\":1}}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}]", HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"max_tokens\":-1,\"seed\":-1,"
      "\"stop\":\"x\",\"options\":{\"num_ctx\":512}}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}] stop=<x> ctx=512", HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"max_tokens\":10.0,\"extra_body\":{"
      "\"num_ctx\":256},\"priority\":-3}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}] predict=10 ctx=256 priority=-3",
      HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"max_tokens\":0}",
      "max_tokens: must be at least 1, or -1 for as many as the model says", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"max_tokens\":1.5}",
      "max_tokens: must be a whole number", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"max_tokens\":\"9\"}",
      "max_tokens: must be a whole number, not a string", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"seed\":9223372036854775807}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}] seed=9223372036854775807", HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"seed\":1e300}",
      "seed: must be a whole number", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"temperature\":3}",
      "temperature: must be from 0 to 2", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"top_p\":\"1\"}",
      "top_p: must be a number, not a string", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"presence_penalty\":-2.1}",
      "presence_penalty: must be from -2 to 2", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"n\":0}", "n: must be from 1 to 128",
      HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"n\":129}",
      "n: must be from 1 to 128", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"stream\":1}",
      "stream: must be true or false, not a number", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"stream_options\":[]}",
      "stream_options: must be an object, not an array", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"stop\":[\"a\",2]}",
      "stop[1]: must be a string, not a number", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"stop\":[\"1\",\"2\",\"3\",\"4\","
      "\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\",\"12\",\"13\",\"14\",\"15\",\"16\",\"17\"]}",
      "stop: has 17 strings; at most 16 are read", HTH_ELIMIT },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"logit_bias\":{\"hello\":1}}",
      "logit_bias: token ids are whole numbers from 0; texts are not supported", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"logit_bias\":{\"5\":\"a\"}}",
      "logit_bias: must be numbers, by token id, not a string", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"logit_bias\":[[5,false],[6,1]],"
      "\"samplers\":[\"top_k\",\"top_n_sigma\",\"temperature\"],\"top_k\":-1,\"dry_sequence_"
      "breakers\":[\"a\"],\"min_p\":0.1,\"cache_prompt\":false,\"reasoning_format\":\"none\"}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}] "
      "params={\"top_k\":0,\"min_p\":0.10000000000000001,\"dry_sequence_breaker\":[\"a\"],"
      "\"samplers\":\"top_k;temperature\",\"logit_bias\":\"5=-inf,6=1\"} no_cache keep_thinking",
      HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"logit_bias\":[[5]]}",
      "logit_bias: must hold pairs of a token id and a number", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"samplers\":\"top_k;temperature\","
      "\"dry_sequence_breakers\":[],\"top_n_sigma\":-1,\"dynatemp_range\":0}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}] "
      "params={\"dry_sequence_breaker\":\"none\",\"samplers\":\"top_k;temperature\"}",
      HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"top_n_sigma\":1.5}",
      "top_n_sigma: is not supported by this server; leave it out", HTH_ENOTSUP },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"top_logprobs\":2}",
      "top_logprobs: needs logprobs to be true", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"logprobs\":true,\"top_logprobs\":"
      "21}",
      "top_logprobs: must be from 0 to 20", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"response_format\":{\"type\":"
      "\"text\"}}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}]", HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"response_format\":{\"type\":\"json_"
      "object\"}}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}] format=json", HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"response_format\":{\"type\":\"json_"
      "object\",\"schema\":{\"type\":\"string\"}}}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}] format=schema "
      "schema={\"type\":\"string\"}",
      HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"response_format\":{\"type\":\"json_"
      "schema\",\"json_schema\":{\"name\":\"n\",\"strict\":true,\"schema\":{\"type\":\"object\"}}}"
      "}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}] format=schema "
      "schema={\"type\":\"object\"}",
      HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"response_format\":{\"type\":\"json_"
      "schema\",\"json_schema\":{\"name\":\"n\"}}}",
      "response_format.json_schema.schema: must be a JSON schema (an object), not absent",
      HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"response_format\":{\"type\":\"xml\"}"
      "}",
      "response_format.type: must be one of \"text\", \"json_object\", \"json_schema\"",
      HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"response_format\":{\"type\":\"json_"
      "object\"},\"grammar\":\"root ::= x\"}",
      "response_format: another field has set a format already; only one can hold", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"grammar\":\"root ::= \\\"x\\\"\"}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}] format=gbnf grammar=<root ::= \"x\">",
      HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"json_schema\":{\"type\":\"null\"}}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}] format=schema "
      "schema={\"type\":\"null\"}",
      HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"guided_json\":\"{\\\"type\\\":"
      "\\\"string\\\"}\"}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}] format=schema "
      "schema={\"type\":\"string\"}",
      HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"guided_json\":\"{\"}",
      "guided_json: JSON, line 1 column 1: it ends too early", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"guided_regex\":\"a+\",\"guided_"
      "choice\":null}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}] format=regex grammar=<a+>", HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"structured_outputs\":{\"choice\":["
      "\"a\",\"b\"]}}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}] format=choice schema=[\"a\",\"b\"]",
      HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"structured_outputs\":{\"choice\":[]}"
      "}",
      "structured_outputs.choice: must have from 1 to 4096 choices, not 0", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"structured_outputs\":{\"json_"
      "object\":true}}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}] format=json", HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"tools\":[{\"type\":\"function\","
      "\"function\":{\"name\":\"f\",\"description\":\"d\",\"parameters\":{\"type\":\"object\","
      "\"properties\":{\"a\":{\"type\":\"string\"}}}}},{\"type\":\"function\",\"function\":{"
      "\"name\":\"g\"}}],\"tool_choice\":\"auto\"}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}] "
      "tools=[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\","
      "\"parameters\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}}},{"
      "\"type\":\"function\",\"function\":{\"name\":\"g\",\"parameters\":{\"type\":\"object\","
      "\"properties\":{}}}}]",
      HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"tools\":[{\"type\":\"function\","
      "\"function\":{\"name\":\"f\"}}],\"tool_choice\":{\"type\":\"function\",\"function\":{"
      "\"name\":\"f\"}}}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}] "
      "tools=[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":"
      "\"object\",\"properties\":{}}}}] named name=<f>",
      HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"tools\":[{\"type\":\"function\","
      "\"function\":{\"name\":\"f\"}}],\"tool_choice\":{\"type\":\"function\",\"function\":{"
      "\"name\":\"g\"}}}",
      "tool_choice: names a function that is not among the tools", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"tool_choice\":\"required\"}",
      "tool_choice: asks for a call, but there are no tools", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"tool_choice\":\"maybe\"}",
      "tool_choice: must be one of \"auto\", \"none\", \"required\"", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"tools\":[{\"type\":\"web_search\"}]"
      "}",
      "tools[0].type: only \"function\" tools are supported", HTH_ENOTSUP },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"tools\":[{\"type\":\"function\","
      "\"function\":{\"name\":\"\"}}]}",
      "tools[0].function.name: must not be empty", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"tools\":[{\"type\":\"function\","
      "\"function\":{\"name\":\"f\",\"parameters\":\"x\"}}]}",
      "tools[0].function.parameters: must be a JSON schema (an object), not a string", HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"audio\":{\"voice\":\"x\"}}",
      "audio: is not supported by this server; leave it out", HTH_ENOTSUP },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"modalities\":[\"text\",\"audio\"]}",
      "modalities: only \"text\" is supported", HTH_ENOTSUP },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"modalities\":[\"text\"],"
      "\"verbosity\":\"medium\",\"audio\":null,\"functions\":[]}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}]", HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"verbosity\":\"low\"}",
      "verbosity: only \"medium\" is supported", HTH_ENOTSUP },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"functions\":[{\"name\":\"x\"}]}",
      "functions: is not supported by this server; leave it out", HTH_ENOTSUP },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"reasoning_effort\":\"none\"}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}] think=0", HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"reasoning_effort\":\"extreme\"}",
      "reasoning_effort: must be one of \"none\", \"minimal\", \"low\", \"medium\", \"high\", "
      "\"xhigh\", \"max\"",
      HTH_EINVAL },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"reasoning\":{\"effort\":\"low\"},"
      "\"think\":true}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}] think=1 effort=<low>", HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"thinking\":{\"type\":\"enabled\","
      "\"budget_tokens\":2048}}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}] think=1 think_max=2048", HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"keep_alive\":\"1h30m5s\",\"chat_"
      "template_kwargs\":{\"enable_thinking\":false}}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}] vars={\"enable_thinking\":false} "
      "think=0 keep_alive=5405",
      HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"keep_alive\":-1}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}] keep_alive=-1", HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"keep_alive\":\"-5m\"}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}] keep_alive=-1", HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"keep_alive\":\"300ms\"}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}] keep_alive=1", HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"keep_alive\":\"0\"}",
      "chat messages=[{\"role\":\"user\",\"content\":\"h\"}] keep_alive=0", HTH_OK },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"h\"}],\"keep_alive\":\"5 minutes\"}",
      "keep_alive: must be a number of seconds or a duration like \"10m\"; negative is for ever",
      HTH_EINVAL },
};

static const ApiReadCase text_cases[] = {
    { "{\"model\":\"m\",\"prompt\":\"a\"}", "text model=<m> prompt=<a>", HTH_OK },
    { "{\"prompt\":[\"a\",\"b\"],\"n\":2,\"echo\":true,\"max_tokens\":3}",
      "text prompt=<a> prompt=<b> predict=3 n=2 echo", HTH_OK },
    { "{\"prompt\":[1,2,3],\"logprobs\":5}", "text ids=[1,2,3] top=5 logprobs", HTH_OK },
    { "{\"prompt\":[[1,2],[3]]}", "text ids=[1,2] ids=[3]", HTH_OK },
    { "{\"prompt\":[\"a\",[1]],\"ignore_eos\":true}", "text prompt=<a> ids=[1] ignore_end",
      HTH_OK },
    { "{\"prompt\":\"a\",\"max_tokens\":0,\"echo\":true}",
      "text prompt=<a> predict=1 echo predict_none", HTH_OK },
    { "{\"prompt\":\"a\",\"suffix\":\"b\"}", "infill prompt=<a> suffix=<b>", HTH_OK },
    { "{\"prompt\":[1],\"suffix\":\"b\"}", "suffix: needs prompts that are texts", HTH_ENOTSUP },
    { "{\"prompt\":\"a\",\"suffix\":\"\"}", "text prompt=<a>", HTH_OK },
    { "{\"prompt\":\"a\",\"best_of\":2}",
      "best_of: choosing among more answers than n is not supported", HTH_ENOTSUP },
    { "{\"prompt\":\"a\",\"best_of\":2,\"n\":2}", "text prompt=<a> n=2", HTH_OK },
    { "{\"prompt\":\"a\",\"logprobs\":true}", "text prompt=<a> logprobs", HTH_OK },
    { "{\"prompt\":\"a\",\"logprobs\":1,\"echo\":true}",
      "echo: together with logprobs is not supported", HTH_ENOTSUP },
    { "{\"prompt\":[]}", "prompt: must not be empty", HTH_EINVAL },
    { "{\"prompt\":[[]]}", "prompt[0]: has no tokens", HTH_EINVAL },
    { "{\"prompt\":[-1]}", "prompt[0]: must be from 0 to 4294967295", HTH_EINVAL },
    { "{\"prompt\":[1.5]}", "prompt[0]: must be a whole number", HTH_EINVAL },
    { "{\"prompt\":{\"prompt_string\":\"a\"}}",
      "prompt: must be a string, a list of token ids, or an array of these, not an object",
      HTH_EINVAL },
    { "{\"prompt\":[true]}", "prompt[0]: must be a string or a list of token ids, not true",
      HTH_EINVAL },
    { "{}", "prompt: must be given", HTH_EINVAL },
};

static const ApiReadCase embed_cases[] = {
    { "{\"model\":\"m\",\"input\":\"a\"}", "embed model=<m> prompt=<a>", HTH_OK },
    { "{\"input\":[\"a\",\"b\"],\"encoding_format\":\"base64\",\"dimensions\":64,\"user\":\"u\"}",
      "embed prompt=<a> prompt=<b> dimensions=64 user=<u> base64", HTH_OK },
    { "{\"input\":[[1,2],[3]],\"encoding_format\":\"float\"}", "embed ids=[1,2] ids=[3]", HTH_OK },
    { "{\"input\":\"\"}", "input: must not hold an empty text (number 0)", HTH_EINVAL },
    { "{\"input\":[\"a\",\"\"]}", "input: must not hold an empty text (number 1)", HTH_EINVAL },
    { "{\"input\":\"a\",\"encoding_format\":\"hex\"}",
      "encoding_format: must be one of \"float\", \"base64\"", HTH_EINVAL },
    { "{\"input\":\"a\",\"dimensions\":0}", "dimensions: must be from 1 to 1048576", HTH_EINVAL },
    { "{}", "input: must be given", HTH_EINVAL },
};

static void test_reads(void **state) {
    (void)state;
    api_read_cases(API("/v1/chat/completions"), chat_cases, HTH_COUNT(chat_cases));
    api_read_cases(API("/chat/completions"), chat_cases, HTH_COUNT(chat_cases));
    api_read_cases(API("/v1/completions"), text_cases, HTH_COUNT(text_cases));
    api_read_cases(API("/v1/embeddings"), embed_cases, HTH_COUNT(embed_cases));
}

static const HthTop tops[] = { { 1, -0.5f }, { 255, -2.25f }, { 255, -3.0f } };
static const HthWord words[] = {
    { .id = 1, .text = HTH_STR("h\xC3\xA9"), .logprob = -0.5f, .top = tops, .top_count = 3 },
    { .id = 255, .text = HTH_STR(""), .logprob = -1.0f / 0.0f, .top = tops, .top_count = 0 },
};
#define STREAM(path, text, ev, ans) API_STREAM(API(path), text, ev, ans)

#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static void test_chat_stream(void **state) {
    static const ApiEvent events[] = {
        { .kind = HTH_PART_THINKING, .text = "hm" },
        { .kind = HTH_PART_TEXT, .text = "" },
        { .kind = HTH_PART_TEXT,
          .text = "a\"\n\x01\xff"
                  "b" },
        { .kind = HTH_PART_CALL, .text = "f" },
        { .kind = HTH_PART_ARGS, .text = "{\"x\":" },
        { .kind = HTH_PART_ARGS, .text = "1}" },
        { .kind = HTH_PART_CALL_END, .text = "" },
        { .kind = HTH_PART_CALL, .text = "g", .call = 1 },
        { .kind = HTH_PART_CALL_END, .text = "", .call = 1 },
    };
    HthCall calls[2] = { { .name = HTH_STR("f") }, { .name = HTH_STR("g") } };
    const HthAnswerOut answers[] = {
        { .end = HTH_END_STOP, .calls = calls, .call_count = 2, .seed = 5, .usage = api_usage() }
    };
    (void)state;
    const ApiStream s = STREAM(
        "/v1/chat/completions",
        "{" HELLO ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}", events, answers);
    api_expect(
        api_stream, &s,
        "data: "
        "{\"id\":\"chatcmpl-0a1b\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,"
        "\"model\":\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":0,"
        "\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":"
        "null}],\"model_digest\":\"sha256:d1\",\"usage\":null}\n\ndata: "
        "{\"id\":\"chatcmpl-0a1b\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,"
        "\"model\":\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":0,"
        "\"delta\":{\"reasoning_content\":\"hm\"},\"logprobs\":null,\"finish_reason\":null}],"
        "\"usage\":null}\n\ndata: "
        "{\"id\":\"chatcmpl-0a1b\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,"
        "\"model\":\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":0,"
        "\"delta\":{\"content\":\"a\\\"\\n\\u0001\357\277\275b\"},\"logprobs\":null,\"finish_"
        "reason\":null}],\"usage\":null}\n\ndata: "
        "{\"id\":\"chatcmpl-0a1b\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,"
        "\"model\":\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":0,"
        "\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"W6poCC4Ml\",\"type\":\"function\","
        "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]},\"logprobs\":null,\"finish_reason\":"
        "null}],\"usage\":null}\n\ndata: "
        "{\"id\":\"chatcmpl-0a1b\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,"
        "\"model\":\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":0,"
        "\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"x\\\":\"}}]},"
        "\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\ndata: "
        "{\"id\":\"chatcmpl-0a1b\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,"
        "\"model\":\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":0,"
        "\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"1}\"}}]},"
        "\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\ndata: "
        "{\"id\":\"chatcmpl-0a1b\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,"
        "\"model\":\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":0,"
        "\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"kjx5G4lRm\",\"type\":\"function\","
        "\"function\":{\"name\":\"g\",\"arguments\":\"\"}}]},\"logprobs\":null,\"finish_reason\":"
        "null}],\"usage\":null}\n\ndata: "
        "{\"id\":\"chatcmpl-0a1b\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,"
        "\"model\":\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":0,"
        "\"delta\":{},\"logprobs\":null,\"finish_reason\":\"tool_calls\"}],\"model_digest\":"
        "\"sha256:d1\",\"seed\":5,\"timings\":{\"cache_n\":3,\"prompt_n\":4,\"prompt_ms\":2,"
        "\"prompt_per_token_ms\":0.5,\"prompt_per_second\":2000,\"predicted_n\":2,\"predicted_ms\":"
        "1,\"predicted_per_token_ms\":0.5,\"predicted_per_second\":2000},\"usage\":null}\n\ndata: "
        "{\"id\":\"chatcmpl-0a1b\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,"
        "\"model\":\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[],\"usage\":{\"prompt_"
        "tokens\":7,\"completion_tokens\":2,\"total_tokens\":9,\"prompt_tokens_details\":{\"cached_"
        "tokens\":3},\"completion_tokens_details\":{\"reasoning_tokens\":1}},\"timings\":{\"cache_"
        "n\":3,\"prompt_n\":4,\"prompt_ms\":2,\"prompt_per_token_ms\":0.5,\"prompt_per_second\":"
        "2000,\"predicted_n\":2,\"predicted_ms\":1,\"predicted_per_token_ms\":0.5,\"predicted_per_"
        "second\":2000}}\n\ndata: [DONE]\n\n");
}

static void test_chat_stream_of_two(void **state) {
    static const ApiEvent events[] = {
        { .kind = HTH_PART_TEXT, .text = "h", .words = words, .word_count = 1 },
        { .kind = HTH_PART_TEXT, .text = "", .index = 1, .words = words + 1, .word_count = 1 },
    };
    const HthAnswerOut answers[] = {
        { .end = HTH_END_LENGTH, .seed = 5, .usage = api_usage(), .completed_by_grammar = true },
        { .index = 1, .end = HTH_END_CONTEXT, .seed = (uint64_t)-7, .usage = api_usage() },
    };
    (void)state;
    const ApiStream s =
        STREAM("/v1/chat/completions",
               "{" HELLO ",\"stream\":true,\"n\":2,\"logprobs\":true,\"top_logprobs\":2}", events,
               answers);
    api_expect(
        api_stream, &s,
        "data: "
        "{\"id\":\"chatcmpl-0a1b\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,"
        "\"model\":\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":0,"
        "\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":"
        "null}],\"model_digest\":\"sha256:d1\"}\n\ndata: "
        "{\"id\":\"chatcmpl-0a1b\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,"
        "\"model\":\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":1,"
        "\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":"
        "null}],\"model_digest\":\"sha256:d1\"}\n\ndata: "
        "{\"id\":\"chatcmpl-0a1b\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,"
        "\"model\":\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":0,"
        "\"delta\":{\"content\":\"h\"},\"logprobs\":{\"content\":[{\"token\":\"t1\",\"bytes\":[116,"
        "49],\"logprob\":-0.5,\"top_logprobs\":[{\"token\":\"t1\",\"bytes\":[116,49],\"logprob\":-"
        "0.5},{\"token\":\"\357\277\275\",\"bytes\":[255],\"logprob\":-2.25},{\"token\":"
        "\"\357\277\275\",\"bytes\":[255],\"logprob\":-3}]}],\"refusal\":null},\"finish_reason\":"
        "null}]}\n\ndata: "
        "{\"id\":\"chatcmpl-0a1b\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,"
        "\"model\":\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":1,"
        "\"delta\":{\"content\":\"\"},\"logprobs\":{\"content\":[{\"token\":\"\357\277\275\","
        "\"bytes\":[255],\"logprob\":-9999,\"top_logprobs\":[]}],\"refusal\":null},\"finish_"
        "reason\":null}]}\n\ndata: "
        "{\"id\":\"chatcmpl-0a1b\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,"
        "\"model\":\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":0,"
        "\"delta\":{},\"logprobs\":null,\"finish_reason\":\"length\",\"completed_by_grammar\":true}"
        "],\"model_digest\":\"sha256:d1\",\"seed\":5,\"timings\":{\"cache_n\":3,\"prompt_n\":4,"
        "\"prompt_ms\":2,\"prompt_per_token_ms\":0.5,\"prompt_per_second\":2000,\"predicted_n\":2,"
        "\"predicted_ms\":1,\"predicted_per_token_ms\":0.5,\"predicted_per_second\":2000}}\n\ndata:"
        " {\"id\":\"chatcmpl-0a1b\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,"
        "\"model\":\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":1,"
        "\"delta\":{},\"logprobs\":null,\"finish_reason\":\"length\",\"finish_detail\":\"context\"}"
        "],\"model_digest\":\"sha256:d1\",\"seed\":-7,\"timings\":{\"cache_n\":3,\"prompt_n\":4,"
        "\"prompt_ms\":2,\"prompt_per_token_ms\":0.5,\"prompt_per_second\":2000,\"predicted_n\":2,"
        "\"predicted_ms\":1,\"predicted_per_token_ms\":0.5,\"predicted_per_second\":2000}}\n\ndata:"
        " [DONE]\n\n");
}

static void test_chat_whole(void **state) {
    static const ApiEvent none[1];
    HthCall calls[2] = {
        { .id = HTH_STR("id1"), .name = HTH_STR("f"), .args = HTH_STR("{\"x\":1}") },
        { .name = HTH_STR("g"), .args = HTH_STR("{}") }
    };
    const HthAnswerOut answers[] = {
        { .end = HTH_END_STOP,
          .calls = calls,
          .call_count = 2,
          .seed = 5,
          .thinking = HTH_STR("hm") },
        { .index = 1, .end = HTH_END_STOP, .text = HTH_STR("t"), .words = words, .word_count = 2 },
    };
    (void)state;
    const ApiStream s =
        STREAM("/v1/chat/completions", "{" HELLO ",\"n\":2,\"logprobs\":true}", none, answers);
    api_expect(
        api_whole, &s,
        "{\"id\":\"chatcmpl-0a1b\",\"object\":\"chat.completion\",\"created\":1790000000,\"model\":"
        "\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":0,\"message\":{"
        "\"role\":\"assistant\",\"content\":null,\"refusal\":null,\"reasoning_content\":\"hm\","
        "\"tool_calls\":[{\"id\":\"id1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"arguments\":\"{\\\"x\\\":1}\"}},{\"id\":\"kjx5G4lRm\",\"type\":\"function\","
        "\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]},\"logprobs\":null,\"finish_reason\":"
        "\"tool_calls\"},{\"index\":1,\"message\":{\"role\":\"assistant\",\"content\":\"t\","
        "\"refusal\":null},\"logprobs\":{\"content\":[{\"token\":\"t1\",\"bytes\":[116,49],"
        "\"logprob\":-0.5,\"top_logprobs\":[{\"token\":\"t1\",\"bytes\":[116,49],\"logprob\":-0.5},"
        "{\"token\":\"\357\277\275\",\"bytes\":[255],\"logprob\":-2.25},{\"token\":"
        "\"\357\277\275\",\"bytes\":[255],\"logprob\":-3}]},{\"token\":\"\357\277\275\",\"bytes\":["
        "255],\"logprob\":-9999,\"top_logprobs\":[]}],\"refusal\":null},\"finish_reason\":\"stop\"}"
        "],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2,\"total_tokens\":9,\"prompt_"
        "tokens_details\":{\"cached_tokens\":3},\"completion_tokens_details\":{\"reasoning_"
        "tokens\":1}},\"model_digest\":\"sha256:d1\",\"seed\":5,\"timings\":{\"cache_n\":3,"
        "\"prompt_n\":4,\"prompt_ms\":2,\"prompt_per_token_ms\":0.5,\"prompt_per_second\":2000,"
        "\"predicted_n\":2,\"predicted_ms\":1,\"predicted_per_token_ms\":0.5,\"predicted_per_"
        "second\":2000}}");
}

static void test_completions(void **state) {
    static const ApiEvent events[] = {
        { .kind = HTH_PART_TEXT, .text = "h\xC3\xA9", .words = words, .word_count = 1 },
        { .kind = HTH_PART_TEXT, .text = "", .words = words + 1, .word_count = 1 },
    };
    const HthAnswerOut answers[] = { { .end = HTH_END_STOP,
                                       .text = HTH_STR("h\xC3\xA9"),
                                       .words = words,
                                       .word_count = 2,
                                       .seed = 5 } };
    (void)state;
    const ApiStream s = STREAM(
        "/v1/completions", "{\"prompt\":\"p\",\"stream\":true,\"logprobs\":3}", events, answers);
    api_expect(
        api_stream, &s,
        "data: "
        "{\"id\":\"cmpl-0a1b\",\"object\":\"text_completion\",\"created\":1790000000,\"model\":"
        "\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":0,\"text\":"
        "\"h\303\251\",\"logprobs\":{\"tokens\":[\"t1\"],\"token_logprobs\":[-0.5],\"top_"
        "logprobs\":[{\"t1\":-0.5,\"\357\277\275\":-2.25}],\"text_offset\":[0]},\"finish_reason\":"
        "null}]}\n\ndata: "
        "{\"id\":\"cmpl-0a1b\",\"object\":\"text_completion\",\"created\":1790000000,\"model\":"
        "\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":0,\"text\":\"\","
        "\"logprobs\":{\"tokens\":[\"\357\277\275\"],\"token_logprobs\":[-9999],\"top_logprobs\":[{"
        "}],\"text_offset\":[2]},\"finish_reason\":null}]}\n\ndata: "
        "{\"id\":\"cmpl-0a1b\",\"object\":\"text_completion\",\"created\":1790000000,\"model\":"
        "\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":0,\"text\":\"\","
        "\"logprobs\":null,\"finish_reason\":\"stop\"}],\"model_digest\":\"sha256:d1\",\"seed\":5,"
        "\"timings\":{\"cache_n\":0,\"prompt_n\":0,\"prompt_ms\":0,\"prompt_per_token_ms\":0,"
        "\"prompt_per_second\":0,\"predicted_n\":0,\"predicted_ms\":0,\"predicted_per_token_ms\":0,"
        "\"predicted_per_second\":0}}\n\ndata: [DONE]\n\n");
    api_expect(
        api_whole, &s,
        "{\"id\":\"cmpl-0a1b\",\"object\":\"text_completion\",\"created\":1790000000,\"model\":"
        "\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":0,\"text\":"
        "\"h\303\251\",\"logprobs\":{\"tokens\":[\"t1\",\"\357\277\275\"],\"token_logprobs\":[-0.5,"
        "-9999],\"top_logprobs\":[{\"t1\":-0.5,\"\357\277\275\":-2.25},{}],\"text_offset\":[0,2]},"
        "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2,"
        "\"total_tokens\":9,\"prompt_tokens_details\":{\"cached_tokens\":3},\"completion_tokens_"
        "details\":{\"reasoning_tokens\":1}},\"model_digest\":\"sha256:d1\",\"seed\":5,\"timings\":"
        "{\"cache_n\":3,\"prompt_n\":4,\"prompt_ms\":2,\"prompt_per_token_ms\":0.5,\"prompt_per_"
        "second\":2000,\"predicted_n\":2,\"predicted_ms\":1,\"predicted_per_token_ms\":0.5,"
        "\"predicted_per_second\":2000}}");
}

static void test_echo(void **state) {
    static const ApiEvent events[] = { { .kind = HTH_PART_TEXT, .text = "a" } };
    const HthAnswerOut answers[] = { { .end = HTH_END_STOP, .text = HTH_STR("a"), .seed = 5 } };
    (void)state;
    const ApiStream echo =
        STREAM("/v1/completions", "{\"prompt\":[\"p\",\"q\"],\"stream\":true,\"echo\":true}",
               events, answers);
    api_expect(
        api_stream, &echo,
        "data: "
        "{\"id\":\"cmpl-0a1b\",\"object\":\"text_completion\",\"created\":1790000000,\"model\":"
        "\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":0,\"text\":\"p\","
        "\"logprobs\":null,\"finish_reason\":null}],\"model_digest\":\"sha256:d1\"}\n\ndata: "
        "{\"id\":\"cmpl-0a1b\",\"object\":\"text_completion\",\"created\":1790000000,\"model\":"
        "\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":1,\"text\":\"q\","
        "\"logprobs\":null,\"finish_reason\":null}],\"model_digest\":\"sha256:d1\"}\n\ndata: "
        "{\"id\":\"cmpl-0a1b\",\"object\":\"text_completion\",\"created\":1790000000,\"model\":"
        "\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":0,\"text\":\"a\","
        "\"logprobs\":null,\"finish_reason\":null}]}\n\ndata: "
        "{\"id\":\"cmpl-0a1b\",\"object\":\"text_completion\",\"created\":1790000000,\"model\":"
        "\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":0,\"text\":\"\","
        "\"logprobs\":null,\"finish_reason\":\"stop\"}],\"model_digest\":\"sha256:d1\",\"seed\":5,"
        "\"timings\":{\"cache_n\":0,\"prompt_n\":0,\"prompt_ms\":0,\"prompt_per_token_ms\":0,"
        "\"prompt_per_second\":0,\"predicted_n\":0,\"predicted_ms\":0,\"predicted_per_token_ms\":0,"
        "\"predicted_per_second\":0}}\n\ndata: [DONE]\n\n");
    const ApiStream none = STREAM(
        "/v1/completions", "{\"prompt\":[1],\"echo\":true,\"max_tokens\":0}", events, answers);
    api_expect(
        api_whole, &none,
        "{\"id\":\"cmpl-0a1b\",\"object\":\"text_completion\",\"created\":1790000000,\"model\":"
        "\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":0,\"text\":\"<p>\","
        "\"logprobs\":null,\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":7,"
        "\"completion_tokens\":0,\"total_tokens\":7,\"prompt_tokens_details\":{\"cached_tokens\":3}"
        ",\"completion_tokens_details\":{\"reasoning_tokens\":1}},\"model_digest\":\"sha256:d1\","
        "\"seed\":5,\"timings\":{\"cache_n\":3,\"prompt_n\":4,\"prompt_ms\":2,\"prompt_per_token_"
        "ms\":0.5,\"prompt_per_second\":2000,\"predicted_n\":2,\"predicted_ms\":1,\"predicted_per_"
        "token_ms\":0.5,\"predicted_per_second\":2000}}");
    api_expect(
        api_stream, &none,
        "data: "
        "{\"id\":\"cmpl-0a1b\",\"object\":\"text_completion\",\"created\":1790000000,\"model\":"
        "\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":0,\"text\":\"<p>\","
        "\"logprobs\":null,\"finish_reason\":null}],\"model_digest\":\"sha256:d1\"}\n\ndata: "
        "{\"id\":\"cmpl-0a1b\",\"object\":\"text_completion\",\"created\":1790000000,\"model\":"
        "\"tiny\\\"1\",\"system_fingerprint\":\"hn1\",\"choices\":[{\"index\":0,\"text\":\"\","
        "\"logprobs\":null,\"finish_reason\":\"length\"}],\"model_digest\":\"sha256:d1\",\"seed\":"
        "5,\"timings\":{\"cache_n\":0,\"prompt_n\":0,\"prompt_ms\":0,\"prompt_per_token_ms\":0,"
        "\"prompt_per_second\":0,\"predicted_n\":0,\"predicted_ms\":0,\"predicted_per_token_ms\":0,"
        "\"predicted_per_second\":0}}\n\ndata: [DONE]\n\n");
}

static void vectors(const char *body, const char *want) {
    const float a[] = { 1.0f, -0.1f, 3.4028235e38f }, b[] = { 0.0f, 1.17549435e-38f, 0.333333343f };
    const float *const rows[] = { a, b };
    const HthFacts facts = api_facts();
    const HthUsage usage = { .prompt = 4, .cut = 2 };
    const uint32_t tokens[] = { 3, 1 };
    HthErr err = { 0 };
    HthAsk ask;
    HthFace *f = NULL;
    HthBuf out;
    hth_buf_init(&out, 10000);
    assert_ok(api_read(API("/v1/embeddings"), body, &ask, &err), err);
    assert_ok(API("/v1/embeddings")->open(&f, &ask, &facts, &err), err);
    assert_ok(f->ops->vectors(f, rows, tokens, 2, 3, &usage, &out, &err), err);
    assert_string_equal(out.p, want);
    hth_buf_drop(&out);
    hth_face_close(&f);
    hth_ask_drop(&ask);
}

static void test_embeddings(void **state) {
    (void)state;
    vectors(
        "{\"input\":[\"a\",\"b\"]}",
        "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[1,-0."
        "1,"
        "3.4028235e+38]},{\"object\":\"embedding\",\"index\":1,\"embedding\":[0,1.1754944e-38,"
        "0.33333334]}],\"model\":\"tiny\\\"1\",\"usage\":{\"prompt_tokens\":4,\"total_tokens\":4,"
        "\"prompt_tokens_cut\":2},\"system_fingerprint\":\"hn1\",\"model_digest\":\"sha256:d1\"}");
    /* base64 of 0000803f cdccccbd ffff7f7f and 00000000 00008000 abaaaa3e, made with Python */
    vectors("{\"input\":[\"a\",\"b\"],\"encoding_format\":\"base64\"}",
            "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":"
            "\"AACAP83MzL3//39/\"},{\"object\":\"embedding\",\"index\":1,\"embedding\":"
            "\"AAAAAAAAgACrqqo+\"}],\"model\":\"tiny\\\"1\",\"usage\":{\"prompt_tokens\":4,"
            "\"total_tokens\":4,\"prompt_tokens_cut\":2},\"system_fingerprint\":\"hn1\","
            "\"model_digest\":\"sha256:d1\"}");
}

static void expect_error(int status, HthStatus code, const char *text, const char *want) {
    HthErr err = { .status = code };
    HthBuf out;
    hth_buf_init(&out, 10000);
    snprintf(err.text, sizeof err.text, "%s", text);
    assert_int_equal(API("/v1/completions")->error(status, &err, &out), HTH_OK);
    assert_string_equal(out.p, want);
    hth_buf_drop(&out);
}

static void test_errors(void **state) {
    HthErr err = { 0 };
    (void)state;
    expect_error(400, HTH_EINVAL, "messages[0].content: must be \"x\"",
                 "{\"error\":{\"message\":\"messages[0].content: must be \\\"x\\\"\",\"type\":"
                 "\"invalid_request_error\",\"param\":\"messages[0].content\",\"code\":null}}");
    expect_error(
        400, HTH_ENOTSUP, "audio: is not supported",
        "{\"error\":{\"message\":\"audio: is not supported\",\"type\":"
        "\"invalid_request_error\",\"param\":\"audio\",\"code\":\"unsupported_parameter\"}}");
    expect_error(404, HTH_EINVAL, "no such model",
                 "{\"error\":{\"message\":\"no such model\",\"type\":\"invalid_request_error\","
                 "\"param\":\"model\",\"code\":\"model_not_found\"}}");
    expect_error(404, HTH_EINVAL, "previous_response_id: there is no such response",
                 "{\"error\":{\"message\":\"previous_response_id: there is no such response\","
                 "\"type\":\"invalid_request_error\",\"param\":\"previous_response_id\","
                 "\"code\":\"previous_response_not_found\"}}");
    expect_error(429, HTH_EAGAIN, "the queue is full",
                 "{\"error\":{\"message\":\"the queue is full\",\"type\":\"rate_limit_error\","
                 "\"param\":null,\"code\":\"rate_limit_exceeded\"}}");
    expect_error(418, HTH_EIO, "odd",
                 "{\"error\":{\"message\":\"odd\",\"type\":\"server_error\",\"param\":null,"
                 "\"code\":null}}");
    assert_int_equal(hth_api_too_long(&err, 9000, 4096), HTH_ELIMIT);
    expect_error(400, HTH_ELIMIT, err.text,
                 "{\"error\":{\"message\":\"the prompt has 9000 tokens and the context holds 4096: "
                 "shorten it, ask for a larger num_ctx, or start the server with a larger "
                 "context\",\"type\":\"invalid_request_error\",\"param\":\"messages\",\"code\":"
                 "\"context_length_exceeded\",\"n_prompt_tokens\":9000,\"n_ctx\":4096}}");
}

static void test_error_in_stream(void **state) {
    const HthErr e = { .status = HTH_EIO, .text = "gone" };
    const HthFacts facts = api_facts();
    HthErr err = { 0 };
    HthAsk ask;
    HthFace *f = NULL;
    HthBuf out;
    (void)state;
    hth_buf_init(&out, 10000);
    assert_ok(api_read(API("/v1/chat/completions"), "{" HELLO "}", &ask, &err), err);
    assert_ok(API("/v1/chat/completions")->open(&f, &ask, &facts, &err), err);
    assert_int_equal(f->ops->error(f, 500, &e, true, &out), HTH_OK);
    assert_string_equal(out.p, "data: {\"error\":{\"message\":\"gone\",\"type\":\"server_error\","
                               "\"param\":null,\"code\":null}}\n\n");
    hth_buf_clear(&out);
    assert_int_equal(f->ops->error(f, 500, &e, false, &out), HTH_OK);
    assert_string_equal(out.p, "{\"error\":{\"message\":\"gone\",\"type\":\"server_error\","
                               "\"param\":null,\"code\":null}}");
    hth_buf_drop(&out);
    hth_face_close(&f);
    assert_null(f);
    hth_face_close(&f);
    hth_ask_drop(&ask);
}

static void test_faults(void **state) {
    static const ApiEvent events[] = {
        { .kind = HTH_PART_THINKING, .text = "hm" },
        { .kind = HTH_PART_TEXT, .text = "a", .words = words, .word_count = 2 },
        { .kind = HTH_PART_CALL, .text = "f" },
        { .kind = HTH_PART_ARGS, .text = "{}" },
    };
    const HthAnswerOut answers[] = { { .end = HTH_END_STOP, .words = words, .word_count = 2 } };
    const ApiStream chat = STREAM(
        "/v1/chat/completions",
        "{" HELLO ",\"stream\":true,\"logprobs\":true,\"top_logprobs\":2,\"logit_bias\":{\"1\":1},"
        "\"guided_json\":\"{}\",\"tools\":[{\"function\":{\"name\":\"f\"}}]}",
        events, answers);
    const ApiStream text =
        STREAM("/v1/completions", "{\"prompt\":[\"a\",[1]],\"stream\":true,\"logprobs\":2}", events,
               answers);
    ApiTorture runs[] = {
        { api_stream, &chat }, { api_whole, &chat }, { api_stream, &text }, { api_whole, &text }
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(runs); i++)
        assert_true(test_torture(api_torture_body, &runs[i], 1000) > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_chat_stream),
        cmocka_unit_test(test_chat_stream_of_two),
        cmocka_unit_test(test_chat_whole),
        cmocka_unit_test(test_completions),
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_embeddings),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_error_in_stream),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
