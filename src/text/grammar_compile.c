/* grammar_compile.c - from pieces to an automaton: the order of the steps, and what is looked up
 * later.
 *
 * Thread: a grammar is immutable once open, any. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "text/grammar_int.h"

enum {
    REACH_MAX = 1 << 26, /* pairs of a state and a member it may become */
    LEAF_BYTES = 20
};

static pthread_once_t g_once = PTHREAD_ONCE_INIT;
static uint64_t g_key[4];

static void draw_key(void) {
    for (size_t i = 0; i < HTH_COUNT(g_key); i++) g_key[i] = hth_rng_entropy();
}

static uint64_t rotl(uint64_t x, int n) {
    return x << n | x >> (64 - n);
}

/* SipHash-2-4 (Aumasson and Bernstein, 2012) over 32-bit words, two of them under keys nobody else
 * knows: grammars share masks by it, and a grammar may come from anybody. */
typedef struct Sip {
    uint64_t v[4], word;
    uint64_t n;
} Sip;

static void sip_mix(Sip *s, uint64_t word, int rounds) {
    uint64_t *v = s->v;
    v[3] ^= word;
    for (int i = 0; i < rounds; i++) {
        v[0] += v[1], v[1] = rotl(v[1], 13) ^ v[0], v[0] = rotl(v[0], 32);
        v[2] += v[3], v[3] = rotl(v[3], 16) ^ v[2];
        v[0] += v[3], v[3] = rotl(v[3], 21) ^ v[0];
        v[2] += v[1], v[1] = rotl(v[1], 17) ^ v[2], v[2] = rotl(v[2], 32);
    }
    v[0] ^= word;
}

static void sip_add(Sip *s, uint32_t x) {
    s->word = s->word >> 32 | (uint64_t)x << 32;
    if (++s->n % 2 == 0) sip_mix(s, s->word, 2);
}

static uint64_t sip_end(Sip *s) {
    sip_add(s, 0x9E3779B9u);
    sip_mix(s, s->n, 2);
    s->v[2] ^= 0xFF;
    sip_mix(s, 0, 4);
    return s->v[0] ^ s->v[1] ^ s->v[2] ^ s->v[3];
}

static void hash_members(Sip *h, const HthMembersCode *m) {
    const uint32_t head[] = { m->key, m->separator, m->named_n, m->min, m->max, m->required_n };
    for (size_t i = 0; i < HTH_COUNT(head); i++) sip_add(h, head[i]);
    for (uint32_t i = 0; i <= m->named_n; i++) sip_add(h, m->value[i]);
    for (uint32_t i = 0; i < m->words; i++) sip_add(h, m->required[i]);
}

static Sip sip_begin(const uint64_t key[2]) {
    return (Sip){ .v = { key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
                         key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u } };
}

/* A procedure that calls nothing, and what may follow it: wherever it is, its masks are these. */
static uint64_t hash_leaf(const HthGrammar *g, const HthProc *p, const uint64_t key[2]) {
    Sip h = sip_begin(key);
    for (int i = 0; i < 8; i++) sip_add(&h, p->follow.word[i]);
    for (uint32_t s = p->start; s < p->start + p->state_n; s++) {
        const HthState *st = &g->state[s];
        sip_add(&h, st->edge_n << 1 | st->accept);
        for (uint32_t i = 0; i < st->edge_n; i++) {
            const HthEdge *e = &g->edge[st->edge + i];
            sip_add(&h, (uint32_t)e->lo << 8 | e->hi);
            sip_add(&h, e->to - p->start);
        }
    }
    return sip_end(&h);
}

