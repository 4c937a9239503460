/* think.h - a limit to reasoning: when so many of its tokens were drawn, those that close it are
 * what must be drawn next.
 *
 * It is told of every token of a reply with the text that became certain, and knows the marks a
 * model puts around its reasoning (hth_talk_marks).  It draws nothing itself.
 *
 * Thread: one owner. */
#ifndef HTH_TEXT_THINK_H
#define HTH_TEXT_THINK_H

#include "text/vocab.h"

typedef struct HthThink HthThink;

typedef struct HthThinkCfg {
    uint32_t max; /* tokens of reasoning; 0: no limit */
    HthStr open, close; /* marks, as hth_stream_put writes them; close empty: no reasoning */
    bool opened; /* the prompt has the opening mark already */
    bool anywhere; /* reasoning may be opened behind words, too; or only before them */
} HthThinkCfg;

/* *out is NULL where there is nothing to limit: no limit, no marks, or a closing mark that would
 * end the whole answer. The marks are copied. */
HTH_MUST_CHECK HthStatus hth_think_open(HthThink **out, const HthThinkCfg *cfg, const HthVocab *v,
                                        HthErr *err);
void hth_think_close(HthThink **t); /* wipes */
/* A token of the reply, and the text that became certain with it. */
void hth_think_put(HthThink *t, uint32_t id, HthStr text);
/* The token that must come next; HTH_TOKEN_NONE: any may. Where it cannot (a grammar does not allow
 * it there) any other may be put, and it is asked for again. */
uint32_t hth_think_due(const HthThink *t);

#endif
