/* grammar_ir.c - the pieces of a grammar, kept once each.
 *
 * Every piece is known by its content: what is said twice is one node, so that the compiler sees
 * what two places share.  Content lives in an arena with a ceiling.
 *
 * Thread: one owner. */
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "text/grammar_int.h"

enum { NODES_MAX = 1 << 20, DEPTH_MAX = 1000, KIDS_MAX = 1 << 20 };
#define CONTENT_MAX ((size_t)256 << 20)

struct HthIr {
    HthIrNode *node;
    uint32_t n, cap;
    HthArena *arena;
    HthMap *map; /* content -> node */
    HthBuf key; /* content being put together */
    HthStatus status;
};

bool hth_grow(void *pp, uint32_t *cap, uint32_t n, size_t size) {
    if (n < *cap) return true;
    if (n >= UINT32_MAX / 4) return false;
    uint32_t want = *cap ? *cap * 2 : 32;
    void **p = pp;
    void *got = hth_realloc(*p, want, size);
    if (!got) return false;
    *p = got;
    *cap = want;
    return true;
}

HthStatus hth_ir_open(HthIr **out, HthErr *err) {
    HthIr *ir = hth_calloc(1, sizeof *ir);
    HTH_REQUIRE(ir, err, HTH_ENOMEM, "out of memory for a grammar");
    hth_buf_init(&ir->key, CONTENT_MAX);
    HthStatus status = hth_arena_open(&ir->arena, CONTENT_MAX, err);
    if (status == HTH_OK) status = hth_map_open(&ir->map, 64, err);
    if (status != HTH_OK) {
        hth_ir_close(&ir);
        return status;
    }
    *out = ir;
    return HTH_OK;
}

void hth_ir_close(HthIr **ir) {
    if (!*ir) return;
    hth_map_close(&(*ir)->map);
    hth_arena_close(&(*ir)->arena);
    hth_buf_drop(&(*ir)->key);
    hth_free((*ir)->node);
    hth_free(*ir);
    *ir = NULL;
}

HthStatus hth_ir_status(const HthIr *ir, HthErr *err) {
    HTH_REQUIRE(ir->status != HTH_ENOMEM, err, HTH_ENOMEM, "out of memory for a grammar");
    HTH_REQUIRE(ir->status == HTH_OK, err, HTH_ELIMIT,
                "the grammar is too large: at most %d pieces, %d levels and %zu MiB of them "
                "are taken",
                NODES_MAX, DEPTH_MAX, CONTENT_MAX >> 20);
    return HTH_OK;
}

static HthNode stop(HthIr *ir, HthStatus status) {
    if (ir->status == HTH_OK) ir->status = status;
    return HTH_NODE_NONE;
}

static HthNode add_node(HthIr *ir, HthIrNode node) {
    if (ir->status != HTH_OK) return HTH_NODE_NONE;
    if (ir->n == NODES_MAX || node.depth > DEPTH_MAX) return stop(ir, HTH_ELIMIT);
    if (!hth_grow(&ir->node, &ir->cap, ir->n, sizeof *ir->node)) return stop(ir, HTH_ENOMEM);
    ir->node[ir->n] = node;
    return ir->n++;
}

/* The node whose content is data, made if there is none. */
static HthNode intern(HthIr *ir, HthIrNode node, const void *data, size_t bytes) {
    if (ir->status != HTH_OK) return HTH_NODE_NONE;
    const uint32_t head[4] = { node.kind, node.n, node.min, node.max };
    hth_buf_clear(&ir->key);
    HthStatus status = hth_buf_add(&ir->key, data, bytes, NULL);
    if (status == HTH_OK) status = hth_buf_add(&ir->key, head, sizeof head, NULL);
    if (status != HTH_OK) return stop(ir, status);
    const uint32_t old = hth_map_get(ir->map, hth_buf_str(&ir->key));
    if (old != HTH_MAP_NONE) return old;
    /* An arena says only that it has no more. Its ceiling is the likelier reason when near. */
    char *kept = hth_arena_copy(ir->arena, ir->key.p, ir->key.n);
    if (!kept) {
        const bool full = hth_arena_used(ir->arena) + ir->key.n + (1 << 17) > CONTENT_MAX;
        return stop(ir, full ? HTH_ELIMIT : HTH_ENOMEM);
    }
    node.data = kept;
    const HthNode made = add_node(ir, node);
    if (made == HTH_NODE_NONE) return made;
    status = hth_map_put(ir->map, (HthStr){ kept, ir->key.n }, made, NULL);
    return status == HTH_OK ? made : stop(ir, status);
}

