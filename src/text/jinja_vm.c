/* jinja_vm.c - the machine's counters and scopes: every step, byte and level of a render is paid
 * for here, and every variable is found here. */
#include "text/jinja.h"

#include <stdarg.h>
#include <stdio.h>

HthStatus hth_j_fail_at(HthJVm *vm, HthStatus st, const char *file, int line, const char *fmt,
                        ...) {
    char text[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return hth_fail_at(vm->err, st, file, line, "template line %u: %s", vm->line, text);
}

HthStatus hth_j_take(HthJVm *vm, size_t count, size_t size, void *out_ptr) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > vm->bytes_max - vm->bytes)
        return HTH_J_FAIL(vm, HTH_ELIMIT, "the render needs more than %zu MiB of memory",
                          vm->bytes_max >> 20);
    vm->bytes += bytes;
    void *p = hth_arena_take(vm->arena, count ? count : 1, size);
    if (!p) return HTH_J_FAIL(vm, HTH_ENOMEM, "out of memory while rendering");
    memcpy(out_ptr, &p, sizeof p);
    return HTH_OK;
}

HthStatus hth_j_work(HthJVm *vm, size_t n) {
    uint64_t cost = 1 + n / 64;
    if (cost > vm->steps_max - vm->steps)
        return HTH_J_FAIL(vm, HTH_ELIMIT, "the render took more than %llu steps",
                          (unsigned long long)vm->steps_max);
    vm->steps += cost;
    return HTH_OK;
}

HthStatus hth_j_enter(HthJVm *vm) {
    if (vm->nest >= vm->nest_max)
        return HTH_J_FAIL(vm, HTH_ELIMIT, "the render nests deeper than %u levels", vm->nest_max);
    HTH_TRY(hth_j_work(vm, 0));
    vm->nest++;
    return HTH_OK;
}

HthStatus hth_j_undef_fail(HthJVm *vm, HthJVal v) {
    int n = v.n < 100 ? (int)v.n : 100;
    switch (v.sub) {
    case HTH_J_UNDEF_NAME:
        return HTH_J_FAIL(vm, HTH_EINVAL, "the variable '%.*s' is undefined", n, v.u.s);
    case HTH_J_UNDEF_ATTR:
        return HTH_J_FAIL(vm, HTH_EINVAL, "the attribute '%.*s' is undefined", n, v.u.s);
    default: return HTH_J_FAIL(vm, HTH_EINVAL, "%.*s", n, v.u.s);
    }
}

/* --- scopes --- */
static HthJVar *var_in(HthJScope *s, uint32_t id) {
    for (uint32_t i = 0; i < s->n; i++)
        if (s->v[i].id == id) return &s->v[i];
    return NULL;
}

HthStatus hth_j_set(HthJVm *vm, uint32_t id, HthJVal v) {
    HthJScope *s = vm->scope;
    HthJVar *var = var_in(s, id);
    if (!var) {
        if (s->n == s->cap) {
            uint32_t cap = s->cap ? s->cap * 2 : 4;
            HthJVar *grown;
            HTH_TRY(hth_j_take(vm, cap, sizeof *grown, &grown));
            if (s->n) memcpy(grown, s->v, s->n * sizeof *grown);
            s->v = grown;
            s->cap = cap;
        }
        var = &s->v[s->n++];
        var->id = id;
    }
    var->v = v;
    return HTH_OK;
}

/* What the caller of the render or Jinja itself provides under a name. */
static HthStatus from_context(HthJVm *vm, uint32_t id, HthJVal *out) {
    HthJVal *slot = &vm->context[id];
    if (slot->kind == HTH_J_ABSENT) {
        HthStr name = vm->t->names[id];
        const json_t *json = json_object_getn(vm->vars, name.p, name.n);
        const HthJBuiltin *b = json ? NULL : hth_j_find(hth_j_globals, name);
        if (vm->marks) vm->marks->data = !json_is_string(json);
        if (json)
            HTH_TRY(hth_j_from_json(vm, json, slot));
        else if (b)
            HTH_TRY(hth_j_method(vm, b, hth_j_none(), slot));
        else
            *slot = hth_j_undef(HTH_J_UNDEF_NAME, name);
    }
    *out = *slot;
    return HTH_OK;
}

HthStatus hth_j_get(HthJVm *vm, uint32_t id, HthJVal *out) {
    uint32_t hops = 0;
    for (HthJScope *s = vm->scope; s; s = s->up) {
        HthJVar *var = var_in(s, id);
        hops += s->n;
        if (!var) continue;
        *out = var->v;
        if (var->v.kind == HTH_J_ABSENT) *out = hth_j_undef(HTH_J_UNDEF_NAME, vm->t->names[id]);
        return HTH_OK;
    }
    HTH_TRY(hth_j_work(vm, hops));
    return from_context(vm, id, out);
}
