/* schema_item.c - literals and states: what can be said about a value, each thing known once.
 *
 * Thread: as schema_int.h. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/schema_int.h"

enum { CONTEXTS_MAX = 256 };

HthStatus hth_s_item(HthSchema *s, HthSItem item, HthSLit *out) {
    const uint64_t key[4] = { (uint64_t)item.kind << 32 | item.context,
                              (uint64_t)item.a << 32 | item.b, item.c, (uintptr_t)item.p };
    const uint32_t known = hth_map_get(s->item_of, (HthStr){ (const char *)key, sizeof key });
    if (known != HTH_MAP_NONE) {
        *out = 2 * known;
        return HTH_OK;
    }
    const char *kept = hth_arena_copy(s->arena, key, sizeof key);
    HTH_REQUIRE(kept, s->err, HTH_ENOMEM, "out of memory for a schema");
    if (s->item_count == s->item_cap) {
        uint32_t a = s->item_cap, b = s->item_cap;
        HTH_TRY(hth_s_grow(&s->scalars, &a, a, sizeof *s->scalars, s->err));
        HTH_TRY(hth_s_grow(&s->scalars_known, &b, b, 1, s->err));
        HTH_TRY(hth_s_grow(&s->items, &s->item_cap, s->item_cap, sizeof *s->items, s->err));
    }
    s->scalars_known[s->item_count] = 0;
    s->items[s->item_count] = item;
    *out = 2 * s->item_count;
    return hth_map_put(s->item_of, (HthStr){ kept, sizeof key }, s->item_count++, s->err);
}

HthStatus hth_s_const(HthSchema *s, const json_t *value, HthSLit *out) {
    return hth_s_item(s, (HthSItem){ .kind = HTH_S_CONST, .p = value }, out);
}

HthStatus hth_s_key_lit(HthSchema *s, uint32_t node, uint32_t key, uint32_t entry, HthSLit *out) {
    return hth_s_item(s, (HthSItem){ HTH_S_KEY, node, key, entry, NULL, s->context }, out);
}

/* The context inside a resource that is come to from the one at hand. */
static HthStatus enter(HthSchema *s, uint32_t resource, uint32_t *out) {
    *out = s->context;
    if (!s->resources[resource].dynamic) return HTH_OK;
    for (uint32_t c = s->context; c; c = s->contexts[c].outer)
        if (s->contexts[c].resource == resource) return HTH_OK;
    for (uint32_t c = 1; c < s->context_count; c++) {
        *out = c;
        if (s->contexts[c].outer == s->context && s->contexts[c].resource == resource)
            return HTH_OK;
    }
    HTH_REQUIRE(s->context_count < CONTEXTS_MAX, s->err, HTH_ELIMIT,
                "the schema's $dynamicAnchors can be come to in more than %d ways", CONTEXTS_MAX);
    HTH_TRY(
        hth_s_grow(&s->contexts, &s->context_cap, s->context_count, sizeof *s->contexts, s->err));
    s->contexts[s->context_count] = (HthSContext){ s->context, resource };
    *out = s->context_count++;
    return HTH_OK;
}

HthStatus hth_s_node_lit(HthSchema *s, uint32_t node, HthSLit *out) {
    HthSItem item = { .kind = HTH_S_NODE, .a = node };
    const json_t *json = s->nodes[node].json;
    if (json_is_boolean(json)) {
        *out = json_is_true(json) ? HTH_S_YES : HTH_S_NO;
        return HTH_OK;
    }
    HTH_TRY(enter(s, s->nodes[node].resource, &item.context));
    return hth_s_item(s, item, out);
}

static HthStatus lit(HthSchema *s, uint32_t parent, const char *key, HthStr name,
                     const json_t *json, HthSLit *out) {
    uint32_t node;
    if (json_is_boolean(json)) {
        *out = json_is_true(json) ? HTH_S_YES : HTH_S_NO;
        return HTH_OK;
    }
    HTH_TRY(hth_s_sub(s, parent, key, name, json, &node));
    return hth_s_node_lit(s, node, out);
}

HthStatus hth_s_lit_at(HthSchema *s, uint32_t node, const char *key, size_t i, HthSLit *out) {
    char index[24];
    const int n = snprintf(index, sizeof index, "%zu", i);
    const json_t *list = json_object_get(s->nodes[node].json, key);
    return lit(s, node, key, (HthStr){ index, (size_t)n }, json_array_get(list, i), out);
}

HthStatus hth_s_lit_named(HthSchema *s, uint32_t node, const char *key, const char *name,
                          HthSLit *out) {
    const json_t *all = json_object_get(s->nodes[node].json, key);
    return lit(s, node, key, hth_str(name), json_object_get(all, name), out);
}

HthStatus hth_s_lit_of(HthSchema *s, uint32_t node, const char *key, HthSLit *out) {
    return lit(s, node, key, (HthStr){ NULL, 0 }, json_object_get(s->nodes[node].json, key), out);
}

