/* reply_fuzz.c - any text as a reply of any format: parts in order, arguments JSON, no byte more
 * than came in but for escapes, and the same parts wherever the text is cut.
 *
 * First byte: the template; second: size of the pieces, and whether there are tools; the rest is
 * the text.
 *
 * Thread: one. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "support/replies.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static RepliesTalk talks[HTH_COUNT(REPLIES_TEMPLATES)];

static void open_talks(void) {
    HthErr err = { 0 };
    if (talks[0].talk) return;
    for (size_t i = 0; i < HTH_COUNT(talks); i++)
        HTH_ASSERT(replies_talk(&talks[i], REPLIES_TEMPLATES[i].name, NULL, &err) == HTH_OK);
}

static void read_once(const RepliesTalk *t, HthReplyCfg cfg, HthStr text, size_t step, Replies *s) {
    HthErr err = { 0 };
    replies_open(s);
    HTH_ASSERT(replies_read(s, t->talk, cfg, text, step, step, &err) == HTH_OK);
    HTH_ASSERT(!s->bad);
    HTH_ASSERT(s->log.n <= 6 * text.n + 512 * (json_array_size(s->calls) + 1) + 1024);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Replies a, b;
    open_talks();
    if (size < 2 || size > 1 << 15) return 0;
    const HthStr text = { (const char *)data + 2, size - 2 };
    if (!hth_utf8_valid(text)) return 0; /* as stream.h promises */
    const RepliesTalk *t = &talks[data[0] % HTH_COUNT(talks)];
    const size_t step = 1 + data[1] % 16;
    const HthReplyCfg cfg = { .tools = data[1] & 16 ? NULL : t->tools,
                              .keep_thinking = (data[1] & 32) != 0,
                              .prompt = data[1] & 64 ? HTH_STR("<|start|>assistant")
                                                     : HTH_STR("<|assistant|><think>\n") };
    const uint64_t live = hth_mem_live();
    read_once(t, cfg, text, text.n ? text.n : 1, &a);
    read_once(t, cfg, text, step, &b);
    HTH_ASSERT(hth_str_eq(hth_buf_str(&a.log), hth_buf_str(&b.log)));
    replies_drop(&a);
    replies_drop(&b);
    HTH_ASSERT(hth_mem_live() == live);
    return 0;
}
