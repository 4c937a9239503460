/* jinja_filter_seq_test.c - filters over sequences and mappings */
#include "support/test.h"

#include "support/render.h"

/* clang-format off */
static const RenderRow renders[] = {
    { "{{ msgs|sort(attribute=\"role\")|map(attribute=\"role\")|list }}",
      "['assistant', 'tool', 'user']", HTH_OK },
    { "{{ [{\"a\":1,\"b\":2},{\"a\":1,\"b\":1}]|sort(attribute=\"a,b\") }}",
      "[{'a': 1, 'b': 1}, {'a': 1, 'b': 2}]", HTH_OK },
    { "{{ msgs|map(attribute=\"nope\", default=\"Z\")|list }}", "['Z', 'Z', 'Z']", HTH_OK },
    { "{{ msgs|map(attribute=\"nope\")|list|length }}", "3", HTH_OK },
    { "{{ [{\"a\":{\"b\":2}},{\"a\":{\"b\":1}}]|map(attribute=\"a.b\")|list }}",
      "[2, 1]", HTH_OK },
    { "{{ [[1,2],[3,4]]|map(attribute=1)|list }}", "[2, 4]", HTH_OK },
    { "{{ names|map(\"replace\",\"a\",\"X\")|list }}", "['b', 'A', 'c', 'X']", HTH_OK },
    { "{{ names|join }}", "bAca", HTH_OK },
    { "{{ names|join(\", \") }}", "b, A, c, a", HTH_OK },
    { "{{ msgs|join(\"|\", attribute=\"role\") }}", "user|assistant|tool", HTH_OK },
    { "{{ msgs|selectattr(\"role\",\"equalto\",\"user\")|list }}",
      "[{'role': 'user', 'content': 'Hi <b>'}]", HTH_OK },
    { "{{ msgs|selectattr(\"content\")|map(attribute=\"role\")|list }}",
      "['user', 'tool']", HTH_OK },
    { "{{ msgs|rejectattr(\"content\")|map(attribute=\"role\")|list }}",
      "['assistant']", HTH_OK },
    { "{{ msgs|selectattr(\"n\",\"defined\")|list|length }}", "1", HTH_OK },
    { "{{ msgs|rejectattr(\"role\",\"in\",[\"user\",\"tool\"])|map(attribute=\"role\")|list"
      " }}",
      "['assistant']", HTH_OK },
    { "{{ l|select(\"odd\")|list }}", "[3, 1]", HTH_OK },
    { "{{ l|reject(\"odd\")|list }}", "[2]", HTH_OK },
    { "{{ l|select(\">\",1)|list }}", "[3, 2]", HTH_OK },
    { "{{ [0,1,\"\",none]|select|list }}", "[1]", HTH_OK },
    { "{{ l|first }}", "3", HTH_OK },
    { "{{ l|last }}", "2", HTH_OK },
    { "{{ empty|first is defined }}", "False", HTH_OK },
    { "{{ empty|last is defined }}", "False", HTH_OK },
    { "{{ l|min }}", "1", HTH_OK },
    { "{{ l|max }}", "3", HTH_OK },
    { "{{ names|min }}", "A", HTH_OK },
    { "{{ names|max(case_sensitive=true) }}", "c", HTH_OK },
    { "{{ msgs|max(attribute=\"role\") }}", "{'role': 'user', 'content': 'Hi <b>'}", HTH_OK },
    { "{{ empty|max is defined }}", "False", HTH_OK },
    { "{{ l|reverse|list }}", "[2, 1, 3]", HTH_OK },
    { "{{ \"abc\"|reverse }}", "cba", HTH_OK },
    { "{{ names|unique|list }}", "['b', 'A', 'c']", HTH_OK },
    { "{{ names|unique(case_sensitive=true)|list }}", "['b', 'A', 'c', 'a']", HTH_OK },
    { "{{ l|batch(2)|list }}", "[[3, 1], [2]]", HTH_OK },
    { "{{ l|batch(2,0)|list }}", "[[3, 1], [2, 0]]", HTH_OK },
    { "{{ [1,2,3,4,5,6,7]|slice(3,'x')|list }}",
      "[[1, 2, 3], [4, 5, 'x'], [6, 7, 'x']]", HTH_OK },
    { "{{ d|dictsort }}",
      "[('a', {'k': [1, 2, {'z': None}]}), ('b', 1), ('C', 'x'), ('items', 5)]", HTH_OK },
    { "{{ d|dictsort(true) }}",
      "[('C', 'x'), ('a', {'k': [1, 2, {'z': None}]}), ('b', 1), ('items', 5)]", HTH_OK },
    { "{{ {\"a\":3,\"b\":1}|dictsort(by=\"value\") }}", "[('b', 1), ('a', 3)]", HTH_OK },
    { "{{ {\"a\":3,\"b\":1}|dictsort(false,\"value\",true) }}",
      "[('a', 3), ('b', 1)]", HTH_OK },
    { "{{ {\"a\":1}|items|list }}", "[('a', 1)]", HTH_OK },
    { "{{ undefinedvar|items|list }}", "[]", HTH_OK },
    { "{{ msgs|groupby(\"role\")|map(\"first\")|list }}",
      "['assistant', 'tool', 'user']", HTH_OK },
    { "{{ msgs|groupby(\"n\", default=0)|map(attribute=\"list\")|map(\"length\")|list }}",
      "[2, 1]", HTH_OK },
    { "{{ [{\"c\":\"CA\"},{\"c\":\"ny\"},{\"c\":\"ca\"}]|groupby(\"c\") }}",
      "[('CA', [{'c': 'CA'}, {'c': 'ca'}]), ('ny', [{'c': 'ny'}])]", HTH_OK },
    { "{{ undefinedvar|default(\"D\") }}", "D", HTH_OK },
    { "{{ e|default(\"D\") }}", "", HTH_OK },
    { "{{ e|default(\"D\", true) }}", "D", HTH_OK },
    { "{{ n|default(\"D\") }}", "None", HTH_OK },
    { "{{ f|d(\"x\", boolean=true) }}", "x", HTH_OK },
    { "{{ s|length }}", "16", HTH_OK },
    { "{{ d|length }}", "4", HTH_OK },
    { "{{ undefinedvar|length }}", "0", HTH_OK },
    { "{{ s|list }}",
      "['H', 'e', 'l', 'l', 'o', ',', ' ', 'w', '\303\266', 'r', 'l', 'd', '!', ' ', '\346"
      "\274\242', '\345\255\227']", HTH_OK },
    { "{{ undefinedvar|list }}", "[]", HTH_OK },
    { "{{ none|map(\"upper\")|list }}", "[]", HTH_OK },
    { "{{ {\"a\":1}|attr(\"a\") is defined }}", "False", HTH_OK },
    { "{{ range(3)|last }}", "2", HTH_OK },
    { "{{ undefinedvar|join }}", "", HTH_OK },
};

