/* voice.h - what a loaded model needs to be spoken with: its template, its manner of calling tools,
 * its advice; and how an ask becomes a prompt, a grammar and a job for it.
 *
 * Thread: a voice is immutable after open, any. */
#ifndef HTH_SERVE_VOICE_H
#define HTH_SERVE_VOICE_H

#include "audit/statement.h"
#include "sched/engine.h"
#include "serve/ask.h"
#include "serve/grammars.h"

typedef struct HthVoice HthVoice;

typedef struct HthVoiceCfg {
    const HthModel *model; /* borrowed */
    HthStr template_text; /* instead of the file's; empty: the file's */
    HthStr system; /* before a chat that brings no system message; empty: none */
    const json_t *params; /* {"temperature": 0.7, ...} of its manifest; NULL: none */
    const json_t *messages; /* [{role, content}] before every chat; NULL: none */
} HthVoiceCfg;
/* ENOTSUP: the template uses what hearth does not know; EFORMAT: the file's advice or the
 * manifest's parameters make no sense. */
HTH_MUST_CHECK HthStatus hth_voice_open(HthVoice **out, const HthVoiceCfg *cfg, HthErr *err);
/* The same with another template. */
HTH_MUST_CHECK HthStatus hth_voice_open_as(HthVoice **out, const HthVoice *like,
                                           HthStr template_text, HthErr *err);
void hth_voice_close(HthVoice **v);

const HthVocab *hth_voice_vocab(const HthVoice *v); /* NULL: the model has no tokenizer */
const HthTalk *hth_voice_talk(const HthVoice *v); /* NULL: no template */

/* Does it score an answer to a question (HTH_JOB_RANK), instead of giving texts vectors? */
bool hth_voice_ranks(const HthVoice *v);

/* Of the source of its template; zero: none. */
const HthDigests *hth_voice_template(const HthVoice *v);

/* A prompt as it will be computed. */
typedef struct HthPrompted {
    HthBuf text, marks; /* marks: empty, or as long as text (text/chat.h) */
    HthIds ids;
} HthPrompted;
void hth_prompted_init(HthPrompted *p);
void hth_prompted_drop(HthPrompted *p);

/* The chat of `a` through the template; TEXT and INFILL: prompt `which`; RERANK with a model that
 * ranks: the query and document `which`. A last message of the
 * assistant is the beginning of the answer, and is continued. EINVAL ("template raised: ...") when
 * the template refuses the messages; ENOTSUP: tools for a template that knows none, prompts to fill
 * in for a model that has no tokens for it. */
HTH_MUST_CHECK HthStatus hth_voice_prompt(const HthVoice *v, const HthAsk *a, size_t which,
                                          HthPrompted *out, HthErr *err);
/* The language the answer must be in, lent by `kept` (give it back there); *out is NULL when it is
 * free. tenant: nobody else's request gets this one. prompt: what it goes on from, for that may
 * have begun the reasoning. ENOTSUP names a keyword. */
HTH_MUST_CHECK HthStatus hth_voice_grammar(const HthVoice *v, const HthAsk *a, uint64_t tenant,
                                           HthStr prompt, HthGrammars *kept, const HthGrammar **out,
                                           HthErr *err);
/* What the manifest says of length, context, seed and stops, where the ask says nothing. Strings
 * are borrowed from the voice. */
void hth_voice_advise(const HthVoice *v, HthAsk *a);
/* Parameters, stops and limits of one answer; ids, grammar, rights and wake are the caller's.
 * prompt: what it goes on from, as text. */
HTH_MUST_CHECK HthStatus hth_voice_job(const HthVoice *v, const HthAsk *a, HthStr prompt,
                                       uint64_t seed, HthJobCfg *out, HthErr *err);

#endif
