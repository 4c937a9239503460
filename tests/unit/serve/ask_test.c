/* ask_test.c - what asks of all APIs share: sampling, errors, ids, stored conversations; and that
 * no request, however odd, does more than be refused. */
#include "support/test.h"

#include "base/rng.h"
#include "serve/ask_read.h"
#include "support/api.h"

/* ---- sampling ---- */

#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static void read_chat(const char *body, HthAsk *ask) {
    HthErr err = { 0 };
    assert_ok(api_read(api_find(hth_api_openai, "/v1/chat/completions"), body, ask, &err), err);
}

static void test_sample(void **state) {
    HthErr err = { 0 };
    HthAsk ask;
    HthSampleParams p;
    (void)state;
    hth_sample_defaults(&p);
    read_chat("{" HELLO ",\"temperature\":0.25,\"top_k\":7,\"repeat_last_n\":-1,\"min_p\":1e-2,"
              "\"logit_bias\":{\"5\":-1.5,\"6\":false},\"samplers\":[\"top_k\",\"temperature\"],"
              "\"dry_sequence_breakers\":[\"x\",\"yz\"]}",
              &ask);
    assert_ok(hth_ask_sample(&ask, &p, &err), err);
    assert_true(p.temperature == 0.25f && p.top_k == 7 && p.repeat_last_n == -1);
    assert_true(p.min_p == 0.01f && p.logit_bias_count == 2);
    assert_true(p.logit_bias[0].id == 5 && p.logit_bias[0].bias == -1.5f);
    assert_true(p.logit_bias[1].id == 6 && p.logit_bias[1].bias == -__builtin_inff());
    assert_int_equal(p.chain_count, 2);
    assert_int_equal(p.chain[1], HTH_STAGE_TEMPERATURE);
    assert_int_equal(p.dry_breaker_count, 2);
    assert_true(hth_str_eq(p.dry_breakers[1], HTH_STR("yz")));
    hth_ask_drop(&ask);
    hth_ask_drop(&ask); /* nothing is left to drop */
}

/* All or nothing, and the parameter is named. */
static void test_sample_refused(void **state) {
    HthErr err = { 0 };
    HthAsk ask;
    HthSampleParams p;
    (void)state;
    hth_sample_defaults(&p);
    const float before = p.temperature;
    read_chat("{" HELLO ",\"temperature\":0.25,\"xtc_probability\":5}", &ask);
    assert_status(hth_ask_sample(&ask, &p, &err), HTH_EINVAL, err);
    assert_non_null(strstr(err.text, "xtc_probability"));
    assert_true(p.temperature == before);
    hth_ask_drop(&ask);
}

/* ---- errors ---- */

static void test_status(void **state) {
    static const struct {
        HthStatus status;
        int want;
    } tab[] = {
        { HTH_EINVAL, 400 },    { HTH_EFORMAT, 400 }, { HTH_ELIMIT, 400 },
        { HTH_ENOTSUP, 400 },   { HTH_EDENIED, 403 }, { HTH_EAGAIN, 429 },
        { HTH_ECANCELED, 499 }, { HTH_ENOMEM, 507 },  { HTH_EIO, 500 },
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(tab); i++) {
        const HthErr e = { .status = tab[i].status };
        assert_int_equal(hth_api_status(&e), tab[i].want);
    }
}

static void test_field(void **state) {
    static const struct {
        const char *text, *want;
    } tab[] = {
        { "messages[2].content: must be", "messages[2].content" },
        { "top_p: x", "top_p" },
        { "the prompt has 3 tokens", "" },
        { "JSON, line 1: bad", "" },
        { "model:x", "" },
        { ": x", "" },
        { "", "" },
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(tab); i++) {
        HthErr e = { .status = HTH_EINVAL };
        snprintf(e.text, sizeof e.text, "%s", tab[i].text);
        assert_true(hth_str_eq(hth_err_field(&e), hth_str(tab[i].want)));
    }
}

static void test_too_long(void **state) {
    HthErr e = { 0 };
    uint64_t prompt = 0, ctx = 0;
    (void)state;
    assert_int_equal(hth_api_too_long(&e, UINT64_MAX, 4096), HTH_ELIMIT);
    assert_true(hth_err_too_long(&e, &prompt, &ctx));
    assert_true(prompt == UINT64_MAX && ctx == 4096);
    e.status = HTH_EINVAL;
    assert_false(hth_err_too_long(&e, &prompt, &ctx));
    e.status = HTH_ELIMIT;
    snprintf(e.text, sizeof e.text, "stop: has 17 strings; at most 16 are read");
    assert_false(hth_err_too_long(&e, &prompt, &ctx));
}