static const RenderRow refusals[] = {
    { "{{ 5|length }}",
      "a int has no length", HTH_EINVAL },
    { "{{ none|length }}",
      "a None has no length", HTH_EINVAL },
    { "{{ (l|map(\"string\"))|length }}",
      "a generator has no length", HTH_EINVAL },
    { "{{ (l|map(\"string\"))|last }}",
      "a generator has no last item; make it a list", HTH_EINVAL },
    { "{{ 5|list }}",
      "a int cannot be iterated over", HTH_EINVAL },
    { "{{ none|join }}",
      "a None cannot be iterated over", HTH_EINVAL },
    { "{{ l|sort(foo=1) }}",
      "the filter 'sort' has no argument 'foo'", HTH_EINVAL },
    { "{{ d|dictsort(by=\"foo\") }}",
      "dictsort sorts by \"key\" or \"value\"", HTH_EINVAL },
    { "{{ 5|dictsort }}",
      "dictsort needs a dict, not a int", HTH_EINVAL },
    { "{{ undefinedvar|dictsort }}",
      "dictsort needs a dict, not a Undefined", HTH_EINVAL },
    { "{{ l|items|list }}",
      "items needs a dict, not a list", HTH_EINVAL },
    { "{{ [1,2]|map(\"foo\")|list }}",
      "the filter 'foo' does not exist", HTH_ENOTSUP },
    { "{{ [1,2]|map|list }}",
      "map needs a filter or an attribute", HTH_EINVAL },
    { "{{ [1,2]|map(foo=1)|list }}",
      "map takes a filter, or 'attribute' and 'default'", HTH_EINVAL },
    { "{{ [1,2]|select(\"foo\")|list }}",
      "the test 'foo' does not exist", HTH_ENOTSUP },
    { "{{ msgs|selectattr|list }}",
      "an attribute name is missing", HTH_EINVAL },
    { "{{ [1,2,3]|slice(0)|list }}",
      "the slice count is zero", HTH_EINVAL },
    { "{{ [[]]|unique|list }}",
      "a list cannot be the key of a dict", HTH_EINVAL },
    { "{{ s|pprint }}",
      "the filter 'pprint' is not supported", HTH_ENOTSUP },
    { "{{ l|random }}",
      "the filter 'random' is not supported", HTH_ENOTSUP },
    { "{{ none|sort }}",
      "a None cannot be iterated over", HTH_EINVAL },
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