/* Leaves whose masks are worth keeping across grammars: those that take many bytes somewhere. */
static void find_leaves(HthGrammar *g) {
    for (uint32_t p = 0; p < g->proc_n; p++) {
        HthProc *proc = &g->proc[p];
        uint32_t calls = 0, most = 0, s = proc->start;
        if (proc->members != HTH_NONE) continue;
        for (; s < g->state_n && g->state[s].kind == HTH_STATE_PLAIN && g->state[s].owner == p;
             s++) {
            uint32_t bytes = 0;
            for (uint32_t i = 0; i < g->state[s].edge_n; i++) {
                const HthEdge *e = &g->edge[g->state[s].edge + i];
                bytes += e->hi - e->lo + 1u;
            }
            if (bytes > most) most = bytes;
            calls += g->state[s].call_n;
        }
        proc->state_n = s - proc->start;
        proc->leaf = calls == 0 && most >= LEAF_BYTES;
        for (int i = 0; i < 2 && proc->leaf; i++) proc->hash[i] = hash_leaf(g, proc, g_key + 2 * i);
    }
}

static uint64_t hash_all(const HthGrammar *g, const uint64_t key[2]) {
    Sip h = sip_begin(key);
    sip_add(&h, g->state_n);
    for (uint32_t s = 0; s < g->state_n; s++) {
        const HthState *st = &g->state[s];
        sip_add(&h, (uint32_t)st->kind << 1 | st->accept);
        sip_add(&h, st->owner);
        sip_add(&h, st->edge_n);
        sip_add(&h, st->call_n);
        sip_add(&h, st->label_n);
        for (uint32_t i = 0; i < st->edge_n; i++) {
            const HthEdge *e = &g->edge[st->edge + i];
            sip_add(&h, (uint32_t)e->lo << 8 | e->hi);
            sip_add(&h, e->to);
        }
        for (uint32_t i = 0; i < st->call_n; i++) {
            sip_add(&h, g->call[st->call + i].proc);
            sip_add(&h, g->call[st->call + i].ret);
        }
        for (uint32_t i = 0; i < st->label_n; i++) sip_add(&h, g->label[st->label + i]);
    }
    for (uint32_t p = 0; p < g->proc_n; p++) {
        sip_add(&h, g->proc[p].start);
        sip_add(&h, g->proc[p].members);
        sip_add(&h, g->proc[p].nullable);
    }
    for (uint32_t m = 0; m < g->members_n; m++) hash_members(&h, &g->members[m]);
    return sip_end(&h);
}

/* Bytes that no edge tells apart are one class. */
static void find_classes(HthGrammar *g) {
    bool cut[257] = { false };
    for (uint32_t s = 0; s < g->state_n; s++) {
        for (uint32_t i = 0; i < g->state[s].edge_n; i++) {
            const HthEdge *e = &g->edge[g->state[s].edge + i];
            cut[e->lo] = cut[e->hi + 1] = true;
        }
    }
    g->class_n = 1;
    for (uint32_t b = 1; b < 256; b++) {
        if (cut[b]) g->class_n++;
        g->class_of[b] = (uint8_t)(g->class_n - 1);
    }
}

/* ---- which members a place in a key can still become ---- */
typedef struct Back { /* edges of one region, backwards */
    uint32_t first, n; /* states of the region */
    uint32_t *at, *from; /* from[at[i] .. at[i + 1]) lead to state first + i */
    uint32_t *seen, *list;
} Back;

static HthStatus back_open(Back *b, const HthGrammar *g, uint32_t first, HthErr *err) {
    *b = (Back){ .first = first };
    uint32_t edges = 0;
    for (uint32_t s = first; s < g->state_n && g->state[s].kind == HTH_STATE_KEY &&
                             g->state[s].owner == g->state[first].owner;
         s++) {
        b->n++;
        edges += g->state[s].edge_n;
    }
    uint32_t *room = hth_calloc(3 * (size_t)b->n + edges + 2, sizeof *room);
    HTH_REQUIRE(room, err, HTH_ENOMEM, "out of memory for a grammar");
    b->at = room;
    b->seen = room + b->n + 2;
    b->list = b->seen + b->n;
    b->from = b->list + b->n;
    for (uint32_t s = 0; s < b->n; s++)
        for (uint32_t i = 0; i < g->state[first + s].edge_n; i++)
            b->at[g->edge[g->state[first + s].edge + i].to - first + 1]++;
    for (uint32_t s = 0; s < b->n; s++) b->at[s + 1] += b->at[s];
    for (uint32_t s = 0; s < b->n; s++)
        for (uint32_t i = 0; i < g->state[first + s].edge_n; i++)
            b->from[b->at[g->edge[g->state[first + s].edge + i].to - first]++] = s;
    memmove(b->at + 1, b->at, b->n * sizeof *b->at);
    b->at[0] = 0;
    return HTH_OK;
}

