/* template_fuzz.c - any bytes as a chat template, rendered over fixed variables with small budgets:
 * a text or one sentence, the same twice.
 *
 * Thread: one. */
#include <string.h>

#include "base/mem.h"
#include "text/chat.h"

/* The same text, with a mark for every byte. */
static HthStatus marked(const HthTemplate *t, json_t *v, const HthTemplateLimits *limits,
                        HthStr want) {
    HthErr err = { 0 };
    HthBuf out, marks;
    hth_buf_init(&out, 1 << 17);
    hth_buf_init(&marks, 1 << 17);
    HthStatus st = hth_template_render_marked(t, v, 1795253400, limits, &out, &marks, &err);
    HTH_ASSERT(out.n == marks.n);
    if (st == HTH_OK) HTH_ASSERT(hth_str_eq(hth_buf_str(&out), want));
    for (size_t i = 0; i < marks.n; i++) HTH_ASSERT((uint8_t)marks.p[i] <= 1);
    hth_buf_drop(&out);
    hth_buf_drop(&marks);
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char vars_text[] =
    "{\"bos_token\":\"<s>\",\"eos_token\":\"</s>\",\"add_generation_prompt\":true,\"n\":null,"
    "\"i\":7,\"x\":2.5,\"l\":[3,1,2],\"d\":{\"b\":1,\"a\":{\"k\":[1,{\"z\":null}]}},"
    "\"s\":\"Hi w\\u00f6rld \\u6f22\",\"messages\":[{\"role\":\"system\",\"content\":\"S\"},"
    "{\"role\":\"user\",\"content\":\" <b>\\\"x\\\"</b>\\n\"},{\"role\":\"assistant\","
    "\"content\":null,\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":"
    "{\"name\":\"f\",\"arguments\":{\"city\":\"Oslo\",\"days\":2}}}]},"
    "{\"role\":\"tool\",\"content\":\"{}\"}],\"tools\":[{\"type\":\"function\",\"function\":"
    "{\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{}}}}]}";

static json_t *vars(void) {
    static json_t *v;
    HthErr err;
    if (!v) HTH_ASSERT(hth_json_parse(&v, hth_str(vars_text), 1 << 16, &err) == HTH_OK);
    return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const HthTemplateLimits limits = {
        .steps_max = 20000, .depth_max = 50, .output_max = 1 << 16, .memory_max = 4 << 20
    };
    HthErr err = { 0 };
    HthTemplate *t = NULL;
    HthBuf a, b;
    if (size > 1 << 16) return 0;
    json_t *v = vars();
    hth_buf_init(&a, 1 << 17);
    hth_buf_init(&b, 1 << 17);
    uint64_t live = hth_mem_live();
    if (hth_template_open(&t, (HthStr){ (const char *)data, size }, &err) == HTH_OK) {
        HthStatus first = hth_template_render(t, v, 1795253400, &limits, &a, &err);
        HthStatus second = hth_template_render(t, v, 1795253400, &limits, &b, &err);
        HTH_ASSERT(first == second);
        HTH_ASSERT(hth_str_eq(hth_buf_str(&a), hth_buf_str(&b)));
        HTH_ASSERT(hth_utf8_valid(hth_buf_str(&a)));
        if (first != HTH_OK) HTH_ASSERT(a.n == 0 && err.text[0]);
        HthStatus third = marked(t, v, &limits, hth_buf_str(&a));
        HTH_ASSERT(third == first || third == HTH_ELIMIT); /* marks take memory */
    } else {
        HTH_ASSERT(!t && err.text[0]);
    }
    hth_template_close(&t);
    hth_buf_drop(&a);
    hth_buf_drop(&b);
    HTH_ASSERT(hth_mem_live() == live);
    return 0;
}
