/* prompt.h - from a rendered conversation to the ids a model is given.
 *
 * Thread: any. */
#ifndef HTH_TEXT_PROMPT_H
#define HTH_TEXT_PROMPT_H

#include "text/chat.h"
#include "text/vocab.h"

#define HTH_TEMPLATE_KEY "tokenizer.chat_template"

/* Sets bos_token, eos_token, unk_token and pad_token to the vocabulary's texts, "" for a token it
 * lacks, unless the object has them already. */
HTH_MUST_CHECK HthStatus hth_prompt_vars(json_t *vars, const HthVocab *v, HthErr *err);

/* Ids of a prompt. Template text names its special tokens, and nothing that anybody typed does
 * (marks: hth_template_render_marked(), empty: the text is all there is and may name them). BOS is
 * put before it once, if the model wants one. EINVAL: there is nothing. */
HTH_MUST_CHECK HthStatus hth_prompt_encode(const HthVocab *v, HthStr text, HthStr marks,
                                           HthIds *ids, HthErr *err);

#endif
