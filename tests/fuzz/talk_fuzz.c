/* talk_fuzz.c - any bytes as a template: what is learned of it reads any text, in pieces as whole,
 * and its language is a language or one sentence.
 *
 * The template ends with a byte 0; the rest is a reply. What any bytes do as a template is
 * template_fuzz.c's; this is about what its renderings teach.
 *
 * Thread: one. */
#include <stdio.h>
#include <string.h>

#include "support/replies.h"
#include "text/grammar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_t *tools(void) {
    static json_t *v;
    HthErr err;
    if (!v) HTH_ASSERT(hth_json_parse(&v, hth_str(REPLIES_TOOLS), 1 << 16, &err) == HTH_OK);
    return v;
}

static void read_once(const HthTalk *t, HthStr prompt, HthStr text, size_t step, Replies *s) {
    HthErr err = { 0 };
    const HthReplyCfg cfg = { .tools = tools(), .prompt = prompt };
    replies_open(s);
    HTH_ASSERT(replies_read(s, t, cfg, text, step, step, &err) == HTH_OK);
    HTH_ASSERT(!s->bad);
}

static void language(const HthTalk *t, HthStr prompt) {
    HthErr err = { 0 };
    HthIr *ir = NULL;
    HthNode node;
    HTH_ASSERT(hth_ir_open(&ir, &err) == HTH_OK);
    const HthStatus st = hth_talk_grammar_after(t, prompt, ir, tools(), HTH_TOOLS_AUTO, HTH_STR(""),
                                                true, HTH_NODE_NONE, &node, &err);
    HTH_ASSERT(st == HTH_OK || err.text[0]);
    hth_ir_close(&ir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    HthErr err = { 0 };
    HthTemplate *tmpl = NULL;
    HthTalk *t = NULL;
    hth_json_init();
    const uint8_t *end = size && size < 1 << 14 ? memchr(data, 0, size) : NULL;
    if (!end || memmem(data, size, "range", 5)) return 0; /* no long loops */
    const HthStr source = { (const char *)data, (size_t)(end - data) };
    const HthStr text = { (const char *)end + 1, size - source.n - 1 };
    if (!hth_utf8_valid(text)) return 0;
    (void)tools();
    const uint64_t live = hth_mem_live();
    if (hth_template_open(&tmpl, source, &err) == HTH_OK &&
        hth_talk_open(&t, tmpl, NULL, &err) == HTH_OK) {
        const HthStr prompt = hth_str_sub(text, 0, text.n / 4);
        Replies a, b;
        read_once(t, prompt, text, text.n + 1, &a);
        read_once(t, prompt, text, 1 + size % 7, &b);
        HTH_ASSERT(hth_str_eq(hth_buf_str(&a.log), hth_buf_str(&b.log)));
        replies_drop(&a);
        replies_drop(&b);
        language(t, prompt);
    } else {
        HTH_ASSERT(err.text[0]);
    }
    hth_talk_close(&t);
    hth_template_close(&tmpl);
    HTH_ASSERT(hth_mem_live() == live);
    return 0;
}