/* Deepest of the nodes; HTH_NONE: one of them is HTH_NODE_NONE. */
static uint32_t depth_of(const HthIr *ir, const HthNode *nodes, size_t n) {
    uint32_t depth = 0;
    for (size_t i = 0; i < n; i++) {
        if (nodes[i] == HTH_NODE_NONE) return HTH_NONE;
        HTH_ASSERT(nodes[i] < ir->n);
        if (ir->node[nodes[i]].depth > depth) depth = ir->node[nodes[i]].depth;
    }
    return depth;
}

HthNode hth_ir_bytes(HthIr *ir, HthStr bytes) {
    if (bytes.n > CONTENT_MAX / 2) return stop(ir, HTH_ELIMIT);
    return intern(ir, (HthIrNode){ .kind = HTH_IR_BYTES, .n = (uint32_t)bytes.n }, bytes.p,
                  bytes.n);
}

HthNode hth_ir_dfa(HthIr *ir, const HthByteDfa *dfa) {
    if (dfa->state_count < 2) return hth_ir_alt(ir, NULL, 0);
    if (ir->status != HTH_OK) return HTH_NODE_NONE;
    size_t cells = 0, bytes = 0;
    if (hth_mul_over(dfa->state_count, dfa->class_count, &cells) ||
        hth_mul_over(cells, sizeof *dfa->next, &bytes) || bytes > CONTENT_MAX / 2)
        return stop(ir, HTH_ELIMIT);
    const uint32_t head[2] = { dfa->state_count, dfa->class_count };
    HthBuf all;
    hth_buf_init(&all, CONTENT_MAX);
    HthStatus status = hth_buf_add(&all, head, sizeof head, NULL);
    if (status == HTH_OK) status = hth_buf_add(&all, dfa->class_of, 256, NULL);
    if (status == HTH_OK) status = hth_buf_add(&all, dfa->next, bytes, NULL);
    if (status == HTH_OK) status = hth_buf_add(&all, dfa->accept, dfa->state_count, NULL);
    HthNode node = HTH_NODE_NONE;
    if (status == HTH_OK) node = intern(ir, (HthIrNode){ .kind = HTH_IR_DFA }, all.p, all.n);
    hth_buf_drop(&all);
    if (status != HTH_OK) return stop(ir, status);
    return node;
}

static HthNode kids(HthIr *ir, HthIrKind kind, const HthNode *nodes, size_t n) {
    const uint32_t depth = depth_of(ir, nodes, n);
    if (depth == HTH_NONE) return HTH_NODE_NONE;
    if (n > KIDS_MAX) return stop(ir, HTH_ELIMIT);
    return intern(ir, (HthIrNode){ .kind = kind, .n = (uint32_t)n, .depth = depth + 1 }, nodes,
                  n * sizeof *nodes);
}

HthNode hth_ir_seq(HthIr *ir, const HthNode *nodes, size_t n) {
    return n == 1 ? nodes[0] : kids(ir, HTH_IR_SEQ, nodes, n);
}

HthNode hth_ir_alt(HthIr *ir, const HthNode *nodes, size_t n) {
    return n == 1 ? nodes[0] : kids(ir, HTH_IR_ALT, nodes, n);
}

