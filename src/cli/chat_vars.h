/* chat_vars.h - the variables a model's chat template sees besides the messages.
 *
 * Thread: the main thread. */
#ifndef HTH_CLI_CHAT_VARS_H
#define HTH_CLI_CHAT_VARS_H

#include "text/chat.h"
#include "text/vocab.h"

#define HTH_TEMPLATE_KEY "tokenizer.chat_template"

/* Sets bos_token, eos_token, unk_token and pad_token to the vocabulary's texts, "" for a token it
 * lacks, unless the object has them already. */
HTH_MUST_CHECK HthStatus hth_chat_vars_tokens(json_t *vars, const HthVocab *v, HthErr *err);

#endif
