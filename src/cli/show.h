/* show.h - facts about a model file, for hearth show and for /show in a chat.
 *
 * Thread: the main thread. */
#ifndef HTH_CLI_SHOW_H
#define HTH_CLI_SHOW_H

#include "base/num.h"
#include "cli/source.h"

typedef struct HthShowFmt {
    const HthFmt *fmt;
    size_t count;
    uint64_t bytes, params;
} HthShowFmt;

typedef struct HthShowFacts {
    HthStr arch, name, license, family, pre; /* "" when absent */
    uint64_t params, ctx, embd, layers, heads, heads_kv, ff, vocab; /* 0 when absent */
    uint64_t bytes;
    size_t tensors, kinds;
    bool has_template;
    HthShowFmt fmts[HTH_FMT_COUNT_MAX]; /* the first `kinds` */
} HthShowFacts;

void hth_show_facts(const HthGguf *g, HthShowFacts *out);
void hth_show_summary(const HthGguf *g); /* on stdout */
/* A metadata value, at most elems_max elements of an array; NULL: out of memory. */
json_t *hth_show_value(const HthGgufKv *kv, uint64_t elems_max);
/* Prints a text entry; an exit code. */
int hth_show_text(const HthGguf *g, const char *key, const char *what);

#endif
