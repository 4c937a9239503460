/* grammar_ast.h - random grammars from a seed, and a recogniser of them that is plainly right.
 *
 * The recogniser computes, for every node and place, where the node's texts may end: a least fixed
 * point, so that recursion of any kind is only more rounds.  Places are bits: texts are short.
 *
 * Thread: one. */
#ifndef HTH_TESTS_GRAMMAR_AST_H
#define HTH_TESTS_GRAMMAR_AST_H

#include "base/rng.h"
#include "text/grammar.h"

enum { AST_BYTES, AST_DFA, AST_SEQ, AST_ALT, AST_REPEAT, AST_RULE, AST_MEMBERS };
enum { AST_MAX = 40, AST_KIDS = 3, AST_TEXT_MAX = 60, AST_LETTERS = 3, AST_STATES = 4 };

typedef struct AstNode {
    int kind, n;
    int kid[2 * AST_KIDS + 3]; /* members: key, value, ...; extra key, extra value, separator */
    char bytes[8];
    uint32_t min, max;
    uint32_t next[AST_STATES][AST_LETTERS]; /* 0: dead, 1: first */
    uint8_t accept[AST_STATES];
    bool required[AST_KIDS], extra;
} AstNode;
typedef struct Ast {
    AstNode node[AST_MAX];
    int n, root;
    uint64_t seed, draws;
    uint64_t ends[AST_MAX][AST_TEXT_MAX + 1];
} Ast;

static inline uint32_t ast_draw(Ast *a, uint32_t below) {
    return hth_rng_below(a->seed, 77, a->draws++, below);
}

static inline int ast_add(Ast *a, AstNode node) {
    HTH_ASSERT(a->n < AST_MAX);
    a->node[a->n] = node;
    return a->n++;
}

static inline int ast_bytes(Ast *a, uint32_t least) {
    AstNode node = { .kind = AST_BYTES };
    node.n = (int)(least + ast_draw(a, 3));
    for (int i = 0; i < node.n; i++) node.bytes[i] = (char)('a' + ast_draw(a, AST_LETTERS));
    return ast_add(a, node);
}

static inline int ast_dfa(Ast *a) {
    AstNode node = { .kind = AST_DFA };
    for (int s = 1; s < AST_STATES; s++) {
        node.accept[s] = (uint8_t)ast_draw(a, 2);
        for (int c = 0; c < AST_LETTERS; c++) node.next[s][c] = ast_draw(a, AST_STATES);
    }
    return ast_add(a, node);
}

/* A key: never empty, no recursion. */
static inline int ast_key(Ast *a) {
    const int first = ast_bytes(a, 1);
    if (ast_draw(a, 3)) return first;
    AstNode node = { .kind = AST_SEQ, .n = 2, .kid = { first, ast_dfa(a) } };
    return ast_add(a, node);
}

static inline int ast_pick(Ast *a, int from) {
    return from + (int)ast_draw(a, (uint32_t)(a->n - from));
}

static inline void ast_members(Ast *a) {
    AstNode node = { .kind = AST_MEMBERS, .n = (int)ast_draw(a, AST_KIDS + 1) };
    for (int i = 0; i < node.n; i++) {
        node.kid[2 * i] = ast_key(a);
        node.kid[2 * i + 1] = ast_pick(a, 0);
        node.required[i] = ast_draw(a, 3) == 0;
    }
    node.extra = ast_draw(a, 2);
    if (node.extra) {
        node.kid[2 * AST_KIDS] = ast_key(a);
        node.kid[2 * AST_KIDS + 1] = ast_pick(a, 0);
    }
    node.kid[2 * AST_KIDS + 2] = ast_bytes(a, ast_draw(a, 4) ? 1 : 0);
    node.min = ast_draw(a, 4) ? 0 : ast_draw(a, 3);
    node.max = ast_draw(a, 2) ? HTH_MANY : ast_draw(a, 4);
    ast_add(a, node);
}

