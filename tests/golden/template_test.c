/* template_test.c - every rendering of ../shared/data/templates reproduced to the byte.
 *
 * cases.json lists, per template and conversation, what the reference implementation writes or
 * that the template itself raises. Exit 77 when the data is not there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "text/chat.h"

#define NOON 1795253400 /* 2026-11-21 09:30 UTC, the reference's clock */

static HthErr err;

static HthStatus load(const char *dir, const char *name, HthBuf *buf) {
    char path[1024];
    snprintf(path, sizeof path, "%s/templates/%s", dir, name);
    hth_buf_init(buf, (size_t)64 << 20);
    return hth_file_read(buf, path, &err);
}

/* The variables of a case: the conversation and the special tokens. */
static json_t *variables(json_t *input) {
    static const char *const tokens[][2] = { { "bos_token", "<s>" },
                                             { "eos_token", "</s>" },
                                             { "unk_token", "<unk>" },
                                             { "pad_token", "<pad>" } };
    json_t *vars = json_copy(input);
    for (size_t i = 0; i < HTH_COUNT(tokens); i++)
        json_object_set_new(vars, tokens[i][0], json_string(tokens[i][1]));
    return vars;
}

static unsigned contents; /* how many were looked at */

/* The same text with marks, and what a message says is marked wherever it says it. */
static bool marked(const HthTemplate *t, json_t *vars, HthStr want) {
    HthBuf out, marks;
    hth_buf_init(&out, (size_t)16 << 20);
    hth_buf_init(&marks, (size_t)16 << 20);
    HthStatus st = hth_template_render_marked(t, vars, NOON, NULL, &out, &marks, &err);
    bool ok = st == HTH_OK && marks.n == out.n && hth_str_eq(hth_buf_str(&out), want);
    json_t *messages = json_object_get(vars, "messages");
    for (size_t i = 0; ok && i < json_array_size(messages); i++) {
        json_t *said = json_object_get(json_array_get(messages, i), "content");
        HthStr text = { json_string_value(said), json_string_length(said) };
        if (!json_is_string(said) || text.n < 12) continue; /* shorter: the template's, perhaps */
        size_t at = hth_str_find(want, text);
        if (at == SIZE_MAX) continue;
        contents++;
        ok = memchr(marks.p + at, 0, text.n) == NULL;
    }
    size_t own = 0;
    for (size_t i = 0; i < marks.n; i++) own += marks.p[i] == 0;
    ok = ok && (own > 0 || marks.n == 0);
    hth_buf_drop(&out);
    hth_buf_drop(&marks);
    return ok;
}

static bool same(const HthTemplate *t, json_t *input, json_t *want, const char *name,
                 const char *which) {
    HthBuf out;
    hth_buf_init(&out, (size_t)16 << 20);
    json_t *vars = variables(input);
    HthStatus st = hth_template_render(t, vars, NOON, NULL, &out, &err);
    json_t *text = json_object_get(want, "out");
    bool ok;
    if (text)
        ok = st == HTH_OK && hth_str_eq(hth_buf_str(&out), (HthStr){ json_string_value(text),
                                                                     json_string_length(text) });
    else
        ok = st == HTH_EINVAL && out.n == 0 &&
             hth_str_starts(hth_str(err.text), HTH_STR("template raised: "));
    if (!ok) fprintf(stderr, "%s, %s: %s\n", name, which, st == HTH_OK ? "differs" : err.text);
    if (ok && text && !marked(t, vars, hth_buf_str(&out))) {
        fprintf(stderr, "%s, %s: marks are wrong\n", name, which);
        ok = false;
    }
    hth_buf_drop(&out);
    json_decref(vars);
    return ok;
}

static void check_template(const char *dir, const char *name, json_t *inputs, json_t *expected,
                           unsigned *good, unsigned *bad) {
    HthBuf source;
    HthTemplate *t = NULL;
    const char *which;
    json_t *want;
    HthStatus st = load(dir, name, &source);
    if (st == HTH_OK) st = hth_template_open(&t, hth_buf_str(&source), &err);
    hth_buf_drop(&source); /* a compiled template keeps no hold on its source */
    if (st != HTH_OK) fprintf(stderr, "%s: %s\n", name, err.text);
    json_object_foreach(expected, which, want) {
        bool ok = st == HTH_OK && same(t, json_object_get(inputs, which), want, name, which);
        *(ok ? good : bad) += 1;
    }
    hth_template_close(&t);
}

int main(void) {
    const char *dir = getenv("HEARTH_DATA");
    unsigned good = 0, bad = 0;
    HthBuf text;
    if (!dir || load(dir, "cases.json", &text) != HTH_OK) {
        printf("skipped: no template cases (set HEARTH_DATA)\n");
        return 77;
    }
    json_t *cases = NULL, *expected;
    const char *name;
    if (hth_json_parse(&cases, hth_buf_str(&text), (size_t)64 << 20, &err) != HTH_OK) {
        fprintf(stderr, "cases.json: %s\n", err.text);
        return 1;
    }
    json_object_foreach(json_object_get(cases, "expected"), name, expected)
        check_template(dir, name, json_object_get(cases, "inputs"), expected, &good, &bad);
    printf("%u renderings as listed, %u not; %u contents marked\n", good, bad, contents);
    json_decref(cases);
    hth_buf_drop(&text);
    return bad || !good || !contents;
}
