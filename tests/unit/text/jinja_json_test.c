/* jinja_json_test.c - tojson writes what json.dumps writes */
#include "support/test.h"

#include "support/render.h"

/* clang-format off */
static const RenderRow renders[] = {
    { "{{ d|tojson }}",
      "{\"b\": 1, \"a\": {\"k\": [1, 2, {\"z\": null}]}, \"items\": 5, \"C\": \"x\"}", HTH_OK },
    { "{{ d|tojson(indent=2) }}",
      "{\n  \"b\": 1,\n  \"a\": {\n    \"k\": [\n      1,\n      2,\n      {\n        \"z\""
      ": null\n      }\n    ]\n  },\n  \"items\": 5,\n  \"C\": \"x\"\n}", HTH_OK },
    { "{{ d|tojson(indent=0) }}",
      "{\n\"b\": 1,\n\"a\": {\n\"k\": [\n1,\n2,\n{\n\"z\": null\n}\n]\n},\n\"items\": 5,\n"
      "\"C\": \"x\"\n}", HTH_OK },
    { "{{ d|tojson(indent=\"\\t\") }}",
      "{\n\t\"b\": 1,\n\t\"a\": {\n\t\t\"k\": [\n\t\t\t1,\n\t\t\t2,\n\t\t\t{\n\t\t\t\t\"z\""
      ": null\n\t\t\t}\n\t\t]\n\t},\n\t\"items\": 5,\n\t\"C\": \"x\"\n}", HTH_OK },
    { "{{ msgs|tojson }}",
      "[{\"role\": \"user\", \"content\": \"Hi <b>\"}, {\"role\": \"assistant\", \"content"
      "\": null, \"n\": 1.0}, {\"role\": \"tool\", \"content\": [{\"type\": \"text\", \"tex"
      "t\": \"T\"}]}]", HTH_OK },
    { "{{ msgs|tojson(indent=4) }}",
      "[\n    {\n        \"role\": \"user\",\n        \"content\": \"Hi <b>\"\n    },\n    "
      "{\n        \"role\": \"assistant\",\n        \"content\": null,\n        \"n\": 1.0"
      "\n    },\n    {\n        \"role\": \"tool\",\n        \"content\": [\n            {"
      "\n                \"type\": \"text\",\n                \"text\": \"T\"\n            "
      "}\n        ]\n    }\n]", HTH_OK },
    { "{{ q|tojson }}", "\"it's \\\"q\\\" \\\\ \\n\\t\\u0001\303\251\342\200\250\"", HTH_OK },
    { "{{ q|tojson(ensure_ascii=true) }}",
      "\"it's \\\"q\\\" \\\\ \\n\\t\\u0001\\u00e9\\u2028\"", HTH_OK },
    { "{{ \"\\U0001F600\"|tojson(ensure_ascii=true) }}", "\"\\ud83d\\ude00\"", HTH_OK },
    { "{{ nums|tojson }}",
      "[1, 2.5, true, -4, 1e+20, 1e-07, 0.1, 1.2345678901234568e+17]", HTH_OK },
    { "{{ (1,2)|tojson }}", "[1, 2]", HTH_OK },
    { "{{ {\"b\":1,\"a\":2}|tojson(sort_keys=true) }}", "{\"a\": 2, \"b\": 1}", HTH_OK },
    { "{{ {\"b\":[],\"a\":{}}|tojson(indent=2) }}", "{\n  \"b\": [],\n  \"a\": {}\n}", HTH_OK },
    { "{{ d|tojson(separators=(\",\",\":\")) }}",
      "{\"b\":1,\"a\":{\"k\":[1,2,{\"z\":null}]},\"items\":5,\"C\":\"x\"}", HTH_OK },
    { "{{ {1:2,none:3,true:4,1.5:6}|tojson }}", "{\"1\": 4, \"null\": 3, \"1.5\": 6}", HTH_OK },
    { "{{ [1e300*1e10, -(1e300*1e10)]|tojson }}", "[Infinity, -Infinity]", HTH_OK },
    { "{{ '</script>&'|tojson }}", "\"</script>&\"", HTH_OK },
    { "{{ \"\\x7f\\u2028\\x1f\"|tojson }}", "\"\177\342\200\250\\u001f\"", HTH_OK },
    { "{{ none|tojson }}", "null", HTH_OK },
    { "{{ (\"a\"|safe)|tojson }}", "\"a\"", HTH_OK },
};

static const RenderRow refusals[] = {
    { "{{ undefinedvar|tojson }}",
      "tojson cannot write a value of type Undefined", HTH_EINVAL },
    { "{{ range(3)|tojson }}",
      "tojson cannot write a value of type range", HTH_EINVAL },
    { "{{ [undefinedvar]|tojson }}",
      "tojson cannot write a value of type Undefined", HTH_EINVAL },
    { "{{ {(1,2):3}|tojson }}",
      "tojson: a dict has a tuple as key", HTH_EINVAL },
    { "{{ namespace()|tojson }}",
      "tojson cannot write a value of type namespace", HTH_EINVAL },
    { "{{ 1|tojson(indent=1.5) }}",
      "the indent of tojson must be an integer, not a float", HTH_EINVAL },
    { "{{ 1|tojson(separators=1) }}",
      "a int cannot be iterated over", HTH_EINVAL },
    { "{% set x = [] %}{% set _ = x.append(x) %}{{ x|tojson }}",
      "tojson: a value contains itself", HTH_EINVAL },
    { "{% set x = {} %}{% set _ = x.update({\"x\":[x]}) %}{{ x|tojson }}",
      "tojson: a value contains itself", HTH_EINVAL },
};
/* clang-format on */

static void test_renders(void **state) {
    (void)state;
    RENDER_ROWS(renders);
}

static void test_refusals(void **state) {
    (void)state;
    RENDER_ROWS(refusals);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_renders),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