/* Fills b->list with the states from which one of the ends, pairs of (label, state), is reached. */
static uint32_t back_from(Back *b, const uint64_t *ends, uint32_t ends_n, uint32_t stamp) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < ends_n; i++) {
        const uint32_t s = (uint32_t)ends[i] - b->first;
        if (b->seen[s] == stamp) continue;
        b->seen[s] = stamp;
        b->list[n++] = s;
    }
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t e = b->at[b->list[i]]; e < b->at[b->list[i] + 1]; e++) {
            if (b->seen[b->from[e]] == stamp) continue;
            b->seen[b->from[e]] = stamp;
            b->list[n++] = b->from[e];
        }
    }
    return n;
}

static int by_value(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* For each state of the keys, the labels that it leads to: first how many, then which. */
static HthStatus fill_reach(HthGrammar *g, Back *b, const uint64_t *ends, uint32_t n, HthErr *err) {
    uint32_t stamp = 0, total = 0, *pool = NULL;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0, j; i < n; i = j) {
            for (j = i; j < n && ends[j] >> 32 == ends[i] >> 32;) j++;
            const uint32_t found = back_from(b, ends + i, j - i, ++stamp);
            for (uint32_t k = 0; k < found; k++) {
                HthState *st = &g->state[b->first + b->list[k]];
                if (pass) pool[st->reach + st->reach_n] = (uint32_t)(ends[i] >> 32);
                st->reach_n++;
            }
        }
        if (pass) return HTH_OK;
        for (uint32_t s = 0; s < b->n; s++) {
            HthState *st = &g->state[b->first + s];
            st->reach = total;
            HTH_REQUIRE(total < REACH_MAX && st->reach_n < REACH_MAX, err, HTH_ELIMIT,
                        "the names of the members are too many and too alike");
            total += st->reach_n;
            st->reach_n = 0;
        }
        pool = hth_realloc(g->reach, (size_t)g->reach_n + total + 1, sizeof *pool);
        HTH_REQUIRE(pool, err, HTH_ENOMEM, "out of memory for a grammar");
        g->reach = pool;
        for (uint32_t s = 0; s < b->n; s++) g->state[b->first + s].reach += g->reach_n;
        g->reach_n += total;
    }
    return HTH_OK;
}

/* Equal lists get equal numbers. */
static HthStatus number_reach(HthGrammar *g, const HthMembersCode *m, uint32_t n, HthErr *err) {
    HthMap *map = NULL;
    HthStatus status = hth_map_open(&map, n, err);
    for (uint32_t s = m->key; status == HTH_OK && s < m->key + n; s++) {
        HthState *st = &g->state[s];
        const HthStr key = { (const char *)(g->reach + st->reach), st->reach_n * sizeof(uint32_t) };
        status = hth_map_add(map, key, s, err);
        st->reach_id = hth_map_get(map, key);
    }
    hth_map_close(&map);
    return status;
}

