/* render.h - rows of templates and what they must render to, for the template tests.
 *
 * Expected texts were computed with the reference implementation (Jinja2 3.1, sandboxed,
 * trim_blocks, lstrip_blocks, loop controls).  Include after test.h.
 *
 * Thread: the test's. */
#ifndef HTH_TESTS_SUPPORT_RENDER_H
#define HTH_TESTS_SUPPORT_RENDER_H

#include "text/chat.h"

#define RENDER_NOON 1795253400 /* 2026-11-21 09:30 UTC */

/* The variables every row can use. */
static const char render_vars[] =
    "{\"bos_token\":\"<s>\",\"n\":null,\"t\":true,\"f\":false,\"i\":7,\"neg\":-3,\"x\":2.5,"
    "\"s\":\"Hello, w\\u00f6rld! \\u6f22\\u5b57\",\"e\":\"\",\"l\":[3,1,2],"
    "\"names\":[\"b\",\"A\",\"c\",\"a\"],"
    "\"d\":{\"b\":1,\"a\":{\"k\":[1,2,{\"z\":null}]},\"items\":5,\"C\":\"x\"},"
    "\"msgs\":[{\"role\":\"user\",\"content\":\"Hi <b>\"},"
    "{\"role\":\"assistant\",\"content\":null,\"n\":1.0},"
    "{\"role\":\"tool\",\"content\":[{\"type\":\"text\",\"text\":\"T\"}]}],"
    "\"nums\":[1,2.5,true,-4,1e20,1e-7,0.1,123456789012345680.0],\"empty\":[],\"ed\":{},"
    "\"ws\":\"  a\\tb \\n c  \",\"q\":\"it's \\\"q\\\" \\\\ \\n\\t\\u0001\\u00e9\\u2028\","
    "\"tree\":[{\"n\":1,\"c\":[{\"n\":2,\"c\":[]},{\"n\":3,\"c\":[{\"n\":4}]}]},{\"n\":5}]}";

typedef struct RenderRow {
    const char *source;
    const char *want; /* the whole text; for a failure, a part of its sentence */
    HthStatus status;
} RenderRow;

static inline HthStatus render(const char *source, size_t n, const char *vars,
                               const HthTemplateLimits *limits, HthBuf *out, HthErr *err) {
    HthTemplate *t = NULL;
    json_t *json = NULL;
    HthStatus st = hth_json_parse(&json, hth_str(vars), (size_t)1 << 20, err);
    if (st == HTH_OK) st = hth_template_open(&t, (HthStr){ source, n }, err);
    if (st == HTH_OK) st = hth_template_render(t, json, RENDER_NOON, limits, out, err);
    hth_template_close(&t);
    json_decref(json);
    return st;
}

static inline void render_row(const RenderRow *row) {
    HthErr err = { 0 };
    HthBuf out;
    hth_buf_init(&out, (size_t)1 << 24);
    HthStatus st = render(row->source, strlen(row->source), render_vars, NULL, &out, &err);
    if (st != row->status)
        fail_msg("%s\n  gives %s (%s), wanted %s", row->source, hth_status_name(st),
                 st == HTH_OK ? hth_buf_str(&out).p : err.text, hth_status_name(row->status));
    if (st == HTH_OK && strcmp(hth_buf_str(&out).p, row->want) != 0)
        fail_msg("%s\n  gives  [%s]\n  wanted [%s]", row->source, hth_buf_str(&out).p, row->want);
    if (st != HTH_OK && !strstr(err.text, row->want))
        fail_msg("%s\n  says   [%s]\n  wanted [%s]", row->source, err.text, row->want);
    if (st != HTH_OK && out.n) fail_msg("%s\n  fails, but writes", row->source);
    hth_buf_drop(&out);
}

#define RENDER_ROWS(rows)                                                                          \
    do {                                                                                           \
        for (size_t i_ = 0; i_ < HTH_COUNT(rows); i_++) render_row(&(rows)[i_]);                   \
    } while (0)

#endif