/* Rules first (their bodies come last), then leaves, then what is made of all before. */
static inline void ast_random(Ast *a, uint64_t seed) {
    a->n = 0;
    a->seed = seed;
    a->draws = 0;
    const int rules = (int)ast_draw(a, 4);
    for (int i = 0; i < rules; i++) ast_add(a, (AstNode){ .kind = AST_RULE });
    for (int i = 0; i < 3; i++) ast_bytes(a, 0);
    if (ast_draw(a, 2)) ast_dfa(a);
    const int more = 2 + (int)ast_draw(a, 6);
    for (int i = 0; i < more && a->n < AST_MAX - 12; i++) {
        AstNode node = { .kind = AST_SEQ + (int)ast_draw(a, 3) };
        if (ast_draw(a, 4) == 0) {
            ast_members(a);
            continue;
        }
        node.n = node.kind == AST_REPEAT ? 1 : (int)ast_draw(a, AST_KIDS + 1);
        for (int k = 0; k < node.n; k++) node.kid[k] = ast_pick(a, 0);
        node.min = ast_draw(a, 3);
        node.max = ast_draw(a, 2) ? HTH_MANY : node.min + ast_draw(a, 3);
        ast_add(a, node);
    }
    for (int i = 0; i < rules; i++) a->node[i].kid[0] = ast_pick(a, rules);
    a->root = a->n - 1;
}

/* The same grammar in pieces. */
static inline HthNode ast_ir(const Ast *a, HthIr *ir) {
    HthNode made[AST_MAX], kids[AST_KIDS];
    for (int i = 0; i < a->n; i++) {
        const AstNode *n = &a->node[i];
        HthMember named[AST_KIDS];
        HthMembers m = {
            .named = named, .named_count = (size_t)n->n, .min = n->min, .max = n->max
        };
        HthByteDfa dfa = { .state_count = AST_STATES, .class_count = AST_LETTERS + 1 };
        uint32_t next[AST_STATES * (AST_LETTERS + 1)] = { 0 };
        uint8_t accept[AST_STATES];
        for (int k = 0; n->kind != AST_MEMBERS && k < n->n && k < AST_KIDS; k++)
            kids[k] = n->kind == AST_BYTES ? 0 : made[n->kid[k]];
        switch (n->kind) {
        case AST_BYTES: made[i] = hth_ir_bytes(ir, (HthStr){ n->bytes, (size_t)n->n }); break;
        case AST_SEQ: made[i] = hth_ir_seq(ir, kids, (size_t)n->n); break;
        case AST_ALT: made[i] = hth_ir_alt(ir, kids, (size_t)n->n); break;
        case AST_REPEAT: made[i] = hth_ir_repeat(ir, kids[0], n->min, n->max); break;
        case AST_RULE: made[i] = hth_ir_rule(ir); break;
        case AST_DFA:
            for (int c = 0; c < AST_LETTERS; c++) dfa.class_of['a' + c] = (uint8_t)(c + 1);
            for (int s = 0; s < AST_STATES; s++)
                for (int c = 0; c < AST_LETTERS; c++)
                    next[s * (AST_LETTERS + 1) + c + 1] = n->next[s][c];
            memcpy(accept, n->accept, sizeof accept);
            dfa.next = next;
            dfa.accept = accept;
            made[i] = hth_ir_dfa(ir, &dfa);
            break;
        default:
            for (int k = 0; k < n->n; k++)
                named[k] =
                    (HthMember){ made[n->kid[2 * k]], made[n->kid[2 * k + 1]], n->required[k] };
            m.extra_key = n->extra ? made[n->kid[2 * AST_KIDS]] : HTH_NODE_NONE;
            m.extra_value = n->extra ? made[n->kid[2 * AST_KIDS + 1]] : HTH_NODE_NONE;
            m.separator = made[n->kid[2 * AST_KIDS + 2]];
            made[i] = hth_ir_members(ir, &m);
        }
    }
    for (int i = 0; i < a->n; i++)
        if (a->node[i].kind == AST_RULE) hth_ir_define(ir, made[i], made[a->node[i].kid[0]]);
    return made[a->root];
}