static HthStatus find_reach(HthGrammar *g, const HthMembersCode *m, HthErr *err) {
    Back b;
    HTH_TRY(back_open(&b, g, m->key, err));
    uint32_t n = 0;
    for (uint32_t s = 0; s < b.n; s++) n += g->state[m->key + s].label_n;
    uint64_t *ends = hth_calloc((size_t)n + 1, sizeof *ends);
    HthStatus status = HTH_OK;
    n = 0;
    for (uint32_t s = 0; ends && s < b.n; s++) {
        const HthState *st = &g->state[m->key + s];
        for (uint32_t i = 0; i < st->label_n; i++)
            ends[n++] = (uint64_t)g->label[st->label + i] << 32 | (m->key + s);
    }
    if (ends) {
        qsort(ends, n, sizeof *ends, by_value);
        status = fill_reach(g, &b, ends, n, err);
        if (status == HTH_OK) status = number_reach(g, m, b.n, err);
    } else {
        status = HTH_FAIL(err, HTH_ENOMEM, "out of memory for a grammar");
    }
    hth_free(ends);
    hth_free(b.at);
    return status;
}

static HthStatus compile(HthGrammar *g, const HthIr *ir, HthNode root, HthErr *err) {
    HthNfa nfa;
    HTH_TRY(hth_arena_open(&g->arena, (size_t)256 << 20, err));
    HthStatus status = hth_nfa_open(&nfa, ir, root, err);
    if (status == HTH_OK) status = hth_nfa_unleft(&nfa, err);
    if (status == HTH_OK) status = hth_grammar_determine(g, &nfa, err);
    hth_nfa_close(&nfa);
    HTH_TRY(status);
    HTH_TRY(hth_grammar_prune(g, err));
    HTH_REQUIRE(g->proc[0].nullable || g->proc[0].least != HTH_FAR, err, HTH_EINVAL,
                "the grammar admits no text at all");
    for (uint32_t m = 0; m < g->members_n; m++) HTH_TRY(find_reach(g, &g->members[m], err));
    HTH_TRY(hth_grammar_follow(g, err));
    find_classes(g);
    HTH_TRY(hth_grammar_alike(g, err));
    pthread_once(&g_once, draw_key);
    find_leaves(g);
    for (int i = 0; i < 2; i++) g->hash[i] = hash_all(g, g_key + 2 * i);
    return HTH_OK;
}

HthStatus hth_grammar_open(HthGrammar **out, const HthIr *ir, HthNode root, HthErr *err) {
    HTH_TRY(hth_ir_status(ir, err));
    HTH_ASSERT(root < hth_ir_count(ir));
    HthGrammar *g = hth_calloc(1, sizeof *g);
    HTH_REQUIRE(g, err, HTH_ENOMEM, "out of memory for a grammar");
    HthStatus status = compile(g, ir, root, err);
    if (status != HTH_OK) {
        hth_grammar_close(&g);
        return status;
    }
    *out = g;
    return HTH_OK;
}

size_t hth_grammar_bytes(const HthGrammar *g) {
    return sizeof *g + g->state_cap * sizeof *g->state + g->edge_cap * sizeof *g->edge +
           g->call_cap * sizeof *g->call + g->label_cap * sizeof *g->label +
           (size_t)g->reach_n * sizeof *g->reach + hth_arena_used(g->arena);
}

static void mix_owner(uint64_t hash[2], uint64_t owner) {
    for (int i = 0; i < 2; i++) {
        Sip h = sip_begin(g_key + 2 * i);
        sip_mix(&h, owner, 2);
        sip_mix(&h, hash[i], 2);
        hash[i] = sip_end(&h);
    }
}

void hth_grammar_own(HthGrammar *g, uint64_t owner) {
    mix_owner(g->hash, owner);
    for (uint32_t p = 0; p < g->proc_n; p++)
        if (g->proc[p].leaf) mix_owner(g->proc[p].hash, owner);
}

void hth_grammar_close(HthGrammar **g) {
    if (!*g) return;
    hth_free((*g)->state);
    hth_free((*g)->edge);
    hth_free((*g)->call);
    hth_free((*g)->label);
    hth_free((*g)->reach);
    hth_arena_close(&(*g)->arena);
    hth_free(*g);
    *g = NULL;
}
