/* grammars.c - see grammars.h: a short list, looked through from the newest on.
 *
 * It does not compile: two threads that miss at once both do, and the first to bring it wins.
 *
 * Thread: any; one gate for all. */
#include "serve/grammars.h"

#include <string.h>

#include "base/mem.h"
#include "base/thread.h"

typedef struct Kept {
    HthGrammarKey key;
    HthGrammar *grammar;
    size_t bytes; /* that count; 0: it goes when it is given back */
    uint32_t lent;
    struct Kept *next; /* used before this one */
} Kept;

struct HthGrammars {
    HthGate *gate;
    Kept *newest;
    size_t bytes_max;
    uint32_t count_max;
    HthGrammarsStat stat;
};

HthStatus hth_grammars_open(HthGrammars **out, size_t bytes_max, uint32_t count_max, HthErr *err) {
    HthGrammars *c = hth_calloc(1, sizeof *c);
    HTH_REQUIRE(c, err, HTH_ENOMEM, "no memory for compiled grammars");
    c->bytes_max = bytes_max;
    c->count_max = count_max;
    const HthStatus st = hth_gate_open(&c->gate, err);
    if (st == HTH_OK)
        *out = c;
    else
        hth_free(c);
    return st;
}

static void drop(HthGrammars *c, Kept **at) {
    Kept *k = *at;
    *at = k->next;
    c->stat.bytes -= k->bytes;
    c->stat.count--;
    hth_grammar_close(&k->grammar);
    hth_free(k);
}

/* The longest unused goes first. */
static void make_room(HthGrammars *c) {
    for (Kept **at = &c->newest; *at;) {
        if (!(*at)->lent && (*at)->bytes == 0)
            drop(c, at);
        else
            at = &(*at)->next;
    }
    while (c->stat.bytes > c->bytes_max || c->stat.count > c->count_max) {
        Kept **oldest = NULL;
        for (Kept **at = &c->newest; *at; at = &(*at)->next)
            if (!(*at)->lent) oldest = at;
        if (!oldest) return;
        drop(c, oldest);
    }
}

void hth_grammars_close(HthGrammars **grammars) {
    HthGrammars *c = *grammars;
    if (!c) return;
    HTH_ASSERT(c->stat.lent == 0);
    while (c->newest) drop(c, &c->newest);
    hth_gate_close(&c->gate);
    hth_free(c);
    *grammars = NULL;
}

/* Inside the gate: lends what is there, which becomes the newest. */
static const HthGrammar *lend(HthGrammars *c, const HthGrammarKey *key) {
    for (Kept **at = &c->newest; *at; at = &(*at)->next) {
        Kept *k = *at;
        if (memcmp(&k->key, key, sizeof *key) != 0) continue;
        *at = k->next;
        k->next = c->newest;
        c->newest = k;
        k->lent++;
        c->stat.lent++;
        return k->grammar;
    }
    return NULL;
}

const HthGrammar *hth_grammars_take(HthGrammars *c, const HthGrammarKey *key) {
    hth_gate_enter(c->gate);
    const HthGrammar *g = lend(c, key);
    if (g)
        c->stat.hits++;
    else
        c->stat.misses++;
    hth_gate_leave(c->gate);
    return g;
}

HthStatus hth_grammars_put(HthGrammars *c, const HthGrammarKey *key, HthGrammar **g,
                           const HthGrammar **out, HthErr *err) {
    Kept *k = hth_calloc(1, sizeof *k);
    if (!k) {
        hth_grammar_close(g);
        return HTH_FAIL(err, HTH_ENOMEM, "no memory for a compiled grammar");
    }
    hth_gate_enter(c->gate);
    const HthGrammar *first = lend(c, key);
    if (!first) {
        /* One that alone takes a quarter would push out the many that others come back to. */
        const size_t bytes = hth_grammar_bytes(*g);
        *k = (Kept){ *key, *g, bytes > c->bytes_max / 4 ? 0 : bytes, 1, c->newest };
        c->newest = k;
        c->stat.bytes += k->bytes;
        c->stat.count++;
        c->stat.lent++;
        make_room(c);
    }
    hth_gate_leave(c->gate);
    *out = first ? first : *g;
    if (first) {
        hth_free(k);
        hth_grammar_close(g);
    }
    *g = NULL;
    return HTH_OK;
}

void hth_grammars_give(HthGrammars *c, const HthGrammar **g) {
    if (!*g) return;
    hth_gate_enter(c->gate);
    Kept *k = c->newest;
    while (k && k->grammar != *g) k = k->next;
    HTH_ASSERT(k && k->lent > 0);
    k->lent--;
    c->stat.lent--;
    make_room(c);
    hth_gate_leave(c->gate);
    *g = NULL;
}

HthGrammarsStat hth_grammars_stat(HthGrammars *c) {
    hth_gate_enter(c->gate);
    const HthGrammarsStat stat = c->stat;
    hth_gate_leave(c->gate);
    return stat;
}