HthStatus hth_s_lit_ref(HthSchema *s, uint32_t node, bool dynamic, HthSLit *out) {
    uint32_t to;
    const json_t *ref = json_object_get(s->nodes[node].json, dynamic ? "$dynamicRef" : "$ref");
    HTH_REQUIRE(json_is_string(ref), s->err, HTH_EINVAL, "%s: $ref must be a string",
                s->nodes[node].path);
    HTH_TRY(hth_s_ref(s, node, (HthStr){ json_string_value(ref), json_string_length(ref) }, dynamic,
                      &to));
    return hth_s_node_lit(s, to, out);
}

HthStatus hth_s_object_of(HthSchema *s, uint32_t node, const char *key, json_t **out) {
    *out = json_object_get(s->nodes[node].json, key);
    HTH_REQUIRE(json_is_object(*out), s->err, HTH_EINVAL, "%s: %s must be an object",
                s->nodes[node].path, key);
    return HTH_OK;
}

HthStatus hth_s_list_of(HthSchema *s, uint32_t node, const char *key, json_t **out) {
    *out = json_object_get(s->nodes[node].json, key);
    HTH_REQUIRE(json_is_array(*out), s->err, HTH_EINVAL, "%s: %s must be a list",
                s->nodes[node].path, key);
    return HTH_OK;
}

HthStatus hth_s_present(HthSchema *s, uint32_t node, bool present[HTH_SK_COUNT]) {
    json_t *j = (json_t *)(uintptr_t)s->nodes[node].json, *value; /* is not changed */
    const char *name;
    uint32_t count = 0;
    memset(present, 0, HTH_SK_COUNT * sizeof *present);
    json_object_foreach(j, name, value) {
        const HthSKey key = hth_s_key(name);
        HTH_REQUIRE(key != HTH_SK_REFUSED, s->err, HTH_ENOTSUP, "%s: %s is not supported",
                    s->nodes[node].path, name);
        if (key >= HTH_SK_COUNT) continue;
        present[key] = true;
        count++;
    }
    HTH_REQUIRE(s->draft >= 2019 || !present[HTH_SK_REF] || count == 1, s->err, HTH_ENOTSUP,
                "%s: keywords beside $ref are not supported in this draft", s->nodes[node].path);
    HTH_REQUIRE(s->draft >= 2020 || !json_is_array(json_object_get(j, "items")), s->err,
                HTH_ENOTSUP, "%s: items as a list is not supported; write prefixItems (2020-12)",
                s->nodes[node].path);
    return HTH_OK;
}

/* --- states --- */

static int by_value(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

HthStatus hth_s_together(HthSchema *s, HthSLit *lits, uint32_t *n, HthScalars *out, bool *alive) {
    uint32_t count = 0;
    HthScalars all = { 31, 31, HTH_SET_ALL, HTH_SET_ALL }, one;
    *alive = false;
    qsort(lits, *n, sizeof *lits, by_value);
    for (uint32_t i = 0; i < *n; i++) {
        if (lits[i] == HTH_S_NO) return HTH_OK;
        if (lits[i] == HTH_S_YES || (count && lits[count - 1] == lits[i])) continue;
        if (count && lits[count - 1] == (lits[i] ^ 1)) return HTH_OK;
        lits[count++] = lits[i];
    }
    *n = count;
    for (uint32_t i = 0; i < count; i++) {
        HTH_TRY(hth_s_scalars(s, lits[i], &one));
        HTH_TRY(hth_s_scalars_and(s, &all, &one));
    }
    *alive = all.may || all.num != HTH_SET_NONE || all.str != HTH_SET_NONE;
    *out = all;
    return HTH_OK;
}

HthStatus hth_s_state(HthSchema *s, const HthSLit *lits, uint32_t n, uint32_t *out) {
    HthSLit *own = hth_arena_take(s->arena, (size_t)n + 1, sizeof *own);
    HthScalars scalars;
    bool alive;
    HTH_REQUIRE(own, s->err, hth_arena_used(s->arena) > (size_t)64 << 20 ? HTH_ELIMIT : HTH_ENOMEM,
                "no memory left for a schema");
    if (n) memcpy(own, lits, n * sizeof *own);
    HTH_TRY(hth_s_together(s, own, &n, &scalars, &alive));
    *out = HTH_S_DEAD;
    if (!alive) return HTH_OK;
    const HthStr key = { (const char *)own, n * sizeof *own };
    *out = hth_map_get(s->state_of, key);
    if (*out != HTH_MAP_NONE) return HTH_OK;
    HTH_REQUIRE(s->state_count < HTH_SCHEMA_STATES_MAX, s->err, HTH_ELIMIT,
                "the schema combines into more than %d different ones; make it simpler",
                HTH_SCHEMA_STATES_MAX);
    HTH_TRY(hth_s_grow(&s->states, &s->state_cap, s->state_count, sizeof *s->states, s->err));
    s->states[s->state_count] = (HthSState){ own, n, hth_ir_rule(s->ir), scalars };
    *out = s->state_count++;
    return hth_map_put(s->state_of, key, *out, s->err);
}