HthNode hth_ir_repeat(HthIr *ir, HthNode node, uint32_t min, uint32_t max) {
    const uint32_t depth = depth_of(ir, &node, 1);
    if (depth == HTH_NONE) return HTH_NODE_NONE;
    if (min > max) return hth_ir_alt(ir, NULL, 0);
    if (max == 0) return hth_ir_bytes(ir, HTH_STR(""));
    if (min == 1 && max == 1) return node;
    const HthIrNode made = {
        .kind = HTH_IR_REPEAT, .n = 1, .min = min, .max = max, .depth = depth + 1
    };
    return intern(ir, made, &node, sizeof node);
}

HthNode hth_ir_rule(HthIr *ir) {
    return add_node(ir, (HthIrNode){ .kind = HTH_IR_RULE, .min = HTH_NODE_NONE });
}

void hth_ir_define(HthIr *ir, HthNode rule, HthNode body) {
    if (rule == HTH_NODE_NONE || body == HTH_NODE_NONE) return;
    HTH_ASSERT(rule < ir->n && body < ir->n && ir->node[rule].kind == HTH_IR_RULE);
    ir->node[rule].min = body;
}

HthNode hth_ir_members(HthIr *ir, const HthMembers *m) {
    if (ir->status != HTH_OK) return HTH_NODE_NONE;
    if (m->named_count > HTH_MEMBERS_MAX) return stop(ir, HTH_ELIMIT);
    const HthNode rest[3] = { m->extra_key == HTH_NODE_NONE ? m->separator : m->extra_key,
                              m->extra_key == HTH_NODE_NONE ? m->separator : m->extra_value,
                              m->separator };
    uint32_t depth = depth_of(ir, rest, 3);
    const size_t bytes = sizeof(HthIrMembers) + m->named_count * sizeof(HthIrMember);
    HthIrMembers *all = hth_calloc(1, bytes);
    if (!all) return stop(ir, HTH_ENOMEM);
    *all = (HthIrMembers){ .extra_key = m->extra_key,
                           .extra_value = m->extra_value,
                           .separator = m->separator };
    for (size_t i = 0; i < m->named_count; i++) {
        const HthNode pair[2] = { m->named[i].key, m->named[i].value };
        const uint32_t below = depth_of(ir, pair, 2);
        all->named[i] = (HthIrMember){ pair[0], pair[1], m->named[i].required };
        if (below > depth) depth = below; /* HTH_NONE is the greatest */
    }
    HthNode node = HTH_NODE_NONE;
    const HthIrNode made = { .kind = HTH_IR_MEMBERS,
                             .n = (uint32_t)m->named_count,
                             .min = m->min,
                             .max = m->max,
                             .depth = depth + 1 };
    if (depth != HTH_NONE) node = intern(ir, made, all, bytes);
    hth_free(all);
    return node;
}

const HthIrNode *hth_ir_node(const HthIr *ir, HthNode node) {
    HTH_ASSERT(node < ir->n);
    return &ir->node[node];
}

uint32_t hth_ir_count(const HthIr *ir) {
    return ir->n;
}

HthNode hth_ir_body(const HthIr *ir, HthNode rule) {
    return ir->node[rule].min;
}

HthNode hth_ir_kid(const HthIr *ir, HthNode node, uint32_t i) {
    const HthIrNode *n = hth_ir_node(ir, node);
    const HthIrMembers *m = n->data;
    switch (n->kind) {
    case HTH_IR_SEQ:
    case HTH_IR_ALT:
    case HTH_IR_REPEAT: return i < n->n ? ((const HthNode *)n->data)[i] : HTH_NODE_NONE;
    case HTH_IR_RULE: return i ? HTH_NODE_NONE : n->min;
    case HTH_IR_MEMBERS:
        if (i == 0) return m->separator;
        if (i <= 2 * n->n) return i & 1 ? m->named[(i - 1) / 2].key : m->named[(i - 1) / 2].value;
        if (m->extra_key == HTH_NODE_NONE || i > 2 * n->n + 2) return HTH_NODE_NONE;
        return i == 2 * n->n + 1 ? m->extra_key : m->extra_value;
    default: return HTH_NODE_NONE;
    }
}
