/* chat.h - messages to prompt text by the model's own Jinja template.
 *
 * The template is untrusted code in a small language: it runs in an interpreter with budgets for
 * steps, depth and output, and with no access to the host.  A construct outside the subset is
 * HTH_ENOTSUP naming it, at compile time where possible; there is no fallback template.
 *
 * Thread: a compiled template is immutable; render on any thread. */
#ifndef HTH_TEXT_CHAT_H
#define HTH_TEXT_CHAT_H

#include "base/json.h"

typedef struct HthTemplate HthTemplate;

/* Limits of one render; zeros mean the defaults shown. */
typedef struct HthTemplateLimits {
    uint64_t steps_max; /* 20,000,000 evaluated nodes */
    uint32_t depth_max; /* 200 nested calls and blocks */
    size_t output_max; /* 64 MiB */
    size_t memory_max; /* 512 MiB of values and intermediate strings */
} HthTemplateLimits;

HTH_MUST_CHECK HthStatus hth_template_open(HthTemplate **out, HthStr source, HthErr *err);
void hth_template_close(HthTemplate **t);

/* Renders with the object's members as variables: messages, tools, add_generation_prompt,
 * bos_token, eos_token, ... .  unix_s is the time strftime_now sees.  When the template calls
 * raise_exception: HTH_EINVAL, err->text begins "template raised: ". */
HTH_MUST_CHECK HthStatus hth_template_render(const HthTemplate *t, const json_t *vars,
                                             int64_t unix_s, const HthTemplateLimits *limits,
                                             HthBuf *out, HthErr *err);
/* The same text; and in marks (may be NULL) one byte per byte of it: 1 where it came from the
 * conversation (any string inside an array or object of vars, but for the value of a "role"), 0
 * where the template wrote it. For hth_vocab_encode_marked. */
HTH_MUST_CHECK HthStatus hth_template_render_marked(const HthTemplate *t, const json_t *vars,
                                                    int64_t unix_s, const HthTemplateLimits *limits,
                                                    HthBuf *out, HthBuf *marks, HthErr *err);

#endif