/* ---- ids ---- */

static int by_text(const void *a, const void *b) {
    return strcmp(a, b);
}

static void test_call_ids(void **state) {
    static char ids[64 * 64][HTH_CALL_ID_SIZE];
    HthFacts facts = api_facts();
    char again[HTH_CALL_ID_SIZE];
    (void)state;
    for (uint32_t i = 0; i < 64; i++)
        for (uint32_t k = 0; k < 64; k++) hth_call_id(&facts, i, k, ids[64 * i + k]);
    hth_call_id(&facts, 0, 0, again);
    assert_string_equal(again, ids[0]);
    facts.id = HTH_STR("0a1c");
    hth_call_id(&facts, 0, 0, again);
    assert_string_not_equal(again, ids[0]);
    qsort(ids, HTH_COUNT(ids), sizeof *ids, by_text);
    for (size_t i = 0; i < HTH_COUNT(ids); i++) {
        assert_int_equal(strlen(ids[i]), 9);
        assert_int_equal(strspn(ids[i], "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                        "abcdefghijklmnopqrstuvwxyz"),
                         9);
        if (i > 0) assert_string_not_equal(ids[i], ids[i - 1]);
    }
}

/* ---- stored conversations ---- */

static HthStatus converse(HthBuf *out, HthErr *err) {
    const HthApi *api = api_find(hth_api_responses, "/v1/responses");
    const HthCall call = { HTH_STR("c1"), HTH_STR("f"), HTH_STR("{\"x\":1}") };
    const HthAnswerOut answer = {
        .text = HTH_STR("A"), .thinking = HTH_STR("T"), .calls = &call, .call_count = 1
    };
    HthAsk first = { 0 }, second = { 0 };
    json_t *history = NULL;
    HthStatus st = api_read(api, "{\"instructions\":\"one\",\"input\":\"q1\"}", &first, err);
    if (st == HTH_OK) st = hth_ask_history(&first, &answer, &history, err);
    if (st == HTH_OK)
        st = api_read(api,
                      "{\"instructions\":\"two\",\"input\":[{\"type\":\"function_call_output\","
                      "\"call_id\":\"c1\",\"output\":\"r\"}],\"previous_response_id\":\"x\"}",
                      &second, err);
    if (st == HTH_OK) st = hth_ask_go_on(&second, history, err);
    if (st == HTH_OK) st = hth_json_write(out, second.messages, 0, err);
    json_decref(history);
    hth_ask_drop(&first);
    hth_ask_drop(&second);
    return st;
}

static HthStatus converse_once(void *ctx) {
    HthErr err = { 0 };
    HthBuf out;
    (void)ctx;
    hth_buf_init(&out, 10000);
    const HthStatus st = converse(&out, &err);
    hth_buf_drop(&out);
    return st;
}

static void test_history(void **state) {
    HthErr err = { 0 };
    HthBuf out;
    (void)state;
    hth_buf_init(&out, 10000);
    assert_ok(converse(&out, &err), err);
    assert_string_equal(
        out.p,
        "[{\"role\":\"system\",\"content\":\"two\"},{\"role\":\"user\",\"content\":\"q1\"},"
        "{\"role\":\"assistant\",\"content\":\"A\",\"reasoning_content\":\"T\",\"tool_calls\":"
        "[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":{"
        "\"x\":1}}}]},{\"role\":\"tool\",\"content\":\"r\",\"tool_call_id\":\"c1\",\"name\":\"f\"}"
        "]");
    hth_buf_drop(&out);
    assert_true(test_torture(converse_once, NULL, 1000) > 20);
}

/* ---- odd requests ---- */

static const struct {
    const HthApi *tab;
    const char *body;
} samples[] = {
    { hth_api_openai,
      "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\","
      "\"content\":[{\"type\":\"text\",\"text\":\"a\"}]},{\"role\":\"assistant\",\"content\":null,"
      "\"tool_calls\":[{\"id\":\"1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
      "\"arguments\":"
      "\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":\"r\"}],\"tools\":[{"
      "\"type\":"
      "\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\"}}}],"
      "\"tool_choice\":\"auto\",\"stop\":[\"a\"],\"logit_bias\":{\"1\":2},\"response_format\":{"
      "\"type\":\"json_schema\",\"json_schema\":{\"schema\":{}}},\"stream\":true,\"n\":2,"
      "\"logprobs\":"
      "true,\"top_logprobs\":2,\"seed\":3,\"stream_options\":{\"include_usage\":true},\"prompt\":"
      "[\"a\",[1,2]],\"input\":[\"a\"],\"keep_alive\":\"1m\",\"samplers\":[\"top_k\"]}" },
    { hth_api_ollama,
      "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"q\",\"images\":[]},{"
      "\"role\":"
      "\"assistant\",\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{"
      "\"a\":1}}}]},{\"role\":\"tool\",\"content\":\"r\",\"tool_name\":\"f\"}],\"options\":{\"num_"
      "ctx\":"
      "9,\"stop\":[\"x\"],\"temperature\":0.5},\"format\":{\"type\":\"object\"},\"think\":\"low\","
      "\"keep_alive\":-1,\"prompt\":\"p\",\"suffix\":\"s\",\"system\":\"y\",\"input\":[\"a\",\"b\"]"
      "}" },
    { hth_api_anthropic,
      "{\"model\":\"m\",\"max_tokens\":5,\"system\":[{\"type\":\"text\",\"text\":\"s\"}],"
      "\"messages\":[{"
      "\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":[{\"type\":"
      "\"thinking\","
      "\"thinking\":\"t\"},{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"tool_use\",\"id\":\"1\","
      "\"name\":\"f\",\"input\":{}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
      "\"tool_use_id\":\"1\",\"content\":[{\"type\":\"text\",\"text\":\"r\"}]},{\"type\":\"text\","
      "\"text\":\"q\"}]}],\"tools\":[{\"name\":\"f\",\"input_schema\":{}}],\"tool_choice\":{"
      "\"type\":"
      "\"any\"},\"stream\":true,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":9}}" },
    { hth_api_responses,
      "{\"model\":\"m\",\"instructions\":\"i\",\"input\":[{\"role\":\"user\",\"content\":[{"
      "\"type\":"
      "\"input_text\",\"text\":\"a\"}]},{\"type\":\"reasoning\",\"summary\":[{\"text\":\"t\"}]},{"
      "\"type\":"
      "\"function_call\",\"call_id\":\"1\",\"name\":\"f\",\"arguments\":\"{}\"},{\"type\":"
      "\"function_call_output\",\"call_id\":\"1\",\"output\":\"o\"}],\"text\":{\"format\":{"
      "\"type\":"
      "\"text\"}},\"reasoning\":{\"effort\":\"low\"},\"include\":[\"message.output_text.logprobs\"]"
      ","
      "\"stream\":true,\"tools\":[{\"type\":\"function\",\"name\":\"f\"}],\"store\":true}" },
    { hth_api_llamacpp,
      "{\"prompt\":[\"a\",[1,2]],\"n_predict\":4,\"stream\":true,\"n_probs\":2,\"stop\":[\"s\"],"
      "\"logit_bias\":[[1,false]],\"input_prefix\":\"a\",\"input_suffix\":\"b\",\"input_extra\":[{"
      "\"filename\":\"f\",\"text\":\"t\"}],\"query\":\"q\",\"documents\":[\"a\",{\"text\":\"b\"}],"
      "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"content\":\"c\"}" },
};

typedef struct Dice {
    uint64_t round, at;
} Dice;

static uint32_t roll(Dice *d, uint32_t n) {
    return hth_rng_below(5, d->round, d->at++, n);
}

static json_t *odd_value(Dice *d) {
    static const char *const texts[] = { "null",
                                         "true",
                                         "false",
                                         "0",
                                         "-1",
                                         "1",
                                         "2.5",
                                         "1e300",
                                         "\"\"",
                                         "\"x\"",
                                         "[]",
                                         "{}",
                                         "[[]]",
                                         "[{}]",
                                         "{\"type\":\"text\"}",
                                         "[1,2]",
                                         "[\"\\u0000\"]",
                                         "9223372036854775807",
                                         "\"auto\"",
                                         "-9223372036854775808" };
    return json_loads(texts[roll(d, HTH_COUNT(texts))], JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

/* Changes one value somewhere below v: replaces it, or takes it away. */
static void mutate(json_t *v, Dice *d) {
    const bool array = json_is_array(v);
    const size_t n = array ? json_array_size(v) : json_object_size(v);
    if (n == 0) return;
    const uint32_t which = roll(d, (uint32_t)n), what = roll(d, 8);
    const char *key = NULL;
    if (!array) {
        void *at = json_object_iter(v);
        for (uint32_t i = 0; i < which; i++) at = json_object_iter_next(v, at);
        key = json_object_iter_key(at);
    }
    json_t *child = array ? json_array_get(v, which) : json_object_get(v, key);
    if (what > 1 && (json_is_array(child) || json_is_object(child))) {
        mutate(child, d);
    } else if (array) {
        if (what == 0)
            json_array_remove(v, which);
        else
            json_array_set_new(v, which, odd_value(d));
    } else if (what == 0) {
        json_object_del(v, key);
    } else {
        json_object_set_new(v, key, odd_value(d));
    }
}

/* Whatever was read is answered in JSON, streamed and whole. */
static void answer(const HthApi *api, const HthAsk *ask) {
    static const HthPartKind kinds[] = { HTH_PART_THINKING, HTH_PART_TEXT,     HTH_PART_CALL,
                                         HTH_PART_ARGS,     HTH_PART_CALL_END, HTH_PART_TEXT };
    const HthFacts facts = api_facts();
    const HthUsage usage = api_usage();
    const HthWord word = { .id = 255, .text = HTH_STR("w") };
    const HthAnswerOut a = {
        .end = HTH_END_STOP, .text = HTH_STR("t"), .words = &word, .word_count = 1
    };
    HthErr err = { 0 };
    HthFace *f = NULL;
    HthBuf out;
    hth_buf_init(&out, (size_t)1 << 22);
    assert_ok(api->open(&f, ask, &facts, &err), err);
    if (f->ops->begin) {
        assert_ok(f->ops->begin(f, &out, &err), err);
        for (size_t i = 0; i < HTH_COUNT(kinds); i++) {
            const HthDelta d = { .part = { kinds[i], 0, HTH_STR("{}\xff") },
                                 .words = &word,
                                 .word_count = 1 };
            assert_ok(f->ops->delta(f, &d, &out, &err), err);
        }
        assert_ok(f->ops->finish(f, &a, &out, &err), err);
        assert_ok(f->ops->end(f, &usage, &out, &err), err);
        const bool sse = strcmp(f->ops->stream_type, "text/event-stream") == 0;
        api_lines_are_json(hth_buf_str(&out), sse ? "data: " : "");
        hth_buf_clear(&out);
        assert_ok(f->ops->whole(f, &a, 1, &usage, &out, &err), err);
        api_lines_are_json(hth_buf_str(&out), "");
    }
    hth_face_close(&f);
    hth_buf_drop(&out);
}

static void test_odd_requests(void **state) {
    uint32_t fine = 0, refused = 0;
    (void)state;
    hth_json_init();
    for (uint64_t round = 0; round < 12000; round++) {
        const size_t which = round % HTH_COUNT(samples);
        const HthApi *api = samples[which].tab;
        HthErr err = { 0 };
        HthAsk ask;
        Dice d = { .round = round };
        const uint64_t live = hth_mem_live();
        size_t count = 0;
        while (api[count].method) count++;
        api += roll(&d, (uint32_t)count);
        json_t *body = json_loads(samples[which].body, 0, NULL);
        for (uint32_t i = roll(&d, 4); i > 0; i--) mutate(body, &d);
        const HthStatus st = api->read(body, &ask, &err);
        if (st == HTH_OK) {
            fine++;
            answer(api, &ask);
            hth_ask_drop(&ask);
        } else {
            HthBuf out;
            refused++;
            hth_buf_init(&out, 10000);
            assert_true(hth_api_status(&err) == 400 && strlen(err.text) > 5);
            assert_int_equal(api->error(400, &err, &out), HTH_OK);
            api_lines_are_json(hth_buf_str(&out), "");
            hth_buf_drop(&out);
        }
        assert_int_equal(hth_mem_live(), live);
    }
    assert_true(fine > 1000 && refused > 1000);
}

/* No request, and none that is no object. */
static void test_no_body(void **state) {
    static const HthApi *const tabs[] = { hth_api_openai, hth_api_ollama, hth_api_anthropic,
                                          hth_api_responses, hth_api_llamacpp };
    (void)state;
    for (size_t t = 0; t < HTH_COUNT(tabs); t++)
        for (const HthApi *api = tabs[t]; api->method; api++) {
            HthErr err = { 0 };
            HthAsk ask;
            assert_string_equal(api->method, "POST");
            assert_status(api->read(NULL, &ask, &err), HTH_EINVAL, err);
            assert_string_equal(err.text, "the request has no body");
            assert_status(api->read(json_integer(3), &ask, &err), HTH_EINVAL, err);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sample),   cmocka_unit_test(test_sample_refused),
        cmocka_unit_test(test_status),   cmocka_unit_test(test_field),
        cmocka_unit_test(test_too_long), cmocka_unit_test(test_call_ids),
        cmocka_unit_test(test_history),  cmocka_unit_test(test_odd_requests),
        cmocka_unit_test(test_no_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