/* ---- the recogniser ---- */
/* Where a node may end that begins at one of the places. */
static inline uint64_t ast_after(const Ast *a, int node, uint64_t places) {
    uint64_t all = 0;
    for (int i = 0; i <= AST_TEXT_MAX; i++)
        if (places >> i & 1) all |= a->ends[node][i];
    return all;
}

static inline uint64_t ast_members_ends(const Ast *a, const AstNode *n, int at, uint32_t used,
                                        uint32_t count) {
    uint64_t ends = count >= n->min ? (uint64_t)1 << at : 0;
    for (int k = 0; k < n->n; k++)
        if (n->required[k] && !(used >> k & 1)) ends = 0;
    if (count > n->max) return 0;
    if (count == n->max) return ends;
    const uint64_t from = count ? a->ends[n->kid[2 * AST_KIDS + 2]][at] : (uint64_t)1 << at;
    for (int k = 0; k <= n->n; k++) {
        if (k == n->n ? !n->extra : used >> k & 1) continue;
        const int pair = k == n->n ? 2 * AST_KIDS : 2 * k;
        const uint64_t keyed = ast_after(a, n->kid[pair], from);
        const uint64_t to = ast_after(a, n->kid[pair + 1], keyed);
        for (int i = at; i <= AST_TEXT_MAX; i++)
            if (to >> i & 1)
                ends |= ast_members_ends(a, n, i, k == n->n ? used : used | 1u << k, count + 1);
    }
    return ends;
}

static inline uint64_t ast_ends_at(const Ast *a, const AstNode *n, const char *text, int length,
                                   int at) {
    uint64_t ends = 0, now = (uint64_t)1 << at;
    switch (n->kind) {
    case AST_BYTES:
        if (at + n->n <= length && memcmp(text + at, n->bytes, (size_t)n->n) == 0)
            ends = (uint64_t)1 << (at + n->n);
        return ends;
    case AST_DFA:
        for (uint32_t s = 1; s && at <= length; at++) {
            if (n->accept[s]) ends |= (uint64_t)1 << at;
            if (at == length) break;
            s = n->next[s][text[at] - 'a'];
        }
        return ends;
    case AST_SEQ:
        for (int k = 0; k < n->n; k++) now = ast_after(a, n->kid[k], now);
        return now;
    case AST_ALT:
        for (int k = 0; k < n->n; k++) ends |= a->ends[n->kid[k]][at];
        return ends;
    case AST_REPEAT:
        for (uint32_t k = 0; k < n->min; k++) now = ast_after(a, n->kid[0], now);
        ends = now;
        for (uint32_t k = n->min; k < n->max && k < n->min + 2 * AST_TEXT_MAX; k++) {
            now = ast_after(a, n->kid[0], now);
            if ((ends | now) == ends && n->max == HTH_MANY) break;
            ends |= now;
        }
        return ends;
    case AST_RULE: return a->ends[n->kid[0]][at];
    default: return ast_members_ends(a, n, at, 0, 0);
    }
}

static inline bool ast_match(Ast *a, const char *text, int length) {
    HTH_ASSERT(length <= AST_TEXT_MAX);
    memset(a->ends, 0, sizeof a->ends);
    for (bool again = true; again;) {
        again = false;
        for (int i = 0; i < a->n; i++) {
            for (int at = 0; at <= length; at++) {
                const uint64_t ends = ast_ends_at(a, &a->node[i], text, length, at);
                again |= ends != a->ends[i][at];
                a->ends[i][at] = ends;
            }
        }
    }
    return a->ends[a->root][0] >> length & 1;
}

#endif
