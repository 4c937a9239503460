/* reply.h - what a model writes, taken apart: words, reasoning, tool calls.
 *
 * How a model writes its reasoning and its calls stands in its chat template, nowhere else.
 * hth_talk_open() finds the format by what the template renders for a made-up call, so that a
 * renamed or edited template is still understood.  A reply is fed as it is drawn and gives its
 * parts as soon as they are certain; text that only looked like a call comes out as text, never as
 * an error.  hth_talk_grammar() is the other direction: the language of replies that a choice of
 * tools allows.
 *
 * Thread: a talk is immutable, any; a reply has one owner. */
#ifndef HTH_TEXT_REPLY_H
#define HTH_TEXT_REPLY_H

#include "base/json.h"
#include "text/chat.h"
#include "text/grammar_ir.h"
#include "text/think.h"
#include "text/vocab.h"

typedef struct HthTalk HthTalk;
typedef struct HthReply HthReply;

typedef enum HthToolChoice {
    HTH_TOOLS_AUTO,
    HTH_TOOLS_NONE,
    HTH_TOOLS_REQUIRED, /* one call at least */
    HTH_TOOLS_NAMED /* one call, of the tool with this name */
} HthToolChoice;

/* tmpl and vocab are borrowed. A template without tools or reasoning is fine: then there are
 * none. */
HTH_MUST_CHECK HthStatus hth_talk_open(HthTalk **out, const HthTemplate *tmpl,
                                       const HthVocab *vocab, HthErr *err);
void hth_talk_close(HthTalk **t);
bool hth_talk_has_tools(const HthTalk *t); /* the template knows tools */
bool hth_talk_has_thinking(const HthTalk *t);
/* The marks around reasoning, for a reply that goes on after this prompt (text/think.h; its max
 * stays as it is). Lent by the talk; empty: the template knows no reasoning. */
void hth_talk_marks(const HthTalk *t, HthStr prompt, HthThinkCfg *out);
/* The template joins a call's arguments as text: in a history they must be a JSON string, not an
 * object. */
bool hth_talk_args_as_text(const HthTalk *t);
/* The messages as the template takes them: with arguments as text where it wants that, else the
 * same array. *out owns one reference. */
HTH_MUST_CHECK HthStatus hth_talk_messages(const HthTalk *t, json_t *messages, json_t **out,
                                           HthErr *err);
const char *hth_talk_name(const HthTalk *t); /* "hermes", "llama3", "mistral", ...; for show */

/* The language of a whole reply: reasoning if the model has it, then words and calls as `choice`
 * says. tools: [{type, function{name, description, parameters}}]. answer: what the words must be
 * (a response format), or HTH_NODE_NONE for any text. ENOTSUP names a parameter schema's
 * keyword. */
HTH_MUST_CHECK HthStatus hth_talk_grammar(const HthTalk *t, HthIr *ir, const json_t *tools,
                                          HthToolChoice choice, HthStr name, bool parallel,
                                          HthNode answer, HthNode *out, HthErr *err);
/* The same for a reply that goes on after this prompt, which says whether reasoning is open.
 * Without it either is allowed: then a model that must call a tool may reason where it should
 * not. */
HTH_MUST_CHECK HthStatus hth_talk_grammar_after(const HthTalk *t, HthStr prompt, HthIr *ir,
                                                const json_t *tools, HthToolChoice choice,
                                                HthStr name, bool parallel, HthNode answer,
                                                HthNode *out, HthErr *err);
/* What the prompt has begun and the reply goes on with (HTH_TALK_BEGUN_*, together). Nothing else
 * of a prompt matters to the language of its reply. */
enum { HTH_TALK_BEGUN_THINKING = 1, HTH_TALK_BEGUN_CALL = 2 };
uint32_t hth_talk_begun(const HthTalk *t, HthStr prompt);

typedef enum HthPartKind {
    HTH_PART_TEXT,
    HTH_PART_THINKING,
    HTH_PART_CALL, /* a call begins: text is the function's name */
    HTH_PART_ARGS, /* a piece of its arguments, as JSON text */
    HTH_PART_CALL_END
} HthPartKind;
typedef struct HthPart {
    HthPartKind kind;
    uint32_t call; /* 0, 1, ... : which call of this reply */
    HthStr text; /* borrowed for the time of the call back */
} HthPart;

typedef struct HthReplyCfg {
    const json_t *tools; /* of the request; NULL: calls are text. Borrowed */
    HthStr prompt; /* what was rendered: it may have opened the reasoning already */
    bool keep_thinking; /* leave the reasoning in the text */
    void (*part)(void *payload, const HthPart *part);
    void *payload;
} HthReplyCfg;
HTH_MUST_CHECK HthStatus hth_reply_open(HthReply **out, const HthTalk *t, const HthReplyCfg *cfg,
                                        HthErr *err);
/* Text with control tokens written out. */
HTH_MUST_CHECK HthStatus hth_reply_put(HthReply *r, HthStr text, HthErr *err);
HTH_MUST_CHECK HthStatus hth_reply_end(HthReply *r, HthErr *err); /* what is held back comes out */
uint32_t hth_reply_calls(const HthReply *r); /* calls completed */
void hth_reply_close(HthReply **r);

#endif
