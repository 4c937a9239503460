/* ask_fuzz.c - any bytes as a request of any API: an ask that can be answered, or one sentence.
 *
 * The first byte picks the endpoint ('A' is the first), the rest is the body.
 *
 * Thread: one. */
#include <string.h>

#include "base/mem.h"
#include "serve/ask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BYTES_MAX = 1 << 15, OUT_MAX = 1 << 24 };

static const HthApi *const tabs[] = { hth_api_openai, hth_api_ollama, hth_api_anthropic,
                                      hth_api_responses, hth_api_llamacpp };

static const HthApi *pick(uint8_t byte) {
    size_t count = 0, which = (uint8_t)(byte - 'A');
    for (size_t t = 0; t < HTH_COUNT(tabs); t++)
        for (size_t i = 0; tabs[t][i].method; i++) count++;
    which %= count;
    for (size_t t = 0; t < HTH_COUNT(tabs); t++)
        for (size_t i = 0; tabs[t][i].method; i++)
            if (which-- == 0) return &tabs[t][i];
    return NULL;
}

static void check_json(HthStr text) {
    HthErr err = { 0 };
    json_t *v = NULL;
    HTH_ASSERT(hth_utf8_valid(text));
    HTH_ASSERT(hth_json_parse(&v, text, OUT_MAX, &err) == HTH_OK || err.status == HTH_ELIMIT);
    json_decref(v);
}

static void answer(const HthApi *api, const HthAsk *ask) {
    static const HthPartKind kinds[] = { HTH_PART_THINKING, HTH_PART_TEXT, HTH_PART_CALL,
                                         HTH_PART_ARGS, HTH_PART_CALL_END };
    const HthFacts facts = { .id = HTH_STR("1"), .model = ask->model, .digest = HTH_STR("d") };
    const HthUsage usage = { .prompt = 1 };
    const HthCall call = { HTH_STR("c"), HTH_STR("f"), ask->grammar };
    const HthAnswerOut a = {
        .end = HTH_END_STOP, .text = ask->suffix, .calls = &call, .call_count = 1
    };
    HthErr err = { 0 };
    HthFace *f = NULL;
    HthBuf out;
    hth_buf_init(&out, OUT_MAX);
    HTH_ASSERT(api->open(&f, ask, &facts, &err) == HTH_OK);
    if (f->ops->begin) {
        HthStatus st = f->ops->begin(f, &out, &err);
        for (size_t i = 0; st == HTH_OK && i < HTH_COUNT(kinds); i++) {
            const HthDelta d = { .part = { kinds[i], 0, ask->model } };
            st = f->ops->delta(f, &d, &out, &err);
        }
        if (st == HTH_OK) st = f->ops->finish(f, &a, &out, &err);
        if (st == HTH_OK) st = f->ops->end(f, &usage, &out, &err);
        HTH_ASSERT(st == HTH_OK || st == HTH_ELIMIT);
        hth_buf_clear(&out);
        st = f->ops->whole(f, &a, 1, &usage, &out, &err);
        HTH_ASSERT(st == HTH_OK || st == HTH_ELIMIT);
        if (st == HTH_OK) check_json(hth_buf_str(&out));
    }
    hth_face_close(&f);
    hth_buf_drop(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    HthErr err = { 0 };
    json_t *body = NULL;
    HthAsk ask;
    hth_json_init();
    const uint64_t live = hth_mem_live();
    if (size == 0) return 0;
    const HthApi *api = pick(data[0]);
    const HthStr text = { (const char *)data + 1, size - 1 };
    if (hth_json_parse(&body, text, BYTES_MAX, &err) != HTH_OK) return 0;
    const HthStatus st = api->read(body, &ask, &err);
    if (st == HTH_OK) {
        HthSampleParams params;
        hth_sample_defaults(&params);
        if (hth_ask_sample(&ask, &params, &err) != HTH_OK) HTH_ASSERT(err.text[0]);
        answer(api, &ask);
        hth_ask_drop(&ask);
    } else {
        HthBuf out;
        hth_buf_init(&out, OUT_MAX);
        HTH_ASSERT(hth_api_status(&err) == 400 && err.text[0]);
        HTH_ASSERT(api->error(400, &err, &out) == HTH_OK);
        check_json(hth_buf_str(&out));
        hth_buf_drop(&out);
    }
    HTH_ASSERT(hth_mem_live() == live);
    return 0;
}
